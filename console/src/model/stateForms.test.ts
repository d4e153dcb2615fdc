import { expect, test } from "vitest";
import { OPERATORS, operatorOf, readRule, withOperator, writeRule } from "./choiceRules";
import { fixture } from "./fixture";
import { readHistory } from "./history";
import { withEdits } from "./pointerEdits";
import { innerHolder, readInput, rowsOf, sectionsOf, strangersOf, troublesAt, withMembers, writtenInput } from "./stateFields";
import type { Holder } from "./stateFields";
import { fieldsOf } from "./language";
import { expressionTest, jsonProblem, mockExample, mockNeed, NO_MOCK, panesOf, readsContext, realInputs, stateTest } from "./stateTest";

const NOTHING = { input: "", variables: "", context: "" };
const TRIAL = { ...NOTHING, result: "", isItem: false };
const ASKED = { roleArn: "arn:aws:iam::1:role/r", level: "DEBUG" } as const;

test("a form asks for what is valid for the type and the language alone", () => {
  const names = (state: Record<string, unknown>, language: "JSONPath" | "JSONata"): string[] => sectionsOf(state, language).flatMap((section) => section.fields.map((field) => field.name));
  expect(names({ Type: "Task" }, "JSONPath")).toContain("ResultPath");
  expect(names({ Type: "Task" }, "JSONata")).not.toContain("ResultPath");
  expect(names({ Type: "Task" }, "JSONata")).toContain("Arguments");
  expect(names({ Type: "Pass" }, "JSONata")).toEqual(["Output", "Assign"]);
  expect(names({ Type: "Fail" }, "JSONata")).toEqual(["Error", "Cause"]);
  expect(names({ Type: "Map", ItemProcessor: { ProcessorConfig: { Mode: "DISTRIBUTED" } } }, "JSONPath")).toContain("ItemReader");
  expect(names({ Type: "Map" }, "JSONPath")).not.toContain("ItemReader");
  expect(strangersOf({ Type: "Pass", Arguments: {}, Next: "A" }, "JSONPath")).toEqual(["Arguments"]);
});

test("what is written in an input is a value, and back", () => {
  expect(readInput("number", "5")).toEqual({ value: 5 });
  expect(readInput("number", "{% $n %}")).toEqual({ value: "{% $n %}" });
  expect(readInput("path", "null")).toEqual({ value: null });
  expect(readInput("json", '{"a":1}')).toEqual({ value: { a: 1 } });
  expect(readInput("json", "{% $states.input %}")).toEqual({ value: "{% $states.input %}" });
  expect(readInput("json", "{")).toHaveProperty("problem");
  expect(readInput("text", "  ")).toEqual({ value: undefined });
  for (const [input, value] of [["json", { a: [1] }], ["json", "text"], ["path", null], ["number", 4], ["json", "{% 1 %}"]] as const) {
    expect(readInput(input, writtenInput(input, value))).toEqual({ value });
  }
});

test("a member is set where it reads well; an object comes with its first member and goes with its last", () => {
  const machine = { States: { A: { Type: "Map", End: true } } };
  const holder: Holder = { pointer: "/States/A", value: machine.States.A };
  const label = withMembers(holder, { Label: "l" });
  expect(label).toEqual([{ kind: "set", pointer: "/States/A/Label", value: "l", after: "Type" }]);
  expect(withMembers(holder, { Next: "B", End: undefined }).map((edit) => edit.pointer)).toEqual(["/States/A/Next", "/States/A/End"]);
  const config = innerHolder(innerHolder(holder, "ItemReader"), "ReaderConfig");
  const made = withEdits(machine, withMembers(config, { InputType: "CSV" })) as typeof machine;
  expect(made.States.A).toEqual({ Type: "Map", ItemReader: { ReaderConfig: { InputType: "CSV" } }, End: true });
  const now = innerHolder(innerHolder({ pointer: "/States/A", value: made.States.A }, "ItemReader"), "ReaderConfig");
  expect((withEdits(made, withMembers(now, { InputType: undefined })) as typeof machine).States.A).toEqual(machine.States.A);
  expect(withMembers(config, { InputType: undefined })).toEqual([]);
});

