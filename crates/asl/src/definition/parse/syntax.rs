//! Text to JSON, stricter than the JSON library: a field may appear once, and nesting is bounded.

use std::cell::RefCell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Levels of JSON nesting; below the library's own 128 so that the finding is ours.
pub(super) const DEPTH_MAX: usize = 120;

/// Why a text is not usable JSON.
pub(super) enum Problem {
    /// What the parser says, with line and column.
    Invalid(String),
    TooDeep,
}

pub(super) fn parse(text: &str) -> Result<Value, Problem> {
    let found = RefCell::new(None);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Strict {
        depth: 0,
        found: &found,
    }
    .deserialize(&mut deserializer);
    match value.and_then(|value| deserializer.end().map(|()| value)) {
        Ok(value) => Ok(value),
        Err(error) => Err(found
            .into_inner()
            .unwrap_or_else(|| Problem::Invalid(error.to_string()))),
    }
}

/// Builds a [`Value`]; a problem of ours is left in `found`, because the library's errors carry only text.
#[derive(Clone, Copy)]
struct Strict<'f> {
    depth: usize,
    found: &'f RefCell<Option<Problem>>,
}

impl<'f> Strict<'f> {
    fn inner<E: Error>(self) -> Result<Strict<'f>, E> {
        if self.depth < DEPTH_MAX {
            return Ok(Strict {
                depth: self.depth + 1,
                ..self
            });
        }
        *self.found.borrow_mut() = Some(Problem::TooDeep);
        Err(E::custom("too deeply nested"))
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.inner()?;
        let mut object = Map::new();
        while let Some(field) = entries.next_key::<String>()? {
            if object.contains_key(&field) {
                return Err(A::Error::custom(format!("duplicate field '{field}'")));
            }
            let value = entries.next_value_seed(inner)?;
            object.insert(field, value);
        }
        Ok(Value::Object(object))
    }
}
