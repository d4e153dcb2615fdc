/** What differs between two definitions, by state. Pure. */

import type { Edge, Graph, StateNode } from "./definition";
import { isFields } from "./json";
import { isSame } from "./pointerEdits";

export type Change = "added" | "removed" | "changed" | "same";

export interface FieldChange {
  readonly name: string;
  readonly change: Exclude<Change, "same">;
  readonly before: unknown;
  readonly after: unknown;
}

interface StateChange {
  readonly name: string;
  readonly type: string;
  readonly change: Change;
  /** The name that the state had, where it is another one. */
  readonly formerName: string | null;
  readonly fields: readonly FieldChange[];
}

export interface DefinitionDiff {
  /** Of every state of both, in the order of the later one. */
  readonly states: ReadonlyMap<string, StateChange>;
  /** What differs outside of states. */
  readonly fields: readonly FieldChange[];
  /** Both definitions as one graph: what was removed is in its old place. */
  readonly graph: Graph;
  readonly edges: ReadonlyMap<string, Exclude<Change, "changed">>;
}

/** Compares two definitions. `before` and `after` are their values, for what is outside of states. */
export function diffDefinitions(before: Graph, after: Graph, beforeValue: unknown, afterValue: unknown): DefinitionDiff {
  const old = new Map(before.states.map((state) => [state.name, state]));
  const states = new Map<string, StateChange>();
  const gone = before.states.filter((state) => !after.states.some((one) => one.name === state.name));
  const renamed = new Map<string, StateNode>();
  for (const state of after.states) {
    if (old.has(state.name)) continue;
    // The same fields under another name: a state was renamed, if there is no doubt about which.
    const like = gone.filter((one) => isSame(one.fields, state.fields) && ![...renamed.values()].includes(one));
    if (like.length === 1 && like[0] && Object.keys(state.fields).length > 2) renamed.set(state.name, like[0]);
  }
  for (const state of after.states) {
    const former = old.get(state.name) ?? renamed.get(state.name);
    if (former === undefined) {
      states.set(state.name, { name: state.name, type: state.type, change: "added", formerName: null, fields: [] });
      continue;
    }
    const fields = [...fieldChanges(ownFields(former), ownFields(state)), ...moved(former, state)];
    const formerName = former.name === state.name ? null : former.name;
    states.set(state.name, { name: state.name, type: state.type, change: fields.length > 0 || formerName !== null ? "changed" : "same", formerName, fields });
  }
  const formers = new Set([...renamed.values()].map((state) => state.name));
  const removed = gone.filter((state) => !formers.has(state.name));
  for (const state of removed) states.set(state.name, { name: state.name, type: state.type, change: "removed", formerName: null, fields: [] });
  return { states, fields: fieldChanges(outside(beforeValue), outside(afterValue)), ...joined(before, after, removed) };
}

/** Both graphs in one. */
function joined(before: Graph, after: Graph, removed: readonly StateNode[]): Pick<DefinitionDiff, "graph" | "edges"> {
  const there = new Set(after.states.map((state) => state.name));
  const kept = new Set([...there, ...removed.map((state) => state.name)]);
  // What was inside of something that is no longer there, or was renamed, is shown outside of all.
  const states = [...after.states, ...removed.map((state) => (state.parent === null || kept.has(state.parent) ? state : { ...state, parent: null, branch: 0 }))];
  const key = (edge: Edge): string => `${edge.from}\n${edge.to}\n${edge.kind}\n${edge.label}`;
  const [old, now] = [new Set(before.edges.map(key)), new Set(after.edges.map(key))];
  const edges = new Map<string, Exclude<Change, "changed">>();
  for (const edge of after.edges) edges.set(edge.id, old.has(key(edge)) ? "same" : "added");
  const lost = before.edges.filter((edge) => !now.has(key(edge)) && kept.has(edge.from) && kept.has(edge.to)).map((edge) => ({ ...edge, id: `removed ${edge.id}` }));
  for (const edge of lost) edges.set(edge.id, "removed");
  return { graph: { ...after, states, edges: [...after.edges, ...lost] }, edges };
}

/** The fields of a state without the states inside it, which are told by themselves. */
function ownFields({ fields }: StateNode): Record<string, unknown> {
  const own: Record<string, unknown> = { ...fields };
  for (const name of ["ItemProcessor", "Iterator"]) if (own[name] !== undefined) own[name] = withoutStates(own[name]);
  if (Array.isArray(own["Branches"])) own["Branches"] = own["Branches"].map(withoutStates);
  return own;
}

function withoutStates(body: unknown): unknown {
  return isFields(body) ? Object.fromEntries(Object.entries(body).filter(([name]) => name !== "States")) : body;
}

function outside(value: unknown): Record<string, unknown> {
  return isFields(value) ? (withoutStates(value) as Record<string, unknown>) : {};
}

function moved(before: StateNode, after: StateNode): FieldChange[] {
  if (before.parent === after.parent && before.branch === after.branch) return [];
  const place = (state: StateNode): string => (state.parent === null ? "the machine" : `${state.parent}, ${state.branch + 1}`);
  return [{ name: "(inside of)", change: "changed", before: place(before), after: place(after) }];
}

function fieldChanges(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): FieldChange[] {
  const names = [...new Set([...Object.keys(after), ...Object.keys(before)])];
  return names.flatMap((name): FieldChange[] => {
    const [old, now] = [before[name], after[name]];
    if (isSame(old, now)) return [];
    return [{ name, change: old === undefined ? "added" : now === undefined ? "removed" : "changed", before: old, after: now }];
  });
}

/** How many states were added, removed and changed. */
export function diffCounts(diff: DefinitionDiff): Readonly<Record<Exclude<Change, "same">, number>> {
  const counts = { added: 0, removed: 0, changed: 0 };
  for (const { change } of diff.states.values()) if (change !== "same") counts[change] += 1;
  return counts;
}

/** In few words: `1 state added, 2 changed`. */
export function diffText(diff: DefinitionDiff): string {
  const counts = diffCounts(diff);
  const parts = (["added", "removed", "changed"] as const).filter((change) => counts[change] > 0).map((change) => `${counts[change]} ${change}`);
  if (parts.length > 0) return `States: ${parts.join(", ")}`;
  return diff.fields.length > 0 ? "No state differs, but the definition around them" : "Both mean the same";
}
