import type { CaughtError, Notification, OrderProgress } from '../types/order';

export type Template = 'order-confirmed' | 'payment-rejected' | 'not-approved' | 'out-of-stock';

interface Message {
  subject: string;
  text: (order: OrderProgress) => string;
}

const MESSAGES: Record<Template, Message> = {
  'order-confirmed': {
    subject: 'Your order is on its way',
    text: ({ shipment }) => `Follow it with ${shipment?.carrier ?? 'the carrier'}: ${shipment?.trackingNumber ?? 'number to follow'}.`,
  },
  'payment-rejected': {
    subject: 'We could not take your payment',
    text: ({ error }) => `Nothing was charged: ${reason(error)}.`,
  },
  'not-approved': {
    subject: 'Your order was not approved',
    text: ({ decision, error }) => `Nothing was charged: ${decision?.reason ?? reason(error)}.`,
  },
  'out-of-stock': {
    subject: 'Your order is out of stock',
    text: ({ inventory, error }) =>
      `Your payment was returned. ${inventory?.missing.length ? `Missing: ${inventory.missing.join(', ')}` : reason(error)}.`,
  },
};

/** Stands in for an e-mail service. */
export class Mailer {
  /** Sends once: a mail service that has seen the id of a message drops its repetition. */
  async send(template: Template, order: OrderProgress): Promise<Notification> {
    const { subject, text } = MESSAGES[template];
    return {
      notificationId: `msg-${order.orderId}-${template}`,
      customerId: order.customerId,
      subject,
      text: text(order),
    };
  }
}

/** A caught error in words for the customer. */
export function reason(error: CaughtError | undefined): string {
  if (error === undefined) {
    return 'no reason was given';
  }
  if (error.Error === 'States.Timeout') {
    return 'nobody answered in time';
  }
  return thrownMessage(error.Cause) ?? error.Error;
}

/** The message a Lambda function threw, out of the JSON text in Cause. */
function thrownMessage(cause: string | undefined): string | undefined {
  try {
    const thrown: unknown = JSON.parse(cause ?? '');
    if (typeof thrown === 'object' && thrown !== null && 'errorMessage' in thrown) {
      return String(thrown.errorMessage);
    }
  } catch {
    // Not every cause is JSON: a service of AWS writes a plain sentence.
  }
  return undefined;
}
