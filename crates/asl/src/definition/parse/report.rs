//! The findings of one reading, in AWS's order.

use super::fields::display;
use crate::diagnostic::{Diagnostic, Severity};

pub(super) const SCHEMA_VALIDATION_FAILED: &str = "SCHEMA_VALIDATION_FAILED";
pub(super) const INVALID_JSON_DESCRIPTION: &str = "INVALID_JSON_DESCRIPTION";
pub(super) const MISSING_DESCRIPTION: &str = "MISSING_DESCRIPTION";
pub(super) const MISSING_END_STATE: &str = "MISSING_END_STATE";
pub(super) const MISSING_TRANSITION_TARGET: &str = "MISSING_TRANSITION_TARGET";
pub(super) const DUPLICATE_STATE_NAME: &str = "DUPLICATE_STATE_NAME";
pub(super) const INVALID_STATE_NAME: &str = "INVALID_STATE_NAME";
pub(super) const DUPLICATE_LABEL_NAME: &str = "DUPLICATE_LABEL_NAME";
pub(super) const INVALID_LABEL_NAME: &str = "INVALID_LABEL_NAME";
pub(super) const INVALID_VARIABLE_NAME: &str = "INVALID_VARIABLE_NAME";
pub(super) const RESERVED_VARIABLE_NAME: &str = "RESERVED_VARIABLE_NAME";
pub(super) const TOO_DEEPLY_NESTED: &str = "TOO_DEEPLY_NESTED";
pub(super) const NO_DOLLAR: &str = "NO_DOLLAR";
pub(super) const NO_PATH: &str = "NO_PATH";
pub(super) const PASS_RESULT_IS_STATIC: &str = "PASS_RESULT_IS_STATIC";

/// Findings kept; what comes after is dropped, so a hostile text cannot grow the answer without bound.
const FINDINGS_MAX: usize = 1_000;

/// Errors in the order found, then warnings.
#[derive(Default)]
pub(super) struct Report {
    errors: Vec<Diagnostic>,
    warnings: Vec<Diagnostic>,
}

impl Report {
    /// A finding about the shape of what is at `pointer`.
    pub(super) fn schema(&mut self, pointer: &str, message: impl Into<String>) {
        self.error(SCHEMA_VALIDATION_FAILED, Some(pointer), message);
    }

    pub(super) fn error(
        &mut self,
        code: &'static str,
        pointer: Option<&str>,
        message: impl Into<String>,
    ) {
        self.push(error(code, pointer, message));
    }

    pub(super) fn warn(&mut self, code: &'static str, pointer: &str, message: impl Into<String>) {
        self.push(Diagnostic {
            severity: Severity::Warning,
            ..error(code, Some(pointer), message)
        });
    }

    pub(super) fn push(&mut self, diagnostic: Diagnostic) {
        let list = match diagnostic.severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        if list.len() < FINDINGS_MAX {
            list.push(diagnostic);
        }
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    pub(super) fn into_diagnostics(mut self) -> Vec<Diagnostic> {
        self.errors.append(&mut self.warnings);
        self.errors
    }
}

pub(super) fn error(
    code: &'static str,
    pointer: Option<&str>,
    message: impl Into<String>,
) -> Diagnostic {
    Diagnostic {
        severity: Severity::Error,
        code,
        message: message.into(),
        location: pointer.map(display),
    }
}
