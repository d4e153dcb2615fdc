//! `TestState`: a request, and what comes of it.

mod checks;
mod flows;
mod mocks;
mod world;

use std::fmt::Write as _;

use expect_test::Expect;
use serde_json::{Value, json};
use stepwell_api::states::TestStateInput;
use stepwell_service::{LostTask, OpenTest, Settings, Tested, Timestamp, UnknownRole, test_state};

const START_MS: i64 = 1_700_000_000_000;

/// Tests `state` with what else `request` has; the state neither calls nor waits.
fn check(state: Value, request: Value, expected: Expect) {
    let text = match tested(state, request) {
        Ok(Tested::Ended(output)) => told(&json!(*output)),
        Ok(Tested::Open(open)) => format!("open until {:?}\n", open.deadline()),
        Err(error) => error,
    };
    expected.assert_eq(&text);
}

/// As [`check`], at the level `DEBUG`.
fn check_debug(state: Value, mut request: Value, expected: Expect) {
    request["inspectionLevel"] = json!("DEBUG");
    check(state, request, expected);
}

fn tested(state: Value, mut request: Value) -> Result<Tested, String> {
    request["definition"] = Value::String(match state {
        Value::String(text) => text,
        state => state.to_string(),
    });
    let input: TestStateInput = serde_json::from_value(request).expect("a request of the shape");
    let settings = Settings {
        region: "us-east-1".to_string(),
        account: "123456789012".to_string(),
        lost_task: LostTask::Fail,
        unknown_role: UnknownRole::Accepted,
        retention_ms: stepwell_service::retention::DEFAULT,
    };
    test_state(&settings, at(0), &[7; 32], input)
        .map_err(|error| format!("{}: {}\n", error.name(), error.message))
}

fn open(state: Value, request: Value) -> Box<OpenTest> {
    match tested(state, request) {
        Ok(Tested::Open(open)) => open,
        other => panic!("the test is not open: {other:?}"),
    }
}

/// `seconds` after the start.
fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(START_MS + seconds * 1_000)
}

/// A member a line, those of the inspection data indented.
fn told(output: &Value) -> String {
    let mut text = String::new();
    for (name, value) in output.as_object().expect("an output is an object") {
        match value {
            Value::Object(members) => members.iter().for_each(|(name, value)| {
                let _ = writeln!(text, "  {name} {}", plain(value));
            }),
            value => {
                let _ = writeln!(text, "{name} {}", plain(value));
            }
        }
    }
    text
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_string)
}
