//! State machines: create, update, describe, list, delete.

use crate::world::check;
use expect_test::expect;

#[test]
fn the_same_create_again_answers_with_the_machine_that_is_there() {
    check(
        r#"
        CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        wait 1
        CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/other", "tags": [{"key": "k", "value": "v"}]}
        CreateStateMachine {"name": "m", "definition": "{ \"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachine {"name": "m", "type": "EXPRESS", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachine {"name": "m", "tracingConfiguration": {"enabled": true}, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        DescribeStateMachine {"stateMachineArn": "@m"}
        rows
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > wait 1
            > CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/other", "tags": [{"key": "k", "value": "v"}]}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > CreateStateMachine {"name": "m", "definition": "{ \"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineAlreadyExists: State Machine Already Exists: '@stateMachine:m'
            > CreateStateMachine {"name": "m", "type": "EXPRESS", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineAlreadyExists: State Machine Already Exists: '@stateMachine:m'
            > CreateStateMachine {"name": "m", "tracingConfiguration": {"enabled": true}, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineAlreadyExists: State Machine Already Exists: '@stateMachine:m'
            > DescribeStateMachine {"stateMachineArn": "@m"}
              {"stateMachineArn":"@stateMachine:m","name":"m","status":"ACTIVE","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}","roleArn":"arn:aws:iam::123456789012:role/r","type":"STANDARD","creationDate":1700000000.0,"loggingConfiguration":{"level":"OFF","includeExecutionData":false},"tracingConfiguration":{"enabled":false},"encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}
            > rows
              {2: 1, 3: 1}
        "#]],
    );
}

#[test]
fn a_create_that_is_not_right_is_refused() {
    check(
        r#"
        create bad {"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}
        create a/b {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
        CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "nobody"}
        CreateStateMachine {"name": "m", "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachine {"name": "m", "loggingConfiguration": {"level": "ALL"}, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        ListStateMachines {}
        rows
        "#,
        expect![[r#"
            > create bad {"StartAt": "B", "States": {"A": {"Type": "Succeed"}}}
              ! InvalidDefinition: Invalid State Machine Definition: 'MISSING_TRANSITION_TARGET: Missing 'Next' target: B at /StartAt, MISSING_TRANSITION_TARGET: State "A" is not reachable. at /States/A'
            > create a/b {"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}
              ! InvalidName: Invalid Name: 'a/b'
            > CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "nobody"}
              ! InvalidArn: Invalid Arn: 'Invalid ARN prefix: nobody'
            > CreateStateMachine {"name": "m", "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! ValidationException: Version description can only be set when publish is true
            > CreateStateMachine {"name": "m", "loggingConfiguration": {"level": "ALL"}, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! InvalidLoggingConfiguration: Invalid Logging Configuration: Must specify exactly one Log Destination.
            > ListStateMachines {}
              {"stateMachines":[]}
            > rows
              {}
        "#]],
    );
}

#[test]
fn an_update_gets_a_revision_only_when_it_changes_something() {
    check(
        r#"
        create m {"StartAt":"A","States":{"A":{"Type":"Succeed"}}}
        UpdateStateMachine {"stateMachineArn": "@m"}
        UpdateStateMachine {"stateMachineArn": "@none"}
        UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"}
        UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Succeed\"}}}"}
        wait 5
        UpdateStateMachine {"stateMachineArn": "@m", "roleArn": "arn:aws:iam::123456789012:role/r"}
        UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"A\"}"}
        UpdateStateMachine {"stateMachineArn": "@m:1", "roleArn": "arn:aws:iam::123456789012:role/r"}
        DescribeStateMachine {"stateMachineArn": "@m"}
        "#,
        expect![[r#"
            > create m {"StartAt":"A","States":{"A":{"Type":"Succeed"}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > UpdateStateMachine {"stateMachineArn": "@m"}
              ! MissingRequiredParameter: Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified
            > UpdateStateMachine {"stateMachineArn": "@none"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:none'
            > UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}"}
              {"updateDate":1700000000.0}
            > UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Succeed\"}}}"}
              {"updateDate":1700000000.0,"revisionId":"08d02d1f-e167-409e-a23d-8f8d1c3d8cce"}
            > wait 5
            > UpdateStateMachine {"stateMachineArn": "@m", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"updateDate":1700000005.0,"revisionId":"08d02d1f-e167-409e-a23d-8f8d1c3d8cce"}
            > UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"A\"}"}
              ! InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: These fields are required: [States] at /'
            > UpdateStateMachine {"stateMachineArn": "@m:1", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m:1'
            > DescribeStateMachine {"stateMachineArn": "@m"}
              {"stateMachineArn":"@stateMachine:m","name":"m","status":"ACTIVE","definition":"{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Succeed\"}}}","roleArn":"arn:aws:iam::123456789012:role/r","type":"STANDARD","creationDate":1700000000.0,"loggingConfiguration":{"level":"OFF","includeExecutionData":false},"tracingConfiguration":{"enabled":false},"revisionId":"08d02d1f-e167-409e-a23d-8f8d1c3d8cce","encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}
        "#]],
    );
}

#[test]
fn a_running_execution_keeps_the_definition_it_started_with() {
    check(
        r#"
        create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"Old"},"Old":{"Type":"Pass","Result":"old","End":true}}}
        start m a
        UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"New\",\"States\":{\"New\":{\"Type\":\"Pass\",\"Result\":\"new\",\"End\":true}}}"}
        start m b
        crash
        wait 5
        show m a
        show m b
        "#,
        expect![[r#"
            > create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"Next":"Old"},"Old":{"Type":"Pass","Result":"old","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m a
              {"executionArn":"@execution:m:a","startDate":1700000000.0}
            > UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"New\",\"States\":{\"New\":{\"Type\":\"Pass\",\"Result\":\"new\",\"End\":true}}}"}
              {"updateDate":1700000000.0,"revisionId":"3800a160-3885-4545-a10a-04e95b3803fd"}
            > start m b
              {"executionArn":"@execution:m:b","startDate":1700000000.0}
            > crash
            > wait 5
            > show m a
              SUCCEEDED "old"
            > show m b
              SUCCEEDED "new"
        "#]],
    );
}

#[test]
fn a_machine_is_deleting_until_its_last_execution_ends() {
    check(
        r#"
        create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}
        start m a
        start m b
        DeleteStateMachine {"stateMachineArn": "@m"}
        DescribeStateMachine {"stateMachineArn": "@m"}
        ListStateMachines {}
        start m c
        create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}
        UpdateStateMachine {"stateMachineArn": "@m", "roleArn": "arn:aws:iam::123456789012:role/r"}
        DeleteStateMachine {"stateMachineArn": "@m"}
        stop m a
        crash
        DescribeStateMachine {"stateMachineArn": "@m", "includedData": "METADATA_ONLY"}
        wait 5
        DescribeStateMachine {"stateMachineArn": "@m"}
        ListStateMachines {}
        show m b
        DeleteStateMachine {"stateMachineArn": "@m"}
        DeleteStateMachine {"stateMachineArn": "nothing"}
        "#,
        expect![[r#"
            > create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m a
              {"executionArn":"@execution:m:a","startDate":1700000000.0}
            > start m b
              {"executionArn":"@execution:m:b","startDate":1700000000.0}
            > DeleteStateMachine {"stateMachineArn": "@m"}
              {}
            > DescribeStateMachine {"stateMachineArn": "@m"}
              {"stateMachineArn":"@stateMachine:m","name":"m","status":"DELETING","definition":"{\"StartAt\":\"W\",\"States\":{\"W\":{\"Type\":\"Wait\",\"Seconds\":5,\"End\":true}}}","roleArn":"arn:aws:iam::123456789012:role/r","type":"STANDARD","creationDate":1700000000.0,"loggingConfiguration":{"level":"OFF","includeExecutionData":false},"tracingConfiguration":{"enabled":false},"encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}
            > ListStateMachines {}
              {"stateMachines":[{"stateMachineArn":"@stateMachine:m","name":"m","type":"STANDARD","creationDate":1700000000.0}]}
            > start m c
              ! StateMachineDeleting: State machine is being deleted: '@stateMachine:m'
            > create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}
              ! StateMachineDeleting: State machine is being deleted: '@stateMachine:m'
            > UpdateStateMachine {"stateMachineArn": "@m", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineDeleting: State machine is being deleted: '@stateMachine:m'
            > DeleteStateMachine {"stateMachineArn": "@m"}
              {}
            > stop m a
              {"stopDate":1700000000.0}
            > crash
            > DescribeStateMachine {"stateMachineArn": "@m", "includedData": "METADATA_ONLY"}
              {"stateMachineArn":"@stateMachine:m","name":"m","status":"DELETING","definition":"{}","roleArn":"arn:aws:iam::123456789012:role/r","type":"STANDARD","creationDate":1700000000.0,"loggingConfiguration":{"level":"OFF","includeExecutionData":false},"tracingConfiguration":{"enabled":false},"encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}
            > wait 5
            > DescribeStateMachine {"stateMachineArn": "@m"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m'
            > ListStateMachines {}
              {"stateMachines":[]}
            > show m b
              SUCCEEDED {}
            > DeleteStateMachine {"stateMachineArn": "@m"}
              {}
            > DeleteStateMachine {"stateMachineArn": "nothing"}
              ! InvalidArn: Invalid Arn: 'Invalid ARN prefix: nothing'
        "#]],
    );
}

#[test]
fn machines_are_listed_by_name_a_page_at_a_time() {
    let mut world = crate::world::World::new();
    for name in ["c", "a", "b", "ab", "d"] {
        world.create(
            name,
            "STANDARD",
            r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#,
        );
    }
    let mut names = Vec::new();
    let mut body = serde_json::json!({ "maxResults": 2 });
    for _ in 0..3 {
        let page: serde_json::Value =
            serde_json::from_str(&world.ask("ListStateMachines", &body.to_string()))
                .expect("a page");
        let items = page["stateMachines"].as_array().expect("a list");
        names.push(
            items
                .iter()
                .map(|item| item["name"].as_str().expect("a name").to_string())
                .collect::<Vec<_>>()
                .join(" "),
        );
        if page["nextToken"].is_null() {
            break;
        }
        body["nextToken"] = page["nextToken"].clone();
    }
    assert_eq!(names, ["a ab", "b c", "d"]);
    expect!["! InvalidToken: Invalid Token: 'Invalid token'"]
        .assert_eq(&world.ask("ListStateMachines", r#"{"nextToken": "bad!"}"#));
}

#[test]
fn parameters_that_the_called_action_does_not_have_are_refused() {
    check(
        r#"
        create m {"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","Parameters":{"queueUrl":"q","MessageBody.$":"$.body"},"End":true}}}
        create m {"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"Input":{}},"End":true}}}
        "#,
        expect![[r#"
            > create m {"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sqs:sendMessage","Parameters":{"queueUrl":"q","MessageBody.$":"$.body"},"End":true}}}
              ! InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The field 'QueueUrl' is required but was missing at /States/S/Parameters, SCHEMA_VALIDATION_FAILED: The field "queueUrl" is not supported by Step Functions at /States/S/Parameters'
            > create m {"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution","Parameters":{"Input":{}},"End":true}}}
              ! InvalidDefinition: Invalid State Machine Definition: 'SCHEMA_VALIDATION_FAILED: The field 'StateMachineArn' is required but was missing at /States/S/Parameters'
        "#]],
    );
}
