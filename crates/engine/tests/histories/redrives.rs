//! Redrive: what runs again, what keeps its result, and what the history says.

use expect_test::expect;

use crate::world::{TASK, check, machine};

#[test]
fn a_failed_task_is_scheduled_again_and_the_states_before_it_are_not_run() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Pass", "Result": {{"n": 1}}, "Assign": {{"v": 7}}, "Next": "T"}},
               "T": {{{TASK}, "Parameters": {{"v.$": "$v", "count.$": "$$.Execution.RedriveCount", "tries.$": "$$.State.RetryCount"}},
                   "Retry": [{{"ErrorEquals": ["Odd"], "MaxAttempts": 1}}], "End": true}}"#
        )),
        "{}",
        &[
            "fail Odd one",
            "wait 1",
            "fail Odd two",
            "redrive",
            "fail Odd three",
            "wait 1",
            "ok 5",
        ],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 PassStateEntered A =#1
            3<2 PassStateExited A {"n":1} $v=7
            4<3 TaskStateEntered T =#3
            5<4 FunctionScheduled {"v":7,"count":0,"tries":0}
            6<5 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"v":7,"count":0,"tries":0}
            > fail Odd one
            7<6 FunctionFailed Odd | one
              due in 1 s
            > wait 1
            8<7 FunctionScheduled {"v":7,"count":0,"tries":1}
            9<8 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"v":7,"count":0,"tries":1}
            > fail Odd two
            10<9 FunctionFailed Odd | two
            11<10 ExecutionFailed Odd | two
            > redrive
            12<11 ExecutionRedriven { redrive_count: 1 }
            13<12 FunctionScheduled {"v":7,"count":1,"tries":0}
            14<13 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"v":7,"count":1,"tries":0}
            > fail Odd three
            15<14 FunctionFailed Odd | three
              due in 1 s
            > wait 1
            16<15 FunctionScheduled {"v":7,"count":1,"tries":1}
            17<16 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"v":7,"count":1,"tries":1}
            > ok 5
            18<17 FunctionSucceeded 5
            19<18 TaskStateExited T =#18
            20<19 ExecutionSucceeded =#18
        "#]],
    );
}

#[test]
fn only_branches_that_did_not_succeed_run_again() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Parallel", "End": true, "Branches": [
                {{"StartAt": "One", "States": {{"One": {{{TASK}, "End": true}}}}}},
                {{"StartAt": "Two", "States": {{"Two": {{{TASK}, "Next": "After"}}, "After": {{"Type": "Pass", "End": true}}}}}},
                {{"StartAt": "Nap", "States": {{"Nap": {{"Type": "Wait", "Seconds": 5, "End": true}}}}}}]}}"#
        )),
        "{}",
        &["ok 1", "fail Odd one", "redrive", "ok 2", "wait 5"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered One =#1
            5<4 FunctionScheduled =#1
            6<3 TaskStateEntered Two =#1
            7<6 FunctionScheduled =#1
            8<3 WaitStateEntered Nap =#1
            9<5 FunctionStarted
            10<7 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 5 s
            > ok 1
            11<9 FunctionSucceeded 1
            12<11 TaskStateExited One =#11
              due in 5 s
            > fail Odd one
            13<10 FunctionFailed Odd | one
            14<13 TaskStateAborted
            15<13 WaitStateAborted
            16<13 ParallelStateFailed
            17<16 ExecutionFailed Odd | one
            > redrive
            18<17 ExecutionRedriven { redrive_count: 1 }
            19<18 FunctionScheduled =#1
            20<19 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 5 s
            > ok 2
            21<20 FunctionSucceeded 2
            22<21 TaskStateExited Two =#21
            23<22 PassStateEntered After =#21
            24<23 PassStateExited After =#21
              due in 5 s
            > wait 5
            25<18 WaitStateExited Nap =#1
            26<25 ParallelStateSucceeded
            27<25 ParallelStateExited A [1,2,{}]
            28<27 ExecutionSucceeded =#27
        "#]],
    );
}

