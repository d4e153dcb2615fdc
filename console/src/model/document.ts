/**
 * A definition as its text: what is where in it, and edits that change nothing else.
 *
 * The text is the truth. An edit is a few changes of text, so that typing and drawing share one history, and whatever
 * an edit does not touch stays as somebody has written it. Pure; positions are those of the text.
 */

import { parseTree, printParseErrorCode } from "jsonc-parser";
import type { Node, ParseError } from "jsonc-parser";
import { token } from "./definition";
import { isFields, laidOut } from "./json";

export type { Node } from "jsonc-parser";

export interface Range {
  readonly from: number;
  readonly to: number;
}

/** A change of a text; the form is CodeMirror's. */
interface TextChange extends Range {
  readonly insert: string;
}

/** Where a text stops to be JSON, and why. */
interface Problem extends Range {
  readonly message: string;
}

export interface Document {
  readonly text: string;
  /** The tree of the text; of a text that is no JSON, as much of it as can be read. */
  readonly root: Node | null;
  /** The first reason why the text is no JSON; `null` if it is. */
  readonly problem: Problem | null;
  /** The latest text that was JSON: this one, if it is. `null` if there was none. */
  readonly good: Good | null;
}

interface Good {
  readonly text: string;
  readonly value: unknown;
}

/** Reads a text. `before` is the document that it came from: its latest good text is kept while this one is broken. */
export function readDocument(text: string, before: Document | null = null): Document {
  const errors: ParseError[] = [];
  const root = treeOf(text, errors);
  const problem = errors[0];
  if (problem === undefined) return { text, root, problem: null, good: { text, value: JSON.parse(text) as unknown } };
  const from = Math.min(problem.offset, Math.max(0, text.length - 1));
  return {
    text,
    root,
    problem: { from, to: Math.min(text.length, Math.max(from + 1, problem.offset + problem.length)), message: problemText(problem) },
    good: before?.good ?? null,
  };
}

/** Comments and commas at the end are no JSON. */
const OPTIONS = { disallowComments: true, allowTrailingComma: false, allowEmptyContent: false } as const;

function treeOf(text: string, errors: ParseError[]): Node | null {
  const root = parseTree(text, errors, OPTIONS) ?? null;
  // What that parser lets pass (letters after a number, control characters), the engine of the browser does not.
  if (errors.length === 0) {
    try {
      JSON.parse(text);
    } catch (reason) {
      const at = /position (\d+)/.exec(String(reason));
      errors.push({ error: 1, offset: at === null ? 0 : Number(at[1]), length: 1 });
    }
  }
  return root;
}

function problemText({ error }: ParseError): string {
  const words = printParseErrorCode(error).replace(/([a-z])([A-Z])/g, "$1 $2");
  return `Not JSON: ${words.charAt(0).toLowerCase()}${words.slice(1).toLowerCase()}`;
}

