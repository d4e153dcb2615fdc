//! What the pool does around invocations: bursts, spares, provisioned environments, changes of a function.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use harness::{World, text};
use serde_json::{Value, json};
use stepwell_functions::Configuration;

/// Answers with its process after `ms`, and says when it has begun.
const SLOW: &str = "exports.handler = async ({ ms }) => { console.log('in'); await new Promise((r) => setTimeout(r, ms)); return process.pid }";

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_finds_environments_that_were_started_ahead() {
    let world = World::with(|options| options.spare_memory_mb_max = 1 << 20);
    let function = world.code(SLOW);
    // Longer than a busy machine takes to start the others: one that has ended would take the place of a start.
    let call = || world.succeed(&function, r#"{"ms":3000}"#);
    let first: BTreeSet<_> = pids(tokio::join!(call(), call(), call(), call()));
    assert_eq!(first.len(), 4);
    // For whoever comes fifth: nobody has asked for it.
    until(|| starts(&world) > 4).await;
    let spares = starts(&world) - 4;
    assert!(spares <= 1, "a quarter of the demand: {spares}");
}

#[tokio::test(flavor = "multi_thread")]
async fn short_invocations_share_few_processes() {
    let world = World::new();
    let function = world.code("exports.handler = async () => process.pid");
    world.succeed(&function, "{}").await;
    let (mut tasks, world) = (tokio::task::JoinSet::new(), Arc::new(world));
    for _ in 0..32 {
        let (world, function) = (Arc::clone(&world), function.clone());
        tasks.spawn(async move {
            for _ in 0..50 {
                world.succeed(&function, "{}").await;
            }
        });
    }
    tasks.join_all().await;
    assert!(starts(&world) < 32, "{} for 32 callers", starts(&world));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_that_waits_for_a_start_takes_what_comes_free_first() {
    let world = World::with(|options| options.spare_memory_mb_max = 0);
    // The second environment takes long to start.
    let function = world.code(
        "const fs = require('fs'); const mark = '/tmp/' + process.env.MARK
         if (fs.existsSync(mark)) { fs.unlinkSync(mark); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3000) } else fs.writeFileSync(mark, '')
         exports.handler = async ({ ms }) => { console.log('in'); await new Promise((r) => setTimeout(r, ms)); return process.pid }",
    );
    let mut function = function;
    let mark = format!("stepwell-test-{}", std::process::id());
    function.environment.insert("MARK".to_owned(), mark);
    let (first, second) = tokio::join!(world.succeed(&function, r#"{"ms":300}"#), async {
        until(|| began(&world) == 1).await;
        world.succeed(&function, r#"{"ms":0}"#).await
    });
    assert_eq!(first, second, "it did not wait for its own start");
    assert_eq!(starts(&world), 2, "which had begun all the same");
}

#[tokio::test(flavor = "multi_thread")]
async fn provisioned_environments_are_there_before_anyone_calls() {
    let world = World::with(|options| options.idle_after = Duration::from_millis(50));
    let mut function = world.code("console.log('up'); exports.handler = async () => process.pid");
    function.provisioned_concurrency = Some(2);
    provision(&world, &function);
    until(|| ups(&world) == 2).await;
    let before = world.succeed(&function, "{}").await;
    // Long idle, and still there.
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.succeed(&function, "{}").await;
    assert_eq!(ups(&world), 2);
    function.provisioned_concurrency = None;
    provision(&world, &function);
    until(|| !is_alive(&before)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_function_runs_its_new_code_and_what_runs_finishes_the_old() {
    let world = World::new();
    let old = world.code("exports.handler = async ({ ms }) => { console.log('in'); await new Promise((r) => setTimeout(r, ms)); return 'old' }");
    let mut new = world.code("exports.handler = async () => 'new'");
    (new.function_arn, new.revision) = (old.function_arn.clone(), "2".to_owned());
    let (running, after) = tokio::join!(world.succeed(&old, r#"{"ms":400}"#), async {
        until(|| began(&world) == 1).await;
        world.pool.retire(&old.function_arn, None);
        world.succeed(&new, "{}").await
    });
    assert_eq!((running, after), (json!("old"), json!("new")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_init_is_the_answer_of_one_invocation_and_the_others_get_the_next() {
    let world = World::with(|options| options.environments_max = 1);
    let function = world.code(
        "const fs = require('fs'); const mark = '/tmp/' + process.env.MARK
         if (!fs.existsSync(mark)) { fs.writeFileSync(mark, ''); throw new TypeError('not yet') }
         exports.handler = async () => 'up'",
    );
    let mut function = function;
    let mark = format!("stepwell-test-init-{}", std::process::id());
    function.environment.insert("MARK".to_owned(), mark.clone());
    let (first, second) = tokio::join!(
        world.invoke_as(&function, "{}", "r-1"),
        world.invoke_as(&function, "{}", "r-2")
    );
    let _ = std::fs::remove_file(format!("/tmp/{mark}"));
    let first: Value = serde_json::from_str(&text(&first.unwrap())).unwrap();
    assert_eq!(first["errorType"], "TypeError");
    assert_eq!(text(&second.unwrap()), "\"up\"");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_that_goes_ends_what_is_starting() {
    let world = World::new();
    let function = world.code("console.log('pid', process.pid); for (;;);");
    let hang = world.invoke(&function, "{}");
    let started = until(|| world.log().iter().any(|line| line.contains("\tpid")));
    tokio::select! { _ = hang => panic!("it hangs"), () = started => {} }
    let log = world.log();
    let line = log.iter().find(|line| line.contains("\tpid")).unwrap();
    let pid: i32 = line.rsplit(' ').next().unwrap().parse().unwrap();
    drop(world);
    until(|| !is_alive(&json!(pid))).await;
}

fn pids((a, b, c, d): (Value, Value, Value, Value)) -> BTreeSet<String> {
    [a, b, c, d].iter().map(Value::to_string).collect()
}

fn provision(world: &World, function: &Configuration) {
    let configuration = Arc::new(function.clone());
    world.pool.provision(&configuration, world.packages.clone());
}

fn starts(world: &World) -> usize {
    count(world, |line| line.starts_with("INIT_START"))
}

fn began(world: &World) -> usize {
    count(world, |line| line.ends_with("\tin"))
}

fn ups(world: &World) -> usize {
    count(world, |line| line.ends_with("\tup"))
}

fn count(world: &World, is_counted: impl Fn(&str) -> bool) -> usize {
    world.log().iter().filter(|line| is_counted(line)).count()
}

fn is_alive(pid: &Value) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn until(mut is_true: impl FnMut() -> bool) {
    let waited = async {
        while !is_true() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waited)
        .await
        .expect("it does not come true");
}
