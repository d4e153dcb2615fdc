//! Validation of a definition without a server.

use stepwell_api::catalogue::ParameterCheck;
use stepwell_service::{Definition, MachineKind, Severity};

/// One finding about a definition, in AWS's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// `ERROR` or `WARNING`.
    pub severity: String,
    /// `SCHEMA_VALIDATION_FAILED`, `MISSING_TRANSITION_TARGET`, ...
    pub code: String,
    pub message: String,
    /// JSON pointer into the definition; `None` for the definition as a whole.
    pub location: Option<String>,
}

/// What AWS would say about `text`; empty when it says nothing.
pub fn validate_definition(text: &str, express: bool) -> Vec<Diagnostic> {
    let kind = if express {
        MachineKind::Express
    } else {
        MachineKind::Standard
    };
    let calls = ParameterCheck::default();
    let diagnostics = Definition::diagnose_with(text, kind, &|resource, parameters| {
        calls.problems(resource, parameters)
    });
    diagnostics
        .into_iter()
        .map(|diagnostic| Diagnostic {
            severity: match diagnostic.severity {
                Severity::Error => "ERROR".to_string(),
                Severity::Warning => "WARNING".to_string(),
            },
            code: diagnostic.code.to_string(),
            message: diagnostic.message,
            location: diagnostic.location,
        })
        .collect()
}
