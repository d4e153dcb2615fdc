import { describe, expect, test } from "vitest";
import { callsOf, invocationsOf, nameIn, requestIn, traceIdOf, windowsOf } from "./calls";
import type { Line } from "./calls";
import { stateTestText, testText } from "./commands";
import { dataFlow } from "./dataFlow";
import { readDefinition } from "./definition";
import { framesOf, isMinified, ownPlace, placeText } from "./failure";
import { fixture } from "./fixture";
import type { FixtureName } from "./fixture";
import { instantOf, readHistory } from "./history";
import type { HistoryEvent, Run } from "./history";
import { branchesOf, heatBounds, heatOf, itemsOf } from "./iterations";
import { childrenOf, originOf } from "./kin";
import { cursorOf, eventAt, landmarks, moved, nextLandmark, playStep } from "./moment";
import { variablesAround, variablesJson, variablesNow } from "./variables";
import { suggestedOutput, tokenPlaces, waitingAt, waitingOf } from "./waiting";

const graphOf = (definition: unknown) => readDefinition(JSON.stringify(definition)) ?? fail("no definition");
const run = (name: FixtureName): Run => readHistory(fixture(name).events);
const visitOf = (of: Run, name: string) => of.visits.find((visit) => visit.name === name) ?? fail(`there is no ${name}`);

function fail(why: string): never {
  throw new Error(why);
}

describe("the cursor", () => {
  test("is an event of the address, or the end", () => {
    expect([cursorOf("3", 8), cursorOf("99", 8), cursorOf(null, 8), cursorOf("0", 8), cursorOf("-1", 8), cursorOf("x", 8), cursorOf("1", 0)]).toEqual([3, 8, null, null, null, null, null]);
  });

  test("goes back from the end and forth to it", () => {
    expect(moved(null, -1, 8)).toBe(7);
    expect(moved(7, 1, 8)).toBe(8);
    expect(moved(8, 1, 8)).toBeNull();
    expect(moved(null, 1, 8)).toBeNull();
    expect(moved(1, -1, 8)).toBe(1);
    expect(moved(5, 100, 8)).toBeNull();
  });

  test("finds the last event of an instant", () => {
    const { events } = fixture("declined");
    for (const event of events) expect(eventAt(events, instantOf(event))).toBeGreaterThanOrEqual(event.id);
    expect([eventAt(events, 0), eventAt(events, Infinity)]).toEqual([1, events.length]);
  });

  test("plays any history in about the same time", () => {
    expect(playStep(10)).toEqual({ events: 1, ms: 600 });
    const { events, ms } = playStep(25_000);
    expect((25_000 / events) * ms).toBeLessThan(15_000);
  });

  test("jumps to failures and redrives", () => {
    const { events } = fixture("redriven-task");
    const marks = landmarks(events);
    expect(marks.some((mark) => mark.kind === "redrive")).toBe(true);
    expect(nextLandmark(marks, null, -1, events.length)).toBe(events.length);
    expect(nextLandmark(marks, 1, 1, events.length)).toBe(marks[0]?.event);
    expect(nextLandmark(marks, marks[0]?.event ?? 0, -1, events.length)).toBeNull();
  });

  test("shows each visit at the place that it has in the whole", () => {
    for (const name of ["flow", "nested", "redriven", "retried-parallel"] as const) {
      const { events } = fixture(name);
      const whole = readHistory(events);
      for (let length = 0; length <= events.length; length += 1) {
        const then = readHistory(events.slice(0, length));
        expect(then.visits.map((visit) => visit.name)).toEqual(whole.visits.slice(0, then.visits.length).map((visit) => visit.name));
      }
    }
  });
});

