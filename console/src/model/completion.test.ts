import { expect, test } from "vitest";
import { fieldAt, offersAt } from "./completion";
import { readDocument } from "./document";
import { fieldsOf, resources, snippetOf, STATE_TYPES } from "./language";

const known = { functions: ["arn:aws:lambda:us-east-1:123456789012:function:Charge"], machines: ["arn:aws:states:us-east-1:123456789012:stateMachine:Ship"], activities: [] };

/** The labels that are offered at `|`, and what the first of them would make of the text. */
function offered(text: string, label?: string): { labels: string[]; made: string } {
  const offset = text.indexOf("|");
  const whole = text.replace("|", "");
  const found = offersAt(readDocument(whole), offset, known);
  const offer = found?.offers.find((one) => one.label === label) ?? found?.offers[0];
  const made = found && offer ? whole.slice(0, found.from) + (offer.snippet ?? offer.label) + whole.slice(found.to) : whole;
  return { labels: found?.offers.map((one) => one.label) ?? [], made };
}

test("the fields of a state are those of its type and its query language", () => {
  const names = (type: string, language: "JSONPath" | "JSONata"): string[] => fieldsOf(type, language).map((field) => field.name);
  expect(names("Succeed", "JSONPath")).toEqual(["Type", "Comment", "QueryLanguage", "InputPath", "OutputPath"]);
  expect(names("Succeed", "JSONata")).toEqual(["Type", "Comment", "QueryLanguage", "Output"]);
  expect(names("Wait", "JSONata")).toEqual(["Type", "Comment", "QueryLanguage", "Seconds", "Timestamp", "Output", "Assign", "Next", "End"]);
  expect(names("Choice", "JSONPath")).not.toContain("Next");
  expect(names("Pass", "JSONata")).not.toContain("Parameters");
  expect(names("Map", "JSONata")).not.toContain("Arguments");
  expect(names("Fail", "JSONPath")).toEqual(["Type", "Comment", "QueryLanguage", "Error", "ErrorPath", "Cause", "CausePath"]);
  expect(names("Nothing", "JSONPath")).toEqual(["Type", "Comment", "QueryLanguage"]);
});

test("names that an object lacks are offered, with the beginning of their value", () => {
  const { labels, made } = offered('{"States": {"A": {"Type": "Wait", "Next": "B", "|"}}}', "Seconds");
  expect(labels).toContain("Seconds");
  expect(labels).toContain("TimestampPath");
  expect(labels).not.toContain("Next");
  expect(labels).not.toContain("Resource");
  expect(made).toBe('{"States": {"A": {"Type": "Wait", "Next": "B", "Seconds": ${1:0}}}}');
  expect(offered('{"QueryLanguage": "JSONata", "States": {"A": {"Type": "Wait", "|"}}}').labels).not.toContain("SecondsPath");
  // What comes after is told apart by a comma; a name whose value is there is only named.
  expect(offered('{"|" "States": {}}', "StartAt").made).toBe('{"StartAt": "${}", "States": {}}');
  expect(offered('{"|": "A", "States": {}}', "StartAt").made).toBe('{"StartAt": "A", "States": {}}');
});

test("what is inside of a state has fields of its own", () => {
  expect(offered('{"States": {"A": {"Type": "Task", "Retry": [{"|"}]}}}').labels).toContain("BackoffRate");
  expect(offered('{"States": {"A": {"Type": "Task", "Catch": [{"|"}]}}}').labels).toContain("ResultPath");
  expect(offered('{"States": {"A": {"Type": "Choice", "Choices": [{"|"}]}}}').labels).toContain("NumericGreaterThan");
  expect(offered('{"States": {"A": {"Type": "Choice", "QueryLanguage": "JSONata", "Choices": [{"|"}]}}}').labels).toEqual(["Condition", "Next", "Output", "Assign", "Comment"]);
  expect(offered('{"States": {"A": {"Type": "Choice", "Choices": [{"And": [{"|"}]}]}}}').labels).not.toContain("Next");
  expect(offered('{"States": {"A": {"Type": "Map", "ItemProcessor": {"ProcessorConfig": {"|"}}}}}').labels).toEqual(["Mode", "ExecutionType"]);
  expect(offered('{"States": {"A": {"Type": "Parallel", "Branches": [{"States": {"B": {"Type": "Fail", "|"}}}]}}}').labels).toContain("Cause");
  expect(offered('{"States": {"A": {"Type": "Pass", "Parameters": {"|"}}}}').labels).toEqual([]);
});

