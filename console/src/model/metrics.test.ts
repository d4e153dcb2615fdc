import { expect, test } from "vitest";
import { browse, labelOf, metricKey, metricLine, nextId, periodFor, queriesOf, readMetrics, seriesOf, writeMetrics } from "./metrics";

const ROWS = [
  ["AWS/Lambda", "Invocations", "FunctionName", "Charge", { stat: "Sum", id: "m1" }],
  [".", "Errors", ".", ".", { stat: "Sum", yAxis: "right", visible: false }],
  ["...", "Ship", { label: "those of Ship" }],
  [{ expression: "100 * m2 / m1", label: "share", id: "e1" }],
  ["Orders", "Taken"],
];

test("rows of a dashboard are read, with what stands for the row before", () => {
  const { graphed, problems } = readMetrics(ROWS);
  expect(problems).toEqual([]);
  expect(graphed.map((one) => [one.id, one.kind, one.namespace, one.name, ...one.dimensions.flat()])).toEqual([
    ["m1", "metric", "AWS/Lambda", "Invocations", "FunctionName", "Charge"],
    ["m2", "metric", "AWS/Lambda", "Errors", "FunctionName", "Charge"],
    ["m3", "metric", "AWS/Lambda", "Errors", "FunctionName", "Ship"],
    ["e1", "expression", "", ""],
    ["m4", "metric", "Orders", "Taken"],
  ]);
  expect(graphed[1]).toMatchObject({ axis: "right", isVisible: false });
  // What is written is read again.
  expect(readMetrics(writeMetrics(graphed)).graphed).toEqual(graphed);
});

test("what is no metric is named and left out", () => {
  const { graphed, problems } = readMetrics([["Only"], "text", ["A", "b", "c"], ["A", "b", { id: "Wrong-Id" }]]);
  expect(problems).toEqual(["metrics[0] names no metric", "metrics[1] is no array", "metrics[2] names no metric"]);
  expect(graphed.map((one) => one.id)).toEqual(["m3"]);
  expect(readMetrics("nothing")).toEqual({ graphed: [], problems: [] });
});

test("queries ask for what is shown, and for what expressions need", () => {
  const { graphed } = readMetrics(ROWS);
  const queries = queriesOf(graphed, { stat: "Average", period: 300 });
  expect(queries[1]).toEqual({
    Id: "m2",
    ReturnData: false,
    MetricStat: { Metric: { Namespace: "AWS/Lambda", MetricName: "Errors", Dimensions: [{ Name: "FunctionName", Value: "Charge" }] }, Period: 300, Stat: "Sum" },
  });
  expect(queries[3]).toEqual({ Id: "e1", ReturnData: true, Label: "share", Expression: "100 * m2 / m1", Period: 300 });
  expect(metricLine("http://x", queries.slice(3), 0, 1_000)).toContain(`--metric-data-queries '[{"Id":"e1"`);
});

test("answers become series, several of one expression too", () => {
  const { graphed } = readMetrics([["AWS/Lambda", "Duration", "FunctionName", "f"], [{ expression: "SEARCH('x', 'Sum')" }]]);
  const series = seriesOf(
    [
      { Id: "m1", Label: "Duration", Timestamps: [120, 60], Values: [2, 1] },
      { Id: "e1", Label: "one", Timestamps: [60], Values: [5] },
      { Id: "e1", Label: "two", Timestamps: [], Values: [] },
    ],
    graphed,
    { stat: "Average", period: 60 },
  );
  expect(series.map((one) => one.label)).toEqual(["f Duration Average", "one", "two"]);
  expect(series[0]).toMatchObject({ unit: "Milliseconds", period: 60_000, points: [{ at: 60_000, value: 1 }, { at: 120_000, value: 2 }] });
  expect(new Set(series.map((one) => one.id)).size).toBe(3);
});

test("a period gives a few hundred points, of what is kept", () => {
  const now = 200 * 86_400_000;
  expect(periodFor(now - 3_600_000, now, now)).toBe(60);
  expect(periodFor(now - 86_400_000, now, now)).toBe(300);
  expect(periodFor(now - 7 * 86_400_000, now, now)).toBe(3_600);
  expect(periodFor(now - 20 * 86_400_000, now - 20 * 86_400_000 + 3_600_000, now)).toBe(300);
  expect(periodFor(now - 100 * 86_400_000, now - 100 * 86_400_000 + 3_600_000, now)).toBe(3_600);
});

test("metrics are browsed by namespace and dimensions", () => {
  const found = browse([
    { Namespace: "B", MetricName: "z" },
    { Namespace: "A", MetricName: "y", Dimensions: [{ Name: "Q", Value: "1" }, { Name: "P", Value: "2" }] },
    { Namespace: "A", MetricName: "x", Dimensions: [{ Name: "P", Value: "2" }, { Name: "Q", Value: "1" }] },
  ]);
  expect(found.map((branch) => [branch.namespace, branch.count, branch.groups.map((group) => [group.dimensions, group.metrics.map((metric) => metric.MetricName)])])).toEqual([
    ["A", 2, [["P, Q", ["x", "y"]]]],
    ["B", 1, [["", ["z"]]]],
  ]);
});

test("names", () => {
  const { graphed } = readMetrics(ROWS);
  expect(nextId(graphed, "m")).toBe("m5");
  expect(nextId(graphed, "e")).toBe("e2");
  expect(graphed.map((one) => labelOf(one, "Average"))).toEqual(["Charge Invocations Sum", "Charge Errors Sum", "those of Ship", "share", "Taken Average"]);
  const [a, b] = [{ namespace: "n", name: "m", dimensions: [["a", "1"], ["b", "2"]] as const }, { namespace: "n", name: "m", dimensions: [["b", "2"], ["a", "1"]] as const }];
  expect(metricKey(a)).toBe(metricKey(b));
});
