import { CloudWatchClient, PutMetricDataCommand } from '@aws-sdk/client-cloudwatch';
import type { Order } from '../types/order';
import { NAMESPACE } from './embeddedMetrics';

/** What the shop is run by. */
export class BusinessMetrics {
  constructor(private readonly client: Pick<CloudWatchClient, 'send'> = new CloudWatchClient()) {}

  /** Counts an order and what it brings in, by country. An order must not fail because it cannot be counted. */
  async orderCompleted({ orderId, shipTo, totalAmount }: Order): Promise<void> {
    const Dimensions = [{ Name: 'Country', Value: shipTo.country }];
    const MetricData = [
      { MetricName: 'OrdersCompleted', Value: 1, Unit: 'Count' as const },
      { MetricName: 'Revenue', Value: totalAmount, Unit: 'None' as const },
    ].flatMap((datum) => [datum, { ...datum, Dimensions }]);
    try {
      await this.client.send(new PutMetricDataCommand({ Namespace: NAMESPACE, MetricData }));
    } catch (error) {
      console.warn('The metrics of', orderId, 'are lost:', error instanceof Error ? error.message : error);
    }
  }
}
