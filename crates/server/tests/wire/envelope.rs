//! What is around an answer: status, headers, the type of an error, the form of values.

use serde_json::{Value, json};

use crate::client::{Answer, Client, World};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;

/// The type of an error with its namespace, and its message.
fn error(answer: &Answer) -> (String, String) {
    let body: Value = serde_json::from_str(&answer.body).expect("an error is JSON");
    let text = |name: &str| body[name].as_str().expect("both are texts").to_owned();
    (text("__type"), text("message"))
}

fn call(client: &mut Client, operation: &str, body: &str) -> Answer {
    client.call(&format!("AWSStepFunctions.{operation}"), body)
}

#[test]
fn an_error_has_the_namespace_of_who_found_it() {
    let world = World::start();
    let mut client = world.client();
    let arn = "arn:aws:states:us-east-1:123456789012:stateMachine:none";
    for (operation, body, namespace, message) in [
        (
            "DescribeStateMachine",
            json!({ "stateMachineArn": arn }),
            "com.amazonaws.swf.service.v2.model#StateMachineDoesNotExist",
            format!("State Machine Does Not Exist: '{arn}'"),
        ),
        (
            "ListStateMachines",
            json!({ "maxResults": 1001 }),
            "com.amazon.coral.validate#ValidationException",
            "1 validation error detected: Value '1001' at 'maxResults' failed to satisfy constraint: Member must have \
             value less than or equal to 1000"
                .to_owned(),
        ),
        (
            "ListStateMachines",
            json!({ "maxResults": "many" }),
            "com.amazon.coral.service#SerializationException",
            "STRING_VALUE can not be converted to an Integer".to_owned(),
        ),
        (
            "StartExecution",
            json!({ "stateMachineArn": arn, "input": { "not": "a text" } }),
            "com.amazon.coral.service#SerializationException",
            "Start of structure or map found where not expected.".to_owned(),
        ),
    ] {
        let answer = call(&mut client, operation, &body.to_string());
        assert_eq!(answer.status, 400, "{}", answer.body);
        assert_eq!(answer.header("content-type"), Some("application/x-amz-json-1.0"));
        assert_eq!(error(&answer), (namespace.to_owned(), message));
    }
    let unknown = "com.amazon.coral.service#UnknownOperationException";
    for target in [
        "AWSStepFunctions.Frobnicate",
        "AWSStepFunctions.",
        "AWSStepFunctions",
        "StartExecution",
        "",
    ] {
        let answer = client.call(target, "{}");
        assert_eq!(
            (answer.status, error(&answer).0.as_str()),
            (400, unknown),
            "{target}"
        );
    }
    let answer = client.send(
        "POST /",
        &[("content-type", "application/x-amz-json-1.0")],
        "{}",
    );
    assert_eq!(
        (answer.status, error(&answer).0.as_str()),
        (400, unknown),
        "no target at all"
    );
}

