//! Which resource needs which, and in what order they can be resolved.

use std::collections::{BTreeMap, BTreeSet};

use crate::intrinsics::split_attribute;
use crate::node::{Node, Value};
use crate::problem::{Mark, Place};
use crate::scope::Scope;
use crate::sub::{Piece, pieces};

/// Names that a value refers to: the walk goes only into the chosen branch of an `Fn::If`.
///
/// Reports names that stand for nothing, also in resources that are skipped otherwise.
pub(crate) struct References<'a> {
    scope: &'a Scope<'a>,
    pub targets: BTreeSet<String>,
}

impl<'a> References<'a> {
    pub fn new(scope: &'a Scope<'a>) -> References<'a> {
        References {
            scope,
            targets: BTreeSet::new(),
        }
    }

    pub fn add(&mut self, name: &str, at: Mark, place: &Place) {
        match self.scope.target(name) {
            Ok(_) => {
                self.targets.insert(name.to_owned());
            }
            Err(message) => self.scope.problems.error(at, place, message),
        }
    }

    pub fn walk(&mut self, node: &Node, place: &mut Place) {
        if let Some((function, argument)) = node.function() {
            return self.function(function, argument, node.at, place);
        }
        match &node.value {
            Value::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    place.push(&index.to_string());
                    self.walk(item, place);
                    place.pop();
                }
            }
            Value::Map(entries) => {
                for entry in entries {
                    place.push(&entry.key);
                    self.walk(&entry.node, place);
                    place.pop();
                }
            }
            _ => {}
        }
    }

    fn function(&mut self, function: &str, argument: &Node, at: Mark, place: &mut Place) {
        match (function, &argument.value) {
            ("Ref" | "Fn::GetAtt", Value::Text(name)) => self.add_dotted(name, at, place),
            ("Fn::GetAtt", Value::List(items)) => {
                if let Some(name) = items.first().and_then(Node::as_text) {
                    self.add(name, at, place);
                }
                items.iter().skip(1).for_each(|item| self.walk(item, place));
            }
            ("Fn::Sub", Value::Text(text)) => self.sub(text, None, at, place),
            ("Fn::Sub", Value::List(items)) => {
                if let [text, variables] = items.as_slice() {
                    self.sub(
                        text.as_text().unwrap_or_default(),
                        Some(variables),
                        at,
                        place,
                    );
                    let values = variables.entries().unwrap_or_default();
                    values
                        .iter()
                        .for_each(|entry| self.walk(&entry.node, place));
                }
            }
            ("Fn::If", Value::List(items)) => {
                let [condition, yes, no] = items.as_slice() else {
                    return;
                };
                match condition
                    .as_text()
                    .and_then(|name| self.scope.conditions.get(name))
                {
                    Some(true) => self.walk(yes, place),
                    Some(false) => self.walk(no, place),
                    None => {}
                }
            }
            (_, Value::List(items)) => items.iter().for_each(|item| self.walk(item, place)),
            _ => self.walk(argument, place),
        }
    }

    fn sub(&mut self, text: &str, variables: Option<&Node>, at: Mark, place: &Place) {
        for piece in pieces(text) {
            let Piece::Variable(name) = piece else {
                continue;
            };
            if variables.is_some_and(|map| map.entry(name).is_some()) {
                continue;
            }
            self.add_dotted(name, at, place);
        }
    }

    /// `Function.Alias` needs the alias too.
    fn add_dotted(&mut self, name: &str, at: Mark, place: &Place) {
        let (id, attribute) = split_attribute(name);
        self.add(id, at, place);
        let published = self.scope.names.get(id);
        let published = published.and_then(|named| named.published.as_ref());
        let made = match (published, attribute) {
            (Some(published), Some("Alias")) => Some(published.alias.clone()),
            (Some(published), Some("Version")) => Some(published.version.clone()),
            _ => None,
        };
        self.targets.extend(made);
    }
}

/// What a resource needs, by logical id.
pub(crate) type Needs = BTreeMap<String, BTreeSet<String>>;

/// The resources, each after what it needs, or one cycle (`A`, `B`, `A`).
pub(crate) fn order(needs: &Needs) -> Result<Vec<String>, Vec<String>> {
    let mut done: BTreeSet<&str> = BTreeSet::new();
    let mut sorted = Vec::with_capacity(needs.len());
    for root in needs.keys() {
        // A path from the root, each with what it still has to visit: no recursion, as chains can be long.
        let mut path: Vec<(&str, Vec<&str>)> = Vec::new();
        if !done.contains(root.as_str()) {
            path.push((root, open_needs(needs, root)));
        }
        while let Some((id, rest)) = path.last_mut() {
            let Some(next) = rest.pop() else {
                done.insert(id);
                sorted.push((*id).to_owned());
                path.pop();
                continue;
            };
            if let Some(start) = path.iter().position(|(id, _)| *id == next) {
                let mut cycle: Vec<String> = path[start..]
                    .iter()
                    .map(|(id, _)| (*id).to_owned())
                    .collect();
                cycle.push(next.to_owned());
                return Err(cycle);
            }
            if !done.contains(next) {
                path.push((next, open_needs(needs, next)));
            }
        }
    }
    Ok(sorted)
}

/// The needs of one resource that are resources themselves, last first.
fn open_needs<'a>(needs: &'a Needs, id: &str) -> Vec<&'a str> {
    let targets = needs.get(id).into_iter().flatten();
    targets
        .filter(|target| needs.contains_key(*target))
        .map(String::as_str)
        .rev()
        .collect()
}
