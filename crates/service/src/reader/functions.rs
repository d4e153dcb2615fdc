//! Functions: look up, list, packages.

use stepwell_api::lambda;
use stepwell_store::{Direction, Error};

use super::page::cut_page;
use super::{Read, Reader, settle};
use crate::functions::missing_function;
use crate::functions::named::{self, Given, Invocable};
use crate::rows::function::{FunctionRow, code_of, functions};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

impl Reader {
    /// The function, version or alias that a name, partial ARN or ARN means. An alias gives its first version.
    pub fn function(&self, text: &str, qualifier: Option<&str>) -> Read<FunctionRow> {
        settle(self.function_row(text, qualifier))
    }

    fn function_row(&self, text: &str, qualifier: Option<&str>) -> Done<FunctionRow> {
        let given = Given::parse(text, qualifier)?;
        let found = given.find(&self.snapshot, None)?;
        let missing = || missing_function(&given.arn(&self.settings));
        Ok(found.ok_or_else(missing)?.row)
    }

    /// What an invocation runs.
    ///
    /// - `text`: name, partial ARN or ARN, with or without a qualifier.
    /// - `draw`: evenly distributed over all numbers; decides which version a weighted alias gives.
    /// - Errors: `ResourceNotFoundException`; `InvalidParameterValueException` for a text that names no function.
    pub fn invocable(&self, text: &str, qualifier: Option<&str>, draw: u64) -> Read<Invocable> {
        settle(named::invocable(
            &self.snapshot,
            &self.settings,
            text,
            qualifier,
            draw,
        ))
    }

    /// All functions by name, a page at a time; the marker is the last page's.
    pub fn list_functions(
        &self,
        marker: Option<&str>,
        limit: usize,
    ) -> Read<(Vec<FunctionRow>, Option<String>)> {
        settle(self.function_list(marker, limit))
    }

    fn function_list(
        &self,
        marker: Option<&str>,
        limit: usize,
    ) -> Done<(Vec<FunctionRow>, Option<String>)> {
        let invalid =
            || lambda::Error::invalid_parameter_value_exception("The provided Marker is not valid");
        let from = match marker {
            None => functions(),
            Some(marker) => self
                .read_token(marker)
                .filter(|key| key.starts_with(&functions()))
                .ok_or_else(invalid)?,
        };
        let mut rows =
            self.snapshot
                .scan(&from, &after(&functions()), Direction::Ascending, limit + 1)?;
        let next = cut_page(&mut rows, limit).map(|key| self.token_of(&key));
        let rows = rows
            .iter()
            .map(|(key, value)| decode_json(key, value))
            .collect::<Result<Vec<_>, _>>()?;
        Ok((rows, next))
    }

    /// The zip of a package.
    pub fn package(&self, package: &str) -> Result<Vec<u8>, Error> {
        let prefix = code_of(package);
        let rows = Rows::scan(
            &self.snapshot,
            &prefix,
            &after(&prefix),
            Direction::Ascending,
            usize::MAX,
        )?;
        if rows.is_empty() {
            return Err(Error::Corrupt { key: prefix });
        }
        Ok(rows.into_iter().flat_map(|(_, chunk)| chunk).collect())
    }
}
