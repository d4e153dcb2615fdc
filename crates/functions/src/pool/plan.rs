//! The pool's decisions, without processes, clocks or threads: which environment gets which invocation, when one
//! is started and when one ends.
//!
//! An invocation that finds no environment free waits, whether or not one is started for it: it takes whichever
//! comes first, the started one or one that came free. Starts come out of [`Plan::starts`] alone, which is asked after
//! every change.

mod group;
mod need;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::load::Load;
use crate::invocation::ThrottleReason;
use group::{Environment, Function, Group, Moment, State, Waiting};

/// Names one environment for the life of the pool; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct EnvironmentId(pub(crate) u64);

/// Names one waiting invocation; never reused. A greater one came later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(pub(crate) u64);

/// Names what may share environments: one revision of a function between two retirements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupId(u64);

/// The bounds of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Invocations running and waiting together.
    pub(crate) concurrency_max: u32,
    /// Operating system processes at one time.
    pub(crate) environments_max: u32,
    /// Environments that start at one time: more would only make each of them slower. One that takes long no longer counts.
    pub(crate) starting_max: u32,
    /// Environments of a function that run short invocations at one time: more would only take turns on the processors.
    pub(crate) crowd_max: u32,
    /// Memory sizes of all environments together beyond which nothing is started ahead of demand, in MiB.
    pub(crate) spare_memory_mb_max: u64,
    /// How long an environment stays warm.
    pub(crate) idle_after: Duration,
}

/// What an invocation needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand<'a> {
    pub(crate) function: &'a str,
    pub(crate) revision: &'a str,
    /// Most invocations of the function at one time.
    pub(crate) reserved: Option<u32>,
    /// Environments to keep started.
    pub(crate) provisioned: u32,
    /// Invocations that one environment runs at one time, at least 1.
    pub(crate) capacity: u32,
    pub(crate) memory_mb: u32,
}

/// What an invocation is told.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Run in this environment.
    Run(EnvironmentId),
    /// Wait until this ticket is named.
    Wait(Ticket),
    /// Refused.
    Throttle { reason: ThrottleReason, limit: u32 },
    /// The plan is closed.
    Closed,
}

/// An environment to be started, with what the group's first request brought.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Start<B> {
    pub(crate) id: EnvironmentId,
    /// An idle one to end first: it makes room.
    pub(crate) end: Option<EnvironmentId>,
    pub(crate) blueprint: B,
}

/// What follows from an environment coming free.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Release {
    /// Keep it: it is warm, or runs other invocations.
    Keep,
    /// End it.
    End,
    /// Hand it to these waiting invocations, as many as it has room for.
    Run(Vec<Ticket>),
}

/// The plan; `B` is what starting an environment takes, opaque here.
#[derive(Debug)]
pub(crate) struct Plan<B> {
    limits: Limits,
    functions: BTreeMap<String, Function>,
    groups: BTreeMap<GroupId, Group<B>>,
    environments: BTreeMap<EnvironmentId, Environment>,
    tickets: BTreeMap<Ticket, GroupId>,
    /// Groups that may need a start.
    hungry: BTreeSet<GroupId>,
    running: u32,
    /// Memory sizes of all environments.
    memory_mb: u64,
    next_id: u64,
    /// No processor of the machine is free.
    is_busy: bool,
    is_closed: bool,
}

impl<B: Clone> Plan<B> {
    pub(crate) fn new(limits: Limits) -> Plan<B> {
        assert!(
            limits.environments_max > 0 && limits.starting_max > 0,
            "a pool needs room for one environment"
        );
        Plan {
            limits,
            functions: BTreeMap::new(),
            groups: BTreeMap::new(),
            environments: BTreeMap::new(),
            tickets: BTreeMap::new(),
            hungry: BTreeSet::new(),
            running: 0,
            memory_mb: 0,
            next_id: 1,
            is_busy: false,
            is_closed: false,
        }
    }

