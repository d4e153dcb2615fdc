//! Blocks: many events of a group in one row, in columns, packed.
//!
//! A block is a head that can be read without unpacking anything, the columns (which stream, when, how long) and the
//! text of all messages one after the other. Who looks for a word unpacks the text alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use lz4_flex::block::{compress, decompress_into};
use serde::{Deserialize, Serialize};
use stepwell_store::Error;

use super::rows::{Place, corrupt, versioned};
use crate::encoding::{put_varint, take_varint, unzigzag, zigzag};

/// The first byte of a block's row.
const VERSION: u8 = 1;

/// Messages of a block, in bytes: large enough to pack well, small enough to unpack for one event.
pub(super) const BLOCK_BYTES_GOAL: usize = 256 << 10;

/// Events of a block.
pub(super) const BLOCK_EVENTS_MAX: usize = 8_192;

/// From the first to the last event of a block: who reads from an instant on begins this much earlier.
pub(super) const BLOCK_SPAN_MS_MAX: i64 = 10 * 60_000;

/// Bytes that the columns and the text of one block may unpack to. A message has at most 1 MiB and is never split.
const UNPACKED_BYTES_MAX: usize = 4 << 20;

/// An event as it is written and found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) place: Place,
    pub(super) stream: Arc<str>,
    pub(super) ingestion_ms: i64,
    pub(super) message: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head<'b> {
    count: u32,
    first: Place,
    last: Place,
    #[serde(borrow)]
    streams: Vec<&'b str>,
    columns_bytes: u32,
    columns_packed: u32,
    text_bytes: u32,
}

/// The row of these events.
///
/// - `events`: at least one, in order of their places.
pub(super) fn encode(events: &[Event]) -> Vec<u8> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else {
        unreachable!("a block has an event");
    };
    let mut numbers: BTreeMap<&str, u64> = BTreeMap::new();
    let mut streams: Vec<&str> = Vec::new();
    let mut columns = Vec::with_capacity(events.len() * 8);
    for event in events {
        let number = *numbers.entry(&event.stream).or_insert_with(|| {
            streams.push(&event.stream);
            streams.len() as u64 - 1
        });
        put_varint(&mut columns, number);
    }
    let mut previous = first.place.timestamp_ms;
    for event in events {
        put_signed(
            &mut columns,
            event.place.timestamp_ms.wrapping_sub(previous),
        );
        previous = event.place.timestamp_ms;
    }
    let mut previous = 0;
    for event in events {
        let number = event.place.number.cast_signed();
        put_signed(&mut columns, number.wrapping_sub(previous));
        previous = number;
    }
    for event in events {
        let late = event.ingestion_ms.wrapping_sub(event.place.timestamp_ms);
        put_signed(&mut columns, late);
    }
    let mut text = Vec::with_capacity(events.iter().map(|event| event.message.len()).sum());
    for event in events {
        put_varint(&mut columns, event.message.len() as u64);
        text.extend_from_slice(event.message.as_bytes());
    }
    let packed = compress(&columns);
    let small = |bytes: usize| u32::try_from(bytes).expect("a block is far below 4 GiB");
    let head = Head {
        count: small(events.len()),
        first: first.place,
        last: last.place,
        streams,
        columns_bytes: small(columns.len()),
        columns_packed: small(packed.len()),
        text_bytes: small(text.len()),
    };
    let mut row = postcard::to_extend(&head, vec![VERSION])
        .expect("a head has no shape that postcard cannot write");
    row.extend_from_slice(&packed);
    row.extend_from_slice(&compress(&text));
    row
}

/// A block whose head has been read.
pub(super) struct Block<'v> {
    key: &'v [u8],
    head: Head<'v>,
    columns: &'v [u8],
    text: &'v [u8],
}

/// Which stream, when, and how long: one entry for each event.
pub(super) struct Columns {
    pub(super) streams: Vec<u32>,
    pub(super) places: Vec<Place>,
    pub(super) ingestions_ms: Vec<i64>,
    /// Where each message ends in the text.
    pub(super) ends: Vec<u32>,
}

