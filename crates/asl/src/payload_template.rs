//! Payload templates: JSON in which a member `name.$` holds a path or an intrinsic function for `name`.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::intrinsic::Intrinsic;
use crate::path::{CopyBudget, ValuePath};
use crate::{Failure, Scope};

/// Deepest nesting of a template; serde_json reads at most 128 levels.
pub const TEMPLATE_DEPTH_MAX: usize = 128;

/// A compiled template of a JSONPath state: `Parameters`, `ResultSelector`, `ItemSelector`, `Assign`, ...
#[derive(Debug, Clone, PartialEq)]
pub struct PayloadTemplate {
    root: Node,
}

/// A member that cannot be compiled.
///
/// - `pointer`: JSON pointer of the enclosing object below the field, empty for the field itself: AWS points there.
/// - `field`: the member as written, such as `parsed.$`.
/// - `message`: AWS's sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateProblem {
    pub pointer: String,
    pub field: String,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq)]
enum Node {
    /// Nothing to evaluate in it or below.
    Literal(Value),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

#[derive(Debug, Clone, PartialEq)]
struct Member {
    name: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq)]
enum Content {
    Node(Node),
    /// `field`: the name as written, with `.$`.
    Path {
        field: String,
        path: ValuePath,
    },
    Call(Intrinsic),
}

impl PayloadTemplate {
    /// Compiles `value`, the content of `field`; every problem is reported.
    pub fn compile(value: &Value, field: &str) -> Result<PayloadTemplate, Vec<TemplateProblem>> {
        let mut problems = Vec::new();
        let root = compile(value, &mut Place::root(field), &mut problems);
        if problems.is_empty() {
            Ok(PayloadTemplate { root })
        } else {
            Err(problems)
        }
    }

    /// The template with its paths and functions replaced by their values.
    ///
    /// - Errors: `States.Runtime` for the first value that is missing; `States.DataLimitExceeded` when the values
    ///   are too large together.
    pub fn evaluate(&self, scope: &Scope<'_>) -> Result<Value, Failure> {
        evaluate(&self.root, scope, &mut CopyBudget::new())
    }

    /// Names of the variables that the template reads, without their `$`.
    pub fn variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        collect_variables(&self.root, &mut names);
        names
    }

    /// Whether there is nothing to evaluate.
    pub fn is_literal(&self) -> bool {
        matches!(self.root, Node::Literal(_))
    }
}

/// Where compilation stands.
struct Place<'f> {
    field: &'f str,
    pointer: String,
    depth: usize,
}

impl<'f> Place<'f> {
    fn root(field: &'f str) -> Place<'f> {
        Place {
            field,
            pointer: String::new(),
            depth: 0,
        }
    }

    fn below<T>(&mut self, step: &str, work: impl FnOnce(&mut Place<'f>) -> T) -> T {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        self.depth += 1;
        let result = work(self);
        self.depth -= 1;
        self.pointer.truncate(length);
        result
    }
}

fn compile(value: &Value, place: &mut Place<'_>, problems: &mut Vec<TemplateProblem>) -> Node {
    if place.depth > TEMPLATE_DEPTH_MAX {
        problems.push(TemplateProblem {
            pointer: place.pointer.clone(),
            field: place.field.to_owned(),
            message: format!(
                "The field '{}' nests more than {TEMPLATE_DEPTH_MAX} levels",
                place.field
            ),
        });
        return Node::Literal(Value::Null);
    }
    match value {
        Value::Array(items) => {
            let nodes: Vec<Node> = items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    place.below(&index.to_string(), |place| compile(item, place, problems))
                })
                .collect();
            if nodes.iter().all(|node| matches!(node, Node::Literal(_))) {
                return Node::Literal(value.clone());
            }
            Node::Array(nodes)
        }
        Value::Object(members) => {
            refuse_twins(members, place, problems);
            let compiled: Vec<Member> = members
                .iter()
                .filter_map(|(name, value)| member(name, value, place, problems))
                .collect();
            if compiled
                .iter()
                .all(|member| matches!(member.content, Content::Node(Node::Literal(_))))
            {
                return Node::Literal(value.clone());
            }
            Node::Object(compiled)
        }
        scalar => Node::Literal(scalar.clone()),
    }
}

/// Reports members that would give one name two values: `a` beside `a.$`.
fn refuse_twins(
    members: &Map<String, Value>,
    place: &Place<'_>,
    problems: &mut Vec<TemplateProblem>,
) {
    for name in members.keys() {
        let twin = name
            .strip_suffix(".$")
            .filter(|twin| members.contains_key(*twin));
        if let Some(twin) = twin {
            problems.push(TemplateProblem {
                pointer: place.pointer.clone(),
                field: name.clone(),
                message: format!(
                    "There should only be one of the following fields: [{twin}, {name}]"
                ),
            });
        }
    }
}

fn member(
    name: &str,
    value: &Value,
    place: &mut Place<'_>,
    problems: &mut Vec<TemplateProblem>,
) -> Option<Member> {
    let Some(target) = name.strip_suffix(".$") else {
        let node = place.below(name, |place| compile(value, place, problems));
        return Some(Member {
            name: name.to_owned(),
            content: Content::Node(node),
        });
    };
    let field = name.to_owned();
    let content = match value.as_str() {
        Some(text) if text.starts_with('$') => {
            ValuePath::parse(text).map(|path| Content::Path { field, path })
        }
        Some(text) => Intrinsic::parse(text).map(Content::Call),
        None => Err(format!("{value} is not a string")),
    };
    match content {
        Ok(content) => Some(Member {
            name: target.to_owned(),
            content,
        }),
        Err(_) => {
            problems.push(TemplateProblem {
                pointer: place.pointer.clone(),
                field: name.to_owned(),
                // AWS: one sentence, whatever is wrong with the value.
                message: format!(
                    "The value for the field '{name}' must be a valid JSONPath or a valid intrinsic function call"
                ),
            });
            None
        }
    }
}

