//! The state machines and functions of a crash test, and how each of its executions must end.

use serde_json::{Value, json};

/// A kind of execution. Each has a state machine of its own, but [`Kind::Called`] and [`Kind::Scheduled`]: those call a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Pass,
    Task,
    Once,
    Caught,
    Wait,
    Token,
    Activity,
    Inline,
    Distributed,
    Nested,
    Express,
    Redriven,
    Stopped,
    Called,
    Scheduled,
}

impl Kind {
    /// Those that are started as executions.
    pub const MACHINES: [Kind; 13] = [
        Kind::Pass,
        Kind::Task,
        Kind::Once,
        Kind::Caught,
        Kind::Wait,
        Kind::Token,
        Kind::Activity,
        Kind::Inline,
        Kind::Distributed,
        Kind::Nested,
        Kind::Express,
        Kind::Redriven,
        Kind::Stopped,
    ];

    /// What load consists of: how often of 100.
    pub const SHARES: [(Kind, u64); 15] = [
        (Kind::Pass, 16),
        (Kind::Task, 14),
        (Kind::Once, 8),
        (Kind::Caught, 6),
        (Kind::Wait, 10),
        (Kind::Token, 8),
        (Kind::Activity, 6),
        (Kind::Inline, 5),
        (Kind::Distributed, 3),
        (Kind::Nested, 5),
        (Kind::Express, 6),
        (Kind::Redriven, 4),
        (Kind::Stopped, 4),
        (Kind::Called, 4),
        (Kind::Scheduled, 1),
    ];

