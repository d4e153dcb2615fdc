//! Executions: start, run, stop, and what comes out of which commit.

use crate::world::{World, check};
use expect_test::expect;
use stepwell_service::{Payload, Request, TaskOutcome};
use stepwell_store::Fault;

const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;

#[test]
fn the_same_start_while_it_runs_is_the_first_one() {
    check(
        r#"
        create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}
        start m a {"x":1}
        wait 1
        start m a {"x":1}
        start m a {"x": 1}
        start m b
        start m b {}
        wait 5
        start m a {"x":1}
        show m a
        "#,
        expect![[r#"
            > create m {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":5,"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m a {"x":1}
              {"executionArn":"@execution:m:a","startDate":1700000000.0}
            > wait 1
            > start m a {"x":1}
              {"executionArn":"@execution:m:a","startDate":1700000000.0}
            > start m a {"x": 1}
              ! ExecutionAlreadyExists: Execution Already Exists: '@execution:m:a'
            > start m b
              {"executionArn":"@execution:m:b","startDate":1700000001.0}
            > start m b {}
              {"executionArn":"@execution:m:b","startDate":1700000001.0}
            > wait 5
            > start m a {"x":1}
              ! ExecutionAlreadyExists: Execution Already Exists: '@execution:m:a'
            > show m a
              SUCCEEDED {"x":1}
        "#]],
    );
}

#[test]
fn a_start_is_checked_in_the_order_of_arn_machine_name_input() {
    check(
        r#"
        create m {"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}
        StartExecution {"stateMachineArn": "m", "name": "a/b", "input": "?"}
        StartExecution {"stateMachineArn": "@none", "name": "a/b", "input": "?"}
        StartExecution {"stateMachineArn": "@m", "name": "a/b", "input": "?"}
        StartExecution {"stateMachineArn": "@m", "name": "ab", "input": "?"}
        StartExecution {"stateMachineArn": "@m", "name": "ab", "input": ""}
        StartExecution {"stateMachineArn": "@m", "name": "ab"}
        show m ab
        StopExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:none"}
        StartSyncExecution {"stateMachineArn": "@m"}
        "#,
        expect![[r#"
            > create m {"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > StartExecution {"stateMachineArn": "m", "name": "a/b", "input": "?"}
              ! InvalidArn: Invalid Arn: 'Invalid ARN prefix: m'
            > StartExecution {"stateMachineArn": "@none", "name": "a/b", "input": "?"}
              ! StateMachineDoesNotExist: State Machine Does Not Exist: '@stateMachine:none'
            > StartExecution {"stateMachineArn": "@m", "name": "a/b", "input": "?"}
              ! InvalidName: Invalid Name: 'a/b'
            > StartExecution {"stateMachineArn": "@m", "name": "ab", "input": "?"}
              ! InvalidExecutionInput: Invalid State Machine Execution Input: 'expected value at line 1 column 1'
            > StartExecution {"stateMachineArn": "@m", "name": "ab", "input": ""}
              ! InvalidExecutionInput: Invalid State Machine Execution Input: 'Invalid execution input.'
            > StartExecution {"stateMachineArn": "@m", "name": "ab"}
              {"executionArn":"@execution:m:ab","startDate":1700000000.0}
            > show m ab
              SUCCEEDED {}
            > StopExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:execution:m:none"}
              ! ExecutionDoesNotExist: Execution Does Not Exist: '@execution:m:none'
            > StartSyncExecution {"stateMachineArn": "@m"}
              ! StateMachineTypeNotSupported: This operation is not supported by this type of state machine
        "#]],
    );
}

#[test]
fn an_unnamed_execution_gets_a_uuid() {
    let mut world = World::new();
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#,
    );
    let body = format!(
        r#"{{"stateMachineArn": "{}"}}"#,
        crate::world::machine_arn("m")
    );
    let names = [0, 1].map(|_| {
        let answer: serde_json::Value =
            serde_json::from_str(&world.ask("StartExecution", &body)).expect("an answer");
        answer["executionArn"]
            .as_str()
            .and_then(|arn| arn.rsplit(':').next())
            .expect("an ARN")
            .to_string()
    });
    assert_ne!(names[0], names[1]);
    assert!(
        names
            .iter()
            .all(|name| name.len() == 36 && name.as_bytes()[14] == b'4'),
        "{names:?}"
    );
}

#[test]
fn tasks_run_one_after_the_other_and_the_history_tells_it() {
    check(
        r#"
        create m {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","ResultPath":"$.a","Next":"B"},"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"g","Payload.$":"$"},"OutputPath":"$.Payload","End":true}}}
        start m e {"x":1}
        show m e
        ok {"y":2}
        ok {"Payload":{"z":3},"StatusCode":200}
        show m e
        history m e
        stop m e
        show m e
        "#,
        expect![[r#"
            > create m {"StartAt":"A","States":{"A":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","ResultPath":"$.a","Next":"B"},"B":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"FunctionName":"g","Payload.$":"$"},"OutputPath":"$.Payload","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e {"x":1}
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call @f:f {"x":1}
            > show m e
              RUNNING - | -
            > ok {"y":2}
              call g {"x":1,"a":{"y":2}}
            > ok {"Payload":{"z":3},"StatusCode":200}
            > show m e
              SUCCEEDED {"z":3}
            > history m e
              1<0 ExecutionStarted 2<0 +A 3<2 FunctionScheduled 4<3 FunctionStarted 5<4 FunctionSucceeded 6<5 -A 7<6 +B 8<7 TaskScheduled 9<8 TaskStarted 10<9 TaskSucceeded 11<10 -B 12<11 ExecutionSucceeded
            > stop m e
              {"stopDate":1700000000.0}
            > show m e
              SUCCEEDED {"z":3}
        "#]],
    );
}

#[test]
fn a_stopped_execution_is_over_and_its_calls_are_cancelled() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
        start m e
        rows
        stop m e
        rows
        wait 1
        stop m e
        history m e
        start m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call @f:f {}
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1}
            > stop m e
              {"stopDate":1700000000.0}
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 2, 7: 1, 8: 1}
            > wait 1
            > stop m e
              {"stopDate":1700000000.0}
            > history m e
              1<0 ExecutionStarted 2<0 +T 3<2 FunctionScheduled 4<3 FunctionStarted 5<0 ExecutionAborted
            > start m e
              ! ExecutionAlreadyExists: Execution Already Exists: '@execution:m:e'
        "#]],
    );
}

#[test]
fn nothing_comes_out_before_the_commit() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    let rows = world.rows();
    let request = crate::world::change("StartExecution", &crate::world::start_body("m", "e", "{}"))
        .expect("decodes")
        .expect("changes");
    let id = world.apply(request);
    assert_eq!(world.rows(), rows, "an applied command is not durable");
    assert!(world.open.is_empty());
    let committed = world.commit();
    assert_eq!(
        committed
            .answers
            .iter()
            .map(|(answered, _)| *answered)
            .collect::<Vec<_>>(),
        [id]
    );
    assert_eq!(
        committed
            .events
            .iter()
            .map(|live| live.events.len())
            .collect::<Vec<_>>(),
        [4]
    );
    assert_eq!(
        world.calls,
        ["arn:aws:lambda:us-east-1:123456789012:function:f {}"]
    );
    let again = world.commit();
    assert!(
        again.answers.is_empty() && again.effects.is_empty() && again.events.is_empty(),
        "a release happens once"
    );
}

#[test]
fn one_commit_carries_many_commands() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    let commits = world.disk.commits();
    for number in 0..100 {
        let body = crate::world::start_body("m", &format!("e{number}"), "{}");
        world.apply(
            crate::world::change("StartExecution", &body)
                .expect("decodes")
                .expect("changes"),
        );
    }
    assert_eq!(world.commit().answers.len(), 100);
    assert_eq!(world.disk.commits(), commits + 1);
    assert_eq!(world.open.len(), 100);
}

