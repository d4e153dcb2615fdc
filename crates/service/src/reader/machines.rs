//! State machines: describe, list, tags.

use stepwell_api::arn::{Qualifier, StateMachineArn};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::MachineKind;
use stepwell_store::{Direction, Error};

use super::page::{cut_page, page_size};
use super::{Read, Reader, settle};
use crate::configuration::encryption_of;
use crate::machines::machine_kind;
use crate::rows::execution::OwnedExecutionRow;
use crate::rows::machine::{Machine, machine_key, machines};
use crate::rows::version::Version;
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;
use crate::tags;
use crate::target;

impl Reader {
    /// Whether an ARN names an Express state machine, its version or its alias; false where there is none.
    pub fn is_express(&self, arn: &str) -> Result<bool, Error> {
        let Ok(parsed) = StateMachineArn::parse(arn) else {
            return Ok(false);
        };
        let machine = target::find_owner(&self.snapshot, &parsed)?;
        Ok(machine.is_some_and(|machine| machine.is_express))
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
        let (machine, version) = self.described(&input.state_machine_arn)?;
        let text = self.definition_text(&machine)?;
        let is_metadata = input.included_data.as_deref() == Some("METADATA_ONLY");
        let parsed = stepwell_engine::Definition::parse(&text, machine_kind(&machine)).ok();
        let references = parsed
            .as_ref()
            .map(|definition| definition.variable_references().clone())
            .unwrap_or_default();
        Ok(states::DescribeStateMachineOutput {
            state_machine_arn: match &version {
                None => machine.arn.clone(),
                Some(version) => version.arn(&machine),
            },
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
            creation_date: EpochSeconds::from_ms(
                version
                    .as_ref()
                    .map_or(machine.created_ms, |version| version.created_ms),
            ),
            logging_configuration: Some(logging_of(Some(&machine))),
            tracing_configuration: Some(states::TracingConfiguration {
                enabled: Some(machine.tracing_enabled),
            }),
            label: None,
            revision_id: machine.revision_id.clone(),
            // AWS: the description of a version; the machine itself has none.
            description: version.and_then(|version| version.description),
            encryption_configuration: Some(encryption_of(machine.encryption)),
            variable_references: (!references.is_empty()).then_some(references),
        })
    }

    /// The machine an ARN names, or a version of it.
    fn described(&self, arn: &str) -> Done<(Machine, Option<Version>)> {
        let parsed = StateMachineArn::parse(arn)?;
        let Qualifier::Version(number) = *parsed.qualifier() else {
            return Ok((target::machine(&self.snapshot, arn)?, None));
        };
        let machine = target::owner(&self.snapshot, &parsed, arn)?;
        let version = target::version(&self.snapshot, &machine.name, number)?
            .ok_or_else(|| states::Error::state_machine_does_not_exist(arn))?;
        Ok((machine.at(&version), Some(version)))
    }

    pub fn list_tags_for_resource(
        &self,
        input: &states::ListTagsForResourceInput,
    ) -> Read<states::ListTagsForResourceOutput> {
        settle(self.tags(&input.resource_arn))
    }

    fn tags(&self, arn: &str) -> Done<states::ListTagsForResourceOutput> {
        let tagged = tags::tagged(&self.snapshot, arn)?;
        Ok(states::ListTagsForResourceOutput {
            tags: Some(tags::listed(tagged.tags())),
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
        let (number, row) = self.execution(&input.execution_arn)?;
        let run = self.run_of_child(number, &row.execution.identity.state_machine_arn)?;
        let row = self.machine_row(number, row)?;
        let identity = &row.execution.identity;
        let machine = self.machine_behind(&row)?;
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
            map_run_arn: run.as_ref().map(|(_, run)| run.arn.clone()),
            label: run.map(|(_, run)| run.label),
            revision_id: row.revision_id.clone(),
            encryption_configuration: Some(encryption_of(
                machine.and_then(|machine| machine.encryption),
            )),
            variable_references: (!references.is_empty()).then_some(references),
        })
    }

    /// The machine that an execution was started from: the version of it, where it was started from one.
    fn machine_behind(&self, row: &OwnedExecutionRow) -> Done<Option<Machine>> {
        let key = machine_key(&row.execution.identity.state_machine_name);
        let Some(value) = Rows::get(&self.snapshot, &key)? else {
            return Ok(None);
        };
        let machine: Machine = decode_json(&key, &value)?;
        let parsed = row.version_arn.as_deref().map(StateMachineArn::parse);
        let number = match parsed.transpose()?.as_ref().map(StateMachineArn::qualifier) {
            Some(Qualifier::Version(number)) => *number,
            _ => return Ok(Some(machine)),
        };
        let version = target::version(&self.snapshot, &machine.name, number)?;
        Ok(Some(match version {
            Some(version) => machine.at(&version),
            None => machine,
        }))
    }

    /// The execution that was started with a definition of a machine: of a child, its outermost parent.
    ///
    /// AWS: "the state machine returned is the state machine associated with the Map Run".
    fn machine_row(&self, number: u64, row: OwnedExecutionRow) -> Done<OwnedExecutionRow> {
        let (mut number, mut row) = (number, row);
        while let Some((place, _)) =
            self.run_of_child(number, &row.execution.identity.state_machine_arn)?
        {
            number = place.parent;
            row = self.row(number)?;
        }
        Ok(row)
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
        let from = self.page_start(input.next_token.as_deref(), machines())?;
        let mut rows =
            self.snapshot
                .scan(&from, &after(&machines()), Direction::Ascending, limit + 1)?;
        let next_token = cut_page(&mut rows, limit).map(|key| self.token_of(&key));
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
