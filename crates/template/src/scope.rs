//! What a template's functions may refer to, and the walk that evaluates a value.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::Options;
use crate::intrinsics;
use crate::names::Names;
use crate::node::{Entry, Node, Value};
use crate::parameters::Parameters;
use crate::problem::{Mark, Place, Problems};

/// Bytes of text that all functions of one template may give together.
pub const FUNCTION_OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Everything a function can see.
pub(crate) struct Scope<'a> {
    pub problems: &'a Problems,
    pub pseudo: Pseudo,
    pub parameters: &'a Parameters,
    pub mappings: Option<&'a Node>,
    pub conditions: BTreeMap<String, bool>,
    pub names: Names,
    /// Conditions and parameters of loops come before resources and cannot refer to them.
    pub sees_resources: bool,
    pub has_language_extensions: bool,
    /// Paths of what S3 keys stand for.
    pub assets: &'a BTreeMap<String, String>,
    pub output_bytes: Cell<usize>,
}

/// The values of the pseudo parameters.
pub(crate) struct Pseudo {
    pub region: String,
    pub account: String,
    pub partition: &'static str,
    pub url_suffix: &'static str,
    pub stack_name: String,
}

/// AWS: the pseudo parameters.
pub(crate) const PSEUDO_PARAMETERS: [&str; 8] = [
    "AWS::AccountId",
    "AWS::NoValue",
    "AWS::NotificationARNs",
    "AWS::Partition",
    "AWS::Region",
    "AWS::StackId",
    "AWS::StackName",
    "AWS::URLSuffix",
];

impl Pseudo {
    pub fn new(options: &Options<'_>) -> Pseudo {
        let (partition, url_suffix) = match options.region {
            region if region.starts_with("cn-") => ("aws-cn", "amazonaws.com.cn"),
            region if region.starts_with("us-gov-") => ("aws-us-gov", "amazonaws.com"),
            _ => ("aws", "amazonaws.com"),
        };
        Pseudo {
            region: options.region.to_owned(),
            account: options.account.to_owned(),
            partition,
            url_suffix,
            stack_name: options.stack_name.to_owned(),
        }
    }

    /// `arn:partition:service:region:account:resource`; a global service has no region.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let region = if service == "iam" { "" } else { &self.region };
        let (partition, account) = (self.partition, &self.account);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }

    /// The value of a pseudo parameter; `None` inside is `AWS::NoValue`.
    pub fn get(&self, name: &str, at: Mark) -> Option<Option<Node>> {
        let text = match name {
            "AWS::NoValue" => return Some(None),
            "AWS::NotificationARNs" => return Some(Some(Node::list(at, Vec::new()))),
            "AWS::AccountId" => self.account.clone(),
            "AWS::Partition" => self.partition.to_owned(),
            "AWS::Region" => self.region.clone(),
            "AWS::StackId" => {
                let id = format!("stack/{}/{}", self.stack_name, stack_uuid(&self.stack_name));
                self.arn("cloudformation", &id)
            }
            "AWS::StackName" => self.stack_name.clone(),
            "AWS::URLSuffix" => self.url_suffix.to_owned(),
            _ => return None,
        };
        Some(Some(Node::text(at, text)))
    }
}

/// A made-up id of the right form that only depends on the name.
fn stack_uuid(name: &str) -> String {
    let (high, low) = (
        crate::names::hash(name),
        crate::names::hash(&format!("{name}#")),
    );
    let hex = format!("{high:016x}{low:016x}");
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Why a function has no value.
pub(crate) enum Fault {
    At(Mark, String),
    /// An argument was wrong, and that has been reported.
    Reported,
}

/// The value of a function; `None` is `AWS::NoValue`.
pub(crate) type Outcome = Result<Option<Node>, Fault>;

impl Scope<'_> {
    /// A value with every function replaced by what it gives; `None` for `AWS::NoValue`.
    ///
    /// Problems are reported once; what they concern becomes [`Value::Unresolved`].
    pub fn evaluate(&self, node: &Node, place: &mut Place) -> Option<Node> {
        if let Some((name, argument)) = node.function() {
            return match intrinsics::call(self, name, argument, node.at, place) {
                Ok(value) => value.map(|value| self.within_budget(value, place)),
                Err(Fault::At(at, message)) => {
                    self.problems.error(at, place, message);
                    Some(Node::unresolved(at))
                }
                Err(Fault::Reported) => Some(Node::unresolved(node.at)),
            };
        }
        match &node.value {
            Value::List(items) => Some(Node::list(node.at, self.evaluate_items(items, place))),
            Value::Map(entries) => Some(Node::map(node.at, self.evaluate_entries(entries, place))),
            _ => Some(node.clone()),
        }
    }

    fn evaluate_items(&self, items: &[Node], place: &mut Place) -> Vec<Node> {
        let mut values = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            place.push(&index.to_string());
            values.extend(self.evaluate(item, place));
            place.pop();
        }
        values
    }

    fn evaluate_entries(&self, entries: &[Entry], place: &mut Place) -> Vec<Entry> {
        let mut values = Vec::with_capacity(entries.len());
        for entry in entries {
            place.push(&entry.key);
            if entry.key.starts_with("Fn::") {
                let message = format!("{} must be the only name in its map", entry.key);
                self.problems.error(entry.at, place, message);
            }
            values.extend(self.evaluate(&entry.node, place).map(|node| Entry {
                key: entry.key.clone(),
                at: entry.at,
                node,
            }));
            place.pop();
        }
        values
    }

    /// Refuses what makes the results of functions grow without end.
    fn within_budget(&self, value: Node, place: &Place) -> Node {
        let bytes = self.output_bytes.get() + text_bytes(&value);
        self.output_bytes.set(bytes);
        if bytes <= FUNCTION_OUTPUT_BYTES_MAX {
            return value;
        }
        let message = format!(
            "the functions of the template give more than {FUNCTION_OUTPUT_BYTES_MAX} bytes"
        );
        self.problems.error(Mark::START, place, message);
        Node::unresolved(value.at)
    }
}

/// Bytes of all texts in a tree, and one for each node.
fn text_bytes(node: &Node) -> usize {
    1 + match &node.value {
        Value::Text(text) | Value::Number(text) => text.len(),
        Value::List(items) => items.iter().map(text_bytes).sum(),
        Value::Map(entries) => entries
            .iter()
            .map(|e| e.key.len() + text_bytes(&e.node))
            .sum(),
        _ => 0,
    }
}
