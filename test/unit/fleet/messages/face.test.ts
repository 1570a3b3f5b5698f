/** S3: the part `messages` of the library's interface: what it checks, asks, changes and records. */
import { randomUUID } from 'node:crypto';
import { auditLimits } from '../../../../src/engine/audit.ts';
import { createAudited } from '../../../../src/fleet/messages/audited.ts';
import { createMessages, type Messages } from '../../../../src/fleet/messages/index.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { PermanentError } from '../../../../src/queue/handler.ts';
import { message, messages as numbered, orders, run } from '../../../support/queue-run.ts';
import { recordingLogger } from '../../../support/recording-logger.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();

/** The messages of a fleet in whose databases these tenants exist. */
async function scene(...ids: string[]) {
  const engine = place.engine();
  const registry = await place.registry(engine);
  const databases = new Map<string, Awaited<ReturnType<typeof place.tenant>>>();
  for (const id of ids) {
    await registry.add(tenantDefinition({ id }), `key-of-${id}`);
    databases.set(id, await place.tenant(id, engine));
  }
  const logger = recordingLogger();
  const woken: string[] = [];
  const used: string[] = [];
  const face = createMessages({
    registry: async () => registry,
    async useQueue(id, queue, action) {
      used.push(`${id} ${queue}`);
      const database = databases.get(id);
      if (database === undefined) throw new Error(`${id} is away`);
      return action(database.queue(queue));
    },
    wake: async (id) => void woken.push(id),
    handlers: new Map(),
    audited: createAudited(async () => registry, logger),
    actor: 'ada',
    callbackLog: { logger, limit: { allows: () => true } },
  });
  const outbox = (id: string) => databases.get(id)!.queue('outbox');
  /** Messages that have died, so many of each tenant. */
  const dead = async (id: string, count: number) => {
    await outbox(id).enqueue(numbered(count));
    const refuse = orders(() => {
      throw new PermanentError('order refused');
    });
    await run(outbox(id), [refuse], { logsHandlerText: true });
  };
  const rows = async () => (await face.audit()).reverse();
  return { face, registry, outbox, dead, woken, used, rows, logger };
}

const refused = (problem: string | RegExp) => ({
  code: 'INVALID_ARGUMENT',
  message: expect.stringMatching(problem),
});

