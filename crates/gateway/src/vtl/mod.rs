//! Mapping templates: the part of the Velocity Template Language that is built.
//!
//! A template is read when its document is; what is not built is refused there, by name. Evaluating it is bounded in
//! steps, in bytes and in depth, whatever the template and its input are.

mod evaluate;
mod expression;
mod methods;
mod operators;
mod parse;
mod render;

use std::cell::OnceCell;

use serde_json::Value;

pub use evaluate::{FOREACH_ITERATIONS_MAX, MADE_BYTES_MAX, OUTPUT_BYTES_MAX, STEPS_MAX};
pub use parse::{NESTING_MAX, TEMPLATE_BYTES_MAX};

/// A template that was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Template {
    block: Vec<Node>,
}

impl Template {
    /// Reads a template.
    ///
    /// - Errors: what cannot be read, and what is not built, by name and line.
    pub fn parse(text: &str) -> Result<Template, String> {
        let block = parse::template(text)?;
        Ok(Template { block })
    }

    /// The text that the template makes of `world`, and what it overrides.
    pub fn evaluate(&self, world: &World<'_>) -> Result<Rendered, Failure> {
        evaluate::evaluate(&self.block, world)
    }
}

/// What a template can see.
#[derive(Debug)]
pub struct World<'w> {
    body: &'w str,
    parsed: OnceCell<Result<Value, String>>,
    /// `{"path": {}, "querystring": {}, "header": {}}`.
    params: &'w Value,
    context: &'w Value,
    stage_variables: &'w Value,
}

impl<'w> World<'w> {
    /// - `params`: `{"path": {}, "querystring": {}, "header": {}}`, each text to text.
    pub fn new(
        body: &'w str,
        params: &'w Value,
        context: &'w Value,
        stage_variables: &'w Value,
    ) -> World<'w> {
        World {
            body,
            parsed: OnceCell::new(),
            params,
            context,
            stage_variables,
        }
    }

    /// AWS: an empty body reads as an empty object.
    fn json(&self) -> Result<&Value, Failure> {
        let parsed = self.parsed.get_or_init(|| {
            if self.body.trim().is_empty() {
                return Ok(Value::Object(serde_json::Map::new()));
            }
            serde_json::from_str(self.body).map_err(|error| error.to_string())
        });
        parsed
            .as_ref()
            .map_err(|error| Failure::Body(error.clone()))
    }
}

/// What a template made.
#[derive(Debug, Default, PartialEq)]
pub struct Rendered {
    pub text: String,
    /// `$context.responseOverride.status`.
    pub status: Option<u16>,
    /// `$context.responseOverride.header`.
    pub headers: Vec<(String, String)>,
}

/// Why a template made nothing.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The body is not the JSON that the template asks for.
    Body(String),
    /// A bound, by name.
    Bound(String),
    /// Something that only shows when the template runs.
    Unbuilt(String),
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    Text(String),
    Reference(Reference),
    Set(Target, Expression),
    If(Vec<(Expression, Vec<Node>)>, Vec<Node>),
    Foreach(String, Expression, Vec<Node>),
}

/// What `#set` sets.
#[derive(Debug, Clone, PartialEq)]
enum Target {
    Variable(String),
    /// A member of a map that a variable holds.
    Member(String, String),
    ResponseStatus,
    ResponseHeader(String),
}

#[derive(Debug, Clone, PartialEq)]
struct Reference {
    name: String,
    steps: Vec<Step>,
    /// As it is written: what an unknown variable renders as.
    source: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Step {
    Property(String),
    Method(String, Vec<Expression>),
    Index(Box<Expression>),
}

#[derive(Debug, Clone, PartialEq)]
enum Expression {
    Literal(Value),
    /// A text in double quotes.
    Interpolated(Vec<Node>),
    Reference(Reference),
    List(Vec<Expression>),
    Range(Box<Expression>, Box<Expression>),
    Map(Vec<(Expression, Expression)>),
    Not(Box<Expression>),
    Negative(Box<Expression>),
    Binary(Operator, Box<Expression>, Box<Expression>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Plus,
    Minus,
    Times,
    Divide,
    Remainder,
}
