//! One transition: an input comes in, events and effects come out.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use stepwell_asl::definition::{BlockId, Pattern};
use stepwell_asl::{Entropy, Timestamp};

use crate::event::{Details, Event, EventId, body_of};
use crate::execution::{
    Execution, Frame, FrameId, HISTORY_EVENTS_MAX, Mode, Phase, Place, Stage, Status,
};
use crate::map_run::MapRunStart;
use crate::payload::{Payload, Slot};
use crate::states;
use crate::text::{CAUSE_CHARS_MAX, ERROR_CHARS_MAX, cut};

/// Pieces of work done in one step before the rest is left for the next.
///
/// A definition may loop for ever without waiting; a step may not, and other executions wait for it.
const WORK_PER_STEP_MAX: usize = 512;

/// Bytes of payloads that one step may store before the rest is left for the next: all events of a step
/// become durable together, and a batch has a largest size.
const BYTES_PER_STEP_GOAL: usize = 16 << 20;

/// What comes in.
#[derive(Debug, Clone)]
pub enum Input {
    /// The execution begins.
    Start,
    /// The instant of [`Execution::next_deadline`] has come; harmless when it has not.
    Due,
    /// The call of a `.waitForTaskToken` or `.sync` task has returned with `output`; the task goes on.
    Submitted { ticket: Ticket, output: Payload },
    /// A task ended well.
    Succeeded { ticket: Ticket, output: Payload },
    /// A task failed with a language error.
    Failed {
        ticket: Ticket,
        error: Option<String>,
        cause: Option<String>,
    },
    /// A worker took an activity task.
    Taken {
        ticket: Ticket,
        worker_name: Option<String>,
    },
    /// A heartbeat of the task's worker.
    Heartbeat { ticket: Ticket },
    /// StopExecution.
    Stop {
        error: Option<String>,
        cause: Option<String>,
    },
    /// The execution cannot go on for a reason outside its definition.
    Fail {
        error: Option<String>,
        cause: Option<String>,
    },
    /// RedriveExecution: an execution that ended without success goes on where it stopped.
    Redrive {
        /// When the execution times out from now on.
        deadline: Option<Timestamp>,
    },
    /// All child executions of a map run have ended, and few enough of them badly.
    MapRunSucceeded {
        ticket: Ticket,
        /// `None`: the results are larger than a state's output may be.
        output: Option<Payload>,
    },
    /// A map run has failed.
    MapRunFailed {
        ticket: Ticket,
        error: String,
        cause: Option<String>,
    },
}

/// Names one attempt of one task of an execution. A ticket whose attempt is no longer open changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ticket {
    pub frame: FrameId,
    pub attempt: u32,
}

/// What must be done once the events are durable.
#[derive(Debug, Clone)]
pub enum Effect {
    /// Perform a task.
    Call(Box<Call>),
    /// Nobody waits for this attempt any more; its performer may stop.
    Cancel(Ticket),
    /// Start child executions for the items of a Distributed Map.
    StartMapRun(Box<MapRunStart>),
    /// Nobody waits for this map run any more; its child executions are to be aborted.
    StopMapRun(Ticket),
    /// A map run that ended goes on under another ticket: children without success are run again.
    RedriveMapRun { before: Ticket, ticket: Ticket },
}

/// A task to perform.
#[derive(Debug, Clone)]
pub struct Call {
    pub ticket: Ticket,
    /// Function ARN, activity ARN, or `arn:aws:states:::service:action` with its pattern.
    pub resource: String,
    pub pattern: CallPattern,
    /// The task's input: the payload of a function, the parameters of an integration.
    pub input: Payload,
    /// The task token, where the resource has one.
    pub token: Option<String>,
    /// Seconds after which the attempt times out.
    pub timeout_seconds: Option<u64>,
}

/// How a call's result completes its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallPattern {
    /// A function ARN: the result is the payload.
    Function,
    /// An activity: a worker polls for it.
    Activity,
    /// An integration with this pattern.
    Integration(Pattern),
}

