import { Carrier } from '../services/shipping';
import { traced } from '../telemetry/xray';
import type { Order, Shipment } from '../types/order';

export const handler = async (order: Order): Promise<Shipment> => {
  const { orderId, shipTo } = order;
  console.log('Creating the shipment of', orderId, 'to', shipTo.country);
  return traced('Northwind Parcel', { orderId, country: shipTo.country }, () => new Carrier().createShipment(orderId, shipTo));
};
