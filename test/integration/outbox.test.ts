import { SqliteRegistry } from '../../src/engine/sqlite/registry/registry.ts';
import { defineHandler, PermanentError } from '../../src/queue/handler.ts';
import { FleetPlace, noting } from '../support/fleet-place.ts';
import { recordingLogger } from '../support/recording-logger.ts';
import { until } from '../support/until.ts';

const place = new FleetPlace();
afterEach(() => jest.restoreAllMocks());

describe('the outbox of a tenant (Q3, F9)', () => {
  test('Q3: many in one call, in the order given; a dedup key seen before is a duplicate', async () => {
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], { handlers });
    const outbox = face.outbox('acme');
    const first = await outbox.enqueue({ topic: 'orders', payload: '0', dedupKey: 'd' });
    const results = await outbox.enqueue([
      { topic: 'orders', payload: '1', dedupKey: 'd' },
      { topic: 'orders', payload: '2' },
    ]);
    expect(results).toMatchObject([
      { status: 'duplicate', messageId: first.messageId },
      { status: 'enqueued' },
    ]);
    expect(await outbox.enqueue([])).toEqual([]);
    await face.tick();
    expect(seen).toEqual(['acme:0', 'acme:2']);
  });

  test('Q3: one bad message among several: none is stored, and its place is named', async () => {
    const face = await place.fleet(['acme']);
    const outbox = face.outbox('acme');
    await expect(
      outbox.enqueue([
        { topic: 'orders', payload: 1 },
        { topic: '', payload: 2 },
      ]),
    ).rejects.toMatchObject({ code: 'INVALID_MESSAGE', message: expect.stringContaining('at index 1') });
    expect(await outbox.statistics()).toMatchObject({ ready: 0 });
  });

  test("Q3: within the caller's transaction: a rollback discards the message, a commit lets it be dispatched", async () => {
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], { handlers });
    const outbox = face.outbox('acme');
    const transaction = place.connection('tenants/acme.db');
    transaction.exec('BEGIN IMMEDIATE');
    await outbox.enqueue({ topic: 'orders', payload: 'undone' }, { transaction });
    transaction.exec('ROLLBACK');
    transaction.exec('BEGIN IMMEDIATE');
    await outbox.enqueue({ topic: 'orders', payload: 'kept' }, { transaction });
    // COMMIT fails unless the transaction is still open.
    transaction.exec('COMMIT');
    await face.wake('acme');
    await face.tick();
    expect(seen).toEqual(['acme:kept']);
  });

  test('F7: an enqueue wakes its tenant; not in a transaction, nor with wake: false', async () => {
    const face = await place.fleet(['acme'], {
      handlers: noting().handlers,
      schedule: { idleCeilingMs: 'never' },
    });
    await face.tick();
    const outbox = face.outbox('acme');
    const transaction = place.connection('tenants/acme.db');
    transaction.exec('BEGIN IMMEDIATE');
    await outbox.enqueue({ topic: 'orders', payload: 1 }, { transaction });
    transaction.exec('COMMIT');
    await outbox.enqueue({ topic: 'orders', payload: 1 }, { wake: false });
    expect((await face.plan()).requests).toEqual([]);
    await outbox.enqueue({ topic: 'orders', payload: 1 });
    expect((await face.plan()).requests).toMatchObject([{ tenantId: 'acme', reason: 'wake' }]);
  });

  test('F7: with `wake` and a transaction the tenant is woken after the commit, once', async () => {
    const face = await place.fleet(['acme'], {
      handlers: noting().handlers,
      schedule: { idleCeilingMs: 'never' },
    });
    await face.tick();
    const [outbox, inbox] = [face.outbox('acme'), face.inbox('acme')];
    const wakes = jest.spyOn(SqliteRegistry.prototype, 'wake');
    const transaction = place.connection('tenants/acme.db');
    const joined = { transaction, wake: true };
    transaction.exec('BEGIN IMMEDIATE');
    for (const payload of [1, 2, 3]) await outbox.enqueue({ topic: 'orders', payload }, joined);
    expect((await face.plan()).requests).toEqual([]);
    transaction.exec('COMMIT');
    const woken = async () => {
      const [request] = (await face.plan()).requests;
      // Until its run reports, the tenant is in flight, and no plan shows a wake.
      if (request) await face.dispatch(request);
      return request?.reason === 'wake';
    };
    await until('it is woken', woken);
    expect(wakes).toHaveBeenCalledTimes(1);
    // The next transaction wakes again, and the inbox does the same.
    transaction.exec('BEGIN IMMEDIATE');
    await inbox.receive({ source: 'shop', messageId: '1', topic: 'orders', payload: 1 }, joined);
    transaction.exec('COMMIT');
    await until('it is woken', woken);
    expect(wakes).toHaveBeenCalledTimes(2);
  });

  test('F7: a producer that begins its next transaction at once wakes the tenant after each commit, not after a rollback', async () => {
    const face = await place.fleet(['acme'], {
      handlers: noting().handlers,
      schedule: { idleCeilingMs: 'never' },
    });
    await face.tick();
    const outbox = face.outbox('acme');
    const wakes = jest.spyOn(SqliteRegistry.prototype, 'wake');
    const transaction = place.connection('tenants/acme.db');
    transaction.exec('BEGIN IMMEDIATE');
    for (const [times, end] of [
      [0, 'ROLLBACK'],
      [1, 'COMMIT'],
      [1, 'ROLLBACK'],
      [2, 'COMMIT'],
    ] as const) {
      for (const payload of [1, 2]) {
        await outbox.enqueue({ topic: 'orders', payload }, { transaction, wake: true });
      }
      transaction.exec(`${end}; BEGIN IMMEDIATE`);
      await until('it is woken', () => wakes.mock.calls.length >= times);
    }
    // The last one is rolled back, and the next one shows that the rollback was detected.
    await outbox.enqueue({ topic: 'orders', payload: 1 }, { transaction, wake: true });
    transaction.exec('ROLLBACK; BEGIN IMMEDIATE');
    await outbox.enqueue({ topic: 'orders', payload: 1 }, { transaction, wake: true });
    transaction.exec('COMMIT');
    await until('it is woken', () => wakes.mock.calls.length >= 3);
    expect(wakes).toHaveBeenCalledTimes(3);
  });

  test('F7, T4: what a handler stores with `wake` in its own transaction makes the tenant due', async () => {
    const seen: string[] = [];
    const handler = defineHandler({
      topic: 'orders',
      async handle({ payload }, { transaction }) {
        seen.push(payload);
        if (seen.length > 1) return;
        await transaction(async ({ driver }) => {
          await outbox.enqueue({ topic: 'orders', payload: '2' }, { transaction: driver, wake: true });
        });
      },
    });
    const face = await place.fleet(['acme'], { handlers: [handler], schedule: { idleCeilingMs: 'never' } });
    const outbox = face.outbox('acme');
    await outbox.enqueue({ topic: 'orders', payload: '1' });
    await until('it is dispatched', async () => {
      await face.tick();
      return seen.length === 2;
    });
    expect(seen).toEqual(['1', '2']);
  });

  test('F5: a message of a producer that uses only SQL is found by the next run, within the ceiling', async () => {
    const ceilingMs = 400;
    const { seen, handlers } = noting();
    const face = await place.fleet(['acme'], {
      handlers,
      plan: { intervalMs: 10 },
      schedule: { idleFloorMs: 50, idleCeilingMs: ceilingMs },
    });
    const producer = place.connection('tenants/acme.db');
    const looks: (string | null)[] = [];
    const stop = new AbortController();
    const running = face.run({
      signal: stop.signal,
      onRun: ({ report }) => {
        if (report) looks.push(`${report.reason} ${report.outcome}`);
      },
    });
    const schedule = async () => (await face.tenants.get('acme')).schedule;
    await until('its interval has grown to the ceiling', async () => (await schedule()).idleStreak >= 4);
    const before = looks.length;
    producer.exec("INSERT INTO Outbox (Topic, Payload) VALUES ('orders', 'x')");
    // By the registry's clock. During a run the tenant's due time serves only to replace a lost run.
    await until('it is due within the ceiling', async () => {
      const { nextDueUtc, lastRunUtc } = await schedule();
      return nextDueUtc!.getTime() - lastRunUtc!.getTime() <= ceilingMs;
    });
    await until('it is served', () => seen.includes('acme:x'));
    stop.abort();
    await running;
    // No wake occurred. The next run found the message, or the run after that if a run was in flight.
    const after = looks.slice(before);
    expect(after.filter((look) => look === 'due idle').length).toBeLessThanOrEqual(1);
    expect(after).toContain('due dispatched');
  });

  test('F7: a message that is stored is not reported as failed because its wake did not get through', async () => {
    const logger = recordingLogger();
    const face = await place.fleet(['acme'], { logger, sqlite: { busyTimeoutMs: 20 } });
    const outbox = face.outbox('acme');
    await outbox.statistics();
    const blocker = place.connection('registry.db');
    blocker.exec('BEGIN IMMEDIATE');
    expect(await outbox.enqueue({ topic: 'orders', payload: 1 })).toMatchObject({ status: 'enqueued' });
    blocker.exec('ROLLBACK');
    expect(await outbox.statistics()).toMatchObject({ ready: 1 });
    expect(logger.lines).toMatchObject([
      { level: 'warn', fields: { tenantId: 'acme', error: { code: 'DATABASE_LOCKED' } } },
    ]);
  });

  test('F9: unknown ids raise an error that names the id, at the first call', async () => {
    const face = await place.fleet(['acme'], { handlers: noting().handlers });
    const unknown = {
      code: 'UNKNOWN_TENANT',
      tenantId: 'nobody',
      message: expect.stringContaining("'nobody'"),
    };
    await expect(face.outbox('nobody').enqueue({ topic: 't', payload: 1 })).rejects.toMatchObject(unknown);
    await expect(face.outbox('nobody').statistics()).rejects.toMatchObject(unknown);
    await expect(face.leases('nobody').list()).rejects.toMatchObject(unknown);
    await expect(face.dispatch({ tenantId: 'nobody' })).rejects.toMatchObject(unknown);
    await expect(face.wake('nobody')).rejects.toMatchObject(unknown);
    await expect(face.tenants.get('nobody')).rejects.toMatchObject(unknown);
    await expect(face.tenants.pause('nobody')).rejects.toMatchObject({ code: 'UNKNOWN_TENANT' });
  });

  test('F9: the same id gives the same instance until its configuration changes', async () => {
    const face = await place.fleet(['acme']);
    const outbox = face.outbox('acme');
    await outbox.statistics();
    expect(face.outbox('acme')).toBe(outbox);
    await face.tenants.change({ id: 'acme', priority: 5 });
    expect(face.outbox('acme')).not.toBe(outbox);
  });

  test('F9: an outbox that nobody holds leaves memory, also that of an id of no tenant', async () => {
    const face = await place.fleet(['acme']);
    const held = face.outbox('acme');
    const others: WeakRef<object>[] = [];
    for (let nth = 0; nth < 100; nth++) {
      const outbox = face.outbox(`nobody-${nth}`);
      others.push(new WeakRef(outbox));
      // It is refused before the tenant is looked up.
      await outbox.enqueue({ topic: '', payload: 1 }).catch(() => {});
    }
    await new Promise((resolve) => setImmediate(resolve));
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    (runInNewContext('gc') as () => void)();
    expect(others.filter((each) => each.deref() !== undefined).length).toBeLessThanOrEqual(10);
    expect(face.outbox('acme')).toBe(held);
  });

  test('Q13: dead letters are listed, counted, replayed and discarded; the tenant is woken', async () => {
    let broken = true;
    const { seen, handlers } = noting(() => {
      if (broken) throw new PermanentError('broken');
    });
    const face = await place.fleet(['acme'], { handlers, schedule: { idleCeilingMs: 'never' } });
    const { enqueue } = face.outbox('acme');
    const { messages } = face;
    const dead = { tenantId: 'acme', filter: { states: ['dead'] } } as const;
    await enqueue(['1', '2', '3'].map((payload) => ({ topic: 'orders', payload })));
    await face.tick();
    expect(await messages.count(dead)).toEqual({ count: 3, cut: null });
    const page = await messages.list({ ...dead, limit: 2 });
    const [first, second] = page.messages.map(({ messageId }) => messageId);
    expect((await messages.list({ ...dead, cursor: page.cursor! })).messages).toHaveLength(1);
    expect(await messages.show({ tenantId: 'acme', messageId: first! })).toMatchObject({ payload: '1' });
    const act = async (name: 'replay' | 'discard', messageId: string) =>
      (await messages.act({ tenantId: 'acme', act: name, messages: [messageId] })).changed;
    broken = false;
    expect(await act('replay', first!)).toEqual([first]);
    expect((await face.tick()).runs).toMatchObject([{ reason: 'wake', counts: { done: 1 } }]);
    expect(await act('discard', second!)).toEqual([second]);
    const { operation, counted } = await face.operations.create({
      act: 'replay',
      filter: { topic: 'ORDERS' },
    });
    const tenants = [{ tenantId: 'acme', count: 1, atLeast: false }];
    expect(counted).toEqual({ counted: 1, atLeast: false, tenants, failures: [] });
    expect(await face.operations.resume(operation.id)).toMatchObject({ state: 'done', changed: 1 });
    expect(await messages.count(dead)).toEqual({ count: 0, cut: null });
    await face.tick();
    expect(seen.slice(3)).toEqual(['acme:1', 'acme:3']);
  });
});
