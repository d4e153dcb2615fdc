//! The plan in simulated worlds: random arrivals, durations, failures, retirements and a close, over a virtual clock.
//!
//! After every step: no environment has more invocations than it may, no limit is broken, and the plan agrees with
//! the world about what runs. In the end: every invocation was run, refused or cancelled exactly once, none waited
//! beyond a bound, and nothing is left.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

const SEEDS: u64 = 2_000;
const STEPS: usize = 60;
const FUNCTIONS: [&str; 5] = ["a", "b", "c", "d", "e"];
/// Nobody waits longer than this in a world where invocations take at most a second and starts two.
const WAIT_MAX: Duration = Duration::from_secs(60);

#[test]
fn no_world_breaks_a_limit_starves_an_invocation_or_leaves_anything() {
    for seed in 1..=SEEDS {
        let outcome = std::panic::catch_unwind(|| World::new(seed).run());
        if let Err(reason) = outcome {
            eprintln!("the world of seed {seed} failed");
            std::panic::resume_unwind(reason);
        }
    }
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in 1..=50 {
        assert_eq!(
            World::new(seed).run(),
            World::new(seed).run(),
            "seed {seed}"
        );
    }
}

/// What will happen, and when.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Next {
    Started(EnvironmentId),
    Ends(EnvironmentId),
    Look,
}

#[derive(Debug, Clone)]
struct Settings {
    revision: u32,
    reserved: Option<u32>,
    provisioned: u32,
    capacity: u32,
    run_ms: u64,
}

struct World {
    plan: Plan<(usize, u32)>,
    limits: Limits,
    random: u64,
    now: Duration,
    agenda: BTreeMap<(Duration, u64), Next>,
    order: u64,
    looks_at: Option<Duration>,
    functions: Vec<Settings>,
    /// Invocations in each environment that runs or idles.
    ready: BTreeMap<EnvironmentId, u32>,
    /// Function and revision of each environment.
    belongs: BTreeMap<EnvironmentId, (usize, u32)>,
    starting: BTreeSet<EnvironmentId>,
    waiting: BTreeMap<Ticket, (usize, u32, Duration)>,
    cancelled: BTreeSet<Ticket>,
    is_closed: bool,
    counts: Counts,
}

/// What became of invocations.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    asked: u64,
    ran: u64,
    ended: u64,
    throttled: u64,
    refused: u64,
    cancelled: u64,
    started: u64,
    longest_wait: Duration,
}

impl World {
    fn new(seed: u64) -> World {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut pick = |below: u64| {
            random = next(random);
            random % below
        };
        let small = |number: u64| u32::try_from(number).expect("small");
        let limits = Limits {
            concurrency_max: small(4 + pick(60)),
            environments_max: small(1 + pick(12)),
            starting_max: small(1 + pick(4)),
            crowd_max: small(1 + pick(6)),
            spare_memory_mb_max: 128 * pick(16),
            idle_after: Duration::from_millis(500 + pick(20_000)),
        };
        let functions = FUNCTIONS
            .iter()
            .map(|_| Settings {
                revision: 0,
                reserved: (pick(4) == 0).then(|| small(pick(4))),
                provisioned: if pick(5) == 0 { small(pick(4)) } else { 0 },
                capacity: if pick(4) == 0 { small(2 + pick(3)) } else { 1 },
                run_ms: [1, 4, 50, 1000][usize::try_from(pick(4)).expect("small")],
            })
            .collect();
        World {
            plan: Plan::new(limits),
            limits,
            random,
            now: Duration::ZERO,
            agenda: BTreeMap::new(),
            order: 0,
            looks_at: None,
            functions,
            ready: BTreeMap::new(),
            belongs: BTreeMap::new(),
            starting: BTreeSet::new(),
            waiting: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            is_closed: false,
            counts: Counts::default(),
        }
    }

