//! The thread that writes metrics, and with them what is kept beside them: dashboards, alarms.
//!
//! Whoever has values puts them into a bounded queue and goes on: nobody waits for a metric. What finds no room is
//! counted, and is itself a metric.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use stepwell_store::Error;
use stepwell_telemetry::metrics::{
    Distribution, Dropped, Metric, Metrics, MetricsReader, Sample, Unit,
};
use tokio::sync::oneshot;

use crate::log_writer::LogQueue;
use crate::observers::{Mailbox, MetricsObserver};
use crate::prometheus::Instruments;
use crate::shard::now;

/// Samples that may wait.
pub(crate) const SAMPLES_WAITING_MAX: usize = 400_000;

/// Bytes of the samples that may wait.
const SAMPLES_BYTES_MAX: usize = 128 << 20;

/// Values wait for others this long, so that many share one fsync; a reader of metrics ends the wait.
const GATHER: Duration = Duration::from_millis(500);

/// How often what goes on by itself is looked at: alarms, what becomes coarser with age.
const TICK: Duration = Duration::from_secs(1);

/// Maintenance takes at most this long of each tick.
const MAINTENANCE_MAX: Duration = Duration::from_millis(200);

/// How often what was dropped becomes values of metrics.
const OWN_METRICS_EVERY: Duration = Duration::from_secs(60);

/// Something that goes on by itself on the thread of the metrics, about once a second.
///
/// - Rows that it puts are committed right after it.
/// - What it returns is done after that commit, on the same thread: it must not wait. (Persist, then act.)
pub(crate) trait Tick: Send {
    fn tick(&mut self, metrics: &mut Metrics, now_ms: i64) -> Result<Vec<Act>, Error>;
}

/// What follows from a commit.
pub(crate) type Act = Box<dyn FnOnce() + Send>;

/// Why a change was not made.
#[derive(Debug, Clone)]
pub(crate) struct Unavailable(pub(crate) String);

/// The way to the thread. Cheap to share.
pub(crate) struct MetricQueue {
    instruments: OnceLock<Arc<Instruments>>,
    mailbox: Mailbox<Sample, Ask>,
    taken: AtomicU64,
    /// Samples that were taken, and come after the store has failed.
    lost: AtomicU64,
    kept: Mutex<Kept>,
    /// What is committed; `None` before the thread has started.
    reader: Mutex<Option<Arc<MetricsReader>>>,
    /// Who gives values of what has happened already.
    sources: OnceLock<(Arc<MetricsObserver>, Arc<LogQueue>)>,
}

/// How the store is after its last commit.
#[derive(Default)]
struct Kept {
    dropped: Dropped,
    series: u64,
    bytes: u64,
}

impl Default for MetricQueue {
    fn default() -> MetricQueue {
        MetricQueue::gathering(GATHER)
    }
}

/// What a caller waits for.
enum Ask {
    /// Everything that was delivered before is committed.
    Flush(oneshot::Sender<()>),
    Change(Box<dyn Change>),
}

/// A change with the way to who waits for it.
trait Change: Send {
    /// Makes the change; its rows are in the batch.
    fn make(&mut self, metrics: &mut Metrics, now_ms: i64) -> Result<(), Error>;
    /// The batch is committed, or has failed.
    fn settle(self: Box<Self>, failure: Option<&str>);
}

struct Asked<T, F> {
    change: Option<F>,
    made: Option<T>,
    sender: oneshot::Sender<Result<T, Unavailable>>,
}

impl<T, F> Change for Asked<T, F>
where
    T: Send,
    F: FnOnce(&mut Metrics, i64) -> Result<T, Error> + Send,
{
    fn make(&mut self, metrics: &mut Metrics, now_ms: i64) -> Result<(), Error> {
        if let Some(change) = self.change.take() {
            self.made = Some(change(metrics, now_ms)?);
        }
        Ok(())
    }

    fn settle(self: Box<Self>, failure: Option<&str>) {
        let result = match (failure, self.made) {
            (None, Some(made)) => Ok(made),
            (failure, _) => Err(Unavailable(
                failure
                    .unwrap_or("the writer of metrics has ended")
                    .to_owned(),
            )),
        };
        // Who no longer waits needs no answer.
        drop(self.sender.send(result));
    }
}

