/** What may be written at a place of a definition. Pure: the editor shows what this offers. */

import { getLocation } from "jsonc-parser";
import { nodeAt, pointerAt, tokensOf } from "./document";
import type { Document, Node, Range } from "./document";
import {
  CONTEXT,
  ERROR_NAMES,
  fieldsOf,
  fieldsOfShape,
  INTRINSICS,
  JSONATA_FUNCTIONS,
  resources,
  snippetOf,
  STATE_TYPES,
  STATES_MEMBERS,
} from "./language";
import type { Field, QueryLanguage, Shape } from "./language";

export interface Offer {
  readonly label: string;
  /** What is written; places for the cursor are `${name}`. The label, if it is not there. */
  readonly snippet?: string;
  readonly detail?: string;
  readonly doc?: string;
  readonly kind: "field" | "value" | "state" | "function" | "snippet" | "error" | "resource";
}

interface Offers extends Range {
  readonly offers: readonly Offer[];
}

/** What a server has that a definition may name. */
export interface Known {
  readonly functions: readonly string[];
  readonly machines: readonly string[];
  readonly activities: readonly string[];
}

/** The offers at a position; `null` where there is nothing to offer. */
export function offersAt(document: Document, offset: number, known: Known): Offers | null {
  const location = getLocation(document.text, offset);
  const token = tokenAround(document.text, offset);
  const path = location.path.map(String);
  if (location.isAtPropertyKey) return names(document, path.slice(0, -1), token, offset);
  return values(document, path, token, offset, known);
}

/** What a field at this place is for; `null` where it is not of the language. */
export function fieldAt(document: Document, offset: number): { readonly field: Field; readonly range: Range } | null {
  const tokens = tokensOf(pointerAt(document, offset));
  const node = nodeAt(document.root, tokens);
  const key = node?.parent?.type === "property" ? node.parent.children?.[0] : undefined;
  const name = tokens.at(-1);
  if (key === undefined || name === undefined || offset < key.offset || offset > key.offset + key.length) return null;
  const field = whereOf(document, tokens.slice(0, -1)).fields.find((one) => one.name === name);
  return field === undefined ? null : { field, range: { from: key.offset, to: key.offset + key.length } };
}

interface Where {
  readonly shape: Shape | "list" | "errors";
  readonly fields: readonly Field[];
  readonly language: QueryLanguage;
  /** The path of the body that the names of states are of. */
  readonly body: readonly string[];
  /** The field whose list this is. */
  readonly field: Field | null;
}

const MACHINE: Shape = "machine";

/** What kind of object is at a path. */
function whereOf(document: Document, path: readonly string[]): Where {
  let shape: Where["shape"] = MACHINE;
  let language: QueryLanguage = languageAt(document, [], "JSONPath");
  let fields: readonly Field[] = fieldsOfShape(MACHINE, language);
  let body: readonly string[] = [];
  let field: Field | null = null;
  for (const [index, name] of path.entries()) {
    const here = path.slice(0, index + 1);
    if (shape === "template" || shape === "errors") break;
    if (shape === "list") {
      shape = field?.shape ?? "template";
      field = null;
    } else if (shape === "states") shape = "state";
    else {
      field = fields.find((one) => one.name === name) ?? null;
      if (field?.kind === "list") shape = "list";
      else if (field?.kind === "errors") shape = "errors";
      else shape = field?.shape ?? "template";
    }
    if (shape === "machine" || shape === "body" || shape === "processor") body = here;
    if (shape === "state") {
      language = languageAt(document, here, language);
      fields = fieldsOf(textAt(document, [...here, "Type"]) ?? "", language);
    } else fields = shape === "list" || shape === "errors" ? [] : fieldsOfShape(shape, language);
  }
  return { shape, fields, language, body, field };
}

function languageAt(document: Document, path: readonly string[], otherwise: QueryLanguage): QueryLanguage {
  const said = textAt(document, [...path, "QueryLanguage"]);
  return said === "JSONata" || said === "JSONPath" ? said : otherwise;
}

/** A text of what is being typed; of the latest good text where that cannot be read. */
function textAt(document: Document, path: readonly string[]): string | null {
  const typed: unknown = nodeAt(document.root, path)?.value;
  if (typeof typed === "string") return typed;
  if (document.problem === null) return null;
  let value = document.good?.value;
  for (const name of path) value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
  return typeof value === "string" ? value : null;
}

/** The names of the members of an object, as far as they can be read. */
function namesIn(document: Document, path: readonly string[]): string[] {
  const found = new Set<string>();
  const object: Node | null = nodeAt(document.root, path);
  for (const property of object?.type === "object" ? (object.children ?? []) : []) found.add(String(property.children?.[0]?.value ?? ""));
  if (document.problem !== null) {
    let value = document.good?.value;
    for (const name of path) value = typeof value === "object" && value !== null ? (value as Record<string, unknown>)[name] : undefined;
    if (typeof value === "object" && value !== null) for (const name of Object.keys(value)) found.add(name);
  }
  return [...found];
}

