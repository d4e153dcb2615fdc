//! A whole server over real HTTP, spoken by hand.

mod client;
mod console;
mod envelope;
mod life;

use std::io::Write as _;

use client::{Client, World};
use serde_json::json;

#[test]
fn health_and_identity_are_answered_before_anything_else() {
    let world = World::start();
    let mut client = world.client();
    let health = client.send("GET /health", &[], "");
    assert_eq!(health.status, 200);
    assert!(
        health.body.starts_with(r#"{"status":"ok","#),
        "{}",
        health.body
    );
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let identity = client.send(
        "POST /",
        &form,
        "Action=GetCallerIdentity&Version=2011-06-15",
    );
    assert_eq!(identity.status, 200);
    assert_eq!(identity.header("content-type"), Some("text/xml"));
    assert!(
        identity.body.contains("<Account>123456789012</Account>"),
        "{}",
        identity.body
    );
}

#[test]
fn bad_input_gets_a_clear_answer_and_the_connection_goes_on() {
    let world = World::start();
    let mut client = world.client();
    for (target, body, status, name, says) in [
        (
            "AWSStepFunctions.ListStateMachines",
            "{\"maxResults\": ",
            400,
            "SerializationException",
            "",
        ),
        (
            "AWSStepFunctions.ListStateMachines",
            "[]",
            400,
            "SerializationException",
            "",
        ),
        (
            "AWSStepFunctions.ListStateMachines",
            r#"{"maxResults": 1001}"#,
            400,
            "ValidationException",
            "maxResults",
        ),
        (
            "AWSStepFunctions.Frobnicate",
            "{}",
            400,
            "UnknownOperationException",
            "",
        ),
        ("Nonsense", "{}", 400, "UnknownOperationException", ""),
        (
            "DynamoDB_20120810.PutItem",
            "{}",
            400,
            "NotImplemented",
            "does not serve dynamodb (PutItem)",
        ),
        (
            "Logs_20140328.CreateExportTask",
            "{}",
            501,
            "NotImplemented",
            "CloudWatch Logs CreateExportTask",
        ),
    ] {
        let answer = client.call(target, body);
        assert_eq!(answer.status, status, "{target} {body}: {}", answer.body);
        let error: serde_json::Value =
            serde_json::from_str(&answer.body).expect("an error is JSON");
        let kind = error["__type"]
            .as_str()
            .and_then(|kind| kind.rsplit('#').next())
            .expect("an error has a type");
        assert_eq!(kind, name, "{target}: {}", answer.body);
        assert!(answer.body.contains(says), "{target}: {}", answer.body);
        assert!(
            answer
                .header("x-amzn-requestid")
                .is_some_and(|id| id.len() == 36)
        );
    }
    let nameless = client.send("POST /", &[], "Action=AssumeRole");
    assert_eq!(nameless.status, 501);
    assert!(nameless.body.contains("AssumeRole"), "{}", nameless.body);
    let listed = client.call("AWSStepFunctions.ListStateMachines", "{}");
    assert_eq!(
        (listed.status, listed.body.as_str()),
        (200, r#"{"stateMachines":[]}"#)
    );
    assert_eq!(client.connections, 1, "all of it over one connection");
}

#[test]
fn a_body_over_the_limit_is_refused_whether_its_length_is_announced_or_not() {
    let world = World::start();
    let over = (8 << 20) + 1;
    let mut announced = world.client();
    announced.write(&format!("POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AWSStepFunctions.ListStateMachines\r\ncontent-length: {over}\r\n\r\n"));
    let answer = announced.read();
    assert_eq!(answer.status, 413);
    assert!(answer.body.contains("8388608 bytes"), "{}", answer.body);

    let mut chunked = world.client();
    chunked.write("POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: AWSStepFunctions.ListStateMachines\r\ntransfer-encoding: chunked\r\n\r\n");
    chunked.write(&format!("{over:x}\r\n{}", "x".repeat(over)));
    assert_eq!(chunked.read().status, 413);
    assert_eq!(world.client().send("GET /health", &[], "").status, 200);
}

#[test]
fn what_is_not_http_ends_its_connection_only() {
    let world = World::start();
    let mut stream = std::net::TcpStream::connect(world.address()).expect("the server listens");
    stream
        .write_all(b"\x16\x03\x01 this is no request\r\n\r\n")
        .expect("the server reads");
    let mut answer = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut answer).expect("the server closes the connection");
    assert_eq!(world.client().send("GET /health", &[], "").status, 200);
}

#[test]
fn an_execution_runs_and_every_acknowledged_write_is_read_at_once() {
    let world = World::start();
    let mut client = world.client();
    let arn = client.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"P","States":{"P":{"Type":"Pass","Result":7,"End":true}}}"#,
    );
    let started = client.call_json(
        "StartExecution",
        &json!({ "stateMachineArn": arn, "name": "e", "input": "{\"x\": 1}" }),
    );
    let described = client.call_json(
        "DescribeExecution",
        &json!({ "executionArn": started["executionArn"] }),
    );
    assert_eq!(
        (described["status"].as_str(), described["output"].as_str()),
        (Some("SUCCEEDED"), Some("7"))
    );
    let history = client.call_json(
        "GetExecutionHistory",
        &json!({ "executionArn": started["executionArn"] }),
    );
    let types: Vec<&str> = history["events"]
        .as_array()
        .expect("events")
        .iter()
        .filter_map(|event| event["type"].as_str())
        .collect();
    assert_eq!(
        types,
        [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded"
        ]
    );
    let listed = client.call_json(
        "ListExecutions",
        &json!({ "stateMachineArn": arn, "statusFilter": "SUCCEEDED" }),
    );
    assert_eq!(listed["executions"][0]["name"], "e");
    let express = client.create(
        "x",
        "EXPRESS",
        r#"{"StartAt":"P","States":{"P":{"Type":"Fail","Error":"E","Cause":"C"}}}"#,
    );
    let ended = client.call_json("StartSyncExecution", &json!({ "stateMachineArn": express }));
    assert_eq!(
        (ended["status"].as_str(), ended["error"].as_str()),
        (Some("FAILED"), Some("E"))
    );
}