/// Both results of one step. Persist `events`, then perform `effects`.
#[derive(Debug, Default)]
pub struct Transition {
    pub events: Vec<Event>,
    pub effects: Vec<Effect>,
}

/// Applies `input` at `now`.
///
/// - Late inputs (a closed execution, an attempt that is no longer open) change nothing and return nothing.
/// - Deterministic: the same execution, `now` and `input` give the same result.
/// - After a step, [`Execution::take_changes`] names the frame rows to write.
pub fn step(execution: &mut Execution, now: Timestamp, input: Input) -> Transition {
    let is_taken = match input {
        Input::Redrive { .. } => execution.is_resumable(),
        _ => execution.status == Status::Running,
    };
    if !is_taken {
        return Transition::default();
    }
    let mut stepper = Stepper::new(execution, now);
    stepper.accept(input);
    stepper.run();
    stepper.transition
}

/// Work that a step has still to do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// Enter the frame's state and do what it does.
    Enter(FrameId),
    /// Hand a scheduled task to its performer.
    StartTask(FrameId),
    /// Do once more what the state of a frame in backoff does.
    Again(FrameId),
}

/// One step in progress.
pub(crate) struct Stepper<'e> {
    pub(crate) execution: &'e mut Execution,
    pub(crate) now: Timestamp,
    pub(crate) transition: Transition,
    pub(crate) queue: VecDeque<Work>,
    /// Calls of tasks that are scheduled and not started: a task aborted before its start is never called.
    pub(crate) scheduled: BTreeMap<FrameId, Box<Call>>,
    stored_bytes: usize,
}

impl<'e> Stepper<'e> {
    pub(crate) fn new(execution: &'e mut Execution, now: Timestamp) -> Stepper<'e> {
        Stepper {
            execution,
            now,
            transition: Transition::default(),
            queue: VecDeque::new(),
            scheduled: BTreeMap::new(),
            stored_bytes: 0,
        }
    }
}

impl Stepper<'_> {
    fn accept(&mut self, input: Input) {
        match input {
            Input::Start => self.start(),
            Input::Due => self.due(),
            Input::Submitted { ticket, output } => {
                if self.open(ticket) == Some(Stage::Started) {
                    states::task::submitted(self, ticket.frame, &output);
                }
            }
            Input::Succeeded { ticket, output } => {
                if self.open(ticket).is_some() {
                    states::task::succeeded(self, ticket.frame, output);
                }
            }
            Input::Failed {
                ticket,
                error,
                cause,
            } => {
                if self.open(ticket).is_some() {
                    let (error, cause) = (cut(error, ERROR_CHARS_MAX), cut(cause, CAUSE_CHARS_MAX));
                    states::task::failed(self, ticket.frame, error, cause);
                }
            }
            Input::Taken {
                ticket,
                worker_name,
            } => {
                if self.open(ticket) == Some(Stage::Started) {
                    states::task::taken(self, ticket.frame, worker_name);
                }
            }
            Input::Heartbeat { ticket } => {
                if self.open(ticket).is_some() {
                    states::task::heartbeat(self, ticket.frame);
                }
            }
            Input::Redrive { deadline } => self.redrive(deadline),
            Input::MapRunSucceeded { ticket, output } => {
                states::distributed::succeeded(self, ticket, output)
            }
            Input::MapRunFailed {
                ticket,
                error,
                cause,
            } => states::distributed::failed(self, ticket, error, cause),
            Input::Fail { error, cause } => {
                let previous = self.execution.last_event;
                self.fail(error, cause, previous);
            }
            Input::Stop { error, cause } => {
                let details = Details::ExecutionAborted {
                    error: error.clone(),
                    cause: cause.clone(),
                };
                self.abort_map_runs();
                // AWS: the end of a stopped execution has no predecessor (recorded: test_stop_execution).
                self.emit(EventId::NONE, details);
                self.close(Status::Aborted, error, cause, self.now);
            }
        }
    }

