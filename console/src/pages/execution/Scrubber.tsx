import { useEffect, useId, useMemo, useState } from "react";
import type { CSSProperties } from "react";
import { instantOf } from "../../model/history";
import type { HistoryEvent, Run } from "../../model/history";
import { eventAt, landmarks, moved, nextLandmark, playStep } from "../../model/moment";
import { clockText, durationText } from "../../model/time";
import { Icon } from "../../ui/Icon";
import { useKey } from "../../ui/useKey";

/**
 * The cursor of the page: everything is shown as it stood at an event.
 *
 * - `cursor`: the id of the event; `null` for the end, which grows while the execution runs.
 */
export function Scrubber(props: {
  events: readonly HistoryEvent[];
  run: Run;
  cursor: number | null;
  onMove: (event: number | null) => void;
}) {
  const { events, run, cursor, onMove } = props;
  const [isByTime, setByTime] = useState(false);
  const [isPlaying, setPlaying] = useState(false);
  const id = useId();
  const count = events.length;
  const at = cursor ?? count;
  const marks = useMemo(() => landmarks(events), [events]);
  const event = events[at - 1];
  const visit = event === undefined ? undefined : run.visits[run.visitOfEvent.get(event.id) ?? -1];
  const first = events[0] === undefined ? 0 : instantOf(events[0]);
  const last = events.at(-1);
  const length = last === undefined ? 0 : instantOf(last) - first;
  const offset = event === undefined ? 0 : instantOf(event) - first;
  const step = (by: number): void => {
    setPlaying(false);
    onMove(moved(cursor, by, count));
  };
  const play = (): void => {
    // From the end it plays all of it.
    if (!isPlaying && cursor === null) onMove(1);
    setPlaying(!isPlaying);
  };
  useKey(",", () => step(-1), count > 0);
  useKey(".", () => step(1), count > 0);
  useKey("p", play, count > 1);
  useEffect(() => {
    if (!isPlaying) return;
    if (cursor === null) return setPlaying(false);
    const { events: by, ms } = playStep(count);
    const timer = setTimeout(() => onMove(moved(cursor, by, count)), ms);
    return () => clearTimeout(timer);
  }, [isPlaying, cursor, count, onMove]);
  const to = (value: number): void => {
    setPlaying(false);
    const next = isByTime ? eventAt(events, first + value) : value;
    onMove(next >= count ? null : next);
  };
  const jump = (event: number | null): void => {
    setPlaying(false);
    if (event !== null) onMove(event);
  };
  if (count === 0) return null;
  const [before, after] = [nextLandmark(marks, cursor, -1, count), nextLandmark(marks, cursor, 1, count)];
  return (
    <div className={`scrubber${cursor === null ? "" : " is-scrubbed"}`} role="group" aria-label="Time travel">
      <div className="scrubber-buttons">
        <button type="button" className="icon-button" onClick={play} aria-label={isPlaying ? "Pause" : "Play"} title={`${isPlaying ? "Pause" : "Play what happened"} (p)`}>
          <Icon name={isPlaying ? "pause" : "play"} size={14} />
        </button>
        <button type="button" className="icon-button" onClick={() => step(-1)} disabled={at <= 1} aria-label="Event before" title="Event before (,)">
          ‹
        </button>
        <button type="button" className="icon-button" onClick={() => step(1)} disabled={cursor === null} aria-label="Event after" title="Event after (.)">
          ›
        </button>
        {marks.length > 0 && (
          <>
            <button type="button" className="icon-button tone-bad" onClick={() => jump(before)} disabled={before === null} aria-label="Failure before" title="Failure or redrive before">
              «
            </button>
            <button type="button" className="icon-button tone-bad" onClick={() => jump(after)} disabled={after === null} aria-label="Failure after" title="Failure or redrive after">
              »
            </button>
          </>
        )}
      </div>
      <div className="scrubber-track">
        <input
          type="range"
          id={id}
          aria-label="Event that the page is shown at"
          aria-valuetext={event === undefined ? "" : `event ${at} of ${count}, ${event.type}${visit === undefined ? "" : ` of ${visit.name}`}, after ${durationText(offset)}`}
          min={isByTime ? 0 : 1}
          max={isByTime ? Math.max(1, length) : count}
          step={1}
          value={isByTime ? offset : at}
          onChange={(changed) => to(Number(changed.target.value))}
        />
        <span className="scrubber-marks" aria-hidden="true">
          {marks.map((mark) => {
            const instant = events[mark.event - 1];
            const place = isByTime && instant !== undefined && length > 0 ? (instantOf(instant) - first) / length : mark.at;
            return <i key={mark.event} className={`mark-${mark.kind}`} style={{ "--at": place } as CSSProperties} />;
          })}
        </span>
      </div>
      <button type="button" className="button is-small" aria-pressed={isByTime} onClick={() => setByTime(!isByTime)} title="Whether the slider goes by events or by time">
        {isByTime ? "by time" : "by event"}
      </button>
      <p className="scrubber-text" role="status" aria-live="off">
        {cursor === null ? (
          <span className="quiet">{run.endedAt === null ? "As of now, as it goes on" : "As it ended"}</span>
        ) : (
          <>
            <strong className="number">
              Event {at.toLocaleString("en")} of {count.toLocaleString("en")}
            </strong>{" "}
            <span>{event?.type}</span>
            {visit !== undefined && <span className="quiet"> {visit.name}{visit.iteration === null ? "" : ` [${visit.iteration}]`}</span>}
            <span className="quiet number" title={event === undefined ? "" : clockText(instantOf(event))}>
              {" "}
              after {durationText(offset)}
            </span>{" "}
            <button type="button" className="link" onClick={() => step(count)}>
              {run.endedAt === null ? "Follow" : "To the end"}
            </button>
          </>
        )}
      </p>
    </div>
  );
}
