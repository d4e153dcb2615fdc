//! Spans of OpenTelemetry as segment documents of X-Ray, and back.
//!
//! Source: AWS X-Ray, "Segment documents"; the mapping is that of AWS's Distro for OpenTelemetry: what indexes an attribute, where
//! resource attributes are kept, which status is an error, a fault or a throttle.

use serde_json::{Map, Value, json};

use super::Partial;
use super::values::{
    attributes, is_id, list, nanos, nanos_of_seconds, pairs, seconds, text, w3c_trace_id, whole,
    xray_trace_id,
};
use crate::traces::name_of;

/// Kinds of spans.
mod kind {
    pub(super) const INTERNAL: i64 = 1;
    pub(super) const SERVER: i64 = 2;
    pub(super) const CLIENT: i64 = 3;
    pub(super) const PRODUCER: i64 = 4;
    pub(super) const CONSUMER: i64 = 5;
}

/// Status of a span that failed.
const STATUS_ERROR: i64 = 2;

/// AWS: annotations of a trace.
const ANNOTATIONS_MAX: usize = 50;

/// Subsegments inside each other that are exported.
const DEPTH_MAX: usize = 64;

/// What keeps a resource's attributes in the metadata of a segment.
const RESOURCE_PREFIX: &str = "otel.resource.";

/// Which attributes are annotations, as a list in an attribute.
const INDEXED: &str = "aws.xray.annotations";

/// The segment documents of a request of traces, as JSON texts; spans without an id are refused.
pub fn received_segments(request: &Value) -> (Vec<String>, Partial) {
    let (mut documents, mut partial) = (Vec::new(), Partial::default());
    for group in list(request, "resourceSpans") {
        let resource = attributes(&group["resource"]);
        for scope in list(group, "scopeSpans") {
            for span in list(scope, "spans") {
                match segment(span, &resource) {
                    Ok(document) => documents.push(document.to_string()),
                    Err(reason) => partial.reject(1, || reason),
                }
            }
        }
    }
    (documents, partial)
}

/// The document of one span.
fn segment(span: &Value, resource: &Map<String, Value>) -> Result<Value, String> {
    let name = span["name"].as_str().unwrap_or_default();
    let id = span["spanId"].as_str().unwrap_or_default();
    if !is_id(id, 16) {
        return Err(format!("the span '{name}' has no valid span id: '{id}'"));
    }
    let trace = span["traceId"].as_str().unwrap_or_default();
    let trace = xray_trace_id(trace)
        .ok_or_else(|| format!("the span '{name}' has no valid trace id: '{trace}'"))?;
    let parent = span["parentSpanId"]
        .as_str()
        .filter(|parent| is_id(parent, 16));
    let kind = span["kind"].as_i64().unwrap_or_default();
    let own = attributes(span);
    let is_lambda = text(resource, &["cloud.platform"]) == Some("aws_lambda")
        || resource.contains_key("faas.name");
    // A server's span is the beginning of a service, but in a function, whose segment is there already.
    let begins = matches!(kind, kind::SERVER | kind::CONSUMER) && !is_lambda;
    let is_subsegment = parent.is_some() && !begins;
    let service = text(resource, &["service.name"]);
    let shown = match is_subsegment {
        true => remote_name(&own, kind).unwrap_or(name),
        false => service.unwrap_or(name),
    };
    let mut document = json!({
        "name": name_of(shown),
        "id": id,
        "trace_id": trace,
        "start_time": seconds(nanos(span, "startTimeUnixNano")),
    });
    match nanos(span, "endTimeUnixNano") {
        0 => document["in_progress"] = json!(true),
        // A clock that went back makes no span that ends before it begins.
        end => document["end_time"] = json!(seconds(end.max(nanos(span, "startTimeUnixNano")))),
    }
    if let Some(parent) = parent {
        document["parent_id"] = json!(parent);
    }
    if is_subsegment {
        document["type"] = json!("subsegment");
        if matches!(kind, kind::CLIENT | kind::PRODUCER) {
            let is_aws = text(&own, &["rpc.system"]) == Some("aws-api");
            document["namespace"] = json!(if is_aws { "aws" } else { "remote" });
        }
    } else if let Some(origin) = origin(resource) {
        document["origin"] = json!(origin);
    }
    if let (false, Some(version)) = (is_subsegment, text(resource, &["service.version"])) {
        document["service"] = json!({ "version": version });
    }
    put_http(&mut document, &own);
    put_aws(&mut document, &own);
    put_status(&mut document, span, &own);
    put_attributes(&mut document, span, &own, resource, name);
    Ok(document)
}

