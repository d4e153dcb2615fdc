import { describe, expect, test } from "vitest";
import { caughtBefore, culprit, readHistory, standings } from "./history";
import type { HistoryEvent, Run } from "./history";
import { fixture } from "./fixture";

/** Each visit in one line: where, how it ended, how often it was tried. */
function drawn(run: Run): string[] {
  return run.visits.map((visit) => {
    const item = visit.iteration === null ? "" : `[${visit.iteration}]`;
    const attempts = visit.attempts.length === 0 ? "" : ` x${visit.attempts.length}`;
    return `${"  ".repeat(visit.depth)}${visit.name}${item} ${visit.type} ${visit.outcome}${attempts}`;
  });
}

const run = (name: Parameters<typeof fixture>[0]): Run => readHistory(fixture(name).events);

test("states, items and branches are told apart", () => {
  expect(drawn(run("flow"))).toEqual([
    "Read order Pass succeeded",
    "Short wait Wait succeeded",
    "Has items? Choice succeeded",
    "Each item Map succeeded x1",
    "  Price[0] Pass succeeded",
    "  Price[1] Pass succeeded",
    "  Price[2] Pass succeeded",
    "  Tax[0] Pass succeeded",
    "  Tax[1] Pass succeeded",
    "  Tax[2] Pass succeeded",
    "Notify Parallel succeeded x1",
    "  Mail Pass succeeded",
    "  Shop Wait succeeded",
    "  Told Pass succeeded",
    "Done Succeed succeeded",
  ]);
});

test("every visit knows its input, its output and its time", () => {
  const { visits, startedAt, endedAt, ending } = run("flow");
  expect(ending).toBe("SUCCEEDED");
  const price = visits.find((visit) => visit.name === "Price" && visit.iteration === 1);
  expect([price?.input, price?.output]).toEqual(["2", '{"price":12}']);
  for (const visit of visits) {
    expect(visit.enteredAt).toBeGreaterThanOrEqual(startedAt ?? Infinity);
    expect(visit.endedAt).toBeLessThanOrEqual(endedAt ?? 0);
  }
});

test("a failing branch fails its parallel and aborts its sibling", () => {
  const failed = run("failing-branch");
  expect(drawn(failed)).toEqual([
    "Both Parallel failed x1",
    "  Slow Wait aborted",
    "  Check Pass succeeded",
    "  Refuse Fail failed",
  ]);
  expect(failed.failure).toEqual({ error: "Refused", cause: "not allowed" });
  expect(culprit(failed)?.name).toBe("Refuse");
});

test("a failure inside a map inside a parallel is caught outside", () => {
  const lines = drawn(run("nested"));
  expect(lines.filter((line) => !line.includes("Sign") && !line.includes("Fine"))).toEqual([
    "Outer Parallel caught x1",
    "  Items Map failed x1",
    "    Negative[2] Fail failed",
    "Caught Pass succeeded",
  ]);
});

test("a Fail state is explained by the error that was caught before it, where it was thrown", () => {
  const nested = run("nested");
  const last = nested.visits.at(-1);
  if (last === undefined) throw new Error("it has states");
  expect(caughtBefore(nested, { ...last, type: "Fail" })).toMatchObject({ name: "Negative", iteration: 2 });
  expect(caughtBefore(nested, last), "what does not end it needs no reason").toBeNull();
  const refused = run("failing-branch");
  expect(caughtBefore(refused, culprit(refused)), "nothing was caught").toBeNull();
  const caught = run("caught");
  const end = caught.visits.at(-1);
  expect(end && caughtBefore(caught, { ...end, type: "Fail" })).toMatchObject({ name: "Charge" });
});

test("a parallel that is retried has one attempt more", () => {
  const retried = run("retried-parallel");
  expect(drawn(retried)).toEqual([
    "Try both Parallel failed x2",
    "  A Pass succeeded",
    "  B Fail failed",
    "  A Pass succeeded",
    "  B Fail failed",
  ]);
  const attempts = retried.visits[0]?.attempts ?? [];
  expect((attempts[1]?.startedAt ?? 0) - (attempts[0]?.endedAt ?? 0)).toBeGreaterThanOrEqual(0);
});

