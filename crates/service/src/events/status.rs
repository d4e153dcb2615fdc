//! Status changes of executions, as events on the default bus.
//!
//! AWS: "Step Functions Execution Status Change", of Standard executions alone ("Automating Step Functions event
//! delivery with EventBridge").

use serde_json::{Value, json};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{Mode, Timestamp};
use stepwell_store::Error;

use super::publish::PublishedEvent;
use super::{DEFAULT_BUS, derived};
use crate::listing::{describe, included, status_name};
use crate::redrive::IS_RUNNING;
use crate::residents::Resident;
use crate::shard::{Done, Shard};

const SOURCE: &str = "aws.states";
const DETAIL_TYPE: &str = "Step Functions Execution Status Change";

/// Bytes of input and output as JSON texts. AWS: more together, and the input is left out; more of the output alone,
/// and the output is.
const PAYLOAD_BYTES_MAX: usize = 248 << 10;

/// What becomes of an execution.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum StatusChange {
    /// It begins, or goes on after a redrive. Its row may be further: one transition may begin and end it.
    Running,
    /// As its row says.
    Ended,
    /// A child of a map run has waited since then for its redrive.
    PendingRedrive(Timestamp),
}

impl Shard {
    /// Tells the rules of the default bus of a change, in the commit in which it happens.
    ///
    /// Where no rule may want it, this is one comparison.
    pub(crate) fn publish_status(
        &mut self,
        now: Timestamp,
        resident: &Resident,
        change: StatusChange,
    ) -> Done<()> {
        let identity = &resident.row.execution.identity;
        if identity.mode != Mode::Standard || !self.wants_status()? {
            return Ok(());
        }
        let (status, time) = match change {
            StatusChange::Running => (states::execution_status::RUNNING, now),
            StatusChange::Ended => (status_name(resident.row.execution.status()), now),
            StatusChange::PendingRedrive(since) => {
                (states::execution_status::PENDING_REDRIVE, since)
            }
        };
        let known = json!({
            "source": SOURCE,
            "detail-type": DETAIL_TYPE,
            "resources": [identity.arn],
            "detail": {
                "executionArn": identity.arn,
                "stateMachineArn": identity.state_machine_arn,
                "name": identity.name,
                "status": status,
            },
        });
        let rules = self.compiled_rules(DEFAULT_BUS)?;
        if !rules.iter().any(|(pattern, _)| pattern.may_match(&known)) {
            return Ok(());
        }
        let seen = format!("status {} {status}", resident.row.execution.last_event().0);
        let event = PublishedEvent {
            id: crate::uuid(&derived(&identity.seed, seen.as_bytes())),
            source: SOURCE.to_string(),
            detail_type: DETAIL_TYPE.to_string(),
            time_ms: time.as_millis(),
            resources: vec![identity.arn.clone()],
            detail: self.status_detail(now, resident, change, status)?,
            trace_header: resident.row.trace_header.clone(),
        };
        self.hand_on_at_once(now, DEFAULT_BUS, event)
    }

    fn wants_status(&mut self) -> Result<bool, Error> {
        if let Some(wants_status) = self.compiled.wants_status {
            return Ok(wants_status);
        }
        let known = json!({ "source": SOURCE, "detail-type": DETAIL_TYPE });
        let rules = self.compiled_rules(DEFAULT_BUS)?;
        let wants_status = rules.iter().any(|(pattern, _)| pattern.may_match(&known));
        self.compiled.wants_status = Some(wants_status);
        Ok(wants_status)
    }

    fn status_detail(
        &self,
        now: Timestamp,
        resident: &Resident,
        change: StatusChange,
        status: &str,
    ) -> Result<Value, Error> {
        let mut described = describe(&self.staging, &resident.row, true, now)?;
        if change == StatusChange::Running {
            described = running(described);
        }
        let redrive_status = match (resident.child_of, &described.redrive_status_reason) {
            (Some(_), None) => Some(states::execution_redrive_status::REDRIVABLE_BY_MAP_RUN),
            _ => described.redrive_status.as_deref(),
        };
        let ms = |instant: Option<EpochSeconds>| instant.map(EpochSeconds::ms);
        let output_bytes = described.output.as_deref().map_or(0, escaped_bytes);
        let input_bytes = described.input.as_deref().map_or(0, escaped_bytes);
        let has_input = input_bytes + output_bytes <= PAYLOAD_BYTES_MAX;
        let has_output = output_bytes <= PAYLOAD_BYTES_MAX;
        let output_details = described.output.as_ref().map(|_| included(has_output));
        // AWS: members without a value are there, as null.
        Ok(json!({
            "executionArn": described.execution_arn,
            "stateMachineArn": described.state_machine_arn,
            "stateMachineVersionArn": described.state_machine_version_arn,
            "stateMachineAliasArn": described.state_machine_alias_arn,
            "name": described.name,
            "status": status,
            "startDate": described.start_date.ms(),
            "stopDate": ms(described.stop_date),
            "input": described.input.filter(|_| has_input),
            "inputDetails": included(has_input),
            "output": described.output.filter(|_| has_output),
            "outputDetails": output_details,
            "error": described.error,
            "cause": described.cause,
            "redriveCount": described.redrive_count,
            "redriveDate": ms(described.redrive_date),
            "redriveStatus": redrive_status,
            "redriveStatusReason": described.redrive_status_reason,
        }))
    }
}

/// An execution as it was when it began to run.
fn running(described: states::DescribeExecutionOutput) -> states::DescribeExecutionOutput {
    states::DescribeExecutionOutput {
        stop_date: None,
        output: None,
        output_details: None,
        error: None,
        cause: None,
        redrive_status: Some(states::execution_redrive_status::NOT_REDRIVABLE.to_string()),
        redrive_status_reason: Some(IS_RUNNING.to_string()),
        ..described
    }
}

/// Bytes of a text as a JSON string.
fn escaped_bytes(text: &str) -> usize {
    let more = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 8 | 12 => 1,
        0..0x20 => 5,
        _ => 0,
    });
    text.len() + more.sum::<usize>()
}
