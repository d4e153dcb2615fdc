//! The same load with telemetry and without, in turns: what it costs the engine.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::definitions::{ROLE, passes, text};
use super::super::load::{self, Connection, Until};
use super::super::plan::Plan;
use super::super::server::Server;
use super::super::starts::{start_request, sync_request};
use super::super::table::{Limit, Table, Target};
use crate::client::Client;

/// Pass states of an execution: transitions, as AWS bills them.
const PASSES: usize = 10;

/// Pairs; the middle ratio counts.
const PAIRS: usize = 5;

/// A turn takes this part of the time of a rate.
const TURNS: u32 = 3;

/// How often Prometheus scrapes.
const SCRAPE_EVERY: Duration = Duration::from_secs(1);

/// Where the executions of the load are logged.
const LOG_GROUP: &str = "/aws/vendedlogs/states/bench";

/// The least that the engine keeps of its throughput.
const RATIO_MIN: f64 = 0.9;

/// One side of a pair.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    /// Nothing is observed.
    Off,
    /// Metrics, failures logged, tracing on at the default sampling rate, `/metrics` scraped.
    On,
}

/// A kind of load.
#[derive(Clone, Copy)]
struct Load {
    what: &'static str,
    kind: &'static str,
    request: fn(&str, &str, &str) -> Vec<u8>,
}

const LOADS: [Load; 2] = [
    Load {
        what: "Standard, durable transitions",
        kind: "STANDARD",
        request: start_request,
    },
    Load {
        what: "Express, transitions",
        kind: "EXPRESS",
        request: sync_request,
    },
];

/// What one side did.
struct Ran {
    /// Executions a second.
    rate: f64,
    /// Processor time of the server for one execution.
    cpu: Duration,
    scrapes: u64,
}

/// Standard and Express executions of ten Pass states, with telemetry and without.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    for load in LOADS {
        pairs(plan, table, load)?;
    }
    table.note(format!(
        "With: metrics of AWS/States, failures logged, tracing on at the default sampling rate, /metrics scraped every {} s. \
         Without: serve --telemetry off, no logging, no tracing. Each side has a server on an empty store, in turns; \
         of {PAIRS} pairs the middle ratio is shown.",
        SCRAPE_EVERY.as_secs()
    ));
    Ok(())
}

fn pairs(plan: &Plan, table: &mut Table, load: Load) -> anyhow::Result<()> {
    let mut pairs = Vec::new();
    for number in 0..PAIRS {
        // Whoever is second finds a warmer or a busier machine: they take turns.
        let pair = if number % 2 == 0 {
            let off = side(plan, load, Side::Off)?;
            (off, side(plan, load, Side::On)?)
        } else {
            let on = side(plan, load, Side::On)?;
            (side(plan, load, Side::Off)?, on)
        };
        pairs.push(pair);
    }
    pairs.sort_by(|one, other| {
        let ratio = |pair: &(Ran, Ran)| pair.1.rate / pair.0.rate;
        ratio(one).total_cmp(&ratio(other))
    });
    let (off, on) = &pairs[PAIRS / 2];
    let transitions = |ran: &Ran| ran.rate * PASSES as f64;
    table.beside(
        format!("{} with telemetry, {} clients", load.what, plan.clients),
        transitions(on),
        "a second",
        Limit::new("the same without", transitions(off), "a second"),
        Some(Target::RatioAtLeast(RATIO_MIN)),
    );
    let micros = |ran: &Ran| ran.cpu.as_secs_f64() * 1e6 / PASSES as f64;
    table.beside(
        "  processor time of a transition",
        micros(on),
        "us",
        Limit::new("without", micros(off), "us"),
        None,
    );
    table.figure("  scrapes of /metrics meanwhile", on.scrapes as f64, "");
    Ok(())
}

fn side(plan: &Plan, load: Load, side: Side) -> anyhow::Result<Ran> {
    let name = "telemetry-paired";
    let arguments: &[&str] = match side {
        Side::Off => &["--telemetry", "off"],
        Side::On => &[],
    };
    let server = plan.serve_with(name, arguments)?;
    let arn = create(server.endpoint(), load.kind, side)?;
    let requests = [(load.request)(server.endpoint(), &arn, r#"{"order": 1}"#)];
    let warm = Until::Over(plan.time / (4 * TURNS));
    load::closed(server.endpoint(), &requests, plan.clients, warm)?;
    let ran = measured(plan, &server, &requests, side)?;
    plan.end(server, name)?;
    Ok(ran)
}

fn measured(plan: &Plan, server: &Server, requests: &[Vec<u8>], side: Side) -> anyhow::Result<Ran> {
    let (is_over, scrapes) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        if side == Side::On {
            scope.spawn(|| scrape(server.endpoint(), &is_over, &scrapes));
        }
        let until = Until::Over(plan.time / TURNS);
        let meter = server.meter();
        let done = load::closed(server.endpoint(), requests, plan.clients, until);
        let used = meter.used(server);
        is_over.store(true, Ordering::Relaxed);
        let done = done?;
        Ok(Ran {
            rate: done.rate(),
            cpu: used.server_cpu / u32::try_from(done.calls.max(1)).unwrap_or(u32::MAX),
            scrapes: scrapes.load(Ordering::Relaxed),
        })
    })
}

/// Reads `/metrics` until it is over, as Prometheus does.
fn scrape(endpoint: &str, is_over: &AtomicBool, scrapes: &AtomicU64) {
    let host = endpoint.trim_start_matches("http://");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let Ok(mut connection) = Connection::open(endpoint) else {
        return;
    };
    let mut next = Instant::now();
    while !is_over.load(Ordering::Relaxed) {
        if Instant::now() >= next {
            next += SCRAPE_EVERY;
            // A server that answers nothing any more is told by the load.
            if connection.call(request.as_bytes()).is_ok() {
                scrapes.fetch_add(1, Ordering::Relaxed);
            }
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn create(endpoint: &str, kind: &str, side: Side) -> anyhow::Result<String> {
    let client = Client::new(endpoint)?;
    let mut input = json!({
        "name": "ten", "type": kind, "definition": passes(PASSES).to_string(), "roleArn": ROLE,
    });
    if side == Side::On {
        client.logs("CreateLogGroup", &json!({ "logGroupName": LOG_GROUP }))?;
        let group = format!("arn:aws:logs:us-east-1:123456789012:log-group:{LOG_GROUP}:*");
        input["tracingConfiguration"] = json!({ "enabled": true });
        input["loggingConfiguration"] = json!({
            "level": "ERROR",
            "destinations": [{ "cloudWatchLogsLogGroup": { "logGroupArn": group } }],
        });
    }
    let created: Value = client.states("CreateStateMachine", &input)?;
    text(&created, "stateMachineArn")
}
