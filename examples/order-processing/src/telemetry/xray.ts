import { captureAsyncFunc } from 'aws-xray-sdk-core';

/**
 * Runs a call in a subsegment of the function's trace.
 *
 * @param annotations can be searched for: `annotation.orderId = "..."`
 */
export function traced<T>(name: string, annotations: Record<string, string>, call: () => Promise<T>): Promise<T> {
  return captureAsyncFunc(name, async (subsegment) => {
    // Without a trace there is no subsegment.
    for (const [key, value] of Object.entries(annotations)) {
      subsegment?.addAnnotation(key, value);
    }
    try {
      const result = await call();
      subsegment?.close();
      return result;
    } catch (error) {
      subsegment?.close(error instanceof Error ? error : String(error));
      throw error;
    }
  });
}
