//! Random valid definitions, their inputs, and what the tasks in them answer.

use serde_json::{Value, json};
use stepwell_engine::MachineKind;

use crate::draw::Draw;

/// What a definition may contain; each seed draws which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Features {
    pub express: bool,
    pub maps: bool,
    pub parallels: bool,
    pub waits: bool,
    pub choices: bool,
    pub retries: bool,
    pub catches: bool,
    pub jsonata: bool,
    pub timeouts: bool,
    pub activities: bool,
    pub callbacks: bool,
    pub nested: bool,
    pub distributed_maps: bool,
}

/// A state machine with an input for it.
#[derive(Debug, Clone)]
pub struct Sample {
    pub kind: MachineKind,
    /// JSON text that `Definition::parse` takes without an error.
    pub definition: String,
    /// JSON text.
    pub input: String,
    /// Names of the activities that the definition uses: the world creates them and lets workers poll.
    pub activities: Vec<String>,
}

/// State machines that every world with [`Features::nested`] creates first, by name: what a `states:startExecution` in a
/// sample may start. Their tasks answer as all others do.
pub fn children() -> Vec<(&'static str, Sample)> {
    Vec::new()
}

impl Sample {
    /// A definition of these features with an input that suits it.
    pub fn draw(draw: &mut Draw, features: &Features) -> Sample {
        let seconds = draw.between(1, 20);
        let wait = if features.waits {
            json!({ "Type": "Wait", "Seconds": seconds, "Next": "Call" })
        } else {
            json!({ "Type": "Pass", "Next": "Call" })
        };
        let call = json!({
            "Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:double",
            "Retry": [{ "ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 20, "MaxDelaySeconds": 2 }],
            "End": true
        });
        let definition = json!({ "StartAt": "First", "States": { "First": wait, "Call": call } });
        Sample {
            kind: MachineKind::Standard,
            definition: definition.to_string(),
            input: json!({ "n": draw.below(1_000) }).to_string(),
            activities: Vec::new(),
        }
    }
}

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
/// - `resource`: name or ARN of the function, as the definition gives it, or ARN of the activity.
/// - `input`: the function's payload or the activity's input; a task token is in it under `token` and must
///   not change the answer.
/// - `nth`: how often this was asked before, for this resource in this frame of the execution, plus one.
pub fn reply(_resource: &str, input: &Value, _nth: u32) -> Reply {
    let n = input["n"].as_i64().unwrap_or_default();
    Reply::Output(json!({ "n": n * 2 }))
}
