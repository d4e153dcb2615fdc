//! Status changes of executions as events: what rules get, and that no crash loses one.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stepwell_service::{DeliveryOutcome, LostTask, Payload, Request, TaskOutcome};
use stepwell_store::{Disk, Fault};

use crate::events::ask;
use crate::world::{World, change, execution_arn, machine_arn, start_body};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task",
    "Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:t";
const ALL: &str = r#"{"source": ["aws.states"]}"#;

/// A rule on the default bus whose target is a topic.
fn watch(world: &mut World, name: &str, pattern: &str) {
    let rule = json!({ "Name": name, "EventPattern": pattern });
    assert!(ask(world, "PutRule", rule).contains("RuleArn"));
    let targets = json!({ "Rule": name, "Targets": [{ "Id": "t", "Arn": TOPIC }] });
    assert!(ask(world, "PutTargets", targets).contains("\"FailedEntryCount\":0"));
}

/// What targets have been sent since it was asked last.
fn sent(world: &mut World) -> Vec<Value> {
    world.tick();
    let calls = std::mem::take(&mut world.deliveries);
    let mut events = Vec::new();
    for call in calls {
        events.push(call.payload.value().clone());
        world.send(Request::EndDelivery {
            number: call.number,
            outcome: DeliveryOutcome::Delivered,
        });
    }
    events
}

fn statuses(events: &[Value]) -> Vec<String> {
    let status = |event: &Value| event["detail"]["status"].as_str().map(str::to_string);
    events.iter().filter_map(status).collect()
}

#[test]
fn an_execution_that_begins_and_ends_in_one_transition_tells_both() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    watch(&mut world, "all", ALL);
    world.start("m", "e", r#"{"a": 1}"#);
    let events = sent(&mut world);
    let arn = execution_arn("m", "e");
    let detail = |status: &str, stopped: Value, output: Value, details: Value, redrive: Value| {
        json!({
            "executionArn": arn, "stateMachineArn": machine_arn("m"), "stateMachineVersionArn": null,
            "stateMachineAliasArn": null, "name": "e", "status": status, "startDate": 1_700_000_000_000_i64,
            "stopDate": stopped, "input": "{\"a\": 1}", "inputDetails": { "included": true }, "output": output,
            "outputDetails": details, "error": null, "cause": null, "redriveCount": 0, "redriveDate": null,
            "redriveStatus": "NOT_REDRIVABLE", "redriveStatusReason": redrive,
        })
    };
    assert_eq!(events.len(), 2);
    let running = detail(
        "RUNNING",
        json!(null),
        json!(null),
        json!(null),
        json!("Execution is RUNNING and cannot be redriven"),
    );
    let succeeded = detail(
        "SUCCEEDED",
        json!(1_700_000_000_000_i64),
        json!("{\"a\": 1}"),
        json!({ "included": true }),
        json!("Execution is SUCCEEDED and cannot be redriven"),
    );
    for (event, detail) in events.iter().zip([running, succeeded]) {
        let expected = json!({
            "version": "0", "id": event["id"], "detail-type": "Step Functions Execution Status Change",
            "source": "aws.states", "account": "123456789012", "time": "2023-11-14T22:13:20Z", "region": "us-east-1",
            "resources": [arn], "detail": detail,
        });
        assert_eq!(event, &expected);
    }
    assert_ne!(events[0]["id"], events[1]["id"]);
    // AWS's order of members, which templates that show the whole event depend on.
    let names: Vec<&String> = events[0]["detail"]
        .as_object()
        .expect("an object")
        .keys()
        .collect();
    assert_eq!(names[..2], ["executionArn", "stateMachineArn"]);
}

