import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestOutbox, runHandler } from 'multi-outbox/testing';
import handlers, { welcome } from '../src/handlers.ts';

test('a user is welcomed', async () => {
  const { status } = await runHandler(welcome, { name: 'Ann' });
  assert.equal(status, 'done');
});

test('a payload without a name is Dead', async () => {
  const { status } = await runHandler(welcome, { nam: 'Ann' });
  assert.equal(status, 'dead');
});

test('a message that is rolled back is never seen; one that is committed is dispatched once', async () => {
  const multiOutbox = await createTestOutbox({ tenants: ['acme'], handlers });
  const acme = multiOutbox.database('acme');
  const message = { topic: 'welcome', payload: { name: 'Ann' } };
  for (const end of ['ROLLBACK', 'COMMIT']) {
    acme.exec('BEGIN');
    await multiOutbox.outbox('acme').enqueue(message, { transaction: acme });
    acme.exec(end);
  }
  assert.equal((await multiOutbox.drain()).counts.done, 1);
  await multiOutbox.close();
});
