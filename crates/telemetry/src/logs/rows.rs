//! Rows of the store of logs. Kinds and versions are persisted: never change, never reuse.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use stepwell_store::Error;

use crate::rows;
pub(super) use crate::rows::{after, corrupt};

/// The first byte of a key.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Kind {
    Group = 1,
    Stream = 2,
    /// One event; written before version 0.2, moved into blocks when the logs open.
    Event = 3,
    Block = 4,
}

/// The first byte of a value.
const VERSION: u8 = 1;

/// Version of a group's row since events are in blocks.
const GROUP_VERSION: u8 = 2;

/// What a group holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct GroupRow {
    pub(super) events: u64,
    /// Bytes of the messages, and 26 for each event.
    pub(super) bytes: u64,
    /// Number of the next event: events of one instant keep their order.
    pub(super) next: u64,
    pub(super) streams: u64,
    /// Bytes that the rows of its blocks take.
    pub(super) stored: u64,
}

/// Version 1 of a group's row.
#[derive(Deserialize)]
struct GroupRowOfEvents {
    events: u64,
    bytes: u64,
    next: u64,
    streams: u64,
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

/// An event in a row of its own, as versions before 0.2 wrote it; its place is in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EventRow {
    pub(super) stream: String,
    pub(super) ingestion_ms: i64,
    pub(super) message: String,
}

/// The place of an event in its group: by time, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
            number: self.number.saturating_add(1),
            ..self
        }
    }

    /// The place before it.
    pub(super) fn previous(self) -> Place {
        match self.number.checked_sub(1) {
            Some(number) => Place { number, ..self },
            None => Place {
                timestamp_ms: self.timestamp_ms.saturating_sub(1),
                number: u64::MAX - 1,
            },
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

/// The key of a block whose first event is at `first`.
pub(super) fn block_key(group: &str, first: Place) -> Vec<u8> {
    placed(blocks_of(group), first)
}

pub(super) fn blocks_of(group: &str) -> Vec<u8> {
    key(Kind::Block, group)
}

/// All events in rows of their own.
pub(super) fn events() -> Vec<u8> {
    vec![Kind::Event as u8]
}

pub(super) fn events_of(group: &str) -> Vec<u8> {
    key(Kind::Event, group)
}

/// The group and the place that the key of an event in a row of its own names.
pub(super) fn event_of(key: &[u8]) -> Option<(String, Place)> {
    let (rest, number) = key.split_last_chunk::<8>()?;
    let (group, timestamp) = rest.split_last_chunk::<8>()?;
    let place = Place {
        timestamp_ms: (u64::from_be_bytes(*timestamp) ^ (1 << 63)).cast_signed(),
        number: u64::from_be_bytes(*number),
    };
    Some((group_of(group)?, place))
}

fn placed(mut key: Vec<u8>, place: Place) -> Vec<u8> {
    // The sign flipped, the order of bytes is the order of numbers.
    let timestamp = place.timestamp_ms.cast_unsigned() ^ (1 << 63);
    key.extend_from_slice(&timestamp.to_be_bytes());
    key.extend_from_slice(&place.number.to_be_bytes());
    key
}

/// INVARIANT: ids of groups have no control characters, so NUL ends them.
fn key(kind: Kind, group: &str) -> Vec<u8> {
    let mut key = vec![kind as u8];
    key.extend_from_slice(group.as_bytes());
    key.push(0);
    key
}

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(row, vec![VERSION]).expect("rows have no shapes that postcard cannot write")
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let (_, row) = versioned(key, value, VERSION)?;
    postcard::from_bytes(row).map_err(|_| corrupt(key))
}

pub(super) fn encode_group(row: &GroupRow) -> Vec<u8> {
    postcard::to_extend(row, vec![GROUP_VERSION])
        .expect("rows have no shapes that postcard cannot write")
}

pub(super) fn decode_group(key: &[u8], value: &[u8]) -> Result<GroupRow, Error> {
    match versioned(key, value, GROUP_VERSION)? {
        (VERSION, row) => {
            let old: GroupRowOfEvents = postcard::from_bytes(row).map_err(|_| corrupt(key))?;
            Ok(GroupRow {
                events: old.events,
                bytes: old.bytes,
                next: old.next,
                streams: old.streams,
                stored: 0,
            })
        }
        (_, row) => postcard::from_bytes(row).map_err(|_| corrupt(key)),
    }
}

/// The version of a value, at most `newest`, and what follows it.
pub(super) fn versioned<'v>(
    key: &[u8],
    value: &'v [u8],
    newest: u8,
) -> Result<(u8, &'v [u8]), Error> {
    rows::versioned("the store of logs", key, value, newest)
}
