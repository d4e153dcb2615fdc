//! What a definition must be, told by the diagnostics of small definitions.

mod document;
mod fields;
mod graph;
mod lone;
mod map;
mod mutation;
mod task;
mod variables;

use expect_test::Expect;
use stepwell_asl::definition::{Definition, MachineKind};

/// All findings about `definition`, a line each: `CODE: message at location`.
fn findings(definition: &str, kind: MachineKind) -> String {
    let findings: Vec<String> = Definition::diagnose(definition, kind)
        .iter()
        .map(|finding| format!("{:?} {finding}\n", finding.severity))
        .collect();
    if findings.is_empty() {
        "ok\n".to_owned()
    } else {
        findings.concat()
    }
}

fn check(definition: &str, expected: Expect) {
    expected.assert_eq(&findings(definition, MachineKind::Standard));
}

fn check_express(definition: &str, expected: Expect) {
    expected.assert_eq(&findings(definition, MachineKind::Express));
}

/// A machine that starts at the state `A` with these fields, followed by the Succeed state `Z`.
fn starting_with(state: &str) -> String {
    format!(r#"{{"StartAt": "A", "States": {{"A": {{{state}}}, "Z": {{"Type": "Succeed"}}}}}}"#)
}

fn check_state(state: &str, expected: Expect) {
    check(&starting_with(state), expected);
}

fn check_jsonata(state: &str, expected: Expect) {
    let machine = starting_with(state).replacen('{', r#"{"QueryLanguage": "JSONata", "#, 1);
    check(&machine, expected);
}

fn parsed(definition: &str) -> Definition {
    Definition::parse(definition, MachineKind::Standard).expect("the definition is valid")
}
