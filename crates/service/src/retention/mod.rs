//! What goes by itself: ended executions after their time, definitions that nothing uses any more.
//!
//! A walk over the rows in small steps, one a tick, with a pause between them. The list of executions is sorted by the
//! instant of their end, so a walk looks only at what is old enough. Nothing remembers how far a walk is but memory:
//! after a crash it begins anew and finds what is left. An execution that is too large for one step is marked first.
//!
//! AWS: execution history, name and description are kept for 90 days after the end.

mod definitions;
mod erasure;
mod period;

use std::collections::{BTreeMap, BTreeSet};

use stepwell_engine::{Status, Timestamp};
use stepwell_store::{Direction, Error};

use self::definitions::DefinitionWalk;
use crate::execution_list::status_byte;
use crate::rows::execution::{decode_execution, execution_key};
use crate::rows::machine::{Machine, machines};
use crate::rows::version::numbering_key;
use crate::rows::{after, decode_json, index};
use crate::shard::{Done, Shard, Stop};
use crate::staging::{Row, Rows};

pub use self::period::{DEFAULT, Period, TAG, parse};

/// The longest pause between two walks, in milliseconds: an execution goes at most this much later than it may.
const WALK_EVERY_MS_MAX: i64 = 60 * 60 * 1_000;

/// The shortest pause between two walks.
const WALK_EVERY_MS_MIN: i64 = 1_000;

/// Walks in the time of the shortest retention.
const WALKS_PER_PERIOD: i64 = 100;

/// Work of one step: a row that is deleted or looked at counts 1, a read of rows counts [`READ_WORK`].
const WORK_PER_STEP_MAX: usize = 512;

/// What a read of rows counts.
const READ_WORK: usize = 4;

/// The pause between two steps of a walk, in milliseconds: callers come first.
const STEP_PAUSE_MS: i64 = 10;

/// Rows of one read.
const PAGE_ROWS: usize = 64;

/// How far the walk is, and what it must know.
pub(crate) struct Retention {
    default: Period,
    /// State machines that say how long their executions are kept.
    tagged: BTreeMap<String, Period>,
    /// Whether the rows of machines were read for that.
    are_tags_read: bool,
    /// When the last walk began.
    walked_ms: Option<i64>,
    /// When the last walk over definitions began.
    definitions_ms: Option<i64>,
    every_ms: i64,
    walk: Option<Walk>,
    /// The next step of the walk is not before.
    resume_ms: i64,
    /// Executions of which a damaged row tells what else is theirs: what is left of them stays.
    damaged: BTreeSet<u64>,
    /// Where the next walk over definitions begins.
    definitions_from: Vec<u8>,
}

/// The stations of a walk, in their order.
enum Walk {
    /// Reads the tags of state machines, from this key on.
    Tags(Vec<u8>),
    /// Goes on with executions that are marked, from this key on, and then where it came from.
    Marked {
        from: Vec<u8>,
        then: Box<Walk>,
    },
    /// Finds the next state machine that executions are listed of, from this key on.
    Lists(Vec<u8>),
    /// Looks at the ended executions of one machine, the oldest first, down to this key.
    List {
        machine: String,
        to: Vec<u8>,
    },
    Definitions(DefinitionWalk),
}

impl Walk {
    fn all_marked() -> Walk {
        Walk::Marked {
            from: index::erasures(),
            then: Box::new(Walk::Lists(index::lists())),
        }
    }

    fn beyond_list_of(machine: &str) -> Walk {
        Walk::Lists(after(&index::list_of(machine)))
    }
}

/// Rows of a range, read around a damaged one.
struct Page {
    rows: Vec<Row>,
    /// The key of a damaged row behind them.
    damaged: Option<Vec<u8>>,
    /// Where the next page begins; `None` at the end of the range.
    next: Option<Vec<u8>>,
}

/// What is left of one step.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn read(&mut self) {
        self.look(READ_WORK);
    }

    pub(super) fn delete(&mut self) {
        self.look(1);
    }

    /// Rows that were read with others, by their weight.
    pub(super) fn look(&mut self, work: usize) {
        self.0 = self.0.saturating_sub(work);
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}

