//! The thread itself: what it makes of what waits, and what goes on by itself.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use stepwell_api::logs;
use stepwell_functions::LogLine;
use stepwell_service::{KnownTexts, LiveEvents, LogGroup, LogTarget, LogsRequest, Request};
use stepwell_store::Error;
use stepwell_telemetry::emf;
use stepwell_telemetry::metrics::{Distribution, Metric, Sample, Unit};
use stepwell_telemetry::{
    Level, LogEvent, Logs, Read, Source, VALIDATION_MESSAGE, VALIDATION_STREAM, event_id,
    execution_log, stream_name,
};

use super::{Ask, Change, Changed, Delivery, LogQueue, NamedGroup, lock, unavailable};
use crate::embedded_metrics::EmbeddedMetrics;
use crate::live_tail::{LiveTails, Logged};
use crate::log_taps::{GroupTaps, Tapped, Taps};
use crate::metric_writer::MetricQueue;
use crate::observers::Commit;
use crate::shard::{Handle, now};

/// Payloads of Express executions that are kept until their end. What refers to one that is not kept is logged with
/// an empty text.
const KNOWN_BYTES_MAX: usize = 64 << 20;

/// How often events over their retention are looked for.
const RETENTION_EVERY: Duration = Duration::from_secs(600);

/// The first time after the start.
const RETENTION_FIRST: Duration = Duration::from_secs(60);

/// Steps of one look at a group; the rest is removed at the next one.
const RETENTION_STEPS_MAX: usize = 50;

/// How often the directory is looked at while something is written.
const DISK_EVERY: Duration = Duration::from_secs(2);

/// A disk that is full takes a batch this often, so that the store goes on to make room.
const FULL_DISK_EVERY: Duration = Duration::from_secs(1);

/// Entries of the directory that are looked at.
const DISK_ENTRIES_MAX: usize = 100_000;

/// How often what was dropped becomes a value of a metric.
const OWN_METRICS_EVERY: Duration = Duration::from_secs(60);

/// The thread.
pub(crate) struct LogThread {
    queue: Arc<LogQueue>,
    thread: std::thread::JoinHandle<()>,
}

impl LogThread {
    /// Starts to write what the queue gets.
    pub(crate) fn start(
        queue: Arc<LogQueue>,
        logs: Logs,
        directory: PathBuf,
        handle: Handle,
        metrics: Arc<MetricQueue>,
    ) -> std::io::Result<LogThread> {
        *lock(&queue.reader) = Some(Arc::new(logs.reader()));
        let now = Instant::now();
        let dropped = Arc::clone(&queue.counts.tapped_dropped);
        let mut writer = Writer {
            queue: Arc::clone(&queue),
            logs,
            directory,
            embedded: EmbeddedMetrics::new(Arc::clone(&metrics)),
            taps: Taps::new(handle.clone(), Arc::clone(&metrics), dropped),
            metrics,
            told_dropped: 0,
            told_due: now + OWN_METRICS_EVERY,
            handle,
            known: BTreeMap::new(),
            known_bytes: 0,
            taps_due: None,
            retention_due: now + RETENTION_FIRST,
            disk_due: now,
            has_written: true,
            full_disk_due: now,
        };
        let thread = std::thread::Builder::new()
            .name("logs".to_string())
            .spawn(move || writer.run())?;
        Ok(LogThread { queue, thread })
    }

    /// The way to it.
    pub(crate) fn queue(&self) -> &LogQueue {
        &self.queue
    }

    /// Writes what waits and ends the thread.
    pub(crate) fn stop(self) {
        self.queue.mailbox.close();
        // A thread that panicked has said so on standard error; there is nothing to add here.
        drop(self.thread.join());
    }
}

/// A group that is written to, and what looks at its events.
struct Destination {
    group: LogGroup,
    taps: Option<Arc<GroupTaps>>,
}

/// The groups of one batch, by name or ARN; `None` is one that is not there.
type Destinations = BTreeMap<String, Option<Arc<Destination>>>;

struct Writer {
    queue: Arc<LogQueue>,
    logs: Logs,
    /// Where its store is.
    directory: PathBuf,
    taps: Taps,
    /// Metrics in log events.
    embedded: EmbeddedMetrics,
    metrics: Arc<MetricQueue>,
    /// What was dropped when it was told last.
    told_dropped: u64,
    told_due: Instant,
    handle: Handle,
    /// Payloads of the Express executions that have not ended, by number.
    known: BTreeMap<u64, KnownTexts>,
    known_bytes: usize,
    taps_due: Option<Instant>,
    retention_due: Instant,
    disk_due: Instant,
    has_written: bool,
    full_disk_due: Instant,
}

