//! What functions do wrong, one test a fault: each yields AWS's error name, its environment is replaced, and an
//! invocation beside it goes on untouched. A function that floods its log has `flood.rs`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::time::{Duration, Instant};

use harness::World;
use serde_json::{Value, json};
use stepwell_functions::{Configuration, ControlGroup};

/// Lets `function` fail beside an invocation of another function, and checks that both go on.
///
/// - `function`: answers its process id to `{}`, and does wrong when told `{"wrong":true}`.
/// - Returns the error.
async fn fail_beside_another(world: &World, function: &Configuration) -> Value {
    let bystander = world.code(
        "exports.handler = async (e) => { if (e.waits) await new Promise((r) => setTimeout(r, 400)); return process.pid }",
    );
    let other = world.succeed(&bystander, "{}").await;
    let own = world.succeed(function, "{}").await;
    let (error, beside) = tokio::join!(
        world.fail(function, r#"{"wrong":true}"#),
        world.succeed(&bystander, r#"{"waits":true}"#)
    );
    assert_eq!(beside, other, "the invocation beside it ran to its end");
    assert_ne!(
        world.succeed(function, "{}").await,
        own,
        "a new environment"
    );
    let gone = Instant::now() + Duration::from_secs(5);
    while is_alive(&own) {
        assert!(Instant::now() < gone, "the old environment lives");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    error
}

/// A function that does `wrong` when told so.
fn faulty(world: &World, wrong: &str) -> Configuration {
    world.code(&format!(
        "const cp = require('child_process'), fs = require('fs')
         const wait = (ms) => new Promise((r) => setTimeout(r, ms))
         exports.handler = async (event, context) => {{
           if (!event.wrong) return process.pid
           {wrong}
         }}"
    ))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_loops_for_ever_times_out() {
    let world = World::new();
    let mut function = faulty(&world, "for (;;);");
    function.timeout = Duration::from_millis(500);
    assert_eq!(
        fail_beside_another(&world, &function).await,
        json!({
            "errorType": "Sandbox.Timedout",
            "errorMessage": "RequestId: r-1 Error: Task timed out after 0.50 seconds"
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_allocates_without_end_runs_out_of_memory() {
    let world = World::new();
    let mut function = faulty(
        &world,
        "const kept = []; for (;;) { kept.push(Buffer.alloc(4 << 20, 1)); await wait(5) }",
    );
    function.memory_mb = 128;
    assert_eq!(
        fail_beside_another(&world, &function).await["errorType"],
        "Runtime.OutOfMemory"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_allocates_without_end_runs_out_of_memory_too() {
    let world = World::new();
    let mut function = faulty(
        &world,
        "cp.spawn(process.execPath, ['-e', 'const kept = []; setInterval(() => kept.push(Buffer.alloc(4 << 20, 1)), 5)'])
         await wait(60000)",
    );
    function.memory_mb = 256;
    assert_eq!(
        fail_beside_another(&world, &function).await["errorType"],
        "Runtime.OutOfMemory"
    );
}

/// The real thing, where there is one: a group with a memory controller ends all at once, by the kernel.
#[tokio::test(flavor = "multi_thread")]
async fn a_control_group_holds_the_memory_of_all_processes() {
    let own = std::fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    let is_root = std::fs::metadata("/sys/fs/cgroup/cgroup.subtree_control").is_ok_and(|found| {
        use std::os::unix::fs::PermissionsExt;
        found.permissions().mode() & 0o200 != 0
    });
    if !own.contains("memory") || !is_root {
        eprintln!(
            "SKIPPED: no version 2 control groups with a memory controller at /sys/fs/cgroup"
        );
        return;
    }
    let world = World::with(|options| {
        options.control_group = ControlGroup::At("/sys/fs/cgroup".into());
    });
    // Faster than any look at it, in a child, and beyond the limit on one process's memory only together.
    let mut function = faulty(
        &world,
        "for (let n = 0; n < 8; n++) cp.spawn('sh', ['-c', 'x=$(head -c 60000000 /dev/zero | tr \\\\0 x); sleep 60'])
         await wait(60000)",
    );
    function.memory_mb = 256;
    assert_eq!(
        fail_beside_another(&world, &function).await["errorType"],
        "Runtime.OutOfMemory"
    );
}

/// Each process is started at once and by one parent: a test must not double what it starts on a machine it shares.
async fn forks_are_ended(world: &World, marker: &str) -> Value {
    let mut function = faulty(
        world,
        &format!(
            "cp.spawn('sh', ['-c', 'n=0; while [ $n -lt 1500 ]; do sleep 300 & n=$((n + 1)); done; : {marker}; wait'], {{ detached: true, stdio: 'ignore' }})
             await wait(60000)"
        ),
    );
    function.timeout = Duration::from_secs(8);
    let error = fail_beside_another(world, &function).await;
    wait_until(|| count(marker) == 0).await;
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_forks_without_end_is_ended_with_all_it_started() {
    let world = World::with(|options| options.control_group = ControlGroup::None);
    let marker = format!("stepwell-fork-{}", std::process::id());
    assert_eq!(
        forks_are_ended(&world, &marker).await,
        json!({
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: signal: killed"
        })
    );
    let told = "[ended: more than 1024 processes]".to_owned();
    assert!(world.log().contains(&told));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_forks_without_end_is_held_by_its_control_group() {
    let world = World::new();
    let marker = format!("stepwell-group-{}", std::process::id());
    let error = forks_are_ended(&world, &marker).await;
    // With a controller of processes `fork` fails, and the function waits for nothing; without, the look ends it.
    let expected = ["Sandbox.Timedout", "Runtime.ExitError"];
    assert!(
        expected.contains(&error["errorType"].as_str().unwrap()),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_left_the_group_and_the_session_end_with_their_environment() {
    let world = World::with(|options| options.control_group = ControlGroup::None);
    let marker = format!("stepwell-escape-{}", std::process::id());
    processes_that_left_end(&world, &marker).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_left_end_with_their_control_group() {
    let world = World::new();
    let marker = format!("stepwell-in-group-{}", std::process::id());
    processes_that_left_end(&world, &marker).await;
}

async fn processes_that_left_end(world: &World, marker: &str) {
    // Detached twice, without a parent and without any variable of its own.
    let mut function = faulty(
        world,
        &format!(
            "cp.spawn('sh', ['-c', 'setsid setsid sh -c \"sleep 300; : {marker}\" >/dev/null 2>&1 & exit'], {{ detached: true, env: {{ PATH: '/usr/bin:/bin' }}, stdio: 'ignore' }})
             while (!fs.readdirSync('/proc').some((id) => {{ try {{ return fs.readFileSync(`/proc/${{id}}/cmdline`, 'utf8').includes('; : {marker}') }} catch {{ return false }} }})) await wait(5)
             console.log('escaped')
             await wait(60000)"
        ),
    );
    function.timeout = Duration::from_secs(2);
    let error = fail_beside_another(world, &function).await;
    assert_eq!(error["errorType"], "Sandbox.Timedout");
    assert!(world.log().iter().any(|line| line.ends_with("\tescaped")));
    wait_until(|| count(marker) == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_exits_fails_its_invocation() {
    let world = World::new();
    let function = faulty(&world, "process.exit(7)");
    assert_eq!(
        fail_beside_another(&world, &function).await,
        json!({
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: exit status 7"
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_exits_in_init_fails_each_invocation_and_is_tried_again() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let tries = directory.path().join("tries");
    let function = world.code(&format!(
        "const fs = require('fs')
         fs.appendFileSync('{0}', '.')
         if (fs.statSync('{0}').size < 3) process.exit(3)
         exports.handler = async () => 'the third try'",
        tries.display()
    ));
    for _ in 0..2 {
        assert_eq!(
            world.fail(&function, "{}").await,
            json!({
                "errorType": "Runtime.ExitError",
                "errorMessage": "RequestId: r-1 Error: Runtime exited with error: exit status 3"
            })
        );
    }
    assert_eq!(world.succeed(&function, "{}").await, "the third try");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_answers_twice_is_heard_once() {
    let world = World::new();
    let mut function = world.code(
        "exports.handler = (event, context, callback) => {
           context.callbackWaitsForEmptyEventLoop = false
           callback(null, 'first ' + event.n); callback(null, 'second'); setTimeout(() => context.succeed('third'), 1) }",
    );
    for n in 1..4 {
        let payload = format!(r#"{{"n":{n}}}"#);
        assert_eq!(
            world.succeed(&function, &payload).await,
            format!("first {n}")
        );
    }
    // A runtime of one's own is told so.
    let bootstrap = "#!/usr/bin/env python3
import os, urllib.request, urllib.error
api = 'http://' + os.environ['AWS_LAMBDA_RUNTIME_API'] + '/2018-06-01/runtime/invocation/'
def post(path, body):
    try:
        return urllib.request.urlopen(urllib.request.Request(api + path, data=body)).status
    except urllib.error.HTTPError as error:
        return error.code
while True:
    id = urllib.request.urlopen(api + 'next').headers['Lambda-Runtime-Aws-Request-Id']
    print('answers', post(id + '/response', b'1'), post(id + '/response', b'2'), post(id + '/error', b'{}'), flush=True)
";
    function = world.function(&[("bootstrap", bootstrap)]);
    function.runtime = "provided.al2023".to_owned();
    assert_eq!(world.succeed(&function, "{}").await, 1);
    assert_eq!(world.succeed(&function, "{}").await, 1);
    let log = world.log();
    assert!(log.contains(&"answers 202 403 403".to_owned()), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_answers_after_its_timeout_is_not_heard() {
    let world = World::new();
    let mut function = faulty(
        &world,
        "const until = Date.now() + context.getRemainingTimeInMillis() + 50; while (Date.now() < until); return 'late'",
    );
    function.timeout = Duration::from_millis(400);
    assert_eq!(
        fail_beside_another(&world, &function).await["errorType"],
        "Sandbox.Timedout"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_sends_7_mb_is_refused_and_goes_on() {
    let world = World::new();
    let function = faulty(&world, "return 'x'.repeat(7 << 20)");
    let pid = world.succeed(&function, "{}").await;
    assert_eq!(
        world.fail(&function, r#"{"wrong":true}"#).await,
        json!({
            "errorType": "Function.ResponseSizeTooLarge",
            "errorMessage":
                "Response payload size (7340034 bytes) exceeded maximum allowed payload size (6291556 bytes)."
        })
    );
    assert_eq!(world.succeed(&function, "{}").await, pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_without_json_fail_and_undefined_is_null() {
    let world = World::new();
    let function = world.code(
        "const cyclic = {}; cyclic.self = cyclic
         const values = { cyclic, big: 7n, undefined: undefined, symbol: Symbol('s'), function: () => 1,
                          throws: { toJSON() { throw new Error('no') } } }
         exports.handler = async (event) => values[event.v]",
    );
    for value in ["cyclic", "big", "throws"] {
        let error = world
            .fail(&function, &format!(r#"{{"v":"{value}"}}"#))
            .await;
        assert_eq!(error["errorType"], "Error", "{value}: {error}");
        assert_eq!(error["errorMessage"], "Unable to stringify response body");
    }
    for value in ["undefined", "symbol", "function"] {
        let payload = format!(r#"{{"v":"{value}"}}"#);
        assert_eq!(world.succeed(&function, &payload).await, Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_kills_its_parent_is_not_permitted() {
    let world = World::new();
    let function = world.code(
        "exports.handler = async ({ how }) => {
           if (how === 'parent') process.kill(process.ppid, 'SIGKILL')
           if (how === 'everybody') process.kill(-1, 'SIGKILL')
           if (how === 'shell') return require('child_process').spawnSync('sh', ['-c', `kill -9 ${process.ppid}`]).status
           return process.pid
         }",
    );
    let pid = world.succeed(&function, "{}").await;
    for how in ["parent", "everybody"] {
        let error = world
            .fail(&function, &format!(r#"{{"how":"{how}"}}"#))
            .await;
        assert_eq!(error["errorType"], "Error");
        assert_eq!(error["errorMessage"], "kill EPERM");
    }
    assert_ne!(world.succeed(&function, r#"{"how":"shell"}"#).await, 0);
    assert_eq!(world.succeed(&function, "{}").await, pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_child_that_kills_the_runtime_fails_the_invocation() {
    let world = World::new();
    let function = faulty(
        &world,
        "cp.spawn('sh', ['-c', 'kill -9 $PPID']); await wait(60000)",
    );
    assert_eq!(
        fail_beside_another(&world, &function).await,
        json!({
            "errorType": "Runtime.ExitError",
            "errorMessage": "RequestId: r-1 Error: Runtime exited with error: signal: killed"
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_fills_its_temporary_directory_gets_a_new_one() {
    let world = World::new();
    let mut function = world.code(
        "const fs = require('fs')
         exports.handler = async ({ files, mb }) => {
           for (let n = 0; n < files; n++) fs.writeFileSync(`${process.env.TMPDIR}/${n}`, Buffer.alloc(mb << 20))
           return [process.pid, process.env.TMPDIR, fs.readdirSync(process.env.TMPDIR).length] }",
    );
    function.ephemeral_storage_mb = 8;
    let first = world.succeed(&function, "{}").await;
    // One file beyond the size fails at once, and harms nobody.
    let error = world.fail(&function, r#"{"files":1,"mb":9}"#).await;
    assert_eq!(error["errorMessage"], "EFBIG: file too large, write");
    let within = world.succeed(&function, r#"{"files":2,"mb":2}"#).await;
    assert_eq!((&within[0], &within[2]), (&first[0], &json!(2)));
    let again = world.succeed(&function, r#"{"files":6,"mb":2}"#).await;
    assert_eq!(again[0], first[0]);
    let log = world.log();
    assert!(
        log.iter()
            .any(|line| line
                .ends_with("the function's ephemeral storage 8 MB: this environment ends]")),
        "{log:#?}"
    );
    let new = world.succeed(&function, "{}").await;
    assert_ne!(new[0], first[0]);
    assert_eq!(new[2], 0);
    let old = first[1].as_str().unwrap().to_owned();
    wait_until(|| !std::path::Path::new(&old).exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_leaves_no_process_and_no_directory() {
    let world = World::new();
    let marker = format!("stepwell-left-{}", std::process::id());
    let function = world.code(&format!(
        "exports.handler = async () => {{
           require('child_process').spawn('sh', ['-c', 'sleep 300; : {marker}'], {{ detached: true, stdio: 'ignore' }})
           return process.env.TMPDIR }}"
    ));
    let scratch = world.succeed(&function, "{}").await;
    // The shell is two of its name until what it has forked executes `sleep`.
    wait_until(|| count(&marker) == 1).await;
    world.pool.shutdown().await;
    assert_eq!(count(&marker), 0);
    assert!(!std::path::Path::new(scratch.as_str().unwrap()).exists());
}

/// Processes whose command line has `marker`.
fn count(marker: &str) -> usize {
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter(|entry| {
            let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(marker)
        })
        .count()
}

fn is_alive(pid: &Value) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

async fn wait_until(mut is_true: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_true() {
        assert!(Instant::now() < deadline, "waited 20 s");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
