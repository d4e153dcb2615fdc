//! What is started next: for who waits, for what is provisioned, and ahead of a demand that rises.

use std::time::Duration;

use super::group::{Group, Moment, State};
use super::{EnvironmentId, GroupId, Plan, Start, Ticket};

impl<B: Clone> Plan<B> {
    /// What to start now. Ask after every change, and at [`Plan::next_look`].
    pub(crate) fn starts(&mut self, now: Duration) -> Vec<Start<B>> {
        let mut starts = Vec::new();
        if self.hungry.is_empty() || self.is_closed {
            return starts;
        }
        while self.may_start(now)
            && let Some((_, at)) = self.first_unserved(now)
        {
            let end = if self.has_room() {
                None
            } else {
                let Some((_, oldest)) = self.oldest_idle() else {
                    break;
                };
                Some(oldest)
            };
            if let Some(oldest) = end {
                let evicted = self.environments[&oldest].group;
                self.forget(oldest, now);
                if evicted != at {
                    self.drop_if_unused(evicted);
                }
            }
            starts.push(self.start(at, end, now));
        }
        self.start_ahead(now, &mut starts);
        for at in self.hungry.iter().copied().collect::<Vec<_>>() {
            self.look_at(at, now);
        }
        starts
    }

    /// When [`Plan::starts`] may have more to say although nothing has changed.
    pub(crate) fn next_look(&self, now: Duration) -> Option<Duration> {
        if self.hungry.is_empty() {
            return None;
        }
        let (moment, crowd_max) = (self.moment(now), self.limits.crowd_max);
        let looks = self.hungry.iter().flat_map(|at| {
            let group = &self.groups[at];
            let impatient = group.waiting.front().map(|first| {
                if group.is_free() && group.is_narrow(moment) || group.is_enough(crowd_max, moment)
                {
                    group.in_vain_at(first.since, moment)
                } else if group.is_free() {
                    first.since + CROWD_PATIENCE
                } else {
                    first.since + PATIENCE
                }
            });
            let again = (group.environments < group.provisioned).then_some(group.not_before);
            [impatient, again].into_iter().flatten()
        });
        let turns = self.turns().map(|since| since + TURN);
        looks.chain(turns).filter(|look| *look > now).min()
    }

    /// Keeps `hungry` what it says, after a change of the group.
    pub(super) fn look_at(&mut self, at: GroupId, now: Duration) {
        let Some(group) = self.groups.get(&at) else {
            return;
        };
        let is_hungry = !self.is_closed
            && (group.waiting.len() > group.coming()
                || group.is_free() && !group.waiting.is_empty()
                || group.environments < group.provisioned
                || self.spares_wanted(group, now) > 0);
        if is_hungry {
            self.hungry.insert(at);
        } else {
            self.hungry.remove(&at);
        }
    }

    /// The oldest invocation for which an environment should be started.
    pub(super) fn first_unserved(&self, now: Duration) -> Option<(Ticket, GroupId)> {
        let unserved = self.hungry.iter().filter_map(|at| {
            let group = &self.groups[at];
            if group.is_free() || group.is_enough(self.limits.crowd_max, self.moment(now)) {
                // It waits for a turn: an environment is there.
                return None;
            }
            let first = group.waiting.get(group.coming() + group.soon(now))?;
            Some((first.ticket, *at))
        });
        unserved.min()
    }

    fn has_room(&self) -> bool {
        self.environments.len() < self.limits.environments_max as usize
    }

    /// Whether the machine has a turn for one more start.
    pub(super) fn may_start(&self, now: Duration) -> bool {
        let turns = self
            .turns()
            .filter(|since| now.saturating_sub(*since) < TURN);
        turns.count() < self.limits.starting_max as usize
    }

    fn turns(&self) -> impl Iterator<Item = Duration> {
        let environments = self.environments.values();
        environments.filter_map(|environment| match environment.state {
            State::Starting { since } => Some(since),
            State::Ready { .. } => None,
        })
    }

    fn start(&mut self, at: GroupId, end: Option<EnvironmentId>, now: Duration) -> Start<B> {
        let id = self.add_environment(at, now);
        let blueprint = self.groups[&at].blueprint.clone();
        Start { id, end, blueprint }
    }

    /// Starts what nobody waits for yet, where there is room for it: it never ends another environment.
    fn start_ahead(&mut self, now: Duration, starts: &mut Vec<Start<B>>) {
        for at in self.hungry.iter().copied().collect::<Vec<_>>() {
            loop {
                let group = &self.groups[&at];
                let is_provisioned = group.environments < group.provisioned;
                let is_wanted =
                    is_provisioned && now >= group.not_before || self.spares_wanted(group, now) > 0;
                if is_wanted && !self.may_start(now) {
                    return;
                }
                if !is_wanted || !self.has_room() {
                    break;
                }
                starts.push(self.start(at, None, now));
            }
            let group = self.groups.get_mut(&at).expect("a hungry group is known");
            group.is_rising = false;
        }
    }

