//! The end of an execution is that of a run where nothing goes wrong, unless what went wrong may show.
//!
//! Faults may show in five ways, and only then an end is not compared:
//! - a task that was lost or timed out was not tried again, or its state failed for good in either run: a definition may
//!   catch that, or fail with it;
//! - branches, iterations or children fail while others run (the reference aborts some): the first one decides, and time
//!   decides which is first;
//! - a function that fails a few times fails for good in the reference, and the server died: asked again it may succeed;
//! - somebody stopped the execution, or redrove it;
//! - the execution itself timed out, or an Express child did, which has no history.

use std::collections::{BTreeMap, BTreeSet};

use stepwell_api::states::HistoryEvent;

use super::answers::error_of;
use super::reference::{Reference, reference};
use super::{Disturbance, Ending, Wrong};
use crate::definitions::{LOST_ERRORS, Sample};

/// Compares the end of an execution with that of its reference.
///
/// - `events`: its history; `None` for Express.
pub fn compare(
    sample: &Sample,
    events: Option<&[HistoryEvent]>,
    ending: &Ending,
    disturbance: &Disturbance,
) -> Result<(), Wrong> {
    let wrong = |text: String| Wrong {
        checker: "oracle",
        text,
    };
    let reference =
        reference(sample).map_err(|reason| wrong(format!("{reason}: {}", sample.definition)))?;
    if may_differ(sample, &reference, events, ending, disturbance) {
        return Ok(());
    }
    let (found, expected) = (steady(ending), steady(&reference.ending));
    if found == expected {
        return Ok(());
    }
    let (found, expected) = (format!("{found:?}"), format!("{expected:?}"));
    Err(wrong(format!(
        "it ended with {}, and where nothing goes wrong with {}; its input is {}, its definition {}",
        from_difference(&found, &expected),
        from_difference(&expected, &found),
        sample.input,
        sample.definition
    )))
}

/// Characters of an end that a message shows.
const SHOWN_CHARS: usize = 300;

/// The text from shortly before where it begins to differ from the other.
fn from_difference(text: &str, other: &str) -> String {
    let same = text.chars().zip(other.chars());
    let same = same.take_while(|(one, other)| one == other).count();
    let from = same.saturating_sub(SHOWN_CHARS / 3);
    let shown: String = text.chars().skip(from).take(SHOWN_CHARS).collect();
    format!("... {shown} ...")
}

