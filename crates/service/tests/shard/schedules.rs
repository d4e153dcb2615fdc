//! EventBridge Scheduler: when schedules are due, what crashes and pauses do, what targets get.

use serde_json::{Value, json};
use stepwell_api::scheduler;
use stepwell_service::{LostTask, Request, SchedulerRequest, Timestamp};
use stepwell_store::{Disk, Fault};

use crate::events::{ask as ask_events, inputs};
use crate::world::{World, answer_text, machine_arn};

const PASS: &str = r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#;
const ROLE: &str = "arn:aws:iam::123456789012:role/r";
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;

fn request(operation: &str, input: Value) -> Request {
    fn read<T: serde::de::DeserializeOwned>(input: Value) -> T {
        serde_json::from_value(input).expect("an input")
    }
    Request::Scheduler(match operation {
        "CreateSchedule" => SchedulerRequest::CreateSchedule(Box::new(read(input))),
        "UpdateSchedule" => SchedulerRequest::UpdateSchedule(Box::new(read(input))),
        "DeleteSchedule" => SchedulerRequest::DeleteSchedule(read(input)),
        "CreateScheduleGroup" => SchedulerRequest::CreateScheduleGroup(read(input)),
        "DeleteScheduleGroup" => SchedulerRequest::DeleteScheduleGroup(read(input)),
        other => panic!("{other} is not an operation of this script"),
    })
}

pub fn ask(world: &mut World, operation: &str, input: Value) -> String {
    let answer = world.send(request(operation, input));
    let text = answer_text(answer.expect("answered at once"));
    world.tick();
    text
}

/// A schedule of machine `m`; `more` goes over the rest.
fn schedule(name: &str, expression: &str, more: Value) -> Value {
    let mut input = json!({
        "Name": name, "ScheduleExpression": expression, "FlexibleTimeWindow": { "Mode": "OFF" },
        "Target": { "Arn": machine_arn("m"), "RoleArn": ROLE },
    });
    for (name, value) in more.as_object().expect("an object") {
        input[name] = value.clone();
    }
    input
}

fn world() -> World {
    let mut world = World::new();
    world.create("m", "STANDARD", PASS);
    world
}

/// Creates a schedule; panics when it is refused.
#[track_caller]
fn create(world: &mut World, name: &str, expression: &str, more: Value) {
    let answer = ask(world, "CreateSchedule", schedule(name, expression, more));
    assert_eq!(
        answer,
        format!(
            r#"{{"ScheduleArn":"arn:aws:scheduler:us-east-1:123456789012:schedule/default/{name}"}}"#
        )
    );
}

/// With the scheduled time as input.
fn timed(more: Value) -> Value {
    let mut target = json!({ "Target": {
        "Arn": machine_arn("m"), "RoleArn": ROLE, "Input": "\"<aws.scheduler.scheduled-time>\"",
    } });
    for (name, value) in more.as_object().expect("an object") {
        if name == "RetryPolicy" {
            target["Target"][name] = value.clone();
        } else {
            target[name] = value.clone();
        }
    }
    target
}

fn get(world: &World, name: &str) -> Option<scheduler::GetScheduleOutput> {
    let input = scheduler::GetScheduleInput {
        name: name.to_string(),
        group_name: None,
    };
    let read = world.reader().get_schedule(&input);
    read.expect("rows can be read").ok()
}

