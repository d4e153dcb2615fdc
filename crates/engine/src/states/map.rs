//! Inline Map: every iteration is a frame.

use std::sync::Arc;

use serde_json::Value;
use stepwell_asl::definition::{Items, Map, State};
use stepwell_asl::{Failure, Scope, Timestamp};

use crate::context;
use crate::event::{Details, EventId};
use crate::execution::{
    Execution, FrameId, INLINE_MAP_CONCURRENCY_MAX, Phase, Place, Selected, Status,
};
use crate::flow::{self, Sight};
use crate::payload::{Payload, Slot};
use crate::quantity::{self, Rule, wrong_type};
use crate::states;
use crate::step::Stepper;

pub(crate) fn begin(stepper: &mut Stepper, id: FrameId, state: &State, map: &Map) {
    let raw = stepper.execution.frame(id).input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let prepared = items(state, map, &raw, &sight).and_then(|items| {
        concurrency(state, map, &raw, &sight).map(|concurrency| (items, concurrency))
    });
    let (items, concurrency) = match prepared {
        Ok(prepared) => prepared,
        Err(failure) => return stepper.evaluation_failed(id, failure),
    };
    let length = u32::try_from(items.len()).expect("256 KiB of input hold fewer items");
    let started = stepper.emit_in(
        id,
        Details::MapStateStarted {
            length: u64::from(length),
        },
    );
    if stepper.execution.status() != Status::Running {
        return;
    }
    let started_ms = stepper.now.as_millis();
    let frame = stepper.execution.frame_mut(id);
    frame.items = Some(Arc::new(items));
    frame.phase = Phase::Iterations {
        length,
        next: 0,
        finished: 0,
        concurrency,
        started_ms,
        started,
    };
    if length == 0 {
        states::join(stepper, id, Details::MapStateSucceeded);
        return;
    }
    iterate(stepper, id);
}

/// Starts iterations as far as the concurrency allows.
///
/// AWS: iterations that start together all write `MapIterationStarted` before any of them enters a state.
pub(crate) fn iterate(stepper: &mut Stepper, id: FrameId) {
    load_items(stepper.execution, id);
    let frame = stepper.execution.frame(id);
    let state = stepper.execution.state_of(frame);
    let stepwell_asl::definition::Kind::Map(map) = &state.kind else {
        return;
    };
    let raw = frame.input.payload().clone();
    while let Some(next) = next_iteration(stepper, id) {
        let input = match item_input(stepper, id, &state, map, &raw, next) {
            Ok(input) => input,
            Err(failure) => {
                stepper.abort_iterations(id, &state.name);
                return stepper.evaluation_failed(id, failure);
            }
        };
        if input.is_oversize() {
            stepper.abort_iterations(id, &state.name);
            return stepper.input_too_large(id);
        }
        let previous = stepper.execution.frame(id).previous;
        let details = Details::MapIterationStarted {
            name: Arc::clone(&state.name),
            index: u64::from(next),
        };
        let started = stepper.emit(previous, details);
        if stepper.execution.status() != Status::Running {
            return;
        }
        if let Phase::Iterations { next, .. } = &mut stepper.execution.frame_mut(id).phase {
            *next += 1;
        }
        let place = Place::Iteration(next);
        stepper.open_frame(Some(id), place, map.processor, Slot::fresh(input), started);
    }
}

/// The iteration to start next, if the Map may start one now.
fn next_iteration(stepper: &Stepper, id: FrameId) -> Option<u32> {
    if stepper.execution.status() != Status::Running {
        return None;
    }
    match stepper.execution.frame(id).phase {
        Phase::Iterations {
            length,
            next,
            finished,
            concurrency,
            ..
        } if next < length && next.saturating_sub(finished) < concurrency => Some(next),
        _ => None,
    }
}

/// The iteration `index` has ended at the event `last`.
///
/// AWS: the next iteration's start has the last inner event as its predecessor, not
/// `MapIterationSucceeded`; the Map's own end follows the last `MapIterationSucceeded`.
pub(crate) fn iteration_done(stepper: &mut Stepper, parent: FrameId, index: u32, last: EventId) {
    let name = stepper
        .execution
        .state_of(stepper.execution.frame(parent))
        .name
        .clone();
    let index = u64::from(index);
    let succeeded = stepper.emit(last, Details::MapIterationSucceeded { name, index });
    if stepper.execution.status() != Status::Running {
        return;
    }
    let frame = stepper.execution.frame_mut(parent);
    frame.previous = last;
    let Phase::Iterations {
        length, finished, ..
    } = &mut frame.phase
    else {
        return;
    };
    *finished += 1;
    if finished == length {
        frame.previous = succeeded;
        states::join(stepper, parent, Details::MapStateSucceeded);
    } else {
        // Not queued: the start of the next iteration directly follows the end of this one.
        iterate(stepper, parent);
    }
}

