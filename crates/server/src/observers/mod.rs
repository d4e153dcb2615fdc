//! Who looks at what happens: logs, metrics, traces, status changes.
//!
//! An observer is told on the thread where something happens, the shard's own among them: it takes the `Arc` if it
//! wants something in it, puts it in a [`Mailbox`], and returns. What finds no room there is counted and dropped.

mod concurrency;
mod mailbox;
mod metrics;
mod report;

use std::sync::Arc;

use stepwell_service::{GivenUp, LiveEvents};

pub(crate) use concurrency::Concurrency;
pub(crate) use mailbox::Mailbox;
pub(crate) use metrics::{MetricsObserver, MetricsObserverThread, Surroundings};
pub(crate) use report::{Asynchronous, Incident, InvocationReport, Outcome};

/// Somebody who is told what happens. Never waits, and never does more than some tens of nanoseconds an event.
pub(crate) trait Observer: Send + Sync {
    /// A commit is durable; nobody sees it yet. In the order of the commits.
    fn committed(&self, _commit: &Arc<Commit>) {}

    /// An invocation of a function has ended, or was refused.
    fn invoked(&self, _report: &Arc<InvocationReport>) {}

    /// Something else happened that AWS counts.
    fn happened(&self, _incident: &Incident) {}
}

/// What one durable commit has made known. Shared by all observers; the last one frees it.
#[derive(Debug)]
pub(crate) struct Commit {
    /// Never empty; those of one execution are in their order.
    pub(crate) live: Vec<LiveEvents>,
    /// About how much memory `live` holds.
    pub(crate) bytes: usize,
    /// Standard executions that have not ended after it.
    pub(crate) open_executions: u64,
    /// Whether the state machine of any of the executions logs.
    pub(crate) has_logs: bool,
    /// Whether tracing is on for the state machine of any of the executions, or one came with a trace header.
    pub(crate) has_traces: bool,
}

/// All observers of a server. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    all: Arc<[Arc<dyn Observer>]>,
    concurrency: Arc<Concurrency>,
}

impl Observers {
    pub(crate) fn new(all: Vec<Arc<dyn Observer>>) -> Observers {
        Observers {
            all: all.into(),
            concurrency: Arc::default(),
        }
    }

    /// Invocations of functions that are going on.
    pub(crate) fn concurrency(&self) -> &Arc<Concurrency> {
        &self.concurrency
    }

    /// Tells of the events of a commit.
    ///
    /// - `bytes`: about how much memory they hold.
    pub(crate) fn committed(&self, live: Vec<LiveEvents>, bytes: usize, open_executions: u64) {
        if live.is_empty() || self.all.is_empty() {
            return;
        }
        let mut commit = Commit {
            live,
            bytes,
            open_executions,
            has_logs: false,
            has_traces: false,
        };
        for live in &commit.live {
            let execution = &live.execution;
            commit.has_logs |= execution.machine.log.is_some();
            commit.has_traces |= execution.machine.is_traced || execution.trace_header.is_some();
        }
        let commit = Arc::new(commit);
        for observer in &*self.all {
            observer.committed(&commit);
        }
    }

    pub(crate) fn invoked(&self, report: InvocationReport) {
        let report = Arc::new(report);
        for observer in &*self.all {
            observer.invoked(&report);
        }
    }

    /// A delivery has ended without success.
    pub(crate) fn given_up(&self, what: GivenUp) {
        match what {
            GivenUp::Event {
                function_arn,
                was_tried,
            } => {
                if !was_tried {
                    let function_arn = function_arn.clone();
                    self.happened(&Incident::EventReceived { function_arn });
                }
                self.happened(&Incident::EventDropped { function_arn });
            }
            GivenUp::DeadLetter { function_arn } => {
                self.happened(&Incident::DeadLetterFailed { function_arn });
            }
            GivenUp::Record { function_arn } => {
                self.happened(&Incident::DestinationFailed { function_arn });
            }
            GivenUp::Other => {}
        }
    }

    pub(crate) fn happened(&self, incident: &Incident) {
        for observer in &*self.all {
            observer.happened(incident);
        }
    }
}
