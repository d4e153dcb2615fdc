//! The tasks that send telemetry on: gather, encode, send, try again.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;
use stepwell_telemetry::exposition::Family;
use stepwell_telemetry::otlp::{
    Origin, Signal, log_request, metric_request, own_metrics_request, trace_request,
};
use tokio::sync::watch;

use super::client::{Collector, Sent};
use super::{Exports, OtlpExport};
use crate::prometheus::Instruments;
use crate::shard::now;

/// Telemetry waits for more this long, so that a request carries many.
const GATHER: Duration = Duration::from_secs(1);

/// Values of metrics wait longer: those of a minute become one.
const GATHER_POINTS: Duration = Duration::from_secs(5);

/// What one request carries at most: segment documents, values, log events, and their bytes.
const DOCUMENTS_AT_ONCE: usize = 512;
const POINTS_AT_ONCE: usize = 10_000;
const LOGS_AT_ONCE: usize = 2_048;
const BYTES_AT_ONCE: usize = 2 << 20;

/// How often a request is sent in all, with pauses of 1, 2, 4 and 8 seconds between, unless the collector asks for others.
const TRIES_MAX: u32 = 5;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// How often the server's own metrics are sent.
const OWN_EVERY: Duration = Duration::from_secs(60);

/// What exports.
pub(crate) struct Exporter {
    collector: Collector,
    export: OtlpExport,
    instruments: Arc<Instruments>,
    origin: Origin,
    since_ms: i64,
}

impl Exporter {
    /// - `export`: checked before.
    pub(crate) fn new(
        export: OtlpExport,
        instruments: Arc<Instruments>,
        origin: Origin,
    ) -> Result<Exporter, String> {
        let collector = Collector::new(&export)?;
        for signal in Signal::ALL {
            let is_on = &instruments.exports.is_on[signal as usize];
            is_on.store(is_wanted(&export, signal), Ordering::Relaxed);
        }
        Ok(Exporter {
            collector,
            export,
            instruments,
            origin,
            since_ms: now().as_millis(),
        })
    }

    /// Exports until `stopping`, and what waits then, with one try.
    ///
    /// - `families`: gives what the server knows of itself.
    pub(crate) async fn run(
        self,
        stopping: watch::Receiver<bool>,
        families: impl Fn() -> Vec<Family> + Send + 'static,
    ) {
        let stops = || Stop(stopping.clone());
        tokio::join!(
            self.run_signal(Signal::Traces, stops()),
            self.run_signal(Signal::Metrics, stops()),
            self.run_signal(Signal::Logs, stops()),
            self.run_own(stops(), families),
        );
    }

    async fn run_signal(&self, signal: Signal, mut stop: Stop) {
        if !is_wanted(&self.export, signal) {
            return;
        }
        let exports = &self.instruments.exports;
        let gather = match signal {
            Signal::Metrics => GATHER_POINTS,
            Signal::Traces | Signal::Logs => GATHER,
        };
        loop {
            let arrived = async {
                match signal {
                    Signal::Traces => exports.documents.wait().await,
                    Signal::Metrics => exports.points.wait().await,
                    Signal::Logs => exports.logs.wait().await,
                }
                tokio::time::sleep(gather).await;
            };
            let is_last = stop.unless(arrived).await;
            loop {
                let taken = tokio::task::block_in_place(|| self.take(signal));
                let Some((request, count)) = taken else { break };
                self.send(signal, request, count, &mut stop).await;
            }
            if is_last {
                return;
            }
        }
    }

    /// The next request of a signal, and how many spans, points or records it has.
    fn take(&self, signal: Signal) -> Option<(Value, usize)> {
        let exports = &self.instruments.exports;
        match signal {
            Signal::Traces => {
                let documents = exports.documents.take(DOCUMENTS_AT_ONCE, BYTES_AT_ONCE);
                let common = self.origin.attributes();
                (!documents.is_empty()).then(|| trace_request(&documents, &common))
            }
            Signal::Metrics => {
                let points = exports.points.take(POINTS_AT_ONCE, usize::MAX);
                (!points.is_empty()).then(|| metric_request(&points, &self.origin))
            }
            Signal::Logs => {
                let logs = exports.logs.take(LOGS_AT_ONCE, BYTES_AT_ONCE);
                let count = logs.len();
                let now_ms = now().as_millis();
                (count > 0).then(|| (log_request(&logs, &self.origin, now_ms), count))
            }
        }
    }

