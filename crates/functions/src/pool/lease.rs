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

    /// Gives back a place in an environment that runs several invocations.
    pub(super) fn leave(mut self, is_healthy: bool) {
        self.release_place(is_healthy);
    }

    fn release_place(&mut self, is_healthy: bool) {
        self.is_held = false;
        let inner = &self.inner;
        let mut shared = inner.lock();
        let now = inner.now();
        let mut undelivered = Vec::new();
        let mut left = None;
        match shared.plan.release(self.id, is_healthy, now) {
            Release::Keep => inner.sweep(&mut shared),
            Release::End => left = shared.end(self.id),
            Release::Run(tickets) => {
                for ticket in tickets {
                    let grant = shared.take(self.id);
                    undelivered.extend(shared.deliver(ticket, grant));
                }
            }
        }
        let ended = inner.start_wanted(&mut shared);
        if shared.plan.busy() == 0 {
            inner.drained.notify_waiters();
        }
        drop(shared);
        drop((left, ended));
        for grant in undelivered {
            reclaim(inner, grant);
        }
    }

    fn release(&mut self, mut environment: Option<Box<Environment>>) {
        if self.inner.lock().shared.contains_key(&self.id) {
            // Its invocation was dropped, or did not reach it.
            return self.release_place(false);
        }
        self.is_held = false;
        let inner = &self.inner;
        let mut shared = inner.lock();
        let group = shared.running.remove(&self.id);
        let looked = environment.as_mut().and_then(|kept| kept.processor_time());
        if let Some(processor_time) = looked {
            shared.plan.observe(self.id, processor_time, inner.now());
        }
        let release = shared
            .plan
            .release(self.id, environment.is_some(), inner.now());
        let mut left = environment;
        let mut undelivered = None;
        match release {
            Release::Keep => {
                let environment = left.take().expect("only a healthy environment is kept");
                shared.idle.insert(self.id, environment);
                inner.sweep(&mut shared);
            }
            Release::End => {}
            Release::Run(tickets) => {
                let [ticket] = tickets[..] else {
                    unreachable!("one invocation ended, so one begins");
                };
                let environment = left
                    .take()
                    .expect("only a healthy environment is handed on");
                if let Some(group) = group {
                    shared.running.insert(self.id, group);
                }
                undelivered = shared.deliver(ticket, Grant::Warm(self.id, environment));
            }
        }
        let ended = inner.start_wanted(&mut shared);
        if shared.plan.busy() == 0 {
            inner.drained.notify_waiters();
        }
        drop(shared);
        drop((left, ended));
        if let Some(grant) = undelivered {
            reclaim(inner, grant);
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
    pub(super) fn deliver(&mut self, ticket: Ticket, grant: Grant) -> Option<Grant> {
        match self.waiting.remove(&ticket) {
            Some(waiting) => waiting.send(grant).err(),
            None => Some(grant),
        }
    }
}

/// Gives back what was granted to an invocation that is gone.
pub(super) fn reclaim(inner: &Arc<Inner>, grant: Grant) {
    let Some(id) = grant.id() else {
        return;
    };
    if let Grant::Shared(..) = grant {
        // Nothing has run in it.
        let lease = Lease {
            inner: Arc::clone(inner),
            id,
            is_held: true,
        };
        return lease.leave(true);
    }
    let environment = match grant {
        Grant::Warm(_, environment) | Grant::Fresh(_, environment, _) => Some(environment),
        Grant::Shared(..)
        | Grant::Failed(..)
        | Grant::TimedOut(_)
        | Grant::Unstarted(..)
        | Grant::Closed => None,
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
        let inner = &self.pool.inner;
        let mut shared = inner.lock();
        if shared.plan.cancel(self.ticket, inner.now()) {
            shared.waiting.remove(&self.ticket);
            let ended = inner.start_wanted(&mut shared);
            drop(shared);
            drop(ended);
            return;
        }
        drop(shared);
        self.receiver.close();
        if let Ok(grant) = self.receiver.try_recv() {
            reclaim(inner, grant);
        }
    }
}
