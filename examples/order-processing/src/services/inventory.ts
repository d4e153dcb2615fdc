import { OutOfStockError } from '../errors';
import type { InventoryRelease, InventoryReservation, OrderItem, StockReport } from '../types/order';

/** Pieces in stock. Stands in for a warehouse system. */
const STOCK: ReadonlyMap<string, number> = new Map([
  ['KETTLE-BLUE', 120],
  ['TEAPOT-CAST-IRON', 45],
  ['CUP-PORCELAIN', 900],
  ['GRINDER-STEEL', 60],
  ['ESPRESSO-MACHINE', 25],
  ['SAMOVAR-BRASS', 0],
]);

export class Inventory {
  constructor(private readonly stock: ReadonlyMap<string, number> = STOCK) {}

  async check(items: readonly OrderItem[]): Promise<StockReport> {
    const missing = [...quantities(items)]
      .filter(([productId, quantity]) => (this.stock.get(productId) ?? 0) < quantity)
      .map(([productId]) => productId);
    return { available: missing.length === 0, missing };
  }

  /** @throws OutOfStockError if a product is no longer there in the quantity ordered */
  async reserve(orderId: string, items: readonly OrderItem[]): Promise<InventoryReservation> {
    const { missing } = await this.check(items);
    if (missing.length > 0) {
      throw new OutOfStockError(`not enough in stock: ${missing.join(', ')}`);
    }
    return {
      reservationId: reservationId(orderId),
      items: [...quantities(items)].map(([productId, quantity]) => ({ productId, quantity })),
    };
  }

  /** Puts the pieces back. Does nothing, successfully, if none were reserved. */
  async release(orderId: string): Promise<InventoryRelease> {
    return { reservationId: reservationId(orderId), released: true };
  }
}

/** Pieces ordered of each product. A product may stand on several lines. */
function quantities(items: readonly OrderItem[]): Map<string, number> {
  const total = new Map<string, number>();
  for (const { productId, quantity } of items) {
    total.set(productId, (total.get(productId) ?? 0) + quantity);
  }
  return total;
}

function reservationId(orderId: string): string {
  return `inv-${orderId}`;
}
