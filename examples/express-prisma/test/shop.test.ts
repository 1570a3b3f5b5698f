import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createApp } from '../src/app.ts';
import { openShop } from '../src/shop.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'express-prisma-shop-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('an order that is placed is shipped; an id that is taken is refused, and no message is stored', async () => {
  const shipped: unknown[] = [];
  const bothShipped = Promise.withResolvers<void>();
  const shop = await openShop(path.join(folder, 'shop.db'), (order) => {
    shipped.push(order);
    if (shipped.length === 2) bothShipped.resolve();
  });
  const server = createApp(shop).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const post = async (id: string, body: object) => {
    const headers = { 'content-type': 'application/json' };
    const request = { method: 'POST', headers, body: JSON.stringify(body) };
    return (await fetch(`http://127.0.0.1:${port}/orders/${id}`, request)).status;
  };

  assert.equal(await post('a', { cents: 1_200 }), 202);
  assert.equal(await post('a', { cents: 1_300 }), 409);
  assert.equal(await post('b', {}), 400);
  assert.equal(await post('b', { cents: 500 }), 202);
  await Promise.race([bothShipped.promise, shop.running]);
  assert.deepEqual(
    new Set(shipped.map((order) => JSON.stringify(order))),
    new Set(['{"id":"a","cents":1200}', '{"id":"b","cents":500}']),
  );

  server.close();
  await once(server, 'close');
  await shop.stop();
});
