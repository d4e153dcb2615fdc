import { useEffect, useMemo, useRef, useSyncExternalStore } from "react";
import { searchExecutions } from "../../api/lists";
import { ExecutionSearch } from "../../live/executionSearch";
import type { SearchState } from "../../live/executionSearch";
import { useChanges, usePolling } from "../../live/LiveProvider";
import type { Choice } from "../../model/search";

export interface ExecutionSearchView extends SearchState {
  /** Whether what is shown is of the choice before this one, whose answer is awaited. */
  readonly isOld: boolean;
  readonly more: () => void;
  readonly stop: () => void;
  readonly goOn: () => void;
}

/** The executions of a choice, as new as the live stream is. A hidden page looks no further. */
export function useExecutionSearch(machineArn: string | null, choice: Choice): ExecutionSearchView {
  const key = JSON.stringify([machineArn, choice]);
  const search = useMemo(
    () => new ExecutionSearch(searchExecutions, machineArn, choice),
    // The choice is a new object at every drawing; its text says whether anything of it is.
    [key],
  );
  useEffect(() => {
    const onVisibility = (): void => (document.hidden ? search.end() : search.begin());
    onVisibility();
    document.addEventListener("visibilitychange", onVisibility);
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      search.end();
    };
  }, [search]);
  useChanges((changes) => search.take(changes));
  const polling = usePolling(true);
  useEffect(() => {
    if (polling === false) return;
    const timer = setInterval(() => document.hidden || search.refresh(), polling);
    return () => clearInterval(timer);
  }, [search, polling]);
  const state = useSyncExternalStore(search.subscribe, search.snapshot);
  const before = useRef(state);
  const isAwaited = state.listing.next === undefined && state.error === null;
  if (!isAwaited) before.current = state;
  const shown = isAwaited && before.current.listing.next !== undefined ? { ...before.current, isReading: true } : state;
  return { ...shown, isOld: shown !== state, more: search.more, stop: search.stop, goOn: search.goOn };
}
