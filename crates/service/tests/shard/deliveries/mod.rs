//! Deliveries: asynchronous invocations, their retries and records, and what is sent to other targets.

mod bounds;
mod crashes;
mod invocations;
mod targets;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use stepwell_api::lambda;
use stepwell_service::{
    Delivery, DeliveryAction, DeliveryCall, DeliveryOutcome, EventInvocation, FunctionCode,
    FunctionReply, LambdaRequest, LostTask, Message, Request, RetryPolicy,
};
use stepwell_store::{Disk, Fault};

use crate::world::{World, answer_text, machine_arn};

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:dead";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:told";

/// Key kinds of a delivery, its place in time and its payload.
const ROWS: [u8; 3] = [37, 38, 48];

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

fn arn(name: &str) -> String {
    format!("arn:aws:lambda:us-east-1:123456789012:function:{name}")
}

pub fn world_with(name: &str) -> World {
    let mut world = World::new();
    create(&mut world, name);
    world
}

fn create(world: &mut World, name: &str) {
    let input = json!({
        "FunctionName": name, "Runtime": "nodejs22.x", "Handler": "index.handler", "Code": {},
        "Role": "arn:aws:iam::123456789012:role/r", "DeadLetterConfig": { "TargetArn": QUEUE },
    });
    let code = FunctionCode {
        zip: b"zip".to_vec(),
        package: "0".repeat(64),
        code_sha256: "sha".to_string(),
        unzipped_bytes: 0,
    };
    let input = serde_json::from_value(input).expect("an input");
    let answer = world.send(Request::CreateFunction(Box::new(input), code));
    answer.expect("an answer").expect("a function");
}

fn event(function: &str, payload: &str) -> Request {
    Request::TakeEvent(Box::new(EventInvocation {
        function: function.to_string(),
        qualifier: None,
        request_id: "request-1".to_string(),
        payload: payload.to_string(),
        trace_header: None,
        client_context: None,
        origin: "a test".to_string(),
    }))
}

fn send(world: &mut World, request: Request) -> String {
    answer_text(world.send(request).expect("an answer"))
}

/// Takes an event; its first attempt is released.
pub fn invoke(world: &mut World, function: &str, payload: &str) {
    assert_eq!(send(world, event(function, payload)), "taken");
    world.tick();
}

fn configure(world: &mut World, body: Value) -> String {
    let input: lambda::PutFunctionEventInvokeConfigRequest =
        serde_json::from_value(body).expect("an input");
    send(world, Request::PutFunctionEventInvokeConfig(input))
}

fn reply(payload: &str, function_error: Option<&str>) -> DeliveryOutcome {
    DeliveryOutcome::Ran(FunctionReply {
        payload: payload.to_string(),
        function_error: function_error.map(str::to_string),
        executed_version: "$LATEST".to_string(),
    })
}

fn failure() -> DeliveryOutcome {
    reply(
        r#"{"errorType":"Busy","errorMessage":"later"}"#,
        Some("Unhandled"),
    )
}

fn throttle() -> DeliveryOutcome {
    DeliveryOutcome::Failed {
        code: "TooManyRequestsException".to_string(),
        message: "Rate Exceeded.".to_string(),
        is_retryable: true,
    }
}

/// Ends the oldest attempt.
fn end(world: &mut World, outcome: DeliveryOutcome) -> DeliveryCall {
    let call = world.deliveries.remove(0);
    let number = call.number;
    world.send(Request::EndDelivery { number, outcome });
    world.tick();
    call
}

/// How long it is until the next attempt is released, in seconds.
fn next_attempt(world: &mut World) -> i64 {
    assert!(world.deliveries.is_empty(), "{:?}", world.deliveries);
    let due = world.shard.next_deadline().expect("something is due");
    let wait = due.as_millis() - world.now_ms;
    world.wait_ms(wait - 1);
    assert!(world.deliveries.is_empty(), "not early");
    world.wait_ms(1);
    assert_eq!(world.deliveries.len(), 1, "due in {wait} ms");
    wait / SECOND
}

fn is_over(world: &World) -> bool {
    let kinds = world.kinds();
    world.deliveries.is_empty() && ROWS.iter().all(|kind| !kinds.contains_key(kind))
}

fn delivery(target: &str) -> Delivery {
    Delivery {
        target: target.to_string(),
        payload: r#"{"a":1}"#.to_string(),
        origin: "arn:aws:events:us-east-1:123456789012:rule/r".to_string(),
        retry: RetryPolicy {
            retries_max: 2,
            age_max_ms: HOUR,
        },
        dead_letter: Some((
            QUEUE.to_string(),
            BTreeMap::from([("RULE_ARN".to_string(), "r".to_string())]),
        )),
        message: Message::default(),
        trace_header: None,
    }
}
