/** What `stepwell dev` knows of the project that it runs. */

import { queryOptions } from "@tanstack/react-query";
import { consoleGet } from "./call";

export interface ProjectSample {
  readonly name: string;
  readonly size: number;
  /** `null` where it is too large to be sent along. */
  readonly content: string | null;
  readonly problem?: string;
  /** ARNs of state machines and functions that it is for, best first. */
  readonly fits: readonly string[];
}

export interface ProjectResource {
  readonly logicalId: string;
  readonly type: string;
  readonly name: string;
  readonly arn: string | null;
}

export interface Project {
  readonly project: { readonly directory: string; readonly stack: string; readonly template: string; readonly isWatching: boolean } | null;
  readonly stacks: readonly { readonly name: string; readonly resources: readonly ProjectResource[] }[];
  readonly samples: readonly ProjectSample[];
}

export const projectQuery = queryOptions({
  queryKey: ["project"],
  queryFn: ({ signal }) => consoleGet<Project>("project", signal),
  staleTime: 10_000,
  retry: false,
});
