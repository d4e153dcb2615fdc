//! Surveys for the console: search, groups of failures, the children of a map run.

use std::cell::Cell;

use serde_json::{Value, json};
use stepwell_service::survey::{ChildrenAsk, Failures, MapRunAsk, Search};
use stepwell_service::{Payload, Refusal, TaskOutcome};

use crate::world::{START_MS, World, execution_arn, machine_arn};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;
/// A task inside a branch.
const BRANCHES: &str = r#"{"StartAt":"Both","States":{"Both":{"Type":"Parallel","End":true,"Branches":[
    {"StartAt":"Look","States":{"Look":{"Type":"Pass","Next":"Charge"},
     "Charge":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}},
    {"StartAt":"Rest","States":{"Rest":{"Type":"Wait","Seconds":60,"End":true}}}]}}}"#;

const NEVER: &dyn Fn() -> bool = &|| false;
const AT_ONCE: &dyn Fn() -> bool = &|| true;

impl World {
    fn fail(&mut self, error: &str, cause: &str) {
        self.complete(TaskOutcome::Failed {
            error: Some(error.to_string()),
            cause: Some(cause.to_string()),
        });
    }

    fn search_with(&self, asked: &Value, is_over: &dyn Fn() -> bool) -> Value {
        let search: Search = serde_json::from_value(asked.clone()).expect("a search");
        let found = self
            .reader()
            .search(&search, &|text| text, is_over)
            .expect("rows can be read");
        match found {
            Ok(found) => serde_json::to_value(found).expect("JSON"),
            Err(refusal) => refused(refusal),
        }
    }

    /// Names of what a search finds on all its pages, and what it looked at.
    fn search(&self, mut asked: Value, is_over: &dyn Fn() -> bool) -> (Vec<String>, u64) {
        let (mut names, mut looked) = (Vec::new(), 0);
        for _ in 0..1_000 {
            let found = self.search_with(&asked, is_over);
            let executions = found["executions"].as_array();
            let executions = executions.unwrap_or_else(|| panic!("{found}"));
            names.extend(executions.iter().map(|found| text(&found["name"])));
            looked += found["looked"]["executions"].as_u64().expect("a number");
            if found["next"].is_null() {
                return (names, looked);
            }
            asked["next"] = found["next"].clone();
        }
        panic!("a search without end");
    }

    fn names(&self, asked: Value) -> Vec<String> {
        self.search(asked, NEVER).0
    }

