//! Deliveries: asynchronous invocations, their retries and records, and what is sent to other targets.

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

fn world_with(name: &str) -> World {
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
fn invoke(world: &mut World, function: &str, payload: &str) {
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

#[test]
fn an_event_is_run_once_and_leaves_nothing_behind() {
    let mut world = world_with("f");
    invoke(&mut world, "f", r#"{"n":1}"#);
    let call = end(&mut world, reply("2", None));
    assert_eq!(
        (call.target, call.payload.text().to_string()),
        (arn("f"), r#"{"n":1}"#.to_string())
    );
    let DeliveryAction::Invoke { request_id, .. } = call.action else {
        panic!("{:?}", call.action);
    };
    assert_eq!(request_id, "request-1");
    assert!(is_over(&world));
    // An outcome that comes twice changes nothing.
    let number = call.number;
    world.send(Request::EndDelivery {
        number,
        outcome: failure(),
    });
    assert!(is_over(&world));
}

#[test]
fn a_function_that_fails_is_run_again_after_one_minute_and_after_two() {
    let mut world = world_with("f");
    invoke(&mut world, "f", "{}");
    end(&mut world, failure());
    assert_eq!(next_attempt(&mut world), 60);
    end(&mut world, failure());
    assert_eq!(next_attempt(&mut world), 120);
    let call = end(&mut world, reply("1", None));
    let DeliveryAction::Invoke { request_id, .. } = call.action else {
        panic!("{:?}", call.action);
    };
    assert_eq!(request_id, "request-1", "the same in all attempts");
    assert!(is_over(&world));
}

#[test]
fn a_throttled_event_is_tried_for_six_hours_at_growing_intervals() {
    let mut world = world_with("f");
    let started = world.now_ms;
    invoke(&mut world, "f", "{}");
    let mut waits = Vec::new();
    loop {
        end(&mut world, throttle());
        if world.given_up.len() == 1 {
            break;
        }
        waits.push(next_attempt(&mut world));
    }
    assert_eq!(waits[..10], [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    assert!(waits[10..].iter().all(|wait| *wait == 300));
    let age = world.now_ms - started;
    assert!(age > 6 * HOUR - 5 * MINUTE && age <= 6 * HOUR, "{age}");
}

#[test]
fn throttles_do_not_count_as_attempts() {
    let mut world = world_with("f");
    invoke(&mut world, "f", "{}");
    for _ in 0..5 {
        end(&mut world, throttle());
        next_attempt(&mut world);
    }
    end(&mut world, failure());
    assert_eq!(next_attempt(&mut world), 60);
    end(&mut world, throttle());
    assert_eq!(next_attempt(&mut world), 1, "the backoff starts anew");
}

#[test]
fn a_function_that_fails_three_times_leaves_a_record_and_a_dead_letter() {
    let mut world = world_with("f");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "DestinationConfig": { "OnFailure": { "Destination": TOPIC } } }),
    );
    invoke(&mut world, "f", r#"{"order": 7}"#);
    end(&mut world, failure());
    next_attempt(&mut world);
    end(&mut world, failure());
    next_attempt(&mut world);
    end(&mut world, failure());
    let mut sent: BTreeMap<String, DeliveryCall> = BTreeMap::new();
    for call in std::mem::take(&mut world.deliveries) {
        sent.insert(call.target.clone(), call);
    }
    let record: Value = serde_json::from_str(sent[TOPIC].payload.text()).expect("a record");
    assert_eq!(
        record,
        json!({
            "version": "1.0",
            "timestamp": "2023-11-14T22:16:20.000Z",
            "requestContext": {
                "requestId": "request-1",
                "functionArn": arn("f:$LATEST"),
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3,
            },
            "requestPayload": { "order": 7 },
            "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
            "responsePayload": { "errorType": "Busy", "errorMessage": "later" },
        })
    );
    let letter = &sent[QUEUE];
    assert_eq!(&**letter.payload.text(), r#"{"order": 7}"#, "as it came");
    let DeliveryAction::Send(message) = &letter.action else {
        panic!("{:?}", letter.action);
    };
    let attributes: Vec<_> = message
        .attributes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        attributes,
        [
            ("ErrorCode", "200"),
            ("ErrorMessage", "later"),
            ("RequestID", "request-1")
        ]
    );
    for call in sent.into_values() {
        let number = call.number;
        world.send(Request::EndDelivery {
            number,
            outcome: DeliveryOutcome::Delivered,
        });
    }
    assert!(is_over(&world));
}

#[test]
fn a_success_is_recorded_where_the_configuration_says() {
    let mut world = world_with("f");
    create(&mut world, "after");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "DestinationConfig": { "OnSuccess": { "Destination": arn("after") } } }),
    );
    invoke(&mut world, "f", "{}");
    end(&mut world, reply(r#"{"ok":true}"#, None));
    // A function as destination is invoked asynchronously itself.
    let call = world.deliveries.first().expect("the record's delivery");
    assert!(
        matches!(call.action, DeliveryAction::Invoke { .. }),
        "{call:?}"
    );
    let record: Value = serde_json::from_str(call.payload.text()).expect("a record");
    assert_eq!(record["requestContext"]["condition"], "Success");
    assert_eq!(record["responsePayload"], json!({ "ok": true }));
    end(&mut world, reply("null", None));
    assert!(is_over(&world));
}

#[test]
fn a_record_on_a_bus_says_what_it_is() {
    let mut world = world_with("f");
    let bus = "arn:aws:events:eu-west-1:123456789012:event-bus/orders";
    configure(
        &mut world,
        json!({ "FunctionName": "f", "DestinationConfig": { "OnSuccess": { "Destination": bus } } }),
    );
    invoke(&mut world, "f", "{}");
    end(&mut world, reply("1", None));
    let DeliveryAction::Send(message) = &world.deliveries[0].action else {
        panic!("{:?}", world.deliveries[0]);
    };
    let event = message.event.as_ref().expect("an event");
    assert_eq!(event.source, "lambda");
    assert_eq!(
        event.detail_type,
        "Lambda Function Invocation Result - Success"
    );
    assert_eq!(event.resources, [bus.to_string(), arn("f:$LATEST")]);
}

#[test]
fn the_configuration_says_how_often_and_how_long() {
    let mut world = world_with("f");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "MaximumRetryAttempts": 0 }),
    );
    invoke(&mut world, "f", "{}");
    end(&mut world, failure());
    assert_eq!(world.given_up, [format!("{} 200: later", arn("f"))]);
    world.deliveries.clear();

    let mut world = world_with("f");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "MaximumEventAgeInSeconds": 60 }),
    );
    invoke(&mut world, "f", "{}");
    end(&mut world, throttle());
    for expected in [1, 2, 4, 8, 16] {
        assert_eq!(next_attempt(&mut world), expected);
        end(&mut world, throttle());
    }
    // The next attempt would be 63 seconds after the event.
    assert_eq!(world.given_up.len(), 1);
}

