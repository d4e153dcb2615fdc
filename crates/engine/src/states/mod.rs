//! What each state type does: entering, working, leaving.

pub(crate) mod choice;
pub(crate) mod distributed;
pub(crate) mod map;
pub(crate) mod parallel;
pub(crate) mod simple;
pub(crate) mod task;
pub(crate) mod tested_map;
pub(crate) mod wait;

use std::sync::Arc;

use serde_json::Value;
use stepwell_asl::definition::{Kind, MapMode, StateIndex};

use crate::event::{Details, StateKind, body_of};
use crate::execution::{FrameId, Phase, Place, Status};
use crate::flow::{Outcome, Sight};
use crate::payload::{PAYLOAD_BYTES_MAX, Payload, Slot};
use crate::step::{Stepper, Work};

/// Enters the frame's state and starts its work.
pub(crate) fn enter(stepper: &mut Stepper, id: FrameId) {
    let state = stepper.execution.state_of(stepper.execution.frame(id));
    let event = stepper.next_id();
    let now_ms = stepper.now.as_millis();
    let frame = stepper.execution.frame_mut(id);
    let previous = frame.previous;
    let input = body_of(&mut frame.input, event);
    frame.before = previous;
    frame.previous = event;
    frame.entered = event;
    frame.entered_ms = now_ms;
    frame.retries = Vec::new();
    frame.phase = Phase::Entered;
    let details = Details::StateEntered {
        kind: kind_of(&state.kind),
        name: Arc::clone(&state.name),
        input,
    };
    stepper.emit(previous, details);
    work(stepper, id);
}

/// Tries the frame's state again after a backoff.
pub(crate) fn again(stepper: &mut Stepper, id: FrameId) {
    work(stepper, id);
}

fn work(stepper: &mut Stepper, id: FrameId) {
    if stepper.execution.status() != Status::Running {
        return;
    }
    let state = stepper.execution.state_of(stepper.execution.frame(id));
    match &state.kind {
        Kind::Task(task) => task::schedule(stepper, id, &state, task),
        Kind::Choice(choice) => choice::choose(stepper, id, &state, choice),
        Kind::Parallel(parallel) => parallel::fork(stepper, id, &state, parallel),
        Kind::Map(map) if stepper.execution.inspection.is_some() => {
            tested_map::begin(stepper, id, &state, map);
        }
        Kind::Map(map) => match map.mode {
            MapMode::Inline => map::begin(stepper, id, &state, map),
            MapMode::Distributed { .. } => distributed::begin(stepper, id, &state, map),
        },
        Kind::Wait(wait) => wait::begin(stepper, id, &state, wait),
        Kind::Pass(pass) => simple::pass(stepper, id, &state, pass),
        Kind::Succeed => simple::succeed(stepper, id, &state),
        Kind::Fail(fail) => simple::fail(stepper, id, &state, fail),
    }
}

/// Leaves the frame's state with `outcome`, for `next` or, without one, for the end of the frame.
pub(crate) fn exit(stepper: &mut Stepper, id: FrameId, outcome: Outcome, next: Option<StateIndex>) {
    exit_from(stepper, id, outcome, next, None);
}

/// As [`exit`]; `result` is the payload, stored by an event, that the output may be.
fn exit_from(
    stepper: &mut Stepper,
    id: FrameId,
    outcome: Outcome,
    next: Option<StateIndex>,
    result: Option<&Slot>,
) {
    if outcome.output.is_oversize() {
        stepper.output_too_large(id);
        return;
    }
    if let Some(cause) = variables_over_limit(stepper, id, &outcome.assigned) {
        stepper.data_limit_exceeded(id, cause);
        return;
    }
    if let Some(inspection) = &stepper.execution.inspection {
        return inspection.leave(outcome, next);
    }
    let frame = stepper.execution.frame(id);
    let state = stepper.execution.state_of(frame);
    let mut output = slot_for(&[Some(&frame.input), result], outcome.output);
    let event = stepper.next_id();
    let details = Details::StateExited {
        kind: kind_of(&state.kind),
        name: Arc::clone(&state.name),
        output: body_of(&mut output, event),
        assigned: outcome
            .assigned
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
    };
    stepper.emit_in(id, details);
    if stepper.execution.status() != Status::Running {
        return;
    }
    stepper.execution.frame_mut(id).assign(outcome.assigned);
    match next {
        Some(next) => go_to(stepper, id, next, output),
        None => end(stepper, id, output),
    }
}

/// Why the variables of an `Assign` may not be kept; `None` if they may.
///
/// AWS: 256 KiB a variable, 256 KiB an Assign, 10 MiB an execution (here: what the state can see).
fn variables_over_limit(
    stepper: &Stepper,
    id: FrameId,
    assigned: &[(String, Value)],
) -> Option<String> {
    if assigned.is_empty() {
        return None;
    }
    let mut bytes = 0;
    for (name, value) in assigned {
        let payload = Payload::from_value(value.clone());
        if payload.is_oversize() {
            return Some(format!(
                "The variable '{name}' exceeds the maximum size of {PAYLOAD_BYTES_MAX} bytes."
            ));
        }
        bytes += payload.text().len();
    }
    if bytes > PAYLOAD_BYTES_MAX {
        return Some(format!(
            "The variables assigned by the state exceed the maximum size of {PAYLOAD_BYTES_MAX} bytes."
        ));
    }
    let frames = stepper.execution.frames().values();
    let stored: usize = frames.map(|frame| frame.variable_bytes).sum();
    let before = stepper.execution.frame(id);
    let replaced: usize = assigned
        .iter()
        .filter_map(|(name, _)| before.variables.get(name))
        .map(|value| value.to_string().len())
        .sum();
    (stored + bytes - replaced.min(stored) > VARIABLES_BYTES_MAX).then(|| {
        format!(
            "The variables of the execution exceed the maximum size of {VARIABLES_BYTES_MAX} bytes."
        )
    })
}

