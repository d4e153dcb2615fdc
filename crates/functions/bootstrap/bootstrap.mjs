// The Node.js runtime of a Lambda function: loads the handler, then runs one invocation after the other.
// Source of the behaviour: docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html and runtimes-api.html.
import { keepCallsHere, keepImportedCallsHere } from "./aws.mjs";
import { Client } from "./client.mjs";
import { blockStreams, currentRequestId, logError, patchConsole, runAs, setRequestId } from "./console.mjs";
import { NodeJsExit, NotImplemented, UnhandledPromiseRejection, errorBody } from "./errors.mjs";
import { loadHandler } from "./handler.mjs";
import { installStreaming, isStreaming, openResponse } from "./streaming.mjs";

const take = (name) => {
  const value = process.env[name];
  delete process.env[name];
  return value;
};
const apiDescriptor = Number(take("_STEPWELL_API_FD"));
const logDescriptor = Number(take("_STEPWELL_LOG_FD"));
const runtimeMajor = Number(/^nodejs(\d+)/.exec(take("_STEPWELL_RUNTIME") ?? "")?.[1] ?? "0");
keepCallsHere(JSON.parse(take("_STEPWELL_ENDPOINTS") ?? "{}"));
// AWS: Lambda Managed Instances run this many invocations in one environment.
const concurrency = Number(take("_STEPWELL_CONCURRENCY") ?? "1");
// AWS: handlers with a callback ended with nodejs22.x.
const hasCallbacks = runtimeMajor < 24;

// Reading `process.env` is a system-library call each time; these never change.
const functionVersion = process.env.AWS_LAMBDA_FUNCTION_VERSION;
const functionName = process.env.AWS_LAMBDA_FUNCTION_NAME;
const memoryLimitInMB = process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE;
const logGroupName = process.env.AWS_LAMBDA_LOG_GROUP_NAME;
const logStreamName = process.env.AWS_LAMBDA_LOG_STREAM_NAME;
patchConsole(logDescriptor);
blockStreams();
installStreaming();
const client = new Client(apiDescriptor, () => process.exit(1));

// What to do when the event loop runs empty while an invocation is open.
let onEmptyLoop;
process.on("beforeExit", () => {
  const then = onEmptyLoop;
  onEmptyLoop = undefined;
  then?.();
});

// How an error that nobody caught ends the process: by init/error first, by the open invocation later.
let onUncaught = (error, code) => client.initError(errorBody(error), () => process.exit(code));
let isDying = false;
let lastTraceId;
const die = (title, error, code) => {
  if (isDying) return;
  isDying = true;
  logError(title, error);
  onUncaught(error, code);
};
process.on("uncaughtException", (error) => die("Uncaught Exception", error, 129));
process.on("unhandledRejection", (reason, promise) =>
  die("Unhandled Promise Rejection", new UnhandledPromiseRejection(reason, promise), 128),
);

let handler;
const inspectorPort = take("_STEPWELL_INSPECTOR");
// Opened here and not by Node's flag: what a debugger sends before somebody waits for it would be missed.
if (inspectorPort !== undefined) (await import("node:inspector")).open(Number(inspectorPort), "127.0.0.1", true);
try {
  handler = await loadHandler(process.env.LAMBDA_TASK_ROOT, process.env._HANDLER, hasCallbacks);
  if (concurrency > 1 && isStreaming(handler)) {
    handler = undefined;
    throw new NotImplemented("streamed responses with several invocations in one environment");
  }
  keepImportedCallsHere();
} catch (error) {
  die("Uncaught Exception", error, 1);
}
const isAsyncHandler = handler?.constructor?.name === "AsyncFunction";
// What ends each of several invocations by an error that nobody caught.
const failures = new Map();
if (handler !== undefined) {
  if (concurrency > 1) {
    onUncaught = endByError;
    client.start((headers, body) => {
      const requestId = headers.requestId;
      runAs(requestId, () => invoke(headers, body));
    }, concurrency);
  } else {
    client.start(invoke, 1);
  }
}

// The invocation in which the error came up gets it; the others end with the process.
function endByError(error, code) {
  const fail = failures.get(currentRequestId());
  if (fail === undefined) process.exit(code);
  fail(error, code);
}

