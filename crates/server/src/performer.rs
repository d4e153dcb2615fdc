//! Performs what a commit released: calls functions and reports what became of them.

use std::convert::Infallible;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use stepwell_api::catalogue::Naming;
use stepwell_api::lambda;
use stepwell_functions::{Invocation, InvokeError, InvokeReply};
use stepwell_integrations::Integrations;
use stepwell_service::{
    CallStyle, DeliveryOutcome, Effect, FunctionCall, Payload, Request, TaskOutcome, Unawaited,
    unawaited, unawaited_outcome,
};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::alarms::AlarmBook;
use crate::deliveries;
use crate::functions::{Functions, Unanswered, Unrun, unrun_error};
use crate::in_flight::InFlight;
use crate::shard::{now, uuid};
use crate::states;

/// Effects that wait for the performer; one more makes the shard's thread wait for it.
pub(crate) const EFFECTS_MAX: usize = 8_192;

/// Calls of a recovery that run at once; the others wait. A restart may find more tasks in flight than functions may
/// run together, and a task that is throttled spends one of its retries. New calls find room beside them.
const RECOVERED_AT_ONCE: usize = 500;

/// Performs effects until the shard is gone.
pub(crate) async fn run(
    functions: Functions,
    mut effects: mpsc::Receiver<Effect>,
    in_flight: Arc<InFlight>,
    integrations: Arc<Integrations>,
    alarms: AlarmBook,
) {
    let recovered = Arc::new(Semaphore::new(RECOVERED_AT_ONCE));
    while let Some(effect) = effects.recv().await {
        match effect {
            Effect::InvokeFunction(call) if functions.handle.is_draining() => {
                functions.handle.report(Request::ReturnTask {
                    execution: call.execution,
                    ticket: call.ticket,
                });
                in_flight.end((call.execution, call.ticket));
            }
            Effect::InvokeFunction(call) => {
                let key = (call.execution, call.ticket);
                let cancelled = in_flight.begin(key);
                let functions = functions.clone();
                let in_flight = Arc::clone(&in_flight);
                let recovered = call.is_recovered.then(|| Arc::clone(&recovered));
                tokio::spawn(async move {
                    let _place = match recovered {
                        // INVARIANT: nobody closes the semaphore.
                        Some(places) => places.acquire_owned().await.ok(),
                        None => None,
                    };
                    if let Some(request) = perform(&functions, *call, cancelled).await {
                        functions.handle.report(request);
                    }
                    in_flight.end(key);
                });
            }
            Effect::CallService(call) if functions.handle.is_draining() => {
                let (execution, ticket) = (call.execution, call.ticket);
                functions
                    .handle
                    .report(Request::ReturnTask { execution, ticket });
                in_flight.end((execution, ticket));
            }
            Effect::CallService(call) => {
                let key = (call.execution, call.ticket);
                let handle = functions.handle.clone();
                let in_flight = Arc::clone(&in_flight);
                tokio::spawn(async move {
                    handle.report(states::call(&handle, call).await);
                    in_flight.end(key);
                });
            }
            // It is durable, and made after the restart.
            Effect::Deliver(call) if functions.handle.is_draining() => {
                in_flight.end_delivery(call.number)
            }
            Effect::Deliver(call) => {
                let functions = functions.clone();
                let integrations = Arc::clone(&integrations);
                let in_flight = Arc::clone(&in_flight);
                tokio::spawn(async move {
                    let number = call.number;
                    let handle = functions.handle.clone();
                    let outcome = deliveries::outcome(functions, integrations, call).await;
                    let counted = &handle.instruments().deliveries;
                    match outcome {
                        DeliveryOutcome::Failed { .. } => counted.failed.add(1),
                        DeliveryOutcome::Returned => {}
                        DeliveryOutcome::Ran(_) | DeliveryOutcome::Delivered => {
                            counted.delivered.add(1)
                        }
                    }
                    handle.report(Request::EndDelivery { number, outcome });
                    in_flight.end_delivery(number);
                });
            }
            Effect::AuthorizeConnection(asked) => {
                let integrations = Arc::clone(&integrations);
                let handle = functions.handle.clone();
                tokio::spawn(async move {
                    let request = deliveries::authorize(&integrations, *asked).await;
                    handle.report(request);
                });
            }
            Effect::DeliveryGivenUp {
                what,
                target,
                origin,
                reason,
            } => {
                functions.handle.instruments().deliveries.given_up.add(1);
                alarms.given_up(&origin, &target, &reason);
                tracing::warn!(%target, %origin, "a delivery was given up: {reason}");
                functions.observers.given_up(what);
            }
            Effect::CancelTask { execution, ticket } => in_flight.end((execution, ticket)),
            Effect::RetireFunction {
                function_arn,
                revision_id,
            } => functions.pool.retire(&function_arn, revision_id.as_deref()),
            Effect::ProvisionFunction { function, version } => {
                functions.provision(&function, &version);
            }
            Effect::ValidateLogDelivery { .. } => {
                unreachable!("the shard's thread gives it to the log writer")
            }
        }
    }
}

