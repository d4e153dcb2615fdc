import { Carrier } from '../services/shipping';
import type { Order, ShipmentCancellation } from '../types/order';

export const handler = async (order: Order): Promise<ShipmentCancellation> => {
  console.log('Cancelling the shipment of', order.orderId);
  return new Carrier().cancelShipment(order.orderId);
};
