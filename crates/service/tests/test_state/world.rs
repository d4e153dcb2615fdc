//! States that are not mocked: they call and they wait.

use expect_test::expect;
use serde_json::{Value, json};
use stepwell_service::{OpenTest, Payload, TaskOutcome, Tested};

use crate::{at, check, open, told};

fn role() -> Value {
    json!({"roleArn": "arn:aws:iam::123456789012:role/r"})
}

fn ended(tested: Tested) -> String {
    match tested {
        Tested::Ended(output) => told(&json!(*output)),
        Tested::Open(open) => panic!("the test goes on until {:?}", open.deadline()),
    }
}

fn invoke(more: Value) -> Box<OpenTest> {
    let mut state = json!({"Type": "Task", "Resource": "arn:aws:lambda:us-east-1:123456789012:function:f", "End": true});
    for (name, value) in more.as_object().into_iter().flatten() {
        state[name] = value.clone();
    }
    open(state, role())
}

#[test]
fn a_task_calls_its_function_and_goes_on_with_the_result() {
    let mut test = invoke(json!({}));
    let call = test.call().expect("a function is called");
    assert_eq!(
        call.function,
        "arn:aws:lambda:us-east-1:123456789012:function:f"
    );
    assert_eq!(call.payload.text().as_ref(), "{}");
    let result = TaskOutcome::Succeeded(Payload::from_text("[1]"));
    expect![[r#"
        output [1]
        status SUCCEEDED
    "#]]
    .assert_eq(&ended(test.complete(at(1), result)));
}

#[test]
fn a_failing_function_is_caught() {
    let catch = json!({"Catch": [{"ErrorEquals": ["States.TaskFailed"], "Next": "Sorry"}]});
    let failed = TaskOutcome::Failed {
        error: Some("Oops".to_string()),
        cause: Some("why".to_string()),
    };
    expect![[r#"
        output {"Error":"Oops","Cause":"why"}
        error Oops
        cause why
        nextState Sorry
        status CAUGHT_ERROR
    "#]]
    .assert_eq(&ended(invoke(catch).complete(at(1), failed)));
}

#[test]
fn a_task_and_a_test_have_their_time() {
    let test = invoke(json!({"TimeoutSeconds": 2}));
    assert_eq!(test.deadline(), Some(at(2)));
    expect![[r#"
        error States.Timeout
        status FAILED
    "#]]
    .assert_eq(&ended(test.wake(at(2))));
    let test = invoke(json!({}));
    assert_eq!(test.deadline(), Some(at(300)));
    expect![[r#"
        error States.Timeout
        status FAILED
    "#]]
    .assert_eq(&ended(test.wake(at(300))));
}

#[test]
fn waking_a_test_too_early_changes_nothing() {
    let wait = json!({"Type": "Wait", "Seconds": 5, "Next": "Then"});
    let test = open(wait, json!({"input": "{\"a\": 1}"}));
    let Tested::Open(test) = test.wake(at(4)) else {
        panic!("the wait is not over");
    };
    assert_eq!(test.deadline(), Some(at(5)));
    expect![[r#"
        output {"a": 1}
        nextState Then
        status SUCCEEDED
    "#]]
    .assert_eq(&ended(test.wake(at(5))));
}

#[test]
fn a_resource_that_is_not_performed_says_so() {
    check(
        json!({"Type": "Task", "Resource": "arn:aws:states:::sqs:sendMessage", "End": true,
               "Parameters": {"QueueUrl": "q", "MessageBody": "m"}}),
        role(),
        expect![[r#"
            error States.Runtime
            cause NotImplemented: Stepwell does not perform the resource arn:aws:states:::sqs:sendMessage yet
            status FAILED
        "#]],
    );
}
