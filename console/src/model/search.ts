/** A list of executions of any length: what is asked of the server, and what has come of it so far. Pure. */

import type { States } from "../api/generated";
import { WITHIN } from "./filters";
import type { ExecutionChange } from "./live";
import { EXECUTION_STATUSES } from "./status";

/** The failures of one group: they have these in common. */
interface OfFailure {
  readonly state?: string;
  readonly error?: string;
  readonly cause?: string;
}

/** What `POST /console/search` is asked; instants are seconds since 1970. */
export interface Ask {
  readonly stateMachineArn?: string;
  readonly status?: readonly string[];
  readonly startedAfter?: number;
  readonly startedBefore?: number;
  readonly name?: string;
  readonly error?: string;
  readonly text?: string;
  readonly failure?: OfFailure;
}

/** An execution that was found; error and cause are there for failed ones. */
export interface FoundExecution extends States.ExecutionListItem {
  readonly error?: string;
  readonly cause?: string;
  /** What the words of the ask were found in. */
  readonly matched?: "name" | "error" | "cause" | "input" | "output";
}

/** What was looked at to give an answer. */
export interface Looked {
  readonly executions: number;
  /** The instant, in the order of the list, down to which was looked. */
  readonly until: number | null;
  /** That of the oldest execution that there is; said with the first page. */
  readonly oldest: number | null;
  readonly machines: number;
  readonly machinesLeftOut: number;
}

export interface SearchPage {
  readonly executions: readonly FoundExecution[];
  /** `null` when all was looked at. */
  readonly next: string | null;
  readonly looked: Looked;
}

/** What is chosen on the page; an empty text chooses nothing. */
export interface Choice {
  readonly statuses: readonly string[];
  /** A key of [`WITHIN`]. */
  readonly within: string;
  /** Instants as ISO 8601. */
  readonly after: string;
  readonly before: string;
  readonly name: string;
  readonly error: string;
  readonly text: string;
  readonly failure: OfFailure | null;
}

/** Texts that are longer are refused. */
export const TEXT_LENGTH_MAX = 256;

/** Reads what is chosen from an address. */
export function choiceOf(get: (name: string) => string | null): Choice {
  const text = (name: string): string => (get(name) ?? "").slice(0, TEXT_LENGTH_MAX);
  const statuses = (get("status") ?? "").split(",").filter((one) => (EXECUTION_STATUSES as readonly string[]).includes(one));
  const failure = {
    ...(get("fstate") === null ? {} : { state: get("fstate") ?? "" }),
    ...(get("ferror") === null ? {} : { error: get("ferror") ?? "" }),
    ...(get("fcause") === null ? {} : { cause: get("fcause") ?? "" }),
  };
  return {
    statuses,
    within: get("within") ?? "",
    after: get("after") ?? "",
    before: get("before") ?? "",
    name: text("q"),
    error: text("error"),
    text: text("text"),
    failure: Object.keys(failure).length > 0 ? failure : null,
  };
}

/** Whether anything narrows the list. */
export function isNarrowed(choice: Choice): boolean {
  const { statuses, within, after, before, name, error, text, failure } = choice;
  return statuses.length > 0 || failure !== null || [within, after, before, name, error, text].some((one) => one !== "");
}

/** What the server is asked for a choice, as of `now` (milliseconds). */
export function askOf(choice: Choice, machineArn: string | null, now: number): Ask {
  const span = WITHIN[choice.within];
  const after = span ? (now - span.ms) / 1000 : seconds(choice.after);
  const before = span ? null : seconds(choice.before);
  return {
    ...(machineArn === null ? {} : { stateMachineArn: machineArn }),
    ...(choice.statuses.length > 0 ? { status: choice.statuses } : {}),
    ...(after === null ? {} : { startedAfter: after }),
    ...(before === null ? {} : { startedBefore: before }),
    ...(choice.name.trim() === "" ? {} : { name: choice.name.trim() }),
    ...(choice.error.trim() === "" ? {} : { error: choice.error.trim() }),
    ...(choice.text.trim() === "" ? {} : { text: choice.text.trim() }),
    ...(choice.failure === null ? {} : { failure: choice.failure }),
  };
}

function seconds(instant: string): number | null {
  const ms = Date.parse(instant);
  return Number.isNaN(ms) ? null : ms / 1000;
}

/** A list as far as it was read. */
export interface Listing {
  /** Newest first, each execution once. */
  readonly rows: readonly FoundExecution[];
  /** Where to go on; `null` at the end; `undefined` before anything was read. */
  readonly next: string | null | undefined;
  /** How many executions were looked at, those of heads that were read again not counted. */
  readonly looked: number;
  readonly until: number | null;
  readonly oldest: number | null;
  readonly machinesLeftOut: number;
}

