//! Retriers and catchers: which error they see, and when the next attempt is due.

use expect_test::expect;

use crate::world::{START_MS, TASK, World, check, machine};

#[test]
fn states_all_does_not_see_a_runtime_error() {
    check(
        &machine(
            r#""A": {"Type": "Pass", "InputPath": "$.none", "Next": "B"}, "B": {"Type": "Succeed"}"#,
        ),
        "{}",
        &[],
        expect![[r#""#]],
    );
    check(
        &machine(&format!(
            r#""A": {{{TASK}, "Parameters": {{"x.$": "$.none"}}, "Retry": [{{"ErrorEquals": ["States.ALL"]}}], "Catch": [{{"ErrorEquals": ["States.ALL"], "Next": "B"}}], "Next": "B"}}, "B": {{"Type": "Succeed"}}"#
        )),
        "{}",
        &[],
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
    check(
        &definition("States.Timeout"),
        "{}",
        &["wait 3"],
        expect![[r#""#]],
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
        expect![[r#""#]],
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
        expect![[r#""#]],
    );
}

#[test]
fn an_expression_that_fails_is_caught_by_states_all() {
    check(
        &format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "A", "States": {{
                "A": {{{TASK}, "Arguments": "{{% $states.input.none %}}", "Catch": [{{"ErrorEquals": ["States.QueryEvaluationError"], "Next": "B"}}], "End": true}},
                "B": {{"Type": "Succeed"}}}}}}"#
        ),
        "{}",
        &[],
        expect![[r#""#]],
    );
}

#[test]
fn a_stopped_clock_starts_at_the_start() {
    // The script's clock is the machine's: nothing reads another one.
    let world = World::start(
        &machine(&format!(
            r#""A": {{{TASK}, "TimeoutSeconds": 60, "End": true}}"#
        )),
        "{}",
    );
    assert_eq!(
        world.execution.next_deadline().map(|due| due.as_millis()),
        Some(START_MS + 60_000)
    );
}
