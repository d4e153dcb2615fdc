//! How much of a processor an environment's invocations take.

use std::time::Duration;

use tokio::time::Instant;

/// The processor time of a process, all its threads together, for each invocation; looked at now and then.
pub(crate) struct ProcessorUse {
    /// `None` where the process is not the one that runs invocations.
    process: Option<i32>,
    looked_at: Instant,
    /// What was used by then; zero before the first look.
    used: Duration,
    /// Invocations since then.
    invocations: u32,
}

impl ProcessorUse {
    /// - `process`: the one that runs invocations, if it is known.
    pub(crate) fn of(process: Option<i32>) -> ProcessorUse {
        ProcessorUse {
            process,
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
        let used = time_of(self.process?)?;
        let before = std::mem::replace(&mut self.used, used);
        let invocations = std::mem::take(&mut self.invocations);
        self.looked_at = Instant::now();
        (!before.is_zero()).then(|| used.saturating_sub(before) / invocations)
    }
}

/// Time on a processor of a process and of all its threads, those that have ended included.
#[cfg(target_os = "linux")]
fn time_of(process: i32) -> Option<Duration> {
    let mut clock: libc::clockid_t = 0;
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    #[expect(
        unsafe_code,
        reason = "the standard library does not tell the processor time of another process"
    )]
    // SAFETY: both calls write only to the one variable that they are given, which lives on this stack.
    let is_told = unsafe {
        libc::clock_getcpuclockid(process, &raw mut clock) == 0
            && libc::clock_gettime(clock, &raw mut time) == 0
    };
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanos = u32::try_from(time.tv_nsec).ok()?;
    is_told.then(|| Duration::new(seconds, nanos))
}

/// Not known: invocations are told apart by the time that they take.
#[cfg(not(target_os = "linux"))]
fn time_of(_process: i32) -> Option<Duration> {
    None
}

/// Time between two looks, of a microsecond each.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_all_threads_counts() {
        let process = i32::try_from(std::process::id()).expect("it is small");
        let before = time_of(process).expect("it is told");
        let computed = std::thread::spawn(|| (0..3_000_000_u64).fold(0, u64::wrapping_add));
        computed.join().expect("it does not panic");
        assert!(time_of(process).expect("it is told") > before);
    }

    #[test]
    fn a_process_that_is_not_there_is_not_told() {
        // Linux numbers no process above 2^22.
        assert_eq!(time_of((1 << 22) + 1), None);
    }
}
