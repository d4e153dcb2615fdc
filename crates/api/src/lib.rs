//! The AWS wire of Stepwell: what a request must look like and what a reply looks like, to the byte.
//!
//! Lives here: the operations, shapes, constraints and errors of AWS Step Functions, AWS Lambda and their
//! small companions (IAM, STS, CloudWatch and its Logs, EventBridge and its Scheduler, API Gateway), generated from the public service models
//! (`model/*.json`, `cargo xtask codegen`); the catalogue of what tasks may call; decoding of requests
//! and building of replies; signatures; ARNs and resource names.
//!
//! Never here: behaviour of a service, durable state, sockets, threads, clocks, configuration.
//!
//! Read first: [`states::decode`].

pub mod cbor;
pub mod cloudwatch;
mod constraint;
mod error;
mod generated;
mod hexadecimal;
mod json_rpc;
mod pattern;
mod query;
mod reply;
mod rest;
mod scalar;
mod tree;

pub mod arn;
pub mod catalogue;
pub mod event_stream;
pub mod services;
pub mod sigv4;

pub use constraint::{Location, Member, Shape, Text, Unit};
pub use error::{Code, Error, Fault};
pub use hexadecimal::{hex, unhex};
pub use pattern::{Item, Node, Pattern};
pub use query::Form;
pub use reply::Reply;
pub use rest::{Operations, Route, Routed};
pub use scalar::{Blob, DateTime, EpochSeconds};

/// A generated input shape: knows its constraints, so that [`states::decode`] and
/// [`lambda::decode`] need only its type.
pub trait Input: serde::de::DeserializeOwned {
    /// The constraints of the shape.
    const SHAPE: &'static Shape;

    /// Takes the raw HTTP body where the model binds a member to it (Lambda's `Invoke`).
    fn set_payload(&mut self, _payload: Vec<u8>) {}
}

/// A generated output shape of a REST operation: knows which members are not in the body.
pub trait Output: serde::Serialize {
    /// HTTP status carried by a member, overruling the operation's own.
    fn status(&self) -> Option<u16> {
        None
    }

    /// Members that the model binds to response headers; names are lower case.
    fn headers(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The raw HTTP body where the model binds a member to it; `None` means a JSON body.
    fn payload(&self) -> Option<&[u8]> {
        None
    }
}

/// AWS Step Functions: AWS JSON 1.0 over `POST /`.
pub mod states {
    use crate::json_rpc;

    pub use crate::generated::states::*;

    /// `Content-Type` of every request and reply.
    pub const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

    /// What stands before the operation in `X-Amz-Target`.
    pub const TARGET_PREFIX: &str = "AWSStepFunctions.";

    /// The operation an `X-Amz-Target` header names.
    ///
    /// - Errors: `UnknownOperationException` naming the header's value, also for a missing header.
    pub fn operation(target: Option<&str>) -> Result<Operation, Error> {
        json_rpc::operation(target, TARGET_PREFIX, Operation::from_name)
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
    pub fn decode<T: crate::Input>(body: &[u8]) -> Result<T, Error> {
        json_rpc::decode(body)
    }

    /// HTTP 200 with the output as body.
    ///
    /// - `request_id`: goes out as `x-amzn-RequestId`.
    pub fn reply(request_id: &str, output: &impl serde::Serialize) -> crate::Reply {
        json_rpc::reply(CONTENT_TYPE, request_id, output)
    }
}

/// What the module of a REST-JSON service has beside its shapes: how a request finds its operation.
macro_rules! routed {
    () => {
        /// A request of which only the body has not been read.
        pub type Routed = crate::rest::Routed<Operation>;

        /// The operation that a method and a request target (`/path?query`) name.
        ///
        /// - Errors: `UnknownOperationException` (HTTP 404) naming both.
        pub fn route(method: &str, target: &str) -> Result<Routed, Error> {
            crate::rest::route(method, target)
        }
    };
}

/// AWS Lambda: REST-JSON.
pub mod lambda {
    pub use crate::generated::lambda::*;
    pub use crate::rest::{CONTENT_TYPE, decode, decode_members, reply, reply_written};

    routed!();
}

/// Amazon EventBridge Scheduler: REST-JSON.
pub mod scheduler {
    pub use crate::generated::scheduler::*;
    pub use crate::rest::{CONTENT_TYPE, decode, reply};

    routed!();
}

/// Amazon API Gateway, REST APIs: REST-JSON.
pub mod apigateway {
    pub use crate::generated::apigateway::*;
    pub use crate::rest::{CONTENT_TYPE, decode, reply};

