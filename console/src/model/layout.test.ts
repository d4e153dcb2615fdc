import { expect, test } from "vitest";
import { readDefinition } from "./definition";
import type { Graph } from "./definition";
import { layOut, shapeOf, viewOf } from "./layout";

/** A long machine: most states can fail to one handler at its end, some go far ahead, some back to the beginning. */
function large(count: number): Graph {
  const states = Array.from({ length: count }, (_, index): [string, object] => {
    const next = index + 1 < count ? { Next: `S${index + 1}` } : { End: true };
    if (index % 7 !== 3 || index + 9 >= count) return [`S${index}`, { Type: "Task", Resource: "r", ...next, Catch: [{ ErrorEquals: ["States.ALL"], Next: `S${count - 1}` }] }];
    const rules = [index + 5, index + 9, 0].map((to) => ({ Variable: "$.a", IsPresent: true, Next: `S${to}` }));
    return [`S${index}`, { Type: "Choice", Choices: rules, Default: `S${index + 1}` }];
  });
  const graph = readDefinition(JSON.stringify({ StartAt: "S0", States: Object.fromEntries(states) }));
  if (graph === null) throw new Error("it is a definition");
  return graph;
}

test("a large machine is laid out from top to bottom, no state over another", () => {
  const { boxes } = layOut(large(300));
  expect(boxes.length).toBe(300);
  const places = new Map(boxes.map((box) => [box.name, box]));
  for (let index = 1; index < 300; index += 1) expect(places.get(`S${index}`)?.y).toBeGreaterThan(places.get(`S${index - 1}`)?.y ?? 0);
  for (const [at, a] of boxes.entries()) {
    for (const b of boxes.slice(at + 1)) {
      const isApart = a.x + a.width <= b.x || b.x + b.width <= a.x || a.y + a.height <= b.y || b.y + b.height <= a.y;
      expect(isApart).toBe(true);
    }
  }
});

test("what does not move a state leaves the shape of a graph as it is", () => {
  const read = (next: string, seconds: number): string => {
    const graph = readDefinition(JSON.stringify({ StartAt: "A", States: { A: { Type: "Wait", Seconds: seconds, Next: next }, B: { Type: "Succeed" }, C: { Type: "Succeed" } } }));
    return graph === null ? "" : shapeOf(graph);
  };
  expect(read("B", 1)).toBe(read("B", 2));
  expect(read("B", 1)).not.toBe(read("C", 1));
});

test("a graph is seen whole, or from its beginning where whole would be too small to read", () => {
  const few = layOut(large(4));
  const whole = viewOf(few, 600, 500);
  expect(whole.isWhole).toBe(true);
  expect(few.height * whole.zoom).toBeLessThanOrEqual(500);
  const part = viewOf(layOut(large(300)), 600, 500);
  expect(part).toMatchObject({ isWhole: false, y: 20 });
  expect(part.zoom).toBeGreaterThan(0.3);
});
