//! One execution goes with everything that belongs to it, in as many steps as it takes.

use stepwell_store::{Direction, Error};

use super::Budget;
use crate::execution_list::listed_ms;
use crate::rows::execution::{decode_execution, execution_key, frames_of, redrive_tokens_key};
use crate::rows::history::history_of;
use crate::rows::map_run::{self, Child, MapRun};
use crate::rows::{VERSION, activity, after, decode, index};
use crate::shard::{Done, Shard};
use crate::staging::{Row, Rows};

/// Rows of a history in one read: each may hold the payloads of a whole transition.
const HISTORY_ROWS: usize = 16;

/// Children of a map run in one read.
const CHILD_ROWS: usize = 32;

impl Shard {
    /// Deletes an execution that has ended; `false` if rows are left, which a mark then stands for.
    ///
    /// INVARIANT: its own row and its name go first. Nobody finds it from then on, so nobody misses what goes later.
    pub(super) fn erase(&mut self, number: u64, budget: &mut Budget) -> Done<bool> {
        let erased = self.erase_rows(number, budget);
        let is_done = match erased {
            Ok(is_done) => is_done,
            Err(error) => self.unless_damaged(number, Err(error))?.unwrap_or(false),
        };
        let mark = index::erasure_key(number);
        if !is_done {
            self.staging.put(mark, vec![VERSION]);
        } else if self.staging.get(&mark)?.is_some() {
            self.staging.delete(mark);
        }
        Ok(is_done)
    }

    fn erase_rows(&mut self, number: u64, budget: &mut Budget) -> Result<bool, Error> {
        self.erase_head(number, budget)?;
        if !self.erase_map_runs(number, budget)? {
            return Ok(false);
        }
        for prefix in [
            frames_of(number),
            index::returned_of(number),
            activity::activity_tasks_of(number),
        ] {
            if !self.erase_all(&prefix, super::PAGE_ROWS, budget)? {
                return Ok(false);
            }
        }
        for key in [redrive_tokens_key(number), map_run::child_of_key(number)] {
            self.erase_one(key, budget)?;
        }
        self.erase_all(&history_of(number), HISTORY_ROWS, budget)
    }

    /// The row that everything else is found from, and the places where it is named.
    fn erase_head(&mut self, number: u64, budget: &mut Budget) -> Result<(), Error> {
        budget.read();
        let key = execution_key(number);
        let Some(value) = self.staging.get(&key)? else {
            return Ok(());
        };
        let row = decode_execution(&key, &value)?;
        let identity = &row.execution.identity;
        // A child is named beside the label of its Map.
        let arn = &identity.state_machine_arn;
        let machine = arn.rsplit(':').next().unwrap_or_default();
        let name = index::name_key(machine, &identity.name);
        // The name may be that of an execution of a later machine.
        let is_named = match self.staging.get(&name)? {
            Some(value) => decode::<u64>(&name, &value)? == number,
            None => false,
        };
        if is_named {
            self.staging.delete(name);
            budget.delete();
        }
        self.residents.remove(&number);
        let listed = index::list_key(&identity.state_machine_name, listed_ms(&row), number);
        self.erase_one(listed, budget)?;
        self.staging.delete(key);
        budget.delete();
        Ok(())
    }

    fn erase_map_runs(&mut self, number: u64, budget: &mut Budget) -> Result<bool, Error> {
        let prefix = map_run::runs_of(number);
        loop {
            if budget.is_spent() {
                return Ok(false);
            }
            let Some((key, value)) = self.page(&prefix, 1, budget)?.into_iter().next() else {
                return Ok(true);
            };
            let run: MapRun = decode(&key, &value)?;
            self.erase_one(map_run::name_key(&run.arn), budget)?;
            if !self.erase_children(run.number, budget)? {
                return Ok(false);
            }
            self.staging.delete(key);
            budget.delete();
        }
    }

    fn erase_children(&mut self, run: u64, budget: &mut Budget) -> Result<bool, Error> {
        let prefix = map_run::children_of(run);
        loop {
            if budget.is_spent() {
                return Ok(false);
            }
            let rows = self.page(&prefix, CHILD_ROWS, budget)?;
            let is_last = rows.len() < CHILD_ROWS;
            for (key, value) in rows {
                let child: Child = decode(&key, &value)?;
                // What is left of the child is found again by its place in the run.
                if budget.is_spent() || !self.erase_rows(child.number, budget)? {
                    return Ok(false);
                }
                self.staging.delete(key);
                budget.delete();
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    /// Deletes the rows below a prefix; `false` if some are left.
    fn erase_all(
        &mut self,
        prefix: &[u8],
        page_rows: usize,
        budget: &mut Budget,
    ) -> Result<bool, Error> {
        loop {
            if budget.is_spent() {
                return Ok(false);
            }
            let rows = self.page(prefix, page_rows, budget)?;
            let is_last = rows.len() < page_rows;
            for (key, _) in rows {
                self.staging.delete(key);
                budget.delete();
            }
            if is_last {
                return Ok(true);
            }
        }
    }

    fn erase_one(&mut self, key: Vec<u8>, budget: &mut Budget) -> Result<(), Error> {
        budget.read();
        if self.staging.get(&key)?.is_some() {
            self.staging.delete(key);
            budget.delete();
        }
        Ok(())
    }

    fn page(&self, prefix: &[u8], rows: usize, budget: &mut Budget) -> Result<Vec<Row>, Error> {
        budget.read();
        self.staging
            .scan(prefix, &after(prefix), Direction::Ascending, rows)
    }
}
