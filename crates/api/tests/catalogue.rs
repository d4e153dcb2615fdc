//! Mocked results and parameters of tasks against the models of the called actions.

use stepwell_api::catalogue::{FieldValidation, check_mock_result, parameter_problems};

const START: &str = "arn:aws:states:::states:startExecution";
const START_SYNC: &str = "arn:aws:states:::states:startExecution.sync";
const START_SYNC_2: &str = "arn:aws:states:::states:startExecution.sync:2";
const INVOKE: &str = "arn:aws:states:::lambda:invoke";
const PUT_EVENTS: &str = "arn:aws:states:::events:putEvents";
const SDK_ENCRYPT: &str = "arn:aws:states:::aws-sdk:kms:encrypt";
const SDK_GET_FUNCTION: &str = "arn:aws:states:::aws-sdk:lambda:getFunction";
const SDK_GET_OBJECT: &str = "arn:aws:states:::aws-sdk:s3:getObject";
const SDK_SEND: &str = "arn:aws:states:::aws-sdk:sqs:sendMessage";

fn check(resource: &str, result: &str, mode: FieldValidation) -> Result<(), String> {
    let result = serde_json::from_str(result).expect("the mock is JSON");
    check_mock_result(resource, &result, mode)
}

/// Refused in both modes that check anything, and taken in the third.
#[track_caller]
fn refused(resource: &str, result: &str, violation: &str) {
    let expected = Err(format!("Mock result schema validation error: {violation}"));
    assert_eq!(check(resource, result, FieldValidation::Strict), expected);
    assert_eq!(check(resource, result, FieldValidation::Present), expected);
    assert_eq!(check(resource, result, FieldValidation::None), Ok(()));
}

#[track_caller]
fn taken(resource: &str, result: &str) {
    assert_eq!(check(resource, result, FieldValidation::Strict), Ok(()));
    assert_eq!(check(resource, result, FieldValidation::Present), Ok(()));
}

#[test]
fn a_value_of_another_type_is_refused_by_the_name_of_its_member() {
    refused(
        PUT_EVENTS,
        r#"{"Entries": "none"}"#,
        "Field 'Entries' must be an array",
    );
    refused(
        PUT_EVENTS,
        r#"{"Entries": ["one"]}"#,
        "Field 'Entries' must be an object",
    );
    refused(
        PUT_EVENTS,
        r#"{"Entries": [{"EventId": "1"}, {"EventId": [2]}]}"#,
        "Field 'EventId' must be a string",
    );
    refused(
        INVOKE,
        r#"{"StatusCode": "200"}"#,
        "Field 'StatusCode' must be a number",
    );
    refused(
        SDK_GET_OBJECT,
        r#"{"DeleteMarker": "no"}"#,
        "Field 'DeleteMarker' must be a boolean",
    );
    refused(
        SDK_GET_OBJECT,
        r#"{"Metadata": []}"#,
        "Field 'Metadata' must be an object",
    );
    refused(
        SDK_GET_OBJECT,
        r#"{"StorageClass": 1}"#,
        "Field 'StorageClass' must be a string",
    );
}

#[test]
fn blobs_and_timestamps_are_texts() {
    refused(
        SDK_ENCRYPT,
        r#"{"CiphertextBlob": 1}"#,
        "Field 'CiphertextBlob' must be a string",
    );
    refused(
        START,
        r#"{"ExecutionArn": "a", "StartDate": 1700000000}"#,
        "Field 'StartDate' must be a string",
    );
    taken(
        START,
        r#"{"ExecutionArn": "a", "StartDate": "2025-01-01T00:00:00Z"}"#,
    );
}

#[test]
fn a_value_outside_its_bounds_is_refused() {
    refused(
        SDK_GET_FUNCTION,
        r#"{"Configuration": {"MemorySize": 127}}"#,
        "Field 'MemorySize' is less than the minimum value",
    );
    refused(
        SDK_GET_FUNCTION,
        r#"{"Configuration": {"MemorySize": 1000000}}"#,
        "Field 'MemorySize' is greater than the maximum value",
    );
    refused(
        SDK_ENCRYPT,
        r#"{"CiphertextBlob": ""}"#,
        "Field 'CiphertextBlob' is smaller than the minimum length",
    );
    refused(
        SDK_GET_OBJECT,
        r#"{"StorageClass": "PAPYRUS"}"#,
        "Field 'StorageClass' is not an expected value",
    );
}

