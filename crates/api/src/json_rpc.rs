//! AWS JSON 1.0: the operation in a header, one JSON object each way, always `POST /`.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::generated::states::{Error, ErrorCode, Operation};
use crate::{Input, Reply, constraint, error};

/// `Content-Type` of every request and reply.
pub const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// What stands before the operation in `X-Amz-Target`.
pub const TARGET_PREFIX: &str = "AWSStepFunctions.";

/// The operation an `X-Amz-Target` header names.
///
/// - Errors: `UnknownOperationException` naming the header's value, also for a missing header.
pub fn operation(target: Option<&str>) -> Result<Operation, Error> {
    let Some(target) = target else {
        return Err(Error::unknown_operation_exception(
            "the header X-Amz-Target is missing",
        ));
    };
    target
        .strip_prefix(TARGET_PREFIX)
        .and_then(Operation::from_name)
        .ok_or_else(|| {
            Error::unknown_operation_exception(format!("no operation has the target '{target}'"))
        })
}

/// The input of an operation, with every constraint of the model checked.
///
/// - `body`: the HTTP body; an empty one reads as `{}`. Members the model does not know are ignored.
/// - Errors: `SerializationException` if the body is no JSON object or a member has another JSON
///   type; then the platform's `ValidationException` that lists every broken constraint.
///
/// ```
/// use stepwell_api::states::{self, StartExecutionInput};
/// let error = states::decode::<StartExecutionInput>(b"{}").unwrap_err();
/// assert_eq!(
///     error.message,
///     "1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: \
///      Member must not be null"
/// );
/// ```
pub fn decode<T: Input>(body: &[u8]) -> Result<T, Error> {
    let value = constraint::parse_object(body).map_err(Error::serialization_exception)?;
    constraint::check(T::SHAPE, &value).map_err(|refusal| match refusal {
        constraint::Refusal::Type(text) => Error::serialization_exception(text),
        constraint::Refusal::Violations(text) => Error::constraint_violation(text),
    })?;
    serde_json::from_value(value).map_err(|error| Error::serialization_exception(error.to_string()))
}

/// HTTP 200 with the output as body.
///
/// - `request_id`: goes out as `x-amzn-RequestId`.
pub fn reply(request_id: &str, output: &impl Serialize) -> Reply {
    let body = serde_json::to_vec(output).expect("a generated shape has text keys only");
    Reply::new(200, CONTENT_TYPE, request_id, body)
}

/// The error reply of the protocol: `{"__type": "NAMESPACE#NAME", "message": ...}`.
pub(crate) fn error_reply(error: &error::Error<ErrorCode>, request_id: &str) -> Reply {
    let fault = error::Code::fault(error.code);
    let mut body = Map::new();
    body.insert("__type".to_owned(), Value::String(error.type_name()));
    let body = error.body(body, fault.message_member);
    let mut reply = Reply::new(fault.status, CONTENT_TYPE, request_id, body);
    reply.headers.extend(error.headers.iter().cloned());
    reply
}
