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
    /// Deletes an execution that has ended; `false` if rows are left.
    ///
    /// - A damaged row goes like any other where nobody needs what it held.
    /// - If its own row or its name is damaged, all of it stays.
    /// - Otherwise a mark stands for the rows that are left: the budget is spent, a child is still busy, or the row of
    ///   a map run or a child is damaged, so that nobody knows what else there is.
    ///
    /// INVARIANT: its own row and its name go first. Nobody finds it from then on, so nobody misses what goes later.
    pub(super) fn erase(&mut self, number: u64, budget: &mut Budget) -> Done<bool> {
        let head = self.erase_head(number, budget);
        if self.unless_damaged(number, head)?.is_none() {
            return Ok(false);
        }
        let rest = self.erase_rest(number, budget);
        let is_done = self.unless_damaged(number, rest)?.unwrap_or(false);
        let mark = index::erasure_key(number);
        if is_done {
            self.erase_one(mark, budget)?;
        } else {
            self.staging.put(mark, vec![VERSION]);
        }
        Ok(is_done)
    }

    /// What an execution has beside its own row.
    fn erase_rest(&mut self, number: u64, budget: &mut Budget) -> Result<bool, Error> {
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
        self.residents.remove(number);
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
                budget.read();
                // Children of its own map runs are still being aborted, and it must be there for that.
                if self.is_there(&index::doubt_key(child.number))? {
                    return Ok(false);
                }
                // What is left of the child is found again by its place in the run.
                if budget.is_spent() {
                    return Ok(false);
                }
                self.erase_head(child.number, budget)?;
                if !self.erase_rest(child.number, budget)? {
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
        let mut from = prefix.to_vec();
        loop {
            if budget.is_spent() {
                return Ok(false);
            }
            let page = self.page_around(&from, &after(prefix), page_rows, budget)?;
            let sound = page.rows.into_iter().map(|(key, _)| key);
            for key in sound.chain(page.damaged) {
                self.staging.delete(key);
                budget.delete();
            }
            let Some(next) = page.next else {
                return Ok(true);
            };
            from = next;
        }
    }

    fn erase_one(&mut self, key: Vec<u8>, budget: &mut Budget) -> Result<(), Error> {
        budget.read();
        if self.is_there(&key)? {
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