/// What a call is of: X-Ray shows the called service.
fn remote_name(own: &Map<String, Value>, kind: i64) -> Option<&str> {
    if !matches!(kind, kind::CLIENT | kind::PRODUCER) {
        return None;
    }
    text(own, &["peer.service"]).or_else(|| {
        let is_aws = text(own, &["rpc.system"]) == Some("aws-api");
        let of_aws = is_aws.then(|| text(own, &["rpc.service"])).flatten();
        of_aws.or_else(|| {
            let of_http =
                own.contains_key("http.request.method") || own.contains_key("http.method");
            of_http
                .then(|| text(own, &["server.address", "net.peer.name", "http.host"]))
                .flatten()
        })
    })
}

fn origin(resource: &Map<String, Value>) -> Option<&'static str> {
    match text(resource, &["cloud.platform"])? {
        "aws_lambda" => Some("AWS::Lambda::Function"),
        "aws_ecs" => Some("AWS::ECS::Container"),
        "aws_eks" => Some("AWS::EKS::Container"),
        "aws_ec2" => Some("AWS::EC2::Instance"),
        _ => None,
    }
}

/// Both the stable names of HTTP's attributes and the ones before them.
fn put_http(document: &mut Value, own: &Map<String, Value>) {
    let mut request = Map::new();
    let mut put = |name: &str, keys: &[&str]| {
        if let Some(found) = text(own, keys) {
            request.insert(name.to_string(), json!(found));
        }
    };
    put("method", &["http.request.method", "http.method"]);
    put("url", &["url.full", "http.url"]);
    put("user_agent", &["user_agent.original", "http.user_agent"]);
    put("client_ip", &["client.address", "http.client_ip"]);
    if !request.contains_key("url")
        && let Some(path) = text(own, &["url.path", "http.target"])
    {
        let host = text(own, &["server.address", "http.host", "net.host.name"]);
        let scheme = text(own, &["url.scheme", "http.scheme"]).unwrap_or("http");
        let url = host.map_or(path.to_string(), |host| format!("{scheme}://{host}{path}"));
        request.insert("url".to_string(), json!(url));
    }
    if !request.is_empty() {
        document["http"]["request"] = Value::Object(request);
    }
    if let Some(status) = http_status(own) {
        document["http"]["response"]["status"] = json!(status);
    }
}

fn http_status(own: &Map<String, Value>) -> Option<i64> {
    whole(own, &["http.response.status_code", "http.status_code"])
}

fn put_aws(document: &mut Value, own: &Map<String, Value>) {
    if text(own, &["rpc.system"]) != Some("aws-api") {
        return;
    }
    let mut aws = Map::new();
    for (name, keys) in [
        ("operation", &["rpc.method", "aws.operation"][..]),
        ("region", &["cloud.region", "aws.region"]),
        ("request_id", &["aws.request_id", "aws.requestId"]),
        ("queue_url", &["aws.queue_url", "messaging.url"]),
        ("table_name", &["aws.table_name"]),
    ] {
        if let Some(found) = text(own, keys) {
            aws.insert(name.to_string(), json!(found));
        }
    }
    document["aws"] = Value::Object(aws);
}

fn put_status(document: &mut Value, span: &Value, own: &Map<String, Value>) {
    let status = http_status(own);
    let failed = span["status"]["code"].as_i64() == Some(STATUS_ERROR);
    match status {
        Some(429) => {
            document["throttle"] = json!(true);
            document["error"] = json!(true);
        }
        Some(400..=499) => document["error"] = json!(true),
        Some(500..) => document["fault"] = json!(true),
        _ if failed => document["fault"] = json!(true),
        _ => {}
    }
    let thrown = list(span, "events").filter(|event| event["name"] == "exception");
    let mut exceptions: Vec<Value> = thrown
        .map(|event| {
            let told = attributes(event);
            json!({
                "type": text(&told, &["exception.type"]).unwrap_or_default(),
                "message": text(&told, &["exception.message"]).unwrap_or_default(),
            })
        })
        .collect();
    let message = span["status"]["message"].as_str().unwrap_or_default();
    if failed && exceptions.is_empty() && !message.is_empty() {
        exceptions.push(json!({ "message": message }));
    }
    let id = document["id"].clone();
    for exception in &mut exceptions {
        exception["id"] = id.clone();
    }
    if !exceptions.is_empty() {
        document["cause"] = json!({ "exceptions": exceptions });
    }
}

