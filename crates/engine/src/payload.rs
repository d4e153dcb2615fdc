//! JSON texts that flow through an execution: kept as text, parsed when an expression asks.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use crate::event::EventId;
use crate::json_scan::depth_of_plain;

/// Largest input, output or result, in bytes of UTF-8.
///
/// AWS: quota "Maximum input or output size for a task, state, or execution".
pub const PAYLOAD_BYTES_MAX: usize = 262_144;

/// Deepest nesting of arrays and objects in a payload.
///
/// The parser reads at most 127 levels; what one state adds must still be readable.
pub const PAYLOAD_DEPTH_MAX: usize = 120;

/// A JSON text and, once somebody asked, its parsed value. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Payload {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    text: Arc<str>,
    value: OnceLock<Value>,
    depth: OnceLock<usize>,
}

impl Payload {
    /// From a text that is known to be JSON (checked by the caller at the border).
    pub fn from_text(text: impl Into<Arc<str>>) -> Payload {
        Payload {
            inner: Arc::new(Inner {
                text: text.into(),
                value: OnceLock::new(),
                depth: OnceLock::new(),
            }),
        }
    }

    /// From a text of unknown origin.
    ///
    /// - Errors: the parser's, with line and column, when the text is not one JSON value; also when it
    ///   nests deeper than [`PAYLOAD_DEPTH_MAX`].
    pub fn parse(text: impl Into<Arc<str>>) -> Result<Payload, serde_json::Error> {
        let text = text.into();
        // Most payloads pass through: their values are never built.
        if let Some(depth) = depth_of_plain(&text) {
            return Ok(Payload {
                inner: Arc::new(Inner {
                    text,
                    value: OnceLock::new(),
                    depth: OnceLock::from(depth),
                }),
            });
        }
        let value: Value = serde_json::from_str(&text)?;
        let depth = depth_of(&text);
        if depth > PAYLOAD_DEPTH_MAX {
            let error = format!("the JSON nests {depth} levels, at most {PAYLOAD_DEPTH_MAX}");
            return Err(serde::de::Error::custom(error));
        }
        Ok(Payload {
            inner: Arc::new(Inner {
                text,
                value: OnceLock::from(value),
                depth: OnceLock::from(depth),
            }),
        })
    }

    /// From a value; the text is its compact form.
    pub fn from_value(value: Value) -> Payload {
        Payload {
            inner: Arc::new(Inner {
                text: value.to_string().into(),
                value: OnceLock::from(value),
                depth: OnceLock::new(),
            }),
        }
    }

    /// `{}`.
    pub fn empty_object() -> Payload {
        Payload::from_text("{}")
    }

    /// The text as it was produced.
    pub fn text(&self) -> &Arc<str> {
        &self.inner.text
    }

    /// The parsed value; parsed once.
    pub fn value(&self) -> &Value {
        self.inner.value.get_or_init(|| {
            serde_json::from_str(&self.inner.text)
                .expect("a payload's text is checked to be JSON at the border")
        })
    }

    /// Whether the text is over [`PAYLOAD_BYTES_MAX`] or [`PAYLOAD_DEPTH_MAX`].
    pub fn is_oversize(&self) -> bool {
        self.inner.text.len() > PAYLOAD_BYTES_MAX || self.is_too_deep()
    }

    fn is_too_deep(&self) -> bool {
        let text = &self.inner.text;
        // Every level has two brackets, and most texts have few at all: counting is cheaper than following them.
        let openings = || text.bytes().filter(|byte| matches!(byte, b'[' | b'{'));
        if let Some(depth) = self.inner.depth.get() {
            return *depth > PAYLOAD_DEPTH_MAX;
        }
        if text.len() <= PAYLOAD_DEPTH_MAX * 2 || openings().count() <= PAYLOAD_DEPTH_MAX {
            return false;
        }
        *self.inner.depth.get_or_init(|| depth_of(text)) > PAYLOAD_DEPTH_MAX
    }
}

/// How deep arrays and objects nest in a text that is known to be JSON.
pub(crate) fn depth_of(text: &str) -> usize {
    let (mut depth, mut deepest) = (0usize, 0usize);
    let (mut in_text, mut is_escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if in_text => is_escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// A payload and the event that stores it.
///
/// In a row only the event's id is kept: a payload is stored once, in the history row that produced it.
/// A payload that no event stores yet is in the row itself.
#[derive(Debug, Clone)]
pub struct Slot {
    pub(crate) at: EventId,
    pub(crate) payload: Option<Payload>,
}

/// A slot as it stands in a row.
#[derive(Serialize, Deserialize)]
struct StoredSlot<T> {
    at: EventId,
    /// Only where `at` is none.
    text: Option<T>,
}

impl Serialize for Slot {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let is_fresh = self.at == EventId::NONE;
        let text = self.payload.as_ref().filter(|_| is_fresh);
        StoredSlot {
            at: self.at,
            text: text.map(|payload| payload.text().as_ref()),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Slot {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Slot, D::Error> {
        let stored = StoredSlot::<String>::deserialize(deserializer)?;
        Ok(Slot {
            at: stored.at,
            payload: stored.text.map(Payload::from_text),
        })
    }
}

impl Slot {
    /// A payload that no event stores yet.
    pub(crate) fn fresh(payload: Payload) -> Slot {
        Slot {
            at: EventId::NONE,
            payload: Some(payload),
        }
    }

    /// The payload.
    pub fn payload(&self) -> &Payload {
        self.payload
            .as_ref()
            .expect("a loaded execution has all its payloads supplied")
    }
}
