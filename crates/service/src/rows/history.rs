//! History: events that became durable together are one row.

use stepwell_engine::{Body, Event, EventId};
use stepwell_store::{Direction, Error};

use super::{Kind, Part, after, decode, key};
use crate::staging::Rows;

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

/// The row that holds the event `id`.
pub(crate) fn segment_with(
    rows: &dyn Rows,
    number: u64,
    id: EventId,
) -> Result<Option<Vec<Event>>, Error> {
    let to = history_key(number, EventId(id.0 + 1));
    let found = rows.scan(&history_of(number), &to, Direction::Descending, 1)?;
    found
        .first()
        .map(|(key, value)| decode(key, value))
        .transpose()
}

/// Rows from the one that holds `id` on, ascending, at most `limit`.
pub(crate) fn segments_from(
    rows: &dyn Rows,
    number: u64,
    id: EventId,
    limit: usize,
) -> Result<Vec<Vec<Event>>, Error> {
    let prefix = history_of(number);
    let to = history_key(number, EventId(id.0 + 1));
    let found = rows.scan(&prefix, &to, Direction::Descending, 1)?;
    let from = found
        .into_iter()
        .next()
        .map_or(prefix.clone(), |(key, _)| key);
    let found = rows.scan(&from, &after(&prefix), Direction::Ascending, limit)?;
    found
        .iter()
        .map(|(key, value)| decode(key, value))
        .collect()
}

/// The text that the event `id` carries, wherever it is stored.
pub(crate) fn text_at(rows: &dyn Rows, number: u64, id: EventId) -> Result<Option<String>, Error> {
    let mut wanted = id;
    // A reference points at the event that stores the text; two hops are one more than there can be.
    for _ in 0..2 {
        let Some(segment) = segment_with(rows, number, wanted)? else {
            return Ok(None);
        };
        let Some(event) = segment.into_iter().find(|event| event.id == wanted) else {
            return Ok(None);
        };
        match event.details.body() {
            Some(Body::Text(text)) => return Ok(Some(text.clone())),
            Some(Body::Same(origin)) => wanted = *origin,
            None => return Ok(None),
        }
    }
    Ok(None)
}
