//! An HTTP API: its routes, and what it does with a request.

use serde_json::{Map, Value};

use crate::authorization::Authorization;
use crate::call::{Backend, Call, HttpRequest, Identity, Outcome, Plan, Response, Target};
use crate::cors::Cors;
use crate::event::{Resource, RouteFacts, version_1, version_2};
use crate::integration::{HttpIntegration, with_stage_variables};
use crate::media;
use crate::parameters::Sight;
use crate::reply;
use crate::route::{PathTemplate, ROUTES_MAX};

const METHODS: [&str; 7] = ["get", "put", "post", "delete", "options", "head", "patch"];

/// AWS: what an HTTP API says of a reply without a type.
const CONTENT_TYPE: &str = "text/plain;charset=UTF-8";

/// An HTTP API that can be called.
#[derive(Debug, Clone)]
pub struct HttpApi {
    pub(crate) routes: Vec<HttpRoute>,
    pub(crate) cors: Option<Cors>,
    is_disabled: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct HttpRoute {
    /// `GET /orders/{id}` or `$default`.
    pub(crate) key: String,
    /// `None` for `$default`.
    path: Option<PathTemplate>,
    /// Upper case; `ANY` for all.
    method: String,
    pub(crate) authorization: Authorization,
    pub(crate) integration: HttpIntegration,
    pub(crate) timeout_ms: u64,
}

impl HttpApi {
    pub(crate) fn parse(document: &Value) -> Result<HttpApi, Vec<String>> {
        let mut problems = Vec::new();
        let mut api = HttpApi {
            routes: Vec::new(),
            cors: None,
            is_disabled: false,
        };
        for (name, value) in document.as_object().into_iter().flatten() {
            if let Err(problem) = api.extension(name, value) {
                problems.push(format!("{name}: {problem}"));
            }
        }
        let paths = document.get("paths").and_then(Value::as_object);
        for (path, methods) in paths.into_iter().flatten() {
            for (name, operation) in methods.as_object().into_iter().flatten() {
                match api.method(document, path, name, operation) {
                    Ok(()) => {}
                    Err(problem) => problems.push(format!("{name} {path}: {problem}")),
                }
            }
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
            "x-amazon-apigateway-cors" => {
                let cors = serde_json::from_value(value.clone());
                self.cors = Some(cors.map_err(|error| error.to_string())?);
            }
            "x-amazon-apigateway-endpoint-configuration" => {
                self.is_disabled = value["disableExecuteApiEndpoint"] == true;
            }
            "x-amazon-apigateway-importexport-version" => {}
            _ if name.starts_with("x-amazon-apigateway-") => {
                return Err("is not built for HTTP APIs".to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    fn method(
        &mut self,
        document: &Value,
        path: &str,
        name: &str,
        operation: &Value,
    ) -> Result<(), String> {
        let method = match name {
            "x-amazon-apigateway-any-method" => "ANY".to_owned(),
            name if METHODS.contains(&name) => name.to_ascii_uppercase(),
            name if !name.starts_with("x-amazon-apigateway-") && name != "trace" => return Ok(()),
            _ => return Err("is not built".to_owned()),
        };
        let operation = operation.as_object().ok_or("must be an object")?;
        let unknown = operation.keys().find(|name| {
            name.starts_with("x-amazon-apigateway-")
                && name.as_str() != "x-amazon-apigateway-integration"
                && name.as_str() != "x-amazon-apigateway-auth"
        });
        if let Some(name) = unknown {
            return Err(format!("{name} is not built"));
        }
        let integration = integration_of(document, operation)?;
        let (integration, timeout_ms) = HttpIntegration::parse(integration)?;
        let template = match path.trim_start_matches('/') {
            "$default" => None,
            _ => Some(PathTemplate::parse(path)?),
        };
        let key = match (&template, method.as_str()) {
            (None, _) => "$default".to_owned(),
            (Some(_), method) => format!("{method} {path}"),
        };
        let clashes = |route: &&HttpRoute| match (&route.path, &template) {
            (Some(one), Some(other)) => route.method == method && one.is_like(other),
            (None, None) => true,
            _ => false,
        };
        if let Some(clash) = self.routes.iter().find(clashes) {
            return Err(format!("the routes {} and {key} are one", clash.key));
        }
        self.routes.push(HttpRoute {
            key,
            path: template,
            method,
            authorization: Authorization::of(document, operation)?,
            integration,
            timeout_ms,
        });
        Ok(())
    }

    /// AWS: of the routes that take path and method, the most exact path, then the method that is named.
    fn route(&self, request: &HttpRequest) -> Option<(usize, Vec<(String, String)>)> {
        let named = self.routes.iter().enumerate().filter_map(|(at, route)| {
            let takes = route.method == request.method || route.method == "ANY";
            let path = route.path.as_ref().filter(|_| takes)?;
            let bound = path.bind(&request.path)?;
            Some(((path.rank(), route.method == "ANY"), at, bound))
        });
        let best = named.min_by(|one, other| one.0.cmp(&other.0));
        if let Some((_, at, bound)) = best {
            return Some((at, bound));
        }
        let default = self.routes.iter().position(|route| route.path.is_none())?;
        Some((default, Vec::new()))
    }

    pub(crate) fn plan(&self, call: &Call, request: &HttpRequest) -> Plan {
        if self.is_disabled {
            return Plan::Answer(Response::message(403, "Forbidden"));
        }
        let preflight = self
            .cors
            .as_ref()
            .and_then(|cors| cors.preflight(request, 204));
        if let Some(response) = preflight {
            return Plan::Answer(response);
        }
        let fail = |status, message| Plan::Answer(self.failed(status, message, request));
        let Some((at, bound)) = self.route(request) else {
            return fail(404, "Not Found");
        };
        let route = &self.routes[at];
        let is_signed = route.authorization == Authorization::Iam;
        let Ok(signer) = is_signed.then(|| call.signer(request)).transpose() else {
            return fail(403, "Forbidden");
        };
        let signer = signer.as_ref();
        let target = match &route.integration {
            HttpIntegration::Function {
                function,
                version_2: is_2,
            } => {
                let Some(function) = with_stage_variables(function, &call.stage_variables) else {
                    return fail(500, "Internal Server Error");
                };
                let payload = match is_2 {
                    true => self.event_2(call, request, route, &bound, signer),
                    false => self.event_1(call, request, route, &bound, signer),
                };
                Target::Function {
                    function,
                    payload: payload.to_string().into_bytes(),
                }
            }
            HttpIntegration::Service {
                operation,
                parameters,
            } => {
                let sight = Sight {
                    call,
                    request,
                    route_key: &route.key,
                    path_parameters: &bound,
                };
                let members = parameters.iter().filter_map(|(member, mapping)| {
                    let value = mapping.value(&sight)?;
                    Some(((*member).to_owned(), Value::String(value)))
                });
                let body = Value::Object(members.collect());
                Target::Service {
                    operation,
                    body: body.to_string().into_bytes(),
                }
            }
        };
        Plan::Invoke(Backend {
            route: at,
            target,
            timeout_ms: route.timeout_ms,
        })
    }

    fn event_2(
        &self,
        call: &Call,
        request: &HttpRequest,
        route: &HttpRoute,
        bound: &[(String, String)],
        signer: Option<&Identity>,
    ) -> Value {
        let facts = RouteFacts {
            key: &route.key,
            parameters: bound,
            decodes_path: true,
            is_text: is_text(request),
            account: &call.account,
            authorizer: signer.map(Identity::authorizer),
        };
        version_2(call, request, &facts)
    }

    fn event_1(
        &self,
        call: &Call,
        request: &HttpRequest,
        route: &HttpRoute,
        bound: &[(String, String)],
        signer: Option<&Identity>,
    ) -> Value {
        let path = route.path.as_ref().map_or("$default", |path| &path.text);
        let resource = Resource {
            path,
            id: None,
            parameters: bound,
            is_binary: !is_text(request),
            is_rest: false,
            signer,
        };
        version_1(call, request, &resource)
    }

    fn failed(&self, status: u16, message: &str, request: &HttpRequest) -> Response {
        let mut response = Response::message(status, message);
        if let Some(cors) = &self.cors {
            cors.apply(request, &mut response);
        }
        response
    }

    pub(crate) fn finish(&self, at: usize, request: &HttpRequest, outcome: Outcome) -> Response {
        let integration = self.routes.get(at).map(|route| &route.integration);
        let response = match (integration, outcome) {
            (_, Outcome::TimedOut) => Some(fixed((503, "Service Unavailable"))),
            (_, Outcome::Unavailable { throttled: true }) => {
                Some(fixed((429, "Too Many Requests")))
            }
            (
                Some(HttpIntegration::Function { version_2, .. }),
                Outcome::Function {
                    payload,
                    failed: false,
                },
            ) => match version_2 {
                true => reply::version_2(&payload, CONTENT_TYPE),
                false => reply::version_1(&payload, false, true).map(|mut response| {
                    if response.header("content-type").is_none() {
                        response.set("content-type", CONTENT_TYPE);
                    }
                    response
                }),
            },
            (Some(HttpIntegration::Service { .. }), Outcome::Service { status, body }) => {
                let json = ("content-type".to_owned(), "application/json".to_owned());
                Some(Response {
                    status,
                    headers: vec![json],
                    body,
                })
            }
            _ => None,
        };
        let mut response = response.unwrap_or_else(|| fixed((500, "Internal Server Error")));
        if let Some(cors) = &self.cors {
            cors.apply(request, &mut response);
        }
        response
    }
}

fn fixed((status, message): (u16, &str)) -> Response {
    Response::message(status, message)
}

fn is_text(request: &HttpRequest) -> bool {
    media::is_text(
        request.header("content-type"),
        request.header("content-encoding"),
    )
}

/// An operation's integration, in place or by reference.
fn integration_of<'d>(
    document: &'d Value,
    operation: &'d Map<String, Value>,
) -> Result<&'d Value, String> {
    let integration = operation
        .get("x-amazon-apigateway-integration")
        .ok_or("there is no x-amazon-apigateway-integration")?;
    let Some(reference) = integration.get("$ref").and_then(Value::as_str) else {
        return Ok(integration);
    };
    reference
        .strip_prefix("#/components/x-amazon-apigateway-integrations/")
        .and_then(|name| document["components"]["x-amazon-apigateway-integrations"].get(name))
        .ok_or_else(|| format!("the reference {reference} leads nowhere"))
}
