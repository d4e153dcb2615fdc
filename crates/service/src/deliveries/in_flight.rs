//! Deliveries that are being made, and those that are due but wait for others of the same target.

use std::collections::{BTreeMap, VecDeque};

use crate::timers::Timer;

/// Deliveries that are being made at one time; the others wait in their rows.
const IN_FLIGHT_MAX: usize = 500;

/// Those of them that go to one target: a target that hangs must not keep the others waiting.
const PER_TARGET_MAX: usize = 100;

/// Bytes of the payloads of deliveries that are being made at one time.
const IN_FLIGHT_BYTES_MAX: u64 = 64 << 20;

/// In memory only: after a crash, what was here is due by its rows.
#[derive(Default)]
pub(super) struct InFlight {
    /// Released and without an outcome.
    calls: BTreeMap<u64, Call>,
    bytes: u64,
    by_target: BTreeMap<String, Lane>,
    /// Due, and the target has a place for them.
    ready: VecDeque<Timer>,
}

struct Call {
    target: String,
    bytes: u64,
}

/// One target.
#[derive(Default)]
struct Lane {
    in_flight: usize,
    /// Due, oldest first; as many as there are deliveries at most.
    parked: VecDeque<Timer>,
}

impl InFlight {
    pub(super) fn has_room(&self) -> bool {
        self.calls.len() < IN_FLIGHT_MAX && self.bytes < IN_FLIGHT_BYTES_MAX
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        self.calls.contains_key(&number)
    }

    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn take_ready(&mut self) -> Option<Timer> {
        self.ready.pop_front()
    }

    /// Whether the target has a place; if it has none, the delivery is parked.
    pub(super) fn admit(&mut self, target: &str, timer: Timer) -> bool {
        match self.by_target.get_mut(target) {
            Some(lane) if lane.in_flight >= PER_TARGET_MAX => {
                lane.parked.push_back(timer);
                false
            }
            _ => true,
        }
    }

    pub(super) fn begin(&mut self, number: u64, target: &str, bytes: u64) {
        let lane = self.by_target.entry(target.to_string()).or_default();
        lane.in_flight += 1;
        self.bytes += bytes;
        let target = target.to_string();
        self.calls.insert(number, Call { target, bytes });
    }

    /// The outcome is known; whether it was awaited.
    pub(super) fn end(&mut self, number: u64) -> bool {
        let Some(Call { target, bytes }) = self.calls.remove(&number) else {
            return false;
        };
        self.bytes -= bytes;
        if let Some(lane) = self.by_target.get_mut(&target) {
            lane.in_flight -= 1;
        }
        self.unpark(&target);
        true
    }

    /// The next parked delivery of a target is ready if there is a place for it.
    pub(super) fn unpark(&mut self, target: &str) {
        let Some(lane) = self.by_target.get_mut(target) else {
            return;
        };
        if lane.in_flight >= PER_TARGET_MAX {
            return;
        }
        match lane.parked.pop_front() {
            Some(timer) => self.ready.push_back(timer),
            None if lane.in_flight == 0 => drop(self.by_target.remove(target)),
            None => {}
        }
    }
}
