//! What describing an execution says.

use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{Execution, Status};

use crate::rows::execution::OwnedExecutionRow;

/// AWS's name of a status.
pub(crate) fn status_name(status: Status) -> &'static str {
    match status {
        Status::Running => "RUNNING",
        Status::Succeeded => "SUCCEEDED",
        Status::Failed => "FAILED",
        Status::TimedOut => "TIMED_OUT",
        Status::Aborted => "ABORTED",
    }
}

/// The answer of StartSyncExecution for an execution that has ended.
///
/// AWS: HTTP 200 whatever the status; billing is at least 100 ms and 64 MB; `outputDetails` is there
/// even without an output.
pub(crate) fn sync_output(row: &OwnedExecutionRow) -> states::StartSyncExecutionOutput {
    let execution: &Execution = &row.execution;
    let identity = &execution.identity;
    let stopped_ms = execution.stopped_ms().unwrap_or(identity.started_ms);
    let duration_ms = (stopped_ms - identity.started_ms).max(0);
    states::StartSyncExecutionOutput {
        execution_arn: identity.arn.clone(),
        state_machine_arn: Some(identity.state_machine_arn.clone()),
        name: Some(identity.name.clone()),
        start_date: EpochSeconds::from_ms(identity.started_ms),
        stop_date: EpochSeconds::from_ms(stopped_ms),
        status: status_name(execution.status()).to_string(),
        error: execution.error().map(str::to_string),
        cause: execution.cause().map(str::to_string),
        input: Some(execution.input().payload().text().to_string()),
        input_details: Some(included(true)),
        output: execution
            .output()
            .map(|output| output.payload().text().to_string()),
        output_details: Some(included(true)),
        trace_header: row.trace_header.clone(),
        billing_details: Some(states::BillingDetails {
            billed_memory_used_in_mb: Some(64),
            // AWS: rounded up to the next 100 ms.
            billed_duration_in_milliseconds: Some((duration_ms.max(1) + 99) / 100 * 100),
        }),
    }
}

/// Whether a payload that there is was put into the answer.
pub(crate) fn included(is_included: bool) -> states::CloudWatchEventsExecutionDataDetails {
    states::CloudWatchEventsExecutionDataDetails {
        included: Some(is_included),
    }
}
