/** Why something failed, as a person reads it. */

import type { Visit } from "./history";
import { durationText } from "./time";

export interface Cause {
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

/** A line of a stack trace, and whether it is of the handler's own code. */
export interface Frame {
  readonly text: string;
  readonly isOwn: boolean;
}

/** The lines of a trace, with what is of no use to a reader left out: the directory that a package was unpacked to. */
export function framesOf(stack: readonly string[]): Frame[] {
  return stack.map((line) => ({
    text: line.trim().replace(/(?:file:\/\/)?[^\s(]*?\/functions\/packages\/[0-9a-f]{64}\//, "").replace(/(?:file:\/\/)?\/var\/task\//, ""),
    isOwn: !/node_modules|node:|\/functions\/runtime\/|\/var\/runtime\//.test(line),
  }));
}

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
