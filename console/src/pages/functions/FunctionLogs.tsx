import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";
import { isAbsent } from "../../api/call";
import { logSearchQuery } from "../../api/logs";
import { withQuery } from "../../model/arn";
import { patternTerm, withNewer } from "../../model/logLines";
import { Icon } from "../../ui/Icon";
import { LogLines } from "../../ui/LogLines";
import { Empty, ErrorNote, Waiting } from "../../ui/parts";
import { SearchField } from "../../ui/SearchField";
import { useQueryState } from "../../ui/useQueryState";
import { useReadOn } from "../../ui/useReadOn";
import { useSettled } from "../../ui/useSettled";
import { useLiveTail } from "../logs/useLiveTail";

/** How far back is looked; more is on the page of logs. */
const BACK_MS = 86_400_000;
/** A log group that is not there is looked for again. */
const ABSENT_MS = 2_000;
/** Lines that are enough to begin with. */
const ENOUGH_LINES = 50;
const SETTLED_MS = 250;

/**
 * What comes into a log group, as of a function: the lines of the last day, and above them those that come.
 *
 * - `absent`: when the group is made, if it is not there.
 */
export default function FunctionLogs({ group, absent }: { group: string; absent: string }) {
  const [get] = useQueryState();
  const text = useSettled((get("q") ?? "").trim(), SETTLED_MS);
  const pattern = text === "" ? "" : patternTerm(text);
  // What was logged before is read once somebody listens, so that nothing is missed between both.
  const [until, setUntil] = useState(() => Date.now());
  const history = useInfiniteQuery({
    ...logSearchQuery({ groups: [group], pattern, from: until - BACK_MS, to: until }),
    retry: (count, error) => !isAbsent(error) && count < 2,
    refetchInterval: (query) => (isAbsent(query.state.error) ? ABSENT_MS : false),
    placeholderData: (before) => before,
  });
  // Said until something is read: a query without data forgets its error as it asks again.
  const wasAbsent = useRef(false);
  wasAbsent.current = history.data === undefined && (wasAbsent.current || isAbsent(history.error));
  const isThere = history.data !== undefined && !isAbsent(history.error);
  const tail = useLiveTail([group], pattern, isThere);
  const { state, gaps } = tail;
  useEffect(() => {
    if (state === "live") setUntil(Date.now());
  }, [state, gaps]);
  const pages = history.data?.pages;
  const older = useMemo(() => pages?.flatMap((page) => page.items) ?? [], [pages]);
  const { isReadOn, onEnd } = useReadOn(history, older.length, ENOUGH_LINES);
  const lines = useMemo(() => withNewer(older, tail.lines), [older, tail.lines]);
  const error = isAbsent(history.error) ? null : (history.error ?? tail.error);
  const isRead = pages !== undefined && !isReadOn;
  return (
    <>
      <div className="filters">
        <span className={`live live-${state === "live" ? "live" : "lost"}`} role="status" aria-label="Log">
          <span className="live-dot" aria-hidden="true" />
          <span className="tail-state">{state === "live" ? "Live" : state === "lost" ? "The stream is away; trying again" : isThere ? "Connecting" : "Not there yet"}</span>
        </span>
        <span className="quiet">
          {lines.length.toLocaleString("en")} {lines.length === 1 ? "line" : "lines"}, newest first
          {tail.dropped > 0 ? `; ${tail.dropped.toLocaleString("en")} were dropped` : ""}
          {tail.isSampled ? "; a sample, more came than is sent" : ""}
        </span>
        <Link href={withQuery("/logs", { groups: group, q: pattern })}>
          <Icon name="search" size={12} /> All of {group}
        </Link>
        <SearchField label="Text in the lines" placeholder="Text in the lines" />
      </div>
      {error && <ErrorNote error={error} onRetry={() => void history.refetch()} />}
      {lines.length > 0 ? (
        <LogLines lines={lines} label="Lines of the log" onEnd={onEnd} />
      ) : wasAbsent.current ? (
        <Empty title="It has logged nothing yet" icon="list">
          <p>
            The log group <code>{group}</code> {absent}.
          </p>
        </Empty>
      ) : !isRead ? (
        !error && <Waiting what="the log" />
      ) : (
        <Empty title={text ? "No line of the last day has this text" : "No lines within the last day"} icon="list" />
      )}
    </>
  );
}
