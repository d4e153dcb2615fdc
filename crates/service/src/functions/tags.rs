//! Tags, and settings of a function that are kept and shown.

use stepwell_api::arn::FunctionArn;
use stepwell_api::lambda;

use super::named::{function_arn, function_settings, latest, version, version_number};
use super::{answered, missing_function, nothing};
use crate::command::{Answered, Settings};
use crate::rows::encode_json;
use crate::rows::function::{FunctionRow, LATEST, RuntimeManagement, function_key};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Tags on one function. Source: Lambda's developer guide, "Using tags on Lambda functions".
const TAGS_MAX: usize = 50;

/// What happens to a function that calls itself without end until it is told otherwise.
pub(crate) const TERMINATE: &str = "Terminate";

impl Shard {
    pub(super) fn tag_function(&mut self, input: lambda::TagResourceRequest) -> Done<Answered> {
        let mut row = tagged(&self.staging, &self.settings, &input.resource)?;
        row.tags.extend(input.tags);
        check_tags(&row)?;
        Ok(self.put_tags(&row))
    }

    pub(super) fn untag_function(
        &mut self,
        input: &lambda::UntagResourceRequest,
    ) -> Done<Answered> {
        let mut row = tagged(&self.staging, &self.settings, &input.resource)?;
        for key in &input.tag_keys {
            row.tags.remove(key);
        }
        Ok(self.put_tags(&row))
    }

    /// Tags change nothing that runs: the revision and the environments stay.
    fn put_tags(&mut self, row: &FunctionRow) -> Answered {
        self.staging.put(function_key(&row.name), encode_json(row));
        nothing()
    }

    pub(super) fn put_recursion(
        &mut self,
        input: lambda::PutFunctionRecursionConfigRequest,
    ) -> Done<Answered> {
        let row = self.existing_function(&input.function_name)?;
        let mut settings = function_settings(&self.staging, &row.name)?;
        settings.recursive_loop =
            Some(input.recursive_loop.clone()).filter(|given| given != TERMINATE);
        self.put_settings(&row.name, &settings);
        Ok(answered(&lambda::PutFunctionRecursionConfigResponse {
            recursive_loop: Some(input.recursive_loop),
        }))
    }

    pub(super) fn put_runtime_management(
        &mut self,
        input: lambda::PutRuntimeManagementConfigRequest,
    ) -> Done<Answered> {
        let given = self.given(&input.function_name, input.qualifier.as_deref())?;
        let row = self.owned(&given)?;
        let qualifier = given
            .qualifier
            .clone()
            .unwrap_or_else(|| LATEST.to_string());
        let is_there = match version_number(&qualifier) {
            Some(number) => version(&self.staging, &row.name, number)?.is_some(),
            None => qualifier == LATEST,
        };
        if !is_there {
            return Err(missing_function(&given.arn(&self.settings)).into());
        }
        let is_manual = input.update_runtime_on == "Manual";
        if is_manual != input.runtime_version_arn.is_some() {
            let text = format!(
                "RuntimeVersionArn must be given if UpdateRuntimeOn is Manual, and only then; it is {}",
                input.update_runtime_on
            );
            return Err(lambda::Error::invalid_parameter_value_exception(text).into());
        }
        let mut settings = function_settings(&self.staging, &row.name)?;
        settings.runtime_management.insert(
            qualifier,
            RuntimeManagement {
                update_on: input.update_runtime_on.clone(),
                version_arn: input.runtime_version_arn.clone(),
            },
        );
        self.put_settings(&row.name, &settings);
        Ok(answered(&lambda::PutRuntimeManagementConfigResponse {
            update_runtime_on: input.update_runtime_on,
            function_arn: given.arn(&self.settings),
            runtime_version_arn: input.runtime_version_arn,
        }))
    }
}

/// - Errors: `InvalidParameterValueException` over [`TAGS_MAX`] tags.
pub(super) fn check_tags(row: &FunctionRow) -> Result<(), lambda::Error> {
    if row.tags.len() <= TAGS_MAX {
        return Ok(());
    }
    let text = format!(
        "Number of tags exceeds resource tag limit: {} on {}, at most {TAGS_MAX}.",
        row.tags.len(),
        row.arn
    );
    Err(lambda::Error::invalid_parameter_value_exception(text))
}

/// The function whose tags an ARN names.
pub(crate) fn tagged(rows: &dyn Rows, settings: &Settings, arn: &str) -> Done<FunctionRow> {
    let parsed = FunctionArn::parse(arn)?;
    if parsed.qualifier().is_some() {
        let text = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
        return Err(lambda::Error::invalid_parameter_value_exception(text).into());
    }
    let found = latest(rows, parsed.name())?
        .filter(|_| parsed.as_str() == function_arn(settings, parsed.name()));
    Ok(found.ok_or_else(|| missing_function(arn))?)
}
