//! GetMetricData, GetMetricStatistics, ListMetrics.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};
use stepwell_api::EpochSeconds;
use stepwell_api::cloudwatch::{
    self, Datapoint, Dimension, Error, GetMetricDataInput, GetMetricDataOutput,
    GetMetricStatisticsInput, GetMetricStatisticsOutput, ListMetricsInput, ListMetricsOutput,
    MetricDataResult,
};

use crate::encoding::{hex, unhex};
use crate::metrics::math::{Evaluated, Range, Refusal, is_period};
use crate::metrics::rows::{self, NameRow};
use crate::metrics::{Metric, MetricsReader, PAST_MAX_MS, Statistic, Unit};

/// Points of one answer. AWS: 100,800.
pub const DATAPOINTS_MAX: usize = 100_800;

/// Points of one answer of GetMetricStatistics. AWS: 1,440.
pub const STATISTICS_DATAPOINTS_MAX: i64 = 1_440;

/// Metrics of one page of ListMetrics. AWS: 500.
const METRICS_MAX: usize = 500;

/// Names that one page of ListMetrics looks at.
const LOOKED_AT_MAX: usize = 50_000;

/// GetMetricData.
///
/// - Errors: `ValidationError`, as AWS; `InvalidNextToken` for a token of another request.
pub fn get_metric_data(
    reader: &MetricsReader,
    input: &GetMetricDataInput,
    now_ms: i64,
) -> Result<GetMetricDataOutput, Error> {
    check_times(input.start_time, input.end_time).map_err(Error::constraint_violation)?;
    let most = match input.max_datapoints {
        None => DATAPOINTS_MAX,
        Some(most) => usize::try_from(most)
            .ok()
            .filter(|most| (1..=DATAPOINTS_MAX).contains(most))
            .ok_or_else(|| {
                let text = format!("The parameter MaxDatapoints must be between 1 and {DATAPOINTS_MAX}, not {most}.");
                Error::constraint_violation(text)
            })?,
    };
    let request = fingerprint(input);
    let skipped = match &input.next_token {
        None => 0,
        Some(token) => {
            let (offset, of) = token.split_once('-').unwrap_or_default();
            let offset: Option<usize> = offset.parse().ok();
            offset.filter(|_| of == request).ok_or_else(|| {
                Error::invalid_next_token("The NextToken is not one of this request.")
            })?
        }
    };
    let range = Range::new(input.start_time.ms(), input.end_time.ms(), now_ms);
    let evaluated = reader
        .evaluate(&input.metric_data_queries, range)
        .map_err(refused)?;
    let ascends = input.scan_by.as_deref() == Some(cloudwatch::scan_by::TIMESTAMP_ASCENDING);
    Ok(page(evaluated, ascends, skipped, most, &request))
}

/// The points after `skipped` of them, at most `most`.
fn page(
    evaluated: Vec<Evaluated>,
    ascends: bool,
    skipped: usize,
    most: usize,
    request: &str,
) -> GetMetricDataOutput {
    let total: usize = evaluated.iter().map(|result| result.points.len()).sum();
    let end = total.min(skipped.saturating_add(most));
    let mut before = 0;
    let mut results = Vec::new();
    for mut result in evaluated {
        if !ascends {
            result.points.reverse();
        }
        let count = result.points.len();
        let (from, to) = (before, before + count);
        before = to;
        // A page has the series that it has points of; the first one also those without any.
        if count > 0 && (to <= skipped || from >= end) || count == 0 && skipped > 0 {
            continue;
        }
        let shown = result
            .points
            .into_iter()
            .take(end.saturating_sub(from))
            .skip(skipped.saturating_sub(from));
        let (timestamps, values) = shown
            .map(|(at, value)| (EpochSeconds::from_ms(at * 1_000), value))
            .unzip();
        let status = match to > end {
            true => cloudwatch::status_code::PARTIAL_DATA,
            false => cloudwatch::status_code::COMPLETE,
        };
        results.push(MetricDataResult {
            id: Some(result.id),
            label: Some(result.label),
            timestamps: Some(timestamps),
            values: Some(values),
            status_code: Some(status.to_owned()),
            messages: None,
        });
    }
    GetMetricDataOutput {
        metric_data_results: Some(results),
        next_token: (end < total).then(|| format!("{end}-{request}")),
        messages: Some(Vec::new()),
    }
}

