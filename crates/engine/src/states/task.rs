//! Task: schedule, start, submit, succeed, fail, time out.

use serde_json::Value;
use stepwell_asl::Failure;
use stepwell_asl::definition::{Kind, Pattern, Quantity, QueryLanguage, Resource, State, Task};

use crate::event::{Body, Details, EventId, body_beside, body_of, body_text};
use crate::execution::{Attempt, Execution, FrameId, Identity, Phase, Stage, Status, millis};
use crate::failing::Fault;
use crate::flow::{self, Sight};
use crate::inspect::DataStage;
use crate::payload::{Payload, Slot};
use crate::quantity::{self, Rule};
use crate::states;
use crate::step::{Call, CallPattern, Effect, Stepper, Ticket, Work};
use crate::token::TaskToken;

/// Evaluates the task's fields and schedules an attempt; it starts once every scheduled task of this
/// step is scheduled, as AWS's histories show.
pub(crate) fn schedule(stepper: &mut Stepper, id: FrameId, state: &State, task: &Task) {
    let frame = stepper.execution.frame_mut(id);
    frame.attempts += 1;
    let number = frame.attempts;
    let raw = frame.input.payload().clone();
    let token = token_text(&stepper.execution.identity, id, number, &task.resource);
    let sight = Sight::new(stepper.execution, id, stepper.now, token.as_deref());
    let prepared = match prepare(state, task, &raw, &sight) {
        Ok(prepared) => prepared,
        Err(failure) => return stepper.evaluation_failed(id, failure),
    };
    if prepared.input.is_oversize() {
        return stepper.input_too_large(id);
    }
    if let Resource::Activity { arn } = &task.resource
        && stepper.execution.missing_activities.contains(arn)
    {
        return no_activity(stepper, id, arn);
    }
    let input = body_beside(&prepared.input, &stepper.execution.frame(id).input);
    let scheduled = stepper.emit_in(id, scheduled_event(&task.resource, &prepared, input));
    if stepper.execution.status() != Status::Running {
        return;
    }
    stepper.execution.frame_mut(id).phase = Phase::Calling(Attempt {
        number,
        stage: Stage::Started,
        scheduled,
        timeout_ms: None,
        heartbeat_ms: None,
        timeout_seconds: prepared.timeout_seconds,
        heartbeat_seconds: prepared.heartbeat_seconds,
    });
    let ticket = Ticket {
        frame: id,
        attempt: number,
    };
    let call = call(
        ticket,
        &task.resource,
        prepared.input,
        token,
        prepared.timeout_seconds,
    );
    stepper.scheduled.insert(id, Box::new(call));
    stepper.queue.push_back(Work::StartTask(id));
}

/// AWS: nothing is scheduled; the execution fails, and nothing catches that (recorded).
fn no_activity(stepper: &mut Stepper, id: FrameId, arn: &str) {
    let cause = format!("The activity {arn} does not exist.");
    let fault = Fault {
        is_fatal: true,
        ..Fault::of_task(Some("States.Runtime".to_string()), Some(cause))
    };
    stepper.state_failed(id, fault);
}

fn call(
    ticket: Ticket,
    resource: &Resource,
    input: Payload,
    token: Option<String>,
    timeout_seconds: Option<u64>,
) -> Call {
    let pattern = match resource {
        Resource::Function { .. } => CallPattern::Function,
        Resource::Activity { .. } => CallPattern::Activity,
        Resource::Integration { pattern, .. } => CallPattern::Integration(*pattern),
    };
    Call {
        ticket,
        resource: resource.arn().to_string(),
        pattern,
        input,
        token,
        timeout_seconds,
    }
}

/// The call of an open attempt once more, for `--on-lost-task retry`; `None` if it is not open.
///
/// - `input`: the payload of [`scheduled_at`]'s event.
pub(crate) fn call_again(execution: &Execution, ticket: Ticket, input: Payload) -> Option<Call> {
    let frame = execution.frames().get(&ticket.frame)?;
    let Phase::Calling(attempt) = &frame.phase else {
        return None;
    };
    let state = execution.state_of(frame);
    let Kind::Task(task) = &state.kind else {
        return None;
    };
    let token = token_text(
        &execution.identity,
        ticket.frame,
        attempt.number,
        &task.resource,
    );
    (attempt.number == ticket.attempt).then(|| {
        call(
            ticket,
            &task.resource,
            input,
            token,
            attempt.timeout_seconds,
        )
    })
}

