//! Several invocations at one time in one environment.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{World, text};
use serde_json::{Value, json};
use stepwell_functions::{Configuration, InvokeError, InvokeReply};

/// Answers when as many have come as `together` says.
const TOGETHER: &str = "let waiting = [];
exports.handler = async ({ name, together }, context) => {
  console.log('in', name);
  await new Promise((resolve) => { waiting.push(resolve); if (waiting.length === together) { waiting.forEach((go) => go()); waiting = []; } });
  await new Promise((resolve) => setTimeout(resolve, 5));
  console.log('out', name);
  return [process.pid, context.awsRequestId, process.env.AWS_LAMBDA_MAX_CONCURRENCY];
}";

#[tokio::test(flavor = "multi_thread")]
async fn as_many_as_an_environment_may_run_meet_in_one_process() {
    let world = World::with(|options| options.spare_memory_mb_max = 0);
    let function = shared(world.code(TOGETHER), 3);
    let call = |name: &'static str| {
        let (world, function) = (&world, &function);
        async move {
            let payload = format!(r#"{{"name":"{name}","together":3}}"#);
            world.invoke_as(function, &payload, name).await.unwrap()
        }
    };
    for _ in 0..20 {
        let (a, b, c) = tokio::join!(call("a"), call("b"), call("c"));
        let [a, b, c] = [a, b, c].map(|reply| answer(&reply));
        assert_eq!((&a[0], &b[0]), (&b[0], &c[0]), "one process");
        assert_eq!([&a[1], &b[1], &c[1]], ["a", "b", "c"], "its own context");
        assert_eq!(a[2], "3");
    }
    assert_eq!(starts(&world), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_each_logs_is_attributed_to_it() {
    let world = World::new();
    let function = shared(world.code(TOGETHER), 2);
    let payload = |name: &str| format!(r#"{{"name":"{name}","together":2}}"#);
    let (a, b) = (payload("a"), payload("b"));
    let (a, b) = tokio::join!(
        world.invoke_as(&function, &a, "r-a"),
        world.invoke_as(&function, &b, "r-b")
    );
    for (reply, own, other) in [(a, "a", "b"), (b, "b", "a")] {
        let tail = reply.unwrap().log_tail.unwrap();
        assert!(
            tail.starts_with(&format!("START RequestId: r-{own} ")),
            "{tail}"
        );
        assert!(
            tail.contains(&format!("\tr-{own}\tINFO\tin {own}\n")),
            "{tail}"
        );
        assert!(
            tail.contains(&format!("\tr-{own}\tINFO\tout {own}\n")),
            "{tail}"
        );
        assert!(
            tail.contains(&format!(
                "END RequestId: r-{own}\nREPORT RequestId: r-{own}\t"
            )),
            "{tail}"
        );
        assert!(!tail.contains(&format!("r-{other}")), "{tail}");
    }
    let lines = world.lines();
    let of = |id: &str| {
        lines
            .iter()
            .filter(|line| line.request_id.as_deref() == Some(id))
            .count()
    };
    assert_eq!((of("r-a"), of("r-b")), (5, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_more_gets_an_environment_of_its_own() {
    let world = World::with(|options| options.spare_memory_mb_max = 0);
    let code = "exports.handler = async ({ ms }) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }";
    let function = shared(world.code(code), 2);
    let call = |id| world.invoke_as(&function, r#"{"ms":600}"#, id);
    let (a, b, c) = tokio::join!(call("a"), call("b"), call("c"));
    let mut pids = [a, b, c].map(|reply| text(&reply.unwrap()));
    pids.sort();
    assert!(
        pids[0] != pids[2] && (pids[0] == pids[1] || pids[1] == pids[2]),
        "{pids:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_fails_all_that_run_there_and_no_other() {
    let world = World::new();
    let code = "exports.handler = async ({ exit, ms }) => { if (exit) process.exit(3); await new Promise((r) => setTimeout(r, ms)); return 'well' }";
    let function = shared(world.code(code), 4);
    assert_eq!(world.succeed(&function, r#"{"ms":0}"#).await, "well");
    let (slow, exit) = tokio::join!(
        world.invoke_as(&function, r#"{"ms":1000}"#, "slow"),
        async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            world.invoke_as(&function, r#"{"exit":true}"#, "exit").await
        }
    );
    let exit = answer(&exit.unwrap());
    let slow = answer(&slow.unwrap());
    assert_eq!(slow["errorType"], "Runtime.ExitError");
    assert_eq!(exit["errorType"], "Runtime.ExitError");
    assert_eq!(world.succeed(&function, r#"{"ms":0}"#).await, "well");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_nobody_caught_is_its_own_invocations() {
    let world = World::new();
    let code = "exports.handler = async ({ ms, uncaught }) => { if (uncaught) setTimeout(() => { throw new RangeError('late') }, 20); await new Promise((r) => setTimeout(r, ms)); return 'well' }";
    let function = shared(world.code(code), 4);
    let (other, uncaught) = tokio::join!(
        world.invoke_as(&function, r#"{"ms":5000}"#, "r-other"),
        world.invoke_as(&function, r#"{"ms":5000,"uncaught":true}"#, "r-own")
    );
    let error =
        |reply: Result<InvokeReply, InvokeError>| answer(&reply.unwrap())["errorType"].clone();
    assert_eq!(error(uncaught), "RangeError");
    assert_eq!(error(other), "Runtime.ExitError");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_that_times_out_leaves_the_others_to_finish() {
    let world = World::new();
    let code = "exports.handler = async ({ ms }) => { await new Promise((r) => setTimeout(r, ms)); return process.pid }";
    let mut function = shared(world.code(code), 4);
    function.timeout = Duration::from_millis(700);
    let began = Instant::now();
    let hangs = world.invoke_as(&function, r#"{"ms":90000}"#, "hangs");
    let (hangs, well) = tokio::join!(hangs, async {
        tokio::time::sleep(Duration::from_millis(350)).await;
        world.succeed(&function, r#"{"ms":500}"#).await
    });
    let hangs = answer(&hangs.unwrap());
    assert_eq!(hangs["errorType"], "Sandbox.Timedout");
    assert!(began.elapsed() > Duration::from_millis(700));
    // The environment is replaced.
    assert_ne!(world.succeed(&function, r#"{"ms":0}"#).await, well);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_streaming_handler_is_refused_by_name() {
    let world = World::new();
    let code =
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => stream.end('x'))";
    let error = world.fail(&shared(world.code(code), 2), "{}").await;
    assert_eq!(error["errorType"], "Runtime.NotImplemented");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .contains("streamed responses"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_and_retired_ones_end() {
    let world = World::with(|options| options.idle_after = Duration::from_millis(100));
    let code = "exports.handler = async () => process.pid";
    let function = shared(world.code(code), 4);
    let pid = world.succeed(&function, "{}").await;
    until_ended(&pid).await;
    let world = World::new();
    let function = shared(world.code(code), 4);
    let pid = world.succeed(&function, "{}").await;
    world.pool.retire(&function.function_arn, None);
    until_ended(&pid).await;
    let pid = world.succeed(&function, "{}").await;
    let pool = world.pool.clone();
    pool.shutdown().await;
    until_ended(&pid).await;
    assert_eq!(
        world.invoke(&function, "{}").await,
        Err(InvokeError::ShuttingDown { started: false })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_callers_of_few_environments_all_get_their_own_answer() {
    let world = Arc::new(World::with(|options| options.environments_max = 2));
    let code = "exports.handler = async ({ n }) => { await new Promise((r) => setTimeout(r, n % 3)); return n }";
    let function = shared(world.code(code), 8);
    let mut callers = tokio::task::JoinSet::new();
    for n in 0..40 {
        let (world, function) = (Arc::clone(&world), function.clone());
        callers.spawn(async move {
            for turn in 0..10 {
                let (payload, id) = (format!(r#"{{"n":{n}}}"#), format!("r-{n}-{turn}"));
                let reply = world.invoke_as(&function, &payload, &id).await.unwrap();
                assert_eq!(text(&reply), n.to_string());
            }
        });
    }
    callers.join_all().await;
    assert!(starts(&world) <= 2);
}

fn shared(mut function: Configuration, invocations: u32) -> Configuration {
    function.invocations_per_environment = invocations;
    function
}

fn answer(reply: &InvokeReply) -> Value {
    serde_json::from_slice(&reply.payload).unwrap_or(json!(null))
}

fn starts(world: &World) -> usize {
    let log = world.log();
    log.iter()
        .filter(|line| line.starts_with("INIT_START"))
        .count()
}

async fn until_ended(pid: &Value) {
    let is_alive = || {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        stat.is_ok_and(|stat| !stat.contains(") Z "))
    };
    let ended = async {
        while is_alive() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), ended)
        .await
        .expect("it ends");
}
