//! `AWS::Serverless::Api` and `AWS::Serverless::HttpApi`, and the APIs that events imply.

use serde_json::{Value as Json, json};

use super::{Expansion, Route, picked};
use crate::globals;
use crate::names::hash;
use crate::node::{Entry, Node};
use crate::parse::parse;
use crate::problem::Place;
use crate::resource::Resource;

const IMPLIED_REST: &str = "ServerlessRestApi";
/// AWS SAM: the path of an HTTP API's default route.
const DEFAULT_PATH: &str = "/$default";
const IMPLIED_HTTP: &str = "ServerlessHttpApi";

/// AWS SAM: properties that make a difference which is not made here.
const REST_NO_EFFECT: [&str; 15] = [
    "AccessLogSetting",
    "AlwaysDeploy",
    "ApiKeySourceType",
    "Auth",
    "CacheClusterEnabled",
    "CacheClusterSize",
    "CanarySetting",
    "Domain",
    "EndpointConfiguration",
    "GatewayResponses",
    "MergeDefinitions",
    "MethodSettings",
    "MinimumCompressionSize",
    "Mode",
    "Models",
];
const REST_READ: [&str; 15] = [
    "BinaryMediaTypes",
    "Cors",
    "DefinitionBody",
    "DefinitionUri",
    "Description",
    "DisableExecuteApiEndpoint",
    "FailOnWarnings",
    "Name",
    "OpenApiVersion",
    "Policy",
    "PropagateTags",
    "StageName",
    "Tags",
    "TracingEnabled",
    "Variables",
];
const HTTP_NO_EFFECT: [&str; 6] = [
    "AccessLogSettings",
    "Auth",
    "DefaultRouteSettings",
    "Domain",
    "FailOnWarnings",
    "RouteSettings",
];
const HTTP_READ: [&str; 10] = [
    "CorsConfiguration",
    "DefinitionBody",
    "DefinitionUri",
    "Description",
    "DisableExecuteApiEndpoint",
    "Name",
    "PropagateTags",
    "StageName",
    "StageVariables",
    "Tags",
];

