//! History: events that became durable together are one row.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use stepwell_engine::{Body, Event, EventId};
use stepwell_store::{Direction, Error};

use super::{Kind, Part, VERSION, corrupt, decode, events, key, versioned};
use crate::staging::{Row, Rows};

/// Key of the row whose first event is `first`.
pub(crate) fn history_key(number: u64, first: EventId) -> Vec<u8> {
    key(
        Kind::History,
        &[Part::Number(number), Part::Number(first.0)],
    )
}

pub(crate) fn history_of(number: u64) -> Vec<u8> {
    key(Kind::History, &[Part::Number(number)])
}

/// The value of a row of events, the first of which is in its key.
pub(crate) fn encode_events(events: &[Event]) -> Vec<u8> {
    events::pack(events)
}

/// The events of a row that `is_wanted` accepts, in whichever version they were written.
pub(crate) fn decode_events(
    key: &[u8],
    value: &[u8],
    is_wanted: &dyn Fn(EventId) -> bool,
) -> Result<Vec<Event>, Error> {
    let (version, bytes) = versioned(key, value, events::VERSION_PACKED)?;
    if version == VERSION {
        let mut segment: Vec<Event> = decode(key, value)?;
        segment.retain(|event| is_wanted(event.id));
        return Ok(segment);
    }
    first_event(key)
        .and_then(|first| events::unpack(first, bytes, is_wanted))
        .ok_or_else(|| corrupt(key))
}

/// The first event's id in a key of [`history_key`].
fn first_event(key: &[u8]) -> Option<EventId> {
    Some(EventId(u64::from_be_bytes(
        key.get(9..17)?.try_into().ok()?,
    )))
}

/// The events that `is_wanted` accepts of the row that holds the event `id`.
fn segment_with(
    rows: &dyn Rows,
    number: u64,
    id: EventId,
    is_wanted: &dyn Fn(EventId) -> bool,
) -> Result<Option<Vec<Event>>, Error> {
    let found = row_with(rows, number, id)?;
    found
        .map(|(key, value)| decode_events(&key, &value, is_wanted))
        .transpose()
}

/// One event, if its history has it.
pub(crate) fn event_at(rows: &dyn Rows, number: u64, id: EventId) -> Result<Option<Event>, Error> {
    let found = segment_with(rows, number, id, &|other| other == id)?;
    Ok(found.and_then(|mut events| events.pop()))
}

fn row_with(rows: &dyn Rows, number: u64, id: EventId) -> Result<Option<Row>, Error> {
    // Most payloads are asked for by the first event of a row, and a get costs half a scan of cold rows, or next to nothing.
    let first = history_key(number, id);
    if let Some(value) = rows.get(&first)? {
        return Ok(Some((first, value)));
    }
    let found = rows.scan(&history_of(number), &first, Direction::Descending, 1)?;
    Ok(found.into_iter().next())
}

/// Events `first..=last`, ascending. Only rows that hold one of them are read.
///
/// - Errors: `Corrupt` where one of them is missing.
pub(crate) fn events_between(
    rows: &dyn Rows,
    number: u64,
    first: EventId,
    last: EventId,
) -> Result<Vec<Event>, Error> {
    let corrupt = || Error::Corrupt {
        key: history_key(number, first),
    };
    let (from, _) = row_with(rows, number, first)?.ok_or_else(corrupt)?;
    let to = history_key(number, EventId(last.0 + 1));
    let mut events = Vec::new();
    for (key, value) in rows.scan(&from, &to, Direction::Ascending, usize::MAX)? {
        let is_wanted = |id: EventId| first <= id && id <= last;
        events.extend(decode_events(&key, &value, &is_wanted)?);
    }
    let is_whole = (first.0..=last.0).eq(events.iter().map(|event| event.id.0));
    if is_whole { Ok(events) } else { Err(corrupt()) }
}

/// The texts that these events store themselves; an event that stores none is left out.
///
/// Every row is read once, however many of the events it holds.
pub(crate) fn texts_at(
    rows: &dyn Rows,
    number: u64,
    wanted: &BTreeSet<EventId>,
) -> Result<BTreeMap<EventId, Arc<str>>, Error> {
    let mut left = wanted.clone();
    let mut texts = BTreeMap::new();
    while let Some(next) = left.first().copied() {
        let is_wanted = |id: EventId| wanted.contains(&id);
        for event in segment_with(rows, number, next, &is_wanted)?.unwrap_or_default() {
            if left.remove(&event.id)
                && let Some(Body::Text(text)) = event.details.body()
            {
                texts.insert(event.id, text.clone());
            }
        }
        left.remove(&next);
    }
    Ok(texts)
}

/// The text that the event `id` carries, wherever it is stored.
pub(crate) fn text_at(rows: &dyn Rows, number: u64, id: EventId) -> Result<Option<String>, Error> {
    let mut wanted = id;
    // A reference points at the event that stores the text; two hops are one more than there can be.
    for _ in 0..2 {
        let Some(segment) = segment_with(rows, number, wanted, &|id| id == wanted)? else {
            return Ok(None);
        };
        let Some(event) = segment.into_iter().next() else {
            return Ok(None);
        };
        match event.details.body() {
            Some(Body::Text(text)) => return Ok(Some(text.to_string())),
            Some(Body::Same(origin)) => wanted = *origin,
            None => return Ok(None),
        }
    }
    Ok(None)
}
