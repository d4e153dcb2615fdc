//! Express: answers that come when the execution ends, and nothing that stays in rows.

use expect_test::expect;

use crate::world::{World, check};

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
        expect![[r#"
            > express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:x","creationDate":1700000000.0}
            > rows
              {2: 1, 3: 1}
            > sync x {"n":1}
              (no answer yet)
              call @f:f {"n":1}
            > wait 0.25
            > ok {"n":2}
              {"executionArn":"@express:x:s:668fe74b-067a-4188-b77c-ddf7ebe8e60a","stateMachineArn":"@stateMachine:x","name":"s","startDate":1700000000.0,"stopDate":1700000000.25,"status":"SUCCEEDED","input":"{\"n\":1}","inputDetails":{"included":true},"output":"{\"n\":2}","outputDetails":{"included":true},"billingDetails":{"billedMemoryUsedInMB":64,"billedDurationInMilliseconds":300}}
            > rows
              {1: 1, 2: 1, 3: 1}
        "#]],
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
        expect![[r#"
            > express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:x","creationDate":1700000000.0}
            > sync x
              (no answer yet)
              call @f:f {}
            > fail Broken pipe
              {"executionArn":"@express:x:s:668fe74b-067a-4188-b77c-ddf7ebe8e60a","stateMachineArn":"@stateMachine:x","name":"s","startDate":1700000000.0,"stopDate":1700000000.0,"status":"FAILED","error":"Broken","cause":"pipe","input":"{}","inputDetails":{"included":true},"outputDetails":{"included":true},"billingDetails":{"billedMemoryUsedInMB":64,"billedDurationInMilliseconds":100}}
            > express q {"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}
              {"stateMachineArn":"@stateMachine:q","creationDate":1700000000.0}
            > sync q [1]
              {"executionArn":"@express:q:s:08d02d1f-e167-409e-a23d-8f8d1c3d8cce","stateMachineArn":"@stateMachine:q","name":"s","startDate":1700000000.0,"stopDate":1700000000.0,"status":"SUCCEEDED","input":"[1]","inputDetails":{"included":true},"output":"[1]","outputDetails":{"included":true},"billingDetails":{"billedMemoryUsedInMB":64,"billedDurationInMilliseconds":100}}
            > sync q [1
              ! InvalidExecutionInput: Invalid State Machine Execution Input: 'EOF while parsing a list at line 1 column 2'
        "#]],
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
        expect![[r#"
            > express x {"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":400,"End":true}}}
              {"stateMachineArn":"@stateMachine:x","creationDate":1700000000.0}
            > StartExecution {"stateMachineArn": "@x", "name": "a"}
              {"executionArn":"@express:x:a:668fe74b-067a-4188-b77c-ddf7ebe8e60a","startDate":1700000000.0}
            > rows
              {1: 1, 2: 1, 3: 1, 12: 1}
            > wait 299
            > rows
              {1: 1, 2: 1, 3: 1, 12: 1}
            > wait 1
            > rows
              {1: 1, 2: 1, 3: 1}
            > express y {"TimeoutSeconds": 2, "StartAt":"W","States":{"W":{"Type":"Wait","Seconds":400,"End":true}}}
              {"stateMachineArn":"@stateMachine:y","creationDate":1700000300.0}
            > StartExecution {"stateMachineArn": "@y", "name": "a"}
              {"executionArn":"@express:y:a:8be943d4-0b7c-4b8e-86d2-4df8595e6b74","startDate":1700000300.0}
            > wait 2
            > rows
              {1: 1, 2: 2, 3: 2}
        "#]],
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
        expect![[r#"
            > express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","Next":"U"},"U":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:g","End":true}}}
              {"stateMachineArn":"@stateMachine:x","creationDate":1700000000.0}
            > StartExecution {"stateMachineArn": "@x", "name": "a", "input": "{\"n\":1}"}
              {"executionArn":"@express:x:a:668fe74b-067a-4188-b77c-ddf7ebe8e60a","startDate":1700000000.0}
              call @f:f {"n":1}
            > ok 1
              call @f:g 1
            > crash
              call @f:f {"n":1}
            > ok 2
              call @f:g 2
            > return
            > crash
              call @f:f {"n":1}
            > ok 3
              call @f:g 3
            > ok 4
            > rows
              {1: 1, 2: 1, 3: 1}
            > crash
            > rows
              {1: 1, 2: 1, 3: 1}
        "#]],
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
        expect![[r#"
            > express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:x","creationDate":1700000000.0}
            > sync x
              (no answer yet)
              call @f:f {}
            > crash
            > rows
              {1: 1, 2: 1, 3: 1}
            > ListExecutions {"stateMachineArn": "@x"}
              ! StateMachineTypeNotSupported: This operation is not supported by this type of state machine
            > StopExecution {"executionArn": "arn:aws:states:us-east-1:123456789012:express:x:a:b"}
              ! InvalidArn: Invalid Arn: 'Resource type not valid in this context: express'
        "#]],
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
        expect![[r#"
            > express x {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}
              {"stateMachineArn":"@stateMachine:x","creationDate":1700000000.0}
            > StartExecution {"stateMachineArn": "@x", "name": "a"}
              {"executionArn":"@express:x:a:668fe74b-067a-4188-b77c-ddf7ebe8e60a","startDate":1700000000.0}
              call @f:f {}
            > StartExecution {"stateMachineArn": "@x", "name": "a"}
              {"executionArn":"@express:x:a:3800a160-3885-4545-a10a-04e95b3803fd","startDate":1700000000.0}
              call @f:f {}
            > rows
              {1: 1, 2: 1, 3: 1, 12: 2}
            > ok 1
            > ok 2
            > rows
              {1: 1, 2: 1, 3: 1}
        "#]],
    );
}

#[test]
fn a_synchronous_execution_writes_no_row_and_its_number_is_not_given_again() {
    let mut world = World::new();
    let pass = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    world.create("x", "EXPRESS", pass);
    world.create("m", "STANDARD", pass);
    let body = serde_json::json!({ "stateMachineArn": crate::world::machine_arn("x") }).to_string();
    // The first one reserves numbers.
    world.ask("StartSyncExecution", &body);
    let commits = world.disk.commits();
    assert!(world.ask("StartSyncExecution", &body).contains("SUCCEEDED"));
    assert_eq!(world.disk.commits(), commits);
    let first = world.shard.snapshot();
    world.crash();
    world.start("m", "after", "1");
    let numbers = |snapshot: &dyn stepwell_store::Snapshot| {
        let found = snapshot.scan(&[4], &[5], stepwell_store::Direction::Ascending, 10);
        let keys = found.expect("rows can be read").into_iter();
        let number = |key: &[u8]| u64::from_be_bytes(key[1..9].try_into().expect("a number"));
        keys.map(|(key, _)| number(&key)).collect::<Vec<_>>()
    };
    assert_eq!(numbers(first.as_ref()), Vec::<u64>::new());
    let after = numbers(world.shard.snapshot().as_ref());
    assert!(
        after.len() == 1 && after[0] != 1 && after[0] != 2,
        "{after:?}"
    );
}