    fn failures(&self, asked: Value, is_over: &dyn Fn() -> bool) -> Value {
        let asked: Failures = serde_json::from_value(asked).expect("a question");
        let groups = self
            .reader()
            .failures(&asked, &|text| text, is_over)
            .expect("rows can be read");
        match groups {
            Ok(groups) => serde_json::to_value(groups).expect("JSON"),
            Err(refusal) => refused(refusal),
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_string()
}

fn refused(refusal: Refusal) -> Value {
    match refusal {
        Refusal::States(error) => Value::String(format!("{}: {}", error.name(), error.message)),
        other => panic!("{other:?}"),
    }
}

/// Two machines; `b` has one that runs, one that failed and one that succeeded, `a` has four.
fn orders() -> World {
    let mut world = World::new();
    world.create("a", "STANDARD", PASS);
    world.create("b", "STANDARD", TASK);
    world.create("x", "EXPRESS", PASS);
    for (name, input) in [("one", r#"{"item":"Tea"}"#), ("two", "{}"), ("three", "{}")] {
        world.start("a", name, input);
        world.now_ms += 1_000;
    }
    for name in ["good", "bad", "open"] {
        world.start("b", name, "{}");
        world.now_ms += 1_000;
    }
    world.complete(TaskOutcome::Succeeded(Payload::from_text(
        r#"{"paid":"Coffee"}"#,
    )));
    world.now_ms += 1_000;
    world.fail("Card.Declined", "card 4242 declined");
    world.now_ms += 1_000;
    world.start("a", "four", "{}");
    world
}

#[test]
fn executions_of_all_machines_come_newest_first() {
    let world = orders();
    // Those that ended are listed by their end.
    let all = ["four", "bad", "good", "open", "three", "two", "one"];
    assert_eq!(world.names(json!({})), all);
    for limit in 1..=8 {
        assert_eq!(world.names(json!({ "limit": limit })), all, "{limit}");
        let filtered = json!({ "limit": limit, "name": "O" });
        assert_eq!(
            world.names(filtered),
            ["four", "good", "open", "two", "one"]
        );
    }
    let of_machine = json!({ "stateMachineArn": machine_arn("b"), "limit": 2 });
    assert_eq!(world.names(of_machine), ["bad", "good", "open"]);
}

#[test]
fn each_filter_takes_what_it_says() {
    let world = orders();
    let seconds = |after: i64| (START_MS + after) as f64 / 1_000.0;
    for (asked, expected) in [
        (
            json!({ "status": ["FAILED", "RUNNING"] }),
            vec!["bad", "open"],
        ),
        (json!({ "status": [] }), vec![]),
        (json!({ "error": "declined" }), vec!["bad"]),
        (json!({ "error": "other" }), vec![]),
        (json!({ "text": "tea" }), vec!["one"]),
        (json!({ "text": "COFFEE" }), vec!["good"]),
        (json!({ "text": "card 42" }), vec!["bad"]),
        (json!({ "text": "Card.D", "status": ["SUCCEEDED"] }), vec![]),
        (
            json!({ "startedAfter": seconds(4_000) }),
            vec!["four", "bad", "open"],
        ),
        (
            json!({ "startedAfter": seconds(1_000), "startedBefore": seconds(3_000) }),
            vec!["good", "three", "two"],
        ),
        (
            json!({ "failure": { "error": "Card.Declined", "cause": "card # declined", "state": "T" } }),
            vec!["bad"],
        ),
        (json!({ "failure": { "state": "P" } }), vec![]),
        (json!({ "failure": { "error": "card.declined" } }), vec![]),
    ] {
        assert_eq!(world.names(asked.clone()), expected, "{asked}");
    }
    let found = world.search_with(&json!({ "text": "coffee" }), NEVER);
    let matched = &found["executions"][0];
    assert_eq!(matched["matched"], "output");
    assert_eq!(matched["executionArn"], execution_arn("b", "good"));
    let failed = world.search_with(&json!({ "error": "declined" }), NEVER);
    assert_eq!(failed["executions"][0]["cause"], "card 4242 declined");
}

#[test]
fn whose_time_is_over_goes_on_and_finds_the_same() {
    let mut world = World::new();
    world.create("a", "STANDARD", PASS);
    world.create("b", "STANDARD", PASS);
    for number in 0..600 {
        let machine = ["a", "b"][number % 2];
        world.start(
            machine,
            &format!("e{number}"),
            &format!("{{\"n\":\"<{}>\"}}", number % 50),
        );
        world.now_ms += 10;
    }
    for asked in [
        json!({}),
        json!({ "name": "7" }),
        json!({ "text": "<7>" }),
        json!({ "text": "<7>", "limit": 1 }),
        json!({ "status": ["FAILED"] }),
    ] {
        let (whole, looked) = world.search(asked.clone(), NEVER);
        let (parts, looked_again) = world.search(asked.clone(), AT_ONCE);
        assert_eq!(whole, parts, "{asked}");
        assert_eq!((looked, looked_again), (600, 600), "{asked}");
    }
    // Each call looks at some, and says how far it came.
    let asked_times = Cell::new(0);
    let first = world.search_with(&json!({ "text": "nowhere" }), &|| {
        asked_times.set(asked_times.get() + 1);
        asked_times.get() > 3
    });
    assert_eq!(first["executions"], json!([]));
    let looked = &first["looked"];
    assert!(
        (1..600).contains(&looked["executions"].as_u64().expect("a number")),
        "{first}"
    );
    assert!(
        looked["until"].as_f64() > looked["oldest"].as_f64(),
        "{first}"
    );
    assert_eq!(looked["machines"], 2);
}

#[test]
fn a_machine_of_the_name_of_an_earlier_one_has_its_own_executions_only() {
    let mut world = World::new();
    world.create("a", "STANDARD", PASS);
    world.start("a", "old", "{}");
    let arn = machine_arn("a");
    world.ask(
        "DeleteStateMachine",
        &json!({ "stateMachineArn": arn }).to_string(),
    );
    assert_eq!(world.names(json!({})), Vec::<String>::new());
    world.tick();
    world.create("a", "STANDARD", PASS);
    world.start("a", "new", "{}");
    assert_eq!(world.names(json!({})), ["new"]);
}

#[test]
fn what_cannot_be_asked_is_refused_and_no_token_does_harm() {
    let world = orders();
    let long = "x".repeat(257);
    for (asked, says) in [
        (json!({ "limit": 0 }), "limit is 0, and must be 1 to 100"),
        (json!({ "limit": 101 }), "limit is 101"),
        (
            json!({ "status": ["BROKEN"] }),
            "status \"BROKEN\" is none of",
        ),
        (json!({ "name": long }), "name has 257 characters"),
        (
            json!({ "failure": { "cause": long } }),
            "failure.cause has 257 characters",
        ),
        (json!({ "startedAfter": -1 }), "startedAfter is -1"),
        (json!({ "startedAfter": 1e300 }), "startedAfter is 1"),
        (json!({ "next": "?" }), "Invalid token"),
        (json!({ "next": "A".repeat(1_000_000) }), "Invalid token"),
        (json!({ "next": "AAAA" }), "Invalid token"),
        (json!({ "stateMachineArn": "x" }), "InvalidArn"),
        (
            json!({ "stateMachineArn": machine_arn("none") }),
            "StateMachineDoesNotExist",
        ),
        (
            json!({ "stateMachineArn": machine_arn("x") }),
            "executions of Express state machines are not kept",
        ),
    ] {
        let said = world.search_with(&asked, NEVER);
        let said = said
            .as_str()
            .unwrap_or_else(|| panic!("{asked} is taken: {said}"));
        assert!(said.contains(says), "{said}");
    }
    // Sixteen bytes are a place, whoever made it.
    for (token, count) in [("AAAAAAAAAAAAAAAAAAAAAA", 7), ("_____________________w", 0)] {
        assert_eq!(
            world.names(json!({ "next": token })).len(),
            count,
            "{token}"
        );
    }
    for unknown in [r#"{"stauts":[]}"#, r#"{"failure":{"arn":""}}"#] {
        assert!(
            serde_json::from_str::<Search>(unknown).is_err(),
            "{unknown}"
        );
    }
}

#[test]
fn failures_are_grouped_by_the_innermost_state_and_what_is_common_of_their_cause() {
    let mut world = World::new();
    world.create("b", "STANDARD", BRANCHES);
    world.create("t", "STANDARD", TASK);
    for number in 0..3 {
        world.start("b", &format!("order-{number}"), "{}");
        world.fail(
            "Card.Declined",
            &json!({ "errorMessage": format!("card 400{number} declined") }).to_string(),
        );
        world.now_ms += 60 * 60 * 1_000;
    }
    world.start("t", "other", "{}");
    world.fail("Card.Declined", "card 1 declined");
    world.start("t", "stopped", "{}");
    world.ask(
        "StopExecution",
        &json!({ "executionArn": execution_arn("t", "stopped"), "error": "Enough" }).to_string(),
    );
    let groups = world.failures(json!({}), NEVER);
    assert_eq!(groups["next"], Value::Null);
    assert_eq!(groups["looked"]["executions"], 5);
    let start = START_MS / 1_000;
    let hour = start - start % 3_600;
    let largest = &groups["groups"][0];
    assert_eq!(
        *largest,
        json!({
            "stateMachineArn": machine_arn("b"),
            "state": "Charge",
            "error": "Card.Declined",
            "cause": "card # declined",
            "status": "FAILED",
            "count": 3,
            "firstSeen": start as f64,
            "lastSeen": (start + 7_200) as f64,
            "examples": [
                { "executionArn": execution_arn("b", "order-2"), "stopDate": (start + 7_200) as f64 },
                { "executionArn": execution_arn("b", "order-1"), "stopDate": (start + 3_600) as f64 },
                { "executionArn": execution_arn("b", "order-0"), "stopDate": start as f64 },
            ],
            "hours": [[hour, 1], [hour + 3_600, 1], [hour + 7_200, 1]],
        })
    );
    assert_eq!(groups["groups"].as_array().map(Vec::len), Some(2));
    let of_group = json!({ "failure": { "state": "Charge", "cause": "card # declined", "error": "Card.Declined" } });
    assert_eq!(world.names(of_group), ["order-2", "order-1", "order-0"]);
    // Only the time that is asked for, and aborted ones where they are asked for.
    let late = world.failures(json!({ "since": start + 7_200 }), NEVER);
    let counts: Vec<_> = late["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| &group["count"])
        .collect();
    assert_eq!(counts, [1, 1]);
    let aborted = world.failures(
        json!({ "aborted": true, "stateMachineArn": machine_arn("t") }),
        NEVER,
    );
    let states: Vec<_> = aborted["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| (&group["status"], &group["state"]))
        .collect();
    assert!(
        states.contains(&(&json!("ABORTED"), &json!("T"))),
        "{states:?}"
    );
    let old = world.failures(json!({ "since": 0 }), NEVER);
    assert!(
        old.as_str().is_some_and(|said| said.contains("90 days")),
        "{old}"
    );
}

#[test]
fn groups_and_filters_see_no_more_than_is_shown() {
    let mut world = World::new();
    world.create("t", "STANDARD", TASK);
    for key in ["lock", "door"] {
        world.start("t", key, "{}");
        world.fail(&format!("Bad.{key}"), &format!("key2={key} is refused"));
    }
    let shown = |text: String| {
        ["key2=lock", "key2=door", "Bad.lock", "Bad.door"]
            .iter()
            .fold(text, |text, hidden| {
                text.replace(hidden, &format!("{}•••", &hidden[..hidden.len() - 4]))
            })
    };
    let groups = world.reader().failures(&Failures::default(), &shown, NEVER);
    let groups = groups.expect("rows can be read").expect("groups").groups;
    let groups: Vec<_> = groups
        .iter()
        .map(|group| (group.error.as_deref(), group.cause.as_str(), group.count))
        .collect();
    assert_eq!(groups, [(Some("Bad.•••"), "key#=••• is refused", 2)]);
    for (asked, count) in [
        (json!({ "failure": { "cause": "key#=••• is refused" } }), 2),
        (json!({ "failure": { "cause": "key#=lock is refused" } }), 0),
        (json!({ "failure": { "error": "Bad.•••" } }), 2),
        (json!({ "failure": { "error": "Bad.lock" } }), 0),
        (json!({ "error": "bad." }), 2),
        (json!({ "error": "lock" }), 0),
        (json!({ "text": "•••" }), 2),
        (json!({ "text": "Bad.l" }), 0),
    ] {
        let search: Search = serde_json::from_value(asked.clone()).expect("a search");
        let found = world.reader().search(&search, &shown, NEVER);
        let found = found.expect("rows can be read").expect("a page");
        assert_eq!(found.executions.len(), count, "{asked}");
    }
}

#[test]
fn groups_of_parts_of_the_time_add_up() {
    let mut world = World::new();
    world.create("t", "STANDARD", TASK);
    for number in 0..300 {
        world.start("t", &format!("e{number}"), "{}");
        // More groups than one answer has.
        let letter = char::from(b'a' + u8::try_from(number % 26).expect("a letter"));
        let many = letter.to_string().repeat(number / 26 + 1);
        world.fail("E", ["odd", "even", &many][number % 3]);
        world.now_ms += 1_000;
    }
    let (mut counted, mut asked, mut answers) = (0, json!({}), 0);
    loop {
        let groups = world.failures(asked.clone(), AT_ONCE);
        let parts = groups["groups"].as_array().expect("groups");
        counted += parts
            .iter()
            .map(|group| group["count"].as_u64().expect("a count"))
            .sum::<u64>();
        answers += 1;
        if groups["next"].is_null() {
            break;
        }
        asked["next"] = groups["next"].clone();
    }
    assert_eq!(counted, 300);
    assert!(answers > 1);
}

#[test]
fn a_cause_is_hidden_before_it_is_cut() {
    // The whole is JSON; what is left of it would be none.
    let hidden = "•".repeat(1_000);
    let shown = |text: String| match text.as_str() {
        "" => text,
        text => format!("{hidden}{text}"),
    };
    let mut world = World::new();
    world.create("t", "STANDARD", TASK);
    world.start("t", "e", "{}");
    world.fail("Bad", "secret");
    let found = world.reader().search(&Search::default(), &shown, NEVER);
    let found = found.expect("rows can be read").expect("a page");
    let found = serde_json::to_value(found).expect("JSON");
    assert_eq!(found["executions"][0]["cause"], hidden.as_str(), "{found}");
    for kind in ["STANDARD", "EXPRESS"] {
        let (world, arn) = map_run(kind);
        let asked = json!({ "mapRunArn": arn, "status": ["FAILED"] });
        let asked: ChildrenAsk = serde_json::from_value(asked).expect("a question");
        let children = world.reader().map_run_children(&asked, &shown, NEVER);
        let children = children.expect("rows can be read").expect("a page");
        let children = serde_json::to_value(children).expect("JSON");
        assert_eq!(children["children"][0]["cause"], hidden.as_str(), "{kind}");
    }
}

/// A map run whose item 1 of three fails.
fn map_run(kind: &str) -> (World, String) {
    let definition = format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","Label":"l","ToleratedFailurePercentage":100,"End":true,"ItemProcessor":{{
        "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{kind}"}},
        "StartAt":"C","States":{{"C":{{"Type":"Choice","Default":"S","Choices":[{{"Variable":"$","StringEquals":"bad","Next":"F"}}]}},
        "S":{{"Type":"Succeed"}},"F":{{"Type":"Fail","Error":"Bad","Cause":"item"}}}}}}}}}}}}"#
    );
    let mut world = World::new();
    world.create("m", "STANDARD", &definition);
    world.start("m", "e", r#"["a","bad","c"]"#);
    world.tick();
    let listed = world.ask(
        "ListMapRuns",
        &json!({ "executionArn": execution_arn("m", "e") }).to_string(),
    );
    let listed: Value = serde_json::from_str(&listed).expect("runs");
    let arn = text(&listed["mapRuns"][0]["mapRunArn"]);
    (world, arn)
}

