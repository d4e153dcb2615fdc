//! `history`: the longest history that there is, read page by page.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::definitions::create;
use super::echo::Echo;
use super::load::{self, Connection, Until, states_request};
use super::plan::Plan;
use super::starts::{ms, start_request, until_ended};
use super::table::{Limit, Table, Target};

/// AWS: a history has at most 25,000 events.
const EVENTS: usize = 25_000;
/// AWS: the largest page.
const PAGE_EVENTS: usize = 1_000;
/// Longest wait for the execution that has them.
const PATIENCE: Duration = Duration::from_secs(120);

pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("history")?;
    let endpoint = server.endpoint();
    // It goes round until its history is full, which ends it: no order is 0.
    let definition = json!({
        "StartAt": "Round",
        "States": {
            "Round": {
                "Type": "Choice",
                "Choices": [{ "Variable": "$.order", "NumericEquals": 0, "Next": "End" }],
                "Default": "Again",
            },
            "Again": { "Type": "Pass", "Next": "Round" },
            "End": { "Type": "Succeed" },
        },
    });
    let arn = create(endpoint, "endless", "STANDARD", &definition)?;
    let mut connection = Connection::open(endpoint)?;
    let start = start_request(endpoint, &arn, r#"{"order": 1}"#);
    let began = Instant::now();
    let started: Value = serde_json::from_slice(connection.call(&start)?)?;
    let execution = started["executionArn"].as_str().context("no execution")?;
    until_ended(&mut connection, endpoint, execution, PATIENCE)?;
    let filled = began.elapsed();
    let (mut times, mut bytes, mut reads) = (Vec::new(), 0, 0);
    let meter = server.meter();
    let began = Instant::now();
    while reads == 0 || began.elapsed() < plan.time {
        let read = pages(&mut connection, endpoint, execution)?;
        ensure!(
            read.events == EVENTS,
            "a history of {} events instead of {EVENTS}",
            read.events
        );
        bytes = read.bytes / read.times.len();
        times.extend(read.times);
        reads += 1;
    }
    let used = meter.used(&server);
    let count = times.len();
    times.sort_unstable();
    let at = |part: f64| ms(times[((count - 1) as f64 * part).round() as usize]);
    let echo = Echo::start(bytes)?;
    let input = json!({ "executionArn": execution, "maxResults": PAGE_EVENTS });
    let request = states_request(&echo.endpoint(), "GetExecutionHistory", &input.to_string());
    let until = Until::Over(plan.time / 4);
    let echoed = load::closed(&echo.endpoint(), &[request], 1, until)?;
    table.beside(
        format!("history of {EVENTS} events, a page of {PAGE_EVENTS}, p50"),
        at(0.5),
        "ms",
        Limit::new("HTTP echo of its bytes", echoed.ms(0.5), "ms"),
        Some(Target::AtMost(10.0)),
    );
    table.figure("  p99", at(0.99), "ms");
    table.figure("  bytes of a page", bytes as f64, "B");
    table.figure(
        "  server's processor time a page",
        ms(used.server_cpu) / count as f64,
        "ms",
    );
    table.figure("time until the history was full", ms(filled), "ms");
    plan.end(server, "history")
}

/// One history, page by page.
struct Read {
    times: Vec<Duration>,
    events: usize,
    bytes: usize,
}

fn pages(connection: &mut Connection, endpoint: &str, execution: &str) -> anyhow::Result<Read> {
    let mut read = Read {
        times: Vec::new(),
        events: 0,
        bytes: 0,
    };
    let mut input = json!({ "executionArn": execution, "maxResults": PAGE_EVENTS });
    loop {
        let request = states_request(endpoint, "GetExecutionHistory", &input.to_string());
        let asked = Instant::now();
        let answer = connection.call(&request)?;
        read.times.push(asked.elapsed());
        read.bytes += answer.len();
        let page: Value = serde_json::from_slice(answer)?;
        read.events += page["events"].as_array().map_or(0, Vec::len);
        match page.get("nextToken").filter(|token| !token.is_null()) {
            Some(token) => input["nextToken"] = token.clone(),
            None => return Ok(read),
        }
        ensure!(
            read.events <= EVENTS,
            "a history has more than {EVENTS} events"
        );
    }
}