impl Expansion<'_> {
    /// Every API of the template, and those that only events name.
    pub(super) fn apis(&mut self, resources: &[Resource]) {
        for resource in resources {
            match resource.kind.as_str() {
                "AWS::Serverless::Api" => self.rest_api(resource),
                "AWS::Serverless::HttpApi" => self.http_api(resource),
                _ => {}
            }
        }
        let parent = |routes: &[Route]| {
            let at = routes.first().map(|route| route.at);
            resources
                .iter()
                .min_by_key(|resource| at.map_or(0, |at| at.line.abs_diff(resource.at.line)))
        };
        if let Some(routes) = self.routes.remove(IMPLIED_REST)
            && let Some(parent) = parent(&routes)
        {
            let properties = self.implied_properties("Api", parent);
            let mut api =
                parent.beside(IMPLIED_REST.to_owned(), "AWS::Serverless::Api", properties);
            api.set_default("StageName", Node::text(parent.at, "Prod"));
            self.routes.insert(IMPLIED_REST.to_owned(), routes);
            self.rest_api(&api);
        }
        if let Some(routes) = self.http_routes.remove(IMPLIED_HTTP)
            && let Some(parent) = parent(&routes)
        {
            let properties = self.implied_properties("HttpApi", parent);
            let api = parent.beside(
                IMPLIED_HTTP.to_owned(),
                "AWS::Serverless::HttpApi",
                properties,
            );
            self.http_routes.insert(IMPLIED_HTTP.to_owned(), routes);
            self.http_api(&api);
        }
        for (id, routes) in self.routes.iter().chain(&self.http_routes) {
            for route in routes {
                let message = format!("{id} is no API of this template: its method is not added");
                self.warn(route.at, &Place::section("Resources"), message);
            }
        }
    }

    fn implied_properties(&self, section: &str, parent: &Resource) -> Node {
        let empty = Node::map(parent.at, Vec::new());
        match self.globals.and_then(|globals| globals.get(section)) {
            Some(globals) => globals::merge(globals, empty),
            None => empty,
        }
    }

    /// Warns of what is not done and of names that there are not.
    fn check_properties(&self, resource: &Resource, no_effect: &[&str], read: &[&str]) {
        for entry in resource.property_entries() {
            let name = entry.key.as_str();
            let place = resource.place().join(name);
            if no_effect.contains(&name) {
                let message = format!("{name} is not supported and has no effect");
                self.warn(entry.at, &place, message);
            } else if !read.contains(&name) {
                let mut known = read.iter().copied();
                let near = crate::suggest::suggestion(name, &mut known);
                let message = format!("unknown property {name} has no effect{near}");
                self.warn(entry.at, &place, message);
            }
        }
    }

    fn rest_api(&mut self, resource: &Resource) {
        let at = resource.at;
        self.check_properties(resource, &REST_NO_EFFECT, &REST_READ);
        let Some(stage_name) = self.text(resource, "StageName") else {
            if resource.property("StageName").is_none() {
                let place = resource.place().join("StageName");
                self.error(at, &place, "the required property StageName is missing");
            }
            return;
        };
        let routes = self.routes.remove(&resource.id).unwrap_or_default();
        let suffix = super::function::alphanumeric(&stage_name);
        for route in &routes {
            self.allow(resource, route, &suffix);
        }
        let Some(mut body) = self.body(resource, routes, "1.0") else {
            return;
        };
        if let Some(cors) = resource.property("Cors") {
            self.add_rest_cors(resource, cors, &mut body);
        }
        let binary = resource.property("BinaryMediaTypes").cloned();
        body.set_some("x-amazon-apigateway-binary-media-types", binary);
        let mut api = Node::members(at, [("Body", body.clone())]);
        picked(
            Some(&resource.properties),
            &[
                ("Name", "Name"),
                ("Description", "Description"),
                ("DisableExecuteApiEndpoint", "DisableExecuteApiEndpoint"),
                ("FailOnWarnings", "FailOnWarnings"),
                ("Policy", "Policy"),
                ("Tags", "Tags"),
            ],
            &mut api,
        );
        self.make(
            resource,
            resource.id.clone(),
            "AWS::ApiGateway::RestApi",
            api,
        );
        let deployment_id = format!("{}Deployment", resource.id);
        // AWS SAM: the description names the body, so that another body is another deployment.
        let description = format!(
            "RestApi deployment id: {:016x}",
            hash(&body.to_json().to_string())
        );
        let deployment = Node::members(
            at,
            [
                ("RestApiId", Node::reference(at, &resource.id)),
                ("Description", Node::text(at, description)),
            ],
        );
        self.make(
            resource,
            deployment_id.clone(),
            "AWS::ApiGateway::Deployment",
            deployment,
        );
        let mut stage = Node::members(
            at,
            [
                ("RestApiId", Node::reference(at, &resource.id)),
                ("DeploymentId", Node::reference(at, &deployment_id)),
                ("StageName", Node::text(at, stage_name.clone())),
            ],
        );
        stage.set_some("Variables", resource.property("Variables").cloned());
        stage.set_some(
            "TracingEnabled",
            resource.property("TracingEnabled").cloned(),
        );
        let name = super::function::alphanumeric(&stage_name);
        let id = format!("{}{name}Stage", resource.id);
        self.make(resource, id, "AWS::ApiGateway::Stage", stage);
    }

    fn http_api(&mut self, resource: &Resource) {
        let at = resource.at;
        self.check_properties(resource, &HTTP_NO_EFFECT, &HTTP_READ);
        let stage_name = match resource.property("StageName") {
            Some(_) => match self.text(resource, "StageName") {
                Some(name) => name,
                None => return,
            },
            None => "$default".to_owned(),
        };
        let routes = self.http_routes.remove(&resource.id).unwrap_or_default();
        let called = |route: &Route| route.allows.as_ref().map(|(_, called)| called.to_json());
        let by_default: Vec<Option<Json>> = routes
            .iter()
            .filter(|route| route.path == DEFAULT_PATH)
            .map(called)
            .collect();
        for route in &routes {
            // AWS SAM: who is called by default is allowed everything already.
            if route.path == DEFAULT_PATH || !by_default.contains(&called(route)) {
                self.allow(resource, route, "");
            }
        }
        let Some(mut body) = self.body(resource, routes, "1.0") else {
            return;
        };
        if let Some(cors) = resource.property("CorsConfiguration") {
            body.set("x-amazon-apigateway-cors", http_cors(cors));
        }
        let mut api = Node::members(at, [("Body", body)]);
        picked(
            Some(&resource.properties),
            &[
                ("Name", "Name"),
                ("Description", "Description"),
                ("DisableExecuteApiEndpoint", "DisableExecuteApiEndpoint"),
                ("Tags", "Tags"),
            ],
            &mut api,
        );
        self.make(resource, resource.id.clone(), "AWS::ApiGatewayV2::Api", api);
        let mut stage = Node::members(
            at,
            [
                ("ApiId", Node::reference(at, &resource.id)),
                ("StageName", Node::text(at, stage_name.clone())),
                ("AutoDeploy", Node::of_json(at, &json!(true))),
            ],
        );
        stage.set_some(
            "StageVariables",
            resource.property("StageVariables").cloned(),
        );
        let id = match stage_name.as_str() {
            "$default" => format!("{}ApiGatewayDefaultStage", resource.id),
            name => format!(
                "{}{}Stage",
                resource.id,
                super::function::alphanumeric(name)
            ),
        };
        self.make(resource, id, "AWS::ApiGatewayV2::Stage", stage);
    }

    /// The permission to call the function of a method.
    fn allow(&mut self, api: &Resource, route: &Route, suffix: &str) {
        let Some((id, called)) = &route.allows else {
            return;
        };
        let at = route.at;
        let method = match route.method.as_str() {
            "x-amazon-apigateway-any-method" => "*".to_owned(),
            method => method.to_uppercase(),
        };
        let path = match route.path.as_str() {
            DEFAULT_PATH => String::new(),
            path => wildcards(path),
        };
        let text = format!(
            "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{Api}}/*/{method}{path}"
        );
        let variables = Node::members(at, [("Api", Node::reference(at, &api.id))]);
        let arguments = Node::list(at, vec![Node::text(at, text), variables]);
        let action =
            json!({"Action": "lambda:InvokeFunction", "Principal": "apigateway.amazonaws.com"});
        let mut permission = Node::of_json(at, &action);
        permission.set("FunctionName", called.clone());
        permission.set("SourceArn", Node::members(at, [("Fn::Sub", arguments)]));
        self.make(
            api,
            format!("{id}{suffix}"),
            "AWS::Lambda::Permission",
            permission,
        );
    }

    /// The API's document: as the template gives it, else made of the events' methods.
    fn body(&self, resource: &Resource, routes: Vec<Route>, version: &str) -> Option<Node> {
        let at = resource.at;
        let given = resource.property("DefinitionBody").cloned();
        let mut body = match (given, resource.property("DefinitionUri")) {
            (Some(body), _) => body,
            (None, Some(uri)) => self.read_body(resource, uri)?,
            (None, None) => {
                let title = match resource.property("Name") {
                    Some(name) => name.clone(),
                    None => Node::reference(at, "AWS::StackName"),
                };
                let info =
                    Node::members(at, [("version", Node::text(at, version)), ("title", title)]);
                Node::members(
                    at,
                    [
                        ("openapi", Node::text(at, "3.0.1")),
                        ("info", info),
                        ("paths", Node::map(at, Vec::new())),
                    ],
                )
            }
        };
        if body.entries().is_none() {
            let message = format!("a DefinitionBody is a map, found {}", body.kind());
            self.error(body.at, &resource.place().join("DefinitionBody"), message);
            return None;
        }
        let mut paths = body
            .get("paths")
            .cloned()
            .unwrap_or_else(|| Node::map(at, Vec::new()));
        for route in routes {
            let mut item = paths
                .get(&route.path)
                .cloned()
                .unwrap_or_else(|| Node::map(route.at, Vec::new()));
            if let Some(taken) = item.entry(&route.method) {
                // AWS SAM: what the document says of a method stands.
                let is_own = resource.property("DefinitionBody").is_none()
                    && resource.property("DefinitionUri").is_none();
                if is_own {
                    let message = format!(
                        "{} {} is asked for twice, first in line {}",
                        route.method, route.path, taken.at.line
                    );
                    self.error(route.at, &resource.place(), message);
                }
                continue;
            }
            item.set(&route.method, route.operation);
            paths.set(&route.path, item);
        }
        body.set("paths", paths);
        Some(body)
    }

    fn read_body(&self, resource: &Resource, uri: &Node) -> Option<Node> {
        let place = resource.place().join("DefinitionUri");
        let Some(path) = uri.as_text().filter(|path| !path.starts_with("s3://")) else {
            self.error(uri.at, &place, "S3 is not read, name a local file");
            return None;
        };
        let text = match (self.read_file)(path) {
            Ok(text) => text,
            Err(error) => {
                self.error(uri.at, &place, format!("cannot read {path}: {error}"));
                return None;
            }
        };
        match parse(&text) {
            Ok(body) => Some(body),
            Err(error) => {
                let problems = self.scope.problems;
                let severity = crate::problem::Severity::Error;
                problems.add(severity, path, error.at, &place, error.message);
                None
            }
        }
    }

    /// AWS SAM: an `OPTIONS` method with a mock integration that answers the headers.
    fn add_rest_cors(&self, resource: &Resource, cors: &Node, body: &mut Node) {
        let member = |name: &str| cors.get(name).and_then(Node::scalar);
        let origin = match cors.scalar() {
            Some(origin) => origin,
            None => match member("AllowOrigin") {
                Some(origin) => origin,
                None => {
                    let place = resource.place().join("Cors");
                    let message = "Cors is an origin in single quotes, or a map with AllowOrigin";
                    return self.error(cors.at, &place, message);
                }
            },
        };
        let at = cors.at;
        let mut paths = body
            .get("paths")
            .cloned()
            .unwrap_or_else(|| Node::map(at, Vec::new()));
        for path in paths.clone().entries().unwrap_or_default() {
            if path.node.entry("options").is_some() {
                continue;
            }
            let allowed = member("AllowMethods").unwrap_or_else(|| methods_of(&path.node));
            let mut headers = vec![
                ("Access-Control-Allow-Origin", origin.clone()),
                ("Access-Control-Allow-Methods", allowed),
            ];
            for (name, header) in [
                ("AllowHeaders", "Access-Control-Allow-Headers"),
                ("MaxAge", "Access-Control-Max-Age"),
            ] {
                headers.extend(member(name).map(|value| (header, value)));
            }
            if member("AllowCredentials").as_deref() == Some("true") {
                headers.push(("Access-Control-Allow-Credentials", "'true'".to_owned()));
            }
            let mut item = path.node.clone();
            item.set("options", Node::of_json(at, &options_operation(&headers)));
            paths.set(&path.key, item);
        }
        body.set("paths", paths);
    }
}

