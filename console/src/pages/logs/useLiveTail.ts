import { useEffect, useRef, useState } from "react";
import { ApiError, liveTail } from "../../api/call";
import { eventOf, EventStreamReader } from "../../model/eventStream";
import { tailLines } from "../../model/logLines";
import type { LogLine } from "../../model/logLines";

/** Lines that are kept while they come; the oldest go. */
export const TAIL_LINES_MAX = 5_000;
/** Lines are drawn this often. */
const DRAWN_MS = 150;
const RECONNECT_MS = [500, 1_000, 2_000, 5_000] as const;

interface Tail {
  readonly state: "off" | "connecting" | "live" | "lost" | "hidden";
  /** Newest first. */
  readonly lines: readonly LogLine[];
  /** Lines that were dropped because more came than are kept. */
  readonly dropped: number;
  /** Whether the server had more lines than it sent. */
  readonly isSampled: boolean;
  /** Since when lines may be missing, because nobody listened. */
  readonly gaps: number;
  /** What refuses the tail; it is not tried again. */
  readonly error: Error | null;
}

const NOTHING: Tail = { state: "off", lines: [], dropped: 0, isSampled: false, gaps: 0, error: null };

/** What is logged from now on. A tab that nobody sees does not listen. */
export function useLiveTail(groups: readonly string[], pattern: string, isOn: boolean): Tail & { readonly clear: () => void } {
  const [tail, setTail] = useState<Tail>(NOTHING);
  const cleared = useRef<() => void>(() => {});
  const key = groups.join(",");
  useEffect(() => {
    const asked = key === "" ? [] : key.split(",");
    setTail(NOTHING);
    if (!isOn || asked.length === 0) return;
    let abort = new AbortController();
    let lines: LogLine[] = [];
    let [count, dropped, gaps, tries] = [0, 0, 0, 0];
    let isSampled = false;
    let hasBegun = false;
    let isOver = false;
    let drawing: ReturnType<typeof setTimeout> | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;

    const draw = (): void => {
      drawing = undefined;
      setTail((before) => ({ ...before, lines, dropped, isSampled, gaps }));
    };
    const take = (data: unknown): void => {
      const fresh = tailLines(data, count);
      const metadata = (data as { sessionMetadata?: { sampled?: boolean } } | null)?.sessionMetadata;
      isSampled ||= metadata?.sampled ?? false;
      if (fresh.length === 0) return;
      count += fresh.length;
      const all = [...fresh.reverse(), ...lines];
      dropped += Math.max(0, all.length - TAIL_LINES_MAX);
      lines = all.slice(0, TAIL_LINES_MAX);
      drawing ??= setTimeout(draw, DRAWN_MS);
    };
    const listen = async (signal: AbortSignal): Promise<void> => {
      const stream = await liveTail(
        { logGroupIdentifiers: asked, ...(pattern ? { logEventFilterPattern: pattern } : {}) },
        signal,
      );
      const reader = stream.getReader();
      const events = new EventStreamReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        for (const message of events.push(value)) {
          const event = eventOf(message);
          if (event.kind === "error") throw new ApiError(event.code, event.message, 0);
          if (event.type === "sessionStart") {
            if (hasBegun) gaps += 1;
            hasBegun = true;
            tries = 0;
            setTail((before) => ({ ...before, state: "live", error: null, gaps }));
          } else if (event.type === "sessionUpdate") take(event.data);
        }
      }
    };
    const begin = (): void => {
      abort = new AbortController();
      const { signal } = abort;
      setTail((before) => ({ ...before, state: hasBegun ? before.state : "connecting" }));
      const failed = (error: unknown): void => {
        if (signal.aborted || isOver) return;
        // What the server refuses, such as a pattern that is none, it refuses again.
        if (error instanceof ApiError && error.status >= 400 && error.status < 500) {
          setTail((before) => ({ ...before, state: "off", error }));
          return;
        }
        setTail((before) => ({ ...before, state: "lost" }));
        again = setTimeout(begin, RECONNECT_MS[Math.min(tries, RECONNECT_MS.length - 1)]);
        tries += 1;
      };
      listen(signal).then(() => failed(null), failed);
    };
    const onVisibility = (): void => {
      clearTimeout(again);
      abort.abort();
      if (document.hidden) setTail((before) => ({ ...before, state: "hidden" }));
      else begin();
    };
    cleared.current = () => {
      lines = [];
      [dropped, gaps] = [0, 0];
      isSampled = false;
      draw();
    };
    document.addEventListener("visibilitychange", onVisibility);
    if (document.hidden) setTail((before) => ({ ...before, state: "hidden" }));
    else begin();
    return () => {
      isOver = true;
      document.removeEventListener("visibilitychange", onVisibility);
      abort.abort();
      clearTimeout(again);
      clearTimeout(drawing);
      cleared.current = () => {};
    };
  }, [key, pattern, isOn]);
  return { ...tail, clear: () => cleared.current() };
}
