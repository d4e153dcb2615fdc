//! The operations of Lambda: which one is asked, and who answers it.

use crate::access::PACKAGES;
use stepwell_api::lambda::{self, Operation, Routed};
use stepwell_api::{Input, Output, Reply};
use stepwell_service::{Answered, LambdaRequest, LayerVersionRow, Read, Reader, Refusal, Request};

use super::Functions;
use super::code::{Source, code_of};
use super::task::unserved;
use crate::inbox::{RATE_EXCEEDED, Refused};
use crate::shard::FAILED;

/// One request of Lambda.
pub(super) struct Call<'a> {
    pub(super) routed: &'a Routed,
    /// Value of a request header by lower-case name.
    pub(super) header: &'a (dyn Fn(&str) -> Option<String> + Sync),
    pub(super) body: Vec<u8>,
    /// The members of the input where a task calls and not a client: nothing else is read then.
    pub(super) members: Option<serde_json::Value>,
    pub(super) request_id: &'a str,
}

impl Call<'_> {
    /// The input, with every constraint of the model checked. Takes the body.
    pub(super) fn input<T: Input>(&mut self) -> Result<T, lambda::Error> {
        if let Some(members) = self.members.take() {
            return lambda::decode_members(members).map_err(of_runtime);
        }
        let body = std::mem::take(&mut self.body);
        lambda::decode(self.routed, &|name| (self.header)(name), body).map_err(of_runtime)
    }

    pub(super) fn reply(&self, output: &impl Output) -> Reply {
        lambda::reply(self.routed.operation, self.request_id, output)
    }
}

/// AWS: a runtime that is none, and is all that is wrong, is refused in words of Lambda's own.
fn of_runtime(error: lambda::Error) -> lambda::Error {
    let rest = error
        .message
        .strip_prefix("1 validation error detected: Value '");
    match rest.and_then(|rest| rest.split_once("' at 'runtime' failed to satisfy constraint: ")) {
        Some((value, rule)) => lambda::Error::invalid_parameter_value_exception(format!(
            "Value {value} at 'runtime' failed to satisfy constraint: {rule} or be a valid ARN"
        )),
        None => error,
    }
}

type Replied = Result<Reply, lambda::Error>;

impl Functions {
    /// Answers one Lambda request.
    ///
    /// - `header`: value of a request header by lower-case name.
    pub(crate) async fn answer(
        &self,
        routed: &Routed,
        header: &(dyn Fn(&str) -> Option<String> + Sync),
        body: Vec<u8>,
        request_id: &str,
    ) -> Reply {
        let call = Call {
            routed,
            header,
            body,
            members: None,
            request_id,
        };
        match self.dispatch(call).await {
            Ok(reply) => reply,
            Err(error) => error.reply(request_id),
        }
    }

    pub(super) async fn dispatch(&self, call: Call<'_>) -> Replied {
        use {LambdaRequest as L, Operation as O, Request as R};
        match call.routed.operation {
            O::Invoke => self.invoke_operation(call).await,
            O::CreateFunction => self.create_function(call).await,
            O::UpdateFunctionCode => self.update_function_code(call).await,
            O::UpdateFunctionConfiguration => {
                let request = |input| R::UpdateFunctionConfiguration(Box::new(input));
                self.change(call, request).await
            }
            O::DeleteFunction => self.change(call, R::DeleteFunction).await,
            O::GetFunction => self.get_function(call),
            O::GetFunctionConfiguration => self.read(call, Reader::get_function_configuration),
            O::ListFunctions => self.read(call, Reader::list_functions),
            O::PublishVersion => self.lambda(call, L::PublishVersion).await,
            O::ListVersionsByFunction => self.read(call, Reader::list_versions_by_function),
            O::CreateAlias => self.lambda(call, L::CreateAlias).await,
            O::UpdateAlias => self.lambda(call, L::UpdateAlias).await,
            O::DeleteAlias => self.lambda(call, L::DeleteAlias).await,
            O::GetAlias => self.read(call, Reader::get_alias),
            O::ListAliases => self.read(call, Reader::list_aliases),
            O::PublishLayerVersion => self.publish_layer_version(call).await,
            O::DeleteLayerVersion => self.lambda(call, L::DeleteLayerVersion).await,
            O::GetLayerVersion => self.get_layer_version(call, Reader::layer_version),
            O::GetLayerVersionByArn => self.get_layer_version(call, Reader::layer_version_by_arn),
            O::ListLayers => self.read(call, Reader::list_layers),
            O::ListLayerVersions => self.read(call, Reader::list_layer_versions),
            O::CreateFunctionUrlConfig
            | O::UpdateFunctionUrlConfig
            | O::DeleteFunctionUrlConfig
            | O::GetFunctionUrlConfig
            | O::ListFunctionUrlConfigs => self.url_operation(call).await,
            _ => self.dispatch_settings(call).await,
        }
    }