/// A path without its last slash, and with a star for each parameter.
fn wildcards(path: &str) -> String {
    let path = path
        .strip_suffix('/')
        .filter(|path| !path.is_empty())
        .unwrap_or(path);
    let segments = path
        .split('/')
        .map(|segment| match segment.starts_with('{') {
            true => "*",
            false => segment,
        });
    segments.collect::<Vec<_>>().join("/")
}

/// `'GET,OPTIONS'` of the methods that a path has.
fn methods_of(item: &Node) -> String {
    let entries = item.entries().unwrap_or_default();
    let mut methods: Vec<String> = entries
        .iter()
        .map(|entry| entry.key.to_uppercase())
        .collect();
    if methods.iter().any(|method| method.starts_with("X-AMAZON")) {
        methods = ["DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"]
            .map(str::to_owned)
            .to_vec();
    }
    methods.push("OPTIONS".to_owned());
    methods.sort();
    format!("'{}'", methods.join(","))
}

fn options_operation(headers: &[(&str, String)]) -> Json {
    let parameters: serde_json::Map<String, Json> = headers
        .iter()
        .map(|(name, value)| (format!("method.response.header.{name}"), json!(value)))
        .collect();
    let declared: serde_json::Map<String, Json> = headers
        .iter()
        .map(|(name, _)| ((*name).to_owned(), json!({"schema": {"type": "string"}})))
        .collect();
    json!({
        "summary": "CORS support",
        "x-amazon-apigateway-integration": {
            "type": "mock",
            "requestTemplates": {"application/json": "{\n  \"statusCode\" : 200\n}\n"},
            "responses": {"default": {
                "statusCode": "200",
                "responseParameters": parameters,
                "responseTemplates": {"application/json": "{}\n"},
            }},
        },
        "responses": {"200": {"description": "Default response for CORS method", "headers": declared}},
    })
}

/// AWS SAM: `true` allows every origin.
fn http_cors(cors: &Node) -> Node {
    let at = cors.at;
    if cors.scalar().as_deref() == Some("true") {
        return Node::of_json(at, &json!({"allowOrigins": ["*"]}));
    }
    let mut out = Node::map(at, Vec::new());
    for (sam, document) in [
        ("AllowOrigins", "allowOrigins"),
        ("AllowHeaders", "allowHeaders"),
        ("AllowMethods", "allowMethods"),
        ("ExposeHeaders", "exposeHeaders"),
        ("MaxAge", "maxAge"),
        ("AllowCredentials", "allowCredentials"),
    ] {
        out.set_some(document, cors.get(sam).cloned());
    }
    out
}

impl Resource {
    pub(super) fn property_entries(&self) -> &[Entry] {
        self.properties.entries().unwrap_or_default()
    }
}
