//! Replies that come as a function writes them.

use std::pin::Pin;
use std::task::{Context, Poll};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use http_body_util::{Either, Full};
use hyper::body::{Body, Frame};
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, SET_COOKIE};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};
use stepwell_api::{event_stream, lambda};
use stepwell_functions::{Invocation, InvokeReply, StreamPart, StreamSink};
use tokio::sync::{mpsc, oneshot};

use crate::functions::{Functions, Unrun, unrun_error};

/// What an answer's body is: whole, or as it comes.
pub(crate) type ReplyBody = Either<Full<Bytes>, Parts>;

/// AWS: what a response is that begins with the head of an HTTP response.
const INTEGRATION: &str = "application/vnd.awslambda.http-integration-response";

/// AWS: what stands between that head and the body.
const DELIMITER: [u8; 8] = [0; 8];

/// Bytes of such a head.
const HEAD_BYTES_MAX: usize = 64 << 10;

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
            *response.status_mut() = StatusCode::NO_CONTENT;
            return Ok(response);
        }
        let invocation = Invocation {
            request_id: request_id.to_string(),
            function_arn: input.function_name.clone(),
            payload: Bytes::from(input.payload),
            trace_id,
            has_segment: false,
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
        *response.body_mut() = Either::Right(Parts {
            framing: Framing::EventStream,
            first: None,
            parts: streamed.parts,
            end: Some(streamed.end),
        });
        Ok(response)
    }
}

impl Streamed {
    /// The response as HTTP, for a function URL whose `InvokeMode` is `RESPONSE_STREAM`.
    ///
    /// - Status, headers and cookies are those of `awslambda.HttpResponseStream.from`, else 200 and the content type.
    /// - `None`: the function failed before its response began, or began it with something else than a head.
    pub(crate) async fn into_http(mut self) -> Option<Response<ReplyBody>> {
        let content_type = self.content_type.take()?;
        let mut response = Response::new(Either::Left(Full::default()));
        let first = if content_type == INTEGRATION {
            let (head, rest) = self.head().await?;
            put_head(&mut response, &serde_json::from_slice(&head).ok()?)?;
            rest
        } else {
            let value = HeaderValue::from_str(&content_type).ok()?;
            response.headers_mut().insert(CONTENT_TYPE, value);
            Bytes::new()
        };
        *response.body_mut() = Either::Right(Parts {
            framing: Framing::Raw,
            first: Some(first).filter(|first| !first.is_empty()),
            parts: self.parts,
            end: Some(self.end),
        });
        Some(response)
    }

    /// The head, and what of the body has come with it.
    async fn head(&mut self) -> Option<(Bytes, Bytes)> {
        let mut bytes = BytesMut::new();
        while bytes.len() <= HEAD_BYTES_MAX {
            let Some(StreamPart::Data(part)) = self.parts.recv().await else {
                return None;
            };
            bytes.extend_from_slice(&part);
            let at = bytes
                .windows(DELIMITER.len())
                .position(|window| window == DELIMITER);
            if let Some(at) = at {
                let head = bytes.split_to(at).freeze();
                return Some((head, bytes.split_off(DELIMITER.len()).freeze()));
            }
        }
        None
    }
}

/// Status, headers and cookies of `{"statusCode", "headers", "cookies"}`; `None` if they are none of HTTP.
fn put_head(response: &mut Response<ReplyBody>, head: &Value) -> Option<()> {
    if let Some(status) = head["statusCode"].as_u64() {
        let status = u16::try_from(status).ok()?;
        *response.status_mut() = StatusCode::from_u16(status).ok()?;
    }
    let headers = response.headers_mut();
    for (name, value) in head["headers"].as_object().into_iter().flatten() {
        let text = match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.insert(name, HeaderValue::from_str(&text).ok()?);
    }
    for cookie in head["cookies"].as_array().into_iter().flatten() {
        headers.append(SET_COOKIE, HeaderValue::from_str(cookie.as_str()?).ok()?);
    }
    // AWS: what says nothing else is JSON.
    headers
        .entry(CONTENT_TYPE)
        .or_insert(HeaderValue::from_static("application/json"));
    Some(())
}

/// The body of a reply that comes as a function writes it.
pub(crate) struct Parts {
    framing: Framing,
    /// What comes before the parts; raw bodies only.
    first: Option<Bytes>,
    parts: mpsc::Receiver<StreamPart>,
    /// `None` once all is out.
    end: Option<oneshot::Receiver<Result<InvokeReply, Unrun>>>,
}

impl Parts {
    /// A body of what comes from elsewhere than a function. It ends when the sender goes.
    pub(crate) fn plain(parts: mpsc::Receiver<StreamPart>) -> Parts {
        // Nobody tells its end but the parts.
        let (_, end) = oneshot::channel();
        Parts {
            framing: Framing::Plain,
            first: None,
            parts,
            end: Some(end),
        }
    }
}

