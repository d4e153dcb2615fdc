//! Checks a request against the constraints of the model, in AWS's words.
//!
//! A valid request costs one walk over generated tables and no allocation.

use std::fmt::Write as _;

use serde_json::Value;

use crate::error::{Code, Error};
use crate::{Input, Pattern};

/// Most violations one answer spells out; the count in front of them is the whole number.
const VIOLATIONS_MAX: usize = 100;

/// A member of a structure.
#[derive(Debug)]
pub struct Member {
    /// The member's name in the model and in a JSON body.
    pub name: &'static str,
    /// The member's name in error texts.
    pub path: &'static str,
    /// The name at its location: path parameter, query parameter or lower-case header.
    pub wire_name: &'static str,
    /// Where the request carries it.
    pub location: Location,
    /// Whether absent and `null` are refused.
    pub required: bool,
    /// What it must look like.
    pub shape: &'static Shape,
}

/// Where a request carries a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Location {
    /// In the JSON object of the body.
    Body,
    /// The body itself.
    Payload,
    /// In the path.
    Path,
    /// In the query.
    Query,
    /// In a header.
    Header,
}

/// What a value must look like.
#[derive(Debug)]
pub enum Shape {
    /// A JSON string.
    Text(Text),
    /// A JSON integer within bounds, both included.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// A JSON number within bounds, both included.
    Float {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// `true` or `false`.
    Boolean,
    /// A JSON number of epoch seconds.
    Timestamp,
    /// A JSON string in base64.
    Blob,
    /// A JSON array.
    List {
        /// Fewest elements.
        min: usize,
        /// Most elements.
        max: usize,
        /// What each element must look like.
        member: &'static Shape,
    },
    /// A JSON object with free keys.
    Map {
        /// What each key must look like.
        key: &'static Shape,
        /// What each value must look like.
        value: &'static Shape,
    },
    /// A JSON object with known members; the others are ignored.
    Structure(&'static [Member]),
}

/// Constraints of a text.
#[derive(Debug)]
pub struct Text {
    /// Shortest.
    pub min: usize,
    /// Longest.
    pub max: usize,
    /// What `min` and `max` count.
    pub unit: Unit,
    /// Whether the value is left out of error texts.
    pub sensitive: bool,
    /// The allowed values; empty allows all.
    pub values: &'static [&'static str],
    /// The expression the whole text must match.
    pub pattern: Option<&'static Pattern>,
}

/// What the length of a text counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Unicode characters.
    Characters,
    /// Bytes of UTF-8.
    Bytes,
}

impl Text {
    /// No constraint at all.
    pub const ANY: Self = Self {
        min: 0,
        max: usize::MAX,
        unit: Unit::Characters,
        sensitive: false,
        values: &[],
        pattern: None,
    };
}

/// Why a request is refused.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// A value has another JSON type than its member.
    Type(String),
    /// The text of the `ValidationException`.
    Violations(String),
}

