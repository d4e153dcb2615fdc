//! Expressions that need no evaluator: paths into objects, comparisons, sums, texts and objects of these.
//!
//! Most expressions of a definition are that simple. They are read off the payload itself, so nothing is converted. Wherever
//! the language does more than what is obvious (arrays on the way, values that are missing, other types, numbers that are
//! not finite), there is no answer here, and the evaluator is asked.

use std::borrow::Cow;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep};
use serde_json::{Map, Value};

use super::values::number_to_json;
use crate::Scope;

/// An expression whose value can often be told without the evaluator.
#[derive(Debug, Clone)]
pub(super) enum Direct {
    Literal(Value),
    /// A variable, then names: `$states.input.order.id`.
    Path {
        variable: String,
        names: Vec<String>,
    },
    Binary {
        op: BinaryOp,
        sides: Box<[Direct; 2]>,
    },
    Object(Vec<(String, Direct)>),
    /// `$uppercase(text)` and its kin.
    Call {
        function: Function,
        argument: Box<Direct>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Uppercase,
    Lowercase,
    String,
    Count,
}

impl Function {
    fn named(name: &str) -> Option<Function> {
        match name {
            "uppercase" => Some(Function::Uppercase),
            "lowercase" => Some(Function::Lowercase),
            "string" => Some(Function::String),
            "count" => Some(Function::Count),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Function::Uppercase => "uppercase",
            Function::Lowercase => "lowercase",
            Function::String => "string",
            Function::Count => "count",
        }
    }
}

/// Digits that `$string` keeps of a number.
const DIGITS_MAX: usize = 15;
/// JavaScript prints smaller numbers, but zero, with an exponent.
const PLAIN_MIN: f64 = 1e-6;
/// Numbers below this have no more digits before the point than are kept.
const PLAIN_MAX: f64 = 1e15;
/// Deepest expression that is looked at; the evaluator bounds the others.
const DEPTH_MAX: usize = 16;

impl Direct {
    /// `ast`, if it is one of these; the expression binds no names of its own.
    pub(super) fn of(ast: &AstNode) -> Option<Direct> {
        Direct::at(ast, 0)
    }

    fn at(ast: &AstNode, depth: usize) -> Option<Direct> {
        if depth > DEPTH_MAX {
            return None;
        }
        let inside = |node| Direct::at(node, depth + 1);
        match ast {
            AstNode::String(text) => Some(Direct::Literal(Value::from(text.as_str()))),
            AstNode::Number(number) if number.is_finite() => {
                Some(Direct::Literal(number_to_json(*number)))
            }
            AstNode::Boolean(flag) => Some(Direct::Literal(Value::Bool(*flag))),
            AstNode::Null => Some(Direct::Literal(Value::Null)),
            AstNode::Variable(name) if !name.is_empty() => Some(Direct::Path {
                variable: name.clone(),
                names: Vec::new(),
            }),
            AstNode::Path { steps } => path(steps),
            AstNode::Binary { op, lhs, rhs } if is_plain(*op) => Some(Direct::Binary {
                op: *op,
                sides: Box::new([inside(lhs)?, inside(rhs)?]),
            }),
            AstNode::Block(nodes) => match nodes.as_slice() {
                [node] => inside(node),
                _ => None,
            },
            AstNode::Object(pairs) => {
                let members = pairs.iter().map(|(name, value)| match name {
                    AstNode::String(name) => Some((name.clone(), inside(value)?)),
                    _ => None,
                });
                let members: Vec<(String, Direct)> = members.collect::<Option<_>>()?;
                // A name that is written twice is an error of the language.
                let is_new =
                    |at: usize| members[..at].iter().all(|(name, _)| *name != members[at].0);
                (0..members.len())
                    .all(is_new)
                    .then_some(Direct::Object(members))
            }
            AstNode::Function { name, args, .. } => match args.as_slice() {
                [argument] => Some(Direct::Call {
                    function: Function::named(name)?,
                    argument: Box::new(inside(argument)?),
                }),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value, or `None` when the evaluator has to tell.
    pub(super) fn value<'s>(&'s self, scope: &Scope<'s>) -> Option<Cow<'s, Value>> {
        match self {
            Direct::Literal(value) => Some(Cow::Borrowed(value)),
            Direct::Path { variable, names } => followed(variable, names, scope).map(Cow::Borrowed),
            Direct::Binary { op, sides } => {
                let [left, right] = &**sides;
                let left = left.value(scope)?;
                // The right side is not evaluated where the left one decides.
                match (op, left.as_bool()) {
                    (BinaryOp::And, Some(false)) => return Some(Cow::Owned(Value::Bool(false))),
                    (BinaryOp::Or, Some(true)) => return Some(Cow::Owned(Value::Bool(true))),
                    _ => {}
                }
                combined(*op, &left, &*right.value(scope)?).map(Cow::Owned)
            }
            Direct::Object(members) => {
                let mut object = Map::with_capacity(members.len());
                for (name, member) in members {
                    object.insert(name.clone(), as_result(&*member.value(scope)?)?);
                }
                Some(Cow::Owned(Value::Object(object)))
            }
            Direct::Call { function, argument } => {
                // A variable of this name hides the function.
                if scope.variables.contains_key(function.name()) {
                    return None;
                }
                called(*function, &*argument.value(scope)?).map(Cow::Owned)
            }
        }
    }

    /// As [`Direct::value`], as the result of a whole expression.
    pub(super) fn result(&self, scope: &Scope<'_>) -> Option<Value> {
        as_result(&*self.value(scope)?)
    }
}

fn path(steps: &[PathStep]) -> Option<Direct> {
    let (first, rest) = steps.split_first()?;
    let AstNode::Variable(variable) = &first.node else {
        return None;
    };
    if variable.is_empty() || !steps.iter().all(is_bare) {
        return None;
    }
    let names = rest.iter().map(|step| match &step.node {
        AstNode::Name(name) => Some(name.clone()),
        _ => None,
    });
    Some(Direct::Path {
        variable: variable.clone(),
        names: names.collect::<Option<_>>()?,
    })
}

fn is_bare(step: &PathStep) -> bool {
    step.stages.is_empty()
        && step.focus.is_none()
        && step.index_var.is_none()
        && step.ancestor_label.is_none()
        && !step.is_tuple
}

fn is_plain(op: BinaryOp) -> bool {
    matches!(
        op,
        BinaryOp::Add
            | BinaryOp::Subtract
            | BinaryOp::Multiply
            | BinaryOp::Equal
            | BinaryOp::NotEqual
            | BinaryOp::LessThan
            | BinaryOp::LessThanOrEqual
            | BinaryOp::GreaterThan
            | BinaryOp::GreaterThanOrEqual
            | BinaryOp::And
            | BinaryOp::Or
            | BinaryOp::Concatenate
    )
}

/// The value at the end of names that all belong to objects.
fn followed<'s>(variable: &str, names: &[String], scope: &Scope<'s>) -> Option<&'s Value> {
    let (root, names) = if variable == "states" {
        let (part, names) = names.split_first()?;
        let root = match part.as_str() {
            "input" => scope.input,
            "context" => scope.context,
            "result" => scope.result?,
            "errorOutput" => scope.error_output?,
            _ => return None,
        };
        (root, names)
    } else {
        (scope.variables.get(variable)?, names)
    };
    names
        .iter()
        .try_fold(root, |at, name| at.as_object()?.get(name))
}

fn combined(op: BinaryOp, left: &Value, right: &Value) -> Option<Value> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            of_numbers(op, left.as_f64()?, right.as_f64()?)
        }
        (Value::String(left), Value::String(right)) => of_texts(op, left, right),
        (Value::Bool(left), Value::Bool(right)) => {
            let claim = match op {
                BinaryOp::And => *left && *right,
                BinaryOp::Or => *left || *right,
                BinaryOp::Equal => left == right,
                BinaryOp::NotEqual => left != right,
                _ => return None,
            };
            Some(Value::Bool(claim))
        }
        _ => None,
    }
}

