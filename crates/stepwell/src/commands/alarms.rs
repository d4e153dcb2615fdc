//! `stepwell alarms`: the alarms of a server with their states, or the history of one.

use anyhow::bail;
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::Alarms,
    client::{Client, PAGES_MAX},
    follow,
    history::epoch_ms,
    terminal::{self, Style},
};

/// Characters of a reason in a list.
const REASON_CHARS_MAX: usize = 100;

/// Items of history that are shown.
const ITEMS_MAX: usize = 100;

pub fn run(arguments: &Alarms, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    match &arguments.alarm {
        None => list(&client, is_json),
        Some(name) => history(&client, name, is_json),
    }
}

/// Alarms that are asked for, composite ones first.
fn described(client: &Client, mut input: Value) -> anyhow::Result<Vec<Value>> {
    input["AlarmTypes"] = json!(["CompositeAlarm", "MetricAlarm"]);
    let mut alarms = Vec::new();
    for _ in 0..PAGES_MAX {
        let mut page = client.cloudwatch("DescribeAlarms", &input)?;
        for member in ["CompositeAlarms", "MetricAlarms"] {
            if let Value::Array(found) = page[member].take() {
                alarms.extend(found);
            }
        }
        match page["NextToken"].as_str() {
            Some(token) => input["NextToken"] = json!(token),
            None => break,
        }
    }
    Ok(alarms)
}

fn list(client: &Client, is_json: bool) -> anyhow::Result<Verdict> {
    let mut alarms = described(client, json!({ "MaxRecords": 100 }))?;
    // What burns comes first.
    alarms.sort_by_key(|alarm| alarm["StateValue"] != "ALARM");
    let style = Style::of_stdout();
    if alarms.is_empty() && !is_json {
        terminal::put_line(&format!(
            "there is no alarm at {}\nnext: put an AWS::CloudWatch::Alarm into the template, and deploy it",
            client.endpoint()
        ));
    }
    for alarm in &alarms {
        match is_json {
            true => terminal::put_json(&document(alarm)),
            false => put_alarm(alarm, style),
        }
    }
    Ok(Verdict::Well)
}

fn document(alarm: &Value) -> Value {
    json!({
        "name": alarm["AlarmName"],
        "arn": alarm["AlarmArn"],
        "state": alarm["StateValue"],
        "reason": alarm["StateReason"],
        "since": epoch_ms(&alarm["StateTransitionedTimestamp"]),
        "actionsEnabled": alarm["ActionsEnabled"],
    })
}

fn put_alarm(alarm: &Value, style: Style) {
    let text = |member: &str| terminal::harmless(alarm[member].as_str().unwrap_or_default());
    let age = epoch_ms(&alarm["StateTransitionedTimestamp"])
        .map(|since| terminal::duration((follow::now_ms() - since).max(0)))
        .unwrap_or_default();
    let reason = terminal::one_line(&text("StateReason"), REASON_CHARS_MAX);
    let silent = match alarm["ActionsEnabled"] == false {
        true => style.yellow("  actions disabled"),
        false => String::new(),
    };
    terminal::put_line(&format!(
        "{}  {}  {}{silent}\n                   {}",
        painted(&text("StateValue"), style),
        style.bold(&text("AlarmName")),
        style.dim(&format!("for {age}")),
        style.dim(&reason)
    ));
}

/// A state, in its colour and as wide as the widest.
fn painted(state: &str, style: Style) -> String {
    let padded = format!("{state:<17}");
    match state {
        "OK" => style.green(&padded),
        "ALARM" => style.red(&padded),
        _ => style.yellow(&padded),
    }
}

fn history(client: &Client, name: &str, is_json: bool) -> anyhow::Result<Verdict> {
    let found = described(client, json!({ "AlarmNames": [name] }))?;
    let input = json!({
        "AlarmName": name,
        "AlarmTypes": ["CompositeAlarm", "MetricAlarm"],
        "MaxRecords": ITEMS_MAX,
    });
    let mut answer = client.cloudwatch("DescribeAlarmHistory", &input)?;
    let items = match answer["AlarmHistoryItems"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    };
    let style = Style::of_stdout();
    match found.first() {
        Some(alarm) if is_json => terminal::put_json(&document(alarm)),
        Some(alarm) => put_alarm(alarm, style),
        None if items.is_empty() => bail!(
            "there is no alarm {name} at {}\nnext: stepwell alarms lists them",
            client.endpoint()
        ),
        // AWS: the history outlives its alarm.
        None => {}
    }
    for item in items {
        if is_json {
            terminal::put_json(&json!({
                "at": epoch_ms(&item["Timestamp"]),
                "type": item["HistoryItemType"],
                "summary": item["HistorySummary"],
                "data": item["HistoryData"],
            }));
            continue;
        }
        let summary = terminal::harmless(item["HistorySummary"].as_str().unwrap_or_default());
        let ago = epoch_ms(&item["Timestamp"])
            .map(|at| terminal::duration((follow::now_ms() - at).max(0)))
            .unwrap_or_default();
        let summary = match summary.starts_with("Failed") {
            true => style.red(&summary),
            false => summary,
        };
        terminal::put_line(&format!("{:>12} ago  {summary}", style.dim(&ago)));
    }
    Ok(Verdict::Well)
}
