//! What a pool does at the moment and has done since it was made, for whoever watches it.

use std::sync::atomic::{AtomicU64, Ordering};

use super::Pool;

/// What is in the pool now, and what has gone through it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Load {
    /// Environments that are being started.
    pub starting: u64,
    /// Environments without an invocation.
    pub idle: u64,
    /// Environments that run an invocation, or several.
    pub busy: u64,
    /// Invocations that run.
    pub running: u64,
    /// Invocations that wait for an environment.
    pub waiting: u64,
    /// Environments that were started, since the pool was made.
    pub started: u64,
    /// Invocations that got an environment, since the pool was made.
    pub placed: u64,
    /// Those of them that waited for it.
    pub waited: u64,
    /// Those of them that got one which was started for them: cold starts.
    pub cold: u64,
    /// Invocations that were refused because too many ran or waited.
    pub throttled: u64,
}

/// What is counted where it happens.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) started: AtomicU64,
    pub(super) placed: AtomicU64,
    pub(super) waited: AtomicU64,
    pub(super) cold: AtomicU64,
    pub(super) throttled: AtomicU64,
}

/// One more.
pub(super) fn one(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Pool {
    /// A look at the pool.
    pub fn load(&self) -> Load {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counted = &self.inner.counted;
        let shared = self.inner.lock();
        let now = shared.plan.load();
        drop(shared);
        Load {
            started: read(&counted.started),
            placed: read(&counted.placed),
            waited: read(&counted.waited),
            cold: read(&counted.cold),
            throttled: read(&counted.throttled),
            ..now
        }
    }
}
