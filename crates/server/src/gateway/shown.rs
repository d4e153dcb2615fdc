//! Rows and routes as API Gateway shows them.

use std::collections::BTreeMap;

use serde_json::Value;
use stepwell_api::{DateTime, EpochSeconds, apigateway, apigatewayv2};
use stepwell_gateway::{Api, Cors, RouteDescription};
use stepwell_service::{ApiKind, ApiRow, DeploymentRow, StageRow};

use super::{Failure, settle};
use crate::front::protocol;
use crate::shard::Handle;

/// An API with its document, read.
pub(super) struct Document {
    pub(super) api: ApiRow,
    pub(super) document: Value,
    read: Option<Api>,
}

impl Document {
    pub(super) fn of(handle: &Handle, kind: ApiKind, id: &str) -> Result<Document, Failure> {
        let reader = handle.reader();
        let api = settle(reader.api(kind, id))?;
        tokio::task::block_in_place(|| {
            let text = reader
                .api_document(&api.id, &api.document)
                .map_err(|error| Failure::Internal(error.to_string()))?;
            let document: Value = serde_json::from_str(&text)
                .map_err(|error| Failure::Internal(error.to_string()))?;
            let read = Api::parse(protocol(kind), &document).ok();
            Ok(Document {
                api,
                document,
                read,
            })
        })
    }

    pub(super) fn routes(&self) -> Vec<RouteDescription> {
        match &self.read {
            Some(read) => read.routes(&self.document),
            None => Vec::new(),
        }
    }

    fn cors(&self) -> Option<apigatewayv2::Cors> {
        self.read.as_ref().and_then(Api::cors).map(shown_cors)
    }
}

pub(super) fn rest_api(api: ApiRow) -> apigateway::RestApi {
    let endpoint = api
        .facts
        .endpoint_type
        .unwrap_or_else(|| "EDGE".to_string());
    let binary = api.facts.binary_media_types;
    apigateway::RestApi {
        root_resource_id: Some(stepwell_gateway::resource_id("/")),
        id: Some(api.id),
        name: Some(api.facts.name),
        description: api.facts.description,
        created_date: Some(EpochSeconds::from_ms(api.created_ms)),
        version: api.facts.version,
        binary_media_types: (!binary.is_empty()).then_some(binary),
        api_key_source: Some("HEADER".to_string()),
        endpoint_configuration: Some(apigateway::EndpointConfiguration {
            types: Some(vec![endpoint]),
            ..Default::default()
        }),
        tags: some(api.tags),
        disable_execute_api_endpoint: Some(false),
        ..Default::default()
    }
}

pub(super) fn rest_stage(stage: StageRow) -> apigateway::Stage {
    apigateway::Stage {
        deployment_id: stage.deployment_id,
        stage_name: Some(stage.name),
        description: stage.description,
        cache_cluster_enabled: Some(false),
        cache_cluster_status: Some("NOT_AVAILABLE".to_string()),
        method_settings: Some(BTreeMap::new()),
        variables: some(stage.variables),
        tracing_enabled: Some(false),
        tags: some(stage.tags),
        created_date: Some(EpochSeconds::from_ms(stage.created_ms)),
        last_updated_date: Some(EpochSeconds::from_ms(stage.updated_ms)),
        ..Default::default()
    }
}

pub(super) fn deployment(deployment: DeploymentRow) -> apigateway::Deployment {
    apigateway::Deployment {
        id: Some(deployment.id),
        description: deployment.description,
        created_date: Some(EpochSeconds::from_ms(deployment.created_ms)),
        ..Default::default()
    }
}

/// The tree of resources that routes make, by path.
pub(super) fn resources(
    routes: &[RouteDescription],
    with_methods: bool,
) -> Vec<apigateway::Resource> {
    let mut paths: BTreeMap<String, BTreeMap<String, apigateway::Method>> = BTreeMap::new();
    paths.entry("/".to_string()).or_default();
    for route in routes {
        let mut path = String::new();
        for segment in route.path.split('/').filter(|segment| !segment.is_empty()) {
            path = format!("{path}/{segment}");
            paths.entry(path.clone()).or_default();
        }
        let path = if path.is_empty() { "/" } else { &path };
        if let Some(methods) = paths.get_mut(path) {
            let method = match with_methods {
                true => method(route),
                false => apigateway::Method::default(),
            };
            methods.insert(route.method.clone(), method);
        }
    }
    let resources = paths.into_iter().map(|(path, methods)| {
        let parent = path.rsplit_once('/').filter(|_| path != "/");
        apigateway::Resource {
            id: Some(stepwell_gateway::resource_id(&path)),
            parent_id: parent.map(|(parent, _)| {
                stepwell_gateway::resource_id(if parent.is_empty() { "/" } else { parent })
            }),
            path_part: parent.map(|(_, part)| part.to_string()),
            resource_methods: some(methods),
            path: Some(path),
        }
    });
    resources.collect()
}