impl Columns {
    /// Where a message is in the text.
    pub(super) fn range(&self, at: usize) -> std::ops::Range<usize> {
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        start as usize..self.ends[at] as usize
    }

    /// The event whose message has this byte of the text.
    pub(super) fn at_byte(&self, byte: usize) -> usize {
        self.ends.partition_point(|end| *end as usize <= byte)
    }
}

impl<'v> Block<'v> {
    pub(super) fn open(key: &'v [u8], value: &'v [u8]) -> Result<Block<'v>, Error> {
        let (_, row) = versioned(key, value, VERSION)?;
        let (head, rest): (Head, &[u8]) =
            postcard::take_from_bytes(row).map_err(|_| corrupt(key))?;
        let bounds = head.columns_bytes as usize <= UNPACKED_BYTES_MAX
            && head.text_bytes as usize <= UNPACKED_BYTES_MAX
            && head.columns_packed as usize <= rest.len();
        if !bounds {
            return Err(corrupt(key));
        }
        let (columns, text) = rest.split_at(head.columns_packed as usize);
        Ok(Block {
            key,
            head,
            columns,
            text,
        })
    }

    pub(super) fn first(&self) -> Place {
        self.head.first
    }

    pub(super) fn last(&self) -> Place {
        self.head.last
    }

    pub(super) fn count(&self) -> u64 {
        u64::from(self.head.count)
    }

    /// Bytes of the messages.
    pub(super) fn message_bytes(&self) -> usize {
        self.head.text_bytes as usize
    }

    pub(super) fn streams(&self) -> &[&'v str] {
        &self.head.streams
    }

    /// Unpacks the columns.
    pub(super) fn columns(&self) -> Result<Columns, Error> {
        let corrupt = || corrupt(self.key);
        let mut bytes = vec![0; self.head.columns_bytes as usize];
        unpack(self.columns, &mut bytes).ok_or_else(corrupt)?;
        let mut rest = bytes.as_slice();
        let count = self.head.count as usize;
        // Five numbers an event, of a byte at least.
        if count > bytes.len() {
            return Err(corrupt());
        }
        let mut columns = Columns {
            streams: Vec::with_capacity(count),
            places: Vec::with_capacity(count),
            ingestions_ms: Vec::with_capacity(count),
            ends: Vec::with_capacity(count),
        };
        for _ in 0..count {
            let stream = take_varint(&mut rest).ok_or_else(corrupt)?;
            if stream >= self.head.streams.len() as u64 {
                return Err(corrupt());
            }
            columns.streams.push(stream as u32);
        }
        let mut timestamp_ms = self.head.first.timestamp_ms;
        for _ in 0..count {
            timestamp_ms = timestamp_ms.wrapping_add(take_signed(&mut rest).ok_or_else(corrupt)?);
            columns.places.push(Place::at(timestamp_ms));
        }
        let mut number = 0_i64;
        for place in &mut columns.places {
            number = number.wrapping_add(take_signed(&mut rest).ok_or_else(corrupt)?);
            place.number = number.cast_unsigned();
        }
        for place in &columns.places {
            let late = take_signed(&mut rest).ok_or_else(corrupt)?;
            columns
                .ingestions_ms
                .push(place.timestamp_ms.wrapping_add(late));
        }
        let mut end = 0_u64;
        for _ in 0..count {
            end = end.saturating_add(take_varint(&mut rest).ok_or_else(corrupt)?);
            if end > u64::from(self.head.text_bytes) {
                return Err(corrupt());
            }
            columns.ends.push(end as u32);
        }
        Ok(columns)
    }

    /// Unpacks the messages into `buffer`.
    pub(super) fn text<'b>(&self, buffer: &'b mut Vec<u8>) -> Result<&'b [u8], Error> {
        buffer.resize(self.head.text_bytes as usize, 0);
        unpack(self.text, buffer).ok_or_else(|| corrupt(self.key))?;
        Ok(buffer)
    }

    /// All its events.
    pub(super) fn events(&self) -> Result<Vec<Event>, Error> {
        let columns = self.columns()?;
        let mut buffer = Vec::new();
        let text = self.text(&mut buffer)?;
        let streams: Vec<Arc<str>> = self.streams().iter().map(|name| Arc::from(*name)).collect();
        (0..columns.places.len())
            .map(|at| {
                Ok(Event {
                    place: columns.places[at],
                    stream: Arc::clone(&streams[columns.streams[at] as usize]),
                    ingestion_ms: columns.ingestions_ms[at],
                    message: self.message(&text[columns.range(at)])?.to_owned(),
                })
            })
            .collect()
    }

    /// A message as text.
    pub(super) fn message<'t>(&self, bytes: &'t [u8]) -> Result<&'t str, Error> {
        std::str::from_utf8(bytes).map_err(|_| corrupt(self.key))
    }
}

