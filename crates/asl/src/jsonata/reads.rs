//! Which parts of its variables an expression reads: only they are converted for it.
//!
//! `$states.input.order.total` reads one member of an input that may have 256 KiB. What is found here may be more
//! than what is read, never less: wherever a value is seen as a whole, or it is not clear, all of it is read.

use std::collections::BTreeMap;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

/// What is read of one value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Read {
    Whole,
    /// These members of an object, or of the objects in an array; of other values, all. Nothing else is looked at.
    Members(BTreeMap<String, Read>),
}

impl Default for Read {
    fn default() -> Read {
        Read::Members(BTreeMap::new())
    }
}

/// Functions that look at their arguments only, if they have one: the others may take the context as an argument.
const CONTEXT_FREE: [&str; 19] = [
    "abs",
    "average",
    "boolean",
    "ceil",
    "count",
    "exists",
    "floor",
    "keys",
    "length",
    "lowercase",
    "max",
    "min",
    "not",
    "number",
    "sqrt",
    "string",
    "sum",
    "type",
    "uppercase",
];

impl Read {
    /// What `ast` reads of its variables: a member of the result each.
    pub(super) fn of_variables(ast: &AstNode) -> Read {
        let mut walk = Walk::default();
        walk.node(ast);
        if walk.reads_parents {
            // A parent can be any value on the way to where the expression is.
            Read::Whole
        } else {
            walk.read
        }
    }

    /// What is read of one member.
    pub(super) fn member(&self, name: &str) -> Option<&Read> {
        match self {
            Read::Whole => Some(&Read::Whole),
            Read::Members(members) => members.get(name),
        }
    }

    pub(super) fn merge(&mut self, other: &Read) {
        match (&mut *self, other) {
            (Read::Whole, _) => {}
            (_, Read::Whole) => *self = Read::Whole,
            (Read::Members(members), Read::Members(others)) => {
                for (name, read) in others {
                    members.entry(name.clone()).or_default().merge(read);
                }
            }
        }
    }

    fn of_member(name: &str, read: Read) -> Read {
        Read::Members(BTreeMap::from([(name.to_owned(), read)]))
    }

    fn and(mut self, other: &Read) -> Read {
        self.merge(other);
        self
    }

    fn of_all<'n>(nodes: impl IntoIterator<Item = &'n AstNode>) -> Read {
        let reads = nodes.into_iter().map(Read::of_context);
        reads.fold(Read::default(), |all, read| all.and(&read))
    }

    /// What `steps` read of the value that they start from.
    fn of_steps(steps: &[PathStep]) -> Read {
        let Some((step, rest)) = steps.split_first() else {
            return Read::Whole;
        };
        if step.focus.is_some() || step.index_var.is_some() || step.is_tuple {
            return Read::Whole;
        }
        match &step.node {
            AstNode::Name(name) => {
                Read::of_member(name, Read::of_stages(step).and(&Read::of_steps(rest)))
            }
            AstNode::FunctionApplication(_) | AstNode::Object(_) if step.stages.is_empty() => {
                Read::of_context(&step.node)
            }
            _ => Read::Whole,
        }
    }

    /// What the filters of a step read of the values that they choose from.
    fn of_stages(step: &PathStep) -> Read {
        let reads = step.stages.iter().map(|stage| match stage {
            Stage::Filter(filter) => Read::of_context(filter),
            Stage::KeepArray => Read::default(),
            Stage::Index(_) => Read::Whole,
        });
        reads.fold(Read::default(), |all, read| all.and(&read))
    }

    /// What `node` reads of its context.
    fn of_context(node: &AstNode) -> Read {
        match node {
            AstNode::Name(name) => Read::of_member(name, Read::Whole),
            AstNode::Variable(name) if !name.is_empty() => Read::default(),
            AstNode::Path { steps } => match steps.first().map(|step| &step.node) {
                Some(AstNode::Name(_)) => Read::of_steps(steps),
                Some(AstNode::Variable(name)) if !name.is_empty() => Read::default(),
                _ => Read::Whole,
            },
            AstNode::Binary {
                op: BinaryOp::ChainPipe,
                ..
            } => Read::Whole,
            AstNode::Binary { lhs, rhs, .. } => Read::of_context(lhs).and(&Read::of_context(rhs)),
            AstNode::Unary { operand: inner, .. } | AstNode::FunctionApplication(inner) => {
                Read::of_context(inner)
            }
            AstNode::Function { name, args, .. }
                if !args.is_empty() && CONTEXT_FREE.contains(&name.as_str()) =>
            {
                Read::of_all(args)
            }
            AstNode::Array(nodes) | AstNode::Block(nodes) => Read::of_all(nodes),
            AstNode::Object(pairs) => {
                Read::of_all(pairs.iter().flat_map(|(name, value)| [name, value]))
            }
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                let branches = [Some(condition), Some(then_branch), else_branch.as_ref()];
                Read::of_all(branches.into_iter().flatten().map(|branch| &**branch))
            }
            AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Regex { .. } => Read::default(),
            _ => Read::Whole,
        }
    }
}

