//! The thread that writes traces: segment documents of the daemon and of PutTraceSegments, and what executions and
//! functions emit.
//!
//! Whoever has something to tell puts it into a bounded queue and goes on: nothing ever waits for its trace. What finds
//! no room is counted and said.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stepwell_api::xray;
use stepwell_store::Error;
use stepwell_telemetry::{Added, Rejected, Segment, Traces, TracesReader};

use crate::log_writer::lock;
use crate::observers::{Interest, InvocationReport, Mailbox, Observer};
use crate::priority::come_last;
use crate::shard::{Handle, now};
use crate::trace_emission::{Emission, is_emitted, is_segment_of};
use crate::trace_notes::{NoteQueue, Notes, Put};
use stepwell_service::LiveEvents;

/// Documents, transitions and reports that may wait.
const WAITING_MAX: usize = 100_000;

/// Bytes of what may wait.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Bytes of notes of executions that may wait.
const NOTES_BYTES_MAX: usize = 64 << 20;

/// What waits, waits for others this long, so that many share one commit; a reader of traces ends the wait.
const GATHER: Duration = Duration::from_millis(500);

/// How often the thread looks for executions that are still open and have changed, and for traces over their time.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// About what a report of an invocation takes.
const REPORT_BYTES: usize = 512;

/// Something to be written.
enum Delivery {
    Segment(Segment),
    Invocation(Arc<InvocationReport>),
}

/// The way to the thread. Cheap to share.
pub(crate) struct TraceQueue {
    mailbox: Mailbox<Delivery>,
    /// What has happened in executions. The thread looks here whenever it has woken.
    notes: NoteQueue,
    /// What is committed; `None` before the thread has started.
    reader: Mutex<Option<Arc<TracesReader>>>,
    received: AtomicU64,
    rejected: AtomicU64,
    lost: AtomicU64,
}

impl Default for TraceQueue {
    fn default() -> TraceQueue {
        TraceQueue {
            mailbox: Mailbox::new("segments of X-Ray", WAITING_MAX, WAITING_BYTES_MAX, GATHER),
            notes: NoteQueue::new(NOTES_BYTES_MAX),
            reader: Mutex::default(),
            received: AtomicU64::new(0),
            rejected: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }
}

/// What has become of documents since the start. The numbers only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceCounts {
    /// Documents that came, good and bad.
    pub(crate) received: u64,
    /// Documents that are none: the daemon's malformed datagrams too.
    pub(crate) rejected: u64,
    /// What found no room: in the kernel, in the queue, in its trace.
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
                let bytes = segment.text.len();
                self.mailbox.put(Delivery::Segment(segment), bytes);
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

    /// Counts documents that were lost on the way here, or behind.
    pub(crate) fn lose(&self, count: u64) {
        self.lost.fetch_add(count, Ordering::Relaxed);
    }

    /// How many documents and transitions wait, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let (documents, transitions) = (self.mailbox.waiting(), self.notes.waiting());
        (documents.0 + transitions.0, documents.1 + transitions.1)
    }

    /// What has become of documents since the start.
    pub(crate) fn counts(&self) -> TraceCounts {
        TraceCounts {
            received: self.received.load(Ordering::Relaxed),
            rejected: self.rejected.load(Ordering::Relaxed),
            dropped: self.lost.load(Ordering::Relaxed)
                + self.mailbox.dropped()
                + self.notes.dropped(),
        }
    }

    /// Reads that see everything taken before.
    pub(crate) async fn reader(&self) -> Result<Arc<TracesReader>, xray::Error> {
        // A writer that has ended commits nothing; what is committed can be read all the same.
        self.mailbox.flush().await;
        lock(&self.reader)
            .clone()
            .ok_or_else(|| xray::Error::service_unavailable("the trace writer has not started"))
    }
}

