//! APIs and URLs of functions: look up, list.

use stepwell_api::lambda;
use stepwell_store::Error;

use super::{Read, Reader, settle};
use crate::gateway::urls::{Named, find_url};
use crate::gateway::{APIS_MAX, all, deployments, find_api, find_deployment, find_stage, stages};
use crate::rows::decode_json;
use crate::rows::gateway::{
    ApiKind, ApiRow, DeploymentRow, FunctionUrlRow, StageRow, api_key, apis, document_key,
    url_id_key, url_key, urls_of,
};
use crate::shard::Done;
use crate::staging::Rows;

/// URLs on a page when the caller does not say. Source: ListFunctionUrlConfigs.
const URLS_PAGE_MAX: usize = 50;

impl Reader {
    /// Errors: [`crate::GatewayRefusal::NotFound`], also for an API of the other kind.
    pub fn api(&self, kind: ApiKind, id: &str) -> Read<ApiRow> {
        settle(find_api(&self.snapshot, kind, id))
    }

    /// An API of any kind.
    pub fn api_called(&self, id: &str) -> Result<Option<ApiRow>, Error> {
        let key = api_key(id);
        let row = Rows::get(&self.snapshot, &key)?;
        row.map(|value| decode_json(&key, &value)).transpose()
    }

    /// All APIs of a kind, by id.
    pub fn apis(&self, kind: ApiKind) -> Result<Vec<ApiRow>, Error> {
        let mut found: Vec<ApiRow> = all(&self.snapshot, &apis(), APIS_MAX)?;
        found.retain(|api| api.kind == kind);
        Ok(found)
    }

    /// A document of an API, as JSON text.
    pub fn api_document(&self, api: &str, hash: &str) -> Result<String, Error> {
        let key = document_key(api, hash);
        let value = Rows::get(&self.snapshot, &key)?;
        let value = value.ok_or_else(|| Error::Corrupt { key: key.clone() })?;
        decode_json(&key, &value)
    }

    pub fn api_stage(&self, kind: ApiKind, api: &str, name: &str) -> Read<StageRow> {
        settle(
            find_api(&self.snapshot, kind, api).and_then(|_| find_stage(&self.snapshot, api, name)),
        )
    }

    /// All stages of an API, by name.
    pub fn api_stages(&self, kind: ApiKind, api: &str) -> Read<Vec<StageRow>> {
        let found = || -> Done<Vec<StageRow>> {
            find_api(&self.snapshot, kind, api)?;
            Ok(stages(&self.snapshot, api)?)
        };
        settle(found())
    }

    /// All deployments of a REST API, the newest first.
    pub fn api_deployments(&self, api: &str) -> Read<Vec<DeploymentRow>> {
        let found = || -> Done<Vec<DeploymentRow>> {
            find_api(&self.snapshot, ApiKind::Rest, api)?;
            let mut found = deployments(&self.snapshot, api)?;
            found.sort_by_key(|deployment| std::cmp::Reverse(deployment.created_ms));
            Ok(found)
        };
        settle(found())
    }

    pub fn api_deployment(&self, api: &str, id: &str) -> Read<DeploymentRow> {
        settle(find_deployment(&self.snapshot, api, id))
    }

    /// The URL with this id.
    pub fn url_called(&self, id: &str) -> Result<Option<FunctionUrlRow>, Error> {
        let key = url_id_key(id);
        let Some(value) = Rows::get(&self.snapshot, &key)? else {
            return Ok(None);
        };
        let (function, qualifier): (String, Option<String>) = decode_json(&key, &value)?;
        let key = url_key(&function, qualifier.as_deref());
        let row = Rows::get(&self.snapshot, &key)?;
        row.map(|value| decode_json(&key, &value)).transpose()
    }

    pub fn function_url(&self, function: &str, qualifier: Option<&str>) -> Read<FunctionUrlRow> {
        let found = || -> Done<FunctionUrlRow> {
            find_url(&self.snapshot, &Named::parse(function, qualifier)?)
        };
        settle(found())
    }

    /// The URLs of a function and its aliases, and the marker of the next page.
    pub fn function_urls(
        &self,
        input: &lambda::ListFunctionUrlConfigsRequest,
    ) -> Read<(Vec<FunctionUrlRow>, Option<String>)> {
        settle(self.function_url_page(input))
    }

    fn function_url_page(
        &self,
        input: &lambda::ListFunctionUrlConfigsRequest,
    ) -> Done<(Vec<FunctionUrlRow>, Option<String>)> {
        let named = Named::parse(&input.function_name, None)?;
        let limit = input
            .max_items
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(URLS_PAGE_MAX);
        let mut found: Vec<FunctionUrlRow> =
            all(&self.snapshot, &urls_of(&named.function), usize::MAX)?;
        if let Some(marker) = &input.marker {
            let invalid = || {
                lambda::Error::invalid_parameter_value_exception("The provided Marker is not valid")
            };
            let last = self.read_token(marker).ok_or_else(invalid)?;
            found.retain(|row| {
                row.qualifier.as_deref().unwrap_or_default().as_bytes() > last.as_slice()
            });
        }
        let has_more = found.len() > limit;
        found.truncate(limit);
        let last = found.last().filter(|_| has_more);
        let marker =
            last.map(|row| self.token_of(row.qualifier.as_deref().unwrap_or_default().as_bytes()));
        Ok((found, marker))
    }
}
