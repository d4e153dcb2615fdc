import { describe, expect, test } from "vitest";
import type { XRay } from "../api/generated";
import { deepNodes, readTrace, summaryOutcome, traceStart, waterfallOf } from "./trace";

const ID = "1-6553f100-0123456789abcdef01234567";
const trace = (...documents: object[]): XRay.Trace => ({ Id: ID, Segments: documents.map((document) => ({ Document: JSON.stringify(document) })) });

const EXECUTION = {
  id: "a",
  name: "Orders",
  start_time: 100,
  end_time: 104,
  origin: "AWS::StepFunctions::StateMachine",
  aws: { execution_arn: "arn:aws:states:us-east-1:123456789012:execution:Orders:o-1" },
  subsegments: [
    { id: "c", name: "Ship", start_time: 103, end_time: 104 },
    { id: "b", name: "Charge", start_time: 100.5, end_time: 102, fault: true, subsegments: [{ id: "d", name: "lambda", namespace: "aws", start_time: 100.6, end_time: 101.9 }] },
  ],
};
const FUNCTION = { id: "f", parent_id: "d", name: "ChargeCard", start_time: 100.7, end_time: 101.8, origin: "AWS::Lambda::Function", http: { response: { status: 500 } } };

test("segments hang where their parent is, in the order of time", () => {
  const read = readTrace(trace(FUNCTION, EXECUTION));
  expect(read.nodes.map((node) => [node.depth, node.name, node.kind])).toEqual([
    [0, "Orders", "AWS::StepFunctions::StateMachine"],
    [1, "Charge", ""],
    [2, "lambda", "aws"],
    [3, "ChargeCard", "AWS::Lambda::Function"],
    [1, "Ship", ""],
  ]);
  expect(read.executionArn).toContain(":o-1");
  expect([read.from, read.to, read.isOpen]).toEqual([100_000, 104_000, false]);
});

test("what is inferred of a call is not shown beside the call", () => {
  const read = readTrace(trace(EXECUTION, { id: "i", parent_id: "d", name: "lambda", start_time: 100.6, end_time: 101.9, inferred: true, origin: "AWS::Lambda" }));
  expect(read.nodes.map((node) => node.id)).toEqual(["a", "b", "d", "c"]);
});

test("a row is where its time is", () => {
  const read = readTrace(trace(EXECUTION, FUNCTION));
  const { rows, ticks } = waterfallOf(read, new Set(), 0);
  expect(rows[1]).toMatchObject({ from: 0.125, to: 0.5, duration: 1_500, hidden: 0 });
  expect(ticks[0]).toEqual({ at: 0, offset: 0 });
  const closed = waterfallOf(read, new Set(["b"]), 0);
  expect(closed.rows.map((row) => [row.node.name, row.hidden])).toEqual([["Orders", 0], ["Charge", 2], ["Ship", 0]]);
});

test("what is in progress ends now", () => {
  const read = readTrace(trace({ id: "a", name: "x", start_time: 100, in_progress: true }));
  expect(read.isOpen).toBe(true);
  expect(read.nodes[0]?.outcome).toBe("running");
  expect(waterfallOf(read, new Set(), 130_000).rows[0]).toMatchObject({ from: 0, to: 1, duration: 30_000 });
});

describe("what is odd is shown all the same", () => {
  test("a parent that is not there", () => expect(readTrace(trace(FUNCTION)).nodes[0]).toMatchObject({ depth: 0, name: "ChargeCard" }));
  test("a circle", () => {
    const read = readTrace(trace({ id: "a", parent_id: "b", name: "a", start_time: 1, end_time: 2 }, { id: "b", parent_id: "a", name: "b", start_time: 1, end_time: 2 }));
    expect(read.nodes.map((node) => node.name)).toEqual(["a", "b"]);
  });
  test("no JSON", () => expect(readTrace({ Id: ID, Segments: [{ Document: "{" }] })).toMatchObject({ unread: 1, nodes: [] }));
  test("a later document of the same segment", () => {
    const read = readTrace(trace({ id: "a", name: "x", start_time: 1, in_progress: true }, { id: "a", name: "x", start_time: 1, end_time: 2 }));
    expect(read.nodes).toHaveLength(1);
    expect(read.isOpen).toBe(false);
  });
});

test("exceptions come with their stack, also those of another segment", () => {
  const inner = { id: "e2", type: "CardDeclined", message: "no", stack: [{ path: "index.mjs", line: 5, label: "checkCard" }], truncated: 3 };
  const outer = { id: "e1", type: "Error", message: "failed", cause: "e2" };
  const read = readTrace(
    trace({ id: "a", name: "a", start_time: 1, end_time: 2, fault: true, cause: "e1" }, { id: "b", parent_id: "a", name: "b", start_time: 1, end_time: 2, error: true, cause: { exceptions: [outer, inner] } }),
  );
  expect(read.nodes[0]?.exceptions.map((one) => one.type)).toEqual(["Error", "CardDeclined"]);
  expect(read.nodes[1]?.exceptions[1]).toMatchObject({ type: "CardDeclined", truncated: 3, stack: [{ path: "index.mjs", line: 5, label: "checkCard" }] });
  expect(read.nodes[1]?.exceptions).toHaveLength(2);
});

test("5,000 subsegments are read and laid out", () => {
  const subsegments = Array.from({ length: 5_000 }, (_, index) => ({ id: `s${index}`, name: `s${index}`, start_time: 1 + index / 1_000, end_time: 1.001 + index / 1_000 }));
  const read = readTrace(trace({ id: "a", name: "a", start_time: 1, end_time: 7, subsegments }));
  expect(waterfallOf(read, new Set(), 0).rows).toHaveLength(5_001);
  expect(deepNodes(read).size).toBe(0);
});

test("summaries and ids", () => {
  expect(summaryOutcome({ HasError: true, HasThrottle: true })).toBe("throttle");
  expect(summaryOutcome({ HasFault: true, HasError: true })).toBe("fault");
  expect(summaryOutcome({})).toBe("ok");
  expect(traceStart(ID)).toBe(0x6553f100 * 1_000);
  expect(traceStart("x")).toBeNull();
});
