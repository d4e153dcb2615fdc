//! The HTTP request that an API destination, its connection and a rule's target make of an event.
//!
//! AWS: "API destinations as targets" and "Connections for HTTP endpoint targets" of the EventBridge user guide.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use stepwell_api::events;

use super::transform::Path;
use crate::command::{HttpCall, TokenCall, WebhookCall};
use crate::rows::webhook::{ApiDestinationRow, ConnectionRow};

/// Marks of what a delivery carries of a target's `HttpParameters`, among its attributes.
const PATH: &str = "path ";
const HEADER: &str = "header ";
const QUERY: &str = "query ";

/// Headers that are the client's own. AWS drops them too.
const OWN_HEADERS: [&str; 10] = [
    "accept-encoding",
    "connection",
    "content-length",
    "host",
    "range",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Path parameters of a target; more than an endpoint has wildcards would be nothing.
const PATH_PARAMETERS_MAX: usize = 100;

/// Whether a URL can be called.
///
/// - `member`: what it is, for the error.
pub(super) fn check_endpoint(member: &str, url: &str) -> Result<(), String> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let host = rest.map(|rest| rest.split(['/', '?']).next().unwrap_or_default());
    match host {
        Some(host) if !host.is_empty() && !host.starts_with(':') && !host.contains(['*', '@']) => {
            Ok(())
        }
        _ => Err(format!(
            "Parameter {member} is not valid. Reason: Must be a valid http:// or https:// URL."
        )),
    }
}

/// What is wrong with a target's `HttpParameters`; checked when it is put.
pub(super) fn check_parameters(target: &events::Target) -> Result<(), String> {
    let Some(parameters) = &target.http_parameters else {
        return Ok(());
    };
    let paths = parameters.path_parameter_values.iter().flatten();
    if paths.count() > PATH_PARAMETERS_MAX {
        return Err(format!(
            "Target {} has more than {PATH_PARAMETERS_MAX} PathParameterValues.",
            target.id
        ));
    }
    Ok(())
}

/// A target's `HttpParameters` for one event, as attributes of its delivery.
///
/// AWS: a value that is a path stands for what it finds in the event.
pub(super) fn attributes(target: &events::Target, event: &Value) -> BTreeMap<String, String> {
    let Some(parameters) = &target.http_parameters else {
        return BTreeMap::new();
    };
    let resolved = |value: &String| match Path::parse(value).filter(|_| value.starts_with("$.")) {
        None => value.clone(),
        Some(path) => match path.find(event) {
            Some(Value::String(text)) => text,
            Some(found) => found.to_string(),
            None => String::new(),
        },
    };
    let paths = parameters.path_parameter_values.iter().flatten();
    let mut attributes: BTreeMap<String, String> = paths
        .enumerate()
        .map(|(at, value)| (format!("{PATH}{at:03}"), resolved(value)))
        .collect();
    for (mark, named) in [
        (HEADER, &parameters.header_parameters),
        (QUERY, &parameters.query_string_parameters),
    ] {
        for (name, value) in named.iter().flatten() {
            attributes.insert(format!("{mark}{name}"), resolved(value));
        }
    }
    attributes
}

/// The request of one attempt.
///
/// - `attributes`: of [`attributes`].
/// - `connection_arn`: names the token in the shell's memory.
/// - What the connection says takes precedence over what the target says.
pub(crate) fn call_of(
    destination: &ApiDestinationRow,
    connection: &ConnectionRow,
    connection_arn: &str,
    attributes: &BTreeMap<String, String>,
    payload: &str,
) -> WebhookCall {
    let marked = |mark: &'static str| {
        attributes
            .iter()
            .filter_map(move |(name, value)| Some((name.strip_prefix(mark)?, value.as_str())))
    };
    let auth = &connection.auth;
    let added = auth.invocation_http_parameters.as_ref();
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    headers.insert(
        "content-type".to_string(),
        "application/json; charset=utf-8".to_string(),
    );
    for (name, value) in marked(HEADER) {
        headers.insert(name.to_ascii_lowercase(), value.to_string());
    }
    for (name, value) in header_parameters(added) {
        headers.insert(name.to_ascii_lowercase(), value);
    }
    headers.retain(|name, _| !OWN_HEADERS.contains(&name.as_str()));
    if let Some(basic) = &auth.basic_auth_parameters {
        let pair = format!("{}:{}", basic.username, basic.password);
        let value = format!("Basic {}", STANDARD.encode(pair));
        headers.insert("authorization".to_string(), value);
    }
    if let Some(key) = &auth.api_key_auth_parameters {
        let name = key.api_key_name.to_ascii_lowercase();
        headers.insert(name, key.api_key_value.clone());
    }
    let mut query: BTreeMap<String, String> = BTreeMap::new();
    query.extend(marked(QUERY).map(|(name, value)| (name.to_string(), value.to_string())));
    query.extend(query_parameters(added));
    let paths: Vec<&str> = marked(PATH).map(|(_, value)| value).collect();
    let url = with_query(with_path(&destination.endpoint, &paths), query);
    let body = match destination.method.as_str() {
        "GET" | "HEAD" => String::new(),
        _ => with_body(payload, body_parameters(added)),
    };
    WebhookCall {
        call: HttpCall {
            method: destination.method.clone(),
            url,
            headers,
            body,
        },
        token: token_call(connection_arn, connection),
    }
}