#[test]
fn only_the_strict_mode_asks_for_required_members() {
    let missing = "Mock result schema validation error: Required field 'StartDate' is missing";
    assert_eq!(
        check(START, r#"{"ExecutionArn": "a"}"#, FieldValidation::Strict),
        Err(missing.to_owned())
    );
    assert_eq!(
        check(START, r#"{"ExecutionArn": "a"}"#, FieldValidation::Present),
        Ok(())
    );
}

#[test]
fn members_that_the_model_does_not_know_are_ignored() {
    taken(INVOKE, r#"{"anything": 1, "statusCode": "200"}"#);
    let small = r#"{"executionArn": 1, "startDate": true}"#;
    assert_eq!(check(START, small, FieldValidation::Present), Ok(()));
}

#[test]
fn members_are_named_as_the_integration_names_them() {
    let optimized = "arn:aws:states:::sqs:sendMessage";
    refused(
        optimized,
        r#"{"MD5OfMessageBody": 1}"#,
        "Field 'MD5OfMessageBody' must be a string",
    );
    taken(SDK_SEND, r#"{"MD5OfMessageBody": 1}"#);
    refused(
        SDK_SEND,
        r#"{"Md5OfMessageBody": 1}"#,
        "Field 'Md5OfMessageBody' must be a string",
    );
}

#[test]
fn a_job_is_held_against_what_is_polled() {
    let strict = |resource, result| check(resource, result, FieldValidation::Strict);
    let missing =
        "Mock result schema validation error: Required field 'StateMachineArn' is missing";
    assert_eq!(
        strict(START_SYNC, r#"{"ExecutionArn": "a"}"#),
        Err(missing.to_owned())
    );
    let ended = |output: &str| {
        format!(
            r#"{{"ExecutionArn": "a", "StateMachineArn": "s", "Status": "SUCCEEDED",
                "StartDate": "2025-01-01T00:00:00Z", "Output": {output}}}"#
        )
    };
    taken(START_SYNC, &ended(r#""{}""#));
    refused(START_SYNC, &ended("{}"), "Field 'Output' must be a string");
    taken(START_SYNC_2, &ended("{}"));
}

#[test]
fn what_no_model_describes_is_not_checked() {
    taken(INVOKE, r#"{"Payload": {"any": "JSON"}}"#);
    for resource in [
        "arn:aws:states:::http:invoke",
        "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "arn:aws:lambda:us-east-1:123456789012:function:f",
        "arn:aws:states:us-east-1:123456789012:activity:a",
    ] {
        taken(resource, r#"["any", "JSON"]"#);
    }
}

#[track_caller]
fn problems(resource: &str, parameters: &str, expected: &[&str]) {
    let parameters = serde_json::from_str(parameters).expect("the parameters are JSON");
    let resource = format!("arn:aws:states:::{resource}");
    assert_eq!(parameter_problems(&resource, &parameters), expected);
}

#[test]
fn a_name_that_the_action_does_not_have_is_refused_at_any_depth() {
    problems(
        "aws-sdk:sfn:startExecution",
        r#"{"StateMachineArn": "a", "input": "", "Input": {"any": "JSON"}}"#,
        &[r#"The field "input" is not supported by Step Functions"#],
    );
    problems(
        "aws-sdk:verifiedpermissions:createPolicy",
        r#"{"PolicyStoreId": "p", "Definition": {"static": {"Statement": "s"}}}"#,
        &[r#"The field "static" is not supported by Step Functions"#],
    );
    problems(
        "aws-sdk:verifiedpermissions:createPolicy",
        r#"{"PolicyStoreId": "p", "Definition": {"StaticValue": {"Statement": "s"}}}"#,
        &[],
    );
    problems(
        "ecs:runTask.sync",
        r#"{"TaskDefinition": "t", "Overrides": {"ContainerOverrides": [{"Nam": "c", "Command": ["a"]}]}}"#,
        &[r#"The field "Nam" is not supported by Step Functions"#],
    );
    problems(
        "batch:submitJob",
        r#"{"JobName": "j", "JobQueue": "q", "JobDefinition": "d", "RetryStrategy": {"attempts": 5}}"#,
        &[],
    );
    problems(
        "lambda:invoke",
        r#"{"FunctionName": "f", "Payload": {"any": "JSON"}, "Retries": 3}"#,
        &[r#"The field "Retries" is not supported by Step Functions"#],
    );
}

#[test]
fn what_is_computed_is_not_looked_at() {
    problems(
        "lambda:invoke",
        r#"{"FunctionName.$": "$.f", "TaskToken.$": "$.t"}"#,
        &[],
    );
    problems("lambda:invoke", r#""{% $states.input %}""#, &[]);
    problems(
        "dynamodb:putItem",
        r#"{"TableName": "t", "Item.$": "$.item"}"#,
        &[],
    );
    problems(
        "dynamodb:putItem",
        r#"{"TableName": "t", "Item": {"id": {"S.$": "$.id"}, "any": {"BOOL": true}}}"#,
        &[],
    );
}

#[test]
fn what_is_required_must_be_there() {
    problems(
        "states:startExecution.sync:2",
        r#"{"Input": {}}"#,
        &["The field 'StateMachineArn' is required but was missing"],
    );
    problems(
        "lambda:invoke.waitForTaskToken",
        r#"{"Payload": {}}"#,
        &["The field 'FunctionName' is required but was missing"],
    );
    problems(
        "aws-sdk:emrserverless:startJobRun",
        r#"{"ApplicationId": "a", "ExecutionRoleArn.$": "$.role"}"#,
        &["The field 'ClientToken' is required but was missing"],
    );
    problems("aws-sdk:s3:listBuckets", "{}", &[]);
}

#[test]
fn nothing_is_said_where_no_model_describes_the_parameters() {
    problems("eks:call", r#"{"anything": 1}"#, &[]);
    problems("elasticmapreduce:addStep", r#"{"ClusterId": "j"}"#, &[]);
    problems("aws-sdk:opsworks:createStack", r#"{"anything": 1}"#, &[]);
}

#[test]
fn integrations_that_call_no_service_have_parameters_too() {
    problems(
        "http:invoke",
        r#"{"ApiEndpoint": "https://a.example", "Authentication": {"Connection": "c"},
            "Headers": {"any": "JSON"}, "RequestBody": {"any": "JSON"}}"#,
        &[
            "The field 'Method' is required but was missing",
            r#"The field "Connection" is not supported by Step Functions"#,
        ],
    );
    problems(
        "apigateway:invoke.waitForTaskToken",
        r#"{"ApiEndpoint.$": "$.a", "Method": "GET", "Stage": "s", "AuthType": "IAM_ROLE", "Body": ""}"#,
        &[r#"The field "Body" is not supported by Step Functions"#],
    );
}
