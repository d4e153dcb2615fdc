//! A history event as the log event that Step Functions delivers: a pure function.

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use stepwell_api::DateTime;
use stepwell_api::states::{HistoryEvent, LoggingConfiguration};

use crate::encoding::hex;

/// Bytes of a payload in a log event. AWS: what is longer is cut off and marked as truncated.
const PAYLOAD_BYTES_MAX: usize = 248 << 10;

/// AWS: the stream that setting a destination up leaves behind.
pub const VALIDATION_STREAM: &str =
    "log_stream_created_by_aws_to_validate_log_delivery_subscriptions";

/// AWS: the only event of that stream.
pub const VALIDATION_MESSAGE: &str = "Permissions are set correctly to allow AWS CloudWatch Logs to write into your logs while creating a subscription.";

/// Which events a state machine logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    All,
    Error,
    Fatal,
}

impl Level {
    /// The level of a configuration; `None` where nothing is logged.
    pub fn of(logging: &LoggingConfiguration) -> Option<Level> {
        match logging.level.as_deref() {
            Some("ALL") => Some(Level::All),
            Some("ERROR") => Some(Level::Error),
            Some("FATAL") => Some(Level::Fatal),
            _ => None,
        }
    }

    /// Whether an event of this type is logged. Source: the table of log levels in AWS's documentation.
    pub fn logs(self, event_type: &str) -> bool {
        let is_fatal = matches!(
            event_type,
            "ExecutionAborted" | "ExecutionFailed" | "ExecutionTimedOut"
        );
        match self {
            Level::All => true,
            Level::Fatal => is_fatal,
            Level::Error => {
                is_fatal
                    || event_type == "FailStateEntered"
                    || ["Failed", "TimedOut", "Aborted"]
                        .iter()
                        .any(|end| event_type.ends_with(end))
            }
        }
    }
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub execution_arn: &'a str,
    pub redrive_count: u32,
    /// `includeExecutionData`: without it payloads are left out; errors and causes stay.
    pub includes_data: bool,
}

/// The message of the log event for a history event.
///
/// - AWS: names in snake case around the event, its details as the API has them, numbers of the event as texts.
pub fn execution_log(event: &HistoryEvent, source: Source) -> String {
    let text = |number: i64| number.to_string();
    json!({
        "id": text(event.id),
        "type": event.r#type,
        "details": details(event, source.includes_data),
        "previous_event_id": text(event.previous_event_id.unwrap_or_default()),
        "event_timestamp": text(event.timestamp.ms()),
        "execution_arn": source.execution_arn,
        "redrive_count": source.redrive_count.to_string(),
    })
    .to_string()
}

/// The one member of an event that says what happened; empty where its type says it all.
fn details(event: &HistoryEvent, includes_data: bool) -> Map<String, Value> {
    let Ok(Value::Object(event)) = serde_json::to_value(event) else {
        unreachable!("a generated shape is a JSON object");
    };
    let found = event
        .into_iter()
        .find(|(name, _)| name.ends_with("EventDetails"));
    let Some((_, Value::Object(mut details))) = found else {
        return Map::new();
    };
    for payload in ["input", "output", "parameters"] {
        let has_details = format!("{payload}Details");
        if !includes_data {
            details.shift_remove(payload);
            details.shift_remove(&has_details);
        } else if let Some(Value::String(text)) = details.get_mut(payload)
            && text.len() > PAYLOAD_BYTES_MAX
        {
            text.truncate(text.floor_char_boundary(PAYLOAD_BYTES_MAX));
            details.insert(has_details, json!({ "truncated": true }));
        }
    }
    if !includes_data {
        details.shift_remove("assignedVariables");
        details.shift_remove("assignedVariablesDetails");
    }
    details
}

