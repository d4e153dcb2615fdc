//! Reads a page at a time: histories of many commits, lists of many executions.

use serde_json::{Value, json};
use stepwell_service::{Payload, TaskOutcome};

use crate::world::{World, execution_arn, machine_arn};

/// Asks for page after page; the pages.
fn pages(world: &mut World, operation: &str, mut body: Value, items: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    loop {
        let page: Value =
            serde_json::from_str(&world.ask(operation, &body.to_string())).expect("a page");
        pages.push(page[items].as_array().expect("a list").clone());
        assert!(pages.len() < 1_000, "a list without end");
        match page.get("nextToken") {
            Some(token) => body["nextToken"] = token.clone(),
            None => return pages,
        }
    }
}

/// An execution whose history was written by dozens of commits of several events each.
fn long_history() -> World {
    let mut world = World::new();
    let machine = r#"{"StartAt":"M","States":{"M":{"Type":"Map","MaxConcurrency":3,"End":true,"ItemProcessor":{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}}}}"#;
    world.create("m", "STANDARD", machine);
    let input: Vec<u32> = (0..40).collect();
    world.start("m", "e", &json!(input).to_string());
    while !world.open.is_empty() {
        world.complete(TaskOutcome::Succeeded(Payload::from_text("1")));
    }
    assert_eq!(world.describe("m", "e")["status"], "SUCCEEDED");
    world
}

#[test]
fn a_history_reads_the_same_in_pages_of_any_size_and_both_directions() {
    let mut world = long_history();
    let arn = execution_arn("m", "e");
    let whole = pages(
        &mut world,
        "GetExecutionHistory",
        json!({ "executionArn": arn, "maxResults": 1000 }),
        "events",
    )
    .concat();
    let ids: Vec<u64> = whole
        .iter()
        .filter_map(|event| event["id"].as_u64())
        .collect();
    assert_eq!(ids, (1..=ids.len() as u64).collect::<Vec<_>>());
    assert!(
        ids.len() > 250 && world.kinds()[&6] > 40,
        "{} events in {} rows",
        ids.len(),
        world.kinds()[&6]
    );
    for size in [1, 2, 7, 100, 999] {
        for reverse in [false, true] {
            let body = json!({ "executionArn": arn, "maxResults": size, "reverseOrder": reverse });
            let mut read = pages(&mut world, "GetExecutionHistory", body, "events");
            let is_full = |page: &Vec<Value>| page.len() == size;
            assert!(
                read[..read.len() - 1].iter().all(is_full),
                "pages of {size}"
            );
            if reverse {
                read.iter_mut().for_each(|page| page.reverse());
                read.reverse();
            }
            assert!(
                read.concat() == whole,
                "pages of {size}, reverse: {reverse}"
            );
        }
    }
    let default = pages(
        &mut world,
        "GetExecutionHistory",
        json!({ "executionArn": arn }),
        "events",
    );
    assert_eq!(default[0].len(), 100);
}

#[test]
fn a_history_without_execution_data_shows_no_payload() {
    let mut world = long_history();
    let body = json!({ "executionArn": execution_arn("m", "e"), "includeExecutionData": false });
    let page = world.ask("GetExecutionHistory", &body.to_string());
    assert!(
        !page.contains("\"input\"") && !page.contains("\"output\""),
        "{page}"
    );
    let bad = json!({ "executionArn": execution_arn("m", "e"), "nextToken": "x" });
    assert!(
        world
            .ask("GetExecutionHistory", &bad.to_string())
            .starts_with("! InvalidToken")
    );
    let missing = json!({ "executionArn": execution_arn("m", "none") });
    assert!(
        world
            .ask("GetExecutionHistory", &missing.to_string())
            .starts_with("! ExecutionDoesNotExist")
    );
}

