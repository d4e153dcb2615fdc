/** The fields of a state as a form asks for them: from the table of the language, in sections. Pure. */

import { fieldsOf } from "./language";
import type { Field, Kind } from "./language";
import type { Language } from "./newStates";
import { token } from "./definition";
import { isObj } from "./pointerEdits";
import type { Obj, OwnEdit } from "./pointerEdits";

/** How a value is asked for. `number` and `text` take an expression too, in JSONata. */
export type FieldInput = "text" | "long" | "number" | "path" | "json" | "resource";

export interface Section {
  readonly title: string;
  readonly fields: readonly Field[];
}

/** What works on the data, in this order. */
const DATA = ["InputPath", "Parameters", "Arguments", "ResultSelector", "ResultPath", "OutputPath", "Output", "Assign"];

/** Of a Map whose children are executions of their own. */
const DISTRIBUTED = new Set(["ItemReader", "ItemBatcher", "ResultWriter", "Label"]);

/** Fields that a form shows in its own way. */
const SHAPED = new Set(["Type", "Comment", "QueryLanguage", "Next", "End", "Default", "Choices", "Retry", "Catch", "Branches", "ItemProcessor", "Iterator"]);

/** What a form asks of a state, by section. Empty sections are left out. */
export function sectionsOf(state: Readonly<Obj>, language: Language): Section[] {
  const type = String(state["Type"]);
  const isShown = ({ name, isOld }: Field): boolean => !SHAPED.has(name) && (!isOld || name in state) && (!DISTRIBUTED.has(name) || isDistributed(state) || name in state);
  const fields = fieldsOf(type, language).filter(isShown);
  const data = DATA.flatMap((name) => fields.filter((field) => field.name === name));
  return [
    { title: type, fields: fields.filter((field) => !data.includes(field)) },
    { title: "Data", fields: data },
  ].filter((section) => section.fields.length > 0);
}

const INPUTS: Partial<Readonly<Record<Kind, FieldInput>>> = { number: "number", path: "path", template: "json", object: "json", list: "json", resource: "resource" };

export function inputOf({ name, kind }: Field): FieldInput {
  return name === "Cause" ? "long" : (INPUTS[kind] ?? "text");
}

/** Members of a state that are not valid for its type and language: no part of the form shows them. */
export function strangersOf(state: Readonly<Obj>, language: Language): string[] {
  const known = new Set(fieldsOf(String(state["Type"]), language).map((field) => field.name));
  return Object.keys(state).filter((name) => !known.has(name));
}

function isDistributed(state: Readonly<Obj>): boolean {
  const processor = state["ItemProcessor"];
  const config = isObj(processor) ? processor["ProcessorConfig"] : undefined;
  return isObj(config) && config["Mode"] === "DISTRIBUTED";
}

export const retries = (type: string): boolean => type === "Task" || type === "Parallel" || type === "Map";

type Read = { readonly value: unknown } | { readonly problem: string };

/** What was written into an input, as a value; `undefined` where the field is to be left out. */
export function readInput(input: FieldInput, text: string): Read {
  const trimmed = text.trim();
  if (trimmed === "") return { value: undefined };
  switch (input) {
    case "number":
      return /^-?\d+(\.\d+)?$/.test(trimmed) ? { value: Number(trimmed) } : { value: trimmed };
    case "path":
      return { value: trimmed === "null" ? null : trimmed };
    case "json":
      // An expression may be written as it is, without the marks of a JSON text.
      if (/^\{%[\s\S]*%\}$/.test(trimmed)) return { value: trimmed };
      try {
        return { value: JSON.parse(trimmed) as unknown };
      } catch (reason) {
        return { problem: reason instanceof Error ? `Not JSON: ${reason.message}` : "Not JSON" };
      }
    default:
      return { value: text };
  }
}

/** A value as the text of its input. */
export function writtenInput(input: FieldInput, value: unknown): string {
  if (value === undefined) return "";
  if (typeof value === "string" && (input !== "json" || /^\{%[\s\S]*%\}$/.test(value))) return value;
  return JSON.stringify(value, null, input === "json" ? 2 : 0);
}

/** What is wrong at a pointer, or below it. */
export function troublesAt<T extends { readonly pointer: string }>(troubles: readonly T[], pointer: string, isWithin = true): T[] {
  return troubles.filter((trouble) => trouble.pointer === pointer || (isWithin && trouble.pointer.startsWith(`${pointer}/`)));
}

/** An object whose members a form sets. What is not there yet is made with its first member. */
export interface Holder {
  readonly pointer: string;
  readonly value: Readonly<Obj> | null;
  /** What it is a member of, where it may be absent. */
  readonly outer?: { readonly holder: Holder; readonly name: string };
}

/** The object in a member of another one. */
export function innerHolder(holder: Holder, name: string): Holder {
  const value = holder.value?.[name];
  return { pointer: `${holder.pointer}/${token(name)}`, value: isObj(value) ? value : null, outer: { holder, name } };
}

/** New members of a state come before these: they read best at its end. */
const LAST = new Set(["Retry", "Catch", "Next", "End", "Choices", "Default", "Branches", "ItemProcessor", "Iterator"]);

/** The edits that give an object members; those that are `undefined` are taken out. An object that may be absent is taken out with its last one. */
export function withMembers(holder: Holder, members: Readonly<Obj>): OwnEdit[] {
  const { value, pointer, outer } = holder;
  if (value === null) {
    const given = Object.fromEntries(Object.entries(members).filter(([, member]) => member !== undefined));
    return outer === undefined || Object.keys(given).length === 0 ? [] : withMembers(outer.holder, { [outer.name]: given });
  }
  const left = Object.entries({ ...value, ...members }).filter(([, member]) => member !== undefined);
  if (left.length === 0 && outer !== undefined) return withMembers(outer.holder, { [outer.name]: undefined });
  const edits: OwnEdit[] = [];
  for (const [name, member] of Object.entries(members)) {
    const at = `${pointer}/${token(name)}`;
    if (member === undefined) {
      if (name in value) edits.push({ kind: "remove", pointer: at });
      continue;
    }
    const after = LAST.has(name) ? undefined : Object.keys(value).findLast((one) => !LAST.has(one) && !(one in members && members[one] === undefined));
    edits.push({ kind: "set", pointer: at, value: member, ...(name in value || after === undefined ? {} : { after }) });
  }
  return edits;
}

/** Names of errors as they are written in one line. */
export const errorsText = (value: unknown): string => (Array.isArray(value) ? value.map(String).join(", ") : "");
export const readErrors = (text: string): string[] => text.split(",").map((name) => name.trim()).filter((name) => name !== "");

export interface Row {
  readonly field: Field;
  /** The field that says the same by a path; only one of the two is there. */
  readonly twin: Field | null;
}

/** Fields, each with its twin `…Path`. */
export function rowsOf(fields: readonly Field[]): Row[] {
  const byName = new Map(fields.map((field) => [field.name, field]));
  return fields.flatMap((field): Row[] => {
    const isTwin = field.name.endsWith("Path") && byName.has(field.name.slice(0, -4));
    return isTwin ? [] : [{ field, twin: byName.get(`${field.name}Path`) ?? null }];
  });
}
