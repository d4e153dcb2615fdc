/** Variables (`Assign`): which ones a state sees, and which it leaves. */

import type { Graph } from "./definition";
import type { Run, Visit } from "./history";

/** JSON texts by name. */
type Variables = ReadonlyMap<string, string>;

export interface Around {
  /** What the state saw. */
  readonly before: Variables;
  /** What the state after it sees; the same as before while the state is not over. */
  readonly after: Variables;
}

/**
 * The variables around a visit.
 *
 * AWS: the states of one body share a scope; inside a Parallel or Map the outer values are seen and cannot be changed,
 * and what is assigned there is gone outside.
 */
export function variablesAround(run: Run, visit: Visit, graph: Graph | null): Around {
  const before = seenBy(run, visit, graph);
  return { before, after: visit.assigned === null ? before : new Map([...before, ...Object.entries(visit.assigned)]) };
}

/** Variables of the outermost scope after everything that a run has done so far. */
export function variablesNow(run: Run): Variables {
  const values = new Map<string, string>();
  for (const visit of finished(run, (one) => one.parent === null)) assign(values, visit);
  return values;
}

function seenBy(run: Run, visit: Visit, graph: Graph | null): Map<string, string> {
  const parent = visit.parent === null ? undefined : run.visits[visit.parent];
  const values = parent === undefined ? new Map<string, string>() : seenBy(run, parent, graph);
  const branches = new Map(graph?.states.map((state) => [state.name, state.branch]));
  const branch = branches.get(visit.name);
  // Of a container that is tried again, what an earlier try assigned is gone.
  const begun = parent?.attempts.findLast((attempt) => (attempt.events[0] ?? Infinity) < visit.enteredEvent)?.events[0] ?? 0;
  const isOfScope = (one: Visit): boolean =>
    one.parent === visit.parent &&
    one.iteration === visit.iteration &&
    branches.get(one.name) === branch &&
    one.enteredEvent > begun &&
    (one.exitedEvent ?? Infinity) < visit.enteredEvent;
  for (const one of finished(run, isOfScope)) assign(values, one);
  return values;
}

function finished(run: Run, isIt: (visit: Visit) => boolean): Visit[] {
  const found = run.visits.filter((visit) => visit.assigned !== null && visit.exitedEvent !== null && isIt(visit));
  return found.sort((a, b) => (a.exitedEvent ?? 0) - (b.exitedEvent ?? 0));
}

function assign(values: Map<string, string>, visit: Visit): void {
  for (const [name, text] of Object.entries(visit.assigned ?? {})) values.set(name, text);
}

/** Variables as one JSON text, in the order of their names. */
export function variablesJson(variables: Variables): string {
  const members = [...variables].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => `${JSON.stringify(name)}:${jsonOr(text)}`);
  return `{${members.join(",")}}`;
}

function jsonOr(text: string): string {
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
