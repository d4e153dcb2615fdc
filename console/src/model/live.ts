/** What the page does with messages of the live stream. Pure. */

/** A change of an execution, as the server tells it after the commit. */
export interface ExecutionChange {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  /** AWS's status; `RUNNING` while it runs. */
  readonly status: string;
  /** Id of its latest history event. */
  readonly lastEventId: number;
}

type Message =
  | { readonly kind: "changes"; readonly changes: readonly ExecutionChange[] }
  /** Something was missed: what is shown must be read again. */
  | { readonly kind: "reset" };

/** Which server and which of its messages: `RUN-NUMBER`. */
export interface Mark {
  readonly run: string;
  readonly number: number;
}

export function markOf(id: string): Mark | null {
  const found = /^(.+)-(\d+)$/.exec(id);
  return found?.[1] === undefined || found[2] === undefined ? null : { run: found[1], number: Number(found[2]) };
}

/**
 * Whether a message is the next one, one that was seen before, or one of another server's run (or after a gap), so
 * that all must be read again.
 */
export function standingOf(last: Mark | null, mark: Mark): "next" | "seen" | "reset" {
  if (last === null) return "next";
  if (last.run !== mark.run) return "reset";
  if (mark.number <= last.number) return "seen";
  return mark.number === last.number + 1 ? "next" : "reset";
}

/** Reads the data of a message; `null` for one that is not understood. */
export function readMessage(kind: string, data: string): Message | null {
  if (kind === "reset") return { kind: "reset" };
  if (kind !== "changes") return null;
  try {
    const changes: unknown = JSON.parse(data);
    return Array.isArray(changes) ? { kind: "changes", changes: changes as ExecutionChange[] } : null;
  } catch {
    return null;
  }
}