#[test]
fn an_instant_is_due_once_and_may_delete_its_schedule() {
    let mut world = world();
    // The world begins at 22:13:20.
    create(&mut world, "keep", "at(2023-11-14T22:13:25)", json!({}));
    let delete = json!({ "ActionAfterCompletion": "DELETE" });
    create(&mut world, "go", "at(2023-11-14T22:13:25)", delete);
    world.wait_ms(4_999);
    assert_eq!(inputs(&mut world, "m").len(), 0);
    world.wait_ms(1);
    let found = inputs(&mut world, "m");
    assert_eq!(found.len(), 2);
    let event = found
        .iter()
        .find(|event| {
            event["resources"][0]
                .as_str()
                .expect("ARN")
                .ends_with("/keep")
        })
        .expect("the event of one that says no input");
    assert_eq!(event["source"], "aws.scheduler");
    assert_eq!(event["detail-type"], "Scheduled Event");
    assert_eq!(event["time"], "2023-11-14T22:13:25Z");
    assert_eq!(event["detail"], "{}");
    assert!(get(&world, "keep").is_some());
    assert!(get(&world, "go").is_none());
    world.wait_ms(HOUR);
    world.crash();
    assert_eq!(inputs(&mut world, "m").len(), 2);
    assert_eq!(world.kinds().get(&44), None, "nothing is due");
}

#[test]
fn a_rate_is_due_at_once_and_then_at_its_grid() {
    let mut world = world();
    create(&mut world, "r", "rate(10 minutes)", timed(json!({})));
    assert_eq!(inputs(&mut world, "m"), [json!("2023-11-14T22:13:20Z")]);
    world.wait_ms(10 * MINUTE - 1);
    assert_eq!(inputs(&mut world, "m").len(), 1);
    world.wait_ms(1);
    world.wait_ms(10 * MINUTE);
    assert_eq!(
        inputs(&mut world, "m"),
        [
            json!("2023-11-14T22:13:20Z"),
            json!("2023-11-14T22:23:20Z"),
            json!("2023-11-14T22:33:20Z")
        ]
    );
}

#[test]
fn start_and_end_bound_what_recurs() {
    let mut world = world();
    let start = (world.now_ms + HOUR) / 1_000;
    let more = json!({ "StartDate": start, "EndDate": start + 1_200 });
    create(&mut world, "r", "rate(10 minutes)", timed(more.clone()));
    let mut deleted = timed(more);
    deleted["ActionAfterCompletion"] = json!("DELETE");
    create(&mut world, "c", "cron(0/15 * * * ? *)", deleted);
    for _ in 0..180 {
        world.wait_ms(MINUTE);
    }
    let mut all: Vec<String> = inputs(&mut world, "m")
        .iter()
        .map(|time| time.as_str().expect("a time").to_string())
        .collect();
    all.sort();
    assert_eq!(
        all,
        [
            "2023-11-14T23:13:20Z",
            "2023-11-14T23:15:00Z",
            "2023-11-14T23:23:20Z",
            "2023-11-14T23:30:00Z",
            "2023-11-14T23:33:20Z",
        ]
    );
    assert!(get(&world, "r").is_some());
    assert!(get(&world, "c").is_none());
}

#[test]
fn of_what_was_missed_the_last_is_made_up_for() {
    let mut world = world();
    create(&mut world, "c", "cron(0 * * * ? *)", timed(json!({})));
    world.now_ms += 5 * HOUR;
    world.crash();
    // 03:13:20 the next day: five hours were missed.
    assert_eq!(inputs(&mut world, "m"), [json!("2023-11-15T03:00:00Z")]);
    world.wait_ms(HOUR);
    assert_eq!(
        inputs(&mut world, "m"),
        [json!("2023-11-15T03:00:00Z"), json!("2023-11-15T04:00:00Z")]
    );
}

#[test]
fn what_is_older_than_its_events_may_be_is_not_made_up_for() {
    let mut world = world();
    let policy = json!({ "RetryPolicy": { "MaximumEventAgeInSeconds": 600 } });
    create(
        &mut world,
        "old",
        "at(2023-11-14T23:00:00)",
        timed(policy.clone()),
    );
    create(&mut world, "new", "at(2023-11-15T00:05:00)", timed(policy));
    world.now_ms += 2 * HOUR;
    world.crash();
    assert_eq!(inputs(&mut world, "m"), [json!("2023-11-15T00:05:00Z")]);
    world.wait_ms(HOUR);
    assert_eq!(inputs(&mut world, "m").len(), 1);
}

