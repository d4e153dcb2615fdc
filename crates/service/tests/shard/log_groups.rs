//! Log groups: made, kept, found by state machines.

use stepwell_api::{logs, states};
use stepwell_service::{Answer, Answered, KnownTexts, LogsRequest, Refusal, Request};

use crate::world::{World, machine_arn};

fn create(world: &mut World, name: &str) -> Answer {
    let input = logs::CreateLogGroupRequest {
        log_group_name: name.to_string(),
        ..Default::default()
    };
    world
        .send(Request::Logs(LogsRequest::CreateLogGroup(input)))
        .expect("it is answered at once")
}

fn refusal(answer: Answer) -> String {
    match answer {
        Err(Refusal::Logs(error)) => error.to_string(),
        Err(Refusal::States(error)) => error.to_string(),
        other => panic!("refused, not {other:?}"),
    }
}

fn page(world: &World, input: &logs::DescribeLogGroupsRequest) -> logs::DescribeLogGroupsResponse {
    world
        .reader()
        .describe_log_groups(input, &|_| 7)
        .expect("rows can be read")
        .expect("not refused")
}

fn machine_with_logs(group: &str) -> Request {
    let input = serde_json::json!({
        "name": "m", "roleArn": "arn:aws:iam::123456789012:role/r",
        "definition": r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
        "loggingConfiguration": {"level": "ALL", "destinations": [{"cloudWatchLogsLogGroup": {
            "logGroupArn": format!("arn:aws:logs:us-east-1:123456789012:log-group:{group}:*")}}]},
    });
    Request::CreateStateMachine(Box::new(serde_json::from_value(input).expect("a request")))
}

#[test]
fn a_log_group_is_there_once_and_survives_a_crash() {
    let mut world = World::new();
    create(&mut world, "/app/a").expect("created");
    assert_eq!(
        refusal(create(&mut world, "/app/a")),
        "ResourceAlreadyExistsException: The specified log group already exists"
    );
    world.crash();
    let group = &page(&world, &Default::default())
        .log_groups
        .expect("a list")[0];
    assert_eq!(
        group.arn.as_deref(),
        Some("arn:aws:logs:us-east-1:123456789012:log-group:/app/a:*")
    );
    assert_eq!(group.stored_bytes, Some(7));
}

#[test]
fn a_group_that_is_created_again_is_another_group() {
    let mut world = World::new();
    create(&mut world, "g").expect("created");
    let id = |world: &World| {
        let group = world.reader().log_group("g").expect("rows can be read");
        group.map(|group| group.id)
    };
    let first = id(&world);
    let delete = logs::DeleteLogGroupRequest {
        log_group_name: "g".to_string(),
    };
    let answer = world.send(Request::Logs(LogsRequest::DeleteLogGroup(delete)));
    assert!(matches!(answer, Some(Ok(Answered::Logs(_)))));
    assert_eq!(id(&world), None);
    create(&mut world, "g").expect("created");
    assert_ne!(id(&world), first);
}

#[test]
fn groups_are_listed_by_prefix_by_pattern_and_in_pages() {
    let mut world = World::new();
    for name in ["/a/one", "/a/two", "/b/ONE"] {
        create(&mut world, name).expect("created");
    }
    let names = |response: logs::DescribeLogGroupsResponse| -> Vec<String> {
        let groups = response.log_groups.expect("a list").into_iter();
        groups.filter_map(|group| group.log_group_name).collect()
    };
    let by_prefix = logs::DescribeLogGroupsRequest {
        log_group_name_prefix: Some("/a".to_string()),
        limit: Some(1),
        ..Default::default()
    };
    let first = page(&world, &by_prefix);
    let token = first.next_token.clone();
    assert_eq!(names(first), ["/a/one"]);
    let second = page(
        &world,
        &logs::DescribeLogGroupsRequest {
            next_token: token,
            ..by_prefix
        },
    );
    assert_eq!(second.next_token, None);
    assert_eq!(names(second), ["/a/two"]);
    let by_pattern = logs::DescribeLogGroupsRequest {
        log_group_name_pattern: Some("one".to_string()),
        ..Default::default()
    };
    assert_eq!(names(page(&world, &by_pattern)), ["/a/one", "/b/ONE"]);
}

