//! The store of metrics through its face, on a store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use stepwell_api::EpochSeconds;
use stepwell_api::cloudwatch::{self, MetricDataQuery, MetricStat};
use stepwell_store::{Batch, Direction, Disk, Error, Memory, Snapshot, Store, Value};
use stepwell_telemetry::metrics::math::{Range, Refusal};
use stepwell_telemetry::metrics::operations::{list_metrics, samples};
use stepwell_telemetry::metrics::{
    Distribution, Limits, Metric, Metrics, Sample, Statistic, Unit, VALUE_MAX,
};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;
/// 2026-01-31T00:00:00Z.
const START_MS: i64 = 1_769_817_600_000;

fn opened(disk: &Disk, limits: Limits) -> Metrics {
    Metrics::open(Box::new(disk.crash()), limits).expect("it opens")
}

fn metrics(limits: Limits) -> Metrics {
    Metrics::open(Box::new(Memory::new()), limits).expect("it opens")
}

fn sample(name: &str, at_ms: i64, value: f64) -> Sample {
    let metric = Arc::new(Metric::known("App", name, &[("d", "v")]));
    Sample::new(&metric, Unit::Count, at_ms, Distribution::of(value))
}

fn put(metrics: &mut Metrics, sample: &Sample, now_ms: i64) {
    metrics.add(sample, now_ms).expect("it is added");
}

fn settle(metrics: &mut Metrics, now_ms: i64) {
    metrics.commit(now_ms).expect("it is committed");
    while metrics.maintain(now_ms).expect("it is maintained") {}
}

/// Start and statistic of each span of `period_s` seconds.
fn read(
    metrics: &Metrics,
    name: &str,
    from_ms: i64,
    to_ms: i64,
    period_s: u32,
    stat: &str,
) -> Vec<(i64, f64)> {
    let reader = metrics.reader();
    let metric = Metric::known("App", name, &[("d", "v")]);
    let series: Vec<u32> = reader
        .series(&metric, None)
        .expect("it reads")
        .into_iter()
        .map(|(series, _)| series)
        .collect();
    let statistic = Statistic::parse(stat).expect("it is a statistic");
    let buckets = reader
        .buckets(&series, from_ms / 1_000, to_ms / 1_000, period_s)
        .expect("it reads");
    buckets
        .iter()
        .filter_map(|(at, values)| Some((at * 1_000, statistic.of(values)?)))
        .collect()
}

#[test]
fn values_of_a_minute_are_one_point_whatever_commits_are_between() {
    let mut metrics = metrics(Limits::default());
    for (second, value) in [(0, 1.0), (30, 2.0), (59, 6.0)] {
        put(
            &mut metrics,
            &sample("m", START_MS + second * 1_000, value),
            START_MS + MINUTE_MS,
        );
        metrics
            .commit(START_MS + MINUTE_MS)
            .expect("it is committed");
    }
    let found = |stat| read(&metrics, "m", START_MS, START_MS + HOUR_MS, 60, stat);
    assert_eq!(found("Sum"), [(START_MS, 9.0)]);
    assert_eq!(found("p50"), [(START_MS, 2.0)]);
}

#[test]
fn late_values_are_added_to_what_is_packed_already() {
    let mut metrics = metrics(Limits::default());
    put(&mut metrics, &sample("m", START_MS, 1.0), START_MS);
    let later = START_MS + 2 * HOUR_MS;
    settle(&mut metrics, later);
    for value in [2.0, 4.0] {
        put(&mut metrics, &sample("m", START_MS, value), later);
        metrics.commit(later).expect("it is committed");
    }
    let found = |metrics: &Metrics| read(metrics, "m", START_MS, later, 60, "Sum");
    assert_eq!(found(&metrics), [(START_MS, 7.0)]);
    settle(&mut metrics, later);
    assert_eq!(found(&metrics), [(START_MS, 7.0)]);
    put(&mut metrics, &sample("m", START_MS, 8.0), later);
    settle(&mut metrics, later);
    assert_eq!(found(&metrics), [(START_MS, 15.0)]);
}

