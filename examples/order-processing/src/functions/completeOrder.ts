import { type OrderProgress, OrderStatus } from '../types/order';

export const handler = async (order: OrderProgress): Promise<OrderProgress> => {
  console.log('Completing', order.orderId);
  return { ...order, status: OrderStatus.Completed };
};
