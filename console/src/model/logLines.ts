/** Lines of logs: how bad they are, what they are about, and how they read. */

import type { Logs } from "../api/generated";
import { isFields } from "./json";

export interface LogLine {
  /** Unique among the lines that are shown. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly group?: string;
  readonly stream?: string;
  readonly message: string;
}

export type Level = "error" | "warn" | "info" | "debug" | "system";

/** How a level looks: never by its colour alone. */
export const LEVELS: Readonly<Record<Level, { readonly text: string; readonly tone: "bad" | "warn" | "busy" | "quiet" }>> = {
  error: { text: "ERROR", tone: "bad" },
  warn: { text: "WARN", tone: "warn" },
  info: { text: "INFO", tone: "busy" },
  debug: { text: "DEBUG", tone: "quiet" },
  system: { text: "SYSTEM", tone: "quiet" },
};

/** What a line is, as far as it says. */
export interface LineFacts {
  readonly level: Level | null;
  /** One line to read: of a JSON message its text, of Lambda's text format what was logged. */
  readonly headline: string;
  /** The message, or the object that it ends with, where that is JSON. */
  readonly json: Readonly<Record<string, unknown>> | null;
  readonly requestId: string | null;
  readonly traceId: string | null;
  readonly executionArn: string | null;
}

const UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}";
/** AWS: `console.*` of Node.js writes instant, request id, level and message with tabs between them. */
const NODE_LINE = new RegExp(`^\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z\\t(${UUID}|undefined)\\t([A-Z]+)\\t`);
/** AWS: Python's handler writes `[LEVEL]`, instant and request id. */
const PYTHON_LINE = new RegExp(`^\\[([A-Z]+)\\]\\t\\d{4}-\\d\\d-\\d\\dT[\\d:.]+Z\\t(${UUID})\\t`);
const PLATFORM_LINE = /^(START|END|REPORT|INIT_START|INIT_REPORT|EXTENSION|XRAY) /;
const REQUEST_ID = new RegExp(`RequestId: (${UUID})`);
const TRACE_ID = /\b1-[0-9a-f]{8}-[0-9a-f]{24}\b/;
const EXECUTION_ARN = /\barn:aws[\w-]*:states:[\w-]+:\d{12}:(?:execution|express):[^\s"'\\,\]})]+/;
/** A level further back in a line is a word like another. */
const LEVEL_WITHIN = 160;
const LEVEL_WORD = /\b(FATAL|CRITICAL|ERROR|WARN|WARNING|INFO|DEBUG|TRACE)\b|\blevel[=:]\s*"?(\w+)/;

/** Longer messages are not parsed: their level is not worth the wait. */
const PARSED_MAX = 300_000;

export function lineFacts(message: string): LineFacts {
  const json = jsonOf(message);
  if (json !== null) return jsonFacts(json, message);
  const ids = idsOf(message);
  const node = NODE_LINE.exec(message);
  if (node) {
    const rest = message.slice(node[0].length);
    const inside = jsonOf(rest);
    const requestId = node[1] === "undefined" ? null : (node[1] ?? null);
    return { ...ids, level: levelOf(node[2]), headline: oneLine(inside ? headlineOf(inside, rest) : rest), json: inside, requestId };
  }
  const python = PYTHON_LINE.exec(message);
  if (python) {
    const rest = message.slice(python[0].length);
    return { ...ids, level: levelOf(python[1]), headline: oneLine(rest), json: jsonOf(rest), requestId: python[2] ?? null };
  }
  if (PLATFORM_LINE.test(message)) {
    const isBad = /\tStatus: (timeout|error)/.test(message);
    return { ...ids, level: isBad ? "error" : "system", headline: oneLine(message), json: null };
  }
  const found = LEVEL_WORD.exec(message.slice(0, LEVEL_WITHIN));
  return { ...ids, level: found ? levelOf(found[1] ?? found[2]) : null, headline: oneLine(message), json: null };
}

function jsonFacts(json: Readonly<Record<string, unknown>>, message: string): LineFacts {
  const ids = idsOf(message);
  const record = objectOf(json["record"]) ?? {};
  const text = (...values: unknown[]): string | null => values.find((value): value is string => typeof value === "string" && value !== "") ?? null;
  const requestId = text(json["requestId"], json["AWSRequestId"], json["aws_request_id"], json["function_request_id"], record["requestId"]) ?? ids.requestId;
  const isExecution = typeof json["execution_arn"] === "string" && typeof json["type"] === "string";
  const type = text(json["type"]) ?? "";
  let level = levelOf(json["level"] ?? json["severity"] ?? json["levelname"] ?? json["log.level"] ?? json["lvl"]);
  if (level === null && isExecution) level = /(Failed|TimedOut|Aborted)$|^FailStateEntered$/.test(type) ? "error" : "info";
  // AWS: lines of Lambda itself, where the log format is JSON.
  if (level === null && type.startsWith("platform.")) level = /"status":\s*"(error|timeout|failure)"/.test(message) ? "error" : "system";
  return { level, headline: oneLine(headlineOf(json, message)), json, requestId, traceId: ids.traceId, executionArn: text(json["execution_arn"]) ?? ids.executionArn };
}

function idsOf(message: string): Pick<LineFacts, "requestId" | "traceId" | "executionArn"> {
  return {
    requestId: REQUEST_ID.exec(message)?.[1] ?? null,
    traceId: TRACE_ID.exec(message)?.[0] ?? null,
    executionArn: EXECUTION_ARN.exec(message)?.[0] ?? null,
  };
}

/** What a person reads first of a JSON line. */
function headlineOf(json: Readonly<Record<string, unknown>>, message: string): string {
  for (const name of ["message", "msg", "event", "text"]) {
    const value = json[name];
    if (typeof value === "string" && value !== "") {
      const error = objectOf(json["error"]) ?? objectOf(json["err"]);
      const about = error ? [error["name"] ?? error["type"], error["message"]].filter((part) => typeof part === "string").join(": ") : "";
      return about ? `${value}: ${about}` : value;
    }
    const inner = objectOf(value);
    if (name === "message" && inner) return JSON.stringify(inner);
  }
  if (typeof json["execution_arn"] === "string" && typeof json["type"] === "string") {
    const details = objectOf(json["details"]) ?? {};
    const about = details["name"] ?? details["error"] ?? details["resource"];
    return `${json["type"]}${typeof about === "string" ? ` ${about}` : ""}`;
  }
  if (typeof json["type"] === "string" && objectOf(json["record"])) return `${json["type"]} ${JSON.stringify(json["record"])}`;
  if (typeof json["errorMessage"] === "string") return `${typeof json["errorType"] === "string" ? `${json["errorType"]}: ` : ""}${json["errorMessage"]}`;
  return message;
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | null {
  return isFields(value) ? value : null;
}

function jsonOf(text: string): Readonly<Record<string, unknown>> | null {
  const trimmed = text.trim();
  if (!trimmed.startsWith("{") || !trimmed.endsWith("}") || trimmed.length > PARSED_MAX) return null;
  try {
    return objectOf(JSON.parse(trimmed));
  } catch {
    return null;
  }
}

/** Pino and bunyan count: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal. */
export function levelOf(value: unknown): Level | null {
  if (typeof value === "number") return value >= 50 ? "error" : value >= 40 ? "warn" : value >= 30 ? "info" : "debug";
  if (typeof value !== "string") return null;
  const word = value.toUpperCase();
  if (["FATAL", "CRITICAL", "ERROR", "ERR", "EMERGENCY", "ALERT"].includes(word)) return "error";
  if (["WARN", "WARNING"].includes(word)) return "warn";
  if (["INFO", "NOTICE", "LOG"].includes(word)) return "info";
  if (["DEBUG", "TRACE", "VERBOSE"].includes(word)) return "debug";
  return null;
}

const HEADLINE_MAX = 600;
const oneLine = (text: string): string => text.slice(0, HEADLINE_MAX).replace(/\s+/g, " ").trim();

/** The function of a group that Lambda writes to: `/aws/lambda/NAME`. */
export function functionOfGroup(group: string): string | null {
  return /^\/aws\/lambda\/([\w-]+)$/.exec(group)?.[1] ?? null;
}

/** A group's name out of its name or ARN. */
export function groupName(identifier: string): string {
  const found = /^arn:[^:]*:logs:[^:]*:\d*:log-group:(.*?)(?::\*)?$/.exec(identifier);
  return found?.[1] ?? identifier;
}

export function filteredLine(group: string, event: Logs.FilteredLogEvent): LogLine {
  const at = event.timestamp ?? 0;
  return { id: event.eventId ?? `${group} ${at} ${event.logStreamName}`, at, group, stream: event.logStreamName ?? "", message: event.message ?? "" };
}

/** Lines of one update of Live Tail; they have no id of their own. */
export function tailLines(update: unknown, from: number): LogLine[] {
  const results = objectOf(update)?.["sessionResults"];
  if (!Array.isArray(results)) return [];
  return results.map((event: Logs.LiveTailSessionLogEvent, index) => ({
    id: `tail-${from + index}`,
    at: event.timestamp ?? 0,
    group: groupName(event.logGroupIdentifier ?? ""),
    stream: event.logStreamName ?? "",
    message: event.message ?? "",
  }));
}

/** A text as a term of a filter pattern. */
export function patternTerm(text: string): string {
  return /^\w+$/.test(text) ? text : `"${text.replaceAll('"', '\\"')}"`;
}

/** Newest first; of one instant those that were read later first. */
export function newestFirst(lines: readonly LogLine[]): LogLine[] {
  return lines.toReversed().toSorted((a, b) => b.at - a.at);
}

/** Lines that were read and those that came since, both newest first, as one list: what is in both is shown once. */
export function withNewer(read: readonly LogLine[], came: readonly LogLine[]): LogLine[] {
  const keyOf = (line: LogLine): string => `${line.at} ${line.stream ?? ""} ${line.message}`;
  const known = new Set(read.map(keyOf));
  return [...came.filter((line) => !known.has(keyOf(line))), ...read];
}