#[test]
fn what_was_committed_is_there_after_a_crash() {
    let disk = Disk::new();
    let mut metrics = opened(&disk, Limits::default());
    put(&mut metrics, &sample("m", START_MS, 1.0), START_MS);
    metrics.commit(START_MS).expect("it is committed");
    put(&mut metrics, &sample("m", START_MS, 2.0), START_MS);
    drop(metrics);
    let mut metrics = opened(&disk, Limits::default());
    assert_eq!(
        read(&metrics, "m", START_MS, START_MS + HOUR_MS, 60, "Sum"),
        [(START_MS, 1.0)]
    );
    put(&mut metrics, &sample("m", START_MS, 4.0), START_MS);
    metrics.commit(START_MS).expect("it is committed");
    assert_eq!(
        read(&metrics, "m", START_MS, START_MS + HOUR_MS, 60, "Sum"),
        [(START_MS, 5.0)]
    );
    assert_eq!(metrics.size().0, 1);
}

#[test]
fn resolution_falls_with_age_and_all_goes_at_last() {
    let mut metrics = metrics(Limits::default());
    for minute in 0..10 {
        let mut sample = sample("m", START_MS + minute * MINUTE_MS, 1.0);
        sample.is_high_resolution = true;
        put(&mut metrics, &sample, START_MS + 10 * MINUTE_MS);
    }
    let end = START_MS + HOUR_MS;
    let found = |metrics: &Metrics, period_s| read(metrics, "m", START_MS, end, period_s, "Sum");
    settle(&mut metrics, START_MS + HOUR_MS);
    assert_eq!(found(&metrics, 1).len(), 10);
    settle(&mut metrics, START_MS + 5 * HOUR_MS);
    assert_eq!(found(&metrics, 1), []);
    assert_eq!(found(&metrics, 60).len(), 10);
    settle(&mut metrics, START_MS + 15 * DAY_MS);
    assert_eq!(found(&metrics, 60).len(), 10);
    settle(&mut metrics, START_MS + 17 * DAY_MS);
    assert_eq!(found(&metrics, 60), []);
    assert_eq!(
        found(&metrics, 300),
        [(START_MS, 5.0), (START_MS + 5 * MINUTE_MS, 5.0)]
    );
    settle(&mut metrics, START_MS + 65 * DAY_MS);
    assert_eq!(found(&metrics, 300), []);
    assert_eq!(found(&metrics, 3_600), [(START_MS, 10.0)]);
    settle(&mut metrics, START_MS + 457 * DAY_MS);
    assert_eq!(found(&metrics, 3_600), []);
    assert_eq!(metrics.size(), (0, 0));
}

#[test]
fn series_beyond_the_bound_are_dropped_and_counted() {
    let limits = Limits {
        series_max: 3,
        ..Limits::default()
    };
    let mut metrics = metrics(limits);
    for number in 0..10 {
        put(
            &mut metrics,
            &sample(&format!("m{number}"), START_MS, 1.0),
            START_MS,
        );
    }
    put(&mut metrics, &sample("m0", START_MS, 1.0), START_MS);
    metrics.commit(START_MS).expect("it is committed");
    assert_eq!(metrics.dropped().series, 7);
    assert_eq!(metrics.size().0, 3);
    assert_eq!(
        read(&metrics, "m0", START_MS, START_MS + HOUR_MS, 60, "Sum"),
        [(START_MS, 2.0)]
    );
}

