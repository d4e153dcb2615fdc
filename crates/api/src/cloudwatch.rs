//! Amazon CloudWatch: one service in three protocols, RPC v2 CBOR, AWS JSON 1.0 and the query protocol.

use serde::Serialize;
use serde_json::{Map, Value};

use crate::tree::Tree;
use crate::{Code, DateTime, Form, Input, Reply, Shape, cbor, constraint, json_rpc, query};

pub use crate::generated::cloudwatch::*;

/// What stands before the operation in `X-Amz-Target`, and after `/service/` in a path.
pub const SERVICE: &str = "GraniteServiceVersion20100801";

const JSON_TYPE: &str = "application/x-amz-json-1.0";
const CBOR_TYPE: &str = "application/cbor";

/// How a request is written, and its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `POST /service/SERVICE/operation/NAME`; what SDKs since December 2025 speak.
    Cbor,
    /// `X-Amz-Target: SERVICE.NAME`.
    Json,
    /// A form, with XML back.
    Query,
}

/// A request: which operation, and what it carries.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// How it is written.
    pub protocol: Protocol,
    /// What it asks for.
    pub operation: Operation,
    body: Body<'a>,
}

#[derive(Clone, Debug)]
enum Body<'a> {
    Bytes(&'a [u8]),
    Form(&'a Form),
}

impl<'a> Call<'a> {
    /// A request of RPC v2 CBOR.
    ///
    /// - Errors: `UnknownOperationException` naming the operation.
    pub fn of_path(operation: &str, body: &'a [u8]) -> Result<Call<'a>, Error> {
        Call::named(Protocol::Cbor, operation, Body::Bytes(body))
    }

    /// A request of AWS JSON.
    ///
    /// - `operation`: what stands after the dot of the target.
    /// - Errors: as [`Call::of_path`].
    pub fn of_target(operation: &str, body: &'a [u8]) -> Result<Call<'a>, Error> {
        Call::named(Protocol::Json, operation, Body::Bytes(body))
    }

    /// A request of the query protocol, or `None` if the form is for another service.
    ///
    /// - Errors: `InvalidAction`.
    pub fn of_form(form: &'a Form) -> Option<Result<Call<'a>, Error>> {
        if form.version() != Some(VERSION) {
            return None;
        }
        let operation = query::operation(form, VERSION, Operation::from_name);
        Some(operation.map(|operation| Call {
            protocol: Protocol::Query,
            operation,
            body: Body::Form(form),
        }))
    }

    fn named(protocol: Protocol, operation: &str, body: Body<'a>) -> Result<Call<'a>, Error> {
        let known = Operation::from_name(operation).ok_or_else(|| {
            Error::unknown_operation_exception(format!("CloudWatch has no operation '{operation}'"))
        })?;
        Ok(Call {
            protocol,
            operation: known,
            body,
        })
    }

    /// The input of the operation, with every constraint of the model checked.
    ///
    /// - Errors: `SerializationException` for a body that cannot be read, `InvalidParameterValue` for a number that is
    ///   none (NaN, the infinities), then the `ValidationException` that lists every broken constraint.
    pub fn input<T: Input>(&self) -> Result<T, Error> {
        let value = match self.body {
            Body::Form(form) => query::value::<T>(form),
            Body::Bytes(body) => {
                let value = match self.protocol {
                    Protocol::Cbor if !body.is_empty() => cbor::read(body),
                    _ => constraint::parse_object(body),
                };
                value.map_err(Error::serialization_exception)?
            }
        };
        let mut refused = Vec::new();
        not_finite(T::SHAPE, &value, "", &mut refused);
        if !refused.is_empty() {
            return Err(Error::invalid_parameter_value_exception(refused.join("\n")));
        }
        constraint::checked(value)
    }

    /// HTTP 200 with the output.
    ///
    /// - `output`: `None` where the operation has none.
    pub fn reply(&self, request_id: &str, output: Option<&impl Serialize>) -> Reply {
        match self.protocol {
            Protocol::Json => match output {
                Some(output) => json_rpc::reply(JSON_TYPE, request_id, output),
                None => json_rpc::reply(JSON_TYPE, request_id, &Map::new()),
            },
            Protocol::Cbor => {
                let tree = output.map_or(Tree::Map(Vec::new()), Tree::of);
                cbor_reply(200, request_id, cbor::write(&tree))
            }
            Protocol::Query => {
                let value = output.map_or(Value::Null, |output| xml_value(Tree::of(output)));
                query::reply(self.operation.name(), XML_NAMESPACE, request_id, &value)
            }
        }
    }
}

/// The error reply.
///
/// - AWS: what CBOR and JSON answer carries the query protocol's code in the header `x-amzn-query-error`, by which newer
///   SDKs name the error as older ones did.
/// - `details`: a further member, which the query protocol has no place for.
pub fn error_reply(
    protocol: Protocol,
    error: &Error,
    details: Option<(&str, Value)>,
    request_id: &str,
) -> Reply {
    let fault = error.code.fault();
    let code = error.code.query_code();
    if protocol == Protocol::Query {
        let named = (code, fault.status, error.message.as_str());
        return query::named_error_reply(named, XML_NAMESPACE, request_id);
    }
    let mut body = Map::new();
    body.insert("__type".to_owned(), Value::String(error.type_name()));
    let message = fault.message_member.to_owned();
    body.insert(message, Value::String(error.message.clone()));
    for (name, value) in &error.members {
        body.insert((*name).to_owned(), Value::String(value.clone()));
    }
    if let Some((name, value)) = details {
        body.insert(name.to_owned(), value);
    }
    let mut reply = match protocol {
        Protocol::Cbor => cbor_reply(fault.status, request_id, cbor::write(&Tree::of(&body))),
        _ => {
            let body = Value::Object(body).to_string().into_bytes();
            Reply::new(fault.status, JSON_TYPE, request_id, body)
        }
    };
    let who = if fault.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    reply
        .headers
        .push(("x-amzn-query-error", format!("{code};{who}")));
    reply
}

fn cbor_reply(status: u16, request_id: &str, body: Vec<u8>) -> Reply {
    let mut reply = Reply::new(status, CBOR_TYPE, request_id, body);
    reply
        .headers
        .push(("smithy-protocol", "rpc-v2-cbor".to_owned()));
    reply
}

/// Numbers that are none. AWS: `The value NaN for parameter MetricData.member.1.Value is invalid.`
fn not_finite(shape: &Shape, value: &Value, path: &str, refused: &mut Vec<String>) {
    match (shape, value) {
        (Shape::Structure(members), Value::Object(object)) => {
            for member in *members {
                if let Some(value) = object.get(member.name) {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{}", member.name);
                    not_finite(member.shape, value, &path, refused);
                }
            }
        }
        (Shape::List { member, .. }, Value::Array(elements))
            if !matches!(member, Shape::Text(_)) =>
        {
            for (index, value) in elements.iter().enumerate() {
                // Without a path as long as nothing is refused: most lists are long and right.
                if is_deep(member) || value.is_string() {
                    let path = format!("{path}.member.{}", index + 1);
                    not_finite(member, value, &path, refused);
                }
            }
        }
        (Shape::Float { .. }, Value::String(text)) => {
            let said = match text.parse::<f64>() {
                Ok(number) if number.is_nan() => "NaN",
                Ok(number) if number > 0.0 => "Infinity",
                Ok(_) => "-Infinity",
                Err(_) => return,
            };
            refused.push(format!("The value {said} for parameter {path} is invalid."));
        }
        _ => {}
    }
}

fn is_deep(shape: &Shape) -> bool {
    matches!(shape, Shape::Structure(_) | Shape::List { .. })
}

/// The value as XML has it: an instant in ISO 8601.
fn xml_value(tree: Tree) -> Value {
    match tree {
        Tree::Null => Value::Null,
        Tree::Bool(value) => Value::Bool(value),
        Tree::Int(number) => Value::from(number),
        Tree::Float(number) => Value::from(number),
        Tree::Text(text) => Value::String(text),
        Tree::Moment(seconds) => {
            let ms = (seconds * 1000.0).round() as i64;
            let mut text = DateTime::from_ms(ms).to_string();
            let fraction = ms.rem_euclid(1000);
            if fraction != 0 {
                text.truncate(text.len() - 1);
                text.push_str(&format!(".{fraction:03}Z"));
            }
            Value::String(text)
        }
        Tree::List(elements) => Value::Array(elements.into_iter().map(xml_value).collect()),
        Tree::Map(members) => {
            let members = members
                .into_iter()
                .map(|(key, value)| (key, xml_value(value)));
            Value::Object(members.collect())
        }
    }
}
