/** Where rows of a list are after the list has changed. Pure. */

/**
 * The place that a row of the old list has in the new one; of the nearest row below it, else above it, that is still
 * there, if it is gone; `-1` if none is.
 */
export function placeAfter<Row>(
  before: readonly Row[],
  after: readonly Row[],
  keyOf: (row: Row) => string | number,
  index: number,
): number {
  const row = before[index];
  const same = after[index];
  if (row === undefined) return Math.min(index, after.length - 1);
  // As it is where rows came to the end only.
  if (same !== undefined && keyOf(same) === keyOf(row)) return index;
  const places = new Map(after.map((one, place) => [keyOf(one), place]));
  const placeOf = (one: Row): number | undefined => places.get(keyOf(one));
  for (let at = index; at < before.length; at += 1) {
    const place = placeOf(before[at] as Row);
    if (place !== undefined) return place;
  }
  for (let at = index - 1; at >= 0; at -= 1) {
    const place = placeOf(before[at] as Row);
    if (place !== undefined) return place;
  }
  return -1;
}
