//! What stands beside functions: aliases, policies, concurrency, tags, runtime management.

use stepwell_api::lambda;
use stepwell_store::{Direction, Error};

use super::functions::page_limit;
use super::page::cut_page;
use super::{Read, Reader, settle};
use crate::functions::aliases::alias_of;
use crate::functions::concurrency::{CONCURRENCY_MAX, READY, count, reserved_in_all};
use crate::functions::lambda_date;
use crate::functions::named::{Given, function_arn, function_settings, latest, read};
use crate::functions::{TERMINATE, missing_function, shown_policy, tagged};
use crate::rows::function::{
    FunctionAlias, FunctionRow, FunctionSettings, LayerVersionRow, Provisioned, ResourcePolicy,
    aliases_of, all_settings, functions, is_published_key, is_settings_key, layers, policy_key,
    settings_owner, versions,
};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

/// Bytes of all code of an account, which is stated but not enforced. Source: Lambda quotas, 75 GB.
const CODE_BYTES_MAX: i64 = 80_530_636_800;

/// Bytes of an unzipped package. Source: Lambda quotas.
const UNZIPPED_BYTES_MAX: i64 = 262_144_000;

/// Bytes of a zip. Source: Lambda quotas.
const ZIP_BYTES_MAX: i64 = 52_428_800;

/// Rows that are looked at together.
const ROWS_AT_ONCE: usize = 256;

impl Reader {
    pub fn get_alias(&self, input: &lambda::GetAliasRequest) -> Read<lambda::AliasConfiguration> {
        settle(alias_of(
            &self.snapshot,
            &self.settings,
            &input.function_name,
            &input.name,
        ))
    }

    /// By name.
    pub fn list_aliases(
        &self,
        input: &lambda::ListAliasesRequest,
    ) -> Read<lambda::ListAliasesResponse> {
        settle(self.function_aliases(input))
    }

    fn function_aliases(
        &self,
        input: &lambda::ListAliasesRequest,
    ) -> Done<lambda::ListAliasesResponse> {
        let row = self.latest_row(&input.function_name)?;
        let prefix = aliases_of(&row.name);
        let mut from = self.marked(input.marker.as_deref(), &prefix)?;
        let limit = page_limit(input.max_items);
        let mut found: Vec<(Vec<u8>, FunctionAlias)> = Vec::new();
        // Bounded by the aliases that a function may have.
        while found.len() <= limit {
            let to = after(&prefix);
            let rows = Rows::scan(
                &self.snapshot,
                &from,
                &to,
                Direction::Ascending,
                ROWS_AT_ONCE,
            )?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            from = [last.as_slice(), &[0]].concat();
            for (key, value) in rows {
                let alias: FunctionAlias = decode_json(&key, &value)?;
                let is_wanted = match &input.function_version {
                    None => true,
                    Some(version) => alias.routes_to(version),
                };
                if is_wanted {
                    found.push((key, alias));
                }
            }
        }
        let next = cut_page(&mut found, limit).map(|key| self.token_of(&key));
        Ok(lambda::ListAliasesResponse {
            aliases: Some(
                found
                    .iter()
                    .map(|(_, alias)| alias.configuration(&row.arn))
                    .collect(),
            ),
            next_marker: next,
        })
    }

    pub fn get_function_policy(
        &self,
        input: &lambda::GetPolicyRequest,
    ) -> Read<lambda::GetPolicyResponse> {
        settle(self.function_policy(input))
    }

    fn function_policy(&self, input: &lambda::GetPolicyRequest) -> Done<lambda::GetPolicyResponse> {
        let given = Given::parse(&input.function_name, input.qualifier.as_deref())?;
        let key = policy_key(&given.name, given.qualifier.as_deref());
        let policy: ResourcePolicy = read(&self.snapshot, &key)?.ok_or_else(no_resource)?;
        Ok(lambda::GetPolicyResponse {
            policy: Some(shown_policy(&policy)),
            revision_id: Some(policy.revision_id),
        })
    }

    /// AWS: without a reservation the answer is empty.
    pub fn get_function_concurrency(
        &self,
        input: &lambda::GetFunctionConcurrencyRequest,
    ) -> Read<lambda::GetFunctionConcurrencyResponse> {
        settle(self.latest_row(&input.function_name).and_then(|row| {
            let settings = function_settings(&self.snapshot, &row.name)?;
            Ok(lambda::GetFunctionConcurrencyResponse {
                reserved_concurrent_executions: settings.reserved_concurrency.map(count),
            })
        }))
    }

