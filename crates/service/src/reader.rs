//! Answers that change nothing: read from a snapshot beside the writer.

use std::collections::BTreeSet;
use std::sync::Arc;

use stepwell_api::arn::{ExecutionArn, Qualifier, StateMachineArn};
use stepwell_api::{EpochSeconds, lambda, states};
use stepwell_engine::{Body, Event, EventId, Execution, MachineKind, Status};
use stepwell_store::{Direction, Error, Snapshot};

use crate::command::{Refusal, Settings};
use crate::executions::{missing_execution, status_byte};
use crate::functions::{FunctionRow, function_name, missing_function};
use crate::history::{self, Surroundings, Texts};
use crate::listing::{included, status_name};
use crate::machines::{machine_kind, not_built};
use crate::rows::execution::{OwnedExecutionRow, execution_key};
use crate::rows::function::{code_of, function_key, functions};
use crate::rows::history::{history_of, segments_from, text_at};
use crate::rows::machine::{Machine, definition_key, machine_key, machines};
use crate::rows::{after, decode, decode_json, index};
use crate::shard::{Done, hash_kind};
use crate::staging::Rows;
use crate::tags;

/// Results on a page when the caller does not say. Source: the API's documentation.
const PAGE_DEFAULT: usize = 100;

/// Index rows looked at for one page of a filtered list: a page may be short, its token goes on.
const FILTER_SCAN_MAX: usize = 10_000;

/// History rows read for one page.
const SEGMENTS_MAX: usize = 1_024;

/// Reads of one snapshot. Every acknowledged write is in the snapshot taken after it.
pub struct Reader {
    snapshot: Arc<dyn Snapshot>,
    settings: Settings,
}

/// An answer, a refusal, or a failing store.
pub type Read<T> = Result<Result<T, Refusal>, Error>;

impl Reader {
    pub fn new(snapshot: Arc<dyn Snapshot>, settings: Settings) -> Reader {
        Reader { snapshot, settings }
    }

    pub fn describe_state_machine(
        &self,
        input: &states::DescribeStateMachineInput,
    ) -> Read<states::DescribeStateMachineOutput> {
        settle(self.machine_description(input))
    }

