//! X-Ray operations: REST-JSON. Traces belong to the trace writer, rules and groups are rows of the shard.

use std::sync::Arc;

use serde::Serialize;
use stepwell_api::Reply;
use stepwell_api::xray::{self, Operation, Routed};
use stepwell_service::{Answered, Refusal, Request, XrayRequest};
use stepwell_store::Error as StoreError;
use stepwell_telemetry::{TraceFilter, TraceRead, filter_of};

use crate::inbox::{RATE_EXCEEDED, Refused};
use crate::sampling_targets::SamplingTargets;
use crate::shard::{FAILED, Handle, now};
use crate::trace_writer::TraceQueue;

/// What the operations need.
pub(crate) struct XrayOperations {
    pub(crate) handle: Handle,
    pub(crate) queue: Arc<TraceQueue>,
    pub(crate) targets: SamplingTargets,
}

type Answer = Result<Vec<u8>, xray::Error>;

impl XrayOperations {
    /// Answers one request.
    pub(crate) async fn answer(&self, routed: &Routed, body: Vec<u8>, request_id: &str) -> Reply {
        match self.dispatch(routed, body).await {
            Ok(body) => Reply {
                status: 200,
                headers: vec![
                    ("x-amzn-requestid", request_id.to_string()),
                    ("content-type", xray::CONTENT_TYPE.to_string()),
                ],
                body,
            },
            Err(error) => error.reply(request_id),
        }
    }

    async fn dispatch(&self, routed: &Routed, body: Vec<u8>) -> Answer {
        use XrayRequest as Change;
        let change = match routed.operation {
            Operation::CreateSamplingRule => Change::CreateSamplingRule(decoded(routed, body)?),
            Operation::UpdateSamplingRule => Change::UpdateSamplingRule(decoded(routed, body)?),
            Operation::DeleteSamplingRule => Change::DeleteSamplingRule(*decoded(routed, body)?),
            Operation::CreateGroup => {
                let input: Box<xray::CreateGroupRequest> = decoded(routed, body)?;
                self.check_filter(input.filter_expression.as_deref())?;
                Change::CreateGroup(input)
            }
            Operation::UpdateGroup => {
                let input: Box<xray::UpdateGroupRequest> = decoded(routed, body)?;
                self.check_filter(input.filter_expression.as_deref())?;
                Change::UpdateGroup(input)
            }
            Operation::DeleteGroup => Change::DeleteGroup(*decoded(routed, body)?),
            Operation::TagResource => Change::TagResource(*decoded(routed, body)?),
            Operation::UntagResource => Change::UntagResource(*decoded(routed, body)?),
            Operation::PutTraceSegments => return self.put_trace_segments(*decoded(routed, body)?),
            Operation::PutTelemetryRecords => {
                // What the daemon of AWS tells of itself: checked, and of no use to anybody here.
                let _: Box<xray::PutTelemetryRecordsRequest> = decoded(routed, body)?;
                return rendered(&xray::PutTelemetryRecordsResult {});
            }
            Operation::GetSamplingTargets => {
                let input: Box<xray::GetSamplingTargetsRequest> = decoded(routed, body)?;
                let rules = self.handle.reader().sampling_rules();
                let rules = rules.map_err(|error| failed(&error))?;
                return rendered(&self.targets.answer(&rules, &input, now()));
            }
            Operation::GetSamplingStatisticSummaries => {
                let _: Box<xray::GetSamplingStatisticSummariesRequest> = decoded(routed, body)?;
                return rendered(&self.targets.summaries());
            }
            Operation::GetSamplingRules
            | Operation::GetGroup
            | Operation::GetGroups
            | Operation::ListTagsForResource
            | Operation::GetEncryptionConfig => {
                return tokio::task::block_in_place(|| self.read_kept(routed, body));
            }
            _ => return self.read_traces(routed, body).await,
        };
        self.send(change).await
    }

    fn read_kept(&self, routed: &Routed, body: Vec<u8>) -> Answer {
        let reader = self.handle.reader();
        match routed.operation {
            Operation::GetSamplingRules => {
                let _: Box<xray::GetSamplingRulesRequest> = decoded(routed, body)?;
                let records = reader
                    .sampling_rule_records()
                    .map_err(|error| failed(&error))?;
                rendered(&xray::GetSamplingRulesResult {
                    sampling_rule_records: Some(records),
                    next_token: None,
                })
            }
            Operation::GetGroup => {
                let input: Box<xray::GetGroupRequest> = decoded(routed, body)?;
                let named = input.group_name.or(input.group_arn).unwrap_or_default();
                let group = self.group(&named)?;
                rendered(&xray::GetGroupResult { group: Some(group) })
            }
            Operation::GetGroups => {
                let _: Box<xray::GetGroupsRequest> = decoded(routed, body)?;
                let groups = reader.trace_groups().map_err(|error| failed(&error))?;
                let shown = groups.into_iter().map(|group| xray::GroupSummary {
                    group_name: group.group_name,
                    group_arn: group.group_arn,
                    filter_expression: group.filter_expression,
                    insights_configuration: group.insights_configuration,
                });
                rendered(&xray::GetGroupsResult {
                    groups: Some(shown.collect()),
                    next_token: None,
                })
            }
            Operation::ListTagsForResource => {
                let input: Box<xray::ListTagsForResourceRequest> = decoded(routed, body)?;
                let arn = &input.resource_arn;
                let tags = reader.tracing_tags(arn).map_err(|error| failed(&error))?;
                let tags = tags.ok_or_else(|| {
                    let text = format!("The resource {arn} does not exist.");
                    xray::Error::resource_not_found_exception(text)
                })?;
                let tags = tags
                    .into_iter()
                    .map(|(key, value)| xray::Tag { key, value });
                rendered(&xray::ListTagsForResourceResponse {
                    tags: Some(tags.collect()),
                    next_token: None,
                })
            }
            _ => rendered(&xray::GetEncryptionConfigResult {
                // AWS: what nobody has configured is encrypted with a key of its own.
                encryption_config: Some(xray::EncryptionConfig {
                    status: Some("ACTIVE".to_owned()),
                    r#type: Some("NONE".to_owned()),
                    ..Default::default()
                }),
            }),
        }
    }

