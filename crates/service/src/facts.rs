//! What observers are told of executions and of the state machines that they run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use stepwell_engine::Identity;
use stepwell_store::Error;

use crate::command::{ExecutionFacts, LogTarget, MachineFacts, MapRunPlace};
use crate::residents::Resident;
use crate::rows::machine::Machine;
use crate::shard::Shard;
use crate::target;

/// State machines whose facts are kept in memory.
const MACHINES_MAX: usize = 1_000;

/// The name of a state machine, and the ARN of the version that runs.
type Key = (String, Option<String>);

/// Facts of state machines and of their versions. A transition then reads no row for them.
#[derive(Default)]
pub(crate) struct KnownFacts {
    machines: BTreeMap<Key, Arc<MachineFacts>>,
    /// How often something was forgotten: facts of executions that are older are made anew.
    changes: u64,
}

/// The facts of an execution that is in memory.
pub(crate) struct KeptFacts {
    facts: Arc<ExecutionFacts>,
    /// [`KnownFacts::changes`] when they were made.
    changes: u64,
}

impl KnownFacts {
    /// The state machine has changed or gone.
    pub(crate) fn forget(&mut self, state_machine_name: &str) {
        self.changes += 1;
        self.machines
            .retain(|(name, _), _| name != state_machine_name);
    }
}

impl Shard {
    /// What is known of an execution in memory.
    ///
    /// AWS: a version keeps its logging configuration. Whether an execution that runs follows a change of an
    /// unversioned one is not documented; here it does.
    pub(crate) fn facts_of(
        &mut self,
        resident: &mut Resident,
    ) -> Result<Arc<ExecutionFacts>, Error> {
        let changes = self.facts.changes;
        let redrives = resident.row.execution.redrives();
        if let Some(kept) = &resident.facts
            && kept.changes == changes
            && kept.facts.redrives.count == redrives.count
        {
            return Ok(Arc::clone(&kept.facts));
        }
        let stored_bytes = resident
            .facts
            .as_ref()
            .map_or(0, |kept| kept.facts.stored_bytes.load(Ordering::Relaxed));
        let row = &resident.row;
        let identity = Arc::clone(&row.execution.identity);
        let facts = Arc::new(ExecutionFacts {
            machine: self.machine_facts(&identity, row.version_arn.as_ref())?,
            identity,
            alias_arn: row.alias_arn.clone(),
            map_run: resident.child_of.map(|place| MapRunPlace {
                parent: place.parent,
                run: place.run,
                index: place.index,
            }),
            redrives,
            trace_header: row.trace_header.clone(),
            stored_bytes: AtomicU64::new(stored_bytes),
        });
        resident.facts = Some(KeptFacts {
            facts: Arc::clone(&facts),
            changes,
        });
        Ok(facts)
    }

    fn machine_facts(
        &mut self,
        identity: &Identity,
        version_arn: Option<&String>,
    ) -> Result<Arc<MachineFacts>, Error> {
        let key = (identity.state_machine_name.clone(), version_arn.cloned());
        if let Some(kept) = self.facts.machines.get(&key) {
            return Ok(Arc::clone(kept));
        }
        let machine = self.machine_that_runs(&key)?;
        let (_, version_arn) = &key;
        let labelled = &identity.state_machine_arn;
        let facts = Arc::new(MachineFacts {
            arn: labelled.split('/').next().unwrap_or(labelled).to_string(),
            version_arn: version_arn.clone(),
            is_traced: machine
                .as_ref()
                .is_some_and(|machine| machine.tracing_enabled),
            log: machine.as_ref().and_then(log_target),
        });
        if self.facts.machines.len() >= MACHINES_MAX {
            self.facts.machines.clear();
        }
        self.facts.machines.insert(key, Arc::clone(&facts));
        Ok(facts)
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