    fn machine_description(
        &self,
        input: &states::DescribeStateMachineInput,
    ) -> Done<states::DescribeStateMachineOutput> {
        let machine = self.machine(&input.state_machine_arn)?;
        let text = self.definition_text(&machine)?;
        let is_metadata = input.included_data.as_deref() == Some("METADATA_ONLY");
        let parsed = stepwell_engine::Definition::parse(&text, machine_kind(&machine)).ok();
        let references = parsed
            .as_ref()
            .map(|definition| definition.variable_references().clone())
            .unwrap_or_default();
        Ok(states::DescribeStateMachineOutput {
            state_machine_arn: machine.arn.clone(),
            name: machine.name.clone(),
            status: Some(
                if machine.is_deleting {
                    "DELETING"
                } else {
                    "ACTIVE"
                }
                .to_string(),
            ),
            definition: if is_metadata { "{}".to_string() } else { text },
            role_arn: machine.role_arn.clone(),
            r#type: if machine.is_express {
                "EXPRESS"
            } else {
                "STANDARD"
            }
            .to_string(),
            creation_date: EpochSeconds::from_ms(machine.created_ms),
            logging_configuration: Some(logging_of(Some(&machine))),
            tracing_configuration: Some(states::TracingConfiguration {
                enabled: Some(machine.tracing_enabled),
            }),
            label: None,
            revision_id: machine.revision_id.clone(),
            // AWS: the description of a version; the machine itself has none.
            description: None,
            encryption_configuration: machine.encryption.clone(),
            variable_references: (!references.is_empty()).then_some(references),
        })
    }

    pub fn list_tags_for_resource(
        &self,
        input: &states::ListTagsForResourceInput,
    ) -> Read<states::ListTagsForResourceOutput> {
        settle(self.tags(&input.resource_arn))
    }

    fn tags(&self, arn: &str) -> Done<states::ListTagsForResourceOutput> {
        let key = machine_key(&tags::tagged_name(arn)?);
        let value = Rows::get(&self.snapshot, &key)?.ok_or_else(|| tags::missing(arn))?;
        let machine: Machine = decode_json(&key, &value)?;
        if machine.arn != arn {
            return Err(tags::missing(arn).into());
        }
        Ok(states::ListTagsForResourceOutput {
            tags: Some(tags::listed(&machine)),
        })
    }

    pub fn describe_state_machine_for_execution(
        &self,
        input: &states::DescribeStateMachineForExecutionInput,
    ) -> Read<states::DescribeStateMachineForExecutionOutput> {
        settle(self.machine_of_execution(input))
    }

    /// AWS: the definition and role are those the execution runs with, not the machine's of now.
    fn machine_of_execution(
        &self,
        input: &states::DescribeStateMachineForExecutionInput,
    ) -> Done<states::DescribeStateMachineForExecutionOutput> {
        let (_, row) = self.execution(&input.execution_arn)?;
        let identity = &row.execution.identity;
        let key = machine_key(&identity.state_machine_name);
        let machine: Option<Machine> = Rows::get(&self.snapshot, &key)?
            .map(|value| decode_json(&key, &value))
            .transpose()?;
        let text = self.definition_row(&row.definition, MachineKind::Standard)?;
        let parsed = stepwell_engine::Definition::parse(&text, MachineKind::Standard).ok();
        let references = parsed
            .map(|definition| definition.variable_references().clone())
            .unwrap_or_default();
        let is_metadata = input.included_data.as_deref() == Some("METADATA_ONLY");
        let updated = machine
            .as_ref()
            .map(|machine| machine.updated_ms.unwrap_or(machine.created_ms));
        Ok(states::DescribeStateMachineForExecutionOutput {
            state_machine_arn: identity.state_machine_arn.clone(),
            name: identity.state_machine_name.clone(),
            definition: if is_metadata { "{}".to_string() } else { text },
            role_arn: identity.role_arn.clone(),
            update_date: EpochSeconds::from_ms(updated.unwrap_or(identity.started_ms)),
            logging_configuration: Some(logging_of(machine.as_ref())),
            tracing_configuration: Some(states::TracingConfiguration {
                enabled: Some(
                    machine
                        .as_ref()
                        .is_some_and(|machine| machine.tracing_enabled),
                ),
            }),
            map_run_arn: None,
            label: None,
            revision_id: row.revision_id.clone(),
            encryption_configuration: machine.and_then(|machine| machine.encryption),
            variable_references: (!references.is_empty()).then_some(references),
        })
    }

    pub fn list_state_machines(
        &self,
        input: &states::ListStateMachinesInput,
    ) -> Read<states::ListStateMachinesOutput> {
        settle(self.machine_list(input))
    }

    fn machine_list(
        &self,
        input: &states::ListStateMachinesInput,
    ) -> Done<states::ListStateMachinesOutput> {
        let limit = page_size(input.max_results);
        let from = page_start(input.next_token.as_deref(), machines())?;
        let mut rows =
            self.snapshot
                .scan(&from, &after(&machines()), Direction::Ascending, limit + 1)?;
        let next_token = cut_page(&mut rows, limit);
        let items = rows
            .iter()
            .map(|(key, value)| decode_json::<Machine>(key, value))
            .collect::<Result<Vec<_>, _>>()?;
        let item = |machine: Machine| states::StateMachineListItem {
            state_machine_arn: machine.arn,
            name: machine.name,
            r#type: if machine.is_express {
                "EXPRESS"
            } else {
                "STANDARD"
            }
            .to_string(),
            creation_date: EpochSeconds::from_ms(machine.created_ms),
        };
        Ok(states::ListStateMachinesOutput {
            state_machines: items.into_iter().map(item).collect(),
            next_token,
        })
    }

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
        let execution = &row.execution;
        let includes_data = input.included_data.as_deref() != Some("METADATA_ONLY");
        let text = |event: EventId| -> Result<Option<String>, Error> {
            if includes_data {
                text_at(&self.snapshot, number, event)
            } else {
                Ok(None)
            }
        };
        let output_event = execution.output().map(|_| execution.last_event());
        let output = output_event.map(text).transpose()?.flatten();
        let identity = &execution.identity;
        let redrive = redrive_status(execution);
        Ok(states::DescribeExecutionOutput {
            execution_arn: identity.arn.clone(),
            state_machine_arn: identity.state_machine_arn.clone(),
            name: Some(identity.name.clone()),
            status: status_name(execution.status()).to_string(),
            start_date: EpochSeconds::from_ms(identity.started_ms),
            stop_date: execution.stopped_ms().map(EpochSeconds::from_ms),
            input: text(EventId(1))?,
            input_details: Some(included()),
            output_details: output.is_some().then(included),
            output,
            trace_header: row.trace_header.clone(),
            map_run_arn: None,
            error: execution.error().map(str::to_string),
            cause: execution.cause().map(str::to_string),
            state_machine_version_arn: row.version_arn.clone(),
            state_machine_alias_arn: row.alias_arn.clone(),
            redrive_count: Some(i32::try_from(row.redrive_count).unwrap_or(i32::MAX)),
            redrive_date: row.redriven_ms.map(EpochSeconds::from_ms),
            redrive_status: Some(redrive.0.to_string()),
            redrive_status_reason: redrive.1.map(str::to_string),
        })
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
        if input.map_run_arn.is_some() {
            return Err(not_built("ListExecutions with mapRunArn").into());
        }
        let Some(arn) = &input.state_machine_arn else {
            let text =
                "1 validation error detected: Must specify either stateMachineArn or mapRunArn";
            return Err(states::Error::validation_exception(text).into());
        };
        let machine = self.machine(arn)?;
        if machine.is_express {
            let text = "This operation is not supported by this type of state machine";
            return Err(states::Error::state_machine_type_not_supported(text).into());
        }
        let limit = page_size(input.max_results);
        let wanted = input.status_filter.as_deref().and_then(status_filter);
        let prefix = index::list_of(&machine.name);
        let from = page_start(input.next_token.as_deref(), prefix.clone())?;
        let scan_limit = if wanted.is_some() {
            FILTER_SCAN_MAX
        } else {
            limit + 1
        };
        let mut rows =
            self.snapshot
                .scan(&from, &after(&prefix), Direction::Ascending, scan_limit)?;
        let is_scanned_out = rows.len() == scan_limit;
        let last = rows.last().map(|(key, _)| key.clone());
        if let Some(wanted) = wanted {
            rows.retain(|(_, value)| value.get(1) == Some(&wanted));
        }
        let mut next_token = cut_page(&mut rows, limit);
        if next_token.is_none() && is_scanned_out {
            next_token = last.map(|key| token_of(&after_key(&key)));
        }
        let numbers: Vec<u64> = rows
            .iter()
            .filter_map(|(key, _)| index::number_in_list(key))
            .collect();
        let executions = numbers
            .into_iter()
            .map(|number| self.execution_item(number))
            .collect::<Result<Vec<_>, Error>>()?;
        Ok(states::ListExecutionsOutput {
            executions,
            next_token,
        })
    }

    fn execution_item(&self, number: u64) -> Result<states::ExecutionListItem, Error> {
        let row = self.row(number)?;
        let execution = &row.execution;
        let identity = &execution.identity;
        Ok(states::ExecutionListItem {
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
        })
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
            Some(token) => read_token(token)
                .and_then(|bytes| Some(u64::from_be_bytes(bytes.try_into().ok()?)))
                .ok_or_else(invalid_token)?,
        };
        let (first, end) = if is_reverse {
            (start.saturating_sub(limit - 1).max(1), start)
        } else {
            (start, start.saturating_add(limit - 1).min(last))
        };
        let mut events = self.events(number, first, end)?;
        let texts = self.texts(number, &events)?;
        if is_reverse {
            events.reverse();
        }
        let around = Surroundings {
            region: &self.settings.region,
            role_arn: &row.execution.identity.role_arn,
            version_arn: row.version_arn.as_deref(),
            alias_arn: row.alias_arn.as_deref(),
            includes_data: input.include_execution_data != Some(false),
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
            next_token: next.map(|id| token_of(&id.to_be_bytes())),
        })
    }

    /// Events `first..=end`, ascending.
    fn events(&self, number: u64, first: u64, end: u64) -> Result<Vec<Event>, Error> {
        let mut events: Vec<Event> = Vec::new();
        let mut next = first;
        while next <= end {
            let before = events.len();
            // A row has at least one event: no more rows than events are needed.
            let wanted = usize::try_from(end - next + 1).unwrap_or(usize::MAX);
            let limit = wanted.min(SEGMENTS_MAX);
            for segment in segments_from(&self.snapshot, number, EventId(next), limit)? {
                events.extend(
                    segment
                        .into_iter()
                        .filter(|event| event.id.0 >= next && event.id.0 <= end),
                );
            }
            if events.len() == before {
                return Err(Error::Corrupt {
                    key: history_of(number),
                });
            }
            next = events.last().map_or(end, |event| event.id.0) + 1;
        }
        Ok(events)
    }

    /// The texts that `events` refer to.
    fn texts(&self, number: u64, events: &[Event]) -> Result<Texts, Error> {
        let wanted: BTreeSet<EventId> = events
            .iter()
            .filter_map(|event| match event.details.body() {
                Some(Body::Same(origin)) => Some(*origin),
                _ => None,
            })
            .collect();
        let mut texts = Texts::new();
        for id in wanted {
            if let Some(text) = text_at(&self.snapshot, number, id)? {
                texts.insert(id, text);
            }
        }
        Ok(texts)
    }

    /// The function that a name, partial ARN or ARN means; a qualifier must be `$LATEST`.
    pub fn function(&self, text: &str, qualifier: Option<&str>) -> Read<FunctionRow> {
        settle(self.function_row(text, qualifier))
    }

    fn function_row(&self, text: &str, qualifier: Option<&str>) -> Done<FunctionRow> {
        let name = function_name(text)?;
        let inline = text
            .split_once(":function:")
            .and_then(|(_, rest)| rest.split_once(':'))
            .map(|(_, qualifier)| qualifier);
        let qualifier = qualifier.or(inline).unwrap_or("$LATEST");
        let key = function_key(&name);
        let arn = format!(
            "arn:aws:lambda:{}:{}:function:{name}",
            self.settings.region, self.settings.account
        );
        let found = Rows::get(&self.snapshot, &key)?;
        match found {
            Some(value) if qualifier == "$LATEST" => Ok(decode_json(&key, &value)?),
            _ => Err(missing_function(&format!("{arn}:{qualifier}")).into()),
        }
    }

    /// All functions by name, a page at a time; the marker is the last page's.
    pub fn list_functions(
        &self,
        marker: Option<&str>,
        limit: usize,
    ) -> Read<(Vec<FunctionRow>, Option<String>)> {
        settle(self.function_list(marker, limit))
    }

    fn function_list(
        &self,
        marker: Option<&str>,
        limit: usize,
    ) -> Done<(Vec<FunctionRow>, Option<String>)> {
        let invalid =
            || lambda::Error::invalid_parameter_value_exception("The provided Marker is not valid");
        let from = match marker {
            None => functions(),
            Some(marker) => read_token(marker)
                .filter(|key| key.starts_with(&functions()))
                .ok_or_else(invalid)?,
        };
        let mut rows =
            self.snapshot
                .scan(&from, &after(&functions()), Direction::Ascending, limit + 1)?;
        let next = cut_page(&mut rows, limit);
        let rows = rows
            .iter()
            .map(|(key, value)| decode_json(key, value))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((rows, next))
    }

    /// The zip of a package.
    pub fn package(&self, package: &str) -> Result<Vec<u8>, Error> {
        let prefix = code_of(package);
        let rows = Rows::scan(
            &self.snapshot,
            &prefix,
            &after(&prefix),
            Direction::Ascending,
            usize::MAX,
        )?;
        if rows.is_empty() {
            return Err(Error::Corrupt { key: prefix });
        }
        Ok(rows.into_iter().flat_map(|(_, chunk)| chunk).collect())
    }

    fn machine(&self, arn: &str) -> Done<Machine> {
        let parsed = StateMachineArn::parse(arn)?;
        if *parsed.qualifier() != Qualifier::None {
            return Err(not_built("state machine versions and aliases").into());
        }
        let key = machine_key(parsed.name());
        let missing = || states::Error::state_machine_does_not_exist(arn);
        let value = Rows::get(&self.snapshot, &key)?.ok_or_else(missing)?;
        let machine: Machine = decode_json(&key, &value)?;
        if machine.arn != arn {
            return Err(missing().into());
        }
        Ok(machine)
    }

    fn definition_text(&self, machine: &Machine) -> Result<String, Error> {
        self.definition_row(&machine.definition, machine_kind(machine))
    }

    fn definition_row(&self, hash: &str, kind: MachineKind) -> Result<String, Error> {
        let key = definition_key(&hash_kind(hash, kind));
        let value =
            Rows::get(&self.snapshot, &key)?.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        decode(&key, &value)
    }

    fn execution(&self, arn: &str) -> Done<(u64, OwnedExecutionRow)> {
        let parsed = ExecutionArn::parse_standard(arn)?;
        let key = index::name_key(parsed.state_machine_name(), parsed.name());
        let Some(value) = Rows::get(&self.snapshot, &key)? else {
            return Err(missing_execution(arn).into());
        };
        let number = decode(&key, &value)?;
        let row = self.row(number)?;
        if row.execution.identity.arn != arn {
            return Err(missing_execution(arn).into());
        }
        Ok((number, row))
    }

    fn row(&self, number: u64) -> Result<OwnedExecutionRow, Error> {
        let key = execution_key(number);
        let value =
            Rows::get(&self.snapshot, &key)?.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        decode(&key, &value)
    }
}