#[test]
fn every_end_and_a_redrive_are_told() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.create(
        "late",
        "STANDARD",
        &TASK.replacen('{', r#"{"TimeoutSeconds":5,"#, 1),
    );
    watch(&mut world, "all", ALL);
    world.start("m", "failed", "{}");
    world.complete(TaskOutcome::Failed {
        error: Some("Declined".to_string()),
        cause: Some("no money".to_string()),
    });
    let events = sent(&mut world);
    assert_eq!(statuses(&events), ["RUNNING", "FAILED"]);
    let detail = &events[1]["detail"];
    assert_eq!(
        [
            &detail["error"],
            &detail["cause"],
            &detail["output"],
            &detail["outputDetails"],
            &detail["redriveStatus"],
            &detail["redriveStatusReason"],
        ],
        [
            &json!("Declined"),
            &json!("no money"),
            &json!(null),
            &json!(null),
            &json!("REDRIVABLE"),
            &json!(null)
        ]
    );
    let redrive = json!({ "executionArn": execution_arn("m", "failed") });
    world.ask("RedriveExecution", &redrive.to_string());
    let events = sent(&mut world);
    assert_eq!(statuses(&events), ["RUNNING"]);
    let detail = &events[0]["detail"];
    assert_eq!(
        [
            &detail["redriveCount"],
            &detail["redriveDate"],
            &detail["error"]
        ],
        [&json!(1), &json!(1_700_000_000_000_i64), &json!(null)]
    );
    world.complete(TaskOutcome::Succeeded(Payload::parse("7").expect("JSON")));
    let events = sent(&mut world);
    assert_eq!(statuses(&events), ["SUCCEEDED"]);
    assert_eq!(events[0]["detail"]["output"], "7");

    world.start("m", "stopped", "{}");
    let stop = json!({ "executionArn": execution_arn("m", "stopped"), "error": "Enough" });
    world.ask("StopExecution", &stop.to_string());
    world.start("late", "e", "{}");
    world.wait_ms(5_000);
    let events = sent(&mut world);
    assert_eq!(
        statuses(&events),
        ["RUNNING", "ABORTED", "RUNNING", "TIMED_OUT"]
    );
    // Late outcomes and a second stop change nothing, so nothing is told.
    world.ask("StopExecution", &stop.to_string());
    assert_eq!(sent(&mut world), Vec::<Value>::new());
}

#[test]
fn express_executions_tell_nothing() {
    let mut world = World::new();
    world.create("x", "EXPRESS", PASS);
    watch(&mut world, "all", ALL);
    world.start("x", "e", "{}");
    assert_eq!(sent(&mut world), Vec::<Value>::new());
}

#[test]
fn only_what_a_rule_may_match_is_written() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    world.start("m", "before", "{}");
    assert_eq!(sent(&mut world), Vec::<Value>::new());
    let of_others = r#"{"source": ["shop"]}"#;
    let failed = r#"{"source": ["aws.states"], "detail-type": ["Step Functions Execution Status Change"],
        "detail": {"status": ["FAILED", "TIMED_OUT"], "stateMachineArn": [{"prefix": "arn:"}]}}"#;
    watch(&mut world, "others", of_others);
    watch(&mut world, "failed", failed);
    let rows = world.rows().len();
    world.start("m", "quiet", "{}");
    let quiet = world.rows().len() - rows;
    assert_eq!(sent(&mut world), Vec::<Value>::new());
    ask(&mut world, "DisableRule", json!({ "Name": "failed" }));
    let rows = world.rows().len();
    world.start("m", "again", "{}");
    assert_eq!(world.rows().len() - rows, quiet, "an event left no row");
    // A rule that looks into what only the whole event tells, and one with alternatives.
    let output = r#"{"detail": {"output": [{"prefix": "{\"paid\""}], "redriveCount": [{"numeric": ["=", 0]}]}}"#;
    let either = r#"{"$or": [{"source": ["shop"]}, {"detail": {"status": ["SUCCEEDED"]}}]}"#;
    watch(&mut world, "output", output);
    watch(&mut world, "either", either);
    world.start("m", "unpaid", r#"{"unpaid":1}"#);
    assert_eq!(statuses(&sent(&mut world)), ["SUCCEEDED"]);
    world.start("m", "paid", r#"{"paid":1}"#);
    assert_eq!(statuses(&sent(&mut world)), ["SUCCEEDED", "SUCCEEDED"]);
}

#[test]
fn payloads_that_are_too_large_are_left_out() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    watch(&mut world, "all", ALL);
    let included = |event: &Value| {
        let detail = &event["detail"];
        let is_there = |name: &str| {
            let details = format!("{name}Details");
            assert_eq!(
                detail[&details]["included"],
                json!(detail[name].is_string()),
                "{name}"
            );
            detail[name].is_string()
        };
        (is_there("input"), is_there("output"))
    };
    // As JSON strings: 100 KiB and 152 KiB; 1 KiB and 249 KiB, most of them quotes.
    for (input, output, expected) in [
        (100 << 10, "x".repeat(100 << 10), (true, true)),
        (100 << 10, "x".repeat(152 << 10), (false, true)),
        (1 << 10, "\\\"".repeat(83 << 10), (false, false)),
    ] {
        let name = format!("e{}", output.len());
        world.start("m", &name, &format!("\"{}\"", "i".repeat(input)));
        let output = Payload::parse(format!("\"{output}\"")).expect("JSON");
        world.complete(TaskOutcome::Succeeded(output));
        let events = sent(&mut world);
        assert_eq!(included(&events[1]), expected, "{name}");
        assert!(events[0]["detail"]["input"].is_string());
    }
}

