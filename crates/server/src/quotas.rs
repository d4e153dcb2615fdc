//! The rates of an account of AWS, as token buckets: off unless a server is told to hold them.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use stepwell_api::states::Operation;
use stepwell_telemetry::projection::{Asked, Consumed};

/// The most that a bucket holds, and what it gets a second.
type Rate = (u32, u32);

/// A bucket for each operation that has a rate, and what was throttled.
pub(crate) struct Rates {
    /// Whether the quotas are those of a large region; `None` where none hold.
    has_large_quotas: Option<bool>,
    counted: Mutex<Counted>,
    /// The origin of time in the buckets.
    began: Instant,
}

/// At most two buckets and a number for each operation that there is.
#[derive(Debug, Default)]
struct Counted {
    /// Of StartExecution there is one more, for Express.
    buckets: BTreeMap<(Operation, bool), Bucket>,
    /// Requests that were throttled since they were asked for.
    throttled: BTreeMap<Operation, u64>,
}

/// What may be done at once, and what comes back with time. A value: time is an argument.
#[derive(Debug)]
struct Bucket {
    size: u32,
    per_second: u32,
    tokens: f64,
    at: Duration,
    /// Tokens that were taken since it was asked for.
    taken: u64,
}

impl Bucket {
    fn full((size, per_second): Rate, now: Duration) -> Bucket {
        Bucket {
            size,
            per_second,
            tokens: f64::from(size),
            at: now,
            taken: 0,
        }
    }

    /// Takes a token; false if there is none.
    fn take(&mut self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.at).as_secs_f64();
        self.at = now.max(self.at);
        let filled = self.tokens + passed * f64::from(self.per_second);
        self.tokens = filled.min(f64::from(self.size));
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        self.taken += 1;
        true
    }
}

impl Rates {
    /// The rates that AWS gives an account in `region`.
    pub(crate) fn of_region(region: &str) -> Rates {
        Rates {
            has_large_quotas: Some(["us-east-1", "us-west-2", "eu-west-1"].contains(&region)),
            ..Rates::none()
        }
    }

