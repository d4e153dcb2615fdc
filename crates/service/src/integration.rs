//! Tasks that call Step Functions itself: `states:startExecution` and `aws-sdk:sfn:*`.
//!
//! What such a call changes and what becomes of its task are in one commit. A call that a crash cut off has done
//! nothing, so it is made again.

use serde_json::{Map, Value, json};
use stepwell_api::catalogue::{Naming, Service, ShownTimestamp};
use stepwell_api::states::{self, Operation};
use stepwell_engine::{Call, CallPattern, Pattern, Payload, Ticket, Timestamp};

use crate::command::{Answered, Refusal, Request, TaskOutcome};
use crate::shard::{Done, Shard, Stop};
use crate::target;
use crate::tasks::Refused;
use crate::tracing::put_header;

/// A call of one of our own operations that a Task state asks for.
#[derive(Debug, Clone)]
pub struct ServiceCall {
    pub execution: u64,
    pub ticket: Ticket,
    pub operation: Operation,
    /// The JSON body of the request.
    pub body: String,
    naming: Naming,
    pattern: Pattern,
}

impl ServiceCall {
    /// An execution that is started belongs to the trace of the task.
    pub(crate) fn trace(&mut self, header: &str) {
        if matches!(
            self.operation,
            Operation::StartExecution | Operation::StartSyncExecution
        ) {
            put_header(&mut self.body, header);
        }
    }
}

/// The operation of ours that a resource calls, and how the task words it.
fn operation_of(resource: &str) -> Option<(Operation, Naming)> {
    let (_, call) = resource.split_once(":states:::")?;
    let (action, naming) = match call.strip_prefix("aws-sdk:sfn:") {
        Some(action) => (action, Naming::Sdk),
        None => (call.strip_prefix("states:")?, Naming::Optimized),
    };
    let (action, _pattern) = action.split_once('.').unwrap_or((action, ""));
    let first = action.get(..1)?.to_ascii_uppercase();
    let operation = Operation::from_name(&(first + &action[1..]))?;
    Some((operation, naming))
}

/// Whether a call of this resource that a crash cut off has certainly done nothing.
///
/// An operation that is answered later than its commit is none of them: a synchronous execution is gone with the
/// process, and a worker's poll may have taken a task.
pub(crate) fn is_atomic(resource: &str) -> bool {
    operation_of(resource).is_some_and(|(operation, _)| {
        !matches!(
            operation,
            Operation::StartSyncExecution | Operation::GetActivityTask
        )
    })
}

/// The call of one of our operations that an engine's call asks for; `None` if it asks for something else.
///
/// - Errors: `States.Runtime` for parameters that the operation does not have.
pub(crate) fn service_call(
    catalogue: &Service,
    execution: u64,
    call: &Call,
) -> Option<Result<ServiceCall, Refused>> {
    let CallPattern::Integration(pattern) = call.pattern else {
        return None;
    };
    let (operation, naming) = operation_of(&call.resource)?;
    let refuse = |reasons: &str| {
        Refused::runtime(format!(
            "The Parameters '{}' could not be used to start the Task: [{reasons}]",
            call.input.text()
        ))
    };
    let Value::Object(parameters) = call.input.value() else {
        return Some(Err(refuse("The Parameters must be a JSON object")));
    };
    Some(
        catalogue
            .request(&action_of(operation), naming, parameters)
            .map_err(|reasons| refuse(&reasons.join(", ")))
            .map(|body| ServiceCall {
                execution,
                ticket: call.ticket,
                operation,
                body: body.to_string(),
                naming,
                pattern,
            }),
    )
}

/// `startExecution` of `StartExecution`.
fn action_of(operation: Operation) -> String {
    let name = operation.name();
    name[..1].to_ascii_lowercase() + &name[1..]
}

