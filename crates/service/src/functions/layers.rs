//! Layers: publish and delete versions, and what a function may refer to.

use std::collections::BTreeMap;

use stepwell_api::lambda;
use stepwell_engine::Timestamp;

use super::named::read;
use super::nothing;
use super::versions::check_room;
use crate::command::{Answered, FunctionCode, Settings};
use crate::rows::encode_json;
use crate::rows::function::{LayerUse, LayerVersionRow, Published, layer_key, layer_published_key};
use crate::shard::{Done, Shard};
use crate::staging::Rows;

/// Layers of one function. Source: Lambda quotas.
const LAYERS_MAX: usize = 5;

/// A layer that was named: its ARN, or its name alone.
pub(crate) struct LayerName {
    pub(crate) name: String,
    /// Without a version.
    pub(crate) arn: String,
}

impl LayerName {
    /// - `text`: a name, or an ARN without a version.
    pub(crate) fn parse(settings: &Settings, text: &str) -> Result<LayerName, lambda::Error> {
        let name = match text.split_once(":layer:") {
            Some((_, name)) => name,
            None => text,
        };
        let layer = LayerName::of(settings, name);
        if text.starts_with("arn:") && text != layer.arn {
            return Err(missing());
        }
        Ok(layer)
    }

    fn of(settings: &Settings, name: &str) -> LayerName {
        let (region, account) = (&settings.region, &settings.account);
        LayerName {
            arn: format!("arn:aws:lambda:{region}:{account}:layer:{name}"),
            name: name.to_string(),
        }
    }

    /// The layer and the number in the ARN of a layer version; `None` for a text that is none of ours.
    fn of_version(settings: &Settings, arn: &str) -> Option<(LayerName, i64)> {
        let (layer_arn, number) = arn.rsplit_once(':')?;
        let (_, name) = layer_arn.split_once(":layer:")?;
        let layer = LayerName::of(settings, name);
        (layer.arn == layer_arn).then_some((layer, number.parse().ok()?))
    }
}

impl LayerVersionRow {
    pub fn arn(&self) -> String {
        format!("{}:{}", self.layer_arn, self.version)
    }
}

impl Shard {
    pub(super) fn publish_layer_version(
        &mut self,
        now: Timestamp,
        input: lambda::PublishLayerVersionRequest,
        code: &FunctionCode,
    ) -> Done<Answered> {
        let layer = LayerName::parse(&self.settings, &input.layer_name)?;
        let key = layer_published_key(&layer.name);
        let mut numbers: Published = read(&self.staging, &key)?.unwrap_or_default();
        check_room(numbers, &layer.arn)?;
        numbers.newest += 1;
        numbers.kept += 1;
        let row = LayerVersionRow {
            version: numbers.newest,
            layer_arn: layer.arn,
            description: input.description.unwrap_or_default(),
            license_info: input.license_info,
            compatible_runtimes: input.compatible_runtimes,
            compatible_architectures: input.compatible_architectures,
            created_ms: now.as_millis(),
            package: code.package.clone(),
            code_sha256: code.code_sha256.clone(),
            code_bytes: code.zip.len() as u64,
            unzipped_bytes: code.unzipped_bytes,
            policy: None,
            name: layer.name,
        };
        self.store_code(code)?;
        self.staging.put(key, encode_json(&numbers));
        self.put_layer(&row);
        self.move_uses(&layer_owner(&row), &[], std::slice::from_ref(&row.package))?;
        Ok(Answered::LayerVersion(Box::new(row)))
    }

    /// Functions that have the layer version keep it. AWS: deleting what is not there succeeds.
    pub(super) fn delete_layer_version(
        &mut self,
        input: &lambda::DeleteLayerVersionRequest,
    ) -> Done<Answered> {
        let layer = LayerName::parse(&self.settings, &input.layer_name)?;
        let Some(row) = find_layer_version(&self.staging, &layer, input.version_number)? else {
            return Ok(nothing());
        };
        self.staging.delete(layer_key(&row.name, row.version));
        let key = layer_published_key(&row.name);
        let mut numbers: Published = read(&self.staging, &key)?.unwrap_or_default();
        numbers.kept = numbers.kept.saturating_sub(1);
        self.staging.put(key, encode_json(&numbers));
        self.move_uses(&layer_owner(&row), std::slice::from_ref(&row.package), &[])?;
        Ok(nothing())
    }

