import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mock, test } from 'node:test';
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base';
import { getNamespace, Segment, setDaemonAddress, setSegment } from 'aws-xray-sdk-core';
import { completeWith } from '../src/functions/completeOrder';
import { handler as createShipment } from '../src/functions/createShipment';
import { handler as reservePayment } from '../src/functions/reservePayment';
import { BusinessMetrics } from '../src/telemetry/businessMetrics';
import { embeddedMetrics } from '../src/telemetry/embeddedMetrics';
import { parentOf, Spans } from '../src/telemetry/openTelemetry';
import { sample } from './samples';

console.log = () => {};
console.warn = () => {};

const HEADER = 'Root=1-65f0c1a2-0123456789abcdef01234567;Parent=89abcdef01234567;Sampled=1';

test('embedded metrics name each value that stands beside them', () => {
  const line = embeddedMetrics([{ name: 'PaymentFailures', value: 1, unit: 'Count' }], { orderId: 'o-1' }, new Date(1_700_000_000_000));
  assert.deepEqual(JSON.parse(line), {
    _aws: {
      Timestamp: 1_700_000_000_000,
      CloudWatchMetrics: [
        { Namespace: 'OrderProcessing', Dimensions: [[]], Metrics: [{ Name: 'PaymentFailures', Unit: 'Count', StorageResolution: 1 }] },
      ],
    },
    orderId: 'o-1',
    PaymentFailures: 1,
  });
});

test('a refused payment is counted, an outage is not', async () => {
  const counted = async (name: Parameters<typeof sample>[0], attempt: number): Promise<string[]> => {
    const lines: string[] = [];
    const write = mock.method(process.stdout, 'write', (line: string) => lines.push(line) > 0);
    try {
      await reservePayment({ order: sample(name), attempt }).catch(() => undefined);
    } finally {
      write.mock.restore();
    }
    return lines.flatMap((line) => Object.keys(JSON.parse(line)).filter((key) => key.startsWith('Payment')));
  };
  assert.deepEqual(await counted('payment-declined', 0), ['PaymentFailures']);
  assert.deepEqual(await counted('transient-failure', 0), []);
  assert.deepEqual(await counted('transient-failure', 2), ['PaymentsReserved']);
});

test('a completed order is counted by country, and completes if it cannot be counted', async () => {
  const order = sample('paid');
  const sent: unknown[] = [];
  const metrics = new BusinessMetrics({ send: async (command: { input: unknown }) => void sent.push(command.input) } as never);
  assert.equal((await completeWith(metrics)(order)).status, 'COMPLETED');
  const Dimensions = [{ Name: 'Country', Value: order.shipTo.country }];
  const count = { MetricName: 'OrdersCompleted', Value: 1, Unit: 'Count' };
  const revenue = { MetricName: 'Revenue', Value: order.totalAmount, Unit: 'None' };
  assert.deepEqual(sent, [
    { Namespace: 'OrderProcessing', MetricData: [count, { ...count, Dimensions }, revenue, { ...revenue, Dimensions }] },
  ]);
  const broken = new BusinessMetrics({ send: () => Promise.reject(new Error('no network')) } as never);
  assert.equal((await completeWith(broken)(order)).status, 'COMPLETED');
});

test('a trace header becomes the parent of spans', () => {
  assert.deepEqual(parentOf(HEADER), {
    traceId: '65f0c1a20123456789abcdef01234567',
    spanId: '89abcdef01234567',
    traceFlags: 1,
    isRemote: true,
  });
  assert.equal(parentOf(HEADER.replace('Sampled=1', 'Sampled=0'))?.traceFlags, 0);
  for (const header of [undefined, '', 'Root=1-2-3', 'Root=1-65f0c1a2-0123456789abcdef01234567', 'a;b=;=c']) {
    assert.equal(parentOf(header), undefined);
  }
});

test('a call leaves a span, also when it fails, and none without a collector', async () => {
  const exporter = new InMemorySpanExporter();
  const spans = new Spans(exporter);
  process.env._X_AMZN_TRACE_ID = HEADER;
  try {
    assert.equal(await spans.around('send mail', { 'order.id': 'o-1' }, async () => 7), 7);
    await assert.rejects(spans.around('send mail', {}, () => Promise.reject(new Error('bounced'))), { message: 'bounced' });
    assert.equal(await new Spans(undefined).around('send mail', {}, async () => 7), 7);
  } finally {
    delete process.env._X_AMZN_TRACE_ID;
  }
  const finished = exporter.getFinishedSpans().map((span) => [span.spanContext().traceId, span.parentSpanContext?.spanId, span.status.code]);
  const [traceId, parent] = ['65f0c1a20123456789abcdef01234567', '89abcdef01234567'];
  assert.deepEqual(finished, [
    [traceId, parent, 0],
    [traceId, parent, 2],
  ]);
});

test('without a trace a shipment is created all the same', async () => {
  assert.equal((await createShipment(sample('paid'))).carrier, 'Northwind Parcel');
  await assert.rejects(createShipment(sample('shipment-failure')), { name: 'CarrierRejectedError' });
});

test('in a trace the shipment is a subsegment with what can be searched for', async () => {
  const daemon = createSocket('udp4');
  daemon.bind(0, '127.0.0.1');
  await once(daemon, 'listening');
  try {
    setDaemonAddress(`127.0.0.1:${daemon.address().port}`);
    const segment = new Segment('CreateShipment', '1-65f0c1a2-0123456789abcdef01234567', '89abcdef01234567');
    const received = once(daemon, 'message');
    await getNamespace().runPromise(async () => {
      setSegment(segment);
      await createShipment(sample('paid'));
    });
    segment.close();
    const [datagram] = (await received) as [Buffer];
    const [header, document] = datagram.toString().split('\n');
    assert.deepEqual(JSON.parse(header ?? ''), { format: 'json', version: 1 });
    const [subsegment] = JSON.parse(document ?? '').subsegments;
    assert.equal(subsegment.name, 'Northwind Parcel');
    assert.equal(subsegment.annotations.orderId, sample('paid').orderId);
  } finally {
    daemon.close();
  }
});
