//! Intrinsic functions of JSONPath fields: `States.Format('{} ordered', $.name)`.

mod functions;
mod java;
mod parse;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::path::{CopyBudget, ValuePath};
use crate::{Failure, Scope};

pub(crate) use functions::hash;
use functions::{Function, Refused};
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
    /// - Errors: `States.Runtime`, for a missing path and for arguments that the function refuses;
    ///   `States.DataLimitExceeded` when the arguments are too large together.
    /// - AWS: the cause names the whole call, whichever call inside it fails (quoted by
    ///   users of the service).
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        self.value(scope).map_err(|problem| match problem {
            Problem::Data(failure) => failure,
            Problem::Argument(sentence) => Failure::runtime(format!(
                "The function '{}' had the following error: {sentence}",
                self.text
            )),
        })
    }

    fn value(&self, scope: &Scope<'_>) -> Result<Value, Problem> {
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
                Argument::Path(path) => match path.lookup(scope) {
                    Some(value) => value.into_owned(),
                    None => return Err(missing(path, scope)),
                },
                Argument::Call(call) => call.value(scope)?,
            };
            budget.spend(&value).map_err(Problem::Data)?;
            values.push(value);
        }
        let refused = |Refused(why): Refused| {
            Problem::Argument(format!("Invalid arguments in {}{why}", self.name()))
        };
        self.function.call(values, scope).map_err(refused)
    }
}

/// Why a call has no result.
enum Problem {
    /// What is wrong with an argument, in AWS's words.
    Argument(String),
    Data(Failure),
}

fn missing(path: &ValuePath, scope: &Scope<'_>) -> Problem {
    Problem::Argument(format!(
        "The JsonPath argument for the field '{}' could not be found in the input '{}'",
        path.text(),
        scope.input
    ))
}

#[cfg(test)]
mod tests;
