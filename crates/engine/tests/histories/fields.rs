//! Fields whose value is wrong only when the state runs.

use expect_test::expect;

use crate::world::{World, check, machine};

#[test]
fn a_number_that_an_expression_gives_must_be_whole_and_in_range() {
    let wait = |seconds: &str| {
        format!(
            r#"{{"QueryLanguage": "JSONata", "StartAt": "A", "States": {{"A": {{"Type": "Wait", "Seconds": "{{% {seconds} %}}", "End": true}}}}}}"#
        )
    };
    check(
        &wait("1.5"),
        "{}",
        &[],
        expect![[r#"
        1<0 ExecutionStarted {}
        2<0 WaitStateEntered A =#1
        3<0 EvaluationFailed { error: "States.QueryEvaluationError", cause: "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '1.5' specified for the field 'Seconds' returned an unexpected result type. Expected 'integer', but was 'number' for value: 1.5", location: Some("Seconds"), state: "A" }
        4<3 ExecutionFailed States.QueryEvaluationError | An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '1.5' specified for the field 'Seconds' returned an unexpected result type. Expected 'integer', but was 'number' for value: 1.5
    "#]],
    );
    check(
        &wait("-1"),
        "{}",
        &[],
        expect![[r#"
        1<0 ExecutionStarted {}
        2<0 WaitStateEntered A =#1
        3<0 EvaluationFailed { error: "States.QueryEvaluationError", cause: "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '-1' specified for the field 'Seconds' returned a value out of range. Minimum value is 0, but was -1", location: Some("Seconds"), state: "A" }
        4<3 ExecutionFailed States.QueryEvaluationError | An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression '-1' specified for the field 'Seconds' returned a value out of range. Minimum value is 0, but was -1
    "#]],
    );
    check(
        &wait("'1'"),
        "{}",
        &[],
        expect![[r#"
        1<0 ExecutionStarted {}
        2<0 WaitStateEntered A =#1
        3<0 EvaluationFailed { error: "States.QueryEvaluationError", cause: "An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression ''1'' specified for the field 'Seconds' returned an unexpected result type. Expected 'number', but was 'string' for value: \"1\"", location: Some("Seconds"), state: "A" }
        4<3 ExecutionFailed States.QueryEvaluationError | An error occurred while executing the state 'A' (entered at the event id #2). The JSONata expression ''1'' specified for the field 'Seconds' returned an unexpected result type. Expected 'number', but was 'string' for value: "1"
    "#]],
    );
}

#[test]
fn a_number_below_a_path_must_be_in_range() {
    check(
        &machine(
            r#""A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "TimeoutSecondsPath": "$.t", "End": true}"#,
        ),
        r#"{"t": 0}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"t": 0}
            2<0 TaskStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The TimeoutSecondsPath parameter references a value out of range. Minimum value is 1: $.t == 0
        "#]],
    );
}

#[test]
fn a_role_that_is_no_text_fails_the_task() {
    check(
        &machine(
            r#""A": {"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "Credentials": {"RoleArn.$": "$.role"}, "End": true}"#,
        ),
        r#"{"role": 7}"#,
        &[],
        expect![[r#"
            1<0 ExecutionStarted {"role": 7}
            2<0 TaskStateEntered A =#1
            3<2 ExecutionFailed States.Runtime | An error occurred while executing the state 'A' (entered at the event id #2). The value for the field 'RoleArn' must be a STRING but was: 7
        "#]],
    );
}

#[test]
fn a_cause_that_quotes_the_input_is_cut() {
    let input = format!(r#"{{"text": "{}"}}"#, "ü".repeat(100_000));
    let world = World::start(
        &machine(r#""A": {"Type": "Pass", "Parameters": {"a.$": "$.gone"}, "End": true}"#),
        &input,
    );
    let cause = world.execution.cause().expect("the execution has failed");
    assert_eq!(cause.chars().count(), 32_768);
}

#[test]
fn the_context_object_leaves_out_a_fraction_of_zero() {
    check(
        &machine(
            r#""A": {"Type": "Wait", "Seconds": 1, "Next": "B"}, "B": {"Type": "Pass", "Parameters": {"started.$": "$$.Execution.StartTime", "entered.$": "$$.State.EnteredTime"}, "End": true}"#,
        ),
        "{}",
        &["wait 1.007"],
        expect![[r#"
            1<0 ExecutionStarted {}
            2<0 WaitStateEntered A =#1
              due in 1 s
            > wait 1.007
            3<2 WaitStateExited A =#1
            4<3 PassStateEntered B =#1
            5<4 PassStateExited B {"started":"2023-11-14T22:13:20Z","entered":"2023-11-14T22:13:21.006Z"}
            6<5 ExecutionSucceeded =#5
        "#]],
    );
}
