//! Metrics of OpenTelemetry as values of CloudWatch metrics.
//!
//! The mapping is that of AWS's exporter for embedded metrics: a namespace of the service's name, attributes as dimensions,
//! histograms as statistic sets.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::Partial;
use super::values::{attributes, float, list, nanos, text};
use crate::metrics::VALUE_MAX;

/// AWS: dimensions of a metric.
const DIMENSIONS_MAX: usize = 30;

/// AWS: characters of a namespace and of a metric's name.
const NAME_CHARACTERS_MAX: usize = 255;

/// AWS: characters of a dimension's value.
const VALUE_CHARACTERS_MAX: usize = 1_024;

/// Series whose last cumulative value is remembered; those beyond are refused while all of them are in use.
const SERIES_MAX: usize = 20_000;

/// Series that gave way and are known by name alone: a first value of theirs is not their first.
const FORGOTTEN_MAX: usize = 20_000;

/// A series without a point for so long gives way to another one: its process is gone.
const UNUSED_MS: i64 = 15 * 60_000;

/// Temporality of sums and histograms.
const CUMULATIVE: i64 = 2;

/// A data point whose value is missing says so with this flag.
const NO_VALUE: i64 = 1;

/// The namespace of a service without a name.
const NAMESPACE: &str = "default";

/// Values of a metric at an instant.
#[derive(Debug, Clone, PartialEq)]
pub struct ReceivedPoint {
    pub namespace: String,
    pub name: String,
    pub dimensions: Vec<(String, String)>,
    /// AWS's name of it.
    pub unit: &'static str,
    pub timestamp_ms: i64,
    pub count: f64,
    pub sum: f64,
    pub min: f64,
    pub max: f64,
}

/// What is remembered of metrics that only say how much there was in all.
#[derive(Debug, Default)]
pub struct Accumulated {
    series: BTreeMap<u128, Last>,
    /// The same series by when their last point came.
    used: BTreeSet<(i64, u128)>,
    /// Those that were forgotten, the oldest first: should they come back, what they had counted is not counted again.
    forgotten: VecDeque<u128>,
    /// The same, to look one up.
    forgotten_too: BTreeSet<u128>,
    /// What began before this is not counted from its beginning.
    since_nanos: u64,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    start_nanos: u64,
    count: f64,
    sum: f64,
    used_ms: i64,
}

impl Accumulated {
    /// - `since_nanos`: when the server was started. What a series counted before is known to nobody, or was counted.
    pub fn new(since_nanos: u64) -> Accumulated {
        Accumulated {
            since_nanos,
            ..Accumulated::default()
        }
    }

    /// How much count and sum have grown since the last point of the series; `None` where that is not known yet.
    fn growth(&mut self, series: u128, now: Last) -> Result<Option<(f64, f64)>, String> {
        let known = self.series.get(&series).copied();
        match known {
            Some(last) => {
                self.used.remove(&(last.used_ms, series));
            }
            None if self.series.len() >= SERIES_MAX && !self.forget_one(now.used_ms) => {
                return Err(format!(
                    "more than {SERIES_MAX} cumulative series: send deltas instead"
                ));
            }
            None => {}
        }
        let was_forgotten = self.forgotten_too.remove(&series);
        if was_forgotten {
            self.forgotten.retain(|forgotten| *forgotten != series);
        }
        self.series.insert(series, now);
        self.used.insert((now.used_ms, series));
        Ok(match known {
            // A reset: its count begins anew.
            Some(last)
                if last.start_nanos != now.start_nanos
                    || now.count < last.count
                    || now.sum < last.sum =>
            {
                Some((now.count, now.sum))
            }
            Some(last) => Some((now.count - last.count, now.sum - last.sum)),
            None => (now.start_nanos >= self.since_nanos && !was_forgotten)
                .then_some((now.count, now.sum)),
        })
    }

