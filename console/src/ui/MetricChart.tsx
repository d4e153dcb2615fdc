import { useEffect, useMemo, useRef, useState } from "react";
import { pointAt, runsOf, timeTicks, valueRows, valueScale, valueText } from "../model/chart";
import type { ChartSeries, Scale } from "../model/chart";
import { absoluteText } from "../model/time";
import "../styles/metrics.css";

interface Annotation {
  readonly value: number;
  readonly label: string;
  readonly axis?: "left" | "right";
}

interface VerticalAnnotation {
  readonly at: number;
  readonly label: string;
}

/** Series that are told apart by colour and by dashes. */
const COLOURS = 8;
const DASHES = ["", "7 3", "2 3", "9 3 2 3"] as const;
const MARGIN = { top: 10, bottom: 22, side: 54 };
/** How wide the text of an instant is. */
const TICK_TEXT = 44;
/** Rows of the table of values; a chart has hardly more points. */
const TABLE_ROWS_MAX = 500;
const NO_ANNOTATIONS: readonly Annotation[] = [];

const seriesClass = (index: number): string => `series-${(index % COLOURS) + 1}`;
const dashOf = (index: number): string => DASHES[Math.floor(index / 2) % DASHES.length] ?? "";

/**
 * Series over time as lines, with the values as a table below.
 *
 * - `annotations`: lines at a value, such as the threshold of an alarm.
 * - `onRange`: called with the range that was drawn over the chart with the mouse.
 */
