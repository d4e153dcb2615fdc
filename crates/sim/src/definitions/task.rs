//! Task: functions, callbacks, activities, and executions that a task starts.

use serde_json::{Map, Value, json};
use stepwell_engine::MachineKind;

use super::block::{Builder, Language, Made, Scope};
use super::flow::ResultOf;
use super::values::{ACTIVITY, FUNCTION, MACHINE, marked};

/// A called state machine whose execution has ended, but for what differs from run to run.
const ENDED: ResultOf = ResultOf {
    standard: None,
    steady: None,
    steady_expression: "{'output': $states.result.Output, 'status': $states.result.Status}",
};

/// A started execution: its name and its start differ from run to run.
const STARTED: ResultOf = ResultOf {
    standard: None,
    steady: None,
    steady_expression: "{'started': $exists($states.result.ExecutionArn)}",
};

/// Lambda's reply.
const INVOKED: ResultOf = ResultOf {
    standard: Some("$.Payload"),
    steady: None,
    steady_expression: "$states.result.Payload",
};

/// Error names of functions that always fail.
const FAILURES: [&str; 3] = ["Custom", "Custom.Error", "Busy"];

impl Builder<'_> {
    pub(super) fn task(&mut self, scope: &Scope) -> Made {
        let is_standard = scope.kind == MachineKind::Standard;
        match self.draw.below(100) {
            0..16 if is_standard && self.features.callbacks => self.callback(scope),
            16..32 if is_standard && !scope.is_child && self.features.activities => {
                self.activity(scope)
            }
            32..50 if self.features.nested => self.started_execution(scope),
            50..75 => self.invocation(scope),
            _ => self.function(scope),
        }
    }

    fn function(&mut self, scope: &Scope) -> Made {
        let language = self.state_language();
        let (name, failures) = self.callee(scope);
        let mut state = self.state("Task", language);
        let qualifier = if self.draw.percent(10) {
            ":$LATEST"
        } else {
            ""
        };
        state.insert(
            "Resource".into(),
            json!(format!("{FUNCTION}{name}{qualifier}")),
        );
        self.payload(&mut state, language);
        self.finish(state, language, scope, failures, ResultOf::STANDARD)
    }

    fn invocation(&mut self, scope: &Scope) -> Made {
        let language = self.state_language();
        let (name, failures) = self.callee(scope);
        let mut state = self.state("Task", language);
        state.insert("Resource".into(), json!("arn:aws:states:::lambda:invoke"));
        let name = if self.draw.percent(30) {
            format!("{FUNCTION}{name}")
        } else {
            name
        };
        let (field, mut parameters) = match language {
            Language::JsonPath => (
                "Parameters",
                json!({ "FunctionName": name, "Payload": { "n.$": "$.n", "text.$": "$.text" } }),
            ),
            Language::Jsonata => (
                "Arguments",
                json!({ "FunctionName": name, "Payload": marked("$states.input") }),
            ),
        };
        if self.draw.percent(10) {
            parameters["InvocationType"] = json!("RequestResponse");
        }
        state.insert(field.into(), parameters);
        self.finish(state, language, scope, failures, INVOKED)
    }

    fn callback(&mut self, scope: &Scope) -> Made {
        let language = self.state_language();
        let (name, failures) = self.callee(scope);
        let mut state = self.state("Task", language);
        state.insert(
            "Resource".into(),
            json!("arn:aws:states:::lambda:invoke.waitForTaskToken"),
        );
        let (field, parameters) = match language {
            Language::JsonPath => (
                "Parameters",
                json!({ "FunctionName": name, "Payload": { "token.$": "$$.Task.Token", "n.$": "$.n" } }),
            ),
            Language::Jsonata => (
                "Arguments",
                json!({ "FunctionName": name, "Payload": {
                    "token": marked("$states.context.Task.Token"), "n": marked("$states.input.n") } }),
            ),
        };
        state.insert(field.into(), parameters);
        self.finish(state, language, scope, failures, ResultOf::STANDARD)
    }

    fn activity(&mut self, scope: &Scope) -> Made {
        let language = self.state_language();
        let (callee, failures) = self.callee(scope);
        // Workers poll for each by name: a few names, which all samples share.
        let name = match callee.rsplit_once('-') {
            Some((name, _)) => format!("{name}-activity"),
            None => callee,
        };
        let mut state = self.state("Task", language);
        state.insert("Resource".into(), json!(format!("{ACTIVITY}{name}")));
        self.activities.push(name);
        self.payload(&mut state, language);
        let mut made = self.finish(state, language, scope, failures, ResultOf::STANDARD);
        let is_limited = ["TimeoutSeconds", "TimeoutSecondsPath"]
            .iter()
            .any(|field| made.state.contains_key(*field));
        if !is_limited {
            // A worker that a crash has cut off never answers: only its time-out ends such a task.
            let seconds = 100 + self.draw.below(500);
            made.state.insert("TimeoutSeconds".into(), json!(seconds));
        }
        made
    }

    fn started_execution(&mut self, scope: &Scope) -> Made {
        let language = self.state_language();
        let mut state = self.state("Task", language);
        let patterns: &[&str] = if scope.kind == MachineKind::Standard {
            &["", ".sync", ".sync:2"]
        } else {
            &[""]
        };
        let pattern = *self.draw.one_of(patterns);
        let (child, failures) = match (pattern, self.draw.below(5)) {
            ("", 0) => ("child-express", 0),
            (_, 1) => ("child-waits", 0),
            // The failure of an execution that nobody waits for is nobody's.
            (pattern, 2) => ("child-fails", u32::from(!pattern.is_empty())),
            _ => ("child-passes", 0),
        };
        state.insert(
            "Resource".into(),
            json!(format!("arn:aws:states:::states:startExecution{pattern}")),
        );
        let machine = format!("{MACHINE}{child}");
        let (field, parameters) = match language {
            Language::JsonPath => (
                "Parameters",
                json!({ "StateMachineArn": machine, "Input": { "n.$": "$.n", "AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID.$": "$$.Execution.Id" } }),
            ),
            Language::Jsonata => (
                "Arguments",
                json!({ "StateMachineArn": machine, "Input": { "n": marked("$states.input.n") } }),
            ),
        };
        state.insert(field.into(), parameters);
        let result = if pattern.is_empty() {
            ResultOf {
                steady: Some(json!({ "started": "yes" })),
                ..STARTED
            }
        } else {
            ResultOf {
                steady: Some(json!({ "output.$": "$.Output", "status.$": "$.Status" })),
                ..ENDED
            }
        };
        self.retry(&mut state, failures, false);
        let assigned = if pattern.is_empty() || language == Language::Jsonata {
            Vec::new()
        } else {
            let name = self.fresh_name("s");
            state.insert("Assign".into(), json!({ format!("{name}.$"): "$.Status" }));
            Vec::new()
        };
        // The whole result is no result to keep: selectors make it one, and a Map or Parallel around it keeps that.
        let shape = self.steady_result(&mut state, language, &result);
        Made {
            state,
            shape,
            assigned,
        }
    }

    /// Name of a function, and how often it fails before it succeeds.
    fn callee(&mut self, scope: &Scope) -> (String, u32) {
        let suffix = self.fresh_name("t");
        // How often a child of a map run was lost nobody sees, and a function that fails a few times fails less often then.
        let may_flake = self.features.retries && !scope.is_looped && !scope.is_child;
        match self.draw.below(100) {
            0..30 if may_flake => {
                let times = 1 + self.draw.below(2);
                (format!("flaky-{times}-{suffix}"), times as u32)
            }
            30..40 => {
                let error = self.draw.one_of(&FAILURES);
                (format!("fails-{error}-{suffix}"), 1)
            }
            _ => (format!("ok-{suffix}"), 0),
        }
    }

    /// What a function or an activity is given.
    fn payload(&mut self, state: &mut Map<String, Value>, language: Language) {
        match (language, self.draw.below(4)) {
            (Language::JsonPath, 0) => {
                let parameters = json!({ "n.$": "$.n", "text": "fixed", "list.$": "$.items" });
                state.insert("Parameters".into(), parameters);
            }
            (Language::JsonPath, 1) => drop(state.insert("InputPath".into(), json!("$.box"))),
            (Language::JsonPath, 2) => drop(state.insert("InputPath".into(), json!("$"))),
            (Language::Jsonata, 0) => {
                let arguments = json!({ "n": marked("$states.input.n * 2"), "text": "fixed" });
                state.insert("Arguments".into(), arguments);
            }
            _ => {}
        }
    }

    fn finish(
        &mut self,
        mut state: Map<String, Value>,
        language: Language,
        scope: &Scope,
        failures: u32,
        result: ResultOf,
    ) -> Made {
        self.limits(&mut state, language, scope);
        if self.draw.percent(8) {
            state.insert(
                "Credentials".into(),
                json!({ "RoleArn": "arn:aws:iam::123456789012:role/task" }),
            );
        }
        // Children of map runs have histories that nobody compares: what is done to their tasks must not show.
        let is_steady = scope.is_child || self.draw.percent(60);
        self.retry(&mut state, failures, is_steady);
        let integers = result.standard.unwrap_or("$");
        let assigned = match (language, integers) {
            // `Assign` of a JSONPath task sees the result, which has no more than a reply has.
            (Language::JsonPath, "$") => self.assign(&mut state, language, scope, "$"),
            _ => self.assign(&mut state, language, scope, integers),
        };
        let shape = self.result(&mut state, language, &result);
        Made {
            state,
            shape,
            assigned,
        }
    }

    /// `TimeoutSeconds` and `HeartbeatSeconds`, far above what an answer takes.
    fn limits(&mut self, state: &mut Map<String, Value>, language: Language, scope: &Scope) {
        if !self.features.timeouts || scope.kind == MachineKind::Express || scope.is_child {
            return;
        }
        if self.draw.percent(50) {
            let (field, value) = match (language, self.draw.below(3)) {
                (Language::JsonPath, 0) => ("TimeoutSecondsPath", json!("$.limit")),
                (Language::Jsonata, 0) => ("TimeoutSeconds", marked("$states.input.limit")),
                _ => ("TimeoutSeconds", json!(100 + self.draw.below(500))),
            };
            state.insert(field.into(), value);
        }
        if self.draw.percent(40) {
            let (field, value) = match (language, self.draw.below(3)) {
                (Language::JsonPath, 0) => ("HeartbeatSecondsPath", json!("$.beat")),
                (Language::Jsonata, 0) => ("HeartbeatSeconds", marked("$states.input.beat")),
                _ => ("HeartbeatSeconds", json!(20 + self.draw.below(70))),
            };
            state.insert(field.into(), value);
        }
        // Both paths are read from what `InputPath` leaves.
        let reads_input = ["TimeoutSecondsPath", "HeartbeatSecondsPath"]
            .iter()
            .any(|field| state.contains_key(*field));
        if reads_input && state.get("InputPath") == Some(&json!("$.box")) {
            state.shift_remove("InputPath");
        }
    }
}
