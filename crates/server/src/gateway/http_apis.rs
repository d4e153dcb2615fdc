//! HTTP APIs.

use stepwell_api::apigatewayv2::{self, Error, Operation, Routed};
use stepwell_api::{Output, Reply};
use stepwell_service::{ApiKind, GatewayAnswer, GatewayRequest, NewStage};

use super::shown::{self, Document};
use super::{errors, page, read_document, send, settle, tagged};
use crate::shard::Handle;

errors!(apigatewayv2, too_many_requests_exception);

/// Items of a page when the caller does not say, and at most.
const PAGE_MAX: usize = 500;

const KIND: ApiKind = ApiKind::Http;

/// Answers one request.
///
/// - `endpoint`: where the caller reaches this server, `http://host:port`.
pub(crate) async fn answer(
    handle: &Handle,
    endpoint: &str,
    routed: &Routed,
    header: &(dyn Fn(&str) -> Option<String> + Sync),
    body: Vec<u8>,
    request_id: &str,
) -> Reply {
    let asked = Asked {
        handle,
        endpoint,
        routed,
        header,
        request_id,
    };
    match asked.dispatch(body).await {
        Ok(reply) => reply,
        Err(error) => error.reply(request_id),
    }
}

struct Asked<'a> {
    handle: &'a Handle,
    endpoint: &'a str,
    routed: &'a Routed,
    header: &'a (dyn Fn(&str) -> Option<String> + Sync),
    request_id: &'a str,
}

/// An operation without output.
#[derive(serde::Serialize)]
struct Nothing {}

impl Output for Nothing {
    fn payload(&self) -> Option<&[u8]> {
        Some(&[])
    }
}

/// Outputs of several operations have the same members under different names.
#[derive(serde::Serialize)]
#[serde(transparent)]
struct Same<T: serde::Serialize>(T);

impl<T: serde::Serialize> Output for Same<T> {}

