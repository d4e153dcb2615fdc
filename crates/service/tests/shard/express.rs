//! Express: answers that come when the execution ends, and nothing that stays in rows.

use expect_test::expect;

use crate::world::check;

#[test]
fn a_synchronous_start_is_answered_when_the_execution_ends() {
    check(
        r#"
        express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
        rows
        sync x {"n":1}
        wait 0.25
        ok {"n":2}
        rows
        "#,
        expect![[r#""#]],
    );
}

#[test]
fn a_failure_is_an_answer_too() {
    check(
        r#"
        express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
        sync x
        fail Broken pipe
        express q {"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}
        sync q [1]
        sync q [1
        "#,
        expect![[r#""#]],
    );
}

#[test]
fn an_express_execution_ends_after_five_minutes() {
    check(
        r#"
        express x {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":400,"End":true}}}
        StartExecution {"stateMachineArn": "@x", "name": "a"}
        rows
        wait 299
        rows
        wait 1
        rows
        express y {"TimeoutSeconds": 2, "StartAt":"W","States":{"W":{"Type":"Wait","Seconds":400,"End":true}}}
        StartExecution {"stateMachineArn": "@y", "name": "a"}
        wait 2
        rows
        "#,
        expect![[r#""#]],
    );
}

#[test]
fn an_asynchronous_express_execution_starts_again_after_a_crash() {
    check(
        r#"
        express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Next":"U"},"U":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:g","End":true}}}
        StartExecution {"stateMachineArn": "@x", "name": "a", "input": "{\"n\":1}"}
        ok 1
        crash
        ok 2
        return
        crash
        ok 3
        ok 4
        rows
        crash
        rows
        "#,
        expect![[r#""#]],
    );
}

#[test]
fn a_synchronous_express_execution_dies_with_its_caller() {
    check(
        r#"
        express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
        sync x
        crash
        rows
        ListExecutions {"stateMachineArn": "@x"}
        StopExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:express:x:a:b"}
        "#,
        expect![[r#""#]],
    );
}

#[test]
fn two_starts_with_one_name_are_two_express_executions() {
    check(
        r#"
        express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
        StartExecution {"stateMachineArn": "@x", "name": "a"}
        StartExecution {"stateMachineArn": "@x", "name": "a"}
        rows
        ok 1
        ok 2
        rows
        "#,
        expect![[r#""#]],
    );
}
