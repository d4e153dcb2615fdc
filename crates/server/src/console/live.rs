//! The live stream of the console: which executions have changed, once the change is committed.
//!
//! A message names executions; what became of them is read with the AWS API. Messages are numbered, and the last ones
//! are kept for all clients together: who comes back says which one was the last, and gets those after it. Who was
//! away for longer, or comes from another run of the server, is told to read again what it shows. Nothing is kept for a
//! single client, and nothing is gathered while there is none: the first one after that reads again as well.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Either;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use serde_json::json;
use stepwell_functions::StreamPart;
use stepwell_service::{Details, LiveEvents};
use tokio::sync::{mpsc, watch};

use super::text;
use crate::observers::{Commit, Interest, Mailbox, Observer};
use crate::shard;
use crate::streaming::{Parts, ReplyBody};

/// Where the stream is.
pub(crate) const PATH: &str = "/console/live";

/// Clients at one time.
const CLIENTS_MAX: usize = 64;

/// Commits that wait to be looked at, and their bytes; more are missed, and clients are told so.
const COMMITS_MAX: usize = 4_096;
const COMMIT_BYTES_MAX: usize = 64 << 20;

/// Changes are gathered for this long, so that one that changes often is told once.
const GATHER: Duration = Duration::from_millis(100);

/// Executions that one message names; more, and it says to read again.
const CHANGES_MAX: usize = 1_000;

/// Messages that are kept for who comes back, and their bytes.
const KEPT_MAX: usize = 1_024;
const KEPT_BYTES_MAX: usize = 8 << 20;

/// Messages on their way to one client.
const SENT_MAX: usize = 4;

/// A client that hears nothing for so long gets a comment: who has gone is noticed.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// How long one stream goes on where who listens must be signed in: it comes back, misses nothing, and is asked again.
const SIGNED_IN_MAX: Duration = Duration::from_secs(600);

const AFTER_HEADER: &str = "last-event-id";

/// What has changed, for all clients.
pub(crate) struct Live {
    /// Of this run of the server; a part of every message's id.
    run: String,
    commits: Mailbox<Arc<Commit>>,
    clients: AtomicUsize,
    kept: Mutex<Kept>,
    told: watch::Sender<Told>,
}

/// The last message, and whether there will be another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Told {
    number: u64,
    is_over: bool,
}

/// The last messages, in their order and without a gap.
#[derive(Default)]
struct Kept {
    messages: VecDeque<Bytes>,
    bytes: usize,
    /// Number of the newest one; the first ever has 1.
    newest: u64,
}

/// What a client gets next.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    /// The messages after the one it has had.
    Messages(Vec<Bytes>),
    /// Some of them are gone.
    Missed,
}

impl Kept {
    fn put(&mut self, message: Bytes) {
        self.newest += 1;
        self.bytes += message.len();
        self.messages.push_back(message);
        while self.messages.len() > KEPT_MAX || self.bytes > KEPT_BYTES_MAX {
            let Some(oldest) = self.messages.pop_front() else {
                return;
            };
            self.bytes -= oldest.len();
        }
    }

    /// Something is not told of: who has had all until now has not had all any more.
    fn skip(&mut self) -> u64 {
        self.newest += 1;
        self.messages.clear();
        self.bytes = 0;
        self.newest
    }

    fn after(&self, number: u64) -> Next {
        let Some(wanted) = self.newest.checked_sub(number) else {
            return Next::Missed;
        };
        let have = self.messages.len();
        match usize::try_from(wanted) {
            Ok(wanted) if wanted <= have => {
                Next::Messages(self.messages.range(have - wanted..).cloned().collect())
            }
            _ => Next::Missed,
        }
    }
}

impl Observer for Live {
    fn interest(&self, transition: &LiveEvents) -> Interest {
        match transition.execution.is_durable() && self.clients.load(Ordering::SeqCst) > 0 {
            true => Interest::Everything,
            false => Interest::Nothing,
        }
    }

    fn committed(&self, commit: &Arc<Commit>) {
        self.commits.put(Arc::clone(commit), commit.bytes);
    }
}