/// Recomputes the items of a Map that came back from its row.
pub(crate) fn load_items(execution: &mut Execution, id: FrameId) {
    let frame = execution.frame(id);
    let Phase::Iterations {
        started_ms,
        started,
        ..
    } = frame.phase
    else {
        return;
    };
    if frame.items.is_some() {
        return;
    }
    let state = execution.state_of(frame);
    let stepwell_asl::definition::Kind::Map(map) = &state.kind else {
        return;
    };
    let raw = frame.input.payload().clone();
    let now = Timestamp::from_millis(started_ms);
    let sight = Sight::at(execution, id, now, None, started.0);
    // INVARIANT: the same input, variables, instant and entropy gave these items when the Map began.
    let loaded = items(&state, map, &raw, &sight).unwrap_or_default();
    if let Some(frame) = execution.frames.get_mut(&id) {
        frame.items = Some(Arc::new(loaded));
    }
}

/// The items of a Map of either mode.
pub(crate) fn items(
    state: &State,
    map: &Map,
    raw: &Payload,
    sight: &Sight,
) -> Result<Vec<Value>, Failure> {
    let effective = flow::selected_input(state, raw, sight)?;
    let scope = sight.scope(effective.value());
    match &map.items {
        Items::Input => array_input(state, "$", effective.value().clone()),
        Items::Path(path) => {
            let value = path.filter(&scope)?.into_owned();
            array_input(state, path.text(), value)
        }
        Items::Jsonata(template) => {
            let value = template.evaluate(&scope)?;
            match value {
                Value::Array(items) => Ok(items),
                // AWS: an object may be written down (developer guide); what an expression gives must be an array
                // (recorded).
                object @ Value::Object(_) if template.expression().is_none() => {
                    Ok(states::members(object).unwrap_or_default())
                }
                other => Err(wrong_type(template, "array", &other)),
            }
        }
    }
}

/// - `path`: where the value comes from, as written.
fn array_input(state: &State, path: &str, value: Value) -> Result<Vec<Value>, Failure> {
    if let Value::Array(items) = value {
        return Ok(items);
    }
    let is_jsonata = matches!(state.flow, stepwell_asl::definition::Flow::Jsonata(_));
    if is_jsonata {
        // AWS: recorded for a JSONata Map without Items.
        return Err(Failure::query(
            format!("Map state input must be an array but was: {value}"),
            None,
        ));
    }
    states::members(value.clone()).ok_or_else(|| {
        Failure::runtime(format!(
            "Reference path \"{path}\" must point to array. But instead the value was: {value}"
        ))
    })
}

/// The input of one iteration: the item, or what `ItemSelector` makes of it.
fn item_input(
    stepper: &mut Stepper,
    id: FrameId,
    state: &State,
    map: &Map,
    raw: &Payload,
    index: u32,
) -> Result<Payload, Failure> {
    let items = stepper.execution.frame(id).items.clone();
    let Some(item) = items.as_ref().and_then(|items| items.get(index as usize)) else {
        let cause = format!("The Map has no item {index} any more.");
        return Err(Failure::runtime(cause));
    };
    let Some(selector) = &map.item_selector else {
        return Ok(Payload::from_value(item.clone()));
    };
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let selected = match &stepper.execution.frame(id).selected {
        Some(selected) => selected.clone(),
        None => {
            let selected = Selected {
                is_of_members: iterates_members(state, map, raw, &sight),
                input: flow::selected_input(state, raw, &sight)?,
            };
            stepper
                .execution
                .frame_mut(id)
                .selected
                .insert(selected)
                .clone()
        }
    };
    let sight = sight.of_item(context::selected_item(index, item, selected.is_of_members));
    let scope: Scope = sight.scope(selected.input.value());
    flow::template_value(selector, &scope).map(Payload::from_value)
}

/// Whether the items are the members of an object.
fn iterates_members(state: &State, map: &Map, raw: &Payload, sight: &Sight) -> bool {
    let Ok(effective) = flow::selected_input(state, raw, sight) else {
        return false;
    };
    match &map.items {
        Items::Input => effective.value().is_object(),
        Items::Path(path) => path
            .lookup(&sight.scope(effective.value()))
            .is_some_and(|value| value.is_object()),
        Items::Jsonata(template) => template.is_object(),
    }
}

fn concurrency(state: &State, map: &Map, raw: &Payload, sight: &Sight) -> Result<u32, Failure> {
    let limit = u32::try_from(INLINE_MAP_CONCURRENCY_MAX).expect("a small constant");
    let Some(quantity) = &map.max_concurrency else {
        return Ok(limit);
    };
    let effective = flow::selected_input(state, raw, sight)?;
    let rule = Rule {
        minimum: 0,
        maximum: i64::from(i32::MAX),
    };
    let wanted = quantity::whole(quantity, &rule, &sight.scope(effective.value()))?;
    Ok(match u32::try_from(wanted) {
        Ok(0) | Err(_) => limit,
        Ok(wanted) => wanted.min(limit),
    })
}
