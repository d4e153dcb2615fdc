/** Reading a long list from both of its ends at one time, until they meet. */

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly next: string | undefined;
}

/**
 * All items of a list that can be read forwards and backwards, in the order of their ids, which have no gaps.
 *
 * - `read`: a page from one end; `isReverse` gives the last items first.
 * - `onFirst`: told the first page while the rest is on its way, if there is a rest.
 * - A list that grows meanwhile is read up to where its end was.
 */
export async function readFromBothEnds<Item extends { readonly id: number }>(
  read: (isReverse: boolean, token: string | undefined) => Promise<Page<Item>>,
  onFirst: (items: readonly Item[]) => void,
): Promise<readonly Item[]> {
  const first = await read(false, undefined);
  if (first.next === undefined) return first.items;
  const head: Item[] = [...first.items];
  const tail: Item[] = [];
  // What is read next from either side goes no further than this.
  const lowest = (): number => tail.at(-1)?.id ?? Infinity;
  const highest = (): number => head.at(-1)?.id ?? 0;
  let hasFailed = false;
  const forwards = async (token: string | undefined): Promise<void> => {
    for (let next = token; next !== undefined && !hasFailed && highest() + 1 < lowest(); ) {
      const page = await read(false, next);
      head.push(...page.items);
      next = page.next;
    }
  };
  const backwards = async (): Promise<void> => {
    let next: string | undefined;
    do {
      const page = await read(true, next);
      tail.push(...page.items);
      next = page.next;
    } while (next !== undefined && !hasFailed && highest() + 1 < lowest());
  };
  const rest = Promise.all([forwards(first.next), backwards()]).catch((reason: unknown) => {
    hasFailed = true;
    throw reason;
  });
  // Both are on their way before the page is busy with what is there.
  rest.catch(() => {});
  onFirst(first.items);
  await rest;
  const end = highest();
  return [...head, ...tail.filter((item) => item.id > end).reverse()];
}
