//! Map runs, their child executions, and what each child has given.

use serde::{Deserialize, Serialize};
use stepwell_engine::{Status, Ticket, Transformation};
use stepwell_store::Error;

use super::{Kind, Part, decode, key};
use crate::staging::Rows;

/// A map run: how it was started, and how far it has come.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct MapRun {
    /// Its number; children are found by it.
    pub(crate) number: u64,
    pub(crate) arn: String,
    /// Number of the execution whose Map state waits.
    pub(crate) parent: u64,
    pub(crate) parent_arn: String,
    pub(crate) ticket: Ticket,
    /// The ARN of the children's state machine, label included.
    pub(crate) state_machine_arn: String,
    pub(crate) label: String,
    /// Names the row of the definition that the children run.
    pub(crate) definition: String,
    /// Whether the children are Express executions.
    pub(crate) is_express: bool,
    pub(crate) seed: [u8; 32],
    pub(crate) items: u32,
    /// `None`: known only when the children are started.
    pub(crate) items_per_child: Option<u32>,
    pub(crate) max_concurrency: u32,
    pub(crate) tolerated_failure_count: Option<u64>,
    pub(crate) tolerated_failure_percentage: Option<f64>,
    pub(crate) transformation: Transformation,
    pub(crate) is_lines: bool,
    pub(crate) started_ms: i64,
    pub(crate) status: MapRunStatus,
    pub(crate) stopped_ms: Option<i64>,
    pub(crate) redrive_count: u32,
    pub(crate) redriven_ms: Option<i64>,
    /// The first item that no child has been given.
    pub(crate) next_item: u32,
    /// The index that the next child gets.
    pub(crate) next_child: u32,
    pub(crate) executions: Counts,
    pub(crate) item_counts: Counts,
    /// Bytes of the results so far.
    pub(crate) result_bytes: u64,
    /// Children below this index have been aborted, or had ended; counted once the run is over.
    pub(crate) next_to_abort: u32,
    /// Children from the first index to the second are looked at for a redrive.
    pub(crate) to_redrive: (u32, u32),
}

/// Where a map run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum MapRunStatus {
    Running,
    Succeeded,
    Failed,
    Aborted,
}

/// Child executions, or items in them, by status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Counts {
    pub(crate) running: u32,
    pub(crate) succeeded: u32,
    pub(crate) failed: u32,
    pub(crate) timed_out: u32,
    pub(crate) aborted: u32,
    /// Ended without success and wait for their redrive.
    pub(crate) pending_redrive: u32,
    /// Among those without success: cannot be redriven.
    pub(crate) not_redrivable: u32,
}

impl Counts {
    /// The counter of a status.
    pub(crate) fn of(&mut self, status: Status) -> &mut u32 {
        match status {
            Status::Running => &mut self.running,
            Status::Succeeded => &mut self.succeeded,
            Status::Failed => &mut self.failed,
            Status::TimedOut => &mut self.timed_out,
            Status::Aborted => &mut self.aborted,
        }
    }

    /// Everything that ended without success waits for its redrive.
    pub(crate) fn await_redrive(&mut self) {
        let ended = [&mut self.failed, &mut self.timed_out, &mut self.aborted];
        for count in ended {
            self.pending_redrive += std::mem::take(count);
        }
        self.not_redrivable = 0;
    }
}

/// Whose child an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChildOf {
    pub(crate) parent: u64,
    pub(crate) run: u64,
    pub(crate) index: u32,
    /// Items in its input.
    pub(crate) items: u32,
}

/// One child execution as its run sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Child {
    pub(crate) number: u64,
    pub(crate) first_item: u32,
    pub(crate) items: u32,
    pub(crate) status: Status,
    /// How often the run had been redriven when the child ended.
    pub(crate) ended_after_redrives: u32,
    /// Bytes of `result` and of what separates it from the next.
    pub(crate) result_bytes: u64,
    /// What it adds to the run's output, once it has ended; left out where that is too large anyway.
    pub(crate) result: Option<String>,
}

impl MapRun {
    /// Whether a child was begun since the run was started, or looked at since it was redriven.
    pub(crate) fn has_begun(&self) -> bool {
        match self.to_redrive {
            (_, 0) => self.next_child > 0,
            (next, _) => next > 0,
        }
    }

    /// Whether a child ended without success and waits for its redrive.
    ///
    /// A child that was open when the run was redriven and has failed since then does not.
    pub(crate) fn is_redrive_pending(&self, index: u32, child: &Child) -> bool {
        let (next, end) = self.to_redrive;
        let is_good = matches!(child.status, Status::Running | Status::Succeeded);
        self.status == MapRunStatus::Running
            && (next..end).contains(&index)
            && !is_good
            && child.ended_after_redrives < self.redrive_count
    }
}

/// Map runs of an execution, oldest first.
pub(crate) fn run_key(parent: u64, run: u64) -> Vec<u8> {
    key(Kind::MapRun, &[Part::Number(parent), Part::Number(run)])
}

pub(crate) fn runs_of(parent: u64) -> Vec<u8> {
    key(Kind::MapRun, &[Part::Number(parent)])
}

/// The ARN of a map run to its parent's number and its own.
pub(crate) fn name_key(arn: &str) -> Vec<u8> {
    key(Kind::MapRunName, &[Part::Text(arn)])
}

/// The number of a child execution to what it is a child of.
pub(crate) fn child_of_key(number: u64) -> Vec<u8> {
    key(Kind::MapRunChild, &[Part::Number(number)])
}

/// Child executions of a map run, newest first.
pub(crate) fn child_key(run: u64, index: u32) -> Vec<u8> {
    key(
        Kind::MapRunItem,
        &[Part::Number(run), Part::Number(u64::MAX - u64::from(index))],
    )
}

/// The index in a key of [`child_key`].
pub(crate) fn index_in_key(key: &[u8]) -> Option<u32> {
    let tail = key.get(9..17)?.try_into().ok()?;
    u32::try_from(u64::MAX - u64::from_be_bytes(tail)).ok()
}

pub(crate) fn children_of(run: u64) -> Vec<u8> {
    key(Kind::MapRunItem, &[Part::Number(run)])
}

pub(crate) fn map_run(rows: &dyn Rows, parent: u64, run: u64) -> Result<Option<MapRun>, Error> {
    let key = run_key(parent, run);
    let value = rows.get(&key)?;
    value.map(|value| decode(&key, &value)).transpose()
}

/// The map run that an ARN names.
pub(crate) fn map_run_named(rows: &dyn Rows, arn: &str) -> Result<Option<MapRun>, Error> {
    let key = name_key(arn);
    let Some(value) = rows.get(&key)? else {
        return Ok(None);
    };
    let (parent, run): (u64, u64) = decode(&key, &value)?;
    map_run(rows, parent, run)
}

/// A child of a run, by its index.
pub(crate) fn child(rows: &dyn Rows, run: u64, index: u32) -> Result<Option<Child>, Error> {
    let key = child_key(run, index);
    let value = rows.get(&key)?;
    value.map(|value| decode(&key, &value)).transpose()
}

/// What an execution is a child of; only executions of a labelled machine are.
pub(crate) fn child_of(
    rows: &dyn Rows,
    number: u64,
    state_machine_arn: &str,
) -> Result<Option<ChildOf>, Error> {
    if !state_machine_arn.contains('/') {
        return Ok(None);
    }
    let key = child_of_key(number);
    let value = rows.get(&key)?;
    value.map(|value| decode(&key, &value)).transpose()
}
