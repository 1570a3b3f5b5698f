import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createTestOutbox } from 'multi-outbox/testing';
import { createApp } from '../src/app.ts';
import { type Order, openPrisma, openShop, orderPlaced, placed } from '../src/shop.ts';

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

test('a message that was enqueued in a transaction of Prisma is rolled back with it, and its key is not taken', async () => {
  const shipped: Order[] = [];
  const handler = orderPlaced((order) => {
    shipped.push(order);
  });
  const outbox = await createTestOutbox({ tenants: ['shop'], handlers: [handler] });
  const shop = outbox.outbox('shop');
  const prisma = await openPrisma(outbox.database('shop').location()!);
  const place = (order: Order, end: () => void) =>
    prisma.$transaction(async (tx) => {
      await tx.order.create({ data: order });
      await shop.enqueue(placed(order), { transaction: tx });
      end();
    });

  await assert.rejects(
    place({ id: 'a', cents: 1 }, () => {
      throw new Error('the card is refused');
    }),
    /the card is refused/,
  );
  assert.deepEqual([await prisma.order.count(), outbox.enqueued()], [0, []]);

  await place({ id: 'a', cents: 1_200 }, () => {});
  assert.equal((await outbox.drain()).counts.done, 1);
  assert.deepEqual(shipped, [{ id: 'a', cents: 1_200 }]);
  await prisma.$disconnect();
  await outbox.close();
});

test('what is no open transaction of Prisma on the tenant’s own database is refused, and nothing is stored', async () => {
  const outbox = await createTestOutbox({ tenants: ['shop', 'other'] });
  const message = placed({ id: 'a', cents: 1_200 });
  const prisma = await openPrisma(outbox.database('shop').location()!);
  await assert.rejects(outbox.outbox('shop').enqueue(message, { transaction: prisma }), {
    code: 'TRANSACTION_NOT_OPEN',
  });
  let ended: unknown;
  await prisma.$transaction(async (tx) => {
    ended = tx;
    await assert.rejects(outbox.outbox('other').enqueue(message, { transaction: tx }), {
      code: 'WRONG_DATABASE',
    });
  });
  // Prisma refuses the statement.
  await assert.rejects(outbox.outbox('shop').enqueue(message, { transaction: ended }), {
    code: 'DATABASE_ERROR',
  });
  assert.deepEqual([...outbox.enqueued(), ...outbox.enqueued({ tenantId: 'other' })], []);
  await prisma.$disconnect();
  await outbox.close();
});
