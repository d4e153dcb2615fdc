//! Who looks at what happens: logs, metrics, traces, status changes.
//!
//! An observer is told on the thread where something happens, the shard's own among them: it takes the `Arc` if it
//! wants something in it, puts it in a [`Mailbox`], and returns. What finds no room there is counted and dropped.

mod concurrency;
mod mailbox;
mod metrics;
mod milestones;
mod report;

use std::sync::Arc;

use stepwell_service::{Details, ExecutionFacts, GivenUp, LiveEvents, event_bytes};
use stepwell_telemetry::projection::Milestone;

pub(crate) use concurrency::Concurrency;
pub(crate) use mailbox::{Mailbox, is_worth_saying};
pub(crate) use metrics::{MetricsObserver, MetricsObserverThread, Surroundings};
pub(crate) use report::{Asynchronous, Incident, InvocationReport, Outcome};

/// Observers of a server.
const OBSERVERS_MAX: usize = 8;

/// Somebody who is told what happens. Never waits, and never does more than some tens of nanoseconds an event.
pub(crate) trait Observer: Send + Sync {
    /// What it wants to be told of a durable transition. Asked on the shard's thread, in their order: it may as well take
    /// at once what it needs, in few bytes.
    ///
    /// - What nobody wants is freed there at once: on a thread that did not make it, that costs several times as much.
    fn interest(&self, _transition: &LiveEvents) -> Interest {
        Interest::Nothing
    }

    /// A commit with something that it wants is durable; nobody sees it yet. In the order of the commits.
    ///
    /// - Some of its events may be there because another observer wants them.
    fn committed(&self, _commit: &Arc<Commit>) {}

    /// Whether it is told of executions that begin and end.
    fn counts_executions(&self) -> bool {
        false
    }

    /// Executions have begun and ended in a commit, of whose other events it was told before.
    ///
    /// - `open_executions`: Standard ones that have not ended after it.
    fn passed(&self, _passed: &[(Arc<ExecutionFacts>, Milestone)], _open_executions: u64) {}

    /// An invocation of a function has ended, or was refused.
    fn invoked(&self, _report: &Arc<InvocationReport>) {}

    /// Something else happened that AWS counts.
    fn happened(&self, _incident: &Incident) {}
}

/// Whether an event is wanted.
type Wants = fn(&Details) -> bool;

/// Which events of a transition somebody wants.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Interest {
    Nothing,
    Those(Wants),
    Everything,
}

/// What of one durable commit somebody wants to know. Shared by all observers; the last one frees it.
#[derive(Debug)]
pub(crate) struct Commit {
    /// Never empty; those of one execution are in their order.
    pub(crate) live: Vec<LiveEvents>,
    /// About how much memory `live` holds.
    pub(crate) bytes: usize,
}

/// All observers of a server. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Observers {
    all: Arc<[Arc<dyn Observer>]>,
    /// Whether one of them is told of executions that begin and end.
    counts_executions: bool,
    concurrency: Arc<Concurrency>,
}

impl Observers {
    pub(crate) fn new(all: Vec<Arc<dyn Observer>>) -> Observers {
        assert!(all.len() <= OBSERVERS_MAX, "{} observers", all.len());
        Observers {
            counts_executions: all.iter().any(|observer| observer.counts_executions()),
            all: all.into(),
            concurrency: Arc::default(),
        }
    }

    /// Invocations of functions that are going on.
    pub(crate) fn concurrency(&self) -> &Arc<Concurrency> {
        &self.concurrency
    }

    /// Tells of the events of a commit whoever wants some of them.
    ///
    /// - `bytes`: about how much memory they hold.
    /// - `open_executions`: Standard ones that have not ended after it.
    pub(crate) fn committed(&self, mut live: Vec<LiveEvents>, bytes: usize, open_executions: u64) {
        let mut passed = Vec::new();
        let (mut told, mut left_out) = (0, 0);
        live.retain_mut(|live| {
            if self.counts_executions {
                let milestones = live
                    .events
                    .iter()
                    .filter_map(|event| milestones::milestone_of(&live.execution, event));
                passed.extend(milestones.map(|milestone| (Arc::clone(&live.execution), milestone)));
            }
            left_out += self.leave_out(live, &mut told);
            !live.events.is_empty()
        });
        if !live.is_empty() {
            let commit = Arc::new(Commit {
                live,
                bytes: bytes.saturating_sub(left_out),
            });
            for (number, observer) in self.all.iter().enumerate() {
                if told & (1 << number) != 0 {
                    observer.committed(&commit);
                }
            }
        }
        if self.counts_executions {
            for observer in &*self.all {
                observer.passed(&passed, open_executions);
            }
        }
    }

    /// Frees the events that nobody wants, and gives about how many bytes they held.
    ///
    /// - `told`: a bit for each observer; those that want one of the events are added.
    fn leave_out(&self, live: &mut LiveEvents, told: &mut u32) -> usize {
        let mut some: [Option<(u32, Wants)>; OBSERVERS_MAX] = [None; OBSERVERS_MAX];
        let mut keeps_all = false;
        for (number, (observer, some)) in self.all.iter().zip(&mut some).enumerate() {
            match observer.interest(live) {
                Interest::Nothing => {}
                Interest::Those(wants) => *some = Some((1 << number, wants)),
                Interest::Everything => {
                    *told |= 1 << number;
                    keeps_all = true;
                }
            }
        }
        let mut bytes = 0;
        live.events.retain(|event| {
            let wanted_by = some
                .iter()
                .flatten()
                .filter(|(_, wants)| wants(&event.details))
                .fold(0, |all, (bit, _)| all | bit);
            *told |= wanted_by;
            let stays = keeps_all || wanted_by != 0;
            if !stays {
                bytes += event_bytes(event);
            }
            stays
        });
        if bytes > 0 {
            // The room of what went is given back here too: it is most of what was held.
            live.events.shrink_to_fit();
        }
        bytes
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

/// Facts of a Standard execution, for tests.
#[cfg(test)]
pub(crate) fn facts(number: u64, machine: &str) -> ExecutionFacts {
    use stepwell_service::{Identity, MachineFacts, Mode};
    let identity = Identity {
        number,
        arn: String::new(),
        name: String::new(),
        state_machine_arn: machine.to_string(),
        state_machine_name: String::new(),
        role_arn: String::new(),
        mode: Mode::Standard,
        started_ms: 1_000,
        seed: [0; 32],
    };
    let machine = MachineFacts {
        arn: machine.to_string(),
        version_arn: None,
        is_traced: false,
        log: None,
    };
    ExecutionFacts {
        identity: Arc::new(identity),
        machine: Arc::new(machine),
        alias_arn: None,
        map_run: None,
        redrives: Default::default(),
        trace_header: None,
        stored_bytes: Default::default(),
    }
}
