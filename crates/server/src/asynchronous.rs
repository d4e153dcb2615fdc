//! Asynchronous invocation: Invoke with `Event`, InvokeAsync, and the event invoke configurations.

use serde::de::IgnoredAny;
use stepwell_api::Reply;
use stepwell_api::lambda::{self, Operation, Routed};
use stepwell_service::{Answered, EventInvocation, Read, Refusal, Request};

use crate::functions::Functions;

/// A header of a request by lower-case name.
type Header<'h> = &'h (dyn Fn(&str) -> Option<String> + Sync);

impl Functions {
    /// Takes an event for a function: returns once it is durable.
    ///
    /// - Errors: those of Invoke with `InvocationType` `Event`.
    pub(crate) async fn take_event(
        &self,
        function: String,
        qualifier: Option<String>,
        payload: Vec<u8>,
        client_context: Option<String>,
        trace_header: Option<String>,
        request_id: &str,
    ) -> Result<(), lambda::Error> {
        let event = EventInvocation {
            function,
            qualifier,
            request_id: request_id.to_string(),
            payload: json_text(payload)?,
            trace_header,
            client_context,
            origin: "a caller of Invoke".to_string(),
        };
        match self.send(Request::TakeEvent(Box::new(event))).await? {
            Answered::EventTaken => Ok(()),
            _ => unreachable!("an event is answered as one"),
        }
    }

    /// Invoke with `InvocationType` `Event`: 202 with no body.
    pub(crate) async fn invoke_event(
        &self,
        input: lambda::InvocationRequest,
        trace_header: Option<String>,
        request_id: &str,
    ) -> Result<Reply, lambda::Error> {
        self.take_event(
            input.function_name,
            input.qualifier,
            input.payload,
            input.client_context,
            trace_header,
            request_id,
        )
        .await?;
        let taken = lambda::InvocationResponse {
            status_code: Some(202),
            ..Default::default()
        };
        Ok(lambda::reply(Operation::Invoke, request_id, &taken))
    }

    /// Answers an operation of asynchronous invocation; `None` for any other operation.
    pub(crate) async fn answer_asynchronous(
        &self,
        routed: &Routed,
        header: Header<'_>,
        body: Vec<u8>,
        request_id: &str,
    ) -> Result<Reply, lambda::Error> {
        let operation = routed.operation;
        let reader = self.handle.reader();
        match operation {
            Operation::InvokeAsync => {
                let input: lambda::InvokeAsyncRequest =
                    lambda::decode(routed, &|name| header(name), body)?;
                let trace_header = header("x-amzn-trace-id");
                self.take_event(
                    input.function_name,
                    None,
                    input.invoke_args,
                    None,
                    trace_header,
                    request_id,
                )
                .await?;
                let taken = lambda::InvokeAsyncResponse { status: Some(202) };
                Ok(lambda::reply(operation, request_id, &taken))
            }
            Operation::PutFunctionEventInvokeConfig => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                self.configure(
                    operation,
                    Request::PutFunctionEventInvokeConfig(input),
                    request_id,
                )
                .await
            }
            Operation::UpdateFunctionEventInvokeConfig => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                let request = Request::UpdateFunctionEventInvokeConfig(input);
                self.configure(operation, request, request_id).await
            }
            Operation::DeleteFunctionEventInvokeConfig => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                self.send(Request::DeleteFunctionEventInvokeConfig(input))
                    .await?;
                Ok(Reply {
                    status: 204,
                    headers: vec![("x-amzn-requestid", request_id.to_string())],
                    body: Vec::new(),
                })
            }
            Operation::GetFunctionEventInvokeConfig => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                let shown = read(reader.event_invoke_config(&input))?;
                Ok(lambda::reply(operation, request_id, &shown))
            }
            Operation::ListFunctionEventInvokeConfigs => {
                let input = lambda::decode(routed, &|name| header(name), body)?;
                let shown = read(reader.list_event_invoke_configs(&input))?;
                Ok(lambda::reply(operation, request_id, &shown))
            }
            other => unreachable!(
                "{} is no operation of asynchronous invocation",
                other.name()
            ),
        }
    }

    async fn configure(
        &self,
        operation: Operation,
        request: Request,
        request_id: &str,
    ) -> Result<Reply, lambda::Error> {
        match self.send(request).await? {
            Answered::EventInvokeConfig(config) => {
                Ok(lambda::reply(operation, request_id, config.as_ref()))
            }
            _ => unreachable!("the service answers with the configuration"),
        }
    }
}

fn read<T>(read: Read<T>) -> Result<T, lambda::Error> {
    match read {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(Refusal::Lambda(error))) => Err(error),
        Ok(Err(_)) => unreachable!("Lambda refuses as itself"),
        Err(error) => Err(lambda::Error::service_exception(error.to_string())),
    }
}

/// The payload as JSON text; nothing means an empty object.
fn json_text(payload: Vec<u8>) -> Result<String, lambda::Error> {
    if payload.iter().all(u8::is_ascii_whitespace) {
        return Ok("{}".to_string());
    }
    let refused = |error: &dyn std::fmt::Display| {
        lambda::Error::invalid_request_content_exception(format!(
            "Could not parse request body into json: {error}"
        ))
    };
    serde_json::from_slice::<IgnoredAny>(&payload).map_err(|error| refused(&error))?;
    String::from_utf8(payload).map_err(|error| refused(&error))
}
