//! How much waits, and how much is being made.

use super::*;

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
