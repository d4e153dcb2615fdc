//! Takes what programs that are instrumented with OpenTelemetry send: functions first of all.
//!
//! Source: OTLP specification 1.x, "OTLP/HTTP". Errors are `google.rpc.Status`, in the form that the request had.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::http::request::Parts;
use hyper::{Method, Request};
use serde_json::json;
use stepwell_api::Reply;
use stepwell_functions::LogLine;
use stepwell_telemetry::otlp::{
    Accumulated, Malformed, Partial, ReceivedPoint, Signal, encode_status, received_logs,
    received_points, received_segments,
};

use super::OtlpSenders;
use crate::access::Unread;
use crate::body::{Room, Share, Unreadable};
use crate::caller;
use crate::http::Services;
use crate::log_writer::LogQueue;
use crate::prometheus::Instruments;
use crate::shard::now;

/// Largest request, as it is sent and as it is unpacked.
pub(super) const REQUEST_BYTES_MAX: usize = 8 << 20;

/// Codes of `google.rpc.Status`.
pub(super) mod code {
    pub(in crate::otlp) const INVALID_ARGUMENT: u32 = 3;
    pub(in crate::otlp) const PERMISSION_DENIED: u32 = 7;
    pub(in crate::otlp) const RESOURCE_EXHAUSTED: u32 = 8;
    pub(in crate::otlp) const UNIMPLEMENTED: u32 = 12;
    pub(in crate::otlp) const UNAVAILABLE: u32 = 14;
}

/// Where segment documents go; the reason if one is refused.
pub(crate) type SegmentSink = Box<dyn Fn(String) -> Result<(), String> + Send + Sync>;

/// Where values of metrics go; the reason if they are refused.
pub(crate) type PointSink = Box<dyn Fn(Vec<ReceivedPoint>) -> Result<(), String> + Send + Sync>;

/// What takes telemetry.
pub(crate) struct Receiver {
    pub(super) senders: OtlpSenders,
    pub(super) instruments: Arc<Instruments>,
    /// Of the bodies of all requests to this server.
    pub(crate) room: Arc<Room>,
    logs: Arc<LogQueue>,
    segments: SegmentSink,
    points: PointSink,
    accumulated: Mutex<Accumulated>,
}

/// Why a request was not taken at all.
#[derive(Debug)]
pub(super) struct Refusal {
    /// Of HTTP.
    pub(super) status: u16,
    /// Of `google.rpc.Status`.
    pub(super) code: u32,
    pub(super) message: String,
}

impl Refusal {
    fn malformed(Malformed(message): Malformed) -> Refusal {
        Refusal {
            status: 400,
            code: code::INVALID_ARGUMENT,
            message,
        }
    }
}

impl Receiver {
    pub(crate) fn new(
        senders: OtlpSenders,
        instruments: Arc<Instruments>,
        room: Arc<Room>,
        logs: Arc<LogQueue>,
        segments: SegmentSink,
        points: PointSink,
    ) -> Receiver {
        let now_ms = u64::try_from(now().as_millis()).unwrap_or_default();
        Receiver {
            senders,
            instruments,
            room,
            logs,
            segments,
            points,
            accumulated: Mutex::new(Accumulated::new(now_ms.saturating_mul(1_000_000))),
        }
    }

    /// Why telemetry of a peer is not taken.
    pub(super) fn refusal(&self, peer: IpAddr, headers: &HeaderMap) -> Option<Refusal> {
        // A proxy on this machine sends for others, and says so.
        let forwarded = ["forwarded", "x-forwarded-for", "via"];
        let is_forwarded = forwarded.iter().any(|name| headers.contains_key(*name));
        let message = match self.senders {
            OtlpSenders::Anybody => return None,
            OtlpSenders::Loopback if peer.to_canonical().is_loopback() && !is_forwarded => {
                return None;
            }
            OtlpSenders::Loopback => {
                "telemetry is taken of programs on this machine; `receive = \"any\"` in [telemetry.otlp] takes that of others too"
            }
            OtlpSenders::Nobody => {
                "telemetry is not taken: `receive` in [telemetry.otlp] is \"off\""
            }
        };
        Some(Refusal {
            status: 403,
            code: code::PERMISSION_DENIED,
            message: message.to_string(),
        })
    }

    /// A body without its gzip, and its share of the room of all bodies; may compute for some milliseconds.
    pub(super) fn unpack(&self, packed: &[u8]) -> Result<(Vec<u8>, Share), Refusal> {
        self.room
            .inflate(packed, REQUEST_BYTES_MAX)
            .map_err(unreadable)
    }

    /// Takes a request whose body is unpacked; may compute for some milliseconds.
    pub(super) fn take(
        &self,
        signal: Signal,
        body: &[u8],
        is_json: bool,
    ) -> Result<Partial, Refusal> {
        let counts = self.instruments.exports.of(signal);
        let request = match is_json {
            true => signal.decode_json(body),
            false => signal.decode(body),
        };
        let request = request.map_err(|malformed| {
            counts.malformed.add(1);
            Refusal::malformed(malformed)
        })?;
        let now_ms = now().as_millis();
        let (taken, partial) = match signal {
            Signal::Traces => {
                let (documents, mut partial) = received_segments(&request);
                let mut taken = 0;
                for document in documents {
                    match (self.segments)(document) {
                        Ok(()) => taken += 1,
                        Err(reason) => refuse(&mut partial, 1, reason),
                    }
                }
                (taken, partial)
            }
            Signal::Metrics => {
                let (points, mut partial) = {
                    let accumulated = self.accumulated.lock();
                    let mut accumulated = accumulated.unwrap_or_else(PoisonError::into_inner);
                    received_points(&request, &mut accumulated, now_ms)
                };
                let count = points.len() as u64;
                match (self.points)(points) {
                    Ok(()) => (count, partial),
                    Err(reason) => {
                        refuse(&mut partial, count, reason);
                        (0, partial)
                    }
                }
            }
            Signal::Logs => {
                let (logs, partial) = received_logs(&request, now_ms);
                let count = logs.len() as u64;
                for log in logs {
                    self.logs.line(LogLine {
                        function_name: String::new(),
                        request_id: None,
                        log_group: log.group.into(),
                        log_stream: log.stream.into(),
                        timestamp_ms: log.timestamp_ms,
                        text: log.message,
                    });
                }
                (count, partial)
            }
        };
        counts.received.add(taken);
        counts.rejected.add(partial.rejected);
        Ok(partial)
    }
}

