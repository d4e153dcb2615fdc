//! `Fn::ForEach`: loops over names, expanded before anything else is read.

use std::collections::BTreeSet;

use crate::node::{Entry, Node, Value};
use crate::parse::NODES_MAX;
use crate::problem::{Mark, Place};
use crate::scope::Scope;

const PREFIX: &str = "Fn::ForEach::";

/// A section with every loop replaced by what it gives.
pub(crate) fn expand(section: &Node, scope: &Scope<'_>, place: &Place) -> Node {
    if !has_loop(section) {
        return section.clone();
    }
    let mut expansion = Expansion { scope, nodes: 0 };
    expansion.node(section, &mut place.clone())
}

fn has_loop(node: &Node) -> bool {
    match &node.value {
        Value::List(items) => items.iter().any(has_loop),
        Value::Map(entries) => entries
            .iter()
            .any(|e| e.key.starts_with(PREFIX) || has_loop(&e.node)),
        _ => false,
    }
}

/// A map that grows, and the names that it has.
#[derive(Default)]
struct Expanded {
    entries: Vec<Entry>,
    keys: BTreeSet<String>,
}

struct Expansion<'a> {
    scope: &'a Scope<'a>,
    nodes: usize,
}

impl Expansion<'_> {
    fn node(&mut self, node: &Node, place: &mut Place) -> Node {
        match &node.value {
            Value::List(items) => Node::list(
                node.at,
                items.iter().map(|item| self.node(item, place)).collect(),
            ),
            Value::Map(entries) => {
                let mut expanded = Expanded::default();
                for entry in entries {
                    place.push(&entry.key);
                    if entry.key.starts_with(PREFIX) {
                        self.looped(entry, &mut expanded, place);
                    } else {
                        let node = self.node(&entry.node, place);
                        self.add(
                            Entry {
                                node,
                                ..entry.clone()
                            },
                            &mut expanded,
                            place,
                        );
                    }
                    place.pop();
                }
                Node::map(node.at, expanded.entries)
            }
            _ => node.clone(),
        }
    }

    fn add(&self, entry: Entry, into: &mut Expanded, place: &Place) {
        if !into.keys.insert(entry.key.clone()) {
            let message = format!("the name \"{}\" is already in this map", entry.key);
            return self.fail(entry.at, message, place);
        }
        into.entries.push(entry);
    }

    fn fail(&self, at: Mark, message: impl Into<String>, place: &Place) {
        self.scope.problems.error(at, place, message);
    }

    /// `Fn::ForEach::Name: [Identifier, [items], {Key${Identifier}: value}]`
    fn looped(&mut self, entry: &Entry, into: &mut Expanded, place: &mut Place) {
        if !self.scope.has_language_extensions {
            return self.fail(
                entry.at,
                "Fn::ForEach needs Transform: AWS::LanguageExtensions",
                place,
            );
        }
        let (identifier, collection, body) = match entry.node.items() {
            Some([identifier, collection, body])
                if identifier.as_text().is_some() && body.entries().is_some() =>
            {
                (identifier.as_text().unwrap_or_default(), collection, body)
            }
            _ => return self.fail(entry.at, "Fn::ForEach takes [identifier, list, map]", place),
        };
        let Some(values) = self.scope.evaluate(collection, place) else {
            return;
        };
        if values.is_unresolved() {
            return;
        }
        let Some(items) = values.items() else {
            let message = format!("Fn::ForEach takes a list, found {}", values.kind());
            return self.fail(collection.at, message, place);
        };
        let size = body.size();
        for item in items {
            let Some(value) = item.scalar() else {
                let message = format!("Fn::ForEach takes a list of texts, found {}", item.kind());
                return self.fail(collection.at, message, place);
            };
            self.nodes += size;
            if self.nodes > NODES_MAX {
                return self.fail(
                    entry.at,
                    format!("loops give more than {NODES_MAX} values"),
                    place,
                );
            }
            let body = replace(body, identifier, &value);
            let Value::Map(entries) = self.node(&body, place).value else {
                return;
            };
            for entry in entries {
                self.add(entry, into, place);
            }
        }
    }
}

/// A loop's body for one item: `${Identifier}`, `&{Identifier}` (letters and digits only) and `Ref`.
fn replace(node: &Node, identifier: &str, value: &str) -> Node {
    let alphanumeric: String = value.chars().filter(char::is_ascii_alphanumeric).collect();
    let text = |text: &str| {
        text.replace(&format!("${{{identifier}}}"), value)
            .replace(&format!("&{{{identifier}}}"), &alphanumeric)
    };
    if let Some(("Ref", argument)) = node.function()
        && argument.as_text() == Some(identifier)
    {
        return Node::text(node.at, value);
    }
    match &node.value {
        Value::Text(old) => Node::text(node.at, text(old)),
        Value::List(items) => Node::list(
            node.at,
            items
                .iter()
                .map(|item| replace(item, identifier, value))
                .collect(),
        ),
        Value::Map(entries) => {
            let entries = entries.iter().map(|entry| Entry {
                key: text(&entry.key),
                at: entry.at,
                node: replace(&entry.node, identifier, value),
            });
            Node::map(node.at, entries.collect())
        }
        _ => node.clone(),
    }
}
