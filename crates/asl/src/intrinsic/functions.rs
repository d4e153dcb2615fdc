//! The 18 functions.
//!
//! Source: AWS Step Functions Developer Guide, "Intrinsic functions for JSONPath states", and recorded results.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use md5::Md5;
use serde_json::{Map, Value};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::Scope;

use super::CALL_ARGUMENTS_MAX;
use super::java::{JavaRandom, java_round, java_text};

/// Most elements that `States.ArrayRange` makes.
const RANGE_ELEMENTS_MAX: i64 = 1_000;
/// Longest text that the Base64 functions and `States.Hash` take, in characters.
const TEXT_CHARACTERS_MAX: usize = 10_000;

macro_rules! functions {
    ($($variant:ident $name:literal $least:literal..=$most:expr),* $(,)?) => {
        /// An intrinsic function.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(super) enum Function { $($variant),* }

        impl Function {
            pub(super) fn named(name: &str) -> Option<Function> {
                match name { $($name => Some(Function::$variant),)* _ => None }
            }

            pub(super) fn name(self) -> &'static str {
                match self { $(Function::$variant => $name),* }
            }

            /// Least and most number of arguments.
            pub(super) fn arity(self) -> (usize, usize) {
                match self { $(Function::$variant => ($least, $most)),* }
            }
        }
    };
}

functions! {
    Format "States.Format" 1..=CALL_ARGUMENTS_MAX,
    StringToJson "States.StringToJson" 1..=1,
    JsonToString "States.JsonToString" 1..=1,
    Array "States.Array" 0..=CALL_ARGUMENTS_MAX,
    ArrayPartition "States.ArrayPartition" 2..=2,
    ArrayContains "States.ArrayContains" 2..=2,
    ArrayRange "States.ArrayRange" 3..=3,
    ArrayGetItem "States.ArrayGetItem" 2..=2,
    ArrayLength "States.ArrayLength" 1..=1,
    ArrayUnique "States.ArrayUnique" 1..=1,
    Base64Encode "States.Base64Encode" 1..=1,
    Base64Decode "States.Base64Decode" 1..=1,
    Hash "States.Hash" 2..=2,
    JsonMerge "States.JsonMerge" 3..=3,
    MathRandom "States.MathRandom" 2..=3,
    MathAdd "States.MathAdd" 2..=2,
    StringSplit "States.StringSplit" 2..=2,
    Uuid "States.UUID" 0..=0,
}

/// A function refuses its arguments; what AWS adds to `Invalid arguments in States.Format`, mostly nothing.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str);

const REFUSED: Refused = Refused("");

/// Arguments taken one after the other; the parser has checked their number.
struct Arguments(std::vec::IntoIter<Value>);

impl Arguments {
    fn next(&mut self) -> Value {
        self.0
            .next()
            .expect("the parser checks the number of arguments")
    }

    fn array(&mut self) -> Result<Vec<Value>, Refused> {
        match self.next() {
            Value::Array(items) => Ok(items),
            _ => Err(REFUSED),
        }
    }

    fn text(&mut self) -> Result<String, Refused> {
        match self.next() {
            Value::String(text) => Ok(text),
            _ => Err(REFUSED),
        }
    }

    fn object(&mut self) -> Result<Map<String, Value>, Refused> {
        match self.next() {
            Value::Object(members) => Ok(members),
            _ => Err(REFUSED),
        }
    }

    /// AWS: a fraction is rounded as Java does, halves up.
    fn whole(&mut self) -> Result<i64, Refused> {
        let Value::Number(number) = self.next() else {
            return Err(REFUSED);
        };
        Ok(number
            .as_i64()
            .unwrap_or_else(|| java_round(number.as_f64().unwrap_or(f64::NAN))))
    }
}

impl Function {
    /// The result.
    ///
    /// - Source of what is refused: the developer guide's "Input validation" of each function.
    pub(super) fn call(self, values: Vec<Value>, scope: &Scope<'_>) -> Result<Value, Refused> {
        let mut arguments = Arguments(values.into_iter());
        match self {
            Function::Format => {
                let template = arguments.text()?;
                format(&template, arguments.0.as_slice()).map(Value::String)
            }
            Function::StringToJson => string_to_json(&arguments.text()?),
            Function::JsonToString => Ok(Value::String(arguments.next().to_string())),
            Function::Array => Ok(Value::Array(arguments.0.collect())),
            Function::ArrayPartition => partition(&arguments.array()?, arguments.whole()?),
            Function::ArrayContains => {
                let items = arguments.array()?;
                Ok(Value::Bool(items.contains(&arguments.next())))
            }
            Function::ArrayRange => {
                range(arguments.whole()?, arguments.whole()?, arguments.whole()?)
            }
            Function::ArrayGetItem => item(arguments.array()?, arguments.whole()?),
            Function::ArrayLength => Ok(Value::from(arguments.array()?.len())),
            Function::ArrayUnique => Ok(unique(arguments.array()?)),
            Function::Base64Encode => {
                let text = limited(arguments.text()?)?;
                Ok(Value::String(BASE64.encode(text)))
            }
            Function::Base64Decode => {
                let text = limited(arguments.text()?)?;
                let bytes = BASE64.decode(&text).map_err(|_| REFUSED)?;
                Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
            }
            Function::Hash => {
                let subject = match arguments.next() {
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                hash(&limited(subject)?, &arguments.text()?)
                    .map(Value::String)
                    .ok_or(REFUSED)
            }
            Function::JsonMerge => {
                let (left, right) = (arguments.object()?, arguments.object()?);
                merge(left, right, &arguments.next())
            }
            Function::MathRandom => {
                let (low, high) = (arguments.whole()?, arguments.whole()?);
                let seed = match arguments.0.len() {
                    0 => scope.entropy.draw_u64() as i64,
                    _ => arguments.whole()?,
                };
                random(low, high, seed)
            }
            Function::MathAdd => {
                let (left, right) = (arguments.whole()?, arguments.whole()?);
                left.checked_add(right).map(Value::from).ok_or(REFUSED)
            }
            Function::StringSplit => Ok(split(&arguments.text()?, &arguments.text()?)),
            Function::Uuid => Ok(Value::String(scope.entropy.draw_uuid())),
        }
    }
}

/// `template` with each `{}` replaced by an argument; `\{`, `\}` and `\\` are escapes.
fn format(template: &str, arguments: &[Value]) -> Result<String, Refused> {
    let mut text = String::with_capacity(template.len());
    let mut rest = arguments.iter();
    let mut placeholders = 0usize;
    let mut characters = template.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '\\' if matches!(characters.peek(), Some('{' | '}' | '\\' | '\'')) => {
                text.extend(characters.next());
            }
            '{' if characters.peek() == Some(&'}') => {
                characters.next();
                placeholders += 1;
                text.push_str(&rest.next().map(java_text).unwrap_or_default());
            }
            '{' | '}' => return Err(REFUSED),
            _ => text.push(c),
        }
    }
    if placeholders == arguments.len() {
        Ok(text)
    } else {
        Err(Refused(
            ": number of arguments do not match the occurrences of {}",
        ))
    }
}