#[test]
fn executions_are_listed_newest_first_and_by_status() {
    let mut world = World::new();
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}"#,
    );
    world.create(
        "mm",
        "STANDARD",
        r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}"#,
    );
    for number in 0..23 {
        world.start("m", &format!("e{number:02}"), "{}");
        world.start("mm", &format!("other{number:02}"), "{}");
        if number % 2 == 0 {
            world.now_ms += 1;
        }
        if number % 3 == 0 {
            let body = json!({ "executionArn": execution_arn("m", &format!("e{number:02}")) });
            world.ask("StopExecution", &body.to_string());
        }
    }
    let names = |pages: Vec<Vec<Value>>| -> Vec<String> {
        pages
            .concat()
            .iter()
            .filter_map(|item| item["name"].as_str().map(str::to_string))
            .collect()
    };
    let wanted = |keep: fn(u32) -> bool| -> Vec<String> {
        (0..23)
            .rev()
            .filter(|number| keep(*number))
            .map(|number| format!("e{number:02}"))
            .collect()
    };
    for size in [1, 4, 100] {
        let mut list = |filter: Option<&str>| {
            let mut body = json!({ "stateMachineArn": machine_arn("m"), "maxResults": size });
            if let Some(filter) = filter {
                body["statusFilter"] = json!(filter);
            }
            names(pages(&mut world, "ListExecutions", body, "executions"))
        };
        assert_eq!(list(None), wanted(|_| true), "pages of {size}");
        assert_eq!(
            list(Some("ABORTED")),
            wanted(|number| number % 3 == 0),
            "pages of {size}"
        );
        assert_eq!(
            list(Some("RUNNING")),
            wanted(|number| number % 3 != 0),
            "pages of {size}"
        );
        assert!(list(Some("SUCCEEDED")).is_empty());
    }
    let body = json!({ "stateMachineArn": machine_arn("m"), "statusFilter": "PENDING_REDRIVE" });
    let refusal = world.ask("ListExecutions", &body.to_string());
    assert!(refusal.starts_with("! ValidationException"), "{refusal}");
    world.wait_ms(60_000);
    let body = json!({ "stateMachineArn": machine_arn("m"), "statusFilter": "SUCCEEDED" });
    assert_eq!(
        names(pages(&mut world, "ListExecutions", body, "executions")),
        wanted(|number| number % 3 != 0)
    );
}

#[test]
fn a_token_of_another_list_is_refused() {
    let mut world = World::new();
    for name in ["a", "b"] {
        world.create(
            name,
            "STANDARD",
            r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#,
        );
        world.start(name, "e1", "{}");
        world.start(name, "e2", "{}");
    }
    let body = json!({ "stateMachineArn": machine_arn("a"), "maxResults": 1 });
    let page: Value =
        serde_json::from_str(&world.ask("ListExecutions", &body.to_string())).expect("a page");
    let body = json!({ "stateMachineArn": machine_arn("b"), "maxResults": 1, "nextToken": page["nextToken"] });
    assert_eq!(
        world.ask("ListExecutions", &body.to_string()),
        "! InvalidToken: Invalid Token: 'Invalid token'"
    );
}

#[test]
fn executions_are_listed_by_their_stop_and_those_that_run_by_their_start_or_redrive() {
    let mut world = World::new();
    let waits = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$","End":true}}}"#;
    world.create("m", "STANDARD", waits);
    let listed = |world: &mut World| -> Vec<String> {
        let body = json!({ "stateMachineArn": machine_arn("m"), "maxResults": 2 });
        pages(world, "ListExecutions", body, "executions")
            .concat()
            .iter()
            .filter_map(|item| item["name"].as_str().map(str::to_string))
            .collect()
    };
    world.start("m", "long", "100");
    world.wait_ms(1_000);
    world.start("m", "short", "10");
    world.wait_ms(1_000);
    world.start("m", "stopped", "1000");
    assert_eq!(listed(&mut world), ["stopped", "short", "long"]);
    world.wait_ms(20_000);
    assert_eq!(listed(&mut world), ["short", "stopped", "long"]);
    let stopped = json!({ "executionArn": execution_arn("m", "stopped") }).to_string();
    assert!(world.ask("StopExecution", &stopped).starts_with('{'));
    assert_eq!(listed(&mut world), ["stopped", "short", "long"]);
    world.wait_ms(100_000);
    assert_eq!(listed(&mut world), ["long", "stopped", "short"]);
    world.crash();
    world.wait_ms(1_000);
    assert!(world.ask("RedriveExecution", &stopped).starts_with('{'));
    assert_eq!(listed(&mut world), ["stopped", "long", "short"]);
    world.wait_ms(1_000_000);
    assert_eq!(listed(&mut world), ["stopped", "long", "short"]);
    assert_eq!(world.kinds()[&8], 3, "one entry an execution");
}
