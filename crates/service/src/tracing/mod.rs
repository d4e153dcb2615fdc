//! Tracing: which executions are traced, the headers of what they call, and the rules and groups of X-Ray.
//!
//! The decision whether an execution is sampled is made here, when it is opened: executions are opened by requests, by
//! schedules, by rules and by tasks, and only the shard sees them all. It depends on the rules, the instants and the
//! entropy of the commands, and on nothing else.

mod operations;
mod sampling;

pub(crate) use operations::{
    Resource, found_group, groups, resource, rules, shown_group, shown_rule,
};
pub use sampling::{Asked, DEFAULT_RULE, Sampler, default_rule};

use stepwell_engine::{Ticket, Timestamp};
use stepwell_store::Error;

use crate::rows::machine::Machine;
use crate::shard::Shard;

/// AWS: the type of the service that an execution is, as sampling rules name it.
const SERVICE_TYPE: &str = "AWS::StepFunctions::StateMachine";

/// Bytes of a header with root, parent and decision.
const HEADER_BYTES: usize = 82;

/// The id of the segment of an execution (`event` 0), or of the subsegment that begins with one of its events.
///
/// - Who releases a call and who writes the trace come to the same id, each by itself.
pub fn segment_id(execution: u64, started_ms: i64, event: u64) -> u64 {
    let mut mixed = mix(started_ms.cast_unsigned() ^ execution.rotate_left(32));
    mixed = mix(mixed ^ event);
    // An id of zeros is none for OpenTelemetry.
    mixed.max(1)
}

/// A bijection of 64 bits that spreads every one. Source: the finaliser of SplitMix64.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Bits for the decision and for the id of a trace. No secret: whoever is called sees the id.
///
/// - A hash would cost more than the rest of the header. What it tells of the entropy leaves 128 bits of it unknown, and
///   secrets are hashes of all of it.
fn trace_bits(entropy: &[u8; 32]) -> [u64; 3] {
    let words = entropy.as_chunks::<8>().0;
    let mut mixed = 0;
    let mut next = |word: &[u8; 8]| {
        mixed = mix(mixed ^ u64::from_be_bytes(*word));
        mixed
    };
    [next(&words[0]), next(&words[1]), next(&words[2])]
}

/// Whether a header says that its trace is kept.
///
/// - Asked of everything that happens, and mostly the last part says it.
pub fn is_sampled(header: &str) -> bool {
    match header.rsplit_once(';') {
        Some((_, "Sampled=1")) => true,
        Some((_, "Sampled=0")) => false,
        _ => parts(header).any(|part| part == "Sampled=1"),
    }
}

fn parts(header: &str) -> impl Iterator<Item = &str> {
    header
        .split(';')
        .map(str::trim)
        .filter(|part| !part.is_empty())
}

/// The low digits of a number, in hexadecimal.
fn push_hex(text: &mut String, number: u64, digits: u32) {
    for digit in (0..digits).rev() {
        let digit = (number >> (4 * digit)) as usize & 15;
        text.push(char::from(b"0123456789abcdef"[digit]));
    }
}

/// The header with another parent.
fn with_parent(header: &str, parent: u64) -> String {
    let mut made = String::with_capacity(header.len() + 24);
    for part in parts(header).filter(|part| !part.starts_with("Parent=")) {
        if part.starts_with("Sampled=") {
            made.push_str("Parent=");
            push_hex(&mut made, parent, 16);
            made.push(';');
        }
        made.push_str(part);
        made.push(';');
    }
    made.pop();
    made
}

/// The header for what must not be traced though its trace is: children of a map run.
///
/// AWS: X-Ray does not follow the children of a Distributed Map.
pub(crate) fn untraced(header: &str) -> String {
    header.replace("Sampled=1", "Sampled=0")
}

