//! What follows from a change of state of an alarm.

use serde_json::{Value, json};
use stepwell_service::{AlarmAction, AlarmEvent, AlarmTransition, Request};
use stepwell_store::Fault;

use crate::events::{ask, inputs, target};
use crate::world::{World, answer_text, machine_arn};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const ARN: &str = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders";

/// The transition with a number, its event and an action for machine `m` and one for nothing that there is.
fn transition(number: u64) -> Request {
    Request::TakeTransition(Box::new(AlarmTransition {
        store: 7,
        number,
        alarm_arn: ARN.to_string(),
        at_ms: 1_700_000_000_123,
        event: Some(AlarmEvent {
            id: format!("event-{number}"),
            detail_type: "CloudWatch Alarm State Change".to_string(),
            detail: json!({ "alarmName": "orders", "state": { "value": "ALARM" } }),
        }),
        actions: vec![
            AlarmAction {
                target: machine_arn("m"),
                payload: json!({ "number": number }).to_string(),
            },
            AlarmAction {
                target: "arn:aws:ec2:us-east-1:123456789012:instance/i".to_string(),
                payload: "{}".to_string(),
            },
        ],
    }))
}

/// A world with machine `m`, and machine `r` behind a rule for alarms.
fn world() -> World {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    world.create("r", "STANDARD", PASS);
    let pattern = r#"{"source": ["aws.cloudwatch"], "detail": {"state": {"value": ["ALARM"]}}}"#;
    let rule = json!({ "Name": "alarms", "EventPattern": pattern });
    assert!(ask(&mut world, "PutRule", rule).starts_with('{'));
    let put = json!({ "Rule": "alarms", "Targets": [target("t", "r")] });
    assert!(ask(&mut world, "PutTargets", put).starts_with('{'));
    world
}

const SAID: &str =
    r#"[null,"Stepwell does not deliver to arn:aws:ec2:us-east-1:123456789012:instance/i"#;

#[test]
fn a_transition_starts_its_action_and_reaches_rules() {
    let mut world = world();
    let said = answer_text(world.send(transition(1)).expect("answered at once"));
    assert!(said.starts_with(SAID), "{said}");
    world.tick();
    world.tick();
    assert_eq!(inputs(&mut world, "m"), [json!({ "number": 1 })]);
    assert_eq!(
        inputs(&mut world, "r"),
        [json!({
            "version": "0", "id": "event-1", "detail-type": "CloudWatch Alarm State Change",
            "source": "aws.cloudwatch", "account": "123456789012", "time": "2023-11-14T22:13:20Z",
            "region": "us-east-1", "resources": [ARN],
            "detail": { "alarmName": "orders", "state": { "value": "ALARM" } },
        })]
    );
}

/// INVARIANT: whatever crashes, and however often a transition is handed over, its action starts once.
#[test]
fn a_transition_that_is_handed_over_again_changes_nothing() {
    for fault in [None, Some(Fault::BeforeWrite), Some(Fault::AfterWrite)] {
        let mut world = world();
        world.apply(transition(1));
        if let Some(fault) = fault {
            world.disk.fail(fault, 0);
            assert!(world.try_commit().is_err());
        }
        world.crash();
        for _ in 0..3 {
            let said = answer_text(world.send(transition(1)).expect("answered at once"));
            assert!(said.starts_with(SAID), "{said}");
            world.tick();
            world.crash();
        }
        answer_text(world.send(transition(2)).expect("answered at once"));
        world.tick();
        world.tick();
        let numbers: Vec<Value> = inputs(&mut world, "m");
        let expected = [json!({ "number": 1 }), json!({ "number": 2 })];
        assert!(
            numbers.len() == 2 && expected.iter().all(|one| numbers.contains(one)),
            "{fault:?}: {numbers:?}"
        );
        assert_eq!(inputs(&mut world, "r").len(), 2, "{fault:?}");
    }
}