/// What the queue and the store have done, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MetricCounts {
    /// Samples that were taken.
    pub(crate) taken: u64,
    /// Samples that found no room in the queue, or came after the end of the store.
    pub(crate) queue: u64,
    /// What the store did not keep.
    pub(crate) store: Dropped,
    /// Series there are.
    pub(crate) series: u64,
    /// Bytes of rows.
    pub(crate) bytes: u64,
}

impl MetricQueue {
    /// - `gather`: how long values wait for others.
    fn gathering(gather: Duration) -> MetricQueue {
        MetricQueue {
            instruments: OnceLock::new(),
            mailbox: Mailbox::new(
                "values of metrics",
                SAMPLES_WAITING_MAX,
                SAMPLES_BYTES_MAX,
                gather,
            ),
            taken: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            kept: Mutex::default(),
            reader: Mutex::default(),
            sources: OnceLock::new(),
        }
    }

    /// Shows what is given from now on on `/metrics`, and to the collector if there is one.
    pub(crate) fn show(&self, instruments: &Arc<Instruments>) {
        // INVARIANT: a server has one set of instruments.
        drop(self.instruments.set(Arc::clone(instruments)));
    }

    /// How many samples wait.
    pub(crate) fn waiting(&self) -> usize {
        self.mailbox.waiting().0
    }

    /// Gives values to be kept. Never waits: what finds no room is counted and dropped.
    pub(crate) fn put(&self, samples: Vec<Sample>) {
        self.offer(samples);
    }

    /// Gives values to be kept: all of them, or none if there is no room. Whether they were taken.
    pub(crate) fn offer(&self, samples: Vec<Sample>) -> bool {
        let mut points = Vec::new();
        if let Some(instruments) = self.instruments.get() {
            instruments.subjects.see(&samples);
            points = instruments.exports.points_of(&samples);
        }
        let count = samples.len() as u64;
        let bytes = samples.iter().map(Sample::bytes).sum();
        if !self.mailbox.put_all(samples, bytes) {
            return false;
        }
        self.taken.fetch_add(count, Ordering::Relaxed);
        if let Some(instruments) = self.instruments.get() {
            instruments.exports.points(points);
        }
        true
    }

    /// Makes a change of rows; the answer comes once it is durable.
    ///
    /// - `change`: runs on the thread of the metrics, after everything that was given before; it must not wait. The second
    ///   argument is the time in milliseconds.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&mut Metrics, i64) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Unavailable> {
        let (sender, receiver) = oneshot::channel();
        self.mailbox.ask(Ask::Change(Box::new(Asked {
            change: Some(change),
            made: None,
            sender,
        })));
        receiver
            .await
            .unwrap_or_else(|_| Err(Unavailable("the writer of metrics has ended".to_owned())))
    }

    /// Lets reads wait for the values of what was committed and logged before them.
    pub(crate) fn await_before_reads(&self, observer: Arc<MetricsObserver>, logs: Arc<LogQueue>) {
        // There is one server to a queue: nobody has set it before.
        drop(self.sources.set((observer, logs)));
    }

    /// Reads that see everything given before, and what comes of everything that was acknowledged before.
    pub(crate) async fn reader(&self) -> Result<Arc<MetricsReader>, Unavailable> {
        if let Some((observer, logs)) = self.sources.get() {
            observer.flush().await;
            // Logs that cannot be read give no values.
            drop(logs.reader().await);
        }
        let (sender, receiver) = oneshot::channel();
        self.mailbox.ask(Ask::Flush(sender));
        // A writer that has ended flushes nothing; what is committed can be read all the same.
        let _ = receiver.await;
        self.committed()
            .ok_or_else(|| Unavailable("the writer of metrics has not started".to_owned()))
    }

    /// Reads of what is committed, without waiting.
    pub(crate) fn committed(&self) -> Option<Arc<MetricsReader>> {
        lock(&self.reader).clone()
    }

    /// What was taken and what was dropped.
    pub(crate) fn counts(&self) -> MetricCounts {
        let kept = lock(&self.kept);
        MetricCounts {
            taken: self.taken.load(Ordering::Relaxed),
            queue: self.mailbox.dropped() + self.lost.load(Ordering::Relaxed),
            store: kept.dropped,
            series: kept.series,
            bytes: kept.bytes,
        }
    }

    /// What waits, where no thread takes it.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> Vec<Sample> {
        let taken = self.mailbox.take(Duration::ZERO);
        taken.map_or_else(Vec::new, |taken| taken.items.into())
    }
}

