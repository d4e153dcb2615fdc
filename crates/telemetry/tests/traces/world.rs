//! Traces over a disk in memory.

use serde_json::{Value, json};
use stepwell_api::EpochSeconds;
use stepwell_api::xray::{
    BatchGetTracesRequest, BatchGetTracesResult, GetTraceSummariesRequest, GetTraceSummariesResult,
};
use stepwell_store::Disk;
use stepwell_telemetry::{Added, Segment, TraceLimits, Traces};

pub const NOW_MS: i64 = 1_700_000_000_000;
pub const NOW: f64 = 1_700_000_000.0;

pub struct World {
    pub disk: Disk,
    pub traces: Traces,
}

pub fn world() -> World {
    world_of(TraceLimits::default())
}

pub fn world_of(limits: TraceLimits) -> World {
    let disk = Disk::new();
    let traces = Traces::open(Box::new(disk.open()), limits).expect("it opens");
    World { disk, traces }
}

/// `1-6553f100-...` with a number at its end.
pub fn trace_id(number: u32) -> String {
    format!("1-6553f100-{number:024x}")
}

pub fn segment_id(number: u64) -> String {
    format!("{number:016x}")
}

/// A segment of a second, with `more` members.
pub fn segment(trace: u32, id: u64, name: &str, more: Value) -> Value {
    let mut document = json!({
        "trace_id": trace_id(trace),
        "id": segment_id(id),
        "name": name,
        "start_time": NOW,
        "end_time": NOW + 1.0,
    });
    for (key, value) in more.as_object().expect("members") {
        document[key] = value.clone();
    }
    document
}

impl World {
    pub fn add(&mut self, document: &Value) -> Added {
        self.add_at(document, NOW_MS)
    }

    pub fn add_at(&mut self, document: &Value, now_ms: i64) -> Added {
        let segment = Segment::parse(document.to_string(), now_ms).expect("a document");
        self.traces.add(segment, now_ms).expect("a store")
    }

    pub fn commit(&mut self) {
        self.traces.commit(NOW_MS).expect("committed");
    }

    pub fn put(&mut self, documents: &[Value]) {
        for document in documents {
            self.add(document);
        }
        self.commit();
    }

    pub fn get(&self, ids: &[String]) -> BatchGetTracesResult {
        let input = BatchGetTracesRequest {
            trace_ids: ids.to_vec(),
            next_token: None,
        };
        let read = self.traces.reader().batch_get_traces(&input);
        read.expect("a store").expect("not refused")
    }

    /// The documents of the segments of a trace that were sent.
    pub fn documents(&self, trace: u32) -> Vec<Value> {
        let mut documents = self.all_documents(trace);
        documents.retain(|document| document["inferred"] != json!(true));
        documents
    }

    /// The documents of all segments of a trace.
    pub fn all_documents(&self, trace: u32) -> Vec<Value> {
        let result = self.get(&[trace_id(trace)]);
        let traces = result.traces.expect("a list");
        traces
            .into_iter()
            .flat_map(|trace| trace.segments.expect("a list"))
            .map(|segment| {
                let document = segment.document.expect("a document");
                serde_json::from_str(&document).expect("JSON")
            })
            .collect()
    }

    pub fn summaries(&self, input: &GetTraceSummariesRequest) -> GetTraceSummariesResult {
        let group = |name: &str| (name == "slow").then(|| "responsetime > 5".to_owned());
        let read = self
            .traces
            .reader()
            .get_trace_summaries(input, &group, NOW_MS);
        read.expect("a store").expect("not refused")
    }

    /// The last digits of the ids of the traces that an expression wants.
    pub fn wanted(&self, expression: &str) -> Vec<u32> {
        let result = self.summaries(&asked(expression));
        result
            .trace_summaries
            .expect("a list")
            .into_iter()
            .map(|summary| {
                let id = summary.id.expect("an id");
                u32::from_str_radix(&id[27..], 16).expect("a number")
            })
            .collect()
    }

    pub fn refusal(&self, expression: &str) -> String {
        let read = self
            .traces
            .reader()
            .get_trace_summaries(&asked(expression), &|_| None, NOW_MS);
        read.expect("a store").expect_err("refused").message
    }
}

pub fn asked(expression: &str) -> GetTraceSummariesRequest {
    GetTraceSummariesRequest {
        start_time: EpochSeconds::from_ms(NOW_MS - 60_000),
        end_time: EpochSeconds::from_ms(NOW_MS + 60_000),
        filter_expression: Some(expression.to_owned()),
        ..Default::default()
    }
}
