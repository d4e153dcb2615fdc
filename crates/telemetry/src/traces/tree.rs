//! A trace put together: segments with the subsegments that were sent alone in their places.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use stepwell_store::Error;

use super::document::{SegmentId, TraceId, milliseconds};
use super::rows::{DocumentRow, TraceRow};
use super::{DOCUMENT_BYTES, TracesReader};

/// Subsegments that were sent alone are put into each other at most this deep; those below stand for themselves.
const DEPTH_MAX: usize = 48;

/// A trace put together.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    pub id: TraceId,
    /// The earliest start.
    pub start_ms: i64,
    /// The latest end.
    pub end_ms: i64,
    /// Whether documents were dropped because the trace is full.
    pub limit_exceeded: bool,
    /// How often documents have come.
    pub revision: u32,
    /// By start. A subsegment whose parent has not come stands for itself.
    pub segments: Vec<Entry>,
}

/// A segment, or a subsegment that stands for itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    pub id: SegmentId,
    pub document: Map<String, Value>,
}

impl TracesReader {
    /// A trace, or `None` if nothing of it is there.
    pub fn trace(&self, id: TraceId) -> Result<Option<Trace>, Error> {
        let Some((row, documents)) = self.stored(id)? else {
            return Ok(None);
        };
        Ok(Some(assembled(id, row, documents)))
    }
}

pub(super) fn assembled(
    id: TraceId,
    row: TraceRow,
    documents: Vec<(SegmentId, DocumentRow)>,
) -> Trace {
    let mut segments = Vec::new();
    // In the order of their ids: the same documents give the same tree.
    let mut alone: BTreeMap<SegmentId, Map<String, Value>> = BTreeMap::new();
    for (id, document) in documents {
        // INVARIANT: only documents that were read are stored.
        let Ok(Value::Object(members)) = serde_json::from_str(&document.text) else {
            continue;
        };
        if document.is_subsegment {
            alone.insert(id, members);
        } else {
            segments.push((id, members));
        }
    }
    let mut children: BTreeMap<SegmentId, Vec<SegmentId>> = BTreeMap::new();
    for (id, members) in &alone {
        if let Some(parent) = parent_of(members) {
            children.entry(parent).or_default().push(*id);
        }
    }
    let mut attachment = Attachment { alone, children };
    let mut entries: Vec<Entry> = segments
        .into_iter()
        .map(|(id, mut document)| {
            attachment.attach(&mut document, 0);
            Entry { id, document }
        })
        .collect();
    // What nobody has taken: first those whose parents are not there at all, then what is below the bound or in a ring.
    let orphans: Vec<SegmentId> = attachment
        .alone
        .iter()
        .filter(|(_, members)| {
            parent_of(members).is_none_or(|parent| !attachment.alone.contains_key(&parent))
        })
        .map(|(id, _)| *id)
        .collect();
    let rest: Vec<SegmentId> = attachment.alone.keys().copied().collect();
    for id in orphans.into_iter().chain(rest) {
        if let Some(mut document) = attachment.alone.remove(&id) {
            attachment.attach(&mut document, 0);
            entries.push(Entry { id, document });
        }
    }
    entries.sort_by_key(|entry| (start_ms(&entry.document), entry.id));
    Trace {
        id,
        start_ms: row.start_ms,
        end_ms: row.end_ms,
        limit_exceeded: row.refused > 0,
        revision: row.revision,
        segments: entries,
    }
}

struct Attachment {
    /// Subsegments that were sent alone and have no place yet.
    alone: BTreeMap<SegmentId, Map<String, Value>>,
    children: BTreeMap<SegmentId, Vec<SegmentId>>,
}

impl Attachment {
    /// Puts into a segment what belongs under it and under its subsegments.
    fn attach(&mut self, members: &mut Map<String, Value>, depth: usize) {
        if depth >= DEPTH_MAX {
            return;
        }
        let id = members
            .get("id")
            .and_then(Value::as_str)
            .and_then(SegmentId::parse);
        let own = id
            .and_then(|id| self.children.get(&id).cloned())
            .unwrap_or_default();
        let own: Vec<Map<String, Value>> =
            own.iter().filter_map(|id| self.alone.remove(id)).collect();
        if own.is_empty() && !members.contains_key("subsegments") {
            return;
        }
        let inside = members
            .entry("subsegments")
            .or_insert_with(|| Value::Array(Vec::new()));
        if inside.is_null() {
            *inside = Value::Array(Vec::new());
        }
        let Value::Array(inside) = inside else {
            return;
        };
        let has_new = !own.is_empty();
        // One that was sent alone and is inside as well is newer alone.
        if has_new {
            inside.retain(|child| !own.iter().any(|alone| alone.get("id") == child.get("id")));
        }
        inside.extend(own.into_iter().map(|mut members| {
            // What only a subsegment needs that is sent alone.
            members.remove("trace_id");
            members.remove("parent_id");
            members.remove("type");
            Value::Object(members)
        }));
        for child in inside.iter_mut() {
            if let Value::Object(child) = child {
                self.attach(child, depth + 1);
            }
        }
        if has_new {
            inside.sort_by_key(|child| child.as_object().map(start_ms));
        }
    }
}

pub(super) fn parent_of(members: &Map<String, Value>) -> Option<SegmentId> {
    members
        .get("parent_id")?
        .as_str()
        .and_then(SegmentId::parse)
}

pub(super) fn start_ms(members: &Map<String, Value>) -> i64 {
    instant_ms(members, "start_time").unwrap_or_default()
}

pub(super) fn instant_ms(members: &Map<String, Value>, name: &str) -> Option<i64> {
    members.get(name)?.as_f64().map(milliseconds)
}

/// Bytes of a trace's documents as they are counted.
pub(super) fn counted_bytes(text: &str) -> u64 {
    text.len() as u64 + DOCUMENT_BYTES
}
