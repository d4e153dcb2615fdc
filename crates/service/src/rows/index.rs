//! Indexes: names, lists, timers, and what must be looked at after a crash.

use stepwell_api::arn::ExecutionArn;
use stepwell_engine::{FrameId, Ticket};

use super::{Kind, Part, key};

/// The machine part of [`name_key`]: the children of a Distributed Map are named beside its label.
pub(crate) fn machine_of(arn: &ExecutionArn) -> String {
    match arn.label() {
        None => arn.state_machine_name().to_string(),
        Some(label) => format!("{}/{label}", arn.state_machine_name()),
    }
}

/// Execution name within its state machine to the execution's number.
pub(crate) fn name_key(machine: &str, name: &str) -> Vec<u8> {
    key(
        Kind::ExecutionName,
        &[Part::Name(machine), Part::Text(name)],
    )
}

/// Executions of a state machine, newest first; the value is that of [`crate::execution_list::status_byte`].
///
/// - `listed_ms`: the instant of [`crate::execution_list::listed_ms`]; earlier releases took the start.
pub(crate) fn list_key(machine: &str, listed_ms: i64, number: u64) -> Vec<u8> {
    let newest_first = u64::MAX - listed_ms.max(0).unsigned_abs();
    key(
        Kind::ExecutionList,
        &[
            Part::Name(machine),
            Part::Number(newest_first),
            Part::Number(u64::MAX - number),
        ],
    )
}

pub(crate) fn list_of(machine: &str) -> Vec<u8> {
    key(Kind::ExecutionList, &[Part::Name(machine)])
}

/// The lists of all state machines.
pub(crate) fn lists() -> Vec<u8> {
    key(Kind::ExecutionList, &[])
}

/// The execution's number in a key of the list.
pub(crate) fn number_in_list(key: &[u8]) -> Option<u64> {
    let tail: [u8; 8] = key.get(key.len().checked_sub(8)?..)?.try_into().ok()?;
    Some(u64::MAX - u64::from_be_bytes(tail))
}

/// Executions of a state machine that have not ended.
pub(crate) fn open_key(machine: &str, number: u64) -> Vec<u8> {
    key(
        Kind::OpenExecution,
        &[Part::Name(machine), Part::Number(number)],
    )
}

/// All executions that have not ended.
pub(crate) fn all_open() -> Vec<u8> {
    key(Kind::OpenExecution, &[])
}

pub(crate) fn open_of(machine: &str) -> Vec<u8> {
    key(Kind::OpenExecution, &[Part::Name(machine)])
}

/// When an execution has something to do by itself; one row an execution.
pub(crate) fn timer_key(due_ms: i64, number: u64) -> Vec<u8> {
    due_key(Kind::Timer, due_ms, number)
}

/// What is due when, in the order of time.
pub(crate) fn due_key(kind: Kind, due_ms: i64, number: u64) -> Vec<u8> {
    key(
        kind,
        &[
            Part::Number(due_ms.max(0).unsigned_abs()),
            Part::Number(number),
        ],
    )
}

/// All rows of an index of [`due_key`].
pub(crate) fn all_due(kind: Kind) -> Vec<u8> {
    key(kind, &[])
}

/// Due instant and number in a key of [`due_key`].
pub(crate) fn timer_parts(key: &[u8]) -> Option<(i64, u64)> {
    let due = u64::from_be_bytes(key.get(1..9)?.try_into().ok()?);
    let number = u64::from_be_bytes(key.get(9..17)?.try_into().ok()?);
    Some((i64::try_from(due).ok()?, number))
}

/// Executions with an attempt whose outcome a crash would make unknown, or with a map run that goes on.
pub(crate) fn doubt_key(number: u64) -> Vec<u8> {
    key(Kind::TaskInDoubt, &[Part::Number(number)])
}

pub(crate) fn doubts() -> Vec<u8> {
    key(Kind::TaskInDoubt, &[])
}

/// Attempts that were released and never started: they are safe to call after a restart.
pub(crate) fn returned_key(number: u64, ticket: Ticket) -> Vec<u8> {
    key(
        Kind::TaskReturned,
        &[Part::Number(number), Part::Number(attempt_number(ticket))],
    )
}

pub(crate) fn returned_of(number: u64) -> Vec<u8> {
    key(Kind::TaskReturned, &[Part::Number(number)])
}

pub(crate) fn all_returned() -> Vec<u8> {
    key(Kind::TaskReturned, &[])
}

/// An execution that a task waits for: child, then parent and attempt.
pub(crate) fn nested_key(child: u64, parent: u64, ticket: Ticket) -> Vec<u8> {
    key(
        Kind::NestedExecution,
        &[
            Part::Number(child),
            Part::Number(parent),
            Part::Number(attempt_number(ticket)),
        ],
    )
}

pub(crate) fn nested_of(child: u64) -> Vec<u8> {
    key(Kind::NestedExecution, &[Part::Number(child)])
}

pub(crate) fn all_nested() -> Vec<u8> {
    key(Kind::NestedExecution, &[])
}

/// Parent and attempt in the key of a nested execution.
pub(crate) fn nested_task(key: &[u8]) -> Option<(u64, Ticket)> {
    let number = |at: usize| Some(u64::from_be_bytes(key.get(at..at + 8)?.try_into().ok()?));
    let attempt = number(17)?;
    let ticket = Ticket {
        frame: FrameId(u32::try_from(attempt >> 32).ok()?),
        attempt: u32::try_from(attempt & u64::from(u32::MAX)).ok()?,
    };
    Some((number(9)?, ticket))
}

/// The way back from a task that waits to the execution it waits for.
pub(crate) fn nested_task_key(parent: u64, ticket: Ticket) -> Vec<u8> {
    key(
        Kind::NestedTask,
        &[Part::Number(parent), Part::Number(attempt_number(ticket))],
    )
}

/// Frame and attempt as one number of a key.
fn attempt_number(ticket: Ticket) -> u64 {
    (u64::from(ticket.frame.0) << 32) | u64::from(ticket.attempt)
}

/// Asynchronous Express executions that have not ended: they start again after a crash.
pub(crate) fn express_key(number: u64) -> Vec<u8> {
    key(Kind::ExpressStart, &[Part::Number(number)])
}

pub(crate) fn expresses() -> Vec<u8> {
    key(Kind::ExpressStart, &[])
}

/// Executions that are being deleted: their own row and their name are gone, others may be left.
pub(crate) fn erasure_key(number: u64) -> Vec<u8> {
    key(Kind::Erasure, &[Part::Number(number)])
}

pub(crate) fn erasures() -> Vec<u8> {
    key(Kind::Erasure, &[])
}

/// The first key after `key`.
pub(crate) fn next_key(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

/// The name that a key begins with.
pub(crate) fn first_name(key: &[u8]) -> Option<String> {
    let end = key.iter().position(|byte| *byte == 0)?;
    String::from_utf8(key.get(1..end)?.to_vec()).ok()
}

/// The number that a key begins with.
pub(crate) fn first_number(key: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(key.get(1..9)?.try_into().ok()?))
}
