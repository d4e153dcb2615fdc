/**
 * Edits of a definition's graph: add, connect, move, delete, duplicate, rename, wrap.
 *
 * Each is worked out on a copy of the definition, and told as the edits that make the one of the other. Whatever comes
 * loose by it is told too. Names are of states: they are unique in a machine.
 */

import type { EdgeKind } from "./definition";
import { allNames, endAt, freeName, innerOf, isChoice, isTerminal, leaving, levelsOf, listOf, locate, looseEnds, referencesOf, statesOf, textOf, WORDS } from "./levels";
import type { Level, Located, Reference } from "./levels";
import { paletteItem } from "./newStates";
import type { Language } from "./newStates";
import { difference, isObj, put, withEdits } from "./pointerEdits";
import type { Obj, OwnEdit } from "./pointerEdits";

export interface Change {
  readonly edits: readonly OwnEdit[];
  /** What was done, for the history: `Add Wait`. */
  readonly label: string;
  /** The state to be chosen now. */
  readonly select: string | null;
  /** What else came of it: sentences. */
  readonly notes: readonly string[];
}

/** Why nothing was done. */
export interface Refused {
  readonly problem: string;
}

export const isRefused = (outcome: Change | Refused): outcome is Refused => "problem" in outcome;

export type Place =
  | { readonly kind: "after" | "before"; readonly name: string }
  | { readonly kind: "edge"; readonly from: string; readonly edge: EdgeKind; readonly index: number }
  /** At the end of a branch or processor; the branch after the last one is made. */
  | { readonly kind: "inside"; readonly owner: string; readonly branch: number }
  /** At the start or the end of the machine's way. */
  | { readonly kind: "start" | "end" }
  /** In the machine, connected to nothing. */
  | { readonly kind: "alone" };

/** How one state leads to another. `index` of a rule or catcher that there is; without it a new one is made. */
interface Connection {
  readonly kind: EdgeKind;
  readonly index?: number;
}

/** Most characters of a state's name. AWS: 80. */
const NAME_MAX = 80;

class Refusal extends Error {}
const refuse = (problem: string): never => {
  throw new Refusal(problem);
};

interface Work {
  readonly definition: Obj;
  readonly notes: string[];
}

function changed(definition: Obj, label: string, work: (copy: Work) => string | null, first: readonly OwnEdit[] = []): Change | Refused {
  const renamed = withEdits(definition, first) as Obj;
  const copy: Work = { definition: structuredClone(renamed), notes: [] };
  try {
    const select = work(copy);
    const before = new Set(looseEnds(renamed));
    const loose = looseEnds(copy.definition).filter((end) => !before.has(end));
    return { edits: [...first, ...difference(renamed, copy.definition)], label, select, notes: [...copy.notes, ...loose] };
  } catch (reason) {
    if (reason instanceof Refusal) return { problem: reason.message };
    throw reason;
  }
}

const found = (definition: Obj, name: string): Located => locate(definition, name) ?? refuse(`There is no state “${name}”.`);

/** The query language of a state, or of the machine. */
export function languageOf(definition: Obj, state?: Readonly<Obj>): Language {
  const said = state?.["QueryLanguage"] ?? definition["QueryLanguage"];
  return said === "JSONata" ? "JSONata" : "JSONPath";
}

/** Adds a state of the palette. */
export function addState(definition: Obj, itemId: string, place: Place): Change | Refused {
  const item = paletteItem(itemId);
  if (item === undefined) return { problem: `“${itemId}” is not in the palette.` };
  return changed(definition, `Add ${item.title}`, (copy) => {
    const taken = allNames(copy.definition);
    const free = (base: string): string => {
      const name = freeName(taken, base);
      taken.add(name);
      return name;
    };
    const name = free(item.base);
    insert(copy, name, item.make(languageOf(copy.definition), free), place);
    return name;
  });
}

