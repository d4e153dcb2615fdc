//! The messages of OTLP: number, name in JSON and type of each field.
//!
//! Source: opentelemetry-proto 1.x, `trace.proto`, `metrics.proto`, `logs.proto`, `common.proto`, `resource.proto`.

/// A message: its fields.
pub(super) struct Message(pub(super) &'static [Field]);

pub(super) struct Field {
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_repeated: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Kind {
    Text,
    /// Base64 in JSON.
    Bytes,
    /// Hexadecimal in JSON.
    Id,
    Bool,
    /// Varint: signed as two's complement, unsigned, or an enumeration.
    Integer,
    /// Varint with the sign in its last bit.
    Signed,
    Fixed32,
    Fixed64,
    /// Fixed64 with a sign.
    SignedFixed64,
    Double,
    Message(&'static Message),
}

use Kind::{Bool, Bytes, Double, Fixed32, Fixed64, Id, Integer, Signed, SignedFixed64, Text};

const fn one(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        is_repeated: false,
    }
}

const fn many(number: u32, name: &'static str, kind: Kind) -> Field {
    Field {
        number,
        name,
        kind,
        is_repeated: true,
    }
}

static ANY_VALUE: Message = Message(&[
    one(1, "stringValue", Text),
    one(2, "boolValue", Bool),
    one(3, "intValue", Integer),
    one(4, "doubleValue", Double),
    one(5, "arrayValue", Kind::Message(&ARRAY_VALUE)),
    one(6, "kvlistValue", Kind::Message(&KEY_VALUE_LIST)),
    one(7, "bytesValue", Bytes),
]);
static ARRAY_VALUE: Message = Message(&[many(1, "values", Kind::Message(&ANY_VALUE))]);
static KEY_VALUE_LIST: Message = Message(&[many(1, "values", Kind::Message(&KEY_VALUE))]);
static KEY_VALUE: Message = Message(&[
    one(1, "key", Text),
    one(2, "value", Kind::Message(&ANY_VALUE)),
]);
static RESOURCE: Message = Message(&[
    many(1, "attributes", Kind::Message(&KEY_VALUE)),
    one(2, "droppedAttributesCount", Integer),
]);
static SCOPE: Message = Message(&[
    one(1, "name", Text),
    one(2, "version", Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
]);

pub(super) static TRACES: Message =
    Message(&[many(1, "resourceSpans", Kind::Message(&RESOURCE_SPANS))]);
static RESOURCE_SPANS: Message = Message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeSpans", Kind::Message(&SCOPE_SPANS)),
    one(3, "schemaUrl", Text),
]);
static SCOPE_SPANS: Message = Message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "spans", Kind::Message(&SPAN)),
    one(3, "schemaUrl", Text),
]);
static SPAN: Message = Message(&[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    one(4, "parentSpanId", Id),
    one(5, "name", Text),
    one(6, "kind", Integer),
    one(7, "startTimeUnixNano", Fixed64),
    one(8, "endTimeUnixNano", Fixed64),
    many(9, "attributes", Kind::Message(&KEY_VALUE)),
    one(10, "droppedAttributesCount", Integer),
    many(11, "events", Kind::Message(&EVENT)),
    one(12, "droppedEventsCount", Integer),
    many(13, "links", Kind::Message(&LINK)),
    one(14, "droppedLinksCount", Integer),
    one(15, "status", Kind::Message(&SPAN_STATUS)),
    one(16, "flags", Fixed32),
]);
static EVENT: Message = Message(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "name", Text),
    many(3, "attributes", Kind::Message(&KEY_VALUE)),
]);
static LINK: Message = Message(&[
    one(1, "traceId", Id),
    one(2, "spanId", Id),
    one(3, "traceState", Text),
    many(4, "attributes", Kind::Message(&KEY_VALUE)),
]);
static SPAN_STATUS: Message = Message(&[one(2, "message", Text), one(3, "code", Integer)]);

pub(super) static METRICS: Message =
    Message(&[many(1, "resourceMetrics", Kind::Message(&RESOURCE_METRICS))]);
