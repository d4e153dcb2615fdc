//! The committed facts of a service model (`model/*.json`).

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::{Map, Value};

/// How a service's requests and replies are written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON: operation in a header, one JSON object each way.
    Json,
    /// REST-JSON: operation in method and path.
    Rest,
    /// AWS query: operation and members in a form, XML back.
    Query,
    /// RPC v2 CBOR, AWS JSON and AWS query, as the request chooses.
    Rpc,
}

/// A service model without its documentation.
#[derive(Deserialize)]
pub struct Model {
    /// Package and version the facts come from.
    pub source: String,
    /// What the model says of the service as a whole.
    #[serde(default)]
    pub metadata: Map<String, Value>,
    /// Every operation; the served ones with their shapes.
    pub operations: BTreeMap<String, Operation>,
    /// The shapes that served operations reach.
    pub shapes: BTreeMap<String, Shape>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Operation {
    pub http: Http,
    pub host_prefix: Option<String>,
    pub input: Option<String>,
    pub output: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Http {
    pub method: String,
    pub request_uri: String,
    pub response_code: Option<u16>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shape {
    #[serde(rename = "type")]
    pub kind: String,
    /// In the model's order, which is the order on the wire.
    #[serde(default)]
    members: Map<String, Value>,
    #[serde(default)]
    pub required: Vec<String>,
    pub member: Option<String>,
    pub key: Option<String>,
    pub value: Option<String>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub pattern: Option<String>,
    #[serde(rename = "enum", default)]
    pub values: Vec<String>,
    #[serde(default)]
    pub sensitive: bool,
    pub payload: Option<String>,
    #[serde(default)]
    pub exception: bool,
    pub http_status_code: Option<u16>,
    /// What clients see where it is not the name of the shape.
    pub error_code: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    pub shape: String,
    pub location: Option<String>,
    pub location_name: Option<String>,
}

impl Model {
    /// The shape with this name.
    pub fn shape(&self, name: &str) -> Result<&Shape> {
        self.shapes
            .get(name)
            .with_context(|| format!("the model has no shape {name}"))
    }

    /// The operations whose shapes the model keeps.
    pub fn served(&self) -> impl Iterator<Item = (&String, &Operation)> {
        self.operations
            .iter()
            .filter(|(_, operation)| operation.input.is_some())
    }
}

impl Shape {
    /// The members in the model's order.
    pub fn members(&self) -> Result<Vec<(&str, Member)>> {
        self.members
            .iter()
            .map(|(name, value)| {
                let member = serde_json::from_value(value.clone())
                    .with_context(|| format!("cannot read the member {name}"))?;
                Ok((name.as_str(), member))
            })
            .collect()
    }
}