fn evaluate(node: &Node, scope: &Scope<'_>, budget: &mut CopyBudget) -> Result<Value, Failure> {
    match node {
        Node::Literal(value) => Ok(value.clone()),
        Node::Array(nodes) => {
            let items: Result<Vec<Value>, Failure> = nodes
                .iter()
                .map(|node| evaluate(node, scope, budget))
                .collect();
            items.map(Value::Array)
        }
        Node::Object(members) => {
            let mut object = Map::with_capacity(members.len());
            for Member { name, content } in members {
                let value = match content {
                    Content::Node(node) => evaluate(node, scope, budget)?,
                    Content::Path { field, path } => {
                        let value = path.evaluate(scope, field)?;
                        budget.spend(&value)?;
                        value.into_owned()
                    }
                    Content::Call(call) => {
                        let value = call.evaluate(scope)?;
                        budget.spend(&value)?;
                        value
                    }
                };
                object.insert(name.clone(), value);
            }
            Ok(Value::Object(object))
        }
    }
}

fn collect_variables(node: &Node, names: &mut BTreeSet<String>) {
    match node {
        Node::Literal(_) => {}
        Node::Array(nodes) => nodes.iter().for_each(|node| collect_variables(node, names)),
        Node::Object(members) => {
            for member in members {
                match &member.content {
                    Content::Node(node) => collect_variables(node, names),
                    Content::Path { path, .. } => names.extend(path.variable().map(str::to_owned)),
                    Content::Call(call) => call.collect_variables(names),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test may stop at the first surprise")]

    use serde_json::json;

    use super::*;
    use crate::Timestamp;
    use crate::scope::{Entropy, Variables};

    fn evaluated(template: Value, input: &Value) -> Result<Value, Failure> {
        let variables = Variables::from([("tax".to_owned(), json!({"rate": 7}))]);
        let context = json!({"State": {"Name": "Pay"}});
        let entropy = Entropy::derive(&[7; 32], 1);
        let scope = Scope {
            input,
            context: &context,
            variables: &variables,
            result: None,
            error_output: None,
            now: Timestamp::from_millis(0),
            entropy: &entropy,
        };
        PayloadTemplate::compile(&template, "Parameters")
            .unwrap()
            .evaluate(&scope)
    }

    #[test]
    fn only_members_that_end_in_a_dollar_are_evaluated() {
        let template = json!({
            "id.$": "$.order.id", "path": "$.order.id", "list": ["$.order.id", {"state.$": "$$.State.Name"}],
            "rate.$": "$tax.rate", "sum.$": "States.MathAdd($.order.id, 1)"
        });
        let value = evaluated(template, &json!({"order": {"id": 41}})).unwrap();
        assert_eq!(
            value.to_string(),
            r#"{"id":41,"path":"$.order.id","list":["$.order.id",{"state":"Pay"}],"rate":7,"sum":42}"#
        );
    }

    #[test]
    fn a_missing_value_names_path_field_and_input() {
        let failure = evaluated(json!({"a": {"b.$": "$.gone"}}), &json!({"x": 1})).unwrap_err();
        assert_eq!(failure.error, "States.Runtime");
        assert_eq!(
            failure.cause,
            r#"The JSONPath '$.gone' specified for the field 'b.$' could not be found in the input '{"x":1}'"#
        );
    }

    #[test]
    fn every_bad_member_is_reported_at_its_object() {
        let template = json!({"a": {"parsed.$": "States.Nope()"}, "n.$": 1, "ok.$": "$.x"});
        let problems = PayloadTemplate::compile(&template, "Parameters").unwrap_err();
        let shown: Vec<(&str, &str)> = problems
            .iter()
            .map(|p| (p.pointer.as_str(), p.field.as_str()))
            .collect();
        assert_eq!(shown, [("/a", "parsed.$"), ("", "n.$")]);
        assert_eq!(
            problems[0].message,
            "The value for the field 'parsed.$' must be a valid JSONPath or a valid intrinsic function call"
        );
    }

    #[test]
    fn a_template_cannot_multiply_its_input_without_end() {
        let members: Map<String, Value> = (0..2_000)
            .map(|n| (format!("m{n}.$"), Value::from("$.big")))
            .collect();
        let input = json!({"big": "x".repeat(100_000)});
        let failure = evaluated(Value::Object(members), &input).unwrap_err();
        assert_eq!(failure.error, "States.DataLimitExceeded");
    }

    #[test]
    fn literal_templates_are_known_and_variables_listed() {
        let literal =
            PayloadTemplate::compile(&json!({"a": [1, {"b": "$.c"}]}), "Parameters").unwrap();
        assert!(literal.is_literal());
        let template =
            json!({"a.$": "$one.x", "b": [{"c.$": "States.Array($two, States.Array($three))"}]});
        let template = PayloadTemplate::compile(&template, "Assign").unwrap();
        assert!(!template.is_literal());
        assert_eq!(
            Vec::from_iter(template.variables()),
            ["one", "three", "two"]
        );
    }
}
