import { ValidationError } from '../errors';
import { Order, OrderItem, OrderStatus } from '../types/order';

export const handler = async (event: Order): Promise<Order> => {
  console.log('Checking order', event.orderId);

  if (!(await validateOrderItems(event.items))) {
    throw new ValidationError(`Order ${event.orderId} has no items, or one without a quantity`);
  }

  return { ...event, status: OrderStatus.VALIDATED };
};

async function validateOrderItems(items: OrderItem[]): Promise<boolean> {
  return items.length > 0 && items.every(({ quantity }) => quantity > 0);
}
