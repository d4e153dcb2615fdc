//! Metrics of namespace `AWS/States`.
//!
//! AWS: "Monitoring Step Functions metrics using CloudWatch"
//! (docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html).

use std::collections::BTreeMap;
use std::sync::Arc;

use super::attempts::{Attempt, Attempts, History, OwnedWork, WorkKind};
use super::gather::{Gathered, Subject, Table};
use crate::metrics::Unit::{Bytes, Count, Megabytes, Milliseconds};

/// AWS: Express executions are charged by 100 ms and by 64 MB.
const BILLED_MS: i64 = 100;
const BILLED_BYTES: u64 = 64 << 20;

const EXECUTIONS: Table = Table {
    namespace: "AWS/States",
    metrics: &[
        ("ExecutionsStarted", Count),
        ("ExecutionsSucceeded", Count),
        ("ExecutionsFailed", Count),
        ("ExecutionsAborted", Count),
        ("ExecutionsTimedOut", Count),
        ("ExecutionTime", Milliseconds),
        ("ExecutionsRedriven", Count),
        ("RedrivenExecutionsSucceeded", Count),
        ("RedrivenExecutionsFailed", Count),
        ("RedrivenExecutionsAborted", Count),
        ("RedrivenExecutionsTimedOut", Count),
        ("ExpressExecutionBilledDuration", Milliseconds),
        ("ExpressExecutionBilledMemory", Megabytes),
        ("ExpressExecutionMemory", Bytes),
    ],
};
const STARTED: usize = 0;
/// The first of the four ways to end, in the order of [`Ended`].
const ENDED: usize = 1;
const TIME: usize = 5;
const REDRIVEN: usize = 6;
const REDRIVEN_ENDED: usize = 7;
const BILLED_DURATION: usize = 11;
const BILLED_MEMORY: usize = 12;
const MEMORY: usize = 13;

const ACTIVITIES: Table = Table {
    namespace: "AWS/States",
    metrics: &[
        ("ActivitiesScheduled", Count),
        ("ActivitiesStarted", Count),
        ("ActivitiesSucceeded", Count),
        ("ActivitiesFailed", Count),
        ("ActivitiesTimedOut", Count),
        ("ActivityScheduleTime", Milliseconds),
        ("ActivityRunTime", Milliseconds),
        ("ActivityTime", Milliseconds),
        ("ActivitiesHeartbeatTimedOut", Count),
    ],
};
const FUNCTIONS: Table = Table {
    namespace: "AWS/States",
    metrics: &[
        ("LambdaFunctionsScheduled", Count),
        ("LambdaFunctionsStarted", Count),
        ("LambdaFunctionsSucceeded", Count),
        ("LambdaFunctionsFailed", Count),
        ("LambdaFunctionsTimedOut", Count),
        ("LambdaFunctionScheduleTime", Milliseconds),
        ("LambdaFunctionRunTime", Milliseconds),
        ("LambdaFunctionTime", Milliseconds),
    ],
};
const INTEGRATIONS: Table = Table {
    namespace: "AWS/States",
    metrics: &[
        ("ServiceIntegrationsScheduled", Count),
        ("ServiceIntegrationsStarted", Count),
        ("ServiceIntegrationsSucceeded", Count),
        ("ServiceIntegrationsFailed", Count),
        ("ServiceIntegrationsTimedOut", Count),
        ("ServiceIntegrationScheduleTime", Milliseconds),
        ("ServiceIntegrationRunTime", Milliseconds),
        ("ServiceIntegrationTime", Milliseconds),
    ],
};
const WORK_SCHEDULED: usize = 0;
const WORK_STARTED: usize = 1;
const WORK_SUCCEEDED: usize = 2;
const WORK_FAILED: usize = 3;
const WORK_TIMED_OUT: usize = 4;
const SCHEDULE_TIME: usize = 5;
const RUN_TIME: usize = 6;
const WORK_TIME: usize = 7;
/// Of activities alone.
const HEARTBEAT_TIMED_OUT: usize = 8;

/// What an execution counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine<'m> {
    /// With the label if it is a map run's child. AWS: children report under the labelled ARN.
    pub state_machine_arn: &'m str,
    pub version_arn: Option<&'m str>,
    pub alias_arn: Option<&'m str>,
    pub is_express: bool,
}

/// A start or an end of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Milestone {
    /// Number of the execution.
    pub execution: u64,
    pub timestamp_ms: i64,
    pub what: Passed,
}

/// What an execution has passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passed {
    Start,
    Redrive,
    End {
        how: Ended,
        started_ms: i64,
        redrive_count: u32,
        /// Bytes that its events and payloads have taken.
        stored_bytes: u64,
    },
}

