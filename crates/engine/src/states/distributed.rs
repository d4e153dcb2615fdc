//! Distributed Map: every item, or batch of items, is an execution of its own.
//!
//! The engine evaluates the state's fields and the children's inputs; the service runs the children and reports the
//! end of the run.

use std::sync::Arc;

use serde_json::Value;
use stepwell_asl::definition::distributed::Batcher;
use stepwell_asl::definition::{Kind, MachineKind, Map, MapMode, Quantity, State};
use stepwell_asl::{Entropy, Failure, Scope};

use crate::context;
use crate::event::{Details, EventId};
use crate::execution::{Execution, Frame, FrameId, Phase, Status};
use crate::failing::Fault;
use crate::flow::{self, Sight};
use crate::map_run::{BatchLimits, MapRun, MapRunChild, MapRunFault, MapRunStart};
use crate::payload::{Payload, Slot};
use crate::quantity::{self, Rule};
use crate::states::{self, map};
use crate::step::{Effect, Stepper, Ticket};
use crate::text::{CAUSE_CHARS_MAX, cut};

pub(crate) fn begin(stepper: &mut Stepper, id: FrameId, state: &State, map: &Map) {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    // AWS: a run that reads its items from S3 starts with the length 0.
    let items = match &map.distributed.reader {
        Some(_) => Ok(Vec::new()),
        None => map::items(state, map, &raw, &sight),
    };
    let items = match items {
        Ok(items) => items,
        Err(failure) => return stepper.evaluation_failed(id, failure),
    };
    let length = u32::try_from(items.len()).expect("an evaluated value has fewer items");
    let started = stepper.emit_in(
        id,
        Details::MapStateStarted {
            length: u64::from(length),
        },
    );
    if stepper.execution.status() != Status::Running {
        return;
    }
    if let Some(cause) = not_built(map) {
        return stepper.refused(id, cause);
    }
    // AWS: these are looked at once the state has started (recorded for the tolerated failures).
    let settings = match Settings::evaluate(stepper, id, state, map, &raw) {
        Ok(settings) => settings,
        Err(failure) => return stepper.evaluation_failed(id, failure),
    };
    let entropy = stepper.entropy();
    let label = label(stepper.execution, state, map);
    let arn = run_arn(stepper.execution, &label, &entropy.draw_uuid());
    let ticket = open_run(stepper, id, items, started, arn.clone(), settings.batch);
    let run = MapRunStart {
        arn,
        label,
        seed: entropy.draw(),
        ..settings.into_start(ticket, state, map, length)
    };
    start(stepper, run);
}

/// The frame is in a map run over `items` from now on; the ticket names this run of it.
///
/// - `started`: the event that what its items see derives its entropy from.
pub(super) fn open_run(
    stepper: &mut Stepper,
    id: FrameId,
    items: Vec<Value>,
    started: EventId,
    arn: String,
    batch: Option<BatchLimits>,
) -> Ticket {
    let length = u32::try_from(items.len()).expect("an evaluated value has fewer items");
    let started_ms = stepper.now.as_millis();
    let frame = stepper.execution.frame_mut(id);
    frame.attempts += 1;
    let attempt = frame.attempts;
    frame.items = Some(Arc::new(items));
    frame.phase = Phase::MapRun(MapRun {
        attempt,
        is_open: true,
        length,
        started_ms,
        started,
        arn,
        redrive_count: 0,
        batch,
    });
    Ticket { frame: id, attempt }
}

fn start(stepper: &mut Stepper, run: MapRunStart) {
    let arn = run.arn.clone();
    stepper.emit_in(run.ticket.frame, Details::MapRunStarted { arn });
    if stepper.execution.status() == Status::Running {
        let effect = Effect::StartMapRun(Box::new(run));
        stepper.transition.effects.push(effect);
    }
}

/// AWS: a Map without a `Label` has one made for it, the same in every execution of the same definition.
fn label(execution: &Execution, state: &State, map: &Map) -> String {
    map.distributed.label.clone().unwrap_or_else(|| {
        let named = [
            execution.identity.state_machine_arn.as_str(),
            execution.definition().text(),
            &state.name,
        ];
        Entropy::of_texts(&named).draw_uuid()
    })
}