/// The thread.
pub(crate) struct MetricThread {
    queue: Arc<MetricQueue>,
    thread: std::thread::JoinHandle<()>,
}

impl MetricThread {
    /// Starts to write what the queue gets.
    pub(crate) fn start(
        queue: Arc<MetricQueue>,
        metrics: Metrics,
        ticks: Vec<Box<dyn Tick>>,
    ) -> std::io::Result<MetricThread> {
        *lock(&queue.reader) = Some(Arc::new(metrics.reader()));
        let mut writer = Writer {
            queue: Arc::clone(&queue),
            metrics,
            ticks,
            next_tick: Instant::now() + TICK,
            next_own: Instant::now() + OWN_METRICS_EVERY,
            said: MetricCounts::default(),
        };
        let thread = std::thread::Builder::new()
            .name("metrics".to_string())
            .spawn(move || writer.run())?;
        Ok(MetricThread { queue, thread })
    }

    /// Writes what waits and ends the thread.
    pub(crate) fn stop(self) {
        self.queue.mailbox.close();
        // A thread that panicked has said so on standard error; there is nothing to add here.
        drop(self.thread.join());
    }
}

struct Writer {
    queue: Arc<MetricQueue>,
    metrics: Metrics,
    ticks: Vec<Box<dyn Tick>>,
    next_tick: Instant,
    next_own: Instant,
    /// What was dropped when it was last given as metrics.
    said: MetricCounts,
}

impl Writer {
    /// A store that fails ends the writing of metrics, and nothing else.
    fn run(&mut self) {
        let mut failure: Option<String> = None;
        while let Some(taken) = self.queue.mailbox.take(self.until_tick()) {
            if failure.is_some() {
                let count = taken.items.len() as u64;
                self.queue.lost.fetch_add(count, Ordering::Relaxed);
            } else if let Err(error) = self.write(taken.items) {
                failure = Some(self.failed(&error));
            }
            failure = self.answer(taken.asked, failure);
            if self.next_tick <= Instant::now() {
                self.next_tick = Instant::now() + TICK;
                if failure.is_none()
                    && let Err(error) = self.tick()
                {
                    failure = Some(self.failed(&error));
                }
            }
        }
    }

    fn until_tick(&self) -> Duration {
        self.next_tick.saturating_duration_since(Instant::now())
    }

    fn failed(&mut self, error: &Error) -> String {
        tracing::error!(%error, "the store of metrics has failed: nothing more of metrics and alarms is written until a restart");
        error.to_string()
    }

    fn write(&mut self, samples: VecDeque<Sample>) -> Result<(), Error> {
        let now_ms = now().as_millis();
        for sample in samples {
            self.metrics.add(&sample, now_ms)?;
            if self.metrics.is_full() {
                self.metrics.commit(now_ms)?;
            }
        }
        self.commit(now_ms)
    }

    fn commit(&mut self, now_ms: i64) -> Result<(), Error> {
        self.metrics.commit(now_ms)?;
        self.publish();
        Ok(())
    }

    fn publish(&self) {
        *lock(&self.queue.reader) = Some(Arc::new(self.metrics.reader()));
        let (series, bytes) = self.metrics.size();
        *lock(&self.queue.kept) = Kept {
            dropped: self.metrics.dropped(),
            series,
            bytes,
        };
    }

