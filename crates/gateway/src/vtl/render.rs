//! Values as text, and what they weigh.

use std::borrow::Cow;

use serde_json::Value;

/// A value as a template writes it: lists and maps as Java shows them.
pub(super) fn shown(value: &Value) -> Cow<'_, str> {
    match value {
        Value::String(text) => Cow::Borrowed(text),
        Value::Array(_) | Value::Object(_) => {
            let mut text = String::new();
            show(value, &mut text);
            Cow::Owned(text)
        }
        other => Cow::Owned(other.to_string()),
    }
}

fn show(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                show(item, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (at, (name, member)) in members.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                out.push_str(name);
                out.push('=');
                show(member, out);
            }
            out.push('}');
        }
        other => out.push_str(&shown(other)),
    }
}

/// About how many bytes a value holds, and how many levels it has.
pub(super) fn weight(value: &Value) -> (usize, usize) {
    const NODE_BYTES: usize = 32;
    match value {
        Value::String(text) => (NODE_BYTES + text.len(), 0),
        Value::Array(items) => items
            .iter()
            .map(weight)
            .fold((NODE_BYTES, 1), |(bytes, depth), (more, below)| {
                (bytes.saturating_add(more), depth.max(below + 1))
            }),
        Value::Object(members) => members
            .iter()
            .map(|(name, member)| (name.len(), weight(member)))
            .fold((NODE_BYTES, 1), |(bytes, depth), (name, (more, below))| {
                (
                    bytes.saturating_add(more).saturating_add(name),
                    depth.max(below + 1),
                )
            }),
        _ => (NODE_BYTES, 0),
    }
}