fn of_numbers(op: BinaryOp, left: f64, right: f64) -> Option<Value> {
    let claim = match op {
        BinaryOp::Add => return finite(left + right),
        BinaryOp::Subtract => return finite(left - right),
        BinaryOp::Multiply => return finite(left * right),
        BinaryOp::Equal => left == right,
        BinaryOp::NotEqual => left != right,
        BinaryOp::LessThan => left < right,
        BinaryOp::LessThanOrEqual => left <= right,
        BinaryOp::GreaterThan => left > right,
        BinaryOp::GreaterThanOrEqual => left >= right,
        _ => return None,
    };
    Some(Value::Bool(claim))
}

/// A number between others keeps all its digits: it is only rounded where it is printed.
fn finite(number: f64) -> Option<Value> {
    number.is_finite().then(|| Value::from(number))
}

fn of_texts(op: BinaryOp, left: &str, right: &str) -> Option<Value> {
    match op {
        BinaryOp::Equal => Some(Value::Bool(left == right)),
        BinaryOp::NotEqual => Some(Value::Bool(left != right)),
        BinaryOp::Concatenate if left.len() + right.len() <= super::TEXT_CHARACTERS_MAX => {
            Some(Value::String([left, right].concat()))
        }
        _ => None,
    }
}

fn called(function: Function, argument: &Value) -> Option<Value> {
    match (function, argument) {
        (Function::String, Value::String(text)) => Some(Value::from(text.as_str())),
        (Function::String, Value::Number(number)) => printed(number.as_f64()?).map(Value::String),
        (Function::Count, Value::Array(items)) => Some(Value::from(items.len())),
        // The languages agree on these letters without doubt.
        (Function::Uppercase, Value::String(text)) if text.is_ascii() => {
            Some(Value::String(text.to_ascii_uppercase()))
        }
        (Function::Lowercase, Value::String(text)) if text.is_ascii() => {
            Some(Value::String(text.to_ascii_lowercase()))
        }
        _ => None,
    }
}

/// A number as `$string` prints it, unless it has to be rounded or needs an exponent.
fn printed(number: f64) -> Option<String> {
    if number == 0.0 {
        return Some("0".to_owned());
    }
    if !(PLAIN_MIN..PLAIN_MAX).contains(&number.abs()) {
        return None;
    }
    // The fewest digits that tell the number from all others.
    let text = number.to_string();
    let digits = text
        .trim_start_matches(['-', '0', '.'])
        .bytes()
        .filter(u8::is_ascii_digit);
    (digits.count() <= DIGITS_MAX).then_some(text)
}

/// `value` as the evaluator gives it back: numbers as JavaScript prints them.
fn as_result(value: &Value) -> Option<Value> {
    match value {
        Value::Number(number) => Some(number_to_json(number.as_f64()?)),
        Value::Array(items) => items
            .iter()
            .map(as_result)
            .collect::<Option<_>>()
            .map(Value::Array),
        Value::Object(members) => {
            let mut object = Map::with_capacity(members.len());
            for (name, value) in members {
                object.insert(name.clone(), as_result(value)?);
            }
            Some(Value::Object(object))
        }
        scalar => Some(scalar.clone()),
    }
}

#[cfg(test)]
mod tests;
