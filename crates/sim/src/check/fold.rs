//! A history folded through the engine gives the state that the rows have.
//!
//! Every event was caused by an input at the instant that it shows. Given the same inputs at the same instants, a fresh
//! execution writes the same history and ends up as the rows say. What a crash has lost, doubled or torn differs.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_engine::{
    Definition, Details, Event, EventId, Execution, FrameId, Identity, Input, MachineKind, Payload,
    Ticket, Timestamp, step,
};
use stepwell_service::audit::{Audit, StoredExecution, StoredMapRun};

use super::Wrong;

/// Seconds that a Standard execution may take, its redrives included (AWS: a year).
const STANDARD_SECONDS_MAX: u64 = 365 * 24 * 60 * 60;

/// The execution that the history of `stored` makes.
///
/// - Errors: the first event that no input explains; the checker's name says what kind of event it is.
pub fn folded(audit: &Audit, number: u64, stored: &StoredExecution) -> Result<Execution, Wrong> {
    let events: Vec<&Event> = stored.events().collect();
    let Some(first) = events.first() else {
        return Err(wrong("history", number, "it has a row and no events"));
    };
    let Some(text) = &stored.definition else {
        return Err(wrong(
            "rows",
            number,
            "the row of its definition is missing",
        ));
    };
    let definition = Definition::parse(text, MachineKind::Standard)
        .map_err(|_| wrong("rows", number, "its definition is not valid"))?;
    let Details::ExecutionStarted { input } = &first.details else {
        return Err(wrong(
            "history",
            number,
            &format!("it begins with {first:?}"),
        ));
    };
    let Some(input) = input.text() else {
        return Err(wrong(
            "history",
            number,
            "its start does not store the input",
        ));
    };
    let own = definition.timeout_seconds();
    let timeout = own.map_or(STANDARD_SECONDS_MAX, |own| own.min(STANDARD_SECONDS_MAX));
    let execution = Execution::new(
        Identity::clone(&stored.execution.identity),
        Arc::new(definition),
        Payload::from_text(input),
        Some(timeout),
    );
    let mut fold = Fold {
        audit,
        number,
        events,
        at: 0,
        timeout_seconds: own,
        execution,
    };
    fold.run()?;
    Ok(fold.execution)
}

struct Fold<'a> {
    audit: &'a Audit,
    number: u64,
    events: Vec<&'a Event>,
    /// The first event that is not explained yet.
    at: usize,
    /// The machine's own limit.
    timeout_seconds: Option<u64>,
    execution: Execution,
}

