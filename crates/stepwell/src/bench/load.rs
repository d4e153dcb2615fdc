//! A closed-loop load generator: every client has one connection and one call open at a time.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// Largest answer that the generator reads.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// What the clients did.
pub struct Done {
    pub calls: u64,
    pub elapsed: Duration,
    /// Sorted, in microseconds.
    latencies: Vec<u32>,
}

impl Done {
    /// Calls a second.
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which the given part of the calls stayed, in microseconds.
    pub fn micros(&self, part: f64) -> u32 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        self.latencies.get(index).copied().unwrap_or_default()
    }
}

/// Calls one operation over and over with the same body.
///
/// - `endpoint`: `http://HOST:PORT`.
/// - Errors: a connection that breaks, or an answer other than HTTP 200.
pub fn run(
    endpoint: &str,
    target: &str,
    body: &str,
    clients: usize,
    time: Duration,
) -> anyhow::Result<Done> {
    let request = states_request(endpoint, target, body);
    each(clients, time, || {
        let mut connection = Connection::open(endpoint)?;
        let request = &request;
        Ok(move || connection.call(request).map(drop))
    })
}

/// Does one thing over and over with as many clients; `begin` makes what one client does.
pub fn each<F: FnMut() -> anyhow::Result<()>>(
    clients: usize,
    time: Duration,
    begin: impl Fn() -> anyhow::Result<F> + Sync,
) -> anyhow::Result<Done> {
    let began = Instant::now();
    let client = || -> anyhow::Result<Vec<u32>> {
        let mut call = begin()?;
        let mut latencies = Vec::new();
        while began.elapsed() < time {
            let sent = Instant::now();
            call()?;
            latencies.push(u32::try_from(sent.elapsed().as_micros()).unwrap_or(u32::MAX));
        }
        Ok(latencies)
    };
    let all = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        let joined = threads
            .into_iter()
            .map(|thread| thread.join().expect("a benchmark thread does not panic"));
        joined.collect::<anyhow::Result<Vec<_>>>()
    })?;
    let elapsed = began.elapsed();
    let mut latencies = all.concat();
    latencies.sort_unstable();
    Ok(Done {
        calls: latencies.len() as u64,
        elapsed,
        latencies,
    })
}

/// The bytes of a call of Step Functions.
pub fn states_request(endpoint: &str, target: &str, body: &str) -> Vec<u8> {
    let address = address(endpoint);
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The bytes of a call of a function.
pub fn invoke_request(endpoint: &str, function: &str) -> Vec<u8> {
    let address = address(endpoint);
    format!(
        "POST /2015-03-31/functions/{function}/invocations HTTP/1.1\r\nHost: {address}\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    .into_bytes()
}

fn address(endpoint: &str) -> &str {
    endpoint.trim_start_matches("http://")
}

/// One connection, one call at a time.
pub struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Connection {
    pub fn open(endpoint: &str) -> anyhow::Result<Connection> {
        let address = address(endpoint);
        let stream =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Connection {
            stream,
            answer: Vec::with_capacity(4_096),
        })
    }

    /// The body of the answer; an error unless its status is 200.
    pub fn call(&mut self, request: &[u8]) -> anyhow::Result<&[u8]> {
        self.stream.write_all(request)?;
        let body_at = read_answer(&mut self.stream, &mut self.answer)?;
        Ok(&self.answer[body_at..])
    }
}

/// Reads one answer; where its body begins.
fn read_answer(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<usize> {
    buffer.clear();
    let mut chunk = [0u8; 4_096];
    loop {
        let read = connection.read(&mut chunk)?;
        ensure!(read > 0, "the server closed the connection");
        buffer.extend_from_slice(&chunk[..read]);
        ensure!(
            buffer.len() <= ANSWER_BYTES_MAX,
            "an answer has more than {ANSWER_BYTES_MAX} bytes"
        );
        let Some(head) = buffer.windows(4).position(|window| window == b"\r\n\r\n") else {
            continue;
        };
        let text = std::str::from_utf8(&buffer[..head]).context("an answer's head is not text")?;
        let length = text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .and_then(|(_, value)| value.trim().parse::<usize>().ok())
            .context("an answer has no content-length")?;
        if buffer.len() < head + 4 + length {
            continue;
        }
        ensure!(
            text.starts_with("HTTP/1.1 200"),
            "the server answered {}",
            String::from_utf8_lossy(buffer)
        );
        return Ok(head + 4);
    }
}
