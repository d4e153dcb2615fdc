//! The console's own endpoints over HTTP: who may ask, and what bounds a question.

use serde_json::{Value, json};

use crate::client::{Client, World};

const FAIL: &str =
    r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Bad","Cause":"item 7"}}}"#;

fn ask(client: &mut Client, path: &str, body: &Value) -> (u16, Value) {
    let answer = client.send(&format!("POST {path}"), &[], &body.to_string());
    assert_eq!(answer.header("cache-control"), Some("no-store"), "{path}");
    assert_eq!(
        answer.header("cross-origin-resource-policy"),
        Some("same-origin")
    );
    let body = serde_json::from_str(&answer.body).expect("an answer is JSON");
    (answer.status, body)
}

#[test]
fn what_was_acknowledged_is_found_at_once() {
    let world = World::start();
    let mut client = world.client();
    let arn = client.create("m", "STANDARD", FAIL);
    for number in 0..30 {
        let input = json!({ "stateMachineArn": arn, "name": format!("order-{number}"), "input": "{\"item\": \"tea\"}" });
        client.call_json("StartExecution", &input);
    }
    let (status, found) = ask(
        &mut client,
        "/console/search",
        &json!({ "text": "TEA", "limit": 20 }),
    );
    assert_eq!(
        (status, found["executions"].as_array().map(Vec::len)),
        (200, Some(20)),
        "{found}"
    );
    let next = json!({ "text": "TEA", "limit": 20, "next": found["next"] });
    let (_, rest) = ask(&mut client, "/console/search", &next);
    assert_eq!(
        (rest["executions"].as_array().map(Vec::len), &rest["next"]),
        (Some(10), &Value::Null),
        "{rest}"
    );
    assert_eq!(rest["executions"][9]["name"], "order-0");
    let (_, groups) = ask(&mut client, "/console/failures", &json!({}));
    assert_eq!(
        (&groups["groups"][0]["count"], &groups["groups"][0]["state"]),
        (&json!(30), &json!("F")),
        "{groups}"
    );
    let (status, refused) = ask(
        &mut client,
        "/console/map-run",
        &json!({ "mapRunArn": "arn:aws:states:us-east-1:123456789012:mapRun:m/l:8d1f3c5a-0000-4000-8000-0123456789ab" }),
    );
    let kind = refused["__type"].as_str().unwrap_or_default();
    assert!(
        status == 400 && kind.ends_with("#ResourceNotFound"),
        "{refused}"
    );
}

#[test]
fn a_question_has_bounds_and_other_pages_do_not_ask() {
    let world = World::start();
    let mut client = world.client();
    for (body, says) in [
        ("", "EOF while parsing"),
        ("{\"text\":", "EOF while parsing"),
        ("{\"sql\":1}", "unknown field"),
        ("{\"next\":\"AAAA\"}", "Invalid token"),
        ("{\"limit\":101}", "must be 1 to 100"),
    ] {
        let answer = client.send("POST /console/search", &[], body);
        assert!(
            answer.status == 400 && answer.body.contains(says),
            "{body}: {}",
            answer.body
        );
    }
    let large = format!("{{\"text\":\"{}\"}}", "x".repeat(64 << 10));
    assert_eq!(client.send("POST /console/search", &[], &large).status, 413);
    let mut client = world.client();
    let foreign = [("origin", "http://evil.example")];
    assert_eq!(
        client.send("POST /console/search", &foreign, "{}").status,
        403
    );
    let own = [("origin", "http://localhost")];
    assert_eq!(client.send("POST /console/search", &own, "{}").status, 200);
    assert_eq!(client.send("POST /console/other", &[], "{}").status, 405);
}

/// A server with rules, a machine of which everything has a card, and one execution of it.
fn masked_world() -> (World, Value, String) {
    let world = World::start_with(|options| {
        let rules = ["$.card.number", "**.password"].map(str::to_string);
        options.mask = stepwell_server::Mask::parse(&rules).expect("rules");
    });
    let mut client = world.client();
    let definition = r#"{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"Bad","CausePath":"States.Format('not {}', States.JsonToString($))"}}}"#;
    let arn = client.create("m", "STANDARD", definition);
    let input = r#"{"card":{"number":"4242"},"user":{"password":"hunter2"},"item":"tea"}"#;
    let started = client.call_json(
        "StartExecution",
        &json!({ "stateMachineArn": arn, "name": "e", "input": input }),
    );
    let execution = started["executionArn"]
        .as_str()
        .expect("an ARN")
        .to_string();
    (world, arn, execution)
}

