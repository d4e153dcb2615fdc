//! Published versions of state machines, their aliases, and the numbers given out so far.

use serde::{Deserialize, Serialize};
use stepwell_api::states::{EncryptionConfiguration, LoggingConfiguration};

use super::machine::Machine;
use super::{Kind, Part, key};

/// A published version: what the state machine was when it was published. It never changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Version {
    /// From 1; the first member of the key beside the machine.
    pub(crate) number: u32,
    /// Names the definition's row.
    pub(crate) definition: String,
    pub(crate) role_arn: String,
    /// Absent where the machine had never been updated.
    pub(crate) revision_id: Option<String>,
    pub(crate) created_ms: i64,
    pub(crate) description: Option<String>,
    pub(crate) logging: Option<LoggingConfiguration>,
    pub(crate) tracing_enabled: bool,
    pub(crate) encryption: Option<EncryptionConfiguration>,
}

/// A name that starts of executions are routed through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alias {
    pub(crate) name: String,
    pub(crate) description: Option<String>,
    /// One or two versions; the weights add up to 100.
    pub(crate) routing: Vec<Route>,
    pub(crate) created_ms: i64,
    pub(crate) updated_ms: i64,
    /// Orders the aliases of a machine by creation.
    pub(crate) sequence: u64,
}

/// One version that an alias routes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Route {
    pub(crate) version: u32,
    /// Percent of the starts.
    pub(crate) weight: u32,
}

/// What was given out under the name of a state machine. Absent while nothing was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbering {
    /// Number of the newest version; a number is never given out twice.
    pub(crate) versions: u32,
    /// Aliases created so far.
    pub(crate) aliases: u64,
    /// Executions with a lower number belong to machines of this name that were deleted.
    pub(crate) first_execution: u64,
}

impl Machine {
    /// The machine as it was when this version of it was published.
    pub(crate) fn at(self, version: &Version) -> Machine {
        Machine {
            definition: version.definition.clone(),
            role_arn: version.role_arn.clone(),
            revision_id: version.revision_id.clone(),
            logging: version.logging.clone(),
            tracing_enabled: version.tracing_enabled,
            encryption: version.encryption.clone(),
            ..self
        }
    }
}

/// Versions sort newest first.
pub(crate) fn version_key(machine: &str, number: u32) -> Vec<u8> {
    key(
        Kind::StateMachineVersion,
        &[
            Part::Name(machine),
            Part::Number(u64::MAX - u64::from(number)),
        ],
    )
}

pub(crate) fn versions_of(machine: &str) -> Vec<u8> {
    key(Kind::StateMachineVersion, &[Part::Name(machine)])
}

/// INVARIANT: no version has the number 0, so its place, behind all versions, is free.
pub(crate) fn numbering_key(machine: &str) -> Vec<u8> {
    version_key(machine, 0)
}

pub(crate) fn is_numbering_key(row_key: &[u8]) -> bool {
    row_key.ends_with(&u64::MAX.to_be_bytes())
}

pub(crate) fn alias_key(machine: &str, name: &str) -> Vec<u8> {
    key(
        Kind::StateMachineAlias,
        &[Part::Name(machine), Part::Text(name)],
    )
}

pub(crate) fn aliases_of(machine: &str) -> Vec<u8> {
    key(Kind::StateMachineAlias, &[Part::Name(machine)])
}
