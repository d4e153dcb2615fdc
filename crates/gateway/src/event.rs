//! The events that functions get.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::call::{Call, HttpRequest, Identity};
use crate::text::{decoded, log_time, query_pairs, title_case};

/// What an event of format 1.0 says of the route.
pub(crate) struct Resource<'r> {
    /// `/orders/{id}`.
    pub(crate) path: &'r str,
    pub(crate) id: Option<String>,
    pub(crate) parameters: &'r [(String, String)],
    /// Whether the body goes on as base64.
    pub(crate) is_binary: bool,
    /// A REST API: header names with capitals, and no `version`.
    pub(crate) is_rest: bool,
    /// Who has signed the request, where the route asks for that.
    pub(crate) signer: Option<&'r Identity>,
}

/// Format 1.0: REST APIs, and HTTP APIs that ask for it.
pub(crate) fn version_1(call: &Call, request: &HttpRequest, resource: &Resource<'_>) -> Value {
    let headers = request.headers.iter().map(|(name, value)| {
        // AWS: a REST API keeps the case of names. Ours is lost on the way; most clients write capitals.
        let name = match resource.is_rest {
            true => title_case(name),
            false => name.clone(),
        };
        (name, value.clone())
    });
    let (headers, multi_headers) = single_and_multi(headers);
    let (query, multi_query) = single_and_multi(query_pairs(&request.query).into_iter());
    let (body, is_base64) = body(request, resource.is_binary);
    let path = match resource.is_rest {
        true => &request.path,
        false => &call.full_path,
    };
    let signer = resource.signer;
    let mut event = json!({
        "resource": resource.path,
        "path": path,
        "httpMethod": request.method,
        "headers": headers,
        "multiValueHeaders": multi_headers,
        "queryStringParameters": query,
        "multiValueQueryStringParameters": multi_query,
        "pathParameters": or_null(texts(resource.parameters)),
        "stageVariables": stage_variables(call).unwrap_or_default(),
        "requestContext": {
            "resourceId": resource.id,
            "resourcePath": resource.path,
            "httpMethod": request.method,
            "extendedRequestId": call.request_id,
            "requestTime": log_time(call.now_ms),
            "path": call.full_path,
            "accountId": call.account,
            "protocol": "HTTP/1.1",
            "stage": call.stage,
            "domainPrefix": call.domain_prefix(),
            "requestTimeEpoch": call.now_ms,
            "requestId": call.request_id,
            "identity": {
                "cognitoIdentityPoolId": null, "accountId": signer.map(|signer| &signer.account),
                "cognitoIdentityId": null, "caller": signer.map(|signer| &signer.user_id),
                "sourceIp": request.source_ip, "principalOrgId": null,
                "accessKey": signer.map(|signer| &signer.access_key),
                "cognitoAuthenticationType": null, "cognitoAuthenticationProvider": null,
                "userArn": signer.map(|signer| &signer.arn),
                "userAgent": request.header("user-agent"), "user": signer.map(|signer| &signer.user_id),
            },
            "domainName": call.domain_name,
            "deploymentId": call.deployment_id,
            "apiId": call.api_id,
        },
        "body": body,
        "isBase64Encoded": is_base64,
    });
    if !resource.is_rest {
        event["version"] = json!("1.0");
    }
    event
}

/// What an event of format 2.0 says of the route.
pub(crate) struct RouteFacts<'r> {
    /// `GET /orders/{id}` or `$default`.
    pub(crate) key: &'r str,
    pub(crate) parameters: &'r [(String, String)],
    /// AWS: an HTTP API decodes `rawPath`; a function URL does not.
    pub(crate) decodes_path: bool,
    pub(crate) is_text: bool,
    /// `requestContext.accountId`.
    pub(crate) account: &'r str,
    pub(crate) authorizer: Option<Value>,
}