#[test]
fn the_budget_holds_and_the_oldest_gives_way() {
    let limits = Limits {
        bytes_max: 20_000,
        ..Limits::default()
    };
    let mut metrics = metrics(limits);
    let mut now_ms = START_MS;
    for hour in 0..400 {
        now_ms = START_MS + hour * HOUR_MS;
        for minute in 0..10 {
            put(
                &mut metrics,
                &sample("m", now_ms - minute * MINUTE_MS, 0.1),
                now_ms,
            );
        }
        settle(&mut metrics, now_ms);
        let (_, bytes) = metrics.size();
        assert!(bytes < 20_000, "{bytes} bytes");
    }
    assert_eq!(metrics.dropped().bytes, 0);
    let found = read(&metrics, "m", START_MS, now_ms, 3_600, "SampleCount");
    let oldest = found.first().expect("something is left").0;
    assert!(oldest > START_MS && oldest < now_ms - DAY_MS, "{oldest}");
    assert!(found.last().expect("something is left").0 >= now_ms - 2 * HOUR_MS);
}

#[test]
fn the_bytes_that_are_counted_are_those_of_the_rows() {
    let disk = Disk::new();
    let mut metrics = opened(&disk, Limits::default());
    for number in 0..200 {
        let at_ms = START_MS + number * 7 * MINUTE_MS;
        let mut sample = sample(&format!("m{}", number % 3), at_ms, number as f64 * 0.3);
        sample.is_high_resolution = number % 2 == 0;
        put(&mut metrics, &sample, at_ms);
        settle(&mut metrics, at_ms);
    }
    let snapshot = metrics.reader().snapshot();
    let rows = snapshot
        .scan(&[2], &[6], stepwell_store::Direction::Ascending, usize::MAX)
        .expect("it reads");
    let bytes: usize = rows
        .iter()
        .map(|(key, value)| key.len() + value.len())
        .sum();
    assert_eq!(metrics.size().1, bytes as u64);
}

#[test]
fn values_of_another_time_are_dropped_and_counted() {
    let mut metrics = metrics(Limits::default());
    put(
        &mut metrics,
        &sample("m", START_MS - 16 * DAY_MS, 1.0),
        START_MS,
    );
    put(
        &mut metrics,
        &sample("m", START_MS + 3 * HOUR_MS, 1.0),
        START_MS,
    );
    assert_eq!(metrics.dropped().time, 2);
}

#[test]
fn values_that_would_overflow_are_dropped_and_counted() {
    let mut metrics = metrics(Limits::default());
    let mut huge = Distribution::default();
    huge.add(1.7e308, 2.0);
    for values in [
        huge,
        Distribution::of(f64::NAN),
        Distribution::of(f64::NEG_INFINITY),
        Distribution::of(2.4e108),
        Distribution::of_statistics(f64::INFINITY, 2.0, 1.0, 2.0),
        Distribution::of_statistics(3.0, f64::INFINITY, 1.0, 2.0),
    ] {
        let sample = Sample {
            values,
            ..sample("m", START_MS, 0.0)
        };
        put(&mut metrics, &sample, START_MS);
    }
    assert_eq!(metrics.dropped().value, 6);
    // What may be kept never leads to infinity.
    for _ in 0..100 {
        let mut values = Distribution::default();
        values.add(VALUE_MAX, VALUE_MAX);
        let sample = Sample {
            values,
            ..sample("m", START_MS, 0.0)
        };
        put(&mut metrics, &sample, START_MS);
        metrics.commit(START_MS).expect("it is committed");
    }
    let sum = read(&metrics, "m", START_MS, START_MS + HOUR_MS, 60, "Sum")[0].1;
    assert!(sum > 99.0 * VALUE_MAX * VALUE_MAX && sum.is_finite());
}

/// A store that counts the scans of its snapshots.
struct Counting {
    store: Memory,
    scans: Arc<AtomicUsize>,
}

struct CountingSnapshot {
    snapshot: Arc<dyn Snapshot>,
    scans: Arc<AtomicUsize>,
}

impl Store for Counting {
    fn snapshot(&self) -> Arc<dyn Snapshot> {
        Arc::new(CountingSnapshot {
            snapshot: self.store.snapshot(),
            scans: Arc::clone(&self.scans),
        })
    }