impl Retention {
    /// Before the first walk.
    pub(crate) fn new(default: Period) -> Retention {
        let mut retention = Retention {
            default,
            tagged: BTreeMap::new(),
            are_tags_read: false,
            walked_ms: None,
            definitions_ms: None,
            every_ms: 0,
            walk: None,
            resume_ms: i64::MIN,
            damaged: BTreeSet::new(),
            definitions_from: definitions::first(),
        };
        retention.reckon();
        retention
    }

    /// When the walk goes on; `None` while there is none.
    ///
    /// A walk begins with a tick, and no tick is asked for because of it: the shell ticks every second anyway.
    pub(crate) fn next_due(&self) -> Option<i64> {
        self.walk.as_ref().map(|_| self.resume_ms)
    }

    /// The state machine says how long its executions are kept, or does not.
    pub(crate) fn note(&mut self, machine: &Machine) {
        let said = machine.tags.get(TAG).and_then(|text| parse(text).ok());
        let before = match said {
            Some(period) => self.tagged.insert(machine.name.clone(), period),
            None => self.tagged.remove(&machine.name),
        };
        if before != said {
            self.reckon();
        }
    }

    /// Nobody can read what the state machine says: its executions are kept.
    fn keep_all_of(&mut self, machine_key: &[u8]) {
        if let Ok(machine) = String::from_utf8(machine_key[1..].to_vec()) {
            self.tagged.insert(machine, None);
            self.reckon();
        }
    }

    pub(crate) fn forget(&mut self, machine: &str) {
        if self.tagged.remove(machine).is_some() {
            self.reckon();
        }
    }

    /// A definition is used from now on.
    pub(crate) fn keep_definition(&mut self, hash_kind: &str) {
        if let Some(Walk::Definitions(walk)) = &mut self.walk {
            walk.is_used(hash_kind);
        }
    }

    fn of(&self, machine: &str) -> Period {
        self.tagged.get(machine).copied().unwrap_or(self.default)
    }

    fn reckon(&mut self) {
        let all = self.tagged.values().chain([&self.default]);
        let shortest = all.copied().flatten().min().unwrap_or(i64::MAX);
        self.every_ms = (shortest / WALKS_PER_PERIOD).clamp(WALK_EVERY_MS_MIN, WALK_EVERY_MS_MAX);
    }

    /// Whether a walk begins at `now_ms`. A clock that was set back does not hold the next one up.
    fn begins(&self, now_ms: i64) -> bool {
        self.walked_ms
            .is_none_or(|walked_ms| (now_ms - walked_ms).abs() >= self.every_ms)
    }
}

impl Shard {
    /// One step of the walk, if one is due.
    pub(crate) fn work_on_retention(&mut self, now: Timestamp) -> Done<()> {
        let now_ms = now.as_millis();
        let retention = &mut self.retention;
        let Some(mut walk) = retention.walk.take().or_else(|| {
            retention.begins(now_ms).then(|| {
                retention.walked_ms = Some(now_ms);
                retention.resume_ms = i64::MIN;
                Walk::Tags(machines())
            })
        }) else {
            return Ok(());
        };
        let is_early =
            now_ms < retention.resume_ms && retention.resume_ms - now_ms <= STEP_PAUSE_MS;
        if is_early || self.is_full() {
            self.retention.walk = Some(walk);
            return Ok(());
        }
        let mut budget = Budget(WORK_PER_STEP_MAX);
        while !budget.is_spent() && !self.is_full() {
            match self.walk_on(now_ms, walk, &mut budget) {
                Ok(Some(next)) => walk = next,
                // A damaged row ends the walk over definitions and not the server: who reads the row is told. The
                // other stations go around it.
                Ok(None) | Err(Stop::Store(Error::Corrupt { .. })) => return Ok(()),
                Err(stop) => return Err(stop),
            }
        }
        self.retention.walk = Some(walk);
        self.retention.resume_ms = now_ms.saturating_add(STEP_PAUSE_MS);
        Ok(())
    }

