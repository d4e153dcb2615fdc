import { useCallback } from "react";
import { useLocation, useSearch } from "wouter";

/** What is chosen on a page, kept in its address: a link shows the same to everybody. */
export function useQueryState(): readonly [
  get: (name: string) => string | null,
  set: (changes: Readonly<Record<string, string | null>>) => void,
] {
  // The router tells that it has changed. What it gives is decoded once: of a pattern `%50[0-9]%` it would leave `P[0-9]%`.
  const search = useSearch();
  const [, navigate] = useLocation();
  const get = useCallback((name: string) => new URLSearchParams(window.location.search).get(name), [search]);
  const set = useCallback(
    (changes: Readonly<Record<string, string | null>>) => {
      const { pathname, search } = window.location;
      const next = new URLSearchParams(search);
      for (const [name, value] of Object.entries(changes)) {
        if (value === null || value === "") next.delete(name);
        else next.set(name, value);
      }
      const text = next.toString();
      navigate(text ? `~${pathname}?${text}` : `~${pathname}`, { replace: true });
    },
    [navigate],
  );
  return [get, set];
}
