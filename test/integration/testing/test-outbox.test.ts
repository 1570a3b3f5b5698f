import { existsSync } from 'node:fs';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { defineHandler, defineInboxHandler, Snooze } from '../../../src/index.ts';
import { createTestOutbox, type TestOutbox, type TestOutboxOptions } from '../../../src/testing/index.ts';

const outboxes: TestOutbox[] = [];
afterEach(async () => {
  for (const outbox of outboxes.splice(0)) await outbox.close();
});

/** Handles topic 'orders' with the given function, and records the messages. */
async function scene(
  handle: (payload: string, attempt: number) => unknown = () => {},
  options: TestOutboxOptions = {},
) {
  const seen: string[] = [];
  const handler = defineHandler({
    topic: 'orders',
    handle({ payload }, { attempt, tenant }) {
      seen.push(`${tenant.id} ${payload}`);
      return handle(payload, attempt);
    },
  });
  const outbox = await createTestOutbox({ handlers: [handler], ...options });
  outboxes.push(outbox);
  const enqueue = (payload: string, fields: object = {}, tenantId = 'test') =>
    outbox.outbox(tenantId).enqueue({ topic: 'orders', payload, ...fields });
  return { outbox, seen, enqueue };
}

describe('the clock', () => {
  test('Q2: it starts at the given time, stands still, and is the only clock of the databases', async () => {
    const { outbox, enqueue } = await scene(undefined, { now: '2020-02-29T00:00:00Z' });
    const start = new Date('2020-02-29T00:00:00Z');
    expect(outbox.clock.now()).toEqual(start);
    await enqueue('1');
    outbox.clock.advance('1d');
    await enqueue('2');
    expect(outbox.enqueued().map(({ enqueuedUtc }) => enqueuedUtc)).toEqual([start, new Date('2020-03-01')]);
    await outbox.drain();
    expect((await outbox.tenants.get('test')).schedule.lastRunUtc).toEqual(new Date('2020-03-01'));
    outbox.clock.set('2020-01-01T00:00:00Z');
    expect(outbox.clock.now()).toEqual(new Date('2020-01-01'));
  });

  test('Q2: a transaction on the application’s own connection uses it too', async () => {
    const { outbox, enqueue, seen } = await scene(undefined, { now: '2020-02-29T00:00:00Z' });
    const { database } = await outbox.tenants.get('test');
    const own = new DatabaseSync(database);
    await enqueue('1', { delay: '1h' });
    own.exec('BEGIN');
    await outbox.outbox('test').enqueue({ topic: 'orders', payload: '2' }, { transaction: own });
    expect(outbox.enqueued()).toHaveLength(1);
    own.exec('COMMIT');
    own.close();
    expect(outbox.enqueued().map(({ dueUtc }) => dueUtc)).toEqual([
      new Date('2020-02-29T01:00:00Z'),
      new Date('2020-02-29T00:00:00Z'),
    ]);
    await outbox.drain();
    expect(seen).toEqual(['test 2']);
  });

  test('an invalid step is refused', async () => {
    const { outbox } = await scene();
    expect(() => outbox.clock.advance('soon')).toThrow(
      /cannot be advanced by "soon"; give milliseconds or text/,
    );
    expect(() => outbox.clock.advance(-1)).toThrow(/or use set/);
    expect(() => outbox.clock.set('then')).toThrow(/cannot be set to "then"; give a Date/);
    await expect(createTestOutbox({ now: 'then' })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test('L2: a lease expires when the clock advances, and the next holder has a newer fence', async () => {
    const { outbox } = await scene();
    const first = (await outbox.leases('test').acquire('nightly', { durationMs: 600_000, owner: 'a' }))!;
    expect(await outbox.leases('test').acquire('nightly', { durationMs: 600_000, owner: 'b' })).toBeNull();
    outbox.clock.advance('11m');
    const second = (await outbox.leases('test').acquire('nightly', { durationMs: 600_000, owner: 'b' }))!;
    expect(second.fence).toBeGreaterThan(first.fence);
    await first.release();
    await second.release();
  });

  test('F3: plans use it: a tenant is due when its message is', async () => {
    const { outbox, seen, enqueue } = await scene();
    await outbox.tick();
    await enqueue('1', { delay: '1h' });
    await outbox.tick();
    expect(seen).toEqual([]);
    outbox.clock.advance('1h');
    await outbox.tick();
    expect(seen).toEqual(['test 1']);
  });
});

describe('drain', () => {
  test('it dispatches due messages; failed and delayed ones follow at their due time', async () => {
    const { outbox, seen, enqueue } = await scene((payload, attempt) => {
      if (payload === 'fails' && attempt < 3) throw new Error('down');
      if (payload === 'waits' && seen.length < 4) throw new Snooze(30 * 60_000);
    });
    for (const payload of ['fine', 'fails', 'waits']) await enqueue(payload);
    await enqueue('later', { delay: '50m' });
    const { runs, counts } = await outbox.drain();
    expect(counts).toMatchObject({ done: 1, retried: 1, released: 1, dead: 0, lost: 0 });
    expect(runs[0]).toMatchObject({ tenantId: 'test', outcome: 'dispatched' });
    expect((await outbox.drain()).runs).toEqual([]);
    outbox.clock.advance('1h');
    expect((await outbox.drain()).counts).toMatchObject({ done: 2, retried: 1 });
    outbox.clock.advance('1h');
    expect((await outbox.drain()).counts).toMatchObject({ done: 1, retried: 0 });
    expect(outbox.enqueued().every(({ status }) => status === 'done')).toBe(true);
  });

  test('a delay is the longest that the jitter allows: just before its end, no message is due', async () => {
    const { outbox, seen, enqueue } = await scene(
      () => {
        throw new Error('down');
      },
      { retry: { baseMs: '10s' } },
    );
    await enqueue('1');
    await outbox.drain();
    outbox.clock.advance(9_999);
    await outbox.drain();
    expect(seen).toHaveLength(1);
    outbox.clock.advance(1);
    await outbox.drain();
    expect(seen).toHaveLength(2);
  });

  test('what handlers enqueue meanwhile is dispatched as well, in other queues and other tenants', async () => {
    const seen: string[] = [];
    const outbox = await createTestOutbox({
      tenants: ['acme', 'birch'],
      handlers: [
        defineInboxHandler({
          topic: 'paid',
          async handle(_, { tenant }) {
            seen.push(`${tenant.id} paid`);
            await outbox.outbox(tenant.id).enqueue({ topic: 'ship', payload: {} });
          },
        }),
        defineHandler({
          topic: 'ship',
          async handle(_, { tenant }) {
            seen.push(`${tenant.id} ship`);
            if (tenant.id === 'birch') await outbox.outbox('acme').enqueue({ topic: 'ship', payload: {} });
          },
        }),
      ],
    });
    outboxes.push(outbox);
    await outbox.inbox('birch').receive({ source: 'bank', messageId: '1', topic: 'paid', payload: {} });
    expect((await outbox.drain()).counts.done).toBe(3);
    expect(seen).toEqual(['birch paid', 'birch ship', 'acme ship']);
    expect(outbox.enqueued({ tenantId: 'birch', queue: 'inbox' })).toMatchObject([
      { topic: 'paid', source: 'bank', status: 'done' },
    ]);
  });

  test('of one tenant, and of an unknown tenant', async () => {
    const { outbox, seen, enqueue } = await scene(undefined, {
      tenants: ['acme', { id: 'birch', tags: { a: 'b' } }],
    });
    await enqueue('1', {}, 'acme');
    await enqueue('2', {}, 'birch');
    await outbox.drain('birch');
    expect(seen).toEqual(['birch 2']);
    await expect(outbox.drain('cedar')).rejects.toThrow(/has no tenant 'cedar'; name it in the 'tenants'/);
  });
});

describe('the test outbox', () => {
  test('enqueued shows messages, chosen by topic and state', async () => {
    const { outbox, enqueue } = await scene((payload) => {
      if (payload === '"bad"') throw Object.assign(new Error('no'), { name: 'PermanentError' });
    });
    await enqueue('{"id":1}', { orderingKey: 'a', headers: { h: '1' } });
    await enqueue('"bad"');
    await outbox.outbox('test').enqueue({ topic: 'Other', payload: 'plain text' });
    expect(outbox.enqueued({ topic: 'other' })).toMatchObject([
      { data: 'plain text', payload: 'plain text' },
    ]);
    await outbox.drain();
    expect(outbox.enqueued({ status: 'done' })).toMatchObject([
      { data: { id: 1 }, orderingKey: 'a', headers: { h: '1' }, attempts: 1 },
    ]);
    expect(outbox.enqueued({ status: 'dead' })).toMatchObject([{ data: 'bad', lastError: 'no' }]);
  });

  test('a tenant that is added has its database here, migrated', async () => {
    const { outbox, seen, enqueue } = await scene();
    const { database } = await outbox.tenants.add({ id: 'birch' });
    expect(path.dirname(database)).toBe(path.dirname((await outbox.tenants.get('test')).database));
    await enqueue('1', {}, 'birch');
    await outbox.drain();
    expect(seen).toEqual(['birch 1']);
  });

  test('environment variables are not read', async () => {
    process.env.MULTI_OUTBOX_BATCH_SIZE = '0';
    try {
      const { outbox, seen, enqueue } = await scene();
      await enqueue('1');
      await outbox.drain();
      expect(seen).toEqual(['test 1']);
    } finally {
      delete process.env.MULTI_OUTBOX_BATCH_SIZE;
    }
  });

  test('close leaves no file behind, also if the options are refused', async () => {
    const { outbox } = await scene();
    const { database } = await outbox.tenants.get('test');
    outbox.database();
    await outbox.close();
    expect(existsSync(path.dirname(database))).toBe(false);
    await expect(outbox.drain()).rejects.toMatchObject({ code: 'CLOSED' });
    await expect(createTestOutbox({ tenants: ['No Id'] })).rejects.toMatchObject({ code: 'INVALID_TENANT' });
  });
});