describe("items", () => {
  test("of a map are told with how they ended", () => {
    const { events } = fixture("flow");
    const whole = readHistory(events);
    const items = itemsOf(whole, events, visitOf(whole, "Each item"));
    expect(items.map((item) => [item.index, item.outcome, item.input])).toEqual([[0, "succeeded", "1"], [1, "succeeded", "2"], [2, "succeeded", "3"]]);
    expect(items.map((item) => whole.visits[item.visit ?? -1]?.name)).toEqual(["Tax", "Tax", "Tax"]);
  });

  test("that failed lead to the state that did, and those that were cut are aborted", () => {
    const { events } = fixture("nested");
    const whole = readHistory(events);
    const items = itemsOf(whole, events, visitOf(whole, "Items"));
    expect(items.map((item) => item.outcome)).toEqual(["succeeded", "succeeded", "failed", "aborted"]);
    expect(whole.visits[items[2]?.visit ?? -1]?.name).toBe("Negative");
  });

  test("are running where the history is not over", () => {
    const { events } = fixture("nested");
    const past = events.slice(0, 16);
    const then = readHistory(past);
    expect(itemsOf(then, past, visitOf(then, "Items")).map((item) => item.outcome)).toEqual(["succeeded", "running", "running"]);
  });

  test("of a parallel are its branches", () => {
    const { events, definition } = fixture("failing-branch");
    const whole = readHistory(events);
    const branches = branchesOf(whole, graphOf(definition), visitOf(whole, "Both"));
    expect(branches.map((branch) => [branch.title, branch.outcome])).toEqual([["Slow", "aborted"], ["Check", "failed"]]);
    const retried = fixture("retried-parallel");
    const again = readHistory(retried.events);
    expect(branchesOf(again, graphOf(retried.definition), visitOf(again, "Try both"))).toHaveLength(2);
  });

  test("are as hot as they took long among the others", () => {
    const sorted = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100_000];
    const bounds = heatBounds(sorted);
    expect(sorted.map((one) => heatOf(one, bounds))).toEqual([0, 0, 0, 1, 1, 2, 2, 3, 3, 4]);
    expect(heatOf(5, heatBounds([5, 5, 5]))).toBe(0);
  });
});

/** An event of a made history. */
const event = (id: number, previousEventId: number, type: string, details: object = {}): HistoryEvent =>
  ({ id, previousEventId, timestamp: id, type, [detailsName(type)]: details }) as unknown as HistoryEvent;
const detailsName = (type: string): string =>
  type.endsWith("StateEntered") ? "stateEnteredEventDetails" : type.endsWith("StateExited") ? "stateExitedEventDetails" : `${type[0]?.toLowerCase()}${type.slice(1)}EventDetails`;

