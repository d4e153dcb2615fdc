// `console.*` as Lambda's text log format has it: time, request id, level and message, separated by tabs, one log
// event a call however many lines it has.
import fs from "node:fs";
import util from "node:util";
import { errorText } from "./errors.mjs";

const LEVELS = { log: "INFO", info: "INFO", debug: "DEBUG", warn: "WARN", error: "ERROR", trace: "TRACE" };
const TEXT_BYTES_MAX = 262144;
const MARK = 0xa55a0003;

let requestId;
let descriptor;

/** Attributes what is logged from now on. */
export function setRequestId(id) {
  requestId = id;
}

/** Sends `console.*` to `logDescriptor` as frames: mark, length, microseconds since 1970, text. */
export function patchConsole(logDescriptor) {
  descriptor = logDescriptor;
  for (const [method, level] of Object.entries(LEVELS)) {
    console[method] = (...values) => log(level, method === "trace" ? trace(values) : util.format(...values));
  }
  console.fatal = (...values) => log("FATAL", util.format(...values));
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
  log("ERROR", `${title} \t${errorText(error)}`);
}

function log(level, message) {
  const now = new Date();
  let text = Buffer.from(`${now.toISOString()}\t${requestId}\t${level}\t${message}`);
  if (text.length > TEXT_BYTES_MAX) text = text.subarray(0, TEXT_BYTES_MAX);
  const frame = Buffer.allocUnsafe(16 + text.length);
  frame.writeUInt32BE(MARK, 0);
  frame.writeUInt32BE(text.length, 4);
  frame.writeBigUInt64BE(BigInt(now.getTime()) * 1000n, 8);
  text.copy(frame, 16);
  // A full pipe blocks here: a function that logs faster than it is read waits.
  for (let at = 0; at < frame.length; ) at += fs.writeSync(descriptor, frame, at);
}

function trace(values) {
  const holder = { name: "Trace", message: util.format(...values) };
  Error.captureStackTrace(holder, console.trace);
  return holder.stack;
}
