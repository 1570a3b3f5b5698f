/** S3: acts on all messages that match, over a fleet; the errors of Dead messages; the record of acts. */
import { StatementSync } from 'node:sqlite';
import * as v from 'valibot';
import { readAnswer } from '../../src/console/operation-answer.ts';
import type { MultiOutbox } from '../../src/index.ts';
import { defineHandler, MessageStatus, PermanentError } from '../../src/index.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';

const place = new FleetPlace();
afterEach(() => jest.restoreAllMocks());

/** A fleet whose handler refuses every message, with a reason that names it. */
async function withDead(counts: Readonly<Record<string, number>>, payload = ''): Promise<MultiOutbox> {
  const { handlers } = noting((message) => {
    throw new PermanentError(`order ${message.messageId} of 'ada' was refused`);
  });
  const face = await place.fleet(Object.keys(counts), { handlers, actor: 'ada' });
  for (const [tenantId, count] of Object.entries(counts))
    await face.outbox(tenantId).enqueue(Array.from({ length: count }, () => ({ topic: 'orders', payload })));
  await face.tick();
  return face;
}

const replayAll = { act: 'replay', filter: {} } as const;

test('S3: an operation counts first, then changes the messages of every tenant, and keeps its result', async () => {
  const face = await withDead({ acme: 2, beta: 1, cedar: 0 });
  const { operations } = face;
  const { operation, counted } = await operations.create({ ...replayAll, by: 'grace' });
  expect(operation).toMatchObject({ state: 'counted', actor: 'grace', counted: 3, changed: 0 });
  expect(counted.tenants).toEqual([
    { tenantId: 'acme', count: 2, atLeast: false },
    { tenantId: 'beta', count: 1, atLeast: false },
  ]);
  expect(await face.outbox('acme').statistics()).toMatchObject({ dead: 2 });
  const seen: number[] = [];
  const ended = await operations.resume(operation.id, { onProgress: ({ changed }) => seen.push(changed) });
  expect(ended).toMatchObject({ state: 'done', changed: 3, tenantsDone: 3, failures: [] });
  expect(seen.at(-1)).toBe(3);
  const { takenOver, ...kept } = ended;
  expect(takenOver).toBe(false);
  expect(await operations.get(operation.id)).toEqual(kept);
  // A list has numbers of tenants in place of their ids.
  expect(await operations.list()).toEqual([{ ...kept, uncounted: 0, failures: 0 }]);
  expect(await face.outbox('acme').statistics()).toMatchObject({ dead: 0, ready: 2 });
  await expect(operations.cancel(operation.id)).rejects.toMatchObject({ code: 'OPERATION_CANCELLED' });
});

test('S3, D8: a tenant that fails is named, and is tried again when the operation is resumed', async () => {
  const face = await withDead({ acme: 1 });
  const { operations } = face;
  await face.tenants.add({ id: 'void' });
  const { operation, counted } = await operations.create(replayAll);
  expect(counted.failures).toMatchObject([{ tenantId: 'void', code: 'DATABASE_MISSING' }]);
  expect(await operations.resume(operation.id)).toMatchObject({
    state: 'done',
    changed: 1,
    tenantsDone: 1,
    failures: [{ tenantId: 'void', code: 'DATABASE_MISSING' }],
  });
  await face.migrate({ tenants: ['void'] });
  expect(await operations.resume(operation.id)).toMatchObject({
    state: 'done',
    tenantsDone: 2,
    failures: [],
  });
});

test('S3: an operation that was interrupted goes on where it was, and a cancelled one does not', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `t${String(index).padStart(2, '0')}`);
  const face = await withDead(Object.fromEntries(ids.map((id) => [id, 1])));
  const { operations } = face;
  const { operation } = await operations.create({ ...replayAll, tenants: ids });
  const stop = new AbortController();
  const half = await operations.resume(operation.id, { signal: stop.signal, onProgress: () => stop.abort() });
  expect(half).toMatchObject({ state: 'running' });
  expect(half.changed).toBeGreaterThan(0);
  expect(half.changed).toBeLessThan(20);
  // Another process goes on with it.
  const other = place.face({});
  expect(await other.operations.resume(operation.id)).toMatchObject({ state: 'done', changed: 20 });
  const { operation: second } = await operations.create({ ...replayAll, tenants: ids });
  await operations.cancel(second.id);
  await expect(operations.resume(second.id)).rejects.toMatchObject({ code: 'OPERATION_CANCELLED' });
});

