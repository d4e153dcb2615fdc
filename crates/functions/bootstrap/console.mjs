// `console.*` as Lambda's log formats have it, one log event a call however many lines it has: time, request id, level
// and message separated by tabs, or one JSON object.
import { AsyncLocalStorage } from "node:async_hooks";
import fs from "node:fs";
import util from "node:util";
import { errorText } from "./errors.mjs";

const LEVELS = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR", trace: "TRACE" };
// From the most talkative to the most severe.
const SEVERITIES = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const TEXT_BYTES_MAX = 262144;
const MARK = 0xa55a0003;

const isJson = process.env.AWS_LAMBDA_LOG_FORMAT === "JSON";
// AWS: levels filter with the JSON format only.
const least = isJson ? SEVERITIES.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL ?? "INFO") : 0;

let requestId;
let descriptor;

/** Attributes what is logged from now on. */
export function setRequestId(id) {
  requestId = id;
}

// Which of several invocations at one time logs; unused where there is one.
let storage;

/** Runs `what` as one of several invocations: what it logs, and what follows from it, is attributed to `id`. */
export function runAs(id, what) {
  storage ??= new AsyncLocalStorage();
  storage.run(id, what);
}

/** The invocation that runs now. */
export function currentRequestId() {
  return storage?.getStore() ?? requestId;
}

/** Sends `console.*` to `logDescriptor` as frames: mark, length, microseconds since 1970, text. */
export function patchConsole(logDescriptor) {
  descriptor = logDescriptor;
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method] = (...values) => log(level, method === "trace" ? [trace(values)] : values);
  }
  console.fatal = (...values) => log("FATAL", values);
}

/**
 * Makes `process.stdout` and `process.stderr` wait for a full pipe, so that what a handler wrote is read before its
 * answer, and a flood waits in the handler and not in memory. The streams are still made on first use only.
 */
export function blockStreams() {
  for (const name of ["stdout", "stderr"]) {
    const { get } = Object.getOwnPropertyDescriptor(process, name);
    const open = () => {
      const stream = get.call(process);
      stream._handle?.setBlocking?.(true);
      Object.defineProperty(process, name, { get: () => stream, configurable: true, enumerable: true });
      return stream;
    };
    Object.defineProperty(process, name, { get: open, configurable: true, enumerable: true });
  }
}

/** Logs an error the way Lambda's runtime does: a title and the error as JSON. */
export function logError(title, error) {
  if (isJson) log("ERROR", [title, error]);
  else log("ERROR", [`${title} \t${errorText(error)}`]);
}

function log(level, values) {
  if (SEVERITIES.indexOf(level) < least) return;
  const now = new Date();
  const time = now.toISOString();
  let text = Buffer.from(isJson ? jsonText(time, level, values) : `${time}\t${currentRequestId()}\t${level}\t${util.format(...values)}`);
  if (text.length > TEXT_BYTES_MAX) text = text.subarray(0, TEXT_BYTES_MAX);
  const frame = Buffer.allocUnsafe(16 + text.length);
  frame.writeUInt32BE(MARK, 0);
  frame.writeUInt32BE(text.length, 4);
  frame.writeBigUInt64BE(BigInt(now.getTime()) * 1000n, 8);
  text.copy(frame, 16);
  // A full pipe blocks here: a function that logs faster than it is read waits.
  for (let at = 0; at < frame.length; ) at += fs.writeSync(descriptor, frame, at);
}

// AWS: a single value is the message as it is; several are formatted, and the first error among them is described.
function jsonText(timestamp, level, values) {
  const event = { timestamp, level, requestId: currentRequestId() };
  if (values.length === 1) {
    event.message = values[0];
    try {
      return JSON.stringify(event, (_key, value) => (value instanceof Error ? described(value) : value));
    } catch {
      // Cyclic, or a number without end: as text.
      event.message = util.format(values[0]);
      return JSON.stringify(event);
    }
  }
  event.message = util.format(...values);
  const error = values.find((value) => value instanceof Error);
  return JSON.stringify(error === undefined ? event : { ...event, ...described(error) });
}

function described(error) {
  const stackTrace = typeof error.stack === "string" ? error.stack.split("\n") : [];
  return { errorType: error?.constructor?.name ?? "UnknownError", errorMessage: error.message, stackTrace };
}

function trace(values) {
  const holder = { name: "Trace", message: util.format(...values) };
  Error.captureStackTrace(holder, console.trace);
  return holder.stack;
}
