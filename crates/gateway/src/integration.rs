//! `x-amazon-apigateway-integration`: what a route calls, and how requests and responses are changed on the way.

use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use crate::call::SERVICE_OPERATIONS;
use crate::parameters::{HeaderSource, Mapping};
use crate::vtl::Template;

/// Longest time that a route waits. AWS: 29 seconds for a REST API, 30 for an HTTP API.
pub const TIMEOUT_MS_MAX: u64 = 30_000;

/// AWS: REST APIs.
pub(crate) const REST_TIMEOUT_MS: u64 = 29_000;

/// Shortest time that may be asked for. Source: API Gateway quotas.
const TIMEOUT_MS_MIN: u64 = 50;

/// Responses of one integration.
const RESPONSES_MAX: usize = 100;

/// Bytes that a selection pattern may take once it is compiled.
const PATTERN_BYTES_MAX: usize = 1 << 20;

/// What a route of a REST API calls.
#[derive(Debug, Clone)]
pub(crate) enum RestIntegration {
    /// `aws_proxy`.
    Proxy {
        function: String,
    },
    /// `aws` with a function.
    Function {
        function: String,
        mapping: RestMapping,
    },
    /// `aws` with an operation of Step Functions.
    Service {
        operation: &'static str,
        mapping: RestMapping,
    },
    Mock(RestMapping),
}

/// How a REST API changes requests and responses.
#[derive(Debug, Clone)]
pub(crate) struct RestMapping {
    /// Content type to template.
    pub(crate) templates: Vec<(String, Template)>,
    pub(crate) passthrough: Passthrough,
    pub(crate) responses: Vec<IntegrationResponse>,
}

/// What happens to a body that no template is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Passthrough {
    WhenNoMatch,
    WhenNoTemplates,
    Never,
}

#[derive(Debug, Clone)]
pub(crate) struct IntegrationResponse {
    /// `None` for the default.
    pub(crate) pattern: Option<Regex>,
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, HeaderSource)>,
    pub(crate) templates: Vec<(String, Template)>,
}

/// What a route of an HTTP API calls.
#[derive(Debug, Clone)]
pub(crate) enum HttpIntegration {
    Function {
        function: String,
        version_2: bool,
    },
    Service {
        operation: &'static str,
        /// Member of the operation's input to its mapping.
        parameters: Vec<(&'static str, Mapping)>,
    },
}

/// Members that are known and change nothing here.
const INERT: [&str; 5] = [
    "httpMethod",
    "credentials",
    "cacheNamespace",
    "cacheKeyParameters",
    "description",
];

fn members(value: &Value) -> Result<&Map<String, Value>, String> {
    value
        .as_object()
        .ok_or_else(|| "x-amazon-apigateway-integration must be an object".to_owned())
}

fn text<'v>(members: &'v Map<String, Value>, name: &str) -> Result<Option<&'v str>, String> {
    match members.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(format!("{name} must be text, not {other}")),
    }
}

fn known(members: &Map<String, Value>, names: &[&str]) -> Result<(), String> {
    let is_known =
        |name: &&String| names.contains(&name.as_str()) || INERT.contains(&name.as_str());
    match members.keys().find(|name| !is_known(name)) {
        Some(name) => Err(format!("{name} is not built")),
        None => Ok(()),
    }
}

fn timeout(members: &Map<String, Value>, longest: u64) -> Result<u64, String> {
    match members.get("timeoutInMillis") {
        None | Some(Value::Null) => Ok(longest),
        Some(value) => value
            .as_u64()
            .filter(|ms| (TIMEOUT_MS_MIN..=longest).contains(ms))
            .ok_or_else(|| {
                format!("timeoutInMillis {value} is not between {TIMEOUT_MS_MIN} and {longest}")
            }),
    }
}

fn check_connection(members: &Map<String, Value>) -> Result<(), String> {
    match text(members, "connectionType")? {
        None | Some("INTERNET") => Ok(()),
        Some(other) => Err(format!("connectionType {other} is not built")),
    }
}

