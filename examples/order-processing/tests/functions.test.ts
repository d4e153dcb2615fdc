import assert from 'node:assert/strict';
import { test } from 'node:test';
import { OutOfStockError } from '../src/errors';
import { handler as cancelShipment } from '../src/functions/cancelShipment';
import { handler as checkInventory } from '../src/functions/checkInventory';
import { completeWith } from '../src/functions/completeOrder';
import { handler as createShipment } from '../src/functions/createShipment';
import { handler as notifyCustomer } from '../src/functions/notifyCustomer';
import { handler as refundPayment } from '../src/functions/refundPayment';
import { handler as releaseInventory } from '../src/functions/releaseInventory';
import { handler as reserveInventory } from '../src/functions/reserveInventory';
import { handler as reservePayment } from '../src/functions/reservePayment';
import { handler as updateAnalytics } from '../src/functions/updateAnalytics';
import { handler as validatePayment } from '../src/functions/validatePayment';
import { Inventory } from '../src/services/inventory';
import { reason } from '../src/services/notification';
import { OrderStatus } from '../src/types/order';
import { sample } from './samples';

console.log = () => {};

const completeOrder = completeWith({ orderCompleted: async () => {} });

test('a valid order comes back validated and otherwise unchanged', async () => {
  const order = sample('paid');
  assert.deepEqual(await validatePayment(order), { ...order, status: OrderStatus.Validated });
});

test('a card is good until the end of its last month', async () => {
  const order = sample('paid');
  const month = order.placedAt.slice(0, 7);
  await validatePayment({ ...order, card: { ...order.card, expires: month } });
  await assert.rejects(validatePayment(sample('invalid-payment')), { name: 'ValidationError', message: 'the card expired in 2024-05' });
});

test('a total that is not the sum of the items is refused, and cents do not drift', async () => {
  const order = sample('paid');
  await assert.rejects(validatePayment({ ...order, totalAmount: order.totalAmount + 0.01 }), { name: 'ValidationError' });
  const items = [{ productId: 'CUP-PORCELAIN', quantity: 3, price: 0.1 }];
  await validatePayment({ ...order, items, totalAmount: 0.3 });
});

test('input that is not an order is refused by field, value and rule', async () => {
  const order = sample('paid');
  const cases: [unknown, RegExp][] = [
    ['order-1', /^order must be an object, not "order-1"$/],
    [{}, /^orderId must be .*, not missing$/],
    [{ ...order, orderId: 'a/b' }, /^orderId must be .*, not "a\/b"$/],
    [{ ...order, placedAt: 'today' }, /^placedAt must be an ISO 8601 time/],
    [{ ...order, items: [] }, /^items must be a list of 1 to 100, not \[\]$/],
    [{ ...order, items: [{ productId: 'X', quantity: 1.5, price: 1 }] }, /^items\[0\]\.quantity must be .*, not 1\.5$/],
    [{ ...order, totalAmount: -1 }, /^totalAmount must be a number above 0, not -1$/],
    [{ ...order, card: { token: 'tok_visa', expires: '2031-13' } }, /^card\.expires must be a month/],
    [{ ...order, shipTo: { ...order.shipTo, country: 'Switzerland' } }, /^shipTo\.country must be two capital letters/],
    [{ ...order, approval: 'later' }, /^approval must be "auto" or "manual"/],
  ];
  for (const [input, message] of cases) {
    await assert.rejects(validatePayment(input), { name: 'ValidationError', message });
  }
});

test('an unavailable gateway is a ServiceError until the outage is over', async () => {
  const order = sample('transient-failure');
  for (const attempt of [0, 1]) {
    await assert.rejects(reservePayment({ order, attempt }), { name: 'ServiceError' });
  }
  assert.deepEqual(await reservePayment({ order, attempt: 2 }), { paymentId: 'pay-order-1005', amount: 128 });
});

test('a declined card is not worth a retry', async () => {
  await assert.rejects(reservePayment({ order: sample('payment-declined'), attempt: 0 }), { name: 'PaymentDeclinedError' });
});

test('the stock of a product counts over all lines of an order', async () => {
  const order = sample('paid');
  const items = [1, 2].map(() => ({ productId: 'ESPRESSO-MACHINE', quantity: 13, price: 1 }));
  assert.deepEqual(await checkInventory({ ...order, items }), { available: false, missing: ['ESPRESSO-MACHINE'] });
  assert.deepEqual(await checkInventory(order), { available: true, missing: [] });
});

test('items sold since the check are an OutOfStockError', async () => {
  const inventory = new Inventory(new Map([['KETTLE-BLUE', 1]]));
  await assert.rejects(inventory.reserve('order-1', sample('shipment-failure').items), OutOfStockError);
});

test('a country the carrier does not serve is a CarrierRejectedError', async () => {
  await assert.rejects(createShipment(sample('shipment-failure')), {
    name: 'CarrierRejectedError',
    message: 'Northwind Parcel does not deliver to McMurdo, AQ',
  });
});

test('every function gives the same answer when it is called again', async () => {
  const order = sample('paid');
  const calls: (() => Promise<unknown>)[] = [
    () => validatePayment(order),
    () => reservePayment({ order, attempt: 0 }),
    () => checkInventory(order),
    () => reserveInventory(order),
    () => createShipment(order),
    () => notifyCustomer({ template: 'order-confirmed', order }),
    () => updateAnalytics(order),
    () => completeOrder(order),
    () => cancelShipment(order),
    () => releaseInventory(order),
    () => refundPayment(order),
  ];
  for (const call of calls) {
    assert.deepEqual(await call(), await call());
  }
});

test('a compensation names what its counterpart reserved', async () => {
  const order = sample('paid');
  assert.equal((await refundPayment(order)).paymentId, (await reservePayment({ order, attempt: 0 })).paymentId);
  assert.equal((await releaseInventory(order)).reservationId, (await reserveInventory(order)).reservationId);
  assert.equal((await cancelShipment(order)).shipmentId, (await createShipment(order)).shipmentId);
});

test('a message gives the reason in the words of whatever stopped the order', async () => {
  const order = sample('out-of-stock');
  const inventory = await checkInventory(order);
  const text = async (...[event]: Parameters<typeof notifyCustomer>) => (await notifyCustomer(event)).text;
  assert.equal(
    await text({ template: 'out-of-stock', order: { ...order, inventory } }),
    'Your payment was returned. Missing: SAMOVAR-BRASS.',
  );
  const sold = { Error: 'OutOfStockError', Cause: '{"errorType":"OutOfStockError","errorMessage":"not enough in stock: X"}' };
  assert.equal(
    await text({ template: 'out-of-stock', order: { ...order, inventory: { available: true, missing: [] }, error: sold } }),
    'Your payment was returned. not enough in stock: X.',
  );
  assert.equal(
    await text({ template: 'not-approved', order: { ...order, error: { Error: 'States.Timeout' } } }),
    'Nothing was charged: nobody answered in time.',
  );
});

test('a caught error is readable whatever its cause looks like', () => {
  assert.equal(reason(undefined), 'no reason was given');
  assert.equal(reason({ Error: 'Lambda.Unknown' }), 'Lambda.Unknown');
  assert.equal(reason({ Error: 'Lambda.Unknown', Cause: 'no JSON' }), 'Lambda.Unknown');
  assert.equal(reason({ Error: 'E', Cause: '{"errorMessage":"why"}' }), 'why');
});
