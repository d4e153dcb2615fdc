//! Values that wait to be given to the store, by metric and minute.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::metrics::{Distribution, Metric, Sample, Unit};

/// State machines, functions and the like that are known at one time. With one more, all are looked up anew.
pub const SUBJECTS_MAX: usize = 20_000;

pub(super) const MINUTE_MS: i64 = 60_000;

/// A kind of thing that has metrics: the metrics are a table, and a thing has them under its own dimensions.
pub(super) struct Table {
    pub(super) namespace: &'static str,
    pub(super) metrics: &'static [(&'static str, Unit)],
}

/// A metric that is known by its texts alone.
#[derive(Debug, Clone, Copy)]
pub struct Gauge<'g> {
    pub namespace: &'g str,
    pub name: &'g str,
    pub dimensions: &'g [(&'g str, &'g str)],
    pub unit: Unit,
}

/// A thing that has metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Subject(usize);

/// Gathered values.
#[derive(Default)]
pub struct Gathered {
    series: Vec<Series>,
    /// Where the series of each subject begin.
    subjects: usize,
    /// Series that have values.
    touched: Vec<usize>,
    gauges: BTreeMap<Metric, usize>,
    has_forgotten: bool,
}

struct Series {
    metric: Arc<Metric>,
    unit: Unit,
    /// Instant of the first value of each minute, and the values.
    minutes: Vec<(i64, Distribution)>,
}

impl Gathered {
    /// A thing with all metrics of a table under these dimensions.
    pub(super) fn subject(&mut self, table: &Table, dimensions: &[(&str, &str)]) -> Subject {
        let subject = Subject(self.series.len());
        self.subjects += 1;
        for (name, unit) in table.metrics {
            self.series.push(Series {
                metric: Arc::new(Metric::known(table.namespace, name, dimensions)),
                unit: *unit,
                minutes: Vec::new(),
            });
        }
        subject
    }

    /// Adds a value to a subject's metric, the `metric`th of its table.
    pub(super) fn add(&mut self, subject: Subject, metric: usize, timestamp_ms: i64, value: f64) {
        self.add_to(subject.0 + metric, timestamp_ms, value, 1.0);
    }

    /// Adds a value as often as `count` says; not at all if that is 0.
    pub(super) fn add_many(
        &mut self,
        subject: Subject,
        metric: usize,
        timestamp_ms: i64,
        value: f64,
        count: f64,
    ) {
        if count > 0.0 {
            self.add_to(subject.0 + metric, timestamp_ms, value, count);
        }
    }

    pub(super) fn gauge(&mut self, gauge: &Gauge<'_>, timestamp_ms: i64, value: f64) {
        let metric = Metric::known(gauge.namespace, gauge.name, gauge.dimensions);
        let at = match self.gauges.get(&metric) {
            Some(at) => *at,
            None => {
                let at = self.series.len();
                self.subjects += 1;
                self.series.push(Series {
                    metric: Arc::new(metric.clone()),
                    unit: gauge.unit,
                    minutes: Vec::new(),
                });
                self.gauges.insert(metric, at);
                at
            }
        };
        self.add_to(at, timestamp_ms, value, 1.0);
    }

    fn add_to(&mut self, at: usize, timestamp_ms: i64, value: f64, count: f64) {
        let series = &mut self.series[at];
        if series.minutes.is_empty() {
            self.touched.push(at);
        }
        let minute = timestamp_ms.div_euclid(MINUTE_MS);
        // Values come nearly in the order of time: the last minute is the one.
        let same = series
            .minutes
            .iter_mut()
            .rev()
            .find(|(first_ms, _)| first_ms.div_euclid(MINUTE_MS) == minute);
        match same {
            Some((_, values)) => values.add(value, count),
            None => {
                let mut values = Distribution::default();
                values.add(value, count);
                series.minutes.push((timestamp_ms, values));
            }
        }
    }

    /// Everything that was gathered: one sample a metric and minute.
    pub(super) fn take(&mut self) -> Vec<Sample> {
        let mut samples = Vec::with_capacity(self.touched.len());
        for at in self.touched.drain(..) {
            let series = &mut self.series[at];
            for (timestamp_ms, values) in series.minutes.drain(..) {
                samples.push(Sample::new(
                    &series.metric,
                    series.unit,
                    timestamp_ms,
                    values,
                ));
            }
        }
        if self.subjects > SUBJECTS_MAX {
            *self = Gathered {
                has_forgotten: true,
                ..Gathered::default()
            };
        }
        samples
    }

    /// Whether the subjects that were given out since the last question are none any more.
    pub(super) fn forgot(&mut self) -> bool {
        std::mem::take(&mut self.has_forgotten)
    }
}
