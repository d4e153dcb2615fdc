/** Series over time as lines: scales, ticks, and where lines break. */

import { clockText } from "./time";
import { tickStep } from "./timeline";

interface ChartPoint {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly value: number;
}

export interface ChartSeries {
  readonly id: string;
  readonly label: string;
  /** Oldest first. */
  readonly points: readonly ChartPoint[];
  readonly axis: "left" | "right";
  /** Milliseconds between two points that follow each other; a longer way is a gap. */
  readonly period: number;
  readonly unit?: string | undefined;
}

export interface Scale {
  readonly from: number;
  readonly to: number;
  readonly ticks: readonly number[];
}

/** Limits with ticks at 1, 2 or 5 times a power of ten, that hold every value. */
export function valueScale(values: readonly number[], most: number, least: number | null = null, greatest: number | null = null): Scale {
  const known = values.filter(Number.isFinite);
  let low = known.reduce((a, b) => Math.min(a, b), known.length === 0 ? 0 : Infinity);
  let high = known.reduce((a, b) => Math.max(a, b), known.length === 0 ? 1 : -Infinity);
  // Most of what is measured is compared with nothing at all.
  if (low > 0 && low < high * 0.75) low = 0;
  if (low > 0 && low === high) low = 0;
  if (low === high) [low, high] = low === 0 ? [0, 1] : [Math.min(0, low), Math.max(0, high)];
  low = least ?? low;
  high = greatest ?? high;
  if (!(low < high)) high = low + 1;
  const step = niceStep((high - low) / Math.max(1, most));
  const from = least ?? Math.floor(low / step + 1e-9) * step;
  const to = greatest ?? Math.ceil(high / step - 1e-9) * step;
  const ticks: number[] = [];
  for (let index = Math.ceil(from / step - 1e-9); index * step <= to + step * 1e-6 && ticks.length < 20; index += 1) ticks.push(Number((index * step).toPrecision(12)));
  return { from, to, ticks };
}

function niceStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const steps = [1, 2, 5, 10];
  return (steps.find((step) => rough <= step * power * (1 + 1e-9)) ?? 10) * power;
}

/** Instants at round times of this machine. */
export function timeTicks(from: number, to: number, most: number): { readonly at: number; readonly text: string }[] {
  const step = tickStep(to - from, most);
  const offset = new Date(from).getTimezoneOffset() * 60_000;
  const ticks = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to && ticks.length < 40; at += step) ticks.push({ at, text: tickText(at, step, to - from) });
  return ticks;
}

const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

function tickText(at: number, step: number, whole: number): string {
  const date = new Date(at);
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  if (step >= 86_400_000) return day;
  const clock = clockText(at).slice(0, step < 60_000 ? 8 : 5);
  return whole > 86_400_000 && date.getHours() === 0 && date.getMinutes() === 0 ? day : clock;
}

/** Runs of points without a gap between them. */
export function runsOf(series: ChartSeries): ChartPoint[][] {
  const runs: ChartPoint[][] = [];
  for (const point of series.points) {
    const run = runs.at(-1);
    const last = run?.at(-1);
    if (run === undefined || last === undefined || point.at - last.at > series.period * 1.5) runs.push([point]);
    else run.push(point);
  }
  return runs;
}

/** The point at an instant, or the nearest within a period of it. */
export function pointAt(series: ChartSeries, at: number): ChartPoint | null {
  const { points } = series;
  let [low, high] = [0, points.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.at ?? 0) < at) low = middle + 1;
    else high = middle;
  }
  const near = [points[low - 1], points[low]].filter((point) => point !== undefined).toSorted((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at))[0];
  return near !== undefined && Math.abs(near.at - at) <= series.period ? near : null;
}

/** Every instant that has a value, oldest first, with the values of each series. */
export function valueRows(all: readonly ChartSeries[]): { readonly at: number; readonly values: readonly (number | null)[] }[] {
  const rows = new Map<number, (number | null)[]>();
  all.forEach((series, index) => {
    for (const { at, value } of series.points) {
      const row = rows.get(at) ?? all.map(() => null);
      row[index] = value;
      rows.set(at, row);
    }
  });
  return [...rows].map(([at, values]) => ({ at, values })).toSorted((a, b) => a.at - b.at);
}

const BYTES: Readonly<Record<string, number>> = { Bytes: 1, Kilobytes: 1e3, Megabytes: 1e6, Gigabytes: 1e9, Terabytes: 1e12 };
const SECONDS: Readonly<Record<string, number>> = { Seconds: 1, Milliseconds: 1e-3, Microseconds: 1e-6 };

/** `1.2 s`, `340 ms`, `12.5 MB`, `45 %`, `1.3k`. */
export function valueText(value: number, unit?: string): string {
  const seconds = SECONDS[unit ?? ""];
  if (seconds !== undefined) {
    const taken = value * seconds;
    const size = Math.abs(taken);
    if (taken === 0) return "0 s";
    if (size < 1e-3) return `${short(taken * 1e6)} µs`;
    if (size < 1) return `${short(taken * 1e3)} ms`;
    if (size < 120) return `${short(taken)} s`;
    return size < 7_200 ? `${short(taken / 60)} min` : `${short(taken / 3_600)} h`;
  }
  const bytes = BYTES[unit ?? ""];
  if (bytes !== undefined) {
    const size = value * bytes;
    const [power, name] = ([[1e12, "TB"], [1e9, "GB"], [1e6, "MB"], [1e3, "kB"]] as const).find(([power]) => Math.abs(size) >= power) ?? [1, "B"];
    return `${short(size / power)} ${name}`;
  }
  if (unit === "Percent") return `${short(value)} %`;
  const [power, name] = ([[1e12, "T"], [1e9, "G"], [1e6, "M"], [1e4, "k"]] as const).find(([power]) => Math.abs(value) >= power) ?? [1, ""];
  const text = power === 1e4 ? `${short(value / 1e3)}k` : `${short(value / power)}${name}`;
  return unit?.endsWith("/Second") ? `${text}/s` : text;
}

const short = (value: number): string => String(Number(value.toPrecision(Math.abs(value) >= 1_000 ? 4 : 3)));
