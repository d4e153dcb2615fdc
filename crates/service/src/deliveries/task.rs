//! Task states that invoke a function without waiting for it: `InvocationType` `Event` and `DryRun`.
//!
//! The event is queued in the commit that completes the task. A crash before it has done nothing, so the call is made
//! again.

use serde_json::{Value, json};
use stepwell_api::catalogue::Naming;
use stepwell_api::lambda;
use stepwell_engine::{Payload, Ticket, Timestamp};

use crate::command::{CallStyle, EventInvocation, FunctionCall, Refusal, TaskOutcome};
use crate::integration::http_metadata;
use crate::rows::history::text_at;
use crate::shard::{Done, Shard, Stop};

/// A call that does not wait for its function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unawaited {
    /// The function gets the event later; with the client context.
    Event(Option<String>),
    /// The function is only looked up.
    DryRun,
}

/// What a call asks for that does not wait for its function; `None` for one that waits.
///
/// - Errors: `ValidationException` for an `InvocationType` that Lambda does not have.
pub fn unawaited(call: &FunctionCall) -> Option<Result<Unawaited, lambda::Error>> {
    let CallStyle::Integration {
        invocation_type,
        client_context,
        ..
    } = &call.style
    else {
        return None;
    };
    Some(match invocation_type.as_str() {
        "RequestResponse" => return None,
        "Event" => Ok(Unawaited::Event(client_context.clone())),
        "DryRun" => Ok(Unawaited::DryRun),
        other => {
            let text = format!(
                "1 validation error detected: Value '{other}' at 'invocationType' failed to satisfy constraint: \
                 Member must satisfy enum value set: [Event, RequestResponse, DryRun]"
            );
            Err(lambda::Error::new(
                lambda::ErrorCode::ConstraintViolation,
                text,
            ))
        }
    })
}

/// How a task ends whose call did not wait for its function.
///
/// - `answered`: what Lambda said to it.
pub fn unawaited_outcome(
    now: Timestamp,
    call: &FunctionCall,
    request_id: &str,
    answered: Result<(), lambda::Error>,
) -> TaskOutcome {
    let CallStyle::Integration {
        naming,
        invocation_type,
        is_callback,
        ..
    } = &call.style
    else {
        unreachable!("a call of a function's ARN waits for the function");
    };
    if let Err(error) = answered {
        return failure(&error, *naming, request_id);
    }
    let status = match invocation_type.as_str() {
        "Event" => 202,
        _ => 204,
    };
    let mut result = json!({});
    if *naming == Naming::Optimized {
        let mut metadata = http_metadata(now, 0, request_id);
        metadata["HttpStatusCode"] = json!(status);
        result["SdkHttpMetadata"] = metadata;
        result["SdkResponseMetadata"] = json!({ "RequestId": request_id });
    }
    result["StatusCode"] = json!(status);
    let result = Payload::from_value(result);
    match is_callback {
        true => TaskOutcome::Submitted(result),
        false => TaskOutcome::Succeeded(result),
    }
}

impl Shard {
    /// Puts a call of [`unawaited`] on the list that [`Shard::answer_event_tasks`] works off.
    ///
    /// A task that were completed right here would step its execution inside of the step that scheduled it.
    pub(crate) fn queue_event_task(&mut self, call: FunctionCall) {
        self.deliveries.tasks.push_back(call);
    }

    /// Queues the events of tasks and completes the tasks, as far as a batch has room.
    pub(crate) fn answer_event_tasks(&mut self, now: Timestamp) -> Done<()> {
        while !self.is_full() {
            let Some(call) = self.deliveries.tasks.pop_front() else {
                return Ok(());
            };
            if self.is_open(call.execution, call.ticket)? {
                let outcome = self.call_unawaited(now, &call)?;
                self.complete_task(now, call.execution, call.ticket, outcome)?;
            }
        }
        Ok(())
    }

    fn call_unawaited(&mut self, now: Timestamp, call: &FunctionCall) -> Done<TaskOutcome> {
        let entropy = self.entropy_of(call)?;
        let request_id = crate::uuid(&entropy);
        let answered = match unawaited(call) {
            Some(Ok(Unawaited::Event(client_context))) => {
                let event = EventInvocation {
                    function: call.function.clone(),
                    qualifier: call.qualifier.clone(),
                    request_id: request_id.clone(),
                    payload: call.payload.text().to_string(),
                    trace_header: call.trace_header.clone(),
                    client_context,
                    origin: "a task".to_string(),
                };
                self.take_event(now, &entropy, event).map(|_| ())
            }
            Some(Ok(Unawaited::DryRun)) => self
                .function_target(&call.function, call.qualifier.as_deref())
                .map(|_| ()),
            Some(Err(error)) => Err(error.into()),
            None => unreachable!("a call that waits for its function is the shell's"),
        };
        let answered = match answered {
            Ok(()) => Ok(()),
            Err(Stop::Refused(refusal)) => match *refusal {
                Refusal::Lambda(error) => Err(error),
                other => unreachable!("Lambda refuses as itself, not as {other:?}"),
            },
            Err(Stop::Store(error)) => return Err(Stop::Store(error)),
        };
        Ok(unawaited_outcome(now, call, &request_id, answered))
    }

    /// Whether a crash that cut an attempt off has done nothing of it, because it only queues an event.
    pub(crate) fn is_event_task(
        &mut self,
        number: u64,
        ticket: Ticket,
        resource: &str,
    ) -> Done<bool> {
        if !resource.contains(":lambda:invoke") {
            return Ok(false);
        }
        let resident = self.resident(number)?;
        let scheduled = resident.and_then(|resident| resident.row.execution.scheduled_at(ticket));
        let Some(scheduled) = scheduled else {
            return Ok(false);
        };
        let text = text_at(&self.staging, number, scheduled)?.unwrap_or_default();
        let parameters: Value = serde_json::from_str(&text).unwrap_or_default();
        let kind = parameters["InvocationType"].as_str();
        Ok(kind.is_some_and(|kind| kind != "RequestResponse"))
    }

    /// Entropy that an attempt has to itself: the same after a crash, so that its request is the same too.
    fn entropy_of(&mut self, call: &FunctionCall) -> Done<[u8; 32]> {
        let resident = self.resident(call.execution)?;
        let seed = resident.map_or([0; 32], |resident| resident.row.execution.identity.seed);
        let attempt = (u64::from(call.ticket.frame.0) << 32) | u64::from(call.ticket.attempt);
        Ok(super::derived(&seed, attempt))
    }
}

/// AWS: the texts are those of the SDK that Step Functions uses.
fn failure(error: &lambda::Error, naming: Naming, request_id: &str) -> TaskOutcome {
    let (name, status, message) = (error.name(), error.status(), &error.message);
    let cause = match naming {
        Naming::Sdk => format!(
            "{message} (Service: Lambda, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
        ),
        Naming::Optimized => format!(
            "{message} (Service: AWSLambda; Status Code: {status}; Error Code: {name}; Request ID: {request_id}; Proxy: null)"
        ),
    };
    TaskOutcome::Failed {
        error: Some(format!("Lambda.{name}")),
        cause: Some(cause),
    }
}