#[test]
fn what_is_too_old_goes_to_the_dead_letters() {
    let queue = "arn:aws:sqs:us-east-1:123456789012:dead";
    let mut world = world();
    let target = json!({ "Target": {
        "Arn": machine_arn("m"), "RoleArn": ROLE, "Input": "1", "DeadLetterConfig": { "Arn": queue },
        "RetryPolicy": { "MaximumEventAgeInSeconds": 600 },
    } });
    create(&mut world, "s", "at(2023-11-14T23:00:00)", target);
    world.now_ms += 2 * HOUR;
    world.crash();
    assert_eq!(inputs(&mut world, "m").len(), 0);
    let call = world.deliveries.pop().expect("a dead letter");
    assert_eq!((call.target.as_str(), &**call.payload.text()), (queue, "1"));
    let stepwell_service::DeliveryAction::Send(message) = call.action else {
        panic!("{:?}", call.action);
    };
    assert_eq!(message.attributes["ERROR_CODE"], "EventAgeExceeded");
    assert_eq!(message.attributes["SCHEDULED_TIME"], "2023-11-14T23:00:00Z");
    assert!(message.attributes["SCHEDULE_ARN"].ends_with(":schedule/default/s"));
}

#[test]
fn a_flexible_window_is_kept_and_loses_nothing() {
    let mut world = world();
    let window =
        json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15 } });
    create(&mut world, "w", "cron(* * * * ? *)", timed(window));
    let mut late = Vec::new();
    let mut seen = 0;
    for _ in 0..90 {
        world.wait_ms(20_000);
        let all = inputs(&mut world, "m");
        for time in &all[seen..] {
            let time = Timestamp::parse(time.as_str().expect("a time")).expect("a time");
            late.push(world.now_ms - time.as_millis());
        }
        seen = all.len();
    }
    // 30 minutes, of which those that have begun in the last 15 may be to come.
    assert!((15..=30).contains(&late.len()), "{late:?}");
    assert!(
        late.iter()
            .all(|late| (0..=15 * MINUTE + 20_000).contains(late))
    );
    assert!(late.iter().any(|late| *late > MINUTE), "{late:?}");
    let all = inputs(&mut world, "m");
    let times: std::collections::BTreeSet<String> = all.iter().map(Value::to_string).collect();
    assert_eq!(times.len(), all.len(), "no minute twice");
}

#[test]
fn a_schedule_that_is_off_is_not_due() {
    let mut world = world();
    create(&mut world, "s", "cron(* * * * ? *)", json!({}));
    let off = schedule("s", "cron(* * * * ? *)", json!({ "State": "DISABLED" }));
    assert!(ask(&mut world, "UpdateSchedule", off).starts_with('{'));
    world.wait_ms(10 * MINUTE);
    assert_eq!(inputs(&mut world, "m").len(), 0);
    let on = schedule("s", "cron(* * * * ? *)", json!({}));
    ask(&mut world, "UpdateSchedule", on);
    world.wait_ms(MINUTE);
    assert_eq!(inputs(&mut world, "m").len(), 1);
    ask(&mut world, "DeleteSchedule", json!({ "Name": "s" }));
    world.wait_ms(10 * MINUTE);
    assert_eq!(inputs(&mut world, "m").len(), 1);
    assert_eq!(
        ask(&mut world, "DeleteSchedule", json!({ "Name": "s" })),
        "! ResourceNotFoundException: Schedule s does not exist."
    );
}