    /// Forgets the series whose last point is the oldest; `false` if it is still in use.
    fn forget_one(&mut self, now_ms: i64) -> bool {
        let is_unused = |(used_ms, _): &&(i64, u128)| now_ms.saturating_sub(*used_ms) >= UNUSED_MS;
        let Some(oldest) = self.used.first().filter(is_unused).copied() else {
            return false;
        };
        self.used.remove(&oldest);
        self.series.remove(&oldest.1);
        self.forgotten.push_back(oldest.1);
        self.forgotten_too.insert(oldest.1);
        while self.forgotten.len() > FORGOTTEN_MAX {
            if let Some(first) = self.forgotten.pop_front() {
                self.forgotten_too.remove(&first);
            }
        }
        true
    }
}

/// What tells one series from others: the process and the library that it comes from are part of it.
#[derive(Clone, Default)]
struct Identity(Sha256);

impl Identity {
    fn with(mut self, text: &str) -> Identity {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text);
        self
    }

    /// In whatever order they come.
    fn with_attributes(self, of: &Value) -> Identity {
        let attributes: BTreeMap<String, Value> = attributes(of).into_iter().collect();
        let count = attributes.len().to_string();
        attributes
            .into_iter()
            .fold(self.with(&count), |identity, (key, value)| {
                identity.with(&key).with(&value.to_string())
            })
    }

    fn number(self) -> u128 {
        let hash = self.0.finalize();
        hash[..16]
            .iter()
            .fold(0, |number, byte| number << 8 | u128::from(*byte))
    }
}

/// The values of a request of metrics; points that cannot be values are refused.
///
/// - `now_ms`: the instant of points without one.
pub fn received_points(
    request: &Value,
    accumulated: &mut Accumulated,
    now_ms: i64,
) -> (Vec<ReceivedPoint>, Partial) {
    let mut reader = Reader {
        accumulated,
        now_ms,
        points: Vec::new(),
        partial: Partial::default(),
    };
    for group in list(request, "resourceMetrics") {
        let namespace = namespace(&attributes(&group["resource"]));
        let of_resource = Identity::default().with_attributes(&group["resource"]);
        for held in list(group, "scopeMetrics") {
            let scope = &held["scope"];
            let of_scope = of_resource
                .clone()
                .with(scope["name"].as_str().unwrap_or_default())
                .with(scope["version"].as_str().unwrap_or_default())
                .with_attributes(scope);
            for metric in list(held, "metrics") {
                reader.metric((&namespace, &of_scope), metric);
            }
        }
    }
    (reader.points, reader.partial)
}

struct Reader<'a> {
    accumulated: &'a mut Accumulated,
    now_ms: i64,
    points: Vec<ReceivedPoint>,
    partial: Partial,
}

