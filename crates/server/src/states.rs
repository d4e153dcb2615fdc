//! Step Functions operations: decode, send or read, answer.

use stepwell_api::arn::StateMachineArn;
use stepwell_api::states::{self, Operation};
use stepwell_api::{Input, Reply};
use stepwell_service::{Answer, Answered, Refusal, Request, ServiceCall};
use stepwell_store::Error as StoreError;

use crate::functions::Functions;
use crate::inbox::{RATE_EXCEEDED, Refused};
use crate::quotas::Rates;
use crate::shard::{FAILED, Handle};
use crate::test_state::{self, Tests};

/// Answers one request.
///
/// - `target`: the `X-Amz-Target` header.
pub(crate) async fn answer(
    functions: &Functions,
    tests: &Tests,
    rates: &Rates,
    target: &str,
    body: &[u8],
    trace_header: Option<String>,
    request_id: &str,
) -> Reply {
    let operation = match states::operation(Some(target)) {
        Ok(operation) => operation,
        Err(error) => return error.reply(request_id),
    };
    let is_express = || operation == Operation::StartExecution && starts_express(functions, body);
    let answered = match rates.take(operation, is_express) {
        true => dispatch(functions, tests, operation, body, trace_header).await,
        false => Err(states::Error::throttling_exception(RATE_EXCEEDED)),
    };
    match answered {
        Ok(body) => Reply {
            status: 200,
            headers: vec![
                ("x-amzn-requestid", request_id.to_string()),
                ("content-type", states::CONTENT_TYPE.to_string()),
            ],
            body,
        },
        Err(error) => {
            if error.code == states::ErrorCode::ThrottlingException {
                rates.throttled(operation);
            }
            error.reply(request_id)
        }
    }
}

/// Whether a StartExecution is of an Express state machine, whose quota is another one.
fn starts_express(functions: &Functions, body: &[u8]) -> bool {
    let input: Result<states::StartExecutionInput, _> = states::decode(body);
    input.is_ok_and(|input| {
        let reader = functions.handle.reader();
        let found = reader.is_express(&input.state_machine_arn);
        found.unwrap_or_default()
    })
}

async fn dispatch(
    functions: &Functions,
    tests: &Tests,
    operation: Operation,
    body: &[u8],
    trace_header: Option<String>,
) -> Result<Vec<u8>, states::Error> {
    let handle = &functions.handle;
    if operation == Operation::TestState {
        let output = test_state::answer(tests, functions, states::decode(body)?).await?;
        return Ok(serde_json::to_vec(&output).expect("a generated shape has text keys only"));
    }
    match change(operation, body)? {
        Some(request) => send(handle, traced(request, trace_header)).await,
        None => read(handle, operation, body),
    }
}

/// AWS: the header `X-Amzn-Trace-Id` beats the member `traceHeader`.
fn traced(mut request: Request, trace_header: Option<String>) -> Request {
    let trace_header = trace_header.filter(|header| header.len() <= TRACE_HEADER_BYTES_MAX);
    if let Some(header) = trace_header {
        match &mut request {
            Request::StartExecution(input) => input.trace_header = Some(header),
            Request::StartSyncExecution(input) => input.trace_header = Some(header),
            _ => {}
        }
    }
    request
}

/// Source: the model of StartExecution.
const TRACE_HEADER_BYTES_MAX: usize = 256;

/// Does what a task asks of Step Functions; what to tell the shard.
pub(crate) async fn call(handle: &Handle, call: Box<ServiceCall>) -> Request {
    let (operation, body) = (call.operation, call.body.as_bytes());
    let answer = match change(operation, body) {
        // Answered later than its commit.
        Ok(Some(request @ (Request::StartSyncExecution(_) | Request::GetActivityTask(_)))) => {
            send(handle, request).await
        }
        Ok(Some(request)) => {
            let request = Box::new(request);
            return Request::CallTask { call, request };
        }
        Ok(None) => read(handle, operation, body),
        Err(error) => Err(error),
    };
    Request::AnswerTask { call, answer }
}

/// The request of an operation that changes something; `None` for one that reads.
fn change(operation: Operation, body: &[u8]) -> Result<Option<Request>, states::Error> {
    Ok(Some(match operation {
        Operation::CreateStateMachine => {
            Request::CreateStateMachine(Box::new(states::decode(body)?))
        }
        Operation::UpdateStateMachine => {
            Request::UpdateStateMachine(Box::new(states::decode(body)?))
        }
        Operation::DeleteStateMachine => Request::DeleteStateMachine(states::decode(body)?),
        Operation::PublishStateMachineVersion => {
            Request::PublishStateMachineVersion(states::decode(body)?)
        }
        Operation::DeleteStateMachineVersion => {
            Request::DeleteStateMachineVersion(states::decode(body)?)
        }
        Operation::CreateStateMachineAlias => {
            Request::CreateStateMachineAlias(states::decode(body)?)
        }
        Operation::UpdateStateMachineAlias => {
            Request::UpdateStateMachineAlias(states::decode(body)?)
        }
        Operation::DeleteStateMachineAlias => {
            Request::DeleteStateMachineAlias(states::decode(body)?)
        }
        Operation::TagResource => Request::TagResource(states::decode(body)?),
        Operation::UntagResource => Request::UntagResource(states::decode(body)?),
        Operation::StartExecution => Request::StartExecution(decode_start(body)?),
        Operation::StartSyncExecution => Request::StartSyncExecution(decode_start(body)?),
        Operation::StopExecution => Request::StopExecution(states::decode(body)?),
        Operation::RedriveExecution => Request::RedriveExecution(states::decode(body)?),
        Operation::UpdateMapRun => Request::UpdateMapRun(states::decode(body)?),
        Operation::CreateActivity => Request::CreateActivity(states::decode(body)?),
        Operation::DeleteActivity => Request::DeleteActivity(states::decode(body)?),
        Operation::GetActivityTask => Request::GetActivityTask(states::decode(body)?),
        Operation::SendTaskSuccess => Request::SendTaskSuccess(states::decode(body)?),
        Operation::SendTaskFailure => Request::SendTaskFailure(states::decode(body)?),
        Operation::SendTaskHeartbeat => Request::SendTaskHeartbeat(states::decode(body)?),
        _ => return Ok(None),
    }))
}

