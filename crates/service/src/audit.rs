//! What is durable, decoded for those who check it: simulated worlds.
//!
//! Nothing here decides anything, and nothing is repaired. Express executions have no rows and are not seen.

use std::collections::BTreeMap;

use stepwell_engine::{Event, Execution, Frame, Status, Ticket};
use stepwell_store::{Direction, Error, Snapshot};

use crate::rows::execution::{OwnedExecutionRow, decode_execution};
use crate::rows::history::decode_events;
use crate::rows::map_run::{self, Child, Counts, MapRun, MapRunStatus};
use crate::rows::{Kind, decode, index, machine};

/// Everything that the rows of Standard executions and of map runs say.
#[derive(Debug, Default)]
pub struct Audit {
    /// By number.
    pub executions: BTreeMap<u64, StoredExecution>,
    /// By number.
    pub map_runs: BTreeMap<u64, StoredMapRun>,
    /// Due instant and execution of every timer row.
    pub timers: Vec<(i64, u64)>,
    /// Executions that have rows beside their own and no row of their own: what those rows are.
    pub orphans: Vec<String>,
}

/// One execution as its rows have it.
#[derive(Debug)]
pub struct StoredExecution {
    /// Without definition, frames and payloads.
    pub execution: Execution,
    /// In the order of their ids.
    pub frames: Vec<Frame>,
    /// Segments of the history, each with the id in its row's key.
    pub segments: Vec<(u64, Vec<Event>)>,
    /// Text of its definition; `None`: the row is missing.
    pub definition: Option<String>,
    pub redrive_count: u32,
    /// Whether a recovery looks at it.
    pub is_marked_in_doubt: bool,
    /// Whether it is in the index of open executions.
    pub is_marked_open: bool,
    /// The number of the map run that it is a child of.
    pub map_run: Option<u64>,
}

impl StoredExecution {
    /// The events of its history, in the order of its rows.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.segments.iter().flat_map(|(_, events)| events)
    }
}

/// One map run as its rows have it.
#[derive(Debug)]
pub struct StoredMapRun {
    pub arn: String,
    pub parent: u64,
    pub ticket: Ticket,
    pub is_express: bool,
    pub items: u32,
    pub next_item: u32,
    /// Results are put together element by element.
    pub is_flattened: bool,
    /// Results are lines in a text.
    pub is_lines: bool,
    /// `None`: it runs.
    pub ended: Option<MapRunEnd>,
    pub redrive_count: u32,
    /// Counted by the run: child executions, then items.
    pub executions: StoredCounts,
    pub item_counts: StoredCounts,
    /// In the order of their indexes, which are the places in this list unless a row is missing.
    pub children: Vec<StoredChild>,
}

/// How a map run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MapRunEnd {
    Succeeded,
    Failed,
    Aborted,
}

/// Children or items, by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StoredCounts {
    pub running: u32,
    pub succeeded: u32,
    pub failed: u32,
    pub timed_out: u32,
    pub aborted: u32,
    pub pending_redrive: u32,
}

/// One child of a map run, as the run sees it.
#[derive(Debug)]
pub struct StoredChild {
    pub index: u32,
    pub number: u64,
    pub first_item: u32,
    pub items: u32,
    pub status: Status,
    pub result: Option<String>,
}

/// The rows of one kind.
type Rows = Vec<(Vec<u8>, stepwell_store::Value)>;

impl Audit {
    /// Reads all of a snapshot.
    ///
    /// - Errors: the store's; `Corrupt` for a row that cannot be decoded.
    pub fn read(snapshot: &dyn Snapshot) -> Result<Audit, Error> {
        let mut audit = Audit::default();
        for (key, value) in kind(snapshot, Kind::Execution)? {
            let row = decode_execution(&key, &value)?;
            let number = number_in(&key)?;
            audit.executions.insert(number, stored(snapshot, row)?);
        }
        for (key, value) in kind(snapshot, Kind::Frame)? {
            let frame: Frame = decode(&key, &value)?;
            audit.of(&key, "a frame", |stored| stored.frames.push(frame))?;
        }
        for (key, value) in kind(snapshot, Kind::History)? {
            let events = decode_events(&key, &value, &|_| true)?;
            let first = key_number(&key, 9)?;
            audit.of(&key, "events", |stored| {
                stored.segments.push((first, events))
            })?;
        }
        for (key, _) in kind(snapshot, Kind::TaskInDoubt)? {
            audit.of(&key, "a mark of doubt", |stored| {
                stored.is_marked_in_doubt = true
            })?;
        }
        for (key, _) in kind(snapshot, Kind::Timer)? {
            let timer = index::timer_parts(&key).ok_or_else(|| corrupt(&key))?;
            audit.timers.push(timer);
        }
        audit.mark_open(snapshot)?;
        audit.read_map_runs(snapshot)?;
        Ok(audit)
    }

