//! `GET /metrics`: what the server knows of itself, in the formats of Prometheus.
//!
//! What is counted while the server works is in [`Instruments`]: atomic numbers, no lock on the way of a transition. What
//! can be asked for when it is wanted (queues, the pool, stores, the process) is asked for when a page is made.

mod instruments;
mod process;
mod requests;
mod state;
mod subjects;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hyper::HeaderMap;
use stepwell_api::Reply;
use stepwell_store::Watch;
use stepwell_telemetry::exposition::{self, Family, Format, Kind, Sample, Value};
use stepwell_telemetry::otlp::Signal;

use crate::http::Services;
use crate::otlp::{Counts, Exports};
pub(crate) use instruments::Counter;
use instruments::{BATCH_BOUNDS, COMMIT_BOUNDS, Histogram, SECOND};
pub(crate) use requests::{Called, Requests, error_of, service_of_version};
use subjects::Subjects;

/// What is counted while the server works.
#[derive(Debug)]
pub(crate) struct Instruments {
    pub(crate) requests: Requests,
    pub(crate) shard: ShardInstruments,
    pub(crate) deliveries: DeliveryInstruments,
    pub(crate) subjects: Subjects,
    /// What is sent on to a collector.
    pub(crate) exports: Exports,
    stores: Mutex<Vec<(&'static str, Watch)>>,
}

/// What the shard's thread counts.
#[derive(Debug)]
pub(crate) struct ShardInstruments {
    batch: Histogram,
    commits: Histogram,
    events: Counter,
    executions: Counter,
}

/// What became of attempts to deliver.
#[derive(Debug, Default)]
pub(crate) struct DeliveryInstruments {
    pub(crate) delivered: Counter,
    pub(crate) failed: Counter,
    pub(crate) given_up: Counter,
}

impl Default for Instruments {
    fn default() -> Instruments {
        Instruments {
            requests: Requests::default(),
            shard: ShardInstruments {
                batch: Histogram::new(BATCH_BOUNDS),
                commits: Histogram::new(COMMIT_BOUNDS),
                events: Counter::default(),
                executions: Counter::default(),
            },
            deliveries: DeliveryInstruments::default(),
            subjects: Subjects::default(),
            exports: Exports::default(),
            stores: Mutex::default(),
        }
    }
}

impl Instruments {
    /// Shows a store from now on.
    pub(crate) fn watch_store(&self, name: &'static str, store: Watch) {
        let mut stores = self.stores.lock().unwrap_or_else(PoisonError::into_inner);
        stores.push((name, store));
    }
}

impl ShardInstruments {
    /// The shard's thread has come around and taken so many messages.
    pub(crate) fn came_around(&self, messages: usize) {
        self.batch.observe(messages as u64);
    }

    /// A batch is durable.
    pub(crate) fn committed(&self, took: Duration) {
        self.commits.observe_duration(took);
    }

