//! What is kept no longer: ended executions with everything of theirs, and definitions that nothing uses.

mod damaged;

use std::collections::BTreeSet;

use serde_json::{Value, json};
use stepwell_service::{LostTask, TaskOutcome};
use stepwell_store::{Disk, Fault};

use crate::world::{Row, World, execution_arn, machine_arn, store_of};

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Rows that one step of the walk may delete; the step also reads.
const STEP_ROWS_MAX: usize = 600;

/// Kinds of rows, the first bytes of their keys.
const DEFINITION: u8 = 3;
const TIMER: u8 = 10;
const DOUBT: u8 = 11;

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const TASK: &str = r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;
const YEAR: &str =
    r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":30000000,"End":true}}}"#;
const SYNC: &str = r#"{"StartAt":"S","States":{"S":{"Type":"Task","Resource":"arn:aws:states:::states:startExecution.sync:2","Parameters":{"StateMachineArn":"arn:aws:states:us-east-1:123456789012:stateMachine:pass"},"End":true}}}"#;
/// Events that come to about 3,000, in one transition or a few.
const LONG: &str = r#"{"QueryLanguage":"JSONata","StartAt":"M","States":{"M":{"Type":"Map","Items":"{% [1..700] %}","Output":"{}","End":true,
    "ItemProcessor":{"StartAt":"P","States":{"P":{"Type":"Wait","Seconds":1,"End":true}}}}}}"#;

/// A machine of one Distributed Map over `$.items`.
fn distributed(kind: &str) -> String {
    format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","Label":"l","ItemsPath":"$.items","ResultPath":null,"End":true,"ItemProcessor":{{
        "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"{kind}"}},"StartAt":"P","States":{{"P":{{"Type":"Pass","End":true}}}}}}}}}}}}"#
    )
}

impl World {
    /// Takes all steps of a walk that is under way, each with its pause.
    fn walk_on(&mut self) {
        for _ in 0..10_000 {
            let due = self.shard.next_deadline().map(|due| due.as_millis());
            if due.is_none_or(|due| due > self.now_ms + 10) {
                return;
            }
            self.now_ms += 10;
            self.tick();
        }
        panic!("the walk does not end");
    }

    /// Time passes, and so much more that a walk has begun and ended.
    fn keep_ms(&mut self, ms: i64) {
        self.wait_ms(ms);
        self.walk_on();
        self.wait_ms(HOUR_MS);
        self.walk_on();
    }

    fn has(&mut self, machine: &str, name: &str) -> bool {
        let body = json!({ "executionArn": execution_arn(machine, name) }).to_string();
        let described = self.ask("DescribeExecution", &body);
        let history = self.ask("GetExecutionHistory", &body);
        let is_there = !described.starts_with("! ExecutionDoesNotExist");
        assert_eq!(
            is_there,
            !history.starts_with("! ExecutionDoesNotExist"),
            "{history}"
        );
        is_there
    }

    fn tag(&mut self, machine: &str, period: &str) -> String {
        let tags = json!([{ "key": "stepwell:retention", "value": period }]);
        let body = json!({ "resourceArn": machine_arn(machine), "tags": tags });
        self.ask("TagResource", &body.to_string())
    }

    fn listed(&mut self, machine: &str) -> Vec<String> {
        let body = json!({ "stateMachineArn": machine_arn(machine) });
        let listed: Value =
            serde_json::from_str(&self.ask("ListExecutions", &body.to_string())).expect("a list");
        let executions = listed["executions"].as_array().expect("executions");
        let name = |execution: &Value| execution["name"].as_str().expect("a name").to_string();
        executions.iter().map(name).collect()
    }

    /// Ends all calls without success.
    fn fail_all(&mut self) {
        while !self.open.is_empty() {
            self.complete(TaskOutcome::Failed {
                error: Some("Odd".to_string()),
                cause: None,
            });
        }
    }
}