/// AWS: the empty text gives null.
fn string_to_json(text: &str) -> Result<Value, Refused> {
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(text).map_err(|_| REFUSED)
}

fn partition(items: &[Value], size: i64) -> Result<Value, Refused> {
    match usize::try_from(size) {
        Ok(size) if size > 0 => {
            let parts = items.chunks(size).map(|part| Value::Array(part.to_vec()));
            Ok(Value::Array(parts.collect()))
        }
        _ => Err(REFUSED),
    }
}

fn range(first: i64, last: i64, step: i64) -> Result<Value, Refused> {
    if step == 0 {
        return Err(REFUSED);
    }
    let span = if step > 0 {
        i128::from(last) - i128::from(first)
    } else {
        i128::from(first) - i128::from(last)
    };
    if span < 0 {
        return Ok(Value::Array(Vec::new()));
    }
    let count = span / i128::from(step.unsigned_abs()) + 1;
    if count > i128::from(RANGE_ELEMENTS_MAX) {
        return Err(REFUSED);
    }
    let count = i64::try_from(count).expect("at most a thousand");
    let elements = (0..count).map(|n| Value::from(first + n * step));
    Ok(Value::Array(elements.collect()))
}

fn item(mut items: Vec<Value>, index: i64) -> Result<Value, Refused> {
    match usize::try_from(index) {
        Ok(place) if place < items.len() => Ok(items.swap_remove(place)),
        _ => Err(REFUSED),
    }
}

/// The first of each group of equal items, in order.
fn unique(items: Vec<Value>) -> Value {
    let mut seen = std::collections::BTreeSet::new();
    let firsts = items
        .into_iter()
        .filter(|item| seen.insert(sorted_text(item)));
    Value::Array(firsts.collect())
}

/// A text that equal values share, whatever the order of their members.
fn sorted_text(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            let texts: Vec<String> = items.iter().map(sorted_text).collect();
            format!("[{}]", texts.join(","))
        }
        Value::Object(members) => {
            let mut texts: Vec<String> = members
                .iter()
                .map(|(name, value)| {
                    format!("{}:{}", Value::from(name.as_str()), sorted_text(value))
                })
                .collect();
            texts.sort_unstable();
            format!("{{{}}}", texts.join(","))
        }
        scalar => scalar.to_string(),
    }
}

fn limited(text: String) -> Result<String, Refused> {
    if text.chars().count() > TEXT_CHARACTERS_MAX {
        return Err(REFUSED);
    }
    Ok(text)
}

/// The digest of `text` in lower-case hexadecimal; `None` for an algorithm that is none of the five.
pub(crate) fn hash(text: &str, algorithm: &str) -> Option<String> {
    fn hex<D: Digest>(text: &str) -> String {
        let digest = D::digest(text.as_bytes());
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }
    match algorithm {
        "MD5" => Some(hex::<Md5>(text)),
        "SHA-1" => Some(hex::<Sha1>(text)),
        "SHA-256" => Some(hex::<Sha256>(text)),
        "SHA-384" => Some(hex::<Sha384>(text)),
        "SHA-512" => Some(hex::<Sha512>(text)),
        _ => None,
    }
}

/// AWS: the merge is shallow; the third argument exists only to be `false`.
fn merge(
    mut left: Map<String, Value>,
    right: Map<String, Value>,
    deep: &Value,
) -> Result<Value, Refused> {
    if deep != &Value::Bool(false) {
        return Err(REFUSED);
    }
    left.extend(right);
    Ok(Value::Object(left))
}

fn random(low: i64, high: i64, seed: i64) -> Result<Value, Refused> {
    if low >= high {
        return Err(REFUSED);
    }
    Ok(Value::from(
        JavaRandom::seeded(seed).next_between(low, high),
    ))
}

/// AWS: each character of `delimiters` splits; empty pieces are dropped.
fn split(text: &str, delimiters: &str) -> Value {
    let pieces = text
        .split(|c| delimiters.contains(c))
        .filter(|piece| !piece.is_empty())
        .map(Value::from);
    Value::Array(pieces.collect())
}
