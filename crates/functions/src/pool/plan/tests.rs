use super::*;

fn limits(environments_max: u32) -> Limits {
    Limits {
        concurrency_max: 1000,
        environments_max,
        starting_max: 100,
        crowd_max: 100,
        spare_memory_mb_max: 0,
        idle_after: at(10),
    }
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn demand(function: &str) -> Demand<'_> {
    Demand {
        function,
        revision: "1",
        reserved: None,
        provisioned: 0,
        capacity: 1,
        memory_mb: 128,
    }
}

/// A plan at a time of its own.
struct Seen {
    plan: Plan<()>,
    now: Duration,
}

impl Seen {
    fn new(limits: Limits) -> Seen {
        Seen {
            plan: Plan::new(limits),
            now: at(0),
        }
    }

    fn request(&mut self, function: &str) -> Decision {
        self.plan.request(&demand(function), &(), self.now)
    }

    #[track_caller]
    fn wait(&mut self, function: &str) -> Ticket {
        match self.request(function) {
            Decision::Wait(ticket) => ticket,
            other => panic!("{other:?}"),
        }
    }

    fn starts(&mut self) -> Vec<Start<()>> {
        self.plan.starts(self.now)
    }

    #[track_caller]
    fn start(&mut self) -> EnvironmentId {
        match self.starts()[..] {
            [Start { id, .. }] => id,
            ref other => panic!("{other:?}"),
        }
    }

    /// An environment of `function` that runs an invocation.
    #[track_caller]
    fn running(&mut self, function: &str) -> EnvironmentId {
        let ticket = self.wait(function);
        let id = self.start();
        assert_eq!(self.started(id), Release::Run(vec![ticket]));
        id
    }

    fn started(&mut self, id: EnvironmentId) -> Release {
        self.plan.started(id, self.now)
    }

    fn release(&mut self, id: EnvironmentId) -> Release {
        self.plan.release(id, true, self.now)
    }
}

#[test]
fn the_last_used_environment_is_reused_and_the_others_expire() {
    let mut seen = Seen::new(limits(4));
    let (a, b) = (seen.running("f"), seen.running("f"));
    seen.now = at(1);
    assert_eq!(seen.release(a), Release::Keep);
    seen.now = at(2);
    assert_eq!(seen.release(b), Release::Keep);
    assert_eq!(seen.request("f"), Decision::Run(b));
    assert_eq!(seen.plan.expire(at(10)), []);
    assert_eq!(seen.plan.expire(at(11)), [a]);
    seen.now = at(12);
    assert_eq!(seen.release(b), Release::Keep);
    assert_eq!(seen.plan.expire(at(22)), [b]);
    assert!(seen.plan.groups.is_empty() && seen.plan.functions.is_empty());
}

#[test]
fn who_waits_takes_what_comes_first() {
    let mut seen = Seen::new(limits(4));
    let a = seen.running("f");
    let second = seen.wait("f");
    let b = seen.start();
    // The first one comes free before the second has started.
    seen.now = at(1);
    assert_eq!(seen.release(a), Release::Run(vec![second]));
    // What was started for it is warm for the next one.
    assert_eq!(seen.started(b), Release::Keep);
    assert_eq!(seen.request("f"), Decision::Run(b));
}

#[test]
fn a_changed_function_gets_new_environments_and_what_runs_goes_on() {
    let mut seen = Seen::new(limits(4));
    let (idle, busy) = (seen.running("f"), seen.running("f"));
    seen.now = at(1);
    seen.release(idle);
    assert_eq!(seen.request("f"), Decision::Run(idle));
    let waits = seen.wait("f");
    let starting = seen.start();
    assert_eq!(seen.release(idle), Release::Run(vec![waits]));
    assert_eq!(seen.plan.retire("f", None, seen.now), []);
    assert_eq!(seen.plan.retire("f", None, seen.now), []);
    // The same revision again: nothing of before is used.
    let ticket = seen.wait("f");
    assert_eq!(seen.release(busy), Release::End);
    assert_eq!(seen.release(idle), Release::End);
    assert_eq!(seen.started(starting), Release::End);
    let new = seen.start();
    assert_eq!(seen.started(new), Release::Run(vec![ticket]));
    seen.release(new);
    assert_eq!(seen.plan.retire("f", None, seen.now), [new]);
    assert!(seen.plan.groups.is_empty() && seen.plan.functions.is_empty());
}

