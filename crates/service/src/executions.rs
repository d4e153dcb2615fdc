//! Executions: start, stop, and what one transition writes.

use std::sync::Arc;

use stepwell_api::arn;
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{
    Details, EventId, Execution, Identity, Input, MachineKind, Mode, Payload, Status, Timestamp,
    Transition, step,
};
use stepwell_store::Error;

use crate::command::{Answered, LiveEvents, RequestId};
use crate::events::StatusChange;
use crate::machines::deleting;
use crate::residents::Resident;
use crate::rows::execution::{ExecutionRow, encode_execution, execution_key, frame_key};
use crate::rows::history::{encode_events, history_key};
use crate::rows::map_run::child_of;
use crate::rows::{VERSION, decode, encode, index};
use crate::shard::{Done, Shard, body};
use crate::staging::Rows;
use crate::target::{self, Target};

/// AWS: an Express execution may take five minutes.
pub(crate) const EXPRESS_SECONDS_MAX: u64 = 300;

/// AWS: a Standard execution may take a year, its redrives included.
pub(crate) const STANDARD_SECONDS_MAX: u64 = 365 * 24 * 60 * 60;

/// Express executions open at once: they live in memory.
pub(crate) const EXPRESS_OPEN_MAX: usize = 10_000;

/// What a caller asks to start.
struct Start {
    target: Target,
    name: Option<String>,
    input: Payload,
    trace_header: Option<String>,
}

impl Shard {
    pub(crate) fn start_execution(
        &mut self,
        now: Timestamp,
        entropy: [u8; 32],
        input: states::StartExecutionInput,
    ) -> Done<Answered> {
        let start = self.prepare_start(
            &entropy,
            &input.state_machine_arn,
            input.name,
            input.input,
            input.trace_header,
        )?;
        if start.target.machine.is_express {
            if self.open_express >= EXPRESS_OPEN_MAX {
                return Err(throttled("open Express executions", EXPRESS_OPEN_MAX).into());
            }
            let number = self.next_execution_number();
            let (arn, started_ms) =
                self.begin(now, entropy, number, start, Mode::ExpressAsynchronous, None)?;
            return Ok(started(arn, started_ms));
        }
        if let Some(answer) = self.same_start(&start)? {
            return Ok(answer);
        }
        self.check_open_executions()?;
        let number = self.next_execution_number();
        let (arn, started_ms) = self.begin(now, entropy, number, start, Mode::Standard, None)?;
        Ok(started(arn, started_ms))
    }

    pub(crate) fn start_sync_execution(
        &mut self,
        now: Timestamp,
        entropy: [u8; 32],
        id: Option<RequestId>,
        input: states::StartSyncExecutionInput,
    ) -> Done<Option<Answered>> {
        let start = self.prepare_start(
            &entropy,
            &input.state_machine_arn,
            input.name,
            input.input,
            input.trace_header,
        )?;
        if !start.target.machine.is_express {
            return Err(states::Error::state_machine_type_not_supported(
                "This operation is not supported by this type of state machine",
            )
            .into());
        }
        if self.open_express >= EXPRESS_OPEN_MAX {
            return Err(throttled("open Express executions", EXPRESS_OPEN_MAX).into());
        }
        let number = self.next_execution_number();
        self.begin(now, entropy, number, start, Mode::ExpressSynchronous, id)?;
        Ok(None)
    }

    /// AWS's order: ARN form, the machine exists, name characters, input JSON.
    fn prepare_start(
        &mut self,
        entropy: &[u8; 32],
        arn: &str,
        name: Option<String>,
        input: Option<String>,
        trace_header: Option<String>,
    ) -> Done<Start> {
        let target = target::started(self, arn, entropy)?;
        if target.machine.is_deleting {
            return Err(deleting(arn).into());
        }
        if let Some(name) = &name {
            arn::check_name(name)?;
        }
        let text = input.unwrap_or_else(|| "{}".to_string());
        if text.trim().is_empty() {
            return Err(invalid_input("Invalid execution input."));
        }
        let input = Payload::parse(text).map_err(|error| invalid_input(&error.to_string()))?;
        Ok(Start {
            target,
            name,
            input,
            trace_header,
        })
    }

