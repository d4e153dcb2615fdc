//! JSONata: the seam over the `jsonata-core` crate.
//!
//! Nothing else in Stepwell knows which crate evaluates JSONata. The seam adds what AWS adds (functions), takes
//! away what AWS takes away (`$eval`, references to the top level), bounds depth, time and size, and speaks in
//! AWS's words.

mod catalogue;
mod direct;
mod functions;
mod guard;
mod messages;
mod reads;
mod references;
mod signatures;
mod template;
mod urls;
mod values;

use std::cell::OnceCell;
use std::collections::BTreeSet;

use jsonata_core::ast::AstNode;
use jsonata_core::evaluator::{Context, Evaluator, EvaluatorError, EvaluatorOptions};
use jsonata_core::parser;
use jsonata_core::value::JValue;
use serde_json::Value;

use crate::{Failure, Scope};

use direct::Direct;
use references::References;
pub use template::{JsonataTemplate, TemplateCompileProblem};
use values::Unconvertible;

/// Deepest evaluation. AWS stops at about 100; the crate counts one level less than the reference.
pub const EVALUATION_DEPTH_MAX: usize = 99;
/// Longest evaluation (AWS: one second). It only ends loops that no other bound ends.
pub const EVALUATION_MS_MAX: u64 = 1_000;
/// Longest sequence (AWS: measured, one more fails).
pub const SEQUENCE_ITEMS_MAX: usize = 873_782;
/// Longest text that an evaluation may build, in characters (AWS: measured, twice as much fails).
pub const TEXT_CHARACTERS_MAX: usize = 1 << 22;
/// Stack of an evaluation whose functions make functions. Only what is used is ever mapped.
const FUNCTIONS_STACK_BYTES: usize = 256 << 20;
/// Longest expression, in bytes: a definition is at most 1 MB.
pub const EXPRESSION_BYTES_MAX: usize = 1 << 20;

/// A compiled expression, `{% $states.input.total * 2 %}`.
#[derive(Debug, Clone)]
pub struct Expression {
    source: String,
    ast: AstNode,
    references: Box<References>,
    /// The functions that [`guard`] has put into the expression.
    guards: BTreeSet<&'static str>,
    /// The expression again, if it is simple.
    direct: Option<Box<Direct>>,
}

/// Why an expression is refused when a definition is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CompileProblem {
    /// It is not JSONata: `INVALID_JSONATA_EXPRESSION`.
    Invalid { message: String },
    /// It is, but AWS does not allow it: `UNSUPPORTED_JSONATA_EXPRESSION`.
    Unsupported { message: String },
}

impl CompileProblem {
    /// AWS's diagnostic code.
    pub fn code(&self) -> &'static str {
        match self {
            CompileProblem::Invalid { .. } => "INVALID_JSONATA_EXPRESSION",
            CompileProblem::Unsupported { .. } => "UNSUPPORTED_JSONATA_EXPRESSION",
        }
    }

    /// AWS's sentence.
    pub fn message(&self) -> &str {
        match self {
            CompileProblem::Invalid { message } | CompileProblem::Unsupported { message } => {
                message
            }
        }
    }
}

/// What has come of a state's work when a field is evaluated: a member of `$states`, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing yet, or the state has no work.
    None,
    /// `$states.result`: `Output` and `Assign` of a Task, Parallel or Map.
    Result,
    /// `$states.errorOutput`: `Output` and `Assign` of a catcher.
    Error,
}

impl Expression {
    /// Whether `text` is an expression: `{%` first, `%}` last.
    pub fn is_expression(text: &str) -> bool {
        text.len() >= 4 && text.starts_with("{%") && text.ends_with("%}")
    }

    /// Whether `text` is an expression or half of one: it starts as an expression does, or it ends so.
    ///
    /// - AWS: half an expression is refused, as one with blanks around it is (developer guide, "Writing JSONata
    ///   expressions in JSON strings").
    pub fn is_marked(text: &str) -> bool {
        text.starts_with("{%") || text.ends_with("%}")
    }

