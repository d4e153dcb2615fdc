//! What the sample's alarms do: goes on once each is in ALARM and the state machine behind it has run.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::bail;
use serde_json::{Value, json};

use crate::{
    Verdict,
    client::{Client, Error},
    history::epoch_ms,
    plan::Application,
    report::Report,
    terminal,
};

/// Longest wait for an alarm and for what it starts. An alarm of high resolution is evaluated every ten seconds.
const PATIENCE: Duration = Duration::from_secs(45);

/// How often it asks.
const POLL: Duration = Duration::from_millis(200);

/// An alarm of the template, and the state machine that its change of state starts.
struct Watched {
    alarm: String,
    machine_arn: String,
}

/// Waits for each alarm that starts a state machine, and tells what became of it.
///
/// - `goes_on`: asked again and again; an error ends the wait.
pub fn run(
    client: &Client,
    application: &Application,
    goes_on: &dyn Fn() -> anyhow::Result<()>,
    report: Report,
) -> anyhow::Result<Verdict> {
    let mut verdict = Verdict::Well;
    for watched in watched(application) {
        if tell(client, &watched, goes_on, report)? == Verdict::Badly {
            verdict = Verdict::Badly;
        }
    }
    Ok(verdict)
}

/// Alarms with a state machine among their actions, or behind a rule on their state changes.
fn watched(application: &Application) -> Vec<Watched> {
    let companions = || {
        application
            .companions
            .iter()
            .map(|beside| &beside.companion)
    };
    let alarms = companions().filter(|companion| companion.kind == "AWS::CloudWatch::Alarm");
    let is_machine = |arn: &&str| arn.contains(":stateMachine:");
    let mut found = Vec::new();
    for alarm in alarms {
        let name = alarm.properties["AlarmName"].as_str().unwrap_or_default();
        let actions = alarm.properties["AlarmActions"].as_array();
        let actions = actions.into_iter().flatten().filter_map(Value::as_str);
        let ruled = companions()
            .filter(|companion| companion.kind == "AWS::Events::Rule")
            .filter(|rule| is_about(&rule.properties["EventPattern"], name))
            .flat_map(|rule| rule.properties["Targets"].as_array().into_iter().flatten())
            .filter_map(|target| target["Arn"].as_str());
        found.extend(actions.chain(ruled).filter(is_machine).map(|arn| Watched {
            alarm: name.to_owned(),
            machine_arn: arn.to_owned(),
        }));
    }
    found
}

/// Whether a pattern matches state changes of this alarm.
fn is_about(pattern: &Value, alarm: &str) -> bool {
    let has = |values: &Value, wanted: &dyn Fn(&str) -> bool| {
        let values = values.as_array().into_iter().flatten();
        values.filter_map(Value::as_str).any(wanted)
    };
    has(&pattern["source"], &|source| source == "aws.cloudwatch")
        && (has(&pattern["resources"], &|arn| {
            arn.ends_with(&format!(":alarm:{alarm}"))
        }) || has(&pattern["detail"]["alarmName"], &|name| name == alarm))
}

fn tell(
    client: &Client,
    watched: &Watched,
    goes_on: &dyn Fn() -> anyhow::Result<()>,
    report: Report,
) -> anyhow::Result<Verdict> {
    let begun = Instant::now();
    let style = report.style;
    report.say(&style.dim(&format!("\nwaiting for the alarm {}", watched.alarm)));
    let Some(alarm) = wait(goes_on, begun, || has_fired(client, &watched.alarm))? else {
        let alarm = described(client, &watched.alarm)?;
        report.failure(
            &format!("alarm {}", watched.alarm),
            &format!(
                "is not in ALARM after {} s: {}",
                PATIENCE.as_secs(),
                alarm["StateReason"].as_str().unwrap_or_default()
            ),
        );
        return Ok(Verdict::Badly);
    };
    let reason = alarm["newState"]["stateReason"]
        .as_str()
        .unwrap_or_default();
    report.say(&format!(
        "{}  {}  {}",
        style.red("ALARM"),
        style.bold(&watched.alarm),
        terminal::harmless(reason)
    ));
    let Some(execution) = wait(goes_on, begun, || ended(client, &watched.machine_arn))? else {
        report.failure(
            &format!("alarm {}", watched.alarm),
            &format!("has started no execution of {}", watched.machine_arn),
        );
        return Ok(Verdict::Badly);
    };
    let status = execution["status"].as_str().unwrap_or_default();
    let is_well = status == "SUCCEEDED";
    let painted = match is_well {
        true => style.green(status),
        false => style.red(status),
    };
    let name = crate::names::short(&watched.machine_arn);
    report.say(&format!(
        "{painted}  {}  {}",
        style.bold(name),
        terminal::one_line(execution["output"].as_str().unwrap_or_default(), 200)
    ));
    report.document(&json!({
        "event": "alarm",
        "alarm": watched.alarm,
        "reason": reason,
        "execution": execution["executionArn"],
        "status": status,
        "output": execution["output"],
        "started": epoch_ms(&execution["startDate"]),
    }));
    Ok(if is_well {
        Verdict::Well
    } else {
        Verdict::Badly
    })
}

/// Asks until there is an answer or the patience has ended.
fn wait<T>(
    goes_on: &dyn Fn() -> anyhow::Result<()>,
    begun: Instant,
    mut ask: impl FnMut() -> Result<Option<T>, Error>,
) -> anyhow::Result<Option<T>> {
    loop {
        goes_on()?;
        if let Some(answer) = ask()? {
            return Ok(Some(answer));
        }
        if begun.elapsed() > PATIENCE {
            return Ok(None);
        }
        thread::sleep(POLL);
    }
}

fn described(client: &Client, name: &str) -> anyhow::Result<Value> {
    let answer = client.cloudwatch("DescribeAlarms", &json!({ "AlarmNames": [name] }))?;
    match answer["MetricAlarms"].get(0) {
        Some(alarm) => Ok(alarm.clone()),
        None => bail!("the alarm {name} is not on the server"),
    }
}

/// The change to ALARM, once there was one: it may be over by the time that somebody looks.
fn has_fired(client: &Client, name: &str) -> Result<Option<Value>, Error> {
    let input = json!({ "AlarmName": name, "HistoryItemType": "StateUpdate" });
    let answer = client.cloudwatch("DescribeAlarmHistory", &input)?;
    let items = answer["AlarmHistoryItems"].as_array().into_iter().flatten();
    Ok(items
        .filter_map(|item| serde_json::from_str::<Value>(item["HistoryData"].as_str()?).ok())
        .find(|data| data["newState"]["stateValue"] == "ALARM"))
}

/// An execution of the machine that has ended.
fn ended(client: &Client, machine_arn: &str) -> Result<Option<Value>, Error> {
    let input = json!({ "stateMachineArn": machine_arn });
    let answer = client.states("ListExecutions", &input)?;
    let mut executions = answer["executions"].as_array().into_iter().flatten();
    let Some(execution) = executions.rfind(|execution| execution["status"] != "RUNNING") else {
        return Ok(None);
    };
    let input = json!({ "executionArn": execution["executionArn"] });
    client.states("DescribeExecution", &input).map(Some)
}