fn run_arn(execution: &Execution, label: &str, uuid: &str) -> String {
    let identity = &execution.identity;
    let prefix = identity
        .state_machine_arn
        .split(":stateMachine:")
        .next()
        .unwrap_or_default();
    format!(
        "{prefix}:mapRun:{}/{label}:{uuid}",
        identity.state_machine_name
    )
}

/// What of this Map cannot be performed.
fn not_built(map: &Map) -> Option<String> {
    let named = |field: &str, resource: &str| {
        format!("NotImplemented: Stepwell does not perform the {field} {resource} yet")
    };
    if let Some(reader) = &map.distributed.reader {
        return Some(named("ItemReader", &reader.resource));
    }
    let writer = map.distributed.writer.as_ref()?;
    Some(named("ResultWriter", writer.resource.as_ref()?))
}

/// The numbers of a Distributed Map as evaluated.
pub(super) struct Settings {
    pub(super) max_concurrency: u32,
    pub(super) tolerated_failure_count: Option<u64>,
    pub(super) tolerated_failure_percentage: Option<f64>,
    pub(super) batch: Option<BatchLimits>,
}

impl Settings {
    pub(super) fn evaluate(
        stepper: &Stepper,
        id: FrameId,
        state: &State,
        map: &Map,
        raw: &Payload,
    ) -> Result<Settings, Failure> {
        let sight = Sight::new(stepper.execution, id, stepper.now, None);
        let effective = flow::selected_input(state, raw, &sight)?;
        let scope = sight.scope(effective.value());
        let count = |quantity: &Option<Quantity>, maximum: u32| -> Result<u32, Failure> {
            let Some(quantity) = quantity else {
                return Ok(0);
            };
            let rule = Rule {
                minimum: 0,
                maximum: i64::from(maximum),
            };
            let number = quantity::whole(quantity, &rule, &scope)?;
            Ok(u32::try_from(number).expect("the rule keeps it in range"))
        };
        let batch = match &map.distributed.batcher {
            None => None,
            Some(batcher) => Some(BatchLimits {
                items_max: unless_zero(count(&batcher.items_max, ITEMS_MAX)?, u32::MAX),
                bytes_max: unless_zero(
                    count(&batcher.bytes_max, BATCH_BYTES_MAX)?,
                    BATCH_BYTES_MAX,
                ),
            }),
        };
        Ok(Settings {
            max_concurrency: count(&map.max_concurrency, i32::MAX.unsigned_abs())?,
            tolerated_failure_count: tolerated_count(map, &scope)?,
            tolerated_failure_percentage: tolerated_percentage(map, &scope)?,
            batch,
        })
    }
}

impl Settings {
    /// A run with these settings; its ARN, label and seed are still to come.
    fn into_start(self, ticket: Ticket, state: &State, map: &Map, items: u32) -> MapRunStart {
        let writer = map.distributed.writer.as_ref();
        MapRunStart {
            ticket,
            arn: String::new(),
            label: String::new(),
            seed: [0; 32],
            state: state.name.to_string(),
            execution_type: match map.mode {
                MapMode::Distributed { execution_type } => execution_type,
                MapMode::Inline => MachineKind::Standard,
            },
            items,
            items_per_child: match self.batch {
                None => Some(1),
                Some(limits) if limits.bytes_max >= BATCH_BYTES_MAX => Some(limits.items_max),
                Some(_) => None,
            },
            max_concurrency: self.max_concurrency,
            tolerated_failure_count: self.tolerated_failure_count,
            tolerated_failure_percentage: self.tolerated_failure_percentage,
            transformation: writer
                .map(|writer| writer.transformation)
                .unwrap_or_default(),
            is_lines: writer.is_some_and(|writer| writer.is_lines),
        }
    }
}

/// AWS: quota "Maximum number of items" of a Distributed Map.
const ITEMS_MAX: u32 = 100_000_000;

/// AWS: `MaxInputBytesPerBatch` is at most the largest input.
const BATCH_BYTES_MAX: u32 = 262_144;

fn unless_zero(number: u32, otherwise: u32) -> u32 {
    if number == 0 { otherwise } else { number }
}

/// AWS: both texts are recorded; they name the field without `Path`.
fn tolerated_count(map: &Map, scope: &Scope) -> Result<Option<u64>, Failure> {
    let Some(quantity) = &map.tolerated_failure_count else {
        return Ok(None);
    };
    let number = quantity::number(quantity, "long", scope)?;
    if number < 0.0 {
        let cause = "ToleratedFailureCount cannot be negative.".to_string();
        return Err(Failure::runtime(cause));
    }
    Ok(Some(number as u64))
}