describe("a state that waits for somebody", () => {
  const TOKEN = "AQAAAAAAAAAHAAAAAAAAAAHn4rGmcU1mQGZ1V0pI6s8a";
  const waits = (resource: string, parameters: unknown, fields: object, extra: object = {}) => {
    const events = [
      event(1, 0, "ExecutionStarted"),
      event(2, 0, "TaskStateEntered", { name: "Approve", input: "{}" }),
      event(3, 2, "TaskScheduled", { resource, resourceType: "lambda", parameters: JSON.stringify(parameters), ...extra }),
      event(4, 3, "TaskStarted", {}),
    ];
    const whole = readHistory(events);
    return waitingAt(visitOf(whole, "Approve"), events, graphOf({ StartAt: "Approve", States: { Approve: { Type: "Task", ...fields } } }));
  };

  test("of a real history has the token that the server gave", () => {
    const { events, definition } = fixture("approving");
    const graph = graphOf(definition);
    const [waiting] = waitingOf(readHistory(events), events, graph);
    expect(waiting).toMatchObject({ kind: "token", at: "$.Payload.taskToken", token: expect.stringMatching(/^[0-9a-f]{66}$/) as string });
    expect(suggestedOutput(graph, "Request approval")).toEqual({ approved: true });
  });

  test("has its token in what a function was sent", () => {
    const waiting = waits(
      "invoke.waitForTaskToken",
      { FunctionName: "f", Payload: { order: { id: 1 }, taskToken: TOKEN } },
      { Parameters: { FunctionName: "f", Payload: { "order.$": "$", "taskToken.$": "$$.Task.Token" } } },
      { heartbeatInSeconds: 60 },
    );
    expect(waiting).toMatchObject({ kind: "token", token: TOKEN, at: "$.Payload.taskToken", heartbeatSeconds: 60 });
  });

  test("has it in the body of a message, as JSON or as a text", () => {
    const fields = { Parameters: { QueueUrl: "q", MessageBody: { "TaskToken.$": "$$.Task.Token" } } };
    expect(waits("sendMessage.waitForTaskToken", { QueueUrl: "q", MessageBody: { TaskToken: TOKEN } }, fields)).toMatchObject({ token: TOKEN, at: "$.MessageBody.TaskToken" });
    expect(waits("sendMessage.waitForTaskToken", { MessageBody: JSON.stringify({ TaskToken: TOKEN }) }, fields)).toMatchObject({ token: TOKEN });
    const format = { Parameters: { "MessageBody.$": "States.Format('answer with {}', $$.Task.Token)" } };
    expect(waits("sendMessage.waitForTaskToken", { MessageBody: `answer with ${TOKEN}` }, format)).toMatchObject({ token: TOKEN, at: "$.MessageBody" });
  });

  test("has it where JSONata puts it, plain or inside of an expression", () => {
    const plain = { QueryLanguage: "JSONata", Arguments: { Payload: { token: "{% $states.context.Task.Token %}" } } };
    expect(waits("invoke.waitForTaskToken", { Payload: { token: TOKEN } }, plain)).toMatchObject({ token: TOKEN, at: "$.Payload.token" });
    const within = { Arguments: { Payload: "{% {'answer': {'to': $states.context.Task.Token}, 'n': 1} %}" } };
    expect(waits("invoke.waitForTaskToken", { Payload: { answer: { to: TOKEN }, n: 1 } }, within)).toMatchObject({ token: TOKEN });
  });

  test("says why there is no answer from here", () => {
    expect(waits("invoke.waitForTaskToken", { a: 1 }, { Parameters: { a: 1 } })).toMatchObject({ kind: "unknown", why: "its definition sends no task token" });
    const two = { Parameters: { "a.$": "States.Format('{} {}', $$.Task.Token, $.other)" } };
    expect(waits("invoke.waitForTaskToken", { a: `${TOKEN} ${TOKEN.replace("A", "B")}` }, two)).toMatchObject({ kind: "unknown" });
    const events = [
      event(1, 0, "ExecutionStarted"),
      event(2, 0, "TaskStateEntered", { name: "Work" }),
      event(3, 2, "ActivityScheduled", { resource: "arn:aws:states:r:1:activity:pack" }),
    ];
    expect(waitingOf(readHistory(events), events, null)).toMatchObject([{ kind: "activity", activityArn: "arn:aws:states:r:1:activity:pack" }]);
  });

  test("is not waited for by what does its work by itself, or is over", () => {
    expect(waits("invoke", { a: TOKEN }, { Parameters: { "a.$": "$$.Task.Token" } })).toBeNull();
    const done = run("charged");
    expect(waitingOf(done, fixture("charged").events, null)).toEqual([]);
  });

  test("may take its token from the whole context", () => {
    expect(tokenPlaces({ "context.$": "$$", "task.$": "$$.Task" }).map((place) => place.path.join("."))).toEqual(["context.Task.Token", "task.Token"]);
  });

  test("suggests what the choice behind it asks for", () => {
    const graph = graphOf({
      StartAt: "Ask",
      States: {
        Ask: { Type: "Task", ResultPath: "$.decision", Next: "Is it?" },
        "Is it?": { Type: "Choice", Choices: [{ And: [{ Variable: "$.decision.approved", IsPresent: true }, { Variable: "$.decision.approved", BooleanEquals: true }], Next: "Yes" }], Default: "No" },
        Yes: { Type: "Succeed" },
        No: { Type: "Fail" },
      },
    });
    expect(suggestedOutput(graph, "Ask")).toEqual({ approved: true });
    expect(suggestedOutput(graph, "Yes")).toEqual({});
  });
});

