//! `stepwell bench functions`: functions as a table with targets, on a server of its own.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use super::bare;
use super::definitions::{NO_OP, ROLE, RUNTIME, create, no_op_function, tasks};
use super::load::{Connection, each, invoke_request};
use super::machine::{self, DISK_TIME, node, p50};
use super::plan::Plan;
use super::server::Server;
use super::starts::{cost, ms};
use super::table::{Limit, Table, Target};
use super::tasks::executions;
use crate::client::{Client, InvokeHow};
use crate::packaging;

/// Task states of a run.
const RUN_TASKS: usize = 10;
/// Task states of an execution that only carries invocations.
const LONG_TASKS: usize = 400;
/// Callers at one time where a function is held against the bare loop.
const CALLERS: [usize; 2] = [8, 32];
/// Times that a cold start, an edit and `node` are measured.
const STARTS: usize = 15;
/// Functions that are only deployed.
const DEPLOYED: u64 = 200;
/// Files and functions a file of the handler that is started cold.
const FILES: usize = 50;
const FUNCTIONS_A_FILE: usize = 12;

/// Measures everything on a server of its own.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let load_before = machine::load();
    let disk = machine::disk(plan.directory(), DISK_TIME.min(plan.time))?;
    table.figure("synced 4 KB writes", disk.syncs_per_second(), "a second");
    let sync_ms = ms(disk.sync_p50());
    table.figure("one synced write, p50", sync_ms, "ms");
    let server = plan.serve("functions")?;
    let client = Client::new(server.endpoint())?;
    let no_op = no_op_function(&client)?;
    runs(plan, &server, &no_op, table)?;
    rates(plan, &client, &no_op, table)?;
    cold(&client, plan.directory(), table)?;
    deployed(plan, &client, &server, table)?;
    plan.end(server, "functions")?;
    table.note(format!(
        "A run of ten tasks is {} commits one after the other: {:.2} ms of synced writes by the p50 above.",
        RUN_TASKS + 1,
        sync_ms * (RUN_TASKS + 1) as f64
    ));
    table.note(format!(
        "The load generator runs on the same processors. Before: {load_before}. After: {}.",
        machine::load()
    ));
    Ok(())
}

/// Standard runs of ten sequential tasks.
fn runs(plan: &Plan, server: &Server, function: &str, table: &mut Table) -> anyhow::Result<()> {
    let endpoint = server.endpoint();
    let arn = create(endpoint, "ten", "STANDARD", &tasks(function, RUN_TASKS))?;
    executions(endpoint, &arn, plan.clients, plan.time / 2)?;
    let meter = server.meter();
    let many = executions(endpoint, &arn, plan.clients, plan.time)?;
    let used = meter.used(server);
    table.target(
        format!("Standard runs of 10 no-op tasks, {} clients", plan.clients),
        many.rate(),
        "runs/s",
        Target::AtLeast(700.0),
    );
    table.figure("  p50", many.ms(0.5), "ms");
    table.figure("  p99", many.ms(0.99), "ms");
    cost(table, &used, many.calls, "run");
    let one = executions(endpoint, &arn, 1, plan.time)?;
    table.target("  1 client, p50", one.ms(0.5), "ms", Target::AtMost(6.0));
    table.figure("  1 client, p99", one.ms(0.99), "ms");
    Ok(())
}

/// The bare loop, `Invoke` and a Task state with as many callers, in turns so that they share what else the
/// machine does.
fn rates(plan: &Plan, client: &Client, function: &str, table: &mut Table) -> anyhow::Result<()> {
    let package = packaging::inline(NO_OP, RUNTIME).map_err(anyhow::Error::msg)?;
    let (endpoint, time) = (client.endpoint(), plan.time / 2);
    let definition = tasks(function, LONG_TASKS);
    let long = create(endpoint, "long", "STANDARD", &definition)?;
    let invoke = invoke_request(endpoint, "no-op");
    for callers in CALLERS {
        let (mut bare, mut http, mut task) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..TURNS {
            let cache = plan.directory().join("bare");
            bare.push(bare::rate(&package.zip, &cache, callers, time)?);
            let called = each(callers, time, || {
                let mut connection = Connection::open(endpoint)?;
                let invoke = &invoke;
                Ok(move || connection.call(invoke).map(drop))
            })?;
            http.push(called.rate());
            let ran = executions(endpoint, &long, callers, time)?;
            task.push(ran.rate() * LONG_TASKS as f64);
        }
        let [bare, http, task] = [bare, http, task].map(middle);
        let limit = || Limit::new("the bare Runtime API loop", bare, "calls/s");
        table.beside(
            format!("Invoke, {callers} callers"),
            http,
            "calls/s",
            limit(),
            Some(Target::RatioAtLeast(0.9)),
        );
        table.beside(
            format!("Task states, {callers} executions"),
            task,
            "calls/s",
            limit(),
            Some(Target::RatioAtLeast(0.8)),
        );
    }
    Ok(())
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
    let [plain, loaded, cold, edits] = [plain, loaded, cold, edits].map(|times| ms(p50(times)));
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

fn deployed(
    plan: &Plan,
    client: &Client,
    server: &Server,
    table: &mut Table,
) -> anyhow::Result<()> {
    let count = plan.count_or(DEPLOYED);
    let before = server.resident_bytes();
    for number in 0..count {
        let package = packaging::inline(&bundle(1000 + number as usize), RUNTIME)
            .map_err(anyhow::Error::msg)?;
        client.create_function(&configuration(&format!("deployed-{number}")), &package.zip)?;
    }
    let grown = server.resident_bytes().saturating_sub(before);
    let each = grown as f64 / count as f64 / f64::from(1 << 20);
    table.target(
        format!("memory of each of {count} deployed functions"),
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
        "Role": ROLE,
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

/// Turns of each rate, of which the middle one counts.
const TURNS: usize = 3;