    pub fn get_provisioned_concurrency_config(
        &self,
        input: &lambda::GetProvisionedConcurrencyConfigRequest,
    ) -> Read<lambda::GetProvisionedConcurrencyConfigResponse> {
        settle(self.latest_row(&input.function_name).and_then(|row| {
            let settings = function_settings(&self.snapshot, &row.name)?;
            let kept = settings.provisioned.get(&input.qualifier).ok_or_else(|| {
                lambda::Error::provisioned_concurrency_config_not_found_exception(
                    "No Provisioned Concurrency Config found for this function",
                )
            })?;
            let number = Some(count(kept.concurrency));
            Ok(lambda::GetProvisionedConcurrencyConfigResponse {
                requested_provisioned_concurrent_executions: number,
                available_provisioned_concurrent_executions: number,
                allocated_provisioned_concurrent_executions: number,
                status: Some(READY.to_string()),
                last_modified: Some(lambda_date(kept.modified_ms)),
                ..Default::default()
            })
        }))
    }

    /// By version or alias. The marker is the qualifier that comes first.
    pub fn list_provisioned_concurrency_configs(
        &self,
        input: &lambda::ListProvisionedConcurrencyConfigsRequest,
    ) -> Read<lambda::ListProvisionedConcurrencyConfigsResponse> {
        settle(self.provisioned_list(input))
    }

    fn provisioned_list(
        &self,
        input: &lambda::ListProvisionedConcurrencyConfigsRequest,
    ) -> Done<lambda::ListProvisionedConcurrencyConfigsResponse> {
        let row = self.latest_row(&input.function_name)?;
        let settings = function_settings(&self.snapshot, &row.name)?;
        let from = self.marked(input.marker.as_deref(), &[])?;
        let mut kept: Vec<(Vec<u8>, (String, Provisioned))> = settings
            .provisioned
            .into_iter()
            .map(|(qualifier, kept)| (qualifier.clone().into_bytes(), (qualifier, kept)))
            .filter(|(key, _)| *key >= from)
            .collect();
        let next = cut_page(&mut kept, page_limit(input.max_items)).map(|key| self.token_of(&key));
        let item = |(_, (qualifier, kept)): &(Vec<u8>, (String, Provisioned))| {
            lambda::ProvisionedConcurrencyConfigListItem {
                function_arn: Some(format!("{}:{qualifier}", row.arn)),
                requested_provisioned_concurrent_executions: Some(count(kept.concurrency)),
                available_provisioned_concurrent_executions: Some(count(kept.concurrency)),
                allocated_provisioned_concurrent_executions: Some(count(kept.concurrency)),
                status: Some(READY.to_string()),
                last_modified: Some(lambda_date(kept.modified_ms)),
                ..Default::default()
            }
        };
        Ok(lambda::ListProvisionedConcurrencyConfigsResponse {
            provisioned_concurrency_configs: Some(kept.iter().map(item).collect()),
            next_marker: next,
        })
    }

    /// Every version for which environments are kept ready: the function's name, and the version.
    pub fn provisioned_versions(&self) -> Read<Vec<(String, String)>> {
        settle(self.each_provisioned())
    }

    fn each_provisioned(&self) -> Done<Vec<(String, String)>> {
        let mut found = Vec::new();
        let mut from = all_settings();
        loop {
            let to = after(&all_settings());
            let rows = Rows::scan(
                &self.snapshot,
                &from,
                &to,
                Direction::Ascending,
                ROWS_AT_ONCE,
            )?;
            for (key, value) in rows.iter().filter(|(key, _)| is_settings_key(key)) {
                let settings: FunctionSettings = decode_json(key, value)?;
                let name =
                    settings_owner(key).ok_or_else(|| Error::Corrupt { key: key.clone() })?;
                for qualifier in settings.provisioned.keys() {
                    let given = Given::parse(&name, Some(qualifier))?;
                    let version = given.find(&self.snapshot, None)?.map(|it| it.row.version);
                    found.extend(version.map(|version| (name.clone(), version)));
                }
            }
            let Some((last, _)) = rows.last() else {
                return Ok(found);
            };
            from = [last.as_slice(), &[0]].concat();
        }
    }

    pub fn list_tags(&self, input: &lambda::ListTagsRequest) -> Read<lambda::ListTagsResponse> {
        let row = tagged(&self.snapshot, &self.settings, &input.resource);
        settle(row.map(|row| lambda::ListTagsResponse {
            tags: Some(row.tags),
        }))
    }

    pub fn get_function_recursion_config(
        &self,
        input: &lambda::GetFunctionRecursionConfigRequest,
    ) -> Read<lambda::GetFunctionRecursionConfigResponse> {
        settle(self.latest_row(&input.function_name).and_then(|row| {
            let kept = function_settings(&self.snapshot, &row.name)?.recursive_loop;
            Ok(lambda::GetFunctionRecursionConfigResponse {
                recursive_loop: Some(kept.unwrap_or_else(|| TERMINATE.to_string())),
            })
        }))
    }

