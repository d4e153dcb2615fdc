//! Activities: create, poll, and the way of a task to a worker and back.

use expect_test::expect;
use stepwell_api::states;
use stepwell_service::{Answered, Request};

use crate::world::{World, activity_arn, check};

#[test]
fn a_task_goes_to_a_worker_and_its_token_ends_it() {
    check(
        r#"
        CreateActivity {"name": "a"}
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
        start m x {"n": 1}
        rows
        poll a w1
        rows
        history m x
        token beat
        token success {"done": true}
        show m x
        history m x
        token success 1
        "#,
        expect![[r#"
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m x {"n": 1}
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1, 8: 1, 9: 1, 10: 1, 18: 1, 19: 1, 20: 1}
            > poll a w1
              {"taskToken":"TOKEN","input":"{\"n\": 1}"}
            > rows
              {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 2, 7: 1, 8: 1, 9: 1, 10: 1, 18: 1}
            > history m x
              1<0 ExecutionStarted 2<0 +T 3<2 ActivityScheduled 4<3 ActivityStarted
            > token beat
              {}
            > token success {"done": true}
              {}
            > show m x
              SUCCEEDED {"done": true}
            > history m x
              1<0 ExecutionStarted 2<0 +T 3<2 ActivityScheduled 4<3 ActivityStarted 5<4 ActivitySucceeded 6<5 -T 7<6 ExecutionSucceeded
            > token success 1
              ! TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'
        "#]],
    );
}

#[test]
fn a_waiting_worker_gets_the_task_the_moment_it_is_scheduled() {
    check(
        r#"
        CreateActivity {"name": "a"}
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
        poll a first
        poll a second
        start m x 1
        start m y 2
        start m z 3
        token failure Broken
        show m y
        history m y
        history m x
        poll a third
        "#,
        expect![[r#"
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > poll a first
              (waits)
            > poll a second
              (waits)
            > start m x 1
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
              polled {"taskToken":"TOKEN","input":"1"}
            > start m y 2
              {"executionArn":"@execution:m:y","startDate":1700000000.0}
              polled {"taskToken":"TOKEN","input":"2"}
            > start m z 3
              {"executionArn":"@execution:m:z","startDate":1700000000.0}
            > token failure Broken
              {}
            > show m y
              FAILED Broken | -
            > history m y
              1<0 ExecutionStarted 2<0 +T 3<2 ActivityScheduled 4<3 ActivityStarted 5<4 ActivityFailed 6<5 ExecutionFailed
            > history m x
              1<0 ExecutionStarted 2<0 +T 3<2 ActivityScheduled 4<3 ActivityStarted
            > poll a third
              {"taskToken":"TOKEN","input":"3"}
        "#]],
    );
}

#[test]
fn tasks_are_given_out_in_the_order_they_were_scheduled() {
    check(
        r#"
        CreateActivity {"name": "a"}
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
        start m x 1
        wait 1
        start m y 2
        crash
        poll a w
        poll a w
        poll a w
        "#,
        expect![[r#"
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m x 1
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
            > wait 1
            > start m y 2
              {"executionArn":"@execution:m:y","startDate":1700000001.0}
            > crash
            > poll a w
              {"taskToken":"TOKEN","input":"1"}
            > poll a w
              {"taskToken":"TOKEN","input":"2"}
            > poll a w
              (waits)
        "#]],
    );
}

#[test]
fn a_poll_ends_after_a_minute_without_a_task() {
    check(
        r#"
        CreateActivity {"name": "a"}
        poll a early
        wait 30
        poll a late
        wait 29
        wait 1
        wait 30
        "#,
        expect![[r#"
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > poll a early
              (waits)
            > wait 30
            > poll a late
              (waits)
            > wait 29
            > wait 1
              polled {}
            > wait 30
              polled {}
        "#]],
    );
}

#[test]
fn a_worker_that_has_left_swallows_no_task() {
    check(
        r#"
        CreateActivity {"name": "a"}
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
        poll a gone
        poll a here
        leave
        start m x 1
        start m y 2
        poll a next
        "#,
        expect![[r#"
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > poll a gone
              (waits)
            > poll a here
              (waits)
            > leave
            > start m x 1
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
              polled {"taskToken":"TOKEN","input":"1"}
            > start m y 2
              {"executionArn":"@execution:m:y","startDate":1700000000.0}
            > poll a next
              {"taskToken":"TOKEN","input":"2"}
        "#]],
    );
}

#[test]
fn a_task_that_timed_out_is_not_given_out() {
    check(
        r#"
        CreateActivity {"name": "a"}
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","TimeoutSeconds":5,"End":true}}}
        start m x 1
        start m y 2
        wait 5
        show m x
        rows
        poll a w
        wait 60
        start m z 3
        stop m z
        poll a w
        history m z
        "#,
        expect![[r#"
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","TimeoutSeconds":5,"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m x 1
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
            > start m y 2
              {"executionArn":"@execution:m:y","startDate":1700000000.0}
            > wait 5
            > show m x
              FAILED States.Timeout | -
            > rows
              {1: 1, 2: 1, 3: 1, 4: 2, 5: 2, 6: 4, 7: 2, 8: 2, 18: 1}
            > poll a w
              (waits)
            > wait 60
              polled {}
            > start m z 3
              {"executionArn":"@execution:m:z","startDate":1700000065.0}
            > stop m z
              {"stopDate":1700000065.0}
            > poll a w
              (waits)
            > history m z
              1<0 ExecutionStarted 2<0 +T 3<2 ActivityScheduled 4<0 ExecutionAborted
        "#]],
    );
}

#[test]
fn a_heartbeat_keeps_the_task_of_a_worker() {
    check(
        r#"
        CreateActivity {"name": "a"}
        create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","HeartbeatSeconds":10,"End":true}}}
        start m x 1
        wait 100
        poll a w
        wait 9
        token beat
        wait 9
        show m x
        wait 1
        show m x
        history m x
        token success 1
        "#,
        expect![[r#"
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > create m {"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","HeartbeatSeconds":10,"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m x 1
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
            > wait 100
            > poll a w
              {"taskToken":"TOKEN","input":"1"}
            > wait 9
            > token beat
              {}
            > wait 9
            > show m x
              RUNNING - | -
            > wait 1
            > show m x
              FAILED States.Timeout | -
            > history m x
              1<0 ExecutionStarted 2<0 +T 3<2 ActivityScheduled 4<3 ActivityStarted 5<4 ActivityTimedOut 6<5 ExecutionFailed
            > token success 1
              ! TaskTimedOut: Task Timed Out: 'Provided task does not exist anymore'
        "#]],
    );
}

#[test]
fn an_activity_that_does_not_exist_fails_the_task_that_enters() {
    check(
        r#"
        create m {"StartAt":"P","States":{"P":{"Type":"Pass","Next":"T"},"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}],"End":true}}}
        start m x 1
        show m x
        history m x
        CreateActivity {"name": "a"}
        start m y 1
        show m y
        poll a w
        poll a w
        DeleteActivity {"activityArn": "@activity:a"}
        DeleteActivity {"activityArn": "@activity:a"}
        poll a w
        token success 2
        show m y
        "#,
        expect![[r#"
            > create m {"StartAt":"P","States":{"P":{"Type":"Pass","Next":"T"},"T":{"Type":"Task","Resource":"arn:aws:states:us-east-1:123456789012:activity:a","Retry":[{"ErrorEquals":["States.ALL"]}],"Catch":[{"ErrorEquals":["States.ALL"],"Next":"P"}],"End":true}}}
              {"stateMachineArn":"@stateMachine:m","creationDate":1700000000.0}
            > start m x 1
              {"executionArn":"@execution:m:x","startDate":1700000000.0}
            > show m x
              FAILED States.Runtime | The activity arn:aws:states:us-east-1:123456789012:activity:a does not exist.
            > history m x
              1<0 ExecutionStarted 2<0 +P 3<2 -P 4<3 +T 5<4 ExecutionFailed
            > CreateActivity {"name": "a"}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > start m y 1
              {"executionArn":"@execution:m:y","startDate":1700000000.0}
            > show m y
              RUNNING - | -
            > poll a w
              {"taskToken":"TOKEN","input":"1"}
            > poll a w
              (waits)
            > DeleteActivity {"activityArn": "@activity:a"}
              {}
              polled ! ActivityDoesNotExist: Activity Does Not Exist: '@activity:a'
            > DeleteActivity {"activityArn": "@activity:a"}
              {}
            > poll a w
              ! ActivityDoesNotExist: Activity Does Not Exist: '@activity:a'
            > token success 2
              {}
            > show m y
              SUCCEEDED 2
        "#]],
    );
}

#[test]
fn an_activity_is_described_listed_and_tagged() {
    check(
        r#"
        CreateActivity {"name": "a", "tags": [{"key": "k", "value": "v"}]}
        wait 1
        CreateActivity {"name": "a", "tags": [{"key": "other", "value": "v"}], "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}
        CreateActivity {"name": "a", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key"}}
        CreateActivity {"name": "b", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}}
        CreateActivity {"name": "b", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key", "kmsDataKeyReusePeriodSeconds": 59}}
        CreateActivity {"name": "b", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key", "kmsDataKeyReusePeriodSeconds": 60}}
        CreateActivity {"name": "a b"}
        DescribeActivity {"activityArn": "@activity:a"}
        DescribeActivity {"activityArn": "@activity:b"}
        DescribeActivity {"activityArn": "@activity:c"}
        DescribeActivity {"activityArn": "@m"}
        ListActivities {"maxResults": 0}
        TagResource {"resourceArn": "@activity:a", "tags": [{"key": "k2", "value": "v2"}]}
        UntagResource {"resourceArn": "@activity:a", "tagKeys": ["k"]}
        ListTagsForResource {"resourceArn": "@activity:a"}
        ListTagsForResource {"resourceArn": "@activity:c"}
        poll c w
        "#,
        expect![[r#"
            > CreateActivity {"name": "a", "tags": [{"key": "k", "value": "v"}]}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > wait 1
            > CreateActivity {"name": "a", "tags": [{"key": "other", "value": "v"}], "encryptionConfiguration": {"type": "AWS_OWNED_KEY"}}
              {"activityArn":"@activity:a","creationDate":1700000000.0}
            > CreateActivity {"name": "a", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key"}}
              ! ActivityAlreadyExists: Activity Already Exists: '@activity:a'
            > CreateActivity {"name": "b", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY"}}
              ! InvalidEncryptionConfiguration: Invalid Encryption Configuration: kmsKeyId must be specified for the type CUSTOMER_MANAGED_KMS_KEY.
            > CreateActivity {"name": "b", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key", "kmsDataKeyReusePeriodSeconds": 59}}
              ! ValidationException: 1 validation error detected: Value '59' at 'encryptionConfiguration.kmsDataKeyReusePeriodSeconds' failed to satisfy constraint: Member must have value greater than or equal to 60
            > CreateActivity {"name": "b", "encryptionConfiguration": {"type": "CUSTOMER_MANAGED_KMS_KEY", "kmsKeyId": "key", "kmsDataKeyReusePeriodSeconds": 60}}
              {"activityArn":"@activity:b","creationDate":1700000001.0}
            > CreateActivity {"name": "a b"}
              ! InvalidName: Invalid Name: 'a b'
            > DescribeActivity {"activityArn": "@activity:a"}
              {"activityArn":"@activity:a","name":"a","creationDate":1700000000.0,"encryptionConfiguration":{"type":"AWS_OWNED_KEY"}}
            > DescribeActivity {"activityArn": "@activity:b"}
              {"activityArn":"@activity:b","name":"b","creationDate":1700000001.0,"encryptionConfiguration":{"kmsKeyId":"key","kmsDataKeyReusePeriodSeconds":60,"type":"CUSTOMER_MANAGED_KMS_KEY"}}
            > DescribeActivity {"activityArn": "@activity:c"}
              ! ActivityDoesNotExist: Activity Does Not Exist: '@activity:c'
            > DescribeActivity {"activityArn": "@m"}
              ! InvalidArn: Invalid Arn: 'Resource type not valid in this context: stateMachine'
            > ListActivities {"maxResults": 0}
              {"activities":[{"activityArn":"@activity:a","name":"a","creationDate":1700000000.0},{"activityArn":"@activity:b","name":"b","creationDate":1700000001.0}]}
            > TagResource {"resourceArn": "@activity:a", "tags": [{"key": "k2", "value": "v2"}]}
              {}
            > UntagResource {"resourceArn": "@activity:a", "tagKeys": ["k"]}
              {}
            > ListTagsForResource {"resourceArn": "@activity:a"}
              {"tags":[{"key":"k2","value":"v2"}]}
            > ListTagsForResource {"resourceArn": "@activity:c"}
              ! ResourceNotFound: Resource not found: '@activity:c'
            > poll c w
              ! ActivityDoesNotExist: Activity Does Not Exist: '@activity:c'
        "#]],
    );
}

#[test]
fn a_task_that_did_not_reach_its_worker_goes_to_the_next() {
    let mut world = World::new();
    world.ask("CreateActivity", r#"{"name": "a"}"#);
    let definition = format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"{}","End":true}}}}}}"#,
        activity_arn("a")
    );
    world.create("m", "STANDARD", &definition);
    world.start("m", "x", "1");
    let body = serde_json::json!({ "activityArn": activity_arn("a") }).to_string();
    let input = states::decode(body.as_bytes()).expect("an input");
    let Some(Ok(Answered::Task(lost, task))) = world.send(Request::GetActivityTask(input)) else {
        panic!("no task");
    };
    world.send(Request::ReturnActivityTask(task.clone()));
    let again = world.poll("a", "next").expect("the task");
    assert_eq!(again.as_bytes(), lost, "the same attempt, the same token");
    let token = again.split('"').nth(3).expect("a token").to_string();
    let success = serde_json::json!({ "taskToken": token, "output": "2" });
    assert_eq!(world.ask("SendTaskSuccess", &success.to_string()), "{}");
    // One that is over meanwhile goes to nobody.
    world.send(Request::ReturnActivityTask(task));
    assert_eq!(world.poll("a", "idle"), None);
    assert_eq!(world.describe("m", "x")["output"], "2");
}

#[test]
fn a_thousand_workers_may_wait_and_not_one_more() {
    let mut world = World::new();
    world.ask("CreateActivity", r#"{"name": "a"}"#);
    for _ in 0..1_000 {
        assert_eq!(world.poll("a", "w"), None);
    }
    let refusal = world.poll("a", "w").unwrap_or_default();
    assert!(
        refusal.starts_with("! ActivityWorkerLimitExceeded"),
        "{refusal}"
    );
    world.shard.end_polls();
    world.commit();
    assert_eq!(world.polled, vec!["{}"; 1_000]);
}