impl Asked<'_> {
    fn decode<T: stepwell_api::Input>(&self, body: Vec<u8>) -> Result<T, Error> {
        apigatewayv2::decode(self.routed, &|name| (self.header)(name), body)
    }

    fn reply(&self, output: &impl Output) -> Result<Reply, Error> {
        Ok(apigatewayv2::reply(
            self.routed.operation,
            self.request_id,
            output,
        ))
    }

    async fn dispatch(&self, body: Vec<u8>) -> Result<Reply, Error> {
        match self.routed.operation {
            Operation::ImportApi => {
                let input: apigatewayv2::ImportApiRequest = self.decode(body)?;
                check_base_path(input.basepath.as_deref())?;
                let (_, document) = tokio::task::block_in_place(|| {
                    read_document(KIND, input.body.as_bytes(), None)
                })?;
                self.change(GatewayRequest::CreateApi(KIND, document)).await
            }
            Operation::ReimportApi => {
                let input: apigatewayv2::ReimportApiRequest = self.decode(body)?;
                check_base_path(input.basepath.as_deref())?;
                let (_, document) = tokio::task::block_in_place(|| {
                    read_document(KIND, input.body.as_bytes(), None)
                })?;
                let request = GatewayRequest::ReplaceDocument {
                    kind: KIND,
                    id: input.api_id,
                    replaces: None,
                    document,
                };
                self.change(request).await
            }
            Operation::GetApi => {
                let input: apigatewayv2::GetApiRequest = self.decode(body)?;
                self.show_api(&input.api_id)
            }
            Operation::GetApis => {
                let input: apigatewayv2::GetApisRequest = self.decode(body)?;
                let apis = self.handle.reader().apis(KIND);
                let apis = apis.map_err(|error| Error::internal_failure(error.to_string()))?;
                let limit = limit(input.max_results.as_deref())?;
                let (apis, next) = page(apis, input.next_token.as_deref(), limit, |api| &api.id)?;
                let mut items = Vec::new();
                for api in &apis {
                    let found = Document::of(self.handle, KIND, &api.id)?;
                    items.push(shown::http_api(&found, self.endpoint));
                }
                let mut listed = serde_json::json!({ "items": items });
                if let Some(next) = next {
                    listed["nextToken"] = next.into();
                }
                self.reply(&Same(listed))
            }
            Operation::DeleteApi => {
                let input: apigatewayv2::DeleteApiRequest = self.decode(body)?;
                self.change(GatewayRequest::DeleteApi(KIND, input.api_id))
                    .await
            }
            Operation::GetRoutes => {
                let input: apigatewayv2::GetRoutesRequest = self.decode(body)?;
                let routes = Document::of(self.handle, KIND, &input.api_id)?.routes();
                let limit = limit(input.max_results.as_deref())?;
                let (routes, next_token) =
                    page(routes, input.next_token.as_deref(), limit, |route| {
                        &route.route_id
                    })?;
                self.reply(&apigatewayv2::GetRoutesResponse {
                    items: Some(routes.iter().map(shown::route).collect()),
                    next_token,
                })
            }
            Operation::GetIntegrations => {
                let input: apigatewayv2::GetIntegrationsRequest = self.decode(body)?;
                let routes = Document::of(self.handle, KIND, &input.api_id)?.routes();
                let limit = limit(input.max_results.as_deref())?;
                let (routes, next_token) =
                    page(routes, input.next_token.as_deref(), limit, |route| {
                        &route.integration_id
                    })?;
                self.reply(&apigatewayv2::GetIntegrationsResponse {
                    items: Some(routes.iter().map(shown::integration).collect()),
                    next_token,
                })
            }
            Operation::CreateStage
            | Operation::UpdateStage
            | Operation::GetStage
            | Operation::GetStages
            | Operation::DeleteStage => self.stages(body).await,
            Operation::TagResource | Operation::UntagResource | Operation::GetTags => {
                self.tags(body).await
            }
            other => Err(Error::not_implemented(format!(
                "Stepwell does not implement {} of API Gateway yet: an API is imported as an OpenAPI document",
                other.name()
            ))),
        }
    }

    fn show_api(&self, id: &str) -> Result<Reply, Error> {
        let found = Document::of(self.handle, KIND, id)?;
        self.reply(&Same(shown::http_api(&found, self.endpoint)))
    }

    async fn change(&self, request: GatewayRequest) -> Result<Reply, Error> {
        match send(self.handle, request).await? {
            GatewayAnswer::Api(api) => self.show_api(&api.id),
            GatewayAnswer::Stage(stage) => self.reply(&Same(shown::http_stage(*stage))),
            GatewayAnswer::Deployment(_) | GatewayAnswer::Nothing => self.reply(&Nothing {}),
        }
    }

    async fn stages(&self, body: Vec<u8>) -> Result<Reply, Error> {
        match self.routed.operation {
            Operation::CreateStage => {
                let input: apigatewayv2::CreateStageRequest = self.decode(body)?;
                if input.auto_deploy != Some(true) || input.deployment_id.is_some() {
                    let text =
                        "Stepwell does not implement stages of HTTP APIs without AutoDeploy yet";
                    return Err(Error::not_implemented(text));
                }
                let stage = NewStage {
                    name: input.stage_name,
                    deployment_id: None,
                    description: input.description,
                    variables: input.stage_variables.unwrap_or_default(),
                    tags: input.tags.unwrap_or_default(),
                };
                self.change(GatewayRequest::CreateStage(KIND, input.api_id, stage))
                    .await
            }
            Operation::UpdateStage => {
                let input: apigatewayv2::UpdateStageRequest = self.decode(body)?;
                if input.auto_deploy == Some(false) || input.deployment_id.is_some() {
                    let text =
                        "Stepwell does not implement stages of HTTP APIs without AutoDeploy yet";
                    return Err(Error::not_implemented(text));
                }
                let request = GatewayRequest::UpdateStage {
                    kind: KIND,
                    api: input.api_id,
                    name: input.stage_name,
                    deployment_id: None,
                    description: input.description,
                    variables: input.stage_variables,
                };
                self.change(request).await
            }
            Operation::DeleteStage => {
                let input: apigatewayv2::DeleteStageRequest = self.decode(body)?;
                let request = GatewayRequest::DeleteStage {
                    kind: KIND,
                    api: input.api_id,
                    name: input.stage_name,
                };
                self.change(request).await
            }
            Operation::GetStage => {
                let input: apigatewayv2::GetStageRequest = self.decode(body)?;
                let reader = self.handle.reader();
                let stage = settle(reader.api_stage(KIND, &input.api_id, &input.stage_name))?;
                self.reply(&shown::http_stage(stage))
            }
            _ => {
                let input: apigatewayv2::GetStagesRequest = self.decode(body)?;
                let stages = settle(self.handle.reader().api_stages(KIND, &input.api_id))?;
                let items: Vec<_> = stages.into_iter().map(shown::http_stage).collect();
                self.reply(&Same(serde_json::json!({ "items": items })))
            }
        }
    }

    async fn tags(&self, body: Vec<u8>) -> Result<Reply, Error> {
        let tag = |api, stage, tags, untag| GatewayRequest::Tag {
            kind: KIND,
            api,
            stage,
            tags,
            untag,
        };
        match self.routed.operation {
            Operation::TagResource => {
                let input: apigatewayv2::TagResourceRequest = self.decode(body)?;
                let (api, stage) = tagged(&input.resource_arn, "apis")?;
                let tags = input.tags.unwrap_or_default();
                send(self.handle, tag(api, stage, tags, Vec::new())).await?;
                self.reply(&apigatewayv2::TagResourceResponse {})
            }
            Operation::UntagResource => {
                let input: apigatewayv2::UntagResourceRequest = self.decode(body)?;
                let (api, stage) = tagged(&input.resource_arn, "apis")?;
                self.change(tag(api, stage, Default::default(), input.tag_keys))
                    .await
            }
            _ => {
                let input: apigatewayv2::GetTagsRequest = self.decode(body)?;
                let (api, stage) = tagged(&input.resource_arn, "apis")?;
                let reader = self.handle.reader();
                let tags = match stage {
                    Some(stage) => settle(reader.api_stage(KIND, &api, &stage))?.tags,
                    None => settle(reader.api(KIND, &api))?.tags,
                };
                self.reply(&apigatewayv2::GetTagsResponse { tags: Some(tags) })
            }
        }
    }
}

fn check_base_path(given: Option<&str>) -> Result<(), Error> {
    match given {
        None | Some("ignore") => Ok(()),
        Some(other) => Err(Error::not_implemented(format!(
            "Stepwell does not implement basepath {other} yet"
        ))),
    }
}

fn limit(given: Option<&str>) -> Result<usize, Error> {
    match given {
        None => Ok(PAGE_MAX),
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=PAGE_MAX).contains(limit))
            .ok_or_else(|| {
                let text = format!("maxResults '{text}' is not between 1 and {PAGE_MAX}");
                Error::bad_request_exception(text)
            }),
    }
}
