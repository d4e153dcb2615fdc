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
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
}

#[test]
fn a_wait_that_is_no_time_fails() {
    check(
        &machine(r#""A": {"Type": "Wait", "SecondsPath": "$.s", "End": true}"#),
        r#"{"s": -1}"#,
        &[],
        expect![[r#""#]],
    );
    check(
        &machine(r#""A": {"Type": "Wait", "TimestampPath": "$.t", "End": true}"#),
        r#"{"t": "tomorrow"}"#,
        &[],
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
}