impl Reader<'_> {
    /// - `source`: the namespace, and what the identity of a series begins with.
    fn metric(&mut self, source: (&str, &Identity), metric: &Value) {
        let name: String = metric["name"]
            .as_str()
            .unwrap_or_default()
            .chars()
            .take(NAME_CHARACTERS_MAX)
            .collect();
        for kind in [
            "gauge",
            "sum",
            "histogram",
            "exponentialHistogram",
            "summary",
        ] {
            let held = &metric[kind];
            for point in list(held, "dataPoints") {
                let read = if name.is_empty() {
                    Err("a metric has no name".to_string())
                } else {
                    self.point(source, &name, metric, kind, point)
                };
                match read {
                    Ok(point) => self.points.extend(point),
                    Err(reason) => self.partial.reject(1, || reason),
                }
            }
        }
    }

    fn point(
        &mut self,
        (namespace, source): (&str, &Identity),
        name: &str,
        metric: &Value,
        kind: &str,
        point: &Value,
    ) -> Result<Option<ReceivedPoint>, String> {
        if point["flags"].as_i64().unwrap_or_default() & NO_VALUE != 0 {
            return Ok(None);
        }
        let dimensions = dimensions(name, point)?;
        let held = &metric[kind];
        let is_cumulative = held["aggregationTemporality"].as_i64() == Some(CUMULATIVE);
        let is_sum = kind == "sum";
        let of_number = matches!(kind, "gauge" | "sum");
        let statistics = if of_number {
            let value = float(point, "asDouble").or_else(|| float(point, "asInt"));
            let value = value.ok_or_else(|| format!("a point of {name} has no value"))?;
            Statistics::of(value)
        } else {
            let Some(statistics) = Statistics::of_ranges(point, kind) else {
                return Ok(None);
            };
            statistics
        };
        let Statistics {
            count,
            sum,
            min,
            max,
        } = statistics;
        let are_values = [count, sum, min, max].map(|number| number.abs() <= VALUE_MAX);
        if are_values.contains(&false) {
            return Err(format!(
                "a point of {name} is no finite number, or beyond 2^360"
            ));
        }
        let grows =
            is_cumulative && (kind != "sum" || held["isMonotonic"] == true) || kind == "summary";
        let statistics = if grows {
            let now = Last {
                start_nanos: nanos(point, "startTimeUnixNano"),
                count: if is_sum { 0.0 } else { statistics.count },
                sum: statistics.sum,
                used_ms: self.now_ms,
            };
            let unit = metric["unit"].as_str().unwrap_or_default();
            let series = [name, kind, unit]
                .into_iter()
                .fold(source.clone(), Identity::with)
                .with_attributes(point)
                .number();
            match self.accumulated.growth(series, now)? {
                None => return Ok(None),
                Some((_, sum)) if is_sum => Statistics::of(sum),
                Some((0.0, _)) => return Ok(None),
                Some((count, sum)) => statistics.grown(count, sum),
            }
        } else {
            statistics
        };
        let at = nanos(point, "timeUnixNano");
        let timestamp_ms = match i64::try_from(at / 1_000_000) {
            Ok(at) if at > 0 => at,
            _ => self.now_ms,
        };
        Ok(Some(ReceivedPoint {
            namespace: namespace.to_string(),
            name: name.to_string(),
            dimensions,
            unit: unit(metric["unit"].as_str().unwrap_or_default(), is_sum),
            timestamp_ms,
            count: statistics.count,
            sum: statistics.sum,
            min: statistics.min,
            max: statistics.max,
        }))
    }
}