describe('what each call refuses, by its name, before it asks any database (S3)', () => {
  const id = randomUUID();
  test.each<[string, (face: Messages) => Promise<unknown>]>([
    [
      "messages.list: 'limit' must be a whole number from 1 to 1000",
      (f) => f.list({ tenantId: 'a', limit: 0 }),
    ],
    ["messages.list: 'limit' must be", (f) => f.list({ tenantId: 'a', limit: 1_001 })],
    [
      "messages.list: 'examine' must be a whole number from 1 to",
      (f) => f.list({ tenantId: 'a', examine: 0 }),
    ],
    ["messages.list: 'examine' must be", (f) => f.list({ tenantId: 'a', examine: 1_000_000_001 })],
    [
      "messages.list: 'timeoutMs' must be a whole number from 0",
      (f) => f.list({ tenantId: 'a', timeoutMs: -1 }),
    ],
    ["messages.list: 'timeoutMs' must be", (f) => f.list({ tenantId: 'a', timeoutMs: 600_001 })],
    ["messages.list: 'cursor' is not", (f) => f.list({ tenantId: 'a', cursor: 'x' })],
    ["messages.count: 'queue' must be", (f) => f.count({ tenantId: 'a', queue: 'x' as never })],
    ["messages.count: 'topic' must be", (f) => f.count({ tenantId: 'a', filter: { topic: 7 as never } })],
    ["messages.show: a message's id", (f) => f.show({ tenantId: 'a', messageId: '' })],
    ["messages.show: a tenant's id", (f) => f.show({ tenantId: 7 as never, messageId: 'm' })],
    ["messages.show: 'by' must be", (f) => f.show({ tenantId: 'a', messageId: 'm', by: '' })],
    ["messages.errors: 'parallel' must be a whole number from 1 to 64", (f) => f.errors({ parallel: 0 })],
    ["messages.errors: 'parallel' must be", (f) => f.errors({ parallel: 65 })],
    ["messages.errors: 'tenants' must be", (f) => f.errors({ tenants: 'a' as never })],
    ["messages.errors: 'queue' must be", (f) => f.errors({ queue: 'x' as never })],
    ["messages.errors: 'examine' must be", (f) => f.errors({ examine: 0 })],
    ["messages.errors: '?onTenant", (f) => f.errors({ onTenant: 7 as never })],
    [
      "messages.act: 'messages' must be",
      (f) => f.act({ tenantId: 'a', act: 'replay', messages: 'm' as never }),
    ],
    ["messages.act: 'act' must be", (f) => f.act({ tenantId: 'a', act: 'x' as never, messages: [] })],
    ["messages.act: 'by' must be", (f) => f.act({ tenantId: 'a', act: 'replay', messages: [], by: '' })],
    ["messages.edit: a message's id", (f) => f.edit({ tenantId: 'a', messageId: '', payload: 1 })],
    [
      "messages.edit: 'reason' must be text of 1 to 300 characters",
      (f) => f.edit({ tenantId: 'a', messageId: 'm', payload: 1, reason: 'x'.repeat(301) }),
    ],
    ["messages.audit: 'limit' must be a whole number from 1 to 1000", (f) => f.audit({ limit: 0 })],
    ["messages.audit: 'limit' must be", (f) => f.audit({ limit: 1_001 })],
    ["messages.audit: 'before' must be the id of an entry", (f) => f.audit({ before: '' })],
    ["messages.audit: 'before' must be", (f) => f.audit({ before: '9223372036854775808' })],
    ["messages.audit: 'before' must be", (f) => f.audit({ before: 7 as never })],
    ["messages.audit: 'before' must be", (f) => f.audit({ before: '-1' })],
    ["messages.audit: an operation's id", (f) => f.audit({ operationId: 'x' })],
    ["messages.audit: a tenant's id", (f) => f.audit({ tenantId: 7 as never })],
    [
      "messages.operations.create: 'act' must be",
      (f) => f.operations.create({ act: 'x' as never, filter: {} }),
    ],
    [
      "messages.operations.create: 'replay' takes no reason",
      (f) => f.operations.create({ act: 'replay', reason: 'x', filter: {} }),
    ],
    [
      "messages.operations.create: 'replay' takes no delay",
      (f) => f.operations.create({ act: 'replay', delay: 1, filter: {} }),
    ],
    [
      "messages.operations.create: 'topic' must be",
      (f) => f.operations.create({ act: 'replay', filter: { topic: 7 as never } }),
    ],
    [
      "messages.operations.create: 'queue' must be",
      (f) => f.operations.create({ act: 'replay', filter: {}, queue: 'x' as never }),
    ],
    [
      "messages.operations.create: 'payloadText' searches one tenant",
      (f) => f.operations.create({ act: 'replay', filter: { payloadText: 'x' }, tenants: ['a', 'b'] }),
    ],
    [
      "messages.operations.create: 'payloadText' searches one tenant",
      (f) => f.operations.create({ act: 'replay', filter: { payloadText: 'x' } }),
    ],
    [
      "messages.operations.create: '?onTenant",
      (f) => f.operations.create({ act: 'replay', filter: {}, onTenant: 7 as never }),
    ],
    ["messages.operations.resume: an operation's id", (f) => f.operations.resume('x')],
    ['messages.operations.resume: .*signal', (f) => f.operations.resume(id, { signal: 7 as never })],
    ["messages.operations.resume: '?onProgress", (f) => f.operations.resume(id, { onProgress: 7 as never })],
    ["messages.operations.resume: '?onTenant", (f) => f.operations.resume(id, { onTenant: 7 as never })],
    ["messages.operations.cancel: an operation's id", (f) => f.operations.cancel('x')],
    ["messages.operations.cancel: .*'reason'", (f) => f.operations.cancel(id, { reason: 'x' } as never)],
    ["messages.operations.get: an operation's id", (f) => f.operations.get('x')],
    ["messages.operations.list: an operation's id", (f) => f.operations.list({ before: 'x' })],
    [
      "messages.operations.list: 'limit' must be a whole number from 1 to 1000",
      (f) => f.operations.list({ limit: 0 }),
    ],
    ["messages.operations.list: 'limit' must be", (f) => f.operations.list({ limit: 1_001 })],
  ])('S3: %s', async (problem, act) => {
    const { face, used, rows } = await scene();
    await expect(act(face)).rejects.toMatchObject(refused(new RegExp(`^${problem}`)));
    expect([used, await rows()]).toEqual([[], []]);
  });

  test.each<[string, (face: Messages) => Promise<unknown>]>([
    ['messages.operations.resume', ({ operations }) => operations.resume(id)],
    ['messages.operations.cancel', ({ operations }) => operations.cancel(id)],
    ['messages.operations.get', ({ operations }) => operations.get(id)],
  ])('S3: %s of an operation that is not there', async (call, act) => {
    const { face } = await scene();
    await expect(act(face)).rejects.toMatchObject({
      code: 'OPERATION_NOT_FOUND',
      message: `${call}: there is no operation '${id}'; list them.`,
    });
  });

  test('S3: the bounds themselves are taken', async () => {
    const { face } = await scene('acme');
    const most = { limit: 1_000, examine: 1_000_000_000, timeoutMs: 600_000 };
    for (const bounds of [{ limit: 1, examine: 1, timeoutMs: 0 }, most])
      expect((await face.list({ tenantId: 'acme', ...bounds })).messages).toEqual([]);
    for (const parallel of [1, 64]) expect(await face.errors({ parallel })).toMatchObject({ tenants: 1 });
    for (const limit of [1, 1_000]) {
      expect(await face.audit({ limit, before: '0' })).toEqual([]);
      expect(await face.operations.list({ limit })).toEqual([]);
    }
  });
});

