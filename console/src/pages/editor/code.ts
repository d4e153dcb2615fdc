/** The code half of the editor: CodeMirror with what the models know of the language. */

import { acceptCompletion, autocompletion, closeBrackets, closeBracketsKeymap, completionKeymap, completionStatus, snippet, startCompletion } from "@codemirror/autocomplete";
import type { Completion, CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import { defaultKeymap, historyKeymap, indentWithTab } from "@codemirror/commands";
import { json } from "@codemirror/lang-json";
import { bracketMatching, foldGutter, foldKeymap, indentOnInput, syntaxHighlighting } from "@codemirror/language";
import { lintGutter, nextDiagnostic, setDiagnostics } from "@codemirror/lint";
import type { Diagnostic } from "@codemirror/lint";
import { highlightSelectionMatches, search, searchKeymap } from "@codemirror/search";
import type { Extension } from "@codemirror/state";
import { drawSelection, EditorView, highlightActiveLine, hoverTooltip, keymap, lineNumbers } from "@codemirror/view";
import { fieldAt, offersAt } from "../../model/completion";
import type { Known, Offer } from "../../model/completion";
import { placeOf, readDocument } from "../../model/document";
import type { Document, Range } from "../../model/document";
import { COLOURS, LOOK } from "../../ui/codeLook";
import type { Editing } from "./editing";
import type { Finding } from "./validation";

/** What keys of the editor do, besides those that every editor has. */
interface Commands {
  readonly save: () => void;
  readonly format: () => void;
}

export function codeExtensions(ask: { readonly known: () => Known; readonly document: () => Document | null; readonly commands: () => Commands }): Extension {
  const documentOf = (text: string): Document => {
    const kept = ask.document();
    return kept?.text === text ? kept : readDocument(text, kept);
  };
  return [
    lineNumbers(),
    lintGutter(),
    foldGutter(),
    drawSelection(),
    bracketMatching(),
    closeBrackets(),
    indentOnInput(),
    highlightActiveLine(),
    highlightSelectionMatches(),
    json(),
    search({ top: true }),
    syntaxHighlighting(COLOURS),
    LOOK,
    EDITOR_LOOK,
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": "Definition", "aria-multiline": "true", tabindex: "0" }),
    autocompletion({ override: [(context) => completions(context, documentOf, ask.known())], icons: false, maxRenderedOptions: 80 }),
    hoverTooltip((view, at) => {
      const found = fieldAt(documentOf(view.state.doc.toString()), at);
      if (found === null) return null;
      return { pos: found.range.from, end: found.range.to, above: true, create: () => ({ dom: fieldNote(found.field) }) };
    }),
    keymap.of([
      { key: "Mod-s", preventDefault: true, run: () => (ask.commands().save(), true) },
      { key: "Shift-Alt-f", run: () => (ask.commands().format(), true) },
      { key: "F8", run: nextDiagnostic },
      { key: "Tab", run: acceptCompletion },
      ...completionKeymap,
      ...closeBracketsKeymap,
      ...historyKeymap,
      ...searchKeymap,
      ...foldKeymap,
      ...defaultKeymap,
      indentWithTab,
    ]),
  ];
}

/** Asks for the offers once more, if they are shown or asked for. */
export function offerAnew(view: EditorView): void {
  if (completionStatus(view.state) !== null) startCompletion(view);
}

const TYPES: Readonly<Record<Offer["kind"], string>> = {
  field: "property",
  value: "constant",
  state: "variable",
  function: "function",
  snippet: "text",
  error: "constant",
  resource: "namespace",
};

function completions(context: CompletionContext, documentOf: (text: string) => Document, known: Known): CompletionResult | null {
  const { pos, state } = context;
  const before = state.sliceDoc(Math.max(0, pos - 1), pos);
  // Who types a comma or a number is not asked; who asks is answered anywhere.
  if (!context.explicit && !/[\w"$.{]/.test(before)) return null;
  const document = documentOf(state.doc.toString());
  const found = offersAt(document, pos, known);
  if (found === null || (!context.explicit && before === "{" && !/\{%|\$\{/.test(state.sliceDoc(pos - 2, pos)))) return null;
  // What was typed is compared with the label, so the quotation mark is no part of it.
  const from = state.sliceDoc(found.from, found.from + 1) === '"' ? found.from + 1 : found.from;
  if (from > pos) return null;
  const [ahead, behind] = [from - found.from, found.to - pos];
  return {
    from,
    options: found.offers.map((offer, index): Completion => ({
      label: offer.label,
      type: TYPES[offer.kind],
      ...(offer.detail ? { detail: offer.detail } : {}),
      ...(offer.doc ? { info: offer.doc } : {}),
      // The order of the model is that of use.
      boost: Math.max(-99, 99 - index),
      apply: (view, completion, start, end) => {
        snippet(offer.snippet ?? offer.label)(view, completion, start - ahead, end + behind);
        if (offer.label.endsWith(".") || offer.label === "$states") startCompletion(view);
      },
    })),
  };
}

function fieldNote({ name, doc, language, isRequired, values }: { name: string; doc: string; language: string | null; isRequired?: boolean; values?: readonly string[] }): HTMLElement {
  const note = document.createElement("div");
  note.className = "field-note";
  const title = document.createElement("strong");
  title.textContent = name;
  const more = [isRequired === true ? "required" : null, language === null ? null : `${language} only`].filter((one) => one !== null).join(", ");
  const text = document.createElement("div");
  text.textContent = doc;
  note.append(title, more ? ` ${more}` : "", text);
  if (values && name !== "Type") {
    const list = document.createElement("div");
    list.className = "field-values";
    list.textContent = values.join(" · ");
    note.append(list);
  }
  return note;
}

/** Where a finding is drawn: the name of what it is about, or the whole of a value that is one line. */
export function rangeOfFinding(document: Document, finding: Finding): Range {
  if (finding.range) return finding.range;
  const place = placeOf(document, finding.pointer);
  if (place === null || finding.pointer === "") return { from: 0, to: Math.min(1, document.text.length) };
  const isLong = document.text.slice(place.value.from, place.value.to).includes("\n");
  if (!isLong) return place.whole;
  return place.key ?? { from: place.value.from, to: place.value.from + 1 };
}

/** Draws the findings about a document; those about another text are not drawn. */
export function showFindings(editing: Editing, document: Document, findings: readonly Finding[]): void {
  const { state } = editing.view;
  if (state.doc.length !== document.text.length) return;
  const diagnostics = findings.map((finding): Diagnostic => ({
    ...rangeOfFinding(document, finding),
    severity: finding.severity,
    message: finding.message,
    source: finding.code,
  }));
  editing.view.dispatch(setDiagnostics(state, diagnostics.toSorted((a, b) => a.from - b.from)));
}

const EDITOR_LOOK = EditorView.theme({
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--raised) 55%, transparent)" },
  ".cm-line.chosen.cm-activeLine": { backgroundColor: "var(--chosen)" },
  ".cm-cursor, .cm-dropCursor": { borderLeftColor: "var(--ink)" },
  ".cm-selectionMatch": { backgroundColor: "color-mix(in srgb, var(--selection) 50%, transparent)" },
  "&.cm-focused .cm-matchingBracket": { backgroundColor: "var(--selection)", outline: "1px solid var(--line-strong)" },
  ".cm-searchMatch": { backgroundColor: "var(--warn-ground)", outline: "1px solid var(--warn-line)" },
  ".cm-searchMatch-selected": { backgroundColor: "var(--warn-line)" },
  ".cm-tooltip": { backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "6px", boxShadow: "var(--shadow)", fontFamily: "var(--sans)", fontSize: "12.5px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "15em" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "2px 8px" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]": { backgroundColor: "var(--chosen)", color: "var(--ink)" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700", color: "var(--accent)" },
  ".cm-completionDetail": { color: "var(--ink-quiet)", fontStyle: "normal", marginLeft: "1em" },
  ".cm-completionInfo": { maxWidth: "300px", padding: "6px 10px" },
  ".field-note": { maxWidth: "360px", padding: "7px 10px", lineHeight: "1.45" },
  ".field-note strong": { fontFamily: "var(--mono)" },
  ".field-values": { color: "var(--ink-quiet)", fontFamily: "var(--mono)", fontSize: "11.5px" },
  ".cm-diagnostic": { padding: "6px 10px", borderLeftWidth: "4px" },
  ".cm-diagnostic-error": { borderLeftColor: "var(--bad)" },
  ".cm-diagnostic-warning": { borderLeftColor: "var(--warn)" },
  ".cm-diagnosticSource": { opacity: "1", color: "var(--ink-quiet)", fontFamily: "var(--mono)", fontSize: "11px" },
  ".cm-panel.cm-search": { padding: "6px 8px" },
  ".cm-textfield": { backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "4px", padding: "3px 6px" },
  ".cm-button": { backgroundImage: "none", backgroundColor: "var(--surface)", color: "var(--ink)", border: "1px solid var(--line-strong)", borderRadius: "4px", padding: "3px 8px" },
  ".cm-panel.cm-search input, .cm-panel.cm-search button, .cm-panel.cm-search label": { fontSize: "12px" },
  // The whole of the editor shows that it has the focus.
  "&.cm-focused": { outline: "none" },
  ".cm-snippetField": { backgroundColor: "color-mix(in srgb, var(--selection) 45%, transparent)" },
});