    /// What the server knows of itself, again and again.
    async fn run_own(&self, mut stop: Stop, families: impl Fn() -> Vec<Family>) {
        if !self.export.metrics {
            return;
        }
        loop {
            if stop.unless(tokio::time::sleep(OWN_EVERY)).await {
                return;
            }
            let (request, count) = tokio::task::block_in_place(|| {
                let now_ms = now().as_millis();
                own_metrics_request(&families(), &self.origin, self.since_ms, now_ms)
            });
            self.send(Signal::Metrics, request, count, &mut stop).await;
        }
    }

    async fn send(&self, signal: Signal, request: Value, count: usize, stop: &mut Stop) {
        if count == 0 {
            return;
        }
        let exports: &Exports = &self.instruments.exports;
        let (counts, count) = (exports.of(signal), count as u64);
        let message = tokio::task::block_in_place(|| signal.encode(&request));
        let mut pause = FIRST_PAUSE;
        for tried in 1..=TRIES_MAX {
            match self.collector.send(signal, message.clone()).await {
                Sent::Taken(partial) => {
                    let refused = partial.rejected.min(count);
                    counts.refused.add(refused);
                    counts.exported.add(count - refused);
                    if refused > 0 {
                        tracing::warn!(
                            signal = signal.name(),
                            refused,
                            "the collector refused a part: {}",
                            partial.message
                        );
                    }
                    return;
                }
                Sent::Refused(reason) => {
                    counts.refused.add(count);
                    tracing::warn!(
                        signal = signal.name(),
                        dropped = count,
                        "telemetry is dropped: {reason}"
                    );
                    return;
                }
                Sent::Later(reason, asked) => {
                    let is_last = tried == TRIES_MAX || stop.is_told();
                    if is_last
                        || stop
                            .unless(tokio::time::sleep(asked.unwrap_or(pause)))
                            .await
                    {
                        counts.unreached.add(count);
                        tracing::warn!(
                            signal = signal.name(),
                            dropped = count,
                            "telemetry is dropped: {reason}"
                        );
                        return;
                    }
                    counts.retries.add(1);
                    pause *= 2;
                }
            }
        }
    }
}

fn is_wanted(export: &OtlpExport, signal: Signal) -> bool {
    match signal {
        Signal::Traces => export.traces,
        Signal::Metrics => export.metrics,
        Signal::Logs => export.logs,
    }
}

/// Whether the server stops.
struct Stop(watch::Receiver<bool>);

impl Stop {
    fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for `something`, or for the stop: whether it stops.
    async fn unless(&mut self, something: impl Future<Output = ()>) -> bool {
        if self.is_told() {
            return true;
        }
        tokio::select! {
            () = something => false,
            // A sender that has gone is a server that has.
            _ = self.0.wait_for(|is_stopping| *is_stopping) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use stepwell_telemetry::metrics::{Distribution, Metric, Sample, Unit};

    use super::*;

    #[test]
    fn nothing_is_made_of_signals_that_are_not_exported() {
        for wanted in Signal::ALL {
            let mut export = OtlpExport::to("http://127.0.0.1:4318");
            export.traces = wanted == Signal::Traces;
            export.metrics = wanted == Signal::Metrics;
            export.logs = wanted == Signal::Logs;
            let instruments = Arc::new(Instruments::default());
            let origin = Origin::default();
            Exporter::new(export, Arc::clone(&instruments), origin).expect("it is a collector");
            let exports = &instruments.exports;
            exports.document("{}");
            exports.log("g", "s", 0, "m");
            let metric = Arc::new(Metric::known("n", "m", &[]));
            let sample = Sample::new(&metric, Unit::Count, 0, Distribution::of(1.0));
            exports.points(exports.points_of(&[sample]));
            for signal in Signal::ALL {
                let expected = usize::from(signal == wanted);
                assert_eq!(
                    exports.waiting(signal).0,
                    expected,
                    "{signal:?}, {wanted:?}"
                );
            }
        }
    }
}
