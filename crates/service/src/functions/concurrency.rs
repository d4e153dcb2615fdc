//! Concurrency: what is reserved for a function, and what is kept ready for a version or an alias.

use stepwell_api::lambda;
use stepwell_engine::Timestamp;
use stepwell_store::Direction;

use super::named::{Given, alias, function_settings, version, version_number};
use super::{answered, described::lambda_date, missing_function, nothing};
use crate::command::{Answered, Effect};
use crate::rows::function::{FunctionSettings, LATEST, Provisioned, all_settings, is_settings_key};
use crate::rows::{after, decode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Invocations of an account at one time. Source: Lambda quotas.
pub(crate) const CONCURRENCY_MAX: u32 = 1_000;

/// What functions may reserve together. Source: "Configuring reserved concurrency", 100 stay for the others.
const RESERVED_MAX: u32 = 900;

/// Rows of settings that are looked at together.
const SETTINGS_AT_ONCE: usize = 1_024;

impl Shard {
    pub(super) fn put_function_concurrency(
        &mut self,
        input: &lambda::PutFunctionConcurrencyRequest,
    ) -> Done<Answered> {
        let row = self.existing_function(&input.function_name)?;
        let wanted = u32::try_from(input.reserved_concurrent_executions).unwrap_or(0);
        let mut settings = function_settings(&self.staging, &row.name)?;
        let others = reserved_in_all(&self.staging)? - settings.reserved_concurrency.unwrap_or(0);
        if others.saturating_add(wanted) > RESERVED_MAX {
            let text = format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its minimum value of [{}].",
                CONCURRENCY_MAX - RESERVED_MAX
            );
            return Err(lambda::Error::invalid_parameter_value_exception(text).into());
        }
        settings.reserved_concurrency = Some(wanted);
        self.put_settings(&row.name, &settings);
        Ok(answered(&lambda::Concurrency {
            reserved_concurrent_executions: Some(input.reserved_concurrent_executions),
        }))
    }

    pub(super) fn delete_function_concurrency(
        &mut self,
        input: &lambda::DeleteFunctionConcurrencyRequest,
    ) -> Done<Answered> {
        let row = self.existing_function(&input.function_name)?;
        let mut settings = function_settings(&self.staging, &row.name)?;
        settings.reserved_concurrency = None;
        self.put_settings(&row.name, &settings);
        Ok(nothing())
    }

    pub(super) fn put_provisioned(
        &mut self,
        now: Timestamp,
        input: &lambda::PutProvisionedConcurrencyConfigRequest,
    ) -> Done<Answered> {
        let given = self.provisioned_owner(&input.function_name, &input.qualifier)?;
        let concurrency = u32::try_from(input.provisioned_concurrent_executions).unwrap_or(0);
        let mut settings = function_settings(&self.staging, &given.name)?;
        if let Some(reserved) = settings.reserved_concurrency
            && concurrency > reserved
        {
            let text = format!(
                "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function: {concurrency} is, {reserved} are reserved"
            );
            return Err(lambda::Error::invalid_parameter_value_exception(text).into());
        }
        let kept = Provisioned {
            concurrency,
            modified_ms: now.as_millis(),
        };
        let output = lambda::PutProvisionedConcurrencyConfigResponse {
            requested_provisioned_concurrent_executions: Some(count(concurrency)),
            available_provisioned_concurrent_executions: Some(count(concurrency)),
            allocated_provisioned_concurrent_executions: Some(count(concurrency)),
            status: Some(READY.to_string()),
            last_modified: Some(lambda_date(kept.modified_ms)),
            ..Default::default()
        };
        settings.provisioned.insert(input.qualifier.clone(), kept);
        self.put_settings(&given.name, &settings);
        self.provision(&given)?;
        Ok(answered(&output))
    }

    pub(super) fn delete_provisioned(
        &mut self,
        input: &lambda::DeleteProvisionedConcurrencyConfigRequest,
    ) -> Done<Answered> {
        let given = self.provisioned_owner(&input.function_name, &input.qualifier)?;
        let mut settings = function_settings(&self.staging, &given.name)?;
        settings.provisioned.remove(&input.qualifier);
        self.put_settings(&given.name, &settings);
        self.provision(&given)?;
        Ok(nothing())
    }

    /// What is kept ready for a version, or for what an alias gives first, may have changed.
    fn provision(&mut self, given: &Given) -> Done<()> {
        if let Some(found) = given.find(&self.staging, None)? {
            self.release_effect(Effect::ProvisionFunction {
                function: given.name.clone(),
                version: found.row.version,
            });
        }
        Ok(())
    }

    fn provisioned_owner(&self, function: &str, qualifier: &str) -> Done<Given> {
        let given = self.given(function, Some(qualifier))?;
        self.owned(&given)?;
        if qualifier == LATEST {
            let text = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
            return Err(lambda::Error::invalid_parameter_value_exception(text).into());
        }
        let is_there = match version_number(qualifier) {
            Some(number) => version(&self.staging, &given.name, number)?.is_some(),
            None => match alias(&self.staging, &given.name, qualifier)? {
                Some(alias) if alias.version == LATEST => {
                    let text = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
                    return Err(lambda::Error::invalid_parameter_value_exception(text).into());
                }
                found => found.is_some(),
            },
        };
        if is_there {
            Ok(given)
        } else {
            Err(missing_function(&given.arn(&self.settings)).into())
        }
    }
}

/// Environments are started when they are needed or ahead of it; nobody has to wait for them.
pub(crate) const READY: &str = "READY";

/// What all functions together reserve.
pub(crate) fn reserved_in_all(rows: &dyn Rows) -> Done<u32> {
    let mut from = all_settings();
    let mut sum = 0u32;
    loop {
        let found = rows.scan(
            &from,
            &after(&all_settings()),
            Direction::Ascending,
            SETTINGS_AT_ONCE,
        )?;
        for (key, value) in found.iter().filter(|(key, _)| is_settings_key(key)) {
            let settings: FunctionSettings = decode_json(key, value)?;
            sum = sum.saturating_add(settings.reserved_concurrency.unwrap_or(0));
        }
        let Some((last, _)) = found.last() else {
            return Ok(sum);
        };
        from = [last.as_slice(), &[0]].concat();
    }
}

/// A number as the API shows it.
pub(crate) fn count(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}
