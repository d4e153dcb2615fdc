//! OTLP over gRPC, taken at a port of its own.
//!
//! Source: gRPC over HTTP/2: a message is a byte that says whether it is packed, its length in four bytes, and itself; the status
//! is in the trailers.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use stepwell_telemetry::otlp::Signal;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::receiver::{REQUEST_BYTES_MAX, Receiver, Refusal, code, unreadable};
use crate::access::Unread;
use crate::body::Unreadable;

/// Connections at one time; those beyond wait to be accepted.
const CONNECTIONS_MAX: usize = 64;

/// Requests of one connection at one time.
const STREAMS_MAX: u32 = 16;

/// A connection that says nothing for this time is asked whether it is there, and closed if it does not answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// Bytes before a message: whether it is packed, and its length.
const HEAD_BYTES: usize = 5;

/// How long a request may take to arrive.
const BODY_PATIENCE: Duration = Duration::from_secs(30);

/// The listener.
pub(crate) struct GrpcReceiver {
    listener: TcpListener,
    receiver: Arc<Receiver>,
}

impl GrpcReceiver {
    pub(crate) async fn bind(
        address: SocketAddr,
        receiver: Arc<Receiver>,
    ) -> std::io::Result<GrpcReceiver> {
        let listener = TcpListener::bind(address).await?;
        Ok(GrpcReceiver { listener, receiver })
    }

    /// Takes requests for as long as the runtime is there.
    pub(crate) async fn run(self) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        loop {
            // INVARIANT: nobody closes the semaphore.
            let Ok(place) = Arc::clone(&places).acquire_owned().await else {
                return;
            };
            let Ok((stream, peer)) = self.listener.accept().await else {
                // Without a pause an error that stays, such as no descriptor, would spin.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let receiver = Arc::clone(&self.receiver);
            tokio::spawn(async move {
                serve(stream, peer.ip(), receiver).await;
                drop(place);
            });
        }
    }
}

async fn serve(stream: TcpStream, peer: IpAddr, receiver: Arc<Receiver>) {
    let service = service_fn(move |request| {
        let receiver = Arc::clone(&receiver);
        async move { Ok::<_, Infallible>(answer(&receiver, request, peer).await) }
    });
    let served = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .await;
    if let Err(error) = served {
        tracing::debug!(%error, "a connection of OTLP over gRPC has ended");
    }
}

async fn answer(
    receiver: &Receiver,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Response<BoxBody<Bytes, Infallible>> {
    match taken(receiver, request, peer).await {
        Ok(message) => reply(Some(message), 0, ""),
        Err(refusal) => reply(None, refusal.code, &refusal.message),
    }
}

async fn taken(
    receiver: &Receiver,
    request: Request<Incoming>,
    peer: IpAddr,
) -> Result<Vec<u8>, Refusal> {
    let refuse = |code: u32, message: String| Refusal {
        status: 400,
        code,
        message,
    };
    if let Some(refusal) = receiver.refusal(peer, request.headers()) {
        return Err(refusal);
    }
    let path = request.uri().path();
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.method() == path);
    let signal = signal.ok_or_else(|| {
        refuse(
            code::UNIMPLEMENTED,
            format!("Stepwell does not implement {path}"),
        )
    })?;
    let is_gzip = match request
        .headers()
        .get("grpc-encoding")
        .map(HeaderValue::as_bytes)
    {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        Some(other) => {
            let other = String::from_utf8_lossy(other);
            let message = format!("the encoding '{other}' is not taken: gzip is, and none");
            return Err(refuse(code::UNIMPLEMENTED, message));
        }
    };
    // The frame's head beside the message.
    let body = receiver.room.read(
        Unread::of_anybody(request.into_body()),
        REQUEST_BYTES_MAX + HEAD_BYTES,
    );
    let read = tokio::time::timeout(BODY_PATIENCE, body).await;
    let (body, _share) = read
        .unwrap_or(Err(Unreadable::TooSlow))
        .map_err(|reason| Refusal {
            code: match reason {
                Unreadable::TooLarge | Unreadable::NoRoom => code::RESOURCE_EXHAUSTED,
                Unreadable::TooSlow | Unreadable::Broken(_) => code::UNAVAILABLE,
                Unreadable::Denied(..) => code::PERMISSION_DENIED,
            },
            ..unreadable(reason)
        })?;
    let message =
        frame(&body).map_err(|reason| refuse(code::INVALID_ARGUMENT, reason.to_string()))?;
    tokio::task::block_in_place(|| {
        let unpacked = match message {
            (true, packed) if is_gzip => Some(receiver.unpack(packed)?),
            (true, _) => {
                let message = "the message is packed, and grpc-encoding does not say how";
                return Err(refuse(code::INVALID_ARGUMENT, message.to_string()));
            }
            (false, _) => None,
        };
        let plain = unpacked
            .as_ref()
            .map_or(message.1, |(unpacked, _)| unpacked.as_slice());
        let partial = receiver.take(signal, plain, false)?;
        Ok(signal.encode_response(&partial))
    })
}

/// The one message of a body, and whether it is packed.
fn frame(body: &[u8]) -> Result<(bool, &[u8]), &'static str> {
    let (head, message) = body
        .split_at_checked(HEAD_BYTES)
        .ok_or("the message has no head")?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    if message.len() != length as usize {
        return Err("the message has another length than its head says");
    }
    match head[0] {
        0 => Ok((false, message)),
        1 => Ok((true, message)),
        _ => Err("the head of the message does not say whether it is packed"),
    }
}

fn reply(message: Option<Vec<u8>>, code: u32, told: &str) -> Response<BoxBody<Bytes, Infallible>> {
    let mut framed = Vec::new();
    if let Some(message) = message {
        framed.push(0);
        // INVARIANT: an answer is a few hundred bytes.
        framed.extend(
            u32::try_from(message.len())
                .unwrap_or_default()
                .to_be_bytes(),
        );
        framed.extend(message);
    }
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from(code));
    if let Ok(told) = HeaderValue::from_str(&percent_encoded(told)) {
        trailers.insert("grpc-message", told);
    }
    let body = Full::new(Bytes::from(framed)).with_trailers(async move { Some(Ok(trailers)) });
    let mut response = Response::new(body.boxed());
    let headers = response.headers_mut();
    headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    response
}

/// gRPC: all but printable ASCII, and the per cent sign.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b' '..=b'~' if byte != b'%' => encoded.push(byte.into()),
            byte => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_one_message_of_the_length_that_it_says() {
        assert_eq!(frame(&[0, 0, 0, 0, 2, 7, 8]), Ok((false, &[7, 8][..])));
        assert_eq!(frame(&[1, 0, 0, 0, 0]), Ok((true, &[][..])));
        for body in [
            &[][..],
            &[0, 0, 0, 0],
            &[0, 0, 0, 0, 2, 7],
            &[0, 0, 0, 0, 0, 7],
            &[2, 0, 0, 0, 0],
        ] {
            frame(body).expect_err("it is none");
        }
        assert_eq!(percent_encoded("a é%"), "a %C3%A9%25");
    }
}
