/** One cursor over a history: the event up to which everything on the page is shown. */

import { instantOf } from "./history";
import type { HistoryEvent } from "./history";

/** The event that an address names; `null` for the end, which grows as the execution goes on. */
export function cursorOf(text: string | null, events: number): number | null {
  if (text === null || !/^[1-9]\d{0,5}$/.test(text) || events === 0) return null;
  return Math.min(Number(text), events);
}

/** The event before or after the cursor; the one after the last is the end. */
export function moved(cursor: number | null, by: number, events: number): number | null {
  const to = (cursor ?? events) + by;
  if (cursor === null && by > 0) return null;
  if (to > events || (cursor === events && by > 0)) return null;
  return Math.max(1, to);
}

/** The last event of an instant or before it; the first one at least. */
export function eventAt(events: readonly HistoryEvent[], instant: number): number {
  let [low, high] = [0, events.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const event = events[middle];
    if (event !== undefined && instantOf(event) <= instant) low = middle + 1;
    else high = middle;
  }
  return Math.max(1, low);
}

/** A step of what is played: how many events, and how long until the next. */
interface Step {
  readonly events: number;
  readonly ms: number;
}

/** All of a history is played in about this time, whatever its length. */
const PLAYED_MS = 12_000;
const STEP_MS_MIN = 60;
const STEP_MS_MAX = 600;

export function playStep(events: number): Step {
  const ms = PLAYED_MS / Math.max(1, events);
  if (ms >= STEP_MS_MIN) return { events: 1, ms: Math.min(ms, STEP_MS_MAX) };
  return { events: Math.ceil(STEP_MS_MIN / ms), ms: STEP_MS_MIN };
}

/** Places on the slider that are worth going to, as fractions of it; at most so many. */
interface Landmark {
  readonly event: number;
  readonly at: number;
  readonly kind: "failure" | "redrive";
}

const LANDMARKS_MAX = 200;

export function landmarks(events: readonly HistoryEvent[]): Landmark[] {
  const found: Landmark[] = [];
  const whole = Math.max(1, events.length - 1);
  for (const event of events) {
    const type = event.type as string;
    const kind = type === "ExecutionRedriven" ? "redrive" : /Failed$|TimedOut$/.test(type) ? "failure" : null;
    if (kind === null) continue;
    found.push({ event: event.id, at: (event.id - 1) / whole, kind });
    if (found.length === LANDMARKS_MAX) break;
  }
  return found;
}

/** The landmark nearest before or after the cursor. */
export function nextLandmark(all: readonly Landmark[], cursor: number | null, by: 1 | -1, events: number): number | null {
  const from = cursor ?? events + 1;
  const found = by > 0 ? all.find((mark) => mark.event > from) : all.findLast((mark) => mark.event < from);
  return found?.event ?? null;
}
