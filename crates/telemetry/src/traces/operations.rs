//! The operations of X-Ray on traces.

use stepwell_api::xray;
use stepwell_store::Error;

use super::TracesReader;
use super::document::TraceId;

/// An answer, a refusal, or a failing store.
pub type TraceRead<T> = Result<Result<T, xray::Error>, Error>;

/// AWS: BatchGetTraces takes at most 5 ids.
const IDS_MAX: usize = 5;

/// Bytes of documents on one page of BatchGetTraces; the trace that goes over it is the last one.
const PAGE_BYTES_MAX: usize = 5 << 20;

impl TracesReader {
    /// `BatchGetTraces`.
    ///
    /// - An id of which nothing is there is among the unprocessed ones.
    pub fn batch_get_traces(
        &self,
        input: &xray::BatchGetTracesRequest,
    ) -> TraceRead<xray::BatchGetTracesResult> {
        let ids = match trace_ids(&input.trace_ids, IDS_MAX) {
            Ok(ids) => ids,
            Err(refused) => return Ok(Err(refused)),
        };
        let Some(first) = number_of(input.next_token.as_deref()) else {
            return Ok(Err(bad_token()));
        };
        let (mut traces, mut unprocessed, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut next_token = None;
        for (number, (text, id)) in input.trace_ids.iter().zip(ids).enumerate().skip(first) {
            if bytes >= PAGE_BYTES_MAX {
                next_token = Some(number.to_string());
                break;
            }
            let Some(trace) = self.trace(id)? else {
                unprocessed.push(text.clone());
                continue;
            };
            let segments: Vec<xray::Segment> = trace
                .segments
                .into_iter()
                .map(|entry| xray::Segment {
                    id: Some(entry.id.to_string()),
                    document: Some(serde_json::Value::Object(entry.document).to_string()),
                })
                .collect();
            bytes += segments
                .iter()
                .map(|segment| segment.document.as_ref().map_or(0, String::len))
                .sum::<usize>();
            traces.push(xray::Trace {
                id: Some(id.to_string()),
                duration: Some(seconds(trace.end_ms - trace.start_ms)),
                limit_exceeded: Some(trace.limit_exceeded),
                segments: Some(segments),
            });
        }
        Ok(Ok(xray::BatchGetTracesResult {
            traces: Some(traces),
            unprocessed_trace_ids: Some(unprocessed),
            next_token,
        }))
    }
}

fn trace_ids(texts: &[String], most: usize) -> Result<Vec<TraceId>, xray::Error> {
    if texts.len() > most {
        let text = format!("{} trace ids, at most {most} are allowed", texts.len());
        return Err(xray::Error::invalid_request_exception(text));
    }
    texts
        .iter()
        .map(|text| {
            TraceId::parse(text).ok_or_else(|| {
                xray::Error::invalid_request_exception(format!("Invalid trace id: {text}"))
            })
        })
        .collect()
}

/// Where a page begins; 0 without a token.
fn number_of(token: Option<&str>) -> Option<usize> {
    token.map_or(Some(0), |token| token.parse().ok())
}

fn bad_token() -> xray::Error {
    xray::Error::invalid_request_exception("Invalid NextToken")
}

#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds of a trace are far below 2^53"
)]
pub(super) fn seconds(ms: i64) -> f64 {
    ms as f64 / 1000.0
}
