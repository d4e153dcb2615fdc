//! REST APIs.

use stepwell_api::apigateway::{self, Error, Operation, Routed};
use stepwell_api::{Output, Reply};
use stepwell_gateway::{merged, without_extensions};
use stepwell_service::{ApiKind, GatewayAnswer, GatewayRequest, NewStage};

use super::shown::{self, Document};
use super::{checked, errors, page, read_document, send, settle, tagged};
use crate::shard::Handle;

errors!(apigateway, limit_exceeded_exception);

/// Items of a page when the caller does not say, and at most. Source: GetRestApis.
const PAGE_DEFAULT: usize = 25;
const PAGE_MAX: usize = 500;

const KIND: ApiKind = ApiKind::Rest;

/// Answers one request.
pub(crate) async fn answer(
    handle: &Handle,
    routed: &Routed,
    header: &(dyn Fn(&str) -> Option<String> + Sync),
    body: Vec<u8>,
    request_id: &str,
) -> Reply {
    let asked = Asked {
        handle,
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

impl Asked<'_> {
    fn decode<T: stepwell_api::Input>(&self, body: Vec<u8>) -> Result<T, Error> {
        // A map in the query is every parameter of it; read beside the shape.
        apigateway::decode(self.routed, &|name| (self.header)(name), body)
    }

    fn reply(&self, output: &impl Output) -> Result<Reply, Error> {
        Ok(apigateway::reply(
            self.routed.operation,
            self.request_id,
            output,
        ))
    }

    fn query(&self, name: &str) -> Option<&str> {
        let mut pairs = self.routed.query.iter();
        pairs
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    async fn dispatch(&self, body: Vec<u8>) -> Result<Reply, Error> {
        match self.routed.operation {
            Operation::ImportRestApi => self.import(body).await,
            Operation::PutRestApi => self.put(body).await,
            Operation::GetRestApi => {
                let input: apigateway::GetRestApiRequest = self.decode(body)?;
                let api = settle(self.handle.reader().api(KIND, &input.rest_api_id))?;
                self.reply(&shown::rest_api(api))
            }
            Operation::GetRestApis => {
                let input: apigateway::GetRestApisRequest = self.decode(body)?;
                let apis = self.handle.reader().apis(KIND);
                let apis = apis.map_err(|error| Error::internal_failure(error.to_string()))?;
                let limit = limit(input.limit);
                let (apis, position) = page(apis, input.position.as_deref(), limit, |api| &api.id)?;
                self.reply(&apigateway::RestApis {
                    position,
                    items: Some(apis.into_iter().map(shown::rest_api).collect()),
                })
            }
            Operation::DeleteRestApi => {
                let input: apigateway::DeleteRestApiRequest = self.decode(body)?;
                send(
                    self.handle,
                    GatewayRequest::DeleteApi(KIND, input.rest_api_id),
                )
                .await?;
                self.reply(&Nothing {})
            }
            Operation::CreateDeployment
            | Operation::GetDeployments
            | Operation::DeleteDeployment => self.deployments(body).await,
            Operation::CreateStage
            | Operation::GetStage
            | Operation::GetStages
            | Operation::DeleteStage => self.stages(body).await,
            Operation::UpdateStage => self.update_stage(&body).await,
            Operation::GetResources => {
                let input: apigateway::GetResourcesRequest = self.decode(body)?;
                self.resources(&input)
            }
            Operation::GetExport => {
                let input: apigateway::GetExportRequest = self.decode(body)?;
                self.export(&input)
            }
            Operation::TagResource | Operation::UntagResource | Operation::GetTags => {
                self.tags(body).await
            }
            other => Err(Error::not_implemented(format!(
                "Stepwell does not implement {} of API Gateway yet: an API is imported as an OpenAPI document",
                other.name()
            ))),
        }
    }

    async fn import(&self, body: Vec<u8>) -> Result<Reply, Error> {
        self.check_parameters()?;
        let endpoint = self.query("endpointConfigurationTypes").unwrap_or("EDGE");
        let (_, document) =
            tokio::task::block_in_place(|| read_document(KIND, &body, Some(endpoint.to_string())))?;
        self.change(GatewayRequest::CreateApi(KIND, document)).await
    }

    async fn put(&self, body: Vec<u8>) -> Result<Reply, Error> {
        self.check_parameters()?;
        let input: apigateway::PutRestApiRequest = self.decode(body)?;
        let id = input.rest_api_id;
        let found = Document::of(self.handle, KIND, &id)?;
        let endpoint = found.api.facts.endpoint_type.clone();
        let (new, read) =
            tokio::task::block_in_place(|| read_document(KIND, &input.body, endpoint.clone()))?;
        let (replaces, document) = match input.mode.as_deref().unwrap_or("merge") {
            "overwrite" => (None, read),
            "merge" => {
                let both = merged(&found.document, &new);
                (Some(found.api.document), checked(KIND, &both, endpoint)?)
            }
            other => {
                let text =
                    format!("Invalid mode specified: {other}; merge and overwrite are known");
                return Err(Error::bad_request_exception(text));
            }
        };
        let request = GatewayRequest::ReplaceDocument {
            kind: KIND,
            id,
            replaces,
            document,
        };
        self.change(request).await
    }

    /// AWS: parameters of an import are those of the query that the operation does not name.
    fn check_parameters(&self) -> Result<(), Error> {
        for (name, value) in &self.routed.query {
            let is_known = match name.as_str() {
                "mode" | "failonwarnings" | "endpointConfigurationTypes" => true,
                "ignore" => value == "documentation",
                "basepath" | "basePath" => value == "ignore",
                _ => false,
            };
            if !is_known {
                let text =
                    format!("Stepwell does not implement the import parameter {name}={value} yet");
                return Err(Error::not_implemented(text));
            }
        }
        Ok(())
    }

    async fn change(&self, request: GatewayRequest) -> Result<Reply, Error> {
        match send(self.handle, request).await? {
            GatewayAnswer::Api(api) => self.reply(&shown::rest_api(*api)),
            GatewayAnswer::Stage(stage) => self.reply(&shown::rest_stage(*stage)),
            GatewayAnswer::Deployment(deployment) => self.reply(&shown::deployment(*deployment)),
            GatewayAnswer::Nothing => self.reply(&Nothing {}),
        }
    }

    async fn deployments(&self, body: Vec<u8>) -> Result<Reply, Error> {
        match self.routed.operation {
            Operation::CreateDeployment => {
                let input: apigateway::CreateDeploymentRequest = self.decode(body)?;
                if input.canary_settings.is_some() {
                    return Err(Error::not_implemented(
                        "Stepwell does not implement canarySettings yet",
                    ));
                }
                let stage = input.stage_name.map(|name| NewStage {
                    name,
                    deployment_id: None,
                    description: input.stage_description,
                    variables: input.variables.unwrap_or_default(),
                    tags: Default::default(),
                });
                let request = GatewayRequest::CreateDeployment {
                    api: input.rest_api_id,
                    description: input.description,
                    stage,
                };
                self.change(request).await
            }
            Operation::DeleteDeployment => {
                let input: apigateway::DeleteDeploymentRequest = self.decode(body)?;
                let request = GatewayRequest::DeleteDeployment {
                    api: input.rest_api_id,
                    id: input.deployment_id,
                };
                self.change(request).await
            }
            _ => {
                let input: apigateway::GetDeploymentsRequest = self.decode(body)?;
                let found = settle(self.handle.reader().api_deployments(&input.rest_api_id))?;
                let after = input.position.as_deref();
                let (found, position) = page(found, after, limit(input.limit), |one| &one.id)?;
                self.reply(&apigateway::Deployments {
                    position,
                    items: Some(found.into_iter().map(shown::deployment).collect()),
                })
            }
        }
    }

    async fn stages(&self, body: Vec<u8>) -> Result<Reply, Error> {
        match self.routed.operation {
            Operation::CreateStage => {
                let input: apigateway::CreateStageRequest = self.decode(body)?;
                if input.canary_settings.is_some() {
                    return Err(Error::not_implemented(
                        "Stepwell does not implement canarySettings yet",
                    ));
                }
                let stage = NewStage {
                    name: input.stage_name,
                    deployment_id: Some(input.deployment_id),
                    description: input.description,
                    variables: input.variables.unwrap_or_default(),
                    tags: input.tags.unwrap_or_default(),
                };
                self.change(GatewayRequest::CreateStage(KIND, input.rest_api_id, stage))
                    .await
            }
            Operation::DeleteStage => {
                let input: apigateway::DeleteStageRequest = self.decode(body)?;
                let request = GatewayRequest::DeleteStage {
                    kind: KIND,
                    api: input.rest_api_id,
                    name: input.stage_name,
                };
                self.change(request).await
            }
            Operation::GetStage => {
                let input: apigateway::GetStageRequest = self.decode(body)?;
                let reader = self.handle.reader();
                let stage = settle(reader.api_stage(KIND, &input.rest_api_id, &input.stage_name))?;
                self.reply(&shown::rest_stage(stage))
            }
            _ => {
                let input: apigateway::GetStagesRequest = self.decode(body)?;
                let mut stages = settle(self.handle.reader().api_stages(KIND, &input.rest_api_id))?;
                if let Some(wanted) = &input.deployment_id {
                    stages.retain(|stage| stage.deployment_id.as_ref() == Some(wanted));
                }
                self.reply(&apigateway::Stages {
                    item: Some(stages.into_iter().map(shown::rest_stage).collect()),
                })
            }
        }
    }

    /// AWS: a list of changes by path; the shape is not in the generated ones.
    async fn update_stage(&self, body: &[u8]) -> Result<Reply, Error> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Patches {
            #[serde(default)]
            patch_operations: Vec<Patch>,
        }
        #[derive(serde::Deserialize)]
        struct Patch {
            op: String,
            path: String,
            value: Option<String>,
        }
        let patches: Patches = serde_json::from_slice(body)
            .map_err(|error| Error::serialization_exception(error.to_string()))?;
        let segment = |name: &str| {
            let mut segments = self.routed.path.iter();
            let found = segments.find(|(segment, _)| *segment == name);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (api, name) = (segment("restapi_id"), segment("stage_name"));
        let stage = settle(self.handle.reader().api_stage(KIND, &api, &name))?;
        let mut variables = stage.variables;
        let (mut deployment_id, mut description) = (None, None);
        for Patch { op, path, value } in patches.patch_operations {
            let variable = path.strip_prefix("/variables/").map(str::to_string);
            match (op.as_str(), path.as_str(), variable, value) {
                ("replace", "/deploymentId", _, Some(value)) => deployment_id = Some(value),
                ("replace", "/description", _, value) => {
                    description = Some(value.unwrap_or_default());
                }
                ("replace" | "add", _, Some(key), Some(value)) => {
                    variables.insert(key, value);
                }
                ("remove", _, Some(key), _) => drop(variables.remove(&key)),
                // Nothing is traced.
                ("replace", "/tracingEnabled", ..) => {}
                (op, path, ..) => {
                    let text =
                        format!("Stepwell does not implement UpdateStage with {op} of {path} yet");
                    return Err(Error::not_implemented(text));
                }
            }
        }
        let request = GatewayRequest::UpdateStage {
            kind: KIND,
            api,
            name,
            deployment_id,
            description,
            variables: Some(variables),
        };
        self.change(request).await
    }

    fn resources(&self, input: &apigateway::GetResourcesRequest) -> Result<Reply, Error> {
        let found = Document::of(self.handle, KIND, &input.rest_api_id)?;
        let with_methods = input.embed.iter().flatten().any(|what| what == "methods");
        let resources = shown::resources(&found.routes(), with_methods);
        let after = input.position.as_deref();
        let (items, position) = page(resources, after, limit(input.limit), |resource| {
            resource.id.as_deref().unwrap_or_default()
        })?;
        self.reply(&apigateway::Resources {
            position,
            items: Some(items),
        })
    }

    fn export(&self, input: &apigateway::GetExportRequest) -> Result<Reply, Error> {
        let reader = self.handle.reader();
        let stage = settle(reader.api_stage(KIND, &input.rest_api_id, &input.stage_name))?;
        let id = stage.deployment_id.unwrap_or_default();
        let deployment = settle(reader.api_deployment(&input.rest_api_id, &id))?;
        let text = reader
            .api_document(&input.rest_api_id, &deployment.document)
            .map_err(|error| Error::internal_failure(error.to_string()))?;
        let document: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| Error::internal_failure(error.to_string()))?;
        let kind = match document.get("swagger") {
            Some(_) => "swagger",
            None => "oas30",
        };
        if input.export_type != kind {
            let text = format!(
                "Stepwell does not implement the export of a document of type {kind} as {} yet",
                input.export_type
            );
            return Err(Error::not_implemented(text));
        }
        if input
            .accepts
            .as_deref()
            .is_some_and(|accepts| accepts.contains("yaml"))
        {
            return Err(Error::not_implemented(
                "Stepwell does not implement exports in YAML yet",
            ));
        }
        let extensions = self.query("extensions").unwrap_or_default();
        let document =
            match extensions.contains("apigateway") || extensions.contains("integrations") {
                true => document,
                false => without_extensions(&document),
            };
        self.reply(&apigateway::ExportResponse {
            content_type: Some("application/json".to_string()),
            content_disposition: Some(format!(
                "attachment; filename=\"{kind}_{}.json\"",
                input.stage_name
            )),
            body: document.to_string().into_bytes(),
        })
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
                let input: apigateway::TagResourceRequest = self.decode(body)?;
                let (api, stage) = tagged(&input.resource_arn, "restapis")?;
                self.change(tag(api, stage, input.tags, Vec::new())).await
            }
            Operation::UntagResource => {
                let input: apigateway::UntagResourceRequest = self.decode(body)?;
                let (api, stage) = tagged(&input.resource_arn, "restapis")?;
                self.change(tag(api, stage, Default::default(), input.tag_keys))
                    .await
            }
            _ => {
                let input: apigateway::GetTagsRequest = self.decode(body)?;
                let (api, stage) = tagged(&input.resource_arn, "restapis")?;
                let reader = self.handle.reader();
                let tags = match stage {
                    Some(stage) => settle(reader.api_stage(KIND, &api, &stage))?.tags,
                    None => settle(reader.api(KIND, &api))?.tags,
                };
                self.reply(&apigateway::Tags { tags: Some(tags) })
            }
        }
    }
}

fn limit(given: Option<i32>) -> usize {
    let given = given.and_then(|limit| usize::try_from(limit).ok());
    given
        .filter(|limit| *limit > 0)
        .unwrap_or(PAGE_DEFAULT)
        .min(PAGE_MAX)
}
