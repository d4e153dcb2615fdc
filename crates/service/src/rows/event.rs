//! EventBridge: buses, and rules with their targets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::events;

use super::{Kind, Part, key};

/// An event bus. The default bus has a row only once something of it was changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventBusRow {
    pub(crate) name: String,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) description: Option<String>,
    pub(crate) kms_key: Option<String>,
    pub(crate) dead_letter: Option<String>,
    /// The resource policy, JSON.
    pub(crate) policy: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// A rule of a bus.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventRuleRow {
    pub(crate) bus: String,
    pub(crate) name: String,
    pub(crate) pattern: Option<String>,
    pub(crate) schedule: Option<String>,
    pub(crate) state: String,
    pub(crate) description: Option<String>,
    pub(crate) role_arn: Option<String>,
    pub(crate) targets: Vec<events::Target>,
    pub(crate) tags: BTreeMap<String, String>,
    /// What a rate counts from.
    pub(crate) anchor_ms: i64,
    /// When its schedule is due next; there is a row in the index then.
    pub(crate) due_ms: Option<i64>,
}

pub(crate) fn event_bus_key(name: &str) -> Vec<u8> {
    key(Kind::EventBus, &[Part::Text(name)])
}

pub(crate) fn event_rule_key(bus: &str, name: &str) -> Vec<u8> {
    key(Kind::EventRule, &[Part::Name(bus), Part::Text(name)])
}

pub(crate) fn event_rules_of(bus: &str) -> Vec<u8> {
    key(Kind::EventRule, &[Part::Name(bus)])
}
