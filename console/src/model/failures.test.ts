import { expect, test } from "vitest";
import { addedUp, overTime } from "./failures";
import type { FailureGroup } from "./failures";

const group = (given: Partial<FailureGroup>): FailureGroup => ({
  stateMachineArn: "m",
  state: "Charge",
  error: "Declined",
  cause: "card #",
  status: "FAILED",
  count: 1,
  firstSeen: 10,
  lastSeen: 10,
  examples: [],
  hours: [],
  ...given,
});

test("slices are added up group by group, the largest first", () => {
  const example = (executionArn: string, stopDate: number) => ({ executionArn, stopDate });
  const sum = addedUp([
    [group({ count: 2, firstSeen: 50, lastSeen: 60, examples: [example("e", 60), example("d", 50)], hours: [[0, 2]] }), group({ state: null, count: 4 })],
    [group({ count: 3, firstSeen: 10, lastSeen: 40, examples: [40, 30, 20, 10].map((at) => example(`${at}`, at)), hours: [[0, 1], [3_600, 2]] })],
  ]);
  expect(sum.map((one) => one.count)).toEqual([5, 4]);
  expect(sum[0]).toMatchObject({ firstSeen: 10, lastSeen: 60, hours: [[0, 3], [3_600, 2]] });
  expect(sum[0]?.examples.map((one) => one.executionArn)).toEqual(["e", "d", "40", "30", "20"]);
});

test("groups that differ in anything are kept apart", () => {
  const all = [group({}), group({ error: null }), group({ cause: "" }), group({ status: "TIMED_OUT" }), group({ stateMachineArn: "n" })];
  expect(addedUp([all, all]).map((one) => one.count)).toEqual([2, 2, 2, 2, 2]);
});

test("counts over time fall into parts of the same length", () => {
  const day = group({ hours: [[0, 1], [3_600, 2], [23 * 3_600, 5], [99 * 3_600, 9]] });
  expect(overTime(day, 0, 86_399, 12)).toEqual([3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5]);
  expect(overTime(day, 0, 3_599, 12)).toEqual([1]);
});
