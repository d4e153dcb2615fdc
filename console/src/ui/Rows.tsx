import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import type { CSSProperties, ReactNode } from "react";
import { placeAfter } from "../model/rows";
import { isTyping } from "./keys";

export interface Column<Row> {
  readonly id: string;
  readonly title: string;
  /** What stands at its head instead of its title. */
  readonly head?: ReactNode;
  /** A width of CSS grid: `minmax(0, 1fr)`, `120px`. */
  readonly width: string;
  readonly cell: (row: Row) => ReactNode;
  /** Left out where the page is narrow. */
  readonly isMinor?: boolean;
  readonly isNumber?: boolean;
}

/**
 * A table of any length: only the rows in sight are drawn. `j` and `k` move along it, Enter opens. Rows that come in
 * above those in sight do not move them.
 *
 * - `onEnd`: called when its end comes in sight, to bring more.
 * - `onMark`: what `x` does with the row that keys have moved to.
 */
export function Rows<Row>(props: {
  label: string;
  rows: readonly Row[];
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string | number;
  onOpen?: (row: Row) => void;
  onMark?: (row: Row) => void;
  rowHeight?: number;
  chosen?: string | number | null;
  onEnd?: (() => void) | undefined;
  total?: number | undefined;
}) {
  const { label, rows, columns, keyOf, onOpen, onMark, rowHeight = 36, chosen = null, onEnd, total } = props;
  const body = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(-1);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => body.current,
    estimateSize: () => rowHeight,
    overscan: 12,
  });
  const items = virtual.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? -1;
  useEffect(() => {
    if (onEnd && rows.length > 0 && lastShown >= rows.length - 20) onEnd();
  }, [onEnd, lastShown, rows.length]);

  // What an address names comes in sight once, when it is there.
  const shown = useRef<string | number | null>(null);
  useEffect(() => {
    if (chosen === null || shown.current === chosen) return;
    const at = rows.findIndex((row) => keyOf(row) === chosen);
    if (at < 0) return;
    // Another one after it is only brought in sight: what somebody clicks stays where it is.
    virtual.scrollToIndex(at, { align: shown.current === null ? "center" : "auto" });
    shown.current = chosen;
  }, [chosen, rows, keyOf, virtual]);

  // The row that keys have moved to: two keys may come before one frame is drawn.
  const at = useRef(-1);
  /** Where keys have moved to a row that is not drawn yet. */
  const awaited = useRef<number | null>(null);
  const reach = (index: number): void => {
    at.current = index;
    setActive(index);
  };
  // What somebody looks at, and the row that they have moved to, stay as rows come and go above.
  const before = useRef(rows);
  useLayoutEffect(() => {
    const old = before.current;
    before.current = rows;
    if (old === rows) return;
    if (at.current >= 0) reach(placeAfter(old, rows, keyOf, at.current));
    const scrolled = body.current?.scrollTop ?? 0;
    const top = Math.floor(scrolled / rowHeight);
    if (body.current === null || top === 0) return;
    const place = placeAfter(old, rows, keyOf, top);
    if (place >= 0 && place !== top) body.current.scrollTop = scrolled + (place - top) * rowHeight;
  }, [rows, keyOf, rowHeight]);
  // With the rows, not after them: a key that comes as soon as they are seen counts.
  useLayoutEffect(() => {
    const focus = (index: number): boolean => {
      const row = body.current?.querySelector<HTMLElement>(`[data-index="${index}"]`);
      row?.focus();
      return row !== null && row !== undefined;
    };
    const onKey = (event: KeyboardEvent): void => {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (event.key === "Enter" && awaited.current !== null) {
        const row = rows[awaited.current];
        event.preventDefault();
        if (row !== undefined) onOpen?.(row);
        return;
      }
      const marked = event.key === "x" ? rows[at.current] : undefined;
      if (marked !== undefined && onMark) {
        event.preventDefault();
        onMark(marked);
        return;
      }
      const by = event.key === "j" ? 1 : event.key === "k" ? -1 : 0;
      if (by === 0 || rows.length === 0) return;
      event.preventDefault();
      const next = Math.min(rows.length - 1, Math.max(0, at.current + by));
      reach(next);
      virtual.scrollToIndex(next);
      if (focus(next)) {
        awaited.current = null;
        return;
      }
      awaited.current = next;
      requestAnimationFrame(() => {
        if (awaited.current === next && focus(next)) awaited.current = null;
      });
    };
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [rows, onOpen, onMark, virtual]);

  const widths = (all: readonly Column<Row>[]): string => all.map((column) => column.width).join(" ");
  const style = {
    "--columns": widths(columns),
    "--columns-narrow": widths(columns.filter((column) => !column.isMinor)),
  } as CSSProperties;
  const cellClass = (column: Column<Row>): string =>
    ["cell", column.isMinor ? "is-minor" : "", column.isNumber ? "number" : ""].filter(Boolean).join(" ");
  return (
    <div className="rows" role="table" aria-label={label} aria-rowcount={(total ?? rows.length) + 1} style={style}>
      <div role="rowgroup">
        <div className="row row-head" role="row" aria-rowindex={1}>
          {columns.map((column) => (
            <div key={column.id} className={cellClass(column)} role="columnheader">
              {column.head ?? column.title}
            </div>
          ))}
        </div>
      </div>
      <div className="rows-body" ref={body} role="rowgroup" tabIndex={-1}>
        <div className="rows-all" style={{ height: virtual.getTotalSize() }} role="presentation">
          {items.map((item) => {
            const row = rows[item.index];
            if (row === undefined) return null;
            const isChosen = chosen !== null && keyOf(row) === chosen;
            return (
              <div
                key={keyOf(row)}
                className={`row${onOpen ? " can-open" : ""}${isChosen ? " is-chosen" : ""}`}
                role="row"
                aria-rowindex={item.index + 2}
                {...(isChosen ? { "aria-current": "true" as const } : {})}
                data-index={item.index}
                tabIndex={item.index === (active < 0 ? 0 : active) ? 0 : -1}
                style={{ height: item.size, transform: `translateY(${item.start}px)` }}
                onFocus={() => reach(item.index)}
                onClick={(event) => {
                  if (event.target instanceof Element && event.target.closest("a, button, input, label")) return;
                  onOpen?.(row);
                }}
                onKeyDown={(event) => {
                  if (event.key === "Enter" && event.target === event.currentTarget) onOpen?.(row);
                }}
              >
                {columns.map((column) => (
                  <div key={column.id} className={cellClass(column)} role="cell">
                    {column.cell(row)}
                  </div>
                ))}
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}
