/** What pages about metrics, alarms and dashboards ask the server. */

import { infiniteQueryOptions, keepPreviousData, queryOptions } from "@tanstack/react-query";
import type { QueryClient } from "@tanstack/react-query";
import { readAlarms, sortedAlarms } from "../model/alarms";
import type { Alarm } from "../model/alarms";
import type { ChartSeries } from "../model/chart";
import { seriesOf } from "../model/metrics";
import type { Defaults, Graphed } from "../model/metrics";
import { cloudwatch } from "./call";
import type { CloudWatch } from "./generated";
import { whole } from "./pages";

/** Metrics that are listed. AWS: 500 a page. */
const METRIC_PAGES_MAX = 20;
/** AWS: 100 alarms a page; the server has 5,000 at most. */
const ALARM_PAGES_MAX = 50;
const DATA_PAGES_MAX = 20;
const DASHBOARD_PAGES_MAX = 10;
/** A metric is not older than a minute, and alarms are evaluated every ten seconds at most. */
const POLL_MS = 5_000;

interface Metrics {
  readonly metrics: readonly CloudWatch.Metric[];
  readonly isCut: boolean;
}

/** - `namespace`: `null` for those of every one. */
export const metricsQuery = (namespace: string | null) =>
  queryOptions({
    queryKey: ["metrics", namespace],
    queryFn: async ({ signal }): Promise<Metrics> => {
      const { items, isCut } = await whole(METRIC_PAGES_MAX, async (NextToken) => {
        const reply = await cloudwatch("ListMetrics", { ...(namespace === null ? {} : { Namespace: namespace }), ...(NextToken ? { NextToken } : {}) }, signal);
        return [reply.Metrics ?? [], reply.NextToken];
      });
      return { metrics: items, isCut };
    },
    staleTime: 15_000,
  });

/** Every page of an answer, put together by the id and the label of each result. */
async function metricData(queries: readonly CloudWatch.MetricDataQuery[], from: number, to: number, signal: AbortSignal): Promise<CloudWatch.MetricDataResult[]> {
  const found = new Map<string, CloudWatch.MetricDataResult>();
  let NextToken: string | undefined;
  for (let page = 0; page < DATA_PAGES_MAX; page += 1) {
    const reply = await cloudwatch(
      "GetMetricData",
      { MetricDataQueries: [...queries], StartTime: from / 1_000, EndTime: to / 1_000, ScanBy: "TimestampAscending", ...(NextToken ? { NextToken } : {}) },
      signal,
    );
    const seen = new Map<string, number>();
    for (const result of reply.MetricDataResults ?? []) {
      const name = `${result.Id} ${result.Label}`;
      const number = seen.get(name) ?? 0;
      seen.set(name, number + 1);
      const key = `${name} ${number}`;
      const known = found.get(key);
      found.set(key, known ? { ...result, Timestamps: [...(known.Timestamps ?? []), ...(result.Timestamps ?? [])], Values: [...(known.Values ?? []), ...(result.Values ?? [])] } : result);
    }
    NextToken = reply.NextToken;
    if (!NextToken) break;
  }
  return [...found.values()];
}

/** Series of a graph. - `isLive`: whether its end moves on. */
export const seriesQuery = (asked: {
  readonly queries: readonly CloudWatch.MetricDataQuery[];
  readonly graphed: readonly Graphed[];
  readonly defaults: Defaults;
  readonly from: number;
  readonly to: number;
}) =>
  queryOptions({
    queryKey: ["series", asked.queries, asked.from, asked.to],
    queryFn: async ({ signal }): Promise<readonly ChartSeries[]> => seriesOf(await metricData(asked.queries, asked.from, asked.to, signal), asked.graphed, asked.defaults),
    enabled: asked.queries.some((query) => query.ReturnData !== false),
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 60_000,
    refetchOnWindowFocus: false,
  });

