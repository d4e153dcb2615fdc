import { Mailer, type Template } from '../services/notification';
import type { Notification, OrderProgress } from '../types/order';

interface NotifyCustomer {
  template: Template;
  order: OrderProgress;
}

export const handler = async ({ template, order }: NotifyCustomer): Promise<Notification> => {
  const notification = await new Mailer().send(template, order);
  console.log('Told', order.customerId, 'about', order.orderId, JSON.stringify(notification.text));
  return notification;
};