    fn run(mut self) -> Counts {
        for _ in 0..STEPS {
            // Bursts: many arrivals at one instant, then a pause.
            let pause = [0, 0, 0, 1, 5, 200][self.pick(6)];
            self.go_on_until(self.now + Duration::from_millis(pause));
            match self.pick(40) {
                0 => self.retire(),
                1 => self.expire(),
                2 | 3 => self.cancel(),
                4 => self.provision(),
                _ => self.ask(),
            }
            self.check();
        }
        self.finish()
    }

    fn pick(&mut self, below: usize) -> usize {
        self.random = next(self.random);
        usize::try_from(self.random % below as u64).expect("small")
    }

    fn ask(&mut self) {
        // Some functions are called far more often than others.
        let at = self.pick(FUNCTIONS.len()).min(self.pick(FUNCTIONS.len()));
        self.counts.asked += 1;
        let revision = self.functions[at].revision;
        let decided = self.with_demand(at, |plan, demand, blueprint, now| {
            plan.request(demand, blueprint, now)
        });
        match decided {
            Decision::Run(id) => {
                assert_eq!(self.belongs[&id], (at, revision), "its own revision");
                self.begin(id);
            }
            Decision::Wait(ticket) => {
                let before = self.waiting.insert(ticket, (at, revision, self.now));
                assert!(before.is_none(), "a ticket is given once");
            }
            Decision::Throttle { limit, .. } => {
                assert!(self.in_flight(Some(at)) >= limit || self.in_flight(None) >= limit);
                self.counts.throttled += 1;
            }
            Decision::Closed => {
                assert!(self.is_closed);
                self.counts.refused += 1;
            }
        }
        self.after_change();
    }

    fn provision(&mut self) {
        let at = self.pick(FUNCTIONS.len());
        self.with_demand(at, |plan, demand, blueprint, now| {
            plan.provision(demand, blueprint, now);
        });
        self.after_change();
    }

