//! RedriveExecution: who may be redriven, how often, and that it survives a crash.

use expect_test::expect;
use serde_json::{Value, json};
use stepwell_service::{Payload, TaskOutcome};

use crate::crashes::check_history;
use crate::world::{World, check, execution_arn, machine_arn};

const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;

fn failed() -> World {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "1");
    world.complete(TaskOutcome::Failed {
        error: Some("Odd".to_string()),
        cause: None,
    });
    world
}

fn redrive(world: &mut World, token: Option<&str>) -> String {
    let mut body = json!({ "executionArn": execution_arn("m", "e") });
    if let Some(token) = token {
        body["clientToken"] = json!(token);
    }
    world.ask("RedriveExecution", &body.to_string())
}

fn redrive_fields(world: &World) -> String {
    let shown = world.describe("m", "e");
    let fields = [
        "redriveCount",
        "redriveDate",
        "redriveStatus",
        "redriveStatusReason",
    ];
    let text: Vec<String> = fields
        .iter()
        .map(|field| shown[field].to_string())
        .collect();
    text.join(" ")
}

#[test]
fn a_redriven_execution_goes_on_and_its_history_continues() {
    check(
        &format!(
            r#"create m {TASK}
            start m e 1
            fail Odd one
            rows
            RedriveExecution {{"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e"}}
            rows
            show m e
            crash
            show m e
            RedriveExecution {{"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e"}}
            ok 2
            show m e
            history m e
            rows
            ListExecutions {{"stateMachineArn": "@m"}}"#
        ),
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e 1
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call @f:f 1
            > fail Odd one
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 2, 7: 1, 8: 1}
            > RedriveExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e"}
              {"redriveDate":1700000000.0}
              call @f:f 1
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 3, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1}
            > show m e
              RUNNING - | -
            > crash
            > show m e
              FAILED Lambda.SdkClientException | The server stopped while the task was running; whether it took effect is unknown. Stepwell does not run a task twice unless Retry says so (see --on-lost-task).
            > RedriveExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:e"}
              {"redriveDate":1700000000.0}
              call @f:f 1
            > ok 2
            > show m e
              SUCCEEDED 2
            > history m e
              1<0 ExecutionStarted 2<0 +T 3<2 FunctionScheduled 4<3 FunctionStarted 5<4 FunctionFailed 6<5 ExecutionFailed 7<6 ExecutionRedriven 8<7 FunctionScheduled 9<8 FunctionStarted 10<9 FunctionFailed 11<10 ExecutionFailed 12<11 ExecutionRedriven 13<12 FunctionScheduled 14<13 FunctionStarted 15<14 FunctionSucceeded 16<15 -T 17<16 ExecutionSucceeded
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 6: 6, 7: 1, 8: 1}
            > ListExecutions {"stateMachineArn": "@m"}
              {"executions":[{"executionArn":"@execution:m:e","stateMachineArn":"@stateMachine:m","name":"e","status":"SUCCEEDED","startDate":1700000000.0,"stopDate":1700000000.0,"redriveCount":2,"redriveDate":1700000000.0}]}
        "#]],
    );
}