/** Puts a state where it belongs, and leads it to what was there. `way` is the edge of the place, if it was found before. */
function insert(copy: Work, name: string, state: Obj, place: Place, way: Reference | null = null): void {
  const { definition } = copy;
  const enter = (level: Level, after?: string): void => {
    level.fields["States"] = put(statesOf(level), name, state, after);
  };
  switch (place.kind) {
    case "after": {
      const { level, state: before } = found(definition, place.name);
      if (isTerminal(before)) refuse(`“${place.name}” is a ${textOf(before["Type"])}: nothing comes after it.`);
      const member = isChoice(before) ? "Default" : "Next";
      enter(level, place.name);
      follow(copy, level, name, state, textOf(before[member]));
      delete before["End"];
      before[member] = name;
      return;
    }
    case "edge": {
      const { level } = found(definition, place.from);
      const reference = way ?? edgeOf(definition, place);
      enter(level, place.from);
      reference.lead(name);
      return follow(copy, level, name, state, reference.to);
    }
    case "before": {
      const { level } = found(definition, place.name);
      // A state that leads to itself still does.
      const into = referencesOf(level).filter((one) => one.to === place.name && one.from !== place.name);
      enter(level);
      for (const reference of into) reference.lead(name);
      return follow(copy, level, name, state, place.name);
    }
    case "inside":
      return insertAtEnd(copy, branchOf(definition, place.owner, place.branch), name, state);
    case "start": {
      const level = levelsOf(definition)[0] as Level;
      const start = textOf(level.fields["StartAt"]);
      if (start !== null && Object.hasOwn(statesOf(level), start)) return insert(copy, name, state, { kind: "before", name: start });
      return insertAtEnd(copy, level, name, state);
    }
    case "end":
      return insertAtEnd(copy, levelsOf(definition)[0] as Level, name, state);
    case "alone": {
      const level = levelsOf(definition)[0] as Level;
      if (Object.keys(statesOf(level)).length === 0) return insertAtEnd(copy, level, name, state);
      enter(level);
      return follow(copy, level, name, state, null);
    }
  }
}

/** The level of a branch; the one after the last is made. */
function branchOf(definition: Obj, owner: string, branch: number): Level {
  const { state } = found(definition, owner);
  if (state["Type"] === "Parallel") {
    const branches = listOf(state["Branches"]);
    if (branch >= branches.length) state["Branches"] = [...branches, { StartAt: "", States: {} }];
  } else if (state["Type"] === "Map") {
    if (innerOf(state).length === 0) state["ItemProcessor"] = { ProcessorConfig: { Mode: "INLINE" }, StartAt: "", States: {} };
  } else refuse(`“${owner}” is no Parallel and no Map: nothing goes inside of it.`);
  const at = Math.min(branch, innerOf(state).length - 1);
  return levelsOf(definition).find((level) => level.owner === owner && level.branch === at) ?? refuse(`“${owner}” has no branch ${branch}.`);
}

/** After the last state of a level's way. */
function insertAtEnd(copy: Work, level: Level, name: string, state: Obj): void {
  const states = statesOf(level);
  let last = textOf(level.fields["StartAt"]);
  if (last === null || !isObj(states[last])) {
    level.fields["States"] = put(states, name, state);
    level.fields["StartAt"] = name;
    return follow(copy, level, name, state, null);
  }
  for (const seen = new Set([last]); ; seen.add(last)) {
    const next: string | null = successor(states[last] as Obj);
    if (next === null || seen.has(next) || !isObj(states[next])) break;
    last = next;
  }
  const end = states[last] as Obj;
  // Where a Succeed or Fail ends the way, the new state comes before it.
  return insert(copy, name, state, { kind: isTerminal(end) ? "before" : "after", name: last });
}