    routed!();
}

/// Amazon API Gateway, HTTP APIs: REST-JSON.
pub mod apigatewayv2 {
    pub use crate::generated::apigatewayv2::*;
    pub use crate::rest::{CONTENT_TYPE, decode, reply};

    routed!();
}

/// AWS X-Ray: REST-JSON.
pub mod xray {
    pub use crate::generated::xray::*;
    pub use crate::rest::{CONTENT_TYPE, decode, reply};

    routed!();
}

/// Amazon EventBridge: AWS JSON 1.1 over `POST /`.
pub mod events {
    use crate::json_rpc;

    pub use crate::generated::events::*;

    /// `Content-Type` of every request and reply.
    pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

    /// What stands before the operation in `X-Amz-Target`.
    pub const TARGET_PREFIX: &str = "AWSEvents.";

    /// The operation an `X-Amz-Target` header names; errors as [`crate::states::operation`].
    pub fn operation(target: Option<&str>) -> Result<Operation, Error> {
        json_rpc::operation(target, TARGET_PREFIX, Operation::from_name)
    }

    /// The input of an operation, with every constraint of the model checked.
    ///
    /// - Errors: `SerializationException`, then `ValidationException`, as [`crate::states::decode`].
    pub fn decode<T: crate::Input>(body: &[u8]) -> Result<T, Error> {
        json_rpc::decode(body)
    }

    /// HTTP 200 with the output as body.
    pub fn reply(request_id: &str, output: &impl serde::Serialize) -> crate::Reply {
        json_rpc::reply(CONTENT_TYPE, request_id, output)
    }
}

/// Amazon CloudWatch Logs: AWS JSON 1.1 over `POST /`.
pub mod logs {
    use crate::json_rpc;

    pub use crate::generated::logs::*;

    /// `Content-Type` of every request and reply.
    pub const CONTENT_TYPE: &str = "application/x-amz-json-1.1";

    /// What stands before the operation in `X-Amz-Target`.
    pub const TARGET_PREFIX: &str = "Logs_20140328.";

    /// The operation an `X-Amz-Target` header names; errors as [`crate::states::operation`].
    pub fn operation(target: Option<&str>) -> Result<Operation, Error> {
        json_rpc::operation(target, TARGET_PREFIX, Operation::from_name)
    }

    /// The input of an operation, with every constraint of the model checked.
    ///
    /// - Errors: `SerializationException`, then `InvalidParameterException`, as [`crate::states::decode`].
    pub fn decode<T: crate::Input>(body: &[u8]) -> Result<T, Error> {
        json_rpc::decode(body)
    }

    /// HTTP 200 with the output as body.
    pub fn reply(request_id: &str, output: &impl serde::Serialize) -> crate::Reply {
        json_rpc::reply(CONTENT_TYPE, request_id, output)
    }
}

/// AWS Identity and Access Management: the query protocol over `POST /`.
pub mod iam {
    use crate::{Form, Input, Reply, query};

    pub use crate::generated::iam::*;

    /// The operation that a form names; errors: `InvalidAction`.
    pub fn operation(form: &Form) -> Result<Operation, Error> {
        query::operation(form, VERSION, Operation::from_name)
    }

    /// The input of an operation, with every constraint of the model checked; errors: `ValidationError`.
    pub fn decode<T: Input>(form: &Form) -> Result<T, Error> {
        query::decode(form)
    }

    /// HTTP 200 with the members of `output`; `Null` where the operation has no output.
    pub fn reply(operation: Operation, request_id: &str, output: &serde_json::Value) -> Reply {
        query::reply(operation.name(), XML_NAMESPACE, request_id, output)
    }
}

/// AWS Security Token Service: the query protocol over `POST /`.
pub mod sts {
    use crate::{Form, Input, Reply, query};

    pub use crate::generated::sts::*;

    /// The operation that a form names; errors: `InvalidAction`.
    pub fn operation(form: &Form) -> Result<Operation, Error> {
        query::operation(form, VERSION, Operation::from_name)
    }

    /// The input of an operation, with every constraint of the model checked; errors: `ValidationError`.
    pub fn decode<T: Input>(form: &Form) -> Result<T, Error> {
        query::decode(form)
    }

    /// HTTP 200 with the members of `output`.
    pub fn reply(operation: Operation, request_id: &str, output: &serde_json::Value) -> Reply {
        query::reply(operation.name(), XML_NAMESPACE, request_id, output)
    }
}
