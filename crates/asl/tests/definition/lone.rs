//! One state by itself, as TestState reads it.

use expect_test::{Expect, expect};
use stepwell_asl::definition::{BlockId, Definition, MachineKind, StateIndex};

use crate::parsed;

fn check_lone(state: &str, expected: Expect) {
    let text = match Definition::parse_state(state, MachineKind::Standard, &|_, _| Vec::new()) {
        Ok(definition) => described(&definition),
        Err(findings) => findings.iter().map(|one| format!("{one}\n")).collect(),
    };
    expected.assert_eq(&text);
}

/// The first state, its language, and where it goes.
fn described(definition: &Definition) -> String {
    let start = definition.block(BlockId::ROOT).start_at;
    let state = definition.state(BlockId::ROOT, start);
    let name = |index: StateIndex| definition.state(BlockId::ROOT, index).name.to_string();
    format!(
        "{} {} -> {:?}\n",
        state.name,
        state.query_language().as_str(),
        state.next.map(name)
    )
}

#[test]
fn a_state_alone_needs_none_of_the_states_it_leads_to() {
    check_lone(
        r#"{"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {}, "Next": "Then",
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Sorry"}]}"#,
        expect![[r#"
            StateName JSONPath -> Some("Then")
        "#]],
    );
    check_lone(
        r#"{"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"Condition": true, "Next": "Then"}],
            "Default": "Else"}"#,
        expect![[r#"
            StateName JSONata -> None
        "#]],
    );
}

#[test]
fn what_is_wrong_with_a_state_alone_is_located_below_the_name_that_aws_gives_it() {
    check_lone(
        r#"{"Type": "Parallel", "Branches": [], "End": true}"#,
        expect![[r#"
            SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/StateName/Branches
        "#]],
    );
    check_lone(
        r#"{"Type": "Pass"}"#,
        expect![[r#"
            SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/StateName
        "#]],
    );
}

#[test]
fn a_state_of_a_machine_keeps_its_language_and_that_of_the_states_inside_it() {
    let machine = parsed(
        r#"{"QueryLanguage": "JSONata", "StartAt": "All", "States": {
            "All": {"Type": "Map", "Next": "After", "ItemProcessor": {"StartAt": "One", "States": {
                "One": {"Type": "Pass", "Output": "{% 1 %}", "End": true}}}},
            "After": {"Type": "Succeed"}}}"#,
    );
    let lone = |name| machine.lone_state(name, MachineKind::Standard);
    let all = lone("All").expect("a state of the machine");
    expect![[r#"
        StateName JSONata -> Some("After")
    "#]]
    .assert_eq(&described(&all.definition));
    assert!(!all.is_in_map);
    let one = lone("One").expect("a state inside a Map");
    expect![[r#"
        StateName JSONata -> None
    "#]]
    .assert_eq(&described(&one.definition));
    assert!(one.is_in_map);
    assert!(lone("Nobody").is_none());
}
