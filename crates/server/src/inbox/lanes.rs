//! Who is served next, as values: no clock, no locks, no requests.
//!
//! What waits is in three classes, so that what runs is finished before more is begun. A class has a lane for each
//! state machine (or whatever else sends), and lanes take turns: each turn gives a lane credit, and what a lane takes
//! costs credit (deficit round robin). A lane that is long makes itself wait, not its neighbours.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Credit of one turn, in bytes: a few small requests, or a part of a large one.
const QUANTUM_BYTES: usize = 4_096;

/// What a request costs beside its payload, in bytes.
const REQUEST_COST_BYTES: usize = 1_024;

/// What something that waits is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// It ends what was begun: the outcome of a task. Never refused.
    Outcome,
    /// It moves on or changes what is there.
    Change,
    /// It begins something new. The first to wait, and the first to be refused.
    Start,
}

/// The bounds of one class.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) requests_max: usize,
    /// Bytes of payloads. One request is taken whatever its size.
    pub(crate) bytes_max: usize,
}

/// The classes and what waits in them.
#[derive(Debug)]
pub(crate) struct Queues<T> {
    outcomes: Lanes<T>,
    changes: Lanes<T>,
    starts: Lanes<T>,
    bounds: Bounds,
}

/// How something was taken in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Put<T> {
    Waits,
    /// It waits in the place of this one, the last of the longest lane.
    InPlaceOf(T),
    /// It was not taken in.
    Full(T),
}

impl<T> Queues<T> {
    /// - `bounds`: of changes and of starts, each.
    pub(crate) fn new(bounds: Bounds) -> Queues<T> {
        Queues {
            outcomes: Lanes::default(),
            changes: Lanes::default(),
            starts: Lanes::default(),
            bounds,
        }
    }

    /// Takes something in. An outcome always waits.
    ///
    /// - `bytes`: of its payload.
    /// - `now`: since any fixed instant.
    pub(crate) fn put(
        &mut self,
        class: Class,
        lane: &str,
        item: T,
        bytes: usize,
        now: Duration,
    ) -> Put<T> {
        let waiting = Waiting {
            item,
            bytes,
            since: now,
        };
        let bounds = self.bounds;
        let lanes = self.class_mut(class);
        if class == Class::Outcome || lanes.has_room(bounds, bytes) {
            lanes.push(lane, waiting);
            return Put::Waits;
        }
        // Whoever has less than an average share gets in, in the place of who has most.
        let length = lanes.length(lane);
        let is_below_share = (length + 1) * lanes.lanes.len().max(1) <= lanes.count;
        match lanes.longest().filter(|_| is_below_share) {
            Some(longest) if lanes.may_replace(&longest, length, bounds, bytes) => {
                let last = lanes.pop_last(&longest);
                lanes.push(lane, waiting);
                Put::InPlaceOf(last.item)
            }
            _ => Put::Full(waiting.item),
        }
    }

    /// Takes at most `most`, a half of it kept for outcomes, a quarter for changes, a quarter for starts.
    ///
    /// - `takes_starts`: whether anything new may begin.
    pub(crate) fn take(&mut self, most: usize, takes_starts: bool) -> Vec<Waiting<T>> {
        let starts_share = if takes_starts { most / 4 } else { 0 };
        let mut taken = Vec::with_capacity(most.min(self.len()));
        let shares = [most / 2, most / 4, starts_share];
        let used: Vec<usize> = [&self.outcomes, &self.changes, &self.starts]
            .iter()
            .zip(shares)
            .map(|(lanes, share)| lanes.count.min(share))
            .collect();
        let mut left = most - used.iter().sum::<usize>();
        for (at, class) in [Class::Outcome, Class::Change, Class::Start]
            .into_iter()
            .enumerate()
        {
            if class == Class::Start && !takes_starts {
                continue;
            }
            let lanes = self.class_mut(class);
            let more = (lanes.count - used[at]).min(left);
            left -= more;
            lanes.take(used[at] + more, &mut taken);
        }
        taken
    }

