//! The operations of X-Ray on traces.

use stepwell_api::{EpochSeconds, xray};
use stepwell_store::{Direction, Error};

use super::analysis::Analysis;
use super::document::TraceId;
use super::filter::TraceFilter;
use super::graph::{Graph, Series};
use super::rows::{Place, TraceRow, after, decode, index, index_key, place_of};
use super::summary::summary;
use super::tree::assembled;
use super::{SCAN_ROWS, TracesReader};

/// An answer, a refusal, or a failing store.
pub type TraceRead<T> = Result<Result<T, xray::Error>, Error>;

/// AWS: BatchGetTraces takes at most 5 ids.
const IDS_MAX: usize = 5;

/// Bytes of documents on one page of BatchGetTraces; the trace that goes over it is the last one.
const PAGE_BYTES_MAX: usize = 5 << 20;

/// Traces on one page of GetTraceSummaries.
const SUMMARIES_MAX: usize = 100;

/// Bytes of documents that are read for one page; the next one goes on behind them.
const READ_BYTES_MAX: u64 = 32 << 20;

/// Bytes of documents that are read for one graph. What is beyond them is not counted.
const GRAPH_BYTES_MAX: u64 = 128 << 20;

/// Which instant of a trace must be in the range.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RangeType {
    /// Its start.
    TraceId,
    /// Any between its start and its last change.
    Event,
    /// Its end.
    Service,
}

/// Instants from `from_ms` on, and before `to_ms`.
#[derive(Debug, Clone, Copy)]
struct Range {
    from_ms: i64,
    to_ms: i64,
    range_type: RangeType,
}

impl Range {
    fn has(self, row: &TraceRow) -> bool {
        let within = |ms: i64| (self.from_ms..self.to_ms).contains(&ms);
        match self.range_type {
            RangeType::TraceId => within(row.start_ms),
            RangeType::Service => within(row.end_ms),
            RangeType::Event => {
                row.start_ms < self.to_ms && row.end_ms.max(row.changed_ms) >= self.from_ms
            }
        }
    }
}

/// The expression of a group by its name or ARN.
pub type GroupFilters<'g> = &'g dyn Fn(&str) -> Option<String>;

impl TracesReader {
    /// `GetTraceSummaries`: the traces of a range that a filter expression wants, in the order in which they came.
    ///
    /// - A page may be short, or empty; its token goes on.
    /// - `now_ms`: until when the answer is complete.
    pub fn get_trace_summaries(
        &self,
        input: &xray::GetTraceSummariesRequest,
        groups: GroupFilters<'_>,
        now_ms: i64,
    ) -> TraceRead<xray::GetTraceSummariesResult> {
        let prepared = summaries_wanted(input, groups);
        let (range, filter, from) = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut summaries = Vec::new();
        let mut processed = 0;
        let next = self.walk(range, from, READ_BYTES_MAX, |trace| {
            processed += 1;
            if filter.wants(trace) {
                summaries.push(summary(trace));
            }
            summaries.len() < SUMMARIES_MAX
        })?;
        Ok(Ok(xray::GetTraceSummariesResult {
            trace_summaries: Some(summaries),
            approximate_time: Some(EpochSeconds::from_ms(now_ms)),
            traces_processed_count: Some(processed),
            next_token: next.map(token_of),
        }))
    }

