//! The operations of Lambda: which one is asked, and who answers it.

use stepwell_api::Reply;
use stepwell_api::lambda::{self, Operation, Routed};
use stepwell_service::{Answered, FunctionRow, Refusal, Request};

use super::Functions;
use super::code::code_of;
use crate::inbox::Refused;
use crate::shard::FAILED;

/// Functions on a page when the caller does not say. Source: ListFunctions.
const PAGE_MAX: usize = 50;

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
            Operation::InvokeAsync
            | Operation::PutFunctionEventInvokeConfig
            | Operation::UpdateFunctionEventInvokeConfig
            | Operation::DeleteFunctionEventInvokeConfig
            | Operation::GetFunctionEventInvokeConfig
            | Operation::ListFunctionEventInvokeConfigs => {
                self.answer_asynchronous(routed, header, body, request_id)
                    .await
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

    pub(crate) async fn send(&self, request: Request) -> Result<Answered, lambda::Error> {
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

    pub(super) fn row(
        &self,
        function: &str,
        qualifier: Option<&str>,
    ) -> Result<FunctionRow, lambda::Error> {
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
}