    /// The operations of what stands beside functions and layers.
    async fn dispatch_settings(&self, call: Call<'_>) -> Replied {
        use {LambdaRequest as L, Operation as O};
        match call.routed.operation {
            O::AddLayerVersionPermission => self.lambda(call, L::AddLayerVersionPermission).await,
            O::RemoveLayerVersionPermission => {
                self.lambda(call, L::RemoveLayerVersionPermission).await
            }
            O::GetLayerVersionPolicy => self.read(call, Reader::get_layer_version_policy),
            O::AddPermission => self.lambda(call, L::AddPermission).await,
            O::RemovePermission => self.lambda(call, L::RemovePermission).await,
            O::GetPolicy => self.read(call, Reader::get_function_policy),
            O::PutFunctionConcurrency => self.lambda(call, L::PutFunctionConcurrency).await,
            O::DeleteFunctionConcurrency => self.lambda(call, L::DeleteFunctionConcurrency).await,
            O::GetFunctionConcurrency => self.read(call, Reader::get_function_concurrency),
            O::PutProvisionedConcurrencyConfig => {
                self.lambda(call, L::PutProvisionedConcurrencyConfig).await
            }
            O::DeleteProvisionedConcurrencyConfig => {
                let request = L::DeleteProvisionedConcurrencyConfig;
                self.lambda(call, request).await
            }
            O::GetProvisionedConcurrencyConfig => {
                self.read(call, Reader::get_provisioned_concurrency_config)
            }
            O::ListProvisionedConcurrencyConfigs => {
                self.read(call, Reader::list_provisioned_concurrency_configs)
            }
            O::GetAccountSettings => self.read(call, Reader::get_account_settings),
            O::TagResource => self.lambda(call, L::TagResource).await,
            O::UntagResource => self.lambda(call, L::UntagResource).await,
            O::ListTags => self.read(call, Reader::list_tags),
            O::PutFunctionRecursionConfig => self.lambda(call, L::PutFunctionRecursionConfig).await,
            O::GetFunctionRecursionConfig => self.read(call, Reader::get_function_recursion_config),
            O::PutRuntimeManagementConfig => self.lambda(call, L::PutRuntimeManagementConfig).await,
            O::GetRuntimeManagementConfig => self.read(call, Reader::get_runtime_management_config),
            O::GetFunctionCodeSigningConfig => {
                self.read(call, Reader::get_function_code_signing_config)
            }
            O::InvokeAsync
            | O::PutFunctionEventInvokeConfig
            | O::UpdateFunctionEventInvokeConfig
            | O::DeleteFunctionEventInvokeConfig
            | O::GetFunctionEventInvokeConfig
            | O::ListFunctionEventInvokeConfigs => {
                let Call {
                    routed,
                    header,
                    body,
                    members,
                    request_id,
                } = call;
                if members.is_some() {
                    return Err(unserved(routed.operation));
                }
                self.answer_asynchronous(routed, header, body, request_id)
                    .await
            }
            operation => Err(lambda::Error::not_implemented(format!(
                "Stepwell does not implement {} yet",
                operation.name()
            ))),
        }
    }

    async fn create_function(&self, mut call: Call<'_>) -> Replied {
        let request = tokio::task::block_in_place(|| {
            let mut input: lambda::CreateFunctionRequest = call.input()?;
            let code = code_of(Source {
                zip: input.code.zip_file.take(),
                is_s3: input.code.s3_bucket.is_some(),
                is_image: input.code.image_uri.is_some(),
            })?;
            Ok::<_, lambda::Error>(Request::CreateFunction(Box::new(input), code))
        })?;
        self.carry_out(&call, request).await
    }

    async fn update_function_code(&self, mut call: Call<'_>) -> Replied {
        let request = tokio::task::block_in_place(|| {
            let mut input: lambda::UpdateFunctionCodeRequest = call.input()?;
            let code = code_of(Source {
                zip: input.zip_file.take(),
                is_s3: input.s3_bucket.is_some(),
                is_image: input.image_uri.is_some(),
            })?;
            Ok::<_, lambda::Error>(Request::UpdateFunctionCode(Box::new(input), code))
        })?;
        self.carry_out(&call, request).await
    }

    async fn publish_layer_version(&self, mut call: Call<'_>) -> Replied {
        let request = tokio::task::block_in_place(|| {
            let mut input: lambda::PublishLayerVersionRequest = call.input()?;
            let code = code_of(Source {
                zip: input.content.zip_file.take(),
                is_s3: input.content.s3_bucket.is_some(),
                is_image: false,
            })?;
            let request = LambdaRequest::PublishLayerVersion(Box::new(input), code);
            Ok::<_, lambda::Error>(Request::Lambda(request))
        })?;
        self.carry_out(&call, request).await
    }