/// The JSON object of a body; an empty body reads as `{}`.
pub(crate) fn parse_object(body: &[u8]) -> Result<Value, String> {
    if body.is_empty() {
        return Ok(Value::Object(serde_json::Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(other) => Err(format!(
            "the body must be a JSON object, not {}",
            token(&other)
        )),
        Err(error) => Err(format!("the body is no JSON: {error}")),
    }
}

/// The input shape that a JSON object holds, with every constraint of the model checked.
pub(crate) fn checked<T: Input, C: Code>(value: Value) -> Result<T, Error<C>> {
    check(T::SHAPE, &value).map_err(|refusal| match refusal {
        Refusal::Type(text) => Error::new(C::MALFORMED, text),
        Refusal::Violations(text) => Error::new(C::VIOLATION, text),
    })?;
    serde_json::from_value(value).map_err(|error| Error::new(C::MALFORMED, error.to_string()))
}

/// Holds a JSON object against the constraints of an input shape.
pub(crate) fn check(shape: &Shape, value: &Value) -> Result<(), Refusal> {
    let mut walk = Walk {
        texts: Vec::new(),
        count: 0,
    };
    walk.value(
        shape,
        value,
        &At {
            parent: None,
            step: Step::Root,
        },
    )
    .map_err(Refusal::Type)?;
    match walk.count {
        0 => Ok(()),
        1 => Err(Refusal::Violations(format!(
            "1 validation error detected: {}",
            walk.texts[0]
        ))),
        count => Err(Refusal::Violations(format!(
            "{count} validation errors detected: {}",
            walk.texts.join("; ")
        ))),
    }
}

impl Shape {
    /// The JSON value that a text from a path, a query or a header stands for.
    ///
    /// A text that does not read as the shape stays a text, which the type check then refuses.
    pub(crate) fn value_of_text(&self, text: String) -> Value {
        match self {
            Self::Integer { .. } => text.parse::<i64>().map_or(Value::String(text), Value::from),
            Self::Float { .. } | Self::Timestamp => match text.parse::<f64>() {
                // NaN and the infinities have no place in JSON.
                Ok(number) if number.is_finite() => Value::from(number),
                _ => Value::String(text),
            },
            Self::Boolean => text
                .parse::<bool>()
                .map_or(Value::String(text), Value::from),
            Self::List { member, .. } => member.value_of_text(text),
            _ => Value::String(text),
        }
    }

    /// Constraints in the words of a violation of a list's or a map's elements.
    fn words(&self) -> Vec<String> {
        let Self::Text(text) = self else {
            return Vec::new();
        };
        let mut words = Vec::new();
        if text.max != usize::MAX {
            words.push(format!(
                "Member must have length less than or equal to {}",
                text.max
            ));
        }
        if text.min > 0 {
            words.push(format!(
                "Member must have length greater than or equal to {}",
                text.min
            ));
        }
        if let Some(pattern) = text.pattern {
            words.push(expression_words(pattern));
        }
        if !text.values.is_empty() {
            words.push(values_words(text.values));
        }
        words
    }
}

/// A position in the request; lives on the stack and is spelt out only for a violation.
struct At<'a> {
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

enum Step<'a> {
    Root,
    Member(&'a str),
    Element(usize),
    Key(&'a str),
}

impl At<'_> {
    fn path(&self) -> String {
        let mut path = self.parent.map(At::path).unwrap_or_default();
        if !path.is_empty() {
            path.push('.');
        }
        match self.step {
            Step::Root => {}
            Step::Member(name) => path.push_str(name),
            Step::Element(index) => {
                write!(path, "{}.member", index + 1).expect("writing to a String");
            }
            Step::Key(key) => write!(path, "{key}.member").expect("writing to a String"),
        }
        path
    }
}

struct Walk {
    texts: Vec<String>,
    count: usize,
}

impl Walk {
    fn value(&mut self, shape: &Shape, value: &Value, at: &At<'_>) -> Result<(), String> {
        match (shape, value) {
            (Shape::Structure(members), Value::Object(object)) => {
                self.structure(members, object, at)
            }
            (Shape::Text(text), Value::String(value)) => {
                for words in broken(text, value) {
                    self.add((!text.sensitive).then_some(value.as_str()), &words, at);
                }
                Ok(())
            }
            (Shape::Integer { min, max }, Value::Number(number)) => {
                let Some(value) = number.as_i64() else {
                    return Err(mismatch(shape, value));
                };
                self.range(value < *min, value > *max, number, (min, max), at);
                Ok(())
            }
            (Shape::Float { min, max }, Value::Number(number)) => {
                let value = number.as_f64().unwrap_or(f64::INFINITY);
                self.range(value < *min, value > *max, number, (min, max), at);
                Ok(())
            }
            (Shape::List { min, max, member }, Value::Array(elements)) => {
                self.size(elements.len(), (*min, *max), value, at);
                self.list(member, elements, value, at)
            }
            (Shape::Map { key, value: shape }, Value::Object(object)) => {
                self.map((key, shape), object, value, at)
            }
            (Shape::Boolean, Value::Bool(_))
            | (Shape::Timestamp, Value::Number(_))
            | (Shape::Blob, Value::String(_)) => Ok(()),
            (shape, value) => Err(mismatch(shape, value)),
        }
    }

    fn structure(
        &mut self,
        members: &[Member],
        object: &serde_json::Map<String, Value>,
        parent: &At<'_>,
    ) -> Result<(), String> {
        for member in members {
            let at = At {
                parent: Some(parent),
                step: Step::Member(member.path),
            };
            match object.get(member.name) {
                None | Some(Value::Null) if member.required => {
                    self.violation("Value null", "Member must not be null", &at);
                }
                None | Some(Value::Null) => {}
                Some(value) => self.value(member.shape, value, &at)?,
            }
        }
        Ok(())
    }

    fn list(
        &mut self,
        member: &Shape,
        elements: &[Value],
        whole: &Value,
        at: &At<'_>,
    ) -> Result<(), String> {
        if let Shape::Text(text) = member {
            // As other AWS services word it (not recorded for these two): texts of a list are reported
            // once, at the list, with all they must satisfy.
            let mut refused = false;
            for element in elements {
                match element {
                    Value::String(value) => refused |= broken(text, value).next().is_some(),
                    Value::Null => refused = true,
                    other => return Err(mismatch(member, other)),
                }
            }
            if refused {
                let mut words = member.words();
                words.push("Member must not be null".to_owned());
                let words = format!("Member must satisfy constraint: [{}]", words.join(", "));
                self.add((!text.sensitive).then_some(&spelt(whole)), &words, at);
            }
            return Ok(());
        }
        for (index, element) in elements.iter().enumerate() {
            let at = At {
                parent: Some(at),
                step: Step::Element(index),
            };
            match element {
                Value::Null => self.violation("Value null", "Member must not be null", &at),
                element => self.value(member, element, &at)?,
            }
        }
        Ok(())
    }

    fn map(
        &mut self,
        (key, shape): (&Shape, &Shape),
        object: &serde_json::Map<String, Value>,
        whole: &Value,
        at: &At<'_>,
    ) -> Result<(), String> {
        if let Shape::Text(text) = key
            && object.keys().any(|key| broken(text, key).next().is_some())
        {
            let words = format!(
                "Map keys must satisfy constraint: [{}]",
                key.words().join(", ")
            );
            self.add(Some(&spelt(whole)), &words, at);
        }
        for (key, element) in object {
            let at = At {
                parent: Some(at),
                step: Step::Key(key),
            };
            match element {
                Value::Null => self.violation("Value null", "Member must not be null", &at),
                element => self.value(shape, element, &at)?,
            }
        }
        Ok(())
    }

    fn range<B: std::fmt::Display>(
        &mut self,
        below: bool,
        above: bool,
        value: &serde_json::Number,
        (min, max): (B, B),
        at: &At<'_>,
    ) {
        let words = match (below, above) {
            (true, _) => format!("Member must have value greater than or equal to {min}"),
            (_, true) => format!("Member must have value less than or equal to {max}"),
            (false, false) => return,
        };
        self.add(Some(&value.to_string()), &words, at);
    }

    fn size(&mut self, size: usize, (min, max): (usize, usize), value: &Value, at: &At<'_>) {
        let words = if size < min {
            format!("Member must have length greater than or equal to {min}")
        } else if size > max {
            format!("Member must have length less than or equal to {max}")
        } else {
            return;
        };
        self.add(Some(&spelt(value)), &words, at);
    }

    /// AWS: a sensitive value is left out: `Value at 'input' failed ...`.
    fn add(&mut self, value: Option<&str>, words: &str, at: &At<'_>) {
        match value {
            Some(value) => self.violation(&format!("Value '{value}'"), words, at),
            None => self.violation("Value", words, at),
        }
    }

    fn violation(&mut self, value: &str, words: &str, at: &At<'_>) {
        self.count += 1;
        if self.texts.len() < VIOLATIONS_MAX {
            let path = at.path();
            self.texts.push(format!(
                "{value} at '{path}' failed to satisfy constraint: {words}"
            ));
        }
    }
}

/// The constraints a text breaks, in words; lazy, so that a valid text allocates nothing.
fn broken(text: &Text, value: &str) -> impl Iterator<Item = String> {
    // Counting characters is only needed where the bytes leave the answer open.
    let length = match text.unit {
        Unit::Bytes => value.len(),
        Unit::Characters
            if value.len() <= text.max && value.len() >= text.min.saturating_mul(4) =>
        {
            text.min
        }
        Unit::Characters => value.chars().count(),
    };
    let too_long = (length > text.max).then(|| match text.unit {
        Unit::Characters => format!("Member must have length less than or equal to {}", text.max),
        Unit::Bytes => {
            format!(
                "Member must have size less than or equal to {} bytes in UTF-8 encoding",
                text.max
            )
        }
    });
    let too_short = (length < text.min).then(|| {
        format!(
            "Member must have length greater than or equal to {}",
            text.min
        )
    });
    let foreign = (!text.values.is_empty() && !text.values.contains(&value))
        .then(|| values_words(text.values));
    // A text of the wrong length is not matched: that bounds the work of a match.
    let mismatched = text
        .pattern
        .filter(|pattern| too_long.is_none() && !pattern.matches(value))
        .map(expression_words);
    [foreign, mismatched, too_long, too_short]
        .into_iter()
        .flatten()
}

fn expression_words(pattern: &Pattern) -> String {
    format!(
        "Member must satisfy regular expression pattern: {}",
        pattern.source
    )
}

fn values_words(values: &[&str]) -> String {
    format!(
        "Member must satisfy enum value set: [{}]",
        values.join(", ")
    )
}

/// A list or a map as the service prints it: `[a, b]`, `{k=v}`.
fn spelt(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(elements) => {
            let elements: Vec<String> = elements.iter().map(spelt).collect();
            format!("[{}]", elements.join(", "))
        }
        Value::Object(object) => {
            let pairs = object
                .iter()
                .map(|(key, value)| format!("{key}={}", spelt(value)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// AWS: the framework of its services names the types and not the member (seen on other services of JSON 1.0 and 1.1).
fn mismatch(shape: &Shape, value: &Value) -> String {
    let wanted = match (shape, value) {
        (Shape::List { .. }, _) => return "Expected list or null".to_owned(),
        (Shape::Map { .. } | Shape::Structure(_), _) => return "Expected map or null".to_owned(),
        (_, Value::Object(_)) => {
            return "Start of structure or map found where not expected.".to_owned();
        }
        (_, Value::Array(_)) => return "Start of list found where not expected".to_owned(),
        (Shape::Text(_), _) => "a String",
        (Shape::Integer { .. }, _) => "an Integer",
        (Shape::Float { .. }, _) => "a Double",
        (Shape::Boolean, _) => "a Boolean",
        (Shape::Timestamp, _) => "a Timestamp",
        (Shape::Blob, _) => "a Blob",
    };
    format!("{} can not be converted to {wanted}", token(value))
}

fn token(value: &Value) -> &'static str {
    match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}