/// Attributes that are said to be indexed are annotations, the others are metadata.
fn put_attributes(
    document: &mut Value,
    span: &Value,
    own: &Map<String, Value>,
    resource: &Map<String, Value>,
    name: &str,
) {
    let indexed: Vec<&str> = own
        .get(INDEXED)
        .and_then(Value::as_array)
        .map(|keys| keys.iter().filter_map(Value::as_str).collect())
        .unwrap_or_default();
    let (mut annotations, mut metadata) = (Map::new(), Map::new());
    for (key, value) in own {
        let named = key.strip_prefix("annotation.");
        let is_indexed = named.is_some() || indexed.contains(&key.as_str());
        let is_scalar = matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
        if is_indexed && is_scalar && annotations.len() < ANNOTATIONS_MAX {
            let key = named.unwrap_or(key);
            let is_allowed = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            annotations.insert(key.chars().map(is_allowed).collect(), value.clone());
        } else if key != INDEXED {
            metadata.insert(key.clone(), value.clone());
        }
    }
    for (key, value) in resource {
        metadata.insert(format!("{RESOURCE_PREFIX}{key}"), value.clone());
    }
    if document["name"] != name {
        metadata.insert("otel.span.name".to_string(), json!(name));
    }
    let happened: Vec<Value> = list(span, "events")
        .filter(|event| event["name"] != "exception")
        .map(|event| {
            json!({
                "name": event["name"], "time": seconds(nanos(event, "timeUnixNano")),
                "attributes": attributes(event),
            })
        })
        .collect();
    if !happened.is_empty() {
        metadata.insert("otel.events".to_string(), Value::Array(happened));
    }
    if !annotations.is_empty() {
        document["annotations"] = Value::Object(annotations);
    }
    if !metadata.is_empty() {
        document["metadata"] = json!({ "default": metadata });
    }
    let links: Vec<Value> = list(span, "links")
        .filter_map(|link| {
            let trace = xray_trace_id(link["traceId"].as_str()?)?;
            Some(json!({ "trace_id": trace, "id": link["spanId"] }))
        })
        .collect();
    if !links.is_empty() {
        document["links"] = Value::Array(links);
    }
}

/// The request that carries segment documents as spans: a segment and its subsegments are one span each.
///
/// - `common`: attributes of every resource.
/// - What is still in progress, and what has no valid ids, is left out; the second number is how many spans there are.
pub fn trace_request(documents: &[String], common: &Map<String, Value>) -> (Value, usize) {
    let (mut groups, mut count): (Vec<Value>, usize) = (Vec::new(), 0);
    for document in documents {
        let Ok(document) = serde_json::from_str::<Value>(document) else {
            continue;
        };
        let mut spans = Vec::new();
        let trace = document["trace_id"].as_str().and_then(w3c_trace_id);
        if let Some(trace) = trace {
            let parent = document["parent_id"].as_str().map(str::to_string);
            put_spans(&document, &trace, parent, 0, &mut spans);
        }
        if spans.is_empty() {
            continue;
        }
        count += spans.len();
        groups.push(json!({
            "resource": { "attributes": pairs(&resource_of(&document, common)) },
            "scopeSpans": [{ "scope": { "name": "stepwell" }, "spans": spans }],
        }));
    }
    (json!({ "resourceSpans": groups }), count)
}

/// What a document is of, by OpenTelemetry's conventions.
fn resource_of(document: &Value, common: &Map<String, Value>) -> Map<String, Value> {
    let mut resource = common.clone();
    let kept = document["metadata"]["default"]
        .as_object()
        .into_iter()
        .flatten();
    let mut is_kept = false;
    for (key, value) in kept {
        if let Some(key) = key.strip_prefix(RESOURCE_PREFIX) {
            is_kept |= key == "service.name";
            resource.insert(key.to_string(), value.clone());
        }
    }
    let mut put = |key: &str, value: &Value| {
        if !value.is_null() {
            resource.insert(key.to_string(), value.clone());
        }
    };
    if !is_kept {
        put("service.name", &document["name"]);
    }
    put("service.version", &document["service"]["version"]);
    let arn = &document["resource_arn"];
    put("cloud.resource_id", arn);
    match document["origin"].as_str().unwrap_or_default() {
        "AWS::Lambda::Function" | "AWS::Lambda" => {
            put("cloud.platform", &json!("aws_lambda"));
            put("faas.name", &document["name"]);
        }
        "AWS::StepFunctions::StateMachine" | "AWS::StepFunctions" => {
            put("aws.step_functions.state_machine.arn", arn);
        }
        _ => {}
    }
    resource
}

