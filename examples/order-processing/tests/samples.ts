import { readFileSync } from 'node:fs';
import type { Order } from '../src/types/order';

/** A file of the project, as JSON. Tests run in the project's folder. */
export function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}

export type Sample =
  | 'paid'
  | 'invalid-payment'
  | 'payment-declined'
  | 'out-of-stock'
  | 'transient-failure'
  | 'needs-approval'
  | 'approval-refused'
  | 'shipment-failure'
  | 'manual-approval';

export function sample(name: Sample): Order {
  return readJson<Order>(`events/${name}.json`);
}
