//! Operations, what is sent, and what survives a crash.

use expect_test::expect;
use serde_json::Value;
use stepwell_api::cloudwatch::{
    DeleteAlarmsInput, DescribeAlarmHistoryInput, DescribeAlarmsForMetricInput,
    DescribeAlarmsInput, Dimension, Metric, MetricDataQuery, MetricStat, PutMetricAlarmInput,
    SetAlarmStateInput, Tag,
};
use stepwell_telemetry::alarms::StateValue;

use super::world::{FUNCTION, MACHINE, START_MS, TOPIC, World, alarm, composite};

fn names(world: &World, input: &DescribeAlarmsInput) -> String {
    let described = world.alarms.describe_alarms(input).expect("valid");
    let metric = described.metric_alarms.into_iter().flatten();
    let composite = described.composite_alarms.into_iter().flatten();
    let composite = composite.filter_map(|alarm| alarm.alarm_name);
    let metric = metric.filter_map(|alarm| alarm.alarm_name);
    let names: Vec<String> = composite.chain(metric).collect();
    format!(
        "{}{}",
        names.join(" "),
        if described.next_token.is_some() {
            " ..."
        } else {
            ""
        }
    )
}

#[test]
fn an_alarm_goes_to_alarm_and_back_with_events_and_actions() {
    let mut world = World::new();
    world
        .put(PutMetricAlarmInput {
            alarm_description: Some("too many".to_owned()),
            alarm_actions: Some(vec![
                FUNCTION.to_owned(),
                MACHINE.to_owned(),
                TOPIC.to_owned(),
            ]),
            ok_actions: Some(vec!["https://example.com/ok".to_owned()]),
            dimensions: Some(vec![Dimension {
                name: "Shop".to_owned(),
                value: "a".to_owned(),
            }]),
            unit: Some("Count".to_owned()),
            ..alarm("orders")
        })
        .expect("valid");
    assert_eq!(world.state("orders"), StateValue::InsufficientData);
    world.seconds(12);
    assert_eq!(world.state("orders"), StateValue::Ok);
    world.value("orders", 9.0);
    world.seconds(12);
    assert_eq!(world.state("orders"), StateValue::Alarm);
    world.seconds(60);
    assert_eq!(world.state("orders"), StateValue::Ok);
    expect![[r#"
        Alarm "orders" created
        Alarm updated from INSUFFICIENT_DATA to OK
        Successfully executed action https://example.com/ok
        Alarm updated from OK to ALARM
        Successfully executed action arn:aws:lambda:us-east-1:123456789012:function:on-alarm
        Successfully executed action arn:aws:states:us-east-1:123456789012:stateMachine:on-alarm
        Successfully executed action arn:aws:sns:us-east-1:123456789012:alarms
        Alarm updated from ALARM to OK
        Successfully executed action https://example.com/ok"#]]
    .assert_eq(&world.history("orders").join("\n"));
    let payload = |target: &str| {
        let mut actions = world.taken.iter().flat_map(|taken| &taken.actions);
        let action = actions.rfind(|action| action.target == target);
        let value: Value = serde_json::from_str(&action.expect("an action").payload).expect("JSON");
        serde_json::to_string_pretty(&value).expect("JSON")
    };
    expect![[r#"
        {
          "source": "aws.cloudwatch",
          "alarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders",
          "accountId": "123456789012",
          "time": "2023-11-14T22:14:21.500+0000",
          "region": "us-east-1",
          "alarmData": {
            "alarmName": "orders",
            "state": {
              "value": "ALARM",
              "reason": "Threshold Crossed: 1 datapoint [9.0 (14/11/23 22:14:10)] was greater than the threshold (5.0).",
              "reasonData": "{\"version\":\"1.0\",\"queryDate\":\"2023-11-14T22:14:21.500+0000\",\"startDate\":\"2023-11-14T22:14:10.000+0000\",\"unit\":\"Count\",\"statistic\":\"Sum\",\"period\":10,\"recentDatapoints\":[9.0],\"threshold\":5.0,\"evaluatedDatapoints\":[{\"timestamp\":\"2023-11-14T22:14:10.000+0000\",\"sampleCount\":1.0,\"value\":9.0}]}",
              "timestamp": "2023-11-14T22:14:21.500+0000"
            },
            "previousState": {
              "value": "OK",
              "reason": "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
              "reasonData": "{\"version\":\"1.0\",\"queryDate\":\"2023-11-14T22:14:01.500+0000\",\"unit\":\"Count\",\"statistic\":\"Sum\",\"period\":10,\"recentDatapoints\":[],\"threshold\":5.0,\"evaluatedDatapoints\":[{\"timestamp\":\"2023-11-14T22:13:50.000+0000\"}]}",
              "timestamp": "2023-11-14T22:14:01.500+0000"
            },
            "configuration": {
              "description": "too many",
              "metrics": [
                {
                  "id": "62ee6547-e4bb-4b64-7cc0-4b07f7d6fcc9",
                  "metricStat": {
                    "metric": {
                      "dimensions": {
                        "Shop": "a"
                      },
                      "name": "orders",
                      "namespace": "Shop"
                    },
                    "period": 10,
                    "stat": "Sum",
                    "unit": "Count"
                  },
                  "returnData": true
                }
              ]
            }
          }
        }"#]]
    .assert_eq(&payload(FUNCTION));
    let machine: Value = serde_json::from_str(&payload(MACHINE)).expect("JSON");
    let event = world.taken[1].event.as_ref().expect("an event");
    assert_eq!(machine["detail-type"], "CloudWatch Alarm State Change");
    assert_eq!(machine["source"], "aws.cloudwatch");
    assert_eq!(machine["id"], event.id.as_str());
    assert_eq!(machine["detail"], event.detail);
    assert_eq!(machine["time"], "2023-11-14T22:14:21Z");
    expect![[r#"
        {
          "AlarmName": "orders",
          "AlarmDescription": "too many",
          "AWSAccountId": "123456789012",
          "AlarmConfigurationUpdatedTimestamp": "2023-11-14T22:14:00.000+0000",
          "NewStateValue": "ALARM",
          "NewStateReason": "Threshold Crossed: 1 datapoint [9.0 (14/11/23 22:14:10)] was greater than the threshold (5.0).",
          "StateChangeTime": "2023-11-14T22:14:21.500+0000",
          "Region": "US East (N. Virginia)",
          "AlarmArn": "arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders",
          "OldStateValue": "OK",
          "OKActions": [
            "https://example.com/ok"
          ],
          "AlarmActions": [
            "arn:aws:lambda:us-east-1:123456789012:function:on-alarm",
            "arn:aws:states:us-east-1:123456789012:stateMachine:on-alarm",
            "arn:aws:sns:us-east-1:123456789012:alarms"
          ],
          "InsufficientDataActions": [],
          "Trigger": {
            "MetricName": "orders",
            "Namespace": "Shop",
            "StatisticType": "Statistic",
            "Statistic": "SUM",
            "Unit": "Count",
            "Dimensions": [
              {
                "value": "a",
                "name": "Shop"
              }
            ],
            "Period": 10,
            "EvaluationPeriods": 1,
            "ComparisonOperator": "GreaterThanThreshold",
            "Threshold": 5.0,
            "TreatMissingData": "notBreaching",
            "EvaluateLowSampleCountPercentile": ""
          }
        }"#]]
    .assert_eq(&payload(TOPIC));
}

#[test]
fn an_update_leaves_the_state_and_overwrites_everything_else() {
    let mut world = World::new();
    let mut first = alarm("orders");
    first.tags = Some(vec![Tag {
        key: "team".to_owned(),
        value: "shop".to_owned(),
    }]);
    world.put(first).expect("valid");
    world.seconds(12);
    let mut second = alarm("orders");
    second.threshold = Some(1.0);
    second.tags = Some(Vec::new());
    world.put(second).expect("valid");
    assert_eq!(world.state("orders"), StateValue::Ok);
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders";
    let tags = world.alarms.tags(arn).expect("an alarm").expect("there");
    assert_eq!(tags.len(), 1, "tags of an update are ignored");
    let changed = Tag {
        key: "stage".to_owned(),
        value: "test".to_owned(),
    };
    world
        .alarms
        .tag(arn, &[changed])
        .expect("an alarm")
        .expect("there");
    world
        .alarms
        .untag(arn, &["team".to_owned()])
        .expect("an alarm")
        .expect("there");
    let tags = world.alarms.tags(arn).expect("an alarm").expect("there");
    assert_eq!(tags[0].key, "stage");
    assert!(
        world
            .alarms
            .tags("arn:aws:cloudwatch::1:dashboard/d")
            .is_none()
    );
    let gone = world.alarms.tags(&format!("{arn}s")).expect("an alarm");
    assert_eq!(
        gone.expect_err("not there").message,
        format!("There is no alarm with the ARN {arn}s")
    );
    let said = world
        .put_composite(composite("orders", "TRUE"))
        .expect_err("another kind");
    assert_eq!(
        said.message,
        "The alarm orders is a metric alarm and cannot become a composite alarm"
    );
}

#[test]
fn what_an_alarm_cannot_be_is_refused() {
    let refused = |change: &dyn Fn(&mut PutMetricAlarmInput)| {
        let mut input = alarm("orders");
        change(&mut input);
        let said = World::new().put(input).expect_err("refused");
        format!("{}: {}", said.code.query_code(), said.message)
    };
    let lines = [
        refused(&|input| input.period = Some(15)),
        refused(&|input| input.period = None),
        refused(&|input| input.evaluation_periods = Some(8_641)),
        refused(&|input| {
            input.period = Some(3_600);
            input.evaluation_periods = Some(169);
        }),
        refused(&|input| input.datapoints_to_alarm = Some(2)),
        refused(&|input| input.treat_missing_data = Some("never".to_owned())),
        refused(&|input| input.extended_statistic = Some("p99".to_owned())),
        refused(&|input| input.statistic = None),
        refused(&|input| {
            input.comparison_operator = Some("GreaterThanUpperThreshold".to_owned());
        }),
        refused(&|input| input.alarm_name = "a\nb".to_owned()),
        refused(&|input| input.alarm_actions = Some(vec!["mail@example.com".to_owned()])),
        refused(&|input| {
            input.alarm_actions = Some(vec!["arn:aws:sns:eu-west-1:1:topic".to_owned()]);
        }),
        refused(&|input| {
            input.ok_actions = Some(vec!["arn:aws:automate:us-east-1:ec2:stop".to_owned()]);
        }),
        refused(&|input| input.metrics = Some(vec![query("m1", None, true)])),
        refused(&|input| {
            only_metrics(
                input,
                vec![query("m1", None, true), query("m2", None, true)],
            )
        }),
        refused(&|input| only_metrics(input, vec![query("m1", Some("SEARCH('x')"), true)])),
    ];
    expect![[r#"
        ValidationError: Period must be 10, 20, 30 or a multiple of 60: 15
        MissingParameter: The parameter Period is required
        ValidationError: Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)
        ValidationError: Metrics cannot be checked across more than seven days (EvaluationPeriods * Period must be <= 604800)
        ValidationError: DatapointsToAlarm (2) must be less than or equal to EvaluationPeriods (1)
        ValidationError: Value never for parameter TreatMissingData is invalid. Valid values are [breaching, notBreaching, ignore, missing]
        InvalidParameterCombination: Statistic and ExtendedStatistic must not be set at the same time
        MissingParameter: One of Statistic and ExtendedStatistic is required
        NotImplemented: Stepwell does not implement the ComparisonOperator GreaterThanUpperThreshold (anomaly detection) yet
        ValidationError: AlarmName must not contain control characters: "a\nb"
        ValidationError: Invalid arn syntax: mail@example.com
        ValidationError: Invalid region eu-west-1 specified. Only us-east-1 is supported.
        NotImplemented: Stepwell does not execute arn:aws:automate:us-east-1:ec2:stop: an action is a Lambda function, a state machine, an SNS topic or a URL
        InvalidParameterCombination: MetricName must not be set if Metrics is set
        ValidationError: Exactly one element of the metrics list should return data, and 2 do
        NotImplemented: Stepwell does not implement SEARCH of alarms yet"#]]
    .assert_eq(&lines.join("\n"));
}

fn query(id: &str, expression: Option<&str>, returns: bool) -> MetricDataQuery {
    let stat = MetricStat {
        metric: Metric {
            namespace: Some("Shop".to_owned()),
            metric_name: Some(id.to_owned()),
            dimensions: None,
        },
        period: 10,
        stat: "Sum".to_owned(),
        unit: None,
    };
    MetricDataQuery {
        id: id.to_owned(),
        metric_stat: expression.is_none().then_some(stat),
        expression: expression.map(str::to_owned),
        return_data: Some(returns),
        ..MetricDataQuery::default()
    }
}

fn only_metrics(input: &mut PutMetricAlarmInput, queries: Vec<MetricDataQuery>) {
    input.metrics = Some(queries);
    input.namespace = None;
    input.metric_name = None;
    input.statistic = None;
    input.period = None;
}

#[test]
fn an_alarm_on_math_is_evaluated_at_the_period_of_its_metrics() {
    let mut world = World::new();
    let mut input = alarm("rate");
    only_metrics(
        &mut input,
        vec![query("e1", Some("m1 / 2"), true), query("m1", None, false)],
    );
    world.put(input).expect("valid");
    // The test's values know the expression by its id.
    world.value("e1", 9.0);
    world.seconds(12);
    assert_eq!(world.state("rate"), StateValue::Alarm);
    let event = world.taken[0].event.as_ref().expect("an event");
    expect![[r#"{"metrics":[{"expression":"m1 / 2","id":"e1","returnData":true},{"id":"m1","metricStat":{"metric":{"dimensions":{},"name":"m1","namespace":"Shop"},"period":10,"stat":"Sum"},"returnData":false}]}"#]]
        .assert_eq(&event.detail["configuration"].to_string());
}

#[test]
fn describing_has_all_filters_and_pages() {
    let mut world = World::new();
    for name in ["api-1", "api-2", "web"] {
        let mut input = alarm(name);
        input.alarm_actions = (name == "web").then(|| vec![TOPIC.to_owned()]);
        world.put(input).expect("valid");
    }
    world
        .put_composite(composite("any", "ALARM(api-1) OR ALARM(api-2)"))
        .expect("valid");
    world.value("api-2", 9.0);
    world.seconds(12);
    let default = DescribeAlarmsInput::default;
    let text = |text: &str| Some(text.to_owned());
    let types = Some(vec!["CompositeAlarm".to_owned(), "MetricAlarm".to_owned()]);
    let lines = [
        names(&world, &default()),
        names(
            &world,
            &DescribeAlarmsInput {
                alarm_types: types.clone(),
                ..default()
            },
        ),
        names(
            &world,
            &DescribeAlarmsInput {
                alarm_name_prefix: text("api"),
                ..default()
            },
        ),
        names(
            &world,
            &DescribeAlarmsInput {
                state_value: text("ALARM"),
                ..default()
            },
        ),
        names(
            &world,
            &DescribeAlarmsInput {
                action_prefix: text("arn:aws:sns"),
                ..default()
            },
        ),
        names(
            &world,
            &DescribeAlarmsInput {
                children_of_alarm_name: text("any"),
                ..default()
            },
        ),
        names(
            &world,
            &DescribeAlarmsInput {
                parents_of_alarm_name: text("api-1"),
                ..default()
            },
        ),
        names(
            &world,
            &DescribeAlarmsInput {
                alarm_names: Some(vec!["web".to_owned(), "gone".to_owned()]),
                ..default()
            },
        ),
    ];
    expect![[r#"
        api-1 api-2 web
        any api-1 api-2 web
        api-1 api-2
        api-2
        web
        api-1 api-2
        any
        web"#]]
    .assert_eq(&lines.join("\n"));
    let mut page = DescribeAlarmsInput {
        alarm_types: types,
        max_records: Some(3),
        ..default()
    };
    assert_eq!(names(&world, &page), "any api-1 api-2 ...");
    let described = world.alarms.describe_alarms(&page).expect("valid");
    page.next_token = described.next_token;
    assert_eq!(names(&world, &page), "web");
    page.next_token = text("nonsense");
    let said = world
        .alarms
        .describe_alarms(&page)
        .expect_err("a token of nobody");
    assert_eq!(said.code.query_code(), "InvalidNextToken");
    let both = DescribeAlarmsInput {
        children_of_alarm_name: text("any"),
        state_value: text("OK"),
        ..default()
    };
    let said = world
        .alarms
        .describe_alarms(&both)
        .expect_err("one of them");
    assert_eq!(
        said.message,
        "ChildrenOfAlarmName can be specified with MaxRecords and NextToken only"
    );
    let of_metric = world
        .alarms
        .describe_alarms_for_metric(&DescribeAlarmsForMetricInput {
            namespace: "Shop".to_owned(),
            metric_name: "web".to_owned(),
            statistic: text("Sum"),
            ..DescribeAlarmsForMetricInput::default()
        });
    assert_eq!(of_metric.metric_alarms.map(|alarms| alarms.len()), Some(1));
}

#[test]
fn history_has_filters_order_pages_and_an_end() {
    let mut world = World::new();
    world.put(alarm("orders")).expect("valid");
    for _ in 0..4 {
        world.value("orders", 9.0);
        world.seconds(60);
    }
    let read = |input: DescribeAlarmHistoryInput| {
        let described = world.snapshot().describe(&input).expect("readable");
        described.expect("valid")
    };
    let updates = DescribeAlarmHistoryInput {
        alarm_name: Some("orders".to_owned()),
        history_item_type: Some("StateUpdate".to_owned()),
        max_records: Some(5),
        ..DescribeAlarmHistoryInput::default()
    };
    let first = read(updates.clone());
    let items = first.alarm_history_items.expect("items");
    assert_eq!(items.len(), 5);
    let data = items[0].history_data.as_deref().expect("data");
    let data: Value = serde_json::from_str(data).expect("JSON");
    assert_eq!(data["newState"]["stateValue"], "OK");
    assert_eq!(data["oldState"]["stateReasonData"]["statistic"], "Sum");
    let second = read(DescribeAlarmHistoryInput {
        next_token: first.next_token,
        ..updates.clone()
    });
    assert_eq!(second.alarm_history_items.map(|items| items.len()), Some(4));
    assert_eq!(second.next_token, None);
    let ascending = read(DescribeAlarmHistoryInput {
        scan_by: Some("TimestampAscending".to_owned()),
        start_date: Some(stepwell_api::EpochSeconds::from_ms(START_MS + 100_000)),
        end_date: Some(stepwell_api::EpochSeconds::from_ms(START_MS + 140_000)),
        ..updates
    });
    let ascending = ascending.alarm_history_items.expect("items");
    assert!(ascending.is_sorted_by_key(|item| item.timestamp));
    assert_eq!(ascending.len(), 2);
    // After thirty days it is gone.
    world.now_ms += 31 * 24 * 3_600_000;
    world.trim();
    assert_eq!(world.history("orders"), Vec::<String>::new());
}

#[test]
fn setting_a_state_acts_once_and_the_next_evaluation_takes_it_back() {
    let mut world = World::new();
    world
        .put(PutMetricAlarmInput {
            alarm_actions: Some(vec![MACHINE.to_owned()]),
            ..alarm("orders")
        })
        .expect("valid");
    world.seconds(12);
    let input = |data: Option<&str>| SetAlarmStateInput {
        alarm_name: "orders".to_owned(),
        state_value: "ALARM".to_owned(),
        state_reason: "testing".to_owned(),
        state_reason_data: data.map(str::to_owned),
    };
    let now_ms = world.now_ms;
    for _ in 0..2 {
        world
            .alarms
            .set_alarm_state(input(Some("{\"a\":1}")), now_ms)
            .expect("there");
        world.commit();
        world.hand_over();
    }
    assert_eq!(world.actions(), [MACHINE], "a repetition executes nothing");
    assert_eq!(world.state("orders"), StateValue::Alarm);
    world.seconds(12);
    assert_eq!(world.state("orders"), StateValue::Ok);
    let said = world
        .alarms
        .set_alarm_state(input(Some("{")), now_ms)
        .expect_err("no JSON");
    assert_eq!(said.code.query_code(), "InvalidFormat");
    let mut gone = input(None);
    gone.alarm_name = "gone".to_owned();
    let said = world
        .alarms
        .set_alarm_state(gone, now_ms)
        .expect_err("not there");
    assert_eq!(said.code.query_code(), "ResourceNotFound");
    world
        .alarms
        .set_actions_enabled(&["orders".to_owned()], false, now_ms);
    world
        .alarms
        .set_alarm_state(input(None), now_ms)
        .expect("there");
    world.commit();
    world.hand_over();
    assert_eq!(world.actions(), [MACHINE], "actions are disabled");
}

#[test]
fn deleting_takes_those_that_exist() {
    let mut world = World::new();
    world.put(alarm("a")).expect("valid");
    world.put(alarm("b")).expect("valid");
    world
        .put_composite(composite("c", "ALARM(b)"))
        .expect("valid");
    world
        .put_composite(composite("d", "ALARM(b)"))
        .expect("valid");
    let delete = |world: &mut World, names: &[&str]| {
        let input = DeleteAlarmsInput {
            alarm_names: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let done = world.alarms.delete_alarms(&input, world.now_ms);
        world.commit();
        done.map_err(|error| error.message)
            .err()
            .unwrap_or_default()
    };
    let lines = [
        delete(&mut world, &["c", "d"]),
        delete(&mut world, &["b", "c"]),
        delete(&mut world, &["a", "gone"]),
        delete(&mut world, &["d"]),
        delete(&mut world, &["b", "c"]),
    ];
    expect![[r#"
        At most one composite alarm can be deleted in one request, and 2 are named
        Cannot delete b as there are composite alarm(s) depending on it.
        There are no alarms [gone]

    "#]]
    .assert_eq(&lines.join("\n"));
    assert_eq!(names(&world, &DescribeAlarmsInput::default()), "");
    world.crash();
    assert_eq!(names(&world, &DescribeAlarmsInput::default()), "");
    assert_eq!(
        world.history("a"),
        ["Alarm \"a\" created", "Alarm \"a\" deleted"]
    );
}

/// An action that could not be executed is in the history with the reason.
#[test]
fn a_failed_action_says_why() {
    let mut world = World::new();
    world
        .put(PutMetricAlarmInput {
            ok_actions: Some(vec![TOPIC.to_owned()]),
            ..alarm("orders")
        })
        .expect("valid");
    world.now_ms = START_MS + 2_000;
    world.tick();
    let number = world.alarms.oldest_transition().expect("one").number;
    let outcome = Some("no endpoint of sns".to_owned());
    world.alarms.handed_over(number, &[outcome], world.now_ms);
    let arn = "arn:aws:cloudwatch:us-east-1:123456789012:alarm:orders";
    world
        .alarms
        .given_up(arn, TOPIC, "500: it is broken", world.now_ms);
    world.commit();
    let history = world.history("orders");
    expect![[r#"
        Failed to execute action arn:aws:sns:us-east-1:123456789012:alarms. Reason: no endpoint of sns
        Failed to execute action arn:aws:sns:us-east-1:123456789012:alarms. Reason: 500: it is broken"#]]
    .assert_eq(&history[2..].join("\n"));
}
