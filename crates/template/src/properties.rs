//! Reads evaluated properties as what they must be, and reports what they are instead.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::node::{Node, Value};
use crate::problem::{Mark, Place, Problems};
use crate::suggest::suggestion;

/// The properties of a resource, or of a map inside them. Every value is evaluated.
pub(crate) struct Properties<'a> {
    node: &'a Node,
    /// Where a missing property is reported.
    pub at: Mark,
    pub place: Place,
    pub problems: &'a Problems,
}

impl<'a> Properties<'a> {
    pub fn new(node: &'a Node, at: Mark, place: Place, problems: &'a Problems) -> Properties<'a> {
        Properties {
            node,
            at,
            place,
            problems,
        }
    }

    /// A property's value; one whose problem has been reported counts as absent.
    pub fn get(&self, name: &str) -> Option<&'a Node> {
        self.node.get(name).filter(|node| !node.is_unresolved())
    }

    /// Whether the property is there, even if its value could not be had.
    pub fn has(&self, name: &str) -> bool {
        self.node.entry(name).is_some()
    }

    pub fn fail(&self, name: &str, at: Mark, message: impl Into<String>) {
        self.problems.error(at, &self.place.join(name), message);
    }

    pub fn missing(&self, name: &str) {
        self.fail(
            name,
            self.at,
            format!("the required property {name} is missing"),
        );
    }

    fn mismatch(&self, name: &str, node: &Node, expected: &str) {
        let found = match node.scalar() {
            Some(text) => format!("\"{text}\""),
            None => node.kind().to_owned(),
        };
        self.fail(name, node.at, format!("expected {expected}, found {found}"));
    }

    pub fn text(&self, name: &str) -> Option<String> {
        let node = self.get(name)?;
        let text = node.scalar();
        if text.is_none() {
            self.mismatch(name, node, "text");
        }
        text
    }

    pub fn required_text(&self, name: &str) -> Option<String> {
        if !self.has(name) {
            self.missing(name);
        }
        self.text(name)
    }

    /// A whole number; CloudFormation takes `"30"` for 30.
    pub fn integer(&self, name: &str, range: RangeInclusive<u32>) -> Option<u32> {
        let node = self.get(name)?;
        let number = node.scalar().and_then(|text| text.trim().parse().ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(number),
            None => {
                let expected = format!("a whole number from {} to {}", range.start(), range.end());
                self.mismatch(name, node, &expected);
                None
            }
        }
    }

    /// A boolean; CloudFormation takes `"true"` for true.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        let node = self.get(name)?;
        match node.scalar().as_deref() {
            Some("true" | "True") => Some(true),
            Some("false" | "False") => Some(false),
            _ => {
                self.mismatch(name, node, "true or false");
                None
            }
        }
    }

    /// One of a few words.
    pub fn word(&self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let node = self.get(name)?;
        let text = node.scalar().unwrap_or_default();
        let word = words.iter().find(|word| **word == text);
        if word.is_none() {
            let near = suggestion(&text, &mut words.iter().copied());
            let expected = format!("one of {}", words.join(", "));
            let found = if text.is_empty() {
                node.kind().to_owned()
            } else {
                format!("\"{text}\"")
            };
            self.fail(
                name,
                node.at,
                format!("expected {expected}, found {found}{near}"),
            );
        }
        word.copied()
    }

    pub fn texts(&self, name: &str) -> Vec<String> {
        let Some(node) = self.get(name) else {
            return Vec::new();
        };
        let Some(items) = node.items() else {
            self.mismatch(name, node, "a list");
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items.iter().filter(|item| !item.is_unresolved()) {
            match item.scalar() {
                Some(text) => texts.push(text),
                None => self.mismatch(name, item, "a list of texts"),
            }
        }
        texts
    }

    pub fn text_map(&self, name: &str) -> BTreeMap<String, String> {
        let Some(node) = self.get(name) else {
            return BTreeMap::new();
        };
        let Some(entries) = node.entries() else {
            self.mismatch(name, node, "a map");
            return BTreeMap::new();
        };
        let mut map = BTreeMap::new();
        for entry in entries.iter().filter(|entry| !entry.node.is_unresolved()) {
            match entry.node.scalar() {
                Some(text) => {
                    map.insert(entry.key.clone(), text);
                }
                None => {
                    let place = self.place.join(name).join(&entry.key);
                    let message = format!("expected text, found {}", entry.node.kind());
                    self.problems.error(entry.node.at, &place, message);
                }
            }
        }
        map
    }

    /// `[{Key: .., Value: ..}]`, as CloudFormation writes tags.
    pub fn tag_list(&self, name: &str) -> BTreeMap<String, String> {
        let Some(node) = self.get(name) else {
            return BTreeMap::new();
        };
        let Some(items) = node.items() else {
            self.mismatch(name, node, "a list of {Key, Value}");
            return BTreeMap::new();
        };
        let mut tags = BTreeMap::new();
        for item in items.iter().filter(|item| !item.is_unresolved()) {
            match (
                item.get("Key").and_then(Node::scalar),
                item.get("Value").and_then(Node::scalar),
            ) {
                (Some(key), Some(value)) => {
                    tags.insert(key, value);
                }
                _ => self.mismatch(name, item, "{Key, Value} of a tag"),
            }
        }
        tags
    }

    /// A map inside the properties.
    pub fn child(&self, name: &str) -> Option<Properties<'a>> {
        let node = self.get(name)?;
        if !matches!(node.value, Value::Map(_)) {
            self.mismatch(name, node, "a map");
            return None;
        }
        Some(Properties::new(
            node,
            node.at,
            self.place.join(name),
            self.problems,
        ))
    }

    pub fn json(&self, name: &str) -> Option<serde_json::Value> {
        self.get(name).map(Node::to_json)
    }

    /// Warns of names in a nested map that nobody reads.
    pub fn warn_unknown(&self, known: &[&str]) {
        for entry in self.node.entries().unwrap_or_default() {
            if !known.contains(&entry.key.as_str()) {
                let near = suggestion(&entry.key, &mut known.iter().copied());
                let message = format!("unknown property {} has no effect{near}", entry.key);
                self.problems
                    .warning(entry.at, &self.place.join(&entry.key), message);
            }
        }
    }
}
