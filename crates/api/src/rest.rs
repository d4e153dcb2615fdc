//! REST-JSON: the operation in method and path, members in path, query, headers and body.

use serde_json::{Map, Value};

use crate::constraint::{self, Location, Shape};
use crate::error::{Code, Error};
use crate::{Input, Output, Reply};

/// `Content-Type` of every JSON reply.
pub const CONTENT_TYPE: &str = "application/json";

/// The operations of a REST-JSON service; generated.
pub trait Operations: Copy + 'static {
    /// The service's errors.
    type Code: Code;
    /// The service's name in error texts.
    const SERVICE: &'static str;
    /// Where each operation is bound to.
    const ROUTES: &'static [Route<Self>];

    /// HTTP status of success.
    fn status(self) -> u16;
}

/// Where the model binds an operation to.
#[derive(Debug)]
pub struct Route<O> {
    /// HTTP method, upper case.
    pub method: &'static str,
    /// Path segments; `{Name}` takes one segment.
    pub segments: &'static [&'static str],
    /// A query parameter that tells two operations of one path apart.
    pub query: Option<(&'static str, &'static str)>,
    /// The operation.
    pub operation: O,
}

/// A request of which only the body has not been read.
#[derive(Debug, PartialEq, Eq)]
pub struct Routed<O> {
    /// The operation that method and path name.
    pub operation: O,
    /// Path parameters, percent-decoded.
    pub path: Vec<(&'static str, String)>,
    /// Query parameters, percent-decoded, in order.
    pub query: Vec<(String, String)>,
}

/// The operation that a method and a request target (`/path?query`) name.
///
/// - Errors: `UnknownOperationException` (HTTP 404) naming both.
pub fn route<O: Operations>(method: &str, target: &str) -> Result<Routed<O>, Error<O::Code>> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let query = query_parameters(query);
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    // Literal segments beat parameters, and a required query parameter beats none.
    let best = O::ROUTES
        .iter()
        .filter(|route| route.method == method && route.accepts(&segments, &query))
        .max_by_key(|route| (route.literals(), route.query.is_some()));
    let Some(best) = best else {
        let text = format!("no operation of {} is bound to {method} {path}", O::SERVICE);
        return Err(Error::new(O::Code::UNKNOWN_OPERATION, text));
    };
    let path = best
        .segments
        .iter()
        .zip(&segments)
        .filter_map(|(template, segment)| {
            parameter(template).map(|name| (name, percent_decoded(segment, false)))
        });
    Ok(Routed {
        operation: best.operation,
        path: path.collect(),
        query,
    })
}

impl<O> Route<O> {
    fn accepts(&self, segments: &[&str], query: &[(String, String)]) -> bool {
        self.segments.len() == segments.len()
            && self
                .segments
                .iter()
                .zip(segments)
                .all(|(template, segment)| match parameter(template) {
                    Some(_) => !segment.is_empty(),
                    None => template == segment,
                })
            && self.query.is_none_or(|(name, value)| {
                query
                    .iter()
                    .any(|(given, text)| given == name && text == value)
            })
    }

    fn literals(&self) -> usize {
        self.segments
            .iter()
            .filter(|template| parameter(template).is_none())
            .count()
    }
}

fn parameter(template: &'static str) -> Option<&'static str> {
    template.strip_prefix('{')?.strip_suffix('}')
}

pub(crate) fn query_parameters(query: &str) -> Vec<(String, String)> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (percent_decoded(name, true), percent_decoded(value, true))
        })
        .collect()
}