/** Leads a state to another, or to the end. */
function follow(copy: Work, level: Level, name: string, state: Obj, to: string | null): void {
  if (isTerminal(state)) return;
  if (!isChoice(state)) {
    delete state["Next"];
    delete state["End"];
    if (to === null) state["End"] = true;
    else state["Next"] = to;
    return;
  }
  let target = to;
  if (target === null) {
    // A Choice cannot be the end: it must lead somewhere.
    target = freeName(allNames(copy.definition), "Success");
    level.fields["States"] = put(statesOf(level), target, { Type: "Succeed" }, name);
    copy.notes.push(`A Choice cannot be the last state: “${target}” comes after it.`);
  }
  for (const rule of listOf(state["Choices"])) if (isObj(rule) && textOf(rule["Next"]) === null) rule["Next"] = target;
  state["Default"] = target;
}

/** Where the way goes on after a state. */
function successor(state: Obj): string | null {
  if (!isChoice(state)) return textOf(state["Next"]);
  const rule = listOf(state["Choices"]).find(isObj);
  return textOf(state["Default"]) ?? (rule === undefined ? null : textOf(rule["Next"]));
}

/** Leads one state to another. */
export function connect(definition: Obj, from: string, to: string, connection?: Connection): Change | Refused {
  return changed(definition, `Connect ${from} to ${to}`, (copy) => {
    const { level, state } = found(copy.definition, from);
    const target = found(copy.definition, to);
    if (target.level.pointer !== level.pointer) refuse(`“${from}” and “${to}” are not in the same level: a state leads only to states of its own branch.`);
    if (isTerminal(state)) refuse(`“${from}” is a ${textOf(state["Type"])}: it leads nowhere.`);
    const { kind, index } = connection ?? { kind: ownKind(state) };
    if (kind === "next" || kind === "default") {
      if ((kind === "default") !== isChoice(state)) refuse(isChoice(state) ? "A Choice has a Default and rules, no Next." : "Only a Choice has a Default.");
      const member = kind === "next" ? "Next" : "Default";
      delete state["End"];
      state[member] = to;
      return from;
    }
    const member = kind === "choice" ? "Choices" : "Catch";
    if (kind === "choice" && !isChoice(state)) refuse("Only a Choice has rules.");
    if (kind === "catch" && !["Task", "Parallel", "Map"].includes(textOf(state["Type"]) ?? "")) refuse(`A ${textOf(state["Type"])} catches nothing.`);
    const items = listOf(state[member]);
    const item = index === undefined ? undefined : items[index];
    if (isObj(item)) item["Next"] = to;
    else state[member] = [...items, kind === "choice" ? newRule(languageOf(copy.definition, state), to) : { ErrorEquals: ["States.ALL"], Next: to }];
    return from;
  });
}

/** What a connection from a state is, if nobody says. */
function ownKind(state: Obj): EdgeKind {
  if (!isChoice(state)) return "next";
  return textOf(state["Default"]) === null ? "default" : "choice";
}

export const newRule = (language: Language, next: string): Obj =>
  language === "JSONata" ? { Condition: "{% $exists($states.input.value) %}", Next: next } : { Variable: "$.value", IsPresent: true, Next: next };

/** Takes a connection away. */
export function disconnect(definition: Obj, from: string, kind: EdgeKind, index: number): Change | Refused {
  return changed(definition, `Disconnect ${from}`, (copy) => {
    const { state } = found(copy.definition, from);
    const reference = leaving(from, state).find((one) => one.kind === kind && one.index === index);
    if (reference === undefined) return refuse(`“${from}” does not lead anywhere there.`);
    reference.cut();
    if (kind === "next") copy.notes.push(`“${from}” is the end now.`);
    if (kind === "choice" && listOf(state["Choices"]).length === 0) copy.notes.push(`“${from}” has no rule left; a Choice needs one.`);
    return from;
  });
}

/** Takes a state out of its level: what led to it leads to what it led to. Tells what that was. */
function take(copy: Work, name: string): Located & { readonly ledTo: readonly string[] } {
  const located = found(copy.definition, name);
  const { level, state } = located;
  const next = successor(state);
  const target = next === name || next === null || !isObj(statesOf(level)[next]) ? null : next;
  const into = referencesOf(level).filter((one) => one.to === name && one.from !== name);
  const { [name]: _, ...rest } = statesOf(level);
  level.fields["States"] = rest;
  const ledTo = into.map((reference) => heal(reference, target, rest));
  return { ...located, ledTo };
}

