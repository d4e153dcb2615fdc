/**
 * The history of an execution as what a reader wants to know: which states ran, where, how long, in how many attempts,
 * and how each ended. Pure: events in, a run out.
 */

import type { States } from "../api/generated";

export type HistoryEvent = States.HistoryEvent;

export type Outcome = "running" | "succeeded" | "caught" | "failed" | "aborted";

interface Failure {
  readonly error: string;
  readonly cause: string;
}

/** One try of the work of a Task, or of all branches of a Parallel or Map. */
export interface Attempt {
  /** Milliseconds since 1970. */
  startedAt: number;
  endedAt: number | null;
  failure: Failure | null;
  /** Ids of the events that belong to it. */
  events: number[];
}

/** One activation of a state. */
export interface Visit {
  /** Its place in [`Run.visits`]. */
  readonly index: number;
  readonly name: string;
  /** AWS's type of the state: `Task`, `Parallel`. */
  readonly type: string;
  /** The visit of the Parallel or Map state it runs in. */
  readonly parent: number | null;
  /** The item of the Map state it runs for. */
  readonly iteration: number | null;
  /** Number of Parallel and Map states around it. */
  readonly depth: number;
  readonly enteredAt: number;
  endedAt: number | null;
  outcome: Outcome;
  readonly attempts: Attempt[];
  /** Id of the event that entered it, and of the one that left it. */
  readonly enteredEvent: number;
  exitedEvent: number | null;
  readonly input: string | null;
  output: string | null;
  /** Values that were assigned when it was left, JSON texts by name. */
  assigned: Readonly<Record<string, string>> | null;
  /** What its work is: a function's ARN, `startExecution.sync:2`. */
  resource: string | null;
  /** Where work that it started is to be found: a child execution, a map run. */
  startedArn: string | null;
  /** The event before its entry; `EvaluationFailed` names its state by it. */
  readonly enteredAfter: number;
}

type Ending = "SUCCEEDED" | "FAILED" | "ABORTED" | "TIMED_OUT";

/** What a history says so far. */
export interface Run {
  /** In the order in which states were entered. */
  readonly visits: Visit[];
  startedAt: number | null;
  endedAt: number | null;
  ending: Ending | null;
  failure: Failure | null;
  /** Instants at which it was redriven. */
  readonly redrives: number[];
  /** The visit that each event belongs to, by id; no entry for events of the execution itself. */
  readonly visitOfEvent: Map<number, number>;
}

/** Where an event lies: its visit, and whether what follows runs inside that visit. */
interface Position {
  readonly visit: number | null;
  readonly isInside: boolean;
  readonly iteration: number | null;
  /** What follows goes on after a redrive, in any of the visits that did not succeed. */
  readonly isRedriven?: boolean;
}

const NOWHERE: Position = { visit: null, isInside: false, iteration: null };

const ENDINGS: Readonly<Record<string, Ending>> = {
  ExecutionSucceeded: "SUCCEEDED",
  ExecutionFailed: "FAILED",
  ExecutionAborted: "ABORTED",
  ExecutionTimedOut: "TIMED_OUT",
};

/** The details of an event, whatever its type calls them; an empty object where it has none. */
export function detailsOf(event: HistoryEvent): Readonly<Record<string, unknown>> {
  // Of 25,000 events a list of the entries of each would be most of the work.
  for (const name in event) {
    if (!name.endsWith("EventDetails")) continue;
    const value = event[name as keyof HistoryEvent] as unknown;
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  }
  return NO_DETAILS;
}

const NO_DETAILS: Readonly<Record<string, unknown>> = {};

/** A text among the details of an event. */
export function detail(event: HistoryEvent, name: string): string | null {
  const value = detailsOf(event)[name];
  return typeof value === "string" ? value : null;
}

/** Milliseconds since 1970 of an event. */
export function instantOf(event: HistoryEvent): number {
  return Math.round(event.timestamp * 1000);
}

/**
 * Reads a history.
 *
 * - `events`: from the first on, in order, without gaps; a part of a history is fine as long as it begins at the start.
 * - Events of unknown types are of the visit that their predecessor is of.
 */
export function readHistory(events: readonly HistoryEvent[]): Run {
  const reader = new Reader();
  for (const event of events) reader.take(event);
  return reader.run;
}

