//! What a sample order says about its own end, and whether an execution kept it. Pure.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::timeline::Timeline;

/// `events/expected.json`: a sample's file name to what must come of it.
pub type Expectations = BTreeMap<String, Expectation>;

/// How one sample must end.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// AWS's status: `SUCCEEDED`, `FAILED`.
    pub status: String,
    /// The error the execution ends with.
    #[serde(default)]
    pub error: Option<String>,
    /// States in the order of their first entry.
    pub path: Vec<Place>,
    /// One sentence for the reader.
    pub says: String,
    /// State to the number of its attempts after the first.
    #[serde(default)]
    pub retries: BTreeMap<String, usize>,
    /// What the output must contain at least.
    #[serde(default)]
    pub output: Option<Value>,
}

/// A state, or states whose order among themselves is free.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Place {
    State(String),
    AnyOrder(Vec<String>),
}

/// What an execution did differently from its expectation, one sentence each; empty if nothing.
pub fn differences(
    expectation: &Expectation,
    timeline: &Timeline,
    output: Option<&Value>,
) -> Vec<String> {
    let mut found = Vec::new();
    match &timeline.ending {
        None => found.push(format!(
            "expected status {}, but it has not ended",
            expectation.status
        )),
        Some(ending) => {
            if ending.status != expectation.status {
                found.push(format!(
                    "expected status {}, was {}",
                    expectation.status, ending.status
                ));
            }
            if let Some(error) = expectation
                .error
                .as_ref()
                .filter(|error| **error != ending.failure.error)
            {
                found.push(format!(
                    "expected error {error:?}, was {:?}",
                    ending.failure.error
                ));
            }
        }
    }
    found.extend(path_difference(&expectation.path, &timeline.path()));
    for (state, retries) in &expectation.retries {
        let actual = timeline.retries(state);
        if actual != *retries {
            found.push(format!(
                "expected {retries} retries of {state}, were {actual}"
            ));
        }
    }
    if let Some(expected) = &expectation.output {
        match output {
            None => found.push("expected an output, there is none".to_owned()),
            Some(actual) => found.extend(output_difference(expected, actual, "$")),
        }
    }
    found
}

fn path_difference(expected: &[Place], actual: &[&str]) -> Option<String> {
    let mut rest = actual;
    for place in expected {
        let (wanted, length) = match place {
            Place::State(state) => (std::slice::from_ref(state), 1),
            Place::AnyOrder(states) => (states.as_slice(), states.len()),
        };
        let (next, after) = rest.split_at(length.min(rest.len()));
        let mut wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        let mut next_sorted = next.to_vec();
        wanted.sort_unstable();
        next_sorted.sort_unstable();
        if wanted != next_sorted {
            let came = if next.is_empty() {
                "the end".to_owned()
            } else {
                next.join(", ")
            };
            return Some(format!(
                "expected path to go on with {}, came {came} (path: {})",
                wanted.join(", "),
                actual.join(" > ")
            ));
        }
        rest = after;
    }
    if rest.is_empty() {
        None
    } else {
        Some(format!("expected path to end, came {}", rest.join(" > ")))
    }
}

/// Objects may have more members than expected; everything else must be equal.
fn output_difference(expected: &Value, actual: &Value, path: &str) -> Option<String> {
    match (expected, actual) {
        (Value::Object(expected), Value::Object(actual)) => {
            expected.iter().find_map(|(name, value)| {
                let path = format!("{path}.{name}");
                match actual.get(name) {
                    Some(found) => output_difference(value, found, &path),
                    None => Some(format!("expected output {path} to be {value}, is absent")),
                }
            })
        }
        (Value::Array(expected), Value::Array(actual)) if expected.len() == actual.len() => {
            expected
                .iter()
                .zip(actual)
                .enumerate()
                .find_map(|(index, (value, found))| {
                    output_difference(value, found, &format!("{path}[{index}]"))
                })
        }
        _ if expected == actual => None,
        _ => Some(format!(
            "expected output {path} to be {expected}, is {actual}"
        )),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::timeline::tests::events;

    /// Charge retried once, then both branches, then a failure.
    fn timeline(terminal: &str) -> Timeline {
        Timeline::of(&events(&format!(
            "1<0 @0 ExecutionStarted
             2<0 @1 TaskStateEntered Charge
             3<2 @2 LambdaFunctionScheduled
             4<3 @3 LambdaFunctionFailed ServiceError
             5<4 @4 LambdaFunctionScheduled
             6<5 @5 LambdaFunctionSucceeded
             7<6 @5 TaskStateExited Charge
             8<7 @6 PassStateEntered B
             9<8 @6 PassStateExited B
             10<9 @6 PassStateEntered A
             11<10 @6 PassStateExited A
             12<11 @7 {terminal}"
        )))
    }

    #[track_caller]
    fn check(expectation: Value, terminal: &str, output: Option<Value>, expected: &[&str]) {
        let expectation: Expectation = serde_json::from_value(expectation).unwrap();
        assert_eq!(
            differences(&expectation, &timeline(terminal), output.as_ref()),
            expected
        );
    }

    #[test]
    fn a_kept_expectation_has_no_differences() {
        check(
            json!({"status": "SUCCEEDED", "path": ["Charge", ["A", "B"]], "says": "", "retries": {"Charge": 1}, "output": {"order": {"paid": true}}}),
            "ExecutionSucceeded",
            Some(json!({"order": {"paid": true, "id": 7}, "more": 1})),
            &[],
        );
        check(
            json!({"status": "FAILED", "error": "Boom", "path": ["Charge", "B", "A"], "says": ""}),
            "ExecutionFailed Boom",
            None,
            &[],
        );
    }

    #[test]
    fn every_difference_is_named() {
        check(
            json!({"status": "FAILED", "error": "Boom", "path": ["Charge", "A", "B"], "says": "", "retries": {"Charge": 3}, "output": {"paid": true}}),
            "ExecutionSucceeded",
            Some(json!({"paid": false})),
            &[
                "expected status FAILED, was SUCCEEDED",
                "expected error \"Boom\", was \"\"",
                "expected path to go on with A, came B (path: Charge > B > A)",
                "expected 3 retries of Charge, were 1",
                "expected output $.paid to be true, is false",
            ],
        );
    }

    #[test]
    fn a_path_that_is_too_short_or_too_long_differs() {
        check(
            json!({"status": "SUCCEEDED", "path": ["Charge", "B", "A", "Z"], "says": ""}),
            "ExecutionSucceeded",
            None,
            &["expected path to go on with Z, came the end (path: Charge > B > A)"],
        );
        check(
            json!({"status": "SUCCEEDED", "path": ["Charge"], "says": ""}),
            "ExecutionSucceeded",
            None,
            &["expected path to end, came B > A"],
        );
    }

    #[test]
    fn a_misspelt_member_of_an_expectation_is_refused() {
        let error = serde_json::from_value::<Expectation>(
            json!({"status": "SUCCEEDED", "path": [], "says": "", "retry": {}}),
        )
        .unwrap_err();
        assert!(
            error.to_string().contains("unknown field `retry`"),
            "{error}"
        );
    }
}
