import { expect, test } from "vitest";
import { readFromBothEnds } from "./bothEnds";
import type { Page } from "./bothEnds";

const PAGE = 10;

/** A list of so many items, which may grow by one with each read of it. */
function list(length: number, grows = false): { read: (isReverse: boolean, token: string | undefined) => Promise<Page<{ id: number }>>; reads: number } {
  const of = {
    reads: 0,
    read: async (isReverse: boolean, token: string | undefined): Promise<Page<{ id: number }>> => {
      of.reads += 1;
      const last = length + (grows ? of.reads : 0);
      const from = token === undefined ? (isReverse ? last : 1) : Number(token);
      // Backwards is slower: the two meet anywhere.
      if (isReverse) await new Promise((resolve) => setTimeout(resolve));
      const ids = Array.from({ length: PAGE }, (_, at) => (isReverse ? from - at : from + at)).filter((id) => id >= 1 && id <= last);
      const next = isReverse ? from - PAGE : from + PAGE;
      return { items: ids.map((id) => ({ id })), next: next >= 1 && next <= last ? String(next) : undefined };
    },
  };
  return of;
}

test("everything is read once and in its order, whatever the length", async () => {
  for (const length of [0, 1, 9, 10, 11, 20, 25, 99, 100, 101, 250]) {
    let first = 0;
    const found = await readFromBothEnds(list(length).read, (items) => (first = items.length));
    expect(found.map((item) => item.id)).toEqual(Array.from({ length }, (_, at) => at + 1));
    expect(first).toBe(length > PAGE ? PAGE : 0);
  }
});

test("no page is read much twice", async () => {
  const of = list(1_000);
  await readFromBothEnds(of.read, () => {});
  expect(of.reads).toBeLessThanOrEqual(102);
});

test("a list that grows is read without gaps up to where it was", async () => {
  const found = await readFromBothEnds(list(95, true).read, () => {});
  expect(found.map((item) => item.id)).toEqual(Array.from({ length: found.length }, (_, at) => at + 1));
  expect(found.length).toBeGreaterThanOrEqual(95);
});

test("a read that fails is told", async () => {
  await expect(readFromBothEnds(async (isReverse, token) => {
    await new Promise((resolve) => setTimeout(resolve));
    if (isReverse) throw new Error("gone");
    return { items: [{ id: Number(token ?? 1) }], next: String(Number(token ?? 1) + 1) };
  }, () => {})).rejects.toThrow("gone");
});
