/** A trace: its segments and subsegments as one tree over time. Source: X-Ray, "Segment documents". */

import type { XRay } from "../api/generated";
import { fieldsOf } from "./json";
import type { Fields } from "./json";
import { tickStep } from "./timeline";

export type TraceOutcome = "ok" | "error" | "throttle" | "fault" | "running";

interface StackFrame {
  readonly path: string;
  readonly line: number | null;
  readonly label: string;
}

export interface TraceException {
  readonly type: string;
  readonly message: string;
  readonly isRemote: boolean;
  readonly stack: readonly StackFrame[];
  /** Frames that the document leaves out. */
  readonly truncated: number;
}


export interface TraceNode {
  readonly id: string;
  readonly parent: string | null;
  readonly depth: number;
  readonly name: string;
  readonly isSegment: boolean;
  /** `AWS::Lambda::Function`, or the namespace of a call: `aws`, `remote`. */
  readonly kind: string;
  /** Milliseconds since 1970, with a fraction. */
  readonly from: number;
  /** `null` while it is in progress. */
  readonly to: number | null;
  readonly outcome: TraceOutcome;
  readonly http: { readonly method: string; readonly url: string; readonly status: number | null } | null;
  readonly annotations: Fields;
  readonly metadata: Fields;
  readonly aws: Fields;
  readonly exceptions: readonly TraceException[];
  /** The document without what is below it. */
  readonly document: Fields;
  readonly hasInside: boolean;
}

export interface Trace {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly isOpen: boolean;
  /** In the order of the tree: what is inside follows. */
  readonly nodes: readonly TraceNode[];
  /** The execution that it is of. */
  readonly executionArn: string | null;
  /** Documents that could not be read. */
  readonly unread: number;
  readonly isCut: boolean;
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const ms = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value * 1_000 : null);

interface Draft {
  readonly document: Fields;
  readonly parent: string | null;
  readonly isSegment: boolean;
}

export function readTrace(found: XRay.Trace): Trace {
  const drafts = new Map<string, Draft>();
  let unread = 0;
  const take = (document: Fields, parent: string | null, isSegment: boolean): void => {
    const id = text(document["id"]) || `unnamed-${drafts.size}`;
    // A document that comes again is newer: a segment in progress is sent until it is complete.
    drafts.set(id, { document, parent, isSegment });
    for (const inner of list(document["subsegments"])) take(fieldsOf(inner), id, false);
  };
  for (const segment of found.Segments ?? []) {
    try {
      const document = fieldsOf(JSON.parse(segment.Document ?? ""));
      // What is inferred of a call stands in the call already.
      if (document["inferred"] === true) continue;
      take(document, text(document["parent_id"]) || null, document["type"] !== "subsegment");
    } catch {
      unread += 1;
    }
  }
  const exceptions = exceptionsOf(drafts);
  const inside = new Map<string | null, string[]>();
  for (const [id, { parent }] of drafts) {
    const place = parent !== null && drafts.has(parent) && parent !== id ? parent : null;
    const siblings = inside.get(place);
    if (siblings) siblings.push(id);
    else inside.set(place, [id]);
  }
  const startOf = (id: string): number => ms(drafts.get(id)?.document["start_time"]) ?? 0;
  const nodes: TraceNode[] = [];
  const seen = new Set<string>();
  const walk = (parent: string | null, depth: number): void => {
    const ids = (inside.get(parent) ?? []).toSorted((a, b) => startOf(a) - startOf(b));
    for (const id of ids) {
      const draft = drafts.get(id);
      if (draft === undefined || seen.has(id)) continue;
      seen.add(id);
      nodes.push(nodeOf(id, draft, parent, depth, inside.has(id), exceptions));
      walk(id, depth + 1);
    }
  };
  walk(null, 0);
  // What names itself as what it is inside of has no root: it is shown all the same.
  for (const [id, draft] of drafts) {
    if (seen.has(id)) continue;
    seen.add(id);
    nodes.push(nodeOf(id, draft, null, 0, inside.has(id), exceptions));
    walk(id, 1);
  }
  const from = nodes.reduce((earliest, node) => Math.min(earliest, node.from), nodes[0]?.from ?? 0);
  const to = nodes.reduce((latest, node) => Math.max(latest, node.to ?? node.from), from);
  const executionArn = nodes.map((node) => text(node.aws["execution_arn"])).find((arn) => arn !== "") ?? null;
  return {
    id: found.Id ?? "",
    from,
    to: Math.max(to, from + 1),
    isOpen: nodes.some((node) => node.to === null),
    nodes,
    executionArn,
    unread,
    isCut: found.LimitExceeded ?? false,
  };
}

function nodeOf(id: string, draft: Draft, parent: string | null, depth: number, hasInside: boolean, known: ReadonlyMap<string, Fields>): TraceNode {
  const { subsegments: _, ...document } = draft.document;
  const from = ms(document["start_time"]) ?? 0;
  const to = document["in_progress"] === true ? null : (ms(document["end_time"]) ?? null);
  const request = fieldsOf(fieldsOf(document["http"])["request"]);
  const status = fieldsOf(fieldsOf(document["http"])["response"])["status"];
  const hasHttp = Object.keys(request).length > 0 || typeof status === "number";
  return {
    id,
    parent,
    depth,
    name: text(document["name"]) || "unnamed",
    isSegment: draft.isSegment,
    kind: text(document["origin"]) || text(document["namespace"]) || text(fieldsOf(document["aws"])["state_type"]),
    from,
    to: to === null ? null : Math.max(from, to),
    outcome: outcomeOf(document, to),
    http: hasHttp ? { method: text(request["method"]), url: text(request["url"]), status: typeof status === "number" ? status : null } : null,
    annotations: fieldsOf(document["annotations"]),
    metadata: fieldsOf(document["metadata"]),
    aws: fieldsOf(document["aws"]),
    exceptions: causeOf(document["cause"], known),
    document,
    hasInside,
  };
}

