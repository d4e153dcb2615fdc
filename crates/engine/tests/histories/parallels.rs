//! Parallel: join order, outputs, failures and what is caught.

use expect_test::expect;

use crate::world::{TASK, check, machine};

fn two_tasks(fields: &str) -> String {
    machine(&format!(
        r#""A": {{"Type": "Parallel", {fields} "Branches": [
            {{"StartAt": "L", "States": {{"L": {{{TASK}, "End": true}}}}}},
            {{"StartAt": "R", "States": {{"R": {{{TASK}, "End": true}}}}}}]}}, "Z": {{"Type": "Succeed"}}"#
    ))
}

#[test]
fn outputs_join_in_the_order_of_branches_not_of_their_ends() {
    check(
        &two_tasks(r#""Parameters": {"n.$": "$.n"}, "ResultPath": "$.both", "Next": "Z","#),
        r#"{"n": 1, "rest": 2}"#,
        &["last 2", "ok 1"],
        expect![[r#"
            1<0 ExecutionStarted {"n": 1, "rest": 2}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered L {"n":1}
            5<4 FunctionScheduled =#4
            6<3 TaskStateEntered R {"n":1}
            7<6 FunctionScheduled =#6
            8<5 FunctionStarted
            9<7 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"n":1}
              call arn:aws:lambda:us-east-1:123456789012:function:f {"n":1}
            > last 2
            10<9 FunctionSucceeded 2
            11<10 TaskStateExited R =#10
            > ok 1
            12<8 FunctionSucceeded 1
            13<12 TaskStateExited L =#12
            14<13 ParallelStateSucceeded
            15<13 ParallelStateExited A {"n":1,"rest":2,"both":[1,2]}
            16<15 SucceedStateEntered Z =#15
            17<16 SucceedStateExited Z =#15
            18<17 ExecutionSucceeded =#15
        "#]],
    );
}

#[test]
fn a_result_selector_sees_the_array_of_outputs() {
    check(
        &two_tasks(
            r#""ResultSelector": {"left.$": "$[0]", "count.$": "States.ArrayLength($)"}, "OutputPath": "$.left", "Next": "Z","#,
        ),
        "{}",
        &["ok 1", "ok 2"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered L =#1
            5<4 FunctionScheduled =#1
            6<3 TaskStateEntered R =#1
            7<6 FunctionScheduled =#1
            8<5 FunctionStarted
            9<7 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > ok 1
            10<8 FunctionSucceeded 1
            11<10 TaskStateExited L =#10
            > ok 2
            12<9 FunctionSucceeded 2
            13<12 TaskStateExited R =#12
            14<13 ParallelStateSucceeded
            15<13 ParallelStateExited A 1
            16<15 SucceedStateEntered Z =#15
            17<16 SucceedStateExited Z =#15
            18<17 ExecutionSucceeded =#15
        "#]],
    );
}

#[test]
fn a_caught_failure_cancels_the_other_branch() {
    check(
        &two_tasks(
            r#""Catch": [{"ErrorEquals": ["Broken"], "ResultPath": "$.error", "Next": "Z"}], "Next": "Z","#,
        ),
        r#"{"n": 1}"#,
        &["fail Broken pipe", "again 2"],
        expect![[r#"
            1<0 ExecutionStarted {"n": 1}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered L =#1
            5<4 FunctionScheduled =#1
            6<3 TaskStateEntered R =#1
            7<6 FunctionScheduled =#1
            8<5 FunctionStarted
            9<7 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"n": 1}
              call arn:aws:lambda:us-east-1:123456789012:function:f {"n": 1}
            > fail Broken pipe
            10<8 FunctionFailed Broken | pipe
            11<10 TaskStateAborted
            12<10 TaskStateAborted
            13<10 ParallelStateFailed
            14<13 ParallelStateExited A {"n":1,"error":{"Error":"Broken","Cause":"pipe"}}
            15<14 SucceedStateEntered Z =#14
            16<15 SucceedStateExited Z =#14
            17<16 ExecutionSucceeded =#14
              cancel
            > again 2
        "#]],
    );
}

#[test]
fn a_retried_parallel_starts_all_branches_again() {
    check(
        &two_tasks(
            r#""Retry": [{"ErrorEquals": ["States.TaskFailed"], "IntervalSeconds": 2}], "Next": "Z","#,
        ),
        "{}",
        &["ok 1", "fail Broken pipe", "wait 2", "ok 3", "ok 4"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered L =#1
            5<4 FunctionScheduled =#1
            6<3 TaskStateEntered R =#1
            7<6 FunctionScheduled =#1
            8<5 FunctionStarted
            9<7 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > ok 1
            10<8 FunctionSucceeded 1
            11<10 TaskStateExited L =#10
            > fail Broken pipe
            12<9 FunctionFailed Broken | pipe
            13<12 TaskStateAborted
              due in 2 s
            > wait 2
            14<12 ParallelStateStarted
            15<14 TaskStateEntered L =#1
            16<15 FunctionScheduled =#1
            17<14 TaskStateEntered R =#1
            18<17 FunctionScheduled =#1
            19<16 FunctionStarted
            20<18 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > ok 3
            21<19 FunctionSucceeded 3
            22<21 TaskStateExited L =#21
            > ok 4
            23<20 FunctionSucceeded 4
            24<23 TaskStateExited R =#23
            25<24 ParallelStateSucceeded
            26<24 ParallelStateExited A [3,4]
            27<26 SucceedStateEntered Z =#26
            28<27 SucceedStateExited Z =#26
            29<28 ExecutionSucceeded =#26
        "#]],
    );
}

#[test]
fn a_map_inside_a_branch_joins_before_the_branch_does() {
    check(
        &machine(
            r#""A": {"Type": "Parallel", "End": true, "Branches": [
                {"StartAt": "M", "States": {"M": {"Type": "Map", "MaxConcurrency": 1, "End": true, "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "End": true}}}}}},
                {"StartAt": "Q", "States": {"Q": {"Type": "Pass", "Result": "q", "End": true}}}]}"#,
        ),
        "[1,2]",
        &[],
        expect![[r#"
            1<0 ExecutionStarted [1,2]
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 MapStateEntered M =#1
            5<4 MapStateStarted { length: 2 }
            6<5 MapIterationStarted { name: "M", index: 0 }
            7<3 PassStateEntered Q =#1
            8<7 PassStateExited Q "q"
            9<6 PassStateEntered P 1
            10<9 PassStateExited P =#9
            11<10 MapIterationSucceeded { name: "M", index: 0 }
            12<10 MapIterationStarted { name: "M", index: 1 }
            13<12 PassStateEntered P 2
            14<13 PassStateExited P =#13
            15<14 MapIterationSucceeded { name: "M", index: 1 }
            16<15 MapStateSucceeded
            17<15 MapStateExited M [1,2]
            18<17 ParallelStateSucceeded
            19<17 ParallelStateExited A [[1,2],"q"]
            20<19 ExecutionSucceeded =#19
        "#]],
    );
}

#[test]
fn a_branch_that_fails_aborts_the_map_in_the_other_one() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Parallel", "End": true, "Branches": [
                {{"StartAt": "M", "States": {{"M": {{"Type": "Map", "End": true, "ItemProcessor": {{"StartAt": "T", "States": {{"T": {{{TASK}, "End": true}}}}}}}}}}}},
                {{"StartAt": "W", "States": {{"W": {{"Type": "Wait", "Seconds": 1, "Next": "F"}}, "F": {{"Type": "Fail", "Error": "Enough", "Cause": "said"}}}}}}]}}"#
        )),
        "[1,2]",
        &["wait 1"],
        expect![[r#"
            1<0 ExecutionStarted [1,2]
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 MapStateEntered M =#1
            5<4 MapStateStarted { length: 2 }
            6<5 MapIterationStarted { name: "M", index: 0 }
            7<5 MapIterationStarted { name: "M", index: 1 }
            8<3 WaitStateEntered W =#1
            9<6 TaskStateEntered T 1
            10<9 FunctionScheduled =#9
            11<7 TaskStateEntered T 2
            12<11 FunctionScheduled =#11
            13<10 FunctionStarted
            14<12 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
              call arn:aws:lambda:us-east-1:123456789012:function:f 2
              due in 1 s
            > wait 1
            15<8 WaitStateExited W =#1
            16<15 FailStateEntered F =#1
            17<16 MapStateAborted
            18<16 TaskStateAborted
            19<16 TaskStateAborted
            20<16 ParallelStateFailed
            21<20 ExecutionFailed Enough | said
              cancel
              cancel
        "#]],
    );
}

#[test]
fn parallel_in_jsonata_takes_arguments_and_gives_output() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Parallel", "Arguments": {"n": "{% $states.input.n * 2 %}"}, "Output": "{% $sum($states.result) %}", "Assign": {"last": "{% $states.result[1] %}"}, "Next": "B",
                "Branches": [
                    {"StartAt": "L", "States": {"L": {"Type": "Pass", "Output": "{% $states.input.n %}", "End": true}}},
                    {"StartAt": "R", "States": {"R": {"Type": "Pass", "Output": "{% $states.input.n + 1 %}", "End": true}}}]},
            "B": {"Type": "Pass", "Output": "{% [$states.input, $last] %}", "End": true}}}"#,
        r#"{"n": 5}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"n": 5}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 PassStateEntered L {"n":10}
            5<4 PassStateExited L 10
            6<3 PassStateEntered R {"n":10}
            7<6 PassStateExited R 11
            8<7 ParallelStateSucceeded
            9<7 ParallelStateExited A 21 $last=11
            10<9 PassStateEntered B =#9
            11<10 PassStateExited B [21,11]
            12<11 ExecutionSucceeded =#11
        "#]],
    );
}

