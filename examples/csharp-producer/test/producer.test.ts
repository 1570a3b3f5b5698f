import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { createMultiOutbox } from 'multi-outbox';
import { runHandler } from 'multi-outbox/testing';
import { orderPlaced } from '../src/handlers.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'csharp-producer-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const run = promisify(execFile);
async function place(database: string, orderId: string): Promise<string> {
  const { stdout } = await run('dotnet', ['run', '--project', 'producer', '--', database, orderId]);
  return stdout.trimEnd().split('\n').at(-1)!;
}

test('an order that C# stored is dispatched once; the same order again stores nothing', async () => {
  const shipped: string[] = [];
  const database = path.join(folder, 'acme.db');
  const handler = orderPlaced((...order) => shipped.push(order.join(' ')));
  const multiOutbox = createMultiOutbox({ tenants: [{ id: 'acme', database }], handlers: [handler] });
  await multiOutbox.migrate();

  assert.equal(await place(database, 'order-17'), 'placed order-17');
  assert.equal(await place(database, 'order-17'), 'order-17 was placed before');
  await multiOutbox.dispatch({ tenantId: 'acme' });
  assert.deepEqual(shipped, ['acme order-17']);
  await multiOutbox.close();
});

test('an order that cannot be shipped now is tried again, and so is a payload that is not an order', async () => {
  const failing = orderPlaced(() => {
    throw new Error('the warehouse does not answer');
  });
  assert.equal((await runHandler(failing, { orderId: 'order-17' })).status, 'retry');
  assert.equal((await runHandler(failing, 'order-17')).status, 'retry');
});
