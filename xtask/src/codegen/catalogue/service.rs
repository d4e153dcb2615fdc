//! A service model of the botocore package, as far as the catalogue needs it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Number, Value};

#[derive(Deserialize)]
pub struct Model {
    metadata: Metadata,
    pub operations: BTreeMap<String, Operation>,
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    service_id: String,
    endpoint_prefix: String,
    signing_name: Option<String>,
    target_prefix: Option<String>,
}

#[derive(Deserialize)]
pub struct Operation {
    pub input: Option<Reference>,
    pub output: Option<Reference>,
}

#[derive(Deserialize)]
pub struct Reference {
    pub shape: String,
}

#[derive(Deserialize)]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    /// In the order of the model; values are references.
    #[serde(default)]
    pub members: Map<String, Value>,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<Reference>,
    pub key: Option<Reference>,
    pub value: Option<Reference>,
    pub min: Option<Number>,
    pub max: Option<Number>,
    #[serde(rename = "enum", default)]
    pub allowed: Vec<String>,
    #[serde(default)]
    pub document: bool,
    #[serde(default)]
    pub eventstream: bool,
}

impl Model {
    /// The service's line in the list of `stepwell_api::services`.
    pub fn names(&self) -> String {
        let metadata = &self.metadata;
        format!(
            "{} {} {}\n",
            metadata.service_id.to_lowercase().replace([' ', '-'], "_"),
            metadata
                .signing_name
                .as_ref()
                .unwrap_or(&metadata.endpoint_prefix),
            metadata.target_prefix.as_deref().unwrap_or("-"),
        )
    }

    /// How Step Functions names the service in a resource: the package name of the SDK for Java 2.
    ///
    /// AWS: the SDK drops `Amazon` and `AWS` at the beginning and `Service` at the end.
    pub fn integration_name(&self) -> String {
        integration_name(&self.metadata.service_id)
    }
}

fn integration_name(service_id: &str) -> String {
    let name: String = service_id
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_lowercase())
        .collect();
    let name = name.strip_prefix("amazon").unwrap_or(&name);
    let name = name.strip_prefix("aws").unwrap_or(name);
    name.strip_suffix("service").unwrap_or(name).to_owned()
}

#[cfg(test)]
mod tests {
    use super::integration_name;

    #[test]
    fn services_are_named_as_packages_of_the_sdk_for_java() {
        for (id, name) in [
            ("SFN", "sfn"),
            ("CloudWatch Logs", "cloudwatchlogs"),
            ("Config Service", "config"),
            ("Directory Service Data", "directoryservicedata"),
            ("Route 53", "route53"),
            ("codestar notifications", "codestarnotifications"),
        ] {
            assert_eq!(integration_name(id), name);
        }
    }
}
