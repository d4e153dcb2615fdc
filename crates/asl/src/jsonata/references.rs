//! What an expression refers to: found once, when it is compiled.

use std::collections::BTreeSet;

use jsonata_core::ast::{AstNode, BinaryOp, PathStep, Stage};

use super::reads::Read;

use super::Outcome;

/// Names and functions that an expression uses.
#[derive(Debug, Clone, Default)]
pub(super) struct References {
    /// State variables: read, and not bound by the expression itself.
    pub(super) variables: BTreeSet<String>,
    pub(super) states: StatesParts,
    /// What is read of each variable, by its name.
    pub(super) reads: Read,
    /// Every function that is called or passed on by name.
    pub(super) functions: BTreeSet<String>,
    /// The first reference to the top level, which AWS refuses.
    pub(super) unsupported: Option<String>,
    /// Whether a value can be used twice (a variable is assigned, a function defined): only then can values
    /// grow beyond the sum of what the expression reads and writes down.
    pub(super) reuses_values: bool,
    /// Names that the expression gives to something of its own.
    bound: BTreeSet<String>,
    /// Whether a function makes functions: each can hold the one before it, as deep as the expression runs.
    pub(super) nests_functions: bool,
    /// The operators that order two values.
    pub(super) comparisons: BTreeSet<&'static str>,
    /// Whether there is a transform, `|...|...|`, which copies what it is applied to.
    pub(super) transforms: bool,
    /// What AWS's parser says of the first piece of syntax that the crate takes and AWS's does not.
    pub(super) invalid: Option<&'static str>,
}

/// Every function that an expression can name.
pub(super) const FUNCTIONS: [&str; 70] = [
    "abs",
    "append",
    "assert",
    "average",
    "base64decode",
    "base64encode",
    "boolean",
    "ceil",
    "clone",
    "contains",
    "count",
    "decodeUrl",
    "decodeUrlComponent",
    "distinct",
    "each",
    "encodeUrl",
    "encodeUrlComponent",
    "error",
    "eval",
    "exists",
    "filter",
    "floor",
    "formatBase",
    "formatInteger",
    "formatNumber",
    "fromMillis",
    "hash",
    "join",
    "keys",
    "length",
    "lookup",
    "lowercase",
    "map",
    "match",
    "max",
    "merge",
    "millis",
    "min",
    "not",
    "now",
    "number",
    "pad",
    "parse",
    "parseInteger",
    "partition",
    "power",
    "random",
    "range",
    "reduce",
    "replace",
    "reverse",
    "round",
    "shuffle",
    "sift",
    "single",
    "sort",
    "split",
    "spread",
    "sqrt",
    "string",
    "substring",
    "substringAfter",
    "substringBefore",
    "sum",
    "toMillis",
    "trim",
    "type",
    "uppercase",
    "uuid",
    "zip",
];

/// Which members of `$states` are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct StatesParts {
    pub(super) input: bool,
    pub(super) context: bool,
    pub(super) result: bool,
    pub(super) error_output: bool,
    /// `$states` is read, if only for a member that it has not.
    named: bool,
    /// `$states.result` and `$states.errorOutput` as they are written, not as parts of `$states` alone.
    result_named: bool,
    error_output_named: bool,
}

impl StatesParts {
    pub(super) fn is_read(self) -> bool {
        self.named
    }

    fn add(&mut self, part: Option<&str>) {
        self.named = true;
        match part {
            Some("input") => self.input = true,
            Some("context") => self.context = true,
            Some("result") => (self.result, self.result_named) = (true, true),
            Some("errorOutput") => {
                (self.error_output, self.error_output_named) = (true, true);
            }
            Some(_) => {}
            None => {
                self.input = true;
                self.context = true;
                self.result = true;
                self.error_output = true;
            }
        }
    }

    /// The first member of `$states` that is written out but is not there.
    pub(super) fn inaccessible(self, outcome: Outcome) -> Option<&'static str> {
        if self.result_named && outcome != Outcome::Result {
            return Some("$states.result");
        }
        (self.error_output_named && outcome != Outcome::Error).then_some("$states.errorOutput")
    }

    fn merge(&mut self, other: StatesParts) {
        self.input |= other.input;
        self.context |= other.context;
        self.result |= other.result;
        self.error_output |= other.error_output;
        self.named |= other.named;
        self.result_named |= other.result_named;
        self.error_output_named |= other.error_output_named;
    }
}

