//! The Runtime API to any other runtime: HTTP/1.1 on a port of 127.0.0.1 that belongs to one environment.

use std::convert::Infallible;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::{Answer, Body, Call, Endpoint, Headers, stream};
use crate::invocation::RESPONSE_BYTES_MAX;

pub(crate) struct Listener {
    address: SocketAddr,
    calls: mpsc::Receiver<Arrived>,
    /// What follows the last call: its body comes as it is written.
    streaming: Option<mpsc::Receiver<Call>>,
    /// Where the answer to the last call goes.
    last: Option<oneshot::Sender<Sent>>,
    /// Where the invocation goes: the open `next`.
    next: Option<oneshot::Sender<Sent>>,
    acceptor: JoinHandle<()>,
}

/// A call, where its answer goes, and where the parts of its body come from if it is a streamed response.
struct Arrived {
    call: Call,
    answer: oneshot::Sender<Sent>,
    parts: Option<mpsc::Receiver<Call>>,
}

/// What goes back over HTTP.
enum Sent {
    Invocation(Headers, Bytes),
    Answer(Answer),
}

impl Listener {
    /// Listens on a free port of 127.0.0.1.
    pub(crate) async fn bind() -> io::Result<Listener> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (sender, calls) = mpsc::channel(CALLS_MAX);
        let acceptor = tokio::spawn(accept(listener, sender));
        Ok(Listener {
            address,
            calls,
            streaming: None,
            last: None,
            next: None,
            acceptor,
        })
    }

    /// `host:port` for `AWS_LAMBDA_RUNTIME_API`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn call(&mut self) -> io::Result<Call> {
        if let Some(parts) = &mut self.streaming {
            let part = parts.recv().await;
            let part = part.unwrap_or_else(|| Call::StreamEnd {
                error: Some(stream::truncated()),
            });
            if matches!(part, Call::StreamEnd { .. }) {
                self.streaming = None;
            }
            return Ok(part);
        }
        let Arrived {
            call,
            answer,
            parts,
        } = self
            .calls
            .recv()
            .await
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        self.streaming = parts;
        match call {
            Call::Next { .. } => self.next = Some(answer),
            _ => self.last = Some(answer),
        }
        Ok(call)
    }

    pub(crate) fn invoke(&mut self, headers: &Headers, payload: &Bytes) -> io::Result<()> {
        let next = self.next.take().ok_or(io::ErrorKind::NotConnected)?;
        let sent = next.send(Sent::Invocation(headers.clone(), payload.clone()));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    pub(crate) fn answer(&mut self, answer: Answer) {
        if let Some(last) = self.last.take() {
            // A caller that hung up before its answer came has what it wanted.
            let _ = last.send(Sent::Answer(answer));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.acceptor.abort();
    }
}

async fn accept(listener: TcpListener, calls: mpsc::Sender<Arrived>) {
    let connections = std::sync::Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = connections
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let calls = calls.clone();
        tokio::spawn(async move {
            let service = service_fn(|request| serve(request, calls.clone()));
            // A connection that breaks is the runtime's affair: it connects again or dies.
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(permit);
        });
    }
}