impl Fold<'_> {
    fn run(&mut self) -> Result<(), Wrong> {
        self.feed(Input::Start, self.events[0].timestamp_ms)?;
        while let Some(event) = self.events.get(self.at).copied() {
            let before = self.at;
            let now_ms = event.timestamp_ms;
            let input = self.cause_of(event)?;
            if let Input::Due = input {
                self.beat(now_ms);
            }
            let is_due = matches!(input, Input::Due);
            self.feed(input, now_ms)?;
            if self.at == before {
                return Err(self.unexplained(event, is_due));
            }
        }
        Ok(())
    }

    /// Steps the execution and compares what it writes with the history.
    fn feed(&mut self, input: Input, now_ms: i64) -> Result<(), Wrong> {
        let shown = format!("{input:?}");
        let now = Timestamp::from_millis(now_ms);
        for event in step(&mut self.execution, now, input).events {
            let found = self.events.get(self.at);
            let is_same = found.is_some_and(|found| is_same(found, &event));
            if !is_same {
                let text = format!(
                    "after {} the history should have {event:?} and has {found:?}",
                    shown.chars().take(300).collect::<String>()
                );
                return Err(wrong("fold", self.number, &text));
            }
            self.at += 1;
        }
        Ok(())
    }

    /// What must have come in for `event` to be written.
    fn cause_of(&self, event: &Event) -> Result<Input, Wrong> {
        Ok(match &event.details {
            Details::FunctionSucceeded { output }
            | Details::TaskSucceeded { output, .. }
            | Details::ActivitySucceeded { output } => Input::Succeeded {
                ticket: self.ticket(event)?,
                output: self.text(event, output.text())?,
            },
            Details::FunctionFailed { error, cause }
            | Details::TaskFailed { error, cause, .. }
            | Details::ActivityFailed { error, cause } => Input::Failed {
                ticket: self.ticket(event)?,
                error: error.clone(),
                cause: cause.clone(),
            },
            Details::TaskSubmitted { output, .. } => Input::Submitted {
                ticket: self.ticket(event)?,
                output: self.text(event, output.text())?,
            },
            Details::ActivityStarted { worker_name } => Input::Taken {
                ticket: self.ticket(event)?,
                worker_name: worker_name.clone(),
            },
            Details::ExecutionAborted { error, cause } => Input::Stop {
                error: error.clone(),
                cause: cause.clone(),
            },
            // A stop ends the map runs first.
            Details::MapRunAborted => self.cause_of_end(),
            Details::ExecutionRedriven { .. } => Input::Redrive {
                deadline: Some(self.deadline_from(event.timestamp_ms)),
            },
            Details::MapRunSucceeded => {
                let run = self.map_run(event)?;
                Input::MapRunSucceeded {
                    ticket: self.ticket_of(run)?,
                    output: joined(run),
                }
            }
            Details::MapRunFailed { error, cause } => Input::MapRunFailed {
                ticket: self.ticket_of(self.map_run(event)?)?,
                error: error.clone().unwrap_or_default(),
                cause: cause.clone(),
            },
            _ => Input::Due,
        })
    }

    fn cause_of_end(&self) -> Input {
        let end = self.events[self.at..].iter().find_map(|event| {
            let Details::ExecutionAborted { error, cause } = &event.details else {
                return (!matches!(event.details, Details::MapRunAborted)).then_some(Input::Due);
            };
            Some(Input::Stop {
                error: error.clone(),
                cause: cause.clone(),
            })
        });
        end.unwrap_or(Input::Due)
    }

    /// The open attempt that a task's event belongs to.
    fn ticket(&self, event: &Event) -> Result<Ticket, Wrong> {
        let scheduled = scheduled_before(&self.events, event.previous);
        let tickets = self.execution.frames().iter().filter_map(|(id, frame)| {
            let attempt = frame.open_attempt()?;
            Some(Ticket {
                frame: *id,
                attempt,
            })
        });
        let mut of_event = tickets.filter(|ticket| {
            scheduled.is_some() && self.execution.scheduled_at(*ticket) == scheduled
        });
        of_event.next().ok_or_else(|| {
            let text = format!("it has {event:?}, and no attempt of that task is open");
            wrong("task events", self.number, &text)
        })
    }

    fn map_run(&self, event: &Event) -> Result<&StoredMapRun, Wrong> {
        let mut id = event.previous;
        while let Some(before) = at(&self.events, id) {
            if let Details::MapRunStarted { arn } | Details::MapRunRedriven { arn, .. } =
                &before.details
            {
                let run = self.audit.map_runs.values().find(|run| run.arn == *arn);
                return run
                    .ok_or_else(|| wrong("map runs", self.number, &format!("{arn} has no row")));
            }
            id = before.previous;
        }
        let text = format!("{event:?} follows no start of a map run");
        Err(wrong("map runs", self.number, &text))
    }

    /// The ticket that the run has at this point: a redrive gives it another one.
    fn ticket_of(&self, run: &StoredMapRun) -> Result<Ticket, Wrong> {
        let open = self.execution.open_map_runs();
        let mut of_frame = open
            .into_iter()
            .filter(|ticket| ticket.frame == run.ticket.frame);
        of_frame.next().ok_or_else(|| {
            let text = format!("the map run {} ends, and nobody awaits it", run.arn);
            wrong("map runs", self.number, &text)
        })
    }

    fn text(&self, event: &Event, text: Option<&str>) -> Result<Payload, Wrong> {
        text.map(Payload::from_text).ok_or_else(|| {
            let text = format!("{event:?} does not store its payload");
            wrong("payloads", self.number, &text)
        })
    }

    fn deadline_from(&self, now_ms: i64) -> Timestamp {
        let after = |ms: i64, seconds: u64| {
            ms.saturating_add(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX))
        };
        let latest = after(self.execution.identity.started_ms, STANDARD_SECONDS_MAX);
        let own = self.timeout_seconds.map(|own| after(now_ms, own));
        Timestamp::from_millis(own.map_or(latest, |own| own.min(latest)))
    }

    /// A heartbeat writes no event: who did not time out although it was due must have beaten.
    fn beat(&mut self, now_ms: i64) {
        let open: Vec<FrameId> = self
            .execution
            .frames()
            .iter()
            .filter(|(_, frame)| frame.open_attempt().is_some())
            .map(|(id, _)| *id)
            .collect();
        for frame in open {
            let attempt = self.execution.frames()[&frame].open_attempt();
            let Some(ticket) = attempt.map(|attempt| Ticket { frame, attempt }) else {
                continue;
            };
            let deadline_ms = self.execution.frames()[&frame].deadline_ms();
            let is_due = deadline_ms.is_some_and(|deadline| deadline <= now_ms);
            let times_out_ms = self.timed_out_ms(ticket);
            // A task that timed out although nothing was due has beaten before it was submitted: its time runs from then on.
            if is_due == (times_out_ms == Some(now_ms)) {
                continue;
            }
            let beat_ms = times_out_ms.map_or(now_ms, |end_ms| {
                let heartbeat_ms = self.heartbeat_ms(ticket);
                now_ms.min(end_ms.saturating_sub(heartbeat_ms))
            });
            step(
                &mut self.execution,
                Timestamp::from_millis(beat_ms),
                Input::Heartbeat { ticket },
            );
        }
    }

    /// When the history says that an attempt timed out.
    fn timed_out_ms(&self, ticket: Ticket) -> Option<i64> {
        let scheduled = self.execution.scheduled_at(ticket)?;
        let end = self.events[self.at..].iter().find(|event| {
            ends_attempt(&event.details)
                && scheduled_before(&self.events, event.previous) == Some(scheduled)
        })?;
        let is_time_out = matches!(
            end.details,
            Details::FunctionTimedOut { .. }
                | Details::TaskTimedOut { .. }
                | Details::ActivityTimedOut { .. }
        );
        is_time_out.then_some(end.timestamp_ms)
    }

    fn heartbeat_ms(&self, ticket: Ticket) -> i64 {
        let scheduled = self.execution.scheduled_at(ticket);
        let event = scheduled.and_then(|id| at(&self.events, id));
        let seconds = match event.map(|event| &event.details) {
            Some(
                Details::TaskScheduled {
                    heartbeat_seconds, ..
                }
                | Details::ActivityScheduled {
                    heartbeat_seconds, ..
                },
            ) => heartbeat_seconds.unwrap_or(0),
            _ => 0,
        };
        i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX)
    }

    /// Nothing came of the input that should have led to `event`.
    fn unexplained(&self, event: &Event, is_due: bool) -> Wrong {
        let deadline = self.execution.next_deadline();
        let is_early = deadline.is_none_or(|deadline| deadline.as_millis() > event.timestamp_ms);
        let checker = if is_due && is_early {
            "early timers"
        } else {
            "fold"
        };
        let text = format!(
            "nothing leads to {event:?} at its instant; what is due next is due at {:?}",
            deadline.map(Timestamp::as_millis)
        );
        wrong(checker, self.number, &text)
    }
}

