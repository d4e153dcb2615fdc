//! Timers: the near ones in memory, all durable ones in rows.

use std::collections::BTreeSet;

use stepwell_engine::Timestamp;
use stepwell_store::{Direction, Error};

use crate::rows::{Kind, after, index};
use crate::staging::Rows;

/// Timers read from rows at once; twice as many are kept in memory.
const TIMERS_MAX: usize = 8_192;

/// An instant in milliseconds and the number of the execution or delivery that is due then.
pub(crate) type Timer = (i64, u64);

/// A window on the timer rows that starts at the earliest one.
///
/// INVARIANT: `near` holds exactly the durable timers below `horizon`. The horizon is a timer, not an
/// instant: more executions can be due in one millisecond than the window holds.
pub(crate) struct Timers {
    /// The index that the durable ones are in.
    kind: Kind,
    near: BTreeSet<Timer>,
    /// `None`: there is nothing beyond the window.
    horizon: Option<Timer>,
    /// Timers of Express executions have no rows; the number of open Express executions bounds them.
    express: BTreeSet<Timer>,
}

impl Timers {
    /// The window before anything was read.
    pub(crate) fn unread(kind: Kind) -> Timers {
        Timers {
            kind,
            near: BTreeSet::new(),
            horizon: Some((i64::MIN, 0)),
            express: BTreeSet::new(),
        }
    }

    /// The earliest instant at which [`Timers::take_due`] may have something.
    pub(crate) fn next_due(&self) -> Option<i64> {
        // INVARIANT: what is near is earlier than the horizon.
        let durable = self.near.first().or(self.horizon.as_ref());
        durable
            .into_iter()
            .chain(self.express.first())
            .map(|(due, _)| *due)
            .min()
    }

    /// Takes the earliest timer that is due at `now`.
    pub(crate) fn take_due(
        &mut self,
        rows: &dyn Rows,
        now: Timestamp,
    ) -> Result<Option<Timer>, Error> {
        let now_ms = now.as_millis();
        if self.near.is_empty() && self.horizon.is_some_and(|(due, _)| due <= now_ms) {
            self.read_on(rows)?;
        }
        let earliest = self
            .near
            .first()
            .into_iter()
            .chain(self.express.first())
            .min()
            .copied();
        let due = earliest.filter(|(due, _)| *due <= now_ms);
        if let Some(timer) = &due {
            self.near.remove(timer);
            self.express.remove(timer);
        }
        Ok(due)
    }

    pub(crate) fn insert(&mut self, timer: Timer, is_durable: bool) {
        if !is_durable {
            self.express.insert(timer);
        } else if self.horizon.is_none_or(|horizon| timer < horizon) {
            self.near.insert(timer);
            if self.near.len() > TIMERS_MAX * 2 {
                self.horizon = self.near.pop_last();
            }
        }
    }

    pub(crate) fn remove(&mut self, timer: Timer, is_durable: bool) {
        if is_durable {
            self.near.remove(&timer);
        } else {
            self.express.remove(&timer);
        }
    }

    /// Reads the timers behind the horizon into the empty window.
    fn read_on(&mut self, rows: &dyn Rows) -> Result<(), Error> {
        let Some((due_ms, number)) = self.horizon else {
            return Ok(());
        };
        let from = index::due_key(self.kind, due_ms, number);
        let found = rows.scan(
            &from,
            &after(&index::all_due(self.kind)),
            Direction::Ascending,
            TIMERS_MAX,
        )?;
        for (key, _) in &found {
            let timer =
                index::timer_parts(key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
            self.near.insert(timer);
        }
        let is_all = found.len() < TIMERS_MAX;
        self.horizon = if is_all {
            None
        } else {
            self.near.last().map(|(due, number)| (*due, number + 1))
        };
        Ok(())
    }
}