    /// Takes the starts at the fronts of their lanes that have waited in vain, whether or not anything new may begin.
    ///
    /// - `is_over`: whether one has. Those behind one that has not are younger, and keep their places.
    /// - As many steps as there are lanes, and starts that are over.
    pub(crate) fn take_expired(
        &mut self,
        is_over: impl Fn(&Waiting<T>) -> bool,
    ) -> Vec<Waiting<T>> {
        self.starts.take_expired(is_over)
    }

    /// Everything, in no order that means anything.
    pub(crate) fn take_all(&mut self) -> Vec<Waiting<T>> {
        let mut all = Vec::new();
        for class in [Class::Outcome, Class::Change, Class::Start] {
            let lanes = self.class_mut(class);
            lanes.take(lanes.count, &mut all);
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.outcomes.count + self.changes.count + self.starts.count
    }

    /// Whether [`Queues::take`] would give something.
    pub(crate) fn has(&self, takes_starts: bool) -> bool {
        self.outcomes.count + self.changes.count > 0 || takes_starts && self.starts.count > 0
    }

    /// How many wait in a class, and the bytes of their payloads.
    pub(crate) fn waiting(&self, class: Class) -> (usize, usize) {
        let lanes = match class {
            Class::Outcome => &self.outcomes,
            Class::Change => &self.changes,
            Class::Start => &self.starts,
        };
        (lanes.count, lanes.bytes)
    }

    fn class_mut(&mut self, class: Class) -> &mut Lanes<T> {
        match class {
            Class::Outcome => &mut self.outcomes,
            Class::Change => &mut self.changes,
            Class::Start => &mut self.starts,
        }
    }
}

/// Something that waits.
#[derive(Debug)]
pub(crate) struct Waiting<T> {
    pub(crate) item: T,
    bytes: usize,
    pub(crate) since: Duration,
}

/// The lanes of one class that have something.
#[derive(Debug)]
struct Lanes<T> {
    lanes: BTreeMap<Arc<str>, Lane<T>>,
    /// Each lane once; the first one's turn it is.
    turns: VecDeque<Arc<str>>,
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Lane<T> {
    queue: VecDeque<Waiting<T>>,
    credit: usize,
}

impl<T> Default for Lanes<T> {
    fn default() -> Lanes<T> {
        Lanes {
            lanes: BTreeMap::new(),
            turns: VecDeque::new(),
            count: 0,
            bytes: 0,
        }
    }
}

impl<T> Lanes<T> {
    fn has_room(&self, bounds: Bounds, bytes: usize) -> bool {
        let fits = self.bytes == 0 || self.bytes + bytes <= bounds.bytes_max;
        self.count < bounds.requests_max && fits
    }

    fn length(&self, lane: &str) -> usize {
        self.lanes.get(lane).map_or(0, |lane| lane.queue.len())
    }

    /// Asked only when the class is full; as many steps as there are lanes.
    fn longest(&self) -> Option<Arc<str>> {
        let by_length = |(_, lane): &(&Arc<str>, &Lane<T>)| lane.queue.len();
        let (name, _) = self.lanes.iter().max_by_key(by_length)?;
        Some(Arc::clone(name))
    }

    /// Whether a lane of `length` gains from the last place of the longest one, and fits into it.
    fn may_replace(&self, longest: &str, length: usize, bounds: Bounds, bytes: usize) -> bool {
        let lane = self.lanes.get(longest);
        let last = lane.and_then(|lane| lane.queue.back());
        last.is_some_and(|last| {
            self.length(longest) > length + 1 && self.bytes - last.bytes + bytes <= bounds.bytes_max
        })
    }

    fn push(&mut self, name: &str, waiting: Waiting<T>) {
        self.count += 1;
        self.bytes += waiting.bytes;
        if let Some(lane) = self.lanes.get_mut(name) {
            lane.queue.push_back(waiting);
            return;
        }
        let name: Arc<str> = Arc::from(name);
        self.turns.push_back(Arc::clone(&name));
        let lane = Lane {
            queue: VecDeque::from([waiting]),
            credit: 0,
        };
        self.lanes.insert(name, lane);
    }