describe('lists and single messages (S3)', () => {
  test('S3: a page has 100 messages, unless it is said otherwise, and leads to the next one', async () => {
    const { face, outbox } = await scene('acme');
    await outbox('acme').enqueue(numbered(101));
    const first = await face.list({ tenantId: 'acme' });
    expect(first).toMatchObject({ cut: null, cursor: expect.any(String) });
    expect(first.messages).toHaveLength(100);
    const second = await face.list({ tenantId: 'acme', cursor: first.cursor! });
    expect(second.messages).toHaveLength(1);
    expect((await face.list({ tenantId: 'acme', limit: 2 })).messages).toHaveLength(2);
    expect(await face.list({ tenantId: 'acme', queue: 'inbox' })).toMatchObject({ messages: [] });
    expect(await face.count({ tenantId: 'acme' })).toEqual({ count: 101, cut: null });
    expect(await face.count({ tenantId: 'acme', filter: { topic: 'x' } })).toMatchObject({ count: 0 });
  });

  test('S3: one message, with its content; a row of the record only for a reader who is named', async () => {
    const { face, outbox, rows } = await scene('acme');
    const stored = message('text', { headers: { a: 'b' } });
    await outbox('acme').enqueue([stored]);
    const { messageId } = stored;
    expect(await face.show({ tenantId: 'acme', messageId })).toMatchObject({
      messageId,
      state: 'ready',
      payload: 'text',
      headers: { a: 'b' },
      settledUtc: null,
    });
    expect(await face.show({ tenantId: 'acme', messageId: 'none' })).toBeNull();
    expect(await rows()).toEqual([]);
    expect(await face.show({ tenantId: 'acme', messageId, by: 'grace' })).toMatchObject({ payload: 'text' });
    expect(await face.show({ tenantId: 'acme', messageId: 'none', by: 'grace' })).toBeNull();
    const row = { act: 'payload-show', actor: 'grace', tenantId: 'acme', queue: 'outbox' };
    expect(await rows()).toMatchObject([
      { ...row, count: 1, selection: { messageIds: [messageId] } },
      { ...row, count: 0, selection: { messageIds: ['none'] } },
    ]);
  });
});

