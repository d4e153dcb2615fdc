//! Task states that put events: `events:putEvents` and `aws-sdk:eventbridge:putEvents`.
//!
//! The events are on their bus in the commit that completes the task. A crash before it has done nothing, so the call is
//! made again.

use serde_json::{Value, json};
use stepwell_api::catalogue::{Naming, Service};
use stepwell_api::events;
use stepwell_engine::{Call, CallPattern, Pattern, Payload, Ticket, Timestamp};

use super::derived;
use crate::command::{Answered, Refusal, TaskOutcome};
use crate::integration::{http_metadata, timestamp_of};
use crate::shard::{Done, Shard, Stop};
use crate::tasks::Refused;

/// A task that puts events.
#[derive(Debug)]
pub(crate) struct PutCall {
    execution: u64,
    ticket: Ticket,
    /// In the names of the service.
    request: Value,
    naming: Naming,
    is_callback: bool,
}

const ACTION: &str = "putEvents";

/// How a resource puts events; `None` if it does something else.
fn naming_of(resource: &str) -> Option<Naming> {
    let (_, call) = resource.split_once(":states:::")?;
    let (call, _pattern) = call.split_once('.').unwrap_or((call, ""));
    match call {
        "events:putEvents" => Some(Naming::Optimized),
        "aws-sdk:eventbridge:putEvents" => Some(Naming::Sdk),
        _ => None,
    }
}

/// Whether a call of this resource that a crash cut off has certainly done nothing.
pub(crate) fn is_put(resource: &str) -> bool {
    naming_of(resource).is_some()
}

/// The events that an engine's call asks to put; `None` if it asks for something else.
///
/// - Errors: `States.Runtime` for parameters that the operation does not have.
pub(crate) fn put_call(execution: u64, call: &Call) -> Option<Result<PutCall, Refused>> {
    let CallPattern::Integration(pattern) = call.pattern else {
        return None;
    };
    let naming = naming_of(&call.resource)?;
    let refuse = |reasons: &str| {
        Refused::runtime(format!(
            "The Parameters '{}' could not be used to start the Task: [{reasons}]",
            call.input.text()
        ))
    };
    let Value::Object(parameters) = call.input.value() else {
        return Some(Err(refuse("The Parameters must be a JSON object")));
    };
    let request = catalogue().request(ACTION, naming, parameters);
    Some(
        request
            .map_err(|reasons| refuse(&reasons.join(", ")))
            .map(|request| PutCall {
                execution,
                ticket: call.ticket,
                request,
                naming,
                is_callback: pattern == Pattern::WaitForTaskToken,
            }),
    )
}

fn catalogue() -> Service {
    Service::find("eventbridge").expect("the catalogue has EventBridge")
}

impl Shard {
    /// Puts a call on the list that [`Shard::answer_put_tasks`] works off.
    ///
    /// A task that were completed right here would step its execution inside of the step that scheduled it.
    pub(crate) fn queue_put_task(&mut self, call: PutCall) {
        self.put_tasks.push_back(call);
    }

    /// Puts the events of tasks and completes the tasks, as far as a batch has room.
    pub(crate) fn answer_put_tasks(&mut self, now: Timestamp) -> Done<()> {
        while !self.is_full() {
            let Some(call) = self.put_tasks.pop_front() else {
                return Ok(());
            };
            if self.is_open(call.execution, call.ticket)? {
                let outcome = self.put_events_of_task(now, &call)?;
                self.complete_task(now, call.execution, call.ticket, outcome)?;
            }
        }
        Ok(())
    }

    fn put_events_of_task(&mut self, now: Timestamp, call: &PutCall) -> Done<TaskOutcome> {
        let resident = self.resident(call.execution)?;
        let identity = resident.map(|resident| resident.row.execution.identity.clone());
        let Some(identity) = identity else {
            return Ok(failed("States.TaskFailed", String::new()));
        };
        // The same after a crash, so that the events are the same too.
        let attempt = format!("put {} {}", call.ticket.frame.0, call.ticket.attempt);
        let entropy = derived(&identity.seed, attempt.as_bytes());
        let request_id = crate::uuid(&derived(&entropy, b"request"));
        let bytes = call.request.to_string();
        let input: events::PutEventsRequest = match events::decode(bytes.as_bytes()) {
            Ok(input) => input,
            Err(error) => return Ok(refused(&error, call.naming, &request_id)),
        };
        let mut input = input;
        if call.naming == Naming::Optimized {
            for entry in &mut input.entries {
                // AWS: "the execution ARN and the state machine ARN are automatically appended".
                let resources = entry.resources.get_or_insert_default();
                resources.push(identity.arn.clone());
                resources.push(identity.state_machine_arn.clone());
            }
        }
        let answered = match self.put_events(now, &entropy, input) {
            Ok(Answered::Events(body)) => body,
            Ok(_) => unreachable!("PutEvents is answered as an operation of EventBridge"),
            Err(Stop::Refused(refusal)) => match *refusal {
                Refusal::Events(error) => return Ok(refused(&error, call.naming, &request_id)),
                other => unreachable!("EventBridge refuses as itself, not as {other:?}"),
            },
            Err(Stop::Store(error)) => return Err(Stop::Store(error)),
        };
        let length = answered.len();
        let reply: Value = serde_json::from_slice(&answered).expect("an answer is JSON");
        let has_failed = reply["FailedEntryCount"].as_i64().unwrap_or(0) > 0;
        let mut result = catalogue().result(ACTION, call.naming, reply, timestamp_of(call.naming));
        if call.naming == Naming::Optimized {
            if has_failed {
                // AWS: a task fails if one of its entries does.
                return Ok(failed("EventBridge.FailedEntry", result.to_string()));
            }
            let mut metadata = http_metadata(now, length, &request_id);
            for headers in ["AllHttpHeaders", "HttpHeaders"] {
                let content_type = &mut metadata[headers]["Content-Type"];
                *content_type = match content_type.is_array() {
                    true => json!([events::CONTENT_TYPE]),
                    false => json!(events::CONTENT_TYPE),
                };
            }
            result["SdkHttpMetadata"] = metadata;
            result["SdkResponseMetadata"] = json!({ "RequestId": request_id });
        }
        let result = Payload::from_value(result);
        Ok(match call.is_callback {
            true => TaskOutcome::Submitted(result),
            false => TaskOutcome::Succeeded(result),
        })
    }
}

/// AWS: optimized integrations speak through the first SDK for Java, SDK integrations through the second.
fn refused(error: &events::Error, naming: Naming, request_id: &str) -> TaskOutcome {
    let (name, status, message) = (error.name(), error.status(), &error.message);
    if name == "NotImplemented" {
        // What is not built must never look like an answer that a definition can handle.
        return failed("States.Runtime", format!("NotImplemented: {message}"));
    }
    let exception = format!("{}Exception", name.trim_end_matches("Exception"));
    let cause = match naming {
        Naming::Sdk => format!(
            "{message} (Service: EventBridge, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
        ),
        Naming::Optimized => format!(
            "{message} (Service: AmazonEventBridge; Status Code: {status}; Error Code: {name}; Request ID: {request_id}; Proxy: null)"
        ),
    };
    failed(&format!("EventBridge.{exception}"), cause)
}

fn failed(error: &str, cause: String) -> TaskOutcome {
    TaskOutcome::Failed {
        error: Some(error.to_string()),
        cause: Some(cause),
    }
}
