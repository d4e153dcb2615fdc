//! What AWS allows but doubts. Never refuses a definition.

use serde_json::Value;

use super::Parser;
use super::report::{NO_DOLLAR, NO_PATH, PASS_RESULT_IS_STATIC};

impl Parser<'_> {
    /// A member of a payload template whose value is a path or a function call, but whose name does not end in `.$`.
    pub(super) fn warn_of_missing_dollar(&mut self, pointer: &str, value: &Value) {
        match value {
            Value::Object(object) => {
                for (name, value) in object {
                    let pointer = format!("{pointer}/{name}");
                    match value {
                        Value::String(text) if !name.ends_with(".$") && looks_evaluated(text) => {
                            let message = format!(
                                "No .$ on the field '{name}', whose value appears to be a JSONPath or Intrinsic Function"
                            );
                            self.report.warn(NO_DOLLAR, &pointer, message);
                        }
                        _ => self.warn_of_missing_dollar(&pointer, value),
                    }
                }
            }
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.warn_of_missing_dollar(&format!("{pointer}[{index}]"), item);
                }
            }
            _ => {}
        }
    }

    /// A literal text that looks like a path, in a field that has a twin ending in `Path`.
    pub(super) fn warn_of_missing_path(&mut self, pointer: &str, field: &str, text: &str) {
        if looks_evaluated(text) {
            let message = format!(
                "The value of the field '{field}' looks like a path, but the field name does not end with 'Path'"
            );
            self.report.warn(NO_PATH, pointer, message);
        }
    }

    /// A path in the literal `Result` of a Pass.
    pub(super) fn warn_of_static_result(&mut self, pointer: &str, result: &Value) {
        if has_path(result) {
            self.report.warn(
                PASS_RESULT_IS_STATIC,
                pointer,
                "Attempt to use a path in the result of a Pass state",
            );
        }
    }
}

fn has_path(value: &Value) -> bool {
    match value {
        Value::String(text) => looks_evaluated(text),
        Value::Array(items) => items.iter().any(has_path),
        Value::Object(object) => object
            .iter()
            .any(|(name, value)| name.ends_with(".$") || has_path(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn looks_evaluated(text: &str) -> bool {
    text.starts_with("$.")
        || text.starts_with("$$.")
        || text.starts_with("$[")
        || text.starts_with("States.")
}
