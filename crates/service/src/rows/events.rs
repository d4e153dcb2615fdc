//! The bytes of a history row: the events of one transition, told by what they differ in.
//!
//! After the version: the instant of the first event, then the events up to the end. Their ids follow from the
//! key. An event begins with a byte: its kind, and whether its predecessor is not the event before it and whether
//! its instant is another one than that; what is so follows. Names are written once a row. A text that an
//! earlier event stores is the distance to that event.

use std::sync::Arc;

use stepwell_engine::{Body, Details, Event, EventId, StateKind};

use super::pack::{Packer, Unpacker};

/// The version of a packed row; version 1 is postcard.
pub(super) const VERSION_PACKED: u8 = 2;

/// Marks of an event's first byte beside its kind.
const HAS_PREVIOUS: u8 = 0x80;
const HAS_INSTANT: u8 = 0x40;

/// Kinds. Numbers are persisted: never change, never reuse. States have one for each [`StateKind`].
const WHOLE: u8 = 0;
const ENTERED: u8 = 1;
const EXITED: u8 = 9;
const ITERATION_STARTED: u8 = 17;
const ITERATION_SUCCEEDED: u8 = 18;
const FUNCTION_SCHEDULED: u8 = 19;
const FUNCTION_STARTED: u8 = 20;
const FUNCTION_SUCCEEDED: u8 = 21;
const EXECUTION_STARTED: u8 = 22;
const EXECUTION_SUCCEEDED: u8 = 23;

const STATE_KINDS: [StateKind; 8] = [
    StateKind::Task,
    StateKind::Choice,
    StateKind::Parallel,
    StateKind::Map,
    StateKind::Wait,
    StateKind::Pass,
    StateKind::Succeed,
    StateKind::Fail,
];

/// Names that a row gives numbers to; others are written out.
const NAMES_MAX: usize = 64;

/// About how many bytes an event takes beside its texts.
const EVENT_BYTES: usize = 8;

/// A row of events whose ids follow on each other, the first of which is in the key.
pub(super) fn pack(events: &[Event]) -> Vec<u8> {
    let texts = events
        .iter()
        .filter_map(|event| event.details.body()?.text());
    let capacity = 16 + events.len() * EVENT_BYTES + texts.map(str::len).sum::<usize>();
    let mut row = Row {
        packer: Packer::new(VERSION_PACKED, capacity),
        names: Vec::new(),
    };
    let mut instant = events.first().map_or(0, |event| event.timestamp_ms);
    row.packer.signed(instant);
    for event in events {
        assert!(
            event.previous < event.id,
            "an event follows an earlier one, and {:?} follows {:?}",
            event.id,
            event.previous
        );
        let form = Form::of(event);
        let has_previous = event.previous.0 + 1 != event.id.0;
        let has_instant = event.timestamp_ms != instant;
        row.packer.byte(
            form.kind
                | if has_previous { HAS_PREVIOUS } else { 0 }
                | if has_instant { HAS_INSTANT } else { 0 },
        );
        if has_previous {
            row.packer.number(event.id.0 - event.previous.0);
        }
        if has_instant {
            row.packer.signed(event.timestamp_ms - instant);
            instant = event.timestamp_ms;
        }
        if form.kind == WHOLE {
            row.packer = row.packer.postcard(&event.details);
            continue;
        }
        if let Some(name) = form.name {
            row.name(name);
        }
        if let Some(index) = form.index {
            row.packer.number(index);
        }
        if let Some(body) = form.body {
            row.body(event.id, body);
        }
    }
    row.packer.into_bytes()
}

/// What a packed event consists of.
struct Form<'e> {
    kind: u8,
    name: Option<&'e str>,
    index: Option<u64>,
    body: Option<&'e Body>,
}

