//! The processes that a function starts, as `/proc` tells of them. Empty where there is none.

use std::fs;

/// What `process` has started, and what those have started, up to a bound.
///
/// Children of other threads than the first are not seen, nor are those whose parent has ended: what ends an
/// environment finds them by its tag.
pub(crate) fn descendants(process: i32) -> Vec<i32> {
    let mut found = children(process);
    let mut at = 0;
    while at < found.len() && found.len() < DESCENDANTS_MAX {
        found.extend(children(found[at]));
        at += 1;
    }
    found
}

fn children(process: i32) -> Vec<i32> {
    let text = fs::read_to_string(format!("/proc/{process}/task/{process}/children"));
    text.unwrap_or_default()
        .split_whitespace()
        .filter_map(|id| id.parse().ok())
        .collect()
}

/// Resident memory; what two processes share counts twice.
pub(crate) fn resident_bytes(process: i32) -> u64 {
    kilobytes(&format!("/proc/{process}/status"), "VmRSS:") << 10
}

/// Resident memory; what two processes share counts half for each. Slow: the kernel looks at every page.
pub(crate) fn proportional_bytes(process: i32) -> u64 {
    kilobytes(&format!("/proc/{process}/smaps_rollup"), "Pss:") << 10
}

/// Processes and threads of the whole machine.
pub(crate) fn tasks_on_machine() -> u64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let tasks = text
        .split(' ')
        .nth(3)
        .and_then(|field| field.split('/').nth(1));
    tasks.and_then(|tasks| tasks.parse().ok()).unwrap_or(0)
}

fn kilobytes(file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(file).unwrap_or_default();
    let value = text.lines().find_map(|line| line.strip_prefix(field));
    value
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .unwrap_or(0)
}

const DESCENDANTS_MAX: usize = 4096;
