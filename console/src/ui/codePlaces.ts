/** Where in a JSON text that CodeMirror shows a pointer leads, and back. */

import { ensureSyntaxTree, syntaxTree } from "@codemirror/language";
import type { EditorState } from "@codemirror/state";

export interface Range {
  readonly from: number;
  readonly to: number;
}

type Tree = ReturnType<typeof syntaxTree>;
type Node = Tree["topNode"];

/** How long a text is read on for a place in it; one of 1 MiB takes a tenth of that. */
const READ_MS = 2_000;

/** The tree of a text down to a place: CodeMirror reads a text as far as it has time, and the rest later. */
const treeTo = (state: EditorState, at: number): Tree => ensureSyntaxTree(state, at, READ_MS) ?? syntaxTree(state);

const tokenOf = (state: EditorState, property: Node): string => {
  const name = property.getChild("PropertyName");
  const text = name === null ? '""' : state.sliceDoc(name.from, name.to);
  return (JSON.parse(text) as string).replaceAll("~", "~0").replaceAll("/", "~1");
};

/** The JSON pointer of what is at a place of the text. */
export function pointerAt(state: EditorState, at: number): string {
  const tokens: string[] = [];
  for (let node: Node | null = treeTo(state, at).resolveInner(at, 1); node !== null; node = node.parent) {
    if (node.name === "Property") tokens.unshift(tokenOf(state, node));
    else if (node.parent?.name === "Array") {
      let index = 0;
      for (let before = node.prevSibling; before !== null; before = before.prevSibling) {
        if (!["[", ",", "⚠"].includes(before.name)) index += 1;
      }
      tokens.unshift(String(index));
    }
  }
  return tokens.map((token) => `/${token}`).join("");
}

/** Where in the text a JSON pointer leads to. */
export function rangeOf(state: EditorState, pointer: string): Range | null {
  let node: Node | null = treeTo(state, state.doc.length).topNode.firstChild;
  let whole: Range | null = null;
  for (const token of pointer.split("/").slice(1)) {
    if (node === null) return null;
    if (node.name === "Array") {
      const items: Node[] = node.getChildren("Object");
      node = items[Number(token)] ?? null;
      whole = node;
    } else {
      const property: Node | undefined = node.getChildren("Property").find((one) => tokenOf(state, one) === token);
      if (property === undefined) return null;
      whole = property;
      node = property.lastChild;
    }
  }
  return whole === null ? null : { from: whole.from, to: whole.to };
}
