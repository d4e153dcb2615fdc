//! What templates call.

use std::rc::Rc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use regex::{Regex, RegexBuilder};
use serde_json::{Value, json};

use super::Failure;
use super::evaluate::{Found, Machine};
use super::render::shown;
use crate::text;

pub(super) const INPUT_METHODS: [&str; 3] = ["json", "path", "params"];

pub(super) const UTIL_METHODS: [&str; 6] = [
    "escapeJavaScript",
    "parseJson",
    "base64Encode",
    "base64Decode",
    "urlEncode",
    "urlDecode",
];

/// Methods that change a variable.
pub(super) const MUTATORS: [&str; 2] = ["put", "add"];

/// Methods of Java's texts, lists and maps that templates use.
pub(super) const METHODS: [&str; 27] = [
    "size",
    "length",
    "isEmpty",
    "get",
    "getOrDefault",
    "containsKey",
    "contains",
    "keySet",
    "entrySet",
    "values",
    "getKey",
    "getValue",
    "substring",
    "startsWith",
    "endsWith",
    "toLowerCase",
    "toUpperCase",
    "trim",
    "replace",
    "replaceAll",
    "split",
    "equals",
    "equalsIgnoreCase",
    "indexOf",
    "concat",
    "toString",
    "matches",
];

/// Bytes that a pattern may take once it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

pub(super) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map_err(|_| format!("the pattern '{text}' is not built"))
}

