//! Activities, and the tasks that wait for a worker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::states::EncryptionConfiguration;
use stepwell_engine::{FrameId, Ticket};

use super::{Kind, Part, key};

/// An activity: a queue of tasks that workers poll.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Activity {
    pub(crate) name: String,
    pub(crate) arn: String,
    pub(crate) created_ms: i64,
    pub(crate) encryption: Option<EncryptionConfiguration>,
    pub(crate) tags: BTreeMap<String, String>,
}

/// Where a scheduled task stands in its queue, so that it can be taken out of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueuedTask {
    /// The activity's name.
    pub(crate) activity: String,
    pub(crate) queued_ms: i64,
}

pub(crate) fn activity_key(name: &str) -> Vec<u8> {
    key(Kind::Activity, &[Part::Text(name)])
}

pub(crate) fn activities() -> Vec<u8> {
    key(Kind::Activity, &[])
}

/// A task that waits for a worker, by its attempt.
pub(crate) fn activity_task_key(execution: u64, ticket: Ticket) -> Vec<u8> {
    key(
        Kind::ActivityTask,
        &[Part::Number(execution), Part::Number(fence(ticket))],
    )
}

pub(crate) fn activity_tasks_of(execution: u64) -> Vec<u8> {
    key(Kind::ActivityTask, &[Part::Number(execution)])
}

/// The same task in the queue of its activity: the one that has waited longest is first.
pub(crate) fn queue_key(task: &QueuedTask, execution: u64, ticket: Ticket) -> Vec<u8> {
    key(
        Kind::ActivityQueue,
        &[
            Part::Name(&task.activity),
            Part::Number(task.queued_ms.max(0).unsigned_abs()),
            Part::Number(execution),
            Part::Number(fence(ticket)),
        ],
    )
}

pub(crate) fn queue_of(activity: &str) -> Vec<u8> {
    key(Kind::ActivityQueue, &[Part::Name(activity)])
}

/// Execution and attempt in a key of the queue.
pub(crate) fn queued(key: &[u8]) -> Option<(u64, Ticket)> {
    let tail = key.get(key.len().checked_sub(16)?..)?;
    let execution = u64::from_be_bytes(tail[..8].try_into().ok()?);
    let frame = u32::from_be_bytes(tail[8..12].try_into().ok()?);
    let attempt = u32::from_be_bytes(tail[12..].try_into().ok()?);
    let ticket = Ticket {
        frame: FrameId(frame),
        attempt,
    };
    Some((execution, ticket))
}

fn fence(ticket: Ticket) -> u64 {
    (u64::from(ticket.frame.0) << 32) | u64::from(ticket.attempt)
}