#[derive(Debug, Clone, Copy)]
struct Statistics {
    count: f64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Statistics {
    fn of(value: f64) -> Statistics {
        Statistics {
            count: 1.0,
            sum: value,
            min: value,
            max: value,
        }
    }

    /// Of a histogram or a summary; `None` where nothing was counted.
    fn of_ranges(point: &Value, kind: &str) -> Option<Statistics> {
        let count = float(point, "count").filter(|count| *count > 0.0)?;
        let sum = float(point, "sum").unwrap_or_default();
        let mean = sum / count;
        let (low, high) = match kind {
            "histogram" => explicit_span(point),
            "summary" => {
                let at = |wanted: f64| {
                    let mut found = list(point, "quantileValues");
                    let found = found.find(|found| float(found, "quantile") == Some(wanted));
                    found.and_then(|found| float(found, "value"))
                };
                (at(0.0), at(1.0))
            }
            _ => (None, None),
        };
        let min = float(point, "min").or(low).unwrap_or(mean);
        let max = float(point, "max").or(high).unwrap_or(mean);
        Some(Statistics {
            count,
            sum,
            min: min.min(mean),
            max: max.max(mean),
        })
    }

    /// What has come since the last point: its smallest and its greatest are not known apart, but lie between these.
    fn grown(self, count: f64, sum: f64) -> Statistics {
        let mean = sum / count;
        Statistics {
            count,
            sum,
            min: self.min.min(mean),
            max: self.max.max(mean),
        }
    }
}

/// Between which bounds the values of a histogram lie.
fn explicit_span(point: &Value) -> (Option<f64>, Option<f64>) {
    let bounds: Vec<f64> = list(point, "explicitBounds")
        .filter_map(super::protobuf::number)
        .collect();
    let counts: Vec<u64> = list(point, "bucketCounts")
        .map(|count| count.as_u64().unwrap_or(0))
        .collect();
    let first = counts.iter().position(|count| *count > 0);
    let last = counts.iter().rposition(|count| *count > 0);
    let low = first.and_then(|at| bounds.get(at.checked_sub(1)?).copied());
    let high = last.and_then(|at| bounds.get(at).copied());
    (low, high)
}

fn namespace(resource: &Map<String, Value>) -> String {
    let name = text(resource, &["service.name"]);
    let namespace = text(resource, &["service.namespace"]);
    let joined = match (namespace, name) {
        (Some(namespace), Some(name)) => format!("{namespace}/{name}"),
        (None, Some(name)) => name.to_string(),
        (Some(namespace), None) => namespace.to_string(),
        (None, None) => NAMESPACE.to_string(),
    };
    // AWS keeps namespaces that begin so for itself.
    let joined = match joined.strip_prefix("AWS/") {
        Some(rest) => format!("OTel/{rest}"),
        None => joined,
    };
    joined
        .chars()
        .filter(|c| is_of_a_name(*c))
        .take(NAME_CHARACTERS_MAX)
        .collect()
}

fn is_of_a_name(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_control() && c != ':'
}

fn dimensions(name: &str, point: &Value) -> Result<Vec<(String, String)>, String> {
    let mut dimensions: Vec<(String, String)> = attributes(point)
        .into_iter()
        .filter_map(|(key, value)| {
            let value = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_string);
            let key: String = key
                .chars()
                .filter(|c| is_of_a_name(*c))
                .take(NAME_CHARACTERS_MAX)
                .collect();
            let is_shown = |c: &char| c.is_ascii() && !c.is_ascii_control();
            let value: String = value
                .chars()
                .filter(is_shown)
                .take(VALUE_CHARACTERS_MAX)
                .collect();
            (!key.is_empty() && !value.trim().is_empty()).then_some((key, value))
        })
        .collect();
    if dimensions.len() > DIMENSIONS_MAX {
        let count = dimensions.len();
        return Err(format!(
            "a point of {name} has {count} attributes, at most {DIMENSIONS_MAX} are dimensions"
        ));
    }
    dimensions.sort();
    dimensions.dedup_by(|a, b| a.0 == b.0);
    Ok(dimensions)
}