/// How parts become bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// A message for each part, and one for the end.
    EventStream,
    /// The parts alone; an error breaks the body off.
    Raw,
    /// The parts alone, and nobody says how they ended.
    Plain,
}

impl Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let this = &mut *self;
        if let Some(first) = this.first.take() {
            return Poll::Ready(Some(Ok(Frame::data(first))));
        }
        loop {
            let Some(end) = this.end.as_mut() else {
                return Poll::Ready(None);
            };
            let bytes = match this.parts.poll_recv(context) {
                Poll::Ready(Some(StreamPart::Start { .. })) => continue,
                Poll::Ready(Some(StreamPart::Data(bytes))) => match this.framing {
                    Framing::Raw | Framing::Plain => bytes,
                    Framing::EventStream => {
                        event_stream::event("PayloadChunk", "application/octet-stream", &bytes)
                            .into()
                    }
                },
                Poll::Ready(None) if this.framing == Framing::Plain => {
                    return Poll::Ready(None);
                }
                Poll::Ready(None) => {
                    let Poll::Ready(ended) = Pin::new(end).poll(context) else {
                        return Poll::Pending;
                    };
                    this.end = None;
                    let ended = ended.unwrap_or_else(|_| Err(lost()));
                    match (this.framing, ended) {
                        (Framing::EventStream, ended) => complete(ended).into(),
                        (Framing::Raw, Ok(reply)) if reply.function_error.is_none() => continue,
                        (Framing::Raw | Framing::Plain, _) => {
                            let text = "the function failed in the middle of its response";
                            return Poll::Ready(Some(Err(std::io::Error::other(text))));
                        }
                    }
                }
                Poll::Pending => return Poll::Pending,
            };
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
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

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// A response of these parts that has ended as `function_error` says.
    fn streamed(content_type: &str, parts: &[&[u8]], is_failed: bool) -> Streamed {
        let (sender, receiver) = mpsc::channel(parts.len().max(1));
        for part in parts {
            let part = StreamPart::Data(Bytes::copy_from_slice(part));
            sender.try_send(part).expect("there is room");
        }
        let (told, end) = oneshot::channel();
        let reply = InvokeReply {
            payload: Bytes::new(),
            function_error: is_failed.then_some(stepwell_functions::FunctionError::Unhandled),
            log_tail: None,
            executed_version: "1".to_string(),
            figures: stepwell_functions::Figures {
                started_ms: 0,
                init: None,
                duration: std::time::Duration::ZERO,
                billed_ms: 0,
                memory_used_mb: 0,
                ending: stepwell_functions::Ending::Success,
            },
        };
        told.send(Ok(reply)).expect("somebody waits");
        Streamed {
            content_type: Some(content_type.to_string()),
            executed_version: "1".to_string(),
            parts: receiver,
            end,
        }
    }

    #[tokio::test]
    async fn the_head_of_a_streamed_http_response_may_come_in_any_parts() {
        let head = r#"{"statusCode":201,"headers":{"x-n":7},"cookies":["a=b","c=d"]}"#;
        let whole = [head.as_bytes(), &DELIMITER, b"body"].concat();
        for cut in 1..whole.len() {
            let (first, second) = whole.split_at(cut);
            let streamed = streamed(INTEGRATION, &[first, second], false);
            let response = streamed.into_http().await.expect("a head");
            assert_eq!(response.status(), 201);
            let headers = response.headers();
            assert_eq!(headers["x-n"], "7");
            assert_eq!(headers[CONTENT_TYPE], "application/json");
            assert_eq!(headers.get_all(SET_COOKIE).iter().count(), 2);
            let body = response.into_body().collect().await.expect("a body");
            assert_eq!(body.to_bytes(), "body", "{cut}");
        }
    }

    #[tokio::test]
    async fn a_failure_in_the_middle_breaks_the_body_off() {
        let response = streamed("text/html", &[b"<p>"], true).into_http().await;
        let mut body = response.expect("a response").into_body();
        let part = body.frame().await.expect("a part").expect("it is whole");
        assert_eq!(part.into_data().expect("data"), "<p>");
        assert!(body.frame().await.expect("the end").is_err());
    }

    #[tokio::test]
    async fn what_is_no_head_is_no_response() {
        for parts in [
            &[b"{}".as_slice()] as &[&[u8]],
            &[b"{\0\0\0\0\0\0\0\0"],
            &[],
        ] {
            let response = streamed(INTEGRATION, parts, false).into_http().await;
            assert!(response.is_none(), "{parts:?}");
        }
        let large = vec![b'x'; HEAD_BYTES_MAX + 1];
        let response = streamed(INTEGRATION, &[&large], false).into_http().await;
        assert!(response.is_none());
    }
}