#[test]
fn lambda_paths_are_routed_and_what_is_missing_is_named() {
    let world = World::start();
    let mut client = world.client();
    let missing = client.send("GET /2015-03-31/functions/none", &[], "");
    assert_eq!(missing.status, 404);
    assert_eq!(
        missing.header("x-amzn-errortype"),
        Some("ResourceNotFoundException")
    );
    let nowhere = client.send("GET /nowhere", &[], "");
    assert!(nowhere.status >= 400, "{}", nowhere.status);
    let zip = json!({ "FunctionName": "f", "Runtime": "nodejs22.x", "Handler": "i.h", "Role": "arn:aws:iam::123456789012:role/r", "Code": { "ZipFile": "bm8gemlw" } });
    let refused = client.send("POST /2015-03-31/functions", &[], &zip.to_string());
    assert_eq!(
        (refused.status, refused.header("x-amzn-errortype")),
        (400, Some("InvalidParameterValueException"))
    );
    let package = client.send(&format!("GET /packages/{}.zip", "0".repeat(64)), &[], "");
    assert_eq!(package.status, 404);
    assert_eq!(
        Client::new(world.address())
            .send("GET /packages/..%2f..%2fetc.zip", &[], "")
            .status,
        404
    );
}

#[test]
fn a_web_page_is_refused_whatever_it_asks_for() {
    let world = World::start();
    let mut client = world.client();
    for origin in ["http://evil.example", "http://localhost:3000", "null"] {
        for line in ["POST /", "GET /health", "POST /2015-03-31/functions"] {
            let refused = client.send(
                line,
                &[("origin", origin), ("content-type", "text/plain")],
                "{}",
            );
            assert_eq!(
                refused.status, 403,
                "{line} from {origin}: {}",
                refused.body
            );
            assert!(refused.body.contains(origin), "{}", refused.body);
        }
    }
    client.write("GET /health HTTP/1.1\r\nhost: evil.example:8333\r\n\r\n");
    let rebound = client.read();
    assert_eq!(rebound.status, 403);
    assert!(
        rebound.body.contains("evil.example:8333"),
        "{}",
        rebound.body
    );
    assert_eq!(client.send("GET /health", &[], "").status, 200);
}
