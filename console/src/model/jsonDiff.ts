/**
 * What changed between two JSON texts, by their structure: a tree of rows, of which only what differs is unfolded.
 *
 * Linear in the size of the texts but for arrays, whose items are aligned within [`ALIGNED_MAX`].
 */

import { DIGITS, isFields, readExactly } from "./json";
import type { Fields } from "./json";

export type Mark = "same" | "added" | "removed" | "changed";

export interface DiffRow {
  readonly depth: number;
  readonly mark: Mark;
  /** Member name or index; `null` for the whole, and for what closes. */
  readonly name: string | null;
  /** The value in one line: `12`, `"a"`, `{`, `{ 4 members }`, `}`. */
  readonly text: string;
  /** Of what changed: the value that it had. */
  readonly before: string | null;
  /** Of what was added: the path before at which the very same is found. */
  readonly movedFrom: string | null;
}

interface Diff {
  readonly rows: readonly DiffRow[];
  readonly added: number;
  readonly removed: number;
  readonly changed: number;
  /** Whether there are more rows than are given. */
  readonly isCut: boolean;
}

/** Longer texts are not compared. AWS: a payload has at most 256 KiB. */
const TEXT_MAX = 1024 * 1024;
/** Rows of a comparison; nobody reads more of it. */
export const ROWS_MAX = 2_000;
/** Pairs of items that are looked at to align a piece of an array; longer ones are compared place by place. */
const ALIGNED_MAX = 250_000;
/** Values of which is told that they were elsewhere before: a short one is everywhere by chance. */
const MOVED_CHARACTERS_MIN = 12;

/** Compares two JSON texts; `null` where one of them is no JSON or too long. */
export function diffJson(before: string, after: string, rowsMax: number = ROWS_MAX): Diff | null {
  if (before.length > TEXT_MAX || after.length > TEXT_MAX) return null;
  const [old, now] = [parsed(before), parsed(after)];
  if (old === undefined || now === undefined) return null;
  const differ = new Differ(rowsMax);
  differ.compare(null, old.value, now.value, 0);
  return { rows: differ.rows, added: differ.added, removed: differ.removed, changed: differ.changed, isCut: differ.isCut };
}

/** `unchanged`, or how many places differ: `2 added, 1 removed`. */
export function diffSummary(diff: Diff): string {
  const parts = [[diff.added, "added"], [diff.removed, "removed"], [diff.changed, "changed"]] as const;
  const told = parts.filter(([count]) => count > 0).map(([count, word]) => `${count.toLocaleString("en")} ${word}`);
  return told.length === 0 ? "unchanged" : told.join(", ");
}

function parsed(text: string): { value: unknown } | undefined {
  try {
    return { value: readExactly(text) };
  } catch {
    return undefined;
  }
}

class Differ {
  readonly rows: DiffRow[] = [];
  added = 0;
  removed = 0;
  changed = 0;
  isCut = false;
  /** Numbers of values: equal ones have the same, whatever the order of their members. */
  private readonly numbers = new Map<string, number>();
  private readonly numbersOf = new Map<object, number>();
  /** Where values of the text before are, by their numbers. */
  private places: Map<number, string> | null = null;
  private old: unknown;

  constructor(private readonly rowsMax: number) {}

  compare(name: string | null, old: unknown, now: unknown, depth: number): void {
    if (depth === 0) this.old = old;
    if (this.numberOf(old) === this.numberOf(now)) {
      this.push({ depth, mark: "same", name, text: inLine(now), before: null, movedFrom: null });
    } else if (isFields(old) && isFields(now)) {
      this.open(name, "{", depth);
      // Members as they are now, with those that are gone at the places that they had.
      for (const [member, kind] of aligned(Object.keys(old), Object.keys(now), (key) => Object.hasOwn(old, key), (key) => Object.hasOwn(now, key))) {
        if (kind === "both") this.compare(member, old[member], now[member], depth + 1);
        else if (kind === "now") this.one(member, now[member], "added", depth + 1);
        else this.one(member, old[member], "removed", depth + 1);
      }
      this.close("}", depth);
    } else if (Array.isArray(old) && Array.isArray(now)) {
      this.open(name, "[", depth);
      this.items(old, now, depth + 1);
      this.close("]", depth);
    } else {
      this.changed += 1;
      const moved = this.movedFrom(now);
      const isSmall = isLeaf(old) && isLeaf(now);
      if (isSmall) this.push({ depth, mark: "changed", name, text: inLine(now), before: inLine(old), movedFrom: moved });
      else {
        this.whole(name, old, "removed", depth);
        this.whole(name, now, "added", depth);
      }
    }
  }

