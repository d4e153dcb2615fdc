//! What describing an execution says.

use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{EventId, Execution, Status, Timestamp};
use stepwell_store::Error;

use crate::redrive;
use crate::rows::execution::OwnedExecutionRow;
use crate::rows::history::text_at;
use crate::staging::Rows;

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

/// The answer of DescribeExecution at `now`.
pub(crate) fn describe(
    rows: &dyn Rows,
    row: &OwnedExecutionRow,
    includes_data: bool,
    now: Timestamp,
) -> Result<states::DescribeExecutionOutput, Error> {
    let execution = &row.execution;
    let identity = &execution.identity;
    let text = |event: EventId| -> Result<Option<String>, Error> {
        if includes_data {
            text_at(rows, identity.number, event)
        } else {
            Ok(None)
        }
    };
    let output_event = execution.output().map(|_| execution.last_event());
    let output = output_event.map(text).transpose()?.flatten();
    let obstacle = redrive::obstacle(rows, row, now)?;
    let redrive_status = if obstacle.is_some() {
        states::execution_redrive_status::NOT_REDRIVABLE
    } else {
        states::execution_redrive_status::REDRIVABLE
    };
    Ok(states::DescribeExecutionOutput {
        execution_arn: identity.arn.clone(),
        state_machine_arn: identity.state_machine_arn.clone(),
        name: Some(identity.name.clone()),
        status: status_name(execution.status()).to_string(),
        start_date: EpochSeconds::from_ms(identity.started_ms),
        stop_date: execution.stopped_ms().map(EpochSeconds::from_ms),
        input: text(EventId(1))?,
        input_details: Some(included(includes_data)),
        output_details: output_event.map(|_| included(includes_data)),
        output,
        trace_header: row.trace_header.clone(),
        map_run_arn: None,
        error: execution.error().map(str::to_string),
        cause: execution.cause().map(str::to_string),
        state_machine_version_arn: row.version_arn.clone(),
        state_machine_alias_arn: row.alias_arn.clone(),
        redrive_count: Some(i32::try_from(row.redrive_count).unwrap_or(i32::MAX)),
        redrive_date: row.redriven_ms.map(EpochSeconds::from_ms),
        redrive_status: Some(redrive_status.to_string()),
        redrive_status_reason: obstacle.map(str::to_string),
    })
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
