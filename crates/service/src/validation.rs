//! `ValidateStateMachineDefinition`: what AWS would say about a definition.

use stepwell_api::catalogue::ParameterCheck;
use stepwell_api::states;
use stepwell_engine::{Definition, Diagnostic, MachineKind, Severity};

/// Diagnostics in one answer when the caller does not say, and at most. Source: the API's documentation.
const DIAGNOSTICS_MAX: usize = 100;

/// Checks a definition; changes and reads nothing.
///
/// - `severity`: `WARNING` lists warnings too; warnings do not make the result `FAIL`.
pub fn validate_definition(
    input: &states::ValidateStateMachineDefinitionInput,
) -> states::ValidateStateMachineDefinitionOutput {
    let kind = match input.r#type.as_deref() {
        Some("EXPRESS") => MachineKind::Express,
        _ => MachineKind::Standard,
    };
    let lists_warnings = input.severity.as_deref() == Some("WARNING");
    let limit = match input.max_results.and_then(|max| usize::try_from(max).ok()) {
        None | Some(0) => DIAGNOSTICS_MAX,
        Some(max) => max.min(DIAGNOSTICS_MAX),
    };
    let calls = ParameterCheck::default();
    let found = Definition::diagnose_with(&input.definition, kind, &|resource, parameters| {
        calls.problems(resource, parameters)
    });
    let fails = found
        .iter()
        .any(|diagnostic| diagnostic.severity == Severity::Error);
    let mut listed: Vec<Diagnostic> = found
        .into_iter()
        .filter(|diagnostic| lists_warnings || diagnostic.severity == Severity::Error)
        .collect();
    let is_truncated = listed.len() > limit;
    listed.truncate(limit);
    states::ValidateStateMachineDefinitionOutput {
        result: if fails { "FAIL" } else { "OK" }.to_string(),
        diagnostics: listed.into_iter().map(wire).collect(),
        truncated: Some(is_truncated),
    }
}

fn wire(diagnostic: Diagnostic) -> states::ValidateStateMachineDefinitionDiagnostic {
    states::ValidateStateMachineDefinitionDiagnostic {
        severity: match diagnostic.severity {
            Severity::Error => "ERROR",
            Severity::Warning => "WARNING",
        }
        .to_string(),
        code: diagnostic.code.to_string(),
        message: diagnostic.message,
        location: diagnostic.location,
    }
}