#[test]
fn describe_and_redrive_give_the_same_reasons() {
    let mut world = failed();
    assert_eq!(redrive_fields(&world), r#"0 null "REDRIVABLE" null"#);
    let check = |world: &mut World, reason: &str| {
        assert_eq!(world.describe("m", "e")["redriveStatus"], "NOT_REDRIVABLE");
        assert_eq!(world.describe("m", "e")["redriveStatusReason"], reason);
        let refused = format!("! ExecutionNotRedrivable: Execution Not Redrivable: '{reason}'");
        assert_eq!(redrive(world, None), refused);
    };
    world.wait_ms(14 * 24 * 3_600_000 + 1);
    check(&mut world, "Execution redrivable period exceeded");
    world.now_ms -= 2;
    redrive(&mut world, None);
    check(&mut world, "Execution is RUNNING and cannot be redriven");
    world.complete(TaskOutcome::Succeeded(Payload::from_text("2")));
    check(&mut world, "Execution is SUCCEEDED and cannot be redriven");
    let mut world = failed();
    world.ask(
        "DeleteStateMachine",
        &json!({ "stateMachineArn": machine_arn("m") }).to_string(),
    );
    check(&mut world, "State machine is in DELETING status.");
}

#[test]
fn a_client_token_redrives_once_within_a_quarter_of_an_hour() {
    let mut world = failed();
    let first = redrive(&mut world, Some("token"));
    world.wait_ms(1_000);
    assert_eq!(redrive(&mut world, Some("token")), first);
    world.complete(TaskOutcome::Failed {
        error: Some("Odd".to_string()),
        cause: None,
    });
    // Even now that a redrive would do something again.
    assert_eq!(redrive(&mut world, Some("token")), first);
    assert_eq!(world.describe("m", "e")["redriveCount"], 1);
    world.wait_ms(15 * 60_000);
    assert_ne!(redrive(&mut world, Some("token")), first);
    assert_eq!(world.describe("m", "e")["redriveCount"], 2);
    check_history_of_running(&mut world);
}

fn check_history_of_running(world: &mut World) {
    world.complete(TaskOutcome::Succeeded(Payload::from_text("2")));
    check_history(world, "m", "e");
}

#[test]
fn the_history_says_how_often_it_was_redriven() {
    let mut world = failed();
    redrive(&mut world, None);
    let body = json!({ "executionArn": execution_arn("m", "e") });
    let history = world.ask("GetExecutionHistory", &body.to_string());
    let redriven = r#""type":"ExecutionRedriven","id":7,"previousEventId":6,"executionRedrivenEventDetails":{"redriveCount":1}"#;
    assert!(history.contains(redriven), "{history}");
}

#[test]
fn what_cannot_be_redriven_is_refused() {
    let mut world = failed();
    let ask = |world: &mut World, arn: &str| {
        world.ask(
            "RedriveExecution",
            &json!({ "executionArn": arn }).to_string(),
        )
    };
    let missing = ask(&mut world, &execution_arn("m", "other"));
    assert!(
        missing.starts_with("! ExecutionDoesNotExist: Execution Does Not Exist: '"),
        "{missing}"
    );
    let express = "arn:aws:states:us-east-1:123456789012:express:m:e:1";
    assert!(ask(&mut world, express).starts_with("! InvalidArn: "));
}

#[test]
fn an_execution_takes_at_most_a_year_with_its_redrives() {
    const DAY_MS: i64 = 24 * 3_600_000;
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "1");
    world.wait_ms(360 * DAY_MS);
    world.ask(
        "StopExecution",
        &json!({ "executionArn": execution_arn("m", "e") }).to_string(),
    );
    redrive(&mut world, None);
    world.wait_ms(5 * DAY_MS - 1);
    assert_eq!(world.describe("m", "e")["status"], "RUNNING");
    world.wait_ms(1);
    assert_eq!(world.describe("m", "e")["status"], "TIMED_OUT");
    assert_eq!(
        redrive(&mut world, None),
        "! ExecutionNotRedrivable: Execution Not Redrivable: 'Execution has exceeded the max execution time'"
    );
}

#[test]
fn a_state_sees_how_often_it_was_redriven() {
    let mut world = World::new();
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",
            "Parameters":{"about.$":"$$.Execution"},"End":true}}}"#,
    );
    world.start("m", "e", "1");
    world.complete(TaskOutcome::Failed {
        error: None,
        cause: None,
    });
    world.now_ms += 1_000;
    redrive(&mut world, None);
    world.crash();
    redrive(&mut world, None);
    let payload: Value = serde_json::from_str(world.open[0].payload.text()).expect("a payload");
    assert_eq!(payload["about"]["RedriveCount"], 2);
    assert_eq!(payload["about"]["RedriveTime"], "2023-11-14T22:13:21.000Z");
}

