//! Retriers and catchers: which error they see, and when the next attempt is due.

use expect_test::expect;

use crate::world::{TASK, World, check, machine};

#[test]
fn states_all_does_not_see_a_runtime_error() {
    check(
        &machine(
            r#""A": {"Type": "Pass", "InputPath": "$.none", "Next": "B"}, "B": {"Type": "Succeed"}"#,
        ),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 PassStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). Invalid path '$.none' : No results for path: $['none']
        "#]],
    );
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "Parameters": {{"x.$": "$.none"}}, "Retry": [{{"ErrorEquals": ["States.ALL"]}}], "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "B"}}], "Next": "B"}}, "B": {{"Type": "Succeed"}}"#
        )),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The JSONPath '$.none' specified for the field 'x.$' could not be found in the input '{}'
        "#]],
    );
}

#[test]
fn task_failed_does_not_see_a_timeout() {
    let definition = |name: &str| {
        machine(&format!(
            r#""A": {{{TASK}, "TimeoutSeconds": 3, "Catch": [{{"ErrorEquals": ["{name}"], "Next": "B"}}], "Next": "B"}}, "B": {{"Type": "Succeed"}}"#
        ))
    };
    check(
        &definition("States.TaskFailed"),
        "{}",
        &["wait 3"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 3 s
            > wait 3
            5<4 FunctionTimedOut { error: Some("States.Timeout"), cause: None }
            6<5 ExecutionFailed States.Timeout | -
              cancel
        "#]],
    );
    check(
        &definition("States.Timeout"),
        "{}",
        &["wait 3"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
              due in 3 s
            > wait 3
            5<4 FunctionTimedOut { error: Some("States.Timeout"), cause: None }
            6<5 TaskStateExited A {"Error":"States.Timeout","Cause":""}
            7<6 SucceedStateEntered B =#6
            8<7 SucceedStateExited B =#6
            9<8 ExecutionSucceeded =#6
              cancel
        "#]],
    );
}

#[test]
fn the_first_retrier_that_matches_counts_for_itself() {
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "Retry": [{{"ErrorEquals": ["Busy"], "IntervalSeconds": 1, "MaxAttempts": 1}}, {{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 1}}],
                "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "B"}}], "End": true}}, "B": {{"Type": "Succeed"}}"#
        )),
        "{}",
        &[
            "fail Busy 1",
            "wait 1",
            "fail Other 2",
            "wait 5",
            "fail Busy 3",
        ],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > fail Busy 1
            5<4 FunctionFailed Busy | 1
              due in 1 s
            > wait 1
            6<5 FunctionScheduled =#1
            7<6 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > fail Other 2
            8<7 FunctionFailed Other | 2
              due in 5 s
            > wait 5
            9<8 FunctionScheduled =#1
            10<9 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f {}
            > fail Busy 3
            11<10 FunctionFailed Busy | 3
            12<11 TaskStateExited A {"Error":"Busy","Cause":"3"}
            13<12 SucceedStateEntered B =#12
            14<13 SucceedStateExited B =#12
            15<14 ExecutionSucceeded =#12
        "#]],
    );
}

/// Delays in seconds before the retries of a task that always fails.
fn delays(retrier: &str, name: &str) -> Vec<f64> {
    let definition = machine(&format!(
        r#""A": {{{TASK}, "Retry": [{{"ErrorEquals": ["States.ALL"], {retrier}}}], "Comment": "{name}", "End": true}}"#
    ));
    let mut world = World::start(&definition, "{}");
    let mut delays = Vec::new();
    loop {
        world.act("fail Busy later");
        let Some(due) = world.execution.next_deadline() else {
            return delays;
        };
        let seconds = (due.as_millis() - world.now.as_millis()) as f64 / 1_000.0;
        delays.push(seconds);
        world.act(&format!("wait {seconds}"));
    }
}

#[test]
fn backoff_grows_to_its_cap() {
    assert_eq!(
        delays(
            r#""IntervalSeconds": 2, "MaxAttempts": 6, "MaxDelaySeconds": 20"#,
            ""
        ),
        [2.0, 4.0, 8.0, 16.0, 20.0, 20.0]
    );
    assert_eq!(
        delays(
            r#""IntervalSeconds": 3, "MaxAttempts": 3, "BackoffRate": 1.5"#,
            ""
        ),
        [3.0, 4.5, 6.75]
    );
    assert_eq!(
        delays(r#""IntervalSeconds": 1"#, ""),
        [1.0, 2.0, 4.0],
        "three attempts are the default"
    );
    assert_eq!(delays(r#""MaxAttempts": 0"#, ""), [0.0; 0]);
}

#[test]
fn full_jitter_stays_below_the_backoff_and_is_the_same_each_time() {
    let retrier = r#""IntervalSeconds": 4, "MaxAttempts": 40, "MaxDelaySeconds": 60, "JitterStrategy": "FULL""#;
    let drawn = delays(retrier, "");
    assert_eq!(drawn.len(), 40);
    for (index, delay) in drawn.iter().enumerate() {
        let most = (4.0 * 2f64.powi(i32::try_from(index).expect("a small number"))).min(60.0);
        assert!(
            (0.0..=most).contains(delay),
            "retry {index}: {delay} of {most}"
        );
    }
    let distinct: std::collections::BTreeSet<i64> =
        drawn.iter().map(|delay| (delay * 1_000.0) as i64).collect();
    assert!(distinct.len() > 30, "{drawn:?}");
    assert_eq!(drawn, delays(retrier, "the same seed and events"));
}

#[test]
fn a_caught_error_in_jsonata_is_error_output() {
    check(
        &format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "A", "States": {{
                "A": {{{TASK}, "Catch": [{{"ErrorEquals": ["States.ALL"], "Output": {{"why": "{{% $states.errorOutput.Error %}}", "in": "{{% $states.input %}}"}}, "Assign": {{"cause": "{{% $states.errorOutput.Cause %}}"}}, "Next": "B"}}], "End": true}},
                "B": {{"Type": "Succeed", "Output": "{{% $cause %}}"}}}}}}"#
        ),
        "1",
        &["fail Broken pipe"],
        expect![[r#"
            1<0 ExecutionStarted 1
            2<0 TaskStateEntered A =#1
            3<2 FunctionScheduled =#1
            4<3 FunctionStarted
              call arn:aws:lambda:us-east-1:123456789012:function:f 1
            > fail Broken pipe
            5<4 FunctionFailed Broken | pipe
            6<5 TaskStateExited A {"why":"Broken","in":1} $cause="pipe"
            7<6 SucceedStateEntered B =#6
            8<7 SucceedStateExited B "pipe"
            9<8 ExecutionSucceeded =#8
        "#]],
    );
}

#[test]
fn an_expression_that_fails_can_be_caught() {
    check(
        &format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "A", "States": {{
                "A": {{{TASK}, "Arguments": "{{% $states.input.none %}}", "Catch": [{{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}}], "End": true}},
                "B": {{"Type": "Succeed"}}}}}}"#
        ),
        "{}",
        &[],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 TaskStateEntered A =#1
            3<0 EvaluationFailed { error: "States.QueryEvaluationError", cause: "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.none' specified for the field 'Arguments' returned nothing (undefined).", location: Some("Arguments"), state: "A" }
            4<3 TaskStateExited A {"Error":"States.QueryEvaluationError","Cause":"An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '$states.input.none' specified for the field 'Arguments' returned nothing (undefined)."}
            5<4 SucceedStateEntered B =#4
            6<5 SucceedStateExited B =#4
            7<6 ExecutionSucceeded =#4
        "#]],
    );
}
