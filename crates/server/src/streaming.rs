//! Replies that come as a function writes them.

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::Response;
use hyper::body::{Body, Frame};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde_json::json;
use stepwell_api::{event_stream, lambda};
use stepwell_functions::{Invocation, InvokeReply, StreamPart, StreamSink};
use tokio::sync::{mpsc, oneshot};

use crate::functions::{Functions, Unrun, unrun_error};

/// What an answer's body is: whole, or as it comes.
pub(crate) type ReplyBody = Either<Full<Bytes>, EventStream>;

/// A response of a function that has begun.
pub(crate) struct Streamed {
    /// What the function says that the body is; `None` if it failed before its first byte.
    pub(crate) content_type: Option<String>,
    /// The version that runs.
    pub(crate) executed_version: String,
    /// The bytes as they come; at its end, ask `end`.
    pub(crate) parts: mpsc::Receiver<StreamPart>,
    /// How the invocation ended. An error means that the service failed in the middle.
    pub(crate) end: oneshot::Receiver<Result<InvokeReply, Unrun>>,
}

impl Functions {
    /// Runs a function and hands its response on while it is written; returns when it has begun or has failed.
    ///
    /// - A function that does not stream gives its whole response as one part.
    /// - Who drops what is returned does not stop the function.
    /// - What is not read stops the handler: nothing gathers here but a few parts.
    pub(crate) async fn invoke_streaming(
        &self,
        function: &str,
        qualifier: Option<&str>,
        mut invocation: Invocation,
    ) -> Result<Streamed, Unrun> {
        let invocable = self.invocable(function, qualifier)?;
        let executed_version = invocable.row.version;
        let (sink, mut parts) = StreamSink::new();
        invocation.stream = Some(sink);
        let (sender, mut end) = oneshot::channel();
        let functions = self.clone();
        let (function, qualifier) = (function.to_string(), qualifier.map(str::to_string));
        tokio::spawn(async move {
            let invoked = functions.invoke(&function, qualifier.as_deref(), invocation);
            // Who has gone does not want the end.
            drop(sender.send(invoked.await));
        });
        let content_type = match parts.recv().await {
            Some(StreamPart::Start { content_type }) => Some(content_type),
            Some(StreamPart::Data(_)) => unreachable!("a stream begins with its start"),
            None => {
                // Nothing was written: the invocation is over, or was none.
                let ended = (&mut end).await.unwrap_or_else(|_| Err(lost()));
                let reply = ended?;
                let (sender, receiver) = oneshot::channel();
                drop(sender.send(Ok(reply)));
                end = receiver;
                None
            }
        };
        Ok(Streamed {
            content_type,
            executed_version,
            parts,
            end,
        })
    }

    /// InvokeWithResponseStream.
    pub(crate) async fn invoke_with_response_stream(
        &self,
        input: lambda::InvokeWithResponseStreamRequest,
        trace_id: Option<String>,
        request_id: &str,
    ) -> Result<Response<ReplyBody>, lambda::Error> {
        let mut response = Response::new(Either::Left(Full::default()));
        if input.invocation_type.as_deref() == Some("DryRun") {
            self.invocable(&input.function_name, input.qualifier.as_deref())
                .map_err(unrun_error)?;
            *response.status_mut() = hyper::StatusCode::NO_CONTENT;
            return Ok(response);
        }
        let invocation = Invocation {
            request_id: request_id.to_string(),
            function_arn: input.function_name.clone(),
            payload: Bytes::from(input.payload),
            trace_id,
            client_context: input.client_context,
            log_tail: input.log_type.as_deref() == Some("Tail"),
            stream: None,
        };
        let streamed = self
            .invoke_streaming(&input.function_name, input.qualifier.as_deref(), invocation)
            .await
            .map_err(unrun_error)?;
        tracing::debug!(content_type = ?streamed.content_type, "a streamed response has begun");
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(event_stream::CONTENT_TYPE),
        );
        for (name, text) in [
            ("x-amzn-requestid", request_id),
            ("x-amz-executed-version", &streamed.executed_version),
        ] {
            if let Ok(value) = HeaderValue::from_str(text) {
                headers.insert(name, value);
            }
        }
        *response.body_mut() = Either::Right(EventStream {
            parts: streamed.parts,
            end: Some(streamed.end),
        });
        Ok(response)
    }
}

/// The body of InvokeWithResponseStream: a message for each part, and one for the end.
pub(crate) struct EventStream {
    parts: mpsc::Receiver<StreamPart>,
    /// `None` once the last message is out.
    end: Option<oneshot::Receiver<Result<InvokeReply, Unrun>>>,
}

impl Body for EventStream {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            let this = &mut *self;
            let Some(end) = this.end.as_mut() else {
                return Poll::Ready(None);
            };
            let message = match this.parts.poll_recv(context) {
                Poll::Ready(Some(StreamPart::Start { .. })) => continue,
                Poll::Ready(Some(StreamPart::Data(bytes))) => {
                    event_stream::event("PayloadChunk", "application/octet-stream", &bytes)
                }
                Poll::Ready(None) => {
                    let Poll::Ready(ended) = Pin::new(end).poll(context) else {
                        return Poll::Pending;
                    };
                    this.end = None;
                    complete(ended.unwrap_or_else(|_| Err(lost())))
                }
                Poll::Pending => return Poll::Pending,
            };
            return Poll::Ready(Some(Ok(Frame::data(message.into()))));
        }
    }
}

/// The event `InvokeComplete`.
fn complete(ended: Result<InvokeReply, Unrun>) -> Vec<u8> {
    let mut event = json!({});
    match ended {
        Ok(reply) => {
            if let Some(error) = reply.function_error {
                event["ErrorCode"] = json!(error.as_str());
                event["ErrorDetails"] = json!(String::from_utf8_lossy(&reply.payload));
            }
            if let Some(tail) = reply.log_tail {
                event["LogResult"] = json!(STANDARD.encode(tail));
            }
        }
        Err(unrun) => {
            let error = unrun_error(unrun);
            event["ErrorCode"] = json!(error.name());
            event["ErrorDetails"] = json!(error.message);
        }
    }
    let event = event.to_string();
    event_stream::event("InvokeComplete", "application/json", event.as_bytes())
}

fn lost() -> Unrun {
    let text = "the invocation was lost in the server";
    Unrun::Refused(lambda::Error::service_exception(text))
}