    fn commit(&mut self, batch: Batch) -> Result<(), Error> {
        self.store.commit(batch)
    }
}

impl Snapshot for CountingSnapshot {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, Error> {
        self.snapshot.get(key)
    }

    fn scan(
        &self,
        from: &[u8],
        to: &[u8],
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Value)>, Error> {
        self.scans.fetch_add(1, Ordering::Relaxed);
        self.snapshot.scan(from, to, direction, limit)
    }
}

#[test]
fn a_range_of_any_size_is_read_where_something_is_kept() {
    let scans = Arc::new(AtomicUsize::new(0));
    let store = Counting {
        store: Memory::new(),
        scans: Arc::clone(&scans),
    };
    let mut metrics = Metrics::open(Box::new(store), Limits::default()).expect("it opens");
    // One in a chunk, one by the minute and one by the second.
    put(&mut metrics, &sample("m", START_MS, 1.0), START_MS);
    settle(&mut metrics, START_MS + 2 * HOUR_MS);
    let later_ms = START_MS + 2 * HOUR_MS;
    let second = Sample {
        is_high_resolution: true,
        ..sample("m", later_ms, 2.0)
    };
    put(&mut metrics, &second, later_ms);
    settle(&mut metrics, later_ms);
    // 1900 and 2200: before and after all seconds that have 32 bits.
    let (from_ms, to_ms) = (-2_208_988_800_000, 7_258_118_400_000);
    scans.store(0, Ordering::Relaxed);
    for (period_s, expected) in [
        (60, vec![(START_MS, 1.0), (later_ms, 2.0)]),
        (1, vec![(later_ms, 2.0)]),
    ] {
        let found = read(&metrics, "m", from_ms, to_ms, period_s, "Sum");
        assert_eq!(found, expected, "{period_s}");
        let found = read(&metrics, "m", later_ms + MINUTE_MS, to_ms, period_s, "Sum");
        assert_eq!(found, [], "{period_s}");
        let found = read(&metrics, "m", from_ms, -MINUTE_MS, period_s, "Sum");
        assert_eq!(found, [], "{period_s}");
    }
    let scans = scans.load(Ordering::Relaxed);
    assert!(scans < 40, "{scans} scans");
}

#[test]
fn points_of_many_values_fill_a_batch_before_it_is_too_large() {
    let mut metrics = metrics(Limits::default());
    let mut values = Distribution::default();
    for number in 0..150 {
        values.add(f64::from(number) + 0.5, 1.0);
    }
    let now_ms = START_MS + 13 * DAY_MS;
    let mut points = 0;
    while !metrics.is_full() {
        let at_ms = START_MS + points % 18_000 * MINUTE_MS;
        let name = if points < 18_000 { "a" } else { "b" };
        let sample = Sample {
            values: values.clone(),
            ..sample(name, at_ms, 0.0)
        };
        put(&mut metrics, &sample, now_ms);
        points += 1;
    }
    assert!(points < 15_000, "{points} points of some thousand bytes");
    metrics.commit(now_ms).expect("it is committed");
    assert!(!metrics.is_full());
}

#[test]
fn a_metric_without_values_for_two_weeks_is_not_listed() {
    let mut metrics = metrics(Limits::default());
    put(&mut metrics, &sample("old", START_MS, 1.0), START_MS);
    let now_ms = START_MS + 15 * DAY_MS;
    put(&mut metrics, &sample("new", now_ms, 1.0), now_ms);
    metrics.commit(now_ms).expect("it is committed");
    let listed = |at_ms| {
        let output = list_metrics(
            &metrics.reader(),
            &cloudwatch::ListMetricsInput::default(),
            at_ms,
        );
        let listed = output.expect("it lists").metrics.unwrap_or_default();
        listed
            .into_iter()
            .filter_map(|metric| metric.metric_name)
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(now_ms), ["new"]);
    assert_eq!(listed(START_MS), ["new", "old"]);
}

