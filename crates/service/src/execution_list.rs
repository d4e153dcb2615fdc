//! The place of an execution in the list of its machine.

use stepwell_engine::Status;

use crate::residents::Resident;
use crate::rows::execution::OwnedExecutionRow;
use crate::rows::{VERSION, index};
use crate::shard::Shard;

/// The instant that an execution is listed by, newest first.
///
/// AWS: executions that run are sorted by their start or their redrive, others by their stop date (API
/// reference, ListExecutions).
pub(crate) fn listed_ms(row: &OwnedExecutionRow) -> i64 {
    let execution = &row.execution;
    execution
        .stopped_ms()
        .or(row.redriven_ms)
        .unwrap_or(execution.identity.started_ms)
}

impl Shard {
    /// Puts an execution whose status has changed where it is listed now.
    pub(crate) fn list_execution(&mut self, number: u64, resident: &mut Resident) {
        let identity = &resident.row.execution.identity;
        let key = |ms: i64| index::list_key(&identity.state_machine_name, ms, number);
        let listed_ms = listed_ms(&resident.row);
        // Earlier releases listed an execution by its start all its life.
        for before_ms in [Some(identity.started_ms), resident.listed_ms] {
            if let Some(before_ms) = before_ms.filter(|before_ms| *before_ms != listed_ms) {
                self.staging.delete(key(before_ms));
            }
        }
        let status = status_byte(resident.row.execution.status());
        self.staging.put(key(listed_ms), vec![VERSION, status]);
        resident.listed_ms = Some(listed_ms);
    }
}

/// The status in the index of executions. Numbers are persisted.
pub(crate) fn status_byte(status: Status) -> u8 {
    match status {
        Status::Running => 1,
        Status::Succeeded => 2,
        Status::Failed => 3,
        Status::TimedOut => 4,
        Status::Aborted => 5,
    }
}