interface Alarms {
  readonly alarms: readonly Alarm[];
  readonly isCut: boolean;
}

export const alarmsQuery = queryOptions({
  queryKey: ["alarms"],
  queryFn: async ({ signal }): Promise<Alarms> => {
    const { items, isCut } = await whole(ALARM_PAGES_MAX, async (NextToken) => {
      const reply = await cloudwatch("DescribeAlarms", { AlarmTypes: ["MetricAlarm", "CompositeAlarm"], MaxRecords: 100, ...(NextToken ? { NextToken } : {}) }, signal);
      return [readAlarms(reply), reply.NextToken];
    });
    return { alarms: sortedAlarms(items), isCut };
  },
  refetchInterval: POLL_MS,
});

export const alarmQuery = (name: string) =>
  queryOptions({
    queryKey: ["alarm", name],
    queryFn: async ({ signal }): Promise<Alarm | null> => {
      const reply = await cloudwatch("DescribeAlarms", { AlarmNames: [name], AlarmTypes: ["MetricAlarm", "CompositeAlarm"] }, signal);
      return readAlarms(reply)[0] ?? null;
    },
    refetchInterval: POLL_MS,
  });

/** AWS: names of one DescribeAlarms. */
const NAMES_MAX = 100;

/** The alarms of these names; those that are not there are left out. */
export const alarmsNamedQuery = (names: readonly string[]) =>
  queryOptions({
    queryKey: ["alarmsNamed", names],
    queryFn: async ({ signal }): Promise<readonly Alarm[]> => {
      const reply = await cloudwatch("DescribeAlarms", { AlarmNames: names.slice(0, NAMES_MAX), AlarmTypes: ["MetricAlarm", "CompositeAlarm"], MaxRecords: 100 }, signal);
      return readAlarms(reply);
    },
    enabled: names.length > 0,
    refetchInterval: POLL_MS,
  });

/** The composite alarms whose rule names this one. */
export const parentsQuery = (name: string) =>
  queryOptions({
    queryKey: ["alarmParents", name],
    queryFn: async ({ signal }): Promise<readonly Alarm[]> => readAlarms(await cloudwatch("DescribeAlarms", { ParentsOfAlarmName: name }, signal)),
  });

export const alarmHistoryQuery = (name: string, type: CloudWatch.HistoryItemType | null) =>
  infiniteQueryOptions({
    queryKey: ["alarmHistory", name, type],
    queryFn: ({ signal, pageParam }) =>
      cloudwatch(
        "DescribeAlarmHistory",
        {
          AlarmName: name,
          AlarmTypes: ["MetricAlarm", "CompositeAlarm"],
          MaxRecords: 100,
          ScanBy: "TimestampDescending",
          ...(type === null ? {} : { HistoryItemType: type }),
          ...(pageParam === null ? {} : { NextToken: pageParam }),
        },
        signal,
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (last) => last.NextToken ?? null,
  });

/** Has a dashboard and the list of them read again. */
export function dashboardChanged(client: QueryClient, name: string): void {
  for (const queryKey of [["dashboards"], ["dashboard", name]]) void client.invalidateQueries({ queryKey });
}

export const dashboardsQuery = queryOptions({
  queryKey: ["dashboards"],
  queryFn: async ({ signal }): Promise<readonly CloudWatch.DashboardEntry[]> => {
    const { items } = await whole(DASHBOARD_PAGES_MAX, async (NextToken) => {
      const reply = await cloudwatch("ListDashboards", NextToken ? { NextToken } : {}, signal);
      return [reply.DashboardEntries ?? [], reply.NextToken];
    });
    return items;
  },
});

export const dashboardQuery = (name: string) =>
  queryOptions({
    queryKey: ["dashboard", name],
    queryFn: async ({ signal }): Promise<string> => (await cloudwatch("GetDashboard", { DashboardName: name }, signal)).DashboardBody ?? "{}",
  });
