//! Invoke: from the request to a run, and back.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use stepwell_api::Reply;
use stepwell_api::lambda;
use stepwell_functions::{Invocation, InvokeError};

use super::operations::Call;
use super::{Functions, Unrun};

impl Functions {
    pub(super) async fn invoke_operation(
        &self,
        mut call: Call<'_>,
    ) -> Result<Reply, lambda::Error> {
        let input: lambda::InvocationRequest = call.input()?;
        let trace_id = (call.header)("x-amzn-trace-id");
        match input
            .invocation_type
            .as_deref()
            .unwrap_or("RequestResponse")
        {
            "RequestResponse" => {}
            "Event" => return self.invoke_event(input, trace_id, call.request_id).await,
            "DryRun" => {
                self.invocable(&input.function_name, input.qualifier.as_deref())
                    .map_err(unrun_error)?;
                let dry = lambda::InvocationResponse {
                    status_code: Some(204),
                    ..Default::default()
                };
                return Ok(call.reply(&dry));
            }
            other => {
                let text =
                    format!("Stepwell does not implement Invoke with InvocationType {other} yet");
                return Err(lambda::Error::not_implemented(text));
            }
        }
        let invocation = Invocation {
            request_id: call.request_id.to_string(),
            function_arn: input.function_name.clone(),
            payload: Bytes::from(input.payload),
            trace_id,
            has_segment: false,
            client_context: input.client_context,
            log_tail: input.log_type.as_deref() == Some("Tail"),
            stream: None,
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
        Ok(call.reply(&response))
    }
}

pub(crate) fn unrun_error(unrun: Unrun) -> lambda::Error {
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
