//! A bounded queue between whoever has something to tell and the one thread that works on it.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

/// Puts never wait; what finds no room is counted and dropped. Takes gather.
///
/// - `A`: what callers ask of the thread, and wait for: by itself, that it has worked everything off.
pub(crate) struct Mailbox<T, A = oneshot::Sender<()>> {
    /// Who drops what, for people.
    name: &'static str,
    items_max: usize,
    bytes_max: usize,
    /// Items wait for others this long, so that the thread wakes seldom; who asks for something ends the wait, and a quarter of
    /// the room that is in use.
    gather: Duration,
    waiting: Mutex<Waiting<T, A>>,
    has_changed: Condvar,
}

struct Waiting<T, A> {
    items: VecDeque<T>,
    bytes: usize,
    asked: Vec<A>,
    dropped: u64,
    /// Something else should be looked at.
    is_hurried: bool,
    is_stopping: bool,
}

/// Whether a count is said that has grown: now and then, each time it has become twice as much.
pub(crate) fn is_worth_saying(before: u64, now: u64) -> bool {
    before.checked_ilog2() != now.checked_ilog2()
}

/// What a mailbox gave.
pub(crate) struct Taken<T, A = oneshot::Sender<()>> {
    pub(crate) items: VecDeque<T>,
    /// To be answered once everything up to `items` is worked off.
    pub(crate) asked: Vec<A>,
}

impl<T> Mailbox<T> {
    /// Returns once everything that was put before is worked off, or nobody works any more.
    pub(crate) async fn flush(&self) {
        let (sender, receiver) = oneshot::channel();
        self.ask(sender);
        // A thread that has ended works nothing off: there is nothing to wait for.
        let _ = receiver.await;
    }
}

impl<T, A> Mailbox<T, A> {
    pub(crate) fn new(
        name: &'static str,
        items_max: usize,
        bytes_max: usize,
        gather: Duration,
    ) -> Mailbox<T, A> {
        Mailbox {
            name,
            items_max,
            bytes_max,
            gather,
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                bytes: 0,
                asked: Vec::new(),
                dropped: 0,
                is_hurried: false,
                is_stopping: false,
            }),
            has_changed: Condvar::new(),
        }
    }

    /// Leaves an item of about `bytes`; false if there was no room and it is counted as dropped.
    pub(crate) fn put(&self, item: T, bytes: usize) -> bool {
        self.put_all([item], bytes)
    }

    /// Leaves items of about `bytes` together: all, or none if there was no room and they are counted as dropped.
    pub(crate) fn put_all<I>(&self, items: I, bytes: usize) -> bool
    where
        I: IntoIterator<Item = T, IntoIter: ExactSizeIterator>,
    {
        let items = items.into_iter();
        let count = items.len();
        let mut waiting = self.lock();
        let has_room = waiting.items.len() + count <= self.items_max
            && waiting.bytes + bytes <= self.bytes_max;
        if !has_room || waiting.is_stopping {
            let before = waiting.dropped;
            waiting.dropped += count as u64;
            let (dropped, is_stopping) = (waiting.dropped, waiting.is_stopping);
            drop(waiting);
            self.say_dropped(before, dropped, is_stopping);
            return false;
        }
        let (was_empty, was_filling) = (waiting.items.is_empty(), self.is_filling(&waiting));
        waiting.bytes += bytes;
        waiting.items.extend(items);
        let is_filling = self.is_filling(&waiting);
        // Once each: a call of the system costs more than the rest of a put.
        if was_empty || is_filling && !was_filling {
            self.has_changed.notify_one();
        }
        true
    }

    /// Says now and then that something was dropped: each time it has become twice as much.
    fn say_dropped(&self, before: u64, dropped: u64, is_stopping: bool) {
        if !is_worth_saying(before, dropped) {
            return;
        }
        let why = match is_stopping {
            true => "come after the end",
            false => "come faster than they can be worked on",
        };
        tracing::warn!(dropped, "{} {why}; some are dropped", self.name);
    }

    /// Asks for something; what asks is dropped when nobody works any more.
    pub(crate) fn ask(&self, what: A) {
        let mut waiting = self.lock();
        if !waiting.is_stopping {
            waiting.asked.push(what);
            self.has_changed.notify_one();
        }
    }

    /// Lets the thread take what waits at once, though it be nothing.
    pub(crate) fn hurry(&self) {
        self.lock().is_hurried = true;
        self.has_changed.notify_one();
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

    /// What waits, at the latest after `patience`; `None` once the mailbox is closed and empty.
    pub(crate) fn take(&self, patience: Duration) -> Option<Taken<T, A>> {
        let mut waiting = self.lock();
        let mut by = Instant::now() + patience;
        let mut gathers = false;
        loop {
            let is_hurried = std::mem::take(&mut waiting.is_hurried);
            if !waiting.asked.is_empty()
                || is_hurried
                || waiting.is_stopping
                || self.is_filling(&waiting)
            {
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
        if waiting.is_stopping && waiting.items.is_empty() && waiting.asked.is_empty() {
            return None;
        }
        waiting.bytes = 0;
        Some(Taken {
            items: std::mem::take(&mut waiting.items),
            asked: std::mem::take(&mut waiting.asked),
        })
    }

    /// Takes no more; the thread works off what waits and ends.
    pub(crate) fn close(&self) {
        self.lock().is_stopping = true;
        self.has_changed.notify_one();
    }

    /// Whether so much waits that it should not wait for more.
    fn is_filling(&self, waiting: &Waiting<T, A>) -> bool {
        waiting.items.len() > self.items_max / 4 || waiting.bytes > self.bytes_max / 4
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T, A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_the_rest_comes_out_in_order() {
        let mailbox: Mailbox<i32> = Mailbox::new("numbers", 3, 10, Duration::ZERO);
        let put: Vec<bool> = [(1, 4), (2, 7), (3, 4), (4, 2), (5, 0)]
            .map(|(item, bytes)| mailbox.put(item, bytes))
            .to_vec();
        assert_eq!(put, [true, false, true, true, false]);
        assert_eq!(mailbox.dropped(), 2);
        assert!(!mailbox.put_all([6, 7], 0), "all or none");
        assert_eq!(mailbox.dropped(), 4);
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
