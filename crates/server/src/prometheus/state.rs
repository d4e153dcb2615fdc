//! What the server is doing at the moment: readiness, queues, connections, disk, functions.

use stepwell_telemetry::exposition::{Family, Kind};

use super::{family, number, sample};
use crate::http::Services;
use crate::log_writer::QueueLoad;
use crate::shard;
use crate::standing::Unready;

pub(super) fn families(services: &Services) -> Vec<Family> {
    let mut families = standing(services);
    families.extend(inbox(services));
    families.extend(pool(services));
    families.extend(telemetry(services));
    families
}

fn standing(services: &Services) -> Vec<Family> {
    let standing = services.functions.handle.standing();
    let unready = standing.unready(shard::now());
    let reasons = [
        Unready::Recovering,
        Unready::Failed,
        Unready::Draining,
        Unready::Stalled,
        Unready::LowOnDisk,
    ];
    let is = |reason| f64::from(u8::from(unready == Some(reason)));
    let (connections, connections_max) = services.connections.load();
    let (body_bytes, body_bytes_max) = services.room.load();
    vec![
        family(
            "stepwell_build_info",
            "Always 1; the version of the server.",
            Kind::Gauge,
            vec![sample("version", env!("CARGO_PKG_VERSION"), 1.0)],
        ),
        number(
            "stepwell_ready",
            "1 if the server takes work, as /ready says.",
            Kind::Gauge,
            f64::from(u8::from(unready.is_none())),
        ),
        family(
            "stepwell_unready",
            "1 for the reason that the server takes no work for.",
            Kind::Gauge,
            reasons
                .map(|reason| sample("reason", reason.name(), is(reason)))
                .into(),
        ),
        number(
            "stepwell_shard_last_round_timestamp_seconds",
            "When the shard's thread came around last, in seconds since 1970.",
            Kind::Gauge,
            standing.came_around_ms() as f64 / 1e3,
        ),
        number(
            "stepwell_disk_free_bytes",
            "What is free on the disk of the data.",
            Kind::Gauge,
            standing.disk_free() as f64,
        ),
        number(
            "stepwell_disk_floor_bytes",
            "Nothing new begins while less than this is free.",
            Kind::Gauge,
            services.limits.free_disk_bytes as f64,
        ),
        number(
            "stepwell_connections_open",
            "Connections of clients.",
            Kind::Gauge,
            connections as f64,
        ),
        number(
            "stepwell_connections_max",
            "Connections that may be open; on those beyond, only probes are answered.",
            Kind::Gauge,
            connections_max as f64,
        ),
        number(
            "stepwell_request_body_bytes",
            "Bytes of request bodies that are held.",
            Kind::Gauge,
            body_bytes as f64,
        ),
        number(
            "stepwell_request_body_bytes_max",
            "Bytes of request bodies that may be held.",
            Kind::Gauge,
            body_bytes_max as f64,
        ),
    ]
}

fn inbox(services: &Services) -> Vec<Family> {
    let load = services.functions.handle.load();
    let (commits, rows, bytes) = services.commits.counts();
    let (calls, call_bytes, deliveries) = services.in_flight.load();
    vec![
        family(
            "stepwell_shard_inbox_waiting",
            "Messages that wait for the shard's thread, by class.",
            Kind::Gauge,
            [
                ("start", load.starts),
                ("change", load.changes),
                ("outcome", load.outcomes),
            ]
            .map(|(class, count)| sample("class", class, count as f64))
            .into(),
        ),
        number(
            "stepwell_shard_inbox_waiting_bytes",
            "Bytes of the payloads of messages that wait.",
            Kind::Gauge,
            load.bytes as f64,
        ),
        number(
            "stepwell_shard_inbox_max",
            "Starts that may wait, and as many changes.",
            Kind::Gauge,
            services.limits.requests_waiting as f64,
        ),
        number(
            "stepwell_shard_inbox_throttled",
            "Requests that were refused because too many waited.",
            Kind::Counter,
            load.throttled as f64,
        ),
        number(
            "stepwell_shard_inbox_abandoned",
            "Requests that were dropped before they were carried out, because their client had gone.",
            Kind::Counter,
            load.abandoned as f64,
        ),
        number(
            "stepwell_shard_commits",
            "Durable commits that had rows.",
            Kind::Counter,
            commits as f64,
        ),
        number(
            "stepwell_shard_rows",
            "Rows written and deleted.",
            Kind::Counter,
            rows as f64,
        ),
        number(
            "stepwell_shard_row_bytes",
            "Bytes of keys and values written.",
            Kind::Counter,
            bytes as f64,
        ),
        number(
            "stepwell_timer_lag_seconds",
            "How late the first timer of an execution was when the shard last looked: Waits, time-outs, heartbeats, retries.",
            Kind::Gauge,
            services.functions.handle.standing().timer_lag_ms() as f64 / 1e3,
        ),
        number(
            "stepwell_tasks_in_flight",
            "Calls of tasks that have not ended.",
            Kind::Gauge,
            calls as f64,
        ),
        number(
            "stepwell_tasks_in_flight_bytes",
            "Bytes of the payloads of calls of tasks that have not ended.",
            Kind::Gauge,
            call_bytes as f64,
        ),
        number(
            "stepwell_deliveries_in_flight",
            "Attempts to deliver that have not ended.",
            Kind::Gauge,
            deliveries as f64,
        ),
    ]
}

