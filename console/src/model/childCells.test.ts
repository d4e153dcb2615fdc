import { expect, test } from "vitest";
import { cellsOf, cellTitle, countsOf, durationAt, indicesOf, outcomeAt, sortedDurations } from "./childCells";
import type { CellsAnswer } from "./childCells";
import { heatBounds } from "./iterations";

const pack = (numbers: readonly number[], bytes: number): string =>
  btoa(String.fromCharCode(...numbers.flatMap((number) => Array.from({ length: bytes }, (_, at) => Math.floor(number / 256 ** at) % 256))));

const page = (from: number, statuses: readonly number[], durations: readonly number[], children: number): CellsAnswer => ({
  status: "RUNNING",
  isExpress: false,
  items: children,
  children,
  itemsPerChild: 1,
  from,
  count: statuses.length,
  statuses: pack(statuses, 1),
  durations: pack(durations, 4),
  next: null,
});

const UNKNOWN = 4_294_967_295;

test("pages become the children of a run", () => {
  const cells = cellsOf([page(0, [2, 3, 1], [7, 300, UNKNOWN], 6), page(3, [4, 5, 6], [70_000, 1, UNKNOWN], 6)]);
  expect(Array.from({ length: 6 }, (_, at) => outcomeAt(cells, at))).toEqual(["succeeded", "failed", "running", "failed", "aborted", "none"]);
  expect([durationAt(cells, 1), durationAt(cells, 2), durationAt(cells, 3)]).toEqual([300, null, 70_000]);
  expect([cellTitle(cells, 3, 1), cellTitle(cells, 0, 10)]).toEqual(["Item 3: timed out, 1 min 10 s", "Child 0: succeeded, 7 ms"]);
  expect([...countsOf(cells)]).toEqual([["running", 1], ["succeeded", 1], ["failed", 2], ["aborted", 1], ["none", 1]]);
  expect([...indicesOf(cells, "failed")]).toEqual([1, 3]);
  expect(indicesOf(cells, null)).toHaveLength(6);
  expect([...sortedDurations(cells)]).toEqual([1, 7, 300, 70_000]);
});

test("what is not there yet has not begun", () => {
  const cells = cellsOf([page(0, [2], [1], 3)]);
  expect([outcomeAt(cells, 2), durationAt(cells, 2)]).toEqual(["none", null]);
  expect(cellsOf([]).statuses).toHaveLength(0);
});

test("a hundred thousand take a moment", () => {
  const length = 100_000;
  const random = Uint32Array.from({ length }, (_, at) => (at * 7_919) % 5_003);
  const cells = { statuses: Uint8Array.from(random, (one) => 2 + (one % 2)), durations: random };
  // The shortest of some tries: a busy machine stops any of them.
  const tries = Array.from({ length: 4 }, () => {
    const begun = performance.now();
    expect(indicesOf(cells, "failed").length).toBeGreaterThan(40_000);
    expect(heatBounds(sortedDurations(cells))).toHaveLength(5);
    expect(countsOf(cells).size).toBe(2);
    return performance.now() - begun;
  });
  expect(Math.min(...tries)).toBeLessThan(1_000);
});
