//! Requests of the API of Step Functions, in namespace `AWS/States`: what is allowed, what was asked, what was throttled.
//!
//! AWS: "API Usage Metrics" in "Monitoring Step Functions metrics using CloudWatch"
//! (docs.aws.amazon.com/step-functions/latest/dg/procedure-cw-metrics.html). It names no units: those of a count.

use std::collections::BTreeMap;

use super::gather::{Gathered, MINUTE_MS, Subject, Table};
use crate::metrics::Unit::Count;

const APIS: Table = Table {
    namespace: "AWS/States",
    metrics: &[
        ("ThrottledEvents", Count),
        ("ConsumedCapacity", Count),
        ("ProvisionedBucketSize", Count),
        ("ProvisionedRefillRate", Count),
    ],
};
const THROTTLED: usize = 0;
const CONSUMED: usize = 1;
const BUCKET_SIZE: usize = 2;
const REFILL_RATE: usize = 3;

/// What was asked of an operation since it was told the last time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Name of the operation.
    pub api: &'static str,
    /// Requests that were refused because there were too many.
    pub throttled: u64,
    /// The token bucket that holds the operation to a rate; `None` where none does.
    pub bucket: Option<Consumed>,
}

/// What was taken out of a token bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Consumed {
    pub requests: u64,
    /// The most that it holds.
    pub size: u32,
    /// What it gets.
    pub per_second: u32,
}

/// The projection of requests.
#[derive(Default)]
pub struct Apis {
    known: BTreeMap<&'static str, Subject>,
    /// The minute in which each bucket's size and rate were told last. One operation may have several buckets.
    told: BTreeMap<(&'static str, u32, u32), i64>,
}

impl Apis {
    /// - A bucket's size and rate have a value for each minute in which the bucket is told of.
    pub(super) fn asked(&mut self, gathered: &mut Gathered, timestamp_ms: i64, asked: &Asked) {
        let subject = *self
            .known
            .entry(asked.api)
            .or_insert_with(|| gathered.subject(&APIS, &[("APIName", asked.api)]));
        let mut count = |metric, count: u64| {
            gathered.add_many(subject, metric, timestamp_ms, 1.0, count as f64);
        };
        count(THROTTLED, asked.throttled);
        let Some(bucket) = asked.bucket else {
            return;
        };
        count(CONSUMED, bucket.requests);
        let minute = timestamp_ms.div_euclid(MINUTE_MS);
        let bucket_is = (asked.api, bucket.size, bucket.per_second);
        if self.told.insert(bucket_is, minute) != Some(minute) {
            let (size, rate) = (f64::from(bucket.size), f64::from(bucket.per_second));
            gathered.add(subject, BUCKET_SIZE, timestamp_ms, size);
            gathered.add(subject, REFILL_RATE, timestamp_ms, rate);
        }
    }

    /// Subjects are given out anew.
    pub(super) fn forget(&mut self) {
        self.known.clear();
    }
}
