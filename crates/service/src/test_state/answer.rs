//! What a test tells: status, output or error, and the inspection data of its level.

use stepwell_api::states::{self, test_execution_status as status};
use stepwell_engine::{DataStage, Ending, StateTest};

/// `inspectionLevel`.
///
/// `TRACE` adds the request and the response of an HTTP Task to what `DEBUG` tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Info,
    Debug,
    Trace,
}

impl Level {
    pub(super) fn of(text: Option<&str>) -> Level {
        match text {
            Some(states::inspection_level::DEBUG) => Level::Debug,
            Some(states::inspection_level::TRACE) => Level::Trace,
            _ => Level::Info,
        }
    }
}

pub(super) fn output(test: &StateTest, level: Level, ending: Ending) -> states::TestStateOutput {
    let inspection_data = (level != Level::Info).then(|| inspection_data(test));
    let told = match ending {
        Ending::Succeeded { output, next } => states::TestStateOutput {
            status: Some(status::SUCCEEDED.to_string()),
            output: Some(output.text().to_string()),
            next_state: next,
            ..Default::default()
        },
        Ending::Caught {
            output,
            next,
            error,
            cause,
        } => states::TestStateOutput {
            status: Some(status::CAUGHT_ERROR.to_string()),
            output: Some(output.text().to_string()),
            next_state: next,
            error,
            cause,
            ..Default::default()
        },
        Ending::Retriable { error, cause } => states::TestStateOutput {
            status: Some(status::RETRIABLE.to_string()),
            error,
            cause,
            ..Default::default()
        },
        Ending::Failed { error, cause } => states::TestStateOutput {
            status: Some(status::FAILED.to_string()),
            error,
            cause,
            ..Default::default()
        },
    };
    states::TestStateOutput {
        inspection_data,
        ..told
    }
}

/// AWS: a stage that the state does not have, or did not reach, is absent; DEBUG and TRACE differ for HTTP
/// Tasks only (recorded for every state type).
fn inspection_data(test: &StateTest) -> states::InspectionData {
    let stage = |stage| test.stage(stage).map(|payload| payload.text().to_string());
    let limits = test.map_limits();
    let variables = test.variables();
    states::InspectionData {
        input: Some(test.input().text().to_string()),
        after_arguments: stage(DataStage::AfterArguments),
        after_input_path: stage(DataStage::AfterInputPath),
        after_parameters: stage(DataStage::AfterParameters),
        result: stage(DataStage::Result),
        after_result_selector: stage(DataStage::AfterResultSelector),
        after_result_path: stage(DataStage::AfterResultPath),
        after_items_path: stage(DataStage::AfterItemsPath),
        after_items_pointer: stage(DataStage::AfterItemsPointer),
        after_item_selector: stage(DataStage::AfterItemSelector),
        after_item_batcher: stage(DataStage::AfterItemBatcher),
        variables: (!variables.is_empty())
            .then(|| serde_json::to_string(&variables).expect("variables have text keys only")),
        error_details: error_details(test),
        tolerated_failure_count: limits
            .and_then(|limits| limits.tolerated_failure_count)
            .map(whole),
        tolerated_failure_percentage: limits
            .and_then(|limits| limits.tolerated_failure_percentage)
            .map(|percentage| percentage as f32),
        max_concurrency: limits.map(|limits| whole(limits.max_concurrency)),
        request: None,
        response: None,
    }
}

/// AWS: absent where no retrier and no catcher names the error (recorded).
fn error_details(test: &StateTest) -> Option<states::InspectionErrorDetails> {
    let (retry, catch) = (test.retry_index(), test.catch_index());
    if retry.is_none() && catch.is_none() {
        return None;
    }
    let index = |index: usize| whole(index as u64);
    Some(states::InspectionErrorDetails {
        catch_index: catch.map(index),
        retry_index: retry.map(index),
        // AWS: whole seconds.
        retry_backoff_interval_seconds: test
            .retry_backoff_ms()
            .map(|backoff_ms| whole(backoff_ms.unsigned_abs() / 1_000)),
    })
}

fn whole(number: u64) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
