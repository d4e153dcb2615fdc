//! Answers that change nothing: read from a snapshot beside the writer.

mod activities;
mod event_invokes;
mod event_webhooks;
mod events;
mod executions;
mod function_settings;
mod functions;
mod gateway;
mod iam;
mod layers;
mod live;
mod log_filters;
mod log_groups;
mod machines;
mod map_runs;
mod page;
mod resources;
mod schedules;
mod sessions;
mod stacks;
pub mod survey;
mod tracing;
mod versions;

use std::sync::Arc;

pub use live::KnownTexts;
pub use resources::{OpenMapRuns, ResourceCounts};
pub use sessions::Caller;
pub use stacks::{Stack, StackResource};

use stepwell_api::arn::ExecutionArn;
use stepwell_engine::{MachineKind, Timestamp};
use stepwell_store::{Error, Snapshot};

use crate::command::{Refusal, Settings};
use crate::executions::missing_execution;
use crate::machines::machine_kind;
use crate::rows::execution::{OwnedExecutionRow, decode_execution, execution_key};
use crate::rows::machine::{Machine, definition_key};
use crate::rows::{decode, index};
use crate::shard::{Done, hash_kind};
use crate::staging::Rows;

/// Reads of one snapshot. Every acknowledged write is in the snapshot taken after it.
pub struct Reader {
    snapshot: Arc<dyn Snapshot>,
    settings: Settings,
    now: Timestamp,
}

/// An answer, a refusal, or a failing store.
pub type Read<T> = Result<Result<T, Refusal>, Error>;

impl Reader {
    /// - `now`: how old the tokens of pages are, is reckoned from it.
    pub fn new(snapshot: Arc<dyn Snapshot>, settings: Settings, now: Timestamp) -> Reader {
        Reader {
            snapshot,
            settings,
            now,
        }
    }

    fn definition_text(&self, machine: &Machine) -> Result<String, Error> {
        self.definition_row(&machine.definition, machine_kind(machine))
    }

    fn definition_row(&self, hash: &str, kind: MachineKind) -> Result<String, Error> {
        let key = definition_key(&hash_kind(hash, kind));
        let value =
            Rows::get(&self.snapshot, &key)?.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        decode(&key, &value)
    }

    fn execution(&self, arn: &str) -> Done<(u64, OwnedExecutionRow)> {
        let parsed = ExecutionArn::parse_standard(arn)?;
        let key = index::name_key(&index::machine_of(&parsed), parsed.name());
        let Some(value) = Rows::get(&self.snapshot, &key)? else {
            return Err(missing_execution(arn).into());
        };
        let number = decode(&key, &value)?;
        let row = self.row(number)?;
        if row.execution.identity.arn != arn {
            return Err(missing_execution(arn).into());
        }
        Ok((number, row))
    }

    fn row(&self, number: u64) -> Result<OwnedExecutionRow, Error> {
        let key = execution_key(number);
        let value =
            Rows::get(&self.snapshot, &key)?.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        decode_execution(&key, &value)
    }
}

fn settle<T>(done: Done<T>) -> Read<T> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(crate::shard::Stop::Refused(refusal)) => Ok(Err(*refusal)),
        Err(crate::shard::Stop::Store(error)) => Err(error),
    }
}
