export interface Payment {
  orderId: string;
  customerId: string;
  amount: number;
}

/** Raised inside the service only: the handler decides what the state machine gets to see. */
export class GatewayError extends Error {
  constructor(
    message: string,
    readonly transient: boolean,
  ) {
    super(message);
  }
}

export class PaymentService {
  async processPayment({ orderId, customerId, amount }: Payment): Promise<void> {
    if (orderId.startsWith('outage-')) {
      throw new GatewayError('gateway is unavailable', true);
    }
    if (customerId === 'customer-blocked') {
      throw new GatewayError(`charge of ${amount} was declined`, false);
    }
  }
}
