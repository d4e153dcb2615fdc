//! Conversion between JSON and the crate's values.

use std::rc::Rc;

use jsonata_core::value::{JArray, JMap, JValue};
use serde_json::{Map, Number, Value};

use super::reads::Read;

/// Most values and most bytes of text in one result; a state's output is at most 256 KiB.
///
/// Values are shared in an evaluation, so a small one can be a huge JSON text.
const RESULT_VALUES_MAX: usize = 1_000_000;
const RESULT_TEXT_BYTES_MAX: usize = 32 << 20;
/// Deepest result; serde_json reads at most 128 levels.
const RESULT_DEPTH_MAX: usize = 127;

/// Why a result is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unconvertible {
    /// A function or a regular expression.
    Function,
    TooLarge,
}

/// A JSON value for an expression to read.
pub(super) fn from_json(value: &Value) -> JValue {
    part_from_json(value, &Read::Whole)
}

/// As [`from_json`], but members of objects that are not read are left out.
pub(super) fn part_from_json(value: &Value, read: &Read) -> JValue {
    match value {
        Value::Null => JValue::Null,
        Value::Bool(flag) => JValue::Bool(*flag),
        Value::Number(number) => JValue::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => JValue::string(text.as_str()),
        Value::Array(items) => {
            // The crate walks faster over an array that is known to hold no array.
            let is_flat = !items.iter().any(Value::is_array);
            let items = items.iter().map(|item| part_from_json(item, read));
            JValue::Array(JArray::new_flat(items.collect(), is_flat))
        }
        Value::Object(members) => match read {
            Read::Whole => object(
                members
                    .iter()
                    .map(|(name, value)| (name.as_str(), from_json(value))),
            ),
            Read::Members(reads) => object(reads.iter().filter_map(|(name, read)| {
                let value = members.get(name)?;
                Some((name.as_str(), part_from_json(value, read)))
            })),
        },
    }
}

/// An object of `members`.
pub(super) fn object<'a>(members: impl Iterator<Item = (&'a str, JValue)>) -> JValue {
    let members = members.map(|(name, value)| (name.to_owned(), value));
    JValue::Object(Rc::new(JMap::from_iter(members)))
}

/// The JSON of a result that is not undefined.
pub(super) fn to_json(value: &JValue) -> Result<Value, Unconvertible> {
    Budget {
        values: RESULT_VALUES_MAX,
        text_bytes: RESULT_TEXT_BYTES_MAX,
    }
    .convert(value, 0)
}

struct Budget {
    values: usize,
    text_bytes: usize,
}

impl Budget {
    fn convert(&mut self, value: &JValue, depth: usize) -> Result<Value, Unconvertible> {
        self.values = self.values.checked_sub(1).ok_or(Unconvertible::TooLarge)?;
        if depth > RESULT_DEPTH_MAX {
            return Err(Unconvertible::TooLarge);
        }
        match value {
            JValue::Null | JValue::Undefined => Ok(Value::Null),
            JValue::Bool(flag) => Ok(Value::Bool(*flag)),
            JValue::Number(number) => Ok(number_to_json(*number)),
            JValue::String(text) => Ok(Value::String(self.text(text)?)),
            JValue::Array(items) => {
                let items: Result<Vec<Value>, Unconvertible> = items
                    .iter()
                    .map(|item| self.convert(item, depth + 1))
                    .collect();
                items.map(Value::Array)
            }
            JValue::Object(members) => {
                let mut object = Map::with_capacity(members.len().min(self.values));
                for (name, value) in members.iter().filter(|(_, value)| !value.is_undefined()) {
                    object.insert(self.text(name)?, self.convert(value, depth + 1)?);
                }
                Ok(Value::Object(object))
            }
            _ => Err(Unconvertible::Function),
        }
    }

    fn text(&mut self, text: &str) -> Result<String, Unconvertible> {
        self.text_bytes = self
            .text_bytes
            .checked_sub(text.len())
            .ok_or(Unconvertible::TooLarge)?;
        Ok(text.to_owned())
    }
}

/// A number as JavaScript prints it: whole numbers without a fraction, no negative zero.
///
/// AWS: infinity inside a value becomes the text `Infinity`.
pub(super) fn number_to_json(number: f64) -> Value {
    if number.is_nan() {
        return Value::from("NaN");
    }
    if number.is_infinite() {
        return Value::from(if number > 0.0 {
            "Infinity"
        } else {
            "-Infinity"
        });
    }
    if number.fract() == 0.0 {
        // Shortest digits, then zeros: what JavaScript prints below 10^21, where 64 bits can hold it.
        let digits = shortest_whole(number);
        if let Ok(whole) = digits.parse::<i64>() {
            return Value::from(whole);
        }
        if let Ok(whole) = digits.parse::<u64>() {
            return Value::from(whole);
        }
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

/// The shortest digits that give `number` back, padded with zeros; `number` is whole.
fn shortest_whole(number: f64) -> String {
    // `Display` of a float prints the shortest digits and pads with zeros.
    let text = format!("{number}");
    match text.as_str() {
        "-0" => "0".to_owned(),
        _ => text,
    }
}