impl Writer {
    /// A store that fails ends the writing of logs, and nothing else.
    fn run(&mut self) {
        let mut failure = None;
        while let Some(taken) = self.queue.mailbox.take(self.patience()) {
            if failure.is_some() {
                let count = taken.items.len() as u64;
                self.queue.drop_some(count, "the store of logs has failed");
            } else if let Err(error) = self.write(taken.items) {
                failure = self.failed(error);
            }
            for ask in taken.asked {
                match (ask, &failure) {
                    (Ask::Flush(sender), _) => drop(sender.send(())),
                    (Ask::HandOver(sender), _) => {
                        self.taps.flush(now().as_millis(), true);
                        let _ = sender.send(());
                    }
                    (Ask::Change(_, sender), Some(text)) => {
                        drop(sender.send(Err(unavailable(text))));
                    }
                    (Ask::Change(change, sender), None) => match self.change(*change) {
                        Ok(changed) => drop(sender.send(changed)),
                        Err(error) => {
                            failure = self.failed(error);
                            drop(sender.send(Err(unavailable("the store of logs has failed"))));
                        }
                    },
                }
            }
            if failure.is_none()
                && let Err(error) = self.tick()
            {
                failure = self.failed(error);
            }
        }
        // Only of what was logged after the shard's thread has ended; that is counted as dropped.
        self.taps.flush(now().as_millis(), true);
    }

    fn failed(&mut self, error: Error) -> Option<String> {
        tracing::error!(%error, "the store of logs has failed: nothing more is logged until a restart");
        Some(error.to_string())
    }

    /// How long there is nothing to do that nobody asks for.
    fn patience(&self) -> Duration {
        let disk = self.has_written.then_some(self.disk_due);
        let due = [
            self.taps_due,
            disk,
            Some(self.told_due),
            Some(self.retention_due),
        ];
        let first = due.into_iter().flatten().min();
        first.map_or(RETENTION_EVERY, |first| {
            first.saturating_duration_since(Instant::now())
        })
    }

    /// What goes on by itself: what the taps have gathered, the disk's budget, retention.
    fn tick(&mut self) -> Result<(), Error> {
        let now_at = Instant::now();
        let now_ms = now().as_millis();
        self.taps_due = self.taps.flush(now_ms, self.handle.is_draining());
        if self.has_written && now_at >= self.disk_due {
            self.has_written = false;
            self.disk_due = now_at + DISK_EVERY;
            let bytes = directory_bytes(&self.directory);
            self.logs.set_disk_bytes(bytes);
            let counts = &self.queue.counts;
            counts.disk_bytes.store(bytes, Ordering::Relaxed);
            let stored = self.logs.stored_bytes();
            counts.stored_bytes.store(stored, Ordering::Relaxed);
        }
        if now_at >= self.told_due {
            self.told_due = now_at + OWN_METRICS_EVERY;
            self.tell_dropped(now_ms);
        }
        if now_at >= self.retention_due {
            self.retention_due = now_at + RETENTION_EVERY;
            self.expire(now_ms)?;
        }
        Ok(())
    }

    /// What found no room is a metric of its own.
    fn tell_dropped(&mut self, now_ms: i64) {
        let dropped = self.queue.load().dropped + self.queue.counts().tapped_dropped;
        let fresh = dropped - self.told_dropped;
        self.told_dropped = dropped;
        if fresh > 0 {
            let metric = Arc::new(Metric::known("Stepwell", "LogEventsDropped", &[]));
            let values = Distribution::of(fresh as f64);
            let sample = Sample::new(&metric, Unit::Count, now_ms, values);
            self.metrics.put(vec![sample]);
        }
    }

    /// Removes the events that are over the retention of their group.
    fn expire(&mut self, now_ms: i64) -> Result<(), Error> {
        for group in self.handle.reader().log_groups()? {
            let Some(days) = group.retention_days else {
                continue;
            };
            let not_before_ms = now_ms - i64::from(days) * DAY_MS;
            for _ in 0..RETENTION_STEPS_MAX {
                if !self.logs.expire(&group.id, not_before_ms)? {
                    break;
                }
            }
        }
        self.commit()
    }

    fn write(&mut self, deliveries: VecDeque<Delivery>) -> Result<(), Error> {
        if deliveries.is_empty() {
            return Ok(());
        }
        let now_at = Instant::now();
        if !self.logs.has_room() {
            if now_at < self.full_disk_due {
                let why = "the logs take all of their budget of the disk";
                self.queue.drop_some(deliveries.len() as u64, why);
                self.has_written = true;
                return Ok(());
            }
            self.full_disk_due = now_at + FULL_DISK_EVERY;
        }
        let mut groups = Destinations::new();
        for delivery in deliveries {
            match delivery {
                Delivery::Line(line) => self.write_line(&mut groups, line)?,
                Delivery::Events(commit) => self.write_commit(&mut groups, &commit)?,
                Delivery::Validation { log_group_arn } => {
                    if let Some(to) = self.destination(&mut groups, &log_group_arn)? {
                        let event = LogEvent {
                            timestamp_ms: now().as_millis(),
                            message: VALIDATION_MESSAGE.to_string(),
                        };
                        self.append_once(&to.group, event)?;
                    }
                }
            }
            if self.logs.is_full() {
                self.logs.commit()?;
            }
        }
        self.commit()
    }

