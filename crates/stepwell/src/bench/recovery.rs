//! `recovery`: how long a start takes after `kill -9`, with many finished executions and with tasks in flight.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::definitions::{create, function, passes, tasks, text};
use super::load::{self, Until};
use super::plan::Plan;
use super::starts::{all_succeeded, start_request};
use super::table::{Limit, Table};
use crate::client::Client;

/// Finished executions of the last start.
const FINISHED: u64 = 200_000;
/// Parts of them after which the server is killed, as quarters.
const QUARTERS: [u64; 3] = [1, 2, 4];
/// Functions that run when the server is killed; each is a process.
const IN_FLIGHT: usize = 16;
/// Longer than the benchmark looks, shorter than the function's time-out.
const SLOW: &str =
    "exports.handler = () => new Promise((resolve) => setTimeout(resolve, 50000));\n";
/// What a task fails with when its outcome is unknown.
const LOST_TASK: &str = "Lambda.SdkClientException";
const PATIENCE: Duration = Duration::from_secs(45);
const ASK: Duration = Duration::from_millis(10);

pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    finished(plan, table)?;
    in_flight(plan, table)
}

fn finished(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    const NAME: &str = "finished";
    let count = plan.count_or(FINISHED);
    let server = plan.serve(NAME)?;
    let arn = create(server.endpoint(), "one", "STANDARD", &passes(1))?;
    server.kill();
    let mut server = plan.serve_again(NAME)?;
    let empty = server.started_in;
    table.figure(
        "a start after kill -9, no execution",
        empty.as_secs_f64() * 1e3,
        "ms",
    );
    let mut done = 0;
    for quarters in QUARTERS {
        let more = (count * quarters / 4).saturating_sub(done);
        let start = [start_request(server.endpoint(), &arn, r#"{"order": 1}"#)];
        let until = Until::Sent(more);
        load::closed(server.endpoint(), &start, plan.clients, until)?;
        done += more;
        server.kill();
        server = plan.serve_again(NAME)?;
        table.beside(
            format!("a start after kill -9, {done} finished executions"),
            server.started_in.as_secs_f64() * 1e3,
            "ms",
            Limit::new("the start with none", empty.as_secs_f64() * 1e3, "ms"),
            None,
        );
    }
    all_succeeded(&server, &arn)?;
    let resident = server.resident_bytes() as f64 / 1e6;
    table.figure("  resident memory then", resident, "MB");
    plan.end(server, NAME)
}

fn in_flight(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    const NAME: &str = "in-flight";
    let server = plan.serve(NAME)?;
    let client = Client::new(server.endpoint())?;
    let slow = function(&client, "slow", SLOW)?;
    let arn = create(server.endpoint(), "slow", "STANDARD", &tasks(&slow, 1))?;
    let input = json!({ "stateMachineArn": arn });
    let executions: Vec<String> = (0..IN_FLIGHT)
        .map(|_| text(&client.states("StartExecution", &input)?, "executionArn"))
        .collect::<anyhow::Result<_>>()?;
    for execution in &executions {
        until(|| has_started(&client, execution))?;
    }
    server.kill();
    let killed = Instant::now();
    let server = plan.serve_again(NAME)?;
    let client = Client::new(server.endpoint())?;
    for execution in &executions {
        until(|| is_lost(&client, execution))?;
    }
    let settled = killed.elapsed();
    table.figure(
        format!("a start after kill -9, {IN_FLIGHT} tasks in flight"),
        server.started_in.as_secs_f64() * 1e3,
        "ms",
    );
    table.figure(
        "  from the start until all were known as lost",
        settled.as_secs_f64() * 1e3,
        "ms",
    );
    table.note(format!(
        "A function that ran when the server was killed is not run again: its task fails with {LOST_TASK}, for Retry and Catch to decide."
    ));
    plan.end(server, NAME)
}

fn has_started(client: &Client, execution: &str) -> anyhow::Result<bool> {
    let history = client.states("GetExecutionHistory", &json!({ "executionArn": execution }))?;
    let events = history["events"].as_array().context("no events")?;
    Ok(events
        .iter()
        .any(|event| event["type"] == "LambdaFunctionStarted"))
}

fn is_lost(client: &Client, execution: &str) -> anyhow::Result<bool> {
    let described: Value =
        client.states("DescribeExecution", &json!({ "executionArn": execution }))?;
    if described["status"] == "RUNNING" {
        return Ok(false);
    }
    ensure!(
        described["status"] == "FAILED" && described["error"] == LOST_TASK,
        "a task in flight ended as {described}"
    );
    Ok(true)
}

fn until(is_so: impl Fn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let began = Instant::now();
    while !is_so()? {
        ensure!(
            began.elapsed() < PATIENCE,
            "what was waited for did not happen within {PATIENCE:?}"
        );
        std::thread::sleep(ASK);
    }
    Ok(())
}
