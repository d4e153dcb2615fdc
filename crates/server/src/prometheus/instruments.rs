//! What is counted while the server works: numbers that anybody adds to at any time, without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use stepwell_telemetry::exposition::{Distribution, Value};

/// Upper bounds of durations of requests, in nanoseconds: 0.5 ms to 30 s.
pub(crate) const REQUEST_BOUNDS: &[u64] = &[
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
];

/// Upper bounds of durations of commits, in nanoseconds: 0.1 ms to 5 s.
pub(crate) const COMMIT_BOUNDS: &[u64] = &[
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    5_000_000_000,
];

/// Upper bounds of durations of executions and invocations, in nanoseconds: 5 ms to a day.
pub(crate) const RUN_BOUNDS: &[u64] = &[
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
    300_000_000_000,
    900_000_000_000,
    3_600_000_000_000,
    86_400_000_000_000,
];

/// Upper bounds of how many messages a batch carries.
pub(crate) const BATCH_BOUNDS: &[u64] = &[0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024];

/// Nanoseconds of a second, for histograms of durations.
pub(crate) const SECOND: f64 = 1e9;

/// A number that only grows.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often a value fell into each range. An observation is two additions.
#[derive(Debug)]
pub(crate) struct Histogram {
    bounds: &'static [u64],
    counts: Box<[AtomicU64]>,
    sum: AtomicU64,
}

impl Histogram {
    /// - `bounds`: upper bounds, rising, each part of its range.
    pub(crate) fn new(bounds: &'static [u64]) -> Histogram {
        Histogram {
            bounds,
            counts: (0..=bounds.len()).map(|_| AtomicU64::new(0)).collect(),
            sum: AtomicU64::new(0),
        }
    }

    pub(crate) fn observe(&self, value: u64) {
        self.observe_many(value, 1);
    }

    /// A value that came `count` times.
    pub(crate) fn observe_many(&self, value: u64, count: u64) {
        let at = self.range_of(value);
        self.counts[at].fetch_add(count, Ordering::Relaxed);
        let all = value.saturating_mul(count);
        self.sum.fetch_add(all, Ordering::Relaxed);
    }

    fn range_of(&self, value: u64) -> usize {
        let above = |bound: &&u64| **bound < value;
        self.bounds.iter().take_while(above).count()
    }

    pub(crate) fn observe_duration(&self, took: Duration) {
        self.observe(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn count(&self) -> u64 {
        self.counts
            .iter()
            .map(|count| count.load(Ordering::Relaxed))
            .sum()
    }

    /// What was observed.
    ///
    /// - `unit`: how many of the observed units one of the shown ones has.
    pub(crate) fn value(&self, unit: f64) -> Value {
        Value::Distribution(Distribution {
            bounds: self
                .bounds
                .iter()
                .map(|bound| *bound as f64 / unit)
                .collect(),
            counts: self
                .counts
                .iter()
                .map(|count| count.load(Ordering::Relaxed))
                .collect(),
            sum: self.sum.load(Ordering::Relaxed) as f64 / unit,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_first_range_that_it_is_not_above() {
        let histogram = Histogram::new(&[1_000_000_000, 2_000_000_000]);
        for ms in [0, 1_000, 1_001, 2_000, 60_000] {
            histogram.observe_duration(Duration::from_millis(ms));
        }
        assert_eq!(histogram.count(), 5);
        assert_eq!(
            histogram.value(SECOND),
            Value::Distribution(Distribution {
                bounds: vec![1.0, 2.0],
                counts: vec![2, 2, 1],
                sum: 64.001,
            })
        );
    }

    #[test]
    fn bounds_rise() {
        for bounds in [REQUEST_BOUNDS, COMMIT_BOUNDS, RUN_BOUNDS, BATCH_BOUNDS] {
            assert!(bounds.is_sorted_by(|a, b| a < b), "{bounds:?}");
        }
    }
}
