import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, beforeEach, test } from 'node:test';
import { applyApprovalRule } from '../src/services/approval';
import { sample } from './samples';

console.log = () => {};
console.warn = () => {};

interface Call {
  target: string | undefined;
  body: { taskToken: string; output: string };
}

const calls: Call[] = [];
let answer = { status: 200, body: '{}' };

/** Step Functions as the SDK sees it: the endpoint that AWS_ENDPOINT_URL names. */
const endpoint = createServer(async (request, response) => {
  let body = '';
  for await (const chunk of request) {
    body += chunk;
  }
  calls.push({ target: request.headers['x-amz-target'] as string | undefined, body: JSON.parse(body) });
  response.writeHead(answer.status, { 'content-type': 'application/x-amz-json-1.0' }).end(answer.body);
});

let handler: typeof import('../src/functions/requestApproval').handler;

before(async () => {
  await new Promise<void>((resolve) => endpoint.listen(0, '127.0.0.1', resolve));
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: 'test',
    AUTO_APPROVAL_LIMIT: '5000',
  });
  // Only now: the function reads its environment while it loads.
  ({ handler } = await import('../src/functions/requestApproval'));
});

beforeEach(() => {
  calls.length = 0;
  answer = { status: 200, body: '{}' };
  process.env.AUTO_APPROVAL_LIMIT = '5000';
});

after(() => {
  endpoint.closeAllConnections();
  endpoint.close();
});

test('the rule decides up to and above its limit, and only for orders that leave it to the rule', () => {
  const order = sample('needs-approval');
  assert.equal(applyApprovalRule(order, order.totalAmount)?.approved, true);
  assert.equal(applyApprovalRule(order, order.totalAmount - 0.01)?.approved, false);
  assert.equal(applyApprovalRule(sample('manual-approval'), 1_000_000), undefined);
});

test('a decision of the rule is sent with the task token', async () => {
  await handler({ order: sample('needs-approval'), taskToken: 'token-1' });
  await handler({ order: sample('approval-refused'), taskToken: 'token-2' });
  assert.deepEqual(
    calls.map(({ target, body }) => [target, body.taskToken, JSON.parse(body.output).approved]),
    [
      ['AWSStepFunctions.SendTaskSuccess', 'token-1', true],
      ['AWSStepFunctions.SendTaskSuccess', 'token-2', false],
    ],
  );
});

test('an order for a person sends nothing', async () => {
  await handler({ order: sample('manual-approval'), taskToken: 'token' });
  assert.deepEqual(calls, []);
});

test('a task that is closed already is no failure of the function', async () => {
  answer = { status: 400, body: '{"__type":"TaskTimedOut","message":"Task Timed Out"}' };
  await handler({ order: sample('needs-approval'), taskToken: 'token' });
  assert.equal(calls.length, 1);
});

test('a token nobody gave out is a failure of the function', async () => {
  answer = { status: 400, body: '{"__type":"InvalidToken","message":"Invalid Token"}' };
  await assert.rejects(handler({ order: sample('needs-approval'), taskToken: 'token' }), { name: 'InvalidToken' });
});

test('a limit that is not a number is refused before anything is sent', async () => {
  process.env.AUTO_APPROVAL_LIMIT = 'plenty';
  await assert.rejects(handler({ order: sample('needs-approval'), taskToken: 'token' }), /AUTO_APPROVAL_LIMIT .* not plenty/);
  assert.deepEqual(calls, []);
});