    /// One page of the walk; `None` at its end.
    fn walk_on(&mut self, now_ms: i64, walk: Walk, budget: &mut Budget) -> Done<Option<Walk>> {
        match walk {
            Walk::Tags(_) if self.retention.are_tags_read => Ok(Some(Walk::all_marked())),
            Walk::Tags(from) => self.read_tags(&from, budget).map(Some),
            Walk::Marked { from, then } => self.erase_marked(&from, then, budget).map(Some),
            Walk::Lists(from) => self
                .find_list(&from, budget)
                .map(|found| found.or_else(|| self.walk_definitions(now_ms))),
            Walk::List { machine, to } => {
                let beyond = Walk::beyond_list_of(&machine);
                match self.walk_list(now_ms, machine, to, budget) {
                    Err(Stop::Store(Error::Corrupt { .. })) => Ok(Some(beyond)),
                    walked => walked.map(Some),
                }
            }
            Walk::Definitions(walk) => {
                let next = self.walk_on_definitions(walk, budget)?;
                Ok(next.map(Walk::Definitions))
            }
        }
    }

    fn read_tags(&mut self, from: &[u8], budget: &mut Budget) -> Done<Walk> {
        let page = self.page_around(from, &after(&machines()), PAGE_ROWS, budget)?;
        for (key, value) in &page.rows {
            match decode_json::<Machine>(key, value) {
                Ok(machine) => self.retention.note(&machine),
                Err(Error::Corrupt { key }) => self.retention.keep_all_of(&key),
                Err(error) => return Err(Stop::Store(error)),
            }
        }
        if let Some(key) = &page.damaged {
            self.retention.keep_all_of(key);
        }
        self.retention.are_tags_read = page.next.is_none();
        Ok(page.next.map_or_else(Walk::all_marked, Walk::Tags))
    }

    fn erase_marked(&mut self, from: &[u8], then: Box<Walk>, budget: &mut Budget) -> Done<Walk> {
        let Some(key) = self.first_key(from, &after(&index::erasures()), budget)? else {
            return Ok(*then);
        };
        let is_erased = match index::first_number(&key) {
            Some(number) if !self.retention.damaged.contains(&number) => {
                self.erase(number, budget)?
            }
            _ => false,
        };
        // What one step is too short for goes on in the next. A damaged one is passed over, and so is one with children
        // that are still busy.
        let from = match is_erased || !budget.is_spent() {
            true => index::next_key(&key),
            false => key,
        };
        Ok(Walk::Marked { from, then })
    }

    fn find_list(&mut self, from: &[u8], budget: &mut Budget) -> Done<Option<Walk>> {
        let Some(key) = self.first_key(from, &after(&index::lists()), budget)? else {
            return Ok(None);
        };
        let Some(machine) = index::first_name(&key) else {
            return Ok(Some(Walk::Lists(index::next_key(&key))));
        };
        let to = after(&index::list_of(&machine));
        Ok(Some(Walk::List { machine, to }))
    }

