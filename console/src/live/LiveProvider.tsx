import { useQueryClient } from "@tanstack/react-query";
import { createContext, useContext, useEffect, useState } from "react";
import type { ReactNode } from "react";
import { markOf, readMessage, standingOf } from "../model/live";
import type { ExecutionChange, Mark } from "../model/live";

/** `live`: changes come as they are committed; `lost`: the server is away, and pages ask now and then. */
export type LiveState = "connecting" | "live" | "lost";

const STREAM = "/console/live";
/** Changes of one instant are read once. */
const GATHERED_MS = 150;
const RECONNECT_MS = [500, 1_000, 2_000, 5_000] as const;

const Live = createContext<LiveState>("connecting");

/** Whether changes come by themselves. */
export const useLive = (): LiveState => useContext(Live);

/** How often to ask for what may change while no changes come by themselves; `false` for never. */
export function usePolling(mayChange: boolean): number | false {
  const live = useLive();
  return mayChange && live !== "live" ? 2_000 : false;
}

/** The one connection of the page to the live stream; what is shown is read again as it changes. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const queries = useQueryClient();
  const [state, setState] = useState<LiveState>("connecting");
  useEffect(() => {
    let source: EventSource | null = null;
    let last: Mark | null = null;
    let lastId = "";
    let tries = 0;
    let reconnect: ReturnType<typeof setTimeout> | undefined;
    let gathered = new Map<string, ExecutionChange>();
    let gathering: ReturnType<typeof setTimeout> | undefined;

    const readAll = (): void => void queries.invalidateQueries();
    const readChanged = (): void => {
      gathering = undefined;
      const changes = [...gathered.values()];
      gathered = new Map();
      for (const change of changes) {
        void queries.invalidateQueries({ queryKey: ["execution", change.executionArn] });
        void queries.invalidateQueries({ queryKey: ["history", change.executionArn] });
      }
      for (const machine of new Set(changes.map((change) => change.stateMachineArn))) {
        void queries.invalidateQueries({ queryKey: ["executions", machine] });
      }
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
        // What changed while nobody listened and the server did not keep is found by reading.
        if (tries > 0) readAll();
        tries = 0;
        setState("live");
      });
      source.addEventListener("error", () => {
        source?.close();
        setState("lost");
        reconnect = setTimeout(open, RECONNECT_MS[Math.min(tries, RECONNECT_MS.length - 1)]);
        tries += 1;
      });
    };
    open();
    return () => {
      source?.close();
      clearTimeout(reconnect);
      clearTimeout(gathering);
    };
  }, [queries]);
  return <Live.Provider value={state}>{children}</Live.Provider>;
}
