import { PaymentDeclinedError } from '../errors';
import { PaymentGateway } from '../services/payment';
import { emit } from '../telemetry/embeddedMetrics';
import { traced } from '../telemetry/xray';
import type { Order, PaymentReservation } from '../types/order';

interface ReservePayment {
  order: Order;
  /** Retries of this state so far. The function itself remembers nothing from one attempt to the next. */
  attempt: number;
}

export const handler = async ({ order, attempt }: ReservePayment): Promise<PaymentReservation> => {
  console.log('Reserving', order.totalAmount, 'for', order.orderId, 'attempt', attempt + 1);
  const about = { orderId: order.orderId, amount: order.totalAmount };
  try {
    const gateway = new PaymentGateway(order.simulate?.paymentOutages);
    const request = { orderId: order.orderId, amount: order.totalAmount, card: order.card, attempt };
    const reservation = await traced('Payment gateway', { orderId: order.orderId }, () => gateway.reserve(request));
    emit([{ name: 'PaymentsReserved', value: 1, unit: 'Count' }], about);
    return reservation;
  } catch (error) {
    // An outage is tried again; a refusal is final.
    if (error instanceof PaymentDeclinedError) {
      emit([{ name: 'PaymentFailures', value: 1, unit: 'Count' }], about);
    }
    throw error;
  }
};