static RESOURCE_METRICS: Message = Message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeMetrics", Kind::Message(&SCOPE_METRICS)),
    one(3, "schemaUrl", Text),
]);
static SCOPE_METRICS: Message = Message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "metrics", Kind::Message(&METRIC)),
    one(3, "schemaUrl", Text),
]);
static METRIC: Message = Message(&[
    one(1, "name", Text),
    one(2, "description", Text),
    one(3, "unit", Text),
    one(5, "gauge", Kind::Message(&GAUGE)),
    one(7, "sum", Kind::Message(&SUM)),
    one(9, "histogram", Kind::Message(&HISTOGRAM)),
    one(10, "exponentialHistogram", Kind::Message(&EXPONENTIAL)),
    one(11, "summary", Kind::Message(&SUMMARY)),
]);
static GAUGE: Message = Message(&[many(1, "dataPoints", Kind::Message(&NUMBER_POINT))]);
static SUM: Message = Message(&[
    many(1, "dataPoints", Kind::Message(&NUMBER_POINT)),
    one(2, "aggregationTemporality", Integer),
    one(3, "isMonotonic", Bool),
]);
static HISTOGRAM: Message = Message(&[
    many(1, "dataPoints", Kind::Message(&HISTOGRAM_POINT)),
    one(2, "aggregationTemporality", Integer),
]);
static EXPONENTIAL: Message = Message(&[
    many(1, "dataPoints", Kind::Message(&EXPONENTIAL_POINT)),
    one(2, "aggregationTemporality", Integer),
]);
static SUMMARY: Message = Message(&[many(1, "dataPoints", Kind::Message(&SUMMARY_POINT))]);
static NUMBER_POINT: Message = Message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "asDouble", Double),
    one(6, "asInt", SignedFixed64),
    many(7, "attributes", Kind::Message(&KEY_VALUE)),
    one(8, "flags", Integer),
]);
static HISTOGRAM_POINT: Message = Message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "bucketCounts", Fixed64),
    many(7, "explicitBounds", Double),
    many(9, "attributes", Kind::Message(&KEY_VALUE)),
    one(10, "flags", Integer),
    one(11, "min", Double),
    one(12, "max", Double),
]);
static EXPONENTIAL_POINT: Message = Message(&[
    many(1, "attributes", Kind::Message(&KEY_VALUE)),
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    one(6, "scale", Signed),
    one(7, "zeroCount", Fixed64),
    one(8, "positive", Kind::Message(&BUCKETS)),
    one(9, "negative", Kind::Message(&BUCKETS)),
    one(10, "flags", Integer),
    one(12, "min", Double),
    one(13, "max", Double),
]);
static BUCKETS: Message = Message(&[one(1, "offset", Signed), many(2, "bucketCounts", Integer)]);
static SUMMARY_POINT: Message = Message(&[
    one(2, "startTimeUnixNano", Fixed64),
    one(3, "timeUnixNano", Fixed64),
    one(4, "count", Fixed64),
    one(5, "sum", Double),
    many(6, "quantileValues", Kind::Message(&QUANTILE)),
    many(7, "attributes", Kind::Message(&KEY_VALUE)),
    one(8, "flags", Integer),
]);
static QUANTILE: Message = Message(&[one(1, "quantile", Double), one(2, "value", Double)]);

pub(super) static LOGS: Message =
    Message(&[many(1, "resourceLogs", Kind::Message(&RESOURCE_LOGS))]);
static RESOURCE_LOGS: Message = Message(&[
    one(1, "resource", Kind::Message(&RESOURCE)),
    many(2, "scopeLogs", Kind::Message(&SCOPE_LOGS)),
    one(3, "schemaUrl", Text),
]);
static SCOPE_LOGS: Message = Message(&[
    one(1, "scope", Kind::Message(&SCOPE)),
    many(2, "logRecords", Kind::Message(&LOG_RECORD)),
    one(3, "schemaUrl", Text),
]);
static LOG_RECORD: Message = Message(&[
    one(1, "timeUnixNano", Fixed64),
    one(2, "severityNumber", Integer),
    one(3, "severityText", Text),
    one(5, "body", Kind::Message(&ANY_VALUE)),
    many(6, "attributes", Kind::Message(&KEY_VALUE)),
    one(7, "droppedAttributesCount", Integer),
    one(8, "flags", Fixed32),
    one(9, "traceId", Id),
    one(10, "spanId", Id),
    one(11, "observedTimeUnixNano", Fixed64),
]);

/// The answer to each of the three; what counts what was refused has three names in JSON.
pub(super) static RESPONSE: Message = Message(&[one(1, "partialSuccess", Kind::Message(&PARTIAL))]);
static PARTIAL: Message = Message(&[one(1, "rejected", Integer), one(2, "errorMessage", Text)]);

/// `google.rpc.Status`.
pub(super) static STATUS: Message = Message(&[one(1, "code", Integer), one(2, "message", Text)]);
