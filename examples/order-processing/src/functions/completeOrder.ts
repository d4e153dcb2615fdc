import { BusinessMetrics } from '../telemetry/businessMetrics';
import { type OrderProgress, OrderStatus } from '../types/order';

export const completeWith =
  (metrics: Pick<BusinessMetrics, 'orderCompleted'>) =>
  async (order: OrderProgress): Promise<OrderProgress> => {
    console.log('Completing', order.orderId);
    await metrics.orderCompleted(order);
    return { ...order, status: OrderStatus.Completed };
  };

export const handler = completeWith(new BusinessMetrics());
