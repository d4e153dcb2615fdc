//! A tree of values that know where they are written.

use crate::problem::Mark;

/// One value of a template with its position.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub at: Mark,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The number as it is written; always a JSON number.
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// A value whose problem has been reported; nothing more is said about it.
    Unresolved,
}

/// A key of a map, with the key's own position.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub at: Mark,
    pub node: Node,
}

impl Node {
    pub fn text(at: Mark, text: impl Into<String>) -> Node {
        Node {
            at,
            value: Value::Text(text.into()),
        }
    }

    pub fn list(at: Mark, items: Vec<Node>) -> Node {
        Node {
            at,
            value: Value::List(items),
        }
    }

    pub fn map(at: Mark, entries: Vec<Entry>) -> Node {
        Node {
            at,
            value: Value::Map(entries),
        }
    }

    pub fn unresolved(at: Mark) -> Node {
        Node {
            at,
            value: Value::Unresolved,
        }
    }

    /// `{"Ref": id}`.
    pub fn reference(at: Mark, id: &str) -> Node {
        Node::members(at, [("Ref", Node::text(at, id))])
    }

    /// `{"Fn::GetAtt": [id, attribute]}`.
    pub fn get_att(at: Mark, id: &str, attribute: &str) -> Node {
        let path = Node::list(at, vec![Node::text(at, id), Node::text(at, attribute)]);
        Node::members(at, [("Fn::GetAtt", path)])
    }

    /// `{"Fn::Sub": text}`.
    pub fn sub(at: Mark, text: impl Into<String>) -> Node {
        Node::members(at, [("Fn::Sub", Node::text(at, text))])
    }

    /// A map of these members.
    pub fn members<'k>(at: Mark, members: impl IntoIterator<Item = (&'k str, Node)>) -> Node {
        let entry = |(key, node): (&str, Node)| Entry {
            key: key.to_owned(),
            at,
            node,
        };
        Node::map(at, members.into_iter().map(entry).collect())
    }

    /// A value that stands at one position.
    pub fn of_json(at: Mark, json: &serde_json::Value) -> Node {
        use serde_json::Value as Json;
        let value = match json {
            Json::Null => Value::Null,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => Value::Number(number.to_string()),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => {
                Value::List(items.iter().map(|item| Node::of_json(at, item)).collect())
            }
            Json::Object(members) => Value::Map(
                members
                    .iter()
                    .map(|(key, value)| Entry {
                        key: key.clone(),
                        at,
                        node: Node::of_json(at, value),
                    })
                    .collect(),
            ),
        };
        Node { at, value }
    }

    /// Adds a member to a map, or replaces it.
    pub fn set(&mut self, key: &str, node: Node) {
        let Value::Map(entries) = &mut self.value else {
            return;
        };
        match entries.iter_mut().find(|entry| entry.key == key) {
            Some(entry) => entry.node = node,
            None => entries.push(Entry {
                key: key.to_owned(),
                at: node.at,
                node,
            }),
        }
    }

    /// Takes a member out of a map.
    pub fn remove(&mut self, key: &str) {
        if let Value::Map(entries) = &mut self.value {
            entries.retain(|entry| entry.key != key);
        }
    }

    /// Adds a member to a map if there is a value.
    pub fn set_some(&mut self, key: &str, node: Option<Node>) {
        if let Some(node) = node {
            self.set(key, node);
        }
    }

    /// What the value is, for messages.
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text(_) => "text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Unresolved => "an unresolved value",
        }
    }

    pub fn is_unresolved(&self) -> bool {
        matches!(self.value, Value::Unresolved)
    }

    pub fn entries(&self) -> Option<&[Entry]> {
        match &self.value {
            Value::Map(entries) => Some(entries),
            _ => None,
        }
    }

    pub fn items(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries()?.iter().find(|entry| entry.key == key)
    }

    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.node)
    }

    pub fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Any scalar as text, as CloudFormation hands a number or boolean to a text property.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            Value::Text(text) | Value::Number(text) => Some(text.clone()),
            Value::Bool(value) => Some(value.to_string()),
            _ => None,
        }
    }

    /// The function name and its argument, if this is `{"Ref": ..}` or `{"Fn::Name": ..}`.
    pub fn function(&self) -> Option<(&str, &Node)> {
        match self.entries()? {
            [only] if only.key == "Ref" || is_function_key(&only.key) => {
                Some((&only.key, &only.node))
            }
            _ => None,
        }
    }

    /// Number of nodes in this tree.
    pub fn size(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Node::size).sum::<usize>(),
            Value::Map(entries) => 1 + entries.iter().map(|e| e.node.size()).sum::<usize>(),
            _ => 1,
        }
    }

    /// Levels of nesting: a scalar has one.
    pub fn depth(&self) -> usize {
        match &self.value {
            Value::List(items) => 1 + items.iter().map(Node::depth).max().unwrap_or(0),
            Value::Map(entries) => 1 + entries.iter().map(|e| e.node.depth()).max().unwrap_or(0),
            _ => 1,
        }
    }

    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null | Value::Unresolved => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(text) => serde_json::from_str(text)
                .expect("invariant: a number node holds a JSON number in range"),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Node::to_json).collect(),
            Value::Map(entries) => serde_json::Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.clone(), entry.node.to_json()))
                    .collect(),
            ),
        }
    }
}

/// `Fn::Name`, but not the loop keys `Fn::ForEach::Loop`.
fn is_function_key(key: &str) -> bool {
    key.starts_with("Fn::") && !key.starts_with("Fn::ForEach")
}
