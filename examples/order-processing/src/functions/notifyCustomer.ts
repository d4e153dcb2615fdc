import { Mailer, type Template } from '../services/notification';
import { Spans } from '../telemetry/openTelemetry';
import type { Notification, OrderProgress } from '../types/order';

interface NotifyCustomer {
  template: Template;
  order: OrderProgress;
}

const spans = Spans.ofEnvironment();

export const handler = async ({ template, order }: NotifyCustomer): Promise<Notification> => {
  const attributes = { 'order.id': order.orderId, 'mail.template': template };
  const notification = await spans.around('send mail', attributes, () => new Mailer().send(template, order));
  console.log('Told', order.customerId, 'about', order.orderId, JSON.stringify(notification.text));
  return notification;
};
