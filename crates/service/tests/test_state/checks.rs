//! Requests that are refused, in AWS's words.

use expect_test::expect;
use serde_json::{Value, json};

use crate::check;

fn pass() -> Value {
    json!({"Type": "Pass", "End": true})
}

fn task(resource: &str, parameters: Value) -> Value {
    json!({"Type": "Task", "Resource": resource, "Parameters": parameters, "End": true})
}

fn invoke() -> Value {
    task(
        "arn:aws:states:::lambda:invoke",
        json!({"FunctionName": "f"}),
    )
}

#[test]
fn a_mock_is_a_result_or_an_error() {
    let both = json!({"mock": {"result": "{}", "errorOutput": {"error": "E"}}});
    check(
        invoke(),
        both,
        expect![[r#"
        ValidationException: A test mock should have only one of the following fields: [result, errorOutput].
    "#]],
    );
    check(
        invoke(),
        json!({"mock": {}}),
        expect![[r#"
        ValidationException: A test mock should have only one of the following fields: [result, errorOutput].
    "#]],
    );
    check(
        invoke(),
        json!({"mock": {"result": "{}"}, "revealSecrets": true}),
        expect![[r#"
            ValidationException: TestState does not support RevealSecrets when a mock is specified.
        "#]],
    );
    check(
        invoke(),
        json!({"mock": {"result": "no JSON", "fieldValidationMode": "NONE"}}),
        expect![[r#"
            ValidationException: Mocked result must be valid JSON
        "#]],
    );
}

#[test]
fn a_mocked_result_is_held_against_what_the_action_replies() {
    let put_events = || {
        task(
            "arn:aws:states:::events:putEvents",
            json!({"Entries.$": "$"}),
        )
    };
    let mock = |mode: &str| json!({"mock": {"result": r#"{"Entries": "many"}"#, "fieldValidationMode": mode}});
    check(
        put_events(),
        mock("STRICT"),
        expect![[r#"
        ValidationException: Mock result schema validation error: Field 'Entries' must be an array
    "#]],
    );
    check(
        put_events(),
        mock("PRESENT"),
        expect![[r#"
        ValidationException: Mock result schema validation error: Field 'Entries' must be an array
    "#]],
    );
    check(
        put_events(),
        mock("NONE"),
        expect![[r#"
        output {"Entries": "many"}
        status SUCCEEDED
    "#]],
    );
}

#[test]
fn only_states_that_call_or_run_something_are_mocked() {
    let mock = json!({"mock": {"errorOutput": {"error": "E"}}});
    check(
        pass(),
        mock.clone(),
        expect![[r#"
        ValidationException: State type 'Pass' is not supported when a mock is specified
    "#]],
    );
    check(
        json!({"Type": "Succeed"}),
        mock.clone(),
        expect![[r#"
        ValidationException: State type 'Succeed' is not supported when a mock is specified
    "#]],
    );
    check(
        json!({"Type": "Wait", "Seconds": 1, "End": true}),
        mock,
        expect![[r#"
            ValidationException: State type 'Wait' is not supported when a mock is specified
        "#]],
    );
}

#[test]
fn what_completes_elsewhere_needs_a_mock() {
    check(
        json!({"Type": "Parallel", "End": true,
               "Branches": [{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}]}),
        json!({}),
        expect![[r#"
            InvalidDefinition: TestState API does not support Map or Parallel states. Supported state types include: [Task, Wait, Pass, Succeed, Fail, Choice]
        "#]],
    );
    let role = json!({"roleArn": "arn:aws:iam::123456789012:role/r"});
    check(
        task(
            "arn:aws:states:us-east-1:123456789012:activity:a",
            json!({}),
        ),
        role.clone(),
        expect![[r#"
            ValidationException: TestState does not support the resource arn:aws:states:us-east-1:123456789012:activity:a when a mock is not specified.
        "#]],
    );
    check(
        task(
            "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
            json!({"QueueUrl": "q", "MessageBody.$": "$$.Task.Token"}),
        ),
        role,
        expect![[r#"
            ValidationException: TestState does not support the resource arn:aws:states:::sqs:sendMessage.waitForTaskToken when a mock is not specified.
        "#]],
    );
}

#[test]
fn what_describes_a_mock_needs_one() {
    check(
        invoke(),
        json!({"stateConfiguration": {"mapIterationFailureCount": 0}}),
        expect![[r#"
            ValidationException: TestState does not support MapIterationFailureCount when a mock is not specified.
        "#]],
    );
    check(
        invoke(),
        json!({"stateConfiguration": {"retrierRetryCount": 0}}),
        expect![[r#"
            ValidationException: TestState does not support RetrierRetryCount when a mock is not specified.
        "#]],
    );
    check(
        invoke(),
        json!({"context": "{}"}),
        expect![[r#"
        ValidationException: TestState does not support Context when a mock is not specified.
    "#]],
    );
}

#[test]
fn a_task_that_is_really_called_needs_a_role() {
    check(
        invoke(),
        json!({}),
        expect![[r#"
        ValidationException: RoleArn must be specified when testing a Task state
    "#]],
    );
    check(
        invoke(),
        json!({"roleArn": "nobody"}),
        expect![[r#"
        InvalidArn: Invalid Arn: 'Invalid ARN prefix: nobody'
    "#]],
    );
}

#[test]
fn a_definition_is_a_state_or_with_a_name_a_machine() {
    check(
        json!({"Type": "Pass"}),
        json!({}),
        expect![[r#"
        InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: One of these fields is required: [Next, End] at /States/StateName'
    "#]],
    );
    check(
        pass(),
        json!({"stateName": "A"}),
        expect![[r#"
        InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: Field 'Type' is not supported at /, SCHEMA_VALIDATION_FAILED: Field 'End' is not supported at /, SCHEMA_VALIDATION_FAILED: These fields are required: [StartAt, States] at /'
    "#]],
    );
    check(
        json!("{"),
        json!({}),
        expect![[r#"
        InvalidDefinition: Invalid State Machine Definition: 'INVALID_JSON_DESCRIPTION: Invalid JSON description: EOF while parsing an object at line 1 column 1 at null'
    "#]],
    );
}

#[test]
fn a_context_object_has_known_members_of_known_types() {
    let context =
        |context: &str| json!({"mock": {"errorOutput": {"error": "E"}}, "context": context});
    check(
        invoke(),
        context(r#"{"Map": {}}"#),
        expect![[r#"
        ValidationException: Invalid Context object provided: 'Map' field is not supported when mocking a Context object
    "#]],
    );
    check(
        invoke(),
        context(r#"{"Execution": {"Id": 1}}"#),
        expect![[r#"
            ValidationException: Invalid Context object provided: Execution.Id must be a string
        "#]],
    );
    check(
        invoke(),
        context(r#"{"State": {"RetryCount": "1"}}"#),
        expect![[r#"
            ValidationException: Invalid Context object provided: State.RetryCount must be a number
        "#]],
    );
    check(
        invoke(),
        context(r#"{"Task": "t"}"#),
        expect![[r#"
        ValidationException: Invalid Context object provided: Task must be an object
    "#]],
    );
    check(
        invoke(),
        context("[]"),
        expect![[r#"
        ValidationException: Invalid Context object provided: must be a valid JSON object
    "#]],
    );
    check(
        invoke(),
        context("{}"),
        expect![[r#"
        error E
        status FAILED
    "#]],
    );
}

#[test]
fn inputs_and_variables_are_json() {
    check(
        pass(),
        json!({"input": "{"}),
        expect![[r#"
        InvalidExecutionInput: Invalid State Machine Execution Input: 'EOF while parsing an object at line 1 column 1'
    "#]],
    );
    check(
        pass(),
        json!({"variables": "[]"}),
        expect![[r#"
        ValidationException: Invalid variables provided: must be a JSON object
    "#]],
    );
}
