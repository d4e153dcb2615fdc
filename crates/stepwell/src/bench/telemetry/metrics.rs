//! Metrics: values that come in, a million series at once, and two weeks of one of them read.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use super::super::load::{self, Connection, Until};
use super::super::plan::Plan;
use super::super::server::Server;
use super::super::starts::cost;
use super::super::table::{Table, Target};

const NAMESPACE: &str = "Bench";

/// Data of a PutMetricData, as a function that gathers what it counts sends them.
const DATA: usize = 20;
/// Requests that are sent in turn; each is about series of its own.
const REQUESTS: usize = 50;
/// Connections that values come over.
const CLIENTS_MAX: usize = 8;
/// Before a throttled call is made again.
const AGAIN: Duration = Duration::from_millis(20);
/// How often it is made again.
const AGAIN_MAX: u64 = 1_000;
/// The metric that every request has one value of: what arrived is counted by it.
const REQUESTS_METRIC: &str = "Requests";

const SERIES: u64 = 1_000_000;
/// Those of the values that came in, and the one with a history.
const SERIES_BEFORE: u64 = REQUESTS as u64 * (DATA as u64 - 1) + 2;
/// Data of a PutMetricData that brings new series: AWS takes no more.
const SERIES_DATA: usize = 1_000;
/// Between two looks at the memory, in calls.
const LOOK_EVERY: usize = 50;
const SERIES_BYTES_MAX: f64 = 1e9;

/// How far back PutMetricData takes values, in minutes: two weeks, and the hour that the calls may take.
const MINUTES: i64 = 14 * 24 * 60 - 60;

/// Values that come in, series, and one series read.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("metrics")?;
    values(plan, &server, table)?;
    let end = put_history(server.endpoint())?;
    series(plan, &server, table)?;
    history(plan, &server, end, table)?;
    plan.end(server, "metrics")
}

fn values(plan: &Plan, server: &Server, table: &mut Table) -> anyhow::Result<()> {
    let endpoint = server.endpoint();
    let requests: Vec<_> = (0..REQUESTS)
        .map(|number| {
            let mut data: Vec<Value> = (1..DATA)
                .map(|of| {
                    json!({
                        "MetricName": "Latency", "Unit": "Milliseconds", "Value": (number * of) as f64 / 7.0,
                        "Dimensions": [
                            { "Name": "Service", "Value": format!("orders-{number}") },
                            { "Name": "Operation", "Value": format!("operation-{of}") },
                        ],
                    })
                })
                .collect();
            data.push(json!({ "MetricName": REQUESTS_METRIC, "Value": 1.0 }));
            put(endpoint, &data)
        })
        .collect();
    let from = seconds()?;
    let began = Instant::now();
    let meter = server.meter();
    let (next, throttled) = (AtomicUsize::new(0), AtomicU64::new(0));
    let sent = load::each(plan.clients.min(CLIENTS_MAX), plan.time, || {
        let mut connection = Connection::open(endpoint)?;
        let (requests, next, throttled) = (&requests, &next, &throttled);
        Ok(move || {
            let at = next.fetch_add(1, Ordering::Relaxed) % requests.len();
            let refused = patiently(&mut connection, endpoint, &requests[at])?;
            throttled.fetch_add(refused, Ordering::Relaxed);
            Ok(())
        })
    })?;
    let counted = count(endpoint, from)?;
    let elapsed = began.elapsed();
    ensure!(
        counted == sent.calls as f64,
        "{} calls were answered, and {counted} values are there",
        sent.calls
    );
    let values = sent.calls * DATA as u64;
    table.target(
        format!(
            "PutMetricData, {DATA} values a call, {} clients, until they can be read",
            plan.clients.min(CLIENTS_MAX)
        ),
        values as f64 / elapsed.as_secs_f64(),
        "values/s",
        Target::AtLeast(20_000.0),
    );
    table.figure("  p99 of a call", sent.ms(0.99), "ms");
    let throttled = throttled.into_inner();
    table.figure("  calls that were throttled first", throttled as f64, "");
    cost(table, &meter.used(server), values, "value");
    Ok(())
}

/// The values of [`REQUESTS_METRIC`] since then.
fn count(endpoint: &str, from: i64) -> anyhow::Result<f64> {
    let statistic = json!({
        "Id": "n", "MetricStat": {
            "Metric": { "Namespace": NAMESPACE, "MetricName": REQUESTS_METRIC },
            "Period": 60, "Stat": "SampleCount",
        },
    });
    let input = json!({
        "StartTime": from - 60, "EndTime": seconds()? + 120, "MetricDataQueries": [statistic],
    });
    let answer = Connection::open(endpoint)?
        .call(&request(endpoint, "GetMetricData", &input))?
        .to_vec();
    let answer: Value = serde_json::from_slice(&answer)?;
    let values = answer["MetricDataResults"][0]["Values"].as_array();
    let values = values.with_context(|| format!("no values: {answer}"))?;
    Ok(values.iter().filter_map(Value::as_f64).sum())
}