fn put_spans(
    document: &Value,
    trace: &str,
    parent: Option<String>,
    depth: usize,
    spans: &mut Vec<Value>,
) {
    if depth > DEPTH_MAX || document["in_progress"] == true {
        return;
    }
    let id = document["id"]
        .as_str()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let (Some(start), Some(end)) = (
        document["start_time"].as_f64(),
        document["end_time"].as_f64(),
    ) else {
        return;
    };
    if !is_id(&id, 16) {
        return;
    }
    for inside in list(document, "subsegments") {
        put_spans(inside, trace, Some(id.clone()), depth + 1, spans);
    }
    let metadata = &document["metadata"]["default"];
    let name = metadata["otel.span.name"]
        .as_str()
        .or(document["name"].as_str());
    let mut span = json!({
        "traceId": trace,
        "spanId": id,
        "name": name.unwrap_or_default(),
        "kind": kind_of(document, depth),
        "startTimeUnixNano": nanos_of_seconds(start),
        "endTimeUnixNano": nanos_of_seconds(end),
        "attributes": pairs(&attributes_of(document)),
    });
    if let Some(parent) = parent
        .map(|parent| parent.to_ascii_lowercase())
        .filter(|id| is_id(id, 16))
    {
        span["parentSpanId"] = json!(parent);
    }
    let exceptions: Vec<Value> = list(&document["cause"], "exceptions")
        .map(|exception| {
            let mut told = Map::new();
            for (key, member) in [("exception.type", "type"), ("exception.message", "message")] {
                if let Some(text) = exception[member].as_str() {
                    told.insert(key.to_string(), json!(text));
                }
            }
            json!({
                "name": "exception", "timeUnixNano": nanos_of_seconds(end), "attributes": pairs(&told),
            })
        })
        .collect();
    let is_bad = ["fault", "error", "throttle"]
        .iter()
        .any(|flag| document[*flag] == true);
    if is_bad {
        let message = list(&document["cause"], "exceptions").next();
        let message = message.map(|exception| exception["message"].clone());
        span["status"] = json!({ "code": STATUS_ERROR, "message": message.unwrap_or(json!("")) });
    }
    if !exceptions.is_empty() {
        span["events"] = Value::Array(exceptions);
    }
    spans.push(span);
}

fn kind_of(document: &Value, depth: usize) -> i64 {
    let is_call = matches!(document["namespace"].as_str(), Some("aws" | "remote"));
    let is_segment = depth == 0 && document["type"] != "subsegment";
    match (is_call, is_segment) {
        (true, _) => kind::CLIENT,
        (false, true) => kind::SERVER,
        (false, false) => kind::INTERNAL,
    }
}

