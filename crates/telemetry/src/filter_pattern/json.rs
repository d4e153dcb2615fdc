//! Patterns of JSON: `{ $.a.b = "x*" && ($.n > 3 || $.c IS TRUE) || $.d NOT EXISTS }`.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value as Found;

use super::value::{Operator, Regexes, Value};
use super::{RefusedPattern, invalid};

/// Parentheses inside each other.
const DEPTH_MAX: usize = 32;

/// Conditions of a pattern.
const CONDITIONS_MAX: usize = 200;

/// Values that one selector with `[*]` gives at most.
const SELECTED_MAX: usize = 10_000;

#[derive(Debug)]
pub(super) struct Json {
    condition: Condition,
    /// Members of a message that the condition looks at; `None` if it looks at more than members.
    members: Option<BTreeSet<String>>,
}

#[derive(Debug)]
enum Condition {
    All(Vec<Condition>),
    Any(Vec<Condition>),
    Compare(Selector, Operator, Value),
    IsTrue(Selector),
    IsFalse(Selector),
    IsNull(Selector),
    NotExists(Selector),
    Exists(Selector),
}

#[derive(Debug)]
struct Selector {
    text: String,
    steps: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Member(String),
    Element(usize),
    All,
}

impl Json {
    pub(super) fn parse(text: &str) -> Result<Json, RefusedPattern> {
        let mut parser = Parser {
            rest: text.trim(),
            depth: 0,
            conditions: 0,
            regexes: Regexes::default(),
        };
        let condition = parser.any()?;
        if !parser.rest.is_empty() {
            return Err(invalid());
        }
        let members = condition.members();
        Ok(Json { condition, members })
    }

    pub(super) fn matches(&self, message: &str) -> bool {
        self.read(message)
            .is_some_and(|message| self.condition.holds(&message))
    }

    /// The message, or what the condition looks at of it: a message has many members, a condition names few.
    fn read(&self, message: &str) -> Option<Found> {
        match &self.members {
            Some(members) if message.trim_start().starts_with('{') => some(message, members),
            _ => object(message),
        }
    }

    pub(super) fn extract(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let message = self.read(message)?;
        if !self.condition.holds(&message) {
            return None;
        }
        let mut values = BTreeMap::new();
        self.condition.selectors(&mut |selector| {
            if let Some(found) = selector.found(&message).first() {
                values.insert(selector.text.clone(), text_of(found));
            }
        });
        Some(values)
    }

    pub(super) fn needle(&self) -> Option<String> {
        self.condition.needle()
    }
}

/// The value of a message at a selector.
pub(super) fn select(message: &str, selector: &str) -> Option<String> {
    let mut parser = Parser {
        rest: selector.trim(),
        depth: 0,
        conditions: 0,
        regexes: Regexes::default(),
    };
    let selector = parser.selector().ok()?;
    if !parser.rest.is_empty() {
        return None;
    }
    let message = object(message)?;
    selector.found(&message).first().map(|found| text_of(found))
}

/// The message as an object of JSON; it is most often none, and then not read.
fn object(message: &str) -> Option<Found> {
    let begins = message.trim_start().starts_with(['{', '[']);
    begins.then(|| serde_json::from_str(message).ok())?
}

/// These members of an object of JSON; the others are read over.
fn some(message: &str, members: &BTreeSet<String>) -> Option<Found> {
    let mut reader = serde_json::Deserializer::from_str(message);
    let some = Members(members).deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some(some)
}

/// Reads an object, and of it these members.
struct Members<'w>(&'w BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for Members<'_> {
    type Value = Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Found, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Members<'_> {
    type Value = Found;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Found, A::Error> {
        let mut members = serde_json::Map::new();
        while let Some(Name(name)) = access.next_key::<Name<'de>>()? {
            match self.0.contains(&*name) {
                true => drop(members.insert(name.into_owned(), access.next_value()?)),
                false => drop(access.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Found::Object(members))
    }
}

/// A member's name, copied only where something in it is escaped.
#[derive(Deserialize)]
struct Name<'n>(#[serde(borrow)] Cow<'n, str>);

fn text_of(found: &Found) -> String {
    match found {
        Found::String(text) => text.clone(),
        other => other.to_string(),
    }
}

