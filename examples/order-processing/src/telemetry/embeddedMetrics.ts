/** One metric of an event. */
export interface Metric {
  name: string;
  value: number;
  unit: 'Count' | 'None' | 'Milliseconds';
}

export const NAMESPACE = 'OrderProcessing';

/**
 * A log line that CloudWatch turns into metrics (the embedded metric format).
 *
 * The metrics have no dimensions and a resolution of one second, so that an alarm sees them at once. What `about` says stands in the
 * log beside them, and can be asked for there.
 */
export function embeddedMetrics(metrics: Metric[], about: Record<string, string | number>, at: Date): string {
  const values = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  return JSON.stringify({
    _aws: {
      Timestamp: at.getTime(),
      CloudWatchMetrics: [
        {
          Namespace: NAMESPACE,
          Dimensions: [[]],
          Metrics: metrics.map(({ name, unit }) => ({ Name: name, Unit: unit, StorageResolution: 1 })),
        },
      ],
    },
    ...about,
    ...values,
  });
}

/** Writes it as it is: `console.log` would put the time and the request before it, and the line would be no JSON. */
export function emit(metrics: Metric[], about: Record<string, string | number>): void {
  process.stdout.write(`${embeddedMetrics(metrics, about, new Date())}\n`);
}