fn method(route: &RouteDescription) -> apigateway::Method {
    apigateway::Method {
        http_method: Some(route.method.clone()),
        authorization_type: Some(route.authorization.to_string()),
        api_key_required: Some(false),
        operation_name: route.operation_name.clone(),
        method_integration: Some(apigateway::Integration {
            http_method: text(&route.integration, "httpMethod"),
            uri: text(&route.integration, "uri"),
            credentials: text(&route.integration, "credentials"),
            passthrough_behavior: text(&route.integration, "passthroughBehavior")
                .map(|word| word.to_uppercase()),
            request_templates: texts(&route.integration["requestTemplates"]),
            timeout_in_millis: millis(&route.integration).or(Some(29_000)),
            ..integration_type(route)
        }),
        ..Default::default()
    }
}

/// The member is called `type` on the wire; its name here is the generator's.
fn integration_type(route: &RouteDescription) -> apigateway::Integration {
    let kind = serde_json::json!({ "type": route.integration_type });
    serde_json::from_value(kind).unwrap_or_default()
}

pub(super) fn http_api(found: &Document, endpoint: &str) -> apigatewayv2::GetApiResponse {
    let api = &found.api;
    apigatewayv2::GetApiResponse {
        api_endpoint: Some(format!("{endpoint}/execute-api/{}", api.id)),
        api_id: Some(api.id.clone()),
        api_key_selection_expression: Some("$request.header.x-api-key".to_string()),
        cors_configuration: found.cors(),
        created_date: Some(DateTime::from_ms(api.created_ms)),
        description: api.facts.description.clone(),
        disable_execute_api_endpoint: Some(false),
        name: Some(api.facts.name.clone()),
        protocol_type: Some("HTTP".to_string()),
        route_selection_expression: Some("$request.method $request.path".to_string()),
        tags: Some(api.tags.clone()),
        version: api.facts.version.clone(),
        ..Default::default()
    }
}

pub(super) fn http_stage(stage: StageRow) -> apigatewayv2::GetStageResponse {
    apigatewayv2::GetStageResponse {
        auto_deploy: Some(true),
        created_date: Some(DateTime::from_ms(stage.created_ms)),
        default_route_settings: Some(apigatewayv2::RouteSettings {
            detailed_metrics_enabled: Some(false),
            ..Default::default()
        }),
        description: stage.description,
        last_updated_date: Some(DateTime::from_ms(stage.updated_ms)),
        route_settings: Some(BTreeMap::new()),
        stage_name: Some(stage.name),
        stage_variables: Some(stage.variables),
        tags: Some(stage.tags),
        ..Default::default()
    }
}

pub(super) fn route(route: &RouteDescription) -> apigatewayv2::Route {
    apigatewayv2::Route {
        api_key_required: Some(false),
        authorization_type: Some(route.authorization.to_string()),
        operation_name: route.operation_name.clone(),
        route_id: Some(route.route_id.clone()),
        route_key: route.key.clone(),
        target: Some(format!("integrations/{}", route.integration_id)),
        ..Default::default()
    }
}

pub(super) fn integration(route: &RouteDescription) -> apigatewayv2::Integration {
    let given = &route.integration;
    apigatewayv2::Integration {
        connection_type: Some("INTERNET".to_string()),
        credentials_arn: text(given, "credentials"),
        integration_id: Some(route.integration_id.clone()),
        integration_method: text(given, "httpMethod"),
        integration_subtype: text(given, "integrationSubtype"),
        integration_type: Some(route.integration_type.to_string()),
        integration_uri: text(given, "uri"),
        payload_format_version: text(given, "payloadFormatVersion"),
        request_parameters: texts(&given["requestParameters"]),
        timeout_in_millis: millis(given).or(Some(30_000)),
        ..Default::default()
    }
}

fn shown_cors(cors: &Cors) -> apigatewayv2::Cors {
    let list = |list: &Vec<String>| (!list.is_empty()).then(|| list.clone());
    apigatewayv2::Cors {
        allow_credentials: Some(cors.allow_credentials),
        allow_headers: list(&cors.allow_headers),
        allow_methods: list(&cors.allow_methods),
        allow_origins: list(&cors.allow_origins),
        expose_headers: list(&cors.expose_headers),
        max_age: cors.max_age,
    }
}

fn some<V>(map: BTreeMap<String, V>) -> Option<BTreeMap<String, V>> {
    (!map.is_empty()).then_some(map)
}

fn text(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_string)
}

fn texts(value: &Value) -> Option<BTreeMap<String, String>> {
    let pairs = value.as_object()?.iter();
    let pairs = pairs.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_string())));
    Some(pairs.collect())
}

fn millis(integration: &Value) -> Option<i32> {
    let given = integration.get("timeoutInMillis")?.as_i64()?;
    i32::try_from(given).ok()
}
