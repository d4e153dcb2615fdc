//! How much of a processor an environment's invocations take.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::time::Duration;

use tokio::time::Instant;

/// The processor time of a process for each invocation, looked at now and then.
pub(crate) struct ProcessorUse {
    /// `/proc/<pid>/schedstat`, held open. `None` where there is no such file.
    schedstat: Option<File>,
    looked_at: Instant,
    /// What the file said at that look; zero before the first.
    used: Duration,
    /// Invocations since then.
    invocations: u32,
}

impl ProcessorUse {
    /// Of the first process of a group.
    pub(crate) fn of(process: i32) -> ProcessorUse {
        ProcessorUse {
            schedstat: File::open(format!("/proc/{process}/schedstat")).ok(),
            looked_at: Instant::now(),
            used: Duration::ZERO,
            invocations: 0,
        }
    }

    /// An invocation has ended. Now and then tells the processor time that each of the last ones took; none for the
    /// first look, which takes the start of the process in.
    pub(crate) fn note_invocation(&mut self) -> Option<Duration> {
        self.invocations += 1;
        if self.looked_at.elapsed() < LOOK_EVERY {
            return None;
        }
        let mut text = [0_u8; 96];
        let read = self.schedstat.as_ref()?.read_at(&mut text, 0).ok()?;
        let used = on_processor(std::str::from_utf8(text.get(..read)?).ok()?)?;
        let before = std::mem::replace(&mut self.used, used);
        let invocations = std::mem::take(&mut self.invocations);
        self.looked_at = Instant::now();
        (!before.is_zero()).then(|| used.saturating_sub(before) / invocations)
    }
}

/// Time on a processor: the first number of the file, in nanoseconds.
fn on_processor(text: &str) -> Option<Duration> {
    let first = text.split_ascii_whitespace().next()?;
    first.parse().ok().map(Duration::from_nanos)
}

/// Time between two looks, of 5 us each.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_number_is_the_time_on_a_processor() {
        assert_eq!(
            on_processor("1000 500 7\n"),
            Some(Duration::from_nanos(1000))
        );
        assert_eq!(on_processor(""), None);
    }
}
