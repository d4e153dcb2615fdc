/** The visits of a run as bars on an axis of time. */

import type { Outcome, Run, Visit } from "./history";

export interface Span {
  /** Fractions of the whole, 0 to 1. */
  readonly from: number;
  readonly to: number;
  readonly kind: "attempt" | "failed-attempt" | "wait-for-retry" | "state";
  /** Milliseconds. */
  readonly duration: number;
  /** 1-based, for attempts. */
  readonly number: number;
}

export interface Bar {
  readonly visit: number;
  readonly name: string;
  readonly type: string;
  readonly depth: number;
  readonly iteration: number | null;
  readonly outcome: Outcome;
  readonly from: number;
  readonly to: number;
  readonly duration: number;
  readonly isOpen: boolean;
  readonly spans: readonly Span[];
  readonly hasInside: boolean;
}

interface Timeline {
  readonly from: number;
  readonly to: number;
  /** In the order of a tree: what is inside a state follows it. */
  readonly bars: readonly Bar[];
  readonly ticks: readonly { readonly at: number; readonly offset: number }[];
}

/** A step of the axis: 1, 2 or 5 times a power of ten, in milliseconds; of minutes and hours what people use. */
export function tickStep(duration: number, most: number): number {
  const steps = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 15_000, 30_000, 60_000, 120_000];
  const long = [300_000, 600_000, 1_800_000, 3_600_000, 7_200_000, 21_600_000, 43_200_000, 86_400_000];
  const found = [...steps, ...long].find((step) => duration / step <= most);
  return found ?? Math.ceil(duration / most / 86_400_000) * 86_400_000;
}

/**
 * The bars of a run.
 *
 * - `now`: end of what still runs, in milliseconds since 1970.
 * - `collapsed`: visits whose inside is left out.
 */
export function timelineOf(run: Run, now: number, collapsed: ReadonlySet<number> = new Set()): Timeline {
  const from = run.startedAt ?? run.visits[0]?.enteredAt ?? now;
  const last = run.visits.reduce((latest, visit) => Math.max(latest, visit.endedAt ?? now), from);
  const to = Math.max(run.endedAt ?? Math.max(last, now), last, from + 1);
  const at = (instant: number): number => Math.min(1, Math.max(0, (instant - from) / (to - from)));
  const inside = new Map<number | null, Visit[]>();
  for (const visit of run.visits) {
    const siblings = inside.get(visit.parent);
    if (siblings === undefined) inside.set(visit.parent, [visit]);
    else siblings.push(visit);
  }
  const bars: Bar[] = [];
  const walk = (parent: number | null): void => {
    const visits = inside.get(parent) ?? [];
    // Iterations of a Map one after the other, each in the order of its states.
    const ordered = parent === null ? visits : visits.toSorted((a, b) => (a.iteration ?? 0) - (b.iteration ?? 0) || a.index - b.index);
    for (const visit of ordered) {
      const end = visit.endedAt ?? to;
      bars.push({
        visit: visit.index,
        name: visit.name,
        type: visit.type,
        depth: visit.depth,
        iteration: visit.iteration,
        outcome: visit.outcome,
        from: at(visit.enteredAt),
        to: at(end),
        duration: end - visit.enteredAt,
        isOpen: visit.endedAt === null,
        spans: spansOf(visit, end, at),
        hasInside: inside.has(visit.index),
      });
      if (!collapsed.has(visit.index)) walk(visit.index);
    }
  };
  walk(null);
  const step = tickStep(to - from, 6);
  const ticks = [];
  for (let offset = 0; offset <= to - from && ticks.length < 16; offset += step) ticks.push({ at: at(from + offset), offset });
  return { from, to, bars, ticks };
}

function spansOf(visit: Visit, end: number, at: (instant: number) => number): Span[] {
  if (visit.attempts.length === 0) {
    return [{ from: at(visit.enteredAt), to: at(end), kind: "state", duration: end - visit.enteredAt, number: 0 }];
  }
  const spans: Span[] = [];
  let before: number | null = null;
  visit.attempts.forEach((attempt, index) => {
    if (before !== null && attempt.startedAt > before) {
      spans.push({
        from: at(before),
        to: at(attempt.startedAt),
        kind: "wait-for-retry",
        duration: attempt.startedAt - before,
        number: index,
      });
    }
    const ended = attempt.endedAt ?? end;
    spans.push({
      from: at(attempt.startedAt),
      to: at(ended),
      kind: attempt.failure === null ? "attempt" : "failed-attempt",
      duration: ended - attempt.startedAt,
      number: index + 1,
    });
    before = ended;
  });
  return spans;
}
