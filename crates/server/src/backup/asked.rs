//! `/backup`: what an operator's command asks a running server for.

use hyper::Method;
use stepwell_api::Reply;

use super::Ask;
use crate::access::Unread;
use crate::http::{REQUEST_BYTES_MAX, Services, error, json, unreadable_reply};

/// `POST` begins a backup of what is durable now, `GET` tells how far the last one is.
pub(crate) async fn answer(
    services: &Services,
    method: &Method,
    incoming: Unread,
    request_id: &str,
) -> Reply {
    let backups = &services.backups;
    let read = services.room.read(incoming, REQUEST_BYTES_MAX).await;
    let (body, _share) = match read {
        Ok(read) => read,
        Err(unreadable) => return unreadable_reply(unreadable, REQUEST_BYTES_MAX, request_id),
    };
    if method == Method::GET {
        return json(200, &backups.shown(), request_id);
    }
    if method != Method::POST {
        let message = format!("/backup takes GET and POST, not {method}");
        return error(405, "MethodNotAllowed", &message, request_id);
    }
    let claimed = serde_json::from_slice::<Ask>(&body)
        .map_err(|reason| reason.to_string())
        .and_then(|ask| backups.claim(&ask));
    let claim = match claimed {
        Ok(claim) => claim,
        Err(reason) => return error(400, "ValidationException", &reason, request_id),
    };
    // The shard and the metrics while no transition of an alarm is on its way from these to that: one that the shard does
    // not have yet is still in the metrics.
    let held = services.metrics.alarms.hold().await;
    let store = services.functions.handle.snapshot();
    let metrics = services.metrics.queue.reader().await.ok();
    drop(held);
    // The logs after the shard: who finds an execution finds what it has logged.
    let logs = services.logs.queue.reader().await.ok();
    let traces = services.xray.queue.reader().await.ok();
    let mut sources = vec![("store", store)];
    sources.extend(logs.map(|logs| ("telemetry", logs.snapshot())));
    sources.extend(traces.map(|traces| ("traces", traces.snapshot())));
    sources.extend(metrics.map(|metrics| ("metrics", metrics.snapshot())));
    claim.start(sources);
    json(202, &backups.shown(), request_id)
}
