//! The data points of an alarm, out of the store of metrics.

use std::collections::BTreeMap;

use stepwell_api::EpochSeconds;
use stepwell_api::cloudwatch::{Dimension, GetMetricDataInput, MetricDataQuery};
use stepwell_store::Error;

use super::evaluation::Point;
use super::{Watched, What};
use crate::metrics::operations::get_metric_data;
use crate::metrics::{Metric, MetricsReader, Statistic, Unit};

/// The data points of what is watched, newest first, one a period.
///
/// - Errors: a text that says why there are none, such as a statistic that does not exist.
pub fn points(reader: &MetricsReader, watched: Watched<'_>) -> Result<Vec<Point>, String> {
    match watched.what {
        What::Metric {
            namespace,
            name,
            dimensions,
            statistic,
            unit,
        } => {
            let metric = metric(namespace, name, dimensions);
            let unit = unit.map(unit_of).transpose()?;
            of_metric(reader, watched, &metric, statistic, unit)
        }
        What::Math(queries) => of_math(reader, watched, queries),
    }
}

fn metric(namespace: &str, name: &str, dimensions: &[Dimension]) -> Metric {
    let dimensions = dimensions
        .iter()
        .map(|dimension| (dimension.name.clone(), dimension.value.clone()));
    Metric::new(namespace, name, dimensions)
}

fn unit_of(name: &str) -> Result<Unit, String> {
    Unit::of_name(name).ok_or_else(|| format!("there is no unit {name}"))
}

fn of_metric(
    reader: &MetricsReader,
    watched: Watched<'_>,
    metric: &Metric,
    statistic: &str,
    unit: Option<Unit>,
) -> Result<Vec<Point>, String> {
    let unreadable = |error: Error| format!("the store of metrics cannot be read: {error}");
    let statistic =
        Statistic::parse(statistic).ok_or_else(|| format!("there is no statistic {statistic}"))?;
    let period_s = u32::try_from(watched.period_s).map_err(|_| "the period is negative")?;
    let (start_s, end_s) = watched.span_s();
    let series: Vec<u32> = reader
        .series(metric, unit)
        .map_err(unreadable)?
        .into_iter()
        .map(|(series, _)| series)
        .collect();
    let buckets = reader
        .buckets(&series, start_s, end_s, period_s)
        .map_err(unreadable)?;
    let found: BTreeMap<i64, (f64, f64)> = buckets
        .iter()
        .filter_map(|(at_s, values)| Some((*at_s, (statistic.of(values)?, values.count()))))
        .collect();
    Ok(watched.starts_s().map(|at_s| point(at_s, &found)).collect())
}

/// The values of the query that returns data. Samples of an expression are not counted.
fn of_math(
    reader: &MetricsReader,
    watched: Watched<'_>,
    queries: &[MetricDataQuery],
) -> Result<Vec<Point>, String> {
    let (start_s, end_s) = watched.span_s();
    let input = GetMetricDataInput {
        metric_data_queries: queries.to_vec(),
        start_time: EpochSeconds::from_ms(start_s * 1_000),
        end_time: EpochSeconds::from_ms(end_s * 1_000),
        ..GetMetricDataInput::default()
    };
    let output = get_metric_data(reader, &input, watched.end_ms).map_err(|error| error.message)?;
    let result = output.metric_data_results.into_iter().flatten().next();
    let result = result.unwrap_or_default();
    let at = result.timestamps.into_iter().flatten();
    let values = result.values.into_iter().flatten();
    let found: BTreeMap<i64, (f64, f64)> = at
        .zip(values)
        .map(|(at, value)| (at.ms() / 1_000, (value, 0.0)))
        .collect();
    // A period is known by its beginning, which may be another one where windows slide.
    let within = |at_s: i64| {
        let mut there = found.range(at_s..at_s + watched.period_s);
        there.next().map(|(_, value)| *value)
    };
    let points = watched.starts_s().map(|at_s| {
        let there = within(at_s).map(|value| (at_s, value));
        point(at_s, &there.into_iter().collect())
    });
    Ok(points.collect())
}

fn point(at_s: i64, found: &BTreeMap<i64, (f64, f64)>) -> Point {
    let there = found.get(&at_s);
    Point {
        start_ms: at_s * 1_000,
        value: there.map(|(value, _)| *value),
        samples: there.map_or(0.0, |(_, samples)| *samples),
    }
}

impl Watched<'_> {
    /// First and last second of all periods; the last is not part of them.
    fn span_s(&self) -> (i64, i64) {
        let end_s = self.end_ms.div_euclid(1_000);
        let count = i64::try_from(self.count).unwrap_or(i64::MAX);
        (end_s - count.saturating_mul(self.period_s), end_s)
    }

    /// Where the periods begin, the newest first.
    fn starts_s(&self) -> impl Iterator<Item = i64> {
        let (start_s, end_s) = self.span_s();
        let period_s = self.period_s;
        (1..)
            .map(move |number| end_s - number * period_s)
            .take_while(move |at_s| *at_s >= start_s)
    }
}
