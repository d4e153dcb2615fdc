//! CloudWatch: alarms, composite alarms and dashboards.

use serde_json::{Map, Value, json};

use super::{
    STACK_NAME_TAG, State, Wanted,
    iam::object,
    kinds::found,
    lambda::if_built,
    tags::{set_tags, tag_list, tags},
};
use crate::client::{Client, Error, PAGES_MAX};

/// What a metric alarm says, as DescribeAlarms gives it and PutMetricAlarm takes it.
const ALARM_MEMBERS: [&str; 22] = [
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "ThresholdMetricId",
    "EvaluationWindow",
];

/// What a composite alarm says.
const COMPOSITE_MEMBERS: [&str; 10] = [
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "OKActions",
    "AlarmActions",
    "InsufficientDataActions",
    "AlarmRule",
    "ActionsSuppressor",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
];

/// Members that CloudFormation takes as texts too.
const NUMBERS: [&str; 6] = [
    "Period",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ActionsSuppressorWaitPeriod",
    "ActionsSuppressorExtensionPeriod",
];

/// Which of the two kinds of alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmKind {
    Metric,
    Composite,
}

impl AlarmKind {
    /// `AlarmType`, and the member of the answer.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            AlarmKind::Metric => ("MetricAlarm", "MetricAlarms"),
            AlarmKind::Composite => ("CompositeAlarm", "CompositeAlarms"),
        }
    }

    fn members(self) -> &'static [&'static str] {
        match self {
            AlarmKind::Metric => &ALARM_MEMBERS,
            AlarmKind::Composite => &COMPOSITE_MEMBERS,
        }
    }
}

/// An alarm's document: numbers are numbers, and what is not said is what CloudWatch takes for it.
pub fn alarm_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    let enabled = document
        .entry("ActionsEnabled".to_owned())
        .or_insert_with(|| json!(true));
    if let Some(text) = enabled.as_str() {
        *enabled = json!(text == "true");
    }
    document
        .into_iter()
        .map(|(name, value)| {
            let value = numbered(&name, value);
            (name, value)
        })
        .collect()
}

/// The value with texts as numbers and booleans where the API has those.
fn numbered(name: &str, value: Value) -> Value {
    match value {
        Value::String(text) if NUMBERS.contains(&name) => match text.parse::<i64>() {
            Ok(number) => json!(number),
            Err(_) => text
                .parse::<f64>()
                .map_or(json!(text), |number| json!(number)),
        },
        Value::String(text) if name == "ReturnData" => json!(text == "true"),
        Value::Array(items) => items.into_iter().map(|item| numbered(name, item)).collect(),
        Value::Object(members) => members
            .into_iter()
            .map(|(name, value)| {
                let value = numbered(&name, value);
                (name, value)
            })
            .collect::<Map<_, _>>()
            .into(),
        other => other,
    }
}

