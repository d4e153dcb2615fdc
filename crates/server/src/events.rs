//! EventBridge operations: AWS JSON over `POST /`.

use serde::Serialize;
use stepwell_api::Reply;
use stepwell_api::events::{self, Operation};
use stepwell_service::{Answered, EventsRequest, Reader, Refusal, Request};
use stepwell_store::Error as StoreError;

use crate::inbox::{RATE_EXCEEDED, Refused};
use crate::shard::{FAILED, Handle};

/// Answers one request.
///
/// - `target`: the `X-Amz-Target` header.
pub(crate) async fn answer(handle: &Handle, target: &str, body: &[u8], request_id: &str) -> Reply {
    let answered = match events::operation(Some(target)) {
        Ok(operation) => dispatch(handle, operation, body).await,
        Err(error) => Err(error),
    };
    match answered {
        Ok(body) => Reply {
            status: 200,
            headers: vec![
                ("x-amzn-requestid", request_id.to_string()),
                ("content-type", events::CONTENT_TYPE.to_string()),
            ],
            body,
        },
        Err(error) => error.reply(request_id),
    }
}

async fn dispatch(
    handle: &Handle,
    operation: Operation,
    body: &[u8],
) -> Result<Vec<u8>, events::Error> {
    let request = match operation {
        Operation::CreateEventBus => EventsRequest::CreateEventBus(events::decode(body)?),
        Operation::UpdateEventBus => EventsRequest::UpdateEventBus(events::decode(body)?),
        Operation::DeleteEventBus => EventsRequest::DeleteEventBus(events::decode(body)?),
        Operation::PutRule => EventsRequest::PutRule(events::decode(body)?),
        Operation::DeleteRule => EventsRequest::DeleteRule(events::decode(body)?),
        Operation::EnableRule => EventsRequest::EnableRule(events::decode(body)?),
        Operation::DisableRule => EventsRequest::DisableRule(events::decode(body)?),
        Operation::PutTargets => EventsRequest::PutTargets(events::decode(body)?),
        Operation::RemoveTargets => EventsRequest::RemoveTargets(events::decode(body)?),
        Operation::PutPermission => EventsRequest::PutPermission(events::decode(body)?),
        Operation::RemovePermission => EventsRequest::RemovePermission(events::decode(body)?),
        Operation::PutEvents => EventsRequest::PutEvents(events::decode(body)?),
        Operation::CreateConnection => {
            EventsRequest::CreateConnection(Box::new(events::decode(body)?))
        }
        Operation::UpdateConnection => {
            EventsRequest::UpdateConnection(Box::new(events::decode(body)?))
        }
        Operation::DeauthorizeConnection => {
            EventsRequest::DeauthorizeConnection(events::decode(body)?)
        }
        Operation::DeleteConnection => EventsRequest::DeleteConnection(events::decode(body)?),
        Operation::CreateApiDestination => {
            EventsRequest::CreateApiDestination(events::decode(body)?)
        }
        Operation::UpdateApiDestination => {
            EventsRequest::UpdateApiDestination(events::decode(body)?)
        }
        Operation::DeleteApiDestination => {
            EventsRequest::DeleteApiDestination(events::decode(body)?)
        }
        Operation::TagResource => EventsRequest::TagResource(events::decode(body)?),
        Operation::UntagResource => EventsRequest::UntagResource(events::decode(body)?),
        operation => return read(&handle.reader(), operation, body),
    };
    send(handle, request).await
}

fn read(reader: &Reader, operation: Operation, body: &[u8]) -> Result<Vec<u8>, events::Error> {
    tokio::task::block_in_place(|| match operation {
        Operation::DescribeEventBus => found(reader.describe_event_bus(&events::decode(body)?)),
        Operation::ListEventBuses => found(reader.list_event_buses(&events::decode(body)?)),
        Operation::DescribeRule => found(reader.describe_rule(&events::decode(body)?)),
        Operation::ListRules => found(reader.list_rules(&events::decode(body)?)),
        Operation::ListRuleNamesByTarget => {
            found(reader.list_rule_names_by_target(&events::decode(body)?))
        }
        Operation::ListTargetsByRule => found(reader.list_targets_by_rule(&events::decode(body)?)),
        Operation::ListTagsForResource => found(reader.list_event_tags(&events::decode(body)?)),
        Operation::DescribeConnection => found(reader.describe_connection(&events::decode(body)?)),
        Operation::ListConnections => found(reader.list_connections(&events::decode(body)?)),
        Operation::DescribeApiDestination => {
            found(reader.describe_api_destination(&events::decode(body)?))
        }
        Operation::ListApiDestinations => {
            found(reader.list_api_destinations(&events::decode(body)?))
        }
        Operation::TestEventPattern => {
            Reader::test_event_pattern(&events::decode(body)?).map(rendered)
        }
        operation => Err(events::Error::not_implemented(format!(
            "Stepwell does not implement EventBridge {} yet",
            operation.name()
        ))),
    })
}

async fn send(handle: &Handle, request: EventsRequest) -> Result<Vec<u8>, events::Error> {
    let receiver = handle
        .send(Request::Events(request))
        .map_err(|refused| match refused {
            Refused::Full => events::Error::throttling_exception(RATE_EXCEEDED),
            Refused::Unavailable(text) => events::Error::service_unavailable(text),
            Refused::Failed => events::Error::internal_failure(FAILED),
        })?;
    match receiver.await {
        Ok(Ok(Answered::Events(body))) => Ok(body),
        Ok(Err(Refusal::Events(error))) => Err(error),
        Ok(_) => unreachable!("the service answers an operation of EventBridge as one"),
        Err(_) => Err(events::Error::internal_failure(FAILED)),
    }
}

fn rendered(output: impl Serialize) -> Vec<u8> {
    serde_json::to_vec(&output).expect("a generated shape has text keys only")
}

fn found<T: Serialize>(
    read: Result<Result<T, Refusal>, StoreError>,
) -> Result<Vec<u8>, events::Error> {
    match read {
        Ok(Ok(output)) => Ok(rendered(output)),
        Ok(Err(Refusal::Events(error))) => Err(error),
        Ok(Err(_)) => unreachable!("the service answers an operation of EventBridge as one"),
        Err(error) => Err(events::Error::internal_failure(error.to_string())),
    }
}
