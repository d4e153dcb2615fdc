//! From what is committed and invoked to the segments that AWS's services emit.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};
use stepwell_service::{Body, Details, EventId, ExecutionFacts, StateKind, is_sampled, segment_id};
use stepwell_telemetry::{
    Callee, ExecutionTrace, Failing, InvocationOutcome, Segment, SegmentId, TraceHeader,
    TracedExecution, TracedInvocation, What, invocation_segments,
};

use crate::observers::{InvocationReport, Outcome};
use crate::shard::Handle;
use crate::trace_notes::Transition;

/// Executions that are open and traced, in memory. One more, and its trace is left out and counted.
const OPEN_MAX: usize = 10_000;

/// An execution that is open is written at most this often while nobody asks.
const EMIT_EVERY: Duration = Duration::from_secs(1);

/// A Standard execution in which nothing happened for this long leaves memory; its history brings it back.
const IDLE: Duration = Duration::from_secs(60);

/// An Express execution has ended by then. AWS: it takes at most five minutes; its end may have found no room.
const EXPRESS_IDLE: Duration = Duration::from_secs(6 * 60);

/// Parameters of a task that are longer are not searched for what is called.
const PARAMETERS_BYTES_MAX: usize = 16 << 10;

/// Whether an execution is one whose trace is kept.
///
/// AWS: children of a Distributed Map have none.
pub(crate) fn is_emitted(execution: &ExecutionFacts) -> bool {
    execution.map_run.is_none() && execution.trace_header.as_deref().is_some_and(is_sampled)
}

/// Whether an invocation has segments.
pub(crate) fn is_segment_of(report: &InvocationReport) -> bool {
    report.is_traced && report.trace_header.as_deref().is_some_and(is_sampled)
}

/// Ids of the segments of an invocation: of the service, and of the function.
///
/// - `attempt`: an event that is tried again has segments of its own.
pub(crate) fn invocation_ids(request_id: &str, attempt: Option<u32>) -> (SegmentId, SegmentId) {
    let mut hash = Sha256::new();
    hash.update(request_id);
    hash.update(attempt.unwrap_or_default().to_be_bytes());
    let digest = hash.finalize();
    let (ids, _) = digest.as_chunks::<8>();
    (
        SegmentId(u64::from_be_bytes(ids[0])),
        SegmentId(u64::from_be_bytes(ids[1])),
    )
}

/// The executions that are open and traced.
pub(crate) struct Emission {
    handle: Handle,
    open: HashMap<u64, Open>,
    /// Executions whose traces found no room.
    left_out: u64,
    /// Documents of executions that have ended.
    ended: Vec<Segment>,
}

struct Open {
    trace: ExecutionTrace,
    is_durable: bool,
    /// Whether something has happened since it was written.
    has_changed: bool,
    changed: Instant,
    written: Option<Instant>,
}

impl Emission {
    pub(crate) fn new(handle: Handle) -> Emission {
        Emission {
            handle,
            open: HashMap::new(),
            left_out: 0,
            ended: Vec::new(),
        }
    }

    /// How many executions were left out since the last call.
    pub(crate) fn take_left_out(&mut self) -> u64 {
        std::mem::take(&mut self.left_out)
    }

    /// Takes what has happened in a traced execution.
    pub(crate) fn happened(&mut self, transition: &Transition<'_>) {
        let number = transition.number;
        let Some(first) = transition.first() else {
            return;
        };
        if !self.open.contains_key(&number) && !self.begin(transition) {
            return;
        }
        let Some(open) = self.open.get_mut(&number) else {
            return;
        };
        catch_up(&mut open.trace, transition, first, &self.handle);
        for happening in transition.happenings() {
            open.trace.happened(happening);
        }
        open.has_changed = true;
        open.changed = Instant::now();
        if open.trace.is_ended()
            && let Some(open) = self.open.remove(&number)
        {
            self.ended.extend(open.trace.documents());
        }
    }

