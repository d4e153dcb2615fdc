//! One state under test: it runs as in an execution, and every value on its way is kept.
//!
//! No field is evaluated here: the functions that executions use do it, and note what they see.

use std::sync::{Arc, OnceLock};

use serde_json::Value;
use stepwell_asl::definition::{BlockId, Kind, StateIndex};
use stepwell_asl::{Definition, Timestamp, Variables};

use crate::event::Details;
use crate::execution::{Execution, Identity, Status};
use crate::failing::Fault;
use crate::flow::Outcome;
use crate::payload::Payload;
use crate::states;
use crate::step::{Call, Effect, Input, Stepper, Ticket, Transition, step};

/// How long a state may be tested, in seconds.
///
/// AWS: "The TestState API can run for up to five minutes", then `States.Timeout`.
pub const TEST_SECONDS_MAX: u64 = 300;

/// A value on its way through a state, named as TestState shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DataStage {
    AfterInputPath,
    AfterParameters,
    AfterArguments,
    AfterItemsPath,
    AfterItemsPointer,
    AfterItemSelector,
    AfterItemBatcher,
    Result,
    AfterResultSelector,
    AfterResultPath,
}

impl DataStage {
    const COUNT: usize = DataStage::AfterResultPath as usize + 1;
}

/// What a Map says about its iterations.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MapLimits {
    /// As the state says it: 0 where it says nothing.
    pub max_concurrency: u64,
    pub tolerated_failure_count: Option<u64>,
    pub tolerated_failure_percentage: Option<f64>,
    /// Items that the iterations or batches are made of.
    pub items: u64,
}

/// Stands in for what the state would call or run.
#[derive(Debug, Clone)]
pub enum Mock {
    Result(Payload),
    Error {
        error: Option<String>,
        cause: Option<String>,
    },
}

/// A state and everything around it that it can see.
#[derive(Debug)]
pub struct StateUnderTest {
    /// A machine of this state alone: `Definition::parse_state`, `Definition::lone_state`.
    pub definition: Arc<Definition>,
    pub identity: Identity,
    pub input: Payload,
    pub variables: Variables,
    /// The context object, whole; `None`: that of the execution which `identity` names.
    pub context: Option<Value>,
    /// `Map.Item` of that context object.
    pub map_item: Option<Value>,
    /// Retries so far by the retrier that matches.
    pub retries: u32,
    pub mock: Option<Mock>,
    /// Iterations of a Map that count as failed beside a mocked result.
    pub failed_iterations: Option<u32>,
    /// What the `ItemReader` of a Map has read, before its `ItemsPointer`; `None`: nothing was read.
    pub items_read: Option<Value>,
}

/// What a test does next.
#[derive(Debug)]
pub enum Progress {
    /// Perform this; the outcome is an [`Input`] of [`StateTest::step`].
    Calls(Box<Call>),
    /// Nothing, until [`StateTest::next_deadline`].
    Waits,
    Ended(Ending),
}

/// How a tested state ended.
#[derive(Debug, Clone)]
pub enum Ending {
    Succeeded {
        output: Payload,
        /// The state that it leads to.
        next: Option<String>,
    },
    /// A catcher took the error.
    Caught {
        output: Payload,
        next: Option<String>,
        error: Option<String>,
        cause: Option<String>,
    },
    /// A retrier would try again.
    Retriable {
        error: Option<String>,
        cause: Option<String>,
    },
    Failed {
        error: Option<String>,
        cause: Option<String>,
    },
}

/// What a state under test is given, and what its evaluation noted. Each value is noted once.
#[derive(Debug, Default)]
pub(crate) struct Inspection {
    pub(crate) context: Option<Value>,
    pub(crate) map_item: Option<Value>,
    pub(crate) variables: Variables,
    pub(crate) retries: u32,
    pub(crate) items_read: Option<Value>,
    stages: [OnceLock<Payload>; DataStage::COUNT],
    map: OnceLock<MapLimits>,
    fault: OnceLock<Fault>,
    retrier: OnceLock<usize>,
    backoff_ms: OnceLock<i64>,
    catcher: OnceLock<usize>,
    left: OnceLock<Left>,
}

