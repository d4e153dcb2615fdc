//! Traces: one of a thousand segments read, and segments over UDP.

use std::net::UdpSocket;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::load::{self, Connection, Until};
use super::plan::Plan;
use super::table::{Table, Target};

/// Segments of the trace that is read.
const SEGMENTS: u64 = 1_000;
/// Documents of one PutTraceSegments, as the daemon of AWS sends them.
const DOCUMENTS: u64 = 50;
/// Segments a second that come over UDP.
const UDP_RATE: u64 = 20_000;
/// How long they come, at most.
const UDP_TIME_MAX: Duration = Duration::from_secs(5);
/// Segments of one trace that come over UDP.
const UDP_TRACE_SEGMENTS: u64 = 1_000;
/// Segments are sent in so many steps a second.
const STEPS: u32 = 1_000;

/// Reads of a trace of 1,000 segments; 20,000 segments a second over UDP.
pub fn run(plan: &Plan, table: &mut Table) -> anyhow::Result<()> {
    let server = plan.serve("traces")?;
    let endpoint = server.endpoint();
    let mut connection = Connection::open(endpoint)?;
    let seconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs_f64();
    let id = trace_id(seconds, 0);
    for first in (0..SEGMENTS).step_by(usize::try_from(DOCUMENTS)?) {
        let documents: Vec<String> = (first..first + DOCUMENTS)
            .map(|number| document(&id, seconds, number).to_string())
            .collect();
        let body = json!({ "TraceSegmentDocuments": documents });
        connection.call(&request(endpoint, "/TraceSegments", &body))?;
    }
    let read = [request(endpoint, "/Traces", &json!({ "TraceIds": [id] }))];
    let reads = load::closed(endpoint, &read, 1, Until::Over(plan.time / 4))?;
    table.target(
        format!("BatchGetTraces of one trace of {SEGMENTS} segments, p50"),
        reads.ms(0.5),
        "ms",
        Target::AtMost(50.0),
    );
    table.figure("  p99", reads.ms(0.99), "ms");
    let daemon = server
        .daemon()
        .context("the server does not say where its daemon of X-Ray is")?;
    let time = plan.time.min(UDP_TIME_MAX);
    let meter = server.meter();
    let (sent, sending) = send(daemon, seconds, time)?;
    let kept = kept(endpoint, seconds, sent)?;
    let used = meter.used(&server);
    table.target(
        "segments over UDP, kept",
        kept as f64 / sending.as_secs_f64(),
        "segments/s",
        Target::AtLeast(UDP_RATE as f64 * 0.99),
    );
    table.figure(
        "  sent and not kept: dropped and counted",
        (sent - kept) as f64,
        "segments",
    );
    super::starts::cost(table, &used, sent, "segment");
    table.note(format!(
        "A segment has {} bytes. They come from one socket, {UDP_RATE} a second in {STEPS} even steps, for {:.0} s; what was kept is \
         counted with BatchGetTraces.",
        document(&trace_id(seconds, 1), seconds, 1).to_string().len(),
        time.as_secs_f64()
    ));
    plan.end(server, "traces")
}

fn trace_id(seconds: f64, number: u64) -> String {
    format!("1-{:08x}-{number:024x}", seconds as u32)
}

/// About what the SDK for Node.js sends for a captured call.
fn document(trace: &str, seconds: f64, number: u64) -> Value {
    json!({
        "trace_id": trace,
        "id": format!("{:016x}", number + 1),
        "name": "orders.example.com",
        "start_time": seconds - 0.5,
        "end_time": seconds,
        "http": {
            "request": { "method": "POST", "url": "http://orders.example.com/orders", "client_ip": "10.0.0.1" },
            "response": { "status": 200, "content_length": 512 },
        },
        "annotations": { "orderId": format!("order-{number}"), "isNew": true },
        "metadata": { "default": { "sdk": "X-Ray for Node.js", "note": "x".repeat(120) } },
        "service": { "version": "1.0.0", "runtime": "node" },
    })
}

fn request(endpoint: &str, path: &str, body: &Value) -> Vec<u8> {
    let address = endpoint.trim_start_matches("http://");
    let body = body.to_string();
    format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// Sends segments evenly; gives how many, and in what time.
fn send(daemon: &str, seconds: f64, time: Duration) -> anyhow::Result<(u64, Duration)> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(daemon)?;
    let steps = u32::try_from(time.as_millis())? * STEPS / 1_000;
    let of_step = UDP_RATE / u64::from(STEPS);
    let began = Instant::now();
    let mut sent = 0;
    for step in 1..=steps {
        for _ in 0..of_step {
            let trace = trace_id(seconds, 1 + sent / UDP_TRACE_SEGMENTS);
            let document = document(&trace, seconds, sent % UDP_TRACE_SEGMENTS);
            let datagram = format!("{{\"format\": \"json\", \"version\": 1}}\n{document}");
            socket.send(datagram.as_bytes())?;
            sent += 1;
        }
        let due = began + Duration::from_secs(1) / STEPS * step;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok((sent, began.elapsed()))
}

/// How many of them can be read.
fn kept(endpoint: &str, seconds: f64, sent: u64) -> anyhow::Result<u64> {
    let mut connection = Connection::open(endpoint)?;
    let mut kept = 0;
    // A read commits what was received before; what waits in the kernel is received meanwhile.
    std::thread::sleep(Duration::from_secs(1));
    for number in 0..sent.div_ceil(UDP_TRACE_SEGMENTS) {
        let body = json!({ "TraceIds": [trace_id(seconds, 1 + number)] });
        let answer: Value =
            serde_json::from_slice(connection.call(&request(endpoint, "/Traces", &body))?)?;
        let traces = answer["Traces"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        kept += traces
            .iter()
            .filter_map(|trace| trace["Segments"].as_array())
            .map(|segments| segments.len() as u64)
            .sum::<u64>();
    }
    Ok(kept)
}