    /// Places one invocation.
    pub(crate) fn request(
        &mut self,
        demand: &Demand<'_>,
        blueprint: &B,
        now: Duration,
    ) -> Decision {
        if self.is_closed {
            return Decision::Closed;
        }
        if let Some(throttle) = self.throttle(demand) {
            return throttle;
        }
        let at = self.group(demand, blueprint);
        let ticket = Ticket(self.next_id);
        let group = self.groups.get_mut(&at).expect("found just above");
        self.functions
            .get_mut(demand.function)
            .expect("a group has its function")
            .concurrency += 1;
        group.notice_demand(now, self.limits.idle_after);
        let is_busy = self.is_busy;
        // The last used environment has the warmest caches, and lets the others grow old and end.
        if !group.is_crowded(self.limits.crowd_max, Moment { now, is_busy })
            && let Some(id) = group.shared.pop().or_else(|| group.idle.pop())
        {
            self.run(id, now);
            self.look_at(at, now);
            return Decision::Run(id);
        }
        group.waiting.push_back(Waiting {
            ticket,
            since: now,
            passed_over: 0,
        });
        self.next_id += 1;
        self.tickets.insert(ticket, at);
        self.look_at(at, now);
        Decision::Wait(ticket)
    }

    /// Keeps as many environments of the function started as `demand` says, from now on.
    pub(crate) fn provision(&mut self, demand: &Demand<'_>, blueprint: &B, now: Duration) {
        if self.is_closed {
            return;
        }
        let at = self.group(demand, blueprint);
        self.look_at(at, now);
        self.drop_if_unused(at);
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
            .get_mut(&id)
            .expect("only a running environment is released");
        let State::Ready { running, began, .. } = &mut environment.state else {
            panic!("only a running environment is released");
        };
        *running = running
            .checked_sub(1)
            .expect("an environment is released once for each invocation");
        let took = now.saturating_sub(*began);
        environment.is_broken |= !is_healthy;
        let (at, is_broken, others) = (environment.group, environment.is_broken, *running);
        let group = self.groups.get_mut(&at).expect("it has environments");
        if is_healthy {
            group.learn(took);
        }
        group.ended_at = now;
        if group.running > self.limits.crowd_max {
            group.spread_at = now;
        }
        group.running -= 1;
        group.shared.retain(|shared| *shared != id);
        let capacity = group.capacity;
        self.running -= 1;
        self.leave(at);
        let mut served = Vec::new();
        if !is_broken && !self.is_closed {
            for _ in others..capacity {
                let Some(ticket) = self.next_for(id, now) else {
                    break;
                };
                self.run(id, now);
                served.push(ticket);
            }
        }
        let released = if !served.is_empty() {
            Release::Run(served)
        } else if is_broken || self.is_closed {
            self.end_unless_running(id, others, now)
        } else if self.groups[&at].is_retired || !self.groups[&at].waiting.is_empty() {
            // Passed over too often: who waits longest gets the room.
            self.end_unless_running(id, others, now)
        } else {
            self.set_free(id, others, now);
            Release::Keep
        };
        self.look_at(at, now);
        self.drop_if_unused(at);
        released
    }

    /// What was seen of a running environment: the processor time that each of its last invocations took.
    pub(crate) fn observe(&mut self, id: EnvironmentId, processor_time: Duration, now: Duration) {
        let environment = self
            .environments
            .get(&id)
            .expect("only a running environment is observed");
        self.groups
            .get_mut(&environment.group)
            .expect("it has environments")
            .observe(processor_time, now);
    }

    /// Whether somebody waits, so that it matters whether a processor is free.
    pub(crate) fn is_hungry(&self) -> bool {
        !self.hungry.is_empty()
    }

    /// Whether a processor of the machine was free in the last moments. Taken to be so until it is said.
    pub(crate) fn notice_machine(&mut self, is_busy: bool) {
        self.is_busy = is_busy;
    }

    fn moment(&self, now: Duration) -> Moment {
        let is_busy = self.is_busy;
        Moment { now, is_busy }
    }

