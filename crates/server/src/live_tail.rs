//! StartLiveTail: what is logged from now on, as events of a stream, until the caller goes.
//!
//! A session has a place in the log writer's list, and a buffer that the writer puts what matches into. It never waits:
//! what finds no room is left out, and the session says that it shows a sample.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use http_body_util::Either;
use hyper::Response;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use serde::Serialize;
use stepwell_api::{event_stream, logs};
use stepwell_functions::StreamPart;
use stepwell_telemetry::{FilterPattern, Scope};
use tokio::sync::{Notify, mpsc};

use crate::logs::LogOperations;
use crate::mask::Mask;
use crate::shard;
use crate::streaming::{Parts, ReplyBody};

/// Sessions at one time. AWS: 15 of an account and region, can be raised.
const SESSIONS_MAX: usize = 64;

/// Events of one update. AWS: 500 a second.
const UPDATE_EVENTS_MAX: usize = 500;

/// Bytes of the messages of one update.
const UPDATE_BYTES_MAX: usize = 1 << 20;

/// Between two updates, at least. AWS: a second.
const UPDATE_EVERY: Duration = Duration::from_millis(100);

/// A session that has nothing to tell says so. AWS: once a second.
const IDLE_UPDATE: Duration = Duration::from_secs(1);

/// AWS: a session ends after three hours.
const SESSION_MAX: Duration = Duration::from_secs(3 * 3_600);

/// Frames that wait for a caller who does not read.
const FRAMES_MAX: usize = 4;

/// The sessions that there are.
#[derive(Default)]
pub(crate) struct LiveTails {
    open: AtomicUsize,
    sessions: Mutex<Vec<Arc<Session>>>,
}

struct Session {
    /// Ids of its groups, and what the caller called them.
    groups: Vec<(String, String)>,
    names: Vec<String>,
    prefixes: Vec<String>,
    pattern: FilterPattern,
    /// Of a session that a page looks at.
    mask: Option<Arc<Mask>>,
    waiting: Mutex<Waiting>,
    has_events: Notify,
}

#[derive(Default)]
struct Waiting {
    events: VecDeque<logs::LiveTailSessionLogEvent>,
    bytes: usize,
    is_sample: bool,
}

/// An event that has just been logged.
pub(crate) struct Logged<'a> {
    pub(crate) group_id: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) timestamp_ms: i64,
    pub(crate) ingestion_ms: i64,
    pub(crate) message: &'a str,
}

impl LiveTails {
    /// Whether anybody looks.
    pub(crate) fn has_any(&self) -> bool {
        self.open.load(Ordering::Relaxed) > 0
    }

    /// Gives an event to the sessions that want it.
    pub(crate) fn offer(&self, event: &Logged) {
        for session in lock(&self.sessions).iter() {
            session.offer(event);
        }
    }

    /// Takes a place in the list; `None` if all are taken.
    fn enter(self: &Arc<Self>, session: Session) -> Option<Place> {
        let session = Arc::new(session);
        let mut sessions = lock(&self.sessions);
        if sessions.len() >= SESSIONS_MAX {
            return None;
        }
        sessions.push(Arc::clone(&session));
        self.open.store(sessions.len(), Ordering::Relaxed);
        drop(sessions);
        Some(Place {
            tails: Arc::clone(self),
            session,
        })
    }
}

/// A place in the list, until it is dropped.
struct Place {
    tails: Arc<LiveTails>,
    session: Arc<Session>,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut sessions = lock(&self.tails.sessions);
        sessions.retain(|session| !Arc::ptr_eq(session, &self.session));
        self.tails.open.store(sessions.len(), Ordering::Relaxed);
    }
}

impl Session {
    fn offer(&self, event: &Logged) {
        let Some((_, group)) = self.groups.iter().find(|(id, _)| id == event.group_id) else {
            return;
        };
        let is_of_stream = (self.names.is_empty() && self.prefixes.is_empty())
            || Scope::Names(&self.names).holds(event.stream)
            || Scope::Prefixes(&self.prefixes).holds(event.stream);
        if !is_of_stream || !self.pattern.matches(event.message) {
            return;
        }
        let mut waiting = lock(&self.waiting);
        let has_room = waiting.events.len() < UPDATE_EVENTS_MAX
            && (waiting.bytes == 0 || waiting.bytes + event.message.len() <= UPDATE_BYTES_MAX);
        if !has_room {
            waiting.is_sample = true;
            return;
        }
        waiting.bytes += event.message.len();
        waiting.events.push_back(logs::LiveTailSessionLogEvent {
            log_stream_name: Some(event.stream.to_owned()),
            log_group_identifier: Some(group.clone()),
            message: Some(event.message.to_owned()),
            timestamp: Some(event.timestamp_ms),
            ingestion_time: Some(event.ingestion_ms),
        });
        drop(waiting);
        self.has_events.notify_one();
    }

