//! What a history alone must be: every event follows one that may lead to it, states are entered before they are left,
//! what a definition says is what comes next, and nothing is tried again that no retrier tries again.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use stepwell_api::states::HistoryEvent;

use super::Wrong;
use super::answers::error_of;

/// What leads to what: the type of an event and those that may precede it. `0` stands for no event.
const PREDECESSORS: [(&str, &[&str]); 23] = [
    ("ExecutionStarted", &["0"]),
    ("ExecutionAborted", &["0"]),
    ("ExecutionTimedOut", &["0"]),
    ("LambdaFunctionScheduled", TRIED),
    ("TaskScheduled", TRIED),
    ("ActivityScheduled", TRIED),
    ("LambdaFunctionStarted", &["LambdaFunctionScheduled"]),
    ("TaskStarted", &["TaskScheduled"]),
    ("ActivityStarted", &["ActivityScheduled", "ActivityStarted"]),
    ("TaskSubmitted", &["TaskStarted"]),
    ("LambdaFunctionSucceeded", &["LambdaFunctionStarted"]),
    ("LambdaFunctionFailed", &["LambdaFunctionStarted"]),
    ("LambdaFunctionTimedOut", &["LambdaFunctionStarted"]),
    ("TaskSucceeded", CALLED),
    ("TaskFailed", CALLED),
    ("TaskTimedOut", CALLED),
    ("ActivitySucceeded", TAKEN),
    ("ActivityFailed", TAKEN),
    ("ActivityTimedOut", TAKEN),
    ("MapRunStarted", &["MapStateStarted"]),
    ("MapRunSucceeded", RUNS),
    ("MapRunFailed", RUNS),
    (
        "ExecutionRedriven",
        &["ExecutionFailed", "ExecutionAborted", "ExecutionTimedOut"],
    ),
];

const CALLED: &[&str] = &["TaskStarted", "TaskSubmitted"];
const TAKEN: &[&str] = &["ActivityScheduled", "ActivityStarted"];
const RUNS: &[&str] = &["MapRunStarted", "MapRunRedriven"];
const TRIED: &[&str] = &[
    "TaskStateEntered",
    "LambdaFunctionFailed",
    "LambdaFunctionTimedOut",
    "TaskFailed",
    "TaskTimedOut",
    "ActivityFailed",
    "ActivityTimedOut",
    "EvaluationFailed",
    "ExecutionRedriven",
];

