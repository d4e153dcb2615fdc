//! Distributed Map: items, batches, the end of the run, aborts.

use expect_test::expect;

use crate::world::{World, check, machine};

/// A Distributed Map `A` with a label, so that histories can be read.
fn distributed(fields: &str) -> String {
    machine(&format!(
        r#""A": {{"Type": "Map", "Label": "l", {fields} "ItemProcessor": {{
            "ProcessorConfig": {{"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}},
            "StartAt": "P", "States": {{"P": {{"Type": "Pass", "End": true}}}}}}}}, "Z": {{"Type": "Succeed"}}"#
    ))
}

#[test]
fn a_run_is_started_and_its_output_leaves_the_state() {
    check(
        &distributed(r#""ResultPath": "$.done", "ItemsPath": "$.items", "Next": "Z","#),
        r#"{"items": [1, 2]}"#,
        &["run-ok [10,20]", "run-ok [11,21]"],
        expect![[r#"
            1<0 ExecutionStarted {"items": [1, 2]}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 2 items
              child 1
              child 2
            > run-ok [10,20]
            5<4 MapRunSucceeded
            6<5 MapStateSucceeded
            7<5 MapStateExited A {"items":[1,2],"done":[10,20]}
            8<7 SucceedStateEntered Z =#7
            9<8 SucceedStateExited Z =#7
            10<9 ExecutionSucceeded =#7
            > run-ok [11,21]
        "#]],
    );
}

#[test]
fn an_item_selector_sees_the_input_and_the_item() {
    check(
        &distributed(
            r#""ItemsPath": "$.items", "ItemSelector": {"all.$": "$.name", "item.$": "$$.Map.Item"}, "Next": "Z","#,
        ),
        r#"{"name": "n", "items": {"a": 1, "b": 2}}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"name": "n", "items": {"a": 1, "b": 2}}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 2 items
              child {"all":"n","item":{"Index":0,"Value":{"Key":"a","Value":1},"Source":"STATE_DATA"}}
              child {"all":"n","item":{"Index":1,"Value":{"Key":"b","Value":2},"Source":"STATE_DATA"}}
        "#]],
    );
}

#[test]
fn batches_end_at_either_limit() {
    check(
        &distributed(
            r#""ItemBatcher": {"MaxItemsPerBatch": 2, "MaxInputBytesPerBatchPath": "$[0].limit", "BatchInput": {"name.$": "$[0].name"}}, "Next": "Z","#,
        ),
        r#"[{"limit": "90", "name": "n"}, 2, 3, 4, "a long text that does not fit beside another one, whatever that is", 6]"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted [{"limit": "90", "name": "n"}, 2, 3, 4, "a long text that does not fit beside another one, whatever that is", 6]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 6 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 6 items
              child {"BatchInput":{"name":"n"},"Items":[{"limit":"90","name":"n"},2]}
              child {"BatchInput":{"name":"n"},"Items":[3,4]}
              child {"BatchInput":{"name":"n"},"Items":["a long text that does not fit beside another one, whatever that is"]}
              child {"BatchInput":{"name":"n"},"Items":[6]}
        "#]],
    );
}

#[test]
fn jsonata_has_items_selectors_and_batches() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Map", "Label": "l", "End": true,
            "Items": "{% $states.input.items %}", "ItemSelector": "{% {'n': $states.context.Map.Item.Value} %}",
            "ItemBatcher": {"MaxItemsPerBatch": "{% $states.input.size %}", "BatchInput": {"size": "{% $states.input.size %}"}},
            "ToleratedFailurePercentage": "{% 5 %}", "Output": "{% $count($states.result) %}",
            "ItemProcessor": {"ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
                "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}}"#,
        r#"{"items": [1, 2, 3], "size": 2}"#,
        &["run-ok [1,2]"],
        expect![[r#"
            1<0 ExecutionStarted {"items": [1, 2, 3], "size": 2}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 3 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 3 items
              child {"BatchInput":{"size":2},"Items":[{"n":1},{"n":2}]}
              child {"BatchInput":{"size":2},"Items":[{"n":3}]}
            > run-ok [1,2]
            5<4 MapRunSucceeded
            6<5 MapStateSucceeded
            7<5 MapStateExited A 2
            8<7 ExecutionSucceeded =#7
        "#]],
    );
}

#[test]
fn tolerated_failures_are_checked_before_the_run() {
    check(
        &distributed(r#""ToleratedFailureCountPath": "$[0]", "Next": "Z","#),
        "[-1]",
        &[],
        expect![[r#"
            1<0 ExecutionStarted [-1]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). ToleratedFailureCount cannot be negative.
        "#]],
    );
    check(
        &distributed(r#""ToleratedFailurePercentagePath": "$[0]", "Next": "Z","#),
        "[100.1]",
        &[],
        expect![[r#"
            1<0 ExecutionStarted [100.1]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). ToleratedFailurePercentage must be between 0 and 100.
        "#]],
    );
    check(
        &distributed(r#""ToleratedFailureCountPath": "$[0]", "Next": "Z","#),
        r#"["many"]"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted ["many"]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The ToleratedFailureCountPath parameter cannot be parsed as a long value: $[0] == many
        "#]],
    );
}

#[test]
fn a_failed_run_is_tried_again_as_a_new_one_and_then_caught() {
    check(
        &distributed(
            r#""Retry": [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 1}],
               "Catch": [{"ErrorEquals": ["States.ExceedToleratedFailureThreshold"], "Next": "Z"}], "Next": "Z","#,
        ),
        "[1]",
        &[
            "run-fail States.ExceedToleratedFailureThreshold Too many",
            "wait 1",
            "run-fail States.ExceedToleratedFailureThreshold Too many",
        ],
        expect![[r#"
            1<0 ExecutionStarted [1]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 1 items
              child 1
            > run-fail States.ExceedToleratedFailureThreshold Too many
            5<4 MapRunFailed { error: Some("States.ExceedToleratedFailureThreshold"), cause: Some("Too many") }
              due in 1 s
            > wait 1
            6<5 MapStateStarted { length: 1 }
            7<6 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:0532bba8-44af-4bd5-b5c1-1db93d360782" }
              start map run of 1 items
              child 1
            > run-fail States.ExceedToleratedFailureThreshold Too many
            8<7 MapRunFailed { error: Some("States.ExceedToleratedFailureThreshold"), cause: Some("Too many") }
            9<8 MapStateFailed
            10<9 MapStateExited A {"Error":"States.ExceedToleratedFailureThreshold","Cause":"Too many"}
            11<10 SucceedStateEntered Z =#10
            12<11 SucceedStateExited Z =#10
            13<12 ExecutionSucceeded =#10
        "#]],
    );
}

#[test]
fn an_output_over_the_limit_fails_the_state() {
    check(
        &distributed(r#""Next": "Z","#),
        "[1]",
        &["run-ok too large"],
        expect![[r#"
            1<0 ExecutionStarted [1]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 1 items
              child 1
            > run-ok too large
            5<4 MapRunSucceeded
            6<5 MapStateFailed
            7<6 ExecutionFailed States.DataLimitExceeded | The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.
        "#]],
    );
}

#[test]
fn a_stop_aborts_the_run() {
    check(
        &distributed(r#""Next": "Z","#),
        "[1]",
        &["stop Enough now", "run-ok [1]"],
        expect![[r#"
            1<0 ExecutionStarted [1]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 1 items
              child 1
            > stop Enough now
            5<4 MapRunAborted
            6<0 ExecutionAborted Enough | now
              stop map run
            > run-ok [1]
        "#]],
    );
}

#[test]
fn a_failing_branch_aborts_the_run_beside_it() {
    check(
        r#"{"StartAt": "A", "States": {"A": {"Type": "Parallel", "End": true, "Branches": [
            {"StartAt": "M", "States": {"M": {"Type": "Map", "Label": "l", "End": true, "ItemProcessor": {
                "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
                "StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}},
            {"StartAt": "F", "States": {"F": {"Type": "Fail", "Error": "Broken"}}}]}}}"#,
        "[1]",
        &[],
        expect![[r#"
            1<0 ExecutionStarted [1]
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 MapStateEntered M =#1
            5<4 MapStateStarted { length: 1 }
            6<5 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:1061510e-0dcb-449c-aa54-f76a702f3a23" }
            7<3 FailStateEntered F =#1
            8<7 MapRunAborted
            9<7 MapStateAborted
            10<7 ParallelStateFailed
            11<10 ExecutionFailed Broken | -
              start map run of 1 items
              no child: States.Runtime | An error occurred while executing the state 'M' (entered at the event id #4). The map run is not open any more.
              stop map run
        "#]],
    );
}

#[test]
fn a_redrive_goes_on_with_the_same_run() {
    check(
        &distributed(r#""Next": "Z","#),
        "[1]",
        &[
            "run-fail States.ExceedToleratedFailureThreshold Too many",
            "redrive",
            "stop Enough now",
            "redrive",
            "run-ok [1]",
        ],
        expect![[r#"
            1<0 ExecutionStarted [1]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 1 items
              child 1
            > run-fail States.ExceedToleratedFailureThreshold Too many
            5<4 MapRunFailed { error: Some("States.ExceedToleratedFailureThreshold"), cause: Some("Too many") }
            6<5 MapStateFailed
            7<6 ExecutionFailed States.ExceedToleratedFailureThreshold | Too many
            > redrive
            8<7 ExecutionRedriven { redrive_count: 1 }
            9<8 MapRunRedriven { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de", redrive_count: 1 }
              redrive map run
            > stop Enough now
            10<9 MapRunAborted
            11<0 ExecutionAborted Enough | now
              stop map run
            > redrive
            12<11 ExecutionRedriven { redrive_count: 2 }
            13<12 MapRunRedriven { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de", redrive_count: 2 }
              redrive map run
            > run-ok [1]
            14<13 MapRunSucceeded
            15<14 MapStateSucceeded
            16<14 MapStateExited A [1]
            17<16 SucceedStateEntered Z =#16
            18<17 SucceedStateExited Z =#16
            19<18 ExecutionSucceeded =#16
        "#]],
    );
}

#[test]
fn a_redrive_after_an_output_over_the_limit_starts_another_run() {
    check(
        &distributed(r#""Next": "Z","#),
        "[1]",
        &["run-ok too large", "redrive"],
        expect![[r#"
            1<0 ExecutionStarted [1]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:b9e98cff-593d-4cae-9f3e-b0c516a2d0de" }
              start map run of 1 items
              child 1
            > run-ok too large
            5<4 MapRunSucceeded
            6<5 MapStateFailed
            7<6 ExecutionFailed States.DataLimitExceeded | The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.
            > redrive
            8<7 ExecutionRedriven { redrive_count: 1 }
            9<8 MapStateStarted { length: 1 }
            10<9 MapRunStarted { arn: "arn:aws:states:us-east-1:123456789012:mapRun:m/l:c7ae7360-81d4-449e-abf9-c03945b2c669" }
              start map run of 1 items
              child 1
        "#]],
    );
}

#[test]
fn a_reader_that_is_not_built_says_so() {
    check(
        &distributed(
            r#""ItemReader": {"Resource": "arn:aws:states:::s3:listObjectsV2", "Parameters": {"Bucket": "b"}}, "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "Next": "Z","#,
        ),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 0 }
            4<3 ExecutionFailed States.Runtime | NotImplemented: Stepwell does not perform the ItemReader arn:aws:states:::s3:listObjectsV2 yet
        "#]],
    );
    check(
        &distributed(
            r#""ResultWriter": {"Resource": "arn:aws:states:::s3:putObject", "Parameters": {"Bucket": "b"}}, "Next": "Z","#,
        ),
        "[]",
        &[],
        expect![[r#"
            1<0 ExecutionStarted []
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 0 }
            4<3 ExecutionFailed States.Runtime | NotImplemented: Stepwell does not perform the ResultWriter arn:aws:states:::s3:putObject yet
        "#]],
    );
}

#[test]
fn a_run_goes_on_after_its_rows_were_read_back() {
    let definition = distributed(r#""ItemSelector": {"n.$": "$$.Map.Item.Value"}, "Next": "Z","#);
    let mut world = World::start(&definition, "[1,2]").reloaded("[1,2]");
    let ticket = world.execution.open_map_runs()[0];
    let child = world.execution.map_run_child(ticket, 1);
    let child = child.expect("an item is left");
    assert_eq!(
        (child.items, child.input.text().as_ref()),
        (1, r#"{"n":2}"#)
    );
    let late = stepwell_engine::Ticket {
        attempt: ticket.attempt + 1,
        ..ticket
    };
    assert!(world.execution.map_run_child(late, 1).is_err());
}