impl RestIntegration {
    /// The integration and its time-out in milliseconds.
    pub(crate) fn parse(value: &Value) -> Result<(RestIntegration, u64), String> {
        let members = members(value)?;
        let kind = text(members, "type")?
            .unwrap_or_default()
            .to_ascii_lowercase();
        check_connection(members)?;
        let timeout_ms = timeout(members, REST_TIMEOUT_MS)?;
        let uri = text(members, "uri")?.unwrap_or_default();
        let integration = match kind.as_str() {
            "aws_proxy" => {
                known(members, &PROXY)?;
                proxy_is_plain(members)?;
                RestIntegration::Proxy {
                    function: function_of(uri)?,
                }
            }
            "aws" => {
                known(members, &MAPPED)?;
                let mapping = RestMapping::parse(members)?;
                match service_action(uri) {
                    Some(action) => RestIntegration::Service {
                        operation: operation(action)?,
                        mapping,
                    },
                    None => RestIntegration::Function {
                        function: function_of(uri)?,
                        mapping,
                    },
                }
            }
            "mock" => {
                known(members, &MAPPED)?;
                RestIntegration::Mock(RestMapping::parse(members)?)
            }
            other => return Err(format!("an integration of type '{other}' is not built")),
        };
        Ok((integration, timeout_ms))
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self {
            RestIntegration::Proxy { .. } => "AWS_PROXY",
            RestIntegration::Function { .. } | RestIntegration::Service { .. } => "AWS",
            RestIntegration::Mock(_) => "MOCK",
        }
    }
}

/// Members of a proxy integration.
const PROXY: [&str; 10] = [
    "type",
    "uri",
    "timeoutInMillis",
    "connectionType",
    "passthroughBehavior",
    "contentHandling",
    "responses",
    "payloadFormatVersion",
    "requestParameters",
    "requestTemplates",
];

/// Members of an integration with templates.
const MAPPED: [&str; 9] = [
    "type",
    "uri",
    "timeoutInMillis",
    "connectionType",
    "passthroughBehavior",
    "contentHandling",
    "responses",
    "requestParameters",
    "requestTemplates",
];

/// AWS: a proxy integration hands requests on as they are; what says otherwise has no effect there.
fn proxy_is_plain(members: &Map<String, Value>) -> Result<(), String> {
    match text(members, "payloadFormatVersion")? {
        None | Some("1.0") => {}
        Some(other) => {
            return Err(format!(
                "payloadFormatVersion {other} is not built for REST APIs"
            ));
        }
    }
    for name in ["requestParameters", "requestTemplates"] {
        if members
            .get(name)
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty())
        {
            return Err(format!("{name} of an aws_proxy integration is not built"));
        }
    }
    content_handling(members)
}

/// Bodies are text here until they are base64, so there is one conversion less.
fn content_handling(members: &Map<String, Value>) -> Result<(), String> {
    match text(members, "contentHandling")? {
        None | Some("CONVERT_TO_TEXT") => Ok(()),
        Some(other) => Err(format!("contentHandling {other} is not built")),
    }
}

impl RestMapping {
    fn parse(members: &Map<String, Value>) -> Result<RestMapping, String> {
        content_handling(members)?;
        request_parameters(members)?;
        let passthrough = text(members, "passthroughBehavior")?.unwrap_or("when_no_match");
        let passthrough = match passthrough.to_ascii_lowercase().as_str() {
            "when_no_match" => Passthrough::WhenNoMatch,
            "when_no_templates" => Passthrough::WhenNoTemplates,
            "never" => Passthrough::Never,
            other => return Err(format!("passthroughBehavior {other} is not built")),
        };
        let mut responses = Vec::new();
        if let Some(given) = members.get("responses") {
            let given = given.as_object().ok_or("responses must be an object")?;
            if given.len() > RESPONSES_MAX {
                return Err(format!("more than {RESPONSES_MAX} responses"));
            }
            for (pattern, response) in given {
                let parsed = IntegrationResponse::parse(pattern, response)
                    .map_err(|problem| format!("response '{pattern}': {problem}"))?;
                responses.push(parsed);
            }
        }
        Ok(RestMapping {
            templates: templates(members.get("requestTemplates"), "requestTemplates")?,
            passthrough,
            responses,
        })
    }

    /// The response for what the backend said; AWS: patterns in the order of the document, then the default.
    ///
    /// - `said`: the status as text, or a function's error message; `None` where a function succeeded.
    pub(crate) fn response(&self, said: Option<&str>) -> Option<&IntegrationResponse> {
        let matches = |response: &&IntegrationResponse| {
            let pattern = response.pattern.as_ref();
            pattern
                .zip(said)
                .is_some_and(|(pattern, said)| pattern.is_match(said))
        };
        let default = |response: &&IntegrationResponse| response.pattern.is_none();
        self.responses
            .iter()
            .find(matches)
            .or_else(|| self.responses.iter().find(default))
    }
}

