/** Stopping or redriving many executions: what would be touched, and the work itself. Pure but for the work it is given. */

import type { States } from "../api/generated";
import { isRedrivable, statusLook } from "./status";

export type Action = "stop" | "redrive";

export interface Target {
  readonly executionArn: string;
  readonly name: string;
  readonly status: string;
  readonly mapRunArn?: string;
  /** As DescribeExecution says; absent where it was not asked. */
  readonly redriveStatus?: string;
  readonly redriveStatusReason?: string;
}

/** Why an action does nothing to an execution; `null` if it does something. */
export function whyNot(action: Action, target: Target): string | null {
  if (action === "stop") return target.status === "RUNNING" ? null : `has ended: ${statusLook(target.status).text.toLowerCase()}`;
  if (target.status === "RUNNING") return "runs";
  if (!isRedrivable(target.status)) return "succeeded";
  // AWS: a child is redriven with its map run, which its parent's redrive does.
  if (target.mapRunArn !== undefined || target.redriveStatus === "REDRIVABLE_BY_MAP_RUN") return "a map run's child, redriven with its map run";
  if (target.redriveStatus === "NOT_REDRIVABLE") return target.redriveStatusReason ?? "not redrivable";
  return null;
}

export interface Plan {
  readonly touched: readonly Target[];
  /** What would not be touched, by why not; the most frequent reason first. */
  readonly spared: readonly (readonly [reason: string, targets: readonly Target[]])[];
}

/** What an action would do. */
export function planOf(action: Action, targets: readonly Target[]): Plan {
  const touched: Target[] = [];
  const spared = new Map<string, Target[]>();
  for (const target of targets) {
    const reason = whyNot(action, target);
    if (reason === null) touched.push(target);
    else spared.set(reason, [...(spared.get(reason) ?? []), target]);
  }
  return { touched, spared: [...spared].sort((a, b) => b[1].length - a[1].length) };
}

export function targetOf(execution: States.ExecutionListItem | States.DescribeExecutionOutput): Target {
  const described = execution as Partial<States.DescribeExecutionOutput>;
  return {
    executionArn: execution.executionArn,
    name: execution.name ?? "",
    status: execution.status,
    ...(execution.mapRunArn === undefined ? {} : { mapRunArn: execution.mapRunArn }),
    ...(described.redriveStatus === undefined ? {} : { redriveStatus: described.redriveStatus }),
    ...(described.redriveStatusReason === undefined ? {} : { redriveStatusReason: described.redriveStatusReason }),
  };
}

/** How one piece of work ended. */
type Result<Item, Value> =
  | { readonly item: Item; readonly value: Value }
  | { readonly item: Item; readonly error: unknown };

/**
 * Does work for every item, at most so many at one time, until all is done or the signal is raised; work that has begun
 * then is waited for. Results come in the order of their ends.
 *
 * - `onResult`: told of each as it ends.
 */
export async function forEach<Item, Value>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<Value>,
  signal: AbortSignal,
  onResult: (result: Result<Item, Value>) => void,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length && !signal.aborted) {
      const item = items[next] as Item;
      next += 1;
      try {
        onResult({ item, value: await work(item) });
      } catch (error) {
        onResult({ item, error });
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, worker));
}

/** Does work again while it fails with what passes, waiting longer each time. */
export async function patiently<Value>(work: () => Promise<Value>, isPassing: (error: unknown) => boolean, waitsMs: readonly number[]): Promise<Value> {
  for (const wait of waitsMs) {
    try {
      return await work();
    } catch (error) {
      if (!isPassing(error)) throw error;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  return work();
}