class Reader {
  readonly run: Run = {
    visits: [],
    startedAt: null,
    endedAt: null,
    ending: null,
    failure: null,
    redrives: [],
    visitOfEvent: new Map(),
  };
  private readonly positions = new Map<number, Position>();
  /** Visits that are not over, in the order of their entry. */
  private readonly open = new Set<number>();
  /** Visits that the last redrive may go on with. */
  private readonly resumable = new Set<number>();
  private beforeEnd: Position = NOWHERE;

  take(event: HistoryEvent): void {
    const before = this.positions.get(event.previousEventId ?? 0) ?? NOWHERE;
    const position = this.position(event, before);
    this.positions.set(event.id, position);
    if (position.visit === null || position.isRedriven) return;
    this.run.visitOfEvent.set(event.id, position.visit);
    this.visit(position.visit).attempts.at(-1)?.events.push(event.id);
  }

  private position(event: HistoryEvent, before: Position): Position {
    const type = event.type as string;
    const ending = ENDINGS[type];
    if (ending !== undefined) return this.end(event, ending, before);
    if (type.endsWith("StateEntered")) return this.entered(event, before);
    if (type.endsWith("StateExited")) return this.exited(event, before);
    if (type === "LambdaFunctionScheduleFailed" || type === "ActivityScheduleFailed") {
      return this.attemptFailed(event, before.visit);
    }
    if (type.endsWith("Scheduled")) return this.attemptStarted(event, before);
    switch (type) {
      case "ExecutionStarted":
        this.run.startedAt = instantOf(event);
        return NOWHERE;
      case "ExecutionRedriven":
        this.run.ending = null;
        this.run.endedAt = null;
        this.run.failure = null;
        this.run.redrives.push(instantOf(event));
        return this.redriven(instantOf(event));
      case "EvaluationFailed":
        return this.evaluationFailed(event, before);
      case "ParallelStateStarted":
      case "MapStateStarted":
        return this.containerStarted(event, before);
      case "ParallelStateFailed":
      case "MapStateFailed":
        return this.containerFailed(event, before);
      case "MapRunStarted":
      case "MapRunRedriven":
        return this.mapRunStarted(event, before);
      case "MapRunFailed":
        return this.attemptFailed(event, before.visit);
      case "MapRunAborted":
      case "MapRunSucceeded":
        return this.attemptSucceeded(event, before);
      case "MapIterationStarted": {
        const index = detailsOf(event)["index"];
        return {
          visit: this.named(event, before),
          isInside: true,
          iteration: typeof index === "number" ? index : null,
        };
      }
    }
    if (isWork(type) && (type.endsWith("Failed") || type.endsWith("TimedOut"))) {
      return this.attemptFailed(event, before.visit);
    }
    if (isWork(type) && type.endsWith("Succeeded")) return this.attemptSucceeded(event, before);
    if (type === "TaskSubmitted" && before.visit !== null) {
      this.visit(before.visit).startedArn ??= startedArn(event);
    }
    return { ...before, isInside: before.isInside && type.startsWith("MapIteration") };
  }

  private visit(index: number): Visit {
    const visit = this.run.visits[index];
    if (visit === undefined) throw new RangeError(`there is no visit ${index}`);
    return visit;
  }

  private entered(event: HistoryEvent, before: Position): Position {
    const again = before.isRedriven ? this.resumed((visit) => visit.name === detail(event, "name")) : null;
    const nearest = again ?? before.visit;
    const sibling = nearest === null ? null : this.visit(nearest);
    if (sibling?.outcome === "running" && again !== null) this.leave(again, "aborted", instantOf(event));
    const parent = before.isInside ? before.visit : (sibling?.parent ?? null);
    const iteration = before.isInside ? before.iteration : (sibling?.iteration ?? null);
    const type = (event.type as string).slice(0, -"StateEntered".length);
    const index = this.run.visits.length;
    this.run.visits.push({
      index,
      name: detail(event, "name") ?? "(unnamed)",
      type,
      parent,
      iteration,
      depth: parent === null ? 0 : this.visit(parent).depth + 1,
      enteredAt: instantOf(event),
      endedAt: null,
      outcome: "running",
      attempts: [],
      enteredEvent: event.id,
      exitedEvent: null,
      input: detail(event, "input"),
      output: null,
      assigned: null,
      resource: null,
      startedArn: null,
      enteredAfter: event.previousEventId ?? 0,
    });
    this.open.add(index);
    // AWS: a Fail state has no Exited event; entering it is its end.
    if (type === "Fail") this.leave(index, "failed", instantOf(event));
    return { visit: index, isInside: false, iteration: null };
  }