test("a path and a value of one meaning are one row", () => {
  const rows = rowsOf(fieldsOf("Wait", "JSONPath")).map((row) => `${row.field.name}${row.twin ? "+" : ""}`);
  expect(rows).toEqual(expect.arrayContaining(["Seconds+", "Timestamp+", "InputPath", "OutputPath"]));
  expect(rows).not.toContain("SecondsPath");
});

test("troubles are found where they are", () => {
  const trouble = { pointer: "/States/A/Retry/0", message: "no" };
  expect(troublesAt([trouble], "/States/A")).toEqual([trouble]);
  expect(troublesAt([trouble], "/States/A", false)).toEqual([]);
  expect(troublesAt([trouble], "/States/A/Retry/0", false)).toEqual([trouble]);
});

test("choice rules are comparisons, and come back as they were", () => {
  expect(OPERATORS.length).toBe(39);
  const rules = [
    { Variable: "$.a", NumericGreaterThan: 3, Next: "A", Comment: "c" },
    { Not: { Variable: "$.a", StringEqualsPath: "$.b" }, Next: "A" },
    { Or: [{ Variable: "$.a", IsNull: true }, { Not: { Variable: "$.b", BooleanEquals: false } }], Assign: { x: 1 }, Next: "A" },
  ];
  for (const rule of rules) {
    const shape = readRule(rule);
    expect(shape && writeRule(rule, shape)).toEqual(rule);
  }
  expect(readRule({ And: [{ Or: [] }], Next: "A" })).toBeNull();
  expect(readRule({ Variable: "$.a", IsNull: true, IsPresent: true })).toBeNull();
  expect(withOperator({ isNegated: false, variable: "$.a", operator: "IsNull", value: true }, "NumericEquals").value).toBe(0);
  expect(operatorOf("BooleanLessThan")).toBeUndefined();
});

test("a state is tested alone, in its machine's language; one of a Map in a Map", () => {
  const machine = {
    QueryLanguage: "JSONata",
    StartAt: "A",
    States: {
      A: { Type: "Task", Resource: "arn:aws:states:::lambda:invoke", Next: "M" },
      M: { Type: "Map", ItemProcessor: { StartAt: "P", States: { P: { Type: "Parallel", Branches: [{ StartAt: "I", States: { I: { Type: "Pass", End: true } } }], End: true } } }, End: true },
    },
  };
  const alone = stateTest(machine, "A", { ...NOTHING, input: "{}", context: "{}" }, NO_MOCK, ASKED);
  expect(JSON.parse(alone?.definition ?? "")).toEqual({ QueryLanguage: "JSONata", StartAt: "A", States: { A: machine.States.A, M: { Type: "Succeed" } } });
  expect(alone).toMatchObject({ stateName: "A", roleArn: ASKED.roleArn, inspectionLevel: "DEBUG" });
  expect(alone).not.toHaveProperty("context");
  const inner = stateTest(machine, "I", NOTHING, NO_MOCK, ASKED);
  expect(JSON.parse(inner?.definition ?? "")).toMatchObject({ StartAt: "Map", States: { Map: { Type: "Map", ItemProcessor: { StartAt: "I" } } } });
  const mocked = stateTest(machine, "A", { ...NOTHING, context: "{}" }, { ...NO_MOCK, kind: "error", error: "E", cause: "", retries: 2 }, ASKED);
  expect(mocked).toMatchObject({ mock: { errorOutput: { error: "E" } }, context: "{}", stateConfiguration: { retrierRetryCount: 2 } });
  expect(stateTest(machine, "M", NOTHING, { ...NO_MOCK, kind: "result", result: "[]", failedItems: 2 }, ASKED)).toMatchObject({ stateConfiguration: { mapIterationFailureCount: 2 } });
  expect(mockNeed(machine.States.M)).toBe("needed");
  expect(mockNeed(machine.States.A)).toBe("possible");
  expect(mockNeed({ Type: "Task", Resource: "arn:aws:states:::states:startExecution.sync:2" })).toBe("needed");
  expect(mockNeed({ Type: "Wait" })).toBe("impossible");
  expect(mockExample({ Type: "Parallel", Branches: [{}, {}] })).toBe("[\n  {},\n  {}\n]");
});

