import { describe, expect, test } from "vitest";
import { diffJson, diffSummary } from "./jsonDiff";

const SIGNS = { same: " ", added: "+", removed: "-", changed: "~" } as const;

/** A comparison as lines of text. */
function drawn(before: unknown, after: unknown, rowsMax?: number): string[] {
  const texts = [before, after].map((value) => (typeof value === "string" ? value : JSON.stringify(value)));
  const diff = diffJson(texts[0] ?? "", texts[1] ?? "", rowsMax);
  return (diff?.rows ?? []).map((row) => {
    const name = row.name === null ? "" : `${row.name}: `;
    const was = row.before === null ? "" : `${row.before} → `;
    const moved = row.movedFrom === null ? "" : ` (was ${row.movedFrom})`;
    return `${SIGNS[row.mark]}${"  ".repeat(row.depth)} ${name}${was}${row.text}${moved}`;
  });
}

test("equal texts are one row, whatever the order of their members", () => {
  expect(drawn({ a: 1, b: [1] }, { b: [1], a: 1 })).toEqual(["  { 2 members }"]);
  expect(diffSummary(diffJson('{"a":1}', '{ "a": 1 }') ?? fail())).toBe("unchanged");
});

test("only what differs is unfolded", () => {
  expect(drawn({ order: { id: 1, lines: [1, 2] }, status: "NEW", gone: true }, { order: { id: 1, lines: [1, 2] }, status: "PAID", charge: 3 })).toEqual([
    "  {",
    "    order: { 2 members }",
    '~   status: "NEW" → "PAID"',
    "-   gone: true",
    "+   charge: 3",
    "  }",
  ]);
});

test("what was there before, elsewhere, is said to be so", () => {
  const order = { id: "order-1006", items: [1, 2, 3] };
  expect(drawn(order, { input: order, at: 1 })).toContain("+   input: { 2 members } (was $)");
  expect(drawn({ a: { "the order": order } }, { b: order.id, c: order })).toEqual([
    "  {",
    "-   a: {",
    "-     the order: {",
    '-       id: "order-1006"',
    "-       items: [",
    "-         0: 1",
    "-         1: 2",
    "-         2: 3",
    "-       ]",
    "-     }",
    "-   }",
    '+   b: "order-1006" (was $.a["the order"].id)',
    '+   c: { 2 members } (was $.a["the order"])',
    "  }",
  ]);
});

describe("arrays", () => {
  test("find what was put in and taken out", () => {
    expect(drawn([1, 2, 3, 4], [1, 3, 4, 5])).toEqual(["  [", "    0: 1", "-   1: 2", "    1: 3", "    2: 4", "+   3: 5", "  ]"]);
  });

  test("compare what stands at the same place", () => {
    expect(drawn([{ id: 1, n: 1 }, { id: 2, n: 1 }], [{ id: 1, n: 1 }, { id: 2, n: 5 }])).toEqual([
      "  [",
      "    0: { 2 members }",
      "    1: {",
      "      id: 2",
      "~     n: 1 → 5",
      "    }",
      "  ]",
    ]);
  });

  test("that are long and share nothing are compared place by place, within the bound of the rows", () => {
    const long = Array.from({ length: 5_000 }, (_, index) => index);
    const diff = diffJson(JSON.stringify(long), JSON.stringify(long.map((item) => -item - 1)));
    expect(diff).toMatchObject({ isCut: true });
    expect(diff?.rows.length).toBe(2_000);
  });
});

test("another kind of value is what was and what is", () => {
  expect(drawn({ a: [1] }, { a: 1 })).toEqual(["  {", "-   a: [", "-     0: 1", "-   ]", "+   a: 1", "  }"]);
  expect(drawn('"x"', "null")).toEqual(['~ "x" → null']);
});

test("digits that a double would lose count", () => {
  expect(drawn('{"id":12345678901234567890}', '{"id":12345678901234567891}')).toContain("~   id: 12345678901234567890 → 12345678901234567891");
});

test("names of members mean nothing", () => {
  expect(drawn('{"__proto__":1}', '{"__proto__":2,"constructor":3}')).toEqual(["  {", "~   __proto__: 1 → 2", "+   constructor: 3", "  }"]);
});

test("an item that moved is taken out and put in", () => {
  expect(drawn([1, 2, 3], [3, 1, 2])).toEqual(["  [", "+   0: 3", "    1: 1", "    2: 2", "-   2: 3", "  ]"]);
});

test("what is no JSON is not compared, and the rows have a bound", () => {
  expect(diffJson("{", "{}")).toBeNull();
  expect(diffJson(`"${"x".repeat(1024 * 1024)}"`, "{}")).toBeNull();
  const rows = drawn({}, Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, index])), 10);
  expect(rows).toHaveLength(10);
});

test("a payload of 256 KiB takes well below a second", () => {
  const items = Array.from({ length: 2_600 }, (_, index) => ({ id: index, name: `product ${index}`, tags: ["a", "b", index % 7], price: index * 1.5, isNew: index % 2 === 0 }));
  const before = JSON.stringify({ items });
  expect(before.length).toBeGreaterThan(200 * 1024);
  const after = JSON.stringify({ items: items.filter((item) => item.id % 100 !== 3).map((item) => (item.id % 50 === 0 ? { ...item, price: 0 } : item)), total: 4 });
  // The shortest of some tries: a busy machine stops any of them.
  const tries = Array.from({ length: 4 }, () => {
    const begun = performance.now();
    const diff = diffJson(before, after);
    return { diff, took: performance.now() - begun };
  });
  expect(Math.min(...tries.map((one) => one.took))).toBeLessThan(1_000);
  const diff = tries[0]?.diff;
  expect(diff && diffSummary(diff)).toBe("1 added, 26 removed, 51 changed");
});

function fail(): never {
  throw new Error("nothing to compare");
}
