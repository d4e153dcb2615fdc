/** Finding an entry of the command palette. */

export interface Entry {
  readonly id: string;
  readonly title: string;
  /** What kind it is: `State machine`, `Execution`, `Page`. */
  readonly kind: string;
}

/** The entries whose letters hold those of the query in their order, best first. */
export function matching<E extends Entry>(entries: readonly E[], query: string, most: number): E[] {
  const wanted = query.trim().toLowerCase();
  if (wanted === "") return entries.slice(0, most);
  return entries
    .map((entry) => ({ entry, score: score(`${entry.title} ${entry.kind}`.toLowerCase(), wanted) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score)
    .slice(0, most)
    .map(({ entry }) => entry);
}

/** 0 for no match; more for letters that are together, at the beginning of a word, or early. */
function score(text: string, wanted: string): number {
  const at = text.indexOf(wanted);
  if (at >= 0) return 1_000 - Math.min(at, 500) + (at === 0 || /\W/.test(text[at - 1] ?? "") ? 200 : 0);
  let from = 0;
  let gaps = 0;
  for (const letter of wanted.replaceAll(" ", "")) {
    const found = text.indexOf(letter, from);
    if (found < 0) return 0;
    gaps += found - from;
    from = found + 1;
  }
  return Math.max(1, 300 - gaps);
}
