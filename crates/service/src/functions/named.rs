//! What the name of a function means: the function as it is now, a version of it, or an alias.

use stepwell_api::lambda;
use stepwell_store::Error;

use super::{cut_name, function_name, missing_function};
use crate::command::Settings;
use crate::rows::decode_json;
use crate::rows::function::{
    FunctionAlias, FunctionRow, FunctionSettings, LATEST, alias_key, function_key, settings_key,
    version_key,
};
use crate::shard::Done;
use crate::staging::Rows;

/// What one invocation runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Invocable {
    /// Of the version that runs; `row.version` says which.
    pub row: FunctionRow,
    /// The ARN as it was invoked, with the qualifier if one was named.
    pub invoked_arn: String,
    /// The alias that was named.
    pub alias: Option<String>,
    /// Invocations of all versions of the function at one time.
    pub reserved_concurrency: Option<u32>,
    /// Environments to keep ready for the version that runs.
    pub provisioned_concurrency: Option<u32>,
}

/// A name and a qualifier that were given for a function.
pub(crate) struct Given {
    pub(crate) name: String,
    /// As it was given; `None` means `$LATEST`.
    pub(crate) qualifier: Option<String>,
}

impl Given {
    /// - `text`: name, partial ARN or ARN, with or without a qualifier.
    /// - `qualifier`: what the request names beside it.
    /// - Errors: `InvalidParameterValueException` for a text that names no function, or for two qualifiers that differ.
    pub(crate) fn parse(text: &str, qualifier: Option<&str>) -> Result<Given, lambda::Error> {
        let name = function_name(text)?;
        let inline = cut_name(text).and_then(|(_, qualifier)| qualifier);
        if let (Some(inline), Some(named)) = (inline, qualifier)
            && inline != named
        {
            let text = "The derived qualifier from the function name does not match the specified qualifier.";
            return Err(lambda::Error::invalid_parameter_value_exception(text));
        }
        Ok(Given {
            name,
            qualifier: qualifier.or(inline).map(str::to_string),
        })
    }

    /// The ARN of what was named, in this server's region and account.
    pub(crate) fn arn(&self, settings: &Settings) -> String {
        let arn = function_arn(settings, &self.name);
        match &self.qualifier {
            None => arn,
            Some(qualifier) => format!("{arn}:{qualifier}"),
        }
    }

    /// What was named as the rows have it.
    ///
    /// - `draw`: decides which version a weighted alias means; `None` means the alias's first version.
    /// - `None`: it is not there.
    pub(crate) fn find(&self, rows: &dyn Rows, draw: Option<u64>) -> Result<Option<Found>, Error> {
        let Some(qualifier) = self.qualifier.as_deref().filter(|name| *name != LATEST) else {
            let row = latest(rows, &self.name)?;
            return Ok(row.map(|row| Found { row, alias: None }));
        };
        if let Some(number) = version_number(qualifier) {
            let row = version(rows, &self.name, number)?;
            return Ok(row.map(|row| Found { row, alias: None }));
        }
        let Some(alias) = alias(rows, &self.name, qualifier)? else {
            return Ok(None);
        };
        let chosen = match draw {
            Some(draw) => alias.choose(draw),
            None => &alias.version,
        };
        let row = match version_number(chosen) {
            Some(number) => version(rows, &self.name, number)?,
            None => latest(rows, &self.name)?,
        };
        let key = alias_key(&self.name, qualifier);
        // INVARIANT: a version that an alias routes to is not deleted.
        let row = row.ok_or(Error::Corrupt { key })?;
        Ok(Some(Found {
            row,
            alias: Some(alias),
        }))
    }
}

/// What a name means.
pub(crate) struct Found {
    pub(crate) row: FunctionRow,
    pub(crate) alias: Option<FunctionAlias>,
}

/// What an invocation of `text` runs now.
pub(crate) fn invocable(
    rows: &dyn Rows,
    settings: &Settings,
    text: &str,
    qualifier: Option<&str>,
    draw: u64,
) -> Done<Invocable> {
    let given = Given::parse(text, qualifier)?;
    let Some(found) = given.find(rows, Some(draw))? else {
        // AWS: an invocation without a qualifier is one of $LATEST, and the message says so.
        let arn = function_arn(settings, &given.name);
        let qualifier = given.qualifier.as_deref().unwrap_or(LATEST);
        return Err(missing_function(&format!("{arn}:{qualifier}")).into());
    };
    let kept = function_settings(rows, &given.name)?;
    let provisioned = provisioned(rows, &given.name, &found.row.version, &kept)?;
    Ok(Invocable {
        invoked_arn: given.arn(settings),
        alias: found.alias.map(|alias| alias.name),
        reserved_concurrency: kept.reserved_concurrency,
        provisioned_concurrency: provisioned,
        row: found.row,
    })
}

/// What is provisioned for a version: under its own number, and under the aliases that give it first.
fn provisioned(
    rows: &dyn Rows,
    function: &str,
    version: &str,
    settings: &FunctionSettings,
) -> Result<Option<u32>, Error> {
    let mut sum = None;
    for (qualifier, kept) in &settings.provisioned {
        let is_meant = qualifier == version
            || alias(rows, function, qualifier)?.is_some_and(|alias| alias.version == version);
        if is_meant {
            sum = Some(sum.unwrap_or(0) + kept.concurrency);
        }
    }
    Ok(sum)
}

pub(crate) fn function_arn(settings: &Settings, name: &str) -> String {
    format!(
        "arn:aws:lambda:{}:{}:function:{name}",
        settings.region, settings.account
    )
}

/// The number that names a version; no alias is a number.
pub(crate) fn version_number(qualifier: &str) -> Option<u64> {
    let number: u64 = qualifier.parse().ok()?;
    (number > 0 && number.to_string() == qualifier).then_some(number)
}

pub(crate) fn latest(rows: &dyn Rows, name: &str) -> Result<Option<FunctionRow>, Error> {
    read(rows, &function_key(name))
}

pub(crate) fn version(
    rows: &dyn Rows,
    name: &str,
    number: u64,
) -> Result<Option<FunctionRow>, Error> {
    read(rows, &version_key(name, number))
}

pub(crate) fn alias(
    rows: &dyn Rows,
    function: &str,
    name: &str,
) -> Result<Option<FunctionAlias>, Error> {
    read(rows, &alias_key(function, name))
}

pub(crate) fn function_settings(rows: &dyn Rows, name: &str) -> Result<FunctionSettings, Error> {
    Ok(read(rows, &settings_key(name))?.unwrap_or_default())
}

pub(crate) fn read<T: serde::de::DeserializeOwned>(
    rows: &dyn Rows,
    key: &[u8],
) -> Result<Option<T>, Error> {
    rows.get(key)?
        .map(|value| decode_json(key, &value))
        .transpose()
}
