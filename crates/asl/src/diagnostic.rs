//! What validation has to say about a definition, in AWS's words.

use std::fmt;

/// Whether a diagnostic refuses the definition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    Error,
    Warning,
}

/// One finding of validation.
///
/// - `code`: `SCHEMA_VALIDATION_FAILED`, `MISSING_TRANSITION_TARGET`, ...
/// - `location`: JSON pointer into the definition (`/States/X/Next`), or `None` where AWS writes `null`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub code: &'static str,
    pub message: String,
    pub location: Option<String>,
}

/// `CODE: message at location`, as in the text of `InvalidDefinition`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let location = self.location.as_deref().unwrap_or("null");
        write!(f, "{}: {} at {location}", self.code, self.message)
    }
}
