/**
 * States that wait for somebody: where the task token of a `.waitForTaskToken` is to be found, so that a person may
 * answer by hand.
 */

import type { Graph } from "./definition";
import { detail, detailsOf } from "./history";
import type { HistoryEvent, Run, Visit } from "./history";
import { isFields } from "./json";
import type { Fields } from "./json";

export type Waiting =
  | {
      readonly kind: "token";
      readonly visit: Visit;
      readonly token: string;
      /** Where it lies in what was sent: `$.Payload.taskToken`. */
      readonly at: string;
      readonly heartbeatSeconds: number | null;
    }
  | { readonly kind: "activity"; readonly visit: Visit; readonly activityArn: string }
  | { readonly kind: "unknown"; readonly visit: Visit; readonly why: string };

/** States that are looked at: a Map may wait for more people than a page lists. */
const WAITING_MAX = 200;

/** The states of a run that wait for a token or a worker, in the order of their entry. */
export function waitingOf(run: Run, events: readonly HistoryEvent[], graph: Graph | null): Waiting[] {
  const found: Waiting[] = [];
  for (const visit of run.visits) {
    if (visit.outcome !== "running" || visit.type !== "Task") continue;
    const waiting = waitingAt(visit, events, graph);
    if (waiting !== null) found.push(waiting);
    if (found.length === WAITING_MAX) break;
  }
  return found;
}

/** What a visit waits for; `null` for one that is over, or does its work by itself. */
export function waitingAt(visit: Visit, events: readonly HistoryEvent[], graph: Graph | null): Waiting | null {
  const attempt = visit.attempts.at(-1);
  if (visit.outcome !== "running" || attempt === undefined || attempt.endedAt !== null) return null;
  // Events are in the order of their ids, which begin at 1.
  const scheduled = attempt.events.map((id) => events[id - 1]).find((event) => event !== undefined && (event.type as string).endsWith("Scheduled"));
  if (scheduled === undefined) return null;
  if (scheduled.type === "ActivityScheduled") return { kind: "activity", visit, activityArn: detail(scheduled, "resource") ?? "" };
  if (!(detail(scheduled, "resource") ?? "").endsWith(".waitForTaskToken")) return null;
  const fields = graph?.states.find((state) => state.name === visit.name)?.fields;
  if (fields === undefined) return { kind: "unknown", visit, why: "the definition of the state is not known" };
  const sent = parsed(detail(scheduled, "parameters"));
  if (sent === undefined) return { kind: "unknown", visit, why: "the history does not have what was sent" };
  const places = tokenPlaces(fields["Arguments"] ?? fields["Parameters"]);
  if (places.length === 0) return { kind: "unknown", visit, why: "its definition sends no task token" };
  for (const place of places) {
    const token = tokenIn(valueAt(sent, place.path), place.isWhole);
    if (token === null) continue;
    const heartbeat = detailsOf(scheduled)["heartbeatInSeconds"];
    return { kind: "token", visit, token, at: pathText(place.path), heartbeatSeconds: typeof heartbeat === "number" ? heartbeat : null };
  }
  return { kind: "unknown", visit, why: "its token is part of a text that cannot be taken apart" };
}

interface Place {
  readonly path: readonly (string | number)[];
  /** Whether the value is the token and nothing else. */
  readonly isWhole: boolean;
}

const TOKEN_PATH = /\$\$\.Task\.Token\b/;
const TOKEN_VARIABLE = /\$states\.context\.Task\.Token\b/;