fn tolerated_percentage(map: &Map, scope: &Scope) -> Result<Option<f64>, Failure> {
    let Some(quantity) = &map.tolerated_failure_percentage else {
        return Ok(None);
    };
    let number = quantity::number(quantity, "double", scope)?;
    if !(0.0..=100.0).contains(&number) {
        let cause = "ToleratedFailurePercentage must be between 0 and 100.".to_string();
        return Err(Failure::runtime(cause));
    }
    Ok(Some(number))
}

/// The next child's input; see [`Execution::map_run_child`].
pub(crate) fn child(
    execution: &mut Execution,
    ticket: Ticket,
    first_item: u32,
) -> Result<MapRunChild, MapRunFault> {
    load_items(execution, ticket.frame).map_err(|failure| fault(execution, ticket, failure))?;
    let reader = ItemReader::of(execution, ticket).ok_or_else(|| {
        let cause = "The map run is not open any more.".to_string();
        fault(execution, ticket, Failure::runtime(cause))
    })?;
    let read = match (&reader.map.distributed.batcher, reader.run.batch) {
        (Some(batcher), Some(limits)) => reader.batch(batcher, limits, first_item),
        _ => reader.one(first_item),
    };
    match read {
        Ok(child) if !child.input.is_oversize() => Ok(child),
        Ok(_) => Err(MapRunFault {
            error: "States.DataLimitExceeded".to_string(),
            cause: format!(
                "The state '{}' produced an input with a size exceeding the maximum number of bytes service limit.",
                reader.state.name
            ),
        }),
        Err(failure) => Err(fault(execution, ticket, failure)),
    }
}

fn fault(execution: &Execution, ticket: Ticket, failure: Failure) -> MapRunFault {
    let cause = match execution.frames().get(&ticket.frame) {
        None => failure.cause,
        Some(frame) => format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
            execution.state_of(frame).name,
            frame.entered.0,
            failure.cause
        ),
    };
    MapRunFault {
        error: failure.error.to_string(),
        cause,
    }
}

/// Recomputes the items of a run whose execution came back from its rows.
fn load_items(execution: &mut Execution, id: FrameId) -> Result<(), Failure> {
    let Some(frame) = execution.frames().get(&id) else {
        return Ok(());
    };
    let (Phase::MapRun(run), None) = (&frame.phase, &frame.items) else {
        return Ok(());
    };
    let state = execution.state_of(frame);
    let Kind::Map(map) = &state.kind else {
        return Ok(());
    };
    let sight = sight_of(execution, frame, run, run.started.0);
    let items = map::items(&state, map, frame.input.payload(), &sight)?;
    if let Some(frame) = execution.frames.get_mut(&id) {
        frame.items = Some(Arc::new(items));
    }
    Ok(())
}

/// What the fields of a run see: the instant at which it started, whenever they are evaluated.
fn sight_of(execution: &Execution, frame: &Frame, run: &MapRun, event: u64) -> Sight {
    let started = stepwell_asl::Timestamp::from_millis(run.started_ms);
    Sight::at(execution, frame.id, started, None, event)
}

/// Makes inputs of children out of the items of a run.
pub(super) struct ItemReader<'e> {
    execution: &'e Execution,
    frame: &'e Frame,
    run: &'e MapRun,
    state: &'e State,
    map: &'e Map,
    items: &'e [Value],
}