fn refuse(partial: &mut Partial, count: u64, reason: String) {
    if partial.rejected == 0 {
        partial.message = reason;
    }
    partial.rejected += count;
}

/// The signal that a path of OTLP over HTTP is of.
pub(crate) fn signal_of(method: &Method, path: &str) -> Option<Signal> {
    let signal = Signal::ALL
        .into_iter()
        .find(|signal| signal.path() == path)?;
    (*method == Method::POST).then_some(signal)
}

/// Answers a request of OTLP over HTTP.
pub(crate) async fn answer(
    services: &Services,
    signal: Signal,
    request: Request<Incoming>,
    peer: IpAddr,
    request_id: &str,
) -> Reply {
    let (parts, incoming) = request.into_parts();
    let is_json = is_json(&parts.headers);
    match taken(services, signal, &parts, incoming, peer, is_json).await {
        Ok(partial) => {
            let body = match is_json {
                true => signal.response(&partial).to_string().into_bytes(),
                false => signal.encode_response(&partial),
            };
            reply(200, is_json, body, request_id)
        }
        Err(refusal) => {
            let (code, message) = (refusal.code, &refusal.message);
            let body = match is_json {
                true => json!({ "code": code, "message": message })
                    .to_string()
                    .into_bytes(),
                false => encode_status(code, message),
            };
            let mut reply = reply(refusal.status, is_json, body, request_id);
            if matches!(refusal.status, 429 | 503) {
                reply.headers.push(("retry-after", "1".to_string()));
            }
            reply
        }
    }
}

async fn taken(
    services: &Services,
    signal: Signal,
    parts: &Parts,
    incoming: Incoming,
    peer: IpAddr,
    is_json: bool,
) -> Result<Partial, Refusal> {
    let receiver = &services.receiver;
    if let Some(message) = caller::refusal(&parts.headers, &services.names) {
        return Err(Refusal {
            status: 403,
            code: code::PERMISSION_DENIED,
            message,
        });
    }
    if let Some(refusal) = receiver.refusal(peer, &parts.headers) {
        return Err(refusal);
    }
    let content_type = header(&parts.headers, "content-type").unwrap_or_default();
    if !is_json && !content_type.starts_with("application/x-protobuf") {
        return Err(Refusal {
            status: 415,
            code: code::INVALID_ARGUMENT,
            message: format!(
                "the content type is '{content_type}': application/x-protobuf and application/json are taken"
            ),
        });
    }
    // Whose telemetry is taken is told by address: see [`OtlpSenders`].
    let unread = Unread::of_anybody(incoming);
    let read = services.room.read(unread, REQUEST_BYTES_MAX).await;
    let (body, _share) = read.map_err(unreadable)?;
    let unpacked = match header(&parts.headers, "content-encoding") {
        None | Some("" | "identity") => None,
        Some("gzip") => {
            let unpacked = tokio::task::block_in_place(|| receiver.unpack(&body));
            Some(unpacked?)
        }
        Some(other) => {
            return Err(Refusal {
                status: 415,
                code: code::INVALID_ARGUMENT,
                message: format!("the content encoding is '{other}': gzip is taken, and none"),
            });
        }
    };
    let body = unpacked.as_ref().map_or(&body, |(unpacked, _)| unpacked);
    tokio::task::block_in_place(|| receiver.take(signal, body, is_json))
}

pub(super) fn unreadable(unreadable: Unreadable) -> Refusal {
    let (status, code, message) = match unreadable {
        Unreadable::TooLarge => (
            413,
            code::INVALID_ARGUMENT,
            format!("the request is over the limit of {REQUEST_BYTES_MAX} bytes"),
        ),
        Unreadable::TooSlow => (
            408,
            code::UNAVAILABLE,
            "the request did not arrive in time".to_string(),
        ),
        Unreadable::NoRoom => (
            503,
            code::UNAVAILABLE,
            "the room for all request bodies is in use; send it again later".to_string(),
        ),
        Unreadable::Broken(error) => (
            400,
            code::INVALID_ARGUMENT,
            format!("the request broke off: {error}"),
        ),
        Unreadable::Denied(refusal, _) => {
            (403, code::PERMISSION_DENIED, refusal.message().to_string())
        }
    };
    Refusal {
        status,
        code,
        message,
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    header(headers, "content-type").is_some_and(|kind| kind.starts_with("application/json"))
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn reply(status: u16, is_json: bool, body: Vec<u8>, request_id: &str) -> Reply {
    let kind = if is_json {
        "application/json"
    } else {
        "application/x-protobuf"
    };
    Reply {
        status,
        headers: vec![
            ("x-amzn-requestid", request_id.to_string()),
            ("content-type", kind.to_string()),
        ],
        body,
    }
}
