/**
 * Tests of one state, and of one expression, by the server's TestState: what is asked, and what its answer shows.
 *
 * Nothing is evaluated here.
 */

import type { States } from "../api/generated";
import type { Pane, PaneName } from "./dataFlow";
import { machineOf, nameOf } from "./arn";
import { detailsOf } from "./history";
import type { HistoryEvent, Run, Visit } from "./history";
import { isFields, notJson } from "./json";
import { allNames, freeName, leaving, levelsOf, locate } from "./levels";
import type { Located } from "./levels";
import type { Language } from "./newStates";
import { isObj } from "./pointerEdits";
import type { Obj } from "./pointerEdits";

/** Characters of an expression that are sent by themselves, while somebody types. */
export const EXPRESSION_MAX = 20_000;
/** AWS: payloads are at most 256 KiB. */
const INPUT_MAX = 262_144;

/** What a state is given. JSON texts; an empty one is left out. */
export interface Given {
  readonly input: string;
  readonly variables: string;
  readonly context: string;
}

export interface MockGiven {
  readonly kind: "none" | "result" | "error";
  readonly result: string;
  readonly error: string;
  readonly cause: string;
  readonly validation: States.MockResponseValidationMode;
  /** Times that it was retried before. */
  readonly retries: number;
  /** Of a Map: items that have failed, and what its ItemReader has read. */
  readonly failedItems: number;
  readonly itemsRead: string;
}

export const NO_MOCK: MockGiven = { kind: "none", result: "", error: "", cause: "", validation: "STRICT", retries: 0, failedItems: 0, itemsRead: "" };

interface Asked {
  readonly roleArn: string;
  readonly level: States.InspectionLevel;
}

/** Why a text is no JSON, or no object; `null` if it is well, or empty. */
export function jsonProblem(text: string, wants: "any" | "object" = "any"): string | null {
  if (text.trim() === "") return null;
  if (text.length > INPUT_MAX) return `Longer than ${INPUT_MAX.toLocaleString("en")} characters`;
  const problem = notJson(text);
  if (problem !== null || wants === "any") return problem;
  return isFields(JSON.parse(text)) ? null : "Not an object";
}

const given = (name: string, text: string): Record<string, string> => (text.trim() === "" ? {} : { [name]: text });

/** A test of a state of a definition, as it is in the editor. */
export function stateTest(definition: Obj, name: string, { input, variables, context }: Given, mock: MockGiven, { roleArn, level }: Asked): States.TestStateInput | null {
  const located = locate(definition, name);
  if (located === null) return null;
  const { state } = located;
  const isMocked = mock.kind !== "none";
  return {
    definition: JSON.stringify(machineFor(definition, located)),
    stateName: name,
    input: input.trim() === "" ? "{}" : input,
    inspectionLevel: level,
    ...given("variables", variables),
    ...given("roleArn", state["Type"] === "Task" ? roleArn : ""),
    // AWS: a context object, and a number of retries, only with a mock.
    ...(isMocked ? given("context", context) : {}),
    ...(isMocked ? { mock: mockOf(mock) } : {}),
    ...(isMocked ? configurationOf(state, mock) : {}),
  };
}

/** AWS: only with a mock. */
function configurationOf(state: Obj, { retries, failedItems, itemsRead }: MockGiven): Pick<States.TestStateInput, "stateConfiguration"> {
  const isMap = state["Type"] === "Map";
  const configuration = {
    ...(retries > 0 ? { retrierRetryCount: retries } : {}),
    ...(isMap && failedItems > 0 ? { mapIterationFailureCount: failedItems } : {}),
    ...(isMap ? given("mapItemReaderData", itemsRead) : {}),
  };
  return Object.keys(configuration).length > 0 ? { stateConfiguration: configuration } : {};
}

function mockOf(mock: MockGiven): States.MockInput {
  if (mock.kind === "error") return { errorOutput: { ...given("error", mock.error), ...given("cause", mock.cause) } };
  return { result: mock.result, fieldValidationMode: mock.validation };
}

/** A machine with nothing but the state and ends where it leads: it can be tested while others are not valid yet. */
function machineFor(definition: Obj, { name, state }: Located): Obj {
  const language = "QueryLanguage" in definition ? { QueryLanguage: definition["QueryLanguage"] } : {};
  const ends = leaving(name, state).flatMap(({ to }) => (to === name ? [] : [[to, { Type: "Succeed" }]]));
  const level = { StartAt: name, States: { ...Object.fromEntries(ends), [name]: state } };
  if (!isInMap(definition, name)) return { ...language, ...level };
  // AWS: what is tested inside of a Map has the input as its item.
  const around = freeName(allNames(level), "Map");
  return { ...language, StartAt: around, States: { [around]: { Type: "Map", ItemProcessor: level, End: true } } };
}

export function isInMap(definition: Obj, name: string): boolean {
  let owner = locate(definition, name)?.level.owner ?? null;
  for (let depth = 0; owner !== null && depth <= levelsOf(definition).length; depth += 1) {
    const located = locate(definition, owner);
    if (located?.state["Type"] === "Map") return true;
    owner = located?.level.owner ?? null;
  }
  return false;
}

