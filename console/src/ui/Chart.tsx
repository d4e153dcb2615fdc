import { linesThrough, roundUp } from "../model/metricSeries";
import type { Span } from "../model/metricSeries";
import { absoluteText, clockText } from "../model/time";

const WIDTH = 320;
const HEIGHT = 84;
const DAY_SECONDS = 86_400;

export interface Line {
  readonly name: string;
  readonly points: readonly (number | null)[];
  readonly tone: string;
  /** Whether it counts: where nothing was measured, there was none. */
  readonly isCount?: boolean;
}

/** A few lines over time, small: for more there is the page of metrics. */
export function Chart({ title, note, lines, span, format }: { title: string; note: string; lines: readonly Line[]; span: Span; format: (value: number) => string }) {
  const isEmpty = lines.every((line) => line.points.every((point) => point === null));
  const values = lines.flatMap((line) => line.points.filter((point) => point !== null));
  const most = roundUp(Math.max(0, ...values));
  // Of a day and more, a time of day says too little.
  const shown = (ms: number): string => (span.to - span.from < DAY_SECONDS ? clockText(ms).slice(0, 5) : absoluteText(ms).slice(5, 16));
  return (
    <figure className="chart">
      <figcaption>
        <strong>{title}</strong> <span className="quiet">{note}</span>
      </figcaption>
      <div className="chart-body">
        <span className="chart-most" aria-hidden="true">
          {isEmpty ? "" : format(most)}
        </span>
        {isEmpty ? (
          <p className="chart-none quiet">No data in this time</p>
        ) : (
          <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={`${title}: ${note}`}>
            {lines.map((line, at) => (
              <g key={line.name} className={`tone-${line.tone} chart-line-${at}`}>
                {linesThrough(line.isCount ? line.points.map((point) => point ?? 0) : line.points, most, WIDTH, HEIGHT).map((corners, index) =>
                  corners.length === 1 ? (
                    // A point alone is drawn as a short line.
                    <path key={index} d={`M${(corners[0]?.[0] ?? 0) - 1.5} ${corners[0]?.[1]}h3`} />
                  ) : (
                    <path key={index} d={`M${corners.map((corner) => corner.join(" ")).join("L")}`} />
                  ),
                )}
              </g>
            ))}
          </svg>
        )}
      </div>
      <div className="chart-foot quiet">
        <span>{shown(span.from * 1000)}</span>
        {lines.length > 1 && (
          <span className="chart-names">
            {lines.map((line, at) => (
              <span key={line.name} className={`tone-${line.tone} chart-line-${at}`}>
                <i aria-hidden="true" /> {line.name}
              </span>
            ))}
          </span>
        )}
        <span>{shown(span.to * 1000)}</span>
      </div>
    </figure>
  );
}
