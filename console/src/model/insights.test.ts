import { expect, test } from "vitest";
import { readAnswer } from "./insights";

test("rows become a table whatever fields each of them has", () => {
  const table = readAnswer([
    [{ field: "level", value: "ERROR" }, { field: "n", value: "3" }, { field: "@ptr", value: "x" }],
    [{ field: "n", value: "12.5" }, { field: "late", value: "y" }],
  ]);
  expect(table.fields).toEqual([
    { name: "level", isNumber: false },
    { name: "n", isNumber: true },
    { name: "late", isNumber: false },
  ]);
  expect(table.rows.map((row) => row.values)).toEqual([["ERROR", "3", ""], ["", "12.5", "y"]]);
  expect(readAnswer([])).toEqual({ fields: [], rows: [], hasInstants: false });
  expect(table.hasInstants).toBe(false);
  expect(readAnswer([[{ field: "bin(5m)", value: "2026-11-26 23:25:00.000" }]]).hasInstants).toBe(true);
});
