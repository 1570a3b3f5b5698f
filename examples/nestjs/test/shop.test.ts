import 'reflect-metadata';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { createTestOutbox } from 'multi-outbox/testing';
import { createApp, welcomeHandler } from '../src/app.ts';
import { Shop } from '../src/shop.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'nestjs-shop-'));
after(() => rmSync(folder, { recursive: true, force: true }));

test('a user who signs up is welcomed; a name that is taken is refused, and no message is stored', async () => {
  const welcomed: string[] = [];
  const bothWelcomed = Promise.withResolvers<void>();
  const app = await createApp(path.join(folder, 'shop.db'), (name) => {
    welcomed.push(name);
    if (welcomed.length === 2) bothWelcomed.resolve();
  });
  await app.listen(0, '127.0.0.1');
  const address = await app.getUrl();
  const post = async (name: string) => (await fetch(`${address}/users/${name}`, { method: 'POST' })).status;

  assert.equal(await post('Ann'), 202);
  assert.equal(await post('Ann'), 409);
  assert.equal(await post('Bob'), 202);
  await bothWelcomed.promise;
  assert.deepEqual(welcomed.sort(), ['Ann', 'Bob']);
  await app.close();
});

test('the service stores a welcome for each user; one that fails is tried again when its delay is over', async () => {
  let isDown = true;
  const welcomed: string[] = [];
  const handler = welcomeHandler((name) => {
    if (isDown) throw new Error('the mail server does not answer');
    welcomed.push(name);
  });
  const outbox = await createTestOutbox({ tenants: ['shop'], handlers: [handler] });
  const shop = new Shop(outbox, outbox.database().location()!);
  await shop.signUp('Ann');
  await assert.rejects(shop.signUp('Ann'));
  assert.deepEqual(
    outbox.enqueued().map(({ topic, payload }) => [topic, payload]),
    [['welcome', 'Ann']],
  );

  outbox.clock.advance('1m'); // it stands still, and the INSERT of the service took the machine's time
  assert.equal((await outbox.drain()).counts.retried, 1);
  isDown = false;
  outbox.clock.advance('1h');
  assert.equal((await outbox.drain()).counts.done, 1);
  assert.deepEqual(welcomed, ['Ann']);
  shop.onApplicationShutdown();
  await outbox.close();
});
