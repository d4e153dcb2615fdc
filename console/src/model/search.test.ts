import { expect, test } from "vitest";
import type { ExecutionChange } from "./live";
import { askOf, choiceOf, isNarrowed, NOTHING_READ, progressOf, reaches, withChanges, withHead, withMore } from "./search";
import type { FoundExecution, SearchPage } from "./search";

const one = (name: string, startDate: number, stopDate?: number, status = stopDate === undefined ? "RUNNING" : "FAILED"): FoundExecution =>
  ({
    executionArn: `arn:aws:states:us-east-1:123456789012:execution:m:${name}`,
    stateMachineArn: "arn:aws:states:us-east-1:123456789012:stateMachine:m",
    name,
    status,
    startDate,
    ...(stopDate === undefined ? {} : { stopDate }),
  }) as FoundExecution;

const page = (executions: FoundExecution[], next: string | null, until: number | null = null, looked = executions.length): SearchPage => ({
  executions,
  next,
  looked: { executions: looked, until, oldest: 0, machines: 1, machinesLeftOut: 0 },
});
const names = (listing: { rows: readonly FoundExecution[] }): string => listing.rows.map((row) => row.name).join("");

test("an address says what is asked", () => {
  const get = (search: string) => (name: string) => new URLSearchParams(search).get(name);
  const ask = (search: string) => askOf(choiceOf(get(search)), null, 1_000_000_000);
  expect(ask("")).toEqual({});
  expect(isNarrowed(choiceOf(get("")))).toBe(false);
  expect(ask("status=FAILED,NONSENSE,TIMED_OUT&q=+order+&error=Card&text=Grace")).toEqual({
    status: ["FAILED", "TIMED_OUT"],
    name: "order",
    error: "Card",
    text: "Grace",
  });
  expect(ask("within=1h&before=2026-01-01T00:00:00Z")).toEqual({ startedAfter: 996_400 });
  expect(ask("after=1970-01-01T00:01:00Z&before=1970-01-02T00:00:00Z")).toEqual({ startedAfter: 60, startedBefore: 86_400 });
  expect(ask("fstate=Charge&ferror=&fcause=card+%23")).toEqual({ failure: { state: "Charge", error: "", cause: "card #" } });
  expect(askOf(choiceOf(get(`q=${"x".repeat(300)}`)), "arn", 0)).toEqual({ stateMachineArn: "arn", name: "x".repeat(256) });
});

test("a list grows page by page, with each execution once", () => {
  const first = withMore(NOTHING_READ, page([one("a", 9, 9), one("b", 8, 8)], "1", 8, 100));
  const empty = withMore(first, page([], "2", 5, 4_000));
  const last = withMore(empty, page([one("b", 8, 8), one("c", 1, 1)], null, 0, 10));
  expect(names(last)).toBe("abc");
  expect(last).toMatchObject({ next: null, looked: 4_110 });
  expect(progressOf(empty, 10_000)).toBeCloseTo(0.5);
  expect(progressOf(last, 10_000)).toBe(1);
  expect(progressOf(NOTHING_READ, 10_000)).toBe(null);
});

test("its newest part is read again, and what ended has moved up", () => {
  const listing = withMore(NOTHING_READ, page([one("a", 9, 9), one("r", 7), one("b", 6, 6)], "1", 6));
  const head = [page([one("r", 7, 12), one("a", 9, 9)], "x", 9)];
  expect(reaches(listing, head, 10)).toBe(true);
  expect(names(withHead(listing, head, true))).toBe("rab");
  expect(withHead(listing, head, true).next).toBe("1");
});

test("a newest part that does not reach the rest takes its place", () => {
  const listing = withMore(NOTHING_READ, page([one("a", 9, 9)], "1", 9));
  const head = [page([one("z", 30, 30), one("a", 9, 29)], "x", 29)];
  // That it was known says nothing: it has moved.
  expect(reaches(listing, head, 10)).toBe(false);
  const begun = withHead(listing, head, false);
  expect(names(begun)).toBe("za");
  expect(begun.next).toBe("x");
  // Looked down to where it was looked before, it does, even without a row in common.
  expect(reaches(listing, [page([], "x", 10)], 10)).toBe(true);
  expect(reaches(listing, [page([one("z", 30, 30)], null)], 10)).toBe(true);
});

test("what changes is changed where it is, or leaves", () => {
  const listing = withMore(NOTHING_READ, page([{ ...one("a", 9, 9), error: "E" }, one("r", 7)], null));
  const changes = (...given: [string, string][]) =>
    new Map(given.map(([name, status]) => [one(name, 0).executionArn, { status } as ExecutionChange]));
  const redriven = withChanges(listing, changes(["a", "RUNNING"]), []);
  expect(redriven.rows[0]).toEqual(one("a", 9));
  expect(names(withChanges(listing, changes(["a", "RUNNING"], ["r", "RUNNING"]), ["FAILED"]))).toBe("r");
  expect(withChanges(listing, changes(["a", "FAILED"], ["x", "FAILED"]), [])).toBe(listing);
});
