//! What a caller, a restart or a later release must not be able to break.

use stepwell_api::lambda;
use stepwell_service::{FunctionCode, LostTask, Payload, Request, TaskOutcome};
use stepwell_store::{Batch, Disk, Store as _};

use crate::world::{World, answer_text, execution_arn, machine_arn};

const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","TimeoutSeconds":5,"Resource":"arn:aws:lambda:us-east-1:123456789012:function:f",
    "Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1}],"End":true}}}"#;

#[test]
fn an_express_loop_rests_after_each_step_and_ends_after_its_time() {
    let mut world = World::new();
    world.create(
        "x",
        "EXPRESS",
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.end","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}"#,
    );
    world.ask(
        "StartExecution",
        &format!(r#"{{"stateMachineArn": "{}"}}"#, machine_arn("x")),
    );
    let events_after = |world: &mut World, ms: i64| -> usize {
        world.now_ms += ms;
        world.shard.tick(world.now());
        let events = world.commit().events;
        events.iter().map(|live| live.events.len()).sum()
    };
    for _ in 0..3 {
        assert_eq!(events_after(&mut world, 19), 0);
        let events = events_after(&mut world, 1);
        assert!((1..2_000).contains(&events), "{events} events in one tick");
    }
    assert!(world.shard.next_deadline().is_some());
    world.now_ms += 300_000;
    world.shard.tick(world.now());
    world.commit();
    assert_eq!(world.shard.next_deadline(), None);
}

#[test]
fn a_destructive_operation_takes_the_whole_arn() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "{}");
    let stop = |arn: &str| format!(r#"{{"executionArn": "{arn}"}}"#);
    let foreign = execution_arn("m", "e").replace("123456789012", "999999999999");
    let answer = world.ask("StopExecution", &stop(&foreign));
    assert!(answer.starts_with("! ExecutionDoesNotExist"), "{answer}");
    assert_eq!(world.describe("m", "e")["status"], "RUNNING");
    for arn in [
        machine_arn("m") + ":3",
        machine_arn("m") + ":live",
        machine_arn("m").replace("us-east-1", "eu-west-1"),
        machine_arn("m").replace("123456789012", "999999999999"),
    ] {
        world.ask(
            "DeleteStateMachine",
            &format!(r#"{{"stateMachineArn": "{arn}"}}"#),
        );
        let shown = world.ask(
            "DescribeStateMachine",
            &format!(r#"{{"stateMachineArn": "{}"}}"#, machine_arn("m")),
        );
        assert!(shown.contains(r#""status":"ACTIVE""#), "{arn}: {shown}");
    }
}

#[test]
fn a_function_is_not_deleted_by_another_ones_name() {
    let mut world = World::new();
    let input = r#"{"FunctionName": "f", "Runtime": "nodejs22.x", "Role": "arn:aws:iam::123456789012:role/r", "Handler": "index.handler", "Code": {}}"#;
    let code = FunctionCode {
        zip: b"zip".to_vec(),
        package: "0".repeat(64),
        code_sha256: "sha".to_string(),
        unzipped_bytes: 0,
    };
    let input = serde_json::from_str(input).expect("an input");
    world
        .send(Request::CreateFunction(Box::new(input), code))
        .expect("an answer")
        .expect("a function");
    let mut delete = |name: &str| {
        let input: lambda::DeleteFunctionRequest =
            serde_json::from_str(&format!(r#"{{"FunctionName": "{name}"}}"#)).expect("an input");
        answer_text(
            world
                .send(Request::DeleteFunction(input))
                .expect("an answer"),
        )
    };
    for name in [
        "f:1",
        "f:prod",
        "arn:aws:lambda:us-east-1:123456789012:function:f:1",
        "arn:aws:lambda:eu-west-1:123456789012:function:f",
        "999999999999:function:f",
    ] {
        assert!(delete(name).starts_with("! "), "{name}");
    }
    assert_eq!(
        delete("arn:aws:lambda:us-east-1:123456789012:function:f"),
        "deleted"
    );
}

#[test]
fn a_forged_history_token_is_refused() {
    use base64::Engine as _;
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "{}");
    for id in [0, 1_000, u64::MAX] {
        let token = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(id.to_be_bytes());
        for reverse in [false, true] {
            let body = serde_json::json!({ "executionArn": execution_arn("m", "e"), "maxResults": 1,
                "reverseOrder": reverse, "nextToken": token });
            let answer = world.ask("GetExecutionHistory", &body.to_string());
            assert!(answer.starts_with("! InvalidToken"), "{id}: {answer}");
        }
    }
}

#[test]
fn a_definition_that_a_later_release_refuses_ends_its_executions_only() {
    let disk = Disk::new();
    let mut world = World::on(&disk, LostTask::Fail);
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "{}");
    let (key, mut value) = world
        .rows()
        .into_iter()
        .find(|(key, _)| key[0] == 3)
        .expect("a definition's row");
    // The same length, and a state type that does not exist.
    let at = value.windows(6).position(|bytes| bytes == b"\"Task\"");
    value[at.expect("a task") + 1] = b'X';
    let mut batch = Batch::new();
    batch.put(key, value);
    disk.open().commit(batch).expect("a commit");
    world.is_damaged = true;
    world.crash();
    let shown = world.describe("m", "e");
    assert_eq!(shown["error"], "States.Runtime", "{shown}");
    assert_eq!(world.kinds().get(&5), None, "no frame row is left");
    assert_eq!(world.kinds().get(&10), None, "no timer row is left");
    assert_eq!(world.kinds().get(&11), None, "nothing is in doubt");
    let answer = world.ask(
        "StartExecution",
        &crate::world::start_body("m", "again", "{}"),
    );
    assert!(answer.starts_with("! InvalidDefinition"), "{answer}");
}

#[test]
fn a_returned_task_whose_time_ran_out_while_the_server_was_down_runs_once() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "{}");
    let call = world.open.remove(0);
    world.send(Request::ReturnTask {
        execution: call.execution,
        ticket: call.ticket,
    });
    world.now_ms += 60_000;
    world.crash();
    assert_eq!(world.calls.len(), 1, "the attempt has timed out");
    world.wait_ms(1_000);
    assert_eq!(world.calls.len(), 2, "its retry is the only call");
    world.complete(TaskOutcome::Succeeded(Payload::from_text("1")));
    assert_eq!(world.describe("m", "e")["status"], "SUCCEEDED");
}

#[test]
fn metadata_alone_says_that_the_input_is_not_included() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "{}");
    let body = serde_json::json!({ "executionArn": execution_arn("m", "e"), "includedData": "METADATA_ONLY" });
    let answer = world.ask("DescribeExecution", &body.to_string());
    assert!(
        answer.contains(r#""inputDetails":{"included":false}"#),
        "{answer}"
    );
}