#[test]
fn only_iterations_that_did_not_succeed_run_again_and_the_rest_is_started() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Map", "MaxConcurrency": 2, "End": true,
                "ItemProcessor": {{"StartAt": "Each", "States": {{"Each": {{{TASK}, "End": true}}}}}}}}"#
        )),
        "[10, 20, 30, 40]",
        &["ok 1", "fail Odd one", "redrive", "ok 2", "ok 3", "ok 4"],
        expect![[r#"
            1<0 ExecutionStarted [10, 20, 30, 40]
            2<0 MapStateEntered A =#1
            3<2 MapStateStarted { length: 4 }
            4<3 MapIterationStarted { name: "A", index: 0 }
            5<3 MapIterationStarted { name: "A", index: 1 }
            6<4 TaskStateEntered Each 10
            7<6 FunctionScheduled =#6
            8<5 TaskStateEntered Each 20
            9<8 FunctionScheduled =#8
            10<7 FunctionStarted
            11<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 10
              call arn:aws:lambda:us-east-1:123456789012:function:f 20
            > ok 1
            12<10 FunctionSucceeded 1
            13<12 TaskStateExited Each =#12
            14<13 MapIterationSucceeded { name: "A", index: 0 }
            15<13 MapIterationStarted { name: "A", index: 2 }
            16<15 TaskStateEntered Each 30
            17<16 FunctionScheduled =#16
            18<17 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 30
            > fail Odd one
            19<11 FunctionFailed Odd | one
            20<19 MapIterationFailed { name: "A", index: 1 }
            21<19 TaskStateAborted
            22<19 MapIterationAborted { name: "A", index: 2 }
            23<19 TaskStateAborted
            24<19 MapStateFailed
            25<24 ExecutionFailed Odd | one
              cancel
            > redrive
            26<25 ExecutionRedriven { redrive_count: 1 }
            27<26 FunctionScheduled =#8
            28<26 FunctionScheduled =#16
            29<27 FunctionStarted
            30<28 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 20
              call arn:aws:lambda:us-east-1:123456789012:function:f 30
            > ok 2
            31<29 FunctionSucceeded 2
            32<31 TaskStateExited Each =#31
            33<32 MapIterationSucceeded { name: "A", index: 1 }
            34<32 MapIterationStarted { name: "A", index: 3 }
            35<34 TaskStateEntered Each 40
            36<35 FunctionScheduled =#35
            37<36 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 40
            > ok 3
            38<30 FunctionSucceeded 3
            39<38 TaskStateExited Each =#38
            40<39 MapIterationSucceeded { name: "A", index: 2 }
            > ok 4
            41<37 FunctionSucceeded 4
            42<41 TaskStateExited Each =#41
            43<42 MapIterationSucceeded { name: "A", index: 3 }
            44<43 MapStateSucceeded
            45<43 MapStateExited A [1,2,3,4]
            46<45 ExecutionSucceeded =#45
        "#]],
    );
}

#[test]
fn a_failure_deep_inside_is_taken_up_where_it_was() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Parallel", "End": true, "Branches": [{{"StartAt": "M", "States": {{
                "M": {{"Type": "Map", "ItemsPath": "$.items", "End": true, "ItemProcessor": {{"StartAt": "Each", "States": {{
                    "Each": {{{TASK}, "End": true}}}}}}}}}}}}]}}"#
        )),
        r#"{"items": [1, 2]}"#,
        &["ok 1", "fail Odd one", "redrive", "ok 2"],
        expect![[r#"
            1<0 ExecutionStarted {"items": [1, 2]}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 MapStateEntered M =#1
            5<4 MapStateStarted { length: 2 }
            6<5 MapIterationStarted { name: "M", index: 0 }
            7<5 MapIterationStarted { name: "M", index: 1 }
            8<6 TaskStateEntered Each 1
            9<8 FunctionScheduled =#8
            10<7 TaskStateEntered Each 2
            11<10 FunctionScheduled =#10
            12<9 FunctionStarted
            13<11 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
              call arn:aws:lambda:us-east-1:123456789012:function:f 2
            > ok 1
            14<12 FunctionSucceeded 1
            15<14 TaskStateExited Each =#14
            16<15 MapIterationSucceeded { name: "M", index: 0 }
            > fail Odd one
            17<13 FunctionFailed Odd | one
            18<17 MapIterationFailed { name: "M", index: 1 }
            19<17 TaskStateAborted
            20<17 MapStateFailed
            21<20 ParallelStateFailed
            22<21 ExecutionFailed Odd | one
            > redrive
            23<22 ExecutionRedriven { redrive_count: 1 }
            24<23 FunctionScheduled =#10
            25<24 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 2
            > ok 2
            26<25 FunctionSucceeded 2
            27<26 TaskStateExited Each =#26
            28<27 MapIterationSucceeded { name: "M", index: 1 }
            29<28 MapStateSucceeded
            30<28 MapStateExited M [1,2]
            31<30 ParallelStateSucceeded
            32<30 ParallelStateExited A [[1,2]]
            33<32 ExecutionSucceeded =#32
        "#]],
    );
}

