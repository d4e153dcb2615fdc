//! What is sent of a change of state: to EventBridge, functions, state machines, webhooks and topics.
//!
//! Sources: CloudWatch user guide, "Alarm events and EventBridge" and "Invoke a Lambda function from an alarm"; the
//! messages that topics get are as CloudWatch sends them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use stepwell_api::DateTime;
use stepwell_api::cloudwatch::{Dimension, MetricDataQuery};

use super::rows::{AlarmRow, Metric, Phase, Source, StateRow, Watch};
use super::text::instant;
use crate::encoding::hex;

/// A change of state with everything that follows from it: a row until the shard has it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// Names the store that numbers transitions.
    pub store: u64,
    /// Grows by one from transition to transition: who takes them in order notices a repetition.
    pub number: u64,
    /// The alarm's name.
    pub alarm: String,
    pub alarm_arn: String,
    /// When the state changed.
    pub at_ms: i64,
    /// The event for the default bus: id, detail type and detail. `None` where only actions follow.
    pub event: Option<AlarmEvent>,
    /// ARNs and URLs, with what each gets.
    pub actions: Vec<Action>,
}

/// An event of CloudWatch on the default bus; its source is `aws.cloudwatch`, its resource the alarm.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlarmEvent {
    pub id: String,
    pub detail_type: String,
    pub detail: Value,
}

/// An action to be executed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// An ARN or a URL.
    pub target: String,
    /// JSON text.
    pub payload: String,
}

/// Whose server this is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    pub region: String,
    pub account: String,
}

impl Owner {
    /// The ARN of an alarm.
    pub fn arn(&self, name: &str) -> String {
        let Owner { region, account } = self;
        format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}")
    }

    /// The name that a name or an ARN of an alarm means; `None`: an alarm of somebody else.
    pub(super) fn name_of<'a>(&self, name_or_arn: &'a str) -> Option<&'a str> {
        if !name_or_arn.starts_with("arn:") {
            return Some(name_or_arn);
        }
        let name = name_or_arn.splitn(7, ':').nth(6)?;
        (self.arn(name) == name_or_arn).then_some(name)
    }
}

/// A change of state, to be written in the forms that receivers get.
pub(super) struct Notice<'a> {
    pub(super) owner: &'a Owner,
    pub(super) alarm: &'a AlarmRow,
    pub(super) old: &'a StateRow,
    /// What suppressed the actions before.
    pub(super) old_phase: Phase,
    pub(super) at_ms: i64,
    /// Distinguishes this notice: the ids in it derive from it.
    pub(super) seed: (u64, u64),
}