  private exited(event: HistoryEvent, before: Position): Position {
    const index = this.named(event, before);
    if (index === null) return NOWHERE;
    const visit = this.visit(index);
    const last = visit.attempts.at(-1);
    if (last !== undefined) last.endedAt ??= instantOf(event);
    visit.exitedEvent = event.id;
    visit.output = detail(event, "output");
    const assigned = detailsOf(event)["assignedVariables"];
    if (typeof assigned === "object" && assigned !== null) {
      visit.assigned = assigned as Readonly<Record<string, string>>;
    }
    this.leave(index, last?.failure ? "caught" : "succeeded", instantOf(event));
    return { visit: index, isInside: false, iteration: null };
  }

  private attemptStarted(event: HistoryEvent, before: Position): Position {
    const resource = detail(event, "resource");
    const again = before.isRedriven ? this.resumed((visit) => visit.resource === resource) : null;
    const visit = again ?? before.visit;
    if (visit !== null) {
      this.openAttempt(visit, instantOf(event));
      this.visit(visit).resource = resource;
    }
    return { visit, isInside: false, iteration: before.iteration };
  }

  private attemptSucceeded(event: HistoryEvent, before: Position): Position {
    if (before.visit !== null) {
      const visit = this.visit(before.visit);
      const last = visit.attempts.at(-1);
      if (last !== undefined) last.endedAt ??= instantOf(event);
      // Who starts an execution and does not wait for it is told its name as the result.
      if (visit.resource?.startsWith("startExecution")) visit.startedArn ??= startedArn(event);
    }
    return { ...before, isInside: false };
  }

  private attemptFailed(event: HistoryEvent, visit: number | null): Position {
    if (visit !== null) this.failLastAttempt(visit, instantOf(event), failureOf(event));
    return { visit, isInside: false, iteration: null };
  }

  /** The work of a distributed Map: its attempt is the run. */
  private mapRunStarted(event: HistoryEvent, before: Position): Position {
    if (before.visit === null) return before;
    const visit = this.visit(before.visit);
    visit.startedArn = detail(event, "mapRunArn");
    const last = visit.attempts.at(-1);
    if (last === undefined || last.endedAt !== null) this.openAttempt(before.visit, instantOf(event));
    return { ...before, isInside: false };
  }

  /** AWS: `EvaluationFailed` shares the predecessor of its state's entry unless the work had begun. */
  private evaluationFailed(event: HistoryEvent, before: Position): Position {
    const state = detail(event, "state") ?? "";
    const previous = event.previousEventId ?? 0;
    const open = [...this.open].reverse().filter((index) => this.visit(index).name === state);
    const visit =
      open.find((index) => this.visit(index).enteredAfter === previous) ??
      open.find((index) => index === before.visit) ??
      open[0] ??
      null;
    return this.attemptFailed(event, visit);
  }

  /** A second start of the same Parallel or Map is its retry; the failed try left no event of its own. */
  private containerStarted(event: HistoryEvent, before: Position): Position {
    const type = (event.type as string).slice(0, -"StateStarted".length);
    const index = this.enclosing(before, (visit) => visit.type === type);
    if (index === null) return NOWHERE;
    const last = this.visit(index).attempts.at(-1);
    if (last !== undefined && last.failure === null) {
      const failure = this.failureBelow(before);
      this.closeDescendants(index, before, instantOf(event));
      this.failLastAttempt(index, instantOf(event), failure);
    }
    this.openAttempt(index, instantOf(event));
    return { visit: index, isInside: true, iteration: null };
  }

  private containerFailed(event: HistoryEvent, before: Position): Position {
    const type = (event.type as string).slice(0, -"StateFailed".length);
    const index = this.enclosing(before, (visit) => visit.type === type);
    if (index === null) return NOWHERE;
    const failure = this.failureBelow(before);
    this.closeDescendants(index, before, instantOf(event));
    if (!this.visit(index).attempts.at(-1)?.failure) this.failLastAttempt(index, instantOf(event), failure);
    return { visit: index, isInside: false, iteration: null };
  }

