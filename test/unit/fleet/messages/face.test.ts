/** S3: the part `messages` of the library's interface: what it checks, asks, changes and records. */
import { auditLimits } from '../../../../src/engine/audit.ts';
import type { Messages } from '../../../../src/fleet/messages/index.ts';
import { tenantDefinition } from '../../../../src/fleet/tenants/definition.ts';
import { operatorScene } from '../../../support/operator-scene.ts';
import { message, messages as numbered } from '../../../support/queue-run.ts';
import { SqlitePlace } from '../../../support/sqlite-place.ts';

const place = new SqlitePlace();
const scene = (...ids: string[]) => operatorScene(place, ...ids);

const refused = (problem: string | RegExp) => ({
  code: 'INVALID_ARGUMENT',
  message: expect.stringMatching(problem),
});

describe('what each call refuses, by its name, before it asks any database (S3)', () => {
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
  ])('S3: %s', async (problem, act) => {
    const { face, used, rows } = await scene();
    await expect(act(face)).rejects.toMatchObject(refused(new RegExp(`^${problem}`)));
    expect([used, await rows()]).toEqual([[], []]);
  });

  test('S3: the bounds themselves are taken', async () => {
    const { face } = await scene('acme');
    const most = { limit: 1_000, examine: 1_000_000_000, timeoutMs: 600_000 };
    for (const bounds of [{ limit: 1, examine: 1, timeoutMs: 0 }, most])
      expect((await face.list({ tenantId: 'acme', ...bounds })).messages).toEqual([]);
    for (const parallel of [1, 64]) expect(await face.errors({ parallel })).toMatchObject({ tenants: 1 });
    for (const limit of [1, 1_000]) {
      expect(await face.audit({ limit, before: '0' })).toEqual([]);
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
    const { face, operations } = await scene('acme', 'birch');
    for (const tenantId of ['acme', 'birch', 'acme'])
      await face.act({ tenantId, act: 'replay', messages: ['none'] });
    const { operation } = await operations.create({ act: 'replay', filter: {} });
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
