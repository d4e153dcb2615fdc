//! Holding an environment, or a place in the queue for one, so that neither is lost when an invocation is dropped.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::plan::{EnvironmentId, Release, Ticket};
use super::{Grant, Inner, Pool, Shared};
use crate::environment::Environment;

/// The right to one environment; given back even if its invocation is dropped.
pub(super) struct Lease {
    pub(super) inner: Arc<Inner>,
    pub(super) id: EnvironmentId,
    pub(super) is_held: bool,
}

impl Lease {
    /// `environment`: the one to keep; `None` if it has ended.
    pub(super) fn give_back(mut self, environment: Option<Box<Environment>>) {
        self.release(environment);
    }

    fn release(&mut self, environment: Option<Box<Environment>>) {
        self.is_held = false;
        let mut shared = self.inner.lock();
        let group = shared.running.remove(&self.id);
        let release =
            shared
                .plan
                .release(self.id, environment.is_some(), self.inner.started.elapsed());
        let mut left = environment;
        let undelivered = match release {
            Release::Idle => {
                let environment = left.take().expect("only a healthy environment is kept");
                shared.idle.insert(self.id, *environment);
                self.inner.sweep(&mut shared);
                None
            }
            Release::End => None,
            Release::Reuse(ticket) => {
                let environment = left
                    .take()
                    .expect("only a healthy environment is handed on");
                if let Some(group) = group {
                    shared.running.insert(self.id, group);
                }
                shared.deliver(ticket, Grant::Reuse(self.id, environment))
            }
            Release::EndAndStart(ticket, id) => shared.deliver(ticket, Grant::Start(id)),
        };
        if shared.plan.busy() == 0 {
            self.inner.drained.notify_waiters();
        }
        drop(shared);
        drop(left);
        if let Some(grant) = undelivered {
            reclaim(&self.inner, grant);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.is_held {
            self.release(None);
        }
    }
}

impl Shared {
    /// Hands `grant` over; gives it back if the waiting invocation has just been dropped.
    fn deliver(&mut self, ticket: Ticket, grant: Grant) -> Option<Grant> {
        match self.waiting.remove(&ticket) {
            Some(waiting) => waiting.send(grant).err(),
            None => Some(grant),
        }
    }
}

/// Gives back what was granted to an invocation that is gone.
fn reclaim(inner: &Arc<Inner>, grant: Grant) {
    let (id, environment) = match grant {
        Grant::Reuse(id, environment) => (id, Some(environment)),
        Grant::Start(id) => (id, None),
        Grant::Closed => return,
    };
    Lease {
        inner: Arc::clone(inner),
        id,
        is_held: true,
    }
    .give_back(environment);
}

/// Takes a waiting invocation out of the queue if it is dropped there.
pub(super) struct WaitGuard {
    pub(super) pool: Pool,
    pub(super) ticket: Ticket,
    pub(super) receiver: oneshot::Receiver<Grant>,
}

impl Drop for WaitGuard {
    fn drop(&mut self) {
        let mut shared = self.pool.inner.lock();
        if shared.plan.cancel(self.ticket) {
            shared.waiting.remove(&self.ticket);
            return;
        }
        drop(shared);
        self.receiver.close();
        if let Ok(grant) = self.receiver.try_recv() {
            reclaim(&self.pool.inner, grant);
        }
    }
}
