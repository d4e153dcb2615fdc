//! Log records of OpenTelemetry as log events of CloudWatch Logs.

use serde_json::{Map, Value, json};

use super::Partial;
use super::values::{attributes, is_id, list, nanos, plain, text, xray_trace_id};

/// AWS: bytes of a log event.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// Where records go whose resource has no name.
const UNKNOWN_SERVICE: &str = "unknown_service";

/// AWS: characters of the name of a group and of a stream.
const NAME_CHARACTERS_MAX: usize = 512;

/// A log event, and where it goes.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedLog {
    /// The name of a log group: the one that the resource names, that of the function, or `/otlp/SERVICE`.
    pub group: String,
    pub stream: String,
    pub timestamp_ms: i64,
    /// JSON with the members that AWS's exporter writes: `body`, `severity_text`, `attributes`, `trace_id`, ...
    pub message: String,
}

/// The log events of a request of logs, in its order; records that are too large are refused.
///
/// - `now_ms`: the instant of records without one.
pub fn received_logs(request: &Value, now_ms: i64) -> (Vec<ReceivedLog>, Partial) {
    let (mut logs, mut partial) = (Vec::new(), Partial::default());
    for group in list(request, "resourceLogs") {
        let resource = attributes(&group["resource"]);
        let (name, stream) = place(&resource);
        for scope in list(group, "scopeLogs") {
            let library = scope["scope"]["name"].as_str().unwrap_or_default();
            for record in list(scope, "logRecords") {
                let message = message(record, &resource, library);
                if message.len() > MESSAGE_BYTES_MAX {
                    let length = message.len();
                    partial.reject(1, || {
                        format!("a log record has {length} bytes, at most {MESSAGE_BYTES_MAX} are allowed")
                    });
                    continue;
                }
                let at = nanos(record, "timeUnixNano").max(nanos(record, "observedTimeUnixNano"));
                let at = match nanos(record, "timeUnixNano") {
                    0 => at,
                    own => own,
                };
                logs.push(ReceivedLog {
                    group: name.clone(),
                    stream: stream.clone(),
                    timestamp_ms: i64::try_from(at / 1_000_000)
                        .ok()
                        .filter(|at| *at > 0)
                        .unwrap_or(now_ms),
                    message,
                });
            }
        }
    }
    (logs, partial)
}

/// Group and stream of a resource.
fn place(resource: &Map<String, Value>) -> (String, String) {
    let first = |key: &str| {
        let named = resource.get(key)?;
        let named = named
            .as_array()
            .map_or(Some(named), |names| names.first())?;
        named
            .as_str()
            .filter(|name| !name.is_empty())
            .map(str::to_string)
    };
    let service = text(resource, &["service.name"]).unwrap_or(UNKNOWN_SERVICE);
    let group =
        first("aws.log.group.names").unwrap_or_else(|| match text(resource, &["faas.name"]) {
            Some(function) => format!("/aws/lambda/{function}"),
            None => format!("/otlp/{service}"),
        });
    let stream = first("aws.log.stream.names").unwrap_or_else(|| {
        let instance = text(
            resource,
            &["service.instance.id", "faas.instance", "host.name"],
        );
        instance.unwrap_or("otlp").to_string()
    });
    let is_of_a_group = |c: &char| c.is_ascii_alphanumeric() || "_-/.#".contains(*c);
    let is_of_a_stream = |c: &char| *c != ':' && *c != '*' && !c.is_control();
    let shown = |name: String, is_allowed: &dyn Fn(&char) -> bool| -> String {
        name.chars()
            .filter(|c| is_allowed(c))
            .take(NAME_CHARACTERS_MAX)
            .collect()
    };
    (shown(group, &is_of_a_group), shown(stream, &is_of_a_stream))
}

