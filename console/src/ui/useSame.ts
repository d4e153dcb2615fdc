import { useRef } from "react";

/** The items of a list, each the object that it was before where nothing in it differs: what draws it has nothing to do. */
export function useSame<T extends { readonly id: string }>(items: readonly T[]): readonly T[] {
  const before = useRef<readonly T[]>([]);
  if (before.current === items) return items;
  const old = new Map(before.current.map((item) => [item.id, item]));
  const shared = items.map((item) => {
    const known = old.get(item.id);
    return known !== undefined && isSame(known, item, 2) ? known : item;
  });
  const isAll = shared.length === before.current.length && shared.every((item, index) => item === before.current[index]);
  if (!isAll) before.current = shared;
  return before.current;
}

function isSame(a: unknown, b: unknown, depth: number): boolean {
  if (Object.is(a, b)) return true;
  if (depth === 0 || typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const names = Object.keys(a);
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => Object.hasOwn(b, name) && isSame((a as Record<string, unknown>)[name], (b as Record<string, unknown>)[name], depth - 1))
  );
}
