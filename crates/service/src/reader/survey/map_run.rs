//! The children of a map run: how they stand in a byte each, and pages of those that are looked for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::Status;
use stepwell_store::{Direction, Error};

use super::{IsOver, PAGE_MAX, Shown, invalid, listed_cause};
use crate::execution_list::status_byte;
use crate::listing::status_name;
use crate::reader::executions::status_filter;
use crate::reader::{Read, Reader, settle};
use crate::rows::decode;
use crate::rows::map_run::{Child, MapRun, child_key, children_of, index_in_key};
use crate::shard::Done;

/// Children of one slice.
const SLICE_MAX: u32 = 20_000;

/// Children that are read before the clock is looked at.
const AT_ONCE: u32 = 1_000;

/// Children on a page when the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// The byte of a child that waits for its redrive; of others see [`status_byte`], and 0 where there is none.
const PENDING_REDRIVE: u8 = 6;

/// The duration of a child that has none, or whose execution is not kept.
const NOT_KNOWN: u32 = u32::MAX;

/// Which children are asked for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct MapRunAsk {
    pub map_run_arn: String,
    /// The first child.
    pub from: u32,
    pub limit: Option<u32>,
}

/// How the children of a slice stand.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Statuses {
    pub map_run_arn: String,
    pub status: &'static str,
    pub is_express: bool,
    pub items: u32,
    /// Children that have begun.
    pub children: u32,
    /// Absent where bytes decide.
    pub items_per_child: Option<u32>,
    pub from: u32,
    pub count: u32,
    /// Base64: a byte for each child.
    pub statuses: String,
    /// Base64: milliseconds of each child, 32 bits, the lowest byte first.
    pub durations: String,
    /// The first child that this slice does not have.
    pub next: Option<u32>,
}

/// Which children are listed.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ChildrenAsk {
    pub map_run_arn: String,
    /// AWS's names; absent: all.
    pub status: Option<Vec<String>>,
    pub limit: Option<usize>,
    /// The first child that is looked at; what an answer gave as `next`.
    #[serde(alias = "from")]
    pub next: Option<u32>,
}

