//! CloudWatch Logs operations: groups are rows of the shard, streams and events belong to the log writer.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use stepwell_api::Reply;
use stepwell_api::logs::{self, Operation};
use stepwell_service::{Answered, LogGroup, LogsRequest, Refusal, Request};
use stepwell_store::Error as StoreError;
use stepwell_telemetry::LogsReader;

use crate::inbox::{RATE_EXCEEDED, Refused};
use crate::log_queries::Queries;
use crate::log_writer::{Change, LogQueue, NamedGroup};
use crate::shard::{FAILED, Handle, now};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 3_600_000;

/// What the operations need.
pub(crate) struct LogOperations {
    pub(crate) handle: Handle,
    pub(crate) queue: Arc<LogQueue>,
    pub(crate) queries: Arc<Queries>,
}

impl LogOperations {
    /// Answers one request.
    ///
    /// - `target`: the `X-Amz-Target` header.
    pub(crate) async fn answer(&self, target: &str, body: &[u8], request_id: &str) -> Reply {
        let answered = match logs::operation(Some(target)) {
            Ok(operation) => self.dispatch(operation, body).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(body) => Reply {
                status: 200,
                headers: vec![
                    ("x-amzn-requestid", request_id.to_string()),
                    ("content-type", logs::CONTENT_TYPE.to_string()),
                ],
                body,
            },
            Err(error) => refusal(error, request_id),
        }
    }

    async fn dispatch(&self, operation: Operation, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        match operation {
            Operation::CreateLogGroup => {
                self.send(LogsRequest::CreateLogGroup(logs::decode(body)?))
                    .await
            }
            Operation::DeleteLogGroup => self.delete_group(logs::decode(body)?).await,
            Operation::PutRetentionPolicy => {
                self.send(LogsRequest::PutRetentionPolicy(logs::decode(body)?))
                    .await
            }
            Operation::DeleteRetentionPolicy => {
                self.send(LogsRequest::DeleteRetentionPolicy(logs::decode(body)?))
                    .await
            }
            Operation::TagResource => {
                self.send(LogsRequest::TagResource(logs::decode(body)?))
                    .await
            }
            Operation::UntagResource => {
                self.send(LogsRequest::UntagResource(logs::decode(body)?))
                    .await
            }
            Operation::TagLogGroup => {
                let input: logs::TagLogGroupRequest = logs::decode(body)?;
                let resource_arn = self.group(Some(&input.log_group_name), None)?.arn;
                let tags = input.tags;
                let input = logs::TagResourceRequest { resource_arn, tags };
                self.send(LogsRequest::TagResource(input)).await
            }
            Operation::UntagLogGroup => {
                let input: logs::UntagLogGroupRequest = logs::decode(body)?;
                let resource_arn = self.group(Some(&input.log_group_name), None)?.arn;
                let tag_keys = input.tags;
                let input = logs::UntagResourceRequest {
                    resource_arn,
                    tag_keys,
                };
                self.send(LogsRequest::UntagResource(input)).await
            }
            Operation::PutMetricFilter => self.put_metric_filter(body).await,
            Operation::DeleteMetricFilter => {
                self.send(LogsRequest::DeleteMetricFilter(logs::decode(body)?))
                    .await
            }
            Operation::TestMetricFilter => LogOperations::test_metric_filter(body),
            Operation::PutSubscriptionFilter => self.put_subscription_filter(body).await,
            Operation::DeleteSubscriptionFilter => {
                self.send(LogsRequest::DeleteSubscriptionFilter(logs::decode(body)?))
                    .await
            }
            Operation::PutQueryDefinition => self.put_query_definition(body).await,
            Operation::DeleteQueryDefinition => {
                self.send(LogsRequest::DeleteQueryDefinition(logs::decode(body)?))
                    .await
            }
            Operation::StartQuery => self.start_query(body).await,
            Operation::StopQuery => self.stop_query(body),
            Operation::GetQueryResults => self.get_query_results(body),
            Operation::DescribeQueries => self.describe_queries(body),
            Operation::GetLogRecord => self.get_log_record(body).await,
            Operation::GetLogGroupFields => self.get_log_group_fields(body).await,
            Operation::PutResourcePolicy => {
                self.send(LogsRequest::PutResourcePolicy(logs::decode(body)?))
                    .await
            }
            Operation::DeleteResourcePolicy => {
                self.send(LogsRequest::DeleteResourcePolicy(logs::decode(body)?))
                    .await
            }
            Operation::CreateLogStream => {
                let input: logs::CreateLogStreamRequest = logs::decode(body)?;
                let group = self.group(Some(&input.log_group_name), None)?;
                self.queue.change(Change::CreateStream(group, input)).await
            }
            Operation::DeleteLogStream => {
                let input: logs::DeleteLogStreamRequest = logs::decode(body)?;
                let group = self.group(Some(&input.log_group_name), None)?;
                self.queue.change(Change::DeleteStream(group, input)).await
            }
            Operation::PutLogEvents => {
                let input: logs::PutLogEventsRequest = logs::decode(body)?;
                let group = self.group(Some(&input.log_group_name), None)?;
                self.queue.change(Change::Put(group, input)).await
            }
            _ => self.read(operation, body).await,
        }
    }