interface Token extends Range {
  /** Whether it is within quotes. */
  readonly isText: boolean;
  /** What is before the position. */
  readonly before: string;
}

/** The text or word that a position is in. */
function tokenAround(text: string, offset: number): Token {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset) < 0 ? text.length : text.indexOf("\n", offset);
  let open = -1;
  for (let at = start; at < offset; at += 1) {
    if (text[at] === "\\" && open >= 0) at += 1;
    else if (text[at] === '"') open = open < 0 ? at : -1;
  }
  if (open >= 0) {
    let close = offset;
    while (close < end && text[close] !== '"') close += text[close] === "\\" ? 2 : 1;
    return { from: open, to: Math.min(close + 1, end), isText: true, before: text.slice(open + 1, offset) };
  }
  let from = offset;
  while (from > start && /[\w.$]/.test(text[from - 1] ?? "")) from -= 1;
  let to = offset;
  while (to < end && /[\w.$]/.test(text[to] ?? "")) to += 1;
  return { from, to, isText: false, before: text.slice(from, offset) };
}

/** Offers the names of fields that the object does not have yet. */
function names(document: Document, path: readonly string[], token: Token, offset: number): Offers | null {
  const where = whereOf(document, path);
  const after = document.text.slice(token.isText ? token.to : offset);
  const hasValue = /^\s*:/.test(after);
  const comma = !hasValue && /^\s*"/.test(after) ? "," : "";
  const range = { from: token.from, to: token.isText ? token.to : offset };
  if (where.shape === "states") {
    if (hasValue) return null;
    const offers = STATE_TYPES.map(({ name, doc }): Offer => ({ label: `${name} state`, kind: "snippet", snippet: `${snippetOf(name, where.language)}${comma}`, doc }));
    return { ...range, offers };
  }
  const there = namesIn(document, path).filter((name) => name !== textOf(document.text, range));
  const offers = where.fields
    .filter((field) => !there.includes(field.name) && field.isOld !== true)
    .map((field): Offer => ({
      label: field.name,
      kind: "field",
      detail: field.isRequired === true ? "required" : (field.language ?? ""),
      doc: field.doc,
      snippet: hasValue ? `"${field.name}"` : `"${field.name}": ${valueOf(field)}${comma}`,
    }));
  return offers.length === 0 ? null : { ...range, offers };
}

const textOf = (text: string, { from, to }: Range): string => text.slice(from, to).replace(/^"|"$/g, "");

/** The beginning of a value of a field. */
function valueOf(field: Field): string {
  switch (field.kind) {
    case "number":
      return "${1:0}";
    case "flag":
      return "${true}";
    case "template":
      return field.name === "Condition" ? `"{% \${} %}"` : field.name === "Result" || field.name === "Items" ? "${null}" : "{${}}";
    case "path":
      return `"\${$}"`;
    case "object":
    case "states":
      return "{${}}";
    case "list":
      return "[{${}}]";
    case "errors":
      return `["\${States.ALL}"]`;
    default:
      return `"\${}"`;
  }
}

/** Offers values for a field. */
function values(document: Document, path: readonly string[], token: Token, offset: number, known: Known): Offers | null {
  const inside = expression(document, path, token, offset);
  if (inside !== null) return inside;
  const name = path.at(-1) ?? "";
  const where = whereOf(document, path.slice(0, -1));
  const range = { from: token.from, to: token.to };
  const quoted = (values: readonly Offer[]): Offers | null =>
    values.length === 0 ? null : { ...range, offers: values.map((offer) => ({ ...offer, snippet: offer.snippet ?? escaped(JSON.stringify(offer.label)) })) };
  if (where.shape === "errors") return quoted(errors(document));
  const holder = whereOf(document, path.slice(0, -2));
  // What a task is given: the names that a service is called with.
  if (where.shape === "template" && (holder.shape === "state" || where.field?.name === "Parameters" || where.field?.name === "Arguments")) {
    if (name === "FunctionName") return quoted(known.functions.map((arn) => ({ label: arn, kind: "resource" })));
    if (name === "StateMachineArn") return quoted(known.machines.map((arn) => ({ label: arn, kind: "resource" })));
  }
  const field = where.fields.find((one) => one.name === name);
  if (field === undefined) return null;
  switch (field.kind) {
    case "state": {
      const self = where.shape === "state" ? path.at(-2) : undefined;
      return quoted(namesIn(document, [...where.body, "States"]).filter((one) => one !== self).map((label) => ({ label, kind: "state", detail: textAt(document, [...where.body, "States", label, "Type"]) ?? "" })));
    }
    case "one-of":
      return quoted((field.values ?? []).map((label) => ({ label, kind: "value", ...docOfValue(field, label) })));
    case "flag":
      return { ...range, offers: ["true", "false"].map((label) => ({ label, kind: "value", snippet: label })) };
    case "resource":
      return quoted([
        ...known.functions.map((arn): Offer => ({ label: arn, kind: "resource", detail: "function" })),
        ...known.activities.map((arn): Offer => ({ label: arn, kind: "resource", detail: "activity" })),
        ...resources().map(({ resource, doc }): Offer => ({ label: resource, kind: "resource", doc })),
        { label: "arn:aws:states:::aws-sdk:SERVICE:ACTION", kind: "snippet", snippet: '"arn:aws:states:::aws-sdk:${service}:${action}"', doc: "Calls any action of the AWS SDK." },
      ]);
    case "path":
      return quoted([{ label: "$", kind: "value", doc: "The whole input." }, { label: "$$.", kind: "value", doc: "The context object.", snippet: '"$$.${}"' }]);
    default:
      return null;
  }
}

