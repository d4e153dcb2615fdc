//! Executions in memory, and how they come there from their rows.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Index;
use std::sync::Arc;

use stepwell_engine::{
    Definition, FrameId, MachineKind, Mode, Payload, Redrives, Status, Timestamp,
};
use stepwell_store::{Direction, Error};

use crate::command::RequestId;
use crate::execution_list::listed_ms;
use crate::facts::KeptFacts;
use crate::rows::execution::{OwnedExecutionRow, decode_execution, execution_key, frames_of};
use crate::rows::history::{history_key, texts_at};
use crate::rows::map_run::{ChildOf, child_of};
use crate::rows::{after, decode};
use crate::shard::Shard;
use crate::staging::Rows;

/// What is attached where the stored definition cannot be read: nothing ever runs it.
const PLACEHOLDER: &str =
    r#"{"StartAt": "Unreadable", "States": {"Unreadable": {"Type": "Fail"}}}"#;

/// An execution in memory.
pub(crate) struct Resident {
    pub(crate) row: OwnedExecutionRow,
    /// Due instant of its timer as it stands in rows and window.
    pub(crate) due_ms: Option<i64>,
    pub(crate) is_in_doubt: bool,
    /// The instant by which its rows list it; `None` before it has rows.
    pub(crate) listed_ms: Option<i64>,
    /// Answer to give when a synchronous execution ends.
    pub(crate) waiter: Option<RequestId>,
    /// Frames that have rows.
    pub(crate) stored_frames: BTreeSet<FrameId>,
    /// The map run that this execution is a child of.
    pub(crate) child_of: Option<ChildOf>,
    /// What observers are told of it, once something was told.
    pub(crate) facts: Option<KeptFacts>,
    /// Why this release cannot read its definition: whatever comes in ends it.
    pub(crate) unreadable: Option<String>,
}

/// The executions in memory, by their numbers.
#[derive(Default)]
pub(crate) struct Residents {
    /// Boxed: they come and go, and are too large to be moved each time a neighbour does.
    all: BTreeMap<u64, Box<Resident>>,
    /// What has come or was changed since [`Residents::let_go`]; some of it more than once, and some of it gone.
    touched: Vec<u64>,
}

