//! Rows of version 1: written once, read by every later version.
//!
//! `golden/rows-v1.txt` has one row a line, `HEX(key) = HEX(value)`, with every kind of row in it. It must
//! not change: a row that this version writes differently gets a new version byte and a file of its own.
//! `golden/rows-v1-later.txt` has the rows that the same scene leaves today: the format of each row is the
//! old one, but there are more of them (executions keep the frames they failed in, and have a time limit).
//! `golden/rows-v2.txt` has what it leaves since histories and executions are packed (version 2 of their rows).
//! Until that is released it may be written anew: `STEPWELL_WRITE_GOLDEN=1 cargo test -p stepwell-service golden`.

use std::fmt::Write as _;

use serde_json::Value;
use stepwell_service::{FunctionCode, LostTask, Payload, Request, TaskOutcome};
use stepwell_store::Store as _;

use crate::crashes::check_history;
use crate::world::{Row, START_MS, World, execution_arn, machine_arn, store_of};

/// Rows of the first release, rows of a later one, and rows as this release writes them.
pub const FILES: [&str; 3] = [FIRST, "tests/golden/rows-v1-later.txt", LATEST];

const FIRST: &str = "tests/golden/rows-v1.txt";

const LATEST: &str = "tests/golden/rows-v2.txt";

const HEAD: &str =
    "# Rows as version 2 of the format writes them; see tests/shard/golden.rs. Do not change.\n";

/// Key kinds of version 1.
const KINDS: std::ops::RangeInclusive<u8> = 1..=15;

const MACHINES: [(&str, &str); 6] = [
    (
        "wait",
        r#"{"StartAt":"V","States":{"V":{"Type":"Pass","Assign":{"kept":"variable"},"Next":"W"},"W":{"Type":"Wait","Seconds":60,"Next":"P"},"P":{"Type":"Pass","Parameters":{"v.$":"$kept","in.$":"$"},"End":true}}}"#,
    ),
    (
        "task",
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","TimeoutSeconds":1000,"Retry":[{"ErrorEquals":["Busy","Lambda.SdkClientException"],"IntervalSeconds":30}],"End":true}}}"#,
    ),
    (
        "token",
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","HeartbeatSeconds":500,"Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}"#,
    ),
    (
        "map",
        r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":2,"ItemsPath":"$.items","End":true,"ItemProcessor":{"StartAt":"Q","States":{"Q":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":1,"Next":"D"}],"Default":"W"},"W":{"Type":"Wait","Seconds":60,"Next":"D"},"D":{"Type":"Succeed"}}}}}}"#,
    ),
    (
        "parallel",
        r#"{"QueryLanguage":"JSONata","StartAt":"P","States":{"P":{"Type":"Parallel","Arguments":"{% {'x': $states.input.n} %}","End":true,"Branches":[{"StartAt":"A","States":{"A":{"Type":"Pass","Output":"{% $states.input.x + 1 %}","End":true}}},{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}]}}}"#,
    ),
    (
        "done",
        r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
    ),
];

