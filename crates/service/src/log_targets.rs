//! Where the executions of each state machine are logged.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_store::Error;

use crate::command::{LogDelivery, LogTarget};
use crate::residents::Resident;
use crate::rows::machine::Machine;
use crate::shard::Shard;
use crate::target;

/// State machines whose target is kept in memory.
const TARGETS_MAX: usize = 1_000;

/// The name of a state machine, and the ARN of the version that runs.
type Key = (String, Option<String>);

/// Targets of state machines and of their versions; `None` where nothing is logged. A transition then reads no row
/// for it.
#[derive(Default)]
pub(crate) struct LogTargets {
    kept: BTreeMap<Key, Option<Arc<LogTarget>>>,
}

impl LogTargets {
    /// The state machine has changed or gone.
    pub(crate) fn forget(&mut self, state_machine_name: &str) {
        self.kept.retain(|(name, _), _| name != state_machine_name);
    }
}

impl Shard {
    /// How the events that an execution has just had are logged.
    ///
    /// AWS: a version keeps its logging configuration. Whether an execution that runs follows a change of an
    /// unversioned one is not documented; here it does.
    pub(crate) fn log_delivery(
        &mut self,
        resident: &Resident,
    ) -> Result<Option<Box<LogDelivery>>, Error> {
        let identity = &resident.row.execution.identity;
        let key = (
            identity.state_machine_name.clone(),
            resident.row.version_arn.clone(),
        );
        let Some(target) = self.log_target_of(key)? else {
            return Ok(None);
        };
        Ok(Some(Box::new(LogDelivery {
            target,
            execution: identity.number,
            is_durable: resident.is_durable(),
            role_arn: identity.role_arn.clone(),
            version_arn: resident.row.version_arn.clone(),
            alias_arn: resident.row.alias_arn.clone(),
            redrive_count: resident.row.redrive_count,
        })))
    }

    fn log_target_of(&mut self, key: Key) -> Result<Option<Arc<LogTarget>>, Error> {
        if let Some(kept) = self.log_targets.kept.get(&key) {
            return Ok(kept.clone());
        }
        let target = self
            .machine_that_runs(&key)?
            .as_ref()
            .and_then(log_target)
            .map(Arc::new);
        if self.log_targets.kept.len() >= TARGETS_MAX {
            self.log_targets.kept.clear();
        }
        self.log_targets.kept.insert(key, target.clone());
        Ok(target)
    }

    /// The state machine as it is, or as it was when the version was published.
    fn machine_that_runs(&self, (name, version_arn): &Key) -> Result<Option<Machine>, Error> {
        let Some(machine) = self.machine(name)? else {
            return Ok(None);
        };
        let number = version_arn
            .as_deref()
            .and_then(|arn| arn.rsplit(':').next())
            .and_then(|number| number.parse().ok());
        let Some(number) = number else {
            return Ok(Some(machine));
        };
        let version = target::version(&self.staging, name, number)?;
        Ok(version.map(|version| machine.at(&version)))
    }
}

/// Where a state machine logs to, if its logging is on.
pub(crate) fn log_target(machine: &Machine) -> Option<LogTarget> {
    let logging = machine.logging.as_ref()?;
    let is_on = logging.level.as_deref().is_some_and(|level| level != "OFF");
    let destination = logging.destinations.as_ref()?.first()?;
    let log_group_arn = destination
        .cloud_watch_logs_log_group
        .as_ref()?
        .log_group_arn
        .clone()?;
    is_on.then(|| LogTarget {
        logging: logging.clone(),
        log_group_arn,
        state_machine_name: machine.name.clone(),
        state_machine_arn: machine.arn.clone(),
        since_ms: machine.created_ms,
    })
}
