/** What pages about functions ask the server, beside the functions themselves. */

import { queryOptions } from "@tanstack/react-query";
import { coldStartPattern, coldStartsOf } from "../model/coldStarts";
import type { ColdStarts } from "../model/coldStarts";
import { lastSpan, overSpan, queriesOf, sumOf } from "../model/metricSeries";
import type { Span, Wanted } from "../model/metricSeries";
import { cloudwatch, isAbsent, lambda, logs } from "./call";
import type { Lambda } from "./generated";
import { whole } from "./pages";

/** Metrics are of minutes: they are asked for as often as somebody notices. */
const METRICS_MS = 10_000;
const UNTOLD_MS = 5_000;
/** A browser notes every answer that says that there is no URL. */
const URL_MS = 30_000;
/** AWS: queries of one GetMetricData. */
const QUERIES_MAX = 500;
/** Functions whose activity a list shows; two queries each. */
export const ACTIVITY_MAX = QUERIES_MAX / 2;
const HOUR_SECONDS = 3_600;
const ACTIVITY_PERIOD_SECONDS = 300;
/** Pages of reports that are counted. AWS: 10,000 events or 1 MB each. */
const REPORT_PAGES_MAX = 10;

/** Points of metrics of one thing over a span of time, by the ids that they were asked under. */
interface Series {
  readonly span: Span;
  readonly points: Readonly<Record<string, readonly (number | null)[]>>;
}

async function readSeries(namespace: string, wanted: readonly Wanted[], span: Span, signal: AbortSignal): Promise<Series> {
  const reply = await cloudwatch(
    "GetMetricData",
    { MetricDataQueries: queriesOf(namespace, wanted, span.period), StartTime: span.from, EndTime: span.to, ScanBy: "TimestampAscending" },
    signal,
  );
  const results = reply.MetricDataResults ?? [];
  return { span, points: Object.fromEntries(wanted.map(({ id }) => [id, overSpan(results, id, span)])) };
}

export interface Activity {
  readonly invocations: number;
  readonly errors: number;
  readonly overTime: readonly number[];
}

/** What functions did within the last hour, by name. */
export const activityQuery = (names: readonly string[]) =>
  queryOptions({
    queryKey: ["functionActivity", names],
    queryFn: async ({ signal }): Promise<ReadonlyMap<string, Activity>> => {
      const wanted = names.slice(0, ACTIVITY_MAX).flatMap((name, index): Wanted[] => [
        { id: `i${index}`, name: "Invocations", statistic: "Sum", dimensions: { FunctionName: name } },
        { id: `e${index}`, name: "Errors", statistic: "Sum", dimensions: { FunctionName: name } },
      ]);
      const { points } = await readSeries("AWS/Lambda", wanted, lastSpan(Date.now(), HOUR_SECONDS, ACTIVITY_PERIOD_SECONDS), signal);
      return new Map(
        names.slice(0, ACTIVITY_MAX).map((name, index) => {
          const invocations = points[`i${index}`] ?? [];
          return [name, { invocations: sumOf(invocations), errors: sumOf(points[`e${index}`] ?? []), overTime: invocations.map((point) => point ?? 0) }];
        }),
      );
    },
    enabled: names.length > 0,
    refetchInterval: METRICS_MS,
    placeholderData: (before) => before,
    structuralSharing: false,
  });

/** How a function did within the last hour, minute by minute. */
export const functionMetricsQuery = (name: string) =>
  queryOptions({
    queryKey: ["functionMetrics", name],
    queryFn: ({ signal }) => {
      const dimensions = { FunctionName: name };
      return readSeries(
        "AWS/Lambda",
        [
          { id: "invocations", name: "Invocations", statistic: "Sum", dimensions },
          { id: "errors", name: "Errors", statistic: "Sum", dimensions },
          { id: "throttles", name: "Throttles", statistic: "Sum", dimensions },
          { id: "p50", name: "Duration", statistic: "p50", dimensions },
          { id: "p99", name: "Duration", statistic: "p99", dimensions },
          { id: "concurrent", name: "ConcurrentExecutions", statistic: "Maximum", dimensions },
        ],
        lastSpan(Date.now(), HOUR_SECONDS, 60),
        signal,
      );
    },
    refetchInterval: METRICS_MS,
  });