const GONE = "was taken away: it led nowhere else.";

function heal(reference: Reference, next: string | null, rest: Obj): string {
  // What led around in a circle would go on forever.
  const target = next === reference.from ? null : next;
  const who = reference.from === null ? "StartAt" : `“${reference.from}” (${WORDS[reference.kind]})`;
  const to = target ?? (reference.kind === "start" ? (Object.keys(rest)[0] ?? null) : null);
  if (to !== null) {
    reference.lead(to);
    return `${who} leads to “${to}” now.`;
  }
  reference.cut();
  if (reference.kind === "start") return "Nothing is left in the level.";
  return reference.kind === "next" ? `“${reference.from}” is the end now.` : `${who} ${GONE}`;
}

/** Deletes states; the way goes on without them. */
export function deleteStates(definition: Obj, names: readonly string[]): Change | Refused {
  return changed(definition, names.length === 1 ? `Delete ${names[0]}` : `Delete ${names.length} states`, (copy) => {
    let near: string | null = null;
    for (const name of names) {
      const located = locate(copy.definition, name);
      // What was inside of another that is deleted is gone with it.
      if (located === null) continue;
      const { ledTo, level, state } = take(copy, name);
      copy.notes.push(...ledTo);
      near = successor(state) ?? level.owner;
      if (Object.keys(statesOf(level)).length === 0 && level.owner !== null) dropBranch(copy, level);
    }
    if (copy.notes.length > 0) copy.notes.unshift(`Deleted ${names.map((name) => `“${name}”`).join(", ")}.`);
    return near !== null && locate(copy.definition, near) !== null ? near : null;
  });
}

/** A branch without a state is not valid: it goes too, unless it is the last one. */
function dropBranch(copy: Work, level: Level): void {
  const { state } = found(copy.definition, level.owner as string);
  const branches = listOf(state["Branches"]);
  if (branches.length > 1) {
    state["Branches"] = branches.toSpliced(level.branch, 1);
    copy.notes.push(`Branch ${level.branch + 1} of “${level.owner}” is gone with its last state.`);
  } else copy.notes.push(`“${level.owner}” has nothing inside now; it needs a state.`);
}

/** Moves a state elsewhere; the way that it leaves goes on without it. */
export function moveState(definition: Obj, name: string, place: Place): Change | Refused {
  return changed(definition, `Move ${name}`, (copy) => {
    if (("name" in place && place.name === name) || ("from" in place && place.from === name)) refuse(`“${name}” is there already.`);
    const { state, level } = found(copy.definition, name);
    const inside = new Set(innerNames(state));
    const there = "name" in place ? place.name : "from" in place ? place.from : "owner" in place ? place.owner : null;
    if (there !== null && (inside.has(there) || there === name)) refuse(`“${name}” cannot go inside of itself.`);
    // What is taken away may count among the rules and catchers before the edge: it is found first.
    const way = place.kind === "edge" ? edgeOf(copy.definition, place) : null;
    if (way?.to === name) refuse(`“${name}” is there already.`);
    copy.notes.push(...take(copy, name).ledTo.filter((sentence) => sentence.endsWith(GONE)));
    if (isTerminal(state)) copy.notes.push(`“${name}” ends what comes to it.`);
    const to = levelOf(copy.definition, place);
    if (to !== level.pointer) outOfLevel(copy, name, state);
    if (Object.keys(statesOf(level)).length === 0 && level.owner !== null) dropBranch(copy, level);
    insert(copy, name, state, place, way);
    return name;
  });
}

function edgeOf(definition: Obj, { from, edge, index }: Place & { kind: "edge" }): Reference {
  const { state } = found(definition, from);
  return leaving(from, state).find((one) => one.kind === edge && one.index === index) ?? refuse(`“${from}” does not lead anywhere there.`);
}

