import { expect, test } from "vitest";
import { readDefinition, ruleText, sharedWith, takenEdges } from "./definition";
import type { Graph } from "./definition";
import { fixture } from "./fixture";
import { readHistory } from "./history";
import { layOut } from "./layout";

function graphOf(name: Parameters<typeof fixture>[0]): Graph {
  const graph = readDefinition(JSON.stringify(fixture(name).definition));
  if (graph === null) throw new Error("it is a definition");
  return graph;
}

test("states know what they are inside of and where they lead", () => {
  const graph = graphOf("flow");
  const inside = graph.states.filter((state) => state.parent !== null).map((state) => `${state.parent}/${state.branch} ${state.name}`);
  expect(inside).toEqual(["Each item/0 Price", "Each item/0 Tax", "Notify/0 Mail", "Notify/1 Shop", "Notify/1 Told"]);
  expect(graph.edges.map((edge) => `${edge.from} -${edge.kind}-> ${edge.to} ${edge.label}`.trim())).toEqual([
    "Read order -next-> Short wait",
    "Short wait -next-> Has items?",
    "Has items? -choice-> Each item $.items[0] is present",
    "Has items? -default-> Nothing to do otherwise",
    "Each item -next-> Notify",
    "Price -next-> Tax",
    "Notify -next-> Done",
    "Shop -next-> Told",
    "Nothing to do -next-> Done",
  ]);
  expect(graph.states.find((state) => state.name === "Told")?.pointer).toBe("/States/Notify/Branches/1/States/Told");
  expect([...graph.starts.values()]).toEqual(["Read order", "Price", "Mail", "Shop"]);
});

test("a draft is drawn as far as it goes", () => {
  expect(readDefinition("{")).toBeNull();
  expect(readDefinition("[]")).toBeNull();
  const draft = readDefinition('{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"Nowhere"},"B":7}}');
  expect(draft?.states.map((state) => state.name)).toEqual(["A"]);
  expect(draft?.edges).toEqual([]);
});

test("a rule is one line", () => {
  expect(ruleText({ Variable: "$.a", NumericGreaterThan: 5 })).toBe("$.a > 5");
  expect(ruleText({ And: [{ Variable: "$.a", IsPresent: true }, { Variable: "$.b", StringEquals: "x" }] })).toBe('$.a is present and $.b = "x"');
  expect(ruleText({ Not: { Variable: "$.a", IsNull: true } })).toBe("not ($.a is null)");
  expect(ruleText({ Condition: "{% $x > 1 %}" })).toBe("$x > 1");
});

test("the edges that were taken are those of the way", () => {
  const graph = graphOf("flow");
  const taken = takenEdges(graph, readHistory(fixture("flow").events).visits);
  expect([...taken].some((id) => id.includes("Nothing to do"))).toBe(false);
  expect(taken.size).toBe(7);
  const caught = takenEdges(graphOf("caught"), readHistory(fixture("caught").events).visits);
  expect([...caught]).toEqual(["Charge>catch0>Apologise"]);
});

test("boxes lie inside their parent and none covers another", () => {
  for (const name of ["flow", "nested", "failing-branch"] as const) {
    const graph = graphOf(name);
    const { boxes } = layOut(graph);
    expect(boxes).toHaveLength(graph.states.length);
    const byName = new Map(boxes.map((box) => [box.name, box]));
    const parentOf = new Map(graph.states.map((state) => [state.name, state.parent]));
    for (const box of boxes) {
      const parent = parentOf.get(box.name) ?? null;
      if (parent !== null) {
        const around = byName.get(parent);
        expect(boxes.indexOf(box), "parents come first").toBeGreaterThan(boxes.findIndex((one) => one.name === parent));
        expect(box.x + box.width).toBeLessThanOrEqual(around?.width ?? 0);
        expect(box.y + box.height).toBeLessThanOrEqual(around?.height ?? 0);
      }
      for (const other of boxes) {
        if (other === box || parentOf.get(other.name) !== parent) continue;
        const isApart = box.x + box.width <= other.x || other.x + other.width <= box.x || box.y + box.height <= other.y || other.y + other.height <= box.y;
        expect(isApart, `${box.name} and ${other.name}`).toBe(true);
      }
    }
  }
});

test("300 states are laid out in less than a second", () => {
  const states: Record<string, unknown> = {};
  for (let index = 0; index < 300; index += 1) {
    const next = `S${index + 1}`;
    states[`S${index}`] =
      index === 299
        ? { Type: "Succeed" }
        : index % 5 === 0
          ? { Type: "Choice", Choices: [{ Variable: "$.x", IsNull: true, Next: `S${Math.min(299, index + 3)}` }], Default: next }
          : { Type: "Pass", Next: next };
  }
  const graph = readDefinition(JSON.stringify({ StartAt: "S0", States: states }));
  if (graph === null) throw new Error("it is a definition");
  const begun = performance.now();
  expect(layOut(graph).boxes).toHaveLength(300);
  expect(performance.now() - begun).toBeLessThan(1_000);
});

test("states that are the same in a later text are the same objects", () => {
  const before = graphOf("flow");
  const text = JSON.stringify(fixture("flow").definition).replace('"Seconds":0', '"Seconds":9');
  const read = readDefinition(text);
  if (read === null) throw new Error("it is a definition");
  const after = sharedWith(read, before);
  expect(after).toEqual(read);
  // What is around a state that was changed holds it, so it is another one too.
  expect(after.states.filter((state) => !before.states.includes(state)).map((state) => state.name)).toEqual(["Notify", "Shop"]);
});