/// The log stream of a state machine's executions: `states/NAME/YYYY-MM-DD-HH-MM/8 hex digits`.
///
/// - `since_ms`: when the state machine was created. AWS begins a stream now and then; here a state machine has one.
pub fn stream_name(state_machine_name: &str, state_machine_arn: &str, since_ms: i64) -> String {
    let (year, month, day, hour, minute) = DateTime::from_ms(since_ms).minute();
    let mut hash = Sha256::new();
    hash.update(state_machine_arn);
    hash.update(since_ms.to_be_bytes());
    let id = hex(&hash.finalize()[..4]);
    format!("states/{state_machine_name}/{year:04}-{month:02}-{day:02}-{hour:02}-{minute:02}/{id}")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use stepwell_api::EpochSeconds;
    use stepwell_api::states::{
        ExecutionFailedEventDetails, HistoryEventExecutionDataDetails, StateEnteredEventDetails,
        TaskScheduledEventDetails,
    };

    use super::*;

    #[track_caller]
    fn check(event: HistoryEvent, includes_data: bool, expected: Expect) {
        let event = HistoryEvent {
            timestamp: EpochSeconds::from_ms(1_700_000_000_123),
            id: 2,
            previous_event_id: Some(0),
            ..event
        };
        let source = Source {
            execution_arn: "arn:e",
            redrive_count: 0,
            includes_data,
        };
        expected.assert_eq(&execution_log(&event, source));
    }

    fn entered(input: &str) -> HistoryEvent {
        HistoryEvent {
            r#type: "PassStateEntered".to_string(),
            state_entered_event_details: Some(StateEnteredEventDetails {
                name: "A".to_string(),
                input: Some(input.to_string()),
                input_details: Some(HistoryEventExecutionDataDetails {
                    truncated: Some(false),
                }),
            }),
            ..Default::default()
        }
    }

    #[test]
    fn numbers_around_the_details_are_texts() {
        check(
            entered("{}"),
            true,
            expect![[
                r#"{"id":"2","type":"PassStateEntered","details":{"name":"A","input":"{}","inputDetails":{"truncated":false}},"previous_event_id":"0","event_timestamp":"1700000000123","execution_arn":"arn:e","redrive_count":"0"}"#
            ]],
        );
    }

    #[test]
    fn without_execution_data_payloads_go_and_errors_stay() {
        check(
            entered("{}"),
            false,
            expect![[
                r#"{"id":"2","type":"PassStateEntered","details":{"name":"A"},"previous_event_id":"0","event_timestamp":"1700000000123","execution_arn":"arn:e","redrive_count":"0"}"#
            ]],
        );
        let failed = HistoryEvent {
            r#type: "ExecutionFailed".to_string(),
            execution_failed_event_details: Some(ExecutionFailedEventDetails {
                error: Some("E".to_string()),
                cause: Some("C".to_string()),
            }),
            ..Default::default()
        };
        check(
            failed,
            false,
            expect![[
                r#"{"id":"2","type":"ExecutionFailed","details":{"error":"E","cause":"C"},"previous_event_id":"0","event_timestamp":"1700000000123","execution_arn":"arn:e","redrive_count":"0"}"#
            ]],
        );
        let scheduled = HistoryEvent {
            r#type: "TaskScheduled".to_string(),
            task_scheduled_event_details: Some(TaskScheduledEventDetails {
                resource_type: "lambda".to_string(),
                resource: "invoke".to_string(),
                region: "r".to_string(),
                parameters: "secret".to_string(),
                ..Default::default()
            }),
            ..Default::default()
        };
        check(
            scheduled,
            false,
            expect![[
                r#"{"id":"2","type":"TaskScheduled","details":{"resourceType":"lambda","resource":"invoke","region":"r"},"previous_event_id":"0","event_timestamp":"1700000000123","execution_arn":"arn:e","redrive_count":"0"}"#
            ]],
        );
    }

    #[test]
    fn an_event_without_details_has_empty_ones() {
        let started = HistoryEvent {
            r#type: "LambdaFunctionStarted".to_string(),
            ..Default::default()
        };
        check(
            started,
            true,
            expect![[
                r#"{"id":"2","type":"LambdaFunctionStarted","details":{},"previous_event_id":"0","event_timestamp":"1700000000123","execution_arn":"arn:e","redrive_count":"0"}"#
            ]],
        );
    }

    #[test]
    fn a_payload_over_248_kib_is_cut_at_a_character_and_marked() {
        let event = entered(&"é".repeat(PAYLOAD_BYTES_MAX));
        let details = details(&event, true);
        let input = details["input"].as_str().expect("a text");
        assert_eq!(input.len(), PAYLOAD_BYTES_MAX);
        assert_eq!(details["inputDetails"], json!({ "truncated": true }));
    }

    #[test]
    fn each_level_logs_what_the_next_one_logs_and_more() {
        let logged = |level: Level| -> Vec<&str> {
            [
                "ExecutionStarted",
                "FailStateEntered",
                "LambdaFunctionFailed",
                "TaskSubmitFailed",
                "TaskTimedOut",
                "MapIterationAborted",
                "EvaluationFailed",
                "ExecutionTimedOut",
                "ExecutionSucceeded",
            ]
            .into_iter()
            .filter(|event_type| level.logs(event_type))
            .collect()
        };
        assert_eq!(logged(Level::All).len(), 9);
        assert_eq!(logged(Level::Error).len(), 7);
        assert_eq!(logged(Level::Fatal), ["ExecutionTimedOut"]);
    }

    #[test]
    fn a_stream_is_named_after_its_state_machine_and_minute() {
        let name = stream_name("m", "arn:m", 1_700_000_000_123);
        assert!(name.starts_with("states/m/2023-11-14-22-13/"), "{name}");
        assert_eq!(name.len(), "states/m/2023-11-14-22-13/".len() + 8);
    }
}
