//! `stepwell logs`: what a function wrote, or executions of a state machine, oldest first, and what it goes on to write;
//! queries of Logs Insights.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use anyhow::bail;
use serde_json::{Value, json};

use crate::{
    Verdict,
    arguments::{Logs, LogsCommand, LogsQuery},
    client::{Client, Error, PAGES_MAX},
    names,
    terminal::{self, Style},
};

/// How often `--follow` asks a server that does not tell by itself.
const POLL: Duration = Duration::from_millis(200);
/// How often a query is asked for its results.
const QUERY_POLL: Duration = Duration::from_millis(100);
/// Why Live Tail may be refused now and not later.
const MAY_PASS: [&str; 3] = [
    "ResourceNotFoundException",
    "LimitExceededException",
    "ThrottlingException",
];
/// AWS: FilterLogEvents gives at most 10,000 events a page.
const PAGE_EVENTS: u32 = 1_000;
/// How far back of the newest event `--follow` asks again: two streams may deliver out of order.
const OVERLAP_MS: i64 = 2_000;

pub fn run(arguments: &Logs, is_json: bool) -> anyhow::Result<Verdict> {
    if let Some(LogsCommand::Query(query)) = &arguments.query {
        return ask(query, is_json);
    }
    let client = Client::new(&arguments.connection.endpoint())?;
    let group = group(&client, arguments.function.as_deref().unwrap_or_default())?;
    let since_ms = arguments.since.map_or(0, |since| {
        now_ms().saturating_sub(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    });
    let mut cursor = Cursor {
        since_ms,
        ..Cursor::default()
    };
    let filter = arguments.filter.as_deref();
    let mut show = || -> anyhow::Result<()> {
        for event in fresh_events(&client, &group, filter, &mut cursor)? {
            put_event(&event, is_json);
        }
        Ok(())
    };
    show()?;
    if arguments.follow {
        follow(&client, &group, filter, show)?;
    }
    Ok(Verdict::Well)
}

/// Shows what comes, until somebody ends the command or the server goes.
///
/// Live Tail says when there is something, and leaves some of much out; what there is, is read: nothing is lost before
/// the session begins or between two of them, and nothing comes twice.
fn follow(
    client: &Client,
    group: &str,
    filter: Option<&str>,
    mut show: impl FnMut() -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut request = json!({ "logGroupIdentifiers": [group] });
    if let Some(filter) = filter {
        request["logEventFilterPattern"] = json!(filter);
    }
    let mut has_live_tail = true;
    loop {
        if has_live_tail {
            match client.live_tail(&request) {
                Ok(mut session) => {
                    while session.wait() {
                        show()?;
                    }
                }
                // A group that is not there yet, or too many sessions: that can change.
                Err(Error::Service { code, .. }) => has_live_tail = MAY_PASS.contains(&&*code),
                Err(Error::Protocol { .. }) => has_live_tail = false,
                Err(error @ Error::Connection { .. }) => return Err(error.into()),
            }
        }
        thread::sleep(POLL);
        show()?;
    }
}

/// Asks a query and shows its rows once it has ended.
fn ask(arguments: &LogsQuery, is_json: bool) -> anyhow::Result<Verdict> {
    let client = Client::new(&arguments.connection.endpoint())?;
    let groups: Vec<String> = arguments
        .group
        .iter()
        .map(|typed| group(&client, typed))
        .collect::<anyhow::Result<_>>()?;
    let now_s = now_ms() / 1_000;
    let back_s = i64::try_from(arguments.since.as_secs()).unwrap_or(i64::MAX);
    let mut request = json!({
        "logGroupNames": groups, "queryString": arguments.query,
        "startTime": now_s.saturating_sub(back_s).max(0), "endTime": now_s + 1,
    });
    if let Some(limit) = arguments.limit {
        request["limit"] = json!(limit);
    }
    let started = client.logs("StartQuery", &request)?;
    let answer = loop {
        let asked = json!({ "queryId": started["queryId"] });
        let answer = client.logs("GetQueryResults", &asked)?;
        match answer["status"].as_str().unwrap_or_default() {
            "Scheduled" | "Running" => thread::sleep(QUERY_POLL),
            "Complete" => break answer,
            status => bail!(
                "the query has ended: {status}\nnext: ask for a shorter time, or for less of it"
            ),
        }
    };
    let rows: Vec<Vec<(String, String)>> = answer["results"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(row)
        .collect();
    if is_json {
        for row in &rows {
            let row: serde_json::Map<String, Value> = row
                .iter()
                .map(|(name, value)| (name.clone(), json!(value)))
                .collect();
            terminal::put_json(&Value::Object(row));
        }
        return Ok(Verdict::Well);
    }
    for line in table(&rows) {
        terminal::put_line(line.trim_end());
    }
    let statistics = &answer["statistics"];
    let count = |name: &str| statistics[name].as_f64().unwrap_or_default();
    let summary = format!(
        "{} rows; {} of {} events matched, {:.1} MB looked at",
        rows.len(),
        count("recordsMatched"),
        count("recordsScanned"),
        count("bytesScanned") / 1e6
    );
    terminal::put_line(&Style::of_stdout().dim(&summary));
    Ok(Verdict::Well)
}

/// The columns of a row, without the pointer to its event.
fn row(fields: &Value) -> Vec<(String, String)> {
    let text = |field: &Value, name: &str| field[name].as_str().unwrap_or_default().to_owned();
    fields
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .map(|field| (text(field, "field"), text(field, "value")))
        .filter(|(name, _)| name != "@ptr")
        .collect()
}

/// Rows below the names of their columns, each column as wide as its widest value but for the last.
fn table(rows: &[Vec<(String, String)>]) -> Vec<String> {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in rows.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let value = |row: &[(String, String)], name: &str| {
        let found = row.iter().find(|(column, _)| column == name);
        let text = found.map_or("", |(_, value)| value.as_str());
        terminal::harmless(text).trim_end().replace('\n', " ")
    };
    let mut lines: Vec<Vec<String>> = vec![names.iter().map(|name| (*name).to_owned()).collect()];
    lines.extend(
        rows.iter()
            .map(|row| names.iter().map(|name| value(row, name)).collect()),
    );
    let widths: Vec<usize> = (0..names.len())
        .map(|at| {
            let widths = lines.iter().map(|line| line[at].chars().count());
            widths.max().unwrap_or_default()
        })
        .collect();
    lines
        .iter()
        .map(|line| {
            let cells: Vec<String> = line
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"))
                .collect();
            cells.join("  ")
        })
        .collect()
}

/// The log group of a function, of a state machine that logs, or of that name.
fn group(client: &Client, typed: &str) -> anyhow::Result<String> {
    if typed.starts_with('/') {
        return Ok(typed.to_owned());
    }
    let is_machine = typed.contains(":stateMachine:");
    let no_function = match names::function(client, typed) {
        Ok(name) if !is_machine => return Ok(format!("/aws/lambda/{name}")),
        Err(error) if !is_machine => Some(error),
        _ => None,
    };
    let machine = match (names::state_machine(client, typed), no_function) {
        (Ok(machine), _) => machine.arn,
        // What is neither is most likely meant as a function.
        (Err(_), Some(error)) => return Err(error),
        (Err(error), None) => return Err(error),
    };
    let described = client.states(
        "DescribeStateMachine",
        &json!({ "stateMachineArn": machine }),
    )?;
    let arn = described["loggingConfiguration"]["destinations"][0]["cloudWatchLogsLogGroup"]["logGroupArn"].as_str();
    // arn:aws:logs:REGION:ACCOUNT:log-group:NAME:*
    let Some(group) = arn.and_then(|arn| arn.split(':').nth(6)) else {
        bail!(
            "state machine {typed} does not log\nnext: give it a Logging (LoggingConfiguration) with a log group, or see `history`"
        );
    };
    Ok(group.to_owned())
}

fn now_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// What has been shown: the newest time, and the events since a little before it.
#[derive(Default)]
struct Cursor {
    /// Nothing older is shown.
    since_ms: i64,
    newest_ms: i64,
    shown: BTreeSet<(i64, String)>,
}

impl Cursor {
    /// Whether this event is new; it is then shown.
    fn admit(&mut self, at_ms: i64, event_id: &str) -> bool {
        self.newest_ms = self.newest_ms.max(at_ms);
        let is_new = self.shown.insert((at_ms, event_id.to_owned()));
        let oldest = (self.newest_ms - OVERLAP_MS, String::new());
        self.shown = self.shown.split_off(&oldest);
        is_new
    }
}

fn fresh_events(
    client: &Client,
    group: &str,
    filter: Option<&str>,
    cursor: &mut Cursor,
) -> anyhow::Result<Vec<Value>> {
    let mut fresh = Vec::new();
    let start_ms = (cursor.newest_ms - OVERLAP_MS).max(cursor.since_ms);
    let mut request = json!({ "logGroupName": group, "limit": PAGE_EVENTS, "startTime": start_ms });
    if let Some(filter) = filter {
        request["filterPattern"] = json!(filter);
    }
    for _ in 0..PAGES_MAX {
        let page = match client.logs("FilterLogEvents", &request) {
            Ok(page) => page,
            // AWS: a log group appears with the first invocation.
            Err(error) if error.is("ResourceNotFoundException") => return Ok(fresh),
            Err(error @ Error::Service { .. }) => bail!("logs of {group}: {error}"),
            Err(error) => return Err(error.into()),
        };
        for event in page["events"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default()
        {
            let at_ms = event["timestamp"].as_i64().unwrap_or_default();
            if at_ms >= start_ms
                && cursor.admit(at_ms, event["eventId"].as_str().unwrap_or_default())
            {
                fresh.push(event.clone());
            }
        }
        let Some(token) = page["nextToken"].as_str() else {
            break;
        };
        request["nextToken"] = json!(token);
    }
    Ok(fresh)
}

fn put_event(event: &Value, is_json: bool) {
    if is_json {
        terminal::put_json(event);
        return;
    }
    let message = terminal::harmless(event["message"].as_str().unwrap_or_default());
    let message = message.trim_end();
    let style = Style::of_stdout();
    let is_platform = [
        "START RequestId",
        "END RequestId",
        "REPORT RequestId",
        "INIT_START",
    ]
    .iter()
    .any(|start| message.starts_with(start));
    terminal::put_line(&if is_platform {
        style.dim(message)
    } else {
        message.to_owned()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_stand_below_the_names_of_their_columns() {
        let row = |cells: &[(&str, &str)]| -> Vec<(String, String)> {
            cells
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect()
        };
        let rows = [row(&[("level", "ERROR"), ("n", "5")]), row(&[("n", "12")])];
        let lines: Vec<String> = table(&rows)
            .iter()
            .map(|line| line.trim_end().to_owned())
            .collect();
        assert_eq!(lines, ["level  n", "ERROR  5", "       12"]);
    }

    #[test]
    fn an_event_is_shown_once_and_old_ones_are_forgotten() {
        let mut cursor = Cursor::default();
        assert!(cursor.admit(1_000, "a"));
        assert!(!cursor.admit(1_000, "a"));
        assert!(cursor.admit(900, "b"), "a little late");
        assert!(cursor.admit(10_000, "c"));
        assert_eq!(
            cursor.shown.len(),
            1,
            "the cursor does not grow with the log"
        );
    }
}
