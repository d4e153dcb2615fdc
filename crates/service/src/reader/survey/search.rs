//! Executions by what they are, how they ended, and what went in and came out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{Details, EventId, Frame};
use stepwell_store::{Direction, Error};

use super::needle::Needle;
use super::walk::{Listed, Place, Walk};
use super::{
    IsOver, LOOKED_AT_ONCE_MAX, Looked, MACHINES_MAX, PAGE_MAX, Shown, TEXT_CHARS_MAX, cause,
    instant_ms, invalid, listed_cause,
};
use crate::reader::executions::{StartedFrom, execution_item, status_filter};
use crate::reader::{Read, Reader, settle};
use crate::rows::execution::{OwnedExecutionRow, decode_execution, execution_key, frames_of};
use crate::rows::history::{event_at, text_at};
use crate::rows::machine::{Machine, machines};
use crate::rows::{after, decode, decode_json};
use crate::shard::Done;
use crate::target;

/// Executions on a page when the caller does not say.
const PAGE_DEFAULT: usize = 50;

/// Rows of executions that are read together.
const ROWS_AT_ONCE: usize = 256;

/// Executions whose payloads are read before the clock is looked at.
const TEXTS_AT_ONCE: usize = 8;

/// A run of numbers is read as one where at least one of so many is wanted.
const SPARSE: u64 = 4;

/// Frames that are looked at for the state that failed; of more, the outermost state is told.
const FRAMES_MAX: usize = 256;

/// What is looked for. Every member that is there must hold.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Search {
    /// A Standard state machine, a version of it or an alias; absent: all.
    pub state_machine_arn: Option<String>,
    /// AWS's names.
    pub status: Option<Vec<String>>,
    /// Seconds since 1970, of the start.
    pub started_after: Option<f64>,
    pub started_before: Option<f64>,
    /// A part of the name.
    pub name: Option<String>,
    /// A part of the error's name.
    pub error: Option<String>,
    /// A part of the input, the output, the error or the cause.
    pub text: Option<String>,
    pub failure: Option<Failure>,
    pub limit: Option<usize>,
    pub next: Option<String>,
}

/// A group of failures; every member that is there is exact.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Failure {
    pub error: Option<String>,
    /// As a group has it.
    pub cause: Option<String>,
    pub state: Option<String>,
}

/// A page of what was found.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Found {
    pub executions: Vec<FoundExecution>,
    /// Absent: everything was looked at.
    pub next: Option<String>,
    pub looked: Looked,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct FoundExecution {
    #[serde(flatten)]
    pub item: states::ExecutionListItem,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// Where the text that was looked for is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matched: Option<&'static str>,
}

/// The state machines that a survey is about.
pub(super) struct Surveyed {
    pub(super) machines: Vec<Machine>,
    pub(super) started_from: Option<StartedFrom>,
    pub(super) left_out: usize,
}

impl Reader {
    /// A page of the executions that fit, newest first.
    ///
    /// - Ordered as ListExecutions orders them: by their end, or by their start or redrive while they run.
    /// - A page may be short or empty although there is more: `next` says so.
    /// - Express executions are not kept, and children of a map run are listed by their run.
    /// - `shown`: what is shown of a text; no more of it is looked through.
    pub fn search(&self, search: &Search, shown: Shown, is_over: IsOver) -> Read<Found> {
        settle(self.found(search, shown, is_over))
    }

