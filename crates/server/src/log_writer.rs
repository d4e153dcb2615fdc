//! The thread that writes logs: lines of functions, events of executions, and what PutLogEvents brings.
//!
//! Whoever has something to log puts it into a bounded queue and goes on: no execution and no function ever waits
//! for its log. What finds no room is counted and said.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stepwell_api::logs;
use stepwell_functions::LogLine;
use stepwell_service::{KnownTexts, LiveEvents, LogGroup, LogTarget, LogsRequest, Request};
use stepwell_store::Error;
use stepwell_telemetry::emf;
use stepwell_telemetry::{
    Level, LogEvent, Logs, LogsReader, Read, Source, VALIDATION_MESSAGE, VALIDATION_STREAM,
    execution_log, stream_name,
};
use tokio::sync::oneshot;

use crate::embedded_metrics::EmbeddedMetrics;
use crate::metric_writer::MetricQueue;
use crate::observers::{Commit, Observer};
use crate::shard::{Handle, now};

/// Deliveries that may wait.
const WAITING_MAX: usize = 100_000;

/// Bytes of the deliveries that may wait.
const WAITING_BYTES_MAX: usize = 64 << 20;

/// Deliveries wait for others this long, so that many share one fsync; a reader of logs ends the wait.
const GATHER: Duration = Duration::from_millis(50);

/// Payloads of Express executions that are kept until their end. What refers to one that is not kept is logged with
/// an empty text.
const KNOWN_BYTES_MAX: usize = 64 << 20;

/// The way to the thread. Cheap to share.
#[derive(Default)]
pub(crate) struct LogQueue {
    waiting: Mutex<Waiting>,
    has_changed: Condvar,
    /// What is committed; `None` before the thread has started.
    reader: Mutex<Option<Arc<LogsReader>>>,
}

#[derive(Default)]
struct Waiting {
    deliveries: VecDeque<Delivery>,
    bytes: usize,
    asked: Vec<Ask>,
    dropped: u64,
    is_stopping: bool,
}

/// What a queue of telemetry holds, and what it had no room for since the start of the server.
#[derive(Debug, Clone, Copy)]
pub(crate) struct QueueLoad {
    pub(crate) waiting: usize,
    pub(crate) bytes: usize,
    pub(crate) dropped: u64,
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

    fn deliver(&self, delivery: Delivery, bytes: usize) {
        let mut waiting = lock(&self.waiting);
        let has_room =
            waiting.deliveries.len() < WAITING_MAX && waiting.bytes + bytes <= WAITING_BYTES_MAX;
        if !has_room {
            waiting.dropped += 1;
            if waiting.dropped.is_power_of_two() {
                tracing::warn!(
                    dropped = waiting.dropped,
                    "log events come faster than they can be written; some are dropped"
                );
            }
            return;
        }
        waiting.bytes += bytes;
        waiting.deliveries.push_back(delivery);
        if waiting.deliveries.len() == 1 {
            self.has_changed.notify_one();
        }
    }

    /// What waits, and what was dropped.
    pub(crate) fn load(&self) -> QueueLoad {
        let waiting = lock(&self.waiting);
        QueueLoad {
            waiting: waiting.deliveries.len(),
            bytes: waiting.bytes,
            dropped: waiting.dropped,
        }
    }

    /// Asks for a change; the answer comes once it is durable.
    pub(crate) async fn change(&self, change: Change) -> Changed {
        let (sender, receiver) = oneshot::channel();
        self.ask(Ask::Change(Box::new(change), sender));
        receiver
            .await
            .unwrap_or_else(|_| Err(unavailable("the log writer has ended")))
    }

    /// Reads that see everything delivered before.
    pub(crate) async fn reader(&self) -> Result<Arc<LogsReader>, logs::Error> {
        let (sender, receiver) = oneshot::channel();
        self.ask(Ask::Flush(sender));
        // A writer that has ended flushes nothing; what is committed can be read all the same.
        let _ = receiver.await;
        lock(&self.reader)
            .clone()
            .ok_or_else(|| unavailable("the log writer has not started"))
    }

    fn ask(&self, ask: Ask) {
        let mut waiting = lock(&self.waiting);
        if !waiting.is_stopping {
            waiting.asked.push(ask);
            self.has_changed.notify_one();
        }
    }

