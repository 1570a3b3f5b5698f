import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { runHandler } from 'multi-outbox/testing';
import { createShopServer } from '../src/server.ts';
import { openShop, welcomeHandler } from '../src/shop.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'plain-shop-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a user who signs up is welcomed; a name that is taken is refused, and no message is stored', async () => {
  const welcomed: string[] = [];
  const bothWelcomed = Promise.withResolvers<void>();
  const shop = await openShop(path.join(folder, 'shop.db'), (name) => {
    welcomed.push(name);
    if (welcomed.length === 2) bothWelcomed.resolve();
  });
  const server = createShopServer(shop).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const post = async (name: string) =>
    (await fetch(`http://127.0.0.1:${port}/users/${name}`, { method: 'POST' })).status;

  assert.equal(await post('Ann'), 202);
  assert.equal(await post('Ann'), 409);
  assert.equal(await post('Bob'), 202);
  await Promise.race([bothWelcomed.promise, shop.running]);
  assert.deepEqual(welcomed.sort(), ['Ann', 'Bob']);

  server.close();
  await once(server, 'close');
  await shop.stop();
});

test('a welcome that fails is tried again', async () => {
  let isDown = true;
  const welcomed: string[] = [];
  const handler = welcomeHandler((name) => {
    if (isDown) throw new Error('the mail server does not answer');
    welcomed.push(name);
  });
  const outcome = await runHandler(handler, 'Ann');
  assert.deepEqual([outcome.status, welcomed], ['retry', []]);
  isDown = false;
  assert.deepEqual(
    [await runHandler(handler, 'Ann', { attempt: 2 }), welcomed],
    [{ status: 'done' }, ['Ann']],
  );
});
