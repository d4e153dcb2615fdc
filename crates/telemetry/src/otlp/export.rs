//! What is exported: values of CloudWatch metrics, log events, and what the server knows of itself.
//!
//! Metrics have the names and the form of CloudWatch's metric streams in OpenTelemetry's format: `amazonaws.com/NAMESPACE/NAME`, a summary whose
//! quantiles 0 and 1 are minimum and maximum.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::metrics::ReceivedPoint;
use super::values::{any, pairs, w3c_of_trace_header, w3c_trace_id};
use crate::exposition::{self, Family, Kind};

/// Whose telemetry it is: attributes of every resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    pub region: String,
    pub account: String,
    /// The version of the server.
    pub version: String,
}

impl Origin {
    /// `cloud.*`, by OpenTelemetry's conventions.
    pub fn attributes(&self) -> Map<String, Value> {
        let mut found = Map::new();
        found.insert("cloud.provider".to_string(), json!("aws"));
        found.insert("cloud.region".to_string(), json!(self.region));
        found.insert("cloud.account.id".to_string(), json!(self.account));
        found
    }

    fn own(&self) -> Map<String, Value> {
        let mut found = self.attributes();
        found.insert("service.name".to_string(), json!("stepwell"));
        found.insert("service.version".to_string(), json!(self.version));
        found
    }
}

/// A log event that is exported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedLog {
    /// Name of the log group.
    pub group: String,
    pub stream: String,
    pub timestamp_ms: i64,
    pub message: String,
}

/// The request that carries values of metrics; those of one series and minute as one point.
pub fn metric_request(points: &[ReceivedPoint], origin: &Origin) -> (Value, usize) {
    type Series<'p> = BTreeMap<(&'p [(String, String)], i64), ReceivedPoint>;
    let mut metrics: BTreeMap<(&str, &str, &str), Series<'_>> = BTreeMap::new();
    for point in points {
        let minute = point.timestamp_ms.div_euclid(60_000);
        let series = metrics
            .entry((point.namespace.as_str(), point.name.as_str(), point.unit))
            .or_default();
        series
            .entry((point.dimensions.as_slice(), minute))
            .and_modify(|all| {
                all.count += point.count;
                all.sum += point.sum;
                all.min = all.min.min(point.min);
                all.max = all.max.max(point.max);
                all.timestamp_ms = all.timestamp_ms.max(point.timestamp_ms);
            })
            .or_insert_with(|| point.clone());
    }
    let mut count = 0;
    let mut shown = Vec::new();
    for ((namespace, name, unit), series) in &metrics {
        count += series.len();
        let points: Vec<Value> = series.values().map(summary_point).collect();
        shown.push(json!({
            "name": format!("amazonaws.com/{namespace}/{name}"),
            "unit": ucum(unit),
            "summary": { "dataPoints": points },
        }));
    }
    let request = json!({ "resourceMetrics": [{
        "resource": { "attributes": pairs(&origin.attributes()) },
        "scopeMetrics": [{ "scope": { "name": "stepwell" }, "metrics": shown }],
    }] });
    (request, count)
}

fn summary_point(point: &ReceivedPoint) -> Value {
    let dimensions: Map<String, Value> = point
        .dimensions
        .iter()
        .map(|(name, value)| (name.clone(), json!(value)))
        .collect();
    let minute = point.timestamp_ms.div_euclid(60_000) * 60_000;
    json!({
        "startTimeUnixNano": nanos(minute),
        "timeUnixNano": nanos(point.timestamp_ms.max(minute)),
        "count": point.count.max(0.0).round() as u64,
        "sum": point.sum,
        "quantileValues": [
            { "quantile": 0.0, "value": point.min },
            { "quantile": 1.0, "value": point.max },
        ],
        "attributes": [
            { "key": "Namespace", "value": { "stringValue": point.namespace } },
            { "key": "MetricName", "value": { "stringValue": point.name } },
            { "key": "Dimensions", "value": any(&Value::Object(dimensions)) },
        ],
    })
}

fn nanos(ms: i64) -> u64 {
    u64::try_from(ms)
        .unwrap_or_default()
        .saturating_mul(1_000_000)
}

/// A unit of AWS as metric streams write it: in braces, where UCUM has no short word that everybody uses.
fn ucum(unit: &str) -> String {
    match unit {
        "None" => "1".to_string(),
        "Seconds" => "s".to_string(),
        "Milliseconds" => "ms".to_string(),
        "Microseconds" => "us".to_string(),
        "Bytes" => "By".to_string(),
        "Bits" => "bit".to_string(),
        "Percent" => "%".to_string(),
        unit => format!("{{{unit}}}"),
    }
}

