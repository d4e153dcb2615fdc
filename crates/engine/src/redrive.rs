//! Redrive: an execution that ended without success goes on where it stopped.

use stepwell_asl::Timestamp;
use stepwell_asl::definition::Kind;

use crate::event::{Details, EventId};
use crate::execution::{Execution, FrameId, Phase, Status};
use crate::states;
use crate::step::{Stepper, Work};

/// How often an execution was redriven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Redrives {
    pub count: u32,
    /// The last redrive, in milliseconds since the epoch.
    pub last_ms: Option<i64>,
}

impl Execution {
    pub fn redrives(&self) -> Redrives {
        self.redrives
    }

    /// Puts back what the row keeps beside the execution.
    pub fn restore_redrives(&mut self, redrives: Redrives) {
        self.redrives = redrives;
        self.context_part.forget();
    }

    /// Whether [`crate::Input::Redrive`] does anything: it ended without success and its frames are there.
    pub fn is_resumable(&self) -> bool {
        let ended_badly = matches!(
            self.status,
            Status::Failed | Status::TimedOut | Status::Aborted
        );
        ended_badly && !self.frames.is_empty()
    }

    pub(crate) fn is_in_backoff(&self, id: FrameId) -> bool {
        self.frames
            .get(&id)
            .is_some_and(|frame| matches!(frame.phase, Phase::Backoff { .. }))
    }
}

impl Stepper<'_> {
    /// Opens the execution again and takes up every frame that has not ended well.
    ///
    /// AWS: results of what succeeded stay, retriers and time-outs start anew (developer guide, "Restarting state
    /// machine executions with redrive").
    pub(crate) fn redrive(&mut self, deadline: Option<Timestamp>) {
        let execution = &mut self.execution;
        let end = execution.last_event;
        execution.status = Status::Running;
        execution.error = None;
        execution.cause = None;
        execution.stopped_ms = None;
        execution.deadline_ms = deadline.map(Timestamp::as_millis);
        execution.redrives = Redrives {
            count: execution.redrives.count.saturating_add(1),
            last_ms: Some(self.now.as_millis()),
        };
        execution.context_part.forget();
        let redrive_count = execution.redrives.count;
        let redriven = self.emit(end, Details::ExecutionRedriven { redrive_count });
        let all: Vec<FrameId> = self.execution.frames.keys().copied().collect();
        for id in &all {
            self.take_up(*id, redriven);
        }
        // Inner frames have larger ids: what they join to may let the outer one end.
        for id in all.into_iter().rev() {
            self.take_up_fork(id);
        }
    }

    /// Lets a frame do again what it did when it was ended.
    fn take_up(&mut self, id: FrameId, redriven: EventId) {
        let now_ms = self.now.as_millis();
        let state = self.execution.state_of(self.execution.frame(id));
        if matches!(self.execution.frame(id).phase, Phase::Done { .. }) {
            return;
        }
        let frame = self.execution.frame_mut(id);
        frame.previous = redriven;
        frame.retries = Vec::new();
        match frame.phase {
            Phase::Branches { .. } | Phase::Iterations { .. } | Phase::Done { .. } => {}
            Phase::MapRun(_) => self.redrive_map_run(id),
            Phase::Ready => {
                frame.entered_ms = now_ms;
                self.queue.push_back(Work::Enter(id));
            }
            // AWS: a Fail state is entered again; the others go on inside the state.
            _ if matches!(state.kind, Kind::Fail(_)) => {
                frame.phase = Phase::Ready;
                frame.entered_ms = now_ms;
                self.queue.push_back(Work::Enter(id));
            }
            _ => {
                frame.phase = Phase::Backoff { until_ms: now_ms };
                self.queue.push_back(Work::Again(id));
            }
        }
    }

    /// A Parallel or Map whose frames below have all ended well is left again; a Map starts what it had not started.
    fn take_up_fork(&mut self, id: FrameId) {
        if self.execution.status != Status::Running || !self.execution.frames.contains_key(&id) {
            return;
        }
        match self.execution.frame(id).phase {
            Phase::Branches { count, finished } if count == finished => {
                states::join(self, id, Details::ParallelStateSucceeded);
            }
            Phase::Iterations {
                length, finished, ..
            } if length == finished => states::join(self, id, Details::MapStateSucceeded),
            Phase::Iterations { .. } => states::map::iterate(self, id),
            _ => {}
        }
    }
}
