//! Intrinsic functions of JSONPath fields: `States.Format('{} ordered', $.name)`.

mod functions;
mod java;
mod parse;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::path::{CopyBudget, ValuePath};
use crate::{Failure, Scope};

use functions::Function;
pub(crate) use functions::hash;
pub(crate) use java::{JavaRandom, java_text};

/// Deepest nesting of calls within calls (AWS, "Intrinsics for JSONPath states": 10).
pub const CALL_DEPTH_MAX: usize = 10;
/// Most arguments of one call.
pub const CALL_ARGUMENTS_MAX: usize = 1_000;

/// A compiled call of an intrinsic function.
#[derive(Debug, Clone, PartialEq)]
pub struct Intrinsic {
    text: String,
    function: Function,
    arguments: Vec<Argument>,
}

/// One argument of a call.
#[derive(Debug, Clone, PartialEq)]
enum Argument {
    Literal(Value),
    /// A quoted text whose `\{` and `\}` are still there: a template tells them from placeholders.
    Text {
        plain: String,
        template: String,
    },
    Path(ValuePath),
    Call(Box<Intrinsic>),
}

impl Intrinsic {
    /// Compiles `text`, such as `States.MathAdd($.count, 1)`.
    ///
    /// - Errors: an unknown function, a wrong number of arguments, bad syntax, deeper than [`CALL_DEPTH_MAX`].
    pub fn parse(text: &str) -> Result<Intrinsic, String> {
        parse::parse(text)
    }

    /// The call as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The function's name, such as `States.Format`.
    pub fn name(&self) -> &'static str {
        self.function.name()
    }

    /// Names of the variables that the arguments read, without their `$`.
    pub fn variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        self.collect_variables(&mut names);
        names
    }

    pub(crate) fn collect_variables(&self, names: &mut BTreeSet<String>) {
        for argument in &self.arguments {
            match argument {
                Argument::Path(path) => names.extend(path.variable().map(str::to_owned)),
                Argument::Call(call) => call.collect_variables(names),
                Argument::Literal(_) | Argument::Text { .. } => {}
            }
        }
    }

    /// The function's result.
    ///
    /// - `field`: the field as written, such as `value.$`; a missing path names it.
    /// - Errors: `States.Runtime`, for a missing path and for arguments that the function refuses;
    ///   `States.DataLimitExceeded` when the arguments are too large together.
    pub fn evaluate(&self, scope: &Scope<'_>, field: &str) -> Result<Value, Failure> {
        let mut values = Vec::with_capacity(self.arguments.len());
        let mut budget = CopyBudget::new();
        for (position, argument) in self.arguments.iter().enumerate() {
            let value = match argument {
                Argument::Literal(value) => value.clone(),
                Argument::Text { template, .. }
                    if position == 0 && self.function == Function::Format =>
                {
                    Value::String(template.clone())
                }
                Argument::Text { plain, .. } => Value::String(plain.clone()),
                Argument::Path(path) => path.evaluate(scope, field)?.into_owned(),
                Argument::Call(call) => call.evaluate(scope, field)?,
            };
            budget.spend(&value)?;
            values.push(value);
        }
        self.function.call(values, scope).map_err(|problem| {
            Failure::runtime(format!(
                "The function '{}' had the following error: {problem}",
                self.text
            ))
        })
    }
}

#[cfg(test)]
mod tests;