fn series(plan: &Plan, server: &Server, table: &mut Table) -> anyhow::Result<()> {
    let endpoint = server.endpoint();
    let mut connection = Connection::open(endpoint)?;
    let series = plan.count_or(SERIES).max(SERIES_BEFORE);
    let before = server.resident_bytes();
    let mut most = before;
    let began = Instant::now();
    let new: Vec<u64> = (SERIES_BEFORE..series).collect();
    for (call, some) in new.chunks(SERIES_DATA).enumerate() {
        let data: Vec<Value> = some
            .iter()
            .map(|number| {
                json!({
                    "MetricName": "OrderValue", "Value": (number % 1_000) as f64,
                    "Dimensions": [{ "Name": "CustomerId", "Value": format!("customer-{number}") }],
                })
            })
            .collect();
        patiently(&mut connection, endpoint, &put(endpoint, &data))?;
        if call % LOOK_EVERY == 0 {
            most = most.max(server.resident_bytes());
        }
    }
    // A read commits what was put before.
    let listed = request(
        endpoint,
        "ListMetrics",
        &json!({ "Namespace": NAMESPACE, "MetricName": "OrderValue" }),
    );
    connection.call(&listed)?;
    let elapsed = began.elapsed();
    most = most.max(server.resident_bytes());
    table.target(
        format!("memory of the server with {series} series, at most"),
        most as f64 / 1e6,
        "MB",
        Target::AtMost(SERIES_BYTES_MAX / 1e6),
    );
    table.figure("  before them", before as f64 / 1e6, "MB");
    table.figure(
        "  new series by one connection",
        new.len() as f64 / elapsed.as_secs_f64(),
        "series/s",
    );
    Ok(())
}

/// A series with a value of every minute; gives the minute after the last, in seconds since 1970.
fn put_history(endpoint: &str) -> anyhow::Result<i64> {
    let mut connection = Connection::open(endpoint)?;
    let end = seconds()? / 60 * 60;
    let minutes: Vec<i64> = (1..=MINUTES).map(|ago| end - 60 * ago).collect();
    for some in minutes.chunks(SERIES_DATA) {
        let data: Vec<Value> = some
            .iter()
            .map(|at| json!({ "MetricName": "Orders", "Timestamp": at, "Value": (at / 60 % 97) as f64 }))
            .collect();
        patiently(&mut connection, endpoint, &put(endpoint, &data))?;
    }
    Ok(end)
}

fn history(plan: &Plan, server: &Server, end: i64, table: &mut Table) -> anyhow::Result<()> {
    let endpoint = server.endpoint();
    let mut connection = Connection::open(endpoint)?;
    for period in [60, 300] {
        let statistic = json!({
            "Id": "orders", "MetricStat": {
                "Metric": { "Namespace": NAMESPACE, "MetricName": "Orders" }, "Period": period, "Stat": "Average",
            },
        });
        let input = json!({
            "StartTime": end - 15 * 86_400, "EndTime": end, "MetricDataQueries": [statistic],
        });
        let read = [request(endpoint, "GetMetricData", &input)];
        let answer: Value = serde_json::from_slice(connection.call(&read[0])?)?;
        let points = answer["MetricDataResults"][0]["Values"]
            .as_array()
            .map_or(0, Vec::len);
        ensure!(
            points as i64 >= MINUTES * 60 / period,
            "{points} points of {MINUTES} minutes in periods of {period} s"
        );
        let reads = load::closed(endpoint, &read, 1, Until::Over(plan.time / 4))?;
        table.target(
            format!("GetMetricData over 15 days of a series, periods of {period} s, p50"),
            reads.ms(0.5),
            "ms",
            Target::AtMost(20.0),
        );
        table.figure("  p99", reads.ms(0.99), "ms");
        table.figure("  points", points as f64, "");
    }
    table.note(format!(
        "The series that is read has a value of every minute of {:.1} days, as far back as PutMetricData takes them; it is one \
         of those that are there by then.",
        MINUTES as f64 / 1_440.0
    ));
    Ok(())
}

/// Makes a call until it is taken, as an SDK does; gives how often it was throttled.
///
/// As AWS, the server refuses values that come faster than they are written.
fn patiently(connection: &mut Connection, endpoint: &str, request: &[u8]) -> anyhow::Result<u64> {
    for throttled in 0.. {
        let Err(error) = connection.call(request).map(drop) else {
            return Ok(throttled);
        };
        ensure!(
            throttled < AGAIN_MAX && error.to_string().contains("Throttling"),
            error
        );
        std::thread::sleep(AGAIN);
        *connection = Connection::open(endpoint)?;
    }
    unreachable!("it ends before")
}

fn put(endpoint: &str, data: &[Value]) -> Vec<u8> {
    let input = json!({ "Namespace": NAMESPACE, "MetricData": data });
    request(endpoint, "PutMetricData", &input)
}

fn request(endpoint: &str, operation: &str, input: &Value) -> Vec<u8> {
    let address = endpoint.trim_start_matches("http://");
    let body = input.to_string();
    format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: GraniteServiceVersion20100801.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Since 1970.
fn seconds() -> anyhow::Result<i64> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .context("the clock is before 1970")?;
    Ok(i64::try_from(now.as_secs())?)
}
