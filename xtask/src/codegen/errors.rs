//! Emits the closed set of error codes of a service and a constructor for each.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anyhow::Result;

use super::Service;
use super::model::{Model, Protocol, Shape};
use super::names::{lower_first, snake};

/// An error of the platform.
struct PlatformError {
    variant: &'static str,
    namespace: &'static str,
    /// Name where the protocol is JSON or REST-JSON.
    name: &'static str,
    json_status: u16,
    rest_status: u16,
    /// Name and status where the protocol is the query protocol.
    query: (&'static str, u16),
}

impl PlatformError {
    const fn new(
        variant: &'static str,
        namespace: &'static str,
        json_status: u16,
        rest_status: u16,
        query: (&'static str, u16),
    ) -> Self {
        Self {
            variant,
            namespace,
            name: variant,
            json_status,
            rest_status,
            query,
        }
    }

    /// Name and HTTP status in a protocol.
    fn answer(&self, protocol: Protocol) -> (&'static str, u16) {
        match protocol {
            Protocol::Json | Protocol::Rpc => (self.name, self.json_status),
            Protocol::Rest => (self.name, self.rest_status),
            Protocol::Query => self.query,
        }
    }
}

const CORAL: &str = "com.amazon.coral.service";

/// Errors that every service may answer, whatever its model names.
const PLATFORM_ERRORS: [PlatformError; 8] = [
    PlatformError::new(
        "AccessDeniedException",
        CORAL,
        400,
        403,
        ("AccessDenied", 403),
    ),
    PlatformError {
        name: "ValidationException",
        ..PlatformError::new(
            "ConstraintViolation",
            "com.amazon.coral.validate",
            400,
            400,
            ("ValidationError", 400),
        )
    },
    PlatformError::new("InternalFailure", CORAL, 500, 500, ("InternalFailure", 500)),
    PlatformError::new("NotImplemented", CORAL, 501, 501, ("NotImplemented", 501)),
    PlatformError::new(
        "SerializationException",
        CORAL,
        400,
        400,
        ("MalformedInput", 400),
    ),
    PlatformError::new(
        "ServiceUnavailable",
        CORAL,
        503,
        503,
        ("ServiceUnavailable", 503),
    ),
    PlatformError::new(
        "ThrottlingException",
        "com.amazon.coral.availability",
        400,
        429,
        ("Throttling", 400),
    ),
    PlatformError::new(
        "UnknownOperationException",
        CORAL,
        400,
        404,
        ("InvalidAction", 400),
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
    // A model may name one of the platform's errors itself.
    let platform: Vec<&PlatformError> = PLATFORM_ERRORS
        .iter()
        .filter(|error| modelled.iter().all(|(name, _)| *name != error.variant))
        .collect();
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
    for error in &platform {
        let (name, status) = error.answer(service.protocol);
        let (variant, namespace) = (error.variant, error.namespace);
        writeln!(out, "/// `{namespace}#{name}`, HTTP {status}.\n{variant},")?;
    }
    writeln!(out, "}}\n\nimpl Code for ErrorCode {{")?;
    writeln!(out, "const MALFORMED: Self = Self::SerializationException;")?;
    writeln!(out, "const VIOLATION: Self = Self::{};", service.violation)?;
    writeln!(
        out,
        "const UNKNOWN_OPERATION: Self = Self::UnknownOperationException;\n"
    )?;
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
            (name, modelled_name(service, name, shape)),
            service.error_namespace,
            shape.http_status_code.unwrap_or(400),
            Some(&message),
        )?;
    }
    for error in &platform {
        let (name, status) = error.answer(service.protocol);
        // AWS: a service that names its errors without a namespace names those of the platform so too.
        let namespace = match service.error_namespace {
            "" => "",
            _ => error.namespace,
        };
        fault(out, (error.variant, name), namespace, status, None)?;
    }
    writeln!(out, "}} }}\n")?;
    writeln!(
        out,
        "fn reply(error: &error::Error<Self>, request_id: &str) -> Reply {{"
    )?;
    let reply = match service.protocol {
        Protocol::Json | Protocol::Rpc => format!(
            "json_rpc::error_reply(error, {:?}, request_id)",
            service.content_type
        ),
        Protocol::Rest => "rest::error_reply(error, request_id)".to_owned(),
        Protocol::Query => "query::error_reply(error, XML_NAMESPACE, request_id)".to_owned(),
    };
    writeln!(out, "{reply} }} }}\n")?;
    if service.protocol == Protocol::Rpc {
        query_codes(out, &modelled, &platform)?;
    }
    constructors(out, &modelled, &platform)
}

/// What clients see. The query protocol has codes of its own, which the others carry in a header.
fn modelled_name<'a>(service: &Service, name: &'a str, shape: &'a Shape) -> &'a str {
    match service.protocol {
        Protocol::Rpc => name,
        _ => shape.error_code.as_deref().unwrap_or(name),
    }
}

fn query_codes(
    out: &mut String,
    modelled: &[(&String, &Shape)],
    platform: &[&PlatformError],
) -> Result<()> {
    writeln!(out, "impl ErrorCode {{")?;
    writeln!(out, "/// The code in the query protocol.")?;
    writeln!(
        out,
        "pub fn query_code(self) -> &'static str {{ match self {{"
    )?;
    for (name, shape) in modelled {
        let code = shape.error_code.as_deref().unwrap_or(name);
        writeln!(out, "Self::{name} => {code:?},")?;
    }
    for error in platform {
        writeln!(out, "Self::{} => {:?},", error.variant, error.query.0)?;
    }
    writeln!(out, "}} }} }}\n")?;
    Ok(())
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

fn constructors(
    out: &mut String,
    modelled: &[(&String, &Shape)],
    platform: &[&PlatformError],
) -> Result<()> {
    writeln!(out, "impl Error {{")?;
    let platform = platform.iter().map(|error| error.variant);
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
