import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { type CliFolder, cliFolder } from '../support/cli-process.ts';

let folder: CliFolder;

beforeEach(async () => {
  folder = cliFolder();
  await folder.json(['tenants', 'add', 'acme']);
});
afterEach(() => folder.remove());

const receive = (...args: string[]) => folder.cli(['receive', 'acme', 'stripe', ...args]);

test('I1, I2: receive reports the result, and other content is stored as Dead', async () => {
  const accepted = await receive('evt_1', 'order.paid', '{"order":1}');
  expect([accepted.code, accepted.stdout]).toEqual([
    0,
    expect.stringMatching(/^Accepted as message [0-9a-f-]{36}\.\n$/),
  ]);
  const messageId = accepted.stdout.match(/[0-9a-f-]{36}/)![0];
  expect((await receive('evt_1', 'order.paid', '{"order":1}')).stdout).toBe(
    `Duplicate of message ${messageId}; nothing was stored.\n`,
  );
  const conflict = await receive('evt_1', 'order.paid', '{"order":2}');
  expect([conflict.code, conflict.stdout]).toEqual([
    0,
    expect.stringMatching(new RegExp(`^Conflict: message ${messageId} .*'dead list --queue inbox'\\.\n$`)),
  ]);
  expect(await folder.json(['dead', 'list', '--tenant', 'acme'])).toMatchObject({ count: 0 });
  const dead = await folder.json<{ messages: { messageId: string }[] }>([
    ...['dead', 'list', '--tenant', 'acme', '--queue', 'inbox'],
  ]);
  expect(dead).toMatchObject({ count: 1, messages: [{ source: 'stripe', dedupKey: 'evt_1' }] });
  const shown = await folder.cli([
    ...['dead', 'show', dead.messages[0]!.messageId, '--all', '--queue', 'inbox'],
  ]);
  expect(shown.stdout).toMatch(/^Source +stripe$/m);
  expect(shown.stdout).toMatch(/^Source's id +evt_1$/m);
  expect(shown.stdout).toMatch(/\n\n\{"order":2\}\n$/);
});

test('received messages are dispatched by inbox handlers, and shows in status', async () => {
  const handlers = path.join(folder.path, 'handlers.mjs');
  writeFileSync(
    handlers,
    `import { defineInboxHandler } from 'multi-outbox';
     export default [defineInboxHandler({ topic: 'order.paid', source: 'stripe', handle() {} })];`,
  );
  const listed = await folder.json(['--handlers', handlers, 'handlers', 'list']);
  expect(listed).toMatchObject({ handlers: [{ queue: 'inbox', topic: 'order.paid', source: 'stripe' }] });
  await receive('evt_1', 'order.paid', 'x', '--header', 'a=b', '--ordering-key', 'K');
  const tick = await folder.json(['--handlers', handlers, 'tick']);
  expect(tick).toMatchObject({ runs: [{ reason: 'wake', counts: { done: 1 } }] });
  expect(await folder.json(['status'])).toMatchObject({ fleet: { totals: { done: 1 } } });
});

test('a message without a payload, or with a bad id, is wrong usage', async () => {
  const bad = await receive('', 'order.paid', 'x');
  expect([bad.code, bad.stderr]).toEqual([2, expect.stringMatching(/^error: .*messageId.*\n$/)]);
  const json = await receive('evt_1', 'order.paid', 'x', '--require-json');
  expect([json.code, json.stderr]).toEqual([2, expect.stringMatching(/not valid JSON/)]);
});
