//! Layers: describe, list.

use stepwell_api::lambda;
use stepwell_store::Direction;

use super::functions::{invalid_marker, page_limit};
use super::page::cut_page;
use super::{Read, Reader, settle};
use crate::functions::layers::{LayerName, layer_version, layer_version_by_arn};
use crate::functions::{lambda_date, shown_policy};
use crate::rows::function::{
    LayerVersionRow, is_published_key, layer_published_key, layer_versions_of, layers,
};
use crate::rows::{after, decode_json};
use crate::shard::Done;
use crate::staging::Rows;

/// Versions of a layer that are looked at together.
const VERSIONS_AT_ONCE: usize = 64;

/// What a list of layers is narrowed to.
struct Wanted<'a> {
    runtime: Option<&'a str>,
    architecture: Option<&'a str>,
}

impl Wanted<'_> {
    /// AWS: a layer that names no runtimes or architectures is compatible with none in particular.
    fn matches(&self, row: &LayerVersionRow) -> bool {
        let has = |list: &Option<Vec<String>>, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| {
                list.as_ref()
                    .is_some_and(|list| list.iter().any(|it| it == wanted))
            })
        };
        has(&row.compatible_runtimes, self.runtime)
            && has(&row.compatible_architectures, self.architecture)
    }
}

impl Reader {
    pub fn layer_version(&self, input: &lambda::GetLayerVersionRequest) -> Read<LayerVersionRow> {
        settle(layer_version(
            &self.snapshot,
            &self.settings,
            &input.layer_name,
            input.version_number,
        ))
    }

    pub fn layer_version_by_arn(
        &self,
        input: &lambda::GetLayerVersionByArnRequest,
    ) -> Read<LayerVersionRow> {
        settle(layer_version_by_arn(
            &self.snapshot,
            &self.settings,
            &input.arn,
        ))
    }

    pub fn get_layer_version_policy(
        &self,
        input: &lambda::GetLayerVersionPolicyRequest,
    ) -> Read<lambda::GetLayerVersionPolicyResponse> {
        let (rows, settings) = (&self.snapshot, &self.settings);
        let row = layer_version(rows, settings, &input.layer_name, input.version_number);
        settle(row.and_then(|row| {
            let policy = row.policy.ok_or_else(|| {
                lambda::Error::resource_not_found_exception(
                    "No policy is associated with the given resource.",
                )
            })?;
            Ok(lambda::GetLayerVersionPolicyResponse {
                policy: Some(shown_policy(&policy)),
                revision_id: Some(policy.revision_id),
            })
        }))
    }

    /// AWS: newest first. A layer that is not there has no versions.
    pub fn list_layer_versions(
        &self,
        input: &lambda::ListLayerVersionsRequest,
    ) -> Read<lambda::ListLayerVersionsResponse> {
        settle(self.layer_version_list(input))
    }

    fn layer_version_list(
        &self,
        input: &lambda::ListLayerVersionsRequest,
    ) -> Done<lambda::ListLayerVersionsResponse> {
        let layer = LayerName::parse(&self.settings, &input.layer_name)?;
        let wanted = Wanted {
            runtime: input.compatible_runtime.as_deref(),
            architecture: input.compatible_architecture.as_deref(),
        };
        let prefix = layer_versions_of(&layer.name);
        let to = match input.marker.as_deref() {
            None => after(&prefix),
            Some(marker) => [self.marked(Some(marker), &prefix)?, vec![0]].concat(),
        };
        let limit = page_limit(input.max_items);
        let mut found = self.newest_of(&layer.name, to, &wanted, limit + 1)?;
        let next = cut_page(&mut found, limit).map(|key| self.token_of(&key));
        Ok(lambda::ListLayerVersionsResponse {
            layer_versions: Some(found.iter().map(|(_, row)| item(row)).collect()),
            next_marker: next,
        })
    }

    /// By name, each with its newest version that matches.
    pub fn list_layers(
        &self,
        input: &lambda::ListLayersRequest,
    ) -> Read<lambda::ListLayersResponse> {
        settle(self.layer_list(input))
    }

    fn layer_list(&self, input: &lambda::ListLayersRequest) -> Done<lambda::ListLayersResponse> {
        let wanted = Wanted {
            runtime: input.compatible_runtime.as_deref(),
            architecture: input.compatible_architecture.as_deref(),
        };
        let limit = page_limit(input.max_items);
        let mut from = self.marked(input.marker.as_deref(), &layers())?;
        let mut found: Vec<(Vec<u8>, LayerVersionRow)> = Vec::new();
        // Each round goes on to the next layer.
        while found.len() <= limit {
            let to = after(&layers());
            let rows = Rows::scan(&self.snapshot, &from, &to, Direction::Ascending, 1)?;
            let Some((key, _)) = rows.first() else {
                break;
            };
            let name = layer_of(key).ok_or_else(invalid_marker)?;
            let prefix = layer_versions_of(&name);
            let newest = self.newest_of(&name, after(&prefix), &wanted, 1)?;
            found.extend(newest.into_iter().map(|(_, row)| (prefix.clone(), row)));
            from = after(&prefix);
        }
        let next = cut_page(&mut found, limit).map(|key| self.token_of(&key));
        let listed = |(_, row): &(Vec<u8>, LayerVersionRow)| lambda::LayersListItem {
            layer_name: Some(row.name.clone()),
            layer_arn: Some(row.layer_arn.clone()),
            latest_matching_version: Some(item(row)),
        };
        Ok(lambda::ListLayersResponse {
            layers: Some(found.iter().map(listed).collect()),
            next_marker: next,
        })
    }

    /// The newest versions of a layer below `to` that match, at most `limit`.
    fn newest_of(
        &self,
        layer: &str,
        mut to: Vec<u8>,
        wanted: &Wanted,
        limit: usize,
    ) -> Done<Vec<(Vec<u8>, LayerVersionRow)>> {
        let from = layer_published_key(layer);
        let mut found = Vec::new();
        // Bounded by the versions that a layer may have.
        while found.len() < limit {
            let rows = Rows::scan(
                &self.snapshot,
                &from,
                &to,
                Direction::Descending,
                VERSIONS_AT_ONCE,
            )?;
            let Some((last, _)) = rows.last() else {
                break;
            };
            to = last.clone();
            for (key, value) in rows.iter().filter(|(key, _)| !is_published_key(key)) {
                let row: LayerVersionRow = decode_json(key, value)?;
                if wanted.matches(&row) {
                    found.push((key.clone(), row));
                }
            }
        }
        found.truncate(limit);
        Ok(found)
    }
}

/// The layer in the key of a version.
fn layer_of(key: &[u8]) -> Option<String> {
    let rest = key.get(1..key.len().checked_sub(8)?)?;
    String::from_utf8(rest.strip_suffix(&[0])?.to_vec()).ok()
}

fn item(row: &LayerVersionRow) -> lambda::LayerVersionsListItem {
    lambda::LayerVersionsListItem {
        layer_version_arn: Some(row.arn()),
        version: i64::try_from(row.version).ok(),
        description: Some(row.description.clone()),
        created_date: Some(lambda_date(row.created_ms)),
        compatible_architectures: row.compatible_architectures.clone(),
        compatible_runtimes: row.compatible_runtimes.clone(),
        license_info: row.license_info.clone(),
    }
}