async fn serve(
    request: Request<Incoming>,
    calls: mpsc::Sender<Arrived>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let endpoint = match Endpoint::parse(request.method().as_str(), request.uri().path()) {
        Ok(endpoint) => endpoint,
        Err(reason) => return Ok(respond(reason as u16, "{\"errorType\":\"NotFound\"}")),
    };
    let agent = request
        .headers()
        .get("user-agent")
        .and_then(|value| value.to_str().ok())
        .map(str::to_owned);
    let (sender, answer) = oneshot::channel();
    let streamed = streamed(&endpoint, &request);
    let is_sent = match streamed {
        Some(call) => stream_body(&calls, call, sender, request.into_body()).await,
        None => {
            let Some(body) = read(request.into_body()).await else {
                return Ok(respond(
                    400,
                    "{\"errorType\":\"InvalidRequest\",\"errorMessage\":\"the body broke off\"}",
                ));
            };
            let arrived = Arrived {
                call: endpoint.with_body(body, agent),
                answer: sender,
                parts: None,
            };
            calls.send(arrived).await.is_ok()
        }
    };
    if !is_sent {
        return Ok(respond(500, "{\"errorType\":\"EnvironmentEnded\"}"));
    }
    Ok(match answer.await {
        Ok(Sent::Invocation(headers, payload)) => {
            let mut response = Response::builder().header("Content-Type", "application/json");
            for (name, value) in headers {
                response = response.header(name, value);
            }
            response
                .body(Full::new(payload))
                .unwrap_or_else(|_| respond(500, "{\"errorType\":\"InvalidHeader\"}"))
        }
        Ok(Sent::Answer(answer)) => respond(answer.status(), answer.body()),
        Err(_) => respond(500, "{\"errorType\":\"EnvironmentEnded\"}"),
    })
}

/// The call of a response whose body is to be handed on while it comes.
fn streamed(endpoint: &Endpoint, request: &Request<Incoming>) -> Option<Call> {
    let text = |name: &str| request.headers().get(name)?.to_str().ok();
    let Endpoint::Response(request_id) = endpoint else {
        return None;
    };
    let is_streamed = text(stream::MODE_HEADER)
        .is_some_and(|mode| mode.eq_ignore_ascii_case(stream::MODE_STREAMING));
    is_streamed.then(|| Call::Streaming {
        request_id: request_id.clone(),
        content_type: text("content-type")
            .unwrap_or(stream::CONTENT_TYPE)
            .to_owned(),
    })
}

/// Hands a body on as it comes; whether the environment took it to its end.
///
/// A part is read when the one before is taken: a slow caller slows the runtime, never memory.
async fn stream_body(
    calls: &mpsc::Sender<Arrived>,
    call: Call,
    answer: oneshot::Sender<Sent>,
    mut body: Incoming,
) -> bool {
    let (sender, parts) = mpsc::channel(1);
    let arrived = Arrived {
        call,
        answer,
        parts: Some(parts),
    };
    if calls.send(arrived).await.is_err() {
        return false;
    }
    let mut error = None;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            error = Some(stream::truncated());
            break;
        };
        match frame.into_data() {
            Ok(data) if data.is_empty() => {}
            Ok(data) => {
                if sender.send(Call::Chunk(data)).await.is_err() {
                    return false;
                }
            }
            Err(frame) => {
                let Ok(trailers) = frame.into_trailers() else {
                    continue;
                };
                let text = |name: &str| trailers.get(name)?.to_str().ok();
                error = stream::error_of(
                    text(stream::ERROR_TYPE_TRAILER),
                    text(stream::ERROR_BODY_TRAILER),
                );
            }
        }
    }
    sender.send(Call::StreamEnd { error }).await.is_ok()
}

/// The whole body, or how long it was if it is too large; `None` if it broke off.
async fn read(mut incoming: Incoming) -> Option<Body> {
    let mut kept = BytesMut::new();
    let mut length: u64 = 0;
    while let Some(frame) = incoming.frame().await {
        let Ok(chunk) = frame.ok()?.into_data() else {
            continue;
        };
        length += chunk.len() as u64;
        if length <= RESPONSE_BYTES_MAX as u64 {
            kept.extend_from_slice(&chunk);
        }
    }
    let is_complete = length <= RESPONSE_BYTES_MAX as u64;
    Some(if is_complete {
        Body::Complete(kept.freeze())
    } else {
        Body::TooLarge(length)
    })
}

fn respond(status: u16, body: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = StatusCode::from_u16(status).expect("our own statuses are valid");
    response.headers_mut().insert(
        "Content-Type",
        hyper::header::HeaderValue::from_static("application/json"),
    );
    response
}

/// Calls of one runtime that wait to be looked at; a runtime makes one at a time.
const CALLS_MAX: usize = 8;
/// Connections one runtime may hold.
const CONNECTIONS_MAX: usize = 64;