    fn found(&self, search: &Search, shown: Shown, is_over: IsOver) -> Done<Found> {
        let filter = Filter::of(search)?;
        let limit = search.limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            let text = format!("limit is {limit}, and must be 1 to {PAGE_MAX}");
            return Err(invalid(text).into());
        }
        let place = search.next.as_deref().map(Place::of_token).transpose()?;
        let surveyed = self.surveyed(search.state_machine_arn.as_deref())?;
        let mut walk = self.walk(&surveyed, place)?;
        let mut found = Found {
            looked: looked(&surveyed, &walk, place)?,
            ..Found::default()
        };
        let mut place = place;
        loop {
            // Without a filter that needs the rows, no more are read than are shown.
            let wanted = match filter.reads_rows() {
                true => ROWS_AT_ONCE,
                false => limit - found.executions.len(),
            };
            let gathered = gather(&mut walk, wanted, filter.started_after_ms, &|listed| {
                filter.takes_listed(listed)
            })?;
            let rows = self.rows_of(gathered.taken.iter().map(|(listed, _)| listed))?;
            let mut looked_at = 0;
            for (position, (listed, looked_before)) in gathered.taken.iter().enumerate() {
                let is_time = filter.reads_texts() && position % TEXTS_AT_ONCE == 0;
                if position > 0 && is_time && is_over() {
                    found.go_on(place, looked_at);
                    return Ok(found);
                }
                place = Some(listed.place);
                looked_at = *looked_before;
                let Some(row) = rows.get(&listed.place.number()) else {
                    continue;
                };
                let Some(matched) = self.matched(&filter, &surveyed, row, shown)? else {
                    continue;
                };
                found.executions.push(listed_execution(row, matched, shown));
                if found.executions.len() == limit {
                    let is_last = gathered.is_end && position + 1 == gathered.taken.len();
                    found.go_on(place.filter(|_| !is_last), looked_at);
                    return Ok(found);
                }
            }
            place = gathered.last.or(place);
            let next = place.filter(|_| !gathered.is_end);
            found.looked.executions += gathered.looked_at;
            found.looked.until = place.map(|place| EpochSeconds::from_ms(place.listed_ms()));
            if next.is_none() || is_over() {
                found.next = next.map(Place::token);
                return Ok(found);
            }
        }
    }

    /// The machines that an ARN means, or all Standard ones.
    pub(super) fn surveyed(&self, arn: Option<&str>) -> Done<Surveyed> {
        if let Some(arn) = arn {
            let (machine, started_from) = self.started_from(arn)?;
            if machine.is_express {
                let text =
                    "executions of Express state machines are not kept; their logs tell of them";
                return Err(states::Error::state_machine_type_not_supported(text).into());
            }
            return Ok(Surveyed {
                machines: vec![machine],
                started_from,
                left_out: 0,
            });
        }
        let prefix = machines();
        let rows = self.snapshot.as_ref().scan(
            &prefix,
            &after(&prefix),
            Direction::Ascending,
            usize::MAX,
        )?;
        let machines: Vec<Machine> = rows
            .iter()
            .map(|(key, value)| decode_json(key, value))
            .collect::<Result<_, Error>>()?;
        let mut machines: Vec<Machine> = machines
            .into_iter()
            .filter(|machine| !machine.is_express)
            .collect();
        let left_out = machines.len().saturating_sub(MACHINES_MAX);
        machines.truncate(MACHINES_MAX);
        Ok(Surveyed {
            machines,
            started_from: None,
            left_out,
        })
    }

    pub(super) fn walk(&self, surveyed: &Surveyed, place: Option<Place>) -> Result<Walk, Error> {
        let mut machines = Vec::with_capacity(surveyed.machines.len());
        for machine in &surveyed.machines {
            let first = target::numbering(&self.snapshot, &machine.name)?.first_execution;
            machines.push((machine.name.clone(), first));
        }
        Walk::new(
            std::sync::Arc::clone(&self.snapshot),
            machines.into_iter(),
            place,
        )
    }

    /// Rows of executions by number. One that is not there is left out: it is being deleted.
    pub(super) fn rows_of<'l>(
        &self,
        listed: impl Iterator<Item = &'l Listed>,
    ) -> Result<BTreeMap<u64, OwnedExecutionRow>, Error> {
        self.rows_numbered(listed.map(|listed| listed.place.number()).collect())
    }

    pub(super) fn rows_numbered(
        &self,
        mut numbers: Vec<u64>,
    ) -> Result<BTreeMap<u64, OwnedExecutionRow>, Error> {
        numbers.sort_unstable();
        let mut rows = BTreeMap::new();
        // Runs of numbers: neighbours are read in one scan, which costs a tenth of as many gets.
        let mut left = numbers.as_slice();
        while let Some((first, rest)) = left.split_first() {
            let run = 1 + rest
                .iter()
                .zip(left)
                .take_while(|(next, number)| *next - *number <= SPARSE)
                .count();
            let (numbers, after_run) = left.split_at(run);
            left = after_run;
            if let [number] = numbers {
                let key = execution_key(*number);
                if let Some(value) = self.snapshot.as_ref().get(&key)? {
                    rows.insert(*number, decode_execution(&key, &value)?);
                }
                continue;
            }
            let last = numbers.last().copied().unwrap_or(*first);
            let (from, to) = (execution_key(*first), execution_key(last.saturating_add(1)));
            let found =
                self.snapshot
                    .as_ref()
                    .scan(&from, &to, Direction::Ascending, usize::MAX)?;
            for (key, value) in found {
                let number = crate::rows::index::first_number(&key).unwrap_or_default();
                if numbers.binary_search(&number).is_ok() {
                    rows.insert(number, decode_execution(&key, &value)?);
                }
            }
        }
        Ok(rows)
    }

    /// Where the filter's text is in an execution that fits; `None`: it does not.
    fn matched(
        &self,
        filter: &Filter,
        surveyed: &Surveyed,
        row: &OwnedExecutionRow,
        shown: Shown,
    ) -> Result<Option<Option<&'static str>>, Error> {
        let is_from = surveyed
            .started_from
            .as_ref()
            .is_none_or(|from| from.is_of(row));
        if !is_from || !filter.takes(row, shown) {
            return Ok(None);
        }
        if let Some(wanted) = &filter.state
            && self.failed_state(row)?.as_ref() != Some(wanted)
        {
            return Ok(None);
        }
        let Some(text) = &filter.text else {
            return Ok(Some(None));
        };
        let execution = &row.execution;
        let is_in = |found: Option<String>| found.is_some_and(|found| text.is_in(&shown(found)));
        if is_in(execution.error().map(str::to_string)) {
            return Ok(Some(Some("error")));
        }
        if is_in(execution.cause().map(str::to_string)) {
            return Ok(Some(Some("cause")));
        }
        let number = execution.identity.number;
        let output = execution.output().map(|_| execution.last_event());
        for (matched, event) in [("input", Some(EventId(1))), ("output", output)] {
            let Some(event) = event else {
                continue;
            };
            if is_in(text_at(&self.snapshot, number, event)?) {
                return Ok(Some(Some(matched)));
            }
        }
        Ok(None)
    }

    /// The innermost state that an execution without success failed in.
    ///
    /// - `None`: it failed before its first state, or its frames are gone.
    pub(super) fn failed_state(&self, row: &OwnedExecutionRow) -> Result<Option<String>, Error> {
        let number = row.execution.identity.number;
        let prefix = frames_of(number);
        let rows = self.snapshot.as_ref().scan(
            &prefix,
            &after(&prefix),
            Direction::Ascending,
            FRAMES_MAX,
        )?;
        let frames: Vec<Frame> = rows
            .iter()
            .map(|(key, value)| decode(key, value))
            .collect::<Result<_, Error>>()?;
        let mut failed = frames.first();
        let is_of_fork = |details: &Details| {
            matches!(
                details,
                Details::ParallelStateFailed | Details::MapStateFailed
            )
        };
        for _ in 1..frames.len() {
            let Some(frame) = failed else {
                break;
            };
            // A Parallel or Map fails after the event that its branch or iteration failed with.
            let newest = event_at(&self.snapshot, number, frame.newest_event())?;
            let Some(event) = newest.filter(|event| is_of_fork(&event.details)) else {
                break;
            };
            let inner = frames.iter().filter(|inner| inner.id() > frame.id());
            let mut inner = inner.filter(|inner| inner.newest_event() == event.previous);
            match inner.next() {
                Some(inner) => failed = Some(inner),
                None => break,
            }
        }
        let Some(entered) = failed.map(Frame::entered_event) else {
            return Ok(None);
        };
        let event = event_at(&self.snapshot, number, entered)?;
        Ok(event.and_then(|event| match event.details {
            Details::StateEntered { name, .. } => Some(name.to_string()),
            _ => None,
        }))
    }
}