/// The logging configuration with AWS's defaults filled in.
fn logging_of(machine: Option<&Machine>) -> states::LoggingConfiguration {
    let logging = machine
        .and_then(|machine| machine.logging.clone())
        .unwrap_or_default();
    states::LoggingConfiguration {
        level: logging.level.or_else(|| Some("OFF".to_string())),
        include_execution_data: logging.include_execution_data.or(Some(false)),
        destinations: logging.destinations,
    }
}

/// AWS's redrive status and, where it cannot be redriven, the reason.
fn redrive_status(execution: &Execution) -> (&'static str, Option<&'static str>) {
    match execution.status() {
        Status::Running => (
            "NOT_REDRIVABLE",
            Some("Execution is RUNNING and cannot be redriven"),
        ),
        Status::Succeeded => (
            "NOT_REDRIVABLE",
            Some("Execution is SUCCEEDED and cannot be redriven"),
        ),
        Status::Failed | Status::TimedOut | Status::Aborted => ("REDRIVABLE", None),
    }
}

fn status_filter(name: &str) -> Option<u8> {
    let all = [
        Status::Running,
        Status::Succeeded,
        Status::Failed,
        Status::TimedOut,
        Status::Aborted,
    ];
    // A status that Stepwell's executions never have (PENDING_REDRIVE) matches none of them.
    Some(
        all.into_iter()
            .find(|status| status_name(*status) == name)
            .map_or(0, status_byte),
    )
}

