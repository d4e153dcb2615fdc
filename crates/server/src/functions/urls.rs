//! URLs of functions: their configuration.

use stepwell_api::DateTime;
use stepwell_api::Reply;
use stepwell_api::lambda::{self, Operation};
use stepwell_service::{Answered, FunctionUrlRow, Request, UrlRequest};

use super::Functions;
use super::operations::{Call, settled};

impl Functions {
    /// Answers an operation on a function's URL.
    ///
    /// The URL is one that the caller reaches: it begins with the host that the caller used.
    pub(super) async fn url_operation(&self, mut call: Call<'_>) -> Result<Reply, lambda::Error> {
        let endpoint = match (call.header)("host") {
            Some(host) => format!("http://{host}"),
            None => self.endpoint_url.clone(),
        };
        match call.routed.operation {
            Operation::CreateFunctionUrlConfig => {
                let input: lambda::CreateFunctionUrlConfigRequest = call.input()?;
                let row = self.change_url(UrlRequest::Create(input)).await?;
                Ok(call.reply(&created(row, &endpoint)))
            }
            Operation::UpdateFunctionUrlConfig => {
                let input: lambda::UpdateFunctionUrlConfigRequest = call.input()?;
                let row = self.change_url(UrlRequest::Update(input)).await?;
                Ok(call.reply(&updated(row, &endpoint)))
            }
            Operation::DeleteFunctionUrlConfig => {
                let input = call.input()?;
                self.send(Request::FunctionUrl(UrlRequest::Delete(input)))
                    .await?;
                Ok(call.reply(&lambda::DeleteFunctionResponse::default()))
            }
            Operation::GetFunctionUrlConfig => {
                let input: lambda::GetFunctionUrlConfigRequest = call.input()?;
                let reader = self.handle.reader();
                let found = reader.function_url(&input.function_name, input.qualifier.as_deref());
                Ok(call.reply(&got(settled(found)?, &endpoint)))
            }
            _ => {
                let input: lambda::ListFunctionUrlConfigsRequest = call.input()?;
                let (rows, next_marker) = settled(self.handle.reader().function_urls(&input))?;
                let configs = rows.into_iter().map(|row| listed(row, &endpoint));
                Ok(call.reply(&lambda::ListFunctionUrlConfigsResponse {
                    function_url_configs: configs.collect(),
                    next_marker,
                }))
            }
        }
    }

    async fn change_url(&self, request: UrlRequest) -> Result<FunctionUrlRow, lambda::Error> {
        match self.send(Request::FunctionUrl(request)).await? {
            Answered::FunctionUrl(Some(row)) => Ok(*row),
            _ => unreachable!("the service answers with the URL"),
        }
    }
}

/// AWS: ends in a slash.
fn url(row: &FunctionUrlRow, endpoint: &str) -> String {
    format!("{endpoint}/lambda-url/{}/", row.id)
}

/// A function URL in one of the shapes that the operations answer with, which differ in their names; the first has no
/// `last_modified_time`.
macro_rules! described {
    ($shape:ident, $row:ident, $endpoint:ident $(, $changed:ident)?) => {
        lambda::$shape {
            $($changed: DateTime::from_ms($row.updated_ms).to_string(),)?
            function_url: url(&$row, $endpoint),
            function_arn: $row.arn,
            auth_type: $row.auth_type,
            cors: $row.cors,
            creation_time: DateTime::from_ms($row.created_ms).to_string(),
            invoke_mode: Some($row.invoke_mode),
        }
    };
}

fn created(row: FunctionUrlRow, endpoint: &str) -> lambda::CreateFunctionUrlConfigResponse {
    described!(CreateFunctionUrlConfigResponse, row, endpoint)
}

fn updated(row: FunctionUrlRow, endpoint: &str) -> lambda::UpdateFunctionUrlConfigResponse {
    described!(
        UpdateFunctionUrlConfigResponse,
        row,
        endpoint,
        last_modified_time
    )
}

fn got(row: FunctionUrlRow, endpoint: &str) -> lambda::GetFunctionUrlConfigResponse {
    described!(
        GetFunctionUrlConfigResponse,
        row,
        endpoint,
        last_modified_time
    )
}

fn listed(row: FunctionUrlRow, endpoint: &str) -> lambda::FunctionUrlConfig {
    described!(FunctionUrlConfig, row, endpoint, last_modified_time)
}
