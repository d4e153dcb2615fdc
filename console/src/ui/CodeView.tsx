import { defaultKeymap } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, foldGutter, foldKeymap, syntaxHighlighting } from "@codemirror/language";
import { search, searchKeymap } from "@codemirror/search";
import { EditorState, StateEffect, StateField } from "@codemirror/state";
import { Decoration, drawSelection, EditorView, keymap, lineNumbers } from "@codemirror/view";
import type { DecorationSet } from "@codemirror/view";
import { useEffect, useRef } from "react";
import { COLOURS, LOOK } from "./codeLook";
import { pointerAt, rangeOf } from "./codePlaces";
import type { Range } from "./codePlaces";

/**
 * A JSON text to read and search in.
 *
 * It lives in a shadow root: there CodeMirror's styles are style sheets of the document's own making, which the policy
 * of the page allows; in the page itself they would be inline styles, which it does not.
 */
export default function CodeView({ text, label, chosen, onChoose }: { text: string; label: string; chosen?: string | null; onChoose?: (pointer: string) => void }) {
  const place = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const chooses = useRef(onChoose);
  chooses.current = onChoose;
  useEffect(() => {
    const host = place.current;
    if (host === null) return;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const editor = new EditorView({
      root,
      parent: root,
      state: EditorState.create({
        doc: text,
        extensions: [
          lineNumbers(),
          foldGutter(),
          drawSelection(),
          bracketMatching(),
          json(),
          search({ top: true }),
          syntaxHighlighting(COLOURS),
          LOOK,
          chosenField,
          EditorState.readOnly.of(true),
          EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
          EditorView.lineWrapping,
          keymap.of([...defaultKeymap, ...searchKeymap, ...foldKeymap]),
          EditorView.domEventHandlers({
            click: (event, editor) => {
              const at = editor.posAtCoords({ x: event.clientX, y: event.clientY });
              if (at !== null) chooses.current?.(pointerAt(editor.state, at));
            },
          }),
        ],
      }),
    });
    view.current = editor;
    return () => {
      view.current = null;
      editor.destroy();
    };
  }, [text, label]);
  useEffect(() => {
    const editor = view.current;
    if (editor === null) return;
    const range = chosen ? rangeOf(editor.state, chosen) : null;
    editor.dispatch({ effects: choose.of(range) });
    if (range === null) return;
    // Within the editor alone: `scrollIntoView` would move the page too.
    const block = editor.lineBlockAt(range.from);
    editor.scrollDOM.scrollTop = block.top - editor.scrollDOM.clientHeight / 3;
  }, [chosen, text]);
  return <div className="code" ref={place} />;
}

const choose = StateEffect.define<Range | null>();

const chosenField = StateField.define<DecorationSet>({
  create: () => Decoration.none,
  update: (marks, transaction) => {
    for (const effect of transaction.effects) {
      if (!effect.is(choose)) continue;
      if (effect.value === null) return Decoration.none;
      const { doc } = transaction.state;
      const lines = [];
      for (let line = doc.lineAt(effect.value.from); ; line = doc.line(line.number + 1)) {
        lines.push(Decoration.line({ class: "chosen" }).range(line.from));
        if (line.to >= effect.value.to || line.number === doc.lines) break;
      }
      return Decoration.set(lines);
    }
    return marks.map(transaction.changes);
  },
  provide: (field) => EditorView.decorations.from(field),
});