fn statuses(world: &World, asked: Value) -> Value {
    let asked: MapRunAsk = serde_json::from_value(asked).expect("a question");
    match world
        .reader()
        .map_run_statuses(&asked, NEVER)
        .expect("rows can be read")
    {
        Ok(statuses) => serde_json::to_value(statuses).expect("JSON"),
        Err(refusal) => refused(refusal),
    }
}

fn children(world: &World, asked: Value) -> Value {
    let asked: ChildrenAsk = serde_json::from_value(asked).expect("a question");
    match world
        .reader()
        .map_run_children(&asked, &|text| text, NEVER)
        .expect("rows can be read")
    {
        Ok(children) => serde_json::to_value(children).expect("JSON"),
        Err(refusal) => refused(refusal),
    }
}

#[test]
fn the_children_of_a_map_run_are_a_byte_each() {
    let (world, arn) = map_run("STANDARD");
    let whole = statuses(&world, json!({ "mapRunArn": arn }));
    assert_eq!(
        whole,
        json!({
            "mapRunArn": arn, "status": "SUCCEEDED", "isExpress": false, "items": 3, "children": 3, "itemsPerChild": 1,
            // 2, 3, 2 and three times 0 ms.
            "from": 0, "count": 3, "statuses": "AgMC", "durations": "AAAAAAAAAAAAAAAA", "next": null,
        })
    );
    let part = statuses(&world, json!({ "mapRunArn": arn, "from": 1, "limit": 1 }));
    assert_eq!(
        (&part["statuses"], &part["next"]),
        (&json!("Aw=="), &json!(2))
    );
    let beyond = statuses(&world, json!({ "mapRunArn": arn, "from": u32::MAX }));
    assert_eq!(
        (&beyond["count"], &beyond["next"]),
        (&json!(0), &json!(null))
    );
    let (express, arn) = map_run("EXPRESS");
    let whole = statuses(&express, json!({ "mapRunArn": arn }));
    assert_eq!(
        (&whole["statuses"], &whole["durations"]),
        (&json!("AgMC"), &json!("////////////////"))
    );
}