#[test]
fn a_page_is_not_answered_what_is_masked_and_a_program_is() {
    let (world, arn, execution) = masked_world();
    let mut client = world.client();
    let asked = json!({ "executionArn": execution }).to_string();
    let page: &[&[(&str, &str)]] = &[
        &[("origin", "http://localhost")],
        &[("sec-fetch-site", "same-origin")],
        &[("user-agent", "Mozilla/5.0 (X11) Firefox/140.0")],
    ];
    for operation in ["DescribeExecution", "GetExecutionHistory"] {
        let target = format!("AWSStepFunctions.{operation}");
        for headers in page {
            let headers = [*headers, &[("x-amz-target", target.as_str())]].concat();
            let answer = client.send("POST /", &headers, &asked).body;
            assert!(
                answer.contains("••••••") && answer.contains("tea"),
                "{operation}: {answer}"
            );
            assert!(
                !answer.contains("4242") && !answer.contains("hunter2"),
                "{operation}: {answer}"
            );
        }
        let answer = client.call(&target, &asked).body;
        assert!(
            answer.contains("4242") && answer.contains("hunter2"),
            "{operation}: {answer}"
        );
    }
    // Nobody finds out by searching, and what is found is masked.
    for (text, count) in [("hunter2", 0), ("4242", 0), ("tea", 1), ("••••", 1)] {
        let (_, found) = ask(&mut client, "/console/search", &json!({ "text": text }));
        let executions = found["executions"].as_array().expect("executions");
        assert_eq!(executions.len(), count, "{text}");
        assert!(!found.to_string().contains("4242"), "{found}");
    }
    // What a page was shown is nothing to start again with.
    let again = json!({ "stateMachineArn": arn, "input": "{\"card\":{\"number\":\"••••••\"}}" });
    let headers = [
        ("origin", "http://localhost"),
        ("x-amz-target", "AWSStepFunctions.StartExecution"),
    ];
    let refused = client.send("POST /", &headers, &again.to_string());
    assert_eq!(refused.status, 400);
    assert!(refused.body.contains("[console] mask"), "{}", refused.body);
    assert_eq!(
        client
            .call("AWSStepFunctions.StartExecution", &again.to_string())
            .status,
        200
    );
    let stream = "POST /2021-11-15/functions/f/response-streaming-invocations";
    assert_eq!(
        client
            .send(stream, &[("origin", "http://localhost")], "{}")
            .status,
        403
    );
}

#[test]
fn a_group_of_failures_is_masked_and_found_by_what_it_shows() {
    let world = World::start_with(|options| {
        let rules = ["**.password", "**.iban2"].map(str::to_string);
        options.mask = stepwell_server::Mask::parse(&rules).expect("rules");
    });
    let mut client = world.client();
    let cut = format!("{} password=", "x".repeat(190));
    for (name, cause, shown) in [
        (
            "a",
            "no password=hunter2 for iban2=DE44",
            "no password=•••••• for iban#=••••••".to_string(),
        ),
        (
            "b",
            r#"{"errorType":"Error","errorMessage":"no {'password': 'hunter2'}, iban2: DE44"}"#,
            "no {…}, iban#: ••••••".to_string(),
        ),
        // A group has 200 characters of a cause.
        ("c", &format!("{cut}hunter2"), format!("{cut}••••••")),
    ] {
        let definition = json!({ "StartAt": "F", "States": { "F": { "Type": "Fail", "Error": "Bad password=hunter2", "Cause": cause } } });
        let arn = client.create(name, "STANDARD", &definition.to_string());
        client.call_json(
            "StartExecution",
            &json!({ "stateMachineArn": arn, "name": "e" }),
        );
        let of = json!({ "stateMachineArn": arn });
        let (_, groups) = ask(&mut client, "/console/failures", &of);
        let group = &groups["groups"][0];
        assert_eq!(
            (&group["cause"], &group["error"]),
            (&json!(shown), &json!("Bad password=••••••"))
        );
        let failure = json!({ "cause": group["cause"], "error": group["error"], "state": "F" });
        for (member, value, count) in [
            ("failure", failure, 1),
            ("failure", json!({ "error": "Bad password=hunter2" }), 0),
            ("error", json!("bad"), 1),
            ("error", json!("hunter"), 0),
            ("text", json!("hunter"), 0),
            ("text", json!("DE44"), 0),
        ] {
            let asked = json!({ "stateMachineArn": arn, member: value });
            let (_, found) = ask(&mut client, "/console/search", &asked);
            let executions = found["executions"].as_array().expect("executions");
            assert_eq!(executions.len(), count, "{name}: {asked}");
        }
    }
}

