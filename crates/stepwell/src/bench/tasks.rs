//! `tasks`: a Node.js function that does nothing, through Task states and without any state machine.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::bare;
use super::definitions::{self, NO_OP, RUNTIME, create, no_op_function};
use super::load::{Connection, Done, each, states_request};
use super::plan::Plan;
use super::starts::cost;
use super::table::{Limit, Table};
use crate::client::Client;
use crate::packaging;

/// Task states of one execution.
const TASKS: usize = 100;
/// Executions at one time; each has an environment, which is a process.
const EXECUTIONS_MAX: usize = 32;
/// Between two questions whether an execution has ended.
const ASK_MIN: Duration = Duration::from_micros(100);
const ASK_MAX: Duration = Duration::from_millis(20);
/// Clients that do not keep the server busy.
const FEW: usize = 8;

/// Invocations a second that Standard executions make, beside those of the bare Runtime API loop.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("tasks")?;
    let endpoint = server.endpoint();
    let function = no_op_function(&Client::new(endpoint)?)?;
    let definition = definitions::tasks(&function, TASKS);
    let arn = create(endpoint, "tasks", "STANDARD", &definition)?;
    let clients = plan.clients.min(EXECUTIONS_MAX);
    // Warm: every environment that will be used has been started.
    executions(endpoint, &arn, clients, plan.time / 4)?;
    let meter = server.meter();
    let ran = executions(endpoint, &arn, clients, plan.time)?;
    let used = meter.used(&server);
    let package = packaging::inline(NO_OP, RUNTIME).map_err(anyhow::Error::msg)?;
    let cache = plan.directory().join("bare");
    let bare = bare::rate(&package.zip, &cache, clients, plan.time / 2)?;
    table.beside(
        format!("no-op tasks of Standard executions, {clients} at once"),
        ran.rate() * TASKS as f64,
        "a second",
        Limit::new("the bare Runtime API loop", bare, "calls/s"),
        None,
    );
    cost(table, &used, ran.calls * TASKS as u64, "task");
    if let Some(commits) = used.commits.filter(|commits| commits.count > 0) {
        let each = ran.calls as f64 * TASKS as f64 / commits.count as f64;
        table.figure("  tasks a commit", each, "");
    }
    plan.end(server, "tasks")
}

/// Keeps `clients` executions running for `time`; each is waited for to its end.
pub fn executions(
    endpoint: &str,
    arn: &str,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Done> {
    let start = states_request(
        endpoint,
        "StartExecution",
        &json!({ "stateMachineArn": arn }).to_string(),
    );
    // One client is measured, so it must know soon. Many keep the server busy: each question of theirs is time that the
    // server does not run executions in.
    let asks = if clients > FEW { 6 } else { 20 };
    each(clients, time, || {
        let mut connection = Connection::open(endpoint)?;
        let start = &start;
        let mut expected = Duration::ZERO;
        Ok(move || {
            let began = Instant::now();
            let started: Value = serde_json::from_slice(connection.call(start)?)?;
            let describe = states_request(
                endpoint,
                "DescribeExecution",
                &json!({ "executionArn": started["executionArn"], "includedData": "METADATA_ONLY" })
                    .to_string(),
            );
            // Asking takes the server's time: what even a quick execution takes is slept through.
            std::thread::sleep(expected.saturating_sub(began.elapsed()));
            let ended = loop {
                let described: Value = serde_json::from_slice(connection.call(&describe)?)?;
                match described["status"].as_str() {
                    Some("SUCCEEDED") => break described,
                    Some("RUNNING") => {
                        std::thread::sleep((began.elapsed() / asks).clamp(ASK_MIN, ASK_MAX));
                    }
                    _ => anyhow::bail!("an execution of the benchmark failed: {described}"),
                }
            };
            expected = sooner(expected, ran_for(&ended));
            Ok(())
        })
    })
}

/// How long the next execution takes at least, after one that took `ran`.
///
/// The clients of a loop that wait too long together leave the server without work: a quick execution counts at once, a
/// slow one little by little.
fn sooner(expected: Duration, ran: Duration) -> Duration {
    let ran = ran * 9 / 10;
    if expected.is_zero() || ran < expected {
        ran
    } else {
        (expected * 15 + ran) / 16
    }
}

/// How long the server says that an ended execution ran; to the millisecond, which is what it tells.
fn ran_for(described: &Value) -> Duration {
    let at = |member: &str| described[member].as_f64().unwrap_or_default();
    Duration::from_secs_f64((at("stopDate") - at("startDate")).max(0.0))
}
