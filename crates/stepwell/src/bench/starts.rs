//! `transitions`, `start` and `latency`: executions of Pass states, which end in the commit that starts them.

use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::definitions::{create, passes, text};
use super::echo::Echo;
use super::load::{self, Connection, Done, Until, states_request};
use super::machine::{self, DISK_TIME};
use super::plan::Plan;
use super::server::{Server, Used};
use super::table::{Limit, Table, Target};
use crate::client::Client;

/// Pass states of the `transitions` machine: transitions of one execution, as AWS bills them.
const PASSES: usize = 10;
/// Turns of a rate and its limit, so that they share what else the machine does; the middle one counts.
const TURNS: usize = 3;
/// Bytes of the payload that is passed through.
const PAYLOAD_BYTES: usize = 1_024;
/// Payloads that take turns, so that a store which compresses gains nothing from their being alike.
const PAYLOADS: usize = 256;
/// For flushes and compactions after the load.
const SETTLE_TIME: Duration = Duration::from_secs(2);
/// Between two questions whether an execution has ended.
const ASK: Duration = Duration::from_millis(20);
/// How long executions may go on after the last answer.
const END_PATIENCE: Duration = Duration::from_secs(60);

/// Standard executions of ten Pass states: durable transitions a second, and the bytes that they cost.
pub fn transitions(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("transitions")?;
    let arn = create(server.endpoint(), "ten", "STANDARD", &passes(PASSES))?;
    let starts = [start_request(server.endpoint(), &arn, r#"{"order": 1}"#)];
    warm(plan, &server, &starts)?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        turns.push(turn(plan, &server, &arn, &starts)?);
    }
    turns.sort_by(|one, other| one.per_log().total_cmp(&other.per_log()));
    let middle = &turns[TURNS / 2];
    let rate = middle.rate() * PASSES as f64;
    let clients = plan.clients;
    table.target(
        format!("durable state transitions, {clients} clients, {PASSES} Pass states"),
        rate,
        "a second",
        Target::AtLeast(60_000.0),
    );
    if let Some(log) = middle.log {
        table.beside(
            "  the same beside a log",
            rate,
            "a second",
            Limit::new(
                "a raw append log of the same batches",
                log * PASSES as f64,
                "a second",
            ),
            Some(Target::RatioAtLeast(0.6)),
        );
    }
    let events = events_of_one(&server, &arn)?;
    table.figure("  history events", middle.rate() * events, "a second");
    batches(table, middle, PASSES as f64, "transition");
    cost(
        table,
        &middle.used,
        middle.executions * PASSES as u64,
        "transition",
    );
    table.note(format!(
        "{} executions in {:.1} s; one has {events} events. All had succeeded when the time was taken.",
        middle.executions,
        middle.elapsed.as_secs_f64()
    ));
    plan.end(server, "transitions")?;
    bytes(plan, table)
}

/// What is written to disk when a payload of 1 KB is passed through.
fn bytes(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("payload")?;
    let arn = create(server.endpoint(), "ten", "STANDARD", &passes(PASSES))?;
    let starts: Vec<Vec<u8>> = (0..PAYLOADS)
        .map(|number| start_request(server.endpoint(), &arn, &payload(number)))
        .collect();
    let meter = server.meter();
    let done = load::closed(
        server.endpoint(),
        &starts,
        plan.clients,
        Until::Over(plan.time),
    )?;
    all_succeeded(&server, &arn)?;
    std::thread::sleep(SETTLE_TIME);
    let used = meter.used(&server);
    let transitions = (done.calls * PASSES as u64) as f64;
    let written = used.written_bytes as f64 / transitions;
    let what = format!("bytes written a transition, {PAYLOAD_BYTES} bytes passed through");
    let target = Target::AtMost(300.0);
    match used.commits {
        Some(commits) => table.beside(
            what,
            written,
            "B",
            Limit::new(
                "keys and values of its rows",
                commits.bytes as f64 / transitions,
                "B",
            ),
            Some(target),
        ),
        None => table.target(what, written, "B", target),
    }
    let rate = done.rate() * PASSES as f64;
    table.figure("  transitions with it", rate, "a second");
    cost(
        table,
        &used,
        done.calls * PASSES as u64,
        "transition with it",
    );
    table.note(
        "Bytes written are write_bytes of /proc/PID/io: journal, tables and compactions, by whole pages.",
    );
    plan.end(server, "payload")
}

/// StartExecution of one Pass state: how many a second, and how late at half of that.
pub fn start(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("start")?;
    let arn = create(server.endpoint(), "one", "STANDARD", &passes(1))?;
    let starts = [start_request(server.endpoint(), &arn, r#"{"order": 1}"#)];
    warm(plan, &server, &starts)?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        turns.push(turn(plan, &server, &arn, &starts)?);
    }
    turns.sort_by(|one, other| one.per_log().total_cmp(&other.per_log()));
    let middle = &turns[TURNS / 2];
    let what = format!("durable starts, {} clients, one Pass state", plan.clients);
    match middle.log {
        Some(log) => table.beside(
            what,
            middle.rate(),
            "a second",
            Limit::new("a raw append log of the same batches", log, "a second"),
            None,
        ),
        None => table.figure(what, middle.rate(), "a second"),
    }
    table.figure("  p50", middle.done.ms(0.5), "ms");
    table.figure("  p99", middle.done.ms(0.99), "ms");
    batches(table, middle, 1.0, "start");
    cost(table, &middle.used, middle.executions, "start");
    half(plan, &server, &starts[0], middle.rate() / 2.0, table)?;
    plan.end(server, "start")
}

/// The p99 of starts that come at half of the peak rate.
fn half(
    plan: &Plan,
    server: &Server,
    start: &[u8],
    rate: f64,
    table: &mut Table,
) -> anyhow::Result<()> {
    let disk_time = DISK_TIME.min(plan.time);
    let before = machine::disk(plan.directory(), disk_time)?;
    load::open(server.endpoint(), start, rate, plan.time / 4)?;
    let done = load::open(server.endpoint(), start, rate, plan.time)?;
    let disk = before.and(machine::disk(plan.directory(), disk_time)?);
    table.figure(
        "starts that came at half of the peak",
        done.rate(),
        "a second",
    );
    table.figure("  p50", done.ms(0.5), "ms");
    table.beside(
        "  p99",
        done.ms(0.99),
        "ms",
        Limit::new("a synced 4 KB append, p50", ms(disk.sync_p50()), "ms"),
        Some(Target::RatioAtMost(3.0)),
    );
    table.note("Starts at half of the peak come at their instants, evenly; latency counts from the instant, so what is held up is late.");
    Ok(())
}

/// One client: a Standard execution to its end, and an Express one in its call.
pub fn latency(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("latency")?;
    let endpoint = server.endpoint();
    let standard = create(endpoint, "standard", "STANDARD", &passes(1))?;
    let express = create(endpoint, "express", "EXPRESS", &passes(1))?;
    let start = start_request(endpoint, &standard, r#"{"order": 1}"#);
    let sync = sync_request(endpoint, &express, r#"{"order": 1}"#);
    let answer_bytes = Connection::open(endpoint)?.call(&sync)?.len();
    let echo = Echo::start(answer_bytes)?;
    to_the_end(endpoint, &start, plan.time / 4)?;
    let disk_time = DISK_TIME.min(plan.time);
    let mut disk = machine::disk(plan.directory(), disk_time)?;
    let ended = to_the_end(endpoint, &start, plan.time)?;
    disk = disk.and(machine::disk(plan.directory(), disk_time)?);
    let sync_p50 = ms(disk.sync_p50());
    table.beside(
        "Standard start to SUCCEEDED, 1 client, one Pass state, p50",
        ended.ms(0.5),
        "ms",
        Limit::new("a synced 4 KB append, p50", sync_p50, "ms"),
        Some(Target::AtMost(1.2 * sync_p50 + 0.5)),
    );
    table.figure("  p99", ended.ms(0.99), "ms");
    table.figure("  synced 4 KB appends", disk.syncs_per_second(), "a second");
    let one = |endpoint: &str| {
        let requests = std::slice::from_ref(&sync);
        load::closed(endpoint, requests, 1, Until::Over(plan.time / 2))
    };
    let (echoed, ran) = (one(&echo.endpoint())?, one(endpoint)?);
    table.beside(
        "Express StartSyncExecution, 1 client, one Pass state, p50",
        ran.ms(0.5),
        "ms",
        Limit::new("HTTP echo", echoed.ms(0.5), "ms"),
        None,
    );
    table.beside(
        "  p99",
        ran.ms(0.99),
        "ms",
        Limit::new("HTTP echo", echoed.ms(0.99), "ms"),
        None,
    );
    table.note(format!(
        "The target of the Standard start is 1.2 x the synced append + 0.5 ms = {:.2} ms. SUCCEEDED is what one \
         DescribeExecution after the answer says; both calls are in the figure. An execution of Pass states ends in \
         the commit that starts it, so no client asks twice.",
        1.2 * sync_p50 + 0.5
    ));
    plan.end(server, "latency")
}

/// StartExecution, then DescribeExecution until it has succeeded, over and over.
fn to_the_end(endpoint: &str, start: &[u8], time: Duration) -> anyhow::Result<Done> {
    load::each(1, time, || {
        let mut connection = Connection::open(endpoint)?;
        Ok(move || {
            let started: Value = serde_json::from_slice(connection.call(start)?)?;
            let describe = states_request(
                endpoint,
                "DescribeExecution",
                &json!({ "executionArn": started["executionArn"], "includedData": "METADATA_ONLY" })
                    .to_string(),
            );
            loop {
                let described: Value = serde_json::from_slice(connection.call(&describe)?)?;
                match described["status"].as_str() {
                    Some("SUCCEEDED") => return Ok(()),
                    Some("RUNNING") => {}
                    _ => anyhow::bail!("an execution of the benchmark failed: {described}"),
                }
            }
        })
    })
}

/// A rate, and what a raw append log did with the same batches right after it.
struct Turn {
    done: Done,
    executions: u64,
    elapsed: Duration,
    used: Used,
    /// Executions a second that the log held; `None` if the server does not tell its commits.
    log: Option<f64>,
}

impl Turn {
    fn rate(&self) -> f64 {
        self.executions as f64 / self.elapsed.as_secs_f64()
    }

    fn per_log(&self) -> f64 {
        self.rate() / self.log.unwrap_or(1.0)
    }
}

fn turn(plan: &Plan, server: &Server, arn: &str, starts: &[Vec<u8>]) -> anyhow::Result<Turn> {
    let time = plan.time / TURNS as u32;
    let meter = server.meter();
    let began = Instant::now();
    let done = load::closed(server.endpoint(), starts, plan.clients, Until::Over(time))?;
    all_succeeded(server, arn)?;
    let elapsed = began.elapsed();
    let used = meter.used(server);
    let log = match used.commits {
        Some(commits) if commits.count > 0 => {
            let batch_bytes = (commits.bytes / commits.count) as usize;
            let log = machine::append_log(plan.directory(), batch_bytes, time.min(DISK_TIME))?;
            Some(log.syncs_per_second() * done.calls as f64 / commits.count as f64)
        }
        _ => None,
    };
    Ok(Turn {
        executions: done.calls,
        done,
        elapsed,
        used,
        log,
    })
}

fn warm(plan: &Plan, server: &Server, requests: &[Vec<u8>]) -> anyhow::Result<()> {
    let until = Until::Over(plan.time / 4);
    load::closed(server.endpoint(), requests, plan.clients, until).map(drop)
}

/// Returns when no execution runs any more; an error if one did not succeed.
pub fn all_succeeded(server: &Server, arn: &str) -> anyhow::Result<()> {
    let client = Client::new(server.endpoint())?;
    let has = |status: &str| -> anyhow::Result<bool> {
        let input = json!({ "stateMachineArn": arn, "statusFilter": status, "maxResults": 1 });
        let listed = client.states("ListExecutions", &input)?;
        Ok(listed["executions"]
            .as_array()
            .is_some_and(|found| !found.is_empty()))
    };
    let began = Instant::now();
    while has("RUNNING")? {
        ensure!(
            began.elapsed() < END_PATIENCE,
            "executions still run {END_PATIENCE:?} after the last start"
        );
        std::thread::sleep(Duration::from_millis(5));
    }
    for status in ["FAILED", "TIMED_OUT", "ABORTED"] {
        ensure!(!has(status)?, "an execution of the benchmark is {status}");
    }
    Ok(())
}

/// How many events the history of one execution has.
fn events_of_one(server: &Server, arn: &str) -> anyhow::Result<f64> {
    let client = Client::new(server.endpoint())?;
    let input = json!({ "stateMachineArn": arn, "maxResults": 1 });
    let listed = client.states("ListExecutions", &input)?;
    let execution = text(&listed["executions"][0], "executionArn")?;
    let input = json!({ "executionArn": execution, "maxResults": 1_000 });
    let history = client.states("GetExecutionHistory", &input)?;
    Ok(history["events"].as_array().map_or(0, Vec::len) as f64)
}

fn batches(table: &mut Table, turn: &Turn, operations: f64, what: &str) {
    let Some(commits) = turn.used.commits.filter(|commits| commits.count > 0) else {
        table.note("This server does not tell its commits: there is no log to compare with.");
        return;
    };
    let count = commits.count as f64;
    let seconds = turn.elapsed.as_secs_f64();
    table.figure("  commits", count / seconds, "a second");
    let each = turn.executions as f64 * operations / count;
    table.figure(format!("  {what}s a commit"), each, "");
    table.figure("  bytes a commit", commits.bytes as f64 / count, "B");
    let each = commits.rows as f64 / (turn.executions as f64 * operations);
    table.figure(format!("  rows a {what}"), each, "");
}

/// Processor time of the server and of the load generator for each of `count` operations.
pub fn cost(table: &mut Table, used: &Used, count: u64, what: &str) {
    let each = |time: Duration| time.as_secs_f64() * 1e6 / count.max(1) as f64;
    table.figure(
        format!("  server's processor time a {what}"),
        each(used.server_cpu),
        "us",
    );
    table.figure(
        format!("  load generator's processor time a {what}"),
        each(used.own_cpu),
        "us",
    );
}

pub fn start_request(endpoint: &str, arn: &str, input: &str) -> Vec<u8> {
    let body = json!({ "stateMachineArn": arn, "input": input });
    states_request(endpoint, "StartExecution", &body.to_string())
}

pub fn sync_request(endpoint: &str, arn: &str, input: &str) -> Vec<u8> {
    let body = json!({ "stateMachineArn": arn, "input": input });
    states_request(endpoint, "StartSyncExecution", &body.to_string())
}

/// Asks until an execution has ended, however it ends; an error after `patience`.
pub fn until_ended(
    connection: &mut Connection,
    endpoint: &str,
    execution: &str,
    patience: Duration,
) -> anyhow::Result<()> {
    let input = json!({ "executionArn": execution, "includedData": "METADATA_ONLY" });
    let describe = states_request(endpoint, "DescribeExecution", &input.to_string());
    let began = Instant::now();
    loop {
        let described: Value = serde_json::from_slice(connection.call(&describe)?)?;
        if described["status"] != "RUNNING" {
            return Ok(());
        }
        ensure!(
            began.elapsed() < patience,
            "{execution} still runs after {patience:?}"
        );
        std::thread::sleep(ASK);
    }
}

/// An order of 1 KB; its values are as unlike those of another as values of orders are.
fn payload(number: usize) -> String {
    let mut state = number as u64 * 2 + 1;
    let mut draw = move || {
        // Knuth's linear congruential generator: its upper bits are random enough.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        state >> 33
    };
    let mut text = format!(r#"{{"order":"{:08x}","lines":["#, draw());
    let line = |draw: &mut dyn FnMut() -> u64| {
        format!(
            r#"{{"sku":"{:08x}","amount":{},"cents":{}}},"#,
            draw(),
            draw() % 100,
            draw() % 100_000
        )
    };
    loop {
        let next = line(&mut draw);
        if text.len() + next.len() > PAYLOAD_BYTES - 32 {
            break;
        }
        text.push_str(&next);
    }
    text.push_str(r#"{}],"note":""#);
    while text.len() < PAYLOAD_BYTES - 2 {
        text.push(char::from(b'a' + (draw() % 26) as u8));
    }
    text.push_str("\"}");
    text
}

pub fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_have_their_size_and_differ() {
        let (one, other) = (payload(0), payload(1));
        for text in [&one, &other] {
            assert_eq!(text.len(), PAYLOAD_BYTES);
            assert!(serde_json::from_str::<Value>(text).is_ok(), "{text}");
        }
        assert_ne!(one, other);
    }
}
