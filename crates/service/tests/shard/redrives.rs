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
