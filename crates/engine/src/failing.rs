//! A state has failed: retry it, catch the error, or pass the failure on.

use serde_json::json;
use stepwell_asl::definition::{Flow, Kind, Template};
use stepwell_asl::{Failure, Scope};

use crate::event::{Details, EventId};
use crate::execution::{Frame, FrameId, Phase, Place, Status};
use crate::flow::{self, Outcome, Sight};
use crate::payload::Payload;
use crate::retry;
use crate::states;
use crate::step::Stepper;
use crate::text::{CAUSE_CHARS_MAX, shorten};

/// A language error on its way through retriers and catchers.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) error: String,
    pub(crate) cause: Option<String>,
    /// A Fail state without `Error` fails with none.
    pub(crate) unnamed: bool,
    /// No retrier and no catcher may see it.
    pub(crate) is_fatal: bool,
    /// Raised by a task (or by states inside a Parallel or Map), so that `States.TaskFailed` matches.
    pub(crate) of_task: bool,
    pub(crate) missed_heartbeat: bool,
}

impl Fault {
    /// A task's failure.
    pub(crate) fn of_task(error: Option<String>, cause: Option<String>) -> Fault {
        Fault {
            unnamed: error.is_none(),
            error: error.unwrap_or_default(),
            cause,
            is_fatal: false,
            of_task: true,
            missed_heartbeat: false,
        }
    }

    /// A missed `TimeoutSeconds` or `HeartbeatSeconds`.
    pub(crate) fn timeout(missed_heartbeat: bool) -> Fault {
        Fault {
            missed_heartbeat,
            ..Fault::of_task(Some("States.Timeout".to_string()), None)
        }
    }

    /// A Map of which more iterations failed than it tolerates.
    pub(crate) fn too_many_failures() -> Fault {
        Fault::of_task(
            Some("States.ExceedToleratedFailureThreshold".to_string()),
            Some("The specified tolerated failure threshold was exceeded".to_string()),
        )
    }

    pub(crate) fn error_name(&self) -> Option<String> {
        (!self.unnamed).then(|| self.error.clone())
    }
}

