//! Log groups, and the resource policies of CloudWatch Logs. Their streams and events are not rows of a shard.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Part, key};

/// A log group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LogGroup {
    pub name: String,
    /// Names what was logged to it: a group that is created again under the same name has another one.
    pub id: String,
    pub created_ms: i64,
    /// Days after which its events go; `None` keeps them.
    pub retention_days: Option<i32>,
    /// `STANDARD`, `INFREQUENT_ACCESS` or `DELIVERY`.
    pub class: String,
    pub kms_key_id: Option<String>,
    pub tags: BTreeMap<String, String>,
}

/// A resource policy: stored and shown, not enforced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogResourcePolicy {
    pub(crate) name: String,
    pub(crate) document: String,
    pub(crate) updated_ms: i64,
}

pub(crate) fn log_group_key(name: &str) -> Vec<u8> {
    key(Kind::LogGroup, &[Part::Text(name)])
}

pub(crate) fn resource_policy_key(name: &str) -> Vec<u8> {
    key(Kind::LogResourcePolicy, &[Part::Text(name)])
}