/// Format 2.0: HTTP APIs and function URLs.
pub(crate) fn version_2(call: &Call, request: &HttpRequest, route: &RouteFacts<'_>) -> Value {
    let path = match route.decodes_path {
        true => decoded(&call.full_path, false),
        false => call.full_path.clone(),
    };
    let cookies: Vec<&str> = request
        .headers
        .iter()
        .filter(|(name, _)| name == "cookie")
        .flat_map(|(_, value)| value.split(';').map(str::trim))
        .filter(|cookie| !cookie.is_empty())
        .collect();
    let headers = request.headers.iter().filter(|(name, _)| name != "cookie");
    let mut context = json!({
        "accountId": route.account,
        "apiId": call.api_id,
        "domainName": call.domain_name,
        "domainPrefix": call.domain_prefix(),
        "http": {
            "method": request.method,
            "path": path,
            "protocol": "HTTP/1.1",
            "sourceIp": request.source_ip,
            "userAgent": request.header("user-agent").unwrap_or_default(),
        },
        "requestId": call.request_id,
        "routeKey": route.key,
        "stage": call.stage,
        "time": log_time(call.now_ms),
        "timeEpoch": call.now_ms,
    });
    if let Some(authorizer) = &route.authorizer {
        context["authorizer"] = authorizer.clone();
    }
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| event.insert(name.to_owned(), value);
    put("version", json!("2.0"));
    put("routeKey", json!(route.key));
    put("rawPath", json!(path));
    put("rawQueryString", json!(request.query));
    if !cookies.is_empty() {
        put("cookies", json!(cookies));
    }
    put("headers", Value::Object(joined(headers.cloned())));
    let query = joined(query_pairs(&request.query).into_iter());
    if !query.is_empty() {
        put("queryStringParameters", Value::Object(query));
    }
    put("requestContext", context);
    if !route.parameters.is_empty() {
        put("pathParameters", Value::Object(texts(route.parameters)));
    }
    if let Some(variables) = stage_variables(call) {
        put("stageVariables", variables);
    }
    let (body, is_base64) = body(request, !route.is_text);
    if !body.is_null() {
        put("body", body);
    }
    put("isBase64Encoded", json!(is_base64));
    Value::Object(event)
}

/// The body and whether it is base64; null where there is none. What is no UTF-8 cannot go as text.
fn body(request: &HttpRequest, is_binary: bool) -> (Value, bool) {
    if request.body.is_empty() {
        return (Value::Null, false);
    }
    match std::str::from_utf8(&request.body) {
        Ok(text) if !is_binary => (Value::String(text.to_owned()), false),
        _ => (Value::String(STANDARD.encode(&request.body)), true),
    }
}

fn texts(pairs: &[(String, String)]) -> Map<String, Value> {
    let pairs = pairs.iter().cloned();
    pairs
        .map(|(name, value)| (name, Value::String(value)))
        .collect()
}

fn or_null(map: Map<String, Value>) -> Value {
    match map.is_empty() {
        true => Value::Null,
        false => Value::Object(map),
    }
}

/// The last value of each name, and all values of each name; null where there is none.
fn single_and_multi(pairs: impl Iterator<Item = (String, String)>) -> (Value, Value) {
    let (mut single, mut multi) = (Map::new(), Map::new());
    for (name, value) in pairs {
        let value = Value::String(value);
        match multi.get_mut(&name) {
            Some(Value::Array(values)) => values.push(value.clone()),
            _ => drop(multi.insert(name.clone(), Value::Array(vec![value.clone()]))),
        }
        single.insert(name, value);
    }
    (or_null(single), or_null(multi))
}

/// Values of one name put together with commas.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> Map<String, Value> {
    let mut map: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        match map.get_mut(&name) {
            Some(Value::String(values)) => {
                values.push(',');
                values.push_str(&value);
            }
            _ => drop(map.insert(name, Value::String(value))),
        }
    }
    map
}

fn stage_variables(call: &Call) -> Option<Value> {
    (!call.stage_variables.is_empty()).then(|| json!(call.stage_variables))
}