    /// The stage of the ticket's attempt, if that attempt is still open.
    fn open(&self, ticket: Ticket) -> Option<Stage> {
        match &self.execution.frames.get(&ticket.frame)?.phase {
            Phase::Calling(attempt)
                if attempt.number == ticket.attempt && attempt.stage != Stage::Closed =>
            {
                Some(attempt.stage)
            }
            _ => None,
        }
    }

    fn start(&mut self) {
        if self.execution.last_event != EventId::NONE {
            return;
        }
        let id = self.next_id();
        let input = body_of(&mut self.execution.input, id);
        self.emit(EventId::NONE, Details::ExecutionStarted { input });
        let input = self.execution.input.clone();
        // AWS: the first state entered has 0 as its predecessor, not the start.
        self.open_frame(None, Place::Root, BlockId::ROOT, input, EventId::NONE);
    }

    fn due(&mut self) {
        let now_ms = self.now.as_millis();
        if self
            .execution
            .deadline_ms
            .is_some_and(|deadline| deadline <= now_ms)
        {
            self.time_out();
            return;
        }
        let is_due = |frame: &&Frame| {
            frame
                .deadline_ms()
                .is_some_and(|deadline| deadline <= now_ms)
        };
        let due: Vec<FrameId> = self
            .execution
            .frames
            .values()
            .filter(is_due)
            .map(|frame| frame.id)
            .collect();
        let mut timed_out = Vec::new();
        for id in due {
            // A frame that came due can be gone by now: a sibling's failure aborts it.
            let Some(frame) = self.execution.frames.get(&id) else {
                continue;
            };
            match &frame.phase {
                Phase::Waiting { .. } => states::wait::over(self, id),
                Phase::Backoff { .. } => states::again(self, id),
                Phase::Calling(_) => {
                    timed_out.extend(states::task::timed_out(self, id).map(|fault| (id, fault)))
                }
                Phase::Ready => self.queue.push_back(Work::Enter(id)),
                Phase::Branches { .. }
                | Phase::Iterations { .. }
                | Phase::Done { .. }
                | Phase::Entered
                | Phase::MapRun(_) => {}
            }
            if self.execution.status != Status::Running {
                return;
            }
        }
        for (id, fault) in timed_out {
            if self.execution.frames.contains_key(&id) {
                self.state_failed(id, fault);
            }
        }
    }

    fn time_out(&mut self) {
        let deadline = self
            .execution
            .deadline_ms
            .expect("a machine that times out has a deadline");
        let error = Some("States.Timeout".to_string());
        self.abort_map_runs();
        self.emit(
            EventId::NONE,
            Details::ExecutionTimedOut { error, cause: None },
        );
        // AWS: the stop date is the start plus TimeoutSeconds exactly, and Describe shows no error.
        self.close(
            Status::TimedOut,
            None,
            None,
            Timestamp::from_millis(deadline),
        );
    }

    fn run(&mut self) {
        let mut budget = WORK_PER_STEP_MAX;
        while let Some(work) = self.queue.pop_front() {
            if self.execution.status != Status::Running {
                return;
            }
            match work {
                // What a step has no room for stays `Ready`, or in backoff, in its frame and is due at once.
                Work::Enter(_) | Work::Again(_)
                    if budget == 0 || self.stored_bytes >= BYTES_PER_STEP_GOAL =>
                {
                    continue;
                }
                Work::Again(id) if self.execution.is_in_backoff(id) => states::again(self, id),
                Work::Enter(id) if self.execution.frames.contains_key(&id) => {
                    states::enter(self, id)
                }
                Work::StartTask(id) if self.execution.frames.contains_key(&id) => {
                    states::task::start(self, id)
                }
                _ => continue,
            }
            budget = budget.saturating_sub(1);
        }
    }

    /// Id that the next event will have.
    pub(crate) fn next_id(&self) -> EventId {
        EventId(self.execution.last_event.0 + 1)
    }