export function MetricChart(props: {
  series: readonly ChartSeries[];
  from: number;
  to: number;
  label: string;
  height?: number;
  annotations?: readonly Annotation[];
  verticals?: readonly VerticalAnnotation[];
  limits?: { readonly left?: { min?: number | undefined; max?: number | undefined }; readonly right?: { min?: number | undefined; max?: number | undefined } };
  isStacked?: boolean;
  hasLegend?: boolean;
  hasTable?: boolean;
  onRange?: (from: number, to: number) => void;
}) {
  const { series, from, to, label, height = 260, annotations = NO_ANNOTATIONS, verticals = [], limits = {}, hasLegend = true, hasTable = true, onRange } = props;
  const frame = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(640);
  const [cursor, setCursor] = useState<number | null>(null);
  const [drag, setDrag] = useState<number | null>(null);
  useEffect(() => {
    const box = frame.current;
    if (box === null) return;
    const observer = new ResizeObserver(([entry]) => entry && setWidth(Math.max(160, Math.round(entry.contentRect.width))));
    observer.observe(box);
    return () => observer.disconnect();
  }, []);
  const drawn = useMemo(() => (props.isStacked ? stacked(series) : series), [series, props.isStacked]);
  const hasRight = drawn.some((one) => one.axis === "right") || annotations.some((one) => one.axis === "right");
  const inner = { left: MARGIN.side, right: width - (hasRight ? MARGIN.side : 12), top: MARGIN.top, bottom: height - MARGIN.bottom };
  const scales = useMemo(() => {
    const scaleOf = (axis: "left" | "right"): Scale =>
      valueScale(
        [
          ...drawn.filter((one) => one.axis === axis).flatMap((one) => one.points.map((point) => point.value)),
          ...annotations.filter((one) => (one.axis ?? "left") === axis).map((one) => one.value),
          ...(props.isStacked ? [0] : []),
        ],
        Math.max(2, Math.floor((height - 40) / 44)),
        limits[axis]?.min ?? null,
        limits[axis]?.max ?? null,
      );
    return { left: scaleOf("left"), right: scaleOf("right") };
  }, [drawn, annotations, limits.left?.min, limits.left?.max, limits.right?.min, limits.right?.max, height, props.isStacked]);
  const x = (at: number): number => inner.left + ((at - from) / Math.max(1, to - from)) * (inner.right - inner.left);
  const y = (value: number, axis: "left" | "right"): number => {
    const { from: low, to: high } = scales[axis];
    return inner.bottom - ((value - low) / (high - low)) * (inner.bottom - inner.top);
  };
  // A cursor that moves draws no point of them again.
  const lines = useMemo(
    () =>
      drawn.map((one, index) => (
        <g key={one.id} className={seriesClass(index)}>
          {runsOf(one).map((run) =>
            run.length === 1 ? (
              <circle key={run[0]?.at} className="plot-dot" cx={x(run[0]?.at ?? 0)} cy={y(run[0]?.value ?? 0, one.axis)} r={2.6} />
            ) : (
              <polyline
                key={run[0]?.at}
                className="plot-line"
                strokeDasharray={dashOf(index)}
                points={run.map((point) => `${x(point.at).toFixed(1)},${y(point.value, one.axis).toFixed(1)}`).join(" ")}
              />
            ),
          )}
        </g>
      )),
    [drawn, scales, from, to, width, height, hasRight],
  );
  const instantOf = (clientX: number): number => {
    const box = frame.current?.getBoundingClientRect();
    const share = (clientX - (box?.left ?? 0) - inner.left) / Math.max(1, inner.right - inner.left);
    return Math.round(from + Math.min(1, Math.max(0, share)) * (to - from));
  };
  const step = Math.max(1, ...series.map((one) => one.period));
  const units = (axis: "left" | "right"): string | undefined => drawn.find((one) => one.axis === axis && one.unit !== undefined)?.unit;
  const onKey = (event: React.KeyboardEvent): void => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (event.key === "Escape") setCursor(null);
    if (by === undefined) return;
    event.preventDefault();
    setCursor(Math.min(to, Math.max(from, (cursor ?? (by > 0 ? from : to)) + by * step)));
  };
  const read = cursor === null ? [] : drawn.map((_, index) => pointAt(series[index] as ChartSeries, cursor));
  return (
    <div className="plot-whole">
      <div
        className="plot"
        ref={frame}
        role="group"
        aria-label={`${label}: chart of ${series.length} ${series.length === 1 ? "series" : "series"}; arrow keys read values`}
        tabIndex={0}
        onKeyDown={onKey}
        onPointerMove={(event) => setCursor(instantOf(event.clientX))}
        onPointerLeave={() => {
          setCursor(null);
          setDrag(null);
        }}
        onPointerDown={(event) => onRange && event.button === 0 && setDrag(instantOf(event.clientX))}
        onPointerUp={(event) => {
          if (drag === null) return;
          const end = instantOf(event.clientX);
          setDrag(null);
          if (Math.abs(end - drag) > (to - from) / 50) onRange?.(Math.min(drag, end), Math.max(drag, end));
        }}
        onBlur={() => setCursor(null)}
      >
        <svg width={width} height={height} aria-hidden="true">
          {scales.left.ticks.map((tick) => (
            <g key={tick}>
              <line className="plot-grid" x1={inner.left} x2={inner.right} y1={y(tick, "left")} y2={y(tick, "left")} />
              <text className="plot-text" x={inner.left - 6} y={y(tick, "left") + 4} textAnchor="end">
                {valueText(tick, units("left"))}
              </text>
            </g>
          ))}
          {hasRight &&
            scales.right.ticks.map((tick) => (
              <text key={tick} className="plot-text" x={inner.right + 6} y={y(tick, "right") + 4}>
                {valueText(tick, units("right"))}
              </text>
            ))}
          {timeTicks(from, to, Math.max(2, Math.floor((inner.right - inner.left) / 86))).map((tick) => (
            <g key={tick.at}>
              <line className="plot-tick" x1={x(tick.at)} x2={x(tick.at)} y1={inner.bottom} y2={inner.bottom + 4} />
              <text className="plot-text" x={x(tick.at)} y={inner.bottom + 16} textAnchor={x(tick.at) > width - TICK_TEXT / 2 ? "end" : "middle"}>
                {tick.text}
              </text>
            </g>
          ))}
          {verticals.map((one) => (
            <g key={`${one.at} ${one.label}`}>
              <line className="plot-vertical" x1={x(one.at)} x2={x(one.at)} y1={inner.top} y2={inner.bottom} />
              <text className="plot-text" x={x(one.at) + 4} y={inner.top + 10}>
                {one.label}
              </text>
            </g>
          ))}
          {lines}
          {annotations.map((one) => (
            <g key={`${one.value} ${one.label}`}>
              <line className="plot-threshold" x1={inner.left} x2={inner.right} y1={y(one.value, one.axis ?? "left")} y2={y(one.value, one.axis ?? "left")} />
              <text className="plot-text plot-threshold-text" x={inner.right - 4} y={y(one.value, one.axis ?? "left") - 5} textAnchor="end">
                {one.label}
              </text>
            </g>
          ))}
          {drag !== null && cursor !== null && (
            <rect className="plot-drag" x={x(Math.min(drag, cursor))} width={Math.abs(x(cursor) - x(drag))} y={inner.top} height={inner.bottom - inner.top} />
          )}
          {cursor !== null && <line className="plot-cursor" x1={x(cursor)} x2={x(cursor)} y1={inner.top} y2={inner.bottom} />}
          {cursor !== null &&
            drawn.map((one, index) => {
              const point = pointAt(one, cursor);
              return point && <circle key={one.id} className={`plot-dot ${seriesClass(index)}`} cx={x(point.at)} cy={y(point.value, one.axis)} r={3.4} />;
            })}
        </svg>
        {series.every((one) => one.points.length === 0) && <p className="plot-nothing">No values in this time</p>}
        {cursor !== null && read.some((point) => point !== null) && (
          <div className={`plot-values${x(cursor) > width / 2 ? " is-left" : ""}`} style={{ left: x(cursor) }} role="status">
            <strong>{absoluteText(read.find((point) => point !== null)?.at ?? cursor).slice(0, 19)}</strong>
            {series.map((one, index) => {
              const point = read[index];
              return point ? (
                <span key={one.id}>
                  <Key index={index} /> {one.label} <b>{valueText(point.value, one.unit)}</b>
                </span>
              ) : null;
            })}
          </div>
        )}
      </div>
      {hasLegend && (
        <ul className="plot-legend">
          {series.map((one, index) => {
            const last = one.points.at(-1);
            return (
              <li key={one.id}>
                <Key index={index} /> {one.label} {last && <b title={`at ${absoluteText(last.at)}`}>{valueText(last.value, one.unit)}</b>}
                {one.axis === "right" && <span className="quiet">right axis</span>}
              </li>
            );
          })}
        </ul>
      )}
      {hasTable && <ValueTable series={series} label={label} />}
    </div>
  );
}

