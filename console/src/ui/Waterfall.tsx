import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef, useState } from "react";
import type { CSSProperties } from "react";
import type { Look } from "../model/status";
import { durationText } from "../model/time";
import { deepNodes, waterfallOf } from "../model/trace";
import type { Trace, TraceOutcome, WaterfallRow } from "../model/trace";
import { Icon } from "./Icon";
import { useNow } from "./parts";
import { TimeTicks } from "./TimeAxis";
import "../styles/traces.css";

const ROW_HEIGHT = 27;

export const TRACE_LOOK: Readonly<Record<TraceOutcome, Look>> = {
  ok: { text: "OK", tone: "good", sign: "check" },
  error: { text: "Error", tone: "warn", sign: "warning" },
  throttle: { text: "Throttled", tone: "warn", sign: "pause" },
  fault: { text: "Fault", tone: "bad", sign: "cross" },
  running: { text: "In progress", tone: "busy", sign: "running" },
};

/**
 * A trace as a tree over time; only the rows in sight are drawn.
 *
 * - `cursor`: an instant in milliseconds, drawn as a line.
 */
export function Waterfall(props: { trace: Trace; chosen: string | null; onChoose: (id: string) => void; cursor?: number | null }) {
  const { trace, chosen, onChoose, cursor = null } = props;
  const now = useNow(trace.isOpen ? 500 : null);
  const [collapsed, setCollapsed] = useState<ReadonlySet<string>>(() => deepNodes(trace));
  const shape = useMemo(() => waterfallOf(trace, collapsed, now), [trace, collapsed, now]);
  const body = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({ count: shape.rows.length, getScrollElement: () => body.current, estimateSize: () => ROW_HEIGHT, overscan: 16 });
  const toggle = (id: string): void => {
    const next = new Set(collapsed);
    if (!next.delete(id)) next.add(id);
    setCollapsed(next);
  };
  // What an address names comes in sight once.
  const shown = useRef<string | null>(null);
  useEffect(() => {
    if (chosen === null || shown.current === chosen) return;
    const at = shape.rows.findIndex((row) => row.node.id === chosen);
    if (at < 0) return;
    shown.current = chosen;
    virtual.scrollToIndex(at, { align: "auto" });
  }, [chosen, shape, virtual]);
  const move = (event: React.KeyboardEvent, index: number): void => {
    const row = shape.rows[index];
    if (row === undefined) return;
    const by = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 }[event.key];
    if (event.key === "ArrowRight" && collapsed.has(row.node.id)) toggle(row.node.id);
    else if (event.key === "ArrowLeft" && row.node.hasInside && !collapsed.has(row.node.id)) toggle(row.node.id);
    else if (by !== undefined) {
      const next = Math.min(shape.rows.length - 1, Math.max(0, index + by));
      virtual.scrollToIndex(next);
      const focus = (): void => body.current?.querySelector<HTMLElement>(`[data-index="${next}"] .bar-choose`)?.focus();
      focus();
      requestAnimationFrame(focus);
    } else return;
    event.preventDefault();
  };
  const at = cursor === null ? null : Math.min(1, Math.max(0, (cursor - shape.from) / (shape.to - shape.from)));
  return (
    <div className="timeline waterfall">
      <div className="timeline-axis" aria-hidden="true">
        <span />
        <span className="ticks">
          <TimeTicks ticks={shape.ticks} />
        </span>
      </div>
      <div className="timeline-body" ref={body}>
        <ol style={{ height: virtual.getTotalSize() }} aria-label="Segments">
          {virtual.getVirtualItems().map((item) => {
            const row = shape.rows[item.index];
            if (row === undefined) return null;
            return (
              <li
                key={row.node.id}
                data-index={item.index}
                className={`bar-row${row.node.id === chosen ? " is-chosen" : ""}${row.node.isSegment ? " is-segment" : ""}`}
                style={{ height: item.size, transform: `translateY(${item.start}px)` }}
                onKeyDown={(event) => move(event, item.index)}
              >
                <Row
                  row={row}
                  isChosen={row.node.id === chosen}
                  isCollapsed={collapsed.has(row.node.id)}
                  cursor={at}
                  onToggle={() => toggle(row.node.id)}
                  onChoose={() => onChoose(row.node.id)}
                />
              </li>
            );
          })}
        </ol>
      </div>
    </div>
  );
}

function Row(props: { row: WaterfallRow; isChosen: boolean; isCollapsed: boolean; cursor: number | null; onToggle: () => void; onChoose: () => void }) {
  const { row, isChosen, isCollapsed, cursor, onToggle, onChoose } = props;
  const { node } = row;
  const look = TRACE_LOOK[node.outcome];
  const time = durationText(row.duration);
  return (
    <>
      <span className="bar-name" style={{ "--depth": Math.min(node.depth, 12) } as CSSProperties}>
        {node.hasInside ? (
          <button type="button" className="icon-button" onClick={onToggle} aria-expanded={!isCollapsed} aria-label={`What is inside ${node.name}`}>
            <Icon name={isCollapsed ? "right" : "down"} size={11} />
          </button>
        ) : (
          <span className="bar-indent" />
        )}
        <button type="button" className={`bar-choose tone-${look.tone}`} onClick={onChoose} aria-pressed={isChosen} title={`${node.name} ${node.kind}`}>
          <Icon name={look.sign} size={12} />
          <span>{node.name}</span>
          <span className="visually-hidden">
            , {look.text}, {time}
          </span>
          {node.kind && <span className="bar-kind">{node.kind.replace(/^AWS::/, "").replaceAll("::", " ")}</span>}
        </button>
        {row.hidden > 0 && <span className="bar-hidden" title={`${row.hidden} inside are not shown`}>+{row.hidden}</span>}
      </span>
      <span className="bar-lane" onClick={onChoose}>
        <i
          className={`span tone-${look.tone}${node.outcome === "fault" || node.outcome === "error" ? " is-failed" : ""}${node.to === null ? " is-open" : ""}`}
          style={{ left: `${row.from * 100}%`, width: `max(2px, ${(row.to - row.from) * 100}%)` }}
          title={`${look.text}, ${time}`}
        />
        <span className="bar-time" style={timePlace(row)}>
          {time}
        </span>
        {cursor !== null && <i className="bar-cursor" style={{ left: `${cursor * 100}%` }} />}
      </span>
    </>
  );
}

/** Behind the bar, else before it, else in it. */
function timePlace(row: WaterfallRow): CSSProperties {
  if (row.to <= 0.86) return { left: `${row.to * 100}%` };
  if (row.from >= 0.14) return { right: `${(1 - row.from) * 100}%` };
  return { right: `calc(${(1 - row.to) * 100}% + 3px)`, borderRadius: 3, background: "var(--surface)", color: "var(--ink)" };
}
