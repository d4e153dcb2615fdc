//! Inline Map: items, concurrency, failures, retries.

use expect_test::expect;

use crate::world::{TASK, check, machine};

fn map_of_tasks(fields: &str) -> String {
    machine(&format!(
        r#""A": {{"Type": "Map", {fields} "ItemProcessor": {{"StartAt": "T", "States": {{"T": {{{TASK}, "End": true}}}}}}}}, "Z": {{"Type": "Succeed"}}"#
    ))
}

#[test]
fn a_failing_iteration_aborts_the_others_and_no_more_start() {
    check(
        &map_of_tasks(r#""MaxConcurrency": 2, "Next": "Z","#),
        "[1,2,3]",
        &["fail Broken pipe"],
        expect![[r#"
            1<0 ExecutionStarted [1,2,3]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 3 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<3 MapIterationStarted { name: "A", index: 1 }
            6<4 TaskStateEntered T 1
            7<6 FunctionScheduled =#6
            8<5 TaskStateEntered T 2
            9<8 FunctionScheduled =#8
            10<7 FunctionStarted
            11<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
              call arn:aws:lambda:us-east-1:123456789012:function:f 2
            > fail Broken pipe
            12<10 FunctionFailed Broken | pipe
            13<12 MapIterationFailed { name: "A", index: 0 }
            14<12 TaskStateAborted
            15<12 MapIterationAborted { name: "A", index: 1 }
            16<12 TaskStateAborted
            17<12 MapStateFailed
            18<17 ExecutionFailed Broken | pipe
              cancel
        "#]],
    );
}

#[test]
fn a_caught_map_goes_on_and_late_results_are_ignored() {
    check(
        &map_of_tasks(r#""Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "Next": "Z","#),
        "[1,2]",
        &["fail Broken pipe", "again 3"],
        expect![[r#"
            1<0 ExecutionStarted [1,2]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<3 MapIterationStarted { name: "A", index: 1 }
            6<4 TaskStateEntered T 1
            7<6 FunctionScheduled =#6
            8<5 TaskStateEntered T 2
            9<8 FunctionScheduled =#8
            10<7 FunctionStarted
            11<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
              call arn:aws:lambda:us-east-1:123456789012:function:f 2
            > fail Broken pipe
            12<10 FunctionFailed Broken | pipe
            13<12 MapIterationFailed { name: "A", index: 0 }
            14<12 TaskStateAborted
            15<12 MapIterationAborted { name: "A", index: 1 }
            16<12 TaskStateAborted
            17<12 MapStateFailed
            18<17 MapStateExited A {"Error":"Broken","Cause":"pipe"}
            19<18 SucceedStateEntered Z =#18
            20<19 SucceedStateExited Z =#18
            21<20 ExecutionSucceeded =#18
              cancel
            > again 3
        "#]],
    );
}

#[test]
fn a_retried_map_starts_all_iterations_again() {
    check(
        &map_of_tasks(
            r#""Retry": [{"ErrorEquals": ["Broken"], "IntervalSeconds": 1, "MaxAttempts": 1}], "Next": "Z","#,
        ),
        "[1,2]",
        &["ok 10", "fail Broken pipe", "wait 1", "last 20", "ok 10"],
        expect![[r#"
            1<0 ExecutionStarted [1,2]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<3 MapIterationStarted { name: "A", index: 1 }
            6<4 TaskStateEntered T 1
            7<6 FunctionScheduled =#6
            8<5 TaskStateEntered T 2
            9<8 FunctionScheduled =#8
            10<7 FunctionStarted
            11<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
              call arn:aws:lambda:us-east-1:123456789012:function:f 2
            > ok 10
            12<10 FunctionSucceeded 10
            13<12 TaskStateExited T =#12
            14<13 MapIterationSucceeded { name: "A", index: 0 }
            > fail Broken pipe
            15<11 FunctionFailed Broken | pipe
            16<15 MapIterationFailed { name: "A", index: 1 }
            17<15 TaskStateAborted
              due in 1 s
            > wait 1
            18<15 MapStateStarted { length: 2 }
            19<18 MapIterationStarted { name: "A", index: 0 }
            20<18 MapIterationStarted { name: "A", index: 1 }
            21<19 TaskStateEntered T 1
            22<21 FunctionScheduled =#21
            23<20 TaskStateEntered T 2
            24<23 FunctionScheduled =#23
            25<22 FunctionStarted
            26<24 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
              call arn:aws:lambda:us-east-1:123456789012:function:f 2
            > last 20
            27<26 FunctionSucceeded 20
            28<27 TaskStateExited T =#27
            29<28 MapIterationSucceeded { name: "A", index: 1 }
            > ok 10
            30<25 FunctionSucceeded 10
            31<30 TaskStateExited T =#30
            32<31 MapIterationSucceeded { name: "A", index: 0 }
            33<32 MapStateSucceeded
            34<32 MapStateExited A [10,20]
            35<34 SucceedStateEntered Z =#34
            36<35 SucceedStateExited Z =#34
            37<36 ExecutionSucceeded =#34
        "#]],
    );
}

#[test]
fn outputs_are_in_the_order_of_items() {
    check(
        &map_of_tasks(
            r#""ItemsPath": "$.items", "ItemSelector": {"i.$": "$$.Map.Item.Index", "v.$": "$$.Map.Item.Value", "all.$": "$.k"}, "ResultPath": "$.out", "Next": "Z","#,
        ),
        r#"{"items": ["a", "b"], "k": 1}"#,
        &["last 2", "ok 1"],
        expect![[r#"
            1<0 ExecutionStarted {"items": ["a", "b"], "k": 1}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<3 MapIterationStarted { name: "A", index: 1 }
            6<4 TaskStateEntered T {"i":0,"v":"a","all":1}
            7<6 FunctionScheduled =#6
            8<5 TaskStateEntered T {"i":1,"v":"b","all":1}
            9<8 FunctionScheduled =#8
            10<7 FunctionStarted
            11<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"i":0,"v":"a","all":1}
              call arn:aws:lambda:us-east-1:123456789012:function:f {"i":1,"v":"b","all":1}
            > last 2
            12<11 FunctionSucceeded 2
            13<12 TaskStateExited T =#12
            14<13 MapIterationSucceeded { name: "A", index: 1 }
            > ok 1
            15<10 FunctionSucceeded 1
            16<15 TaskStateExited T =#15
            17<16 MapIterationSucceeded { name: "A", index: 0 }
            18<17 MapStateSucceeded
            19<17 MapStateExited A {"items":["a","b"],"k":1,"out":[1,2]}
            20<19 SucceedStateEntered Z =#19
            21<20 SucceedStateExited Z =#19
            22<21 ExecutionSucceeded =#19
        "#]],
    );
}

#[test]
fn no_items_give_an_empty_array() {
    check(
        &map_of_tasks(r#""ItemsPath": "$.items", "ResultPath": "$.out", "Next": "Z","#),
        r#"{"items": []}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"items": []}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 0 }
            4<3 MapStateSucceeded
            5<3 MapStateExited A {"items":[],"out":[]}
            6<5 SucceedStateEntered Z =#5
            7<6 SucceedStateExited Z =#5
            8<7 ExecutionSucceeded =#5
        "#]],
    );
}

#[test]
fn items_that_are_no_array_are_a_runtime_error() {
    check(
        &map_of_tasks(
            r#""ItemsPath": "$.items", "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z"}], "Next": "Z","#,
        ),
        r#"{"items": 7}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"items": 7}
            2<0 MapStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Reference path "$.items" must point to array. But instead the value was: 7
        "#]],
    );
}

#[test]
fn map_in_jsonata_takes_items_and_gives_output() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Map", "Items": "{% $states.input.rows %}", "MaxConcurrency": "{% 1 %}", "ItemSelector": {"n": "{% $states.context.Map.Item.Value %}"}, "Output": {"sum": "{% $sum($states.result) %}"}, "End": true,
                "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": "{% $states.input.n * 10 %}", "End": true}}}}}}"#,
        r#"{"rows": [1, 2]}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"rows": [1, 2]}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<4 PassStateEntered P {"n":1}
            6<5 PassStateExited P 10
            7<6 MapIterationSucceeded { name: "A", index: 0 }
            8<6 MapIterationStarted { name: "A", index: 1 }
            9<8 PassStateEntered P {"n":2}
            10<9 PassStateExited P 20
            11<10 MapIterationSucceeded { name: "A", index: 1 }
            12<11 MapStateSucceeded
            13<11 MapStateExited A {"sum":30}
            14<13 ExecutionSucceeded =#13
        "#]],
    );
}

#[test]
fn an_object_that_is_written_down_is_iterated_by_its_members() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {"A": {"Type": "Map", "MaxConcurrency": 1, "End": true,
            "Items": {"a": 1, "b": "{% $states.input.x %}"},
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "Output": "{% $states.input.Key & $states.input.Value %}", "End": true}}}}}}"#,
        r#"{"x": 2}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"x": 2}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 2 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<4 PassStateEntered P {"Key":"a","Value":1}
            6<5 PassStateExited P "a1"
            7<6 MapIterationSucceeded { name: "A", index: 0 }
            8<6 MapIterationStarted { name: "A", index: 1 }
            9<8 PassStateEntered P {"Key":"b","Value":2}
            10<9 PassStateExited P "b2"
            11<10 MapIterationSucceeded { name: "A", index: 1 }
            12<11 MapStateSucceeded
            13<11 MapStateExited A ["a1","b2"]
            14<13 ExecutionSucceeded =#13
        "#]],
    );
}

#[test]
fn items_that_are_none_name_their_path() {
    check(
        &machine(
            r#""A": {"Type": "Map", "ItemsPath": "$.n", "End": true, "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}"#,
        ),
        r#"{"n": 5}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"n": 5}
            2<0 MapStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Reference path "$.n" must point to array. But instead the value was: 5
        "#]],
    );
}

#[test]
fn a_selector_sees_key_value_and_source_of_a_member() {
    check(
        &machine(
            r#""A": {"Type": "Map", "ItemSelector": {"item.$": "$$.Map.Item"}, "End": true, "MaxConcurrency": 1, "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}"#,
        ),
        r#"{"n": 5}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"n": 5}
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 1 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<4 PassStateEntered P {"item":{"Index":0,"Key":"n","Value":5,"Source":"STATE_DATA"}}
            6<5 PassStateExited P =#5
            7<6 MapIterationSucceeded { name: "A", index: 0 }
            8<7 MapStateSucceeded
            9<7 MapStateExited A [{"item":{"Index":0,"Key":"n","Value":5,"Source":"STATE_DATA"}}]
            10<9 ExecutionSucceeded =#9
        "#]],
    );
}
