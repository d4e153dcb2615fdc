//! Map runs: describe, list, and the child executions of one.

use stepwell_api::arn::MapRunArn;
use stepwell_api::states::map_run_status;
use stepwell_api::{EpochSeconds, states};
use stepwell_store::{Direction, Error};

use super::executions::{execution_item, status_filter};
use super::page::{after_key, cut_page, page_size};
use super::{Read, Reader, settle};
use crate::execution_list::status_byte;
use crate::map_runs::missing_map_run;
use crate::rows::map_run::{
    Child, ChildOf, Counts, MapRun, MapRunStatus, child, child_of, children_of, index_in_key,
    map_run, map_run_named, runs_of,
};
use crate::rows::{after, decode};
use crate::shard::Done;

/// Children looked at for one page of a filtered list: a page may be short, its token goes on.
const FILTER_SCAN_MAX: usize = 10_000;

impl Reader {
    pub fn describe_map_run(
        &self,
        input: &states::DescribeMapRunInput,
    ) -> Read<states::DescribeMapRunOutput> {
        settle(self.map_run(&input.map_run_arn).map(description))
    }

    pub fn list_map_runs(
        &self,
        input: &states::ListMapRunsInput,
    ) -> Read<states::ListMapRunsOutput> {
        settle(self.map_run_list(input))
    }

    fn map_run_list(&self, input: &states::ListMapRunsInput) -> Done<states::ListMapRunsOutput> {
        let (number, _) = self.execution(&input.execution_arn)?;
        let limit = page_size(input.max_results);
        let prefix = runs_of(number);
        let from = self.page_start(input.next_token.as_deref(), prefix.clone())?;
        let mut rows =
            self.snapshot
                .scan(&from, &after(&prefix), Direction::Ascending, limit + 1)?;
        let next = cut_page(&mut rows, limit);
        let map_runs = rows
            .iter()
            .map(|(key, value)| decode(key, value).map(list_item))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(states::ListMapRunsOutput {
            map_runs,
            next_token: next.map(|key| self.token_of(&key)),
        })
    }

    /// The child executions of a run, newest first.
    ///
    /// AWS: Express children are not listed.
    pub(super) fn child_list(
        &self,
        arn: &str,
        input: &states::ListExecutionsInput,
    ) -> Done<states::ListExecutionsOutput> {
        let run = self.map_run(arn)?;
        if run.is_express {
            return Ok(states::ListExecutionsOutput::default());
        }
        let limit = page_size(input.max_results);
        let prefix = children_of(run.number);
        let from = self.page_start(input.next_token.as_deref(), prefix.clone())?;
        let status = input.status_filter.as_deref().map(status_filter);
        let is_filtered = status.is_some() || input.redrive_filter.is_some();
        let scan_limit = if is_filtered {
            FILTER_SCAN_MAX
        } else {
            limit + 1
        };
        let found = self
            .snapshot
            .scan(&from, &after(&prefix), Direction::Ascending, scan_limit)?;
        let is_scanned_out = found.len() == scan_limit;
        let last = found.last().map(|(key, _)| key.clone());
        let mut listed = Vec::new();
        for (key, value) in found {
            let child: Child = decode(&key, &value)?;
            let is_pending =
                index_in_key(&key).is_some_and(|index| run.is_redrive_pending(index, &child));
            let shown = (!is_pending).then(|| status_byte(child.status));
            if status.is_some_and(|wanted| wanted != shown) {
                continue;
            }
            let mut item = self.child_item(&run, &child)?;
            if is_pending {
                item.status = states::execution_status::PENDING_REDRIVE.to_string();
            }
            let is_redriven = item.redrive_count.is_some_and(|count| count > 0);
            let is_wanted = match input.redrive_filter.as_deref() {
                Some("REDRIVEN") => is_redriven,
                Some("NOT_REDRIVEN") => !is_redriven,
                _ => true,
            };
            if is_wanted {
                listed.push((key, item));
            }
            if listed.len() > limit {
                break;
            }
        }
        let mut next = cut_page(&mut listed, limit);
        if next.is_none() && is_scanned_out {
            next = last.map(|key| after_key(&key));
        }
        Ok(states::ListExecutionsOutput {
            executions: listed.into_iter().map(|(_, item)| item).collect(),
            next_token: next.map(|key| self.token_of(&key)),
        })
    }

    fn child_item(&self, run: &MapRun, child: &Child) -> Result<states::ExecutionListItem, Error> {
        Ok(states::ExecutionListItem {
            map_run_arn: Some(run.arn.clone()),
            item_count: i32::try_from(child.items).ok(),
            ..execution_item(&self.row(child.number)?)
        })
    }

