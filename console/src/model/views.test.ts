import { describe, expect, test } from "vitest";
import { bound } from "../api/call";
import { LAMBDA_ROUTES } from "../api/generated";
import { executionPath, machineOf, nameOf, withQuery } from "./arn";
import { quoted, startLine } from "./commands";
import { along, dataFlow, eventSummary } from "./dataFlow";
import { framesOf, readCause, retryStory } from "./failure";
import { filtered } from "./filters";
import { fixture } from "./fixture";
import { readHistory } from "./history";
import { markOf, readMessage, standingOf } from "./live";
import { matching } from "./palette";
import { durationText, relativeText } from "./time";
import { tickStep, timelineOf } from "./timeline";

describe("timeline", () => {
  test("bars follow the tree, spans the attempts", () => {
    const run = readHistory(fixture("declined").events);
    const { bars } = timelineOf(run, 0);
    expect(bars.map((bar) => bar.name)).toEqual(["Charge"]);
    expect(bars[0]?.spans.map((span) => span.kind)).toEqual([
      "failed-attempt",
      "wait-for-retry",
      "failed-attempt",
      "wait-for-retry",
      "failed-attempt",
    ]);
    for (const span of bars[0]?.spans ?? []) expect(span.to).toBeGreaterThanOrEqual(span.from);
  });

  test("iterations lie one after the other, and what is folded is left out", () => {
    const run = readHistory(fixture("flow").events);
    const whole = timelineOf(run, 0);
    expect(whole.bars.map((bar) => (bar.iteration === null ? bar.name : `${bar.name} ${bar.iteration}`)).slice(3, 10)).toEqual([
      "Each item",
      "Price 0",
      "Tax 0",
      "Price 1",
      "Tax 1",
      "Price 2",
      "Tax 2",
    ]);
    const map = run.visits.find((visit) => visit.name === "Each item");
    expect(timelineOf(run, 0, new Set([map?.index ?? -1])).bars).toHaveLength(whole.bars.length - 6);
  });

  test("what runs reaches to now", () => {
    const { events } = fixture("flow");
    const run = readHistory(events.slice(0, 4));
    const now = (run.startedAt ?? 0) + 5_000;
    const { bars, to } = timelineOf(run, now);
    expect(to).toBe(now);
    expect(bars.at(-1)).toMatchObject({ isOpen: true, to: 1 });
  });

  test("ticks are few and round", () => {
    expect([tickStep(10, 6), tickStep(900, 6), tickStep(61_000, 6), tickStep(86_400_000, 6)]).toEqual([2, 200, 15_000, 21_600_000]);
    expect(86_400_000 * 9000 / tickStep(86_400_000 * 9000, 6)).toBeLessThanOrEqual(6);
  });
});

describe("data flow", () => {
  const panes = (name: Parameters<typeof fixture>[0], state: string) => {
    const { events, definition } = fixture(name);
    const run = readHistory(events);
    const visit = run.visits.find((one) => one.name === state);
    if (visit === undefined) throw new Error(`there is no ${state}`);
    const fields = (definition["States"] as Record<string, Record<string, unknown>>)[state] ?? {};
    return dataFlow(visit, new Map(events.map((event) => [event.id, event])), fields);
  };

  test("of a task has what was sent and what came back", () => {
    const found = panes("charged", "Charge");
    expect(found.map((pane) => [pane.name, pane.source])).toEqual([
      ["input", "recorded"],
      ["afterInputPath", "derived"],
      ["arguments", "recorded"],
      ["result", "recorded"],
      ["afterResultSelector", "derived"],
      ["output", "recorded"],
    ]);
    expect(JSON.parse(found[3]?.json ?? "")).toEqual({ charged: 7 });
    expect(JSON.parse(found[5]?.json ?? "")).toMatchObject({ customer: "Ada", charge: { charged: 7 } });
  });

  test("says what the history does not tell", () => {
    expect(panes("caught", "Charge").find((pane) => pane.name === "afterResultSelector")).toMatchObject({ json: null, source: "unrecorded" });
    expect(panes("declined", "Charge").find((pane) => pane.name === "result")).toMatchObject({ json: null });
  });

  test("follows plain paths and no others", () => {
    expect(along(`{"a":{"id":9007199254740993}}`, "$.a.id")).toBe("9007199254740993");
    expect(along('{"a":{"b":[1,2]}}', "$.a.b[1]")).toBe("2");
    expect(along('{"a b":1}', "$['a b']")).toBe("1");
    expect(along('{"a":1}', undefined)).toBe('{"a":1}');
    expect(along('{"a":1}', null)).toBe("{}");
    expect(along('{"a":1}', "$.x")).toBeNull();
    expect(along('{"a":[1]}', "$.a[*]")).toBeNull();
  });

  test("an event is summed up in one line", () => {
    const { events } = fixture("declined");
    expect(eventSummary(events[4] as (typeof events)[number])).toMatch(/^CardDeclined: /);
  });
});

