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
    let address = endpoint.trim_start_matches("http://");
    let request = format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: {target}\r\nContent-Type: application/x-amz-json-1.0\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let began = Instant::now();
    let client = || -> anyhow::Result<Vec<u32>> {
        let mut connection =
            TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        connection.set_nodelay(true)?;
        let mut latencies = Vec::new();
        let mut buffer = Vec::with_capacity(ANSWER_BYTES_MAX);
        while began.elapsed() < time {
            let sent = Instant::now();
            connection.write_all(request.as_bytes())?;
            read_answer(&mut connection, &mut buffer)?;
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

fn read_answer(connection: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<()> {
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
        return Ok(());
    }
}