fn attributes_of(document: &Value) -> Map<String, Value> {
    let mut found = Map::new();
    let mut put = |key: &str, value: &Value| {
        if !value.is_null() {
            found.insert(key.to_string(), value.clone());
        }
    };
    let (request, response) = (&document["http"]["request"], &document["http"]["response"]);
    put("http.request.method", &request["method"]);
    put("url.full", &request["url"]);
    put("user_agent.original", &request["user_agent"]);
    put("client.address", &request["client_ip"]);
    put("http.response.status_code", &response["status"]);
    put("http.response.body.size", &response["content_length"]);
    if document["namespace"] == "aws" {
        put("rpc.system", &json!("aws-api"));
        put("rpc.service", &document["name"]);
        put("rpc.method", &document["aws"]["operation"]);
    }
    for (name, value) in document["aws"].as_object().into_iter().flatten() {
        if !value.is_object() && !value.is_array() {
            put(&format!("aws.{name}"), value);
        }
    }
    let annotations = document["annotations"].as_object();
    for (key, value) in annotations.into_iter().flatten() {
        put(key, value);
    }
    if let Some(annotations) = annotations.filter(|annotations| !annotations.is_empty()) {
        let keys: Vec<&String> = annotations.keys().collect();
        put(INDEXED, &json!(keys));
    }
    for (namespace, members) in document["metadata"].as_object().into_iter().flatten() {
        let own = |key: &str| key.starts_with(RESOURCE_PREFIX) || key.starts_with("otel.");
        for (key, value) in members.as_object().into_iter().flatten() {
            match namespace.as_str() {
                "default" if own(key) => {}
                "default" if !value.is_object() => put(key, value),
                namespace => put(
                    &format!("aws.xray.metadata.{namespace}.{key}"),
                    &json!(
                        value
                            .as_str()
                            .map_or_else(|| value.to_string(), str::to_string)
                    ),
                ),
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::values::plain;
    use super::*;

    fn request(resource: Value, span: Value) -> Value {
        let resource = pairs(resource.as_object().expect("attributes"));
        json!({ "resourceSpans": [{
            "resource": { "attributes": resource }, "scopeSpans": [{ "spans": [span] }],
        }] })
    }

    fn span(kind: i64, parent: Option<&str>, own: Value) -> Value {
        let mut span = json!({
            "traceId": "5f84c7a1e7d1852db8c4fd35d88bf49a", "spanId": "00f067aa0ba902b7",
            "name": "GET /orders<1>", "kind": kind,
            "startTimeUnixNano": 1_700_000_000_000_250_000_u64,
            "endTimeUnixNano": 1_700_000_000_500_000_000_u64,
            "attributes": pairs(own.as_object().expect("attributes")),
        });
        if let Some(parent) = parent {
            span["parentSpanId"] = json!(parent);
        }
        span
    }

    fn document(resource: Value, span: Value) -> Value {
        let (documents, partial) = received_segments(&request(resource, span));
        assert_eq!(partial, Partial::default());
        serde_json::from_str(&documents[0]).expect("it is JSON")
    }

    #[test]
    fn a_span_of_a_function_is_a_subsegment_of_its_segment() {
        let own = json!({ "order": 7, "aws.xray.annotations": ["order"], "other.key": "x" });
        let resource = json!({ "service.name": "orders", "faas.name": "Pay" });
        assert_eq!(
            document(
                resource,
                span(kind::INTERNAL, Some("1111111111111111"), own)
            ),
            json!({
                "name": "GET /orders1", "id": "00f067aa0ba902b7",
                "trace_id": "1-5f84c7a1-e7d1852db8c4fd35d88bf49a",
                "start_time": 1_700_000_000.000_25, "end_time": 1_700_000_000.5,
                "parent_id": "1111111111111111", "type": "subsegment",
                "annotations": { "order": 7 },
                "metadata": { "default": {
                    "other.key": "x", "otel.resource.service.name": "orders",
                    "otel.resource.faas.name": "Pay", "otel.span.name": "GET /orders<1>",
                } },
            })
        );
    }

    #[test]
    fn a_server_begins_a_segment_and_a_call_names_what_it_calls() {
        let resource = json!({ "service.name": "shop" });
        let own = json!({ "http.method": "GET", "http.target": "/a", "http.host": "h:1", "http.status_code": 503 });
        let server = document(
            resource.clone(),
            span(kind::SERVER, Some("1111111111111111"), own),
        );
        assert_eq!(server["name"], "shop");
        assert_eq!(server.get("type"), None);
        assert_eq!(server["fault"], true);
        assert_eq!(server["http"]["request"]["url"], "http://h:1/a");
        let own =
            json!({ "rpc.system": "aws-api", "rpc.service": "DynamoDB", "rpc.method": "GetItem" });
        let call = document(resource, span(kind::CLIENT, Some("1111111111111111"), own));
        assert_eq!(
            (&call["name"], &call["namespace"]),
            (&json!("DynamoDB"), &json!("aws"))
        );
        assert_eq!(call["aws"]["operation"], "GetItem");
    }

    #[test]
    fn errors_faults_and_throttles_are_told_apart() {
        for (status, code, flags) in [
            (Some(200), 0, vec![]),
            (Some(404), 0, vec!["error"]),
            (Some(429), 2, vec!["error", "throttle"]),
            (Some(500), 2, vec!["fault"]),
            (None, 2, vec!["fault"]),
            (None, 1, vec![]),
        ] {
            let own = status.map_or(json!({}), |status| json!({ "http.status_code": status }));
            let mut span = span(kind::INTERNAL, None, own);
            span["status"] = json!({ "code": code, "message": "went wrong" });
            let document = document(json!({}), span);
            let set: Vec<&str> = ["error", "fault", "throttle"]
                .into_iter()
                .filter(|flag| document[*flag] == true)
                .collect();
            assert_eq!(set, flags, "{status:?} {code}");
            let message = &document["cause"]["exceptions"][0]["message"];
            assert_eq!(message == "went wrong", code == 2, "{document}");
        }
    }

    #[test]
    fn spans_without_ids_are_refused_and_counted() {
        let mut bad = span(kind::SERVER, None, json!({}));
        bad["traceId"] = json!("00000000000000000000000000000000");
        let mut request = request(json!({}), bad);
        request["resourceSpans"][0]["scopeSpans"][0]["spans"]
            .as_array_mut()
            .expect("a list")
            .push(span(kind::SERVER, None, json!({})));
        let (documents, partial) = received_segments(&request);
        assert_eq!((documents.len(), partial.rejected), (1, 1));
        assert!(
            partial.message.contains("no valid trace id"),
            "{}",
            partial.message
        );
    }

    #[test]
    fn a_segment_with_subsegments_becomes_spans_of_one_trace() {
        let document = json!({
            "name": "Pay", "id": "AAAAAAAAAAAAAAAA", "trace_id": "1-5f84c7a1-e7d1852db8c4fd35d88bf49a",
            "start_time": 1.5, "end_time": 2.5, "origin": "AWS::Lambda::Function",
            "resource_arn": "arn:aws:lambda:us-east-1:1:function:Pay", "fault": true,
            "cause": { "exceptions": [{ "type": "Error", "message": "no" }] },
            "annotations": { "order": 7 }, "metadata": { "app": { "x": { "y": 1 } } },
            "subsegments": [
                { "name": "SQS", "id": "bbbbbbbbbbbbbbbb", "start_time": 1.6, "end_time": 1.7,
                  "namespace": "aws", "aws": { "operation": "SendMessage" } },
                { "name": "open", "id": "cccccccccccccccc", "start_time": 1.6, "in_progress": true },
            ],
        });
        let common = json!({ "cloud.provider": "aws" });
        let common = common.as_object().expect("attributes");
        let (request, count) =
            trace_request(&[document.to_string(), "no JSON".to_string()], common);
        assert_eq!(count, 2);
        let group = &request["resourceSpans"][0];
        let resource = attributes(&group["resource"]);
        assert_eq!(
            Value::Object(resource),
            json!({
                "cloud.provider": "aws", "service.name": "Pay", "faas.name": "Pay", "cloud.platform": "aws_lambda",
                "cloud.resource_id": "arn:aws:lambda:us-east-1:1:function:Pay",
            })
        );
        let spans = group["scopeSpans"][0]["spans"].as_array().expect("spans");
        assert_eq!(spans[0]["parentSpanId"], "aaaaaaaaaaaaaaaa");
        assert_eq!(spans[0]["kind"], kind::CLIENT);
        assert_eq!(attributes(&spans[0])["rpc.method"], "SendMessage");
        assert_eq!(spans[1]["status"], json!({ "code": 2, "message": "no" }));
        assert_eq!(spans[1]["startTimeUnixNano"], 1_500_000_000);
        assert_eq!(
            plain(&spans[1]["events"][0]["attributes"][1]["value"]),
            "no"
        );
        assert_eq!(
            attributes(&spans[1])["aws.xray.metadata.app.x"],
            r#"{"y":1}"#
        );
    }

    #[test]
    fn what_was_received_is_exported_as_it_was() {
        let own = json!({ "order": 7, "aws.xray.annotations": ["order"], "k": "v" });
        let resource = json!({ "service.name": "shop", "service.version": "2" });
        let sent = request(resource, span(kind::SERVER, None, own));
        let (documents, _) = received_segments(&sent);
        let (exported, _) = trace_request(&documents, &Map::new());
        let (sent, exported) = (&sent["resourceSpans"][0], &exported["resourceSpans"][0]);
        let sorted = |of: &Value| {
            let found: std::collections::BTreeMap<String, Value> =
                attributes(of).into_iter().collect();
            found
        };
        assert_eq!(sorted(&exported["resource"]), sorted(&sent["resource"]));
        let span = |of: &Value| of["scopeSpans"][0]["spans"][0].clone();
        assert_eq!(sorted(&span(exported)), sorted(&span(sent)));
        for member in [
            "traceId",
            "spanId",
            "name",
            "kind",
            "startTimeUnixNano",
            "endTimeUnixNano",
        ] {
            assert_eq!(span(exported)[member], span(sent)[member], "{member}");
        }
    }
}