#[test]
fn variables_of_a_branch_stay_in_it_and_those_outside_are_seen() {
    check(
        &machine(
            r#""A": {"Type": "Pass", "Assign": {"x": 1}, "Next": "P"},
               "P": {"Type": "Parallel", "Next": "B", "Branches": [
                {"StartAt": "L", "States": {"L": {"Type": "Pass", "Assign": {"y.$": "$x"}, "Next": "M"}, "M": {"Type": "Pass", "Parameters": {"x.$": "$x", "y.$": "$y"}, "End": true}}}]},
               "B": {"Type": "Pass", "Parameters": {"x.$": "$x"}, "End": true}"#,
        ),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 PassStateEntered A =#1
            3<2 PassStateExited A =#1 $x=1
            4<3 ParallelStateEntered P =#1
            5<4 ParallelStateStarted
            6<5 PassStateEntered L =#1
            7<6 PassStateExited L =#1 $y=1
            8<7 PassStateEntered M =#1
            9<8 PassStateExited M {"x":1,"y":1}
            10<9 ParallelStateSucceeded
            11<9 ParallelStateExited P [{"x":1,"y":1}]
            12<11 PassStateEntered B =#11
            13<12 PassStateExited B {"x":1}
            14<13 ExecutionSucceeded =#13
        "#]],
    );
}
