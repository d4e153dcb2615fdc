//! What a front calls: a function, or Step Functions through the door that everybody uses.

use std::time::Duration;

use bytes::Bytes;
use stepwell_functions::{Invocation, InvokeError};
use stepwell_gateway::{Backend, HttpRequest, Outcome, Target};

use crate::functions::Unrun;
use crate::http::Services;
use crate::states;

/// Calls what a request leads to, and waits no longer than its route does.
pub(super) async fn perform(
    services: &Services,
    backend: Backend,
    request: &HttpRequest,
    request_id: &str,
) -> Outcome {
    let patience = Duration::from_millis(backend.timeout_ms);
    let called = async {
        match backend.target {
            Target::Function { function, payload } => {
                invoke(services, function, payload, request, request_id).await
            }
            Target::Service { operation, body } => {
                let target = format!("AWSStepFunctions.{operation}");
                let reply = states::answer(
                    &services.functions,
                    &services.tests,
                    &services.rates,
                    &target,
                    &body,
                    request.header("x-amzn-trace-id").map(str::to_string),
                    request_id,
                )
                .await;
                Outcome::Service {
                    status: reply.status,
                    body: reply.body,
                }
            }
        }
    };
    tokio::time::timeout(patience, called)
        .await
        .unwrap_or(Outcome::TimedOut)
}

async fn invoke(
    services: &Services,
    function: String,
    payload: Vec<u8>,
    request: &HttpRequest,
    request_id: &str,
) -> Outcome {
    let invocation = invocation(&function, payload, request, request_id);
    let functions = services.functions.clone();
    // AWS: a function runs on when nobody waits for it any more. So the call outlives its request.
    let invoked =
        tokio::spawn(async move { functions.invoke(&function, None, invocation).await }).await;
    match invoked {
        Ok(Ok(reply)) => Outcome::Function {
            failed: reply.function_error.is_some(),
            payload: reply.payload.to_vec(),
        },
        Ok(Err(unrun)) => unavailable(&unrun),
        Err(_) => Outcome::Unavailable { throttled: false },
    }
}

pub(super) fn invocation(
    function: &str,
    payload: Vec<u8>,
    request: &HttpRequest,
    request_id: &str,
) -> Invocation {
    Invocation {
        request_id: request_id.to_string(),
        function_arn: function.to_string(),
        payload: Bytes::from(payload),
        trace_id: request.header("x-amzn-trace-id").map(str::to_string),
        has_segment: false,
        client_context: None,
        log_tail: false,
        stream: None,
    }
}

/// What a function that did not run is to its caller.
pub(super) fn unavailable(unrun: &Unrun) -> Outcome {
    tracing::debug!(?unrun, "a function that an API or a URL calls did not run");
    let throttled = matches!(unrun, Unrun::Pool(InvokeError::TooManyRequests { .. }));
    Outcome::Unavailable { throttled }
}
