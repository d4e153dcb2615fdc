//! What the shard's thread notes of a traced execution for the thread of traces.
//!
//! The events themselves stay where they were made: freed by another thread, with the names that all executions of a state
//! machine share, those of one execution in twenty cost the shard as much as noting them all.

use std::sync::Arc;

use stepwell_service::{Details, EventId, ExecutionFacts, LiveEvents, StateKind, event_bytes};
use stepwell_telemetry::{Happening, What};

use crate::trace_emission::{happening, type_of, what};

/// A transition of an execution in few bytes.
pub(crate) struct Notes {
    pub(crate) execution: Arc<ExecutionFacts>,
    events: Vec<Note>,
    /// Names of states that were entered, one after the other.
    names: String,
    bytes: usize,
}

/// An event.
struct Note {
    id: EventId,
    previous: EventId,
    timestamp_ms: i64,
    what: Noted,
}

/// What most events are, and everything about the others.
enum Noted {
    /// A state was entered, whose name ends here in the names.
    Entered(usize, StateKind),
    Exited,
    Returned,
    Ended,
    /// What says nothing of itself, and only what follows it refers to it.
    Passing,
    Other(Box<Details>),
}

impl Notes {
    pub(crate) fn of(transition: &LiveEvents) -> Notes {
        let mut notes = Notes {
            execution: Arc::clone(&transition.execution),
            events: Vec::with_capacity(transition.events.len()),
            names: String::new(),
            bytes: 0,
        };
        for event in &transition.events {
            let what = noted(&event.details, &mut notes.names);
            if matches!(what, Noted::Other(_)) {
                notes.bytes += event_bytes(event);
            }
            notes.events.push(Note {
                id: event.id,
                previous: event.previous,
                timestamp_ms: event.timestamp_ms,
                what,
            });
        }
        notes.bytes += notes.events.len() * size_of::<Note>() + notes.names.len();
        notes
    }

    /// About how much memory they hold.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The first event.
    pub(crate) fn first(&self) -> Option<EventId> {
        self.events.first().map(|note| note.id)
    }

    /// What happened, in its order.
    pub(crate) fn happenings(&self) -> impl Iterator<Item = Happening> {
        let mut from = 0;
        self.events.iter().map(move |note| {
            let what = match &note.what {
                Noted::Entered(to, kind) => {
                    let name = &self.names[from..*to];
                    from = *to;
                    What::Entered(name.into(), type_of(*kind))
                }
                Noted::Exited => What::Exited,
                Noted::Returned => What::Returned(None),
                Noted::Ended => What::Ended(None),
                Noted::Passing => What::Other,
                Noted::Other(details) => what(details),
            };
            happening(
                &self.execution,
                note.id,
                note.previous,
                note.timestamp_ms,
                what,
            )
        })
    }
}

fn noted(details: &Details, names: &mut String) -> Noted {
    match details {
        Details::StateEntered { kind, name, .. } => {
            names.push_str(name);
            Noted::Entered(names.len(), *kind)
        }
        Details::StateExited { .. } => Noted::Exited,
        Details::FunctionSucceeded { .. }
        | Details::TaskSucceeded { .. }
        | Details::ActivitySucceeded { .. } => Noted::Returned,
        Details::ExecutionSucceeded { .. } => Noted::Ended,
        Details::ExecutionStarted { .. } => Noted::Passing,
        details => Noted::Other(Box::new(details.clone())),
    }
}

#[cfg(test)]
mod tests {
    use stepwell_service::{Body, Event};

    use super::*;
    use crate::observers::facts;

    #[test]
    fn what_was_noted_says_what_the_events_say() {
        let text = || Body::Text("{}".into());
        let entered = |kind, name: &str| Details::StateEntered {
            kind,
            name: name.into(),
            input: text(),
        };
        let failed = || (Some("Boom".to_string()), Some("because".to_string()));
        let ((error, cause), (task_error, task_cause)) = (failed(), failed());
        let all = [
            entered(StateKind::Map, "Each item"),
            Details::MapIterationStarted {
                name: "Each item".into(),
                index: 3,
            },
            entered(StateKind::Task, "Pay"),
            Details::FunctionSucceeded { output: text() },
            Details::FunctionFailed {
                error: task_error,
                cause: task_cause,
            },
            Details::StateExited {
                kind: StateKind::Task,
                name: "Pay".into(),
                output: text(),
                assigned: Vec::new(),
            },
            Details::ExecutionSucceeded { output: text() },
            Details::ExecutionFailed { error, cause },
        ];
        let events = all.into_iter().zip(1..).map(|(details, id)| Event {
            id: EventId(id),
            previous: EventId(id - 1),
            timestamp_ms: 1_000,
            details,
        });
        let transition = LiveEvents {
            execution: Arc::new(facts(7, "m")),
            events: events.collect(),
        };
        let notes = Notes::of(&transition);
        let said: Vec<Happening> = notes.happenings().collect();
        let meant: Vec<Happening> = transition
            .events
            .iter()
            .map(|event| {
                let (id, previous, at_ms) = (event.id, event.previous, event.timestamp_ms);
                happening(
                    &transition.execution,
                    id,
                    previous,
                    at_ms,
                    what(&event.details),
                )
            })
            .collect();
        assert_eq!(said, meant);
        assert!(notes.bytes() > "Each itemPay".len() + size_of::<Event>());
    }
}
