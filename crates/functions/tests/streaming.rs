//! Responses that come as the handler writes them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod harness;

use std::sync::Arc;
use std::time::Duration;

use harness::{World, invocation, text};
use serde_json::{Value, json};
use stepwell_functions::{
    Configuration, InvokeError, InvokeReply, STREAM_BYTES_MAX, StreamPart, StreamSink,
};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

type Running = JoinHandle<Result<InvokeReply, InvokeError>>;

fn open(
    world: &World,
    function: &Configuration,
    payload: &str,
) -> (mpsc::Receiver<StreamPart>, Running) {
    let (sink, parts) = StreamSink::new();
    let mut invocation = invocation(payload, "r-1");
    invocation.stream = Some(sink);
    let (pool, packages) = (world.pool.clone(), world.packages.clone());
    let function = Arc::new(function.clone());
    let running = tokio::spawn(async move { pool.invoke(&function, packages, invocation).await });
    (parts, running)
}

/// Content type and body, to their end.
async fn drain(parts: &mut mpsc::Receiver<StreamPart>) -> (Option<String>, Vec<u8>) {
    let (mut kind, mut body) = (None, Vec::new());
    while let Some(part) = parts.recv().await {
        match part {
            StreamPart::Start { content_type } => kind = Some(content_type),
            StreamPart::Data(bytes) => body.extend_from_slice(&bytes),
        }
    }
    (kind, body)
}