/// AWS: headers for the backend. Two of them are what is done here anyway.
fn request_parameters(members: &Map<String, Value>) -> Result<(), String> {
    let Some(parameters) = members.get("requestParameters") else {
        return Ok(());
    };
    let parameters = parameters
        .as_object()
        .ok_or("requestParameters must be an object")?;
    for (name, value) in parameters {
        let is_done = match (name.to_ascii_lowercase().as_str(), value.as_str()) {
            ("integration.request.header.content-type", Some(value)) => {
                value.starts_with("'application/") && value.contains("json")
            }
            ("integration.request.header.x-amz-invocation-type", Some(value)) => {
                value == "'RequestResponse'"
            }
            _ => false,
        };
        if !is_done {
            return Err(format!(
                "the request parameter {name}: {value} is not built"
            ));
        }
    }
    Ok(())
}

impl IntegrationResponse {
    fn parse(pattern: &str, value: &Value) -> Result<IntegrationResponse, String> {
        let members = value.as_object().ok_or("must be an object")?;
        let names = [
            "statusCode",
            "responseParameters",
            "responseTemplates",
            "contentHandling",
        ];
        known(members, &names)?;
        content_handling(members)?;
        let status = match &members.get("statusCode") {
            Some(Value::String(text)) => text.parse().ok(),
            Some(Value::Number(number)) => number.as_u64().and_then(|n| u16::try_from(n).ok()),
            _ => None,
        };
        let status = status.filter(|status| (200..600).contains(status));
        let mut headers = Vec::new();
        if let Some(parameters) = members.get("responseParameters") {
            let parameters = parameters
                .as_object()
                .ok_or("responseParameters must be an object")?;
            for (name, source) in parameters {
                let header = name
                    .strip_prefix("method.response.header.")
                    .ok_or_else(|| format!("the response parameter '{name}' is not built"))?;
                let source = source
                    .as_str()
                    .ok_or_else(|| format!("the response parameter '{name}' must be text"))?;
                let source = HeaderSource::parse(source, "integration.response")?;
                headers.push((header.to_owned(), source));
            }
        }
        Ok(IntegrationResponse {
            pattern: selection_pattern(pattern)?,
            status: status.ok_or("statusCode must be between 200 and 599")?,
            headers,
            templates: templates(members.get("responseTemplates"), "responseTemplates")?,
        })
    }
}

fn selection_pattern(pattern: &str) -> Result<Option<Regex>, String> {
    if pattern == "default" || pattern.is_empty() {
        return Ok(None);
    }
    // Java: `matches` takes the whole text.
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .size_limit(PATTERN_BYTES_MAX)
        .build()
        .map(Some)
        .map_err(|_| "this pattern is not built".to_owned())
}

fn templates(value: Option<&Value>, what: &str) -> Result<Vec<(String, Template)>, String> {
    let Some(value) = value.filter(|value| !value.is_null()) else {
        return Ok(Vec::new());
    };
    let map = value
        .as_object()
        .ok_or_else(|| format!("{what} must be an object"))?;
    let mut templates = Vec::new();
    for (media, text) in map {
        let text = match text {
            Value::Null => "",
            Value::String(text) => text,
            _ => return Err(format!("{what} of {media} must be text")),
        };
        let template =
            Template::parse(text).map_err(|problem| format!("{what} of {media}: {problem}"))?;
        templates.push((media.to_ascii_lowercase(), template));
    }
    Ok(templates)
}

/// `arn:aws:apigateway:REGION:states:action/StartExecution`.
fn service_action(uri: &str) -> Option<&str> {
    let mut parts = uri.splitn(6, ':');
    let is_gateway = parts.next() == Some("arn")
        && parts.next()?.starts_with("aws")
        && parts.next() == Some("apigateway");
    let (_region, service, rest) = (parts.next()?, parts.next()?, parts.next()?);
    (is_gateway && service != "lambda").then_some(())?;
    match service {
        "states" => Some(rest.strip_prefix("action/").unwrap_or(rest)),
        _ => Some(uri),
    }
}

fn operation(action: &str) -> Result<&'static str, String> {
    let found = SERVICE_OPERATIONS.iter().find(|known| **known == action);
    found
        .copied()
        .ok_or_else(|| format!("an integration with '{action}' is not built"))
}

/// The function that a URI names: through API Gateway's path for Lambda, or by its own ARN.
fn function_of(uri: &str) -> Result<String, String> {
    let problem = || format!("the uri '{uri}' names no function");
    let function = match uri.split_once(":lambda:path/2015-03-31/functions/") {
        Some((_, rest)) => rest.strip_suffix("/invocations").ok_or_else(problem)?,
        None => uri,
    };
    let is_function = function.starts_with("arn:aws") && function.contains(":lambda:");
    if !is_function || function.contains('/') {
        return Err(problem());
    }
    Ok(function.to_owned())
}