    async fn read_traces(&self, routed: &Routed, body: Vec<u8>) -> Answer {
        let groups = |named: &str| -> Option<String> {
            let group = self.handle.reader().trace_group(named).ok()??;
            Some(group.filter_expression.unwrap_or_default())
        };
        match routed.operation {
            Operation::BatchGetTraces => {
                let input: Box<xray::BatchGetTracesRequest> = decoded(routed, body)?;
                let traces = self.queue.reader().await?;
                found(tokio::task::block_in_place(|| {
                    traces.batch_get_traces(&input)
                }))
            }
            Operation::GetTraceSummaries => {
                let input: Box<xray::GetTraceSummariesRequest> = decoded(routed, body)?;
                let traces = self.queue.reader().await?;
                let now_ms = now().as_millis();
                found(tokio::task::block_in_place(|| {
                    traces.get_trace_summaries(&input, &groups, now_ms)
                }))
            }
            Operation::GetTraceGraph => {
                let input: Box<xray::GetTraceGraphRequest> = decoded(routed, body)?;
                let traces = self.queue.reader().await?;
                found(tokio::task::block_in_place(|| {
                    traces.get_trace_graph(&input)
                }))
            }
            Operation::GetServiceGraph => {
                let input: Box<xray::GetServiceGraphRequest> = decoded(routed, body)?;
                let filter =
                    self.group_filter(input.group_name.as_deref(), input.group_arn.as_deref())?;
                let traces = self.queue.reader().await?;
                found(tokio::task::block_in_place(|| {
                    traces.get_service_graph(&input, filter.as_ref())
                }))
            }
            Operation::GetTimeSeriesServiceStatistics => {
                let input: Box<xray::GetTimeSeriesServiceStatisticsRequest> =
                    decoded(routed, body)?;
                let filter =
                    self.group_filter(input.group_name.as_deref(), input.group_arn.as_deref())?;
                let traces = self.queue.reader().await?;
                found(tokio::task::block_in_place(|| {
                    traces.get_time_series_service_statistics(&input, filter.as_ref(), &groups)
                }))
            }
            operation => Err(xray::Error::not_implemented(format!(
                "Stepwell does not implement X-Ray {} yet",
                operation.name()
            ))),
        }
    }

    fn put_trace_segments(&self, input: xray::PutTraceSegmentsRequest) -> Answer {
        let unprocessed = input
            .trace_segment_documents
            .into_iter()
            .filter_map(|document| self.queue.segment(document).err())
            .map(|rejected| xray::UnprocessedTraceSegment {
                id: rejected.id,
                error_code: Some(rejected.code.to_owned()),
                message: Some(rejected.message),
            })
            .collect();
        rendered(&xray::PutTraceSegmentsResult {
            unprocessed_trace_segments: Some(unprocessed),
        })
    }

    /// AWS: a group takes only an expression that can be read.
    fn check_filter(&self, expression: Option<&str>) -> Result<(), xray::Error> {
        let none = |_: &str| None;
        filter_of(expression.unwrap_or_default(), &none).map(drop)
    }

    fn group(&self, named: &str) -> Result<xray::Group, xray::Error> {
        let found = self.handle.reader().trace_group(named);
        found.map_err(|error| failed(&error))?.ok_or_else(|| {
            xray::Error::invalid_request_exception(format!("Group {named} does not exist."))
        })
    }

    fn group_filter(
        &self,
        name: Option<&str>,
        arn: Option<&str>,
    ) -> Result<Option<TraceFilter>, xray::Error> {
        // AWS: the default group is all there is.
        let Some(named) = name.or(arn).filter(|named| *named != "Default") else {
            return Ok(None);
        };
        let expression = self.group(named)?.filter_expression.unwrap_or_default();
        filter_of(&expression, &|_| None).map(Some)
    }

    async fn send(&self, change: XrayRequest) -> Answer {
        let sent = self.handle.send(Request::Xray(change));
        let receiver = sent.map_err(|refused| match refused {
            Refused::Full => xray::Error::throttled_exception(RATE_EXCEEDED),
            Refused::Unavailable(text) => xray::Error::service_unavailable(text),
            Refused::Failed => xray::Error::internal_failure(FAILED),
        })?;
        match receiver.await {
            Ok(Ok(Answered::Xray(body))) => Ok(body),
            Ok(Err(Refusal::Xray(error))) => Err(error),
            Ok(_) => unreachable!("the service answers an operation of X-Ray as one"),
            Err(_) => Err(xray::Error::internal_failure(FAILED)),
        }
    }
}

/// No operation binds a member to a header.
fn decoded<T: stepwell_api::Input>(routed: &Routed, body: Vec<u8>) -> Result<Box<T>, xray::Error> {
    xray::decode(routed, &|_| None, body).map(Box::new)
}

fn found<T: Serialize>(read: TraceRead<T>) -> Answer {
    match read {
        Ok(Ok(output)) => rendered(&output),
        Ok(Err(refused)) => Err(refused),
        Err(error) => Err(failed(&error)),
    }
}

fn rendered(output: &impl Serialize) -> Answer {
    Ok(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}

fn failed(error: &StoreError) -> xray::Error {
    xray::Error::internal_failure(error.to_string())
}
