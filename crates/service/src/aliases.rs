//! Aliases of state machines: create, update, delete.

use stepwell_api::arn::{Qualifier, StateMachineArn};
use stepwell_api::{EpochSeconds, states};
use stepwell_engine::Timestamp;

use crate::command::Answered;
use crate::machines::deleting;
use crate::rows::encode_json;
use crate::rows::machine::Machine;
use crate::rows::version::{Alias, Route, alias_key, numbering_key};
use crate::shard::{Done, Shard, body};
use crate::staging::Rows;
use crate::target::{self, ALIASES_MAX, no_resource};

impl Alias {
    pub(crate) fn arn(&self, machine_arn: &str) -> String {
        format!("{machine_arn}:{}", self.name)
    }

    pub(crate) fn routes_to(&self, version: u32) -> bool {
        self.routing.iter().any(|route| route.version == version)
    }
}

impl Shard {
    pub(crate) fn create_state_machine_alias(
        &mut self,
        now: Timestamp,
        input: states::CreateStateMachineAliasInput,
    ) -> Done<Answered> {
        let (machine, routing) = self.routed(&input.routing_configuration)?;
        if machine.is_deleting {
            return Err(deleting(&machine.arn).into());
        }
        if let Some(existing) = target::alias(&self.staging, &machine.name, &input.name)? {
            // AWS: the same create again answers with the alias that is there.
            if existing.routing == routing && existing.description == input.description {
                return Ok(created(&existing, &machine));
            }
            let text = "Failed to create alias because an alias with the same name and a different routing configuration already exists.";
            return Err(states::Error::conflict_exception(text).into());
        }
        if target::aliases(&self.staging, &machine.name)?.len() >= ALIASES_MAX {
            let text = format!("{} has {ALIASES_MAX} aliases, the most it may", machine.arn);
            return Err(states::Error::service_quota_exceeded_exception(text).into());
        }
        let mut numbering = target::numbering(&self.staging, &machine.name)?;
        numbering.aliases += 1;
        let alias = Alias {
            name: input.name,
            description: input.description,
            routing,
            created_ms: now.as_millis(),
            updated_ms: now.as_millis(),
            sequence: numbering.aliases,
        };
        self.put_alias(&machine.name, &alias);
        self.staging
            .put(numbering_key(&machine.name), encode_json(&numbering));
        Ok(created(&alias, &machine))
    }

    pub(crate) fn update_state_machine_alias(
        &mut self,
        now: Timestamp,
        input: states::UpdateStateMachineAliasInput,
    ) -> Done<Answered> {
        let arn = &input.state_machine_alias_arn;
        if input.description.is_none() && input.routing_configuration.is_none() {
            let text = "Either the description or the routing configuration must be specified";
            return Err(states::Error::validation_exception(text)
                .with_reason("MISSING_REQUIRED_PARAMETER")
                .into());
        }
        let (machine, before) = named(&self.staging, arn)?.ok_or_else(|| no_resource(arn))?;
        if machine.is_deleting {
            return Err(deleting(arn).into());
        }
        let mut alias = before.clone();
        if let Some(configuration) = &input.routing_configuration {
            let (routed, routing) = self.routed(configuration)?;
            if routed.name != machine.name {
                return Err(foreign_versions(configuration).into());
            }
            alias.routing = routing;
        }
        alias.description = input.description.or(alias.description);
        // AWS: an update that changes nothing is answered as the one before.
        if alias != before {
            alias.updated_ms = now.as_millis();
            self.put_alias(&machine.name, &alias);
        }
        Ok(body(&states::UpdateStateMachineAliasOutput {
            update_date: EpochSeconds::from_ms(alias.updated_ms),
        }))
    }

    /// AWS: deleting an alias that is not there succeeds (recorded: an alias deleted twice).
    pub(crate) fn delete_state_machine_alias(
        &mut self,
        input: &states::DeleteStateMachineAliasInput,
    ) -> Done<Answered> {
        if let Some((machine, alias)) = named(&self.staging, &input.state_machine_alias_arn)? {
            self.staging.delete(alias_key(&machine.name, &alias.name));
        }
        Ok(body(&states::DeleteStateMachineAliasOutput {}))
    }

