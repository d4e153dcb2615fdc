//! The pool's decisions, without processes, clocks or threads: which environment gets which invocation, when one
//! is started and when one ends.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::invocation::ThrottleReason;

/// Names one environment for the life of the pool; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EnvironmentId(pub(crate) u64);

/// Names one waiting invocation; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// The bounds of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Invocations running and waiting together.
    pub(crate) concurrency_max: u32,
    /// Operating system processes at one time.
    pub(crate) environments_max: u32,
    /// How long an environment stays warm.
    pub(crate) idle_after: Duration,
}

/// What an invocation is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Run in this warm environment.
    Reuse(EnvironmentId),
    /// End the environment in `end`, if any, then start this one.
    Start {
        start: EnvironmentId,
        end: Option<EnvironmentId>,
    },
    /// Wait until a [`Grant`] names this ticket.
    Wait(Ticket),
    /// Refused.
    Throttle { reason: ThrottleReason, limit: u32 },
    /// The plan is closed.
    Closed,
}

/// What follows from an environment coming free.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Keep it warm.
    Idle,
    /// End it; nobody waits.
    End,
    /// Hand it to this waiting invocation.
    Reuse(Ticket),
    /// End it; this waiting invocation starts the environment named.
    EndAndStart(Ticket, EnvironmentId),
}

#[derive(Debug)]
pub(crate) struct Plan {
    limits: Limits,
    functions: BTreeMap<String, Function>,
    environments: BTreeMap<EnvironmentId, Environment>,
    waiting: VecDeque<Waiting>,
    busy: u32,
    next_id: u64,
    is_closed: bool,
}

#[derive(Debug, Default)]
struct Function {
    /// Running and waiting invocations.
    concurrency: u32,
    /// Free environments, the last used one at the end.
    idle: Vec<EnvironmentId>,
}

#[derive(Debug)]
struct Environment {
    function: String,
    revision: String,
    is_retired: bool,
    /// `Some` while idle.
    idle_since: Option<Duration>,
}

#[derive(Debug)]
struct Waiting {
    ticket: Ticket,
    function: String,
    revision: String,
    passed_over: u32,
}

impl Plan {
    pub(crate) fn new(limits: Limits) -> Plan {
        assert!(
            limits.environments_max > 0,
            "a pool needs room for one environment"
        );
        Plan {
            limits,
            functions: BTreeMap::new(),
            environments: BTreeMap::new(),
            waiting: VecDeque::new(),
            busy: 0,
            next_id: 1,
            is_closed: false,
        }
    }

    /// Places one invocation of `function` at `revision`.
    pub(crate) fn request(
        &mut self,
        function: &str,
        revision: &str,
        reserved: Option<u32>,
    ) -> Decision {
        if self.is_closed {
            return Decision::Closed;
        }
        if let Some(throttle) = self.throttle(function, reserved) {
            return throttle;
        }
        if !self.functions.contains_key(function) {
            self.functions
                .insert(function.to_owned(), Function::default());
        }
        let group = self
            .functions
            .get_mut(function)
            .expect("inserted just above");
        group.concurrency += 1;
        let environments = &self.environments;
        // The last used environment has the warmest caches, and lets the others grow old and end.
        if let Some(at) = group
            .idle
            .iter()
            .rposition(|id| environments[id].revision == revision)
        {
            let id = group.idle.remove(at);
            self.environments
                .get_mut(&id)
                .expect("an idle id names an environment")
                .idle_since = None;
            self.busy += 1;
            return Decision::Reuse(id);
        }
        if self.environments.len() < self.limits.environments_max as usize {
            return Decision::Start {
                start: self.start(function, revision),
                end: None,
            };
        }
        if let Some(oldest) = self.oldest_idle() {
            self.forget(oldest);
            return Decision::Start {
                start: self.start(function, revision),
                end: Some(oldest),
            };
        }
        let ticket = Ticket(self.take_id());
        let waiting = Waiting {
            ticket,
            function: function.to_owned(),
            revision: revision.to_owned(),
            passed_over: 0,
        };
        self.waiting.push_back(waiting);
        Decision::Wait(ticket)
    }

    /// Takes back an environment whose invocation ended. `is_healthy`: it can take another one.
    pub(crate) fn release(
        &mut self,
        id: EnvironmentId,
        is_healthy: bool,
        now: Duration,
    ) -> Release {
        let environment = self
            .environments
            .get(&id)
            .expect("only a busy environment is released");
        assert!(
            environment.idle_since.is_none(),
            "only a busy environment is released"
        );
        let function = environment.function.clone();
        let is_reusable = is_healthy && !environment.is_retired && !self.is_closed;
        self.leave(&function);
        self.busy -= 1;
        if is_reusable && let Some(ticket) = self.next_for(id) {
            self.busy += 1;
            return Release::Reuse(ticket);
        }
        if let Some(waiting) = self.waiting.pop_front() {
            self.forget(id);
            let start = self.start(&waiting.function, &waiting.revision);
            return Release::EndAndStart(waiting.ticket, start);
        }
        if !is_reusable {
            self.forget(id);
            return Release::End;
        }
        self.environments
            .get_mut(&id)
            .expect("checked above")
            .idle_since = Some(now);
        self.functions.entry(function).or_default().idle.push(id);
        Release::Idle
    }