fn message(record: &Value, resource: &Map<String, Value>, library: &str) -> String {
    let mut told = Map::new();
    told.insert("body".to_string(), plain(&record["body"]));
    if let Some(number) = record["severityNumber"]
        .as_i64()
        .filter(|number| *number > 0)
    {
        told.insert("severity_number".to_string(), json!(number));
    }
    if let Some(level) = record["severityText"]
        .as_str()
        .filter(|level| !level.is_empty())
    {
        told.insert("severity_text".to_string(), json!(level));
    }
    let own = attributes(record);
    if !own.is_empty() {
        told.insert("attributes".to_string(), Value::Object(own));
    }
    let trace = record["traceId"].as_str().unwrap_or_default();
    if let Some(xray) = xray_trace_id(trace) {
        told.insert("trace_id".to_string(), json!(trace));
        told.insert("xray_trace_id".to_string(), json!(xray));
    }
    if let Some(span) = record["spanId"].as_str().filter(|id| is_id(id, 16)) {
        told.insert("span_id".to_string(), json!(span));
    }
    if !library.is_empty() {
        told.insert("scope".to_string(), json!({ "name": library }));
    }
    if !resource.is_empty() {
        told.insert("resource".to_string(), Value::Object(resource.clone()));
    }
    Value::Object(told).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::values::pairs;
    use super::*;

    fn received(resource: Value, record: Value) -> (Vec<ReceivedLog>, Partial) {
        let resource = pairs(resource.as_object().expect("attributes"));
        let request = json!({ "resourceLogs": [{
            "resource": { "attributes": resource },
            "scopeLogs": [{ "scope": { "name": "lib" }, "logRecords": [record] }],
        }] });
        received_logs(&request, 5)
    }

    #[test]
    fn a_record_is_an_event_of_the_group_of_its_function() {
        let record = json!({
            "timeUnixNano": 1_700_000_000_123_456_789_u64, "severityNumber": 17, "severityText": "ERROR",
            "body": { "stringValue": "no \"bank\"" }, "traceId": "5f84c7a1e7d1852db8c4fd35d88bf49a",
            "spanId": "00f067aa0ba902b7",
            "attributes": [{ "key": "order", "value": { "intValue": 7 } }],
        });
        let (logs, partial) = received(json!({ "faas.name": "Pay" }), record);
        assert_eq!(partial, Partial::default());
        assert_eq!(
            logs,
            [ReceivedLog {
                group: "/aws/lambda/Pay".to_string(),
                stream: "otlp".to_string(),
                timestamp_ms: 1_700_000_000_123,
                message: r#"{"body":"no \"bank\"","severity_number":17,"severity_text":"ERROR","attributes":{"order":7},"trace_id":"5f84c7a1e7d1852db8c4fd35d88bf49a","xray_trace_id":"1-5f84c7a1-e7d1852db8c4fd35d88bf49a","span_id":"00f067aa0ba902b7","scope":{"name":"lib"},"resource":{"faas.name":"Pay"}}"#
                    .to_string(),
            }]
        );
    }

    #[test]
    fn groups_and_streams_are_those_that_the_resource_names() {
        for (resource, group, stream) in [
            (json!({}), "/otlp/unknown_service", "otlp"),
            (json!({ "service.name": "my shop" }), "/otlp/myshop", "otlp"),
            (
                json!({ "service.name": "a", "service.instance.id": "i:1" }),
                "/otlp/a",
                "i1",
            ),
            (
                json!({ "aws.log.group.names": ["/app"], "aws.log.stream.names": ["s"], "faas.name": "f" }),
                "/app",
                "s",
            ),
        ] {
            let (logs, _) = received(resource.clone(), json!({ "body": { "stringValue": "x" } }));
            assert_eq!(
                (logs[0].group.as_str(), logs[0].stream.as_str()),
                (group, stream),
                "{resource}"
            );
            assert_eq!(logs[0].timestamp_ms, 5);
        }
    }

    #[test]
    fn a_record_over_the_bound_is_refused() {
        let body = json!({ "body": { "stringValue": "x".repeat(MESSAGE_BYTES_MAX) } });
        let (logs, partial) = received(json!({}), body);
        assert_eq!((logs.len(), partial.rejected), (0, 1));
    }
}
