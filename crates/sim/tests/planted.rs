//! Bugs are planted where the shard meets its store and its callers: the checkers find each, and nothing where there is none.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_engine::Ticket;
use stepwell_service::{
    Command, Committed, Request, RequestId, Settings, Shard, TaskOutcome, Timestamp,
};
use stepwell_sim::{Opener, Plan, Subject, run, shard};
use stepwell_store::{Batch, Direction, Error, Memory, Snapshot, Store, Write};

/// Seeds until a planted bug must have been found.
const SEEDS_MAX: u64 = 200;

/// First bytes of the keys of rows.
const FRAME: u8 = 5;
const HISTORY: u8 = 6;
const TIMER: u8 = 10;
const DOUBT: u8 = 11;

/// A bug of the store, or of what the shard gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StoreBug {
    /// Every few timers have no row.
    LosesTimers,
    /// Every few timers have a row that is due too late.
    MovesTimers,
    /// Every few segments of a history are not written.
    LosesEvents,
    /// A frame's row is not rewritten while a transition goes on with it: its task seems open after a restart.
    KeepsFrames,
    /// Which executions have a task in doubt is not written.
    LosesDoubt,
    /// Every few batches are acknowledged and never written.
    LosesBatches,
    /// A commit that fails is acknowledged all the same.
    IgnoresFailures,
    /// Each batch is written when the next one comes: answers and effects leave before it is durable.
    WritesBehind,
}

/// How often a bug that does not always bite does so.
const EVERY: u64 = 5;

/// A store with a bug. What it should have written is read until the process dies.
struct BuggyStore {
    bug: StoreBug,
    disk: Box<dyn Store>,
    seen: Memory,
    behind: Option<Batch>,
    count: u64,
}

impl BuggyStore {
    fn over(disk: Box<dyn Store>, bug: StoreBug) -> Result<BuggyStore, Error> {
        let mut seen = Memory::new();
        let mut all = Batch::new();
        let rows = disk
            .snapshot()
            .scan(&[], &[u8::MAX; 9], Direction::Ascending, usize::MAX)?;
        for (key, value) in rows {
            all.put(key, value.to_vec());
        }
        seen.commit(all)?;
        Ok(BuggyStore {
            bug,
            disk,
            seen,
            behind: None,
            count: 0,
        })
    }

    fn bites(&mut self) -> bool {
        self.count += 1;
        self.count.is_multiple_of(EVERY)
    }

    /// The batch as it is written.
    fn spoiled(&mut self, batch: &Batch) -> Batch {
        let mut spoiled = Batch::new();
        for (key, write) in batch.iter() {
            let mut key = key.to_vec();
            match (self.bug, key[0], write) {
                (StoreBug::LosesTimers, TIMER, Write::Put(_)) if self.bites() => continue,
                (StoreBug::MovesTimers, TIMER, Write::Put(_)) if self.bites() => {
                    let due: [u8; 8] = key[1..9].try_into().expect("an instant of eight bytes");
                    let later = u64::from_be_bytes(due) + 1_500;
                    key[1..9].copy_from_slice(&later.to_be_bytes());
                }
                (StoreBug::LosesEvents, HISTORY, Write::Put(_)) if self.bites() => continue,
                (StoreBug::KeepsFrames, FRAME, Write::Put(_)) if self.has(&key) && self.bites() => {
                    continue;
                }
                (StoreBug::LosesDoubt, DOUBT, Write::Put(_)) => continue,
                _ => {}
            }
            match write {
                Write::Put(value) => spoiled.put(key, value.to_vec()),
                Write::Delete => spoiled.delete(key),
            }
        }
        spoiled
    }

    fn has(&self, key: &[u8]) -> bool {
        self.disk.snapshot().get(key).is_ok_and(|row| row.is_some())
    }
}

impl Store for BuggyStore {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        match self.bug {
            StoreBug::LosesBatches | StoreBug::WritesBehind | StoreBug::IgnoresFailures => {
                self.seen.snapshot()
            }
            _ => self.disk.snapshot(),
        }
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        match self.bug {
            StoreBug::LosesBatches => {
                if !self.bites() {
                    self.disk.commit(batch.clone())?;
                }
                self.seen.commit(batch)
            }
            StoreBug::WritesBehind => {
                if let Some(behind) = self.behind.replace(batch.clone()) {
                    self.disk.commit(behind)?;
                }
                self.seen.commit(batch)
            }
            StoreBug::IgnoresFailures => {
                let _ = self.disk.commit(batch.clone());
                self.seen.commit(batch)
            }
            _ => {
                let spoiled = self.spoiled(&batch);
                self.disk.commit(spoiled)
            }
        }
    }
}

/// A bug of the shard, or of the shell around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ShardBug {
    /// After a restart nobody looks at tasks in doubt.
    ForgetsRecovery,
    /// The fence is off by one: an answer completes the attempt after its own as well.
    CompletesTwice,
    /// What is applied is in the rows that are read before it is committed.
    ShowsUncommitted,
}

struct BuggyShard {
    bug: ShardBug,
    shard: Box<dyn Subject>,
    /// What an early commit has released.
    early: Option<Committed>,
    /// Outcomes that are given to the next attempt in their frame too.
    again: BTreeMap<(u64, Ticket), TaskOutcome>,
}

impl BuggyShard {
    fn commit_early(&mut self) {
        if let Ok(committed) = self.shard.commit() {
            let early = self.early.get_or_insert_default();
            early.answers.extend(committed.answers);
            early.effects.extend(committed.effects);
            early.events.extend(committed.events);
        }
    }

