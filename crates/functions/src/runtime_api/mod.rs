//! The Lambda Runtime API, version 2018-06-01, as seen from the service.
//!
//! One connection (our own bootstrap, on a private socket pair) or one listener (any other runtime, on 127.0.0.1)
//! belongs to one environment: that is how a caller is identified.
//!
//! Source: docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html.

mod direct;
mod listener;
mod stream;

use std::io;

use bytes::Bytes;

pub(crate) use direct::Direct;
pub(crate) use listener::Listener;

/// One call of the runtime.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// `GET invocation/next`.
    Next { user_agent: Option<String> },
    /// `POST invocation/{id}/response`.
    Response { request_id: String, body: Body },
    /// `POST invocation/{id}/response` of which the body comes as it is written: [`Call::Chunk`]s, then
    /// [`Call::StreamEnd`], then its answer.
    Streaming {
        request_id: String,
        content_type: String,
    },
    /// A part of the body of [`Call::Streaming`], never empty.
    Chunk(Bytes),
    /// The end of the body of [`Call::Streaming`]; the error object if the handler failed in the middle of it.
    StreamEnd { error: Option<Bytes> },
    /// `POST invocation/{id}/error`.
    Error { request_id: String, body: Body },
    /// `POST init/error`.
    InitError { body: Body },
}

/// A request body, read up to [`crate::RESPONSE_BYTES_MAX`].
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    Complete(Bytes),
    /// It was longer; this many bytes came and were dropped.
    TooLarge(u64),
}

/// What the runtime is told about a call other than `next`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted,
    TooLarge,
    InvalidRequestId,
    InvalidState,
}

impl Answer {
    pub(crate) fn status(self) -> u16 {
        match self {
            Answer::Accepted => 202,
            Answer::InvalidRequestId => 400,
            Answer::InvalidState => 403,
            Answer::TooLarge => 413,
        }
    }

    pub(crate) fn body(self) -> &'static str {
        match self {
            Answer::Accepted => "{\"status\":\"OK\"}\n",
            Answer::InvalidRequestId => {
                "{\"errorMessage\":\"Invalid request ID\",\"errorType\":\"InvalidRequestID\"}"
            }
            Answer::InvalidState => {
                "{\"errorMessage\":\"State transition is not allowed\",\"errorType\":\"InvalidStateTransition\"}"
            }
            Answer::TooLarge => {
                "{\"errorMessage\":\"Exceeded maximum allowed payload size (6291556 bytes).\",\"errorType\":\"RequestEntityTooLarge\"}"
            }
        }
    }
}

/// The headers of an answered `next`, in order.
pub(crate) type Headers = Vec<(&'static str, String)>;

/// The service's end towards one runtime.
pub(crate) enum Wire {
    Direct(Direct),
    Listener(Listener),
}

impl Wire {
    /// The runtime's next call; an error when it is gone. Safe to drop and call again.
    pub(crate) async fn call(&mut self) -> io::Result<Call> {
        match self {
            Wire::Direct(direct) => direct.call().await,
            Wire::Listener(listener) => listener.call().await,
        }
    }

    /// Answers the open `next` call with an invocation.
    pub(crate) async fn invoke(&mut self, headers: &Headers, payload: &Bytes) -> io::Result<()> {
        match self {
            Wire::Direct(direct) => direct.invoke(headers, payload).await,
            Wire::Listener(listener) => listener.invoke(headers, payload),
        }
    }

    /// Answers the call that came last.
    pub(crate) async fn answer(&mut self, answer: Answer) -> io::Result<()> {
        match self {
            Wire::Direct(direct) => direct.answer(answer).await,
            Wire::Listener(listener) => {
                listener.answer(answer);
                Ok(())
            }
        }
    }
}

/// A path and method of the API, without its body.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Next,
    Response(String),
    Error(String),
    InitError,
}

/// Why a request is no call: the HTTP status to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotACall {
    NotFound = 404,
    MethodNotAllowed = 405,
}

impl Endpoint {
    pub(crate) fn parse(method: &str, path: &str) -> Result<Endpoint, NotACall> {
        let path = path.split('?').next().unwrap_or(path);
        let rest = path
            .strip_prefix("/2018-06-01/runtime/")
            .ok_or(NotACall::NotFound)?;
        let endpoint = match rest.split('/').collect::<Vec<_>>()[..] {
            ["invocation", "next"] => Endpoint::Next,
            ["init", "error"] => Endpoint::InitError,
            ["invocation", id, "response"] => Endpoint::Response(id.to_owned()),
            ["invocation", id, "error"] => Endpoint::Error(id.to_owned()),
            _ => return Err(NotACall::NotFound),
        };
        let expected = if endpoint == Endpoint::Next {
            "GET"
        } else {
            "POST"
        };
        if method == expected {
            Ok(endpoint)
        } else {
            Err(NotACall::MethodNotAllowed)
        }
    }

    pub(crate) fn with_body(self, body: Body, user_agent: Option<String>) -> Call {
        match self {
            Endpoint::Next => Call::Next { user_agent },
            Endpoint::Response(request_id) => Call::Response { request_id, body },
            Endpoint::Error(request_id) => Call::Error { request_id, body },
            Endpoint::InitError => Call::InitError { body },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_methods_name_the_four_calls() {
        let parse = Endpoint::parse;
        assert_eq!(
            parse("GET", "/2018-06-01/runtime/invocation/next"),
            Ok(Endpoint::Next)
        );
        assert_eq!(
            parse("POST", "/2018-06-01/runtime/init/error"),
            Ok(Endpoint::InitError)
        );
        assert_eq!(
            parse("POST", "/2018-06-01/runtime/invocation/a-1/response"),
            Ok(Endpoint::Response("a-1".into()))
        );
        assert_eq!(
            parse("POST", "/2018-06-01/runtime/invocation/a-1/error"),
            Ok(Endpoint::Error("a-1".into()))
        );
        assert_eq!(
            parse("POST", "/2018-06-01/runtime/invocation/next"),
            Err(NotACall::MethodNotAllowed)
        );
        assert_eq!(
            parse("GET", "/2018-06-01/runtime/invocation/a-1/response"),
            Err(NotACall::MethodNotAllowed)
        );
        assert_eq!(
            parse("GET", "/2018-06-01/runtime/restore/next"),
            Err(NotACall::NotFound)
        );
        assert_eq!(parse("GET", "/"), Err(NotACall::NotFound));
    }
}