impl Notice<'_> {
    pub(super) fn event(&self) -> AlarmEvent {
        AlarmEvent {
            id: uuid(&[&self.seed.0.to_be_bytes(), &self.seed.1.to_be_bytes()]),
            detail_type: "CloudWatch Alarm State Change".to_owned(),
            detail: self.detail(),
        }
    }

    /// What the action gets.
    pub(super) fn action(&self, target: &str) -> Action {
        let payload = match target.split(':').nth(2) {
            Some("lambda") if target.starts_with("arn:") => self.invocation(),
            Some("sns") if target.starts_with("arn:") => self.message(),
            _ => self.whole_event(),
        };
        Action {
            target: target.to_owned(),
            payload: payload.to_string(),
        }
    }

    fn arn(&self) -> String {
        self.owner.arn(&self.alarm.name)
    }

    fn detail(&self) -> Value {
        let phase = match &self.alarm.watch {
            Watch::Composite(composite) if composite.is_pending => composite.phase,
            _ => Phase::Free,
        };
        json!({
            "alarmName": self.alarm.name,
            "state": state(&self.alarm.state, phase),
            "previousState": state(self.old, self.old_phase),
            "configuration": self.configuration(),
        })
    }

    /// The event as rules and targets see it.
    fn whole_event(&self) -> Value {
        let event = self.event();
        json!({
            "version": "0",
            "id": event.id,
            "detail-type": event.detail_type,
            "source": "aws.cloudwatch",
            "account": self.owner.account,
            "time": DateTime::from_ms(self.at_ms).to_string(),
            "region": self.owner.region,
            "resources": [self.arn()],
            "detail": event.detail,
        })
    }

    fn invocation(&self) -> Value {
        json!({
            "source": "aws.cloudwatch",
            "alarmArn": self.arn(),
            "accountId": self.owner.account,
            "time": instant(self.at_ms),
            "region": self.owner.region,
            "alarmData": self.detail(),
        })
    }

    fn configuration(&self) -> Value {
        let mut configuration = Map::new();
        if let Some(description) = self.alarm.description.as_ref().filter(|d| !d.is_empty()) {
            configuration.insert("description".to_owned(), json!(description));
        }
        match &self.alarm.watch {
            Watch::Metric(watch) => {
                let metrics = match &watch.source {
                    Source::Metric(metric) => vec![self.single(metric)],
                    Source::Math(queries) => queries.iter().map(query).collect(),
                };
                configuration.insert("metrics".to_owned(), json!(metrics));
            }
            Watch::Composite(composite) => {
                configuration.insert("alarmRule".to_owned(), json!(composite.rule));
                if let Some(suppressor) = &composite.suppressor {
                    let periods = [
                        ("actionsSuppressorWaitPeriod", suppressor.wait_s),
                        ("actionsSuppressorExtensionPeriod", suppressor.extension_s),
                    ];
                    configuration.insert("actionsSuppressor".to_owned(), json!(suppressor.alarm));
                    for (name, seconds) in periods {
                        configuration.insert(name.to_owned(), json!(seconds));
                    }
                }
            }
        }
        Value::Object(configuration)
    }

    fn single(&self, metric: &Metric) -> Value {
        json!({
            // The same at every change of state.
            "id": uuid(&[self.arn().as_bytes()]),
            "metricStat": metric_stat(
                (&metric.namespace, &metric.name, &metric.dimensions),
                metric.period,
                metric.extended_statistic.as_deref().or(metric.statistic.as_deref()).unwrap_or_default(),
                metric.unit.as_deref(),
            ),
            "returnData": true,
        })
    }

    /// What a topic gets.
    fn message(&self) -> Value {
        let alarm = self.alarm;
        let mut message = json!({
            "AlarmName": alarm.name,
            "AlarmDescription": alarm.description,
            "AWSAccountId": self.owner.account,
            "AlarmConfigurationUpdatedTimestamp": instant(alarm.configured_ms),
            "NewStateValue": alarm.state.value.as_str(),
            "NewStateReason": alarm.state.reason,
            "StateChangeTime": instant(alarm.state.updated_ms),
            "Region": region_name(&self.owner.region),
            "AlarmArn": self.arn(),
            "OldStateValue": self.old.value.as_str(),
            "OKActions": alarm.ok_actions,
            "AlarmActions": alarm.alarm_actions,
            "InsufficientDataActions": alarm.insufficient_data_actions,
        });
        match &alarm.watch {
            Watch::Metric(_) => message["Trigger"] = self.trigger(),
            Watch::Composite(composite) => {
                message["AlarmRule"] = json!(composite.rule);
                message["TriggeringChildren"] = triggering_children(&alarm.state);
            }
        }
        message
    }

    fn trigger(&self) -> Value {
        let Watch::Metric(watch) = &self.alarm.watch else {
            return Value::Null;
        };
        let mut trigger = Map::new();
        match &watch.source {
            Source::Metric(metric) => {
                let dimensions: Vec<Value> = metric
                    .dimensions
                    .iter()
                    .map(|dimension| json!({ "value": dimension.value, "name": dimension.name }))
                    .collect();
                trigger.insert("MetricName".to_owned(), json!(metric.name));
                trigger.insert("Namespace".to_owned(), json!(metric.namespace));
                match (&metric.statistic, &metric.extended_statistic) {
                    (_, Some(extended)) => {
                        trigger.insert("StatisticType".to_owned(), json!("ExtendedStatistic"));
                        trigger.insert("ExtendedStatistic".to_owned(), json!(extended));
                    }
                    (statistic, None) => {
                        let statistic = statistic.as_deref().unwrap_or_default();
                        trigger.insert("StatisticType".to_owned(), json!("Statistic"));
                        let words = shouted(statistic);
                        trigger.insert("Statistic".to_owned(), json!(words));
                    }
                }
                trigger.insert("Unit".to_owned(), json!(metric.unit));
                trigger.insert("Dimensions".to_owned(), json!(dimensions));
                trigger.insert("Period".to_owned(), json!(metric.period));
            }
            Source::Math(queries) => {
                let metrics: Vec<Value> = queries.iter().map(message_query).collect();
                trigger.insert("Metrics".to_owned(), json!(metrics));
            }
        }
        trigger.insert(
            "EvaluationPeriods".to_owned(),
            json!(watch.evaluation_periods),
        );
        if let Some(minimum) = watch.datapoints_to_alarm {
            trigger.insert("DatapointsToAlarm".to_owned(), json!(minimum));
        }
        trigger.insert("ComparisonOperator".to_owned(), json!(watch.comparison));
        trigger.insert("Threshold".to_owned(), json!(watch.threshold));
        let missing = watch.missing.as_deref().unwrap_or("missing");
        trigger.insert("TreatMissingData".to_owned(), json!(missing));
        let low = watch.low_samples.as_deref().unwrap_or_default();
        trigger.insert("EvaluateLowSampleCountPercentile".to_owned(), json!(low));
        Value::Object(trigger)
    }
}

