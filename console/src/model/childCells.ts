/** How the children of a map run stand, as the server packs them: a byte of status and four of duration a child. */

import type { Outcome } from "./history";
import { durationText } from "./time";

/** An answer of `/console/map-run`. */
export interface CellsAnswer {
  readonly status: string;
  readonly isExpress: boolean;
  /** Items of the run, as far as they were read. */
  readonly items: number;
  /** Children that have begun. */
  readonly children: number;
  readonly itemsPerChild: number | null;
  readonly from: number;
  readonly count: number;
  readonly statuses: string;
  readonly durations: string;
  readonly next: number | null;
}

type ChildStatus = "NONE" | "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "ABORTED" | "PENDING_REDRIVE";

const STATUSES: readonly ChildStatus[] = ["NONE", "RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED", "PENDING_REDRIVE"];
const OUTCOMES: Readonly<Record<ChildStatus, Outcome | "none">> = {
  NONE: "none",
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  TIMED_OUT: "failed",
  ABORTED: "aborted",
  PENDING_REDRIVE: "none",
};
const WORDS: Readonly<Record<ChildStatus, string>> = {
  NONE: "not begun",
  RUNNING: "running",
  SUCCEEDED: "succeeded",
  FAILED: "failed",
  TIMED_OUT: "timed out",
  ABORTED: "aborted",
  PENDING_REDRIVE: "waits for its redrive",
};
/** Of children whose duration is not known. */
const UNKNOWN = 0xffff_ffff;

/** All children of a run, by index. */
interface ChildCells {
  readonly statuses: Uint8Array;
  /** Milliseconds. */
  readonly durations: Uint32Array;
}

/** Puts pages together; what a page lacks has not begun. */
export function cellsOf(pages: readonly CellsAnswer[]): ChildCells {
  const length = Math.max(0, ...pages.map((page) => page.children));
  const cells = { statuses: new Uint8Array(length), durations: new Uint32Array(length).fill(UNKNOWN) };
  for (const page of pages) {
    const room = Math.max(0, length - page.from);
    const statuses = bytes(page.statuses).subarray(0, room);
    const packed = bytes(page.durations);
    const durations = new DataView(packed.buffer);
    cells.statuses.set(statuses, Math.min(page.from, length));
    for (let at = 0; at < Math.min(room, packed.length >> 2); at += 1) cells.durations[page.from + at] = durations.getUint32(at * 4, true);
  }
  return cells;
}

function bytes(base64: string): Uint8Array<ArrayBuffer> {
  const text = atob(base64);
  const all = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) all[at] = text.charCodeAt(at);
  return all;
}

const statusAt = (cells: ChildCells, index: number): ChildStatus => STATUSES[cells.statuses[index] ?? 0] ?? "NONE";
export const outcomeAt = (cells: ChildCells, index: number): Outcome | "none" => OUTCOMES[statusAt(cells, index)];
/** `null` where it is not known. */
export const durationAt = (cells: ChildCells, index: number): number | null => {
  const duration = cells.durations[index] ?? UNKNOWN;
  return duration === UNKNOWN ? null : duration;
};

/** What a cell says, in words. */
export function cellTitle(cells: ChildCells, index: number, itemsPerChild: number | null): string {
  const duration = durationAt(cells, index);
  const what = itemsPerChild === null || itemsPerChild === 1 ? `Item ${index.toLocaleString("en")}` : `Child ${index.toLocaleString("en")}`;
  return `${what}: ${WORDS[statusAt(cells, index)]}${duration === null ? "" : `, ${durationText(duration)}`}`;
}

/** How many children stand how. */
export function countsOf(cells: ChildCells): Map<Outcome | "none", number> {
  const counts = new Map<Outcome | "none", number>();
  const byStatus = new Uint32Array(STATUSES.length);
  for (const status of cells.statuses) byStatus[status] = (byStatus[status] ?? 0) + 1;
  byStatus.forEach((count, at) => {
    const outcome = OUTCOMES[STATUSES[at] ?? "NONE"];
    if (count > 0) counts.set(outcome, (counts.get(outcome) ?? 0) + count);
  });
  return counts;
}

/** The indices of those that pass; all of them without a filter. */
export function indicesOf(cells: ChildCells, outcome: Outcome | "none" | null): Uint32Array {
  const found = new Uint32Array(cells.statuses.length);
  let count = 0;
  for (let index = 0; index < found.length; index += 1) {
    if (outcome === null || outcomeAt(cells, index) === outcome) found[count++] = index;
  }
  return found.subarray(0, count);
}

/** The durations that are known, shortest first. */
export function sortedDurations(cells: ChildCells): Uint32Array {
  return cells.durations.filter((duration) => duration !== UNKNOWN).sort();
}