impl Shard {
    /// Carries out what a task has asked for, and completes the task with the answer.
    pub(crate) fn call_task(
        &mut self,
        now: Timestamp,
        entropy: [u8; 32],
        call: &ServiceCall,
        request: Request,
    ) -> Done<()> {
        if !self.is_open(call.execution, call.ticket)? {
            return Ok(());
        }
        let waits_for_end = matches!(call.pattern, Pattern::Sync | Pattern::Sync2);
        let answer = match self.carry_out_of_task(now, entropy, request, waits_for_end) {
            Ok(body) => Ok(body),
            Err(Stop::Refused(refusal)) => match *refusal {
                Refusal::States(error) => Err(error),
                other => unreachable!("Step Functions refuses as itself, not as {other:?}"),
            },
            Err(Stop::Store(error)) => return Err(Stop::Store(error)),
        };
        if waits_for_end && let Ok(body) = &answer {
            self.link_nested(call.execution, call.ticket, call.pattern, body)?;
        }
        self.answer_task(now, entropy, call, answer)
    }

    fn carry_out_of_task(
        &mut self,
        now: Timestamp,
        entropy: [u8; 32],
        request: Request,
        waits_for_end: bool,
    ) -> Done<Vec<u8>> {
        if let (Request::StartExecution(input), true) = (&request, waits_for_end) {
            let started = target::started(self, &input.state_machine_arn, &entropy)?;
            if started.machine.is_express {
                // AWS: an Express execution has no end that anybody could be told of.
                let text = "This operation is not supported by this type of state machine";
                return Err(states::Error::state_machine_type_not_supported(text).into());
            }
        }
        match self.carry_out(now, entropy, None, request)? {
            Some(Answered::States(body)) => Ok(body),
            // The shell asks for such an operation beside the task and gives the answer back.
            _ => {
                let text = "Stepwell does not answer this operation inside a task yet";
                Err(states::Error::not_implemented(text).into())
            }
        }
    }

    /// Completes a task with the answer to what it asked.
    pub(crate) fn answer_task(
        &mut self,
        now: Timestamp,
        entropy: [u8; 32],
        call: &ServiceCall,
        answer: Result<Vec<u8>, states::Error>,
    ) -> Done<()> {
        let mut own = entropy;
        // What was started with these bytes draws from them as well.
        own[0] ^= u8::MAX;
        let request_id = crate::uuid(&own);
        let outcome = match answer {
            Ok(body) => {
                let result = self.result_of(now, call, &body, &request_id);
                let result = Payload::from_value(result);
                if call.pattern == Pattern::RequestResponse {
                    TaskOutcome::Succeeded(result)
                } else {
                    TaskOutcome::Submitted(result)
                }
            }
            Err(error) => failure_of(call.naming, &error, &request_id),
        };
        self.complete_task(now, call.execution, call.ticket, outcome)
    }

    fn result_of(
        &self,
        now: Timestamp,
        call: &ServiceCall,
        body: &[u8],
        request_id: &str,
    ) -> Value {
        let reply = serde_json::from_slice(body).expect("an answer is JSON");
        let action = action_of(call.operation);
        let timestamp = timestamp_of(call.naming);
        let result = self
            .catalogue
            .result(&action, call.naming, reply, timestamp);
        match (call.naming, result) {
            (Naming::Optimized, Value::Object(mut result)) => {
                let metadata = http_metadata(now, wire_length(body), request_id);
                // Sorted, as the rest of the result.
                let start_date = result.shift_remove("StartDate");
                result.insert("SdkHttpMetadata".into(), metadata);
                result.insert(
                    "SdkResponseMetadata".into(),
                    json!({ "RequestId": request_id }),
                );
                result.extend(start_date.map(|date| ("StartDate".to_string(), date)));
                Value::Object(result)
            }
            (_, result) => result,
        }
    }

    /// Whether an attempt has no result yet.
    pub(crate) fn is_open(&mut self, execution: u64, ticket: Ticket) -> Done<bool> {
        let resident = self.resident(execution)?;
        Ok(resident.is_some_and(|resident| resident.row.execution.scheduled_at(ticket).is_some()))
    }
}

