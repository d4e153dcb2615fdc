import { ServiceError } from '../errors';
import { GatewayError, PaymentService } from '../services/payment';
import { Order, OrderStatus } from '../types/order';

export const handler = async (event: Order): Promise<Order> => {
  console.log('Charging order', event.orderId);

  try {
    await new PaymentService().processPayment({
      orderId: event.orderId,
      customerId: event.customerId,
      amount: event.totalAmount,
    });
  } catch (error) {
    if (isTransientError(error)) {
      throw new ServiceError('Payment service did not answer');
    }
    throw new Error('Payment refused');
  }

  return { ...event, status: OrderStatus.PAID };
};

function isTransientError(error: unknown): boolean {
  return error instanceof GatewayError && error.transient;
}