impl Condition {
    fn holds(&self, message: &Found) -> bool {
        let any = |selector: &Selector, is_it: &dyn Fn(&Found) -> bool| {
            selector.found(message).into_iter().any(is_it)
        };
        match self {
            Condition::All(all) => all.iter().all(|condition| condition.holds(message)),
            Condition::Any(any) => any.iter().any(|condition| condition.holds(message)),
            Condition::Compare(selector, operator, value) => {
                any(selector, &|found| value.holds_of_json(*operator, found))
            }
            Condition::IsTrue(selector) => any(selector, &|found| *found == Found::Bool(true)),
            Condition::IsFalse(selector) => any(selector, &|found| *found == Found::Bool(false)),
            Condition::IsNull(selector) => any(selector, &Found::is_null),
            Condition::NotExists(selector) => selector.found(message).is_empty(),
            Condition::Exists(selector) => !selector.found(message).is_empty(),
        }
    }

    fn selectors<'c>(&'c self, visit: &mut dyn FnMut(&'c Selector)) {
        match self {
            Condition::All(conditions) | Condition::Any(conditions) => {
                for condition in conditions {
                    condition.selectors(visit);
                }
            }
            Condition::Compare(selector, ..)
            | Condition::IsTrue(selector)
            | Condition::IsFalse(selector)
            | Condition::IsNull(selector)
            | Condition::NotExists(selector)
            | Condition::Exists(selector) => visit(selector),
        }
    }

    /// The members of a message that it looks at, if it looks at nothing else of it.
    fn members(&self) -> Option<BTreeSet<String>> {
        let mut members = Some(BTreeSet::new());
        self.selectors(
            &mut |selector| match (selector.steps.first(), &mut members) {
                (Some(Step::Member(name)), Some(members)) => drop(members.insert(name.clone())),
                _ => members = None,
            },
        );
        members
    }

    /// A text that is in every message that it accepts. Letters and digits may be escaped in JSON and hardly ever
    /// are; a member's name is taken all the same, as all values that are compared are in a member.
    fn needle(&self) -> Option<String> {
        match self {
            Condition::All(all) => all
                .iter()
                .filter_map(Condition::needle)
                .max_by_key(String::len),
            Condition::Compare(_, Operator::Equal, Value::Text(text)) => {
                let whole = text.whole().filter(|whole| !whole.is_empty())?;
                let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-. :".contains(c);
                whole.chars().all(is_plain).then(|| whole.to_owned())
            }
            _ => None,
        }
    }
}

impl Selector {
    /// The values that it leads to: at most one, unless it has `[*]`.
    fn found<'m>(&self, message: &'m Found) -> Vec<&'m Found> {
        let mut message = message;
        let mut steps = self.steps.iter();
        // One value leads to one, up to the first `[*]`.
        while let Some(step) = steps
            .as_slice()
            .first()
            .filter(|step| !matches!(step, Step::All))
        {
            let inner = match step {
                Step::Member(name) => message.get(name),
                Step::Element(at) => message.get(at),
                Step::All => None,
            };
            let Some(inner) = inner else {
                return Vec::new();
            };
            message = inner;
            steps.next();
        }
        let mut values = vec![message];
        for step in steps {
            let mut next = Vec::new();
            for value in values {
                match step {
                    Step::Member(name) => next.extend(value.get(name)),
                    Step::Element(at) => next.extend(value.get(at)),
                    Step::All => next.extend(value.as_array().into_iter().flatten()),
                }
            }
            next.truncate(SELECTED_MAX);
            values = next;
        }
        values
    }
}

struct Parser<'t> {
    rest: &'t str,
    depth: usize,
    conditions: usize,
    regexes: Regexes,
}

