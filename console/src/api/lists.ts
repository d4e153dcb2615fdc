/** What lists of executions ask the server. */

import { queryOptions } from "@tanstack/react-query";
import { addedUp } from "../model/failures";
import type { FailureGroup, FailuresPage } from "../model/failures";
import { patiently } from "../model/bulk";
import type { Ask, SearchPage } from "../model/search";
import { ApiError, consoleCall } from "./call";

/** Slices of a list whose groups are added up; of a longer one the rest is left out, and the page says so. */
const SLICES_MAX = 400;
/** How often groups are read again while somebody looks at them; more seldom where it takes long. */
const GROUPS_MS = 5_000;
const GROUPS_FACTOR = 20;

/** The server runs two of these questions at one time and lets some wait; of who comes in vain the same is asked again. */
const WAITS_MS = [200, 500, 1_000, 2_000];

const surveyed = <Output>(path: string, ask: unknown, signal: AbortSignal): Promise<Output> =>
  patiently(() => consoleCall<Output>(path, ask, signal), (error) => error instanceof ApiError && error.status === 503, WAITS_MS);

export const searchExecutions = (ask: Ask & { limit: number; next?: string }, signal: AbortSignal): Promise<SearchPage> =>
  surveyed<SearchPage>("search", ask, signal);

/** Groups of failures, as far as was looked. */
export interface Failures {
  readonly groups: readonly FailureGroup[];
  readonly looked: number;
  /** Down to which instant was looked, in seconds; `null` for all of it. */
  readonly until: number | null;
  readonly machinesLeftOut: number;
  readonly tookMs: number;
}

/**
 * The failures of a state machine, or of all, by their cause.
 *
 * - `sinceMs`: how far back.
 * - `onSlice`: told after every slice, so that what is there is shown.
 */
export const failuresQuery = (stateMachineArn: string | null, sinceMs: number, isAborted: boolean, onSlice: (failures: Failures) => void) =>
  queryOptions({
    queryKey: ["failures", stateMachineArn ?? "all", sinceMs, isAborted],
    queryFn: async ({ signal }): Promise<Failures> => {
      const began = Date.now();
      const since = (began - sinceMs) / 1000;
      let groups: FailureGroup[] = [];
      let next: string | null = null;
      let looked = 0;
      for (let slice = 0; slice < SLICES_MAX; slice += 1) {
        const page: FailuresPage = await surveyed<FailuresPage>(
          "failures",
          {
            ...(stateMachineArn === null ? {} : { stateMachineArn }),
            since,
            ...(isAborted ? { aborted: true } : {}),
            ...(next === null ? {} : { next }),
          },
          signal,
        );
        groups = addedUp([groups, page.groups]);
        looked += page.looked.executions;
        next = page.next;
        const sofar: Failures = {
          groups,
          looked,
          until: next === null ? null : page.looked.until,
          machinesLeftOut: page.looked.machinesLeftOut,
          tookMs: Date.now() - began,
        };
        if (next === null || slice === SLICES_MAX - 1) return sofar;
        onSlice(sofar);
      }
      throw new RangeError("there is a last slice");
    },
    refetchInterval: (query) => Math.max(GROUPS_MS, GROUPS_FACTOR * (query.state.data?.tookMs ?? 0)),
    structuralSharing: false,
  });
