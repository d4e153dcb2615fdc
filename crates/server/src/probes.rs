//! What an operator and their machines ask a server: is it alive, may it get work, and will it please stop taking any.

use hyper::body::Incoming;
use hyper::{HeaderMap, Method, Request};
use serde_json::{Value, json};
use stepwell_api::Reply;

use crate::caller;
use crate::http::{Services, error, json};
use crate::prometheus;
use crate::shard;
use crate::standing::{Standing, Unready};

/// A drain must carry this header. A web page cannot send it: a browser asks first whether it may, and is refused.
const DRAIN_HEADER: &str = "x-stepwell-drain";

/// Whether a path is one of ours, whatever the server is doing.
pub(crate) fn is_probe(path: &str) -> bool {
    matches!(path, "/health" | "/ready" | "/drain" | "/metrics")
}

/// The answer to a probe.
pub(crate) fn answer(services: &Services, request: Request<Incoming>, request_id: &str) -> Reply {
    let (parts, _) = request.into_parts();
    let (path, headers) = (parts.uri.path(), &parts.headers);
    if let Some(message) = caller::refusal(headers, &services.names) {
        return error(403, "AccessDeniedException", &message, request_id);
    }
    let standing = services.functions.handle.standing();
    match path {
        "/health" => {
            let (status, mut body) = health(standing);
            body["commits"] = services.commits.json();
            json(status, &body, request_id)
        }
        "/ready" => {
            let (status, body) = ready(services);
            json(status, &body, request_id)
        }
        "/metrics" => prometheus::answer(services, headers, request_id),
        // What stops the server is asked for by somebody it knows. Its own machine is nobody: a proxy may be on it.
        _ => match services.access.refusal(&parts, request_id) {
            Some(refusal) => refusal,
            None => drain(services, &parts.method, headers, request_id),
        },
    }
}

/// Whether the process should go on: 503 once only a restart helps.
fn health(standing: &Standing) -> (u16, Value) {
    match standing.failure() {
        Some(reason) => (503, json!({ "status": "failed", "reason": reason })),
        None => (200, json!({ "status": "ok" })),
    }
}

/// Whether the server should get work, why not, and how much of its limits is in use.
fn ready(services: &Services) -> (u16, Value) {
    let handle = &services.functions.handle;
    let standing = handle.standing();
    let unready = standing.unready(shard::now());
    let waiting = handle.load();
    let (calls, call_bytes, deliveries) = services.in_flight.load();
    let (connections, connections_max) = services.connections.load();
    let (body_bytes, body_bytes_max) = services.room.load();
    let body = json!({
        "status": unready.map_or("ready", Unready::name),
        "reason": unready.and_then(|unready| reason(unready, standing)),
        "load": {
            "waiting": {
                "starts": waiting.starts, "changes": waiting.changes, "outcomes": waiting.outcomes,
                "bytes": waiting.bytes, "max": services.limits.requests_waiting,
            },
            "throttled": waiting.throttled,
            "abandoned": waiting.abandoned,
            "tasks": { "inFlight": calls, "bytes": call_bytes },
            "deliveries": { "inFlight": deliveries },
            "connections": { "open": connections, "max": connections_max },
            "bodies": { "bytes": body_bytes, "max": body_bytes_max },
            "disk": { "freeBytes": standing.disk_free(), "floor": services.limits.free_disk_bytes },
        },
    });
    (if unready.is_some() { 503 } else { 200 }, body)
}

fn reason(unready: Unready, standing: &Standing) -> Option<String> {
    match unready {
        Unready::Failed => standing.failure().map(str::to_string),
        Unready::LowOnDisk => standing
            .low_disk()
            .map(|free| format!("{free} bytes are free, which is below the floor")),
        Unready::Stalled => Some("the shard's thread has not come around for seconds".to_string()),
        Unready::Recovering | Unready::Draining => None,
    }
}

/// Takes no more changes, begins no more tasks, and lets those in flight end. It never goes back.
fn drain(services: &Services, method: &Method, headers: &HeaderMap, request_id: &str) -> Reply {
    if *method != Method::POST {
        let text = "POST it: a drain changes something";
        return error(405, "MethodNotAllowedException", text, request_id);
    }
    if !headers.contains_key(DRAIN_HEADER) {
        let text = format!("a drain needs the header {DRAIN_HEADER}, with any value");
        return error(403, "AccessDeniedException", &text, request_id);
    }
    tracing::warn!("told to drain: no more changes are taken until the server is started again");
    services.functions.handle.drain();
    let (calls, _, deliveries) = services.in_flight.load();
    let body = json!({ "status": Unready::Draining.name(), "inFlight": calls + deliveries });
    json(200, &body, request_id)
}
