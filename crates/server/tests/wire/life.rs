//! Starting, stopping, starting again.

use std::io::{Cursor, Write as _};
use std::path::Path;

use serde_json::json;
use stepwell_server::{Error, Server};

use crate::client::{Client, World, options};

#[test]
fn settings_that_cannot_be_are_refused_with_their_value() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut wrong = options(data.path());
    wrong.account = "12".to_string();
    assert!(matches!(Server::start(wrong), Err(Error::Setting(text)) if text.contains("'12'")));
    let mut wrong = options(data.path());
    wrong.region = "us east".to_string();
    assert!(
        matches!(Server::start(wrong), Err(Error::Setting(text)) if text.contains("'us east'"))
    );
}

#[test]
fn a_directory_and_a_port_have_one_server() {
    let world = World::start();
    let same_directory = Server::start(options(world.data.path()));
    assert!(matches!(same_directory, Err(Error::Store(_))));
    let other = tempfile::tempdir().expect("a temporary directory");
    let mut same_port = options(other.path());
    same_port.listen = world.address();
    assert!(
        matches!(Server::start(same_port), Err(Error::Listen { address, .. }) if address == world.address())
    );
}

#[test]
fn what_was_acknowledged_is_there_after_a_restart() {
    let mut world = World::start();
    let mut client = world.client();
    let arn = client.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":100000,"End":true}}}"#,
    );
    let started = client.call_json(
        "StartExecution",
        &json!({ "stateMachineArn": arn, "name": "e" }),
    );
    // The connection stays open and idle: a stop does not wait for it.
    let address = world.address();
    world.take_server().stop();
    assert!(
        std::net::TcpStream::connect(address).is_err(),
        "a stopped server does not listen"
    );
    world.start_again();
    let mut client = world.client();
    let described = client.call_json(
        "DescribeExecution",
        &json!({ "executionArn": started["executionArn"] }),
    );
    assert_eq!(described["status"], "RUNNING");
    client.call_json(
        "StopExecution",
        &json!({ "executionArn": started["executionArn"] }),
    );
    let described = client.call_json(
        "DescribeExecution",
        &json!({ "executionArn": started["executionArn"] }),
    );
    assert_eq!(described["status"], "ABORTED");
}

/// A handler that says when it has begun, and returns once it is told to.
const HANDLER: &str = "const fs = require('fs');
exports.handler = async (event) => {
  fs.appendFileSync(process.env.PLACE + '/began', event.name + '\\n');
  while (!fs.existsSync(process.env.PLACE + '/go')) await new Promise((resolve) => setTimeout(resolve, 5));
  return event.name + ' done';
};";

fn create_function(client: &mut Client, place: &Path, handler: &str) {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("index.js", zip::write::SimpleFileOptions::default())
        .expect("a file in a zip");
    zip.write_all(handler.as_bytes())
        .expect("a zip takes bytes");
    let bytes = zip.finish().expect("a zip").into_inner();
    let body = json!({
        "FunctionName": "f", "Runtime": "nodejs22.x", "Handler": "index.handler", "Timeout": 50,
        "Role": "arn:aws:iam::123456789012:role/r", "Code": { "ZipFile": base64(&bytes) },
        "Environment": { "Variables": { "PLACE": place } },
    });
    let created = client.send("POST /2015-03-31/functions", &[], &body.to_string());
    assert_eq!(created.status, 201, "{}", created.body);
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn a_stop_waits_for_calls_in_flight_and_their_results_are_kept() {
    let mut world = World::start();
    let place = tempfile::tempdir().expect("a temporary directory");
    let mut client = world.client();
    create_function(&mut client, place.path(), HANDLER);
    // The second task comes up while the server drains: it must run after the restart, once.
    let function = "arn:aws:lambda:us-east-1:123456789012:function:f";
    let machine = json!({ "StartAt": "A", "States": {
        "A": { "Type": "Task", "Resource": function, "Parameters": { "name": "first" }, "ResultPath": "$.first", "Next": "B" },
        "B": { "Type": "Task", "Resource": function, "Parameters": { "name": "second" }, "ResultPath": "$.second", "End": true } } });
    let arn = client.create("m", "STANDARD", &machine.to_string());
    let started = client.call_json(
        "StartExecution",
        &json!({ "stateMachineArn": arn, "name": "e" }),
    );
    let began = || std::fs::read_to_string(place.path().join("began")).unwrap_or_default();
    while began().is_empty() {
        std::thread::yield_now();
    }
    let address = world.address();
    let server = world.take_server();
    let stopping = std::thread::spawn(move || server.stop());
    while std::net::TcpStream::connect(address).is_ok() {
        std::thread::yield_now();
    }
    assert!(
        !stopping.is_finished(),
        "a stop waits for the call in flight"
    );
    std::fs::write(place.path().join("go"), "").expect("the signal can be given");
    stopping.join().expect("the server stops");
    assert_eq!(began(), "first\n", "no new call while draining");

    world.start_again();
    let mut client = world.client();
    let output = loop {
        let described = client.call_json(
            "DescribeExecution",
            &json!({ "executionArn": started["executionArn"] }),
        );
        match described["status"].as_str() {
            Some("RUNNING") => std::thread::yield_now(),
            _ => {
                break described["output"]
                    .as_str()
                    .map(str::to_string)
                    .unwrap_or_else(|| described.to_string());
            }
        }
    };
    assert_eq!(output, r#"{"first":"first done","second":"second done"}"#);
    assert_eq!(began(), "first\nsecond\n", "every task ran once");
}

/// A handler that leaves what it gets.
const SINK: &str = "const fs = require('fs');
exports.handler = async (event) => fs.appendFileSync(process.env.PLACE + '/began', event.awslogs.data + '\\n');";

#[test]
fn a_stop_keeps_what_a_subscription_has_gathered() {
    let mut world = World::start();
    let place = tempfile::tempdir().expect("a temporary directory");
    let mut client = world.client();
    create_function(&mut client, place.path(), SINK);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now_ms = now.expect("it is after 1970").as_millis();
    for (operation, input) in [
        ("CreateLogGroup", json!({ "logGroupName": "g" })),
        (
            "CreateLogStream",
            json!({ "logGroupName": "g", "logStreamName": "s" }),
        ),
        (
            "PutSubscriptionFilter",
            json!({ "logGroupName": "g", "filterName": "all", "filterPattern": "",
                "destinationArn": "arn:aws:lambda:us-east-1:123456789012:function:f" }),
        ),
        // Acknowledged, and gathered for a while with what comes after it.
        (
            "PutLogEvents",
            json!({ "logGroupName": "g", "logStreamName": "s",
                "logEvents": [{ "timestamp": now_ms as u64, "message": "the last one" }] }),
        ),
    ] {
        let answer = client.call(&format!("Logs_20140328.{operation}"), &input.to_string());
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
    }
    world.take_server().stop();
    world.start_again();
    let began = || std::fs::read_to_string(place.path().join("began")).unwrap_or_default();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while began().is_empty() {
        assert!(std::time::Instant::now() < until, "the payload is lost");
        std::thread::yield_now();
    }
    assert_eq!(began().lines().count(), 1);
}
