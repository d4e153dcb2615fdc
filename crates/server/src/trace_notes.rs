//! What the shard's thread notes of traced executions for the thread of traces.
//!
//! The events themselves stay where they were made, and nothing is made for each of them here: freed by another thread,
//! with the names that all executions of a state machine share, those of one execution in twenty cost the shard as much
//! as noting them all. The two threads change books, and use them again.

use std::sync::{Mutex, MutexGuard, PoisonError};

use stepwell_service::{Details, EventId, LiveEvents, StateKind, event_bytes, segment_id};
use stepwell_telemetry::{Happening, SegmentId, What};

use crate::observers::is_worth_saying;
use crate::trace_emission::{type_of, what};

/// Bytes of a book that are kept for the next time.
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Transitions of executions, in their order.
#[derive(Default)]
pub(crate) struct Notes {
    transitions: Vec<Head>,
    events: Vec<Note>,
    /// Everything that is text.
    text: String,
    /// Bytes that are held beside these.
    others: usize,
}

/// A transition.
struct Head {
    /// Number of the execution.
    number: u64,
    started_ms: i64,
    is_durable: bool,
    /// Where in the text end: the header of the trace, the name of the state machine, the execution's ARN, the state
    /// machine's ARN.
    ends: [usize; 4],
    /// Where its text ends: behind the names of its states.
    text_end: usize,
    /// Where its events end.
    events_end: usize,
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
    /// A state was entered, whose name ends here in the text.
    Entered(usize, StateKind),
    Exited,
    Returned,
    Ended,
    /// What says nothing of itself, and only what follows it refers to it.
    Passing,
    Other(Box<Details>),
}

/// A transition as it is read.
pub(crate) struct Transition<'n> {
    pub(crate) number: u64,
    pub(crate) started_ms: i64,
    pub(crate) is_durable: bool,
    pub(crate) trace_header: &'n str,
    pub(crate) state_machine_name: &'n str,
    pub(crate) execution_arn: &'n str,
    pub(crate) state_machine_arn: &'n str,
    events: &'n [Note],
    /// The text, and where the names of its states begin.
    text: (&'n str, usize),
}

impl Notes {
    fn bytes(&self) -> usize {
        self.transitions.len() * size_of::<Head>()
            + self.events.len() * size_of::<Note>()
            + self.text.len()
            + self.others
    }

    fn add(&mut self, transition: &LiveEvents) {
        let execution = &*transition.execution;
        let identity = &*execution.identity;
        let texts = [
            execution.trace_header.as_deref().unwrap_or_default(),
            &identity.state_machine_name,
            &identity.arn,
            &execution.machine.arn,
        ];
        let ends = texts.map(|text| {
            self.text.push_str(text);
            self.text.len()
        });
        for event in &transition.events {
            let what = noted(&event.details, &mut self.text);
            if matches!(what, Noted::Other(_)) {
                self.others += event_bytes(event) + failure_bytes(&event.details);
            }
            self.events.push(Note {
                id: event.id,
                previous: event.previous,
                timestamp_ms: event.timestamp_ms,
                what,
            });
        }
        self.transitions.push(Head {
            number: identity.number,
            started_ms: identity.started_ms,
            is_durable: execution.is_durable(),
            ends,
            text_end: self.text.len(),
            events_end: self.events.len(),
        });
    }

    /// Forgets everything, and keeps the room if it is not much.
    fn clear(&mut self) {
        if self.bytes() > KEPT_BYTES_MAX {
            *self = Notes::default();
        }
        self.transitions.clear();
        self.events.clear();
        self.text.clear();
        self.others = 0;
    }

    pub(crate) fn len(&self) -> usize {
        self.transitions.len()
    }

    /// What was noted, in its order.
    pub(crate) fn transitions(&self) -> impl Iterator<Item = Transition<'_>> {
        let (mut text_from, mut events_from) = (0, 0);
        self.transitions.iter().map(move |head| {
            let mut text = |end: usize| &self.text[std::mem::replace(&mut text_from, end)..end];
            let [header, name, execution, machine] = head.ends.map(&mut text);
            let events = &self.events[events_from..head.events_end];
            events_from = head.events_end;
            let states_from = std::mem::replace(&mut text_from, head.text_end);
            Transition {
                number: head.number,
                started_ms: head.started_ms,
                is_durable: head.is_durable,
                trace_header: header,
                state_machine_name: name,
                execution_arn: execution,
                state_machine_arn: machine,
                events,
                text: (&self.text, states_from),
            }
        })
    }
}

impl Transition<'_> {
    /// The first event.
    pub(crate) fn first(&self) -> Option<EventId> {
        self.events.first().map(|note| note.id)
    }

    /// What happened, in its order.
    pub(crate) fn happenings(&self) -> impl Iterator<Item = Happening> {
        let (text, mut from) = self.text;
        self.events.iter().map(move |note| {
            let what = match &note.what {
                Noted::Entered(to, kind) => {
                    let name = &text[std::mem::replace(&mut from, *to)..*to];
                    What::Entered(name.into(), type_of(*kind))
                }
                Noted::Exited => What::Exited,
                Noted::Returned => What::Returned(None),
                Noted::Ended => What::Ended(None),
                Noted::Passing => What::Other,
                Noted::Other(details) => what(details),
            };
            self.happening(note.id, note.previous, note.timestamp_ms, what)
        })
    }

    pub(crate) fn happening(
        &self,
        event: EventId,
        previous: EventId,
        at_ms: i64,
        what: What,
    ) -> Happening {
        Happening {
            event: event.0,
            previous: previous.0,
            at_ms,
            id: SegmentId(segment_id(self.number, self.started_ms, event.0)),
            what,
        }
    }
}