impl Live {
    pub(crate) fn new() -> Live {
        Live {
            run: shard::uuid(),
            commits: Mailbox::new(
                "changes for the console",
                COMMITS_MAX,
                COMMIT_BYTES_MAX,
                GATHER,
            ),
            clients: AtomicUsize::new(0),
            kept: Mutex::default(),
            told: watch::Sender::new(Told {
                number: 0,
                is_over: false,
            }),
        }
    }

    /// Starts the thread that makes messages of commits. It ends with [`Live::close`].
    pub(crate) fn start(self: &Arc<Live>) -> std::io::Result<JoinHandle<()>> {
        let live = Arc::clone(self);
        std::thread::Builder::new()
            .name("console-live".to_string())
            .spawn(move || live.work())
    }

    /// Ends all streams: their clients come back to the next server.
    pub(crate) fn close(&self) {
        self.commits.close();
        self.told.send_modify(|told| told.is_over = true);
    }

    fn work(&self) {
        let mut dropped = 0;
        while let Some(taken) = self.commits.take(HEARTBEAT) {
            let missed = self.commits.dropped() != dropped;
            dropped = self.commits.dropped();
            let changes = changes(taken.items.iter().map(Arc::as_ref));
            if missed || changes.len() > CHANGES_MAX {
                self.tell("reset", "{}");
            } else if !changes.is_empty() {
                let changes: Vec<_> = changes.into_values().collect();
                self.tell("changes", &json!(changes).to_string());
            }
            for flush in taken.asked {
                // Who waited may have gone.
                let _ = flush.send(());
            }
        }
    }

    /// - `data`: without a line feed, which JSON text escapes.
    fn tell(&self, kind: &str, data: &str) {
        let mut kept = self.lock();
        let number = kept.newest + 1;
        kept.put(self.message(number, kind, data));
        // With the lock: what is told last is the newest.
        self.told.send_modify(|told| told.number = number);
    }

    fn message(&self, number: u64, kind: &str, data: &str) -> Bytes {
        Bytes::from(format!(
            "id: {}-{number}\nevent: {kind}\ndata: {data}\n\n",
            self.run
        ))
    }

    /// The message after which a client goes on: the one that it names, if it is of this run.
    ///
    /// - `None` where it names one of another run, so that it must read again.
    fn position(&self, after: Option<&str>) -> Option<u64> {
        let Some(after) = after else {
            return Some(self.lock().newest);
        };
        let (run, number) = after.rsplit_once('-')?;
        number.parse().ok().filter(|_| run == self.run)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The latest of each execution, by its number.
fn changes<'a>(commits: impl Iterator<Item = &'a Commit>) -> BTreeMap<u64, serde_json::Value> {
    let mut latest = BTreeMap::new();
    for live in commits.flat_map(|commit| &commit.live) {
        // AWS lists and describes Standard executions only.
        if let Some(event) = live.events.last()
            && live.execution.is_durable()
        {
            latest.insert(live.execution.identity.number, (live, event));
        }
    }
    let changes = latest.into_iter().map(|(number, (live, event))| {
        let change = json!({
            "executionArn": live.execution.identity.arn,
            "stateMachineArn": live.execution.machine.arn,
            "status": status(&event.details),
            "lastEventId": event.id,
        });
        (number, change)
    });
    changes.collect()
}

/// The status of an execution whose last event this is.
fn status(last: &Details) -> &'static str {
    match last {
        Details::ExecutionSucceeded { .. } => "SUCCEEDED",
        Details::ExecutionFailed { .. } => "FAILED",
        Details::ExecutionAborted { .. } => "ABORTED",
        Details::ExecutionTimedOut { .. } => "TIMED_OUT",
        _ => "RUNNING",
    }
}

/// A client, counted as long as it is there.
struct Client(Arc<Live>);

