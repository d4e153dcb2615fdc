//! Parameter mappings: `$request.body.id` of HTTP APIs, `integration.response.header.X` of REST APIs.

use serde_json::Value;

use crate::call::{Call, HttpRequest, Response};
use crate::json_path::JsonPath;
use crate::text::{log_time, query_pairs};

/// A value of an HTTP API's request parameters: parts that are put together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mapping(Vec<Part>);

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Static(String),
    Header(String),
    Query(String),
    Path(String),
    Body(JsonPath),
    WholeBody,
    Context(String),
    StageVariable(String),
}

/// AWS: variables of an HTTP API's context. Those of authorizers that are not built are left out.
const CONTEXT: [&str; 14] = [
    "accountId",
    "apiId",
    "domainName",
    "domainPrefix",
    "httpMethod",
    "identity.sourceIp",
    "identity.userAgent",
    "path",
    "protocol",
    "requestId",
    "requestTime",
    "requestTimeEpoch",
    "routeKey",
    "stage",
];

impl Mapping {
    pub(crate) fn parse(text: &str) -> Result<Mapping, String> {
        if let Some(expression) = text.strip_prefix('$').filter(|rest| !rest.starts_with('{')) {
            return Ok(Mapping(vec![part(expression, text)?]));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find("${") {
            if at > 0 {
                parts.push(Part::Static(rest[..at].to_owned()));
            }
            let inner = &rest[at + 2..];
            let end = inner.find('}');
            let end = end.ok_or_else(|| format!("the mapping '{text}' has no '}}'"))?;
            parts.push(part(&inner[..end], text)?);
            rest = &inner[end + 1..];
        }
        if !rest.is_empty() || parts.is_empty() {
            parts.push(Part::Static(rest.to_owned()));
        }
        Ok(Mapping(parts))
    }

    /// The text; `None` where a mapping of one value finds nothing.
    pub(crate) fn value(&self, sight: &Sight<'_>) -> Option<String> {
        if let [one] = self.0.as_slice() {
            return sight.part(one);
        }
        let parts = self
            .0
            .iter()
            .map(|part| sight.part(part).unwrap_or_default());
        Some(parts.collect())
    }
}

fn part(expression: &str, whole: &str) -> Result<Part, String> {
    let unbuilt = || format!("the mapping '{whole}' is not built");
    let expression = expression.strip_prefix('$').unwrap_or(expression);
    let (root, rest) = expression.split_once('.').ok_or_else(unbuilt)?;
    match root {
        "context" if CONTEXT.contains(&rest) => Ok(Part::Context(rest.to_owned())),
        "stageVariables" if !rest.is_empty() => Ok(Part::StageVariable(rest.to_owned())),
        "request" => match rest.split_once(['.', '[']) {
            None if rest == "body" => Ok(Part::WholeBody),
            Some(("header", name)) => Ok(Part::Header(name.to_ascii_lowercase())),
            Some(("querystring", name)) => Ok(Part::Query(name.to_owned())),
            Some(("path", name)) => Ok(Part::Path(name.to_owned())),
            Some(("body", _)) => {
                JsonPath::parse(&format!("${}", &rest["body".len()..])).map(Part::Body)
            }
            _ => Err(unbuilt()),
        },
        _ => Err(unbuilt()),
    }
}

/// What a mapping can see.
pub(crate) struct Sight<'s> {
    pub(crate) call: &'s Call,
    pub(crate) request: &'s HttpRequest,
    pub(crate) route_key: &'s str,
    pub(crate) path_parameters: &'s [(String, String)],
}

