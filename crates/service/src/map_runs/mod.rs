//! Map runs: a Distributed Map's child executions are opened, counted, joined and aborted here.
//!
//! A run is a row. Whatever changes it puts the run on a list in memory, and each tick works that list off in small
//! steps: one child opened, one child aborted, or the end of the run told to the parent. A batch never holds all
//! children of a run, and a crash loses the list only: recovery makes it again from the rows.

mod children;
mod redrive;
mod results;
mod update;

pub(crate) use self::update::missing_map_run;

use std::collections::BTreeSet;
use std::ops::Bound;

use stepwell_engine::{Definition, Input, MachineKind, MapRunStart, Ticket, Timestamp};
use stepwell_store::{Direction, Error};

use crate::rows::map_run::{self, Counts, MapRun, MapRunStatus};
use crate::rows::{VERSION, after, decode, encode, index};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Steps of map runs in one tick.
const STEPS_PER_TICK_MAX: usize = 1_024;

/// Child executions of one run that are open at once.
///
/// AWS: quota "Distributed Map parallel child executions".
const CHILDREN_OPEN_MAX: u32 = 10_000;

/// Parent execution and run.
type RunKey = (u64, u64);

/// What is to be done for map runs.
#[derive(Debug, Default)]
pub(crate) struct MapRuns {
    /// Runs that may have something to do.
    ready: BTreeSet<RunKey>,
    /// Runs that are over and have open children.
    draining: BTreeSet<RunKey>,
    /// Runs that wait for room among the open Express executions.
    crowded: BTreeSet<RunKey>,
    /// The run of the last step: they take turns.
    last: RunKey,
    /// Whether no child is begun for now.
    is_held: bool,
}

impl MapRuns {
    pub(crate) fn has_work(&self) -> bool {
        !self.ready.is_empty() && !self.is_held
    }

    /// Whether no step is made for now.
    pub(crate) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Whether a run of this execution still has children to abort.
    pub(crate) fn is_draining(&self, parent: u64) -> bool {
        let runs = self.draining.range((parent, 0)..=(parent, u64::MAX));
        runs.count() > 0
    }

    /// An Express execution has ended: there is room for another.
    pub(crate) fn room_was_made(&mut self) {
        self.ready.append(&mut self.crowded);
    }

    fn take_next(&mut self) -> Option<RunKey> {
        let behind = (Bound::Excluded(self.last), Bound::Unbounded);
        let next = self.ready.range(behind).next().or(self.ready.first());
        let next = *next?;
        self.ready.remove(&next);
        self.last = next;
        Some(next)
    }
}

impl MapRun {
    /// AWS: one threshold alone counts if only one was given; both default to nothing tolerated. Aborted
    /// children are no failures.
    fn is_over_threshold(&self) -> bool {
        let failed = u64::from(self.item_counts.failed) + u64::from(self.item_counts.timed_out);
        let is_over_count = |count: u64| failed > count;
        let is_over_percentage =
            |percentage: f64| failed as f64 * 100.0 > percentage * f64::from(self.items);
        match (
            self.tolerated_failure_count,
            self.tolerated_failure_percentage,
        ) {
            (None, None) => failed > 0,
            (Some(count), None) => is_over_count(count),
            (None, Some(percentage)) => is_over_percentage(percentage),
            (Some(count), Some(percentage)) => {
                is_over_count(count) || is_over_percentage(percentage)
            }
        }
    }

    fn has_room(&self) -> bool {
        let limit = match self.max_concurrency {
            0 => CHILDREN_OPEN_MAX,
            wanted => wanted.min(CHILDREN_OPEN_MAX),
        };
        self.executions.running < limit
    }

    fn key(&self) -> RunKey {
        (self.parent, self.number)
    }
}

impl Shard {
    /// Makes the row of a run that an execution has started.
    pub(crate) fn start_map_run(
        &mut self,
        now: Timestamp,
        parent: u64,
        start: MapRunStart,
    ) -> Done<()> {
        let Some(resident) = self.resident(parent)? else {
            return Ok(());
        };
        let execution = &resident.row.execution;
        let identity = &execution.identity;
        let parent_arn = identity.arn.clone();
        let labelled = labelled_arn(&identity.state_machine_arn, &start.label);
        let text = execution.definition().processor_text(&start.state);
        let parsed = text.map(|text| Definition::parse(&text, start.execution_type));
        let Some(Ok(definition)) = parsed else {
            let failed = Input::MapRunFailed {
                ticket: start.ticket,
                error: "States.Runtime".to_string(),
                cause: Some(format!(
                    "The processor of the state '{}' is not valid in this release of Stepwell",
                    start.state
                )),
            };
            return self.advance(now, parent, failed);
        };
        let definition =
            self.store_definition(std::sync::Arc::new(definition), start.execution_type)?;
        let run = MapRun {
            number: self.next_execution_number(),
            arn: start.arn,
            parent,
            parent_arn,
            ticket: start.ticket,
            state_machine_arn: labelled,
            label: start.label,
            definition,
            is_express: start.execution_type == MachineKind::Express,
            seed: start.seed,
            items: start.items,
            items_per_child: start.items_per_child,
            max_concurrency: start.max_concurrency,
            tolerated_failure_count: start.tolerated_failure_count,
            tolerated_failure_percentage: start.tolerated_failure_percentage,
            transformation: start.transformation,
            is_lines: start.is_lines,
            started_ms: now.as_millis(),
            status: MapRunStatus::Running,
            stopped_ms: None,
            redrive_count: 0,
            redriven_ms: None,
            next_item: 0,
            next_child: 0,
            executions: Counts::default(),
            item_counts: Counts::default(),
            result_bytes: 0,
            next_to_abort: 0,
            to_redrive: (0, 0),
        };
        self.staging
            .put(map_run::name_key(&run.arn), encode(&run.key()));
        self.put_map_run(&run);
        self.map_runs.ready.insert(run.key());
        Ok(())
    }