    /// `GetServiceGraph`.
    ///
    /// - `filter`: the expression of the group, if one is asked for.
    pub fn get_service_graph(
        &self,
        input: &xray::GetServiceGraphRequest,
        filter: Option<&TraceFilter>,
    ) -> TraceRead<xray::GetServiceGraphResult> {
        let range = match range_of(input.start_time, input.end_time, RangeType::Event) {
            Ok(range) => range,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut graph = Graph::default();
        self.walk(range, index(), GRAPH_BYTES_MAX, |trace| {
            if filter.is_none_or(|filter| filter.wants(trace)) {
                graph.count(trace);
            }
            true
        })?;
        Ok(Ok(xray::GetServiceGraphResult {
            start_time: Some(input.start_time),
            end_time: Some(input.end_time),
            services: Some(graph.services()),
            contains_old_group_versions: Some(false),
            next_token: None,
        }))
    }

    /// `GetTraceGraph`.
    pub fn get_trace_graph(
        &self,
        input: &xray::GetTraceGraphRequest,
    ) -> TraceRead<xray::GetTraceGraphResult> {
        let ids = match trace_ids(&input.trace_ids, GRAPH_IDS_MAX) {
            Ok(ids) => ids,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut graph = Graph::default();
        for id in ids {
            if let Some(trace) = self.trace(id)? {
                graph.count(&Analysis::of(&trace));
            }
        }
        Ok(Ok(xray::GetTraceGraphResult {
            services: Some(graph.services()),
            next_token: None,
        }))
    }

    /// `GetTimeSeriesServiceStatistics`.
    pub fn get_time_series_service_statistics(
        &self,
        input: &xray::GetTimeSeriesServiceStatisticsRequest,
        filter: Option<&TraceFilter>,
        groups: GroupFilters<'_>,
    ) -> TraceRead<xray::GetTimeSeriesServiceStatisticsResult> {
        let prepared =
            range_of(input.start_time, input.end_time, RangeType::Event).and_then(|range| {
                let selector = input.entity_selector_expression.as_deref();
                let selector = selector.map(|text| filter_of(text, groups)).transpose()?;
                let period = input.period.unwrap_or(60);
                if period != 60 && period != 300 {
                    let text = format!("Period is 60 or 300 seconds, not {period}");
                    return Err(xray::Error::invalid_request_exception(text));
                }
                Ok((range, selector, i64::from(period) * 1_000))
            });
        let (range, selector, period_ms) = match prepared {
            Ok(prepared) => prepared,
            Err(refused) => return Ok(Err(refused)),
        };
        let mut series = Series::new(period_ms);
        self.walk(range, index(), GRAPH_BYTES_MAX, |trace| {
            if filter.is_none_or(|filter| filter.wants(trace)) {
                series.count(trace, selector.as_ref());
            }
            true
        })?;
        Ok(Ok(xray::GetTimeSeriesServiceStatisticsResult {
            time_series_service_statistics: Some(series.statistics()),
            contains_old_group_versions: Some(false),
            next_token: None,
        }))
    }

    /// Gives the traces of a range, in the order in which they came, until it has read enough or `takes` says no.
    ///
    /// - `from`: the first key of the index.
    /// - Returns where the next page begins, if there may be more.
    fn walk(
        &self,
        range: Range,
        mut from: Vec<u8>,
        bytes_max: u64,
        mut takes: impl FnMut(&Analysis) -> bool,
    ) -> Result<Option<Place>, Error> {
        let to = after(&index());
        let mut bytes = 0;
        loop {
            let rows = self
                .snapshot
                .scan(&from, &to, Direction::Ascending, SCAN_ROWS)?;
            let is_last = rows.len() < SCAN_ROWS;
            for (key, value) in rows {
                let row: TraceRow = decode(&key, &value)?;
                from = key;
                if !range.has(&row) {
                    continue;
                }
                let place = place_of(&from).ok_or_else(|| Error::Corrupt { key: from.clone() })?;
                bytes += row.bytes;
                let documents = self.documents(place.trace_id)?;
                let trace = Analysis::of(&assembled(place.trace_id, row, documents));
                if !takes(&trace) || bytes >= bytes_max {
                    return Ok(Some(place));
                }
            }
            if is_last {
                return Ok(None);
            }
            from.push(0);
        }
    }

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
            // AWS: inferred segments come after those that were sent.
            let inferred = trace.inferred();
            let segments: Vec<xray::Segment> = trace
                .segments
                .into_iter()
                .chain(inferred)
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

/// The model allows as many ids.
const GRAPH_IDS_MAX: usize = 50;

type Wanted = (Range, TraceFilter, Vec<u8>);

fn summaries_wanted(
    input: &xray::GetTraceSummariesRequest,
    groups: GroupFilters<'_>,
) -> Result<Wanted, xray::Error> {
    let range_type = match input.time_range_type.as_deref() {
        None | Some("TraceId") => RangeType::TraceId,
        Some("Event") => RangeType::Event,
        Some("Service") => RangeType::Service,
        Some(other) => {
            let text = format!("TimeRangeType is TraceId, Event or Service, not {other}");
            return Err(xray::Error::invalid_request_exception(text));
        }
    };
    let range = range_of(input.start_time, input.end_time, range_type)?;
    let filter = filter_of(
        input.filter_expression.as_deref().unwrap_or_default(),
        groups,
    )?;
    let from = match &input.next_token {
        None => index(),
        Some(token) => {
            let mut key = index_key(place_of_token(token).ok_or_else(bad_token)?);
            key.push(0);
            key
        }
    };
    Ok((range, filter, from))
}

fn range_of(
    from: EpochSeconds,
    to: EpochSeconds,
    range_type: RangeType,
) -> Result<Range, xray::Error> {
    if from >= to {
        let text = "StartTime must be before EndTime";
        return Err(xray::Error::invalid_request_exception(text));
    }
    Ok(Range {
        from_ms: from.ms(),
        to_ms: to.ms(),
        range_type,
    })
}

/// A filter expression as an operation takes it.
pub fn filter_of(text: &str, groups: GroupFilters<'_>) -> Result<TraceFilter, xray::Error> {
    TraceFilter::parse(text, groups).map_err(|reason| {
        xray::Error::invalid_request_exception(format!("Invalid filter expression: {reason}"))
    })
}

fn token_of(place: Place) -> String {
    format!("{}.{}", place.received_ms, place.trace_id)
}

fn place_of_token(token: &str) -> Option<Place> {
    let (received, id) = token.split_once('.')?;
    Some(Place {
        received_ms: received.parse().ok()?,
        trace_id: TraceId::parse(id)?,
    })
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
