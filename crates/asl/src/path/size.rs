//! How much memory copies of values may take together.

use serde_json::Value;

use crate::Failure;

/// Most bytes of values that one evaluation copies together: a template, a path, the arguments of a call.
///
/// A payload is at most 256 KiB, but a definition can name it thousands of times.
const COPIED_BYTES_MAX: usize = 64 << 20;
/// What a value takes beside its text.
const VALUE_BYTES: usize = 32;

/// What is left of [`COPIED_BYTES_MAX`].
pub(crate) struct CopyBudget {
    bytes: usize,
}

impl CopyBudget {
    pub(crate) fn new() -> CopyBudget {
        CopyBudget {
            bytes: COPIED_BYTES_MAX,
        }
    }

    /// Takes the size of `value`; `None` when that is more than is left.
    pub(crate) fn take(&mut self, value: &Value) -> Option<()> {
        self.take_bytes(VALUE_BYTES)?;
        match value {
            Value::String(text) => self.take_bytes(text.len()),
            Value::Array(items) => items.iter().try_for_each(|item| self.take(item)),
            Value::Object(members) => members.iter().try_for_each(|(name, value)| {
                self.take_bytes(VALUE_BYTES + name.len())?;
                self.take(value)
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => Some(()),
        }
    }

    /// As [`CopyBudget::take`], for a value that becomes part of the state's payload.
    pub(crate) fn spend(&mut self, value: &Value) -> Result<(), Failure> {
        self.take(value).ok_or_else(|| Failure {
            error: "States.DataLimitExceeded".into(),
            cause: format!("the evaluation makes more than {COPIED_BYTES_MAX} bytes of values"),
            location: None,
        })
    }

    fn take_bytes(&mut self, bytes: usize) -> Option<()> {
        self.bytes = self.bytes.checked_sub(bytes)?;
        Some(())
    }
}
