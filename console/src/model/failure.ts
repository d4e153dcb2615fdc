/** Why something failed, as a person reads it. */

import type { Visit } from "./history";
import { durationText } from "./time";

interface Cause {
  readonly message: string;
  /** Lines of a stack trace, of the handler's own code first where it says so; `null` where the cause has none. */
  readonly stack: readonly string[] | null;
}

/** Reads a cause: what a function threw is JSON with a message and a trace, all else is text. */
export function readCause(cause: string): Cause {
  let value: unknown;
  try {
    value = JSON.parse(cause);
  } catch {
    return { message: cause, stack: null };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return { message: cause, stack: null };
  const fields = value as Readonly<Record<string, unknown>>;
  const message = fields["errorMessage"];
  // AWS: `trace` of Node.js has the message as its first line, `stackTrace` of Python has not.
  const trace = fields["trace"] ?? fields["stackTrace"];
  const stack = Array.isArray(trace) ? trace.filter((line) => typeof line === "string").map((line) => line.trimEnd()) : null;
  if (typeof message !== "string") return { message: JSON.stringify(value, null, 2), stack };
  return { message, stack: stack !== null && stack.length > 0 ? stack.filter((line) => line.trim().startsWith("at ") || !line.includes(message)) : null };
}

/** Where a line of a stack trace leads to. */
export interface Place {
  /** As the trace has it, without the scheme. */
  readonly path: string;
  readonly line: number;
  readonly column: number | null;
}

/** A line of a stack trace, and whether it is of the application's own code. */
export interface Frame {
  readonly text: string;
  readonly isOwn: boolean;
  readonly place: Place | null;
  /** What it is a line of: `checkCard`. */
  readonly callee: string;
}

const FOREIGN = /node_modules|node:|\/functions\/runtime\/|\/var\/runtime\/|<frozen |\/site-packages\/|\/usr\/lib\//;
/** Directories that packages are unpacked to; of no use to a reader. */
const UNPACKED = /(?:file:\/\/)?[^\s("]*?\/functions\/packages\/[0-9a-f]{64}\/|(?:file:\/\/)?\/var\/task\//;

/** The lines of a trace, each with the place that it leads to. */
export function framesOf(stack: readonly string[]): Frame[] {
  return stack.map((line) => {
    const text = line.trim().replace(UNPACKED, "");
    // `at checkCard (file:///orders/src/charge.ts:12:9)`, `at /orders/a.js:3:4`, `File "app.py", line 3, in handler`.
    const node = /^at (?:(.*?) \()?(?:file:\/\/)?([^\s():][^():]*):(\d+):(\d+)\)?$/.exec(text);
    const python = /^File "([^"]+)", line (\d+)(?:, in (.+))?/.exec(text);
    const place: Place | null =
      node !== null
        ? { path: decoded(node[2] ?? ""), line: Number(node[3]), column: Number(node[4]) }
        : python !== null
          ? { path: python[1] ?? "", line: Number(python[2]), column: null }
          : null;
    const callee = (node?.[1] ?? python?.[3] ?? "").replace(/^async /, "");
    return { text, isOwn: !FOREIGN.test(line), place, callee };
  });
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** The first line of the application's own code that leads to a place: where it was thrown, as far as it is ours. */
export function ownPlace(frames: readonly Frame[]): Frame | null {
  return frames.find((frame) => frame.isOwn && frame.place !== null) ?? null;
}

/** `src/functions/charge.ts:12:9`: the end of a path that tells files of a project apart. */
export function placeText(place: Place): string {
  const parts = place.path.split("/").filter(Boolean);
  const source = parts.lastIndexOf("src");
  const shown = source >= 0 && parts.length - source <= 6 ? parts.slice(source) : parts.slice(-3);
  return `${shown.join("/")}:${place.line}${place.column === null ? "" : `:${place.column}`}`;
}

/** Columns beyond this are of code that was made smaller, whose source map is not there. */
const MINIFIED_COLUMN = 500;

export const isMinified = (place: Place): boolean => (place.column ?? 0) > MINIFIED_COLUMN && /\.[cm]?js$/.test(place.path);

/** `3 attempts: failed after 120 ms, again 1 s later, again 2 s later`; empty for a single one. */
export function retryStory(visit: Visit): string {
  if (visit.attempts.length < 2) return "";
  const parts = visit.attempts.map((attempt, index) => {
    const took = durationText((attempt.endedAt ?? attempt.startedAt) - attempt.startedAt);
    const end = attempt.failure ? `failed after ${took}` : attempt.endedAt === null ? "runs" : `succeeded after ${took}`;
    const before = visit.attempts[index - 1];
    if (before === undefined) return end;
    return `${durationText(attempt.startedAt - (before.endedAt ?? before.startedAt))} later ${end}`;
  });
  return `${visit.attempts.length} attempts: ${parts.join("; ")}`;
}