impl Stepper<'_> {
    /// An evaluation of the frame's state failed.
    ///
    /// AWS: a JSONata failure writes `EvaluationFailed`; its predecessor is the state's own predecessor
    /// as long as the state has done nothing but being entered.
    pub(crate) fn evaluation_failed(&mut self, id: FrameId, failure: Failure) {
        let frame = self.execution.frame(id);
        let previous = if frame.previous == frame.entered {
            frame.before
        } else {
            frame.previous
        };
        self.failed_after(previous, id, failure);
    }

    /// What the frame's state does failed, after its fields were evaluated.
    pub(crate) fn work_failed(&mut self, id: FrameId, failure: Failure) {
        let previous = self.execution.frame(id).previous;
        self.failed_after(previous, id, failure);
    }

    fn failed_after(&mut self, previous: EventId, id: FrameId, failure: Failure) {
        match self.evaluation_fault(previous, id, failure) {
            // AWS: a runtime error of a Map's own fields ends the execution without `MapStateFailed` (recorded
            // for `ToleratedFailureCountPath`).
            Some(fault) if fault.is_fatal => self.frame_failed(id, fault),
            Some(fault) => self.state_failed(id, fault),
            None => {}
        }
    }

    /// The fault of a failed evaluation; a JSONata failure writes its event after `previous`.
    ///
    /// - `None`: that event was the history's last, and the execution is over.
    fn evaluation_fault(
        &mut self,
        previous: EventId,
        id: FrameId,
        failure: Failure,
    ) -> Option<Fault> {
        let frame = self.execution.frame(id);
        let state = self.execution.state_of(frame);
        let mut cause = format!(
            "An error occurred while executing the state '{}' (entered at the event id #{}). {}",
            state.name, frame.entered.0, failure.cause
        );
        // A cause can quote the whole input.
        shorten(&mut cause, CAUSE_CHARS_MAX);
        let is_query = failure.error == "States.QueryEvaluationError";
        if is_query {
            let details = Details::EvaluationFailed {
                error: failure.error.to_string(),
                cause: cause.clone(),
                location: failure.location,
                state: state.name.to_string(),
            };
            let event = self.emit(previous, details);
            if self.execution.status != Status::Running {
                return None;
            }
            self.execution.frame_mut(id).previous = event;
        }
        Some(Fault {
            error: failure.error.to_string(),
            cause: Some(cause),
            unnamed: false,
            is_fatal: !is_query,
            of_task: is_query,
            missed_heartbeat: false,
        })
    }

    /// The state's own output is over the limit: nothing catches that.
    ///
    /// AWS: quota of 256 KiB; a task's result over it is caught by States.ALL, a state's output is not.
    pub(crate) fn output_too_large(&mut self, id: FrameId) {
        let state = self.execution.state_of(self.execution.frame(id));
        let cause = format!(
            "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
            state.name
        );
        self.data_limit_exceeded(id, cause);
    }

    /// What the state was about to hand to its task, branch or iteration is over the limit.
    pub(crate) fn input_too_large(&mut self, id: FrameId) {
        let state = self.execution.state_of(self.execution.frame(id));
        self.data_limit_exceeded(
            id,
            format!(
                "The state '{}' produced an input with a size exceeding the maximum number of bytes service limit.",
                state.name
            ),
        );
    }

    /// The state asks for something that Stepwell does not do: nothing catches that.
    pub(crate) fn refused(&mut self, id: FrameId, cause: String) {
        let fault = Fault::of_task(Some("States.Runtime".to_string()), Some(cause));
        self.frame_failed(id, fault);
    }

    /// A data limit that nothing catches.
    pub(crate) fn data_limit_exceeded(&mut self, id: FrameId, cause: String) {
        let fault = Fault {
            is_fatal: true,
            ..Fault::of_task(Some("States.DataLimitExceeded".to_string()), Some(cause))
        };
        self.state_failed(id, fault);
    }

    /// The frame's state has failed with `fault`; its newest event says so already where AWS has one.
    pub(crate) fn state_failed(&mut self, id: FrameId, fault: Fault) {
        if let Some(inspection) = &self.execution.inspection {
            inspection.note_fault(&fault);
        }
        if self.execution.status != Status::Running || self.retry_later(id, &fault) {
            return;
        }
        let state = self.execution.state_of(self.execution.frame(id));
        match state.kind {
            Kind::Parallel(_) => {
                self.emit_in(id, Details::ParallelStateFailed);
            }
            Kind::Map(_) => {
                self.emit_in(id, Details::MapStateFailed);
            }
            _ => {}
        }
        if self.execution.status != Status::Running {
            return;
        }
        match retry::first_match(
            state.catch.iter().map(|catcher| &catcher.error_equals),
            &fault,
        ) {
            Some(index) => {
                if let Some(inspection) = &self.execution.inspection {
                    inspection.note_catcher(index);
                }
                self.catch(id, index, &fault);
            }
            None => self.frame_failed(id, fault),
        }
    }

    /// Whether a retrier takes the fault; if so the frame waits for its next attempt.
    fn retry_later(&mut self, id: FrameId, fault: &Fault) -> bool {
        let state = self.execution.state_of(self.execution.frame(id));
        let Some(index) = retry::first_match(
            state.retry.iter().map(|retrier| &retrier.error_equals),
            fault,
        ) else {
            return false;
        };
        let frame = self.execution.frame(id);
        let inspection = self.execution.inspection.as_deref();
        let spent = match inspection {
            Some(inspection) => inspection.retries,
            None => frame.retries.get(index).copied().unwrap_or(0),
        };
        let delay_ms = retry::backoff_ms(&state.retry[index], spent, &self.entropy());
        if let Some(inspection) = inspection {
            inspection.note_retrier(index, delay_ms);
        }
        let Some(delay_ms) = delay_ms else {
            return false;
        };
        let until_ms = self.now.as_millis().saturating_add(delay_ms);
        // A retried Parallel or Map starts with fresh branches or iterations.
        self.drop_children(id);
        let frame = self.execution.frame_mut(id);
        frame.retries.resize(state.retry.len(), 0);
        frame.retries[index] = spent + 1;
        frame.phase = Phase::Backoff { until_ms };
        frame.items = None;
        true
    }

    fn catch(&mut self, id: FrameId, index: usize, fault: &Fault) {
        let state = self.execution.state_of(self.execution.frame(id));
        let catcher = &state.catch[index];
        // AWS: a fault without a cause is shown with an empty one (recorded: a caught States.Timeout).
        let error_output =
            json!({ "Error": fault.error, "Cause": fault.cause.as_deref().unwrap_or("") });
        let raw = self.execution.frame(id).input.payload().clone();
        let sight = Sight::new(self.execution, id, self.now, None);
        let outcome = match &state.flow {
            Flow::JsonPath(_) => {
                let assigned = match &catcher.assign {
                    Some(Template::JsonPath(template)) => template
                        .evaluate(&sight.scope(&error_output))
                        .map(flow::assignments),
                    _ => Ok(Vec::new()),
                };
                // AWS: the state's OutputPath does not apply to a caught error.
                let output = flow::place(
                    &catcher.result_path,
                    &raw,
                    Payload::from_value(error_output.clone()),
                );
                assigned.and_then(|assigned| output.map(|output| Outcome { output, assigned }))
            }
            Flow::Jsonata(_) => {
                let scope = Scope {
                    error_output: Some(&error_output),
                    ..sight.scope(raw.value())
                };
                let assign = match &catcher.assign {
                    Some(Template::Jsonata(template)) => Some(template),
                    _ => None,
                };
                let fallback = Payload::from_value(error_output.clone());
                let prefix =
                    |failure: Failure| flow::located_in(failure, &format!("Catch[{index}]"));
                flow::jsonata_outcome(catcher.output.as_ref(), assign, &fallback, &scope)
                    .map_err(prefix)
            }
        };
        let next = catcher.next;
        match outcome {
            Ok(outcome) => {
                self.drop_children(id);
                states::exit(self, id, outcome, Some(next));
            }
            Err(failure) => self.catcher_failed(id, failure),
        }
    }

    /// A catcher's own expressions failed: nothing of this state catches that.
    fn catcher_failed(&mut self, id: FrameId, failure: Failure) {
        let previous = self.execution.frame(id).previous;
        if let Some(fault) = self.evaluation_fault(previous, id, failure) {
            self.frame_failed(id, fault);
        }
    }

    /// Nothing in the frame handles the fault: its parent fails with it, or the execution does.
    fn frame_failed(&mut self, id: FrameId, fault: Fault) {
        let frame = self.execution.frame(id);
        let (place, parent, origin) = (frame.place, frame.parent, frame.previous);
        let Some(parent) = parent else {
            self.fail(fault.error_name(), fault.cause, origin);
            return;
        };
        let name = self
            .execution
            .state_of(self.execution.frame(parent))
            .name
            .clone();
        if let Place::Iteration(index) = place {
            let index = u64::from(index);
            self.emit(
                origin,
                Details::MapIterationFailed {
                    name: name.clone(),
                    index,
                },
            );
        }
        self.abort_below(parent, id, &name, origin);
        if self.execution.status != Status::Running {
            return;
        }
        self.execution.frame_mut(parent).previous = origin;
        self.state_failed(
            parent,
            Fault {
                of_task: true,
                ..fault
            },
        );
    }

    /// Ends every frame below `parent`, without removing it, because `failed`, one of them, has failed at the event `origin`.
    ///
    /// AWS (recorded: a Map whose tasks time out together): the failed iteration comes first, a Task state
    /// that was never left is aborted even where it is the one that failed, and all events have the failing
    /// event as their predecessor.
    fn abort_below(&mut self, parent: FrameId, failed: FrameId, name: &str, origin: EventId) {
        let mut children = self.execution.children(parent);
        children.retain(|child| *child != failed);
        children.insert(0, failed);
        self.abort_children(children, Some(failed), name, origin);
    }

    /// Ends every frame below a Map whose next iteration cannot be started.
    pub(crate) fn abort_iterations(&mut self, parent: FrameId, name: &str) {
        let origin = self.execution.frame(parent).previous;
        let children = self.execution.children(parent);
        self.abort_children(children, None, name, origin);
    }

    fn abort_children(
        &mut self,
        children: Vec<FrameId>,
        failed: Option<FrameId>,
        name: &str,
        origin: EventId,
    ) {
        for child in children {
            let Some(frame) = self.execution.frames.get(&child) else {
                continue;
            };
            let place = frame.place;
            if let (Place::Iteration(index), false, true) = (
                place,
                Some(child) == failed,
                !matches!(frame.phase, Phase::Done { .. }),
            ) {
                let index = u64::from(index);
                self.emit(
                    origin,
                    Details::MapIterationAborted {
                        name: name.into(),
                        index,
                    },
                );
            }
            self.abort_frame(child, Some(child) == failed, origin);
        }
    }

    fn abort_frame(&mut self, id: FrameId, has_failed: bool, origin: EventId) {
        let Some(frame) = self.execution.frames.get(&id) else {
            return;
        };
        let state = self.execution.state_of(frame);
        let is_done = matches!(frame.phase, Phase::Done { .. });
        let was_entered = frame.entered != EventId::NONE && !matches!(frame.phase, Phase::Ready);
        if !is_done && (was_entered || has_failed) {
            match state.kind {
                Kind::Task(_) => {
                    self.emit(origin, Details::TaskStateAborted);
                }
                Kind::Wait(_) if !has_failed => {
                    self.emit(origin, Details::WaitStateAborted);
                }
                Kind::Parallel(_) if !has_failed => {
                    self.emit(origin, Details::ParallelStateAborted);
                }
                Kind::Map(_) if !has_failed => {
                    if frame.open_map_run().is_some() {
                        self.emit(origin, Details::MapRunAborted);
                    }
                    self.emit(origin, Details::MapStateAborted);
                }
                _ => {}
            }
        }
        // What is below a state that failed has been ended already.
        if !has_failed && self.execution.frames.get(&id).is_some_and(Frame::is_fork) {
            for child in self.execution.children(id) {
                self.abort_frame(child, false, origin);
            }
        }
        self.halt_frame(id);
    }
}