/// The request that carries what the server knows of itself.
///
/// - `since_ms`, `now_ms`: the start of the server, and the instant of the values.
pub fn own_metrics_request(
    families: &[Family],
    origin: &Origin,
    since_ms: i64,
    now_ms: i64,
) -> (Value, usize) {
    let mut count = 0;
    let mut shown = Vec::new();
    for family in families {
        let points: Vec<Value> = family
            .samples
            .iter()
            .map(|sample| own_point(sample, family.kind, since_ms, now_ms))
            .collect();
        if points.is_empty() {
            continue;
        }
        count += points.len();
        let mut metric = json!({ "name": family.name, "description": family.help });
        if family.name.ends_with("_seconds") {
            metric["unit"] = json!("s");
        } else if family.name.ends_with("_bytes") {
            metric["unit"] = json!("By");
        }
        match family.kind {
            Kind::Counter => {
                metric["sum"] = json!({
                    "dataPoints": points, "aggregationTemporality": 2, "isMonotonic": true,
                });
            }
            Kind::Gauge => metric["gauge"] = json!({ "dataPoints": points }),
            Kind::Histogram => {
                metric["histogram"] = json!({ "dataPoints": points, "aggregationTemporality": 2 });
            }
        }
        shown.push(metric);
    }
    let request = json!({ "resourceMetrics": [{
        "resource": { "attributes": pairs(&origin.own()) },
        "scopeMetrics": [{ "scope": { "name": "stepwell" }, "metrics": shown }],
    }] });
    (request, count)
}

fn own_point(sample: &exposition::Sample, kind: Kind, since_ms: i64, now_ms: i64) -> Value {
    let labels: Map<String, Value> = sample
        .labels
        .iter()
        .map(|(name, text)| (name.to_string(), json!(text)))
        .collect();
    let mut point = json!({ "timeUnixNano": nanos(now_ms), "attributes": pairs(&labels) });
    if kind != Kind::Gauge {
        point["startTimeUnixNano"] = json!(nanos(since_ms));
    }
    match &sample.value {
        exposition::Value::Number(number) => point["asDouble"] = json!(number),
        exposition::Value::Distribution(distribution) => {
            point["count"] = json!(distribution.count());
            point["sum"] = json!(distribution.sum);
            point["bucketCounts"] = json!(distribution.counts);
            point["explicitBounds"] = json!(distribution.bounds);
        }
    }
    point
}

/// The request that carries log events, grouped by their streams.
pub fn log_request(logs: &[ExportedLog], origin: &Origin, now_ms: i64) -> Value {
    let mut streams: BTreeMap<(&str, &str), Vec<Value>> = BTreeMap::new();
    for log in logs {
        let records = streams
            .entry((log.group.as_str(), log.stream.as_str()))
            .or_default();
        records.push(record(log, now_ms));
    }
    let groups: Vec<Value> = streams
        .into_iter()
        .map(|((group, stream), records)| {
            let mut resource = origin.attributes();
            let name = match group.strip_prefix("/aws/lambda/") {
                Some(function) => {
                    resource.insert("cloud.platform".to_string(), json!("aws_lambda"));
                    resource.insert("faas.name".to_string(), json!(function));
                    function
                }
                None => group,
            };
            resource.insert("service.name".to_string(), json!(name));
            resource.insert("aws.log.group.names".to_string(), json!([group]));
            resource.insert("aws.log.stream.names".to_string(), json!([stream]));
            json!({
                "resource": { "attributes": pairs(&resource) },
                "scopeLogs": [{ "scope": { "name": "stepwell" }, "logRecords": records }],
            })
        })
        .collect();
    json!({ "resourceLogs": groups })
}

/// A log event as a record: its level and its trace are read off where the text has them.
fn record(log: &ExportedLog, now_ms: i64) -> Value {
    let mut record = json!({
        "timeUnixNano": nanos(log.timestamp_ms),
        "observedTimeUnixNano": nanos(now_ms),
        "body": { "stringValue": log.message },
    });
    let parsed: Option<Value> = log
        .message
        .trim_start()
        .starts_with('{')
        .then(|| serde_json::from_str(&log.message).ok())
        .flatten();
    if let Some(level) = level(&log.message, parsed.as_ref())
        && let Some(number) = severity(level)
    {
        record["severityText"] = json!(level);
        record["severityNumber"] = json!(number);
    }
    if let Some((trace, span)) = parsed.as_ref().and_then(trace_of) {
        record["traceId"] = json!(trace);
        if let Some(span) = span {
            record["spanId"] = json!(span);
        }
    }
    record
}

/// The level of a line of JSON, or of a line of Node.js: time, request, level, message with tabs between.
fn level<'l>(message: &'l str, parsed: Option<&'l Value>) -> Option<&'l str> {
    match parsed {
        Some(parsed) => {
            let mut members = ["level", "severity_text", "severity"].iter();
            members.find_map(|member| parsed[*member].as_str())
        }
        None => message.split('\t').nth(2),
    }
}

/// OpenTelemetry: 1 to 24 in steps of four.
fn severity(level: &str) -> Option<u8> {
    Some(match level.to_ascii_uppercase().as_str() {
        "TRACE" => 1,
        "DEBUG" => 5,
        "INFO" => 9,
        "WARN" | "WARNING" => 13,
        "ERROR" => 17,
        "FATAL" | "CRITICAL" => 21,
        _ => return None,
    })
}

