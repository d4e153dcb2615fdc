/** What pages ask the server, with the keys under which answers are kept. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { QueryClient } from "@tanstack/react-query";
import { readFromBothEnds } from "../model/bothEnds";
import type { HistoryEvent } from "../model/history";
import { machineOfRun } from "../model/arn";
import { callerAccount, lambda, states } from "./call";
import type { Lambda, States } from "./generated";
import { whole } from "./pages";
import type { Whole } from "./pages";

/** How often to ask for what the live stream does not name, while somebody looks: state machines, functions, versions. */
const UNTOLD_MS = 5_000;
/** Pages of a list that is read whole; a server with more has its rest left out, and the page says so. */
const PAGES_MAX = 20;
/** Events that one request of a history brings. AWS: at most 1,000. */
const EVENTS_A_PAGE = 1_000;
/** Events of a history. AWS: 25,000. */
const HISTORY_EVENTS_MAX = 25_000;

export const machinesQuery = queryOptions({
  queryKey: ["machines"],
  queryFn: ({ signal }): Promise<Whole<States.StateMachineListItem>> =>
    whole(PAGES_MAX, async (nextToken) => {
      const reply = await states("ListStateMachines", { maxResults: 1_000, ...(nextToken ? { nextToken } : {}) }, signal);
      return [reply.stateMachines, reply.nextToken];
    }),
  refetchInterval: UNTOLD_MS,
});

export const machineQuery = (stateMachineArn: string) =>
  queryOptions({
    queryKey: ["machine", stateMachineArn],
    queryFn: ({ signal }) => states("DescribeStateMachine", { stateMachineArn }, signal),
    refetchInterval: UNTOLD_MS,
  });

export const versionsQuery = (stateMachineArn: string) =>
  queryOptions({
    queryKey: ["versions", stateMachineArn],
    queryFn: async ({ signal }) => {
      const [versions, aliases] = await Promise.all([
        states("ListStateMachineVersions", { stateMachineArn, maxResults: 1_000 }, signal),
        states("ListStateMachineAliases", { stateMachineArn, maxResults: 1_000 }, signal),
      ]);
      const described = await Promise.all(
        aliases.stateMachineAliases.map((alias) =>
          states("DescribeStateMachineAlias", { stateMachineAliasArn: alias.stateMachineAliasArn }, signal),
        ),
      );
      return { versions: versions.stateMachineVersions, aliases: described };
    },
    refetchInterval: UNTOLD_MS,
  });

/** The latest executions of a state machine; as many as show how it does. */
export const latestQuery = (stateMachineArn: string) =>
  queryOptions({
    queryKey: ["executions", stateMachineArn, "latest"],
    queryFn: ({ signal }) => states("ListExecutions", { stateMachineArn, maxResults: 100 }, signal),
  });

/** How a map run stands. */
export const mapRunQuery = (mapRunArn: string) =>
  queryOptions({
    queryKey: ["mapRun", mapRunArn],
    queryFn: ({ signal }) => states("DescribeMapRun", { mapRunArn }, signal),
  });

/** The children of a map run, page after page, newest first. */
export const childrenQuery = (mapRunArn: string, status: States.ExecutionStatus | null) =>
  infiniteQueryOptions({
    queryKey: ["executions", machineOfRun(mapRunArn), "children", mapRunArn, status],
    queryFn: ({ signal, pageParam }) =>
      states(
        "ListExecutions",
        {
          mapRunArn,
          maxResults: 200,
          ...(status === null ? {} : { statusFilter: status }),
          ...(pageParam === null ? {} : { nextToken: pageParam }),
        },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.nextToken ?? null,
  });

export const executionQuery = (executionArn: string) =>
  queryOptions({
    queryKey: ["execution", executionArn],
    queryFn: ({ signal }) => states("DescribeExecution", { executionArn }, signal),
  });

/** The definition that an execution has, which may be older than its state machine's. */
export const definitionQuery = (executionArn: string) =>
  queryOptions({
    queryKey: ["definition", executionArn],
    queryFn: ({ signal }) => states("DescribeStateMachineForExecution", { executionArn }, signal),
    // AWS: an execution in flight keeps the definition that it started with; a redrive may take a newer one.
    staleTime: 60_000,
  });

const historyKey = (executionArn: string) => ["history", executionArn] as const;

/** A history, whole. What is there already is not read again: only what came after it. */
export const historyQuery = (executionArn: string, client: QueryClient) =>
  queryOptions({
    queryKey: historyKey(executionArn),
    queryFn: async ({ signal }): Promise<readonly HistoryEvent[]> => {
      const known = client.getQueryData<readonly HistoryEvent[]>(historyKey(executionArn)) ?? [];
      if (known.length > 0) {
        const newer = await newerThan(executionArn, known.length, signal);
        // The very same where nothing is new: nothing is worked out again.
        return newer.length === 0 ? known : [...known, ...newer];
      }
      const read = async (reverseOrder: boolean, nextToken: string | undefined) => {
        const reply = await states(
          "GetExecutionHistory",
          { executionArn, maxResults: EVENTS_A_PAGE, reverseOrder, includeExecutionData: true, ...(nextToken ? { nextToken } : {}) },
          signal,
        );
        return { items: reply.events, next: reply.nextToken };
      };
      // What came first is shown while the rest is on its way.
      return readFromBothEnds<HistoryEvent>(read, (events) => client.setQueryData(historyKey(executionArn), events));
    },
    structuralSharing: false,
  });

/** The events after the one with this id, oldest first. */
async function newerThan(executionArn: string, id: number, signal: AbortSignal): Promise<HistoryEvent[]> {
  const newer: HistoryEvent[] = [];
  let nextToken: string | undefined;
  // Few at first: a live execution has some new events, not a page of them.
  for (let size = 20; newer.length < HISTORY_EVENTS_MAX; size = EVENTS_A_PAGE) {
    const reply = await states(
      "GetExecutionHistory",
      { executionArn, maxResults: size, reverseOrder: true, includeExecutionData: true, ...(nextToken ? { nextToken } : {}) },
      signal,
    );
    const fresh = reply.events.filter((event) => event.id > id);
    newer.push(...fresh);
    nextToken = reply.nextToken;
    if (fresh.length < reply.events.length || nextToken === undefined) break;
  }
  return newer.reverse();
}

/** The account that the server works for; it stays the same. */
export const accountQuery = queryOptions({ queryKey: ["account"], queryFn: ({ signal }) => callerAccount(signal), staleTime: Infinity });

export const functionsQuery = queryOptions({
  queryKey: ["functions"],
  queryFn: ({ signal }): Promise<Whole<Lambda.FunctionConfiguration>> =>
    whole(PAGES_MAX, async (marker) => {
      const reply = await lambda("ListFunctions", { MaxItems: 1_000, ...(marker ? { Marker: marker } : {}) }, signal);
      return [reply.Functions ?? [], reply.NextMarker];
    }),
  refetchInterval: UNTOLD_MS,
});

export const functionQuery = (FunctionName: string) =>
  queryOptions({
    queryKey: ["function", FunctionName],
    queryFn: ({ signal }) => lambda("GetFunction", { FunctionName }, signal),
    refetchInterval: UNTOLD_MS,
  });