#[test]
fn children_of_a_map_run_tell_that_they_wait_for_their_redrive() {
    let mut world = World::new();
    let map = r#"{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"Label":"L","ItemProcessor":{
        "ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},
        "StartAt":"T","States":{"T":{"Type":"Task",
            "Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}}}}"#;
    world.create("m", "STANDARD", map);
    watch(&mut world, "all", ALL);
    world.start("m", "e", "[1]");
    world.tick();
    world.complete(TaskOutcome::Failed {
        error: Some("Broken".to_string()),
        cause: None,
    });
    let of_child = |events: &[Value]| {
        let child = format!("{}/L", machine_arn("m"));
        let is_child = |event: &&Value| event["detail"]["stateMachineArn"] == *child;
        let events: Vec<Value> = events.iter().filter(is_child).cloned().collect();
        events
    };
    let events = of_child(&sent(&mut world));
    assert_eq!(statuses(&events), ["RUNNING", "FAILED"]);
    assert_eq!(
        events[1]["detail"]["redriveStatus"],
        "REDRIVABLE_BY_MAP_RUN"
    );
    let redrive = json!({ "executionArn": execution_arn("m", "e") });
    world.ask("RedriveExecution", &redrive.to_string());
    let events = of_child(&sent(&mut world));
    assert_eq!(statuses(&events), ["PENDING_REDRIVE", "RUNNING"]);
    assert_eq!(events[0]["detail"]["error"], "Broken");
}

/// Three executions that end in their own ways, with a crash at one commit; what the topic got.
fn run(cut: Option<(u64, Option<Fault>)>) -> (BTreeSet<String>, Vec<String>, u64) {
    let mut world = World::on(&Disk::new(), LostTask::Retry);
    world.create("m", "STANDARD", PASS);
    world.create("t", "STANDARD", TASK);
    watch(&mut world, "all", ALL);
    watch(
        &mut world,
        "ends",
        r#"{"detail": {"status": [{"anything-but": "RUNNING"}]}}"#,
    );
    let mut commits = 0;
    let mut commit = |world: &mut World| {
        commits += 1;
        let (at, fault) = cut.unwrap_or((0, None));
        if let Some(fault) = fault.filter(|_| at == commits) {
            world.disk.fail(fault, 0);
        }
        let is_done = world.try_commit().is_ok();
        if at == commits {
            world.crash();
        }
        is_done
    };
    for (machine, name) in [("m", "a"), ("t", "b"), ("t", "c")] {
        let start = || {
            change("StartExecution", &start_body(machine, name, "{}"))
                .expect("decodes")
                .expect("changes")
        };
        world.apply(start());
        if !commit(&mut world) {
            // A client repeats what was not acknowledged.
            world.apply(start());
            commit(&mut world);
        }
    }
    let mut got = Vec::new();
    for _ in 0..1_000 {
        if let Some(call) = world.deliveries.first() {
            let event = call.payload.value();
            got.push(format!(
                "{} {} {}",
                event["detail"]["name"], event["detail"]["status"], event["id"]
            ));
            let number = call.number;
            world.deliveries.remove(0);
            world.apply(Request::EndDelivery {
                number,
                outcome: DeliveryOutcome::Delivered,
            });
        } else if let Some(call) = world.open.first() {
            let (execution, ticket) = (call.execution, call.ticket);
            world.open.remove(0);
            let outcome = TaskOutcome::Succeeded(Payload::parse("1").expect("JSON"));
            world.apply(Request::CompleteTask {
                execution,
                ticket,
                outcome,
            });
        } else if let Some(due) = world.shard.next_deadline() {
            world.now_ms = world.now_ms.max(due.as_millis());
            world.shard.tick(world.now());
        } else {
            break;
        }
        commit(&mut world);
    }
    for (machine, name) in [("m", "a"), ("t", "b"), ("t", "c")] {
        let shown = world.describe(machine, name);
        assert_eq!(shown["status"], "SUCCEEDED", "{cut:?}: {shown}");
    }
    let statuses = got.iter().map(|line| {
        let (status, _) = line.rsplit_once(' ').expect("an id");
        status.to_string()
    });
    (statuses.collect(), got, commits)
}

#[test]
fn a_crash_at_any_commit_loses_no_status_change() {
    let (whole, got, commits) = run(None);
    assert_eq!(whole.len(), 6, "{whole:?}");
    // Two rules want the ends.
    assert_eq!(got.len(), 9, "{got:?}");
    assert!(commits > 12, "{commits}");
    for at in 1..=commits {
        for fault in [None, Some(Fault::BeforeWrite), Some(Fault::AfterWrite)] {
            let (seen, got, _) = run(Some((at, fault)));
            assert_eq!(seen, whole, "{fault:?} at commit {at}");
            // At least once: what was on its way in the crash comes again, under the same id.
            let ids: BTreeSet<&String> = got.iter().collect();
            assert_eq!(ids.len(), 6, "{fault:?} at commit {at}: {got:?}");
        }
    }
}

/// The rule outlives the server, and what was durable before a crash is handed on after it.
#[test]
fn rules_outlive_the_server() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    watch(&mut world, "all", ALL);
    world.crash();
    let start = change("StartExecution", &start_body("m", "e", "{}"));
    world.apply(start.expect("decodes").expect("changes"));
    world.try_commit().expect("the store works");
    world.crash();
    assert_eq!(statuses(&sent(&mut world)), ["RUNNING", "SUCCEEDED"]);
    let remove = json!({ "Rule": "all", "Ids": ["t"] });
    ask(&mut world, "RemoveTargets", remove);
    ask(&mut world, "DeleteRule", json!({ "Name": "all" }));
    world.start("m", "later", "{}");
    assert_eq!(sent(&mut world), Vec::<Value>::new());
}

#[test]
fn a_rule_that_starts_executions_gets_the_event_as_input() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    world.create("follow", "STANDARD", PASS);
    let pattern = json!({
        "source": ["aws.states"],
        "detail": { "status": ["SUCCEEDED"], "stateMachineArn": [machine_arn("m")] },
    });
    let rule = json!({ "Name": "chain", "EventPattern": pattern.to_string() });
    ask(&mut world, "PutRule", rule);
    let mut target = crate::events::target("t", "follow");
    target["InputTransformer"] = json!({
        "InputPathsMap": { "name": "$.detail.name", "output": "$.detail.output" },
        "InputTemplate": r#"{"of": <name>, "got": "<output>"}"#,
    });
    let targets = json!({ "Rule": "chain", "Targets": [target] });
    ask(&mut world, "PutTargets", targets);
    world.start("m", "e", r#"{"a":1}"#);
    world.tick();
    assert_eq!(
        crate::events::inputs(&mut world, "follow"),
        [json!({ "of": "e", "got": "{\"a\":1}" })]
    );
}