test("each attempt of a task has its error, its time and its events", () => {
  const declined = run("declined");
  const charge = declined.visits[0];
  expect(charge?.attempts.map((attempt) => attempt.failure?.error)).toEqual(["CardDeclined", "CardDeclined", "CardDeclined"]);
  expect(charge?.attempts.map((attempt) => attempt.events)).toEqual([[3, 4, 5], [6, 7, 8], [9, 10, 11]]);
  expect(culprit(declined)?.name).toBe("Charge");
  expect(drawn(run("caught"))).toEqual(["Charge Task caught x1", "Apologise Pass succeeded"]);
});

describe("a redrive", () => {
  test("of a task goes on in the same visit with new attempts", () => {
    const redriven = run("redriven-task");
    expect(drawn(redriven)).toEqual(["Charge Task failed x6"]);
    expect(redriven.redrives).toHaveLength(1);
  });

  test("of a branch goes on inside its parallel", () => {
    expect(drawn(run("redriven"))).toEqual([
      "Both Parallel failed x2",
      "  Slow Wait aborted",
      "  Check Pass succeeded",
      "  Refuse Fail failed",
      "  Refuse Fail failed",
    ]);
  });

  test("is running until its end", () => {
    const { events } = fixture("redriven");
    const at = events.findIndex((event) => event.type === "ExecutionRedriven");
    const running = readHistory(events.slice(0, at + 1));
    expect([running.ending, running.failure]).toEqual([null, null]);
    expect(drawn(running).slice(0, 2)).toEqual(["Both Parallel running x2", "  Slow Wait running"]);
  });
});

test("a child execution and a map run are named", () => {
  expect(run("parent").visits[0]?.startedArn).toMatch(/^arn:aws:states:.*:execution:child:/);
  expect(run("distributed").visits[0]?.startedArn).toMatch(/:mapRun:/);
});

test("any beginning of any history can be read, and what it has not ended is running", () => {
  for (const name of ["flow", "nested", "retried-parallel", "redriven", "redriven-task", "distributed", "parent"] as const) {
    const { events } = fixture(name);
    for (let length = 0; length <= events.length; length += 1) {
      const part = readHistory(events.slice(0, length));
      if (part.ending === null) continue;
      expect(part.visits.filter((visit) => visit.outcome === "running"), `${name} ${length}`).toEqual([]);
    }
  }
});

test("what runs or failed stands before what is done", () => {
  const standing = standings(run("nested"));
  expect(standing.get("Sign")).toMatchObject({ visits: 4, failed: 0 });
  expect(standing.get("Negative")?.outcome).toBe("failed");
  expect(standings(run("redriven-task")).get("Charge")?.retries).toBe(5);
});

/** The shortest of some tries, in microseconds of the processor: a busy machine takes no more of them. */
function fastest(work: () => void): number {
  const once = (): number => {
    const begun = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(begun);
    return user + system;
  };
  return Math.max(1, Math.min(...Array.from({ length: 6 }, once)));
}

test("the time to read a history grows as its events do", () => {
  const events: HistoryEvent[] = [{ id: 1, timestamp: 1, type: "ExecutionStarted", previousEventId: 0 }];
  while (events.length < 25_000) {
    const id = events.length + 1;
    events.push(
      id % 2 === 0
        ? { id, timestamp: id, type: "PassStateEntered", previousEventId: id - 1, stateEnteredEventDetails: { name: `S${id}` } }
        : { id, timestamp: id, type: "PassStateExited", previousEventId: id - 1, stateExitedEventDetails: { name: `S${id - 1}` } },
    );
  }
  const { visits } = readHistory(events);
  expect(visits.length).toBe(12_500);
  const part = events.slice(0, 2_500);
  // Ten times the events; a square would take a hundred times as long.
  expect(fastest(() => readHistory(events)) / fastest(() => readHistory(part))).toBeLessThan(40);
});
