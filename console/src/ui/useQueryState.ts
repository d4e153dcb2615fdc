import { useCallback } from "react";
import { useLocation, useSearch } from "wouter";

/** What is chosen on a page, kept in its address: a link shows the same to everybody. */
export function useQueryState(): readonly [
  get: (name: string) => string | null,
  set: (changes: Readonly<Record<string, string | null>>) => void,
] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const get = useCallback((name: string) => new URLSearchParams(search).get(name), [search]);
  const set = useCallback(
    (changes: Readonly<Record<string, string | null>>) => {
      const next = new URLSearchParams(window.location.search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === "") next.delete(name);
        else next.set(name, value);
      }
      const text = next.toString();
      navigate(text ? `${path}?${text}` : path, { replace: true });
    },
    [navigate, path],
  );
  return [get, set];
}