    /// Takes back a waiting invocation that nobody awaits any more. False: it was granted before.
    pub(crate) fn cancel(&mut self, ticket: Ticket) -> bool {
        let Some(at) = self
            .waiting
            .iter()
            .position(|waiting| waiting.ticket == ticket)
        else {
            return false;
        };
        let waiting = self
            .waiting
            .remove(at)
            .expect("position is inside the queue");
        self.leave(&waiting.function);
        true
    }

    /// Idle environments of `function` to end now; busy ones end when they come free.
    pub(crate) fn retire(&mut self, function: &str) -> Vec<EnvironmentId> {
        for environment in self
            .environments
            .values_mut()
            .filter(|environment| environment.function == function)
        {
            environment.is_retired = true;
        }
        let idle = self
            .functions
            .get(function)
            .map(|group| group.idle.clone())
            .unwrap_or_default();
        idle.iter().for_each(|id| self.forget(*id));
        self.drop_if_unused(function);
        idle
    }

    /// Environments whose idle time is over at `now`.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<EnvironmentId> {
        let idle_after = self.limits.idle_after;
        let is_over = |environment: &Environment| {
            environment
                .idle_since
                .is_some_and(|since| now.saturating_sub(since) >= idle_after)
        };
        let over: Vec<_> = self
            .environments
            .iter()
            .filter(|(_, e)| is_over(e))
            .map(|(id, _)| *id)
            .collect();
        over.iter().for_each(|id| self.forget(*id));
        over
    }

    /// Refuses everything from now on; returns the idle environments to end and the waiting invocations to refuse.
    pub(crate) fn close(&mut self) -> (Vec<EnvironmentId>, Vec<Ticket>) {
        self.is_closed = true;
        let is_idle =
            |(id, environment): (&EnvironmentId, &Environment)| environment.idle_since.map(|_| *id);
        let idle: Vec<_> = self.environments.iter().filter_map(is_idle).collect();
        idle.iter().for_each(|id| self.forget(*id));
        let waiting: Vec<_> = std::mem::take(&mut self.waiting).into();
        waiting
            .iter()
            .for_each(|waiting| self.leave(&waiting.function));
        (
            idle,
            waiting.into_iter().map(|waiting| waiting.ticket).collect(),
        )
    }

    /// Environments that run an invocation.
    pub(crate) fn busy(&self) -> u32 {
        self.busy
    }

    fn throttle(&self, function: &str, reserved: Option<u32>) -> Option<Decision> {
        let concurrency = self
            .functions
            .get(function)
            .map_or(0, |group| group.concurrency);
        if let Some(limit) = reserved
            && concurrency >= limit
        {
            let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
            return Some(Decision::Throttle { reason, limit });
        }
        let limit = self.limits.concurrency_max;
        let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
        let total = self.busy as usize + self.waiting.len();
        (total >= limit as usize).then_some(Decision::Throttle { reason, limit })
    }

    /// The waiting invocation that environment `id` can serve, if taking it is fair to those who came before.
    fn next_for(&mut self, id: EnvironmentId) -> Option<Ticket> {
        let environment = &self.environments[&id];
        let fits = |waiting: &Waiting| {
            waiting.function == environment.function && waiting.revision == environment.revision
        };
        let at = self.waiting.iter().position(fits)?;
        if at > 0 {
            let first = self.waiting.front_mut().expect("position found an element");
            if first.passed_over >= PASSED_OVER_MAX {
                return None;
            }
            first.passed_over += 1;
        }
        self.waiting.remove(at).map(|waiting| waiting.ticket)
    }

    fn start(&mut self, function: &str, revision: &str) -> EnvironmentId {
        let id = EnvironmentId(self.take_id());
        let environment = Environment {
            function: function.to_owned(),
            revision: revision.to_owned(),
            is_retired: false,
            idle_since: None,
        };
        self.environments.insert(id, environment);
        self.busy += 1;
        id
    }

    fn oldest_idle(&self) -> Option<EnvironmentId> {
        let idle = self
            .environments
            .iter()
            .filter_map(|(id, e)| e.idle_since.map(|since| (since, *id)));
        idle.min().map(|(_, id)| id)
    }

    fn forget(&mut self, id: EnvironmentId) {
        let environment = self
            .environments
            .remove(&id)
            .expect("only a known environment is forgotten");
        if let Some(group) = self.functions.get_mut(&environment.function) {
            group.idle.retain(|idle| *idle != id);
        }
        self.drop_if_unused(&environment.function);
    }

    fn leave(&mut self, function: &str) {
        let group = self
            .functions
            .get_mut(function)
            .expect("a function with an invocation is known");
        group.concurrency -= 1;
        self.drop_if_unused(function);
    }

    /// Keeps `functions` as small as what is warm or running.
    fn drop_if_unused(&mut self, function: &str) {
        if self
            .functions
            .get(function)
            .is_some_and(|group| group.concurrency == 0 && group.idle.is_empty())
        {
            self.functions.remove(function);
        }
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }
}

/// How often a warm hand-over may overtake the invocation that waits longest.
const PASSED_OVER_MAX: u32 = 16;

#[cfg(test)]
mod tests;
