//! Which threads may wait while others have work.

/// How much later than others a thread comes that nobody waits for.
///
/// Source: sched(7): a tenth of the share of a thread that is not nice, where both have work all the time.
#[cfg(target_os = "linux")]
const NICE: i32 = 10;

/// Puts the calling thread behind those that answer callers: it works when a processor has nothing else to do, or waits
/// for its tenth. A system that gives no thread a priority of its own is left as it is.
pub(crate) fn come_last() {
    #[cfg(target_os = "linux")]
    {
        // Source: setpriority(2), "C library/kernel differences": on Linux it is the thread's.
        if let Err(error) = rustix::process::setpriority_process(None, NICE) {
            tracing::debug!(%error, "a thread keeps the priority of all");
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::getpriority_process;

    use super::*;

    #[test]
    fn only_the_thread_that_asks_comes_last() {
        let before = getpriority_process(None).expect("it has a priority");
        let asked = std::thread::spawn(|| {
            come_last();
            getpriority_process(None).expect("it has a priority")
        });
        let asked = asked.join().expect("it ends");
        assert_eq!(asked, NICE.max(before));
        assert_eq!(getpriority_process(None), Ok(before));
    }
}
