//! Segments for services that send none: what their callers saw of them.
//!
//! Source: X-Ray developer guide, "Getting data from AWS X-Ray" (the documents of a full trace).

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::analysis::kind_of;
use super::document::SegmentId;
use super::tree::{Entry, Trace, parent_of};

/// What the segment has of the subsegment, word for word.
const MEMBERS: [&str; 10] = [
    "name",
    "start_time",
    "end_time",
    "in_progress",
    "http",
    "sql",
    "aws",
    "error",
    "throttle",
    "fault",
];

impl Trace {
    /// Segments that stand for the services which were called and sent none, in the order of the calls.
    ///
    /// - Of each subsegment with a `namespace` to which no segment has come.
    /// - Their ids follow from those of the subsegments: the same trace has the same segments.
    pub fn inferred(&self) -> Vec<Entry> {
        let mut inferring = Inferring {
            trace_id: self.id.to_string(),
            called: HashSet::new(),
            taken: HashSet::new(),
            found: Vec::new(),
        };
        for entry in &self.segments {
            inferring.called.extend(parent_of(&entry.document));
            inferring.take_ids(&entry.document);
        }
        for entry in &self.segments {
            // One that was sent alone, and whose parent has not come.
            if entry.document.get("type").and_then(Value::as_str) == Some("subsegment") {
                inferring.infer(&entry.document);
            }
            inferring.look_below(&entry.document);
        }
        inferring.found
    }
}

struct Inferring {
    trace_id: String,
    /// Subsegments to which a segment has come.
    called: HashSet<SegmentId>,
    /// Ids that are in use.
    taken: HashSet<SegmentId>,
    found: Vec<Entry>,
}

impl Inferring {
    fn take_ids(&mut self, members: &Map<String, Value>) {
        self.taken.extend(id_of(members));
        for child in inside(members) {
            self.take_ids(child);
        }
    }

    fn look_below(&mut self, members: &Map<String, Value>) {
        for child in inside(members) {
            self.infer(child);
            self.look_below(child);
        }
    }

    fn infer(&mut self, call: &Map<String, Value>) {
        let namespace = call.get("namespace").and_then(Value::as_str);
        let (Some(namespace), Some(parent)) = (namespace, id_of(call)) else {
            return;
        };
        if self.called.contains(&parent) {
            return;
        }
        let id = self.free_id(parent);
        let mut document = Map::new();
        document.insert("id".to_owned(), json!(id.to_string()));
        for name in MEMBERS {
            if let Some(value) = call.get(name) {
                document.insert(name.to_owned(), value.clone());
            }
        }
        document.insert("parent_id".to_owned(), json!(parent.to_string()));
        document.insert("inferred".to_owned(), json!(true));
        document.insert("trace_id".to_owned(), json!(self.trace_id));
        if namespace == "aws" {
            let name = call.get("name").and_then(Value::as_str).unwrap_or_default();
            let aws = call.get("aws").and_then(Value::as_object);
            document.insert("origin".to_owned(), json!(kind_of(name, aws)));
        }
        self.found.push(Entry { id, document });
    }

    /// An id that follows from another one and that nothing in the trace has.
    fn free_id(&mut self, of: SegmentId) -> SegmentId {
        // The finalizer of SplitMix64: different numbers give different ones.
        let mut mixed = of.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        // Ends: there are far fewer ids than numbers.
        while mixed == 0 || !self.taken.insert(SegmentId(mixed)) {
            mixed = mixed.wrapping_add(1);
        }
        SegmentId(mixed)
    }
}

fn id_of(members: &Map<String, Value>) -> Option<SegmentId> {
    members.get("id")?.as_str().and_then(SegmentId::parse)
}

fn inside(members: &Map<String, Value>) -> impl Iterator<Item = &Map<String, Value>> {
    let children = members.get("subsegments").and_then(Value::as_array);
    children.into_iter().flatten().filter_map(Value::as_object)
}