    /// Begins a trace; `false` if it is left out.
    fn begin(&mut self, transition: &Transition<'_>) -> bool {
        if self.open.len() >= OPEN_MAX {
            self.left_out += 1;
            return false;
        }
        let Some(about) = traced(transition, &self.handle) else {
            return false;
        };
        let open = Open {
            trace: ExecutionTrace::new(about),
            is_durable: transition.is_durable,
            has_changed: true,
            changed: Instant::now(),
            written: None,
        };
        self.open.insert(transition.number, open);
        true
    }

    /// The documents that should be written now.
    pub(crate) fn due(&mut self, is_asked: bool) -> Vec<Segment> {
        let mut documents = std::mem::take(&mut self.ended);
        let now = Instant::now();
        self.open.retain(|_, open| {
            let is_due = open
                .written
                .is_none_or(|written| now.duration_since(written) >= EMIT_EVERY);
            if open.has_changed && (is_asked || is_due) {
                documents.extend(open.trace.documents());
                open.has_changed = false;
                open.written = Some(now);
            }
            let stays = if open.is_durable { IDLE } else { EXPRESS_IDLE };
            open.has_changed || now.duration_since(open.changed) < stays
        });
        documents
    }

    /// The segments of an invocation.
    pub(crate) fn invocation(&self, report: &InvocationReport) -> Vec<Segment> {
        let header = report.trace_header.as_deref().and_then(TraceHeader::parse);
        let Some(header) = header else {
            return Vec::new();
        };
        let asked_ms = report.asked.as_millis();
        let (outcome, init_ms, started_ms, duration_ms) = match &report.outcome {
            Outcome::Ran {
                figures,
                is_failure,
            } => (
                if *is_failure {
                    InvocationOutcome::Failed
                } else {
                    InvocationOutcome::Succeeded
                },
                figures.init.map(|init| init.as_secs_f64() * 1_000.0),
                figures.started_ms,
                figures.duration.as_secs_f64() * 1_000.0,
            ),
            Outcome::Throttled => (InvocationOutcome::Throttled, None, asked_ms, 0.0),
            Outcome::Unrun(_) => (InvocationOutcome::Unrun, None, asked_ms, 0.0),
        };
        let attempt = report.asynchronous.map(|asynchronous| asynchronous.attempt);
        invocation_segments(&TracedInvocation {
            trace_id: header.root,
            parent: header.parent,
            ids: invocation_ids(&report.request_id, attempt),
            function_name: report.configuration.function_name.clone(),
            function_arn: report.invoked_arn.clone(),
            account_id: report.configuration.account.clone(),
            request_id: report.request_id.clone(),
            asked_ms,
            init_ms,
            started_ms,
            duration_ms,
            attempt,
            outcome,
        })
    }
}

/// Reads what happened before `first` and did not come here: before the process began, or when there was no room.
fn catch_up(
    trace: &mut ExecutionTrace,
    transition: &Transition<'_>,
    first: EventId,
    handle: &Handle,
) {
    let is_next = trace.last_event() + 1 >= first.0;
    if is_next || !transition.is_durable {
        return;
    }
    let last = EventId(first.0 - 1);
    let read = handle.reader().stored_events(transition.number, last);
    // A store that fails tells everybody; the trace lacks this then. What it has seen changes nothing.
    for event in read.unwrap_or_default() {
        let (previous, at_ms) = (event.previous, event.timestamp_ms);
        let what = what(&event.details);
        trace.happened(transition.happening(event.id, previous, at_ms, what));
    }
}

fn traced(transition: &Transition<'_>, handle: &Handle) -> Option<TracedExecution> {
    let header = TraceHeader::parse(transition.trace_header)?;
    let settings = handle.settings();
    Some(TracedExecution {
        trace_id: header.root,
        id: SegmentId(segment_id(transition.number, transition.started_ms, 0)),
        parent: header.parent,
        name: transition.state_machine_name.to_owned(),
        execution_arn: transition.execution_arn.to_owned(),
        state_machine_arn: transition.state_machine_arn.to_owned(),
        region: settings.region.clone(),
        account_id: settings.account.clone(),
        start_ms: transition.started_ms,
    })
}