    /// Nobody waits for a run any more: its children are aborted.
    pub(crate) fn stop_map_run(&mut self, now: Timestamp, parent: u64, ticket: Ticket) -> Done<()> {
        for run in self.map_runs_of(parent)? {
            if run.ticket == ticket && run.status == MapRunStatus::Running {
                self.end_map_run(now, run, MapRunStatus::Aborted);
            }
        }
        Ok(())
    }

    /// Puts the runs of an execution that a restart found in the middle of something back on the list.
    pub(crate) fn recover_map_runs(&mut self, parent: u64) -> Done<()> {
        for run in self.map_runs_of(parent)? {
            let is_over = run.status != MapRunStatus::Running;
            if is_over && run.executions.running > 0 {
                self.map_runs.draining.insert(run.key());
            }
            if !is_over || run.executions.running > 0 {
                self.map_runs.ready.insert(run.key());
            }
        }
        self.settle_doubt(parent)
    }

    /// Works the list of map runs off, as far as one tick and one batch go.
    pub(crate) fn work_on_map_runs(&mut self, now: Timestamp) -> Done<()> {
        for _ in 0..STEPS_PER_TICK_MAX {
            if !self.map_runs.has_work() || self.has_released_enough() {
                return Ok(());
            }
            let Some((parent, run)) = self.map_runs.take_next() else {
                return Ok(());
            };
            self.step_map_run(now, parent, run)?;
        }
        Ok(())
    }

    /// One step of one run. A run that may have more to do is put back on the list.
    fn step_map_run(&mut self, now: Timestamp, parent: u64, run: u64) -> Done<()> {
        let Some(run) = map_run::map_run(&self.staging, parent, run)? else {
            return Ok(());
        };
        if run.status != MapRunStatus::Running {
            return self.abort_next_child(now, run);
        }
        let is_awaited = self.resident(parent)?.is_some_and(|resident| {
            let open = resident.row.execution.open_map_runs();
            open.contains(&run.ticket)
        });
        if !is_awaited {
            self.end_map_run(now, run, MapRunStatus::Aborted);
            return Ok(());
        }
        if run.is_over_threshold() {
            let error = "States.ExceedToleratedFailureThreshold".to_string();
            let cause = "The specified tolerated failure threshold was exceeded".to_string();
            return self.fail_map_run(now, run, error, cause);
        }
        if run.to_redrive.0 < run.to_redrive.1 {
            if run.has_room() {
                return self.redrive_next_child(now, run);
            }
            return Ok(());
        }
        if run.next_item < run.items {
            if run.has_room() {
                return self.open_next_child(now, run);
            }
            return Ok(());
        }
        if run.executions.running > 0 {
            return Ok(());
        }
        let output = self.joined_results(&run)?;
        let (parent, ticket) = (run.parent, run.ticket);
        self.end_map_run(now, run, MapRunStatus::Succeeded);
        self.advance(now, parent, Input::MapRunSucceeded { ticket, output })
    }

    fn fail_map_run(
        &mut self,
        now: Timestamp,
        run: MapRun,
        error: String,
        cause: String,
    ) -> Done<()> {
        let (parent, ticket) = (run.parent, run.ticket);
        self.end_map_run(now, run, MapRunStatus::Failed);
        let failed = Input::MapRunFailed {
            ticket,
            error,
            cause: Some(cause),
        };
        self.advance(now, parent, failed)
    }

    /// The run is over; children that are still open are aborted step by step.
    fn end_map_run(&mut self, now: Timestamp, mut run: MapRun, status: MapRunStatus) {
        run.status = status;
        run.stopped_ms = Some(now.as_millis());
        if run.executions.running > 0 {
            self.map_runs.draining.insert(run.key());
            self.map_runs.ready.insert(run.key());
            // A restart must find them, even when the parent has nothing else in doubt.
            self.staging
                .put(index::doubt_key(run.parent), vec![VERSION]);
            if let Some(resident) = self.residents.get_mut(run.parent) {
                resident.is_in_doubt = true;
            }
        }
        self.put_map_run(&run);
    }

    fn put_map_run(&mut self, run: &MapRun) {
        let key = map_run::run_key(run.parent, run.number);
        self.staging.put(key, encode(run));
    }

    fn map_runs_of(&self, parent: u64) -> Result<Vec<MapRun>, Error> {
        let prefix = map_run::runs_of(parent);
        let rows = self
            .staging
            .scan(&prefix, &after(&prefix), Direction::Ascending, usize::MAX)?;
        rows.iter().map(|(key, value)| decode(key, value)).collect()
    }

    /// Takes the mark of doubt off an execution that has nothing in doubt any more.
    fn settle_doubt(&mut self, parent: u64) -> Done<()> {
        let is_draining = self.map_runs.is_draining(parent);
        let Some(resident) = self.resident(parent)? else {
            return Ok(());
        };
        let is_in_doubt = is_draining || resident.execution_is_in_doubt();
        if resident.is_in_doubt != is_in_doubt || !is_in_doubt {
            resident.is_in_doubt = is_in_doubt;
            let key = index::doubt_key(parent);
            if is_in_doubt {
                self.staging.put(key, vec![VERSION]);
            } else {
                self.staging.delete(key);
            }
        }
        Ok(())
    }
}

/// The ARN of the machine that the children of a Map with this label belong to.
fn labelled_arn(state_machine_arn: &str, label: &str) -> String {
    let machine = state_machine_arn.split('/').next().unwrap_or_default();
    format!("{machine}/{label}")
}
