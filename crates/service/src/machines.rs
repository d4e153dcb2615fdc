//! State machines: create, update, delete.

use std::sync::Arc;

use stepwell_api::arn::{self, Qualifier, StateMachineArn};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::{Definition, MachineKind, MapMode, Timestamp};
use stepwell_store::Direction;

use crate::command::Answered;
use crate::rows::machine::{Machine, machine_key};
use crate::rows::{after, decode_json, encode_json, index};
use crate::shard::{Done, Shard, body, definition_hash};
use crate::staging::Rows;

impl Shard {
    pub(crate) fn create_state_machine(
        &mut self,
        now: Timestamp,
        input: states::CreateStateMachineInput,
    ) -> Done<Answered> {
        arn::check_name(&input.name)?;
        let kind = kind_of(input.r#type.as_deref());
        if input.publish == Some(true) {
            return Err(not_built("CreateStateMachine with publish").into());
        }
        if input.version_description.is_some() {
            return Err(states::Error::validation_exception(
                "Version description can only be set when publish is true",
            )
            .into());
        }
        check_logging(input.logging_configuration.as_ref())?;
        check_role(&input.role_arn)?;
        let definition = parse(&input.definition, kind)?;
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
            tags: input
                .tags
                .unwrap_or_default()
                .into_iter()
                .map(tag_pair)
                .collect(),
        };
        if let Some(existing) = self.machine(&input.name)? {
            return same_machine(&existing, &machine);
        }
        self.store_definition(definition, kind)?;
        self.put_machine(&machine);
        Ok(created(&machine))
    }

    pub(crate) fn update_state_machine(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: states::UpdateStateMachineInput,
    ) -> Done<Answered> {
        let parsed = StateMachineArn::parse(&input.state_machine_arn)?;
        let mut machine = self.machine_of(&parsed, &input.state_machine_arn)?;
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
            let text = format!(
                "State machine is being deleted: '{}'",
                input.state_machine_arn
            );
            return Err(states::Error::state_machine_deleting(text).into());
        }
        if input.publish == Some(true) {
            return Err(not_built("UpdateStateMachine with publish").into());
        }
        let kind = machine_kind(&machine);
        check_logging(input.logging_configuration.as_ref())?;
        if let Some(role_arn) = input.role_arn {
            check_role(&role_arn)?;
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
        Ok(body(&states::UpdateStateMachineOutput {
            update_date: EpochSeconds::from_ms(now.as_millis()),
            revision_id: machine.revision_id,
            state_machine_version_arn: None,
        }))
    }

    /// AWS: deleting is asynchronous: the machine goes once its last execution has ended.
    pub(crate) fn delete_state_machine(
        &mut self,
        input: &states::DeleteStateMachineInput,
    ) -> Done<Answered> {
        let parsed = StateMachineArn::parse(&input.state_machine_arn)?;
        if *parsed.qualifier() != Qualifier::None {
            return Err(not_built("state machine versions and aliases").into());
        }
        // AWS: deleting what is not there succeeds; so does a machine of another account or region.
        let named = self
            .machine(parsed.name())?
            .filter(|machine| machine.arn == input.state_machine_arn);
        if let Some(mut machine) = named {
            machine.is_deleting = true;
            self.put_machine(&machine);
            self.finish_deleting(&machine.name)?;
        }
        Ok(body(&states::DeleteStateMachineOutput {}))
    }

    /// Removes a machine that is being deleted and has no open execution.
    pub(crate) fn finish_deleting(&mut self, name: &str) -> Done<()> {
        let Some(machine) = self.machine(name)? else {
            return Ok(());
        };
        if !machine.is_deleting {
            return Ok(());
        }
        let prefix = index::open_of(name);
        let open = self
            .staging
            .scan(&prefix, &after(&prefix), Direction::Ascending, 1)?;
        if open.is_empty() {
            self.staging.delete(machine_key(name));
        }
        Ok(())
    }