function levelOf(definition: Obj, place: Place): string {
  if (place.kind === "inside") return `${found(definition, place.owner).pointer}/${place.branch}`;
  if ("from" in place) return found(definition, place.from).level.pointer;
  return "name" in place ? found(definition, place.name).level.pointer : "";
}

/** What a state led to in its old level it cannot lead to in another. */
function outOfLevel(copy: Work, name: string, state: Obj): void {
  if (isChoice(state)) refuse(`“${name}” is a Choice: its rules lead to states of its own level, which it cannot leave.`);
  for (const reference of leaving(name, state).toReversed()) {
    if (reference.kind !== "catch") continue;
    reference.cut();
    copy.notes.push(`A catcher of “${name}” led to “${reference.to}”, in another level: it was taken away.`);
  }
}

/** The names of every state inside of a state. */
function innerNames(state: Obj): string[] {
  return innerOf(state).flatMap(([, fields]) => [...allNames(fields)]);
}

/** Moves a state along its way: before the one before it, or after the one after it. */
export function moveAlong(definition: Obj, name: string, by: -1 | 1): Change | Refused {
  const located = locate(definition, name);
  if (located === null) return { problem: `There is no state “${name}”.` };
  if (by === 1) {
    const next = successor(located.state);
    if (next === null || next === name) return { problem: `“${name}” is the last of its way.` };
    return moveState(definition, name, { kind: "after", name: next });
  }
  const into = referencesOf(located.level).filter((one) => one.to === name && one.from !== null && one.from !== name);
  const before = (into.find((one) => one.kind === "next") ?? into.find((one) => one.kind !== "catch") ?? into[0])?.from;
  if (before === undefined || before === null) return { problem: `“${name}” is the first of its way.` };
  return moveState(definition, name, { kind: "before", name: before });
}

/** A copy of a state, with everything inside of it, after it. */
export function duplicate(definition: Obj, name: string): Change | Refused {
  return changed(definition, `Duplicate ${name}`, (copy) => {
    const { state, level } = found(copy.definition, name);
    const taken = allNames(copy.definition);
    const twin = freeName(taken, name);
    taken.add(twin);
    const twinState = structuredClone(state);
    renameInside(twinState, taken);
    if (isTerminal(state)) level.fields["States"] = put(statesOf(level), twin, twinState, name);
    else insert(copy, twin, twinState, { kind: "after", name });
    return twin;
  });
}

/** New names for all that is inside of a copy. */
function renameInside(state: Obj, taken: Set<string>): void {
  for (const level of innerOf(state).map(([, fields]): Level => ({ fields, pointer: "", owner: null, branch: 0 }))) {
    const names = new Map<string, string>();
    for (const name of Object.keys(statesOf(level))) {
      const fresh = freeName(taken, name);
      taken.add(fresh);
      names.set(name, fresh);
    }
    for (const reference of referencesOf(level)) reference.lead(names.get(reference.to) ?? reference.to);
    level.fields["States"] = Object.fromEntries(Object.entries(statesOf(level)).map(([name, inner]) => [names.get(name) ?? name, inner]));
    for (const inner of Object.values(statesOf(level))) if (isObj(inner)) renameInside(inner, taken);
  }
}

/** Gives a state another name, and tells it to everything that leads to it. */
export function rename(definition: Obj, name: string, to: string): Change | Refused {
  if (to === name) return { edits: [], label: "", select: name, notes: [] };
  const located = locate(definition, name);
  if (located === null) return { problem: `There is no state “${name}”.` };
  if (to.trim() === "") return { problem: "A state needs a name." };
  if ([...to].length > NAME_MAX) return { problem: `A name has at most ${NAME_MAX} characters.` };
  if (allNames(definition).has(to)) return { problem: `There is a state “${to}” already.` };
  const first: OwnEdit[] = [{ kind: "rename", pointer: located.pointer, name: to }];
  return changed(
    definition,
    `Rename ${name}`,
    (copy) => {
      for (const reference of referencesOf(found(copy.definition, to).level)) if (reference.to === name) reference.lead(to);
      return to;
    },
    first,
  );
}

