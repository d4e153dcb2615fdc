import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useRef, useState } from "react";
import type { ReactNode } from "react";
import { sessionQuery } from "../api/session";
import { markOf, readMessage, standingOf } from "../model/live";
import type { ExecutionChange, Mark } from "../model/live";
import { readAgain } from "./again";

/** `live`: changes come as they are committed; `lost`: the server is away, and pages ask now and then. */
type LiveState = "connecting" | "live" | "lost";

const STREAM = "/console/live";
/** Changes of one instant are read once. */
const GATHERED_MS = 150;
const RECONNECT_MS = [500, 1_000, 2_000, 5_000] as const;

/** Told what has changed, by the ARN of the execution; `null` where anything may have. */
type ChangesListener = (changes: ReadonlyMap<string, ExecutionChange> | null) => void;

const Live = createContext<LiveState>("connecting");
const Listeners = createContext<Set<ChangesListener>>(new Set());

/** Whether changes come by themselves. */
export const useLive = (): LiveState => useContext(Live);

/** How often to ask for what may change while no changes come by themselves; `false` for never. */
export function usePolling(mayChange: boolean): number | false {
  const live = useLive();
  return mayChange && live !== "live" ? 2_000 : false;
}

/** Tells a part of a page that keeps what it has read itself what has changed. */
export function useChanges(listener: ChangesListener): void {
  const listeners = useContext(Listeners);
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => {
    const told: ChangesListener = (changes) => latest.current(changes);
    listeners.add(told);
    return () => void listeners.delete(told);
  }, [listeners]);
}

/** The one connection of the page to the live stream; what is shown is read again as it changes. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  const [listeners] = useState(() => new Set<ChangesListener>());
  useEffect(() => {
    let source: EventSource | null = null;
    let last: Mark | null = null;
    let lastId = "";
    let tries = 0;
    let reconnect: ReturnType<typeof setTimeout> | undefined;
    let gathered = new Map<string, ExecutionChange>();
    let gathering: ReturnType<typeof setTimeout> | undefined;

    const readAll = (): void => {
      readAgain(queries);
      for (const listener of listeners) listener(null);
    };
    const readChanged = (): void => {
      gathering = undefined;
      const executions = gathered;
      const machines = new Set([...executions.values()].map((change) => change.stateMachineArn));
      gathered = new Map();
      // Once through what the page has, however much has changed.
      readAgain(queries, ([kind, arn]) => {
        if (kind === "execution" || kind === "history") return executions.has(String(arn));
        return kind === "executions" && machines.has(String(arn));
      });
      for (const listener of listeners) listener(executions);
    };
    const take = (event: MessageEvent<string>): void => {
      const mark = markOf(event.lastEventId);
      const standing = mark === null ? "next" : standingOf(last, mark);
      if (standing === "seen") return;
      if (mark !== null) {
        last = mark;
        lastId = event.lastEventId;
      }
      const message = readMessage(event.type, event.data);
      if (standing === "reset" || message?.kind === "reset") return readAll();
      if (message?.kind !== "changes") return;
      for (const change of message.changes) gathered.set(change.executionArn, change);
      gathering ??= setTimeout(readChanged, GATHERED_MS);
    };
    const open = (): void => {
      source = new EventSource(lastId ? `${STREAM}?after=${encodeURIComponent(lastId)}` : STREAM);
      source.addEventListener("changes", take);
      source.addEventListener("reset", take);
      source.addEventListener("open", () => {
        // What changed before somebody listened is found by reading.
        if (tries > 0 || lastId === "") readAll();
        tries = 0;
        setState("live");
      });
      source.addEventListener("error", () => {
        source?.close();
        setState("lost");
        // A stream does not say why it is refused.
        if (queries.getQueryData(sessionQuery.queryKey)?.isRequired !== false) readAgain(queries, sessionQuery.queryKey);
        reconnect = setTimeout(open, RECONNECT_MS[Math.min(tries, RECONNECT_MS.length - 1)]);
        tries += 1;
      });
    };
    // A browser has six connections to a server, for all of its tabs: one that nobody sees gives its own back.
    const onVisibility = (): void => {
      clearTimeout(reconnect);
      source?.close();
      if (document.hidden) return setState("connecting");
      open();
    };
    document.addEventListener("visibilitychange", onVisibility);
    if (!document.hidden) open();
    return () => {
      document.removeEventListener("visibilitychange", onVisibility);
      source?.close();
      clearTimeout(reconnect);
      clearTimeout(gathering);
    };
  }, [queries, listeners]);
  return (
    <Listeners.Provider value={listeners}>
      <Live.Provider value={state}>{children}</Live.Provider>
    </Listeners.Provider>
  );
}
