//! Task tokens, and tasks whose server went away.

use crate::world::{World, check, check_with};
use expect_test::expect;
use stepwell_service::LostTask;
use stepwell_store::Disk;

#[test]
fn a_token_completes_its_task_once() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
        start m e
        submit {"StatusCode":200}
        token success {"done":
        token success {"done":true}
        token success {"done":true}
        token failure Late
        token beat
        SendTaskSuccess {"taskToken": "nonsense", "output": "1"}
        show m e
        history m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call f {"t":"TOKEN"}
            > submit {"StatusCode":200}
            > token success {"done":
              ! InvalidOutput: Invalid Output: 'EOF while parsing a value at line 1 column 8'
            > token success {"done":true}
              {}
            > token success {"done":true}
              ! TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'
            > token failure Late
              ! TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'
            > token beat
              ! TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'
            > SendTaskSuccess {"taskToken": "nonsense", "output": "1"}
              ! InvalidToken: Invalid Token: 'Invalid token'
            > show m e
              SUCCEEDED {"done":true}
            > history m e
              1<0 ExecutionStarted 2<0 +T 3<2 TaskScheduled 4<3 TaskStarted 5<4 TaskSubmitted 6<5 TaskSucceeded 7<6 -T 8<7 ExecutionSucceeded
        "#]],
    );
}

#[test]
fn a_token_may_come_back_before_the_call_has_returned() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
        start m e
        token success 1
        submit {"StatusCode":200}
        show m e
        history m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call f {"t":"TOKEN"}
            > token success 1
              {}
            > submit {"StatusCode":200}
            > show m e
              SUCCEEDED 1
            > history m e
              1<0 ExecutionStarted 2<0 +T 3<2 TaskScheduled 4<3 TaskStarted 5<4 TaskSucceeded 6<5 -T 7<6 ExecutionSucceeded
        "#]],
    );
}

#[test]
fn a_token_that_was_not_handed_out_is_invalid() {
    let mut world = crate::world::World::new();
    let machine = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}"#;
    world.create("m", "STANDARD", machine);
    world.start("m", "e", "{}");
    let payload: serde_json::Value =
        serde_json::from_str(world.open[0].payload.text()).expect("a payload");
    let token = payload["t"].as_str().expect("a token");
    for forged in [
        token.replace(&token[60..], "000000"),
        format!("01{:016x}{}", 77, &token[18..]),
        format!("02{}", &token[2..]),
    ] {
        let body = serde_json::json!({ "taskToken": forged, "output": "1" });
        assert_eq!(
            world.ask("SendTaskSuccess", &body.to_string()),
            "! InvalidToken: Invalid Token: 'Invalid token'",
            "{forged}"
        );
    }
    let body = serde_json::json!({ "taskToken": token, "output": "1" });
    assert_eq!(world.ask("SendTaskSuccess", &body.to_string()), "{}");
}

#[test]
fn a_token_is_looked_at_before_its_output() {
    check(
        r#"SendTaskSuccess {"taskToken": "nonsense", "output": "no JSON"}"#,
        expect![[r#"
            > SendTaskSuccess {"taskToken": "nonsense", "output": "no JSON"}
              ! InvalidToken: Invalid Token: 'Invalid token'
        "#]],
    );
}

#[test]
fn heartbeats_keep_a_token_alive_until_they_stop() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","HeartbeatSeconds":10,"Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
        start m e
        submit {}
        wait 9
        token beat
        crash
        wait 9
        show m e
        token beat
        wait 10
        token beat
        show m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","HeartbeatSeconds":10,"Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call f {"t":"TOKEN"}
            > submit {}
            > wait 9
            > token beat
              {}
            > crash
            > wait 9
            > show m e
              RUNNING - | -
            > token beat
              {}
            > wait 10
            > token beat
              ! TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'
            > show m e
              FAILED States.Timeout | -
        "#]],
    );
}

