import { useVirtualizer } from "@tanstack/react-virtual";
import { useLayoutEffect, useRef, useState } from "react";
import type { CSSProperties, KeyboardEvent } from "react";
import { outcomeLook } from "../model/status";
import type { Outcome } from "../model/history";

export interface Cell {
  readonly outcome: Outcome | "none";
  /** 0 to 4; `null` where no duration is known. */
  readonly heat: number | null;
  /** All that the cell says, in words. */
  readonly title: string;
}

const CELL = 24;
/** What a sign says in a cell; colour never says it alone. */
const CELL_SIGNS: Readonly<Record<Cell["outcome"], string>> = {
  succeeded: "✓",
  caught: "↩",
  failed: "✕",
  aborted: "■",
  running: "…",
  none: "",
};
/** A grid has this height at most, and scrolls within it. */
const HEIGHT_MAX = 420;

/**
 * Cells of any number, of which only those in sight are drawn. Arrow keys move among them, Enter opens.
 *
 * - `shown`: the indices that are drawn, in their order.
 * - `cellAt`: asked for those in sight only.
 * - `onSight`: told which indices are in sight, so that what is not there yet can be read.
 */
export function CellGrid(props: {
  label: string;
  shown: ArrayLike<number>;
  cellAt: (index: number) => Cell;
  chosen: number | null;
  onOpen: (index: number) => void;
  onSight?: (first: number, last: number) => void;
}) {
  const { label, shown, cellAt, chosen, onOpen, onSight } = props;
  const body = useRef<HTMLDivElement>(null);
  const [columns, setColumns] = useState(1);
  const [active, setActive] = useState(0);
  const wanted = useRef<number | null>(null);
  useLayoutEffect(() => {
    const place = body.current;
    if (place === null) return;
    const measure = (): void => setColumns(Math.max(1, Math.floor((place.clientWidth - 2) / CELL)));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(place);
    return () => observer.disconnect();
  }, []);
  const rows = Math.ceil(shown.length / columns);
  const virtual = useVirtualizer({ count: rows, getScrollElement: () => body.current, estimateSize: () => CELL, overscan: 4 });
  const items = virtual.getVirtualItems();
  const [first, last] = [(items[0]?.index ?? 0) * columns, Math.min(shown.length, ((items.at(-1)?.index ?? 0) + 1) * columns) - 1];
  useLayoutEffect(() => {
    if (shown.length > 0 && last >= first) onSight?.(shown[first] ?? 0, shown[last] ?? 0);
  }, [onSight, shown, first, last]);
  // What an address names comes in sight.
  useLayoutEffect(() => {
    if (chosen === null || columns === 1) return;
    const at = placeOf(shown, chosen);
    if (at < 0) return;
    setActive(at);
    virtual.scrollToIndex(Math.floor(at / columns), { align: "auto" });
  }, [chosen, shown, columns, virtual]);
  // A cell that keys have moved to gets the focus when it is drawn.
  useLayoutEffect(() => {
    if (wanted.current === null) return;
    const cell = body.current?.querySelector<HTMLElement>(`[data-at="${wanted.current}"]`);
    if (!cell) return;
    wanted.current = null;
    cell.focus();
  });
  const onKeyDown = (event: KeyboardEvent): void => {
    const page = columns * Math.max(1, Math.floor((body.current?.clientHeight ?? CELL) / CELL) - 1);
    const steps: Readonly<Record<string, number>> = {
      ArrowRight: 1,
      ArrowLeft: -1,
      ArrowDown: columns,
      ArrowUp: -columns,
      PageDown: page,
      PageUp: -page,
      Home: -shown.length,
      End: shown.length,
    };
    const index = shown[active];
    if ((event.key === "Enter" || event.key === " ") && index !== undefined) {
      event.preventDefault();
      onOpen(index);
      return;
    }
    const by = steps[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const to = Math.min(shown.length - 1, Math.max(0, active + by));
    wanted.current = to;
    setActive(to);
    virtual.scrollToIndex(Math.floor(to / columns), { align: "auto" });
  };
  const focusable = Math.min(active, Math.max(0, shown.length - 1));
  return (
    <div
      className="cells"
      ref={body}
      role="grid"
      aria-label={label}
      aria-rowcount={rows}
      aria-colcount={columns}
      style={{ height: Math.min(HEIGHT_MAX, Math.max(1, rows) * CELL + 4) }}
      onKeyDown={onKeyDown}
    >
      <div className="cells-all" role="presentation" style={{ height: virtual.getTotalSize() }}>
        {items.map((row) => (
          <div key={row.index} className="cells-row" role="row" aria-rowindex={row.index + 1} style={{ transform: `translateY(${row.start}px)` }}>
            {Array.from({ length: Math.min(columns, shown.length - row.index * columns) }, (_, column) => {
              const at = row.index * columns + column;
              const index = shown[at] ?? 0;
              const cell = cellAt(index);
              const tone = cell.outcome === "none" ? "quiet" : outcomeLook(cell.outcome).tone;
              return (
                <div
                  key={column}
                  role="gridcell"
                  aria-colindex={column + 1}
                  aria-label={cell.title}
                  aria-selected={index === chosen}
                  title={cell.title}
                  data-at={at}
                  tabIndex={at === focusable ? 0 : -1}
                  className={`grid-cell tone-${tone} cell-${cell.outcome}${index === chosen ? " is-chosen" : ""}`}
                  style={{ "--heat": cell.heat ?? 0 } as CSSProperties}
                  onClick={() => {
                    setActive(at);
                    onOpen(index);
                  }}
                >
                  {CELL_SIGNS[cell.outcome]}
                </div>
              );
            })}
          </div>
        ))}
      </div>
    </div>
  );
}

/** The place of an index among those shown, which grow. */
function placeOf(shown: ArrayLike<number>, index: number): number {
  let [low, high] = [0, shown.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((shown[middle] ?? 0) < index) low = middle + 1;
    else high = middle;
  }
  return shown[low] === index ? low : -1;
}

/** What signs and heat of the cells mean. */
export function CellLegend({ bounds, outcomes }: { bounds: readonly string[]; outcomes: readonly Outcome[] }) {
  return (
    <div className="cell-legend quiet">
      {outcomes.map((outcome) => (
        <span key={outcome}>
          <i className={`grid-cell tone-${outcomeLook(outcome).tone}`} aria-hidden="true">
            {CELL_SIGNS[outcome]}
          </i>
          {outcomeLook(outcome).text.toLowerCase()}
        </span>
      ))}
      {bounds.length > 1 && (
        <span className="heat-scale">
          {bounds.map((text, heat) => (
            <i key={heat} className="grid-cell tone-good" style={{ "--heat": heat } as CSSProperties} title={`from ${text}`} aria-hidden="true" />
          ))}
          {bounds[0]} to {bounds.at(-1)} and longer
        </span>
      )}
    </div>
  );
}
