/** Filters of a list of executions, over what was loaded of it. */

import type { States } from "../api/generated";
import { nameOf } from "./arn";

export type Execution = States.ExecutionListItem;

export const WITHIN: Readonly<Record<string, { readonly text: string; readonly ms: number }>> = {
  "5m": { text: "5 minutes", ms: 300_000 },
  "1h": { text: "1 hour", ms: 3_600_000 },
  "1d": { text: "1 day", ms: 86_400_000 },
  "7d": { text: "7 days", ms: 604_800_000 },
};

interface Filter {
  /** Part of the name, whatever its case. */
  readonly text: string;
  /** A key of [`WITHIN`]: started since. */
  readonly within: string | null;
}

export function filtered(executions: readonly Execution[], filter: Filter, now: number): Execution[] {
  const wanted = filter.text.trim().toLowerCase();
  const since = filter.within === null ? undefined : WITHIN[filter.within];
  const from = since === undefined ? 0 : now - since.ms;
  return executions.filter(
    (one) => one.startDate * 1000 >= from && (wanted === "" || (one.name || nameOf(one.executionArn)).toLowerCase().includes(wanted)),
  );
}