/// What an open attempt calls.
pub(crate) fn resource_of(execution: &Execution, ticket: Ticket) -> Option<String> {
    scheduled_at(execution, ticket)?;
    let frame = execution.frames().get(&ticket.frame)?;
    match &execution.state_of(frame).kind {
        Kind::Task(task) => Some(task.resource.arn().to_string()),
        _ => None,
    }
}

/// The event that stores the input of an open attempt.
pub(crate) fn scheduled_at(execution: &Execution, ticket: Ticket) -> Option<EventId> {
    match &execution.frames().get(&ticket.frame)?.phase {
        Phase::Calling(attempt)
            if attempt.number == ticket.attempt && attempt.stage != Stage::Closed =>
        {
            Some(attempt.scheduled)
        }
        _ => None,
    }
}

struct Prepared {
    input: Payload,
    timeout_seconds: Option<u64>,
    heartbeat_seconds: Option<u64>,
    role_arn: Option<String>,
}

fn prepare(state: &State, task: &Task, raw: &Payload, sight: &Sight) -> Result<Prepared, Failure> {
    let input = flow::effective_input(state, raw, sight)?;
    let selected = flow::selected_input(state, raw, sight)?;
    let seconds = |field: &Option<Quantity>| -> Result<Option<u64>, Failure> {
        let rule = Rule {
            minimum: 1,
            maximum: 99_999_999,
        };
        let Some(quantity) = field else {
            return Ok(None);
        };
        let seconds = quantity::whole(quantity, &rule, &sight.scope(selected.value()))?;
        Ok(u64::try_from(seconds).ok())
    };
    let role_arn = match &task.credentials {
        None => None,
        Some(template) => {
            let value = flow::template_value(template, &sight.scope(selected.value()))?;
            Some(role_of(state, &value)?)
        }
    };
    Ok(Prepared {
        timeout_seconds: seconds(&task.timeout)?,
        heartbeat_seconds: seconds(&task.heartbeat)?,
        input,
        role_arn,
    })
}

/// The role that `Credentials` names.
fn role_of(state: &State, credentials: &Value) -> Result<String, Failure> {
    let value = credentials.get("RoleArn").unwrap_or(&Value::Null);
    if let Value::String(arn) = value {
        return Ok(arn.clone());
    }
    let cause = format!("The value for the field 'RoleArn' must be a STRING but was: {value}");
    Err(match state.query_language() {
        QueryLanguage::JsonPath => Failure::runtime(cause),
        QueryLanguage::Jsonata => Failure::query(cause, Some("Credentials/RoleArn".to_string())),
    })
}

/// AWS: a token exists for callbacks, activities and also for `.sync` tasks.
fn token_text(
    identity: &Identity,
    id: FrameId,
    number: u32,
    resource: &Resource,
) -> Option<String> {
    let has_token = match resource {
        Resource::Function { .. } => false,
        Resource::Activity { .. } => true,
        Resource::Integration { pattern, .. } => *pattern != Pattern::RequestResponse,
    };
    has_token.then(|| TaskToken::issue(identity.number, id, number, &identity.seed).to_string())
}

/// The scheduled task starts: its clocks run from here.
pub(crate) fn start(stepper: &mut Stepper, id: FrameId) {
    let Some(resource) = resource_in(stepper, id) else {
        return;
    };
    let Some(call) = stepper.scheduled.remove(&id) else {
        return;
    };
    let details = match &resource {
        Resource::Function { .. } => Some(Details::FunctionStarted),
        // AWS: ActivityStarted comes when a worker takes the task; the time-out runs from the schedule.
        Resource::Activity { .. } => None,
        Resource::Integration { .. } => {
            let (resource_type, resource) = names(&resource);
            Some(Details::TaskStarted {
                resource_type,
                resource,
            })
        }
    };
    if let Some(details) = details {
        stepper.emit_in(id, details);
    }
    if stepper.execution.status() != Status::Running {
        return;
    }
    stepper.transition.effects.push(Effect::Call(call));
    run_timeout(stepper, id);
}