    /// AWS: `Auto` until it is told otherwise.
    pub fn get_runtime_management_config(
        &self,
        input: &lambda::GetRuntimeManagementConfigRequest,
    ) -> Read<lambda::GetRuntimeManagementConfigResponse> {
        settle(self.runtime_management(input))
    }

    fn runtime_management(
        &self,
        input: &lambda::GetRuntimeManagementConfigRequest,
    ) -> Done<lambda::GetRuntimeManagementConfigResponse> {
        let given = Given::parse(&input.function_name, input.qualifier.as_deref())?;
        let missing = || missing_function(&given.arn(&self.settings));
        let row = given.find(&self.snapshot, None)?.ok_or_else(missing)?.row;
        let settings = function_settings(&self.snapshot, &row.name)?;
        let kept = settings.runtime_management.get(&row.version);
        Ok(lambda::GetRuntimeManagementConfigResponse {
            update_runtime_on: Some(
                kept.map_or_else(|| "Auto".to_string(), |kept| kept.update_on.clone()),
            ),
            function_arn: Some(given.arn(&self.settings)),
            runtime_version_arn: kept.and_then(|kept| kept.version_arn.clone()),
        })
    }

    /// AWS: a function without a code signing configuration answers with its name alone.
    pub fn get_function_code_signing_config(
        &self,
        input: &lambda::GetFunctionCodeSigningConfigRequest,
    ) -> Read<lambda::GetFunctionCodeSigningConfigResponse> {
        let row = self.latest_row(&input.function_name);
        settle(row.map(|row| lambda::GetFunctionCodeSigningConfigResponse {
            function_name: row.name,
            ..Default::default()
        }))
    }

    /// Limits of an account as AWS states them, and what is used of them.
    pub fn get_account_settings(
        &self,
        _input: &lambda::GetAccountSettingsRequest,
    ) -> Read<lambda::GetAccountSettingsResponse> {
        settle(self.account_settings())
    }

    fn account_settings(&self) -> Done<lambda::GetAccountSettingsResponse> {
        let reserved = reserved_in_all(&self.snapshot)?;
        let mut function_count = 0;
        let mut code_bytes = 0;
        for prefix in [functions(), versions(), layers()] {
            self.each_row(&prefix, |key, value| {
                code_bytes += if key.starts_with(&layers()) {
                    decode_json::<LayerVersionRow>(key, value)?.code_bytes
                } else {
                    function_count += i64::from(key.starts_with(&functions()));
                    decode_json::<FunctionRow>(key, value)?.code_bytes
                };
                Ok(())
            })?;
        }
        Ok(lambda::GetAccountSettingsResponse {
            account_limit: Some(lambda::AccountLimit {
                total_code_size: Some(CODE_BYTES_MAX),
                code_size_unzipped: Some(UNZIPPED_BYTES_MAX),
                code_size_zipped: Some(ZIP_BYTES_MAX),
                concurrent_executions: Some(count(CONCURRENCY_MAX)),
                unreserved_concurrent_executions: Some(count(
                    CONCURRENCY_MAX.saturating_sub(reserved),
                )),
            }),
            account_usage: Some(lambda::AccountUsage {
                total_code_size: Some(i64::try_from(code_bytes).unwrap_or(i64::MAX)),
                function_count: Some(function_count),
            }),
        })
    }

    /// Looks at all rows below `prefix` that are functions, versions or layer versions, some at a time.
    fn each_row(&self, prefix: &[u8], mut look: impl FnMut(&[u8], &[u8]) -> Done<()>) -> Done<()> {
        let mut from = prefix.to_vec();
        loop {
            let to = after(prefix);
            let rows = Rows::scan(
                &self.snapshot,
                &from,
                &to,
                Direction::Ascending,
                ROWS_AT_ONCE,
            )?;
            for (key, value) in rows.iter().filter(|(key, _)| !is_published_key(key)) {
                look(key, value)?;
            }
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            from = [last.as_slice(), &[0]].concat();
        }
    }

    /// `$LATEST` of what was named.
    pub(super) fn latest_row(&self, text: &str) -> Done<FunctionRow> {
        let given = Given::parse(text, None)?;
        let arn = function_arn(&self.settings, &given.name);
        let found = latest(&self.snapshot, &given.name)?;
        Ok(found.ok_or_else(|| missing_function(&arn))?)
    }
}

fn no_resource() -> lambda::Error {
    lambda::Error::resource_not_found_exception("The resource you requested does not exist.")
}