impl<'e> Form<'e> {
    fn of(event: &'e Event) -> Form<'e> {
        // A body that refers to no earlier event cannot be a distance.
        let is_packed =
            !matches!(event.details.body(), Some(Body::Same(origin)) if *origin >= event.id);
        let form = |kind: u8, name, index, body| Form {
            kind,
            name,
            index,
            body,
        };
        let whole = form(WHOLE, None, None, None);
        if !is_packed {
            return whole;
        }
        match &event.details {
            Details::StateEntered { kind, name, input } => {
                form(ENTERED + number_of(*kind), Some(name), None, Some(input))
            }
            Details::StateExited {
                kind,
                name,
                output,
                assigned,
            } if assigned.is_empty() => {
                form(EXITED + number_of(*kind), Some(name), None, Some(output))
            }
            Details::MapIterationStarted { name, index } => {
                form(ITERATION_STARTED, Some(name), Some(*index), None)
            }
            Details::MapIterationSucceeded { name, index } => {
                form(ITERATION_SUCCEEDED, Some(name), Some(*index), None)
            }
            Details::FunctionScheduled {
                resource,
                input,
                timeout_seconds: None,
                role_arn: None,
            } => form(FUNCTION_SCHEDULED, Some(resource), None, Some(input)),
            Details::FunctionStarted => form(FUNCTION_STARTED, None, None, None),
            Details::FunctionSucceeded { output } => {
                form(FUNCTION_SUCCEEDED, None, None, Some(output))
            }
            Details::ExecutionStarted { input } => form(EXECUTION_STARTED, None, None, Some(input)),
            Details::ExecutionSucceeded { output } => {
                form(EXECUTION_SUCCEEDED, None, None, Some(output))
            }
            _ => whole,
        }
    }
}

fn number_of(kind: StateKind) -> u8 {
    let at = STATE_KINDS.iter().position(|of_list| *of_list == kind);
    u8::try_from(at.expect("the list has every kind")).expect("the list is short")
}

/// A row that is being packed.
struct Row<'e> {
    packer: Packer,
    names: Vec<&'e str>,
}

impl<'e> Row<'e> {
    /// The number of a name that the row has, from 1 for the newest; or 0 and the name.
    fn name(&mut self, name: &'e str) {
        if let Some(back) = self.names.iter().rev().position(|of_row| *of_row == name) {
            self.packer.number(back as u64 + 1);
            return;
        }
        self.packer.number(0);
        self.packer.text(name);
        if self.names.len() < NAMES_MAX {
            self.names.push(name);
        }
    }

    /// The distance to the event that stores the text; or 0 and the text.
    fn body(&mut self, id: EventId, body: &Body) {
        match body {
            Body::Same(origin) => self.packer.number(id.0 - origin.0),
            Body::Text(text) => {
                self.packer.number(0);
                self.packer.text(text);
            }
        }
    }
}

/// The events of a row that `is_wanted` accepts; `None` if the bytes are no such row.
///
/// - `first`: the id in the key.
/// - `bytes`: the value after its version.
pub(super) fn unpack(
    first: EventId,
    bytes: &[u8],
    is_wanted: &dyn Fn(EventId) -> bool,
) -> Option<Vec<Event>> {
    let mut reading = Reading {
        unpacker: Unpacker::new(bytes),
        names: Vec::new(),
    };
    let mut instant = reading.unpacker.signed()?;
    let mut events = Vec::new();
    let mut id = first;
    while !reading.unpacker.is_empty() {
        let mark = reading.unpacker.byte()?;
        let back = match mark & HAS_PREVIOUS {
            0 => 1,
            _ => reading.unpacker.number()?,
        };
        if mark & HAS_INSTANT != 0 {
            instant = instant.checked_add(reading.unpacker.signed()?)?;
        }
        let kind = mark & !(HAS_PREVIOUS | HAS_INSTANT);
        let details = reading.details(kind, id, is_wanted(id))?;
        if let Some(details) = details {
            events.push(Event {
                id,
                previous: EventId(id.0.checked_sub(back)?),
                timestamp_ms: instant,
                details,
            });
        }
        id = EventId(id.0.checked_add(1)?);
    }
    Some(events)
}