describe("failures", () => {
  test("a thrown error has its message and the lines of its trace", () => {
    const run = readHistory(fixture("declined").events);
    const cause = readCause(run.failure?.cause ?? "");
    expect(cause.message).toBe("the card of Ada was declined");
    expect(framesOf(cause.stack ?? []).filter((frame) => frame.isOwn).map((frame) => frame.text)).toEqual(["at checkCard (index.mjs:5:29)", "at handler (index.mjs:10:3)"]);
    expect(readCause("plain text")).toEqual({ message: "plain text", stack: null });
  });

  test("a retry is told as a story", () => {
    const visit = readHistory(fixture("declined").events).visits[0];
    expect(visit && retryStory(visit)).toMatch(/^3 attempts: failed after .+; 1(\.\d+)? s later failed after .+; 1(\.\d+)? s later failed after .+$/);
  });
});

test("names and addresses come from ARNs", () => {
  const arn = "arn:aws:states:us-east-1:123456789012:execution:Order/spread:a/b";
  expect(nameOf(arn)).toBe("a/b");
  expect(machineOf(arn)).toBe("arn:aws:states:us-east-1:123456789012:stateMachine:Order");
  expect(executionPath(arn)).toBe("/executions/arn:aws:states:us-east-1:123456789012:execution:Order%2Fspread:a%2Fb");
  expect(withQuery("/executions", { machine: "m", status: null, q: "" })).toBe("/executions?machine=m");
});

test("a line for a shell keeps what it quotes", () => {
  expect(quoted("it's")).toBe(`'it'\\''s'`);
  expect(startLine("http://h", "arn:m", '{"a":1}')).toBe(
    `aws --endpoint-url http://h stepfunctions start-execution --state-machine-arn arn:m --input '{"a":1}'`,
  );
});

test("durations and distances read well", () => {
  expect([7, 999, 4_210, 42_000, 125_000, 12_000_000, 187_200_000].map(durationText)).toEqual([
    "7 ms", "999 ms", "4.21 s", "42 s", "2 min 5 s", "3 h 20 min", "2 d 4 h",
  ]);
  expect([0, 12_000, 300_000, 90_000_000].map((ms) => relativeText(0, ms))).toEqual(["now", "12 s ago", "5 min ago", "1 d ago"]);
  expect(relativeText(5_000, 0)).toBe("in 5 s");
});

describe("the live stream", () => {
  const mark = (run: string, number: number) => ({ run, number });

  test("is taken in order, once", () => {
    expect(markOf("a-b-7")).toEqual(mark("a-b", 7));
    expect(markOf("7")).toBeNull();
    expect(standingOf(null, mark("a", 7))).toBe("next");
    expect(standingOf(mark("a", 7), mark("a", 8))).toBe("next");
    expect(standingOf(mark("a", 7), mark("a", 7))).toBe("seen");
  });

  test("of another run, or with a gap, makes the page read again", () => {
    expect(standingOf(mark("a", 7), mark("b", 1))).toBe("reset");
    expect(standingOf(mark("a", 7), mark("a", 9))).toBe("reset");
    expect(readMessage("reset", "")).toEqual({ kind: "reset" });
    expect(readMessage("changes", "not json")).toBeNull();
  });
});

test("lists are filtered and put together", () => {
  const one = (name: string, startDate: number) => ({
    executionArn: `arn:aws:states:r:1:execution:m:${name}`, stateMachineArn: "m", name, status: "FAILED" as const, startDate,
  });
  const list = [one("order-1", 100), one("other", 200)];
  expect(filtered(list, { text: "ORDER", within: null }, 0).map((found) => found.name)).toEqual(["order-1"]);
  expect(filtered(list, { text: "", within: "5m" }, 450_000).map((found) => found.name)).toEqual(["other"]);
});

test("the palette finds by letters, words first", () => {
  const entries = ["OrderProcessing", "Reorder", "Other"].map((title) => ({ id: title, title, kind: "State machine" }));
  expect(matching(entries, "order", 9).map((entry) => entry.title)).toEqual(["OrderProcessing", "Reorder"]);
  expect(matching(entries, "opr", 9).map((entry) => entry.title)).toContain("OrderProcessing");
  expect(matching(entries, "zzz", 9)).toEqual([]);
});

test("members of a request go where the model says", () => {
  const { url, init } = bound(LAMBDA_ROUTES.Invoke, { FunctionName: "a/b", Payload: "{}", LogType: "Tail", Qualifier: "live" });
  expect([url, init.method, init.body]).toEqual(["/2015-03-31/functions/a%2Fb/invocations?Qualifier=live", "POST", "{}"]);
  expect(init.headers).toMatchObject({ "X-Amz-Log-Type": "Tail" });
  const update = bound(LAMBDA_ROUTES.UpdateFunctionConfiguration, { FunctionName: "f", Timeout: 5 });
  expect([update.init.method, update.init.body]).toEqual(["PUT", '{"Timeout":5}']);
});