#[test]
fn a_retention_that_cloudwatch_does_not_have_is_refused() {
    let mut world = World::new();
    create(&mut world, "g").expect("created");
    let mut put = |days| {
        let input = logs::PutRetentionPolicyRequest {
            log_group_name: "g".to_string(),
            retention_in_days: days,
        };
        world
            .send(Request::Logs(LogsRequest::PutRetentionPolicy(input)))
            .expect("it is answered at once")
    };
    assert!(put(7).is_ok());
    assert!(refusal(put(8)).contains("Value '8' at 'retentionInDays'"));
    let groups = page(&world, &Default::default())
        .log_groups
        .expect("a list");
    assert_eq!(groups[0].retention_in_days, Some(7));
}

#[test]
fn a_state_machine_logs_to_a_group_that_exists() {
    let mut world = World::new();
    create(&mut world, "there").expect("created");
    let answer = world.send(machine_with_logs("gone")).expect("answered");
    assert_eq!(
        refusal(answer),
        "InvalidLoggingConfiguration: Invalid Logging Configuration: Log Destination not found."
    );
    let answer = world.send(machine_with_logs("there")).expect("answered");
    assert!(answer.is_ok());
}

/// A machine that logs to the group `g`, or one that does not.
fn logging_machine(world: &mut World, name: &str, kind: &str, level: &str) {
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:g:*";
    let body = serde_json::json!({
        "name": name, "type": kind, "roleArn": "arn:aws:iam::123456789012:role/r", "publish": true,
        "definition": r#"{"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}"#,
        "loggingConfiguration": {
            "level": level, "includeExecutionData": true,
            "destinations": [{"cloudWatchLogsLogGroup": {"logGroupArn": group}}],
        },
    });
    let answer = world.ask("CreateStateMachine", &body.to_string());
    assert!(answer.contains("stateMachineArn"), "{answer}");
}

