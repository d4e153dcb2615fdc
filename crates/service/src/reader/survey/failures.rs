//! Executions without success, grouped by where and why they failed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::EpochSeconds;

use super::search::{FAILED, gather, looked};
use super::walk::Place;
use super::{IsOver, Looked, Shown, cause, instant_ms, invalid};
use crate::listing::status_name;
use crate::reader::{Read, Reader, settle};
use crate::rows::execution::OwnedExecutionRow;
use crate::shard::Done;

/// What is grouped when the caller does not say: the last day.
const SINCE_MS_DEFAULT: i64 = 24 * HOUR_MS;

/// How far back a group may reach. Source: AWS keeps executions for 90 days.
const SINCE_MS_MAX: i64 = 90 * 24 * HOUR_MS;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// Groups of one answer; with more, it ends there and the next one goes on.
const GROUPS_MAX: usize = 200;

/// Executions that a group names.
const EXAMPLES_MAX: usize = 5;

/// Failures whose rows are read together.
const ROWS_AT_ONCE: usize = 64;

/// Failures that are looked at before the clock is.
const LOOKED_AT_ONCE: usize = 8;

/// Which failures are grouped.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Failures {
    /// A Standard state machine, a version of it or an alias; absent: all.
    pub state_machine_arn: Option<String>,
    /// Seconds since 1970, of the end.
    pub since: Option<f64>,
    /// Whether aborted executions count.
    pub aborted: bool,
    pub next: Option<String>,
}

/// The groups of a part of the time; those of the next part are added to them by who asks.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Groups {
    /// The largest first.
    pub groups: Vec<Group>,
    /// Absent: everything was looked at.
    pub next: Option<String>,
    pub looked: Looked,
}

/// Failures of one machine in one state with one error and one cause, but for what is of one execution.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    pub state_machine_arn: String,
    /// The innermost state that failed.
    pub state: Option<String>,
    pub error: Option<String>,
    pub cause: String,
    pub status: &'static str,
    pub count: usize,
    pub first_seen: EpochSeconds,
    pub last_seen: EpochSeconds,
    /// The newest.
    pub examples: Vec<Example>,
    /// Where hours begin, in seconds, and how many failed in them; in order, without the hours that had none.
    pub hours: Vec<(i64, usize)>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Example {
    pub execution_arn: String,
    pub stop_date: EpochSeconds,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    state_machine_arn: String,
    state: Option<String>,
    error: Option<String>,
    cause: String,
    status: &'static str,
}

#[derive(Default)]
struct Tally {
    count: usize,
    first_ms: i64,
    last_ms: i64,
    examples: Vec<Example>,
    hours: BTreeMap<i64, usize>,
}

impl Reader {
    /// Groups of the executions that ended without success since an instant, newest first in time.
    ///
    /// - `shown`: what is shown of a text; executions that differ in no more of it are in one group.
    pub fn failures(&self, asked: &Failures, shown: Shown, is_over: IsOver) -> Read<Groups> {
        settle(self.grouped(asked, shown, is_over))
    }

    fn grouped(&self, asked: &Failures, shown: Shown, is_over: IsOver) -> Done<Groups> {
        let now_ms = self.now.as_millis();
        let since_ms = instant_ms("since", asked.since)?;
        let since_ms = since_ms.unwrap_or(now_ms - SINCE_MS_DEFAULT);
        if since_ms < now_ms - SINCE_MS_MAX {
            let text = "since is more than 90 days ago, which is the most";
            return Err(invalid(text).into());
        }
        let mut place = asked.next.as_deref().map(Place::of_token).transpose()?;
        let surveyed = self.surveyed(asked.state_machine_arn.as_deref())?;
        let mut walk = self.walk(&surveyed, place)?;
        let mut answer = Groups {
            looked: looked(&surveyed, &walk, place)?,
            ..Groups::default()
        };
        let wanted = match asked.aborted {
            true => &FAILED[..],
            false => &FAILED[..2],
        };
        let mut tallies: BTreeMap<Key, Tally> = BTreeMap::new();
        let is_whole = 'all: loop {
            let gathered = gather(&mut walk, ROWS_AT_ONCE, Some(since_ms), &|listed| {
                wanted.contains(&listed.status)
            })?;
            let rows = self.rows_of(gathered.taken.iter().map(|(listed, _)| listed))?;
            let mut looked_at = 0;
            for (position, (listed, looked_before)) in gathered.taken.iter().enumerate() {
                let is_time = position > 0 && position % LOOKED_AT_ONCE == 0;
                if tallies.len() >= GROUPS_MAX || (is_time && is_over()) {
                    answer.looked.executions += looked_at;
                    break 'all false;
                }
                (place, looked_at) = (Some(listed.place), *looked_before);
                let Some(row) = rows.get(&listed.place.number()) else {
                    continue;
                };
                let is_of = surveyed.started_from.as_ref();
                if is_of.is_none_or(|from| from.is_of(row)) {
                    let key = key_of(row, self.failed_state(row)?, shown);
                    tallies.entry(key).or_default().count(row);
                }
            }
            place = gathered.last.or(place);
            answer.looked.executions += gathered.looked_at;
            if gathered.is_end {
                break true;
            }
            if is_over() {
                break false;
            }
        };
        answer.looked.until = place.map(|place| EpochSeconds::from_ms(place.listed_ms()));
        answer.next = place.filter(|_| !is_whole).map(Place::token);
        answer.groups = tallies.into_iter().map(group).collect();
        answer
            .groups
            .sort_by_key(|group| std::cmp::Reverse(group.count));
        Ok(answer)
    }
}

fn key_of(row: &OwnedExecutionRow, state: Option<String>, shown: Shown) -> Key {
    let execution = &row.execution;
    Key {
        state_machine_arn: execution.identity.state_machine_arn.clone(),
        state,
        error: execution.error().map(|error| shown(error.to_string())),
        cause: cause::of_group(execution.cause().unwrap_or_default(), shown),
        status: status_name(execution.status()),
    }
}

impl Tally {
    fn count(&mut self, row: &OwnedExecutionRow) {
        let execution = &row.execution;
        let started_ms = execution.identity.started_ms;
        let stopped_ms = execution.stopped_ms().unwrap_or(started_ms);
        if self.count == 0 {
            (self.first_ms, self.last_ms) = (stopped_ms, stopped_ms);
        }
        self.first_ms = self.first_ms.min(stopped_ms);
        self.last_ms = self.last_ms.max(stopped_ms);
        self.count += 1;
        *self
            .hours
            .entry(stopped_ms.div_euclid(HOUR_MS))
            .or_default() += 1;
        // The walk goes from the newest to the oldest.
        if self.examples.len() < EXAMPLES_MAX {
            self.examples.push(Example {
                execution_arn: execution.identity.arn.clone(),
                stop_date: EpochSeconds::from_ms(stopped_ms),
            });
        }
    }
}

fn group((key, tally): (Key, Tally)) -> Group {
    Group {
        state_machine_arn: key.state_machine_arn,
        state: key.state,
        error: key.error,
        cause: key.cause,
        status: key.status,
        count: tally.count,
        first_seen: EpochSeconds::from_ms(tally.first_ms),
        last_seen: EpochSeconds::from_ms(tally.last_ms),
        examples: tally.examples,
        hours: tally
            .hours
            .into_iter()
            .map(|(hour, count)| (hour * 3_600, count))
            .collect(),
    }
}
