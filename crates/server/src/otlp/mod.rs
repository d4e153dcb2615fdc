//! OpenTelemetry: what is sent on to a collector, and what is taken from instrumented functions.

mod client;
mod exporter;
mod grpc;
mod queue;
mod receiver;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use stepwell_telemetry::metrics::{Distribution, Metric, Sample, Unit};
use stepwell_telemetry::otlp::{ExportedLog, ReceivedPoint, Signal};

use crate::prometheus::Counter;
pub(crate) use client::Collector;
pub(crate) use exporter::Exporter;
pub(crate) use grpc::GrpcReceiver;
use queue::Queue;
pub(crate) use receiver::{PointSink, Receiver, SegmentSink, answer, signal_of};

/// Segment documents that may wait to be exported, and their bytes.
const DOCUMENTS_MAX: usize = 20_000;
const DOCUMENT_BYTES_MAX: usize = 32 << 20;

/// Values of metrics that may wait to be exported.
const POINTS_MAX: usize = 100_000;

/// Log events that may wait to be exported, and their bytes.
const LOGS_MAX: usize = 50_000;
const LOG_BYTES_MAX: usize = 32 << 20;

/// How telemetry is sent on and taken.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OtlpOptions {
    /// Where it is sent on to; `None`: nowhere.
    pub export: Option<OtlpExport>,
    pub receive: OtlpSenders,
    /// Where OTLP over gRPC is taken, beside the server's own port; `None`: nowhere.
    pub grpc: Option<SocketAddr>,
}

/// A collector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtlpExport {
    /// `http://HOST:PORT`, perhaps with a path that the paths of OTLP are put after.
    pub endpoint: String,
    pub protocol: OtlpProtocol,
    /// Sent with each request, such as a key.
    pub headers: Vec<(String, String)>,
    /// How long a request may take.
    pub timeout: Duration,
    pub compresses: bool,
    /// Whether traces, metrics and logs are exported.
    pub traces: bool,
    pub metrics: bool,
    pub logs: bool,
}

impl OtlpExport {
    /// OpenTelemetry's defaults, of a collector at `endpoint`.
    pub fn to(endpoint: impl Into<String>) -> OtlpExport {
        OtlpExport {
            endpoint: endpoint.into(),
            protocol: OtlpProtocol::HttpProtobuf,
            headers: Vec::new(),
            timeout: Duration::from_secs(10),
            compresses: true,
            traces: true,
            metrics: true,
            logs: true,
        }
    }

    /// Why it names no collector.
    pub fn check(&self) -> Result<(), String> {
        Collector::new(self).map(drop)
    }
}

/// How OTLP is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtlpProtocol {
    HttpProtobuf,
    Grpc,
}

/// Whose telemetry is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OtlpSenders {
    /// Of programs on this machine, functions among them.
    #[default]
    Loopback,
    Anybody,
    Nobody,
}

/// What is to be exported. Everybody may put something in; nobody waits.
#[derive(Debug)]
pub(crate) struct Exports {
    /// By signal.
    is_on: [AtomicBool; 3],
    pub(crate) documents: Queue<String>,
    pub(crate) points: Queue<ReceivedPoint>,
    pub(crate) logs: Queue<ExportedLog>,
    pub(crate) counts: [Counts; 3],
}

/// Values as they are exported.
fn point(sample: &Sample) -> ReceivedPoint {
    let (metric, values) = (&*sample.metric, &sample.values);
    ReceivedPoint {
        namespace: metric.namespace().to_string(),
        name: metric.name().to_string(),
        dimensions: metric.dimensions().to_vec(),
        unit: sample.unit.name(),
        timestamp_ms: sample.timestamp_ms,
        count: values.count(),
        sum: values.sum(),
        min: values.min(),
        max: values.max(),
    }
}

/// Received values as they are kept.
pub(crate) fn samples(points: Vec<ReceivedPoint>) -> Vec<Sample> {
    let kept = points.into_iter().map(|point| {
        let metric = Arc::new(Metric::new(point.namespace, point.name, point.dimensions));
        let unit = Unit::of_name(point.unit).unwrap_or_default();
        let values = if point.count == 1.0 {
            Distribution::of(point.sum)
        } else {
            Distribution::of_statistics(point.sum, point.count, point.min, point.max)
        };
        Sample::new(&metric, unit, point.timestamp_ms, values)
    });
    kept.collect()
}

/// What has become of telemetry of one signal since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) exported: Counter,
    /// The collector refused it.
    pub(crate) refused: Counter,
    /// The collector was not reached, or not in time.
    pub(crate) unreached: Counter,
    pub(crate) retries: Counter,
    pub(crate) received: Counter,
    /// Parts of requests that were received and not taken.
    pub(crate) rejected: Counter,
    /// Requests that were none.
    pub(crate) malformed: Counter,
}

impl Default for Exports {
    fn default() -> Exports {
        Exports {
            is_on: Default::default(),
            documents: Queue::new(DOCUMENTS_MAX, DOCUMENT_BYTES_MAX),
            points: Queue::new(POINTS_MAX, usize::MAX),
            logs: Queue::new(LOGS_MAX, LOG_BYTES_MAX),
            counts: Default::default(),
        }
    }
}

impl Exports {
    /// Whether a signal is exported; who has something asks before it makes it.
    fn is_on(&self, signal: Signal) -> bool {
        self.is_on[signal as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn of(&self, signal: Signal) -> &Counts {
        &self.counts[signal as usize]
    }

    /// A segment document that the store of traces has taken.
    pub(crate) fn document(&self, document: &str) {
        if self.is_on(Signal::Traces) {
            self.documents.put(document.to_string(), document.len());
        }
    }

    /// Values as they are exported; none if they are not.
    pub(crate) fn points_of(&self, samples: &[Sample]) -> Vec<ReceivedPoint> {
        if !self.is_on(Signal::Metrics) {
            return Vec::new();
        }
        let kept = samples.iter().filter(|sample| !sample.values.is_empty());
        kept.map(point).collect()
    }

    /// Values that the store of metrics was given.
    pub(crate) fn points(&self, points: Vec<ReceivedPoint>) {
        for point in points {
            self.points.put(point, 0);
        }
    }

    /// A log event that the store of logs was given.
    pub(crate) fn log(&self, group: &str, stream: &str, timestamp_ms: i64, message: &str) {
        if self.is_on(Signal::Logs) {
            let log = ExportedLog {
                group: group.to_string(),
                stream: stream.to_string(),
                timestamp_ms,
                message: message.to_string(),
            };
            self.logs
                .put(log, group.len() + stream.len() + message.len());
        }
    }

    /// How many wait, and how many found no room.
    pub(crate) fn waiting(&self, signal: Signal) -> (usize, u64) {
        match signal {
            Signal::Traces => self.documents.load(),
            Signal::Metrics => self.points.load(),
            Signal::Logs => self.logs.load(),
        }
    }
}
