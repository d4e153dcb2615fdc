//! After a restart: tasks whose outcome is unknown, and Express executions that were cut off.

use stepwell_engine::{Identity, Input, Payload, Ticket, Timestamp};
use stepwell_store::{Direction, Error};

use crate::command::LostTask;
use crate::events::is_put;
use crate::integration;
use crate::rows::history::text_at;
use crate::rows::index::next_key;
use crate::rows::{after, decode, index};
use crate::shard::{Done, Shard, Stop};
use crate::staging::Rows;

/// Executions looked at between two commits of a recovery.
const RECOVER_BATCH: usize = 1_000;

impl Shard {
    /// Brings executions that the last process left in the middle of something back on their way.
    ///
    /// - A task that had started and has no durable result fails with `Lambda.SdkClientException`, so
    ///   that the definition's own Retry and Catch decide; with [`LostTask::Retry`] it is called again.
    /// - Asynchronous Express executions start again.
    /// - `after_key`: `None` at first, then what the last call returned.
    /// - Returns where to go on: commit, release, and call again until it returns `None`.
    /// - Cost: in proportion to tasks in flight, not to executions.
    pub fn recover(
        &mut self,
        now: Timestamp,
        after_key: Option<Vec<u8>>,
    ) -> Result<Option<Vec<u8>>, Error> {
        match self.recover_batch(now, after_key) {
            Ok(next) => Ok(next),
            Err(Stop::Store(error)) => Err(error),
            // INVARIANT: recovery refuses nothing; there is no caller to refuse.
            Err(Stop::Refused(refusal)) => unreachable!("recovery was refused: {refusal:?}"),
        }
    }

    fn recover_batch(
        &mut self,
        now: Timestamp,
        after_key: Option<Vec<u8>>,
    ) -> Done<Option<Vec<u8>>> {
        let from = after_key.unwrap_or_else(index::doubts);
        let doubts = if from.first() == index::doubts().first() {
            self.staging.scan(
                &from,
                &after(&index::doubts()),
                Direction::Ascending,
                RECOVER_BATCH,
            )?
        } else {
            Vec::new()
        };
        for (key, _) in &doubts {
            if let Some(number) = index::first_number(key) {
                self.recover_tasks(now, number)?;
            }
            if self.is_full() {
                return Ok(Some(next_key(key)));
            }
        }
        if doubts.len() == RECOVER_BATCH {
            return Ok(doubts.last().map(|(key, _)| next_key(key)));
        }
        self.recover_expresses(now, &from)
    }

    fn recover_expresses(&mut self, now: Timestamp, position: &[u8]) -> Done<Option<Vec<u8>>> {
        let is_past = position.first() == index::all_nested().first();
        let starts = if is_past {
            Vec::new()
        } else {
            let from = position.to_vec().max(index::expresses());
            let to = after(&index::expresses());
            self.staging
                .scan(&from, &to, Direction::Ascending, RECOVER_BATCH)?
        };
        for (key, value) in &starts {
            let (identity, input, definition): (Identity, String, String) = decode(key, value)?;
            self.begin_again(now, identity, input, definition)?;
            if self.is_full() {
                return Ok(Some(next_key(key)));
            }
        }
        if starts.len() == RECOVER_BATCH {
            return Ok(starts.last().map(|(key, _)| next_key(key)));
        }
        self.recover_nested(now, position)
    }

    /// Either side of what a task waits for may have ended in the last commit of the last process.
    fn recover_nested(&mut self, now: Timestamp, position: &[u8]) -> Done<Option<Vec<u8>>> {
        let from = position.to_vec().max(index::all_nested());
        let to = after(&index::all_nested());
        let links = self
            .staging
            .scan(&from, &to, Direction::Ascending, RECOVER_BATCH)?;
        for (key, _) in &links {
            let child = index::first_number(key)
                .ok_or_else(|| stepwell_store::Error::Corrupt { key: key.clone() })?;
            self.nested.insert(child);
            self.unsettled.push_back(child);
        }
        if links.len() == RECOVER_BATCH {
            return Ok(links.last().map(|(key, _)| next_key(key)));
        }
        self.answer_event_tasks(now)?;
        self.answer_put_tasks(now)?;
        self.settle_all_nested(now)?;
        self.forget_returned()?;
        self.recover_connections()?;
        Ok(None)
    }

