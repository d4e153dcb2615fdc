//! JSON in which texts `{% ... %}` are expressions: `Arguments`, `Output`, `Assign`, `Items`, ...

use std::cell::OnceCell;
use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::path::CopyBudget;
use crate::{Failure, Scope};

use super::references::References;
use super::{Bindings, CompileProblem, Expression, Outcome};

/// Deepest nesting of a template; serde_json reads at most 128 levels.
const TEMPLATE_DEPTH_MAX: usize = 128;

/// A compiled template of a JSONata state.
#[derive(Debug, Clone)]
pub struct JsonataTemplate {
    field: String,
    root: Node,
    references: Box<References>,
}

/// An expression that cannot be compiled.
///
/// - `location`: the field, such as `Output/a/b[0]`.
/// - `pointer`: the same below the field, `/a/b[0]`, empty for the field itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateCompileProblem {
    pub location: String,
    pub pointer: String,
    pub problem: CompileProblem,
}

#[derive(Debug, Clone)]
enum Node {
    /// Nothing to evaluate in it or below.
    Literal(Value),
    Expression(Box<Expression>),
    Array(Vec<Node>),
    Object(Vec<(String, Node)>),
}

impl JsonataTemplate {
    /// Compiles `value`, the content of `field`; every problem is reported.
    ///
    /// - `field`: the location of failures, such as `Output` or `Choices[0]/Condition`.
    /// - `outcome`: as in [`Expression::compile`].
    pub fn compile(
        value: &Value,
        field: &str,
        outcome: Outcome,
    ) -> Result<JsonataTemplate, Vec<TemplateCompileProblem>> {
        let mut compiler = Compiler {
            field,
            outcome,
            pointer: String::new(),
            references: References::default(),
            problems: Vec::new(),
        };
        let root = compiler.node(value, 0);
        if !compiler.problems.is_empty() {
            return Err(compiler.problems);
        }
        Ok(JsonataTemplate {
            field: field.to_owned(),
            root,
            references: Box::new(compiler.references),
        })
    }

    /// The template with its expressions replaced by their values.
    ///
    /// - Errors: those of [`Expression::evaluate`], at the location of the first expression that fails.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        if let Node::Literal(value) = &self.root {
            return Ok(value.clone());
        }
        let mut evaluation = Evaluation {
            references: &self.references,
            bindings: OnceCell::new(),
            scope,
            budget: CopyBudget::new(),
        };
        evaluation.node(&self.root, &mut self.field.clone())
    }

    /// Names of the state variables that the expressions read, without their `$`.
    pub fn variables(&self) -> BTreeSet<String> {
        self.references.listed_variables()
    }

    /// Whether there is nothing to evaluate.
    pub fn is_literal(&self) -> bool {
        matches!(self.root, Node::Literal(_))
    }

    /// Whether the template is an object, as it is written.
    pub fn is_object(&self) -> bool {
        matches!(self.root, Node::Object(_) | Node::Literal(Value::Object(_)))
    }

    /// The expression that the whole template is, if it is one.
    pub fn expression(&self) -> Option<&Expression> {
        match &self.root {
            Node::Expression(expression) => Some(expression),
            Node::Literal(_) | Node::Array(_) | Node::Object(_) => None,
        }
    }

    /// The field that the template is the content of: the location of its failures.
    pub fn field(&self) -> &str {
        &self.field
    }
}

struct Compiler<'f> {
    field: &'f str,
    outcome: Outcome,
    pointer: String,
    references: References,
    problems: Vec<TemplateCompileProblem>,
}

impl Compiler<'_> {
    fn node(&mut self, value: &Value, depth: usize) -> Node {
        if depth > TEMPLATE_DEPTH_MAX {
            let message = format!("a template nests at most {TEMPLATE_DEPTH_MAX} levels");
            self.refuse(CompileProblem::Invalid { message });
            return Node::Literal(Value::Null);
        }
        match value {
            Value::String(text) if Expression::is_marked(text) => self.expression(text),
            Value::Array(items) => {
                let nodes: Vec<Node> = items
                    .iter()
                    .enumerate()
                    .map(|(index, item)| self.below(&format!("[{index}]"), item, depth))
                    .collect();
                if nodes.iter().all(|node| matches!(node, Node::Literal(_))) {
                    return Node::Literal(value.clone());
                }
                Node::Array(nodes)
            }
            Value::Object(members) => {
                let nodes: Vec<(String, Node)> = members
                    .iter()
                    .map(|(name, value)| {
                        (name.clone(), self.below(&format!("/{name}"), value, depth))
                    })
                    .collect();
                if nodes
                    .iter()
                    .all(|(_, node)| matches!(node, Node::Literal(_)))
                {
                    return Node::Literal(value.clone());
                }
                Node::Object(nodes)
            }
            literal => Node::Literal(literal.clone()),
        }
    }

    fn below(&mut self, step: &str, value: &Value, depth: usize) -> Node {
        let length = self.pointer.len();
        self.pointer.push_str(step);
        let node = self.node(value, depth + 1);
        self.pointer.truncate(length);
        node
    }

    fn expression(&mut self, text: &str) -> Node {
        match Expression::compile(text, self.outcome) {
            Ok(expression) => {
                self.references.merge(&expression.references);
                Node::Expression(Box::new(expression))
            }
            Err(problem) => {
                self.refuse(problem);
                Node::Literal(Value::Null)
            }
        }
    }

    fn refuse(&mut self, problem: CompileProblem) {
        self.problems.push(TemplateCompileProblem {
            location: format!("{}{}", self.field, self.pointer),
            pointer: self.pointer.clone(),
            problem,
        });
    }
}

/// One evaluation of a whole template; what the expressions read is converted once.
struct Evaluation<'s> {
    references: &'s References,
    bindings: OnceCell<Bindings>,
    scope: &'s Scope<'s>,
    budget: CopyBudget,
}

impl Evaluation<'_> {
    fn node(&mut self, node: &Node, location: &mut String) -> Result<Value, Failure> {
        let length = location.len();
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Expression(expression) => {
                let bindings = || {
                    self.bindings
                        .get_or_init(|| Bindings::of(self.references, self.scope))
                };
                let value = expression.evaluate_with(&bindings, self.scope, location)?;
                self.budget.spend(&value)?;
                Ok(value)
            }
            Node::Array(nodes) => {
                let mut items = Vec::with_capacity(nodes.len());
                for (index, node) in nodes.iter().enumerate() {
                    location.push_str(&format!("[{index}]"));
                    items.push(self.node(node, location)?);
                    location.truncate(length);
                }
                Ok(Value::Array(items))
            }
            Node::Object(nodes) => {
                let mut members = Map::with_capacity(nodes.len());
                for (name, node) in nodes {
                    location.push('/');
                    location.push_str(name);
                    members.insert(name.clone(), self.node(node, location)?);
                    location.truncate(length);
                }
                Ok(Value::Object(members))
            }
        }
    }
}
