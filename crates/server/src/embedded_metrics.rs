//! Metrics that are embedded in log events: gathered while events are written, given to the metrics once they are.

use std::collections::BTreeMap;
use std::sync::Arc;

use stepwell_telemetry::emf::{self, Fault};
use stepwell_telemetry::metrics::{Distribution, Metric, Sample, Unit};

use crate::metric_writer::MetricQueue;

/// Samples that are gathered before they are handed over in the middle of a batch.
const GATHERED_MAX: usize = 10_000;

/// What events gave since the last commit.
pub(crate) struct EmbeddedMetrics {
    metrics: Arc<MetricQueue>,
    samples: Vec<Sample>,
    /// By log group and name of the metric that counts the fault.
    faults: BTreeMap<(String, &'static str), f64>,
    /// When the last event was read.
    now_ms: i64,
}

impl EmbeddedMetrics {
    pub(crate) fn new(metrics: Arc<MetricQueue>) -> EmbeddedMetrics {
        EmbeddedMetrics {
            metrics,
            samples: Vec::new(),
            faults: BTreeMap::new(),
            now_ms: 0,
        }
    }

    /// Takes the metrics out of a log event, if it has any.
    pub(crate) fn read(&mut self, log_group: &str, message: &str, now_ms: i64) {
        let Some(extracted) = emf::extract(message, now_ms) else {
            return;
        };
        self.now_ms = now_ms;
        self.samples.extend(extracted.samples);
        if let Some(fault) = extracted.fault {
            let count = self.faults.entry((log_group.to_owned(), fault.metric()));
            *count.or_default() += 1.0;
            let (Fault::Parsing(text) | Fault::Validation(text)) = fault;
            tracing::debug!(log_group, "embedded metrics: {text}");
        }
        if self.samples.len() >= GATHERED_MAX {
            self.hand_over();
        }
    }

    /// Gives what was gathered to the metrics.
    ///
    /// AWS: namespace `AWS/Logs`, "Monitoring with CloudWatch metrics" of the guide to CloudWatch Logs.
    pub(crate) fn hand_over(&mut self) {
        for ((log_group, name), count) in std::mem::take(&mut self.faults) {
            let metric = Metric::known("AWS/Logs", name, &[("LogGroupName", &log_group)]);
            let mut values = Distribution::default();
            values.add(1.0, count);
            let sample = Sample::new(&Arc::new(metric), Unit::Count, self.now_ms, values);
            self.samples.push(sample);
        }
        if !self.samples.is_empty() {
            self.metrics.put(std::mem::take(&mut self.samples));
        }
    }
}
