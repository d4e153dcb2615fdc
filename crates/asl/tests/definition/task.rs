//! Resources, timeouts, credentials, Retry and Catch.

use expect_test::{Expect, expect};
use stepwell_asl::definition::{
    BlockId, Definition, Kind, MachineKind, Pattern, Resource, StateIndex,
};

use crate::{check_express, check_jsonata, check_state, findings, parsed, starting_with};

#[test]
fn a_resource_is_one_that_step_functions_knows() {
    for known in [
        "arn:aws:lambda:us-east-1:123456789012:function:pay",
        "arn:aws:lambda:us-east-1:123456789012:function:pay:live",
        "arn:aws-cn:lambda:cn-north-1:123456789012:function:pay:$LATEST",
        "arn:aws:states:us-east-1:123456789012:activity:review",
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::aws-sdk:sfn:startSyncExecution",
        "arn:aws:states:::aws-sdk:rds:describeDBInstances",
        "arn:aws:states:::aws-sdk:cloudwatchlogs:putLogEvents.waitForTaskToken",
        "arn:aws:states:::http:invoke",
    ] {
        let state =
            format!(r#""Type": "Task", "Resource": "{known}", "Parameters": {{}}, "Next": "Z""#);
        assert_eq!(
            findings(&starting_with(&state), MachineKind::Standard),
            "ok\n",
            "{known}"
        );
    }
    for unknown in [
        "arn:aws:lambda:us-east-1:123456789012:pay",
        "arn:aws:lambda:us-east-1:123456789012:function:",
        "arn:aws:states:::dynamodb:scan",
        "arn:aws:states:::dynamodb:getItem.sync",
        "arn:aws:states:::lambda:invoke.sync",
        "arn:aws:states:::aws-sdk:sfn:startExecution.sync",
        "arn:aws:states:::aws-sdk:sfn:StartExecution",
        "arn:aws:states:::aws-sdk:sfn:begin",
        "arn:aws:states:::aws-sdk:stepfunctions:startExecution",
        "arn:aws:states:::aws-sdk:kinesis:subscribeToShard",
        "arn:aws:s3:::bucket",
    ] {
        let state = format!(r#""Type": "Task", "Resource": "{unknown}", "Next": "Z""#);
        assert_eq!(
            findings(&starting_with(&state), MachineKind::Standard),
            format!(
                "Error SCHEMA_VALIDATION_FAILED: The resource provided {unknown} is not recognized. The value is not a \
                 valid resource ARN, or the resource is not available in this region. at /States/A/Resource\n"
            )
        );
    }
    check_state(
        r#""Type": "Task", "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [Resource] at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Task", "Resource": "pay", "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value is not a valid resource ARN at /States/A/Resource
    "#]],
    );
}

#[test]
fn an_integration_says_what_it_sends() {
    check_state(
        r#""Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:listBuckets", "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Parameters field is required for resource ARN: arn:aws:states:::aws-sdk:s3:listBuckets at /States/A
    "#]],
    );
    check_jsonata(
        r#""Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken", "Next": "Z""#,
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Arguments field is required for resource ARN: arn:aws:states:::sqs:sendMessage.waitForTaskToken at /States/A
    "#]],
    );
    check_state(
        r#""Type": "Task", "Resource": "arn:aws:states:us-east-1:123456789012:activity:review", "Next": "Z""#,
        expect![[r#"
        ok
    "#]],
    );
}

#[test]
fn a_resource_is_split_into_service_action_and_pattern() {
    let definition = parsed(&starting_with(
        r#""Type": "Task", "Resource": "arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken", "Parameters": {}, "Next": "Z""#,
    ));
    let Kind::Task(task) = &definition.state(BlockId::ROOT, StateIndex(0)).kind else {
        panic!("the first state is a Task");
    };
    assert_eq!(
        task.resource,
        Resource::Integration {
            arn: "arn:aws:states:::aws-sdk:sfn:startExecution.waitForTaskToken".to_owned(),
            service: "aws-sdk:sfn".to_owned(),
            action: "startExecution".to_owned(),
            pattern: Pattern::WaitForTaskToken,
        }
    );
}

#[test]
fn an_express_machine_only_requests_and_responds() {
    let task = |resource: &str| {
        starting_with(&format!(
            r#""Type": "Task", "Resource": "{resource}", "Parameters": {{}}, "Next": "Z""#
        ))
    };
    check_express(
        &task("arn:aws:states:::sqs:sendMessage"),
        expect![[r#"
        ok
    "#]],
    );
    check_express(
        &task("arn:aws:states:::sqs:sendMessage.waitForTaskToken"),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Express state machine does not support '.waitForTaskToken' service integration  at /States/A/Resource
    "#]],
    );
    check_express(
        &task("arn:aws:states:::states:startExecution.sync"),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Express state machine does not support '.sync' service integration  at /States/A/Resource
    "#]],
    );
    check_express(
        &task("arn:aws:states:us-east-1:123456789012:activity:review"),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Express state machine does not support Activity ARN at /States/A/Resource
    "#]],
    );
    let distributed = starting_with(
        r#""Type": "Map", "Next": "Z", "ItemProcessor": {"StartAt": "B", "States": {"B": {"Type": "Succeed"}},
           "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"}}"#,
    );
    check_express(
        &distributed,
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: The field 'Mode' with value 'DISTRIBUTED' is not supported inside 'EXPRESS' state machines at /States/A/ItemProcessor/ProcessorConfig/Mode
        "#]],
    );
}

#[test]
fn timeouts_are_whole_seconds_and_a_heartbeat_is_shorter() {
    let task = |fields: &str| {
        format!(
            r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "Z", {fields}"#
        )
    };
    check_state(
        &task(r#""TimeoutSeconds": 0"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Minimum value is 1 at /States/A/TimeoutSeconds
    "#]],
    );
    check_state(
        &task(r#""TimeoutSeconds": 100000000"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Maximum value is 99999999 at /States/A/TimeoutSeconds
    "#]],
    );
    check_state(
        &task(r#""TimeoutSeconds": 1.5"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/A/TimeoutSeconds
    "#]],
    );
    check_state(
        &task(r#""TimeoutSeconds": "{% 5 %}""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/A/TimeoutSeconds
    "#]],
    );
    check_state(
        &task(r#""TimeoutSeconds": 5, "TimeoutSecondsPath": "$.t""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: There should only be one of the following fields: [TimeoutSeconds, TimeoutSecondsPath] at /States/A
    "#]],
    );
    check_state(
        &task(r#""TimeoutSeconds": 5, "HeartbeatSeconds": 5"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: HeartbeatSeconds 5 must be smaller than TimeoutSeconds 5 at /States/A/HeartbeatSeconds
    "#]],
    );
    check_state(
        &task(r#""TimeoutSecondsPath": "$.t", "HeartbeatSecondsPath": "$beat""#),
        expect![[r#"
        ok
    "#]],
    );
    check_state(
        &task(r#""TimeoutSecondsPath": "$.t[*]", "HeartbeatSecondsPath": "$$.Execution.Input.t""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: the path may match many values at /States/A/TimeoutSecondsPath
        Error SCHEMA_VALIDATION_FAILED: Value is not a Reference Path: the path reads the context object at /States/A/HeartbeatSecondsPath
    "#]],
    );
    check_jsonata(
        &task(r#""TimeoutSeconds": "{% $states.input.t %}", "HeartbeatSeconds": "5""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Integer at /States/A/HeartbeatSeconds
    "#]],
    );
}

#[test]
fn credentials_name_a_role() {
    let task = |fields: &str| {
        format!(
            r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "Z", {fields}"#
        )
    };
    check_state(
        &task(r#""Credentials": {"Role": "r"}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The field 'RoleArn' is required but was missing at /States/A/Credentials
    "#]],
    );
    check_state(
        &task(r#""Credentials": {"RoleArn": 1, "Region": "r"}"#),
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'Region' is not supported at /States/A/Credentials
            Error SCHEMA_VALIDATION_FAILED: Expected value of type String at /States/A/Credentials/RoleArn
        "#]],
    );
    check_state(
        &task(r#""Credentials": {"RoleArn.$": "$.role"}"#),
        expect![[r#"
        ok
    "#]],
    );
    check_jsonata(
        &task(r#""Credentials": {"RoleArn.$": "$.role"}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The field 'RoleArn' is required but was missing at /States/A/Credentials
    "#]],
    );
    check_jsonata(
        &task(r#""Credentials": "r""#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/A/Credentials
    "#]],
    );
}

#[test]
fn a_retrier_has_bounds() {
    let retry = |retriers: &str| {
        format!(
            r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "Z", "Retry": [{retriers}]"#
        )
    };
    check_state(
        &retry(""),
        expect![[r#"
        ok
    "#]],
    );
    check_state(
        &retry("{}"),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [ErrorEquals] at /States/A/Retry[0]
    "#]],
    );
    check_state(
        &retry(r#"{"ErrorEquals": []}, 1"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Value cannot be empty at /States/A/Retry[0]/ErrorEquals
        Error SCHEMA_VALIDATION_FAILED: Expected value of type Object at /States/A/Retry[1]
    "#]],
    );
    check_state(
        &retry(
            r#"{"ErrorEquals": ["E", 1], "IntervalSeconds": 0, "MaxAttempts": -1, "BackoffRate": 0.5,
                "MaxDelaySeconds": 31622400, "JitterStrategy": "HALF", "Factor": 1}"#,
        ),
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: Field 'Factor' is not supported at /States/A/Retry[0]
            Error SCHEMA_VALIDATION_FAILED: Expected value of type String at /States/A/Retry[0]/ErrorEquals[1]
            Error SCHEMA_VALIDATION_FAILED: Minimum value is 1 at /States/A/Retry[0]/IntervalSeconds
            Error SCHEMA_VALIDATION_FAILED: Minimum value is 0 at /States/A/Retry[0]/MaxAttempts
            Error SCHEMA_VALIDATION_FAILED: Minimum value is 1.0 at /States/A/Retry[0]/BackoffRate
            Error SCHEMA_VALIDATION_FAILED: Maximum value is 31622399 at /States/A/Retry[0]/MaxDelaySeconds
            Error SCHEMA_VALIDATION_FAILED: Value should be one of the following: [FULL, NONE] at /States/A/Retry[0]/JitterStrategy
        "#]],
    );
    check_state(
        &retry(
            r#"{"ErrorEquals": ["E"], "IntervalSeconds": 1, "MaxAttempts": 0, "BackoffRate": 1,
                "MaxDelaySeconds": 1, "JitterStrategy": "FULL", "Comment": "c"}, {"ErrorEquals": ["States.ALL"]}"#,
        ),
        expect![[r#"
            ok
        "#]],
    );
    check_state(
        &retry(r#"{"ErrorEquals": ["E"], "IntervalSeconds": 10, "MaxDelaySeconds": 9}"#),
        expect![[r#"
            Error SCHEMA_VALIDATION_FAILED: MaxDelaySeconds 9 must not be smaller than IntervalSeconds 10 at /States/A/Retry[0]/MaxDelaySeconds
        "#]],
    );
    check_state(
        &retry(r#"{"ErrorEquals": ["States.ALL", "E"]}, {"ErrorEquals": ["E"]}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: 'States.ALL' must appear alone at /States/A/Retry[0]/ErrorEquals
        Error SCHEMA_VALIDATION_FAILED: 'States.ALL' must appear in the last element only at /States/A/Retry[0]/ErrorEquals
    "#]],
    );
}

#[test]
fn a_catcher_has_a_target() {
    let caught = |catchers: &str| {
        format!(
            r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Next": "Z", "Catch": [{catchers}]"#
        )
    };
    check_state(
        &caught(r#"{"ErrorEquals": ["E"]}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [Next] at /States/A/Catch[0]
    "#]],
    );
    check_state(
        &caught(r#"{"Next": "Z"}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: These fields are required: [ErrorEquals] at /States/A/Catch[0]
    "#]],
    );
    check_state(
        &caught(r#"{"ErrorEquals": ["E"], "Next": "Z", "Output": 1, "MaxAttempts": 1}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: Field 'MaxAttempts' is not supported at /States/A/Catch[0]
        Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONPath', but field 'Output' is only supported for the 'JSONata' QueryLanguage at /States/A/Catch[0]
    "#]],
    );
    check_state(
        &caught(
            r#"{"ErrorEquals": ["E"], "Next": "Z", "ResultPath": "$.e", "Assign": {"e.$": "$"}}"#,
        ),
        expect![[r#"
        ok
    "#]],
    );
    check_jsonata(
        &caught(r#"{"ErrorEquals": ["E"], "Next": "Z", "ResultPath": "$.e"}"#),
        expect![[r#"
        Error SCHEMA_VALIDATION_FAILED: The QueryLanguage is set to 'JSONata', but field 'ResultPath' is only supported for the 'JSONPath' QueryLanguage at /States/A/Catch[0]
    "#]],
    );
    check_jsonata(
        &caught(r#"{"ErrorEquals": ["E"], "Next": "Z", "Output": "{% $states.errorOutput %}"}"#),
        expect![[r#"
            ok
        "#]],
    );
}

#[test]
fn what_the_check_of_a_call_says_is_found_where_its_parameters_are() {
    let check_call = |resource: &str, parameters: &serde_json::Value| {
        vec![format!("{resource} gets {parameters}")]
    };
    let check = |state: &str, expected: Expect| {
        let machine = starting_with(state);
        let found = Definition::diagnose_with(&machine, MachineKind::Standard, &check_call);
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        expected.assert_eq(&found.join("\n"));
    };
    check(
        r#""Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Parameters": {"A.$": "$.a"}, "Next": "Z""#,
        expect![[
            r#"SCHEMA_VALIDATION_FAILED: arn:aws:states:::lambda:invoke gets {"A.$":"$.a"} at /States/A/Parameters"#
        ]],
    );
    check(
        r#""Type": "Task", "QueryLanguage": "JSONata", "Resource": "arn:aws:states:::sqs:sendMessage",
           "Arguments": "{% $states.input %}", "Next": "Z""#,
        expect![[
            r#"SCHEMA_VALIDATION_FAILED: arn:aws:states:::sqs:sendMessage gets "{% $states.input %}" at /States/A/Arguments"#
        ]],
    );
    check(
        r#""Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Parameters": {"A": 1},
           "Next": "Z""#,
        expect![""],
    );
}
