/** A definition while it is edited: CodeMirror holds the text and the one history, pages look at it and edit it. */

import { history, isolateHistory, redo, redoDepth, undo, undoDepth } from "@codemirror/commands";
import { EditorSelection, EditorState, StateEffect, StateField, Transaction } from "@codemirror/state";
import type { Extension } from "@codemirror/state";
import { Decoration, EditorView } from "@codemirror/view";
import type { DecorationSet } from "@codemirror/view";
import { readDefinition, sharedWith } from "../../model/definition";
import type { Graph, StateNode } from "../../model/definition";
import { edited, placeOf, pointerAt, readDocument } from "../../model/document";
import type { Document, Edit, Range } from "../../model/document";

interface Snapshot {
  readonly document: Document;
  /** Of the latest text that is JSON; `null` where none was an object. */
  readonly graph: Graph | null;
  /** The JSON pointer of what the cursor is in. */
  readonly cursor: string;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
}

/** How an edit goes into the history. */
export interface EditOptions {
  /** Letters that are typed into one field: they are undone together. */
  readonly isTyping?: boolean;
}

export class Editing {
  /** What shows the text; a page puts it where it likes. It has a shadow root, for CodeMirror's styles (see CodeView). */
  readonly host: HTMLElement = document.createElement("div");
  readonly view: EditorView;
  private listeners = new Set<() => void>();
  private now: Snapshot;

  constructor(text: string, extensions: Extension) {
    this.host.className = "code-host";
    const root = this.host.attachShadow({ mode: "open" });
    const state = EditorState.create({
      doc: text,
      extensions: [history(), chosenField, EditorView.updateListener.of((update) => this.read(update.state, update.docChanged)), extensions],
    });
    const read = readDocument(text);
    this.now = { document: read, graph: graphOf(read, null, null), cursor: "", canUndo: false, canRedo: false };
    this.view = new EditorView({ root, parent: root, state });
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): Snapshot => this.now;

  /** Makes edits as one step of the history. Gives `false`, and does nothing, while the text is no JSON or where one leads nowhere. */
  readonly edit = (edits: readonly Edit[], { isTyping = false }: EditOptions = {}): boolean => {
    const step = edited(this.now.document, edits);
    if (step === null) return false;
    if (step.changes.length === 0) return true;
    this.view.dispatch(
      ...step.changes.map((changes) => ({ changes, sequential: true })),
      isTyping
        ? { annotations: Transaction.userEvent.of("input.type"), sequential: true }
        : { annotations: [Transaction.userEvent.of("edit"), isolateHistory.of("full")], sequential: true },
    );
    return true;
  };

  /** Puts another text in the place of this one, as one step. */
  readonly replace = (text: string): void => {
    const before = this.view.state.doc.toString();
    if (before === text) return;
    const { from, end, insert } = differing(before, text);
    this.view.dispatch({ changes: { from, to: end, insert }, annotations: [Transaction.userEvent.of("edit"), isolateHistory.of("full")] });
  };

  readonly undo = (): boolean => undo(this.view);
  readonly redo = (): boolean => redo(this.view);

  /** Marks the lines of something, and scrolls to them unless it is told not to. */
  readonly mark = (pointer: string | null, scrolls: boolean): void => {
    const range = pointer === null ? null : (placeOf(this.now.document, pointer)?.whole ?? null);
    this.view.dispatch({ effects: choose.of(range) });
    if (range === null || !scrolls) return;
    // Within the editor alone: `scrollIntoView` would move the page too.
    this.view.scrollDOM.scrollTop = this.view.lineBlockAt(range.from).top - this.view.scrollDOM.clientHeight / 4;
  };

  /** Puts the cursor somewhere, for somebody who wants to go on there. */
  readonly jump = ({ from, to }: Range): void => {
    this.view.dispatch({ selection: EditorSelection.range(from, to), effects: EditorView.scrollIntoView(from, { y: "center" }) });
    this.view.focus();
  };

  destroy(): void {
    this.view.destroy();
  }

  private read(state: EditorState, hasChanged: boolean): void {
    const before = this.now;
    const document = hasChanged ? readDocument(state.doc.toString(), before.document) : before.document;
    const next: Snapshot = {
      document,
      graph: hasChanged ? graphOf(document, before.document, before.graph) : before.graph,
      cursor: pointerAt(document, state.selection.main.head),
      canUndo: undoDepth(state) > 0,
      canRedo: redoDepth(state) > 0,
    };
    if (!hasChanged && next.cursor === before.cursor && next.canUndo === before.canUndo && next.canRedo === before.canRedo) return;
    this.now = next;
    for (const listener of this.listeners) listener();
  }
}

/** The graph of the latest good text; the one from before while nothing that it shows has changed. */
function graphOf(document: Document, before: Document | null, graph: Graph | null): Graph | null {
  if (document.good === null) return graph;
  if (document.good === before?.good) return graph;
  const read = readDefinition(document.good.text);
  return read === null ? graph : sharedWith(read, graph);
}

/** The innermost state around a place. */
export function stateAt(graph: Graph | null, pointer: string): StateNode | undefined {
  return graph?.states
    .filter((state) => pointer === state.pointer || pointer.startsWith(`${state.pointer}/`))
    .toSorted((a, b) => b.pointer.length - a.pointer.length)[0];
}

/** The part of two texts that differs. */
function differing(before: string, after: string): { from: number; end: number; insert: string } {
  let from = 0;
  while (from < before.length && from < after.length && before[from] === after[from]) from += 1;
  let same = 0;
  while (same < before.length - from && same < after.length - from && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1;
  return { from, end: before.length - same, insert: after.slice(from, after.length - same) };
}

const choose = StateEffect.define<Range | null>();

interface Chosen {
  readonly range: Range | null;
  readonly lines: DecorationSet;
}

/** The lines of what is chosen; those that are typed into it are among them. */
const chosenField = StateField.define<Chosen>({
  create: () => ({ range: null, lines: Decoration.none }),
  update: (before, transaction) => {
    const effect = transaction.effects.find((one) => one.is(choose));
    const kept = before.range === null || !transaction.docChanged ? before.range : { from: transaction.changes.mapPos(before.range.from, 1), to: transaction.changes.mapPos(before.range.to, -1) };
    const range = effect === undefined ? kept : effect.value;
    if (range === before.range) return before;
    if (range === null || range.to < range.from) return { range: null, lines: Decoration.none };
    const { doc } = transaction.state;
    const lines = [];
    for (let line = doc.lineAt(Math.min(range.from, doc.length)); ; line = doc.line(line.number + 1)) {
      lines.push(Decoration.line({ class: "chosen" }).range(line.from));
      if (line.to >= range.to || line.number === doc.lines) break;
    }
    return { range, lines: Decoration.set(lines) };
  },
  provide: (field) => EditorView.decorations.from(field, (chosen) => chosen.lines),
});
