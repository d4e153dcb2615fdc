//! X-Ray operations: REST-JSON. Traces belong to the trace writer, rules and groups are rows of the shard.

use std::sync::Arc;

use stepwell_api::Reply;
use stepwell_api::xray::{self, Operation, Routed};

use stepwell_telemetry::TraceRead;

use crate::trace_writer::TraceQueue;

/// What the operations need.
pub(crate) struct XrayOperations {
    pub(crate) queue: Arc<TraceQueue>,
}

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

    async fn dispatch(&self, routed: &Routed, body: Vec<u8>) -> Result<Vec<u8>, xray::Error> {
        match routed.operation {
            Operation::PutTraceSegments => self.put_trace_segments(decoded(routed, body)?),
            Operation::PutTelemetryRecords => {
                // What the daemon of AWS tells of itself: checked, and of no use to anybody here.
                let _: xray::PutTelemetryRecordsRequest = decoded(routed, body)?;
                rendered(&xray::PutTelemetryRecordsResult {})
            }
            Operation::BatchGetTraces => {
                let input: xray::BatchGetTracesRequest = decoded(routed, body)?;
                let traces = self.queue.reader().await?;
                found(tokio::task::block_in_place(|| {
                    traces.batch_get_traces(&input)
                }))
            }
            operation => Err(xray::Error::not_implemented(format!(
                "Stepwell does not implement X-Ray {} yet",
                operation.name()
            ))),
        }
    }

    fn put_trace_segments(
        &self,
        input: xray::PutTraceSegmentsRequest,
    ) -> Result<Vec<u8>, xray::Error> {
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
}

/// No operation binds a member to a header.
fn decoded<T: stepwell_api::Input>(routed: &Routed, body: Vec<u8>) -> Result<T, xray::Error> {
    xray::decode(routed, &|_| None, body)
}

fn found<T: serde::Serialize>(read: TraceRead<T>) -> Result<Vec<u8>, xray::Error> {
    match read {
        Ok(Ok(output)) => rendered(&output),
        Ok(Err(refused)) => Err(refused),
        Err(error) => Err(xray::Error::internal_failure(error.to_string())),
    }
}

fn rendered(output: &impl serde::Serialize) -> Result<Vec<u8>, xray::Error> {
    Ok(serde_json::to_vec(output).expect("a generated shape has text keys only"))
}