#[test]
fn an_event_that_grew_too_old_while_the_server_was_down_is_not_run() {
    let mut world = world_with("f");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "DestinationConfig": { "OnFailure": { "Destination": TOPIC } } }),
    );
    invoke(&mut world, "f", "{}");
    world.now_ms += 7 * HOUR;
    world.crash();
    let records: Vec<_> = world
        .deliveries
        .iter()
        .filter(|call| call.target == TOPIC)
        .collect();
    let record: Value = serde_json::from_str(records[0].payload.text()).expect("a record");
    assert_eq!(record["requestContext"]["condition"], "EventAgeExceeded");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 0);
    assert!(record.get("responsePayload").is_none(), "{record}");
}

#[test]
fn a_function_that_is_gone_ends_its_events() {
    let mut world = world_with("f");
    assert_eq!(
        send(&mut world, event("g", "{}")),
        format!(
            "! ResourceNotFoundException: Function not found: {}",
            arn("g")
        )
    );
    invoke(&mut world, "f", "{}");
    let gone = DeliveryOutcome::Failed {
        code: "ResourceNotFoundException".to_string(),
        message: "Function not found".to_string(),
        is_retryable: false,
    };
    end(&mut world, gone);
    assert_eq!(
        world.given_up,
        [format!(
            "{} ResourceNotFoundException: Function not found",
            arn("f")
        )]
    );
}

#[test]
fn an_event_is_at_most_a_megabyte() {
    let mut world = world_with("f");
    let payload = format!("\"{}\"", "x".repeat((1 << 20) - 1));
    assert_eq!(
        send(&mut world, event("f", &payload)),
        "! RequestTooLargeException: 1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
    );
    assert_eq!(send(&mut world, event("f", &payload[..1 << 20])), "taken");
}

