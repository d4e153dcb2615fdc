/** What a graph shows, as dashboards write it, and what GetMetricData is asked for it. */

import type { CloudWatch } from "../api/generated";
import type { ChartSeries } from "./chart";
import { quoted } from "./commands";
import { fieldsOf } from "./json";

export interface Graphed {
  readonly id: string;
  readonly kind: "metric" | "expression";
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: readonly (readonly [name: string, value: string])[];
  readonly expression: string;
  readonly label: string | null;
  readonly stat: string | null;
  /** Seconds. */
  readonly period: number | null;
  readonly axis: "left" | "right";
  readonly isVisible: boolean;
}

export const STATISTICS = ["Average", "Sum", "Minimum", "Maximum", "SampleCount", "p50", "p90", "p95", "p99", "tm99", "IQM"] as const;
export const PERIODS = [1, 5, 10, 30, 60, 300, 900, 3_600, 21_600, 86_400] as const;

/** Points of one series that are worth drawing. */
const POINTS_WANTED = 300;
/** AWS: queries of a GetMetricData. */
const QUERIES_MAX = 500;

/**
 * Reads the `metrics` of a widget: rows of namespace, name, dimensions and options, where `.` stands for what the row
 * before has in that place and `...` for all of it up to the last ones.
 *
 * Source: CloudWatch API reference, "Dashboard body structure and syntax".
 */
export function readMetrics(rows: unknown): { readonly graphed: Graphed[]; readonly problems: string[] } {
  const graphed: Graphed[] = [];
  const problems: string[] = [];
  const ids = new Set<string>();
  let before: readonly string[] = [];
  for (const [index, row] of (Array.isArray(rows) ? rows : []).slice(0, QUERIES_MAX).entries()) {
    if (!Array.isArray(row)) {
      problems.push(`metrics[${index}] is no array`);
      continue;
    }
    const options = fieldsOf(row.at(-1));
    const text = (name: string): string | null => (typeof options[name] === "string" && options[name] !== "" ? options[name] : null);
    const common = {
      label: text("label"),
      stat: text("stat"),
      period: typeof options["period"] === "number" && options["period"] > 0 ? options["period"] : null,
      axis: options["yAxis"] === "right" ? ("right" as const) : ("left" as const),
      isVisible: options["visible"] !== false,
    };
    const expression = text("expression");
    const id = freshId(text("id"), expression === null ? "m" : "e", ids);
    ids.add(id);
    if (expression !== null) {
      graphed.push({ ...common, id, kind: "expression", namespace: "", name: "", dimensions: [], expression });
      continue;
    }
    const words = expanded(row.filter((part): part is string => typeof part === "string"), before);
    before = words;
    const [namespace, name, ...rest] = words;
    if (namespace === undefined || name === undefined || rest.length % 2 === 1) {
      problems.push(`metrics[${index}] names no metric`);
      continue;
    }
    const dimensions = Array.from({ length: rest.length / 2 }, (_, at): [string, string] => [rest[at * 2] ?? "", rest[at * 2 + 1] ?? ""]);
    graphed.push({ ...common, id, kind: "metric", namespace, name, dimensions, expression: "" });
  }
  return { graphed, problems };
}

function expanded(words: readonly string[], before: readonly string[]): string[] {
  if (words[0] === "...") {
    const given = words.slice(1);
    return [...before.slice(0, Math.max(0, before.length - given.length)), ...given.map((word, index) => (word === "." ? (before[before.length - given.length + index] ?? word) : word))];
  }
  return words.map((word, index) => (word === "." ? (before[index] ?? word) : word));
}

/** AWS: an id begins with a small letter and has letters, digits and `_`. */
function freshId(wanted: string | null, letter: string, taken: ReadonlySet<string>): string {
  if (wanted !== null && /^[a-z]\w*$/.test(wanted) && !taken.has(wanted)) return wanted;
  for (let number = 1; ; number += 1) if (!taken.has(`${letter}${number}`)) return `${letter}${number}`;
}

