/** Reading again what has changed. */

import type { Query, QueryClient, QueryKey } from "@tanstack/react-query";

/** Queries that are read again as soon as the read that goes on ends. */
const awaited = new WeakMap<QueryClient, Set<string>>();

/**
 * Has everything below a key, or all that passes a test, read again; without either, everything.
 *
 * What is being read now may have been read before the change: it is read once more after that. A read is never given
 * up for the next one, so that one which takes longer than changes come ends all the same.
 */
export function readAgain(client: QueryClient, which?: QueryKey | ((key: QueryKey) => boolean)): void {
  const found =
    typeof which === "function"
      ? client.getQueryCache().findAll({ predicate: (query) => which(query.queryKey) })
      : client.getQueryCache().findAll(which === undefined ? {} : { queryKey: which });
  for (const query of found) {
    if (query.state.fetchStatus === "fetching") readAfter(client, query);
    else invalidate(client, query);
  }
}

function readAfter(client: QueryClient, query: Query): void {
  const waiting = awaited.get(client) ?? new Set();
  awaited.set(client, waiting);
  if (waiting.has(query.queryHash)) return;
  waiting.add(query.queryHash);
  // Not before the query has taken what it has read.
  const next = (): void =>
    void setTimeout(() => {
      waiting.delete(query.queryHash);
      invalidate(client, query);
    });
  void Promise.resolve(query.promise).then(next, next);
}

function invalidate(client: QueryClient, query: Query): void {
  void client.invalidateQueries({ queryKey: query.queryKey, exact: true }, { cancelRefetch: false });
}
