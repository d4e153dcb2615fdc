/** What pages about logs ask the server. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { FIRST_SPAN_MS, readBackward } from "../model/backward";
import type { Page, Window } from "../model/backward";
import { filteredLine, newestFirst } from "../model/logLines";
import type { LogLine } from "../model/logLines";
import { logs } from "./call";
import type { CloudWatch, Logs } from "./generated";
import { whole } from "./pages";

/** Log groups that are listed. AWS: 50 a page. */
const GROUP_PAGES_MAX = 40;
/** Log groups that are searched at one time. AWS: Live Tail takes 10. */
export const GROUPS_MAX = 10;
/** Lines of one page of a search. */
const PAGE_LINES = 300;
/** AWS: events of one FilterLogEvents. */
const EVENTS_MAX = 10_000;
/** FilterLogEvents of one window and group: pages of 1 MB. */
const WINDOW_PAGES_MAX = 12;

interface Groups {
  readonly groups: readonly Logs.LogGroup[];
  readonly isCut: boolean;
}

export const logGroupsQuery = queryOptions({
  queryKey: ["logGroups"],
  queryFn: async ({ signal }): Promise<Groups> => {
    const { items, isCut } = await whole(GROUP_PAGES_MAX, async (nextToken) => {
      const reply = await logs("DescribeLogGroups", { limit: 50, ...(nextToken ? { nextToken } : {}) }, signal);
      return [reply.logGroups ?? [], reply.nextToken];
    });
    return { groups: items, isCut };
  },
  staleTime: 10_000,
});

/** Metrics whose filters are looked for. */
const FILTERED_METRICS_MAX = 10;

/** The metric filters that make these metrics out of lines of logs; AWS's own metrics are made by none. */
export const metricFiltersQuery = (metrics: readonly CloudWatch.Metric[]) => {
  const own = metrics.filter(({ Namespace, MetricName }) => Namespace && MetricName && !Namespace.startsWith("AWS/")).slice(0, FILTERED_METRICS_MAX);
  return queryOptions({
    queryKey: ["metricFilters", own.map(({ Namespace, MetricName }) => [Namespace, MetricName])],
    queryFn: async ({ signal }): Promise<readonly Logs.MetricFilter[]> => {
      const replies = await Promise.all(own.map(({ Namespace, MetricName }) => logs("DescribeMetricFilters", { metricNamespace: Namespace ?? "", metricName: MetricName ?? "" }, signal)));
      return replies.flatMap((reply) => reply.metricFilters ?? []);
    },
    enabled: own.length > 0,
    staleTime: 30_000,
  });
};

interface Search {
  readonly groups: readonly string[];
  /** A filter pattern; empty for every line. */
  readonly pattern: string;
  /** Milliseconds since 1970, inclusive both. */
  readonly from: number;
  readonly to: number;
}

/** Lines of groups together, newest first; pages go back in time. */
export const logSearchQuery = (search: Search) =>
  infiniteQueryOptions({
    queryKey: ["logSearch", search.groups, search.pattern, search.from, search.to],
    queryFn: ({ signal, pageParam }) => searchLogs(search, signal, pageParam),
    initialPageParam: { to: search.to, span: FIRST_SPAN_MS },
    getNextPageParam: (last: Page<LogLine>) => last.next,
    enabled: search.groups.length > 0,
    // An instant that has passed is read once.
    staleTime: Infinity,
    refetchOnWindowFocus: false,
  });

/** One page of a search, which begins at `start`. */
function searchLogs(search: Search, signal: AbortSignal, start: NonNullable<Page<LogLine>["next"]>): Promise<Page<LogLine>> {
  const read = async (window: Window): Promise<{ items: LogLine[]; isWhole: boolean }> => {
    const found = await Promise.all(search.groups.map((group) => readGroup(search, group, window, signal)));
    return { items: newestFirst(found.flatMap((one) => one.lines)), isWhole: found.every((one) => one.isWhole) };
  };
  return readBackward(read, { from: search.from, to: search.to }, start, PAGE_LINES);
}

async function readGroup(search: Search, group: string, window: Window, signal?: AbortSignal): Promise<{ lines: LogLine[]; isWhole: boolean }> {
  const lines: LogLine[] = [];
  let nextToken: string | undefined;
  for (let page = 0; page < WINDOW_PAGES_MAX && lines.length < EVENTS_MAX; page += 1) {
    const reply = await logs(
      "FilterLogEvents",
      {
        logGroupName: group,
        startTime: window.from,
        endTime: window.to,
        limit: EVENTS_MAX,
        ...(search.pattern ? { filterPattern: search.pattern } : {}),
        ...(nextToken ? { nextToken } : {}),
      },
      signal,
    );
    for (const event of reply.events ?? []) lines.push(filteredLine(group, event));
    nextToken = reply.nextToken;
    if (!nextToken) return { lines, isWhole: true };
  }
  return { lines, isWhole: false };
}

/** How a query of Logs Insights stands. */
export interface InsightsAnswer {
  readonly status: string;
  readonly rows: readonly (readonly Logs.ResultField[])[];
  readonly statistics: Logs.QueryStatistics;
}

const ASK_AGAIN_MS = [100, 200, 400, 800, 1_000] as const;
/** The server gives up after two minutes. */
const ASKED_MAX = 150;

/** Runs a query until it has ended; what it has found by then is told on the way. */
export async function runInsights(
  asked: { readonly query: string; readonly groups: readonly string[]; readonly from: number; readonly to: number },
  onAnswer: (answer: InsightsAnswer) => void,
  signal: AbortSignal,
): Promise<InsightsAnswer> {
  const { queryId } = await logs(
    "StartQuery",
    {
      queryString: asked.query,
      logGroupNames: [...asked.groups],
      // AWS: seconds.
      startTime: Math.floor(asked.from / 1_000),
      endTime: Math.ceil(asked.to / 1_000),
      limit: 10_000,
    },
    signal,
  );
  if (queryId === undefined) throw new Error("StartQuery gave no id");
  const stop = (): void => void logs("StopQuery", { queryId }).catch(() => {});
  signal.addEventListener("abort", stop, { once: true });
  try {
    for (let count = 0; count < ASKED_MAX; count += 1) {
      const reply = await logs("GetQueryResults", { queryId }, signal);
      const answer = { status: reply.status ?? "Unknown", rows: reply.results ?? [], statistics: reply.statistics ?? {} };
      if (!["Scheduled", "Running"].includes(answer.status)) return answer;
      onAnswer(answer);
      await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS[Math.min(count, ASK_AGAIN_MS.length - 1)]));
      signal.throwIfAborted();
    }
    throw new Error("the query has not ended");
  } finally {
    // A query that has ended is not stopped.
    signal.removeEventListener("abort", stop);
  }
}
