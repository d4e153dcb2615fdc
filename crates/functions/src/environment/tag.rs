//! A mark on all processes of an environment that they cannot lose by accident.
//!
//! It is a limit: that of processor time under real-time scheduling, some hundred thousand years and for each
//! environment another value. A limit is inherited over fork, exec and a new session and cannot be raised again.

use std::fs;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The mark of one environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Tag(u64);

/// Where the marks of one pool come from.
pub(crate) struct Tags {
    high: u64,
    next: AtomicU32,
}

impl Tags {
    pub(crate) fn new() -> Tags {
        static POOLS: AtomicU32 = AtomicU32::new(0);
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        // Pools on one machine must differ, whoever made them.
        let pool = u64::from(POOLS.fetch_add(1, Ordering::Relaxed));
        let mixed = (u64::from(std::process::id()) << 32 | pool)
            ^ (since.as_nanos() as u64).rotate_left(17);
        let mixed = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 34;
        Tags {
            high: TAG_MARK | mixed << 32,
            next: AtomicU32::new(0),
        }
    }

    pub(crate) fn next(&self) -> Tag {
        Tag(self.high | u64::from(self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

impl Tag {
    /// Marks the calling process and all it starts. Makes system calls only.
    pub(crate) fn apply(self) {
        #[cfg(target_os = "linux")]
        {
            let limit = libc::rlimit {
                rlim_cur: self.0,
                rlim_max: self.0,
            };
            #[expect(
                unsafe_code,
                reason = "system calls the standard library does not offer"
            )]
            // SAFETY: setrlimit reads `limit`, which lives on this stack. A process that was given a lower limit
            // itself cannot take the mark; it is then found by its group alone.
            unsafe {
                libc::setrlimit(libc::RLIMIT_RTTIME, &limit);
            }
        }
    }
}

/// Processes that bear one of `tags` and have not ended.
///
/// Reads the limits of every process: some ten microseconds each. Empty where there is no `/proc`.
pub(crate) fn processes_of(tags: &[Tag]) -> Vec<i32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let ids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    ids.filter(|id| tag_of(*id).is_some_and(|tag| tags.contains(&tag)) && !is_zombie(*id))
        .collect()
}

fn tag_of(process: i32) -> Option<Tag> {
    let limits = fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max realtime timeout"))?;
    let value = line.split_whitespace().next()?.parse().ok()?;
    (value & TAG_MARK == TAG_MARK).then_some(Tag(value))
}

fn is_zombie(process: i32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    // A process that is gone by now is no zombie, but as dead.
    stat.is_empty() || stat.contains(") Z ")
}

/// Microseconds; far beyond what is ever reached.
const TAG_MARK: u64 = 1 << 62;
