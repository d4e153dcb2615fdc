//! EventBridge: rules, what they match, and what their targets get.

use serde_json::{Value, json};
use stepwell_api::events;
use stepwell_service::{EventsRequest, Reader, Request};

use crate::world::{World, answer_text, machine_arn};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const ROLE: &str = "arn:aws:iam::123456789012:role/r";

/// Sends an operation; the text of its answer or refusal.
pub fn ask(world: &mut World, operation: &str, input: Value) -> String {
    let body = input.to_string();
    let body = body.as_bytes();
    macro_rules! decoded {
        () => {
            match events::decode(body) {
                Ok(input) => input,
                Err(error) => return format!("! {}: {}", error.name(), error.message),
            }
        };
    }
    let request = match operation {
        "CreateEventBus" => EventsRequest::CreateEventBus(decoded!()),
        "DeleteEventBus" => EventsRequest::DeleteEventBus(decoded!()),
        "PutRule" => EventsRequest::PutRule(decoded!()),
        "DeleteRule" => EventsRequest::DeleteRule(decoded!()),
        "EnableRule" => EventsRequest::EnableRule(decoded!()),
        "DisableRule" => EventsRequest::DisableRule(decoded!()),
        "PutTargets" => EventsRequest::PutTargets(decoded!()),
        "RemoveTargets" => EventsRequest::RemoveTargets(decoded!()),
        "PutEvents" => EventsRequest::PutEvents(decoded!()),
        "CreateConnection" => EventsRequest::CreateConnection(Box::new(decoded!())),
        "UpdateConnection" => EventsRequest::UpdateConnection(Box::new(decoded!())),
        "DeauthorizeConnection" => EventsRequest::DeauthorizeConnection(decoded!()),
        "DeleteConnection" => EventsRequest::DeleteConnection(decoded!()),
        "CreateApiDestination" => EventsRequest::CreateApiDestination(decoded!()),
        "UpdateApiDestination" => EventsRequest::UpdateApiDestination(decoded!()),
        "DeleteApiDestination" => EventsRequest::DeleteApiDestination(decoded!()),
        "TagResource" => EventsRequest::TagResource(decoded!()),
        other => panic!("{other} is not an operation of this script"),
    };
    let answer = world.send(Request::Events(request));
    let text = answer_text(answer.expect("answered at once"));
    world.tick();
    text
}

pub fn target(id: &str, machine: &str) -> Value {
    json!({ "Id": id, "Arn": machine_arn(machine), "RoleArn": ROLE })
}

/// Names and inputs of all executions of a machine, oldest first.
pub fn inputs(world: &mut World, machine: &str) -> Vec<Value> {
    let list = world.ask(
        "ListExecutions",
        &json!({ "stateMachineArn": machine_arn(machine) }).to_string(),
    );
    let list: Value = serde_json::from_str(&list).unwrap_or_else(|_| panic!("{list}"));
    let executions = list["executions"].as_array().expect("a list");
    let input = |execution: &Value| {
        let name = execution["name"].as_str().expect("a name");
        let described = world.describe(machine, name);
        serde_json::from_str(described["input"].as_str().expect("an input")).expect("JSON")
    };
    executions.iter().rev().map(input).collect()
}

/// A world with machine `m` behind a rule for orders.
fn world_with_rule() -> World {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    let pattern = r#"{"source": ["shop"], "detail": {"total": [{"numeric": [">", 100]}]}}"#;
    let made = ask(
        &mut world,
        "PutRule",
        json!({ "Name": "large", "EventPattern": pattern }),
    );
    assert_eq!(
        made,
        r#"{"RuleArn":"arn:aws:events:us-east-1:123456789012:rule/large"}"#
    );
    let put = json!({ "Rule": "large", "Targets": [target("t", "m")] });
    assert_eq!(
        ask(&mut world, "PutTargets", put),
        r#"{"FailedEntryCount":0,"FailedEntries":[]}"#
    );
    world
}

fn order(total: i64) -> Value {
    json!({ "Source": "shop", "DetailType": "Order", "Detail": json!({ "total": total }).to_string() })
}

#[test]
fn an_event_that_matches_starts_an_execution_with_it() {
    let mut world = world_with_rule();
    let put = json!({ "Entries": [order(7), order(700)] });
    let answer = ask(&mut world, "PutEvents", put);
    let answer: Value = serde_json::from_str(&answer).expect("an answer");
    assert_eq!(answer["FailedEntryCount"], 0);
    let id = &answer["Entries"][1]["EventId"];
    assert_eq!(
        inputs(&mut world, "m"),
        [json!({
            "version": "0", "id": id, "detail-type": "Order", "source": "shop", "account": "123456789012",
            "time": "2023-11-14T22:13:20Z", "region": "us-east-1", "resources": [], "detail": { "total": 700 },
        })]
    );
}

