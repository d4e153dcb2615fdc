//! Whether a processor of this machine is free.

use std::time::Duration;

/// What the system has counted of its processors, looked at now and then.
///
/// The system is asked by [`Counted::now`], beside this: it may take long to tell, and this is shared.
#[derive(Debug, Default)]
pub(super) struct Processors {
    asked_at: Option<Duration>,
    counted: Option<(Duration, Counted)>,
}

/// Ticks since the machine started, of all processors together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counted {
    all: u64,
    idle: u64,
}

impl Processors {
    /// Whether the system should be asked; who is told so asks it.
    ///
    /// - `now`: since the pool was made.
    pub(super) fn is_due(&mut self, now: Duration) -> bool {
        let is_due = self
            .asked_at
            .is_none_or(|at| now.saturating_sub(at) >= LOOK_EVERY);
        if is_due {
            self.asked_at = Some(now);
        }
        is_due
    }

    /// Whether hardly any time of a processor was left over since the system was asked before.
    ///
    /// - `counted`: what it says at `now`; `None`: it does not tell.
    pub(super) fn note(&mut self, now: Duration, counted: Option<Counted>) -> Option<bool> {
        let told = counted.map(|counted| (now, counted));
        let (then, before) = std::mem::replace(&mut self.counted, told)?;
        // What was long ago says nothing of now.
        let is_recent = now.saturating_sub(then) < LOOK_MAX;
        Some(is_recent && is_busy(before, counted?))
    }
}

impl Counted {
    /// Asks the system; `None` if it does not tell. Reads a file of the kernel: no lock is held over it.
    pub(super) fn now() -> Option<Counted> {
        let text = std::fs::read_to_string("/proc/stat").ok()?;
        read(&text)
    }
}

/// Source: proc_stat(5). The kernel counts waiting for a disk as idle; time that another machine takes is not free.
fn read(text: &str) -> Option<Counted> {
    let line = text.lines().next()?.strip_prefix("cpu ")?;
    let ticks: Vec<u64> = line
        .split_ascii_whitespace()
        .take(COLUMNS)
        .map_while(|word| word.parse().ok())
        .collect();
    let (idle, waits) = (ticks.get(3)?, ticks.get(4)?);
    Some(Counted {
        all: ticks.iter().sum(),
        idle: idle + waits,
    })
}

fn is_busy(before: Counted, after: Counted) -> bool {
    let all = after.all.saturating_sub(before.all);
    let idle = after.idle.saturating_sub(before.idle);
    all > 0 && idle * IDLE_PART < all
}

/// The system counts in ticks of 10 ms.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// A longer time between two looks makes no finding.
const LOOK_MAX: Duration = Duration::from_secs(1);
/// Less than one part in so many is left over.
const IDLE_PART: u64 = 5;
/// User, nice, system, idle, waiting for a disk, two kinds of interrupts, taken by other machines; guests are in the first.
const COLUMNS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_busy_when_less_than_a_fifth_of_their_time_is_left() {
        let after = |line: &str| read(line).expect("it reads");
        let before = after("cpu  100 0 50 1000 20 0 0 0 0 0\ncpu0 1 2 3\n");
        assert_eq!(
            before,
            Counted {
                all: 1170,
                idle: 1020
            }
        );
        assert!(is_busy(before, after("cpu  115 0 52 1001 21 0 0 0 0 0\n")));
        assert!(!is_busy(before, after("cpu  108 0 52 1008 22 0 0 0 0 0\n")));
        assert!(!is_busy(before, before));
        assert_eq!(read("intr 1 2 3"), None);
    }

    #[test]
    fn the_system_is_asked_seldom_and_what_was_long_ago_says_nothing() {
        let mut processors = Processors::default();
        let at = Duration::from_millis;
        let due: Vec<bool> = [5_000, 5_050, 5_100, 5_150]
            .map(|ms| processors.is_due(at(ms)))
            .to_vec();
        assert_eq!(due, [true, false, true, false]);
        let busy = |all| Some(Counted { all, idle: 0 });
        assert_eq!(processors.note(at(5_001), busy(10)), None);
        assert_eq!(processors.note(at(5_101), busy(20)), Some(true));
        assert_eq!(processors.note(at(6_200), busy(30)), Some(false));
        assert_eq!(processors.note(at(6_300), None), None);
        assert_eq!(processors.note(at(6_400), busy(40)), None);
    }
}