/// What a start releases, with the payloads that its log would show.
fn logged(world: &mut World, arn: &str) -> Option<Vec<String>> {
    let input = states::StartExecutionInput {
        state_machine_arn: arn.to_string(),
        input: Some(r#"{"n":1}"#.to_string()),
        ..Default::default()
    };
    world.apply(Request::StartExecution(input));
    let committed = world.commit();
    let mut known = KnownTexts::default();
    let mut shown = Vec::new();
    for live in &committed.events {
        let log = live.execution.machine.log.as_ref()?;
        let events = world
            .reader()
            .logged_events(live, log, &mut known, &|_| true)
            .expect("rows can be read");
        shown.extend(events.into_iter().filter_map(|event| {
            let entered = event.state_entered_event_details?;
            Some(format!("{} {}", entered.name, entered.input?))
        }));
    }
    Some(shown)
}

#[test]
fn events_of_a_machine_that_logs_come_with_their_payloads() {
    let mut world = World::new();
    create(&mut world, "g").expect("created");
    for (name, kind) in [("standard", "STANDARD"), ("express", "EXPRESS")] {
        logging_machine(&mut world, name, kind, "ALL");
        let shown = logged(&mut world, &machine_arn(name));
        assert_eq!(shown, Some(vec![r#"P {"n":1}"#.to_string()]), "{name}");
    }
    logging_machine(&mut world, "silent", "STANDARD", "OFF");
    assert_eq!(logged(&mut world, &machine_arn("silent")), None);
}

#[test]
fn a_change_of_logging_is_followed_at_once_and_a_version_keeps_its_own() {
    let mut world = World::new();
    create(&mut world, "g").expect("created");
    logging_machine(&mut world, "m", "STANDARD", "ALL");
    assert!(logged(&mut world, &machine_arn("m")).is_some());
    let off = serde_json::json!({
        "stateMachineArn": machine_arn("m"), "loggingConfiguration": {"level": "OFF"},
    });
    world.ask("UpdateStateMachine", &off.to_string());
    assert_eq!(logged(&mut world, &machine_arn("m")), None);
    let version = format!("{}:1", machine_arn("m"));
    assert!(logged(&mut world, &version).is_some());
}

fn send(world: &mut World, request: LogsRequest) -> Answer {
    world
        .send(Request::Logs(request))
        .expect("it is answered at once")
}

fn metric_filter(group: &str, name: &str, transformation: serde_json::Value) -> LogsRequest {
    let input = serde_json::json!({
        "logGroupName": group, "filterName": name, "filterPattern": "ERROR", "metricTransformations": [transformation],
    });
    LogsRequest::PutMetricFilter(serde_json::from_value(input).expect("a request"))
}

fn subscription(group: &str, name: &str) -> LogsRequest {
    let input = serde_json::json!({
        "logGroupName": group, "filterName": name, "filterPattern": "",
        "destinationArn": "arn:aws:lambda:us-east-1:123456789012:function:f",
    });
    LogsRequest::PutSubscriptionFilter(serde_json::from_value(input).expect("a request"))
}

#[test]
fn filters_are_kept_counted_and_go_with_their_group() {
    let mut world = World::new();
    create(&mut world, "g").expect("created");
    let one = serde_json::json!({"metricName": "m", "metricNamespace": "n", "metricValue": "1"});
    send(&mut world, metric_filter("g", "b", one.clone())).expect("kept");
    send(&mut world, metric_filter("g", "a", one.clone())).expect("kept");
    send(&mut world, metric_filter("g", "a", one.clone())).expect("kept in its place");
    send(&mut world, subscription("g", "a")).expect("kept");
    send(&mut world, subscription("g", "b")).expect("kept");
    assert_eq!(
        refusal(send(&mut world, subscription("g", "c"))),
        "LimitExceededException: Resource limit exceeded."
    );
    world.crash();
    let group = world.reader().log_group("g").expect("read").expect("there");
    assert_eq!((group.metric_filters, group.subscription_filters), (2, 2));
    let named = |world: &World| -> Vec<String> {
        let filters = world.reader().log_filters(&group.id).expect("read");
        filters.into_iter().map(|filter| filter.name).collect()
    };
    assert_eq!(named(&world), ["a", "b", "a", "b"]);
    let delete = || {
        LogsRequest::DeleteMetricFilter(logs::DeleteMetricFilterRequest {
            log_group_name: "g".to_string(),
            filter_name: "a".to_string(),
        })
    };
    send(&mut world, delete()).expect("deleted");
    assert_eq!(
        refusal(send(&mut world, delete())),
        "ResourceNotFoundException: The specified metric filter does not exist."
    );
    let gone = logs::DeleteLogGroupRequest {
        log_group_name: "g".to_string(),
    };
    send(&mut world, LogsRequest::DeleteLogGroup(gone)).expect("deleted");
    assert!(named(&world).is_empty());
}

#[test]
fn what_is_not_right_about_a_metric_filter_is_refused() {
    let mut world = World::new();
    create(&mut world, "g").expect("created");
    for (transformation, expected) in [
        (
            serde_json::json!({"metricName": "m", "metricNamespace": "n", "metricValue": "many"}),
            "InvalidParameterException: Invalid metric transformation: the metric value 'many' is neither a number nor a selector",
        ),
        (
            serde_json::json!({"metricName": "m", "metricNamespace": "n", "metricValue": "1", "defaultValue": 0.0,
                "dimensions": {"a": "$.a"}}),
            "InvalidParameterException: Invalid metric transformation: dimensions and default value are mutually exclusive properties.",
        ),
        (
            serde_json::json!({"metricName": "m", "metricNamespace": "n", "metricValue": "1",
                "dimensions": {"a": "$.a", "b": "$.b", "c": "$.c", "d": "$.d"}}),
            "InvalidParameterException: A metric filter has at most 3 dimensions.",
        ),
    ] {
        assert_eq!(
            refusal(send(&mut world, metric_filter("g", "f", transformation))),
            expected
        );
    }
    let one = serde_json::json!({"metricName": "m", "metricNamespace": "n", "metricValue": "$.ms"});
    assert_eq!(
        refusal(send(&mut world, metric_filter("nowhere", "f", one))),
        "ResourceNotFoundException: The specified log group does not exist."
    );
}
