//! Rows of the store of traces. Kinds and versions are persisted: never change, never reuse.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use stepwell_store::Error;

use super::document::{SegmentId, TraceId};
pub(super) use crate::rows::after;
use crate::rows::{corrupt, versioned};

/// The first byte of a key.
#[derive(Debug, Clone, Copy)]
#[repr(u8)]
enum Kind {
    /// Traces by the instant at which the first of their documents came.
    Index = 1,
    /// The instant under which a trace is in the index.
    Trace = 2,
    Document = 3,
}

/// The first byte of a value.
const VERSION: u8 = 1;

/// What is known of a trace without its documents.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct TraceRow {
    /// The earliest start.
    pub(super) start_ms: i64,
    /// The latest end.
    pub(super) end_ms: i64,
    /// When the last document came.
    pub(super) changed_ms: i64,
    pub(super) documents: u64,
    /// Bytes that the documents count for.
    pub(super) bytes: u64,
    /// Documents that found no room in the trace.
    pub(super) refused: u64,
    /// How often documents have come; AWS shows it as `Revision`.
    pub(super) revision: u32,
}

/// A document; its place is in its key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DocumentRow {
    pub(super) is_subsegment: bool,
    pub(super) is_in_progress: bool,
    pub(super) text: String,
}

/// A trace's place in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) received_ms: i64,
    pub(super) trace_id: TraceId,
}

pub(super) fn index() -> Vec<u8> {
    vec![Kind::Index as u8]
}

/// The first key of the index that is not before this instant.
pub(super) fn index_from(received_ms: i64) -> Vec<u8> {
    let mut key = index();
    // The sign flipped, the order of bytes is the order of numbers.
    let flipped = received_ms.cast_unsigned() ^ (1 << 63);
    key.extend_from_slice(&flipped.to_be_bytes());
    key
}

pub(super) fn index_key(place: Place) -> Vec<u8> {
    let mut key = index_from(place.received_ms);
    key.extend_from_slice(&place.trace_id.0);
    key
}

/// The place that a key of the index names.
pub(super) fn place_of(key: &[u8]) -> Option<Place> {
    let (_, rest) = key.split_first()?;
    let (received, id) = rest.split_first_chunk::<8>()?;
    Some(Place {
        received_ms: (u64::from_be_bytes(*received) ^ (1 << 63)).cast_signed(),
        trace_id: TraceId(id.try_into().ok()?),
    })
}

pub(super) fn trace_key(trace_id: TraceId) -> Vec<u8> {
    let mut key = vec![Kind::Trace as u8];
    key.extend_from_slice(&trace_id.0);
    key
}

pub(super) fn documents_of(trace_id: TraceId) -> Vec<u8> {
    let mut key = vec![Kind::Document as u8];
    key.extend_from_slice(&trace_id.0);
    key
}

pub(super) fn document_key(trace_id: TraceId, id: SegmentId) -> Vec<u8> {
    let mut key = documents_of(trace_id);
    key.extend_from_slice(&id.0.to_be_bytes());
    key
}

/// The id that a document's key names.
pub(super) fn document_of(key: &[u8]) -> Option<SegmentId> {
    let (_, id) = key.split_last_chunk::<8>()?;
    Some(SegmentId(u64::from_be_bytes(*id)))
}

pub(super) fn encode(row: &impl Serialize) -> Vec<u8> {
    postcard::to_extend(row, vec![VERSION]).expect("rows have no shapes that postcard cannot write")
}

pub(super) fn decode<T: DeserializeOwned>(key: &[u8], value: &[u8]) -> Result<T, Error> {
    let (_, row) = versioned("the store of traces", key, value, VERSION)?;
    postcard::from_bytes(row).map_err(|_| corrupt(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn rows_of_version_1_are_read_and_written_as_they_always_were() {
        let trace_id = TraceId::parse("1-5759e988-bd862e3fe1be46a994272793").expect("an id");
        let place = Place {
            received_ms: 1_465_510_280_123,
            trace_id,
        };
        let key = index_key(place);
        assert_eq!(
            hex(&key),
            "018000015537383bbb5759e988bd862e3fe1be46a994272793"
        );
        assert_eq!(place_of(&key), Some(place));
        let key = document_key(trace_id, SegmentId(0x53995c3f42cd8ad8));
        assert_eq!(
            hex(&key),
            "035759e988bd862e3fe1be46a99427279353995c3f42cd8ad8"
        );
        assert_eq!(document_of(&key), Some(SegmentId(0x53995c3f42cd8ad8)));
        let row = TraceRow {
            start_ms: 1,
            end_ms: -2,
            changed_ms: 3,
            documents: 4,
            bytes: 500,
            refused: 6,
            revision: 7,
        };
        assert_eq!(hex(&encode(&row)), "0102030604f4030607");
        assert_eq!(decode::<TraceRow>(&[], &encode(&row)).expect("a row"), row);
        let row = DocumentRow {
            is_subsegment: true,
            is_in_progress: false,
            text: "{}".to_owned(),
        };
        assert_eq!(hex(&encode(&row)), "010100027b7d");
        assert_eq!(
            decode::<DocumentRow>(&[], &encode(&row)).expect("a row"),
            row
        );
        let newer = decode::<TraceRow>(&[], &[2, 0]);
        assert!(
            matches!(newer, Err(Error::NewerFormat { found: 2, .. })),
            "{newer:?}"
        );
    }
}
