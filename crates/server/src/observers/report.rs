use std::sync::Arc;

use stepwell_functions::{Configuration, Figures, InvokeError, InvokeReply};
use stepwell_service::Timestamp;

/// An invocation of a function that has ended, or was refused.
#[derive(Debug)]
#[allow(dead_code, reason = "what only traces read comes with them")]
pub(crate) struct InvocationReport {
    pub(crate) request_id: String,
    /// What ran: name, ARN, version, memory.
    pub(crate) configuration: Arc<Configuration>,
    /// `TracingConfig` says `Active`.
    pub(crate) is_traced: bool,
    /// The ARN as it was invoked, with the qualifier if one was named.
    pub(crate) invoked_arn: String,
    /// The alias or version that was named.
    pub(crate) qualifier: Option<String>,
    /// `X-Amzn-Trace-Id` of the invocation.
    pub(crate) trace_header: Option<String>,
    /// When it was asked for; it may have waited for a place since.
    pub(crate) asked: Timestamp,
    /// Set if it was taken from the queue of events.
    pub(crate) asynchronous: Option<Asynchronous>,
    /// Invocations of the function, and of all functions, when it began.
    pub(crate) concurrency: (u32, u32),
    pub(crate) outcome: Outcome,
}

/// What is known of an event that a function has been given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Asynchronous {
    pub(crate) queued: Timestamp,
    /// 1 for the first one that the function answers.
    pub(crate) attempt: u32,
}

/// How an invocation went.
#[derive(Debug)]
#[allow(dead_code, reason = "what only traces read comes with them")]
pub(crate) enum Outcome {
    /// The function ran.
    Ran {
        figures: Figures,
        /// Whether it failed: `X-Amz-Function-Error` was set.
        is_failure: bool,
    },
    /// There was no room for it.
    Throttled,
    /// The service failed: whether the function ran is not known, or it did not.
    Unrun(String),
}

impl Outcome {
    /// What is told of an invocation; `None` where it was taken back or refused before it was one.
    pub(crate) fn of(invoked: &Result<InvokeReply, InvokeError>) -> Option<Outcome> {
        match invoked {
            Ok(reply) => Some(Outcome::Ran {
                figures: reply.figures,
                is_failure: reply.function_error.is_some(),
            }),
            Err(InvokeError::TooManyRequests { .. }) => Some(Outcome::Throttled),
            Err(
                InvokeError::InvalidRequestContent(_)
                | InvokeError::RequestTooLarge { .. }
                | InvokeError::Revoked
                | InvokeError::ShuttingDown { .. },
            ) => None,
            Err(error) => Some(Outcome::Unrun(error.to_string())),
        }
    }
}

/// Something that AWS counts and that is neither a history event nor an invocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Incident {
    /// An event was queued for a function.
    EventReceived { function_arn: String },
    /// An event went without the function having run successfully.
    EventDropped { function_arn: String },
    /// An event's dead letter could not be sent.
    DeadLetterFailed { function_arn: String },
    /// The record of an asynchronous invocation could not be sent to its destination.
    DestinationFailed { function_arn: String },
}
