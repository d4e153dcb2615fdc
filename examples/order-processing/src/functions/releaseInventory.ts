import { Inventory } from '../services/inventory';
import type { InventoryRelease, Order } from '../types/order';

export const handler = async (order: Order): Promise<InventoryRelease> => {
  console.log('Releasing the inventory of', order.orderId);
  return new Inventory().release(order.orderId);
};
