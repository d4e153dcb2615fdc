//! Choice: alternatives that join again, and loops that a counter ends.

use serde_json::{Value, json};

use super::block::{Builder, Language, Scope, States};
use super::values::{WHEN, integer_expression, marked};

/// Turns of a loop.
const TURNS_MAX: usize = 3;

/// Rules inside rules.
const RULE_DEPTH_MAX: usize = 2;

impl Builder<'_> {
    /// A Choice between states that all lead to `next`.
    pub(super) fn alternatives(
        &mut self,
        states: &mut States,
        entry: &str,
        next: Option<&str>,
        scope: &Scope,
    ) {
        self.left = self.left.saturating_sub(1);
        let language = self.state_language();
        let mut state = self.state("Choice", language);
        let count = 1 + self.draw.below(2);
        let mut rules = Vec::new();
        for _ in 0..count {
            let target = self.fresh_name("S");
            self.single(states, &target, next, scope);
            let rule = self.rule(language, &target, scope);
            rules.push(rule);
        }
        state.insert("Choices".into(), Value::Array(rules));
        // Without a Default a Choice may have no way out, which ends the execution.
        if !self.draw.percent(4) {
            let default = self.fresh_name("S");
            self.single(states, &default, next, scope);
            state.insert("Default".into(), json!(default));
        }
        if self.draw.percent(15) {
            let name = self.fresh_name("v");
            let assign = match language {
                Language::JsonPath => json!({ format!("{name}.$"): "$.n" }),
                Language::Jsonata => json!({ name: marked("$states.input.n") }),
            };
            state.insert("Assign".into(), assign);
        }
        if language == Language::Jsonata && self.draw.percent(20) {
            let output = marked("$merge([$states.input, {'chosen': 'default'}])");
            state.insert("Output".into(), output);
        }
        states.insert(entry.to_string(), Value::Object(state));
    }

    fn rule(&mut self, language: Language, target: &str, scope: &Scope) -> Value {
        let mut rule = match language {
            Language::JsonPath => self.comparison(scope, 0),
            Language::Jsonata => {
                let condition = if self.draw.percent(10) {
                    json!(self.draw.percent(50))
                } else {
                    let left = integer_expression(self.draw, &scope.variables);
                    let bound = self.draw.below(900);
                    marked(&format!("({left}) > {bound} or $states.input.flag = true"))
                };
                let mut rule = json!({ "Condition": condition });
                if self.draw.percent(20) {
                    rule["Output"] = marked("$merge([$states.input, {'chosen': 'rule'}])");
                }
                rule
            }
        };
        rule["Next"] = json!(target);
        if self.draw.percent(10) {
            rule["Comment"] = json!("a rule");
        }
        if self.draw.percent(15) {
            let name = self.fresh_name("v");
            rule["Assign"] = match language {
                Language::JsonPath => json!({ format!("{name}.$"): "$.n" }),
                Language::Jsonata => json!({ name: marked("$states.input.n") }),
            };
        }
        rule
    }

    fn comparison(&mut self, scope: &Scope, depth: usize) -> Value {
        if depth < RULE_DEPTH_MAX && self.draw.percent(25) {
            return match self.draw.below(3) {
                0 => json!({ "Not": self.comparison(scope, depth + 1) }),
                1 => {
                    json!({ "And": [self.comparison(scope, depth + 1), self.comparison(scope, depth + 1)] })
                }
                _ => {
                    json!({ "Or": [self.comparison(scope, depth + 1), self.comparison(scope, depth + 1)] })
                }
            };
        }
        if !scope.variables.is_empty() && self.draw.percent(25) {
            let variable = self.draw.one_of(&scope.variables).clone();
            return json!({ "Variable": format!("${variable}"), "NumericLessThan": 40 });
        }
        let bound = self.draw.below(900);
        let all = [
            json!({ "Variable": "$.n", "NumericGreaterThan": bound }),
            json!({ "Variable": "$.n", "NumericLessThanEquals": bound }),
            json!({ "Variable": "$.n", "NumericEqualsPath": "$.box.n" }),
            json!({ "Variable": "$.box.n", "NumericLessThanPath": "$.n" }),
            json!({ "Variable": "$.text", "StringEquals": "alpha" }),
            json!({ "Variable": "$.text", "StringMatches": "*eta*" }),
            json!({ "Variable": "$.text", "StringLessThanPath": "$.box.text" }),
            json!({ "Variable": "$.text", "StringGreaterThanEquals": "c" }),
            json!({ "Variable": "$.flag", "BooleanEquals": true }),
            json!({ "Variable": "$.flag", "BooleanEqualsPath": "$.flag" }),
            json!({ "Variable": "$.when", "TimestampEquals": WHEN }),
            json!({ "Variable": "$.when", "TimestampLessThan": "2020-01-01T00:00:00Z" }),
            json!({ "Variable": "$.when", "TimestampGreaterThanEqualsPath": "$.when" }),
            json!({ "Variable": "$.missing", "IsPresent": false }),
            json!({ "Variable": "$.n", "IsNumeric": true }),
            json!({ "Variable": "$.text", "IsString": true }),
            json!({ "Variable": "$.flag", "IsBoolean": false }),
            json!({ "Variable": "$.when", "IsTimestamp": true }),
            json!({ "Variable": "$.n", "IsNull": true }),
        ];
        self.draw.one_of(&all).clone()
    }

    /// A state that is entered a few times: a counter is set, counted up and compared; the counter afterwards.
    pub(super) fn repeated(
        &mut self,
        states: &mut States,
        entry: &str,
        next: Option<&str>,
        scope: &Scope,
    ) -> Vec<String> {
        self.left = self.left.saturating_sub(3);
        let Some(next) = next else {
            unreachable!("a loop leads somewhere");
        };
        let turns = 1 + self.draw.below(TURNS_MAX);
        let counter = self.fresh_name("c");
        let (body, count, compare) = (
            self.fresh_name("S"),
            self.fresh_name("S"),
            self.fresh_name("S"),
        );
        let language = self.state_language();
        let mut set = self.state("Pass", language);
        set.insert("Assign".into(), json!({ counter.clone(): 0 }));
        set.insert("Next".into(), json!(body));
        states.insert(entry.to_string(), Value::Object(set));

        let mut inside = scope.clone();
        inside.is_looped = true;
        inside.variables.push(counter.clone());
        self.single(states, &body, Some(&count), &inside);

        let language = self.state_language();
        let mut add = self.state("Pass", language);
        let assign = match language {
            Language::JsonPath => {
                json!({ format!("{counter}.$"): format!("States.MathAdd(${counter}, 1)") })
            }
            Language::Jsonata => json!({ counter.clone(): marked(&format!("${counter} + 1")) }),
        };
        add.insert("Assign".into(), assign);
        add.insert("Next".into(), json!(compare));
        states.insert(count, Value::Object(add));

        let language = self.state_language();
        let mut choice = self.state("Choice", language);
        let rule = match language {
            Language::JsonPath => {
                json!({ "Variable": format!("${counter}"), "NumericLessThan": turns, "Next": body })
            }
            Language::Jsonata => {
                json!({ "Condition": marked(&format!("${counter} < {turns}")), "Next": body })
            }
        };
        choice.insert("Choices".into(), json!([rule]));
        choice.insert("Default".into(), json!(next));
        states.insert(compare, Value::Object(choice));
        vec![counter]
    }
}
