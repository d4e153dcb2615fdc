//! Executions by state machine, and invocations by function: read off the values that go to CloudWatch's metrics.
//!
//! The values come gathered, about once a second, so that nothing is counted twice on the way of an execution.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use stepwell_telemetry::exposition::{Family, Kind, Sample as Shown};
use stepwell_telemetry::metrics::Sample;

use super::instruments::{Counter, Histogram, RUN_BOUNDS, SECOND};
use super::requests::OTHER;
use super::{family, number};

/// State machines, and functions, that are told apart; those that come later are `other`.
const SUBJECTS_MAX: usize = 200;

/// Nanoseconds of a millisecond.
const MILLISECOND: f64 = 1e6;

/// What becomes of executions and invocations.
#[derive(Debug, Default)]
pub(crate) struct Subjects {
    machines: Mutex<BTreeMap<String, Runs>>,
    functions: Mutex<BTreeMap<String, Runs>>,
    folded: Counter,
}

/// Of one state machine or function.
#[derive(Debug)]
struct Runs {
    /// Counts by the name of the metric.
    counts: BTreeMap<&'static str, f64>,
    took: Histogram,
}

/// Metrics of AWS/States that count, and how they are shown.
const OF_MACHINES: [(&str, &str); 5] = [
    ("ExecutionsStarted", "started"),
    ("ExecutionsSucceeded", "succeeded"),
    ("ExecutionsFailed", "failed"),
    ("ExecutionsTimedOut", "timed_out"),
    ("ExecutionsAborted", "aborted"),
];

/// Metrics of AWS/Lambda that count, and how they are shown.
const OF_FUNCTIONS: [(&str, &str); 3] = [
    ("Invocations", "invoked"),
    ("Errors", "failed"),
    ("Throttles", "throttled"),
];

impl Subjects {
    /// Values that go to the store of metrics.
    pub(crate) fn see(&self, samples: &[Sample]) {
        for sample in samples {
            let metric = &*sample.metric;
            // Those of versions and aliases are among those of the whole.
            let [(dimension, subject)] = metric.dimensions() else {
                continue;
            };
            let (subjects, counted, took): (_, &[(&str, &str)], _) =
                match (metric.namespace(), dimension.as_str()) {
                    ("AWS/States", "StateMachineArn") => {
                        (&self.machines, &OF_MACHINES, "ExecutionTime")
                    }
                    ("AWS/Lambda", "FunctionName") => (&self.functions, &OF_FUNCTIONS, "Duration"),
                    _ => continue,
                };
            let shown = counted.iter().find(|(name, _)| *name == metric.name());
            if shown.is_none() && metric.name() != took {
                continue;
            }
            let mut subjects = lock(subjects);
            let is_known = subjects.contains_key(subject);
            let subject = match is_known || subjects.len() < SUBJECTS_MAX {
                true => subject.as_str(),
                false => {
                    self.folded.add(1);
                    OTHER
                }
            };
            let runs = subjects.entry(subject.to_string()).or_insert_with(|| Runs {
                counts: BTreeMap::new(),
                took: Histogram::new(RUN_BOUNDS),
            });
            match shown {
                Some((_, shown)) => *runs.counts.entry(shown).or_default() += sample.values.sum(),
                None => runs.observe(sample),
            }
        }
    }

    /// What is known now.
    pub(super) fn families(&self) -> Vec<Family> {
        vec![
            counts(
                "stepwell_executions",
                "Executions by state machine and what became of them; a start and its end are counted each.",
                "state_machine",
                &self.machines,
            ),
            durations(
                "stepwell_execution_duration_seconds",
                "From the start of executions to their end, by state machine.",
                "state_machine",
                &self.machines,
            ),
            counts(
                "stepwell_function_invocations",
                "Invocations by function and what became of them.",
                "function",
                &self.functions,
            ),
            durations(
                "stepwell_function_duration_seconds",
                "How long handlers have run, by function.",
                "function",
                &self.functions,
            ),
            number(
                "stepwell_subjects_folded",
                "Values of state machines and functions that are counted as other, because too many are told apart already.",
                Kind::Counter,
                self.folded.get() as f64,
            ),
        ]
    }
}