  private end(event: HistoryEvent, ending: Ending, before: Position): Position {
    const culprits = new Set<number>();
    for (let at = ending === "FAILED" ? before.visit : null; at !== null; at = this.visit(at).parent) culprits.add(at);
    for (const index of [...this.open].reverse()) {
      this.leave(index, culprits.has(index) ? "failed" : "aborted", instantOf(event));
    }
    const failure = failureOf(event);
    this.beforeEnd = before;
    this.run.ending = ending;
    this.run.endedAt = instantOf(event);
    this.run.failure = failure.error || failure.cause ? failure : null;
    return NOWHERE;
  }

  /**
   * A redrive goes on in what the end had closed: containers are tried again, what was aborted in them runs again, and
   * what failed waits for its next event.
   */
  private redriven(at: number): Position {
    this.resumable.clear();
    /** The first event of the try of a container that the end had closed. */
    const begun = new Map<number, number>();
    for (const visit of this.run.visits) {
      if (visit.outcome !== "failed" && visit.outcome !== "aborted") continue;
      if (visit.parent !== null && visit.enteredEvent < (begun.get(visit.parent) ?? Infinity)) continue;
      this.resumable.add(visit.index);
      const isContainer = visit.type === "Parallel" || visit.type === "Map";
      if (isContainer) begun.set(visit.index, visit.attempts.at(-1)?.events[0] ?? 0);
      if (isContainer || visit.outcome === "aborted") this.reopen(visit.index);
      if (isContainer) this.openAttempt(visit.index, at);
    }
    return { ...this.beforeEnd, isInside: false, isRedriven: true };
  }

  /** The first visit that a redrive goes on with and that passes the test; it is gone on with once. */
  private resumed(isIt: (visit: Visit) => boolean): number | null {
    for (const index of this.resumable) {
      if (!isIt(this.visit(index))) continue;
      this.resumable.delete(index);
      return index;
    }
    return null;
  }

  private openAttempt(index: number, at: number): void {
    const visit = this.visit(index);
    if (visit.outcome === "failed" || visit.outcome === "aborted") this.reopen(index);
    visit.attempts.push({ startedAt: at, endedAt: null, failure: null, events: [] });
  }

  private reopen(index: number): void {
    for (let at: number | null = index; at !== null; at = this.visit(at).parent) {
      const visit = this.visit(at);
      if (visit.outcome !== "failed" && visit.outcome !== "aborted") continue;
      visit.outcome = "running";
      visit.endedAt = null;
      this.open.add(at);
    }
  }

  /** A failure before any attempt began counts as the first attempt. */
  private failLastAttempt(index: number, at: number, failure: Failure): void {
    const visit = this.visit(index);
    if (visit.attempts.length === 0) {
      visit.attempts.push({ startedAt: visit.enteredAt, endedAt: null, failure: null, events: [] });
    }
    const last = visit.attempts.at(-1);
    if (last === undefined) return;
    last.endedAt = at;
    last.failure = failure;
  }

  private leave(index: number, outcome: Outcome, at: number): void {
    const visit = this.visit(index);
    visit.outcome = outcome;
    visit.endedAt = at;
    this.open.delete(index);
  }

  /** Ends what still runs inside a container: the failing visit as failed, its siblings as aborted. */
  private closeDescendants(container: number, failing: Position, at: number): void {
    for (const index of [...this.open].reverse()) {
      if (!this.isInside(index, container)) continue;
      const isFailing = failing.visit !== null && (failing.visit === index || this.isInside(failing.visit, index));
      this.leave(index, isFailing ? "failed" : "aborted", at);
    }
  }

  private isInside(index: number, container: number): boolean {
    for (let at = this.visit(index).parent; at !== null; at = this.visit(at).parent) {
      if (at === container) return true;
    }
    return false;
  }

  private failureBelow(position: Position): Failure {
    const last = position.visit === null ? undefined : this.visit(position.visit).attempts.at(-1);
    return last?.failure ?? { error: "", cause: "" };
  }

