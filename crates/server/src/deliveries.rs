//! Deliveries: brings what a commit released to its target, and says what became of it.

use std::sync::Arc;

use stepwell_functions::{Invocation, InvokeError, InvokeReply};
use stepwell_integrations::{Failure, Integrations, Outgoing, TokenRequest, Webhook};
use stepwell_service::{
    Authorization, BusEvent, DeliveryAction, DeliveryCall, DeliveryOutcome, EventsRequest,
    FunctionReply, HttpCall, Message, Request, Timestamp, TokenCall,
};

use crate::functions::{Functions, Unrun, unrun_error};
use crate::observers::{Asynchronous, Incident};
use crate::shard::now;

/// What became of one attempt; a fault of ours is one that may go well later.
pub(crate) async fn outcome(
    functions: Functions,
    integrations: Arc<Integrations>,
    call: Box<DeliveryCall>,
) -> DeliveryOutcome {
    let attempt = async move { perform(&functions, &integrations, &call).await };
    // Without an outcome the delivery would be in flight until the server starts again.
    match tokio::spawn(attempt).await {
        Ok(outcome) => outcome,
        Err(error) => DeliveryOutcome::Failed {
            code: "500".to_string(),
            message: format!("ServiceException: the attempt broke off in the server: {error}"),
            is_retryable: true,
        },
    }
}

/// One attempt, to its end.
async fn perform(
    functions: &Functions,
    integrations: &Integrations,
    call: &DeliveryCall,
) -> DeliveryOutcome {
    match &call.action {
        DeliveryAction::Invoke {
            request_id,
            trace_header,
            client_context,
            queued_ms,
            answered,
            is_first,
        } => {
            if *is_first {
                functions.observers.happened(&Incident::EventReceived {
                    function_arn: call.target.clone(),
                });
            }
            let invocation = Invocation {
                request_id: request_id.clone(),
                function_arn: call.target.clone(),
                payload: call.payload.text().to_string().into(),
                trace_id: trace_header.clone(),
                has_segment: false,
                client_context: client_context.clone(),
                log_tail: false,
                stream: None,
            };
            let queued = Asynchronous {
                queued: Timestamp::from_millis(*queued_ms),
                attempt: answered + 1,
            };
            outcome_of(
                functions
                    .invoke_queued(&call.target, invocation, queued)
                    .await,
            )
        }
        DeliveryAction::Call(webhook) => {
            let token = webhook.token.as_ref().map(token_of);
            let request = webhook_of(&webhook.call);
            delivered(integrations.call(&request, token.as_ref()).await)
        }
        DeliveryAction::Send(message) => {
            let outgoing = outgoing(call.payload.text(), message);
            let now_ms = now().as_millis();
            delivered(integrations.send(&call.target, &outgoing, now_ms).await)
        }
    }
}

fn delivered(sent: Result<(), Failure>) -> DeliveryOutcome {
    match sent {
        Ok(()) => DeliveryOutcome::Delivered,
        Err(failure) => DeliveryOutcome::Failed {
            code: failure.code,
            message: failure.message,
            is_retryable: failure.is_retryable,
        },
    }
}

/// Asks for the token of a connection; what to tell the shard.
pub(crate) async fn authorize(integrations: &Integrations, asked: Authorization) -> Request {
    let refused = integrations.authorize(&token_of(&asked.token)).await.err();
    Request::Events(EventsRequest::EndAuthorization {
        connection: asked.connection,
        modified_ms: asked.modified_ms,
        refused: refused.map(|failure| failure.message),
    })
}

fn webhook_of(call: &HttpCall) -> Webhook {
    Webhook {
        method: call.method.clone(),
        url: call.url.clone(),
        headers: call.headers.clone(),
        body: call.body.clone(),
    }
}

fn token_of(token: &TokenCall) -> TokenRequest {
    TokenRequest {
        key: token.key.clone(),
        request: webhook_of(&token.call),
    }
}

fn outcome_of(invoked: Result<InvokeReply, Unrun>) -> DeliveryOutcome {
    let unrun = match invoked {
        Ok(reply) => {
            return DeliveryOutcome::Ran(FunctionReply {
                payload: String::from_utf8_lossy(&reply.payload).into_owned(),
                function_error: reply.function_error.map(|error| error.as_str().to_string()),
                executed_version: reply.executed_version,
            });
        }
        Err(Unrun::Pool(InvokeError::ShuttingDown { .. } | InvokeError::Revoked)) => {
            return DeliveryOutcome::Returned;
        }
        Err(unrun) => unrun,
    };
    let error = unrun_error(unrun);
    // AWS: throttles and system errors are tried again; what the request itself is wrong with stays wrong.
    let is_retryable = error.status() == 429 || error.status() >= 500 && error.status() != 501;
    DeliveryOutcome::Failed {
        // AWS: what a dead letter says is the HTTP status.
        code: error.status().to_string(),
        message: format!("{}: {}", error.name(), error.message),
        is_retryable,
    }
}

fn outgoing(body: &str, message: &Message) -> Outgoing {
    let event = message.event.clone();
    let BusEvent {
        source,
        detail_type,
        resources,
    } = event.unwrap_or_else(|| BusEvent {
        source: String::new(),
        detail_type: String::new(),
        resources: Vec::new(),
    });
    Outgoing {
        body: body.to_string(),
        attributes: message.attributes.clone(),
        group_id: message.group_id.clone(),
        source,
        detail_type,
        resources,
    }
}