export function nextId(graphed: readonly Graphed[], letter: "m" | "e"): string {
  return freshId(null, letter, new Set(graphed.map((one) => one.id)));
}

/** As a dashboard writes it, in full. */
export function writeMetrics(graphed: readonly Graphed[]): unknown[] {
  return graphed.map((one) => {
    const options = {
      id: one.id,
      ...(one.label === null ? {} : { label: one.label }),
      ...(one.stat === null ? {} : { stat: one.stat }),
      ...(one.period === null ? {} : { period: one.period }),
      ...(one.axis === "right" ? { yAxis: "right" } : {}),
      ...(one.isVisible ? {} : { visible: false }),
    };
    if (one.kind === "expression") return [{ expression: one.expression, ...options }];
    return [one.namespace, one.name, ...one.dimensions.flat(), options];
  });
}

export function metricOf(metric: CloudWatch.Metric, id: string): Graphed {
  return {
    id,
    kind: "metric",
    namespace: metric.Namespace ?? "",
    name: metric.MetricName ?? "",
    dimensions: (metric.Dimensions ?? []).map(({ Name, Value }) => [Name, Value]),
    expression: "",
    label: null,
    stat: null,
    period: null,
    axis: "left",
    isVisible: true,
  };
}

/** What a graph shows out of what GetMetricData would be asked. */
export function graphedOf(queries: readonly CloudWatch.MetricDataQuery[]): Graphed[] {
  const rows = queries.map((query) => {
    const options = { id: query.Id, ...(query.Label ? { label: query.Label } : {}), ...(query.ReturnData === false ? { visible: false } : {}) };
    if (!query.MetricStat) return [{ expression: query.Expression ?? "", ...options, ...(query.Period ? { period: query.Period } : {}) }];
    const { Metric, Stat, Period } = query.MetricStat;
    return [Metric.Namespace, Metric.MetricName, ...(Metric.Dimensions ?? []).flatMap(({ Name, Value }) => [Name, Value]), { ...options, stat: Stat, period: Period }];
  });
  return readMetrics(rows).graphed;
}

/** What of a list of metrics is one, whatever its id. */
export function metricKey(one: Pick<Graphed, "namespace" | "name" | "dimensions">): string {
  return JSON.stringify([one.namespace, one.name, ...one.dimensions.map(([name, value]) => `${name}=${value}`).toSorted()]);
}

export function labelOf(one: Graphed, stat: string): string {
  if (one.label !== null) return one.label;
  if (one.kind === "expression") return one.expression;
  const about = one.dimensions.map(([, value]) => value.split(":").pop()).join(" ");
  return `${about ? `${about} ` : ""}${one.name} ${one.stat ?? stat}`;
}

/** A period that gives a few hundred points, and that is still kept of that time. */
export function periodFor(from: number, to: number, now: number): number {
  const rough = (to - from) / 1_000 / POINTS_WANTED;
  const age = (now - from) / 86_400_000;
  const least = age > 63 ? 3_600 : age > 15 ? 300 : 60;
  return PERIODS.find((period) => period >= rough && period >= least) ?? 86_400;
}

export interface Defaults {
  readonly stat: string;
  /** Seconds. */
  readonly period: number;
}

/** What GetMetricData is asked; expressions see what is hidden too. */
export function queriesOf(graphed: readonly Graphed[], defaults: Defaults): CloudWatch.MetricDataQuery[] {
  return graphed.map((one) => ({
    Id: one.id,
    ReturnData: one.isVisible,
    ...(one.label === null ? {} : { Label: one.label }),
    ...(one.kind === "expression"
      ? { Expression: one.expression, Period: one.period ?? defaults.period }
      : {
          MetricStat: {
            Metric: { Namespace: one.namespace, MetricName: one.name, Dimensions: one.dimensions.map(([Name, Value]) => ({ Name, Value })) },
            Period: one.period ?? defaults.period,
            Stat: one.stat ?? defaults.stat,
          },
        }),
  }));
}