describe('groups of errors (S3)', () => {
  test('S3, D8: tenants that could not be read, and those that were cut, are named by id; the caller hears of each', async () => {
    const { face, registry, dead } = await scene('dune', 'birch');
    for (const id of ['elm', 'acme']) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
    for (const id of ['dune', 'birch']) await dead(id, 2);
    const told: unknown[] = [];
    const found = await face.errors({ examine: 1, parallel: 1, onTenant: (...of) => told.push(of) });
    expect(found).toMatchObject({
      count: 2,
      tenants: 2,
      cut: [
        { tenantId: 'birch', by: 'examined' },
        { tenantId: 'dune', by: 'examined' },
      ],
      failures: [{ tenantId: 'acme' }, { tenantId: 'elm' }],
    });
    expect(told).toEqual([1, 2, 3, 4].map((done) => [done, 4]));
    expect(await face.errors({ tenants: ['dune'] })).toMatchObject({ count: 2, tenants: 1, cut: [] });
    expect(await face.errors({ queue: 'inbox', tenants: ['dune'] })).toMatchObject({ count: 0 });
    expect(await face.errors({ filter: { states: ['ready'] }, tenants: ['dune'] })).toMatchObject({
      count: 2,
    });
  });

  test('S3: a message that has not died has no error', async () => {
    const { face, outbox } = await scene('acme');
    await outbox('acme').enqueue([message('1')]);
    expect(await face.errors()).toMatchObject({ count: 0, groups: [], tenants: 1 });
  });
});

describe('acts and edits (S3)', () => {
  test('S3: the result says which messages were changed; the tenant is woken if any was', async () => {
    const { face, outbox, woken, rows } = await scene('acme');
    const stored = numbered(2);
    await outbox('acme').enqueue(stored);
    const [first, second] = stored.map(({ messageId }) => messageId);
    const acted = await face.act({
      tenantId: 'acme',
      act: 'cancel',
      reason: 'sent twice',
      messages: [first!.toUpperCase(), 'none'],
      by: 'grace',
    });
    expect(acted).toEqual({
      act: 'cancel',
      tenantId: 'acme',
      queue: 'outbox',
      changed: [first],
      unchanged: ['none'],
    });
    expect(woken).toEqual(['acme']);
    const none = await face.act({ tenantId: 'acme', act: 'replay', messages: [second!] });
    expect([none.changed, none.unchanged, woken]).toEqual([[], [second], ['acme']]);
    expect(await rows()).toMatchObject([
      {
        act: 'cancel',
        actor: 'grace',
        tenantId: 'acme',
        queue: 'outbox',
        count: 1,
        selection: { reason: 'sent twice', messageIds: [first, 'none'] },
      },
      { act: 'replay', actor: 'ada', count: 0, selection: { messageIds: [second] } },
    ]);
  });

  test('S3: an act on no message asks no database', async () => {
    const { face, used, woken } = await scene('acme');
    const acted = await face.act({ tenantId: 'acme', act: 'replay', messages: [] });
    expect([acted.changed, acted.unchanged, used, woken]).toEqual([[], [], [], []]);
  });

  test('S3: an edit wakes the tenant, and its row has the reason and not the payload', async () => {
    const { face, outbox, woken, rows } = await scene('acme');
    const stored = message('old');
    await outbox('acme').enqueue([stored]);
    const { messageId } = stored;
    const edited = await face.edit({ tenantId: 'acme', messageId, payload: 'secret', by: 'grace' });
    await face.edit({
      tenantId: 'acme',
      messageId: edited.messageId,
      payload: 'new',
      reason: 'x'.repeat(300),
    });
    expect(woken).toEqual(['acme', 'acme']);
    const [first, second] = await rows();
    expect(first).toMatchObject({ act: 'edit', actor: 'grace', tenantId: 'acme', queue: 'outbox', count: 1 });
    expect(first!.selection).toEqual({ messageIds: [messageId] });
    expect(second!.selection).toEqual({ messageIds: [edited.messageId], reason: 'x'.repeat(300) });
    const again = face.edit({ tenantId: 'acme', messageId, payload: 'new' });
    await expect(again).rejects.toMatchObject({ code: 'MESSAGE_CHANGED' });
    expect(woken).toHaveLength(2);
  });
});