/// What a token belongs to.
fn fingerprint(input: &GetMetricDataInput) -> String {
    let asked = (
        &input.metric_data_queries,
        input.start_time,
        input.end_time,
        &input.scan_by,
    );
    let text = serde_json::to_vec(&asked).expect("a generated shape has text keys only");
    let hash = Sha256::digest(text);
    hex(&hash[..8])
}

fn check_times(start: EpochSeconds, end: EpochSeconds) -> Result<(), String> {
    // AWS: these words.
    if start == end {
        return Err("The parameter StartTime must not equal parameter EndTime.".to_owned());
    }
    if start > end {
        return Err("The parameter StartTime must be less than the parameter EndTime.".to_owned());
    }
    Ok(())
}

/// What a refusal is to the caller of the API.
pub fn refused(refusal: Refusal) -> Error {
    match refusal {
        Refusal::Invalid(text) => Error::constraint_violation(text),
        Refusal::NotImplemented(what) => {
            Error::not_implemented(format!("Stepwell does not implement {what} yet"))
        }
        Refusal::Store(error) => failed(&error),
    }
}

/// A store that cannot be read or written.
pub fn failed(error: &stepwell_store::Error) -> Error {
    Error::internal_service_fault(format!("the store of metrics has failed: {error}"))
}

/// GetMetricStatistics.
pub fn get_metric_statistics(
    reader: &MetricsReader,
    input: &GetMetricStatisticsInput,
    now_ms: i64,
) -> Result<GetMetricStatisticsOutput, Error> {
    let invalid = Error::invalid_parameter_value_exception;
    check_times(input.start_time, input.end_time).map_err(invalid)?;
    if !is_period(input.period) {
        let text = format!(
            "The value {} for parameter Period is invalid: a period is 1, 5, 10, 20, 30 or any multiple of 60.",
            input.period
        );
        return Err(invalid(text));
    }
    let basic = input.statistics.as_deref().unwrap_or_default();
    let extended = input.extended_statistics.as_deref().unwrap_or_default();
    let combination = match (basic.is_empty(), extended.is_empty()) {
        (true, true) => Some(
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ),
        (false, false) => Some(
            "The parameters Statistics and ExtendedStatistics are mutually exclusive and you have specified both.",
        ),
        _ => None,
    };
    if let Some(text) = combination {
        return Err(Error::invalid_parameter_combination_exception(text));
    }
    let mut statistics = Vec::new();
    for (index, name) in basic.iter().chain(extended).enumerate() {
        let parsed = Statistic::parse(name)
            .filter(|statistic| statistic.is_basic() == extended.is_empty())
            .ok_or_else(|| {
                let index = index + 1;
                invalid(format!(
                    "The value {name} for parameter ExtendedStatistics.member.{index} is invalid."
                ))
            })?;
        statistics.push((name, parsed));
    }
    let period_s = input.period as u32;
    let range = Range::new(input.start_time.ms(), input.end_time.ms(), now_ms);
    let count = range.spans(period_s);
    if count > STATISTICS_DATAPOINTS_MAX {
        // AWS: these words.
        let text = format!(
            "You have requested up to {count} datapoints, which exceeds the limit of {STATISTICS_DATAPOINTS_MAX}. You may \
             reduce the datapoints requested by increasing Period, or decreasing the time range."
        );
        return Err(Error::invalid_parameter_combination_exception(text));
    }
    let dimensions = input.dimensions.iter().flatten();
    let dimensions = dimensions.map(|dimension| (dimension.name.clone(), dimension.value.clone()));
    let metric = Metric::new(&input.namespace, &input.metric_name, dimensions);
    let unit = input.unit.as_deref().and_then(Unit::of_name);
    let mut datapoints = Vec::new();
    for (series, unit) in reader
        .series(&metric, unit)
        .map_err(|error| failed(&error))?
    {
        let buckets = reader
            .buckets(&[series], range.start(period_s), range.end(), period_s)
            .map_err(|error| failed(&error))?;
        datapoints.extend(buckets.iter().filter_map(|(at, values)| {
            let mut datapoint = Datapoint {
                timestamp: Some(EpochSeconds::from_ms(at * 1_000)),
                unit: Some(unit.name().to_owned()),
                ..Datapoint::default()
            };
            let mut extended = BTreeMap::new();
            for (name, statistic) in &statistics {
                let value = statistic.of(values);
                match statistic {
                    Statistic::SampleCount => datapoint.sample_count = value,
                    Statistic::Average => datapoint.average = value,
                    Statistic::Sum => datapoint.sum = value,
                    Statistic::Minimum => datapoint.minimum = value,
                    Statistic::Maximum => datapoint.maximum = value,
                    _ => extended.extend(value.map(|value| ((*name).clone(), value))),
                }
            }
            let has_none = statistics
                .iter()
                .all(|(_, statistic)| !statistic.is_basic())
                && extended.is_empty();
            datapoint.extended_statistics = (!extended.is_empty()).then_some(extended);
            (!has_none).then_some(datapoint)
        }));
    }
    Ok(GetMetricStatisticsOutput {
        label: Some(input.metric_name.clone()),
        datapoints: Some(datapoints),
    })
}

