//! What X-Ray keeps beside traces: sampling rules and groups. Traces themselves are not rows of a shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Part, key};

/// A sampling rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SamplingRuleRow {
    pub name: String,
    pub resource_arn: String,
    /// Lower ones are asked first.
    pub priority: i32,
    /// Part of the requests beyond the reservoir that are sampled: 0 to 1.
    pub fixed_rate: f64,
    /// Requests a second that are sampled in any case.
    pub reservoir_size: i32,
    pub service_name: String,
    pub service_type: String,
    pub host: String,
    pub http_method: String,
    pub url_path: String,
    pub attributes: BTreeMap<String, String>,
    pub created_ms: i64,
    pub modified_ms: i64,
    pub tags: BTreeMap<String, String>,
}

/// A group: a name for a filter expression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TraceGroupRow {
    pub name: String,
    /// The end of its ARN: a group that is created again has another one.
    pub id: String,
    pub filter_expression: Option<String>,
    pub insights_enabled: bool,
    pub notifications_enabled: bool,
    pub tags: BTreeMap<String, String>,
}

/// Which of the two a key is of.
pub(crate) const RULE: &str = "rule";
pub(crate) const GROUP: &str = "group";

pub(crate) fn rule_key(name: &str) -> Vec<u8> {
    key(Kind::Tracing, &[Part::Name(RULE), Part::Text(name)])
}

pub(crate) fn group_key(name: &str) -> Vec<u8> {
    key(Kind::Tracing, &[Part::Name(GROUP), Part::Text(name)])
}

/// Whether the key is that of a rule.
pub(crate) fn is_rule_key(found: &[u8]) -> bool {
    found.starts_with(&rule_key(""))
}
