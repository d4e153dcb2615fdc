//! Functions, their versions, aliases and settings, and the packages that they and layers have.

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
    /// Of Lambda Managed Instances: how many invocations an environment runs at one time. The provider is only shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_provider: Option<lambda::CapacityProviderConfig>,
    /// Where events go that could not be processed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter_target: Option<String>,
    /// What is kept and shown only.
    #[serde(default, skip_serializing_if = "is_default")]
    pub shown: Shown,
    /// Of a version: SHA-256 of what was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published: Option<String>,
}

impl FunctionRow {
    /// Invocations that one environment runs at one time; 1 where nothing says otherwise.
    pub fn invocations_per_environment(&self) -> u32 {
        let given = self.capacity_provider.as_ref().and_then(|config| {
            config
                .lambda_managed_instances_capacity_provider_config
                .per_execution_environment_max_concurrency
        });
        given
            .and_then(|given| u32::try_from(given).ok())
            .unwrap_or(1)
    }
}

/// Members of a configuration that change nothing here but are shown as they were given.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Shown {
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

    pub(crate) fn routes_to(&self, version: &str) -> bool {
        self.version == version || self.weights.contains_key(version)
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
    /// What happens to a function that calls itself without end; AWS: `Terminate` until it is told otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) recursive_loop: Option<String>,
    /// By version; `$LATEST` too.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) runtime_management: BTreeMap<String, RuntimeManagement>,
}

/// When the runtime of a version is updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RuntimeManagement {
    pub(crate) update_on: String,
    pub(crate) version_arn: Option<String>,
}

/// Versions of one function or layer so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Published {
    /// Number of the newest version; a number is never given out twice, not even after the function was deleted.
    pub(crate) newest: u64,
    /// Those that are not deleted.
    pub(crate) kept: u64,
}

/// A resource-based policy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ResourcePolicy {
    pub(crate) revision_id: String,
    /// Statements as they are shown, in the order in which they were added.
    pub(crate) statements: Vec<serde_json::Value>,
}

/// A version of a layer. It never changes, but for its policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LayerVersionRow {
    pub name: String,
    pub version: u64,
    /// Without the version.
    pub layer_arn: String,
    pub description: String,
    pub license_info: Option<String>,
    pub compatible_runtimes: Option<Vec<String>>,
    pub compatible_architectures: Option<Vec<String>>,
    pub created_ms: i64,
    /// SHA-256 of the zip in lower-case hex; names its rows.
    pub package: String,
    /// SHA-256 of the zip in base64.
    pub code_sha256: String,
    pub code_bytes: u64,
    pub unzipped_bytes: u64,
    pub(crate) policy: Option<ResourcePolicy>,
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

/// INVARIANT: no version has the number 0, so its place, before all versions, is free.
pub(crate) fn published_key(function: &str) -> Vec<u8> {
    version_key(function, 0)
}

pub(crate) fn versions_of(function: &str) -> Vec<u8> {
    key(Kind::FunctionVersion, &[Part::Name(function)])
}

pub(crate) fn versions() -> Vec<u8> {
    key(Kind::FunctionVersion, &[])
}

/// Whether a row of versions, of functions or layers, is the numbers given out and not a version.
pub(crate) fn is_published_key(row_key: &[u8]) -> bool {
    row_key[0] != Kind::Function as u8 && row_key.ends_with(&[0; 8])
}

/// The function and the number in the key of a version.
pub(crate) fn read_version_key(row_key: &[u8]) -> Option<(String, u64)> {
    let rest = row_key.strip_prefix(&[Kind::FunctionVersion as u8])?;
    let (name, number) = rest.split_at_checked(rest.len().checked_sub(8)?)?;
    let name = String::from_utf8(name.strip_suffix(&[0])?.to_vec()).ok()?;
    Some((name, u64::from_be_bytes(number.try_into().ok()?)))
}

pub(crate) fn alias_key(function: &str, name: &str) -> Vec<u8> {
    key(
        Kind::FunctionAlias,
        &[Part::Name(function), Part::Text(name)],
    )
}

pub(crate) fn aliases_of(function: &str) -> Vec<u8> {
    key(Kind::FunctionAlias, &[Part::Name(function)])
}

pub(crate) fn settings_key(function: &str) -> Vec<u8> {
    settings_of(function)
}

/// Where the policy of a function, a version or an alias is kept.
pub(crate) fn policy_key(function: &str, qualifier: Option<&str>) -> Vec<u8> {
    let topic = format!("policy:{}", qualifier.unwrap_or_default());
    key(
        Kind::FunctionSettings,
        &[Part::Name(function), Part::Text(&topic)],
    )
}

/// Everything that is kept for a function beside its revisions; the settings are the first of it.
pub(crate) fn settings_of(function: &str) -> Vec<u8> {
    key(Kind::FunctionSettings, &[Part::Name(function)])
}

pub(crate) fn all_settings() -> Vec<u8> {
    key(Kind::FunctionSettings, &[])
}

/// Whether a row of the settings' kind has settings, not a policy.
pub(crate) fn is_settings_key(row_key: &[u8]) -> bool {
    row_key.last() == Some(&0)
}

/// The function whose settings a row has.
pub(crate) fn settings_owner(row_key: &[u8]) -> Option<String> {
    let name = row_key.get(1..)?.strip_suffix(&[0])?;
    String::from_utf8(name.to_vec()).ok()
}

pub(crate) fn layer_key(layer: &str, number: u64) -> Vec<u8> {
    key(
        Kind::LayerVersion,
        &[Part::Name(layer), Part::Number(number)],
    )
}

/// INVARIANT: no version has the number 0, so its place, before all versions, is free.
pub(crate) fn layer_published_key(layer: &str) -> Vec<u8> {
    layer_key(layer, 0)
}

pub(crate) fn layer_versions_of(layer: &str) -> Vec<u8> {
    key(Kind::LayerVersion, &[Part::Name(layer)])
}

pub(crate) fn layers() -> Vec<u8> {
    key(Kind::LayerVersion, &[])
}

/// A mark that `owner` has a package.
pub(crate) fn use_key(package: &str, owner: &str) -> Vec<u8> {
    key(Kind::PackageUse, &[Part::Name(package), Part::Text(owner)])
}

pub(crate) fn uses_of(package: &str) -> Vec<u8> {
    key(Kind::PackageUse, &[Part::Name(package)])
}

/// A mark that all functions have their marks: an older release wrote none.
pub(crate) fn uses_listed_key() -> Vec<u8> {
    key(Kind::PackageUse, &[])
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