    pub fn name(self) -> &'static str {
        match self {
            Kind::Pass => "pass",
            Kind::Task => "task",
            Kind::Once => "once",
            Kind::Caught => "caught",
            Kind::Wait => "wait",
            Kind::Token => "token",
            Kind::Activity => "activity",
            Kind::Inline => "inline",
            Kind::Distributed => "distributed",
            Kind::Nested => "nested",
            Kind::Express => "express",
            Kind::Redriven => "redriven",
            Kind::Stopped => "stopped",
            Kind::Called => "called",
            Kind::Scheduled => "scheduled",
        }
    }

    pub fn is_express(self) -> bool {
        self == Kind::Express
    }

    /// Whether an acknowledged one is run at least once, and has no history to look at.
    pub fn is_only_counted(self) -> bool {
        matches!(self, Kind::Express | Kind::Called | Kind::Scheduled)
    }

    pub fn machine_arn(self) -> String {
        format!(
            "arn:aws:states:us-east-1:123456789012:stateMachine:{}",
            self.name()
        )
    }

    pub fn execution_arn(self, name: &str) -> String {
        format!(
            "arn:aws:states:us-east-1:123456789012:execution:{}:{name}",
            self.name()
        )
    }

    pub fn definition(self) -> Value {
        match self {
            Kind::Pass => chain(json!({
                "A": { "Type": "Pass", "Result": true, "ResultPath": "$.passed", "Next": "B" },
                "B": { "Type": "Parallel", "ResultPath": "$.both", "Next": "C", "Branches": [
                    { "StartAt": "L", "States": { "L": { "Type": "Pass", "Result": 1, "End": true } } },
                    { "StartAt": "R", "States": { "R": { "Type": "Pass", "Result": 2, "End": true } } },
                ] },
                "C": { "Type": "Choice", "Default": "E",
                       "Choices": [{ "Variable": "$.passed", "BooleanEquals": true, "Next": "D" }] },
                "D": { "Type": "Pass", "End": true },
                "E": { "Type": "Fail", "Error": "Never" },
            })),
            Kind::Task => {
                let first = count(
                    "A",
                    json!({ "Retry": retry(), "ResultPath": "$.r", "Next": "B" }),
                );
                let second = count("B", json!({ "Retry": retry(), "End": true }));
                chain(json!({ "A": first, "B": second }))
            }
            Kind::Once => chain(json!({ "A": count("A", json!({ "End": true })) })),
            Kind::Caught => {
                let catch = json!([{ "ErrorEquals": [LOST], "ResultPath": "$.lost", "Next": "L" }]);
                chain(json!({
                    "A": count("A", json!({ "Catch": catch, "End": true })),
                    "L": { "Type": "Pass", "Result": "lost", "End": true },
                }))
            }
            Kind::Wait => chain(json!({
                "A": { "Type": "Wait", "SecondsPath": "$.seconds", "Next": "B" },
                "B": { "Type": "Pass", "End": true },
            })),
            Kind::Token => {
                let mut payload = identity("A", "-");
                payload["token.$"] = json!("$$.Task.Token");
                chain(json!({ "A": {
                    "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
                    "Parameters": { "FunctionName": KEEPS, "Payload": payload },
                    "Retry": retry(), "End": true,
                } }))
            }
            Kind::Activity => chain(json!({ "A": {
                "Type": "Task", "Resource": activity_arn(), "TimeoutSeconds": 6, "End": true,
                "Retry": [{ "ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1,
                            "BackoffRate": 1.0, "MaxAttempts": RETRIES_MAX }],
            } })),
            Kind::Inline => {
                let mut task = count("I", json!({ "Retry": retry(), "End": true }));
                let payload = &mut task["Parameters"];
                payload["execution.$"] = json!("$.execution");
                payload["index.$"] = json!("$.index");
                if let Some(payload) = payload.as_object_mut() {
                    payload.remove("index");
                }
                chain(json!({ "A": {
                    "Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 2, "End": true,
                    "ItemSelector": { "execution.$": "$$.Execution.Name", "index.$": "$$.Map.Item.Index",
                                      "n.$": "$$.Map.Item.Value", "ms": 5 },
                    "ItemProcessor": { "StartAt": "I", "States": { "I": task } },
                } }))
            }
            Kind::Distributed => {
                let mut map = Kind::Inline.definition();
                let map_state = &mut map["States"]["A"];
                map_state["ItemProcessor"]["ProcessorConfig"] =
                    json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
                map
            }
            Kind::Nested => chain(json!({ "A": {
                "Type": "Task", "Resource": "arn:aws:states:::states:startExecution.sync:2",
                "Parameters": {
                    "StateMachineArn": Kind::Task.machine_arn(),
                    "Name.$": "States.Format('{}-child', $$.Execution.Name)",
                    "Input": { "n.$": "$.n", "ms.$": "$.ms" },
                },
                "OutputPath": "$.Output", "End": true,
            } })),
            Kind::Express => {
                let first = count(
                    "A",
                    json!({ "Retry": retry(), "ResultPath": "$.r", "Next": "B" }),
                );
                let second = count("B", json!({ "Retry": retry(), "End": true }));
                chain(json!({ "A": first, "B": second }))
            }
            Kind::Redriven => {
                let mut task = count("A", json!({ "Retry": retry(), "End": true }));
                task["Parameters"]["fails_until_redriven"] = json!(true);
                chain(json!({ "A": task }))
            }
            Kind::Stopped => chain(json!({
                "A": { "Type": "Wait", "Seconds": 86_400, "End": true },
            })),
            Kind::Called | Kind::Scheduled => Value::Null,
        }
    }

    /// - `n`: the number of the execution; its output repeats it.
    pub fn input(self, n: u64, ms: u64) -> Value {
        match self {
            Kind::Inline | Kind::Distributed => json!({ "items": items(n) }),
            Kind::Wait => json!({ "n": n, "seconds": wait_seconds(n) }),
            _ => json!({ "n": n, "ms": ms }),
        }
    }

    /// What is wrong with how an execution ended, if anything.
    ///
    /// - `output`: parsed; of a task that somebody else completes, the caller looks at it.
    pub fn judge(self, n: u64, status: &str, output: &Value, error: &str) -> Option<String> {
        let is_lost = status == "FAILED" && error == LOST;
        let counted = json!({ "n": n });
        let is_right = match self {
            Kind::Pass => {
                status == "SUCCEEDED" && output["n"] == n && output["both"] == json!([1, 2])
            }
            Kind::Task | Kind::Redriven | Kind::Nested => {
                status == "SUCCEEDED" && *output == counted
            }
            Kind::Once => (status == "SUCCEEDED" && *output == counted) || is_lost,
            Kind::Caught => status == "SUCCEEDED" && (*output == counted || *output == "lost"),
            Kind::Wait => status == "SUCCEEDED" && output["n"] == n,
            Kind::Token | Kind::Activity => status == "SUCCEEDED" && output["by"].is_string(),
            Kind::Inline | Kind::Distributed => {
                let expected: Vec<Value> =
                    items(n).iter().map(|item| json!({ "n": item })).collect();
                status == "SUCCEEDED" && *output == json!(expected)
            }
            Kind::Stopped => status == "ABORTED",
            Kind::Express | Kind::Called | Kind::Scheduled => true,
        };
        (!is_right).then(|| format!("ended {status} with {error:?} and {output}"))
    }
}