    /// The machine that an ARN names, or `StateMachineDoesNotExist`.
    pub(crate) fn machine_of(&self, parsed: &StateMachineArn, arn: &str) -> Done<Machine> {
        if *parsed.qualifier() != Qualifier::None {
            return Err(not_built("state machine versions and aliases").into());
        }
        let missing = || states::Error::state_machine_does_not_exist(arn);
        let machine = self.machine(parsed.name())?.ok_or_else(missing)?;
        if machine.arn != arn {
            return Err(missing().into());
        }
        Ok(machine)
    }

    pub(crate) fn machine(&self, name: &str) -> Result<Option<Machine>, stepwell_store::Error> {
        let key = machine_key(name);
        self.staging
            .get(&key)?
            .map(|value| decode_json(&key, &value))
            .transpose()
    }

    pub(crate) fn put_machine(&mut self, machine: &Machine) {
        self.staging
            .put(machine_key(&machine.name), encode_json(machine));
    }

    fn machine_arn(&self, name: &str) -> String {
        format!(
            "arn:aws:states:{}:{}:stateMachine:{name}",
            self.settings.region, self.settings.account
        )
    }
}

/// AWS: the same create again answers with the machine that is there; role and tags are not compared.
fn same_machine(existing: &Machine, wanted: &Machine) -> Done<Answered> {
    if existing.is_deleting {
        let text = format!("State machine is being deleted: '{}'", existing.arn);
        return Err(states::Error::state_machine_deleting(text).into());
    }
    let is_same = existing.definition == wanted.definition
        && existing.is_express == wanted.is_express
        && existing.logging == wanted.logging
        && existing.tracing_enabled == wanted.tracing_enabled
        && existing.encryption == wanted.encryption;
    if !is_same {
        return Err(states::Error::state_machine_already_exists(&existing.arn).into());
    }
    Ok(created(existing))
}

fn created(machine: &Machine) -> Answered {
    body(&states::CreateStateMachineOutput {
        state_machine_arn: machine.arn.clone(),
        creation_date: EpochSeconds::from_ms(machine.created_ms),
        state_machine_version_arn: None,
    })
}

/// A definition that AWS accepts and Stepwell can run.
fn parse(text: &str, kind: MachineKind) -> Done<Arc<Definition>> {
    let definition = Definition::parse(text, kind).map_err(|diagnostics| {
        let texts: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
        states::Error::invalid_definition(texts.join(", "))
    })?;
    if definition
        .map_modes()
        .any(|mode| matches!(mode, MapMode::Distributed { .. }))
    {
        return Err(not_built("a Map state with ProcessorConfig.Mode DISTRIBUTED").into());
    }
    Ok(Arc::new(definition))
}

/// AWS: one destination where logging is on.
fn check_logging(logging: Option<&states::LoggingConfiguration>) -> Result<(), states::Error> {
    let Some(logging) = logging else {
        return Ok(());
    };
    let is_off = logging.level.as_deref().unwrap_or("OFF") == "OFF";
    let destinations = logging.destinations.as_ref().map_or(0, Vec::len);
    if destinations > 1 || (!is_off && destinations == 0) {
        let text = "Invalid Logging Configuration: Must specify exactly one Log Destination.";
        return Err(states::Error::invalid_logging_configuration(text));
    }
    Ok(())
}

fn check_role(role_arn: &str) -> Result<(), states::Error> {
    if role_arn.starts_with("arn:") {
        return Ok(());
    }
    Err(states::Error::invalid_arn(format!(
        "Invalid ARN prefix: {role_arn}"
    )))
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

fn tag_pair(tag: states::Tag) -> (String, String) {
    (tag.key.unwrap_or_default(), tag.value.unwrap_or_default())
}

/// What is not built answers `NotImplemented` and says its name.
pub(crate) fn not_built(what: &str) -> states::Error {
    states::Error::not_implemented(format!("Stepwell does not implement {what} yet"))
}
