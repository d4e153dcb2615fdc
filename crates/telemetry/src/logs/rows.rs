//! Rows of the store of logs. Kinds and versions are persisted: never change, never reuse.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stepwell_store::Error;

/// The first byte of a key.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Kind {
    Group = 1,
    Stream = 2,
    Event = 3,
}

/// The first byte of a value.
const VERSION: u8 = 1;

/// What a group holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GroupRow {
    pub(super) events: u64,
    pub(super) bytes: u64,
    /// Number of the next event: events of one instant keep their order.
    pub(super) next: u64,
    pub(super) streams: u64,
}

/// A log stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StreamRow {
    pub(super) name: String,
    pub(super) created_ms: i64,
    pub(super) first_event_ms: Option<i64>,
    pub(super) last_event_ms: Option<i64>,
    pub(super) last_ingestion_ms: Option<i64>,
}

/// A log event; its place is in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EventRow {
    pub(super) stream: String,
    pub(super) ingestion_ms: i64,
    pub(super) message: String,
}

/// The place of an event in its group: by time, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) timestamp_ms: i64,
    pub(super) number: u64,
}

impl Place {
    pub(super) fn at(timestamp_ms: i64) -> Place {
        Place {
            timestamp_ms,
            number: 0,
        }
    }

    pub(super) fn next(self) -> Place {
        Place {
            number: self.number + 1,
            ..self
        }
    }

    /// AWS: ids of events and positions in tokens are numbers of 56 digits that grow with time.
    pub(super) fn digits(self) -> String {
        format!("{:036}{:020}", self.timestamp_ms.max(0), self.number)
    }

    /// Reads what [`Place::digits`] wrote.
    pub(super) fn parse(digits: &str) -> Option<Place> {
        let is_number = digits.len() == 56 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let (timestamp, number) = is_number.then(|| digits.split_at(36))?;
        Some(Place {
            timestamp_ms: timestamp.parse().ok()?,
            number: number.parse().ok()?,
        })
    }
}

pub(super) fn group_key(group: &str) -> Vec<u8> {
    key(Kind::Group, group)
}

pub(super) fn groups() -> Vec<u8> {
    vec![Kind::Group as u8]
}

/// The id of the group that this key names.
pub(super) fn group_of(key: &[u8]) -> Option<String> {
    let (_, name) = key.split_first()?;
    String::from_utf8(name.strip_suffix(&[0])?.to_vec()).ok()
}

/// A stream's name may be longer than a key, so its hash stands for it.
pub(super) fn stream_key(group: &str, name: &str) -> Vec<u8> {
    let mut key = streams_of(group);
    key.extend_from_slice(&Sha256::digest(name));
    key
}

pub(super) fn streams_of(group: &str) -> Vec<u8> {
    key(Kind::Stream, group)
}

pub(super) fn event_key(group: &str, place: Place) -> Vec<u8> {
    let mut key = events_of(group);
    // The sign flipped, the order of bytes is the order of numbers.
    let timestamp = place.timestamp_ms.cast_unsigned() ^ (1 << 63);
    key.extend_from_slice(&timestamp.to_be_bytes());
    key.extend_from_slice(&place.number.to_be_bytes());
    key
}

pub(super) fn events_of(group: &str) -> Vec<u8> {
    key(Kind::Event, group)
}

/// The place that an event's key names.
pub(super) fn place_of(key: &[u8]) -> Option<Place> {
    let (rest, number) = key.split_last_chunk::<8>()?;
    let (_, timestamp) = rest.split_last_chunk::<8>()?;
    Some(Place {
        timestamp_ms: (u64::from_be_bytes(*timestamp) ^ (1 << 63)).cast_signed(),
        number: u64::from_be_bytes(*number),
    })
}

/// INVARIANT: ids of groups have no control characters, so NUL ends them.
fn key(kind: Kind, group: &str) -> Vec<u8> {
    let mut key = vec![kind as u8];
    key.extend_from_slice(group.as_bytes());
    key.push(0);
    key
}

/// The first key after all keys that start with `prefix`, which ends in NUL or is a kind.
pub(super) fn after(prefix: &[u8]) -> Vec<u8> {
    let mut end = prefix.to_vec();
    if let Some(last) = end.last_mut() {
        *last += 1;
    }
    end
}

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(row, vec![VERSION]).expect("rows have no shapes that postcard cannot write")
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let corrupt = || Error::Corrupt { key: key.to_vec() };
    match value.split_first() {
        Some((&VERSION, row)) => postcard::from_bytes(row).map_err(|_| corrupt()),
        Some((version, _)) if *version > VERSION => Err(Error::NewerFormat {
            directory: "the store of logs".to_string(),
            found: u32::from(*version),
            supported: u32::from(VERSION),
        }),
        _ => Err(corrupt()),
    }
}