/// Items of the Map of execution `n`.
pub fn items(n: u64) -> Vec<u64> {
    (0..ITEMS).map(|item| n * 100 + item).collect()
}

pub fn wait_seconds(n: u64) -> u64 {
    1 + n % 4
}

pub fn activity_arn() -> String {
    format!("arn:aws:states:us-east-1:123456789012:activity:{ACTIVITY}")
}

pub fn function_arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{name}")
}

/// A task that runs the function which counts, with what the line it writes needs.
fn count(state: &str, more: Value) -> Value {
    let mut task = json!({ "Type": "Task", "Resource": function_arn(COUNTS), "Parameters": identity(state, "-") });
    if let (Some(task), Value::Object(more)) = (task.as_object_mut(), more) {
        task.extend(more);
    }
    task
}

fn identity(state: &str, index: &str) -> Value {
    json!({
        "execution.$": "$$.Execution.Name", "state": state, "index": index,
        "redrive.$": "$$.Execution.RedriveCount", "retry.$": "$$.State.RetryCount",
        "n.$": "$.n", "ms.$": "$.ms",
    })
}

fn retry() -> Value {
    json!([{ "ErrorEquals": [LOST, NOT_STARTED], "IntervalSeconds": 1, "BackoffRate": 1.0, "MaxAttempts": RETRIES_MAX }])
}

/// `A` first.
fn chain(states: Value) -> Value {
    json!({ "StartAt": "A", "States": states })
}

/// The error of a task whose server died.
pub const LOST: &str = "Lambda.SdkClientException";
/// The error of a task whose function this machine could not start.
pub const NOT_STARTED: &str = "Lambda.ServiceException";
pub const ITEMS: u64 = 4;
pub const ACTIVITY: &str = "works";
pub const COUNTS: &str = "counts";
pub const KEEPS: &str = "keeps";
const RETRIES_MAX: u64 = 1_000;

/// Appends a line for every side effect. Rewrites nothing, so a kill cannot tear what it wrote before.
pub const COUNTS_CODE: &str = r#"
const fs = require('node:fs');
exports.handler = async (event) => {
  const { execution, state, index, redrive, retry, n, ms } = event;
  fs.appendFileSync(process.env.LINES, `${execution} ${state} ${index} ${redrive} ${retry}\n`);
  await new Promise((resolve) => setTimeout(resolve, ms));
  if (event.fails_until_redriven && redrive === 0) throw new Error('told to');
  return { n };
};
"#;

/// Appends a line, and the token to another file.
pub const KEEPS_CODE: &str = r#"
const fs = require('node:fs');
exports.handler = async ({ execution, state, index, redrive, retry, token }) => {
  fs.appendFileSync(process.env.LINES, `${execution} ${state} ${index} ${redrive} ${retry}\n`);
  fs.appendFileSync(process.env.TOKENS, `${execution} ${token}\n`);
};
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_execution_that_ended_otherwise_is_found() {
        let none = Value::Null;
        let counted = json!({ "n": 7 });
        assert_eq!(Kind::Task.judge(7, "SUCCEEDED", &counted, ""), None);
        assert!(Kind::Task.judge(8, "SUCCEEDED", &counted, "").is_some());
        assert!(Kind::Task.judge(7, "FAILED", &none, LOST).is_some());
        assert_eq!(Kind::Once.judge(7, "FAILED", &none, LOST), None);
        assert!(Kind::Once.judge(7, "FAILED", &none, "Error").is_some());
        assert!(Kind::Stopped.judge(7, "SUCCEEDED", &none, "").is_some());
        let results = json!([{ "n": 700 }, { "n": 701 }, { "n": 702 }]);
        assert!(Kind::Inline.judge(7, "SUCCEEDED", &results, "").is_some());
    }

    #[test]
    fn the_shares_are_of_a_hundred() {
        let shares: u64 = Kind::SHARES.iter().map(|(_, share)| share).sum();
        assert_eq!(shares, 100);
    }
}
