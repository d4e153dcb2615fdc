//! Functions: look up, list, packages.

use stepwell_api::lambda;
use stepwell_store::{Direction, Error};

use super::page::cut_page;
use super::{Read, Reader, settle};
use crate::functions::missing_function;
use crate::functions::named::{self, Given, Invocable, function_settings, latest};
use crate::rows::function::{
    FunctionRow, code_of, function_key, functions, read_version_key, version_key, versions_of,
};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

/// Items on a page at most, and when the caller does not say. Source: the list operations of Lambda.
pub(super) const PAGE_MAX: usize = 50;

/// A page of configurations, and where the next one begins.
type Page = (Vec<lambda::FunctionConfiguration>, Option<Vec<u8>>);

impl Reader {
    /// The function, version or alias that a name, partial ARN or ARN means. An alias gives its first version.
    pub fn function(&self, text: &str, qualifier: Option<&str>) -> Read<FunctionRow> {
        settle(self.function_row(text, qualifier).map(|(_, row)| row))
    }

    fn function_row(&self, text: &str, qualifier: Option<&str>) -> Done<(Given, FunctionRow)> {
        let given = Given::parse(text, qualifier)?;
        let found = given.find(&self.snapshot, None)?;
        let missing = || missing_function(&given.arn(&self.settings));
        let row = found.ok_or_else(missing)?.row;
        Ok((given, row))
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

    pub fn get_function_configuration(
        &self,
        input: &lambda::GetFunctionConfigurationRequest,
    ) -> Read<lambda::FunctionConfiguration> {
        let found = self.function_row(&input.function_name, input.qualifier.as_deref());
        settle(found.map(|(given, row)| row.described(given.qualifier.as_deref())))
    }

    /// The answer of `GetFunction` without the location of the code, and the package that is there.
    pub fn get_function(
        &self,
        input: &lambda::GetFunctionRequest,
    ) -> Read<(lambda::GetFunctionResponse, String)> {
        settle(self.function_description(input))
    }

    fn function_description(
        &self,
        input: &lambda::GetFunctionRequest,
    ) -> Done<(lambda::GetFunctionResponse, String)> {
        let (given, row) = self.function_row(&input.function_name, input.qualifier.as_deref())?;
        // Tags and what is reserved are the function's, whatever version was named.
        let tags = latest(&self.snapshot, &given.name)?.map(|row| row.tags);
        let settings = function_settings(&self.snapshot, &given.name)?;
        let response = lambda::GetFunctionResponse {
            configuration: Some(row.described(given.qualifier.as_deref())),
            tags: tags.filter(|tags| !tags.is_empty()),
            concurrency: settings
                .reserved_concurrency
                .map(|reserved| lambda::Concurrency {
                    reserved_concurrent_executions: i32::try_from(reserved).ok(),
                }),
            ..Default::default()
        };
        Ok((response, row.package))
    }

    /// All functions by name, a page at a time.
    ///
    /// AWS: with `FunctionVersion=ALL` each function is followed by its versions. A `MasterRegion` asks for replicas
    /// of another region, of which there are none.
    pub fn list_functions(
        &self,
        input: &lambda::ListFunctionsRequest,
    ) -> Read<lambda::ListFunctionsResponse> {
        settle(self.function_list(input))
    }

    fn function_list(
        &self,
        input: &lambda::ListFunctionsRequest,
    ) -> Done<lambda::ListFunctionsResponse> {
        let limit = page_limit(input.max_items);
        let (page, next) = match (&input.master_region, &input.function_version) {
            (Some(_), Some(_)) => (Vec::new(), None),
            (Some(_), None) => {
                let text = "FunctionVersion must be set to ALL if MasterRegion is specified.";
                return Err(lambda::Error::invalid_parameter_value_exception(text).into());
            }
            (None, Some(_)) => self.every_version(input.marker.as_deref(), limit)?,
            (None, None) => self.every_function(input.marker.as_deref(), limit)?,
        };
        Ok(lambda::ListFunctionsResponse {
            functions: Some(page),
            next_marker: next.map(|key| self.token_of(&key)),
        })
    }

    fn every_function(&self, marker: Option<&str>, limit: usize) -> Done<Page> {
        let from = self.marked(marker, &functions())?;
        let to = after(&functions());
        let mut rows = Rows::scan(&self.snapshot, &from, &to, Direction::Ascending, limit + 1)?;
        let next = cut_page(&mut rows, limit);
        let row = |(key, value): &(Vec<u8>, Vec<u8>)| decode_json(key, value);
        let rows: Vec<FunctionRow> = rows.iter().map(row).collect::<Result<_, _>>()?;
        Ok((rows.iter().map(FunctionRow::configuration).collect(), next))
    }

    fn every_version(&self, marker: Option<&str>, limit: usize) -> Done<Page> {
        let mut page = Vec::new();
        let mut from = match marker.map(|marker| self.marked_key(marker)).transpose()? {
            None => functions(),
            Some(key) if key.starts_with(&functions()) => key,
            Some(key) => {
                let (name, number) = read_version_key(&key).ok_or_else(invalid_marker)?;
                if let Some(next) = self.take_versions(&name, number, limit, &mut page)? {
                    return Ok((page, Some(next)));
                }
                [function_key(&name), vec![0]].concat()
            }
        };
        // Each round takes a function, so there are no more rounds than items on the page.
        loop {
            let to = after(&functions());
            let rows = Rows::scan(&self.snapshot, &from, &to, Direction::Ascending, 1)?;
            let Some((key, value)) = rows.first() else {
                return Ok((page, None));
            };
            if page.len() == limit {
                return Ok((page, Some(key.clone())));
            }
            let row: FunctionRow = decode_json(key, value)?;
            page.push(row.listed());
            if let Some(next) = self.take_versions(&row.name, 1, limit, &mut page)? {
                return Ok((page, Some(next)));
            }
            from = [key.as_slice(), &[0]].concat();
        }
    }

    /// Puts versions on the page until it is full; the key of the first that had no room.
    fn take_versions(
        &self,
        function: &str,
        number: u64,
        limit: usize,
        page: &mut Vec<lambda::FunctionConfiguration>,
    ) -> Done<Option<Vec<u8>>> {
        let room = limit - page.len();
        let from = version_key(function, number.max(1));
        let to = after(&versions_of(function));
        let mut rows = Rows::scan(&self.snapshot, &from, &to, Direction::Ascending, room + 1)?;
        let next = cut_page(&mut rows, room);
        for (key, value) in &rows {
            let row: FunctionRow = decode_json(key, value)?;
            page.push(row.listed());
        }
        Ok(next)
    }

    /// AWS: `$LATEST` first, then the versions in their order.
    pub fn list_versions_by_function(
        &self,
        input: &lambda::ListVersionsByFunctionRequest,
    ) -> Read<lambda::ListVersionsByFunctionResponse> {
        settle(self.version_list_of(input))
    }

    fn version_list_of(
        &self,
        input: &lambda::ListVersionsByFunctionRequest,
    ) -> Done<lambda::ListVersionsByFunctionResponse> {
        let (_, row) = self.function_row(&input.function_name, None)?;
        let limit = page_limit(input.max_items);
        let mut page = Vec::new();
        let number = match input.marker.as_deref() {
            None => {
                let latest = latest(&self.snapshot, &row.name)?;
                page.extend(latest.map(|row| row.listed()));
                1
            }
            Some(marker) => {
                let key = self.marked(Some(marker), &versions_of(&row.name))?;
                read_version_key(&key).ok_or_else(invalid_marker)?.1
            }
        };
        let next = self.take_versions(&row.name, number, limit, &mut page)?;
        Ok(lambda::ListVersionsByFunctionResponse {
            versions: Some(page),
            next_marker: next.map(|key| self.token_of(&key)),
        })
    }

    /// Where a page begins: at the marker, or at the beginning of the list.
    pub(super) fn marked(&self, marker: Option<&str>, prefix: &[u8]) -> Done<Vec<u8>> {
        match marker {
            None => Ok(prefix.to_vec()),
            Some(marker) => {
                let key = self.marked_key(marker)?;
                if key.starts_with(prefix) {
                    Ok(key)
                } else {
                    Err(invalid_marker().into())
                }
            }
        }
    }

    fn marked_key(&self, marker: &str) -> Result<Vec<u8>, lambda::Error> {
        self.read_token(marker).ok_or_else(invalid_marker)
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

/// AWS: no page holds more than 50, whatever the caller says.
pub(super) fn page_limit(max_items: Option<i32>) -> usize {
    max_items
        .and_then(|max| usize::try_from(max).ok())
        .unwrap_or(PAGE_MAX)
        .clamp(1, PAGE_MAX)
}

pub(super) fn invalid_marker() -> lambda::Error {
    lambda::Error::invalid_parameter_value_exception("The provided Marker is not valid")
}
