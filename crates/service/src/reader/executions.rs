//! Executions: describe, list, history.

use std::collections::BTreeSet;

use stepwell_api::arn::{Qualifier, StateMachineArn};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{Body, Event, EventId, Status};
use stepwell_store::{Direction, Error};

use super::page::{after_key, invalid_token, page_size};
use super::{Read, Reader, settle};
use crate::execution_list::status_byte;
use crate::history::{self, Surroundings, Texts};
use crate::listing::{describe, status_name};
use crate::rows::execution::OwnedExecutionRow;
use crate::rows::history::{events_between, texts_at};
use crate::rows::machine::Machine;
use crate::rows::{after, index};
use crate::shard::Done;
use crate::staging::Rows;
use crate::target::{self, no_resource};

/// Index rows looked at for one page of a filtered list: a page may be short, its token goes on.
const FILTER_SCAN_MAX: usize = 10_000;

/// The same where the filter needs the executions themselves.
const FILTER_READ_MAX: usize = 1_000;

impl Reader {
    pub fn describe_execution(
        &self,
        input: &states::DescribeExecutionInput,
    ) -> Read<states::DescribeExecutionOutput> {
        settle(self.execution_description(input))
    }

    fn execution_description(
        &self,
        input: &states::DescribeExecutionInput,
    ) -> Done<states::DescribeExecutionOutput> {
        let (number, row) = self.execution(&input.execution_arn)?;
        let includes_data = input.included_data.as_deref() != Some("METADATA_ONLY");
        let mut described = describe(&self.snapshot, &row, includes_data, self.now)?;
        let arn = &row.execution.identity.state_machine_arn;
        if let Some((place, run)) = self.run_of_child(number, arn)? {
            if self.is_redrive_pending(&place, &run)? {
                described.status = states::execution_status::PENDING_REDRIVE.to_string();
            }
            described.map_run_arn = Some(run.arn);
            if described.redrive_status_reason.is_none() {
                let status = states::execution_redrive_status::REDRIVABLE_BY_MAP_RUN;
                described.redrive_status = Some(status.to_string());
            }
        }
        Ok(described)
    }

    pub fn list_executions(
        &self,
        input: &states::ListExecutionsInput,
    ) -> Read<states::ListExecutionsOutput> {
        settle(self.execution_list(input))
    }

    fn execution_list(
        &self,
        input: &states::ListExecutionsInput,
    ) -> Done<states::ListExecutionsOutput> {
        let must_be_one =
            "1 validation error detected: Must specify either stateMachineArn or mapRunArn";
        let arn = match (&input.state_machine_arn, &input.map_run_arn) {
            (Some(arn), None) => arn,
            (None, Some(run)) => return self.child_list(run, input),
            _ => return Err(states::Error::validation_exception(must_be_one).into()),
        };
        let (machine, started_from) = self.started_from(arn)?;
        if machine.is_express {
            let text = "This operation is not supported by this type of state machine";
            return Err(states::Error::state_machine_type_not_supported(text).into());
        }
        let status = input.status_filter.as_deref().map(status_filter);
        if status == Some(None) {
            let text = "statusFilter PENDING_REDRIVE can only be used with a mapRunArn";
            return Err(states::Error::validation_exception(text).into());
        }
        let filter = ExecutionFilter {
            first: target::numbering(&self.snapshot, &machine.name)?.first_execution,
            status: status.flatten(),
            started_from,
            is_redriven: input
                .redrive_filter
                .as_deref()
                .map(|filter| filter == "REDRIVEN"),
        };
        let prefix = index::list_of(&machine.name);
        let from = self.page_start(input.next_token.as_deref(), prefix.clone())?;
        self.execution_page(
            &from,
            &after(&prefix),
            page_size(input.max_results),
            &filter,
        )
    }

    fn execution_page(
        &self,
        from: &[u8],
        to: &[u8],
        limit: usize,
        filter: &ExecutionFilter,
    ) -> Done<states::ListExecutionsOutput> {
        let scan_limit = filter.scan_limit(limit);
        let rows = Rows::scan(&self.snapshot, from, to, Direction::Ascending, scan_limit)?;
        let mut executions = Vec::new();
        let mut next = (rows.len() == scan_limit)
            .then(|| rows.last().map(|(key, _)| after_key(key)))
            .flatten();
        for (key, value) in &rows {
            let Some(number) = index::number_in_list(key) else {
                continue;
            };
            if !filter.takes_listed(number, value) {
                continue;
            }
            let row = self.row(number)?;
            if !filter.takes(&row) {
                continue;
            }
            if executions.len() == limit {
                next = Some(key.clone());
                break;
            }
            executions.push(execution_item(&row));
        }
        Ok(states::ListExecutionsOutput {
            executions,
            next_token: next.map(|key| self.token_of(&key)),
        })
    }

    /// The machine of the list, and the version or alias that its executions were started from.
    pub(super) fn started_from(&self, arn: &str) -> Done<(Machine, Option<StartedFrom>)> {
        let parsed = StateMachineArn::parse(arn)?;
        let machine = match parsed.qualifier() {
            Qualifier::None | Qualifier::Label(_) => {
                return Ok((target::machine(&self.snapshot, arn)?, None));
            }
            _ => target::owner(&self.snapshot, &parsed, arn)?,
        };
        let (is_there, started_from) = match parsed.qualifier() {
            Qualifier::Version(number) => (
                target::version(&self.snapshot, &machine.name, *number)?.is_some(),
                StartedFrom::Version(arn.to_string()),
            ),
            Qualifier::Alias(name) => (
                target::alias(&self.snapshot, &machine.name, name)?.is_some(),
                StartedFrom::Alias(arn.to_string()),
            ),
            Qualifier::None | Qualifier::Label(_) => unreachable!("returned above"),
        };
        if !is_there {
            return Err(no_resource(arn).into());
        }
        Ok((machine, Some(started_from)))
    }

