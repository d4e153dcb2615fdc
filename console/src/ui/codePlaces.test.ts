import { json } from "@codemirror/lang-json";
import { syntaxTree } from "@codemirror/language";
import { EditorState } from "@codemirror/state";
import { expect, test } from "vitest";
import { pointerAt, rangeOf } from "./codePlaces";

const stateOf = (value: unknown): EditorState => EditorState.create({ doc: JSON.stringify(value, null, 2), extensions: [json()] });

test("a pointer leads to its place, and the place to the pointer", () => {
  const state = stateOf({ States: { "a/b~c": { Choices: [{ Next: "x" }, { Next: "y" }] } } });
  for (const pointer of ["/States", "/States/a~1b~0c", "/States/a~1b~0c/Choices/1/Next"]) {
    const range = rangeOf(state, pointer);
    expect(range, pointer).not.toBeNull();
    expect(pointerAt(state, (range?.from ?? 0) + 1)).toBe(pointer);
  }
  expect(rangeOf(state, "/States/none")).toBeNull();
  expect(rangeOf(state, "/States/a~1b~0c/Choices/2")).toBeNull();
});

test("the end of a long text is found before CodeMirror has read so far", () => {
  const long = (): EditorState => stateOf({ States: Object.fromEntries(Array.from({ length: 12_000 }, (_, index) => [`S${index}`, { Type: "Pass", Next: `S${index + 1}` }])) });
  const state = long();
  expect(syntaxTree(state).length).toBeLessThan(state.doc.length);
  const range = rangeOf(state, "/States/S11999");
  expect(state.sliceDoc(range?.from, range?.to)).toContain("S12000");
  expect(pointerAt(long(), range?.from ?? 0)).toBe("/States/S11999");
});
