//! A rule of a mask: the steps of a path, and how far values have come on it.

use std::collections::BTreeMap;

/// Steps of a rule.
const STEPS_MAX: usize = 20;

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Name(String),
    /// Any member or element.
    Any,
    Index(usize),
    /// Any number of steps, none too.
    AnyDepth,
}

/// Reads a rule.
pub(super) fn steps(rule: &str) -> Result<Vec<Step>, String> {
    let mut steps = Vec::new();
    let mut rest = match rule.strip_prefix('$') {
        Some(rest) => rest,
        None if rule.starts_with("**") => rule,
        None => return Err("must begin with $ or with **".to_string()),
    };
    if let Some(after) = rest.strip_prefix("**") {
        steps.push(Step::AnyDepth);
        rest = after;
    }
    while !rest.is_empty() {
        let (step, after) = step(rest)?;
        if steps.len() >= STEPS_MAX {
            return Err(format!("has more than {STEPS_MAX} steps"));
        }
        steps.push(step);
        rest = after;
    }
    if Place::begun(&steps).is_at_end() {
        return Err("names no field".to_string());
    }
    Ok(steps)
}

fn step(rest: &str) -> Result<(Step, &str), String> {
    if let Some(inside) = rest.strip_prefix('[') {
        for quote in ['\'', '"'] {
            if let Some(name) = inside.strip_prefix(quote) {
                let (name, after) = name.split_once(&format!("{quote}]")).ok_or("lacks a ]")?;
                if name.is_empty() {
                    return Err("has an empty name".to_string());
                }
                return Ok((Step::Name(name.to_string()), after));
            }
        }
        let (index, after) = inside.split_once(']').ok_or("lacks a ]")?;
        let step = match index {
            "*" => Step::Any,
            index => Step::Index(index.parse().map_err(|_| {
                format!("has [{index}], and [*], a number or a name in quotation marks is allowed")
            })?),
        };
        return Ok((step, after));
    }
    let Some(name) = rest.strip_prefix('.') else {
        return Err(format!("has {rest:?} where . or [ is expected"));
    };
    let end = name.find(['.', '[']).unwrap_or(name.len());
    let (name, after) = name.split_at(end);
    Ok(match name {
        "" => return Err("has an empty name".to_string()),
        "*" => (Step::Any, after),
        "**" => (Step::AnyDepth, after),
        name if name.contains(['*', ']', ' ']) => {
            return Err(format!("has the name {name:?}; write it as ['{name}']"));
        }
        name => (Step::Name(name.to_string()), after),
    })
}

/// How far a value has come on a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place<'r> {
    rule: &'r [Step],
    /// Bit n: n steps are behind it, and the others ahead. With any depth in a rule it may be at several of them.
    done: u32,
}

const _: () = assert!(STEPS_MAX < u32::BITS as usize, "a place has a bit for each");

impl<'r> Place<'r> {
    /// Where a payload is.
    pub(super) fn begun(rule: &'r [Step]) -> Place<'r> {
        Place::at(rule, 1)
    }

    /// Any depth may be none: what is before one is behind it as well.
    fn at(rule: &'r [Step], mut done: u32) -> Place<'r> {
        for (at, step) in rule.iter().enumerate() {
            if *step == Step::AnyDepth {
                done |= (done & (1 << at)) << 1;
            }
        }
        Place { rule, done }
    }

    /// Whether the rule means the value.
    pub(super) fn is_at_end(self) -> bool {
        self.done & (1 << self.rule.len()) != 0
    }

    /// The steps that may be next, and how many are before each.
    fn ahead(self) -> impl Iterator<Item = (usize, &'r Step)> {
        let steps = self.rule.iter().enumerate();
        steps.filter(move |(at, _)| self.done & (1 << at) != 0)
    }

    /// One step further, on a step that `takes` accepts.
    ///
    /// - `is_element`: into an element of a list. A name means the member of every element as well.
    fn stepped(self, takes: &dyn Fn(&Step) -> bool, is_element: bool) -> Place<'r> {
        let mut done = 0;
        for (at, step) in self.ahead() {
            if *step == Step::AnyDepth || (is_element && matches!(step, Step::Name(_))) {
                done |= 1 << at;
            }
            if takes(step) {
                done |= 1 << (at + 1);
            }
        }
        Place::at(self.rule, done)
    }

    /// `None`: no step of the rule can be next, nor was its last one.
    pub(super) fn on_its_way(self) -> Option<Place<'r>> {
        (self.done != 0).then_some(self)
    }
}

/// The places on rules after one step that `takes` accepts; at most as many as there were. See [`Place::stepped`].
pub(super) fn stepped<'r>(
    places: &[Place<'r>],
    takes: &dyn Fn(&Step) -> bool,
    is_element: bool,
) -> Vec<Place<'r>> {
    let stepped = places.iter().map(|place| place.stepped(takes, is_element));
    stepped.filter_map(Place::on_its_way).collect()
}

/// How far the value of a field has come that is named as queries of logs name them: `card.number`, `items.0.secret`.
///
/// - At the end as well where the rule means something that the field is in.
/// - A name with dots in it may be a part of the field's name or several.
pub(super) fn come_to<'r>(rule: &'r [Step], field: &str) -> Place<'r> {
    // What is done where a part begins.
    let mut come = BTreeMap::<usize, u32>::from([(0, 1)]);
    while let Some((from, done)) = come.pop_first() {
        let place = Place::at(rule, done);
        let Some(rest) = field.get(from..).filter(|_| !place.is_at_end()) else {
            return place;
        };
        let part = rest.split('.').next().unwrap_or(rest);
        let index = part.parse();
        let takes = |step: &Step| match step {
            Step::Name(wanted) => wanted == part,
            Step::Index(wanted) => index == Ok(*wanted),
            step => *step == Step::Any,
        };
        *come.entry(from + part.len() + 1).or_default() |=
            place.stepped(&takes, index.is_ok()).done;
        for (at, step) in place.ahead() {
            if let Step::Name(name) = step
                && name.contains('.')
                && let Some(after) = rest.strip_prefix(name.as_str())
                && (after.is_empty() || after.starts_with('.'))
            {
                *come.entry(from + name.len() + 1).or_default() |= 1 << (at + 1);
            }
        }
    }
    Place { rule, done: 0 }
}

pub(super) fn last_name(rule: &[Step]) -> Option<&str> {
    rule.iter().rev().find_map(|step| match step {
        Step::Name(name) => Some(name.as_str()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deep_payload_has_one_place_on_each_rule() {
        let rule = steps(&format!("{}.**.b", "**.a.".repeat(9).trim_end_matches('.')));
        let rule = rule.expect("it is a rule");
        assert_eq!(rule.len(), STEPS_MAX);
        let mut places = vec![Place::begun(&rule)];
        for level in 1..=120 {
            let takes = |step: &Step| *step == Step::Name("a".to_string());
            places = stepped(&places, &takes, false);
            let states: u32 = places.iter().map(|place| place.done.count_ones()).sum();
            // Each any depth that was come to, and what is behind it.
            assert_eq!(states, 2 * (1 + level.min(9)), "at level {level}");
            assert_eq!(places.len(), 1);
            assert!(!places[0].is_at_end());
        }
        let takes = |step: &Step| *step == Step::Name("b".to_string());
        assert!(stepped(&places, &takes, false)[0].is_at_end());
    }
}