#[test]
fn failed_children_are_found_by_their_status() {
    for kind in ["STANDARD", "EXPRESS"] {
        let (world, arn) = map_run(kind);
        let failed = children(&world, json!({ "mapRunArn": arn, "status": ["FAILED"] }));
        let child = &failed["children"][0];
        assert_eq!(
            failed["children"].as_array().map(Vec::len),
            Some(1),
            "{failed}"
        );
        assert_eq!(
            (&child["index"], &child["firstItem"], &child["items"]),
            (&json!(1), &json!(1), &json!(1))
        );
        assert_eq!(
            (&child["error"], &child["cause"]),
            (&json!("Bad"), &json!("item")),
            "{kind}"
        );
        assert_eq!(child["executionArn"].is_null(), kind == "EXPRESS");
        assert_eq!(failed["looked"]["children"], 3);
        let first = children(&world, json!({ "mapRunArn": arn, "limit": 2 }));
        assert_eq!(first["next"], 2);
        let second = children(&world, json!({ "mapRunArn": arn, "limit": 2, "next": 2 }));
        assert_eq!(
            (second["children"].as_array().map(Vec::len), &second["next"]),
            (Some(1), &json!(null))
        );
    }
}

#[test]
fn questions_about_map_runs_have_bounds() {
    let (world, arn) = map_run("STANDARD");
    for (asked, says) in [
        (json!({ "mapRunArn": arn, "limit": 0 }), "limit is 0"),
        (
            json!({ "mapRunArn": arn, "limit": 20_001 }),
            "must be 1 to 20000",
        ),
        (json!({ "mapRunArn": "x" }), "InvalidArn"),
        (json!({}), "InvalidArn"),
    ] {
        let said = statuses(&world, asked);
        assert!(
            said.as_str().is_some_and(|said| said.contains(says)),
            "{said}"
        );
    }
    for (asked, says) in [
        (
            json!({ "mapRunArn": arn, "limit": 101 }),
            "must be 1 to 100",
        ),
        (
            json!({ "mapRunArn": arn, "status": ["NONE"] }),
            "PENDING_REDRIVE",
        ),
    ] {
        let said = children(&world, asked);
        assert!(
            said.as_str().is_some_and(|said| said.contains(says)),
            "{said}"
        );
    }
}