/** AWS: a throttle is an error too, and a fault is what the callee did wrong. */
function outcomeOf(document: Fields, to: number | null): TraceOutcome {
  if (document["fault"] === true) return "fault";
  if (document["throttle"] === true) return "throttle";
  if (document["error"] === true) return "error";
  return to === null ? "running" : "ok";
}

/** Exceptions by their id: a cause may be one of another segment. */
function exceptionsOf(drafts: ReadonlyMap<string, Draft>): ReadonlyMap<string, Fields> {
  const known = new Map<string, Fields>();
  for (const { document } of drafts.values()) {
    for (const exception of list(fieldsOf(document["cause"])["exceptions"])) {
      const id = text(fieldsOf(exception)["id"]);
      if (id) known.set(id, fieldsOf(exception));
    }
  }
  return known;
}

const EXCEPTIONS_MAX = 20;

function causeOf(cause: unknown, known: ReadonlyMap<string, Fields>): TraceException[] {
  const waiting = typeof cause === "string" ? [known.get(cause)] : list(fieldsOf(cause)["exceptions"]).map(fieldsOf);
  const found: TraceException[] = [];
  const seen = new Set<Fields>();
  while (waiting.length > 0 && found.length < EXCEPTIONS_MAX) {
    const exception = waiting.shift();
    if (exception === undefined || seen.has(exception)) continue;
    seen.add(exception);
    found.push({
      type: text(exception["type"]) || "Error",
      message: text(exception["message"]),
      isRemote: exception["remote"] === true,
      stack: list(exception["stack"]).map((frame) => {
        const { path, line, label } = fieldsOf(frame);
        return { path: text(path), line: typeof line === "number" ? line : null, label: text(label) };
      }),
      truncated: typeof exception["truncated"] === "number" ? exception["truncated"] : 0,
    });
    const below = known.get(text(exception["cause"]));
    if (below) waiting.push(below);
  }
  return found;
}

export interface WaterfallRow {
  readonly node: TraceNode;
  /** Fractions of the whole trace, 0 to 1. */
  readonly from: number;
  readonly to: number;
  readonly duration: number;
  /** What is inside and not shown. */
  readonly hidden: number;
}

interface WaterfallShape {
  readonly rows: readonly WaterfallRow[];
  readonly ticks: readonly { readonly at: number; readonly offset: number }[];
  readonly from: number;
  readonly to: number;
}

/**
 * The rows of a trace.
 *
 * - `collapsed`: nodes whose inside is left out.
 * - `now`: end of what is in progress.
 */
export function waterfallOf(trace: Trace, collapsed: ReadonlySet<string>, now: number): WaterfallShape {
  const to = trace.isOpen ? Math.max(trace.to, Math.min(now, trace.to + 3_600_000)) : trace.to;
  const whole = Math.max(1, to - trace.from);
  const at = (instant: number): number => Math.min(1, Math.max(0, (instant - trace.from) / whole));
  const rows: WaterfallRow[] = [];
  for (let index = 0; index < trace.nodes.length; ) {
    const node = trace.nodes[index];
    if (node === undefined) break;
    const end = node.to ?? to;
    let next = index + 1;
    if (collapsed.has(node.id)) while ((trace.nodes[next]?.depth ?? -1) > node.depth) next += 1;
    rows.push({ node, from: at(node.from), to: at(end), duration: end - node.from, hidden: next - index - 1 });
    index = next;
  }
  const step = tickStep(whole, 6);
  const ticks = [];
  for (let offset = 0; offset <= whole && ticks.length < 16; offset += step) ticks.push({ at: at(trace.from + offset), offset });
  return { rows, ticks, from: trace.from, to };
}

/** Nodes that begin closed: in a large trace what lies deep. */
export function deepNodes(trace: Trace, mostOpen = 400, depth = 3): Set<string> {
  if (trace.nodes.length <= mostOpen) return new Set();
  return new Set(trace.nodes.filter((node) => node.hasInside && node.depth >= depth).map((node) => node.id));
}

/** How a trace of a list ended. AWS: `Has...` of GetTraceSummaries. */
export function summaryOutcome(summary: XRay.TraceSummary): TraceOutcome {
  if (summary.HasFault) return "fault";
  if (summary.HasThrottle) return "throttle";
  if (summary.HasError) return "error";
  return summary.IsPartial ? "running" : "ok";
}

/** AWS: `1-`, seconds since 1970 in hexadecimal, 24 digits. */
export function traceStart(id: string): number | null {
  const seconds = Number.parseInt(/^1-([0-9a-f]{8})-[0-9a-f]{24}$/.exec(id)?.[1] ?? "", 16);
  return Number.isNaN(seconds) ? null : seconds * 1_000;
}
