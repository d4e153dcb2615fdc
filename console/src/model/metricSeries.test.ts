import { expect, test } from "vitest";
import { lastSpan, linesThrough, overSpan, queriesOf, roundUp, sumOf } from "./metricSeries";

test("a query names its metric as AWS does", () => {
  expect(queriesOf("AWS/Lambda", [{ id: "e", name: "Errors", statistic: "Sum", dimensions: { FunctionName: "Charge" } }], 60)).toEqual([
    { Id: "e", MetricStat: { Metric: { Namespace: "AWS/Lambda", MetricName: "Errors", Dimensions: [{ Name: "FunctionName", Value: "Charge" }] }, Period: 60, Stat: "Sum" } },
  ]);
});

test("points lie in the periods of a span, and gaps stay gaps", () => {
  const span = lastSpan(1_000_030_000, 300, 60);
  expect(span).toEqual({ from: 999_780, to: 1_000_080, period: 60 });
  const points = overSpan(
    [
      { Id: "a", Timestamps: [1_000_020, 999_840], Values: [3, 1] },
      { Id: "b", Timestamps: [999_900], Values: [9] },
      { Id: "a", Timestamps: [999_780, 5], Values: [2, 7] },
    ],
    "a",
    span,
  );
  expect(points).toEqual([2, 1, null, null, 3]);
  expect(sumOf(points)).toBe(6);
  expect(linesThrough(points, 4, 100, 40)).toEqual([
    [
      [0, 20],
      [25, 30],
    ],
    [[100, 10]],
  ]);
});

test("a scale ends at a round number", () => {
  expect([0, 0.3, 1, 1.1, 4, 7, 10, 230].map(roundUp)).toEqual([1, 0.5, 1, 2, 5, 10, 10, 500].map((value) => expect.closeTo(value)));
});
