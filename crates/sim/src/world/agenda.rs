//! What is going to happen, in the order of its instants.

use std::collections::BTreeMap;

use stepwell_service::{Request, ServiceCall, TaskOutcome, Ticket};

use super::book::Asked;

/// Names an attempt of a task of an execution.
pub type TaskKey = (u64, Ticket);

/// Something that comes to the server, or that a caller decides to do.
#[derive(Debug)]
pub enum Happening {
    /// A caller does something; what, is drawn when it is time.
    Act(Act),
    /// A caller asks what it got no answer to once more.
    Again(Asked),
    /// A function has ended. It is gone with the process that runs it.
    Outcome { key: TaskKey, outcome: TaskOutcome },
    /// A task asks something of Step Functions. It is gone with the process.
    Call(Box<ServiceCall>),
    /// A task's call of Step Functions was answered beside the shard.
    Tell(Box<Request>),
    /// A delivery was made. It is gone with the process.
    Delivered(u64),
    /// Who holds a token sends it.
    Token { token: usize, verb: Verb },
    /// A worker asks for a task.
    Poll { activity: usize, worker: u32 },
}

/// What is done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Complete,
    Beat,
    /// Completes it once more, with another result, which must not be taken.
    Abuse,
}

/// What a caller does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    CreateActivity(usize),
    CreateMachine(usize),
    Update,
    Publish,
    Alias,
    Start(usize),
    StartAgain,
    Stop,
    Redrive,
    Read,
}

/// The happenings to come.
#[derive(Debug, Default)]
pub struct Agenda {
    all: BTreeMap<(i64, u64), Happening>,
    added: u64,
}

impl Agenda {
    pub fn add(&mut self, at_ms: i64, happening: Happening) {
        self.added += 1;
        self.all.insert((at_ms, self.added), happening);
    }

    /// When the next one is.
    pub fn next_ms(&self) -> Option<i64> {
        self.all.first_key_value().map(|((at_ms, _), _)| *at_ms)
    }

    /// The first one, if its time has come.
    pub fn take_due(&mut self, time_ms: i64) -> Option<Happening> {
        let due = self.next_ms().is_some_and(|at_ms| at_ms <= time_ms);
        due.then(|| self.all.pop_first().map(|(_, happening)| happening))
            .flatten()
    }

    /// The process has died: what it was doing never comes to an end.
    pub fn forget_process(&mut self) {
        self.all.retain(|_, happening| !is_in_process(happening));
    }

    /// Whether something in the process has not ended.
    pub fn process_is_busy(&self) -> bool {
        self.all.values().any(is_in_process)
    }

    /// The first happening inside the process, whenever its time is.
    pub fn take_in_process(&mut self) -> Option<Happening> {
        let key = self
            .all
            .iter()
            .find(|(_, happening)| is_in_process(happening))
            .map(|(key, _)| *key)?;
        self.all.remove(&key)
    }

    /// What was cancelled need not come to an end.
    pub fn cancel(&mut self, cancelled: TaskKey) {
        self.all.retain(|_, happening| !matches!(happening, Happening::Outcome { key, .. } if *key == cancelled));
    }

    /// Lets everything come soon.
    pub fn hurry(&mut self, time_ms: i64, within_ms: i64) {
        let late: Vec<(i64, u64)> = self
            .all
            .range((time_ms + within_ms, 0)..)
            .map(|(key, _)| *key)
            .collect();
        for key in late {
            if let Some(happening) = self.all.remove(&key) {
                self.all.insert((time_ms + within_ms, key.1), happening);
            }
        }
    }

    /// Whether nothing is to come but workers who ask for tasks.
    pub fn is_idle(&self) -> bool {
        self.all
            .values()
            .all(|happening| matches!(happening, Happening::Poll { .. }))
    }

    pub fn iter(&self) -> impl Iterator<Item = &Happening> {
        self.all.values()
    }
}

fn is_in_process(happening: &Happening) -> bool {
    matches!(
        happening,
        Happening::Outcome { .. }
            | Happening::Call(_)
            | Happening::Tell(_)
            | Happening::Delivered(_)
    )
}