/// Malformed escapes stay as they are; bytes that are no UTF-8 become U+FFFD.
pub(crate) fn percent_decoded(text: &str, plus_is_space: bool) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = (bytes[at] == b'%')
            .then(|| bytes.get(at + 1..at + 3))
            .flatten()
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match escape {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                let byte = bytes[at];
                decoded.push(if plus_is_space && byte == b'+' {
                    b' '
                } else {
                    byte
                });
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The input of a routed operation, with every constraint of the model checked.
///
/// - `header`: gives the value of a request header by its lower-case name.
/// - `body`: the HTTP body, empty allowed. It is the payload itself where the model says so.
/// - Errors: `SerializationException`, then `ValidationException`, as [`crate::states::decode`].
pub fn decode<T: Input, O: Operations>(
    routed: &Routed<O>,
    header: &dyn Fn(&str) -> Option<String>,
    body: Vec<u8>,
) -> Result<T, Error<O::Code>> {
    let Shape::Structure(members) = T::SHAPE else {
        unreachable!("an input shape is a structure");
    };
    let has_payload = members
        .iter()
        .any(|member| member.location == Location::Payload);
    let mut input = if has_payload {
        Map::new()
    } else {
        match constraint::parse_object(&body)
            .map_err(|text| Error::new(O::Code::MALFORMED, text))?
        {
            Value::Object(input) => input,
            _ => unreachable!("parse_object gives objects only"),
        }
    };
    for member in *members {
        let texts: Vec<String> = match member.location {
            Location::Body => continue,
            Location::Payload => {
                // The body is always there, if only empty: one that must be given is.
                input.insert(member.name.to_owned(), Value::String(String::new()));
                continue;
            }
            Location::Path => routed
                .path
                .iter()
                .filter(|(name, _)| *name == member.wire_name)
                .map(|(_, text)| text.clone())
                .collect(),
            Location::Query => routed
                .query
                .iter()
                .filter(|(name, _)| name == member.wire_name)
                .map(|(_, text)| text.clone())
                .collect(),
            Location::Header => header(member.wire_name).into_iter().collect(),
        };
        // A member bound elsewhere cannot be smuggled in through the body.
        input.shift_remove(member.name);
        let mut values = texts
            .into_iter()
            .map(|text| member.shape.value_of_text(text));
        // AWS: a list in the query is a parameter that comes several times.
        let value = match member.shape {
            Shape::List { .. } => Some(Value::Array(values.collect())),
            _ => values.next(),
        };
        if let Some(value) = value {
            input.insert(member.name.to_owned(), value);
        }
    }
    let input = Value::Object(input);
    let mut input: T = constraint::checked(input)?;
    if has_payload {
        input.set_payload(body);
    }
    Ok(input)
}

/// The input of an operation whose members are all in one object, with every constraint of the model checked.
///
/// - Errors: as [`decode`].
pub fn decode_members<T: Input, C: Code>(members: Value) -> Result<T, Error<C>> {
    constraint::checked(members)
}

/// The reply of an operation: status of the model, members in headers and body.
pub fn reply<O: Operations>(operation: O, request_id: &str, output: &impl Output) -> Reply {
    let status = output.status().unwrap_or(operation.status());
    let body = match output.payload() {
        Some(payload) => payload.to_vec(),
        None => serde_json::to_vec(output).expect("a generated shape has text keys only"),
    };
    let mut reply = with_body(status, request_id, body);
    reply.headers.extend(output.headers());
    reply
}

/// The reply of an operation of which all members are in the body, which is written already.
///
/// - `body`: empty where the operation has no output.
pub fn reply_written<O: Operations>(operation: O, request_id: &str, body: Vec<u8>) -> Reply {
    with_body(operation.status(), request_id, body)
}

fn with_body(status: u16, request_id: &str, body: Vec<u8>) -> Reply {
    // HTTP: 204 never has a body (RFC 9110, 15.3.5).
    let body = if status == 204 { Vec::new() } else { body };
    Reply::new(status, CONTENT_TYPE, request_id, body)
}

/// The error reply of the protocol: the code in a header, the text in the body.
pub(crate) fn error_reply<C: Code>(error: &Error<C>, request_id: &str) -> Reply {
    let fault = error.code.fault();
    let mut body = Map::new();
    if fault.modelled {
        let who = if fault.status < 500 {
            "User"
        } else {
            "Service"
        };
        body.insert("Type".to_owned(), Value::String(who.to_owned()));
    }
    let body = error.body(body, fault.message_member);
    let mut reply = Reply::new(fault.status, CONTENT_TYPE, request_id, body);
    reply
        .headers
        .push(("x-amzn-errortype", fault.name.to_owned()));
    reply.headers.extend(error.headers.iter().cloned());
    reply
}
