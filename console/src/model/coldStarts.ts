/**
 * Cold starts of a function, from the reports in its log.
 *
 * AWS: `AWS/Lambda` has no metric of them; the report of an invocation that began in a new environment has the
 * duration of its init.
 */

/** The pattern of FilterLogEvents that finds such reports. */
export function coldStartPattern(isJson: boolean): string {
  return isJson ? '{ $.type = "platform.report" && $.record.metrics.initDurationMs > 0 }' : '"REPORT RequestId" "Init Duration"';
}

/** How long the init took, in milliseconds; `null` where a message is no such report. */
export function initMs(message: string): number | null {
  const text = /^REPORT RequestId: .*\tInit Duration: ([\d.]+) ms/.exec(message)?.[1];
  if (text !== undefined) return Number(text);
  try {
    const event = JSON.parse(message) as { type?: unknown; record?: { metrics?: { initDurationMs?: unknown } } };
    const ms = event.type === "platform.report" ? event.record?.metrics?.initDurationMs : undefined;
    return typeof ms === "number" ? ms : null;
  } catch {
    return null;
  }
}

export interface ColdStarts {
  readonly count: number;
  readonly averageMs: number | null;
  readonly slowestMs: number | null;
}

export function coldStartsOf(messages: readonly string[]): ColdStarts {
  const all = messages.map(initMs).filter((ms) => ms !== null);
  return {
    count: all.length,
    averageMs: all.length === 0 ? null : all.reduce((sum, ms) => sum + ms, 0) / all.length,
    slowestMs: all.length === 0 ? null : Math.max(...all),
  };
}