/** Whether a state of this type can only be tested with a mock, or only without. AWS: Map and Parallel; all but Tasks. */
export function mockNeed(state: Readonly<Obj>): "needed" | "possible" | "impossible" {
  const type = state["Type"];
  if (type === "Map" || type === "Parallel") return "needed";
  if (type !== "Task") return "impossible";
  const resource = String(state["Resource"] ?? "");
  return resource.includes(":activity:") || /\.(sync(:2)?|waitForTaskToken)$/.test(resource) ? "needed" : "possible";
}

/** A result to begin a mock with. */
export function mockExample(state: Readonly<Obj>): string {
  if (state["Type"] === "Parallel") return JSON.stringify((Array.isArray(state["Branches"]) ? state["Branches"] : []).map(() => ({})), null, 2);
  if (state["Type"] === "Map") return "[]";
  const resource = String(state["Resource"] ?? "");
  if (resource.includes(":::lambda:invoke") && !resource.endsWith("waitForTaskToken")) return '{\n  "Payload": {},\n  "StatusCode": 200\n}';
  return "{}";
}

/** What an expression is tried on, and where. */
interface Trial extends Given {
  /** What a Task gave; empty without. */
  readonly result: string;
  /** The input is an item of a Map. */
  readonly isItem: boolean;
}

interface ExpressionTest {
  readonly request: States.TestStateInput;
  /** What the expression came to, as a JSON text. */
  readonly read: (answer: States.TestStateOutput) => string | null;
}

/**
 * A test of one expression: a Pass state with nothing but it.
 *
 * - `expression`: a path or an intrinsic function; for JSONata with or without its marks.
 * - With a context or a result it is a Task with a mock: TestState gives a context to nothing else.
 */
export function expressionTest(language: Language, expression: string, { input, variables, context, result, isItem }: Trial): ExpressionTest {
  const isJsonata = language === "JSONata";
  const marked = isJsonata && !/^\s*\{%[\s\S]*%\}\s*$/.test(expression) ? `{% ${expression} %}` : expression.trim();
  const isMocked = context.trim() !== "" || result.trim() !== "";
  const shared = { input: input.trim() === "" ? "{}" : input, ...given("variables", variables), inspectionLevel: "DEBUG" as const };
  const value = isJsonata ? { value: marked } : { "value.$": marked };
  if (!isMocked) {
    const state = { Type: "Pass", QueryLanguage: language, ...(isJsonata ? { Output: value } : { Parameters: value }), End: true };
    return { request: { ...asItem(state, isItem), ...shared }, read: (answer) => valueOf(answer.output) };
  }
  const isOfResult = result.trim() !== "";
  const task = {
    Type: "Task",
    QueryLanguage: language,
    Resource: "arn:aws:lambda:us-east-1:123456789012:function:expression",
    ...(isJsonata ? (isOfResult ? { Output: value } : { Arguments: value }) : isOfResult ? { ResultSelector: value } : { Parameters: value }),
    End: true,
  };
  const mock = { result: isOfResult ? result : "{}" };
  return {
    request: { ...asItem(task, isItem), ...shared, ...given("context", context), mock },
    read: ({ output, inspectionData }) => valueOf(isOfResult ? (isJsonata ? output : inspectionData?.afterResultSelector) : isJsonata ? inspectionData?.afterArguments : inspectionData?.afterParameters),
  };
}

/** A state alone, or as that of a Map: AWS gives it its input as the item. */
function asItem(state: Obj, isItem: boolean): Pick<States.TestStateInput, "definition" | "stateName"> {
  if (!isItem) return { definition: JSON.stringify(state) };
  const processor = { StartAt: "Expression", States: { Expression: state } };
  return { definition: JSON.stringify({ StartAt: "Map", States: { Map: { Type: "Map", ItemProcessor: processor, End: true } } }), stateName: "Expression" };
}

/** An expression that gives nothing leaves its member out. */
function valueOf(text: string | undefined): string | null {
  if (text === undefined) return null;
  const value: unknown = JSON.parse(text);
  return isObj(value) && "value" in value ? JSON.stringify(value["value"]) : null;
}

/** The data of a tested state on its way, in the panes of an execution's states; stages of its own kind between them. */
export function panesOf(answer: States.TestStateOutput, state: Readonly<Obj>, language: Language): Pane[] {
  const data = answer.inspectionData ?? {};
  const isJsonata = language === "JSONata";
  const written = (name: string): string | null => (name in state ? JSON.stringify(state[name]) : null);
  const pane = (name: PaneName, title: string, json: string | undefined, field: string | null): Pane => ({ name, title, json: json ?? null, source: "recorded", field });
  const panes = [
    pane("input", "State input", data.input, null),
    ...(isJsonata ? [] : [pane("afterInputPath", "After InputPath", data.afterInputPath, written("InputPath"))]),
    isJsonata ? pane("arguments", "Arguments", data.afterArguments, written("Arguments")) : pane("arguments", "Parameters", data.afterParameters, written("Parameters")),
    pane("result", "Result", data.result, null),
    ...(isJsonata ? [] : [pane("afterResultSelector", "After ResultSelector", data.afterResultSelector, written("ResultSelector"))]),
    pane("output", "State output", answer.output, written(isJsonata ? "Output" : "ResultPath") ?? written("OutputPath")),
  ];
  // A stage that a type does not have is no gap in its data, and what failed has no output.
  return panes.filter((one) => one.json !== null);
}