impl References {
    /// The references of a whole expression.
    pub(super) fn of(ast: &AstNode) -> References {
        let mut walk = Walk::default();
        walk.node(ast, true);
        walk.found.reads = Read::of_variables(ast);
        walk.found
    }

    /// The state variables to list: a built-in function that is passed on by its name is none.
    pub(super) fn listed_variables(&self) -> BTreeSet<String> {
        let names = self
            .variables
            .iter()
            .filter(|name| !FUNCTIONS.contains(&name.as_str()));
        names.cloned().collect()
    }

    /// Whether the expression reads the binding `name`.
    pub(super) fn reads(&self, name: &str) -> bool {
        if name == "states" {
            self.states.is_read()
        } else {
            self.variables.contains(name)
        }
    }

    /// Whether the expression gives `name` to something of its own, anywhere.
    pub(super) fn binds(&self, name: &str) -> bool {
        self.bound.contains(name)
    }

    /// Adds what another expression of the same template refers to.
    pub(super) fn merge(&mut self, other: &References) {
        self.variables.extend(other.variables.iter().cloned());
        self.states.merge(other.states);
        self.reads.merge(&other.reads);
    }
}

#[derive(Default)]
struct Walk {
    found: References,
    /// Names bound by the expression, innermost last.
    locals: Vec<String>,
    /// How many functions of the expression are around the node.
    functions_around: usize,
}

impl Walk {
    /// `top`: the context of this node is the top level's, which holds nothing on AWS.
    fn node(&mut self, node: &AstNode, top: bool) {
        match node {
            AstNode::Name(name) if top => self.refuse(name),
            AstNode::Wildcard if top => self.refuse("*"),
            AstNode::Descendant if top => self.refuse("**"),
            AstNode::Variable(name) => self.variable(name, None, top),
            AstNode::ParentVariable(_) => self.refuse("$$"),
            AstNode::Path { steps } => self.path(steps, top),
            AstNode::Binary { op, lhs, rhs } => self.binary(*op, lhs, rhs, top),
            AstNode::Unary { operand, .. } => self.node(operand, top),
            AstNode::Function { .. } | AstNode::Call { .. } | AstNode::Lambda { .. } => {
                self.function(node, top);
            }
            AstNode::Array(items) | AstNode::ArrayGroup(items) => self.array(items, top),
            AstNode::Object(pairs) => self.pairs(pairs, top),
            AstNode::ObjectTransform { input, pattern } => {
                self.node(input, top);
                self.pairs(pattern, false);
            }
            AstNode::Block(nodes) => self.scoped(|walk| walk.nodes(nodes, top)),
            AstNode::Conditional {
                condition,
                then_branch,
                else_branch,
            } => {
                self.node(condition, top);
                self.node(then_branch, top);
                if let Some(branch) = else_branch {
                    self.node(branch, top);
                }
            }
            AstNode::FunctionApplication(inner) => self.node(inner, top),
            AstNode::Sort { input, terms } => {
                self.node(input, top);
                for (term, _) in terms {
                    self.node(term, false);
                }
            }
            AstNode::Transform {
                location,
                update,
                delete,
            } => {
                self.found.transforms = true;
                self.node(location, false);
                self.node(update, false);
                if let Some(delete) = delete {
                    self.node(delete, false);
                }
            }
            AstNode::Name(_)
            | AstNode::Wildcard
            | AstNode::Descendant
            | AstNode::Parent(_)
            | AstNode::String(_)
            | AstNode::Number(_)
            | AstNode::Boolean(_)
            | AstNode::Null
            | AstNode::Undefined
            | AstNode::Placeholder
            | AstNode::Regex { .. } => {}
        }
    }

    fn function(&mut self, node: &AstNode, top: bool) {
        match node {
            AstNode::Function { name, args, .. } => {
                self.partial(args);
                if !self.is_local(name) {
                    self.found.functions.insert(name.clone());
                }
                self.nodes(args, top);
            }
            AstNode::Call { procedure, args } => {
                self.partial(args);
                self.node(procedure, top);
                self.nodes(args, top);
            }
            AstNode::Lambda { params, body, .. } => {
                self.found.reuses_values = true;
                self.makes_function();
                self.functions_around += 1;
                self.scoped(|walk| {
                    params.iter().for_each(|name| walk.bind(name));
                    walk.node(body, top);
                });
                self.functions_around -= 1;
            }
            _ => {}
        }
    }

