//! What holds whatever happens, with random numbers of a fixed seed.

use std::collections::BTreeSet;

use stepwell_telemetry::alarms::{
    Comparison, Criteria, Missing, Point, StateValue, Verdict, evaluate,
};

use super::world::{MACHINE, World, alarm, composite};

/// Numbers of a linear congruential generator: the same on every machine.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

const TREATMENTS: [Missing; 4] = [
    Missing::Missing,
    Missing::Ignore,
    Missing::Breaching,
    Missing::NotBreaching,
];

/// How alarming a verdict is; a state that is kept says nothing.
fn rank(verdict: &Verdict) -> Option<u8> {
    match verdict {
        Verdict::State {
            value: StateValue::Alarm,
            ..
        } => Some(2),
        Verdict::State {
            value: StateValue::InsufficientData,
            ..
        } => Some(1),
        Verdict::State {
            value: StateValue::Ok,
            ..
        } => Some(0),
        Verdict::Retain => None,
    }
}

#[test]
fn evaluations_are_monotonous_and_look_at_their_range_only() {
    let mut random = Random(41);
    for _ in 0..20_000 {
        let periods = 1 + random.below(5) as usize;
        let minimum = 1 + random.below(periods as u64) as usize;
        let mut points: Vec<Point> = (0..periods + 4)
            .map(|age| Point {
                start_ms: -60_000 * age as i64,
                value: match random.below(3) {
                    0 => None,
                    1 => Some(1.0),
                    _ => Some(9.0),
                },
                samples: 1.0,
            })
            .collect();
        let criteria = |missing| Criteria {
            comparison: Comparison::Greater,
            threshold: 5.0,
            evaluation_periods: periods,
            datapoints_to_alarm: Some(minimum),
            missing,
            samples_min: 0.0,
            period_s: 60,
            statistic: None,
            unit: None,
        };
        let verdicts =
            |points: &[Point]| TREATMENTS.map(|missing| evaluate(&criteria(missing), 0, points));
        let before = verdicts(&points);
        // Breaching is the most alarming treatment, not breaching the least.
        let ranks: Vec<Option<u8>> = before.iter().map(rank).collect();
        assert!(ranks[2] >= ranks[3], "{points:?}");
        if let Some(missing) = ranks[0] {
            assert!(
                ranks[2] >= Some(missing.min(2)) || missing == 1,
                "{points:?}"
            );
        }
        // With as many points as are evaluated the treatment does not matter.
        let real = points[..periods + 2]
            .iter()
            .filter(|point| point.value.is_some())
            .count();
        if real >= periods {
            assert_eq!(ranks.iter().collect::<BTreeSet<_>>().len(), 1, "{points:?}");
        }
        // What lies beyond the range does not matter.
        let mut shorter = points.clone();
        shorter.truncate(periods + 2);
        assert_eq!(before, verdicts(&shorter));
        // A point that begins to breach takes no alarm away.
        let at = random.below(points.len() as u64) as usize;
        if points[at].value.is_some() {
            points[at].value = Some(9.0);
            for (before, after) in before.iter().zip(verdicts(&points)) {
                if let (Some(before), Some(after)) = (rank(before), rank(&after)) {
                    assert!(after >= before.min(2) || before == 1, "{points:?}");
                }
            }
        }
    }
}

/// INVARIANT: a crash at any commit loses no transition and takes none twice, and the same happenings give the same
/// transitions.
#[test]
fn a_crash_at_any_commit_loses_no_transition_and_takes_none_twice() {
    for seed in 0..20 {
        let quiet = run(seed, false);
        let again = run(seed, false);
        assert_eq!(quiet, again, "seed {seed}: not deterministic");
        let crashing = run(seed, true);
        assert_eq!(
            quiet, crashing,
            "seed {seed}: a crash has changed what was taken"
        );
    }
}

/// What the shard took: number, alarm and state of each transition, in its order, each once.
fn run(seed: u64, crashes: bool) -> Vec<String> {
    let (mut random, mut crash) = (Random(seed), Random(seed + 1_000));
    let mut world = World::new();
    for name in ["a", "b", "c"] {
        let mut input = alarm(name);
        input.alarm_actions = Some(vec![MACHINE.to_owned()]);
        input.evaluation_periods = Some(1 + random.below(3) as i32);
        world.put(input).expect("valid");
    }
    let mut any = composite("any", "ALARM(a) OR AT_LEAST(2, ALARM, (b, c))");
    any.alarm_actions = Some(vec![MACHINE.to_owned()]);
    world.put_composite(any).expect("valid");
    let mut seen = BTreeSet::new();
    let mut taken = Vec::new();
    for _ in 0..120 {
        let name = ["a", "b", "c"][random.below(3) as usize];
        if random.below(2) == 0 {
            world.value(name, random.below(12) as f64);
        }
        world.now_ms += 5_000;
        world.tick();
        // Between the commit of a change and the shard.
        if crashes && crash.below(4) == 0 {
            world.crash();
        }
        while let Some(transition) = world.alarms.oldest_transition().cloned() {
            // The shard takes each number once.
            if seen.insert(transition.number) {
                let state = transition
                    .event
                    .as_ref()
                    .map(|event| event.detail["state"]["value"].clone());
                let actions = transition.actions.len();
                taken.push(format!(
                    "{} {} {state:?} {actions}",
                    transition.number, transition.alarm
                ));
            }
            // Between the shard and the commit that says that it has the transition.
            if crashes && crash.below(4) == 0 {
                world.crash();
                continue;
            }
            world
                .alarms
                .handed_over(transition.number, &[], world.now_ms);
            world.commit();
        }
    }
    let numbers: Vec<u64> = seen.into_iter().collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected, "transitions are numbered without gaps");
    taken
}