impl Parser<'_> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// A word of the language, in any case.
    fn word(&mut self, word: &str) -> bool {
        self.skip();
        let Some(start) = self.rest.get(..word.len()) else {
            return false;
        };
        let after = &self.rest[word.len()..];
        let is_it = start.eq_ignore_ascii_case(word) && !after.starts_with(char::is_alphanumeric);
        if is_it {
            self.rest = after;
        }
        is_it
    }

    fn any(&mut self) -> Result<Condition, RefusedPattern> {
        let mut any = vec![self.all()?];
        while self.take("||") {
            any.push(self.all()?);
        }
        Ok(match any.len() {
            1 => any.remove(0),
            _ => Condition::Any(any),
        })
    }

    fn all(&mut self) -> Result<Condition, RefusedPattern> {
        let mut all = vec![self.one()?];
        while self.take("&&") {
            all.push(self.one()?);
        }
        Ok(match all.len() {
            1 => all.remove(0),
            _ => Condition::All(all),
        })
    }

    fn one(&mut self) -> Result<Condition, RefusedPattern> {
        self.conditions += 1;
        if self.conditions > CONDITIONS_MAX {
            return Err(invalid());
        }
        if self.take("(") {
            self.depth += 1;
            if self.depth > DEPTH_MAX {
                return Err(invalid());
            }
            let condition = self.any()?;
            self.depth -= 1;
            return match self.take(")") {
                true => Ok(condition),
                false => Err(invalid()),
            };
        }
        if self.word("NOT") {
            return match self.word("EXISTS") {
                true => Ok(Condition::NotExists(self.selector()?)),
                false => Err(invalid()),
            };
        }
        let selector = self.selector()?;
        if self.word("IS") {
            return self.is(selector);
        }
        if self.word("NOT") {
            return match self.word("EXISTS") {
                true => Ok(Condition::NotExists(selector)),
                false => Err(invalid()),
            };
        }
        if self.word("EXISTS") {
            return Ok(Condition::Exists(selector));
        }
        self.skip();
        let (operator, after) = Operator::take(self.rest).ok_or_else(invalid)?;
        let ends = |c: char| c.is_whitespace() || ")&|".contains(c);
        let (value, after) = Value::take(after.trim_start(), &ends, &mut self.regexes)?;
        self.rest = after;
        self.skip();
        if !value.suits(operator) {
            return Err(invalid());
        }
        Ok(Condition::Compare(selector, operator, value))
    }

    fn is(&mut self, selector: Selector) -> Result<Condition, RefusedPattern> {
        let condition = if self.word("TRUE") {
            Condition::IsTrue(selector)
        } else if self.word("FALSE") {
            Condition::IsFalse(selector)
        } else if self.word("NULL") {
            Condition::IsNull(selector)
        } else {
            return Err(invalid());
        };
        self.skip();
        Ok(condition)
    }

    /// `$.a.b[0].c`, `$.a[*].b`, `$['a.b']`.
    fn selector(&mut self) -> Result<Selector, RefusedPattern> {
        self.skip();
        let begin = self.rest;
        let mut rest = self.rest.strip_prefix('$').ok_or_else(invalid)?;
        let mut steps = Vec::new();
        loop {
            if let Some(after) = rest.strip_prefix('.')
                && !after.starts_with('[')
            {
                let is_in_name = |c: char| c.is_alphanumeric() || "_-:@/$".contains(c);
                let end = after.find(|c| !is_in_name(c)).unwrap_or(after.len());
                let (name, after) = after.split_at(end);
                if name.is_empty() {
                    return Err(invalid());
                }
                steps.push(Step::Member(name.to_owned()));
                rest = after;
            } else if let Some(after) = rest.strip_prefix('.').unwrap_or(rest).strip_prefix('[') {
                let (step, after) = bracketed(after)?;
                steps.push(step);
                rest = after;
            } else {
                break;
            }
        }
        let text = begin[..begin.len() - rest.len()].to_owned();
        self.rest = rest;
        if steps.is_empty() {
            return Err(invalid());
        }
        Ok(Selector { text, steps })
    }
}

/// What follows `[`: `0]`, `*]`, `'name']` or `"name"]`.
fn bracketed(text: &str) -> Result<(Step, &str), RefusedPattern> {
    for quote in ['\'', '"'] {
        if let Some(rest) = text.strip_prefix(quote) {
            let (name, after) = rest.split_once(quote).ok_or_else(invalid)?;
            let after = after.strip_prefix(']').ok_or_else(invalid)?;
            return Ok((Step::Member(name.to_owned()), after));
        }
    }
    let (inner, after) = text.split_once(']').ok_or_else(invalid)?;
    match inner.trim() {
        "*" => Ok((Step::All, after)),
        number => {
            let at = number.parse().map_err(|_| invalid())?;
            Ok((Step::Element(at), after))
        }
    }
}