    /// AWS: a start with the same name and input while the first one runs is that first one.
    fn same_start(&mut self, start: &Start) -> Done<Option<Answered>> {
        let Some(name) = &start.name else {
            return Ok(None);
        };
        let key = index::name_key(&start.target.machine.name, name);
        let Some(value) = self.staging.get(&key)? else {
            return Ok(None);
        };
        let number: u64 = decode(&key, &value)?;
        // A machine of this name was deleted; with it went the names of its executions.
        if number < target::numbering(&self.staging, &start.target.machine.name)?.first_execution {
            return Ok(None);
        }
        let resident = self.resident(number)?.ok_or(Error::Corrupt { key })?;
        let execution = &resident.row.execution;
        let is_same = execution.input().payload().text() == start.input.text();
        if execution.status() == Status::Running && is_same {
            return Ok(Some(started(
                execution.identity.arn.clone(),
                execution.identity.started_ms,
            )));
        }
        Err(states::Error::execution_already_exists(&execution.identity.arn).into())
    }

    /// Starts an execution whose request has been accepted; returns its ARN and start.
    fn begin(
        &mut self,
        now: Timestamp,
        entropy: [u8; 32],
        number: u64,
        start: Start,
        mode: Mode,
        waiter: Option<RequestId>,
    ) -> Done<(String, i64)> {
        let machine = &start.target.machine;
        let kind = if machine.is_express {
            MachineKind::Express
        } else {
            MachineKind::Standard
        };
        let definition = self
            .definition(&machine.definition, kind)?
            .map_err(states::Error::invalid_definition)?;
        let drawn = stepwell_engine::entropy(&entropy);
        let name = start.name.unwrap_or_else(|| drawn.draw_uuid());
        let arn = match mode {
            Mode::Standard => {
                machine.arn.replacen(":stateMachine:", ":execution:", 1) + ":" + &name
            }
            _ => {
                machine.arn.replacen(":stateMachine:", ":express:", 1)
                    + ":"
                    + &name
                    + ":"
                    + &drawn.draw_uuid()
            }
        };
        let own_timeout = definition.timeout_seconds();
        let timeout = match mode {
            Mode::Standard => {
                Some(own_timeout.map_or(STANDARD_SECONDS_MAX, |own| own.min(STANDARD_SECONDS_MAX)))
            }
            _ => Some(own_timeout.map_or(EXPRESS_SECONDS_MAX, |own| own.min(EXPRESS_SECONDS_MAX))),
        };
        let started_ms = now.as_millis();
        let identity = Identity {
            number,
            arn: arn.clone(),
            name: name.clone(),
            state_machine_arn: machine.arn.clone(),
            state_machine_name: machine.name.clone(),
            role_arn: machine.role_arn.clone(),
            mode,
            started_ms,
            seed: drawn.draw(),
        };
        let trace_header = self.trace_header(now, machine, start.trace_header, &entropy)?;
        let execution = Execution::new(identity, definition, start.input, timeout);
        let row = ExecutionRow {
            revision_id: machine.revision_id.clone(),
            version_arn: start.target.version_arn,
            alias_arn: start.target.alias_arn,
            ..ExecutionRow::fresh(execution, machine.definition.clone(), trace_header)
        };
        if mode == Mode::Standard {
            self.staging
                .put(index::name_key(&machine.name, &name), encode(&number));
            self.staging
                .put_new(index::open_key(&machine.name, number), vec![VERSION]);
            self.counts.execution_opened();
        }
        if mode == Mode::ExpressAsynchronous {
            let again = (
                Arc::clone(&row.execution.identity),
                row.execution.input().payload().text().to_string(),
                row.definition.clone(),
            );
            self.staging
                .put_new(index::express_key(number), encode(&again));
        }
        let resident = Resident::unstored(row, waiter);
        if !resident.is_durable() {
            self.open_express += 1;
        }
        self.residents.insert(number, Box::new(resident));
        self.advance(now, number, Input::Start)?;
        Ok((arn, started_ms))
    }

    /// An asynchronous Express execution that a crash has cut off starts again: at least once.
    pub(crate) fn begin_again(
        &mut self,
        now: Timestamp,
        identity: Identity,
        input: String,
        definition: String,
    ) -> Done<()> {
        let number = identity.number;
        let Ok(parsed) = self.definition(&definition, MachineKind::Express)? else {
            // An Express execution has no rows to fail in.
            self.staging.delete(index::express_key(number));
            return Ok(());
        };
        let own = parsed
            .timeout_seconds()
            .map_or(EXPRESS_SECONDS_MAX, |own| own.min(EXPRESS_SECONDS_MAX));
        let identity = Identity {
            started_ms: now.as_millis(),
            ..identity
        };
        let child_of = child_of(&self.staging, number, &identity.state_machine_arn)?;
        let execution = Execution::new(identity, parsed, Payload::from_text(input), Some(own));
        let row = ExecutionRow::fresh(execution, definition, None);
        let mut resident = Resident::unstored(row, None);
        resident.child_of = child_of;
        self.open_express += 1;
        self.residents.insert(number, Box::new(resident));
        self.advance(now, number, Input::Start)
    }