#[test]
fn a_body_that_is_no_object_is_refused_and_none_is_an_empty_one() {
    let world = World::start();
    let mut client = world.client();
    for body in [
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"maxResults\":}",
        "{} {}",
        "{\"nextToken\":\"\\ud800\"}",
        "\u{feff}{}",
    ] {
        let answer = call(&mut client, "ListStateMachines", body);
        let namespace = "com.amazon.coral.service#SerializationException";
        assert_eq!(
            (answer.status, error(&answer).0.as_str()),
            (400, namespace),
            "{body}"
        );
    }
    let answer = call(&mut client, "ListStateMachines", "");
    assert_eq!(
        (answer.status, answer.body.as_str()),
        (200, r#"{"stateMachines":[]}"#)
    );
    let answer = call(&mut client, "DescribeStateMachine", "");
    let message = "1 validation error detected: Value null at 'stateMachineArn' failed to satisfy constraint: Member \
                   must not be null";
    assert_eq!(error(&answer).1, message);
    // A null counts as absent, and what the model does not know is passed over.
    let answer = call(
        &mut client,
        "ListStateMachines",
        r#"{"maxResults":null,"unknown":{"a":[]}}"#,
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
}

#[test]
fn every_answer_has_an_id_of_its_own() {
    let world = World::start();
    let mut client = world.client();
    let mut ids = Vec::new();
    for (line, target) in [
        ("POST /", "AWSStepFunctions.ListStateMachines"),
        ("POST /", "AWSStepFunctions.Frobnicate"),
        ("POST /", "Nobody.Frobnicate"),
        ("GET /2015-03-31/functions", ""),
        ("GET /2015-03-31/functions/none", ""),
        ("GET /nowhere", ""),
    ] {
        let answer = client.send(line, &[("x-amz-target", target)], "");
        let id = answer
            .header("x-amzn-requestid")
            .expect("an answer has an id");
        assert!(id.len() == 36 && id.matches('-').count() == 4, "{id}");
        ids.push(id.to_owned());
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 6);
}

#[test]
fn the_content_type_of_a_request_does_not_matter() {
    let world = World::start();
    let mut client = world.client();
    for content_type in [
        "application/x-amz-json-1.1",
        "application/json",
        "text/plain; charset=utf-8",
    ] {
        let headers = [
            ("x-amz-target", "AWSStepFunctions.ListStateMachines"),
            ("content-type", content_type),
        ];
        let answer = client.send("POST /", &headers, "{}");
        assert_eq!(answer.status, 200, "{content_type}: {}", answer.body);
        assert_eq!(
            answer.header("content-type"),
            Some("application/x-amz-json-1.0")
        );
    }
}

#[test]
fn times_are_seconds_with_milliseconds_and_what_is_absent_is_left_out() {
    let world = World::start();
    let mut client = world.client();
    let arn = client.create("m", "STANDARD", PASS);
    let started = client.call_json("StartExecution", &json!({ "stateMachineArn": arn }));
    let described = client.call_json(
        "DescribeExecution",
        &json!({ "executionArn": started["executionArn"] }),
    );
    let history = client.call_json(
        "GetExecutionHistory",
        &json!({ "executionArn": started["executionArn"] }),
    );
    let machine = client.call_json("DescribeStateMachine", &json!({ "stateMachineArn": arn }));
    for (answer, time) in [
        (&started, &started["startDate"]),
        (&described, &described["startDate"]),
        (&history, &history["events"][0]["timestamp"]),
        (&machine, &machine["creationDate"]),
    ] {
        let seconds = time.as_f64().expect("a time is a number");
        assert!(
            seconds > 1.7e9 && seconds < 1e11,
            "{time}: seconds since 1970"
        );
        let milliseconds = seconds * 1_000.0;
        assert!(
            (milliseconds - milliseconds.round()).abs() < 1e-3,
            "{time}: no finer than milliseconds"
        );
        assert!(!answer.to_string().contains("null"), "{answer}");
    }
    for absent in [
        "error",
        "cause",
        "traceHeader",
        "mapRunArn",
        "stateMachineVersionArn",
    ] {
        assert!(described.get(absent).is_none(), "{absent}");
    }
}

#[test]
fn the_prefix_that_sdks_put_before_the_host_is_accepted() {
    let world = World::start();
    let mut client = world.client();
    let arn = client.create("x", "EXPRESS", PASS);
    let body = json!({ "stateMachineArn": arn, "input": "[1]" }).to_string();
    for host in [
        "sync-localhost",
        "sync-127.0.0.1:8333",
        "sync-states.us-east-1.localhost:8333",
    ] {
        client.write(&format!(
            "POST / HTTP/1.1\r\nhost: {host}\r\nx-amz-target: AWSStepFunctions.StartSyncExecution\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        ));
        let answer = client.read();
        let ended: Value = serde_json::from_str(&answer.body).expect("an answer is JSON");
        assert_eq!(
            (answer.status, &ended["output"]),
            (200, &json!("[1]")),
            "{host}: {}",
            answer.body
        );
    }
}

#[test]
fn lambda_carries_the_type_of_an_error_in_a_header() {
    let world = World::start();
    let mut client = world.client();
    for (line, body, status, kind) in [
        (
            "GET /2015-03-31/functions/none",
            "",
            404,
            "ResourceNotFoundException",
        ),
        (
            "POST /2015-03-31/functions",
            "{",
            400,
            "SerializationException",
        ),
        (
            "POST /2015-03-31/functions",
            "{\"FunctionName\": 1}",
            400,
            "SerializationException",
        ),
        (
            "POST /2015-03-31/functions",
            "{}",
            400,
            "ValidationException",
        ),
        (
            "GET /2015-03-31/functions?MaxItems=0",
            "",
            400,
            "ValidationException",
        ),
        (
            "GET /2015-03-31/elsewhere",
            "",
            404,
            "UnknownOperationException",
        ),
    ] {
        let answer = client.send(line, &[("content-type", "application/json")], body);
        assert_eq!(
            (answer.status, answer.header("x-amzn-errortype")),
            (status, Some(kind)),
            "{line} {body}: {}",
            answer.body
        );
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert!(answer.body.contains("essage\":\""), "{}", answer.body);
    }
}