    async fn read(&self, operation: Operation, body: &[u8]) -> Result<Vec<u8>, logs::Error> {
        match operation {
            Operation::DescribeLogGroups => {
                let input: logs::DescribeLogGroupsRequest = logs::decode(body)?;
                let events = self.queue.reader().await?;
                let bytes = |id: &str| events.stored_bytes(id).unwrap_or_default();
                let rows = self.handle.reader();
                let read = tokio::task::block_in_place(|| rows.describe_log_groups(&input, &bytes));
                rendered(settle(read)?)
            }
            Operation::ListLogGroups => {
                let input: logs::ListLogGroupsRequest = logs::decode(body)?;
                let rows = self.handle.reader();
                let read = tokio::task::block_in_place(|| rows.list_log_groups(&input));
                rendered(settle(read)?)
            }
            Operation::DescribeMetricFilters => {
                let input: logs::DescribeMetricFiltersRequest = logs::decode(body)?;
                let rows = self.handle.reader();
                let read = tokio::task::block_in_place(|| rows.describe_metric_filters(&input));
                rendered(settle(read)?)
            }
            Operation::DescribeSubscriptionFilters => {
                let input: logs::DescribeSubscriptionFiltersRequest = logs::decode(body)?;
                let read = self.handle.reader().describe_subscription_filters(&input);
                rendered(settle(read)?)
            }
            Operation::DescribeQueryDefinitions => {
                let input: logs::DescribeQueryDefinitionsRequest = logs::decode(body)?;
                let read = self.handle.reader().describe_query_definitions(&input);
                rendered(settle(read)?)
            }
            Operation::ListTagsForResource => {
                let input: logs::ListTagsForResourceRequest = logs::decode(body)?;
                let tags = settle(self.handle.reader().log_group_tags(&input.resource_arn))?;
                rendered(logs::ListTagsForResourceResponse { tags: Some(tags) })
            }
            Operation::ListTagsLogGroup => {
                let input: logs::ListTagsLogGroupRequest = logs::decode(body)?;
                let tags = settle(self.handle.reader().log_group_tags(&input.log_group_name))?;
                rendered(logs::ListTagsLogGroupResponse { tags: Some(tags) })
            }
            Operation::DescribeResourcePolicies => {
                let _: logs::DescribeResourcePoliciesRequest = logs::decode(body)?;
                let read = self.handle.reader().describe_resource_policies();
                rendered(read.map_err(|error| failed(&error))?)
            }
            Operation::DescribeLogStreams => {
                let input: logs::DescribeLogStreamsRequest = logs::decode(body)?;
                let (name, identifier) = (&input.log_group_name, &input.log_group_identifier);
                let (events, group) = self.events(name.as_deref(), identifier.as_deref()).await?;
                found(tokio::task::block_in_place(|| {
                    events.describe_log_streams(group.view(), &input)
                }))
            }
            Operation::GetLogEvents => {
                let input: logs::GetLogEventsRequest = logs::decode(body)?;
                let (name, identifier) = (&input.log_group_name, &input.log_group_identifier);
                let (events, group) = self.events(name.as_deref(), identifier.as_deref()).await?;
                found(tokio::task::block_in_place(|| {
                    events.get_log_events(group.view(), &input)
                }))
            }
            Operation::FilterLogEvents => {
                let input: logs::FilterLogEventsRequest = logs::decode(body)?;
                let (name, identifier) = (&input.log_group_name, &input.log_group_identifier);
                let (events, group) = self.events(name.as_deref(), identifier.as_deref()).await?;
                found(tokio::task::block_in_place(|| {
                    events.filter_log_events(group.view(), &input)
                }))
            }
            _ => Err(logs::Error::not_implemented(format!(
                "Stepwell does not implement CloudWatch Logs {} yet",
                operation.name()
            ))),
        }
    }

    /// The events of the group that a request names in one of two ways.
    ///
    /// What waits to be written is written first: it may be what makes the group.
    async fn events(
        &self,
        name: Option<&str>,
        identifier: Option<&str>,
    ) -> Result<(Arc<LogsReader>, NamedGroup), logs::Error> {
        let events = self.queue.reader().await?;
        let group = self.group(name, identifier)?;
        Ok((events, group))
    }