fn evaluated(metrics: &Metrics, expression: &str, minutes: i64) -> Result<Vec<(i64, f64)>, String> {
    let stat = |name: &str| MetricDataQuery {
        id: name.to_owned(),
        metric_stat: Some(MetricStat {
            metric: cloudwatch::Metric {
                namespace: Some("App".to_owned()),
                metric_name: Some(name.to_owned()),
                dimensions: Some(vec![cloudwatch::Dimension {
                    name: "d".to_owned(),
                    value: "v".to_owned(),
                }]),
            },
            period: 60,
            stat: "Sum".to_owned(),
            unit: None,
        }),
        return_data: Some(false),
        ..MetricDataQuery::default()
    };
    let asked = MetricDataQuery {
        id: "e".to_owned(),
        expression: Some(expression.to_owned()),
        ..MetricDataQuery::default()
    };
    let range = Range::new(START_MS, START_MS + minutes * MINUTE_MS, START_MS + HOUR_MS);
    let results = metrics
        .reader()
        .evaluate(&[stat("a"), stat("b"), asked], range);
    match results {
        Ok(results) => {
            let mut points = Vec::new();
            for result in results {
                points.extend(
                    result
                        .points
                        .into_iter()
                        .map(|(at, value)| ((at * 1_000 - START_MS) / MINUTE_MS, value)),
                );
            }
            Ok(points)
        }
        Err(Refusal::Invalid(text) | Refusal::NotImplemented(text)) => Err(text),
        Err(Refusal::Store(error)) => panic!("{error}"),
    }
}

