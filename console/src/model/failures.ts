/** Failures by their cause: groups of slices of a list, added up. Pure. */

import type { Looked } from "./search";

export interface FailureGroup {
  readonly stateMachineArn: string;
  /** The innermost state that failed; `null` where none did, as with an execution that was stopped. */
  readonly state: string | null;
  readonly error: string | null;
  /** With numbers as `#` and JSON as `{…}`, so that causes that say the same are the same. */
  readonly cause: string;
  readonly status: string;
  readonly count: number;
  /** Seconds since 1970. */
  readonly firstSeen: number;
  readonly lastSeen: number;
  /** Newest first. */
  readonly examples: readonly { readonly executionArn: string; readonly stopDate: number }[];
  /** Starts of hours in seconds since 1970, and how many of the group ended within each. */
  readonly hours: readonly (readonly [start: number, count: number])[];
}

export interface FailuresPage {
  readonly groups: readonly FailureGroup[];
  readonly next: string | null;
  readonly looked: Looked;
}

/** Examples of a group that are kept. */
const EXAMPLES_MAX = 5;

export function keyOfGroup(group: FailureGroup): string {
  return JSON.stringify([group.stateMachineArn, group.state, group.error, group.cause, group.status]);
}

/** The groups of several slices as those of all, the largest first. */
export function addedUp(slices: readonly (readonly FailureGroup[])[]): FailureGroup[] {
  const sums = new Map<string, FailureGroup>();
  for (const group of slices.flat()) {
    const key = keyOfGroup(group);
    const sum = sums.get(key);
    sums.set(key, sum === undefined ? group : both(sum, group));
  }
  return [...sums.values()].sort((a, b) => b.count - a.count || b.lastSeen - a.lastSeen);
}

function both(a: FailureGroup, b: FailureGroup): FailureGroup {
  const hours = new Map(a.hours);
  for (const [start, count] of b.hours) hours.set(start, (hours.get(start) ?? 0) + count);
  return {
    ...a,
    count: a.count + b.count,
    firstSeen: Math.min(a.firstSeen, b.firstSeen),
    lastSeen: Math.max(a.lastSeen, b.lastSeen),
    examples: [...a.examples, ...b.examples].sort((x, y) => y.stopDate - x.stopDate).slice(0, EXAMPLES_MAX),
    hours: [...hours],
  };
}

/**
 * How many of a group ended in each of `bars` equal parts of the time from `from` to `to` (seconds), oldest first.
 * A part is never shorter than an hour, which is as fine as groups are told.
 */
export function overTime(group: FailureGroup, from: number, to: number, bars: number): number[] {
  const hours = Math.max(1, Math.ceil((to - from) / 3_600));
  const count = Math.min(bars, hours);
  const parts = Array.from({ length: count }, () => 0);
  const first = Math.floor(from / 3_600) * 3_600;
  const part = ((Math.floor(to / 3_600) + 1) * 3_600 - first) / count;
  for (const [start, number] of group.hours) {
    const at = Math.floor((start - first) / part);
    if (at >= 0 && at < count) parts[at] = (parts[at] ?? 0) + number;
  }
  return parts;
}
