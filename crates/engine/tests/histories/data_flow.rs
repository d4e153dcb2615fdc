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
        expect![[r#"
            1<0 ExecutionStarted {"in": {"a": 1}, "x": 3}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled {"a":1,"b":2,"id":"e"}
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"a":1,"b":2,"id":"e"}
            > ok {"deep": {"r": 9}}
            5<4 FunctionSucceeded {"deep": {"r": 9}}
            6<5 TaskStateExited A 9
            7<6 ExecutionSucceeded =#6
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {"x": 1}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled {}
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > ok 7
            5<4 FunctionSucceeded 7
            6<5 TaskStateExited A =#1
            7<6 PassStateEntered B =#1
            8<7 PassStateExited B {}
            9<8 PassStateEntered C =#8
            10<9 PassStateExited C {}
            11<10 ExecutionSucceeded =#10
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {"n": 1}
            2<0 PassStateEntered A =#1
            3<2 PassStateExited A {"n":1,"made":{"here":{"sum":2,"text":"n=1"}}}
            4<3 PassStateEntered B =#3
            5<4 PassStateExited B 2
            6<5 ExecutionSucceeded =#5
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {"n": 1}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled {"n":2}
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"n":2}
            > ok {"v": "two"}
            5<4 FunctionSucceeded {"v": "two"}
            6<5 TaskStateExited A "two!" $seen={"v":"two"}
            7<6 SucceedStateEntered B =#6
            8<7 SucceedStateExited B {"out":"two!","seen":{"v":"two"}}
            9<8 ExecutionSucceeded =#8
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 PassStateEntered A =#1
            3<2 PassStateExited A =#1 $a=1 $b=2
            4<3 PassStateEntered B =#1
            5<4 PassStateExited B =#1 $a=2 $b=1
            6<5 PassStateEntered C =#1
            7<6 PassStateExited C {"a":2,"b":1}
            8<7 ExecutionSucceeded =#7
        "#]],
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
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled {"tries":0}
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"tries":0}
            > fail Busy 1
            5<4 FunctionFailed Busy | 1
              due in 1 s
            > wait 1
            6<5 FunctionScheduled {"tries":1}
            7<6 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"tries":1}
            > fail Other 2
            8<7 FunctionFailed Other | 2
              due in 1 s
            > wait 1
            9<8 FunctionScheduled {"tries":2}
            10<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {"tries":2}
            > ok 0
            11<10 FunctionSucceeded 0
            12<11 TaskStateExited A =#11
            13<12 ExecutionSucceeded =#11
        "#]],
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
    expect![[r#"
        8<7 PassStateExited B =#1
        9<8 ExecutionSucceeded =#1
    "#]]
    .assert_eq(&end_of(&definition, &[&result]));
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
    expect![[r#"
        5<4 FunctionSucceeded "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
        6<5 ExecutionFailed States.DataLimitExceeded | The state/task 'A' returned a result with a size exceeding the maximum number of bytes service limit.
    "#]].assert_eq(&end_of(&definition, &[&result]));
}

#[test]
fn a_step_that_stores_too_much_goes_on_in_the_next() {
    let definition = machine(
        r#""A": {"Type": "Map", "ItemsPath": "$.items", "ItemSelector": {"i.$": "$$.Map.Item.Value", "pad.$": "$.pad"}, "End": true,
            "ItemProcessor": {"StartAt": "P", "States": {"P": {"Type": "Pass", "OutputPath": "$.i", "End": true}}}}"#,
    );
    let items: Vec<u32> = (0..200).collect();
    let input = format!(
        r#"{{"items": {items:?}, "pad": "{}"}}"#,
        "x".repeat(250_000)
    );
    let mut world = World::start(&definition, &input);
    let mut steps = 1;
    while world.execution.status() == Status::Running {
        assert!(
            world.text.len() < 20 << 20,
            "one step stores {} bytes",
            world.text.len()
        );
        assert_eq!(
            world.execution.next_deadline(),
            Some(world.now),
            "the rest is due at once"
        );
        world = world.reloaded(&input);
        world.text.clear();
        world.act("wait 0");
        steps += 1;
    }
    assert_eq!(steps, 3, "50 MB in steps of 16 MiB");
    let output = world
        .execution
        .output()
        .map(|output| output.payload().text().to_string());
    assert_eq!(output, serde_json::to_string(&items).ok());
}

#[test]
fn a_pass_with_a_result_does_not_evaluate_its_input() {
    check(
        r#"{"StartAt": "P", "States": {"P": {"Type": "Pass", "InputPath": "$.absent", "Result": 1, "End": true}}}"#,
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 PassStateEntered P =#1
            3<2 PassStateExited P 1
            4<3 ExecutionSucceeded =#3
        "#]],
    );
}
