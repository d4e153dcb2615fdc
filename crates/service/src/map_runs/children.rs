//! Child executions of a map run: opened one by one, counted when they end, aborted with their run.

use std::sync::Arc;

use stepwell_engine::{
    Definition, Entropy, Execution, Identity, Input, MachineKind, Mode, Payload, Status, Timestamp,
};
use stepwell_store::Error;

use super::results;
use crate::executions::{EXPRESS_OPEN_MAX, EXPRESS_SECONDS_MAX, STANDARD_SECONDS_MAX};
use crate::residents::Resident;
use crate::rows::execution::ExecutionRow;
use crate::rows::map_run::{self, Child, ChildOf, MapRun};
use crate::rows::{encode, index};
use crate::shard::{Done, Shard};

/// What a child starts with.
pub(super) struct ChildStart {
    pub(super) place: ChildOf,
    pub(super) first_item: u32,
    pub(super) definition: Arc<Definition>,
    pub(super) input: Payload,
}

impl Shard {
    /// Opens the child for the next items of a run that has room.
    pub(super) fn open_next_child(&mut self, now: Timestamp, mut run: MapRun) -> Done<()> {
        if run.is_express && self.open_express >= EXPRESS_OPEN_MAX {
            self.map_runs.crowded.insert(run.key());
            return Ok(());
        }
        let definition = match self.child_definition(&run)? {
            Ok(definition) => definition,
            Err(reason) => {
                return self.fail_map_run(now, run, "States.Runtime".to_string(), reason);
            }
        };
        let (ticket, first_item) = (run.ticket, run.next_item);
        let Some(resident) = self.resident(run.parent)? else {
            return Ok(());
        };
        let child = match resident.row.execution.map_run_child(ticket, first_item) {
            Ok(child) => child,
            Err(fault) => return self.fail_map_run(now, run, fault.error, fault.cause),
        };
        let place = ChildOf {
            parent: run.parent,
            run: run.number,
            index: run.next_child,
            items: child.items,
        };
        let first_item = run.next_item;
        run.next_child += 1;
        run.next_item += child.items;
        run.executions.running += 1;
        run.item_counts.running += child.items;
        self.put_map_run(&run);
        self.map_runs.ready.insert(run.key());
        let start = ChildStart {
            place,
            first_item,
            definition,
            input: child.input,
        };
        self.begin_child(now, &run, start)
    }

    pub(super) fn begin_child(
        &mut self,
        now: Timestamp,
        run: &MapRun,
        start: ChildStart,
    ) -> Done<()> {
        let ChildStart {
            place,
            first_item,
            definition,
            input,
        } = start;
        let number = self.next_execution_number();
        let Some(parent) = self.resident(run.parent)? else {
            return Ok(());
        };
        let trace_header = parent
            .row
            .trace_header
            .as_deref()
            .map(crate::tracing::untraced);
        let identity = child_identity(
            now,
            run,
            place.index,
            number,
            &parent.row.execution.identity,
        );
        let own = definition.timeout_seconds();
        let timeout = match identity.mode {
            Mode::Standard => {
                Some(own.map_or(STANDARD_SECONDS_MAX, |own| own.min(STANDARD_SECONDS_MAX)))
            }
            _ => Some(own.map_or(EXPRESS_SECONDS_MAX, |own| own.min(EXPRESS_SECONDS_MAX))),
        };
        let child = Child {
            number,
            first_item,
            items: place.items,
            status: Status::Running,
            ended_after_redrives: 0,
            result_bytes: 0,
            result: None,
        };
        self.staging
            .put(map_run::child_key(run.number, place.index), encode(&child));
        self.staging
            .put(map_run::child_of_key(number), encode(&place));
        match identity.mode {
            Mode::Standard => {
                let key = index::name_key(&labelled_name(run, &identity), &identity.name);
                self.staging.put(key, encode(&number));
            }
            _ => {
                let again = (&identity, input.text().as_ref(), &run.definition);
                self.staging.put(index::express_key(number), encode(&again));
                self.open_express += 1;
            }
        }
        let execution = Execution::new(identity, definition, input, timeout);
        let row = ExecutionRow::fresh(execution, run.definition.clone(), trace_header);
        let mut resident = Resident::unstored(row, None);
        resident.child_of = Some(place);
        self.residents.insert(number, Box::new(resident));
        self.advance(now, number, Input::Start)
    }

