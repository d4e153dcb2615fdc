//! Bounds on what an evaluation may build.
//!
//! The crate counts levels, time and the length of sequences, but not bytes. Where a text can grow without
//! bound the expression is rewritten, once, when it is compiled: the operands pass through a function of ours
//! that measures them. Names with a blank cannot be written in an expression.

mod bounds;
mod distinct;

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::references::{FUNCTIONS, References};
pub(super) use bounds::register;
use bounds::{
    COMPARED, CONCATENATE, COPIED, DESCENDED, DISTINCT, INSTANT, JOINED, LISTED, MATCHED, NUMERAL,
    PICTURE, PRINT, PRINTED, RANGE_FIRST, RANGE_LAST, REPLACED, REPLACEMENT, SEPARATOR, WIDTH,
    ZIPPED,
};

/// AWS's words for an evaluation that needs too much memory.
pub(super) const MEMORY: &str =
    "Expression evaluation memory limit exceeded: Check for excessive memory usage";

/// Functions whose calls are guarded, or that are ours in the place of built-in ones, with the number of their parameters.
///
/// One that is passed on by its name becomes a function of its own around a guarded call.
const GUARDED: [(&str, usize); 13] = [
    ("pad", 3),
    ("join", 2),
    ("replace", 4),
    ("match", 3),
    ("distinct", 1),
    ("fromMillis", 3),
    ("toMillis", 2),
    ("formatInteger", 2),
    ("range", 3),
    ("encodeUrl", 1),
    ("encodeUrlComponent", 1),
    ("decodeUrl", 1),
    ("decodeUrlComponent", 1),
];
/// Functions of ours whose first argument is the context when it is left out: the crate tells a function only what is
/// written down.
const OF_CONTEXT: [&str; 5] = [
    "toMillis",
    "encodeUrl",
    "encodeUrlComponent",
    "decodeUrl",
    "decodeUrlComponent",
];
/// Names of the parameters of such a function.
const PARAMETERS: [&str; 4] = ["a", "b", "c", "d"];
/// A range that is written in numbers this far apart is as small as its text.
const RANGE_WRITTEN_MAX: f64 = 1_000.0;

/// Puts guards into `ast`.
///
/// - `references`: those of `ast`. If it cannot use a value twice, `&` and `$string` cannot multiply.
/// - Returns their names, for [`register`].
pub(super) fn insert(ast: &mut AstNode, references: &References) -> BTreeSet<&'static str> {
    let mut guards = Guards {
        references,
        prints: references.reuses_values && !references.binds("string"),
        inserted: BTreeSet::new(),
    };
    guards.node(ast);
    guards.inserted
}

struct Guards<'r> {
    references: &'r References,
    /// Whether `$string` is to be guarded.
    prints: bool,
    inserted: BTreeSet<&'static str>,
}

