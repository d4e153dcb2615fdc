//! Versions of functions: publish, delete.

use sha2::{Digest, Sha256};
use stepwell_api::lambda;
use stepwell_engine::Timestamp;
use stepwell_store::Direction;

use super::configuration::refuse_named;
use super::named::{Given, function_settings, read, version, version_number};
use super::{check_revision, missing_function, packages_of};
use crate::command::{Answered, Effect};
use crate::rows::delivery::event_invoke_key;
use crate::rows::function::{
    FunctionAlias, FunctionRow, LATEST, Published, aliases_of, policy_key, published_key,
    version_key, versions_of,
};
use crate::rows::pack::hex_text as hex;
use crate::rows::{after, decode_json, encode_json};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Versions of a function, and of a layer. AWS bounds the bytes of all code together instead.
pub(super) const VERSIONS_MAX: u64 = 10_000;

impl Shard {
    pub(super) fn publish_version(
        &mut self,
        now: Timestamp,
        entropy: &[u8; 32],
        input: lambda::PublishVersionRequest,
    ) -> Done<Answered> {
        let row = self.existing_function(&input.function_name)?;
        let refused = [("PublishTo", input.publish_to.is_some())];
        refuse_named("PublishVersion", &refused)?;
        check_revision(&row.revision_id, input.revision_id.as_deref())?;
        if let Some(wanted) = input
            .code_sha256
            .filter(|wanted| *wanted != row.code_sha256)
        {
            let text = format!(
                "CodeSHA256 ({wanted}) is different from current CodeSHA256 in $LATEST ({}). Please try again with the CodeSHA256 in $LATEST.",
                row.code_sha256
            );
            return Err(lambda::Error::invalid_parameter_value_exception(text).into());
        }
        let revision_id = crate::uuid(entropy);
        let version = self.publish_row(now, revision_id, &row, input.description)?;
        Ok(Answered::Function(Box::new(version.changed())))
    }

    /// The version of `$LATEST` as it is, published now unless the newest version is of the same code and configuration.
    pub(super) fn publish_row(
        &mut self,
        now: Timestamp,
        revision_id: String,
        row: &FunctionRow,
        description: Option<String>,
    ) -> Done<FunctionRow> {
        let key = published_key(&row.name);
        let mut numbers: Published = read(&self.staging, &key)?.unwrap_or_default();
        let content = content(row);
        let newest = version(&self.staging, &row.name, numbers.newest)?;
        if let Some(newest) = newest
            && newest.published.as_ref() == Some(&content)
        {
            return Ok(newest);
        }
        check_room(numbers, &row.arn)?;
        numbers.newest += 1;
        numbers.kept += 1;
        let version = FunctionRow {
            version: numbers.newest.to_string(),
            description: description.unwrap_or_else(|| row.description.clone()),
            modified_ms: now.as_millis(),
            revision_id,
            published: Some(content),
            // Tags are those of the function.
            tags: Default::default(),
            ..row.clone()
        };
        self.staging.put(key, encode_json(&numbers));
        self.staging.put(
            version_key(&row.name, numbers.newest),
            encode_json(&version),
        );
        self.move_uses(&version_owner(&version), &[], &packages_of(&version))?;
        Ok(version)
    }

