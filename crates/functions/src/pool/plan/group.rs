//! What the plan knows of functions, their groups and environments, and the small steps that change it.

use std::collections::VecDeque;
use std::time::Duration;

use super::{Demand, EnvironmentId, GroupId, Plan, Release, Ticket};

/// When, and what the machine is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) now: Duration,
    /// No processor is free: one more process would only take turns with the others.
    pub(super) is_busy: bool,
}

#[derive(Debug, Default)]
pub(super) struct Function {
    /// Running and waiting invocations, of every revision.
    pub(super) concurrency: u32,
    /// Groups that take requests, at most one a revision.
    pub(super) groups: Vec<GroupId>,
}

/// The environments and invocations of one revision of a function.
#[derive(Debug)]
pub(super) struct Group<B> {
    pub(super) function: String,
    pub(super) revision: String,
    pub(super) blueprint: B,
    pub(super) capacity: u32,
    pub(super) memory_mb: u32,
    pub(super) reserved: Option<u32>,
    /// Environments to keep.
    pub(super) provisioned: u32,
    pub(super) is_retired: bool,
    /// Environments without an invocation, the last used one at the end.
    pub(super) idle: Vec<EnvironmentId>,
    /// Environments that run invocations and have room for more.
    pub(super) shared: Vec<EnvironmentId>,
    pub(super) waiting: VecDeque<Waiting>,
    /// Environments that are being started.
    pub(super) starting: u32,
    /// All environments, starting ones included.
    pub(super) environments: u32,
    /// Invocations that run.
    pub(super) running: u32,
    /// Highest number of invocations at one time, and when it was reached.
    peak: u32,
    peak_at: Duration,
    /// Whether the peak has risen since spares were last thought of.
    pub(super) is_rising: bool,
    /// How long an invocation takes; `None` before the first has ended.
    pub(super) mean_run: Option<Duration>,
    /// The processor time that an invocation takes; `None` before that was looked at.
    processor_time: Option<Duration>,
    /// Until then it is known that who waits for those that run waits for long.
    wide_until: Duration,
    /// How long the next such finding holds.
    wide_for: Duration,
    /// When more ran at one time than there are turns for.
    pub(super) spread_at: Duration,
    /// When the last invocation ended.
    pub(super) ended_at: Duration,
    /// Starts that failed one after the other.
    pub(super) failures: u32,
    /// Until then nothing is started for this group but what an invocation waits for.
    pub(super) not_before: Duration,
}

#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) ticket: Ticket,
    pub(super) since: Duration,
    pub(super) passed_over: u32,
}

#[derive(Debug)]
pub(super) struct Environment {
    pub(super) group: GroupId,
    pub(super) memory_mb: u32,
    pub(super) state: State,
    /// It ends once nothing runs in it.
    pub(super) is_broken: bool,
}

#[derive(Debug)]
pub(super) enum State {
    Starting {
        since: Duration,
    },
    Ready {
        running: u32,
        /// When the last invocation began.
        began: Duration,
        /// Since when nothing has run in it.
        idle_since: Duration,
    },
}

impl Environment {
    pub(super) fn is_running(&self) -> bool {
        matches!(self.state, State::Ready { running, .. } if running > 0)
    }

    fn idle_since(&self) -> Option<Duration> {
        match self.state {
            State::Ready {
                running: 0,
                idle_since,
                ..
            } => Some(idle_since),
            _ => None,
        }
    }
}

impl<B> Group<B> {
    /// One more invocation comes: remembers how many there are at one time.
    pub(super) fn notice_demand(&mut self, now: Duration, idle_after: Duration) {
        let demand = self.demand() + 1;
        if now.saturating_sub(self.peak_at) > idle_after {
            self.peak = 0;
        }
        if demand > self.peak {
            self.peak = demand;
            self.peak_at = now;
            // One at a time is no rise: most functions are never called twice at once.
            self.is_rising = demand > 1;
        }
    }

    /// Invocations that run and wait.
    pub(super) fn demand(&self) -> u32 {
        self.running + u32::try_from(self.waiting.len()).unwrap_or(u32::MAX)
    }

    /// A running mean of what invocations take, in which the last eight count most.
    pub(super) fn learn(&mut self, took: Duration) {
        self.mean_run = Some(match self.mean_run {
            Some(mean) => (mean * 7 + took) / 8,
            None => took,
        });
    }

    /// Whether no more invocations run at one time than there are processors for.
    ///
    /// - Only those that take little of a processor: each switch from one process to another costs as much.
    ///   Their time says nothing: where many run at one time, each takes long because it takes turns with the others.
    /// - Not if it was just seen that who waits then waits for long: they do something else than compute. Unless
    ///   that is because no processor is free.
    pub(super) fn is_narrow(&self, moment: Moment) -> bool {
        let is_short = self.processor_time.is_some_and(|time| time < SHORT);
        is_short && (self.is_held_up(moment) || moment.now >= self.wide_until)
    }