    fn update(&self) -> logs::LiveTailSessionUpdate {
        let mut taken = std::mem::take(&mut *lock(&self.waiting));
        if let Some(mask) = &self.mask {
            for message in taken
                .events
                .iter_mut()
                .filter_map(|event| event.message.as_mut())
            {
                *message = mask.text(message).into_owned();
            }
        }
        logs::LiveTailSessionUpdate {
            session_metadata: Some(logs::LiveTailSessionMetadata {
                sampled: Some(taken.is_sample),
            }),
            session_results: Some(taken.events.into()),
        }
    }
}

impl LogOperations {
    /// `StartLiveTail`.
    pub(crate) async fn start_live_tail(
        &self,
        body: &[u8],
        request_id: &str,
        mask: Option<Arc<Mask>>,
    ) -> Result<Response<ReplyBody>, logs::Error> {
        let input: logs::StartLiveTailRequest = logs::decode(body)?;
        let refused = logs::Error::invalid_parameter_exception;
        let names = input.log_stream_names.clone().unwrap_or_default();
        let prefixes = input.log_stream_name_prefixes.clone().unwrap_or_default();
        let has_streams = !(names.is_empty() && prefixes.is_empty());
        if has_streams && input.log_group_identifiers.len() > 1 {
            let text =
                "Log stream names and prefixes can only be specified with a single log group";
            return Err(refused(text));
        }
        if !names.is_empty() && !prefixes.is_empty() {
            let text =
                "logStreamNames and logStreamNamePrefixes are mutually exclusive parameters.";
            return Err(refused(text));
        }
        let pattern = input.log_event_filter_pattern.clone().unwrap_or_default();
        let pattern = FilterPattern::parse(&pattern).map_err(|error| {
            let text = format!("Invalid filter pattern: {}", error.0);
            logs::Error::invalid_parameter_exception(text)
        })?;
        // What waits to be written may be what makes a group.
        drop(self.queue.reader().await?);
        let mut groups = Vec::new();
        for identifier in &input.log_group_identifiers {
            let group = self.group(None, Some(identifier))?;
            groups.push((group.id, identifier.clone()));
        }
        let session = Session {
            groups,
            names,
            prefixes,
            pattern,
            mask,
            waiting: Mutex::default(),
            has_events: Notify::new(),
        };
        let Some(place) = self.queue.tails().enter(session) else {
            let text = format!("at most {SESSIONS_MAX} Live Tail sessions at one time");
            return Err(logs::Error::limit_exceeded_exception(text));
        };
        let start = logs::LiveTailSessionStart {
            request_id: Some(request_id.to_owned()),
            session_id: Some(shard::uuid()),
            log_group_identifiers: Some(input.log_group_identifiers),
            log_stream_names: input.log_stream_names,
            log_stream_name_prefixes: input.log_stream_name_prefixes,
            log_event_filter_pattern: input.log_event_filter_pattern,
        };
        let (sender, receiver) = mpsc::channel(FRAMES_MAX);
        let handle = self.handle.clone();
        tokio::spawn(async move {
            let is_over = move || handle.is_draining();
            run(place, start, sender, &is_over).await;
        });
        let mut response = Response::new(Either::Right(Parts::plain(receiver)));
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static(event_stream::CONTENT_TYPE),
        );
        if let Ok(value) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", value);
        }
        Ok(response)
    }
}

/// Tells a session what it wants, until its caller has gone, the server stops or three hours are over.
async fn run(
    place: Place,
    start: logs::LiveTailSessionStart,
    sender: mpsc::Sender<StreamPart>,
    is_over: &(dyn Fn() -> bool + Sync),
) {
    let begun = Instant::now();
    // AWS: the protocols that are called by name begin a stream with what is no event.
    let first = event_stream::event("initial-response", "application/x-amz-json-1.1", b"{}");
    if sender.send(StreamPart::Data(first.into())).await.is_err()
        || sender.send(event("sessionStart", &start)).await.is_err()
    {
        return;
    }
    loop {
        let idle = tokio::time::sleep(IDLE_UPDATE);
        tokio::select! {
            () = sender.closed() => return,
            () = place.session.has_events.notified() => {}
            () = idle => {}
        }
        if is_over() {
            return;
        }
        if begun.elapsed() > SESSION_MAX {
            let text = serde_json::json!({ "message": "Session has timed out." }).to_string();
            let end = event_stream::exception(
                "SessionTimeoutException",
                "application/json",
                text.as_bytes(),
            );
            drop(sender.send(StreamPart::Data(end.into())).await);
            return;
        }
        let update = place.session.update();
        if sender.send(event("sessionUpdate", &update)).await.is_err() {
            return;
        }
        tokio::time::sleep(UPDATE_EVERY).await;
    }
}

fn event(name: &str, payload: &impl Serialize) -> StreamPart {
    let json = serde_json::to_vec(payload).expect("a generated shape has text keys only");
    StreamPart::Data(event_stream::event(name, "application/json", &json).into())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