#[test]
fn a_rate_that_is_updated_goes_on_counting_unless_it_is_another_one() {
    let mut world = world();
    create(&mut world, "r", "rate(10 minutes)", json!({}));
    world.wait_ms(4 * MINUTE);
    let same = schedule("r", "rate(10 minutes)", json!({ "Description": "new" }));
    ask(&mut world, "UpdateSchedule", same);
    assert_eq!(inputs(&mut world, "m").len(), 1);
    world.wait_ms(6 * MINUTE);
    assert_eq!(inputs(&mut world, "m").len(), 2);
    world.wait_ms(MINUTE);
    let other = schedule("r", "rate(5 minutes)", json!({}));
    ask(&mut world, "UpdateSchedule", other);
    assert_eq!(inputs(&mut world, "m").len(), 3, "at once, as a new one");
    world.wait_ms(5 * MINUTE);
    assert_eq!(inputs(&mut world, "m").len(), 4);
}

#[test]
fn an_update_may_keep_a_start_that_was_long_ago() {
    let mut world = world();
    let start = world.now_ms / 1_000;
    create(
        &mut world,
        "r",
        "rate(1 hour)",
        json!({ "StartDate": start }),
    );
    world.wait_ms(90 * MINUTE);
    let same = schedule(
        "r",
        "rate(1 hour)",
        json!({ "StartDate": start, "Description": "new" }),
    );
    assert!(ask(&mut world, "UpdateSchedule", same).starts_with('{'));
    let other = schedule("r", "rate(1 hour)", json!({ "StartDate": start + 1 }));
    assert_eq!(
        ask(&mut world, "UpdateSchedule", other),
        "! ValidationException: The StartDate you specify cannot be earlier than 5 minutes ago."
    );
    let so_far = inputs(&mut world, "m").len();
    world.wait_ms(30 * MINUTE);
    assert_eq!(
        inputs(&mut world, "m").len(),
        so_far + 1,
        "on the same grid"
    );
}

#[test]
fn an_update_within_the_window_of_an_instant_keeps_it() {
    let mut world = world();
    let window =
        json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1_440 } });
    let at = "at(2023-11-14T22:13:20)";
    create(&mut world, "w", at, window.clone());
    assert_eq!(inputs(&mut world, "m").len(), 0, "due later in the window");
    world.wait_ms(1_000);
    let updated = schedule("w", at, window);
    assert!(ask(&mut world, "UpdateSchedule", updated).starts_with('{'));
    world.wait_ms(24 * HOUR);
    assert_eq!(inputs(&mut world, "m").len(), 1);
}

#[test]
fn a_group_goes_with_its_schedules() {
    let mut world = world();
    let group = json!({ "Name": "g" });
    assert_eq!(
        ask(&mut world, "CreateScheduleGroup", group.clone()),
        r#"{"ScheduleGroupArn":"arn:aws:scheduler:us-east-1:123456789012:schedule-group/g"}"#
    );
    let grouped = schedule("s", "cron(* * * * ? *)", json!({ "GroupName": "g" }));
    assert!(ask(&mut world, "CreateSchedule", grouped.clone()).starts_with('{'));
    create(&mut world, "s", "cron(* * * * ? *)", json!({}));
    world.wait_ms(MINUTE);
    assert_eq!(inputs(&mut world, "m").len(), 2);
    ask(&mut world, "DeleteScheduleGroup", group);
    world.wait_ms(MINUTE);
    assert_eq!(inputs(&mut world, "m").len(), 3);
    assert_eq!(
        ask(&mut world, "CreateSchedule", grouped),
        "! ResourceNotFoundException: Schedule group g does not exist."
    );
}