/// ListMetrics.
///
/// - AWS: metrics without a value in two weeks are not listed; a page may have fewer than the most and still a token.
pub fn list_metrics(
    reader: &MetricsReader,
    input: &ListMetricsInput,
    now_ms: i64,
) -> Result<ListMetricsOutput, Error> {
    let prefix = match (&input.namespace, &input.metric_name) {
        (Some(namespace), Some(name)) => rows::name_prefix(namespace, name),
        (namespace, _) => rows::namespace_prefix(namespace.as_deref()),
    };
    let end = rows::after(&prefix);
    let mut from = match &input.next_token {
        None => prefix.clone(),
        Some(token) => unhex(token)
            .filter(|from| from.starts_with(&prefix))
            .ok_or_else(|| Error::invalid_parameter_value_exception("Invalid nextToken"))?,
    };
    let hours = match input.recently_active {
        Some(_) => 3,
        None => PAST_MAX_MS / 3_600_000,
    };
    let oldest_hour = u32::try_from(now_ms / 3_600_000 - hours).unwrap_or(0);
    let mut metrics: Vec<Metric> = Vec::new();
    let mut looked_at = 0;
    let mut next = None;
    'pages: while looked_at < LOOKED_AT_MAX {
        let names = reader.names(&from, &end).map_err(|error| failed(&error))?;
        looked_at += names.rows.len();
        for (key, row) in names.rows {
            if metrics.len() == METRICS_MAX {
                next = Some(key);
                break 'pages;
            }
            let is_listed = row.last_hour >= oldest_hour && is_asked_for(&row, input);
            // A metric with several units is listed once.
            if is_listed && metrics.last() != Some(&row.metric) {
                metrics.push(row.metric);
            }
        }
        match names.next {
            Some(after) => {
                from = after;
                next = Some(from.clone());
            }
            None => {
                next = None;
                break;
            }
        }
    }
    let shown = metrics.iter().map(|metric| cloudwatch::Metric {
        namespace: Some(metric.namespace().to_owned()),
        metric_name: Some(metric.name().to_owned()),
        dimensions: Some(
            metric
                .dimensions()
                .iter()
                .map(|(name, value)| Dimension {
                    name: name.clone(),
                    value: value.clone(),
                })
                .collect(),
        ),
    });
    Ok(ListMetricsOutput {
        metrics: Some(shown.collect()),
        next_token: next.map(|key| hex(&key)),
        owning_accounts: None,
    })
}

fn is_asked_for(row: &NameRow, input: &ListMetricsInput) -> bool {
    let metric = &row.metric;
    let has_name = input
        .metric_name
        .as_ref()
        .is_none_or(|name| name == metric.name());
    has_name
        && input.dimensions.iter().flatten().all(|filter| {
            metric.dimensions().iter().any(|(name, value)| {
                *name == filter.name && filter.value.as_ref().is_none_or(|wanted| wanted == value)
            })
        })
}