#[test]
fn a_token_fails_its_task_and_a_retry_gets_a_token_of_its_own() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Retry":[{"ErrorEquals":["Again"],"IntervalSeconds":1}],"Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
        start m e
        submit {}
        token failure Again
        token success "too late"
        wait 1
        submit {}
        token success "second"
        show m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Retry":[{"ErrorEquals":["Again"],"IntervalSeconds":1}],"Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call f {"t":"TOKEN"}
            > submit {}
            > token failure Again
              {}
            > token success "too late"
              ! TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'
            > wait 1
              call f {"t":"TOKEN"}
            > submit {}
            > token success "second"
              {}
            > show m e
              SUCCEEDED "second"
        "#]],
    );
}

const ONE: &str = r#"
    create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
    start m e {"n":1}
    crash
    show m e
    rows
"#;

#[test]
fn a_task_in_doubt_fails_after_a_crash() {
    check(
        ONE,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e {"n":1}
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call @f:f {"n":1}
            > crash
            > show m e
              FAILED Lambda.SdkClientException | The server stopped while the task was running; whether it took effect is unknown. Stepwell does not run a task twice unless Retry says so (see --on-lost-task).
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 2, 7: 1, 8: 1}
        "#]],
    );
}

#[test]
fn a_task_in_doubt_is_called_again_where_that_is_asked_for() {
    check_with(
        LostTask::Retry,
        &format!("{ONE}\n ok 5\n show m e\n history m e\n rows"),
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e {"n":1}
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call @f:f {"n":1}
            > crash
              call @f:f {"n":1}
            > show m e
              RUNNING - | -
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1}
            > ok 5
            > show m e
              SUCCEEDED 5
            > history m e
              1<0 ExecutionStarted 2<0 +T 3<2 FunctionScheduled 4<3 FunctionStarted 5<4 FunctionSucceeded 6<5 -T 7<6 ExecutionSucceeded
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 6: 2, 7: 1, 8: 1}
        "#]],
    );
}

#[test]
fn the_retry_of_a_definition_sees_a_lost_task() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Retry":[{"ErrorEquals":["Lambda.SdkClientException"],"IntervalSeconds":2}],"End":true}}}
        start m e
        crash
        crash
        wait 2
        ok 7
        show m e
        history m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Retry":[{"ErrorEquals":["Lambda.SdkClientException"],"IntervalSeconds":2}],"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call @f:f {}
            > crash
            > crash
            > wait 2
              call @f:f {}
            > ok 7
            > show m e
              SUCCEEDED 7
            > history m e
              1<0 ExecutionStarted 2<0 +T 3<2 FunctionScheduled 4<3 FunctionStarted 5<4 FunctionFailed 6<5 FunctionScheduled 7<6 FunctionStarted 8<7 FunctionSucceeded 9<8 -T 10<9 ExecutionSucceeded
        "#]],
    );
}

#[test]
fn a_returned_task_is_called_again_and_leaves_no_row() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
        start m e {"n":1}
        return
        rows
        crash
        rows
        ok 1
        show m e
        history m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e {"n":1}
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call @f:f {"n":1}
            > return
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1, 15: 1}
            > crash
              call @f:f {"n":1}
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 11: 1}
            > ok 1
            > show m e
              SUCCEEDED 1
            > history m e
              1<0 ExecutionStarted 2<0 +T 3<2 FunctionScheduled 4<3 FunctionStarted 5<4 FunctionSucceeded 6<5 -T 7<6 ExecutionSucceeded
        "#]],
    );
}

#[test]
fn a_submitted_task_waits_through_a_crash() {
    check(
        r#"
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
        start m e
        submit {}
        crash
        token success 1
        show m e
        "#,
        expect![[r#"
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke.waitForTaskToken","Parameters":{"FunctionName":"f","Payload":{"t.$":"$$.Task.Token"}},"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m e
              {"executionArn":"@execution:m:e","startDate":1700000000.0}
              call f {"t":"TOKEN"}
            > submit {}
            > crash
            > token success 1
              {}
            > show m e
              SUCCEEDED 1
        "#]],
    );
}

#[test]
fn a_call_that_a_recovery_makes_says_so() {
    let mut world = World::on(&Disk::new(), LostTask::Retry);
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#,
    );
    world.start("m", "e", "1");
    assert!(!world.open[0].is_recovered);
    world.crash();
    assert!(world.open[0].is_recovered);
}
