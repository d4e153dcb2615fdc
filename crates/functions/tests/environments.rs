//! Life, limits and isolation of execution environments.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

use harness::{World, text};
use serde_json::{Value, json};
use stepwell_functions::{InvokeError, ThrottleReason, package};

#[tokio::test(flavor = "multi_thread")]
async fn a_timeout_kills_the_function_and_says_so() {
    let world = World::new();
    let mut function = world.code("console.log('up'); exports.handler = async ({ spin }) => { if (spin) for (;;); return process.pid }");
    function.timeout = Duration::from_millis(300);
    let pid = world.succeed(&function, "{}").await;
    let expected = json!({
        "errorType": "Sandbox.Timedout", "errorMessage": "RequestId: r-1 Error: Task timed out after 0.30 seconds"
    });
    assert_eq!(world.fail(&function, r#"{"spin":true}"#).await, expected);
    let log = world.log();
    assert!(
        log.iter()
            .any(|line| line.ends_with(" r-1 Task timed out after 0.30 seconds")),
        "{log:#?}"
    );
    assert!(
        log.last().unwrap().ends_with("\tStatus: timeout"),
        "{log:#?}"
    );
    assert_ne!(world.succeed(&function, "{}").await, pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_fails_the_invocation_and_the_next_one_gets_a_new_environment() {
    let world = World::new();
    let function = world.code("exports.handler = async (e) => e.signal ? process.kill(process.pid, e.signal) && new Promise(() => setTimeout(() => {}, 9e5)) : 'code' in e ? process.exit(e.code) : 'alive'");
    for (payload, message) in [
        (r#"{"code":1}"#, "Runtime exited with error: exit status 1"),
        (r#"{"code":0}"#, "Runtime exited without providing a reason"),
        (
            r#"{"signal":"SIGKILL"}"#,
            "Runtime exited with error: signal: killed",
        ),
        (
            r#"{"signal":"SIGABRT"}"#,
            "Runtime exited with error: signal: aborted",
        ),
    ] {
        let message = format!("RequestId: r-1 Error: {message}");
        let expected = json!({"errorType": "Runtime.ExitError", "errorMessage": message});
        assert_eq!(world.fail(&function, payload).await, expected);
        let log = world.log();
        assert!(
            log.contains(&format!("{message}\nRuntime.ExitError")),
            "{log:#?}"
        );
        assert!(
            log.last()
                .unwrap()
                .ends_with("\tStatus: error\tError Type: Runtime.ExitError")
        );
    }
    assert_eq!(world.succeed(&function, "{}").await, json!("alive"));
    let at_init = world.code("process.exit(3)");
    let error = world.fail(&at_init, "{}").await;
    assert_eq!(
        error["errorMessage"],
        "RequestId: r-1 Error: Runtime exited with error: exit status 3"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_beyond_the_limit_kills_the_function() {
    let world = World::new();
    let mut function = world.code(
        "exports.handler = async () => { const kept = []; for (;;) { kept.push(Buffer.alloc(4 << 20, 1));
           await new Promise((r) => setTimeout(r, 5)) } }",
    );
    function.memory_mb = 128;
    let error = world.fail(&function, "{}").await;
    assert_eq!(error["errorType"], "Runtime.OutOfMemory");
    assert_eq!(
        error["errorMessage"],
        "RequestId: r-1 Error: Runtime exited with error: signal: killed"
    );
    assert!(
        world
            .log()
            .last()
            .unwrap()
            .contains("Memory Size: 128 MB\tMax Memory Used: 128 MB")
    );
    // Faster than anyone can look: the limit on writable memory stops it.
    let mut fast = world.code("exports.handler = async () => { const kept = []; for (;;) kept.push(Buffer.alloc(64 << 20, 1)) }");
    fast.memory_mb = 128;
    let error = world.fail(&fast, "{}").await;
    assert!(error["errorType"].is_string(), "{error}");
    let mut heap = world.code("exports.handler = async () => { const kept = []; for (;;) kept.push({ a: [1, 2, 3, kept.length] }) }");
    heap.memory_mb = 128;
    let error = world.fail(&heap, "{}").await["errorType"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        ["Runtime.OutOfMemory", "Runtime.ExitError"].contains(&error.as_str()),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lines_are_cut_and_say_so() {
    let world = World::new();
    let function = world.code("exports.handler = async () => { process.stdout.write('y'.repeat(300000) + '\\n'); console.log('z'.repeat(300000)) }");
    world.succeed(&function, "{}").await;
    let logs = world.lines();
    let cut = logs
        .iter()
        .position(|line| line.text.starts_with("yyy"))
        .unwrap();
    assert_eq!(logs[cut].text.len(), 262_144);
    assert_eq!(
        logs[cut + 1].text,
        "[37856 bytes of the line above dropped: a line has at most 262144]"
    );
    assert!(
        logs.iter()
            .any(|line| line.text.ends_with("zzz") && line.text.len() == 262_144)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_reads_as_on_aws() {
    let world = World::new();
    let function = world.code(
        "exports.handler = async () => { console.log('two\\nlines %d', 7, { a: 1 }); console.error('bad'); process.stderr.write('raw\\nunended') }",
    );
    let reply = world.invoke(&function, "{}").await.unwrap();
    world.invoke_as(&function, "{}", "r-2").await.unwrap();
    let log = world.log();
    let shape: Vec<String> = log
        .iter()
        .map(|line| line.replace(|c: char| c.is_ascii_digit(), "0"))
        .collect();
    let console = |text: &str| format!("0000-00-00T00:00:00.000Z\tr-0\t{text}");
    assert!(
        shape[0].starts_with("INIT_START Runtime Version: nodejs00.x"),
        "{log:#?}"
    );
    let start = shape
        .iter()
        .position(|line| line == "START RequestId: r-0 Version: $LATEST")
        .unwrap();
    let mut lines = shape[start + 1..start + 5].to_vec();
    lines.sort();
    let mut expected = [
        console("INFO\ttwo\nlines 0 { a: 0 }"),
        console("ERROR\tbad"),
        "raw".into(),
        "unended".into(),
    ];
    expected.sort();
    assert_eq!(lines, expected);
    assert_eq!(shape[start + 5], "END RequestId: r-0");
    assert!(
        log[start + 6].starts_with("REPORT RequestId: r-1\tDuration: "),
        "{log:#?}"
    );
    assert!(log[start + 6].contains("\tMemory Size: 256 MB\tMax Memory Used: "));
    assert!(log[start + 6].contains("\tInit Duration: "));
    assert!(!log.last().unwrap().contains("Init Duration"));
    assert!(
        reply
            .log_tail
            .unwrap()
            .contains("\nEND RequestId: r-1\nREPORT")
    );
    let logs = world.lines();
    assert_eq!(logs[start + 1].request_id.as_deref(), Some("r-1"));
    assert_eq!(logs.last().unwrap().request_id.as_deref(), Some("r-2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_server_reaches_a_function() {
    let world = World::new();
    let mut function = world.code(
        "const fs = require('fs'), { execFileSync } = require('child_process')
         const open = (pid) => fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
           try { return [`${fd}:${fs.readlinkSync(`/proc/${pid}/fd/${fd}`)}`] } catch { return [] } })
         exports.handler = async () => ({ env: process.env, fds: open('self'), cwd: process.cwd(),
           child: execFileSync('/bin/ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }), pid: process.pid,
           group: fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[2] })",
    );
    function
        .environment
        .insert("OWN".to_owned(), "1".to_owned());
    function
        .environment
        .insert("AWS_REGION".to_owned(), "wrong".to_owned());
    function.endpoint_url = Some("http://127.0.0.1:1".to_owned());
    // A descriptor that every exec would inherit, and one more far up.
    let file = std::fs::File::open("/dev/zero").unwrap();
    let leaks = [leak(&file, 10), leak(&file, 200)];
    let answer = world.succeed(&function, "{}").await;
    drop(leaks);
    let names: Vec<&str> = answer["env"]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    let mut expected = vec![
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EC2_METADATA_DISABLED",
        "AWS_ENDPOINT_URL",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_XRAY_CONTEXT_MISSING",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
        "LANG",
        "OWN",
        "PATH",
        "TMPDIR",
        "TZ",
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
    ];
    let mut names = names;
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected);
    assert_eq!(answer["env"]["AWS_REGION"], "us-east-1");
    assert_eq!(answer["env"]["TZ"], ":UTC");
    assert_eq!(answer["cwd"], answer["env"]["LAMBDA_TASK_ROOT"]);
    assert_eq!(answer["pid"].to_string(), answer["group"].as_str().unwrap());
    let fds = answer["fds"].to_string();
    assert!(!fds.contains("/dev/zero"), "{fds}");
    let of_ours = |kind: &str| {
        answer["fds"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|fd| fd.to_string().contains(kind))
            .count()
    };
    assert_eq!(of_ours("socket:"), 1, "{fds}");
    // The handler's own children get neither the Runtime API nor the console descriptor.
    let child = answer["child"].as_str().unwrap();
    assert!(!child.contains("/dev/zero"), "{child}");
    assert_eq!(
        child.matches(" -> ").count(),
        4,
        "0, 1, 2 and the directory itself: {child}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_are_reused_while_warm_and_never_shared() {
    let world = World::new();
    let function = world.code(
        "let count = 0
         exports.handler = async ({ wait }) => { const n = ++count; if (wait) await new Promise((r) => setTimeout(r, wait)); return [process.pid, n, count] }",
    );
    let first = world.succeed(&function, "{}").await;
    let second = world.succeed(&function, "{}").await;
    assert_eq!(first[0], second[0]);
    assert_eq!((&first[1], &second[1]), (&json!(1), &json!(2)));
    // Longer than a busy machine takes to start the others.
    let calls = (0..4).map(|_| world.succeed(&function, r#"{"wait":2500}"#));
    let [a, b, c, d] = calls.collect::<Vec<_>>().try_into().ok().unwrap();
    let answers = tokio::join!(a, b, c, d);
    let mut pids: Vec<Value> = [answers.0, answers.1, answers.2, answers.3]
        .iter()
        .map(|answer| answer[0].clone())
        .collect();
    pids.sort_by_key(ToString::to_string);
    pids.dedup();
    assert_eq!(pids.len(), 4);
    world.pool.retire(&function.function_arn, None);
    assert_eq!(world.succeed(&function, "{}").await[1], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_throttle_and_queue() {
    let world = World::with(|options| {
        options.environments_max = 1;
        options.concurrency_max = 2;
    });
    let mut function = world.code("exports.handler = async () => { await new Promise((r) => setTimeout(r, 300)); return process.pid }");
    let (a, b, c) = tokio::join!(
        world.invoke(&function, "{}"),
        world.invoke(&function, "{}"),
        world.invoke(&function, "{}")
    );
    assert_eq!(text(&a.unwrap()), text(&b.unwrap()));
    let reason = ThrottleReason::ConcurrentInvocationLimitExceeded;
    assert_eq!(c, Err(InvokeError::TooManyRequests { reason, limit: 2 }));
    function.reserved_concurrency = Some(1);
    let (a, b) = tokio::join!(world.invoke(&function, "{}"), world.invoke(&function, "{}"));
    a.unwrap();
    let reason = ThrottleReason::ReservedFunctionConcurrentInvocationLimitExceeded;
    assert_eq!(b, Err(InvokeError::TooManyRequests { reason, limit: 1 }));
    // Another function takes the only place: the idle environment makes room.
    let other = world.code("exports.handler = async () => 'other'");
    assert_eq!(world.succeed(&other, "{}").await, "other");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invocation_is_revoked_while_it_waits_and_never_once_it_runs() {
    let world = World::with(|options| options.environments_max = 1);
    let function = world.code("exports.handler = async (e) => { console.log('in', e.n); await new Promise((r) => setTimeout(r, 300)); return e.n }");
    let configuration = std::sync::Arc::new(function.clone());
    let call = |n: &str, revoked| {
        let invocation = harness::invocation(&format!(r#"{{"n":"{n}"}}"#), n);
        let packages = world.packages.clone();
        world
            .pool
            .invoke_unless(&configuration, packages, invocation, revoked)
    };
    let (revoke, revoked) = tokio::sync::watch::channel(());
    let told = || {
        let mut revoked = revoked.clone();
        async move { drop(revoked.changed().await) }
    };
    let (running, waiting, ()) =
        tokio::join!(call("first", told()), call("second", told()), async {
            wait_until(|| world.log().iter().any(|line| line.ends_with("\tin first"))).await;
            revoke.send(()).unwrap();
        });
    assert_eq!(text(&running.unwrap()), "\"first\"");
    assert_eq!(waiting, Err(InvokeError::Revoked));
    assert_eq!(world.succeed(&function, r#"{"n":"third"}"#).await, "third");
    assert!(!world.log().iter().any(|line| line.contains("in second")));
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_environments_end() {
    let world = World::with(|options| options.idle_after = Duration::from_millis(100));
    let function = world.code("exports.handler = async () => process.pid");
    let pid = world.succeed(&function, "{}").await;
    wait_until(|| !is_alive(&pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_invocation_ends_its_environment_and_frees_its_place() {
    let world = World::with(|options| options.environments_max = 1);
    let function = world.code("exports.handler = async (e) => { if (e.hang) { console.log('pid', process.pid); await new Promise((r) => setTimeout(r, 9e5)) } return 'ok' }");
    let hang = world.invoke(&function, r#"{"hang":true}"#);
    let started = wait_until(|| world.log().iter().any(|line| line.contains("\tpid")));
    tokio::select! { _ = hang => panic!("it hangs"), () = started => {} }
    let log = world.log();
    let line = log.iter().find(|line| line.contains("\tpid")).unwrap();
    let pid: i32 = line.rsplit(' ').next().unwrap().parse().unwrap();
    assert_eq!(world.succeed(&function, "{}").await, "ok");
    wait_until(|| !is_alive(&json!(pid))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_lets_running_invocations_finish_and_refuses_new_ones() {
    let world = World::with(|options| options.environments_max = 1);
    let function = world.code("exports.handler = async () => { console.log('in'); await new Promise((r) => setTimeout(r, 300)); return 'whole' }");
    let (reply, waiting, ()) = tokio::join!(
        world.invoke(&function, "{}"),
        world.invoke(&function, "{}"),
        async {
            wait_until(|| world.log().iter().any(|line| line.ends_with("\tin"))).await;
            world.pool.shutdown().await;
        }
    );
    assert_eq!(text(&reply.unwrap()), "\"whole\"");
    assert_eq!(waiting, Err(InvokeError::ShuttingDown { started: false }));
    assert_eq!(
        world.invoke(&function, "{}").await,
        Err(InvokeError::ShuttingDown { started: false })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_kills_what_outlives_the_grace() {
    let world = World::with(|options| options.shutdown_grace = Duration::from_millis(100));
    let function = world.code("exports.handler = async () => { console.log('in'); await new Promise((r) => setTimeout(r, 9e5)) }");
    let (reply, ()) = tokio::join!(world.invoke(&function, "{}"), async {
        wait_until(|| world.log().iter().any(|line| line.ends_with("\tin"))).await;
        world.pool.shutdown().await;
    });
    assert_eq!(reply, Err(InvokeError::ShuttingDown { started: true }));
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_never_start_a_process() {
    let world = World::new();
    let mut function = world.code("exports.handler = async () => 1");
    assert!(matches!(
        world.invoke(&function, "{oops").await,
        Err(InvokeError::InvalidRequestContent(_))
    ));
    let large = format!("\"{}\"", "x".repeat(6_291_456));
    assert!(matches!(
        world.invoke(&function, &large).await,
        Err(InvokeError::RequestTooLarge {
            length: 6_291_458,
            ..
        })
    ));
    function.runtime = "java21".to_owned();
    let Err(InvokeError::InvalidRuntime(reason)) = world.invoke(&function, "{}").await else {
        panic!()
    };
    assert!(reason.contains("java21"), "{reason}");
    assert_eq!(world.log(), Vec::<String>::new());
    let damaged = world.function_of_zip(b"no zip".to_vec());
    assert!(matches!(
        world.invoke(&damaged, "{}").await,
        Err(InvokeError::InvalidZipFile(_))
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_runtime_speaks_the_api_over_tcp() {
    let world = World::new();
    let bootstrap = r#"#!/usr/bin/env python3
import json, os, urllib.request, urllib.error
api = "http://" + os.environ["AWS_LAMBDA_RUNTIME_API"] + "/2018-06-01/runtime/invocation/"
def post(path, body):
    try:
        return urllib.request.urlopen(urllib.request.Request(api + path, data=body)).status
    except urllib.error.HTTPError as error:
        return error.code
while True:
    with urllib.request.urlopen(api + "next") as response:
        id = response.headers["Lambda-Runtime-Aws-Request-Id"]
        event = json.load(response)
    if event.get("fail"):
        post(id + "/error", b'{"errorType":"Custom","errorMessage":"m"}')
    elif event.get("large"):
        print("large:", post(id + "/response", b"x" * 7000000), flush=True)
    else:
        wrong = post("other/response", b"1")
        right = post(id + "/response", json.dumps([event, wrong, os.environ["_HANDLER"]]).encode())
        print("right:", right, "again:", post(id + "/response", b"2"), flush=True)
"#;
    let mut function = world.function(&[("bootstrap", bootstrap)]);
    function.runtime = "provided.al2023".to_owned();
    assert_eq!(
        world.succeed(&function, r#"{"a":1}"#).await,
        json!([{"a": 1}, 400, "index.handler"])
    );
    assert_eq!(
        world.fail(&function, r#"{"fail":1}"#).await,
        json!({"errorType": "Custom", "errorMessage": "m"})
    );
    assert_eq!(
        world.fail(&function, r#"{"large":1}"#).await["errorType"],
        "Function.ResponseSizeTooLarge"
    );
    let log = world.log();
    assert!(
        log.contains(&"right: 202 again: 403".to_owned()),
        "{log:#?}"
    );
    assert!(log.contains(&"large: 413".to_owned()), "{log:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_environment_that_died_while_idle_costs_no_invocation() {
    let world = World::new();
    let function = world.code("exports.handler = async () => { setTimeout(() => process.exit(9), 1); return process.pid }");
    let pid = world.succeed(&function, "{}").await;
    wait_until(|| !is_alive(&pid)).await;
    assert_ne!(world.succeed(&function, "{}").await, pid);
}

#[tokio::test(flavor = "multi_thread")]
async fn environments_die_with_their_server() {
    // This program, started again, is the server; it invokes, prints the pid and is killed.
    if std::env::var_os("STEPWELL_TEST_SERVER").is_some() {
        let world = World::new();
        let function = world
            .code("exports.handler = async () => { console.log('PID=' + process.pid); for (;;); }");
        let tell = async {
            wait_until(|| world.log().iter().any(|line| line.contains("PID="))).await;
            let log = world.log();
            println!("{}", log.iter().find(|line| line.contains("PID=")).unwrap());
        };
        tokio::join!(world.invoke(&function, "{}").into_ignored(), tell);
        return;
    }
    let mut server = std::process::Command::new(std::env::current_exe().unwrap())
        .args([
            "environments_die_with_their_server",
            "--exact",
            "--nocapture",
        ])
        .env("STEPWELL_TEST_SERVER", "1")
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let out = std::io::BufReader::new(server.stdout.take().unwrap());
    let line = std::io::BufRead::lines(out)
        .map(Result::unwrap)
        .find(|line| line.contains("PID="))
        .unwrap();
    let pid: i32 = line.rsplit('=').next().unwrap().parse().unwrap();
    assert!(is_alive(&json!(pid)));
    server.kill().unwrap();
    assert_eq!(server.wait().unwrap().signal(), Some(9));
    wait_until(|| !is_alive(&json!(pid))).await;
}

trait Ignored: Sized {
    fn into_ignored(self) -> impl Future<Output = ()>;
}

impl<F: Future> Ignored for F {
    async fn into_ignored(self) {
        self.await;
    }
}

#[test]
fn packages_cannot_leave_their_directory() {
    let zip = |name: &str| {
        let good = package::zip_files(&[("a_x", b"1")]).unwrap();
        let mut bytes = good;
        for at in 0..bytes.len() - 3 {
            if &bytes[at..at + 3] == b"a_x" {
                bytes[at..at + 3].copy_from_slice(name.as_bytes());
            }
        }
        package::check(&bytes)
    };
    assert!(zip("b_x").is_ok());
    for name in ["../", "/ab", "a\\b"] {
        assert!(zip(name).is_err(), "{name}");
    }
    assert!(
        package::check(b"PK no")
            .unwrap_err()
            .to_string()
            .starts_with("Could not unzip uploaded file.")
    );
}

#[test]
fn equal_directories_give_equal_zips() {
    let make = |names: [&str; 2]| {
        let directory = tempfile::tempdir().unwrap();
        for name in names {
            std::fs::create_dir_all(directory.path().join("d")).unwrap();
            std::fs::write(directory.path().join("d").join(name), name).unwrap();
        }
        std::os::unix::fs::symlink("d/a", directory.path().join("link")).unwrap();
        package::zip_directory(directory.path()).unwrap()
    };
    let (one, two) = (make(["a", "b"]), make(["b", "a"]));
    assert_eq!(package::id(&one), package::id(&two));
    assert_eq!(package::code_sha256(&one).len(), 44);
    package::check(&one).unwrap();
}

/// A duplicate of `file` at or above `number` that survives an exec.
fn leak(file: &std::fs::File, number: i32) -> impl Drop {
    use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
    #[expect(unsafe_code, reason = "only fcntl makes an inheritable descriptor")]
    // SAFETY: fcntl on a descriptor that is open; the result is owned by nobody else.
    unsafe {
        OwnedFd::from_raw_fd(libc::fcntl(file.as_raw_fd(), libc::F_DUPFD, number))
    }
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

#[tokio::test(flavor = "multi_thread")]
async fn an_init_beyond_its_time_is_run_again_within_the_invocation() {
    let world = World::with(|options| options.init_max = Duration::from_millis(700));
    let directory = tempfile::tempdir().unwrap();
    let function = world.code(&format!(
        "const fs = require('fs'), mark = '{}/tried', isFirst = !fs.existsSync(mark)
         fs.appendFileSync(mark, '.')
         if (isFirst) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60000)
         exports.handler = async () => fs.statSync(mark).size",
        directory.path().display()
    ));
    assert_eq!(world.succeed(&function, "{}").await, 2);
    let log = world.log();
    let told = "INIT_REPORT Init Duration: 700.00 ms\tPhase: init\tStatus: timeout";
    assert!(log.contains(&told.to_owned()), "{log:#?}");
    assert!(!log.last().unwrap().contains("Init Duration"), "{log:#?}");
}
