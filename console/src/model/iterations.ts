/** The items of a Map state and the branches of a Parallel state, each with how it stands; for grids. */

import type { Graph } from "./definition";
import { detailsOf, instantOf } from "./history";
import type { HistoryEvent, Outcome, Run, Visit } from "./history";

export interface Item {
  readonly index: number;
  /** What it is called: `Item 3`, the first state of a branch. */
  readonly title: string;
  readonly outcome: Outcome;
  readonly startedAt: number;
  readonly endedAt: number | null;
  /** The first visit inside of it, and the one to look at: the last one that failed, else the last. */
  readonly visit: number | null;
  readonly input: string | null;
  readonly error: string | null;
}

/** The items of a Map that have begun, in the order of their indices; of its last try, and of a redrive what was redone. */
export function itemsOf(run: Run, events: readonly HistoryEvent[], map: Visit): Item[] {
  const name = map.name;
  let begun = 0;
  const marks = new Map<number, { startedAt: number; endedAt: number | null; outcome: Outcome }>();
  for (const event of events) {
    const type = event.type as string;
    // A try of the whole Map begins all items anew; a redrive goes on with those that are not done.
    if (type === "MapStateStarted" && run.visitOfEvent.get(event.id) === map.index) {
      marks.clear();
      begun = event.id;
    }
    if (!type.startsWith("MapIteration")) continue;
    const details = detailsOf(event);
    const index = details["index"];
    if (details["name"] !== name || typeof index !== "number" || !isOf(run, event, map)) continue;
    if (type === "MapIterationStarted") {
      marks.set(index, { startedAt: instantOf(event), endedAt: null, outcome: "running" });
      continue;
    }
    const mark = marks.get(index);
    if (mark === undefined) continue;
    mark.endedAt = instantOf(event);
    mark.outcome = type === "MapIterationSucceeded" ? "succeeded" : type === "MapIterationFailed" ? "failed" : "aborted";
  }
  const inside = new Map<number, Visit[]>();
  for (const visit of run.visits) {
    if (visit.parent !== map.index || visit.iteration === null || visit.enteredEvent < begun) continue;
    const visits = inside.get(visit.iteration);
    if (visits === undefined) inside.set(visit.iteration, [visit]);
    else visits.push(visit);
  }
  return [...marks].sort(([a], [b]) => a - b).map(([index, mark]) => {
    const visits = inside.get(index) ?? [];
    // The history of an item that an end of all has cut has no event of its own.
    const isCut = mark.endedAt === null && map.endedAt !== null;
    return {
      index,
      title: `Item ${index}`,
      outcome: isCut ? "aborted" : mark.outcome,
      startedAt: mark.startedAt,
      endedAt: isCut ? map.endedAt : mark.endedAt,
      ...within(visits),
    };
  });
}

/** The branches of a Parallel that have begun, in the order of the definition. */
export function branchesOf(run: Run, graph: Graph, parallel: Visit): Item[] {
  const branchOf = new Map(graph.states.filter((state) => state.parent === parallel.name).map((state) => [state.name, state.branch]));
  // Of the last try alone.
  const begun = parallel.attempts.at(-1)?.events[0] ?? 0;
  const inside = new Map<number, Visit[]>();
  for (const visit of run.visits) {
    if (visit.parent !== parallel.index || visit.enteredEvent < begun) continue;
    const branch = branchOf.get(visit.name) ?? 0;
    inside.set(branch, [...(inside.get(branch) ?? []), visit]);
  }
  return [...inside].sort(([a], [b]) => a - b).map(([index, visits]) => {
    const last = visits.at(-1);
    const isEnd = last !== undefined && graph.states.some((state) => state.name === last.name && state.isEnd);
    const isOver = last !== undefined && last.endedAt !== null && (isEnd || last.outcome === "failed" || last.outcome === "aborted");
    return {
      index,
      title: visits[0]?.name ?? `Branch ${index}`,
      outcome: last === undefined || !isOver ? ("running" as const) : last.outcome === "caught" ? ("succeeded" as const) : last.outcome,
      startedAt: Math.min(...visits.map((visit) => visit.enteredAt)),
      endedAt: isOver ? last.endedAt : null,
      ...within(visits),
    };
  });
}

function within(visits: readonly Visit[]): Pick<Item, "visit" | "input" | "error"> {
  const failed = visits.findLast((visit) => visit.outcome === "failed");
  const shown = failed ?? visits.at(-1);
  return {
    visit: shown?.index ?? null,
    input: visits[0]?.input ?? null,
    error: failed === undefined ? null : (failed.attempts.at(-1)?.failure?.error ?? (failed.type === "Fail" ? "failed" : null)),
  };
}

/** Whether an event of an iteration is of this visit of the Map: at it, or inside of it. */
function isOf(run: Run, event: HistoryEvent, map: Visit): boolean {
  for (let at = run.visitOfEvent.get(event.id) ?? null; at !== null; at = run.visits[at]?.parent ?? null) {
    if (at === map.index) return true;
  }
  return false;
}

/** Bounds of the heat: durations at which it grows, so that as many cells have each. */
const HEATS = 5;

/** The shortest duration of each heat, of sorted durations. */
export function heatBounds(sorted: readonly number[] | Float64Array | Uint32Array): number[] {
  return Array.from({ length: HEATS }, (_, heat) => sorted[Math.floor((heat * sorted.length) / HEATS)] ?? 0);
}

export function heatOf(duration: number, bounds: readonly number[]): number {
  let heat = 0;
  while (heat < bounds.length - 1 && duration > (bounds[heat + 1] ?? Infinity)) heat += 1;
  return heat;
}

/** Which cells a filter leaves. */
export type CellFilter = "all" | "failed" | "running" | "succeeded" | "aborted";

export const isShown = (outcome: Outcome, filter: CellFilter): boolean => filter === "all" || outcome === filter;