fn is_same(one: &Event, other: &Event) -> bool {
    one.id == other.id
        && one.previous == other.previous
        && one.timestamp_ms == other.timestamp_ms
        && one.details == other.details
}

fn at<'e>(events: &[&'e Event], id: EventId) -> Option<&'e Event> {
    let index = usize::try_from(id.0.checked_sub(1)?).ok()?;
    events.get(index).copied().filter(|event| event.id == id)
}

/// The event that scheduled the attempt whose chain the event `id` belongs to.
fn scheduled_before(events: &[&Event], id: EventId) -> Option<EventId> {
    let event = at(events, id)?;
    match event.details {
        Details::FunctionScheduled { .. }
        | Details::TaskScheduled { .. }
        | Details::ActivityScheduled { .. } => Some(id),
        Details::FunctionStarted
        | Details::TaskStarted { .. }
        | Details::ActivityStarted { .. }
        | Details::TaskSubmitted { .. } => scheduled_before(events, event.previous),
        _ => None,
    }
}

fn ends_attempt(details: &Details) -> bool {
    matches!(
        details,
        Details::FunctionSucceeded { .. }
            | Details::FunctionFailed { .. }
            | Details::FunctionTimedOut { .. }
            | Details::TaskSucceeded { .. }
            | Details::TaskFailed { .. }
            | Details::TaskTimedOut { .. }
            | Details::ActivitySucceeded { .. }
            | Details::ActivityFailed { .. }
            | Details::ActivityTimedOut { .. }
    )
}

