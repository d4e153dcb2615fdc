/** Questions for GetMetricData about one thing, and what they come to over time. Pure. */

/** One line of a chart. */
export interface Wanted {
  /** A letter first, then letters, digits, `_`: AWS's rule for ids. */
  readonly id: string;
  readonly name: string;
  /** `Sum`, `p99`. */
  readonly statistic: string;
  readonly dimensions: Readonly<Record<string, string>>;
}

/** A query of GetMetricData. */
interface MetricQuery {
  readonly Id: string;
  readonly MetricStat: {
    readonly Metric: { readonly Namespace: string; readonly MetricName: string; readonly Dimensions: { Name: string; Value: string }[] };
    readonly Period: number;
    readonly Stat: string;
  };
}

export function queriesOf(namespace: string, wanted: readonly Wanted[], periodSeconds: number): MetricQuery[] {
  return wanted.map(({ id, name, statistic, dimensions }) => ({
    Id: id,
    MetricStat: {
      Metric: {
        Namespace: namespace,
        MetricName: name,
        Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
      },
      Period: periodSeconds,
      Stat: statistic,
    },
  }));
}

/** A span of time that is cut into equal periods. Seconds. */
export interface Span {
  readonly from: number;
  readonly to: number;
  readonly period: number;
}

/** The last so many seconds in whole periods, the one that runs among them. */
export function lastSpan(nowMs: number, seconds: number, period: number): Span {
  const to = (Math.floor(nowMs / 1000 / period) + 1) * period;
  return { from: to - Math.ceil(seconds / period) * period, to, period };
}

interface Result {
  readonly Id?: string;
  readonly Timestamps?: readonly number[];
  readonly Values?: readonly number[];
}

/** A value for every period of a span; `null` where nothing was measured. */
export function overSpan(results: readonly Result[], id: string, span: Span): (number | null)[] {
  const points: (number | null)[] = Array.from({ length: Math.round((span.to - span.from) / span.period) }, () => null);
  for (const result of results) {
    if (result.Id !== id) continue;
    result.Timestamps?.forEach((at, index) => {
      const place = Math.floor((at - span.from) / span.period);
      const value = result.Values?.[index];
      if (place >= 0 && place < points.length && value !== undefined) points[place] = value;
    });
  }
  return points;
}

export const sumOf = (points: readonly (number | null)[]): number => points.reduce<number>((sum, point) => sum + (point ?? 0), 0);

export const mostOf = (points: readonly (number | null)[]): number => points.reduce<number>((most, point) => Math.max(most, point ?? 0), 0);

/** The corners of lines through the points that are there, in a box of the given size; a line ends where a point lacks. */
export function linesThrough(points: readonly (number | null)[], most: number, width: number, height: number): (readonly (readonly [x: number, y: number])[])[] {
  const lines: [number, number][][] = [];
  let line: [number, number][] = [];
  points.forEach((point, index) => {
    if (point === null) {
      if (line.length > 0) lines.push(line);
      line = [];
      return;
    }
    const x = points.length < 2 ? width / 2 : (index / (points.length - 1)) * width;
    line.push([round(x), round(height - (most <= 0 ? 0 : (point / most) * height))]);
  });
  if (line.length > 0) lines.push(line);
  return lines;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** A round number at or above what is shown, so that a scale can be read: 1, 2, 5 times a power of ten. */
export function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const digit = value / power;
  return power * (digit <= 1 ? 1 : digit <= 2 ? 2 : digit <= 5 ? 5 : 10);
}