    /// Appends events, and shows them to who looks at them.
    fn append(
        &mut self,
        to: &Destination,
        stream: &str,
        events: Vec<LogEvent>,
    ) -> Result<(), Error> {
        let now_ms = now().as_millis();
        let exports = &self.handle.instruments().exports;
        for event in &events {
            exports.log(&to.group.name, stream, event.timestamp_ms, &event.message);
        }
        let first = self.logs.next_number(&to.group.id);
        show(
            &mut self.taps,
            self.queue.tails(),
            to,
            (stream, first, now_ms),
            &events,
        );
        self.logs.append(&to.group.id, stream, now_ms, events)
    }

    fn append_once(&mut self, group: &LogGroup, event: LogEvent) -> Result<(), Error> {
        let now_ms = now().as_millis();
        if self
            .logs
            .create_stream(&group.id, VALIDATION_STREAM, now_ms)?
        {
            self.logs
                .append(&group.id, VALIDATION_STREAM, now_ms, [event])?;
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), Error> {
        self.logs.commit()?;
        self.embedded.hand_over();
        self.has_written = true;
        *lock(&self.queue.reader) = Some(Arc::new(self.logs.reader()));
        Ok(())
    }

    /// AWS: Lambda makes the log group of a function when the function first runs.
    fn write_line(&mut self, groups: &mut Destinations, line: LogLine) -> Result<(), Error> {
        let name: &str = &line.log_group;
        let mut to = self.destination(groups, name)?;
        if to.is_none() {
            self.create_group(name);
            groups.remove(name);
            to = self.destination(groups, name)?;
        }
        let Some(to) = to else {
            return Ok(());
        };
        let text = emf::without_prefix(&line.text);
        self.embedded.read(name, text, now().as_millis());
        let event = LogEvent {
            timestamp_ms: line.timestamp_ms,
            message: line.text,
        };
        self.append(&to, &line.log_stream, vec![event])
    }

    fn create_group(&self, name: &str) {
        let input = logs::CreateLogGroupRequest {
            log_group_name: name.to_string(),
            ..Default::default()
        };
        let request = Request::Logs(LogsRequest::CreateLogGroup(input));
        // Of a function that has answered, also while the server stops. One that is overloaded makes no group: the line is
        // lost, as the log is best effort.
        if let Ok(answer) = self.handle.owe(request) {
            drop(answer.blocking_recv());
        }
    }

    fn write_commit(&mut self, groups: &mut Destinations, commit: &Commit) -> Result<(), Error> {
        for live in &commit.live {
            if let Some(target) = &live.execution.machine.log {
                self.write_events(groups, live, target)?;
                if self.logs.is_full() {
                    self.logs.commit()?;
                }
            }
        }
        Ok(())
    }

    /// AWS: a group that has been deleted is not made again; its events are lost.
    fn write_events(
        &mut self,
        groups: &mut Destinations,
        live: &LiveEvents,
        target: &LogTarget,
    ) -> Result<(), Error> {
        let execution = &*live.execution;
        let number = execution.identity.number;
        let to = self.destination(groups, &target.log_group_arn)?;
        let level = Level::of(&target.logging);
        let (Some(to), Some(level)) = (to, level) else {
            return Ok(());
        };
        let mut known = self.known.remove(&number).unwrap_or_default();
        self.known_bytes -= known.bytes();
        let events =
            self.handle
                .reader()
                .logged_events(live, target, &mut known, &|event_type| {
                    level.logs(event_type)
                })?;
        let has_ended = live
            .events
            .last()
            .is_some_and(|event| event.details.is_terminal());
        if known.bytes() > 0 && !has_ended {
            self.remember(number, known);
        }
        if events.is_empty() {
            return Ok(());
        }
        let source = Source {
            execution_arn: &execution.identity.arn,
            redrive_count: execution.redrives.count,
            includes_data: target.logging.include_execution_data == Some(true),
        };
        let stream = stream_name(
            &target.state_machine_name,
            &target.state_machine_arn,
            target.since_ms,
        );
        let events = events.iter().map(|event| LogEvent {
            timestamp_ms: event.timestamp.ms(),
            message: execution_log(event, source),
        });
        self.append(&to, &stream, events.collect())
    }

    /// Keeps the payloads of an Express execution. Those of the oldest go when there are too many: its end may
    /// have been dropped from the queue.
    fn remember(&mut self, execution: u64, known: KnownTexts) {
        self.known_bytes += known.bytes();
        self.known.insert(execution, known);
        while self.known_bytes > KNOWN_BYTES_MAX
            && let Some((_, oldest)) = self.known.pop_first()
        {
            self.known_bytes -= oldest.bytes();
        }
    }

    /// The group with this name or ARN, looked up once a batch.
    fn destination(
        &mut self,
        groups: &mut Destinations,
        identifier: &str,
    ) -> Result<Option<Arc<Destination>>, Error> {
        if let Some(known) = groups.get(identifier) {
            return Ok(known.clone());
        }
        let destination = match self.handle.reader().log_group(identifier)? {
            Some(group) => Some(Arc::new(Destination {
                taps: self.taps.of(&group)?,
                group,
            })),
            None => None,
        };
        groups.insert(identifier.to_string(), destination.clone());
        Ok(destination)
    }

    fn put(
        &mut self,
        group: &NamedGroup,
        input: logs::PutLogEventsRequest,
        now_ms: i64,
    ) -> Result<Changed, Error> {
        if !self.logs.has_room() {
            return Ok(Err(unavailable(
                "the logs take all of their budget of the disk; send them again later",
            )));
        }
        let to = self.destination(&mut Destinations::new(), &group.arn)?;
        let (taps, tails) = (&mut self.taps, self.queue.tails());
        let exports = &self.handle.instruments().exports;
        let embedded = &mut self.embedded;
        let mut accepted = |first: u64, stream: &str, events: &[LogEvent]| {
            let name = group.arn.split(':').nth(6).unwrap_or(&group.arn);
            for event in events {
                if emf::may_have_metrics(&event.message) {
                    embedded.read(name, &event.message, now_ms);
                }
            }
            if let Some(to) = &to {
                for event in events {
                    exports.log(&to.group.name, stream, event.timestamp_ms, &event.message);
                }
                show(taps, tails, to, (stream, first, now_ms), events);
            }
        };
        let put = self
            .logs
            .put_log_events(group.view(), input, now_ms, &mut accepted)?;
        Ok(put.map(|output| {
            serde_json::to_vec(&output).expect("a generated shape has text keys only")
        }))
    }

    fn change(&mut self, change: Change) -> Result<Changed, Error> {
        let now_ms = now().as_millis();
        let changed = match change {
            Change::CreateStream(group, input) => {
                empty(self.logs.create_log_stream(group.view(), &input, now_ms))?
            }
            Change::DeleteStream(group, input) => {
                empty(self.logs.delete_log_stream(group.view(), &input))?
            }
            Change::Put(group, input) => self.put(&group, input, now_ms)?,
            Change::DeleteGroup { id } => {
                self.logs.delete_group(&id)?;
                Ok(Vec::new())
            }
        };
        self.commit()?;
        Ok(changed)
    }
}

/// Shows events that are about to be logged to filters and to Live Tail.
///
/// - Beside them: their stream, the number of the first, and the instant of ingestion.
fn show(
    taps: &mut Taps,
    tails: &LiveTails,
    to: &Destination,
    (stream, first, ingestion_ms): (&str, u64, i64),
    events: &[LogEvent],
) {
    let is_tailed = tails.has_any();
    if to.taps.is_none() && !is_tailed {
        return;
    }
    for (number, event) in (first..).zip(events) {
        if let Some(group) = &to.taps {
            let tapped = Tapped {
                stream,
                id: &|| event_id(event.timestamp_ms, number),
                timestamp_ms: event.timestamp_ms,
                message: &event.message,
            };
            taps.tap(group, &tapped);
        }
        if is_tailed {
            tails.offer(&Logged {
                group_id: &to.group.id,
                stream,
                timestamp_ms: event.timestamp_ms,
                ingestion_ms,
                message: &event.message,
            });
        }
    }
}

/// Bytes of the files below a directory; what goes meanwhile is not counted.
fn directory_bytes(directory: &std::path::Path) -> u64 {
    let mut bytes = 0;
    let mut left = vec![directory.to_path_buf()];
    let mut seen = 0;
    while let Some(directory) = left.pop() {
        let Ok(entries) = std::fs::read_dir(directory) else {
            continue;
        };
        for entry in entries.flatten() {
            seen += 1;
            if seen > DISK_ENTRIES_MAX {
                return bytes;
            }
            match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => left.push(entry.path()),
                Ok(metadata) => bytes += metadata.len(),
                Err(_) => {}
            }
        }
    }
    bytes
}

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3_600_000;

/// The answer of an operation that gives nothing.
fn empty(done: Read<()>) -> Result<Changed, Error> {
    Ok(done?.map(|()| Vec::new()))
}
