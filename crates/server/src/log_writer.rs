//! The thread that writes logs: lines of functions, events of executions, and what PutLogEvents brings.
//!
//! Whoever has something to log puts it into a bounded queue and goes on: no execution and no function ever waits
//! for its log. What finds no room is counted and said.

pub(crate) mod thread;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stepwell_api::logs;
use stepwell_functions::LogLine;
use stepwell_service::{Details, LiveEvents, StateKind, event_type};
use stepwell_telemetry::{Level, LogsReader};
use tokio::sync::oneshot;

use crate::live_tail::LiveTails;
use crate::observers::{Commit, Interest, Mailbox, Observer};

/// Deliveries that may wait.
const WAITING_MAX: usize = 100_000;

/// Bytes of the deliveries that may wait.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Deliveries wait for others this long, so that many share one fsync; a reader of logs ends the wait.
const GATHER: Duration = Duration::from_millis(50);

/// The way to the thread. Cheap to share.
pub(crate) struct LogQueue {
    mailbox: Mailbox<Delivery, Ask>,
    tails: Arc<LiveTails>,
    counts: Counts,
    /// What is committed; `None` before the thread has started.
    reader: Mutex<Option<Arc<LogsReader>>>,
}

impl Default for LogQueue {
    fn default() -> LogQueue {
        LogQueue {
            mailbox: Mailbox::new("log events", WAITING_MAX, WAITING_BYTES_MAX, GATHER),
            tails: Arc::default(),
            counts: Counts::default(),
            reader: Mutex::default(),
        }
    }
}

/// What a queue of telemetry holds, and what it had no room for since the start of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLoad {
    pub(crate) waiting: usize,
    pub(crate) bytes: usize,
    pub(crate) dropped: u64,
}

/// Since the start.
#[derive(Default)]
struct Counts {
    /// Deliveries that had room in the queue and none in the store.
    dropped: AtomicU64,
    tapped_dropped: Arc<AtomicU64>,
    stored_bytes: AtomicU64,
    disk_bytes: AtomicU64,
}

/// What the log writer has done since the start, and what it holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct LogCounts {
    /// What of metric filters and subscription filters found no room.
    pub(crate) tapped_dropped: u64,
    /// Bytes of the packed rows.
    pub(crate) stored_bytes: u64,
    /// Bytes that the store takes on the disk.
    pub(crate) disk_bytes: u64,
}

/// Something to be logged.
enum Delivery {
    Line(LogLine),
    Events(Arc<Commit>),
    /// A log group has become the destination of a state machine.
    Validation {
        log_group_arn: String,
    },
}

/// What a caller waits for.
enum Ask {
    /// Everything that was delivered before is committed.
    Flush(oneshot::Sender<()>),
    Change(Box<Change>, oneshot::Sender<Changed>),
    /// What filters have gathered of everything that was delivered before is handed over.
    HandOver(oneshot::Sender<()>),
}

/// A change that a caller asks for, on a group that exists.
pub(crate) enum Change {
    CreateStream(NamedGroup, logs::CreateLogStreamRequest),
    DeleteStream(NamedGroup, logs::DeleteLogStreamRequest),
    Put(NamedGroup, logs::PutLogEventsRequest),
    DeleteGroup { id: String },
}

/// A group with what the logs need of it.
pub(crate) struct NamedGroup {
    pub(crate) id: String,
    pub(crate) arn: String,
    pub(crate) not_before_ms: i64,
}

impl NamedGroup {
    pub(crate) fn view(&self) -> stepwell_telemetry::Group<'_> {
        stepwell_telemetry::Group {
            id: &self.id,
            arn: &self.arn,
            not_before_ms: self.not_before_ms,
        }
    }
}

/// The JSON body of the answer.
pub(crate) type Changed = Result<Vec<u8>, logs::Error>;

impl LogQueue {
    /// Logs a line of a function.
    pub(crate) fn line(&self, line: LogLine) {
        let bytes = line.text.len();
        self.deliver(Delivery::Line(line), bytes);
    }

    /// Leaves the mark of a new log destination.
    pub(crate) fn validate(&self, log_group_arn: String) {
        self.deliver(Delivery::Validation { log_group_arn }, 0);
    }