    /// History events have become durable.
    ///
    /// - `executions`: how many executions they are of.
    pub(crate) fn happened(&self, events: usize, executions: usize) {
        self.events.add(events as u64);
        self.executions.add(executions as u64);
    }
}

/// The page.
pub(crate) fn answer(services: &Services, headers: &HeaderMap, request_id: &str) -> Reply {
    let accept = headers
        .get("accept")
        .and_then(|accept| accept.to_str().ok());
    let format = Format::of(accept);
    // The engine of a store may wait for a commit.
    let families = tokio::task::block_in_place(|| families(services));
    Reply {
        status: 200,
        headers: vec![
            ("x-amzn-requestid", request_id.to_string()),
            ("content-type", format.content_type().to_string()),
        ],
        body: exposition::page(&families, format).into_bytes(),
    }
}

/// Everything that the server knows of itself.
pub(crate) fn families(services: &Services) -> Vec<Family> {
    let instruments = services.functions.handle.instruments();
    let mut families = instruments.requests.families();
    families.extend(instruments.subjects.families());
    families.extend(shard(instruments));
    families.extend(state::families(services));
    families.extend(deliveries(&instruments.deliveries));
    families.extend(stores(instruments));
    families.extend(otlp(&instruments.exports));
    families.extend(process::families());
    families
}

fn shard(instruments: &Instruments) -> Vec<Family> {
    let shard = &instruments.shard;
    vec![
        one(
            "stepwell_shard_batch_messages",
            "Messages that the shard's thread took at once, each time it came around.",
            Kind::Histogram,
            shard.batch.value(1.0),
        ),
        one(
            "stepwell_shard_commit_duration_seconds",
            "Durable commits of the shard, from the write to the end of the fsync.",
            Kind::Histogram,
            shard.commits.value(SECOND),
        ),
        number(
            "stepwell_shard_history_events",
            "History events that have become durable.",
            Kind::Counter,
            shard.events.get() as f64,
        ),
        number(
            "stepwell_shard_steps",
            "Steps of executions whose events have become durable.",
            Kind::Counter,
            shard.executions.get() as f64,
        ),
    ]
}

fn deliveries(deliveries: &DeliveryInstruments) -> Vec<Family> {
    vec![
        family(
            "stepwell_deliveries",
            "Attempts to deliver (asynchronous invocations, records, dead letters, events) that have ended.",
            Kind::Counter,
            [
                ("delivered", &deliveries.delivered),
                ("failed", &deliveries.failed),
            ]
            .map(|(outcome, counter)| sample("outcome", outcome, counter.get() as f64))
            .into(),
        ),
        number(
            "stepwell_deliveries_given_up",
            "Deliveries that were given up after their last attempt, without a place for a dead letter.",
            Kind::Counter,
            deliveries.given_up.get() as f64,
        ),
    ]
}

fn otlp(exports: &Exports) -> Vec<Family> {
    let of = |name, help, kind, value: &dyn Fn(Signal) -> f64| {
        let samples = Signal::ALL.map(|signal| sample("signal", signal.name(), value(signal)));
        family(name, help, kind, samples.into())
    };
    let counted = |value: fn(&Counts) -> &Counter| {
        move |signal: Signal| value(exports.of(signal)).get() as f64
    };
    let mut dropped = Vec::new();
    for signal in Signal::ALL {
        let counts = exports.of(signal);
        for (reason, count) in [
            ("queue", exports.waiting(signal).1),
            ("refused", counts.refused.get()),
            ("unreached", counts.unreached.get()),
        ] {
            let mut dropped_for = sample("signal", signal.name(), count as f64);
            dropped_for.labels.push(("reason", reason.to_string()));
            dropped.push(dropped_for);
        }
    }
    vec![
        of(
            "stepwell_otlp_queue_depth",
            "What waits to be exported: segment documents, values, log events.",
            Kind::Gauge,
            &|signal| exports.waiting(signal).0 as f64,
        ),
        of(
            "stepwell_otlp_exported",
            "Spans, points and log records that a collector has taken.",
            Kind::Counter,
            &counted(|counts| &counts.exported),
        ),
        family(
            "stepwell_otlp_export_dropped",
            "What was not exported: no room in the queue, refused by the collector, or the collector not reached.",
            Kind::Counter,
            dropped,
        ),
        of(
            "stepwell_otlp_export_retries",
            "Requests to the collector that were sent again.",
            Kind::Counter,
            &counted(|counts| &counts.retries),
        ),
        of(
            "stepwell_otlp_received",
            "Spans, points and log records that were taken of others.",
            Kind::Counter,
            &counted(|counts| &counts.received),
        ),
        of(
            "stepwell_otlp_rejected",
            "Spans, points and log records of others that were not taken.",
            Kind::Counter,
            &counted(|counts| &counts.rejected),
        ),
        of(
            "stepwell_otlp_malformed",
            "Requests of others that were no OTLP.",
            Kind::Counter,
            &counted(|counts| &counts.malformed),
        ),
    ]
}

fn stores(instruments: &Instruments) -> Vec<Family> {
    let stores = instruments
        .stores
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let used: Vec<_> = stores
        .into_iter()
        .filter_map(|(name, store)| Some((name, store.usage()?)))
        .collect();
    let of = |name, help, kind, value: fn(&stepwell_store::Usage) -> f64| {
        let samples = used
            .iter()
            .map(|(store, usage)| sample("store", store, value(usage)));
        family(name, help, kind, samples.collect())
    };
    vec![
        of(
            "stepwell_store_bytes",
            "Bytes of tables and journals on disk.",
            Kind::Gauge,
            |usage| usage.bytes as f64,
        ),
        of(
            "stepwell_store_journals",
            "Journals on disk.",
            Kind::Gauge,
            |usage| usage.journals as f64,
        ),
        of(
            "stepwell_store_journal_bytes",
            "Bytes of journals on disk.",
            Kind::Gauge,
            |usage| usage.journal_bytes as f64,
        ),
        of(
            "stepwell_store_memory_bytes",
            "Bytes of rows in memory that are not in tables yet; they are in journals.",
            Kind::Gauge,
            |usage| usage.memory_bytes as f64,
        ),
        of(
            "stepwell_store_compactions",
            "Compactions that have ended.",
            Kind::Counter,
            |usage| usage.compactions as f64,
        ),
        of(
            "stepwell_store_compaction_seconds",
            "How long compactions have taken.",
            Kind::Counter,
            |usage| usage.compacting.as_secs_f64(),
        ),
    ]
}

fn family(name: &'static str, help: &'static str, kind: Kind, samples: Vec<Sample>) -> Family {
    Family {
        name,
        help,
        kind,
        samples,
    }
}

fn one(name: &'static str, help: &'static str, kind: Kind, value: Value) -> Family {
    let labels = Vec::new();
    family(name, help, kind, vec![Sample { labels, value }])
}

fn number(name: &'static str, help: &'static str, kind: Kind, value: f64) -> Family {
    one(name, help, kind, Value::Number(value))
}

fn sample(label: &'static str, text: &str, value: f64) -> Sample {
    Sample {
        labels: vec![(label, text.to_string())],
        value: Value::Number(value),
    }
}
