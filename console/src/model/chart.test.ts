import { expect, test } from "vitest";
import { pointAt, runsOf, timeTicks, valueRows, valueScale, valueText } from "./chart";
import type { ChartSeries } from "./chart";

const series = (points: readonly (readonly [number, number])[], period = 60): ChartSeries => ({
  id: "a",
  label: "a",
  axis: "left",
  period,
  points: points.map(([at, value]) => ({ at, value })),
});

test("a scale holds every value between round ticks", () => {
  expect(valueScale([3, 47], 5)).toEqual({ from: 0, to: 50, ticks: [0, 10, 20, 30, 40, 50] });
  expect(valueScale([0.0012, 0.0034], 4).ticks).toEqual([0, 0.001, 0.002, 0.003, 0.004]);
  // What is high and differs little is shown by how it differs.
  expect(valueScale([98, 100], 4)).toMatchObject({ from: 98, to: 100 });
  expect(valueScale([-5, 5], 4)).toMatchObject({ from: -5, to: 5 });
  expect(valueScale([7], 4)).toMatchObject({ from: 0 });
  expect(valueScale([0, 0], 4)).toMatchObject({ from: 0, to: 1 });
  expect(valueScale([], 4)).toMatchObject({ from: 0, to: 1 });
  expect(valueScale([5, 10], 4, 0, 100)).toMatchObject({ from: 0, to: 100 });
  expect(valueScale([5, 10], 4, 20)).toMatchObject({ from: 20 });
});

test("ticks of time are at round times", () => {
  const from = new Date(2026, 10, 26, 10, 3, 20).getTime();
  expect(timeTicks(from, from + 3_600_000, 6).map((tick) => tick.text)).toEqual(["10:10", "10:20", "10:30", "10:40", "10:50", "11:00"]);
  expect(timeTicks(from, from + 30_000, 6).map((tick) => tick.text)).toContain("10:03:30");
  expect(timeTicks(from, from + 7 * 86_400_000, 8)[0]?.text).toBe("27 Nov");
});

test("a line breaks where points are missing", () => {
  expect(runsOf(series([[0, 1], [60, 2], [180, 3], [240, 4]])).map((run) => run.length)).toEqual([2, 2]);
  expect(runsOf(series([]))).toEqual([]);
});

test("the value at an instant is that of its period", () => {
  const one = series([[0, 1], [60, 2], [240, 4]]);
  expect(pointAt(one, 50)?.value).toBe(2);
  expect(pointAt(one, 29)?.value).toBe(1);
  expect(pointAt(one, 150)).toBeNull();
  expect(pointAt(series([]), 0)).toBeNull();
});

test("a table has every instant once", () => {
  expect(valueRows([series([[0, 1], [60, 2]]), series([[60, 3], [120, 4]])])).toEqual([
    { at: 0, values: [1, null] },
    { at: 60, values: [2, 3] },
    { at: 120, values: [null, 4] },
  ]);
});

test("values read well in their unit", () => {
  const cases: readonly [number, string | undefined, string][] = [
    [0, undefined, "0"],
    [1234, undefined, "1234"],
    [12_345, "Count", "12.3k"],
    [1_200_000, "Count", "1.2M"],
    [340, "Milliseconds", "340 ms"],
    [1_340, "Milliseconds", "1.34 s"],
    [0.5, "Milliseconds", "500 µs"],
    [3_600, "Seconds", "60 min"],
    [12_500_000, "Bytes", "12.5 MB"],
    [99.5, "Percent", "99.5 %"],
    [4, "Count/Second", "4/s"],
  ];
  for (const [value, unit, text] of cases) expect(valueText(value, unit)).toBe(text);
});
