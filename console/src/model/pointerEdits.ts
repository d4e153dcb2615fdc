/** Edits of a JSON value by pointer: what a change of a definition is made of. Pure. */

import { token } from "./definition";
import type { Edit } from "./document";

/** Those that are made here; a document knows more. */
export type OwnEdit = Exclude<Edit, { readonly kind: "move" }>;

export type Obj = Record<string, unknown>;

export const isObj = (value: unknown): value is Obj => typeof value === "object" && value !== null && !Array.isArray(value);

/** Whether two JSON values say the same. Order of members does not count. */
export function isSame(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (Array.isArray(one) && Array.isArray(other)) return one.length === other.length && one.every((item, index) => isSame(item, other[index]));
  if (!isObj(one) || !isObj(other)) return false;
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => Object.hasOwn(other, name) && isSame(one[name], other[name]));
}

/** The edits that make `after` of `before`, as small as they are without moving anything. */
export function difference(before: unknown, after: unknown, pointer = ""): OwnEdit[] {
  if (isSame(before, after)) return [];
  if (isObj(before) && isObj(after)) return members(before, after, pointer);
  if (Array.isArray(before) && Array.isArray(after)) return items(before, after, pointer);
  return [{ kind: "set", pointer, value: after }];
}

function members(before: Obj, after: Obj, pointer: string): OwnEdit[] {
  const edits: OwnEdit[] = [];
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) edits.push({ kind: "remove", pointer: `${pointer}/${token(name)}` });
  }
  let last: string | undefined;
  for (const [name, value] of Object.entries(after)) {
    const at = `${pointer}/${token(name)}`;
    if (Object.hasOwn(before, name)) edits.push(...difference(before[name], value, at));
    else edits.push({ kind: "set", pointer: at, value, ...(last === undefined ? {} : { after: last }) });
    last = name;
  }
  return edits;
}

function items(before: readonly unknown[], after: readonly unknown[], pointer: string): OwnEdit[] {
  let head = 0;
  const shorter = Math.min(before.length, after.length);
  while (head < shorter && isSame(before[head], after[head])) head += 1;
  let tail = 0;
  while (tail < shorter - head && isSame(before.at(-1 - tail), after.at(-1 - tail))) tail += 1;
  const [gone, come] = [before.slice(head, before.length - tail), after.slice(head, after.length - tail)];
  const edits: OwnEdit[] = [];
  const both = Math.min(gone.length, come.length);
  for (let index = 0; index < both; index += 1) edits.push(...difference(gone[index], come[index], `${pointer}/${head + index}`));
  for (let index = gone.length - 1; index >= both; index -= 1) edits.push({ kind: "remove", pointer: `${pointer}/${head + index}` });
  for (let index = both; index < come.length; index += 1) edits.push({ kind: "insert", pointer: `${pointer}/${head + index}`, value: come[index] });
  return edits;
}

/** The tokens of a pointer, as names. */
export const namesOf = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));

/** The value with the edits done; what it was made of stays as it is. */
export function withEdits(value: unknown, edits: readonly OwnEdit[]): unknown {
  return edits.reduce((edited, edit) => edited1(edited, namesOf(edit.pointer), edit), value);
}

function edited1(value: unknown, names: readonly string[], edit: OwnEdit): unknown {
  const [name, ...rest] = names;
  if (name === undefined) return edit.kind === "set" ? edit.value : value;
  if (Array.isArray(value)) {
    const index = Number(name);
    if (rest.length > 0) return value.map((item, at) => (at === index ? edited1(item, rest, edit) : item));
    if (edit.kind === "remove") return value.toSpliced(index, 1);
    if (edit.kind === "insert") return value.toSpliced(index, 0, edit.value);
    return edit.kind === "set" ? value.map((item, at) => (at === index ? edit.value : item)) : value;
  }
  if (!isObj(value)) return value;
  if (rest.length > 0) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, key === name ? edited1(inner, rest, edit) : inner]));
  }
  if (edit.kind === "rename") return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key === name ? edit.name : key, inner]));
  if (edit.kind === "remove") return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
  if (edit.kind === "insert") return value;
  return put(value, name, edit.value, edit.after);
}

/** The object with a member; a new one comes after the member `after`, else last. */
export function put(object: Obj, name: string, value: unknown, after?: string): Obj {
  if (Object.hasOwn(object, name) || after === undefined || !Object.hasOwn(object, after)) return { ...object, [name]: value };
  return Object.fromEntries(Object.entries(object).flatMap(([key, inner]) => (key === after ? [[key, inner], [name, value]] : [[key, inner]])));
}
