//! The machine's own limits, measured in the run they are compared with.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// Bytes of one write when the disk is measured.
const DISK_WRITE_BYTES: usize = 4_096;

/// How long the disk is measured.
const DISK_TIME: Duration = Duration::from_secs(1);

/// Synced 4 KB appends of one writer.
pub struct Disk {
    pub syncs_per_second: f64,
    /// The time that half of them stayed below.
    pub sync_p50: Duration,
}

/// What the disk gives one writer in `directory`.
pub fn disk(directory: &Path) -> anyhow::Result<Disk> {
    let mut file = File::create(directory.join("disk"))?;
    let block = [0u8; DISK_WRITE_BYTES];
    let began = Instant::now();
    let mut times = Vec::new();
    while began.elapsed() < DISK_TIME {
        let written = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        times.push(written.elapsed());
    }
    Ok(Disk {
        syncs_per_second: times.len() as f64 / began.elapsed().as_secs_f64(),
        sync_p50: p50(times),
    })
}

/// How long `node` takes with these arguments, from its start to its end.
pub fn node(arguments: &[&str]) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let status = Command::new("node")
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot start `node`")?;
    ensure!(status.success(), "node {arguments:?} ended with {status}");
    Ok(began.elapsed())
}

/// The time that half of them stayed below; zero of none.
pub fn p50(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// Resident memory of this process in bytes; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let resident = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.parse::<u64>().ok());
    resident.unwrap_or(0) << 10
}

/// Processors, and how many processes wanted one in the last minute: what else the machine did.
pub fn load() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let average = text.split(' ').next().unwrap_or("?");
    format!("{processors} processors, load average {average}")
}