impl Sight<'_> {
    fn part(&self, part: &Part) -> Option<String> {
        let joined = |values: Vec<String>| (!values.is_empty()).then(|| values.join(","));
        match part {
            Part::Static(text) => Some(text.clone()),
            Part::Header(name) => {
                let values = self
                    .request
                    .headers
                    .iter()
                    .filter(|(header, _)| header == name);
                joined(values.map(|(_, value)| value.clone()).collect())
            }
            Part::Query(name) => {
                let pairs = query_pairs(&self.request.query).into_iter();
                joined(
                    pairs
                        .filter(|(key, _)| key == name)
                        .map(|(_, value)| value)
                        .collect(),
                )
            }
            Part::Path(name) => {
                let mut parameters = self.path_parameters.iter();
                parameters
                    .find(|(key, _)| key == name)
                    .map(|(_, value)| value.clone())
            }
            Part::WholeBody => Some(String::from_utf8_lossy(&self.request.body).into_owned()),
            Part::Body(path) => {
                let body: Value = serde_json::from_slice(&self.request.body).ok()?;
                path.select(&body).map(|value| text_of(&value))
            }
            Part::Context(name) => {
                let context = context(self.call, self.request, self.route_key);
                let found = name
                    .split('.')
                    .try_fold(&context, |value, step| value.get(step))?;
                Some(text_of(found))
            }
            Part::StageVariable(name) => self.call.stage_variables.get(name).cloned(),
        }
    }
}

/// A text as it is, everything else as JSON.
pub(crate) fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `$context` of mappings and templates.
///
/// - `route`: the route key of an HTTP API, the resource's path of a REST API.
pub(crate) fn context(call: &Call, request: &HttpRequest, route: &str) -> Value {
    let agent = request.header("user-agent").unwrap_or_default();
    serde_json::json!({
        "accountId": call.account,
        "apiId": call.api_id,
        "deploymentId": call.deployment_id,
        "domainName": call.domain_name,
        "domainPrefix": call.domain_prefix(),
        "extendedRequestId": call.request_id,
        "httpMethod": request.method,
        "identity": {"sourceIp": request.source_ip, "userAgent": agent},
        "path": call.full_path,
        "protocol": "HTTP/1.1",
        "requestId": call.request_id,
        "requestTime": log_time(call.now_ms),
        "requestTimeEpoch": call.now_ms,
        "resourcePath": route,
        "routeKey": route,
        "stage": call.stage,
    })
}

/// Where a header of a REST API's response comes from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum HeaderSource {
    Static(String),
    Header(String),
    Body(JsonPath),
    Context(String),
    StageVariable(String),
}

impl HeaderSource {
    /// - `prefix`: what names the backend's response, `integration.response`.
    pub(crate) fn parse(text: &str, prefix: &str) -> Result<HeaderSource, String> {
        let unbuilt = || format!("the response parameter '{text}' is not built");
        let quoted = text
            .strip_prefix('\'')
            .and_then(|text| text.strip_suffix('\''));
        if let Some(text) = quoted {
            return Ok(HeaderSource::Static(text.to_owned()));
        }
        if let Some(name) = text.strip_prefix("context.") {
            return Ok(HeaderSource::Context(name.to_owned()));
        }
        if let Some(name) = text.strip_prefix("stageVariables.") {
            return Ok(HeaderSource::StageVariable(name.to_owned()));
        }
        let rest = text
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('.'));
        let rest = rest.ok_or_else(unbuilt)?;
        if let Some(name) = rest.strip_prefix("header.") {
            return Ok(HeaderSource::Header(name.to_ascii_lowercase()));
        }
        match rest.strip_prefix("body") {
            Some(path) if path.is_empty() || path.starts_with(['.', '[']) => {
                JsonPath::parse(&format!("${path}")).map(HeaderSource::Body)
            }
            _ => Err(unbuilt()),
        }
    }

    pub(crate) fn value(&self, backend: &Response, context: &Value, call: &Call) -> Option<String> {
        match self {
            HeaderSource::Static(text) => Some(text.clone()),
            HeaderSource::Header(name) => backend.header(name).map(str::to_owned),
            HeaderSource::Body(path) => {
                let body: Value = serde_json::from_slice(&backend.body).ok()?;
                path.select(&body).map(|value| text_of(&value))
            }
            HeaderSource::Context(name) => {
                let found = name
                    .split('.')
                    .try_fold(context, |value, step| value.get(step))?;
                Some(text_of(found))
            }
            HeaderSource::StageVariable(name) => call.stage_variables.get(name).cloned(),
        }
    }
}