/// Calls a function; what to tell the shard.
async fn perform(
    functions: &Functions,
    call: FunctionCall,
    cancelled: oneshot::Receiver<Infallible>,
) -> Option<Request> {
    let (execution, ticket) = (call.execution, call.ticket);
    let revoked = async {
        // INVARIANT: nothing is ever sent; the end of the sender is the news.
        let _ = cancelled.await;
    };
    match call_function(functions, &call, revoked).await {
        Performed::Ended(outcome) => Some(Request::CompleteTask {
            execution,
            ticket,
            outcome,
        }),
        Performed::NotStarted => Some(Request::ReturnTask { execution, ticket }),
        Performed::Unknown => None,
    }
}

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Performed {
    Ended(TaskOutcome),
    /// The server is stopping; it is safe to call again.
    NotStarted,
    /// Nobody waits for it any more, or its outcome is unknown.
    Unknown,
}

/// Calls a function, unless `revoked` ends before it has a place to run in.
pub(crate) async fn call_function(
    functions: &Functions,
    call: &FunctionCall,
    revoked: impl Future<Output = ()> + Send,
) -> Performed {
    let request_id = uuid();
    if let Some(asked) = unawaited(call) {
        let answered = call_unawaited(functions, call, asked, &request_id).await;
        let outcome = unawaited_outcome(now(), call, &request_id, answered);
        return Performed::Ended(outcome);
    }
    if let CallStyle::Operation {
        operation,
        is_callback,
    } = call.style
    {
        let answer = functions
            .operate(operation, &call.payload, &request_id)
            .await;
        return Performed::Ended(operated(call, answer, is_callback, &request_id));
    }
    let invocation = invocation(call, &request_id);
    let qualifier = call.qualifier.as_deref();
    let invoked = functions.invoke_unless(&call.function, qualifier, invocation, revoked);
    match invoked.await {
        Ok(reply) => Performed::Ended(outcome_of(call, &reply, &request_id)),
        Err(Unrun::Pool(InvokeError::ShuttingDown { started: false })) => Performed::NotStarted,
        Err(Unrun::Pool(InvokeError::Revoked | InvokeError::ShuttingDown { started: true })) => {
            Performed::Unknown
        }
        Err(unrun) => Performed::Ended(unrun_outcome(unrun, &call.style, &request_id)),
    }
}

/// How a task ends that called an operation which runs no function.
fn operated(
    call: &FunctionCall,
    answer: Result<Value, Unanswered>,
    is_callback: bool,
    request_id: &str,
) -> TaskOutcome {
    match answer {
        Ok(result) => integrated(result, is_callback),
        Err(Unanswered::Parameters(reasons)) => failed(
            "States.Runtime",
            format!(
                "The Parameters '{}' could not be used to start the Task: [{reasons}]",
                call.payload.text()
            ),
        ),
        // What is not built must never look like an answer that a definition can handle.
        Err(Unanswered::Refused(error)) if error.code == lambda::ErrorCode::NotImplemented => {
            failed(
                "States.Runtime",
                format!("NotImplemented: {}", error.message),
            )
        }
        Err(Unanswered::Refused(error)) => {
            unrun_outcome(Unrun::Refused(error), &call.style, request_id)
        }
    }
}