fn settle<T>(done: Done<T>) -> Read<T> {
    match done {
        Ok(value) => Ok(Ok(value)),
        Err(crate::shard::Stop::Refused(refusal)) => Ok(Err(*refusal)),
        Err(crate::shard::Stop::Store(error)) => Err(error),
    }
}

/// AWS: 0 or absent means 100, at most 1,000.
fn page_size(max_results: Option<i32>) -> usize {
    match max_results.and_then(|max| usize::try_from(max).ok()) {
        None | Some(0) => PAGE_DEFAULT,
        Some(max) => max,
    }
}

fn page_start(token: Option<&str>, prefix: Vec<u8>) -> Result<Vec<u8>, states::Error> {
    match token {
        None => Ok(prefix),
        Some(token) => read_token(token)
            .filter(|key| key.starts_with(&prefix))
            .ok_or_else(invalid_token),
    }
}

/// Keeps `limit` rows; the token of the page after them if there are more.
fn cut_page<V>(rows: &mut Vec<(Vec<u8>, V)>, limit: usize) -> Option<String> {
    if rows.len() <= limit {
        return None;
    }
    let next = token_of(&rows[limit].0);
    rows.truncate(limit);
    Some(next)
}

fn after_key(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}

fn token_of(key: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(key)
}

fn read_token(token: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(token)
        .ok()
}

fn invalid_token() -> states::Error {
    states::Error::invalid_token("Invalid token")
}
