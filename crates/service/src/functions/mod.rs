//! Functions: configuration, code, versions, aliases, layers. Running them is not this crate's business.

pub(crate) mod aliases;
mod code;
pub(crate) mod concurrency;
mod configuration;
mod described;
pub(crate) mod layers;
pub(crate) mod named;
mod policies;
mod tags;
mod versions;

pub use described::lambda_date;
pub(crate) use layers::layer_owner;
pub(crate) use policies::shown_policy;
pub(crate) use tags::{TERMINATE, tagged};
pub(crate) use versions::version_owner;

use stepwell_api::arn::{FunctionArn, Scope};
use stepwell_api::{Output, lambda};
use stepwell_engine::Timestamp;
use stepwell_store::Direction;

use crate::command::{Answered, Effect, LambdaRequest};
use crate::rows::function::{
    FunctionRow, FunctionSettings, LATEST, aliases_of, function_key, settings_key, settings_of,
};
use crate::rows::{after, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;
use named::{Given, function_arn, latest};

/// Rows of one kind that are looked at together when a function is deleted.
const ROWS_AT_ONCE: usize = 1_024;

impl Shard {
    /// Carries out a change of what stands beside a function's configuration and code.
    pub(crate) fn change_functions(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        request: LambdaRequest,
    ) -> Done<Answered> {
        use LambdaRequest as R;
        match request {
            R::PublishVersion(input) => self.publish_version(now, entropy, input),
            R::CreateAlias(input) => self.create_alias(entropy, input),
            R::UpdateAlias(input) => self.update_alias(entropy, input),
            R::DeleteAlias(input) => self.delete_alias(&input),
            R::PublishLayerVersion(input, code) => self.publish_layer_version(now, *input, &code),
            R::DeleteLayerVersion(input) => self.delete_layer_version(&input),
            R::AddLayerVersionPermission(input) => self.add_layer_permission(entropy, input),
            R::RemoveLayerVersionPermission(input) => self.remove_layer_permission(entropy, &input),
            R::AddPermission(input) => self.add_permission(entropy, input),
            R::RemovePermission(input) => self.remove_permission(entropy, &input),
            R::PutFunctionConcurrency(input) => self.put_function_concurrency(&input),
            R::DeleteFunctionConcurrency(input) => self.delete_function_concurrency(&input),
            R::PutProvisionedConcurrencyConfig(input) => self.put_provisioned(now, &input),
            R::DeleteProvisionedConcurrencyConfig(input) => self.delete_provisioned(&input),
            R::PutFunctionRecursionConfig(input) => self.put_recursion(input),
            R::PutRuntimeManagementConfig(input) => self.put_runtime_management(input),
            R::TagResource(input) => self.tag_function(input),
            R::UntagResource(input) => self.untag_function(&input),
        }
    }

    pub(crate) fn delete_function(
        &mut self,
        input: &lambda::DeleteFunctionRequest,
    ) -> Done<Answered> {
        let given = self.given(&input.function_name, input.qualifier.as_deref())?;
        if given.qualifier.is_some() {
            return self.delete_version(&given);
        }
        let row = self.owned(&given)?;
        for version in self.all_versions(&row.name)? {
            self.forget_version(&version)?;
        }
        self.forget_numbering(&row.name)?;
        for prefix in [aliases_of(&row.name), settings_of(&row.name)] {
            self.delete_all(&prefix)?;
        }
        self.staging.delete(function_key(&row.name));
        self.move_uses(&latest_owner(&row.name), &packages_of(&row), &[])?;
        self.forget_urls(&row.name)?;
        self.forget_event_invokes(&row.name)?;
        self.release_effect(Effect::RetireFunction {
            function_arn: row.arn,
            revision_id: None,
        });
        Ok(Answered::FunctionDeleted)
    }

    /// Deletes all rows below `prefix`, a bounded number at a time.
    fn delete_all(&mut self, prefix: &[u8]) -> Done<()> {
        loop {
            let rows =
                self.staging
                    .scan(prefix, &after(prefix), Direction::Ascending, ROWS_AT_ONCE)?;
            if rows.is_empty() {
                return Ok(());
            }
            rows.into_iter()
                .for_each(|(key, _)| self.staging.delete(key));
        }
    }

    /// - `before`: the revision that this one replaces; what was published from it runs on.
    fn put_function(&mut self, row: &FunctionRow, before: Option<&FunctionRow>) {
        self.staging.put(function_key(&row.name), encode_json(row));
        self.release_effect(Effect::RetireFunction {
            function_arn: row.arn.clone(),
            revision_id: before.map(|row| row.revision_id.clone()),
        });
    }

    fn put_settings(&mut self, function: &str, settings: &FunctionSettings) {
        let key = settings_key(function);
        if *settings == FunctionSettings::default() {
            self.staging.delete(key);
        } else {
            self.staging.put(key, encode_json(settings));
        }
    }

    /// A name and a qualifier, of a function that is in this region and account if it is anywhere.
    fn given(&self, text: &str, qualifier: Option<&str>) -> Done<Given> {
        let given = Given::parse(text, qualifier)?;
        let scope = Scope::new(
            self.settings.region.as_str(),
            self.settings.account.as_str(),
        );
        let named = FunctionArn::resolve(&scope, text)?.unqualified();
        if named.as_str() != function_arn(&self.settings, &given.name) {
            return Err(missing_function(named.as_str()).into());
        }
        Ok(given)
    }

    /// Whether there is such a function, and such a version or alias of it.
    pub(crate) fn has_function(&self, arn: &FunctionArn) -> Result<bool, stepwell_store::Error> {
        Ok(self.function_of(arn)?.is_some())
    }

    /// What an ARN of a function, a version or an alias means now; of a weighted alias its first version.
    pub(crate) fn function_of(
        &self,
        arn: &FunctionArn,
    ) -> Result<Option<FunctionRow>, stepwell_store::Error> {
        let Ok(given) = Given::parse(arn.as_str(), None) else {
            return Ok(None);
        };
        let found = given.find(&self.staging, None)?;
        let row = found.map(|found| found.row);
        Ok(row.filter(|row| row.arn == arn.unqualified().as_str()))
    }

    /// The function that a change names: ours, and not a version or an alias of it.
    fn existing_function(&self, text: &str) -> Done<FunctionRow> {
        let given = self.given(text, None)?;
        if let Some(qualifier) = given.qualifier.as_deref().filter(|name| *name != LATEST) {
            let text = format!(
                "{qualifier} of {} is a version or an alias; only $LATEST can be changed",
                given.name
            );
            return Err(lambda::Error::invalid_parameter_value_exception(text).into());
        }
        self.owned(&given)
    }

    /// `$LATEST` of the function that was named, whatever the qualifier.
    fn owned(&self, given: &Given) -> Done<FunctionRow> {
        let missing = || missing_function(&function_arn(&self.settings, &given.name));
        Ok(latest(&self.staging, &given.name)?.ok_or_else(missing)?)
    }
}

/// The name in a function name, partial ARN or ARN; a qualifier is cut off.
///
/// - Errors: `InvalidParameterValueException` for a text that is none of them.
pub(crate) fn function_name(text: &str) -> Result<String, lambda::Error> {
    let refused = || {
        lambda::Error::invalid_parameter_value_exception(format!(
            "'{text}' is not a function name, partial ARN or ARN"
        ))
    };
    let (name, _) = cut_name(text).ok_or_else(refused)?;
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if is_name {
        Ok(name.to_string())
    } else {
        Err(refused())
    }
}

/// The name in a function name, partial ARN or ARN, and the qualifier behind it.
fn cut_name(text: &str) -> Option<(&str, Option<&str>)> {
    let resource = match text.split_once("function:") {
        Some((before, resource)) if before.is_empty() || before.ends_with(':') => resource,
        _ if text.starts_with("arn:") => return None,
        _ => text,
    };
    match resource.split_once(':') {
        None => Some((resource, None)),
        Some((_, qualifier)) if qualifier.contains(':') => None,
        Some((name, qualifier)) => Some((name, Some(qualifier))),
    }
}

pub(crate) fn missing_function(arn: &str) -> lambda::Error {
    lambda::Error::resource_not_found_exception(format!("Function not found: {arn}"))
}

fn check_revision(current: &str, wanted: Option<&str>) -> Result<(), lambda::Error> {
    match wanted {
        Some(wanted) if wanted != current => Err(lambda::Error::precondition_failed_exception(
            "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id",
        )),
        _ => Ok(()),
    }
}

/// What is said of a member that nothing here would heed.
fn not_implemented(member: &str) -> lambda::Error {
    lambda::Error::not_implemented(format!("Stepwell does not implement {member} yet"))
}

/// Who has the packages of `$LATEST`, in the marks of packages.
pub(crate) fn latest_owner(function: &str) -> String {
    format!("function {function}")
}

/// The package of a function and those of its layers.
pub(crate) fn packages_of(row: &FunctionRow) -> Vec<String> {
    let layers = row.layers.iter().map(|layer| layer.package.clone());
    std::iter::once(row.package.clone()).chain(layers).collect()
}

/// The body of an answer.
fn answered(output: &impl Output) -> Answered {
    Answered::Lambda(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}

/// The answer of an operation without an output.
fn nothing() -> Answered {
    Answered::Lambda(Vec::new())
}
