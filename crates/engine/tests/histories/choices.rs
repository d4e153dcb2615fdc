//! Choice: rules with Assign and Output of their own; Fail with computed texts.

use expect_test::expect;

use crate::world::{check, machine};

#[test]
fn a_rule_assigns_instead_of_its_state() {
    let definition = machine(
        r#""A": {"Type": "Choice", "Assign": {"who": "state"}, "Default": "B", "Choices": [
                {"Variable": "$.n", "NumericGreaterThan": 1, "Assign": {"who": "rule", "n.$": "$.n"}, "Next": "B"}]},
           "B": {"Type": "Pass", "Parameters": {"who.$": "$who"}, "End": true}"#,
    );
    check(&definition, r#"{"n": 2}"#, &[], expect![[r#""#]]);
    check(&definition, r#"{"n": 1}"#, &[], expect![[r#""#]]);
}

#[test]
fn a_rule_of_jsonata_gives_output_and_the_first_that_holds_wins() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Choice", "Output": "default", "Default": "B", "Choices": [
                {"Condition": "{% $states.input.n > 9 %}", "Output": "never", "Next": "B"},
                {"Condition": "{% $states.input.n > 1 %}", "Output": {"twice": "{% $states.input.n * 2 %}"}, "Assign": {"n": "{% $states.input.n %}"}, "Next": "B"},
                {"Condition": "{% true %}", "Output": "too late", "Next": "B"}]},
            "B": {"Type": "Succeed"}}}"#,
        r#"{"n": 2}"#,
        &[],
        expect![[r#""#]],
    );
}

#[test]
fn a_condition_that_is_no_boolean_names_its_rule() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Choice", "Default": "B", "Choices": [{"Condition": "{% false %}", "Next": "B"}, {"Condition": "{% $states.input.n %}", "Next": "B"}]},
            "B": {"Type": "Succeed"}}}"#,
        r#"{"n": 2}"#,
        &[],
        expect![[r#""#]],
    );
}

#[test]
fn no_rule_and_no_default_is_a_runtime_error() {
    check(
        &machine(
            r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.n", "NumericEquals": 1, "Next": "B"}]}, "B": {"Type": "Succeed"}"#,
        ),
        r#"{"n": 2}"#,
        &[],
        expect![[r#""#]],
    );
}

#[test]
fn a_fail_state_computes_its_texts() {
    check(
        &machine(
            r#""A": {"Type": "Fail", "ErrorPath": "$.e", "CausePath": "States.Format('because of {}', $.c)"}"#,
        ),
        r#"{"e": "Broken", "c": 7}"#,
        &[],
        expect![[r#""#]],
    );
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "fixed"}}}"#,
        r#"{"e": "Broken"}"#,
        &[],
        expect![[r#""#]],
    );
    check(
        &machine(r#""A": {"Type": "Fail"}"#),
        "{}",
        &[],
        expect![[r#""#]],
    );
    check(
        &machine(r#""A": {"Type": "Fail", "ErrorPath": "$.none"}"#),
        "{}",
        &[],
        expect![[r#""#]],
    );
}