#[test]
fn a_revision_that_is_gone_leaves_the_others_warm() {
    let mut seen = Seen::new(limits(4));
    let old = seen.running("f");
    seen.now = at(1);
    seen.release(old);
    assert_eq!(seen.plan.retire("f", Some("2"), seen.now), []);
    assert_eq!(seen.request("f"), Decision::Run(old));
    seen.release(old);
    assert_eq!(seen.plan.retire("f", Some("1"), seen.now), [old]);
    assert!(seen.plan.groups.is_empty() && seen.plan.functions.is_empty());
}

#[test]
fn who_waited_before_the_change_is_served_by_its_own_revision() {
    let mut seen = Seen::new(limits(1));
    let old = seen.running("f");
    let waits = seen.wait("f");
    seen.plan.retire("f", None, seen.now);
    assert_eq!(seen.release(old), Release::Run(vec![waits]));
    assert_eq!(seen.release(old), Release::End);
}

#[test]
fn a_full_pool_ends_the_oldest_idle_environment_before_anyone_waits_for_it() {
    let mut seen = Seen::new(limits(2));
    let (a, b) = (seen.running("a"), seen.running("b"));
    seen.now = at(1);
    seen.release(b);
    seen.now = at(2);
    seen.release(a);
    seen.wait("c");
    let starts = seen.starts();
    assert!(
        matches!(starts[..], [Start { end: Some(end), .. }] if end == b),
        "{starts:?}"
    );
    assert_eq!(seen.request("a"), Decision::Run(a));
    seen.wait("d");
    assert_eq!(seen.starts(), []);
}

#[test]
fn a_dead_environment_makes_room_for_who_waits() {
    let mut seen = Seen::new(limits(1));
    let a = seen.running("a");
    let ticket = seen.wait("a");
    assert_eq!(seen.starts(), []);
    assert_eq!(seen.plan.release(a, false, seen.now), Release::End);
    let b = seen.start();
    assert_eq!(seen.started(b), Release::Run(vec![ticket]));
}

#[test]
fn warm_hand_overs_overtake_only_so_often() {
    let mut seen = Seen::new(limits(1));
    let a = seen.running("a");
    let other = seen.wait("b");
    for _ in 0..PASSED_OVER_MAX {
        let ticket = seen.wait("a");
        assert_eq!(seen.release(a), Release::Run(vec![ticket]));
        assert_eq!(seen.starts(), []);
    }
    seen.wait("a");
    assert_eq!(seen.release(a), Release::End);
    let b = seen.start();
    assert_eq!(seen.started(b), Release::Run(vec![other]));
}

#[test]
fn a_failed_start_tells_one_invocation_and_the_others_get_the_next() {
    let mut seen = Seen::new(limits(1));
    let (first, second) = (seen.wait("f"), seen.wait("f"));
    let a = seen.start();
    assert_eq!(seen.plan.start_failed(a, seen.now), Some(first));
    assert_eq!(seen.starts(), []);
    assert_eq!(seen.plan.release(a, false, seen.now), Release::End);
    let b = seen.start();
    assert_eq!(seen.started(b), Release::Run(vec![second]));
}

#[test]
fn few_start_at_one_time_and_one_that_takes_long_keeps_no_other() {
    let mut seen = Seen::new(Limits {
        starting_max: 1,
        ..limits(4)
    });
    seen.wait("hangs");
    let hangs = seen.start();
    let ticket = seen.wait("b");
    assert_eq!(seen.starts(), []);
    assert_eq!(
        seen.plan.next_look(seen.now + Duration::from_millis(10)),
        Some(at(1))
    );
    seen.now = at(1);
    let b = seen.start();
    assert_eq!(seen.started(b), Release::Run(vec![ticket]));
    assert!(seen.plan.start_failed(hangs, seen.now).is_some());
}

#[test]
fn short_invocations_are_waited_for_and_long_ones_are_not() {
    let mut seen = Seen::new(limits(4));
    let a = seen.running("f");
    seen.now += Duration::from_millis(1);
    seen.release(a);
    assert_eq!(seen.request("f"), Decision::Run(a));
    let second = seen.wait("f");
    assert_eq!(seen.starts(), []);
    assert_eq!(
        seen.plan.next_look(seen.now),
        Some(seen.now + Duration::from_millis(10))
    );
    // It takes longer than it should.
    seen.now += Duration::from_millis(10);
    let b = seen.start();
    assert_eq!(seen.started(b), Release::Run(vec![second]));
}