/// A function's ARN with its stage variables, `${stageVariables.name}`, put in.
pub(crate) fn with_stage_variables(
    function: &str,
    variables: &std::collections::BTreeMap<String, String>,
) -> Option<String> {
    const BEGIN: &str = "${stageVariables.";
    let mut text = String::new();
    let mut rest = function;
    while let Some(at) = rest.find(BEGIN) {
        let (before, after) = (&rest[..at], &rest[at + BEGIN.len()..]);
        let (name, after) = after.split_once('}')?;
        text.push_str(before);
        text.push_str(variables.get(name)?);
        rest = after;
    }
    Some(text + rest)
}

/// Members of an HTTP API's integration.
const HTTP: [&str; 7] = [
    "type",
    "uri",
    "timeoutInMillis",
    "connectionType",
    "payloadFormatVersion",
    "integrationSubtype",
    "requestParameters",
];

impl HttpIntegration {
    /// The integration and its time-out in milliseconds.
    pub(crate) fn parse(value: &Value) -> Result<(HttpIntegration, u64), String> {
        let members = members(value)?;
        let kind = text(members, "type")?
            .unwrap_or_default()
            .to_ascii_lowercase();
        if kind != "aws_proxy" {
            return Err(format!("an integration of type '{kind}' is not built"));
        }
        known(members, &HTTP)?;
        check_connection(members)?;
        let timeout_ms = timeout(members, TIMEOUT_MS_MAX)?;
        let version = text(members, "payloadFormatVersion")?;
        if let Some(subtype) = text(members, "integrationSubtype")? {
            let integration = service(subtype, members.get("requestParameters"))?;
            return Ok((integration, timeout_ms));
        }
        if members
            .get("requestParameters")
            .and_then(Value::as_object)
            .is_some_and(|map| !map.is_empty())
        {
            return Err("requestParameters of a function's integration is not built".to_owned());
        }
        let version_2 = match version {
            Some("2.0") => true,
            Some("1.0") => false,
            // AWS: required of who does not use the console.
            other => {
                let given = other.unwrap_or("none");
                return Err(format!(
                    "payloadFormatVersion must be 1.0 or 2.0, not {given}"
                ));
            }
        };
        let uri = text(members, "uri")?.unwrap_or_default();
        let function = function_of(uri)?;
        Ok((
            HttpIntegration::Function {
                function,
                version_2,
            },
            timeout_ms,
        ))
    }
}

/// Subtypes of Step Functions: operation, required parameters, all parameters with the members they become.
type Subtype = (
    &'static str,
    &'static [&'static str],
    &'static [(&'static str, &'static str)],
);

fn subtype(name: &str) -> Option<Subtype> {
    match name {
        "StepFunctions-StartExecution" => Some((
            "StartExecution",
            &["StateMachineArn"],
            &[
                ("StateMachineArn", "stateMachineArn"),
                ("Name", "name"),
                ("Input", "input"),
            ],
        )),
        "StepFunctions-StartSyncExecution" => Some((
            "StartSyncExecution",
            &["StateMachineArn"],
            &[
                ("StateMachineArn", "stateMachineArn"),
                ("Name", "name"),
                ("Input", "input"),
                ("TraceHeader", "traceHeader"),
            ],
        )),
        "StepFunctions-StopExecution" => Some((
            "StopExecution",
            &["ExecutionArn"],
            &[
                ("ExecutionArn", "executionArn"),
                ("Cause", "cause"),
                ("Error", "error"),
            ],
        )),
        _ => None,
    }
}

fn service(name: &str, parameters: Option<&Value>) -> Result<HttpIntegration, String> {
    let (operation, required, known) =
        subtype(name).ok_or_else(|| format!("the integrationSubtype {name} is not built"))?;
    let empty = Map::new();
    let given = match parameters {
        None | Some(Value::Null) => &empty,
        Some(value) => value
            .as_object()
            .ok_or("requestParameters must be an object")?,
    };
    if let Some(missing) = required.iter().find(|name| !given.contains_key(**name)) {
        return Err(format!("{name} needs the request parameter {missing}"));
    }
    let mut mapped = Vec::new();
    for (parameter, value) in given {
        let value = value
            .as_str()
            .ok_or_else(|| format!("the request parameter {parameter} must be text"))?;
        // There is one region.
        if parameter == "Region" {
            continue;
        }
        let member = known.iter().find(|(name, _)| name == parameter);
        let (_, member) =
            member.ok_or_else(|| format!("{name} has no request parameter {parameter}"))?;
        mapped.push((*member, Mapping::parse(value)?));
    }
    Ok(HttpIntegration::Service {
        operation,
        parameters: mapped,
    })
}