impl Machine<'_> {
    pub(super) fn util(&mut self, method: &str, arguments: &[Value]) -> Found {
        let Some(argument) = arguments.first() else {
            return Ok(None);
        };
        let given = shown(argument);
        // The longest escape of a character has six.
        self.make(given.len().saturating_mul(6))?;
        let made = match method {
            "escapeJavaScript" => escaped(&given),
            "parseJson" => {
                let parsed: Value = serde_json::from_str(&given)
                    .map_err(|error| Failure::Body(error.to_string()))?;
                return self.made(parsed);
            }
            "base64Encode" => STANDARD.encode(given.as_bytes()),
            "base64Decode" => {
                let bytes = STANDARD
                    .decode(given.as_bytes())
                    .map_err(|error| Failure::Unbuilt(format!("base64Decode: {error}")))?;
                String::from_utf8_lossy(&bytes).into_owned()
            }
            "urlEncode" => text::encoded(&given),
            _ => text::decoded(&given, true),
        };
        Ok(Some(Rc::new(Value::String(made))))
    }

    pub(super) fn method(&mut self, on: &Value, name: &str, arguments: &[Value]) -> Found {
        let first = arguments.first();
        let found = match (on, name) {
            (_, "toString") => Value::String(shown(on).into_owned()),
            (_, "equals") => json!(first.is_some_and(|one| shown(on) == shown(one))),
            (Value::Object(members), "get" | "getOrDefault") => {
                let found = first.and_then(|key| members.get(shown(key).as_ref()));
                match found.or(arguments.get(1)) {
                    Some(value) => value.clone(),
                    None => return Ok(None),
                }
            }
            (Value::Object(members), "containsKey") => {
                json!(first.is_some_and(|key| members.contains_key(shown(key).as_ref())))
            }
            (Value::Object(members), "keySet") => json!(members.keys().collect::<Vec<_>>()),
            (Value::Object(members), "values") => json!(members.values().collect::<Vec<_>>()),
            (Value::Object(members), "entrySet") => {
                let entries = members
                    .iter()
                    .map(|(key, value)| json!({"key": key, "value": value}));
                Value::Array(entries.collect())
            }
            (Value::Object(members), "getKey") => members.get("key").cloned().unwrap_or_default(),
            (Value::Object(members), "getValue") => {
                members.get("value").cloned().unwrap_or_default()
            }
            (Value::Object(members), "size") => json!(members.len()),
            (Value::Object(members), "isEmpty") => json!(members.is_empty()),
            (Value::Array(items), "size") => json!(items.len()),
            (Value::Array(items), "isEmpty") => json!(items.is_empty()),
            (Value::Array(items), "get") => {
                let at = first
                    .and_then(Value::as_u64)
                    .and_then(|at| usize::try_from(at).ok());
                match at.and_then(|at| items.get(at)) {
                    Some(item) => item.clone(),
                    None => return Ok(None),
                }
            }
            (Value::Array(items), "contains") => {
                json!(first.is_some_and(|one| items.contains(one)))
            }
            (Value::Array(items), "indexOf") => {
                let at = first.and_then(|one| items.iter().position(|item| item == one));
                json!(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
            }
            (Value::String(text), _) => return self.text_method(text, name, arguments),
            _ => return Ok(None),
        };
        self.made(found)
    }

    fn text_method(&mut self, on: &str, name: &str, arguments: &[Value]) -> Found {
        let argument = |at: usize| arguments.get(at).map(shown).unwrap_or_default();
        let first = argument(0);
        let found = match name {
            "length" => json!(on.chars().count()),
            "isEmpty" => json!(on.is_empty()),
            "contains" => json!(on.contains(first.as_ref())),
            "startsWith" => json!(on.starts_with(first.as_ref())),
            "endsWith" => json!(on.ends_with(first.as_ref())),
            "equalsIgnoreCase" => json!(on.to_lowercase() == first.to_lowercase()),
            "indexOf" => {
                let at = on.find(first.as_ref()).map(|at| on[..at].chars().count());
                json!(at.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
            }
            "toLowerCase" => json!(on.to_lowercase()),
            "toUpperCase" => json!(on.to_uppercase()),
            "trim" => json!(on.trim()),
            "concat" => json!(on.to_owned() + &first),
            "substring" => return self.substring(on, arguments),
            "matches" => {
                let pattern = pattern(&format!("^(?:{first})$")).map_err(Failure::Unbuilt)?;
                json!(pattern.is_match(on))
            }
            "replace" => {
                let with = argument(1);
                let places = on.matches(first.as_ref()).count();
                self.make(places.saturating_mul(with.len()))?;
                json!(on.replace(first.as_ref(), &with))
            }
            "replaceAll" => {
                let pattern = pattern(&first).map_err(Failure::Unbuilt)?;
                let with = argument(1);
                let places = pattern.find_iter(on).count();
                self.make(places.saturating_mul(with.len()))?;
                // Java: a backslash takes the next character as it is, `$1` is a group.
                let with = replacement(&with)?;
                json!(pattern.replace_all(on, with.as_str()))
            }
            "split" => {
                let pattern = pattern(&first).map_err(Failure::Unbuilt)?;
                let mut parts: Vec<&str> = pattern.split(on).collect();
                while parts.len() > 1 && parts.last().is_some_and(|part| part.is_empty()) {
                    parts.pop();
                }
                json!(parts)
            }
            _ => return Ok(None),
        };
        self.made(found)
    }

    fn substring(&mut self, on: &str, arguments: &[Value]) -> Found {
        let length = on.chars().count();
        let end = |at: usize, otherwise: usize| match arguments.get(at) {
            None => Some(otherwise),
            Some(value) => value.as_u64().and_then(|end| usize::try_from(end).ok()),
        };
        let ends = end(0, 0).zip(end(1, length));
        match ends.filter(|(from, to)| from <= to && *to <= length) {
            Some((from, to)) => {
                let part: String = on.chars().skip(from).take(to - from).collect();
                self.made(Value::String(part))
            }
            None => Err(Failure::Unbuilt(format!(
                "substring of a text of {length} characters beyond its ends"
            ))),
        }
    }
}

fn replacement(java: &str) -> Result<String, Failure> {
    let mut text = String::new();
    let mut characters = java.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some('$') => text.push_str("$$"),
                Some(next) => text.push(next),
                None => return Err(Failure::Unbuilt("a replacement ends with '\\'".to_owned())),
            },
            '$' => match characters.next_if(char::is_ascii_digit) {
                Some(group) => text.push_str(&format!("${{{group}}}")),
                None => return Err(Failure::Unbuilt("'$' in a replacement".to_owned())),
            },
            _ => text.push(character),
        }
    }
    Ok(text)
}

/// AWS: as Apache Commons escapes for JavaScript.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for character in text.chars() {
        match character {
            '\'' | '"' | '\\' | '/' => {
                escaped.push('\\');
                escaped.push(character);
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '\u{8}' => escaped.push_str("\\b"),
            '\u{c}' => escaped.push_str("\\f"),
            ' '..='~' => escaped.push(character),
            _ => {
                let mut units = [0; 2];
                for unit in character.encode_utf16(&mut units) {
                    escaped.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
    escaped
}
