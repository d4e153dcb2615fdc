/** Reading what is sorted by time, oldest first, from its end: in windows that grow where little is, and shrink where much is. */

export interface Window {
  /** Inclusive, both; milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
}

/** What was read of a window: all of it, or only its oldest part. */
interface Read<Item> {
  readonly items: readonly Item[];
  readonly isWhole: boolean;
}

export interface Page<Item> {
  /** In the order of reading: those of later windows first. Each window is as it was read. */
  readonly items: readonly Item[];
  /** Where to go on; `null` where the range is at its beginning. */
  readonly next: { readonly to: number; readonly span: number } | null;
  /** Whether an instant had more than could be read. */
  readonly isCut: boolean;
}

/** Windows that one page reads. */
const WINDOWS_MAX = 24;
export const FIRST_SPAN_MS = 60_000;

/**
 * One page, from `to` back to `from`.
 *
 * - `read`: gives a window; what it says is not whole is read again in less time.
 * - `wanted`: items that are enough for a page.
 */
export async function readBackward<Item>(
  read: (window: Window) => Promise<Read<Item>>,
  range: Window,
  start: { readonly to: number; readonly span: number },
  wanted: number,
): Promise<Page<Item>> {
  const items: Item[] = [];
  let { to, span } = start;
  let isCut = false;
  for (let count = 0; count < WINDOWS_MAX && to >= range.from; count += 1) {
    const from = Math.max(range.from, to - span + 1);
    const found = await read({ from, to });
    if (!found.isWhole && to > from) {
      span = Math.max(1, Math.floor((to - from + 1) / 8));
      continue;
    }
    isCut ||= !found.isWhole;
    items.push(...found.items);
    to = from - 1;
    if (items.length >= wanted) break;
    if (found.items.length < wanted / 4) span *= 4;
  }
  return { items, next: to < range.from ? null : { to, span }, isCut };
}
