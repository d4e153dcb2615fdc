//! Load generators: a closed loop, where every client has one call open at a time, and an open one, where calls
//! are made at their instants whatever became of those before.
//!
//! They share the processors with the server, so they do little: requests are bytes that are made once, and an
//! answer is read only as far as its status and its length.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// Largest answer that the generator reads: a page of 1,000 events.
const ANSWER_BYTES_MAX: usize = 8 << 20;

/// Calls that an open loop has under way at once; the next one waits, and its wait counts.
const OPEN_CALLS_MAX: usize = 64;

/// When a closed loop ends.
#[derive(Clone, Copy)]
pub enum Until {
    Over(Duration),
    Sent(u64),
}

/// What the clients did.
pub struct Done {
    pub calls: u64,
    pub elapsed: Duration,
    /// Sorted, in microseconds.
    latencies: Vec<u32>,
}

impl Done {
    fn new(elapsed: Duration, mut latencies: Vec<u32>) -> Done {
        latencies.sort_unstable();
        Done {
            calls: latencies.len() as u64,
            elapsed,
            latencies,
        }
    }

    /// Calls a second.
    pub fn rate(&self) -> f64 {
        self.calls as f64 / self.elapsed.as_secs_f64()
    }

    /// The latency below which the given part of the calls stayed, in milliseconds.
    pub fn ms(&self, part: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let index = (last as f64 * part).round() as usize;
        f64::from(self.latencies.get(index).copied().unwrap_or_default()) / 1e3
    }
}

/// Sends requests over and over with as many connections as there are clients, all from one thread.
///
/// - `endpoint`: `http://HOST:PORT`.
/// - `requests`: at least one; they are sent in turn, the first again after the last.
/// - Errors: a connection that breaks, or an answer other than HTTP 200.
pub fn closed(
    endpoint: &str,
    requests: &[Vec<u8>],
    clients: usize,
    until: Until,
) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    let requests: Arc<[Vec<u8>]> = requests.into();
    let address: Arc<str> = address(endpoint).into();
    let sent = Arc::new(AtomicU64::new(0));
    runtime.block_on(async {
        let began = Instant::now();
        let clients: Vec<_> = (0..clients)
            .map(|_| {
                let (address, requests, sent) = (
                    Arc::clone(&address),
                    Arc::clone(&requests),
                    Arc::clone(&sent),
                );
                tokio::spawn(async move {
                    let next = || {
                        let number = sent.fetch_add(1, Ordering::Relaxed);
                        let may_send = match until {
                            Until::Over(time) => began.elapsed() < time,
                            Until::Sent(count) => number < count,
                        };
                        may_send.then(|| requests[number as usize % requests.len()].as_slice())
                    };
                    client(&address, next).await
                })
            })
            .collect();
        let mut latencies = Vec::new();
        for client in clients {
            latencies.extend(client.await??);
        }
        Ok(Done::new(began.elapsed(), latencies))
    })
}

/// One connection; sends what `next` gives until it gives nothing.
async fn client<'r>(
    address: &str,
    next: impl Fn() -> Option<&'r [u8]>,
) -> anyhow::Result<Vec<u32>> {
    let connected = tokio::net::TcpStream::connect(address).await;
    let mut stream = connected.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let mut latencies = Vec::new();
    let mut answer = Vec::with_capacity(4_096);
    while let Some(request) = next() {
        let sent = Instant::now();
        stream.write_all(request).await?;
        answer.clear();
        while body_at(&answer)?.is_none() {
            let read = stream.read_buf(&mut answer).await?;
            ensure!(read > 0, "the server closed the connection");
        }
        latencies.push(micros(sent.elapsed()));
    }
    Ok(latencies)
}

