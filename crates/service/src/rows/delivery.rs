//! Deliveries: what is to be brought where, when it is due, and how functions are invoked asynchronously.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Kind, Part, key};

/// A delivery without its payload.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeliveryRow {
    /// ARN of what it is brought to.
    pub(crate) target: String,
    pub(crate) stage: Stage,
    /// What the randomness of this delivery is drawn from.
    pub(crate) seed: [u8; 32],
    pub(crate) queued_ms: i64,
    pub(crate) due_ms: i64,
    pub(crate) payload_bytes: u64,
    /// Attempts that the target answered.
    pub(crate) answered: u32,
    /// Attempts that did not reach the target, one after the other.
    pub(crate) unreached: u32,
    /// Who sends it, for people.
    pub(crate) origin: String,
    pub(crate) message: MessageRow,
    /// `X-Amzn-Trace-Id` for a function or an execution.
    pub(crate) trace_header: Option<String>,
    /// Base64 of a JSON object, for a function.
    pub(crate) client_context: Option<String>,
}

/// How far a delivery is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Stage {
    /// It is brought to its target; the sender said how often and how long that is tried.
    Bring {
        retries_max: u32,
        age_max_ms: i64,
        dead_letter: Option<DeadLetterRow>,
    },
    /// An asynchronous invocation that the function's service has taken: the function's own configuration says how
    /// often and how long it is tried.
    Invoke { request_id: String },
}

/// Where a delivery goes that cannot be brought to its target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct DeadLetterRow {
    pub(crate) target: String,
    /// Attributes of the message beside those that say what went wrong.
    pub(crate) attributes: BTreeMap<String, String>,
}

/// What a queue, a topic or an event bus needs beside the payload.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct MessageRow {
    pub(crate) attributes: BTreeMap<String, String>,
    pub(crate) group_id: Option<String>,
    /// Source, detail type and resources of an event.
    pub(crate) event: Option<(String, String, Vec<String>)>,
}

/// Of all deliveries.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Counters {
    /// Number that the next delivery will get.
    pub(crate) next: u64,
    pub(crate) open: u64,
    pub(crate) payload_bytes: u64,
}

/// How a version or alias of a function is invoked asynchronously.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventInvokeRow {
    pub(crate) modified_ms: i64,
    pub(crate) retries_max: Option<i32>,
    pub(crate) age_max_seconds: Option<i32>,
    pub(crate) on_success: Option<String>,
    pub(crate) on_failure: Option<String>,
}

pub(crate) fn delivery_key(number: u64) -> Vec<u8> {
    key(Kind::Delivery, &[Part::Number(number)])
}

pub(crate) fn payload_key(number: u64) -> Vec<u8> {
    key(Kind::DeliveryPayload, &[Part::Number(number)])
}

pub(crate) fn counters_key() -> Vec<u8> {
    key(Kind::DeliveryCounters, &[])
}

/// - `qualifier`: a version, an alias or `$LATEST`.
pub(crate) fn event_invoke_key(function: &str, qualifier: &str) -> Vec<u8> {
    key(
        Kind::EventInvokeConfig,
        &[Part::Name(function), Part::Text(qualifier)],
    )
}

pub(crate) fn event_invokes_of(function: &str) -> Vec<u8> {
    key(Kind::EventInvokeConfig, &[Part::Name(function)])
}

/// The qualifier in a key of [`event_invoke_key`].
pub(crate) fn qualifier_in(key: &[u8]) -> Option<String> {
    let at = key.iter().position(|byte| *byte == 0)?;
    String::from_utf8(key.get(at + 1..)?.to_vec()).ok()
}