    /// No rates: every operation is within its own.
    pub(crate) fn none() -> Rates {
        Rates {
            has_large_quotas: None,
            counted: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// Whether the operation is within its rate; takes a token of it.
    ///
    /// - `is_express`: of the state machine that is started; asked where rates hold.
    pub(crate) fn take(&self, operation: Operation, is_express: impl FnOnce() -> bool) -> bool {
        let Some(is_large) = self.has_large_quotas else {
            return true;
        };
        let is_express = is_express();
        let Some(rate) = rate(operation, is_express, is_large) else {
            return true;
        };
        let now = self.began.elapsed();
        let mut counted = self.lock();
        let bucket = counted.buckets.entry((operation, is_express));
        bucket.or_insert_with(|| Bucket::full(rate, now)).take(now)
    }

    /// A request was refused because there were too many, be it of its own rate or of what waits.
    pub(crate) fn throttled(&self, operation: Operation) {
        *self.lock().throttled.entry(operation).or_default() += 1;
    }

    /// What was asked since the last call: of each bucket that was ever used, and of what was throttled without one.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        let mut counted = self.lock();
        let mut throttled = std::mem::take(&mut counted.throttled);
        let mut asked = Vec::with_capacity(counted.buckets.len() + throttled.len());
        for ((operation, _), bucket) in &mut counted.buckets {
            asked.push(Asked {
                api: operation.name(),
                throttled: throttled.remove(operation).unwrap_or_default(),
                bucket: Some(Consumed {
                    requests: std::mem::take(&mut bucket.taken),
                    size: bucket.size,
                    per_second: bucket.per_second,
                }),
            });
        }
        drop(counted);
        asked.extend(throttled.into_iter().map(|(operation, throttled)| Asked {
            api: operation.name(),
            throttled,
            bucket: None,
        }));
        asked
    }

    fn lock(&self) -> MutexGuard<'_, Counted> {
        self.counted.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// AWS: "Quotas related to API action throttling" and "Other quotas" of the developer guide. An operation that its
/// tables do not name has the smallest rate that they have. StartSyncExecution has no quota of this kind, and TestState
/// one of its own.
fn rate(operation: Operation, is_express: bool, is_large: bool) -> Option<Rate> {
    let by_region = |large: Rate, other: Rate| Some(if is_large { large } else { other });
    match operation {
        Operation::StartSyncExecution | Operation::TestState => None,
        Operation::StartExecution if is_express => Some((6_000, 6_000)),
        Operation::StartExecution | Operation::RedriveExecution => {
            by_region((1_300, 300), (800, 150))
        }
        Operation::StopExecution => by_region((1_000, 200), (500, 25)),
        Operation::GetActivityTask
        | Operation::SendTaskSuccess
        | Operation::SendTaskFailure
        | Operation::SendTaskHeartbeat => by_region((3_000, 500), (1_500, 300)),
        Operation::DescribeExecution => by_region((300, 15), (250, 10)),
        Operation::GetExecutionHistory => Some((400, 20)),
        Operation::DescribeStateMachine => Some((200, 20)),
        Operation::ListExecutions => by_region((200, 5), (100, 2)),
        Operation::ListActivities => by_region((100, 10), (100, 5)),
        Operation::ListStateMachines => Some((100, 5)),
        Operation::DescribeActivity
        | Operation::DescribeStateMachineForExecution
        | Operation::TagResource
        | Operation::UntagResource => Some((200, 1)),
        _ => Some((100, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_its_size_at_once_and_then_its_rate() {
        let at = Duration::from_millis;
        let mut bucket = Bucket::full((5, 2), at(0));
        let given = (0..9).filter(|_| bucket.take(at(0))).count();
        assert_eq!(given, 5);
        assert!(!bucket.take(at(499)));
        assert!(bucket.take(at(500)));
        assert!(!bucket.take(at(500)));
        // A clock that was put back gives nothing.
        assert!(!bucket.take(at(0)));
        // It never holds more than its size.
        let given = (0..99).filter(|_| bucket.take(at(3_600_000))).count();
        assert_eq!(given, 5);
    }

    #[test]
    fn rates_are_those_of_the_region_and_the_kind() {
        let start = Operation::StartExecution;
        assert_eq!(rate(start, false, true), Some((1_300, 300)));
        assert_eq!(rate(start, false, false), Some((800, 150)));
        assert_eq!(rate(start, true, false), Some((6_000, 6_000)));
        assert_eq!(rate(Operation::StartSyncExecution, true, true), None);
        let create = Operation::CreateStateMachine;
        assert_eq!(rate(create, false, true), Some((100, 1)));
        assert_eq!(Rates::of_region("us-west-2").has_large_quotas, Some(true));
        assert_eq!(
            Rates::of_region("eu-central-1").has_large_quotas,
            Some(false)
        );
    }

    /// What was asked, one a line.
    fn asked(rates: &Rates) -> Vec<String> {
        let shown = |asked: Asked| {
            let bucket = asked.bucket.map(|bucket| {
                let Consumed {
                    requests,
                    size,
                    per_second,
                } = bucket;
                format!("{requests} of {size}, {per_second}/s")
            });
            let bucket = bucket.unwrap_or_else(|| "no bucket".to_string());
            format!("{}: {bucket}, {} throttled", asked.api, asked.throttled)
        };
        rates.asked().into_iter().map(shown).collect()
    }

    #[test]
    fn what_was_asked_is_told_once_and_buckets_again_and_again() {
        let rates = Rates::of_region("eu-central-1");
        let start = Operation::StartExecution;
        let taken = (0..5).filter(|n| rates.take(start, || n % 2 == 1)).count();
        assert_eq!(taken, 5);
        assert!(rates.take(Operation::StartSyncExecution, || true));
        rates.throttled(start);
        rates.throttled(Operation::StartSyncExecution);
        assert_eq!(
            asked(&rates),
            [
                "StartExecution: 3 of 800, 150/s, 1 throttled",
                "StartExecution: 2 of 6000, 6000/s, 0 throttled",
                "StartSyncExecution: no bucket, 1 throttled",
            ]
        );
        assert_eq!(
            asked(&rates),
            [
                "StartExecution: 0 of 800, 150/s, 0 throttled",
                "StartExecution: 0 of 6000, 6000/s, 0 throttled",
            ]
        );
    }

    #[test]
    fn without_rates_nothing_is_counted_but_what_was_throttled() {
        let rates = Rates::none();
        let create = Operation::CreateStateMachine;
        let given = (0..500).filter(|_| rates.take(create, || unreachable!("no rate")));
        assert_eq!(given.count(), 500);
        assert!(rates.asked().is_empty());
        rates.throttled(create);
        assert_eq!(
            asked(&rates),
            ["CreateStateMachine: no bucket, 1 throttled"]
        );
    }
}
