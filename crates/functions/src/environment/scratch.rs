//! Temporary directories: one for each environment, below one for each pool.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

/// The temporary directories of one pool. Dropping it removes them.
pub(crate) struct Scratch {
    root: PathBuf,
    /// Locked while the pool lives: that tells directories in use from those of a server that was killed.
    _lock: File,
}

impl Scratch {
    /// A directory below `cache_dir`; removes those that killed servers have left there.
    pub(crate) fn open(cache_dir: &Path) -> io::Result<Scratch> {
        static POOLS: AtomicU32 = AtomicU32::new(0);
        let all = cache_dir.join("tmp");
        fs::create_dir_all(&all)?;
        let all = all.canonicalize()?;
        remove_abandoned(&all);
        let pool = POOLS.fetch_add(1, Ordering::Relaxed);
        let root = all.join(format!("{}-{pool}", std::process::id()));
        fs::DirBuilder::new()
            .mode(0o700)
            .recursive(true)
            .create(&root)?;
        let lock = File::create(root.join(LOCK))?;
        lock.try_lock()?;
        Ok(Scratch { root, _lock: lock })
    }

    /// The directory of the pool.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A new, empty directory that only this user may enter.
    pub(crate) fn make(&self, serial: u64) -> io::Result<PathBuf> {
        let directory = self.root.join(serial.to_string());
        match fs::remove_dir_all(&directory) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        fs::DirBuilder::new().mode(0o700).create(&directory)?;
        Ok(directory)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What stays is removed by the next pool with this cache.
        let _ = fs::remove_dir_all(&self.root);
    }
}

fn remove_abandoned(all: &Path) {
    for entry in fs::read_dir(all).into_iter().flatten().flatten() {
        let directory = entry.path();
        let Ok(lock) = File::open(directory.join(LOCK)) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(&directory);
        }
    }
}

/// How much one temporary directory holds. Asked after every invocation, so a directory that stays empty costs one call.
#[derive(Default)]
pub(crate) struct Usage {
    /// When the directory was changed last, if it was empty then.
    empty_since: Option<SystemTime>,
}

impl Usage {
    /// Bytes of the files below `directory`.
    pub(crate) fn bytes(&mut self, directory: &Path) -> u64 {
        let changed = fs::metadata(directory)
            .and_then(|found| found.modified())
            .ok();
        if changed.is_some() && changed == self.empty_since {
            return 0;
        }
        let (bytes, entries) = bytes_in(directory);
        // The clock of a file system stands still for some milliseconds: what has just changed may change once more.
        let is_settled = changed.and_then(|changed| changed.elapsed().ok()) > Some(SETTLED_AFTER);
        self.empty_since = changed.filter(|_| entries == 0 && is_settled);
        bytes
    }
}

/// Bytes of the files below `directory`, counted up to a bound of entries, and the entries.
fn bytes_in(directory: &Path) -> (u64, usize) {
    let mut bytes = 0;
    let mut left = ENTRIES_MAX;
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else {
                continue;
            };
            if metadata.is_dir() {
                directories.push(entry.path());
            } else {
                bytes += metadata.len();
            }
            left -= 1;
            if left == 0 {
                return (bytes, ENTRIES_MAX);
            }
        }
    }
    (bytes, ENTRIES_MAX - left)
}

const SETTLED_AFTER: Duration = Duration::from_millis(50);
const LOCK: &str = "lock";
/// Files and directories that a look at a temporary directory counts.
const ENTRIES_MAX: usize = 10_000;
