//! The AWS wire of Stepwell: what a request must look like and what a reply looks like, to the byte.
//!
//! Lives here: the operations, shapes, constraints and errors of AWS Step Functions and AWS Lambda,
//! generated from the public service models (`model/*.json`, `cargo xtask codegen`); the catalogue of
//! what tasks may call; decoding of requests and building of replies; ARNs and resource names.
//!
//! Never here: behaviour of a service, durable state, sockets, threads, clocks, configuration.
//!
//! Read first: [`states::decode`].

mod constraint;
mod error;
mod generated;
mod json_rpc;
mod pattern;
mod reply;
mod rest;
mod scalar;

pub mod arn;
pub mod catalogue;

pub use constraint::{Location, Member, Shape, Text, Unit};
pub use error::{Code, Error, Fault};
pub use pattern::{Item, Node, Pattern};
pub use reply::Reply;
pub use scalar::{Blob, EpochSeconds};

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
    pub use crate::generated::states::*;
    pub use crate::json_rpc::{CONTENT_TYPE, TARGET_PREFIX, decode, operation, reply};
}

/// AWS Lambda: REST-JSON.
pub mod lambda {
    pub use crate::generated::lambda::*;
    pub use crate::rest::{CONTENT_TYPE, Route, Routed, decode, reply, route};
}