    pub(super) fn put_layer(&mut self, row: &LayerVersionRow) {
        self.staging
            .put(layer_key(&row.name, row.version), encode_json(row));
    }

    /// The layer version that a change names.
    pub(super) fn existing_layer(&self, layer: &str, version: i64) -> Done<LayerVersionRow> {
        let layer = LayerName::parse(&self.settings, layer)?;
        let found = find_layer_version(&self.staging, &layer, version)?;
        Ok(found.ok_or_else(missing)?)
    }

    /// The layers of a function, after AWS's checks of them.
    ///
    /// - `arns`: of layer versions, in the order in which they are unpacked.
    pub(super) fn layers_named(&self, arns: &[String]) -> Done<Vec<LayerUse>> {
        let refuse = |text: String| lambda::Error::invalid_parameter_value_exception(text);
        if arns.len() > LAYERS_MAX {
            let given = arns.len();
            let text =
                format!("Cannot reference more than {LAYERS_MAX} layers, but {given} are given");
            return Err(refuse(text).into());
        }
        let mut named: BTreeMap<String, &str> = BTreeMap::new();
        let mut layers = Vec::new();
        for arn in arns {
            let Some((layer, number)) = LayerName::of_version(&self.settings, arn) else {
                return Err(refuse(format!(
                    "Layer version {arn} is not of account {} in {}: publish its zip here with PublishLayerVersion",
                    self.settings.account, self.settings.region
                ))
                .into());
            };
            if let Some(other) = named.insert(layer.arn.clone(), arn) {
                return Err(refuse(format!(
                    "Two different versions of the same layer are not allowed to be referenced in the same function. {other} and {arn} are versions of the same layer."
                ))
                .into());
            }
            let found = find_layer_version(&self.staging, &layer, number)?;
            let missing = || refuse(format!("Layer version {arn} does not exist."));
            let row = found.ok_or_else(missing)?;
            layers.push(LayerUse {
                arn: arn.clone(),
                package: row.package,
                code_bytes: row.code_bytes,
                unzipped_bytes: row.unzipped_bytes,
            });
        }
        Ok(layers)
    }
}

/// The layer version that the name of a layer and a number mean.
pub(crate) fn find_layer_version(
    rows: &dyn Rows,
    layer: &LayerName,
    version: i64,
) -> Done<Option<LayerVersionRow>> {
    // Behind number 0 are the numbers given out.
    let Some(number) = u64::try_from(version).ok().filter(|number| *number > 0) else {
        return Ok(None);
    };
    Ok(read(rows, &layer_key(&layer.name, number))?)
}

/// The layer version that a name and a number, or an ARN, mean.
pub(crate) fn layer_version(
    rows: &dyn Rows,
    settings: &Settings,
    layer: &str,
    version: i64,
) -> Done<LayerVersionRow> {
    let layer = LayerName::parse(settings, layer)?;
    Ok(find_layer_version(rows, &layer, version)?.ok_or_else(missing)?)
}

pub(crate) fn layer_version_by_arn(
    rows: &dyn Rows,
    settings: &Settings,
    arn: &str,
) -> Done<LayerVersionRow> {
    let found = match LayerName::of_version(settings, arn) {
        Some((layer, number)) => find_layer_version(rows, &layer, number)?,
        None => None,
    };
    Ok(found.ok_or_else(missing)?)
}

fn missing() -> lambda::Error {
    lambda::Error::resource_not_found_exception("The resource you requested does not exist.")
}

/// Who has the package of a layer version, in the marks of packages.
pub(crate) fn layer_owner(row: &LayerVersionRow) -> String {
    format!("layer {}:{}", row.name, row.version)
}