pub(crate) fn what(details: &Details) -> What {
    let failed = |error: &Option<String>, cause: &Option<String>| Failing {
        error: error.clone(),
        cause: cause.clone(),
        is_client_error: false,
    };
    // AWS: what a caller has stopped is an error of his, not a fault.
    let aborted = || Failing {
        is_client_error: true,
        ..Failing::default()
    };
    match details {
        Details::StateEntered { kind, name, .. } => What::Entered(Arc::clone(name), type_of(*kind)),
        Details::StateExited { .. } => What::Exited,
        Details::FunctionScheduled { resource, .. }
        | Details::ActivityScheduled { resource, .. } => What::Called(Callee::of(resource)),
        Details::TaskScheduled {
            resource_type,
            resource,
            parameters,
            ..
        } => {
            let mut callee = Callee::of_integration(&format!("{resource_type}:{resource}"));
            callee.resource = called(parameters);
            What::Called(callee)
        }
        Details::FunctionStarted
        | Details::TaskStarted { .. }
        | Details::TaskSubmitted { .. }
        | Details::ActivityStarted { .. } => What::GoesOn,
        Details::FunctionSucceeded { .. }
        | Details::TaskSucceeded { .. }
        | Details::ActivitySucceeded { .. } => What::Returned(None),
        Details::FunctionFailed { error, cause }
        | Details::FunctionTimedOut { error, cause }
        | Details::TaskFailed { error, cause, .. }
        | Details::TaskTimedOut { error, cause, .. }
        | Details::ActivityFailed { error, cause }
        | Details::ActivityTimedOut { error, cause } => What::Returned(Some(failed(error, cause))),
        Details::MapIterationStarted { index, .. } => What::Iteration(*index),
        Details::ParallelStateFailed | Details::MapStateFailed => What::Failed(None),
        Details::MapRunFailed { error, cause } => What::Failed(Some(failed(error, cause))),
        Details::EvaluationFailed { error, cause, .. } => {
            What::Failed(Some(failed(&Some(error.clone()), &Some(cause.clone()))))
        }
        Details::TaskStateAborted
        | Details::WaitStateAborted
        | Details::ParallelStateAborted
        | Details::MapStateAborted
        | Details::MapRunAborted => What::Failed(Some(aborted())),
        Details::ExecutionSucceeded { .. } => What::Ended(None),
        Details::ExecutionFailed { error, cause } | Details::ExecutionTimedOut { error, cause } => {
            What::Ended(Some(failed(error, cause)))
        }
        Details::ExecutionAborted { error, cause } => What::Ended(Some(Failing {
            error: error.clone(),
            cause: cause.clone(),
            is_client_error: true,
        })),
        Details::ExecutionRedriven { .. } => What::Redriven,
        Details::ExecutionStarted { .. }
        | Details::ParallelStateStarted
        | Details::ParallelStateSucceeded
        | Details::MapStateStarted { .. }
        | Details::MapStateSucceeded
        | Details::MapIterationSucceeded { .. }
        | Details::MapIterationFailed { .. }
        | Details::MapIterationAborted { .. }
        | Details::MapRunStarted { .. }
        | Details::MapRunSucceeded
        | Details::MapRunRedriven { .. } => What::Other,
    }
}

/// What an integration calls, if its parameters say so.
fn called(parameters: &Body) -> Option<String> {
    let text = parameters
        .text()
        .filter(|text| text.len() <= PARAMETERS_BYTES_MAX)?;
    let parameters: serde_json::Value = serde_json::from_str(text).ok()?;
    [
        "FunctionName",
        "StateMachineArn",
        "QueueUrl",
        "TopicArn",
        "TableName",
    ]
    .iter()
    .find_map(|name| parameters.get(name)?.as_str().map(str::to_owned))
}

pub(crate) fn type_of(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Task => "Task",
        StateKind::Choice => "Choice",
        StateKind::Parallel => "Parallel",
        StateKind::Map => "Map",
        StateKind::Wait => "Wait",
        StateKind::Pass => "Pass",
        StateKind::Succeed => "Succeed",
        StateKind::Fail => "Fail",
    }
}
