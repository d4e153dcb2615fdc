//! Versions and aliases: publish, route, list, delete.

use expect_test::expect;
use serde_json::{Value, json};

use crate::world::{World, check, machine_arn};

#[test]
fn a_version_is_what_the_machine_was_when_it_was_published() {
    check(
        r#"
        CreateStateMachine {"name": "m", "publish": true, "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        UpdateStateMachine {"stateMachineArn": "@m", "roleArn": "arn:aws:iam::123456789012:role/other", "tracingConfiguration": {"enabled": true}}
        DescribeStateMachine {"stateMachineArn": "@m:1"}
        DescribeStateMachine {"stateMachineArn": "@m:2"}
        DescribeStateMachine {"stateMachineArn": "@m:0"}
        DescribeStateMachine {"stateMachineArn": "@m:live"}
        crash
        wait 1
        PublishStateMachineVersion {"stateMachineArn": "@m", "description": "two"}
        ListStateMachineVersions {"stateMachineArn": "@m"}
        ListStateMachineVersions {"stateMachineArn": "@nobody"}
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "publish": true, "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > UpdateStateMachine {"stateMachineArn": "@m", "roleArn": "arn:aws:iam::123456789012:role/other", "tracingConfiguration": {"enabled": true}}
              {"updateDate":1700000000.0,"revisionId":"668fe74b-067a-4188-b77c-ddf7ebe8e60a"}
            > DescribeStateMachine {"stateMachineArn": "@m:1"}
              {"stateMachineArn":"@stateMachine:m:1","name":"m","status":"ACTIVE","definition":"{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}","roleArn":"arn:aws:iam::123456789012:role/r","type":"STANDARD","creationDate":1700000000.0,"loggingConfiguration":{"level":"OFF","includeExecutionData":false},"tracingConfiguration":{"enabled":false},"description":"one","encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}
            > DescribeStateMachine {"stateMachineArn": "@m:2"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m:2'
            > DescribeStateMachine {"stateMachineArn": "@m:0"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m:0'
            > DescribeStateMachine {"stateMachineArn": "@m:live"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m:live'
            > crash
            > wait 1
            > PublishStateMachineVersion {"stateMachineArn": "@m", "description": "two"}
              {"creationDate":1700000001.0,"stateMachineVersionArn":"@stateMachine:m:2"}
            > ListStateMachineVersions {"stateMachineArn": "@m"}
              {"stateMachineVersions":[{"stateMachineVersionArn":"@stateMachine:m:2","creationDate":1700000001.0},{"stateMachineVersionArn":"@stateMachine:m:1","creationDate":1700000000.0}]}
            > ListStateMachineVersions {"stateMachineArn": "@nobody"}
              {"stateMachineVersions":[]}
        "#]],
    );
}

#[test]
fn publishing_an_unchanged_revision_answers_with_its_version() {
    check(
        r#"
        CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        PublishStateMachineVersion {"stateMachineArn": "@m", "revisionId": "INITIAL"}
        wait 1
        PublishStateMachineVersion {"stateMachineArn": "@m", "description": "again"}
        PublishStateMachineVersion {"stateMachineArn": "@m", "revisionId": "another"}
        PublishStateMachineVersion {"stateMachineArn": "@m:1"}
        PublishStateMachineVersion {"stateMachineArn": "@nobody"}
        UpdateStateMachine {"stateMachineArn": "@m", "versionDescription": "x", "roleArn": "arn:aws:iam::123456789012:role/r"}
        UpdateStateMachine {"stateMachineArn": "@m", "publish": true}
        UpdateStateMachine {"stateMachineArn": "@m", "publish": true, "roleArn": "arn:aws:iam::123456789012:role/r"}
        rows
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > PublishStateMachineVersion {"stateMachineArn": "@m", "revisionId": "INITIAL"}
              {"creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > wait 1
            > PublishStateMachineVersion {"stateMachineArn": "@m", "description": "again"}
              {"creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > PublishStateMachineVersion {"stateMachineArn": "@m", "revisionId": "another"}
              ! ConflictException: Failed to publish the State Machine version for revision another. The current State Machine revision is INITIAL.
            > PublishStateMachineVersion {"stateMachineArn": "@m:1"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m:1'
            > PublishStateMachineVersion {"stateMachineArn": "@nobody"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:nobody'
            > UpdateStateMachine {"stateMachineArn": "@m", "versionDescription": "x", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! ValidationException: Version description can only be set when publish is true
            > UpdateStateMachine {"stateMachineArn": "@m", "publish": true}
              ! MissingRequiredParameter: Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified
            > UpdateStateMachine {"stateMachineArn": "@m", "publish": true, "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"updateDate":1700000001.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > rows
              {2: 1, 3: 1, 16: 2}
        "#]],
    );
}

#[test]
fn the_number_of_a_deleted_version_is_not_given_out_again() {
    check(
        r#"
        CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
        DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
        DeleteStateMachineVersion {"stateMachineVersionArn": "@m:0"}
        DeleteStateMachineVersion {"stateMachineVersionArn": "@m"}
        PublishStateMachineVersion {"stateMachineArn": "@m"}
        ListStateMachineVersions {"stateMachineArn": "@m"}
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
              {}
            > DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
              {}
            > DeleteStateMachineVersion {"stateMachineVersionArn": "@m:0"}
              {}
            > DeleteStateMachineVersion {"stateMachineVersionArn": "@m"}
              ! ValidationException: Not the ARN of a state machine version: '@stateMachine:m'
            > PublishStateMachineVersion {"stateMachineArn": "@m"}
              {"creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:2"}
            > ListStateMachineVersions {"stateMachineArn": "@m"}
              {"stateMachineVersions":[{"stateMachineVersionArn":"@stateMachine:m:2","creationDate":1700000000.0}]}
        "#]],
    );
}

#[test]
fn a_create_again_must_publish_alike() {
    check(
        r#"
        CreateStateMachine {"name": "m", "publish": true, "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        wait 1
        CreateStateMachine {"name": "m", "publish": true, "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachine {"name": "m", "publish": true, "versionDescription": "two", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachine {"name": "m", "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "publish": true, "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > wait 1
            > CreateStateMachine {"name": "m", "publish": true, "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > CreateStateMachine {"name": "m", "publish": true, "versionDescription": "two", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineAlreadyExists: State Machine Already Exists: '@stateMachine:m'
            > CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineAlreadyExists: State Machine Already Exists: '@stateMachine:m'
            > CreateStateMachine {"name": "m", "versionDescription": "one", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! ValidationException: Version description can only be set when publish is true
        "#]],
    );
}

#[test]
fn executions_run_the_version_or_alias_they_were_started_from() {
    check(
        r#"
        CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        UpdateStateMachine {"stateMachineArn": "@m", "publish": true, "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:2", "weight": 100}]}
        StartExecution {"stateMachineArn": "@m:1", "name": "one"}
        wait 1
        StartExecution {"stateMachineArn": "@m:live", "name": "two"}
        wait 1
        StartExecution {"stateMachineArn": "@m", "name": "three"}
        StartExecution {"stateMachineArn": "@m:3", "name": "four"}
        StartExecution {"stateMachineArn": "@m:test", "name": "five"}
        StartExecution {"stateMachineArn": "@m/label", "name": "six"}
        DescribeExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:two"}
        ListExecutions {"stateMachineArn": "@m:1"}
        ListExecutions {"stateMachineArn": "@m:2"}
        ListExecutions {"stateMachineArn": "@m:live"}
        ListExecutions {"stateMachineArn": "@m:test"}
        DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
        show m one
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > UpdateStateMachine {"stateMachineArn": "@m", "publish": true, "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"}
              {"updateDate":1700000000.0,"revisionId":"668fe74b-067a-4188-b77c-ddf7ebe8e60a","stateMachineVersionArn":"@stateMachine:m:2"}
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:2", "weight": 100}]}
              {"stateMachineAliasArn":"@stateMachine:m:live","creationDate":1700000000.0}
            > StartExecution {"stateMachineArn": "@m:1", "name": "one"}
              {"executionArn":"@execution:m:one","startDate":1700000000.0}
            > wait 1
            > StartExecution {"stateMachineArn": "@m:live", "name": "two"}
              {"executionArn":"@execution:m:two","startDate":1700000001.0}
            > wait 1
            > StartExecution {"stateMachineArn": "@m", "name": "three"}
              {"executionArn":"@execution:m:three","startDate":1700000002.0}
            > StartExecution {"stateMachineArn": "@m:3", "name": "four"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m:3'
            > StartExecution {"stateMachineArn": "@m:test", "name": "five"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:m:test'
            > StartExecution {"stateMachineArn": "@m/label", "name": "six"}
              ! ValidationException: This API does not support labeled ARNs: '@stateMachine:m/label'
            > DescribeExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:two"}
              {"executionArn":"@execution:m:two","stateMachineArn":"@stateMachine:m","name":"two","status":"RUNNING","startDate":1700000001.0,"input":"{}","inputDetails":{"included":true},"stateMachineVersionArn":"@stateMachine:m:2","stateMachineAliasArn":"@stateMachine:m:live","redriveCount":0,"redriveStatus":"NOT_REDRIVABLE","redriveStatusReason":"Execution is RUNNING and cannot be redriven"}
            > ListExecutions {"stateMachineArn": "@m:1"}
              {"executions":[{"executionArn":"@execution:m:one","stateMachineArn":"@stateMachine:m","name":"one","status":"SUCCEEDED","startDate":1700000000.0,"stopDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1","redriveCount":0}]}
            > ListExecutions {"stateMachineArn": "@m:2"}
              {"executions":[{"executionArn":"@execution:m:two","stateMachineArn":"@stateMachine:m","name":"two","status":"RUNNING","startDate":1700000001.0,"stateMachineVersionArn":"@stateMachine:m:2","stateMachineAliasArn":"@stateMachine:m:live","redriveCount":0}]}
            > ListExecutions {"stateMachineArn": "@m:live"}
              {"executions":[{"executionArn":"@execution:m:two","stateMachineArn":"@stateMachine:m","name":"two","status":"RUNNING","startDate":1700000001.0,"stateMachineVersionArn":"@stateMachine:m:2","stateMachineAliasArn":"@stateMachine:m:live","redriveCount":0}]}
            > ListExecutions {"stateMachineArn": "@m:test"}
              ! ResourceNotFound: Request references a resource that does not exist.
            > DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
              {}
            > show m one
              SUCCEEDED {}
        "#]],
    );
}

#[test]
fn an_alias_is_checked_as_aws_checks_it() {
    check(
        r#"
        CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachine {"name": "other", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m", "weight": 100}]}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 70}, {"stateMachineVersionArn": "@m:2", "weight": 31}]}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 70}, {"stateMachineVersionArn": "@m:1", "weight": 30}]}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 70}, {"stateMachineVersionArn": "@other:1", "weight": 30}]}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:7", "weight": 100}]}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@nobody:1", "weight": 100}]}
        CreateStateMachineAlias {"name": "12", "routingConfiguration": []}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
        wait 1
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
        CreateStateMachineAlias {"name": "live", "description": "other", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
        UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live"}
        UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live", "routingConfiguration": [{"stateMachineVersionArn": "@other:1", "weight": 100}]}
        UpdateStateMachineAlias {"stateMachineAliasArn": "@m:gone", "description": "x"}
        UpdateStateMachineAlias {"stateMachineAliasArn": "@m:1", "description": "x"}
        UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
        UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live", "description": "new"}
        DescribeStateMachineAlias {"stateMachineAliasArn": "@m:live"}
        DescribeStateMachineAlias {"stateMachineAliasArn": "@m:gone"}
        DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
        DeleteStateMachineAlias {"stateMachineAliasArn": "@m:live"}
        DeleteStateMachineAlias {"stateMachineAliasArn": "@m:live"}
        DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > CreateStateMachine {"name": "other", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:other","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:other:1"}
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m", "weight": 100}]}
              ! ValidationException: Routing configuration must contain state machine version ARNs. Received: [@stateMachine:m]
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 70}, {"stateMachineVersionArn": "@m:2", "weight": 31}]}
              ! ValidationException: Sum of routing configuration weights must equal 100. Received: [70, 31]
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 70}, {"stateMachineVersionArn": "@m:1", "weight": 30}]}
              ! ValidationException: Routing configuration must contain distinct state machine version ARNs. Received: [@stateMachine:m:1, @stateMachine:m:1]
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 70}, {"stateMachineVersionArn": "@other:1", "weight": 30}]}
              ! ValidationException: Routing configuration must contain versions of one state machine. Received: [@stateMachine:m:1, @stateMachine:other:1]
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:7", "weight": 100}]}
              ! ResourceNotFound: Request references a resource that does not exist.
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@nobody:1", "weight": 100}]}
              ! ResourceNotFound: Request references a resource that does not exist.
            > CreateStateMachineAlias {"name": "12", "routingConfiguration": []}
              ! ValidationException: 2 validation errors detected: Value '12' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$; Value '[]' at 'routingConfiguration' failed to satisfy constraint: Member must have length greater than or equal to 1
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
              {"stateMachineAliasArn":"@stateMachine:m:live","creationDate":1700000000.0}
            > wait 1
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
              {"stateMachineAliasArn":"@stateMachine:m:live","creationDate":1700000000.0}
            > CreateStateMachineAlias {"name": "live", "description": "other", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
              ! ConflictException: Failed to create alias because an alias with the same name and a different routing configuration already exists.
            > UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live"}
              ! ValidationException: Either the description or the routing configuration must be specified
            > UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live", "routingConfiguration": [{"stateMachineVersionArn": "@other:1", "weight": 100}]}
              ! ValidationException: Routing configuration must contain versions of one state machine. Received: [@stateMachine:other:1]
            > UpdateStateMachineAlias {"stateMachineAliasArn": "@m:gone", "description": "x"}
              ! ResourceNotFound: Request references a resource that does not exist.
            > UpdateStateMachineAlias {"stateMachineAliasArn": "@m:1", "description": "x"}
              ! ValidationException: Not the ARN of a state machine alias: '@stateMachine:m:1'
            > UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
              {"updateDate":1700000000.0}
            > UpdateStateMachineAlias {"stateMachineAliasArn": "@m:live", "description": "new"}
              {"updateDate":1700000001.0}
            > DescribeStateMachineAlias {"stateMachineAliasArn": "@m:live"}
              {"stateMachineAliasArn":"@stateMachine:m:live","name":"live","description":"new","routingConfiguration":[{"stateMachineVersionArn":"@stateMachine:m:1","weight":100}],"creationDate":1700000000.0,"updateDate":1700000001.0}
            > DescribeStateMachineAlias {"stateMachineAliasArn": "@m:gone"}
              ! ResourceNotFound: Request references a resource that does not exist.
            > DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
              ! ConflictException: Version to be deleted must not be referenced by an alias. Current list of aliases referencing this version: [live]
            > DeleteStateMachineAlias {"stateMachineAliasArn": "@m:live"}
              {}
            > DeleteStateMachineAlias {"stateMachineAliasArn": "@m:live"}
              {}
            > DeleteStateMachineVersion {"stateMachineVersionArn": "@m:1"}
              {}
        "#]],
    );
}

#[test]
fn aliases_are_listed_as_they_were_created() {
    check(
        r#"
        CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        UpdateStateMachine {"stateMachineArn": "@m", "publish": true, "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"}
        CreateStateMachineAlias {"name": "z", "routingConfiguration": [{"stateMachineVersionArn": "@m:2", "weight": 100}]}
        CreateStateMachineAlias {"name": "a", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 50}, {"stateMachineVersionArn": "@m:2", "weight": 50}]}
        CreateStateMachineAlias {"name": "m", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
        ListStateMachineAliases {"stateMachineArn": "@m"}
        ListStateMachineAliases {"stateMachineArn": "@m:1"}
        ListStateMachineAliases {"stateMachineArn": "@m:9"}
        ListStateMachineAliases {"stateMachineArn": "@nobody"}
        ListStateMachineAliases {"stateMachineArn": "@m", "nextToken": "made-up"}
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > UpdateStateMachine {"stateMachineArn": "@m", "publish": true, "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"}
              {"updateDate":1700000000.0,"revisionId":"668fe74b-067a-4188-b77c-ddf7ebe8e60a","stateMachineVersionArn":"@stateMachine:m:2"}
            > CreateStateMachineAlias {"name": "z", "routingConfiguration": [{"stateMachineVersionArn": "@m:2", "weight": 100}]}
              {"stateMachineAliasArn":"@stateMachine:m:z","creationDate":1700000000.0}
            > CreateStateMachineAlias {"name": "a", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 50}, {"stateMachineVersionArn": "@m:2", "weight": 50}]}
              {"stateMachineAliasArn":"@stateMachine:m:a","creationDate":1700000000.0}
            > CreateStateMachineAlias {"name": "m", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
              {"stateMachineAliasArn":"@stateMachine:m:m","creationDate":1700000000.0}
            > ListStateMachineAliases {"stateMachineArn": "@m"}
              {"stateMachineAliases":[{"stateMachineAliasArn":"@stateMachine:m:z","creationDate":1700000000.0},{"stateMachineAliasArn":"@stateMachine:m:a","creationDate":1700000000.0},{"stateMachineAliasArn":"@stateMachine:m:m","creationDate":1700000000.0}]}
            > ListStateMachineAliases {"stateMachineArn": "@m:1"}
              {"stateMachineAliases":[{"stateMachineAliasArn":"@stateMachine:m:a","creationDate":1700000000.0},{"stateMachineAliasArn":"@stateMachine:m:m","creationDate":1700000000.0}]}
            > ListStateMachineAliases {"stateMachineArn": "@m:9"}
              ! ResourceNotFound: Request references a resource that does not exist.
            > ListStateMachineAliases {"stateMachineArn": "@nobody"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:nobody'
            > ListStateMachineAliases {"stateMachineArn": "@m", "nextToken": "made-up"}
              ! InvalidToken: Invalid Token: 'Invalid token'
        "#]],
    );
}

#[test]
fn a_deleted_machine_takes_its_versions_and_the_names_of_its_executions_along() {
    check(
        r#"
        CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
        StartExecution {"stateMachineArn": "@m:live", "name": "x"}
        UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"}
        StartExecution {"stateMachineArn": "@m", "name": "y"}
        DeleteStateMachine {"stateMachineArn": "@m:1"}
        DeleteStateMachine {"stateMachineArn": "@m"}
        PublishStateMachineVersion {"stateMachineArn": "@m"}
        ListStateMachineVersions {"stateMachineArn": "@m"}
        DescribeStateMachineAlias {"stateMachineAliasArn": "@m:live"}
        CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        wait 60
        rows
        CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
        ListExecutions {"stateMachineArn": "@m"}
        wait 1
        StartExecution {"stateMachineArn": "@m", "name": "x"}
        ListExecutions {"stateMachineArn": "@m"}
        "#,
        expect![[r#"
            > CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > CreateStateMachineAlias {"name": "live", "routingConfiguration": [{"stateMachineVersionArn": "@m:1", "weight": 100}]}
              {"stateMachineAliasArn":"@stateMachine:m:live","creationDate":1700000000.0}
            > StartExecution {"stateMachineArn": "@m:live", "name": "x"}
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
            > UpdateStateMachine {"stateMachineArn": "@m", "definition": "{\"StartAt\":\"B\",\"States\":{\"B\":{\"Type\":\"Wait\",\"Seconds\":60,\"End\":true}}}"}
              {"updateDate":1700000000.0,"revisionId":"8be943d4-0b7c-4b8e-86d2-4df8595e6b74"}
            > StartExecution {"stateMachineArn": "@m", "name": "y"}
              {"executionArn":"@execution:m:y","startDate":1700000000.0}
            > DeleteStateMachine {"stateMachineArn": "@m:1"}
              ! ValidationException: DeleteStateMachine deletes no version and no alias: '@stateMachine:m:1'
            > DeleteStateMachine {"stateMachineArn": "@m"}
              {}
            > PublishStateMachineVersion {"stateMachineArn": "@m"}
              ! StateMachineDeleting: State machine is being deleted: '@stateMachine:m'
            > ListStateMachineVersions {"stateMachineArn": "@m"}
              {"stateMachineVersions":[]}
            > DescribeStateMachineAlias {"stateMachineAliasArn": "@m:live"}
              ! ResourceNotFound: Request references a resource that does not exist.
            > CreateStateMachine {"name": "m", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              ! StateMachineDeleting: State machine is being deleted: '@stateMachine:m'
            > wait 60
            > rows
              {1: 1, 3: 2, 4: 2, 6: 3, 7: 2, 8: 2, 16: 1}
            > CreateStateMachine {"name": "m", "publish": true, "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}", "roleArn": "arn:aws:iam::123456789012:role/r"}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000060.0,"stateMachineVersionArn":"@stateMachine:m:1"}
            > ListExecutions {"stateMachineArn": "@m"}
              {"executions":[]}
            > wait 1
            > StartExecution {"stateMachineArn": "@m", "name": "x"}
              {"executionArn":"@execution:m:x","startDate":1700000061.0}
            > ListExecutions {"stateMachineArn": "@m"}
              {"executions":[{"executionArn":"@execution:m:x","stateMachineArn":"@stateMachine:m","name":"x","status":"SUCCEEDED","startDate":1700000061.0,"stopDate":1700000061.0,"redriveCount":0}]}
        "#]],
    );
}

#[test]
fn an_alias_routes_by_its_weights() {
    let mut world = World::new();
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    world.create("m", "STANDARD", definition);
    let arn = machine_arn("m");
    ok(
        &mut world,
        "PublishStateMachineVersion",
        &json!({ "stateMachineArn": arn }),
    );
    let change = json!({ "stateMachineArn": arn, "roleArn": "arn:aws:iam::123456789012:role/other", "publish": true });
    ok(&mut world, "UpdateStateMachine", &change);
    let routing = json!([
        { "stateMachineVersionArn": format!("{arn}:1"), "weight": 80 },
        { "stateMachineVersionArn": format!("{arn}:2"), "weight": 20 },
    ]);
    let alias = json!({ "name": "live", "routingConfiguration": routing });
    ok(&mut world, "CreateStateMachineAlias", &alias);
    for _ in 0..500 {
        let start = json!({ "stateMachineArn": format!("{arn}:live") });
        ok(&mut world, "StartExecution", &start);
    }
    let mut started = |version: u32| {
        let list = json!({ "stateMachineArn": format!("{arn}:{version}"), "maxResults": 1000 });
        ok(&mut world, "ListExecutions", &list)["executions"]
            .as_array()
            .map_or(0, Vec::len)
    };
    let (first, second) = (started(1), started(2));
    assert_eq!(first + second, 500);
    assert!(
        (350..450).contains(&first),
        "{first} of 500 at a weight of 80"
    );
}

#[test]
fn a_token_goes_on_for_a_day_and_only_in_its_own_list() {
    let mut world = World::new();
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    world.create("m", "STANDARD", definition);
    world.create("n", "STANDARD", definition);
    for name in ["a", "b", "c"] {
        world.start("m", name, "{}");
        world.wait_ms(1);
    }
    let mut list = json!({ "stateMachineArn": machine_arn("m"), "maxResults": 2 });
    list["nextToken"] = ok(&mut world, "ListExecutions", &list)["nextToken"].clone();
    let foreign = json!({ "stateMachineArn": machine_arn("n"), "nextToken": list["nextToken"] });
    let refusal = "! InvalidToken: Invalid Token: 'Invalid token'";
    assert_eq!(world.ask("ListExecutions", &foreign.to_string()), refusal);
    world.wait_ms(24 * 60 * 60 * 1_000 - 10);
    let rest = ok(&mut world, "ListExecutions", &list);
    assert_eq!(rest["executions"].as_array().map(Vec::len), Some(1));
    assert_eq!(rest["nextToken"], Value::Null);
    world.wait_ms(20);
    assert_eq!(world.ask("ListExecutions", &list.to_string()), refusal);
}

#[test]
fn the_executions_of_a_deleted_machine_leave_no_empty_pages() {
    let mut world = World::new();
    let definition = r#"{"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}"#;
    world.create("m", "STANDARD", definition);
    for number in 0..300 {
        world.start("m", &number.to_string(), "{}");
    }
    let machine = json!({ "stateMachineArn": machine_arn("m") });
    ok(&mut world, "DeleteStateMachine", &machine);
    world.create("m", "STANDARD", definition);
    world.start("m", "7", "{}");
    let list = json!({ "stateMachineArn": machine_arn("m"), "maxResults": 5 });
    let page = ok(&mut world, "ListExecutions", &list);
    assert_eq!(page["executions"].as_array().map(Vec::len), Some(1));
    assert_eq!(page["nextToken"], Value::Null);
}

fn ok(world: &mut World, operation: &str, body: &Value) -> Value {
    let answer = world.ask(operation, &body.to_string());
    serde_json::from_str(&answer).unwrap_or_else(|_| panic!("{operation}: {answer}"))
}