    /// Compiles `text`, delimiters included, of a field that is evaluated when `outcome` is there.
    ///
    /// - AWS: a member of `$states` that a field cannot have is refused when the definition is created (developer
    ///   guide, "Reserved variable: $states"). The version is 2.0.6 (developer guide, "Transforming data with
    ///   JSONata"), which does not know `??` and `?:`.
    pub fn compile(text: &str, outcome: Outcome) -> Result<Expression, CompileProblem> {
        if !Expression::is_expression(text) {
            return Err(CompileProblem::Invalid {
                message: format!(
                    "An expression must start with '{{%' and end with '%}}', without blanks around it: {text}"
                ),
            });
        }
        let source = text[2..text.len() - 2].trim();
        let expression =
            Expression::parse_with_code(source).map_err(|message| CompileProblem::Invalid {
                message: messages::syntax(&message),
            })?;
        if let Some(message) = expression.references.invalid {
            return Err(CompileProblem::Invalid {
                message: message.to_owned(),
            });
        }
        let message = match &*expression.references {
            References {
                unsupported: Some(name),
                ..
            } => format!("Reference to '{name}' at the top level is not supported."),
            references => match references.states.inaccessible(outcome) {
                Some(name) => format!("Reference to '{name}' is not supported in this field."),
                None => return Ok(expression),
            },
        };
        Err(CompileProblem::Unsupported { message })
    }

    /// Compiles `source`, which may refer to the top level; the error's text starts with its code.
    fn parse_with_code(source: &str) -> Result<Expression, String> {
        if source.len() > EXPRESSION_BYTES_MAX {
            return Err(format!(
                "an expression is at most {EXPRESSION_BYTES_MAX} bytes"
            ));
        }
        let mut ast = contained(|| parser::parse(source))
            .ok_or(messages::INTERNAL)?
            .map_err(|error| error.to_string())?;
        let references = Box::new(References::of(&ast));
        let direct = Direct::of(&ast).map(Box::new);
        let guards = guard::insert(&mut ast, &references);
        Ok(Expression {
            source: source.to_owned(),
            ast,
            references,
            guards,
            direct,
        })
    }

    /// The expression without delimiters and outer blanks, as AWS shows it.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Names of the state variables that the expression reads, without their `$`.
    pub fn variables(&self) -> BTreeSet<String> {
        self.references.listed_variables()
    }

    /// The expression's value.
    ///
    /// - `location`: the field, such as `Output/a[0]`.
    /// - Errors: `States.QueryEvaluationError`, also when the value is undefined or a function.
    pub fn evaluate(&self, scope: &Scope<'_>, location: &str) -> Result<Value, Failure> {
        let bindings = OnceCell::new();
        let bindings = || bindings.get_or_init(|| Bindings::of(&self.references, scope));
        self.evaluate_with(&bindings, scope, location)
    }

    /// The failure of a field that needs another type: `Expected 'array', but was 'number' for value: 1`.
    pub fn unexpected(&self, location: &str, expected: &str, value: &Value) -> Failure {
        let found = json_type(value);
        self.failure(
            location,
            format!("returned an unexpected result type. Expected '{expected}', but was '{found}' for value: {value}"),
        )
    }

    /// The failure of a number field whose value breaks `bound`, such as `Minimum value is 1`.
    pub fn out_of_range(&self, location: &str, bound: &str, number: f64) -> Failure {
        self.failure(
            location,
            format!("returned a value out of range. {bound}, but was {number}"),
        )
    }

