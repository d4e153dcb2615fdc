//! Starts and ends of executions, noted by the shard's thread in a few bytes each until another thread takes them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stepwell_service::{Details, Event, ExecutionFacts, Mode};
use stepwell_telemetry::projection::{Ended, Machine, Milestone, Passed};

use super::is_worth_saying;

/// Milestones that may wait: 20 MB of them.
const WAITING_MAX: usize = 500_000;

const _: () = assert!(size_of::<Milestone>() <= 40, "the bound is one of memory");

/// Kinds of executions that are known at one time. With one more, all are made known anew.
const KINDS_MAX: usize = 10_000;

/// What has happened to one execution; `None`: nothing that it began or ended with.
pub(super) fn milestone_of(execution: &ExecutionFacts, event: &Event) -> Option<Milestone> {
    let ended = |how| Passed::End {
        how,
        started_ms: execution.identity.started_ms,
        redrive_count: execution.redrives.count,
        stored_bytes: execution.stored_bytes.load(Ordering::Relaxed),
    };
    let what = match &event.details {
        Details::ExecutionStarted { .. } => Passed::Start,
        Details::ExecutionRedriven { .. } => Passed::Redrive,
        Details::ExecutionSucceeded { .. } => ended(Ended::Succeeded),
        Details::ExecutionFailed { .. } => ended(Ended::Failed),
        Details::ExecutionAborted { .. } => ended(Ended::Aborted),
        Details::ExecutionTimedOut { .. } => ended(Ended::TimedOut),
        _ => return None,
    };
    Some(Milestone {
        execution: execution.identity.number,
        timestamp_ms: event.timestamp_ms,
        what,
    })
}

/// Executions that are counted for the same.
#[derive(Debug)]
pub(super) struct Kind {
    state_machine_arn: Box<str>,
    version_arn: Option<Box<str>>,
    alias_arn: Option<Box<str>>,
    is_express: bool,
    pub(super) milestones: Vec<Milestone>,
}

impl Kind {
    fn of(execution: &ExecutionFacts) -> Kind {
        let machine = machine_of(execution);
        Kind {
            state_machine_arn: machine.state_machine_arn.into(),
            version_arn: machine.version_arn.map(Box::from),
            alias_arn: machine.alias_arn.map(Box::from),
            is_express: machine.is_express,
            milestones: Vec::new(),
        }
    }

    pub(super) fn machine(&self) -> Machine<'_> {
        Machine {
            state_machine_arn: &self.state_machine_arn,
            version_arn: self.version_arn.as_deref(),
            alias_arn: self.alias_arn.as_deref(),
            is_express: self.is_express,
        }
    }
}

fn machine_of(execution: &ExecutionFacts) -> Machine<'_> {
    let identity = &*execution.identity;
    Machine {
        state_machine_arn: &identity.state_machine_arn,
        version_arn: execution.machine.version_arn.as_deref(),
        alias_arn: execution.alias_arn.as_deref(),
        is_express: identity.mode != Mode::Standard,
    }
}

/// What waits.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) kinds: Vec<Kind>,
    /// Where in `kinds` each is, by its texts.
    known: HashMap<String, usize>,
    /// The one that the last milestone was of: the next one mostly is too.
    last: usize,
    count: usize,
    /// Standard executions that have not ended after the last commit.
    pub(super) open_executions: Option<u64>,
}

impl Waiting {
    /// Empty, and with the room it had if that is not too much.
    pub(super) fn clear(&mut self) {
        let room: usize = self
            .kinds
            .iter()
            .map(|kind| kind.milestones.capacity())
            .sum();
        if self.kinds.len() > KINDS_MAX || room > WAITING_MAX {
            *self = Waiting::default();
        }
        for kind in &mut self.kinds {
            kind.milestones.clear();
        }
        self.count = 0;
        self.open_executions = None;
    }

    fn kind(&mut self, execution: &ExecutionFacts) -> &mut Kind {
        let machine = machine_of(execution);
        let is_last = self
            .kinds
            .get(self.last)
            .is_some_and(|kind| kind.machine() == machine);
        if !is_last {
            let texts = [
                machine.state_machine_arn,
                machine.version_arn.unwrap_or_default(),
                machine.alias_arn.unwrap_or_default(),
                if machine.is_express { "express" } else { "" },
            ];
            let kinds = &mut self.kinds;
            self.last = *self.known.entry(texts.join("\n")).or_insert_with(|| {
                kinds.push(Kind::of(execution));
                kinds.len() - 1
            });
        }
        &mut self.kinds[self.last]
    }
}

/// Milestones on their way from the shard's thread. Nobody waits for a place: what finds none is counted and dropped.
#[derive(Debug, Default)]
pub(super) struct MilestoneQueue {
    waiting: Mutex<Waiting>,
    dropped: AtomicU64,
}

impl MilestoneQueue {
    /// Notes the milestones of a commit.
    ///
    /// - `open_executions`: Standard ones that have not ended after it.
    pub(super) fn note(&self, passed: &[(Arc<ExecutionFacts>, Milestone)], open_executions: u64) {
        let mut waiting = self.lock();
        waiting.open_executions = Some(open_executions);
        let room = WAITING_MAX.saturating_sub(waiting.count).min(passed.len());
        waiting.count += room;
        for (execution, milestone) in &passed[..room] {
            waiting.kind(execution).milestones.push(*milestone);
        }
        drop(waiting);
        let lost = (passed.len() - room) as u64;
        let before = self.dropped.fetch_add(lost, Ordering::Relaxed);
        let dropped = before + lost;
        if is_worth_saying(before, dropped) {
            tracing::warn!(
                dropped,
                "executions begin and end faster than they can be counted; metrics lack some"
            );
        }
    }

    /// Takes all that waits, and leaves the room of what was taken before.
    pub(super) fn take(&self, emptied: &mut Waiting) {
        emptied.clear();
        std::mem::swap(&mut *self.lock(), emptied);
    }

    /// Milestones that found no place since the start.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observers::facts;

    fn started(execution: u64, machine: &str) -> (Arc<ExecutionFacts>, Milestone) {
        let milestone = Milestone {
            execution,
            timestamp_ms: 1_000,
            what: Passed::Start,
        };
        (Arc::new(facts(execution, machine)), milestone)
    }

    fn taken(waiting: &Waiting) -> Vec<(&str, usize)> {
        let kinds = waiting.kinds.iter();
        kinds
            .map(|kind| (kind.machine().state_machine_arn, kind.milestones.len()))
            .collect()
    }

    #[test]
    fn milestones_are_kept_by_machine_and_bounded() {
        let queue = MilestoneQueue::default();
        let mut waiting = Waiting::default();
        queue.note(&[started(1, "a"), started(2, "b"), started(3, "a")], 3);
        queue.take(&mut waiting);
        assert_eq!(taken(&waiting), [("a", 2), ("b", 1)]);
        assert_eq!(waiting.open_executions, Some(3));
        let many = vec![started(4, "a"); WAITING_MAX - 1];
        queue.note(&many, 4);
        queue.note(&[started(5, "b"), started(6, "b")], 5);
        assert_eq!(queue.dropped(), 1);
        queue.take(&mut waiting);
        assert_eq!(taken(&waiting), [("a", WAITING_MAX - 1), ("b", 1)]);
        queue.note(&[started(7, "b")], 5);
        queue.take(&mut waiting);
        // The room of the first time is used again.
        assert_eq!(taken(&waiting), [("a", 0), ("b", 1)]);
        // That of the second time was too much.
        queue.take(&mut waiting);
        assert_eq!(taken(&waiting), []);
    }
}
