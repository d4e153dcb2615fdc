use super::*;

fn plan(environments_max: u32, concurrency_max: u32) -> Plan {
    Plan::new(Limits {
        concurrency_max,
        environments_max,
        idle_after: Duration::from_secs(10),
    })
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn start(decision: Decision) -> EnvironmentId {
    let Decision::Start { start, end: None } = decision else {
        panic!("{decision:?}")
    };
    start
}

fn wait(decision: Decision) -> Ticket {
    let Decision::Wait(ticket) = decision else {
        panic!("{decision:?}")
    };
    ticket
}

#[test]
fn the_last_used_environment_is_reused_and_the_others_expire() {
    let mut plan = plan(4, 10);
    let (a, b) = (
        start(plan.request("f", "1", None)),
        start(plan.request("f", "1", None)),
    );
    assert_eq!(plan.release(a, true, at(1)), Release::Idle);
    assert_eq!(plan.release(b, true, at(2)), Release::Idle);
    assert_eq!(plan.request("f", "1", None), Decision::Reuse(b));
    assert_eq!(plan.expire(at(10)), []);
    assert_eq!(plan.expire(at(11)), [a]);
    assert_eq!(plan.release(b, true, at(12)), Release::Idle);
    assert_eq!(plan.expire(at(22)), [b]);
}

#[test]
fn another_revision_never_gets_an_old_environment() {
    let mut plan = plan(4, 10);
    let old = start(plan.request("f", "1", None));
    plan.release(old, true, at(0));
    let new = start(plan.request("f", "2", None));
    assert_eq!(plan.retire("f"), [old]);
    // Busy when the function changed: ends when it comes free.
    assert_eq!(plan.release(new, true, at(0)), Release::End);
}

#[test]
fn a_full_pool_ends_the_oldest_idle_environment_before_anyone_waits() {
    let mut plan = plan(2, 10);
    let (a, b) = (
        start(plan.request("a", "1", None)),
        start(plan.request("b", "1", None)),
    );
    plan.release(b, true, at(1));
    plan.release(a, true, at(2));
    let decision = plan.request("c", "1", None);
    assert!(
        matches!(decision, Decision::Start { end: Some(end), .. } if end == b),
        "{decision:?}"
    );
    assert_eq!(plan.request("a", "1", None), Decision::Reuse(a));
    wait(plan.request("d", "1", None));
}

#[test]
fn a_dead_environment_makes_room_for_who_waits() {
    let mut plan = plan(1, 10);
    let a = start(plan.request("a", "1", None));
    let ticket = wait(plan.request("a", "1", None));
    let release = plan.release(a, false, at(0));
    assert!(
        matches!(release, Release::EndAndStart(granted, _) if granted == ticket),
        "{release:?}"
    );
}

#[test]
fn warm_hand_overs_overtake_only_so_often() {
    let mut plan = plan(1, 1000);
    let mut held = start(plan.request("a", "1", None));
    let other = wait(plan.request("b", "1", None));
    for _ in 0..PASSED_OVER_MAX {
        let ticket = wait(plan.request("a", "1", None));
        assert_eq!(plan.release(held, true, at(0)), Release::Reuse(ticket));
    }
    wait(plan.request("a", "1", None));
    let Release::EndAndStart(ticket, started) = plan.release(held, true, at(0)) else {
        panic!("b was starved")
    };
    assert_eq!(ticket, other);
    held = started;
    assert!(matches!(
        plan.release(held, true, at(0)),
        Release::EndAndStart(..)
    ));
}

#[test]
fn a_closed_plan_refuses_and_keeps_nothing() {
    let mut plan = plan(1, 10);
    let a = start(plan.request("a", "1", None));
    let ticket = wait(plan.request("a", "1", None));
    assert_eq!(plan.close(), (vec![], vec![ticket]));
    assert_eq!(plan.request("a", "1", None), Decision::Closed);
    assert_eq!(plan.release(a, true, at(0)), Release::End);
    assert!(plan.functions.is_empty() && plan.environments.is_empty());
}

/// Random requests, releases, cancels, expiries and retirements; the bounds hold at every step, and in the end
/// nothing is left.
#[test]
fn bounds_hold_in_any_order_of_events() {
    for seed in 1..200_u64 {
        let mut world = World {
            plan: plan(3, 8),
            busy: Vec::new(),
            waiting: Vec::new(),
            random: seed,
        };
        for step in 0..300 {
            world.step(at(step));
        }
        world.finish();
    }
}

struct World {
    plan: Plan,
    busy: Vec<EnvironmentId>,
    waiting: Vec<Ticket>,
    random: u64,
}

impl World {
    fn pick(&mut self, below: usize) -> usize {
        // xorshift64: the same walk for the same seed.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random % below as u64).expect("small")
    }

    fn step(&mut self, now: Duration) {
        match self.pick(8) {
            0..=3 => self.request(),
            4 | 5 if !self.busy.is_empty() => self.release(now),
            6 if !self.waiting.is_empty() => {
                let at = self.pick(self.waiting.len());
                let ticket = self.waiting.swap_remove(at);
                assert!(self.plan.cancel(ticket) && !self.plan.cancel(ticket));
            }
            7 => {
                self.plan.expire(now);
                let function = ["a", "b", "c", "d"][self.pick(4)];
                for ended in self.plan.retire(function) {
                    assert!(!self.busy.contains(&ended));
                }
            }
            _ => {}
        }
        assert!(self.plan.environments.len() <= 3);
        assert!(self.busy.len() + self.waiting.len() <= 8);
        assert_eq!(self.plan.busy() as usize, self.busy.len());
        assert_eq!(self.plan.waiting.len(), self.waiting.len());
        // Nobody waits while there is room.
        assert!(self.waiting.is_empty() || self.busy.len() == 3);
    }

    fn request(&mut self) {
        let (function, revision) = (["a", "b", "c", "d"][self.pick(4)], ["1", "2"][self.pick(2)]);
        match self.plan.request(function, revision, None) {
            Decision::Reuse(id) | Decision::Start { start: id, .. } => {
                assert!(!self.busy.contains(&id), "one invocation an environment");
                self.busy.push(id);
            }
            Decision::Wait(ticket) => self.waiting.push(ticket),
            Decision::Throttle { limit, .. } => {
                assert_eq!(limit as usize, self.busy.len() + self.waiting.len())
            }
            Decision::Closed => panic!("open"),
        }
    }

    fn release(&mut self, now: Duration) {
        let at = self.pick(self.busy.len());
        let id = self.busy.swap_remove(at);
        let is_healthy = self.pick(4) > 0;
        match self.plan.release(id, is_healthy, now) {
            Release::Idle => assert!(is_healthy && self.waiting.is_empty()),
            Release::End => assert!(self.waiting.is_empty()),
            Release::Reuse(ticket) => self.grant(ticket, id),
            Release::EndAndStart(ticket, started) => self.grant(ticket, started),
        }
    }

    fn grant(&mut self, ticket: Ticket, id: EnvironmentId) {
        let at = self
            .waiting
            .iter()
            .position(|waiting| *waiting == ticket)
            .expect("a ticket is granted once");
        self.waiting.remove(at);
        self.busy.push(id);
    }

    fn finish(mut self) {
        while !self.busy.is_empty() {
            self.release(at(1000));
        }
        self.plan.expire(at(2000));
        assert!(
            self.plan.environments.is_empty()
                && self.plan.functions.is_empty()
                && self.waiting.is_empty()
        );
    }
}