    /// Environments to start ahead of a demand that rises: a quarter of it.
    fn spares_wanted(&self, group: &Group<B>, now: Duration) -> u32 {
        let is_quick = group.mean_run.is_some_and(|mean| mean < PATIENCE);
        if !group.is_rising || is_quick || group.is_retired || now < group.not_before {
            return 0;
        }
        let demand = group.demand();
        let wanted = demand + demand.div_ceil(4);
        let most = group
            .reserved
            .map_or(wanted, |reserved| wanted.min(reserved));
        let environments = most.div_ceil(group.capacity);
        // A part of the places is kept for functions that have none.
        let places = self.limits.environments_max - self.limits.environments_max.div_ceil(8);
        let free = u64::from(places).saturating_sub(self.environments.len() as u64);
        let memory = self
            .limits
            .spare_memory_mb_max
            .saturating_sub(self.memory_mb)
            / u64::from(group.memory_mb.max(1));
        let bound = u32::try_from(free.min(memory)).unwrap_or(u32::MAX);
        environments.saturating_sub(group.environments).min(bound)
    }
}

impl<B> Group<B> {
    /// Whether an environment has room for one more invocation.
    pub(super) fn is_free(&self) -> bool {
        !self.idle.is_empty() || !self.shared.is_empty()
    }

    /// Waiting invocations that the environments being started will serve.
    fn coming(&self) -> usize {
        self.starting as usize * self.capacity as usize
    }

    /// Waiting invocations that the running environments will have served within [`PATIENCE`]. As long as that is so,
    /// starting a process costs everybody more than waiting does.
    fn soon(&self, now: Duration) -> usize {
        self.served_within(PATIENCE, now)
    }

    /// Whether so many run already, and are so short, that one more would get its turn on a processor no earlier in an
    /// environment of its own than after one of them, and cost a switch between processes.
    pub(super) fn is_crowded(&self, crowd_max: u32, moment: Moment) -> bool {
        if self.running < crowd_max {
            return false;
        }
        if self.is_narrow(moment) {
            return !self.waits_in_vain(moment);
        }
        self.waiting.len() < self.served_within(CROWD_PATIENCE, moment.now)
    }

    /// Whether there are as many environments as may run at one time, so that one more would only be crowded.
    pub(super) fn is_enough(&self, crowd_max: u32, moment: Moment) -> bool {
        self.running >= crowd_max && self.is_narrow(moment) && !self.waits_in_vain(moment)
    }

    /// Whether the first one waits for longer than turns of those that take little of a processor are worth.
    pub(super) fn waits_in_vain(&self, moment: Moment) -> bool {
        let first = self.waiting.front();
        first.is_some_and(|first| moment.now >= self.in_vain_at(first.since, moment))
    }

    /// From when on one that waits since `since` waits in vain.
    ///
    /// Time in which more ran than there are turns for does not count. Where no processor is free and one after the
    /// other ends, a long wait only says that many wait: it would last as long in a process of one's own.
    fn in_vain_at(&self, since: Duration, moment: Moment) -> Duration {
        let since = since.max(self.spread_at);
        let bound = since + BOUND_PATIENCE;
        if self.is_held_up(moment) {
            let stuck = self.ended_at + BOUND_PATIENCE;
            return bound.max(stuck).min(since + BUSY_PATIENCE);
        }
        bound
    }

    /// None as soon as the first one has waited longer: what the others took says nothing then.
    fn served_within(&self, patience: Duration, now: Duration) -> usize {
        let (Some(mean), false) = (self.mean_run, self.has_waited(patience, now)) else {
            return 0;
        };
        let each = patience.as_micros() / mean.as_micros().max(1);
        usize::try_from(each * u128::from(self.running)).unwrap_or(usize::MAX)
    }
}

/// How long an invocation waits for an environment that runs short ones before another is started.
const PATIENCE: Duration = Duration::from_millis(10);
/// How long an invocation waits for short ones while an environment is free, because the processors are busy.
const CROWD_PATIENCE: Duration = Duration::from_millis(2);
/// The same for invocations that take little of a processor.
const BOUND_PATIENCE: Duration = Duration::from_millis(20);
/// The same where no processor is free.
const BUSY_PATIENCE: Duration = Duration::from_secs(1);
/// How long a start counts among those that go on: a function whose init takes long keeps nobody else from starting.
const TURN: Duration = Duration::from_secs(1);
