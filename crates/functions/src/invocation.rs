use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;

/// One request to run a function.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// The handler's `context.awsRequestId`.
    pub request_id: String,
    /// ARN the handler sees as `context.invokedFunctionArn`, with the qualifier that was called.
    pub function_arn: String,
    /// JSON text, at most [`REQUEST_BYTES_MAX`] bytes; empty means `{}`.
    pub payload: Bytes,
    /// `X-Amzn-Trace-Id` for the handler.
    pub trace_id: Option<String>,
    /// Whether the parent in `trace_id` is the segment of this invocation, which its report then names.
    pub has_segment: bool,
    /// Base64 of a JSON object, as `X-Amz-Client-Context` carries it.
    pub client_context: Option<String>,
    /// Whether the reply carries the last [`LOG_TAIL_BYTES_MAX`] bytes of the log.
    pub log_tail: bool,
    /// Where the response goes while the handler writes it; `None`: it comes whole with the reply.
    pub stream: Option<StreamSink>,
}

/// The caller's end of a response that is handed on while the handler writes it.
///
/// A full sink stops the handler: what a slow caller does not take stays in the handler's process.
#[derive(Debug, Clone)]
pub struct StreamSink {
    sender: mpsc::Sender<StreamPart>,
}

/// A part of a streamed response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StreamPart {
    /// First, and once.
    Start {
        /// What the runtime calls the body, such as `application/octet-stream`.
        content_type: String,
    },
    /// Some bytes of the body, never none.
    Data(Bytes),
}

impl StreamSink {
    /// A sink, and the parts that come out of it.
    pub fn new() -> (StreamSink, mpsc::Receiver<StreamPart>) {
        let (sender, receiver) = mpsc::channel(STREAM_PARTS_MAX);
        (StreamSink { sender }, receiver)
    }

    /// Hands a part on. A caller that has gone is no reason to stop: the handler runs to its end.
    pub(crate) async fn send(&self, part: StreamPart) {
        // AWS: an invocation goes on when its client hangs up.
        let _ = self.sender.send(part).await;
    }

    /// Returns once there is room for a part, or nobody who would take it.
    pub(crate) async fn has_room(&self) {
        let _ = self.sender.reserve().await;
    }
}

/// What a function answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvokeReply {
    /// The handler's JSON, or Lambda's error object if `function_error` is set.
    pub payload: Bytes,
    /// Set when the function failed.
    pub function_error: Option<FunctionError>,
    /// The end of this invocation's log as text, if it was asked for.
    pub log_tail: Option<String>,
    /// The version that ran.
    pub executed_version: String,
    /// What the invocation took.
    pub figures: Figures,
}

/// The figures of one invocation, as REPORT tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Figures {
    /// When the invocation began, init left out: milliseconds since 1970, UTC.
    pub started_ms: i64,
    /// How long init took, if the environment was started for this invocation or ahead of it.
    pub init: Option<Duration>,
    /// Without init.
    pub duration: Duration,
    /// Whole milliseconds of `duration`, rounded up.
    pub billed_ms: u64,
    /// The most memory that the environment has used.
    pub memory_used_mb: u32,
    /// How the runtime ended.
    pub ending: Ending,
}

/// How an invocation ended for the platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Also a function that answered with its own error.
    Success,
    /// The function's timeout was over.
    Timeout,
    /// The runtime ended; the type of the error.
    Error(&'static str),
}

/// The value of `X-Amz-Function-Error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FunctionError {
    /// The only kind AWS still sends.
    Unhandled,
}

impl FunctionError {
    /// The header's text.
    pub fn as_str(self) -> &'static str {
        match self {
            FunctionError::Unhandled => "Unhandled",
        }
    }
}