#[test]
fn a_late_or_second_completion_changes_nothing() {
    let mut world = World::new();
    let retried = TASK.replace(r#""End":true"#, r#""TimeoutSeconds":5,"Retry":[{"ErrorEquals":["States.ALL"],"IntervalSeconds":1}],"End":true"#);
    world.create("m", "STANDARD", &retried);
    world.start("m", "e", "{}");
    let (execution, late) = (world.open[0].execution, world.open[0].ticket);
    world.wait_ms(5_000);
    world.wait_ms(1_000);
    assert_eq!(
        world.calls.len(),
        2,
        "the attempt that timed out is tried again"
    );
    let before = world.rows();
    let succeeded = |text: &str| TaskOutcome::Succeeded(Payload::from_text(text));
    world.send(Request::CompleteTask {
        execution,
        ticket: late,
        outcome: succeeded("1"),
    });
    world.send(Request::ReturnTask {
        execution,
        ticket: late,
    });
    world.send(Request::CompleteTask {
        execution: 999,
        ticket: late,
        outcome: succeeded("1"),
    });
    assert_eq!(world.describe("m", "e")["status"], "RUNNING");
    assert_eq!(
        world.rows().len(),
        before.len(),
        "nothing is left behind by what came too late"
    );
    let ticket = world.complete(succeeded("2"));
    world.send(Request::CompleteTask {
        execution,
        ticket,
        outcome: succeeded("3"),
    });
    assert_eq!(world.describe("m", "e")["output"], "2");
}

#[test]
fn a_commit_that_fails_ends_the_shard_and_releases_nothing() {
    for fault in [Fault::BeforeWrite, Fault::AfterWrite] {
        let mut world = World::new();
        world.create("m", "STANDARD", TASK);
        world.fail_next_commit(fault);
        let start = |world: &mut World, name: &str| {
            let body = crate::world::start_body("m", name, "{}");
            world.apply(
                crate::world::change("StartExecution", &body)
                    .expect("decodes")
                    .expect("changes"),
            );
        };
        start(&mut world, "e");
        assert!(world.try_commit().is_err(), "{fault:?}");
        start(&mut world, "later");
        world
            .shard
            .tick(stepwell_service::Timestamp::from_millis(world.now_ms + 1));
        assert!(
            world.try_commit().is_err(),
            "{fault:?}: a spent shard goes on refusing"
        );
        assert!(
            world.calls.is_empty() && world.events.is_empty(),
            "{fault:?}: nothing was released"
        );

        world.crash();
        let found = world.ask(
            "DescribeExecution",
            &format!(
                r#"{{"executionArn": "{}"}}"#,
                crate::world::execution_arn("m", "e")
            ),
        );
        // Durable or not is unknown to the caller; either way the world is whole.
        assert_eq!(
            found.starts_with('{'),
            fault == Fault::AfterWrite,
            "{found}"
        );
        let later = world.ask(
            "DescribeExecution",
            &format!(
                r#"{{"executionArn": "{}"}}"#,
                crate::world::execution_arn("m", "later")
            ),
        );
        assert!(later.starts_with("! ExecutionDoesNotExist"), "{later}");
        world.start("m", "after", "{}");
        world.complete(TaskOutcome::Succeeded(Payload::from_text("1")));
        assert_eq!(world.describe("m", "after")["status"], "SUCCEEDED");
    }
}

#[test]
fn large_inputs_ask_for_a_commit_before_a_batch_is_too_large() {
    let mut world = World::new();
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"A","States":{"A":{"Type":"Pass","End":true}}}"#,
    );
    let input = format!("\"{}\"", "x".repeat(250_000));
    let mut commits = 0;
    for number in 0..600 {
        let body = crate::world::start_body("m", &format!("e{number}"), &input);
        world.apply(
            crate::world::change("StartExecution", &body)
                .expect("decodes")
                .expect("changes"),
        );
        if world.shard.is_full() {
            world.commit();
            commits += 1;
        }
    }
    world.commit();
    assert!((5..100).contains(&commits), "{commits}");
    assert_eq!(world.describe("m", "e599")["status"], "SUCCEEDED");
}