describe("variables", () => {
  const events = [
    event(1, 0, "ExecutionStarted"),
    event(2, 0, "PassStateEntered", { name: "Set" }),
    event(3, 2, "PassStateExited", { name: "Set", assignedVariables: { a: "1", b: '"x"' } }),
    event(4, 3, "ParallelStateEntered", { name: "Both" }),
    event(5, 4, "ParallelStateStarted"),
    event(6, 5, "PassStateEntered", { name: "L1" }),
    event(7, 5, "PassStateEntered", { name: "R1" }),
    event(8, 6, "PassStateExited", { name: "L1", assignedVariables: { left: "true" } }),
    event(9, 7, "PassStateExited", { name: "R1", assignedVariables: { right: "true" } }),
    event(10, 8, "PassStateEntered", { name: "L2" }),
    event(11, 10, "PassStateExited", { name: "L2" }),
    event(12, 11, "ParallelStateSucceeded"),
    event(13, 11, "ParallelStateExited", { name: "Both", assignedVariables: { a: "2" } }),
  ];
  const branch = (first: string, more: object = {}) => ({ StartAt: first, States: { [first]: { Type: "Pass", End: true }, ...more } });
  const graph = graphOf({
    StartAt: "Set",
    States: { Set: { Type: "Pass", Next: "Both" }, Both: { Type: "Parallel", Branches: [branch("L1", { L2: { Type: "Pass", End: true } }), branch("R1")], End: true } },
  });
  const whole = readHistory(events);
  const around = (name: string) => {
    const { before, after } = variablesAround(whole, visitOf(whole, name), graph);
    return [variablesJson(before), variablesJson(after)];
  };

  test("of a real history are those of each item inside of a map, and of the outer scope outside", () => {
    const { events, definition } = fixture("assigning");
    const whole = readHistory(events);
    const tells = whole.visits.filter((visit) => visit.name === "Tell");
    expect(tells.map((visit) => variablesJson(variablesAround(whole, visit, graphOf(definition)).before))).toEqual([
      '{"currency":"EUR","share":0.25,"total":4}',
      '{"currency":"EUR","share":0.75,"total":4}',
    ]);
    expect(variablesJson(variablesNow(whole))).toBe('{"currency":"EUR","total":0}');
  });

  test("are seen after the state that assigned them", () => {
    expect(around("Set")).toEqual(["{}", '{"a":1,"b":"x"}']);
    expect(around("Both")).toEqual(['{"a":1,"b":"x"}', '{"a":2,"b":"x"}']);
  });

  test("of a branch are seen in that branch alone, with those of outside", () => {
    expect(around("L2")[0]).toBe('{"a":1,"b":"x","left":true}');
    expect(around("R1")[0]).toBe('{"a":1,"b":"x"}');
    expect(variablesJson(variablesNow(whole))).toBe('{"a":2,"b":"x"}');
    expect(variablesJson(variablesNow(readHistory(events.slice(0, 9))))).toBe('{"a":1,"b":"x"}');
  });
});

describe("the way of the data", () => {
  test("of a Pass is told by its output", () => {
    const { events, definition } = fixture("flow");
    const whole = readHistory(events);
    const panes = (name: string) => {
      const fields = graphOf(definition).states.find((state) => state.name === name)?.fields ?? {};
      return dataFlow(visitOf(whole, name), new Map(events.map((one) => [one.id, one])), fields);
    };
    expect(panes("Read order").find((pane) => pane.name === "arguments")).toMatchObject({ json: '{"items":[1,2,3],"seconds":1}', source: "derived" });
    expect(panes("Each item").find((pane) => pane.name === "result")).toMatchObject({ json: '[{"price":11},{"price":12},{"price":13}]', source: "derived" });
    expect(panes("Has items?").map((pane) => pane.name)).toEqual(["input", "afterInputPath", "output"]);
  });

  test("of a JSONata state has no InputPath and no ResultSelector", () => {
    const events = [
      event(1, 0, "ExecutionStarted"),
      event(2, 0, "TaskStateEntered", { name: "Ask", input: '{"n":1}' }),
      event(3, 2, "TaskScheduled", { resource: "invoke", parameters: '{"Payload":1}' }),
      event(4, 3, "TaskSucceeded", { output: '{"Payload":2}' }),
      event(5, 4, "TaskStateExited", { name: "Ask", output: "2" }),
    ];
    const whole = readHistory(events);
    const panes = dataFlow(visitOf(whole, "Ask"), new Map(events.map((one) => [one.id, one])), { Type: "Task" }, undefined, "JSONata");
    expect(panes.map((pane) => [pane.name, pane.json])).toEqual([["input", '{"n":1}'], ["arguments", '{"Payload":1}'], ["result", '{"Payload":2}'], ["output", "2"]]);
  });
});

