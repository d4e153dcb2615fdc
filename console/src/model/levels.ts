/** The levels of a definition, and what leads where within each. A level is the machine, a branch, or a Map's processor. */

import { token } from "./definition";
import type { EdgeKind } from "./definition";
import { isObj } from "./pointerEdits";
import type { Obj } from "./pointerEdits";

export interface Level {
  /** The object with `StartAt` and `States`. */
  readonly fields: Obj;
  readonly pointer: string;
  /** The Parallel or Map that it is inside of. */
  readonly owner: string | null;
  readonly branch: number;
}

export interface Located {
  readonly level: Level;
  readonly name: string;
  readonly state: Obj;
  readonly pointer: string;
}

/** Something that leads to a state; it can be led elsewhere. */
export interface Reference {
  /** `null` for `StartAt`. */
  readonly from: string | null;
  readonly kind: EdgeKind | "start";
  /** Of the rule or catcher; 0 otherwise. */
  readonly index: number;
  readonly to: string;
  readonly lead: (to: string) => void;
  /** Takes the rule, catcher, `Default` or `Next` away; what had a `Next` ends then. */
  readonly cut: () => void;
}

export const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
export const textOf = (value: unknown): string | null => (typeof value === "string" ? value : null);

export const statesOf = (level: Level): Obj => {
  if (!isObj(level.fields["States"])) level.fields["States"] = {};
  return level.fields["States"] as Obj;
};

/** Every level, the machine first, an outer one before those inside of it. */
export function levelsOf(definition: Obj): Level[] {
  const levels: Level[] = [];
  add(definition, "", null, 0, levels);
  return levels;
}

function add(fields: Obj, pointer: string, owner: string | null, branch: number, levels: Level[]): void {
  levels.push({ fields, pointer, owner, branch });
  if (!isObj(fields["States"])) return;
  for (const [name, state] of Object.entries(fields["States"])) {
    if (!isObj(state)) continue;
    for (const [at, inner] of innerOf(state)) add(inner, `${pointer}/States/${token(name)}/${at}`, name, Number(at.split("/")[1] ?? 0), levels);
  }
}

/** The bodies of a state, each with its pointer from there. */
export function innerOf(state: Obj): [at: string, fields: Obj][] {
  const inner: [string, Obj][] = listOf(state["Branches"]).flatMap((branch, index): [string, Obj][] => (isObj(branch) ? [[`Branches/${index}`, branch]] : []));
  for (const member of ["ItemProcessor", "Iterator"]) {
    const fields = state[member];
    if (isObj(fields)) inner.push([member, fields]);
  }
  return inner;
}

export function locate(definition: Obj, name: string): Located | null {
  for (const level of levelsOf(definition)) {
    const states = level.fields["States"];
    const state = isObj(states) && Object.hasOwn(states, name) ? states[name] : undefined;
    if (isObj(state)) return { level, name, state, pointer: `${level.pointer}/States/${token(name)}` };
  }
  return null;
}

export function allNames(definition: Obj): Set<string> {
  return new Set(levelsOf(definition).flatMap((level) => (isObj(level.fields["States"]) ? Object.keys(level.fields["States"]) : [])));
}

/** A name that no state has yet, as AWS's own editor makes them: `Pass`, `Pass (1)`. */
export function freeName(taken: ReadonlySet<string>, base: string): string {
  if (!taken.has(base)) return base;
  const stem = base.replace(/ \(\d+\)$/, "");
  for (let number = 1; ; number += 1) {
    const name = `${stem} (${number})`;
    if (!taken.has(name)) return name;
  }
}

/** Everything in a level that leads to a state of it, or should. */
export function referencesOf(level: Level): Reference[] {
  const references: Reference[] = [];
  const start = textOf(level.fields["StartAt"]);
  if (start !== null && start !== "") {
    references.push({ from: null, kind: "start", index: 0, to: start, lead: (to) => (level.fields["StartAt"] = to), cut: () => (level.fields["StartAt"] = "") });
  }
  for (const [name, state] of Object.entries(isObj(level.fields["States"]) ? level.fields["States"] : {})) {
    if (isObj(state)) references.push(...leaving(name, state));
  }
  return references;
}

/** Where a state leads. */
export function leaving(from: string, state: Obj): Reference[] {
  const references: Reference[] = [];
  const next = textOf(state["Next"]);
  if (next !== null) references.push({ from, kind: "next", index: 0, to: next, lead: (to) => (state["Next"] = to), cut: () => endAt(state) });
  const inList = (member: "Choices" | "Catch", kind: EdgeKind): void => {
    listOf(state[member]).forEach((item, index) => {
      if (!isObj(item)) return;
      const to = textOf(item["Next"]);
      if (to === null) return;
      const cut = (): void => {
        const rest = listOf(state[member]).filter((one) => one !== item);
        if (rest.length > 0 || member === "Choices") state[member] = rest;
        else delete state[member];
      };
      references.push({ from, kind, index, to, lead: (target) => (item["Next"] = target), cut });
    });
  };
  inList("Choices", "choice");
  const otherwise = textOf(state["Default"]);
  if (otherwise !== null) {
    references.push({ from, kind: "default", index: 0, to: otherwise, lead: (to) => (state["Default"] = to), cut: () => delete state["Default"] });
  }
  inList("Catch", "catch");
  return references;
}

/** Makes a state the last one, whatever it led to. */
export function endAt(state: Obj): void {
  const had = "Next" in state;
  delete state["Next"];
  if (had || state["End"] !== true) state["End"] = true;
}

export const isTerminal = (state: Obj): boolean => state["Type"] === "Succeed" || state["Type"] === "Fail";
export const isChoice = (state: Obj): boolean => state["Type"] === "Choice";

/** What is loose: what leads nowhere, and what nothing leads to; a sentence each. */
export function looseEnds(definition: Obj): string[] {
  const loose: string[] = [];
  for (const level of levelsOf(definition)) {
    const names = Object.keys(isObj(level.fields["States"]) ? level.fields["States"] : {});
    const known = new Set(names);
    const references = referencesOf(level);
    for (const { from, to, kind } of references) {
      if (!known.has(to)) loose.push(`${from === null ? "StartAt" : `“${from}”`} leads to “${to}”, which is not in its level (${WORDS[kind]}).`);
    }
    const reached = reachable(references);
    for (const name of names) if (!reached.has(name)) loose.push(`Nothing leads to “${name}”.`);
  }
  return loose;
}

export const WORDS: Readonly<Record<Reference["kind"], string>> = { start: "StartAt", next: "Next", default: "Default", choice: "a choice rule", catch: "a catcher" };

function reachable(references: readonly Reference[]): Set<string> {
  const from = new Map<string | null, string[]>();
  for (const reference of references) from.set(reference.from, [...(from.get(reference.from) ?? []), reference.to]);
  const reached = new Set<string>();
  const open = [...(from.get(null) ?? [])];
  for (let name = open.pop(); name !== undefined; name = open.pop()) {
    if (reached.has(name)) continue;
    reached.add(name);
    open.push(...(from.get(name) ?? []));
  }
  return reached;
}
