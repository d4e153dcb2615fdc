//! Attempts of tasks that have not ended: when each was scheduled and when it started.

use std::collections::BTreeMap;
use std::sync::Arc;

/// Attempts that are known at one time. Of one more, the oldest is forgotten; its times are read from its history.
pub const ATTEMPTS_MAX: usize = 200_000;

/// Events that lie between the end of an attempt and its beginning, at most: started, submitted.
const ANCESTORS_MAX: usize = 4;

/// What kind of work an attempt is, for the table of its metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WorkKind {
    Activity,
    Function,
    Integration,
}

/// An open attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Attempt {
    pub(super) kind: WorkKind,
    /// The ARN that its metrics have as their dimension.
    pub(super) arn: Arc<str>,
    pub(super) timeout_ms: Option<i64>,
    pub(super) scheduled_ms: i64,
    pub(super) started_ms: Option<i64>,
}

impl Attempt {
    /// Whether an activity that timed out at this instant has missed a heartbeat: its own time was not up.
    ///
    /// AWS: the history says `States.Timeout` of both.
    pub(super) fn missed_heartbeat(&self, ms: i64) -> bool {
        // No worker has it: nobody owes a heartbeat.
        let Some(started_ms) = self.started_ms else {
            return false;
        };
        let is_early = |timeout_ms| started_ms.saturating_add(timeout_ms) > ms;
        self.kind == WorkKind::Activity && self.timeout_ms.is_none_or(is_early)
    }
}

/// An event that came before another one in its history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ancestor {
    pub previous: u64,
    pub timestamp_ms: i64,
    /// What it schedules, if it schedules something: as [`super::Work`] says it, owned.
    pub scheduled: Option<OwnedWork>,
    /// Whether it says that what was scheduled has started.
    pub is_start: bool,
}

/// As [`super::Work`], owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedWork {
    pub(super) kind: WorkKind,
    pub(super) arn: Arc<str>,
    pub(super) timeout_ms: Option<i64>,
}

/// Histories, for what began before this process did.
pub trait History {
    /// The event of an execution, if it can be read.
    fn event(&mut self, execution: u64, event: u64) -> Option<Ancestor>;
}

/// No history at all.
impl History for () {
    fn event(&mut self, _execution: u64, _event: u64) -> Option<Ancestor> {
        None
    }
}

/// Open attempts, each under its execution and its last event.
#[derive(Default)]
pub(super) struct Attempts {
    open: BTreeMap<(u64, u64), Attempt>,
    forgotten: u64,
}

impl Attempts {
    pub(super) fn begin(&mut self, execution: u64, event: u64, attempt: Attempt) {
        if self.open.len() >= ATTEMPTS_MAX {
            self.open.pop_first();
            self.forgotten += 1;
        }
        self.open.insert((execution, event), attempt);
    }

    /// Takes out the attempt that an event goes on from.
    pub(super) fn take(
        &mut self,
        execution: u64,
        previous: u64,
        history: &mut dyn History,
    ) -> Option<Attempt> {
        self.open
            .remove(&(execution, previous))
            .or_else(|| read(execution, previous, history))
    }

    /// The execution is over: nothing of it is open.
    pub(super) fn end(&mut self, execution: u64) {
        while let Some((key, _)) = self
            .open
            .range((execution, 0)..=(execution, u64::MAX))
            .next()
        {
            let key = *key;
            self.open.remove(&key);
        }
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }
}

/// An attempt as its history tells it, from its last event back.
fn read(execution: u64, last: u64, history: &mut dyn History) -> Option<Attempt> {
    let mut at = last;
    let mut started_ms = None;
    for _ in 0..ANCESTORS_MAX {
        let event = history.event(execution, at)?;
        if let Some(OwnedWork {
            kind,
            arn,
            timeout_ms,
        }) = event.scheduled
        {
            return Some(Attempt {
                kind,
                arn,
                timeout_ms,
                scheduled_ms: event.timestamp_ms,
                started_ms,
            });
        }
        if event.is_start {
            started_ms = Some(event.timestamp_ms);
        }
        at = event.previous;
    }
    None
}