fn json(reply: &InvokeReply) -> Value {
    serde_json::from_slice(&reply.payload).unwrap_or_else(|_| panic!("{}", text(reply)))
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_arrive_while_the_handler_writes() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let gate = directory.path().join("gate");
    let function = world.code(
        "const fs = require('node:fs');
         exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
           stream.setContentType('text/plain');
           stream.write('one ' + context.awsRequestId);
           while (!fs.existsSync(event.gate)) await new Promise((go) => setTimeout(go, 1));
           stream.write('');
           stream.end('two');
         })",
    );
    let mut function = function;
    let payload = json!({ "gate": gate }).to_string();
    for runtime in ["nodejs22.x", "nodejs22.x", "nodejs24.x"] {
        function.revision = runtime.to_owned();
        function.runtime = runtime.to_owned();
        let (mut parts, running) = open(&world, &function, &payload);
        let start = StreamPart::Start {
            content_type: "text/plain".to_owned(),
        };
        assert_eq!(parts.recv().await, Some(start));
        assert_eq!(parts.recv().await, Some(StreamPart::Data("one r-1".into())));
        std::fs::write(&gate, "").unwrap();
        assert_eq!(drain(&mut parts).await, (None, b"two".to_vec()));
        let reply = running.await.unwrap().unwrap();
        assert_eq!((text(&reply), reply.function_error), (String::new(), None));
        std::fs::remove_file(&gate).unwrap();
    }
    std::fs::write(&gate, "").unwrap();
    let whole = world.invoke(&function, &payload).await.unwrap();
    assert_eq!(
        text(&whole),
        "one r-1two",
        "a caller that wants it whole gets it whole"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_http_response_begins_with_its_head() {
    let world = World::new();
    let function = world.code(
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => {
           stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { a: 'b' } });
           stream.write('body');
           stream.end();
         })",
    );
    let (mut parts, running) = open(&world, &function, "{}");
    let (kind, body) = drain(&mut parts).await;
    assert_eq!(
        kind.as_deref(),
        Some("application/vnd.awslambda.http-integration-response")
    );
    assert_eq!(
        body,
        b"{\"statusCode\":201,\"headers\":{\"a\":\"b\"}}\0\0\0\0\0\0\0\0body"
    );
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_ends_the_stream_where_it_is() {
    let world = World::new();
    let function = world.code(
        "class Broken extends Error { constructor(m) { super(m); this.name = 'Broken'; } }
         exports.handler = awslambda.streamifyResponse(async ({ first, how }, stream) => {
           if (first) await new Promise((done) => stream.write(first, done));
           if (how === 'throw') throw new Broken('in the middle');
           if (how === 'destroy') { stream.destroy(new Broken('in the middle')); return; }
           if (how === 'uncaught') { setTimeout(() => { throw new Broken('in the middle'); }); await new Promise(() => {}); }
           if (how === 'exit') process.exit(3);
           await new Promise(() => {});
         })",
    );
    for (how, name) in [
        ("throw", "Broken"),
        ("destroy", "Broken"),
        ("uncaught", "Broken"),
        ("exit", "Runtime.ExitError"),
        ("never", "Runtime.NodeJsExit"),
    ] {
        for first in ["", "some"] {
            let payload = json!({ "first": first, "how": how }).to_string();
            let (mut parts, running) = open(&world, &function, &payload);
            let (_, body) = drain(&mut parts).await;
            assert_eq!(body, first.as_bytes(), "{how}");
            let reply = running.await.unwrap().unwrap();
            assert!(reply.function_error.is_some(), "{how}");
            assert_eq!(json(&reply)["errorType"], name, "{how} {first}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_nobody_ends_is_ended() {
    let world = World::new();
    let function = world.code(
        "const { Readable } = require('node:stream');
         exports.handler = awslambda.streamifyResponse(async ({ pipes }, stream) => {
           if (pipes) Readable.from(['a', 'b', 'c']).pipe(stream);
           else stream.write('abc');
         })",
    );
    for payload in ["{\"pipes\":true}", "{}"] {
        let (mut parts, running) = open(&world, &function, payload);
        assert_eq!(drain(&mut parts).await.1, b"abc");
        assert_eq!(running.await.unwrap().unwrap().function_error, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_does_not_stream_gives_one_part() {
    let world = World::new();
    let function = world.code("exports.handler = async (event) => event");
    let (mut parts, running) = open(&world, &function, "[1]");
    let (kind, body) = drain(&mut parts).await;
    assert_eq!(
        (kind.as_deref(), body),
        (Some("application/json"), b"[1]".to_vec())
    );
    assert_eq!(text(&running.await.unwrap().unwrap()), "[1]");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_does_not_read_stops_the_handler_and_fills_no_memory() {
    let world = World::new();
    let directory = tempfile::tempdir().unwrap();
    let written = directory.path().join("written");
    let mut function = world.code(
        "const fs = require('node:fs');
         const { pipeline } = require('node:stream/promises');
         exports.handler = awslambda.streamifyResponse(async ({ written }, stream) => {
           let total = 0;
           await pipeline(async function* () {
             for (;;) { total += 65536; fs.writeFileSync(written, String(total)); yield Buffer.alloc(65536); }
           }, stream);
         })",
    );
    function.timeout = Duration::from_secs(1);
    let payload = json!({ "written": written }).to_string();
    let (mut parts, running) = open(&world, &function, &payload);
    let reply = running.await.unwrap().unwrap();
    assert_eq!(json(&reply)["errorType"], "Sandbox.Timedout");
    let total: usize = std::fs::read_to_string(&written).unwrap().parse().unwrap();
    assert!(
        total < 4 << 20,
        "{total} bytes were written for a caller that reads none"
    );
    assert!(drain(&mut parts).await.1.len() < total);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_that_has_gone_does_not_stop_the_handler() {
    let world = World::new();
    let function = world.code(
        "exports.handler = awslambda.streamifyResponse(async (event, stream) => {
           for (let n = 0; n < 100; n++) if (!stream.write(Buffer.alloc(65536))) await new Promise((go) => stream.once('drain', go));
           console.log('written');
           stream.end();
         })",
    );
    let (parts, running) = open(&world, &function, "{}");
    drop(parts);
    assert_eq!(running.await.unwrap().unwrap().function_error, None);
    assert!(world.log().iter().any(|line| line.ends_with("written")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_has_a_largest_size() {
    let world = World::new();
    let mut function = world.code(
        "const { pipeline } = require('node:stream/promises');
         exports.handler = awslambda.streamifyResponse(async ({ bytes }, stream) => {
           const part = Buffer.alloc(1 << 20);
           await pipeline(async function* () { for (let left = bytes; left > 0; left -= part.length) yield part; }, stream);
         })",
    );
    function.timeout = Duration::from_secs(60);
    function.memory_mb = 512;
    let over = world.fail(&function, r#"{"bytes":7340032}"#).await;
    assert_eq!(over["errorType"], "Function.ResponseSizeTooLarge");
    let payload = json!({ "bytes": STREAM_BYTES_MAX + 1 }).to_string();
    let (mut parts, running) = open(&world, &function, &payload);
    let mut length = 0;
    while let Some(part) = parts.recv().await {
        if let StreamPart::Data(bytes) = part {
            length += bytes.len() as u64;
        }
    }
    assert!(
        length <= STREAM_BYTES_MAX && length > STREAM_BYTES_MAX - (1 << 20),
        "{length}"
    );
    let reply = running.await.unwrap().unwrap();
    assert_eq!(json(&reply)["errorType"], "Function.ResponseSizeTooLarge");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_runtime_streams_with_chunks_and_trailers() {
    let world = World::new();
    let bootstrap = r#"#!/usr/bin/env node
const http = require('node:http');
const [host, port] = process.env.AWS_LAMBDA_RUNTIME_API.split(':');
const call = (method, path, headers, body) => new Promise((done, failed) => {
  const request = http.request({ host, port, method, path: '/2018-06-01/runtime' + path, headers }, (response) => {
    let text = '';
    response.on('data', (part) => (text += part)).on('end', () => done({ headers: response.headers, status: response.statusCode, text }));
  }).on('error', failed);
  body(request);
});
(async () => {
  for (;;) {
    const next = await call('GET', '/invocation/next', {}, (request) => request.end());
    const { fail } = JSON.parse(next.text);
    const id = next.headers['lambda-runtime-aws-request-id'];
    const headers = { 'Lambda-Runtime-Function-Response-Mode': 'streaming', 'Transfer-Encoding': 'chunked', 'Content-Type': 'text/html',
      Trailer: 'Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body' };
    const answer = await call('POST', '/invocation/' + id + '/response', headers, (request) => {
      request.write('<p>');
      if (fail) request.addTrailers({ 'Lambda-Runtime-Function-Error-Type': 'Custom',
        'Lambda-Runtime-Function-Error-Body': Buffer.from('{"errorType":"Custom","errorMessage":"m"}').toString('base64') });
      request.end('</p>');
    });
    console.log('answered ' + answer.status);
  }
})();
"#;
    let mut function = world.function(&[("bootstrap", bootstrap)]);
    function.runtime = "provided.al2023".to_owned();
    let (mut parts, running) = open(&world, &function, "{}");
    let (kind, body) = drain(&mut parts).await;
    assert_eq!(
        (kind.as_deref(), body),
        (Some("text/html"), b"<p></p>".to_vec())
    );
    assert_eq!(running.await.unwrap().unwrap().function_error, None);
    let (mut parts, running) = open(&world, &function, r#"{"fail":true}"#);
    assert_eq!(drain(&mut parts).await.1, b"<p></p>");
    let reply = running.await.unwrap().unwrap();
    assert_eq!(
        json(&reply),
        json!({ "errorType": "Custom", "errorMessage": "m" })
    );
    let whole = world.invoke(&function, "{}").await.unwrap();
    assert_eq!(text(&whole), "<p></p>");
    assert!(
        world.log().contains(&"answered 202".to_owned()),
        "{:?}",
        world.log()
    );
}