/** Units of what AWS emits; of other metrics none is known. */
const UNITS: Readonly<Record<string, string>> = {
  Duration: "Milliseconds",
  ExecutionTime: "Milliseconds",
  ActivityTime: "Milliseconds",
  ActivityRunTime: "Milliseconds",
  ActivityScheduleTime: "Milliseconds",
  LambdaFunctionTime: "Milliseconds",
  LambdaFunctionRunTime: "Milliseconds",
  LambdaFunctionScheduleTime: "Milliseconds",
  ServiceIntegrationTime: "Milliseconds",
  ServiceIntegrationRunTime: "Milliseconds",
  ServiceIntegrationScheduleTime: "Milliseconds",
  AsyncEventAge: "Milliseconds",
  ExpressExecutionMemory: "Bytes",
};

/** The answers as series; an expression such as SEARCH may give several. */
export function seriesOf(results: readonly CloudWatch.MetricDataResult[], graphed: readonly Graphed[], defaults: Defaults): ChartSeries[] {
  const known = new Map(graphed.map((one) => [one.id, one]));
  return results.map((result, index) => {
    const one = known.get(result.Id ?? "");
    const points = (result.Timestamps ?? []).map((at, place) => ({ at: at * 1_000, value: result.Values?.[place] ?? Number.NaN }));
    const isAlone = results.filter((other) => other.Id === result.Id).length === 1;
    const isCount = one?.stat === "SampleCount" || (one?.stat === null && defaults.stat === "SampleCount");
    return {
      id: isAlone ? (result.Id ?? String(index)) : `${result.Id} ${index}`,
      label: one !== undefined && isAlone ? (one.label !== null ? (result.Label ?? one.label) : labelOf(one, defaults.stat)) : (result.Label ?? result.Id ?? ""),
      points: points.filter((point) => Number.isFinite(point.value)).toSorted((a, b) => a.at - b.at),
      axis: one?.axis ?? "left",
      period: (one?.period ?? defaults.period) * 1_000,
      unit: one?.kind === "metric" && one.namespace.startsWith("AWS/") && !isCount ? UNITS[one.name] : undefined,
    };
  });
}

/** The AWS CLI asks the same. */
export function metricLine(endpoint: string, queries: readonly CloudWatch.MetricDataQuery[], from: number, to: number): string {
  const words = ["aws", "--endpoint-url", endpoint, "cloudwatch", "get-metric-data"];
  const given = ["--metric-data-queries", JSON.stringify(queries), "--start-time", new Date(from).toISOString(), "--end-time", new Date(to).toISOString()];
  return [...words, ...given].map(quoted).join(" ");
}

/** Metrics by namespace, then by the names of their dimensions. */
interface Branch {
  readonly namespace: string;
  readonly groups: readonly { readonly dimensions: string; readonly metrics: readonly CloudWatch.Metric[] }[];
  readonly count: number;
}

export function browse(metrics: readonly CloudWatch.Metric[]): Branch[] {
  const namespaces = new Map<string, Map<string, CloudWatch.Metric[]>>();
  for (const metric of metrics) {
    const groups = namespaces.get(metric.Namespace ?? "") ?? new Map<string, CloudWatch.Metric[]>();
    const key = (metric.Dimensions ?? []).map(({ Name }) => Name).toSorted().join(", ");
    const group = groups.get(key);
    if (group) group.push(metric);
    else groups.set(key, [metric]);
    namespaces.set(metric.Namespace ?? "", groups);
  }
  const nameOf = (metric: CloudWatch.Metric): string => `${metric.MetricName} ${(metric.Dimensions ?? []).map(({ Value }) => Value).join(" ")}`;
  return [...namespaces]
    .map(([namespace, groups]) => ({
      namespace,
      groups: [...groups]
        .map(([dimensions, found]) => ({ dimensions, metrics: found.toSorted((a, b) => nameOf(a).localeCompare(nameOf(b))) }))
        .toSorted((a, b) => a.dimensions.localeCompare(b.dimensions)),
      count: [...groups.values()].reduce((sum, found) => sum + found.length, 0),
    }))
    .toSorted((a, b) => a.namespace.localeCompare(b.namespace));
}