/// Three environments on one processor, idle after an invocation each that took `took`, and what was seen of it.
fn three_after(took: Duration, processor_time: Option<Duration>) -> (Seen, [EnvironmentId; 3]) {
    let mut seen = Seen::new(Limits {
        crowd_max: 1,
        ..limits(4)
    });
    let ids = [seen.running("f"), seen.running("f"), seen.running("f")];
    seen.now += took;
    if let Some(time) = processor_time {
        seen.plan.observe(ids[0], time, seen.now);
    }
    for id in ids {
        seen.release(id);
    }
    (seen, ids)
}

#[test]
fn short_invocations_take_turns_in_as_many_environments_as_there_are_processors() {
    let (mut seen, ids) = three_after(Duration::from_millis(1), None);
    assert_eq!(seen.request("f"), Decision::Run(ids[2]));
    let turns = [seen.wait("f"), seen.wait("f")];
    // A third one would wait too long.
    assert_eq!(seen.request("f"), Decision::Run(ids[1]));
    assert_eq!(seen.plan.grants(seen.now), []);
    assert_eq!(seen.starts(), []);
    assert_eq!(seen.release(ids[2]), Release::Run(vec![turns[0]]));
    // What runs is not short after all.
    let look = seen.now + Duration::from_millis(2);
    assert_eq!(seen.plan.next_look(seen.now), Some(look));
    seen.now = look;
    assert_eq!(seen.plan.grants(seen.now), [(turns[1], ids[0])]);
}

#[test]
fn those_that_take_little_of_a_processor_wait_for_one_another() {
    // Each took long, but only because the others ran as well.
    let (mut seen, ids) = three_after(Duration::from_millis(15), Some(Duration::from_micros(100)));
    assert_eq!(seen.request("f"), Decision::Run(ids[2]));
    let turns: Vec<_> = (0..5).map(|_| seen.wait("f")).collect();
    seen.now += Duration::from_millis(19);
    assert_eq!(seen.plan.grants(seen.now), []);
    assert_eq!(seen.starts(), []);
    assert_eq!(seen.release(ids[2]), Release::Run(vec![turns[0]]));
}

#[test]
fn who_has_waited_in_vain_for_those_that_take_little_ends_the_waiting() {
    let (mut seen, ids) = three_after(Duration::from_millis(15), Some(Duration::from_micros(100)));
    assert_eq!(seen.request("f"), Decision::Run(ids[2]));
    let turns = [seen.wait("f"), seen.wait("f")];
    let look = seen.now + Duration::from_millis(20);
    assert_eq!(seen.plan.next_look(seen.now), Some(look));
    seen.now = look;
    let granted = [(turns[0], ids[1]), (turns[1], ids[0])];
    assert_eq!(seen.plan.grants(seen.now), granted);
    for id in ids {
        seen.release(id);
    }
    // What was found holds for a second, and then for two.
    for seconds in [1, 2] {
        let [first, second] = [0, 1].map(|_| match seen.request("f") {
            Decision::Run(id) => id,
            decided => panic!("it has an environment of its own: {decided:?}"),
        });
        seen.release(second);
        seen.now += at(seconds);
        let waits = seen.wait("f");
        seen.now += Duration::from_millis(20);
        assert_eq!(seen.plan.grants(seen.now), [(waits, second)]);
        for id in [first, second] {
            seen.release(id);
        }
    }
}

#[test]
fn while_no_processor_is_free_they_wait_for_one_another_however_many_they_are() {
    let (mut seen, ids) = three_after(Duration::from_millis(5), Some(Duration::from_micros(100)));
    seen.plan.notice_machine(true);
    assert_eq!(seen.request("f"), Decision::Run(ids[2]));
    let turns: Vec<_> = (0..60).map(|_| seen.wait("f")).collect();
    for turn in &turns[..50] {
        seen.now += Duration::from_millis(4);
        assert_eq!(seen.plan.grants(seen.now), []);
        assert_eq!(seen.starts(), []);
        assert_eq!(seen.release(ids[2]), Release::Run(vec![*turn]));
    }
    // Nothing ends any more: what runs now is not like those before.
    let look = seen.now + Duration::from_millis(20);
    assert_eq!(seen.plan.next_look(seen.now), Some(look));
    seen.now = look;
    let granted = [(turns[50], ids[1]), (turns[51], ids[0])];
    assert_eq!(seen.plan.grants(seen.now), granted);
}

