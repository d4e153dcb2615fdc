//! The thread that writes traces: segment documents of the daemon, of PutTraceSegments, of executions and functions.
//!
//! Whoever has a document puts it into a bounded queue and goes on: nothing ever waits for its trace. What finds no
//! room is counted and said.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use stepwell_api::xray;
use stepwell_store::Error;
use stepwell_telemetry::{Added, Rejected, Segment, Traces, TracesReader};
use tokio::sync::oneshot;

use crate::log_writer::lock;
use crate::shard::now;

/// Documents that may wait.
const WAITING_MAX: usize = 100_000;

/// Bytes of the documents that may wait.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Documents wait for others this long, so that many share one fsync; a reader of traces ends the wait.
const GATHER: Duration = Duration::from_millis(100);

/// Traces over their time are looked for this often when nothing comes.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// The way to the thread. Cheap to share.
#[derive(Default)]
pub(crate) struct TraceQueue {
    waiting: Mutex<Waiting>,
    has_changed: Condvar,
    /// What is committed; `None` before the thread has started.
    reader: Mutex<Option<Arc<TracesReader>>>,
    received: AtomicU64,
    rejected: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Default)]
struct Waiting {
    segments: VecDeque<Segment>,
    bytes: usize,
    asked: Vec<oneshot::Sender<()>>,
    is_stopping: bool,
}

/// What has become of documents since the start. The numbers only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceCounts {
    /// Documents that came, good and bad.
    pub(crate) received: u64,
    /// Documents that are none: the daemon's malformed datagrams too.
    pub(crate) rejected: u64,
    /// Good documents that found no room in the queue or in their trace.
    pub(crate) dropped: u64,
}

impl TraceQueue {
    /// Takes a segment document: JSON text of a segment or of a subsegment with its trace and parent.
    ///
    /// - Never waits. A document that finds no room is counted and lost, and not an error.
    pub(crate) fn segment(&self, document: String) -> Result<(), Rejected> {
        self.received.fetch_add(1, Ordering::Relaxed);
        match Segment::parse(document, now().as_millis()) {
            Ok(segment) => {
                self.deliver(segment);
                Ok(())
            }
            Err(rejected) => {
                self.rejected.fetch_add(1, Ordering::Relaxed);
                Err(rejected)
            }
        }
    }

    /// Counts something that came instead of a document.
    pub(crate) fn malformed(&self) {
        self.received.fetch_add(1, Ordering::Relaxed);
        self.rejected.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts documents that were lost before they came here.
    pub(crate) fn lost(&self, count: u64) {
        self.dropped.fetch_add(count, Ordering::Relaxed);
    }

    /// What has become of documents since the start.
    #[expect(dead_code, reason = "for `/metrics`, which is being built")]
    pub(crate) fn counts(&self) -> TraceCounts {
        TraceCounts {
            received: self.received.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
        }
    }

    /// Reads that see everything taken before.
    pub(crate) async fn reader(&self) -> Result<Arc<TracesReader>, xray::Error> {
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = lock(&self.waiting);
            if !waiting.is_stopping {
                waiting.asked.push(sender);
                self.has_changed.notify_one();
            }
        }
        // A writer that has ended commits nothing; what is committed can be read all the same.
        let _ = receiver.await;
        lock(&self.reader)
            .clone()
            .ok_or_else(|| xray::Error::service_unavailable("the trace writer has not started"))
    }

    fn deliver(&self, segment: Segment) {
        let bytes = segment.text.len();
        let mut waiting = lock(&self.waiting);
        let has_room =
            waiting.segments.len() < WAITING_MAX && waiting.bytes + bytes <= WAITING_BYTES_MAX;
        if !has_room {
            drop(waiting);
            self.drop_one("segments come faster than they can be written");
            return;
        }
        waiting.bytes += bytes;
        waiting.segments.push_back(segment);
        if waiting.segments.len() == 1 {
            self.has_changed.notify_one();
        }
    }

    fn drop_one(&self, why: &str) {
        let dropped = self.dropped.fetch_add(1, Ordering::Relaxed) + 1;
        if dropped.is_power_of_two() {
            tracing::warn!(dropped, "{why}; some are dropped");
        }
    }

    /// What waits; blocks until there is something, or `None` once everything is written and the thread should end.
    fn take(&self) -> Option<(VecDeque<Segment>, Vec<oneshot::Sender<()>>)> {
        let mut waiting = lock(&self.waiting);
        let mut gathered_by: Option<Instant> = None;
        loop {
            if !waiting.asked.is_empty() || waiting.is_stopping {
                break;
            }
            let patience = match (waiting.segments.is_empty(), gathered_by) {
                (true, None) => TIDY_EVERY,
                (false, None) => {
                    gathered_by = Some(Instant::now() + GATHER);
                    GATHER
                }
                (_, Some(by)) => by.saturating_duration_since(Instant::now()),
            };
            if patience.is_zero() {
                break;
            }
            let (guard, timeout) = self
                .has_changed
                .wait_timeout(waiting, patience)
                .unwrap_or_else(PoisonError::into_inner);
            waiting = guard;
            if timeout.timed_out() {
                break;
            }
        }
        if waiting.is_stopping && waiting.segments.is_empty() && waiting.asked.is_empty() {
            return None;
        }
        waiting.bytes = 0;
        let segments = std::mem::take(&mut waiting.segments);
        Some((segments, std::mem::take(&mut waiting.asked)))
    }
}

/// The thread.
pub(crate) struct TraceThread {
    queue: Arc<TraceQueue>,
    thread: std::thread::JoinHandle<()>,
}

impl TraceThread {
    /// Starts to write what the queue gets.
    pub(crate) fn start(queue: Arc<TraceQueue>, traces: Traces) -> std::io::Result<TraceThread> {
        *lock(&queue.reader) = Some(Arc::new(traces.reader()));
        let mut writer = Writer {
            queue: Arc::clone(&queue),
            traces,
        };
        let thread = std::thread::Builder::new()
            .name("traces".to_string())
            .spawn(move || writer.run())?;
        Ok(TraceThread { queue, thread })
    }

    /// Writes what waits and ends the thread.
    pub(crate) fn stop(self) {
        lock(&self.queue.waiting).is_stopping = true;
        self.queue.has_changed.notify_one();
        // A thread that panicked has said so on standard error; there is nothing to add here.
        drop(self.thread.join());
    }
}

struct Writer {
    queue: Arc<TraceQueue>,
    traces: Traces,
}

impl Writer {
    /// A store that fails ends the writing of traces, and nothing else.
    fn run(&mut self) {
        let mut has_failed = false;
        while let Some((segments, asked)) = self.queue.take() {
            let lost = segments.len() as u64;
            if has_failed {
                self.queue.lost(lost);
            } else if let Err(error) = self.write(segments) {
                tracing::error!(%error, "the store of traces has failed: no more traces are kept until a restart");
                has_failed = true;
            }
            for sender in asked {
                let _ = sender.send(());
            }
        }
    }

    fn write(&mut self, segments: VecDeque<Segment>) -> Result<(), Error> {
        let now_ms = now().as_millis();
        for segment in segments {
            if self.traces.add(segment, now_ms)? == Added::TraceFull {
                self.queue
                    .drop_one("a trace has as many segments as a trace may have");
            }
            if self.traces.is_full() {
                self.traces.commit(now_ms)?;
            }
        }
        self.traces.commit(now_ms)?;
        *lock(&self.queue.reader) = Some(Arc::new(self.traces.reader()));
        Ok(())
    }
}
