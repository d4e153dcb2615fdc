import { expect, test } from "vitest";
import { edited, openedText, placeOf, pointerAt, pointerOfLocation, readDocument, tokensOf } from "./document";
import type { Edit } from "./document";

const TEXT = `{
  "StartAt": "A",
  "States": {
    "A": { "Type": "Pass", "Next": "b/c" },
    "b/c": {
      "Type": "Choice",
      "Choices": [
        { "Variable": "$.x", "IsNull": true, "Next": "A" },
        { "Variable": "$.y", "IsNull": true, "Next": "End" }
      ],
      "Default": "End"
    },
    "End": {
      "Type": "Succeed"
    }
  }
}`;

function made(edits: readonly Edit[], text = TEXT): string {
  const step = edited(readDocument(text), edits);
  if (step === null) return "nothing";
  // The changes, one after the other, give the text of the step.
  const replayed = step.changes.reduce((now, { from, to, insert }) => now.slice(0, from) + insert + now.slice(to), text);
  expect(step.document.text).toBe(replayed);
  expect(step.document.problem).toBeNull();
  return replayed;
}

/** The lines that an edit took away and brought. */
function lines(edits: readonly Edit[], text = TEXT): string[] {
  const [before, after] = [text.split("\n"), made(edits, text).split("\n")];
  return [...before.filter((line) => !after.includes(line)).map((line) => `-${line}`), ...after.filter((line) => !before.includes(line)).map((line) => `+${line}`)];
}

test("a pointer leads to its place in the text, and a position to its pointer", () => {
  const document = readDocument(TEXT);
  const place = placeOf(document, "/States/b~1c/Choices/1/Next");
  expect(place && TEXT.slice(place.value.from, place.value.to)).toBe('"End"');
  expect(place && TEXT.slice(place.whole.from, place.whole.to)).toBe('"Next": "End"');
  expect(place?.key && TEXT.slice(place.key.from, place.key.to)).toBe('"Next"');
  expect(placeOf(document, "/States/Nowhere")).toBeNull();
  for (const pointer of ["/StartAt", "/States/A/Next", "/States/b~1c/Choices/1/Variable", "/States/End/Type"]) {
    const at = placeOf(document, pointer);
    expect(pointerAt(document, at?.value.from ?? 0)).toBe(pointer);
    expect(pointerAt(document, at?.key?.from ?? 0)).toBe(pointer);
  }
  expect(tokensOf("/a~1b/~0")).toEqual(["a/b", "~"]);
});

test("a location of AWS is found, or what is around it", () => {
  const document = readDocument(TEXT);
  expect(pointerOfLocation(document, "/")).toBe("");
  expect(pointerOfLocation(document, "/States/A/Next")).toBe("/States/A/Next");
  expect(pointerOfLocation(document, "/States/b/c/Choices[1]/Next")).toBe("/States/b~1c/Choices/1/Next");
  expect(pointerOfLocation(document, "/States/b/c/Choices/1")).toBe("/States/b~1c/Choices/1");
  expect(pointerOfLocation(document, "/States/A/Missing/x")).toBe("/States/A");
  expect(pointerOfLocation(document, "")).toBe("");
});

test("a text that is no JSON says where, and keeps the latest that was", () => {
  const before = readDocument('{"a": 1}');
  const broken = readDocument('{"a": 1,, "b": 2}', before);
  expect(broken.problem?.message).toMatch(/^Not JSON: /);
  expect(broken.problem?.from).toBe(8);
  expect(broken.good?.value).toEqual({ a: 1 });
  expect(edited(broken, [{ kind: "set", pointer: "/a", value: 2 }])).toBeNull();
  expect(readDocument("").problem).not.toBeNull();
  expect(readDocument("").good).toBeNull();
  expect(readDocument('{"a": 1 // no comments\n}').problem).not.toBeNull();
  expect(readDocument('{"a": [1,]}').problem).not.toBeNull();
  expect(readDocument('{"a": "\t"}').problem).not.toBeNull();
});

test("a value is set where it is", () => {
  expect(lines([{ kind: "set", pointer: "/StartAt", value: "b/c" }])).toEqual(['-  "StartAt": "A",', '+  "StartAt": "b/c",']);
  expect(lines([{ kind: "set", pointer: "/States/A/Next", value: "End" }])).toEqual(['-    "A": { "Type": "Pass", "Next": "b/c" },', '+    "A": { "Type": "Pass", "Next": "End" },']);
  expect(edited(readDocument(TEXT), [{ kind: "set", pointer: "/States/End", value: { Type: "Succeed" } }])?.changes).toEqual([]);
});