    /// Whether a child waits for its redrive by its run.
    pub(super) fn is_redrive_pending(&self, place: &ChildOf, run: &MapRun) -> Result<bool, Error> {
        let child = child(&self.snapshot, run.number, place.index)?;
        Ok(child.is_some_and(|child| run.is_redrive_pending(place.index, &child)))
    }

    /// The run that an execution is a child of.
    pub(super) fn run_of_child(
        &self,
        number: u64,
        state_machine_arn: &str,
    ) -> Result<Option<(ChildOf, MapRun)>, Error> {
        let Some(place) = child_of(&self.snapshot, number, state_machine_arn)? else {
            return Ok(None);
        };
        let run = map_run(&self.snapshot, place.parent, place.run)?;
        Ok(run.map(|run| (place, run)))
    }

    pub(super) fn map_run(&self, arn: &str) -> Done<MapRun> {
        let parsed = MapRunArn::parse(arn)?;
        let run = map_run_named(&self.snapshot, parsed.as_str())?;
        run.ok_or_else(|| missing_map_run(arn).into())
    }
}

fn description(run: MapRun) -> states::DescribeMapRunOutput {
    let pending = run.items - run.next_item;
    // How many children the rest makes is open where their size in bytes decides.
    let pending_children = run
        .items_per_child
        .map_or(0, |items| pending.div_ceil(items.max(1)));
    let items = counts(&run.item_counts, pending);
    let executions = counts(&run.executions, pending_children);
    states::DescribeMapRunOutput {
        map_run_arn: run.arn,
        execution_arn: run.parent_arn,
        status: status_name(run.status).to_string(),
        start_date: EpochSeconds::from_ms(run.started_ms),
        stop_date: run.stopped_ms.map(EpochSeconds::from_ms),
        max_concurrency: i32::try_from(run.max_concurrency).unwrap_or(i32::MAX),
        tolerated_failure_percentage: run.tolerated_failure_percentage.unwrap_or(0.0) as f32,
        tolerated_failure_count: run
            .tolerated_failure_count
            .and_then(|count| i64::try_from(count).ok())
            .unwrap_or(0),
        item_counts: items,
        execution_counts: states::MapRunExecutionCounts {
            pending: executions.pending,
            running: executions.running,
            succeeded: executions.succeeded,
            failed: executions.failed,
            timed_out: executions.timed_out,
            aborted: executions.aborted,
            total: executions.total,
            results_written: executions.results_written,
            failures_not_redrivable: executions.failures_not_redrivable,
            pending_redrive: executions.pending_redrive,
        },
        redrive_count: Some(i32::try_from(run.redrive_count).unwrap_or(i32::MAX)),
        redrive_date: run.redriven_ms.map(EpochSeconds::from_ms),
    }
}

/// AWS: results are written by a `ResultWriter` only.
fn counts(counts: &Counts, pending: u32) -> states::MapRunItemCounts {
    let ended = [
        counts.succeeded,
        counts.failed,
        counts.timed_out,
        counts.aborted,
        counts.pending_redrive,
    ];
    let total: i64 = ended.into_iter().map(i64::from).sum();
    states::MapRunItemCounts {
        pending: pending.into(),
        running: counts.running.into(),
        succeeded: counts.succeeded.into(),
        failed: counts.failed.into(),
        timed_out: counts.timed_out.into(),
        aborted: counts.aborted.into(),
        total: total + i64::from(counts.running) + i64::from(pending),
        results_written: 0,
        failures_not_redrivable: Some(counts.not_redrivable.into()),
        pending_redrive: Some(counts.pending_redrive.into()),
    }
}

fn list_item(run: MapRun) -> states::MapRunListItem {
    states::MapRunListItem {
        execution_arn: run.parent_arn,
        map_run_arn: run.arn,
        state_machine_arn: run.state_machine_arn,
        start_date: EpochSeconds::from_ms(run.started_ms),
        stop_date: run.stopped_ms.map(EpochSeconds::from_ms),
    }
}

pub(super) fn status_name(status: MapRunStatus) -> &'static str {
    match status {
        MapRunStatus::Running => map_run_status::RUNNING,
        MapRunStatus::Succeeded => map_run_status::SUCCEEDED,
        MapRunStatus::Failed => map_run_status::FAILED,
        MapRunStatus::Aborted => map_run_status::ABORTED,
    }
}
