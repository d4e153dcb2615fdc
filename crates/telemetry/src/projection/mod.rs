//! What happens, as the metrics that AWS makes of it.
//!
//! Values are gathered by metric and minute: the store gets one [`Sample`] of each about once a second, however much
//! happened. What is gathered and not yet given to the store is lost with the process.

mod apis;
mod attempts;
mod gather;
mod lambda;
mod states;

pub use apis::{Apis, Asked, Consumed};
pub use attempts::{ATTEMPTS_MAX, Ancestor, History};
pub use gather::{Gathered, SUBJECTS_MAX};
pub use lambda::{EventOutcome, Invoked, Lambda};
pub use states::{Change, Ended, Machine, Milestone, Passed, States, Work, WorkEnded};

#[cfg(test)]
mod tests;

use crate::metrics::{Sample, Unit};

/// Everything that AWS's metrics are made of here.
#[derive(Default)]
pub struct Projection {
    gathered: Gathered,
    states: States,
    lambda: Lambda,
    apis: Apis,
}

impl Projection {
    /// Something became of a task of an execution. See [`States::change`].
    pub fn change(
        &mut self,
        execution: u64,
        at: states::At,
        change: &Change<'_>,
        history: &mut dyn History,
    ) {
        self.states
            .change(&mut self.gathered, execution, at, change, history);
    }

    /// Executions of a machine have begun and ended.
    pub fn milestones(&mut self, machine: &Machine<'_>, milestones: &[Milestone]) {
        self.states
            .milestones(&mut self.gathered, machine, milestones);
    }

    /// Forgets what is open of the executions whose ends were told so far. Call it when every change of theirs is told too.
    pub fn close_ended(&mut self) {
        self.states.close_ended();
    }

    /// An invocation of a function has ended.
    pub fn invoked(&mut self, invoked: &Invoked<'_>) {
        self.lambda.invoked(&mut self.gathered, invoked);
    }

    /// An event that was queued for a function has come, or has gone without success.
    pub fn event(&mut self, function: &str, timestamp_ms: i64, outcome: EventOutcome) {
        self.lambda
            .event(&mut self.gathered, function, timestamp_ms, outcome);
    }

    /// Invocations that run just now: by name of the function, and all.
    pub fn running<'f>(
        &mut self,
        timestamp_ms: i64,
        functions: impl IntoIterator<Item = (&'f str, u32)>,
        all: u32,
    ) {
        self.lambda
            .running(&mut self.gathered, timestamp_ms, functions, all);
    }

    /// Requests of the API have come. A bucket is told of again and again, also if nothing was asked of it.
    pub fn asked(&mut self, timestamp_ms: i64, asked: &Asked) {
        self.apis.asked(&mut self.gathered, timestamp_ms, asked);
    }

    /// How many map runs go on just now, and how many wait before their first child.
    pub fn map_runs(&mut self, timestamp_ms: i64, begun: u64, backlogged: u64) {
        let mut gauge = |name, value: u64| {
            let gauge = Gauge {
                namespace: "AWS/States",
                name,
                dimensions: &[],
                unit: Unit::Count,
            };
            self.gathered.gauge(&gauge, timestamp_ms, value as f64);
        };
        gauge("ApproximateOpenMapRunCount", begun);
        // AWS: it has values only while map runs wait.
        if backlogged > 0 {
            gauge("ApproximateMapRunBacklogSize", backlogged);
        }
    }

    /// A value of a metric that has one only now and then.
    pub fn gauge(&mut self, gauge: &Gauge<'_>, timestamp_ms: i64, value: f64) {
        self.gathered.gauge(gauge, timestamp_ms, value);
    }

    /// What was gathered since the last call.
    pub fn take(&mut self) -> Vec<Sample> {
        let samples = self.gathered.take();
        if self.gathered.forgot() {
            self.states.forget();
            self.lambda.forget();
            self.apis.forget();
        }
        samples
    }

    /// Attempts that were forgotten because too many were open: their times are missing if their history is.
    pub fn forgotten_attempts(&self) -> u64 {
        self.states.forgotten()
    }
}

pub use gather::Gauge;
pub use states::At;
