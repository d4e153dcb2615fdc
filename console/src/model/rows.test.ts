import { expect, test } from "vitest";
import { placeAfter } from "./rows";

const at = (before: string, after: string, index: number): number => placeAfter([...before], [...after], (row) => row, index);

test("a row is followed to where it is now", () => {
  expect(at("abc", "abcd", 1)).toBe(1);
  expect(at("abc", "xyabc", 1)).toBe(3);
  expect(at("abc", "bc", 1)).toBe(0);
});

test("the nearest one stands for a row that is gone", () => {
  expect(at("abcd", "xacd", 1)).toBe(2);
  expect(at("abcd", "xab", 3)).toBe(2);
  expect(at("abcd", "xyz", 2)).toBe(-1);
  expect(at("", "ab", -1)).toBe(-1);
});
