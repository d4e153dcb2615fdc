//! The shard's inbox: what waits for the writer, taken in one go.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

use stepwell_service::{Answer, Request};
use tokio::sync::oneshot;

/// Requests that may wait; one more is throttled.
const REQUESTS_MAX: usize = 10_000;

/// Messages taken at once: what one commit carries.
const BATCH_MAX: usize = 1_024;

/// One message to the shard.
pub(crate) struct Message {
    pub(crate) request: Request,
    /// `None` for the outcome of a task.
    pub(crate) answer_to: Option<oneshot::Sender<Answer>>,
}

/// A bounded queue from many tasks to one thread.
///
/// Outcomes of tasks are never refused: there are at most as many as there are calls in flight, and
/// the function pool bounds those.
#[derive(Default)]
pub(crate) struct Inbox {
    queue: Mutex<Queue>,
    arrived: Condvar,
}

#[derive(Default)]
struct Queue {
    messages: VecDeque<Message>,
    requests: usize,
    is_closed: bool,
    /// Nobody takes from it any more.
    is_abandoned: bool,
}

/// Why a request was not accepted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    Full,
    /// The server is stopping.
    Closed,
    /// The shard has failed.
    Failed,
}

impl Inbox {
    /// Puts a request in; refused when too many wait or the server is stopping.
    pub(crate) fn put_request(&self, message: Message) -> Result<(), Refused> {
        let mut queue = self.lock();
        if queue.is_abandoned {
            return Err(Refused::Failed);
        }
        if queue.is_closed {
            return Err(Refused::Closed);
        }
        if queue.requests >= REQUESTS_MAX {
            return Err(Refused::Full);
        }
        queue.requests += 1;
        queue.messages.push_back(message);
        drop(queue);
        self.arrived.notify_one();
        Ok(())
    }

    /// Puts the outcome of a task in; an abandoned inbox drops it, and the task is in doubt at the next start.
    pub(crate) fn put_outcome(&self, request: Request) {
        let message = Message {
            request,
            answer_to: None,
        };
        let mut queue = self.lock();
        if queue.is_abandoned {
            return;
        }
        queue.messages.push_back(message);
        drop(queue);
        self.arrived.notify_one();
    }

    /// Nothing is accepted or taken any more; what waits is dropped, so that whoever awaits an answer is told.
    pub(crate) fn abandon(&self) {
        let mut queue = self.lock();
        queue.is_closed = true;
        queue.is_abandoned = true;
        queue.requests = 0;
        let dropped = std::mem::take(&mut queue.messages);
        drop(queue);
        drop(dropped);
    }

    /// No more requests are accepted; what waits is still taken.
    pub(crate) fn close(&self) {
        self.lock().is_closed = true;
        self.arrived.notify_one();
    }

    /// Takes what waits, after waiting for at most `patience` for something to come.
    pub(crate) fn take(&self, patience: Duration) -> Vec<Message> {
        let mut queue = self.lock();
        if queue.messages.is_empty() && !patience.is_zero() {
            queue = match self.arrived.wait_timeout(queue, patience) {
                Ok((queue, _)) => queue,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
        let count = queue.messages.len().min(BATCH_MAX);
        let taken: Vec<Message> = queue.messages.drain(..count).collect();
        queue.requests -= taken
            .iter()
            .filter(|message| message.answer_to.is_some())
            .count();
        taken
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
