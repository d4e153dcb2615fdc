//! How many there may be of what stays: open executions, state machines, activities.
//!
//! Nothing of it has rows of its own. Open executions are counted once from the rows that were there at the start,
//! a few in each tick, and as they begin and end from then on.

use std::sync::Arc;

use stepwell_api::states;
use stepwell_store::{Direction, Error, Snapshot};

use crate::rows::{activity, after, index, machine};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Open executions counted in one tick after the start.
const COUNTED_PER_TICK_MAX: usize = 2_048;

/// The most that there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Standard executions that have not ended; children of map runs have a bound of their own.
    pub open_executions: u64,
    pub state_machines: u64,
    pub activities: u64,
}

impl Default for Quotas {
    /// AWS: quotas "Maximum open executions per account", "Maximum number of registered state machines" and
    /// "... activities".
    fn default() -> Quotas {
        Quotas {
            open_executions: 1_000_000,
            state_machines: 100_000,
            activities: 100_000,
        }
    }
}

/// What is counted, and what it is held against.
pub(crate) struct Counts {
    quotas: Quotas,
    /// The rows of the start, as long as they are not all counted, and from where on.
    uncounted: Option<(Arc<dyn Snapshot>, Vec<u8>)>,
    /// Executions that the rows of the start have open, as far as they are counted.
    found: u64,
    /// How many have begun since the start, less those that have ended.
    begun: i64,
    /// `None` before somebody asks.
    state_machines: Option<u64>,
    activities: Option<u64>,
}

impl Counts {
    /// Counts the first rows at once: of most stores these are all.
    pub(crate) fn open(base: &Arc<dyn Snapshot>) -> Result<Counts, Error> {
        let mut counts = Counts {
            quotas: Quotas::default(),
            uncounted: Some((Arc::clone(base), index::all_open())),
            found: 0,
            begun: 0,
            state_machines: None,
            activities: None,
        };
        counts.count_on()?;
        Ok(counts)
    }

    /// Whether rows of the start wait to be counted.
    pub(crate) fn has_work(&self) -> bool {
        self.uncounted.is_some()
    }

    pub(crate) fn count_on(&mut self) -> Result<(), Error> {
        let Some((base, from)) = self.uncounted.take() else {
            return Ok(());
        };
        let to = after(&index::all_open());
        let rows = Rows::scan(
            &base,
            &from,
            &to,
            Direction::Ascending,
            COUNTED_PER_TICK_MAX,
        )?;
        self.found += rows.len() as u64;
        if let Some((last, _)) = rows.last()
            && rows.len() == COUNTED_PER_TICK_MAX
        {
            self.uncounted = Some((base, index::next_key(last)));
        }
        Ok(())
    }

    /// An execution with a row has begun, or has been redriven.
    pub(crate) fn execution_opened(&mut self) {
        self.begun += 1;
    }

    pub(crate) fn execution_ended(&mut self) {
        self.begun -= 1;
    }

    /// Executions that are known to be open.
    pub(crate) fn open_executions(&self) -> u64 {
        self.found.saturating_add_signed(self.begun)
    }

    pub(crate) fn state_machine_went(&mut self) {
        self.state_machines = self.state_machines.map(|known| known.saturating_sub(1));
    }

    pub(crate) fn activity_went(&mut self) {
        self.activities = self.activities.map(|known| known.saturating_sub(1));
    }
}

impl Shard {
    /// Sets the most that there may be; [`Quotas::default`] holds before.
    pub fn set_quotas(&mut self, quotas: Quotas) {
        self.counts.quotas = quotas;
    }

    /// Standard executions that have not ended, without the children of map runs: fewer than there are, as long as a
    /// restart has not counted them.
    pub fn open_executions(&self) -> u64 {
        self.counts.open_executions()
    }

    /// Refuses one more open execution.
    ///
    /// AWS: the text is that of the API reference for the error.
    pub(crate) fn check_open_executions(&self) -> Done<()> {
        if self.counts.open_executions() < self.counts.quotas.open_executions {
            return Ok(());
        }
        Err(states::Error::execution_limit_exceeded(
            "The maximum number of running executions has been reached. Running executions must end or be stopped before a new execution can be started.",
        )
        .into())
    }

    /// Counts one more state machine, or refuses it.
    pub(crate) fn one_more_state_machine(&mut self) -> Done<()> {
        let known = match self.counts.state_machines {
            Some(known) => known,
            None => self.rows_below(&machine::machines())?,
        };
        if known >= self.counts.quotas.state_machines {
            return Err(states::Error::state_machine_limit_exceeded(
                "The maximum number of state machines has been reached. Existing state machines must be deleted before a new state machine can be created.",
            )
            .into());
        }
        self.counts.state_machines = Some(known + 1);
        Ok(())
    }

    /// Counts one more activity, or refuses it.
    pub(crate) fn one_more_activity(&mut self) -> Done<()> {
        let known = match self.counts.activities {
            Some(known) => known,
            None => self.rows_below(&activity::activities())?,
        };
        if known >= self.counts.quotas.activities {
            return Err(states::Error::activity_limit_exceeded(
                "The maximum number of activities has been reached. Existing activities must be deleted before a new activity can be created.",
            )
            .into());
        }
        self.counts.activities = Some(known + 1);
        Ok(())
    }

    fn rows_below(&self, prefix: &[u8]) -> Result<u64, Error> {
        let to = after(prefix);
        let rows = self
            .staging
            .scan(prefix, &to, Direction::Ascending, usize::MAX)?;
        Ok(rows.len() as u64)
    }
}
