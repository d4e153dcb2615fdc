/** How the status of an execution or a state looks: a word, a sign and a tone. Colour never says it alone. */

import type { Outcome } from "./history";

type Tone = "good" | "bad" | "busy" | "quiet" | "warn";
type Sign = "check" | "cross" | "running" | "stop" | "clock" | "catch" | "pause" | "plus" | "minus" | "pencil" | "warning" | "alarm";

export interface Look {
  readonly text: string;
  readonly tone: Tone;
  readonly sign: Sign;
}

const STATUSES: Readonly<Record<string, Look>> = {
  RUNNING: { text: "Running", tone: "busy", sign: "running" },
  SUCCEEDED: { text: "Succeeded", tone: "good", sign: "check" },
  FAILED: { text: "Failed", tone: "bad", sign: "cross" },
  TIMED_OUT: { text: "Timed out", tone: "bad", sign: "clock" },
  ABORTED: { text: "Aborted", tone: "quiet", sign: "stop" },
  PENDING_REDRIVE: { text: "Pending redrive", tone: "warn", sign: "pause" },
};

/** The statuses that an execution can have, in the order in which lists show them. */
export const EXECUTION_STATUSES = ["RUNNING", "FAILED", "TIMED_OUT", "ABORTED", "SUCCEEDED"] as const;

export function statusLook(status: string): Look {
  return STATUSES[status] ?? { text: status, tone: "quiet", sign: "stop" };
}

const OUTCOMES: Readonly<Record<Outcome, Look>> = {
  running: { text: "Running", tone: "busy", sign: "running" },
  succeeded: { text: "Succeeded", tone: "good", sign: "check" },
  caught: { text: "Caught error", tone: "warn", sign: "catch" },
  failed: { text: "Failed", tone: "bad", sign: "cross" },
  aborted: { text: "Aborted", tone: "quiet", sign: "stop" },
};

export function outcomeLook(outcome: Outcome): Look {
  return OUTCOMES[outcome];
}

/** How what became of a state between two definitions looks. */
export const CHANGE_LOOKS: Readonly<Record<"added" | "removed" | "changed", Look>> = {
  added: { text: "Added", tone: "good", sign: "plus" },
  removed: { text: "Removed", tone: "bad", sign: "minus" },
  changed: { text: "Changed", tone: "warn", sign: "pencil" },
};

/** Whether an execution with this status can be redriven. AWS: ended without success. */
export function isRedrivable(status: string): boolean {
  return status === "FAILED" || status === "TIMED_OUT" || status === "ABORTED";
}
