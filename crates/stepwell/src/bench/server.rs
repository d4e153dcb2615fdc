//! A server in a process of its own, and what the system says about that process.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;

use super::machine;

/// How long a server has to end after SIGTERM.
const STOP_PATIENCE: Duration = Duration::from_secs(20);
/// Between two looks whether it has.
const STOP_LOOK: Duration = Duration::from_millis(20);

/// The place of the process that serves: one at a time, so that an interrupt finds it.
#[derive(Clone, Default)]
pub struct Place(Arc<Mutex<Option<Child>>>);

impl Place {
    /// Kills the process that serves, if there is one. No other starts while the guard lives.
    pub fn clear(&self) -> impl Drop + '_ {
        let mut place = self.lock();
        if let Some(mut child) = place.take() {
            // It has ended already, or must end now.
            drop(child.kill());
            drop(child.wait());
        }
        place
    }

    fn lock(&self) -> MutexGuard<'_, Option<Child>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running `stepwell serve`. Dropping it kills it.
pub struct Server {
    place: Place,
    /// Of the process.
    id: String,
    endpoint: String,
    /// Where it takes segments of X-Ray.
    daemon: Option<String>,
    /// From the start of the process to the line that says that it answers.
    pub started_in: Duration,
}

impl Server {
    /// Starts `program` on a free port of 127.0.0.1, with its data in `data`; returns once calls are answered.
    ///
    /// - `place`: no server is in it. `arguments`: further ones of `serve`.
    /// - What it writes to standard error is added to the file `DATA.log`.
    pub fn start(
        place: &Place,
        program: &Path,
        data: &Path,
        arguments: &[&str],
    ) -> anyhow::Result<Server> {
        let log_path = data.with_extension("log");
        let log = File::options().create(true).append(true).open(&log_path)?;
        let mut occupied = place.lock();
        ensure!(occupied.is_none(), "a benchmark has one server at a time");
        let began = Instant::now();
        let mut child = Command::new(program)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(["--stop-within", "5"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let (stdout, id) = (child.stdout.take(), child.id().to_string());
        *occupied = Some(child);
        drop(occupied);
        let mut line = String::new();
        if let Some(stdout) = stdout {
            BufReader::new(stdout).read_line(&mut line)?;
        }
        let started_in = began.elapsed();
        let said: Option<Value> = serde_json::from_str(&line).ok();
        let member = |name: &str| Some(said.as_ref()?[name].as_str()?.to_owned());
        let (endpoint, daemon) = (member("endpoint"), member("xrayDaemon"));
        let Some(endpoint) = endpoint else {
            drop(place.clear());
            let log = fs::read_to_string(&log_path).unwrap_or_default();
            bail!("the server did not start: {log}");
        };
        Ok(Server {
            place: place.clone(),
            id,
            endpoint,
            daemon,
            started_in,
        })
    }

    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Where it takes segments of X-Ray; a release that does not say has none.
    pub fn daemon(&self) -> Option<&str> {
        self.daemon.as_deref()
    }

    /// `kill -9`, and waits until the process is gone.
    pub fn kill(self) {
        drop(self);
    }

    /// Asks it to stop, as a service's supervisor does.
    pub fn stop(self) -> anyhow::Result<()> {
        let asked = Command::new("kill").args(["-TERM", &self.id]).status();
        let deadline = Instant::now() + STOP_PATIENCE;
        while asked.is_ok() && Instant::now() < deadline {
            if let Some(child) = self.place.lock().as_mut()
                && child.try_wait()?.is_some()
            {
                break;
            }
            thread::sleep(STOP_LOOK);
        }
        self.kill();
        Ok(())
    }

    /// Processor time of the process so far, user and system; to 10 ms.
    pub fn cpu(&self) -> Duration {
        machine::cpu(&self.id)
    }

    pub fn resident_bytes(&self) -> u64 {
        machine::resident_bytes(&self.id)
    }

    /// Bytes that the process has caused to be written to storage: journals, tables, compactions, by whole pages.
    fn written_bytes(&self) -> u64 {
        machine::written_bytes(&self.id)
    }

    /// What it has committed, as `/health` tells; `None` of a server that does not tell.
    fn commits(&self) -> Option<Commits> {
        let mut stream = TcpStream::connect(self.endpoint.trim_start_matches("http://")).ok()?;
        let host = self.endpoint.trim_start_matches("http://");
        let request = format!("GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (_, body) = answer.split_once("\r\n\r\n")?;
        let told: Value = serde_json::from_str(body).ok()?;
        let commits = &told["commits"];
        Some(Commits {
            count: commits["count"].as_u64()?,
            rows: commits["rows"].as_u64()?,
            bytes: commits["bytes"].as_u64()?,
        })
    }

    /// Begins to count what the server and this process use.
    pub fn meter(&self) -> Meter {
        Meter {
            server_cpu: self.cpu(),
            own_cpu: machine::cpu("self"),
            written_bytes: self.written_bytes(),
            commits: self.commits(),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.place.clear());
    }
}

/// Batches made durable, the rows in them, and the bytes of their keys and values.
#[derive(Debug, Clone, Copy)]
pub struct Commits {
    pub count: u64,
    pub rows: u64,
    pub bytes: u64,
}

/// What had been used at one moment.
pub struct Meter {
    server_cpu: Duration,
    own_cpu: Duration,
    written_bytes: u64,
    commits: Option<Commits>,
}

/// What was used since.
#[derive(Debug, Clone, Copy)]
pub struct Used {
    pub server_cpu: Duration,
    /// Of the load generator, and of what else is in its process.
    pub own_cpu: Duration,
    pub written_bytes: u64,
    pub commits: Option<Commits>,
}

impl Meter {
    pub fn used(&self, server: &Server) -> Used {
        let now = server.meter();
        let commits = self.commits.zip(now.commits);
        Used {
            server_cpu: now.server_cpu.saturating_sub(self.server_cpu),
            own_cpu: now.own_cpu.saturating_sub(self.own_cpu),
            written_bytes: now.written_bytes.saturating_sub(self.written_bytes),
            commits: commits.map(|(before, after)| Commits {
                count: after.count.saturating_sub(before.count),
                rows: after.rows.saturating_sub(before.rows),
                bytes: after.bytes.saturating_sub(before.bytes),
            }),
        }
    }
}
