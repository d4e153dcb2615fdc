/** What a reader holds of a live tail: who reads is not pushed away by what comes. */

import type { LogLine } from "./logLines";

interface TailHold {
  readonly isPaused: boolean;
  /** Who reads further down holds the lines too. */
  readonly isAtTop: boolean;
  /** The lines that stay in sight, newest first; `null`: those that come. */
  readonly lines: readonly LogLine[] | null;
}

export const NOTHING_HELD: TailHold = { isPaused: false, isAtTop: true, lines: null };

/** - `lines`: those that came, held from now on if none are. */
export function paused(hold: TailHold, isPaused: boolean, lines: readonly LogLine[]): TailHold {
  return held({ ...hold, isPaused }, lines);
}

/** - `lines`: see {@link paused}. */
export function scrolled(hold: TailHold, isAtTop: boolean, lines: readonly LogLine[]): TailHold {
  return hold.isAtTop === isAtTop ? hold : held({ ...hold, isAtTop }, lines);
}

/** After all lines that came are taken away: a list without lines is at its top. */
export function cleared(hold: TailHold): TailHold {
  return { isPaused: hold.isPaused, isAtTop: true, lines: hold.isPaused ? [] : null };
}

function held(hold: TailHold, lines: readonly LogLine[]): TailHold {
  return { ...hold, lines: hold.isPaused || !hold.isAtTop ? (hold.lines ?? lines) : null };
}

/** The lines in sight, and how many newer ones wait. */
export function seen(hold: TailHold, lines: readonly LogLine[]): { readonly shown: readonly LogLine[]; readonly waiting: number } {
  if (hold.lines === null) return { shown: lines, waiting: 0 };
  const first = hold.lines[0]?.id;
  const at = lines.findIndex((line) => line.id === first);
  // The newest line that is held is gone, cleared or dropped: whatever is there came after it.
  return { shown: hold.lines, waiting: at === -1 ? lines.length : at };
}
