//! The spine: one claim about tasks, waits, choices and ends each.

use expect_test::expect;
use stepwell_engine::Status;

use crate::world::{TASK, World, check, machine};

#[test]
fn a_payload_that_passes_through_is_stored_once() {
    check(
        &machine(
            r#""A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Result": 2, "ResultPath": "$.b", "End": true}"#,
        ),
        r#"{"a": 1}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"a": 1}
            2<0 PassStateEntered A =#1
            3<2 PassStateExited A =#1
            4<3 PassStateEntered B =#1
            5<4 PassStateExited B {"a":1,"b":2}
            6<5 ExecutionSucceeded =#5
        "#]],
    );
}

#[test]
fn a_task_retries_with_backoff_then_succeeds() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "Retry": [{{"ErrorEquals": ["Busy"], "IntervalSeconds": 2, "BackoffRate": 1.5, "MaxAttempts": 2}}], "End": true}}"#
        )),
        "{}",
        &[
            "fail Busy later",
            "wait 2",
            "fail Busy later",
            "wait 3",
            r#"ok {"x":1}"#,
        ],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > fail Busy later
            5<4 FunctionFailed Busy | later
              due in 2 s
            > wait 2
            6<5 FunctionScheduled =#1
            7<6 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > fail Busy later
            8<7 FunctionFailed Busy | later
              due in 3 s
            > wait 3
            9<8 FunctionScheduled =#1
            10<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > ok {"x":1}
            11<10 FunctionSucceeded {"x":1}
            12<11 TaskStateExited A =#11
            13<12 ExecutionSucceeded =#11
        "#]],
    );
}

#[test]
fn a_spent_retrier_leaves_the_error_to_the_catcher() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "OutputPath": "$.never", "Retry": [{{"ErrorEquals": ["States.ALL"], "MaxAttempts": 0}}],
                "Catch": [{{"ErrorEquals": ["Lost"], "ResultPath": "$.error", "Next": "B"}}], "End": true}},
               "B": {{"Type": "Succeed"}}"#
        )),
        r#"{"id": 7}"#,
        &["fail Lost gone"],
        expect![[r#"
            1<0 ExecutionStarted {"id": 7}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"id": 7}
            > fail Lost gone
            5<4 FunctionFailed Lost | gone
            6<5 TaskStateExited A {"id":7,"error":{"Error":"Lost","Cause":"gone"}}
            7<6 SucceedStateEntered B =#6
            8<7 SucceedStateExited B =#6
            9<8 ExecutionSucceeded =#6
        "#]],
    );
}

#[test]
fn a_late_completion_changes_nothing() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "Next": "B"}}, "B": {{{TASK}, "End": true}}"#
        )),
        "{}",
        &["ok 1", "again 2", "ok 3"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > ok 1
            5<4 FunctionSucceeded 1
            6<5 TaskStateExited A =#5
            7<6 TaskStateEntered B =#5
            8<7 FunctionScheduled =#5
            9<8 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
            > again 2
            > ok 3
            10<9 FunctionSucceeded 3
            11<10 TaskStateExited B =#10
            12<11 ExecutionSucceeded =#10
        "#]],
    );
}

#[test]
fn map_events_point_at_the_last_inner_event() {
    check(
        &machine(
            r#""A": {"Type": "Map", "MaxConcurrency": 1, "End": true, "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}"#,
        ),
        "[1,2]",
        &[],
        expect![[r#"
            1<0 ExecutionStarted [1,2]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<4 PassStateEntered P 1
            6<5 PassStateExited P =#5
            7<6 MapIterationSucceeded { name: "A", index: 0 }
            8<6 MapIterationStarted { name: "A", index: 1 }
            9<8 PassStateEntered P 2
            10<9 PassStateExited P =#9
            11<10 MapIterationSucceeded { name: "A", index: 1 }
            12<11 MapStateSucceeded
            13<11 MapStateExited A [1,2]
            14<13 ExecutionSucceeded =#13
        "#]],
    );
}

#[test]
fn a_failing_branch_aborts_its_siblings_and_surfaces_its_own_error() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Parallel", "End": true, "Branches": [
                {{"StartAt": "L", "States": {{"L": {{{TASK}, "End": true}}}}}},
                {{"StartAt": "W", "States": {{"W": {{"Type": "Wait", "Seconds": 60, "End": true}}}}}}]}}"#
        )),
        "{}",
        &["fail Broken pipe"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered L =#1
            5<4 FunctionScheduled =#1
            6<3 WaitStateEntered W =#1
            7<5 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 60 s
            > fail Broken pipe
            8<7 FunctionFailed Broken | pipe
            9<8 TaskStateAborted
            10<8 WaitStateAborted
            11<8 ParallelStateFailed
            12<11 ExecutionFailed Broken | pipe
        "#]],
    );
}

#[test]
fn a_callback_waits_for_its_token_and_a_missed_heartbeat_is_a_timeout() {
    check(
        &machine(
            r#""A": {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken", "HeartbeatSeconds": 10, "TimeoutSeconds": 60,
                "Parameters": {"FunctionName": "f", "Payload": {"n": 1}},
                "Catch": [{"ErrorEquals": ["States.HeartbeatTimeout"], "Next": "B"}], "End": true}, "B": {"Type": "Succeed"}"#,
        ),
        "{}",
        &[
            r#"submit {"StatusCode":200}"#,
            "wait 9",
            "beat",
            "wait 9",
            "wait 1",
        ],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 TaskScheduled {"FunctionName":"f","Payload":{"n":1}}
            4<3 TaskStarted { resource_type: "lambda", resource: "invoke.waitForTaskToken" }
              call arn:aws:states:::lambda:invoke.waitForTaskToken {"FunctionName":"f","Payload":{"n":1}}
              due in 60 s
            > submit {"StatusCode":200}
            5<4 TaskSubmitted {"StatusCode":200}
              due in 10 s
            > wait 9
              due in 1 s
            > beat
              due in 10 s
            > wait 9
              due in 1 s
            > wait 1
            6<5 TaskTimedOut { resource_type: "lambda", resource: "invoke.waitForTaskToken", error: Some("States.Timeout"), cause: None }
            7<6 TaskStateExited A {"Error":"States.Timeout","Cause":""}
            8<7 SucceedStateEntered B =#7
            9<8 SucceedStateExited B =#7
            10<9 ExecutionSucceeded =#7
              cancel
        "#]],
    );
}