/// Checks the events of one history against each other and, where it is known, against the definition.
pub fn structure(
    arn: &str,
    events: &[HistoryEvent],
    definition: Option<&Value>,
) -> Result<(), Wrong> {
    let say = |event: &HistoryEvent, text: &str| Wrong {
        checker: "structure",
        text: format!("{arn}: {} {}: {text}", event.r#type, event.id),
    };
    let by_id: BTreeMap<i64, &HistoryEvent> =
        events.iter().map(|event| (event.id, event)).collect();
    let states = definition.map(states_of).unwrap_or_default();
    let mut entered: BTreeMap<&str, i64> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    for event in events {
        let previous = event.previous_event_id.unwrap_or_default();
        let before = by_id.get(&previous).copied();
        if before.is_some_and(|before| before.id >= event.id) || (previous != 0 && before.is_none())
        {
            return Err(say(event, &format!("its predecessor is {previous}")));
        }
        let before_type = before.map_or("0", |before| before.r#type.as_str());
        if let Some((_, may)) = PREDECESSORS.iter().find(|(name, _)| *name == event.r#type)
            && !may.contains(&before_type)
        {
            return Err(say(event, &format!("it follows {before_type} {previous}")));
        }
        if let Some(details) = &event.state_entered_event_details {
            *entered.entry(details.name.as_str()).or_default() += 1;
            may_enter(&states, before, &details.name).map_err(|text| say(event, &text))?;
        }
        if let Some(details) = &event.state_exited_event_details {
            let count = entered.entry(details.name.as_str()).or_default();
            *count -= 1;
            if *count < 0 {
                return Err(say(
                    event,
                    &format!("{} is left and was not entered", details.name),
                ));
            }
        }
        let ends_attempt = error_of(event).is_some()
            || event.r#type.ends_with("Succeeded") && before_type.ends_with("Started")
            || event.r#type.ends_with("TimedOut");
        let is_task = ["LambdaFunction", "Task", "Activity"]
            .iter()
            .any(|task| event.r#type.starts_with(task));
        if is_task && ends_attempt && !ended.insert(previous) {
            return Err(say(
                event,
                &format!("the attempt of {previous} has ended before"),
            ));
        }
        retry(&by_id, event, &states).map_err(|text| say(event, &text))?;
        wait(&by_id, event, &states).map_err(|text| say(event, &text))?;
    }
    Ok(())
}

/// States of a definition by name, those of branches and processors included.
fn states_of(definition: &Value) -> BTreeMap<String, &Value> {
    let mut found = BTreeMap::new();
    let mut left = vec![definition];
    while let Some(value) = left.pop() {
        match value {
            Value::Array(elements) => left.extend(elements),
            Value::Object(members) => {
                let states = members.get("States").and_then(Value::as_object);
                for (name, state) in states.into_iter().flatten() {
                    found.insert(name.clone(), state);
                }
                left.extend(members.values());
            }
            _ => {}
        }
    }
    found
}

/// Whether the state `name` may be entered after the event `before`.
fn may_enter(
    states: &BTreeMap<String, &Value>,
    before: Option<&HistoryEvent>,
    name: &str,
) -> Result<(), String> {
    let Some(left) = before.and_then(|before| before.state_exited_event_details.as_ref()) else {
        return Ok(());
    };
    let Some(state) = states.get(&left.name) else {
        return Ok(());
    };
    let leads = |holder: &Value, field: &str| holder[field].as_str() == Some(name);
    let among = |field: &str| {
        let elements = state[field].as_array();
        elements
            .into_iter()
            .flatten()
            .any(|element| leads(element, "Next"))
    };
    if leads(state, "Next") || leads(state, "Default") || among("Choices") || among("Catch") {
        return Ok(());
    }
    Err(format!("nothing leads from {} to {name}", left.name))
}

/// A task is tried again because a retrier says so, and not before its delay is over.
fn retry(
    by_id: &BTreeMap<i64, &HistoryEvent>,
    event: &HistoryEvent,
    states: &BTreeMap<String, &Value>,
) -> Result<(), String> {
    if !event.r#type.ends_with("Scheduled") {
        return Ok(());
    }
    let chain = chain_of(by_id, event);
    let state = chain
        .last()
        .and_then(|first| first.state_entered_event_details.as_ref())
        .and_then(|details| states.get(&details.name));
    let failures: Vec<&HistoryEvent> = chain
        .into_iter()
        .filter(|event| is_failure(event))
        .collect();
    let (Some(state), Some(last)) = (state, failures.first()) else {
        return Ok(());
    };
    let retriers = state["Retry"].as_array().cloned().unwrap_or_default();
    let of = |failure: &HistoryEvent| retriers.iter().position(|retrier| takes(retrier, failure));
    let Some(retrier) = of(last) else {
        return Err(format!("no retrier takes the failure {}", last.id));
    };
    let used = failures
        .iter()
        .skip(1)
        .filter(|failure| of(failure) == Some(retrier))
        .count();
    // A time-out and a missed heartbeat look the same here, and may have retriers of their own.
    let is_sure = !failures
        .iter()
        .any(|failure| failure.r#type.ends_with("TimedOut"));
    let number =
        |field: &str, otherwise: f64| retriers[retrier][field].as_f64().unwrap_or(otherwise);
    let attempts = number("MaxAttempts", 3.0);
    if is_sure && used as f64 >= attempts {
        return Err(format!(
            "it is tried again {} times, and {attempts} are allowed",
            used + 1
        ));
    }
    let exponent = i32::try_from(used).unwrap_or(i32::MAX);
    let delay = number("IntervalSeconds", 1.0) * number("BackoffRate", 2.0).powi(exponent);
    let delay_ms = (delay.min(number("MaxDelaySeconds", f64::MAX)) * 1_000.0).round() as i64;
    let is_jittered = retriers[retrier]["JitterStrategy"] == "FULL";
    let waited_ms = event.timestamp.ms() - last.timestamp.ms();
    if is_sure && !is_jittered && waited_ms < delay_ms {
        return Err(format!(
            "it is tried again after {waited_ms} ms, and the delay is {delay_ms}"
        ));
    }
    Ok(())
}

/// The events of a task's state before `event`, newest first, back to where it was entered or redriven.
fn chain_of<'h>(
    by_id: &BTreeMap<i64, &'h HistoryEvent>,
    event: &HistoryEvent,
) -> Vec<&'h HistoryEvent> {
    let mut chain = Vec::new();
    let mut next = event.previous_event_id;
    while let Some(before) = next.and_then(|id| by_id.get(&id)) {
        chain.push(*before);
        let is_first =
            before.state_entered_event_details.is_some() || before.r#type == "ExecutionRedriven";
        next = before
            .previous_event_id
            .filter(|id| !is_first && *id < before.id);
    }
    chain
}

fn is_failure(event: &HistoryEvent) -> bool {
    error_of(event).is_some()
        || event.r#type.ends_with("TimedOut")
        || event.r#type == "EvaluationFailed"
}

/// Whether a retrier takes a task's failure (Amazon States Language, "Retrying after error").
fn takes(retrier: &Value, failure: &HistoryEvent) -> bool {
    let names = retrier["ErrorEquals"].as_array();
    let mut names = names.into_iter().flatten().filter_map(Value::as_str);
    if failure.r#type.ends_with("TimedOut") {
        return names.any(|name| {
            ["States.ALL", "States.Timeout", "States.HeartbeatTimeout"].contains(&name)
        });
    }
    let error = error_of(failure).unwrap_or("States.QueryEvaluationError");
    names.any(|name| name == error || ["States.ALL", "States.TaskFailed"].contains(&name))
}

/// No Wait is left before its time.
fn wait(
    by_id: &BTreeMap<i64, &HistoryEvent>,
    event: &HistoryEvent,
    states: &BTreeMap<String, &Value>,
) -> Result<(), String> {
    if event.r#type != "WaitStateExited" {
        return Ok(());
    }
    let entered = event.previous_event_id.and_then(|id| by_id.get(&id));
    let details = entered.and_then(|entered| entered.state_entered_event_details.as_ref());
    let (Some(entered), Some(details)) = (entered, details) else {
        return Ok(());
    };
    let Some(state) = states.get(&details.name) else {
        return Ok(());
    };
    let input = details
        .input
        .as_deref()
        .and_then(|input| serde_json::from_str::<Value>(input).ok());
    let seconds = match (&state["Seconds"], &state["SecondsPath"]) {
        (Value::Number(seconds), _) => seconds.as_i64(),
        (_, Value::String(_)) => input.and_then(|input| input["seconds"].as_i64()),
        _ => None,
    };
    let waited_ms = event.timestamp.ms() - entered.timestamp.ms();
    if let Some(seconds) = seconds
        && waited_ms < seconds * 1_000
    {
        return Err(format!("it waited {waited_ms} ms instead of {seconds} s"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use stepwell_api::EpochSeconds;
    use stepwell_api::states;

    use super::*;

    fn event(id: i64, previous: i64, kind: &str, at_ms: i64) -> HistoryEvent {
        HistoryEvent {
            timestamp: EpochSeconds::from_ms(at_ms),
            r#type: kind.to_string(),
            id,
            previous_event_id: Some(previous),
            ..Default::default()
        }
    }

    /// A task that fails at once and is tried again after `delay_ms`.
    fn retried(delay_ms: i64, error: &str) -> Vec<HistoryEvent> {
        let mut entered = event(1, 0, "TaskStateEntered", 0);
        entered.state_entered_event_details = Some(states::StateEnteredEventDetails {
            name: "T".to_string(),
            ..Default::default()
        });
        let mut failed = event(4, 3, "LambdaFunctionFailed", 0);
        failed.lambda_function_failed_event_details =
            Some(states::LambdaFunctionFailedEventDetails {
                error: Some(error.to_string()),
                cause: None,
            });
        vec![
            entered,
            event(2, 1, "LambdaFunctionScheduled", 0),
            event(3, 2, "LambdaFunctionStarted", 0),
            failed,
            event(5, 4, "LambdaFunctionScheduled", delay_ms),
        ]
    }

    fn objection(events: &[HistoryEvent]) -> Option<String> {
        let definition = serde_json::json!({ "States": { "T": { "Type": "Task", "Retry": [
            { "ErrorEquals": ["Busy"], "IntervalSeconds": 2 }] } } });
        structure("e", events, Some(&definition))
            .err()
            .map(|wrong| wrong.text)
    }

    #[test]
    fn a_retry_needs_a_retrier_and_its_delay() {
        assert_eq!(objection(&retried(2_000, "Busy")), None);
        let early = objection(&retried(1_999, "Busy"));
        assert!(early.is_some_and(|text| text.contains("after 1999 ms")));
        let unasked = objection(&retried(2_000, "Other"));
        assert!(unasked.is_some_and(|text| text.contains("no retrier takes")));
    }

    #[test]
    fn an_attempt_ends_once_and_follows_its_start() {
        let mut events = retried(2_000, "Busy");
        events.push(event(6, 3, "LambdaFunctionSucceeded", 2_000));
        let twice = objection(&events);
        assert!(twice.is_some_and(|text| text.contains("has ended before")));
        events.pop();
        events.push(event(6, 5, "LambdaFunctionSucceeded", 2_000));
        let unstarted = objection(&events);
        assert!(
            unstarted.is_some_and(|text| text.contains("it follows LambdaFunctionScheduled 5"))
        );
    }
}
