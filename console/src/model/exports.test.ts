import { expect, test } from "vitest";
import { readDefinition } from "./definition";
import type { Graph } from "./definition";
import { diffCounts, diffDefinitions, diffText } from "./definitionDiff";
import type { DefinitionDiff } from "./definitionDiff";
import { fixture } from "./fixture";
import { mermaid } from "./mermaid";
import { pictureOf } from "./picture";

function graphOf(definition: unknown): Graph {
  const graph = readDefinition(JSON.stringify(definition));
  if (graph === null) throw new Error("it is a definition");
  return graph;
}

test("a diagram of Mermaid has every state, what is inside of which, and where each leads", () => {
  expect(mermaid(graphOf(fixture("flow").definition))).toBe(`stateDiagram-v2
    state "Read order · Pass" as s0
    state "Short wait · Wait#58; $.seconds" as s1
    state "Has items? · Choice" as s2
    state "Each item · Map#58; for each item" as s3 {
        state "Price · Pass" as s4
        state "Tax · Pass" as s5
        [*] --> s4
        s4 --> s5
        s5 --> [*]
    }
    state "Notify · Parallel#58; 2 branches" as s6 {
        state "Mail · Pass" as s7
        [*] --> s7
        s7 --> [*]
        --
        state "Shop · Wait#58; 0 s" as s8
        state "Told · Pass" as s9
        [*] --> s8
        s8 --> s9
        s9 --> [*]
    }
    state "Nothing to do · Pass" as s10
    state "Done · Succeed" as s11
    [*] --> s0
    s0 --> s1
    s1 --> s2
    s2 --> s3 : $.items[0] is present
    s2 --> s10 : otherwise
    s3 --> s6
    s6 --> s11
    s10 --> s11
    s11 --> [*]
`);
});

test("names cannot break out of a diagram or a picture", () => {
  const graph = graphOf({ StartAt: 'a"]\n--> <b>', States: { 'a"]\n--> <b>': { Type: "Succeed" } } });
  expect(mermaid(graph)).toContain('state "a#34;] --#62; #60;b#62; · Succeed" as s0');
  expect(pictureOf(graph, "<t>").svg).toContain("a&quot;] --&gt; &lt;b&gt;");
  expect(pictureOf(graph, "<t>").svg).toContain("<title>&lt;t&gt;</title>");
});

test("a picture has every state and edge, within its size, and nothing from elsewhere", () => {
  const graph = graphOf(fixture("flow").definition);
  const { svg, width, height } = pictureOf(graph, "flow");
  for (const state of graph.states) expect(svg).toContain(`>${state.name}</text>`);
  expect(svg.match(/marker-end/g)?.length).toBe(graph.edges.length);
  expect(svg.replace('xmlns="http://www.w3.org/2000/svg"', "")).not.toMatch(/https?:|style=|href=/);
  for (const [, x = "", y = "", w = "", h = ""] of svg.matchAll(/<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)" rx="8"/g)) {
    expect(Number(x)).toBeGreaterThanOrEqual(0);
    expect(Number(y)).toBeGreaterThanOrEqual(0);
    expect(Number(x) + Number(w)).toBeLessThanOrEqual(width);
    expect(Number(y) + Number(h)).toBeLessThanOrEqual(height);
  }
});

const BEFORE = {
  Comment: "before",
  StartAt: "A",
  States: {
    A: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Parameters: { FunctionName: "F" }, Next: "B" },
    B: { Type: "Map", ItemProcessor: { StartAt: "C", States: { C: { Type: "Pass", End: true } } }, Next: "D" },
    D: { Type: "Pass", Result: 1, Next: "E" },
    E: { Type: "Succeed" },
  },
};

function diff(after: unknown): DefinitionDiff {
  return diffDefinitions(graphOf(BEFORE), graphOf(after), BEFORE, after);
}

test("states that were added, removed and changed are told, with their fields", () => {
  const after = structuredClone(BEFORE) as unknown as { States: Record<string, Record<string, unknown>>; Comment: string };
  after.Comment = "after";
  const { A, B } = after.States;
  if (A === undefined || B === undefined) throw new Error("they are there");
  A["TimeoutSeconds"] = 5;
  A["Next"] = "New";
  B["ItemProcessor"] = { StartAt: "C", States: { C: { Type: "Pass", Result: 2, End: true } } };
  B["Next"] = "E";
  after.States["New"] = { Type: "Wait", Seconds: 1, Next: "B" };
  delete after.States["D"];
  const found = diff(after);
  expect([...found.states.values()].map((state) => `${state.name} ${state.change} ${state.fields.map((field) => `${field.name} ${field.change}`).join(", ")}`.trim())).toEqual([
    "A changed Next changed, TimeoutSeconds added",
    "B changed Next changed",
    "C changed Result added",
    "E same",
    "New added",
    "D removed",
  ]);
  expect(found.fields).toEqual([{ name: "Comment", change: "changed", before: "before", after: "after" }]);
  expect(diffCounts(found)).toEqual({ added: 1, removed: 1, changed: 3 });
  expect(diffText(found)).toBe("States: 1 added, 1 removed, 3 changed");
  // The graph has what was removed too, and says of each edge what became of it.
  expect(found.graph.states.map((state) => state.name)).toEqual(["A", "B", "C", "E", "New", "D"]);
  expect([...found.edges].map(([id, change]) => `${id} ${change}`).toSorted()).toEqual([
    "A>next0>New added",
    "B>next0>E added",
    "New>next0>B added",
    "removed A>next0>B removed",
    "removed B>next0>D removed",
    "removed D>next0>E removed",
  ]);
});

test("a state with another name and the same fields was renamed", () => {
  const after = JSON.parse(JSON.stringify(BEFORE).replaceAll('"D"', '"Renamed"')) as unknown;
  const found = diff(after);
  expect(found.states.get("Renamed")).toMatchObject({ change: "changed", formerName: "D", fields: [] });
  expect(diffCounts(found)).toEqual({ added: 0, removed: 0, changed: 2 });
});

test("another order of members or another layout is no difference", () => {
  const { States, ...rest } = BEFORE;
  const found = diff({ States: { ...States, E: { Type: "Succeed" } }, ...rest });
  expect(diffText(found)).toBe("Both mean the same");
});