/** Where a template puts the token: plain values first, then those of expressions that have it in them. */
export function tokenPlaces(template: unknown): Place[] {
  const places: Place[] = [];
  const walk = (value: unknown, path: readonly (string | number)[]): void => {
    if (Array.isArray(value)) value.forEach((item, index) => walk(item, [...path, index]));
    else if (isFields(value)) {
      for (const [key, member] of Object.entries(value)) {
        if (key.endsWith(".$") && typeof member === "string") {
          if (TOKEN_PATH.test(member)) places.push({ path: [...path, key.slice(0, -2)], isWhole: member.trim() === "$$.Task.Token" });
          else if (member.trim() === "$$" || member.trim() === "$$.Task") {
            places.push({ path: [...path, key.slice(0, -2), ...(member.trim() === "$$" ? ["Task"] : []), "Token"], isWhole: true });
          }
        } else walk(member, [...path, key]);
      }
    } else if (typeof value === "string" && TOKEN_VARIABLE.test(value)) {
      places.push({ path, isWhole: /^\{%\s*\$states\.context\.Task\.Token\s*%\}$/.test(value) });
    }
  };
  walk(template, []);
  return places.sort((a, b) => Number(b.isWhole) - Number(a.isWhole));
}

/** Texts that are longer are no payload of ours. */
const TEXT_MAX = 1024 * 1024;
/** The token within what an expression made: as a member, in a JSON text, or in a sentence. */
function tokenIn(value: unknown, isWhole: boolean): string | null {
  if (isWhole) return typeof value === "string" && value !== "" ? value : null;
  const candidates = new Set<string>();
  const walk = (inner: unknown, depth: number): void => {
    if (depth > 32 || candidates.size > 1) return;
    if (Array.isArray(inner)) for (const item of inner) walk(item, depth + 1);
    else if (isFields(inner)) for (const member of Object.values(inner)) walk(member, depth + 1);
    else if (typeof inner === "string" && inner.length <= TEXT_MAX) {
      const json = /^\s*[[{"]/.test(inner) ? parsed(inner) : undefined;
      if (json !== undefined) walk(json, depth + 1);
      else for (const word of inner.match(/[A-Za-z0-9+/_-]{40,1024}={0,2}/g) ?? []) candidates.add(word);
    }
  };
  walk(value, 0);
  const [only] = candidates;
  return candidates.size === 1 && only !== undefined ? only : null;
}

function valueAt(value: unknown, path: readonly (string | number)[]): unknown {
  let at = value;
  for (const step of path) {
    // AWS: `MessageBody` and `Input` may go as a JSON text.
    if (typeof at === "string") at = parsed(at);
    if (typeof at !== "object" || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<string | number, unknown>)[step];
  }
  return at;
}

const pathText = (path: readonly (string | number)[]): string =>
  `$${path.map((step) => (typeof step === "number" ? `[${step}]` : /^[A-Za-z_]\w*$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`)).join("")}`;

function parsed(text: string | null): unknown {
  if (text === null) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * An output that takes the first way of the Choice state behind: what a person most likely wants to answer with.
 *
 * Only plain comparisons of members below the state's `ResultPath`; `{}` where there are none.
 */
export function suggestedOutput(graph: Graph | null, name: string): Fields {
  const state = graph?.states.find((one) => one.name === name);
  const next = graph?.states.find((one) => one.name === state?.fields["Next"]);
  const resultPath = state?.fields["ResultPath"] ?? "$";
  const rules = next?.type === "Choice" ? next.fields["Choices"] : undefined;
  if (state === undefined || typeof resultPath !== "string" || !Array.isArray(rules)) return {};
  const output: Record<string, unknown> = {};
  const prefix = resultPath === "$" ? "$." : `${resultPath}.`;
  const take = (rule: unknown): void => {
    if (!isFields(rule)) return;
    if (Array.isArray(rule["And"])) return rule["And"].forEach(take);
    const variable = rule["Variable"];
    if (typeof variable !== "string" || !variable.startsWith(prefix)) return;
    const member = variable.slice(prefix.length);
    const wanted = rule["BooleanEquals"] ?? rule["StringEquals"] ?? rule["NumericEquals"];
    if (/^\w+$/.test(member) && member !== "__proto__" && wanted !== undefined) output[member] = wanted;
  };
  take(rules[0]);
  return output;
}