    /// Waiting invocations that get an environment that is free after all: the short ones that they waited for have
    /// taken too long, or are over. Ask after every change, before [`Plan::starts`].
    pub(crate) fn grants(&mut self, now: Duration) -> Vec<(Ticket, EnvironmentId)> {
        let mut granted = Vec::new();
        let moment = self.moment(now);
        for at in self.hungry.iter().copied().collect::<Vec<_>>() {
            loop {
                let group = self.groups.get_mut(&at).expect("a hungry group is known");
                if group.waiting.is_empty() || group.is_crowded(self.limits.crowd_max, moment) {
                    break;
                }
                group.widen(moment);
                let Some(id) = group.shared.pop().or_else(|| group.idle.pop()) else {
                    break;
                };
                let first = group.waiting.pop_front().expect("one waits");
                self.tickets.remove(&first.ticket);
                self.run(id, now);
                granted.push((first.ticket, id));
            }
            self.look_at(at, now);
        }
        granted
    }

    /// An environment has started and waits for invocations.
    pub(crate) fn started(&mut self, id: EnvironmentId, now: Duration) -> Release {
        let at = self.end_start(id, now);
        let group = self.groups.get_mut(&at).expect("it has environments");
        group.failures = 0;
        let room = (group.capacity as usize).min(group.waiting.len());
        let served: Vec<Ticket> = group
            .waiting
            .drain(..room)
            .map(|waiting| waiting.ticket)
            .collect();
        let is_kept = !group.is_retired && !self.is_closed;
        for ticket in &served {
            self.tickets.remove(ticket);
            self.run(id, now);
        }
        let released = if !served.is_empty() {
            Release::Run(served)
        } else if is_kept {
            self.set_free(id, 0, now);
            Release::Keep
        } else {
            self.forget(id, now);
            Release::End
        };
        self.look_at(at, now);
        self.drop_if_unused(at);
        released
    }

    /// An environment could not be started. The invocation that is told, if one waits, holds it as if it ran in it.
    pub(crate) fn start_failed(&mut self, id: EnvironmentId, now: Duration) -> Option<Ticket> {
        let at = self.end_start(id, now);
        let group = self.groups.get_mut(&at).expect("it has environments");
        group.note_failure(now);
        let told = group.waiting.pop_front().map(|waiting| waiting.ticket);
        self.environments
            .get_mut(&id)
            .expect("its start ended just above")
            .is_broken = true;
        match told {
            Some(ticket) => {
                self.tickets.remove(&ticket);
                self.run(id, now);
            }
            None => self.forget(id, now),
        }
        self.look_at(at, now);
        self.drop_if_unused(at);
        told
    }

    /// Takes back a waiting invocation that nobody awaits any more. False: it was served before.
    pub(crate) fn cancel(&mut self, ticket: Ticket, now: Duration) -> bool {
        let Some(at) = self.tickets.remove(&ticket) else {
            return false;
        };
        let group = self.groups.get_mut(&at).expect("a ticket has its group");
        group.waiting.retain(|waiting| waiting.ticket != ticket);
        self.leave(at);
        self.look_at(at, now);
        self.drop_if_unused(at);
        true
    }

    /// Idle environments of `function` to end now; the others end when they come free. What waits is still served by
    /// its own revision; a request that comes now gets a new environment.
    ///
    /// - `revision`: only those of this one; `None` means all.
    pub(crate) fn retire(
        &mut self,
        function: &str,
        revision: Option<&str>,
        now: Duration,
    ) -> Vec<EnvironmentId> {
        let Some(known) = self.functions.get_mut(function) else {
            return Vec::new();
        };
        let groups = &self.groups;
        let is_meant =
            |at: &GroupId| revision.is_none_or(|revision| groups[at].revision == revision);
        let (retired, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut known.groups)
            .into_iter()
            .partition(is_meant);
        known.groups = kept;
        let mut ended = Vec::new();
        for at in retired {
            let group = self.groups.get_mut(&at).expect("a function has its groups");
            group.is_retired = true;
            group.provisioned = 0;
            for id in group.idle.clone() {
                self.forget(id, now);
                ended.push(id);
            }
            self.look_at(at, now);
            self.drop_if_unused(at);
        }
        self.drop_function_if_unused(function);
        ended
    }