/// A call that does not wait for its function: of a test of a state. Those of executions never leave the shard.
async fn call_unawaited(
    functions: &Functions,
    call: &FunctionCall,
    asked: Result<Unawaited, lambda::Error>,
    request_id: &str,
) -> Result<(), lambda::Error> {
    let client_context = match asked? {
        Unawaited::Event(client_context) => client_context,
        Unawaited::DryRun => {
            let looked_up = functions.invocable(&call.function, call.qualifier.as_deref());
            return looked_up.map(drop).map_err(unrun_error);
        }
    };
    functions
        .take_event(
            call.function.clone(),
            call.qualifier.clone(),
            call.payload.text().to_string().into_bytes(),
            client_context,
            call.trace_header.clone(),
            request_id,
        )
        .await
}

fn invocation(call: &FunctionCall, request_id: &str) -> Invocation {
    let (log_tail, client_context) = match &call.style {
        CallStyle::Direct | CallStyle::Operation { .. } => (false, None),
        CallStyle::Integration {
            log_tail,
            client_context,
            ..
        } => (*log_tail, client_context.clone()),
    };
    Invocation {
        request_id: request_id.to_string(),
        function_arn: call.function.clone(),
        payload: call.payload.text().to_string().into(),
        trace_id: call.trace_header.clone(),
        has_segment: false,
        client_context,
        log_tail,
        stream: None,
    }
}

/// A function's reply becomes a result or an error.
fn outcome_of(call: &FunctionCall, reply: &InvokeReply, request_id: &str) -> TaskOutcome {
    let text = String::from_utf8_lossy(&reply.payload).into_owned();
    if let CallStyle::Integration {
        naming: Naming::Sdk,
        is_callback,
        ..
    } = &call.style
    {
        return integrated(sdk_result(&text, reply), *is_callback);
    }
    let is_direct = call.style == CallStyle::Direct;
    if reply.function_error.is_some() {
        return function_error(&text, is_direct);
    }
    let payload = match Payload::parse(text.as_str()) {
        Ok(payload) => payload,
        Err(error) => {
            return failed(
                "Lambda.Unknown",
                format!("the function returned a payload that is not JSON: {error}"),
            );
        }
    };
    match &call.style {
        CallStyle::Direct | CallStyle::Operation { .. } => TaskOutcome::Succeeded(payload),
        CallStyle::Integration { is_callback, .. } => {
            let trace_header = call.trace_header.as_deref();
            let result = invoke_result(&payload, &text, reply, request_id, trace_header);
            integrated(result, *is_callback)
        }
    }
}

fn integrated(result: Value, is_callback: bool) -> TaskOutcome {
    let result = Payload::from_value(result);
    if is_callback {
        TaskOutcome::Submitted(result)
    } else {
        TaskOutcome::Succeeded(result)
    }
}

/// The result of `aws-sdk:lambda:invoke`: what the SDK returns, sorted by name, the payload as text.
///
/// AWS: a function's own error is a result for the SDK, not an exception.
fn sdk_result(text: &str, reply: &InvokeReply) -> Value {
    let mut result = json!({ "ExecutedVersion": reply.executed_version });
    if let Some(error) = &reply.function_error {
        result["FunctionError"] = json!(error.as_str());
    }
    if let Some(tail) = &reply.log_tail {
        result["LogResult"] = json!(STANDARD.encode(tail));
    }
    result["Payload"] = json!(text);
    result["StatusCode"] = json!(200);
    result
}

/// AWS: the error's name is the payload's `errorType`; the cause is the payload, verbatim for a function
/// ARN and serialised anew for `lambda:invoke`.
fn function_error(text: &str, is_direct: bool) -> TaskOutcome {
    let parsed: Option<Value> = serde_json::from_str(text).ok();
    let name = parsed
        .as_ref()
        .and_then(|value| value.get("errorType"))
        .and_then(Value::as_str);
    match (name, &parsed) {
        (Some(name), Some(value)) => {
            let cause = if is_direct {
                text.to_string()
            } else {
                value.to_string()
            };
            failed(name, cause)
        }
        _ => {
            let cause = format!(
                "The cause could not be determined because Lambda did not return an error type. Returned payload: {text}"
            );
            failed("Lambda.Unknown", cause)
        }
    }
}