fn run_timeout(stepper: &mut Stepper, id: FrameId) {
    let now_ms = stepper.now.as_millis();
    let Some(attempt) = attempt_mut(stepper, id) else {
        return;
    };
    attempt.timeout_ms = attempt
        .timeout_seconds
        .map(|seconds| now_ms.saturating_add(millis(seconds)));
}

/// A worker took the activity task.
pub(crate) fn taken(stepper: &mut Stepper, id: FrameId, worker_name: Option<String>) {
    stepper.emit_in(id, Details::ActivityStarted { worker_name });
    let Some(attempt) = attempt_mut(stepper, id) else {
        return;
    };
    attempt.stage = Stage::Submitted;
    run_timeout(stepper, id);
    heartbeat(stepper, id);
}

/// The call of a callback or `.sync` task has returned; the task waits for its token.
///
/// AWS: the heartbeat clock of a callback starts after the call has returned.
pub(crate) fn submitted(stepper: &mut Stepper, id: FrameId, output: &Payload) {
    let Some(resource) = resource_in(stepper, id) else {
        return;
    };
    let (resource_type, resource) = names(&resource);
    let details = Details::TaskSubmitted {
        resource_type,
        resource,
        output: body_text(output),
    };
    stepper.emit_in(id, details);
    let Some(attempt) = attempt_mut(stepper, id) else {
        return;
    };
    attempt.stage = Stage::Submitted;
    heartbeat(stepper, id);
}

/// A worker is alive.
pub(crate) fn heartbeat(stepper: &mut Stepper, id: FrameId) {
    let now_ms = stepper.now.as_millis();
    let Some(attempt) = attempt_mut(stepper, id) else {
        return;
    };
    attempt.heartbeat_ms = attempt
        .heartbeat_seconds
        .map(|seconds| now_ms.saturating_add(millis(seconds)));
}

pub(crate) fn succeeded(stepper: &mut Stepper, id: FrameId, output: Payload) {
    let Some(resource) = resource_in(stepper, id) else {
        return;
    };
    if output.is_oversize() {
        let cause = format!(
            "The state/task '{}' returned a result with a size exceeding the maximum number of bytes service limit.",
            resource.arn()
        );
        return failed(
            stepper,
            id,
            Some("States.DataLimitExceeded".to_string()),
            Some(cause),
        );
    }
    let mut result = Slot::fresh(output);
    let body = body_of(&mut result, stepper.next_id());
    let details = match &resource {
        Resource::Function { .. } => Details::FunctionSucceeded { output: body },
        Resource::Activity { .. } => Details::ActivitySucceeded { output: body },
        Resource::Integration { .. } => {
            let (resource_type, resource) = names(&resource);
            Details::TaskSucceeded {
                resource_type,
                resource,
                output: body,
            }
        }
    };
    stepper.emit_in(id, details);
    close(stepper, id);
    if let Some(inspection) = &stepper.execution.inspection {
        inspection.note(DataStage::Result, result.payload());
    }
    if stepper.execution.status() == Status::Running {
        states::leave_with(stepper, id, &result);
    }
}

pub(crate) fn failed(
    stepper: &mut Stepper,
    id: FrameId,
    error: Option<String>,
    cause: Option<String>,
) {
    let Some(resource) = resource_in(stepper, id) else {
        return;
    };
    let details = match &resource {
        Resource::Function { .. } => Details::FunctionFailed {
            error: error.clone(),
            cause: cause.clone(),
        },
        Resource::Activity { .. } => Details::ActivityFailed {
            error: error.clone(),
            cause: cause.clone(),
        },
        Resource::Integration { .. } => {
            let (resource_type, resource) = names(&resource);
            Details::TaskFailed {
                resource_type,
                resource,
                error: error.clone(),
                cause: cause.clone(),
            }
        }
    };
    stepper.emit_in(id, details);
    close(stepper, id);
    if stepper.execution.status() == Status::Running {
        // AWS: a task that could not even be started is a runtime error, which nothing catches.
        let is_fatal = error.as_deref() == Some("States.Runtime");
        stepper.state_failed(
            id,
            Fault {
                is_fatal,
                ..Fault::of_task(error, cause)
            },
        );
    }
}

