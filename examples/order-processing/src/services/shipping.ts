import { CarrierRejectedError } from '../errors';
import type { Address, Shipment, ShipmentCancellation } from '../types/order';

const CARRIER = 'Northwind Parcel';

/** Countries the carrier delivers to. */
const SERVED: ReadonlySet<string> = new Set(['AT', 'CH', 'DE', 'FR', 'GB', 'IT', 'JP', 'NL', 'US']);

/** Stands in for a parcel service. */
export class Carrier {
  /** @throws CarrierRejectedError if the carrier does not deliver there */
  async createShipment(orderId: string, shipTo: Address): Promise<Shipment> {
    if (!SERVED.has(shipTo.country)) {
      throw new CarrierRejectedError(`${CARRIER} does not deliver to ${shipTo.city}, ${shipTo.country}`);
    }
    return { shipmentId: shipmentId(orderId), carrier: CARRIER, trackingNumber: `NP-${orderId.toUpperCase()}` };
  }

  /** Stops a parcel that may have been announced. Does nothing, successfully, if none was. */
  async cancelShipment(orderId: string): Promise<ShipmentCancellation> {
    return { shipmentId: shipmentId(orderId), cancelled: true };
  }
}

function shipmentId(orderId: string): string {
  return `shp-${orderId}`;
}