    /// Environments whose idle time is over at `now`, but for those that are provisioned.
    pub(crate) fn expire(&mut self, now: Duration) -> Vec<EnvironmentId> {
        let mut ended = Vec::new();
        while let Some((since, oldest)) = self.oldest_idle() {
            if now.saturating_sub(since) < self.limits.idle_after {
                break;
            }
            let at = self.environments[&oldest].group;
            self.forget(oldest, now);
            self.drop_if_unused(at);
            ended.push(oldest);
        }
        ended
    }

    /// Refuses everything from now on; returns the idle and starting environments to end and the waiting invocations
    /// to refuse.
    pub(crate) fn close(&mut self) -> (Vec<EnvironmentId>, Vec<Ticket>) {
        self.is_closed = true;
        let waiting: Vec<Ticket> = std::mem::take(&mut self.tickets).into_keys().collect();
        for at in self.groups.keys().copied().collect::<Vec<_>>() {
            let group = self.groups.get_mut(&at).expect("listed just above");
            group.provisioned = 0;
            for _ in 0..std::mem::take(&mut group.waiting).len() {
                self.leave(at);
            }
        }
        let unused: Vec<EnvironmentId> = self
            .environments
            .iter()
            .filter(|(_, environment)| !environment.is_running())
            .map(|(id, _)| *id)
            .collect();
        for id in &unused {
            self.forget(*id, Duration::ZERO);
        }
        self.hungry.clear();
        for at in self.groups.keys().copied().collect::<Vec<_>>() {
            self.drop_if_unused(at);
        }
        (unused, waiting)
    }

    /// Invocations that run.
    pub(crate) fn busy(&self) -> u32 {
        self.running
    }

    /// What there is now; what is counted over time is not known here.
    pub(crate) fn load(&self) -> Load {
        let mut load = Load {
            running: self.running.into(),
            waiting: self.tickets.len() as u64,
            ..Load::default()
        };
        for environment in self.environments.values() {
            match environment.state {
                State::Starting { .. } => load.starting += 1,
                State::Ready { running: 0, .. } => load.idle += 1,
                State::Ready { .. } => load.busy += 1,
            }
        }
        load
    }

    fn throttle(&self, demand: &Demand<'_>) -> Option<Decision> {
        let concurrency = self
            .functions
            .get(demand.function)
            .map_or(0, |function| function.concurrency);
        if let Some(limit) = demand.reserved
            && concurrency >= limit
        {
            let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
            return Some(Decision::Throttle { reason, limit });
        }
        let limit = self.limits.concurrency_max;
        let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
        let total = self.running as usize + self.tickets.len();
        (total >= limit as usize).then_some(Decision::Throttle { reason, limit })
    }

    /// The waiting invocation that environment `id` can serve, if taking it is fair to those who came before.
    fn next_for(&mut self, id: EnvironmentId, now: Duration) -> Option<Ticket> {
        let at = self.environments[&id].group;
        let first = self.groups[&at].waiting.front()?.ticket;
        if let Some((older, overtaken)) = self.first_unserved(now)
            && older < first
            && overtaken != at
            && self.is_evictable(id)
            && self.may_start(now)
        {
            let waiting = self
                .groups
                .get_mut(&overtaken)
                .and_then(|group| group.waiting.iter_mut().find(|one| one.ticket == older))
                .expect("an unserved invocation waits");
            if waiting.passed_over >= PASSED_OVER_MAX {
                return None;
            }
            waiting.passed_over += 1;
        }
        let group = self.groups.get_mut(&at).expect("it has environments");
        let ticket = group.waiting.pop_front()?.ticket;
        self.tickets.remove(&ticket);
        Some(ticket)
    }

    fn take_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }
}

/// How often a warm hand-over may overtake the invocation that waits longest.
const PASSED_OVER_MAX: u32 = 16;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
