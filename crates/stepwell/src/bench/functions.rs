//! `stepwell bench functions`: functions as a table with targets, on a server of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::bare;
use super::load::{Connection, Done, each, invoke_request, states_request};
use super::machine::{self, node, p50};
use super::table::{Table, Target};
use crate::client::{Client, InvokeHow};
use crate::commands::bench::{
    NO_OP, RUNTIME, create_machine, no_op_function, settings, task_states,
};
use crate::embedded::Embedded;
use crate::packaging;

/// Task states of a run.
const RUN_TASKS: usize = 10;
/// Task states of an execution that only carries invocations.
const LONG_TASKS: usize = 400;
/// Callers at one time where a function is held against the bare loop.
const CALLERS: [usize; 2] = [8, 32];
/// Clients of the runs.
const CLIENTS: usize = 64;
/// Times that a cold start, an edit and `node` are measured.
const STARTS: usize = 15;
/// Functions that are only deployed.
const DEPLOYED: usize = 200;
/// Files and functions a file of the handler that is started cold.
const FILES: usize = 50;
const FUNCTIONS_A_FILE: usize = 12;

/// Measures everything; `time` is how long each rate is measured.
pub fn run_all(data: &Path, time: Duration) -> anyhow::Result<Table> {
    let mut table = Table::default();
    let load_before = machine::load();
    let disk = machine::disk(data)?;
    table.figure("synced 4 KB writes", disk.syncs_per_second, "a second");
    let sync_ms = millis(disk.sync_p50);
    table.figure("one synced write, p50", sync_ms, "ms");
    let server = Embedded::start(settings(data))?;
    let measured = with_server(&server.endpoint(), data, time, &mut table);
    server.stop();
    measured?;
    table.note(format!(
        "A run of ten tasks is {} commits one after the other: {:.2} ms of synced writes by the p50 above.",
        RUN_TASKS + 1,
        sync_ms * (RUN_TASKS + 1) as f64
    ));
    table
        .note("The load generator runs on the same processors, in the same process as the server.");
    table.note(format!(
        "Before: {load_before}. After: {}.",
        machine::load()
    ));
    Ok(table)
}

fn with_server(
    endpoint: &str,
    data: &Path,
    time: Duration,
    table: &mut Table,
) -> anyhow::Result<()> {
    let client = Client::new(endpoint)?;
    let no_op = no_op_function(&client)?;
    runs(&client, &no_op, time, table)?;
    rates(&client, &no_op, data, time, table)?;
    cold(&client, data, table)?;
    deployed(&client, table)
}

/// Standard runs of ten sequential tasks.
fn runs(client: &Client, function: &str, time: Duration, table: &mut Table) -> anyhow::Result<()> {
    let arn = create_machine(client.endpoint(), "ten", &task_states(function, RUN_TASKS))?;
    executions(client.endpoint(), &arn, CLIENTS, time / 2)?;
    let many = executions(client.endpoint(), &arn, CLIENTS, time)?;
    table.target(
        "Standard runs of 10 no-op tasks, 64 clients",
        many.rate(),
        "runs/s",
        Target::AtLeast(700.0),
    );
    table.figure("  p50", f64::from(many.micros(0.5)) / 1e3, "ms");
    table.figure("  p99", f64::from(many.micros(0.99)) / 1e3, "ms");
    let one = executions(client.endpoint(), &arn, 1, time)?;
    let p50_ms = f64::from(one.micros(0.5)) / 1e3;
    table.target("  1 client, p50", p50_ms, "ms", Target::AtMost(6.0));
    table.figure("  1 client, p99", f64::from(one.micros(0.99)) / 1e3, "ms");
    Ok(())
}

