/** The functions that an execution has called, and which lines of their logs are of these calls. */

import { detail } from "./history";
import type { HistoryEvent, Run } from "./history";

/** One call of a function by a state. */
export interface Call {
  /** Name without version or alias. */
  readonly functionName: string;
  readonly visit: number;
  readonly state: string;
  /** 1-based. */
  readonly attempt: number;
  readonly from: number;
  /** `null` while it runs. */
  readonly to: number | null;
  /** Where the result has it; AWS: that of `lambda:invoke` has. */
  readonly requestId: string | null;
}

/** Calls that are looked for in logs. */
const CALLS_MAX = 2_000;

export function callsOf(run: Run, events: readonly HistoryEvent[]): Call[] {
  const calls: Call[] = [];
  for (const visit of run.visits) {
    if (visit.type !== "Task") continue;
    visit.attempts.forEach((attempt, index) => {
      const own = attempt.events.flatMap((id) => events[id - 1] ?? []);
      const name = own.map(calledBy).find((found) => found !== null);
      if (name === undefined || name === null || calls.length >= CALLS_MAX) return;
      const requestId = own.map(requestOf).find((found) => found !== null) ?? null;
      calls.push({ functionName: name, visit: visit.index, state: visit.name, attempt: index + 1, from: attempt.startedAt, to: attempt.endedAt, requestId });
    });
  }
  return calls;
}

function calledBy(event: HistoryEvent): string | null {
  const type = event.type as string;
  if (type === "LambdaFunctionScheduled") return nameIn(detail(event, "resource"));
  if (type !== "TaskScheduled" || detail(event, "resourceType") !== "lambda") return null;
  const parameters = detail(event, "parameters");
  try {
    const sent: unknown = JSON.parse(parameters ?? "");
    const name = typeof sent === "object" && sent !== null ? (sent as Record<string, unknown>)["FunctionName"] : null;
    return typeof name === "string" ? nameIn(name) : null;
  } catch {
    return null;
  }
}

/** `arn:aws:lambda:r:1:function:NAME:live`, `1:function:NAME`, `NAME:live`: the name. */
export function nameIn(functionName: string | null): string | null {
  if (functionName === null) return null;
  const rest = functionName.includes("function:") ? functionName.slice(functionName.indexOf("function:") + 9) : functionName;
  return rest.split(":")[0] || null;
}

function requestOf(event: HistoryEvent): string | null {
  const type = event.type as string;
  if (type !== "TaskSucceeded" && type !== "TaskSubmitted") return null;
  return /"SdkResponseMetadata":\{"RequestId":"([0-9a-f-]{36})"/.exec(detail(event, "output") ?? "")?.[1] ?? null;
}

export interface Line {
  readonly id: string;
  readonly at: number;
  readonly group: string;
  readonly stream: string;
  readonly message: string;
}

/** Lines of one invocation, and how it is known that they are of the execution. */
export interface Invocation {
  readonly requestId: string;
  readonly call: Call;
  readonly lines: readonly Line[];
  /** `id`: the result names the request, or the trace is the execution's; `time`: it began while the call ran. */
  readonly by: "id" | "time";
}

/** A call may begin this much before the history says so, and its last lines come this much after: clocks round. */
const SLACK_MS = 5;

/**
 * The invocations among the lines of one function that calls of the execution caused.
 *
 * - `lines`: in the order of time; a line of text belongs to the request that its stream is in.
 * - `traceId`: of the execution, where it is traced: an invocation with another one is not its own.
 */
export function invocationsOf(lines: readonly Line[], calls: readonly Call[], traceId: string | null): Invocation[] {
  const byRequest = new Map<string, Line[]>();
  const current = new Map<string, string>();
  for (const line of lines) {
    const said = requestIn(line.message);
    if (said !== null) current.set(line.stream, said);
    const request = said ?? current.get(line.stream);
    if (request === undefined) continue;
    const found = byRequest.get(request);
    if (found === undefined) byRequest.set(request, [line]);
    else found.push(line);
    if (line.message.startsWith("REPORT RequestId:")) current.delete(line.stream);
  }
  const free = new Set(calls);
  const found: Invocation[] = [];
  for (const [requestId, own] of byRequest) {
    const call = calls.find((one) => one.requestId === requestId);
    if (call === undefined) continue;
    free.delete(call);
    found.push({ requestId, call, lines: own, by: "id" });
  }
  for (const [requestId, own] of byRequest) {
    if (found.some((one) => one.requestId === requestId)) continue;
    const trace = own.map((line) => /XRAY TraceId: (1-[0-9a-f]{8}-[0-9a-f]{24})|"traceId":"(1-[0-9a-f]{8}-[0-9a-f]{24})"/.exec(line.message)).find((match) => match !== null);
    const traced = trace?.[1] ?? trace?.[2] ?? null;
    if (traceId !== null && traced !== null && traced !== traceId) continue;
    const begun = own[0]?.at ?? 0;
    const call = [...free].find((one) => one.requestId === null && begun >= one.from - SLACK_MS && begun <= (one.to ?? Infinity) + SLACK_MS);
    if (call === undefined) continue;
    free.delete(call);
    found.push({ requestId, call, lines: own, by: traceId !== null && traced === traceId ? "id" : "time" });
  }
  return found.sort((a, b) => (a.lines[0]?.at ?? 0) - (b.lines[0]?.at ?? 0));
}

/** The request that a line names: of the platform's own lines, of lines that Node.js's console wrote, or of JSON. */
export function requestIn(message: string): string | null {
  const platform = /^(?:START|END|REPORT) RequestId: ([0-9a-f-]{36})/.exec(message);
  if (platform !== null) return platform[1] ?? null;
  const console = /^\S+Z\t([0-9a-f-]{36})\t/.exec(message);
  if (console !== null) return console[1] ?? null;
  if (!message.startsWith("{")) return null;
  return /"(?:requestId|AWSRequestId)"\s*:\s*"([0-9a-f-]{36})"/.exec(message)?.[1] ?? null;
}

/** The times in which an execution's calls ran, put together where they touch: what is asked of a log. */
export function windowsOf(calls: readonly Call[], now: number): { from: number; to: number }[] {
  const windows: { from: number; to: number }[] = [];
  for (const call of calls.toSorted((a, b) => a.from - b.from)) {
    const [from, to] = [call.from - SLACK_MS, (call.to ?? now) + TAIL_MS];
    const last = windows.at(-1);
    if (last !== undefined && from <= last.to + JOINED_MS) last.to = Math.max(last.to, to);
    else windows.push({ from, to });
  }
  return windows;
}

/** The report of an invocation comes after its result. */
const TAIL_MS = 1_000;
/** Windows that are nearer are asked for at once. */
const JOINED_MS = 60_000;

/** The id of a trace in a header: `Root=1-...;Parent=...`. */
export const traceIdOf = (header: string | undefined): string | null => /Root=(1-[0-9a-f]{8}-[0-9a-f]{24})/.exec(header ?? "")?.[1] ?? null;

