/** What the page of one execution asks beside its history: the lines of its functions, the children of its map runs. */

import { queryOptions } from "@tanstack/react-query";
import type { QueryClient } from "@tanstack/react-query";
import { invocationsOf, windowsOf } from "../model/calls";
import type { Call, Invocation, Line } from "../model/calls";
import { groupName } from "../model/logLines";
import type { CellsAnswer } from "../model/childCells";
import { ApiError, consoleCall, isAbsent, lambda, logs } from "./call";
import { machineQuery } from "./queries";

/** Lines of all functions together that are looked through. */
const LINES_MAX = 20_000;
/** Functions whose logs are read; a definition with more has the rest left out, and the page says so. */
const FUNCTIONS_MAX = 20;
/** How long it is taken for known where functions and the state machine log to. */
const WHERE_MS = 10_000;
/** Requests for one function: pages of FilterLogEvents in all of its windows. */
const PAGES_MAX = 40;

interface ExecutionLines {
  readonly invocations: readonly Invocation[];
  /** Lines that the execution itself logged, where its state machine says so. */
  readonly own: readonly Line[];
  /** Log groups that were read. */
  readonly groups: readonly string[];
  /** Functions whose log group is not there: nothing was written yet. */
  readonly silent: readonly string[];
  readonly isCut: boolean;
}

interface LinesOf {
  readonly executionArn: string;
  readonly stateMachineArn: string;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly calls: readonly Call[];
  readonly traceId: string | null;
}

/** The lines of an execution: of its functions by request and time, and of itself. */
export const executionLinesQuery = (of: LinesOf) =>
  queryOptions({
    queryKey: ["executionLines", of.executionArn, of.calls.length, of.calls.at(-1)?.to ?? null, of.endedAt],
    queryFn: ({ client, signal }) => readLines(of, client, signal),
    refetchInterval: of.endedAt === null ? 2_000 : false,
  });

async function readLines(of: LinesOf, client: QueryClient, signal: AbortSignal): Promise<ExecutionLines> {
  const byFunction = new Map<string, Call[]>();
  for (const call of of.calls) byFunction.set(call.functionName, [...(byFunction.get(call.functionName) ?? []), call]);
  const names = [...byFunction.keys()];
  const [own, ...functions] = await Promise.all([
    ownLines(of, client, signal),
    ...names.slice(0, FUNCTIONS_MAX).map(async (name) => {
      const calls = byFunction.get(name) ?? [];
      const group = await client.fetchQuery(groupQuery(name));
      const read = await filter(group, windowsOf(calls, Date.now()), null, LINES_MAX / Math.min(FUNCTIONS_MAX, names.length), signal);
      return { name, group, ...read, invocations: invocationsOf(read.lines, calls, of.traceId) };
    }),
  ]);
  return {
    invocations: functions.flatMap((one) => one.invocations),
    own: own.lines,
    groups: [...functions.filter((one) => !one.isAbsent).map((one) => one.group), ...(own.group === null || own.isAbsent ? [] : [own.group])],
    silent: functions.filter((one) => one.isAbsent).map((one) => one.name),
    isCut: own.isCut || functions.some((one) => one.isCut) || names.length > FUNCTIONS_MAX,
  };
}

/** The log group of a function; lines are read far more often than it changes. */
const groupQuery = (name: string) =>
  queryOptions({ queryKey: ["groupOf", name], queryFn: ({ signal }) => groupOf(name, signal), staleTime: WHERE_MS, retry: false });

/** AWS: `/aws/lambda/NAME` unless its LoggingConfig says otherwise. */
async function groupOf(FunctionName: string, signal: AbortSignal): Promise<string> {
  try {
    const configuration = await lambda("GetFunctionConfiguration", { FunctionName }, signal);
    return configuration.LoggingConfig?.LogGroup ?? `/aws/lambda/${FunctionName}`;
  } catch (reason) {
    // A function that is gone has left its log.
    if (reason instanceof ApiError && reason.status === 404) return `/aws/lambda/${FunctionName}`;
    throw reason;
  }
}

