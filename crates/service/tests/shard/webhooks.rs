//! API destinations: what they are called with, how they are authorised, how often; and tasks that put events.

use serde_json::{Value, json};
use stepwell_api::events;
use stepwell_service::{
    Delivery, DeliveryAction, DeliveryOutcome, EventsRequest, Message, Request, RetryPolicy,
    WebhookCall,
};

use crate::events::ask;
use crate::world::{World, execution_arn, machine_arn};

const ROLE: &str = "arn:aws:iam::123456789012:role/r";

fn api_key() -> Value {
    json!({ "ApiKeyAuthParameters": { "ApiKeyName": "X-Key", "ApiKeyValue": "s3cret" } })
}

fn arn_in(answer: &str, member: &str) -> String {
    let answer: Value = serde_json::from_str(answer).unwrap_or_else(|_| panic!("{answer}"));
    answer[member].as_str().expect("an ARN").to_string()
}

/// Connection `c`, destination `d`, and a rule that calls it for events of the shop; the ARN of the destination.
fn destination(world: &mut World, kind: &str, auth: Value, more: Value, target: Value) -> String {
    let connection = json!({ "Name": "c", "AuthorizationType": kind, "AuthParameters": auth });
    let made = ask(world, "CreateConnection", connection);
    let mut input = json!({
        "Name": "d", "ConnectionArn": arn_in(&made, "ConnectionArn"), "HttpMethod": "POST",
        "InvocationEndpoint": "http://hooks.example/v1",
    });
    for (name, value) in more.as_object().expect("an object") {
        input[name] = value.clone();
    }
    let made = ask(world, "CreateApiDestination", input);
    let arn = arn_in(&made, "ApiDestinationArn");
    let rule = json!({ "Name": "r", "EventPattern": r#"{"source":["shop"]}"# });
    ask(world, "PutRule", rule);
    let mut one = json!({ "Id": "t", "Arn": arn, "RoleArn": ROLE, "InputPath": "$.detail" });
    for (name, value) in target.as_object().expect("an object") {
        one[name] = value.clone();
    }
    let put = ask(
        world,
        "PutTargets",
        json!({ "Rule": "r", "Targets": [one] }),
    );
    assert_eq!(put, r#"{"FailedEntryCount":0,"FailedEntries":[]}"#);
    arn
}

fn publish(world: &mut World, detail: Value) {
    let entry = json!({ "Source": "shop", "DetailType": "Order", "Detail": detail.to_string() });
    let answer = ask(world, "PutEvents", json!({ "Entries": [entry] }));
    assert!(answer.contains("\"FailedEntryCount\":0"), "{answer}");
}

/// The calls that were released, answered with success.
fn calls(world: &mut World) -> Vec<WebhookCall> {
    let mut calls = Vec::new();
    for delivery in std::mem::take(&mut world.deliveries) {
        let DeliveryAction::Call(call) = delivery.action else {
            panic!("{:?}", delivery.action);
        };
        calls.push(*call);
        world.send(Request::EndDelivery {
            number: delivery.number,
            outcome: DeliveryOutcome::Delivered,
        });
    }
    calls
}

fn only_call(world: &mut World) -> WebhookCall {
    let mut calls = calls(world);
    assert_eq!(calls.len(), 1, "{calls:?}");
    calls.remove(0)
}

#[test]
fn a_destination_is_called_with_what_target_and_connection_say() {
    let mut world = World::new();
    let mut auth = api_key();
    auth["InvocationHttpParameters"] = json!({
        "HeaderParameters": [{ "Key": "X-Shop", "Value": "connection" }],
        "QueryStringParameters": [{ "Key": "v", "Value": "a b&c", "IsValueSecret": true }],
        "BodyParameters": [{ "Key": "source", "Value": "shop" }],
    });
    let arn = destination(
        &mut world,
        "API_KEY",
        auth,
        json!({ "InvocationEndpoint": "https://hooks.example/orders/*/lines/*?x=1", "HttpMethod": "PUT" }),
        json!({ "HttpParameters": {
            "PathParameterValues": ["$.detail.id", "a/b"],
            "HeaderParameters": { "X-Shop": "target", "X-Total": "$.detail.total", "Host": "evil" },
            "QueryStringParameters": { "who": "$.detail.who.name", "none": "$.detail.none" },
        } }),
    );
    assert!(arn.starts_with("arn:aws:events:us-east-1:123456789012:api-destination/d/"));
    publish(
        &mut world,
        json!({ "id": "o 1", "total": 12.5, "who": { "name": "Ann" } }),
    );
    let WebhookCall { call, token } = only_call(&mut world);
    assert_eq!(token, None);
    assert_eq!(call.method, "PUT");
    assert_eq!(
        call.url,
        "https://hooks.example/orders/o%201/lines/a%2Fb?x=1&none=&v=a%20b%26c&who=Ann"
    );
    let headers: Vec<String> = call
        .headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    assert_eq!(
        headers,
        [
            "content-type: application/json; charset=utf-8",
            "x-key: s3cret",
            "x-shop: connection",
            "x-total: 12.5",
        ]
    );
    assert_eq!(
        call.body,
        r#"{"id":"o 1","total":12.5,"who":{"name":"Ann"},"source":"shop"}"#
    );
    assert!(!format!("{call:?}").contains("a%20b"));
}

#[test]
fn secrets_are_not_shown() {
    let mut world = World::new();
    let mut auth = json!({ "BasicAuthParameters": { "Username": "ann", "Password": "pw" } });
    auth["InvocationHttpParameters"] = json!({ "HeaderParameters": [
        { "Key": "a", "Value": "open", "IsValueSecret": false },
        { "Key": "b", "Value": "hidden", "IsValueSecret": true },
    ] });
    destination(&mut world, "BASIC", auth, json!({}), json!({}));
    let input = events::decode(br#"{"Name":"c"}"#).expect("an input");
    let shown = world
        .reader()
        .describe_connection(&input)
        .expect("rows can be read");
    let shown = serde_json::to_value(shown.expect("it is there")).expect("JSON");
    assert_eq!(
        shown["AuthParameters"],
        json!({
            "BasicAuthParameters": { "Username": "ann" },
            "InvocationHttpParameters": { "HeaderParameters": [
                { "Key": "a", "Value": "open", "IsValueSecret": false },
                { "Key": "b", "IsValueSecret": true },
            ] },
        })
    );
    assert_eq!(shown["ConnectionState"], "AUTHORIZED");
    publish(&mut world, json!({}));
    let call = only_call(&mut world).call;
    assert_eq!(call.headers["authorization"], "Basic YW5uOnB3");
    // An update keeps what it does not name.
    let update =
        json!({ "Name": "c", "AuthParameters": { "BasicAuthParameters": { "Password": "new" } } });
    ask(&mut world, "UpdateConnection", update);
    publish(&mut world, json!({}));
    world.wait_ms(10);
    let call = only_call(&mut world).call;
    assert_eq!(call.headers["authorization"], "Basic YW5uOm5ldw==");
    assert_eq!(call.headers["b"], "hidden");
}

#[test]
fn a_connection_with_oauth_asks_for_a_token_also_after_a_crash() {
    let mut world = World::new();
    let auth = json!({ "OAuthParameters": {
        "ClientParameters": { "ClientID": "id", "ClientSecret": "sec ret" },
        "AuthorizationEndpoint": "http://auth.example/token", "HttpMethod": "POST",
        "OAuthHttpParameters": { "BodyParameters": [{ "Key": "scope", "Value": "orders" }] },
    } });
    destination(
        &mut world,
        "OAUTH_CLIENT_CREDENTIALS",
        auth,
        json!({}),
        json!({}),
    );
    let state = |world: &World| {
        let input = events::decode(br#"{"Name":"c"}"#).expect("an input");
        let shown = world.reader().describe_connection(&input).expect("read");
        let shown = shown.expect("it is there");
        (
            shown.connection_state.unwrap_or_default(),
            shown.state_reason,
        )
    };
    assert_eq!(state(&world), ("AUTHORIZING".to_string(), None));
    world.authorizations.clear();
    world.crash();
    let asked = world.authorizations.remove(0);
    assert_eq!(
        asked.token.call.body,
        "client_id=id&client_secret=sec%20ret&grant_type=client_credentials&scope=orders"
    );
    let end = |refused: Option<&str>, modified_ms| {
        Request::Events(EventsRequest::EndAuthorization {
            connection: "c".to_string(),
            modified_ms,
            refused: refused.map(str::to_string),
        })
    };
    // The answer to what the connection was before is nothing.
    world.send(end(Some("no"), asked.modified_ms - 1));
    assert_eq!(state(&world).0, "AUTHORIZING");
    publish(&mut world, json!({}));
    let call = only_call(&mut world);
    let token = call.token.expect("the call needs a token");
    assert_eq!(token, asked.token);
    world.send(end(Some("HTTP 401"), asked.modified_ms));
    let reason = Some("HTTP 401".to_string());
    assert_eq!(state(&world), ("DEAUTHORIZED".to_string(), reason));
    publish(&mut world, json!({}));
    assert_eq!(world.deliveries.len(), 0);
    assert!(
        world.given_up[0].contains("does not exist or is not authorized"),
        "{:?}",
        world.given_up
    );
    world.now_ms += 1;
    let update = json!({ "Name": "c", "AuthParameters": { "OAuthParameters": { "ClientParameters": { "ClientSecret": "x" } } } });
    ask(&mut world, "UpdateConnection", update);
    let asked = world.authorizations.remove(0);
    assert_ne!(asked.token.key, token.key);
    world.send(end(None, asked.modified_ms));
    assert_eq!(state(&world), ("AUTHORIZED".to_string(), None));
}

#[test]
fn a_destination_is_called_as_often_as_it_says() {
    let mut world = World::new();
    let rate = json!({ "InvocationRateLimitPerSecond": 2 });
    destination(&mut world, "API_KEY", api_key(), rate, json!({}));
    for number in 0..5 {
        publish(&mut world, json!({ "n": number }));
    }
    let mut called = vec![calls(&mut world).len()];
    for _ in 0..4 {
        world.wait_ms(500);
        called.push(calls(&mut world).len());
    }
    assert_eq!(called, [1, 1, 1, 1, 1]);
}

#[test]
fn what_is_refused_is_tried_again_and_then_a_dead_letter() {
    let mut world = World::new();
    let dead = "arn:aws:sqs:us-east-1:123456789012:dead";
    let target = json!({
        "RetryPolicy": { "MaximumRetryAttempts": 1 }, "DeadLetterConfig": { "Arn": dead },
    });
    destination(&mut world, "API_KEY", api_key(), json!({}), target);
    publish(&mut world, json!({ "n": 1 }));
    for _ in 0..2 {
        assert_eq!(world.deliveries.len(), 1);
        let delivery = world.deliveries.remove(0);
        world.send(Request::EndDelivery {
            number: delivery.number,
            outcome: DeliveryOutcome::Failed {
                code: "503".to_string(),
                message: "answered HTTP 503".to_string(),
                is_retryable: true,
            },
        });
        world.wait_ms(2_000);
    }
    let letter = world.deliveries.remove(0);
    let DeliveryAction::Send(message) = &letter.action else {
        panic!("{:?}", letter.action);
    };
    assert_eq!(letter.target, dead);
    assert_eq!(letter.payload.text().as_ref(), r#"{"n":1}"#);
    let shown = ["ERROR_CODE", "RETRY_ATTEMPTS"].map(|name| message.attributes[name].as_str());
    assert_eq!(shown, ["503", "1"]);
}

#[test]
fn what_is_gone_is_not_called() {
    let mut world = World::new();
    let arn = destination(&mut world, "API_KEY", api_key(), json!({}), json!({}));
    ask(&mut world, "DeauthorizeConnection", json!({ "Name": "c" }));
    publish(&mut world, json!({}));
    ask(&mut world, "DeleteConnection", json!({ "Name": "c" }));
    ask(&mut world, "DeleteApiDestination", json!({ "Name": "d" }));
    publish(&mut world, json!({}));
    assert_eq!(world.deliveries.len(), 0);
    assert_eq!(world.given_up.len(), 2);
    assert_eq!(
        world.given_up[1],
        format!("{arn} RESOURCE_NOT_FOUND: The API destination {arn} does not exist.")
    );
}

#[test]
fn what_is_not_right_is_refused() {
    let mut world = World::new();
    let connection = |kind: &str, auth: Value| json!({ "Name": "c", "AuthorizationType": kind, "AuthParameters": auth });
    let answer = ask(
        &mut world,
        "CreateConnection",
        connection("BASIC", api_key()),
    );
    assert_eq!(
        answer,
        "! ValidationException: Parameter BasicAuthParameters is not valid. Reason: BasicAuthParameters is required for \
         AuthorizationType BASIC."
    );
    ask(
        &mut world,
        "CreateConnection",
        connection("API_KEY", api_key()),
    );
    let again = ask(
        &mut world,
        "CreateConnection",
        connection("API_KEY", api_key()),
    );
    assert_eq!(
        again,
        "! ResourceAlreadyExistsException: Connection c already exists."
    );
    let missing =
        "arn:aws:events:us-east-1:123456789012:connection/x/5f1fc6e2-0000-0000-0000-000000000000";
    let destination = |arn: &str, url: &str| json!({ "Name": "d", "ConnectionArn": arn, "InvocationEndpoint": url, "HttpMethod": "POST" });
    let answer = ask(
        &mut world,
        "CreateApiDestination",
        destination(missing, "http://h"),
    );
    assert!(
        answer.starts_with("! ResourceNotFoundException"),
        "{answer}"
    );
    let answer = ask(
        &mut world,
        "CreateApiDestination",
        destination(missing, "ftp://h"),
    );
    assert_eq!(
        answer,
        "! ValidationException: Parameter InvocationEndpoint is not valid. Reason: Must be a valid http:// or https:// URL."
    );
    let rule = json!({ "Name": "r", "EventPattern": r#"{"source":["shop"]}"# });
    ask(&mut world, "PutRule", rule);
    let arn = "arn:aws:events:us-east-1:123456789012:api-destination/d/1";
    let targets = json!({ "Rule": "r", "Targets": [{ "Id": "t", "Arn": arn }] });
    assert_eq!(
        ask(&mut world, "PutTargets", targets),
        format!("! ValidationException: RoleArn is required for target {arn}.")
    );
}

#[test]
fn a_delivery_to_a_url_is_posted() {
    let mut world = World::new();
    world.send(Request::Deliver(Box::new(Delivery {
        target: "http://127.0.0.1:9/alarm?x=1".to_string(),
        payload: "{}".to_string(),
        origin: "an alarm".to_string(),
        retry: RetryPolicy::default(),
        dead_letter: None,
        message: Message::default(),
        trace_header: None,
    })));
    world.tick();
    let call = only_call(&mut world).call;
    assert_eq!(
        (call.method.as_str(), call.url.as_str(), call.body.as_str()),
        ("POST", "http://127.0.0.1:9/alarm?x=1", "{}")
    );
}

/// A task that puts events to a machine behind a rule.
fn putting(resource: &str, parameters: &str) -> World {
    let mut world = World::new();
    let pass = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
    world.create("got", "STANDARD", pass);
    let task = format!(
        r#"{{"StartAt":"T","States":{{"T":{{"Type":"Task","Resource":"arn:aws:states:::{resource}",
        "Parameters":{parameters},"End":true}}}}}}"#
    );
    world.create("m", "STANDARD", &task);
    let rule = json!({ "Name": "r", "EventPattern": r#"{"source":["shop"]}"# });
    ask(&mut world, "PutRule", rule);
    let target = crate::events::target("t", "got");
    ask(
        &mut world,
        "PutTargets",
        json!({ "Rule": "r", "Targets": [target] }),
    );
    world.start("m", "e", r#"{"total": 7}"#);
    world.tick();
    world
}

const ENTRY: &str =
    r#"{"Source":"shop","DetailType":"Order","Detail":{"total.$":"$.total"},"Resources":["r"]}"#;

#[test]
fn a_task_puts_events_on_a_bus_of_ours() {
    let parameters = format!(r#"{{"Entries":[{ENTRY}]}}"#);
    let mut world = putting("events:putEvents", &parameters);
    let got = crate::events::inputs(&mut world, "got");
    assert_eq!(got[0]["detail"], json!({ "total": 7 }));
    assert_eq!(
        got[0]["resources"],
        json!(["r", execution_arn("m", "e"), machine_arn("m")])
    );
    let output = world.describe("m", "e")["output"].clone();
    let output: Value = serde_json::from_str(output.as_str().expect("an output")).expect("JSON");
    assert_eq!(output["Entries"], json!([{ "EventId": got[0]["id"] }]));
    assert_eq!(output["FailedEntryCount"], 0);
    assert_eq!(output["SdkHttpMetadata"]["HttpStatusCode"], 200);
    assert!(output["SdkResponseMetadata"]["RequestId"].is_string());
}

#[test]
fn an_sdk_task_gets_the_answer_as_it_is() {
    let parameters = format!(r#"{{"Entries":[{ENTRY},{{"Source":"shop"}}]}}"#);
    let mut world = putting("aws-sdk:eventbridge:putEvents", &parameters);
    assert_eq!(
        crate::events::inputs(&mut world, "got")[0]["resources"],
        json!(["r"])
    );
    let output = world.describe("m", "e")["output"].clone();
    let output: Value = serde_json::from_str(output.as_str().expect("an output")).expect("JSON");
    assert_eq!(output["FailedEntryCount"], 1);
    assert_eq!(output["Entries"][1]["ErrorCode"], "InvalidArgument");
}

#[test]
fn a_failed_entry_fails_the_task() {
    let parameters = format!(
        r#"{{"Entries":[{ENTRY},{{"Source":"shop","DetailType":"Order","Detail":{{}},"EventBusName":"none"}}]}}"#
    );
    let mut world = putting("events:putEvents", &parameters);
    let shown = world.describe("m", "e");
    assert_eq!(shown["error"], "EventBridge.FailedEntry", "{shown}");
    let cause: Value =
        serde_json::from_str(shown["cause"].as_str().expect("a cause")).expect("JSON");
    assert_eq!(cause["FailedEntryCount"], 1);
    assert_eq!(
        cause["Entries"][1]["ErrorCode"],
        "ResourceNotFoundException"
    );
    // AWS: the other entries are on their bus.
    assert_eq!(crate::events::inputs(&mut world, "got").len(), 1);
}

#[test]
fn a_crash_puts_the_events_of_a_task_once() {
    let parameters = format!(r#"{{"Entries":[{ENTRY}]}}"#);
    let task = format!(
        r#"{{"StartAt":"W","States":{{"W":{{"Type":"Wait","Seconds":1,"Next":"T"}},"T":{{"Type":"Task",
        "Resource":"arn:aws:states:::events:putEvents","Parameters":{parameters},"End":true}}}}}}"#
    );
    for crash_after in 0..4 {
        let mut world = putting("events:putEvents", r#"{"Entries":[]}"#);
        world.create("late", "STANDARD", &task);
        world.start("late", "e", r#"{"total": 1}"#);
        world.now_ms += 1_000;
        let now = world.now();
        for round in 0..4 {
            world.shard.tick(now);
            if round == crash_after {
                world.crash();
            }
            world.commit();
        }
        world.tick();
        assert_eq!(world.describe("late", "e")["status"], "SUCCEEDED");
        assert_eq!(
            crate::events::inputs(&mut world, "got").len(),
            1,
            "{crash_after}"
        );
    }
}
