/** Instants and durations as people read them. Instants are milliseconds since 1970. */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** `230 ms`, `4.21 s`, `2 min 5 s`, `3 h 20 min`, `2 d 4 h`. */
export function durationText(ms: number): string {
  if (ms < SECOND) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10 * SECOND) return `${trimmed(ms / SECOND, 2)} s`;
  if (ms < MINUTE) return `${trimmed(ms / SECOND, 1)} s`;
  const pair = (large: number, small: number, words: readonly [string, string]): string => {
    const rest = Math.floor((ms % large) / small);
    return `${Math.floor(ms / large)} ${words[0]}${rest > 0 ? ` ${rest} ${words[1]}` : ""}`;
  };
  if (ms < HOUR) return pair(MINUTE, SECOND, ["min", "s"]);
  if (ms < DAY) return pair(HOUR, MINUTE, ["h", "min"]);
  return pair(DAY, HOUR, ["d", "h"]);
}

const trimmed = (value: number, digits: number): string => String(Number(value.toFixed(digits)));

/** `now`, `12 s ago`, `5 min ago`, `3 h ago`, `2 d ago`; `in 5 s` for what comes. */
export function relativeText(instant: number, now: number): string {
  const ms = now - instant;
  const distance = Math.abs(ms);
  if (distance < 2 * SECOND) return "now";
  const units: readonly (readonly [number, string])[] = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"], [SECOND, "s"]];
  const [unit, word] = units.find(([unit]) => distance >= unit) ?? [SECOND, "s"];
  const text = `${Math.floor(distance / unit)} ${word}`;
  return ms >= 0 ? `${text} ago` : `in ${text}`;
}

const two = (value: number): string => String(value).padStart(2, "0");

/** `2026-11-26 14:05:09.120`, in the time of this machine. */
export function absoluteText(instant: number): string {
  const date = new Date(instant);
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return `${day} ${clockText(instant)}`;
}

/** `14:05:09.120`, in the time of this machine. */
export function clockText(instant: number): string {
  const date = new Date(instant);
  const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":");
  return `${clock}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** An instant of ISO 8601 as a field of a date and a time takes it, in the time of this machine; empty for none. */
export function inputInstant(iso: string): string {
  const instant = Date.parse(iso);
  return Number.isNaN(instant) ? "" : fieldText(instant);
}

/** An instant as a field of a date and a time takes it, in the time of this machine. */
export function fieldText(instant: number): string {
  return absoluteText(instant).slice(0, 19).replace(" ", "T");
}

/** What such a field gives as ISO 8601, so that it is the same instant for everybody; empty for none. */
export function instantOfInput(text: string): string {
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? "" : new Date(instant).toISOString();
}

/** An instant as Lambda writes it, `2026-11-26T14:05:09.120+0000`, in milliseconds. */
export const modifiedAt = (text: string): number => Date.parse(text.replace("+0000", "Z"));