/// Where in its history something happens.
#[derive(Debug, Clone, Copy)]
pub struct At {
    pub event: u64,
    pub previous: u64,
    pub timestamp_ms: i64,
}

/// What becomes of a task. Every other history event is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'e> {
    Scheduled(Work<'e>),
    WorkStarted,
    /// `.waitForTaskToken` and `.sync`: the call is made, and the task goes on.
    WorkSubmitted,
    WorkEnded(WorkEnded),
}

/// How an execution ends. AWS: one that timed out does not count as failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Succeeded,
    Failed,
    Aborted,
    TimedOut,
}

/// What a task has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work<'e> {
    Activity {
        arn: &'e str,
        /// How long the task may take after it has started, if that is bounded.
        timeout_seconds: Option<u64>,
    },
    /// ARN of the function, where the task names it as its resource.
    Function(&'e str),
    /// Every other task: as its events say it, such as `lambda` and `invoke`.
    Integration {
        resource_type: &'e str,
        resource: &'e str,
    },
}

impl Work<'_> {
    /// Kind and the ARN that is the dimension.
    pub fn owned(self) -> OwnedWork {
        let mut timeout_ms = None;
        let (kind, arn) = match self {
            Work::Activity {
                arn,
                timeout_seconds,
            } => {
                timeout_ms = timeout_seconds
                    .and_then(|seconds| i64::try_from(seconds).ok()?.checked_mul(1000));
                (WorkKind::Activity, Arc::from(arn))
            }
            Work::Function(arn) => (WorkKind::Function, Arc::from(arn)),
            Work::Integration {
                resource_type,
                resource,
            } => (
                WorkKind::Integration,
                format!("arn:aws:states:::{resource_type}:{resource}").into(),
            ),
        };
        OwnedWork {
            kind,
            arn,
            timeout_ms,
        }
    }
}

/// How an attempt of a task ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkEnded {
    Succeeded,
    Failed,
    /// Of an activity, by a missed heartbeat if its own time was not up.
    TimedOut,
}

/// The projection of executions.
#[derive(Default)]
pub struct States {
    machines: BTreeMap<Box<str>, Subject>,
    works: [BTreeMap<Arc<str>, Subject>; 3],
    attempts: Attempts,
    /// Executions that have ended, and whose last attempts may still be told of.
    ended: Vec<u64>,
}

impl States {
    /// - `execution`: its number.
    /// - `history`: asked where the beginning of an attempt is not known any more.
    pub(super) fn change(
        &mut self,
        gathered: &mut Gathered,
        execution: u64,
        at: At,
        change: &Change<'_>,
        history: &mut dyn History,
    ) {
        match change {
            Change::Scheduled(work) => {
                let OwnedWork {
                    kind,
                    arn,
                    timeout_ms,
                } = work.owned();
                let subject = self.work(gathered, kind, &arn);
                gathered.add(subject, WORK_SCHEDULED, at.timestamp_ms, 1.0);
                let attempt = Attempt {
                    kind,
                    arn,
                    timeout_ms,
                    scheduled_ms: at.timestamp_ms,
                    started_ms: None,
                };
                self.attempts.begin(execution, at.event, attempt);
            }
            Change::WorkStarted => {
                if let Some(mut attempt) = self.attempts.take(execution, at.previous, history) {
                    let subject = self.work(gathered, attempt.kind, &attempt.arn);
                    gathered.add(subject, WORK_STARTED, at.timestamp_ms, 1.0);
                    let waited_ms = at.timestamp_ms - attempt.scheduled_ms;
                    gathered.add(
                        subject,
                        SCHEDULE_TIME,
                        at.timestamp_ms,
                        milliseconds(waited_ms),
                    );
                    attempt.started_ms = Some(at.timestamp_ms);
                    self.attempts.begin(execution, at.event, attempt);
                }
            }
            Change::WorkSubmitted => {
                if let Some(attempt) = self.attempts.take(execution, at.previous, history) {
                    self.attempts.begin(execution, at.event, attempt);
                }
            }
            Change::WorkEnded(ended) => {
                if let Some(attempt) = self.attempts.take(execution, at.previous, history) {
                    self.work_ended(gathered, &attempt, at.timestamp_ms, *ended);
                }
            }
        }
    }

    pub(super) fn milestones(
        &mut self,
        gathered: &mut Gathered,
        machine: &Machine<'_>,
        milestones: &[Milestone],
    ) {
        let subjects = self.machines(gathered, machine);
        for milestone in milestones {
            for subject in subjects.iter().flatten() {
                let subject = Counted {
                    subject: *subject,
                    is_express: machine.is_express,
                };
                subject.passed(gathered, milestone);
            }
            if matches!(milestone.what, Passed::End { .. }) {
                self.ended.push(milestone.execution);
            }
        }
    }