/// Whether what went wrong with an execution may show in its end.
fn may_differ(
    sample: &Sample,
    reference: &Reference,
    events: Option<&[HistoryEvent]>,
    ending: &Ending,
    disturbance: &Disturbance,
) -> bool {
    let is_stopped = ending.status == "ABORTED" && disturbance.was_stopped;
    if is_stopped || ending.status == "TIMED_OUT" || reference.has_aborts {
        return true;
    }
    let Some(events) = events else {
        return false;
    };
    let is_redriven = events
        .iter()
        .any(|event| event.r#type == "ExecutionRedriven");
    let has_express_children = sample.definition.contains(r#""ExecutionType":"EXPRESS""#);
    let has_failed_run = events.iter().any(|event| event.r#type == "MapRunFailed");
    if is_redriven || has_express_children && has_failed_run {
        return true;
    }
    let tasks = Tasks::of(events);
    let good = Tasks::of(&reference.events);
    // A function that fails a few times was asked once more than the history shows: the server may call it again.
    let fails_by_count = sample.definition.contains("flaky-") && !good.failed_for_good.is_empty();
    if fails_by_count && disturbance.jumps > 0 {
        return true;
    }
    tasks
        .disturbed
        .iter()
        .any(|state| tasks.failed_for_good.contains(state) || good.failed_for_good.contains(state))
}

/// What became of the tasks of one history, by the names of their states.
#[derive(Debug, Default)]
struct Tasks {
    /// States of which an attempt was lost or timed out.
    disturbed: BTreeSet<String>,
    /// States of which an attempt failed and was not tried again.
    failed_for_good: BTreeSet<String>,
}

impl Tasks {
    fn of(events: &[HistoryEvent]) -> Tasks {
        let by_id: BTreeMap<i64, &HistoryEvent> =
            events.iter().map(|event| (event.id, event)).collect();
        let retried: BTreeSet<i64> = events
            .iter()
            .filter(|event| event.r#type.ends_with("Scheduled"))
            .filter_map(|event| event.previous_event_id)
            .collect();
        let mut tasks = Tasks::default();
        for event in events {
            let is_time_out = matches!(
                event.r#type.as_str(),
                "LambdaFunctionTimedOut" | "TaskTimedOut" | "ActivityTimedOut"
            );
            let error = error_of(event);
            if !is_time_out && error.is_none() {
                continue;
            }
            let state = state_of(&by_id, event);
            if is_time_out || error.is_some_and(|error| LOST_ERRORS.contains(&error)) {
                tasks.disturbed.insert(state.clone());
            }
            if !retried.contains(&event.id) {
                tasks.failed_for_good.insert(state);
            }
        }
        tasks
    }
}

/// The name of the state that a task's event belongs to.
fn state_of(events: &BTreeMap<i64, &HistoryEvent>, event: &HistoryEvent) -> String {
    let mut current = Some(event);
    while let Some(event) = current {
        if let Some(details) = &event.state_entered_event_details {
            return details.name.clone();
        }
        let previous = event.previous_event_id.unwrap_or_default();
        current = events
            .get(&previous)
            .copied()
            .filter(|found| found.id < event.id);
    }
    String::new()
}

/// An end without what differs from run to run: ids of events, names that were drawn, instants.
fn steady(ending: &Ending) -> Ending {
    let text = |text: &Option<String>| text.as_deref().map(steady_text);
    Ending {
        status: ending.status.clone(),
        output: text(&ending.output),
        error: text(&ending.error),
        cause: text(&ending.cause),
    }
}

/// Digits of a number that can only be an instant.
const INSTANT_DIGITS: usize = 10;

fn steady_text(text: &str) -> String {
    const EXECUTION: &str = "execution:";
    let mut steady = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(name) = rest.strip_prefix(EXECUTION) {
            steady += "execution:NAME";
            rest =
                name.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || "-_:/.".contains(c));
        } else if let Some(id) = rest.strip_prefix("(entered at the event id #") {
            steady += "(entered at the event id #N";
            rest = id.trim_start_matches(|c: char| c.is_ascii_digit());
        } else if let Some(after) = after_trace_header(rest) {
            rest = after;
        } else if is_uuid(rest) {
            steady += "UUID";
            rest = &rest[UUID_LENGTH..];
        } else if first.is_ascii_digit() {
            let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            let digits = rest.len() - after.len();
            if digits >= INSTANT_DIGITS {
                steady += "INSTANT";
                rest = after.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            } else {
                steady += &rest[..digits];
                rest = after;
            }
        } else {
            steady.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    steady
}

/// What follows a member with the trace header of a child; the quotation marks are escaped as often as texts are nested.
///
/// Executions of the oracle have no caller, so their children have no header.
fn after_trace_header(text: &str) -> Option<&str> {
    fn quoted<'a>(text: &'a str, word: &str) -> Option<&'a str> {
        text.trim_start_matches('\\')
            .strip_prefix('"')?
            .strip_prefix(word)
    }
    let value = quoted(text.strip_prefix(',')?, "TraceHeader")?;
    let value = quoted(value, ":")?;
    let number = quoted(value, "sim-")?;
    quoted(number.trim_start_matches(|c: char| c.is_ascii_digit()), "")
}

const UUID_LENGTH: usize = 36;

fn is_uuid(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= UUID_LENGTH
        && bytes[..UUID_LENGTH]
            .iter()
            .enumerate()
            .all(|(at, byte)| match at {
                8 | 13 | 18 | 23 => *byte == b'-',
                _ => byte.is_ascii_hexdigit(),
            })
}

#[cfg(test)]
mod tests {
    use super::steady_text;

    #[test]
    fn what_differs_from_run_to_run_is_left_out() {
        let text = "state 'T' (entered at the event id #12). 1700000000.123 of execution:m:e \
                    0a0b0c0d-1111-4222-8333-444455556666 n 123\
                    ,\\\"TraceHeader\\\":\\\"sim-6\\\"}";
        assert_eq!(
            steady_text(text),
            "state 'T' (entered at the event id #N). INSTANT of execution:NAME UUID n 123}"
        );
    }
}