fn pool(services: &Services) -> Vec<Family> {
    let load = services.functions.pool.load();
    vec![
        family(
            "stepwell_function_environments",
            "Environments of functions, by what they do.",
            Kind::Gauge,
            [
                ("starting", load.starting),
                ("idle", load.idle),
                ("busy", load.busy),
            ]
            .map(|(state, count)| sample("state", state, count as f64))
            .into(),
        ),
        number(
            "stepwell_function_invocations_in_flight",
            "Invocations of functions that run.",
            Kind::Gauge,
            load.running as f64,
        ),
        number(
            "stepwell_function_invocations_waiting",
            "Invocations of functions that wait for an environment.",
            Kind::Gauge,
            load.waiting as f64,
        ),
        number(
            "stepwell_function_invocations_placed",
            "Invocations of functions that got an environment.",
            Kind::Counter,
            load.placed as f64,
        ),
        number(
            "stepwell_function_invocations_waited",
            "Invocations of functions that waited for an environment.",
            Kind::Counter,
            load.waited as f64,
        ),
        number(
            "stepwell_function_cold_starts",
            "Invocations of functions that waited for the start of an environment.",
            Kind::Counter,
            load.cold as f64,
        ),
        number(
            "stepwell_function_environments_started",
            "Environments of functions that were started, those ahead of demand included.",
            Kind::Counter,
            load.started as f64,
        ),
        number(
            "stepwell_function_throttles",
            "Invocations of functions that were refused because too many ran or waited.",
            Kind::Counter,
            load.throttled as f64,
        ),
    ]
}

fn telemetry(services: &Services) -> Vec<Family> {
    let (waiting, bytes) = services.xray.queue.waiting();
    let counts = services.logs.queue.counts();
    let traces = services.xray.queue.counts();
    let queued = QueueLoad {
        waiting,
        bytes,
        dropped: traces.dropped,
    };
    let queues = [("logs", services.logs.queue.load()), ("traces", queued)];
    vec![
        number(
            "stepwell_logs_stored_bytes",
            "Bytes of log events as they are stored, packed.",
            Kind::Gauge,
            counts.stored_bytes as f64,
        ),
        number(
            "stepwell_logs_disk_bytes",
            "Bytes that the store of logs takes on the disk.",
            Kind::Gauge,
            counts.disk_bytes as f64,
        ),
        number(
            "stepwell_log_filters_dropped",
            "What metric filters and subscription filters found that had no room to go on.",
            Kind::Counter,
            counts.tapped_dropped as f64,
        ),
        family(
            "stepwell_trace_segments",
            "Segments of X-Ray by what became of them: received, and of these rejected; dropped for want of room.",
            Kind::Counter,
            [
                ("received", traces.received),
                ("rejected", traces.rejected),
                ("dropped", traces.dropped),
            ]
            .map(|(result, count)| sample("result", result, count as f64))
            .into(),
        ),
        family(
            "stepwell_telemetry_queue_depth",
            "What waits to be written, by kind.",
            Kind::Gauge,
            queues
                .map(|(queue, load)| sample("queue", queue, load.waiting as f64))
                .into(),
        ),
        family(
            "stepwell_telemetry_queue_bytes",
            "Bytes of what waits to be written, by kind.",
            Kind::Gauge,
            queues
                .map(|(queue, load)| sample("queue", queue, load.bytes as f64))
                .into(),
        ),
        family(
            "stepwell_telemetry_dropped",
            "What found no room and was dropped, by kind.",
            Kind::Counter,
            queues
                .map(|(queue, load)| sample("queue", queue, load.dropped as f64))
                .into(),
        ),
    ]
}
