//! What becomes of input and result: paths, templates, Arguments and Output, limits.

use expect_test::expect;
use stepwell_engine::Status;

use crate::world::{TASK, World, check, machine};

#[test]
fn paths_and_selectors_of_a_task_apply_in_order() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "InputPath": "$.in", "Parameters": {{"a.$": "$.a", "b": 2, "id.$": "$$.Execution.Name"}}, "ResultSelector": {{"r.$": "$.deep.r"}}, "ResultPath": "$.res", "OutputPath": "$.res.r", "End": true}}"#
        )),
        r#"{"in": {"a": 1}, "x": 3}"#,
        &[r#"ok {"deep": {"r": 9}}"#],
        expect![[r#""#]],
    );
}

#[test]
fn null_paths_discard() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "InputPath": null, "ResultPath": null, "Next": "B"}}, "B": {{"Type": "Pass", "InputPath": null, "Next": "C"}}, "C": {{"Type": "Pass", "OutputPath": null, "End": true}}"#
        )),
        r#"{"x": 1}"#,
        &["ok 7"],
        expect![[r#""#]],
    );
}

#[test]
fn a_pass_evaluates_parameters_and_places_its_result() {
    check(
        &machine(
            r#""A": {"Type": "Pass", "Parameters": {"sum.$": "States.MathAdd($.n, 1)", "text.$": "States.Format('n={}', $.n)"}, "ResultPath": "$.made.here", "Next": "B"},
               "B": {"Type": "Pass", "InputPath": "$.made.here", "OutputPath": "$.sum", "End": true}"#,
        ),
        r#"{"n": 1}"#,
        &[],
        expect![[r#""#]],
    );
}

#[test]
fn a_task_in_jsonata_takes_arguments_and_gives_output() {
    check(
        &format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "A", "States": {{
                "A": {{{TASK}, "Arguments": {{"n": "{{% $states.input.n + 1 %}}"}}, "Output": "{{% $states.result.v & '!' %}}", "Assign": {{"seen": "{{% $states.result %}}"}}, "Next": "B"}},
                "B": {{"Type": "Succeed", "Output": {{"out": "{{% $states.input %}}", "seen": "{{% $seen %}}"}}}}}}}}"#
        ),
        r#"{"n": 1}"#,
        &[r#"ok {"v": "two"}"#],
        expect![[r#""#]],
    );
}

#[test]
fn assign_sees_the_values_from_before_the_state() {
    check(
        &machine(
            r#""A": {"Type": "Pass", "Assign": {"a": 1, "b": 2}, "Next": "B"},
               "B": {"Type": "Pass", "Assign": {"a.$": "$b", "b.$": "$a"}, "Next": "C"},
               "C": {"Type": "Pass", "Parameters": {"a.$": "$a", "b.$": "$b"}, "End": true}"#,
        ),
        "{}",
        &[],
        expect![[r#""#]],
    );
}

#[test]
fn the_context_object_counts_retries() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "Parameters": {{"tries.$": "$$.State.RetryCount"}}, "Retry": [{{"ErrorEquals": ["Busy"], "IntervalSeconds": 1}}, {{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1}}], "End": true}}"#
        )),
        "{}",
        &["fail Busy 1", "wait 1", "fail Other 2", "wait 1", "ok 0"],
        expect![[r#""#]],
    );
}

/// The last two lines of a history.
fn end_of(definition: &str, script: &[&str]) -> String {
    let mut world = World::start(definition, "{}");
    script.iter().for_each(|line| world.act(line));
    assert_ne!(world.execution.status(), Status::Running);
    let lines: Vec<&str> = world.text.lines().collect();
    lines[lines.len() - 2..]
        .iter()
        .map(|line| format!("{}\n", line.chars().take(240).collect::<String>()))
        .collect()
}

#[test]
fn a_task_result_over_the_limit_is_caught() {
    let definition = machine(&format!(
        r#""A": {{{TASK}, "Catch": [{{"ErrorEquals": ["States.DataLimitExceeded"], "ResultPath": null, "Next": "B"}}], "End": true}}, "B": {{"Type": "Pass", "End": true}}"#
    ));
    let result = format!("ok \"{}\"", "x".repeat(262_144));
    expect![[r#""#]].assert_eq(&end_of(&definition, &[&result]));
    let just_right = format!("ok \"{}\"", "x".repeat(262_142));
    let mut world = World::start(&definition, "{}");
    world.act(&just_right);
    assert_eq!(
        world
            .execution
            .output()
            .map(|output| output.payload().text().len()),
        Some(262_144)
    );
}

#[test]
fn a_state_output_over_the_limit_is_not_caught() {
    let definition = machine(&format!(
        r#""A": {{{TASK}, "ResultPath": "$.x", "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "B"}}], "Retry": [{{"ErrorEquals": ["States.ALL"]}}], "End": true}}, "B": {{"Type": "Pass", "End": true}}"#
    ));
    let result = format!("ok \"{}\"", "x".repeat(262_142));
    expect![[r#""#]].assert_eq(&end_of(&definition, &[&result]));
}