async function ownLines(of: LinesOf, client: QueryClient, signal: AbortSignal): Promise<{ lines: Line[]; group: string | null; isAbsent: boolean; isCut: boolean }> {
  const none = { lines: [], group: null, isAbsent: false, isCut: false };
  let arn: string | undefined;
  try {
    const { loggingConfiguration } = await client.fetchQuery({ ...machineQuery(of.stateMachineArn), staleTime: WHERE_MS, retry: false });
    if (loggingConfiguration?.level === undefined || loggingConfiguration.level === "OFF") return none;
    arn = loggingConfiguration.destinations?.[0]?.cloudWatchLogsLogGroup?.logGroupArn;
  } catch (reason) {
    if (reason instanceof ApiError && reason.code === "StateMachineDoesNotExist") return none;
    throw reason;
  }
  if (arn === undefined) return none;
  const group = groupName(arn);
  const window = { from: of.startedAt - 1_000, to: (of.endedAt ?? Date.now()) + 60_000 };
  const read = await filter(group, [window], `{ $.execution_arn = "${of.executionArn}" }`, LINES_MAX, signal);
  return { ...read, group };
}

async function filter(
  logGroupName: string,
  windows: readonly { readonly from: number; readonly to: number }[],
  filterPattern: string | null,
  most: number,
  signal: AbortSignal,
): Promise<{ lines: Line[]; isAbsent: boolean; isCut: boolean }> {
  const lines: Line[] = [];
  let pages = 0;
  for (const { from, to } of windows) {
    let nextToken: string | undefined;
    do {
      if (lines.length >= most || pages >= PAGES_MAX) return { lines, isAbsent: false, isCut: true };
      pages += 1;
      try {
        const reply = await logs(
          "FilterLogEvents",
          { logGroupName, startTime: Math.max(0, from), endTime: to, ...(filterPattern === null ? {} : { filterPattern }), ...(nextToken ? { nextToken } : {}) },
          signal,
        );
        for (const event of reply.events ?? []) {
          const at = event.timestamp ?? 0;
          lines.push({ id: event.eventId ?? `${logGroupName} ${lines.length}`, at, group: logGroupName, stream: event.logStreamName ?? "", message: event.message ?? "" });
        }
        nextToken = reply.nextToken;
      } catch (reason) {
        if (isAbsent(reason)) return { lines, isAbsent: true, isCut: false };
        throw reason;
      }
    } while (nextToken !== undefined);
  }
  return { lines, isAbsent: false, isCut: false };
}

/** Children whose standing one request brings. */
export const CELLS_A_PAGE = 20_000;
/** Pages of them: a map run with more children has its rest left out, and the page says so. */
export const CELL_PAGES_MAX = 50;

/** How the children of a page stand, in the slices in which the server gives them: each takes it a tenth of a second at most. */
export const cellsQuery = (mapRunArn: string, page: number) =>
  queryOptions({
    queryKey: ["cells", mapRunArn, page],
    queryFn: async ({ signal }): Promise<readonly CellsAnswer[]> => {
      const end = (page + 1) * CELLS_A_PAGE;
      const slices: CellsAnswer[] = [];
      for (let from: number | null = page * CELLS_A_PAGE; from !== null && from < end && slices.length < CELLS_A_PAGE; ) {
        const slice: CellsAnswer = await consoleCall<CellsAnswer>("map-run", { mapRunArn, from, limit: end - from }, signal);
        slices.push(slice);
        // A slice with nothing in it would be asked for for ever.
        from = slice.count > 0 ? slice.next : null;
      }
      return slices;
    },
  });

interface MapChild {
  readonly index: number;
  readonly firstItem: number;
  readonly items: number;
  readonly status: string;
  /** `null` for Express children that have run: nothing is kept of them. */
  readonly executionArn: string | null;
  readonly name: string | null;
  readonly startDate?: number;
  readonly stopDate?: number;
  readonly error?: string;
  readonly cause?: string;
}

/** One child of a map run, by its index. */
export const mapChildQuery = (mapRunArn: string, index: number) =>
  queryOptions({
    queryKey: ["cells", mapRunArn, "child", index],
    queryFn: async ({ signal }): Promise<MapChild | null> => {
      const found = await consoleCall<{ children: readonly MapChild[] }>("map-run/children", { mapRunArn, from: index, limit: 1 }, signal);
      return found.children.find((child) => child.index === index) ?? null;
    },
  });