describe('the record of acts (S3)', () => {
  test('S3: its rows are found by tenant, by operation, and page by page', async () => {
    const { face } = await scene('acme', 'birch');
    for (const tenantId of ['acme', 'birch', 'acme'])
      await face.act({ tenantId, act: 'replay', messages: ['none'] });
    const { operation } = await face.operations.create({ act: 'replay', filter: {} });
    const all = await face.audit();
    expect(all.map(({ tenantId }) => tenantId)).toEqual([null, 'acme', 'birch', 'acme']);
    expect(await face.audit({ limit: 2 })).toEqual(all.slice(0, 2));
    expect(await face.audit({ before: all[1]!.id })).toEqual(all.slice(2));
    expect(await face.audit({ tenantId: 'birch' })).toEqual([all[2]]);
    expect(await face.audit({ operationId: operation.id.toUpperCase() })).toEqual([all[0]]);
  });

  test('S3: a page has 100 rows, unless it is said otherwise', async () => {
    const { face, registry } = await scene();
    const entry = {
      actor: 'ada',
      act: 'discard',
      tenantId: null,
      queue: null,
      selection: {},
      operationId: null,
    } as const;
    for (let n = 0; n < 101; n++) await registry.audit.begin(entry);
    expect(await face.audit()).toHaveLength(100);
    expect(auditLimits.actor).toBe(200);
  });
});