impl Observer for TraceQueue {
    fn interest(&self, transition: &LiveEvents) -> Interest {
        if is_emitted(&transition.execution) && self.notes.put(transition) == Put::Filling {
            self.mailbox.hurry();
        }
        Interest::Nothing
    }

    fn invoked(&self, report: &Arc<InvocationReport>) {
        if is_segment_of(report) {
            self.mailbox
                .put(Delivery::Invocation(Arc::clone(report)), REPORT_BYTES);
        }
    }
}

/// The thread.
pub(crate) struct TraceThread {
    queue: Arc<TraceQueue>,
    thread: std::thread::JoinHandle<()>,
}

impl TraceThread {
    /// Starts to write what the queue gets.
    pub(crate) fn start(
        queue: Arc<TraceQueue>,
        traces: Traces,
        handle: Handle,
    ) -> std::io::Result<TraceThread> {
        *lock(&queue.reader) = Some(Arc::new(traces.reader()));
        let mut writer = Writer {
            queue: Arc::clone(&queue),
            traces,
            emission: Emission::new(handle.clone()),
            notes: Notes::default(),
            handle,
        };
        let thread = std::thread::Builder::new()
            .name("traces".to_string())
            .spawn(move || {
                come_last();
                writer.run();
            })?;
        Ok(TraceThread { queue, thread })
    }

    /// Writes what waits and ends the thread.
    pub(crate) fn stop(self) {
        self.queue.mailbox.close();
        // A thread that panicked has said so on standard error; there is nothing to add here.
        drop(self.thread.join());
    }
}

struct Writer {
    queue: Arc<TraceQueue>,
    traces: Traces,
    emission: Emission,
    /// The room of those that were taken last.
    notes: Notes,
    handle: Handle,
}

impl Writer {
    /// A store that fails ends the writing of traces, and nothing else.
    fn run(&mut self) {
        let mut has_failed = false;
        while let Some(taken) = self.queue.mailbox.take(LOOK_EVERY) {
            self.queue.notes.take(&mut self.notes);
            let count = (taken.items.len() + self.notes.len()) as u64;
            if has_failed {
                self.queue.lose(count);
            } else if let Err(error) = self.write(taken.items, !taken.asked.is_empty()) {
                tracing::error!(%error, "the store of traces has failed: no more traces are kept until a restart");
                has_failed = true;
            }
            for flush in taken.asked {
                let _ = flush.send(());
            }
        }
        // What is open is shown as far as it has come.
        self.queue.notes.take(&mut self.notes);
        if !has_failed && let Err(error) = self.write([], true) {
            tracing::error!(%error, "the store of traces has failed");
        }
    }

    /// - `is_asked`: somebody reads: what is open is written as it is now.
    fn write(
        &mut self,
        items: impl IntoIterator<Item = Delivery>,
        is_asked: bool,
    ) -> Result<(), Error> {
        let now_ms = now().as_millis();
        for item in items {
            match item {
                Delivery::Segment(segment) => self.add(segment, now_ms)?,
                Delivery::Invocation(report) => {
                    for segment in self.emission.invocation(&report) {
                        self.add(segment, now_ms)?;
                    }
                }
            }
        }
        for transition in self.notes.transitions() {
            self.emission.happened(&transition);
        }
        for segment in self.emission.due(is_asked) {
            self.add(segment, now_ms)?;
        }
        self.queue.lose(self.emission.take_left_out());
        self.traces.commit(now_ms)?;
        *lock(&self.queue.reader) = Some(Arc::new(self.traces.reader()));
        Ok(())
    }

    fn add(&mut self, segment: Segment, now_ms: i64) -> Result<(), Error> {
        let exports = &self.handle.instruments().exports;
        exports.document(&segment.text);
        if self.traces.add(segment, now_ms)? == Added::TraceFull {
            self.queue.lose(1);
        }
        if self.traces.is_full() {
            self.traces.commit(now_ms)?;
        }
        Ok(())
    }
}
