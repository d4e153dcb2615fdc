//! Assign and variable references.

use expect_test::expect;

use crate::{check, check_state, parsed};

#[test]
fn a_variable_has_a_name_that_no_outer_scope_assigns() {
    check_state(
        r#""Type": "Pass", "Next": "Z", "Assign": {"states": 1, "1st": 2, "größe.$": "$.g", "a-b": 3, "_x1": 4}"#,
        expect![[r#"
            Error RESERVED_VARIABLE_NAME: Cannot assign to reserved variable '$states'. at /States/A/Assign/states
            Error SCHEMA_VALIDATION_FAILED: Variable name '1st' must start with a letter or '_', continue with letters, digits or '_', and have at most 80 characters at /States/A/Assign/1st
            Error INVALID_VARIABLE_NAME: Invalid variable name 'a-b': the variable name contains invalid characters. at /States/A/Assign/a-b
        "#]],
    );
    check_state(
        r#""Type": "Pass", "Next": "Z", "Assign": []"#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/A/Assign
    "#]],
    );
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Map", "Next": "B", "ItemProcessor": {"StartAt": "C", "States":
            {"C": {"Type": "Pass", "Assign": {"total.$": "$.t", "mine": 1}, "End": true}}}},
            "B": {"Type": "Pass", "Assign": {"total": 1}, "End": true}}}"#,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Variable 'total' is already assigned in an outer scope at /States/A/ItemProcessor/States/C/Assign/total.$
        "#]],
    );
    // What only a catcher assigns does not hide a name from the branches.
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Parallel", "Next": "B",
            "Catch": [{"ErrorEquals": ["E"], "Assign": {"x": 1}, "Next": "B"}],
            "Branches": [{"StartAt": "C", "States": {"C": {"Type": "Pass", "Assign": {"x": 1}, "End": true}}}]},
            "B": {"Type": "Pass", "End": true}}}"#,
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn variable_references_are_listed_by_state() {
    let definition = parsed(
        r#"{"StartAt": "A", "States": {
            "A": {"Type": "Map", "MaxConcurrencyPath": "$limit", "Next": "B", "ItemProcessor": {"StartAt": "C",
                "States": {"C": {"Type": "Pass", "Parameters": {"v.$": "States.MathAdd($y, $x.a)", "w": "$z"},
                "End": true}}}},
            "B": {"Type": "Choice", "Choices": [{"Variable": "$b", "StringEqualsPath": "$a.x", "Next": "D"}],
                "Default": "D"},
            "D": {"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.q + $counter & $sum([1]) %}",
                "End": true}}}"#,
    );
    expect![[r#"
        {
            "A": [
                "limit",
            ],
            "B": [
                "a",
                "b",
            ],
            "C": [
                "x",
                "y",
            ],
            "D": [
                "counter",
            ],
        }
    "#]]
    .assert_debug_eq(definition.variable_references());
}
