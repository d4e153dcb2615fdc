/** A definition as a state diagram of Mermaid, for a README or a wiki. Pure. */

import type { Graph, StateNode } from "./definition";
import { bodyKey } from "./definition";

/** `stateDiagram-v2` of a graph: Parallel and Map hold what is inside of them. */
export function mermaid(graph: Graph): string {
  const ids = new Map(graph.states.map((state, index) => [state.name, `s${index}`]));
  const inside = new Map<string, StateNode[]>();
  for (const state of graph.states) {
    const key = bodyKey(state.parent, state.branch);
    inside.set(key, [...(inside.get(key) ?? []), state]);
  }
  const lines = ["stateDiagram-v2"];
  const write = (key: string, depth: number): void => {
    const indent = "    ".repeat(depth);
    const states = inside.get(key) ?? [];
    for (const state of states) {
      const id = ids.get(state.name) ?? "";
      const title = described([state.name, state.type + (state.subtitle ? `: ${state.subtitle}` : "")].join(" · "));
      if (!inside.has(bodyKey(state.name, 0))) {
        lines.push(`${indent}state "${title}" as ${id}`);
        continue;
      }
      lines.push(`${indent}state "${title}" as ${id} {`);
      for (let branch = 0; inside.has(bodyKey(state.name, branch)); branch += 1) {
        if (branch > 0) lines.push(`${indent}    --`);
        write(bodyKey(state.name, branch), depth + 1);
      }
      lines.push(`${indent}}`);
    }
    const start = graph.starts.get(key);
    if (start !== undefined && states.some((state) => state.name === start)) lines.push(`${indent}[*] --> ${ids.get(start)}`);
    const here = new Set(states.map((state) => state.name));
    for (const edge of graph.edges) {
      if (!here.has(edge.from) || !here.has(edge.to)) continue;
      const label = edge.kind === "catch" ? `on ${edge.label}` : edge.label;
      lines.push(`${indent}${ids.get(edge.from)} --> ${ids.get(edge.to)}${label ? ` : ${described(label)}` : ""}`);
    }
    for (const state of states) if (state.isEnd) lines.push(`${indent}${ids.get(state.name)} --> [*]`);
  };
  write("", 1);
  return `${lines.join("\n")}\n`;
}

const LABEL_MAX = 80;

/** A text without what Mermaid would understand: as one line, with its entities. */
function described(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  const short = line.length > LABEL_MAX ? `${line.slice(0, LABEL_MAX - 1)}…` : line;
  return short.replace(/[#;"<>{}\\:]/g, (letter) => `#${letter.codePointAt(0)};`);
}
