//! AWS JSON 1.0 and 1.1: the operation in a header, one JSON object each way, always `POST /`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::error::{Code, Error};
use crate::{Input, Reply, constraint};

/// The operation that an `X-Amz-Target` header names.
///
/// - `prefix`: what stands before the name of the operation, `AWSStepFunctions.`.
/// - Errors: the service's error for an unknown operation, naming the header's value; also for a missing header.
pub(crate) fn operation<O, C: Code>(
    target: Option<&str>,
    prefix: &str,
    from_name: impl Fn(&str) -> Option<O>,
) -> Result<O, Error<C>> {
    let Some(target) = target else {
        let text = "the header X-Amz-Target is missing";
        return Err(Error::new(C::UNKNOWN_OPERATION, text));
    };
    target
        .strip_prefix(prefix)
        .and_then(from_name)
        .ok_or_else(|| {
            let text = format!("no operation has the target '{target}'");
            Error::new(C::UNKNOWN_OPERATION, text)
        })
}

/// The input of an operation, with every constraint of the model checked.
pub(crate) fn decode<T: Input, C: Code>(body: &[u8]) -> Result<T, Error<C>> {
    let value = constraint::parse_object(body).map_err(|text| Error::new(C::MALFORMED, text))?;
    constraint::checked(value)
}

/// HTTP 200 with the output as body.
pub(crate) fn reply(content_type: &str, request_id: &str, output: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(output).expect("a generated shape has text keys only");
    Reply::new(200, content_type, request_id, body)
}

/// The error reply of the protocol: `{"__type": "NAMESPACE#NAME", "message": ...}`.
pub(crate) fn error_reply<C: Code>(
    error: &Error<C>,
    content_type: &str,
    request_id: &str,
) -> Reply {
    let fault = error.code.fault();
    let mut body = Map::new();
    body.insert("__type".to_owned(), Value::String(error.type_name()));
    let body = error.body(body, fault.message_member);
    let mut reply = Reply::new(fault.status, content_type, request_id, body);
    reply.headers.extend(error.headers.iter().cloned());
    reply
}
