import { expect, test } from "vitest";
import { readBackward } from "./backward";
import type { Window } from "./backward";

/** A store of instants that gives at most so many of a window, oldest first. */
function store(instants: readonly number[], most: number) {
  const asked: Window[] = [];
  const read = (window: Window): Promise<{ items: number[]; isWhole: boolean }> => {
    asked.push(window);
    const all = instants.filter((at) => at >= window.from && at <= window.to);
    return Promise.resolve({ items: all.slice(0, most).reverse(), isWhole: all.length <= most });
  };
  return { asked, read };
}

async function everything(instants: readonly number[], most: number, range: Window, span: number, wanted: number): Promise<number[]> {
  const { read } = store(instants, most);
  const found: number[] = [];
  let next: { to: number; span: number } | null = { to: range.to, span };
  for (let pages = 0; next !== null && pages < 1_000; pages += 1) {
    const page: Awaited<ReturnType<typeof readBackward<number>>> = await readBackward(read, range, next, wanted);
    found.push(...page.items);
    next = page.next;
  }
  expect(next).toBeNull();
  return found;
}

test("everything is found once, newest first, whatever the windows", async () => {
  const instants = Array.from({ length: 500 }, (_, index) => (index * index * 7) % 100_000).toSorted((a, b) => a - b);
  const expected = instants.toReversed();
  for (const most of [20, 1_000]) {
    for (const span of [1, 50, 1_000_000]) {
      for (const wanted of [1, 40, 10_000]) {
        expect(await everything(instants, most, { from: 0, to: 100_000 }, span, wanted)).toEqual(expected);
      }
    }
  }
});

test("what is far back is reached in few windows", async () => {
  const { asked, read } = store([5], 100);
  const page = await readBackward(read, { from: 0, to: 30 * 86_400_000 }, { to: 30 * 86_400_000, span: 60_000 }, 100);
  expect(page).toEqual({ items: [5], next: null, isCut: false });
  expect(asked.length).toBeLessThan(10);
});

test("an instant that has more than can be read is cut, and says so", async () => {
  const { read } = store(Array.from({ length: 30 }, () => 7), 10);
  const page = await readBackward(read, { from: 0, to: 100 }, { to: 100, span: 100 }, 100);
  expect(page.items).toHaveLength(10);
  expect(page.isCut).toBe(true);
  expect(page.next).toBeNull();
});
