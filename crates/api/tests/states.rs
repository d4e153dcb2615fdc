//! AWS JSON 1.0 through the public face: requests as bytes in, replies as text out.
#![expect(clippy::unwrap_used, reason = "tests")]

use stepwell_api::states::{
    self, CreateActivityInput, CreateStateMachineAliasInput, CreateStateMachineInput,
    DescribeExecutionOutput, Error, ErrorCode, HistoryEvent, ListExecutionsInput, Operation,
    StartExecutionInput, StateEnteredEventDetails, TagResourceInput, UntagResourceInput,
    UpdateMapRunInput,
};
use stepwell_api::{EpochSeconds, Input};

fn refused<T: Input>(body: &str) -> String {
    match states::decode::<T>(body.as_bytes()) {
        Ok(_) => panic!("{body} must be refused"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn every_operation_is_found_by_its_target() {
    assert_eq!(Operation::ALL.len(), 37);
    for operation in Operation::ALL {
        let target = format!("AWSStepFunctions.{}", operation.name());
        assert_eq!(states::operation(Some(&target)).unwrap(), operation);
    }
    assert_eq!(Operation::StartSyncExecution.host_prefix(), Some("sync-"));
    assert_eq!(Operation::StartExecution.host_prefix(), None);
}

#[test]
fn a_wrong_target_is_named() {
    for target in [
        None,
        Some(""),
        Some("AWSStepFunctions.Start"),
        Some("StartExecution"),
    ] {
        let error = states::operation(target).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnknownOperationException);
        assert!(
            error.message.contains(target.unwrap_or("missing")),
            "{error}"
        );
    }
}

#[test]
fn a_good_request_is_decoded_and_unknown_members_are_ignored() {
    let body = br#"{"stateMachineArn":"arn","input":"{}","name":null,"someday":{"x":[1]}}"#;
    let input = states::decode::<StartExecutionInput>(body).unwrap();
    assert_eq!(input.state_machine_arn, "arn");
    assert_eq!(input.input.as_deref(), Some("{}"));
    assert_eq!((input.name, input.trace_header), (None, None));
}

#[test]
fn an_empty_body_reads_as_an_empty_object() {
    assert!(states::decode::<ListExecutionsInput>(b"").is_ok());
}

#[test]
fn a_body_that_is_no_object_is_a_serialization_error() {
    for body in [
        "{",
        "[]",
        "null",
        "1",
        "{\"a\":}",
        "\"x\"",
        "{\"a\":\"\\ud800\"}",
    ] {
        let text = refused::<ListExecutionsInput>(body);
        assert!(
            text.starts_with("SerializationException: the body"),
            "{body}: {text}"
        );
    }
}

#[test]
fn a_value_of_another_json_type_is_a_serialization_error_naming_both_types() {
    let start = refused::<StartExecutionInput>;
    let list = refused::<ListExecutionsInput>;
    let tag = refused::<TagResourceInput>;
    for (text, expected) in [
        (
            start(r#"{"stateMachineArn":1}"#),
            "NUMBER_VALUE can not be converted to a String",
        ),
        (
            start(r#"{"name":true}"#),
            "TRUE_VALUE can not be converted to a String",
        ),
        (
            start(r#"{"input":{"a":1}}"#),
            "Start of structure or map found where not expected.",
        ),
        (
            tag(r#"{"tags":[{"key":["k"]}]}"#),
            "Start of list found where not expected",
        ),
        (tag(r#"{"tags":{"k":"v"}}"#), "Expected list or null"),
        (tag(r#"{"tags":["k"]}"#), "Expected map or null"),
        (
            list(r#"{"maxResults":"1"}"#),
            "STRING_VALUE can not be converted to an Integer",
        ),
        (
            list(r#"{"maxResults":99999999999999999999}"#),
            "NUMBER_VALUE can not be converted to an Integer",
        ),
    ] {
        assert_eq!(text, format!("SerializationException: {expected}"));
    }
}

// The wording of the next tests is AWS's own, from recorded answers.

#[test]
fn a_number_out_of_range_is_a_violation() {
    assert_eq!(
        refused::<ListExecutionsInput>(r#"{"maxResults":1001}"#),
        "ValidationException: 1 validation error detected: Value '1001' at 'maxResults' failed to \
         satisfy constraint: Member must have value less than or equal to 1000"
    );
    assert!(
        refused::<ListExecutionsInput>(r#"{"maxResults":-1}"#)
            .ends_with("Member must have value greater than or equal to 0")
    );
    assert!(
        refused::<UpdateMapRunInput>(r#"{"mapRunArn":"a","toleratedFailurePercentage":100.5}"#)
            .contains("'100.5' at 'toleratedFailurePercentage' failed")
    );
}

#[test]
fn a_text_of_the_wrong_length_is_a_violation() {
    let token = "x".repeat(3097);
    assert_eq!(
        refused::<ListExecutionsInput>(&format!(r#"{{"nextToken":"{token}"}}"#)),
        format!(
            "ValidationException: 1 validation error detected: Value '{token}' at 'nextToken' \
             failed to satisfy constraint: Member must have length less than or equal to 3096"
        )
    );
    let name = "A".repeat(81);
    assert_eq!(
        refused::<CreateStateMachineAliasInput>(&format!(
            r#"{{"name":"{name}","routingConfiguration":[{{"stateMachineVersionArn":"a","weight":1}}]}}"#
        )),
        format!(
            "ValidationException: 1 validation error detected: Value '{name}' at 'name' failed to \
             satisfy constraint: Member must have length less than or equal to 80"
        )
    );
}

#[test]
fn lengths_count_characters_and_payloads_count_bytes() {
    let name = "ß".repeat(80);
    assert!(
        states::decode::<CreateActivityInput>(format!(r#"{{"name":"{name}"}}"#).as_bytes()).is_ok()
    );
    assert!(refused::<CreateActivityInput>(&format!(r#"{{"name":"{name}ß"}}"#)).contains("80"));
    let start = |letters: usize| {
        let body = format!(
            r#"{{"stateMachineArn":"a","input":"{}"}}"#,
            "ß".repeat(letters)
        );
        states::decode::<StartExecutionInput>(body.as_bytes())
    };
    assert!(start(131_072).is_ok());
    assert_eq!(
        start(131_073).unwrap_err().message,
        "1 validation error detected: Value at 'input' failed to satisfy constraint: Member must \
         have size less than or equal to 262144 bytes in UTF-8 encoding"
    );
}

#[test]
fn a_text_outside_its_set_is_a_violation() {
    assert_eq!(
        refused::<ListExecutionsInput>(r#"{"statusFilter":"succeeded"}"#),
        "ValidationException: 1 validation error detected: Value 'succeeded' at 'statusFilter' \
         failed to satisfy constraint: Member must satisfy enum value set: [SUCCEEDED, TIMED_OUT, \
         PENDING_REDRIVE, ABORTED, FAILED, RUNNING]"
    );
}

#[test]
fn a_text_outside_its_pattern_is_a_violation() {
    for name in ["123", "!INVALID", "ALIAS@", "INVALID ALIAS"] {
        assert_eq!(
            refused::<CreateStateMachineAliasInput>(&format!(
                r#"{{"name":"{name}","routingConfiguration":[{{"stateMachineVersionArn":"a","weight":1}}]}}"#
            )),
            format!(
                "ValidationException: 1 validation error detected: Value '{name}' at 'name' failed \
                 to satisfy constraint: Member must satisfy regular expression pattern: \
                 ^(?=.*[a-zA-Z_\\-\\.])[a-zA-Z0-9_\\-\\.]+$"
            )
        );
    }
}

#[test]
fn violations_are_counted_and_joined() {
    assert_eq!(
        refused::<CreateStateMachineInput>(r#"{"definition":"","type":"standard"}"#),
        "ValidationException: 4 validation errors detected: Value null at 'name' failed to satisfy \
         constraint: Member must not be null; Value at 'definition' failed to satisfy constraint: \
         Member must have length greater than or equal to 1; Value null at 'roleArn' failed to \
         satisfy constraint: Member must not be null; Value 'standard' at 'type' failed to satisfy \
         constraint: Member must satisfy enum value set: [STANDARD, EXPRESS]"
    );
}

#[test]
fn the_number_of_reported_violations_is_bounded() {
    let tags = vec![r#"{"key":""}"#; 5_000].join(",");
    let text = refused::<TagResourceInput>(&format!(r#"{{"resourceArn":"a","tags":[{tags}]}}"#));
    assert!(text.contains("5000 validation errors detected"));
    assert_eq!(text.matches("failed to satisfy").count(), 100);
}

#[test]
fn elements_are_named_by_position() {
    assert_eq!(
        refused::<TagResourceInput>(r#"{"resourceArn":"a","tags":[{"key":"k"},{"key":""},null]}"#),
        "ValidationException: 2 validation errors detected: Value '' at 'tags.2.member.key' failed \
         to satisfy constraint: Member must have length greater than or equal to 1; Value null at \
         'tags.3.member' failed to satisfy constraint: Member must not be null"
    );
    assert_eq!(
        refused::<UntagResourceInput>(r#"{"resourceArn":"a","tagKeys":["k",""]}"#),
        "ValidationException: 1 validation error detected: Value '[k, ]' at 'tagKeys' failed to \
         satisfy constraint: Member must satisfy constraint: [Member must have length less than or \
         equal to 128, Member must have length greater than or equal to 1, Member must not be null]"
    );
}

#[test]
fn a_reply_leaves_absent_members_out() {
    let output = DescribeExecutionOutput {
        execution_arn: "arn".to_owned(),
        state_machine_arn: "machine".to_owned(),
        status: states::execution_status::RUNNING.to_owned(),
        start_date: EpochSeconds::from_ms(1_700_000_000_120),
        redrive_count: Some(0),
        ..DescribeExecutionOutput::default()
    };
    let reply = states::reply("request-1", &output);
    assert_eq!(reply.status, 200);
    assert_eq!(
        reply.header("content-type"),
        Some("application/x-amz-json-1.0")
    );
    assert_eq!(reply.header("x-amzn-requestid"), Some("request-1"));
    assert_eq!(
        String::from_utf8(reply.body).unwrap(),
        r#"{"executionArn":"arn","stateMachineArn":"machine","status":"RUNNING","startDate":1700000000.12,"redriveCount":0}"#
    );
}

#[test]
fn a_history_event_reads_back() {
    let event = HistoryEvent {
        timestamp: EpochSeconds::from_ms(1_700_000_000_000),
        r#type: states::history_event_type::PASS_STATE_ENTERED.to_owned(),
        id: 2,
        previous_event_id: Some(0),
        state_entered_event_details: Some(StateEnteredEventDetails {
            name: "First".to_owned(),
            input: Some("{}".to_owned()),
            input_details: None,
        }),
        ..HistoryEvent::default()
    };
    let text = serde_json::to_string(&event).unwrap();
    assert_eq!(
        text,
        r#"{"timestamp":1700000000.0,"type":"PassStateEntered","id":2,"previousEventId":0,"stateEnteredEventDetails":{"name":"First","input":"{}"}}"#
    );
    assert_eq!(serde_json::from_str::<HistoryEvent>(&text).unwrap(), event);
}

#[test]
fn an_error_names_its_namespace_and_carries_its_members() {
    let text = |error: Error| {
        let reply = error.reply("r");
        assert_eq!(
            reply.header("content-type"),
            Some("application/x-amz-json-1.0")
        );
        (reply.status, String::from_utf8(reply.body).unwrap())
    };
    assert_eq!(
        text(Error::execution_does_not_exist("arn")),
        (
            400,
            r#"{"__type":"com.amazonaws.swf.service.v2.model#ExecutionDoesNotExist","message":"Execution Does Not Exist: 'arn'"}"#.to_owned()
        )
    );
    assert_eq!(
        text(Error::constraint_violation("1 validation error detected: x")),
        (
            400,
            r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"1 validation error detected: x"}"#.to_owned()
        )
    );
    let reason = states::validation_exception_reason::MISSING_REQUIRED_PARAMETER;
    assert_eq!(
        text(Error::validation_exception("m").with_reason(reason)),
        (
            400,
            r#"{"__type":"com.amazonaws.swf.service.v2.model#ValidationException","message":"m","reason":"MISSING_REQUIRED_PARAMETER"}"#.to_owned()
        )
    );
    let (status, body) = text(Error::not_implemented(
        "the operation TestState is not built yet",
    ));
    assert_eq!(status, 501);
    assert!(body.contains("#NotImplemented") && body.contains("TestState"));
}
