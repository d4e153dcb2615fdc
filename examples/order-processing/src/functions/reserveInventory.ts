import { Inventory } from '../services/inventory';
import type { InventoryReservation, Order } from '../types/order';

export const handler = async (order: Order): Promise<InventoryReservation> => {
  console.log('Reserving', order.items.length, 'items for', order.orderId);
  return new Inventory().reserve(order.orderId, order.items);
};
