//! Timers: every wait ends exactly once, at its instant, however many there are.

use std::collections::BTreeMap;

use stepwell_engine::Details;
use stepwell_service::Request;

use crate::world::{START_MS, World, change, start_body};

/// More than twice the timers that a shard keeps in memory.
const MANY: u64 = 20_000;

const WAIT: &str = r#"{"StartAt":"W","States":{"W":{"Type":"Wait","SecondsPath":"$","End":true}}}"#;

/// Starts `count` executions that wait `seconds(n)` each, and goes from deadline to deadline until nothing
/// is due any more; `reopen(n)` says before which of these steps the process dies.
fn every_wait_ends_once(count: u64, seconds: impl Fn(u64) -> u64, reopen: impl Fn(u64) -> bool) {
    let mut world = World::new();
    world.create("m", "STANDARD", WAIT);
    for number in 0..count {
        world.apply(start(number, seconds(number)));
        if number % 1_000 == 0 {
            world.commit();
        }
    }
    world.commit();
    world.events.clear();
    let mut steps = 0;
    while let Some(due) = world.shard.next_deadline() {
        steps += 1;
        assert!(steps < 200_000, "the shard asks to be woken without end");
        if reopen(steps) {
            world.crash();
        }
        let early = due.as_millis() - 1;
        if early > world.now_ms {
            world
                .shard
                .tick(stepwell_service::Timestamp::from_millis(early));
            assert!(
                world.commit().events.is_empty(),
                "something ended before its deadline"
            );
        }
        world.now_ms = world.now_ms.max(due.as_millis());
        world.shard.tick(world.now());
        world.commit();
    }
    let mut ended = BTreeMap::new();
    for (arn, events) in &world.events {
        let exits = events
            .iter()
            .filter(|event| matches!(event.details, Details::StateExited { .. }));
        let times: Vec<i64> = exits.map(|event| event.timestamp_ms).collect();
        ended.insert(
            arn.rsplit(":e")
                .next()
                .and_then(|number| number.parse::<u64>().ok())
                .expect("a name"),
            times,
        );
    }
    for number in 0..count {
        let due = START_MS + i64::try_from(seconds(number) * 1_000).expect("a short time");
        assert_eq!(ended.get(&number), Some(&vec![due]), "execution {number}");
    }
    assert_eq!(world.kinds().get(&10), None, "no timer row is left");
    assert_eq!(world.kinds().get(&5), None, "no frame row is left");
}

fn start(number: u64, seconds: u64) -> Request {
    let body = start_body("m", &format!("e{number}"), &seconds.to_string());
    change("StartExecution", &body)
        .expect("decodes")
        .expect("changes")
}

#[test]
fn more_waits_than_memory_holds_may_end_in_one_millisecond() {
    every_wait_ends_once(MANY, |_| 60, |_| false);
}

#[test]
fn waits_of_one_millisecond_survive_reopening() {
    every_wait_ends_once(MANY, |_| 60, |step| step % 5 == 1);
}

#[test]
fn waits_of_many_lengths_end_in_order() {
    // Long ones first, then short ones: the window in memory has to give way.
    every_wait_ends_once(MANY, |number| 1 + (MANY - number) * 7_919 % 997, |_| false);
}

#[test]
fn waits_of_many_lengths_survive_reopening() {
    every_wait_ends_once(
        MANY,
        |number| 1 + number * 7_919 % 97,
        |step| step % 10 == 1,
    );
}

#[test]
fn a_caller_waits_for_one_tick_however_many_waits_end_at_once() {
    const DUE_PER_TICK_MAX: usize = 256;
    let mut world = World::new();
    world.create("m", "STANDARD", WAIT);
    for number in 0..1_000 {
        world.apply(start(number, 60));
    }
    world.commit();
    world.now_ms += 60_000;
    let mut ended = 0;
    for number in 1_000..1_004 {
        let id = world.apply(start(number, 600));
        world.shard.tick(world.now());
        let committed = world.commit();
        let answered = committed
            .answers
            .iter()
            .any(|(answered, _)| *answered == id);
        assert!(
            answered,
            "a start is answered with the tick that it came before"
        );
        let over = committed.events.len() - 1;
        assert!((1..=DUE_PER_TICK_MAX).contains(&over), "{over}");
        ended += over;
    }
    assert_eq!(ended, 1_000);
}

#[test]
fn a_shard_that_slept_too_long_catches_up() {
    let mut world = World::new();
    world.create("m", "STANDARD", WAIT);
    for number in 0..3_000 {
        world.apply(start(number, 1 + number % 60));
    }
    world.commit();
    world.events.clear();
    world.crash();
    world.wait_ms(3_600_000);
    assert_eq!(world.events.len(), 3_000);
    assert_eq!(world.shard.next_deadline(), None);
}

#[test]
fn a_timer_that_moves_is_forgotten_where_it_was() {
    let machine = r#"{"StartAt":"P","States":{"P":{"Type":"Parallel","End":true,"Branches":[
        {"StartAt":"A","States":{"A":{"Type":"Wait","Seconds":10,"Next":"B"},"B":{"Type":"Wait","Seconds":100,"End":true}}},
        {"StartAt":"C","States":{"C":{"Type":"Task","Resource":"arn:aws:lambda:us-east-1:123456789012:function:f","TimeoutSeconds":5,"End":true}}}]}}}"#;
    let mut world = World::new();
    world.create("m", "STANDARD", machine);
    world.start("m", "e", "{}");
    let due = |world: &World| {
        world
            .shard
            .next_deadline()
            .map(|due| (due.as_millis() - START_MS) / 1_000)
    };
    assert_eq!(due(&world), Some(5));
    world.complete(stepwell_service::TaskOutcome::Succeeded(
        stepwell_service::Payload::from_text("1"),
    ));
    assert_eq!(due(&world), Some(10), "the time-out is gone");
    world.crash();
    world.wait_ms(10_000);
    assert_eq!(due(&world), Some(110));
    assert_eq!(
        world.kinds().get(&10),
        Some(&1),
        "one timer row an execution"
    );
    world.ask(
        "StopExecution",
        &format!(
            r#"{{"executionArn": "{}"}}"#,
            crate::world::execution_arn("m", "e")
        ),
    );
    assert_eq!(due(&world), None);
    assert_eq!(world.kinds().get(&10), None);
}
