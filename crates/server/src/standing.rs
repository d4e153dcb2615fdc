//! How the server stands: recovering, ready, leaving, draining, failed; and whether it has room on its disk.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

use stepwell_service::Timestamp;
use tokio::sync::Notify;

/// A shard's thread that has not come around for this time does not serve: its disk hangs, or its machine does.
pub(crate) const QUIET_MS_MAX: i64 = 10_000;

/// What is known of the server, set by those who find it out.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    is_recovered: AtomicBool,
    is_leaving: AtomicBool,
    is_draining: AtomicBool,
    failure: OnceLock<String>,
    /// When the shard's thread came around last, in milliseconds since the epoch.
    came_around_ms: AtomicI64,
    /// How late the shard was for what was due, when it came around last.
    timer_lag_ms: AtomicU64,
    is_low_on_disk: AtomicBool,
    disk_free_bytes: AtomicU64,
    /// Told when the recovery is done.
    recovered: Notify,
}

/// Why a server takes no work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unready {
    Recovering,
    Failed,
    /// It will stop, or was told to drain.
    Draining,
    /// The shard's thread has not come around for [`QUIET_MS_MAX`].
    Stalled,
    /// Less is free than the floor.
    LowOnDisk,
}

impl Unready {
    /// For machines.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Unready::Recovering => "recovering",
            Unready::Failed => "failed",
            Unready::Draining => "draining",
            Unready::Stalled => "stalled",
            Unready::LowOnDisk => "low on disk",
        }
    }
}

impl Standing {
    /// What keeps the server from taking work at `now`, or `None`.
    pub(crate) fn unready(&self, now: Timestamp) -> Option<Unready> {
        let set = |flag: &AtomicBool| flag.load(Ordering::SeqCst);
        if self.failure.get().is_some() {
            return Some(Unready::Failed);
        }
        if set(&self.is_leaving) || set(&self.is_draining) {
            return Some(Unready::Draining);
        }
        if !set(&self.is_recovered) {
            return Some(Unready::Recovering);
        }
        let quiet_ms = now.as_millis() - self.came_around_ms.load(Ordering::SeqCst);
        if quiet_ms > QUIET_MS_MAX {
            return Some(Unready::Stalled);
        }
        set(&self.is_low_on_disk).then_some(Unready::LowOnDisk)
    }

    /// Why the shard has failed: only a restart helps.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// The first reason counts.
    pub(crate) fn fail(&self, reason: impl Into<String>) {
        // INVARIANT: a cell that is full has the first reason.
        drop(self.failure.set(reason.into()));
    }

    /// What the last process left is on its way again.
    pub(crate) fn recovered(&self, now: Timestamp) {
        self.shard_lives(now);
        self.is_recovered.store(true, Ordering::SeqCst);
        self.recovered.notify_waiters();
    }

    /// Returns once what the last process left is on its way again.
    pub(crate) async fn wait_until_recovered(&self) {
        loop {
            let recovered = self.recovered.notified();
            if self.is_recovered() {
                return;
            }
            recovered.await;
        }
    }

    pub(crate) fn is_recovered(&self) -> bool {
        self.is_recovered.load(Ordering::SeqCst)
    }

    /// The server will stop soon: nobody should send it more, and everything is still served.
    pub(crate) fn leave(&self) {
        self.is_leaving.store(true, Ordering::SeqCst);
    }

    pub(crate) fn drain(&self) {
        self.is_draining.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }

    /// The shard's thread has come around.
    pub(crate) fn shard_lives(&self, now: Timestamp) {
        self.came_around_ms.store(now.as_millis(), Ordering::SeqCst);
    }

    /// When the shard's thread came around last, in milliseconds since the epoch.
    pub(crate) fn came_around_ms(&self) -> i64 {
        self.came_around_ms.load(Ordering::SeqCst)
    }

    /// The shard has looked for what is due, this much later than the first of it was.
    pub(crate) fn was_late(&self, lag_ms: u64) {
        self.timer_lag_ms.store(lag_ms, Ordering::Relaxed);
    }

    pub(crate) fn timer_lag_ms(&self) -> u64 {
        self.timer_lag_ms.load(Ordering::Relaxed)
    }

    /// What is free on the disk of the data, and whether that is below the floor.
    pub(crate) fn disk(&self, free_bytes: u64, is_low: bool) {
        self.disk_free_bytes.store(free_bytes, Ordering::SeqCst);
        self.is_low_on_disk.store(is_low, Ordering::SeqCst);
    }

    /// What is free on the disk of the data, in bytes, if that is below the floor.
    pub(crate) fn low_disk(&self) -> Option<u64> {
        let is_low = self.is_low_on_disk.load(Ordering::SeqCst);
        is_low.then(|| self.disk_free())
    }

    /// What was free on the disk of the data when it was last looked at, in bytes.
    pub(crate) fn disk_free(&self) -> u64 {
        self.disk_free_bytes.load(Ordering::SeqCst)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_between_its_recovery_and_its_stop() {
        let at = Timestamp::from_millis;
        let standing = Standing::default();
        assert_eq!(standing.unready(at(0)), Some(Unready::Recovering));
        standing.recovered(at(1_000));
        assert_eq!(standing.unready(at(1_000)), None);
        // A clock that was put back makes nobody wait.
        assert_eq!(standing.unready(at(-50_000)), None);
        assert_eq!(
            standing.unready(at(1_001 + QUIET_MS_MAX)),
            Some(Unready::Stalled)
        );
        standing.shard_lives(at(12_000));
        standing.disk(5, true);
        assert_eq!(standing.unready(at(12_000)), Some(Unready::LowOnDisk));
        assert_eq!(standing.low_disk(), Some(5));
        standing.disk(500, false);
        assert_eq!(standing.unready(at(12_000)), None);
        standing.leave();
        assert_eq!(standing.unready(at(12_000)), Some(Unready::Draining));
        assert!(!standing.is_draining(), "who leaves still serves");
        standing.fail("no disk");
        standing.fail("and then");
        assert_eq!(standing.unready(at(12_000)), Some(Unready::Failed));
        assert_eq!(standing.failure(), Some("no disk"));
    }
}