  private items(old: readonly unknown[], now: readonly unknown[], depth: number): void {
    const [was, is] = [old.map((item) => this.numberOf(item)), now.map((item) => this.numberOf(item))];
    for (const [from, to] of matched(was, is)) {
      if (from !== null && to !== null) this.compare(String(to), old[from], now[to], depth);
      else if (to !== null) this.one(String(to), now[to], "added", depth);
      else if (from !== null) this.one(String(from), old[from], "removed", depth);
    }
  }

  private one(name: string, value: unknown, mark: "added" | "removed", depth: number): void {
    if (mark === "added") this.added += 1;
    else this.removed += 1;
    this.whole(name, value, mark, depth);
  }

  /** All of a value that only one side has; what is known from elsewhere in one row. */
  private whole(name: string | null, value: unknown, mark: "added" | "removed", depth: number): void {
    const movedFrom = mark === "added" ? this.movedFrom(value) : null;
    if (isLeaf(value) || movedFrom !== null) {
      this.push({ depth, mark, name, text: inLine(value), before: null, movedFrom });
      return;
    }
    const isArray = Array.isArray(value);
    this.push({ depth, mark, name, text: isArray ? "[" : "{", before: null, movedFrom: null });
    for (const [member, inner] of Object.entries(value as Fields)) {
      this.whole(member, inner, mark, depth + 1);
      if (this.isCut) return;
    }
    this.push({ depth, mark, name: null, text: isArray ? "]" : "}", before: null, movedFrom: null });
  }

  private open(name: string | null, text: string, depth: number): void {
    this.push({ depth, mark: "same", name, text, before: null, movedFrom: null });
  }

  private close(text: string, depth: number): void {
    this.push({ depth, mark: "same", name: null, text, before: null, movedFrom: null });
  }

  private push(row: DiffRow): void {
    if (this.rows.length < this.rowsMax) this.rows.push(row);
    else this.isCut = true;
  }

  private numberOf(value: unknown): number {
    if (typeof value !== "object" || value === null) return this.intern(JSON.stringify(value));
    const known = this.numbersOf.get(value);
    if (known !== undefined) return known;
    const shape =
      Array.isArray(value)
        ? `[${value.map((item) => this.numberOf(item)).join()}`
        : `{${Object.keys(value).sort().map((key) => `${JSON.stringify(key)}:${this.numberOf((value as Fields)[key])}`).join()}`;
    const number = this.intern(shape);
    this.numbersOf.set(value, number);
    return number;
  }

  private intern(shape: string): number {
    const known = this.numbers.get(shape);
    if (known !== undefined) return known;
    this.numbers.set(shape, this.numbers.size);
    return this.numbers.size - 1;
  }

  private movedFrom(value: unknown): string | null {
    if (isLeaf(value) && inLine(value).length < MOVED_CHARACTERS_MIN) return null;
    if (this.places === null) {
      const places = new Map<number, string>();
      const walk = (inner: unknown, path: string): void => {
        const number = this.numberOf(inner);
        if (!places.has(number)) places.set(number, path);
        if (Array.isArray(inner)) inner.forEach((item, index) => walk(item, `${path}[${index}]`));
        else if (isFields(inner)) for (const [key, member] of Object.entries(inner)) walk(member, `${path}${step(key)}`);
      };
      walk(this.old, "$");
      this.places = places;
    }
    return this.places.get(this.numberOf(value)) ?? null;
  }
}

const step = (key: string): string => (/^[A-Za-z_]\w*$/.test(key) ? `.${key}` : `[${JSON.stringify(key)}]`);

/** What is drawn in one row: a single value, or a container with nothing in it. */
function isLeaf(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return !isFields(value) || Object.keys(value).length === 0;
}

const SHOWN_MAX = 400;

