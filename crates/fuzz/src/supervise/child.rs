//! One worker process: starting it, watching its processor time, learning how it ended.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::Target;
use crate::bounds::{PROCESSOR_TIME_MAX, WALL_TIME_MAX};

/// How often a worker is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Ticks of processor time a second, as Linux counts them in `/proc` (USER_HZ).
const TICKS_A_SECOND: u64 = 100;

/// How a worker ended.
pub(super) enum End {
    /// Its time was over, or its input was read.
    Fine,
    Finding(String),
}

pub(super) struct Child {
    process: std::process::Child,
    /// Holds the number of the input that is being read.
    progress: tempfile::NamedTempFile,
    errors: tempfile::NamedTempFile,
}

impl Child {
    pub(super) fn read_on(target: &Target, seed: u64, first: u64) -> Result<Child> {
        let progress = tempfile::NamedTempFile::new()?;
        std::fs::write(progress.path(), first.to_le_bytes())?;
        let arguments = ["worker", target.name, &seed.to_string(), &first.to_string()];
        Child::start(&arguments, progress)
    }

    pub(super) fn read_one(target: &Target, input: &[u8]) -> Result<Child> {
        let file = tempfile::NamedTempFile::new()?;
        std::fs::write(file.path(), input)?;
        Child::start(&["one", target.name], file)
    }

    /// The last argument is the path of `file`.
    fn start(arguments: &[&str], file: tempfile::NamedTempFile) -> Result<Child> {
        let errors = tempfile::NamedTempFile::new()?;
        let process = Command::new(std::env::current_exe()?)
            .args(arguments)
            .arg(file.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors.reopen()?)
            .env("RUST_BACKTRACE", "0")
            .spawn()
            .context("a worker")?;
        Ok(Child {
            process,
            progress: file,
            errors,
        })
    }

    /// Waits until the worker ends, breaks a bound, or `deadline` has come.
    pub(super) fn watch(&mut self, deadline: Option<Instant>) -> Result<End> {
        let mut input = self.number()?;
        let (mut since, mut ticks) = (Instant::now(), self.ticks());
        loop {
            if let Some(status) = self.process.try_wait()? {
                return Ok(if status.success() {
                    End::Fine
                } else {
                    End::Finding(self.last_words(status))
                });
            }
            let now = self.number()?;
            if now != input {
                (input, since, ticks) = (now, Instant::now(), self.ticks());
            }
            let used = Duration::from_millis((self.ticks() - ticks) * 1_000 / TICKS_A_SECOND);
            if used > PROCESSOR_TIME_MAX || since.elapsed() > WALL_TIME_MAX {
                self.kill()?;
                return Ok(End::Finding(format!(
                    "took more than {PROCESSOR_TIME_MAX:?} of processor time"
                )));
            }
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.kill()?;
                return Ok(End::Fine);
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// The input that is being read.
    pub(super) fn number(&self) -> Result<u64> {
        let mut bytes = [0; 8];
        let mut file = self.progress.reopen()?;
        // A single input's file may be shorter; its number does not matter.
        let read = file.read(&mut bytes)?;
        Ok(if read == bytes.len() {
            u64::from_le_bytes(bytes)
        } else {
            0
        })
    }

    /// Processor time of the worker so far; zero once it has ended.
    fn ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.process.id()))
            .unwrap_or_default();
        // After the name in parentheses: state is field 3, utime and stime are 14 and 15 (proc_pid_stat(5)).
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let times = after_name.split_whitespace().skip(11).take(2);
        times.filter_map(|ticks| ticks.parse::<u64>().ok()).sum()
    }

    fn kill(&mut self) -> Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// What a worker that died said, without what differs from input to input.
    fn last_words(&self, status: std::process::ExitStatus) -> String {
        let said = std::fs::read(self.errors.path()).unwrap_or_default();
        let said = String::from_utf8_lossy(&said);
        let place = said.lines().find_map(|line| {
            let at = line.find("panicked at ")?;
            Some(line[at..].trim_end_matches(':').to_owned())
        });
        if let Some(place) = place {
            return place;
        }
        if said.contains("overflowed its stack") {
            return "overflowed its stack".to_owned();
        }
        if said.contains("memory allocation of") {
            return "took more memory than its bound".to_owned();
        }
        format!(
            "{status}: {}",
            said.lines().next().unwrap_or("without a word")
        )
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Already gone in most cases; there is nothing else to do about an error.
        drop(self.kill());
    }
}