impl Guards<'_> {
    fn node(&mut self, node: &mut AstNode) {
        self.below(node);
        self.context(node);
        match node {
            AstNode::Binary {
                op: BinaryOp::Concatenate,
                lhs,
                rhs,
            } if self.references.reuses_values => {
                let parts =
                    [lhs, rhs].map(|part| std::mem::replace(&mut **part, AstNode::Undefined));
                *node = self.call(CONCATENATE, parts.into());
            }
            AstNode::Binary {
                op: BinaryOp::Equal | BinaryOp::NotEqual,
                lhs,
                ..
            } if self.references.reuses_values => self.wrap(COMPARED, lhs),
            AstNode::Binary {
                op: BinaryOp::Range,
                lhs,
                rhs,
            } => self.range(lhs, rhs),
            AstNode::Binary {
                op: BinaryOp::ChainPipe,
                lhs,
                ..
            } if self.transforms() => self.wrap(COPIED, lhs),
            AstNode::Call { args, .. } if self.transforms() => {
                args.iter_mut().for_each(|arg| self.wrap(COPIED, arg));
            }
            AstNode::Descendant if self.references.reuses_values => {
                let bounded = self.bounded_context();
                let steps = vec![bounded, PathStep::new(AstNode::Descendant)];
                *node = AstNode::Path { steps };
            }
            // One element cannot multiply.
            AstNode::Array(items) if self.references.reuses_values && items.len() > 1 => {
                self.wrap_shared(LISTED, items, may_be_spread);
            }
            AstNode::Variable(name) => {
                if let Some(function) = self.passed_on(name) {
                    *node = function;
                }
            }
            // No further level: how deep an expression may nest is AWS's to say.
            AstNode::Function { name, args, .. }
                if self.prints && name == "string" && args.len() == 1 =>
            {
                PRINT.clone_into(name);
                self.inserted.insert(PRINT);
            }
            AstNode::Function { name, args, .. }
                if name == "distinct" && args.len() == 1 && !self.references.binds(name) =>
            {
                DISTINCT.clone_into(name);
                self.inserted.insert(DISTINCT);
            }
            AstNode::Function {
                name,
                args,
                is_builtin: true,
            } => self.arguments(name.clone().as_str(), args),
            _ => {}
        }
    }

    /// Writes the context down where it is an argument that was left out.
    fn context(&self, node: &mut AstNode) {
        let of_context = |name: &str| OF_CONTEXT.contains(&name) && !self.references.binds(name);
        match node {
            AstNode::Function { name, args, .. } if args.is_empty() && of_context(name) => {
                args.push(AstNode::Variable(String::new()));
            }
            // What is passed on is the argument.
            AstNode::Binary {
                op: BinaryOp::ChainPipe,
                rhs,
                ..
            } => {
                if let AstNode::Function { name, args, .. } = &mut **rhs
                    && of_context(name)
                    && matches!(&args[..], [AstNode::Variable(context)] if context.is_empty())
                {
                    args.clear();
                }
            }
            _ => {}
        }
    }

    fn arguments(&mut self, function: &str, args: &mut [AstNode]) {
        match (function, args) {
            ("string", [value, ..]) if self.prints => self.wrap(PRINTED, value),
            ("fromMillis", [millis, pictures @ ..]) => {
                self.wrap(INSTANT, millis);
                if let [picture, ..] = pictures {
                    self.wrap(PICTURE, picture);
                }
            }
            ("toMillis", [_, picture]) | ("now", [picture, ..]) => self.wrap(PICTURE, picture),
            ("formatInteger", [number, picture]) if may_be_numeral(picture) => {
                self.wrap(NUMERAL, number);
            }
            ("range", [first, last, ..]) => self.range(first, last),
            ("match", [text, _, ..]) => self.wrap(MATCHED, text),
            ("zip", args) => self.wrap_shared(ZIPPED, args, |_| true),
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
            // What is no built-in function may be a transform that has been given a name.
            (name, args) if self.transforms() && !FUNCTIONS.contains(&name) => {
                args.iter_mut().for_each(|arg| self.wrap(COPIED, arg));
            }
            _ => {}
        }
    }

    /// Whether a transform may be applied to a value that shares its parts.
    fn transforms(&self) -> bool {
        self.references.reuses_values && self.references.transforms
    }

    /// `$`, measured before its descendants are taken.
    fn bounded_context(&mut self) -> PathStep {
        let context = AstNode::Variable(String::new());
        PathStep::new(self.call(DESCENDED, vec![context]))
    }

    fn range(&mut self, first: &mut AstNode, last: &mut AstNode) {
        if let (AstNode::Number(first), AstNode::Number(last)) = (&*first, &*last)
            && last - first < RANGE_WRITTEN_MAX
        {
            return;
        }
        self.wrap(RANGE_FIRST, first);
        self.wrap(RANGE_LAST, last);
    }

    /// A function around a guarded call of the built-in one that `name` stands for.
    fn passed_on(&mut self, name: &str) -> Option<AstNode> {
        let (_, count) = GUARDED.iter().find(|(guarded, _)| *guarded == name)?;
        if self.references.binds(name) {
            return None;
        }
        let parameters = PARAMETERS[..*count].iter();
        let mut call = AstNode::Function {
            name: name.to_owned(),
            args: parameters
                .clone()
                .map(|name| AstNode::Variable((*name).to_owned()))
                .collect(),
            is_builtin: true,
        };
        self.node(&mut call);
        Some(AstNode::Lambda {
            params: parameters.map(|name| (*name).to_owned()).collect(),
            body: Box::new(call),
            signature: None,
            thunk: false,
        })
    }

    fn wrap(&mut self, guard: &'static str, node: &mut AstNode) {
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

    /// As [`Guards::wrap`], for the `wanted` of `nodes`; the guard learns how many nodes there are.
    fn wrap_shared(
        &mut self,
        guard: &'static str,
        nodes: &mut [AstNode],
        wanted: impl Fn(&AstNode) -> bool,
    ) {
        let count = nodes.len() as f64;
        for node in nodes.iter_mut().filter(|node| wanted(node)) {
            let inner = std::mem::replace(node, AstNode::Undefined);
            *node = self.call(guard, vec![inner, AstNode::Number(count)]);
        }
    }

    fn call(&mut self, guard: &'static str, args: Vec<AstNode>) -> AstNode {
        self.inserted.insert(guard);
        AstNode::Function {
            name: guard.to_owned(),
            args,
            is_builtin: true,
        }
    }

    fn below(&mut self, node: &mut AstNode) {
        match node {
            AstNode::Path { steps } => self.steps(steps),
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

    fn steps(&mut self, steps: &mut Vec<PathStep>) {
        let mut guarded = Vec::with_capacity(steps.len());
        for mut step in steps.drain(..) {
            if matches!(step.node, AstNode::Descendant) {
                if self.references.reuses_values {
                    guarded.push(self.bounded_context());
                }
            } else {
                self.node(&mut step.node);
            }
            self.stages(&mut step);
            guarded.push(step);
        }
        *steps = guarded;
    }

    fn stages(&mut self, step: &mut PathStep) {
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

/// Whether a picture of `$formatInteger` may ask for a Roman numeral.
fn may_be_numeral(picture: &AstNode) -> bool {
    match picture {
        AstNode::String(picture) => picture.starts_with(['I', 'i']),
        _ => true,
    }
}

/// Whether the items of what `node` gives become items of the array around it.
///
/// An array that is written inside another stays one element, and a range is counted already.
fn may_be_spread(node: &AstNode) -> bool {
    matches!(
        node,
        AstNode::Variable(_)
            | AstNode::Function { .. }
            | AstNode::Call { .. }
            | AstNode::Path { .. }
            | AstNode::Conditional { .. }
            | AstNode::Block(_)
    )
}
