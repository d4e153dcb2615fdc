/** Texts that were not saved, kept by the browser for the next visit: a few, and not too large. */

/** A draft and what it was made of. */
export interface Draft {
  readonly text: string;
  /** The revision that it began with; `null` of a state machine that is not created yet. */
  readonly revisionId: string | null;
  /** When it was kept, in milliseconds. */
  readonly at: number;
}

/** Of how many state machines drafts are kept; the oldest go first. */
const DRAFTS_MAX = 12;
const CHARACTERS_MAX = 400_000;
const PREFIX = "stepwell.draft.";

type Kept = Pick<Storage, "getItem" | "setItem" | "removeItem" | "key" | "length">;

/** The draft of a state machine, by its ARN; `new` is the one that is not created yet. */
export function draftOf(storage: Kept, id: string): Draft | null {
  try {
    const found = JSON.parse(storage.getItem(PREFIX + id) ?? "null") as Partial<Draft> | null;
    if (found === null || typeof found.text !== "string" || typeof found.at !== "number") return null;
    return { text: found.text, at: found.at, revisionId: typeof found.revisionId === "string" ? found.revisionId : null };
  } catch {
    return null;
  }
}

/** Keeps a draft. Gives `false` where it cannot be kept: it is too large, or the browser keeps nothing. */
export function keepDraft(storage: Kept, id: string, draft: Draft): boolean {
  if (draft.text.length > CHARACTERS_MAX) return false;
  try {
    const others = ids(storage).filter((one) => one !== id);
    const oldest = others.map((one) => ({ one, at: draftOf(storage, one)?.at ?? 0 })).toSorted((a, b) => a.at - b.at);
    for (const { one } of oldest.slice(0, Math.max(0, others.length - DRAFTS_MAX + 1))) dropDraft(storage, one);
    storage.setItem(PREFIX + id, JSON.stringify(draft));
    return true;
  } catch {
    return false;
  }
}

export function dropDraft(storage: Kept, id: string): void {
  try {
    storage.removeItem(PREFIX + id);
  } catch {
    // A browser that keeps nothing has nothing to drop.
  }
}

function ids(storage: Kept): string[] {
  const found: string[] = [];
  for (let index = 0; index < storage.length; index += 1) {
    const key = storage.key(index);
    if (key?.startsWith(PREFIX)) found.push(key.slice(PREFIX.length));
  }
  return found;
}
