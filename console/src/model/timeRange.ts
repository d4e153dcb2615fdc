/** A range of time that a page shows: the last so long, or from one instant to another. In the address, so that links keep it. */

import { absoluteText } from "./time";

export type TimeRange =
  | { readonly kind: "relative"; readonly key: string; readonly ms: number }
  | { readonly kind: "absolute"; readonly from: number; readonly to: number };

/** What a list of choices offers. */
export const RANGES = ["5m", "15m", "1h", "3h", "12h", "1d", "3d", "7d", "30d"] as const;

const UNITS: Readonly<Record<string, { readonly ms: number; readonly text: string }>> = {
  s: { ms: 1_000, text: "second" },
  m: { ms: 60_000, text: "minute" },
  h: { ms: 3_600_000, text: "hour" },
  d: { ms: 86_400_000, text: "day" },
  w: { ms: 604_800_000, text: "week" },
};

/** 455 days: nothing is kept longer. */
const RANGE_MS_MAX = 455 * 86_400_000;

function relative(key: string): TimeRange | null {
  const found = /^(\d{1,4})([smhdw])$/.exec(key);
  const unit = UNITS[found?.[2] ?? ""];
  const count = Number(found?.[1]);
  if (!unit || !(count > 0)) return null;
  return { kind: "relative", key, ms: Math.min(RANGE_MS_MAX, count * unit.ms) };
}

/** `1 hour`, `15 minutes`. */
export function relativeWords(key: string): string {
  const count = Number.parseInt(key, 10);
  return `${count} ${UNITS[key.slice(-1)]?.text ?? "second"}${count === 1 ? "" : "s"}`;
}

/** Reads `range=1h`, or `from=` and `to=` as ISO 8601 or milliseconds; the fallback where neither is there or right. */
export function readRange(get: (name: string) => string | null, fallback: string): TimeRange {
  const [from, to] = [instantOf(get("from")), instantOf(get("to"))];
  if (from !== null && to !== null && from < to) return { kind: "absolute", from, to };
  const found = relative(get("range") ?? "") ?? relative(fallback);
  return found ?? { kind: "relative", key: "1h", ms: 3_600_000 };
}

function instantOf(text: string | null): number | null {
  if (!text) return null;
  const at = /^\d{11,14}$/.test(text) ? Number(text) : Date.parse(text);
  return Number.isFinite(at) ? at : null;
}

/** What goes into the address. */
export function rangeQuery(range: TimeRange, fallback: string): Readonly<Record<"range" | "from" | "to", string | null>> {
  if (range.kind === "absolute") {
    return { range: null, from: new Date(range.from).toISOString(), to: new Date(range.to).toISOString() };
  }
  return { range: range.key === fallback ? null : range.key, from: null, to: null };
}

export function bounds(range: TimeRange, now: number): { readonly from: number; readonly to: number } {
  return range.kind === "absolute" ? { from: range.from, to: range.to } : { from: now - range.ms, to: now };
}

export function rangeText(range: TimeRange): string {
  return range.kind === "relative"
    ? `the last ${relativeWords(range.key)}`
    : `${absoluteText(range.from).slice(0, 19)} to ${absoluteText(range.to).slice(0, 19)}`;
}
