//! The server under test as a process that is killed, stopped, frozen and started again.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

/// What a server is started with, each time.
#[derive(Clone)]
pub struct Launch {
    pub binary: PathBuf,
    pub data: PathBuf,
    /// What it writes to standard error, of all its lives.
    pub log: PathBuf,
    pub arguments: Vec<String>,
    pub environment: Vec<(OsString, OsString)>,
}

/// One life of the server.
pub struct Life {
    child: Child,
    lines: Receiver<String>,
    address: Option<String>,
    spawned: Instant,
    listened_after: Option<Duration>,
    /// Where its output begins in the log.
    log_from: u64,
    log: PathBuf,
}

impl Launch {
    /// Whether `stepwell fsck` finds nothing in the data directory, which no server has open. What it cannot read to its
    /// end is not sound.
    pub fn is_sound(&self) -> Result<bool> {
        let checked = Command::new(&self.binary)
            .arg("fsck")
            .arg(&self.data)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("start {}", self.binary.display()))?;
        match checked.status.code() {
            Some(0) => Ok(true),
            Some(1 | 2) => Ok(false),
            _ => bail!("fsck ended with {}", checked.status),
        }
    }

    pub fn start(&self) -> Result<Life> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .with_context(|| format!("open {}", self.log.display()))?;
        let log_from = log.metadata()?.len();
        let mut child = Command::new(&self.binary)
            .args(["serve", "--json", "--listen", "127.0.0.1:0", "--data"])
            .arg(&self.data)
            .args(&self.arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .with_context(|| format!("start {}", self.binary.display()))?;
        let output = child.stdout.take().context("its output is piped")?;
        let (told, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // Nobody listens any more once the server has said where it is.
                let _ = told.send(line);
            }
        });
        Ok(Life {
            child,
            lines,
            address: None,
            spawned: Instant::now(),
            listened_after: None,
            log_from,
            log: self.log.clone(),
        })
    }
}

impl Life {
    /// `host:port` once it listens; `None` when it does not within the time.
    pub fn address_within(&mut self, patience: Duration) -> Result<Option<String>> {
        if self.address.is_some() {
            return Ok(self.address.clone());
        }
        let line = match self.lines.recv_timeout(patience) {
            Ok(line) => line,
            Err(RecvTimeoutError::Timeout) => return Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                let status = self.child.wait()?;
                bail!(
                    "the server ended with {status} before it listened: {}",
                    self.said()
                );
            }
        };
        let told: serde_json::Value =
            serde_json::from_str(&line).with_context(|| format!("the server said {line:?}"))?;
        let endpoint = told["endpoint"].as_str().context("no endpoint was told")?;
        self.listened_after = Some(self.spawned.elapsed());
        self.address = Some(endpoint.trim_start_matches("http://").to_owned());
        Ok(self.address.clone())
    }

    /// Waits for as long as a start may take.
    pub fn address(&mut self) -> Result<String> {
        self.address_within(START_MAX)?.with_context(|| {
            format!(
                "the server did not listen within {START_MAX:?}, its threads wait in {}: {}",
                self.waits_in(),
                self.said()
            )
        })
    }

    /// How long its start took.
    pub fn started_within(&self) -> Duration {
        self.listened_after.unwrap_or_default()
    }

    /// What each of its threads does, as the kernel calls it.
    fn waits_in(&self) -> String {
        let threads = fs::read_dir(format!("/proc/{}/task", self.child.id()));
        let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
        let waits = threads.into_iter().flatten().flatten().map(|thread| {
            let name = read(thread.path().join("comm"));
            let place = read(thread.path().join("wchan"));
            format!("{}: {place}", name.trim())
        });
        waits.collect::<Vec<_>>().join(", ")
    }

    pub fn kill(&mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// `STOP`, `CONT`, `TERM`.
    pub fn signal(&self, name: &str) -> Result<()> {
        let sent = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .stderr(Stdio::null())
            .status()
            .context("run kill")?;
        ensure!(sent.success(), "the server has ended: {}", self.said());
        Ok(())
    }

    /// How it ended, or `None` when it has not within the time.
    pub fn end_within(&mut self, patience: Duration) -> Result<Option<ExitStatus>> {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            if Instant::now() >= until {
                return Ok(None);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_some())
    }

    /// What it has written to standard error in this life.
    pub fn said(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        let from = usize::try_from(self.log_from).unwrap_or(0).min(bytes.len());
        String::from_utf8_lossy(&bytes[from..]).trim().to_owned()
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        // Only after an error it still runs.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Panics that a server wrote to its log.
pub fn panics(log: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let Ok(file) = File::open(log) else {
        return Ok(found);
    };
    for line in BufReader::new(file).split(b'\n') {
        let line = String::from_utf8_lossy(&line?).into_owned();
        if line.contains("panicked at") {
            found.push(line);
        }
    }
    Ok(found)
}

const START_MAX: Duration = Duration::from_secs(60);