#[test]
fn what_was_acknowledged_is_delivered_after_a_crash() {
    let mut world = world_with_rule();
    let input = json!({ "Entries": [order(700)] });
    let input = events::decode(input.to_string().as_bytes()).expect("an input");
    world.send(Request::Events(EventsRequest::PutEvents(input)));
    world.crash();
    world.tick();
    assert_eq!(inputs(&mut world, "m").len(), 1);
    world.crash();
    world.tick();
    assert_eq!(inputs(&mut world, "m").len(), 1);
}

#[test]
fn a_rule_that_is_off_or_gone_matches_nothing() {
    let mut world = world_with_rule();
    let put = json!({ "Entries": [order(700)] });
    ask(&mut world, "DisableRule", json!({ "Name": "large" }));
    ask(&mut world, "PutEvents", put.clone());
    assert_eq!(inputs(&mut world, "m").len(), 0);
    ask(&mut world, "EnableRule", json!({ "Name": "large" }));
    ask(&mut world, "PutEvents", put.clone());
    assert_eq!(inputs(&mut world, "m").len(), 1);
    assert_eq!(
        ask(&mut world, "DeleteRule", json!({ "Name": "large" })),
        "! ValidationException: Rule can't be deleted since it has targets."
    );
    let remove = json!({ "Rule": "large", "Ids": ["t"] });
    ask(&mut world, "RemoveTargets", remove);
    ask(&mut world, "PutEvents", put.clone());
    ask(&mut world, "DeleteRule", json!({ "Name": "large" }));
    ask(&mut world, "PutEvents", put);
    assert_eq!(inputs(&mut world, "m").len(), 1);
}

#[test]
fn a_target_gets_what_its_transformer_makes() {
    let mut world = world_with_rule();
    let mut transformed = target("t", "m");
    transformed["InputTransformer"] = json!({
        "InputPathsMap": { "total": "$.detail.total" },
        "InputTemplate": r#"{"sum": <total>, "rule": <aws.events.rule-name>}"#,
    });
    ask(
        &mut world,
        "PutTargets",
        json!({ "Rule": "large", "Targets": [transformed] }),
    );
    ask(&mut world, "PutEvents", json!({ "Entries": [order(700)] }));
    assert_eq!(
        inputs(&mut world, "m"),
        [json!({ "sum": 700, "rule": "large" })]
    );
}