/// The bare loop, `Invoke` and a Task state with as many callers, in turns so that they share what else the
/// machine does.
fn rates(
    client: &Client,
    function: &str,
    data: &Path,
    time: Duration,
    table: &mut Table,
) -> anyhow::Result<()> {
    let package = packaging::inline(NO_OP, RUNTIME).map_err(anyhow::Error::msg)?;
    let long = create_machine(
        client.endpoint(),
        "long",
        &task_states(function, LONG_TASKS),
    )?;
    let invoke = invoke_request(client.endpoint(), "no-op");
    for callers in CALLERS {
        let (mut bare, mut http, mut task) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TURNS {
            bare.push(bare::rate(
                &package.zip,
                &data.join("bare"),
                callers,
                time / 2,
            )?);
            let called = each(callers, time / 2, || {
                let mut connection = Connection::open(client.endpoint())?;
                let invoke = &invoke;
                Ok(move || connection.call(invoke).map(drop))
            })?;
            http.push(called.rate());
            let ran = executions(client.endpoint(), &long, callers, time / 2)?;
            task.push(ran.rate() * LONG_TASKS as f64);
        }
        let [bare, http, task] = [bare, http, task].map(middle);
        table.figure(
            format!("bare Runtime API loop, {callers} callers"),
            bare,
            "calls/s",
        );
        table.figure(
            format!("  through Invoke, {callers} callers"),
            http,
            "calls/s",
        );
        table.target(
            "    of the bare loop",
            http / bare,
            "",
            Target::AtLeast(0.9),
        );
        table.figure(
            format!("  through Task states, {callers} executions"),
            task,
            "calls/s",
        );
        table.target(
            "    of the bare loop",
            task / bare,
            "",
            Target::AtLeast(0.8),
        );
    }
    Ok(())
}

/// Keeps `clients` executions running for `time`; each is waited for to its end.
fn executions(endpoint: &str, arn: &str, clients: usize, time: Duration) -> anyhow::Result<Done> {
    let start = states_request(
        endpoint,
        "AWSStepFunctions.StartExecution",
        &json!({ "stateMachineArn": arn }).to_string(),
    );
    each(clients, time, || {
        let mut connection = Connection::open(endpoint)?;
        let start = &start;
        let mut expected = Duration::ZERO;
        Ok(move || {
            let began = Instant::now();
            let started: Value = serde_json::from_slice(connection.call(start)?)?;
            let describe = states_request(
                endpoint,
                "AWSStepFunctions.DescribeExecution",
                &json!({ "executionArn": started["executionArn"], "includedData": "METADATA_ONLY" })
                    .to_string(),
            );
            // Asking takes the server's time: the wait is slept through, as long as the server says that executions take.
            std::thread::sleep(expected.saturating_sub(began.elapsed()));
            let ended = loop {
                let described: Value = serde_json::from_slice(connection.call(&describe)?)?;
                match described["status"].as_str() {
                    Some("SUCCEEDED") => break described,
                    Some("RUNNING") => {
                        std::thread::sleep((began.elapsed() / 20).clamp(ASK_MIN, ASK_MAX));
                    }
                    _ => anyhow::bail!("an execution of the benchmark failed: {described}"),
                }
            };
            let ran = ran_for(&ended);
            expected = if expected.is_zero() {
                ran
            } else {
                (expected * 7 + ran) / 8
            };
            Ok(())
        })
    })
}

/// How long the server says that an ended execution ran; to the millisecond, which is what it tells.
fn ran_for(described: &Value) -> Duration {
    let at = |member: &str| described[member].as_f64().unwrap_or_default();
    Duration::from_secs_f64((at("stopDate") - at("startDate")).max(0.0))
}