    fn put_alias(&mut self, machine: &str, alias: &Alias) {
        self.staging
            .put(alias_key(machine, &alias.name), encode_json(alias));
    }

    /// The machine and the versions that a routing configuration names, after AWS's checks of it.
    fn routed(
        &self,
        configuration: &[states::RoutingConfigurationListItem],
    ) -> Done<(Machine, Vec<Route>)> {
        let weights: Vec<i32> = configuration.iter().map(|item| item.weight).collect();
        let arns = arns_of(configuration);
        let mut routing = Vec::new();
        let mut owner: Option<StateMachineArn> = None;
        for item in configuration {
            let parsed = StateMachineArn::parse(&item.state_machine_version_arn)?;
            let Qualifier::Version(version) = *parsed.qualifier() else {
                return Err(invalid_routing(format!(
                    "Routing configuration must contain state machine version ARNs. Received: [{arns}]"
                ))
                .into());
            };
            let machine = parsed.unqualified();
            if owner.as_ref().is_some_and(|owner| *owner != machine) {
                return Err(foreign_versions(configuration).into());
            }
            owner = Some(machine);
            let weight = u32::try_from(item.weight).unwrap_or(0);
            routing.push(Route { version, weight });
        }
        if weights.iter().sum::<i32>() != 100 {
            return Err(invalid_routing(format!(
                "Sum of routing configuration weights must equal 100. Received: {weights:?}"
            ))
            .into());
        }
        if let [first, second] = routing[..]
            && first.version == second.version
        {
            return Err(invalid_routing(format!(
                "Routing configuration must contain distinct state machine version ARNs. Received: [{arns}]"
            ))
            .into());
        }
        let owner = owner.expect("the model asks for at least one version");
        let machine = target::find_owner(&self.staging, &owner)?
            .ok_or_else(|| no_resource(owner.as_str()))?;
        for (route, item) in routing.iter().zip(configuration) {
            let version = target::version(&self.staging, &machine.name, route.version)?;
            version.ok_or_else(|| no_resource(&item.state_machine_version_arn))?;
        }
        Ok((machine, routing))
    }
}

/// The machine and the alias that the ARN of an alias names; `None` where one of them is not there.
pub(crate) fn named(rows: &dyn Rows, arn: &str) -> Done<Option<(Machine, Alias)>> {
    let parsed = StateMachineArn::parse(arn)?;
    let Qualifier::Alias(name) = parsed.qualifier() else {
        let text = format!("Not the ARN of a state machine alias: '{arn}'");
        return Err(states::Error::validation_exception(text).into());
    };
    let Some(machine) = target::find_owner(rows, &parsed)? else {
        return Ok(None);
    };
    let alias = target::alias(rows, &machine.name, name)?;
    Ok(alias.map(|alias| (machine, alias)))
}

fn created(alias: &Alias, machine: &Machine) -> Answered {
    body(&states::CreateStateMachineAliasOutput {
        state_machine_alias_arn: alias.arn(&machine.arn),
        creation_date: EpochSeconds::from_ms(alias.created_ms),
    })
}

fn arns_of(configuration: &[states::RoutingConfigurationListItem]) -> String {
    let arns: Vec<&str> = configuration
        .iter()
        .map(|item| item.state_machine_version_arn.as_str())
        .collect();
    arns.join(", ")
}

fn foreign_versions(configuration: &[states::RoutingConfigurationListItem]) -> states::Error {
    invalid_routing(format!(
        "Routing configuration must contain versions of one state machine. Received: [{}]",
        arns_of(configuration)
    ))
}

fn invalid_routing(text: String) -> states::Error {
    states::Error::validation_exception(text).with_reason("INVALID_ROUTING_CONFIGURATION")
}