describe("a line of the code", () => {
  test("is the first of the application's own, whatever was called there", () => {
    const frames = framesOf([
      "    at decline (file:///home/ada/orders/node_modules/cards/index.js:3:9)",
      "    at checkCard (file:///home/ada/orders/src/services/my%20payment.ts:12:11)",
      "    at async handler (file:///home/ada/orders/src/functions/charge.ts:8:3)",
      "    at Runtime.handleOnce (file:///data/functions/runtime/run.mjs:1:1)",
    ]);
    const own = ownPlace(frames);
    expect(own?.place && placeText(own.place)).toBe("src/services/my payment.ts:12:11");
    expect(own?.callee).toBe("checkCard");
    expect(frames.map((frame) => frame.isOwn)).toEqual([false, true, true, false]);
  });

  test("of Python has no column", () => {
    const own = ownPlace(framesOf(['  File "/var/task/app.py", line 3, in handler\n    raise ValueError']));
    expect(own?.place && placeText(own.place)).toBe("app.py:3");
  });

  test("of what was made smaller is told to be so", () => {
    const [frame] = framesOf(["    at r (/data/functions/packages/".concat("a".repeat(64), "/app.js:1:20841)")]);
    expect(frame?.place && isMinified(frame.place)).toBe(true);
    expect(frame?.text).toBe("at r (app.js:1:20841)");
  });
});

test("what started an execution is told by its input, as far as it tells", () => {
  expect(originOf('{"AWS_STEP_FUNCTIONS_STARTED_BY_EXECUTION_ID":"arn:aws:states:r:1:execution:m:e"}')).toEqual({ kind: "execution", executionArn: "arn:aws:states:r:1:execution:m:e" });
  expect(originOf('{"source":"aws.cloudwatch","detail-type":"CloudWatch Alarm State Change","detail":{"alarmName":"slow","state":{"value":"ALARM"}}}')).toEqual({ kind: "alarm", name: "slow", state: "ALARM" });
  expect(originOf('{"source":"orders","detail-type":"Placed","detail":{}}')).toEqual({ kind: "event", source: "orders", detailType: "Placed" });
  expect([originOf('{"source":"web"}'), originOf("[]"), originOf(undefined)]).toEqual([null, null, null]);
});

test("what an execution has started is named", () => {
  expect(childrenOf(run("parent")).map((child) => child.kind)).toEqual(["execution"]);
  expect(childrenOf(run("distributed")).map((child) => child.kind)).toEqual(["map run"]);
  const events = [
    event(1, 0, "ExecutionStarted"),
    event(2, 0, "TaskStateEntered", { name: "Start" }),
    event(3, 2, "TaskScheduled", { resource: "startExecution", resourceType: "states" }),
    event(4, 3, "TaskSucceeded", { resource: "startExecution", output: '{"ExecutionArn":"arn:aws:states:r:1:execution:m:child"}' }),
  ];
  expect(childrenOf(readHistory(events))).toMatchObject([{ arn: "arn:aws:states:r:1:execution:m:child" }]);
});

