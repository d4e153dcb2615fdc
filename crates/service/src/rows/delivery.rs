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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::{decode, encode};

    /// Rows of this release, byte for byte: a later one must read them.
    #[test]
    fn rows_that_were_written_are_read() {
        let row = DeliveryRow {
            target: "arn:t".to_string(),
            stage: Stage::Bring {
                retries_max: 185,
                age_max_ms: 86_400_000,
                dead_letter: Some(DeadLetterRow {
                    target: "arn:d".to_string(),
                    attributes: [("a".to_string(), "b".to_string())].into(),
                }),
            },
            seed: [7; 32],
            queued_ms: 1_700_000_000_000,
            due_ms: 1_700_000_001_000,
            payload_bytes: 2,
            answered: 1,
            unreached: 3,
            origin: "o".to_string(),
            message: MessageRow {
                attributes: BTreeMap::new(),
                group_id: Some("g".to_string()),
                event: Some(("s".to_string(), "d".to_string(), vec!["r".to_string()])),
            },
            trace_header: None,
            client_context: Some("c".to_string()),
        };
        let bytes = "010561726e3a7400b90180f0b2520105\
                     61726e3a64010161016207070707070707070707070707070707070707070707070707070707070707\
                     0780a0abfef962d0afabfef9620201\
                     03016f0001016701017301640101720001\
                     0163";
        assert_eq!(crate::rows::pack::hex_text(&encode(&row)), bytes);
        let read: DeliveryRow = decode(&[], &encode(&row)).expect("a row");
        assert_eq!(read, row);
        let invoke = Stage::Invoke {
            request_id: "i".to_string(),
        };
        assert_eq!(crate::rows::pack::hex_text(&encode(&invoke)), "01010169");
        let counters = Counters {
            next: 300,
            open: 2,
            payload_bytes: 1,
        };
        assert_eq!(
            crate::rows::pack::hex_text(&encode(&counters)),
            "01ac020201"
        );
    }
}