/// A row that is being read.
struct Reading<'v> {
    unpacker: Unpacker<'v>,
    names: Vec<Name<'v>>,
}

/// A name of the row; shared by its events once one of them is wanted.
struct Name<'v> {
    text: &'v str,
    shared: Option<Arc<str>>,
}

impl Reading<'_> {
    /// The details of an event; `Some(None)` where they are not wanted.
    fn details(&mut self, kind: u8, id: EventId, is_wanted: bool) -> Option<Option<Details>> {
        if kind == WHOLE {
            let details: Details = self.unpacker.postcard()?;
            return Some(is_wanted.then_some(details));
        }
        let (entered, exited) = (state_kind(kind, ENTERED), state_kind(kind, EXITED));
        let is_iteration = matches!(kind, ITERATION_STARTED | ITERATION_SUCCEEDED);
        let has_name = entered.or(exited).is_some() || is_iteration || kind == FUNCTION_SCHEDULED;
        let name = if has_name {
            self.name(is_wanted)?
        } else {
            Arc::default()
        };
        if is_iteration {
            let index = self.unpacker.number()?;
            return Some(is_wanted.then_some(match kind {
                ITERATION_STARTED => Details::MapIterationStarted { name, index },
                _ => Details::MapIterationSucceeded { name, index },
            }));
        }
        if kind == FUNCTION_STARTED {
            return Some(is_wanted.then_some(Details::FunctionStarted));
        }
        let body = self.body(id, is_wanted)?;
        let details = match (entered, exited, kind) {
            (Some(kind), _, _) => Details::StateEntered {
                kind,
                name,
                input: body,
            },
            (_, Some(kind), _) => Details::StateExited {
                kind,
                name,
                output: body,
                assigned: Vec::new(),
            },
            (_, _, FUNCTION_SCHEDULED) => Details::FunctionScheduled {
                resource: name.to_string(),
                input: body,
                timeout_seconds: None,
                role_arn: None,
            },
            (_, _, FUNCTION_SUCCEEDED) => Details::FunctionSucceeded { output: body },
            (_, _, EXECUTION_STARTED) => Details::ExecutionStarted { input: body },
            (_, _, EXECUTION_SUCCEEDED) => Details::ExecutionSucceeded { output: body },
            _ => return None,
        };
        Some(is_wanted.then_some(details))
    }

    fn name(&mut self, is_wanted: bool) -> Option<Arc<str>> {
        let back = usize::try_from(self.unpacker.number()?).ok()?;
        if back > 0 {
            let at = self.names.len().checked_sub(back)?;
            let Name { text, shared } = &mut self.names[at];
            return Some(if is_wanted {
                Arc::clone(shared.get_or_insert_with(|| Arc::from(*text)))
            } else {
                Arc::default()
            });
        }
        let text = self.unpacker.text()?;
        let shared = is_wanted.then(|| Arc::<str>::from(text));
        let name = shared.clone().unwrap_or_default();
        if self.names.len() < NAMES_MAX {
            self.names.push(Name { text, shared });
        }
        Some(name)
    }

    fn body(&mut self, id: EventId, is_wanted: bool) -> Option<Body> {
        match self.unpacker.number()? {
            0 => {
                let text = self.unpacker.text()?;
                Some(Body::Text(match is_wanted {
                    true => Arc::from(text),
                    false => Arc::default(),
                }))
            }
            distance => Some(Body::Same(EventId(id.0.checked_sub(distance)?))),
        }
    }
}

fn state_kind(kind: u8, first: u8) -> Option<StateKind> {
    STATE_KINDS
        .get(usize::from(kind.checked_sub(first)?))
        .copied()
}

#[cfg(test)]
mod tests;