/** The stroke of a series. */
export function Key({ index }: { index: number }) {
  return (
    <svg className={`plot-key ${seriesClass(index)}`} width="22" height="8" aria-hidden="true">
      <line className="plot-line" x1="1" x2="21" y1="4" y2="4" strokeDasharray={dashOf(index)} />
    </svg>
  );
}

/** Each series on top of those before it. */
function stacked(series: readonly ChartSeries[]): ChartSeries[] {
  const below = new Map<number, number>();
  return series.map((one) => ({
    ...one,
    points: one.points.map(({ at, value }) => {
      const sum = (below.get(at) ?? 0) + value;
      below.set(at, sum);
      return { at, value: sum };
    }),
  }));
}

function ValueTable({ series, label }: { series: readonly ChartSeries[]; label: string }) {
  const [isOpen, setOpen] = useState(false);
  const rows = useMemo(() => (isOpen ? valueRows(series).reverse() : []), [isOpen, series]);
  return (
    <details className="plot-table" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>Values as a table</summary>
      {isOpen && (
        <div className="table-frame" tabIndex={0} role="group" aria-label={`Values of ${label}`}>
          <table className="plain-table">
            <thead>
              <tr>
                <th scope="col">Time</th>
                {series.map((one) => (
                  <th key={one.id} scope="col" className="number">
                    {one.label}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.slice(0, TABLE_ROWS_MAX).map((row) => (
                <tr key={row.at}>
                  <td className="number-left">{absoluteText(row.at).slice(0, 19)}</td>
                  {row.values.map((value, index) => (
                    <td key={series[index]?.id ?? index} className="number">
                      {value === null ? "" : String(Number(value.toPrecision(8)))}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
          {rows.length > TABLE_ROWS_MAX && <p className="quiet">{(rows.length - TABLE_ROWS_MAX).toLocaleString("en")} older rows are left out.</p>}
        </div>
      )}
    </details>
  );
}
