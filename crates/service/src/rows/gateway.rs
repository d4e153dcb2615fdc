//! APIs of API Gateway, what belongs to one, and URLs of functions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use stepwell_api::lambda;

use super::{Kind, Part, key};

/// The kinds of API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiKind {
    Rest,
    Http,
}

/// An API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApiRow {
    /// Ten letters and digits.
    pub id: String,
    pub kind: ApiKind,
    pub created_ms: i64,
    /// SHA-256 of its document.
    pub document: String,
    pub facts: ApiFacts,
    pub tags: BTreeMap<String, String>,
}

/// What the document of an API says of itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ApiFacts {
    pub name: String,
    pub version: Option<String>,
    pub description: Option<String>,
    pub binary_media_types: Vec<String>,
    /// `EDGE`, `REGIONAL` or `PRIVATE`; of a REST API.
    pub endpoint_type: Option<String>,
}

/// A deployment of a REST API: its document as it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeploymentRow {
    pub id: String,
    pub created_ms: i64,
    pub description: Option<String>,
    pub document: String,
}

/// A stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageRow {
    pub name: String,
    /// Of a REST API. A stage of an HTTP API has none: it follows its API's document.
    pub deployment_id: Option<String>,
    pub description: Option<String>,
    pub variables: BTreeMap<String, String>,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub tags: BTreeMap<String, String>,
}

/// The URL of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionUrlRow {
    /// Thirty-two letters and digits.
    pub id: String,
    pub function: String,
    /// An alias.
    pub qualifier: Option<String>,
    /// ARN of the function, with the alias.
    pub arn: String,
    /// `NONE` or `AWS_IAM`.
    pub auth_type: String,
    pub cors: Option<lambda::Cors>,
    /// `BUFFERED` or `RESPONSE_STREAM`.
    pub invoke_mode: String,
    pub created_ms: i64,
    pub updated_ms: i64,
}

pub(crate) fn api_key(id: &str) -> Vec<u8> {
    key(Kind::Api, &[Part::Text(id)])
}

pub(crate) fn apis() -> Vec<u8> {
    key(Kind::Api, &[])
}

/// Everything that belongs to an API.
pub(crate) fn parts_of(api: &str) -> Vec<u8> {
    key(Kind::ApiPart, &[Part::Name(api)])
}

pub(crate) fn stages_of(api: &str) -> Vec<u8> {
    key(Kind::ApiPart, &[Part::Name(api), Part::Name("stage")])
}

pub(crate) fn stage_key(api: &str, name: &str) -> Vec<u8> {
    let parts = [Part::Name(api), Part::Name("stage"), Part::Text(name)];
    key(Kind::ApiPart, &parts)
}

pub(crate) fn deployments_of(api: &str) -> Vec<u8> {
    key(Kind::ApiPart, &[Part::Name(api), Part::Name("deployment")])
}

pub(crate) fn deployment_key(api: &str, id: &str) -> Vec<u8> {
    let parts = [Part::Name(api), Part::Name("deployment"), Part::Text(id)];
    key(Kind::ApiPart, &parts)
}

pub(crate) fn document_key(api: &str, hash: &str) -> Vec<u8> {
    let parts = [Part::Name(api), Part::Name("document"), Part::Text(hash)];
    key(Kind::ApiPart, &parts)
}

/// The URLs of a function, by alias.
pub(crate) fn urls_of(function: &str) -> Vec<u8> {
    key(
        Kind::FunctionUrl,
        &[Part::Name("function"), Part::Name(function)],
    )
}

pub(crate) fn url_key(function: &str, qualifier: Option<&str>) -> Vec<u8> {
    let parts = [
        Part::Name("function"),
        Part::Name(function),
        Part::Text(qualifier.unwrap_or_default()),
    ];
    key(Kind::FunctionUrl, &parts)
}

/// Which function and alias a URL is of: `(function, qualifier)`.
pub(crate) fn url_id_key(id: &str) -> Vec<u8> {
    key(Kind::FunctionUrl, &[Part::Name("id"), Part::Text(id)])
}