impl<'e> ItemReader<'e> {
    pub(super) fn of(execution: &'e Execution, ticket: Ticket) -> Option<ItemReader<'e>> {
        let frame = execution.frames().get(&ticket.frame)?;
        let Phase::MapRun(run) = &frame.phase else {
            return None;
        };
        let state = execution.definition().state(frame.block, frame.state);
        let Kind::Map(map) = &state.kind else {
            return None;
        };
        let is_open = run.is_open && run.attempt == ticket.attempt;
        is_open.then_some(ItemReader {
            execution,
            frame,
            run,
            state,
            map,
            items: frame.items.as_ref()?,
        })
    }

    fn one(&self, index: u32) -> Result<MapRunChild, Failure> {
        let input = self.item(index)?;
        Ok(MapRunChild { input, items: 1 })
    }

    /// AWS: `{"BatchInput": ..., "Items": [...]}`; a batch ends before the item that would break a limit.
    pub(super) fn batch(
        &self,
        batcher: &Batcher,
        limits: BatchLimits,
        first: u32,
    ) -> Result<MapRunChild, Failure> {
        let mut text = "{".to_string();
        if let Some(template) = &batcher.input {
            let sight = self.sight(u64::from(first));
            let effective = self.effective(&sight)?;
            let shared = flow::template_value(template, &sight.scope(effective.value()))?;
            text += &format!("\"BatchInput\":{shared},");
        }
        text += "\"Items\":[";
        let mut count = 0;
        while count < limits.items_max && first + count < self.run.length {
            let item = self.item(first + count)?;
            let bytes = text.len() + usize::from(count > 0) + item.text().len() + "]}".len();
            if count > 0 && bytes > limits.bytes_max as usize {
                break;
            }
            if count > 0 {
                text.push(',');
            }
            text += item.text();
            count += 1;
        }
        text += "]}";
        Ok(MapRunChild {
            input: Payload::from_text(text),
            items: count,
        })
    }

    /// The item, or what `ItemSelector` makes of it.
    pub(super) fn item(&self, index: u32) -> Result<Payload, Failure> {
        let Some(item) = self.items.get(index as usize) else {
            let cause = format!("The Map has no item {index} any more.");
            return Err(Failure::runtime(cause));
        };
        let Some(selector) = &self.map.item_selector else {
            return Ok(Payload::from_value(item.clone()));
        };
        let about = context::selected_item(index, item, false);
        let sight = self.sight(u64::from(index)).of_item(about);
        let effective = self.effective(&sight)?;
        flow::template_value(selector, &sight.scope(effective.value())).map(Payload::from_value)
    }

    fn effective(&self, sight: &Sight) -> Result<Payload, Failure> {
        flow::selected_input(self.state, self.frame.input.payload(), sight)
    }

    /// Items are evaluated one by one, so each has randomness of its own.
    fn sight(&self, index: u64) -> Sight {
        let event = (index + 1) << 32 | self.run.started.0;
        sight_of(self.execution, self.frame, self.run, event)
    }
}

/// The run that `ticket` names is over; `false` if nobody awaits it.
pub(crate) fn close(stepper: &mut Stepper, ticket: Ticket) -> bool {
    let open = stepper.execution.frames().get(&ticket.frame);
    if open.and_then(Frame::open_map_run) != Some(ticket) {
        return false;
    }
    let frame = stepper.execution.frame_mut(ticket.frame);
    frame.items = None;
    if let Phase::MapRun(run) = &mut frame.phase {
        run.is_open = false;
    }
    true
}

/// AWS: `MapStateSucceeded` and `MapStateExited` both follow `MapRunSucceeded` (recorded until August 2024; recordings
/// after that have `MapRunStarted` before `MapStateExited`).
pub(crate) fn succeeded(stepper: &mut Stepper, ticket: Ticket, output: Option<Payload>) {
    if !close(stepper, ticket) {
        return;
    }
    let id = ticket.frame;
    stepper.emit_in(id, Details::MapRunSucceeded);
    if stepper.execution.status() != Status::Running {
        return;
    }
    let Some(output) = output.filter(|output| !output.is_oversize()) else {
        // A redrive after that starts another run.
        stepper.execution.frame_mut(id).phase = Phase::Entered;
        return stepper.output_too_large(id);
    };
    let previous = stepper.execution.frame(id).previous;
    stepper.emit(previous, Details::MapStateSucceeded);
    if stepper.execution.status() == Status::Running {
        states::leave_with(stepper, id, &Slot::fresh(output));
    }
}

pub(crate) fn failed(stepper: &mut Stepper, ticket: Ticket, error: String, cause: Option<String>) {
    if !close(stepper, ticket) {
        return;
    }
    let cause = cut(cause, CAUSE_CHARS_MAX);
    let details = Details::MapRunFailed {
        error: Some(error.clone()),
        cause: cause.clone(),
    };
    stepper.emit_in(ticket.frame, details);
    stepper.state_failed(ticket.frame, Fault::of_task(Some(error), cause));
}
