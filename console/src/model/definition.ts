/** A definition as a graph: states, what is inside which, and where each can lead. Pure, and forgiving: drafts too. */

import { isFields } from "./json";
import type { Fields } from "./json";

export interface StateNode {
  readonly name: string;
  readonly type: string;
  /** The Parallel or Map state that it is inside of. */
  readonly parent: string | null;
  /** Which branch of a Parallel; 0 in a Map. */
  readonly branch: number;
  readonly comment: string | null;
  /** JSON pointer of the state in the definition. */
  readonly pointer: string;
  /** What it does, in few words: the function, the service action, the time. */
  readonly subtitle: string;
  readonly isStart: boolean;
  readonly isEnd: boolean;
  readonly retries: number;
  /** Settings as they are written. */
  readonly fields: Readonly<Record<string, unknown>>;
}

export type EdgeKind = "next" | "default" | "choice" | "catch";

export interface Edge {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly kind: EdgeKind;
  readonly label: string;
  /** Of the rule or catcher; 0 otherwise. */
  readonly index: number;
}

export interface Graph {
  readonly states: readonly StateNode[];
  readonly edges: readonly Edge[];
  /** Where each body begins: key `""` is the machine, `NAME/BRANCH` is inside a state. */
  readonly starts: ReadonlyMap<string, string>;
  readonly comment: string | null;
  readonly queryLanguage: "JSONPath" | "JSONata";
}

const text = (value: unknown): string | null => (typeof value === "string" ? value : null);
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** A JSON pointer's token. */
export const token = (name: string): string => name.replaceAll("~", "~0").replaceAll("/", "~1");

/** The key of a body in [`Graph.starts`]. */
export const bodyKey = (parent: string | null, branch: number): string => (parent === null ? "" : `${parent}/${branch}`);

/** Reads a definition. Gives `null` for what is no JSON object; whatever in it is no state is left out. */
export function readDefinition(definition: string): Graph | null {
  let value: unknown;
  try {
    value = JSON.parse(definition);
  } catch {
    return null;
  }
  if (!isFields(value)) return null;
  const states: StateNode[] = [];
  const edges: Edge[] = [];
  const starts = new Map<string, string>();
  body(value, null, 0, "", { states, edges, starts });
  const names = new Set(states.map((state) => state.name));
  return {
    states,
    edges: edges.filter((edge) => names.has(edge.to)),
    starts,
    comment: text(value["Comment"]),
    queryLanguage: value["QueryLanguage"] === "JSONata" ? "JSONata" : "JSONPath",
  };
}

interface Into {
  readonly states: StateNode[];
  readonly edges: Edge[];
  readonly starts: Map<string, string>;
}

function body(fields: Fields, parent: string | null, branch: number, pointer: string, into: Into): void {
  const start = text(fields["StartAt"]);
  if (start !== null) into.starts.set(bodyKey(parent, branch), start);
  if (!isFields(fields["States"])) return;
  for (const [name, state] of Object.entries(fields["States"])) {
    if (!isFields(state)) continue;
    const type = text(state["Type"]) ?? "";
    const at = `${pointer}/States/${token(name)}`;
    into.states.push({
      name,
      type,
      parent,
      branch,
      comment: text(state["Comment"]),
      pointer: at,
      subtitle: subtitle(type, state),
      isStart: name === start,
      isEnd: state["End"] === true || type === "Succeed" || type === "Fail",
      retries: list(state["Retry"]).length,
      fields: state,
    });
    leave(name, state, into.edges);
    list(state["Branches"]).forEach((inner, index) => {
      if (isFields(inner)) body(inner, name, index, `${at}/Branches/${index}`, into);
    });
    for (const member of ["ItemProcessor", "Iterator"]) {
      const inner = state[member];
      if (isFields(inner)) body(inner, name, 0, `${at}/${member}`, into);
    }
  }
}

function leave(from: string, state: Fields, edges: Edge[]): void {
  const add = (to: unknown, kind: EdgeKind, label: string, number: number): void => {
    const target = text(to);
    if (target !== null) edges.push({ id: `${from}>${kind}${number}>${target}`, from, to: target, kind, label, index: number });
  };
  add(state["Next"], "next", "", 0);
  list(state["Choices"]).forEach((rule, index) => {
    if (isFields(rule)) add(rule["Next"], "choice", ruleText(rule), index);
  });
  add(state["Default"], "default", "otherwise", 0);
  list(state["Catch"]).forEach((catcher, index) => {
    if (isFields(catcher)) add(catcher["Next"], "catch", list(catcher["ErrorEquals"]).join(", "), index);
  });
}

