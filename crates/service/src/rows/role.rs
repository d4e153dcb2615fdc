//! Roles and managed policies of IAM.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Part, key};

/// A role: who may assume it, and the policies that it has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Role {
    pub(crate) name: String,
    /// `AROA` and 17 letters and digits: a role that is created again has another one.
    pub(crate) id: String,
    /// `/`, or names between slashes.
    pub(crate) path: String,
    pub(crate) created_ms: i64,
    /// The trust policy, as it was given.
    pub(crate) trust: String,
    pub(crate) description: Option<String>,
    pub(crate) session_seconds_max: i32,
    pub(crate) permissions_boundary: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// Inline policies: name to document.
    pub(crate) inline: BTreeMap<String, String>,
    /// Managed policies that are attached, by ARN.
    pub(crate) attached: Vec<String>,
}

/// A managed policy of the account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Policy {
    pub(crate) name: String,
    /// `ANPA` and 17 letters and digits.
    pub(crate) id: String,
    pub(crate) path: String,
    pub(crate) created_ms: i64,
    pub(crate) description: Option<String>,
    pub(crate) document: String,
    /// Roles that it is attached to.
    pub(crate) attachments: u32,
    pub(crate) tags: BTreeMap<String, String>,
}

/// AWS: names that differ in case alone are one name.
pub(crate) fn role_key(name: &str) -> Vec<u8> {
    key(Kind::Role, &[Part::Text(&name.to_ascii_lowercase())])
}

pub(crate) fn roles() -> Vec<u8> {
    key(Kind::Role, &[])
}

/// AWS: as with roles; the path is not part of a policy's identity.
pub(crate) fn policy_key(name: &str) -> Vec<u8> {
    key(Kind::Policy, &[Part::Text(&name.to_ascii_lowercase())])
}

pub(crate) fn policies() -> Vec<u8> {
    key(Kind::Policy, &[])
}