/// Visits every node for the variables in it.
#[derive(Default)]
struct Walk {
    read: Read,
    reads_parents: bool,
}

impl Walk {
    fn node(&mut self, node: &AstNode) {
        match node {
            AstNode::Parent(_) => self.reads_parents = true,
            AstNode::Variable(name) => self.variable(name, Read::Whole),
            AstNode::Path { steps } => self.path(steps),
            AstNode::Binary { lhs, rhs, .. } => self.nodes([&**lhs, &**rhs]),
            AstNode::Unary { operand: inner, .. } | AstNode::FunctionApplication(inner) => {
                self.node(inner)
            }
            AstNode::Function { name, args, .. } => {
                // A variable can hold the function that is called.
                self.variable(name, Read::Whole);
                self.nodes(args);
            }
            AstNode::Array(nodes) | AstNode::ArrayGroup(nodes) | AstNode::Block(nodes) => {
                self.nodes(nodes)
            }
            AstNode::Call { procedure, args } => {
                self.node(procedure);
                self.nodes(args);
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
                self.nodes([&**condition, &**then_branch]);
                self.nodes(else_branch.as_deref());
            }
            AstNode::Sort { input, terms } => {
                self.node(input);
                self.nodes(terms.iter().map(|(term, _)| term));
            }
            AstNode::Transform {
                location,
                update,
                delete,
            } => {
                self.nodes([&**location, &**update]);
                self.nodes(delete.as_deref());
            }
            _ => {}
        }
    }

    fn nodes<'n>(&mut self, nodes: impl IntoIterator<Item = &'n AstNode>) {
        nodes.into_iter().for_each(|node| self.node(node));
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)]) {
        self.nodes(pairs.iter().flat_map(|(name, value)| [name, value]));
    }

    fn path(&mut self, steps: &[PathStep]) {
        let mut rest = steps;
        if let Some((first, after)) = steps.split_first()
            && let AstNode::Variable(name) = &first.node
        {
            let is_plain = first.stages.is_empty()
                && first.focus.is_none()
                && first.index_var.is_none()
                && !first.is_tuple;
            let read = if is_plain {
                Read::of_steps(after)
            } else {
                Read::Whole
            };
            self.variable(name, read);
            self.stages(first);
            rest = after;
        }
        for step in rest {
            self.node(&step.node);
            self.stages(step);
        }
    }

    fn stages(&mut self, step: &PathStep) {
        for stage in &step.stages {
            if let Stage::Filter(filter) = stage {
                self.node(filter);
            }
        }
    }

    fn variable(&mut self, name: &str, read: Read) {
        self.read.merge(&Read::of_member(name, read));
    }
}

#[cfg(test)]
mod tests;