/// How the state was left.
#[derive(Debug)]
struct Left {
    output: Payload,
    assigned: Vec<(String, Value)>,
    next: Option<StateIndex>,
}

impl Inspection {
    pub(crate) fn note(&self, stage: DataStage, payload: &Payload) {
        // A field may be evaluated twice on the way, to the same value.
        let _ = self.stages[stage as usize].set(payload.clone());
    }

    pub(crate) fn note_map(&self, limits: MapLimits) {
        let _ = self.map.set(limits);
    }

    /// The first fault is the state's own.
    pub(crate) fn note_fault(&self, fault: &Fault) {
        let _ = self.fault.set(fault.clone());
    }

    pub(crate) fn note_retrier(&self, index: usize, backoff_ms: Option<i64>) {
        let _ = self.retrier.set(index);
        if let Some(backoff_ms) = backoff_ms {
            let _ = self.backoff_ms.set(backoff_ms);
        }
    }

    pub(crate) fn note_catcher(&self, index: usize) {
        let _ = self.catcher.set(index);
    }

    /// The state is left; a test ends here.
    pub(crate) fn leave(&self, outcome: Outcome, next: Option<StateIndex>) {
        let _ = self.left.set(Left {
            output: outcome.output,
            assigned: outcome.assigned,
            next,
        });
    }
}

/// One state under test.
#[derive(Debug)]
pub struct StateTest {
    execution: Execution,
    inspection: Arc<Inspection>,
    mock: Option<Mock>,
    failed_iterations: Option<u32>,
}

impl StateTest {
    /// A test before its start.
    pub fn new(state: StateUnderTest) -> StateTest {
        let inspection = Arc::new(Inspection {
            context: state.context,
            map_item: state.map_item,
            variables: state.variables,
            retries: state.retries,
            items_read: state.items_read,
            ..Inspection::default()
        });
        let mut execution = Execution::new(
            state.identity,
            state.definition,
            state.input,
            Some(TEST_SECONDS_MAX),
        );
        execution.inspection = Some(Arc::clone(&inspection));
        StateTest {
            execution,
            inspection,
            mock: state.mock,
            failed_iterations: state.failed_iterations,
        }
    }

    /// Enters the state.
    pub fn start(&mut self, now: Timestamp) -> Progress {
        self.step(now, Input::Start)
    }

    /// Goes on with what the world has to say, as an execution does.
    ///
    /// - A state that fails ends the test, even where a retrier would try it again.
    pub fn step(&mut self, now: Timestamp, input: Input) -> Progress {
        let transition = step(&mut self.execution, now, input);
        if let Some(ending) = self.ending() {
            return Progress::Ended(ending);
        }
        let call = call_of(transition);
        match (self.mock.take(), call) {
            (None, Some(call)) => Progress::Calls(call),
            (None, None) => Progress::Waits,
            (Some(mock), Some(call)) => self.step(now, mocked_outcome(mock, call.ticket)),
            (Some(mock), None) => {
                self.end_fork(now, mock);
                self.ending().map_or(Progress::Waits, Progress::Ended)
            }
        }
    }