/// A state as events have it.
fn state(row: &StateRow, phase: Phase) -> Value {
    let mut state = Map::new();
    let by = suppressed_by(phase);
    if let Some(by) = by {
        let reason = format!("Actions suppressed by {by}");
        state.insert("actionsSuppressedBy".to_owned(), json!(by));
        state.insert("actionsSuppressedReason".to_owned(), json!(reason));
    }
    state.insert("value".to_owned(), json!(row.value.as_str()));
    state.insert("reason".to_owned(), json!(row.reason));
    if let Some(data) = &row.reason_data {
        state.insert("reasonData".to_owned(), json!(data));
    }
    state.insert("timestamp".to_owned(), json!(instant(row.updated_ms)));
    Value::Object(state)
}

/// `ActionsSuppressedBy`.
pub(super) fn suppressed_by(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Free => None,
        Phase::Wait { .. } => Some("WaitPeriod"),
        Phase::Alarm => Some("Alarm"),
        Phase::Extension { .. } => Some("ExtensionPeriod"),
    }
}

fn query(query: &MetricDataQuery) -> Value {
    let mut written = Map::new();
    if let Some(expression) = &query.expression {
        written.insert("expression".to_owned(), json!(expression));
    }
    written.insert("id".to_owned(), json!(query.id));
    if let Some(label) = &query.label {
        written.insert("label".to_owned(), json!(label));
    }
    if let Some(stat) = &query.metric_stat {
        let metric = &stat.metric;
        let none = Vec::new();
        let written_stat = metric_stat(
            (
                metric.namespace.as_deref().unwrap_or_default(),
                metric.metric_name.as_deref().unwrap_or_default(),
                metric.dimensions.as_ref().unwrap_or(&none),
            ),
            stat.period,
            &stat.stat,
            stat.unit.as_deref(),
        );
        written.insert("metricStat".to_owned(), written_stat);
    }
    let returns = query.return_data.unwrap_or(true);
    written.insert("returnData".to_owned(), json!(returns));
    Value::Object(written)
}