describe("logs", () => {
  const id = (number: number): string => `00000000-0000-4000-8000-00000000000${number}`;
  const line = (at: number, message: string, stream = "s1"): Line => ({ id: `${at}`, at, group: "/aws/lambda/f", stream, message });

  test("of a call are those of the request in its time", () => {
    const { events } = fixture("declined");
    const calls = callsOf(readHistory(events), events);
    expect(calls.map((call) => [call.functionName, call.state, call.attempt])).toEqual([["charge", "Charge", 1], ["charge", "Charge", 2], ["charge", "Charge", 3]]);
    const [first] = calls;
    const from = first?.from ?? 0;
    const lines = [
      line(from - 9_000, `START RequestId: ${id(1)} Version: $LATEST`),
      line(from - 8_999, "of somebody else"),
      line(from - 8_998, `REPORT RequestId: ${id(1)}\tDuration: 1 ms`),
      line(from + 1, `START RequestId: ${id(2)} Version: $LATEST`),
      line(from + 1, "charging Ada"),
      line(from + 2, `REPORT RequestId: ${id(2)}\tDuration: 1 ms`),
    ];
    const found = invocationsOf(lines, calls, null);
    expect(found.map((one) => [one.requestId, one.by, one.lines.length])).toEqual([[id(2), "time", 3]]);
  });

  test("are of a request that the result names, and not of another trace", () => {
    const call = { functionName: "f", visit: 0, state: "S", attempt: 1, from: 100, to: 200, requestId: id(3) };
    const lines = [line(150, `START RequestId: ${id(3)}`), line(151, `START RequestId: ${id(4)}`, "s2"), line(152, "b", "s2"), line(153, "a")];
    expect(invocationsOf(lines, [call], null).map((one) => [one.by, one.lines.map((own) => own.message).at(-1)])).toEqual([["id", "a"]]);
    const other = [line(150, `START RequestId: ${id(4)}`), line(151, `REPORT RequestId: ${id(4)}\tXRAY TraceId: 1-6553f100-0123456789abcdef01234567\t`)];
    const free = { ...call, requestId: null };
    expect(invocationsOf(other, [free], "1-6553f100-aaaaaaaaaaaaaaaaaaaaaaaa")).toEqual([]);
    expect(invocationsOf(other, [free], "1-6553f100-0123456789abcdef01234567")).toMatchObject([{ by: "id" }]);
  });

  test("are asked for in the times of the calls", () => {
    const call = { functionName: "f", visit: 0, state: "S", attempt: 1, requestId: null };
    expect(windowsOf([{ ...call, from: 0, to: 100 }, { ...call, from: 5_000, to: null }, { ...call, from: 900_000, to: 900_001 }], 6_000)).toEqual([
      { from: -5, to: 7_000 },
      { from: 899_995, to: 901_001 },
    ]);
  });

  test("have names and ids in many forms", () => {
    expect(["arn:aws:lambda:r:1:function:f:live", "1:function:f", "f:3", "f"].map(nameIn)).toEqual(["f", "f", "f", "f"]);
    expect(requestIn(`2026-11-26T12:00:00.000Z\t${id(5)}\tINFO\thello`)).toBe(id(5));
    expect(requestIn(`{"level":"INFO","requestId":"${id(6)}"}`)).toBe(id(6));
    expect(requestIn("hello")).toBeNull();
    expect(traceIdOf("Root=1-6553f100-0123456789abcdef01234567;Sampled=1")).toBe("1-6553f100-0123456789abcdef01234567");
  });
});

test("an execution becomes a test of it", () => {
  const text = testText({ endpoint: "http://h", machineArn: "arn:m", name: "Orders", input: '{"a":1}', output: '{"b":[2]}', status: "SUCCEEDED", error: null });
  expect(text).toContain('test("Orders ends SUCCEEDED"');
  expect(text).toContain("toEqual({\n    \"b\": [\n      2\n    ]\n  })");
  expect(text).not.toContain("execution.error");
  const state = stateTestText({ endpoint: "http://h", name: "Charge", definition: '{"Type":"Task"}', language: "JSONata", roleArn: "r", input: "{}", output: null, failure: { error: "Declined", cause: "no" }, result: null, variables: null });
  expect(state).toContain('"QueryLanguage": "JSONata"');
  expect(state).toContain('mock: { errorOutput: { error: "Declined", cause: "no" } }');
  expect(state).toContain('expect(tested.error).toBe("Declined")');
});
