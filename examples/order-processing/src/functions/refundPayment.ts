import { PaymentGateway } from '../services/payment';
import type { Order, Refund } from '../types/order';

export const handler = async (order: Order): Promise<Refund> => {
  console.log('Refunding the payment of', order.orderId);
  return new PaymentGateway().refund(order.orderId);
};