/** The tokens of a JSON pointer. */
export function tokensOf(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((one) => one.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** The JSON pointer with these tokens. */
function pointerOf(tokens: readonly (string | number)[]): string {
  return tokens.map((one) => `/${token(String(one))}`).join("");
}

/** Where something is: with its name, the value alone, the name alone (of a member of an object). */
export interface Place {
  readonly whole: Range;
  readonly value: Range;
  readonly key: Range | null;
}

/** Where a JSON pointer leads to; `null` where nothing is. */
export function placeOf(document: Document, pointer: string): Place | null {
  const node = nodeAt(document.root, tokensOf(pointer));
  return node === null ? null : placeOfNode(node);
}

function placeOfNode(node: Node): Place {
  const value = rangeOfNode(node);
  const property = node.parent?.type === "property" ? node.parent : null;
  const key = property?.children?.[0];
  return { whole: property === null ? value : rangeOfNode(property), value, key: key === undefined ? null : rangeOfNode(key) };
}

const rangeOfNode = (node: Node): Range => ({ from: node.offset, to: node.offset + node.length });

/** The node of a value; `null` where nothing is. */
export function nodeAt(root: Node | null, tokens: readonly string[]): Node | null {
  let node = root;
  for (const one of tokens) {
    if (node === null) return null;
    if (node.type === "array") node = node.children?.[Number(one)] ?? null;
    else node = memberOf(node, one)?.children?.[1] ?? null;
  }
  return node;
}

function memberOf(object: Node, name: string): Node | null {
  if (object.type !== "object") return null;
  // Of a name that is there twice, the last one counts, as for the browser.
  return object.children?.findLast((property) => property.children?.[0]?.value === name) ?? null;
}

/** The JSON pointer of the innermost thing at a position. */
export function pointerAt(document: Document, offset: number): string {
  const tokens: (string | number)[] = [];
  let node = document.root;
  while (node !== null) {
    const inner: Node | undefined = node.children?.find((child) => child.offset <= offset && offset <= child.offset + child.length);
    if (inner === undefined) break;
    if (node.type === "array") tokens.push(node.children?.indexOf(inner) ?? 0);
    else if (inner.type === "property") tokens.push(String(inner.children?.[0]?.value ?? ""));
    node = inner;
  }
  return pointerOf(tokens);
}

/**
 * The JSON pointer of a diagnostic's location, or of the nearest thing around it that is there.
 *
 * AWS: names are written as they are, slashes and all, and elements as `Choices[0]`; `/` is the definition itself.
 */
export function pointerOfLocation(document: Document, location: string): string {
  const tokens: (string | number)[] = [];
  let node = document.root;
  let rest = location === "/" ? "" : location;
  while (node !== null && rest !== "") {
    const index = /^[/[](\d+)\]?/.exec(rest);
    if (node.type === "array" && index !== null) {
      const child: Node | undefined = node.children?.[Number(index[1])];
      if (child === undefined) break;
      tokens.push(Number(index[1]));
      node = child;
      rest = rest.slice(index[0].length);
      continue;
    }
    const names = (node.type === "object" ? (node.children ?? []) : []).map((property) => String(property.children?.[0]?.value ?? ""));
    const name = names
      .filter((one) => rest.startsWith(`/${one}`) && ["", "/", "["].includes(rest.charAt(one.length + 1)))
      .toSorted((a, b) => b.length - a.length)[0];
    if (name === undefined) break;
    tokens.push(name);
    rest = rest.slice(name.length + 1);
    node = memberOf(node, name)?.children?.[1] ?? null;
  }
  return pointerOf(tokens);
}

/**
 * - `set` gives a member or an element this value; a new member goes behind the member `after`, else to the end, and of an
 *   object or array only what differs changes.
 * - `insert` puts an element into an array, before the one that has this index now; `-` is behind the last.
 * - `remove` takes a member or an element out; nothing happens where nothing is.
 * - `rename` gives a member another name, in its place; what refers to it is not changed.
 * - `move` takes a member or an element to another place with its text; an index of `to` counts without the moved one.
 */
export type Edit =
  | { readonly kind: "set"; readonly pointer: string; readonly value: unknown; readonly after?: string }
  | { readonly kind: "insert"; readonly pointer: string; readonly value: unknown }
  | { readonly kind: "remove"; readonly pointer: string }
  | { readonly kind: "rename"; readonly pointer: string; readonly name: string }
  | { readonly kind: "move"; readonly pointer: string; readonly to: string; readonly after?: string };

/** Several edits as one: the changes of text, each on what the ones before it have made. */
interface Step {
  readonly document: Document;
  readonly changes: readonly TextChange[];
}

/** Makes edits, one after the other. `null` if the text is no JSON, or an edit leads nowhere: then nothing is done. */
export function edited(document: Document, edits: readonly Edit[]): Step | null {
  if (document.problem !== null || document.root === null) return null;
  const draft = new Draft(document.text, document.root);
  for (const edit of edits) if (!draft.make(edit)) return null;
  return { document: readDocument(draft.text, document), changes: draft.changes };
}

/** A text between two edits. */
class Draft {
  text: string;
  root: Node;
  readonly changes: TextChange[] = [];
  /** Of one level: spaces or a tab, as the text has it. */
  private readonly unit: string;

  constructor(text: string, root: Node) {
    this.text = text;
    this.root = root;
    this.unit = /\n([ \t]+)\S/.exec(text)?.[1] ?? "  ";
  }

  make(edit: Edit): boolean {
    switch (edit.kind) {
      case "set":
        return this.set(edit.pointer, edit.value, edit.after);
      case "insert":
        return this.insertElement(edit.pointer, (base, isWide) => this.written(edit.value, base, isWide));
      case "remove": {
        const node = this.at(edit.pointer);
        if (node !== null && node !== this.root) this.remove(node);
        return true;
      }
      case "rename":
        return this.rename(edit.pointer, edit.name);
      case "move":
        return this.move(edit.pointer, edit.to, edit.after);
    }
  }

  private at(pointer: string): Node | null {
    return nodeAt(this.root, tokensOf(pointer));
  }

  private change(from: number, to: number, insert: string): void {
    if (this.text.slice(from, to) === insert) return;
    this.changes.push({ from, to, insert });
    this.text = this.text.slice(0, from) + insert + this.text.slice(to);
    const root = treeOf(this.text, []);
    if (root === null) throw new Error("an edit of JSON gives JSON");
    this.root = root;
  }

  private set(pointer: string, value: unknown, after?: string): boolean {
    const node = this.at(pointer);
    if (node !== null) {
      this.assign(pointer, node, value);
      return true;
    }
    const { object, name } = this.placeFor(pointer);
    if (object?.type === "array") return this.insertElement(pointer, (base, isWide) => this.written(value, base, isWide));
    if (object?.type !== "object") return false;
    this.addMember(object, name, after, (base, isWide) => this.written(value, base, isWide));
    return true;
  }

  private placeFor(pointer: string): { object: Node | null; name: string } {
    const tokens = tokensOf(pointer);
    return { object: nodeAt(this.root, tokens.slice(0, -1)), name: tokens.at(-1) ?? "" };
  }

  /** Makes a value equal to another one, from the outside in: what is equal is left as it is written. */
  private assign(pointer: string, node: Node, value: unknown): void {
    const names = node.type === "object" ? (node.children ?? []).map((property) => String(property.children?.[0]?.value)) : [];
    if (node.type === "object" && isFields(value) && names.length > 0) {
      for (const name of names) if (value[name] === undefined) this.make({ kind: "remove", pointer: `${pointer}/${token(name)}` });
      for (const [name, inner] of Object.entries(value)) if (inner !== undefined) this.set(`${pointer}/${token(name)}`, inner);
      return;
    }
    const length = node.children?.length ?? 0;
    if (node.type === "array" && Array.isArray(value) && length > 0 && value.length > 0) {
      for (let index = length - 1; index >= value.length; index -= 1) this.make({ kind: "remove", pointer: `${pointer}/${index}` });
      value.forEach((inner: unknown, index) => this.set(`${pointer}/${index}`, inner));
      return;
    }
    if (!isStructure(node) && node.value === value) return;
    const holder = isStructure(node) && length > 0 ? node : (node.parent?.type === "property" ? node.parent.parent : node.parent);
    const isWide = holder ? this.isWide(holder) : this.text.includes("\n");
    this.change(node.offset, node.offset + node.length, this.written(value, this.indentAt(node.offset), isWide));
  }

  private addMember(object: Node, name: string, after: string | undefined, write: (base: string, isWide: boolean) => string): void {
    const properties = object.children ?? [];
    const isWide = this.isWide(object);
    const base = properties[0] ? this.indentAt(properties[0].offset) : this.indentAt(object.offset) + this.unit;
    const member = `${JSON.stringify(name)}:${isWide || this.isSpaced() ? " " : ""}${write(isWide ? base : this.indentAt(object.offset), isWide)}`;
    const sibling = properties.findIndex((property) => property.children?.[0]?.value === after);
    this.putIn(object, sibling < 0 ? properties.length : sibling + 1, member, base, isWide);
  }

  private insertElement(pointer: string, write: (base: string, isWide: boolean) => string): boolean {
    const { object: array, name } = this.placeFor(pointer);
    if (array?.type !== "array") return false;
    const length = array.children?.length ?? 0;
    const index = name === "-" ? length : Number(name);
    if (!Number.isInteger(index) || index < 0 || index > length) return false;
    const isWide = this.isWide(array);
    const first = array.children?.[0];
    const base = first ? this.indentAt(first.offset) : this.indentAt(array.offset) + this.unit;
    this.putIn(array, index, write(isWide ? base : this.indentAt(array.offset), isWide), base, isWide);
    return true;
  }

  /** Puts the text of a member or an element to the others. */
  private putIn(holder: Node, index: number, text: string, base: string, isWide: boolean): void {
    const children = holder.children ?? [];
    const gap = isWide ? `\n${base}` : this.isSpaced() ? " " : "";
    const next = children[index];
    const before = children[index - 1];
    if (next !== undefined) this.change(next.offset, next.offset, `${text},${gap}`);
    else if (before !== undefined) this.change(before.offset + before.length, before.offset + before.length, `,${gap}${text}`);
    else {
      const close = isWide ? `\n${this.indentAt(holder.offset)}` : "";
      this.change(holder.offset + 1, holder.offset + holder.length - 1, isWide ? `\n${base}${text}${close}` : text);
    }
  }

  private remove(node: Node): void {
    const whole = node.parent?.type === "property" ? node.parent : node;
    const holder = whole.parent;
    if (!holder) return;
    const children = holder.children ?? [];
    const index = children.indexOf(whole);
    const next = children[index + 1];
    const before = children[index - 1];
    if (next !== undefined) this.change(whole.offset, next.offset, "");
    else if (before !== undefined) this.change(before.offset + before.length, whole.offset + whole.length, "");
    else this.change(holder.offset + 1, holder.offset + holder.length - 1, "");
  }

  private rename(pointer: string, key: string): boolean {
    const node = this.at(pointer);
    const property = node?.parent;
    const name = property?.type === "property" ? property.children?.[0] : undefined;
    const object = property?.parent;
    if (name === undefined || !object) return false;
    if (name.value === key) return true;
    if (memberOf(object, key) !== null) return false;
    this.change(name.offset, name.offset + name.length, JSON.stringify(key));
    return true;
  }

  private move(pointer: string, to: string, after?: string): boolean {
    const node = this.at(pointer);
    if (node === null || node === this.root || to.startsWith(`${pointer}/`)) return false;
    const text = this.text.slice(node.offset, node.offset + node.length);
    const old = this.indentAt(node.offset);
    const write = (base: string): string => text.split("\n").map((line, at) => (at > 0 && line.startsWith(old) ? base + line.slice(old.length) : line)).join("\n");
    this.remove(node);
    const { object, name } = this.placeFor(to);
    if (object?.type === "array") return this.insertElement(to, write);
    if (object?.type !== "object" || memberOf(object, name) !== null) return false;
    this.addMember(object, name, after, write);
    return true;
  }

  /** Whether what is in an object or array has lines of its own. */
  private isWide(holder: Node): boolean {
    const first = holder.children?.[0];
    return (first === undefined ? this.text : this.text.slice(holder.offset, first.offset)).includes("\n");
  }

  /** Whether texts on one line have a blank after a colon. */
  private isSpaced(): boolean {
    return /":\s/.test(this.text);
  }

  private indentAt(offset: number): string {
    const start = this.text.lastIndexOf("\n", offset - 1) + 1;
    return /^[ \t]*/.exec(this.text.slice(start, offset))?.[0] ?? "";
  }

  private written(value: unknown, base: string, isWide: boolean): string {
    if (!isWide) return onOneLine(value, this.isSpaced());
    return JSON.stringify(value, null, this.unit).replaceAll("\n", `\n${base}`);
  }
}

const isStructure = (node: Node): boolean => node.type === "object" || node.type === "array";

function onOneLine(value: unknown, isSpaced: boolean): string {
  const gap = isSpaced ? " " : "";
  if (Array.isArray(value)) return `[${value.map((inner) => onOneLine(inner, isSpaced)).join(`,${gap}`)}]`;
  if (!isFields(value)) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{${members.map(([name, inner]) => `${JSON.stringify(name)}:${gap}${onOneLine(inner, isSpaced)}`).join(`,${gap}`)}}`;
}

/** A stored definition as it is edited: one that somebody laid out stays so, one line is laid out. */
export function openedText(definition: string): string {
  const text = definition.replaceAll("\r\n", "\n");
  return text.trim().includes("\n") ? text : laidOut(text);
}