impl Residents {
    pub(crate) fn get(&self, number: u64) -> Option<&Resident> {
        self.all.get(&number).map(|resident| &**resident)
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut Resident> {
        let resident = self.all.get_mut(&number)?;
        self.touched.push(number);
        Some(resident)
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        self.all.contains_key(&number)
    }

    pub(crate) fn insert(&mut self, number: u64, resident: Box<Resident>) {
        self.touched.push(number);
        self.all.insert(number, resident);
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<Box<Resident>> {
        self.all.remove(&number)
    }

    /// Those that are idle leave memory; those with a call in flight stay, up to `most` that have rows.
    ///
    /// - Looks at those that were touched: the others were not idle, and nothing has happened to them.
    pub(crate) fn let_go(&mut self, most: usize) {
        for number in self.touched.drain(..) {
            let is_idle = self.all.get(&number).is_some_and(|resident| {
                let stays = !resident.is_durable() && !resident.is_over();
                !stays && !resident.has_call_in_flight()
            });
            if is_idle {
                self.all.remove(&number);
            }
        }
        let excess = self.all.len().saturating_sub(most);
        if excess == 0 {
            return;
        }
        let durable = self
            .all
            .iter()
            .filter(|(_, resident)| resident.is_durable());
        let numbers: Vec<u64> = durable.map(|(number, _)| *number).take(excess).collect();
        for number in numbers {
            self.all.remove(&number);
        }
    }
}

impl Index<u64> for Residents {
    type Output = Resident;

    fn index(&self, number: u64) -> &Resident {
        &self.all[&number]
    }
}

impl Resident {
    /// An execution that has no rows yet.
    pub(crate) fn unstored(row: OwnedExecutionRow, waiter: Option<RequestId>) -> Resident {
        Resident {
            row,
            due_ms: None,
            is_in_doubt: false,
            listed_ms: None,
            waiter,
            stored_frames: BTreeSet::new(),
            child_of: None,
            facts: None,
            unreadable: None,
        }
    }

    /// Whether its state is in rows; Express lives in memory alone.
    pub(crate) fn is_durable(&self) -> bool {
        self.row.execution.identity.mode == Mode::Standard
    }

    pub(crate) fn is_over(&self) -> bool {
        self.row.execution.status() != Status::Running
    }

    /// Whether a crash now would have to be recovered from: an attempt or a map run is open.
    pub(crate) fn execution_is_in_doubt(&self) -> bool {
        let execution = &self.row.execution;
        !execution.attempts_in_doubt().is_empty() || !execution.open_map_runs().is_empty()
    }

    pub(crate) fn has_call_in_flight(&self) -> bool {
        self.is_in_doubt
    }
}

impl Shard {
    /// The execution in memory, read from its rows if need be; `None` if there is none.
    pub(crate) fn resident(&mut self, number: u64) -> Result<Option<&mut Resident>, Error> {
        if !self.residents.contains(number) {
            let Some(loaded) = self.load(number)? else {
                return Ok(None);
            };
            self.residents.insert(number, Box::new(loaded));
        }
        Ok(self.residents.get_mut(number))
    }

    fn load(&mut self, number: u64) -> Result<Option<Resident>, Error> {
        let key = execution_key(number);
        let Some(value) = self.staging.get(&key)? else {
            return Ok(None);
        };
        let row = decode_execution(&key, &value)?;
        let (definition, unreadable) =
            match self.definition(&row.definition, MachineKind::Standard)? {
                Ok(definition) => (definition, None),
                Err(reason) => (placeholder(), Some(reason)),
            };
        let mut resident = Resident {
            unreadable,
            listed_ms: Some(listed_ms(&row)),
            ..Resident::unstored(row, None)
        };
        let prefix = frames_of(number);
        let rows = self
            .staging
            .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        let frames = rows
            .iter()
            .map(|(key, value)| decode(key, value))
            .collect::<Result<Vec<_>, _>>()?;
        let redrives = Redrives {
            count: resident.row.redrive_count,
            last_ms: resident.row.redriven_ms,
        };
        let execution = &mut resident.row.execution;
        execution.attach(Arc::clone(&definition), frames);
        execution.restore_redrives(redrives);
        resident.due_ms = execution.next_deadline().map(Timestamp::as_millis);
        resident.stored_frames = execution.frames().keys().copied().collect();
        resident.is_in_doubt =
            resident.execution_is_in_doubt() || self.map_runs.is_draining(number);
        resident.child_of = child_of(
            &self.staging,
            number,
            &resident.row.execution.identity.state_machine_arn,
        )?;
        if resident.unreadable.is_some() {
            // Its frames are places in a definition that is not there.
            resident.row.execution.attach(definition, Vec::new());
        }
        self.supply(number, &mut resident)?;
        Ok(Some(resident))
    }

    /// Gives an execution the payloads that its history stores.
    fn supply(&self, number: u64, resident: &mut Resident) -> Result<(), Error> {
        let wanted = resident.row.execution.unsupplied();
        let texts = texts_at(&self.staging, number, &wanted)?;
        if let Some(missing) = wanted.iter().find(|event| !texts.contains_key(event)) {
            return Err(Error::Corrupt {
                key: history_key(number, *missing),
            });
        }
        let payloads = texts
            .into_iter()
            .map(|(event, text)| (event, Payload::from_text(text)))
            .collect();
        resident.row.execution.supply_all(&payloads);
        Ok(())
    }
}

pub(crate) fn placeholder() -> Arc<Definition> {
    let definition = Definition::parse(PLACEHOLDER, MachineKind::Standard);
    Arc::new(definition.expect("a constant that is valid"))
}