    /// - `bindings`: makes, once, what the expressions of a template can see.
    fn evaluate_with<'b>(
        &self,
        bindings: &dyn Fn() -> &'b Bindings,
        scope: &Scope<'_>,
        location: &str,
    ) -> Result<Value, Failure> {
        if let Some(value) = self.direct.as_ref().and_then(|direct| direct.result(scope)) {
            return Ok(value);
        }
        let outcome = self.on_its_stack(|| self.value(bindings(), scope));
        outcome.map_err(|sentence| self.failure(location, sentence))
    }

    /// The value, or what follows `the field 'Output' ` in the failure.
    fn value(&self, bindings: &Bindings, scope: &Scope<'_>) -> Result<Value, String> {
        let options = EvaluatorOptions {
            timeout_ms: Some(EVALUATION_MS_MAX),
            cancel: None,
            max_stack_depth: Some(EVALUATION_DEPTH_MAX),
            max_sequence_length: Some(SEQUENCE_ITEMS_MAX),
        };
        let outcome = self.run(bindings, &JValue::Undefined, scope, options);
        let value = outcome.map_err(|error| self.thrown(error.message()))?;
        if value.is_undefined() {
            return Err("returned nothing (undefined).".to_owned());
        }
        values::to_json(&value).map_err(|problem| match problem {
            Unconvertible::Function => "returned an unsupported result type.".to_owned(),
            Unconvertible::TooLarge => self.thrown(guard::MEMORY),
        })
    }

    /// Runs `work` where functions that hold each other can be let go: that takes a call a function.
    fn on_its_stack<T>(&self, work: impl FnOnce() -> T) -> T {
        if self.references.nests_functions {
            stacker::grow(FUNCTIONS_STACK_BYTES, work)
        } else {
            work()
        }
    }

    fn run(
        &self,
        bindings: &Bindings,
        root: &JValue,
        scope: &Scope<'_>,
        options: EvaluatorOptions,
    ) -> Result<JValue, EvaluatorError> {
        let mut context = Context::new();
        for (name, value) in &bindings.0 {
            if self.references.reads(name) {
                context.bind(name.clone(), value.clone());
            }
        }
        let mut evaluator = Evaluator::with_options(context, options);
        functions::register(&mut evaluator, &self.references.functions, scope)?;
        guard::register(&mut evaluator, &self.guards)?;
        contained(|| evaluator.evaluate(&self.ast, root))
            .unwrap_or_else(|| Err(EvaluatorError::EvaluationError(messages::INTERNAL.into())))
    }

    fn thrown(&self, message: &str) -> String {
        messages::thrown(message, &self.references)
    }

    fn failure(&self, location: &str, outcome: impl AsRef<str>) -> Failure {
        Failure::query(
            format!(
                "The JSONata expression '{}' specified for the field '{location}' {}",
                self.source,
                outcome.as_ref()
            ),
            Some(location.to_owned()),
        )
    }
}

/// What `work` gives, or `None` if it panics.
///
/// The crate is other people's code that reads what strangers write. A panic in it must fail the state, not the
/// thread that serves everybody. Nothing that `work` has touched is used after a panic.
fn contained<T>(work: impl FnOnce() -> T) -> Option<T> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work)).ok()
}

/// What expressions can see, in the crate's own values; converted once for all expressions of a template.
struct Bindings(Vec<(String, JValue)>);

impl Bindings {
    /// `$states` and the variables, with what `references` reads of them; nothing else is converted.
    fn of(references: &References, scope: &Scope<'_>) -> Bindings {
        let mut bound = Vec::new();
        if references.states.is_read()
            && let Some(read) = references.reads.member("states")
        {
            let parts = [
                ("input", Some(scope.input)),
                ("context", Some(scope.context)),
                ("result", scope.result),
                ("errorOutput", scope.error_output),
            ];
            let parts = parts.into_iter().filter_map(|(name, value)| {
                let value = values::part_from_json(value?, read.member(name)?);
                Some((name, value))
            });
            bound.push(("states".to_owned(), values::object(parts)));
        }
        for name in &references.variables {
            if let (Some(value), Some(read)) =
                (scope.variables.get(name), references.reads.member(name))
            {
                bound.push((name.clone(), values::part_from_json(value, read)));
            }
        }
        Bindings(bound)
    }
}

/// The name that AWS gives a value's type.
fn json_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod suite;
#[cfg(test)]
mod tests;
