//! Logs: lines that functions print and that PutLogEvents brings, and FilterLogEvents over a gigabyte of them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::load::{self, Connection, Until};
use super::plan::Plan;
use super::starts::cost;
use super::table::{Table, Target};
use crate::{
    client::{Client, InvokeHow},
    packaging,
};

/// Lines of one PutLogEvents.
const BATCH_LINES: usize = 1_000;

/// What a search looks through, in bytes of messages.
const SEARCHED_BYTES: u64 = 1_000_000_000;

/// Lines that one invocation prints.
const PRINTED_LINES: u64 = 50_000;

/// Invocations that print, at one time.
const PRINTERS: usize = 2;

/// Between two questions.
const ASK: Duration = Duration::from_millis(20);

/// Longest wait for what was printed to be there.
const PATIENCE: Duration = Duration::from_secs(120);

const RUNTIME: &str = "nodejs22.x";
const GROUP: &str = "/bench/logs";

/// The rows of logs in `bench telemetry`.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("logs")?;
    let endpoint = server.endpoint();
    let client = Client::new(endpoint)?;
    printed(&client, &server, table)?;
    client.logs("CreateLogGroup", &json!({ "logGroupName": GROUP }))?;
    client.logs(
        "CreateLogStream",
        &json!({ "logGroupName": GROUP, "logStreamName": "s" }),
    )?;
    let (batch, bytes) = batch()?;
    let request = [request(endpoint, "PutLogEvents", &batch)];
    let calls = plan.count_or(SEARCHED_BYTES / bytes);
    let meter = server.meter();
    let put = load::closed(endpoint, &request, plan.clients.min(8), Until::Sent(calls))?;
    let lines = put.calls * BATCH_LINES as u64;
    table.target(
        format!("lines by PutLogEvents, {BATCH_LINES} a call"),
        lines as f64 / put.elapsed.as_secs_f64(),
        "lines/s",
        Target::AtLeast(100_000.0),
    );
    cost(table, &meter.used(&server), lines, "line");
    for (what, pattern) in [
        ("a word that is not there", "absent"),
        ("a word of every thousandth line", "\"order 777 \""),
        (
            "JSON of which nothing matches",
            "{ $.level = \"absent\" && $.ms > 1 }",
        ),
        (
            "a number in every line of JSON",
            "{ $.ms > 1000000 && $.level = * }",
        ),
    ] {
        let began = Instant::now();
        let meter = server.meter();
        let found = search(endpoint, pattern)?;
        let took = began.elapsed();
        let gigabytes = (calls * bytes) as f64 / 1e9;
        table.target(
            format!("FilterLogEvents over {gigabytes:.2} GB: {what}"),
            took.as_secs_f64() * 1e3,
            "ms",
            Target::AtMost(2_000.0),
        );
        let cpu = meter.used(&server).server_cpu;
        table.figure("  server's processor time", cpu.as_secs_f64() * 1e3, "ms");
        table.figure("  events found", found as f64, "");
    }
    plan.end(server, "logs")
}

/// Lines of two functions that print as fast as they can, until they can be read.
fn printed(
    client: &Client,
    server: &super::server::Server,
    table: &mut Table,
) -> anyhow::Result<()> {
    let source = format!(
        "exports.handler = async () => {{ const line = '{}'; \
         for (let at = 0; at < {PRINTED_LINES}; at += 100) \
         {{ let text = ''; for (let of = 0; of < 100; of += 1) text += 'order ' + (at + of) + line; \
         process.stdout.write(text); }} return null; }};",
        " was paid and shipped to somebody somewhere in a street with a name\\n"
    );
    let package = packaging::inline(&source, RUNTIME).map_err(anyhow::Error::msg)?;
    for printer in 0..PRINTERS {
        let configuration = json!({
            "FunctionName": format!("printer-{printer}"), "Runtime": RUNTIME, "Handler": "index.handler",
            "Timeout": 60, "Role": "arn:aws:iam::123456789012:role/bench",
        });
        client.create_function(&configuration, &package.zip)?;
        invoke(client, printer)?;
    }
    wait_for(client, PRINTED_LINES * PRINTERS as u64)?;
    let meter = server.meter();
    let began = Instant::now();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..PRINTERS)
            .map(|printer| scope.spawn(move || invoke(client, printer)))
            .collect();
        for thread in threads {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a printer panicked"))??;
        }
        anyhow::Ok(())
    })?;
    wait_for(client, 2 * PRINTED_LINES * PRINTERS as u64)?;
    let lines = PRINTED_LINES * PRINTERS as u64;
    table.target(
        format!("lines of {PRINTERS} functions, printed and there to be read"),
        lines as f64 / began.elapsed().as_secs_f64(),
        "lines/s",
        Target::AtLeast(100_000.0),
    );
    cost(table, &meter.used(server), lines, "line");
    Ok(())
}

