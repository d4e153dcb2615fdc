//! A crash at every commit.

use super::*;

/// Two events, a task that sends one, and a delivery to a state machine; each function fails once.
fn run(cut: Option<(u64, Option<Fault>)>) -> (BTreeMap<String, u32>, u64, String) {
    let mut world = World::on(&Disk::new(), LostTask::Fail);
    create(&mut world, "f");
    configure(
        &mut world,
        json!({ "FunctionName": "f", "DestinationConfig": { "OnSuccess": { "Destination": TOPIC } } }),
    );
    world.create(
        "sender",
        "STANDARD",
        r#"{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"arn:aws:states:::lambda:invoke",
        "Parameters":{"FunctionName":"f","InvocationType":"Event","Payload":"task"},"End":true}}}"#,
    );
    world.create(
        "m",
        "STANDARD",
        r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
    );
    let mut commits = 0;
    let mut commit = |world: &mut World| {
        commits += 1;
        let (at, fault) = cut.unwrap_or((0, None));
        if let Some(fault) = fault.filter(|_| at == commits) {
            world.disk.fail(fault, 0);
        }
        let is_done = world.try_commit().is_ok();
        if at == commits {
            world.crash();
        }
        is_done
    };
    let start = crate::world::change(
        "StartExecution",
        &crate::world::start_body("sender", "e", "{}"),
    );
    // A client repeats what was not acknowledged; a start with the same name is the same execution.
    let mut requests = vec![
        event("f", "\"one\""),
        Request::Deliver(Box::new(delivery(&machine_arn("m")))),
    ];
    requests.push(start.expect("decodes").expect("changes"));
    for request in requests {
        let repeated = format!("{request:?}");
        world.apply(request);
        if !commit(&mut world) {
            let again = match repeated.as_str() {
                text if text.starts_with("TakeEvent") => event("f", "\"one\""),
                text if text.starts_with("Deliver") => {
                    Request::Deliver(Box::new(delivery(&machine_arn("m"))))
                }
                _ => crate::world::change(
                    "StartExecution",
                    &crate::world::start_body("sender", "e", "{}"),
                )
                .expect("decodes")
                .expect("changes"),
            };
            world.apply(again);
            commit(&mut world);
        }
    }
    let mut successes: BTreeMap<String, u32> = BTreeMap::new();
    let mut seen: BTreeMap<u64, u32> = BTreeMap::new();
    for _ in 0..1_000 {
        if let Some(call) = world.deliveries.first() {
            let number = call.number;
            let attempt = seen.entry(number).or_default();
            *attempt += 1;
            let outcome = match &call.action {
                DeliveryAction::Send(_) | DeliveryAction::Call(_) => {
                    *successes.entry(call.target.clone()).or_default() += 1;
                    DeliveryOutcome::Delivered
                }
                DeliveryAction::Invoke { .. } if *attempt == 1 => failure(),
                DeliveryAction::Invoke { .. } => {
                    *successes
                        .entry(call.payload.text().to_string())
                        .or_default() += 1;
                    reply("1", None)
                }
            };
            world.deliveries.remove(0);
            world.apply(Request::EndDelivery { number, outcome });
        } else if let Some(due) = world.shard.next_deadline() {
            world.now_ms = world.now_ms.max(due.as_millis());
            world.shard.tick(world.now());
        } else {
            break;
        }
        commit(&mut world);
    }
    assert!(is_over(&world), "{cut:?}: {:?}", world.kinds());
    let body = json!({ "stateMachineArn": machine_arn("m") }).to_string();
    let list: Value = serde_json::from_str(&world.ask("ListExecutions", &body)).expect("a list");
    let started = list["executions"].as_array().expect("executions").len();
    let sender = world.describe("sender", "e")["status"].to_string();
    (successes, commits, format!("{started} {sender}"))
}

#[test]
fn a_crash_at_any_commit_loses_no_delivery() {
    let (whole, commits, state) = run(None);
    let expected = [("\"one\"", 1), ("\"task\"", 1), (TOPIC, 2)];
    assert_eq!(
        whole,
        expected
            .map(|(name, count)| (name.to_string(), count))
            .into()
    );
    assert_eq!(state, "1 \"SUCCEEDED\"");
    assert!(commits > 10, "{commits}");
    for at in 1..=commits {
        for fault in [None, Some(Fault::BeforeWrite), Some(Fault::AfterWrite)] {
            let (successes, _, state) = run(Some((at, fault)));
            for (name, count) in &whole {
                let seen = successes.get(name).copied().unwrap_or(0);
                // At least once; and no more than once again for the one crash.
                assert!(
                    (*count..=count + 1).contains(&seen),
                    "{name}: {seen} after {fault:?} at commit {at}"
                );
            }
            // What the shard does by itself is done once, unless a client had to ask again for what was in doubt.
            let (started, sender) = state.split_once(' ').expect("two parts");
            assert_eq!(sender, "\"SUCCEEDED\"", "{fault:?} at commit {at}");
            let is_asked_again = at == 2 && fault == Some(Fault::AfterWrite);
            assert_eq!(
                started,
                if is_asked_again { "2" } else { "1" },
                "{fault:?} at commit {at}"
            );
        }
    }
}
