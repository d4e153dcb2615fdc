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
    check(
        &definition,
        r#"{"n": 2}"#,
        &[],
        expect![[r#"
        1<0 ExecutionStarted {"n": 2}
        2<0 ChoiceStateEntered A =#1
        3<2 ChoiceStateExited A =#1 $who="rule" $n=2
        4<3 PassStateEntered B =#1
        5<4 PassStateExited B {"who":"rule"}
        6<5 ExecutionSucceeded =#5
    "#]],
    );
    check(
        &definition,
        r#"{"n": 1}"#,
        &[],
        expect![[r#"
        1<0 ExecutionStarted {"n": 1}
        2<0 ChoiceStateEntered A =#1
        3<2 ChoiceStateExited A =#1 $who="state"
        4<3 PassStateEntered B =#1
        5<4 PassStateExited B {"who":"state"}
        6<5 ExecutionSucceeded =#5
    "#]],
    );
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
        expect![[r#"
            1<0 ExecutionStarted {"n": 2}
            2<0 ChoiceStateEntered A =#1
            3<2 ChoiceStateExited A {"twice":4} $n=2
            4<3 SucceedStateEntered B =#3
            5<4 SucceedStateExited B =#3
            6<5 ExecutionSucceeded =#3
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {"n": 2}
            2<0 ChoiceStateEntered A =#1
            3<0 EvaluationFailed { error: "States.QueryEvaluationError", cause: "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.n' specified for the field 'Choices[1]/Condition' returned an unexpected result type. Expected 'boolean', but was 'number' for value: 2", location: Some("Choices[1]/Condition"), state: "A" }
            4<3 ExecutionFailed States.QueryEvaluationError | An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.n' specified for the field 'Choices[1]/Condition' returned an unexpected result type. Expected 'boolean', but was 'number' for value: 2
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {"n": 2}
            2<0 ChoiceStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Failed to transition out of the state. The state does not point to a next state.
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {"e": "Broken", "c": 7}
            2<0 FailStateEntered A =#1
            3<2 ExecutionFailed Broken | because of 7
        "#]],
    );
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Fail", "Error": "{% $states.input.e %}", "Cause": "fixed"}}}"#,
        r#"{"e": "Broken"}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"e": "Broken"}
            2<0 FailStateEntered A =#1
            3<2 ExecutionFailed Broken | fixed
        "#]],
    );
    check(
        &machine(r#""A": {"Type": "Fail"}"#),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 FailStateEntered A =#1
            3<2 ExecutionFailed - | -
        "#]],
    );
    check(
        &machine(r#""A": {"Type": "Fail", "ErrorPath": "$.none"}"#),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 FailStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.none' specified for the field 'ErrorPath' could not be found in the input '{}'
        "#]],
    );
}
