//! Values of queries: what compares as a number does, whatever it was written as.

use std::cmp::Ordering;

use serde_json::Value as Json;
use stepwell_api::DateTime;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Missing,
    Number(f64),
    Text(String),
    /// Milliseconds since 1970; shown as a date.
    Time(i64),
    Bool(bool),
}

impl Value {
    pub(super) fn of_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Missing,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number.as_f64().map_or(Value::Missing, Value::Number),
            Json::String(text) => Value::Text(text.clone()),
            other => Value::Text(other.to_string()),
        }
    }

    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Value::Missing)
    }

    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Value::Missing => None,
            Value::Number(number) => Some(*number),
            Value::Time(ms) => Some(*ms as f64),
            Value::Bool(value) => Some(f64::from(u8::from(*value))),
            Value::Text(text) => {
                let text = text.trim();
                let begins = text
                    .trim_start_matches(['-', '+'])
                    .starts_with(|c: char| c.is_ascii_digit() || c == '.');
                begins
                    .then(|| text.parse().ok())?
                    .filter(|number: &f64| number.is_finite())
            }
        }
    }

    /// As it is shown; `None` if there is nothing to show.
    pub(super) fn text(&self) -> Option<String> {
        match self {
            Value::Missing => None,
            Value::Number(number) => Some(number.to_string()),
            Value::Text(text) => Some(text.clone()),
            Value::Time(ms) => Some(time(*ms)),
            Value::Bool(value) => Some(u8::from(*value).to_string()),
        }
    }

    /// Whether a condition that gives this holds.
    pub(super) fn holds(&self) -> bool {
        match self {
            Value::Missing => false,
            Value::Bool(value) => *value,
            Value::Number(number) => *number != 0.0,
            Value::Time(_) => true,
            Value::Text(text) => !matches!(text.as_str(), "" | "0" | "false"),
        }
    }

    pub(super) fn equals(&self, other: &Value) -> bool {
        if let (Value::Bool(value), Value::Text(text)) | (Value::Text(text), Value::Bool(value)) =
            (self, other)
            && matches!(text.as_str(), "true" | "false")
        {
            return value.to_string() == *text;
        }
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one == other,
            _ => !self.is_missing() && self.text() == other.text(),
        }
    }

    /// Numbers by size and before texts, nothing last.
    pub(super) fn order(&self, other: &Value) -> Ordering {
        match (self.number(), other.number()) {
            (Some(one), Some(other)) => one.total_cmp(&other),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => match (self, other) {
                (Value::Missing, Value::Missing) => Ordering::Equal,
                (Value::Missing, _) => Ordering::Greater,
                (_, Value::Missing) => Ordering::Less,
                (Value::Text(one), Value::Text(other)) => one.cmp(other),
                (one, other) => one.text().cmp(&other.text()),
            },
        }
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        32 + match self {
            Value::Text(text) => text.len(),
            _ => 0,
        }
    }
}

/// AWS: `2023-11-14 22:13:20.123`.
fn time(ms: i64) -> String {
    let (year, month, day, hour, minute) = DateTime::from_ms(ms).minute();
    let within = ms.rem_euclid(60_000);
    format!(
        "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{:02}.{:03}",
        within / 1_000,
        within % 1_000
    )
}