impl Runs {
    /// Times of many runs; in milliseconds.
    fn observe(&self, sample: &Sample) {
        let of_all = || {
            vec![(
                sample.values.sum() / sample.values.count(),
                sample.values.count(),
            )]
        };
        let bins = sample.values.bins().unwrap_or_else(of_all);
        for (ms, count) in bins {
            self.took
                .observe_many((ms * MILLISECOND) as u64, count as u64);
        }
    }
}

fn counts(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    subjects: &Mutex<BTreeMap<String, Runs>>,
) -> Family {
    let mut samples = Vec::new();
    for (subject, runs) in lock(subjects).iter() {
        for (shown, count) in &runs.counts {
            samples.push(Shown {
                labels: vec![(label, subject.clone()), ("outcome", shown.to_string())],
                value: stepwell_telemetry::exposition::Value::Number(*count),
            });
        }
    }
    family(name, help, Kind::Counter, samples)
}

fn durations(
    name: &'static str,
    help: &'static str,
    label: &'static str,
    subjects: &Mutex<BTreeMap<String, Runs>>,
) -> Family {
    let subjects = lock(subjects);
    let samples = subjects.iter().filter(|(_, runs)| runs.took.count() > 0);
    let samples = samples.map(|(subject, runs)| Shown {
        labels: vec![(label, subject.clone())],
        value: runs.took.value(SECOND),
    });
    family(name, help, Kind::Histogram, samples.collect())
}

fn lock(subjects: &Mutex<BTreeMap<String, Runs>>) -> MutexGuard<'_, BTreeMap<String, Runs>> {
    subjects.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use stepwell_telemetry::exposition::{Format, Value, page};
    use stepwell_telemetry::metrics::{Distribution, Metric, Unit};

    use super::*;

    fn sample(namespace: &str, name: &str, dimensions: &[(&str, &str)], value: f64) -> Sample {
        let metric = Arc::new(Metric::known(namespace, name, dimensions));
        Sample::new(&metric, Unit::Count, 0, Distribution::of(value))
    }

    #[test]
    fn executions_and_invocations_are_counted_by_what_they_are_of() {
        let subjects = Subjects::default();
        let machine = [("StateMachineArn", "arn:m")];
        subjects.see(&[
            sample("AWS/States", "ExecutionsStarted", &machine, 1.0),
            sample("AWS/States", "ExecutionsStarted", &machine, 2.0),
            sample("AWS/States", "ExecutionsFailed", &machine, 1.0),
            sample("AWS/States", "ExecutionTime", &machine, 1_500.0),
            sample(
                "AWS/States",
                "ExecutionsStarted",
                &[("StateMachineArn", "arn:m"), ("Version", "1")],
                9.0,
            ),
            sample("AWS/Lambda", "Errors", &[("FunctionName", "pay")], 1.0),
            sample("Mine", "ExecutionsStarted", &machine, 7.0),
        ]);
        let text = page(&subjects.families(), Format::Text);
        for line in [
            r#"stepwell_executions_total{state_machine="arn:m",outcome="started"} 3"#,
            r#"stepwell_executions_total{state_machine="arn:m",outcome="failed"} 1"#,
            r#"stepwell_execution_duration_seconds_sum{state_machine="arn:m"} 1.5"#,
            r#"stepwell_execution_duration_seconds_bucket{state_machine="arn:m",le="2.5"} 1"#,
            r#"stepwell_function_invocations_total{function="pay",outcome="failed"} 1"#,
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert!(!text.contains("} 9") && !text.contains("} 7"), "{text}");
    }

    #[test]
    fn state_machines_beyond_the_bound_are_other() {
        let subjects = Subjects::default();
        for machine in 0..SUBJECTS_MAX + 10 {
            let arn = format!("arn:{machine}");
            subjects.see(&[sample(
                "AWS/States",
                "ExecutionsStarted",
                &[("StateMachineArn", &arn)],
                1.0,
            )]);
        }
        let families = subjects.families();
        assert_eq!(families[0].samples.len(), SUBJECTS_MAX + 1);
        assert_eq!(families[4].samples[0].value, Value::Number(10.0));
    }
}
