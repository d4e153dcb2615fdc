import type { KeyboardEvent } from "react";

/** Whether a key goes into a text, so that it is no command. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  // What is in a shadow root is seen as its host from outside. Who reads a text there types nothing into it.
  const inner = target.shadowRoot?.activeElement;
  if (inner) return inner.getAttribute("aria-readonly") !== "true" && isTyping(inner);
  const isText =
    target instanceof HTMLInputElement ? !["checkbox", "radio", "button", "submit", "range"].includes(target.type) : ["TEXTAREA", "SELECT"].includes(target.tagName);
  return target.isContentEditable || isText || target.closest("[role=dialog]") !== null;
}

/** Sends the form that a key was pressed in: `Ctrl Enter`, where Enter alone is a line of a text. */
export function submitOnCtrlEnter(event: KeyboardEvent<HTMLElement>): void {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  event.currentTarget.closest("form")?.requestSubmit();
}

/** Every key of the console and what it does. */
export const KEYS: readonly (readonly [keys: string, what: string])[] = [
  ["Ctrl K", "Find a page, a state machine, an execution, a command"],
  ["/", "Search in what is shown"],
  ["j  k", "Next and previous row"],
  ["Enter", "Open the row"],
  ["x", "Select the row, where rows can be"],
  ["g m", "State machines"],
  ["g e", "Executions"],
  ["g f", "Functions"],
  ["g l", "Logs"],
  ["g t", "Traces"],
  ["g s", "Service map"],
  ["g a", "Alarms"],
  ["g x", "Metrics explorer"],
  ["g d", "Dashboards"],
  ["n", "Start an execution"],
  ["Ctrl S", "Save the definition that is edited"],
  ["Ctrl Space", "What can be written here, in a definition"],
  ["Ctrl F", "Search and replace, in a definition"],
  ["F8", "The next diagnostic of a definition"],
  ["Esc Tab", "Out of the text of a definition"],
  [",  .", "In an execution: the event before, the event after"],
  ["p", "In an execution: play what happened, pause"],
  ["a c m d F2", "In the graph of the editor: add, connect, more, duplicate, rename"],
  ["Alt ↑ ↓", "In the graph of the editor: move the state along its way"],
  ["t", "Light, dark, as the machine"],
  ["?", "This list"],
];
