import { Order, OrderStatus } from '../types/order';

export const handler = async (event: Order): Promise<Order> => {
  console.log('Fulfilling order', event.orderId);
  return { ...event, status: OrderStatus.FULFILLED };
};
