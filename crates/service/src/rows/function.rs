//! Functions, their versions, aliases and settings, and the packages they run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::lambda;

use super::{Kind, Part, key};

/// What is not published yet. Source: API reference of Lambda.
pub(crate) const LATEST: &str = "$LATEST";

/// Bytes of a package in one row: a row is rewritten by compaction as a whole.
pub(crate) const CODE_CHUNK_BYTES: usize = 1 << 20;

/// A function as it is now, or as it was when a version of it was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionRow {
    pub name: String,
    /// Without a qualifier.
    pub arn: String,
    pub runtime: Option<String>,
    pub handler: Option<String>,
    pub role: String,
    pub description: String,
    pub timeout_seconds: i32,
    pub memory_mb: i32,
    pub environment: BTreeMap<String, String>,
    /// SHA-256 of the package in lower-case hex; names its rows.
    pub package: String,
    /// SHA-256 of the package in base64.
    pub code_sha256: String,
    pub code_bytes: u64,
    pub modified_ms: i64,
    pub revision_id: String,
    pub tracing_mode: String,
    pub architectures: Vec<String>,
    pub ephemeral_mb: i32,
    pub tags: BTreeMap<String, String>,
    /// `$LATEST` or a published number.
    #[serde(default = "latest", skip_serializing_if = "is_latest")]
    pub version: String,
    /// In the order in which they are unpacked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<LayerUse>,
    /// Of the package alone; 0 where an older release stored it.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unzipped_bytes: u64,
    /// Absent: text, at AWS's default levels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logging: Option<lambda::LoggingConfig>,
    /// What is kept and shown only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shown: Shown,
}

/// Members of a configuration that change nothing here but are shown as they were given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dead_letter_target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vpc: Option<lambda::VpcConfig>,
    /// `ApplyOn` of SnapStart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snap_start: Option<String>,
}

/// A layer version as a function has it: it stays when the layer version is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayerUse {
    /// ARN of the layer version.
    pub arn: String,
    /// Names the rows of its zip.
    pub package: String,
    pub code_bytes: u64,
    pub unzipped_bytes: u64,
}

/// A name for a version, or for two of them by weight.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct FunctionAlias {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) description: String,
    /// Share of the invocations, from 0 to 1, that other versions get.
    pub(crate) weights: BTreeMap<String, f64>,
    pub(crate) revision_id: String,
}

impl FunctionAlias {
    /// The version that one invocation runs.
    ///
    /// - `draw`: evenly distributed; the same number chooses the same version.
    pub(crate) fn choose(&self, draw: u64) -> &str {
        // The upper 53 bits: exact as a float, and below 1.
        let share = (draw >> 11) as f64 / (1u64 << 53) as f64;
        let mut below = 0.0;
        for (version, weight) in &self.weights {
            below += weight;
            if share < below {
                return version;
            }
        }
        &self.version
    }
}

/// What belongs to a function and to none of its revisions. Absent while nothing was set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FunctionSettings {
    /// Invocations of all versions at one time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reserved_concurrency: Option<u32>,
    /// By version or alias.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) provisioned: BTreeMap<String, Provisioned>,
}

/// Environments that are kept ready for a version or an alias.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Provisioned {
    pub(crate) concurrency: u32,
    pub(crate) modified_ms: i64,
}

fn latest() -> String {
    LATEST.to_string()
}

fn is_latest(version: &String) -> bool {
    version == LATEST
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_default(shown: &Shown) -> bool {
    *shown == Shown::default()
}

pub(crate) fn function_key(name: &str) -> Vec<u8> {
    key(Kind::Function, &[Part::Text(name)])
}

pub(crate) fn functions() -> Vec<u8> {
    key(Kind::Function, &[])
}

/// Versions sort oldest first.
pub(crate) fn version_key(function: &str, number: u64) -> Vec<u8> {
    key(
        Kind::FunctionVersion,
        &[Part::Name(function), Part::Number(number)],
    )
}

pub(crate) fn alias_key(function: &str, name: &str) -> Vec<u8> {
    key(
        Kind::FunctionAlias,
        &[Part::Name(function), Part::Text(name)],
    )
}

pub(crate) fn settings_key(function: &str) -> Vec<u8> {
    key(Kind::FunctionSettings, &[Part::Text(function)])
}

/// One chunk of a package, named by its SHA-256.
pub(crate) fn code_key(package: &str, chunk: u64) -> Vec<u8> {
    key(
        Kind::FunctionCode,
        &[Part::Name(package), Part::Number(chunk)],
    )
}

pub(crate) fn code_of(package: &str) -> Vec<u8> {
    key(Kind::FunctionCode, &[Part::Name(package)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alias(weights: &[(&str, f64)]) -> FunctionAlias {
        let pair = |(version, weight): &(&str, f64)| (version.to_string(), *weight);
        FunctionAlias {
            name: "live".to_string(),
            version: "1".to_string(),
            description: String::new(),
            weights: weights.iter().map(pair).collect(),
            revision_id: String::new(),
        }
    }

    #[test]
    fn a_weight_is_the_share_of_the_draws() {
        let at = |weight: f64, draw: u64| alias(&[("2", weight)]).choose(draw).to_string();
        assert_eq!(alias(&[]).choose(0), "1");
        assert_eq!((at(0.0, 0), at(0.0, u64::MAX)), ("1".into(), "1".into()));
        assert_eq!((at(1.0, 0), at(1.0, u64::MAX)), ("2".into(), "2".into()));
        let quarter = 1u64 << 62;
        assert_eq!(
            (at(0.25, quarter - 1), at(0.25, quarter)),
            ("2".into(), "1".into())
        );
    }
}
