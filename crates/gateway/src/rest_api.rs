//! A REST API: its routes, and what it does with a request.

use serde_json::{Map, Value, json};

use crate::authorization::Authorization;
use crate::call::{Backend, Call, HttpRequest, Outcome, Plan, Response, Target};
use crate::event::{Resource, version_1};
use crate::gateway_response::{Failure, GatewayResponses};
use crate::integration::{Passthrough, RestIntegration, RestMapping, with_stage_variables};
use crate::media;
use crate::parameters::{context, text_of};
use crate::reply;
use crate::route::{PathTemplate, ROUTES_MAX};
use crate::text::{query_pairs, short_id, title_case};
use crate::vtl::{self, Rendered, Template, World};

/// Methods of a path, as OpenAPI spells them.
const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// Extensions of the whole document that are known.
const EXTENSIONS: [&str; 7] = [
    "x-amazon-apigateway-api-key-source",
    "x-amazon-apigateway-binary-media-types",
    "x-amazon-apigateway-documentation",
    "x-amazon-apigateway-endpoint-configuration",
    "x-amazon-apigateway-gateway-responses",
    "x-amazon-apigateway-importexport-version",
    "x-amazon-apigateway-request-validators",
];

/// A REST API that can be called.
#[derive(Debug, Clone)]
pub struct RestApi {
    pub(crate) routes: Vec<RestRoute>,
    pub(crate) binary_media_types: Vec<String>,
    gateway_responses: GatewayResponses,
    is_disabled: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct RestRoute {
    pub(crate) path: PathTemplate,
    /// Upper case; `ANY` for all.
    pub(crate) method: String,
    pub(crate) authorization: Authorization,
    pub(crate) integration: RestIntegration,
    pub(crate) operation_name: Option<String>,
    timeout_ms: u64,
}

impl RestApi {
    /// Reads a document; every problem by name.
    pub(crate) fn parse(document: &Value) -> Result<RestApi, Vec<String>> {
        let mut problems = Vec::new();
        let mut api = RestApi {
            routes: Vec::new(),
            binary_media_types: Vec::new(),
            gateway_responses: GatewayResponses::default(),
            is_disabled: false,
        };
        for (name, value) in document.as_object().into_iter().flatten() {
            if let Err(problem) = api.extension(name, value) {
                problems.push(format!("{name}: {problem}"));
            }
        }
        let paths = document.get("paths").and_then(Value::as_object);
        for (path, methods) in paths.into_iter().flatten() {
            if path.starts_with("x-") {
                continue;
            }
            api.path(document, path, methods, &mut problems);
        }
        if api.routes.len() > ROUTES_MAX {
            problems.push(format!("{} routes, at most {ROUTES_MAX}", api.routes.len()));
        }
        match problems.is_empty() {
            true => Ok(api),
            false => Err(problems),
        }
    }

