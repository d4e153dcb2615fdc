//! The server under test as a process, and what it leaves in the system.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::root;
use crate::test::{stepwell, target_folder};

/// A running server with a data directory of its own.
pub struct Server {
    binary: PathBuf,
    data: PathBuf,
    child: Child,
    address: String,
    marker: String,
}

/// What a server holds at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traces {
    children: u64,
    strangers: u64,
    descriptors: u64,
    threads: u64,
    resident_mb: u64,
    temporary: u64,
    log_mb: u64,
}

impl Server {
    /// Starts `binary`; without one the release build, else the debug build.
    pub fn start(binary: Option<&Path>) -> Result<Server> {
        let binary = stepwell(binary)?;
        let data = target_folder().join(format!("soak-{}", std::process::id()));
        let mut child = Command::new(&binary)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .current_dir(root())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let output = child.stdout.take().context("its output is piped")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        let told: serde_json::Value =
            serde_json::from_str(&line).with_context(|| format!("the server said {line:?}"))?;
        let endpoint = told["endpoint"].as_str().context("no endpoint was told")?;
        Ok(Server {
            address: endpoint.trim_start_matches("http://").to_owned(),
            marker: format!("stepwell-soak-{}", std::process::id()),
            binary,
            data,
            child,
        })
    }

    pub fn binary(&self) -> &Path {
        &self.binary
    }

    /// `host:port`.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// What the command lines of processes have that functions start.
    pub fn marker(&self) -> &str {
        &self.marker
    }

    /// The traces once environments have ended: as soon as no process is left, or when waiting is over.
    pub fn settle(&self) -> Result<Traces> {
        let until = Instant::now() + SETTLE_MAX;
        loop {
            let traces = self.traces()?;
            let is_settled = traces.children == 0 && traces.strangers == 0 && traces.temporary == 0;
            if is_settled || Instant::now() >= until {
                // Connections of clients close a moment later.
                std::thread::sleep(Duration::from_secs(1));
                return self.traces();
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn traces(&self) -> Result<Traces> {
        let process = PathBuf::from(format!("/proc/{}", self.child.id()));
        let status = fs::read_to_string(process.join("status")).context("the server has ended")?;
        let figure = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok())
                .unwrap_or(0)
        };
        ensure!(!status.contains("State:\tZ"), "the server has ended");
        let (mut children, mut strangers) = (0, 0);
        for id in fs::read_dir("/proc")?.flatten() {
            let stat = fs::read_to_string(id.path().join("stat")).unwrap_or_default();
            let parent = stat
                .rsplit(") ")
                .next()
                .and_then(|rest| rest.split(' ').nth(1));
            let command = fs::read(id.path().join("cmdline")).unwrap_or_default();
            let is_ours = String::from_utf8_lossy(&command).contains(&self.marker);
            children += u64::from(parent == Some(&self.child.id().to_string()));
            strangers += u64::from(is_ours);
        }
        // One directory a pool, with a lock; one in it for each environment.
        let pools = fs::read_dir(self.data.join("functions/tmp"))
            .into_iter()
            .flatten()
            .flatten();
        let inside =
            pools.flat_map(|pool| fs::read_dir(pool.path()).into_iter().flatten().flatten());
        Ok(Traces {
            children,
            strangers,
            descriptors: fs::read_dir(process.join("fd"))?.count() as u64,
            threads: figure("Threads:"),
            resident_mb: figure("VmRSS:") >> 10,
            temporary: inside.filter(|entry| entry.file_name() != "lock").count() as u64,
            log_mb: bytes_below(&self.data.join("telemetry")) >> 20,
        })
    }

    /// Asks the server to stop, and adds what it leaves to `problems`.
    pub fn stop(mut self, problems: &mut Vec<String>) -> Result<()> {
        let asked = Command::new("kill")
            .arg(self.child.id().to_string())
            .status()?;
        ensure!(asked.success(), "the server cannot be asked to stop");
        let until = Instant::now() + SETTLE_MAX;
        let status = loop {
            if let Some(status) = self.child.try_wait()? {
                break status;
            }
            ensure!(Instant::now() < until, "the server does not stop");
            std::thread::sleep(Duration::from_millis(20));
        };
        if !status.success() {
            problems.push(format!("the server ended with {status}"));
        }
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Only after a failure it still runs; its directory goes in any case.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.data);
    }
}

impl Traces {
    /// Names and both values.
    pub fn beside(&self, after: &Traces) -> [(&'static str, u64, u64); 7] {
        [
            ("children of the server", self.children, after.children),
            ("processes that left it", self.strangers, after.strangers),
            ("descriptors", self.descriptors, after.descriptors),
            ("threads", self.threads, after.threads),
            ("resident memory, MB", self.resident_mb, after.resident_mb),
            ("temporary directories", self.temporary, after.temporary),
            ("log store, MB", self.log_mb, after.log_mb),
        ]
    }

    /// What is more than there was `before`.
    pub fn beyond(&self, before: &Traces) -> Vec<String> {
        let bounds = [
            0,
            0,
            DESCRIPTORS_MORE,
            THREADS_MORE,
            RESIDENT_MB_MORE,
            0,
            LOG_MB_MAX,
        ];
        let is_difference = [false, false, true, true, true, false, false];
        before
            .beside(self)
            .into_iter()
            .zip(bounds.into_iter().zip(is_difference))
            .filter(|((_, before, after), (bound, is_difference))| {
                let allowed = if *is_difference {
                    before + bound
                } else {
                    *bound
                };
                *after > allowed
            })
            .map(|((name, before, after), _)| {
                format!("{name}: {after} after the soak, {before} before")
            })
            .collect()
    }
}

fn bytes_below(directory: &Path) -> u64 {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}

const SETTLE_MAX: Duration = Duration::from_secs(30);
/// Files that the stores open as they grow.
const DESCRIPTORS_MORE: u64 = 16;
/// Threads that block on files come and go.
const THREADS_MORE: u64 = 32;
/// What the store keeps in memory grows to its bound.
const RESIDENT_MB_MORE: u64 = 96;
/// The logs hold 512 MB; what was removed stays on disk until it is merged.
const LOG_MB_MAX: u64 = 1536;