    pub(crate) fn stop_execution(
        &mut self,
        now: Timestamp,
        input: states::StopExecutionInput,
    ) -> Done<Answered> {
        let parsed = arn::ExecutionArn::parse_standard(&input.execution_arn)?;
        let Some(number) = self.number_of(&index::machine_of(&parsed), parsed.name())? else {
            return Err(missing_execution(&input.execution_arn).into());
        };
        let is_named = self
            .resident(number)?
            .is_some_and(|resident| resident.row.execution.identity.arn == input.execution_arn);
        if !is_named {
            return Err(missing_execution(&input.execution_arn).into());
        }
        self.advance(
            now,
            number,
            Input::Stop {
                error: input.error,
                cause: input.cause,
            },
        )?;
        let stopped = self
            .resident(number)?
            .and_then(|resident| resident.row.execution.stopped_ms());
        // AWS: stopping an execution that has ended returns the stop date it has.
        let stop_date = EpochSeconds::from_ms(stopped.unwrap_or(now.as_millis()));
        Ok(body(&states::StopExecutionOutput { stop_date }))
    }

    /// The number of an execution by machine name and execution name.
    pub(crate) fn number_of(&self, machine: &str, name: &str) -> Result<Option<u64>, Error> {
        let key = index::name_key(machine, name);
        self.staging
            .get(&key)?
            .map(|value| decode(&key, &value))
            .transpose()
    }

    /// A timer came due. A timer row that no execution waits for any more is removed.
    pub(crate) fn execution_due(&mut self, now: Timestamp, number: u64, due_ms: i64) -> Done<()> {
        let waits = self
            .resident(number)?
            .is_some_and(|resident| resident.due_ms == Some(due_ms));
        if !waits {
            self.staging.delete(index::timer_key(due_ms, number));
            return Ok(());
        }
        self.advance(now, number, Input::Due)
    }

    /// One transition of an execution: step it, stage its rows, release its effects.
    pub(crate) fn advance(&mut self, now: Timestamp, number: u64, input: Input) -> Done<()> {
        let Some(resident) = self.resident(number)? else {
            return Ok(());
        };
        let definition = Arc::clone(resident.row.execution.definition());
        if !definition.activities().is_empty() {
            let missing = self.missing_activities(definition.activities())?;
            if let Some(resident) = self.resident(number)? {
                resident.row.execution.set_missing_activities(missing);
            }
        }
        let Some(resident) = self.resident(number)? else {
            return Ok(());
        };
        let input = match (&resident.unreadable, input) {
            (Some(reason), input) if !matches!(input, Input::Stop { .. }) => Input::Fail {
                error: Some("States.Runtime".to_string()),
                cause: Some(reason.clone()),
            },
            (_, input) => input,
        };
        let transition = step(&mut resident.row.execution, now, input);
        self.stage(now, number, transition)
    }

    fn stage(&mut self, now: Timestamp, number: u64, transition: Transition) -> Done<()> {
        let Some(mut resident) = self.residents.remove(number) else {
            return Ok(());
        };
        let due_ms = resident
            .row
            .execution
            .next_deadline()
            .map(Timestamp::as_millis);
        let is_in_doubt = resident.execution_is_in_doubt() || self.map_runs.is_draining(number);
        let redrives = resident.row.execution.redrives();
        resident.row.redrive_count = redrives.count;
        resident.row.redriven_ms = redrives.last_ms;
        let is_durable = resident.is_durable();
        self.move_timer(number, resident.due_ms, due_ms, is_durable);
        if is_durable {
            self.stage_rows(number, &mut resident, &transition, is_in_doubt);
            self.publish_changes(now, &resident, &transition)?;
        }
        resident.due_ms = due_ms;
        resident.is_in_doubt = is_in_doubt;
        let is_over = resident.is_over();
        // Before what the end does: the state machine may go with its last execution.
        let execution = self.facts_of(&mut resident)?;
        let ended = is_over && !transition.events.is_empty();
        if ended {
            self.ended(&mut resident)?;
        }
        self.residents.insert(number, resident);
        // An effect may go on with the execution at once: what follows from it comes after what led to it.
        if !transition.events.is_empty() {
            self.release_events(LiveEvents {
                execution: Arc::clone(&execution),
                events: transition.events,
            });
        }
        for effect in transition.effects {
            self.release(now, number, effect, execution.trace_header.as_deref())?;
        }
        Ok(())
    }