#[test]
fn the_start_page_is_told_stacks_and_samples() {
    fn samples(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
        ["paid.json", "broken.json", "large.json", "gone.json"]
            .map(|name| directory.join(name))
            .to_vec()
    }
    let directory = tempfile::tempdir().expect("a temporary directory");
    let put = |name: &str, text: &str| {
        std::fs::write(directory.path().join(name), text).expect("it is written")
    };
    put("paid.json", r#"{"orderId": 1}"#);
    put("broken.json", "{");
    put("large.json", &format!("\"{}\"", "x".repeat(300_000)));
    let path = directory.path().to_path_buf();
    let world = World::start_with(move |options| {
        options.project = Some(stepwell_server::Project {
            directory: path.clone(),
            stack: "shop".to_string(),
            template: path.join("template.yaml"),
            is_watching: true,
            samples,
        });
    });
    let mut client = world.client();
    let tags = |id: &str| json!([{ "key": "aws:cloudformation:stack-name", "value": "shop" }, { "key": "aws:cloudformation:logical-id", "value": id }]);
    for (name, path) in [("other", "$.detail"), ("orders", "$.orderId")] {
        let definition = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "InputPath": path, "End": true } } });
        client.call_json("CreateStateMachine", &json!({ "name": name, "definition": definition.to_string(), "roleArn": "arn:aws:iam::123456789012:role/r", "tags": tags(name) }));
    }
    let group = json!({ "logGroupName": "/stepwell/stacks/shop/0", "tags": { "Page": "AWS::Lambda::Url Delete f @LATEST" } });
    assert_eq!(
        client
            .call("Logs_20140328.CreateLogGroup", &group.to_string())
            .status,
        200
    );
    let answer = client.send("GET /console/project", &[], "");
    assert_eq!(answer.status, 200);
    let shown: Value = serde_json::from_str(&answer.body).expect("JSON");
    assert_eq!(
        (&shown["project"]["stack"], &shown["project"]["template"]),
        (&json!("shop"), &json!("template.yaml"))
    );
    let resources: Vec<_> = shown["stacks"][0]["resources"]
        .as_array()
        .expect("resources")
        .iter()
        .map(|one| format!("{} {}", one["type"], one["name"]))
        .collect();
    assert_eq!(
        resources,
        [
            "\"AWS::Lambda::Url\" \"f $LATEST\"",
            "\"AWS::StepFunctions::StateMachine\" \"orders\"",
            "\"AWS::StepFunctions::StateMachine\" \"other\""
        ]
    );
    let samples = shown["samples"].as_array().expect("samples");
    assert_eq!(
        samples[0]["fits"],
        json!(["arn:aws:states:us-east-1:123456789012:stateMachine:orders"])
    );
    assert_eq!(samples[0]["content"], "{\"orderId\": 1}");
    for (sample, says) in [
        (&samples[1], "it is no JSON"),
        (&samples[2], "300002 bytes are too many"),
        (&samples[3], "No such file"),
    ] {
        assert!(
            sample["content"].is_null()
                && sample["problem"]
                    .as_str()
                    .is_some_and(|said| said.contains(says)),
            "{sample}"
        );
    }
    // Without an application there are stacks only.
    let alone = World::start()
        .client()
        .send("GET /console/project", &[], "");
    assert_eq!(alone.body, r#"{"project":null,"stacks":[],"samples":[]}"#);
    let _still_there = world;
}
