//! Asynchronous invocations: attempts, records, dead letters and their configuration.

use super::*;

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