    /// The group that a request names in one of two ways.
    pub(crate) fn group(
        &self,
        name: Option<&str>,
        identifier: Option<&str>,
    ) -> Result<NamedGroup, logs::Error> {
        let refused = logs::Error::invalid_parameter_exception;
        let named = match (name, identifier) {
            (Some(named), None) | (None, Some(named)) => named,
            (None, None) => {
                return Err(refused(
                    "Exactly one of logGroupName and logGroupIdentifier must be specified.",
                ));
            }
            (Some(_), Some(_)) => {
                return Err(refused(
                    "LogGroup name and LogGroup identifier are mutually exclusive parameters.",
                ));
            }
        };
        match self.handle.reader().log_group(named) {
            Ok(Some(group)) => Ok(self.view(group)),
            Ok(None) => Err(missing_group()),
            Err(error) => Err(failed(&error)),
        }
    }

    pub(crate) fn view(&self, group: LogGroup) -> NamedGroup {
        let settings = self.handle.settings();
        let (region, account) = (&settings.region, &settings.account);
        let kept_ms = group.retention_days.map(|days| i64::from(days) * DAY_MS);
        NamedGroup {
            arn: format!("arn:aws:logs:{region}:{account}:log-group:{}", group.name),
            id: group.id,
            not_before_ms: kept_ms.map_or(i64::MIN, |kept_ms| now().as_millis() - kept_ms),
        }
    }

    async fn delete_group(
        &self,
        input: logs::DeleteLogGroupRequest,
    ) -> Result<Vec<u8>, logs::Error> {
        let group = self.group(Some(&input.log_group_name), None)?;
        let answer = self.send(LogsRequest::DeleteLogGroup(input)).await?;
        // A crash before this leaves events of a group that nothing names; they go when the server starts again.
        self.queue
            .change(Change::DeleteGroup { id: group.id })
            .await?;
        Ok(answer)
    }

    pub(crate) async fn send(&self, request: LogsRequest) -> Result<Vec<u8>, logs::Error> {
        let receiver =
            self.handle
                .send(Request::Logs(request))
                .map_err(|refused| match refused {
                    Refused::Full => logs::Error::throttling_exception(RATE_EXCEEDED),
                    Refused::Unavailable(text) => logs::Error::service_unavailable_exception(text),
                    Refused::Failed => logs::Error::internal_failure(FAILED),
                })?;
        match receiver.await {
            Ok(Ok(Answered::Logs(body))) => Ok(body),
            Ok(Err(Refusal::Logs(error))) => Err(error),
            Ok(_) => unreachable!("the service answers an operation of CloudWatch Logs as one"),
            Err(_) => Err(logs::Error::internal_failure(FAILED)),
        }
    }
}

pub(crate) fn rendered(output: impl Serialize) -> Result<Vec<u8>, logs::Error> {
    Ok(serde_json::to_vec(&output).expect("a generated shape has text keys only"))
}

fn found<T: Serialize>(read: stepwell_telemetry::Read<T>) -> Result<Vec<u8>, logs::Error> {
    match read {
        Ok(Ok(output)) => rendered(output),
        Ok(Err(refused)) => Err(refused),
        Err(error) => Err(failed(&error)),
    }
}

fn settle<T>(read: Result<Result<T, Refusal>, StoreError>) -> Result<T, logs::Error> {
    match read {
        Ok(Ok(output)) => Ok(output),
        Ok(Err(Refusal::Logs(error))) => Err(error),
        Ok(Err(_)) => unreachable!("the service answers an operation of CloudWatch Logs as one"),
        Err(error) => Err(failed(&error)),
    }
}

pub(crate) fn failed(error: &StoreError) -> logs::Error {
    logs::Error::internal_failure(error.to_string())
}

/// An error as its reply. AWS: what is wrong with a query is told as an object beside the words.
fn refusal(mut error: logs::Error, request_id: &str) -> Reply {
    let place = error
        .members
        .iter()
        .position(|(name, _)| *name == "queryCompileError");
    let place = place.map(|at| error.members.remove(at).1);
    let mut reply = error.reply(request_id);
    if let Some(place) = place
        && let Ok(Value::Object(mut body)) = serde_json::from_slice(&reply.body)
        && let Ok(place) = serde_json::from_str(&place)
    {
        body.insert("queryCompileError".to_owned(), place);
        reply.body = Value::Object(body).to_string().into_bytes();
    }
    reply
}

fn missing_group() -> logs::Error {
    logs::Error::resource_not_found_exception("The specified log group does not exist.")
}
