//! Parallel: every branch is a frame.

use stepwell_asl::definition::{Parallel, State};

use crate::event::{Details, EventId};
use crate::execution::{FrameId, Phase, Place, Status};
use crate::flow::{self, Sight};
use crate::payload::Slot;
use crate::states;
use crate::step::Stepper;

pub(crate) fn fork(stepper: &mut Stepper, id: FrameId, state: &State, parallel: &Parallel) {
    // AWS: a Parallel under test is mocked, and its input goes nowhere (recorded: no `afterInputPath`,
    // no `afterParameters`).
    if stepper.execution.inspection.is_some() {
        return;
    }
    let frame = stepper.execution.frame(id);
    let slot = frame.input.clone();
    let sight = Sight::new(stepper.execution, id, stepper.now, None);
    let input = match flow::effective_input(state, slot.payload(), &sight) {
        Ok(input) => input,
        Err(failure) => return stepper.evaluation_failed(id, failure),
    };
    if input.is_oversize() {
        return stepper.input_too_large(id);
    }
    let started = stepper.emit_in(id, Details::ParallelStateStarted);
    if stepper.execution.status() != Status::Running {
        return;
    }
    let unchanged = std::sync::Arc::ptr_eq(input.text(), slot.payload().text());
    let input = if unchanged { slot } else { Slot::fresh(input) };
    let count = u32::try_from(parallel.branches.len())
        .expect("a definition of one megabyte has fewer branches");
    stepper.execution.frame_mut(id).phase = Phase::Branches { count, finished: 0 };
    for (index, block) in parallel.branches.iter().enumerate() {
        let index = u32::try_from(index).expect("counted above");
        stepper.open_frame(
            Some(id),
            Place::Branch(index),
            *block,
            input.clone(),
            started,
        );
    }
}

/// A branch has ended at the event `last`.
pub(crate) fn branch_done(stepper: &mut Stepper, parent: FrameId, last: EventId) {
    let frame = stepper.execution.frame_mut(parent);
    let Phase::Branches { count, finished } = &mut frame.phase else {
        return;
    };
    *finished += 1;
    if finished == count {
        frame.previous = last;
        states::join(stepper, parent, Details::ParallelStateSucceeded);
    }
}