    fn with_demand<T>(
        &mut self,
        at: usize,
        ask: impl FnOnce(&mut Plan<(usize, u32)>, &Demand<'_>, &(usize, u32), Duration) -> T,
    ) -> T {
        let settings = self.functions[at].clone();
        let revision = settings.revision.to_string();
        let demand = Demand {
            function: FUNCTIONS[at],
            revision: &revision,
            reserved: settings.reserved,
            provisioned: settings.provisioned,
            capacity: settings.capacity,
            memory_mb: 128,
        };
        ask(&mut self.plan, &demand, &(at, settings.revision), self.now)
    }

    /// The function changes: sometimes its revision is the same as before.
    fn retire(&mut self) {
        let at = self.pick(FUNCTIONS.len());
        for id in self.plan.retire(FUNCTIONS[at], None, self.now) {
            assert_eq!(self.ready.remove(&id), Some(0), "only an idle one ends");
        }
        if self.pick(4) > 0 {
            self.functions[at].revision += 1;
        }
        self.after_change();
    }

    fn expire(&mut self) {
        for id in self.plan.expire(self.now) {
            assert_eq!(self.ready.remove(&id), Some(0), "only an idle one ends");
        }
        self.after_change();
    }

    fn cancel(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        let at = self.pick(self.waiting.len());
        let ticket = *self
            .waiting
            .keys()
            .nth(at)
            .expect("picked below the length");
        self.waiting.remove(&ticket);
        assert!(self.plan.cancel(ticket, self.now), "it waits");
        assert!(!self.plan.cancel(ticket, self.now), "it is cancelled once");
        self.cancelled.insert(ticket);
        self.counts.cancelled += 1;
        self.after_change();
    }

    /// Starts what the plan wants started, and looks again when it says so.
    fn after_change(&mut self) {
        for (ticket, id) in self.plan.grants(self.now) {
            self.serve(ticket, id);
        }
        for start in self.plan.starts(self.now) {
            let (at, revision) = start.blueprint;
            if let Some(group) = self.plan.groups.values().find(|group| {
                group.function == FUNCTIONS[at] && group.revision == revision.to_string()
            }) && group.provisioned == 0
                && self.limits.spare_memory_mb_max == 0
            {
                assert!(group.idle.is_empty(), "started beside an idle one");
            }
            if let Some(end) = start.end {
                assert_eq!(
                    self.ready.remove(&end),
                    Some(0),
                    "only an idle one makes room"
                );
            }
            assert!(self.starting.insert(start.id), "an id is new");
            self.belongs.insert(start.id, start.blueprint);
            self.counts.started += 1;
            let took = [30, 30, 100, 2000][self.pick(4)];
            self.at(took, Next::Started(start.id));
        }
        if let Some(look) = self.plan.next_look(self.now)
            && self.looks_at.is_none_or(|at| look < at)
        {
            self.looks_at = Some(look);
            self.order += 1;
            self.agenda.insert((look, self.order), Next::Look);
        }
    }

    fn at(&mut self, ms: u64, next: Next) {
        self.order += 1;
        self.agenda
            .insert((self.now + Duration::from_millis(ms), self.order), next);
    }

    fn go_on_until(&mut self, until: Duration) {
        while let Some(entry) = self.agenda.first_entry()
            && entry.key().0 <= until
        {
            self.now = entry.key().0;
            let next = entry.remove();
            self.happen(next);
            self.check();
        }
        self.now = self.now.max(until);
    }

    fn happen(&mut self, next: Next) {
        match next {
            Next::Look => self.looks_at = None,
            Next::Started(id) => {
                // One that was ended by a close while it started is gone.
                if !self.starting.remove(&id) {
                    return;
                }
                if self.pick(8) == 0 {
                    if let Some(ticket) = self.plan.start_failed(id, self.now) {
                        self.ready.insert(id, 0);
                        self.serve(ticket, id);
                    }
                } else {
                    self.ready.insert(id, 0);
                    let released = self.plan.started(id, self.now);
                    self.released(id, released);
                }
            }
            Next::Ends(id) => {
                let running = self.ready.get_mut(&id).expect("it runs");
                *running -= 1;
                self.counts.ended += 1;
                if self.pick(4) == 0 {
                    let time = Duration::from_micros([50, 500, 5_000][self.pick(3)]);
                    self.plan.observe(id, time, self.now);
                    let is_busy = self.pick(2) == 0;
                    self.plan.notice_machine(is_busy);
                    // The look that was agreed on may come sooner now.
                    self.after_change();
                }
                let is_healthy = self.pick(12) > 0;
                let released = self.plan.release(id, is_healthy, self.now);
                self.released(id, released);
            }
        }
        self.after_change();
    }

    fn released(&mut self, id: EnvironmentId, release: Release) {
        match release {
            Release::Keep => {}
            Release::End => assert_eq!(self.ready.remove(&id), Some(0), "nothing runs in it"),
            Release::Run(tickets) => {
                assert!(!tickets.is_empty());
                for ticket in tickets {
                    self.serve(ticket, id);
                }
            }
        }
    }

    fn serve(&mut self, ticket: Ticket, id: EnvironmentId) {
        assert!(
            !self.cancelled.contains(&ticket),
            "a cancelled one is not served"
        );
        let (at, revision, since) = self.waiting.remove(&ticket).expect("served once");
        assert_eq!(self.belongs[&id], (at, revision), "its own revision");
        let waited = self.now - since;
        assert!(waited <= WAIT_MAX, "{waited:?}: starved");
        self.counts.longest_wait = self.counts.longest_wait.max(waited);
        self.begin(id);
    }

    fn begin(&mut self, id: EnvironmentId) {
        let at = self.belongs[&id].0;
        let running = self.ready.get_mut(&id).expect("it has started");
        *running += 1;
        assert!(*running <= self.functions[at].capacity, "its capacity");
        self.counts.ran += 1;
        let most = self.functions[at].run_ms;
        let took = 1 + self.pick(usize::try_from(most).expect("small")) as u64;
        self.at(took, Next::Ends(id));
    }

    fn in_flight(&self, function: Option<usize>) -> u32 {
        let is_of = |at: usize| function.is_none_or(|function| function == at);
        let running: u32 = self
            .ready
            .iter()
            .filter(|(id, _)| is_of(self.belongs[id].0))
            .map(|(_, running)| *running)
            .sum();
        let waiting = self.waiting.values().filter(|(at, ..)| is_of(*at)).count();
        running + u32::try_from(waiting).expect("small")
    }

    fn check(&self) {
        let environments = self.ready.len() + self.starting.len();
        assert!(environments <= self.limits.environments_max as usize);
        assert!(self.in_flight(None) <= self.limits.concurrency_max);
        for (at, settings) in self.functions.iter().enumerate() {
            if let Some(reserved) = settings.reserved {
                assert!(self.in_flight(Some(at)) <= reserved);
            }
        }
        let young = self.plan.environments.values().filter(|environment| {
            matches!(environment.state, State::Starting { since } if self.now < since + Duration::from_secs(1))
        });
        assert!(young.count() <= self.limits.starting_max as usize);
        // The plan knows what there is, no more and no less.
        assert_eq!(self.plan.environments.len(), environments);
        assert_eq!(self.plan.busy(), self.ready.values().sum::<u32>());
        assert_eq!(self.plan.tickets.len(), self.waiting.len());
        assert_eq!(self.plan.memory_mb, 128 * environments as u64);
        for group in self.plan.groups.values() {
            // Nobody waits beside an environment that could take it, but for a turn of short invocations.
            if let (Some(first), true) = (group.waiting.front(), group.is_free()) {
                assert!(group.running >= self.limits.crowd_max);
                let (since, most) = if group.is_narrow(self.plan.moment(self.now)) {
                    (first.since.max(group.spread_at), 1000)
                } else {
                    (first.since, 2)
                };
                assert!(self.now - since <= Duration::from_millis(most));
            }
        }
        for ticket in self.waiting.keys() {
            assert!(self.plan.tickets.contains_key(ticket));
        }
    }

    fn finish(mut self) -> Counts {
        if self.pick(2) == 0 {
            // Whatever still waits is served without any further arrival.
            self.go_on_until(self.now + WAIT_MAX);
            assert!(self.waiting.is_empty(), "everybody was served");
            for at in 0..FUNCTIONS.len() {
                self.functions[at].provisioned = 0;
                self.with_demand(at, |plan, demand, blueprint, now| {
                    plan.provision(demand, blueprint, now);
                });
            }
            self.now += self.limits.idle_after;
            self.expire();
            self.go_on_until(self.now + Duration::from_secs(5));
            self.now += self.limits.idle_after;
            self.expire();
            assert!(self.plan.environments.is_empty(), "idle ones end");
        } else {
            self.is_closed = true;
            let (unused, waiting) = self.plan.close();
            for id in unused {
                let is_idle = self.ready.remove(&id) == Some(0);
                assert!(is_idle || self.starting.remove(&id));
            }
            for ticket in waiting {
                assert!(self.waiting.remove(&ticket).is_some(), "refused once");
                self.counts.refused += 1;
            }
            self.ask();
            self.go_on_until(self.now + WAIT_MAX);
        }
        self.check();
        let plan = &self.plan;
        assert!(self.ready.is_empty() && self.starting.is_empty() && self.waiting.is_empty());
        assert!(plan.environments.is_empty() && plan.groups.is_empty());
        assert!(plan.functions.is_empty() && plan.tickets.is_empty() && plan.hungry.is_empty());
        let counts = self.counts;
        assert_eq!(counts.ran, counts.ended);
        assert_eq!(
            counts.asked,
            counts.ran + counts.throttled + counts.refused + counts.cancelled,
            "every invocation once"
        );
        counts
    }
}

/// xorshift64: the same walk for the same seed.
fn next(mut random: u64) -> u64 {
    random ^= random << 13;
    random ^= random >> 7;
    random ^= random << 17;
    random
}