/// What the children of a run give together.
fn joined(run: &StoredMapRun) -> Option<Payload> {
    let mut results = Vec::new();
    for child in &run.children {
        let result = child.result.clone()?;
        let elements = match serde_json::from_str(&result) {
            Ok(serde_json::Value::Array(elements)) if run.is_flattened => elements,
            _ => {
                results.push(result);
                continue;
            }
        };
        results.extend(elements.iter().map(ToString::to_string));
    }
    Some(if run.is_lines {
        Payload::from_value(results.join("\n").into())
    } else {
        Payload::from_text(format!("[{}]", results.join(",")))
    })
}

/// Compares what the history makes with what the rows have.
///
/// - Errors: the first difference between the two, as JSON.
pub fn compare(number: u64, folded: &Execution, stored: &StoredExecution) -> Result<(), Wrong> {
    same(number, "the execution", folded, &stored.execution)?;
    let stored_frames: BTreeMap<FrameId, _> = stored
        .frames
        .iter()
        .map(|frame| (frame.id(), frame))
        .collect();
    let folded_ids: Vec<&FrameId> = folded.frames().keys().collect();
    if !folded_ids.iter().copied().eq(stored_frames.keys()) {
        let text = format!(
            "its history makes the frames {folded_ids:?}, and the rows have {:?}",
            stored_frames.keys().collect::<Vec<_>>()
        );
        return Err(wrong("fold", number, &text));
    }
    for (id, frame) in folded.frames() {
        same(number, &format!("frame {}", id.0), frame, stored_frames[id])?;
    }
    let redrives = folded.redrives().count;
    if redrives != stored.redrive_count {
        let text = format!(
            "its history has {redrives} redrives, and its row {}",
            stored.redrive_count
        );
        return Err(wrong("fold", number, &text));
    }
    Ok(())
}

fn same(
    number: u64,
    what: &str,
    folded: &impl serde::Serialize,
    stored: &impl serde::Serialize,
) -> Result<(), Wrong> {
    let json = |result: Result<serde_json::Value, serde_json::Error>| {
        let mut value = result.unwrap_or_else(|error| error.to_string().into());
        // A heartbeat writes no event.
        if let Some(attempt) = value.pointer_mut("/phase/Calling/heartbeat_ms") {
            *attempt = serde_json::Value::Null;
        }
        value
    };
    let (folded, stored) = (
        json(serde_json::to_value(folded)),
        json(serde_json::to_value(stored)),
    );
    if folded == stored {
        return Ok(());
    }
    let differs = folded
        .as_object()
        .into_iter()
        .flatten()
        .find(|(name, value)| stored.get(name.as_str()) != Some(value));
    let text = match differs {
        Some((name, value)) => format!(
            "its history makes {what} with {name} {value}, and the row has {}",
            stored[name.as_str()]
        ),
        None => format!("its history makes {what} {folded}, and the row has {stored}"),
    };
    Err(wrong("fold", number, &text))
}

pub(super) fn wrong(checker: &'static str, number: u64, text: &str) -> Wrong {
    Wrong {
        checker,
        text: format!("execution {number}: {text}"),
    }
}