/// A shard in the middle of everything.
pub fn scene() -> World {
    let mut world = World::new();
    MACHINES
        .iter()
        .for_each(|(name, definition)| world.create(name, "STANDARD", definition));
    world.create("express", "EXPRESS", r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:g","End":true}}}"#);
    let update = serde_json::json!({ "stateMachineArn": machine_arn("done"), "roleArn": "arn:aws:iam::123456789012:role/other" });
    world.ask("UpdateStateMachine", &update.to_string());
    let function = r#"{"FunctionName": "f", "Runtime": "nodejs22.x", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "index.handler", "Timeout": 7, "Environment": {"Variables": {"A": "1"}}, "Code": {}}"#;
    let code = FunctionCode {
        zip: b"a package".to_vec(),
        package: format!("{:064x}", 1),
        code_sha256: "sha".to_string(),
        unzipped_bytes: 0,
    };
    let input = serde_json::from_str(function).expect("an input");
    world
        .send(Request::CreateFunction(Box::new(input), code))
        .expect("an answer")
        .expect("created");

    world.start("done", "succeeded", r#"{"a": 1}"#);
    world.start("task", "failed", "1");
    world.complete(TaskOutcome::Failed {
        error: Some("Broken".to_string()),
        cause: Some("pipe".to_string()),
    });
    world.start("wait", "stopped", "{}");
    world.ask("StopExecution", &serde_json::json!({ "executionArn": execution_arn("wait", "stopped"), "error": "E", "cause": "C" }).to_string());
    world.start("wait", "waiting", r#"{"b": 2}"#);
    world.start("task", "backoff", "2");
    world.complete(TaskOutcome::Failed {
        error: Some("Busy".to_string()),
        cause: None,
    });
    world.start("token", "submitted", "{}");
    world.complete(TaskOutcome::Submitted(Payload::from_text(
        r#"{"StatusCode":200}"#,
    )));
    world.start("map", "mapping", r#"{"items": [1, 2, 3]}"#);
    world.start("parallel", "forked", r#"{"n": 5}"#);
    world.start("task", "returned", "3");
    let call = world.open.remove(0);
    world.send(Request::ReturnTask {
        execution: call.execution,
        ticket: call.ticket,
    });
    world.start("task", "in-doubt", "4");
    let express =
        serde_json::json!({ "stateMachineArn": machine_arn("express"), "name": "x", "input": "7" });
    world.ask("StartExecution", &express.to_string());
    world
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digits).collect()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the file is the test's own, not the shard's"
)]
pub fn golden(file: &str) -> Vec<Row> {
    if file == LATEST && std::env::var_os("STEPWELL_WRITE_GOLDEN").is_some() {
        let mut text = HEAD.to_string();
        let rows = scene().rows().into_iter();
        for (key, value) in rows.filter(|(key, _)| KINDS.contains(&key[0])) {
            writeln!(text, "{} = {}", hex(&key), hex(&value)).expect("a string takes text");
        }
        std::fs::write(file, text).expect("the file can be written");
    }
    let text = std::fs::read_to_string(file).expect("the file is there");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_once(" = ").expect("a row a line"))
        .map(|(key, value)| (unhex(key), unhex(value)))
        .collect()
}

fn open_golden(file: &str) -> World {
    let mut world = World::on(&store_of(&golden(file)).disk(), LostTask::Fail);
    world.now_ms = START_MS + 1_000;
    world
}

fn shown(world: &World, machine: &str, name: &str) -> String {
    let shown = world.describe(machine, name);
    let text = |field: &str| shown[field].as_str().unwrap_or("-").to_string();
    format!(
        "{} {} -> {} {} {}",
        text("status"),
        text("input"),
        text("output"),
        text("error"),
        text("cause")
    )
}

#[test]
fn the_golden_file_has_every_kind_of_row() {
    for file in FILES {
        let rows = golden(file);
        let kinds: std::collections::BTreeSet<u8> = rows.iter().map(|(key, _)| key[0]).collect();
        assert_eq!(kinds, KINDS.collect(), "{file}");
    }
}

#[test]
fn this_version_writes_golden_rows_as_before() {
    let mut rows = scene().rows();
    // Version 1 had rows of other kinds only; a later release adds marks on packages.
    rows.retain(|(key, _)| KINDS.contains(&key[0]));
    assert!(
        rows == golden(LATEST),
        "the format of rows has changed: it needs a new version"
    );
}

#[test]
fn golden_machines_functions_and_ended_executions_are_read() {
    FILES.into_iter().for_each(read_golden);
}

fn read_golden(file: &str) {
    let mut world = open_golden(file);
    for (name, definition) in MACHINES {
        let body = serde_json::json!({ "stateMachineArn": machine_arn(name) });
        let machine: Value =
            serde_json::from_str(&world.ask("DescribeStateMachine", &body.to_string()))
                .expect("a machine");
        assert_eq!(machine["definition"], definition);
        assert_eq!(machine["revisionId"].is_string(), name == "done");
    }
    let function = world
        .reader()
        .function("f", None)
        .expect("rows")
        .expect("found");
    assert_eq!(
        (function.timeout_seconds, function.environment["A"].as_str()),
        (7, "1")
    );
    assert_eq!(
        world
            .reader()
            .package(&function.package)
            .expect("a package"),
        b"a package"
    );
    assert_eq!(
        shown(&world, "done", "succeeded"),
        r#"SUCCEEDED {"a": 1} -> {"a": 1} - -"#
    );
    assert_eq!(shown(&world, "task", "failed"), "FAILED 1 -> - Broken pipe");
    assert_eq!(shown(&world, "wait", "stopped"), "ABORTED {} -> - E C");
    for (machine, name) in [
        ("done", "succeeded"),
        ("task", "failed"),
        ("wait", "stopped"),
    ] {
        check_history(&mut world, machine, name);
    }
    let list = world.ask(
        "ListExecutions",
        &serde_json::json!({ "stateMachineArn": machine_arn("task") }).to_string(),
    );
    for name in ["failed", "backoff", "returned", "in-doubt"] {
        assert!(list.contains(name), "{list}");
    }
}

#[test]
fn golden_executions_go_on_to_their_end() {
    FILES.into_iter().for_each(finish_golden);
}

fn finish_golden(file: &str) {
    let mut world = open_golden(file);
    // Recovery: the returned task is called again, the one in doubt waits for its retry, Express starts again.
    assert_eq!(
        world.calls,
        [
            "arn:aws:lambda:us-east-1:123456789012:function:f 3",
            "arn:aws:lambda:us-east-1:123456789012:function:g 7"
        ]
    );
    world.complete(TaskOutcome::Succeeded(Payload::from_text("33")));
    world.complete(TaskOutcome::Succeeded(Payload::from_text("77")));
    world.wait_ms(60_000);
    assert_eq!(
        world.calls[2..],
        [
            "arn:aws:lambda:us-east-1:123456789012:function:f 2",
            "arn:aws:lambda:us-east-1:123456789012:function:f 4"
        ]
    );
    world.complete(TaskOutcome::Succeeded(Payload::from_text("22")));
    world.complete(TaskOutcome::Succeeded(Payload::from_text("44")));
    world.wait_ms(60_000);
    let history = world.ask(
        "GetExecutionHistory",
        &serde_json::json!({ "executionArn": execution_arn("token", "submitted") }).to_string(),
    );
    let parameters = serde_json::from_str::<Value>(&history).expect("a page")["events"][2]["taskScheduledEventDetails"]["parameters"].clone();
    let parameters: Value =
        serde_json::from_str(parameters.as_str().expect("a text")).expect("parameters");
    let success =
        serde_json::json!({ "taskToken": parameters["Payload"]["t"], "output": "\"told\"" });
    assert_eq!(world.ask("SendTaskSuccess", &success.to_string()), "{}");
    for (machine, name, end) in [
        (
            "wait",
            "waiting",
            r#"SUCCEEDED {"b": 2} -> {"v":"variable","in":{"b":2}} - -"#,
        ),
        ("task", "backoff", "SUCCEEDED 2 -> 22 - -"),
        ("task", "returned", "SUCCEEDED 3 -> 33 - -"),
        ("task", "in-doubt", "SUCCEEDED 4 -> 44 - -"),
        ("token", "submitted", r#"SUCCEEDED {} -> "told" - -"#),
        (
            "map",
            "mapping",
            r#"SUCCEEDED {"items": [1, 2, 3]} -> [1,2,3] - -"#,
        ),
        (
            "parallel",
            "forked",
            r#"SUCCEEDED {"n": 5} -> [6,{"x":5}] - -"#,
        ),
    ] {
        assert_eq!(shown(&world, machine, name), end);
        check_history(&mut world, machine, name);
    }
    for kind in [9, 10, 11, 12, 15] {
        assert_eq!(
            world.kinds().get(&kind),
            None,
            "{file}: rows of kind {kind} are left"
        );
    }
    // Those that did not succeed are redriven, unless they ended under a release that kept no frames.
    let kept = world.kinds().get(&5).copied().unwrap_or_default();
    let keeps_frames = file != FIRST;
    assert_eq!(kept, if keeps_frames { 2 } else { 0 }, "{file}: frames");
    let redriven = world.ask(
        "RedriveExecution",
        &serde_json::json!({ "executionArn": execution_arn("wait", "stopped") }).to_string(),
    );
    assert_eq!(redriven.contains("redriveDate"), keeps_frames, "{redriven}");
}

#[test]
fn a_row_of_a_newer_version_is_refused() {
    let mut rows = golden(LATEST);
    rows.iter_mut().for_each(|(_, value)| value[0] = 2);
    let opened = stepwell_service::Shard::open(
        Box::new(store_of(&rows)),
        crate::world::settings(LostTask::Fail),
    );
    let error = opened.err().expect("a newer row is refused").to_string();
    assert!(error.contains("format 2"), "{error}");
    let reader = crate::world::reader_of(store_of(&rows).snapshot());
    let machine = stepwell_api::states::DescribeStateMachineInput {
        state_machine_arn: machine_arn("done"),
        ..Default::default()
    };
    assert!(reader.describe_state_machine(&machine).is_err());
}