impl Client {
    fn new(live: &Arc<Live>) -> Option<Client> {
        let most = |count| (count < CLIENTS_MAX).then_some(count + 1);
        // The lock is held over both: a second client looks at its position after this one has skipped.
        let mut kept = live.lock();
        let counted = live
            .clients
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, most);
        let client = counted.ok().map(|_| Client(Arc::clone(live)));
        if counted == Ok(0) {
            // INVARIANT: commits while nobody listened were not looked at, so every position of before must read again.
            let number = kept.skip();
            live.told.send_modify(|told| told.number = number);
        }
        client
    }

    /// Sends messages until the client has gone or the server stops.
    async fn serve(self, mut position: Option<u64>, parts: mpsc::Sender<StreamPart>) {
        let live = &self.0;
        let mut told = live.told.subscribe();
        loop {
            let now = *told.borrow_and_update();
            let next = match position {
                Some(number) => live.lock().after(number),
                None => Next::Missed,
            };
            let messages = match next {
                Next::Messages(messages) => messages,
                // It counts as having had all until now.
                Next::Missed => vec![live.message(now.number, "reset", "{}")],
            };
            position = match (position, messages.len() as u64) {
                (Some(number), sent) if number + sent >= now.number => Some(number + sent),
                _ => Some(now.number),
            };
            for message in messages {
                if parts.send(StreamPart::Data(message)).await.is_err() {
                    return;
                }
            }
            if now.is_over {
                return;
            }
            tokio::select! {
                changed = told.changed() => if changed.is_err() { return },
                () = parts.closed() => return,
                () = tokio::time::sleep(HEARTBEAT) => {
                    let comment = Bytes::from_static(b":\n\n");
                    if parts.send(StreamPart::Data(comment)).await.is_err() {
                        return;
                    }
                }
            }
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A stream of server-sent events: `changes` with a list of executions, or `reset` where some were missed.
///
/// - The last message that was seen: the header `Last-Event-ID`, which browsers send, or `after` in the query.
///
/// - `is_signed_in`: whether the stream is for who is signed in only.
pub(crate) async fn answer(
    live: &Arc<Live>,
    headers: &HeaderMap,
    query: Option<&str>,
    is_signed_in: bool,
) -> Response<ReplyBody> {
    let Some(client) = Client::new(live) else {
        return text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the live stream has as many clients as it may; come again later",
        );
    };
    let named = headers
        .get(AFTER_HEADER)
        .and_then(|value| value.to_str().ok())
        .or_else(|| {
            query?
                .split('&')
                .find_map(|pair| pair.strip_prefix("after="))
        });
    let position = live.position(named.filter(|name| !name.is_empty()));
    // INVARIANT: a client that reads once it is answered sees every commit that it is not told of. One that was under way
    // when the client was counted is in the snapshot long before this time is over.
    tokio::time::sleep(GATHER).await;
    let (sender, receiver) = mpsc::channel(SENT_MAX);
    let served = client.serve(position, sender);
    if is_signed_in {
        tokio::spawn(tokio::time::timeout(SIGNED_IN_MAX, served));
    } else {
        tokio::spawn(served);
    }
    let mut response = Response::new(Either::Right(Parts::plain(receiver)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        HeaderName::from_static("x-content-type-options"),
        HeaderValue::from_static("nosniff"),
    );
    // Proxies that gather answers would hold messages back.
    headers.insert(
        HeaderName::from_static("x-accel-buffering"),
        HeaderValue::from_static("no"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(next: &Next) -> Option<Vec<&str>> {
        match next {
            Next::Messages(messages) => Some(
                messages
                    .iter()
                    .map(|message| std::str::from_utf8(message).expect("text"))
                    .collect(),
            ),
            Next::Missed => None,
        }
    }

    #[test]
    fn who_comes_back_gets_what_it_missed_once_and_in_order() {
        let live = Live::new();
        for data in ["1", "2", "3"] {
            live.tell("changes", data);
        }
        let message = |number: u64| {
            format!(
                "id: {}-{number}\nevent: changes\ndata: {number}\n\n",
                live.run
            )
        };
        let after = |number| {
            let next = live.lock().after(number);
            texts(&next).map(|texts| texts.concat())
        };
        assert_eq!(after(0), Some(message(1) + &message(2) + &message(3)));
        assert_eq!(after(2), Some(message(3)));
        assert_eq!(after(3), Some(String::new()));
        assert_eq!(after(4), None, "nobody has seen what was not told");
        assert_eq!(live.position(None), Some(3));
        assert_eq!(live.position(Some(&format!("{}-1", live.run))), Some(1));
        for other in ["", "1", "-", &format!("{}x-1", live.run), "a-b-c"] {
            assert_eq!(live.position(Some(other)), None, "{other}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_who_was_away_too_long_is_told() {
        let mut kept = Kept::default();
        for _ in 0..=KEPT_MAX {
            kept.put(Bytes::from_static(b"m"));
        }
        assert_eq!(kept.messages.len(), KEPT_MAX);
        assert_eq!(kept.after(0), Next::Missed);
        assert!(matches!(kept.after(1), Next::Messages(all) if all.len() == KEPT_MAX));
        kept.put(Bytes::from(vec![b'm'; KEPT_BYTES_MAX]));
        assert_eq!((kept.messages.len(), kept.bytes), (1, KEPT_BYTES_MAX));
    }

    #[test]
    fn clients_are_bounded_and_leave() {
        let live = Arc::new(Live::new());
        let mut clients: Vec<_> = (0..CLIENTS_MAX)
            .map(|_| Client::new(&live).expect("there is room"))
            .collect();
        assert!(Client::new(&live).is_none());
        clients.pop();
        assert!(Client::new(&live).is_some());
    }

    /// What a client gets that comes with `after`, of a stream that ends at once.
    async fn heard(live: &Arc<Live>, after: Option<&str>) -> String {
        let client = Client::new(live).expect("there is room");
        let position = live.position(after);
        live.told.send_modify(|told| told.is_over = true);
        let (sender, mut receiver) = mpsc::channel(SENT_MAX);
        client.serve(position, sender).await;
        live.told.send_modify(|told| told.is_over = false);
        let mut all = String::new();
        while let Some(StreamPart::Data(message)) = receiver.recv().await {
            all.push_str(&String::from_utf8_lossy(&message));
        }
        all
    }

    #[tokio::test]
    async fn who_comes_back_to_a_stream_that_nobody_heard_reads_again() {
        let live = Arc::new(Live::new());
        let stays = Client::new(&live).expect("there is room");
        live.tell("changes", "[]");
        let seen = format!("{}-{}", live.run, live.lock().newest);
        assert_eq!(
            heard(&live, Some(&seen)).await,
            "",
            "another one was there all the time"
        );
        drop(stays);
        let told = heard(&live, Some(&seen)).await;
        assert!(told.contains("event: reset\n"), "{told:?}");
        // The reset names a position of its own, and that one is as old once all have gone again.
        let id = told.lines().find_map(|line| line.strip_prefix("id: "));
        let stays = Client::new(&live).expect("there is room");
        assert!(heard(&live, id).await.contains("event: reset\n"));
        assert_eq!(heard(&live, None).await, "", "it reads first anyway");
        let newest = format!("{}-{}", live.run, live.lock().newest);
        live.tell("changes", "[1]");
        let told = heard(&live, Some(&newest)).await;
        assert!(told.contains("data: [1]\n"), "{told:?}");
        drop(stays);
    }

    #[tokio::test]
    async fn a_client_that_does_not_read_fills_nothing_and_then_reads_again() {
        let live = Arc::new(Live::new());
        let (sender, mut receiver) = mpsc::channel(SENT_MAX);
        let client = Client::new(&live).expect("there is room");
        let serving = tokio::spawn(client.serve(Some(0), sender));
        for _ in 0..3 * KEPT_MAX {
            live.tell("changes", "[]");
        }
        let newest = live.lock().newest;
        assert!(newest >= 3 * KEPT_MAX as u64);
        live.close();
        let mut last = String::new();
        let mut count = 0;
        while let Some(StreamPart::Data(message)) = receiver.recv().await {
            last = String::from_utf8_lossy(&message).into_owned();
            count += 1;
        }
        serving.await.expect("it ends");
        assert!(count <= KEPT_MAX + SENT_MAX + 1, "{count}");
        assert!(
            last.contains(&format!("-{newest}\n")),
            "it ends with the newest: {last}"
        );
    }
}
