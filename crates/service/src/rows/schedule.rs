//! EventBridge Scheduler: groups and schedules, and what is due: schedules, scheduled rules, events on their way.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::scheduler;

use super::{Kind, Part, key};

/// A schedule group. The default group has a row only once a schedule of it was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScheduleGroupRow {
    pub(crate) name: String,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    pub(crate) tags: BTreeMap<String, String>,
    /// How many schedules are in it.
    pub(crate) schedules: u64,
    /// The token that it was created with.
    pub(crate) client_token: Option<String>,
}

/// A schedule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScheduleRow {
    pub(crate) group: String,
    pub(crate) name: String,
    pub(crate) expression: String,
    pub(crate) time_zone: String,
    pub(crate) start_ms: Option<i64>,
    pub(crate) end_ms: Option<i64>,
    pub(crate) description: Option<String>,
    pub(crate) state: String,
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) target: scheduler::Target,
    pub(crate) window: scheduler::FlexibleTimeWindow,
    pub(crate) after_completion: String,
    pub(crate) created_ms: i64,
    pub(crate) modified_ms: i64,
    /// What a rate counts from.
    pub(crate) anchor_ms: i64,
    /// The occurrence that comes next, and when it is due within its window; there is a row in the index then.
    pub(crate) next: Option<(i64, i64)>,
    /// The token that it was created with.
    pub(crate) client_token: Option<String>,
}

pub(crate) fn schedule_group_key(name: &str) -> Vec<u8> {
    key(Kind::ScheduleGroup, &[Part::Text(name)])
}

pub(crate) fn schedule_key(group: &str, name: &str) -> Vec<u8> {
    key(Kind::Schedule, &[Part::Name(group), Part::Text(name)])
}

pub(crate) fn schedules_of(group: &str) -> Vec<u8> {
    key(Kind::Schedule, &[Part::Name(group)])
}

/// What is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ticking {
    /// Bus and name.
    Rule(String, String),
    /// Group and name.
    Schedule(String, String),
    /// Bus and what tells it from other events of its instant. The row holds the event.
    Event(String, String),
}

/// When a schedule or a scheduled rule is due; one row each. Events are due at once.
pub(crate) fn due_key(due_ms: i64, ticking: &Ticking) -> Vec<u8> {
    let (mark, place, name) = match ticking {
        Ticking::Rule(bus, name) => ("r", bus, name),
        Ticking::Schedule(group, name) => ("s", group, name),
        Ticking::Event(bus, id) => ("e", bus, id),
    };
    key(
        Kind::ScheduleDue,
        &[
            Part::Number(due_ms.max(0).unsigned_abs()),
            Part::Name(mark),
            Part::Name(place),
            Part::Text(name),
        ],
    )
}

pub(crate) fn dues() -> Vec<u8> {
    key(Kind::ScheduleDue, &[])
}

/// Instant and what is due then, from a key of [`due_key`].
pub(crate) fn due_parts(key: &[u8]) -> Option<(i64, Ticking)> {
    let due_ms = i64::try_from(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?)).ok()?;
    let mut parts = key.get(9..)?.splitn(3, |byte| *byte == 0);
    let mut text = || String::from_utf8(parts.next()?.to_vec()).ok();
    let (mark, place, name) = (text()?, text()?, text()?);
    match mark.as_str() {
        "r" => Some((due_ms, Ticking::Rule(place, name))),
        "s" => Some((due_ms, Ticking::Schedule(place, name))),
        "e" => Some((due_ms, Ticking::Event(place, name))),
        _ => None,
    }
}
