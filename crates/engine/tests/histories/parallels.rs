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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
}