/// AWS: results of SDK integrations show timestamps as text, those of optimized ones as milliseconds.
pub(crate) fn timestamp_of(naming: Naming) -> ShownTimestamp<'static> {
    match naming {
        Naming::Sdk => &|ms| {
            let text = Timestamp::from_millis(ms).to_string();
            json!(text.replace(".000Z", "Z"))
        },
        Naming::Optimized => &|ms| json!(ms),
    }
}

/// What a task fails with whose operation was refused.
///
/// AWS: optimized integrations speak through the first SDK for Java, SDK integrations through the second.
fn failure_of(naming: Naming, error: &states::Error, request_id: &str) -> TaskOutcome {
    let (name, status, message) = (error.name(), error.status(), &error.message);
    if name == "NotImplemented" {
        // What is not built must never look like an answer that a definition can handle.
        return TaskOutcome::Failed {
            error: Some("States.Runtime".to_string()),
            cause: Some(format!("NotImplemented: {message}")),
        };
    }
    let exception = format!("{}Exception", name.trim_end_matches("Exception"));
    let (error, cause) = match naming {
        Naming::Sdk => (
            format!("Sfn.{exception}"),
            format!(
                "{message} (Service: Sfn, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
            ),
        ),
        Naming::Optimized => (
            format!("StepFunctions.{exception}"),
            format!(
                "{message} (Service: AWSStepFunctions; Status Code: {status}; Error Code: {name}; Request ID: {request_id}; Proxy: null)"
            ),
        ),
    };
    TaskOutcome::Failed {
        error: Some(error),
        cause: Some(cause),
    }
}

/// `SdkHttpMetadata` of an optimized integration; names and order as recorded.
pub(crate) fn http_metadata(now: Timestamp, length: usize, request_id: &str) -> Value {
    let (length, date) = (length.to_string(), now.http_date());
    let content_type = states::CONTENT_TYPE;
    let mut all = Map::new();
    for (name, value) in [
        ("x-amzn-RequestId", request_id),
        ("connection", "keep-alive"),
        ("Content-Length", &length),
        ("Date", &date),
        ("Content-Type", content_type),
    ] {
        all.insert(name.to_string(), json!([value]));
    }
    json!({
        "AllHttpHeaders": all,
        "HttpHeaders": {
            "connection": "keep-alive",
            "Content-Length": length,
            "Content-Type": content_type,
            "Date": date,
            "x-amzn-RequestId": request_id,
        },
        "HttpStatusCode": 200,
    })
}

/// Bytes of the body as AWS writes it: seconds in scientific notation, `1.688128936435E9`.
fn wire_length(body: &[u8]) -> usize {
    // Ours has the same digits in another place: AWS's number is longer by `E9`, and shorter by the `.0` of a
    // full second only if more digits end in zero.
    let text = String::from_utf8_lossy(body);
    let Some((before, date)) = text.split_once("\"startDate\":") else {
        return body.len();
    };
    let number: String = date
        .chars()
        .take_while(|c| c.is_ascii_digit() || *c == '.')
        .collect();
    let digits = number.replace('.', "");
    let digits = digits.trim_end_matches('0').len().max(2);
    before.len() + "\"startDate\":".len() + digits + ".E9".len() + (date.len() - number.len())
}

#[cfg(test)]
mod tests {
    use super::wire_length;

    #[test]
    fn the_length_is_that_of_a_number_in_scientific_notation() {
        for (ours, theirs) in [
            (
                r#"{"startDate":1688128936.435}"#,
                r#"{"startDate":1.688128936435E9}"#,
            ),
            (
                r#"{"startDate":1688128936.43}"#,
                r#"{"startDate":1.68812893643E9}"#,
            ),
            (
                r#"{"startDate":1688128930.0}"#,
                r#"{"startDate":1.68812893E9}"#,
            ),
        ] {
            assert_eq!(wire_length(ours.as_bytes()), theirs.len(), "{ours}");
        }
    }
}