test('S3: an operation that is stopped keeps the tenants that failed', async () => {
  const failed = ['beta', 'cedar', 'dune'];
  const face = await withDead({ acme: 1, beta: 1, cedar: 1, dune: 1 });
  const { operations } = face;
  const { operation } = await operations.create(replayAll);
  for (const id of failed) place.connection(`tenants/${id}.db`).exec('ALTER TABLE Outbox RENAME TO Hidden');
  const first = await operations.resume(operation.id);
  expect(first.failures.map(({ tenantId }) => tenantId)).toEqual(failed);
  for (const id of failed) place.connection(`tenants/${id}.db`).exec('ALTER TABLE Hidden RENAME TO Outbox');
  const stop = new AbortController();
  const stopped = await operations.resume(operation.id, {
    signal: stop.signal,
    onProgress: () => stop.abort(),
  });
  expect(stopped.failures.map(({ tenantId }) => tenantId)).toEqual(failed);
  const ended = await operations.resume(operation.id);
  expect(ended).toMatchObject({ state: 'done', changed: 4, tenantsDone: 4, failures: [] });
});

test('S3: a call that works on an operation tells what it has changed in each tenant; a count can end early', async () => {
  const face = await withDead({ acme: 2, beta: 1, cedar: 0 });
  const { operations } = face;
  const { operation } = await operations.create(replayAll);
  expect(operation.countedAtLeast).toBe(false);
  await face.messages.act({
    tenantId: 'acme',
    act: 'discard',
    messages: [(await face.messages.list({ tenantId: 'acme' })).messages[0]!.messageId],
  });
  const seen: unknown[] = [];
  await operations.resume(operation.id, { onTenant: (tenant) => seen.push(tenant) });
  expect(seen).toHaveLength(3);
  expect(seen).toEqual(
    expect.arrayContaining([
      { tenantId: 'acme', changed: 1 },
      { tenantId: 'beta', changed: 1 },
      { tenantId: 'cedar', changed: 0 },
    ]),
  );
});

test('S3: an operation that is cancelled meanwhile stops', async () => {
  const ids = Array.from({ length: 20 }, (_, index) => `t${String(index).padStart(2, '0')}`);
  const face = await withDead(Object.fromEntries(ids.map((id) => [id, 1])));
  const { operations } = face;
  const { operation } = await operations.create(replayAll);
  let cancelled: Promise<unknown> | undefined;
  const ended = await operations.resume(operation.id, {
    onProgress: ({ id }) => {
      cancelled ??= operations.cancel(id);
    },
  });
  await cancelled;
  expect(ended.changed).toBeLessThan(20);
  expect(await operations.get(operation.id)).toMatchObject({ state: 'cancelled' });
});

test('S3: each act has a row that says who, what, when and how many; also one that fails', async () => {
  const face = await withDead({ acme: 2 });
  const { messages } = face;
  const [first, second] = (await messages.list({ tenantId: 'acme' })).messages;
  await messages.act({ tenantId: 'acme', act: 'discard', messages: [first!.messageId] });
  await messages.edit({ tenantId: 'acme', messageId: second!.messageId, payload: 'secret', by: 'grace' });
  await expect(
    messages.edit({ tenantId: 'acme', messageId: second!.messageId, payload: 'again' }),
  ).rejects.toMatchObject({ code: 'MESSAGE_CHANGED' });
  const { operation } = await face.operations.create(replayAll);
  await face.operations.resume(operation.id);
  await face.tenants.pause('acme');
  await face.tenants.resume('acme');
  await face.tenants.wake('acme', { by: 'grace' });
  await face.tenants.change({
    id: 'acme',
    auth: { kind: 'managed-identity' },
    tags: { a: 'b' },
    priority: 3,
  });
  await expect(face.tenants.change({ id: 'nobody' }, { by: 'grace' })).rejects.toMatchObject({
    code: 'UNKNOWN_TENANT',
  });
  await expect(face.tenants.change({ id: 'acme', priority: 0.5 })).rejects.toThrow('priority');
  await face.leases('acme').release('report');
  const rows = await messages.audit();
  expect(rows.map(({ act, actor, tenantId, count }) => [act, actor, tenantId, count])).toEqual([
    ['lease-release', 'ada', 'acme', 0],
    ['tenant-change', 'grace', 'nobody', null],
    ['tenant-change', 'ada', 'acme', 1],
    ['tenant-wake', 'grace', 'acme', 1],
    ['tenant-resume', 'ada', 'acme', 1],
    ['tenant-pause', 'ada', 'acme', 1],
    ['operation-resume', 'ada', null, 0],
    ['operation-start', 'ada', null, 0],
    ['edit', 'ada', 'acme', null],
    ['edit', 'grace', 'acme', 1],
    ['discard', 'ada', 'acme', 1],
  ]);
  expect(rows[2]!.selection).toMatchObject({ priority: 3, overrides: {}, auth: 'managed-identity' });
  expect(rows[2]!.selection).not.toHaveProperty('tags');
  expect(rows[8]!.error).toMatch(/^MESSAGE_CHANGED: /);
  expect(rows[10]!.selection).toEqual({ messageIds: [first!.messageId] });
  expect(await messages.audit({ operationId: operation.id })).toHaveLength(2);
  expect(JSON.stringify(rows)).not.toContain('secret');
});

