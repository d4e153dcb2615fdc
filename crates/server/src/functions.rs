//! Lambda operations, and running a function.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use stepwell_api::Reply;
use stepwell_api::lambda::{self, Operation, Routed};
use stepwell_functions::{
    Configuration, Invocation, InvokeError, InvokeReply, PackageId, PackageSource, Pool,
};
use stepwell_service::{Answered, FunctionCode, FunctionRow, Refusal, Request};
use stepwell_store::Error as StoreError;

use crate::inbox::Refused;
use crate::shard::{FAILED, Handle};

/// Functions on a page when the caller does not say. Source: ListFunctions.
const PAGE_MAX: usize = 50;

/// What running functions needs. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Functions {
    pub(crate) handle: Handle,
    pub(crate) pool: Pool,
    /// Where handlers reach this server.
    pub(crate) endpoint_url: String,
}

/// Packages as the store has them.
struct StoredPackages(Handle);

impl PackageSource for StoredPackages {
    fn zip(&self, id: &PackageId) -> Result<Bytes, std::io::Error> {
        self.0
            .reader()
            .package(id.as_str())
            .map(Bytes::from)
            .map_err(|error| std::io::Error::other(error.to_string()))
    }
}

/// Why a function could not be run.
#[derive(Debug)]
pub(crate) enum Unrun {
    Refused(lambda::Error),
    Pool(InvokeError),
    Store(StoreError),
}

impl Functions {
    /// Runs a function and waits for its reply.
    ///
    /// - `function`: name, partial ARN or ARN.
    pub(crate) async fn invoke(
        &self,
        function: &str,
        qualifier: Option<&str>,
        invocation: Invocation,
    ) -> Result<InvokeReply, Unrun> {
        self.invoke_unless(function, qualifier, invocation, std::future::pending())
            .await
    }

    /// As [`Functions::invoke`], but if `revoked` ends before the function has a place to run in, it never runs.
    pub(crate) async fn invoke_unless(
        &self,
        function: &str,
        qualifier: Option<&str>,
        mut invocation: Invocation,
        revoked: impl Future<Output = ()> + Send,
    ) -> Result<InvokeReply, Unrun> {
        let row = match self.handle.reader().function(function, qualifier) {
            Ok(Ok(row)) => row,
            Ok(Err(Refusal::Lambda(error))) => return Err(Unrun::Refused(error)),
            Ok(Err(_)) => unreachable!("looking a function up is Lambda's"),
            Err(error) => return Err(Unrun::Store(error)),
        };
        // What the caller named may be a name alone.
        invocation.function_arn = row.arn.clone();
        let configuration = Arc::new(self.configuration(row));
        let packages: Arc<dyn PackageSource> = Arc::new(StoredPackages(self.handle.clone()));
        self.pool
            .invoke_unless(&configuration, packages, invocation, revoked)
            .await
            .map_err(Unrun::Pool)
    }

