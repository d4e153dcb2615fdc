//! The observer that makes AWS's metrics of what happens, on a thread of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell_service::{Details, Event, EventId, ExecutionFacts, LiveEvents, Reader};
use stepwell_telemetry::metrics::Unit;
use stepwell_telemetry::projection::{
    Ancestor, At, Change, EventOutcome, Gauge, History, Invoked, Milestone, Projection, Work,
    WorkEnded,
};

use super::milestones::{MilestoneQueue, Waiting};
use super::{
    Commit, Concurrency, Incident, Interest, InvocationReport, Mailbox, Observer, Outcome,
};
use crate::metric_writer::MetricQueue;
use crate::priority::come_last;
use crate::quotas::Rates;
use crate::shard::{Handle, now};

/// Commits and reports that may wait.
const ITEMS_MAX: usize = 65_536;

/// Bytes of the events that may wait.
const BYTES_MAX: usize = 128 << 20;

/// What happens waits for more this long: events are freed soon after they were made.
const GATHER: Duration = Duration::from_millis(20);

/// How often gathered values are given to the store.
const HAND_OVER: Duration = Duration::from_secs(1);

/// How often values that nothing announces are looked at.
const GAUGES_EVERY: Duration = Duration::from_secs(60);

/// How often resources are counted.
const RESOURCES_EVERY: Duration = Duration::from_secs(300);

/// What is told to the thread.
enum Item {
    Commit(Arc<Commit>),
    Invoked(Arc<InvocationReport>),
    Happened(Incident),
}

/// The way to the thread.
pub(crate) struct MetricsObserver {
    mailbox: Mailbox<Item>,
    milestones: MilestoneQueue,
}

impl MetricsObserver {
    pub(crate) fn new() -> MetricsObserver {
        MetricsObserver {
            mailbox: Mailbox::new(
                "events that metrics are made of",
                ITEMS_MAX,
                BYTES_MAX,
                GATHER,
            ),
            milestones: MilestoneQueue::default(),
        }
    }

    /// Returns once the values of everything that was told before have been given to the store.
    pub(crate) async fn flush(&self) {
        self.mailbox.flush().await;
    }

    /// Commits and reports that found no room.
    pub(crate) fn dropped(&self) -> u64 {
        self.mailbox.dropped()
    }
}

impl Observer for MetricsObserver {
    fn interest(&self, _transition: &LiveEvents) -> Interest {
        Interest::Those(|details| change_of(details).is_some())
    }

    fn committed(&self, commit: &Arc<Commit>) {
        self.mailbox
            .put(Item::Commit(Arc::clone(commit)), commit.bytes);
    }

    fn counts_executions(&self) -> bool {
        true
    }

    fn passed(&self, passed: &[(Arc<ExecutionFacts>, Milestone)], open_executions: u64) {
        self.milestones.note(passed, open_executions);
    }

    fn invoked(&self, report: &Arc<InvocationReport>) {
        let bytes = size_of::<InvocationReport>();
        self.mailbox.put(Item::Invoked(Arc::clone(report)), bytes);
    }

    fn happened(&self, incident: &Incident) {
        self.mailbox.put(Item::Happened(incident.clone()), 0);
    }
}

/// What the thread needs.
pub(crate) struct Surroundings {
    pub(crate) handle: Handle,
    pub(crate) metrics: Arc<MetricQueue>,
    pub(crate) concurrency: Arc<Concurrency>,
    /// The most Standard executions that may be open.
    pub(crate) open_executions_max: u64,
    pub(crate) rates: Arc<Rates>,
    /// Whether anything is made of what happens.
    pub(crate) is_observed: bool,
}

/// The thread.
pub(crate) struct MetricsObserverThread {
    observer: Arc<MetricsObserver>,
    thread: std::thread::JoinHandle<()>,
}

impl MetricsObserverThread {
    pub(crate) fn start(
        observer: Arc<MetricsObserver>,
        around: Surroundings,
    ) -> std::io::Result<MetricsObserverThread> {
        let mut worker = Worker {
            observer: Arc::clone(&observer),
            around,
            projection: Projection::default(),
            milestones: Waiting::default(),
            open_executions: None,
        };
        let thread = std::thread::Builder::new()
            .name("observers".to_string())
            .spawn(move || {
                come_last();
                worker.run();
            })?;
        Ok(MetricsObserverThread { observer, thread })
    }

    /// Works off what waits, gives it to the store, and ends the thread.
    pub(crate) fn stop(self) {
        self.observer.mailbox.close();
        // A thread that panicked has said so on standard error; there is nothing to add here.
        drop(self.thread.join());
    }
}

struct Worker {
    observer: Arc<MetricsObserver>,
    around: Surroundings,
    projection: Projection,
    /// The room of those that were taken last.
    milestones: Waiting,
    /// After the last commit.
    open_executions: Option<u64>,
}