    fn pop_last(&mut self, name: &str) -> Waiting<T> {
        let lane = self
            .lanes
            .get_mut(name)
            .expect("the longest lane has something");
        let last = lane
            .queue
            .pop_back()
            .expect("the longest lane has something");
        self.count -= 1;
        self.bytes -= last.bytes;
        // INVARIANT: only a lane of two or more loses its last one.
        assert!(!lane.queue.is_empty(), "a lane that waits has something");
        last
    }

    /// Takes exactly `most`, which are there.
    fn take(&mut self, most: usize, taken: &mut Vec<Waiting<T>>) {
        let end = taken.len() + most;
        while taken.len() < end {
            let name = self.turns.pop_front().expect("what is counted has a turn");
            let lane = self
                .lanes
                .get_mut(&name)
                .expect("a lane that has a turn is there");
            lane.credit += QUANTUM_BYTES;
            while taken.len() < end
                && let Some(first) = lane.queue.front()
                && first.bytes + REQUEST_COST_BYTES <= lane.credit
            {
                lane.credit -= first.bytes + REQUEST_COST_BYTES;
                let first = lane.queue.pop_front().expect("seen just above");
                self.count -= 1;
                self.bytes -= first.bytes;
                taken.push(first);
            }
            if lane.queue.is_empty() {
                // Credit is for who waits; it is not saved up.
                self.lanes.remove(&name);
            } else {
                self.turns.push_back(name);
            }
        }
    }

