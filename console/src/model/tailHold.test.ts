import { expect, test } from "vitest";
import type { LogLine } from "./logLines";
import { cleared, NOTHING_HELD, paused, scrolled, seen } from "./tailHold";

/** Newest first. */
function lines(...ids: readonly number[]): readonly LogLine[] {
  return ids.map((id) => ({ id: `${id}`, at: id, message: `line ${id}` }));
}

test("what comes is shown while nobody holds it", () => {
  expect(seen(NOTHING_HELD, lines(2, 1))).toEqual({ shown: lines(2, 1), waiting: 0 });
});

test("what comes in a pause waits, and is shown when it ends", () => {
  const hold = paused(NOTHING_HELD, true, lines(2, 1));
  expect(seen(hold, lines(4, 3, 2, 1))).toEqual({ shown: lines(2, 1), waiting: 2 });
  expect(seen(paused(hold, false, lines(4, 3, 2, 1)), lines(4, 3, 2, 1))).toEqual({ shown: lines(4, 3, 2, 1), waiting: 0 });
});

test("what was cleared in a pause does not come back, and what comes after it waits", () => {
  const hold = cleared(paused(NOTHING_HELD, true, lines(2, 1)));
  expect(seen(hold, [])).toEqual({ shown: [], waiting: 0 });
  expect(seen(hold, lines(3))).toEqual({ shown: [], waiting: 1 });
  expect(seen(paused(hold, false, lines(3)), lines(3))).toEqual({ shown: lines(3), waiting: 0 });
});

test("all lines wait when the newest held one was dropped", () => {
  const hold = paused(NOTHING_HELD, true, lines(2, 1));
  expect(seen(hold, lines(5, 4, 3))).toEqual({ shown: lines(2, 1), waiting: 3 });
});

test("who reads further down holds the lines until the top is in sight, a pause longer", () => {
  const down = scrolled(NOTHING_HELD, false, lines(2, 1));
  expect(scrolled(down, false, lines(3, 2, 1))).toBe(down);
  expect(seen(down, lines(3, 2, 1))).toEqual({ shown: lines(2, 1), waiting: 1 });
  expect(scrolled(down, true, lines(3, 2, 1))).toEqual(NOTHING_HELD);
  const both = paused(down, true, lines(3, 2, 1));
  expect(both.lines).toEqual(lines(2, 1));
  expect(scrolled(both, true, lines(3, 2, 1)).lines).toEqual(lines(2, 1));
});

test("a list that was cleared further down shows what comes", () => {
  const hold = cleared(scrolled(NOTHING_HELD, false, lines(2, 1)));
  expect(seen(hold, lines(3))).toEqual({ shown: lines(3), waiting: 0 });
});