impl Worker {
    fn run(&mut self) {
        let is_observed = self.around.is_observed;
        let began = Instant::now();
        let mut hand_over_at = began + HAND_OVER;
        let mut gauges_at = began;
        let mut resources_at = began;
        while let Some(taken) = self.observer.mailbox.take(HAND_OVER) {
            for item in taken.items {
                match item {
                    Item::Commit(commit) => self.committed(&commit),
                    Item::Invoked(report) => self.invoked(&report),
                    Item::Happened(incident) => self.happened(&incident),
                }
            }
            self.pass_milestones();
            let instant = Instant::now();
            if is_observed && instant >= gauges_at {
                gauges_at = instant + GAUGES_EVERY;
                self.gauges();
            }
            if is_observed && instant >= resources_at {
                resources_at = instant + RESOURCES_EVERY;
                self.count_resources();
            }
            if instant >= hand_over_at || !taken.asked.is_empty() {
                hand_over_at = instant + HAND_OVER;
                self.hand_over();
            }
            for flush in taken.asked {
                // Who does not wait any more needs no answer.
                let _ = flush.send(());
            }
        }
        self.pass_milestones();
        self.hand_over();
    }

    /// Takes the starts and ends of executions that were noted until now.
    fn pass_milestones(&mut self) {
        // What was taken the last time was noted after the other events of its commits were told, and these are worked off.
        self.projection.close_ended();
        self.observer.milestones.take(&mut self.milestones);
        for kind in &self.milestones.kinds {
            if !kind.milestones.is_empty() {
                self.projection
                    .milestones(&kind.machine(), &kind.milestones);
            }
        }
        if let Some(open) = self.milestones.open_executions {
            self.open_executions = Some(open);
        }
    }

    fn hand_over(&mut self) {
        if !self.around.is_observed {
            return;
        }
        let now_ms = now().as_millis();
        for asked in self.around.rates.asked() {
            self.projection.asked(now_ms, &asked);
        }
        let (functions, all) = self.around.concurrency.now();
        let functions = functions
            .iter()
            .map(|(name, count)| (name.as_str(), *count));
        self.projection.running(now_ms, functions, all);
        let samples = self.projection.take();
        if !samples.is_empty() {
            self.around.metrics.put(samples);
        }
    }

    fn committed(&mut self, commit: &Commit) {
        let handle = &self.around.handle;
        for live in &commit.live {
            project(&mut self.projection, live, &|| handle.reader());
        }
    }

    fn invoked(&mut self, report: &InvocationReport) {
        let (started_ms, duration_ms, is_failure) = match &report.outcome {
            Outcome::Ran {
                figures,
                is_failure,
            } => {
                let duration_ms = figures.duration.as_secs_f64() * 1000.0;
                (figures.started_ms, Some(duration_ms), *is_failure)
            }
            Outcome::Throttled => (report.asked.as_millis(), None, false),
            // AWS: a fault of the service is no error of the function.
            Outcome::Unrun(_) => return,
        };
        let queued = report.asynchronous.map(|queued| queued.queued);
        self.projection.invoked(&Invoked {
            function: &report.configuration.function_name,
            qualifier: report.qualifier.as_deref(),
            version: &report.configuration.version,
            started_ms,
            duration_ms,
            is_failure,
            concurrency: report.concurrency,
            event_age_ms: queued.map(|queued| started_ms - queued.as_millis()),
        });
    }

    fn happened(&mut self, incident: &Incident) {
        let (function_arn, outcome) = match incident {
            Incident::EventReceived { function_arn } => (function_arn, EventOutcome::Received),
            Incident::EventDropped { function_arn } => (function_arn, EventOutcome::Dropped),
            Incident::DeadLetterFailed { function_arn } => {
                (function_arn, EventOutcome::DeadLetterFailed)
            }
            Incident::DestinationFailed { function_arn } => {
                (function_arn, EventOutcome::DestinationFailed)
            }
        };
        let name = function_arn.split(':').nth(6).unwrap_or(function_arn);
        self.projection.event(name, now().as_millis(), outcome);
    }

    fn gauges(&mut self) {
        let now_ms = now().as_millis();
        if let Some(open) = self.open_executions {
            let limit = self.around.open_executions_max;
            for (name, value) in [("OpenExecutionCount", open), ("OpenExecutionLimit", limit)] {
                self.gauge("AWS/States", name, &[], now_ms, value);
            }
        }
        // A store that cannot be read tells whoever asks it for something.
        if let Ok(open) = self.around.handle.reader().open_map_runs() {
            self.projection
                .map_runs(now_ms, open.begun, open.backlogged);
        }
        let dropped = self.observer.dropped();
        let by = [("Observer", "metrics")];
        self.gauge("Stepwell", "ObservedCommitsDropped", &by, now_ms, dropped);
        let dropped = self.observer.milestones.dropped();
        self.gauge("Stepwell", "MilestonesDropped", &by, now_ms, dropped);
        let forgotten = self.projection.forgotten_attempts();
        self.gauge("Stepwell", "AttemptsForgotten", &[], now_ms, forgotten);
    }

