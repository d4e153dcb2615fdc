//! Rules, and alarms that watch alarms.

use expect_test::{Expect, expect};
use stepwell_api::cloudwatch::{DeleteAlarmsInput, DescribeAlarmsInput, SetAlarmStateInput};
use stepwell_telemetry::alarms::{Rule as AlarmRule, StateValue};

use super::world::{MACHINE, World, alarm, composite};

/// Whether a rule holds where `a` is in ALARM, `o` and `o p` are OK and `i` has too little data.
fn holds(rule: &str) -> String {
    let state_of = |name: &str| match name {
        "a" | "arn:aws:cloudwatch:us-east-1:1:alarm:a" => Some(StateValue::Alarm),
        "o" | "o p" | "q\"(" => Some(StateValue::Ok),
        "i" => Some(StateValue::InsufficientData),
        _ => None,
    };
    let said = match AlarmRule::parse(rule) {
        Ok(parsed) => parsed.holds(&state_of).to_string(),
        Err(malformed) => malformed.to_string(),
    };
    format!("{rule}: {said}")
}

fn check(rules: &[&str], expected: Expect) {
    let lines: Vec<String> = rules.iter().map(|rule| holds(rule)).collect();
    expected.assert_eq(&lines.join("\n"));
}

#[test]
fn rules_mean_what_the_guide_says() {
    check(
        &[
            "TRUE",
            "FALSE",
            "true and not false",
            "ALARM(a)",
            "ALARM(\"a\") AND OK(\"o p\")",
            "ALARM(o) OR INSUFFICIENT_DATA(i)",
            "ALARM(a) OR ALARM(o) AND ALARM(o)",
            "(ALARM(a) OR ALARM(o)) AND ALARM(o)",
            "NOT ALARM(a) OR NOT NOT OK(o)",
            "ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:a)",
            "OK(\"q\\\"(\")",
            "ALARM(nobody) OR NOT OK(nobody)",
            "AT_LEAST(2, ALARM, (a, o, i))",
            "AT_LEAST(2, NOT ALARM, (a, o, i))",
            "AT_LEAST(50%, OK, (a, o))",
            "AT_LEAST(\"51%\", OK, (a, o))",
            "AT_LEAST(1,ALARM,(\"a\",\"o p\")) AND TRUE",
        ],
        expect![[r#"
            TRUE: true
            FALSE: false
            true and not false: true
            ALARM(a): true
            ALARM("a") AND OK("o p"): true
            ALARM(o) OR INSUFFICIENT_DATA(i): true
            ALARM(a) OR ALARM(o) AND ALARM(o): true
            (ALARM(a) OR ALARM(o)) AND ALARM(o): false
            NOT ALARM(a) OR NOT NOT OK(o): true
            ALARM(arn:aws:cloudwatch:us-east-1:1:alarm:a): true
            OK("q\"("): true
            ALARM(nobody) OR NOT OK(nobody): true
            AT_LEAST(2, ALARM, (a, o, i)): false
            AT_LEAST(2, NOT ALARM, (a, o, i)): true
            AT_LEAST(50%, OK, (a, o)): true
            AT_LEAST("51%", OK, (a, o)): false
            AT_LEAST(1,ALARM,("a","o p")) AND TRUE: true"#]],
    );
}

#[test]
fn a_malformed_rule_says_where_and_what_is_expected() {
    check(
        &[
            "ALARM(a) AND",
            "ALARM a",
            "ALARM()",
            "ALARM(a",
            "ALARM(\"a)",
            "ALARM(a) ALARM(o)",
            "BROKEN(a)",
            "()",
            "AT_LEAST(x, ALARM, (a))",
            "AT_LEAST(101%, ALARM, (a))",
            "AT_LEAST(1, BROKEN, (a))",
            "",
        ],
        expect![[r#"
            ALARM(a) AND: ALARM(...), OK(...), INSUFFICIENT_DATA(...), AT_LEAST(...), TRUE, FALSE, NOT or ( is expected at character 13
            ALARM a: ( is expected at character 7
            ALARM(): the name of an alarm is expected at character 7
            ALARM(a: ) is expected at character 8
            ALARM("a): a closing quote is expected at character 10
            ALARM(a) ALARM(o): AND, OR or the end is expected at character 10
            BROKEN(a): ALARM(...), OK(...), INSUFFICIENT_DATA(...), AT_LEAST(...), TRUE, FALSE, NOT or ( is expected at character 1
            (): ALARM(...), OK(...), INSUFFICIENT_DATA(...), AT_LEAST(...), TRUE, FALSE, NOT or ( is expected at character 2
            AT_LEAST(x, ALARM, (a)): a number or a percentage is expected at character 10
            AT_LEAST(101%, ALARM, (a)): a percentage of at most 100 before this is expected at character 14
            AT_LEAST(1, BROKEN, (a)): ALARM, OK or INSUFFICIENT_DATA is expected at character 13
            : ALARM(...), OK(...), INSUFFICIENT_DATA(...), AT_LEAST(...), TRUE, FALSE, NOT or ( is expected at character 1"#]],
    );
}

#[test]
fn a_rule_has_bounds() {
    let names: Vec<String> = (0..101).map(|n| format!("ALARM(n{n})")).collect();
    let said = AlarmRule::parse(&names.join(" OR ")).expect_err("too many");
    assert_eq!(
        said.to_string(),
        "it names 101 alarms, and at most 100 are allowed"
    );
    let nested = format!("{}TRUE{}", "(".repeat(501), ")".repeat(501));
    let said = AlarmRule::parse(&nested).expect_err("too deep");
    assert_eq!(said.to_string(), "it has more than 500 elements");
    assert!(AlarmRule::parse(&format!("{} TRUE", "NOT ".repeat(2_500))).is_ok());
}

fn world() -> World {
    let mut world = World::new();
    world.put(alarm("cpu")).expect("valid");
    world.put(alarm("disk")).expect("valid");
    world.seconds(20);
    world
}

fn set(world: &mut World, name: &str, value: &str) {
    let input = SetAlarmStateInput {
        alarm_name: name.to_owned(),
        state_value: value.to_owned(),
        state_reason: "test".to_owned(),
        state_reason_data: None,
    };
    world
        .alarms
        .set_alarm_state(input, world.now_ms)
        .expect("the alarm is there");
    world.commit();
    world.hand_over();
}

#[test]
fn a_composite_alarm_follows_the_alarms_of_its_rule() {
    let mut world = world();
    let mut both = composite("both", "ALARM(cpu) AND ALARM(disk)");
    both.alarm_actions = Some(vec![MACHINE.to_owned()]);
    world.put_composite(both).expect("valid");
    world
        .put_composite(composite("above", "NOT OK(both)"))
        .expect("valid");
    assert_eq!(world.state("both"), StateValue::InsufficientData);
    world.seconds(2);
    assert_eq!(world.state("both"), StateValue::Ok);
    set(&mut world, "cpu", "ALARM");
    assert_eq!(world.state("both"), StateValue::Ok);
    assert!(world.actions().is_empty());
    set(&mut world, "disk", "ALARM");
    assert_eq!(world.state("both"), StateValue::Alarm);
    assert_eq!(world.state("above"), StateValue::Alarm);
    assert_eq!(world.actions(), [MACHINE]);
    let alarm = world
        .alarms
        .describe_alarms(&DescribeAlarmsInput {
            alarm_names: Some(vec!["both".to_owned()]),
            alarm_types: Some(vec!["CompositeAlarm".to_owned()]),
            ..DescribeAlarmsInput::default()
        })
        .expect("valid");
    let alarm = alarm
        .composite_alarms
        .into_iter()
        .flatten()
        .next()
        .expect("one");
    expect![[r#"
        arn:aws:cloudwatch:us-east-1:123456789012:alarm:disk transitioned to ALARM at Tuesday 14 November, 2023 22:14:22 UTC
        {"triggeringAlarms":[{"arn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:disk","state":{"value":"ALARM","timestamp":"2023-11-14T22:14:22.000+0000"}}]}"#]]
    .assert_eq(&format!(
        "{}\n{}",
        alarm.state_reason.unwrap_or_default(),
        alarm.state_reason_data.unwrap_or_default()
    ));
    // The next evaluation takes the set states back.
    world.seconds(20);
    assert_eq!(world.state("both"), StateValue::Ok);
    assert_eq!(world.state("above"), StateValue::Ok);
    expect![[r#"
        Alarm "both" created
        Alarm updated from INSUFFICIENT_DATA to OK
        Alarm updated from OK to ALARM
        Successfully executed action arn:aws:states:us-east-1:123456789012:stateMachine:on-alarm
        Alarm updated from ALARM to OK"#]]
    .assert_eq(&world.history("both").join("\n"));
}

#[test]
fn what_a_rule_must_not_name_is_refused() {
    let mut world = world();
    let said = world
        .put_composite(composite("c", "ALARM(cpu) OR OK(gone) OR OK(\"no one\")"))
        .expect_err("children are missing");
    assert_eq!(
        said.message,
        "Could not save the composite alarm as alarms [gone, no one] in the alarm rule do not exist"
    );
    let said = world
        .put_composite(composite("c", "ALARM(cpu"))
        .expect_err("malformed");
    assert_eq!(
        said.message,
        "AlarmRule ALARM(cpu is not valid: ) is expected at character 10"
    );
    for number in 0..150 {
        world
            .put_composite(composite(&format!("c{number}"), "ALARM(cpu)"))
            .expect("valid");
    }
    let said = world
        .put_composite(composite("c150", "ALARM(cpu)"))
        .expect_err("too many");
    assert_eq!(
        said.message,
        "The alarm cpu is watched by 150 composite alarms, and at most 150 are allowed"
    );
    // An update of one of them is none more.
    world
        .put_composite(composite("c0", "OK(cpu)"))
        .expect("valid");
}

/// AWS: a cycle can be made; evaluation stops there, and no alarm of it can be deleted until it is broken.
#[test]
fn a_cycle_ends_evaluation_and_holds_its_alarms() {
    let mut world = world();
    world.put_composite(composite("a", "TRUE")).expect("valid");
    world
        .put_composite(composite("b", "ALARM(a)"))
        .expect("valid");
    world
        .put_composite(composite("a", "NOT ALARM(b) OR ALARM(cpu)"))
        .expect("valid");
    world.seconds(10);
    set(&mut world, "cpu", "ALARM");
    // `b` follows `a`; that `a` would follow `b` is not evaluated again.
    assert_eq!(world.state("a"), StateValue::Alarm);
    assert_eq!(world.state("b"), StateValue::Alarm);
    let delete = |world: &mut World, name: &str| {
        let input = DeleteAlarmsInput {
            alarm_names: vec![name.to_owned()],
        };
        let done = world.alarms.delete_alarms(&input, world.now_ms);
        world.commit();
        done
    };
    for name in ["a", "b", "cpu"] {
        let said = delete(&mut world, name).expect_err("it is depended on");
        assert_eq!(
            said.message,
            format!("Cannot delete {name} as there are composite alarm(s) depending on it.")
        );
    }
    world.put_composite(composite("a", "FALSE")).expect("valid");
    for name in ["b", "a", "cpu"] {
        delete(&mut world, name).expect("nothing depends on it");
    }
}

/// A composite alarm with a suppressor: waits two minutes for it, and a minute after it.
fn suppressed() -> World {
    let mut world = World::new();
    world.put(alarm("cpu")).expect("valid");
    world.put(alarm("maintenance")).expect("valid");
    let mut input = composite("service", "ALARM(cpu)");
    input.alarm_actions = Some(vec!["http://127.0.0.1:9/alarm".to_owned()]);
    input.ok_actions = Some(vec!["http://127.0.0.1:9/ok".to_owned()]);
    input.actions_suppressor = Some("maintenance".to_owned());
    input.actions_suppressor_wait_period = Some(120);
    input.actions_suppressor_extension_period = Some(60);
    world.put_composite(input).expect("valid");
    world.seconds(200);
    assert_eq!(world.state("service"), StateValue::Ok);
    world.taken.clear();
    world
}

/// Keeps the state of an alarm for some seconds against its evaluation.
fn hold(world: &mut World, metric: &str, seconds: i64) {
    for _ in 0..seconds / 5 {
        world.value(metric, 9.0);
        world.seconds(5);
    }
}

#[test]
fn actions_wait_for_the_suppressor_and_are_executed_when_it_does_not_come() {
    let mut world = suppressed();
    hold(&mut world, "cpu", 60);
    assert_eq!(world.state("service"), StateValue::Alarm);
    assert!(world.actions().is_empty());
    let event = world.taken.iter().find(|taken| taken.alarm == "service");
    let event = event
        .and_then(|taken| taken.event.as_ref())
        .expect("an event");
    assert_eq!(event.detail["state"]["actionsSuppressedBy"], "WaitPeriod");
    hold(&mut world, "cpu", 90);
    assert_eq!(world.actions(), ["http://127.0.0.1:9/alarm"]);
    let sent = world.taken.iter().find(|taken| !taken.actions.is_empty());
    let sent = &sent.expect("an action").actions[0];
    let sent: serde_json::Value = serde_json::from_str(&sent.payload).expect("JSON");
    assert_eq!(sent["detail"]["state"]["value"], "ALARM");
    assert_eq!(sent["detail"]["previousState"]["value"], "ALARM");
    assert_eq!(
        sent["detail"]["previousState"]["actionsSuppressedReason"],
        "Actions suppressed by WaitPeriod"
    );
}

#[test]
fn actions_are_not_executed_while_the_suppressor_is_in_alarm_and_after_it() {
    let mut world = suppressed();
    hold(&mut world, "maintenance", 30);
    assert_eq!(world.state("maintenance"), StateValue::Alarm);
    for _ in 0..60 {
        world.value("maintenance", 9.0);
        world.value("cpu", 9.0);
        world.seconds(5);
    }
    assert_eq!(world.state("service"), StateValue::Alarm);
    assert!(world.actions().is_empty());
    // The suppressor leaves ALARM; the alarm is still there when the extension ends.
    let mut ended = None;
    for step in 0..40 {
        world.value("cpu", 9.0);
        world.seconds(5);
        if world.state("maintenance") == StateValue::Ok && ended.is_none() {
            ended = Some(step);
        }
        let has_acted = !world.actions().is_empty();
        let since = ended.map_or(0, |ended| (step - ended) * 5);
        assert_eq!(
            has_acted,
            since >= 60,
            "{since} seconds after the suppressor"
        );
    }
    assert_eq!(world.actions(), ["http://127.0.0.1:9/alarm"]);
}

/// A state that came and went while actions waited is none that anybody was told of.
#[test]
fn an_alarm_that_is_over_before_the_wait_ends_executes_nothing() {
    let mut world = suppressed();
    hold(&mut world, "cpu", 20);
    assert_eq!(world.state("service"), StateValue::Alarm);
    world.seconds(400);
    assert_eq!(world.state("service"), StateValue::Ok);
    assert!(world.actions().is_empty());
}

/// Each change of an alarm is one event, however many ways lead to it.
#[test]
fn an_alarm_over_a_diamond_changes_once() {
    let mut world = world();
    for (name, rule) in [
        // The longer way has the name that comes first.
        ("a", "ALARM(z)"),
        ("b", "ALARM(cpu)"),
        ("z", "ALARM(cpu)"),
        ("glitch", "ALARM(b) AND NOT ALARM(a)"),
        ("any", "ALARM(b) OR ALARM(a) OR ALARM(cpu)"),
    ] {
        if name == "a" {
            world.put_composite(composite("z", "FALSE")).expect("valid");
        }
        world.put_composite(composite(name, rule)).expect("valid");
    }
    world.seconds(2);
    world.taken.clear();
    set(&mut world, "cpu", "ALARM");
    set(&mut world, "cpu", "OK");
    let changed: Vec<&str> = world
        .taken
        .iter()
        .map(|taken| taken.alarm.as_str())
        .collect();
    let once = ["cpu", "z", "a", "b", "any"];
    assert_eq!(changed, [once, once].concat());
}

/// Alarms over alarms as deep as their number allows, and more changes than may wait for the shard.
#[test]
fn a_long_chain_changes_to_its_end_and_waits_for_room() {
    const LENGTH: usize = 4_000;
    let mut world = world();
    world.hand_over();
    let mut below = "cpu".to_owned();
    for number in 0..LENGTH {
        let name = format!("c{number:04}");
        let rule = format!("ALARM({below})");
        world
            .alarms
            .put_composite_alarm(composite(&name, &rule), world.now_ms)
            .expect("valid");
        below = name;
    }
    world.seconds(2);
    let set = |world: &mut World, value: &str| {
        let input = SetAlarmStateInput {
            alarm_name: "cpu".to_owned(),
            state_value: value.to_owned(),
            state_reason: "test".to_owned(),
            state_reason_data: None,
        };
        world.alarms.set_alarm_state(input, world.now_ms)
    };
    set(&mut world, "ALARM").expect("there is room");
    assert_eq!(world.state(&below), StateValue::Alarm);
    set(&mut world, "OK").expect("there is room");
    assert_eq!(world.state(&below), StateValue::Ok);
    // The third change finds room for some of the chain: the rest goes on when the shard has taken what waits.
    set(&mut world, "ALARM").expect("there is room");
    assert_eq!(world.state("c1000"), StateValue::Alarm);
    assert_eq!(world.state(&below), StateValue::Ok);
    assert_eq!(world.alarms.next_due(), None);
    set(&mut world, "OK").expect_err("there is no room");
    world.commit();
    world.hand_over();
    assert_eq!(world.alarms.next_due(), Some(world.now_ms));
    world.tick();
    assert_eq!(world.state(&below), StateValue::Alarm);
    world.hand_over();
    let of_last = world.taken.iter().filter(|taken| taken.alarm == below);
    assert_eq!(of_last.count(), 4, "OK at first, then three changes");
}