    /// A call with a `?` among its arguments makes a function.
    fn partial(&mut self, args: &[AstNode]) {
        if args.iter().any(|arg| matches!(arg, AstNode::Placeholder)) {
            self.makes_function();
        }
    }

    fn makes_function(&mut self) {
        self.found.nests_functions |= self.functions_around > 0;
    }

    fn nodes(&mut self, nodes: &[AstNode], top: bool) {
        for node in nodes {
            self.node(node, top);
        }
    }

    fn array(&mut self, items: &[AstNode], top: bool) {
        for item in items {
            match item {
                // Only here is `..` a range.
                AstNode::Binary {
                    op: BinaryOp::Range,
                    lhs,
                    rhs,
                } => {
                    self.node(lhs, top);
                    self.node(rhs, top);
                }
                item => self.node(item, top),
            }
        }
    }

    fn pairs(&mut self, pairs: &[(AstNode, AstNode)], top: bool) {
        for (name, value) in pairs {
            self.node(name, top);
            self.node(value, top);
        }
    }

    fn binary(&mut self, op: BinaryOp, lhs: &AstNode, rhs: &AstNode, top: bool) {
        self.found.comparisons.extend(match op {
            BinaryOp::LessThan => Some("<"),
            BinaryOp::LessThanOrEqual => Some("<="),
            BinaryOp::GreaterThan => Some(">"),
            BinaryOp::GreaterThanOrEqual => Some(">="),
            _ => None,
        });
        let invalid = match (op, lhs) {
            (BinaryOp::Coalesce, _) => Some("The symbol \"?\" cannot be used as a unary operator"),
            (BinaryOp::Default, _) => Some("The symbol \":\" cannot be used as a unary operator"),
            (BinaryOp::Range, _) => Some("Syntax error: \"..\""),
            (BinaryOp::ColonEqual, AstNode::Variable(_)) => None,
            (BinaryOp::ColonEqual, _) => {
                Some("The left side of := must be a variable name (start with $)")
            }
            _ => None,
        };
        self.found.invalid = self.found.invalid.or(invalid);
        match (op, lhs) {
            (BinaryOp::ColonEqual, AstNode::Variable(name)) => {
                self.found.reuses_values = true;
                // A function may call itself by the name it is being given.
                let is_function = matches!(rhs, AstNode::Lambda { .. });
                if is_function {
                    self.bind(name);
                }
                self.node(rhs, top);
                if !is_function {
                    self.bind(name);
                }
            }
            _ => {
                self.node(lhs, top);
                self.node(rhs, top);
            }
        }
    }

    /// Only the first step sees the context of the path itself.
    fn path(&mut self, steps: &[PathStep], top: bool) {
        let length = self.locals.len();
        for (position, step) in steps.iter().enumerate() {
            match (&step.node, steps.get(position + 1).map(|next| &next.node)) {
                (AstNode::Variable(name), Some(AstNode::Name(part))) if step.stages.is_empty() => {
                    self.variable(name, Some(part), top && position == 0);
                }
                (node, _) => self.node(node, top && position == 0),
            }
            self.locals
                .extend(step.focus.iter().chain(&step.index_var).cloned());
            for stage in &step.stages {
                match stage {
                    Stage::Filter(filter) => self.node(filter, false),
                    Stage::Index(name) => self.bind(name),
                    Stage::KeepArray => {}
                }
            }
        }
        self.locals.truncate(length);
    }

    /// `part`: the member read from the variable, when it is written out.
    fn variable(&mut self, name: &str, part: Option<&str>, top: bool) {
        match name {
            "" if top => self.refuse("$"),
            "" => {}
            "$" => self.refuse("$$"),
            _ if self.is_local(name) => {}
            "states" => self.found.states.add(part),
            _ => {
                self.found.functions.insert(name.to_owned());
                self.found.variables.insert(name.to_owned());
            }
        }
    }

    fn bind(&mut self, name: &str) {
        self.found.bound.insert(name.to_owned());
        self.locals.push(name.to_owned());
    }

    fn is_local(&self, name: &str) -> bool {
        self.locals.iter().any(|local| local == name)
    }

    fn refuse(&mut self, name: &str) {
        self.found
            .unsupported
            .get_or_insert_with(|| name.to_owned());
    }

    fn scoped(&mut self, work: impl FnOnce(&mut Walk)) {
        let length = self.locals.len();
        work(self);
        self.locals.truncate(length);
    }
}