impl Found {
    /// The page is full, or the time over, before all that was gathered was looked at.
    fn go_on(&mut self, place: Option<Place>, looked_at: usize) {
        self.looked.executions += looked_at;
        if let Some(place) = place {
            self.looked.until = Some(EpochSeconds::from_ms(place.listed_ms()));
        }
        self.next = place.map(Place::token);
    }
}

/// What a page begins with.
///
/// - `place`: where it goes on; the first page says where the oldest execution is, and the others save a look at each list.
pub(super) fn looked(
    surveyed: &Surveyed,
    walk: &Walk,
    place: Option<Place>,
) -> Result<Looked, Error> {
    let oldest_ms = match place {
        Some(_) => None,
        None => walk.oldest_ms()?,
    };
    Ok(Looked {
        oldest: oldest_ms.map(EpochSeconds::from_ms),
        machines: surveyed.machines.len(),
        machines_left_out: surveyed.left_out,
        ..Looked::default()
    })
}

/// Some rows of a walk.
pub(super) struct Gathered {
    /// Those that fit, and how many had been looked at with each.
    pub(super) taken: Vec<(Listed, usize)>,
    pub(super) looked_at: usize,
    pub(super) last: Option<Place>,
    /// There are no more that can fit.
    pub(super) is_end: bool,
}

/// Takes the next rows of a walk that fit, `wanted` at most.
///
/// - `not_before_ms`: what is listed by an earlier instant cannot fit, nor can what comes after it.
pub(super) fn gather(
    walk: &mut Walk,
    wanted: usize,
    not_before_ms: Option<i64>,
    fits: &dyn Fn(&Listed) -> bool,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered {
        taken: Vec::new(),
        looked_at: 0,
        last: None,
        is_end: false,
    };
    while gathered.taken.len() < wanted && gathered.looked_at < LOOKED_AT_ONCE_MAX {
        let listed = walk.next()?.filter(|listed| {
            not_before_ms.is_none_or(|instant_ms| listed.place.listed_ms() >= instant_ms)
        });
        let Some(listed) = listed else {
            gathered.is_end = true;
            break;
        };
        gathered.last = Some(listed.place);
        if listed.is_foreign {
            continue;
        }
        gathered.looked_at += 1;
        if fits(&listed) {
            gathered.taken.push((listed, gathered.looked_at));
        }
    }
    Ok(gathered)
}

