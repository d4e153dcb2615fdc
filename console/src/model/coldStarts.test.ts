import { expect, test } from "vitest";
import { coldStartsOf, initMs } from "./coldStarts";

const report = (init: string): string => `REPORT RequestId: 01234567\tDuration: 12.50 ms\tBilled Duration: 13 ms\tMemory Size: 128 MB\tMax Memory Used: 60 MB\t${init}\n`;

test("a report with an init is a cold start", () => {
  expect(initMs(report("Init Duration: 100.25 ms\t"))).toBe(100.25);
  expect(initMs(JSON.stringify({ type: "platform.report", record: { metrics: { initDurationMs: 80.5 } } }))).toBe(80.5);
});

test("all else is none", () => {
  for (const message of [report(""), "says Init Duration: 3 ms", '{"type":"platform.report","record":{"metrics":{}}}', '{"Init Duration":1}', "null"]) {
    expect(initMs(message), message).toBe(null);
  }
  expect(coldStartsOf([])).toEqual({ count: 0, averageMs: null, slowestMs: null });
  expect(coldStartsOf([report("Init Duration: 100 ms\t"), report(""), report("Init Duration: 200 ms\t")])).toEqual({ count: 2, averageMs: 150, slowestMs: 200 });
});