const COMPARISONS: readonly (readonly [suffix: string, sign: string])[] = [
  ["GreaterThanEquals", "≥"],
  ["LessThanEquals", "≤"],
  ["GreaterThan", ">"],
  ["LessThan", "<"],
  ["Equals", "="],
  ["Matches", "like"],
];

/** A choice rule in one line. */
export function ruleText(rule: Fields): string {
  const condition = text(rule["Condition"]);
  if (condition !== null) return condition.replace(/^\{%\s*|\s*%\}$/g, "");
  for (const [word, joint] of [["And", " and "], ["Or", " or "]] as const) {
    const inner = rule[word];
    if (Array.isArray(inner)) return inner.filter(isFields).map(ruleText).join(joint);
  }
  if (isFields(rule["Not"])) return `not (${ruleText(rule["Not"])})`;
  const variable = text(rule["Variable"]) ?? "";
  for (const [name, value] of Object.entries(rule)) {
    if (name === "Variable" || name === "Next" || name === "Comment" || name === "Output" || name === "Assign") continue;
    if (name.startsWith("Is")) return `${variable} ${value === false ? "is not" : "is"} ${name.slice(2).toLowerCase()}`;
    const comparison = COMPARISONS.find(([suffix]) => name.replace(/Path$/, "").endsWith(suffix));
    if (comparison) return `${variable} ${comparison[1]} ${JSON.stringify(value)}`;
  }
  return variable;
}

function subtitle(type: string, state: Fields): string {
  switch (type) {
    case "Task":
      return resourceText(text(state["Resource"]) ?? "", state);
    case "Wait":
      for (const field of ["Seconds", "Timestamp", "SecondsPath", "TimestampPath"]) {
        const value = state[field];
        if (value !== undefined) return field === "Seconds" && typeof value === "number" ? `${value} s` : String(value);
      }
      return "";
    case "Map": {
      const processor = state["ItemProcessor"];
      const config = isFields(processor) ? processor["ProcessorConfig"] : undefined;
      const mode = isFields(config) ? config["Mode"] : undefined;
      return mode === "DISTRIBUTED" ? "distributed" : "for each item";
    }
    case "Parallel": {
      const branches = list(state["Branches"]).length;
      return `${branches} ${branches === 1 ? "branch" : "branches"}`;
    }
    case "Fail":
      return text(state["Error"]) ?? "";
    default:
      return "";
  }
}

/** `arn:aws:states:::lambda:invoke.waitForTaskToken` of a function F: `F, waits for a token`. */
function resourceText(resource: string, state: Fields): string {
  const parts = resource.split(":");
  if (parts[2] === "lambda" && parts[5] === "function") return parts.slice(6).join(":");
  if (parts[2] === "states" && parts[5] === "activity") return `activity ${parts.slice(6).join(":")}`;
  const service = parts[2] === "states" ? parts.slice(5).join(":") : resource;
  const [action = "", pattern] = service.split(".");
  const suffix = pattern === "waitForTaskToken" ? ", waits for a token" : pattern?.startsWith("sync") ? ", waits for the end" : "";
  const given = state["Parameters"] ?? state["Arguments"];
  const named = isFields(given) ? (text(given["FunctionName"]) ?? text(given["StateMachineArn"])) : null;
  const what = named === null ? action.replace(/^aws-sdk:/, "") : (named.split(":function:").pop() ?? named).split(":").pop();
  return `${what ?? action}${suffix}`;
}

/** The edges that a run has taken, by id. */
export function takenEdges(graph: Graph, path: readonly { readonly name: string; readonly outcome: string }[]): Set<string> {
  const taken = new Set<string>();
  const byFrom = new Map<string, Edge[]>();
  for (const edge of graph.edges) byFrom.set(edge.from, [...(byFrom.get(edge.from) ?? []), edge]);
  const entered = new Set(path.map((visit) => visit.name));
  for (const visit of path) {
    const out = byFrom.get(visit.name) ?? [];
    const wanted = out.filter((edge) => entered.has(edge.to) && (edge.kind === "catch") === (visit.outcome === "caught"));
    if (visit.outcome === "succeeded" || visit.outcome === "caught") for (const edge of wanted) taken.add(edge.id);
  }
  return taken;
}

/** The graph, with the states that it had before where they are the same: who looks at one state sees whether it is another. */
export function sharedWith(graph: Graph, before: Graph | null): Graph {
  if (before === null) return graph;
  const old = new Map(before.states.map((state) => [state.name, state]));
  const states = graph.states.map((state) => {
    const known = old.get(state.name);
    return known !== undefined && JSON.stringify(known) === JSON.stringify(state) ? known : state;
  });
  return { ...graph, states };
}
