/** Lists that the server gives page after page. */

/** A list that is read whole. */
export interface Whole<Item> {
  readonly items: readonly Item[];
  /** Whether the server has more than was read. */
  readonly isCut: boolean;
}

/** Reads `most` pages at most, each with the token of the one before. */
export async function whole<Item>(
  most: number,
  page: (token: string | undefined) => Promise<readonly [items: readonly Item[], next: string | undefined]>,
): Promise<Whole<Item>> {
  const items: Item[] = [];
  let token: string | undefined;
  for (let number = 0; number < most; number += 1) {
    const [found, next] = await page(token);
    items.push(...found);
    token = next || undefined;
    if (token === undefined) return { items, isCut: false };
  }
  return { items, isCut: true };
}