/// A search that is checked.
struct Filter {
    statuses: Option<Vec<u8>>,
    started_after_ms: Option<i64>,
    started_before_ms: Option<i64>,
    name: Option<Needle>,
    error: Option<Needle>,
    text: Option<Needle>,
    exact_error: Option<String>,
    cause: Option<String>,
    state: Option<String>,
}

impl Filter {
    fn of(search: &Search) -> Result<Filter, states::Error> {
        let statuses = search.status.as_ref().map(|names| statuses(names));
        let failure = search.failure.clone().unwrap_or_default();
        for (name, text) in [
            ("failure.error", &failure.error),
            ("failure.cause", &failure.cause),
            ("failure.state", &failure.state),
        ] {
            let characters = text.as_ref().map_or(0, |text| text.chars().count());
            if characters > TEXT_CHARS_MAX {
                return Err(invalid(format!(
                    "{name} has {characters} characters, at most {TEXT_CHARS_MAX} are allowed"
                )));
            }
        }
        Ok(Filter {
            statuses: statuses.transpose()?,
            started_after_ms: instant_ms("startedAfter", search.started_after)?,
            started_before_ms: instant_ms("startedBefore", search.started_before)?,
            name: Needle::of("name", search.name.as_deref())?,
            error: Needle::of("error", search.error.as_deref())?,
            text: Needle::of("text", search.text.as_deref())?,
            exact_error: failure.error,
            cause: failure.cause,
            state: failure.state,
        })
    }

    /// Whether the list's own rows do not say who fits.
    fn reads_rows(&self) -> bool {
        self.started_after_ms.is_some()
            || self.started_before_ms.is_some()
            || self.name.is_some()
            || self.text.is_some()
            || self.is_of_failures()
    }

    fn reads_texts(&self) -> bool {
        self.text.is_some() || self.state.is_some()
    }

    /// Whether only executions without success can fit.
    fn is_of_failures(&self) -> bool {
        self.error.is_some()
            || self.exact_error.is_some()
            || self.cause.is_some()
            || self.state.is_some()
    }

    fn takes_listed(&self, listed: &Listed) -> bool {
        let has_failed = FAILED.contains(&listed.status);
        (has_failed || !self.is_of_failures())
            && self
                .statuses
                .as_ref()
                .is_none_or(|statuses| statuses.contains(&listed.status))
    }

    /// By the execution's row, and what is shown of its error and cause.
    fn takes(&self, row: &OwnedExecutionRow, shown: Shown) -> bool {
        let execution = &row.execution;
        let error = || execution.error().map(|error| shown(error.to_string()));
        let started_ms = execution.identity.started_ms;
        let has = |needle: &Option<Needle>, text: Option<&str>| {
            needle
                .as_ref()
                .is_none_or(|needle| text.is_some_and(|text| needle.is_in(text)))
        };
        self.started_after_ms
            .is_none_or(|after| started_ms >= after)
            && self
                .started_before_ms
                .is_none_or(|before| started_ms <= before)
            && has(&self.name, Some(&execution.identity.name))
            && (self.error.is_none() || has(&self.error, error().as_deref()))
            && self
                .exact_error
                .as_ref()
                .is_none_or(|wanted| error().unwrap_or_default() == *wanted)
            && self.cause.as_ref().is_none_or(|wanted| {
                cause::of_group(execution.cause().unwrap_or_default(), shown) == *wanted
            })
    }
}

/// Failed, timed out, aborted; see [`crate::execution_list::status_byte`].
pub(super) const FAILED: [u8; 3] = [3, 4, 5];

pub(super) fn statuses(names: &[String]) -> Result<Vec<u8>, states::Error> {
    let known = |name: &String| {
        status_filter(name).ok_or_else(|| {
            invalid(format!(
                "status {name:?} is none of RUNNING, SUCCEEDED, FAILED, TIMED_OUT and ABORTED"
            ))
        })
    };
    names.iter().take(6).map(known).collect()
}

fn listed_execution(
    row: &OwnedExecutionRow,
    matched: Option<&'static str>,
    shown: Shown,
) -> FoundExecution {
    let execution = &row.execution;
    FoundExecution {
        item: execution_item(row),
        error: execution.error().map(str::to_string),
        cause: execution.cause().map(|cause| listed_cause(cause, shown)),
        matched,
    }
}
