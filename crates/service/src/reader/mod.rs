//! Answers that change nothing: read from a snapshot beside the writer.

mod executions;
mod functions;
mod machines;
mod page;

use std::sync::Arc;

use stepwell_api::arn::{ExecutionArn, Qualifier, StateMachineArn};
use stepwell_api::states;
use stepwell_engine::MachineKind;
use stepwell_store::{Error, Snapshot};

use crate::command::{Refusal, Settings};
use crate::executions::missing_execution;
use crate::machines::{machine_kind, not_built};
use crate::rows::execution::{OwnedExecutionRow, execution_key};
use crate::rows::machine::{Machine, definition_key, machine_key};
use crate::rows::{decode, decode_json, index};
use crate::shard::{Done, hash_kind};
use crate::staging::Rows;

/// Reads of one snapshot. Every acknowledged write is in the snapshot taken after it.
pub struct Reader {
    snapshot: Arc<dyn Snapshot>,
    settings: Settings,
}

/// An answer, a refusal, or a failing store.
pub type Read<T> = Result<Result<T, Refusal>, Error>;

impl Reader {
    pub fn new(snapshot: Arc<dyn Snapshot>, settings: Settings) -> Reader {
        Reader { snapshot, settings }
    }

    fn machine(&self, arn: &str) -> Done<Machine> {
        let parsed = StateMachineArn::parse(arn)?;
        if *parsed.qualifier() != Qualifier::None {
            return Err(not_built("state machine versions and aliases").into());
        }
        let key = machine_key(parsed.name());
        let missing = || states::Error::state_machine_does_not_exist(arn);
        let value = Rows::get(&self.snapshot, &key)?.ok_or_else(missing)?;
        let machine: Machine = decode_json(&key, &value)?;
        if machine.arn != arn {
            return Err(missing().into());
        }
        Ok(machine)
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
        let key = index::name_key(parsed.state_machine_name(), parsed.name());
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
        decode(&key, &value)
    }
}

fn settle<T>(done: Done<T>) -> Read<T> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(crate::shard::Stop::Refused(refusal)) => Ok(Err(*refusal)),
        Err(crate::shard::Stop::Store(error)) => Err(error),
    }
}
