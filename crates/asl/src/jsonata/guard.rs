//! Bounds on what an evaluation may build.
//!
//! The crate counts levels, time and the length of sequences, but not bytes. Where a text can grow without
//! bound the expression is rewritten, once, when it is compiled: the operands pass through a function of ours
//! that measures them. Names with a blank cannot be written in an expression.

use std::cell::Cell;
use std::rc::Rc;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};
use jsonata_core::evaluator::{Evaluator, EvaluatorError, HostFnResult};
use jsonata_core::functions::string::string as to_text;
use jsonata_core::value::JValue;

use super::TEXT_CHARACTERS_MAX;
use super::references::References;

/// AWS's words for an evaluation that needs too much memory.
pub(super) const MEMORY: &str =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";

/// Most values inside one that is made a text.
const PRINTED_VALUES_MAX: usize = 1_000_000;
/// Most bytes that one `$replace` may make, estimated from above.
const REPLACED_BYTES_MAX: usize = 1 << 26;

const CONCATENATE: &str = "bounded concatenation";
const PRINT: &str = "bounded printing";
const PRINTED: &str = "bounded value";
const WIDTH: &str = "bounded width";
const JOINED: &str = "bounded items";
const SEPARATOR: &str = "bounded separator";
const REPLACED: &str = "bounded text";
const REPLACEMENT: &str = "bounded replacement";

/// Puts guards into `ast`.
///
/// - `references`: those of `ast`. If it cannot use a value twice, `&` and `$string` cannot multiply.
/// - Returns whether there are any, so that [`register`] is needed.
pub(super) fn insert(ast: &mut AstNode, references: &References) -> bool {
    let mut guards = Guards {
        reuses_values: references.reuses_values,
        prints: references.reuses_values && !references.binds_string,
        inserted: false,
    };
    guards.node(ast);
    guards.inserted
}

/// Makes the guards known to `evaluator`.
pub(super) fn register(evaluator: &mut Evaluator) -> Result<(), EvaluatorError> {
    evaluator.register_fn_override(CONCATENATE, concatenate)?;
    evaluator.register_fn_override(PRINT, print)?;
    evaluator.register_fn_override(PRINTED, |args: &[JValue]| {
        let value = first(args);
        let mut left = Size::LARGEST_TEXT;
        left.take(&value)?;
        Ok(value)
    })?;
    evaluator.register_fn_override(WIDTH, |args: &[JValue]| match first(args) {
        JValue::Number(width) if width.abs() > TEXT_CHARACTERS_MAX as f64 => Err(too_large()),
        value => Ok(value),
    })?;
    let joined = Rc::new(Cell::new((0, 0)));
    let items = Rc::clone(&joined);
    evaluator.register_fn_override(JOINED, move |args: &[JValue]| {
        let value = first(args);
        items.set(joined_size(&value));
        Ok(value)
    })?;
    evaluator.register_fn_override(SEPARATOR, move |args: &[JValue]| {
        let (count, bytes) = joined.get();
        within(args, count, bytes, Size::LARGEST_TEXT.bytes)
    })?;
    let replaced = Rc::new(Cell::new(0));
    let text = Rc::clone(&replaced);
    evaluator.register_fn_override(REPLACED, move |args: &[JValue]| {
        let value = first(args);
        text.set(value.as_str().map_or(0, str::len));
        Ok(value)
    })?;
    evaluator.register_fn_override(REPLACEMENT, move |args: &[JValue]| {
        within(args, replaced.get(), 0, REPLACED_BYTES_MAX)
    })
}

fn too_large() -> EvaluatorError {
    EvaluatorError::EvaluationError(MEMORY.to_owned())
}

fn first(args: &[JValue]) -> JValue {
    args.first().cloned().unwrap_or(JValue::Undefined)
}

/// The first argument, unless `count` copies of it and `bytes` more exceed `most`.
fn within(args: &[JValue], count: usize, bytes: usize, most: usize) -> HostFnResult {
    let value = first(args);
    let length = value.as_str().map_or(0, str::len);
    if count.saturating_mul(length).saturating_add(bytes) > most {
        return Err(too_large());
    }
    Ok(value)
}

/// Number and bytes of the items that `$join` puts together.
fn joined_size(value: &JValue) -> (usize, usize) {
    match value {
        JValue::Array(items) => {
            let bytes = items.iter().filter_map(JValue::as_str).map(str::len).sum();
            (items.len(), bytes)
        }
        _ => (1, value.as_str().map_or(0, str::len)),
    }
}

/// `a & b` with the length checked before the text is built.
fn concatenate(args: &[JValue]) -> HostFnResult {
    let mut left = Size::LARGEST_TEXT;
    let mut text = String::new();
    for value in args {
        left.take(value)?;
        match value {
            JValue::Undefined => {}
            JValue::String(part) => text.push_str(part),
            other => text.push_str(to_text(other, None)?.as_str().unwrap_or_default()),
        }
    }
    if text.len() > TEXT_CHARACTERS_MAX && text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(too_large());
    }
    Ok(JValue::string(text))
}

/// `$string(value)` with the size checked before the text is built.
fn print(args: &[JValue]) -> HostFnResult {
    let value = first(args);
    let mut left = Size::LARGEST_TEXT;
    left.take(&value)?;
    Ok(to_text(&value, None)?)
}

/// What is left for one text.
struct Size {
    values: usize,
    bytes: usize,
}