#[test]
fn a_target_that_hangs_keeps_only_its_own_deliveries_waiting() {
    let mut world = world_with("f");
    create(&mut world, "g");
    for _ in 0..500 {
        world.apply(event("f", "{}"));
    }
    world.apply(event("g", "{}"));
    world.commit();
    world.tick();
    assert_eq!(
        world.deliveries.len(),
        101,
        "a hundred of one target, and the other's"
    );
    let mut runs: BTreeMap<String, u32> = BTreeMap::new();
    while !world.deliveries.is_empty() {
        let call = end(&mut world, reply("1", None));
        *runs.entry(call.target).or_default() += 1;
        assert!(world.deliveries.len() <= 101);
    }
    assert_eq!(runs, [(arn("f"), 500), (arn("g"), 1)].into());
    assert!(is_over(&world));
}

#[test]
fn what_waits_for_its_target_is_there_after_a_crash_and_ages() {
    let mut world = world_with("f");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "MaximumEventAgeInSeconds": 60 }),
    );
    for n in 0..150 {
        world.apply(event("f", &n.to_string()));
    }
    world.commit();
    world.tick();
    world.crash();
    assert_eq!(world.deliveries.len(), 100);
    world.now_ms += 61 * SECOND;
    // The first end frees one place; all that wait are too old for it.
    end(&mut world, reply("1", None));
    assert_eq!(world.given_up.len(), 50);
    world.deliveries.retain(|call| call.target != QUEUE);
    assert_eq!(world.deliveries.len(), 99);
}

#[test]
fn all_that_waits_is_not_released_at_once() {
    let mut world = World::new();
    for n in 0..10 {
        let name = format!("f{n}");
        create(&mut world, &name);
        for _ in 0..100 {
            world.apply(event(&name, "{}"));
        }
    }
    world.commit();
    world.tick();
    assert_eq!(world.deliveries.len(), 500);
    let mut ended = 0;
    while !world.deliveries.is_empty() {
        end(&mut world, reply("1", None));
        ended += 1;
    }
    assert_eq!(ended, 1_000);
    assert!(is_over(&world));
}

#[test]
fn large_payloads_are_released_a_few_at_a_time() {
    let mut world = world_with("f");
    let payload = format!("\"{}\"", "x".repeat(1_000_000));
    for _ in 0..100 {
        assert_eq!(send(&mut world, event("f", &payload)), "taken");
    }
    world.tick();
    assert_eq!(
        world.deliveries.len(),
        68,
        "64 MiB of them and the one that goes over"
    );
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

/// Two events, a task that sends one, and a delivery to a state machine; each function fails once.
fn run(cut: Option<(u64, Option<Fault>)>) -> (BTreeMap<String, u32>, u64, String) {
    let mut world = World::on(&Disk::new(), LostTask::Fail);
    create(&mut world, "f");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "DestinationConfig": { "OnSuccess": { "Destination": TOPIC } } }),
    );
    world.create(
        "sender",
        "STANDARD",
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
        "Parameters":{"FunctionName":"f","InvocationType":"Event","Payload":"task"},"End":true}}}"#,
    );
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
    );
    let mut commits = 0;
    let mut commit = |world: &mut World| {
        commits += 1;
        let (at, fault) = cut.unwrap_or((0, None));
        if let Some(fault) = fault.filter(|_| at == commits) {
            world.disk.fail(fault, 0);
        }
        let is_done = world.try_commit().is_ok();
        if at == commits {
            world.crash();
        }
        is_done
    };
    let start = crate::world::change(
        "StartExecution",
        &crate::world::start_body("sender", "e", "{}"),
    );
    // A client repeats what was not acknowledged; a start with the same name is the same execution.
    let mut requests = vec![
        event("f", "\"one\""),
        Request::Deliver(Box::new(delivery(&machine_arn("m")))),
    ];
    requests.push(start.expect("decodes").expect("changes"));
    for request in requests {
        let repeated = format!("{request:?}");
        world.apply(request);
        if !commit(&mut world) {
            let again = match repeated.as_str() {
                text if text.starts_with("TakeEvent") => event("f", "\"one\""),
                text if text.starts_with("Deliver") => {
                    Request::Deliver(Box::new(delivery(&machine_arn("m"))))
                }
                _ => crate::world::change(
                    "StartExecution",
                    &crate::world::start_body("sender", "e", "{}"),
                )
                .expect("decodes")
                .expect("changes"),
            };
            world.apply(again);
            commit(&mut world);
        }
    }
    let mut successes: BTreeMap<String, u32> = BTreeMap::new();
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    for _ in 0..1_000 {
        if let Some(call) = world.deliveries.first() {
            let number = call.number;
            let attempt = seen.entry(number).or_default();
            *attempt += 1;
            let outcome = match &call.action {
                DeliveryAction::Send(_) => {
                    *successes.entry(call.target.clone()).or_default() += 1;
                    DeliveryOutcome::Delivered
                }
                DeliveryAction::Invoke { .. } if *attempt == 1 => failure(),
                DeliveryAction::Invoke { .. } => {
                    *successes
                        .entry(call.payload.text().to_string())
                        .or_default() += 1;
                    reply("1", None)
                }
            };
            world.deliveries.remove(0);
            world.apply(Request::EndDelivery { number, outcome });
        } else if let Some(due) = world.shard.next_deadline() {
            world.now_ms = world.now_ms.max(due.as_millis());
            world.shard.tick(world.now());
        } else {
            break;
        }
        commit(&mut world);
    }
    assert!(is_over(&world), "{cut:?}: {:?}", world.kinds());
    let body = json!({ "stateMachineArn": machine_arn("m") }).to_string();
    let list: Value = serde_json::from_str(&world.ask("ListExecutions", &body)).expect("a list");
    let started = list["executions"].as_array().expect("executions").len();
    let sender = world.describe("sender", "e")["status"].to_string();
    (successes, commits, format!("{started} {sender}"))
}

