/** What the start page asks: what there is to run, and what ran lately. */

import { queryOptions } from "@tanstack/react-query";
import { consoleCall } from "./call";
import type { States } from "./generated";

/** How often to ask: a save deploys, and nothing tells of it. */
const PROJECT_MS = 4_000;
/** Executions that are shown. */
const LATEST_MAX = 8;

/** One resource of a stack. */
export interface StackResource {
  readonly logicalId: string;
  /** As CloudFormation names it: `AWS::Lambda::Function`. */
  readonly type: string;
  readonly name: string;
  readonly arn: string | null;
}

export interface Stack {
  readonly name: string;
  readonly resources: readonly StackResource[];
}

/** A file of `events/`. */
export interface Sample {
  readonly name: string;
  readonly size: number;
  /** Its JSON; `null` where it is too large or none, and `problem` says which. */
  readonly content: string | null;
  readonly problem?: string;
  /** ARNs of what it is likely an input of, the likeliest first. */
  readonly fits: readonly string[];
}

/** What a server tells that was started for an application, and of stacks that were deployed to it. */
export interface ProjectAnswer {
  readonly project: { readonly directory: string | null; readonly stack: string; readonly template: string | null; readonly isWatching: boolean } | null;
  readonly stacks: readonly Stack[];
  readonly samples: readonly Sample[];
}

export const projectQuery = queryOptions({
  queryKey: ["project"],
  queryFn: ({ signal }) => consoleCall<ProjectAnswer>("project", {}, signal),
  refetchInterval: PROJECT_MS,
});

/** The newest executions of all state machines. */
export const newestQuery = queryOptions({
  queryKey: ["newest"],
  queryFn: async ({ signal }) => {
    const found = await consoleCall<{ readonly executions: readonly States.ExecutionListItem[] }>("search", { limit: LATEST_MAX }, signal);
    return found.executions;
  },
  // What changed while the page was another one, nobody told it.
  staleTime: 0,
});
