//! Retry and Catch, with all their fields.

use serde_json::{Map, Value, json};

use super::block::{Builder, Language, States};
use super::values::marked;

/// What a task fails with whose outcome a crash has made unknown.
pub const LOST_ERRORS: [&str; 2] = ["Lambda.SdkClientException", "Sfn.SdkClientException"];

/// Retries of lost tasks: more than any world loses.
const LOST_ATTEMPTS: u32 = 99;

/// A retrier for lost tasks alone.
pub(super) fn lost_retrier(rate: f64) -> Value {
    json!({ "ErrorEquals": LOST_ERRORS, "IntervalSeconds": 1, "MaxAttempts": LOST_ATTEMPTS, "BackoffRate": rate, "MaxDelaySeconds": 2 })
}

impl Builder<'_> {
    /// `Retry`, sometimes.
    ///
    /// - `wanted`: how often the state fails before it succeeds; mostly there is room for that.
    /// - `is_steady`: what a crash does to its tasks must not show.
    pub(super) fn retry(&mut self, state: &mut Map<String, Value>, wanted: u32, is_steady: bool) {
        let mut retriers = Vec::new();
        if is_steady {
            let rate = *self.draw.one_of(&[1.0, 1.5, 2.0]);
            retriers.push(lost_retrier(rate));
        }
        let is_retried = self.features.retries && (wanted > 0 || self.draw.percent(40));
        if is_retried {
            if self.draw.percent(40) {
                let retrier = self.retrier(json!(["Never.Happens", "Busy"]), wanted);
                retriers.push(retrier);
            }
            if self.features.timeouts && self.draw.percent(40) {
                let name = *self
                    .draw
                    .one_of(&["States.Timeout", "States.HeartbeatTimeout"]);
                let retrier = self.retrier(json!([name]), 2);
                retriers.push(retrier);
            }
            if self.draw.percent(60) {
                let name = *self.draw.one_of(&["States.ALL", "States.TaskFailed"]);
                let retrier = self.retrier(json!([name]), wanted);
                retriers.push(retrier);
            }
        }
        if !retriers.is_empty() {
            state.insert("Retry".into(), Value::Array(retriers));
        }
    }

    fn retrier(&mut self, errors: Value, wanted: u32) -> Value {
        let mut retrier = json!({ "ErrorEquals": errors });
        if self.draw.percent(10) {
            retrier["Comment"] = json!("a retrier");
        }
        let interval = 1 + self.draw.below(3);
        if self.draw.percent(70) {
            retrier["IntervalSeconds"] = json!(interval);
        }
        let attempts = if self.draw.percent(85) {
            wanted + 1 + self.draw.below(3) as u32
        } else {
            self.draw.below(2) as u32
        };
        if self.draw.percent(80) {
            retrier["MaxAttempts"] = json!(attempts);
        }
        if self.draw.percent(60) {
            retrier["BackoffRate"] = json!(*self.draw.one_of(&[1.0, 1.5, 2.0, 3.0]));
        }
        if self.draw.percent(50) {
            retrier["MaxDelaySeconds"] = json!(3 + self.draw.below(4));
        }
        if self.draw.percent(40) {
            retrier["JitterStrategy"] = json!(*self.draw.one_of(&["FULL", "NONE"]));
        }
        retrier
    }

    /// `Catch` of a Task, Parallel or Map, sometimes, with the state that handles the error; whether there is one.
    pub(super) fn catch(
        &mut self,
        state: &mut Map<String, Value>,
        states: &mut States,
        next: Option<&str>,
    ) -> bool {
        let may_catch = ["Task", "Parallel", "Map"]
            .iter()
            .any(|kind| state.get("Type") == Some(&json!(kind)));
        if !may_catch || !self.features.catches || !self.draw.percent(50) {
            return false;
        }
        let is_jsonata = state.get("QueryLanguage") == Some(&json!("JSONata"))
            || self.language == Language::Jsonata;
        let mut catchers = Vec::new();
        if self.draw.percent(40) {
            let errors = json!(["Busy", "Custom", "States.QueryEvaluationError"]);
            let catcher = self.catcher(states, next, errors, is_jsonata);
            catchers.push(catcher);
        }
        if catchers.is_empty() || self.draw.percent(70) {
            let name = *self
                .draw
                .one_of(&["States.ALL", "States.TaskFailed", "States.Timeout"]);
            let catcher = self.catcher(states, next, json!([name]), is_jsonata);
            catchers.push(catcher);
        }
        state.insert("Catch".into(), Value::Array(catchers));
        true
    }

    fn catcher(
        &mut self,
        states: &mut States,
        next: Option<&str>,
        errors: Value,
        is_jsonata: bool,
    ) -> Value {
        let handler = self.fresh_name("H");
        let mut catcher = json!({ "ErrorEquals": errors, "Next": handler });
        if self.draw.percent(10) {
            catcher["Comment"] = json!("a catcher");
        }
        match (is_jsonata, self.draw.below(3)) {
            (false, 0) => {}
            (false, 1) => catcher["ResultPath"] = Value::Null,
            (false, _) => catcher["ResultPath"] = json!("$.error"),
            (true, 0) => {}
            (true, _) => {
                let output = "$merge([$states.input, {'error': $states.errorOutput.Error}])";
                catcher["Output"] = marked(output);
            }
        }
        if self.draw.percent(20) {
            let name = self.fresh_name("e");
            catcher["Assign"] = if is_jsonata {
                json!({ name: marked("$states.errorOutput.Error") })
            } else {
                json!({ format!("{name}.$"): "$.Error" })
            };
        }
        match self.draw.below(4) {
            0 => {
                let scope_free = self.handler_end();
                states.insert(handler, scope_free);
            }
            _ => {
                let made = self.made_standard();
                self.put(states, &handler, made, next);
            }
        }
        catcher
    }

    /// A handler that ends the block.
    fn handler_end(&mut self) -> Value {
        let language = self.state_language();
        if self.draw.percent(50) {
            Value::Object(self.state("Succeed", language))
        } else {
            let mut state = self.state("Fail", language);
            state.insert("Error".into(), json!("Handled"));
            Value::Object(state)
        }
    }
}