export const NOTHING_READ: Listing = { rows: [], next: undefined, looked: 0, until: null, oldest: null, machinesLeftOut: 0 };

/** AWS: lists are ordered by the end, and by the start of what runs. Seconds. */
const placeInTime = (one: States.ExecutionListItem): number => one.stopDate ?? one.startDate;

function ordered(rows: readonly FoundExecution[]): FoundExecution[] {
  return rows.toSorted((a, b) => placeInTime(b) - placeInTime(a) || (a.executionArn < b.executionArn ? 1 : -1));
}

/** The list with what comes after it. */
export function withMore(listing: Listing, page: SearchPage): Listing {
  const known = new Set(listing.rows.map((one) => one.executionArn));
  // What has ended since may come again, further down than it is now.
  const fresh = page.executions.filter((one) => !known.has(one.executionArn));
  return {
    rows: fresh.length === 0 ? listing.rows : [...listing.rows, ...fresh],
    next: page.next,
    looked: listing.looked + page.looked.executions,
    until: page.looked.until,
    oldest: page.looked.oldest ?? listing.oldest,
    machinesLeftOut: page.looked.machinesLeftOut,
  };
}

/**
 * Whether pages from the newest on reach what the list has, so that nothing is between both.
 *
 * - `since`: when the list's newest part was read before, in seconds; what is older in the order was seen then.
 */
export function reaches(listing: Listing, pages: readonly SearchPage[], since: number): boolean {
  const last = pages.at(-1);
  if (last === undefined) return false;
  if (last.next === null || (last.looked.until !== null && last.looked.until <= since)) return true;
  const places = new Map(listing.rows.map((one) => [one.executionArn, placeInTime(one)]));
  // One that has not moved: what has, says nothing about what is around it.
  return last.executions.some((one) => places.get(one.executionArn) === placeInTime(one));
}

/** The list with its newest part read again; begun anew from that part if it does not reach the rest. */
export function withHead(listing: Listing, pages: readonly SearchPage[], isReached: boolean): Listing {
  const last = pages.at(-1);
  if (last === undefined) return listing;
  const head = pages.flatMap((page) => page.executions);
  const heads = new Set(head.map((one) => one.executionArn));
  if (!isReached || listing.next === undefined) {
    return {
      rows: ordered(head),
      next: last.next,
      looked: pages.reduce((sum, page) => sum + page.looked.executions, 0),
      until: last.looked.until,
      oldest: pages[0]?.looked.oldest ?? null,
      machinesLeftOut: last.looked.machinesLeftOut,
    };
  }
  return {
    ...listing,
    rows: ordered([...head, ...listing.rows.filter((one) => !heads.has(one.executionArn))]),
    // All of it was looked at in one go: there is no more than that.
    looked: last.next === null ? Math.max(listing.looked, pages.reduce((sum, page) => sum + page.looked.executions, 0)) : listing.looked,
    oldest: pages[0]?.looked.oldest ?? listing.oldest,
  };
}

/** The list with what the live stream says of its rows: those that the choice does not want any more are left out. */
export function withChanges(listing: Listing, changes: ReadonlyMap<string, ExecutionChange>, statuses: readonly string[]): Listing {
  let isChanged = false;
  const rows: FoundExecution[] = [];
  for (const row of listing.rows) {
    const change = changes.get(row.executionArn);
    if (change === undefined || change.status === row.status) {
      rows.push(row);
      continue;
    }
    isChanged = true;
    if (statuses.length > 0 && !statuses.includes(change.status)) continue;
    // When it ended is read with the list; that it runs again is said here only.
    if (change.status === "RUNNING") {
      const { stopDate: _ended, error: _error, cause: _cause, ...rest } = row;
      rows.push({ ...rest, status: "RUNNING" });
    } else rows.push({ ...row, status: change.status as States.ExecutionStatus });
  }
  return isChanged ? { ...listing, rows } : listing;
}

/** How far it was looked: of the time between the newest and the oldest, `0..1`; `null` where that is not known. */
export function progressOf(listing: Listing, now: number): number | null {
  if (listing.next === null) return 1;
  if (listing.until === null || listing.oldest === null) return null;
  const whole = now / 1000 - listing.oldest;
  return whole <= 0 ? null : Math.min(1, Math.max(0, (now / 1000 - listing.until) / whole));
}
