/** The body of a dashboard: which widgets it has, where they stand, and which of them are shown. */

import { nameOf } from "./arn";
import { fieldsOf } from "./json";
import type { Fields } from "./json";
import { readMetrics, writeMetrics } from "./metrics";
import type { Graphed } from "./metrics";

export interface Place {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface Common extends Place {
  readonly id: number;
  readonly title: string;
}

export interface MetricWidget extends Common {
  readonly kind: "metric";
  readonly view: "timeSeries" | "singleValue";
  readonly graphed: readonly Graphed[];
  readonly stat: string;
  /** Seconds. */
  readonly period: number;
  readonly isStacked: boolean;
  readonly annotations: readonly { readonly value: number; readonly label: string; readonly axis: "left" | "right" }[];
  readonly verticals: readonly { readonly at: number; readonly label: string }[];
  readonly limits: Readonly<Record<"left" | "right", { readonly min?: number | undefined; readonly max?: number | undefined }>>;
  /** What of it is not shown. */
  readonly problems: readonly string[];
}

export type Widget =
  | MetricWidget
  | (Common & { readonly kind: "text"; readonly markdown: string })
  | (Common & { readonly kind: "alarm"; readonly names: readonly string[] })
  | (Common & { readonly kind: "log"; readonly groups: readonly string[]; readonly query: string })
  | (Common & { readonly kind: "unknown"; readonly what: string });

interface Dashboard {
  readonly widgets: readonly Widget[];
  /** `-PT3H`: how much it shows unless something else is chosen; as `3h`. */
  readonly range: string | null;
  /** Why it cannot be shown at all. */
  readonly problem: string | null;
}

/** AWS: 24 columns; a widget without a size has six of them. */
const COLUMNS = 24;
const SIZE = 6;
/** AWS: widgets of a dashboard. */
const WIDGETS_MAX = 500;

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string => (typeof value === "string" ? value : "");
const number = (value: unknown): number | undefined => (typeof value === "number" && Number.isFinite(value) ? value : undefined);

export function readDashboard(body: string): Dashboard {
  let parsed: unknown;
  try {
    parsed = JSON.parse(body);
  } catch (error) {
    return { widgets: [], range: null, problem: `The body is no JSON: ${error instanceof Error ? error.message : ""}` };
  }
  const dashboard = fieldsOf(parsed);
  if (!Array.isArray(dashboard["widgets"])) return { widgets: [], range: null, problem: "The body has no list of widgets." };
  let bottom = 0;
  const widgets = dashboard["widgets"].slice(0, WIDGETS_MAX).map((one, id) => {
    const widget = fieldsOf(one);
    const [width, height] = [Math.min(COLUMNS, Math.max(1, number(widget["width"]) ?? SIZE)), Math.max(1, number(widget["height"]) ?? SIZE)];
    const place = { x: Math.min(COLUMNS - width, Math.max(0, number(widget["x"]) ?? 0)), y: Math.max(0, number(widget["y"]) ?? bottom), width, height };
    bottom = Math.max(bottom, place.y + height);
    const properties = fieldsOf(widget["properties"]);
    return readWidget(text(widget["type"]), properties, { ...place, id, title: text(properties["title"]) });
  });
  return { widgets, range: rangeOf(text(dashboard["start"])), problem: null };
}

/** AWS: `-PT15M`, `-P7D`. */
function rangeOf(start: string): string | null {
  const found = /^-P(?:(\d+)D|(\d+)W|T(?:(\d+)H|(\d+)M))$/.exec(start);
  if (!found) return null;
  const [, days, weeks, hours, minutes] = found;
  return days ? `${days}d` : weeks ? `${weeks}w` : hours ? `${hours}h` : `${minutes}m`;
}

function readWidget(type: string, properties: Fields, common: Common): Widget {
  switch (type) {
    case "text":
      return { ...common, kind: "text", markdown: text(properties["markdown"]) };
    case "alarm":
      return { ...common, kind: "alarm", names: list(properties["alarms"]).map((arn) => nameOf(text(arn))) };
    case "log":
      return readLog(properties, common);
    case "metric":
      return readMetric(properties, common);
    default:
      return { ...common, kind: "unknown", what: type === "" ? "a widget without a type" : `a widget of the type ${type}` };
  }
}

function readMetric(properties: Fields, common: Common): Widget {
  const view = text(properties["view"]) || "timeSeries";
  const annotations = fieldsOf(properties["annotations"]);
  const alarms = list(annotations["alarms"]).map((arn) => nameOf(text(arn)));
  // A widget of one alarm, as the page of an alarm makes them.
  if (properties["metrics"] === undefined && alarms.length > 0) return { ...common, kind: "alarm", names: alarms };
  if (view !== "timeSeries" && view !== "singleValue") return { ...common, kind: "unknown", what: `metrics in the view ${view}` };
  const { graphed, problems } = readMetrics(properties["metrics"]);
  const axes = fieldsOf(properties["yAxis"]);
  const limitsOf = (axis: string): { min?: number | undefined; max?: number | undefined } => ({ min: number(fieldsOf(axes[axis])["min"]), max: number(fieldsOf(axes[axis])["max"]) });
  return {
    ...common,
    kind: "metric",
    view,
    graphed,
    stat: text(properties["stat"]) || "Average",
    period: number(properties["period"]) ?? 300,
    isStacked: properties["stacked"] === true,
    annotations: list(annotations["horizontal"]).flatMap((one) => {
      // A band is two lines.
      const lines = Array.isArray(one) ? one.map(fieldsOf) : [fieldsOf(one)];
      return lines.flatMap((line) => {
        const value = number(line["value"]);
        return value === undefined ? [] : [{ value, label: text(line["label"]) || String(value), axis: line["yAxis"] === "right" ? ("right" as const) : ("left" as const) }];
      });
    }),
    verticals: list(annotations["vertical"]).flatMap((one) => {
      const lines = Array.isArray(one) ? one.map(fieldsOf) : [fieldsOf(one)];
      return lines.flatMap((line) => {
        const at = Date.parse(text(line["value"]));
        return Number.isNaN(at) ? [] : [{ at, label: text(line["label"]) }];
      });
    }),
    limits: { left: limitsOf("left"), right: limitsOf("right") },
    problems: [...problems, ...(properties["metrics"] === undefined ? ["it has no metrics"] : [])],
  };
}

/** AWS: `SOURCE '/one' | SOURCE '/two' | fields ...`. */
function readLog(properties: Fields, common: Common): Widget {
  const whole = text(properties["query"]);
  const groups: string[] = [];
  let rest = whole;
  for (let found = SOURCE.exec(rest); found !== null; found = SOURCE.exec(rest)) {
    for (const name of found[1]?.matchAll(/'([^']+)'|"([^"]+)"/g) ?? []) groups.push(name[1] ?? name[2] ?? "");
    rest = rest.slice(found[0].length);
  }
  if (groups.length === 0) return { ...common, kind: "unknown", what: "a query of logs that names no log group" };
  return { ...common, kind: "log", groups, query: rest.trim() };
}

const SOURCE = /^\s*SOURCE\s+((?:'[^']+'|"[^"]+")(?:\s*,\s*(?:'[^']+'|"[^"]+"))*)\s*\|/i;

/** The body with one more widget of metrics at its end. Fails on what is no dashboard. */
export function withGraph(body: string, graph: { readonly title: string; readonly graphed: readonly Graphed[]; readonly stat: string; readonly period: number; readonly isStacked: boolean }): string {
  const before = readDashboard(body);
  if (before.problem !== null) throw new Error(before.problem);
  const dashboard = fieldsOf(JSON.parse(body));
  const bottom = before.widgets.reduce((most, widget) => Math.max(most, widget.y + widget.height), 0);
  // Beside the last one, if that has left room.
  const last = before.widgets.at(-1);
  const isBeside = last !== undefined && last.y + last.height === bottom && last.height === SIZE && last.x + last.width <= COLUMNS / 2;
  const widget = {
    type: "metric",
    x: isBeside ? COLUMNS / 2 : 0,
    y: isBeside ? bottom - SIZE : bottom,
    width: COLUMNS / 2,
    height: SIZE,
    properties: {
      ...(graph.title ? { title: graph.title } : {}),
      metrics: writeMetrics(graph.graphed),
      stat: graph.stat,
      period: graph.period,
      view: "timeSeries",
      ...(graph.isStacked ? { stacked: true } : {}),
      region: "us-east-1",
    },
  };
  return JSON.stringify({ ...dashboard, widgets: [...list(dashboard["widgets"]), widget] }, null, 2);
}

/** What a server does, whatever runs on it. */
export const SAMPLE_DASHBOARD = JSON.stringify(
  {
    start: "-PT3H",
    widgets: [
      {
        type: "text",
        x: 0,
        y: 0,
        width: 24,
        height: 2,
        properties: { markdown: "# How it all does\nExecutions, functions and alarms of this server. *Edit source* changes it; the metrics explorer adds to it." },
      },
      ...(
        [
          ["Executions started", "{AWS/States,StateMachineArn} ExecutionsStarted", "Sum", 0, 2],
          ["Executions that failed", "{AWS/States,StateMachineArn} ExecutionsFailed", "Sum", 12, 2],
          ["Invocations", "{AWS/Lambda,FunctionName} MetricName=Invocations", "Sum", 0, 8],
          ["Duration of functions, p95", "{AWS/Lambda,FunctionName} MetricName=Duration", "p95", 12, 8],
        ] as const
      ).map(([title, search, stat, x, y]) => ({
        type: "metric",
        x,
        y,
        width: 12,
        height: 6,
        properties: { title, metrics: [[{ expression: `SEARCH('${search}', '${stat}', 60)`, id: "e1" }]], period: 60, view: "timeSeries", region: "us-east-1" },
      })),
    ],
  },
  null,
  2,
);
