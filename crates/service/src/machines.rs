//! State machines: create, update, delete.

use std::sync::Arc;

use stepwell_api::arn::{self, Qualifier, StateMachineArn};
use stepwell_api::catalogue::ParameterCheck;
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{Definition, Diagnostic, MachineKind, Timestamp};
use stepwell_store::Direction;

use crate::command::{Answered, Effect};
use crate::configuration::{check_encryption, check_logging, check_role, same_encryption};
use crate::facts::log_target;
use crate::rows::machine::{Machine, machine_key};
use crate::rows::version::{Numbering, Version, alias_key, numbering_key, version_key};
use crate::rows::{after, decode_json, encode_json, index};
use crate::shard::{Done, Shard, body, definition_hash};
use crate::staging::Rows;
use crate::tags::tag_map;
use crate::target;

/// State machines whose rows are kept in memory.
const KNOWN_MACHINES_MAX: usize = 1_000;

impl Shard {
    pub(crate) fn create_state_machine(
        &mut self,
        now: Timestamp,
        input: states::CreateStateMachineInput,
    ) -> Done<Answered> {
        arn::check_name(&input.name)?;
        let kind = kind_of(input.r#type.as_deref());
        let publishes = publishes(input.publish, input.version_description.as_ref())?;
        self.check_logging(input.logging_configuration.as_ref())?;
        check_encryption(input.encryption_configuration.as_ref())?;
        check_role(&input.role_arn)?;
        let definition = parse(&input.definition, kind)?;
        self.check_states_role(&input.role_arn)?;
        let arn = self.machine_arn(&input.name);
        let machine = Machine {
            name: input.name.clone(),
            arn: arn.clone(),
            is_express: kind == MachineKind::Express,
            role_arn: input.role_arn,
            definition: definition_hash(&definition),
            revision_id: None,
            created_ms: now.as_millis(),
            updated_ms: None,
            is_deleting: false,
            logging: input.logging_configuration,
            tracing_enabled: input
                .tracing_configuration
                .and_then(|tracing| tracing.enabled)
                .unwrap_or(false),
            encryption: input.encryption_configuration,
            tags: tag_map(input.tags.unwrap_or_default(), &arn)?,
        };
        let description = input.version_description;
        if let Some(existing) = self.machine(&input.name)? {
            return self.same_machine(&existing, &machine, publishes, description);
        }
        self.one_more_state_machine()?;
        self.store_definition(definition, kind)?;
        self.put_machine(&machine);
        if let Some(target) = log_target(&machine) {
            self.release_effect(Effect::ValidateLogDelivery {
                log_group_arn: target.log_group_arn,
            });
        }
        let version = if publishes {
            Some(self.publish(now, &machine, description)?)
        } else {
            None
        };
        Ok(created(&machine, version.as_ref()))
    }

    /// AWS: the same create again answers with the machine that is there; role and tags are not compared.
    fn same_machine(
        &self,
        existing: &Machine,
        wanted: &Machine,
        publishes: bool,
        description: Option<String>,
    ) -> Done<Answered> {
        if existing.is_deleting {
            return Err(deleting(&existing.arn).into());
        }
        let first = target::version(&self.staging, &existing.name, 1)?
            .filter(|version| version.created_ms == existing.created_ms);
        let is_same = existing.definition == wanted.definition
            && existing.is_express == wanted.is_express
            && existing.logging == wanted.logging
            && existing.tracing_enabled == wanted.tracing_enabled
            && same_encryption(&existing.encryption, &wanted.encryption)
            && first.is_some() == publishes
            && first
                .as_ref()
                .is_none_or(|version| version.description == description);
        if !is_same {
            return Err(states::Error::state_machine_already_exists(&existing.arn).into());
        }
        Ok(created(existing, first.as_ref()))
    }

    pub(crate) fn update_state_machine(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: states::UpdateStateMachineInput,
    ) -> Done<Answered> {
        let mut machine = target::machine(&self.staging, &input.state_machine_arn)?;
        let publishes = publishes(input.publish, input.version_description.as_ref())?;
        let before = machine.clone();
        let has_change = input.definition.is_some()
            || input.role_arn.is_some()
            || input.logging_configuration.is_some()
            || input.tracing_configuration.is_some()
            || input.encryption_configuration.is_some();
        if !has_change {
            return Err(states::Error::missing_required_parameter(
                "Either the definition, the role ARN, the LoggingConfiguration, or the TracingConfiguration must be specified",
            )
            .into());
        }
        if machine.is_deleting {
            return Err(deleting(&input.state_machine_arn).into());
        }
        let kind = machine_kind(&machine);
        self.check_logging(input.logging_configuration.as_ref())?;
        check_encryption(input.encryption_configuration.as_ref())?;
        if let Some(role_arn) = input.role_arn {
            check_role(&role_arn)?;
            self.check_states_role(&role_arn)?;
            machine.role_arn = role_arn;
        }
        if let Some(text) = input.definition {
            let definition = parse(&text, kind)?;
            machine.definition = self.store_definition(definition, kind)?;
        }
        machine.logging = input.logging_configuration.or(machine.logging);
        machine.encryption = input.encryption_configuration.or(machine.encryption);
        if let Some(enabled) = input
            .tracing_configuration
            .and_then(|tracing| tracing.enabled)
        {
            machine.tracing_enabled = enabled;
        }
        // AWS: an update that changes nothing keeps the revision.
        if machine != before {
            machine.revision_id = Some(stepwell_engine::entropy(entropy).draw_uuid());
        }
        machine.updated_ms = Some(now.as_millis());
        self.put_machine(&machine);
        let version = if publishes {
            Some(self.publish(now, &machine, input.version_description)?)
        } else {
            None
        };
        Ok(body(&states::UpdateStateMachineOutput {
            update_date: EpochSeconds::from_ms(now.as_millis()),
            state_machine_version_arn: version.map(|version| version.arn(&machine)),
            revision_id: machine.revision_id,
        }))
    }

    /// AWS: deleting is asynchronous: the machine goes once its last execution has ended.
    pub(crate) fn delete_state_machine(
        &mut self,
        input: &states::DeleteStateMachineInput,
    ) -> Done<Answered> {
        let parsed = StateMachineArn::parse(&input.state_machine_arn)?;
        match parsed.qualifier() {
            Qualifier::None => {}
            Qualifier::Label(_) => return Err(target::labelled(&input.state_machine_arn).into()),
            Qualifier::Version(_) | Qualifier::Alias(_) => {
                let text = format!(
                    "DeleteStateMachine deletes no version and no alias: '{}'",
                    input.state_machine_arn
                );
                return Err(states::Error::validation_exception(text).into());
            }
        }
        // AWS: deleting what is not there succeeds; so does a machine of another account or region.
        let named = self
            .machine(parsed.name())?
            .filter(|machine| machine.arn == input.state_machine_arn);
        if let Some(mut machine) = named {
            machine.is_deleting = true;
            self.put_machine(&machine);
            self.delete_versions_and_aliases(&machine.name)?;
            self.finish_deleting(&machine.name)?;
        }
        Ok(body(&states::DeleteStateMachineOutput {}))
    }

    /// Removes a machine that is being deleted and has no open execution.
    pub(crate) fn finish_deleting(&mut self, name: &str) -> Done<()> {
        if !self
            .known_machine(name)?
            .is_some_and(|machine| machine.is_deleting)
        {
            return Ok(());
        }
        let prefix = index::open_of(name);
        let open = self
            .staging
            .scan(&prefix, &after(&prefix), Direction::Ascending, 1)?;
        if open.is_empty() {
            self.facts.forget(name);
            self.retention.forget(name);
            self.machines.remove(name);
            self.counts.state_machine_went();
            self.staging.delete(machine_key(name));
            self.close_numbering(name)?;
        }
        Ok(())
    }

    /// AWS: deleting a machine also deletes its versions and aliases.
    fn delete_versions_and_aliases(&mut self, name: &str) -> Done<()> {
        for version in target::versions(&self.staging, name)? {
            self.staging.delete(version_key(name, version.number));
        }
        for alias in target::aliases(&self.staging, name)? {
            self.staging.delete(alias_key(name, &alias.name));
        }
        Ok(())
    }

    /// A later machine of this name starts anew: the executions of the one that goes now are not its own.
    fn close_numbering(&mut self, name: &str) -> Done<()> {
        let prefix = index::list_of(name);
        let listed = self
            .staging
            .scan(&prefix, &after(&prefix), Direction::Ascending, 1)?;
        if listed.is_empty() {
            self.staging.delete(numbering_key(name));
        } else {
            let closed = Numbering {
                first_execution: self.next_execution(),
                ..Numbering::default()
            };
            self.staging.put(numbering_key(name), encode_json(&closed));
        }
        Ok(())
    }

    pub(crate) fn machine(&self, name: &str) -> Result<Option<Machine>, stepwell_store::Error> {
        let key = machine_key(name);
        self.staging
            .get(&key)?
            .map(|value| decode_json(&key, &value))
            .transpose()
    }

    /// The machine of this name; its row is read once, not at every start and end of an execution.
    ///
    /// INVARIANT: whatever writes a machine's row, [`Shard::put_machine`] and the end of its deletion, forgets it here.
    pub(crate) fn known_machine(
        &mut self,
        name: &str,
    ) -> Result<Option<Arc<Machine>>, stepwell_store::Error> {
        if let Some(known) = self.machines.get(name) {
            return Ok(Some(Arc::clone(known)));
        }
        let Some(machine) = self.machine(name)?.map(Arc::new) else {
            return Ok(None);
        };
        if self.machines.len() >= KNOWN_MACHINES_MAX {
            self.machines.clear();
        }
        self.machines.insert(name.to_string(), Arc::clone(&machine));
        Ok(Some(machine))
    }

    pub(crate) fn put_machine(&mut self, machine: &Machine) {
        self.facts.forget(&machine.name);
        self.retention.note(machine);
        self.machines.remove(&machine.name);
        self.staging
            .put(machine_key(&machine.name), encode_json(machine));
    }

    /// AWS: one destination where logging is on, and it exists.
    fn check_logging(&self, logging: Option<&states::LoggingConfiguration>) -> Done<()> {
        check_logging(logging)?;
        let destinations = logging.and_then(|logging| logging.destinations.as_deref());
        for destination in destinations.unwrap_or_default() {
            let arn = destination
                .cloud_watch_logs_log_group
                .as_ref()
                .and_then(|group| group.log_group_arn.as_deref())
                .unwrap_or_default();
            if self.log_group_by_arn(arn)?.is_none() {
                let text = "Invalid Logging Configuration: Log Destination not found.";
                return Err(states::Error::invalid_logging_configuration(text).into());
            }
        }
        Ok(())
    }

    fn machine_arn(&self, name: &str) -> String {
        format!(
            "arn:aws:states:{}:{}:stateMachine:{name}",
            self.settings.region, self.settings.account
        )
    }
}

fn created(machine: &Machine, version: Option<&Version>) -> Answered {
    body(&states::CreateStateMachineOutput {
        state_machine_arn: machine.arn.clone(),
        creation_date: EpochSeconds::from_ms(machine.created_ms),
        state_machine_version_arn: version.map(|version| version.arn(machine)),
    })
}

/// Whether a create or an update publishes a version.
fn publishes(publish: Option<bool>, description: Option<&String>) -> Result<bool, states::Error> {
    let publishes = publish == Some(true);
    if description.is_some() && !publishes {
        let text = "Version description can only be set when publish is true";
        return Err(states::Error::validation_exception(text));
    }
    Ok(publishes)
}

pub(crate) fn deleting(arn: &str) -> states::Error {
    states::Error::state_machine_deleting(format!("State machine is being deleted: '{arn}'"))
}

/// A definition that AWS accepts and Stepwell can run.
fn parse(text: &str, kind: MachineKind) -> Done<Arc<Definition>> {
    let calls = ParameterCheck::default();
    let check_call = |resource: &str, parameters: &_| calls.problems(resource, parameters);
    let parsed = Definition::parse_with(text, kind, &check_call).map_err(refused_definition)?;
    Ok(Arc::new(parsed))
}

/// The answer to a definition with these errors.
pub(crate) fn refused_definition(diagnostics: Vec<Diagnostic>) -> states::Error {
    let texts: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
    states::Error::invalid_definition(texts.join(", "))
}

fn kind_of(text: Option<&str>) -> MachineKind {
    match text {
        Some("EXPRESS") => MachineKind::Express,
        _ => MachineKind::Standard,
    }
}

pub(crate) fn machine_kind(machine: &Machine) -> MachineKind {
    if machine.is_express {
        MachineKind::Express
    } else {
        MachineKind::Standard
    }
}