/// Why a function was not run, or why its answer is unknown: failures of the service, not of the function.
///
/// One variant is one decision the caller can take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvokeError {
    /// Did not run; try again later (429 `TooManyRequestsException`).
    #[error("rate exceeded: {reason:?}, limit {limit}")]
    TooManyRequests {
        /// Which limit was reached.
        reason: ThrottleReason,
        /// Its value.
        limit: u32,
    },
    /// Did not run and never will with this configuration (502 `InvalidRuntimeException`).
    #[error("{0}")]
    InvalidRuntime(String),
    /// Did not run and never will with this package (502 `InvalidZipFileException`).
    #[error("{0}")]
    InvalidZipFile(String),
    /// Did not run: the payload or client context is not JSON (400 `InvalidRequestContentException`).
    #[error("{0}")]
    InvalidRequestContent(String),
    /// Did not run: the payload is too large (413 `RequestTooLargeException`).
    #[error(
        "request must be smaller than {limit} bytes for the InvokeFunction operation, got {length}"
    )]
    RequestTooLarge {
        /// Bytes received.
        length: usize,
        /// [`REQUEST_BYTES_MAX`].
        limit: usize,
    },
    /// Did not run: this machine could not start an environment (500 `ServiceException`).
    #[error("{0}")]
    Service(String),
    /// Did not run: its caller took it back while it waited for a place.
    #[error("the invocation was taken back before it began")]
    Revoked,
    /// The pool is stopping. `started` says whether the handler may have run.
    #[error("the function pool is shutting down")]
    ShuttingDown {
        /// False: the handler never saw the event, so running it elsewhere is safe.
        started: bool,
    },
}

/// The `Reason` of a `TooManyRequestsException`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ThrottleReason {
    /// The account's concurrency is used up.
    ConcurrentInvocationLimitExceeded,
    /// The function's reserved concurrency is used up.
    ReservedFunctionConcurrentInvocationLimitExceeded,
}

impl ThrottleReason {
    /// AWS's word.
    pub fn as_str(self) -> &'static str {
        match self {
            ThrottleReason::ConcurrentInvocationLimitExceeded => {
                "ConcurrentInvocationLimitExceeded"
            }
            ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded => {
                "ReservedFunctionConcurrentInvocationLimitExceeded"
            }
        }
    }
}

/// One log event of a function: one line, or one whole `console.*` message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Name of the function.
    pub function_name: String,
    /// Name of the log group.
    pub log_group: Arc<str>,
    /// Stream of the environment, `2024/01/31/[$LATEST]<32 hex>`.
    pub log_stream: Arc<str>,
    /// Invocation that was running, if any.
    pub request_id: Option<Arc<str>>,
    /// Milliseconds since 1970, UTC.
    pub timestamp_ms: i64,
    /// Without the line end; at most [`LOG_EVENT_BYTES_MAX`] bytes.
    pub text: String,
}

/// Receives log lines in the order an environment wrote them.
///
/// Called on the thread that read the line; a slow sink slows the function that logs, never memory.
pub type LogSink = Arc<dyn Fn(LogLine) + Send + Sync>;

/// AWS: synchronous request payload, 6 MB (Lambda quotas).
pub const REQUEST_BYTES_MAX: usize = 6_291_456;
/// AWS: synchronous response payload; the service allows 100 bytes more than 6 MB.
pub const RESPONSE_BYTES_MAX: usize = 6_291_556;
/// AWS: streamed response payload, 200 MB (Lambda quotas).
pub const STREAM_BYTES_MAX: u64 = 209_715_200;
/// Parts of a streamed response that wait for the caller; then the handler waits.
const STREAM_PARTS_MAX: usize = 8;
/// AWS: `X-Amz-Log-Result` carries the last 4 KB.
pub const LOG_TAIL_BYTES_MAX: usize = 4096;
/// AWS: largest CloudWatch Logs event, 256 KB; longer lines are cut there.
pub const LOG_EVENT_BYTES_MAX: usize = 262_144;
/// Bytes that a function logs in one invocation; what is more is counted and dropped. AWS names no bound.
pub const LOG_BYTES_MAX: usize = 16_777_216;
