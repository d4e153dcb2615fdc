//! An API of either kind.

use serde_json::Value;

use crate::call::{Call, HttpRequest, Outcome, Plan, Response};
use crate::cors::Cors;
use crate::http_api::HttpApi;
use crate::integration::HttpIntegration;
use crate::rest_api::{RestApi, resource_id};
use crate::text::short_id;

/// The kinds of API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    Rest,
    Http,
}

/// An API that can be called.
#[derive(Debug, Clone)]
pub enum Api {
    Rest(RestApi),
    Http(HttpApi),
}

/// What a document says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Description {
    pub name: String,
    pub version: Option<String>,
    pub description: Option<String>,
    pub binary_media_types: Vec<String>,
}

/// A route as the APIs list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteDescription {
    /// `GET /orders/{id}`, `$default`.
    pub key: String,
    pub path: String,
    /// Upper case; `ANY` for all.
    pub method: String,
    pub route_id: String,
    pub integration_id: String,
    /// Of the path alone.
    pub resource_id: String,
    pub operation_name: Option<String>,
    /// `NONE` or `AWS_IAM`.
    pub authorization: &'static str,
    /// `AWS_PROXY`, `AWS` or `MOCK`.
    pub integration_type: &'static str,
    /// The integration as the document has it.
    pub integration: Value,
}

impl Api {
    /// Reads a document into a closed table of routes.
    ///
    /// - Errors: every problem found, by name; what is not built is one.
    pub fn parse(protocol: Protocol, document: &Value) -> Result<Api, Vec<String>> {
        check_kind(protocol, document).map_err(|problem| vec![problem])?;
        match protocol {
            Protocol::Rest => RestApi::parse(document).map(Api::Rest),
            Protocol::Http => HttpApi::parse(document).map(Api::Http),
        }
    }

    /// What is to be done for a request.
    pub fn plan(&self, call: &Call, request: &HttpRequest) -> Plan {
        match self {
            Api::Rest(api) => api.plan(call, request),
            Api::Http(api) => api.plan(call, request),
        }
    }

    /// The response once what was planned is done.
    ///
    /// - `route`: of the [`crate::Backend`].
    pub fn finish(
        &self,
        route: usize,
        call: &Call,
        request: &HttpRequest,
        outcome: Outcome,
    ) -> Response {
        match self {
            Api::Rest(api) => api.finish(route, call, request, outcome),
            Api::Http(api) => api.finish(route, request, outcome),
        }
    }

    /// What the document says of CORS; a REST API has its methods say it.
    pub fn cors(&self) -> Option<&Cors> {
        match self {
            Api::Rest(_) => None,
            Api::Http(api) => api.cors.as_ref(),
        }
    }

    /// What the document says of itself.
    pub fn description(&self, document: &Value) -> Description {
        let about = &document["info"];
        let text = |name: &str| about[name].as_str().map(str::to_owned);
        Description {
            name: text("title").unwrap_or_default(),
            version: text("version"),
            description: text("description"),
            binary_media_types: match self {
                Api::Rest(api) => api.binary_media_types.clone(),
                Api::Http(_) => Vec::new(),
            },
        }
    }

    /// Its routes, in the order of the document.
    pub fn routes(&self, document: &Value) -> Vec<RouteDescription> {
        match self {
            Api::Rest(api) => {
                let routes = api.routes.iter().map(|route| {
                    let path = route.path.text.as_str();
                    let description = described(document, path, &route.method);
                    RouteDescription {
                        operation_name: route.operation_name.clone(),
                        authorization: route.authorization.name(),
                        integration_type: route.integration.kind(),
                        ..description
                    }
                });
                routes.collect()
            }
            Api::Http(api) => {
                let routes = api.routes.iter().map(|route| {
                    let (method, path) = match route.key.split_once(' ') {
                        Some((method, path)) => (method, path),
                        None => ("ANY", "$default"),
                    };
                    let integration_type = match route.integration {
                        HttpIntegration::Function { .. } | HttpIntegration::Service { .. } => {
                            "AWS_PROXY"
                        }
                    };
                    RouteDescription {
                        key: route.key.clone(),
                        authorization: route.authorization.name(),
                        integration_type,
                        ..described(document, path, method)
                    }
                });
                routes.collect()
            }
        }
    }
}

fn described(document: &Value, path: &str, method: &str) -> RouteDescription {
    let key = format!("{method} {path}");
    let name = match method {
        "ANY" => "x-amazon-apigateway-any-method".to_owned(),
        method => method.to_ascii_lowercase(),
    };
    let methods = ["", "/"]
        .iter()
        .find_map(|slash| document["paths"].get(format!("{slash}{path}")));
    let operation = methods.and_then(|methods| methods.get(&name));
    let integration = operation.map(|operation| &operation["x-amazon-apigateway-integration"]);
    let integration = match integration {
        Some(integration) => resolved(document, integration),
        None => Value::Null,
    };
    RouteDescription {
        route_id: short_id(&key),
        integration_id: short_id(&format!("integration {key}")),
        resource_id: resource_id(path),
        operation_name: operation
            .and_then(|operation| operation["operationId"].as_str())
            .map(str::to_owned),
        path: path.to_owned(),
        method: method.to_owned(),
        authorization: "NONE",
        integration_type: "AWS_PROXY",
        integration,
        key,
    }
}

fn resolved(document: &Value, integration: &Value) -> Value {
    let reference = integration.get("$ref").and_then(Value::as_str);
    let name = reference.and_then(|text| text.rsplit('/').next());
    match name {
        Some(name) => document["components"]["x-amazon-apigateway-integrations"][name].clone(),
        None => integration.clone(),
    }
}

/// AWS: REST APIs take Swagger 2.0 and OpenAPI 3.0, HTTP APIs take OpenAPI 3.0.
fn check_kind(protocol: Protocol, document: &Value) -> Result<(), String> {
    let openapi = document["openapi"].as_str().unwrap_or_default();
    let swagger = match &document["swagger"] {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let is_known = openapi.starts_with("3.0")
        || openapi == "3"
        || (protocol == Protocol::Rest && swagger.starts_with("2"));
    if !is_known {
        let kinds = match protocol {
            Protocol::Rest => "openapi 3.0 or swagger 2.0",
            Protocol::Http => "openapi 3.0",
        };
        return Err(format!("the document is not {kinds}"));
    }
    match document["info"]["title"].as_str() {
        Some(title) if !title.is_empty() => Ok(()),
        _ => Err("the document has no info.title".to_owned()),
    }
}
