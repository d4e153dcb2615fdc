import { ValidationError } from '../errors';
import type { Address, Card, Order, OrderItem } from '../types/order';

const ITEMS_MAX = 100;
const ORDER_ID = /^[A-Za-z0-9][A-Za-z0-9-]{0,63}$/;
const MONTH = /^\d{4}-(0[1-9]|1[0-2])$/;
const UTC_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/**
 * Turns what somebody sent into an order. After this, every function trusts the types.
 *
 * @throws ValidationError naming the first field that breaks its rule, and its value
 */
export function parseOrder(input: unknown): Order {
  expect(isObject(input), 'order', input, 'an object');
  expect(isText(input.orderId) && ORDER_ID.test(input.orderId), 'orderId', input.orderId, '1 to 64 letters, digits or hyphens');
  expect(isText(input.customerId), 'customerId', input.customerId, 'a text');
  expect(isText(input.placedAt) && UTC_TIME.test(input.placedAt), 'placedAt', input.placedAt, 'an ISO 8601 time in UTC');
  expect(isAmount(input.totalAmount), 'totalAmount', input.totalAmount, 'a number above 0');
  expect(
    Array.isArray(input.items) && input.items.length >= 1 && input.items.length <= ITEMS_MAX,
    'items',
    input.items,
    `a list of 1 to ${ITEMS_MAX}`,
  );
  input.items.forEach(checkItem);
  checkCard(input.card);
  checkAddress(input.shipTo);
  expect(
    input.approval === undefined || input.approval === 'auto' || input.approval === 'manual',
    'approval',
    input.approval,
    '"auto" or "manual"',
  );
  return input as unknown as Order;
}

function checkItem(item: unknown, index: number): asserts item is OrderItem {
  const at = `items[${index}]`;
  expect(isObject(item), at, item, 'an object');
  expect(isText(item.productId), `${at}.productId`, item.productId, 'a text');
  expect(Number.isInteger(item.quantity) && isAmount(item.quantity), `${at}.quantity`, item.quantity, 'a whole number above 0');
  expect(isAmount(item.price), `${at}.price`, item.price, 'a number above 0');
}

function checkCard(card: unknown): asserts card is Card {
  expect(isObject(card), 'card', card, 'an object');
  expect(isText(card.token), 'card.token', card.token, 'a text');
  expect(isText(card.expires) && MONTH.test(card.expires), 'card.expires', card.expires, 'a month as YYYY-MM');
}

function checkAddress(shipTo: unknown): asserts shipTo is Address {
  expect(isObject(shipTo), 'shipTo', shipTo, 'an object');
  for (const field of ['name', 'street', 'city'] as const) {
    expect(isText(shipTo[field]), `shipTo.${field}`, shipTo[field], 'a text');
  }
  expect(isText(shipTo.country) && /^[A-Z]{2}$/.test(shipTo.country), 'shipTo.country', shipTo.country, 'two capital letters');
}

function expect(holds: boolean, field: string, value: unknown, rule: string): asserts holds {
  if (!holds) {
    throw new ValidationError(`${field} must be ${rule}, not ${JSON.stringify(value)?.slice(0, 80) ?? 'missing'}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.trim() !== '';
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}
