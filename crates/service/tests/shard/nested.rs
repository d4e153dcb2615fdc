//! Tasks that call Step Functions itself, and executions that tasks wait for.

use expect_test::expect;
use serde_json::{Value, json};
use stepwell_service::{LostTask, Payload, TaskOutcome};
use stepwell_store::{Disk, Fault};

use crate::crashes::check_history;
use crate::world::{World, change, check, execution_arn, machine_arn, start_body};

const CHILD: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;

fn parent(resource: &str, parameters: &str, more: &str) -> String {
    format!(
        r#"{{"StartAt":"N","States":{{"N":{{"Type":"Task","Resource":"arn:aws:states:::{resource}","Parameters":{parameters}{more},"End":true}}}}}}"#
    )
}

fn start_child(pattern: &str, more: &str) -> String {
    let parameters = format!(
        r#"{{"StateMachineArn":"{}","Name":"child","Input":{{"from.$":"$$.Execution.Id","n":1}}}}"#,
        machine_arn("c")
    );
    parent(
        &format!("states:startExecution{pattern}"),
        &parameters,
        more,
    )
}

fn world(definition: &str) -> World {
    let mut world = World::new();
    world.create("c", "STANDARD", CHILD);
    world.create("p", "STANDARD", definition);
    world
}

/// Output, or error and cause, of the parent.
fn result(world: &World) -> Value {
    let shown = world.describe("p", "e");
    match shown["output"].as_str() {
        Some(output) => serde_json::from_str(output).expect("an output is JSON"),
        None => json!([shown["status"], shown["error"], shown["cause"]]),
    }
}

fn ends(world: &mut World, output: &str) {
    world.complete(TaskOutcome::Succeeded(Payload::from_text(output)));
}

