//! How many there may be, and how little begins while the shell holds back.

use serde_json::json;
use stepwell_service::{Effect, Quotas};

use crate::world::{World, change, execution_arn, start_body};

const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"End":true}}}"#;
const WAIT_THEN_TASK: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":60,"Next":"T"},
    "T":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}}}"#;

fn start_many(world: &mut World, count: usize) {
    for number in 0..count {
        let body = start_body("m", &format!("e{number}"), "{}");
        let request = change("StartExecution", &body).expect("decodes");
        world.apply(request.expect("changes"));
    }
    world.commit();
}

/// Quotas that allow `open` executions.
fn quotas(open: u64) -> Quotas {
    Quotas {
        open_executions: open,
        ..Quotas::default()
    }
}

#[test]
fn open_executions_are_counted_through_starts_ends_and_crashes() {
    let mut world = World::new();
    world.create("m", "STANDARD", WAIT);
    // More than one tick counts after a restart.
    start_many(&mut world, 5_000);
    assert_eq!(world.shard.open_executions(), 5_000);
    world.crash();
    assert_eq!(world.shard.open_executions(), 5_000);
    world.shard.set_quotas(quotas(5_000));
    let refused = world.ask("StartExecution", &start_body("m", "more", "{}"));
    assert!(refused.contains("ExecutionLimitExceeded"), "{refused}");
    // The same start again is the one that runs.
    let same = world.ask("StartExecution", &start_body("m", "e7", "{}"));
    assert!(same.starts_with('{'), "{same}");
    let stop = json!({ "executionArn": execution_arn("m", "e7") });
    world.ask("StopExecution", &stop.to_string());
    world.start("m", "more", "{}");
    assert_eq!(world.shard.open_executions(), 5_000);
    let redrive = world.ask("RedriveExecution", &stop.to_string());
    assert!(redrive.contains("ExecutionLimitExceeded"), "{redrive}");
    world.wait_ms(60_000);
    assert_eq!(world.shard.open_executions(), 0);
    world.crash();
    assert_eq!(world.shard.open_executions(), 0);
}

#[test]
fn machines_and_activities_are_counted_and_one_that_goes_makes_room() {
    let mut world = World::new();
    world.create("a", "STANDARD", WAIT);
    world.shard.set_quotas(Quotas {
        state_machines: 2,
        activities: 1,
        ..Quotas::default()
    });
    world.create("b", "STANDARD", WAIT);
    world.create("b", "STANDARD", WAIT);
    let role = "arn:aws:iam::123456789012:role/r";
    let third = json!({ "name": "c", "definition": WAIT, "roleArn": role }).to_string();
    let refused = world.ask("CreateStateMachine", &third);
    assert!(refused.contains("StateMachineLimitExceeded"), "{refused}");
    let gone = json!({ "stateMachineArn": crate::world::machine_arn("a") });
    world.ask("DeleteStateMachine", &gone.to_string());
    world.tick();
    world.create("c", "STANDARD", WAIT);

    world.ask("CreateActivity", r#"{"name":"one"}"#);
    let refused = world.ask("CreateActivity", r#"{"name":"two"}"#);
    assert!(refused.contains("ActivityLimitExceeded"), "{refused}");
    let gone = json!({ "activityArn": crate::world::activity_arn("one") });
    world.ask("DeleteActivity", &gone.to_string());
    let taken = world.ask("CreateActivity", r#"{"name":"two"}"#);
    assert!(taken.starts_with('{'), "{taken}");
}

/// Calls of functions that one tick and its commit release.
fn calls_of_a_tick(world: &mut World) -> usize {
    let now = world.now();
    world.shard.tick(now);
    let committed = world.shard.commit().expect("it commits");
    let calls = committed.effects.iter();
    calls
        .filter(|effect| matches!(effect, Effect::InvokeFunction(_)))
        .count()
}

#[test]
fn what_is_due_at_once_is_spread_over_ticks() {
    let mut world = World::new();
    world.create("m", "STANDARD", WAIT_THEN_TASK);
    start_many(&mut world, 3_000);
    world.now_ms += 60_000;
    let mut left = 3_000;
    while left > 0 {
        let released = calls_of_a_tick(&mut world);
        assert!((1..=1_024).contains(&released), "{released} of {left}");
        left -= released;
    }
    assert_eq!(calls_of_a_tick(&mut world), 0);
}

/// A machine of one Distributed Map, whose children have one state.
fn map_of(state: &str) -> String {
    format!(
        r#"{{"StartAt":"M","States":{{"M":{{"Type":"Map","Label":"l","End":true,"ItemProcessor":{{
            "ProcessorConfig":{{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"}},"StartAt":"S","States":{{"S":{state}}}}}}}}}}}"#
    )
}

/// Map runs that have begun, and those that wait before that.
fn open_map_runs(world: &World) -> (u64, u64) {
    let counted = world.reader().open_map_runs().expect("it is readable");
    (counted.begun, counted.backlogged)
}

#[test]
fn map_runs_are_counted_while_they_go_on_and_apart_while_they_wait() {
    let mut world = World::new();
    world.create(
        "map",
        "STANDARD",
        &map_of(r#"{"Type":"Wait","Seconds":60,"End":true}"#),
    );
    assert_eq!(open_map_runs(&world), (0, 0));
    world.shard.hold_back(true);
    world.start("map", "first", "[1,2]");
    world.start("map", "second", "[1]");
    assert_eq!(open_map_runs(&world), (0, 2));
    world.shard.hold_back(false);
    world.tick();
    assert_eq!(open_map_runs(&world), (2, 0));
    world.crash();
    assert_eq!(open_map_runs(&world), (2, 0));
    let stop = json!({ "executionArn": execution_arn("map", "first") });
    world.ask("StopExecution", &stop.to_string());
    world.tick();
    assert_eq!(open_map_runs(&world), (1, 0));

    // A redriven one waits again before it looks at its children.
    world.shard.hold_back(true);
    world.ask("RedriveExecution", &stop.to_string());
    assert_eq!(open_map_runs(&world), (1, 1));
    world.shard.hold_back(false);
    world.tick();
    assert_eq!(open_map_runs(&world), (2, 0));
}

#[test]
fn who_holds_back_begins_no_children_and_few_timers() {
    let mut world = World::new();
    world.create("m", "STANDARD", WAIT_THEN_TASK);
    let call = r#"{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","End":true}"#;
    world.create("map", "STANDARD", &map_of(call));
    start_many(&mut world, 300);
    world.now_ms += 60_000;
    world.shard.hold_back(true);
    world.start("map", "e", "[1,2,3]");
    let released: Vec<usize> = (0..4).map(|_| calls_of_a_tick(&mut world)).collect();
    assert_eq!(released, [128, 128, 44, 0]);
    // Nobody is woken for what is held back.
    assert!(
        world
            .shard
            .next_deadline()
            .is_none_or(|due| due > world.now())
    );
    world.shard.hold_back(false);
    assert_eq!(calls_of_a_tick(&mut world), 3);
}
