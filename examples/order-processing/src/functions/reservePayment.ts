import { PaymentGateway } from '../services/payment';
import type { Order, PaymentReservation } from '../types/order';

interface ReservePayment {
  order: Order;
  /** Retries of this state so far. The function itself remembers nothing from one attempt to the next. */
  attempt: number;
}

export const handler = async ({ order, attempt }: ReservePayment): Promise<PaymentReservation> => {
  console.log('Reserving', order.totalAmount, 'for', order.orderId, 'attempt', attempt + 1);
  return new PaymentGateway(order.simulate?.paymentOutages).reserve({
    orderId: order.orderId,
    amount: order.totalAmount,
    card: order.card,
    attempt,
  });
};