/// AWS's name of a unit of UCUM.
fn unit(ucum: &str, is_sum: bool) -> &'static str {
    match ucum {
        "s" => "Seconds",
        "ms" => "Milliseconds",
        "us" | "µs" => "Microseconds",
        "By" => "Bytes",
        "kBy" => "Kilobytes",
        "MBy" => "Megabytes",
        "GBy" => "Gigabytes",
        "bit" => "Bits",
        "%" => "Percent",
        "By/s" => "Bytes/Second",
        _ if ucum.starts_with('{') => "Count",
        "1" if is_sum => "Count",
        _ => "None",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const START: u64 = 1_700_000_000_000_000_000;

    fn request(metric: Value) -> Value {
        json!({ "resourceMetrics": [{
            "resource": { "attributes": [
                { "key": "service.name", "value": { "stringValue": "orders" } },
                { "key": "service.namespace", "value": { "stringValue": "shop" } },
            ] },
            "scopeMetrics": [{ "metrics": [metric] }],
        }] })
    }

    fn shown(points: &[ReceivedPoint]) -> Vec<String> {
        let show = |point: &ReceivedPoint| {
            format!(
                "{} {} {:?} {} {}: {} {} {} {}",
                point.namespace,
                point.name,
                point.dimensions,
                point.unit,
                point.timestamp_ms,
                point.count,
                point.sum,
                point.min,
                point.max
            )
        };
        points.iter().map(show).collect()
    }

    fn received(accumulated: &mut Accumulated, metric: Value) -> Vec<String> {
        let (points, partial) = received_points(&request(metric), accumulated, 5);
        let mut shown = shown(&points);
        if partial.rejected > 0 {
            shown.push(format!("{} refused: {}", partial.rejected, partial.message));
        }
        shown
    }

    #[test]
    fn gauges_deltas_and_histograms_are_values() {
        let mut accumulated = Accumulated::new(0);
        let at = START;
        let metric = json!({ "name": "queue", "unit": "{item}", "gauge": { "dataPoints": [
            { "timeUnixNano": at, "asInt": 7, "attributes": [
                { "key": "z", "value": { "boolValue": true } },
                { "key": "a", "value": { "stringValue": "x" } },
                { "key": "empty", "value": { "stringValue": "" } },
            ] },
            { "timeUnixNano": at, "flags": 1 },
            { "asDouble": "NaN" },
            { "asDouble": -2.4e108 },
        ] } });
        assert_eq!(
            received(&mut accumulated, metric),
            [
                r#"shop/orders queue [("a", "x"), ("z", "true")] Count 1700000000000: 1 7 7 7"#,
                "2 refused: a point of queue is no finite number, or beyond 2^360",
            ]
        );
        let metric = json!({ "name": "paid", "unit": "1", "sum": { "aggregationTemporality": 1, "dataPoints": [
            { "asDouble": 2.5 },
        ] } });
        assert_eq!(
            received(&mut accumulated, metric),
            ["shop/orders paid [] Count 5: 1 2.5 2.5 2.5"]
        );
        let metric = json!({ "name": "took", "unit": "ms", "histogram": { "aggregationTemporality": 1, "dataPoints": [
            { "count": 4, "sum": 100.0, "min": 1.0, "max": 70.0, "bucketCounts": [4], "explicitBounds": [] },
            { "count": 4, "sum": 100.0, "bucketCounts": [0, 1, 3, 0], "explicitBounds": [10.0, 20.0, 40.0] },
            { "count": 0, "sum": 0.0 },
        ] } });
        assert_eq!(
            received(&mut accumulated, metric),
            [
                "shop/orders took [] Milliseconds 5: 4 100 1 70",
                "shop/orders took [] Milliseconds 5: 4 100 10 40",
            ]
        );
    }

    #[test]
    fn cumulative_values_count_what_has_come_since() {
        let mut accumulated = Accumulated::new(START);
        let mut sum = |start: u64, value: i64| {
            received(
                &mut accumulated,
                json!({ "name": "n", "sum": { "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
                    { "startTimeUnixNano": start, "asInt": value },
                ] } }),
            )
            .pop()
            .map(|shown| shown.rsplit(' ').next().unwrap_or_default().to_string())
        };
        // It began after the server: all of it is new.
        assert_eq!(sum(START + 1, 5).as_deref(), Some("5"));
        assert_eq!(sum(START + 1, 7).as_deref(), Some("2"));
        // A reset, and a new process.
        assert_eq!(sum(START + 1, 3).as_deref(), Some("3"));
        assert_eq!(sum(START + 2, 4).as_deref(), Some("4"));
        let mut accumulated = Accumulated::new(START);
        let mut histogram = |count: u64, sum: f64| {
            received(
                &mut accumulated,
                json!({ "name": "h", "histogram": { "aggregationTemporality": 2, "dataPoints": [
                    { "startTimeUnixNano": START - 1, "count": count, "sum": sum, "min": 1.0, "max": 9.0 },
                ] } }),
            )
        };
        // It began before the server: what it counted until now was counted already.
        assert_eq!(histogram(10, 50.0), [""; 0]);
        assert_eq!(histogram(10, 50.0), [""; 0]);
        assert_eq!(histogram(13, 62.0), ["shop/orders h [] None 5: 3 12 1 9"]);
    }

    #[test]
    fn each_process_and_library_counts_by_itself() {
        let mut accumulated = Accumulated::new(START);
        let mut sum = |process: &str, library: &str, value: i64| {
            let request = json!({ "resourceMetrics": [{
                "resource": { "attributes": [
                    { "key": "service.instance.id", "value": { "stringValue": process } },
                    { "key": "service.name", "value": { "stringValue": "orders" } },
                ] },
                "scopeMetrics": [{ "scope": { "name": library }, "metrics": [
                    { "name": "n", "sum": { "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": [
                        { "startTimeUnixNano": START, "asInt": value },
                    ] } },
                ] }],
            }] });
            let (points, _) = received_points(&request, &mut accumulated, 5);
            points.first().map(|point| point.sum)
        };
        assert_eq!(sum("a", "http", 100), Some(100.0));
        assert_eq!(sum("b", "http", 10), Some(10.0));
        assert_eq!(sum("a", "rpc", 50), Some(50.0));
        assert_eq!(sum("a", "http", 101), Some(1.0));
        assert_eq!(sum("b", "http", 12), Some(2.0));
        assert_eq!(sum("a", "rpc", 50), Some(0.0));
    }

    #[test]
    fn series_that_are_no_longer_used_give_way() {
        let mut accumulated = Accumulated::new(START);
        let mut sum = |now_ms: i64, numbers: std::ops::Range<usize>, value: i64| {
            let points: Vec<Value> = numbers
                .map(|number| {
                    json!({ "startTimeUnixNano": START, "asInt": value, "attributes": [
                        { "key": "n", "value": { "intValue": number } },
                    ] })
                })
                .collect();
            let metric = json!({ "name": "n", "sum": {
                "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": points,
            } });
            let (points, partial) = received_points(&request(metric), &mut accumulated, now_ms);
            let sum: f64 = points.iter().map(|point| point.sum).sum();
            (points.len(), sum, partial.rejected)
        };
        let all = SERIES_MAX as f64;
        assert_eq!(sum(0, 0..SERIES_MAX, 1), (SERIES_MAX, all, 0));
        assert_eq!(sum(60_000, 10..SERIES_MAX, 2).2, 0);
        assert_eq!(sum(UNUSED_MS - 1, 30_000..30_001, 5), (0, 0.0, 1));
        // Another one takes the place of one of those that came only once.
        let later = UNUSED_MS;
        assert_eq!(sum(later, 30_000..30_011, 5).2, 1);
        // A new one counts from its first point on whatever gave way, also if it began before that.
        assert_eq!(sum(later + UNUSED_MS, 50_000..50_001, 3), (1, 3.0, 0));
        // What comes back counts from its second point on; what was kept goes on.
        assert_eq!(sum(later + UNUSED_MS, 0..1, 7), (0, 0.0, 0));
        assert_eq!(sum(later + UNUSED_MS, 0..1, 9), (1, 2.0, 0));
        assert_eq!(sum(later + UNUSED_MS, 9_999..10_000, 9), (1, 7.0, 0));
    }

    #[test]
    fn series_and_dimensions_are_bounded() {
        let mut accumulated = Accumulated::new(START);
        let points: Vec<Value> = (0..SERIES_MAX + 2)
            .map(|number| {
                json!({ "startTimeUnixNano": START, "asInt": 1, "attributes": [
                    { "key": "n", "value": { "intValue": number } },
                ] })
            })
            .collect();
        let metric = json!({ "name": "n", "sum": {
            "aggregationTemporality": 2, "isMonotonic": true, "dataPoints": points,
        } });
        let told = received(&mut accumulated, metric);
        assert_eq!(told.len(), SERIES_MAX + 1);
        let last = told.last().map(String::as_str);
        assert_eq!(
            last,
            Some("2 refused: more than 20000 cumulative series: send deltas instead")
        );
        let attributes: Vec<Value> = (0..31)
            .map(|number| json!({ "key": format!("k{number}"), "value": { "intValue": 1 } }))
            .collect();
        let metric = json!({ "name": "g", "gauge": { "dataPoints": [{ "asInt": 1, "attributes": attributes }] } });
        assert_eq!(
            received(&mut accumulated, metric),
            ["1 refused: a point of g has 31 attributes, at most 30 are dimensions"]
        );
    }
}
