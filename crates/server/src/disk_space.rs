//! How much is free on the disk of the data, looked at again and again.

use std::path::PathBuf;
use std::time::Duration;

use crate::shard::Handle;
use crate::standing::Standing;

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The disk that a directory is on, and the floor that keeps it from getting full.
pub(crate) struct DiskSpace {
    directory: PathBuf,
    floor_bytes: u64,
}

impl DiskSpace {
    pub(crate) fn new(directory: PathBuf, floor_bytes: u64) -> DiskSpace {
        DiskSpace {
            directory,
            floor_bytes,
        }
    }

    /// Looks once and says what it found.
    pub(crate) fn look(&self, standing: &Standing) {
        // A disk that cannot be asked will say what is wrong with it when it is written to.
        let Ok(found) = rustix::fs::statvfs(&self.directory) else {
            return;
        };
        let free = found.f_bavail.saturating_mul(found.f_frsize);
        let is_low = free < self.floor_bytes;
        if is_low && standing.low_disk().is_none() {
            tracing::warn!(
                "{} has {free} bytes free, below the floor of {}: nothing new is begun until there are more",
                self.directory.display(),
                self.floor_bytes
            );
        }
        if !is_low && standing.low_disk().is_some() {
            tracing::warn!(
                "{} has {free} bytes free again: executions start",
                self.directory.display()
            );
        }
        standing.disk(free, is_low);
    }

    /// Looks for as long as the server runs.
    pub(crate) async fn watch(self, handle: Handle) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            tokio::task::block_in_place(|| self.look(handle.standing()));
        }
    }
}
