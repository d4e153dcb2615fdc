/** What pages about traces ask the server. */

import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { FIRST_SPAN_MS, readBackward } from "../model/backward";
import type { Page, Window } from "../model/backward";
import { readTrace } from "../model/trace";
import type { Trace } from "../model/trace";
import { xray } from "./call";
import type { XRay } from "./generated";
import { whole } from "./pages";

/** Traces of one page of a search. */
const PAGE_TRACES = 150;
/** GetTraceSummaries of one window; each gives at most 100. */
const WINDOW_PAGES_MAX = 6;
/** A trace has 8 MiB at most, a page of BatchGetTraces 5 MiB. */
const TRACE_PAGES_MAX = 8;
/** Pages of a graph. */
const GRAPH_PAGES_MAX = 10;

/** A trace with everything that is in it; read again while something of it is in progress. */
export const traceQuery = (id: string) =>
  queryOptions({
    queryKey: ["trace", id],
    queryFn: async ({ signal }): Promise<Trace | null> => {
      // Each page has the same trace with some of its segments.
      const { items } = await whole(TRACE_PAGES_MAX, async (NextToken) => {
        const reply = await xray("BatchGetTraces", { TraceIds: [id], ...(NextToken ? { NextToken } : {}) }, signal);
        return [reply.Traces ?? [], reply.NextToken];
      });
      const found = items.at(-1);
      return found === undefined ? null : readTrace({ ...found, Segments: items.flatMap((part) => part.Segments ?? []) });
    },
    refetchInterval: (query) => (query.state.data?.isOpen ? 2_000 : false),
  });

interface TraceSearch {
  /** A filter expression; empty for every trace. */
  readonly filter: string;
  /** Milliseconds since 1970, inclusive both. */
  readonly from: number;
  readonly to: number;
}

/** Traces that began in a range, newest first; pages go back in time. */
export const traceSearchQuery = (search: TraceSearch) =>
  infiniteQueryOptions({
    queryKey: ["traceSearch", search.filter, search.from, search.to],
    queryFn: ({ signal, pageParam }) => readBackward((window) => summariesOf(search.filter, window, signal), search, pageParam, PAGE_TRACES),
    initialPageParam: { to: search.to, span: FIRST_SPAN_MS * 5 },
    getNextPageParam: (last: Page<XRay.TraceSummary>) => last.next,
    refetchOnWindowFocus: false,
  });

async function summariesOf(filter: string, window: Window, signal?: AbortSignal): Promise<{ items: XRay.TraceSummary[]; isWhole: boolean }> {
  const { items, isCut } = await whole(WINDOW_PAGES_MAX, async (NextToken) => {
    const reply = await xray(
      "GetTraceSummaries",
      {
        StartTime: window.from / 1_000,
        // The end is not of the range.
        EndTime: (window.to + 1) / 1_000,
        ...(filter ? { FilterExpression: filter } : {}),
        ...(NextToken ? { NextToken } : {}),
      },
      signal,
    );
    return [reply.TraceSummaries ?? [], reply.NextToken];
  });
  return { items: items.toSorted((a, b) => (b.StartTime ?? 0) - (a.StartTime ?? 0)), isWhole: !isCut };
}

export const serviceGraphQuery = (from: number, to: number) =>
  queryOptions({
    queryKey: ["serviceGraph", from, to],
    queryFn: async ({ signal }): Promise<readonly XRay.Service[]> => {
      const { items } = await whole(GRAPH_PAGES_MAX, async (NextToken) => {
        const reply = await xray("GetServiceGraph", { StartTime: from / 1_000, EndTime: to / 1_000, ...(NextToken ? { NextToken } : {}) }, signal);
        return [reply.Services ?? [], reply.NextToken];
      });
      return items;
    },
    refetchOnWindowFocus: false,
  });
