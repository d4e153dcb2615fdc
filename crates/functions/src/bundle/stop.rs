//! Ending builds from outside.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::environment::process::kill_group;

/// A way to end every build that was given a clone of it, at once and for good.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_stopped: bool,
    /// Process groups of the tools that run.
    groups: BTreeSet<i32>,
}

impl Stop {
    /// Kills the tools (esbuild, npm) that run, and starts no more.
    pub fn stop(&self) {
        let mut state = self.state();
        state.is_stopped = true;
        for group in &state.groups {
            kill_group(*group);
        }
    }

    /// Whether [`Stop::stop`] was called.
    pub fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Takes in a tool that has just started, until the guard is dropped, which must be before the tool is waited for:
    /// afterwards its number may be another process's.
    pub(super) fn watch(&self, group: i32) -> Watched<'_> {
        let mut state = self.state();
        if state.is_stopped {
            kill_group(group);
        }
        state.groups.insert(group);
        Watched { stop: self, group }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A set and a flag are whole after any panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A tool that [`Stop::stop`] kills.
pub(super) struct Watched<'a> {
    stop: &'a Stop,
    group: i32,
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        self.stop.state().groups.remove(&self.group);
    }
}