/// Notes on their way. Nobody waits for room: what finds none is counted and dropped.
pub(crate) struct NoteQueue {
    waiting: Mutex<(Notes, u64)>,
    bytes_max: usize,
}

/// What became of a note.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put {
    Kept,
    /// Kept, and a quarter of the room is in use since: somebody should take what waits.
    Filling,
    Dropped,
}

impl NoteQueue {
    pub(crate) fn new(bytes_max: usize) -> NoteQueue {
        NoteQueue {
            waiting: Mutex::default(),
            bytes_max,
        }
    }

    pub(crate) fn put(&self, transition: &LiveEvents) -> Put {
        let mut waiting = self.lock();
        let (notes, dropped) = &mut *waiting;
        let before = notes.bytes();
        if before > self.bytes_max {
            *dropped += 1;
            let dropped = *dropped;
            drop(waiting);
            if is_worth_saying(dropped - 1, dropped) {
                tracing::warn!(
                    dropped,
                    "traced executions go on faster than they can be written; some traces lack parts"
                );
            }
            return Put::Dropped;
        }
        notes.add(transition);
        let quarter = self.bytes_max / 4;
        match before <= quarter && notes.bytes() > quarter {
            true => Put::Filling,
            false => Put::Kept,
        }
    }

    /// Takes all that waits, and leaves the room of what was taken before.
    pub(crate) fn take(&self, emptied: &mut Notes) {
        emptied.clear();
        std::mem::swap(&mut self.lock().0, emptied);
    }

    /// Transitions that found no room since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().1
    }

    /// How many transitions wait, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let waiting = self.lock();
        (waiting.0.len(), waiting.0.bytes())
    }

    fn lock(&self) -> MutexGuard<'_, (Notes, u64)> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes of the texts of a failure, which no payload has.
fn failure_bytes(details: &Details) -> usize {
    let (error, cause) = match details {
        Details::FunctionFailed { error, cause }
        | Details::FunctionTimedOut { error, cause }
        | Details::TaskFailed { error, cause, .. }
        | Details::TaskTimedOut { error, cause, .. }
        | Details::ActivityFailed { error, cause }
        | Details::ActivityTimedOut { error, cause }
        | Details::ExecutionFailed { error, cause }
        | Details::ExecutionTimedOut { error, cause }
        | Details::ExecutionAborted { error, cause }
        | Details::MapRunFailed { error, cause } => (error, cause),
        Details::EvaluationFailed { error, cause, .. } => return error.len() + cause.len(),
        _ => return 0,
    };
    let bytes = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    bytes(error) + bytes(cause)
}

fn noted(details: &Details, text: &mut String) -> Noted {
    match details {
        Details::StateEntered { kind, name, .. } => {
            text.push_str(name);
            Noted::Entered(text.len(), *kind)
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
    use std::sync::Arc;

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
        let queue = NoteQueue::new(1 << 20);
        for _ in 0..2 {
            assert_eq!(queue.put(&transition), Put::Kept);
        }
        let mut notes = Notes::default();
        queue.take(&mut notes);
        assert_eq!(queue.waiting(), (0, 0));
        assert_eq!(notes.transitions().count(), 2);
        for noted in notes.transitions() {
            let meant: Vec<Happening> = transition
                .events
                .iter()
                .map(|event| {
                    let (id, previous, at_ms) = (event.id, event.previous, event.timestamp_ms);
                    noted.happening(id, previous, at_ms, what(&event.details))
                })
                .collect();
            assert_eq!(noted.happenings().collect::<Vec<Happening>>(), meant);
            assert_eq!((noted.number, noted.state_machine_arn), (7, "m"));
        }
        assert!(notes.bytes() > "Each itemPay".len() + size_of::<Event>());
    }

    #[test]
    fn the_texts_of_failures_take_room() {
        let event = Event {
            id: EventId(1),
            previous: EventId(0),
            timestamp_ms: 1_000,
            details: Details::ExecutionFailed {
                error: Some("Boom".to_string()),
                cause: Some("c".repeat(32_000)),
            },
        };
        let transition = LiveEvents {
            execution: Arc::new(facts(7, "m")),
            events: vec![event],
        };
        let queue = NoteQueue::new(64_000);
        let kept = (0..10).filter(|_| queue.put(&transition) != Put::Dropped);
        assert_eq!(kept.count(), 2);
    }

    #[test]
    fn what_finds_no_room_is_counted_and_a_quarter_of_it_is_told() {
        let event = Event {
            id: EventId(1),
            previous: EventId(0),
            timestamp_ms: 1_000,
            details: Details::ParallelStateStarted,
        };
        let transition = LiveEvents {
            execution: Arc::new(facts(7, "m")),
            events: vec![event],
        };
        let queue = NoteQueue::new(4_000);
        let puts: Vec<Put> = (0..40).map(|_| queue.put(&transition)).collect();
        assert_eq!(puts.iter().filter(|put| **put == Put::Filling).count(), 1);
        let dropped = puts.iter().filter(|put| **put == Put::Dropped).count();
        assert!((1..39).contains(&dropped), "{dropped}");
        assert_eq!(queue.dropped(), dropped as u64);
        let mut notes = Notes::default();
        queue.take(&mut notes);
        assert_eq!(notes.len(), 40 - dropped);
        assert_eq!(queue.put(&transition), Put::Kept, "there is room again");
    }
}