test("an expression is a Pass state; with a context or a result it is a Task with a mock", () => {
  const definition = (...given: Parameters<typeof expressionTest>): Record<string, unknown> => JSON.parse(expressionTest(...given).request.definition) as Record<string, unknown>;
  expect(definition("JSONPath", " $.a ", TRIAL)).toMatchObject({ Type: "Pass", Parameters: { "value.$": "$.a" } });
  expect(definition("JSONata", "$sum([1])", TRIAL)).toMatchObject({ Type: "Pass", Output: { value: "{% $sum([1]) %}" } });
  expect(definition("JSONata", "{% 1 %}", { ...TRIAL, context: "{}" })).toMatchObject({ Type: "Task", Arguments: { value: "{% 1 %}" } });
  expect(definition("JSONPath", "$.x", { ...TRIAL, result: "{}" })).toMatchObject({ Type: "Task", ResultSelector: { "value.$": "$.x" } });
  expect(definition("JSONPath", "$$.Map.Item.Index", { ...TRIAL, isItem: true })).toMatchObject({ StartAt: "Map", States: { Map: { ItemProcessor: { States: { Expression: { Type: "Pass" } } } } } });
  expect([readsContext("$$.State.Name"), readsContext("{% $states.context.State.Name %}"), readsContext("$.a")]).toEqual([true, true, false]);
  expect(expressionTest("JSONPath", "$.a", TRIAL).read({ output: '{"value":[1]}' })).toBe("[1]");
  expect(expressionTest("JSONata", "a", TRIAL).read({ output: "{}" })).toBeNull();
});

test("the data of a tested state is shown in the panes of an execution", () => {
  const panes = panesOf({ output: "3", inspectionData: { input: "1", afterArguments: "2", result: "3" } }, { Type: "Task", Arguments: 2 }, "JSONata");
  expect(panes.map((pane) => `${pane.title} ${pane.json}`)).toEqual(["State input 1", "Arguments 2", "Result 3", "State output 3"]);
  expect(panesOf({ inspectionData: { input: "1" } }, { Type: "Task" }, "JSONPath").map((pane) => pane.name)).toEqual(["input"]);
});

test("a history offers the inputs that a state had", () => {
  const { events } = fixture("flow");
  const arn = "arn:aws:states:us-east-1:123456789012:execution:flow:one";
  const prices = realInputs(arn, readHistory(events), events, "Price");
  expect(JSON.parse(prices[1]?.context ?? "")).toMatchObject({
    Execution: { Id: arn, Input: { seconds: 1 }, Name: "one", RedriveCount: 0 },
    State: { Name: "Price", RetryCount: 0 },
    StateMachine: { Id: "arn:aws:states:us-east-1:123456789012:stateMachine:flow", Name: "flow" },
  });
  expect(prices.map((one) => one.input)).toEqual(["1", "2", "3"]);
  expect(prices[0]?.variables).toBe("");
  const charged = fixture("charged");
  expect(realInputs(arn, readHistory(charged.events), charged.events, "Charge")[0]?.result).not.toBeNull();
});

test("what is no JSON is not sent", () => {
  expect(jsonProblem("")).toBeNull();
  expect(jsonProblem("[]", "object")).toBe("Not an object");
  expect(jsonProblem("{")).toMatch(/^Not JSON/);
});