test("a new state is offered by its type", () => {
  expect(offered('{"States": {"|"}}').labels).toEqual(STATE_TYPES.map(({ name }) => `${name} state`));
  expect(offered('{"States": {|}}', "Succeed state").made).toBe('{"States": {"${Succeed}": {\n\t"Type": "Succeed"\n}}}');
  for (const { name } of STATE_TYPES) {
    for (const language of ["JSONPath", "JSONata"] as const) {
      const filled = `{${snippetOf(name, language).replace(/\$\{(?:\d+:)?([^{}]*)\}/g, "$1")}}`;
      const [state] = Object.values(JSON.parse(filled) as Record<string, Record<string, unknown>>);
      const allowed = fieldsOf(name, language).map((field) => field.name);
      expect(Object.keys(state ?? {}).filter((field) => !allowed.includes(field))).toEqual([]);
    }
  }
});

test("where a state leads to is a state of its own body", () => {
  const text = '{"StartAt": "A", "States": {"A": {"Type": "Pass", "Next": "|"}, "B": {"Type": "Map", "ItemProcessor": {"StartAt": "C", "States": {"C": {"Type": "Succeed"}}}}}}';
  expect(offered(text).labels).toEqual(["B"]);
  expect(offered(text).made).toContain('"Next": "B"}');
  expect(offered(text.replace("|", "").replace('"StartAt": "C"', '"StartAt": "|"')).labels).toEqual(["C"]);
  expect(offered('{"StartAt": |, "States": {"A": {}}}').made).toBe('{"StartAt": "A", "States": {"A": {}}}');
});

test("values, resources and errors are offered where they belong", () => {
  expect(offered('{"States": {"A": {"Type": "|"}}}').labels).toEqual(STATE_TYPES.map(({ name }) => name));
  expect(offered('{"States": {"A": {"Type": "Pass", "End": |}}}').made).toContain('"End": true}');
  const resource = offered('{"States": {"A": {"Type": "Task", "Resource": "|"}}}').labels;
  expect(resource[0]).toBe(known.functions[0]);
  expect(resource).toContain("arn:aws:states:::states:startExecution.sync:2");
  expect(resources().every(({ resource }) => resource.startsWith("arn:aws:states:::"))).toBe(true);
  expect(offered('{"States": {"A": {"Type": "Task", "Parameters": {"FunctionName": "|"}}}}').labels).toEqual(known.functions);
  expect(offered('{"States": {"A": {"Type": "Task", "Parameters": {"StateMachineArn": "|"}}}}').labels).toEqual(known.machines);
  const errors = offered('{"States": {"A": {"Type": "Task", "Retry": [{"ErrorEquals": ["CardDeclined"]}], "Catch": [{"ErrorEquals": ["|"]}]}}}').labels;
  expect(errors[0]).toBe("States.ALL");
  expect(errors).toContain("CardDeclined");
});

test("expressions offer functions, the context and variables", () => {
  const path = (value: string, name = "x.$"): string[] => offered(`{"States": {"A": {"Type": "Pass", "Assign": {"total": 1}, "Parameters": {"${name}": "${value}"}}}}`).labels;
  expect(path("|")).toContain("States.Format");
  expect(path("States.|")).toContain("States.MathAdd");
  expect(path("$$.|")).toContain("Execution.Name");
  expect(path("$|")).toContain("$total");
  expect(path("|", "x")).toEqual([]);
  const jsonata = (value: string): string[] => offered(`{"QueryLanguage": "JSONata", "States": {"A": {"Type": "Pass", "Assign": {"total": 1}, "Output": "${value}"}}}`).labels;
  expect(jsonata("{% $|")).toContain("$uppercase");
  expect(jsonata("{% $|")).toContain("$total");
  expect(jsonata("{% $states.|")).toEqual(["input", "result", "errorOutput", "context"]);
  expect(jsonata("{% $states.context.Ex|")).toContain("Execution.Id");
  expect(jsonata("plain $|")).toEqual([]);
});

test("what is half written is understood as far as it goes", () => {
  const before = readDocument('{"StartAt": "A", "States": {"A": {"Type": "Task", "Next": "B"}, "B": {"Type": "Succeed"}}}');
  const text = '{"StartAt": "A", "States": {"A": {"Next": "';
  expect(offersAt(readDocument(text, before), text.length, known)?.offers.map((offer) => offer.label)).toContain("B");
});

test("a field tells what it is for", () => {
  const document = readDocument('{"States": {"A": {"Type": "Task", "Retry": [{"MaxAttempts": 2}], "Parameters": {"Next": 1}}}}');
  const at = (name: string): string | undefined => fieldAt(document, document.text.indexOf(`"${name}"`) + 2)?.field.doc;
  expect(at("MaxAttempts")).toContain("try again");
  expect(at("Next")).toBeUndefined();
  expect(at("A")).toBeUndefined();
});