    /// Whether invocations that are over soon would be over sooner if a processor were free.
    pub(super) fn is_held_up(&self, moment: Moment) -> bool {
        moment.is_busy && self.mean_run.is_some_and(|mean| mean < BRIEF)
    }

    /// An environment was looked at.
    pub(super) fn observe(&mut self, processor_time: Duration, now: Duration) {
        self.processor_time = Some(processor_time);
        if now >= self.wide_until + WIDE_MIN {
            self.wide_for = WIDE_MIN;
        }
    }

    /// Nobody waits for a turn any more. Where that is because the first one has waited in vain, that holds for a time,
    /// longer each time it is found again; then few run for a moment once more. While processes start, everybody waits,
    /// and nothing is found.
    pub(super) fn widen(&mut self, moment: Moment) {
        if self.starting == 0 && self.is_narrow(moment) && self.waits_in_vain(moment) {
            self.wide_until = moment.now + self.wide_for;
            self.wide_for = (self.wide_for * 2).min(WIDE_MAX);
        }
    }

    /// Whether the first one has waited as long.
    pub(super) fn has_waited(&self, patience: Duration, now: Duration) -> bool {
        self.waiting
            .front()
            .is_some_and(|first| now.saturating_sub(first.since) >= patience)
    }

    pub(super) fn note_failure(&mut self, now: Duration) {
        self.failures = self.failures.saturating_add(1);
        let doubled = START_AGAIN_MIN * (1 << self.failures.min(START_AGAIN_DOUBLINGS));
        self.not_before = now + doubled;
    }
}

impl<B: Clone> Plan<B> {
    /// The group that `demand` belongs to, made if need be, with its numbers brought up to date.
    pub(super) fn group(&mut self, demand: &Demand<'_>, blueprint: &B) -> GroupId {
        let known = self.functions.get(demand.function).and_then(|function| {
            let is_wanted = |at: &&GroupId| self.groups[at].revision == demand.revision;
            function.groups.iter().find(is_wanted).copied()
        });
        let at = known.unwrap_or_else(|| self.add_group(demand, blueprint));
        if self.groups[&at].provisioned != demand.provisioned {
            let others: u32 = self
                .groups
                .iter()
                .filter(|(other, _)| **other != at)
                .map(|(_, group)| group.provisioned)
                .sum();
            // One place is never provisioned, so that every other function can run.
            let room = (self.limits.environments_max - 1).saturating_sub(others);
            let group = self.groups.get_mut(&at).expect("found just above");
            group.provisioned = demand.provisioned.min(room);
        }
        let group = self.groups.get_mut(&at).expect("found just above");
        group.reserved = demand.reserved;
        at
    }

    fn add_group(&mut self, demand: &Demand<'_>, blueprint: &B) -> GroupId {
        let at = GroupId(self.take_id());
        let group = Group {
            function: demand.function.to_owned(),
            revision: demand.revision.to_owned(),
            blueprint: blueprint.clone(),
            capacity: demand.capacity.max(1),
            memory_mb: demand.memory_mb,
            reserved: demand.reserved,
            provisioned: 0,
            is_retired: false,
            idle: Vec::new(),
            shared: Vec::new(),
            waiting: VecDeque::new(),
            starting: 0,
            environments: 0,
            running: 0,
            peak: 0,
            peak_at: Duration::ZERO,
            is_rising: false,
            mean_run: None,
            processor_time: None,
            wide_until: Duration::ZERO,
            wide_for: WIDE_MIN,
            spread_at: Duration::ZERO,
            ended_at: Duration::ZERO,
            failures: 0,
            not_before: Duration::ZERO,
        };
        self.groups.insert(at, group);
        if !self.functions.contains_key(demand.function) {
            self.functions
                .insert(demand.function.to_owned(), Function::default());
        }
        self.functions
            .get_mut(demand.function)
            .expect("inserted just above")
            .groups
            .push(at);
        at
    }

    pub(super) fn add_environment(&mut self, at: GroupId, now: Duration) -> EnvironmentId {
        let id = EnvironmentId(self.take_id());
        let group = self.groups.get_mut(&at).expect("only a known group starts");
        group.starting += 1;
        group.environments += 1;
        self.memory_mb += u64::from(group.memory_mb);
        let environment = Environment {
            group: at,
            memory_mb: group.memory_mb,
            state: State::Starting { since: now },
            is_broken: false,
        };
        self.environments.insert(id, environment);
        id
    }

    /// The start of `id` is over, well or not.
    pub(super) fn end_start(&mut self, id: EnvironmentId, now: Duration) -> GroupId {
        let environment = self
            .environments
            .get_mut(&id)
            .expect("only a known environment starts");
        assert!(
            matches!(environment.state, State::Starting { .. }),
            "an environment starts once"
        );
        environment.state = State::Ready {
            running: 0,
            began: now,
            idle_since: now,
        };
        let at = environment.group;
        self.groups
            .get_mut(&at)
            .expect("it has environments")
            .starting -= 1;
        at
    }