    /// Forgets what is open of executions whose end was told before the last call.
    pub(super) fn close_ended(&mut self) {
        for execution in self.ended.drain(..) {
            self.attempts.end(execution);
        }
    }

    fn work_ended(
        &mut self,
        gathered: &mut Gathered,
        attempt: &Attempt,
        ms: i64,
        ended: WorkEnded,
    ) {
        let subject = self.work(gathered, attempt.kind, &attempt.arn);
        let metric = match ended {
            WorkEnded::Succeeded => WORK_SUCCEEDED,
            WorkEnded::Failed => WORK_FAILED,
            WorkEnded::TimedOut if attempt.missed_heartbeat(ms) => HEARTBEAT_TIMED_OUT,
            WorkEnded::TimedOut => WORK_TIMED_OUT,
        };
        gathered.add(subject, metric, ms, 1.0);
        if let Some(started_ms) = attempt.started_ms {
            gathered.add(subject, RUN_TIME, ms, milliseconds(ms - started_ms));
        }
        gathered.add(
            subject,
            WORK_TIME,
            ms,
            milliseconds(ms - attempt.scheduled_ms),
        );
    }

    /// The state machine, and the version and the alias that executions are started by.
    fn machines(&mut self, gathered: &mut Gathered, machine: &Machine<'_>) -> [Option<Subject>; 3] {
        let arns = [
            Some(machine.state_machine_arn),
            machine.version_arn,
            machine.alias_arn,
        ];
        arns.map(|arn| {
            let arn = arn?;
            if let Some(known) = self.machines.get(arn) {
                return Some(*known);
            }
            let subject = gathered.subject(&EXECUTIONS, &[("StateMachineArn", arn)]);
            self.machines.insert(arn.into(), subject);
            Some(subject)
        })
    }

    fn work(&mut self, gathered: &mut Gathered, kind: WorkKind, arn: &Arc<str>) -> Subject {
        let known = &mut self.works[kind as usize];
        if let Some(subject) = known.get(arn) {
            return *subject;
        }
        let (table, dimension) = match kind {
            WorkKind::Activity => (&ACTIVITIES, "ActivityArn"),
            WorkKind::Function => (&FUNCTIONS, "LambdaFunctionArn"),
            WorkKind::Integration => (&INTEGRATIONS, "ServiceIntegrationResourceArn"),
        };
        let subject = gathered.subject(table, &[(dimension, arn)]);
        known.insert(Arc::clone(arn), subject);
        subject
    }

    /// Subjects are given out anew.
    pub(super) fn forget(&mut self) {
        self.machines.clear();
        self.works.iter_mut().for_each(BTreeMap::clear);
    }

    pub(super) fn forgotten(&self) -> u64 {
        self.attempts.forgotten()
    }

    #[cfg(test)]
    pub(super) fn open_attempts(&self) -> usize {
        self.attempts.len()
    }
}

/// A state machine, a version or an alias that executions are counted for.
struct Counted {
    subject: Subject,
    is_express: bool,
}

impl Counted {
    fn passed(&self, gathered: &mut Gathered, milestone: &Milestone) {
        let ms = milestone.timestamp_ms;
        let mut add = |metric, value| gathered.add(self.subject, metric, ms, value);
        let (ended, started_ms, redrive_count, stored_bytes) = match milestone.what {
            Passed::Start => return add(STARTED, 1.0),
            Passed::Redrive => return add(REDRIVEN, 1.0),
            Passed::End {
                how,
                started_ms,
                redrive_count,
                stored_bytes,
            } => (how as usize, started_ms, redrive_count, stored_bytes),
        };
        let took_ms = (ms - started_ms).max(0);
        // AWS: the metric has a sample with 0 at the end of an execution: Sum counts, SampleCount does not.
        add(STARTED, 0.0);
        add(ENDED + ended, 1.0);
        add(TIME, milliseconds(took_ms));
        if redrive_count > 0 {
            add(REDRIVEN_ENDED + ended, 1.0);
        }
        if self.is_express {
            let billed_ms = (took_ms.max(1) + BILLED_MS - 1) / BILLED_MS * BILLED_MS;
            let chunks = stored_bytes.div_ceil(BILLED_BYTES).max(1);
            add(BILLED_DURATION, milliseconds(billed_ms));
            add(BILLED_MEMORY, (chunks * 64) as f64);
            add(MEMORY, stored_bytes as f64);
        }
    }
}

fn milliseconds(ms: i64) -> f64 {
    ms.max(0) as f64
}