#[test]
fn metric_math_is_evaluated() {
    let mut metrics = metrics(Limits::default());
    for (minute, a, b) in [(0, 2.0, 10.0), (1, 4.0, 0.0), (3, 8.0, 1.0)] {
        put(
            &mut metrics,
            &sample("a", START_MS + minute * MINUTE_MS, a),
            START_MS + HOUR_MS,
        );
        put(
            &mut metrics,
            &sample("b", START_MS + minute * MINUTE_MS, b),
            START_MS + HOUR_MS,
        );
    }
    metrics.commit(START_MS + HOUR_MS).expect("it is committed");
    let points = |expression: &str| {
        evaluated(&metrics, expression, 4).unwrap_or_else(|text| panic!("{expression}: {text}"))
    };
    for (expression, wanted) in [
        ("a + b * 2", vec![(0, 22.0), (1, 4.0), (3, 10.0)]),
        ("(a + b) * 2", vec![(0, 24.0), (1, 8.0), (3, 18.0)]),
        ("a / b", vec![(0, 0.2), (3, 8.0)]),
        (
            "2 ^ 3 ^ 2 + 0 * a",
            vec![(0, 512.0), (1, 512.0), (3, 512.0)],
        ),
        ("-a", vec![(0, -2.0), (1, -4.0), (3, -8.0)]),
        ("a >= 4 && b < 1", vec![(0, 0.0), (1, 1.0), (3, 0.0)]),
        ("a == 2 || a != 2", vec![(0, 1.0), (1, 1.0), (3, 1.0)]),
        ("AVG([a, b])", vec![(0, 6.0), (1, 2.0), (3, 4.5)]),
        ("MIN([a, b])", vec![(0, 2.0), (1, 0.0), (3, 1.0)]),
        ("STDDEV([a, b])", vec![(0, 4.0), (1, 2.0), (3, 3.5)]),
        (
            "DATAPOINT_COUNT([a, b])",
            vec![(0, 2.0), (1, 2.0), (3, 2.0)],
        ),
        (
            "a * DATAPOINT_COUNT(a)",
            vec![(0, 6.0), (1, 12.0), (3, 24.0)],
        ),
        (
            "a * METRIC_COUNT(METRICS())",
            vec![(0, 4.0), (1, 8.0), (3, 16.0)],
        ),
        ("CEIL(a / 3)", vec![(0, 1.0), (1, 2.0), (3, 3.0)]),
        ("FLOOR(a / 3)", vec![(0, 0.0), (1, 1.0), (3, 2.0)]),
        ("ABS(b - a)", vec![(0, 8.0), (1, 4.0), (3, 7.0)]),
        ("LOG10(b)", vec![(0, 1.0), (3, 0.0)]),
        ("RATE(a)", vec![(1, 2.0 / 60.0), (3, 4.0 / 120.0)]),
        ("DIFF(a)", vec![(1, 2.0), (3, 4.0)]),
        ("DIFF_TIME(a)", vec![(1, 60.0), (3, 120.0)]),
        ("RUNNING_SUM(a)", vec![(0, 2.0), (1, 6.0), (3, 14.0)]),
        ("FILL(a, 0)", vec![(0, 2.0), (1, 4.0), (2, 0.0), (3, 8.0)]),
        (
            "FILL(a, REPEAT)",
            vec![(0, 2.0), (1, 4.0), (2, 4.0), (3, 8.0)],
        ),
        (
            "FILL(a, LINEAR)",
            vec![(0, 2.0), (1, 4.0), (2, 6.0), (3, 8.0)],
        ),
        (
            "FILL(a, FILL(b, 7))",
            vec![(0, 2.0), (1, 4.0), (2, 7.0), (3, 8.0)],
        ),
        ("IF(a > 2, 1, b)", vec![(0, 10.0), (1, 1.0), (3, 1.0)]),
        ("IF(a > 2, a)", vec![(1, 4.0), (3, 8.0)]),
        ("IF(1, a, b)", vec![(0, 2.0), (1, 4.0), (3, 8.0)]),
        (
            "TIME_SERIES(5)",
            vec![(0, 5.0), (1, 5.0), (2, 5.0), (3, 5.0)],
        ),
        (
            "FIRST(SORT([a, b], SUM, ASC))",
            vec![(0, 10.0), (1, 0.0), (3, 1.0)],
        ),
        (
            "SLICE(SORT([a, b], MAX, DESC), 1)",
            vec![(0, 2.0), (1, 4.0), (3, 8.0)],
        ),
        ("SLICE([a, b], 0, 1)", vec![(0, 2.0), (1, 4.0), (3, 8.0)]),
        (
            "REMOVE_EMPTY([IF(0, a), b])",
            vec![(0, 10.0), (1, 0.0), (3, 1.0)],
        ),
        ("DAY(a)", vec![(0, 6.0), (1, 6.0), (3, 6.0)]),
        (
            "DATE(a) + 100 * MONTH(a) + 10000 * YEAR(a)",
            vec![(0, 20_260_131.0), (1, 20_260_131.0), (3, 20_260_131.0)],
        ),
        (
            "HOUR(a) * 60 + MINUTE(a)",
            vec![(0, 0.0), (1, 1.0), (3, 3.0)],
        ),
        ("a * PERIOD(a)", vec![(0, 120.0), (1, 240.0), (3, 480.0)]),
        (
            "SUM(SEARCH('{App,d} MetricName=\"a\"', 'Sum', 60))",
            vec![(0, 2.0), (1, 4.0), (3, 8.0)],
        ),
    ] {
        assert_eq!(points(expression), wanted, "{expression}");
    }
}

#[test]
fn what_an_expression_makes_is_bounded() {
    let mut metrics = metrics(Limits::default());
    put(&mut metrics, &sample("a", START_MS, 1.0), START_MS);
    metrics.commit(START_MS).expect("it is committed");
    let array = |element: &str, count: usize| format!("[{}]", vec![element; count].join(", "));
    let made = |expression: &str, minutes| evaluated(&metrics, expression, minutes);
    let of = |array: &str| format!("METRIC_COUNT({array}) * a");
    assert_eq!(made(&of(&array("a", 500)), 1), Ok(vec![(0, 500.0)]));
    let parts = format!("[{}, {}]", array("a", 300), array("a", 201));
    let refused = made(&of(&parts), 1).expect_err("too many");
    assert!(
        refused.ends_with("an array has 501 time series, at most 500 are allowed"),
        "{refused}"
    );
    // Each of them may be made, all of them may not.
    assert!(made(&of(&array("FILL(a, 0)", 1)), 199_000).is_ok());
    for element in ["FILL(a, 0)", "TIME_SERIES(1)"] {
        let refused = made(&of(&array(element, 100)), 199_000).expect_err("too much");
        assert!(refused.contains("more than 12000000 points"), "{refused}");
    }
}