    fn take_expired(&mut self, is_over: impl Fn(&Waiting<T>) -> bool) -> Vec<Waiting<T>> {
        let mut expired = Vec::new();
        self.lanes.retain(|_, lane| {
            while let Some(first) = lane.queue.pop_front_if(|first| is_over(first)) {
                expired.push(first);
            }
            !lane.queue.is_empty()
        });
        self.turns.retain(|name| self.lanes.contains_key(name));
        self.count -= expired.len();
        self.bytes -= expired.iter().map(|first| first.bytes).sum::<usize>();
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOMY: Bounds = Bounds {
        requests_max: 10_000,
        bytes_max: 1 << 30,
    };

    /// Puts `count` small starts of a machine, named by the machine and a number.
    fn flood(queues: &mut Queues<String>, machine: &str, count: usize) {
        for number in 0..count {
            let item = format!("{machine}{number}");
            queues.put(Class::Start, machine, item, 100, Duration::ZERO);
        }
    }

    fn names(taken: Vec<Waiting<String>>) -> Vec<String> {
        taken.into_iter().map(|waiting| waiting.item).collect()
    }

    #[test]
    fn one_start_is_in_the_next_batch_whatever_another_machine_has_queued() {
        let mut queues = Queues::new(ROOMY);
        flood(&mut queues, "hog", 10_000);
        let full = queues.put(
            Class::Start,
            "lone",
            "lone0".to_string(),
            100,
            Duration::ZERO,
        );
        // The class is full: the hog's last one makes room.
        assert_eq!(full, Put::InPlaceOf("hog9999".to_string()));
        let batch = names(queues.take(64, true));
        assert_eq!(batch.len(), 64);
        let place = batch.iter().position(|name| name == "lone0");
        assert!(place.is_some_and(|place| place < 8), "{batch:?}");
        // Each lane keeps its own order.
        let of_hog: Vec<&String> = batch
            .iter()
            .filter(|name| name.starts_with("hog"))
            .collect();
        let expected: Vec<String> = (0..63).map(|number| format!("hog{number}")).collect();
        assert_eq!(of_hog, expected.iter().collect::<Vec<_>>());
    }

    #[test]
    fn machines_share_by_bytes_and_not_by_requests() {
        let mut queues = Queues::new(ROOMY);
        let (small, large) = (3_072, 3_072 + 4_096 * 9);
        for number in 0..1_000 {
            queues.put(
                Class::Start,
                "small",
                ("small", number),
                small,
                Duration::ZERO,
            );
            queues.put(
                Class::Start,
                "large",
                ("large", number),
                large,
                Duration::ZERO,
            );
        }
        let taken = queues.take(220, true);
        let of = |name| {
            taken
                .iter()
                .filter(|waiting| waiting.item.0 == name)
                .count()
        };
        assert_eq!((of("small"), of("large")), (200, 20));
    }

    #[test]
    fn a_full_class_refuses_who_has_the_most_and_counts_bytes_too() {
        let bounds = Bounds {
            requests_max: 10,
            bytes_max: 1_000,
        };
        let mut queues = Queues::new(bounds);
        flood(&mut queues, "a", 10);
        let put = |queues: &mut Queues<String>, lane: &str, bytes| {
            queues.put(Class::Start, lane, "new".to_string(), bytes, Duration::ZERO)
        };
        assert_eq!(put(&mut queues, "a", 1), Put::Full("new".to_string()));
        for last in ["a9", "a8", "a7", "a6", "a5"] {
            assert_eq!(put(&mut queues, "b", 1), Put::InPlaceOf(last.to_string()));
        }
        // Five and five: nobody has less than a share.
        assert_eq!(put(&mut queues, "b", 1), Put::Full("new".to_string()));
        // Outcomes and changes have room of their own.
        for class in [Class::Outcome, Class::Change] {
            let item = "other".to_string();
            assert_eq!(queues.put(class, "a", item, 1, Duration::ZERO), Put::Waits);
        }
        queues.take_all();
        assert_eq!(put(&mut queues, "a", 5_000), Put::Waits, "one is taken");
        assert_eq!(put(&mut queues, "a", 1), Put::Full("new".to_string()));
        assert_eq!(queues.waiting(Class::Start), (1, 5_000));
    }

    #[test]
    fn what_runs_is_finished_before_more_is_begun_and_neither_starves() {
        let mut queues = Queues::new(ROOMY);
        flood(&mut queues, "m", 1_000);
        for number in 0..1_000 {
            for (class, name) in [(Class::Outcome, "outcome"), (Class::Change, "change")] {
                queues.put(class, "x", format!("{name}{number}"), 0, Duration::ZERO);
            }
        }
        let batch = names(queues.take(100, true));
        let of = |prefix: &str| batch.iter().filter(|name| name.starts_with(prefix)).count();
        assert_eq!((of("outcome"), of("change"), of("m")), (50, 25, 25));
        // Nothing new begins while too much goes on; shares that nobody uses are used by others.
        let batch = names(queues.take(100, false));
        assert!(batch.iter().all(|name| !name.starts_with('m')), "{batch:?}");
        assert_eq!(batch.len(), 100);
        queues.take(1_900, false);
        assert!(!queues.has(false) && queues.has(true));
        assert_eq!(queues.take(100, true).len(), 100);
    }

    #[test]
    fn everything_put_in_comes_out_once_in_any_mix() {
        let mut queues = Queues::new(ROOMY);
        let mut seed = 7_u64;
        let mut draw = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        let (mut put_in, mut came_out) = (0, Vec::new());
        for _ in 0..3_000 {
            if draw(3) > 0 {
                let class = [Class::Outcome, Class::Change, Class::Start][draw(3) as usize];
                let lane = draw(20).to_string();
                let bytes = draw(300_000) as usize;
                let put = queues.put(class, &lane, put_in, bytes, Duration::ZERO);
                assert_eq!(put, Put::Waits);
                put_in += 1;
            } else {
                let most = draw(9) as usize;
                let taken = queues.take(most, draw(2) == 0);
                assert!(taken.len() <= most);
                came_out.extend(taken.into_iter().map(|waiting| waiting.item));
            }
        }
        came_out.extend(queues.take_all().into_iter().map(|waiting| waiting.item));
        assert_eq!(queues.len(), 0);
        came_out.sort_unstable();
        assert_eq!(came_out, (0..put_in).collect::<Vec<_>>());
    }
}
