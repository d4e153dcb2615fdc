//! API errors: one closed set of codes a service, one shape on the wire a protocol.

use std::fmt;

use serde_json::{Map, Value};

use crate::Reply;

/// A closed set of error codes; generated for each service.
pub trait Code: Copy + fmt::Debug + 'static {
    /// A request that cannot be read.
    const MALFORMED: Self;
    /// A request that breaks a constraint of the model.
    const VIOLATION: Self;
    /// A request for an operation that the service does not have.
    const UNKNOWN_OPERATION: Self;

    /// What the model says about the code.
    fn fault(self) -> &'static Fault;

    /// The protocol's error reply.
    fn reply(error: &Error<Self>, request_id: &str) -> Reply;
}

/// What the model says about an error code.
#[derive(Debug)]
pub struct Fault {
    /// The name clients see, `StateMachineDoesNotExist`.
    pub name: &'static str,
    /// What stands before `#` in `__type`; may be empty.
    pub namespace: &'static str,
    /// HTTP status.
    pub status: u16,
    /// Whether the service's model names the error; the others are the platform's.
    pub modelled: bool,
    /// How the model spells the message member: `message` or `Message`.
    pub message_member: &'static str,
}

/// An error answer of a service: a code of its closed set, the text AWS gives, and further members.
#[derive(Clone, PartialEq, Eq)]
pub struct Error<C> {
    /// Which error.
    pub code: C,
    /// The text the client sees.
    pub message: String,
    /// Members beyond the message, as the model names them.
    pub members: Vec<(&'static str, String)>,
    /// Response headers beyond the protocol's own; names are lower case.
    pub headers: Vec<(&'static str, String)>,
}

impl<C: Code> Error<C> {
    /// An error with a code and its text, no further members.
    pub fn new(code: C, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            members: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// The name clients see, `StateMachineDoesNotExist`.
    pub fn name(&self) -> &'static str {
        self.code.fault().name
    }

    /// HTTP status of the reply.
    pub fn status(&self) -> u16 {
        self.code.fault().status
    }

    /// `NAMESPACE#NAME`, as JSON carries it in `__type`; the bare name where the service has no namespace.
    pub fn type_name(&self) -> String {
        let fault = self.code.fault();
        match fault.namespace {
            "" => fault.name.to_owned(),
            namespace => format!("{namespace}#{}", fault.name),
        }
    }

    /// The HTTP reply in the protocol of the service.
    pub fn reply(&self, request_id: &str) -> Reply {
        C::reply(self, request_id)
    }

    pub(crate) fn body(&self, mut body: Map<String, Value>, message_member: &str) -> Vec<u8> {
        body.insert(
            message_member.to_owned(),
            Value::String(self.message.clone()),
        );
        for (name, value) in &self.members {
            body.insert((*name).to_owned(), Value::String(value.clone()));
        }
        Value::Object(body).to_string().into_bytes()
    }
}

impl<C: Code> fmt::Debug for Error<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message)?;
        self.members
            .iter()
            .try_for_each(|(name, value)| write!(f, " [{name}: {value}]"))
    }
}

impl<C: Code> fmt::Display for Error<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name(), self.message)
    }
}

impl<C: Code> std::error::Error for Error<C> {}