/// Cold starts of a bundled handler, and edits of it.
fn cold(client: &Client, data: &Path, table: &mut Table) -> anyhow::Result<()> {
    let file = data.join("bundle.js");
    std::fs::write(&file, bundle(0))?;
    let load = format!("require({})", json!(file));
    let (mut plain, mut loaded, mut cold, mut edits) = (vec![], vec![], vec![], vec![]);
    let package = packaging::inline(&bundle(0), RUNTIME).map_err(anyhow::Error::msg)?;
    client.create_function(&configuration("files"), &package.zip)?;
    for number in 1..=STARTS {
        plain.push(node(&["-e", "0"])?);
        loaded.push(node(&["-e", &load])?);
        // A changed configuration ends every environment; the package stays unpacked.
        let changed = json!({ "Description": format!("start {number}") });
        client.update_function_configuration("files", &changed)?;
        cold.push(invoke(client, "files", None)?);
        let package = packaging::inline(&bundle(number), RUNTIME).map_err(anyhow::Error::msg)?;
        let edited = Instant::now();
        client.update_function_code("files", &package.zip)?;
        invoke(client, "files", Some(number))?;
        edits.push(edited.elapsed());
    }
    let [plain, loaded, cold, edits] = [plain, loaded, cold, edits].map(|times| millis(p50(times)));
    table.figure("node -e 0, p50", plain, "ms");
    table.figure(
        format!("node -e, loading the bundle of {FILES} files, p50"),
        loaded,
        "ms",
    );
    table.figure("  cold start of it, by Invoke, p50", cold, "ms");
    let target = Target::AtMost(1.5);
    table.target("    of node loading the bundle", cold / loaded, "", target);
    let target = Target::AtMost(200.0);
    table.target("  new code sent to its answer, p50", edits, "ms", target);
    Ok(())
}

fn deployed(client: &Client, table: &mut Table) -> anyhow::Result<()> {
    let before = machine::resident_bytes();
    for number in 0..DEPLOYED {
        let package =
            packaging::inline(&bundle(1000 + number), RUNTIME).map_err(anyhow::Error::msg)?;
        client.create_function(&configuration(&format!("deployed-{number}")), &package.zip)?;
    }
    let grown = machine::resident_bytes().saturating_sub(before);
    let each = grown as f64 / DEPLOYED as f64 / f64::from(1 << 20);
    table.target(
        "memory of each of 200 deployed functions",
        each,
        "MB",
        Target::AtMost(1.0),
    );
    Ok(())
}

fn invoke(client: &Client, name: &str, expected: Option<usize>) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let answer = client.invoke(name, "{}", InvokeHow::default())?;
    let took = began.elapsed();
    ensure!(
        answer.function_error.is_none(),
        "the handler failed: {}",
        answer.payload
    );
    if let Some(expected) = expected {
        ensure!(
            answer.payload == expected.to_string(),
            "old code answered: {}",
            answer.payload
        );
    }
    Ok(took)
}

fn configuration(name: &str) -> Value {
    json!({
        "FunctionName": name, "Runtime": RUNTIME, "Handler": "index.handler", "Timeout": 30,
        "Role": "arn:aws:iam::123456789012:role/bench",
    })
}

/// What a bundler makes of a handler of [`FILES`] files: some 150 KB of CommonJS that answers with `number`.
fn bundle(number: usize) -> String {
    let mut text = String::from(
        "\"use strict\";\nvar __commonJS = (cb, mod) => () => (mod || cb((mod = { exports: {} }).exports, mod), mod.exports);\n",
    );
    for file in 0..FILES {
        text.push_str(&format!(
            "var require_m{file} = __commonJS((exports, module) => {{\n"
        ));
        for at in 0..FUNCTIONS_A_FILE {
            text.push_str(&format!(
                "  exports.f{at} = function (order, items) {{ let total = order.n ?? {at}; for (const item of items) {{ if (item.sku.startsWith(\"x{at}\")) total += item.amount * {at}; else total -= {at}; }} return total; }};\n"
            ));
        }
        text.push_str(&format!(
            "  exports.table = {{ name: \"m{file}\", entries: [1, 2, 3] }};\n}});\n"
        ));
    }
    let all: Vec<String> = (0..FILES)
        .map(|file| format!("require_m{file}()"))
        .collect();
    text.push_str(&format!(
        "const all = [{}];\nexports.handler = async () => {number} + all.length - {FILES};\n",
        all.join(", ")
    ));
    text
}

fn middle(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// Turns of each rate, of which the middle one counts.
const TURNS: usize = 3;
/// Between two questions whether an execution has ended.
const ASK_MIN: Duration = Duration::from_micros(100);
const ASK_MAX: Duration = Duration::from_millis(20);
