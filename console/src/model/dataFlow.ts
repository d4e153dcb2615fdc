/**
 * What became of a state's data on its way through: the six steps from its input to its output.
 *
 * A history records where data enters and leaves a state and what a task was sent and gave. The steps between follow
 * from the definition where a field is absent or a plain path; what only an evaluation would tell is said to be so.
 */

import { detail, detailsOf } from "./history";
import type { Attempt, HistoryEvent, Visit } from "./history";
import { readExactly, writeExactly } from "./json";

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
 * - `language`: of the whole definition; a state may say otherwise.
 */
export function dataFlow(
  visit: Visit,
  events: ReadonlyMap<number, HistoryEvent>,
  fields: Readonly<Record<string, unknown>>,
  attempt: Attempt | undefined = visit.attempts.at(-1),
  language: "JSONPath" | "JSONata" = "JSONPath",
): Pane[] {
  const isJsonata = (fields["QueryLanguage"] ?? language) === "JSONata" || "Arguments" in fields || "Output" in fields;
  const own = (attempt?.events ?? []).map((id) => events.get(id)).filter((event) => event !== undefined);
  const sent = own.map(sentBy).find((text) => text !== null) ?? null;
  const given = own.map(givenBy).findLast((text) => text !== null) ?? null;
  const isOver = visit.endedAt !== null;
  const written = (name: string): string | null => (name in fields ? JSON.stringify(fields[name]) : null);
  const recorded = (name: PaneName, title: string, json: string | null, field: string | null): Pane => ({
    name,
    title,
    json,
    field,
    source: json === null ? (isOver ? "unrecorded" : "absent") : "recorded",
  });
  const derived = (name: PaneName, title: string, json: string | null, field: string | null): Pane => ({
    ...recorded(name, title, json, field),
    source: json === null ? (isOver ? "unrecorded" : "absent") : "derived",
  });
  // What reaches ResultPath is in the output as it was put there, if nothing else has changed it and it did not fail.
  const placed = isJsonata || "OutputPath" in fields || visit.outcome !== "succeeded" ? null : along(visit.output, fields["ResultPath"] ?? "$");
  const hasResult = visit.type === "Task" || visit.type === "Parallel" || visit.type === "Map" || visit.type === "Pass";
  if (isJsonata) {
    const isTask = visit.type === "Task";
    const argumentsText = sent ?? (isTask && !("Arguments" in fields) ? visit.input : null);
    const result = given ?? (isTask || visit.type === "Pass" || "Output" in fields ? null : hasResult ? visit.output : null);
    return [
      recorded("input", "State input", visit.input, null),
      ...(isTask ? [sent === null ? derived("arguments", "Arguments", argumentsText, written("Arguments")) : recorded("arguments", "Arguments", sent, written("Arguments"))] : []),
      ...(hasResult && visit.type !== "Pass" ? [given === null ? derived("result", "Result", result, null) : recorded("result", "Result", given, null)] : []),
      recorded("output", "State output", visit.output, written("Output")),
    ];
  }
  const afterInputPath = along(visit.input, fields["InputPath"]);
  const inputPane = recorded("input", "State input", visit.input, null);
  const pathPane = derived("afterInputPath", "After InputPath", afterInputPath, written("InputPath"));
  const outputField = written("ResultPath") ?? written("OutputPath");
  const outputPane = recorded("output", "State output", visit.output, outputField);
  const parameters = written("Parameters") ?? (visit.type === "Map" ? written("ItemSelector") : null);
  const isPass = visit.type === "Pass";
  const passed = isPass && !("Result" in fields) ? placed : null;
  const unchanged = "Parameters" in fields ? passed : afterInputPath;
  const argumentsPane = sent === null ? derived("arguments", "Parameters", unchanged, parameters) : recorded("arguments", "Parameters", sent, parameters);
  if (!hasResult) return [inputPane, pathPane, outputPane];
  const selected = "ResultSelector" in fields;
  const fixed = isPass && "Result" in fields ? JSON.stringify(fields["Result"]) : null;
  const result = given ?? fixed ?? (selected ? null : placed);
  const resultPane = given === null ? derived("result", "Result", result, written("Result")) : recorded("result", "Result", given, null);
  const selectedPane = derived("afterResultSelector", "After ResultSelector", selected ? placed : result, written("ResultSelector"));
  return [inputPane, pathPane, argumentsPane, resultPane, ...(isPass ? [] : [selectedPane]), outputPane];
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
    value = readExactly(json);
  } catch {
    return null;
  }
  for (const [, name, index, quoted] of path.matchAll(/\.([A-Za-z_][\w-]*)|\[(\d+)\]|\['([^'\]]+)'\]/g)) {
    if (typeof value !== "object" || value === null) return null;
    value = (value as Record<string, unknown>)[name ?? index ?? quoted ?? ""];
    if (value === undefined) return null;
  }
  return writeExactly(value);
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