/// The request for a token, of a connection that needs one.
pub(crate) fn token_call(connection_arn: &str, connection: &ConnectionRow) -> Option<TokenCall> {
    let oauth = connection.auth.o_auth_parameters.as_ref()?;
    let added = oauth.o_auth_http_parameters.as_ref();
    let mut form = BTreeMap::from([
        ("grant_type".to_string(), "client_credentials".to_string()),
        (
            "client_id".to_string(),
            oauth.client_parameters.client_id.clone(),
        ),
        (
            "client_secret".to_string(),
            oauth.client_parameters.client_secret.clone(),
        ),
    ]);
    form.extend(body_parameters(added));
    let mut headers: BTreeMap<String, String> = header_parameters(added)
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    headers.retain(|name, _| !OWN_HEADERS.contains(&name.as_str()));
    let mut query: BTreeMap<String, String> = query_parameters(added).collect();
    let mut body = String::new();
    if oauth.http_method == "GET" {
        query.extend(form);
    } else {
        let kind = "application/x-www-form-urlencoded".to_string();
        let kind = headers.entry("content-type".to_string()).or_insert(kind);
        body = match kind.contains("json") {
            true => serde_json::to_string(&form).expect("texts are JSON"),
            false => encoded_pairs(form),
        };
    }
    Some(TokenCall {
        key: format!("{connection_arn} {}", connection.modified_ms),
        call: HttpCall {
            method: oauth.http_method.clone(),
            url: with_query(oauth.authorization_endpoint.clone(), query),
            headers,
            body,
        },
    })
}

type Parameters<'a> = Option<&'a events::ConnectionHttpParameters>;

fn header_parameters(of: Parameters<'_>) -> impl Iterator<Item = (String, String)> {
    let all = of.and_then(|of| of.header_parameters.clone());
    let all = all.into_iter().flatten();
    all.filter_map(|one| Some((one.key?, one.value.unwrap_or_default())))
}

fn query_parameters(of: Parameters<'_>) -> impl Iterator<Item = (String, String)> {
    let all = of.and_then(|of| of.query_string_parameters.clone());
    let all = all.into_iter().flatten();
    all.filter_map(|one| Some((one.key?, one.value.unwrap_or_default())))
}

fn body_parameters(of: Parameters<'_>) -> impl Iterator<Item = (String, String)> {
    let all = of.and_then(|of| of.body_parameters.clone());
    let all = all.into_iter().flatten();
    all.filter_map(|one| Some((one.key?, one.value.unwrap_or_default())))
}

/// Puts values in the place of `*`, in their order; a wildcard without a value is empty.
fn with_path(endpoint: &str, values: &[&str]) -> String {
    let mut parts = endpoint.split('*');
    let mut url = parts.next().unwrap_or_default().to_string();
    for (at, part) in parts.enumerate() {
        url.push_str(&encoded(values.get(at).copied().unwrap_or_default()));
        url.push_str(part);
    }
    url
}

fn with_query(mut url: String, query: BTreeMap<String, String>) -> String {
    if query.is_empty() {
        return url;
    }
    url.push(if url.contains('?') { '&' } else { '?' });
    url.push_str(&encoded_pairs(query));
    url
}

/// AWS: body parameters of a connection become members of a payload that is an object.
fn with_body(payload: &str, added: impl Iterator<Item = (String, String)>) -> String {
    let mut added = added.peekable();
    if added.peek().is_none() {
        return payload.to_string();
    }
    match serde_json::from_str(payload) {
        Ok(Value::Object(mut object)) => {
            object.extend(added.map(|(name, value)| (name, Value::String(value))));
            Value::Object(object).to_string()
        }
        _ => payload.to_string(),
    }
}

fn encoded_pairs(pairs: BTreeMap<String, String>) -> String {
    let pairs: Vec<String> = pairs
        .into_iter()
        .map(|(name, value)| format!("{}={}", encoded(&name), encoded(&value)))
        .collect();
    pairs.join("&")
}

/// Percent-encoding of everything that is not unreserved (RFC 3986).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(char::from(byte));
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
    }
    encoded
}