fn read(handle: &Handle, operation: Operation, body: &[u8]) -> Result<Vec<u8>, states::Error> {
    let reader = handle.reader();
    match operation {
        Operation::DescribeStateMachine => {
            let input = states::decode(body)?;
            settle(tokio::task::block_in_place(|| {
                reader.describe_state_machine(&input)
            }))
        }
        Operation::ListStateMachines => settle(reader.list_state_machines(&states::decode(body)?)),
        Operation::DescribeExecution => settle(reader.describe_execution(&states::decode(body)?)),
        Operation::ListStateMachineVersions => {
            settle(reader.list_state_machine_versions(&states::decode(body)?))
        }
        Operation::DescribeStateMachineAlias => {
            settle(reader.describe_state_machine_alias(&states::decode(body)?))
        }
        Operation::ListStateMachineAliases => {
            settle(reader.list_state_machine_aliases(&states::decode(body)?))
        }
        Operation::DescribeActivity => settle(reader.describe_activity(&states::decode(body)?)),
        Operation::ListActivities => settle(reader.list_activities(&states::decode(body)?)),
        Operation::ListTagsForResource => {
            settle(reader.list_tags_for_resource(&states::decode(body)?))
        }
        Operation::DescribeStateMachineForExecution => {
            let input = states::decode(body)?;
            settle(tokio::task::block_in_place(|| {
                reader.describe_state_machine_for_execution(&input)
            }))
        }
        Operation::ValidateStateMachineDefinition => {
            let input = states::decode(body)?;
            let output =
                tokio::task::block_in_place(|| stepwell_service::validate_definition(&input));
            Ok(serde_json::to_vec(&output).expect("a generated shape has text keys only"))
        }
        Operation::ListExecutions => {
            let input = states::decode(body)?;
            settle(tokio::task::block_in_place(|| {
                reader.list_executions(&input)
            }))
        }
        Operation::DescribeMapRun => settle(reader.describe_map_run(&states::decode(body)?)),
        Operation::ListMapRuns => settle(reader.list_map_runs(&states::decode(body)?)),
        Operation::GetExecutionHistory => {
            let input = states::decode(body)?;
            settle(tokio::task::block_in_place(|| {
                reader.get_execution_history(&input)
            }))
        }
        _ => {
            let text = format!("Stepwell does not implement {} yet", operation.name());
            Err(states::Error::not_implemented(text))
        }
    }
}

/// AWS: the form of the ARN is looked at before the constraints of the model (measured for StartExecution).
fn decode_start<T: Input>(body: &[u8]) -> Result<T, states::Error> {
    states::decode(body).map_err(|error| match error.code {
        states::ErrorCode::ConstraintViolation => malformed_arn(body).unwrap_or(error),
        _ => error,
    })
}

fn malformed_arn(body: &[u8]) -> Option<states::Error> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    let arn = body.get("stateMachineArn")?.as_str()?;
    StateMachineArn::parse(arn).err()
}

async fn send(handle: &Handle, request: Request) -> Result<Vec<u8>, states::Error> {
    let receiver = handle.send(request).map_err(|refused| match refused {
        Refused::Full => states::Error::throttling_exception(RATE_EXCEEDED),
        Refused::Unavailable(text) => states::Error::service_unavailable(text),
        Refused::Failed => states::Error::internal_failure(FAILED),
    })?;
    match receiver.await {
        Ok(answer) => body_of(answer),
        Err(_) if handle.has_failed() => Err(states::Error::internal_failure(FAILED)),
        // StartSyncExecution is answered at its end, which a stop does not wait for.
        Err(_) => Err(states::Error::service_unavailable(
            "the server stopped before the execution ended",
        )),
    }
}

fn body_of(answer: Answer) -> Result<Vec<u8>, states::Error> {
    match answer {
        Ok(Answered::States(body) | Answered::Task(body, _)) => Ok(body),
        Err(Refusal::States(error)) => Err(error),
        Ok(_) | Err(_) => {
            unreachable!("the service answers an operation of Step Functions as one")
        }
    }
}

fn settle<T: serde::Serialize>(
    read: Result<Result<T, Refusal>, StoreError>,
) -> Result<Vec<u8>, states::Error> {
    match read {
        Ok(Ok(output)) => {
            Ok(serde_json::to_vec(&output).expect("a generated shape has text keys only"))
        }
        Ok(Err(Refusal::States(error))) => Err(error),
        Ok(Err(_)) => {
            unreachable!("the service answers an operation of Step Functions as one")
        }
        Err(error) => Err(states::Error::internal_failure(error.to_string())),
    }
}
