//! Emits the closed set of error codes of a service and a constructor for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::Service;
use super::model::{Model, Protocol, Shape};
use super::names::{lower_first, snake};

/// Namespace of the errors that the model of Step Functions names.
const STATES_NAMESPACE: &str = "com.amazonaws.swf.service.v2.model";

/// Errors of the platform: variant, name, namespace, HTTP status of JSON 1.0 and of REST-JSON.
const PLATFORM_ERRORS: [(&str, &str, &str, u16, u16); 8] = [
    (
        "AccessDeniedException",
        "AccessDeniedException",
        "com.amazon.coral.service",
        400,
        403,
    ),
    (
        "ConstraintViolation",
        "ValidationException",
        "com.amazon.coral.validate",
        400,
        400,
    ),
    (
        "InternalFailure",
        "InternalFailure",
        "com.amazon.coral.service",
        500,
        500,
    ),
    (
        "NotImplemented",
        "NotImplemented",
        "com.amazon.coral.service",
        501,
        501,
    ),
    (
        "SerializationException",
        "SerializationException",
        "com.amazon.coral.service",
        400,
        400,
    ),
    (
        "ServiceUnavailable",
        "ServiceUnavailable",
        "com.amazon.coral.service",
        503,
        503,
    ),
    (
        "ThrottlingException",
        "ThrottlingException",
        "com.amazon.coral.availability",
        400,
        429,
    ),
    (
        "UnknownOperationException",
        "UnknownOperationException",
        "com.amazon.coral.service",
        400,
        404,
    ),
];

/// AWS: texts that the service builds around a detail (recorded histories); `{}` is the detail.
const MESSAGE_FRAMES: [(&str, &str); 12] = [
    ("ActivityAlreadyExists", "Activity Already Exists: '{}'"),
    ("ActivityDoesNotExist", "Activity Does Not Exist: '{}'"),
    ("ExecutionAlreadyExists", "Execution Already Exists: '{}'"),
    ("ExecutionDoesNotExist", "Execution Does Not Exist: '{}'"),
    ("InvalidArn", "Invalid Arn: '{}'"),
    (
        "InvalidDefinition",
        "Invalid State Machine Definition: '{}'",
    ),
    (
        "InvalidExecutionInput",
        "Invalid State Machine Execution Input: '{}'",
    ),
    ("InvalidName", "Invalid Name: '{}'"),
    ("InvalidToken", "Invalid Token: '{}'"),
    (
        "StateMachineAlreadyExists",
        "State Machine Already Exists: '{}'",
    ),
    (
        "StateMachineDoesNotExist",
        "State Machine Does Not Exist: '{}'",
    ),
    ("TaskTimedOut", "Task Timed Out: '{}'"),
];

/// The error type of the service, its codes, and what the model says about each.
pub fn emit(out: &mut String, service: &Service, model: &Model) -> Result<()> {
    let modelled: Vec<(&String, &Shape)> = model
        .shapes
        .iter()
        .filter(|(_, shape)| shape.exception)
        .collect();
    let rest = service.protocol == Protocol::Rest;
    writeln!(out, "/// An error answer of the service.")?;
    writeln!(out, "pub type Error = error::Error<ErrorCode>;\n")?;
    writeln!(
        out,
        "/// Every error of the service: those its model names, then the platform's."
    )?;
    writeln!(
        out,
        "#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]"
    )?;
    writeln!(out, "pub enum ErrorCode {{")?;
    for (name, shape) in &modelled {
        writeln!(
            out,
            "/// `{name}`, HTTP {}.\n{name},",
            shape.http_status_code.unwrap_or(400)
        )?;
    }
    for (variant, name, namespace, json_status, rest_status) in PLATFORM_ERRORS {
        let status = if rest { rest_status } else { json_status };
        writeln!(out, "/// `{namespace}#{name}`, HTTP {status}.\n{variant},")?;
    }
    writeln!(out, "}}\n\nimpl Code for ErrorCode {{")?;
    writeln!(out, "fn fault(self) -> &'static Fault {{ match self {{")?;
    for (name, shape) in &modelled {
        let message = shape
            .members()?
            .iter()
            .map(|(name, _)| *name)
            .find(|name| lower_first(name) == "message")
            .unwrap_or("message")
            .to_owned();
        fault(
            out,
            (name, name),
            STATES_NAMESPACE,
            shape.http_status_code.unwrap_or(400),
            Some(&message),
        )?;
    }
    for (variant, name, namespace, json_status, rest_status) in PLATFORM_ERRORS {
        let status = if rest { rest_status } else { json_status };
        fault(out, (variant, name), namespace, status, None)?;
    }
    writeln!(out, "}} }}\n")?;
    let protocol = if rest { "rest" } else { "json_rpc" };
    writeln!(
        out,
        "fn reply(error: &error::Error<Self>, request_id: &str) -> Reply {{"
    )?;
    writeln!(out, "{protocol}::error_reply(error, request_id) }} }}\n")?;
    constructors(out, &modelled)
}

fn fault(
    out: &mut String,
    (variant, name): (&str, &str),
    namespace: &str,
    status: u16,
    message_member: Option<&str>,
) -> Result<()> {
    writeln!(
        out,
        "Self::{variant} => &Fault {{ name: {name:?}, namespace: {namespace:?}, status: {status}, \
         modelled: {}, message_member: {:?} }},",
        message_member.is_some(),
        message_member.unwrap_or("message"),
    )?;
    Ok(())
}

fn constructors(out: &mut String, modelled: &[(&String, &Shape)]) -> Result<()> {
    writeln!(out, "impl Error {{")?;
    let platform = PLATFORM_ERRORS.iter().map(|(variant, ..)| *variant);
    for name in modelled
        .iter()
        .map(|(name, _)| name.as_str())
        .chain(platform)
    {
        let function = snake(name);
        match MESSAGE_FRAMES.iter().find(|(framed, _)| *framed == name) {
            Some((_, frame)) => {
                writeln!(out, "/// `{}`.", frame.replace("{}", "<detail>"))?;
                writeln!(
                    out,
                    "pub fn {function}(detail: impl std::fmt::Display) -> Self {{"
                )?;
                writeln!(
                    out,
                    "Self::new(ErrorCode::{name}, format!({:?})) }}\n",
                    frame.replace("{}", "{detail}")
                )?;
            }
            None => {
                writeln!(out, "/// `{name}` with this message.")?;
                writeln!(
                    out,
                    "pub fn {function}(message: impl Into<String>) -> Self {{"
                )?;
                writeln!(out, "Self::new(ErrorCode::{name}, message) }}\n")?;
            }
        }
    }
    let mut extra: BTreeMap<String, (String, Option<String>)> = BTreeMap::new();
    for (_, shape) in modelled {
        for (name, member) in shape.members()? {
            if !matches!(lower_first(name).as_str(), "message" | "type") {
                extra.insert(snake(name), (name.to_owned(), member.location_name));
            }
        }
    }
    for (function, (name, header)) in extra {
        let list = if header.is_some() {
            "headers"
        } else {
            "members"
        };
        let name = header.map_or(name, |header| header.to_ascii_lowercase());
        writeln!(out, "/// Adds `{name}`.\n#[must_use]")?;
        writeln!(
            out,
            "pub fn with_{function}(mut self, value: impl Into<String>) -> Self {{"
        )?;
        writeln!(out, "self.{list}.push(({name:?}, value.into())); self }}\n")?;
    }
    writeln!(out, "}}\n")?;
    Ok(())
}
