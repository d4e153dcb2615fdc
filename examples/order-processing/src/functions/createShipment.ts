import { Carrier } from '../services/shipping';
import type { Order, Shipment } from '../types/order';

export const handler = async (order: Order): Promise<Shipment> => {
  console.log('Creating the shipment of', order.orderId, 'to', order.shipTo.country);
  return new Carrier().createShipment(order.orderId, order.shipTo);
};
