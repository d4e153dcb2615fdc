//! What the inspection data of each state type hold.

use expect_test::expect;
use serde_json::json;

use crate::{check, check_debug};

#[test]
fn info_tells_the_outcome_alone() {
    check(
        json!({"Type": "Pass", "Next": "Then"}),
        json!({"input": "{\"a\": 1}"}),
        expect![[r#"
            output {"a": 1}
            nextState Then
            status SUCCEEDED
        "#]],
    );
    check(
        json!({"Type": "Fail", "Error": "E", "Cause": "c"}),
        json!({}),
        expect![[r#"
            error E
            cause c
            status FAILED
        "#]],
    );
}

#[test]
fn a_pass_shows_its_input_on_every_stage() {
    check_debug(
        json!({"Type": "Pass", "InputPath": "$.a", "Parameters": {"b.$": "$.x"}, "ResultPath": "$.c",
               "OutputPath": "$.c", "End": true}),
        json!({"input": "{\"a\": {\"x\": 1}}"}),
        expect![[r#"
            output {"b":1}
              input {"a": {"x": 1}}
              afterInputPath {"x":1}
              afterParameters {"b":1}
              afterResultSelector {"b":1}
              afterResultPath {"a":{"x":1},"c":{"b":1}}
            status SUCCEEDED
        "#]],
    );
    check_debug(
        json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.a %}", "End": true}),
        json!({"input": "{\"a\": [1, 2]}"}),
        expect![[r#"
            output [1,2]
              input {"a": [1, 2]}
            status SUCCEEDED
        "#]],
    );
}

#[test]
fn a_pass_with_a_result_does_not_look_at_its_input() {
    check_debug(
        json!({"Type": "Pass", "InputPath": "$.absent", "Result": 5, "End": true}),
        json!({"input": "{}"}),
        expect![[r#"
            output 5
              input {}
              result 5
              afterResultSelector 5
              afterResultPath 5
            status SUCCEEDED
        "#]],
    );
}

#[test]
fn states_without_a_result_show_what_their_input_path_leaves() {
    let choices = json!([{"Variable": "$.x", "NumericEquals": 1, "Next": "One"}]);
    check_debug(
        json!({"Type": "Choice", "InputPath": "$.a", "Choices": choices, "Default": "Other"}),
        json!({"input": "{\"a\": {\"x\": 1}}"}),
        expect![[r#"
            output {"x":1}
              input {"a": {"x": 1}}
              afterInputPath {"x":1}
            nextState One
            status SUCCEEDED
        "#]],
    );
    check_debug(
        json!({"Type": "Succeed", "InputPath": "$.a"}),
        json!({"input": "{\"a\": {\"x\": 1}}"}),
        expect![[r#"
            output {"x":1}
              input {"a": {"x": 1}}
              afterInputPath {"x":1}
            status SUCCEEDED
        "#]],
    );
    check_debug(
        json!({"Type": "Wait", "Seconds": 0, "Next": "Then"}),
        json!({}),
        expect![[r#"
            output {}
              input {}
              afterInputPath {}
            nextState Then
            status SUCCEEDED
        "#]],
    );
    check_debug(
        json!({"Type": "Fail", "ErrorPath": "$.e"}),
        json!({"input": "{\"e\": \"Bad\"}"}),
        expect![[r#"
            error Bad
              input {"e": "Bad"}
              afterInputPath {"e": "Bad"}
            status FAILED
        "#]],
    );
}

#[test]
fn a_stage_that_failed_is_absent_and_those_before_it_are_told() {
    check_debug(
        json!({"Type": "Pass", "InputPath": "$.a", "Parameters": {"b.$": "$.absent"}, "End": true}),
        json!({"input": "{\"a\": {}}"}),
        expect![[r#"
            error States.Runtime
            cause An error occurred while executing the state 'StateName' (entered at the event id #2). The JSONPath '$.absent' specified for the field 'b.$' could not be found in the input '{}'
              input {"a": {}}
              afterInputPath {}
            status FAILED
        "#]],
    );
    check_debug(
        json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.input.absent %}", "End": true}),
        json!({}),
        expect![[r#"
            error States.QueryEvaluationError
            cause An error occurred while executing the state 'StateName' (entered at the event id #2). The JSONata expression '$states.input.absent' specified for the field 'Output' returned nothing (undefined).
              input {}
            status FAILED
        "#]],
    );
}

#[test]
fn variables_are_those_given_and_those_assigned() {
    check_debug(
        json!({"Type": "Pass", "QueryLanguage": "JSONata", "Assign": {"b": "{% $a + 1 %}"},
               "Output": "{% $a %}", "End": true}),
        json!({"variables": "{\"a\": 1}"}),
        expect![[r#"
            output 1
              input {}
              variables {"a":1,"b":2}
            status SUCCEEDED
        "#]],
    );
}

#[test]
fn a_state_of_a_machine_is_found_at_any_depth() {
    let machine = json!({"QueryLanguage": "JSONata", "StartAt": "All", "States": {
        "All": {"Type": "Map", "Next": "After", "ItemProcessor": {"StartAt": "One", "States": {
            "One": {"Type": "Pass", "Output": "{% $states.context.Map.Item %}", "End": true}}}},
        "After": {"Type": "Succeed"}}});
    check_debug(
        machine.clone(),
        json!({"stateName": "One", "input": "{\"x\": 1}"}),
        expect![[r#"
            output {"Index":0,"Value":{"x":1}}
              input {"x": 1}
            status SUCCEEDED
        "#]],
    );
    check(
        machine,
        json!({"stateName": "Nobody"}),
        expect![[r#"
        ValidationException: State not found in definition
    "#]],
    );
}

#[test]
fn the_context_object_is_that_of_a_synchronous_express_execution() {
    let state = json!({"Type": "Pass", "QueryLanguage": "JSONata", "Output": "{% $states.context %}", "End": true});
    check(
        state,
        json!({"input": "{\"x\": 1}"}),
        expect![[r#"
            output {"Execution":{"Id":"arn:aws:states:us-east-1:123456789012:express:f1fc8574-35ad-4235-8bcc-567149bc807d:adccf7fb-a32f-43af-a2ea-ca79bbb5306c","Input":{"x":1},"StartTime":"2023-11-14T22:13:20Z","Name":"adccf7fb-a32f-43af-a2ea-ca79bbb5306c","RoleArn":null},"StateMachine":{"Id":"arn:aws:states:us-east-1:123456789012:stateMachine:f1fc8574-35ad-4235-8bcc-567149bc807d","Name":"f1fc8574-35ad-4235-8bcc-567149bc807d"},"State":{"Name":"StateName","EnteredTime":"2023-11-14T22:13:20Z"}}
            status SUCCEEDED
        "#]],
    );
}