#[test]
fn a_crash_at_any_commit_loses_no_delivery() {
    let (whole, commits, state) = run(None);
    let expected = [("\"one\"", 1), ("\"task\"", 1), (TOPIC, 2)];
    assert_eq!(
        whole,
        expected
            .map(|(name, count)| (name.to_string(), count))
            .into()
    );
    assert_eq!(state, "1 \"SUCCEEDED\"");
    assert!(commits > 10, "{commits}");
    for at in 1..=commits {
        for fault in [None, Some(Fault::BeforeWrite), Some(Fault::AfterWrite)] {
            let (successes, _, state) = run(Some((at, fault)));
            for (name, count) in &whole {
                let seen = successes.get(name).copied().unwrap_or(0);
                // At least once; and no more than once again for the one crash.
                assert!(
                    (*count..=count + 1).contains(&seen),
                    "{name}: {seen} after {fault:?} at commit {at}"
                );
            }
            // What the shard does by itself is done once, unless a client had to ask again for what was in doubt.
            let (started, sender) = state.split_once(' ').expect("two parts");
            assert_eq!(sender, "\"SUCCEEDED\"", "{fault:?} at commit {at}");
            let is_asked_again = at == 2 && fault == Some(Fault::AfterWrite);
            assert_eq!(
                started,
                if is_asked_again { "2" } else { "1" },
                "{fault:?} at commit {at}"
            );
        }
    }
}