#[test]
fn a_stopped_execution_ends_without_a_predecessor() {
    check(
        &machine(r#""A": {"Type": "Wait", "Seconds": 5, "End": true}"#),
        "{}",
        &["stop Enough said"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 WaitStateEntered A =#1
              due in 5 s
            > stop Enough said
            3<0 ExecutionAborted Enough | said
        "#]],
    );
}

#[test]
fn a_machine_timeout_has_no_predecessor() {
    check(
        r#"{"TimeoutSeconds": 3, "StartAt": "A", "States": {"A": {"Type": "Wait", "Seconds": 5, "End": true}}}"#,
        "{}",
        &["wait 3"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 WaitStateEntered A =#1
              due in 3 s
            > wait 3
            3<0 ExecutionTimedOut { error: Some("States.Timeout"), cause: None }
        "#]],
    );
}

#[test]
fn a_choice_on_a_missing_variable_fails_even_with_a_default() {
    check(
        &machine(
            r#""A": {"Type": "Choice", "Choices": [{"Variable": "$.foo", "NumericEquals": 1, "Next": "B"}], "Default": "B"}, "B": {"Type": "Succeed"}"#,
        ),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 ChoiceStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.foo': The choice state's condition path references an invalid value.
        "#]],
    );
}

#[test]
fn variables_of_jsonata_are_seen_from_the_next_state_on() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Pass", "Assign": {"x": "{% $states.input.n + 1 %}"}, "Output": {"kept": true}, "Next": "B"},
            "B": {"Type": "Pass", "Output": "{% $x %}", "Next": "C"},
            "C": {"Type": "Pass", "Output": "{% $states.input.missing %}", "End": true}}}"#,
        r#"{"n": 1}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"n": 1}
            2<0 PassStateEntered A =#1
            3<2 PassStateExited A {"kept":true} $x=2
            4<3 PassStateEntered B =#3
            5<4 PassStateExited B 2
            6<5 PassStateEntered C =#5
            7<5 EvaluationFailed { error: "States.QueryEvaluationError", cause: "An error occurred while executing the state 'C' (entered at the event id #6). The JSONata expression '$states.input.missing' specified for the field 'Output' returned nothing (undefined).", location: Some("Output"), state: "C" }
            8<7 ExecutionFailed States.QueryEvaluationError | An error occurred while executing the state 'C' (entered at the event id #6). The JSONata expression '$states.input.missing' specified for the field 'Output' returned nothing (undefined).
        "#]],
    );
}

#[test]
fn the_last_event_of_a_full_history_is_its_end() {
    let definition =
        machine(r#""A": {"Type": "Pass", "Next": "B"}, "B": {"Type": "Pass", "Next": "A"}"#);
    let looping = definition.replace(r#""Next": "A""#, r#""Next": "C""#).replace(
        r#""B": {"#,
        r#""C": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "D"}], "Default": "A"}, "D": {"Type": "Succeed"}, "B": {"#,
    );
    let mut world = World::start(&looping, "{}");
    let mut last = world.text.lines().last().map(str::to_string);
    // A loop is left after as much work as one step may do; it goes on when it is due again.
    for _ in 0..100 {
        if world.execution.status() != Status::Running {
            break;
        }
        world.act("wait 0");
        last = world.text.lines().last().map(str::to_string);
    }
    expect!["25000<24999 ExecutionFailed States.Runtime | The execution reached the maximum number of history events (25000)."]
        .assert_eq(&last.expect("events were written"));
}

#[test]
fn an_execution_goes_on_after_its_rows_were_read_back() {
    let definition = machine(&format!(
        r#""A": {{"Type": "Map", "ItemsPath": "$.items", "MaxConcurrency": 1, "End": true, "ItemProcessor": {{"StartAt": "P", "States": {{"P": {{{TASK}, "End": true}}}}}}}}"#
    ));
    let mut world = World::start(&definition, r#"{"items": ["a", "b"]}"#);
    world = world.reloaded(r#"{"items": ["a", "b"]}"#);
    world.text.clear();
    world.act("ok 1");
    world.act("ok 2");
    expect![[r#"
        > ok 1
        8<7 FunctionSucceeded 1
        9<8 TaskStateExited P =#8
        10<9 MapIterationSucceeded { name: "A", index: 0 }
        11<9 MapIterationStarted { name: "A", index: 1 }
        12<11 TaskStateEntered P "b"
        13<12 FunctionScheduled =#12
        14<13 FunctionStarted
          call arn:aws:lambda:us-east-1:123456789012:function:f "b"
        > ok 2
        15<14 FunctionSucceeded 2
        16<15 TaskStateExited P =#15
        17<16 MapIterationSucceeded { name: "A", index: 1 }
        18<17 MapStateSucceeded
        19<17 MapStateExited A [1,2]
        20<19 ExecutionSucceeded =#19
    "#]]
    .assert_eq(&world.text);
}
