import { Inventory } from '../services/inventory';
import type { Order, StockReport } from '../types/order';

export const handler = async (order: Order): Promise<StockReport> => {
  const report = await new Inventory().check(order.items);
  console.log('Checked the stock for', order.orderId, report);
  return report;
};
