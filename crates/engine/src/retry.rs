//! Retriers and catchers: which one matches an error, and when the next attempt is due.

use stepwell_asl::Entropy;
use stepwell_asl::definition::{Jitter, Retrier};

use crate::failing::Fault;

/// Index of the first element whose `ErrorEquals` matches `fault`.
pub(crate) fn first_match<'a>(
    mut error_equals: impl Iterator<Item = &'a Vec<String>>,
    fault: &Fault,
) -> Option<usize> {
    error_equals.position(|names| names.iter().any(|name| matches(name, fault)))
}

/// AWS: `States.ALL` leaves out `States.Runtime` and the data limit of a state's own output;
/// `States.TaskFailed` leaves out time-outs; a missed heartbeat is `States.Timeout` in the history
/// and answers to `States.HeartbeatTimeout` as well.
fn matches(name: &str, fault: &Fault) -> bool {
    if fault.is_fatal {
        return false;
    }
    match name {
        "States.ALL" => true,
        "States.TaskFailed" => fault.of_task && fault.error != "States.Timeout",
        "States.HeartbeatTimeout" => fault.missed_heartbeat || fault.error == name,
        _ => fault.error == name,
    }
}

/// Delay before the next attempt, or `None` when the retrier is spent.
///
/// - `retries`: how often this retrier has retried in this visit.
/// - Returns milliseconds: exponential in `backoff_rate`, capped, then jittered.
/// - Source: Amazon States Language, "Retrying after error".
pub(crate) fn backoff_ms(retrier: &Retrier, retries: u32, entropy: &Entropy) -> Option<i64> {
    if retries >= retrier.max_attempts {
        return None;
    }
    let exponent = i32::try_from(retries).unwrap_or(i32::MAX);
    let seconds = retrier.interval_seconds as f64 * retrier.backoff_rate.powi(exponent);
    // AWS: MaxDelaySeconds caps the backoff before jitter is applied.
    let cap = retrier
        .max_delay_seconds
        .map_or(SECONDS_MAX, |cap| cap as f64);
    let capped = seconds.min(cap).min(SECONDS_MAX);
    let drawn = match retrier.jitter {
        Jitter::None => capped,
        Jitter::Full => capped * entropy.draw_unit(),
    };
    Some((drawn * 1_000.0).round() as i64)
}

/// AWS: the longest time a field of the language can name.
const SECONDS_MAX: f64 = 99_999_999.0;