    /// Adds what a row says to its execution.
    fn of(
        &mut self,
        key: &[u8],
        what: &str,
        add: impl FnOnce(&mut StoredExecution),
    ) -> Result<(), Error> {
        let number = number_in(key)?;
        match self.executions.get_mut(&number) {
            Some(stored) => add(stored),
            None => self
                .orphans
                .push(format!("{what} of execution {number}, which has no row")),
        }
        Ok(())
    }

    fn mark_open(&mut self, snapshot: &dyn Snapshot) -> Result<(), Error> {
        for (key, _) in kind(snapshot, Kind::OpenExecution)? {
            let at = key.len().checked_sub(8).ok_or_else(|| corrupt(&key))?;
            let number = key_number(&key, at)?;
            match self.executions.get_mut(&number) {
                Some(stored) => stored.is_marked_open = true,
                None => self.orphans.push(format!(
                    "a mark that execution {number} is open, which has no row"
                )),
            }
        }
        Ok(())
    }

    fn read_map_runs(&mut self, snapshot: &dyn Snapshot) -> Result<(), Error> {
        for (key, value) in kind(snapshot, Kind::MapRun)? {
            let run: MapRun = decode(&key, &value)?;
            let mut children = Vec::new();
            let prefix = map_run::children_of(run.number);
            let to = crate::rows::after(&prefix);
            // Newest first in the rows.
            for (key, value) in snapshot.scan(&prefix, &to, Direction::Descending, usize::MAX)? {
                let index = map_run::index_in_key(&key).ok_or_else(|| corrupt(&key))?;
                let child: Child = decode(&key, &value)?;
                if let Some(stored) = self.executions.get_mut(&child.number) {
                    stored.map_run = Some(run.number);
                }
                children.push(StoredChild {
                    index,
                    number: child.number,
                    first_item: child.first_item,
                    items: child.items,
                    status: child.status,
                    result: child.result,
                });
            }
            self.map_runs.insert(run.number, stored_run(run, children));
        }
        Ok(())
    }
}

fn stored(snapshot: &dyn Snapshot, row: OwnedExecutionRow) -> Result<StoredExecution, Error> {
    let key = machine::definition_key(&row.definition);
    let definition = snapshot.get(&key)?;
    let definition = definition.map(|text| decode(&key, &text)).transpose()?;
    Ok(StoredExecution {
        execution: row.execution,
        frames: Vec::new(),
        segments: Vec::new(),
        definition,
        redrive_count: row.redrive_count,
        is_marked_in_doubt: false,
        is_marked_open: false,
        map_run: None,
    })
}

fn stored_run(run: MapRun, children: Vec<StoredChild>) -> StoredMapRun {
    StoredMapRun {
        arn: run.arn,
        parent: run.parent,
        ticket: run.ticket,
        is_express: run.is_express,
        items: run.items,
        next_item: run.next_item,
        is_flattened: run.transformation == stepwell_engine::Transformation::Flatten,
        is_lines: run.is_lines,
        ended: match run.status {
            MapRunStatus::Running => None,
            MapRunStatus::Succeeded => Some(MapRunEnd::Succeeded),
            MapRunStatus::Failed => Some(MapRunEnd::Failed),
            MapRunStatus::Aborted => Some(MapRunEnd::Aborted),
        },
        redrive_count: run.redrive_count,
        executions: counts(&run.executions),
        item_counts: counts(&run.item_counts),
        children,
    }
}

fn counts(counts: &Counts) -> StoredCounts {
    StoredCounts {
        running: counts.running,
        succeeded: counts.succeeded,
        failed: counts.failed,
        timed_out: counts.timed_out,
        aborted: counts.aborted,
        pending_redrive: counts.pending_redrive,
    }
}

fn kind(snapshot: &dyn Snapshot, kind: Kind) -> Result<Rows, Error> {
    let from = [kind as u8];
    let to = [kind as u8 + 1];
    snapshot.scan(&from, &to, Direction::Ascending, usize::MAX)
}

fn number_in(key: &[u8]) -> Result<u64, Error> {
    index::first_number(key).ok_or_else(|| corrupt(key))
}

fn key_number(key: &[u8], at: usize) -> Result<u64, Error> {
    let bytes = key.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| corrupt(key))
}

fn corrupt(key: &[u8]) -> Error {
    Error::Corrupt { key: key.to_vec() }
}
