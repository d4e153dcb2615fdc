//! A bounded queue between whoever has something to tell and the one thread that works on it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Puts never wait; what finds no room is counted and dropped. Takes gather.
pub(crate) struct Mailbox<T> {
    /// Who drops what, for people.
    name: &'static str,
    items_max: usize,
    bytes_max: usize,
    /// Items wait for others this long, so that the thread wakes seldom; a flush ends the wait.
    gather: Duration,
    waiting: Mutex<Waiting<T>>,
    has_changed: Condvar,
}

struct Waiting<T> {
    items: VecDeque<T>,
    bytes: usize,
    flushes: Vec<oneshot::Sender<()>>,
    dropped: u64,
    is_stopping: bool,
}

/// What a mailbox gave.
pub(crate) struct Taken<T> {
    pub(crate) items: VecDeque<T>,
    /// To be told once everything up to `items` is worked off.
    pub(crate) flushes: Vec<oneshot::Sender<()>>,
}

impl<T> Mailbox<T> {
    pub(crate) fn new(
        name: &'static str,
        items_max: usize,
        bytes_max: usize,
        gather: Duration,
    ) -> Mailbox<T> {
        Mailbox {
            name,
            items_max,
            bytes_max,
            gather,
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                bytes: 0,
                flushes: Vec::new(),
                dropped: 0,
                is_stopping: false,
            }),
            has_changed: Condvar::new(),
        }
    }

    /// Leaves an item of about `bytes`; false if there was no room and it is counted as dropped.
    pub(crate) fn put(&self, item: T, bytes: usize) -> bool {
        let mut waiting = self.lock();
        let has_room =
            waiting.items.len() < self.items_max && waiting.bytes + bytes <= self.bytes_max;
        if !has_room || waiting.is_stopping {
            waiting.dropped += 1;
            if waiting.dropped.is_power_of_two() {
                tracing::warn!(
                    dropped = waiting.dropped,
                    "{} come faster than they can be worked on; some are dropped",
                    self.name
                );
            }
            return false;
        }
        let was_filling = self.is_filling(&waiting);
        waiting.bytes += bytes;
        waiting.items.push_back(item);
        let is_filling = self.is_filling(&waiting);
        // Once each: a call of the system costs more than the rest of a put.
        if waiting.items.len() == 1 || is_filling && !was_filling {
            self.has_changed.notify_one();
        }
        true
    }

    /// How many items wait, and their bytes.
    pub(crate) fn waiting(&self) -> (usize, usize) {
        let waiting = self.lock();
        (waiting.items.len(), waiting.bytes)
    }

    /// Items that found no room since the start.
    pub(crate) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    /// Returns once everything that was put before is worked off, or nobody works any more.
    pub(crate) async fn flush(&self) {
        let (sender, receiver) = oneshot::channel();
        {
            let mut waiting = self.lock();
            if waiting.is_stopping {
                return;
            }
            waiting.flushes.push(sender);
            self.has_changed.notify_one();
        }
        // A thread that has ended works nothing off: there is nothing to wait for.
        let _ = receiver.await;
    }

    /// What waits, at the latest after `patience`; `None` once the mailbox is closed and empty.
    pub(crate) fn take(&self, patience: Duration) -> Option<Taken<T>> {
        let mut waiting = self.lock();
        let mut by = Instant::now() + patience;
        let mut gathers = false;
        loop {
            if !waiting.flushes.is_empty() || waiting.is_stopping || self.is_filling(&waiting) {
                break;
            }
            if !waiting.items.is_empty() && !gathers {
                gathers = true;
                by = by.min(Instant::now() + self.gather);
            }
            let left = by.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            (waiting, _) = self
                .has_changed
                .wait_timeout(waiting, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        if waiting.is_stopping && waiting.items.is_empty() && waiting.flushes.is_empty() {
            return None;
        }
        waiting.bytes = 0;
        Some(Taken {
            items: std::mem::take(&mut waiting.items),
            flushes: std::mem::take(&mut waiting.flushes),
        })
    }

    /// Takes no more; the thread works off what waits and ends.
    pub(crate) fn close(&self) {
        self.lock().is_stopping = true;
        self.has_changed.notify_one();
    }

    /// Whether so much waits that it should not wait for more.
    fn is_filling(&self, waiting: &Waiting<T>) -> bool {
        waiting.items.len() > self.items_max / 4 || waiting.bytes > self.bytes_max / 4
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_the_rest_comes_out_in_order() {
        let mailbox = Mailbox::new("numbers", 3, 10, Duration::ZERO);
        let put: Vec<bool> = [(1, 4), (2, 7), (3, 4), (4, 2), (5, 0)]
            .map(|(item, bytes)| mailbox.put(item, bytes))
            .to_vec();
        assert_eq!(put, [true, false, true, true, false]);
        assert_eq!(mailbox.dropped(), 2);
        let taken = mailbox.take(Duration::ZERO).expect("it is open");
        assert_eq!(Vec::from(taken.items), [1, 3, 4]);
        assert!(mailbox.put(6, 10), "there is room again");
        mailbox.close();
        assert!(!mailbox.put(7, 0), "it is closed");
        let taken = mailbox.take(Duration::from_secs(60)).expect("one waits");
        assert_eq!(Vec::from(taken.items), [6]);
        assert!(mailbox.take(Duration::from_secs(60)).is_none());
    }
}