/** Cold starts within the last hour, as the log has them; `isCut` where it has more reports than were read. */
export const coldStartsQuery = (group: string, isJson: boolean) =>
  queryOptions({
    queryKey: ["coldStarts", group, isJson],
    queryFn: async ({ signal }): Promise<ColdStarts & { isCut: boolean }> => {
      const startTime = Date.now() - HOUR_SECONDS * 1_000;
      const { items, isCut } = await whole(REPORT_PAGES_MAX, async (nextToken) => {
        const reply = await logs(
          "FilterLogEvents",
          { logGroupName: group, filterPattern: coldStartPattern(isJson), startTime, ...(nextToken ? { nextToken } : {}) },
          signal,
        ).catch((reason: unknown) => {
          // A function that never ran has no log group.
          if (isAbsent(reason)) return { events: [], nextToken: undefined };
          throw reason;
        });
        return [(reply.events ?? []).map((event) => event.message ?? ""), reply.nextToken];
      });
      return { ...coldStartsOf(items), isCut };
    },
    refetchInterval: METRICS_MS,
  });

export interface Capacity {
  /** `null`: what is left of the account's. */
  readonly reserved: number | null;
  readonly provisioned: readonly Lambda.ProvisionedConcurrencyConfigListItem[];
}

export const capacityQuery = (FunctionName: string) =>
  queryOptions({
    queryKey: ["capacity", FunctionName],
    queryFn: async ({ signal }): Promise<Capacity> => {
      const [reserved, provisioned] = await Promise.all([
        lambda("GetFunctionConcurrency", { FunctionName }, signal),
        lambda("ListProvisionedConcurrencyConfigs", { FunctionName }, signal),
      ]);
      return { reserved: reserved.ReservedConcurrentExecutions ?? null, provisioned: provisioned.ProvisionedConcurrencyConfigs ?? [] };
    },
    refetchInterval: UNTOLD_MS,
  });

/** The address under which a function is called over HTTP; `null` where it has none. */
export const functionUrlQuery = (FunctionName: string) =>
  queryOptions({
    queryKey: ["functionUrl", FunctionName],
    queryFn: async ({ signal }): Promise<string | null> => {
      try {
        return (await lambda("GetFunctionUrlConfig", { FunctionName }, signal)).FunctionUrl;
      } catch (reason) {
        if (isAbsent(reason)) return null;
        throw reason;
      }
    },
    refetchInterval: URL_MS,
  });

interface FunctionVersions {
  readonly versions: readonly Lambda.FunctionConfiguration[];
  readonly aliases: readonly Lambda.AliasConfiguration[];
  readonly isCut: boolean;
}

/** The versions and aliases of a function, as far as one page has them. */
export const functionVersionsQuery = (FunctionName: string) =>
  queryOptions({
    queryKey: ["functionVersions", FunctionName],
    queryFn: async ({ signal }): Promise<FunctionVersions> => {
      const [versions, aliases] = await Promise.all([
        lambda("ListVersionsByFunction", { FunctionName }, signal),
        lambda("ListAliases", { FunctionName }, signal),
      ]);
      return { versions: versions.Versions ?? [], aliases: aliases.Aliases ?? [], isCut: Boolean(versions.NextMarker ?? aliases.NextMarker) };
    },
    refetchInterval: UNTOLD_MS,
  });

/** How executions of a state machine did, over a span of time. */
export const machineMetricsQuery = (arn: string, seconds: number, period: number) =>
  queryOptions({
    queryKey: ["machineMetrics", arn, seconds],
    queryFn: ({ signal }) => {
      const dimensions = { StateMachineArn: arn };
      const sum = (id: string, name: string): Wanted => ({ id, name, statistic: "Sum", dimensions });
      return readSeries(
        "AWS/States",
        [
          sum("started", "ExecutionsStarted"),
          sum("succeeded", "ExecutionsSucceeded"),
          sum("failed", "ExecutionsFailed"),
          sum("timedOut", "ExecutionsTimedOut"),
          sum("aborted", "ExecutionsAborted"),
          { id: "p50", name: "ExecutionTime", statistic: "p50", dimensions },
          { id: "p99", name: "ExecutionTime", statistic: "p99", dimensions },
        ],
        lastSpan(Date.now(), seconds, period),
        signal,
      );
    },
    refetchInterval: METRICS_MS,
    placeholderData: (before) => before,
  });
