//! A map run goes on after its parent was redriven: children without success are run again.

use stepwell_engine::{Input, Status, Ticket, Timestamp};

use super::children::ChildStart;
use crate::events::StatusChange;
use crate::executions::{EXPRESS_OPEN_MAX, standard_deadline};
use crate::redrive::obstacle;
use crate::rows::encode;
use crate::rows::map_run::{self, Child, ChildOf, MapRun, MapRunStatus};
use crate::shard::{Done, Shard};

impl Shard {
    /// Opens a run again under a new ticket. Children that were still open go on.
    pub(crate) fn redrive_map_run(
        &mut self,
        now: Timestamp,
        parent: u64,
        before: Ticket,
        ticket: Ticket,
    ) -> Done<()> {
        let runs = self.map_runs_of(parent)?;
        let Some(mut run) = runs.into_iter().find(|run| run.ticket == before) else {
            let lost = Input::MapRunFailed {
                ticket,
                error: "States.Runtime".to_string(),
                cause: Some("The map run to redrive is not there any more".to_string()),
            };
            return self.advance(now, parent, lost);
        };
        run.ticket = ticket;
        run.status = MapRunStatus::Running;
        run.stopped_ms = None;
        run.redrive_count += 1;
        run.redriven_ms = Some(now.as_millis());
        run.next_to_abort = 0;
        run.to_redrive = (0, run.next_child);
        run.executions.await_redrive();
        run.item_counts.await_redrive();
        self.map_runs.draining.remove(&run.key());
        self.map_runs.ready.insert(run.key());
        self.put_map_run(&run);
        Ok(())
    }

    /// Looks at one child of a run that was redriven, and runs it again if it ended without success.
    ///
    /// AWS: Standard children are redriven, Express children are started anew; a Standard child that cannot be
    /// redriven stays as it ended.
    pub(super) fn redrive_next_child(&mut self, now: Timestamp, mut run: MapRun) -> Done<()> {
        if run.is_express && self.open_express >= EXPRESS_OPEN_MAX {
            self.map_runs.crowded.insert(run.key());
            return Ok(());
        }
        let index = run.to_redrive.0;
        let child = map_run::child(&self.staging, run.number, index)?;
        let pending = child.filter(|child| run.is_redrive_pending(index, child));
        run.to_redrive.0 += 1;
        self.put_map_run(&run);
        self.map_runs.ready.insert(run.key());
        match pending {
            None => Ok(()),
            Some(child) if run.is_express => self.start_child_anew(now, run, index, &child),
            Some(child) => self.redrive_child(now, run, index, child),
        }
    }

    fn start_child_anew(
        &mut self,
        now: Timestamp,
        mut run: MapRun,
        index: u32,
        child: &Child,
    ) -> Done<()> {
        let definition = match self.child_definition(&run)? {
            Ok(definition) => definition,
            Err(reason) => {
                return self.fail_map_run(now, run, "States.Runtime".to_string(), reason);
            }
        };
        let Some(parent) = self.resident(run.parent)? else {
            return Ok(());
        };
        let execution = &mut parent.row.execution;
        let input = match execution.map_run_child(run.ticket, child.first_item) {
            Ok(again) => again.input,
            Err(fault) => return self.fail_map_run(now, run, fault.error, fault.cause),
        };
        count_again(&mut run, child);
        self.put_map_run(&run);
        let place = ChildOf {
            parent: run.parent,
            run: run.number,
            index,
            items: child.items,
        };
        let start = ChildStart {
            place,
            first_item: child.first_item,
            definition,
            input,
        };
        self.begin_child(now, &run, start)
    }

    fn redrive_child(
        &mut self,
        now: Timestamp,
        mut run: MapRun,
        index: u32,
        mut child: Child,
    ) -> Done<()> {
        let number = child.number;
        if self.resident(number)?.is_none() {
            return Ok(());
        }
        let row = &self.residents[number].row;
        if obstacle(&self.staging, row, now)?.is_some() {
            let counts = [
                (&mut run.executions, 1),
                (&mut run.item_counts, child.items),
            ];
            for (counts, count) in counts {
                counts.pending_redrive -= count;
                counts.not_redrivable += count;
                *counts.of(child.status) += count;
            }
            self.put_map_run(&run);
            return Ok(());
        }
        let timeout = row.execution.definition().timeout_seconds();
        let pending_since = run.redriven_ms.unwrap_or(now.as_millis());
        let started_ms = row.execution.identity.started_ms;
        let deadline = standard_deadline(started_ms, now.as_millis(), timeout);
        count_again(&mut run, &child);
        self.put_map_run(&run);
        child.status = Status::Running;
        child.result = None;
        child.result_bytes = 0;
        self.staging
            .put(map_run::child_key(run.number, index), encode(&child));
        let deadline = Some(Timestamp::from_millis(deadline));
        if let Some(resident) = self.residents.remove(number) {
            let pending = StatusChange::PendingRedrive(Timestamp::from_millis(pending_since));
            let published = self.publish_status(now, &resident, pending);
            self.residents.insert(number, resident);
            published?;
        }
        self.advance(now, number, Input::Redrive { deadline })
    }
}

/// A child that waited for its redrive runs, and its old result is gone.
fn count_again(run: &mut MapRun, child: &Child) {
    run.result_bytes -= child.result_bytes;
    let counts = [
        (&mut run.executions, 1),
        (&mut run.item_counts, child.items),
    ];
    for (counts, count) in counts {
        counts.pending_redrive -= count;
        counts.running += count;
    }
}
