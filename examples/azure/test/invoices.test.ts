import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { runHandler } from 'multi-outbox/testing';
import { invoiceCreate } from '../src/invoices.ts';

/** What the billing service answers next, and the requests that it got. */
let status = 201;
const keys: unknown[] = [];
const billing = createServer((request, response) => {
  keys.push(request.headers['idempotency-key']);
  response.writeHead(status).end();
});
before(async () => {
  await once(billing.listen(0, '127.0.0.1'), 'listening');
});
after(() => billing.close());

const attempt = (payload: unknown) =>
  runHandler(invoiceCreate(new URL(`http://127.0.0.1:${(billing.address() as AddressInfo).port}`)), payload, {
    messageId: '01234567-89ab-7def-8123-456789abcdef',
  });
const order = { orderId: 'order-1', cents: 1_200 };

test('an invoice is requested with the idempotency key of its message', async () => {
  status = 201;
  assert.equal((await attempt(order)).status, 'done');
  assert.deepEqual(keys, ['test:01234567-89ab-7def-8123-456789abcdef']);
});

test('a refused order is Dead, and so is a payload that is not an order', async () => {
  status = 422;
  assert.equal((await attempt(order)).status, 'dead');
  assert.equal((await attempt({ orderId: 1 })).status, 'dead');
});

test('a closed service is asked again in a minute; the attempt does not count', async () => {
  status = 503;
  assert.deepEqual(await attempt(order), { status: 'released', delayMs: 60_000, error: 'billing is closed' });
});

test('any other answer is tried again', async () => {
  status = 500;
  assert.equal((await attempt(order)).status, 'retry');
});