    /// Appends an event; returns its id.
    ///
    /// AWS: event 25,000 of a Standard execution is its end, whatever it was going to be.
    pub(crate) fn emit(&mut self, previous: EventId, details: Details) -> EventId {
        let id = self.next_id();
        if self.execution.status != Status::Running {
            return self.execution.last_event;
        }
        let full = self.execution.identity.mode == Mode::Standard && id.0 >= HISTORY_EVENTS_MAX;
        if full && !details.is_terminal() {
            let error = Some("States.Runtime".to_string());
            let cause = Some(format!(
                "The execution reached the maximum number of history events ({HISTORY_EVENTS_MAX})."
            ));
            self.push(
                id,
                previous,
                Details::ExecutionFailed {
                    error: error.clone(),
                    cause: cause.clone(),
                },
            );
            self.close(Status::Failed, error, cause, self.now);
            return id;
        }
        self.push(id, previous, details);
        id
    }

    fn push(&mut self, id: EventId, previous: EventId, details: Details) {
        self.execution.last_event = id;
        self.stored_bytes += details.stored_bytes();
        self.transition.events.push(Event {
            id,
            previous,
            timestamp_ms: self.now.as_millis(),
            details,
        });
    }

    /// Appends an event to a frame's own chain.
    pub(crate) fn emit_in(&mut self, frame: FrameId, details: Details) -> EventId {
        let previous = self.execution.frame(frame).previous;
        let id = self.emit(previous, details);
        if self.execution.frames.contains_key(&frame) {
            self.execution.frame_mut(frame).previous = id;
        }
        id
    }

    /// Adds a frame that is about to enter the first state of `block`.
    pub(crate) fn open_frame(
        &mut self,
        parent: Option<FrameId>,
        place: Place,
        block: BlockId,
        input: Slot,
        previous: EventId,
    ) -> FrameId {
        let id = FrameId(self.execution.next_frame);
        let state = self.execution.definition().block(block).start_at;
        self.execution.add_frame(Frame {
            id,
            parent,
            place,
            block,
            state,
            input,
            entered: EventId::NONE,
            before: previous,
            previous,
            entered_ms: self.now.as_millis(),
            retries: Vec::new(),
            attempts: 0,
            phase: Phase::Ready,
            variables: Default::default(),
            variable_bytes: 0,
            items: None,
            selected: None,
        });
        self.queue.push_back(Work::Enter(id));
        id
    }

    /// The execution has succeeded with `output`, after the event `previous`.
    pub(crate) fn succeed(&mut self, mut output: Slot, previous: EventId) {
        let id = self.next_id();
        let body = body_of(&mut output, id);
        self.emit(previous, Details::ExecutionSucceeded { output: body });
        self.execution.output = Some(output);
        self.close(Status::Succeeded, None, None, self.now);
    }

    /// The execution has failed, after the event `previous`.
    pub(crate) fn fail(&mut self, error: Option<String>, cause: Option<String>, previous: EventId) {
        let details = Details::ExecutionFailed {
            error: error.clone(),
            cause: cause.clone(),
        };
        self.emit(previous, details);
        self.close(Status::Failed, error, cause, self.now);
    }

    fn close(
        &mut self,
        status: Status,
        error: Option<String>,
        cause: Option<String>,
        stopped: Timestamp,
    ) {
        if self.execution.status != Status::Running {
            return;
        }
        self.execution.status = status;
        self.execution.error = error;
        self.execution.cause = cause;
        self.execution.stopped_ms = Some(stopped.as_millis());
        self.queue.clear();
        let may_be_redriven =
            status != Status::Succeeded && self.execution.identity.mode == Mode::Standard;
        let all: Vec<FrameId> = self.execution.frames.keys().copied().collect();
        for id in all {
            if may_be_redriven {
                self.halt_frame(id);
            } else {
                self.drop_frame(id);
            }
        }
    }

    /// Entropy for evaluations that belong to the next event.
    pub(crate) fn entropy(&self) -> Entropy {
        Entropy::derive(&self.execution.identity.seed, self.next_id().0)
    }
}