    /// What is left of returned attempts belongs to attempts that timed out or were stopped meanwhile.
    fn forget_returned(&mut self) -> Done<()> {
        let all = index::all_returned();
        let left = self
            .staging
            .scan(&all, &after(&all), Direction::Ascending, usize::MAX)?;
        left.into_iter()
            .for_each(|(key, _)| self.staging.delete(key));
        Ok(())
    }

    fn recover_tasks(&mut self, now: Timestamp, number: u64) -> Done<()> {
        let default = self.settings.lost_task;
        let Some(resident) = self.resident(number)? else {
            return Ok(());
        };
        let tickets = resident.row.execution.attempts_in_doubt();
        let retries = resident
            .row
            .retries_lost_tasks
            .unwrap_or(default == LostTask::Retry);
        if resident.unreadable.is_some() {
            self.advance(now, number, Input::Due)?;
            return self.recover_map_runs(number);
        }
        let mut called_again = Vec::new();
        for ticket in tickets {
            let returned = index::returned_key(number, ticket);
            let was_returned = self.staging.get(&returned)?.is_some();
            if was_returned {
                self.staging.delete(returned);
            }
            let resource = self.resource_of(number, ticket)?;
            // What a crash cut off of our own operations has done nothing.
            let is_undone = integration::is_atomic(&resource)
                || is_put(&resource)
                || self.is_event_task(number, ticket, &resource)?;
            if retries || was_returned || is_undone {
                called_again.push(ticket);
            } else {
                self.advance(now, number, lost(ticket, &resource))?;
            }
        }
        for ticket in called_again {
            self.call_again(now, number, ticket)?;
        }
        self.recover_map_runs(number)
    }

    /// An attempt whose time ran out while the server was down times out instead: it would run a second
    /// time as the retry of its own time-out.
    fn call_again(&mut self, now: Timestamp, number: u64, ticket: Ticket) -> Done<()> {
        let Some(resident) = self.resident(number)? else {
            return Ok(());
        };
        let is_due = resident
            .row
            .execution
            .next_deadline()
            .is_some_and(|deadline| deadline <= now);
        if is_due {
            self.advance(now, number, Input::Due)?;
        }
        let Some(resident) = self.resident(number)? else {
            return Ok(());
        };
        let trace_header = resident.row.trace_header.clone();
        let Some(scheduled) = resident.row.execution.scheduled_at(ticket) else {
            return Ok(());
        };
        let Some(text) = text_at(&self.staging, number, scheduled)? else {
            return Ok(());
        };
        let Some(resident) = self.resident(number)? else {
            return Ok(());
        };
        let Some(call) = resident
            .row
            .execution
            .call_again(ticket, Payload::from_text(text))
        else {
            return Ok(());
        };
        self.release_call(now, number, call, trace_header.as_deref(), true)
    }

    /// What an attempt calls; empty if it is not open.
    fn resource_of(&mut self, number: u64, ticket: Ticket) -> Done<String> {
        let resident = self.resident(number)?;
        let resource = resident.and_then(|resident| resident.row.execution.resource_of(ticket));
        Ok(resource.unwrap_or_default())
    }
}

/// The failure of a task whose outcome nobody knows.
fn lost(ticket: Ticket, resource: &str) -> Input {
    let service = if resource.contains(":aws-sdk:sfn:") {
        "Sfn"
    } else {
        "Lambda"
    };
    Input::Failed {
        ticket,
        error: Some(format!("{service}.SdkClientException")),
        cause: Some(
            "The server stopped while the task was running; whether it took effect is unknown. \
             Stepwell does not run a task twice unless Retry says so (see --on-lost-task)."
                .to_string(),
        ),
    }
}
