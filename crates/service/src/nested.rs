//! Executions that a task has started and waits for: `states:startExecution.sync` and `.sync:2`.
//!
//! A link from the child to the task that waits is written in the same commit as the child's start, and goes in
//! the same commit as the task's end. Whoever changes one side only names the child; [`Shard::settle_nested`]
//! looks at both sides and does what is to be done, at once or after a crash.

use serde_json::Value;
use stepwell_api::arn::ExecutionArn;
use stepwell_api::catalogue::Naming;
use stepwell_engine::{Input, Pattern, Payload, Status, Ticket, Timestamp};
use stepwell_store::{Direction, Error};

use crate::integration::timestamp_of;
use crate::listing::describe;
use crate::rows::{VERSION, after, decode, encode, index};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Which result a link asks for. Numbers are persisted.
const SYNC: u8 = 1;
const SYNC_2: u8 = 2;

impl Shard {
    /// The task waits from now on for the execution that `started`, an answer of StartExecution, names.
    pub(crate) fn link_nested(
        &mut self,
        parent: u64,
        ticket: Ticket,
        pattern: Pattern,
        started: &[u8],
    ) -> Done<()> {
        let started: Value = serde_json::from_slice(started).expect("an answer is JSON");
        let arn = started["executionArn"].as_str().unwrap_or_default();
        let arn = ExecutionArn::parse_standard(arn)?;
        let child = self
            .number_of(arn.state_machine_name(), arn.name())?
            .expect("an execution that was started has a number");
        let result = if pattern == Pattern::Sync2 {
            SYNC_2
        } else {
            SYNC
        };
        self.staging.put(
            index::nested_key(child, parent, ticket),
            vec![VERSION, result],
        );
        self.staging
            .put(index::nested_task_key(parent, ticket), encode(&child));
        self.nested.insert(child);
        // It may have ended in its first step.
        self.unsettled.push_back(child);
        Ok(())
    }

    /// A task that may wait for an execution ends by itself: the execution runs on for nobody.
    pub(crate) fn forget_nested(&mut self, parent: u64, ticket: Ticket) -> Result<(), Error> {
        if let Some(child) = self.nested_of(parent, ticket)? {
            self.unlink_nested(child, parent, ticket);
        }
        Ok(())
    }

    /// The task has been cancelled: what it waits for is to be stopped.
    pub(crate) fn nested_cancelled(&mut self, parent: u64, ticket: Ticket) -> Result<(), Error> {
        if let Some(child) = self.nested_of(parent, ticket)? {
            self.unsettled.push_back(child);
        }
        Ok(())
    }

    /// An execution has ended: a task may wait for that.
    pub(crate) fn nested_ended(&mut self, child: u64) {
        if self.nested.contains(&child) {
            self.unsettled.push_back(child);
        }
    }

    fn nested_of(&self, parent: u64, ticket: Ticket) -> Result<Option<u64>, Error> {
        if self.nested.is_empty() {
            return Ok(None);
        }
        let key = index::nested_task_key(parent, ticket);
        let value = self.staging.get(&key)?;
        value.map(|value| decode(&key, &value)).transpose()
    }

    fn unlink_nested(&mut self, child: u64, parent: u64, ticket: Ticket) {
        self.staging
            .delete(index::nested_key(child, parent, ticket));
        self.staging.delete(index::nested_task_key(parent, ticket));
    }

    /// Does what is to be done about executions that tasks wait for, as far as a batch has room.
    pub(crate) fn settle_all_nested(&mut self, now: Timestamp) -> Done<()> {
        while !self.is_full() {
            let Some(child) = self.unsettled.pop_front() else {
                return Ok(());
            };
            self.settle_nested(now, child)?;
        }
        Ok(())
    }

    /// An execution that has ended completes the tasks that wait for it; one whose task was ended is stopped.
    fn settle_nested(&mut self, now: Timestamp, child: u64) -> Done<()> {
        let prefix = index::nested_of(child);
        let links =
            self.staging
                .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        let has_ended = self
            .resident(child)?
            .is_none_or(|resident| resident.is_over());
        let mut is_waited_for = false;
        for (key, value) in links {
            let (parent, ticket) =
                index::nested_task(&key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
            let is_open = self.is_open(parent, ticket)?;
            if is_open && !has_ended {
                is_waited_for = true;
                continue;
            }
            self.unlink_nested(child, parent, ticket);
            if is_open {
                let result = value.get(1).copied().unwrap_or(SYNC);
                let input = self.nested_result(now, child, ticket, result)?;
                self.advance(now, parent, input)?;
            } else if !has_ended {
                self.advance(
                    now,
                    child,
                    Input::Stop {
                        error: None,
                        cause: None,
                    },
                )?;
            }
        }
        if !is_waited_for {
            self.nested.remove(&child);
        }
        Ok(())
    }

    /// What an ended execution means for the task that waits for it.
    ///
    /// AWS: DescribeExecution's answer; with `.sync:2` input and output are JSON instead of texts. An execution that
    /// did not succeed fails the task with the answer as its cause.
    fn nested_result(
        &mut self,
        now: Timestamp,
        child: u64,
        ticket: Ticket,
        result: u8,
    ) -> Done<Input> {
        let Some(resident) = self.resident(child)? else {
            return Ok(Input::Failed {
                ticket,
                error: Some("States.TaskFailed".to_string()),
                cause: None,
            });
        };
        let has_succeeded = resident.row.execution.status() == Status::Succeeded;
        let row = &self.residents[child].row;
        let description = describe(&self.staging, row, true, now)?;
        let reply = serde_json::to_value(&description).expect("a generated shape has text keys");
        let naming = Naming::Optimized;
        let mut shown =
            self.catalogue
                .result("describeExecution", naming, reply, timestamp_of(naming));
        if !has_succeeded {
            return Ok(Input::Failed {
                ticket,
                error: Some("States.TaskFailed".to_string()),
                cause: Some(shown.to_string()),
            });
        }
        if result == SYNC_2 {
            for field in ["Input", "Output"] {
                let parsed = shown[field]
                    .as_str()
                    .and_then(|text| serde_json::from_str(text).ok());
                if let Some(parsed) = parsed {
                    shown[field] = parsed;
                }
            }
        }
        Ok(Input::Succeeded {
            ticket,
            output: Payload::from_value(shown),
        })
    }
}