/// Executions of all sorts, all of which have ended but `year/open`.
fn scene(world: &mut World) {
    for (name, definition) in [
        ("pass", PASS),
        ("task", TASK),
        ("year", YEAR),
        ("sync", SYNC),
        ("map", &distributed("STANDARD")),
        ("express", &distributed("EXPRESS")),
    ] {
        world.create(name, "STANDARD", definition);
    }
    world.start("pass", "done", "1");
    world.start("task", "failed", "2");
    world.start("task", "redriven", "3");
    world.fail_all();
    let redrive = json!({ "executionArn": execution_arn("task", "redriven"), "clientToken": "t" });
    world.ask("RedriveExecution", &redrive.to_string());
    world.fail_all();
    world.start("year", "stopped", "4");
    world.start("year", "open", "5");
    let stop = json!({ "executionArn": execution_arn("year", "stopped") });
    world.ask("StopExecution", &stop.to_string());
    world.start("sync", "waited", "{}");
    world.tick();
    world.start("map", "mapped", r#"{"items":[1,2,3]}"#);
    world.start("express", "mapped", r#"{"items":[1,2,3]}"#);
    world.tick();
}

const ENDED: [(&str, &str); 7] = [
    ("pass", "done"),
    ("task", "failed"),
    ("task", "redriven"),
    ("year", "stopped"),
    ("sync", "waited"),
    ("map", "mapped"),
    ("express", "mapped"),
];

/// Rows of executions: all kinds but machines, definitions and the counter.
fn rows_of_executions(world: &World) -> Vec<Row> {
    let mut rows = world.rows();
    rows.retain(|(key, _)| ![1, 2, 3].contains(&key[0]));
    rows
}

#[test]
fn ended_executions_go_after_90_days_with_everything_of_theirs() {
    let mut world = World::new();
    for name in ["pass", "year"] {
        world.create(name, "STANDARD", if name == "pass" { PASS } else { YEAR });
    }
    world.start("year", "open", "5");
    let open_only = rows_of_executions(&world);

    let mut world = World::new();
    scene(&mut world);
    assert!(rows_of_executions(&world).len() > 50);
    let run_arn = {
        let body = json!({ "executionArn": execution_arn("map", "mapped") });
        let runs: Value =
            serde_json::from_str(&world.ask("ListMapRuns", &body.to_string())).expect("runs");
        runs["mapRuns"][0]["mapRunArn"].clone()
    };
    world.keep_ms(90 * DAY_MS - 2 * HOUR_MS);
    for (machine, name) in ENDED {
        assert!(world.has(machine, name), "{machine} {name}");
    }
    world.keep_ms(2 * HOUR_MS);
    for (machine, name) in ENDED {
        assert!(!world.has(machine, name), "{machine} {name}");
    }
    assert!(world.has("year", "open"));
    assert_eq!(world.listed("year"), ["open"]);
    for machine in ["pass", "task", "sync", "map", "express"] {
        assert!(world.listed(machine).is_empty(), "{machine}");
    }
    let run = world.ask(
        "DescribeMapRun",
        &json!({ "mapRunArn": run_arn }).to_string(),
    );
    assert!(run.starts_with("! ResourceNotFound"), "{run}");
    // What is left are the rows of one open execution: kinds and numbers as if there had been no other.
    let kinds = |rows: &[Row]| rows.iter().map(|(key, _)| key[0]).collect::<Vec<u8>>();
    assert_eq!(kinds(&rows_of_executions(&world)), kinds(&open_only));
    // The names are free again.
    world.start("pass", "done", "7");
    world.crash();
    assert_eq!(world.describe("pass", "done")["input"], "7");
}

#[test]
fn a_state_machine_says_how_long_its_executions_are_kept() {
    let mut world = World::new();
    let names = ["short", "long", "never", "plain", "deleted"];
    for name in names {
        world.create(name, "STANDARD", PASS);
        world.start(name, "e", "1");
    }
    for (name, period) in [
        ("short", "2h"),
        ("long", "200d"),
        ("never", "never"),
        ("deleted", "1s"),
    ] {
        assert_eq!(world.tag(name, period), "{}");
    }
    for wrong in ["", "90", "0d", "soon"] {
        let refused = world.tag("short", wrong);
        let rule = format!(
            "! ValidationException: tag stepwell:retention: a retention is a whole number with its unit, from 1s to 36500d (90d, 12h, 30m, 45s), or never, not '{wrong}'"
        );
        assert!(refused.starts_with(&rule), "{refused}");
    }
    let body = json!({ "stateMachineArn": machine_arn("deleted") }).to_string();
    assert_eq!(world.ask("DeleteStateMachine", &body), "{}");
    let kept = |world: &mut World| names.map(|name| world.has(name, "e"));
    world.wait_ms(HOUR_MS);
    world.walk_on();
    assert_eq!(kept(&mut world), [true, true, true, true, true]);
    world.keep_ms(HOUR_MS);
    assert_eq!(kept(&mut world), [false, true, true, true, true]);
    // What was said outlives the process.
    world.crash();
    world.keep_ms(90 * DAY_MS);
    assert_eq!(kept(&mut world), [false, true, true, false, false]);
    // With its last execution goes what was remembered of the deleted machine.
    assert_eq!(world.kinds().get(&16), None);
    let untag = json!({ "resourceArn": machine_arn("never"), "tagKeys": ["stepwell:retention"] });
    world.ask("UntagResource", &untag.to_string());
    world.keep_ms(110 * DAY_MS);
    assert_eq!(kept(&mut world), [false, false, false, false, false]);
}

#[test]
fn the_server_says_how_long_executions_are_kept() {
    for (retention_ms, is_kept) in [(Some(10_000), false), (None, true)] {
        let mut world = World::keeping(retention_ms);
        world.create("m", "STANDARD", PASS);
        world.start("m", "e", "1");
        world.wait_ms(9_999);
        world.walk_on();
        assert!(world.has("m", "e"));
        // A walk a second, where so little time is given.
        world.wait_ms(1_000);
        world.walk_on();
        world.wait_ms(1_000);
        world.walk_on();
        assert_eq!(world.has("m", "e"), is_kept);
    }
}

#[test]
fn a_redriven_execution_is_kept_from_its_last_end_on() {
    let mut world = World::new();
    world.create("m", "STANDARD", TASK);
    world.start("m", "e", "1");
    world.fail_all();
    world.wait_ms(10 * DAY_MS);
    let redrive = json!({ "executionArn": execution_arn("m", "e") });
    world.ask("RedriveExecution", &redrive.to_string());
    world.keep_ms(300 * DAY_MS);
    assert!(world.has("m", "e"), "it runs");
    world.fail_all();
    world.keep_ms(89 * DAY_MS);
    assert!(world.has("m", "e"));
    world.keep_ms(DAY_MS);
    assert!(!world.has("m", "e"));
}

#[test]
fn a_long_history_goes_in_bounded_steps_and_is_gone_at_the_first() {
    let mut world = World::new();
    world.create("long", "STANDARD", LONG);
    world.create("map", "STANDARD", &distributed("STANDARD"));
    world.start("long", "e", "{}");
    for _ in 0..20 {
        world.wait_ms(1_000);
    }
    let items: Vec<u32> = (0..500).collect();
    world.start("map", "e", &json!({ "items": items }).to_string());
    world.tick();
    let machines = ["long", "map"];
    for machine in machines {
        assert_eq!(world.describe(machine, "e")["status"], "SUCCEEDED");
    }
    world.now_ms += 90 * DAY_MS;
    let (mut steps, mut left) = (0, world.rows().len());
    let mut gone = BTreeSet::new();
    while steps == 0 || world.shard.next_deadline().is_some() {
        world.shard.tick(world.now());
        world.commit();
        let rows = world.rows().len();
        assert!(
            left.saturating_sub(rows) <= STEP_ROWS_MAX,
            "{left} to {rows}"
        );
        left = rows;
        for machine in machines {
            let is_gone = !world.has(machine, "e");
            assert!(is_gone || !gone.contains(machine), "{machine} is back");
            if is_gone && gone.insert(machine) {
                // Its name is free while rows of its are left.
                assert!(steps > 0 || world.kinds().contains_key(&50));
            }
        }
        world.now_ms += 10;
        steps += 1;
        assert!(steps < 10_000);
    }
    assert!(steps > 5, "{steps}");
    assert_eq!(gone.len(), 2);
    assert_eq!(rows_of_executions(&world), []);
}

#[test]
fn a_crash_at_any_commit_of_a_deletion_leaves_nothing_and_takes_nothing_else() {
    let mut begin = World::new();
    scene(&mut begin);
    let items: Vec<u32> = (0..60).collect();
    begin.start("map", "many", &json!({ "items": items }).to_string());
    begin.tick();
    let rows = begin.rows();
    let now_ms = begin.now_ms + 90 * DAY_MS;
    // Goes to the end with a crash at one commit; returns the commits and what is left.
    let run = |crash_at: Option<(u64, Option<Fault>)>| -> (u64, Vec<Row>) {
        let disk = store_of(&rows).disk();
        let mut world = World::on(&disk, LostTask::Fail);
        world.now_ms = now_ms;
        let mut commits = 0;
        loop {
            world.shard.tick(world.now());
            commits += 1;
            let cut = crash_at.filter(|(at, _)| *at == commits);
            if let Some((_, Some(fault))) = cut {
                world.fail_next_commit(fault);
            }
            let is_committed = world.try_commit().is_ok();
            if cut.is_some() || !is_committed {
                world.crash();
            }
            let due = world.shard.next_deadline().map(|due| due.as_millis());
            if due.is_none_or(|due| due > world.now_ms + 10) && commits > 1 {
                break;
            }
            world.now_ms += 10;
        }
        world.wait_ms(HOUR_MS);
        world.walk_on();
        (commits, world.rows())
    };
    let (commits, expected) = run(None);
    assert!(commits > 5, "{commits}");
    let ended = expected.iter().filter(|(key, _)| key[0] == 4).count();
    assert_eq!(ended, 1, "only the open execution is left");
    for commit in 1..=commits {
        for fault in [None, Some(Fault::BeforeWrite), Some(Fault::AfterWrite)] {
            let (_, left) = run(Some((commit, fault)));
            assert!(left == expected, "commit {commit}, {fault:?}");
        }
    }
}

#[test]
fn a_definition_goes_when_nothing_uses_it_any_more() {
    let mut world = World::new();
    let update = |world: &mut World, machine: &str, definition: &str| {
        let body = json!({ "stateMachineArn": machine_arn(machine), "definition": definition });
        let answer = world.ask("UpdateStateMachine", &body.to_string());
        assert!(answer.starts_with('{'), "{answer}");
    };
    let definition = |comment: &str| PASS.replacen('{', &format!(r#"{{"Comment":"{comment}","#), 1);
    for machine in ["used", "published"] {
        world.create(machine, "STANDARD", &definition(machine));
    }
    world.start("used", "e", "1");
    let publish = json!({ "stateMachineArn": machine_arn("published") }).to_string();
    world.ask("PublishStateMachineVersion", &publish);
    update(&mut world, "used", &definition("new"));
    update(&mut world, "published", &definition("unused"));
    update(&mut world, "published", &definition("last"));
    world.create("express", "EXPRESS", PASS);
    let definitions = |world: &World| -> BTreeSet<String> {
        let rows = world.rows();
        let texts = rows
            .iter()
            .filter(|(key, _)| key[0] == 3)
            .map(|(_, value)| {
                let text = String::from_utf8_lossy(&value[2..]).into_owned();
                let comment = text
                    .split("\"Comment\":\"")
                    .nth(1)
                    .and_then(|rest| rest.split('"').next());
                comment.unwrap_or("express").to_string()
            });
        texts.collect()
    };
    let names = |all: &[&str]| {
        all.iter()
            .map(ToString::to_string)
            .collect::<BTreeSet<String>>()
    };
    assert_eq!(
        definitions(&world),
        names(&["used", "new", "published", "unused", "last", "express"])
    );
    world.keep_ms(DAY_MS);
    assert_eq!(
        definitions(&world),
        names(&["used", "new", "published", "last", "express"])
    );
    world.keep_ms(91 * DAY_MS);
    world.keep_ms(DAY_MS);
    assert_eq!(
        definitions(&world),
        names(&["new", "published", "last", "express"])
    );
    // What has gone can come again.
    update(&mut world, "used", &definition("used"));
    world.start("used", "e", "2");
    assert_eq!(world.describe("used", "e")["status"], "SUCCEEDED");
    world.crash();
    world.start("used", "f", "2");
    assert_eq!(world.describe("used", "f")["status"], "SUCCEEDED");
}

#[test]
fn a_damaged_row_holds_up_neither_the_server_nor_the_others() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    world.start("m", "damaged", "1");
    world.start("m", "sound", "2");
    let mut rows = world.rows();
    let damaged = rows.iter_mut().find(|(key, _)| key[0] == 4);
    damaged.expect("an execution").1.truncate(9);
    let mut world = World::on_damaged(&store_of(&rows).disk());
    world.keep_ms(91 * DAY_MS);
    assert!(!world.has("m", "sound"));
    world.start("m", "later", "3");
    assert_eq!(world.describe("m", "later")["status"], "SUCCEEDED");
    assert_eq!(
        world.kinds().get(&4),
        Some(&2),
        "the damaged row is left for fsck"
    );
}

#[test]
fn a_tick_of_a_server_that_keeps_everything_writes_nothing() {
    let mut world = World::on(&Disk::new(), LostTask::Fail);
    scene(&mut world);
    let before = world.rows();
    world.keep_ms(80 * DAY_MS);
    assert!(world.rows() == before);
}

#[test]
fn a_child_stays_while_its_own_children_are_aborted() {
    let map = |name: &str, of: &str| {
        format!(
            r#""StartAt":"{name}","States":{{"{name}":{{"Type":"Map","Label":"{name}","ItemsPath":"$.items","End":true,"ItemProcessor":{{
            "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},{of}}}}}}}"#
        )
    };
    let wait = YEAR.trim_start_matches('{').strip_suffix('}');
    let inner = map("Inner", wait.expect("an object"));
    let outer = format!("{{{}}}", map("Outer", &inner));
    let mut world = World::new();
    world.create("m", "STANDARD", &outer);
    world.create("idle", "STANDARD", PASS);
    world.start("idle", "e", "1");
    let items: Vec<u32> = (0..5_000).collect();
    world.start(
        "m",
        "e",
        &json!({ "items": [{ "items": items }] }).to_string(),
    );
    world.tick();
    let open = |world: &World| world.kinds().get(&TIMER).copied().unwrap_or_default();
    assert!(open(&world) > 5_000);
    let stop = json!({ "executionArn": execution_arn("m", "e") });
    world.ask("StopExecution", &stop.to_string());
    while world.kinds()[&DOUBT] > 1 {
        world.shard.tick(world.now());
        world.commit();
    }
    assert!(open(&world) > 2_000, "the grandchildren are being aborted");
    world.now_ms += 91 * DAY_MS;
    world.shard.tick(world.now());
    world.commit();
    assert!(!world.has("m", "e"));
    assert!(!world.has("idle", "e"), "the walk goes on");
    assert!(open(&world) > 1_000);
    world.tick();
    world.keep_ms(HOUR_MS);
    world.keep_ms(HOUR_MS);
    assert_eq!(rows_of_executions(&world), []);
}

impl World {
    /// Takes the steps of one walk, and counts them.
    fn count_steps(&mut self) -> usize {
        let mut steps = 0;
        while steps == 0
            || self
                .shard
                .next_deadline()
                .is_some_and(|due| due.as_millis() <= self.now_ms + 10)
        {
            self.now_ms += 10;
            self.shard.tick(self.now());
            self.commit();
            steps += 1;
            assert!(steps < 10_000);
        }
        steps
    }
}

#[test]
fn a_walk_goes_on_where_a_large_execution_was_found() {
    let [few, many] = [0, 2_000].map(|open| {
        let mut world = World::new();
        world.create("a", "STANDARD", YEAR);
        for number in 0..open {
            world.start("a", &format!("e{number}"), "{}");
        }
        world.create("map", "STANDARD", &distributed("STANDARD"));
        let items: Vec<u32> = (0..300).collect();
        for number in 0..4 {
            let input = json!({ "items": items }).to_string();
            world.start("map", &format!("e{number}"), &input);
        }
        world.tick();
        world.now_ms += 91 * DAY_MS;
        world.count_steps()
    });
    assert!(few > 4, "{few}");
    // Those that run are looked at once in their list, and once for their definition.
    assert!(many <= few + 12, "{few} and {many}");
}

#[test]
fn a_walk_over_definitions_reads_few_rows_in_a_step() {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    for number in 0..1_200 {
        world.start("m", &format!("e{number}"), "{}");
    }
    let update = json!({ "stateMachineArn": machine_arn("m"), "definition": TASK });
    world.ask("UpdateStateMachine", &update.to_string());
    world.ask(
        "UpdateStateMachine",
        &json!({ "stateMachineArn": machine_arn("m"), "definition": YEAR }).to_string(),
    );
    world.now_ms += DAY_MS;
    let steps = world.count_steps();
    assert!(steps >= 3, "{steps}");
    assert_eq!(
        world.kinds()[&DEFINITION],
        2,
        "the one between is used by nobody"
    );
}