test('S3: payloads are searched in one tenant, and the record does not keep the text', async () => {
  const face = await withDead({ acme: 2, beta: 1 }, 'from ada@example.com');
  const filter = { payloadText: 'ada@example.com' };
  const { operations } = face;
  await expect(operations.create({ act: 'replay', filter })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  });
  const { operation } = await operations.create({ act: 'replay', filter, tenants: ['acme'] });
  expect(await operations.resume(operation.id)).toMatchObject({ state: 'done', changed: 2 });
  expect(JSON.stringify(await face.messages.audit())).not.toContain('ada@example.com');
});

test('S3: a payload of null is a new payload', async () => {
  const face = await withDead({ acme: 1 }, 'old');
  const [dead] = (await face.messages.list({ tenantId: 'acme' })).messages;
  const { messageId } = await face.messages.edit({
    tenantId: 'acme',
    messageId: dead!.messageId,
    payload: null,
  });
  expect(await face.outbox('acme').get(messageId)).toMatchObject({ payload: 'null' });
});

test('S3: an act whose row cannot be written is not done', async () => {
  const face = await withDead({ acme: 1 });
  const [dead] = (await face.messages.list({ tenantId: 'acme' })).messages;
  place.connection('registry.db').exec('DROP TABLE Audit');
  await expect(
    face.messages.act({ tenantId: 'acme', act: 'discard', messages: [dead!.messageId] }),
  ).rejects.toMatchObject({ name: 'MultiOutboxError' });
  expect(await face.outbox('acme').statistics()).toMatchObject({ dead: 1 });
});

test('S3, D8: errors are grouped over the fleet, and a tenant that cannot be read is named', async () => {
  const face = await withDead({ acme: 2, beta: 1 });
  await face.tenants.add({ id: 'void' });
  const found = await face.messages.errors();
  expect(found).toMatchObject({ count: 3, tenants: 2, cut: [], failures: [{ tenantId: 'void' }] });
  expect(found.groups).toEqual([
    {
      fingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
      text: 'order <id> of <text> was refused',
      matching: 'was refused',
      count: 3,
      tenants: 2,
      tenantIds: ['acme', 'beta'],
      topics: ['orders'],
      firstUtc: expect.stringMatching(/Z$/),
      lastUtc: expect.stringMatching(/Z$/),
      example: { tenantId: expect.any(String), messageId: expect.any(String) },
    },
  ]);
  expect(await face.messages.errors({ tenants: ['acme'], examine: 1 })).toMatchObject({
    count: 1,
    cut: [{ tenantId: 'acme', by: 'examined' }],
  });
  expect(await face.messages.errors({ tenants: ['acme'], filter: { topic: 'others' } })).toMatchObject({
    count: 0,
    groups: [],
  });
});

test('S3: groups of errors have the bounds of a search, also for messages that do not match; a search that ends at its bound is not cut', async () => {
  const { messages } = await withDead({ acme: 21 }, 'letter');
  const tenants = ['acme'];
  const none = { filter: { topic: 'others' } };
  expect(await messages.errors({ tenants, ...none, examine: 20 })).toMatchObject({
    count: 0,
    cut: [{ tenantId: 'acme', by: 'examined' }],
  });
  // A part of a search for payloads has 20 messages.
  const letters = { filter: { payloadText: 'letter' } };
  expect(await messages.errors({ tenants, ...letters, timeoutMs: 0 })).toMatchObject({
    count: 20,
    cut: [{ tenantId: 'acme', by: 'time' }],
  });
  expect(await messages.errors({ tenants, ...letters })).toMatchObject({ count: 21, cut: [] });
  expect(await messages.errors({ tenants, examine: 21 })).toMatchObject({ count: 21, cut: [] });
  expect(await messages.count({ tenantId: 'acme', examine: 21 })).toEqual({ count: 21, cut: null });
  expect(await messages.count({ tenantId: 'acme', examine: 20 })).toEqual({ count: 20, cut: 'examined' });
  const list = { tenantId: 'acme', ...none, examine: 21 };
  expect(await messages.list(list)).toEqual({ messages: [], cursor: null, cut: null });
});

/** Counts the characters and bytes that statements return from here on. */
function fetched(): { bytes: number } {
  const total = { bytes: 0 };
  const add = (value: unknown): void => {
    if (typeof value === 'string' || value instanceof Uint8Array) total.bytes += value.length;
    else if (typeof value === 'object' && value !== null) for (const each of Object.values(value)) add(each);
  };
  for (const method of ['all', 'get'] as const) {
    const real = StatementSync.prototype[method] as (...values: unknown[]) => unknown;
    jest.spyOn(StatementSync.prototype, method).mockImplementation(function (
      this: StatementSync,
      ...values: unknown[]
    ) {
      const result = real.apply(this, values);
      add(result);
      return result as never;
    });
  }
  return total;
}

