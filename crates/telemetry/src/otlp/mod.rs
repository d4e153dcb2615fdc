//! OpenTelemetry's protocol, OTLP 1: its messages as protobuf and as JSON, and what they are in AWS's words.
//!
//! A message is a [`serde_json::Value`] in the form of OTLP's JSON: what the schema names is there, numbers are numbers, ids are
//! hexadecimal. One table says what the messages are ([`schema`]); protobuf is read and written by it.
//!
//! Source: opentelemetry-proto 1.x, OTLP specification 1.x.

mod export;
mod gzip;
mod logs;
mod metrics;
mod protobuf;
mod schema;
mod spans;
mod values;

pub use export::{ExportedLog, Origin, log_request, metric_request, own_metrics_request};
pub use gzip::gzip;
pub use logs::{ReceivedLog, received_logs};
pub use metrics::{Accumulated, ReceivedPoint, received_points};
pub use spans::{received_segments, trace_request};
pub use values::{trace_header_of_w3c, w3c_of_trace_header, w3c_trace_id};

use serde_json::Value;

/// What a request of OTLP carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    Traces,
    Metrics,
    Logs,
}

/// Why bytes are no request: malformed, or over a bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed(pub String);

/// What was taken of a request, and what was not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Partial {
    /// Spans, points or records that were refused.
    pub rejected: u64,
    /// Why, for people; of the first one.
    pub message: String,
}

impl Partial {
    pub(crate) fn reject(&mut self, count: u64, reason: impl FnOnce() -> String) {
        if self.rejected == 0 {
            self.message = reason();
        }
        self.rejected += count;
    }
}

impl Signal {
    pub const ALL: [Signal; 3] = [Signal::Traces, Signal::Metrics, Signal::Logs];

    /// The path of OTLP over HTTP.
    pub fn path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Metrics => "/v1/metrics",
            Signal::Logs => "/v1/logs",
        }
    }

    /// The path of OTLP over gRPC.
    pub fn method(self) -> &'static str {
        match self {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
            Signal::Logs => "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
        }
    }

    /// How it is called in settings and series.
    pub fn name(self) -> &'static str {
        match self {
            Signal::Traces => "traces",
            Signal::Metrics => "metrics",
            Signal::Logs => "logs",
        }
    }

    fn schema(self) -> &'static schema::Message {
        match self {
            Signal::Traces => &schema::TRACES,
            Signal::Metrics => &schema::METRICS,
            Signal::Logs => &schema::LOGS,
        }
    }

    /// Reads a request in protobuf.
    ///
    /// - Fields that the schema does not have are skipped, as protobuf wants it.
    /// - Errors: bytes that are no message, and messages that are deeper or have more values than the bounds allow.
    pub fn decode(self, bytes: &[u8]) -> Result<Value, Malformed> {
        protobuf::decode(self.schema(), bytes)
    }

    /// Reads a request in JSON; the same value comes of it as of protobuf.
    pub fn decode_json(self, bytes: &[u8]) -> Result<Value, Malformed> {
        let value = serde_json::from_slice(bytes)
            .map_err(|error| Malformed(format!("the body is no JSON: {error}")))?;
        protobuf::normalise(self.schema(), value)
    }

    /// Writes a request in protobuf. What the schema does not have is left out.
    pub fn encode(self, request: &Value) -> Vec<u8> {
        protobuf::encode(self.schema(), request)
    }

    /// The answer to a request, as JSON.
    pub fn response(self, partial: &Partial) -> Value {
        if partial.rejected == 0 && partial.message.is_empty() {
            return serde_json::json!({});
        }
        let member = self.rejected_member();
        serde_json::json!({ "partialSuccess": {
            member: partial.rejected, "errorMessage": partial.message,
        } })
    }

    /// The answer to a request, in protobuf.
    pub fn encode_response(self, partial: &Partial) -> Vec<u8> {
        protobuf::encode(&schema::RESPONSE, &self.renamed_response(partial))
    }

    /// What an answer in protobuf says of what was refused.
    pub fn decode_response(self, bytes: &[u8]) -> Result<Partial, Malformed> {
        let response = protobuf::decode(&schema::RESPONSE, bytes)?;
        let partial = &response["partialSuccess"];
        Ok(Partial {
            rejected: partial["rejected"].as_u64().unwrap_or_default(),
            message: partial["errorMessage"]
                .as_str()
                .unwrap_or_default()
                .to_string(),
        })
    }

    fn renamed_response(self, partial: &Partial) -> Value {
        let mut response = self.response(partial);
        if let Some(Value::Object(told)) = response.get_mut("partialSuccess")
            && let Some(rejected) = told.remove(self.rejected_member())
        {
            told.insert("rejected".to_string(), rejected);
        }
        response
    }

    fn rejected_member(self) -> &'static str {
        match self {
            Signal::Traces => "rejectedSpans",
            Signal::Metrics => "rejectedDataPoints",
            Signal::Logs => "rejectedLogRecords",
        }
    }
}

/// The body of an error, in protobuf: `google.rpc.Status`.
///
/// - `code`: of gRPC; 3 is INVALID_ARGUMENT, 8 RESOURCE_EXHAUSTED, 14 UNAVAILABLE.
pub fn encode_status(code: u32, message: &str) -> Vec<u8> {
    protobuf::encode(
        &schema::STATUS,
        &serde_json::json!({ "code": code, "message": message }),
    )
}
