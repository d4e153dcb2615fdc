/** Choice rules of JSONPath machines, as a builder shows them: comparisons, joined by one word. Pure. */

import { isObj } from "./pointerEdits";
import type { Obj } from "./pointerEdits";

type Joint = "And" | "Or";

export interface Comparison {
  readonly isNegated: boolean;
  readonly variable: string;
  readonly operator: string;
  readonly value: unknown;
}

export interface RuleShape {
  /** How more than one comparison is joined. */
  readonly joint: Joint;
  readonly comparisons: readonly Comparison[];
}

type Comparand = "text" | "number" | "boolean" | "instant" | "path" | "flag";

interface Operator {
  readonly name: string;
  readonly text: string;
  readonly comparand: Comparand;
}

const RELATIONS: readonly (readonly [name: string, text: string])[] = [
  ["Equals", "="],
  ["LessThan", "<"],
  ["LessThanEquals", "≤"],
  ["GreaterThan", ">"],
  ["GreaterThanEquals", "≥"],
];

const FAMILIES: readonly (readonly [name: string, text: string, comparand: Comparand])[] = [
  ["String", "text", "text"],
  ["Numeric", "number", "number"],
  ["Timestamp", "time", "instant"],
  ["Boolean", "boolean", "boolean"],
];

/** The 39 comparison operators. Booleans are equal or not, no more. */
export const OPERATORS: readonly Operator[] = [
  { name: "IsPresent", text: "is present", comparand: "flag" },
  { name: "IsNull", text: "is null", comparand: "flag" },
  { name: "IsString", text: "is a text", comparand: "flag" },
  { name: "IsNumeric", text: "is a number", comparand: "flag" },
  { name: "IsBoolean", text: "is a boolean", comparand: "flag" },
  { name: "IsTimestamp", text: "is a time", comparand: "flag" },
  { name: "StringMatches", text: "text like", comparand: "text" },
  ...FAMILIES.flatMap(([family, text, comparand]) =>
    RELATIONS.filter(([relation]) => family !== "Boolean" || relation === "Equals").flatMap(([relation, sign]): Operator[] => [
      { name: `${family}${relation}`, text: `${text} ${sign}`, comparand },
      { name: `${family}${relation}Path`, text: `${text} ${sign} path`, comparand: "path" },
    ]),
  ),
];

export const operatorOf = (name: string): Operator | undefined => OPERATORS.find((operator) => operator.name === name);

/** Members of a rule that its comparison does not touch. */
const KEPT = new Set(["Next", "Comment", "Assign", "Output"]);

/** A rule as comparisons; `null` for what nests deeper, which only its JSON shows. */
export function readRule(rule: Readonly<Obj>): RuleShape | null {
  for (const joint of ["And", "Or"] as const) {
    const inner = rule[joint];
    if (inner === undefined) continue;
    if (!Array.isArray(inner)) return null;
    const comparisons = inner.map((one: unknown) => (isObj(one) ? readComparison(one) : null));
    return comparisons.every((one) => one !== null) ? { joint, comparisons } : null;
  }
  const one = readComparison(rule);
  return one === null ? null : { joint: "And", comparisons: [one] };
}

function readComparison(rule: Readonly<Obj>): Comparison | null {
  const not = rule["Not"];
  if (isObj(not)) {
    const inner = readComparison(not);
    return inner === null || inner.isNegated ? null : { ...inner, isNegated: true };
  }
  const names = Object.keys(rule).filter((name) => !KEPT.has(name) && name !== "Variable");
  const [operator] = names;
  if (operator === undefined || names.length !== 1 || operatorOf(operator) === undefined) return null;
  return { isNegated: false, variable: typeof rule["Variable"] === "string" ? rule["Variable"] : "", operator, value: rule[operator] };
}

/** The rule with these comparisons; what else it had, it keeps. */
export function writeRule(rule: Readonly<Obj>, shape: RuleShape): Obj {
  const kept = Object.entries(rule).filter(([name]) => KEPT.has(name));
  const written = shape.comparisons.map(writeComparison);
  const own = written.length === 1 ? (written[0] as Obj) : { [shape.joint]: written };
  return { ...own, ...Object.fromEntries(kept) };
}

function writeComparison({ isNegated, variable, operator, value }: Comparison): Obj {
  const comparison = { Variable: variable, [operator]: value };
  return isNegated ? { Not: comparison } : comparison;
}

/** The comparison with another operator, and a value that fits it. */
export function withOperator(comparison: Comparison, name: string): Comparison {
  const [before, after] = [operatorOf(comparison.operator)?.comparand, operatorOf(name)?.comparand ?? "text"];
  return { ...comparison, operator: name, value: before === after ? comparison.value : FIRST[after] };
}

const FIRST: Readonly<Record<Comparand, unknown>> = { text: "", number: 0, boolean: true, instant: "2027-01-01T00:00:00Z", path: "$.other", flag: true };

export const NEW_COMPARISON: Comparison = { isNegated: false, variable: "$.value", operator: "IsPresent", value: true };