/** Stages that a Map alone has, limits, and what was called. */
export function moreOf(answer: States.TestStateOutput): { readonly title: string; readonly json: string }[] {
  const data = answer.inspectionData ?? {};
  const numbers = Object.fromEntries(
    (["maxConcurrency", "toleratedFailureCount", "toleratedFailurePercentage"] as const).flatMap((name) => (data[name] === undefined ? [] : [[name, data[name]]])),
  );
  const all: [string, string | undefined][] = [
    ["After ItemsPath", data.afterItemsPath],
    ["After ItemsPointer", data.afterItemsPointer],
    ["After ItemSelector", data.afterItemSelector],
    ["After ItemBatcher", data.afterItemBatcher],
    ["After ResultPath", data.afterResultPath],
    ["Variables", data.variables],
    ["Limits", Object.keys(numbers).length === 0 ? undefined : JSON.stringify(numbers)],
    ["Request", data.request === undefined ? undefined : JSON.stringify(data.request)],
    ["Response", data.response === undefined ? undefined : JSON.stringify(data.response)],
  ];
  return all.flatMap(([title, json]) => (json === undefined ? [] : [{ title, json }]));
}

export interface RealInput {
  readonly visit: number;
  readonly enteredAt: number;
  readonly input: string;
  /** Variables that were assigned before, as far as the history tells. */
  readonly variables: string;
  readonly result: string | null;
  /** The context object, as far as the history tells. */
  readonly context: string;
}

/** Whether a text looks at the context object. */
export const readsContext = (text: string): boolean => text.includes("$$.") || text.includes("$states.context");

/** Inputs that are offered of one execution: a Map has more visits than anybody chooses from. */
export const REAL_INPUTS_MAX = 200;

/** The inputs that a state had in an execution. */
export function realInputs(executionArn: string, run: Run, events: readonly HistoryEvent[], name: string): RealInput[] {
  const byId = new Map(events.map((event) => [event.id, event]));
  const inputs: RealInput[] = [];
  for (const visit of run.visits) {
    if (visit.name !== name || visit.input === null) continue;
    const variables: Record<string, unknown> = {};
    // Variables of a level are seen in it and below: only what is around the visit, before it.
    const around = new Map([[visit.parent, visit.iteration]]);
    for (let at = visit.parent; at !== null; at = run.visits[at]?.parent ?? null) around.set(run.visits[at]?.parent ?? null, run.visits[at]?.iteration ?? null);
    for (const before of run.visits.slice(0, visit.index)) {
      const isSeen = around.has(before.parent) && around.get(before.parent) === before.iteration;
      if (!isSeen || before.assigned === null || before.exitedEvent === null || before.exitedEvent > visit.enteredEvent) continue;
      for (const [key, text] of Object.entries(before.assigned)) variables[key] = parsed(text);
    }
    const result = (visit.attempts.at(-1)?.events ?? []).map((id) => byId.get(id)).findLast((event) => event !== undefined && (event.type as string).endsWith("Succeeded"));
    inputs.push({
      visit: visit.index,
      enteredAt: visit.enteredAt,
      input: visit.input,
      variables: Object.keys(variables).length === 0 ? "" : JSON.stringify(variables, null, 2),
      result: result === undefined ? null : outputOf(result),
      context: JSON.stringify(contextOf(executionArn, run, events, visit), null, 2),
    });
    if (inputs.length === REAL_INPUTS_MAX) break;
  }
  return inputs;
}

function contextOf(executionArn: string, run: Run, events: readonly HistoryEvent[], visit: Visit): Obj {
  const started = events[0] === undefined ? {} : detailsOf(events[0]);
  const instant = (at: number): string => new Date(at).toISOString();
  const input = typeof started["input"] === "string" ? parsed(started["input"]) : undefined;
  const machine = machineOf(executionArn);
  return {
    Execution: {
      Id: executionArn,
      ...(input === undefined ? {} : { Input: input }),
      Name: nameOf(executionArn),
      ...(typeof started["roleArn"] === "string" ? { RoleArn: started["roleArn"] } : {}),
      ...(run.startedAt === null ? {} : { StartTime: instant(run.startedAt) }),
      RedriveCount: run.redrives.filter((at) => at <= visit.enteredAt).length,
    },
    State: { EnteredTime: instant(visit.enteredAt), Name: visit.name, RetryCount: 0 },
    StateMachine: { Id: machine, Name: nameOf(machine) },
  };
}

function outputOf(event: HistoryEvent): string | null {
  for (const [name, details] of Object.entries(event)) {
    if (!name.endsWith("EventDetails") || !isObj(details)) continue;
    if (typeof details["output"] === "string") return details["output"];
  }
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
