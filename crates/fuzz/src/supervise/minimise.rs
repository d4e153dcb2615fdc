//! Smaller inputs with the same end.

use std::time::{Duration, Instant};

use anyhow::Result;

/// How long one finding may be made smaller.
const PATIENCE: Duration = Duration::from_secs(30);

/// The smallest input found that still `fails`: pieces are left out, from halves down to single bytes.
pub(super) fn minimise(
    input: &[u8],
    mut fails: impl FnMut(&[u8]) -> Result<bool>,
) -> Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let mut smallest = input.to_vec();
    let mut piece = smallest.len().div_ceil(2);
    while piece > 0 {
        let mut from = 0;
        while from < smallest.len() {
            if Instant::now() > deadline {
                return Ok(smallest);
            }
            let mut candidate = smallest.clone();
            candidate.drain(from..(from + piece).min(smallest.len()));
            if fails(&candidate)? {
                smallest = candidate;
            } else {
                from += piece;
            }
        }
        piece /= 2;
    }
    Ok(smallest)
}
