//! What surrounds a handler: layers, wrappers, the formats of its log, other runtimes than Node.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{World, invocation, text};
use serde_json::{Value, json};
use stepwell_functions::{
    Configuration, Ending, FunctionError, LogFormat, LogLevel, Logging, package,
};

/// Adds a layer of these files.
fn add_layer(world: &World, function: &mut Configuration, files: &[(&str, &str)]) {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    let zip = package::zip_files(&files).unwrap();
    function.layers.push(world.function_of_zip(zip).package);
    function.revision = format!("{}-{}", function.revision, function.layers.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_of_layers_are_found_and_a_later_layer_wins() {
    let world = World::new();
    let mut function = world.function(&[
        (
            "index.js",
            "exports.handler = async () => ['shared', 'one', 'two', 'major', 'own'].map((name) => require(name))",
        ),
        ("node_modules/own/index.js", "module.exports = 'own'"),
    ]);
    add_layer(
        &world,
        &mut function,
        &[
            (
                "nodejs/node_modules/shared/index.js",
                "module.exports = 'of one'",
            ),
            ("nodejs/node_modules/one/index.js", "module.exports = 1"),
            (
                "nodejs/node_modules/own/index.js",
                "module.exports = 'layer'",
            ),
        ],
    );
    add_layer(
        &world,
        &mut function,
        &[
            (
                "nodejs/node_modules/shared/index.js",
                "module.exports = 'of two'",
            ),
            ("nodejs/node_modules/two/index.js", "module.exports = 2"),
            (
                "nodejs/node20/node_modules/major/index.js",
                "module.exports = 20",
            ),
        ],
    );
    assert_eq!(
        world.succeed(&function, "{}").await,
        json!(["of two", 1, 2, 20, "own"])
    );
    // The same layers in the other order are another directory.
    function.layers.reverse();
    function.revision = "reversed".to_owned();
    assert_eq!(
        world.succeed(&function, "{}").await,
        json!(["of one", 1, 2, 20, "own"])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_a_layer_replaces_a_directory_of_an_earlier_one_and_back() {
    let world = World::new();
    let mut function = world.code(
        "const fs = require('fs'), path = require('path'), opt = process.env.NODE_PATH.split(':')[0].replace('/nodejs/node20/node_modules', '')
         exports.handler = async () => [fs.readFileSync(path.join(opt, 'a'), 'utf8'), fs.readFileSync(path.join(opt, 'b/c'), 'utf8')]",
    );
    add_layer(&world, &mut function, &[("a/x", "1"), ("b", "2")]);
    add_layer(&world, &mut function, &[("a", "3"), ("b/c", "4")]);
    assert_eq!(world.succeed(&function, "{}").await, json!(["3", "4"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrapper_starts_the_runtime() {
    let world = World::new();
    let mut function = world
        .code("exports.handler = async () => [process.env.WRAPPED, process.execArgv.length > 0]");
    // An entry named `bootstrap` is executable in these zips.
    add_layer(
        &world,
        &mut function,
        &[(
            "bootstrap",
            "#!/bin/sh\nexport WRAPPED=\"with $# arguments\"\nexec \"$@\"\n",
        )],
    );
    let wrapper = |function: &mut Configuration, named: &str| {
        let name = "AWS_LAMBDA_EXEC_WRAPPER".to_owned();
        function.environment.insert(name, named.to_owned());
        function.revision = named.to_owned();
    };
    wrapper(&mut function, "/opt/bootstrap");
    assert_eq!(
        world.succeed(&function, "{}").await,
        json!(["with 3 arguments", true])
    );
    wrapper(&mut function, "/opt/none");
    let error = world.invoke(&function, "{}").await.unwrap_err().to_string();
    assert!(error.contains("names /opt/none"), "{error}");
}

/// The log, the error and the type that its REPORT names, of an invocation of what cannot be executed.
async fn fail_at_entrypoint(world: &World, function: &Configuration) -> String {
    let mut call = invocation("{}", "r-1");
    call.log_tail = true;
    let reply = world
        .pool
        .invoke(&Arc::new(function.clone()), world.packages.clone(), call)
        .await
        .unwrap();
    assert_eq!(reply.function_error, Some(FunctionError::Unhandled));
    assert_eq!(
        reply.figures.ending,
        Ending::Error("Runtime.InvalidEntrypoint")
    );
    let answer: Value = serde_json::from_str(&text(&reply)).unwrap();
    assert_eq!(answer["errorType"], "Runtime.InvalidEntrypoint");
    let message = answer["errorMessage"].as_str().unwrap().to_owned();
    let tail = reply.log_tail.unwrap();
    let told = format!(
        "START RequestId: r-1 Version: $LATEST\n{message}\nRuntime.InvalidEntrypoint\nEND RequestId: r-1\nREPORT "
    );
    assert!(tail.starts_with(&told), "{tail}");
    message
}

#[tokio::test(flavor = "multi_thread")]
async fn a_custom_runtime_that_cannot_be_executed_is_a_failure_of_the_function() {
    let world = World::new();
    let provided = |mut function: Configuration| {
        function.runtime = "provided.al2023".to_owned();
        function
    };
    let none = provided(world.function(&[("main", "#!/bin/sh\n")]));
    assert_eq!(
        fail_at_entrypoint(&world, &none).await,
        "RequestId: r-1 Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
    );
    // A directory of the name is not looked at.
    let directory = provided(world.function(&[("bootstrap/x", "#!/bin/sh\n")]));
    assert!(
        fail_at_entrypoint(&world, &directory)
            .await
            .contains("Couldn't find")
    );
    let unknown = provided(world.function(&[("bootstrap", "echo no interpreter\n")]));
    assert_eq!(
        fail_at_entrypoint(&world, &unknown).await,
        "RequestId: r-1 Error: fork/exec /var/task/bootstrap: exec format error"
    );
    let lost = provided(world.function(&[("bootstrap", "#!/nowhere/sh\n")]));
    assert_eq!(
        fail_at_entrypoint(&world, &lost).await,
        "RequestId: r-1 Error: fork/exec /var/task/bootstrap: no such file or directory"
    );
    // A program for the other architecture, where nothing emulates it.
    let machine = if cfg!(target_arch = "x86_64") {
        183
    } else {
        62
    };
    let mut elf = *b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\0\0";
    elf[18] = machine;
    let formats = std::fs::read_dir("/proc/sys/fs/binfmt_misc").map_or(0, Iterator::count);
    if formats <= 2 {
        let zip = package::zip_files(&[("bootstrap", &elf[..])]).unwrap();
        let foreign = provided(world.function_of_zip(zip));
        assert_eq!(
            fail_at_entrypoint(&world, &foreign).await,
            "RequestId: r-1 Error: fork/exec /var/task/bootstrap: exec format error"
        );
    }
    let files = tempfile::tempdir().unwrap();
    std::fs::write(files.path().join("bootstrap"), "#!/bin/sh\n").unwrap();
    let zip = package::zip_directory(files.path()).unwrap();
    let mut plain = provided(world.function_of_zip(zip));
    // The one of a layer does not stand in for it.
    add_layer(&world, &mut plain, &[("bootstrap", "#!/bin/sh\n")]);
    assert_eq!(
        fail_at_entrypoint(&world, &plain).await,
        "RequestId: r-1 Error: fork/exec /var/task/bootstrap: permission denied"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_functions_own_options_reach_node() {
    let world = World::new();
    let mut function = world.code("exports.handler = async () => Error.stackTraceLimit");
    function.environment.insert(
        "NODE_OPTIONS".to_owned(),
        "--stack-trace-limit=3".to_owned(),
    );
    assert_eq!(world.succeed(&function, "{}").await, 3);
}

fn json_log(application_level: LogLevel, system_level: LogLevel) -> Logging {
    Logging {
        format: LogFormat::Json,
        application_level,
        system_level,
    }
}

/// The log as JSON, with what differs from run to run left out.
fn events(world: &World) -> Vec<Value> {
    let lines = world.log();
    let parse = |line: &String| serde_json::from_str::<Value>(line).expect(line);
    let mut events: Vec<Value> = lines.iter().map(parse).collect();
    for event in &mut events {
        let event = event.as_object_mut().unwrap();
        event.remove("time");
        event.remove("timestamp");
        event.remove("stackTrace");
        if let Some(record) = event.get_mut("record") {
            record.as_object_mut().unwrap().remove("functionName");
            if let Some(metrics) = record.get_mut("metrics") {
                let names = metrics.as_object().unwrap().keys().cloned();
                *metrics = names.collect::<Vec<_>>().join(" ").into();
            }
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn the_json_format_writes_one_object_an_event() {
    let world = World::new();
    let mut function = world.code(
        "exports.handler = async () => { console.log('two\\nlines %d', 7); console.warn({ a: 1 }); console.debug('left out')
           console.error('failed:', new RangeError('r')); throw new TypeError('t') }",
    );
    function.logging = json_log(LogLevel::Info, LogLevel::Debug);
    world.fail(&function, "{}").await;
    assert_eq!(
        events(&world),
        [
            json!({"type": "platform.initStart", "record": {"initializationType": "on-demand", "phase": "init",
                "runtimeVersion": "nodejs20.x", "functionVersion": "$LATEST"}}),
            json!({"type": "platform.start", "record": {"requestId": "r-1", "version": "$LATEST"}}),
            json!({"level": "INFO", "requestId": "r-1", "message": "two\nlines 7"}),
            json!({"level": "WARN", "requestId": "r-1", "message": {"a": 1}}),
            json!({"level": "ERROR", "requestId": "r-1", "errorType": "RangeError", "errorMessage": "r",
                "message": events(&world)[4]["message"]}),
            json!({"level": "ERROR", "requestId": "r-1", "errorType": "TypeError", "errorMessage": "t",
                "message": events(&world)[5]["message"]}),
            json!({"type": "platform.runtimeDone", "record": {"requestId": "r-1", "status": "success", "metrics": "durationMs"}}),
            json!({"type": "platform.report", "record": {"requestId": "r-1", "status": "success",
                "metrics": "durationMs billedDurationMs memorySizeMB maxMemoryUsedMB initDurationMs"}}),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn levels_leave_out_what_the_function_logs() {
    let world = World::new();
    let mut function = world.code(
        "exports.handler = async () => { for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) console[level](level)
           process.stdout.write('{\"level\":\"debug\",\"m\":1}\\n{\"level\":\"FATAL\",\"m\":2}\\nplain\\n') }",
    );
    function.logging = json_log(LogLevel::Error, LogLevel::Warn);
    world.succeed(&function, "{}").await;
    // The log may be read a moment after the answer.
    let until = Instant::now() + Duration::from_secs(5);
    while world.log().len() < 3 && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let mut log = world.log();
    log.sort();
    assert_eq!(log.len(), 3, "{log:#?}");
    assert_eq!(log[0], r#"{"level":"FATAL","m":2}"#);
    assert!(log[1].ends_with(r#""level":"ERROR","requestId":"r-1","message":"error"}"#));
    assert!(log[2].ends_with(r#""level":"FATAL","requestId":"r-1","message":"fatal"}"#));
}

#[tokio::test(flavor = "multi_thread")]
async fn runtimes_that_cannot_run_here_are_refused_by_name() {
    let world = World::new();
    for runtime in ["java21", "dotnet8", "ruby3.3", "go1.x", "python2.7", ""] {
        let mut function = world.code("exports.handler = async () => 1");
        function.runtime = runtime.to_owned();
        let error = world.invoke(&function, "{}").await.unwrap_err().to_string();
        assert!(error.contains(&format!("{runtime:?}")), "{error}");
    }
}
