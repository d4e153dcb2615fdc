//! The seeds of every test run: what they find is told with the command line that repeats it.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use stepwell_sim::{Finding, Plan, run, run_twice};

/// Seeds of a test run. More: `cargo xtask sim --seeds N`.
const SEEDS: u64 = 2_000;

/// Every how many seeds one is run twice, to compare what is durable byte for byte.
const TWICE_EVERY: u64 = 10;

/// Findings that a failing test shows.
const SHOWN_MAX: usize = 3;

#[test]
fn nothing_is_wrong_in_the_worlds_of_2000_seeds() {
    let next = AtomicU64::new(0);
    let findings: Mutex<Vec<Finding>> = Mutex::default();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= SEEDS {
                        return;
                    }
                    let plan = Plan::shipped();
                    let result = if seed.is_multiple_of(TWICE_EVERY) {
                        run_twice(seed, &plan)
                    } else {
                        run(seed, &plan)
                    };
                    if let Err(finding) = result {
                        findings
                            .lock()
                            .expect("no thread panics with the lock")
                            .push(*finding);
                    }
                }
            });
        }
    });
    let findings = findings
        .into_inner()
        .expect("no thread panics with the lock");
    let texts: Vec<String> = findings
        .iter()
        .take(SHOWN_MAX)
        .map(ToString::to_string)
        .collect();
    assert!(
        findings.is_empty(),
        "{} of {SEEDS} seeds:\n{}",
        findings.len(),
        texts.join("\n")
    );
}
