//! The `Conditions` section.

use std::collections::{BTreeMap, BTreeSet};

use crate::node::Node;
use crate::problem::{Mark, Place};
use crate::scope::Scope;
use crate::suggest::suggestion;

/// Conditions that may refer to each other in a chain.
pub const CONDITION_CHAIN_MAX: usize = 100;

/// AWS: operands of `Fn::And` and `Fn::Or`.
const OPERANDS: std::ops::RangeInclusive<usize> = 2..=10;

/// Decides every condition. One that is wrong is reported and counts as false.
pub(crate) fn decide(section: Option<&Node>, scope: &Scope<'_>) -> BTreeMap<String, bool> {
    let entries = section.and_then(Node::entries).unwrap_or_default();
    let mut decider = Decider {
        scope,
        section: entries.iter().map(|e| (e.key.as_str(), &e.node)).collect(),
        decided: BTreeMap::new(),
        open: Vec::new(),
        cyclic: BTreeSet::new(),
    };
    for entry in entries {
        decider.named(&entry.key, entry.at);
    }
    decider.decided
}

struct Decider<'a> {
    scope: &'a Scope<'a>,
    section: BTreeMap<&'a str, &'a Node>,
    decided: BTreeMap<String, bool>,
    /// The conditions that are being decided, outermost first.
    open: Vec<String>,
    cyclic: BTreeSet<String>,
}

impl Decider<'_> {
    fn fail(&self, at: Mark, place: &Place, message: impl Into<String>) -> bool {
        self.scope.problems.error(at, place, message);
        false
    }

    fn named(&mut self, name: &str, at: Mark) -> bool {
        if let Some(decided) = self.decided.get(name) {
            return *decided;
        }
        let place = Place::section("Conditions").join(name);
        let Some(node) = self.section.get(name).copied() else {
            let near = suggestion(name, &mut self.section.keys().copied());
            let inside = self
                .open
                .last()
                .map_or(place, |open| Place::section("Conditions").join(open));
            return self.fail(at, &inside, format!("there is no condition {name}{near}"));
        };
        if let Some(start) = self.open.iter().position(|open| open == name) {
            let mut cycle = self.open[start..].to_vec();
            cycle.push(name.to_owned());
            if cycle.iter().any(|name| self.cyclic.contains(name)) {
                return false;
            }
            self.cyclic.extend(cycle.iter().cloned());
            return self.fail(
                at,
                &place,
                format!("conditions depend on each other: {}", cycle.join(" -> ")),
            );
        }
        if self.open.len() >= CONDITION_CHAIN_MAX {
            let message = format!(
                "more than {CONDITION_CHAIN_MAX} conditions refer to each other in a chain"
            );
            return self.fail(at, &place, message);
        }
        self.open.push(name.to_owned());
        let holds = self.holds(node, &place);
        self.open.pop();
        self.decided.insert(name.to_owned(), holds);
        holds
    }

    fn holds(&mut self, node: &Node, place: &Place) -> bool {
        let only = match node.entries() {
            Some([only]) => only,
            _ => {
                let message = format!(
                    "a condition is one of the condition functions, found {}",
                    node.kind()
                );
                return self.fail(node.at, place, message);
            }
        };
        let operands = only.node.items().unwrap_or_default();
        match (only.key.as_str(), operands) {
            ("Condition", _) => match only.node.as_text() {
                Some(name) => self.named(name, only.node.at),
                None => self.fail(only.at, place, "Condition takes the name of a condition"),
            },
            ("Fn::Not", [operand]) => !self.holds(operand, place),
            ("Fn::Not", _) => self.fail(only.at, place, "Fn::Not takes [condition]"),
            ("Fn::Equals", [left, right]) => self.equals(left, right, place),
            ("Fn::Equals", _) => self.fail(only.at, place, "Fn::Equals takes [value, value]"),
            ("Fn::And" | "Fn::Or", _) if !OPERANDS.contains(&operands.len()) => {
                let message = format!(
                    "{} takes from 2 to 10 conditions, found {}",
                    only.key,
                    operands.len()
                );
                self.fail(only.at, place, message)
            }
            ("Fn::And" | "Fn::Or", _) => {
                // Every operand is decided, so that a mistake in any of them is seen.
                let holding = operands
                    .iter()
                    .filter(|operand| self.holds(operand, place))
                    .count();
                if only.key == "Fn::And" {
                    holding == operands.len()
                } else {
                    holding > 0
                }
            }
            (other, _) => {
                let mut known =
                    ["Condition", "Fn::And", "Fn::Equals", "Fn::Not", "Fn::Or"].into_iter();
                let near = suggestion(other, &mut known);
                self.fail(
                    only.at,
                    place,
                    format!("{other} is not a condition function{near}"),
                )
            }
        }
    }

    fn equals(&self, left: &Node, right: &Node, place: &Place) -> bool {
        let value = |node: &Node| self.scope.evaluate(node, &mut place.clone());
        match (value(left), value(right)) {
            (Some(left), Some(right)) if left.is_unresolved() || right.is_unresolved() => false,
            (Some(left), Some(right)) => match (left.scalar(), right.scalar()) {
                (Some(left), Some(right)) => left == right,
                (None, None) => left.to_json() == right.to_json(),
                _ => false,
            },
            (None, None) => true,
            _ => false,
        }
    }
}
