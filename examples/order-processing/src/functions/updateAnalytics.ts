import { SalesFigures, type Sale } from '../services/analytics';
import type { Order } from '../types/order';

export const handler = async (order: Order): Promise<Sale> => {
  const sale = await new SalesFigures().record(order);
  console.log('Recorded', sale.eventId, 'of', sale.amount);
  return sale;
};