    pub(super) fn delete_version(&mut self, given: &Given) -> Done<Answered> {
        let qualifier = given.qualifier.as_deref().unwrap_or(LATEST);
        let refuse =
            |text: &str| Err(lambda::Error::invalid_parameter_value_exception(text).into());
        if qualifier == LATEST {
            return refuse("$LATEST version cannot be deleted without deleting the function.");
        }
        let found = match version_number(qualifier) {
            Some(number) => version(&self.staging, &given.name, number)?,
            None => return refuse("Deletion of aliases is not currently supported."),
        };
        let row = found.ok_or_else(|| missing_function(&given.arn(&self.settings)))?;
        let users = self.aliases_to(&row.name, &row.version)?;
        if !users.is_empty() {
            let text = format!(
                "Version {} of {} cannot be deleted: the aliases [{}] route to it",
                row.version,
                row.name,
                users.join(", ")
            );
            return Err(lambda::Error::resource_conflict_exception(text).into());
        }
        self.forget_version(&row)?;
        let key = published_key(&row.name);
        let mut numbers: Published = read(&self.staging, &key)?.unwrap_or_default();
        numbers.kept = numbers.kept.saturating_sub(1);
        self.staging.put(key, encode_json(&numbers));
        let mut settings = function_settings(&self.staging, &row.name)?;
        settings.provisioned.remove(&row.version);
        settings.runtime_management.remove(&row.version);
        self.put_settings(&row.name, &settings);
        self.forget_qualifier(&row.name, &row.version);
        self.release_effect(Effect::RetireFunction {
            function_arn: row.arn,
            revision_id: Some(row.revision_id),
        });
        Ok(Answered::FunctionDeleted)
    }

    /// Removes what was kept for a version or an alias that goes.
    pub(super) fn forget_qualifier(&mut self, function: &str, qualifier: &str) {
        self.staging.delete(policy_key(function, Some(qualifier)));
        self.staging.delete(event_invoke_key(function, qualifier));
    }

    /// Removes the row of a version and what only it had.
    pub(super) fn forget_version(&mut self, row: &FunctionRow) -> Done<()> {
        let number = version_number(&row.version).expect("a version's name is its number");
        self.staging.delete(version_key(&row.name, number));
        self.move_uses(&version_owner(row), &packages_of(row), &[])
    }

    /// The function goes; AWS: a number is never given out again, should a function of its name come back.
    pub(super) fn forget_numbering(&mut self, function: &str) -> Done<()> {
        let key = published_key(function);
        if let Some(numbers) = read::<Published>(&self.staging, &key)? {
            let numbers = Published { kept: 0, ..numbers };
            self.staging.put(key, encode_json(&numbers));
        }
        Ok(())
    }

    /// Oldest first.
    pub(super) fn all_versions(&self, function: &str) -> Done<Vec<FunctionRow>> {
        let rows = self.staging.scan(
            &version_key(function, 1),
            &after(&versions_of(function)),
            Direction::Ascending,
            VERSIONS_MAX as usize,
        )?;
        let row = |(key, value): &(Vec<u8>, Vec<u8>)| decode_json(key, value);
        Ok(rows.iter().map(row).collect::<Result<_, _>>()?)
    }

    /// Names of the aliases that route to a version.
    fn aliases_to(&self, function: &str, version: &str) -> Done<Vec<String>> {
        let prefix = aliases_of(function);
        let rows = self.staging.scan(
            &prefix,
            &after(&prefix),
            Direction::Ascending,
            super::aliases::ALIASES_MAX,
        )?;
        let mut names = Vec::new();
        for (key, value) in &rows {
            let alias: FunctionAlias = decode_json(key, value)?;
            if alias.routes_to(version) {
                names.push(alias.name);
            }
        }
        Ok(names)
    }
}

pub(super) fn check_room(numbers: Published, arn: &str) -> Result<(), lambda::Error> {
    if numbers.kept < VERSIONS_MAX {
        return Ok(());
    }
    let text = format!("{arn} has {VERSIONS_MAX} versions, the most it may");
    Err(lambda::Error::code_storage_exceeded_exception(text))
}

/// Who has the packages of a version, in the marks of packages.
pub(crate) fn version_owner(row: &FunctionRow) -> String {
    format!("version {}:{}", row.name, row.version)
}

/// What of a function makes a new version when it differs: all but when it was changed, and its tags.
fn content(row: &FunctionRow) -> String {
    let row = FunctionRow {
        revision_id: String::new(),
        modified_ms: 0,
        tags: Default::default(),
        ..row.clone()
    };
    hex(&Sha256::digest(encode_json(&row)))
}