test('S3: lists, counts, groups of errors and acts fetch no payloads', async () => {
  const megabyte = 'x'.repeat(1_048_576);
  const face = await withDead({ acme: 10, beta: 10 }, megabyte);
  const total = fetched();
  for (const tenantId of ['acme', 'beta']) {
    const page = await face.messages.list({ tenantId, filter: { states: ['dead'] } });
    expect(page.messages).toHaveLength(10);
    expect(page.messages[0]!.contentBytes).toBeGreaterThanOrEqual(megabyte.length);
  }
  expect((await face.messages.errors()).count).toBe(20);
  const { operation } = await face.operations.create(replayAll);
  await face.operations.resume(operation.id);
  expect(total.bytes).toBeLessThan(100_000);
  const { messages } = await face.messages.list({ tenantId: 'acme', limit: 1 });
  await face.messages.show({ tenantId: 'acme', messageId: messages[0]!.messageId });
  expect(total.bytes).toBeGreaterThan(megabyte.length);
});

test('S3: a list of operations, a summary and the console fetch no ids of tenants, and progress writes none again', async () => {
  const face = await place.fleet(['acme']);
  const tenants = Array.from({ length: 5_000 }, (_, n) => `tenant-that-is-not-there-${n}`);
  const { operation } = await face.operations.create({ act: 'wake', tenants: ['acme', ...tenants] });
  const registry = place.connection('registry.db');
  registry.exec(
    `CREATE TRIGGER Once BEFORE UPDATE ON OperationTargets BEGIN SELECT RAISE(ABORT, 'again'); END`,
  );
  const total = fetched();
  await face.operations.resume(operation.id, { signal: AbortSignal.abort() });
  total.bytes = 0;
  const summary = { tenants: 5_001, failures: 0, state: 'running' };
  expect(await face.operations.list()).toMatchObject([summary]);
  expect(await face.operations.summary(operation.id)).toMatchObject(summary);
  // The console's page asks each second.
  expect(await readAnswer(face.operations, operation.id)).toMatchObject({ ...summary, firstFailures: [] });
  expect(total.bytes).toBeLessThan(2_000);
  expect(await face.operations.get(operation.id)).toMatchObject({ tenants: { length: 5_001 } });
  expect(total.bytes).toBeGreaterThan(100_000);
  // Now all but one are failures.
  const ended = await face.operations.resume(operation.id);
  expect(ended).toMatchObject({ state: 'done', changed: 1, tenantsDone: 1, failures: { length: 5_000 } });
  total.bytes = 0;
  expect(await face.operations.list()).toMatchObject([{ failures: 5_000, state: 'done' }]);
  expect(total.bytes).toBeLessThan(1_000);
});

test('S3: an edit is refused when the payload does not fit the schema of the topic’s handler', async () => {
  const handler = defineHandler({
    topic: 'orders',
    schema: v.object({ customer: v.string() }),
    handle() {},
  });
  const face = await place.fleet(['acme'], { handlers: [handler] });
  const { messageId } = await face.outbox('acme').enqueue({ topic: 'orders', payload: { customer: 7 } });
  await face.tick();
  const edit = (payload: unknown, more: object = {}) =>
    face.messages.edit({ tenantId: 'acme', messageId, payload, ...more });
  await expect(edit({ customer: 8 })).rejects.toMatchObject({
    code: 'INVALID_MESSAGE',
    message: expect.stringMatching(/does not fit the handler's schema: customer: /),
  });
  await expect(edit('{')).rejects.toMatchObject({ code: 'INVALID_MESSAGE' });
  expect(await face.outbox('acme').statistics()).toMatchObject({ dead: 1, done: 0 });
  const edited = await edit({ customer: 'Ada' }, { headers: { by: 'ada' } });
  expect(edited).toMatchObject({ replaced: messageId, schemaChecked: true });
  await face.tick();
  expect(await face.outbox('acme').get(edited.messageId)).toMatchObject({
    status: MessageStatus.Done,
    payload: '{"customer":"Ada"}',
    headers: { by: 'ada' },
    endReason: null,
  });
  await expect(edit({ customer: 'Ada' })).rejects.toMatchObject({
    code: 'MESSAGE_CHANGED',
    message: expect.stringContaining('it is cancelled'),
  });
  await expect(face.messages.edit({ tenantId: 'acme', messageId: 'none', payload: 1 })).rejects.toMatchObject(
    { code: 'MESSAGE_NOT_FOUND' },
  );
});