#[test]
fn event_invoke_configurations_are_kept_by_qualifier() {
    let mut world = world_with("f");
    let shown = configure(
        &mut world,
        json!({ "FunctionName": "f", "MaximumRetryAttempts": 1 }),
    );
    assert_eq!(
        shown,
        r#"{"LastModified":1700000000.0,"FunctionArn":"arn:aws:lambda:us-east-1:123456789012:function:f:$LATEST","MaximumRetryAttempts":1,"DestinationConfig":{"OnSuccess":{},"OnFailure":{}}}"#
    );
    let update = json!({ "FunctionName": "f", "MaximumEventAgeInSeconds": 60 });
    let update = serde_json::from_value(update).expect("an input");
    let shown = send(&mut world, Request::UpdateFunctionEventInvokeConfig(update));
    assert!(
        shown.contains(r#""MaximumRetryAttempts":1,"MaximumEventAgeInSeconds":60"#),
        "{shown}"
    );
    assert!(
        configure(
            &mut world,
            json!({ "FunctionName": "f", "Qualifier": "live" })
        )
        .starts_with("! ResourceNotFoundException: Function not found")
    );
    let refused = configure(
        &mut world,
        json!({ "FunctionName": "f", "DestinationConfig": { "OnSuccess": { "Destination": "arn:aws:kinesis:us-east-1:123456789012:stream/s" } } }),
    );
    assert!(
        refused.starts_with("! InvalidParameterValueException: The destination arn:aws:kinesis"),
        "{refused}"
    );
    let list = || lambda::ListFunctionEventInvokeConfigsRequest {
        function_name: "f".to_string(),
        ..Default::default()
    };
    let nobody = lambda::ListFunctionEventInvokeConfigsRequest {
        function_name: "g".to_string(),
        ..Default::default()
    };
    assert!(
        world
            .reader()
            .list_event_invoke_configs(&nobody)
            .expect("rows")
            .is_err()
    );
    let listed = world
        .reader()
        .list_event_invoke_configs(&list())
        .expect("rows")
        .expect("a list");
    assert_eq!(
        listed
            .function_event_invoke_configs
            .map(|configs| configs.len()),
        Some(1)
    );
    let delete = lambda::DeleteFunctionEventInvokeConfigRequest {
        function_name: "f".to_string(),
        qualifier: None,
    };
    assert_eq!(
        send(
            &mut world,
            Request::DeleteFunctionEventInvokeConfig(delete.clone())
        ),
        "deleted"
    );
    let missing = send(&mut world, Request::DeleteFunctionEventInvokeConfig(delete));
    assert!(
        missing.starts_with("! ResourceNotFoundException: The function"),
        "{missing}"
    );
}

#[test]
fn a_function_that_may_not_run_gives_its_events_up_without_an_attempt() {
    let mut world = world_with("f");
    let input = json!({ "FunctionName": "f", "ReservedConcurrentExecutions": 0 });
    let input = serde_json::from_value(input).expect("an input");
    send(
        &mut world,
        Request::Lambda(LambdaRequest::PutFunctionConcurrency(input)),
    );
    invoke(&mut world, "f", "[7]");
    let call = &world.deliveries[0];
    assert_eq!(
        (call.target.as_str(), &**call.payload.text()),
        (QUEUE, "[7]")
    );
    let DeliveryAction::Send(message) = &call.action else {
        panic!("{call:?}");
    };
    assert_eq!(message.attributes["ErrorCode"], "429");
    // Also one that comes from elsewhere.
    world.deliveries.clear();
    send(&mut world, Request::Deliver(Box::new(delivery(&arn("f")))));
    world.tick();
    assert_eq!(world.deliveries.len(), 1);
    assert_eq!(world.deliveries[0].target, QUEUE);
}

#[test]
fn the_queue_has_an_end() {
    let mut world = world_with("f");
    for _ in 0..100 {
        for _ in 0..1_000 {
            world.apply(event("f", "1"));
        }
        let answers = world.commit().answers;
        assert!(answers.iter().all(|(_, answer)| answer.is_ok()));
    }
    let refused = send(&mut world, event("f", "1"));
    assert!(
        refused.starts_with("! TooManyRequestsException: Rate exceeded: 100000 deliveries"),
        "{refused}"
    );
    world.tick();
    end(&mut world, reply("1", None));
    assert_eq!(send(&mut world, event("f", "1")), "taken");
    world.crash();
    assert!(
        send(&mut world, event("f", "1")).starts_with("! TooManyRequests"),
        "counted after a crash too"
    );
}

#[test]
fn an_alias_has_a_configuration_and_a_dead_letter_target_of_its_own() {
    let mut world = world_with("f");
    let publish = serde_json::from_value(json!({ "FunctionName": "f" })).expect("an input");
    send(
        &mut world,
        Request::Lambda(LambdaRequest::PublishVersion(publish)),
    );
    let alias = json!({ "FunctionName": "f", "Name": "live", "FunctionVersion": "1" });
    let alias = serde_json::from_value(alias).expect("an input");
    send(
        &mut world,
        Request::Lambda(LambdaRequest::CreateAlias(alias)),
    );
    let shown = configure(
        &mut world,
        json!({ "FunctionName": "f", "Qualifier": "live", "MaximumRetryAttempts": 0 }),
    );
    assert!(shown.contains(":function:f:live\""), "{shown}");
    invoke(&mut world, "f:live", "{}");
    let call = end(&mut world, failure());
    assert_eq!(call.target, arn("f:live"));
    assert_eq!(world.given_up.len(), 1, "the alias allows no retry");
    assert_eq!(world.deliveries.remove(0).target, QUEUE);
    invoke(&mut world, "f", "{}");
    end(&mut world, failure());
    assert_eq!(next_attempt(&mut world), 60, "$LATEST has the defaults");
}