#[test]
fn an_expression_that_is_wrong_says_what_is_wrong() {
    let metrics = metrics(Limits::default());
    let deep = format!("{}a{}", "(".repeat(500), ")".repeat(500));
    for (expression, said) in [
        ("a +", "unexpected end"),
        ("a ? b", "unexpected '?' at character 3"),
        ("a b", "unexpected text at character 3"),
        ("5", "the result is a scalar"),
        ("nothing", "there is no query with the id nothing"),
        ("e", "needs itself"),
        ("FOO(a)", "there is no function FOO"),
        ("RATE(1)", "the function RATE needs a time series"),
        (
            "RATE(a, b)",
            "2 arguments are not what the function RATE takes",
        ),
        ("[a, b] + [a, b]", "no two arrays"),
        (
            "INSIGHT_RULE_METRIC('r', 'Sum')",
            "the function INSIGHT_RULE_METRIC of metric math",
        ),
        ("SELECT AVG(x) FROM y", "Metrics Insights"),
        ("SORT([a], p99, ASC)", "AVG, MIN, MAX or SUM"),
        (deep.as_str(), "more than 48 levels"),
    ] {
        let refused = evaluated(&metrics, expression, 4).expect_err("it is refused");
        assert!(refused.contains(said), "{expression}: {refused}");
    }
}

#[test]
fn a_request_with_one_wrong_datum_gives_no_sample() {
    let datum = |value| cloudwatch::MetricDatum {
        metric_name: "m".to_owned(),
        value: Some(value),
        timestamp: Some(EpochSeconds::from_ms(START_MS)),
        ..cloudwatch::MetricDatum::default()
    };
    let input = |data| cloudwatch::PutMetricDataInput {
        namespace: "App".to_owned(),
        metric_data: Some(data),
        ..cloudwatch::PutMetricDataInput::default()
    };
    let taken = samples(input(vec![datum(1.0), datum(2.0)]), START_MS).expect("it is right");
    assert_eq!(taken.len(), 2);
    assert!(Arc::ptr_eq(&taken[0].metric, &taken[1].metric));
    for wrong in [1e200, f64::NAN, f64::NEG_INFINITY] {
        let refused =
            samples(input(vec![datum(1.0), datum(wrong)]), START_MS).expect_err("it is wrong");
        assert_eq!(refused.name(), "InvalidParameterValueException");
        assert!(
            refused
                .message
                .ends_with("for parameter MetricData.member.2.Value is invalid."),
            "{}",
            refused.message
        );
    }
}

#[test]
fn long_names_fill_a_batch_before_it_is_too_large() {
    let mut metrics = metrics(Limits::default());
    let long = "x".repeat(1_000);
    let mut commits = 0;
    for number in 0..4_000 {
        let dimensions = (0..30).map(|i| (format!("d{i}"), format!("{number}{long}")));
        let metric = Arc::new(Metric::new("App", "m", dimensions));
        let sample = Sample::new(&metric, Unit::None, START_MS, Distribution::of(1.0));
        assert!(sample.bytes() > 30_000);
        put(&mut metrics, &sample, START_MS);
        if metrics.is_full() {
            metrics
                .commit(START_MS)
                .expect("a batch is never too large");
            commits += 1;
        }
    }
    metrics
        .commit(START_MS)
        .expect("a batch is never too large");
    assert_eq!(metrics.size().0, 4_000);
    assert!(commits >= 3, "{commits} commits");
}
