import { json } from "@codemirror/lang-json";
import { syntaxHighlighting } from "@codemirror/language";
import { MergeView, unifiedMergeView } from "@codemirror/merge";
import { EditorState } from "@codemirror/state";
import type { Extension } from "@codemirror/state";
import { drawSelection, EditorView, lineNumbers } from "@codemirror/view";
import { useEffect, useRef, useState } from "react";
import { COLOURS, LOOK } from "./codeLook";

const NARROW = "(max-width: 900px)";

/** Two JSON texts and what differs: side by side, or where there is little room, as one. Lives in a shadow root, as CodeView does. */
export default function CodeDiff({ before, after, label }: { before: string; after: string; label: string }) {
  const place = useRef<HTMLDivElement>(null);
  const [isNarrow, setNarrow] = useState(() => window.matchMedia(NARROW).matches);
  useEffect(() => {
    const query = window.matchMedia(NARROW);
    const follow = (): void => setNarrow(query.matches);
    query.addEventListener("change", follow);
    return () => query.removeEventListener("change", follow);
  }, []);
  useEffect(() => {
    const host = place.current;
    if (host === null) return;
    const root = host.shadowRoot ?? host.attachShadow({ mode: "open" });
    const collapseUnchanged = { margin: 3, minSize: 6 };
    // A diff of two large texts that have little in common is told coarsely rather than late.
    const diffConfig = { scanLimit: 2_000, timeout: 500 };
    const said = (which: string): Extension => EditorView.contentAttributes.of({ "aria-label": `${label}: ${which}`, tabindex: "0" });
    if (isNarrow) {
      const view = new EditorView({
        root,
        parent: root,
        state: EditorState.create({
          doc: after,
          extensions: [...SHARED, said("both"), unifiedMergeView({ original: before, mergeControls: false, collapseUnchanged, diffConfig })],
        }),
      });
      return () => view.destroy();
    }
    const view = new MergeView({
      root,
      parent: root,
      a: { doc: before, extensions: [...SHARED, said("before")] },
      b: { doc: after, extensions: [...SHARED, said("after")] },
      collapseUnchanged,
      diffConfig,
      gutter: true,
    });
    return () => {
      view.destroy();
      view.dom.remove();
    };
  }, [before, after, label, isNarrow]);
  return <div className="code-diff" ref={place} />;
}

const SHARED: readonly Extension[] = [
  lineNumbers(),
  drawSelection(),
  json(),
  syntaxHighlighting(COLOURS),
  LOOK,
  EditorState.readOnly.of(true),
  EditorView.lineWrapping,
  EditorView.theme({
    "&": { height: "auto" },
    // A line that was changed has a sign too: a bar of its own width at its left.
    "&.cm-merge-a .cm-changedLine, .cm-deletedChunk": { backgroundColor: "var(--bad-ground)", boxShadow: "inset 3px 0 var(--bad-line)" },
    "&.cm-merge-b .cm-changedLine": { backgroundColor: "var(--good-ground)", boxShadow: "inset 3px 0 var(--good-line)" },
    "&.cm-merge-a .cm-changedText, .cm-deletedChunk .cm-deletedText": { background: "color-mix(in srgb, var(--bad-line) 26%, transparent)" },
    "&.cm-merge-b .cm-changedText": { background: "color-mix(in srgb, var(--good-line) 26%, transparent)" },
    "&.cm-merge-a .cm-changedLineGutter, .cm-deletedLineGutter": { background: "var(--bad-line)" },
    "&.cm-merge-b .cm-changedLineGutter": { background: "var(--good-line)" },
    ".cm-collapsedLines": { color: "var(--ink-quiet)", background: "var(--raised)", padding: "3px 8px" },
    // Its own sign is in few fonts.
    "& .cm-collapsedLines:before, & .cm-collapsedLines:after": { content: '"⋯"' },
  }),
];
