//! Fault: a function writes 1 GB of logs. Alone in its program so that the memory it costs can be measured.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::sync::Arc;

use harness::World;
use serde_json::json;
use stepwell_functions::LOG_BYTES_MAX;

#[tokio::test(flavor = "multi_thread")]
async fn a_gigabyte_of_output_is_read_without_being_kept() {
    let lines = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&lines);
    let world = World::with(|options| {
        options.log_sink = Arc::new(move |line| {
            count.fetch_add(line.text.len(), std::sync::atomic::Ordering::Relaxed);
        });
    });
    let mut function = world.code(
        "const line = 'x'.repeat(1023) + '\\n'
         exports.handler = async () => { for (let i = 0; i < 1048576; i++) process.stdout.write(line); return 'done' }",
    );
    function.timeout = std::time::Duration::from_secs(120);
    let before = resident_kb();
    assert_eq!(world.succeed(&function, "{}").await, json!("done"));
    let read = lines.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read > LOG_BYTES_MAX - 1024, "{read}");
    assert!(read < LOG_BYTES_MAX + 1024, "{read}");
    assert!(
        resident_kb() - before < 32 * 1024,
        "{} KB",
        resident_kb() - before
    );
}

fn resident_kb() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