/// Sends one request `rate` times a second, each at its instant, whatever became of those before.
///
/// - A latency is counted from the instant at which the call was due, not from when it was made: what the server
///   held up is late (no coordinated omission).
pub fn open(endpoint: &str, request: &[u8], rate: f64, time: Duration) -> anyhow::Result<Done> {
    ensure!(rate > 0.0, "a rate of {rate} calls a second");
    let count = (rate * time.as_secs_f64()).ceil() as u64;
    let next = AtomicU64::new(0);
    let connections: Vec<Connection> = (0..OPEN_CALLS_MAX)
        .map(|_| Connection::open(endpoint))
        .collect::<anyhow::Result<_>>()?;
    let began = Instant::now();
    let caller = |mut connection: Connection| -> anyhow::Result<Vec<u32>> {
        let mut latencies = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return Ok(latencies);
            }
            let due = began + Duration::from_secs_f64(number as f64 / rate);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            connection.call(request)?;
            latencies.push(micros(due.elapsed()));
        }
    };
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = connections
            .into_iter()
            .map(|connection| scope.spawn(move || caller(connection)))
            .collect();
        joined(threads)
    })?;
    Ok(Done::new(began.elapsed(), latencies))
}

/// Does one thing over and over with as many clients, each on a thread; `begin` makes what one client does.
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
            latencies.push(micros(sent.elapsed()));
        }
        Ok(latencies)
    };
    let latencies = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        joined(threads)
    })?;
    Ok(Done::new(began.elapsed(), latencies))
}

fn joined(
    threads: Vec<std::thread::ScopedJoinHandle<'_, anyhow::Result<Vec<u32>>>>,
) -> anyhow::Result<Vec<u32>> {
    let ended = threads
        .into_iter()
        .map(|thread| thread.join().expect("a benchmark thread does not panic"));
    Ok(ended.collect::<anyhow::Result<Vec<_>>>()?.concat())
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}

/// The bytes of a call of Step Functions.
pub fn states_request(endpoint: &str, operation: &str, body: &str) -> Vec<u8> {
    let address = address(endpoint);
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: AWSStepFunctions.{operation}\r\n\
         Content-Type: application/x-amz-json-1.0\r\nContent-Length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

/// The bytes of a question of the console.
pub fn console_request(endpoint: &str, path: &str, body: &str) -> Vec<u8> {
    let address = address(endpoint);
    let length = body.len();
    format!(
        "POST /console/{path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n\r\n{body}"
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
        self.answer.clear();
        let mut chunk = [0u8; 16 << 10];
        loop {
            if let Some(body_at) = body_at(&self.answer)? {
                return Ok(&self.answer[body_at..]);
            }
            let read = self.stream.read(&mut chunk)?;
            ensure!(read > 0, "the server closed the connection");
            self.answer.extend_from_slice(&chunk[..read]);
        }
    }
}

/// Where the body of an answer begins, once all of it has been read; an error unless its status is 200.
fn body_at(answer: &[u8]) -> anyhow::Result<Option<usize>> {
    ensure!(
        answer.len() <= ANSWER_BYTES_MAX,
        "an answer has more than {ANSWER_BYTES_MAX} bytes"
    );
    let Some(head) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&answer[..head]).context("an answer's head is not text")?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse::<usize>().ok())
        .context("an answer has no content-length")?;
    if answer.len() < head + 4 + length {
        return Ok(None);
    }
    ensure!(
        text.starts_with("HTTP/1.1 200"),
        "the server answered {}",
        String::from_utf8_lossy(answer)
    );
    Ok(Some(head + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_begins_when_all_of_it_is_there() {
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(body_at(answer).ok().flatten(), Some(answer.len() - 4));
        for cut in 0..answer.len() {
            assert!(matches!(body_at(&answer[..cut]), Ok(None)), "{cut}");
        }
        let refused = body_at(b"HTTP/1.1 400 Bad\r\ncontent-length: 2\r\n\r\nno");
        assert!(refused.is_err_and(|error| error.to_string().ends_with("no")));
        assert!(body_at(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "no length");
    }
}