    fn complete_again(&mut self, now: Timestamp) {
        for ((execution, ticket), outcome) in self.again.clone() {
            let request = Request::CompleteTask {
                execution,
                ticket,
                outcome,
            };
            self.shard
                .apply(now, [0; 32], Command { id: None, request });
        }
    }
}

impl Subject for BuggyShard {
    fn recover(
        &mut self,
        now: Timestamp,
        after_key: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        match self.bug {
            ShardBug::ForgetsRecovery => Ok(None),
            _ => self.shard.recover(now, after_key),
        }
    }

    fn apply(&mut self, now: Timestamp, entropy: [u8; 32], command: Command) {
        if let (
            ShardBug::CompletesTwice,
            Request::CompleteTask {
                execution,
                ticket,
                outcome,
            },
        ) = (self.bug, &command.request)
        {
            let next = Ticket {
                attempt: ticket.attempt + 1,
                ..*ticket
            };
            self.again.insert((*execution, next), outcome.clone());
        }
        self.shard.apply(now, entropy, command);
        if self.bug == ShardBug::ShowsUncommitted {
            self.commit_early();
        }
    }

    fn tick(&mut self, now: Timestamp) {
        self.shard.tick(now);
        match self.bug {
            ShardBug::CompletesTwice => self.complete_again(now),
            ShardBug::ShowsUncommitted => self.commit_early(),
            _ => {}
        }
    }

    fn commit(&mut self) -> Result<Committed, Error> {
        let mut committed = self.early.take().unwrap_or_default();
        let last = self.shard.commit()?;
        committed.answers.extend(last.answers);
        committed.effects.extend(last.effects);
        committed.events.extend(last.events);
        Ok(committed)
    }

    fn next_deadline(&self) -> Option<Timestamp> {
        self.shard.next_deadline()
    }

    fn snapshot(&self) -> Arc<dyn Snapshot> {
        self.shard.snapshot()
    }

    fn is_full(&self) -> bool {
        self.shard.is_full()
    }

    fn polls(&self) -> Vec<RequestId> {
        self.shard.polls()
    }

    fn forget_poll(&mut self, id: RequestId) {
        self.shard.forget_poll(id);
    }

    fn end_polls(&mut self) {
        self.shard.end_polls();
    }
}

type Opened = Result<Box<dyn Subject>, Error>;

/// Runs seeds until one of the checkers speaks that are meant to see a bug; what the others say first is not enough.
fn found(open: &Opener, checkers: &[&str]) -> Result<(u64, String), Vec<&'static str>> {
    let plan = Plan { open, trace: false };
    let mut others = Vec::new();
    for seed in 0..SEEDS_MAX {
        let Err(finding) = run(seed, &plan) else {
            continue;
        };
        if checkers.contains(&finding.checker) {
            return Ok((seed, format!("{}: {}", finding.checker, finding.text)));
        }
        others.push(finding.checker);
    }
    Err(others)
}

fn check_store(bug: StoreBug, checkers: &[&str]) {
    let open = move |store: Box<dyn Store>, settings: Settings| -> Opened {
        shard(Box::new(BuggyStore::over(store, bug)?), settings)
    };
    check(&format!("{bug:?}"), &open, checkers);
}

fn check_shard(bug: ShardBug, checkers: &[&str]) {
    let open = move |store: Box<dyn Store>, settings: Settings| -> Opened {
        Ok(Box::new(BuggyShard {
            bug,
            shard: Box::new(Shard::open(store, settings)?),
            early: None,
            again: BTreeMap::new(),
        }))
    };
    check(&format!("{bug:?}"), &open, checkers);
}

fn check(bug: &str, open: &Opener, checkers: &[&str]) {
    match found(open, checkers) {
        Ok((seed, text)) => println!("{bug}: seed {seed}: {text}"),
        Err(others) => {
            panic!("{bug}: none of {checkers:?} sees it in {SEEDS_MAX} seeds; others: {others:?}")
        }
    }
}

#[test]
fn nothing_is_found_where_nothing_is_planted() {
    for seed in 0..SEEDS_MAX {
        if let Err(finding) = run(seed, &Plan::shipped()) {
            panic!("{finding}");
        }
    }
}

#[test]
fn a_lost_timer_is_found() {
    check_store(StoreBug::LosesTimers, &["timers"]);
}

#[test]
fn a_timer_with_the_wrong_instant_is_found() {
    check_store(StoreBug::MovesTimers, &["timers"]);
}

#[test]
fn a_lost_event_is_found() {
    check_store(StoreBug::LosesEvents, &["ids", "history"]);
}

#[test]
fn a_task_that_stays_open_in_its_row_is_found() {
    check_store(StoreBug::KeepsFrames, &["fold"]);
}

#[test]
fn a_task_that_no_recovery_would_look_at_is_found() {
    check_store(StoreBug::LosesDoubt, &["doubt"]);
}

#[test]
fn an_acknowledged_batch_that_is_not_written_is_found() {
    check_store(StoreBug::LosesBatches, &["durability"]);
}

#[test]
fn what_leaves_before_it_is_durable_is_found() {
    check_store(StoreBug::WritesBehind, &["tasks"]);
    check_store(StoreBug::WritesBehind, &["durability"]);
}

#[test]
fn a_failed_commit_that_is_acknowledged_is_found() {
    check_store(StoreBug::IgnoresFailures, &["durability"]);
}

#[test]
fn a_forgotten_recovery_is_found() {
    check_shard(ShardBug::ForgetsRecovery, &["liveness", "tasks"]);
}

#[test]
fn a_completion_of_two_attempts_is_found() {
    check_shard(ShardBug::CompletesTwice, &["task answers", "task events"]);
}

#[test]
fn rows_that_show_before_their_commit_are_found() {
    check_shard(ShardBug::ShowsUncommitted, &["reads"]);
}