    pub fn get_execution_history(
        &self,
        input: &states::GetExecutionHistoryInput,
    ) -> Read<states::GetExecutionHistoryOutput> {
        settle(self.history(input))
    }

    fn history(
        &self,
        input: &states::GetExecutionHistoryInput,
    ) -> Done<states::GetExecutionHistoryOutput> {
        let (number, row) = self.execution(&input.execution_arn)?;
        let limit = page_size(input.max_results) as u64;
        let last = row.execution.last_event().0;
        let is_reverse = input.reverse_order == Some(true);
        let start = match &input.next_token {
            None if is_reverse => last,
            None => 1,
            Some(token) => self
                .read_token(token)
                .and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)))
                .filter(|id| (1..=last).contains(id))
                .ok_or_else(invalid_token)?,
        };
        let (first, end) = if is_reverse {
            (start.saturating_sub(limit - 1).max(1), start)
        } else {
            (start, start.saturating_add(limit - 1).min(last))
        };
        let mut events = events_between(&self.snapshot, number, EventId(first), EventId(end))?;
        let includes_data = input.include_execution_data != Some(false);
        let texts = if includes_data {
            self.texts(number, &events)?
        } else {
            Texts::new()
        };
        if is_reverse {
            events.reverse();
        }
        let around = Surroundings {
            region: &self.settings.region,
            role_arn: &row.execution.identity.role_arn,
            version_arn: row.version_arn.as_deref(),
            alias_arn: row.alias_arn.as_deref(),
            includes_data,
        };
        let next = if is_reverse {
            (first > 1).then(|| first - 1)
        } else {
            (end < last).then_some(end + 1)
        };
        Ok(states::GetExecutionHistoryOutput {
            events: events
                .iter()
                .map(|event| history::wire(event, &texts, &around))
                .collect(),
            next_token: next.map(|id| self.token_of(&id.to_be_bytes())),
        })
    }

    /// The texts that `events` refer to.
    pub(super) fn texts(&self, number: u64, events: &[Event]) -> Result<Texts, Error> {
        let mut wanted: BTreeSet<EventId> = events
            .iter()
            .filter_map(|event| match event.details.body() {
                Some(Body::Same(origin)) => Some(*origin),
                _ => None,
            })
            .collect();
        // Most of them are stored on the same page.
        let mut texts: Texts = events
            .iter()
            .filter(|event| wanted.contains(&event.id))
            .filter_map(|event| match event.details.body() {
                Some(Body::Text(text)) => Some((event.id, text.clone())),
                _ => None,
            })
            .collect();
        wanted.retain(|id| !texts.contains_key(id));
        texts.extend(texts_at(&self.snapshot, number, &wanted)?);
        Ok(texts)
    }
}

/// What an execution in a list must have been started from.
pub(super) enum StartedFrom {
    Version(String),
    Alias(String),
}

impl StartedFrom {
    pub(super) fn is_of(&self, row: &OwnedExecutionRow) -> bool {
        match self {
            StartedFrom::Version(arn) => row.version_arn.as_ref() == Some(arn),
            StartedFrom::Alias(arn) => row.alias_arn.as_ref() == Some(arn),
        }
    }
}

/// Which executions of a machine a list takes.
struct ExecutionFilter {
    /// Executions below belong to an earlier machine of the name.
    first: u64,
    status: Option<u8>,
    started_from: Option<StartedFrom>,
    is_redriven: Option<bool>,
}

impl ExecutionFilter {
    fn scan_limit(&self, limit: usize) -> usize {
        if self.started_from.is_some() || self.is_redriven.is_some() {
            FILTER_READ_MAX
        } else if self.status.is_some() || self.first > 0 {
            FILTER_SCAN_MAX
        } else {
            limit + 1
        }
    }

    /// By what the list's own row says.
    fn takes_listed(&self, number: u64, value: &[u8]) -> bool {
        number >= self.first
            && self
                .status
                .is_none_or(|status| value.get(1) == Some(&status))
    }

    fn takes(&self, row: &OwnedExecutionRow) -> bool {
        let is_from = self
            .started_from
            .as_ref()
            .is_none_or(|from| from.is_of(row));
        is_from
            && self
                .is_redriven
                .is_none_or(|is_redriven| is_redriven == (row.redrive_count > 0))
    }
}

pub(super) fn execution_item(row: &OwnedExecutionRow) -> states::ExecutionListItem {
    let execution = &row.execution;
    let identity = &execution.identity;
    states::ExecutionListItem {
        execution_arn: identity.arn.clone(),
        state_machine_arn: identity.state_machine_arn.clone(),
        name: identity.name.clone(),
        status: status_name(execution.status()).to_string(),
        start_date: EpochSeconds::from_ms(identity.started_ms),
        stop_date: execution.stopped_ms().map(EpochSeconds::from_ms),
        map_run_arn: None,
        item_count: None,
        state_machine_version_arn: row.version_arn.clone(),
        state_machine_alias_arn: row.alias_arn.clone(),
        redrive_count: Some(i32::try_from(row.redrive_count).unwrap_or(i32::MAX)),
        redrive_date: row.redriven_ms.map(EpochSeconds::from_ms),
    }
}

pub(super) fn status_filter(name: &str) -> Option<u8> {
    let all = [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::TimedOut,
        Status::Aborted,
    ];
    all.into_iter()
        .find(|status| status_name(*status) == name)
        .map(status_byte)
}
