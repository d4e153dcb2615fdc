//! Metrics of namespace `AWS/Lambda`.
//!
//! AWS: "Types of metrics for Lambda functions"
//! (docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html).

use std::collections::BTreeMap;

use super::gather::{Gathered, Subject, Table};
use crate::metrics::Unit::{Count, Milliseconds};

const FUNCTIONS: Table = Table {
    namespace: "AWS/Lambda",
    metrics: &[
        ("Invocations", Count),
        ("Errors", Count),
        ("Throttles", Count),
        ("Duration", Milliseconds),
        ("ConcurrentExecutions", Count),
        ("AsyncEventsReceived", Count),
        ("AsyncEventAge", Milliseconds),
        ("AsyncEventsDropped", Count),
        ("DeadLetterErrors", Count),
        ("DestinationDeliveryFailures", Count),
    ],
};
const INVOCATIONS: usize = 0;
const ERRORS: usize = 1;
const THROTTLES: usize = 2;
const DURATION: usize = 3;
const CONCURRENT: usize = 4;
const EVENTS_RECEIVED: usize = 5;
const EVENT_AGE: usize = 6;
const EVENTS_DROPPED: usize = 7;
const DEAD_LETTER_ERRORS: usize = 8;
const DESTINATION_FAILURES: usize = 9;

/// An invocation that has ended.
#[derive(Debug, Clone, Copy)]
pub struct Invoked<'i> {
    /// Name of the function.
    pub function: &'i str,
    /// The alias or version that was invoked, if one was named.
    pub qualifier: Option<&'i str>,
    /// The version that ran.
    pub version: &'i str,
    /// When it began. AWS: metrics have the time of the invocation's start, whenever it ends.
    pub started_ms: i64,
    /// Without init; `None` if it was throttled.
    pub duration_ms: Option<f64>,
    /// Whether the function failed.
    pub is_failure: bool,
    /// Invocations of the function, and of all, when it began.
    pub concurrency: (u32, u32),
    /// How long the event had waited, if it was queued.
    pub event_age_ms: Option<i64>,
}

/// What became of an event that was queued for a function.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventOutcome {
    Received,
    /// It is given up without success.
    Dropped,
    /// Its dead letter could not be sent.
    DeadLetterFailed,
    /// The record of it could not be sent.
    DestinationFailed,
}

/// The projection of invocations.
#[derive(Default)]
pub struct Lambda {
    /// By name, qualifier and, for an alias, version; the first without a name is the account.
    subjects: BTreeMap<String, Subject>,
}

impl Lambda {
    pub(super) fn invoked(&mut self, gathered: &mut Gathered, invoked: &Invoked<'_>) {
        let ms = invoked.started_ms;
        let (own, all) = invoked.concurrency;
        self.each(gathered, invoked, |gathered, subject, is_account| {
            // AWS: what was throttled counts neither as an invocation nor as an error.
            let Some(duration_ms) = invoked.duration_ms else {
                gathered.add(subject, THROTTLES, ms, 1.0);
                return;
            };
            gathered.add(subject, INVOCATIONS, ms, 1.0);
            gathered.add(subject, ERRORS, ms, f64::from(u8::from(invoked.is_failure)));
            gathered.add(subject, THROTTLES, ms, 0.0);
            gathered.add(subject, DURATION, ms, duration_ms);
            let concurrency = if is_account { all } else { own };
            gathered.add(subject, CONCURRENT, ms, f64::from(concurrency));
            if let Some(age_ms) = invoked.event_age_ms {
                gathered.add(subject, EVENT_AGE, ms, age_ms.max(0) as f64);
            }
        });
    }

    pub(super) fn event(
        &mut self,
        gathered: &mut Gathered,
        function: &str,
        timestamp_ms: i64,
        outcome: EventOutcome,
    ) {
        let metric = match outcome {
            EventOutcome::Received => EVENTS_RECEIVED,
            EventOutcome::Dropped => EVENTS_DROPPED,
            EventOutcome::DeadLetterFailed => DEAD_LETTER_ERRORS,
            EventOutcome::DestinationFailed => DESTINATION_FAILURES,
        };
        let own = self.subject(gathered, function, &[("FunctionName", function)]);
        let account = self.subject(gathered, "", &[]);
        for subject in [own, account] {
            gathered.add(subject, metric, timestamp_ms, 1.0);
        }
    }

    pub(super) fn running<'f>(
        &mut self,
        gathered: &mut Gathered,
        timestamp_ms: i64,
        functions: impl IntoIterator<Item = (&'f str, u32)>,
        all: u32,
    ) {
        for (function, running) in functions {
            let own = self.subject(gathered, function, &[("FunctionName", function)]);
            gathered.add(own, CONCURRENT, timestamp_ms, f64::from(running));
        }
        if all > 0 {
            let account = self.subject(gathered, "", &[]);
            gathered.add(account, CONCURRENT, timestamp_ms, f64::from(all));
        }
    }

    /// AWS: "View metrics for Lambda functions": by function, by alias or version, by alias and the version that ran,
    /// across all functions.
    fn each(
        &mut self,
        gathered: &mut Gathered,
        invoked: &Invoked<'_>,
        mut add: impl FnMut(&mut Gathered, Subject, bool),
    ) {
        let function = invoked.function;
        let account = self.subject(gathered, "", &[]);
        add(gathered, account, true);
        let own = self.subject(gathered, function, &[("FunctionName", function)]);
        add(gathered, own, false);
        let Some(qualifier) = invoked.qualifier else {
            return;
        };
        let resource = format!("{function}:{qualifier}");
        let dimensions = [
            ("FunctionName", function),
            ("Resource", &resource),
            ("ExecutedVersion", invoked.version),
        ];
        let qualified = self.subject(gathered, &resource, &dimensions[..2]);
        add(gathered, qualified, false);
        let is_alias = qualifier != invoked.version;
        if is_alias {
            let key = format!("{resource}:{}", invoked.version);
            let routed = self.subject(gathered, &key, &dimensions);
            add(gathered, routed, false);
        }
    }

    fn subject(
        &mut self,
        gathered: &mut Gathered,
        key: &str,
        dimensions: &[(&str, &str)],
    ) -> Subject {
        if let Some(subject) = self.subjects.get(key) {
            return *subject;
        }
        let subject = gathered.subject(&FUNCTIONS, dimensions);
        self.subjects.insert(key.to_owned(), subject);
        subject
    }

    /// Subjects are given out anew.
    pub(super) fn forget(&mut self) {
        self.subjects.clear();
    }
}
