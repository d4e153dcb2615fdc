//! Limits of data: depth, size, variables, and what must not outlive a failure.

use expect_test::expect;
use stepwell_engine::{PAYLOAD_DEPTH_MAX, Payload, Status};

use crate::world::{TASK, World, check, machine};

#[test]
fn a_payload_that_nests_too_deep_is_refused_or_ends_the_execution() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(Payload::parse(nested(PAYLOAD_DEPTH_MAX)).is_ok());
    let refused = Payload::parse(nested(PAYLOAD_DEPTH_MAX + 1)).map(|_| ());
    expect!["the JSON nests 121 levels, at most 120"]
        .assert_eq(&refused.expect_err("too deep").to_string());

    // Every round of the loop adds a level; the limit ends it before anything cannot be read again.
    let definition = machine(
        r#""A": {"Type": "Pass", "Parameters": {"x.$": "$"}, "Next": "C"},
           "C": {"Type": "Choice", "Choices": [{"Variable": "$.stop", "IsPresent": true, "Next": "D"}], "Default": "A"},
           "D": {"Type": "Succeed"}"#,
    );
    let mut world = World::start(&definition, "{}");
    for _ in 0..10 {
        if world.execution.status() == Status::Running {
            world.act("wait 0");
        }
    }
    assert_eq!(world.execution.error(), Some("States.DataLimitExceeded"));
}

#[test]
fn a_selector_that_fails_midway_ends_the_iterations_that_run() {
    let definition = machine(&format!(
        r#""A": {{"Type": "Map", "ItemSelector": {{"v.$": "$$.Map.Item.Value.v"}}, "Next": "Z",
            "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "Z"}}],
            "ItemProcessor": {{"StartAt": "T", "States": {{"T": {{{TASK}, "End": true}}}}}}}}, "Z": {{"Type": "Succeed"}}"#
    ));
    check(
        &definition,
        r#"[{"v": 1}, {}]"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted [{"v": 1}, {}]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<3 MapIterationAborted { name: "A", index: 0 }
            6<3 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$$.Map.Item.Value.v' specified for the field 'v.$' could not be found in the input '[{"v":1},{}]'
        "#]],
    );
}

#[test]
fn the_item_is_in_the_context_after_a_reload() {
    let input = r#"["a", "b"]"#;
    let definition = machine(&format!(
        r#""A": {{"Type": "Map", "MaxConcurrency": 1, "End": true, "ItemProcessor": {{"StartAt": "W", "States": {{
            "W": {{"Type": "Wait", "Seconds": 5, "Next": "T"}},
            "T": {{{TASK}, "Parameters": {{"item.$": "$$.Map.Item.Value"}}, "End": true}}}}}}}}"#
    ));
    let mut world = World::start(&definition, input).reloaded(input);
    world.text.clear();
    world.act("wait 5");
    expect![[r#"
        > wait 5
        6<5 WaitStateExited W =#5
        7<6 TaskStateEntered T =#5
        8<7 FunctionScheduled {"item":"a"}
        9<8 FunctionStarted
          call arn:aws:lambda:us-east-1:123456789012:function:f {"item":"a"}
    "#]]
    .assert_eq(&world.text);
}

#[test]
fn a_task_that_is_aborted_before_it_starts_is_never_called() {
    let definition = machine(&format!(
        r#""A": {{"Type": "Parallel", "End": true, "Branches": [
            {{"StartAt": "T", "States": {{"T": {{{TASK}, "End": true}}}}}},
            {{"StartAt": "F", "States": {{"F": {{"Type": "Fail", "Error": "No", "Cause": "way"}}}}}}]}}"#
    ));
    check(
        &definition,
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered T =#1
            5<4 FunctionScheduled =#1
            6<3 FailStateEntered F =#1
            7<6 TaskStateAborted
            8<6 ParallelStateFailed
            9<8 ExecutionFailed No | way
        "#]],
    );
}

#[test]
fn an_assign_over_the_limit_ends_the_execution() {
    let definition = machine(
        r#""A": {"Type": "Pass", "Assign": {"x.$": "$", "y.$": "$"}, "Next": "B"}, "B": {"Type": "Succeed"}"#,
    );
    let input = format!("\"{}\"", "z".repeat(200_000));
    let world = World::start(&definition, &input);
    assert_eq!(world.execution.error(), Some("States.DataLimitExceeded"));
    expect!["The variables assigned by the state exceed the maximum size of 262144 bytes."]
        .assert_eq(world.execution.cause().expect("a cause"));
}

#[test]
fn a_runtime_error_in_a_catcher_is_seen_by_no_catcher_around_it() {
    let definition = machine(&format!(
        r#""A": {{"Type": "Parallel", "Next": "Z", "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "Z"}}],
            "Branches": [{{"StartAt": "T", "States": {{
                "T": {{{TASK}, "Catch": [{{"ErrorEquals": ["States.ALL"], "Assign": {{"x.$": "$.missing"}}, "Next": "S"}}], "End": true}},
                "S": {{"Type": "Succeed"}}}}}}]}}, "Z": {{"Type": "Succeed"}}"#
    ));
    let mut world = World::start(&definition, "{}");
    world.act("fail Broken pipe");
    assert_eq!(world.execution.status(), Status::Failed);
    assert_eq!(world.execution.error(), Some("States.Runtime"));
}
