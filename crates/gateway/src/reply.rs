//! What a function answers, as an HTTP response.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::call::{HEADERS_MAX, Response};

/// Headers that belong to the connection and not to the function.
const CONNECTION: [&str; 6] = [
    "connection",
    "content-length",
    "keep-alive",
    "te",
    "transfer-encoding",
    "upgrade",
];

/// Members of a reply of format 1.0; AWS takes no others from a REST API's function.
const MEMBERS: [&str; 5] = [
    "statusCode",
    "headers",
    "multiValueHeaders",
    "body",
    "isBase64Encoded",
];

/// Format 1.0; `None` where the reply is malformed.
///
/// - `is_strict`: members that the format does not have are not taken.
/// - `decodes`: whether base64 becomes bytes.
pub(crate) fn version_1(payload: &[u8], is_strict: bool, decodes: bool) -> Option<Response> {
    let Value::Object(reply) = serde_json::from_slice(payload).ok()? else {
        return None;
    };
    if is_strict && reply.keys().any(|name| !MEMBERS.contains(&name.as_str())) {
        return None;
    }
    let mut headers = single_headers(&reply)?;
    if let Some(multi) = reply
        .get("multiValueHeaders")
        .filter(|multi| !multi.is_null())
    {
        let Value::Object(multi) = multi else {
            return None;
        };
        for (name, values) in multi {
            let Value::Array(values) = values else {
                return None;
            };
            // AWS: of a name in both, the multi-value one is taken.
            headers.retain(|(header, _)| !header.eq_ignore_ascii_case(name));
            for value in values {
                headers.extend(text(value)?.map(|value| (name.clone(), value)));
            }
        }
    }
    response(&reply, headers, decodes)
}

/// Format 2.0; `None` where the reply is malformed.
///
/// AWS: what has no `statusCode` is the body of a 200.
pub(crate) fn version_2(payload: &[u8], content_type: &str) -> Option<Response> {
    let value: Value = serde_json::from_slice(payload).ok()?;
    let reply = match value {
        Value::Object(reply) if reply.contains_key("statusCode") => reply,
        other => {
            let body = match other {
                Value::String(text) => text.into_bytes(),
                _ => payload.to_vec(),
            };
            let json = ("content-type".to_owned(), "application/json".to_owned());
            return Some(Response {
                status: 200,
                headers: vec![json],
                body,
            });
        }
    };
    let mut headers = single_headers(&reply)?;
    if let Some(cookies) = reply.get("cookies").filter(|cookies| !cookies.is_null()) {
        for cookie in cookies.as_array()? {
            headers.push(("set-cookie".to_owned(), cookie.as_str()?.to_owned()));
        }
    }
    let mut response = response(&reply, headers, true)?;
    if response.header("content-type").is_none() {
        response.set("content-type", content_type);
    }
    Some(response)
}

fn single_headers(reply: &Map<String, Value>) -> Option<Vec<(String, String)>> {
    let mut headers = Vec::new();
    match reply.get("headers") {
        None | Some(Value::Null) => {}
        Some(Value::Object(given)) => {
            for (name, value) in given {
                headers.extend(text(value)?.map(|value| (name.clone(), value)));
            }
        }
        Some(_) => return None,
    }
    Some(headers)
}

fn response(
    reply: &Map<String, Value>,
    mut headers: Vec<(String, String)>,
    decodes: bool,
) -> Option<Response> {
    let status = match reply.get("statusCode")? {
        Value::Number(number) => number.as_u64().or_else(|| {
            let float = number.as_f64().filter(|float| float.fract() == 0.0)?;
            format!("{float}").parse().ok()
        })?,
        Value::String(text) => text.trim().parse().ok()?,
        _ => return None,
    };
    let status = u16::try_from(status)
        .ok()
        .filter(|status| (200..600).contains(status))?;
    let is_base64 = match reply.get("isBase64Encoded") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(is)) => *is,
        Some(_) => return None,
    };
    let body = match reply.get("body") {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(text)) if is_base64 && decodes => STANDARD.decode(text).ok()?,
        Some(Value::String(text)) => text.clone().into_bytes(),
        Some(_) => return None,
    };
    headers.retain(|(name, _)| !CONNECTION.contains(&name.to_ascii_lowercase().as_str()));
    headers.truncate(HEADERS_MAX);
    Some(Response {
        status,
        headers,
        body,
    })
}

/// A header's value: text, a number or a boolean; nothing for null. `None` where it is a list or an object.
fn text(value: &Value) -> Option<Option<String>> {
    match value {
        Value::Null => Some(None),
        Value::String(text) => Some(Some(text.clone())),
        Value::Number(_) | Value::Bool(_) => Some(Some(value.to_string())),
        Value::Array(_) | Value::Object(_) => None,
    }
}
