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
        expect![[r#""#]],
    );
}

#[test]
fn a_caught_map_goes_on_and_late_results_are_ignored() {
    check(
        &map_of_tasks(
            r#""Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Z", "ResultPath": "$[2]"}], "Next": "Z","#,
        ),
        "[1,2]",
        &["fail Broken pipe"],
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
}

#[test]
fn no_items_give_an_empty_array() {
    check(
        &map_of_tasks(r#""ItemsPath": "$.items", "ResultPath": "$.out", "Next": "Z","#),
        r#"{"items": []}"#,
        &[],
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
}
