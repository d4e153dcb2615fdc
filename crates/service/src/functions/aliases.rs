//! Aliases of functions: create, update, delete.

use std::collections::BTreeMap;

use stepwell_api::lambda;
use stepwell_store::Direction;

use super::named::{
    Given, alias, function_arn, function_settings, latest, version, version_number,
};
use super::{answered, check_revision, missing_function, nothing};
use crate::command::{Answered, Effect};
use crate::rows::function::{FunctionAlias, FunctionRow, LATEST, alias_key, aliases_of};
use crate::rows::{after, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Aliases of a function. AWS states no number.
pub(crate) const ALIASES_MAX: usize = 1_000;

impl FunctionAlias {
    /// As Lambda describes it.
    ///
    /// - `function_arn`: without a qualifier.
    pub(crate) fn configuration(&self, function_arn: &str) -> lambda::AliasConfiguration {
        lambda::AliasConfiguration {
            alias_arn: Some(format!("{function_arn}:{}", self.name)),
            name: Some(self.name.clone()),
            function_version: Some(self.version.clone()),
            description: Some(self.description.clone()),
            routing_config: (!self.weights.is_empty()).then(|| lambda::AliasRoutingConfiguration {
                additional_version_weights: Some(self.weights.clone()),
            }),
            revision_id: Some(self.revision_id.clone()),
        }
    }
}

impl Shard {
    pub(super) fn create_alias(
        &mut self,
        entropy: &[u8; 32],
        input: lambda::CreateAliasRequest,
    ) -> Done<Answered> {
        let function = self.existing_function(&input.function_name)?;
        if alias(&self.staging, &function.name, &input.name)?.is_some() {
            let text = format!("Alias already exists: {}:{}", function.arn, input.name);
            return Err(lambda::Error::resource_conflict_exception(text).into());
        }
        let prefix = aliases_of(&function.name);
        let to = after(&prefix);
        let aliases = self
            .staging
            .scan(&prefix, &to, Direction::Ascending, ALIASES_MAX)?;
        if aliases.len() >= ALIASES_MAX {
            let text = format!(
                "{} has {ALIASES_MAX} aliases, the most it may",
                function.arn
            );
            return Err(lambda::Error::alias_limit_exceeded_exception(text).into());
        }
        let created = FunctionAlias {
            name: input.name,
            version: input.function_version,
            description: input.description.unwrap_or_default(),
            weights: weights(input.routing_config),
            revision_id: crate::uuid(entropy),
        };
        self.check_routing(&function, &created)?;
        Ok(self.put_function_alias(&function, &created))
    }

    pub(super) fn update_alias(
        &mut self,
        entropy: &[u8; 32],
        input: lambda::UpdateAliasRequest,
    ) -> Done<Answered> {
        let function = self.existing_function(&input.function_name)?;
        let mut updated = self.existing_alias(&function, &input.name)?;
        check_revision(&updated.revision_id, input.revision_id.as_deref())?;
        let before = updated.version.clone();
        updated.version = input.function_version.unwrap_or(updated.version);
        updated.description = input.description.unwrap_or(updated.description);
        // AWS: weights stay until they are named; empty ones take them away.
        if input.routing_config.is_some() {
            updated.weights = weights(input.routing_config);
        }
        updated.revision_id = crate::uuid(entropy);
        self.check_routing(&function, &updated)?;
        let settings = function_settings(&self.staging, &function.name)?;
        if updated.version != before && settings.provisioned.contains_key(&updated.name) {
            self.provision_versions(&function.name, [before, updated.version.clone()]);
        }
        Ok(self.put_function_alias(&function, &updated))
    }

    /// AWS: deleting an alias that is not there succeeds.
    pub(super) fn delete_alias(&mut self, input: &lambda::DeleteAliasRequest) -> Done<Answered> {
        let function = self.existing_function(&input.function_name)?;
        let deleted = alias(&self.staging, &function.name, &input.name)?;
        self.staging.delete(alias_key(&function.name, &input.name));
        self.forget_qualifier(&function.name, &input.name);
        let mut settings = function_settings(&self.staging, &function.name)?;
        if settings.provisioned.remove(&input.name).is_some() {
            self.put_settings(&function.name, &settings);
            self.provision_versions(&function.name, deleted.map(|alias| alias.version));
        }
        Ok(nothing())
    }

    fn provision_versions(&mut self, function: &str, versions: impl IntoIterator<Item = String>) {
        for version in versions {
            self.release_effect(Effect::ProvisionFunction {
                function: function.to_string(),
                version,
            });
        }
    }

    fn existing_alias(&self, function: &FunctionRow, name: &str) -> Done<FunctionAlias> {
        let found = alias(&self.staging, &function.name, name)?;
        Ok(found.ok_or_else(|| missing_alias(&format!("{}:{name}", function.arn)))?)
    }

    fn put_function_alias(&mut self, function: &FunctionRow, alias: &FunctionAlias) -> Answered {
        let key = alias_key(&function.name, &alias.name);
        self.staging.put(key, encode_json(alias));
        answered(&alias.configuration(&function.arn))
    }

    /// AWS's checks of what an alias routes to.
    fn check_routing(&self, function: &FunctionRow, alias: &FunctionAlias) -> Done<()> {
        let refuse =
            |text: String| Err(lambda::Error::invalid_parameter_value_exception(text).into());
        if alias.weights.len() > 1 {
            return refuse(format!(
                "Number of items in AdditionalVersionWeights cannot be greater than 1, but is {}",
                alias.weights.len()
            ));
        }
        let first = self.routed_version(function, &alias.version)?;
        for (number, weight) in &alias.weights {
            if alias.version == LATEST {
                return refuse(
                    "$LATEST is not supported for an alias pointing to more than 1 version".into(),
                );
            }
            if *number == alias.version {
                return refuse(format!(
                    "Invalid function version {number}. Function version {number} is already included in routing configuration."
                ));
            }
            if !(0.0..=1.0).contains(weight) {
                return refuse(format!(
                    "The weight of version {number} is {weight} but must be from 0.0 to 1.0"
                ));
            }
            let second = self.routed_version(function, number)?;
            if first.role != second.role {
                return refuse(format!(
                    "Both versions of an alias must have one execution role: version {} has {}, version {number} has {}",
                    alias.version, first.role, second.role
                ));
            }
            if first.dead_letter_target != second.dead_letter_target {
                return refuse(format!(
                    "Both versions of an alias must have one dead-letter queue, or none: versions {} and {number} differ",
                    alias.version
                ));
            }
        }
        Ok(())
    }

    fn routed_version(&self, function: &FunctionRow, name: &str) -> Done<FunctionRow> {
        let found = match version_number(name) {
            Some(number) => version(&self.staging, &function.name, number)?,
            None if name == LATEST => latest(&self.staging, &function.name)?,
            None => None,
        };
        let missing = || missing_function(&format!("{}:{name}", function.arn));
        Ok(found.ok_or_else(missing)?)
    }
}

/// The alias that a read names.
pub(crate) fn alias_of(
    rows: &dyn Rows,
    settings: &crate::command::Settings,
    function: &str,
    name: &str,
) -> Done<lambda::AliasConfiguration> {
    let given = Given::parse(function, None)?;
    let arn = function_arn(settings, &given.name);
    let found = alias(rows, &given.name, name)?;
    let missing = || missing_alias(&format!("{arn}:{name}"));
    Ok(found.ok_or_else(missing)?.configuration(&arn))
}

fn missing_alias(arn: &str) -> lambda::Error {
    lambda::Error::resource_not_found_exception(format!("Cannot find alias arn: {arn}"))
}

fn weights(given: Option<lambda::AliasRoutingConfiguration>) -> BTreeMap<String, f64> {
    given
        .and_then(|routing| routing.additional_version_weights)
        .unwrap_or_default()
}
