//! What waits to be exported: bounded, from anybody to one task.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Puts never wait; what finds no room is counted and dropped.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    items_max: usize,
    bytes_max: usize,
    waiting: Mutex<Waiting<T>>,
    arrived: Notify,
}

#[derive(Debug)]
struct Waiting<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    dropped: u64,
}

impl<T> Queue<T> {
    pub(super) fn new(items_max: usize, bytes_max: usize) -> Queue<T> {
        Queue {
            items_max,
            bytes_max,
            waiting: Mutex::new(Waiting {
                items: VecDeque::new(),
                bytes: 0,
                dropped: 0,
            }),
            arrived: Notify::new(),
        }
    }

    pub(super) fn put(&self, item: T, bytes: usize) {
        let mut waiting = self.lock();
        if waiting.items.len() >= self.items_max || waiting.bytes + bytes > self.bytes_max {
            waiting.dropped += 1;
            return;
        }
        waiting.bytes += bytes;
        waiting.items.push_back((item, bytes));
        let is_first = waiting.items.len() == 1;
        drop(waiting);
        if is_first {
            self.arrived.notify_one();
        }
    }

    /// Returns once there is something.
    pub(super) async fn wait(&self) {
        loop {
            let arrived = self.arrived.notified();
            if !self.lock().items.is_empty() {
                return;
            }
            arrived.await;
        }
    }

    /// The oldest ones, until there are `items_max` or they have `bytes_max` bytes.
    pub(super) fn take(&self, items_max: usize, bytes_max: usize) -> Vec<T> {
        let (mut taken, mut taken_bytes) = (Vec::new(), 0);
        let mut waiting = self.lock();
        while taken.len() < items_max && taken_bytes < bytes_max {
            let Some((item, bytes)) = waiting.items.pop_front() else {
                break;
            };
            waiting.bytes -= bytes;
            taken_bytes += bytes;
            taken.push(item);
        }
        taken
    }

    /// How many wait, and how many found no room since the start.
    pub(super) fn load(&self) -> (usize, u64) {
        let waiting = self.lock();
        (waiting.items.len(), waiting.dropped)
    }

    fn lock(&self) -> MutexGuard<'_, Waiting<T>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_finds_no_room_is_counted_and_batches_are_bounded() {
        let queue = Queue::new(3, 10);
        for (item, bytes) in [(1, 4), (2, 7), (3, 4), (4, 2), (5, 0)] {
            queue.put(item, bytes);
        }
        assert_eq!(queue.load(), (3, 2));
        assert_eq!(queue.take(10, 5), [1, 3]);
        assert_eq!(queue.take(10, 5), [4]);
        assert_eq!(queue.take(10, 5), [0; 0]);
        queue.put(6, 10);
        assert_eq!(queue.load(), (1, 2));
    }
}
