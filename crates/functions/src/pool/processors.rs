//! Whether a processor of this machine is free.

use std::time::Duration;

/// What the system has counted of its processors, looked at now and then.
#[derive(Debug, Default)]
pub(super) struct Processors {
    looked_at: Duration,
    counted: Option<Counted>,
}

/// Ticks since the machine started, of all processors together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    all: u64,
    idle: u64,
}

impl Processors {
    /// Whether hardly any time of a processor was left over since the last look.
    ///
    /// - `now`: since the pool was made.
    /// - `None`: looked at just before; or the system does not tell.
    pub(super) fn look(&mut self, now: Duration) -> Option<bool> {
        let since = now.saturating_sub(self.looked_at);
        if self.counted.is_some() && since < LOOK_EVERY {
            return None;
        }
        self.looked_at = now;
        let counted = std::fs::read_to_string("/proc/stat")
            .ok()
            .and_then(|text| read(&text));
        let before = std::mem::replace(&mut self.counted, counted)?;
        // What was long ago says nothing of now.
        Some(since < LOOK_MAX && is_busy(before, counted?))
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
    fn a_look_soon_after_another_says_nothing() {
        let mut processors = Processors::default();
        assert_eq!(processors.look(Duration::from_secs(5)), None);
        assert_eq!(processors.look(Duration::from_millis(5_050)), None);
    }
}
