/**
 * What became of a state's data on its way through: the six steps from its input to its output.
 *
 * A history records where data enters and leaves a state and what a task was sent and gave. The steps between follow
 * from the definition where a field is absent or a plain path; what only an evaluation would tell is said to be so.
 */

import { detail, detailsOf } from "./history";
import type { Attempt, HistoryEvent, Visit } from "./history";

export type PaneName = "input" | "afterInputPath" | "arguments" | "result" | "afterResultSelector" | "output";

export interface Pane {
  readonly name: PaneName;
  readonly title: string;
  /** JSON text; `null` where nothing is known. */
  readonly json: string | null;
  /** `recorded` in the history, `derived` from it, `absent` where the state was not so far, `unrecorded` otherwise. */
  readonly source: "recorded" | "derived" | "absent" | "unrecorded";
  /** The field of the definition that makes the step, as written. */
  readonly field: string | null;
}

/**
 * The panes of a visit.
 *
 * - `attempt`: whose arguments and result are shown; the last one by default.
 * - `fields`: of the state in the definition that the execution has.
 */
export function dataFlow(
  visit: Visit,
  events: ReadonlyMap<number, HistoryEvent>,
  fields: Readonly<Record<string, unknown>>,
  attempt: Attempt | undefined = visit.attempts.at(-1),
): Pane[] {
  const isJsonata = fields["QueryLanguage"] === "JSONata" || "Arguments" in fields || "Output" in fields;
  const own = (attempt?.events ?? []).map((id) => events.get(id)).filter((event) => event !== undefined);
  const sent = own.map(sentBy).find((text) => text !== null) ?? null;
  const given = own.map(givenBy).findLast((text) => text !== null) ?? null;
  const isOver = visit.endedAt !== null;
  const written = (name: string): string | null => (name in fields ? JSON.stringify(fields[name]) : null);
  const pane = (name: PaneName, title: string, json: string | null, field: string | null, source?: Pane["source"]): Pane => ({
    name,
    title,
    json,
    field,
    source: source ?? (json === null ? (isOver ? "unrecorded" : "absent") : "recorded"),
  });
  const afterInputPath = isJsonata ? visit.input : along(visit.input, fields["InputPath"]);
  const argumentsField = written(isJsonata ? "Arguments" : "Parameters");
  const passes = argumentsField === null ? afterInputPath : null;
  const result = given ?? (visit.type === "Pass" && "Result" in fields ? JSON.stringify(fields["Result"]) : null);
  const selected = "ResultSelector" in fields ? null : result;
  return [
    pane("input", "State input", visit.input, null),
    pane("afterInputPath", "After InputPath", afterInputPath, written("InputPath"), afterInputPath === null ? "unrecorded" : "derived"),
    sent !== null
      ? pane("arguments", isJsonata ? "Arguments" : "Parameters", sent, argumentsField)
      : pane("arguments", isJsonata ? "Arguments" : "Parameters", passes, argumentsField, passes === null ? "unrecorded" : "derived"),
    pane("result", "Result", result, null),
    pane("afterResultSelector", "After ResultSelector", selected, written("ResultSelector"), selected === null ? undefined : "derived"),
    pane("output", "State output", visit.output, written(isJsonata ? "Output" : "ResultPath") ?? written("OutputPath")),
  ];
}

/** What an event says that work was sent. */
function sentBy(event: HistoryEvent): string | null {
  if (!(event.type as string).endsWith("Scheduled")) return null;
  return detail(event, "parameters") ?? detail(event, "input");
}

/** What an event says that work gave. */
function givenBy(event: HistoryEvent): string | null {
  return (event.type as string).endsWith("Succeeded") ? detail(event, "output") : null;
}

/**
 * What a path takes of a JSON text.
 *
 * - `path`: absent or `$` takes all of it, `null` takes nothing of it; else names and indices.
 * - Gives `null` where it takes more than that to know.
 */
export function along(json: string | null, path: unknown): string | null {
  if (json === null) return null;
  if (path === undefined || path === "$") return json;
  if (path === null) return "{}";
  if (typeof path !== "string" || !/^\$(\.[A-Za-z_][\w-]*|\[\d+\]|\['[^'\]]+'\])+$/.test(path)) return null;
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    return null;
  }
  for (const [, name, index, quoted] of path.matchAll(/\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^'\]]+)'\]/g)) {
    if (typeof value !== "object" || value === null) return null;
    value = (value as Record<string, unknown>)[name ?? index ?? quoted ?? ""];
    if (value === undefined) return null;
  }
  return JSON.stringify(value);
}

/** One line that says what an event is about. */
export function eventSummary(event: HistoryEvent): string {
  const details = detailsOf(event);
  const text = (name: string): string => (typeof details[name] === "string" ? (details[name] as string) : "");
  const error = text("error");
  if (error || text("cause")) return [error, firstLine(text("cause"))].filter(Boolean).join(": ");
  const type = event.type as string;
  if (type.endsWith("StateEntered")) return firstLine(text("input"));
  if (type.endsWith("StateExited")) return firstLine(text("output"));
  if (text("name")) return typeof details["index"] === "number" ? `${text("name")} [${details["index"]}]` : text("name");
  if (text("mapRunArn")) return text("mapRunArn").split("/").pop() ?? "";
  const resource = text("resource");
  if (resource) return text("resourceType") ? `${text("resourceType")}:${resource}` : (resource.split(":function:").pop() ?? resource);
  if (typeof details["length"] === "number") return `${details["length"]} items`;
  return firstLine(text("output") || text("input"));
}

function firstLine(text: string): string {
  const line = text.split("\n", 1)[0] ?? "";
  return line.length > 160 ? `${line.slice(0, 159)}…` : line;
}
