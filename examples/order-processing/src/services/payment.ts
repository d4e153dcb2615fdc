import { PaymentDeclinedError, ServiceError, ValidationError } from '../errors';
import type { Card, Order, PaymentReservation, Refund } from '../types/order';

export interface ReservationRequest {
  orderId: string;
  amount: number;
  card: Card;
  /** 0 for the first attempt, from the context object's State.RetryCount. */
  attempt: number;
}

/**
 * Stands in for a payment provider.
 *
 * Ids derive from the order id, as with a provider's idempotency key: a repeated call gives the first call's answer.
 */
export class PaymentGateway {
  /** @param outages how many first attempts meet an unavailable gateway */
  constructor(private readonly outages = 0) {}

  async reserve({ orderId, amount, card, attempt }: ReservationRequest): Promise<PaymentReservation> {
    if (attempt < this.outages) {
      throw new ServiceError(`payment gateway is unavailable (attempt ${attempt + 1})`);
    }
    if (card.token === 'tok_declined') {
      throw new PaymentDeclinedError(`the bank declined ${amount.toFixed(2)} for order ${orderId}`);
    }
    return { paymentId: paymentId(orderId), amount };
  }

  /** Gives the money back. Does nothing, successfully, if nothing was ever reserved. */
  async refund(orderId: string): Promise<Refund> {
    return { paymentId: paymentId(orderId), refunded: true };
  }
}

/** @throws ValidationError if the order's own figures cannot lead to a payment */
export function checkPaymentDetails({ card, items, placedAt, totalAmount }: Order): void {
  // Both are ISO 8601, so the order of the text is the order of time.
  if (card.expires < placedAt.slice(0, 'YYYY-MM'.length)) {
    throw new ValidationError(`the card expired in ${card.expires}`);
  }
  const sum = items.reduce((cents, item) => cents + item.quantity * toCents(item.price), 0);
  if (sum !== toCents(totalAmount)) {
    throw new ValidationError(`totalAmount is ${totalAmount}, but the items add up to ${sum / 100}`);
  }
}

function toCents(amount: number): number {
  return Math.round(amount * 100);
}

function paymentId(orderId: string): string {
  return `pay-${orderId}`;
}
