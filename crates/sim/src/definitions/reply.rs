//! What the tasks of a sample are answered.

use serde_json::{Value, json};

/// What a task answers.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Output(Value),
    Error { error: String, cause: String },
}

/// What the function, the worker of the activity or the holder of the token answers.
///
/// A pure function of its arguments: the oracle and every world ask the same one.
///
/// - `resource`: name or ARN of the function, as the definition gives it, or ARN of the activity. Its name says what it
///   does: `ok-...`, `flaky-K-...` fails K times first, `fails-ERROR-...` always fails.
/// - `input`: the function's payload or the activity's input; a task token is in it under `token` and must
///   not change the answer.
/// - `nth`: how often this was asked before, for this resource in this frame of the execution, plus one.
pub fn reply(resource: &str, input: &Value, nth: u32) -> Reply {
    let name = name_of(resource);
    let mut words = name.split('-');
    match (words.next(), words.next()) {
        (Some("flaky"), Some(times)) if nth <= times.parse().unwrap_or(0) => Reply::Error {
            error: "Busy".to_string(),
            cause: "too much to do".to_string(),
        },
        (Some("fails"), Some(error)) => Reply::Error {
            error: error.to_string(),
            cause: format!("{name} always fails"),
        },
        _ => Reply::Output(output(name, input)),
    }
}

/// The name in an ARN of a function or an activity, or the name itself.
pub fn name_of(resource: &str) -> &str {
    let name = match resource.split_once(":function:") {
        Some((_, rest)) => rest.split(':').next().unwrap_or(rest),
        None => resource,
    };
    name.rsplit(':').next().unwrap_or(name)
}

/// Members of the input come back, so that an answer given to another task shows.
fn output(name: &str, input: &Value) -> Value {
    let n = input["n"].as_i64().unwrap_or_default();
    let text = input["text"].as_str().unwrap_or("none");
    json!({
        "n": (n + 7) % 1_000,
        "text": text,
        "flag": n % 2 == 0,
        "items": [n % 10, 2],
        "seconds": n % 4,
        "limit": 300,
        "beat": 50,
        "width": 1 + n % 3,
        "when": super::values::WHEN,
        "box": { "n": n % 100, "text": text, "items": [1, n % 5] },
        "by": name,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_is_answered() {
        let ask = |resource: &str, nth| reply(resource, &json!({ "n": 1, "token": "t" }), nth);
        assert!(matches!(ask("ok-1", 1), Reply::Output(_)));
        let arn = "arn:aws:lambda:us-east-1:123456789012:function:flaky-2-t:$LATEST";
        assert!(matches!(ask(arn, 2), Reply::Error { .. }));
        assert!(matches!(ask(arn, 3), Reply::Output(_)));
        let arn = "arn:aws:states:us-east-1:123456789012:activity:fails-Custom.Error-9";
        let Reply::Error { error, .. } = ask(arn, 9) else {
            panic!("it always fails");
        };
        assert_eq!(error, "Custom.Error");
    }
}