/** Makes a state the one that its level starts at. */
export function makeStart(definition: Obj, name: string): Change | Refused {
  return changed(definition, `Start at ${name}`, (copy) => {
    const { level } = found(copy.definition, name);
    if (level.fields["StartAt"] === name) refuse(`“${name}” is the start already.`);
    level.fields["StartAt"] = name;
    return name;
  });
}

/** Puts states that follow each other inside of a new Parallel or Map. */
export function wrap(definition: Obj, names: readonly string[], type: "Parallel" | "Map"): Change | Refused {
  return changed(definition, `Wrap in ${type}`, (copy) => {
    const [first] = names;
    if (first === undefined) return refuse("Nothing is chosen.");
    const { level } = found(copy.definition, first);
    const chosen = new Set(names);
    for (const name of names) {
      if (found(copy.definition, name).level.pointer !== level.pointer) refuse("What is wrapped together must be in one level.");
    }
    const states = statesOf(level);
    const entries = referencesOf(level).filter((one) => chosen.has(one.to) && !(one.from !== null && chosen.has(one.from)));
    const starts = new Set(entries.map((one) => one.to));
    if (starts.size > 1) refuse("What is wrapped must be entered at one state only.");
    const start = [...starts][0] ?? first;
    const around: Obj[] = [];
    const exits = new Set<string | null>();
    for (const name of names) leaveWrapped(copy, name, states[name] as Obj, chosen, exits, around);
    if (exits.size > 1) refuse("What is wrapped must lead to one state only.");
    const inner = { StartAt: start, States: Object.fromEntries(Object.entries(states).filter(([name]) => chosen.has(name))) };
    const wrapper = freeName(allNames(copy.definition), type);
    const state: Obj = type === "Parallel" ? { Type: type, Branches: [inner] } : { Type: type, ItemProcessor: { ProcessorConfig: { Mode: "INLINE" }, ...inner } };
    if (around.length > 0) state["Catch"] = around;
    for (const entry of entries) entry.lead(wrapper);
    level.fields["States"] = Object.fromEntries(
      Object.entries(states).flatMap(([name, one]) => (name === start ? [[wrapper, state]] : chosen.has(name) ? [] : [[name, one]])),
    );
    follow(copy, level, wrapper, state, [...exits][0] ?? null);
    copy.notes.push(type === "Map" ? `“${wrapper}” takes its input as the list of items: set ItemsPath or Items if it is elsewhere.` : `The result of “${wrapper}” is a list with one result of each branch.`);
    return wrapper;
  });
}

/** What leads out of what is wrapped: the way ends inside, and what is caught is caught by the wrapper. */
function leaveWrapped(copy: Work, name: string, state: Obj, chosen: ReadonlySet<string>, exits: Set<string | null>, around: Obj[]): void {
  if (state["End"] === true) exits.add(null);
  for (const reference of leaving(name, state).toReversed()) {
    if (chosen.has(reference.to)) continue;
    if (reference.kind === "choice" || reference.kind === "default") refuse(`A rule of “${name}” leads out to “${reference.to}”: wrap that too.`);
    if (reference.kind === "next") {
      exits.add(reference.to);
      endAt(state);
      continue;
    }
    const catcher = listOf(state["Catch"])[reference.index];
    if (isObj(catcher)) around.unshift(catcher);
    reference.cut();
    copy.notes.push(`The catcher of “${name}” that leads to “${reference.to}” is the wrapper's now.`);
  }
}

/** Adds a branch with one state to a Parallel. */
export function addBranch(definition: Obj, owner: string): Change | Refused {
  const located = locate(definition, owner);
  return addState(definition, "Pass", { kind: "inside", owner, branch: located === null ? 0 : listOf(located.state["Branches"]).length });
}

/** The places that a state can be led to: the other states of its level. */
export function targetsOf(definition: Obj, name: string): string[] {
  const located = locate(definition, name);
  return located === null ? [] : Object.keys(isObj(located.level.fields["States"]) ? located.level.fields["States"] : {}).filter((other) => other !== name);
}