/// A page of children, in the order of their items.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Children {
    pub children: Vec<ListedChild>,
    /// Absent: all were looked at.
    pub next: Option<u32>,
    pub looked: LookedAt,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct LookedAt {
    pub children: usize,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedChild {
    pub index: u32,
    pub first_item: u32,
    pub items: u32,
    pub status: &'static str,
    /// Absent: an Express execution that is not kept.
    pub execution_arn: Option<String>,
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_date: Option<EpochSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_date: Option<EpochSeconds>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
}

impl Reader {
    /// How the children of a run stand, a slice at a time.
    pub fn map_run_statuses(&self, asked: &MapRunAsk, is_over: IsOver) -> Read<Statuses> {
        settle(self.statuses(asked, is_over))
    }

    fn statuses(&self, asked: &MapRunAsk, is_over: IsOver) -> Done<Statuses> {
        let limit = asked.limit.unwrap_or(SLICE_MAX);
        if !(1..=SLICE_MAX).contains(&limit) {
            let text = format!("limit is {limit}, and must be 1 to {SLICE_MAX}");
            return Err(invalid(text).into());
        }
        let run = self.map_run(&asked.map_run_arn)?;
        let end = asked.from.saturating_add(limit).min(run.next_child);
        let (mut statuses, mut durations) = (Vec::new(), Vec::new());
        let mut next = asked.from.min(end);
        while next < end {
            let stop = next.saturating_add(AT_ONCE).min(end);
            self.add_slice(&run, next..stop, &mut statuses, &mut durations)?;
            next = stop;
            if is_over() {
                break;
            }
        }
        Ok(Statuses {
            status: super::super::map_runs::status_name(run.status),
            is_express: run.is_express,
            items: run.items,
            children: run.next_child,
            items_per_child: run.items_per_child,
            from: asked.from,
            count: u32::try_from(statuses.len()).unwrap_or(u32::MAX),
            statuses: STANDARD.encode(&statuses),
            durations: STANDARD.encode(&durations),
            next: (next < run.next_child).then_some(next),
            map_run_arn: run.arn,
        })
    }

    fn add_slice(
        &self,
        run: &MapRun,
        slice: std::ops::Range<u32>,
        statuses: &mut Vec<u8>,
        durations: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let children = self.children_between(run, slice.clone())?;
        let numbers = children.iter().map(|(_, child)| child.number);
        let rows = match run.is_express {
            true => Default::default(),
            false => self.rows_numbered(numbers.collect())?,
        };
        let mut children = children.into_iter().peekable();
        for index in slice {
            let child = children.next_if(|(at, _)| *at == index);
            let (status, duration) = match child {
                None => (0, NOT_KNOWN),
                Some((_, child)) => {
                    let row = rows.get(&child.number);
                    let duration = row.and_then(|row| {
                        let stopped_ms = row.execution.stopped_ms()?;
                        u32::try_from(stopped_ms - row.execution.identity.started_ms).ok()
                    });
                    let status = match run.is_redrive_pending(index, &child) {
                        true => PENDING_REDRIVE,
                        false => status_byte(child.status),
                    };
                    (status, duration.unwrap_or(NOT_KNOWN))
                }
            };
            statuses.push(status);
            durations.extend_from_slice(&duration.to_le_bytes());
        }
        Ok(())
    }

    /// Children by index, ascending.
    fn children_between(
        &self,
        run: &MapRun,
        slice: std::ops::Range<u32>,
    ) -> Result<Vec<(u32, Child)>, Error> {
        if slice.is_empty() {
            return Ok(Vec::new());
        }
        // The newest come first in the rows.
        let from = child_key(run.number, slice.end - 1);
        let to = crate::rows::index::next_key(&child_key(run.number, slice.start));
        debug_assert!(from.starts_with(&children_of(run.number)));
        let rows = self
            .snapshot
            .as_ref()
            .scan(&from, &to, Direction::Descending, usize::MAX)?;
        rows.iter()
            .filter_map(|(key, value)| Some((index_in_key(key)?, decode(key, value))))
            .map(|(index, child)| Ok((index, child?)))
            .collect()
    }

    /// The children of a run with certain statuses, in the order of their items.
    ///
    /// - `shown`: what is shown of a cause.
    pub fn map_run_children(
        &self,
        asked: &ChildrenAsk,
        shown: Shown,
        is_over: IsOver,
    ) -> Read<Children> {
        settle(self.listed_children(asked, shown, is_over))
    }

    fn listed_children(
        &self,
        asked: &ChildrenAsk,
        shown: Shown,
        is_over: IsOver,
    ) -> Done<Children> {
        let limit = asked.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            let text = format!("limit is {limit}, and must be 1 to {PAGE_MAX}");
            return Err(invalid(text).into());
        }
        let wanted = asked
            .status
            .as_ref()
            .map(|names| wanted(names))
            .transpose()?;
        let run = self.map_run(&asked.map_run_arn)?;
        let mut page = Children::default();
        let mut next = asked.next.unwrap_or(0);
        while next < run.next_child {
            let stop = next.saturating_add(AT_ONCE).min(run.next_child);
            for (index, child) in self.children_between(&run, next..stop)? {
                if page.children.len() == limit {
                    page.next = Some(index);
                    return Ok(page);
                }
                page.looked.children += 1;
                let status = match run.is_redrive_pending(index, &child) {
                    true => PENDING_REDRIVE,
                    false => status_byte(child.status),
                };
                if wanted
                    .as_ref()
                    .is_none_or(|wanted| wanted.contains(&status))
                {
                    page.children
                        .push(self.listed_child(&run, index, child, status, shown)?);
                }
            }
            next = stop;
            if is_over() {
                page.next = (next < run.next_child).then_some(next);
                break;
            }
        }
        Ok(page)
    }

    fn listed_child(
        &self,
        run: &MapRun,
        index: u32,
        child: Child,
        status: u8,
        shown: Shown,
    ) -> Result<ListedChild, Error> {
        let listed = ListedChild {
            index,
            first_item: child.first_item,
            items: child.items,
            status: match status {
                PENDING_REDRIVE => states::execution_status::PENDING_REDRIVE,
                _ => status_name(child.status),
            },
            ..ListedChild::default()
        };
        if run.is_express {
            return Ok(of_record(listed, &child, shown));
        }
        let row = self.row(child.number)?;
        let execution = &row.execution;
        Ok(ListedChild {
            execution_arn: Some(execution.identity.arn.clone()),
            name: Some(execution.identity.name.clone()),
            start_date: Some(EpochSeconds::from_ms(execution.identity.started_ms)),
            stop_date: execution.stopped_ms().map(EpochSeconds::from_ms),
            error: execution.error().map(str::to_string),
            cause: execution.cause().map(|cause| listed_cause(cause, shown)),
            ..listed
        })
    }
}

/// What the record of a child without success says, where the run has kept it.
fn of_record(listed: ListedChild, child: &Child, shown: Shown) -> ListedChild {
    if matches!(child.status, Status::Running | Status::Succeeded) {
        return listed;
    }
    let record = child.result.as_deref().unwrap_or_default();
    let record: Value = serde_json::from_str(record).unwrap_or_default();
    let text = |name: &str| record[name].as_str().map(str::to_string);
    ListedChild {
        name: text("Name"),
        error: text("Error"),
        cause: text("Cause").map(|cause| listed_cause(&cause, shown)),
        ..listed
    }
}

fn wanted(names: &[String]) -> Result<Vec<u8>, states::Error> {
    let known = |name: &String| {
        match name.as_str() {
        states::execution_status::PENDING_REDRIVE => Ok(PENDING_REDRIVE),
        name => status_filter(name).ok_or_else(|| {
            invalid(format!(
                "status {name:?} is none of RUNNING, SUCCEEDED, FAILED, TIMED_OUT, ABORTED and PENDING_REDRIVE"
            ))
        }),
    }
    };
    names.iter().take(6).map(known).collect()
}