fn unpack(packed: &[u8], into: &mut [u8]) -> Option<()> {
    let written = decompress_into(packed, into).ok()?;
    (written == into.len()).then_some(())
}

fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_varint(bytes, zigzag(number));
}

fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    take_varint(bytes).map(unzigzag)
}

/// Cuts events, in order of their places, into what becomes blocks.
pub(super) fn cut(events: &[Event]) -> Vec<&[Event]> {
    let mut blocks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, event) in events.iter().enumerate() {
        let first = &events[start];
        let span_ms = event
            .place
            .timestamp_ms
            .saturating_sub(first.place.timestamp_ms);
        let is_full = at - start == BLOCK_EVENTS_MAX
            || span_ms > BLOCK_SPAN_MS_MAX
            || bytes + event.message.len() > BLOCK_BYTES_GOAL;
        if at > start && is_full {
            blocks.push(&events[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += event.message.len();
    }
    if start < events.len() {
        blocks.push(&events[start..]);
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(timestamp_ms: i64, number: u64, stream: &str, message: &str) -> Event {
        Event {
            place: Place {
                timestamp_ms,
                number,
            },
            stream: Arc::from(stream),
            ingestion_ms: timestamp_ms + 40,
            message: message.to_string(),
        }
    }

    #[test]
    fn a_block_gives_back_its_events_and_no_cut_or_flip_panics() {
        let events = [
            event(i64::MIN, 7, "a", ""),
            event(-5, 3, "b", "zwei"),
            event(5, u64::MAX, "a", "drei é"),
        ];
        let row = encode(&events);
        let block = Block::open(b"k", &row).expect("it opens");
        assert_eq!(block.events().expect("they are read"), events);
        assert_eq!((block.count(), block.streams()), (3, &["a", "b"][..]));
        for end in 0..row.len() {
            let read = Block::open(b"k", &row[..end]).and_then(|block| block.events());
            assert!(read.is_err(), "{end}");
        }
        for at in 0..row.len() {
            for bit in 0..8 {
                let mut row = row.clone();
                row[at] ^= 1 << bit;
                // Read or refused; the store's checksum has seen it before.
                let _ = Block::open(b"k", &row).and_then(|block| block.events());
            }
        }
    }

    #[test]
    fn blocks_are_cut_by_bytes_events_and_time() {
        let long = "x".repeat(100 << 10);
        let by_bytes: Vec<Event> = (0..5).map(|at| event(at, 0, "s", &long)).collect();
        let lengths = |events: &[Event]| -> Vec<usize> {
            cut(events).iter().map(|block| block.len()).collect()
        };
        assert_eq!(lengths(&by_bytes), [2, 2, 1]);
        let by_count: Vec<Event> = (0..BLOCK_EVENTS_MAX as u64 + 1)
            .map(|number| event(0, number, "s", "x"))
            .collect();
        assert_eq!(lengths(&by_count), [BLOCK_EVENTS_MAX, 1]);
        let by_time: Vec<Event> = [0, BLOCK_SPAN_MS_MAX, BLOCK_SPAN_MS_MAX + 1]
            .map(|at| event(at, 0, "s", "x"))
            .to_vec();
        assert_eq!(lengths(&by_time), [2, 1]);
        assert!(cut(&[]).is_empty());
    }
}