#[test]
fn a_resource_that_is_not_performed_fails_and_says_its_name() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody":"b"},"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"N"}],"End":true},"N":{"Type":"Succeed"}}}
        start m e
        show m e
        create i {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Payload":1,"FunctionName.$":"$.f"},"End":true}}}
        start i e {"f": 1}
        show i e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::sqs:sendMessage","Parameters":{"QueueUrl":"q","MessageBody":"b"},"Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"N"}],"End":true},"N":{"Type":"Succeed"}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
            > show m e
              FAILED States.Runtime | NotImplemented: Stepwell does not perform the resource arn:aws:states:::sqs:sendMessage yet
            > create i {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke","Parameters":{"Payload":1,"FunctionName.$":"$.f"},"End":true}}}
              {"stateMachineArn":"@stateMachine:i","creationDate":1700000000.0}
            > start i e {"f": 1}
              {"executionArn":"@execution:i:e","startDate":1700000000.0}
            > show i e
              FAILED States.Runtime | The Parameters '{"Payload":1,"FunctionName":1}' could not be used to start the Task: [The value for the field 'FunctionName' must be a STRING]
        "#]],
    );
}

#[test]
fn an_execution_that_writes_more_than_one_batch_holds_takes_several() {
    let machine = r#"{"StartAt":"A","States":{"A":{"Type":"Map","ItemsPath":"$.items","ItemSelector":{"i.$":"$$.Map.Item.Value","pad.$":"$.pad"},"End":true,
        "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Pass","OutputPath":"$.i","End":true}}}}}}"#;
    let items: Vec<u32> = (0..600).collect();
    let input = format!(
        r#"{{"items": {items:?}, "pad": "{}"}}"#,
        "x".repeat(250_000)
    );
    let mut world = World::new();
    world.create("m", "STANDARD", machine);
    world.start("m", "e", &input);
    assert_eq!(world.describe("m", "e")["status"], "RUNNING");
    world.shard.tick(world.now());
    world.commit();
    world.crash();
    world.tick();
    let shown = world.describe("m", "e");
    assert_eq!(
        shown["output"].as_str(),
        serde_json::to_string(&items).ok().as_deref()
    );
    assert_eq!(world.kinds().get(&10), None, "no timer row is left");
}
