//! `map`: ten thousand iterations inside one execution, and a hundred thousand child executions.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::definitions::create;
use super::load::{Connection, states_request};
use super::machine::p50;
use super::plan::Plan;
use super::server::Server;
use super::starts::{cost, ms, start_request, sync_request, until_ended};
use super::table::{Table, Target};

/// Children of the distributed map; an inline one has a tenth of it as items.
const CHILDREN: u64 = 100_000;
/// An input of as many items of one digit stays below AWS's 256 KiB for a payload.
const CHILDREN_MAX: u64 = 130_000;
const CHILDREN_TO_ITEMS: u64 = 10;
/// Times that the inline map runs; the middle one counts.
const TURNS: usize = 5;
/// Longest wait for a map.
const PATIENCE: Duration = Duration::from_secs(180);

pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let children = plan.count_or(CHILDREN).min(CHILDREN_MAX);
    let server = plan.serve("map")?;
    inline(&server, (children / CHILDREN_TO_ITEMS).max(1), table)?;
    plan.end(server, "map")?;
    for kind in ["STANDARD", "EXPRESS"] {
        // On an empty store each: neither pays for the compactions of the other.
        let server = plan.serve("map")?;
        distributed(&server, kind, children, table)?;
        plan.end(server, "map")?;
    }
    table.note(
        "The inline map is in an Express execution: in a Standard one, the four events of an iteration would pass the 25,000 of a \
         history. The state machine of the distributed map is Standard.",
    );
    Ok(())
}

fn inline(server: &Server, items: u64, table: &mut Table) -> anyhow::Result<()> {
    let endpoint = server.endpoint();
    let definition = map(json!({ "Mode": "INLINE" }));
    let arn = create(endpoint, "inline", "EXPRESS", &definition)?;
    let request = sync_request(endpoint, &arn, &zeros(items));
    let mut connection = Connection::open(endpoint)?;
    let mut took = Vec::new();
    let meter = server.meter();
    for _ in 0..TURNS {
        let began = Instant::now();
        let ended: Value = serde_json::from_slice(connection.call(&request)?)?;
        took.push(began.elapsed());
        succeeded(&ended, items)?;
    }
    let used = meter.used(server);
    table.target(
        format!("inline Map of {items} Pass items"),
        p50(took).as_secs_f64(),
        "s",
        Target::AtMost(1.0),
    );
    cost(table, &used, items * TURNS as u64, "item");
    Ok(())
}

fn distributed(
    server: &Server,
    kind: &str,
    children: u64,
    table: &mut Table,
) -> anyhow::Result<()> {
    let endpoint = server.endpoint();
    let definition = map(json!({ "Mode": "DISTRIBUTED", "ExecutionType": kind }));
    let arn = create(endpoint, "distributed", "STANDARD", &definition)?;
    let mut connection = Connection::open(endpoint)?;
    let meter = server.meter();
    let began = Instant::now();
    let start = start_request(endpoint, &arn, &zeros(children));
    let started: Value = serde_json::from_slice(connection.call(&start)?)?;
    let execution = started["executionArn"].as_str().context("no execution")?;
    until_ended(&mut connection, endpoint, execution, PATIENCE)?;
    let took = began.elapsed();
    let used = meter.used(server);
    let input = json!({ "executionArn": execution, "includedData": "ALL_DATA" });
    let describe = states_request(endpoint, "DescribeExecution", &input.to_string());
    let ended: Value = serde_json::from_slice(connection.call(&describe)?)?;
    succeeded(&ended, children)?;
    let what = format!("distributed Map of {children} {kind} children of one Pass state");
    let target = Target::AtMost(30.0);
    table.target(what, took.as_secs_f64(), "s", target);
    let rate = children as f64 / took.as_secs_f64();
    table.figure("  children", rate, "a second");
    if let Some(commits) = used.commits.filter(|commits| commits.count > 0) {
        table.figure(
            "  time from commit to commit",
            ms(took) / commits.count as f64,
            "ms",
        );
        let each = children as f64 / commits.count as f64;
        table.figure("  children a commit", each, "");
    }
    cost(table, &used, children, "child");
    Ok(())
}

/// A Map state whose processor is one Pass state.
fn map(configuration: Value) -> Value {
    let processor = json!({
        "ProcessorConfig": configuration,
        "StartAt": "Pass",
        "States": { "Pass": { "Type": "Pass", "End": true } },
    });
    let map = json!({ "Type": "Map", "ItemProcessor": processor, "End": true });
    json!({ "StartAt": "Map", "States": { "Map": map } })
}

/// An array of so many zeros, as JSON text.
fn zeros(count: u64) -> String {
    let mut text = "0,".repeat(count as usize);
    text.pop();
    format!("[{text}]")
}

/// An error unless the execution has succeeded with the array that it was given.
fn succeeded(ended: &Value, items: u64) -> anyhow::Result<()> {
    let status = ended["status"].as_str();
    ensure!(
        status == Some("SUCCEEDED") && ended["output"].as_str() == Some(&zeros(items)),
        "a map ended {status:?}: {} {}",
        ended["error"],
        ended["cause"]
    );
    Ok(())
}
