import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import type { CSSProperties } from "react";
import type { Run } from "../../model/history";
import { outcomeLook } from "../../model/status";
import { durationText } from "../../model/time";
import { timelineOf } from "../../model/timeline";
import type { Bar } from "../../model/timeline";
import { Icon } from "../../ui/Icon";
import { useNow } from "../../ui/parts";
import { TimeTicks } from "../../ui/TimeAxis";

const BAR_HEIGHT = 28;

/**
 * States as bars over time, with each attempt and what was waited between them.
 *
 * - `cursor`: the instant that the page is shown at, drawn as a line; a click on the axis moves it.
 */
export function TimelineView({ run, cursor, chosen, onChoose, onMove }: {
  run: Run;
  cursor: number | null;
  chosen: number | null;
  onChoose: (visit: number) => void;
  onMove: (instant: number) => void;
}) {
  const now = useNow(run.endedAt === null ? 250 : null);
  const [collapsed, setCollapsed] = useState<ReadonlySet<number>>(new Set());
  const timeline = useMemo(() => timelineOf(run, now, collapsed), [run, now, collapsed]);
  const body = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: timeline.bars.length,
    getScrollElement: () => body.current,
    estimateSize: () => BAR_HEIGHT,
    overscan: 16,
  });
  const toggle = (visit: number): void => {
    const next = new Set(collapsed);
    if (!next.delete(visit)) next.add(visit);
    setCollapsed(next);
  };
  return (
    <div className="timeline">
      {cursor !== null && (
        <div className="timeline-cursor" aria-hidden="true">
          <span />
          <span className="ticks">
            <i style={{ left: `${Math.min(1, Math.max(0, (cursor - timeline.from) / (timeline.to - timeline.from))) * 100}%` }} />
          </span>
        </div>
      )}
      <div className="timeline-axis" aria-hidden="true">
        <span />
        <span
          className="ticks"
          title="Shows everything as it stood then"
          onClick={(clicked) => {
            const { left, width } = clicked.currentTarget.getBoundingClientRect();
            onMove(timeline.from + ((clicked.clientX - left) / width) * (timeline.to - timeline.from));
          }}
        >
          <TimeTicks ticks={timeline.ticks} />
        </span>
      </div>
      <div className="timeline-body" ref={body}>
        <ol style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const bar = timeline.bars[item.index];
            if (bar === undefined) return null;
            return (
              <li
                key={bar.visit}
                className={`bar-row${bar.visit === chosen ? " is-chosen" : ""}`}
                style={{ height: item.size, transform: `translateY(${item.start}px)` }}
              >
                <BarRow bar={bar} isCollapsed={collapsed.has(bar.visit)} onToggle={() => toggle(bar.visit)} onChoose={() => onChoose(bar.visit)} />
              </li>
            );
          })}
        </ol>
      </div>
    </div>
  );
}

function BarRow({ bar, isCollapsed, onToggle, onChoose }: { bar: Bar; isCollapsed: boolean; onToggle: () => void; onChoose: () => void }) {
  const look = outcomeLook(bar.outcome);
  const name = bar.iteration === null ? bar.name : `${bar.name} [${bar.iteration}]`;
  return (
    <>
      <span className="bar-name" style={{ "--depth": bar.depth } as CSSProperties}>
        {bar.hasInside ? (
          <button type="button" className="icon-button" onClick={onToggle} aria-expanded={!isCollapsed} aria-label={`What is inside ${name}`}>
            <Icon name={isCollapsed ? "right" : "down"} size={11} />
          </button>
        ) : (
          <span className="bar-indent" />
        )}
        <button type="button" className={`bar-choose tone-${look.tone}`} onClick={onChoose}>
          <Icon name={look.sign} size={12} />
          <span>{name}</span>
          <span className="visually-hidden">
            , {look.text}, {durationText(bar.duration)}
          </span>
        </button>
      </span>
      <span className="bar-lane" onClick={onChoose}>
        {bar.spans.map((span, index) => (
          <i
            key={index}
            className={`span span-${span.kind} tone-${look.tone}${bar.isOpen ? " is-open" : ""}`}
            style={{ left: `${span.from * 100}%`, width: `max(3px, ${(span.to - span.from) * 100}%)` }}
            title={spanTitle(span.kind, span.number, span.duration)}
          />
        ))}
        <span className="bar-time" style={timePlace(bar)}>
          {durationText(bar.duration)}
        </span>
      </span>
    </>
  );
}

/** Behind the bar, else before it, else in it. */
function timePlace(bar: Bar): CSSProperties {
  if (bar.to <= 0.88) return { left: `${bar.to * 100}%` };
  if (bar.from >= 0.12) return { right: `${(1 - bar.from) * 100}%` };
  return { right: `${(1 - bar.to) * 100}%`, color: "var(--ink)" };
}

function spanTitle(kind: string, number: number, duration: number): string {
  const time = durationText(duration);
  if (kind === "wait-for-retry") return `waited ${time} for the next attempt`;
  if (kind === "state") return time;
  return `attempt ${number}: ${time}${kind === "failed-attempt" ? ", failed" : ""}`;
}
