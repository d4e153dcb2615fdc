//! The operations of API Gateway: documents come in, routes and stages are shown.

mod http_apis;
mod rest_apis;
mod shown;

pub(crate) use http_apis::answer as answer_http;
pub(crate) use rest_apis::answer as answer_rest;

use std::collections::BTreeMap;

use serde_json::Value;
use stepwell_gateway::{Api, parse_document};
use stepwell_service::{
    Answered, ApiDocument, ApiFacts, ApiKind, GatewayAnswer, GatewayRefusal, GatewayRequest,
    Refusal, Request,
};

use crate::front::protocol;
use crate::inbox::Refused;
use crate::shard::{FAILED, Handle};

/// Why an operation fails, whichever of the two services says it.
pub(crate) enum Failure {
    Refused(GatewayRefusal),
    NotImplemented(String),
    Throttled,
    Unavailable(&'static str),
    Internal(String),
}

impl From<GatewayRefusal> for Failure {
    fn from(refusal: GatewayRefusal) -> Failure {
        Failure::Refused(refusal)
    }
}

/// The errors of one of the two services.
macro_rules! errors {
    ($service:ident, $limit:ident) => {
        impl From<$crate::gateway::Failure> for stepwell_api::$service::Error {
            fn from(failure: $crate::gateway::Failure) -> Self {
                use stepwell_api::$service::Error;
                use stepwell_service::GatewayRefusal;
                use $crate::gateway::Failure;
                match failure {
                    Failure::Refused(GatewayRefusal::NotFound(text)) => {
                        Error::not_found_exception(text)
                    }
                    Failure::Refused(GatewayRefusal::Conflict(text)) => {
                        Error::conflict_exception(text)
                    }
                    Failure::Refused(GatewayRefusal::BadRequest(text)) => {
                        Error::bad_request_exception(text)
                    }
                    Failure::Refused(GatewayRefusal::Limit(text)) => Error::$limit(text),
                    Failure::NotImplemented(text) => Error::not_implemented(text),
                    Failure::Throttled => Error::throttling_exception($crate::inbox::RATE_EXCEEDED),
                    Failure::Unavailable(text) => Error::service_unavailable(text),
                    Failure::Internal(text) => Error::internal_failure(text),
                }
            }
        }
    };
}
pub(crate) use errors;

async fn send(handle: &Handle, request: GatewayRequest) -> Result<GatewayAnswer, Failure> {
    let receiver =
        handle
            .send(Request::Gateway(Box::new(request)))
            .map_err(|refused| match refused {
                Refused::Full => Failure::Throttled,
                Refused::Unavailable(text) => Failure::Unavailable(text),
                Refused::Failed => Failure::Internal(FAILED.to_string()),
            })?;
    match receiver.await {
        Ok(Ok(Answered::Gateway(answer))) => Ok(*answer),
        Ok(Err(Refusal::Gateway(refusal))) => Err(Failure::Refused(refusal)),
        Ok(_) => unreachable!("the service answers an operation of API Gateway as one"),
        Err(_) => Err(Failure::Internal(FAILED.to_string())),
    }
}

fn settle<T>(read: stepwell_service::Read<T>) -> Result<T, Failure> {
    match read {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(Refusal::Gateway(refusal))) => Err(Failure::Refused(refusal)),
        Ok(Err(_)) => unreachable!("the service answers an operation of API Gateway as one"),
        Err(error) => Err(Failure::Internal(error.to_string())),
    }
}

/// A document as it came, read and found good.
fn read_document(
    kind: ApiKind,
    body: &[u8],
    endpoint_type: Option<String>,
) -> Result<(Value, ApiDocument), Failure> {
    let bad = |text: String| Failure::Refused(GatewayRefusal::BadRequest(text));
    let document = parse_document(body).map_err(bad)?;
    let read = checked(kind, &document, endpoint_type)?;
    Ok((document, read))
}

/// - Errors: `NotImplemented` where the document asks for what is not built, else `BadRequestException`.
fn checked(
    kind: ApiKind,
    document: &Value,
    endpoint_type: Option<String>,
) -> Result<ApiDocument, Failure> {
    let api = Api::parse(protocol(kind), document).map_err(|problems| {
        let text = format!("Errors found during import:\n\t{}", problems.join("\n\t"));
        match text.contains("not built") {
            true => Failure::NotImplemented(text),
            false => Failure::Refused(GatewayRefusal::BadRequest(text)),
        }
    })?;
    let about = api.description(document);
    Ok(ApiDocument {
        text: document.to_string(),
        facts: ApiFacts {
            name: about.name,
            version: about.version,
            description: about.description,
            binary_media_types: about.binary_media_types,
            endpoint_type,
        },
        tags: tags_of(document),
    })
}

/// AWS: the tags of a document that have a value for API Gateway.
fn tags_of(document: &Value) -> Option<BTreeMap<String, String>> {
    let tags = document["tags"].as_array()?;
    let tags = tags.iter().filter_map(|tag| {
        let value = tag.get("x-amazon-apigateway-tag-value")?.as_str()?;
        Some((tag["name"].as_str()?.to_string(), value.to_string()))
    });
    let tags: BTreeMap<String, String> = tags.collect();
    (!tags.is_empty()).then_some(tags)
}

/// What an ARN names: an API, and perhaps one of its stages.
fn tagged(arn: &str, apis: &str) -> Result<(String, Option<String>), Failure> {
    let invalid = || {
        let text = format!("Invalid ARN specified in the request: {arn}");
        Failure::Refused(GatewayRefusal::BadRequest(text))
    };
    let path = arn.split("::").nth(1).ok_or_else(invalid)?;
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    match segments.as_slice() {
        [kind, id] if *kind == apis => Ok(((*id).to_string(), None)),
        [kind, id, "stages", stage] if *kind == apis => {
            Ok(((*id).to_string(), Some((*stage).to_string())))
        }
        _ => Err(invalid()),
    }
}

/// A page of a list, and where the next one begins.
///
/// - `after`: id of the last page's last item.
fn page<T>(
    mut items: Vec<T>,
    after: Option<&str>,
    limit: usize,
    id: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, Option<String>), Failure> {
    if let Some(after) = after {
        let Some(at) = items.iter().position(|item| id(item) == after) else {
            let text = format!("Invalid position parameter specified: {after}");
            return Err(Failure::Refused(GatewayRefusal::BadRequest(text)));
        };
        items.drain(..=at);
    }
    let has_more = items.len() > limit;
    items.truncate(limit);
    let last = items.last().filter(|_| has_more);
    let position = last.map(|item| id(item).to_string());
    Ok((items, position))
}