test("a new member is laid out as its neighbours are", () => {
  expect(lines([{ kind: "set", pointer: "/States/A/Comment", value: "x", after: "Type" }])).toEqual([
    '-    "A": { "Type": "Pass", "Next": "b/c" },',
    '+    "A": { "Type": "Pass", "Comment": "x", "Next": "b/c" },',
  ]);
  expect(lines([{ kind: "set", pointer: "/States/A/Result", value: { a: [1, 2] } }])).toEqual([
    '-    "A": { "Type": "Pass", "Next": "b/c" },',
    '+    "A": { "Type": "Pass", "Next": "b/c", "Result": {"a": [1, 2]} },',
  ]);
  expect(lines([{ kind: "set", pointer: "/States/New", value: { Type: "Pass", End: true }, after: "A" }])).toEqual(['+    "New": {', '+      "Type": "Pass",', '+      "End": true']);
  expect(lines([{ kind: "set", pointer: "/Comment", value: "last" }])).toEqual(["-  }", "+  },", '+  "Comment": "last"']);
  expect(made([{ kind: "set", pointer: "/a", value: 1 }], "{}")).toBe('{"a":1}');
  expect(made([{ kind: "set", pointer: "/a/b", value: 1 }], '{\n    "a": {}\n}')).toBe('{\n    "a": {\n        "b": 1\n    }\n}');
  expect(made([{ kind: "set", pointer: "/b", value: [1, { c: 2 }] }], '{"a":1}')).toBe('{"a":1,"b":[1,{"c":2}]}');
});

test("of an object that is set, only what differs changes", () => {
  const value = { Type: "Choice", Choices: [{ Variable: "$.x", IsNull: false, Next: "A" }], Default: "End", Comment: "one rule" };
  expect(lines([{ kind: "set", pointer: "/States/b~1c", value }])).toEqual([
    '-        { "Variable": "$.x", "IsNull": true, "Next": "A" },',
    '-        { "Variable": "$.y", "IsNull": true, "Next": "End" }',
    '-      "Default": "End"',
    '+        { "Variable": "$.x", "IsNull": false, "Next": "A" }',
    '+      "Default": "End",',
    '+      "Comment": "one rule"',
  ]);
});

test("what is removed leaves no comma and no empty line", () => {
  expect(lines([{ kind: "remove", pointer: "/States/A" }])).toEqual(['-    "A": { "Type": "Pass", "Next": "b/c" },']);
  expect(lines([{ kind: "remove", pointer: "/States/b~1c/Default" }])).toEqual(["-      ],", '-      "Default": "End"', "+      ]"]);
  expect(lines([{ kind: "remove", pointer: "/States/b~1c/Choices/0" }])).toEqual(['-        { "Variable": "$.x", "IsNull": true, "Next": "A" },']);
  expect(made([{ kind: "remove", pointer: "/a" }], '{ "a": 1 }')).toBe("{}");
  expect(made([{ kind: "remove", pointer: "/nowhere" }])).toBe(TEXT);
});

test("elements are put in and moved", () => {
  const rules = '{"Choices":[{"Next":"A"},{"Next":"B"}]}';
  expect(made([{ kind: "insert", pointer: "/Choices/0", value: { Next: "C" } }], rules)).toBe('{"Choices":[{"Next":"C"},{"Next":"A"},{"Next":"B"}]}');
  expect(made([{ kind: "insert", pointer: "/Choices/-", value: { Next: "C" } }], rules)).toBe('{"Choices":[{"Next":"A"},{"Next":"B"},{"Next":"C"}]}');
  expect(made([{ kind: "insert", pointer: "/Choices/9", value: 1 }], rules)).toBe("nothing");
  expect(made([{ kind: "move", pointer: "/Choices/0", to: "/Choices/1" }], rules)).toBe('{"Choices":[{"Next":"B"},{"Next":"A"}]}');
});

test("a member is renamed in its place, and moved with its text", () => {
  expect(lines([{ kind: "rename", pointer: "/States/A", name: 'Say "hi"' }])).toEqual([
    '-    "A": { "Type": "Pass", "Next": "b/c" },',
    '+    "Say \\"hi\\"": { "Type": "Pass", "Next": "b/c" },',
  ]);
  expect(made([{ kind: "rename", pointer: "/States/A", name: "End" }])).toBe("nothing");
  expect(made([{ kind: "move", pointer: "/a/b", to: "/b" }], '{\n  "a": {\n    "b": {\n      "c": 1\n    }\n  }\n}')).toBe('{\n  "a": {},\n  "b": {\n    "c": 1\n  }\n}');
  expect(made([{ kind: "move", pointer: "/a", to: "/a/b" }], '{"a":{}}')).toBe("nothing");
  const step = made([{ kind: "move", pointer: "/States/A", to: "/States/A", after: "End" }]);
  expect(Object.keys((JSON.parse(step) as { States: object }).States)).toEqual(["b/c", "End", "A"]);
});

test("edits are one step, each on what the ones before it made", () => {
  const text = made([
    { kind: "set", pointer: "/States/New", value: { Type: "Pass" }, after: "A" },
    { kind: "set", pointer: "/States/New/Next", value: "b/c" },
    { kind: "set", pointer: "/States/A/Next", value: "New" },
  ]);
  expect((JSON.parse(text) as { States: Record<string, unknown> }).States["New"]).toEqual({ Type: "Pass", Next: "b/c" });
  // One that leads nowhere undoes all.
  expect(made([{ kind: "remove", pointer: "/StartAt" }, { kind: "set", pointer: "/Nowhere/x", value: 1 }])).toBe("nothing");
});

test("a definition of one line is laid out to be edited, another one is left as it is", () => {
  expect(openedText('{"a":1}')).toBe('{\n  "a": 1\n}');
  expect(openedText('{\r\n   "a":1}')).toBe('{\n   "a":1}');
  expect(openedText("nothing")).toBe("nothing");
});