pub fn read_alarm(
    client: &Client,
    kind: AlarmKind,
    wanted: &Wanted,
) -> Result<Option<State>, Error> {
    let name = wanted.text("AlarmName");
    let (alarm_type, member) = kind.words();
    let input = json!({ "AlarmNames": [name], "AlarmTypes": [alarm_type] });
    let answer = client.cloudwatch("DescribeAlarms", &input)?;
    let Some(alarm) = answer[member].get(0) else {
        return Ok(None);
    };
    let arn = alarm["AlarmArn"].as_str().unwrap_or_default();
    let said = kind.members().iter().filter_map(|member| {
        let value = alarm.get(*member)?;
        Some(((*member).to_owned(), value.clone()))
    });
    let mut document: Map<String, Value> = said.collect();
    document.insert(
        "Tags".to_owned(),
        Value::Object(tags(&service(client), arn)?),
    );
    Ok(Some(State {
        document,
        attributes: [
            ("Ref".to_owned(), name.to_owned()),
            ("Arn".to_owned(), arn.to_owned()),
        ]
        .into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn bring_alarm(
    client: &Client,
    kind: AlarmKind,
    from: Option<&State>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let mut input = wanted.picked(kind.members());
    // AWS: tags of an alarm that exists are set by TagResource only.
    if from.is_none() {
        input["Tags"] = tag_list(&wanted.tags());
    }
    let operation = match kind {
        AlarmKind::Metric => "PutMetricAlarm",
        AlarmKind::Composite => "PutCompositeAlarm",
    };
    client.cloudwatch(operation, &input)?;
    match from {
        Some(from) => set_tags(&service(client), from, wanted),
        None => Ok(()),
    }
}

pub fn delete_alarm(client: &Client, name: &str) -> Result<(), Error> {
    client
        .cloudwatch("DeleteAlarms", &json!({ "AlarmNames": [name] }))
        .map(drop)
}

/// Whether an alarm cannot be deleted before one that watches it.
pub fn is_depended_on(error: &Error) -> bool {
    matches!(error, Error::Service { message, .. } if message.contains("depending on it"))
}

/// Name, tags and kind of every alarm of a stack.
pub fn tagged(client: &Client, stack: &str) -> Result<Vec<(String, Value, AlarmKind)>, Error> {
    let mut belonging = Vec::new();
    for kind in [AlarmKind::Composite, AlarmKind::Metric] {
        let (alarm_type, member) = kind.words();
        let mut input = json!({ "AlarmTypes": [alarm_type], "MaxRecords": 100 });
        for _ in 0..PAGES_MAX {
            let Some(page) = if_built(client.cloudwatch("DescribeAlarms", &input))? else {
                return Ok(belonging);
            };
            for alarm in page[member].as_array().into_iter().flatten() {
                let arn = alarm["AlarmArn"].as_str().unwrap_or_default();
                let tags = Value::Object(tags(&service(client), arn)?);
                if tags[STACK_NAME_TAG] == stack {
                    let name = alarm["AlarmName"].as_str().unwrap_or_default();
                    belonging.push((name.to_owned(), tags, kind));
                }
            }
            match page["NextToken"].as_str() {
                Some(token) => input["NextToken"] = json!(token),
                None => break,
            }
        }
    }
    Ok(belonging)
}

fn service(client: &Client) -> impl Fn(&str, &Value) -> Result<Value, Error> {
    |operation, input| client.cloudwatch(operation, input)
}

/// A dashboard's document: its body is JSON, however it is written.
pub fn dashboard_document(properties: &Value) -> Map<String, Value> {
    let mut document = object(properties.clone());
    if let Some(body) = document.get_mut("DashboardBody") {
        *body = parsed_body(body);
    }
    document
}

fn parsed_body(body: &Value) -> Value {
    let text = body.as_str();
    text.and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(|| body.clone())
}

pub fn read_dashboard(client: &Client, wanted: &Wanted) -> Result<Option<State>, Error> {
    let name = wanted.text("DashboardName");
    let input = json!({ "DashboardName": name });
    let Some(dashboard) = found(client.cloudwatch("GetDashboard", &input))? else {
        return Ok(None);
    };
    let arn = dashboard["DashboardArn"].as_str().unwrap_or_default();
    let document = json!({
        "DashboardName": name,
        "DashboardBody": parsed_body(&dashboard["DashboardBody"]),
        "Tags": tags(&service(client), arn)?,
    });
    Ok(Some(State {
        document: object(document),
        attributes: [
            ("Ref".to_owned(), name.to_owned()),
            ("Arn".to_owned(), arn.to_owned()),
        ]
        .into(),
        identity: name.to_owned(),
        package: None,
    }))
}

pub fn bring_dashboard(
    client: &Client,
    from: Option<&State>,
    wanted: &Wanted,
) -> Result<(), Error> {
    let body = wanted.document.get("DashboardBody");
    let body = body.map(|body| match body {
        Value::String(text) => text.clone(),
        body => body.to_string(),
    });
    let mut input = json!({ "DashboardName": wanted.text("DashboardName"), "DashboardBody": body });
    if from.is_none() {
        input["Tags"] = tag_list(&wanted.tags());
    }
    client.cloudwatch("PutDashboard", &input)?;
    match from {
        Some(from) => set_tags(&service(client), from, wanted),
        None => Ok(()),
    }
}

pub fn delete_dashboard(client: &Client, name: &str) -> Result<(), Error> {
    client
        .cloudwatch("DeleteDashboards", &json!({ "DashboardNames": [name] }))
        .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_numbers_are_numbers_in_an_alarm() {
        let document = alarm_document(&json!({
            "AlarmName": "7", "Period": "60", "Threshold": "0.5", "ActionsEnabled": "false",
            "Metrics": [{ "Id": "m", "ReturnData": "true", "MetricStat": { "Period": "10" } }],
        }));
        let expected = json!({
            "AlarmName": "7", "Period": 60, "Threshold": 0.5, "ActionsEnabled": false,
            "Metrics": [{ "Id": "m", "ReturnData": true, "MetricStat": { "Period": 10 } }],
        });
        assert_eq!(Value::Object(document), expected);
    }
}