function docOfValue(field: Field, value: string): { doc?: string } {
  const type = field.name === "Type" ? STATE_TYPES.find((one) => one.name === value) : undefined;
  return type === undefined ? {} : { doc: type.doc };
}

/** In a snippet, `${` and `#{` are places for the cursor. */
const escaped = (text: string): string => text.replace(/([$#])\{/g, "$1\\{");

/** The known names, and those that the definition has already. */
function errors(document: Document): Offer[] {
  const own = new Set<string>();
  for (const [, list = ""] of document.text.matchAll(/"ErrorEquals"\s*:\s*\[([^\]]*)\]/g)) {
    for (const [, name = ""] of list.matchAll(/"([^"\\]+)"/g)) own.add(name);
  }
  for (const [, name = ""] of document.text.matchAll(/"Error"\s*:\s*"([^"\\{]+)"/g)) own.add(name);
  for (const [name] of ERROR_NAMES) own.delete(name);
  return [
    ...ERROR_NAMES.map(([label, doc]): Offer => ({ label, doc, kind: "error" })),
    ...[...own].map((label): Offer => ({ label, kind: "error", detail: "of this definition" })),
  ];
}

/** Offers what stands in expressions: `$states.`, `$$.`, intrinsic functions, functions and variables of JSONata. */
function expression(document: Document, path: readonly string[], token: Token, offset: number): Offers | null {
  if (!token.isText) return null;
  const { before } = token;
  const word = /(\$\$?[\w.]*|States\.?\w*|[A-Za-z]+)$/.exec(before)?.[0] ?? "";
  const range = { from: offset - word.length, to: offset };
  const isJsonata = /^\s*\{%/.test(before) && !before.includes("%}");
  if (isJsonata) {
    if (word.startsWith("$states.context.")) {
      return { from: offset - (word.length - "$states.context.".length), to: offset, offers: CONTEXT.map(([label, doc]) => ({ label, doc, kind: "value" })) };
    }
    if (word.startsWith("$states.")) return { from: offset - (word.length - "$states.".length), to: offset, offers: STATES_MEMBERS.map(([label, doc]) => ({ label, doc, kind: "value" })) };
    if (!word.startsWith("$")) return null;
    return {
      ...range,
      offers: [
        { label: "$states", kind: "value", doc: "The data of the state: input, result, errorOutput, context." },
        ...variables(document).map((name): Offer => ({ label: `$${name}`, kind: "value", detail: "variable" })),
        ...JSONATA_FUNCTIONS.map(([name, call, doc]): Offer => ({ label: `$${name}`, kind: "function", detail: call, doc, snippet: `$${name}(\${})` })),
      ],
    };
  }
  if (word.startsWith("$$.")) return { from: offset - (word.length - 3), to: offset, offers: CONTEXT.map(([label, doc]) => ({ label, doc, kind: "value" })) };
  const where = whereOf(document, path.slice(0, -1));
  if (where.language !== "JSONPath") return null;
  // Intrinsic functions stand where a name ends with `.$`, and in what takes a path.
  const name = path.at(-1) ?? "";
  const takesFunction = name.endsWith(".$") || name === "ErrorPath" || name === "CausePath";
  if (takesFunction && !word.startsWith("$")) {
    return { ...range, offers: [...INTRINSICS.map(([label, snippet, doc]): Offer => ({ label, snippet, doc, kind: "function" })), ...(word === "" ? [{ label: "$", kind: "value" as const, doc: "The whole input." }, { label: "$$.", kind: "value" as const, doc: "The context object." }] : [])] };
  }
  if (word === "$" && (name.endsWith(".$") || where.fields.find((one) => one.name === name)?.kind === "path")) {
    return {
      ...range,
      offers: [{ label: "$.", kind: "value", doc: "A member of the input." }, { label: "$$.", kind: "value", doc: "The context object." }, ...variables(document).map((variable): Offer => ({ label: `$${variable}`, kind: "value", detail: "variable" }))],
    };
  }
  return null;
}

/** The variables that are assigned anywhere in the definition. */
function variables(document: Document): string[] {
  const found = new Set<string>();
  const look = (node: Node): void => {
    for (const child of node.children ?? []) {
      if (child.type === "property" && child.children?.[0]?.value === "Assign") {
        for (const property of child.children[1]?.children ?? []) found.add(String(property.children?.[0]?.value ?? "").replace(/\.\$$/, ""));
      }
      look(child);
    }
  };
  if (document.root !== null) look(document.root);
  return [...found];
}
