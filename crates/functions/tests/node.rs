//! Handlers in Node.js, each in a real process.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use harness::{FUNCTION_ARN, World, invocation, text};
use serde_json::json;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn async_handler_gets_the_event_and_returns_its_result() {
    let world = World::new();
    let echo = world.code("exports.handler = async (event) => ({ got: event })");
    assert_eq!(
        world.succeed(&echo, r#"{"a":[1,"ü"]}"#).await,
        json!({"got": {"a": [1, "ü"]}})
    );
    assert_eq!(world.succeed(&echo, "").await, json!({"got": {}}));
}

#[tokio::test(flavor = "multi_thread")]
async fn undefined_becomes_null_and_a_sync_result_is_ignored_before_node_24() {
    let world = World::new();
    let nothing = world.code("exports.handler = async () => {}");
    assert_eq!(world.succeed(&nothing, "{}").await, json!(null));
    let mut sync = world.code("exports.handler = (event) => 'now'");
    assert_eq!(world.succeed(&sync, "{}").await, json!(null));
    sync.runtime = "nodejs24.x".to_owned();
    sync.revision = "2".to_owned();
    assert_eq!(world.succeed(&sync, "{}").await, json!("now"));
}

#[tokio::test(flavor = "multi_thread")]
async fn thrown_errors_carry_their_name_message_and_trace() {
    let world = World::new();
    let typed = world.code(
        "class ValidationError extends Error { constructor(m) { super(m); this.name = 'ValidationError' } }
         exports.handler = async () => { throw new ValidationError('no items') }",
    );
    let error = world.fail(&typed, "{}").await;
    assert_eq!(error["errorType"], "ValidationError");
    assert_eq!(error["errorMessage"], "no items");
    assert_eq!(error["trace"][0], "ValidationError: no items");
    assert!(
        error["trace"][1].as_str().unwrap().contains("index.js:2"),
        "{error}"
    );
    let sync = world.code("exports.handler = () => { throw new TypeError('sync') }");
    assert_eq!(world.fail(&sync, "{}").await["errorType"], "TypeError");
    // The environment survives a thrown error.
    assert_eq!(
        world.fail(&typed, "{}").await["errorType"],
        "ValidationError"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn thrown_values_that_are_no_errors_are_typed_by_typeof() {
    let world = World::new();
    let thrower = world.code("exports.handler = async (event) => { throw event.v }");
    for (payload, error_type, message) in [
        (r#"{"v":"x"}"#, "string", "x"),
        (r#"{"v":7}"#, "number", "7"),
        ("{}", "undefined", "undefined"),
    ] {
        let expected = json!({"errorType": error_type, "errorMessage": message, "trace": []});
        assert_eq!(world.fail(&thrower, payload).await, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_that_nobody_caught_fail_the_invocation_and_end_the_environment() {
    let world = World::new();
    let rejected = world.code(
        "exports.handler = (event, context) => { Promise.reject(new Error('lost')); setTimeout(() => {}, 60000) }",
    );
    let error = world.fail(&rejected, "{}").await;
    assert_eq!(error["errorType"], "Runtime.UnhandledPromiseRejection");
    assert_eq!(error["errorMessage"], "Error: lost");
    let thrown = world
        .code("exports.handler = () => { setTimeout(() => { throw new RangeError('late') }, 1) }");
    assert_eq!(world.fail(&thrown, "{}").await["errorType"], "RangeError");
    assert_eq!(world.fail(&thrown, "{}").await["errorMessage"], "late");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_cannot_be_loaded_says_why() {
    let world = World::new();
    let mut function = world.code("require('./nowhere'); exports.handler = async () => 1");
    let error = world.fail(&function, "{}").await;
    assert_eq!(error["errorType"], "Runtime.ImportModuleError");
    assert!(
        error["errorMessage"]
            .as_str()
            .unwrap()
            .starts_with("Error: Cannot find module './nowhere'"),
        "{error}"
    );

    function = world.code("exports.other = async () => 1");
    let error = world.fail(&function, "{}").await;
    assert_eq!(error["errorType"], "Runtime.HandlerNotFound");
    assert_eq!(
        error["errorMessage"],
        "index.handler is undefined or not exported"
    );
    function.handler = "missing.handler".to_owned();
    function.revision = "2".to_owned();
    assert_eq!(
        world.fail(&function, "{}").await["errorType"],
        "Runtime.ImportModuleError"
    );
    function.handler = "handler".to_owned();
    function.revision = "3".to_owned();
    let error = world.fail(&function, "{}").await;
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (
            &json!("Runtime.MalformedHandlerName"),
            &json!("Bad handler")
        )
    );
    function.handler = "../index.handler".to_owned();
    function.revision = "4".to_owned();
    assert_eq!(
        world.fail(&function, "{}").await["errorType"],
        "Runtime.MalformedHandlerName"
    );

    function = world.code("exports.handler = async () => {\n  return = 1\n}");
    let error = world.fail(&function, "{}").await;
    assert_eq!(error["errorType"], "Runtime.UserCodeSyntaxError");
    assert!(error["trace"].to_string().contains("index.js:2"), "{error}");

    function = world.code("throw new Error('at init')");
    assert_eq!(world.fail(&function, "{}").await["errorMessage"], "at init");
}

#[tokio::test(flavor = "multi_thread")]
async fn callback_handlers_answer_until_node_22() {
    let world = World::new();
    let mut function = world.code(
        "exports.handler = (event, context, callback) => {
           setTimeout(() => event.fail ? callback(new Error('no')) : callback(null, 'called'), 1)
         }",
    );
    assert_eq!(world.succeed(&function, "{}").await, json!("called"));
    assert_eq!(
        world.fail(&function, r#"{"fail":true}"#).await["errorMessage"],
        "no"
    );
    function.runtime = "nodejs24.x".to_owned();
    function.revision = "2".to_owned();
    assert_eq!(
        world.fail(&function, "{}").await["errorType"],
        "Runtime.CallbackHandlerDeprecated"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_waits_for_the_empty_event_loop_unless_told_not_to() {
    let world = World::new();
    let function = world.code(
        "let ticks = 0
         exports.handler = (event, context, callback) => {
           context.callbackWaitsForEmptyEventLoop = event.wait
           ticks = 0
           const tick = () => { if (++ticks < 3) setTimeout(tick, 5) }
           tick()
           callback(null, { get ticks() { return ticks } })
         }",
    );
    assert_eq!(
        world.succeed(&function, r#"{"wait":true}"#).await,
        json!({"ticks": 3})
    );
    assert_eq!(
        world.succeed(&function, r#"{"wait":false}"#).await,
        json!({"ticks": 1})
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_loop_that_runs_empty_ends_the_invocation() {
    let world = World::new();
    let promise = world.code("exports.handler = () => new Promise(() => {})");
    assert_eq!(
        world.fail(&promise, "{}").await["errorType"],
        "Runtime.NodeJsExit"
    );
    let callback = world.code("exports.handler = (event, context, callback) => {}");
    assert_eq!(world.succeed(&callback, "{}").await, json!(null));
    assert_eq!(world.succeed(&callback, "{}").await, json!(null));
}

#[tokio::test(flavor = "multi_thread")]
async fn modules_top_level_await_and_nested_exports_are_found() {
    let world = World::new();
    let mut function = world.function(&[(
        "src/app.mjs",
        "const v = await Promise.resolve(5); export const orders = { create: async () => v }",
    )]);
    function.handler = "src/app.orders.create".to_owned();
    assert_eq!(world.succeed(&function, "{}").await, json!(5));
    let function = world.function(&[
        ("package.json", r#"{"type":"module"}"#),
        (
            "index.js",
            "import { a } from './a.js'; export const handler = async () => a",
        ),
        ("a.js", "export const a = 'esm'"),
    ]);
    assert_eq!(world.succeed(&function, "{}").await, json!("esm"));
    let missing = world.function(&[("index.mjs", "import './gone.mjs'; export const handler = 1")]);
    assert_eq!(
        world.fail(&missing, "{}").await["errorType"],
        "Runtime.ImportModuleError"
    );
    let syntax = world.function(&[("index.mjs", "export const handler = async () => { let 1 }")]);
    assert_eq!(
        world.fail(&syntax, "{}").await["errorType"],
        "Runtime.UserCodeSyntaxError"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_context_is_complete() {
    let world = World::new();
    let function = world.code(
        "exports.handler = async (event, context) => ({ ...context, left: context.getRemainingTimeInMillis(),
           kinds: ['done', 'fail', 'succeed'].map((name) => typeof context[name]), trace: process.env._X_AMZN_TRACE_ID })",
    );
    let mut call = invocation("{}", "r-9");
    call.trace_id = Some("Root=1-2-3".to_owned());
    call.client_context = Some("eyJjdXN0b20iOnsiayI6InYifX0=".to_owned());
    let reply = world
        .pool
        .invoke(&Arc::new(function.clone()), world.packages.clone(), call)
        .await
        .unwrap();
    let mut context: serde_json::Value = serde_json::from_slice(&reply.payload).unwrap();
    let left = context["left"].take().as_f64().unwrap();
    assert!(left > 20_000.0 && left <= 30_000.0, "{left}");
    assert!(
        context["logStreamName"]
            .take()
            .as_str()
            .unwrap()
            .contains("/[$LATEST]")
    );
    let trace = context["trace"].take();
    assert!(trace.as_str().unwrap().starts_with("Root=1-2-3"), "{trace}");
    assert_eq!(
        context,
        json!({
            "callbackWaitsForEmptyEventLoop": true, "functionVersion": "$LATEST", "memoryLimitInMB": "256",
            "functionName": function.function_name, "invokedFunctionArn": FUNCTION_ARN,
            "logGroupName": format!("/aws/lambda/{}", function.function_name), "logStreamName": null,
            "clientContext": {"custom": {"k": "v"}}, "awsRequestId": "r-9", "left": null,
            "kinds": ["function", "function", "function"], "trace": null,
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn results_of_6_mb_pass_and_larger_ones_fail() {
    let world = World::new();
    let function = world.code("exports.handler = async ({ n }) => 'x'.repeat(n)");
    let reply = world.invoke(&function, r#"{"n":6291000}"#).await.unwrap();
    assert_eq!(
        (reply.payload.len(), reply.function_error),
        (6_291_002, None)
    );
    let error = world.fail(&function, r#"{"n":7000000}"#).await;
    assert_eq!(error["errorType"], "Function.ResponseSizeTooLarge");
    assert_eq!(
        error["errorMessage"],
        "Response payload size (7000002 bytes) exceeded maximum allowed payload size (6291556 bytes)."
    );
    assert_eq!(world.succeed(&function, r#"{"n":1}"#).await, json!("x"));
    let long = format!(r#"{{"n":2,"pad":"{}"}}"#, "ü".repeat(2_000_000));
    assert_eq!(world.succeed(&function, &long).await, json!("xx"));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_that_have_no_json_fail() {
    let world = World::new();
    let function = world.code("exports.handler = async () => { const a = {}; a.a = a; return a }");
    let reply = world.invoke(&function, "{}").await.unwrap();
    assert!(
        text(&reply).contains("Unable to stringify response body"),
        "{}",
        text(&reply)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thenable_is_awaited_like_a_promise() {
    let world = World::new();
    let function = world.code(
        "exports.handler = (event) => ({ then(resolve, reject) { setTimeout(() => event.fail ? reject(new RangeError('no')) : resolve('later'), 1) } })",
    );
    assert_eq!(world.succeed(&function, "{}").await, json!("later"));
    let error = world.fail(&function, r#"{"fail":true}"#).await;
    assert_eq!(error["errorType"], "RangeError");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contexts_old_ways_to_answer_work_until_node_22() {
    let world = World::new();
    let mut function = world.code(
        "exports.handler = (event, context) => { if (event.how) context[event.how](...event.values); else return Promise.resolve(typeof context.done) }",
    );
    for (payload, expected) in [
        (r#"{"how":"succeed","values":["yes"]}"#, "yes"),
        (r#"{"how":"done","values":[null,"done"]}"#, "done"),
    ] {
        assert_eq!(world.succeed(&function, payload).await, json!(expected));
    }
    let error = world
        .fail(&function, r#"{"how":"fail","values":["why"]}"#)
        .await;
    assert_eq!(
        (&error["errorType"], &error["errorMessage"]),
        (&json!("string"), &json!("why"))
    );
    function.runtime = "nodejs24.x".to_owned();
    function.revision = "2".to_owned();
    assert_eq!(world.succeed(&function, "{}").await, json!("undefined"));
}