    /// The definition that the children of a run run, or why this release does not take it.
    pub(super) fn child_definition(
        &mut self,
        run: &MapRun,
    ) -> Result<Result<Arc<Definition>, String>, Error> {
        let kind = if run.is_express {
            MachineKind::Express
        } else {
            MachineKind::Standard
        };
        self.definition(&run.definition, kind)
    }

    /// A child has ended: its run counts it and keeps what it gave.
    pub(crate) fn child_ended(&mut self, place: ChildOf, resident: &Resident) -> Done<()> {
        let Some(mut run) = map_run::map_run(&self.staging, place.parent, place.run)? else {
            return Ok(());
        };
        let Some(mut child) = map_run::child(&self.staging, run.number, place.index)? else {
            return Ok(());
        };
        let status = resident.row.execution.status();
        child.status = status;
        child.ended_after_redrives = run.redrive_count;
        run.executions.running -= 1;
        run.item_counts.running -= child.items;
        *run.executions.of(status) += 1;
        *run.item_counts.of(status) += child.items;
        results::keep(&mut run, &mut child, resident);
        if run.is_express {
            self.staging.delete(map_run::child_of_key(
                resident.row.execution.identity.number,
            ));
        }
        self.staging
            .put(map_run::child_key(run.number, place.index), encode(&child));
        self.put_map_run(&run);
        self.map_runs.ready.insert(run.key());
        Ok(())
    }

    /// Aborts one open child of a run that is over.
    pub(super) fn abort_next_child(&mut self, now: Timestamp, mut run: MapRun) -> Done<()> {
        if run.executions.running == 0 || run.next_to_abort >= run.next_child {
            self.map_runs.draining.remove(&run.key());
            return self.settle_doubt(run.parent);
        }
        let index = run.next_to_abort;
        run.next_to_abort += 1;
        self.put_map_run(&run);
        self.map_runs.ready.insert(run.key());
        match map_run::child(&self.staging, run.number, index)? {
            Some(child) if child.status == Status::Running => {
                let stop = Input::Stop {
                    error: None,
                    cause: None,
                };
                self.advance(now, child.number, stop)
            }
            _ => Ok(()),
        }
    }
}

/// The machine's name as it stands in the ARN of a child: with the label.
fn labelled_name(run: &MapRun, identity: &Identity) -> String {
    format!("{}/{}", identity.state_machine_name, run.label)
}

fn child_identity(
    now: Timestamp,
    run: &MapRun,
    index: u32,
    number: u64,
    parent: &Identity,
) -> Identity {
    // An Express child that is run again is another execution.
    let turn = u64::from(run.redrive_count) << 32;
    let entropy = Entropy::derive(&run.seed, turn | u64::from(index));
    let name = entropy.draw_uuid();
    let (mode, kind) = if run.is_express {
        (Mode::ExpressAsynchronous, ":express:")
    } else {
        (Mode::Standard, ":execution:")
    };
    let mut arn = run.state_machine_arn.replacen(":stateMachine:", kind, 1) + ":" + &name;
    if run.is_express {
        arn = arn + ":" + &entropy.draw_uuid();
    }
    Identity {
        number,
        arn,
        name,
        state_machine_arn: run.state_machine_arn.clone(),
        state_machine_name: parent.state_machine_name.clone(),
        role_arn: parent.role_arn.clone(),
        mode,
        started_ms: now.as_millis(),
        seed: entropy.draw(),
    }
}
