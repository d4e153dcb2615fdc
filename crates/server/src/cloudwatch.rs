//! Operations of CloudWatch, in three protocols: metrics, dashboards, tags.

use std::sync::Arc;

use serde::Serialize;
use stepwell_api::cloudwatch::{self, Call, Error, Operation, Protocol};
use stepwell_api::{Input, Reply};
use stepwell_telemetry::metrics::MetricsReader;
use stepwell_telemetry::metrics::operations::{self, Dashboard};

use crate::alarms::AlarmBook;
use crate::metric_writer::{MetricQueue, Unavailable};
use crate::shard::now;

/// Bytes of a request as it was sent, which may be packed. AWS: 1 MB.
const PUT_BYTES_MAX: usize = 1 << 20;

/// What the operations need.
pub(crate) struct CloudWatchOperations {
    pub(crate) queue: Arc<MetricQueue>,
    pub(crate) account: String,
    pub(crate) alarms: AlarmBook,
}

/// What an operation gives.
enum Answer {
    Reply(Reply),
    /// The messages of a dashboard that is not kept stand beside the error.
    Refused(Error, serde_json::Value),
}

impl CloudWatchOperations {
    /// Answers one request.
    ///
    /// - `protocol`: of the request, for the case that it names no operation.
    /// - `sent_bytes`: of the body as it came.
    pub(crate) async fn answer(
        &self,
        protocol: Protocol,
        call: Result<Call<'_>, Error>,
        sent_bytes: usize,
        request_id: &str,
    ) -> Reply {
        let answered = match call {
            Ok(call)
                if call.operation == Operation::PutMetricData && sent_bytes > PUT_BYTES_MAX =>
            {
                let text = format!(
                    "Request size {sent_bytes} exceeds the limit of {PUT_BYTES_MAX} bytes."
                );
                Err(Error::invalid_parameter_value_exception(text))
            }
            Ok(call) => self.dispatch(&call, request_id).await,
            Err(error) => Err(error),
        };
        match answered {
            Ok(Answer::Reply(reply)) => reply,
            Ok(Answer::Refused(error, messages)) => {
                let details = ("dashboardValidationMessages", messages);
                cloudwatch::error_reply(protocol, &error, Some(details), request_id)
            }
            Err(error) => cloudwatch::error_reply(protocol, &error, None, request_id),
        }
    }

    async fn dispatch(&self, call: &Call<'_>, request_id: &str) -> Result<Answer, Error> {
        if let Some(reply) = self.alarms.answer(call, request_id).await? {
            return Ok(Answer::Reply(reply));
        }
        let asked = Asked { call, request_id };
        match call.operation {
            Operation::PutMetricData => {
                let input: cloudwatch::PutMetricDataInput = call.input()?;
                let samples = operations::samples(input, now().as_millis())?;
                match self.queue.offer(samples) {
                    true => Ok(asked.nothing()),
                    false => Err(Error::throttling_exception("Rate exceeded")),
                }
            }
            Operation::GetMetricData => {
                self.read(asked, |reader, input, now_ms| {
                    operations::get_metric_data(reader, input, now_ms)
                })
                .await
            }
            Operation::GetMetricStatistics => {
                self.read(asked, |reader, input, now_ms| {
                    operations::get_metric_statistics(reader, input, now_ms)
                })
                .await
            }
            Operation::ListMetrics => {
                self.read(asked, |reader, input, now_ms| {
                    operations::list_metrics(reader, input, now_ms)
                })
                .await
            }
            Operation::PutDashboard => self.put_dashboard(asked).await,
            Operation::DeleteDashboards => self.delete_dashboards(asked).await,
            Operation::GetDashboard => {
                self.read(asked, |reader, input: &cloudwatch::GetDashboardInput, _| {
                    reader.get_dashboard(
                        &input.dashboard_name,
                        self.dashboard_arn(&input.dashboard_name),
                    )
                })
                .await
            }
            Operation::ListDashboards => {
                self.read(asked, |reader, input, _| {
                    reader.list_dashboards(input, |name| self.dashboard_arn(name))
                })
                .await
            }
            Operation::TagResource => {
                let input: cloudwatch::TagResourceInput = call.input()?;
                let dashboard = self.dashboard_of(&input.resource_arn)?;
                let tagged = self.queue.change(move |metrics, _| {
                    if !metrics.has_dashboard(&dashboard)? {
                        return Ok(Err(not_found(&input.resource_arn)));
                    }
                    Ok(match metrics.tag(&input.resource_arn, &input.tags)? {
                        true => Ok(()),
                        false => Err(too_many_tags()),
                    })
                });
                tagged.await.map_err(unavailable)??;
                Ok(asked.reply(&cloudwatch::TagResourceOutput {}))
            }
            Operation::UntagResource => {
                let input: cloudwatch::UntagResourceInput = call.input()?;
                let dashboard = self.dashboard_of(&input.resource_arn)?;
                let untagged = self.queue.change(move |metrics, _| {
                    if !metrics.has_dashboard(&dashboard)? {
                        return Ok(Err(not_found(&input.resource_arn)));
                    }
                    metrics.untag(&input.resource_arn, &input.tag_keys)?;
                    Ok(Ok(()))
                });
                untagged.await.map_err(unavailable)??;
                Ok(asked.reply(&cloudwatch::UntagResourceOutput {}))
            }
            Operation::ListTagsForResource => {
                let input: cloudwatch::ListTagsForResourceInput = call.input()?;
                let dashboard = self.dashboard_of(&input.resource_arn)?;
                let arn = input.resource_arn;
                let listed = self.queue.change(move |metrics, _| {
                    if !metrics.has_dashboard(&dashboard)? {
                        return Ok(Err(not_found(&arn)));
                    }
                    Ok(Ok(metrics.reader().tags(&arn)?))
                });
                let tags = listed.await.map_err(unavailable)??;
                Ok(asked.reply(&cloudwatch::ListTagsForResourceOutput { tags: Some(tags) }))
            }
            other => Err(not_implemented(other)),
        }
    }

