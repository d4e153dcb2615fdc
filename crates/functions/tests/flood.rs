//! A flood of output, alone in its program so that the memory it costs can be measured.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::sync::Arc;

use harness::World;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_megabytes_of_output_are_read_without_being_kept() {
    let lines = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&lines);
    let world = World::with(|options| {
        options.log_sink = Arc::new(move |line| {
            count.fetch_add(line.text.len(), std::sync::atomic::Ordering::Relaxed);
        });
    });
    let function = world.code(
        "const line = 'x'.repeat(1023) + '\\n'
         exports.handler = async () => { for (let i = 0; i < 102400; i++) process.stdout.write(line); return 'done' }",
    );
    let before = resident_kb();
    assert_eq!(world.succeed(&function, "{}").await, json!("done"));
    let read = lines.load(std::sync::atomic::Ordering::Relaxed);
    assert!(read >= 102_400 * 1023, "{read}");
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