#[test]
fn an_event_goes_on_to_one_more_bus() {
    let mut world = world_with_rule();
    let bus_arn = |name: &str| format!("arn:aws:events:us-east-1:123456789012:event-bus/{name}");
    let forward = |world: &mut World, from: &str, to: &str| {
        let rule = json!({ "Name": "on", "EventBusName": from, "EventPattern": r#"{"source": ["shop"]}"# });
        assert!(ask(world, "PutRule", rule).starts_with('{'));
        let targets = json!([{ "Id": "bus", "Arn": bus_arn(to) }]);
        let put = json!({ "Rule": "on", "EventBusName": from, "Targets": targets });
        assert!(ask(world, "PutTargets", put).starts_with('{'));
    };
    for name in ["a", "b"] {
        assert_eq!(
            ask(&mut world, "CreateEventBus", json!({ "Name": name })),
            format!(r#"{{"EventBusArn":"{}"}}"#, bus_arn(name))
        );
    }
    forward(&mut world, "a", "default");
    forward(&mut world, "b", "a");
    let on = |bus: &str| {
        let mut entry = order(700);
        entry["EventBusName"] = json!(bus);
        json!({ "Entries": [entry] })
    };
    ask(&mut world, "PutEvents", on("a"));
    assert_eq!(inputs(&mut world, "m").len(), 1, "from a to default");
    // AWS: an event is not sent on to a third bus.
    ask(&mut world, "PutEvents", on("b"));
    assert_eq!(inputs(&mut world, "m").len(), 1, "from b to a, not further");
}

#[test]
fn a_wrong_entry_fails_alone() {
    let mut world = world_with_rule();
    let mut entries = vec![order(700); 6];
    entries[1]["Detail"] = json!("no JSON");
    entries[2]["Source"] = json!("aws.s3");
    entries[3]
        .as_object_mut()
        .expect("an entry")
        .remove("DetailType");
    entries[4]["EventBusName"] = json!("nowhere");
    entries[5]["Detail"] = json!("[1]");
    let answer = ask(&mut world, "PutEvents", json!({ "Entries": entries }));
    let answer: Value = serde_json::from_str(&answer).expect("an answer");
    assert_eq!(answer["FailedEntryCount"], 5);
    let codes: Vec<_> = answer["Entries"].as_array().expect("entries")[1..]
        .iter()
        .map(|entry| entry["ErrorCode"].as_str().expect("a code"))
        .collect();
    assert_eq!(
        codes,
        [
            "MalformedDetail",
            "NotAuthorizedForSourceException",
            "InvalidArgument",
            "ResourceNotFoundException",
            "MalformedDetail"
        ]
    );
    assert_eq!(inputs(&mut world, "m").len(), 1);
}

#[test]
fn a_scheduled_rule_ticks_and_skips_what_it_missed() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    let rule = json!({ "Name": "tick", "ScheduleExpression": "rate(5 minutes)" });
    ask(&mut world, "PutRule", rule.clone());
    ask(
        &mut world,
        "PutTargets",
        json!({ "Rule": "tick", "Targets": [target("t", "m")] }),
    );
    world.wait_ms(299_999);
    assert_eq!(inputs(&mut world, "m").len(), 0);
    world.wait_ms(1);
    let first = inputs(&mut world, "m");
    assert_eq!(first[0]["detail-type"], "Scheduled Event");
    assert_eq!(first[0]["source"], "aws.events");
    assert_eq!(first[0]["time"], "2023-11-14T22:18:20Z");
    assert_eq!(
        first[0]["resources"],
        json!(["arn:aws:events:us-east-1:123456789012:rule/tick"])
    );
    // Putting the same rule again does not start the count anew.
    world.wait_ms(60_000);
    ask(&mut world, "PutRule", rule);
    world.wait_ms(240_000);
    assert_eq!(inputs(&mut world, "m").len(), 2);
    // Down for an hour and two minutes: twelve ticks are missed, the next one is on the grid.
    world.now_ms += 3_720_000;
    world.crash();
    assert_eq!(inputs(&mut world, "m").len(), 2);
    world.wait_ms(179_999);
    assert_eq!(inputs(&mut world, "m").len(), 2);
    world.wait_ms(1);
    assert_eq!(inputs(&mut world, "m").len(), 3);
    // Just late is on time.
    world.now_ms += 330_000;
    world.crash();
    assert_eq!(inputs(&mut world, "m").len(), 4);
    ask(&mut world, "DisableRule", json!({ "Name": "tick" }));
    world.wait_ms(3_600_000);
    assert_eq!(inputs(&mut world, "m").len(), 4);
    assert_eq!(world.kinds().get(&44), None, "nothing is due");
}

#[test]
fn what_is_not_valid_is_refused_in_words() {
    let mut world = world_with_rule();
    let mut refuse = |operation: &str, input: Value, text: &str| {
        assert_eq!(ask(&mut world, operation, input), text);
    };
    refuse(
        "PutRule",
        json!({ "Name": "r" }),
        "! ValidationException: Parameter(s) EventPattern or ScheduleExpression must be specified.",
    );
    refuse(
        "PutRule",
        json!({ "Name": "r", "ScheduleExpression": "cron(0 10 * * *)" }),
        "! ValidationException: Parameter ScheduleExpression is not valid.",
    );
    refuse(
        "PutRule",
        json!({ "Name": "r", "ScheduleExpression": "at(2030-01-01T00:00:00)" }),
        "! ValidationException: Parameter ScheduleExpression is not valid.",
    );
    refuse(
        "PutRule",
        json!({ "Name": "r", "EventPattern": r#"{"source": "shop"}"# }),
        "! InvalidEventPatternException: Event pattern is not valid. Reason: \"source\" must be an object or an array",
    );
    refuse(
        "PutRule",
        json!({ "Name": "r", "EventBusName": "nowhere", "EventPattern": "{}" }),
        "! ResourceNotFoundException: Event bus nowhere does not exist.",
    );
    refuse(
        "PutTargets",
        json!({ "Rule": "none", "Targets": [target("t", "m")] }),
        "! ResourceNotFoundException: Rule none does not exist on EventBus default.",
    );
    refuse(
        "PutTargets",
        json!({ "Rule": "large", "Targets": [{ "Id": "t", "Arn": machine_arn("m") }] }),
        "! ValidationException: RoleArn is required for target arn:aws:states:us-east-1:123456789012:stateMachine:m.",
    );
    refuse(
        "PutTargets",
        json!({ "Rule": "large", "Targets": [{ "Id": "t", "Arn": "machine" }] }),
        "! ValidationException: Parameter machine is not valid. Reason: Provided Arn is not in correct format.",
    );
    refuse(
        "PutTargets",
        json!({ "Rule": "large", "Targets": [{ "Id": "t", "Arn": "arn:aws:kinesis:us-east-1:123456789012:stream/s" }] }),
        "! NotImplemented: Stepwell does not implement the target arn:aws:kinesis:us-east-1:123456789012:stream/s yet: \
         a target is a state machine, a Lambda function, an SQS queue, an SNS topic, an event bus or an API destination",
    );
    let six: Vec<Value> = (0..6).map(|at| target(&format!("t{at}"), "m")).collect();
    refuse(
        "PutTargets",
        json!({ "Rule": "large", "Targets": six }),
        "! LimitExceededException: The requested resource exceeds the maximum number allowed.",
    );
    refuse(
        "DeleteEventBus",
        json!({ "Name": "default" }),
        "! ValidationException: Cannot delete event bus default.",
    );
    let large = "x".repeat(600_000);
    let entry =
        json!({ "Source": "shop", "DetailType": "d", "Detail": json!({ "a": large }).to_string() });
    refuse(
        "PutEvents",
        json!({ "Entries": [entry, entry] }),
        "! ValidationException: Total size of the entries in the request is over the limit: 1200026 bytes, at most 1048576.",
    );
}

#[test]
fn three_hundred_rules_are_enough_for_a_bus() {
    let mut world = World::new();
    let pattern = r#"{"source": ["shop"]}"#;
    for at in 0..300 {
        let rule = json!({ "Name": format!("r{at}"), "EventPattern": pattern });
        assert!(ask(&mut world, "PutRule", rule).starts_with('{'));
    }
    let rule = |name: &str| json!({ "Name": name, "EventPattern": pattern });
    assert_eq!(
        ask(&mut world, "PutRule", rule("one-more")),
        "! LimitExceededException: The requested resource exceeds the maximum number allowed."
    );
    assert!(ask(&mut world, "PutRule", rule("r7")).starts_with('{'));
}

#[test]
fn a_pattern_can_be_tried() {
    let test = |event: Value| {
        let input = events::TestEventPatternRequest {
            event_pattern: r#"{"source": ["shop"]}"#.to_string(),
            event: event.to_string(),
        };
        Reader::test_event_pattern(&input).map(|answer| answer.result)
    };
    let event = json!({
        "id": "1", "account": "1", "source": "shop", "time": "2026-01-01T00:00:00Z", "region": "r", "resources": [],
        "detail-type": "d",
    });
    assert_eq!(test(event.clone()), Ok(Some(true)));
    let mut other = event.clone();
    other["source"] = json!("other");
    assert_eq!(test(other), Ok(Some(false)));
    let mut less = event;
    less.as_object_mut().expect("an event").remove("time");
    assert!(test(less).is_err());
}

#[test]
fn an_event_that_many_rules_match_is_handed_on_over_many_commits() {
    const DELIVERY_PAYLOADS: u8 = 48;
    const RULES: usize = 100;
    for commits_before_the_crash in 0..3 {
        let mut world = World::new();
        for at in 0..RULES {
            let name = format!("r{at:03}");
            let rule = json!({ "Name": name, "EventPattern": r#"{"source": ["shop"]}"# });
            assert!(ask(&mut world, "PutRule", rule).starts_with('{'));
            let targets = json!([{ "Id": "q", "Arn": "arn:aws:sqs:us-east-1:123456789012:q" }]);
            let put = json!({ "Rule": name, "Targets": targets });
            assert!(ask(&mut world, "PutTargets", put).starts_with('{'));
        }
        let detail = json!({ "a": "x".repeat(500_000) }).to_string();
        let entry = json!({ "Source": "shop", "DetailType": "d", "Detail": detail });
        let input = json!({ "Entries": [entry] }).to_string();
        let input = events::decode(input.as_bytes()).expect("an input");
        world.send(Request::Events(EventsRequest::PutEvents(input)));
        assert_eq!(world.kinds().get(&44), Some(&1), "the event is durable");
        for _ in 0..commits_before_the_crash {
            world.shard.tick(world.now());
            world.commit();
            let queued = world.kinds().get(&DELIVERY_PAYLOADS).copied();
            assert!(queued.is_some_and(|queued| queued < RULES), "{queued:?}");
        }
        world.crash();
        assert_eq!(world.kinds().get(&DELIVERY_PAYLOADS), Some(&RULES));
        assert_eq!(world.kinds().get(&44), None, "nothing is on its way");
    }
}