function invoke(headers, body) {
  const requestId = headers.requestId;
  const isShared = concurrency > 1;
  const traceId = headers.traceId;
  if (!isShared) setRequestId(requestId);
  // AWS: with several invocations at one time the trace is in the context alone.
  if (!isShared && traceId !== lastTraceId) {
    lastTraceId = traceId;
    if (traceId === undefined) delete process.env._X_AMZN_TRACE_ID;
    else process.env._X_AMZN_TRACE_ID = traceId;
  }

  if (isStreaming(handler)) {
    invokeStreaming(headers, requestId, body);
    return;
  }
  let isAnswered = false;
  const answer = (send) => {
    if (isAnswered || isDying) return;
    isAnswered = true;
    onEmptyLoop = undefined;
    failures.delete(requestId);
    send();
  };
  const succeed = (result) => {
    let text;
    try {
      text = JSON.stringify(result === undefined ? null : result) ?? "null";
    } catch {
      fail(new Error("Unable to stringify response body"));
      return;
    }
    answer(() => client.response(requestId, text));
  };
  const fail = (error) => {
    answer(() => {
      logError("Invoke Error", error);
      client.error(requestId, errorBody(error));
    });
  };
  const onUncaughtHere = (error, code) => {
    // An error after the answer belongs to no invocation; the process ends all the same.
    if (isAnswered) process.exit(code);
    client.lastError(requestId, errorBody(error), () => process.exit(code));
  };
  if (isShared) failures.set(requestId, onUncaughtHere);
  else onUncaught = onUncaughtHere;

  let isAsync = isAsyncHandler;
  // AWS: a promise that is never settled fails; a callback that is never called answers null.
  if (!isShared) onEmptyLoop = () => (isAsync ? fail(new NodeJsExit()) : succeed(null));

  let waitsForEmptyLoop = true;
  const finish = (error, result) => (error === undefined || error === null ? succeed(result) : fail(error));
  const callback = (error, result) => {
    if (waitsForEmptyLoop && !isShared) onEmptyLoop = () => setImmediate(finish, error, result);
    else finish(error, result);
  };
  const context = makeContext(headers, requestId, {
    get: () => waitsForEmptyLoop,
    set: (value) => (waitsForEmptyLoop = value),
  });
  if (hasCallbacks) {
    context.succeed = (result) => finish(null, result);
    context.fail = (error) => finish(error ?? "handled");
    context.done = finish;
  }

  try {
    const event = JSON.parse(body);
    const result = hasCallbacks ? handler(event, context, callback) : handler(event, context);
    if (typeof result?.then === "function") {
      isAsync = true;
      result.then(succeed, (error) => fail(error));
    } else if (!hasCallbacks) {
      succeed(result);
    }
  } catch (error) {
    fail(error);
  }
}

function invokeStreaming(headers, requestId, body) {
  const context = makeContext(headers, requestId, { get: () => true, set: () => {} });
  const { stream, settled, fail } = openResponse(client, requestId, handler, {
    isDying: () => isDying,
    isOver: () => {
      onEmptyLoop = undefined;
    },
  });
  onUncaught = (error, code) => fail(error, () => process.exit(code));
  // A promise that is never settled fails; a response that nobody ends is ended.
  onEmptyLoop = () => fail(new NodeJsExit());
  const handled = () => {
    onEmptyLoop = () => stream.end();
    settled();
  };
  try {
    const result = handler(JSON.parse(body), stream, context);
    if (typeof result?.then === "function") result.then(handled, (error) => fail(error));
    else handled();
  } catch (error) {
    fail(error);
  }
}

function makeContext(headers, requestId, waits) {
  const deadline = Number(headers.deadlineMs);
  // A debugger is attached: a person has all the time.
  const still = headers.stillMs;
  const json = (text) => (text === undefined ? undefined : JSON.parse(text));
  const context = {
    get callbackWaitsForEmptyEventLoop() {
      return waits.get();
    },
    set callbackWaitsForEmptyEventLoop(value) {
      waits.set(value);
    },
    functionVersion,
    functionName,
    memoryLimitInMB,
    logGroupName,
    logStreamName,
    clientContext: json(headers.clientContext),
    identity: json(headers.identity),
    invokedFunctionArn: headers.functionArn,
    awsRequestId: requestId,
  };
  if (concurrency > 1) context.xRayTraceId = headers.traceId;
  context.getRemainingTimeInMillis = () => (still === undefined ? deadline - Date.now() : Number(still));
  return context;
}