impl Shard {
    /// The trace header of an execution that is opened: the caller's, or one of its own if its state machine is traced.
    ///
    /// - `entropy`: of the command.
    pub(crate) fn trace_header(
        &mut self,
        now: Timestamp,
        machine: &Machine,
        given: Option<String>,
        entropy: &[u8; 32],
    ) -> Result<Option<String>, Error> {
        // AWS: who has called decides, if he has decided.
        let is_decided = given.as_deref().is_some_and(|given| {
            parts(given).any(|part| matches!(part, "Sampled=0" | "Sampled=1"))
        });
        if is_decided || !machine.tracing_enabled {
            return Ok(given);
        }
        let asked = Asked {
            resource_arn: &machine.arn,
            service_name: &machine.name,
            service_type: SERVICE_TYPE,
            host: "",
            http_method: "",
            url_path: "",
        };
        if self.sampling_rules.is_none() {
            self.sampling_rules = Some(rules(&self.staging)?);
        }
        let rules = self.sampling_rules.as_deref().unwrap_or_default();
        let [draw, high, low] = trace_bits(entropy);
        let is_sampled = self.sampler.samples(rules, now, &asked, draw);
        let given = given.unwrap_or_default();
        let mut header = String::with_capacity(HEADER_BYTES);
        match parts(&given).find(|part| part.starts_with("Root=")) {
            Some(root) => header.push_str(root),
            None => {
                let seconds = now.as_millis().cast_unsigned() / 1_000;
                header.push_str("Root=1-");
                push_hex(&mut header, seconds, 8);
                header.push('-');
                push_hex(&mut header, high, 8);
                push_hex(&mut header, low, 16);
            }
        }
        let kept = parts(&given)
            .filter(|part| part.starts_with("Parent=") || part.starts_with("Lineage="));
        for part in kept {
            header.push(';');
            header.push_str(part);
        }
        header.push_str(if is_sampled {
            ";Sampled=1"
        } else {
            ";Sampled=0"
        });
        Ok(Some(header))
    }

    /// The header that a call of an open task takes with it: its parent is the subsegment of the call.
    pub(crate) fn call_header(&self, number: u64, ticket: Ticket, header: &str) -> String {
        let event = self
            .residents
            .get(number)
            .filter(|_| is_sampled(header))
            .and_then(|resident| {
                let execution = &resident.row.execution;
                Some((
                    execution.scheduled_at(ticket)?,
                    execution.identity.started_ms,
                ))
            });
        match event {
            Some((event, started_ms)) => {
                with_parent(header, segment_id(number, started_ms, event.0))
            }
            None => header.to_owned(),
        }
    }
}

/// Puts a trace header into the request of a task that starts an execution, if it has none.
pub(crate) fn put_header(body: &mut String, header: &str) {
    let Ok(serde_json::Value::Object(mut members)) = serde_json::from_str(body) else {
        return;
    };
    if !members.contains_key("traceHeader") {
        members.insert("traceHeader".to_owned(), header.into());
        *body = serde_json::Value::Object(members).to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = "Root=1-5759e988-bd862e3fe1be46a994272793";

    #[test]
    fn a_call_has_a_parent_of_its_own_and_keeps_the_rest() {
        let made = with_parent(
            &format!("{ROOT};Parent=53995c3f42cd8ad8;Sampled=1;Lineage=a:1"),
            255,
        );
        assert_eq!(
            made,
            format!("{ROOT};Parent=00000000000000ff;Sampled=1;Lineage=a:1")
        );
        let made = with_parent(&format!("{ROOT}; Sampled=1"), 1);
        assert_eq!(made, format!("{ROOT};Parent=0000000000000001;Sampled=1"));
        assert!(is_sampled(&made) && !is_sampled(&untraced(&made)));
    }

    #[test]
    fn ids_differ_between_executions_starts_and_events() {
        let ids: std::collections::BTreeSet<u64> = (0..20)
            .flat_map(|execution| (0..20).map(move |event| (execution, event)))
            .flat_map(|(execution, event)| (0..5).map(move |ms| segment_id(execution, ms, event)))
            .collect();
        assert_eq!(ids.len(), 20 * 20 * 5);
        assert_eq!(segment_id(7, 1, 2), segment_id(7, 1, 2));
    }

    #[test]
    fn a_start_that_has_a_header_keeps_it() {
        let mut body = "{\"stateMachineArn\":\"arn\",\"input\":\"{}\"}".to_owned();
        put_header(&mut body, ROOT);
        assert!(
            body.ends_with(&format!("\"traceHeader\":\"{ROOT}\"}}")),
            "{body}"
        );
        let before = body.clone();
        put_header(&mut body, "another");
        assert_eq!(body, before);
    }
}