/// The attempt's time is up: writes the event and cancels the call; the fault is the caller's to pass on.
///
/// AWS: tasks that time out together all say so before the first failure has its consequences.
pub(crate) fn timed_out(stepper: &mut Stepper, id: FrameId) -> Option<Fault> {
    let resource = resource_in(stepper, id)?;
    let now_ms = stepper.now.as_millis();
    let attempt = attempt_mut(stepper, id)?;
    let number = attempt.number;
    let missed_heartbeat = attempt.timeout_ms.is_none_or(|timeout| timeout > now_ms);
    attempt.close();
    stepper.transition.effects.push(Effect::Cancel(Ticket {
        frame: id,
        attempt: number,
    }));
    // AWS: a missed heartbeat is written as States.Timeout too.
    let error = Some("States.Timeout".to_string());
    let details = match &resource {
        Resource::Function { .. } => Details::FunctionTimedOut { error, cause: None },
        Resource::Activity { .. } => Details::ActivityTimedOut { error, cause: None },
        Resource::Integration { .. } => {
            let (resource_type, resource) = names(&resource);
            Details::TaskTimedOut {
                resource_type,
                resource,
                error,
                cause: None,
            }
        }
    };
    stepper.emit_in(id, details);
    Some(Fault::timeout(missed_heartbeat))
}

/// The attempt has its result: nothing is due and nothing is to be cancelled any more.
pub(crate) fn close(stepper: &mut Stepper, id: FrameId) {
    if let Some(attempt) = attempt_mut(stepper, id) {
        attempt.close();
    }
}

impl Attempt {
    fn close(&mut self) {
        self.stage = Stage::Closed;
        self.timeout_ms = None;
        self.heartbeat_ms = None;
    }
}

fn attempt_mut<'s>(stepper: &'s mut Stepper, id: FrameId) -> Option<&'s mut Attempt> {
    if !stepper.execution.frames().contains_key(&id) {
        return None;
    }
    match &mut stepper.execution.frame_mut(id).phase {
        Phase::Calling(attempt) => Some(attempt),
        _ => None,
    }
}

fn resource_in(stepper: &Stepper, id: FrameId) -> Option<Resource> {
    let frame = stepper.execution.frames().get(&id)?;
    match &stepper.execution.state_of(frame).kind {
        Kind::Task(task) => Some(task.resource.clone()),
        _ => None,
    }
}

fn scheduled_event(resource: &Resource, prepared: &Prepared, input: Body) -> Details {
    match resource {
        Resource::Function { arn } => Details::FunctionScheduled {
            resource: arn.clone(),
            input,
            timeout_seconds: prepared.timeout_seconds,
            role_arn: prepared.role_arn.clone(),
        },
        Resource::Activity { arn } => Details::ActivityScheduled {
            resource: arn.clone(),
            input,
            timeout_seconds: prepared.timeout_seconds,
            heartbeat_seconds: prepared.heartbeat_seconds,
        },
        Resource::Integration { .. } => {
            let (resource_type, resource) = names(resource);
            Details::TaskScheduled {
                resource_type,
                resource,
                parameters: input,
                timeout_seconds: prepared.timeout_seconds,
                heartbeat_seconds: prepared.heartbeat_seconds,
                role_arn: prepared.role_arn.clone(),
            }
        }
    }
}

/// `resourceType` and `resource` of the history's task events.
fn names(resource: &Resource) -> (String, String) {
    match resource {
        Resource::Integration {
            service,
            action,
            pattern,
            ..
        } => (service.clone(), format!("{action}{}", pattern.suffix())),
        Resource::Function { arn } | Resource::Activity { arn } => (String::new(), arn.clone()),
    }
}