    fn configuration(&self, row: FunctionRow) -> Configuration {
        let settings = self.handle.settings();
        Configuration {
            function_arn: row.arn,
            function_name: row.name,
            version: "$LATEST".to_string(),
            runtime: row.runtime.unwrap_or_default(),
            handler: row.handler.unwrap_or_default(),
            timeout: Duration::from_secs(u64::from(row.timeout_seconds.unsigned_abs())),
            memory_mb: u32::try_from(row.memory_mb).unwrap_or(u32::MAX),
            environment: row.environment,
            package: PackageId::parse(&row.package)
                .expect("a stored package is named by its SHA-256"),
            revision: row.revision_id,
            region: settings.region.clone(),
            account: settings.account.clone(),
            endpoint_url: Some(self.endpoint_url.clone()),
            layers: Vec::new(),
            ephemeral_storage_mb: stepwell_functions::EPHEMERAL_STORAGE_MB,
            logging: stepwell_functions::Logging::default(),
            reserved_concurrency: None,
            provisioned_concurrency: None,
            invocations_per_environment: 1,
        }
    }

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
        match self.dispatch(routed, header, body, request_id).await {
            Ok(reply) => reply,
            Err(error) => error.reply(request_id),
        }
    }

    async fn dispatch(
        &self,
        routed: &Routed,
        header: &(dyn Fn(&str) -> Option<String> + Sync),
        body: Vec<u8>,
        request_id: &str,
    ) -> Result<Reply, lambda::Error> {
        let operation = routed.operation;
        let configured = |configuration: lambda::FunctionConfiguration| {
            lambda::reply(operation, request_id, &configuration)
        };
        match operation {
            Operation::CreateFunction => {
                // Decoding, checking and hashing 50 MB takes its time.
                let (input, code) = tokio::task::block_in_place(|| {
                    let mut input: lambda::CreateFunctionRequest =
                        lambda::decode(routed, &|name| header(name), body)?;
                    let zip = input.code.zip_file.take();
                    let code = code_of(
                        zip.map(|blob| blob.0),
                        input.code.s3_bucket.is_some(),
                        input.code.image_uri.is_some(),
                    )?;
                    Ok::<_, lambda::Error>((input, code))
                })?;
                self.change(Request::CreateFunction(Box::new(input), code))
                    .await
                    .map(configured)
            }
            Operation::UpdateFunctionCode => {
                let (input, code) = tokio::task::block_in_place(|| {
                    let mut input: lambda::UpdateFunctionCodeRequest =
                        lambda::decode(routed, &|name| header(name), body)?;
                    let zip = input.zip_file.take();
                    let code = code_of(
                        zip.map(|blob| blob.0),
                        input.s3_bucket.is_some(),
                        input.image_uri.is_some(),
                    )?;
                    Ok::<_, lambda::Error>((input, code))
                })?;
                self.change(Request::UpdateFunctionCode(Box::new(input), code))
                    .await
                    .map(configured)
            }
            Operation::UpdateFunctionConfiguration => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                self.change(Request::UpdateFunctionConfiguration(Box::new(input)))
                    .await
                    .map(configured)
            }
            Operation::DeleteFunction => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                self.delete(operation, input, request_id).await
            }
            Operation::GetFunctionConfiguration => {
                let input: lambda::GetFunctionConfigurationRequest =
                    lambda::decode(routed, &|name| header(name), body)?;
                Ok(configured(
                    self.row(&input.function_name, input.qualifier.as_deref())?
                        .configuration(),
                ))
            }
            Operation::GetFunction => {
                let input: lambda::GetFunctionRequest =
                    lambda::decode(routed, &|name| header(name), body)?;
                let row = self.row(&input.function_name, input.qualifier.as_deref())?;
                Ok(lambda::reply(
                    operation,
                    request_id,
                    &self.description(&row),
                ))
            }
            Operation::ListFunctions => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                Ok(lambda::reply(operation, request_id, &self.list(&input)?))
            }
            Operation::Invoke => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                let trace_id = header("x-amzn-trace-id");
                self.invoke_operation(input, trace_id, request_id).await
            }
            _ => Err(lambda::Error::not_implemented(format!(
                "Stepwell does not implement {} yet",
                operation.name()
            ))),
        }
    }

    async fn change(
        &self,
        request: Request,
    ) -> Result<lambda::FunctionConfiguration, lambda::Error> {
        match self.send(request).await? {
            Answered::Function(configuration) => Ok(*configuration),
            _ => unreachable!("the service answers with the function"),
        }
    }

    async fn delete(
        &self,
        operation: Operation,
        input: lambda::DeleteFunctionRequest,
        request_id: &str,
    ) -> Result<Reply, lambda::Error> {
        self.send(Request::DeleteFunction(input)).await?;
        Ok(lambda::reply(
            operation,
            request_id,
            &lambda::DeleteFunctionResponse::default(),
        ))
    }

    async fn send(&self, request: Request) -> Result<Answered, lambda::Error> {
        let receiver = self.handle.send(request).map_err(|refused| match refused {
            Refused::Full => lambda::Error::too_many_requests_exception("Rate exceeded"),
            Refused::Closed => lambda::Error::service_unavailable("the server is stopping"),
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

    fn row(&self, function: &str, qualifier: Option<&str>) -> Result<FunctionRow, lambda::Error> {
        match self.handle.reader().function(function, qualifier) {
            Ok(Ok(row)) => Ok(row),
            Ok(Err(Refusal::Lambda(error))) => Err(error),
            Ok(Err(_)) => unreachable!("looking a function up is Lambda's"),
            Err(error) => Err(lambda::Error::service_exception(error.to_string())),
        }
    }

    fn description(&self, row: &FunctionRow) -> lambda::GetFunctionResponse {
        lambda::GetFunctionResponse {
            configuration: Some(row.configuration()),
            code: Some(lambda::FunctionCodeLocation {
                repository_type: Some("S3".to_string()),
                location: Some(format!(
                    "{}/packages/{}.zip",
                    self.endpoint_url, row.package
                )),
                ..Default::default()
            }),
            tags: (!row.tags.is_empty()).then(|| row.tags.clone()),
            ..Default::default()
        }
    }

    fn list(
        &self,
        input: &lambda::ListFunctionsRequest,
    ) -> Result<lambda::ListFunctionsResponse, lambda::Error> {
        let limit = input
            .max_items
            .and_then(|max| usize::try_from(max).ok())
            .unwrap_or(PAGE_MAX)
            .clamp(1, PAGE_MAX);
        let (rows, next_marker) = match self
            .handle
            .reader()
            .list_functions(input.marker.as_deref(), limit)
        {
            Ok(Ok(page)) => page,
            Ok(Err(Refusal::Lambda(error))) => return Err(error),
            Ok(Err(_)) => unreachable!("listing functions is Lambda's"),
            Err(error) => return Err(lambda::Error::service_exception(error.to_string())),
        };
        Ok(lambda::ListFunctionsResponse {
            next_marker,
            functions: Some(rows.iter().map(FunctionRow::configuration).collect()),
        })
    }

    async fn invoke_operation(
        &self,
        input: lambda::InvocationRequest,
        trace_id: Option<String>,
        request_id: &str,
    ) -> Result<Reply, lambda::Error> {
        match input
            .invocation_type
            .as_deref()
            .unwrap_or("RequestResponse")
        {
            "RequestResponse" => {}
            "DryRun" => {
                self.row(&input.function_name, input.qualifier.as_deref())?;
                let dry = lambda::InvocationResponse {
                    status_code: Some(204),
                    ..Default::default()
                };
                return Ok(lambda::reply(Operation::Invoke, request_id, &dry));
            }
            other => {
                let text =
                    format!("Stepwell does not implement Invoke with InvocationType {other} yet");
                return Err(lambda::Error::not_implemented(text));
            }
        }
        let invocation = Invocation {
            request_id: request_id.to_string(),
            function_arn: input.function_name.clone(),
            payload: Bytes::from(input.payload),
            trace_id,
            client_context: input.client_context,
            log_tail: input.log_type.as_deref() == Some("Tail"),
        };
        let reply = self
            .invoke(&input.function_name, input.qualifier.as_deref(), invocation)
            .await
            .map_err(unrun_error)?;
        let response = lambda::InvocationResponse {
            status_code: Some(200),
            function_error: reply.function_error.map(|error| error.as_str().to_string()),
            log_result: reply.log_tail.map(|tail| STANDARD.encode(tail)),
            payload: reply.payload.to_vec(),
            executed_version: Some(reply.executed_version),
            ..Default::default()
        };
        Ok(lambda::reply(Operation::Invoke, request_id, &response))
    }
}

/// A package from a request: a zip that can be unpacked, named by its hash.
fn code_of(
    zip: Option<Vec<u8>>,
    is_s3: bool,
    is_image: bool,
) -> Result<FunctionCode, lambda::Error> {
    if is_s3 {
        return Err(lambda::Error::not_implemented(
            "Stepwell does not implement code from S3 yet; send it as ZipFile",
        ));
    }
    if is_image {
        return Err(lambda::Error::not_implemented(
            "Stepwell does not implement container images",
        ));
    }
    let zip = zip.ok_or_else(|| {
        lambda::Error::invalid_parameter_value_exception(
            "Please provide a source for function code.",
        )
    })?;
    stepwell_functions::package::check(&zip).map_err(|error| {
        lambda::Error::invalid_parameter_value_exception(format!("Could not unzip uploaded file. Please check your file, then try to upload again. ({error})"))
    })?;
    Ok(FunctionCode {
        package: stepwell_functions::package::id(&zip).as_str().to_string(),
        code_sha256: stepwell_functions::package::code_sha256(&zip),
        zip,
    })
}

fn unrun_error(unrun: Unrun) -> lambda::Error {
    match unrun {
        Unrun::Refused(error) => error,
        Unrun::Store(error) => lambda::Error::service_exception(error.to_string()),
        Unrun::Pool(error) => match error {
            InvokeError::TooManyRequests { reason, .. } => {
                lambda::Error::too_many_requests_exception("Rate Exceeded.")
                    .with_reason(reason.as_str())
            }
            InvokeError::InvalidRuntime(text) => lambda::Error::invalid_runtime_exception(text),
            InvokeError::InvalidZipFile(text) => lambda::Error::invalid_zip_file_exception(text),
            InvokeError::InvalidRequestContent(text) => {
                lambda::Error::invalid_request_content_exception(text)
            }
            InvokeError::RequestTooLarge { .. } => {
                lambda::Error::request_too_large_exception(error.to_string())
            }
            InvokeError::Service(text) => lambda::Error::service_exception(text),
            InvokeError::Revoked | InvokeError::ShuttingDown { .. } => {
                lambda::Error::service_unavailable(error.to_string())
            }
        },
    }
}
