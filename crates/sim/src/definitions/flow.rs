//! How data passes through a state: paths and selectors in JSONPath, `Output` in JSONata, `Assign` in both.

use serde_json::{Map, Value, json};

use super::block::{Builder, Language, Scope, Shape};
use super::values::{integer_expression, integer_path, marked};

/// A result of a state, and where in it something is that suits an expression.
pub(super) struct ResultOf {
    /// JSONPath into the result that gives a standard object; `None` if nothing in it is one.
    pub(super) standard: Option<&'static str>,
    /// A selector, as a JSONPath template, whose value is the same in every run; `None`: the whole result is.
    pub(super) steady: Option<Value>,
    /// The same as a JSONata expression on `$states.result`, without its marks.
    pub(super) steady_expression: &'static str,
}

impl ResultOf {
    /// The whole result is a standard object.
    pub(super) const STANDARD: ResultOf = ResultOf {
        standard: Some("$"),
        steady: None,
        steady_expression: "$states.result",
    };
}

impl Builder<'_> {
    /// `Assign` of one more variable, sometimes; the variables that hold integers.
    ///
    /// - `integers`: JSONPath of a standard object in what `Assign` sees, or `$.n` where there is no more than that.
    pub(super) fn assign(
        &mut self,
        state: &mut Map<String, Value>,
        language: Language,
        scope: &Scope,
        integers: &str,
    ) -> Vec<String> {
        if !self.draw.percent(30) {
            return Vec::new();
        }
        let name = self.fresh_name("v");
        let mut assign = Map::new();
        match language {
            Language::JsonPath => {
                let path = integer_path(self.draw, &scope.variables);
                let path = match integers {
                    "$" => path,
                    "$.n" if path.starts_with("$v") || path.starts_with("$c") => path,
                    "$.n" => "States.MathAdd($.n, 1)".to_string(),
                    _ => path.replace("$.", &format!("{integers}.")),
                };
                assign.insert(format!("{name}.$"), json!(path));
                if self.draw.percent(20) {
                    let unread = self.fresh_name("u");
                    assign.insert(format!("{unread}.$"), json!("States.UUID()"));
                }
            }
            Language::Jsonata => {
                let made = integer_expression(self.draw, &scope.variables);
                assign.insert(name.clone(), marked(&made));
                if self.draw.percent(20) {
                    let unread = self.fresh_name("u");
                    assign.insert(unread, json!([marked("$uuid()"), marked("$now()")]));
                }
            }
        }
        state.insert("Assign".into(), Value::Object(assign));
        vec![name]
    }

    /// `OutputPath`, rarely.
    pub(super) fn output_path(
        &mut self,
        state: &mut Map<String, Value>,
        language: Language,
    ) -> Shape {
        if language == Language::Jsonata {
            return Shape::Standard;
        }
        match self.draw.below(20) {
            0 => drop(state.insert("OutputPath".into(), json!("$.box"))),
            1 => drop(state.insert("OutputPath".into(), Value::Null)),
            2 => {
                state.insert("OutputPath".into(), json!("$"));
                return Shape::Standard;
            }
            _ => return Shape::Standard,
        }
        Shape::Other
    }

    /// The fields that make the output of a state with a result, and what it gives.
    pub(super) fn result(
        &mut self,
        state: &mut Map<String, Value>,
        language: Language,
        result: &ResultOf,
    ) -> Shape {
        let place = self.fresh_name("r");
        match language {
            Language::JsonPath => self.json_path_result(state, result, &place),
            Language::Jsonata => self.jsonata_result(state, result, &place),
        }
    }

    fn json_path_result(
        &mut self,
        state: &mut Map<String, Value>,
        result: &ResultOf,
        place: &str,
    ) -> Shape {
        match (self.draw.below(10), result.standard) {
            (0, _) => drop(state.insert("ResultPath".into(), Value::Null)),
            (1..3, Some("$")) => return Shape::Standard,
            (1..3, Some(path)) => {
                state.insert("OutputPath".into(), json!(path));
                return Shape::Standard;
            }
            (3, _) => {
                if let Some(steady) = &result.steady {
                    state.insert("ResultSelector".into(), steady.clone());
                } else if self.draw.percent(50) {
                    let selector =
                        json!({ "all.$": "$", "list": ["x"], "made.$": "States.JsonToString($)" });
                    state.insert("ResultSelector".into(), selector);
                }
                let is_replaced = self.draw.percent(50);
                if is_replaced {
                    return Shape::Other;
                }
                state.insert("ResultPath".into(), json!(format!("$.box.{place}")));
            }
            _ => {
                if let Some(steady) = &result.steady {
                    state.insert("ResultSelector".into(), steady.clone());
                }
                state.insert("ResultPath".into(), json!(format!("$.{place}")));
            }
        }
        self.output_path(state, Language::JsonPath)
    }

    fn jsonata_result(
        &mut self,
        state: &mut Map<String, Value>,
        result: &ResultOf,
        place: &str,
    ) -> Shape {
        let steady = result.steady_expression;
        match self.draw.below(10) {
            0 => {
                state.insert("Output".into(), json!({ "only": marked(steady), "n": 1 }));
                return Shape::Other;
            }
            1 if result.standard == Some("$") => return Shape::Standard,
            2 => drop(state.insert("Output".into(), marked("$states.input"))),
            _ => {
                let output = format!("$merge([$states.input, {{'{place}': {steady}}}])");
                state.insert("Output".into(), marked(&output));
            }
        }
        Shape::Standard
    }
}