#[test]
fn a_universal_target_calls_its_operation() {
    let mut world = world();
    let target = |operation: &str, input: Value| {
        json!({ "Target": {
            "Arn": format!("arn:aws:scheduler:::aws-sdk:{operation}"), "RoleArn": ROLE, "Input": input.to_string(),
        } })
    };
    let start = json!({ "StateMachineArn": machine_arn("m"), "Input": "{\"a\":1}" });
    let at = "at(2023-11-14T22:13:21)";
    create(
        &mut world,
        "plain",
        at,
        target("sfn:startExecution", start.clone()),
    );
    let mut named = start;
    named["Name"] = json!("run-<aws.scheduler.execution-id>");
    create(&mut world, "named", at, target("sfn:startExecution", named));
    world.wait_ms(1_000);
    assert_eq!(
        inputs(&mut world, "m"),
        [json!({ "a": 1 }), json!({ "a": 1 })]
    );
    let list = world.ask(
        "ListExecutions",
        &json!({ "stateMachineArn": machine_arn("m") }).to_string(),
    );
    assert!(list.contains("\"name\":\"run-"), "{list}");
    let send = json!({ "QueueUrl": "https://sqs.us-east-1.amazonaws.com/123456789012/q", "MessageBody": "hi" });
    create(
        &mut world,
        "queue",
        "at(2023-11-14T22:13:23)",
        target("sqs:sendMessage", send),
    );
    world.wait_ms(2_000);
    let call = world.deliveries.pop().expect("a delivery");
    assert_eq!(call.target, "arn:aws:sqs:us-east-1:123456789012:q");
    assert_eq!(&**call.payload.text(), "hi");
}

