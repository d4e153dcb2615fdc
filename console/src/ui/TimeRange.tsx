import { useEffect, useMemo, useRef, useState } from "react";
import { fieldText } from "../model/time";
import { bounds, rangeQuery, RANGES, rangeText, readRange, relativeWords } from "../model/timeRange";
import type { TimeRange } from "../model/timeRange";
import { Icon } from "./Icon";
import { useQueryState } from "./useQueryState";
import "../styles/logs.css";

export interface ChosenTime {
  readonly range: TimeRange;
  /** Milliseconds since 1970; a relative range ends when it was chosen or refreshed. */
  readonly from: number;
  readonly to: number;
  readonly refresh: () => void;
  readonly set: (range: TimeRange) => void;
}

/** The range of time that a page shows, kept in its address as `range=1h`, or `from=` and `to=`. */
export function useTimeRange(fallback = "1h"): ChosenTime {
  const [get, setQuery] = useQueryState();
  const [key, from, to] = [get("range"), get("from"), get("to")];
  const range = useMemo(() => readRange((name) => ({ range: key, from, to })[name] ?? null, fallback), [key, from, to, fallback]);
  const [anchor, setAnchor] = useState(() => ({ range, now: Date.now() }));
  // Another range ends now, in the same drawing.
  const now = anchor.range === range ? anchor.now : Date.now();
  if (anchor.range !== range) setAnchor({ range, now });
  const found = bounds(range, now);
  return {
    range,
    ...found,
    refresh: () => setAnchor({ range, now: Date.now() }),
    set: (next) => setQuery(rangeQuery(next, fallback)),
  };
}

/** Moves the end of a range on while somebody looks. */
export function useLiveRange(refresh: () => void, isOn: boolean, everyMs: number): void {
  const latest = useRef(refresh);
  latest.current = refresh;
  useEffect(() => {
    if (!isOn) return;
    const timer = setInterval(() => {
      if (!document.hidden) latest.current();
    }, everyMs);
    return () => clearInterval(timer);
  }, [isOn, everyMs]);
}

/** Chooses a range of time: the last so long, or from one instant to another. */
export function TimeRangePicker({ time, choices = RANGES, isRefreshing = false }: { time: ChosenTime; choices?: readonly string[]; isRefreshing?: boolean }) {
  const { range } = time;
  const [isOpen, setOpen] = useState(false);
  const keys = range.kind === "relative" && !choices.includes(range.key) ? [range.key, ...choices] : choices;
  return (
    <div className="time-range" role="group" aria-label="Time range">
      <Icon name="clock" size={14} />
      <select
        aria-label="Time range"
        title={rangeText(range)}
        value={range.kind === "relative" ? range.key : "between"}
        onChange={(event) => {
          if (event.target.value === "between") {
            time.set({ kind: "absolute", from: time.from, to: time.to });
            setOpen(true);
            return;
          }
          setOpen(false);
          time.set(readRange((name) => (name === "range" ? event.target.value : null), "1h"));
        }}
      >
        {keys.map((key) => (
          <option key={key} value={key}>
            Last {relativeWords(key)}
          </option>
        ))}
        <option value="between">Between two times</option>
      </select>
      {range.kind === "absolute" && (
        <Between key={`${range.from} ${range.to}`} range={range} isOpen={isOpen} onApply={time.set} />
      )}
      <button type="button" className="icon-button" onClick={time.refresh} disabled={range.kind === "absolute"} aria-label="Read again up to now" title="Read again up to now">
        <Icon name={isRefreshing ? "running" : "redo"} size={14} />
      </button>
    </div>
  );
}

function Between({ range, isOpen, onApply }: { range: Extract<TimeRange, { kind: "absolute" }>; isOpen: boolean; onApply: (range: TimeRange) => void }) {
  const [from, setFrom] = useState(fieldText(range.from));
  const [to, setTo] = useState(fieldText(range.to));
  const [begin, end] = [Date.parse(from), Date.parse(to)];
  const isRight = begin < end;
  const isChanged = from !== fieldText(range.from) || to !== fieldText(range.to);
  return (
    <form
      className="between"
      onSubmit={(event) => {
        event.preventDefault();
        if (isRight) onApply({ kind: "absolute", from: begin, to: end });
      }}
    >
      <input type="datetime-local" step="1" aria-label="From" value={from} autoFocus={isOpen} onChange={(event) => setFrom(event.target.value)} />
      <span className="quiet">to</span>
      <input type="datetime-local" step="1" aria-label="To" value={to} onChange={(event) => setTo(event.target.value)} />
      {isChanged && (
        <button type="submit" className="button" disabled={!isRight} title={isRight ? "Show this range" : "The second time is before the first"}>
          Show
        </button>
      )}
    </form>
  );
}