fn metric_stat(
    (namespace, name, dimensions): (&str, &str, &Vec<Dimension>),
    period: i32,
    stat: &str,
    unit: Option<&str>,
) -> Value {
    let dimensions: Map<String, Value> = dimensions
        .iter()
        .map(|dimension| (dimension.name.clone(), json!(dimension.value)))
        .collect();
    let mut written = json!({
        "metric": { "dimensions": dimensions, "name": name, "namespace": namespace },
        "period": period,
        "stat": stat,
    });
    if let Some(unit) = unit {
        written["unit"] = json!(unit);
    }
    written
}

/// A query as the message of a topic has it: names begin with capitals.
fn message_query(query: &MetricDataQuery) -> Value {
    let mut written = Map::new();
    if let Some(expression) = &query.expression {
        written.insert("Expression".to_owned(), json!(expression));
    }
    written.insert("Id".to_owned(), json!(query.id));
    if let Some(label) = &query.label {
        written.insert("Label".to_owned(), json!(label));
    }
    if let Some(stat) = &query.metric_stat {
        let dimensions: Vec<Value> = stat
            .metric
            .dimensions
            .iter()
            .flatten()
            .map(|dimension| json!({ "value": dimension.value, "name": dimension.name }))
            .collect();
        let metric = json!({
            "Metric": {
                "Dimensions": dimensions,
                "MetricName": stat.metric.metric_name,
                "Namespace": stat.metric.namespace,
            },
            "Period": stat.period,
            "Stat": stat.stat,
        });
        written.insert("MetricStat".to_owned(), metric);
    }
    let returns = query.return_data.unwrap_or(true);
    written.insert("ReturnData".to_owned(), json!(returns));
    Value::Object(written)
}

/// `Average` as `AVERAGE`, `SampleCount` as `SAMPLE_COUNT`.
fn shouted(statistic: &str) -> String {
    match statistic {
        "SampleCount" => "SAMPLE_COUNT".to_owned(),
        other => other.to_ascii_uppercase(),
    }
}

/// `triggeringAlarms` of the reason's data, in the words of a message.
fn triggering_children(state: &StateRow) -> Value {
    let data: Option<Value> = state
        .reason_data
        .as_deref()
        .and_then(|text| serde_json::from_str(text).ok());
    let alarms = data
        .as_ref()
        .and_then(|data| data["triggeringAlarms"].as_array());
    let children: Vec<Value> = alarms
        .into_iter()
        .flatten()
        .map(|alarm| {
            json!({
                "Arn": alarm["arn"],
                "State": { "Value": alarm["state"]["value"], "Timestamp": alarm["state"]["timestamp"] },
            })
        })
        .collect();
    json!(children)
}

/// A region's name for people, as messages have it; the code where it has none here.
fn region_name(region: &str) -> &str {
    match region {
        "us-east-1" => "US East (N. Virginia)",
        "us-east-2" => "US East (Ohio)",
        "us-west-1" => "US West (N. California)",
        "us-west-2" => "US West (Oregon)",
        "ca-central-1" => "Canada (Central)",
        "sa-east-1" => "South America (Sao Paulo)",
        "eu-west-1" => "EU (Ireland)",
        "eu-west-2" => "EU (London)",
        "eu-west-3" => "EU (Paris)",
        "eu-central-1" => "EU (Frankfurt)",
        "eu-north-1" => "EU (Stockholm)",
        "eu-south-1" => "EU (Milan)",
        "ap-south-1" => "Asia Pacific (Mumbai)",
        "ap-southeast-1" => "Asia Pacific (Singapore)",
        "ap-southeast-2" => "Asia Pacific (Sydney)",
        "ap-northeast-1" => "Asia Pacific (Tokyo)",
        "ap-northeast-2" => "Asia Pacific (Seoul)",
        "ap-northeast-3" => "Asia Pacific (Osaka)",
        other => other,
    }
}

/// A UUID that derives from these bytes.
fn uuid(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    hash.update(b"alarm");
    for part in parts {
        hash.update(part);
    }
    let digest = hash.finalize();
    let hex = hex(&digest[..16]);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}
