//! What a REST API says when no integration does: AWS's words, and what a document makes of them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::call::{Call, HttpRequest, Response};
use crate::parameters::HeaderSource;

/// A kind of failure, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failure {
    MissingAuthenticationToken,
    InvalidSignature,
    IntegrationTimeout,
    MalformedReply,
    ApiConfigurationError,
    UnsupportedMediaType,
    BadRequestBody,
}

impl Failure {
    /// Name, status, message.
    fn facts(self) -> (&'static str, u16, &'static str) {
        match self {
            Failure::MissingAuthenticationToken => (
                "MISSING_AUTHENTICATION_TOKEN",
                403,
                "Missing Authentication Token",
            ),
            Failure::InvalidSignature => ("INVALID_SIGNATURE", 403, "Forbidden"),
            Failure::IntegrationTimeout => {
                ("INTEGRATION_TIMEOUT", 504, "Endpoint request timed out")
            }
            // AWS: a malformed reply of a proxy's function answers 502.
            Failure::MalformedReply => ("INTEGRATION_FAILURE", 502, "Internal server error"),
            Failure::ApiConfigurationError => {
                ("API_CONFIGURATION_ERROR", 500, "Internal server error")
            }
            Failure::UnsupportedMediaType => {
                ("UNSUPPORTED_MEDIA_TYPE", 415, "Unsupported Media Type")
            }
            Failure::BadRequestBody => ("BAD_REQUEST_BODY", 400, "Invalid request body"),
        }
    }
}

/// `x-amazon-apigateway-gateway-responses`.
#[derive(Debug, Clone, Default)]
pub(crate) struct GatewayResponses(BTreeMap<String, Custom>);

#[derive(Debug, Clone)]
struct Custom {
    status: Option<u16>,
    headers: Vec<(String, String)>,
    /// The template for JSON: `$context` variables are put in, nothing else.
    template: Option<String>,
}

impl GatewayResponses {
    pub(crate) fn parse(value: &Value) -> Result<GatewayResponses, String> {
        let given = value.as_object().ok_or("must be an object")?;
        let mut responses = BTreeMap::new();
        for (name, response) in given {
            let custom = Custom::parse(response).map_err(|problem| format!("{name}: {problem}"))?;
            responses.insert(name.clone(), custom);
        }
        Ok(GatewayResponses(responses))
    }

    /// The response to a failure.
    ///
    /// - `message`: instead of AWS's general one.
    pub(crate) fn response(
        &self,
        failure: Failure,
        message: Option<&str>,
        call: &Call,
        request: &HttpRequest,
    ) -> Response {
        let (name, status, general) = failure.facts();
        let message = message.unwrap_or(general);
        let default = match status {
            400..500 => "DEFAULT_4XX",
            _ => "DEFAULT_5XX",
        };
        let custom = self.0.get(name).or_else(|| self.0.get(default));
        let mut response = Response::json(status, &json!({ "message": message }));
        response.set("x-amzn-errortype", error_type(failure));
        let Some(custom) = custom else {
            return response;
        };
        response.status = custom.status.unwrap_or(status);
        for (header, value) in &custom.headers {
            response.set(header, value);
        }
        if let Some(template) = &custom.template {
            response.body = filled(template, name, message, call, request).into_bytes();
        }
        response
    }
}

fn error_type(failure: Failure) -> &'static str {
    match failure {
        Failure::MissingAuthenticationToken => "MissingAuthenticationTokenException",
        Failure::InvalidSignature => "InvalidSignatureException",
        Failure::UnsupportedMediaType => "UnsupportedMediaTypeException",
        Failure::BadRequestBody => "BadRequestException",
        _ => "InternalServerErrorException",
    }
}

impl Custom {
    fn parse(value: &Value) -> Result<Custom, String> {
        let members = value.as_object().ok_or("must be an object")?;
        let names = ["statusCode", "responseParameters", "responseTemplates"];
        if let Some(name) = members.keys().find(|name| !names.contains(&name.as_str())) {
            return Err(format!("{name} is not built"));
        }
        let status = match members.get("statusCode") {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text.parse().unwrap_or_default()),
            Some(value) => Some(
                value
                    .as_u64()
                    .and_then(|n| u16::try_from(n).ok())
                    .unwrap_or_default(),
            ),
        };
        if status.is_some_and(|status| !(200..600).contains(&status)) {
            return Err("statusCode must be between 200 and 599".to_owned());
        }
        let mut headers = Vec::new();
        for (name, source) in members
            .get("responseParameters")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            let unbuilt = || format!("the response parameter {name}: {source} is not built");
            let header = name
                .strip_prefix("gatewayresponse.header.")
                .ok_or_else(unbuilt)?;
            let source = source.as_str().ok_or_else(unbuilt)?;
            match HeaderSource::parse(source, "method.request")? {
                HeaderSource::Static(text) => headers.push((header.to_owned(), text)),
                _ => return Err(unbuilt()),
            }
        }
        let templates = members.get("responseTemplates").and_then(Value::as_object);
        let mut template = None;
        for (media, text) in templates.into_iter().flatten() {
            if media != "application/json" {
                return Err(format!("a template of {media} is not built"));
            }
            let text = text.as_str().ok_or("a template must be text")?;
            template = Some(text.to_owned());
        }
        Ok(Custom {
            status,
            headers,
            template,
        })
    }
}

/// AWS: variables are replaced, and nothing else of VTL happens.
fn filled(template: &str, name: &str, message: &str, call: &Call, request: &HttpRequest) -> String {
    let quoted = Value::String(message.to_owned()).to_string();
    let replaced = [
        ("$context.error.messageString", quoted.as_str()),
        ("$context.error.message", message),
        ("$context.error.responseType", name),
        ("$context.requestId", &call.request_id),
        ("$context.extendedRequestId", &call.request_id),
        ("$context.apiId", &call.api_id),
        ("$context.stage", &call.stage),
        ("$context.path", &call.full_path),
        ("$context.httpMethod", &request.method),
        ("$context.identity.sourceIp", &request.source_ip),
    ];
    let mut text = template.to_owned();
    for (variable, value) in replaced {
        text = text.replace(variable, value);
    }
    text
}