fn invoke(client: &Client, printer: usize) -> anyhow::Result<()> {
    let name = format!("printer-{printer}");
    let answer = client.invoke(&name, "{}", InvokeHow::default())?;
    ensure!(
        answer.function_error.is_none(),
        "{name} failed: {}",
        answer.payload
    );
    Ok(())
}

/// Waits until so many printed lines are there; each takes 26 bytes and its text.
fn wait_for(client: &Client, lines: u64) -> anyhow::Result<()> {
    let began = Instant::now();
    let least = lines * 90;
    loop {
        let input = json!({ "logGroupNamePrefix": "/aws/lambda/printer-" });
        let groups = client.logs("DescribeLogGroups", &input)?;
        let groups = groups["logGroups"].as_array().cloned().unwrap_or_default();
        let stored: u64 = groups
            .iter()
            .filter_map(|group| group["storedBytes"].as_u64())
            .sum();
        if stored >= least {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            bail!("{stored} bytes of {lines} printed lines are there, not {least}");
        }
        std::thread::sleep(ASK);
    }
}

/// A request of [`BATCH_LINES`] events, half of them JSON, and the bytes of their messages.
fn batch() -> anyhow::Result<(String, u64)> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    let now_ms = u64::try_from(now.as_millis())?;
    let mut bytes = 0;
    let events: Vec<Value> = (0..BATCH_LINES)
        .map(|at| {
            let message = if at % 2 == 0 {
                format!(
                    r#"{{"level":"INFO","ms":{},"message":"order {at} was paid","orderId":"{:08x}-{at}","customer":{{"id":"c{}"}}}}"#,
                    at * 7 % 1_000,
                    at * 2_654_435_761,
                    at % 97
                )
            } else {
                format!(
                    "2026-11-26T12:00:00.{at:03}Z\tINFO\torder {at} was shipped to {:016x} in {} ms by carrier {}",
                    at * 11_400_714_819,
                    at % 311,
                    at % 13
                )
            };
            bytes += message.len() as u64;
            json!({ "timestamp": now_ms, "message": message })
        })
        .collect();
    let request = json!({ "logGroupName": GROUP, "logStreamName": "s", "logEvents": events });
    Ok((request.to_string(), bytes))
}

/// Looks through the whole group, page by page; gives how many events were found.
fn search(endpoint: &str, pattern: &str) -> anyhow::Result<usize> {
    let mut connection = Connection::open(endpoint)?;
    let mut input = json!({ "logGroupName": GROUP, "filterPattern": pattern });
    let mut found = 0;
    loop {
        let request = request(endpoint, "FilterLogEvents", &input.to_string());
        let page: Value = serde_json::from_slice(connection.call(&request)?)?;
        let events = page["events"].as_array();
        found += events.with_context(|| format!("no events: {page}"))?.len();
        match page["nextToken"].as_str() {
            Some(token) => input["nextToken"] = json!(token),
            None => return Ok(found),
        }
    }
}

fn request(endpoint: &str, operation: &str, body: &str) -> Vec<u8> {
    let address = endpoint.trim_start_matches("http://");
    format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: Logs_20140328.{operation}\r\n\
         Content-Type: application/x-amz-json-1.1\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