    /// What waits; blocks until there is something, or `None` once everything is written and the thread should end.
    fn take(&self) -> Option<(VecDeque<Delivery>, Vec<Ask>)> {
        let mut waiting = lock(&self.waiting);
        let mut gathered_by: Option<Instant> = None;
        loop {
            if !waiting.asked.is_empty() || waiting.is_stopping {
                break;
            }
            let patience = match (waiting.deliveries.is_empty(), gathered_by) {
                (true, _) => Duration::MAX,
                (false, None) => {
                    gathered_by = Some(Instant::now() + GATHER);
                    GATHER
                }
                (false, Some(by)) => by.saturating_duration_since(Instant::now()),
            };
            if patience.is_zero() {
                break;
            }
            waiting = self.wait(waiting, patience);
        }
        if waiting.is_stopping && waiting.deliveries.is_empty() && waiting.asked.is_empty() {
            return None;
        }
        waiting.bytes = 0;
        let deliveries = std::mem::take(&mut waiting.deliveries);
        Some((deliveries, std::mem::take(&mut waiting.asked)))
    }

    fn wait<'w>(
        &self,
        waiting: MutexGuard<'w, Waiting>,
        patience: Duration,
    ) -> MutexGuard<'w, Waiting> {
        if patience == Duration::MAX {
            return self
                .has_changed
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let (waiting, _) = self
            .has_changed
            .wait_timeout(waiting, patience)
            .unwrap_or_else(PoisonError::into_inner);
        waiting
    }
}

impl Observer for LogQueue {
    fn committed(&self, commit: &Arc<Commit>) {
        if commit.has_logs {
            self.deliver(Delivery::Events(Arc::clone(commit)), commit.bytes);
        }
    }
}

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
        handle: Handle,
        metrics: Arc<MetricQueue>,
    ) -> std::io::Result<LogThread> {
        *lock(&queue.reader) = Some(Arc::new(logs.reader()));
        let mut writer = Writer {
            queue: Arc::clone(&queue),
            logs,
            handle,
            known: BTreeMap::new(),
            known_bytes: 0,
            embedded: EmbeddedMetrics::new(metrics),
        };
        let thread = std::thread::Builder::new()
            .name("logs".to_string())
            .spawn(move || writer.run())?;
        Ok(LogThread { queue, thread })
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
    queue: Arc<LogQueue>,
    logs: Logs,
    handle: Handle,
    /// Payloads of the Express executions that have not ended, by number.
    known: BTreeMap<u64, KnownTexts>,
    known_bytes: usize,
    /// Metrics in log events.
    embedded: EmbeddedMetrics,
}