#[test]
fn who_waits_for_something_else_than_a_processor_waits_no_longer_on_a_busy_machine() {
    let (mut seen, ids) = three_after(Duration::from_millis(15), Some(Duration::from_micros(100)));
    seen.plan.notice_machine(true);
    assert_eq!(seen.request("f"), Decision::Run(ids[2]));
    let turns = [seen.wait("f"), seen.wait("f")];
    seen.now += Duration::from_millis(15);
    assert_eq!(seen.release(ids[2]), Release::Run(vec![turns[0]]));
    seen.now += Duration::from_millis(5);
    assert_eq!(seen.plan.grants(seen.now), [(turns[1], ids[1])]);
}

#[test]
fn a_rising_demand_starts_spares_ahead() {
    let mut seen = Seen::new(Limits {
        spare_memory_mb_max: 128 * 10,
        ..limits(16)
    });
    seen.wait("f");
    assert_eq!(seen.starts().len(), 1, "one at a time needs no spare");
    seen.wait("f");
    let ids: Vec<_> = seen.starts().into_iter().map(|start| start.id).collect();
    assert_eq!(ids.len(), 2, "the second, and one ahead");
    for _ in 0..2 {
        seen.wait("f");
    }
    assert_eq!(
        seen.starts().len(),
        2,
        "the third has one, the fourth and a spare"
    );
    for _ in 0..4 {
        seen.wait("f");
        seen.starts();
    }
    assert_eq!(
        seen.plan.environments.len(),
        10,
        "as many as memory has room for"
    );
    seen.wait("f");
    seen.wait("f");
    assert_eq!(seen.starts().len(), 0, "both have spares already");
    seen.wait("f");
    assert_eq!(seen.starts().len(), 1, "who waits gets one all the same");
}

#[test]
fn provisioned_environments_start_at_once_and_stay() {
    let mut seen = Seen::new(limits(3));
    let provisioned = Demand {
        provisioned: 9,
        ..demand("f")
    };
    seen.plan.provision(&provisioned, &(), seen.now);
    let ids: Vec<_> = seen.starts().into_iter().map(|start| start.id).collect();
    assert_eq!(ids.len(), 2, "one place stays for other functions");
    for id in &ids {
        assert_eq!(seen.started(*id), Release::Keep);
    }
    seen.now = at(1000);
    assert_eq!(seen.plan.expire(seen.now), []);
    let a = seen.running("a");
    seen.wait("b");
    assert_eq!(seen.starts(), [], "no other function ends them");
    seen.release(a);
    let b = seen.start();
    seen.started(b);
    // One that breaks is replaced.
    assert_eq!(
        seen.plan.request(&provisioned, &(), seen.now),
        Decision::Run(ids[1])
    );
    assert_eq!(seen.plan.release(ids[1], false, seen.now), Release::End);
    let again = seen.start();
    // One that cannot start is tried again, later and later.
    assert_eq!(seen.plan.start_failed(again, seen.now), None);
    assert_eq!(seen.starts(), []);
    assert_eq!(seen.plan.next_look(seen.now), Some(at(1002)));
    seen.now = at(1002);
    seen.start();
    assert_eq!(seen.plan.retire("f", None, seen.now), [ids[0]]);
}

#[test]
fn an_environment_runs_as_many_as_it_may() {
    let mut seen = Seen::new(limits(1));
    let two = Demand {
        capacity: 2,
        ..demand("f")
    };
    let mut tickets = Vec::new();
    for _ in 0..3 {
        match seen.plan.request(&two, &(), seen.now) {
            Decision::Wait(ticket) => tickets.push(ticket),
            other => panic!("{other:?}"),
        }
    }
    let a = seen.start();
    assert_eq!(seen.started(a), Release::Run(tickets[..2].to_vec()));
    assert_eq!(seen.release(a), Release::Run(vec![tickets[2]]));
    assert_eq!(seen.release(a), Release::Keep);
    assert_eq!(seen.plan.request(&two, &(), seen.now), Decision::Run(a));
    // Broken, it takes no more and ends with the last one in it.
    assert_eq!(seen.plan.release(a, false, seen.now), Release::Keep);
    assert!(matches!(
        seen.plan.request(&two, &(), seen.now),
        Decision::Wait(_)
    ));
    assert_eq!(seen.release(a), Release::End);
    seen.start();
}

#[test]
fn a_closed_plan_refuses_and_keeps_nothing() {
    let mut seen = Seen::new(limits(2));
    let a = seen.running("a");
    let ticket = seen.wait("a");
    let b = seen.start();
    assert_eq!(seen.plan.close(), (vec![b], vec![ticket]));
    assert_eq!(seen.request("a"), Decision::Closed);
    assert_eq!(seen.release(a), Release::End);
    assert!(seen.plan.functions.is_empty() && seen.plan.environments.is_empty());
}
