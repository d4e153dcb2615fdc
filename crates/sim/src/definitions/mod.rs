//! Random valid definitions, their inputs, and what the tasks in them answer.
//!
//! Every state takes and gives an object with the members of [`values::standard`], or is followed by a Pass that makes
//! one again, so that a definition fails only where it is meant to. Nothing random and no instant reaches the output:
//! two runs with the same answers end the same way.

mod block;
mod choice;
mod flow;
mod fork;
mod handling;
mod reply;
mod simple;
mod task;
mod values;

use serde_json::{Value, json};
use stepwell_engine::MachineKind;

use crate::draw::Draw;
use block::Builder;
pub use handling::LOST_ERRORS;
pub use reply::{Reply, name_of, reply};

/// States of one definition, branches and processors included; a few more are added to put shapes right.
const STATES_GOAL: usize = 8;

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

impl Features {
    /// Everything.
    pub fn all() -> Features {
        Features {
            express: true,
            maps: true,
            parallels: true,
            waits: true,
            choices: true,
            retries: true,
            catches: true,
            jsonata: true,
            timeouts: true,
            activities: true,
            callbacks: true,
            nested: true,
            distributed_maps: true,
        }
    }
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

impl Sample {
    /// A definition of these features with an input that suits it.
    pub fn draw(draw: &mut Draw, features: &Features) -> Sample {
        let kind = if features.express && draw.percent(35) {
            MachineKind::Express
        } else {
            MachineKind::Standard
        };
        let goal = 2 + draw.below(STATES_GOAL - 1);
        let mut builder = Builder::new(draw, features, kind, goal);
        let definition = builder.machine();
        let activities = builder.activities();
        Sample {
            kind,
            definition: definition.to_string(),
            input: values::standard(draw).to_string(),
            activities,
        }
    }
}

/// State machines that every world with [`Features::nested`] creates first, by name: what a `states:startExecution` in a
/// sample may start. Their tasks answer as all others do.
pub fn children() -> Vec<(&'static str, Sample)> {
    let sample = |kind, definition: Value| Sample {
        kind,
        definition: definition.to_string(),
        input: "{}".to_string(),
        activities: Vec::new(),
    };
    vec![
        (
            "child-passes",
            sample(
                MachineKind::Standard,
                json!({ "StartAt": "P", "States": {
                    "P": { "Type": "Pass", "Parameters": { "from": "child", "n.$": "$.n" }, "End": true } } }),
            ),
        ),
        (
            "child-waits",
            sample(
                MachineKind::Standard,
                json!({ "StartAt": "W", "States": {
                    "W": { "Type": "Wait", "Seconds": 3, "Next": "T" },
                    "T": { "Type": "Task", "Resource": format!("{}ok-child", values::FUNCTION), "Parameters": { "n.$": "$.n" },
                        "ResultSelector": { "n.$": "$.n" }, "Retry": [handling::lost_retrier(1.5)], "End": true } } }),
            ),
        ),
        (
            "child-fails",
            sample(
                MachineKind::Standard,
                json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "Child.Failed", "Cause": "as asked" } } }),
            ),
        ),
        (
            "child-express",
            sample(
                MachineKind::Express,
                json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } }),
            ),
        ),
    ]
}
