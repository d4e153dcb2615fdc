//! What a history says, and whether it can be one.

use std::collections::BTreeMap;

use serde_json::Value;

/// What makes one try of one task: the same that functions write in a line.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attempt {
    pub state: String,
    /// Of the item of an inline Map.
    pub index: String,
    pub redrive: u64,
    pub retry: u64,
}

/// A history that was found well formed, as far as the checks need it.
#[derive(Debug, Default)]
pub struct Account {
    /// Each try that was scheduled, and whether its function's result is in the history.
    pub attempts: BTreeMap<Attempt, bool>,
    pub redrives: u64,
}

/// Reads a whole history, or says why it cannot be one.
///
/// - Ids 1..n without a gap, times that never go back, predecessors that are earlier.
/// - One terminal event, one more for each redrive, and the last event is one.
pub fn read(events: &[Value]) -> Result<Account, String> {
    let mut account = Account::default();
    let mut terminals = 0;
    let mut before = 0.0;
    for (position, event) in events.iter().enumerate() {
        let kind = kind(event);
        if event["id"] != position + 1 {
            return Err(format!("event {} has the id {}", position + 1, event["id"]));
        }
        let time = event["timestamp"].as_f64().unwrap_or(0.0);
        if time < before {
            return Err(format!(
                "event {} is of {time}, the one before it of {before}",
                position + 1
            ));
        }
        before = time;
        let previous = event["previousEventId"].as_u64().unwrap_or(0);
        if previous > position as u64 {
            return Err(format!(
                "event {} follows {previous}, which is not earlier",
                position + 1
            ));
        }
        match kind {
            "ExecutionStarted" if position > 0 => return Err("it starts twice".to_owned()),
            "ExecutionRedriven" => account.redrives += 1,
            "ExecutionSucceeded" | "ExecutionFailed" | "ExecutionAborted" | "ExecutionTimedOut" => {
                terminals += 1
            }
            "LambdaFunctionScheduled" | "TaskScheduled" => {
                let attempt = attempt(events, position, account.redrives);
                if account.attempts.insert(attempt.clone(), false).is_some() {
                    return Err(format!("{attempt:?} is scheduled twice"));
                }
            }
            "LambdaFunctionSucceeded" | "TaskSubmitted" | "TaskSucceeded" => {
                let attempt = attempt(events, position, account.redrives);
                match account.attempts.get_mut(&attempt) {
                    Some(has_succeeded) => *has_succeeded = true,
                    None => return Err(format!("{attempt:?} succeeds and is not scheduled")),
                }
            }
            _ => {}
        }
    }
    let last = events.last().map_or("", |event| kind(event));
    if events.first().map(kind) != Some("ExecutionStarted") {
        return Err("it does not start".to_owned());
    }
    let is_ended = last.starts_with("Execution") && last != "ExecutionRedriven" && events.len() > 1;
    if !is_ended || terminals != account.redrives + 1 {
        return Err(format!(
            "it has {terminals} terminal events after {} redrives, and its last is {last}",
            account.redrives
        ));
    }
    Ok(account)
}

fn kind(event: &Value) -> &str {
    event["type"].as_str().unwrap_or("")
}

/// The try that an event of a task belongs to, by the chain of its predecessors.
fn attempt(events: &[Value], position: usize, redrive: u64) -> Attempt {
    let mut found = Attempt {
        state: String::new(),
        index: "-".to_owned(),
        redrive,
        retry: 0,
    };
    let (mut scheduled, mut retry) = (0_u64, None);
    let mut at = Some(position);
    while let Some(event) = at.and_then(|at| events.get(at)) {
        match kind(event) {
            "LambdaFunctionScheduled" | "TaskScheduled" => scheduled += 1,
            // AWS: retries are counted anew after a redrive.
            "ExecutionRedriven" => {
                retry.get_or_insert(scheduled);
            }
            "TaskStateEntered" if found.state.is_empty() => {
                let name = &event["stateEnteredEventDetails"]["name"];
                name.as_str().unwrap_or("?").clone_into(&mut found.state);
                found.retry = retry.unwrap_or(scheduled).saturating_sub(1);
            }
            "MapIterationStarted" => {
                found.index = event["mapIterationStartedEventDetails"]["index"].to_string();
                return found;
            }
            _ => {}
        }
        let previous = event["previousEventId"].as_u64().unwrap_or(0);
        at = usize::try_from(previous)
            .ok()
            .and_then(|id| id.checked_sub(1));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn events(kinds: &[(&str, u64)]) -> Vec<Value> {
        let event = |(position, (kind, previous)): (usize, &(&str, u64))| {
            json!({
                "id": position + 1, "type": kind, "previousEventId": previous, "timestamp": position,
                "stateEnteredEventDetails": { "name": "A" },
                "mapIterationStartedEventDetails": { "index": 3 },
            })
        };
        kinds.iter().enumerate().map(event).collect()
    }

    #[test]
    fn tries_of_a_task_are_told_apart() {
        let account = read(&events(&[
            ("ExecutionStarted", 0),
            ("MapIterationStarted", 1),
            ("TaskStateEntered", 2),
            ("LambdaFunctionScheduled", 3),
            ("LambdaFunctionFailed", 4),
            ("LambdaFunctionScheduled", 5),
            ("LambdaFunctionSucceeded", 6),
            ("ExecutionSucceeded", 7),
        ]));
        let attempt = |retry| Attempt {
            state: "A".to_owned(),
            index: "3".to_owned(),
            redrive: 0,
            retry,
        };
        let expected = BTreeMap::from([(attempt(0), false), (attempt(1), true)]);
        assert_eq!(account.expect("it is well formed").attempts, expected);
    }

    #[test]
    fn what_cannot_be_a_history_is_found() {
        let started = ("ExecutionStarted", 0);
        let ended = ("ExecutionSucceeded", 1);
        assert!(read(&events(&[started, ended])).is_ok());
        assert!(read(&events(&[started])).is_err(), "it never ends");
        assert!(read(&events(&[started, ended, ended])).is_err());
        assert!(read(&events(&[ended, started])).is_err());
        assert!(read(&events(&[started, ("ExecutionSucceeded", 2)])).is_err());
        assert!(read(&events(&[started, started, ended])).is_err());
        let lone = ("LambdaFunctionSucceeded", 1);
        assert!(read(&events(&[started, lone, ("ExecutionSucceeded", 2)])).is_err());
        let mut gap = events(&[started, ended]);
        gap[1]["id"] = json!(3);
        assert!(read(&gap).is_err());
        let mut back = events(&[started, ended]);
        back[1]["timestamp"] = json!(-1);
        assert!(read(&back).is_err());
    }
}
