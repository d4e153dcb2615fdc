import type { Order } from '../types/order';

export interface Sale {
  /** Lets the warehouse of figures drop a second record of the same sale. */
  eventId: string;
  customerId: string;
  amount: number;
  pieces: number;
}

/** Stands in for a stream of sales figures. */
export class SalesFigures {
  async record({ orderId, customerId, items, totalAmount }: Order): Promise<Sale> {
    return {
      eventId: `sale-${orderId}`,
      customerId,
      amount: totalAmount,
      pieces: items.reduce((pieces, item) => pieces + item.quantity, 0),
    };
  }
}