    fn extension(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "x-amazon-apigateway-binary-media-types" => {
                let types = value.as_array().ok_or("must be a list")?;
                let types = types.iter().map(|one| one.as_str().map(str::to_owned));
                self.binary_media_types = types.collect::<Option<_>>().ok_or("must be texts")?;
            }
            "x-amazon-apigateway-gateway-responses" => {
                self.gateway_responses = GatewayResponses::parse(value)?;
            }
            "x-amazon-apigateway-endpoint-configuration" => {
                self.is_disabled = value["disableExecuteApiEndpoint"] == true;
            }
            // Larger responses are sent as they are: any client takes them.
            "x-amazon-apigateway-minimum-compression-size" => {}
            _ if name.starts_with("x-amazon-apigateway-") && !EXTENSIONS.contains(&name) => {
                return Err("is not built for REST APIs".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn path(&mut self, document: &Value, path: &str, methods: &Value, problems: &mut Vec<String>) {
        let template = match PathTemplate::parse(path) {
            Ok(template) => template,
            Err(problem) => return problems.push(problem),
        };
        let clash = self
            .routes
            .iter()
            .find(|route| route.path.is_like(&template) && route.path.text != template.text);
        if let Some(clash) = clash {
            problems.push(format!("the paths {} and {path} are one", clash.path.text));
        }
        for (name, operation) in methods.as_object().into_iter().flatten() {
            let method = match name.as_str() {
                "x-amazon-apigateway-any-method" => "ANY".to_owned(),
                name if METHODS.contains(&name) => name.to_ascii_uppercase(),
                // AWS: parameters, summary, servers and the like change nothing.
                name if !name.starts_with("x-amazon-apigateway-") && name != "trace" => continue,
                name => {
                    problems.push(format!("{path}: {name} is not built"));
                    continue;
                }
            };
            match RestRoute::parse(document, &template, method, operation) {
                Ok(route) => self.routes.push(route),
                Err(problem) => problems.push(format!("{name} {path}: {problem}")),
            }
        }
    }

    /// AWS: the most exact path is chosen first, then the method on it.
    fn route(&self, request: &HttpRequest) -> Option<(usize, Vec<(String, String)>)> {
        // AWS: a slash at the end makes no other path.
        let path = match request.path.strip_suffix('/') {
            Some("") | None => request.path.as_str(),
            Some(path) => path,
        };
        let bound = self.routes.iter().filter_map(|route| {
            let bound = route.path.bind(path)?;
            Some((route.path.rank(), &route.path.text, bound))
        });
        let (_, text, bound) = bound.min_by(|one, other| one.0.cmp(&other.0))?;
        let of_path = |method: &str| {
            self.routes
                .iter()
                .position(|route| route.path.text == *text && route.method == method)
        };
        let found = of_path(&request.method).or_else(|| of_path("ANY"))?;
        Some((found, bound))
    }

    pub(crate) fn plan(&self, call: &Call, request: &HttpRequest) -> Plan {
        if self.is_disabled {
            return Plan::Answer(Response::message(403, "Forbidden"));
        }
        let fail = |failure, message: Option<&str>| {
            Plan::Answer(
                self.gateway_responses
                    .response(failure, message, call, request),
            )
        };
        let Some((at, bound)) = self.route(request) else {
            return fail(Failure::MissingAuthenticationToken, None);
        };
        let route = &self.routes[at];
        let is_signed = route.authorization == Authorization::Iam;
        let signer = match is_signed.then(|| call.signer(request)).transpose() {
            Ok(signer) => signer,
            Err(None) => return fail(Failure::MissingAuthenticationToken, None),
            Err(Some(text)) => return fail(Failure::InvalidSignature, Some(text)),
        };
        let target = match &route.integration {
            RestIntegration::Proxy { function } => {
                let resource = Resource {
                    path: &route.path.text,
                    id: Some(resource_id(&route.path.text)),
                    parameters: &bound,
                    is_binary: self.is_binary(request.header("content-type")),
                    is_rest: true,
                    signer: signer.as_ref(),
                };
                let event = version_1(call, request, &resource).to_string();
                function_target(call, function, event.into_bytes())
            }
            RestIntegration::Function { function, mapping } => {
                match self.mapped(mapping, call, request, route, &bound) {
                    Ok(rendered) => function_target(call, function, rendered.text.into_bytes()),
                    Err((failure, message)) => return fail(failure, message.as_deref()),
                }
            }
            RestIntegration::Service { operation, mapping } => {
                match self.mapped(mapping, call, request, route, &bound) {
                    Ok(rendered) => Some(Target::Service {
                        operation,
                        body: rendered.text.into_bytes(),
                    }),
                    Err((failure, message)) => return fail(failure, message.as_deref()),
                }
            }
            RestIntegration::Mock(mapping) => {
                return match self.mapped(mapping, call, request, route, &bound) {
                    Ok(rendered) => Plan::Answer(self.mock(at, mapping, call, request, &rendered)),
                    Err((failure, message)) => fail(failure, message.as_deref()),
                };
            }
        };
        match target {
            Some(target) => Plan::Invoke(Backend {
                route: at,
                target,
                timeout_ms: route.timeout_ms,
            }),
            None => fail(Failure::ApiConfigurationError, None),
        }
    }

    fn is_binary(&self, content_type: Option<&str>) -> bool {
        media::is_among(&self.binary_media_types, content_type)
    }

    /// The body for the backend.
    fn mapped(
        &self,
        mapping: &RestMapping,
        call: &Call,
        request: &HttpRequest,
        route: &RestRoute,
        bound: &[(String, String)],
    ) -> Result<Rendered, (Failure, Option<String>)> {
        let body = String::from_utf8_lossy(&request.body);
        // AWS: a request without a type is taken for JSON.
        let given = request.header("content-type").map(media::essence);
        let given = given.filter(|given| !given.is_empty());
        let given = given.unwrap_or_else(|| "application/json".to_owned());
        let template = mapping.templates.iter().find(|(media, _)| *media == given);
        let Some((_, template)) = template else {
            let passes = match mapping.passthrough {
                Passthrough::WhenNoMatch => true,
                Passthrough::WhenNoTemplates => mapping.templates.is_empty(),
                Passthrough::Never => false,
            };
            if !passes {
                return Err((Failure::UnsupportedMediaType, None));
            }
            return Ok(Rendered {
                text: body.into_owned(),
                ..Rendered::default()
            });
        };
        let params = params(request, bound);
        render(template, &body, &params, call, request, route).map_err(|failure| match failure {
            vtl::Failure::Body(text) => {
                let text = format!("Could not parse request body into json: {text}");
                (Failure::BadRequestBody, Some(text))
            }
            vtl::Failure::Bound(_) | vtl::Failure::Unbuilt(_) => {
                (Failure::ApiConfigurationError, None)
            }
        })
    }

    /// AWS: the template of a mock gives the status that chooses the response.
    fn mock(
        &self,
        at: usize,
        mapping: &RestMapping,
        call: &Call,
        request: &HttpRequest,
        rendered: &Rendered,
    ) -> Response {
        let status = serde_json::from_str::<Value>(&rendered.text)
            .ok()
            .and_then(|value| value.get("statusCode").map(text_of));
        let backend = Response {
            status: 200,
            headers: Vec::new(),
            body: Vec::new(),
        };
        let Some(status) = status else {
            return self.failed(Failure::ApiConfigurationError, call, request);
        };
        self.integrated(at, mapping, call, request, &backend, Some(&status))
    }

    pub(crate) fn finish(
        &self,
        at: usize,
        call: &Call,
        request: &HttpRequest,
        outcome: Outcome,
    ) -> Response {
        let Some(route) = self.routes.get(at) else {
            return self.failed(Failure::ApiConfigurationError, call, request);
        };
        match (&route.integration, outcome) {
            (_, Outcome::TimedOut) => self.failed(Failure::IntegrationTimeout, call, request),
            (_, Outcome::Unavailable { .. }) => {
                self.failed(Failure::ApiConfigurationError, call, request)
            }
            (RestIntegration::Proxy { .. }, Outcome::Function { payload, failed }) => {
                let decodes = self.is_binary(accepted(request).as_deref());
                let response = (!failed)
                    .then(|| reply::version_1(&payload, true, decodes))
                    .flatten();
                match response {
                    Some(mut response) => {
                        if response.header("content-type").is_none() {
                            response.set("content-type", "application/json");
                        }
                        response
                    }
                    None => self.failed(Failure::MalformedReply, call, request),
                }
            }
            (RestIntegration::Function { mapping, .. }, Outcome::Function { payload, failed }) => {
                let backend = answered(200, payload);
                let message = failed.then(|| error_message(&backend.body));
                self.integrated(at, mapping, call, request, &backend, message.as_deref())
            }
            (RestIntegration::Service { mapping, .. }, Outcome::Service { status, body }) => {
                let backend = answered(status, body);
                let said = status.to_string();
                self.integrated(at, mapping, call, request, &backend, Some(&said))
            }
            _ => self.failed(Failure::ApiConfigurationError, call, request),
        }
    }

    fn failed(&self, failure: Failure, call: &Call, request: &HttpRequest) -> Response {
        self.gateway_responses
            .response(failure, None, call, request)
    }

    /// The response that the document makes of what the backend said.
    fn integrated(
        &self,
        at: usize,
        mapping: &RestMapping,
        call: &Call,
        request: &HttpRequest,
        backend: &Response,
        said: Option<&str>,
    ) -> Response {
        let route = &self.routes[at];
        let Some(chosen) = mapping.response(said) else {
            return self.failed(Failure::ApiConfigurationError, call, request);
        };
        let mut response = Response {
            status: chosen.status,
            headers: Vec::new(),
            body: backend.body.clone(),
        };
        let wanted = accepted(request);
        let template = chosen
            .templates
            .iter()
            .find(|(media, _)| Some(media.as_str()) == wanted.as_deref())
            .or_else(|| {
                chosen
                    .templates
                    .iter()
                    .find(|(media, _)| media == "application/json")
            })
            .or_else(|| chosen.templates.first());
        let media = template.map_or("application/json", |(media, _)| media.as_str());
        response.set("content-type", media);
        let context = context(call, request, &route.path.text);
        for (name, source) in &chosen.headers {
            if let Some(value) = source.value(backend, &context, call) {
                response.set(name, value);
            }
        }
        if let Some((_, template)) = template {
            let body = String::from_utf8_lossy(&backend.body);
            let bound = route.path.bind(&request.path).unwrap_or_default();
            let params = params(request, &bound);
            match render(template, &body, &params, call, request, route) {
                Ok(rendered) => {
                    response.status = rendered.status.unwrap_or(response.status);
                    for (name, value) in &rendered.headers {
                        response.set(name, value);
                    }
                    response.body = rendered.text.into_bytes();
                }
                Err(_) => return self.failed(Failure::ApiConfigurationError, call, request),
            }
        }
        response
    }
}

impl RestRoute {
    fn parse(
        document: &Value,
        path: &PathTemplate,
        method: String,
        operation: &Value,
    ) -> Result<RestRoute, String> {
        let operation = operation.as_object().ok_or("must be an object")?;
        check_extensions(operation)?;
        let integration = operation
            .get("x-amazon-apigateway-integration")
            .ok_or("there is no x-amazon-apigateway-integration")?;
        let (integration, timeout_ms) = RestIntegration::parse(integration)?;
        Ok(RestRoute {
            path: path.clone(),
            method,
            authorization: Authorization::of(document, operation)?,
            integration,
            operation_name: operation
                .get("operationId")
                .and_then(Value::as_str)
                .map(str::to_owned),
            timeout_ms,
        })
    }
}

fn check_extensions(operation: &Map<String, Value>) -> Result<(), String> {
    const KNOWN: [&str; 2] = [
        "x-amazon-apigateway-integration",
        "x-amazon-apigateway-auth",
    ];
    let unknown = operation
        .keys()
        .find(|name| name.starts_with("x-amazon-apigateway-") && !KNOWN.contains(&name.as_str()));
    if let Some(name) = unknown {
        return Err(format!("{name} is not built"));
    }
    Ok(())
}

fn function_target(call: &Call, function: &str, payload: Vec<u8>) -> Option<Target> {
    let function = with_stage_variables(function, &call.stage_variables)?;
    Some(Target::Function { function, payload })
}

/// The id of a resource: the same as long as its path is.
pub fn resource_id(path: &str) -> String {
    short_id(path)
}

fn answered(status: u16, body: Vec<u8>) -> Response {
    Response {
        status,
        headers: Vec::new(),
        body,
    }
}

/// AWS: what selection patterns of a function's errors are held against.
fn error_message(payload: &[u8]) -> String {
    serde_json::from_slice::<Value>(payload)
        .ok()
        .and_then(|value| value.get("errorMessage").map(text_of))
        .unwrap_or_default()
}

/// AWS: of the types that a client takes, the first one counts.
fn accepted(request: &HttpRequest) -> Option<String> {
    let first = request.header("accept")?.split(',').next()?;
    Some(media::essence(first))
}

/// `$input.params()`.
fn params(request: &HttpRequest, bound: &[(String, String)]) -> Value {
    let texts = |pairs: &mut dyn Iterator<Item = (String, String)>| -> Map<String, Value> {
        pairs
            .map(|(name, value)| (name, Value::String(value)))
            .collect()
    };
    let headers = request.headers.iter();
    let mut headers = headers.map(|(name, value)| (title_case(name), value.clone()));
    json!({
        "path": texts(&mut bound.iter().cloned()),
        "querystring": texts(&mut query_pairs(&request.query).into_iter()),
        "header": texts(&mut headers),
    })
}

fn render(
    template: &Template,
    body: &str,
    params: &Value,
    call: &Call,
    request: &HttpRequest,
    route: &RestRoute,
) -> Result<Rendered, vtl::Failure> {
    let mut context = context(call, request, &route.path.text);
    context["resourceId"] = json!(resource_id(&route.path.text));
    let stage_variables = json!(call.stage_variables);
    template.evaluate(&World::new(body, params, &context, &stage_variables))
}
