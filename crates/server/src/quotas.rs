//! The rates of an account of AWS, as token buckets: off unless a server is told to hold them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use stepwell_api::states::Operation;

/// The most that a bucket holds, and what it gets a second.
type Rate = (u32, u32);

/// A bucket for each operation that has a rate.
pub(crate) struct Rates {
    has_large_quotas: bool,
    buckets: Mutex<HashMap<(Operation, bool), Bucket>>,
    /// The origin of time in the buckets.
    began: Instant,
}

/// What may be done at once, and what comes back with time. A value: time is an argument.
#[derive(Debug)]
struct Bucket {
    size: u32,
    per_second: u32,
    tokens: f64,
    at: Duration,
}

impl Bucket {
    fn full((size, per_second): Rate, now: Duration) -> Bucket {
        Bucket {
            size,
            per_second,
            tokens: f64::from(size),
            at: now,
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
        true
    }
}

impl Rates {
    /// The rates that AWS gives an account in `region`.
    pub(crate) fn of_region(region: &str) -> Rates {
        Rates {
            has_large_quotas: ["us-east-1", "us-west-2", "eu-west-1"].contains(&region),
            buckets: Mutex::default(),
            began: Instant::now(),
        }
    }

    /// Whether the operation is within its rate; takes a token of it.
    ///
    /// - `is_express`: of the state machine that is started.
    pub(crate) fn take(&self, operation: Operation, is_express: bool) -> bool {
        let Some(rate) = rate(operation, is_express, self.has_large_quotas) else {
            return true;
        };
        let now = self.began.elapsed();
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets
            .entry((operation, is_express))
            .or_insert_with(|| Bucket::full(rate, now))
            .take(now)
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
        assert!(Rates::of_region("us-west-2").has_large_quotas);
        assert!(!Rates::of_region("eu-central-1").has_large_quotas);
    }
}