    /// One more invocation runs in `id`, which is on no list.
    pub(super) fn run(&mut self, id: EnvironmentId, now: Duration) {
        let environment = self
            .environments
            .get_mut(&id)
            .expect("only a known environment runs");
        let group = self
            .groups
            .get_mut(&environment.group)
            .expect("it has environments");
        let State::Ready { running, began, .. } = &mut environment.state else {
            panic!("an environment that starts runs nothing");
        };
        *running += 1;
        *began = now;
        assert!(
            *running <= group.capacity,
            "an environment has its capacity"
        );
        group.running += 1;
        self.running += 1;
        group.shared.retain(|shared| *shared != id);
        if *running < group.capacity && !environment.is_broken {
            group.shared.push(id);
        }
    }

    /// Puts `id`, in which `others` run, on the list it belongs to.
    pub(super) fn set_free(&mut self, id: EnvironmentId, others: u32, now: Duration) {
        let environment = self
            .environments
            .get_mut(&id)
            .expect("only a known environment comes free");
        let group = self
            .groups
            .get_mut(&environment.group)
            .expect("it has environments");
        if others > 0 {
            group.shared.push(id);
            return;
        }
        if let State::Ready { idle_since, .. } = &mut environment.state {
            *idle_since = now;
        }
        group.idle.push(id);
    }

    pub(super) fn end_unless_running(
        &mut self,
        id: EnvironmentId,
        others: u32,
        now: Duration,
    ) -> Release {
        if others > 0 {
            return Release::Keep;
        }
        self.forget(id, now);
        Release::End
    }

    /// The environment that has been idle longest, of those that may end, and since when.
    pub(super) fn oldest_idle(&self) -> Option<(Duration, EnvironmentId)> {
        let idle = self
            .environments
            .iter()
            .filter_map(|(id, environment)| Some((environment.idle_since()?, *id)));
        idle.filter(|(_, id)| self.is_evictable(*id)).min()
    }

    /// Whether its group keeps its provisioned environments without it.
    pub(super) fn is_evictable(&self, id: EnvironmentId) -> bool {
        let group = &self.groups[&self.environments[&id].group];
        group.environments > group.provisioned
    }

    pub(super) fn forget(&mut self, id: EnvironmentId, now: Duration) {
        let environment = self
            .environments
            .remove(&id)
            .expect("only a known environment is forgotten");
        let group = self
            .groups
            .get_mut(&environment.group)
            .expect("it has environments");
        group.environments -= 1;
        group.idle.retain(|idle| *idle != id);
        group.shared.retain(|shared| *shared != id);
        if matches!(environment.state, State::Starting { .. }) {
            group.starting -= 1;
        }
        self.memory_mb -= u64::from(environment.memory_mb);
        self.look_at(environment.group, now);
    }

    /// An invocation of the group is over, or will not be.
    pub(super) fn leave(&mut self, at: GroupId) {
        let function = self.groups[&at].function.as_str();
        let known = self
            .functions
            .get_mut(function)
            .expect("a function with an invocation is known");
        known.concurrency -= 1;
    }

    /// Keeps `groups` and `functions` as small as what is warm, waits or runs.
    pub(super) fn drop_if_unused(&mut self, at: GroupId) {
        let Some(group) = self.groups.get(&at) else {
            return;
        };
        let is_used = group.environments > 0 || !group.waiting.is_empty() || group.provisioned > 0;
        if is_used {
            return;
        }
        let group = self.groups.remove(&at).expect("looked at just above");
        self.hungry.remove(&at);
        if let Some(function) = self.functions.get_mut(&group.function) {
            function.groups.retain(|other| *other != at);
        }
        self.drop_function_if_unused(&group.function);
    }

    pub(super) fn drop_function_if_unused(&mut self, function: &str) {
        let is_unused = |known: &Function| known.concurrency == 0 && known.groups.is_empty();
        if self.functions.get(function).is_some_and(is_unused) {
            self.functions.remove(function);
        }
    }
}

/// Processor time of an invocation from which on a process of its own costs little beside it.
const SHORT: Duration = Duration::from_millis(1);
/// An invocation that takes longer than this waits for something else than a processor, however busy they are.
const BRIEF: Duration = Duration::from_millis(10);
/// Bounds of how long it holds that who waits for short invocations waits for long.
const WIDE_MIN: Duration = Duration::from_secs(1);
const WIDE_MAX: Duration = Duration::from_secs(32);
/// After a failed start, the next one that nobody waits for comes no earlier; doubled for each failure more.
const START_AGAIN_MIN: Duration = Duration::from_secs(1);
/// Up to 64 seconds.
const START_AGAIN_DOUBLINGS: u32 = 6;
