import { expect, test } from "vitest";
import { fieldText } from "./time";
import { bounds, rangeQuery, rangeText, readRange, relativeWords } from "./timeRange";

const read = (query: string): ReturnType<typeof readRange> => {
  const search = new URLSearchParams(query);
  return readRange((name) => search.get(name), "1h");
};

test("an address says a range in words of its own, or the fallback holds", () => {
  expect(read("range=15m")).toEqual({ kind: "relative", key: "15m", ms: 900_000 });
  expect(read("")).toMatchObject({ key: "1h" });
  expect(read("range=never")).toMatchObject({ key: "1h" });
  expect(read("range=0m")).toMatchObject({ key: "1h" });
  expect(read("from=2026-11-26T10:00:00Z&to=2026-11-26T11:00:00Z")).toEqual({ kind: "absolute", from: 1_795_687_200_000, to: 1_795_690_800_000 });
  expect(read("from=1795687200000&to=1795690800000")).toMatchObject({ kind: "absolute", from: 1_795_687_200_000 });
  // What ends before it begins is none.
  expect(read("to=2026-11-26T10:00:00Z&from=2026-11-26T11:00:00Z")).toMatchObject({ kind: "relative" });
});

test("what is written is read again", () => {
  const range = read("from=2026-11-26T10:00:00Z&to=2026-11-26T11:00:00Z");
  const written = rangeQuery(range, "1h");
  expect(readRange((name) => written[name as "from"], "1h")).toEqual(range);
  expect(rangeQuery(read("range=1h"), "1h")).toEqual({ range: null, from: null, to: null });
  expect(rangeQuery(read("range=3d"), "1h").range).toBe("3d");
});

test("a relative range ends now", () => {
  expect(bounds(read("range=5m"), 1_000_000)).toEqual({ from: 700_000, to: 1_000_000 });
  expect(rangeText(read("range=5m"))).toBe("the last 5 minutes");
  expect(relativeWords("1d")).toBe("1 day");
  expect(Date.parse(fieldText(1_795_687_203_000))).toBe(1_795_687_203_000);
});
