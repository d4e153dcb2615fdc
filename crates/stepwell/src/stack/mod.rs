//! A stack: the resources of an application on a server, as CloudFormation keeps them.
//!
//! Each kind of resource has a document, what a template can say about it, in one form for what is wanted and
//! for what there is. A deployment compares the two and brings one to the other; putting back what was before is
//! the same with the sides changed.

mod cloudwatch;
mod document;
mod events;
mod gateway;
mod iam;
mod kinds;
mod lambda;
mod ledger;
mod logs;
mod planning;
mod rollout;
mod states;
mod steps;
mod tags;
mod webhooks;
mod xml;
mod xray;

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Map, Value};

pub use document::shown;
pub use kinds::Kind;
pub use lambda::qualified;
pub use planning::{Action, Plan, plan};
pub use rollout::Pace;
pub use steps::{apply, bring_each, prune};

/// AWS: the tags by which CloudFormation marks what belongs to a stack.
pub const STACK_NAME_TAG: &str = "aws:cloudformation:stack-name";
pub const LOGICAL_ID_TAG: &str = "aws:cloudformation:logical-id";
pub const STACK_ID_TAG: &str = "aws:cloudformation:stack-id";
/// Says that a resource stays when it leaves the template; CloudFormation reads that in the old template.
pub const RETAIN_TAG: &str = "stepwell:deletion-policy";
/// The hash of the document that an API was made of.
pub const BODY_TAG: &str = "stepwell:body";

/// Everything a deployment brings to a server.
#[derive(Debug, Clone, Default)]
pub struct Stack {
    pub name: String,
    /// Every resource after those that it needs.
    pub resources: Vec<Resource>,
}

/// One resource as the template wants it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    pub logical_id: String,
    pub kind: Kind,
    /// The physical name, for a reader.
    pub name: String,
    /// The members of its document. Texts may hold tokens of values that other resources give.
    pub properties: Value,
    /// The zip of a function or layer.
    pub package: Option<Arc<Vec<u8>>>,
    pub is_retained: bool,
}

/// One resource as it is on the server.
#[derive(Debug, Clone, Default)]
pub struct State {
    pub document: Map<String, Value>,
    /// What `Ref` and `Fn::GetAtt` give.
    pub attributes: BTreeMap<String, String>,
    /// What it takes to find the resource again.
    pub identity: String,
    /// The package that was replaced, kept for putting it back.
    pub package: Option<Arc<Vec<u8>>>,
}

impl State {
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.document.get("Tags")?.get(name)?.as_str()
    }
}

/// What a resource's document shall be.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub logical_id: String,
    pub stack_name: String,
    pub document: Map<String, Value>,
    pub package: Option<Arc<Vec<u8>>>,
}

impl Wanted {
    /// A member as text; empty if it is absent.
    pub fn text(&self, member: &str) -> &str {
        self.document
            .get(member)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// The members of these names that are there.
    pub fn picked(&self, members: &[&str]) -> Value {
        let picked = members.iter().filter_map(|member| {
            let value = self.document.get(*member)?;
            (!value.is_null()).then(|| ((*member).to_owned(), value.clone()))
        });
        Value::Object(picked.collect())
    }

    pub fn tags(&self) -> BTreeMap<String, String> {
        let tags = self.document.get("Tags").and_then(Value::as_object);
        tags.into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
            .collect()
    }
}

/// Values that resources have given, by logical id and attribute.
#[derive(Debug, Clone, Default)]
pub struct Known {
    values: BTreeMap<(String, String), String>,
}

impl Known {
    pub fn learn(&mut self, logical_id: &str, attributes: &BTreeMap<String, String>) {
        for (attribute, value) in attributes {
            let key = (logical_id.to_owned(), attribute.clone());
            self.values.insert(key, value.clone());
        }
    }

    /// The value with every token replaced that stands for something known.
    pub fn fill(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill_text(text)),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(members) => Value::Object(
                members
                    .iter()
                    .map(|(name, value)| (name.clone(), self.fill(value)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }

    pub fn fill_text(&self, text: &str) -> String {
        let value = |id: &str, attribute: &str| {
            let key = (id.to_owned(), attribute.to_owned());
            self.values.get(&key).cloned()
        };
        stepwell_template::fill(text, &value)
    }
}

/// Whether any text holds a token of a value that is not known.
pub fn is_open(value: &Value) -> bool {
    match value {
        Value::String(text) => stepwell_template::is_open(text),
        Value::Array(items) => items.iter().any(is_open),
        Value::Object(members) => members.values().any(is_open),
        _ => false,
    }
}

/// Tags of a resource: those of the template and those that mark the stack.
pub fn stack_tags(
    own: &BTreeMap<String, String>,
    stack_name: &str,
    stack_id: &str,
    logical_id: &str,
    is_retained: bool,
) -> Value {
    let mut tags = own.clone();
    for (key, value) in [
        (STACK_NAME_TAG, stack_name),
        (LOGICAL_ID_TAG, logical_id),
        (STACK_ID_TAG, stack_id),
    ] {
        tags.insert(key.to_owned(), value.to_owned());
    }
    if is_retained {
        tags.insert(RETAIN_TAG.to_owned(), "Retain".to_owned());
    }
    tags.into_iter()
        .map(|(key, value)| (key, Value::String(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// What tags must be set and which keys must go.
pub fn tag_changes(
    from: &Map<String, Value>,
    to: &BTreeMap<String, String>,
) -> (BTreeMap<String, String>, Vec<String>) {
    let before = from.get("Tags").and_then(Value::as_object);
    let empty = Map::new();
    let before = before.unwrap_or(&empty);
    let set = to
        .iter()
        .filter(|(key, value)| before.get(*key).and_then(Value::as_str) != Some(value))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let removed = before.keys().filter(|key| !to.contains_key(*key));
    (set, removed.cloned().collect())
}
