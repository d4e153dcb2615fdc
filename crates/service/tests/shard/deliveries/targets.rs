//! What is brought to state machines, queues and others, and tasks that do not wait.

use super::*;

#[test]
fn a_delivery_to_a_state_machine_starts_one_execution() {
    let mut world = World::new();
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
    );
    let answer = send(
        &mut world,
        Request::Deliver(Box::new(delivery(&machine_arn("m")))),
    );
    assert_eq!(answer, "taken");
    world.tick();
    assert!(is_over(&world));
    let body = json!({ "stateMachineArn": machine_arn("m") }).to_string();
    let list: Value = serde_json::from_str(&world.ask("ListExecutions", &body)).expect("a list");
    let executions = list["executions"].as_array().expect("executions");
    assert_eq!(executions.len(), 1);
    let described = world.describe("m", executions[0]["name"].as_str().expect("a name"));
    assert_eq!(described["input"], r#"{"a":1}"#);
}

#[test]
fn a_delivery_to_nobody_goes_to_the_dead_letters_at_once() {
    for (target, code) in [
        (machine_arn("m"), "StateMachineDoesNotExist"),
        (arn("f"), "ResourceNotFoundException"),
    ] {
        let mut world = World::new();
        assert_eq!(
            send(&mut world, Request::Deliver(Box::new(delivery(&target)))),
            "taken"
        );
        world.tick();
        let call = &world.deliveries[0];
        assert_eq!(call.target, QUEUE);
        let DeliveryAction::Send(message) = &call.action else {
            panic!("{call:?}");
        };
        assert_eq!(message.attributes["ERROR_CODE"], code);
        assert_eq!(message.attributes["RULE_ARN"], "r");
        assert_eq!(
            message.attributes["EXHAUSTED_RETRY_CONDITION"],
            "MaximumRetryAttempts"
        );
    }
}

#[test]
fn a_queue_that_cannot_be_reached_is_tried_as_often_as_the_policy_says() {
    let mut world = World::new();
    let queue = "arn:aws:sqs:us-east-1:123456789012:q";
    send(&mut world, Request::Deliver(Box::new(delivery(queue))));
    world.tick();
    for expected in [1, 2] {
        end(&mut world, throttle());
        assert_eq!(next_attempt(&mut world), expected);
    }
    end(&mut world, throttle());
    assert_eq!(world.deliveries[0].target, QUEUE);
    let DeliveryAction::Send(message) = &world.deliveries[0].action else {
        panic!("{:?}", world.deliveries[0]);
    };
    assert_eq!(message.attributes["RETRY_ATTEMPTS"], "2");
}

#[test]
fn a_target_that_nothing_is_delivered_to_is_refused_by_name() {
    let mut world = World::new();
    let stream = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
    let answer = send(&mut world, Request::Deliver(Box::new(delivery(stream))));
    assert!(
        answer.starts_with(
            "! InvalidParameterValueException: Stepwell does not deliver to arn:aws:kinesis"
        ),
        "{answer}"
    );
}

#[test]
fn a_task_that_does_not_wait_is_done_once_its_event_is_durable() {
    let mut world = world_with("f");
    world.create("m", "STANDARD", r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
        "Parameters":{"FunctionName":"f","InvocationType":"Event","Payload":{"n":1}},"End":true}}}"#);
    world.start("m", "e", "{}");
    let described = world.describe("m", "e");
    assert_eq!(described["status"], "SUCCEEDED", "{described}");
    let output: Value =
        serde_json::from_str(described["output"].as_str().expect("an output")).expect("JSON");
    assert_eq!(output["StatusCode"], 202);
    assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], 202);
    assert!(output.get("Payload").is_none(), "{output}");
    world.tick();
    let call = &world.deliveries[0];
    assert_eq!(&**call.payload.text(), r#"{"n":1}"#);
    let DeliveryAction::Invoke { request_id, .. } = &call.action else {
        panic!("{call:?}");
    };
    assert_eq!(
        output["SdkResponseMetadata"]["RequestId"],
        json!(request_id)
    );
}

#[test]
fn a_task_may_ask_whether_its_function_could_be_called() {
    let machine = |resource: &str, function: &str, kind: &str| {
        format!(
            r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"arn:aws:states:::{resource}",
            "Parameters":{{"FunctionName":"{function}","InvocationType":"{kind}"}},"End":true}}}}}}"#
        )
    };
    for (resource, function, kind, status, shown) in [
        (
            "aws-sdk:lambda:invoke",
            "f",
            "DryRun",
            "SUCCEEDED",
            r#"{"StatusCode":204}"#,
        ),
        (
            "aws-sdk:lambda:invoke",
            "f",
            "Event",
            "SUCCEEDED",
            r#"{"StatusCode":202}"#,
        ),
        (
            "lambda:invoke",
            "g",
            "Event",
            "FAILED",
            "Lambda.ResourceNotFoundException",
        ),
        (
            "aws-sdk:lambda:invoke",
            "g",
            "DryRun",
            "FAILED",
            "Lambda.ResourceNotFoundException",
        ),
        (
            "lambda:invoke",
            "f",
            "Later",
            "FAILED",
            "Lambda.ValidationException",
        ),
    ] {
        let mut world = world_with("f");
        world.create("m", "STANDARD", &machine(resource, function, kind));
        world.start("m", "e", "{}");
        let described = world.describe("m", "e");
        assert_eq!(described["status"], status, "{described}");
        let field = if status == "FAILED" {
            "error"
        } else {
            "output"
        };
        assert_eq!(described[field], shown, "{described}");
    }
}
