import { describe, expect, test } from "vitest";
import { functionOfGroup, groupName, levelOf, lineFacts, newestFirst, patternTerm, tailLines, withNewer } from "./logLines";

const ID = "7b3f0a52-93a1-4b8b-8f0e-0d9c3f8f2a11";
const TRACE = "1-6553f100-0123456789abcdef01234567";
const ARN = "arn:aws:states:us-east-1:123456789012:execution:Orders:o-1";

describe("a line says how bad it is", () => {
  const cases: readonly [string, string | null][] = [
    [`2026-11-26T10:00:00.000Z\t${ID}\tERROR\tboom`, "error"],
    [`2026-11-26T10:00:00.000Z\tundefined\tWARN\tcareful`, "warn"],
    [`[INFO]\t2026-11-26T10:00:00.000Z\t${ID}\thello`, "info"],
    ['{"level":"debug","message":"x"}', "debug"],
    ['{"level":50,"msg":"pino"}', "error"],
    ['{"severity":"Warning","message":"x"}', "warn"],
    [`START RequestId: ${ID} Version: $LATEST`, "system"],
    [`REPORT RequestId: ${ID}\tDuration: 3 ms\tStatus: timeout`, "error"],
    ['{"time":"t","type":"platform.report","record":{"requestId":"r","status":"success"}}', "system"],
    [`{"id":"4","type":"TaskFailed","details":{"error":"CardDeclined"},"execution_arn":"${ARN}"}`, "error"],
    [`{"id":"1","type":"ExecutionStarted","details":{},"execution_arn":"${ARN}"}`, "info"],
    ["level=warn it is late", "warn"],
    ["nothing is said here", null],
    ["the INFORMATION is no level", null],
  ];
  test.each(cases)("%s", (message, level) => expect(lineFacts(message).level).toBe(level));
});

test("a line leads to its invocation, its trace and its execution", () => {
  expect(lineFacts(`END RequestId: ${ID}`).requestId).toBe(ID);
  expect(lineFacts(`2026-11-26T10:00:00.000Z\t${ID}\tINFO\tx`).requestId).toBe(ID);
  expect(lineFacts(`{"level":"INFO","message":"m","function_request_id":"${ID}","xray_trace_id":"${TRACE}"}`)).toMatchObject({ requestId: ID, traceId: TRACE });
  expect(lineFacts(`REPORT RequestId: ${ID}\tXRAY TraceId: ${TRACE}\tSegmentId: a`)).toMatchObject({ requestId: ID, traceId: TRACE });
  expect(lineFacts(`{"type":"ExecutionStarted","execution_arn":"${ARN}"}`).executionArn).toBe(ARN);
  expect(lineFacts(`started ${ARN}, then waited`).executionArn).toBe(ARN);
});

test("its headline is what was logged", () => {
  expect(lineFacts(`2026-11-26T10:00:00.000Z\t${ID}\tINFO\thello\n  world`).headline).toBe("hello world");
  expect(lineFacts('{"level":"ERROR","message":"not charged","error":{"name":"CardDeclined","message":"no"}}').headline).toBe("not charged: CardDeclined: no");
  expect(lineFacts(`{"type":"TaskStateEntered","details":{"name":"Charge"},"execution_arn":"${ARN}"}`).headline).toBe("TaskStateEntered Charge");
  const inside = lineFacts(`2026-11-26T10:00:00.000Z\t${ID}\tINFO\t{"order":7}`);
  expect(inside.json).toEqual({ order: 7 });
  expect(lineFacts("[1,2]").json).toBeNull();
  expect(lineFacts("{ broken").json).toBeNull();
});

test("names and terms", () => {
  expect(functionOfGroup("/aws/lambda/Charge")).toBe("Charge");
  expect(functionOfGroup("/aws/vendedlogs/states/x")).toBeNull();
  expect(groupName("arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/x:*")).toBe("/aws/lambda/x");
  expect(groupName("/plain")).toBe("/plain");
  expect(patternTerm("ERROR")).toBe("ERROR");
  expect(patternTerm(ID)).toBe(`"${ID}"`);
  expect(levelOf("unknown")).toBeNull();
});

test("an update of Live Tail is lines, in order, and what is none is nothing", () => {
  const lines = tailLines({ sessionResults: [{ message: "a", timestamp: 1 }, { message: "b", timestamp: 1 }] }, 40);
  expect(lines.map((line) => line.id)).toEqual(["tail-40", "tail-41"]);
  expect(newestFirst(lines).map((line) => line.message)).toEqual(["b", "a"]);
  expect(tailLines(null, 0)).toEqual([]);
});

test("lines that came while others were read are shown once", () => {
  const line = (id: string, at: number, message: string) => ({ id, at, message, stream: "s" });
  const read = [line("a", 5, "x"), line("b", 5, "x"), line("c", 4, "y")];
  expect(withNewer(read, [line("t2", 6, "z"), line("t1", 5, "x")]).map((one) => one.id)).toEqual(["t2", "a", "b", "c"]);
  expect(withNewer([], [line("t1", 5, "x")]).map((one) => one.id)).toEqual(["t1"]);
});
