//! Wait in all its forms, and time-outs that fall together.

use expect_test::expect;

use crate::world::{TASK, check, machine};

#[test]
fn a_wait_takes_seconds_or_an_instant_by_value_or_by_path() {
    check(
        &machine(
            r#""A": {"Type": "Wait", "SecondsPath": "$.s", "Next": "B"},
               "B": {"Type": "Wait", "Timestamp": "2023-11-14T22:13:35Z", "Next": "C"},
               "C": {"Type": "Wait", "TimestampPath": "$.t", "Next": "D"},
               "D": {"Type": "Wait", "Timestamp": "1999-01-01T00:00:00Z", "Next": "E"},
               "E": {"Type": "Wait", "Seconds": 0, "End": true}"#,
        ),
        r#"{"s": 10, "t": "2023-11-14T23:13:40+01:00"}"#,
        &["wait 9.999", "wait 0.001", "wait 5", "wait 5"],
        expect![[r#"
            1<0 ExecutionStarted {"s": 10, "t": "2023-11-14T23:13:40+01:00"}
            2<0 WaitStateEntered A =#1
              due in 10 s
            > wait 9.999
              due in 0.001 s
            > wait 0.001
            3<2 WaitStateExited A =#1
            4<3 WaitStateEntered B =#1
              due in 5 s
            > wait 5
            5<4 WaitStateExited B =#1
            6<5 WaitStateEntered C =#1
              due in 5 s
            > wait 5
            7<6 WaitStateExited C =#1
            8<7 WaitStateEntered D =#1
            9<8 WaitStateExited D =#1
            10<9 WaitStateEntered E =#1
            11<10 WaitStateExited E =#1
            12<11 ExecutionSucceeded =#1
        "#]],
    );
}

#[test]
fn a_wait_in_jsonata_computes_its_seconds() {
    check(
        r#"{"QueryLanguage": "JSONata", "StartAt": "A", "States": {
            "A": {"Type": "Wait", "Seconds": "{% $states.input.s * 2 %}", "Output": "waited", "Next": "B"},
            "B": {"Type": "Wait", "Timestamp": "{% $states.context.Execution.StartTime %}", "End": true}}}"#,
        r#"{"s": 3}"#,
        &["wait 6"],
        expect![[r#"
            1<0 ExecutionStarted {"s": 3}
            2<0 WaitStateEntered A =#1
              due in 6 s
            > wait 6
            3<2 WaitStateExited A "waited"
            4<3 WaitStateEntered B =#3
            5<4 WaitStateExited B =#3
            6<5 ExecutionSucceeded =#3
        "#]],
    );
}

#[test]
fn a_wait_that_is_no_time_fails() {
    check(
        &machine(r#""A": {"Type": "Wait", "SecondsPath": "$.s", "End": true}"#),
        r#"{"s": -1}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"s": -1}
            2<0 WaitStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The SecondsPath parameter references a negative value: $.s == -1
        "#]],
    );
    check(
        &machine(r#""A": {"Type": "Wait", "TimestampPath": "$.t", "End": true}"#),
        r#"{"t": "tomorrow"}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"t": "tomorrow"}
            2<0 WaitStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The TimestampPath parameter does not reference a valid ISO-8601 extended offset date-time format string: $.t == tomorrow
        "#]],
    );
}

#[test]
fn tasks_that_time_out_together_all_say_so_first() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Parallel", "End": true, "Branches": [
                {{"StartAt": "L", "States": {{"L": {{{TASK}, "TimeoutSeconds": 5, "End": true}}}}}},
                {{"StartAt": "R", "States": {{"R": {{{TASK}, "TimeoutSeconds": 5, "End": true}}}}}}]}}"#
        )),
        "{}",
        &["wait 5"],
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
              due in 5 s
            > wait 5
            10<8 FunctionTimedOut { error: Some("States.Timeout"), cause: None }
            11<9 FunctionTimedOut { error: Some("States.Timeout"), cause: None }
            12<10 TaskStateAborted
            13<10 TaskStateAborted
            14<10 ParallelStateFailed
            15<14 ExecutionFailed States.Timeout | -
              cancel
              cancel
        "#]],
    );
}

#[test]
fn a_timed_out_branch_that_catches_leaves_the_others_alone() {
    check(
        &machine(&format!(
            r#""A": {{"Type": "Parallel", "End": true, "Branches": [
                {{"StartAt": "L", "States": {{"L": {{{TASK}, "TimeoutSeconds": 5, "Catch": [{{"ErrorEquals": ["States.Timeout"], "Next": "S"}}], "End": true}}, "S": {{"Type": "Succeed"}}}}}},
                {{"StartAt": "R", "States": {{"R": {{{TASK}, "TimeoutSeconds": 9, "End": true}}}}}}]}}"#
        )),
        "{}",
        &["wait 5", "ok 2"],
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
              due in 5 s
            > wait 5
            10<8 FunctionTimedOut { error: Some("States.Timeout"), cause: None }
            11<10 TaskStateExited L {"Error":"States.Timeout","Cause":""}
            12<11 SucceedStateEntered S =#11
            13<12 SucceedStateExited S =#11
              cancel
              due in 4 s
            > ok 2
            14<9 FunctionSucceeded 2
            15<14 TaskStateExited R =#14
            16<15 ParallelStateSucceeded
            17<15 ParallelStateExited A [{"Error":"States.Timeout","Cause":""},2]
            18<17 ExecutionSucceeded =#17
        "#]],
    );
}

#[test]
fn a_timeout_by_path_counts_from_the_start_of_each_attempt() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "TimeoutSecondsPath": "$.t", "Retry": [{{"ErrorEquals": ["States.Timeout"], "IntervalSeconds": 1, "MaxAttempts": 1}}], "End": true}}"#
        )),
        r#"{"t": 4}"#,
        &["wait 4", "wait 1", "wait 3", "wait 1"],
        expect![[r#"
            1<0 ExecutionStarted {"t": 4}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"t": 4}
              due in 4 s
            > wait 4
            5<4 FunctionTimedOut { error: Some("States.Timeout"), cause: None }
              cancel
              due in 1 s
            > wait 1
            6<5 FunctionScheduled =#1
            7<6 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"t": 4}
              due in 4 s
            > wait 3
              due in 1 s
            > wait 1
            8<7 FunctionTimedOut { error: Some("States.Timeout"), cause: None }
            9<8 ExecutionFailed States.Timeout | -
              cancel
        "#]],
    );
}