/// Everything that a redrive may find in the middle of something.
const MIXED: &str = r#"{"StartAt":"Map","States":{
    "Map":{"Type":"Map","MaxConcurrency":2,"ItemsPath":"$.items","ResultPath":"$.mapped","Next":"Both",
        "ItemSelector":{"n.$":"$$.Map.Item.Value"},
        "ItemProcessor":{"StartAt":"One","States":{
            "One":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Parameters":{"n.$":"States.Format('one {}', $.n)"},"ResultPath":"$.one","Next":"Nap"},
            "Nap":{"Type":"Wait","Seconds":1,"Next":"Two"},
            "Two":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Parameters":{"n.$":"States.Format('two {}', $.n)"},"ResultPath":"$.two","End":true}}}},
    "Both":{"Type":"Parallel","ResultPath":"$.both","Next":"Last","Branches":[
        {"StartAt":"Left","States":{"Left":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Parameters":{"n":"left"},"Assign":{"kept.$":"$"},"Next":"Mine"},
            "Mine":{"Type":"Pass","Parameters":{"kept.$":"$kept"},"End":true}}},
        {"StartAt":"Inner","States":{"Inner":{"Type":"Map","ItemsPath":"$.items","End":true,"ItemProcessor":{"StartAt":"In","States":{
            "In":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Parameters":{"n.$":"States.Format('in {}', $)"},"End":true}}}}}}]},
    "Last":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Parameters":{"n":"last"},"ResultPath":"$.last","End":true}}}"#;

#[derive(Debug, Clone, Copy, PartialEq)]
enum Break {
    Never,
    /// The function fails in this call.
    Fail(usize),
    /// Somebody stops the execution before this call is answered.
    Stop(usize),
}

/// Runs [`MIXED`] to its end, redriving it once: its output, and what every call that succeeded was asked.
fn run_mixed(at: Break) -> (String, Vec<String>) {
    let mut world = World::new();
    world.create("m", "STANDARD", MIXED);
    world.start("m", "e", r#"{"items":[1,2,3]}"#);
    let (mut answered, mut succeeded) = (0, Vec::new());
    for _ in 0..200 {
        match world.describe("m", "e")["status"].as_str() {
            Some("RUNNING") => {}
            Some("SUCCEEDED") => {
                check_history(&mut world, "m", "e");
                let output = world.describe("m", "e")["output"].to_string();
                succeeded.sort();
                return (output, succeeded);
            }
            _ => {
                world.crash();
                redrive(&mut world, None);
                continue;
            }
        }
        let Some(call) = world.open.first() else {
            world.wait_ms(500);
            continue;
        };
        let payload = call.payload.text().to_string();
        answered += 1;
        match at {
            Break::Fail(call) if call == answered => {
                world.complete(TaskOutcome::Failed {
                    error: Some("Odd".to_string()),
                    cause: None,
                });
            }
            Break::Stop(call) if call == answered => {
                let body = json!({ "executionArn": execution_arn("m", "e") });
                world.ask("StopExecution", &body.to_string());
            }
            _ => {
                succeeded.push(payload.clone());
                world.complete(TaskOutcome::Succeeded(Payload::from_text(payload)));
            }
        }
    }
    panic!("{at:?}: the execution does not end");
}

#[test]
fn a_redrive_at_any_point_gives_the_output_and_repeats_no_success() {
    let (output, succeeded) = run_mixed(Break::Never);
    assert_eq!(succeeded.len(), 11);
    for call in 1..=succeeded.len() {
        for at in [Break::Fail(call), Break::Stop(call)] {
            let redriven = run_mixed(at);
            assert_eq!(redriven.0, output, "{at:?}");
            assert_eq!(redriven.1, succeeded, "{at:?}");
        }
    }
}