#[test]
fn a_plain_start_gives_the_reply_with_its_http_metadata() {
    let mut world = world(&start_child("", ""));
    world.start("p", "e", "{}");
    let id = result(&world)["SdkResponseMetadata"]["RequestId"].clone();
    let text = result(&world)
        .to_string()
        .replace(id.as_str().expect("an id"), "ID");
    expect![[r#"{"ExecutionArn":"arn:aws:states:us-east-1:123456789012:execution:c:child","SdkHttpMetadata":{"AllHttpHeaders":{"x-amzn-RequestId":["ID"],"connection":["keep-alive"],"Content-Length":["92"],"Date":["Tue, 14 Nov 2023 22:13:20 GMT"],"Content-Type":["application/x-amz-json-1.0"]},"HttpHeaders":{"connection":"keep-alive","Content-Length":"92","Content-Type":"application/x-amz-json-1.0","Date":"Tue, 14 Nov 2023 22:13:20 GMT","x-amzn-RequestId":"ID"},"HttpStatusCode":200},"SdkResponseMetadata":{"RequestId":"ID"},"StartDate":1700000000000}"#]].assert_eq(&text);
    assert_eq!(
        world.describe("c", "child")["input"],
        r#"{"from":"arn:aws:states:us-east-1:123456789012:execution:p:e","n":1}"#
    );
    check_history(&mut world, "p", "e");
}

#[test]
fn a_task_waits_for_the_end_of_its_child() {
    for (pattern, input) in [
        (
            ".sync",
            json!(r#"{"from":"arn:aws:states:us-east-1:123456789012:execution:p:e","n":1}"#),
        ),
        (
            ".sync:2",
            json!({ "n": 1, "from": execution_arn("p", "e") }),
        ),
    ] {
        let mut world = world(&start_child(pattern, ""));
        world.start("p", "e", "{}");
        assert_eq!(world.describe("p", "e")["status"], "RUNNING");
        ends(&mut world, r#"{"done":true}"#);
        let result = result(&world);
        assert_eq!(result["Input"], input, "{pattern}");
        let output = if pattern == ".sync" {
            json!(r#"{"done":true}"#)
        } else {
            json!({ "done": true })
        };
        assert_eq!(result["Output"], output, "{pattern}");
        check_history(&mut world, "p", "e");
        for kind in [27, 31] {
            assert_eq!(world.kinds().get(&kind), None);
        }
    }
}

#[test]
fn a_child_that_ends_in_its_first_step_completes_its_task_too() {
    let mut world = World::new();
    let pass = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","Result":3,"End":true}}}"#;
    world.create("c", "STANDARD", pass);
    world.create("p", "STANDARD", &start_child(".sync", ""));
    world.start("p", "e", "{}");
    assert_eq!(result(&world)["Output"], "3");
    check_history(&mut world, "p", "e");
}

#[test]
fn the_result_of_a_child_is_its_description() {
    let mut world = world(&start_child(".sync", ""));
    world.start("p", "e", "{}");
    ends(&mut world, "2");
    expect![[r#"{"ExecutionArn":"arn:aws:states:us-east-1:123456789012:execution:c:child","Input":"{\"from\":\"arn:aws:states:us-east-1:123456789012:execution:p:e\",\"n\":1}","InputDetails":{"Included":true},"Name":"child","Output":"2","OutputDetails":{"Included":true},"RedriveCount":0,"RedriveStatus":"NOT_REDRIVABLE","RedriveStatusReason":"Execution is SUCCEEDED and cannot be redriven","StartDate":1700000000000,"StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:c","Status":"SUCCEEDED","StopDate":1700000000000}"#]].assert_eq(&result(&world).to_string());
}

#[test]
fn a_child_that_fails_or_is_stopped_fails_the_task() {
    let mut failed = world(&start_child(".sync", ""));
    failed.start("p", "e", "{}");
    failed.complete(TaskOutcome::Failed {
        error: Some("Odd".to_string()),
        cause: Some("so".to_string()),
    });
    let mut stopped = world(&start_child(".sync:2", ""));
    stopped.start("p", "e", "{}");
    stopped.ask(
        "StopExecution",
        &json!({ "executionArn": execution_arn("c", "child") }).to_string(),
    );
    for (world, error, status) in [
        (failed, json!("Odd"), "FAILED"),
        (stopped, Value::Null, "ABORTED"),
    ] {
        let result = result(&world);
        assert_eq!(result[1], "States.TaskFailed");
        let cause: Value =
            serde_json::from_str(result[2].as_str().expect("a cause")).expect("JSON");
        assert_eq!(
            (&cause["Status"], &cause["Error"]),
            (&json!(status), &error)
        );
        assert!(cause["Input"].is_string());
    }
}

#[test]
fn a_child_is_stopped_with_its_task() {
    let stopped = |world: &mut World| {
        assert_eq!(world.describe("c", "child")["status"], "ABORTED");
        for kind in [27, 31] {
            assert_eq!(world.kinds().get(&kind), None);
        }
    };
    let mut world = world(&start_child(".sync", ""));
    world.start("p", "e", "{}");
    world.ask(
        "StopExecution",
        &json!({ "executionArn": execution_arn("p", "e") }).to_string(),
    );
    stopped(&mut world);
    let mut world = self::world(&start_child(".sync", r#","TimeoutSeconds":5"#));
    world.start("p", "e", "{}");
    world.wait_ms(5_000);
    assert_eq!(result(&world)[1], "States.Timeout");
    stopped(&mut world);
}

#[test]
fn a_task_that_waits_for_its_child_may_be_completed_by_its_token() {
    let parameters = format!(
        r#"{{"StateMachineArn":"{}","Name":"child","Input":{{"token.$":"$$.Task.Token"}}}}"#,
        machine_arn("c")
    );
    let mut world = world(&parent("states:startExecution.sync", &parameters, ""));
    world.start("p", "e", "{}");
    let input: Value = serde_json::from_str(world.open[0].payload.text()).expect("JSON");
    world.ask(
        "SendTaskSuccess",
        &json!({ "taskToken": input["token"], "output": "7" }).to_string(),
    );
    assert_eq!(result(&world), json!(7));
    // The child runs on for nobody.
    ends(&mut world, "2");
    assert_eq!(world.describe("c", "child")["status"], "SUCCEEDED");
    check_history(&mut world, "p", "e");
}

#[test]
fn a_start_that_is_refused_fails_the_task_in_the_words_of_the_first_sdk() {
    let mut world = world(&start_child(".sync", ""));
    world.start("c", "child", r#""other""#);
    world.start("p", "e", "{}");
    let result = result(&world);
    assert_eq!(result[1], "StepFunctions.ExecutionAlreadyExistsException");
    let cause = result[2].as_str().expect("a cause");
    let (text, rest) = cause.split_once("Request ID: ").expect("a request id");
    assert_eq!(
        text,
        "Execution Already Exists: 'arn:aws:states:us-east-1:123456789012:execution:c:child' \
         (Service: AWSStepFunctions; Status Code: 400; Error Code: ExecutionAlreadyExists; "
    );
    assert!(rest.ends_with("; Proxy: null)"), "{rest}");
}

#[test]
fn an_express_child_has_no_end_to_wait_for() {
    let mut world = World::new();
    world.create("c", "EXPRESS", CHILD);
    world.create("p", "STANDARD", &start_child(".sync", ""));
    world.start("p", "e", "{}");
    assert_eq!(
        result(&world)[1],
        "StepFunctions.StateMachineTypeNotSupportedException"
    );
    assert!(world.open.is_empty(), "nothing was started");
}

#[test]
fn sdk_calls_answer_in_the_words_of_the_second_sdk() {
    check(
        &format!(
            r#"create c {CHILD}
            create start {}
            start start e
            show start e
            create bad {}
            start bad e
            show bad e
            create wrong {}
            start wrong e
            show wrong e
            create describe {}
            start describe e
            show describe e"#,
            parent(
                "aws-sdk:sfn:startExecution",
                &format!(
                    r#"{{"StateMachineArn":"{}","Name":"n","Input":{{"a":1}}}}"#,
                    machine_arn("c")
                ),
                r#","ResultSelector":{"got.$":"$"}"#
            ),
            parent(
                "aws-sdk:sfn:sendTaskSuccess",
                r#"{"TaskToken":"no","Output":"{}"}"#,
                ""
            ),
            parent(
                "aws-sdk:sfn:startExecution",
                r#"{"StateMachineArn.$":"$$.State.RetryCount"}"#,
                ""
            ),
            parent(
                "aws-sdk:sfn:describeExecution",
                r#"{"ExecutionArn.$":"$$.Execution.Id"}"#,
                ""
            ),
        ),
        expect![[r#"
            > create c {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:c","creationDate":1700000000.0}
            > create start {"StartAt":"N","States":{"N":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:startExecution","Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:c","Name":"n","Input":{"a":1}},"ResultSelector":{"got.$":"$"},"End":true}}}
              {"stateMachineArn":"@stateMachine:start","creationDate":1700000000.0}
            > start start e
              {"executionArn":"@execution:start:e","startDate":1700000000.0}
              call @f:f {"a":1}
            > show start e
              SUCCEEDED {"got":{"ExecutionArn":"arn:aws:states:us-east-1:123456789012:execution:c:n","StartDate":"2023-11-14T22:13:20Z"}}
            > create bad {"StartAt":"N","States":{"N":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:sendTaskSuccess","Parameters":{"TaskToken":"no","Output":"{}"},"End":true}}}
              {"stateMachineArn":"@stateMachine:bad","creationDate":1700000000.0}
            > start bad e
              {"executionArn":"@execution:bad:e","startDate":1700000000.0}
            > show bad e
              FAILED Sfn.InvalidTokenException | Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: 160e4b3d-15c4-4bea-a22c-bc0c820f66d5) (SDK Attempt Count: 1)
            > create wrong {"StartAt":"N","States":{"N":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:startExecution","Parameters":{"StateMachineArn.$":"$$.State.RetryCount"},"End":true}}}
              {"stateMachineArn":"@stateMachine:wrong","creationDate":1700000000.0}
            > start wrong e
              {"executionArn":"@execution:wrong:e","startDate":1700000000.0}
            > show wrong e
              FAILED States.Runtime | The Parameters '{"StateMachineArn":0}' could not be used to start the Task: [The value for the field 'StateMachineArn' must be a STRING]
            > create describe {"StartAt":"N","States":{"N":{"Type":"Task","Resource":"arn:aws:states:::aws-sdk:sfn:describeExecution","Parameters":{"ExecutionArn.$":"$$.Execution.Id"},"End":true}}}
              {"stateMachineArn":"@stateMachine:describe","creationDate":1700000000.0}
            > start describe e
              {"executionArn":"@execution:describe:e","startDate":1700000000.0}
            > show describe e
              SUCCEEDED {"ExecutionArn":"arn:aws:states:us-east-1:123456789012:execution:describe:e","Input":"{}","InputDetails":{"Included":true},"Name":"e","RedriveCount":0,"RedriveStatus":"NOT_REDRIVABLE","RedriveStatusReason":"Execution is RUNNING and cannot be redriven","StartDate":"2023-11-14T22:13:20Z","StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:describe","Status":"RUNNING"}
        "#]],
    );
}

#[test]
fn a_machine_may_start_itself_without_end_and_others_go_on() {
    let mut world = World::new();
    let parameters = format!(r#"{{"StateMachineArn":"{}"}}"#, machine_arn("p"));
    world.create(
        "p",
        "STANDARD",
        &parent("states:startExecution", &parameters, ""),
    );
    world.apply(
        change("StartExecution", &start_body("p", "e", "{}"))
            .expect("decodes")
            .expect("changes"),
    );
    for _ in 0..10 {
        // Every generation waits for the commit of the one before.
        world.try_commit().expect("the store works");
        assert_eq!(world.asked.len(), 1);
        let call = world.asked.remove(0);
        let request = world.request_of(call);
        world.apply(request);
    }
}

/// Where a run is cut off.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Never,
    At(u64, Fault),
    After(u64),
}

/// Runs a parent and its child to their ends; the process dies once.
fn to_the_end(cut: Cut) -> (World, u64) {
    let mut world = World::on(&Disk::new(), LostTask::Retry);
    world.create("c", "STANDARD", CHILD);
    world.create("p", "STANDARD", &start_child(".sync:2", ""));
    if let Cut::At(commit, fault) = cut {
        world.disk.fail(fault, commit - 1);
    }
    let mut commits = 0;
    let commit = |world: &mut World, commits: &mut u64| {
        *commits += 1;
        let committed = world.try_commit();
        let is_cut = matches!(cut, Cut::After(commit) if commit == *commits);
        if committed.is_err() || is_cut {
            world.crash();
        }
    };
    for _ in 0..2 {
        world.apply(
            change("StartExecution", &start_body("p", "e", "{}"))
                .expect("decodes")
                .expect("changes"),
        );
        commit(&mut world, &mut commits);
    }
    for _ in 0..50 {
        if world.describe("p", "e")["status"] != "RUNNING" {
            return (world, commits);
        }
        if !world.asked.is_empty() {
            let call = world.asked.remove(0);
            let request = world.request_of(call);
            world.apply(request);
        } else if !world.open.is_empty() {
            let call = world.open.remove(0);
            let outcome = TaskOutcome::Succeeded(Payload::from_text("[1]"));
            world.apply(stepwell_service::Request::CompleteTask {
                execution: call.execution,
                ticket: call.ticket,
                outcome,
            });
        } else {
            panic!("{cut:?}: nothing goes on");
        }
        commit(&mut world, &mut commits);
    }
    panic!("{cut:?}: the parent does not end");
}

#[test]
fn a_crash_at_any_commit_starts_a_child_once_and_completes_its_task_once() {
    let (world, commits) = to_the_end(Cut::Never);
    assert_eq!(result(&world)["Output"], json!([1]));
    for commit in 1..=commits {
        for cut in [
            Cut::After(commit),
            Cut::At(commit, Fault::BeforeWrite),
            Cut::At(commit, Fault::AfterWrite),
        ] {
            let (mut world, _) = to_the_end(cut);
            assert_eq!(result(&world)["Output"], json!([1]), "{cut:?}");
            check_history(&mut world, "p", "e");
            check_history(&mut world, "c", "child");
            for kind in [5, 9, 10, 11, 15, 27, 31] {
                assert_eq!(
                    world.kinds().get(&kind),
                    None,
                    "{cut:?}: rows of kind {kind} are left"
                );
            }
            let list = world.ask(
                "ListExecutions",
                &json!({ "stateMachineArn": machine_arn("c") }).to_string(),
            );
            assert_eq!(list.matches("\"name\":").count(), 1, "{cut:?}: {list}");
        }
    }
}