/// Bytes of all variables of an execution, as JSON text.
///
/// AWS: quota "Maximum total size of all stored variables of an execution".
const VARIABLES_BYTES_MAX: usize = 10 << 20;

/// The slot of an output: a payload that an event stores already keeps that event.
fn slot_for(stored: &[Option<&Slot>], output: Payload) -> Slot {
    let is_same = |slot: &&&Slot| std::sync::Arc::ptr_eq(slot.payload().text(), output.text());
    match stored.iter().flatten().find(is_same) {
        Some(slot) => (*slot).clone(),
        None => Slot::fresh(output),
    }
}

fn go_to(stepper: &mut Stepper, id: FrameId, next: StateIndex, input: Slot) {
    let now_ms = stepper.now.as_millis();
    let frame = stepper.execution.frame_mut(id);
    frame.state = next;
    frame.input = input;
    frame.phase = Phase::Ready;
    frame.entered_ms = now_ms;
    frame.items = None;
    frame.selected = None;
    stepper.queue.push_back(Work::Enter(id));
}

/// The frame has reached the end of its block.
fn end(stepper: &mut Stepper, id: FrameId, output: Slot) {
    let frame = stepper.execution.frame(id);
    let (place, parent, previous) = (frame.place, frame.parent, frame.previous);
    let Some(parent) = parent else {
        stepper.succeed(output, previous);
        return;
    };
    stepper.execution.frame_mut(id).phase = Phase::Done { output };
    match place {
        Place::Iteration(index) => map::iteration_done(stepper, parent, index, previous),
        _ => parallel::branch_done(stepper, parent, previous),
    }
}

/// `[a,b,c]` of the outputs of a frame's finished children, in order, without parsing them.
pub(crate) fn joined_outputs(stepper: &Stepper, parent: FrameId) -> Payload {
    let mut outputs: Vec<(u32, &Payload)> = Vec::new();
    for child in stepper.execution.children(parent) {
        let frame = stepper.execution.frame(child);
        if let (Phase::Done { output }, Place::Branch(index) | Place::Iteration(index)) =
            (&frame.phase, frame.place)
        {
            outputs.push((index, output.payload()));
        }
    }
    outputs.sort_by_key(|(index, _)| *index);
    let texts: Vec<&str> = outputs
        .iter()
        .map(|(_, payload)| payload.text().as_ref())
        .collect();
    Payload::from_text(format!("[{}]", texts.join(",")))
}

/// Leaves a Parallel or Map state with the joined outputs of its children.
pub(crate) fn join(stepper: &mut Stepper, id: FrameId, succeeded: Details) {
    let result = joined_outputs(stepper, id);
    leave_joined(stepper, id, result, succeeded);
}

/// Leaves a Parallel or Map state with `result`, the array of what its branches or iterations gave.
pub(crate) fn leave_joined(
    stepper: &mut Stepper,
    id: FrameId,
    result: Payload,
    succeeded: Details,
) {
    if result.is_oversize() {
        // AWS: a redrive after that runs all branches or iterations again (developer guide, "Redrive behavior").
        stepper.drop_children(id);
        stepper.output_too_large(id);
        return;
    }
    // AWS: `...StateSucceeded` and the `...StateExited` after it share one predecessor.
    let previous = stepper.execution.frame(id).previous;
    stepper.emit(previous, succeeded);
    if stepper.execution.status() == Status::Running {
        leave_with(stepper, id, &Slot::fresh(result));
    }
}

/// Leaves a state that has a result.
pub(crate) fn leave_with(stepper: &mut Stepper, id: FrameId, result: &Slot) {
    let frame = stepper.execution.frame(id);
    let state = stepper.execution.state_of(frame);
    let raw = frame.input.payload().clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    match crate::flow::result_to_output(&state, &raw, result.payload(), &sight) {
        Ok(outcome) => {
            stepper.drop_children(id);
            exit_from(stepper, id, outcome, state.next, Some(result));
        }
        Err(failure) => stepper.evaluation_failed(id, failure),
    }
}

/// The members of an array or, as `{Key, Value}`, of an object.
pub(crate) fn members(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(items) => Some(items),
        Value::Object(entries) => {
            let entry =
                |(key, value)| serde_json::json!({ "Key": Value::String(key), "Value": value });
            Some(entries.into_iter().map(entry).collect())
        }
        _ => None,
    }
}

fn kind_of(kind: &Kind) -> StateKind {
    match kind {
        Kind::Task(_) => StateKind::Task,
        Kind::Choice(_) => StateKind::Choice,
        Kind::Parallel(_) => StateKind::Parallel,
        Kind::Map(_) => StateKind::Map,
        Kind::Wait(_) => StateKind::Wait,
        Kind::Pass(_) => StateKind::Pass,
        Kind::Succeed => StateKind::Succeed,
        Kind::Fail(_) => StateKind::Fail,
    }
}