    /// Looks at the oldest executions of a machine below `to`.
    fn walk_list(
        &mut self,
        now_ms: i64,
        machine: String,
        to: Vec<u8>,
        budget: &mut Budget,
    ) -> Done<Walk> {
        let beyond = Walk::beyond_list_of(&machine);
        let Some(kept_ms) = self.retention.of(&machine) else {
            return Ok(beyond);
        };
        budget.read();
        let over_ms = now_ms.saturating_sub(kept_ms);
        if over_ms < 0 {
            return Ok(beyond);
        }
        let from = index::list_key(&machine, over_ms, u64::MAX);
        let rows = self
            .staging
            .scan(&from, &to, Direction::Descending, PAGE_ROWS)?;
        let is_last = rows.len() < PAGE_ROWS;
        let running = status_byte(Status::Running);
        for (at, (key, value)) in rows.iter().enumerate() {
            if budget.is_spent() {
                let to = if at == 0 { to } else { rows[at - 1].0.clone() };
                return Ok(Walk::List { machine, to });
            }
            budget.look(1);
            if value.get(1) == Some(&running) {
                continue;
            }
            let number =
                index::number_in_list(key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
            if self.is_over(number, over_ms, budget)? {
                let is_erased = self.erase(number, budget)?;
                // It is listed as long as its own row is there.
                if !self.is_there(&execution_key(number))? {
                    self.staging.delete(key.clone());
                }
                if !is_erased && budget.is_spent() {
                    let to = key.clone();
                    return Ok(Walk::Marked {
                        from: index::erasure_key(number),
                        then: Box::new(Walk::List { machine, to }),
                    });
                }
            }
        }
        if !is_last && let Some((key, _)) = rows.last() {
            let to = key.clone();
            return Ok(Walk::List { machine, to });
        }
        self.close_list(&machine)?;
        Ok(beyond)
    }

    /// Whether an execution that is listed as ended may go: it ended before `over_ms` and nothing of it is open.
    fn is_over(&mut self, number: u64, over_ms: i64, budget: &mut Budget) -> Done<bool> {
        if self.retention.damaged.contains(&number) {
            return Ok(false);
        }
        budget.read();
        let key = execution_key(number);
        let row = self.staging.get(&key).and_then(|value| {
            let row = value.map(|value| decode_execution(&key, &value));
            row.transpose()
        });
        let Some(row) = self.unless_damaged(number, row)?.flatten() else {
            // Without its row there is nothing to list.
            return Ok(!self.retention.damaged.contains(&number));
        };
        let execution = &row.execution;
        // Releases before the list was sorted by the end listed by the start.
        let has_ended_before = execution.status() != Status::Running
            && execution
                .stopped_ms()
                .is_some_and(|stopped_ms| stopped_ms <= over_ms);
        if !has_ended_before {
            return Ok(false);
        }
        budget.read();
        // Children of its map runs are still being aborted, or a task has not been told of the end yet.
        let awaited = index::nested_of(number);
        let link = self.first_key(&awaited, &after(&awaited), budget)?;
        Ok(link.is_none() && !self.is_there(&index::doubt_key(number))?)
    }

    /// What was read, or `None` where a row is damaged: what is left of the execution stays, and the server goes on.
    fn unless_damaged<T>(&mut self, number: u64, read: Result<T, Error>) -> Done<Option<T>> {
        match read {
            Ok(read) => Ok(Some(read)),
            Err(Error::Corrupt { .. }) => {
                self.retention.damaged.insert(number);
                Ok(None)
            }
            Err(error) => Err(Stop::Store(error)),
        }
    }

    /// Whether there is such a row, damaged or not.
    fn is_there(&self, key: &[u8]) -> Result<bool, Error> {
        match self.staging.get(key) {
            Err(Error::Corrupt { .. }) => Ok(true),
            value => Ok(value?.is_some()),
        }
    }

    /// The first key of a range, whether its row is damaged or not.
    fn first_key(
        &self,
        from: &[u8],
        to: &[u8],
        budget: &mut Budget,
    ) -> Result<Option<Vec<u8>>, Error> {
        let page = self.page_around(from, to, 1, budget)?;
        let key = page.rows.into_iter().next().map(|(key, _)| key);
        Ok(key.or(page.damaged))
    }

    fn page_around(
        &self,
        from: &[u8],
        to: &[u8],
        rows_max: usize,
        budget: &mut Budget,
    ) -> Result<Page, Error> {
        budget.read();
        let read = |to: &[u8]| self.staging.scan(from, to, Direction::Ascending, rows_max);
        let (rows, damaged) = match read(to) {
            Err(Error::Corrupt { key }) => (read(&key)?, Some(key)),
            rows => (rows?, None),
        };
        let is_full = rows.len() == rows_max;
        // Beyond a full page comes what was not asked for: staging reads more than that.
        let damaged = damaged.filter(|_| !is_full);
        let last = rows.last().map(|(key, _)| key).filter(|_| is_full);
        let next = damaged.as_ref().or(last).map(|key| index::next_key(key));
        Ok(Page {
            rows,
            damaged,
            next,
        })
    }

    /// The numbers given out under the name of a deleted machine go with its last execution.
    fn close_list(&mut self, machine: &str) -> Done<()> {
        if self.machine(machine)?.is_some() {
            return Ok(());
        }
        let prefix = index::list_of(machine);
        let listed = self
            .staging
            .scan(&prefix, &after(&prefix), Direction::Ascending, 1)?;
        if listed.is_empty() {
            self.staging.delete(numbering_key(machine));
        }
        Ok(())
    }

    fn walk_definitions(&mut self, now_ms: i64) -> Option<Walk> {
        let retention = &mut self.retention;
        let is_due = retention
            .definitions_ms
            .is_none_or(|walked_ms| (now_ms - walked_ms).abs() >= definitions::WALK_EVERY_MS);
        is_due.then(|| {
            retention.definitions_ms = Some(now_ms);
            Walk::Definitions(DefinitionWalk::from(retention.definitions_from.clone()))
        })
    }
}