impl Writer {
    /// A store that fails ends the writing of logs, and nothing else.
    fn run(&mut self) {
        let mut failure = None;
        while let Some((deliveries, asked)) = self.queue.take() {
            if failure.is_none()
                && let Err(error) = self.write(deliveries)
            {
                failure = self.failed(error);
            }
            for ask in asked {
                match (ask, &failure) {
                    (Ask::Flush(sender), _) => drop(sender.send(())),
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
        }
    }

    fn failed(&mut self, error: Error) -> Option<String> {
        tracing::error!(%error, "the store of logs has failed: nothing more is logged until a restart");
        Some(error.to_string())
    }

    fn write(&mut self, deliveries: VecDeque<Delivery>) -> Result<(), Error> {
        let mut groups = BTreeMap::new();
        for delivery in deliveries {
            match delivery {
                Delivery::Line(line) => self.write_line(&mut groups, line)?,
                Delivery::Events(commit) => self.write_commit(&mut groups, &commit)?,
                Delivery::Validation { log_group_arn } => {
                    if let Some(group) = self.group(&mut groups, &log_group_arn)? {
                        let event = LogEvent {
                            timestamp_ms: now().as_millis(),
                            message: VALIDATION_MESSAGE.to_string(),
                        };
                        self.append_once(&group, event)?;
                    }
                }
            }
            if self.logs.is_full() {
                self.logs.commit()?;
            }
        }
        self.commit()
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
        *lock(&self.queue.reader) = Some(Arc::new(self.logs.reader()));
        Ok(())
    }

    /// AWS: Lambda makes the log group of a function when the function first runs.
    fn write_line(
        &mut self,
        groups: &mut BTreeMap<String, Option<LogGroup>>,
        line: LogLine,
    ) -> Result<(), Error> {
        let name: &str = &line.log_group;
        let mut group = self.group(groups, name)?;
        if group.is_none() {
            self.create_group(name);
            groups.remove(name);
            group = self.group(groups, name)?;
        }
        let Some(group) = group else {
            return Ok(());
        };
        let exports = &self.handle.instruments().exports;
        exports.log(name, &line.log_stream, line.timestamp_ms, &line.text);
        let text = emf::without_prefix(&line.text);
        self.embedded.read(name, text, now().as_millis());
        let event = LogEvent {
            timestamp_ms: line.timestamp_ms,
            message: line.text,
        };
        self.logs
            .append(&group.id, &line.log_stream, now().as_millis(), [event])
    }

    fn create_group(&self, name: &str) {
        let input = logs::CreateLogGroupRequest {
            log_group_name: name.to_string(),
            ..Default::default()
        };
        let request = Request::Logs(LogsRequest::CreateLogGroup(input));
        // A server that stops or is overloaded makes no group: the line is lost, as the log is best effort.
        if let Ok(answer) = self.handle.send(request) {
            drop(answer.blocking_recv());
        }
    }

    fn write_commit(
        &mut self,
        groups: &mut BTreeMap<String, Option<LogGroup>>,
        commit: &Commit,
    ) -> Result<(), Error> {
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
        groups: &mut BTreeMap<String, Option<LogGroup>>,
        live: &LiveEvents,
        target: &LogTarget,
    ) -> Result<(), Error> {
        let execution = &*live.execution;
        let number = execution.identity.number;
        let group = self.group(groups, &target.log_group_arn)?;
        let level = Level::of(&target.logging);
        let (Some(group), Some(level)) = (group, level) else {
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
        if !execution.is_durable() && !has_ended {
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
        let exports = &self.handle.instruments().exports;
        let events = events.iter().map(|event| {
            let message = execution_log(event, source);
            let timestamp_ms = event.timestamp.ms();
            exports.log(&group.name, &stream, timestamp_ms, &message);
            LogEvent {
                timestamp_ms,
                message,
            }
        });
        self.logs
            .append(&group.id, &stream, now().as_millis(), events)
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
    fn group(
        &self,
        groups: &mut BTreeMap<String, Option<LogGroup>>,
        identifier: &str,
    ) -> Result<Option<LogGroup>, Error> {
        if let Some(group) = groups.get(identifier) {
            return Ok(group.clone());
        }
        let group = self.handle.reader().log_group(identifier)?;
        groups.insert(identifier.to_string(), group.clone());
        Ok(group)
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

    fn put(
        &mut self,
        group: &NamedGroup,
        input: logs::PutLogEventsRequest,
        now_ms: i64,
    ) -> Result<Changed, Error> {
        let messages = input.log_events.iter().map(|event| &event.message);
        let with_metrics: Vec<String> = messages
            .filter(|message| emf::may_have_metrics(message))
            .cloned()
            .collect();
        let exports = &self.handle.instruments().exports;
        let exported = exports.is_on().then(|| {
            (
                input.log_group_name.clone(),
                input.log_stream_name.clone(),
                input.log_events.clone(),
            )
        });
        let done = self.logs.put_log_events(group.view(), input, now_ms)?;
        if done.is_ok() {
            for (name, stream, events) in exported.iter() {
                for event in events {
                    exports.log(name, stream, event.timestamp, &event.message);
                }
            }
            let name = group.arn.split(':').nth(6).unwrap_or(&group.arn);
            for message in with_metrics {
                self.embedded.read(name, &message, now_ms);
            }
        }
        Ok(done.map(|output| {
            serde_json::to_vec(&output).expect("a generated shape has text keys only")
        }))
    }
}

/// The answer of an operation that gives nothing.
fn empty(done: Read<()>) -> Result<Changed, Error> {
    Ok(done?.map(|()| Vec::new()))
}

fn unavailable(text: &str) -> logs::Error {
    logs::Error::service_unavailable_exception(text)
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