impl Size {
    /// A character has at most four bytes.
    const LARGEST_TEXT: Size = Size {
        values: PRINTED_VALUES_MAX,
        bytes: 4 * TEXT_CHARACTERS_MAX,
    };

    /// Takes the size of `value`; stops as soon as it is too large, so shared values cost no more than the bound.
    fn take(&mut self, value: &JValue) -> Result<(), EvaluatorError> {
        self.values = self.values.checked_sub(1).ok_or_else(too_large)?;
        match value {
            JValue::String(text) => self.take_bytes(text.len()),
            JValue::Array(items) => jsonata_core::value::with_stack(|| {
                items.iter().try_for_each(|item| self.take(item))
            }),
            JValue::Object(members) => jsonata_core::value::with_stack(|| {
                members.iter().try_for_each(|(name, value)| {
                    self.take_bytes(name.len())?;
                    self.take(value)
                })
            }),
            _ => Ok(()),
        }
    }

    fn take_bytes(&mut self, bytes: usize) -> Result<(), EvaluatorError> {
        self.bytes = self.bytes.checked_sub(bytes).ok_or_else(too_large)?;
        Ok(())
    }
}

struct Guards {
    reuses_values: bool,
    /// Whether `$string` is to be guarded.
    prints: bool,
    inserted: bool,
}

impl Guards {
    fn node(&mut self, node: &mut AstNode) {
        self.below(node);
        match node {
            AstNode::Binary {
                op: BinaryOp::Concatenate,
                lhs,
                rhs,
            } if self.reuses_values => {
                let parts =
                    [lhs, rhs].map(|part| std::mem::replace(&mut **part, AstNode::Undefined));
                *node = self.call(CONCATENATE, parts.into());
            }
            // No further level: how deep an expression may nest is AWS's to say.
            AstNode::Function { name, args, .. }
                if self.prints && name == "string" && args.len() == 1 =>
            {
                PRINT.clone_into(name);
                self.inserted = true;
            }
            AstNode::Function {
                name,
                args,
                is_builtin: true,
            } => self.arguments(name.clone().as_str(), args),
            _ => {}
        }
    }

    fn arguments(&mut self, function: &str, args: &mut [AstNode]) {
        match (function, args) {
            ("string", [value, ..]) if self.prints => self.wrap(PRINTED, value),
            // The width may be the first argument, when the text is the context.
            ("pad", args) => args.iter_mut().for_each(|arg| self.wrap(WIDTH, arg)),
            ("join", [items, separator]) => {
                self.wrap(JOINED, items);
                self.wrap(SEPARATOR, separator);
            }
            ("replace", [text, _, replacement, ..]) => {
                self.wrap(REPLACED, text);
                self.wrap(REPLACEMENT, replacement);
            }
            _ => {}
        }
    }

    fn wrap(&mut self, guard: &str, node: &mut AstNode) {
        // A literal is as long as it is written, and a function must stay where it is.
        if matches!(
            node,
            AstNode::Placeholder
                | AstNode::Lambda { .. }
                | AstNode::Regex { .. }
                | AstNode::Null
                | AstNode::Boolean(_)
        ) {
            return;
        }
        let inner = std::mem::replace(node, AstNode::Undefined);
        *node = self.call(guard, vec![inner]);
    }

    fn call(&mut self, guard: &str, args: Vec<AstNode>) -> AstNode {
        self.inserted = true;
        AstNode::Function {
            name: guard.to_owned(),
            args,
            is_builtin: true,
        }
    }

    fn below(&mut self, node: &mut AstNode) {
        match node {
            AstNode::Path { steps } => steps.iter_mut().for_each(|step| self.step(step)),
            AstNode::Binary { lhs, rhs, .. } => {
                self.node(lhs);
                self.node(rhs);
            }
            AstNode::Unary { operand: inner, .. } | AstNode::FunctionApplication(inner) => {
                self.node(inner)
            }
            AstNode::Function { args: nodes, .. }
            | AstNode::Array(nodes)
            | AstNode::ArrayGroup(nodes)
            | AstNode::Block(nodes) => nodes.iter_mut().for_each(|node| self.node(node)),
            AstNode::Call { procedure, args } => {
                self.node(procedure);
                args.iter_mut().for_each(|arg| self.node(arg));
            }
            AstNode::Lambda { body, .. } => self.node(body),
            AstNode::Object(pairs) => self.pairs(pairs),
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input);
                self.pairs(pattern);
            }
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                self.node(condition);
                self.node(then_branch);
                if let Some(branch) = else_branch {
                    self.node(branch);
                }
            }
            AstNode::Sort { input, terms } => {
                self.node(input);
                terms.iter_mut().for_each(|(term, _)| self.node(term));
            }
            AstNode::Transform {
                location,
                update,
                delete,
            } => {
                self.node(location);
                self.node(update);
                if let Some(delete) = delete {
                    self.node(delete);
                }
            }
            _ => {}
        }
    }

    fn step(&mut self, step: &mut PathStep) {
        self.node(&mut step.node);
        for stage in &mut step.stages {
            if let Stage::Filter(filter) = stage {
                self.node(filter);
            }
        }
    }

    fn pairs(&mut self, pairs: &mut [(AstNode, AstNode)]) {
        for (name, value) in pairs {
            self.node(name);
            self.node(value);
        }
    }
}
