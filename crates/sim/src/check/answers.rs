//! Every task got the answer that was given to it, and an attempt that began ended once.

use std::collections::BTreeMap;

use serde_json::Value;
use stepwell_api::states::HistoryEvent;

use super::Wrong;
use crate::definitions::{LOST_ERRORS, Reply, reply};

/// Answers to one attempt that are tried: a function that fails a few times is asked at most this often before it is good.
const ASKED_MAX: u32 = 4;

/// What a history says of one attempt.
#[derive(Debug, Default)]
struct Attempt<'h> {
    resource: String,
    input: Value,
    /// Whether the answer comes in Lambda's reply.
    is_wrapped: bool,
    /// Nobody outside answers it: a call of Step Functions itself.
    is_own: bool,
    end: Option<&'h HistoryEvent>,
}

/// Checks each attempt of a history against what was answered to its call.
pub fn answers(arn: &str, events: &[HistoryEvent]) -> Result<(), Wrong> {
    // By the last event of each attempt's chain.
    let mut open: BTreeMap<i64, Attempt<'_>> = BTreeMap::new();
    for event in events {
        let name = event.r#type.as_str();
        if let Some(attempt) = scheduled(event) {
            open.insert(event.id, attempt);
            continue;
        }
        let goes_on = matches!(
            name,
            "LambdaFunctionStarted" | "TaskStarted" | "ActivityStarted" | "TaskSubmitted"
        );
        let ends = ["Succeeded", "Failed", "TimedOut"]
            .iter()
            .any(|end| name.ends_with(end))
            && ["LambdaFunction", "Task", "Activity"]
                .iter()
                .any(|task| name.starts_with(task));
        if !goes_on && !ends {
            continue;
        }
        let previous = event.previous_event_id.unwrap_or_default();
        let Some(attempt) = open.remove(&previous) else {
            let text = format!("{arn}: {name} {} is of no open attempt", event.id);
            return Err(wrong("task events", text));
        };
        if goes_on {
            open.insert(event.id, attempt);
            continue;
        }
        let attempt = Attempt {
            end: Some(event),
            ..attempt
        };
        answered(arn, &attempt)?;
    }
    Ok(())
}

fn scheduled(event: &HistoryEvent) -> Option<Attempt<'_>> {
    let parsed = |text: Option<&String>| {
        text.and_then(|text| serde_json::from_str(text).ok())
            .unwrap_or(Value::Null)
    };
    if let Some(details) = &event.lambda_function_scheduled_event_details {
        return Some(Attempt {
            resource: details.resource.clone(),
            input: parsed(details.input.as_ref()),
            ..Attempt::default()
        });
    }
    if let Some(details) = &event.activity_scheduled_event_details {
        return Some(Attempt {
            resource: details.resource.clone(),
            input: parsed(details.input.as_ref()),
            ..Attempt::default()
        });
    }
    let details = event.task_scheduled_event_details.as_ref()?;
    let parameters = parsed(Some(&details.parameters));
    Some(Attempt {
        resource: parameters["FunctionName"]
            .as_str()
            .unwrap_or_default()
            .to_string(),
        input: parameters["Payload"].clone(),
        is_wrapped: details.resource == "invoke",
        is_own: details.resource_type != "lambda",
        end: None,
    })
}

/// What came back is what was answered, once or after some failures.
fn answered(arn: &str, attempt: &Attempt<'_>) -> Result<(), Wrong> {
    let Some(end) = attempt.end.filter(|_| !attempt.is_own) else {
        return Ok(());
    };
    let (output, error) = outcome(end);
    let is_lost = error.is_some_and(|error| LOST_ERRORS.contains(&error));
    if end.r#type.ends_with("TimedOut") || is_lost {
        return Ok(());
    }
    let possible: Vec<Reply> = (1..=ASKED_MAX)
        .map(|nth| reply(&attempt.resource, &attempt.input, nth))
        .collect();
    let is_possible = possible.iter().any(|reply| match reply {
        Reply::Error { error: given, .. } => error == Some(given.as_str()),
        Reply::Output(given) => output.as_ref().is_some_and(|output| {
            let found = if attempt.is_wrapped {
                &output["Payload"]
            } else {
                output
            };
            found == given
        }),
    });
    if is_possible {
        return Ok(());
    }
    let text = format!(
        "{arn}: {} {} ends a call of {} with {output:?} {error:?}, which nobody answered",
        end.r#type, end.id, attempt.resource
    );
    Err(wrong("task answers", text))
}

/// Output and error of an event that ends an attempt.
fn outcome(event: &HistoryEvent) -> (Option<Value>, Option<&str>) {
    let function = &event.lambda_function_succeeded_event_details;
    let task = &event.task_succeeded_event_details;
    let activity = &event.activity_succeeded_event_details;
    let output = [
        function
            .as_ref()
            .and_then(|details| details.output.as_ref()),
        task.as_ref().and_then(|details| details.output.as_ref()),
        activity
            .as_ref()
            .and_then(|details| details.output.as_ref()),
    ];
    let output = output.into_iter().flatten().next();
    let output = output.and_then(|text| serde_json::from_str(text).ok());
    (output, error_of(event))
}

/// The error of a task's failure or time-out.
pub(super) fn error_of(event: &HistoryEvent) -> Option<&str> {
    let errors = [
        event
            .lambda_function_failed_event_details
            .as_ref()
            .and_then(|details| details.error.as_deref()),
        event
            .task_failed_event_details
            .as_ref()
            .and_then(|details| details.error.as_deref()),
        event
            .activity_failed_event_details
            .as_ref()
            .and_then(|details| details.error.as_deref()),
    ];
    errors.into_iter().flatten().next()
}

fn wrong(checker: &'static str, text: String) -> Wrong {
    Wrong { checker, text }
}
