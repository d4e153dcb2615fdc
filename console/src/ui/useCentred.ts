import { useEffect } from "react";
import type { RefObject } from "react";

/**
 * Scrolls a row of things that is wider than its place, as on a phone, so that the one where somebody is comes in sight.
 *
 * - `here`: a selector of that one.
 * - `which`: another value when it is another one, or elsewhere.
 */
export function useCentred(row: RefObject<HTMLElement | null>, here: string, which: string): void {
  useEffect(() => {
    const all = row.current;
    const one = all?.querySelector(here);
    if (!all || !one) return;
    const [place, own] = [all.getBoundingClientRect(), one.getBoundingClientRect()];
    all.scrollLeft += own.left + own.width / 2 - (place.left + place.width / 2);
  }, [row, here, which]);
}