  /** The nearest visit at or around a position that is not over and passes the test. */
  private enclosing(position: Position, isIt: (visit: Visit) => boolean): number | null {
    for (let at = position.visit; at !== null; at = this.visit(at).parent) {
      const visit = this.visit(at);
      if (visit.outcome === "running" && isIt(visit)) return at;
    }
    return null;
  }

  /**
   * The open visit whose name the event carries, nearest to its predecessor first.
   *
   * AWS: `ParallelStateExited` and `MapStateExited` share the predecessor of `...Succeeded`, an event inside the
   * container, so the predecessor alone does not say whose exit it is.
   */
  private named(event: HistoryEvent, before: Position): number | null {
    const name = detail(event, "name");
    if (name === null) return null;
    const near = this.enclosing(before, (visit) => visit.name === name);
    if (near !== null) return near;
    return [...this.open].reverse().find((index) => this.visit(index).name === name) ?? null;
  }
}

function failureOf(event: HistoryEvent): Failure {
  return { error: detail(event, "error") ?? "", cause: detail(event, "cause") ?? "" };
}

function isWork(type: string): boolean {
  return type.startsWith("LambdaFunction") || type.startsWith("Task") || type.startsWith("Activity");
}

/** The execution that a task has started, from what its submission gave. */
function startedArn(event: HistoryEvent): string | null {
  const output = detail(event, "output");
  if (output === null || !output.includes("ExecutionArn")) return null;
  try {
    const value: unknown = JSON.parse(output);
    const arn = typeof value === "object" && value !== null ? (value as Record<string, unknown>)["ExecutionArn"] : null;
    return typeof arn === "string" ? arn : null;
  } catch {
    return null;
  }
}

/** How all visits of one state stand together: what runs or failed goes before what is done. */
export interface Standing {
  readonly outcome: Outcome;
  readonly visits: number;
  readonly running: number;
  readonly failed: number;
  readonly retries: number;
}

const WEIGHT: Readonly<Record<Outcome, number>> = { running: 4, failed: 3, aborted: 2, caught: 1, succeeded: 0 };

/** The standing of every state that was entered, by name. Names are unique in a definition. */
export function standings(run: Run): Map<string, Standing> {
  const found = new Map<string, Standing>();
  for (const visit of run.visits) {
    const before = found.get(visit.name);
    const outcome =
      before === undefined || WEIGHT[visit.outcome] > WEIGHT[before.outcome] ? visit.outcome : before.outcome;
    found.set(visit.name, {
      outcome,
      visits: (before?.visits ?? 0) + 1,
      running: (before?.running ?? 0) + (visit.outcome === "running" ? 1 : 0),
      failed: (before?.failed ?? 0) + (visit.outcome === "failed" ? 1 : 0),
      retries: (before?.retries ?? 0) + Math.max(0, visit.attempts.length - 1),
    });
  }
  return found;
}

/** The visit in which a failed execution failed: the innermost one that failed last. */
export function culprit(run: Run): Visit | null {
  if (run.ending !== "FAILED") return null;
  return run.visits.findLast((visit) => visit.outcome === "failed" && visit.endedAt === run.endedAt && !hasFailedChild(run, visit))
    ?? run.visits.findLast((visit) => visit.outcome === "failed")
    ?? null;
}

/**
 * What a Fail state ended the execution for: the innermost attempt that failed and was caught last before it. A Fail state says
 * what its definition says; the error that led there is the one that a reader looks for.
 */
export function caughtBefore(run: Run, end: Visit | null): Visit | null {
  if (end === null || end.type !== "Fail") return null;
  const before = run.visits.slice(0, end.index);
  const caught = before.findLast((visit) => visit.outcome === "caught");
  if (caught === undefined) return null;
  const isInside = (visit: Visit): boolean => {
    for (let parent = visit.parent; parent !== null; parent = run.visits[parent]?.parent ?? null) if (parent === caught.index) return true;
    return false;
  };
  return before.findLast((visit) => visit.outcome === "failed" && isInside(visit) && !hasFailedChild(run, visit)) ?? caught;
}

function hasFailedChild(run: Run, parent: Visit): boolean {
  return run.visits.some((visit) => visit.parent === parent.index && visit.outcome === "failed");
}
