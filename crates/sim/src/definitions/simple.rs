//! Pass, Wait, Succeed and Fail.

use serde_json::{Value, json};
use stepwell_engine::MachineKind;

use super::block::{Builder, Language, Made, Scope};
use super::values::{WHEN, expression, intrinsic, marked};

impl Builder<'_> {
    pub(super) fn pass(&mut self, scope: &Scope) -> Made {
        let language = self.state_language();
        let mut state = self.state("Pass", language);
        let result = self.fresh_name("r");
        match (language, self.draw.below(4)) {
            (Language::JsonPath, 0) => {
                state.insert(
                    "Result".into(),
                    json!({ "fixed": [1, { "a": null }], "n": 3 }),
                );
                if self.draw.percent(20) {
                    // AWS: not evaluated beside a `Result`.
                    state.insert("InputPath".into(), Value::Null);
                }
                state.insert("ResultPath".into(), json!(format!("$.{result}")));
            }
            (Language::JsonPath, 1) => {
                // What differs from run to run is evaluated and thrown away.
                state.insert(
                    "Parameters".into(),
                    json!({ "n": 5, "id.$": "States.UUID()", "entered.$": "$$.State.EnteredTime", "any.$": "States.MathRandom(1, 99, 7)" }),
                );
                state.insert("ResultPath".into(), Value::Null);
            }
            (Language::JsonPath, _) => {
                if self.draw.percent(20) {
                    let path = if scope.is_top && self.draw.percent(40) {
                        "$$.Execution.Input.box"
                    } else {
                        "$.box"
                    };
                    state.insert("InputPath".into(), json!(path));
                    state.insert(
                        "Parameters".into(),
                        json!({ "n.$": "$.n", "text.$": "$.text" }),
                    );
                } else {
                    let call = intrinsic(self.draw);
                    state.insert(
                        "Parameters".into(),
                        json!({ "n.$": "$.n", "made.$": call, "deep": [{ "n.$": "$.n" }] }),
                    );
                }
                state.insert("ResultPath".into(), json!(format!("$.{result}")));
            }
            (Language::Jsonata, 0) => {}
            (Language::Jsonata, _) => {
                let made = expression(self.draw);
                let output = marked(&format!("$merge([$states.input, {{'{result}': {made}}}])"));
                state.insert("Output".into(), output);
            }
        }
        // In JSONPath it sees the result, which has no more than `n`.
        let assigned = self.assign(&mut state, language, scope, "$.n");
        let shape = self.output_path(&mut state, language);
        Made {
            state,
            shape,
            assigned,
        }
    }

    pub(super) fn wait(&mut self, scope: &Scope) -> Made {
        let language = self.state_language();
        let mut state = self.state("Wait", language);
        let longest = if scope.kind == MachineKind::Express {
            4
        } else {
            40
        };
        let (field, value) = match (language, self.draw.below(6)) {
            (Language::JsonPath, 0) => ("SecondsPath", json!("$.seconds")),
            (Language::JsonPath, 1) => ("TimestampPath", json!("$.when")),
            (Language::Jsonata, 0) => ("Seconds", marked("$states.input.seconds")),
            (Language::Jsonata, 1) => (
                "Timestamp",
                marked("$fromMillis($toMillis($states.context.State.EnteredTime) + 2500)"),
            ),
            (_, 2) => ("Timestamp", json!(WHEN)),
            _ => ("Seconds", json!(self.draw.below(longest))),
        };
        state.insert(field.into(), value);
        if language == Language::Jsonata && self.draw.percent(30) {
            let output = marked("$merge([$states.input, {'waited': true}])");
            state.insert("Output".into(), output);
        }
        let assigned = self.assign(&mut state, language, scope, "$");
        let shape = self.output_path(&mut state, language);
        Made {
            state,
            shape,
            assigned,
        }
    }

    pub(super) fn succeed(&mut self, _scope: &Scope) -> Value {
        let language = self.state_language();
        let mut state = self.state("Succeed", language);
        match language {
            Language::JsonPath => {
                if self.draw.percent(20) {
                    state.insert("InputPath".into(), json!("$.box"));
                }
                if self.draw.percent(20) {
                    state.insert("OutputPath".into(), json!("$.n"));
                }
            }
            Language::Jsonata => {
                if self.draw.percent(40) {
                    let made = expression(self.draw);
                    let output = json!({ "last": marked(&made), "all": marked("$states.input") });
                    state.insert("Output".into(), output);
                }
            }
        }
        Value::Object(state)
    }

    pub(super) fn fail(&mut self, _scope: &Scope) -> Value {
        let language = self.state_language();
        let mut state = self.state("Fail", language);
        let (error, cause) = match (language, self.draw.below(4)) {
            (_, 0) => (None, None),
            (Language::JsonPath, 1) => (
                Some(("ErrorPath", json!("$.text"))),
                Some(("CausePath", json!("States.Format('it was {}', $.n)"))),
            ),
            (Language::Jsonata, 1) => (
                Some(("Error", marked("$states.input.text"))),
                Some(("Cause", marked("'it was ' & $string($states.input.n)"))),
            ),
            (_, 2) => (Some(("Error", json!("Custom.Failed"))), None),
            _ => (
                Some(("Error", json!("Custom.Failed"))),
                Some(("Cause", json!("as it was meant to"))),
            ),
        };
        for (field, value) in error.into_iter().chain(cause) {
            state.insert(field.into(), value);
        }
        Value::Object(state)
    }
}
