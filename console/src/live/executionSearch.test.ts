import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { ExecutionChange } from "../model/live";
import { choiceOf } from "../model/search";
import type { FoundExecution, SearchPage } from "../model/search";
import { ExecutionSearch } from "./executionSearch";

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
afterEach(() => void vi.useRealTimers());

const one = (number: number): FoundExecution => ({ executionArn: `e${number}`, name: `${number}`, startDate: number, stopDate: number, status: "FAILED" }) as FoundExecution;

/** A server with executions, newest first, `step` of which it looks at for one page; `isWanted` passes the filters. */
function server(executions: FoundExecution[], step: number, isWanted: (one: FoundExecution) => boolean = () => true) {
  const asked: (string | undefined)[] = [];
  const read = async (ask: { next?: string; limit: number }): Promise<SearchPage> => {
    asked.push(ask.next);
    // A place in the list is told by the instant before it, as new ones come to its front.
    const from = ask.next === undefined ? 0 : executions.findIndex((one) => one.startDate < Number(ask.next));
    const slice = executions.slice(from, from + step);
    const last = slice.at(-1);
    const isEnd = from + step >= executions.length;
    return {
      executions: slice.filter(isWanted),
      next: isEnd || last === undefined ? null : String(last.startDate),
      looked: { executions: slice.length, until: last?.startDate ?? null, oldest: 1, machines: 1, machinesLeftOut: 0 },
    };
  };
  return { read, asked };
}

const numbers = (from: number, to: number): FoundExecution[] => Array.from({ length: from - to + 1 }, (_, index) => one(from - index));
const choice = choiceOf(() => null);
const settle = () => vi.advanceTimersByTimeAsync(0);

test("it reads until there is a screen full, and on as somebody scrolls", async () => {
  const { read, asked } = server(numbers(500, 1), 50);
  const search = new ExecutionSearch(read, null, choice);
  search.begin();
  await settle();
  expect(search.snapshot()).toMatchObject({ isReading: false, listing: { looked: 100, next: "401" } });
  search.more();
  search.more();
  await settle();
  expect(search.snapshot().listing.rows).toHaveLength(200);
  expect(asked).toHaveLength(4);
});

test("pages without anything are gone through, until somebody says stop", async () => {
  const { read } = server(numbers(5_000, 1), 10, (one) => one.startDate === 4_000 || one.startDate === 3);
  const search = new ExecutionSearch(read, null, choice);
  const leave = search.subscribe(() => {
    const { listing, isStopped } = search.snapshot();
    if (listing.looked === 1_500 && !isStopped) search.stop();
  });
  search.begin();
  await settle();
  expect(search.snapshot()).toMatchObject({ isReading: false, isStopped: true, listing: { looked: 1_500 } });
  search.more();
  await settle();
  expect(search.snapshot().listing.looked).toBe(1_500);
  leave();
  search.goOn();
  await settle();
  expect(search.snapshot()).toMatchObject({ isReading: false, listing: { looked: 5_000, next: null } });
  expect(search.snapshot().listing.rows.map((row) => row.name)).toEqual(["4000", "3"]);
});

test("what begins is put in front, however much is told of it", async () => {
  const executions = numbers(300, 1);
  const { read, asked } = server(executions, 100);
  const search = new ExecutionSearch(read, "m", choice);
  search.begin();
  await settle();
  const told = new Map([["e301", { stateMachineArn: "m", status: "RUNNING" } as ExecutionChange]]);
  executions.unshift(one(301));
  const before = asked.length;
  for (let time = 0; time < 10; time += 1) search.take(told);
  await vi.advanceTimersByTimeAsync(10_000);
  // At once, and once more for what was told meanwhile.
  expect(asked.length - before).toBe(2);
  expect(search.snapshot().listing.rows.slice(0, 2).map((row) => row.name)).toEqual(["301", "300"]);
  search.take(new Map([["x", { stateMachineArn: "another", status: "RUNNING" } as ExecutionChange]]));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(asked.length - before).toBe(2);
});

test("a list begins anew where more has come than is worth to read", async () => {
  vi.setSystemTime(300_000);
  const executions = numbers(300, 1);
  const { read } = server(executions, 50);
  const search = new ExecutionSearch(read, null, choice);
  search.begin();
  await settle();
  executions.unshift(...numbers(2_000, 301));
  vi.setSystemTime(2_000_000);
  search.take(null);
  await vi.advanceTimersByTimeAsync(1_000);
  const { listing } = search.snapshot();
  expect(listing.rows).toHaveLength(250);
  expect(listing.rows.at(-1)?.name).toBe("1751");
  search.more();
  await settle();
  expect(search.snapshot().listing.rows.map((row) => Number(row.name))).toEqual(numbers(2_000, 1_651).map((row) => row.startDate));
});

test("an error stands until somebody tries again, and what was read stays", async () => {
  const { read } = server(numbers(200, 1), 100);
  let isBroken = false;
  const search = new ExecutionSearch(
    async (ask) => {
      if (isBroken) throw new Error("away");
      return read(ask);
    },
    null,
    choice,
  );
  search.begin();
  await settle();
  isBroken = true;
  search.more();
  await settle();
  expect(search.snapshot()).toMatchObject({ isReading: false, error: { message: "away" } });
  expect(search.snapshot().listing.rows).toHaveLength(100);
  isBroken = false;
  // The end of the list is still in sight.
  search.more();
  await settle();
  expect(search.snapshot()).toMatchObject({ isReading: false, error: { message: "away" } });
  search.goOn();
  await settle();
  expect(search.snapshot()).toMatchObject({ error: null });
  expect(search.snapshot().listing.rows).toHaveLength(200);
});