    fn get_function(&self, mut call: Call<'_>) -> Replied {
        let input = call.input()?;
        let (mut function, package) = settled(self.handle.reader().get_function(&input))?;
        function.code = Some(lambda::FunctionCodeLocation {
            repository_type: Some("S3".to_string()),
            location: Some(self.location(&package)),
            ..Default::default()
        });
        Ok(call.reply(&function))
    }

    fn get_layer_version<T: Input>(
        &self,
        mut call: Call<'_>,
        find: impl FnOnce(&Reader, &T) -> Read<LayerVersionRow>,
    ) -> Replied {
        let input = call.input()?;
        let row = settled(find(&self.handle.reader(), &input))?;
        Ok(call.reply(&self.layer_version(row)))
    }

    /// AWS: the answers of GetLayerVersion and PublishLayerVersion have the same members.
    fn layer_version(&self, row: LayerVersionRow) -> lambda::GetLayerVersionResponse {
        let layer_version_arn = row.arn();
        lambda::GetLayerVersionResponse {
            content: Some(lambda::LayerVersionContentOutput {
                location: Some(self.location(&row.package)),
                code_sha256: Some(row.code_sha256),
                code_size: i64::try_from(row.code_bytes).ok(),
                ..Default::default()
            }),
            layer_arn: Some(row.layer_arn),
            layer_version_arn: Some(layer_version_arn),
            description: Some(row.description),
            created_date: Some(stepwell_service::lambda_date(row.created_ms)),
            version: i64::try_from(row.version).ok(),
            compatible_runtimes: row.compatible_runtimes,
            compatible_architectures: row.compatible_architectures,
            license_info: row.license_info,
        }
    }

    /// Where the zip of a package can be fetched.
    fn location(&self, package: &str) -> String {
        let address = format!("{}{PACKAGES}{package}.zip", self.endpoint_url);
        self.access.package_address(address)
    }

    /// Answers an operation that changes nothing.
    pub(super) fn read<T: Input, O: Output>(
        &self,
        mut call: Call<'_>,
        answer: impl FnOnce(&Reader, &T) -> Read<O>,
    ) -> Replied {
        let input = call.input()?;
        let output = settled(answer(&self.handle.reader(), &input))?;
        Ok(call.reply(&output))
    }

    async fn lambda<T: Input>(
        &self,
        call: Call<'_>,
        request: impl FnOnce(T) -> LambdaRequest,
    ) -> Replied {
        self.change(call, |input| Request::Lambda(request(input)))
            .await
    }

    /// Answers an operation that the shard carries out.
    pub(super) async fn change<T: Input>(
        &self,
        mut call: Call<'_>,
        request: impl FnOnce(T) -> Request,
    ) -> Replied {
        let request = request(call.input()?);
        self.carry_out(&call, request).await
    }

    async fn carry_out(&self, call: &Call<'_>, request: Request) -> Replied {
        let operation = call.routed.operation;
        Ok(match self.send(request).await? {
            Answered::Function(configuration) => call.reply(configuration.as_ref()),
            Answered::FunctionDeleted => call.reply(&lambda::DeleteFunctionResponse::default()),
            Answered::LayerVersion(row) => call.reply(&self.layer_version(*row)),
            Answered::Lambda(body) => lambda::reply_written(operation, call.request_id, body),
            _ => unreachable!("the service answers an operation of Lambda as one"),
        })
    }

    pub(crate) async fn send(&self, request: Request) -> Result<Answered, lambda::Error> {
        let receiver = self.handle.send(request).map_err(|refused| match refused {
            Refused::Full => lambda::Error::too_many_requests_exception(RATE_EXCEEDED),
            Refused::Unavailable(text) => lambda::Error::service_unavailable(text),
            Refused::Failed => lambda::Error::service_exception(FAILED),
        })?;
        match receiver.await {
            Ok(Ok(answered)) => Ok(answered),
            Ok(Err(Refusal::Lambda(error))) => Err(error),
            Ok(Err(_)) => {
                unreachable!("the service answers an operation of Lambda as one")
            }
            Err(_) => Err(lambda::Error::service_exception(FAILED)),
        }
    }
}

/// What a reader answered to an operation of Lambda.
pub(super) fn settled<T>(read: Read<T>) -> Result<T, lambda::Error> {
    match read {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(Refusal::Lambda(error))) => Err(error),
        Ok(Err(_)) => unreachable!("the service answers an operation of Lambda as one"),
        Err(error) => Err(lambda::Error::service_exception(error.to_string())),
    }
}
