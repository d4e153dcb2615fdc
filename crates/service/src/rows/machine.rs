//! State machines and the definitions they had.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::states::{EncryptionConfiguration, LoggingConfiguration};

use super::{Kind, Part, key};

/// A state machine as it is now.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) is_express: bool,
    pub(crate) role_arn: String,
    /// Names the definition's row: SHA-256 of the text, hex.
    pub(crate) definition: String,
    /// Absent until the first update.
    pub(crate) revision_id: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: Option<i64>,
    pub(crate) is_deleting: bool,
    pub(crate) logging: Option<LoggingConfiguration>,
    pub(crate) tracing_enabled: bool,
    pub(crate) encryption: Option<EncryptionConfiguration>,
    pub(crate) tags: BTreeMap<String, String>,
}

pub(crate) fn machine_key(name: &str) -> Vec<u8> {
    key(Kind::Machine, &[Part::Text(name)])
}

pub(crate) fn machines() -> Vec<u8> {
    key(Kind::Machine, &[])
}

/// Definitions are stored by hash: executions in flight keep theirs when the machine changes.
pub(crate) fn definition_key(hash: &str) -> Vec<u8> {
    key(Kind::Definition, &[Part::Text(hash)])
}
