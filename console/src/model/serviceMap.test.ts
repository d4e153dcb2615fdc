import { expect, test } from "vitest";
import { layOutMap, NODE_HEIGHT, percentile, rateText, readServiceMap, shareText, typeText } from "./serviceMap";

const FOUND = [
  { ReferenceId: 0, Name: "Orders", Type: "client", Edges: [{ ReferenceId: 1, SummaryStatistics: { TotalCount: 4, OkCount: 3, TotalResponseTime: 2 } }] },
  {
    ReferenceId: 1,
    Name: "Orders",
    Type: "AWS::StepFunctions::StateMachine",
    Root: true,
    SummaryStatistics: { TotalCount: 4, OkCount: 3, TotalResponseTime: 2, FaultStatistics: { TotalCount: 1 }, ErrorStatistics: { TotalCount: 0, ThrottleCount: 0 } },
    ResponseTimeHistogram: [{ Value: 0.9, Count: 1 }, { Value: 0.1, Count: 3 }],
    Edges: [{ ReferenceId: 7 }, { ReferenceId: 1 }],
  },
];

test("services and calls have rate, latency and what failed", () => {
  const map = readServiceMap(FOUND, 2);
  expect(map.services[1]).toMatchObject({
    isRoot: true,
    isClient: false,
    numbers: { total: 4, perMinute: 2, latency: 500, p95: 900, faults: 1, errors: 0, failedShare: 0.25 },
  });
  // A call of a service that is not in the answer is left out.
  expect(map.edges.map((edge) => edge.id)).toEqual(["0-1", "1-1"]);
  expect(readServiceMap([{ Name: "quiet" }], 1).services[0]?.numbers).toMatchObject({ latency: null, p95: null, failedShare: 0 });
});

test("callers stand above what they call", () => {
  const boxes = layOutMap(readServiceMap(FOUND, 1));
  expect((boxes[0]?.y ?? 0) + NODE_HEIGHT).toBeLessThan(boxes[1]?.y ?? 0);
});

test("numbers as words", () => {
  expect([rateText(0), rateText(1 / 60), rateText(0.333), rateText(12.34), rateText(1_234)]).toEqual(["0/min", "1/h", "0.33/min", "12/min", "1,234/min"]);
  expect([shareText(0), shareText(0.0001), shareText(0.004), shareText(0.256)]).toEqual(["0 %", "0.1 %", "0.4 %", "26 %"]);
  expect(typeText("AWS::Lambda::Function")).toBe("Lambda Function");
  expect(percentile([], 0.5)).toBeNull();
});
