//! An execution's snapshot: one row for itself, one for each frame.

use serde::{Deserialize, Serialize};
use stepwell_engine::{Execution, FrameId};

use stepwell_store::Error;

use super::{Kind, Part, VERSION, corrupt, decode, index, key, snapshot, versioned};

/// The row of an execution: the engine's snapshot and what the service knows beside it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ExecutionRow<E> {
    pub(crate) execution: E,
    /// Names the definition's row.
    pub(crate) definition: String,
    pub(crate) revision_id: Option<String>,
    pub(crate) version_arn: Option<String>,
    pub(crate) alias_arn: Option<String>,
    pub(crate) trace_header: Option<String>,
    pub(crate) redrive_count: u32,
    pub(crate) redriven_ms: Option<i64>,
    /// Execution that this one was forked from, and the event it was forked at.
    pub(crate) forked_from: Option<(u64, u64)>,
    /// Whether lost tasks are called again; `None` follows the server.
    pub(crate) retries_lost_tasks: Option<bool>,
}

impl<E> ExecutionRow<E> {
    /// The row of an execution that starts now.
    pub(crate) fn fresh(
        execution: E,
        definition: String,
        trace_header: Option<String>,
    ) -> ExecutionRow<E> {
        ExecutionRow {
            execution,
            definition,
            revision_id: None,
            version_arn: None,
            alias_arn: None,
            trace_header,
            redrive_count: 0,
            redriven_ms: None,
            forked_from: None,
            retries_lost_tasks: None,
        }
    }
}

pub(crate) type OwnedExecutionRow = ExecutionRow<Execution>;

/// The value of an execution's row.
pub(crate) fn encode_execution(row: &OwnedExecutionRow) -> Vec<u8> {
    snapshot::pack(row)
}

/// Reads what [`encode_execution`] wrote, and what it wrote in earlier releases.
pub(crate) fn decode_execution(key: &[u8], value: &[u8]) -> Result<OwnedExecutionRow, Error> {
    let (version, bytes) = versioned(key, value, snapshot::VERSION_PACKED)?;
    if version == VERSION {
        return decode(key, value);
    }
    index::first_number(key)
        .and_then(|number| snapshot::unpack(number, bytes))
        .ok_or_else(|| corrupt(key))
}

pub(crate) fn execution_key(number: u64) -> Vec<u8> {
    key(Kind::Execution, &[Part::Number(number)])
}

pub(crate) fn frame_key(number: u64, frame: FrameId) -> Vec<u8> {
    key(
        Kind::Frame,
        &[Part::Number(number), Part::Number(u64::from(frame.0))],
    )
}

pub(crate) fn frames_of(number: u64) -> Vec<u8> {
    key(Kind::Frame, &[Part::Number(number)])
}

/// Client tokens of an execution's redrives, oldest first.
pub(crate) type RedriveTokens = Vec<(String, i64)>;

/// The tokens that [`RedriveTokens`] holds, with the instant of each one's redrive.
pub(crate) fn redrive_tokens_key(number: u64) -> Vec<u8> {
    key(Kind::RedriveToken, &[Part::Number(number)])
}
