//! The machine's own limits, measured in the run they are compared with, and what it says about a process.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

/// Bytes of one write when the disk is measured.
const DISK_WRITE_BYTES: usize = 4_096;

/// How long the disk is measured when a run is not shorter.
pub const DISK_TIME: Duration = Duration::from_secs(1);

/// The raw append log goes on in a new file after so many bytes.
const LOG_FILE_BYTES_MAX: usize = 128 << 20;

/// Ticks a second of processor time in `/proc`: USER_HZ, 100 on every Linux that Stepwell is built for.
const TICK: Duration = Duration::from_millis(10);

/// Synced appends of one writer.
pub struct Disk {
    /// Sorted.
    times: Vec<Duration>,
    elapsed: Duration,
}

impl Disk {
    pub fn syncs_per_second(&self) -> f64 {
        self.times.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// The time that half of them stayed below.
    pub fn sync_p50(&self) -> Duration {
        self.times[self.times.len() / 2]
    }

    /// Both measurements as one.
    pub fn and(mut self, other: Disk) -> Disk {
        self.times.extend(other.times);
        self.times.sort_unstable();
        self.elapsed += other.elapsed;
        self
    }
}

/// What the disk gives one writer of 4 KB in `directory`.
pub fn disk(directory: &Path, time: Duration) -> anyhow::Result<Disk> {
    append_log(directory, DISK_WRITE_BYTES, time)
}

/// A raw append log: writes of `batch_bytes` at the end of a file, each followed by fdatasync.
pub fn append_log(directory: &Path, batch_bytes: usize, time: Duration) -> anyhow::Result<Disk> {
    let path = |number: usize| directory.join(format!("append-{number}"));
    let batch: Vec<u8> = (0..batch_bytes.max(1))
        .map(|at| (at * 31 % 251) as u8)
        .collect();
    let (mut number, mut written) = (0, 0);
    let mut file = File::create(path(number))?;
    let mut times = Vec::new();
    let began = Instant::now();
    while times.is_empty() || began.elapsed() < time {
        let appended = Instant::now();
        if written > LOG_FILE_BYTES_MAX {
            fs::remove_file(path(number))?;
            (number, written) = (number + 1, 0);
            file = File::create(path(number))?;
        }
        file.write_all(&batch)?;
        file.sync_data()?;
        written += batch.len();
        times.push(appended.elapsed());
    }
    let elapsed = began.elapsed();
    fs::remove_file(path(number))?;
    times.sort_unstable();
    Ok(Disk { times, elapsed })
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

/// Processor time of a process, user and system, its ended threads included. `process`: an id, or `self`.
pub fn cpu(process: &str) -> Duration {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // The name of the program is in parentheses and may hold spaces; user and system time are fields 14 and 15.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = fields.split_whitespace().skip(11).take(2);
    let ticks: u32 = ticks.filter_map(|field| field.parse::<u32>().ok()).sum();
    TICK * ticks
}

/// Resident memory of a process in bytes; 0 where the system does not tell.
pub fn resident_bytes(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let resident = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix(" kB"))
        .and_then(|kib| kib.parse::<u64>().ok());
    resident.unwrap_or(0) << 10
}

/// Bytes that a process has caused to be sent to storage; 0 where the system does not tell.
pub fn written_bytes(process: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{process}/io")).unwrap_or_default();
    let written = text
        .lines()
        .find_map(|line| line.strip_prefix("write_bytes:"))
        .and_then(|rest| rest.trim().parse().ok());
    written.unwrap_or(0)
}

/// Bytes that the files below a directory occupy.
pub fn disk_bytes(directory: &Path) -> anyhow::Result<u64> {
    let mut open: Vec<PathBuf> = vec![directory.to_owned()];
    let mut bytes = 0;
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                open.push(entry.path());
                continue;
            }
            match entry.metadata() {
                Ok(metadata) => bytes += occupied(&metadata),
                // A journal or a table that went while we looked.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(bytes)
}

#[cfg(unix)]
fn occupied(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    metadata.blocks() * 512
}

#[cfg(not(unix))]
fn occupied(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

/// The kind of file system that a directory is on, such as `ext4` or `tmpfs`; `None` where the system does not tell.
pub fn file_system(directory: &Path) -> Option<String> {
    let directory = directory.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    kind_of_mount(&mounts, &directory)
}

fn kind_of_mount(mounts: &str, directory: &Path) -> Option<String> {
    let mounts = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        Some((fields.next()?, fields.next()?))
    });
    let (_, kind) = mounts
        .filter(|(at, _)| directory.starts_with(at))
        // Of two at one place the later one hides the other.
        .max_by_key(|(at, _)| at.len())?;
    Some(kind.to_owned())
}

/// Processors, and how many processes wanted one in the last minute: what else the machine did.
pub fn load() -> String {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let average = text.split(' ').next().unwrap_or("?");
    format!("{processors} processors, load average {average}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_mount_tells_the_file_system() {
        let mounts =
            "/dev/vda / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/vdb /tmp/disk xfs rw 0 0\n";
        let kind = |path: &str| kind_of_mount(mounts, Path::new(path));
        assert_eq!(kind("/var/lib").as_deref(), Some("ext4"));
        assert_eq!(kind("/tmp/a").as_deref(), Some("tmpfs"));
        assert_eq!(kind("/tmp/disk/a").as_deref(), Some("xfs"));
        assert_eq!(kind("/tmpfile").as_deref(), Some("ext4"));
    }
}