    /// Makes the changes that were asked for, in one commit, and answers.
    fn answer(&mut self, asked: Vec<Ask>, mut failure: Option<String>) -> Option<String> {
        let now_ms = now().as_millis();
        let mut made = Vec::new();
        for ask in asked {
            match ask {
                Ask::Flush(sender) => drop(sender.send(())),
                Ask::Change(mut change) => {
                    if failure.is_none()
                        && let Err(error) = change.make(&mut self.metrics, now_ms)
                    {
                        failure = Some(self.failed(&error));
                    }
                    made.push(change);
                }
            }
        }
        if !made.is_empty()
            && failure.is_none()
            && let Err(error) = self.commit(now_ms)
        {
            failure = Some(self.failed(&error));
        }
        for change in made {
            change.settle(failure.as_deref());
        }
        failure
    }

    fn tick(&mut self) -> Result<(), Error> {
        let now_ms = now().as_millis();
        let mut acts = Vec::new();
        for tick in &mut self.ticks {
            acts.extend(tick.tick(&mut self.metrics, now_ms)?);
        }
        self.commit(now_ms)?;
        acts.into_iter().for_each(|act| act());
        if self.next_own <= Instant::now() {
            self.next_own = Instant::now() + OWN_METRICS_EVERY;
            self.say_dropped(now_ms);
        }
        let until = Instant::now() + MAINTENANCE_MAX;
        while self.metrics.maintain(now_ms)? && Instant::now() < until {}
        self.publish();
        Ok(())
    }

    /// What was dropped is a metric itself.
    fn say_dropped(&mut self, now_ms: i64) {
        let counts = self.queue.counts();
        let said = std::mem::replace(&mut self.said, counts);
        let reasons = [
            ("QueueFull", counts.queue - said.queue),
            ("TooManySeries", counts.store.series - said.store.series),
            ("NoRoom", counts.store.bytes - said.store.bytes),
            ("NoValue", counts.store.value - said.store.value),
            ("OutsideTime", counts.store.time - said.store.time),
        ];
        let samples = reasons.into_iter().filter(|(_, count)| *count > 0);
        let samples = samples.map(|(reason, count)| {
            let metric = Metric::known("Stepwell", "MetricSamplesDropped", &[("Reason", reason)]);
            let values = Distribution::of(count as f64);
            Sample::new(&Arc::new(metric), Unit::Count, now_ms, values)
        });
        self.queue.put(samples.collect());
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(count: usize) -> Vec<Sample> {
        let metric = Arc::new(Metric::known("n", "m", &[]));
        let one = Sample::new(&metric, Unit::Count, 0, Distribution::of(1.0));
        vec![one; count]
    }

    #[test]
    fn a_queue_that_fills_does_not_wait_for_more() {
        let queue = Arc::new(MetricQueue::gathering(Duration::from_secs(3_600)));
        let (sender, receiver) = std::sync::mpsc::channel();
        queue.put(samples(1));
        {
            let queue = Arc::clone(&queue);
            std::thread::spawn(move || {
                let taken = queue.mailbox.take(Duration::from_secs(3_600));
                sender.send(taken.map(|taken| taken.items.len()))
            });
        }
        // Most likely it waits by now for more.
        std::thread::yield_now();
        queue.put(samples(SAMPLES_WAITING_MAX / 4));
        let taken = receiver.recv_timeout(Duration::from_secs(60));
        assert_eq!(taken, Ok(Some(1 + SAMPLES_WAITING_MAX / 4)));
    }

    #[test]
    fn what_comes_after_the_end_is_counted_as_dropped() {
        let queue = MetricQueue::default();
        queue.put(samples(2));
        queue.mailbox.close();
        assert!(!queue.offer(samples(3)));
        let counts = queue.counts();
        assert_eq!((counts.taken, counts.queue), (2, 3));
        assert_eq!(queue.taken().len(), 2);
    }
}