    fn stage_rows(
        &mut self,
        number: u64,
        resident: &mut Resident,
        transition: &Transition,
        is_in_doubt: bool,
    ) {
        if let Some(first) = transition.events.first() {
            self.staging.put(
                history_key(number, first.id),
                encode_events(&transition.events),
            );
        }
        let (changed, removed) = resident.row.execution.take_changes();
        for id in removed {
            if resident.stored_frames.remove(&id) {
                self.staging.delete(frame_key(number, id));
            }
        }
        if resident.unreadable.is_some() && resident.is_over() {
            for id in std::mem::take(&mut resident.stored_frames) {
                self.staging.delete(frame_key(number, id));
            }
        }
        for id in changed {
            let frame = &resident.row.execution.frames()[&id];
            let (key, value) = (frame_key(number, id), encode(frame));
            if resident.stored_frames.insert(id) {
                self.staging.put_new(key, value);
            } else {
                self.staging.put(key, value);
            }
        }
        match (resident.is_in_doubt, is_in_doubt) {
            (false, true) => self.staging.put(index::doubt_key(number), vec![VERSION]),
            (true, false) => self.staging.delete(index::doubt_key(number)),
            _ => {}
        }
        self.staging
            .put(execution_key(number), encode_execution(&resident.row));
        let has_changed_status = opens(transition) || resident.is_over();
        // A child is listed by its map run.
        if has_changed_status && resident.child_of.is_none() {
            self.list_execution(number, resident);
        }
    }

    /// Tells the rules of the default bus what a transition has made of an execution's status.
    fn publish_changes(
        &mut self,
        now: Timestamp,
        resident: &Resident,
        transition: &Transition,
    ) -> Done<()> {
        if opens(transition) {
            self.publish_status(now, resident, StatusChange::Running)?;
        }
        if resident.is_over() && !transition.events.is_empty() {
            self.publish_status(now, resident, StatusChange::Ended)?;
        }
        Ok(())
    }

    /// An execution has just ended.
    fn ended(&mut self, resident: &mut Resident) -> Done<()> {
        if let Some(place) = resident.child_of {
            self.child_ended(place, resident)?;
        }
        let execution = &resident.row.execution;
        let identity = &execution.identity;
        self.nested_ended(identity.number);
        match identity.mode {
            Mode::Standard if resident.child_of.is_some() => {}
            Mode::Standard => {
                self.staging.delete(index::open_key(
                    &identity.state_machine_name,
                    identity.number,
                ));
                self.counts.execution_ended();
                self.finish_deleting(&identity.state_machine_name.clone())?;
            }
            Mode::ExpressAsynchronous => {
                self.open_express -= 1;
                self.map_runs.room_was_made();
                self.staging.delete(index::express_key(identity.number));
            }
            Mode::ExpressSynchronous => {
                self.open_express -= 1;
                self.map_runs.room_was_made();
            }
        }
        if let Some(waiter) = resident.waiter.take() {
            let answer = body(&crate::listing::sync_output(&resident.row));
            self.release_answer(waiter, Ok(answer));
        }
        Ok(())
    }
}

/// Whether an execution runs from this transition on, for the first time or again.
fn opens(transition: &Transition) -> bool {
    transition.events.first().is_some_and(|event| {
        event.id == EventId(1) || matches!(event.details, Details::ExecutionRedriven { .. })
    })
}

/// When a Standard execution times out that runs from `from_ms` on, in milliseconds since the epoch.
///
/// - `timeout_seconds`: the machine's own limit.
pub(crate) fn standard_deadline(
    started_ms: i64,
    from_ms: i64,
    timeout_seconds: Option<u64>,
) -> i64 {
    let after = |ms: i64, seconds: u64| {
        ms.saturating_add(i64::try_from(seconds.saturating_mul(1_000)).unwrap_or(i64::MAX))
    };
    let latest = after(started_ms, STANDARD_SECONDS_MAX);
    timeout_seconds.map_or(latest, |own| after(from_ms, own).min(latest))
}

fn started(arn: String, started_ms: i64) -> Answered {
    body(&states::StartExecutionOutput {
        execution_arn: arn,
        start_date: EpochSeconds::from_ms(started_ms),
    })
}

fn invalid_input(text: &str) -> crate::shard::Stop {
    states::Error::invalid_execution_input(text).into()
}

pub(crate) fn missing_execution(arn: &str) -> states::Error {
    states::Error::execution_does_not_exist(arn)
}

fn throttled(what: &str, limit: usize) -> states::Error {
    states::Error::throttling_exception(format!("Rate exceeded: at most {limit} {what}"))
}
