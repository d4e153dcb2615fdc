//! The binary as a user or a script meets it: help, exit codes, what is printed, what is sent.
#![expect(clippy::unwrap_used, reason = "tests")]

mod fake;

use std::{
    fs,
    io::Write as _,
    net::TcpListener,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use fake::{Answer, Call, Fake};
use serde_json::{Value, json};

const MACHINE: &str = "arn:aws:states:us-east-1:123456789012:stateMachine:shop-Orders";
const EXECUTION: &str = "arn:aws:states:us-east-1:123456789012:execution:shop-Orders:one";

fn stepwell(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stepwell"));
    command.args(arguments).stdin(Stdio::null());
    for name in [
        "AWS_ENDPOINT_URL",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    stepwell(arguments).output().unwrap()
}

fn run_against(fake: &Fake, arguments: &[&str]) -> Output {
    stepwell(arguments)
        .env("AWS_ENDPOINT_URL", &fake.endpoint)
        .output()
        .unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) {
    assert_eq!(
        output.status.code(),
        Some(code),
        "stdout:\n{}\nstderr:\n{}",
        stdout(output),
        stderr(output)
    );
}

/// A directory of this test's own.
fn directory(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let output = run(&["--help"]);
    exits(&output, 0);
    let help = stdout(&output);
    for command in [
        "demo",
        "dev",
        "serve",
        "deploy",
        "start",
        "history",
        "logs",
        "invoke",
        "validate",
        "list",
        "completions",
    ] {
        assert!(
            help.contains(&format!("\n  {command} ")),
            "{command} is missing in\n{help}"
        );
        exits(&run(&[command, "--help"]), 0);
    }
    assert!(
        help.contains("Exit codes:") && help.contains("AWS_ENDPOINT_URL"),
        "{help}"
    );
}

#[test]
fn completions_are_a_script() {
    let output = run(&["completions", "bash"]);
    exits(&output, 0);
    assert!(
        stdout(&output).contains("complete -F _stepwell"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn wrong_usage_exits_with_2_and_says_what_is_wrong() {
    let cases: [(&[&str], &str); 8] = [
        (&[], "Usage: stepwell"),
        (&["fly"], "unrecognized subcommand 'fly'"),
        (&["start"], "<STATE_MACHINE>"),
        (&["serve", "--listen", "8333"], "invalid value '8333'"),
        (&["serve", "--account", "12"], "an account is 12 digits"),
        (
            &["deploy", "t.yaml", "--parameter", "Stage"],
            "a parameter is KEY=VALUE",
        ),
        (
            &["start", "X", "--input", "{\"a\": }"],
            "--input is not JSON: expected value at line 1",
        ),
        (
            &[
                "start",
                "X",
                "--endpoint",
                "https://states.us-east-1.amazonaws.com",
            ],
            "plain http",
        ),
    ];
    for (arguments, reason) in cases {
        let output = run(arguments);
        exits(&output, 2);
        assert!(
            stderr(&output).contains(reason),
            "{arguments:?}: {}",
            stderr(&output)
        );
    }
}

#[test]
fn no_server_is_said_with_what_to_do_next() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for arguments in [
        &["list"][..],
        &["start", "Orders"],
        &["history", EXECUTION],
        &["logs", "Charge"],
        &["invoke", "Charge"],
    ] {
        let output = stepwell(arguments)
            .env("AWS_ENDPOINT_URL", &endpoint)
            .output()
            .unwrap();
        exits(&output, 2);
        let message = stderr(&output);
        assert!(
            message.starts_with(&format!("error: no server answers at {endpoint}:")),
            "{message}"
        );
        assert!(
            message.contains("next: start one with `stepwell dev` or `stepwell serve`"),
            "{message}"
        );
        assert_eq!(stdout(&output), "");
    }
}

fn event(id: u64, previous: u64, ms: u64, kind: &str, details: Value) -> Value {
    let at = 1_700_000_000.0 + f64::from(u32::try_from(ms).unwrap()) / 1000.0;
    let mut event = json!({ "id": id, "previousEventId": previous, "timestamp": at, "type": kind });
    if !details.is_null() {
        event["someEventDetails"] = details;
    }
    event
}

/// A history of one Task that is retried once.
fn history(terminal: &str) -> Vec<Value> {
    vec![
        event(1, 0, 0, "ExecutionStarted", Value::Null),
        event(2, 0, 1, "TaskStateEntered", json!({ "name": "Charge" })),
        event(3, 2, 2, "LambdaFunctionScheduled", Value::Null),
        event(
            4,
            3,
            10,
            "LambdaFunctionFailed",
            json!({ "error": "ServiceError", "cause": "{\"errorMessage\":\"gateway is busy\"}" }),
        ),
        event(5, 4, 1010, "LambdaFunctionScheduled", Value::Null),
        event(6, 5, 1020, "LambdaFunctionSucceeded", Value::Null),
        event(7, 6, 1021, "TaskStateExited", json!({ "name": "Charge" })),
        event(
            8,
            7,
            1025,
            terminal,
            json!({ "error": "OrderFailed", "cause": "no stock" }),
        ),
    ]
}

/// A server of one state machine, whose execution grows by two events at each look.
fn server_of(terminal: &'static str, status: &'static str) -> Fake {
    let mut shown = 0;
    Fake::serve(move |call: &Call| match call.operation.as_str() {
        "ListStateMachines" => Answer::ok(
            json!({ "stateMachines": [{ "name": "shop-Orders", "stateMachineArn": MACHINE, "type": "STANDARD" }] }),
        ),
        "StartExecution" => {
            Answer::ok(json!({ "executionArn": EXECUTION, "startDate": 1_700_000_000.0 }))
        }
        "GetExecutionHistory" if call.body["reverseOrder"] == true => {
            shown = (shown + 2).min(8);
            let events: Vec<Value> = history(terminal).into_iter().take(shown).rev().collect();
            Answer::ok(json!({ "events": events }))
        }
        "GetExecutionHistory" => Answer::ok(json!({ "events": history(terminal) })),
        "DescribeExecution" => {
            let mut reply = json!({ "executionArn": EXECUTION, "status": status, "startDate": 1_700_000_000.0, "stopDate": 1_700_000_001.025 });
            if status == "SUCCEEDED" {
                reply["output"] = json!("{\"paid\":true}");
            } else {
                reply["error"] = json!("OrderFailed");
                reply["cause"] = json!("no stock");
            }
            Answer::ok(reply)
        }
        other => Answer::error("UnknownOperationException", other),
    })
}

#[test]
fn start_prints_the_arn_and_sends_the_input_from_stdin() {
    let fake = server_of("ExecutionSucceeded", "SUCCEEDED");
    let mut child = stepwell(&["start", "Orders", "--input", "-", "--name", "one"])
        .env("AWS_ENDPOINT_URL", &fake.endpoint)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"{\"orderId\": 7}")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    exits(&output, 0);
    assert_eq!(stdout(&output), format!("{EXECUTION}\n"));
    let start = fake
        .calls()
        .into_iter()
        .find(|call| call.operation == "StartExecution")
        .unwrap();
    assert_eq!(
        start.body,
        json!({ "stateMachineArn": MACHINE, "input": "{\"orderId\": 7}", "name": "one" })
    );
}

#[test]
fn following_shows_retries_durations_and_the_output() {
    let fake = server_of("ExecutionSucceeded", "SUCCEEDED");
    let output = run_against(&fake, &["start", "Orders", "--follow"]);
    exits(&output, 0);
    let expected = format!(
        "{EXECUTION}\n  \
         ✗ Charge                              attempt 1: ServiceError  gateway is busy\n  \
         ↻ Charge                              attempt 2 after 1.00 s\n  \
         ✓ Charge                                 1.02 s  (2 attempts)\n\
         SUCCEEDED in 1.02 s\n{{\n  \"paid\": true\n}}\n"
    );
    assert_eq!(stdout(&output), expected);
}

#[test]
fn following_a_failing_execution_exits_with_1() {
    let fake = server_of("ExecutionFailed", "FAILED");
    let output = run_against(&fake, &["start", "Orders", "--follow"]);
    exits(&output, 1);
    assert!(
        stdout(&output).ends_with("FAILED in 1.02 s\nOrderFailed: no stock\n"),
        "{}",
        stdout(&output)
    );

    let fake = server_of("ExecutionFailed", "FAILED");
    let output = run_against(&fake, &["start", "Orders", "--follow", "--json"]);
    exits(&output, 1);
    let documents: Vec<Value> = stdout(&output)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(
        documents[0],
        json!({ "event": "started", "executionArn": EXECUTION })
    );
    assert_eq!(documents[2]["error"], "ServiceError");
    assert_eq!(documents.last().unwrap()["status"], "FAILED");
    assert_eq!(documents.last().unwrap()["error"], "OrderFailed");
}

#[test]
fn an_express_state_machine_runs_in_the_call() {
    let fake = Fake::serve(|call: &Call| match call.operation.as_str() {
        "DescribeStateMachine" => Answer::ok(json!({ "type": "EXPRESS" })),
        "StartSyncExecution" => Answer::ok(json!({
            "executionArn": "arn:aws:states:us-east-1:123456789012:express:shop-Orders:one:two", "status": "SUCCEEDED",
            "startDate": 1.0, "stopDate": 1.5, "output": "[1]",
        })),
        other => Answer::error("UnknownOperationException", other),
    });
    let output = run_against(&fake, &["start", MACHINE, "--json"]);
    exits(&output, 0);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (
            &document["status"],
            &document["output"],
            &document["durationMs"]
        ),
        (&json!("SUCCEEDED"), &json!([1]), &json!(500))
    );
}

#[test]
fn history_is_lines_for_a_reader_and_events_for_a_machine() {
    let fake = server_of("ExecutionFailed", "FAILED");
    let output = run_against(&fake, &["history", "Orders:one"]);
    exits(&output, 0);
    assert!(
        stdout(&output).starts_with(EXECUTION),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).ends_with("FAILED in 1.02 s  OrderFailed: no stock\n"),
        "{}",
        stdout(&output)
    );

    let output = run_against(&fake, &["history", EXECUTION, "--json"]);
    assert_eq!(stdout(&output).lines().count(), 8);
}

#[test]
fn an_error_of_the_service_is_shown_with_its_code() {
    let fake = Fake::serve(|_: &Call| {
        Answer::error("ExecutionDoesNotExist", "Execution Does Not Exist: 'x'")
    });
    let output = run_against(&fake, &["history", EXECUTION]);
    exits(&output, 2);
    assert_eq!(
        stderr(&output),
        "error: GetExecutionHistory: ExecutionDoesNotExist: Execution Does Not Exist: 'x'\n"
    );
}

fn server_of_function(has_error: bool) -> Fake {
    Fake::serve(move |call: &Call| match call.operation.as_str() {
        "GET /2015-03-31/functions?MaxItems=50" => {
            Answer::ok(json!({ "Functions": [{ "FunctionName": "shop-Charge" }] }))
        }
        "POST /2015-03-31/functions/shop-Charge/invocations" => {
            let mut answer = Answer::ok(json!({ "got": call.body }));
            answer
                .headers
                .push(("X-Amz-Log-Result", "aGVsbG8K".to_owned()));
            if has_error {
                answer
                    .headers
                    .push(("X-Amz-Function-Error", "Unhandled".to_owned()));
            }
            answer
        }
        "FilterLogEvents" => Answer::ok(
            json!({ "events": [{ "eventId": "1", "timestamp": 5, "message": call.body["logGroupName"] }] }),
        ),
        other => Answer::error("UnknownOperationException", other),
    })
}

#[test]
fn invoke_prints_the_payload_and_the_log_apart() {
    let output = run_against(
        &server_of_function(false),
        &["invoke", "Charge", "--event", "{\"a\":1}", "--log"],
    );
    exits(&output, 0);
    assert_eq!(stdout(&output), "{\n  \"got\": {\n    \"a\": 1\n  }\n}\n");
    assert_eq!(stderr(&output), "hello\n");
}

#[test]
fn a_function_error_exits_with_1() {
    let output = run_against(&server_of_function(true), &["invoke", "Charge"]);
    exits(&output, 1);
    assert!(
        stderr(&output).contains("shop-Charge returned an error (Unhandled)"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn logs_are_read_from_the_log_group_of_the_function() {
    let output = run_against(&server_of_function(false), &["logs", "Charge"]);
    exits(&output, 0);
    assert_eq!(stdout(&output), "/aws/lambda/shop-Charge\n");
}

const TEMPLATE: &str = "Transform: AWS::Serverless-2016-10-31
Resources:
  Orders:
    Type: AWS::Serverless::StateMachine
    Properties:
      Name: Orders
      DefinitionUri: orders.asl.json
Outputs:
  OrdersArn:
    Value: !Ref Orders
";
#[test]
fn a_broken_template_is_shown_with_file_line_and_column() {
    let path = directory("validate");
    let template = path.join("template.yaml");
    fs::write(
        &template,
        TEMPLATE.replace("DefinitionUri", "DefinitionUrl"),
    )
    .unwrap();
    let output = run(&["validate", template.to_str().unwrap()]);
    exits(&output, 1);
    assert!(
        stdout(&output).contains("error: template.yaml:"),
        "{}",
        stdout(&output)
    );
    assert!(
        stdout(&output).ends_with("template.yaml: not valid\n"),
        "{}",
        stdout(&output)
    );

    let output = run(&["validate", template.to_str().unwrap(), "--json"]);
    let document: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(document["valid"], false);
    assert_eq!(document["findings"][0]["severity"], "ERROR");
}

#[test]
fn what_is_neither_template_nor_definition_cannot_be_validated() {
    let path = directory("validate-neither").join("notes.yaml");
    fs::write(&path, "title: notes\n").unwrap();
    let output = run(&["validate", path.to_str().unwrap()]);
    exits(&output, 2);
    assert!(
        stderr(&output).contains("is neither a template"),
        "{}",
        stderr(&output)
    );
}