/// The result of `lambda:invoke`: Lambda's reply with its HTTP metadata.
///
/// AWS: members and header names as recorded.
fn invoke_result(
    payload: &Payload,
    text: &str,
    reply: &InvokeReply,
    request_id: &str,
    trace_header: Option<&str>,
) -> Value {
    let trace = trace_header.map_or_else(|| trace_root(request_id), str::to_string);
    let mut headers = vec![
        ("X-Amz-Executed-Version", reply.executed_version.clone()),
        ("x-amzn-Remapped-Content-Length", "0".to_string()),
        ("Connection", "keep-alive".to_string()),
        ("x-amzn-RequestId", request_id.to_string()),
        ("Content-Length", text.len().to_string()),
        ("Date", crate::shard::now().http_date()),
        ("X-Amzn-Trace-Id", trace),
        ("Content-Type", "application/json".to_string()),
    ];
    let log_result = reply.log_tail.as_ref().map(|tail| STANDARD.encode(tail));
    if let Some(log_result) = &log_result {
        headers.insert(0, ("X-Amz-Log-Result", log_result.clone()));
    }
    let all: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!([value])))
        .collect();
    let single: serde_json::Map<String, Value> = headers
        .iter()
        .map(|(name, value)| (name.to_string(), json!(value)))
        .collect();
    let mut result = json!({ "ExecutedVersion": reply.executed_version });
    if let Some(log_result) = log_result {
        result["LogResult"] = json!(log_result);
    }
    result["Payload"] = payload.value().clone();
    result["SdkHttpMetadata"] =
        json!({ "AllHttpHeaders": all, "HttpHeaders": single, "HttpStatusCode": 200 });
    result["SdkResponseMetadata"] = json!({ "RequestId": request_id });
    result["StatusCode"] = json!(200);
    result
}

/// A trace header for a call that came without one: not sampled.
fn trace_root(request_id: &str) -> String {
    let hex: String = request_id.chars().filter(char::is_ascii_hexdigit).collect();
    format!("Root=1-{}-{};Sampled=0", &hex[..8], &hex[8..])
}

/// What a task fails with when its function was not run.
///
/// AWS: the texts are those of the SDK that Step Functions uses.
fn unrun_outcome(unrun: Unrun, style: &CallStyle, request_id: &str) -> TaskOutcome {
    let is_sdk = matches!(
        style,
        CallStyle::Integration {
            naming: Naming::Sdk,
            ..
        } | CallStyle::Operation { .. }
    );
    let sdk = |message: &str, status: u16, code: &str| {
        if is_sdk {
            return format!(
                "{message} (Service: Lambda, Status Code: {status}, Request ID: {request_id}) (SDK Attempt Count: 1)"
            );
        }
        format!(
            "{message} (Service: AWSLambda; Status Code: {status}; Error Code: {code}; Request ID: {request_id}; Proxy: null)"
        )
    };
    match unrun {
        Unrun::Refused(error) => {
            let name = error.name();
            failed(
                &format!("Lambda.{name}"),
                sdk(&error.message, error.status(), name),
            )
        }
        Unrun::Store(error) => failed(
            "Lambda.ServiceException",
            sdk(&error.to_string(), 500, "ServiceException"),
        ),
        Unrun::Pool(error) => {
            let (name, status) = match &error {
                InvokeError::TooManyRequests { .. } => ("TooManyRequestsException", 429),
                InvokeError::InvalidRuntime(_) => ("InvalidRuntimeException", 502),
                InvokeError::InvalidZipFile(_) => ("InvalidZipFileException", 502),
                InvokeError::InvalidRequestContent(_) => ("InvalidRequestContentException", 400),
                InvokeError::RequestTooLarge { .. } => ("RequestTooLargeException", 413),
                InvokeError::Service(_)
                | InvokeError::Revoked
                | InvokeError::ShuttingDown { .. } => ("ServiceException", 500),
            };
            failed(
                &format!("Lambda.{name}"),
                sdk(&error.to_string(), status, name),
            )
        }
    }
}

fn failed(error: &str, cause: String) -> TaskOutcome {
    TaskOutcome::Failed {
        error: Some(error.to_string()),
        cause: Some(cause),
    }
}