#[test]
fn a_schedule_puts_events_on_a_bus() {
    let mut world = world();
    let rule = json!({ "Name": "r", "EventPattern": r#"{"detail-type": ["Nightly"]}"# });
    ask_events(&mut world, "PutRule", rule);
    let targets =
        json!([{ "Id": "t", "Arn": machine_arn("m"), "RoleArn": ROLE, "InputPath": "$.detail" }]);
    ask_events(
        &mut world,
        "PutTargets",
        json!({ "Rule": "r", "Targets": targets }),
    );
    let target = json!({ "Target": {
        "Arn": "arn:aws:events:us-east-1:123456789012:event-bus/default", "RoleArn": ROLE, "Input": "{\"n\":1}",
        "EventBridgeParameters": { "DetailType": "Nightly", "Source": "mine" },
    } });
    create(&mut world, "s", "at(2023-11-14T22:13:21)", target);
    world.wait_ms(1_000);
    assert_eq!(inputs(&mut world, "m"), [json!({ "n": 1 })]);
}

#[test]
fn what_is_not_valid_is_refused_in_words() {
    let mut world = world();
    let mut refuse = |expression: &str, more: Value, text: &str| {
        let input = schedule("s", expression, more);
        assert_eq!(ask(&mut world, "CreateSchedule", input), text);
    };
    refuse(
        "cron(0 10 * * *)",
        json!({}),
        "! ValidationException: Invalid Schedule Expression cron(0 10 * * *).",
    );
    refuse(
        "at(2023-11-14T22:12:00)",
        json!({}),
        "! ValidationException: Invalid Schedule Expression at(2023-11-14T22:12:00).",
    );
    refuse(
        "rate(1 day)",
        json!({ "ScheduleExpressionTimezone": "Europe/Atlantis" }),
        "! ValidationException: Invalid ScheduleExpressionTimezone Europe/Atlantis.",
    );
    refuse(
        "rate(1 day)",
        json!({ "StartDate": 1_699_999_699 }),
        "! ValidationException: The StartDate you specify cannot be earlier than 5 minutes ago.",
    );
    refuse(
        "rate(1 day)",
        json!({ "FlexibleTimeWindow": { "Mode": "FLEXIBLE" } }),
        "! ValidationException: MaximumWindowInMinutes is required when the FlexibleTimeWindow Mode is FLEXIBLE.",
    );
    refuse(
        "rate(1 day)",
        json!({ "GroupName": "none" }),
        "! ResourceNotFoundException: Schedule group none does not exist.",
    );
    refuse(
        "rate(1 day)",
        json!({ "Target": { "Arn": "arn:aws:scheduler:::aws-sdk:s3:deleteBucket", "RoleArn": ROLE } }),
        "! NotImplemented: Stepwell does not implement the target arn:aws:scheduler:::aws-sdk:s3:deleteBucket yet",
    );
    refuse(
        "rate(1 day)",
        json!({ "Target": { "Arn": machine_arn("m"), "RoleArn": ROLE, "Input": "no" } }),
        "! ValidationException: Invalid RequestJson provided. Reason: The Input is no JSON.",
    );
    create(
        &mut world,
        "s",
        "at(2023-11-14T23:00:00)",
        json!({ "ClientToken": "one" }),
    );
    create(
        &mut world,
        "s",
        "at(2023-11-14T23:00:00)",
        json!({ "ClientToken": "one" }),
    );
    let again = schedule(
        "s",
        "at(2023-11-14T23:00:00)",
        json!({ "ClientToken": "two" }),
    );
    assert_eq!(
        ask(&mut world, "CreateSchedule", again),
        "! ConflictException: Schedule s already exists."
    );
}

/// Where a run is cut off.
#[derive(Debug, Clone, Copy)]
enum Cut {
    Never,
    After(u64),
    At(u64, Fault),
}

/// A minute schedule, a minute rule and an instant, for ten minutes; the number of commits.
fn ten_minutes(cut: Cut) -> (World, u64) {
    let mut world = World::on(&Disk::new(), LostTask::Fail);
    world.create("m", "STANDARD", PASS);
    create(&mut world, "s", "cron(* * * * ? *)", timed(json!({})));
    create(&mut world, "a", "at(2023-11-14T22:15:30)", timed(json!({})));
    let rule = json!({ "Name": "r", "ScheduleExpression": "rate(2 minutes)" });
    ask_events(&mut world, "PutRule", rule);
    let targets =
        json!([{ "Id": "t", "Arn": machine_arn("m"), "RoleArn": ROLE, "InputPath": "$.time" }]);
    ask_events(
        &mut world,
        "PutTargets",
        json!({ "Rule": "r", "Targets": targets }),
    );
    if let Cut::At(commit, fault) = cut {
        world.disk.fail(fault, commit - 1);
    }
    let mut commits = 0;
    let end_ms = world.now_ms + 10 * MINUTE;
    while world.now_ms < end_ms {
        world.now_ms += 10_000;
        for _ in 0..20 {
            let now = world.now();
            if world.shard.next_deadline().is_none_or(|due| due > now) {
                break;
            }
            world.shard.tick(now);
            commits += 1;
            let is_cut = matches!(cut, Cut::After(commit) if commit == commits);
            if world.try_commit().is_err() || is_cut {
                world.crash();
            }
        }
    }
    (world, commits)
}

#[test]
fn a_crash_at_any_commit_loses_no_tick_and_doubles_none() {
    let ticks = |world: &mut World| {
        let mut all: Vec<String> = inputs(world, "m").iter().map(Value::to_string).collect();
        all.sort();
        all
    };
    let (mut world, commits) = ten_minutes(Cut::Never);
    let expected = ticks(&mut world);
    // Ten minutes of the schedule, five ticks of the rule, one instant.
    assert_eq!(expected.len(), 16, "{expected:?}");
    for commit in 1..=commits {
        for cut in [
            Cut::After(commit),
            Cut::At(commit, Fault::BeforeWrite),
            Cut::At(commit, Fault::AfterWrite),
        ] {
            let (mut world, _) = ten_minutes(cut);
            assert_eq!(ticks(&mut world), expected, "{cut:?}");
        }
    }
}

#[test]
fn more_schedules_than_a_tick_takes_may_be_due_in_one_second() {
    const EXECUTIONS: u8 = 4;
    let mut world = world();
    for at in 0..1_100 {
        let input = schedule(&format!("s{at}"), "at(2023-11-14T22:13:21)", json!({}));
        world.apply(request("CreateSchedule", input));
    }
    world.commit();
    world.wait_ms(1_000);
    assert_eq!(world.kinds().get(&EXECUTIONS), Some(&1_100));
    assert_eq!(world.kinds().get(&44), None, "nothing is due");
}
