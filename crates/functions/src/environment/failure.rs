//! What Lambda answers when the runtime, not the handler, gives an invocation its end.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use super::entrypoint::INVALID_ENTRYPOINT;
use super::process::Exit;
use super::report::Status;
use crate::invocation::RESPONSE_BYTES_MAX;
use crate::runtime_api::Body;
use crate::timestamp;

/// A failed invocation: the payload of the reply and how the log tells it.
pub(crate) struct Failure {
    pub(crate) payload: Bytes,
    pub(crate) status: Status,
    /// The message that goes to the log, if Lambda writes one.
    message: Option<String>,
}

impl Failure {
    /// The error object a runtime has posted, word for word.
    pub(crate) fn of_runtime(body: Body) -> Failure {
        match body {
            Body::Complete(payload) => Failure {
                payload,
                status: Status::Success,
                message: None,
            },
            Body::TooLarge(length) => Failure::too_large(length),
        }
    }

    /// The process ended in the middle of an invocation.
    pub(crate) fn exit(request_id: &str, exit: Exit) -> Failure {
        Failure::runtime(
            "Runtime.ExitError",
            format!("RequestId: {request_id} Error: {}", exit.describe()),
        )
    }

    /// There is no process: what was to be executed is not there, or cannot be.
    pub(crate) fn invalid_entrypoint(request_id: &str, problem: &str) -> Failure {
        Failure::runtime(
            INVALID_ENTRYPOINT,
            format!("RequestId: {request_id} Error: {problem}"),
        )
    }

    /// The process used more memory than the function has and was killed.
    pub(crate) fn out_of_memory(request_id: &str) -> Failure {
        let reason = Exit::Signal(libc::SIGKILL).describe();
        Failure::runtime(
            "Runtime.OutOfMemory",
            format!("RequestId: {request_id} Error: {reason}"),
        )
    }

    /// The function's timeout was over and the process was killed.
    pub(crate) fn timeout(request_id: &str, timeout: Duration) -> Failure {
        let text = format!("Task timed out after {:.2} seconds", timeout.as_secs_f64());
        let error_message = format!("RequestId: {request_id} Error: {text}");
        let message = format!(
            "{} {request_id} {text}",
            timestamp::iso(timestamp::now_ms())
        );
        Failure {
            payload: payload("Sandbox.Timedout", &error_message),
            status: Status::Timeout,
            message: Some(message),
        }
    }

    /// The response has more bytes than Lambda takes.
    pub(crate) fn too_large(length: u64) -> Failure {
        Failure::over(length, RESPONSE_BYTES_MAX as u64)
    }

    /// The response has more bytes than Lambda takes of its kind.
    pub(crate) fn over(length: u64, length_max: u64) -> Failure {
        let message = format!(
            "Response payload size ({length} bytes) exceeded maximum allowed payload size ({length_max} bytes)."
        );
        let payload = payload("Function.ResponseSizeTooLarge", &message);
        Failure {
            payload,
            status: Status::Success,
            message: Some(message),
        }
    }

    /// Lines to write before END.
    pub(crate) fn log_lines(&self) -> Vec<String> {
        self.message.iter().cloned().collect()
    }

    fn runtime(error_type: &'static str, message: String) -> Failure {
        Failure {
            payload: payload(error_type, &message),
            status: Status::Error(error_type),
            message: Some(format!("{message}\n{error_type}")),
        }
    }
}

fn payload(error_type: &str, message: &str) -> Bytes {
    Bytes::from(json!({ "errorType": error_type, "errorMessage": message }).to_string())
}