#[test]
fn a_stopped_execution_goes_on_and_its_time_limit_counts_anew() {
    check(
        &format!(
            r#"{{"TimeoutSeconds": 10, "StartAt": "A", "States": {{"A": {{{TASK}, "TimeoutSeconds": 60, "End": true}}}}}}"#
        ),
        "{}",
        &[
            "wait 8",
            "stop Enough said",
            "redrive",
            "wait 8",
            "wait 2",
            "redrive",
            "ok 1",
        ],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 10 s
            > wait 8
              due in 2 s
            > stop Enough said
            5<0 ExecutionAborted Enough | said
              cancel
            > redrive
            6<5 ExecutionRedriven { redrive_count: 1 }
            7<6 FunctionScheduled =#1
            8<7 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 10 s
            > wait 8
              due in 2 s
            > wait 2
            9<0 ExecutionTimedOut { error: Some("States.Timeout"), cause: None }
              cancel
            > redrive
            10<9 ExecutionRedriven { redrive_count: 2 }
            11<10 FunctionScheduled =#1
            12<11 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 10 s
            > ok 1
            13<12 FunctionSucceeded 1
            14<13 TaskStateExited A =#13
            15<14 ExecutionSucceeded =#13
        "#]],
    );
}

#[test]
fn a_fail_state_is_entered_again_and_fails_again() {
    check(
        &machine(r#""A": {"Type": "Fail", "Error": "Never", "Cause": "always"}"#),
        "{}",
        &["redrive"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 FailStateEntered A =#1
            3<2 ExecutionFailed Never | always
            > redrive
            4<3 ExecutionRedriven { redrive_count: 1 }
            5<4 FailStateEntered A =#1
            6<5 ExecutionFailed Never | always
        "#]],
    );
}

#[test]
fn a_state_whose_fields_could_not_be_evaluated_is_evaluated_again() {
    check(
        &machine(r#""A": {"Type": "Pass", "OutputPath": "$.missing", "End": true}"#),
        "{}",
        &["redrive"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 PassStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.missing' : No results for path: $['missing']
            > redrive
            4<3 ExecutionRedriven { redrive_count: 1 }
            5<4 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.missing' : No results for path: $['missing']
        "#]],
    );
}

#[test]
fn branches_that_all_succeeded_are_joined_again_without_running() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Parallel", "OutputPath": "$.missing", "End": true, "Branches": [
                {{"StartAt": "One", "States": {{"One": {{{TASK}, "End": true}}}}}}]}}"#
        )),
        "{}",
        &["ok 1", "redrive"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 ParallelStateEntered A =#1
            3<2 ParallelStateStarted
            4<3 TaskStateEntered One =#1
            5<4 FunctionScheduled =#1
            6<5 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > ok 1
            7<6 FunctionSucceeded 1
            8<7 TaskStateExited One =#7
            9<8 ParallelStateSucceeded
            10<8 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.missing' : Expected to find an object with property ['missing'] in path $ but found 'java.util.ArrayList'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.
            > redrive
            11<10 ExecutionRedriven { redrive_count: 1 }
            12<11 ParallelStateSucceeded
            13<11 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.missing' : Expected to find an object with property ['missing'] in path $ but found 'java.util.ArrayList'. This is not a json object according to the JsonProvider: 'com.jayway.jsonpath.spi.json.JacksonJsonProvider'.
        "#]],
    );
}

#[test]
fn an_execution_that_runs_or_succeeded_is_not_redriven() {
    check(
        &machine(&format!(r#""A": {{{TASK}, "End": true}}"#)),
        "{}",
        &["redrive", "ok 1", "redrive"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > redrive
            > ok 1
            5<4 FunctionSucceeded 1
            6<5 TaskStateExited A =#5
            7<6 ExecutionSucceeded =#5
            > redrive
        "#]],
    );
}