    /// An operation that only reads: on a thread that may wait for the disk.
    async fn read<I: Input, O: Serialize>(
        &self,
        asked: Asked<'_>,
        read: impl FnOnce(&MetricsReader, &I, i64) -> Result<O, Error>,
    ) -> Result<Answer, Error> {
        let input: I = asked.call.input()?;
        let reader = self.queue.reader().await.map_err(unavailable)?;
        let now_ms = now().as_millis();
        let output = tokio::task::block_in_place(|| read(&reader, &input, now_ms))?;
        Ok(asked.reply(&output))
    }

    async fn put_dashboard(&self, asked: Asked<'_>) -> Result<Answer, Error> {
        let input: cloudwatch::PutDashboardInput = asked.call.input()?;
        operations::check_name(&input.dashboard_name)?;
        let findings = operations::check_body(&input.dashboard_body)?;
        if !findings.errors.is_empty() {
            let error = operations::invalid_body(&findings.errors);
            let messages = serde_json::to_value(&findings.errors);
            return Ok(Answer::Refused(error, messages.unwrap_or_default()));
        }
        let arn = self.dashboard_arn(&input.dashboard_name);
        let put = self.queue.change(move |metrics, now_ms| {
            let dashboard = Dashboard {
                modified_ms: now_ms,
                body: input.dashboard_body,
            };
            if !metrics.put_dashboard(&input.dashboard_name, &dashboard)? {
                let text = format!(
                    "There are {} dashboards, which is the most.",
                    operations::DASHBOARDS_MAX
                );
                return Ok(Err(Error::dashboard_invalid_input_error(text)));
            }
            let tags = input.tags.unwrap_or_default();
            Ok(match tags.is_empty() || metrics.tag(&arn, &tags)? {
                true => Ok(()),
                false => Err(too_many_tags()),
            })
        });
        put.await.map_err(unavailable)??;
        Ok(asked.reply(&cloudwatch::PutDashboardOutput {
            dashboard_validation_messages: Some(findings.warnings),
        }))
    }

    async fn delete_dashboards(&self, asked: Asked<'_>) -> Result<Answer, Error> {
        let input: cloudwatch::DeleteDashboardsInput = asked.call.input()?;
        let names = input.dashboard_names.into_iter();
        let names: Vec<(String, String)> = names
            .map(|name| (name.clone(), self.dashboard_arn(&name)))
            .collect();
        let deleted = self
            .queue
            .change(move |metrics, _| metrics.delete_dashboards(&names));
        match deleted.await.map_err(unavailable)? {
            None => Ok(asked.reply(&cloudwatch::DeleteDashboardsOutput {})),
            Some(name) => Err(operations::no_dashboard(&name)),
        }
    }

    /// AWS: dashboards are of no region.
    fn dashboard_arn(&self, name: &str) -> String {
        format!("arn:aws:cloudwatch::{}:dashboard/{name}", self.account)
    }

    /// The name of the dashboard that an ARN names.
    fn dashboard_of(&self, arn: &str) -> Result<String, Error> {
        match arn.strip_prefix(&self.dashboard_arn("")) {
            Some(name) => Ok(name.to_owned()),
            None if arn.starts_with("arn:") => Err(not_found(arn)),
            None => {
                let text = format!("The value {arn} for parameter ResourceARN is invalid.");
                Err(Error::invalid_parameter_value_exception(text))
            }
        }
    }
}

/// A request and where its answer goes.
struct Asked<'a> {
    call: &'a Call<'a>,
    request_id: &'a str,
}

impl Asked<'_> {
    fn reply(&self, output: &impl Serialize) -> Answer {
        Answer::Reply(self.call.reply(self.request_id, Some(output)))
    }

    fn nothing(&self) -> Answer {
        Answer::Reply(self.call.reply(self.request_id, None::<&()>))
    }
}

fn not_implemented(operation: Operation) -> Error {
    Error::not_implemented(format!(
        "Stepwell does not implement CloudWatch {} yet",
        operation.name()
    ))
}

fn too_many_tags() -> Error {
    let text = format!(
        "A resource may not have more than {} tags.",
        operations::TAGS_MAX
    );
    Error::invalid_parameter_value_exception(text)
}

fn not_found(arn: &str) -> Error {
    Error::resource_not_found_exception(format!("there is no resource {arn}"))
        .with_resource_type("cloudwatch")
        .with_resource_id(arn)
}

fn unavailable(Unavailable(text): Unavailable) -> Error {
    Error::internal_service_fault(format!("metrics are not available: {text}"))
}