    /// AWS: counts of resources are published every few minutes.
    fn count_resources(&mut self) {
        let now_ms = now().as_millis();
        // A store that cannot be read tells whoever asks it for something.
        let Ok(counts) = self.around.handle.reader().resource_counts() else {
            return;
        };
        let all = [
            ("StateMachineCount", counts.state_machines),
            ("ActivityCount", counts.activities),
        ];
        for (name, value) in all {
            self.gauge("AWS/Usage", name, &[], now_ms, value);
        }
        for (name, by_machine) in [
            ("VersionCount", &counts.versions),
            ("AliasCount", &counts.aliases),
        ] {
            for (arn, value) in by_machine {
                let dimensions = [("ResourceArn", arn.as_str())];
                self.gauge("AWS/States", name, &dimensions, now_ms, *value);
            }
        }
    }

    fn gauge(
        &mut self,
        namespace: &str,
        name: &str,
        dimensions: &[(&str, &str)],
        now_ms: i64,
        value: u64,
    ) {
        let gauge = Gauge {
            namespace,
            name,
            dimensions,
            unit: Unit::Count,
        };
        self.projection.gauge(&gauge, now_ms, value as f64);
    }
}

/// Makes metrics of the events of one transition.
///
/// - `open`: opens reads of histories, for attempts that an earlier process scheduled.
fn project(projection: &mut Projection, live: &LiveEvents, open: &dyn Fn() -> Reader) {
    let facts = &*live.execution;
    let mut history = Rows {
        is_durable: facts.is_durable(),
        open,
        reader: None,
    };
    for event in &live.events {
        let Some(change) = change_of(&event.details) else {
            continue;
        };
        let at = At {
            event: event.id.0,
            previous: event.previous.0,
            timestamp_ms: event.timestamp_ms,
        };
        projection.change(facts.identity.number, at, &change, &mut history);
    }
}

/// What metrics of tasks are made of; `None` for most events.
fn change_of(details: &Details) -> Option<Change<'_>> {
    Some(match details {
        Details::FunctionStarted
        | Details::TaskStarted { .. }
        | Details::ActivityStarted { .. } => Change::WorkStarted,
        Details::TaskSubmitted { .. } => Change::WorkSubmitted,
        Details::FunctionSucceeded { .. }
        | Details::TaskSucceeded { .. }
        | Details::ActivitySucceeded { .. } => Change::WorkEnded(WorkEnded::Succeeded),
        Details::FunctionFailed { .. }
        | Details::TaskFailed { .. }
        | Details::ActivityFailed { .. } => Change::WorkEnded(WorkEnded::Failed),
        Details::FunctionTimedOut { .. }
        | Details::TaskTimedOut { .. }
        | Details::ActivityTimedOut { .. } => Change::WorkEnded(WorkEnded::TimedOut),
        details => Change::Scheduled(work_of(details)?),
    })
}

/// What an event schedules, if it does.
fn work_of(details: &Details) -> Option<Work<'_>> {
    match details {
        Details::FunctionScheduled { resource, .. } => Some(Work::Function(resource)),
        Details::ActivityScheduled {
            resource,
            timeout_seconds,
            ..
        } => Some(Work::Activity {
            arn: resource,
            timeout_seconds: *timeout_seconds,
        }),
        Details::TaskScheduled {
            resource_type,
            resource,
            ..
        } => Some(Work::Integration {
            resource_type,
            resource,
        }),
        _ => None,
    }
}

/// Histories in rows.
struct Rows<'r> {
    is_durable: bool,
    open: &'r dyn Fn() -> Reader,
    /// Opened once for the events of one transition.
    reader: Option<Reader>,
}

impl History for Rows<'_> {
    fn event(&mut self, execution: u64, event: u64) -> Option<Ancestor> {
        if !self.is_durable {
            return None;
        }
        let reader = self.reader.get_or_insert_with(self.open);
        // A store that cannot be read tells whoever asks it for something.
        let Event {
            previous,
            timestamp_ms,
            details,
            ..
        } = reader.event(execution, EventId(event)).ok()??;
        Some(Ancestor {
            previous: previous.0,
            timestamp_ms,
            scheduled: work_of(&details).map(Work::owned),
            is_start: matches!(change_of(&details), Some(Change::WorkStarted)),
        })
    }
}

#[cfg(test)]
mod tests;
