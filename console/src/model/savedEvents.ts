/** Events of a function that are kept in this browser, by name. */

/** What of a browser's storage is used. */
export type Store = Pick<Storage, "getItem" | "setItem" | "removeItem">;

export interface SavedEvent {
  readonly name: string;
  readonly text: string;
}

/** Events that are kept of one function. */
export const SAVED_MAX = 50;
export const NAME_LENGTH_MAX = 80;

const keyOf = (functionName: string): string => `stepwell.events.${functionName}`;

/** In the order of their names. What cannot be read counts as none. */
export function savedEvents(store: Store, functionName: string): SavedEvent[] {
  try {
    const kept: unknown = JSON.parse(store.getItem(keyOf(functionName)) ?? "[]");
    if (!Array.isArray(kept)) return [];
    return kept.filter(
      (one: unknown): one is SavedEvent =>
        typeof one === "object" && one !== null && typeof (one as SavedEvent).name === "string" && typeof (one as SavedEvent).text === "string",
    );
  } catch {
    return [];
  }
}

/** Keeps an event under a name, in place of what had the name. Throws where the browser keeps no more. */
export function saveEvent(store: Store, functionName: string, event: SavedEvent): SavedEvent[] {
  const name = event.name.trim().slice(0, NAME_LENGTH_MAX);
  if (name === "") throw new Error("an event needs a name");
  const others = savedEvents(store, functionName).filter((one) => one.name !== name);
  if (others.length >= SAVED_MAX) throw new Error(`at most ${SAVED_MAX} events of a function are kept; remove one`);
  const next = [...others, { name, text: event.text }].sort((a, b) => a.name.localeCompare(b.name));
  store.setItem(keyOf(functionName), JSON.stringify(next));
  return next;
}

export function removeEvent(store: Store, functionName: string, name: string): SavedEvent[] {
  const next = savedEvents(store, functionName).filter((one) => one.name !== name);
  if (next.length === 0) store.removeItem(keyOf(functionName));
  else store.setItem(keyOf(functionName), JSON.stringify(next));
  return next;
}