describe('operations (S3)', () => {
  test('S3: a new one keeps what it was asked, counts, and changes nothing', async () => {
    const { face, outbox, rows, woken } = await scene('acme', 'birch');
    for (const id of ['acme', 'birch']) await outbox(id).enqueue(numbered(2));
    const told: unknown[] = [];
    const { operation, counted } = await face.operations.create({
      act: 'cancel',
      reason: 'sent twice',
      filter: { topic: 'orders', payloadText: '1' },
      tenants: ['acme'],
      by: 'grace',
      onTenant: (...of) => told.push(of),
    });
    expect(operation).toMatchObject({
      state: 'counted',
      actor: 'grace',
      act: { act: 'cancel', reason: 'sent twice' },
      queue: 'outbox',
      filter: { topic: 'orders', payloadText: '1' },
      tenants: ['acme'],
      counted: 1,
      uncounted: [],
      changed: 0,
      tenantsDone: 0,
      lastTenant: null,
    });
    expect(operation.act).not.toHaveProperty('delay');
    expect(counted.counted).toBe(1);
    expect(told).toEqual([[1, 1]]);
    const row = {
      act: 'operation-start',
      actor: 'grace',
      queue: 'outbox',
      operationId: operation.id,
      count: 0,
    };
    expect(await rows()).toMatchObject([row]);
    expect((await rows())[0]!.selection).toEqual({
      act: { act: 'cancel', reason: 'sent twice' },
      filter: { topic: 'orders', payloadText: true },
      queue: 'outbox',
      tenants: ['acme'],
    });
    expect(woken).toEqual([]);
  });

  test('S3: one that is resumed ends, with a row of what it changed; its end can be seen', async () => {
    const { face, outbox, rows, woken } = await scene('acme', 'birch');
    for (const id of ['acme', 'birch']) await outbox(id).enqueue(numbered(2));
    const { operation } = await face.operations.create({ act: 'reschedule', delay: '1h', filter: {} });
    expect(operation).toMatchObject({ act: { act: 'reschedule', delay: '1h' }, tenants: null });
    const [progress, told]: [number[], string[]] = [[], []];
    const ended = await face.operations.resume(operation.id.toUpperCase(), {
      by: 'grace',
      onProgress: ({ changed }) => progress.push(changed),
      onTenant: ({ tenantId }) => told.push(tenantId),
    });
    expect(ended).toMatchObject({ state: 'done', changed: 4, tenantsDone: 2, takenOver: false });
    expect([progress.at(-1), told.sort(), woken.sort()]).toEqual([4, ['acme', 'birch'], ['acme', 'birch']]);
    expect(await face.operations.get(operation.id.toUpperCase())).toMatchObject({
      state: 'done',
      changed: 4,
    });
    expect((await rows()).at(-1)).toMatchObject({
      act: 'operation-resume',
      actor: 'grace',
      queue: 'outbox',
      operationId: operation.id,
      count: 4,
      selection: { act: { act: 'reschedule', delay: '1h' }, filter: {} },
    });
    await expect(face.operations.cancel(operation.id)).rejects.toMatchObject({
      code: 'OPERATION_CANCELLED',
      message: `messages.operations.cancel: operation '${operation.id}' has ended already; see its state.`,
    });
  });

  test('S3: one whose signal has fired changes nothing; a cancelled one is not resumed', async () => {
    const { face, outbox, rows } = await scene('acme');
    await outbox('acme').enqueue(numbered(1));
    const { operation } = await face.operations.create({ act: 'cancel', filter: {} });
    const stopped = await face.operations.resume(operation.id, { signal: AbortSignal.abort() });
    expect(stopped).toMatchObject({ state: 'running', changed: 0, takenOver: false });
    expect(await face.operations.cancel(operation.id.toUpperCase(), { by: 'grace' })).toMatchObject({
      state: 'cancelled',
    });
    expect((await rows()).at(-1)).toMatchObject({
      act: 'operation-cancel',
      actor: 'grace',
      operationId: operation.id,
      count: 0,
    });
    await expect(face.operations.resume(operation.id)).rejects.toMatchObject({
      code: 'OPERATION_CANCELLED',
      message: `messages.operations.resume: operation '${operation.id}' was cancelled; create another one.`,
    });
  });

  test('S3: one that is cancelled meanwhile was not taken over; one that another process resumes was', async () => {
    const { face, registry, outbox } = await scene('acme');
    await outbox('acme').enqueue(numbered(1));
    const resumed = async (meanwhile: (id: string) => Promise<unknown>) => {
      const { operation } = await face.operations.create({ act: 'reschedule', delay: 0, filter: {} });
      const { progress } = registry.operations;
      jest.spyOn(registry.operations, 'progress').mockImplementationOnce(async (...given) => {
        await meanwhile(operation.id);
        return progress.apply(registry.operations, given);
      });
      return face.operations.resume(operation.id);
    };
    const cancelled = await resumed((id) => face.operations.cancel(id));
    expect(cancelled).toMatchObject({ state: 'cancelled', takenOver: false });
    const taken = await resumed((id) => registry.operations.take(id, randomUUID()));
    expect(taken).toMatchObject({ state: 'running', takenOver: true });
  });

  test('S3, D8: tenants that could not be counted are kept by id', async () => {
    const { face, registry } = await scene('acme');
    for (const id of ['elm', 'dune']) await registry.add(tenantDefinition({ id }), `key-of-${id}`);
    const { operation } = await face.operations.create({ act: 'replay', filter: {} });
    expect(operation.uncounted).toEqual(['dune', 'elm']);
  });

  test('S3: the latest come first, 100 a page', async () => {
    const { face } = await scene();
    const ids: string[] = [];
    for (let n = 0; n < 101; n++)
      ids.unshift((await face.operations.create({ act: 'replay', filter: {}, tenants: [] })).operation.id);
    const listed = (await face.operations.list()).map(({ id }) => id);
    expect(listed).toEqual(ids.slice(0, 100));
    const next = await face.operations.list({ before: ids[98]!.toUpperCase(), limit: 1 });
    expect(next.map(({ id }) => id)).toEqual([ids[99]]);
  });
});