/// The trace that a line of JSON names: as Powertools, the loggers of OpenTelemetry and our own receiver write it.
fn trace_of(parsed: &Value) -> Option<(String, Option<String>)> {
    let span = |member: &str| parsed[member].as_str().map(str::to_string);
    if let Some(id) = parsed["xray_trace_id"].as_str() {
        return w3c_of_trace_header(id).or_else(|| Some((w3c_trace_id(id)?, span("span_id"))));
    }
    let id = parsed["trace_id"].as_str()?;
    super::values::is_id(id, 32).then(|| (id.to_string(), span("span_id")))
}

#[cfg(test)]
mod tests {
    use super::super::values::attributes;
    use super::super::{Accumulated, Signal, received_points};
    use super::*;
    use crate::exposition::{Distribution, Sample, Value as Shown};

    fn point(name: &str, at: i64, value: f64) -> ReceivedPoint {
        ReceivedPoint {
            namespace: "AWS/States".to_string(),
            name: name.to_string(),
            dimensions: vec![("StateMachineArn".to_string(), "arn".to_string())],
            unit: "Count",
            timestamp_ms: at,
            count: 1.0,
            sum: value,
            min: value,
            max: value,
        }
    }

    #[test]
    fn values_of_a_minute_are_one_summary_of_metric_streams() {
        let points = [
            point("Started", 60_500, 1.0),
            point("Started", 61_000, 3.0),
            point("Started", 120_000, 1.0),
        ];
        let (request, count) = metric_request(&points, &Origin::default());
        assert_eq!(count, 2);
        let metric = &request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0];
        assert_eq!(metric["name"], "amazonaws.com/AWS/States/Started");
        assert_eq!(metric["unit"], "{Count}");
        let first = &metric["summary"]["dataPoints"][0];
        assert_eq!((&first["count"], &first["sum"]), (&json!(2), &json!(4.0)));
        assert_eq!(first["quantileValues"][1]["value"], 3.0);
        assert_eq!(
            attributes(first)["Dimensions"],
            json!({ "StateMachineArn": "arn" })
        );
        let bytes = Signal::Metrics.encode(&request);
        assert_eq!(Signal::Metrics.decode(&bytes), Ok(request));
    }

    #[test]
    fn what_the_server_knows_of_itself_can_be_received_again() {
        let families = [
            Family {
                name: "stepwell_requests",
                help: "Requests.",
                kind: Kind::Counter,
                samples: vec![Sample {
                    labels: vec![("operation", "Start".to_string())],
                    value: Shown::Number(5.0),
                }],
            },
            Family {
                name: "stepwell_wait_seconds",
                help: "Waits.",
                kind: Kind::Histogram,
                samples: vec![Sample {
                    labels: Vec::new(),
                    value: Shown::Distribution(Distribution {
                        bounds: vec![1.0],
                        counts: vec![1, 2],
                        sum: 5.0,
                    }),
                }],
            },
        ];
        let (request, count) = own_metrics_request(&families, &Origin::default(), 1_000, 61_000);
        assert_eq!(count, 2);
        let request = Signal::Metrics
            .decode(&Signal::Metrics.encode(&request))
            .expect("it is one");
        let (points, partial) = received_points(&request, &mut Accumulated::new(0), 0);
        assert_eq!(partial.rejected, 0);
        let told: Vec<_> = points
            .iter()
            .map(|point| (point.name.as_str(), point.count, point.sum))
            .collect();
        assert_eq!(
            told,
            [
                ("stepwell_requests", 1.0, 5.0),
                ("stepwell_wait_seconds", 3.0, 5.0)
            ]
        );
    }

    #[test]
    fn log_events_have_their_group_their_level_and_their_trace() {
        let log = |message: &str| ExportedLog {
            group: "/aws/lambda/Pay".to_string(),
            stream: "s".to_string(),
            timestamp_ms: 1,
            message: message.to_string(),
        };
        let logs = [
            log("2026-01-01T00:00:00.000Z\tid\tERROR\tno"),
            log(r#"{"level":"warn","xray_trace_id":"1-5f84c7a1-e7d1852db8c4fd35d88bf49a"}"#),
            log("plain"),
        ];
        let request = log_request(&logs, &Origin::default(), 2);
        let group = &request["resourceLogs"][0];
        let resource = attributes(&group["resource"]);
        assert_eq!(resource["faas.name"], "Pay");
        assert_eq!(resource["aws.log.group.names"], json!(["/aws/lambda/Pay"]));
        let records = group["scopeLogs"][0]["logRecords"]
            .as_array()
            .expect("records");
        let told: Vec<_> = records
            .iter()
            .map(|record| (record["severityNumber"].clone(), record["traceId"].clone()))
            .collect();
        assert_eq!(
            told,
            [
                (json!(17), Value::Null),
                (json!(13), json!("5f84c7a1e7d1852db8c4fd35d88bf49a")),
                (Value::Null, Value::Null),
            ]
        );
    }
}
