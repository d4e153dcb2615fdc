//! Calls and deliveries that a commit has released and that have not ended.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use stepwell_service::Ticket;
use tokio::sync::{Notify, oneshot};

/// Calls in flight beyond which nothing new is begun: what runs ends first. One commit may go over it.
///
/// More than functions run at one time, than Express executions are open, and than workers poll an activity: what
/// stays in flight for long alone never comes here.
const CALLS_MAX: usize = 20_000;

/// Bytes of the payloads of all calls in flight beyond which nothing new is begun.
const CALLS_BYTES_MAX: usize = 256 << 20;

/// What is in flight.
#[derive(Default)]
pub(crate) struct InFlight {
    calls: Mutex<BTreeMap<CallKey, Call>>,
    /// Bytes of the payloads of calls.
    bytes: AtomicUsize,
    count: AtomicUsize,
    /// Numbers of deliveries.
    deliveries: Mutex<BTreeSet<u64>>,
    ended: Notify,
}

struct Call {
    bytes: usize,
    /// The sender is dropped with its entry: that is how a call learns that nobody wants it any more. `None`
    /// until the performer has taken the call up.
    cancel: Option<oneshot::Sender<Infallible>>,
}

/// Number of the execution, and the attempt.
pub(crate) type CallKey = (u64, Ticket);

impl InFlight {
    /// Returns once no call is in flight.
    pub(crate) async fn wait_until_empty(&self) {
        loop {
            let ended = self.ended.notified();
            if self.lock().is_empty() && self.lock_deliveries().is_empty() {
                return;
            }
            ended.await;
        }
    }

    /// Whether so many calls go on that nothing new should begin.
    pub(crate) fn is_crowded(&self) -> bool {
        self.count.load(Ordering::Relaxed) >= CALLS_MAX
            || self.bytes.load(Ordering::Relaxed) >= CALLS_BYTES_MAX
    }

    /// Calls, bytes of their payloads, and deliveries.
    pub(crate) fn load(&self) -> (usize, usize, usize) {
        (
            self.count.load(Ordering::Relaxed),
            self.bytes.load(Ordering::Relaxed),
            self.lock_deliveries().len(),
        )
    }

    /// Adds a call that has been released.
    ///
    /// - `bytes`: of its payload.
    pub(crate) fn list(&self, key: CallKey, bytes: usize) {
        let mut calls = self.lock();
        let before = calls.insert(
            key,
            Call {
                bytes,
                cancel: None,
            },
        );
        self.count(&calls, before, bytes);
    }

    /// Adds a delivery that has been released.
    pub(crate) fn list_delivery(&self, number: u64) {
        self.lock_deliveries().insert(number);
    }

    /// An attempt to deliver has ended.
    pub(crate) fn end_delivery(&self, number: u64) {
        self.lock_deliveries().remove(&number);
        self.ended.notify_waiters();
    }

    /// Takes a listed call up; what is returned ends when the call is cancelled.
    pub(crate) fn begin(&self, key: CallKey) -> oneshot::Receiver<Infallible> {
        let (sender, receiver) = oneshot::channel();
        let mut calls = self.lock();
        let call = calls.entry(key).or_insert(Call {
            bytes: 0,
            cancel: None,
        });
        call.cancel = Some(sender);
        self.count(&calls, None, 0);
        receiver
    }

    /// The call has ended, or its result is no longer wanted.
    ///
    /// AWS: a function whose state timed out runs on. One that has not begun yet never does.
    pub(crate) fn end(&self, key: CallKey) {
        let mut calls = self.lock();
        let before = calls.remove(&key);
        self.count(&calls, before, 0);
        drop(calls);
        self.ended.notify_waiters();
    }

    /// One call has taken the place of another. What is counted changes under the lock that is given only.
    fn count(&self, calls: &BTreeMap<CallKey, Call>, before: Option<Call>, bytes: usize) {
        let freed = before.map_or(0, |call| call.bytes);
        let held = self.bytes.load(Ordering::Relaxed) + bytes - freed;
        self.bytes.store(held, Ordering::Relaxed);
        self.count.store(calls.len(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<CallKey, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_deliveries(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.deliveries
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use stepwell_service::Ticket;

    use super::*;

    #[test]
    fn too_many_calls_or_bytes_are_a_crowd_until_they_end() {
        let in_flight = InFlight::default();
        let ticket: Ticket = serde_json::from_str(r#"{"frame":0,"attempt":0}"#).expect("a ticket");
        let key = |number| (number, ticket);
        for number in 0..CALLS_MAX as u64 {
            assert!(!in_flight.is_crowded());
            in_flight.list(key(number), 10);
        }
        assert!(in_flight.is_crowded());
        let taken_up = in_flight.begin(key(0));
        assert_eq!(in_flight.load(), (CALLS_MAX, 10 * CALLS_MAX, 0));
        in_flight.end(key(0));
        drop(taken_up);
        assert!(!in_flight.is_crowded());
        in_flight.end(key(0));
        assert_eq!(in_flight.load(), (CALLS_MAX - 1, 10 * (CALLS_MAX - 1), 0));
        in_flight.list(key(0), CALLS_BYTES_MAX);
        in_flight.end(key(1));
        assert!(in_flight.is_crowded());
        in_flight.end(key(0));
        assert!(!in_flight.is_crowded());
    }
}