    /// When the test goes on by itself, with [`Input::Due`].
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.execution.next_deadline()
    }

    /// The role that the state's calls are made with; empty where the test names none.
    pub fn role_arn(&self) -> &str {
        &self.execution.identity.role_arn
    }

    /// The input as it was given.
    pub fn input(&self) -> &Payload {
        self.execution.input().payload()
    }

    /// The value at `stage`; `None` if the state did not get there or has no such stage.
    pub fn stage(&self, stage: DataStage) -> Option<&Payload> {
        self.inspection.stages[stage as usize].get()
    }

    /// What the Map under test says about its iterations.
    pub fn map_limits(&self) -> Option<MapLimits> {
        self.inspection.map.get().copied()
    }

    /// The variables after the state: those it was given and those it assigned.
    pub fn variables(&self) -> Variables {
        let mut variables = self.inspection.variables.clone();
        if let Some(left) = self.inspection.left.get() {
            variables.extend(left.assigned.iter().cloned());
        }
        variables
    }

    /// Index of the retrier whose `ErrorEquals` names the error, spent or not.
    pub fn retry_index(&self) -> Option<usize> {
        self.inspection.retrier.get().copied()
    }

    /// Milliseconds until that retrier would try again; `None` if it would not.
    pub fn retry_backoff_ms(&self) -> Option<i64> {
        self.inspection.backoff_ms.get().copied()
    }

    /// Index of the catcher that took the error.
    pub fn catch_index(&self) -> Option<usize> {
        self.inspection.catcher.get().copied()
    }

    fn ending(&self) -> Option<Ending> {
        let fault = self.inspection.fault.get();
        let error = fault.and_then(Fault::error_name);
        let cause = fault.and_then(|fault| fault.cause.clone());
        if self.execution.status() != Status::Running {
            let timeout = || Some("States.Timeout".to_string());
            let has_timed_out = self.execution.status() == Status::TimedOut;
            return Some(Ending::Failed {
                error: match self.execution.error() {
                    None if has_timed_out => timeout(),
                    error => error.map(str::to_string),
                },
                cause: self.execution.cause().map(str::to_string),
            });
        }
        if let Some(left) = self.inspection.left.get() {
            let output = left.output.clone();
            let next = left.next.map(|next| self.state_name(next));
            return Some(match self.catch_index() {
                None => Ending::Succeeded { output, next },
                Some(_) => Ending::Caught {
                    output,
                    next,
                    error,
                    cause,
                },
            });
        }
        self.retry_backoff_ms()
            .map(|_| Ending::Retriable { error, cause })
    }

    fn state_name(&self, index: StateIndex) -> String {
        let definition = self.execution.definition();
        definition.state(BlockId::ROOT, index).name.to_string()
    }

    /// The branches or iterations of the state end as `mock` says.
    fn end_fork(&mut self, now: Timestamp, mock: Mock) {
        let Some(id) = self.execution.frames().keys().next().copied() else {
            return;
        };
        let exceeds = self.exceeds_tolerated_failures();
        let state = self.execution.state_of(self.execution.frame(id));
        let succeeded = match state.kind {
            Kind::Map(_) => Details::MapStateSucceeded,
            _ => Details::ParallelStateSucceeded,
        };
        let mut stepper = Stepper::new(&mut self.execution, now);
        match mock {
            Mock::Result(_) if exceeds => {
                stepper.state_failed(id, Fault::too_many_failures());
            }
            Mock::Result(result) => states::leave_joined(&mut stepper, id, result, succeeded),
            Mock::Error { error, cause } => {
                stepper.state_failed(id, Fault::of_task(error, cause));
            }
        }
    }

    /// AWS: a Map that tolerates no failures in so many words tolerates any (recorded with
    /// `mapIterationFailureCount` and neither `ToleratedFailureCount` nor `ToleratedFailurePercentage`).
    fn exceeds_tolerated_failures(&self) -> bool {
        let (Some(failed), Some(limits)) = (self.failed_iterations, self.map_limits()) else {
            return false;
        };
        let percentage = 100.0 * f64::from(failed) / limits.items.max(1) as f64;
        limits
            .tolerated_failure_count
            .is_some_and(|tolerated| u64::from(failed) > tolerated)
            || limits
                .tolerated_failure_percentage
                .is_some_and(|tolerated| percentage > tolerated)
    }
}

fn call_of(transition: Transition) -> Option<Box<Call>> {
    let mut effects = transition.effects.into_iter();
    effects.find_map(|effect| match effect {
        Effect::Call(call) => Some(call),
        // A Map under test starts no run, and nothing that was called is waited for any more.
        _ => None,
    })
}

fn mocked_outcome(mock: Mock, ticket: Ticket) -> Input {
    match mock {
        Mock::Result(output) => Input::Succeeded { ticket, output },
        Mock::Error { error, cause } => Input::Failed {
            ticket,
            error,
            cause,
        },
    }
}
