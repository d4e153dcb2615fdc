import { checkPaymentDetails } from '../services/payment';
import { parseOrder } from '../services/validation';
import { type Order, OrderStatus } from '../types/order';

export const handler = async (event: unknown): Promise<Order> => {
  const order = parseOrder(event);
  console.log('Validating payment of', order.orderId);
  checkPaymentDetails(order);
  return { ...order, status: OrderStatus.Validated };
};