function inLine(value: unknown): string {
  if (typeof value === "string" && value.startsWith(DIGITS)) return value.slice(DIGITS.length);
  if (!isLeaf(value)) {
    const count = Array.isArray(value) ? value.length : Object.keys(value as Fields).length;
    const [open, close, word] = Array.isArray(value) ? ["[", "]", "item"] : ["{", "}", "member"];
    return `${open} ${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"} ${close}`;
  }
  const text = JSON.stringify(value);
  return text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX)}… (${text.length.toLocaleString("en")} characters)` : text;
}

type Side = "both" | "old" | "now";

/** Keys of both sides in the order of now; those that are gone come after the key that they came after. */
function aligned(
  old: readonly string[],
  now: readonly string[],
  wasThere: (key: string) => boolean,
  isThere: (key: string) => boolean,
): [string, Side][] {
  const gone = new Map<string | null, string[]>();
  let after: string | null = null;
  for (const key of old) {
    if (isThere(key)) after = key;
    else gone.set(after, [...(gone.get(after) ?? []), key]);
  }
  const all: [string, Side][] = (gone.get(null) ?? []).map((key) => [key, "old"]);
  for (const key of now) {
    all.push([key, wasThere(key) ? "both" : "now"]);
    for (const lost of gone.get(key) ?? []) all.push([lost, "old"]);
  }
  return all;
}

type Pair = readonly [from: number | null, to: number | null];

/** Items of two arrays side by side: equal ones together, what lies between them in pairs. */
function matched(was: readonly number[], is: readonly number[]): Pair[] {
  const pairs: Pair[] = [];
  let [from, to] = [0, 0];
  for (const [nextFrom, nextTo] of [...common(was, is), [was.length, is.length] as const]) {
    while (from < nextFrom && to < nextTo) pairs.push([from++, to++]);
    while (from < nextFrom) pairs.push([from++, null]);
    while (to < nextTo) pairs.push([null, to++]);
    if (from < was.length && to < is.length) pairs.push([from++, to++]);
  }
  return pairs;
}

/** A long common part of both, as pairs of indices that grow: by what is in both but once, then piece by piece. */
function common(was: readonly number[], is: readonly number[]): [number, number][] {
  const anchors = growing(onceInBoth(was, is));
  const pairs: [number, number][] = [];
  let [from, to] = [0, 0];
  for (const [nextFrom, nextTo] of [...anchors, [was.length, is.length] as [number, number]]) {
    for (const [row, column] of longest(was.slice(from, nextFrom), is.slice(to, nextTo))) pairs.push([from + row, to + column]);
    if (nextFrom < was.length && nextTo < is.length) pairs.push([nextFrom, nextTo]);
    [from, to] = [nextFrom + 1, nextTo + 1];
  }
  return pairs;
}

function onceInBoth(was: readonly number[], is: readonly number[]): [number, number][] {
  const places = (all: readonly number[]): Map<number, number> => {
    const found = new Map<number, number>();
    all.forEach((number, at) => found.set(number, found.has(number) ? -1 : at));
    return found;
  };
  const there = places(is);
  const pairs: [number, number][] = [];
  for (const [number, from] of places(was)) {
    const to = there.get(number) ?? -1;
    if (from >= 0 && to >= 0) pairs.push([from, to]);
  }
  return pairs;
}

/** The most of the pairs whose second members grow, too. */
function growing(pairs: readonly [number, number][]): [number, number][] {
  /** Of each length, the pair that ends the chain that leaves most room. */
  const ends: number[] = [];
  const before = pairs.map(() => -1);
  pairs.forEach(([, to], at) => {
    let [low, high] = [0, ends.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((pairs[ends[middle] ?? 0]?.[1] ?? 0) < to) low = middle + 1;
      else high = middle;
    }
    before[at] = low > 0 ? (ends[low - 1] ?? -1) : -1;
    ends[low] = at;
  });
  const chain: [number, number][] = [];
  for (let at = ends.at(-1) ?? -1; at >= 0; at = before[at] ?? -1) {
    const pair = pairs[at];
    if (pair !== undefined) chain.push(pair);
  }
  return chain.reverse();
}

/** The longest common part of two pieces; none of pieces that are too long. */
function longest(was: readonly number[], is: readonly number[]): [number, number][] {
  if (was.length * is.length === 0 || was.length * is.length > ALIGNED_MAX) return [];
  const width = is.length + 1;
  const lengths = new Uint32Array((was.length + 1) * width);
  for (let row = was.length - 1; row >= 0; row -= 1) {
    for (let column = is.length - 1; column >= 0; column -= 1) {
      const at = row * width + column;
      lengths[at] = was[row] === is[column] ? (lengths[at + width + 1] ?? 0) + 1 : Math.max(lengths[at + width] ?? 0, lengths[at + 1] ?? 0);
    }
  }
  const pairs: [number, number][] = [];
  for (let row = 0, column = 0; row < was.length && column < is.length; ) {
    const at = row * width + column;
    if (was[row] === is[column]) pairs.push([row++, column++]);
    else if ((lengths[at + width] ?? 0) >= (lengths[at + 1] ?? 0)) row += 1;
    else column += 1;
  }
  return pairs;
}