    /// The sessions of Live Tail.
    pub(crate) fn tails(&self) -> &Arc<LiveTails> {
        &self.tails
    }

    pub(crate) fn counts(&self) -> LogCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        LogCounts {
            tapped_dropped: read(&self.counts.tapped_dropped),
            stored_bytes: read(&self.counts.stored_bytes),
            disk_bytes: read(&self.counts.disk_bytes),
        }
    }

    /// Counts what is not written although it waited, and says so now and then.
    fn drop_some(&self, count: u64, why: &str) {
        let before = self.counts.dropped.fetch_add(count, Ordering::Relaxed);
        let dropped = before + count;
        if before.checked_ilog2() != dropped.checked_ilog2() {
            tracing::warn!(dropped, "{why}; some are dropped");
        }
    }

    fn deliver(&self, delivery: Delivery, bytes: usize) {
        self.mailbox.put(delivery, bytes);
    }

    /// What waits, and what was dropped.
    pub(crate) fn load(&self) -> QueueLoad {
        let (waiting, bytes) = self.mailbox.waiting();
        QueueLoad {
            waiting,
            bytes,
            dropped: self.mailbox.dropped() + self.counts.dropped.load(Ordering::Relaxed),
        }
    }

    /// Asks for a change; the answer comes once it is durable.
    pub(crate) async fn change(&self, change: Change) -> Changed {
        let (sender, receiver) = oneshot::channel();
        self.mailbox.ask(Ask::Change(Box::new(change), sender));
        receiver
            .await
            .unwrap_or_else(|_| Err(unavailable("the log writer has ended")))
    }

    /// Reads that see everything delivered before.
    pub(crate) async fn reader(&self) -> Result<Arc<LogsReader>, logs::Error> {
        let (sender, receiver) = oneshot::channel();
        self.mailbox.ask(Ask::Flush(sender));
        // A writer that has ended flushes nothing; what is committed can be read all the same.
        let _ = receiver.await;
        lock(&self.reader)
            .clone()
            .ok_or_else(|| unavailable("the log writer has not started"))
    }

    /// Returns once everything that filters have gathered until now is handed over.
    pub(crate) async fn hand_over(&self) {
        let (sender, receiver) = oneshot::channel();
        self.mailbox.ask(Ask::HandOver(sender));
        // A writer that has ended has nothing left.
        let _ = receiver.await;
    }
}

impl Observer for LogQueue {
    fn interest(&self, transition: &LiveEvents) -> Interest {
        let execution = &*transition.execution;
        let Some(target) = &execution.machine.log else {
            return Interest::Nothing;
        };
        let includes_data = target.logging.include_execution_data == Some(true);
        match Level::of(&target.logging) {
            None => Interest::Nothing,
            Some(Level::All) => Interest::Everything,
            // A failure may refer to the payload of an earlier event, and no row has that.
            Some(_) if includes_data && !execution.is_durable() => Interest::Everything,
            Some(Level::Error) => Interest::Those(|details| is_logged(Level::Error, details)),
            Some(Level::Fatal) => Interest::Those(|details| is_logged(Level::Fatal, details)),
        }
    }

    fn committed(&self, commit: &Arc<Commit>) {
        self.deliver(Delivery::Events(Arc::clone(commit)), commit.bytes);
    }
}

fn is_logged(level: Level, details: &Details) -> bool {
    match details {
        // Most events are these.
        Details::StateEntered { kind, .. } if *kind != StateKind::Fail => false,
        Details::StateExited { .. } => false,
        details => level.logs(event_type(details)),
    }
}

fn unavailable(text: &str) -> logs::Error {
    logs::Error::service_unavailable_exception(text)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> LogLine {
        LogLine {
            function_name: String::new(),
            request_id: None,
            log_group: "g".into(),
            log_stream: "s".into(),
            timestamp_ms: 0,
            text: "a line".to_string(),
        }
    }

    #[test]
    fn what_comes_after_the_end_is_counted_as_dropped() {
        let queue = LogQueue::default();
        queue.line(line());
        queue.mailbox.close();
        queue.line(line());
        let load = queue.load();
        assert_eq!((load.waiting, load.dropped), (1, 1));
    }
}
